//! The hash by which keys and items are found.

/// XXH32. Numbers of eight bytes, which many elements are, take no loop and no call.
#[inline]
pub(super) fn hash(bytes: &[u8], seed: u32) -> u32 {
    match bytes.try_into() {
        Ok(number) => hash_of_number(u64::from_le_bytes(number), seed),
        Err(_) => xxhash_rust::xxh32::xxh32(bytes, seed),
    }
}

/// By the specification, "XXH32 algorithm description": steps 1 (less than 16 bytes),
/// 4, 5 (twice four bytes) and 6.
#[inline]
fn hash_of_number(number: u64, seed: u32) -> u32 {
    const PRIMES: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];
    let [_, second, third, fourth, fifth] = PRIMES;
    let take = |sum: u32, lane: u32| {
        sum.wrapping_add(lane.wrapping_mul(third)).rotate_left(17).wrapping_mul(fourth)
    };
    let mut sum = seed.wrapping_add(fifth).wrapping_add(8);
    sum = take(take(sum, number as u32), (number >> 32) as u32);
    sum = (sum ^ sum >> 15).wrapping_mul(second);
    sum = (sum ^ sum >> 13).wrapping_mul(third);
    sum ^ sum >> 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_xxh32(bytes in prop::collection::vec(any::<u8>(), 0..40), number: u64, seed: u32) {
            for bytes in [&bytes[..], &number.to_le_bytes()] {
                prop_assert_eq!(super::hash(bytes, seed), xxhash_rust::xxh32::xxh32(bytes, seed));
            }
        }
    }
}
