//! Which nodes were seen: a hash table that grows within its room and then replaces.

use crate::error::Result;
use crate::mem::{Carver, Lazy};

/// Slots that a key may lie in.
const WINDOW: usize = 8;
/// Slots of the first table, where there is room for larger ones.
const FIRST: usize = 1 << 12;

/// Keys of 64 bits, each with a level. The key 0 is an empty slot.
pub(super) struct Seen<'m> {
    keys: Lazy<'m, u64>,
    levels: Lazy<'m, u32>,
    /// The table is the slots `from..from + size`; a larger one comes behind it.
    from: usize,
    size: usize,
    used: usize,
    first: usize,
}

/// Bytes of a slot.
pub(super) const SLOT: usize = 12;

impl<'m> Seen<'m> {
    /// In room for `capacity` slots.
    pub fn new(carver: &mut Carver<'m>, capacity: usize) -> Result<Seen<'m>> {
        let (keys, levels) = (Lazy::new(carver, capacity)?, Lazy::new(carver, capacity)?);
        // Tables that grow leave the smaller ones behind: a small room is one table.
        let first = if capacity <= FIRST * 4 { capacity } else { FIRST };
        let first = if first < WINDOW { 0 } else { first };
        Ok(Seen { keys, levels, from: 0, size: 0, used: 0, first })
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.from, self.size, self.used) = (0, 0, 0);
        if self.make(0, self.first) {
            self.size = self.first;
        }
    }

    /// Keys that it holds.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Makes a table of empty slots.
    fn make(&mut self, from: usize, size: usize) -> bool {
        let end = from + size;
        if self.keys.ensure(end, 0).is_err() || self.levels.ensure(end, 0).is_err() {
            return false;
        }
        if let Some(table) = self.keys.get_mut(from..end) {
            table.fill(0);
        }
        true
    }

    /// Notes that a node was seen at `level`. Answers whether it had been seen at that level or a lower one.
    #[inline]
    pub fn note(&mut self, key: u64, level: u32) -> bool {
        if self.used * 2 >= self.size {
            self.grow();
        }
        let key = key.max(1);
        let start = self.from + window(key, self.size);
        let Some(keys) = self.keys.get_mut(start..start + WINDOW.min(self.size)) else {
            return false;
        };
        // Where all are taken, one of them goes.
        let mut place = (key >> 8) as usize % WINDOW;
        for (at, slot) in keys.iter().enumerate() {
            if *slot == key {
                let known = self.levels.get(start + at).copied().unwrap_or(0);
                if known > level
                    && let Some(place) = self.levels.get_mut(start + at)
                {
                    *place = level;
                }
                return known <= level;
            }
            if *slot == 0 {
                place = at;
                self.used += 1;
                break;
            }
        }
        if let Some(slot) = keys.get_mut(place) {
            *slot = key;
        }
        if let Some(slot) = self.levels.get_mut(start + place) {
            *slot = level;
        }
        false
    }

    /// Whether a key is there, at whatever level.
    #[inline]
    pub fn has(&self, key: u64) -> bool {
        let key = key.max(1);
        let start = self.from + window(key, self.size);
        let keys = self.keys.get(start..start + WINDOW.min(self.size)).unwrap_or(&[]);
        keys.contains(&key)
    }

    /// Twice the size, behind the table that there is.
    #[cold]
    fn grow(&mut self) {
        let (from, size) = (self.from, self.size);
        if size == 0 || !self.make(from + size, size * 2) {
            return;
        }
        (self.from, self.size, self.used) = (from + size, size * 2, 0);
        for at in from..from + size {
            let key = self.keys.get(at).copied().unwrap_or(0);
            if key != 0 {
                let level = self.levels.get(at).copied().unwrap_or(0);
                self.note(key, level);
            }
        }
    }
}

/// The first slot of a key's window.
#[inline(always)]
fn window(key: u64, size: usize) -> usize {
    ((key >> 32).wrapping_mul(size.saturating_sub(WINDOW - 1) as u64) >> 32) as usize
}
