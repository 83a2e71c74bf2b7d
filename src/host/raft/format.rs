//! The bytes of the files: docs/raft-storage.md.

use std::vec::Vec;

use crate::consensus::raft::{EntryKind, NodeId, Record};
use crate::crdt::record::Sum32;
use crate::error::{Error, Result};

/// What a segment begins with.
const MAGIC: [u8; 8] = *b"NSWRAFT\0";
/// What the file with the number of the newest segment begins with.
const NEWEST_MAGIC: [u8; 8] = *b"NSWRNEW\0";
const VERSION: u32 = 1;

/// Bytes of a segment's header.
pub(super) const HEADER: usize = 8 + 4 + 4 + NUMBERS * 8 + 4;
const NUMBERS: usize = 10;
/// Bytes of the file with the number of the newest segment.
pub(super) const NEWEST: usize = 8 + 4 + 4 + 8 + 8 + 4;
/// Bytes in front of a record's body: its length, the body's sum, and a sum of both.
pub(super) const HEAD: usize = 12;
/// Longest body of a record: a snapshot's with all clients that there may be is shorter.
pub(super) const MOST: usize = 1 << 26;

const STATE: u8 = 1;
const ENTRY: u8 = 2;
const COMMIT: u8 = 3;
const SNAPSHOT: u8 = 4;
const MARK: u8 = 5;

/// What a segment says of itself and of all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub node: u64,
    pub segment: u64,
    pub salt: u64,
    pub before: Before,
}

/// What the records before a segment make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
    /// The last entry of the snapshot and of the log, each with its term.
    pub snapshot: (u64, u64),
    pub last: (u64, u64),
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = Sum32::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.value()
}

/// Bytes with a magic, a version and numbers, and their sum.
pub(super) fn seal(magic: [u8; 8], numbers: &[u64]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(sum(&[&bytes]).to_le_bytes());
    bytes
}

/// The numbers in such bytes.
///
/// # Errors
/// [`Error::RaftLost`] for what is damaged, [`Error::HostFile`] for a later version.
pub(super) fn unseal<const N: usize>(magic: [u8; 8], bytes: &[u8]) -> Result<[u64; N]> {
    let (held, told) = bytes.split_last_chunk::<4>().ok_or(Error::RaftLost)?;
    if held.get(..8) != Some(&magic) || sum(&[held]) != u32::from_le_bytes(*told) {
        return Err(Error::RaftLost);
    }
    if word(held, 8) != Some(VERSION) || word(held, 12) != Some(0) {
        return Err(Error::HostFile);
    }
    let mut numbers = [0; N];
    for (i, place) in numbers.iter_mut().enumerate() {
        *place = number(held, 16 + 8 * i).ok_or(Error::RaftLost)?;
    }
    Ok(numbers)
}

impl Header {
    pub fn encode(&self) -> Vec<u8> {
        let Before { term, vote, commit, snapshot, last } = self.before;
        let numbers: [u64; NUMBERS] = [
            self.node,
            self.segment,
            self.salt,
            term,
            vote,
            commit,
            snapshot.0,
            snapshot.1,
            last.0,
            last.1,
        ];
        seal(MAGIC, &numbers)
    }

    pub fn decode(bytes: &[u8]) -> Result<Header> {
        let [node, segment, salt, term, vote, commit, s, s_term, l, l_term] =
            unseal::<NUMBERS>(MAGIC, bytes)?;
        let before = Before { term, vote, commit, snapshot: (s, s_term), last: (l, l_term) };
        Ok(Header { node, segment, salt, before })
    }
}

/// The file that says which segment is the newest.
pub(super) fn encode_newest(node: u64, segment: u64) -> Vec<u8> {
    seal(NEWEST_MAGIC, &[node, segment])
}

/// Its node and segment.
pub(super) fn decode_newest(bytes: &[u8]) -> Result<(u64, u64)> {
    let [node, segment] = unseal::<2>(NEWEST_MAGIC, bytes)?;
    Ok((node, segment))
}

/// What a record in a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held<'a> {
    /// A record, and of a snapshot's whether it takes the place of all entries.
    Record(Record<'a>, bool),
    /// So many bytes of this segment were durable when this was written.
    Mark(u64),
}

