//! Divisions of 64-bit numbers, where 32-bit processors have none: by small numbers
//! it takes less code than the routine for all.

/// The remainder of a division by at most 2^15.
pub(super) fn remainder(dividend: u64, by: usize) -> usize {
    debug_assert!(by <= 1 << 15);
    let by = by.max(1) as u32;
    let (high, low) = ((dividend >> 32) as u32, dividend as u32);
    // Of 2^32, in 32 bits.
    let carry = (u32::MAX % by + 1) % by;
    (((high % by) * carry + low % by) % by) as usize
}

/// Whole seconds.
pub(super) fn seconds(micros: u64) -> u64 {
    // A million is 64 times this: long division, 16 bits at a time.
    const STEP: u32 = 15_625;
    let (mut seconds, mut rest) = (0, 0);
    for digit in (micros >> 6).to_be_bytes().as_chunks().0 {
        let part = rest << 16 | u32::from(u16::from_be_bytes(*digit));
        seconds = seconds << 16 | u64::from(part / STEP);
        rest = part % STEP;
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_divide(number: u64, shift in 0u32..64, by in 1usize..=1 << 15) {
            let number = number >> shift;
            prop_assert_eq!(remainder(number, by), (number % by as u64) as usize);
            prop_assert_eq!(seconds(number), number / 1_000_000);
        }
    }
}
