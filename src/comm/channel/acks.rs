//! What was received: which packets, and when to say so (RFC 9000, section 13.2).

use super::frame::Writer;
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// So many packets that want it are acknowledged at once.
const EVERY: u8 = 2;

/// The packet numbers that were received, of the last few: the numbers before
/// them count as received.
pub struct Acks<'m> {
    /// One bit a number, at the number's remainder. A power of two words.
    bits: Carved<'m, u64>,
    /// Behind the largest that was received.
    next: u64,
    /// When the largest came.
    largest_at: u64,
    /// Packets since the last acknowledgement that want one.
    waiting: u8,
    /// When they are acknowledged at the latest.
    due: u64,
}

impl<'m> Acks<'m> {
    pub fn carve(carver: &mut Carver<'m>, packets: usize) -> Result<Acks<'m>> {
        let words = packets.div_ceil(64).next_power_of_two();
        Ok(Acks { bits: carver.take(words, 0)?, next: 0, largest_at: 0, waiting: 0, due: u64::MAX })
    }

    fn window(&self) -> u64 {
        self.bits.len() as u64 * 64
    }

    /// Word and bit of a number.
    fn place(&self, number: u64) -> (usize, u64) {
        let word = (number / 64) & (self.bits.len() as u64 - 1);
        (word as usize, 1 << (number % 64))
    }

    /// Whether a packet was received, or is so old that nobody can tell.
    pub fn seen(&self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        let new = number >= self.next
            || number + self.window() >= self.next
                && self.bits.get(word).is_some_and(|w| w & bit == 0);
        !new
    }

    /// Takes down a packet that was not seen before; `wants` says whether it
    /// wants to be acknowledged, at `latest` if there is no reason to hurry.
    pub fn insert(&mut self, number: u64, wants: bool, now: u64, latest: u64) {
        let in_order = number == self.next;
        if number >= self.next {
            let gone = (number - self.next + 1).min(self.window());
            for old in 0..gone {
                let (word, bit) = self.place(number - old);
                if let Some(word) = self.bits.get_mut(word) {
                    *word &= !bit;
                }
            }
            self.next = number + 1;
            self.largest_at = now;
        }
        let (word, bit) = self.place(number);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
        if wants {
            self.waiting = self.waiting.saturating_add(1);
            let hurry = !in_order || self.waiting >= EVERY;
            self.due = self.due.min(if hurry { now } else { latest });
        }
    }

    /// When an acknowledgement is due.
    pub fn due(&self) -> Option<u64> {
        (self.waiting > 0).then_some(self.due)
    }

    /// Writes an acknowledgement of at most `room` bytes, if there is something
    /// to acknowledge and it fits.
    pub fn write(&mut self, writer: &mut Writer<'_>, room: usize, now: u64) {
        let delay = now.saturating_sub(self.largest_at) / 16;
        if self.waiting > 0 && writer.ack(room, delay, self.ranges()) {
            self.waiting = 0;
            self.due = u64::MAX;
        }
    }

    /// The ranges, each from its smallest to its largest number, downwards.
    fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + Clone {
        let floor = self.next.saturating_sub(self.window());
        let mut end = self.next;
        core::iter::from_fn(move || {
            end = self.run(end, false, floor);
            if end == floor {
                return None;
            }
            let low = self.run(end, true, floor);
            let range = (low, end - 1);
            end = low;
            Some(range)
        })
    }

    /// Where the numbers right before `end` begin that are all received, or all
    /// missing.
    fn run(&self, mut end: u64, received: bool, floor: u64) -> u64 {
        while end > floor {
            let last = end - 1;
            let (word, _) = self.place(last);
            let word = self.bits.get(word).copied().unwrap_or(0);
            let word = if received { word } else { !word };
            let there = last % 64 + 1;
            let run = u64::from((word << (64 - there)).leading_ones()).min(there);
            end = (end - run).max(floor);
            if run < there {
                break;
            }
        }
        end
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn with_acks(packets: usize, f: impl FnOnce(Acks<'_>)) {
        let layout = core::alloc::Layout::array::<u64>(packets.div_ceil(64).next_power_of_two());
        let layout = layout.unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        f(Acks::carve(&mut piece.carver(layout).unwrap(), packets).unwrap());
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_the_last_numbers(
            packets in 1usize..300,
            steps in prop::collection::vec(-80i64..90, 1..200),
        ) {
            with_acks(packets, |mut acks| {
                let window = packets.div_ceil(64).next_power_of_two() as u64 * 64;
                let mut model = BTreeSet::new();
                let mut at = 40i64;
                for step in steps {
                    at = (at + step).max(0);
                    let number = at as u64;
                    let largest = model.last().copied();
                    let old = largest.is_some_and(|l: u64| number + window <= l);
                    assert_eq!(acks.seen(number), old || model.contains(&number));
                    if !acks.seen(number) {
                        acks.insert(number, true, 0, 0);
                        model.insert(number);
                    }
                    let floor = (model.last().unwrap() + 1).saturating_sub(window);
                    let mut flat = Vec::new();
                    for (low, high) in acks.ranges() {
                        assert!(flat.last().is_none_or(|last| high + 1 < *last));
                        flat.extend((low..=high).rev());
                    }
                    assert!(flat.iter().eq(model.range(floor..).rev()));
                }
            });
        }
    }

    #[test]
    fn acknowledgements_wait_for_a_second_packet_or_a_gap() {
        with_acks(64, |mut acks| {
            let mut out = [0; 64];
            assert_eq!(acks.due(), None);
            acks.insert(0, false, 10, 35);
            assert_eq!(acks.due(), None);
            acks.insert(1, true, 20, 45);
            assert_eq!(acks.due(), Some(45));
            acks.insert(2, true, 30, 55);
            assert_eq!(acks.due(), Some(30));
            acks.write(&mut Writer::new(&mut out), 64, 62);
            assert_eq!((acks.due(), &out[..5]), (None, &[2, 2, 2, 2, 0][..]));
            acks.insert(4, true, 70, 95);
            assert_eq!(acks.due(), Some(70));
            acks.write(&mut Writer::new(&mut out), 4, 70);
            assert_eq!(acks.due(), Some(70));
            acks.write(&mut Writer::new(&mut out), 64, 70);
            acks.insert(3, true, 71, 96);
            assert_eq!(acks.due(), Some(71));
        });
    }
}
