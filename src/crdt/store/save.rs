//! A store as bytes that are kept: a snapshot, in records (docs/store-format.md).
//!
//! A record is made of parts, as many as make it about a kilobyte long. What is given out
//! so far is remembered in the store, so a snapshot can be taken in pieces of any size; a
//! record that does not fit into a piece is written again for the next one.

use super::encode::Frames;
use super::{OWN, Store};
use crate::crdt::items::NONE;
use crate::crdt::keys::ROOT;
use crate::crdt::record::{HEAD, Sum32, head, seal, what, whole_len};
use crate::crdt::sketch::Sizes;
use crate::crdt::wire::{VERSION, WireDot, Writer};
use crate::error::{Error, Result};

/// What a snapshot begins with; a byte of version follows.
pub(super) const MAGIC: &[u8; 4] = b"NSWS";
/// Bytes of magic, version and first record.
pub(super) const BEGIN: usize = MAGIC.len() + 1 + HEAD + 33;
/// Bytes of the last record.
const END: usize = HEAD + 13;
/// Bytes that a record of several parts holds at most.
const RECORD: usize = 1024;

/// A part of a snapshot that comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Nothing is being saved.
    #[default]
    Nowhere,
    Begin,
    /// A replica, and its changes without a gap.
    Member(usize),
    /// Changes that came early.
    Ahead(usize),
    /// A change that was undone early.
    Undone(usize),
    /// An item, and its key.
    Item {
        key: u32,
        at: u32,
    },
    /// The n-th part of a joined value, and its key.
    Joined {
        key: u32,
        n: usize,
    },
    End,
    /// All was given out.
    Behind,
}

/// How far a snapshot is given out.
pub(super) struct Saving {
    /// What the store's version was when it began.
    version: u64,
    /// Bytes that were given out.
    given: u64,
    /// The record that comes next, and how many of its bytes were given out.
    next: At,
    skip: usize,
    /// The records before, and the sum over their sums.
    count: u64,
    sum: Sum32,
    /// The longest record.
    longest: usize,
}

impl Default for Saving {
    fn default() -> Saving {
        Saving {
            version: 0,
            given: 0,
            next: At::Nowhere,
            skip: 0,
            count: 0,
            sum: Sum32::new(),
            longest: 0,
        }
    }
}

