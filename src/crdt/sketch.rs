//! Sketches: small tables that many elements are summed up in.
//!
//! A clearing begins a new epoch; of two tables of different epochs the later one counts,
//! so a clearing wins against what is added at the same time.

use super::numbers;

/// Least and greatest binary logarithm of the registers of a HyperLogLog.
pub(super) const PRECISIONS: core::ops::RangeInclusive<u32> = 4..=16;
/// Most rows and columns of a Count-Min sketch.
pub(super) const MAX_DEPTH: usize = 4;
/// Bits of a column.
pub(super) const COLUMN_BITS: u32 = 13;
pub(super) const MAX_WIDTH: usize = 1 << COLUMN_BITS;

/// Bytes of a table in front of its cells: the epoch.
pub(super) const HEAD: usize = 4;

/// The sizes of sketches, the same at all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// The binary logarithm of the registers of a HyperLogLog.
    pub precision: u32,
    /// Columns of a Count-Min sketch.
    pub width: usize,
    /// Its rows.
    pub depth: usize,
}

impl Sizes {
    pub fn are_possible(self) -> bool {
        PRECISIONS.contains(&self.precision)
            && (1..=MAX_WIDTH).contains(&self.width)
            && (1..=MAX_DEPTH).contains(&self.depth)
    }

    /// Registers of a HyperLogLog: bytes.
    pub fn registers(self) -> usize {
        1 << self.precision
    }

    /// Counts of a replica in a Count-Min sketch.
    pub fn cells(self) -> usize {
        self.width * self.depth
    }

    /// Bytes of a replica's counts: its place in the table of replicas is in front of them.
    pub fn stride(self) -> usize {
        2 + 4 * self.cells()
    }

    /// The greatest rank of a register.
    pub fn max_rank(self) -> u8 {
        (64 - self.precision + 1) as u8
    }

    /// The register of an element's hash, and its rank there.
    pub fn register(self, hash: u64) -> (usize, u8) {
        let rest = hash << self.precision;
        let rank = (rest.leading_zeros() + 1).min(u32::from(self.max_rank()));
        ((hash >> (64 - self.precision)) as usize, rank as u8)
    }

    /// The column of an element's hash in a row, by two halves of the hash for all rows
    /// (Kirsch and Mitzenmacher, "Less hashing, same performance", 2008).
    pub fn column(self, hash: u64, row: usize) -> usize {
        let step = (hash >> 32) as u32 | 1;
        let of_row = (hash as u32).wrapping_add(step.wrapping_mul(row as u32));
        ((u64::from(of_row) * self.width as u64) >> 32) as usize
    }
}

/// How many elements a HyperLogLog has seen, by its registers.
///
/// Flajolet et al., "HyperLogLog", 2007, with the estimator of Ertl, "New cardinality
/// estimation algorithms for HyperLogLog sketches", 2017, algorithm 6, which needs no tables of
/// corrections.
pub(super) fn cardinality(registers: &[u8], sizes: Sizes) -> u64 {
    let m = registers.len() as f64;
    let top = usize::from(sizes.max_rank());
    let mut counts = [0u32; 64];
    for rank in registers {
        counts[usize::from(*rank).min(top)] += 1;
    }
    let mut z = m * tau(1.0 - f64::from(counts[top]) / m);
    for count in counts[1..top].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(counts[0]) / m);
    // All registers at zero make `z` infinite, and the estimate zero.
    libm::round(m * m / (2.0 * core::f64::consts::LN_2 * z)) as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = libm::sqrt(x);
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// A part of a sketch as bytes: runs of cells.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub epoch: u32,
    /// Whose counts these are, by a table of replicas; 0 for a HyperLogLog.
    pub replica: usize,
    runs: &'a [u8],
    /// Whether a cell is one byte.
    bytes: bool,
    cells: usize,
    max: u32,
}

