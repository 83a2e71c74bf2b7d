//! The parts of joined values, as digests and states go through them.
//!
//! A part is found by a hash that shares its upper bits with that of the key, so a large
//! value is divided as many items are.

use crate::crdt::hash::xxh64;
use xxhash_rust::xxh32::xxh32;

use super::encode::{Frames, wire_dot};
use super::merge::Merged;
use super::{OWN, Store};
use crate::crdt::dot::Stamp;
use crate::crdt::items::NONE;
use crate::crdt::kind::Kind;
use crate::crdt::sketch::HEAD;
use crate::crdt::tally;
use crate::crdt::wire::{Op, Part, Reader};
use crate::error::Result;

/// Bits of a part's hash that are not the key's.
const PART_BITS: u32 = 12;
/// Cells of a sketch that are told together.
const CHUNK: usize = 32;

/// A part of a joined value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub key: u32,
    /// The place of the replica whose part it is; [`OWN`] for parts that are nobody's.
    place: usize,
    /// Which cells; 0 for the part of a counter, and for the epoch of a sketch.
    chunk: usize,
    hash: u32,
}

impl Store<'_> {
    /// The n-th part of a joined value; whether there is something in it.
    pub(super) fn piece(&self, key: u32, n: usize) -> Option<(Piece, bool)> {
        let hash = self.keys.get(key).hash;
        let kind = self.kind(key);
        if !kind.is_sketch() {
            let (_, place, _) = tally::parts(self.block(key)).nth(n)?;
            return Some((self.piece_of(key, hash, place, 0), true));
        }
        let chunks = self.cells_in(kind).div_ceil(CHUNK);
        let Some(at) = n.checked_sub(1) else {
            return Some((self.piece_of(key, hash, OWN, 0), self.epoch(key) > 0));
        };
        let begins = HEAD + at / chunks * self.cells_cost(kind);
        let block = self.block(key);
        if begins >= block.len() {
            return None;
        }
        let place = if kind == Kind::HyperLogLog {
            OWN
        } else {
            u16::from_le_bytes([block[begins], block[begins + 1]]) as usize
        };
        let piece = self.piece_of(key, hash, place, at % chunks + 1);
        Some((piece, self.chunk(&piece).iter().any(|byte| *byte != 0)))
    }

    /// The epoch of a sketch as a part, if these bytes tell of an earlier one.
    pub(super) fn later_epoch(&self, key: u32, bytes: &[u8]) -> Result<Option<Piece>> {
        let (kind, hash) = (self.kind(key), self.keys.get(key).hash);
        let earlier = kind.is_sketch() && self.read_cells(kind, bytes)?.epoch < self.epoch(key);
        Ok(earlier.then(|| self.piece_of(key, hash, OWN, 0)))
    }

    fn piece_of(&self, key: u32, hash: u32, place: usize, chunk: usize) -> Piece {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.piece_replica(key, place, chunk).to_le_bytes());
        bytes[8..].copy_from_slice(&(chunk as u32).to_le_bytes());
        let low = (1 << PART_BITS) - 1;
        Piece { key, place, chunk, hash: hash & !low | xxh32(&bytes, 0) & low }
    }

    /// Whose part it is, as all replicas say it: 0 for what is nobody's.
    fn piece_replica(&self, key: u32, place: usize, chunk: usize) -> u64 {
        let nobody = match self.kind(key) {
            Kind::HyperLogLog => true,
            Kind::CountMin => chunk == 0,
            _ => false,
        };
        if nobody { 0 } else { self.context.members()[place].id.0 }
    }

    /// The run of a part's cells.
    fn run_of(&self, piece: &Piece) -> (usize, usize) {
        let first = (piece.chunk - 1) * CHUNK;
        (first, CHUNK.min(self.cells_in(self.kind(piece.key)) - first))
    }

    /// The bytes of a part's cells.
    fn chunk(&self, piece: &Piece) -> &[u8] {
        let Some(at) = self.cells_at(piece.key, piece.place) else { return &[] };
        let (first, count) = self.run_of(piece);
        let size = if self.kind(piece.key) == Kind::HyperLogLog { 1 } else { 4 };
        &self.block(piece.key)[at + first * size..at + (first + count) * size]
    }

    /// What is the same where a part is the same.
    pub(super) fn fingerprint(&self, piece: &Piece) -> u64 {
        let mut bytes = [0; 52];
        bytes[..4].copy_from_slice(&self.keys.get(piece.key).hash.to_le_bytes());
        let replica = self.piece_replica(piece.key, piece.place, piece.chunk);
        bytes[4..12].copy_from_slice(&replica.to_le_bytes());
        bytes[12..20].copy_from_slice(&(piece.chunk as u64).to_le_bytes());
        let mut words = [0u64; 4];
        if !self.kind(piece.key).is_sketch() {
            if let Some(part) = self.tally(piece.key, piece.place) {
                words = [part.seq, part.net as u64, part.base_seq, part.base as u64];
            }
        } else {
            words[0] = self.epoch(piece.key).into();
            if piece.chunk > 0 {
                words[1] = xxh64(self.chunk(piece), 0);
            }
        }
        for (place, word) in bytes[20..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        xxh64(&bytes, 0)
    }

    /// Writes a part, without a change that it came about by.
    pub(super) fn write_piece(&mut self, frames: &mut Frames<'_>, piece: &Piece) {
        let Piece { key, place, chunk, .. } = *piece;
        if self.kind(key).is_sketch() {
            let at = if chunk == 0 { None } else { self.cells_at(key, place) };
            let run = at.map(|_| self.run_of(piece));
            return self.write_cells(frames, key, place, None, at, run.into_iter());
        }
        let Some(part) = self.tally(key, place) else { return };
        self.write_key(frames, key);
        let dot = Stamp::new(place, part.seq);
        let to = wire_dot(&self.context, &mut self.table, frames, dot).replica;
        let bytes = part.bytes(to);
        frames.writer.begin_joined(None, bytes.get().len());
        frames.writer.put(bytes.get());
    }

    /// Removes the parts of counters that a state knows and does not have: they were collected.
    pub(super) fn take_absent_parts(
        &mut self,
        reader: Reader<'_>,
        merged: &mut Merged,
    ) -> Result<()> {
        if self.joined == 0 {
            return Ok(());
        }
        // Most keys are told of whole: how many parts of each are is their count meanwhile.
        for key in 0..self.keys.places() {
            if self.is_counter(key) {
                self.keys.get_mut(key).count = 0;
            }
        }
        let mut ops = JoinedOps::new(reader);
        while let Some((key, bytes)) = ops.next(self)? {
            let counter = self.is_counter(key);
            for (_, replica, _) in tally::parts(bytes).filter(|_| counter) {
                let there = self.tally(key, self.part_place(replica)?).is_some();
                self.keys.get_mut(key).count += u32::from(there);
            }
        }
        for key in 0..self.keys.places() {
            if self.is_counter(key) {
                let told = core::mem::take(&mut self.keys.get_mut(key).count) as usize;
                if told < tally::parts(self.block(key)).count() {
                    self.take_untold_parts(key, reader, merged)?;
                }
            }
        }
        Ok(())
    }

    fn is_counter(&self, key: u32) -> bool {
        self.kind(key).is_counter() && self.keys.is_live(key) && self.keys.get(key).last != NONE
    }

    fn take_untold_parts(
        &mut self,
        key: u32,
        reader: Reader<'_>,
        merged: &mut Merged,
    ) -> Result<()> {
        let mut n = 0;
        loop {
            let part = tally::parts(self.block(key)).nth(n);
            let Some((_, place, part)) = part else { break };
            let known = self.covers(reader, Stamp::new(place, part.seq))?;
            if known && !self.tells_part(key, place, reader)? {
                self.remove_tally(key, place);
                self.touched(key);
                merged.removed += 1;
            } else {
                n += 1;
            }
        }
        self.drop_empty(key);
        Ok(())
    }

    /// Whether a frame tells of a replica's part of a counter.
    fn tells_part(&self, of: u32, place: usize, reader: Reader<'_>) -> Result<bool> {
        let mut ops = JoinedOps::new(reader);
        while let Some((key, bytes)) = ops.next(self)? {
            for (_, replica, _) in tally::parts(bytes).filter(|_| key == of) {
                if self.part_place(replica)? == place {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Says which parts of counters that a frame tells of were collected here, as far as
    /// there is room; whether there is for all.
    pub(super) fn write_collected(
        &mut self,
        reader: Reader<'_>,
        frames: &mut Frames<'_>,
    ) -> Result<bool> {
        let mut ops = JoinedOps::new(reader);
        while let Some((key, bytes)) = ops.next(self)? {
            let counter = self.kind(key).is_counter();
            for (_, replica, part) in tally::parts(bytes).filter(|_| counter) {
                let dot = Stamp::new(self.part_place(replica)?, part.seq);
                if self.tally(key, dot.place()).is_some() || !self.context.has(dot) {
                    continue;
                }
                let end = self.mark_end(frames);
                let dot = wire_dot(&self.context, &mut self.table, frames, dot);
                frames.writer.gone(dot, self.keys.get(key).hash);
                if !self.keep(frames, end) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether a frame tells of a part just as it is here.
    pub(super) fn is_told(&self, piece: &Piece, reader: Reader<'_>) -> Result<bool> {
        let mut ops = JoinedOps::new(reader);
        while let Some((key, bytes)) = ops.next(self)? {
            if key == piece.key && self.says(piece, bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether these bytes say of a part what is here.
    fn says(&self, piece: &Piece, bytes: &[u8]) -> Result<bool> {
        let kind = self.kind(piece.key);
        if !kind.is_sketch() {
            for (_, replica, part) in tally::parts(bytes) {
                if self.part_place(replica)? == piece.place {
                    return Ok(self.tally(piece.key, piece.place) == Some(part));
                }
            }
            return Ok(false);
        }
        let cells = self.read_cells(kind, bytes)?;
        if cells.epoch != self.epoch(piece.key) || (piece.chunk == 0) != cells.is_empty() {
            return Ok(false);
        }
        if piece.chunk == 0 {
            return Ok(true);
        }
        let at = self.cells_at(piece.key, piece.place);
        let (Some(at), place) = (at, self.cells_place(kind, &cells)?) else { return Ok(false) };
        let (first, count) = self.run_of(piece);
        let (mut same, mut told) = (place == piece.place, 0);
        cells.each(|cell, value| {
            same &=
                (first..first + count).contains(&cell) && self.cell(piece.key, at, cell) == value;
            told += 1;
        });
        Ok(same && told == count)
    }
}

/// Goes through what a frame tells of joined values that are here.
pub(super) struct JoinedOps<'a> {
    reader: Reader<'a>,
    key: u32,
}

impl<'a> JoinedOps<'a> {
    pub fn new(reader: Reader<'a>) -> JoinedOps<'a> {
        JoinedOps { reader, key: NONE }
    }

    /// The next key and what is told of it.
    pub fn next(&mut self, store: &Store<'_>) -> Result<Option<(u32, &'a [u8])>> {
        while let Some(op) = self.reader.next()? {
            match op {
                Op::Key(path) => self.key = store.find_path(path).unwrap_or(NONE),
                Op::Joined { bytes, .. } if self.key != NONE => return Ok(Some((self.key, bytes))),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Goes through the parts of joined values whose hashes are in a part of all.
pub(super) struct PieceWalk {
    low: u32,
    high: u32,
    bucket: usize,
    last: usize,
    key: u32,
    n: usize,
}

impl PieceWalk {
    pub fn new(store: &Store<'_>, part: Part) -> PieceWalk {
        let (low, high) = part.hashes();
        let shared = (1 << PART_BITS) - 1;
        let (bucket, last) = (store.keys.bucket(low & !shared), store.keys.bucket(high | shared));
        // Most stores have none, and many keys.
        let key = if store.joined == 0 { NONE } else { store.keys.first_of_bucket(bucket) };
        let bucket = if store.joined == 0 { last } else { bucket };
        PieceWalk { low, high, bucket, last, key, n: 0 }
    }

    /// The next part.
    pub fn next(&mut self, store: &Store<'_>) -> Option<Piece> {
        loop {
            while self.key == NONE {
                if self.bucket >= self.last {
                    return None;
                }
                self.bucket += 1;
                self.key = store.keys.first_of_bucket(self.bucket);
            }
            let entry = store.keys.get(self.key);
            let there = entry.kind.is_joined() && entry.last != NONE;
            let piece = if there { store.piece(self.key, self.n) } else { None };
            match piece {
                Some((piece, full)) => {
                    self.n += 1;
                    if full && (self.low..=self.high).contains(&piece.hash) {
                        return Some(piece);
                    }
                }
                None => (self.key, self.n) = (store.keys.following(self.key), 0),
            }
        }
    }
}
