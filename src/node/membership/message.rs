//! What members tell each other, as bytes (`postcard`): docs/membership-format.md.
//!
//! A message is its version, what it is, and rumours up to its end. All of it is checked before any of it counts.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::port::Address;

const VERSION: u8 = 1;
/// Incarnations are below this: there is always a next one.
pub(super) const END: u64 = 1 << 63;
/// Nobody is called this.
pub(super) const NOBODY: u64 = u64::MAX;
/// The most bytes before the rumours: version, kind, two numbers and a flag.
pub(super) const HEAD: usize = 2 + 10 + 10 + 1;

/// What a message is, beside the rumours that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Are you there?
    Ping { seq: u32 },
    /// Is that one there?
    Ask { seq: u32, target: u64 },
    /// Yes: to a ping, or to the question whether another one is there.
    Ack { seq: u32 },
    /// The other one has not answered so far.
    Nack { seq: u32 },
    /// News alone.
    Gossip,
    /// What do you know of all with this number or a larger one? `back`: and ask me, too. Unless you know the same:
    /// `sum` is that of all that take part, 0 if that does not matter.
    Pull { from: u64, back: bool, sum: u64 },
    /// What is known of all from `from` up to the last of its rumours, which stand in rising order; `more`: and there
    /// is more behind it.
    Page { from: u64, more: bool },
}

/// What is said of a member. Of two rumours that with the larger incarnation counts, and of the same incarnation
/// that which stands lower here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What<'a> {
    Alive {
        #[serde(borrow)]
        address: &'a [u8],
        #[serde(borrow)]
        meta: &'a [u8],
    },
    /// It did not answer `by`.
    Suspect { by: u64 },
    /// It did not object to that in time, `by` found.
    Dead { by: u64 },
    /// It said that it goes.
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rumour<'a> {
    pub id: u64,
    pub incarnation: u64,
    #[serde(borrow)]
    pub what: What<'a>,
}

impl Rumour<'_> {
    fn is_sound(&self) -> bool {
        let what = match self.what {
            What::Alive { address, .. } => address.len() <= Address::MAX,
            What::Suspect { by } | What::Dead { by } => by != NOBODY,
            What::Left => true,
        };
        what && self.id != NOBODY && self.incarnation < END
    }
}

/// The most bytes of a rumour of a member with so many of its own.
pub(super) const fn most(meta: usize) -> usize {
    // A number of 64 bits takes ten bytes at most, a length here two.
    10 + 10 + 1 + (1 + Address::MAX) + (2 + meta)
}

/// A message that is sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub kind: Kind,
    rumours: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that these bytes are. [`Error::NodeFormat`], [`Error::NodeVersion`].
    pub fn decode(bytes: &'a [u8]) -> Result<Message<'a>> {
        let bad = |_| Error::NodeFormat;
        let (version, rest) = bytes.split_first().ok_or(Error::NodeFormat)?;
        if *version != VERSION {
            return Err(Error::NodeVersion);
        }
        let (kind, rumours) = postcard::take_from_bytes(rest).map_err(bad)?;
        let sound = match kind {
            Kind::Ask { target, .. } => target != NOBODY,
            Kind::Pull { from, .. } | Kind::Page { from, .. } => from != NOBODY,
            Kind::Ping { .. } | Kind::Ack { .. } | Kind::Nack { .. } | Kind::Gossip => true,
        };
        let mut rest = rumours;
        // The least number that may come next.
        let mut least = if let Kind::Page { from, .. } = kind { Some(from) } else { None };
        while !rest.is_empty() {
            let (rumour, tail) = postcard::take_from_bytes::<Rumour<'_>>(rest).map_err(bad)?;
            if !rumour.is_sound() || least.is_some_and(|least| rumour.id < least) {
                return Err(Error::NodeFormat);
            }
            // Not the largest of numbers, or it would not be sound.
            least = least.map(|_| rumour.id + 1);
            rest = tail;
        }
        // Else there would be no next question.
        let ends = rumours.is_empty() || least == Some(NOBODY);
        let sound = sound && !(ends && matches!(kind, Kind::Page { more: true, .. }));
        if sound { Ok(Message { kind, rumours }) } else { Err(Error::NodeFormat) }
    }

    pub fn rumours(&self) -> impl Iterator<Item = Rumour<'a>> + use<'a> {
        let mut rest = self.rumours;
        core::iter::from_fn(move || {
            // What was checked does not fail.
            let (rumour, tail) = postcard::take_from_bytes(rest).ok()?;
            rest = tail;
            Some(rumour)
        })
    }
}

/// A message in the making, in the first bytes of a buffer.
pub(super) struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut [u8], kind: Kind) -> Result<Writer<'o>> {
        let mut writer = Writer { out, len: 0 };
        let done = writer.put(&VERSION) && writer.put(&kind);
        if done { Ok(writer) } else { Err(Error::BufferTooSmall) }
    }

    /// Whether it fitted; nothing is written else.
    pub fn put(&mut self, value: &impl Serialize) -> bool {
        let place = self.out.get_mut(self.len..).unwrap_or_default();
        let written = postcard::to_slice(value, place).map(|bytes| bytes.len());
        self.len += *written.as_ref().unwrap_or(&0);
        written.is_ok()
    }

    /// Writes the head again, which is as long as before.
    pub fn set_kind(&mut self, kind: Kind) {
        let end = core::mem::replace(&mut self.len, 1);
        self.put(&kind);
        self.len = end;
    }

    pub fn len(&self) -> usize {
        self.len
    }
}