impl<'a> Cells<'a> {
    /// A part of a HyperLogLog.
    pub fn of_registers(mut rest: &'a [u8], sizes: Sizes) -> Option<Cells<'a>> {
        let precision = numbers::read(&mut rest)?;
        let epoch = u32::try_from(numbers::read(&mut rest)?).ok()?;
        let (cells, max) = (sizes.registers(), sizes.max_rank().into());
        (precision == u64::from(sizes.precision)).then_some(())?;
        Cells { epoch, replica: 0, runs: rest, bytes: true, cells, max }.checked()
    }

    /// A part of a replica's counts in a Count-Min sketch.
    pub fn of_counts(mut rest: &'a [u8], sizes: Sizes) -> Option<Cells<'a>> {
        let depth = numbers::read(&mut rest)?;
        let width = numbers::read(&mut rest)?;
        let epoch = u32::try_from(numbers::read(&mut rest)?).ok()?;
        let replica = if rest.is_empty() { 0 } else { numbers::read(&mut rest)? };
        let replica = usize::try_from(replica).ok()?;
        ((depth, width) == (sizes.depth as u64, sizes.width as u64)).then_some(())?;
        let cells = sizes.cells();
        Cells { epoch, replica, runs: rest, bytes: false, cells, max: u32::MAX }.checked()
    }

    fn checked(self) -> Option<Self> {
        let mut runs = self.runs;
        while !runs.is_empty() {
            self.run(&mut runs, |_, _| {})?;
        }
        Some(self)
    }

    /// Whether it tells of the epoch alone.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// A run of cells at the beginning, which is cut off.
    fn run(&self, rest: &mut &[u8], mut each: impl FnMut(usize, u32)) -> Option<()> {
        let first = usize::try_from(numbers::read(rest)?).ok()?;
        let count = usize::try_from(numbers::read(rest)?).ok()?;
        let end = first.checked_add(count).filter(|end| *end <= self.cells && count > 0)?;
        for cell in first..end {
            let value = if self.bytes {
                let (byte, after) = rest.split_first()?;
                *rest = after;
                u32::from(*byte)
            } else {
                u32::try_from(numbers::read(rest)?).ok()?
            };
            (value <= self.max).then(|| each(cell, value))?;
        }
        Some(())
    }

    /// All cells and what is in them.
    pub fn each(&self, mut each: impl FnMut(usize, u32)) {
        let mut runs = self.runs;
        // Read before, so it can be read.
        while !runs.is_empty() && self.run(&mut runs, &mut each).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { precision: 10, width: 100, depth: 4 };

    /// Hashes of numbers: splitmix64.
    fn hash(n: u64) -> u64 {
        let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// The standard error of m registers is 1.04 over the root of m: 3.25 % of 1,024.
    #[test]
    fn estimates_are_as_good_as_they_should_be() {
        for (count, turns) in [(0u64, 1), (1, 20), (10, 20), (1000, 40), (100_000, 10)] {
            let mut square = 0.0;
            for turn in 0..turns {
                let mut registers = [0u8; 1024];
                for n in 0..count {
                    let (at, rank) = SIZES.register(hash(turn << 32 | n));
                    registers[at] = registers[at].max(rank);
                }
                let off = cardinality(&registers, SIZES) as f64 - count as f64;
                square += off * off;
            }
            let error = (square / turns as f64).sqrt();
            let most = if count <= 10 { 0.5 } else { 0.0325 * 1.5 * count as f64 };
            assert!(error <= most, "{count}: {error}");
        }
        // Full registers do not divide by zero.
        assert!(cardinality(&[SIZES.max_rank(); 1024], SIZES) > 1 << 60);
    }

    #[test]
    fn registers_and_columns_are_there() {
        for precision in PRECISIONS {
            for (width, depth) in [(1, 1), (MAX_WIDTH, MAX_DEPTH), (100, 3)] {
                let sizes = Sizes { precision, width, depth };
                assert!(sizes.are_possible());
                for hash in [0, 1, u64::MAX, u64::MAX >> precision, 1 << 63, 12345 << 30] {
                    let (register, rank) = sizes.register(hash);
                    assert!(register < sizes.registers());
                    assert!((1..=sizes.max_rank()).contains(&rank));
                    assert!((0..depth).all(|row| sizes.column(hash, row) < width));
                }
            }
        }
    }
}
