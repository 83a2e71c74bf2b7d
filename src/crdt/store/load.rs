//! A store from a snapshot.
//!
//! Records are put together from the pieces, checked, and taken in one by one. Until the
//! last one is there and right the store takes in nothing else, and whatever is wrong
//! makes it empty again.

use super::check::Before;
use super::merge::Merged;
use super::save::{BEGIN, MAGIC};
use super::{OWN, Store};
use crate::crdt::clock::HybridTime;
use crate::crdt::context::Span;
use crate::crdt::dot::{ReplicaId, Stamp};
use crate::crdt::items::{Item, NONE};
use crate::crdt::keys::ROOT;
use crate::crdt::kind::Kind;
use crate::crdt::record::{HEAD, Sum32, unseal, what, whole_len};
use crate::crdt::wire::{Frame, Op, Path, Reader, VERSION, WireDot};
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing is being loaded.
    #[default]
    Nothing,
    /// Magic, version and first record come next.
    Begin,
    /// Another record comes next.
    Records,
    /// The last one has come.
    End,
}

/// How far a snapshot is loaded.
pub(super) struct Loading {
    stage: Stage,
    /// Bytes of the next record that are in the caller's memory.
    have: usize,
    /// The longest record of the snapshot.
    longest: usize,
    /// The records before, and the sum over their sums.
    count: u64,
    sum: Sum32,
    clock: HybridTime,
    /// How many replicas were told of.
    members: usize,
}

impl Default for Loading {
    fn default() -> Loading {
        Loading {
            stage: Stage::Nothing,
            have: 0,
            longest: BEGIN,
            count: 0,
            sum: Sum32::new(),
            clock: HybridTime(0),
            members: 0,
        }
    }
}

