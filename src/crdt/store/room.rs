//! Whether a frame has room, counted once more where a first look says that it has not.

use super::Store;
use super::check::Needs;
use crate::crdt::items::NONE;
use crate::crdt::wire::{Op, Reader, WireDot};
use crate::error::{Error, Result};

impl Store<'_> {
    /// Whether items and their bytes have room.
    pub(super) fn has_room(&self, needs: &Needs) -> bool {
        needs.items <= self.items.room() + needs.freed_items
            && needs.bytes <= self.heap.free() + needs.freed_bytes
    }

    /// Counts what is still early when all changes of a frame have come, in whatever order
    /// they stand there: each pass closes gaps that those before left.
    pub(super) fn count_early(&mut self, all: Reader<'_>, needs: &mut Needs) -> Result<()> {
        let mut before = usize::MAX;
        while needs.spans < before {
            before = core::mem::take(&mut needs.spans);
            (needs.last, needs.own) = (None, false);
            let mut reader = all;
            while let Some(op) = reader.next()? {
                match op.changes() {
                    // A state tells of what it has among its spans, and then again.
                    Some((dot, 0)) if !is_span(op) && in_span(all, dot)? => {}
                    Some((from, more)) => _ = self.count_change(from, more, needs)?,
                    None => {}
                }
            }
        }
        if needs.own {
            // Somebody has changes of this replica that it does not know of: the next one
            // here would have the number of one of them.
            return Err(Error::CrdtOwn);
        }
        let mut reader = all;
        needs.undone = 0;
        while let Some(op) = reader.next()? {
            if let Op::Undo { dot, .. } | Op::Undone(dot) = op {
                let stamp = self.places.stamp(dot)?;
                let comes = stamp.seq() <= self.places.up_to(stamp.place());
                needs.undone += usize::from(!comes && !self.context.knows(stamp));
            }
        }
        Ok(())
    }

    /// Marks what a state has; whether there is any of it.
    pub(super) fn mark_told(&mut self, mut reader: Reader<'_>) -> Result<bool> {
        let (mut key, mut any) = (None, false);
        while let Some(op) = reader.next()? {
            match op {
                Op::Key(path) => key = self.find_path(path),
                Op::Add { dot, bytes, .. } | Op::Held { dot, bytes, .. } => {
                    let Some(place) = key else { continue };
                    let stamp = self.places.stamp(dot)?;
                    if !self.early_items && !self.context.has(stamp) {
                        continue;
                    }
                    let at = self.items.find_dot(self.item_hash(place, bytes), stamp);
                    if at != NONE {
                        self.items.get_mut(at).mark(true);
                        any = true;
                    }
                }
                _ => {}
            }
        }
        Ok(any)
    }

    /// Takes all marks away.
    pub(super) fn unmark_all(&mut self) {
        for at in 0..self.items.places() {
            if self.items.get(at).marked() {
                self.items.get_mut(at).mark(false);
            }
        }
    }

    /// Counts what a state knows and does not have: that will go.
    pub(super) fn count_absent(&mut self, reader: Reader<'_>, needs: &mut Needs) -> Result<()> {
        self.mark_told(reader)?;
        for at in 0..self.items.places() {
            let item = *self.items.get(at);
            if item.key != NONE && !item.marked() && self.covers(reader, item.dot())? {
                needs.freed_items += 1;
                needs.freed_bytes += self.cost_of(at);
            }
        }
        self.unmark_all();
        Ok(())
    }
}

fn is_span(op: Op<'_>) -> bool {
    matches!(op, Op::Span { .. })
}

/// Whether a frame has a span with this change in it.
fn in_span(mut reader: Reader<'_>, dot: WireDot) -> Result<bool> {
    while let Some(op) = reader.next()? {
        if let Op::Span { from, more } = op
            && from.replica == dot.replica
            && (from.seq..=from.seq + more).contains(&dot.seq)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