/// The sums of a record at this place of its segment.
fn sums(salt: u64, at: u64, len: u32, body: u32) -> u32 {
    let len = len.to_le_bytes();
    sum(&[&salt.to_le_bytes(), &at.to_le_bytes(), &len, &body.to_le_bytes()])
}

/// Appends a record to bytes; `at`: where in its segment it is going to be.
pub(super) fn put(bytes: &mut Vec<u8>, salt: u64, at: u64, held: &Held<'_>) {
    let start = bytes.len();
    bytes.extend([0; HEAD]);
    match *held {
        Held::Record(Record::State { term, vote }, _) => {
            bytes.push(STATE);
            bytes.extend(term.to_le_bytes());
            bytes.extend(vote.map_or(0, |vote| vote.0).to_le_bytes());
        }
        Held::Record(Record::Entry { index, term, kind, data }, _) => {
            bytes.extend([ENTRY, kind as u8]);
            bytes.extend(index.to_le_bytes());
            bytes.extend(term.to_le_bytes());
            bytes.extend(data);
        }
        Held::Record(Record::Commit { index }, _) => {
            bytes.push(COMMIT);
            bytes.extend(index.to_le_bytes());
        }
        Held::Record(Record::Snapshot { index, term, members, sessions }, resets) => {
            bytes.extend([SNAPSHOT, u8::from(resets)]);
            bytes.extend(index.to_le_bytes());
            bytes.extend(term.to_le_bytes());
            bytes.extend((members.len() as u32).to_le_bytes());
            bytes.extend(members);
            bytes.extend(sessions);
        }
        Held::Mark(durable) => {
            bytes.push(MARK);
            bytes.extend(durable.to_le_bytes());
        }
    }
    let Some((head, body)) = bytes.get_mut(start..).and_then(|b| b.split_first_chunk_mut::<HEAD>())
    else {
        return;
    };
    let (len, body) = (body.len() as u32, sum(&[body]));
    let [a, b, c, d] = len.to_le_bytes();
    let [e, f, g, h] = body.to_le_bytes();
    let [i, j, k, l] = sums(salt, at, len, body).to_le_bytes();
    *head = [a, b, c, d, e, f, g, h, i, j, k, l];
}

/// The length of a body and its sum, if these bytes are a record's head at that place.
pub(super) fn head(bytes: &[u8], salt: u64, at: u64) -> Option<(usize, u32)> {
    let (len, body, own) = (word(bytes, 0)?, word(bytes, 4)?, word(bytes, 8)?);
    let may_be = (1..=MOST).contains(&(len as usize));
    (may_be && sums(salt, at, len, body) == own).then_some((len as usize, body))
}

/// Whether a body is the one with this sum.
pub(super) fn is_whole(body: &[u8], told: u32) -> bool {
    sum(&[body]) == told
}

/// The sum of a block of a snapshot.
pub(super) fn block_sum(index: u64, block: u64, bytes: &[u8]) -> u32 {
    sum(&[&index.to_le_bytes(), &block.to_le_bytes(), bytes])
}

/// What a body holds; nothing if it cannot be one.
pub(super) fn held(body: &[u8]) -> Option<Held<'_>> {
    let (what, rest) = body.split_first()?;
    let exactly = |len: usize| (rest.len() == len).then_some(());
    let record = match *what {
        STATE => {
            exactly(16)?;
            let vote = number(rest, 8)?;
            let vote = (vote != 0).then_some(NodeId(vote));
            Record::State { term: number(rest, 0)?, vote }
        }
        ENTRY => Record::Entry {
            kind: EntryKind::from_code(*rest.first()?)?,
            index: number(rest, 1)?,
            term: number(rest, 9)?,
            data: rest.get(17..)?,
        },
        COMMIT => {
            exactly(8)?;
            Record::Commit { index: number(rest, 0)? }
        }
        SNAPSHOT => {
            let (index, term) = (number(rest, 1)?, number(rest, 9)?);
            let len = word(rest, 17)? as usize;
            let (members, sessions) = rest.get(21..)?.split_at_checked(len)?;
            let resets = match rest.first()? {
                0 => false,
                1 => true,
                _ => return None,
            };
            return Some(Held::Record(Record::Snapshot { index, term, members, sessions }, resets));
        }
        MARK => {
            exactly(8)?;
            return Some(Held::Mark(number(rest, 0)?));
        }
        _ => return None,
    };
    Some(Held::Record(record, false))
}
