//! The loops over samples and units, the same for every instruction set.
//!
//! Macros, because a function with `target_feature` inlines into another only
//! when both have the feature: each table needs loops of its own.

use super::packed::WIDTH;
use super::{Dims, Requantize};

/// Units that are requantised at once.
pub(super) const LANES: usize = WIDTH;

/// What the sums of some units need, padded to a whole number of lanes.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    pub sums: [i32; LANES],
    pub factors: [i32; LANES],
    pub shifts: [i8; LANES],
}

impl Lanes {
    /// The units from `first` on; the sums are their biases.
    #[inline(always)]
    pub fn of(biases: &[i32], how: &Requantize<'_>, first: usize) -> Lanes {
        Lanes {
            sums: padded(&biases[first..]),
            factors: padded(&how.factors[first..]),
            shifts: padded(&how.shifts[first..]),
        }
    }

    /// Adds products to the sums.
    #[inline(always)]
    pub fn add(mut self, products: &[i32; LANES]) -> Lanes {
        for (sum, product) in self.sums.iter_mut().zip(products) {
            *sum = sum.wrapping_add(*product);
        }
        self
    }
}

/// The first of `from`, with zeros where it is too short.
#[inline(always)]
fn padded<T: Copy + Default>(from: &[T]) -> [T; LANES] {
    match from.first_chunk() {
        Some(whole) => *whole,
        None => {
            let mut lanes = [T::default(); LANES];
            lanes[..from.len()].copy_from_slice(from);
            lanes
        }
    }
}

/// Writes as many lanes as there is room for.
#[inline(always)]
pub(super) fn store<T: Copy>(lanes: &[T; LANES], y: &mut [T]) {
    match y.first_chunk_mut() {
        Some(whole) => *whole = *lanes,
        None => y.copy_from_slice(&lanes[..y.len()]),
    }
}

/// Rows of weights from `unit` on; the last one again where there are no more.
#[inline(always)]
pub(super) fn rows<W, const N: usize>(dims: Dims, w: &[W], unit: usize) -> [&[W]; N] {
    core::array::from_fn(|i| &w[(unit + i).min(dims.units - 1) * dims.inputs..][..dims.inputs])
}

