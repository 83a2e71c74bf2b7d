//! Requests by their number: open addressing with linear probing, in memory that was given once.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::task::mix::mix;

/// Values by a number of the caller's choice, each at a place that it keeps.
pub(super) struct Table<'m, T> {
    /// A place and one, or 0.
    buckets: Carved<'m, u32>,
    ids: Carved<'m, u64>,
    values: Carved<'m, T>,
    /// Places that are free: the first `ids.len() - used` of them.
    free: Carved<'m, u32>,
    used: usize,
}

impl<'m, T: Copy> Table<'m, T> {
    pub fn carve(carver: &mut Carver<'m>, capacity: usize, empty: T) -> Result<Table<'m, T>> {
        let buckets = capacity.checked_mul(2).ok_or(Error::Overflow)?.next_power_of_two();
        let mut free = carver.take(capacity, 0)?;
        for (place, free) in free.iter_mut().rev().enumerate() {
            *free = place as u32;
        }
        Ok(Table {
            buckets: carver.take(buckets, 0)?,
            ids: carver.take(capacity, 0)?,
            values: carver.take(capacity, empty)?,
            free,
            used: 0,
        })
    }

    pub fn len(&self) -> usize {
        self.used
    }

    pub fn is_full(&self) -> bool {
        self.used == self.ids.len()
    }

    /// Where the search for a number begins.
    fn home(&self, id: u64) -> usize {
        mix(id) as usize & (self.buckets.len() - 1)
    }

    /// The bucket of a number, or the empty one where it would be.
    fn bucket(&self, id: u64) -> usize {
        let mask = self.buckets.len() - 1;
        let mut at = self.home(id);
        // At most half of the buckets are taken, so there is an empty one.
        while self.buckets[at] != 0 && self.ids[self.buckets[at] as usize - 1] != id {
            at = (at + 1) & mask;
        }
        at
    }

    /// The place of a number.
    pub fn find(&self, id: u64) -> Option<usize> {
        let place = self.buckets[self.bucket(id)];
        (place != 0).then(|| place as usize - 1)
    }

    pub fn get(&self, place: usize) -> &T {
        &self.values[place]
    }

    pub fn get_mut(&mut self, place: usize) -> &mut T {
        &mut self.values[place]
    }

    /// Takes a number in; returns its place.
    ///
    /// # Errors
    /// [`Error::TaskState`] if it is there, [`Error::Capacity`] without room.
    pub fn insert(&mut self, id: u64, value: T) -> Result<usize> {
        let at = self.bucket(id);
        if self.buckets[at] != 0 {
            return Err(Error::TaskState);
        }
        if self.is_full() {
            return Err(Error::Capacity);
        }
        let place = self.free[self.ids.len() - self.used - 1];
        self.used += 1;
        self.buckets[at] = place + 1;
        let place = place as usize;
        (self.ids[place], self.values[place]) = (id, value);
        Ok(place)
    }

    /// Takes a number out; returns its place, which keeps its value until it is taken again.
    pub fn remove(&mut self, id: u64) -> Option<usize> {
        let mask = self.buckets.len() - 1;
        let mut hole = self.bucket(id);
        let place = self.buckets[hole];
        if place == 0 {
            return None;
        }
        // What was pushed past the hole moves back, so that no search ends too early.
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let next = self.buckets[at];
            if next == 0 {
                break;
            }
            let home = self.home(self.ids[next as usize - 1]);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.buckets[hole] = next;
                hole = at;
            }
        }
        self.buckets[hole] = 0;
        self.used -= 1;
        let last = self.ids.len() - self.used - 1;
        self.free[last] = place - 1;
        Some(place as usize - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Random;
    use crate::port::{Allocator, Heap};
    use std::collections::HashMap;

    /// Against a map of the standard library, with numbers that share buckets.
    #[test]
    fn a_table_does_what_a_map_does() {
        for seed in 0..20 {
            let mut measure = Carver::measure();
            Table::carve(&mut measure, 17, 0u32).unwrap();
            let layout = measure.layout().unwrap();
            let mut piece = Heap.allocate(layout).unwrap();
            let mut table = Table::carve(&mut piece.carver(layout).unwrap(), 17, 0u32).unwrap();
            let mut random = Random::new(seed);
            let mut model = HashMap::new();
            for step in 0..2000u32 {
                let id = random.below(40) as u64 * 64;
                if random.below(2) == 0 {
                    let expected = match (model.contains_key(&id), model.len()) {
                        (true, _) => Err(Error::TaskState),
                        (_, 17) => Err(Error::Capacity),
                        _ => Ok(()),
                    };
                    assert_eq!(table.insert(id, step).map(|_| ()), expected);
                    if expected.is_ok() {
                        model.insert(id, step);
                    }
                } else {
                    let was = table.find(id).map(|place| *table.get(place));
                    assert_eq!(was, model.remove(&id));
                    assert_eq!(table.remove(id).is_some(), was.is_some());
                }
                assert_eq!(table.len(), model.len());
                for (id, value) in &model {
                    assert_eq!(table.find(*id).map(|place| *table.get(place)), Some(*value));
                }
            }
        }
    }
}
