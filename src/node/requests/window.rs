//! Which requests of others were seen.

use crate::error::Result;
use crate::mem::{Carved, Carver};

/// What is known of the requests of one member.
#[derive(Clone, Copy)]
struct Window {
    from: u64,
    /// The largest number that was seen.
    highest: u64,
    /// Which of the 64 up to it were.
    seen: u64,
    /// When the last of them came.
    at: u64,
}

/// The last requests of some members.
pub(super) struct Windows<'m>(Carved<'m, Window>);

/// Nobody is called this.
const NOBODY: u64 = u64::MAX;

impl<'m> Windows<'m> {
    pub fn carve(askers: usize, carver: &mut Carver<'m>) -> Result<Windows<'m>> {
        let free = Window { from: NOBODY, highest: 0, seen: 0, at: 0 };
        carver.take(askers, free).map(Windows)
    }

    /// Whether a request was seen, or is too old to tell.
    pub fn has(&self, from: u64, number: u64) -> bool {
        let Some(window) = self.0.iter().find(|window| window.from == from) else { return false };
        if window.highest >> 32 != number >> 32 || number > window.highest {
            // Of another life, or a new one.
            return false;
        }
        let back = window.highest - number;
        back >= 64 || window.seen >> back & 1 == 1
    }

    /// It was seen now. Without room, the member that was silent longest is forgotten.
    pub fn add(&mut self, from: u64, number: u64, now: u64) {
        let own = self.0.iter().position(|window| window.from == from);
        let free = || self.0.iter().position(|window| window.from == NOBODY);
        let oldest = || {
            let ages = self.0.iter().enumerate();
            ages.min_by_key(|(_, window)| window.at).map(|(place, _)| place)
        };
        let place = own.or_else(free).or_else(oldest);
        let Some(window) = place.and_then(|place| self.0.get_mut(place)) else { return };
        if window.from != from || window.highest >> 32 != number >> 32 {
            *window = Window { from, highest: number, seen: 1, at: now };
            return;
        }
        window.at = now;
        if number > window.highest {
            let by = number - window.highest;
            window.seen = if by < 64 { window.seen << by | 1 } else { 1 };
            window.highest = number;
        } else if let Some(bit) = 1u64.checked_shl((window.highest - number).min(64) as u32) {
            window.seen |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};

    #[test]
    fn what_was_seen_is_known_until_it_is_too_old_to_tell() {
        let layout = Carver::layout_of(|carver| Windows::carve(2, carver)).unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        let mut windows = Windows::carve(2, &mut piece.carver(layout).unwrap()).unwrap();
        let life = 7 << 32;
        assert!(!windows.has(1, life + 5));
        windows.add(1, life + 5, 0);
        windows.add(1, life + 9, 1);
        let seen: std::vec::Vec<u64> = (1..12).filter(|n| windows.has(1, life + n)).collect();
        assert_eq!(seen, [5, 9]);
        windows.add(1, life + 73, 2);
        // 9 is the last of 64 up to 73.
        assert!(windows.has(1, life + 9) && !windows.has(1, life + 10));
        assert!(windows.has(1, life + 6), "too old to tell");
        // Another life, and other members.
        assert!(!windows.has(1, (8 << 32) + 5));
        windows.add(2, life + 1, 3);
        windows.add(3, life + 1, 4);
        assert!(!windows.has(1, life + 73), "the one that was silent longest is forgotten");
        assert!(windows.has(2, life + 1) && windows.has(3, life + 1));
    }
}