/// Defines `dense_i8` from the module's
/// - `offset(x) -> i32`: what all sums of a sample need beside the products,
/// - `dot(x, rows) -> [i32; N]`: the products of `N` rows,
/// - `requantize(&Lanes, &Requantize) -> [i8; LANES]`.
macro_rules! dense_i8 {
    ($(#[$attribute:meta])* rows $n:literal) => {
        $(#[$attribute])*
        fn dense_i8(dims: Dims, x: &[i8], w: &[i8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
            check(dims, (x, w, b, y), how);
            for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
                let offset = offset(x);
                for (i, y) in y.chunks_mut(LANES).enumerate() {
                    let mut products = [offset; LANES];
                    let groups = products.as_chunks_mut::<$n>().0.iter_mut();
                    for (j, sums) in groups.take(y.len().div_ceil($n)).enumerate() {
                        let dots = dot(x, rows::<_, $n>(dims, w, LANES * i + $n * j));
                        for (sum, dot) in sums.iter_mut().zip(dots) {
                            *sum = sum.wrapping_add(dot);
                        }
                    }
                    let lanes = Lanes::of(b, how, LANES * i).add(&products);
                    store(&requantize(&lanes, how), y);
                }
            }
        }
    };
}

/// Defines a function of int16 layers from a `dot4(x, rows) -> [i64; 4]`.
macro_rules! dense_i16 {
    ($(#[$attribute:meta])* $name:ident($weight:ty) by $dot4:ident) => {
        $(#[$attribute])*
        fn $name(dims: Dims, x: &[i16], w: &[$weight], b: &[Wide], how: &Requantize<'_>, y: &mut [i16]) {
            check(dims, (x, w, b, y), how);
            for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
                for (i, y) in y.chunks_mut(4).enumerate() {
                    let dots = $dot4(x, rows(dims, w, 4 * i));
                    for ((j, y), dot) in y.iter_mut().enumerate().zip(dots) {
                        let unit = 4 * i + j;
                        *y = how.wide(how.multiplier(unit), bias(b[unit]).wrapping_add(dot));
                    }
                }
            }
        }
    };
}

/// Defines `matmul` and `dense_packed` from the module's
/// - `tile_rows(left) -> usize`: how many of the rows that are left to take,
/// - `tile::<M, N, SIGNED>(rows, panels) -> [[[i32; WIDTH]; N]; M]`, the sums
///   of `M` rows and `N` panels,
///
/// - `finish(&Lanes, &Requantize, products, y, (stride, width))`: rows of products
///   to rows of outputs,
///
/// and the numbers of rows that `tile_rows` returns; `panels` and `single` are
/// how many panels are taken at once, and by a single row.
macro_rules! packed {
    ($(#[$attribute:meta])* panels $n:literal, single $wide:literal, rows $($m:literal),+) => {
        /// The products of all rows with all panels, a tile at a time; shows the
        /// first row, the panel, and the sums of some rows with it to `sink`.
        $(#[$attribute])*
        #[inline]
        fn products<const SIGNED: bool>(
            dims: Dims,
            a: &[u8],
            packed: &[u8],
            mut sink: impl FnMut(usize, usize, &[&[i32; WIDTH]]),
        ) {
            let (mut first, mut rest) = (0, a);
            while !rest.is_empty() {
                let rows = tile_rows(rest.len() / dims.inputs);
                let (tile, after) = rest.split_at(rows * dims.inputs);
                match rows {
                    $($m => band::<$m, SIGNED>(dims, tile, packed, |panel, sums| {
                        sink(first, panel, sums)
                    }),)+
                    _ => unreachable!(),
                }
                first += rows;
                rest = after;
            }
        }

        /// The products of `M` rows with all panels.
        $(#[$attribute])*
        #[inline]
        fn band<const M: usize, const SIGNED: bool>(
            dims: Dims,
            a: &[u8],
            packed: &[u8],
            mut sink: impl FnMut(usize, &[&[i32; WIDTH]]),
        ) {
            let rows: [&[u8]; M] = core::array::from_fn(|i| &a[i * dims.inputs..][..dims.inputs]);
            let offsets = offsets::<M, SIGNED>(&rows);
            let blocks = 1 + dims.inputs.div_ceil(4);
            let panels = packed.as_chunks().0;
            let panel = |i: usize| &panels[i * blocks..][..blocks];
            let count = panels.len() / blocks;
            let mut i = 0;
            // One row has too few sums of its own to keep the multiplier busy.
            while M == 1 && $wide > $n && count - i >= $wide {
                let wide: [&[[u8; 64]]; $wide] = core::array::from_fn(|j| panel(i + j));
                let sums = tile::<M, $wide, SIGNED>(&rows, wide, &offsets);
                for (j, sums) in sums.as_flattened().iter().enumerate() {
                    sink(i + j, &[sums]);
                }
                i += $wide;
            }
            while count - i >= $n {
                let some: [&[[u8; 64]]; $n] = core::array::from_fn(|j| panel(i + j));
                let sums = tile::<M, $n, SIGNED>(&rows, some, &offsets);
                for j in 0..$n {
                    let column: [&[i32; WIDTH]; M] = core::array::from_fn(|row| &sums[row][j]);
                    sink(i + j, &column);
                }
                i += $n;
            }
            while i < count {
                let sums = tile::<M, 1, SIGNED>(&rows, [panel(i)], &offsets);
                let column: [&[i32; WIDTH]; M] = core::array::from_fn(|row| &sums[row][0]);
                sink(i, &column);
                i += 1;
            }
        }

        $(#[$attribute])*
        fn matmul(dims: Dims, a: Rows<'_>, packed: &[u8], c: &mut [i32]) {
            assert!(c.len() / dims.units == a.bytes.len() / dims.inputs);
            let sink = |row: usize, panel: usize, column: &[&[i32; WIDTH]]| {
                for (i, sums) in column.iter().enumerate() {
                    let c = &mut c[(row + i) * dims.units..][..dims.units][panel * WIDTH..];
                    let width = c.len().min(WIDTH);
                    store(sums, &mut c[..width]);
                }
            };
            if a.signed {
                products::<true>(dims, a.bytes, packed, sink);
            } else {
                products::<false>(dims, a.bytes, packed, sink);
            }
        }

        $(#[$attribute])*
        fn dense_packed(dims: Dims, x: &[i8], packed: &[u8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
            check_ends(dims, x, b, y, how);
            products::<true>(dims, bytemuck::must_cast_slice(x), packed, |row, panel, column| {
                let at = panel * WIDTH;
                let width = (dims.units - at).min(WIDTH);
                let y = &mut y[row * dims.units + at..];
                finish(&Lanes::of(b, how, at), how, column, y, (dims.units, width));
            });
        }
    };
}

/// Defines `finish` by `requantize`, row by row.
macro_rules! finish_rows {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        #[inline]
        fn finish(
            lanes: &Lanes,
            how: &Requantize<'_>,
            products: &[&[i32; WIDTH]],
            y: &mut [i8],
            (stride, width): (usize, usize),
        ) {
            for (products, y) in products.iter().zip(y.chunks_mut(stride)) {
                store(&requantize(&lanes.add(products), how), &mut y[..width]);
            }
        }
    };
}

pub(super) use {dense_i8, dense_i16, finish_rows, packed};