impl Store<'_> {
    /// Writes the next piece of a snapshot: all that is in the store, this replica's
    /// number, its changes and its clock, for [`load`](Self::load). `at` is 0 for the first
    /// piece and then the bytes of all pieces before; a piece may have any size. Returns
    /// how much of it was filled, 0 when the snapshot is all written. What behind that is
    /// in the piece is undefined. The log is not kept: see [`journal`](Self::journal).
    ///
    /// # Errors
    /// [`Error::CrdtChanged`] if something was changed or merged since the first piece,
    /// [`Error::Invalid`] for an `at` where the last piece did not end,
    /// [`Error::BufferTooSmall`] for a piece without a byte, [`Error::CrdtNotEmpty`] while a
    /// snapshot is being loaded, [`Error::CrdtTransaction`] while a transaction is open.
    pub fn save(&mut self, at: u64, piece: &mut [u8]) -> Result<usize> {
        self.outside_transaction()?;
        if at == 0 {
            self.begin_saving();
        } else if self.saving.next == At::Nowhere {
            return Err(Error::Invalid);
        } else if self.saving.version != self.version {
            return Err(Error::CrdtChanged);
        } else if self.saving.given != at {
            return Err(Error::Invalid);
        }
        if piece.is_empty() && self.saving.next != At::Behind {
            return Err(Error::BufferTooSmall);
        }
        self.table.of_members(self.context.members());
        let mut filled = 0;
        while filled < piece.len() && self.saving.next != At::Behind {
            filled += self.write_record(&mut piece[filled..]);
        }
        self.saving.given += filled as u64;
        Ok(filled)
    }

    /// The length of the snapshot that [`save`](Self::save) writes now, in bytes.
    pub fn save_len(&mut self) -> u64 {
        self.measure().0
    }

    fn begin_saving(&mut self) {
        let (_, longest) = self.measure();
        self.saving =
            Saving { version: self.version, next: At::Begin, longest, ..Saving::default() };
    }

    /// The bytes of a snapshot, and of its longest record.
    fn measure(&mut self) -> (u64, usize) {
        self.table.of_members(self.context.members());
        let (mut at, mut bytes, mut longest) = (At::Member(OWN), (BEGIN + END) as u64, BEGIN);
        while at != At::End {
            let (len, until) = self.plan(at);
            bytes += (HEAD + len) as u64;
            longest = longest.max(HEAD + len);
            at = until;
        }
        (bytes, longest)
    }

    /// Writes what fits of the rest of a record; how much that is.
    fn write_record(&mut self, piece: &mut [u8]) -> usize {
        let skip = self.saving.skip;
        let (len, until, crc) = match self.saving.next {
            At::Begin => {
                let begin = self.begin_record();
                Writer::parts(piece, skip).put(&begin);
                (BEGIN, At::Member(OWN), begin[MAGIC.len() + 1..].first_chunk().copied())
            }
            At::End => {
                let end = self.end_record();
                Writer::parts(piece, skip).put(&end);
                (END, At::Behind, end.first_chunk().copied())
            }
            at => self.write_parts_record(at, skip, piece),
        };
        let filled = (len - skip).min(piece.len());
        let saving = &mut self.saving;
        saving.skip += filled;
        if saving.skip == len {
            let [_, _, _, _, crc @ ..] = crc.unwrap_or([0; HEAD]);
            saving.sum.update(&crc);
            (saving.next, saving.skip) = (until, 0);
            saving.count += 1;
        }
        filled
    }

    /// A record of parts from a place on, what fits of it behind `skip`: its length, where the
    /// next one begins, and its head.
    fn write_parts_record(
        &mut self,
        at: At,
        skip: usize,
        piece: &mut [u8],
    ) -> (usize, At, Option<[u8; HEAD]>) {
        let (held, until) = self.plan(at);
        let len = HEAD + held;
        if skip == 0
            && let Some(record) = piece.get_mut(..len)
        {
            self.write_parts(Writer::parts(&mut record[HEAD..], 0), at, until);
            seal(record);
            return (len, until, record.first_chunk().copied());
        }
        let sum = self.write_parts(Writer::sum_of_parts(Sum32::of_record(held)), at, until);
        let head = head(held, &sum.into_sum().unwrap_or_else(Sum32::new));
        let mut writer = Writer::parts(piece, skip);
        writer.put(&head);
        self.write_parts(writer, at, until);
        (len, until, Some(head))
    }

    /// How many bytes the record of parts that begins at a place holds, and where the next
    /// one begins.
    fn plan(&mut self, mut at: At) -> (usize, At) {
        let mut frames = Frames { writer: Writer::parts(&mut [], 0), key: NONE };
        frames.writer.put(&[what::PARTS]);
        let first = frames.writer.len;
        loop {
            let before = frames.writer.len;
            let next = self.write_part(&mut frames, at);
            if frames.writer.len > RECORD && before > first {
                return (before, at);
            }
            if next == At::End {
                return (frames.writer.len, next);
            }
            at = next;
        }
    }

    fn write_parts<'a>(&mut self, mut writer: Writer<'a>, mut at: At, until: At) -> Writer<'a> {
        writer.put(&[what::PARTS]);
        let mut frames = Frames { writer, key: NONE };
        while at != until {
            at = self.write_part(&mut frames, at);
        }
        frames.writer
    }

    /// Writes a part; where the next one is.
    fn write_part(&mut self, frames: &mut Frames<'_>, at: At) -> At {
        let next = match at {
            At::Member(place) => {
                let member = self.context.members()[place];
                frames.writer.replica(member.id);
                if let Some(more) = member.seen.checked_sub(1) {
                    let replica = self.table.place(place).0;
                    frames.writer.span(WireDot { replica, seq: 1 }, more);
                }
                At::Member(place + 1)
            }
            At::Ahead(which) => {
                let span = self.context.ahead()[which];
                let replica = self.table.place(span.from.place()).0;
                let from = WireDot { replica, seq: span.from.seq() };
                frames.writer.span(from, span.to.seq() - span.from.seq());
                At::Ahead(which + 1)
            }
            At::Undone(which) => {
                let dot = self.context.undone()[which];
                let replica = self.table.place(dot.place()).0;
                frames.writer.undone(WireDot { replica, seq: dot.seq() });
                At::Undone(which + 1)
            }
            At::Item { key, at } => {
                self.write_item(frames, at, false);
                At::Item { key, at: self.items.next_until(at, self.first_of(key)) }
            }
            At::Joined { key, n } => {
                if let Some((piece, _)) = self.piece(key, n) {
                    self.write_piece(frames, &piece);
                }
                At::Joined { key, n: n + 1 }
            }
            _ => At::End,
        };
        self.existing(next)
    }

    /// The part at a place, or the first one behind it.
    fn existing(&self, mut at: At) -> At {
        loop {
            at = match at {
                At::Member(place) if place == self.context.members().len() => At::Ahead(0),
                // Where one was forgotten.
                At::Member(place) if self.context.members()[place].is_free() => {
                    At::Member(place + 1)
                }
                At::Ahead(which) if which == self.context.ahead().len() => At::Undone(0),
                At::Undone(which) if which == self.context.undone().len() => {
                    At::Item { key: ROOT, at: NONE }
                }
                At::Item { key, at: NONE } => self.first_part(self.keys.next_live(key)),
                At::Joined { key, n } => match self.piece(key, n) {
                    Some((_, true)) => return at,
                    Some((_, false)) => At::Joined { key, n: n + 1 },
                    None => self.first_part(self.keys.next_live(key)),
                },
                there => return there,
            }
        }
    }

    /// What a key begins with.
    fn first_part(&self, key: Option<u32>) -> At {
        match key {
            None => At::End,
            Some(key) if self.kind(key).is_joined() => At::Joined { key, n: 0 },
            Some(key) => At::Item { key, at: self.first_of(key) },
        }
    }

    /// What has to be the same at all replicas beside the seed: the sizes of sketches.
    pub(super) fn same_sizes(&self) -> [u8; 4] {
        let Sizes { precision, width, depth } = self.sizes;
        let [low, high] = (width as u16).to_le_bytes();
        [precision as u8, depth as u8, low, high]
    }

    /// Magic, version and first record.
    fn begin_record(&self) -> [u8; BEGIN] {
        let mut begin = [0; BEGIN];
        let mut writer = Writer::parts(&mut begin, 0);
        writer.put(MAGIC);
        writer.put(&[VERSION]);
        writer.put(&[0; HEAD]);
        writer.put(&[what::BEGIN]);
        writer.put(&self.keys.get(ROOT).hash.to_le_bytes());
        writer.put(&self.same_sizes());
        writer.put(&self.replica().0.to_le_bytes());
        writer.put(&self.clock.last().0.to_le_bytes());
        writer.put(&self.generation.to_le_bytes());
        writer.put(&(self.saving.longest as u32).to_le_bytes());
        seal(&mut begin[MAGIC.len() + 1..]);
        begin
    }

    fn end_record(&self) -> [u8; END] {
        let mut end = [0; END];
        let mut writer = Writer::parts(&mut end[HEAD..], 0);
        writer.put(&[what::END]);
        writer.put(&self.saving.count.to_le_bytes());
        writer.put(&self.saving.sum.value().to_le_bytes());
        seal(&mut end);
        debug_assert_eq!(whole_len(&end), Some(END));
        end
    }
}
