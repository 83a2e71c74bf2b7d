//! How many seeds tests run with.

/// How many times as many as usual: `NSW_SEEDS`, which scripts/soak sets.
pub fn times() -> u64 {
    std::env::var("NSW_SEEDS").map_or(1, |times| times.parse().expect("NSW_SEEDS is a number"))
}

/// So many, and [`times`] as many of their own.
#[allow(dead_code)] // each test uses its part
pub fn seeds(from: u64, count: u64) -> core::ops::Range<u64> {
    from * times()..(from + count) * times()
}
