//! Numbers spread over all bits, for tables and draws.

/// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014): all bits of the result depend on all of the number's.
#[inline(always)]
pub(super) fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A cheaper step, for hashing one number after the other.
#[inline(always)]
pub(super) fn fold(hash: u64, value: u64) -> u64 {
    let z = (hash ^ value).wrapping_mul(0x9FB2_1C65_1E98_DF25);
    z ^ (z >> 32)
}
