//! What auctions tell each other, as bytes (`postcard`): docs/auction-format.md.
//!
//! A message is a head, then claims in rising order of tasks, then stamps in rising order of agents. All
//! of it is checked before any of it counts.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const VERSION: u8 = 1;
/// Stamps and rounds are below this: there is always a next one.
const END: u64 = 1 << 63;
/// Nobody has the task.
pub(crate) const NOBODY: u64 = u64::MAX;

/// What kind of auction it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Bundles,
    Prices,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    version: u8,
    pub kind: Kind,
    pub auction: u64,
    pub sender: u64,
    /// Which of its messages this is, from 1 on.
    pub stamp: u64,
    /// In an auction of prices: they begin anew with each round. Else 0.
    pub round: u64,
    pub claims: u32,
    pub stamps: u32,
}

/// Who has a task, as the sender believes. In a price auction: who offered its price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub task: u64,
    pub winner: u64,
    pub bid: f32,
}

/// How new what the sender knows of an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub agent: u64,
    pub stamp: u64,
}

/// The most bytes of a message.
pub(super) const fn most(claims: usize, stamps: usize) -> usize {
    // A number of 64 bits takes ten bytes at most, one of 32 five.
    let head: usize = 2 + 4 * 10 + 2 * 5;
    head.saturating_add(claims.saturating_mul(24)).saturating_add(stamps.saturating_mul(20))
}

/// A message that is sound.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub head: Head,
    claims: &'a [u8],
    stamps: &'a [u8],
}

/// The next of a list; what was checked once does not fail.
fn next<'a, T: Deserialize<'a>>(rest: &mut &'a [u8], left: &mut u32) -> Option<T> {
    *left = left.checked_sub(1)?;
    let (value, tail) = postcard::take_from_bytes(rest).ok()?;
    *rest = tail;
    Some(value)
}

impl<'a> Message<'a> {
    /// The message that these bytes are. [`Error::TaskFormat`] if they are none, of another version, or
    /// say more than `claims` and `stamps` allow.
    pub fn decode(
        bytes: &'a [u8],
        kind: Kind,
        claims: usize,
        stamps: usize,
    ) -> Result<Message<'a>> {
        let bad = |_| Error::TaskFormat;
        let (head, rest) = postcard::take_from_bytes::<Head>(bytes).map_err(bad)?;
        let fits = head.claims as usize <= claims && head.stamps as usize <= stamps;
        let numbers = head.sender != NOBODY
            && (1..END).contains(&head.stamp)
            && head.round < if kind == Kind::Prices { END } else { 1 };
        if head.version != VERSION || head.kind != kind || !numbers || !fits {
            return Err(Error::TaskFormat);
        }
        let (from, mut rest) = (rest, rest);
        let mut last = None;
        for _ in 0..head.claims {
            let (claim, tail) = postcard::take_from_bytes::<Claim>(rest).map_err(bad)?;
            let most = if claim.winner == NOBODY { 0.0 } else { f32::MAX };
            let bid = (0.0..=most).contains(&claim.bid);
            if !bid || last.is_some_and(|last| last >= claim.task) {
                return Err(Error::TaskFormat);
            }
            (last, rest) = (Some(claim.task), tail);
        }
        let stamps = rest;
        let claims = &from[..from.len() - rest.len()];
        let mut last = None;
        for _ in 0..head.stamps {
            let (stamp, tail) = postcard::take_from_bytes::<Stamp>(rest).map_err(bad)?;
            let order = last.is_none_or(|last| last < stamp.agent) && stamp.agent != head.sender;
            if !order || stamp.agent == NOBODY || !(1..END).contains(&stamp.stamp) {
                return Err(Error::TaskFormat);
            }
            (last, rest) = (Some(stamp.agent), tail);
        }
        if rest.is_empty() { Ok(Message { head, claims, stamps }) } else { Err(Error::TaskFormat) }
    }

    pub fn claims(&self) -> impl Iterator<Item = Claim> + 'a {
        let (mut rest, mut left) = (self.claims, self.head.claims);
        core::iter::from_fn(move || next(&mut rest, &mut left))
    }

    pub fn stamps(&self) -> impl Iterator<Item = Stamp> + 'a {
        let (mut rest, mut left) = (self.stamps, self.head.stamps);
        core::iter::from_fn(move || next(&mut rest, &mut left))
    }
}

/// Writes a message, whose head has the right counts; how many bytes.
pub(super) fn encode(
    out: &mut [u8],
    (kind, auction, round): (Kind, u64, u64),
    (sender, stamp): (u64, u64),
    claims: impl ExactSizeIterator<Item = Claim>,
    stamps: impl Iterator<Item = Stamp> + Clone,
) -> Result<usize> {
    let mut at = 0;
    let (claim_count, stamp_count) = (claims.len() as u32, stamps.clone().count() as u32);
    let (version, claims, stamps) = (VERSION, (claim_count, claims), (stamp_count, stamps));
    let head =
        Head { version, kind, auction, sender, stamp, round, claims: claims.0, stamps: stamps.0 };
    let (mut claims, mut stamps) = (claims.1, stamps.1);
    put(out, &mut at, &head)?;
    claims.try_for_each(|claim| put(out, &mut at, &claim))?;
    stamps.try_for_each(|stamp| put(out, &mut at, &stamp))?;
    Ok(at)
}

fn put(out: &mut [u8], at: &mut usize, value: &impl Serialize) -> Result<()> {
    let place = out.get_mut(*at..).ok_or(Error::BufferTooSmall)?;
    *at += postcard::to_slice(value, place).map_err(|_| Error::BufferTooSmall)?.len();
    Ok(())
}
