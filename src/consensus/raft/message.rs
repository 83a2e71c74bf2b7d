//! Messages as bytes, and back: docs/raft-format.md.

use super::config::RaftConfig;
use super::log::{HEAD as ENTRY_HEAD, head_of};
use super::members::Members;
use super::parts;
use super::sessions::client_of;
use super::types::{EntryKind, MOST};
use crate::error::{Error, Result};

const VERSION: u8 = 1;
/// Bytes that every message begins with.
const HEAD: usize = 28;
/// Most numbers of a message.
const NUMBERS: usize = 5;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum What {
    /// Last index, its term.
    PreVote = 1,
    /// The term that was asked for.
    PreVoteReply = 2,
    /// Last index, its term.
    Vote = 3,
    VoteReply = 4,
    /// Pass, index before the entries, its term, commit, term of the entries; the entries.
    Append = 5,
    /// Pass; up to where the log is durable, and up to where it was received; nothing. With `NO`: pass,
    /// index before the entries, where the logs may meet, its term.
    AppendReply = 6,
    /// Pass, what the leader believes to be durable, commit, round, time.
    Heartbeat = 7,
    /// Pass, up to where the log was received, round, time.
    HeartbeatReply = 8,
    /// Pass, index and term of the snapshot, offset, bytes of the whole; at offset 0 membership and clients; bytes.
    Snapshot = 9,
    /// Pass, index, offset of what is needed next. With `YES`: it is installed.
    SnapshotReply = 10,
    Timeout = 11,
    /// Number of the question.
    Read = 12,
    /// Number of the question, index. With `YES`: it is an answer.
    ReadReply = 13,
    /// Number of the question, client, sequence; data.
    Propose = 14,
    /// Number of the question, index, error.
    ProposeReply = 15,
}

/// The answer is yes.
pub(super) const YES: u8 = 1;
/// The answer is no.
pub(super) const NO: u8 = 2;
/// The leader has asked for this election.
pub(super) const FORCE: u8 = 4;
/// No answer is wanted.
pub(super) const QUIET: u8 = 8;

impl What {
    fn from_code(code: u8) -> Option<What> {
        use What::*;
        const ALL: [What; 15] = [
            PreVote,
            PreVoteReply,
            Vote,
            VoteReply,
            Append,
            AppendReply,
            Heartbeat,
            HeartbeatReply,
            Snapshot,
            SnapshotReply,
            Timeout,
            Read,
            ReadReply,
            Propose,
            ProposeReply,
        ];
        ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }

    /// How many numbers it has, and which of them are terms and indices, by bits.
    const fn numbers(self) -> (usize, u8) {
        match self {
            What::VoteReply | What::Timeout => (0, 0),
            What::PreVoteReply => (1, 0b1),
            What::Read => (1, 0),
            What::PreVote | What::Vote => (2, 0b11),
            What::ReadReply => (2, 0b10),
            What::ProposeReply => (3, 0b10),
            What::SnapshotReply => (3, 0b110),
            What::Propose => (3, 0),
            What::AppendReply => (4, 0b1110),
            What::HeartbeatReply => (4, 0b10),
            What::Append => (5, 0b11110),
            What::Heartbeat => (5, 0b00110),
            What::Snapshot => (5, 0b11110),
        }
    }

    /// The flags that it may have.
    const fn flags(self) -> u8 {
        match self {
            What::PreVoteReply | What::VoteReply => YES | NO,
            What::SnapshotReply | What::ReadReply => YES,
            What::AppendReply => NO,
            What::Vote => FORCE,
            What::Heartbeat => QUIET,
            _ => 0,
        }
    }

    /// Whether flags can be those of this kind: an answer to a candidate is yes or no.
    fn fits(self, flags: u8) -> bool {
        let either = matches!(self, What::PreVoteReply | What::VoteReply);
        flags & !self.flags() == 0 && (!either || flags.is_power_of_two())
    }

    const fn has_tail(self) -> bool {
        matches!(self, What::Append | What::Snapshot | What::Propose)
    }

