//! Finding out in what two stores differ, at a cost that goes with the difference.
//!
//! Items are parted by the first bits of their hashes. Two replicas compare sums over
//! parts, then over parts of those that differ, and where few items are left they list
//! them (range-based set reconciliation: Meyer, "Range-based set reconciliation", 2023).
//! A frame says all that an answer needs, so nobody remembers how far they are: what
//! gets lost is found to differ the next time.

use crate::crdt::hash::xxh64;

use super::Store;
use super::encode::{Frames, wire_dot};
use super::merge::Merged;
use super::pieces::{JoinedOps, PieceWalk};
use super::watch::Causes;
use crate::crdt::context::Member;
use crate::crdt::items::NONE;
use crate::crdt::wire::{Frame, Listed, Op, Part, Reader, Sum};
use crate::error::{Error, Result};

/// Bits by which an opening and then each step divides, if there is room.
const OPENING_BITS: u32 = 6;
const STEP_BITS: u32 = 4;

/// Parts with so few items of both are listed.
const FEW: u64 = 12;

/// What a digest led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// What changed here.
    pub merged: Merged,
    /// The length of the answer; 0 if there is nothing to say.
    pub len: usize,
    /// Whether both have the same, as far as the peer's frame tells.
    pub equal: bool,
}

impl Store<'_> {
    /// Begins to reconcile with a peer, who need not be known to lack anything: writes
    /// sums over what is here, for the peer's [`reconcile`](Self::reconcile). Returns the
    /// frame's length.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if what this replica has seen and one sum do not fit:
    /// [`context_len`](Self::context_len) and 16 bytes. [`Error::CrdtTransaction`] while a
    /// transaction is open.
    pub fn digest(&mut self, frame: &mut [u8]) -> Result<usize> {
        self.outside_transaction()?;
        for bits in [OPENING_BITS, STEP_BITS, 2, 0] {
            let mut frames = self.begin(frame, Frame::Digest);
            self.write_sums(&mut frames, Part { depth: 0, prefix: 0 }, bits);
            if frames.writer.fits() {
                return Ok(frames.writer.len);
            }
        }
        Err(Error::BufferTooSmall)
    }

    /// Takes in a frame of [`digest`](Self::digest) or of the peer's `reconcile`, and writes
    /// the answer for the peer's: sums over smaller parts, lists, items that the peer lacks.
    /// They go to and fro until an answer is empty, or one gets lost: then somebody begins
    /// again. When `equal` is said, all of the peer's changes have come. Values come one by
    /// one: until then a part of a transaction may be here without the rest, and what this
    /// replica tells others may have it, too.
    ///
    /// # Errors
    /// Those of [`merge`](Self::merge), and [`Error::BufferTooSmall`] if not even one part
    /// or item fits into the answer beside what this replica has seen: what the frame
    /// brought is taken in all the same.
    pub fn reconcile(
        &mut self,
        frame: &[u8],
        now_ms: u64,
        answer: &mut [u8],
    ) -> Result<Reconciled> {
        self.outside_transaction()?;
        self.watches.cause = Causes::RECONCILED;
        let reconciled = self.take_digest(frame, now_ms, answer);
        self.watches.cause = Causes::LOCAL;
        reconciled
    }

    fn take_digest(&mut self, frame: &[u8], now_ms: u64, answer: &mut [u8]) -> Result<Reconciled> {
        let reader = self.open_frame(frame)?;
        if reader.frame() != Frame::Digest {
            return Err(Error::CrdtFormat);
        }
        if !self.begin(answer, Frame::Digest).writer.fits() {
            return Err(Error::BufferTooSmall);
        }
        self.prepare(reader, now_ms)?;
        let (mut merged, known) = (Merged::default(), self.context.weight());
        self.undo_known(reader, &mut merged)?;
        self.add_all(reader, &mut merged)?;
        let equal = self.is_equal(reader)?;
        if equal {
            // The same is there: so what the peer knows and does not have is not here either.
            self.deliver_all(reader)?;
            self.undo_rest(reader, &mut merged)?;
        }
        let ahead = equal && self.knows_more(reader)?;
        let mut frames = self.begin(answer, Frame::Digest);
        let head = frames.writer.len;
        let mut answered = Ok(true);
        if ahead {
            self.write_sums(&mut frames, Part { depth: 0, prefix: 0 }, 0);
        } else if !equal {
            answered = self.answer(reader, &mut frames, &mut merged);
        }
        self.sweep(reader);
        self.note_untold(known, merged);
        let all = answered?;
        let told = frames.writer.len > head;
        if !frames.writer.fits() || (!all && !told) {
            return Err(Error::BufferTooSmall);
        }
        Ok(Reconciled { merged, len: if told { frames.writer.len } else { 0 }, equal })
    }

    fn sum(&self, part: Part) -> Sum {
        let (mut sum, mut walk) = (Sum::default(), Walk::new(self, part));
        while let Some((at, hash)) = walk.next(self) {
            let dot = self.items.get(at).dot();
            let id = self.context.members()[dot.place()].id;
            let mut bytes = [0; 20];
            bytes[..8].copy_from_slice(&id.0.to_le_bytes());
            bytes[8..16].copy_from_slice(&dot.seq().to_le_bytes());
            bytes[16..].copy_from_slice(&hash.to_le_bytes());
            sum.count += 1;
            sum.sum = sum.sum.wrapping_add(xxh64(&bytes, 0));
        }
        let mut walk = PieceWalk::new(self, part);
        while let Some(piece) = walk.next(self) {
            sum.count += 1;
            sum.sum = sum.sum.wrapping_add(self.fingerprint(&piece));
        }
        sum
    }

    /// The sums of the `2^bits` parts of a part.
    fn write_sums(&self, frames: &mut Frames<'_>, of: Part, bits: u32) {
        for low in 0..1 << bits {
            let prefix = (u64::from(of.prefix) << bits | low) as u32;
            let part = Part { depth: of.depth + bits, prefix };
            frames.writer.sum(part, self.sum(part));
        }
    }

    /// Whether the sums of a frame are over everything, and are those of this store.
    fn is_equal(&self, mut reader: Reader<'_>) -> Result<bool> {
        let (mut hashes, mut next) = (0u64, 0u64);
        while let Some(op) = reader.next()? {
            if let Op::Sum(part, sum) = op {
                let (low, high) = part.hashes();
                if u64::from(low) != next || self.sum(part) != sum {
                    return Ok(false);
                }
                next = u64::from(high) + 1;
                hashes += 1;
            }
        }
        Ok(hashes > 0 && next == 1 << 32)
    }

    /// Whether there are changes here that the peer, by its frame, has not.
    fn knows_more(&self, reader: Reader<'_>) -> Result<bool> {
        for span in self.context.ahead() {
            if !(self.covers(reader, span.from)? && self.covers(reader, span.to)?) {
                return Ok(true);
            }
        }
        let member = |(place, member): (usize, &Member)| member.seen > self.places.told(place);
        Ok(self.context.members().iter().enumerate().any(member))
    }

    /// Answers the sums and lists of a frame, as far as there is room; whether there is
    /// for all.
    fn answer(
        &mut self,
        reader: Reader<'_>,
        frames: &mut Frames<'_>,
        merged: &mut Merged,
    ) -> Result<bool> {
        if !(self.answer_epochs(reader, frames)? && self.write_collected(reader, frames)?) {
            return Ok(false);
        }
        let mut ops = reader;
        while let Some(op) = ops.next()? {
            match op {
                Op::Sum(part, theirs) => {
                    let ours = self.sum(part);
                    let few = ours.count.max(theirs.count) <= FEW;
                    if ours != theirs && !self.answer_sum(frames, part, few) {
                        return Ok(false);
                    }
                }
                Op::Listed { part, items } => {
                    self.take_unlisted(reader, part, items, merged)?;
                    let all = self.answer_list(part, items, frames)?
                        && self.answer_pieces(reader, part, frames)?;
                    self.mark_listed(items, false)?;
                    if !all {
                        return Ok(false);
                    }
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// Tells the epochs of sketches of which the peer told parts of an earlier one: or it
    /// would tell those again. Whether all of them fit.
    fn answer_epochs(&mut self, reader: Reader<'_>, frames: &mut Frames<'_>) -> Result<bool> {
        let (mut ops, mut last) = (JoinedOps::new(reader), NONE);
        while let Some((key, bytes)) = ops.next(self)? {
            let Some(epoch) = self.later_epoch(key, bytes)?.filter(|_| key != last) else {
                continue;
            };
            let end = self.mark_end(frames);
            self.write_piece(frames, &epoch);
            if !self.keep(frames, end) {
                return Ok(false);
            }
            // Once is enough.
            last = key;
        }
        Ok(true)
    }

    /// Lists a part in which few are, or tells the sums of its parts: as many as fit.
    fn answer_sum(&mut self, frames: &mut Frames<'_>, part: Part, few: bool) -> bool {
        let end = self.mark_end(frames);
        if few || part.depth == 32 {
            self.write_list(frames, part);
            let mut walk = PieceWalk::new(self, part);
            while frames.writer.fits()
                && let Some(piece) = walk.next(self)
            {
                self.write_piece(frames, &piece);
            }
            if self.keep(frames, end) {
                return true;
            }
        }
        for bits in [STEP_BITS, 2, 1] {
            if part.depth + bits <= 32 {
                self.write_sums(frames, part, bits);
                if self.keep(frames, end) {
                    return true;
                }
            }
        }
        false
    }

    /// Where a frame ends.
    pub(super) fn mark_end(&self, frames: &Frames<'_>) -> (usize, usize, u32) {
        (frames.writer.len, self.table.count(), frames.key)
    }

    /// Takes back what was written since, if it does not fit; whether it does.
    pub(super) fn keep(&mut self, frames: &mut Frames<'_>, end: (usize, usize, u32)) -> bool {
        let fits = frames.writer.fits();
        if !fits {
            (frames.writer.len, frames.key) = (end.0, end.2);
            self.table.truncate(end.1);
        }
        fits
    }

    fn write_list(&mut self, frames: &mut Frames<'_>, part: Part) {
        // Replicas are told of before the list.
        let (mut count, mut walk) = (0, Walk::new(self, part));
        while let Some((at, _)) = walk.next(self) {
            let dot = self.items.get(at).dot();
            wire_dot(&self.context, &mut self.table, frames, dot);
            count += 1;
        }
        frames.writer.list(part, count);
        let mut walk = Walk::new(self, part);
        while let Some((at, hash)) = walk.next(self) {
            let dot = self.items.get(at).dot();
            let dot = wire_dot(&self.context, &mut self.table, frames, dot);
            frames.writer.listed(dot, hash);
        }
    }

    /// Marks the items of a list that are here.
    fn mark_listed(&mut self, items: Listed<'_>, marked: bool) -> Result<()> {
        for (dot, hash) in items.iter() {
            let at = self.items.find_dot(hash, self.places.stamp(dot)?);
            if at != NONE {
                self.items.get_mut(at).mark(marked);
            }
        }
        Ok(())
    }

    /// Removes what a peer knows and does not have in a part. What it has is marked
    /// afterwards.
    fn take_unlisted(
        &mut self,
        reader: Reader<'_>,
        part: Part,
        items: Listed<'_>,
        merged: &mut Merged,
    ) -> Result<()> {
        self.mark_listed(items, true)?;
        let mut walk = Walk::new(self, part);
        while let Some((at, hash)) = walk.next(self) {
            let item = *self.items.get(at);
            if !item.marked() && self.covers(reader, item.dot())? {
                self.remove_item(at, hash, merged);
                // Another item may have come to its place.
                walk = Walk::new(self, part);
            }
        }
        Ok(())
    }

    /// Tells the parts of joined values that the sender of a list has otherwise, or not;
    /// whether all of them fit.
    fn answer_pieces(
        &mut self,
        reader: Reader<'_>,
        part: Part,
        frames: &mut Frames<'_>,
    ) -> Result<bool> {
        let mut walk = PieceWalk::new(self, part);
        while let Some(piece) = walk.next(self) {
            if !self.is_told(&piece, reader)? {
                let end = self.mark_end(frames);
                self.write_piece(frames, &piece);
                if !self.keep(frames, end) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Tells what a list lacks, what of it is no more, and what is here if something of
    /// it is missing; whether all of that fits.
    fn answer_list(
        &mut self,
        part: Part,
        items: Listed<'_>,
        frames: &mut Frames<'_>,
    ) -> Result<bool> {
        let mut missing = false;
        for (dot, hash) in items.iter() {
            let dot = self.places.stamp(dot)?;
            if self.items.find_dot(hash, dot) != NONE {
                continue;
            }
            if !self.context.knows(dot) {
                missing = true;
                continue;
            }
            let end = self.mark_end(frames);
            let dot = wire_dot(&self.context, &mut self.table, frames, dot);
            frames.writer.gone(dot, hash);
            if !self.keep(frames, end) {
                return Ok(false);
            }
        }
        let mut walk = Walk::new(self, part);
        while let Some((at, _)) = walk.next(self) {
            if !self.items.get(at).marked() {
                let end = self.mark_end(frames);
                self.write_item(frames, at, true);
                if !self.keep(frames, end) {
                    return Ok(false);
                }
            }
        }
        let end = self.mark_end(frames);
        if missing {
            self.write_list(frames, part);
        }
        Ok(self.keep(frames, end))
    }
}

/// Goes through the items of a part. Items may change meanwhile, not come or go.
struct Walk {
    low: u32,
    high: u32,
    bucket: usize,
    at: u32,
}

impl Walk {
    fn new(store: &Store<'_>, part: Part) -> Walk {
        let (low, high) = part.hashes();
        let bucket = store.items.bucket(low);
        Walk { low, high, bucket, at: store.items.first_of_bucket(bucket) }
    }

    /// The next item, and its hash.
    fn next(&mut self, store: &Store<'_>) -> Option<(u32, u32)> {
        loop {
            while self.at == NONE {
                if self.bucket == store.items.bucket(self.high) {
                    return None;
                }
                self.bucket += 1;
                self.at = store.items.first_of_bucket(self.bucket);
            }
            let at = self.at;
            self.at = store.items.following(at);
            let hash = store.hash_of(at);
            if (self.low..=self.high).contains(&hash) {
                return Some((at, hash));
            }
        }
    }
}
