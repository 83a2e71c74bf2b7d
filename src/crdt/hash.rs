//! The hash by which keys and items are found, and that of sums over them.

#[cfg(feature = "small-code")]
pub(super) use compact as xxh64;
#[cfg(not(feature = "small-code"))]
pub(super) use xxhash_rust::xxh64::xxh64;

/// XXH64 by its specification, with loops where the crate has none: a third of the code.
#[cfg(any(test, feature = "small-code"))]
pub(super) fn compact(bytes: &[u8], seed: u64) -> u64 {
    const FIRST: u64 = 0x9e37_79b1_85eb_ca87;
    const SECOND: u64 = 0xc2b2_ae3d_27d4_eb4f;
    const THIRD: u64 = 0x1656_67b1_9e37_79f9;
    const FOURTH: u64 = 0x85eb_ca77_c2b2_ae63;
    const FIFTH: u64 = 0x27d4_eb2f_1656_67c5;
    let take = |sum: u64, lane: u64| {
        sum.wrapping_add(lane.wrapping_mul(SECOND)).rotate_left(31).wrapping_mul(FIRST)
    };
    let (words, rest) = bytes.as_chunks();
    let (stripes, words) = words.split_at(bytes.len() / 32 * 4);
    let mut sum = seed.wrapping_add(FIFTH);
    if !stripes.is_empty() {
        let second = seed.wrapping_add(SECOND);
        let mut lanes = [second.wrapping_add(FIRST), second, seed, seed.wrapping_sub(FIRST)];
        for stripe in stripes.chunks_exact(4) {
            for (lane, word) in lanes.iter_mut().zip(stripe) {
                *lane = take(*lane, u64::from_le_bytes(*word));
            }
        }
        let turned = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
        sum = turned.fold(0, u64::wrapping_add);
        for lane in lanes {
            sum = (sum ^ take(0, lane)).wrapping_mul(FIRST).wrapping_add(FOURTH);
        }
    }
    sum = sum.wrapping_add(bytes.len() as u64);
    for word in words {
        sum ^= take(0, u64::from_le_bytes(*word));
        sum = sum.rotate_left(27).wrapping_mul(FIRST).wrapping_add(FOURTH);
    }
    let (half, rest) = rest.split_at(rest.len() & 4);
    if let Ok(half) = half.try_into() {
        sum ^= u64::from(u32::from_le_bytes(half)).wrapping_mul(FIRST);
        sum = sum.rotate_left(23).wrapping_mul(SECOND).wrapping_add(THIRD);
    }
    for byte in rest {
        sum ^= u64::from(*byte).wrapping_mul(FIFTH);
        sum = sum.rotate_left(11).wrapping_mul(FIRST);
    }
    sum = (sum ^ (sum >> 33)).wrapping_mul(SECOND);
    sum = (sum ^ (sum >> 29)).wrapping_mul(THIRD);
    sum ^ (sum >> 32)
}

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
        fn the_compact_one_is_xxh64(bytes in prop::collection::vec(any::<u8>(), 0..120), seed: u64) {
            prop_assert_eq!(super::compact(&bytes, seed), xxhash_rust::xxh64::xxh64(&bytes, seed));
        }

        #[test]
        fn it_is_xxh32(bytes in prop::collection::vec(any::<u8>(), 0..40), number: u64, seed: u32) {
            for bytes in [&bytes[..], &number.to_le_bytes()] {
                prop_assert_eq!(super::hash(bytes, seed), xxhash_rust::xxh32::xxh32(bytes, seed));
            }
        }
    }
}