    /// Bytes before what follows the numbers.
    pub const fn len(self) -> usize {
        HEAD + 8 * self.numbers().0
    }
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub what: What,
    pub flags: u8,
    pub from: u64,
    pub to: u64,
    pub term: u64,
    /// Those that it does not have are 0.
    pub numbers: [u64; NUMBERS],
    pub tail: &'a [u8],
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl<'a> Message<'a> {
    /// What bytes say.
    pub fn decode(bytes: &'a [u8]) -> Result<Message<'a>> {
        let [version, what, flags, zero] = *bytes.first_chunk().ok_or(Error::RaftFormat)?;
        if version != VERSION {
            return Err(Error::RaftVersion);
        }
        let message = Message::parse(bytes, what, flags).ok_or(Error::RaftFormat)?;
        let (count, bounded) = message.what.numbers();
        let too_much = |at: usize| {
            bounded >> at & 1 == 1 && message.numbers.get(at).is_some_and(|n| *n > MOST)
        };
        let fine = zero == 0
            && message.what.fits(flags)
            && message.term <= MOST
            && !(0..count).any(too_much)
            && (message.what.has_tail() || message.tail.is_empty());
        if fine { Ok(message) } else { Err(Error::RaftFormat) }
    }

    fn parse(bytes: &'a [u8], what: u8, flags: u8) -> Option<Message<'a>> {
        let what = What::from_code(what)?;
        let mut numbers = [0; NUMBERS];
        for (at, place) in numbers.iter_mut().take(what.numbers().0).enumerate() {
            *place = number(bytes, HEAD + 8 * at)?;
        }
        Some(Message {
            what,
            flags,
            from: number(bytes, 4)?,
            to: number(bytes, 12)?,
            term: number(bytes, 20)?,
            numbers,
            tail: bytes.get(what.len()..)?,
        })
    }
}

/// Writes a message but for its tail: kind and flags; sender, receiver and term; its numbers. Where the tail
/// begins; 0 if there is no room.
pub(super) fn write(
    place: &mut [u8],
    (what, flags): (What, u8),
    ids: [u64; 3],
    numbers: &[u64],
) -> usize {
    let len = what.len();
    let Some((first, rest)) = place.get_mut(..len).and_then(|place| place.split_first_chunk_mut())
    else {
        return 0;
    };
    *first = [VERSION, what as u8, flags, 0];
    let all = ids.iter().chain(numbers);
    for (place, value) in rest.as_chunks_mut::<8>().0.iter_mut().zip(all) {
        *place = value.to_le_bytes();
    }
    len
}

/// To whom a message goes.
pub(super) fn receiver(bytes: &[u8]) -> u64 {
    number(bytes, 12).unwrap_or(0)
}

/// The entries of a message: kind and data of each.
#[derive(Clone)]
pub(super) struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    /// Entries, and how many. Refused as a whole if any is not one, or not for a node of this configuration.
    pub fn check(bytes: &'a [u8], config: &RaftConfig) -> Result<(Entries<'a>, u64)> {
        let (mut rest, mut count) = (bytes, 0);
        while !rest.is_empty() {
            let (kind, len) = head_of(rest).ok_or(Error::RaftFormat)?;
            let kind = EntryKind::from_code(kind).ok_or(Error::RaftFormat)?;
            let (entry, behind) =
                rest.split_at_checked(ENTRY_HEAD + len).ok_or(Error::RaftFormat)?;
            check_entry(kind, entry.get(ENTRY_HEAD..).unwrap_or_default(), config)?;
            (rest, count) = (behind, count + 1);
        }
        Ok((Entries(bytes), count))
    }
}

/// Whether data can be that of an entry of this kind, for a node of this configuration.
pub(super) fn check_entry(kind: EntryKind, data: &[u8], config: &RaftConfig) -> Result<()> {
    let fits = match kind {
        EntryKind::Empty | EntryKind::Leave => data.is_empty(),
        EntryKind::Hollow => data.is_empty() && parts::WITNESS && config.witness,
        EntryKind::Session if !parts::SESSIONS => return Err(Error::Unsupported),
        EntryKind::Session => client_of(data).is_some(),
        EntryKind::Members => {
            Members::check(data, config.peers)?;
            true
        }
        EntryKind::Data => true,
    };
    if fits && data.len() <= config.longest() { Ok(()) } else { Err(Error::RaftFormat) }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (EntryKind, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(EntryKind, &'a [u8])> {
        let (kind, len) = head_of(self.0)?;
        let (entry, rest) = self.0.split_at_checked(ENTRY_HEAD + len)?;
        self.0 = rest;
        Some((EntryKind::from_code(kind)?, entry.get(ENTRY_HEAD..)?))
    }
}

/// What stands in front of a snapshot's first chunk: lengths of membership and clients.
pub(super) const META: usize = 6;

/// Membership, clients, chunk.
pub(super) fn split_meta(tail: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let ([a, b, c, d, e, f], rest) = tail.split_first_chunk::<META>()?;
    let members = u16::from_le_bytes([*a, *b]) as usize;
    let sessions = u32::from_le_bytes([*c, *d, *e, *f]) as usize;
    let (members, rest) = rest.split_at_checked(members)?;
    let (sessions, rest) = rest.split_at_checked(sessions)?;
    Some((members, sessions, rest))
}

/// The lengths as bytes.
pub(super) fn meta(members: usize, sessions: usize) -> [u8; META] {
    let [a, b] = (members as u16).to_le_bytes();
    let [c, d, e, f] = (sessions as u32).to_le_bytes();
    [a, b, c, d, e, f]
}

#[cfg(test)]
impl Message<'_> {
    pub fn encode(&self, place: &mut [u8]) -> Result<usize> {
        let ids = [self.from, self.to, self.term];
        match write(place, (self.what, self.flags), ids, &self.numbers) {
            0 => Err(Error::BufferTooSmall),
            len => Ok(len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            code in 1u8..16, from: u64, to: u64, term in 0..=MOST,
            numbers in prop::array::uniform5(0..=MOST), tail in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let what = What::from_code(code).unwrap();
            let flags = if what.flags() == YES | NO { [YES, NO][from as usize % 2] } else { what.flags() };
            let message = Message { what, flags, from, to, term, numbers, tail: &[] };
            let mut bytes = [0; 100];
            let len = message.encode(&mut bytes).unwrap();
            prop_assert_eq!(len, what.len());
            bytes[len..len + tail.len()].copy_from_slice(&tail);
            let whole = &bytes[..len + if what.has_tail() { tail.len() } else { 0 }];
            let read = Message::decode(whole).unwrap();
            prop_assert_eq!((read.what, read.flags, read.from, read.to, read.term), (what, flags, from, to, term));
            let count = what.numbers().0;
            prop_assert_eq!(&read.numbers[..count], &numbers[..count]);
            prop_assert_eq!(read.tail, &whole[len..]);
            for short in 0..len {
                prop_assert_eq!(Message::decode(&whole[..short]).err(), Some(Error::RaftFormat));
            }
        }

        #[test]
        fn nothing_breaks_the_decoders(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
            let _ = split_meta(&bytes);
            if let Ok((entries, count)) = Entries::check(&bytes, &RaftConfig::default()) {
                prop_assert_eq!(entries.count() as u64, count);
            }
        }
    }

    #[test]
    fn absurd_numbers_are_refused() {
        let message = Message {
            what: What::Append,
            flags: 0,
            from: 1,
            to: 2,
            term: 3,
            numbers: [0, 5, 3, 4, 3],
            tail: &[],
        };
        let mut bytes = [0; 68];
        message.encode(&mut bytes).unwrap();
        Message::decode(&bytes).unwrap();
        let votes = |flags| {
            let what = What::VoteReply;
            let reply =
                Message { what, flags, from: 1, to: 2, term: 3, numbers: [0; 5], tail: &[] };
            let mut bytes = [0; 28];
            reply.encode(&mut bytes).unwrap();
            Message::decode(&bytes).is_ok()
        };
        assert_eq!([0, YES, NO, YES | NO].map(votes), [false, true, true, false]);
        for (at, value) in
            [(0, 2), (1, 0), (1, 16), (2, 1), (3, 1), (27, 0xff), (43, 0xff), (67, 0xff)]
        {
            let mut bad = bytes;
            bad[at] = value;
            assert!(Message::decode(&bad).is_err(), "{at}");
        }
    }
}