impl Store<'_> {
    /// Takes in the next piece, of any size, of what [`save`](Self::save) wrote, into an
    /// empty store of the same replica, seed and sizes of sketches. Keys may be open. `scratch` is memory in which
    /// records are put together, the same at each call, untouched in between: as long as
    /// [`load_scratch`](Self::load_scratch) says, which for short keys and values is about a
    /// kilobyte. For a snapshot in one piece there need be none. Until
    /// [`load_end`](Self::load_end) the store refuses to be changed.
    ///
    /// # Errors
    /// [`Error::CrdtNotEmpty`] for a store that is not empty, [`Error::CrdtTransaction`] while a
    /// transaction is open; it stays as it is. All other
    /// errors end the loading and leave the store empty: [`Error::CrdtDamaged`] for what is not
    /// what was written, [`Error::CrdtFormat`] and [`Error::CrdtVersion`] for what is no
    /// snapshot, [`Error::CrdtForeign`] for that of another replica, another seed or other sizes,
    /// [`Error::Capacity`] without room, [`Error::BufferTooSmall`] for a `scratch` that is too
    /// short.
    pub fn load(&mut self, piece: &[u8], scratch: &mut [u8]) -> Result<()> {
        if self.loading.stage == Stage::Nothing {
            self.outside_transaction()?;
            if !self.is_empty() {
                return Err(Error::CrdtNotEmpty);
            }
            // Those that were admitted are in the snapshot, or are not.
            self.context.clear();
            self.acks.clear();
            self.loading = Loading { stage: Stage::Begin, ..Loading::default() };
        }
        let loaded = self.load_piece(piece, scratch);
        if loaded.is_err() {
            self.abandon();
        }
        loaded
    }

    /// Says that there are no more pieces. From now on the store can be used: it is as it
    /// was saved, but for the log, so peers get the state of what was changed before.
    ///
    /// # Errors
    /// [`Error::CrdtTorn`] if the snapshot ends early, or none began. The store is empty
    /// then.
    pub fn load_end(&mut self) -> Result<()> {
        match self.loading.stage {
            Stage::Nothing => return Err(Error::CrdtTorn),
            Stage::End => {}
            _ => {
                self.abandon();
                return Err(Error::CrdtTorn);
            }
        }
        self.clock.see(self.loading.clock);
        for place in 0..self.context.members().len() {
            let member = self.context.member(place);
            member.logged = member.seen;
        }
        self.acks.restart();
        self.clearing_seen();
        self.log.clear(&mut self.context);
        self.version += 1;
        self.loading.stage = Stage::Nothing;
        Ok(())
    }

    /// How long the `scratch` of [`load`](Self::load) has to be for the snapshot that is
    /// being loaded or was refused last, in bytes.
    pub fn load_scratch(&self) -> usize {
        self.loading.longest
    }

    pub(super) fn is_loading(&self) -> bool {
        self.loading.stage != Stage::Nothing
    }

    pub(super) fn not_while_loading(&self) -> Result<()> {
        if self.loading.stage == Stage::Nothing { Ok(()) } else { Err(Error::CrdtNotEmpty) }
    }

    /// Whether nothing ever happened here. Keys may be open.
    pub(crate) fn is_empty(&self) -> bool {
        let (changes, undone) = self.context.weight();
        self.items.used() == 0 && self.joined == 0 && changes == 0 && undone == 0
    }

    /// Ends the loading with an empty store.
    fn abandon(&mut self) {
        self.make_empty();
        self.loading.stage = Stage::Nothing;
    }

    /// Forgets everything, as if nothing had ever happened. Open keys stay open.
    pub(crate) fn make_empty(&mut self) {
        let mut at = ROOT;
        while let Some(key) = self.keys.next_live(at) {
            at = key;
            if self.kind(key) == Kind::Map {
                continue;
            }
            if self.kind(key).is_joined() {
                self.drop_block(key);
                self.drop_empty(key);
                continue;
            }
            let mut item = self.first_of(key);
            while item != NONE {
                let hash = self.hash_of(item);
                self.take(hash, item);
                item = self.first_of(key);
            }
            self.keys.get_mut(key).count = 0;
            self.drop_empty(key);
        }
        self.log.clear(&mut self.context);
        self.context.clear();
        self.acks.clear();
        self.behind.clear();
        self.clock.clear();
        self.generation = 0;
        self.version += 1;
    }

    fn load_piece(&mut self, mut piece: &[u8], scratch: &mut [u8]) -> Result<()> {
        while !piece.is_empty() {
            let have = self.loading.have;
            if have == 0
                && let Some((record, rest)) = self.split_record(piece)?
            {
                self.take_record(record)?;
                piece = rest;
                continue;
            }
            let want = match self.record_len(&scratch[..have.min(scratch.len())])? {
                Some(len) => len,
                None => HEAD,
            };
            let Some(room) = scratch.get_mut(have..want) else {
                return Err(Error::BufferTooSmall);
            };
            let (part, rest) = piece.split_at(room.len().min(piece.len()));
            room[..part.len()].copy_from_slice(part);
            (self.loading.have, piece) = (have + part.len(), rest);
            if let Some((record, _)) = self.split_record(&scratch[..have + part.len()])? {
                self.take_record(record)?;
                self.loading.have = 0;
            }
        }
        Ok(())
    }

    /// How long the next record is, if that can be told from its first bytes.
    fn record_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        match self.loading.stage {
            Stage::Begin => Ok(Some(BEGIN)),
            Stage::Records => match whole_len(bytes) {
                Some(len) if len > self.loading.longest => Err(Error::CrdtDamaged),
                len => Ok(len),
            },
            // There is something behind the end.
            _ => Err(Error::CrdtDamaged),
        }
    }

    /// The next record, if all of it is there, and what follows.
    fn split_record<'a>(&self, bytes: &'a [u8]) -> Result<Option<(&'a [u8], &'a [u8])>> {
        Ok(self.record_len(bytes)?.and_then(|len| bytes.split_at_checked(len)))
    }

    fn take_record(&mut self, record: &[u8]) -> Result<()> {
        if self.loading.stage == Stage::Begin {
            return self.take_begin(record);
        }
        let (held, crc) = unseal(record)?;
        match held {
            [what::PARTS, parts @ ..] => self.take_parts(parts)?,
            [what::END, end @ ..] => {
                let (count, sum) = (self.loading.count, self.loading.sum.value());
                if end.split_at_checked(8) != Some((&count.to_le_bytes(), &sum.to_le_bytes())) {
                    return Err(Error::CrdtDamaged);
                }
                self.loading.stage = Stage::End;
            }
            _ => return Err(Error::CrdtFormat),
        }
        self.count_record(crc);
        Ok(())
    }

    fn count_record(&mut self, crc: u32) {
        self.loading.count += 1;
        self.loading.sum.update(&crc.to_le_bytes());
    }

    fn take_begin(&mut self, begin: &[u8]) -> Result<()> {
        let [version, record @ ..] = begin.strip_prefix(MAGIC).ok_or(Error::CrdtFormat)? else {
            return Err(Error::CrdtFormat);
        };
        if *version != VERSION {
            return Err(Error::CrdtVersion);
        }
        // Its length is the only one that a first record can have.
        let (held, crc) = unseal(record).map_err(|_| Error::CrdtDamaged)?;
        let [what::BEGIN, rest @ ..] = held else { return Err(Error::CrdtFormat) };
        if MAGIC.len() + 1 + HEAD + held.len() != BEGIN {
            return Err(Error::CrdtFormat);
        }
        let (seed, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        let (sizes, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        let (replica, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        let (clock, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        let (generation, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        let longest = rest.first_chunk().ok_or(Error::CrdtFormat)?;
        let same = u32::from_le_bytes(*seed) == self.keys.get(ROOT).hash
            && *sizes == self.same_sizes()
            && ReplicaId(u64::from_le_bytes(*replica)) == self.replica();
        if !same {
            return Err(Error::CrdtForeign);
        }
        self.loading.clock = HybridTime(u64::from_le_bytes(*clock));
        self.generation = u32::from_le_bytes(*generation);
        self.loading.longest = BEGIN.max(u32::from_le_bytes(*longest) as usize);
        self.loading.stage = Stage::Records;
        self.count_record(crc);
        Ok(())
    }

    /// Takes in the parts of a record: those that a state has, with the replicas in the
    /// order of the store.
    fn take_parts(&mut self, parts: &[u8]) -> Result<()> {
        let mut reader = Reader::parts(Frame::State, parts);
        let mut key = None;
        while let Some(op) = reader.next()? {
            match op {
                Op::Replica(id) => self.take_member(id)?,
                Op::Span { from, more } => {
                    let from = self.loaded(from)?;
                    let to = Stamp::new(from.place(), from.seq() + more);
                    self.context.deliver(Span { from, to })?;
                }
                Op::Undone(dot) => {
                    let dot = self.loaded(dot)?;
                    if self.context.knows(dot) {
                        return Err(Error::CrdtFormat);
                    }
                    self.context.undo(dot)?;
                }
                Op::Key(path) => {
                    if key.is_none() {
                        // All replicas were told of before.
                        self.places.same(self.loading.members);
                    }
                    self.drop_unused(key.map(|(key, _)| key));
                    key = Some((self.ensure_path(path)?, path));
                }
                Op::Add { dot, negative, bytes } => {
                    self.load_item(key.map(|(key, _)| key), dot, negative, bytes, true)?;
                }
                Op::Held { dot, negative, bytes } => {
                    self.load_item(key.map(|(key, _)| key), dot, negative, bytes, false)?;
                }
                Op::Joined { dot: None, bytes } => self.load_joined(key, bytes)?,
                _ => return Err(Error::CrdtFormat),
            }
        }
        self.drop_unused(key.map(|(key, _)| key));
        Ok(())
    }

    /// A key that nothing was told of.
    fn drop_unused(&mut self, key: Option<u32>) {
        if let Some(key) = key {
            self.drop_empty(key);
        }
    }

    /// The next replica: this one is the first.
    fn take_member(&mut self, id: ReplicaId) -> Result<()> {
        let place = self.loading.members;
        let known = self.context.place(id);
        let expected = if place == OWN { Some(OWN) } else { None };
        if known != expected || self.context.admit(id)? != (place, place != OWN) {
            return Err(Error::CrdtFormat);
        }
        self.loading.members += 1;
        Ok(())
    }

    fn loaded(&self, dot: WireDot) -> Result<Stamp> {
        let there = dot.replica < self.loading.members;
        there.then(|| Stamp::new(dot.replica, dot.seq)).ok_or(Error::CrdtFormat)
    }

    /// A part of a joined value.
    fn load_joined(&mut self, key: Option<(u32, Path<'_>)>, bytes: &[u8]) -> Result<()> {
        let (key, path) =
            key.filter(|(_, path)| path.kind().is_joined()).ok_or(Error::CrdtFormat)?;
        let none = Before::new(Reader::parts(Frame::State, &[]), 0);
        let needed = self.check_joined(path, key, None, bytes, (true, none));
        if needed.map_err(|_| Error::CrdtFormat)? > self.heap.free() {
            return Err(Error::Capacity);
        }
        self.join(key, None, bytes).map(|_| ())
    }

    /// An item, whose change has come or not.
    fn load_item(
        &mut self,
        key: Option<u32>,
        dot: WireDot,
        negative: bool,
        bytes: &[u8],
        has: bool,
    ) -> Result<()> {
        let (key, dot) = (key.ok_or(Error::CrdtFormat)?, self.loaded(dot)?);
        let kind = self.kind(key);
        let hash = self.item_hash(key, bytes);
        let good = kind.allows(bytes)
            && (!negative || kind.has_negatives())
            && self.context.has(dot) == has
            && self.context.knows(dot) == has
            && self.items.find_dot(hash, dot) == NONE;
        if !good {
            return Err(Error::CrdtFormat);
        }
        if self.items.room() == 0 || Self::cost_in(kind, bytes.len()) > self.heap.free() {
            return Err(Error::Capacity);
        }
        self.early_items |= !has;
        self.add_item(key, hash, Item::of(dot, negative), bytes, &mut Merged::default())
    }
}
