//! What missions say, inside requests: docs/node-format.md.

use super::types::{Offer, is_work};
use crate::error::{Error, Result};
use crate::node::bytes::Writer;
use crate::node::requests::MOST_METHOD;

/// What a request is about: an offer, or a task.
pub(super) const OFFER: &[u8] = b"o";
pub(super) const WORK: &[u8] = b"w";

/// Of a task: the mission's number, the task's place in it, its work, the length of its method.
pub(super) const WORK_HEAD: usize = 8 + 4 + 4 + 1;
/// An offer: skills, speed, energy, slots, and the work that waits.
pub(super) const OFFER_LEN: usize = 8 + 4 + 4 + 2 + 4;
/// Of an answer to a task: how it went, an offer.
pub(super) const ANSWER_HEAD: usize = 1 + OFFER_LEN;

/// The most work that waits somewhere, as far as it is told.
const MOST_WAITS: f32 = 1e12;

/// How a task went.
pub(super) const DONE: u8 = 1;
pub(super) const FAILED: u8 = 2;

/// A task that is given to a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work<'a> {
    pub mission: u64,
    pub task: u32,
    pub work: f32,
    pub method: &'a [u8],
    pub message: &'a [u8],
}

impl<'a> Work<'a> {
    /// Into a buffer with room for it: how many bytes.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let mut writer = Writer::new(out);
        writer.put(&self.mission.to_le_bytes());
        writer.put(&self.task.to_le_bytes());
        writer.put(&self.work.to_bits().to_le_bytes());
        // No longer than 64.
        writer.put(&[self.method.len() as u8]);
        writer.put(self.method);
        writer.put(self.message);
        writer.len
    }

    pub fn read(bytes: &'a [u8]) -> Result<Work<'a>> {
        let mut reader = Reader(bytes);
        let (mission, task) =
            (u64::from_le_bytes(reader.take()?), u32::from_le_bytes(reader.take()?));
        let work = f32::from_bits(u32::from_le_bytes(reader.take()?));
        let [len] = reader.take()?;
        let (method, message) = reader.0.split_at_checked(len.into()).ok_or(Error::NodeFormat)?;
        let good = is_work(work) && (1..=MOST_METHOD).contains(&method.len());
        if good {
            Ok(Work { mission, task, work, method, message })
        } else {
            Err(Error::NodeFormat)
        }
    }
}

/// What a member offers, and the work that waits there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub offer: Offer,
    pub waits: f32,
}

impl Told {
    pub fn write(&self, writer: &mut Writer<'_>) {
        let Offer { skills, speed, energy, slots } = self.offer;
        writer.put(&skills.to_le_bytes());
        writer.put(&speed.to_bits().to_le_bytes());
        writer.put(&energy.to_bits().to_le_bytes());
        writer.put(&slots.to_le_bytes());
        writer.put(&self.waits.min(MOST_WAITS).to_bits().to_le_bytes());
    }

    pub fn read(bytes: &[u8]) -> Result<Told> {
        let mut reader = Reader(bytes);
        let skills = u64::from_le_bytes(reader.take()?);
        let speed = f32::from_bits(u32::from_le_bytes(reader.take()?));
        let energy = f32::from_bits(u32::from_le_bytes(reader.take()?));
        let slots = u16::from_le_bytes(reader.take()?);
        let waits = f32::from_bits(u32::from_le_bytes(reader.take()?));
        let offer = Offer { skills, speed, energy, slots };
        let good = offer.check().is_ok() && (0.0..=MOST_WAITS).contains(&waits);
        if good { Ok(Told { offer, waits }) } else { Err(Error::NodeFormat) }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Error::NodeFormat)?;
        self.0 = rest;
        Ok(*first)
    }
}
