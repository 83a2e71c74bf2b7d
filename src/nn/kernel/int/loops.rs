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
/// - `offset_of::<SIGNED>(row) -> i32`: what a row's sums begin with,
/// - `tile::<M, N, SIGNED, DENSE>(rows, panels, offsets) -> [[[i32; WIDTH]; N]; M]`,
///   the sums of `M` rows and `N` panels; `DENSE` says for whom, so that each has
///   an instance of its own, which is called from one place and becomes part of it,
/// - `prepare(Lanes, &Requantize) -> Finish`: what a panel's outputs need,
/// - `finish::<M>(&Finish, &Requantize, products, y, (stride, width))`: rows of
///   products to rows of outputs,
///
/// and the numbers of rows that `tile_rows` returns; `panels` and `single` are
/// how many panels are taken at once, and by a single row.
///
/// Some panels stay in the nearest cache while some rows go by. A tile's sums
/// are used where it is called, with all sizes known, so that they go from the
/// registers to their places.
macro_rules! packed {
    ($(#[$attribute:meta])* panels $n:literal, single $wide:literal, rows $($m:literal),+) => {
        $(#[$attribute])*
        fn matmul(dims: Dims, a: Rows<'_>, packed: &[u8], c: &mut [i32]) {
            assert!(c.len() / dims.units == a.bytes.len() / dims.inputs);
            if a.signed {
                multiply::<true>(dims, a.bytes, packed, c);
            } else {
                multiply::<false>(dims, a.bytes, packed, c);
            }
        }

        $(#[$attribute])*
        fn multiply<const SIGNED: bool>(dims: Dims, a: &[u8], packed: &[u8], c: &mut [i32]) {
            let panel = panel_of(packed, dims.inputs);
            let slabs = a.chunks(SLAB * dims.inputs).zip(c.chunks_mut(SLAB * dims.units));
            for (a, c) in slabs {
                let slab = slab::<SIGNED>(dims, a);
                let mut i = 0;
                while dims.units / WIDTH - i >= $n {
                    let some: [&[[u8; 64]]; $n] = core::array::from_fn(|j| panel(i + j));
                    let mut row = 0;
                    while row < slab.rows {
                        match tile_rows(slab.rows - row) {
                            $($m => {
                                let (rows, offsets) = slab.some(dims, row);
                                let sums = tile::<$m, $n, SIGNED, false>(&rows, some, &offsets);
                                for (j, sums) in sums.iter().enumerate() {
                                    let at = (row + j) * dims.units + i * WIDTH;
                                    let c = &mut c[at..][..$n * WIDTH];
                                    c.as_chunks_mut::<WIDTH>().0.copy_from_slice(sums);
                                }
                                row += $m;
                            })+
                            _ => unreachable!(),
                        }
                    }
                    i += $n;
                }
                while i * WIDTH < dims.units {
                    let width = (dims.units - i * WIDTH).min(WIDTH);
                    let mut row = 0;
                    while row < slab.rows {
                        match tile_rows(slab.rows - row) {
                            $($m => {
                                let some = [panel(i)];
                                let (rows, offsets) = slab.some(dims, row);
                                let sums = tile::<$m, 1, SIGNED, false>(&rows, some, &offsets);
                                for (j, [sums]) in sums.iter().enumerate() {
                                    let at = (row + j) * dims.units + i * WIDTH;
                                    store(sums, &mut c[at..][..width]);
                                }
                                row += $m;
                            })+
                            _ => unreachable!(),
                        }
                    }
                    i += 1;
                }
            }
        }

        $(#[$attribute])*
        fn dense_packed(dims: Dims, x: &[i8], packed: &[u8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
            check_ends(dims, x, b, y, how);
            let panel = panel_of(packed, dims.inputs);
            let count = dims.units.div_ceil(WIDTH);
            let slabs = x.chunks(SLAB * dims.inputs).zip(y.chunks_mut(SLAB * dims.units));
            for (x, y) in slabs {
                let slab = slab::<true>(dims, bytemuck::must_cast_slice(x));
                let mut i = 0;
                // Takes as many panels at once, for all rows.
                macro_rules! take {
                    ($panels:literal) => {{
                        let some: [&[[u8; 64]]; $panels] = core::array::from_fn(|j| panel(i + j));
                        let ends: [Finish; $panels] = core::array::from_fn(|j| {
                            prepare(Lanes::of(b, how, (i + j) * WIDTH), how)
                        });
                        let mut row = 0;
                        while row < slab.rows {
                            match tile_rows(slab.rows - row) {
                                $($m => {
                                    let (rows, offsets) = slab.some(dims, row);
                                    let sums = tile::<$m, $panels, true, true>(&rows, some, &offsets);
                                    for (j, end) in ends.iter().enumerate() {
                                        let at = (i + j) * WIDTH;
                                        let width = (dims.units - at).min(WIDTH);
                                        let products = core::array::from_fn(|row| sums[row][j]);
                                        let y = &mut y[row * dims.units + at..];
                                        finish::<$m>(end, how, &products, y, (dims.units, width));
                                    }
                                    row += $m;
                                })+
                                _ => unreachable!(),
                            }
                        }
                        i += $panels;
                    }};
                }
                // One row has too few sums of its own to keep the multiplier busy.
                while slab.rows == 1 && $wide > $n && count - i >= $wide {
                    let some: [&[[u8; 64]]; $wide] = core::array::from_fn(|j| panel(i + j));
                    let (rows, offsets) = slab.some(dims, 0);
                    let [sums] = tile::<1, $wide, true, true>(&rows, some, &offsets);
                    for (j, sums) in sums.into_iter().enumerate() {
                        let at = (i + j) * WIDTH;
                        let width = (dims.units - at).min(WIDTH);
                        let end = prepare(Lanes::of(b, how, at), how);
                        finish::<1>(&end, how, &[sums], &mut y[at..], (dims.units, width));
                    }
                    i += $wide;
                }
                while count - i >= $n {
                    take!($n);
                }
                while i < count {
                    take!(1);
                }
            }
        }

        /// Some rows, with what their sums begin with.
        #[inline]
        $(#[$attribute])*
        fn slab<'a, const SIGNED: bool>(dims: Dims, bytes: &'a [u8]) -> Slab<'a> {
            let mut slab = Slab { bytes, rows: bytes.len() / dims.inputs, offsets: [0; SLAB] };
            for (offset, row) in slab.offsets.iter_mut().zip(bytes.chunks_exact(dims.inputs)) {
                *offset = offset_of::<SIGNED>(row);
            }
            slab
        }
    };
}

/// Rows that go by some panels before the next panels come.
pub(super) const SLAB: usize = 96;

/// Some rows, at most [`SLAB`].
pub(super) struct Slab<'a> {
    pub bytes: &'a [u8],
    pub rows: usize,
    /// What the sums of each begin with.
    pub offsets: [i32; SLAB],
}

impl<'a> Slab<'a> {
    /// `M` rows from `first` on, with what their sums begin with.
    #[inline(always)]
    pub fn some<const M: usize>(&self, dims: Dims, first: usize) -> ([&'a [u8]; M], [i32; M]) {
        let bytes = &self.bytes[first * dims.inputs..][..M * dims.inputs];
        let rows = core::array::from_fn(|i| &bytes[i * dims.inputs..][..dims.inputs]);
        (rows, core::array::from_fn(|i| self.offsets[first + i]))
    }
}

/// The panels of a packed matrix, by their numbers.
#[inline(always)]
pub(super) fn panel_of<'a>(packed: &'a [u8], inputs: usize) -> impl Fn(usize) -> &'a [[u8; 64]] {
    let blocks = 1 + inputs.div_ceil(4);
    let panels = packed.as_chunks().0;
    move |i| &panels[i * blocks..][..blocks]
}

/// Defines `prepare` and `finish` by `requantize`, row by row.
#[cfg(target_arch = "aarch64")]
macro_rules! finish_rows {
    ($(#[$attribute:meta])*) => {
        type Finish = Lanes;

        fn prepare(lanes: Lanes, _: &Requantize<'_>) -> Finish {
            lanes
        }

        $(#[$attribute])*
        #[inline]
        fn finish<const M: usize>(
            lanes: &Finish,
            how: &Requantize<'_>,
            products: &[[i32; WIDTH]; M],
            y: &mut [i8],
            (stride, width): (usize, usize),
        ) {
            for (products, y) in products.iter().zip(y.chunks_mut(stride)) {
                store(&requantize(&lanes.add(products), how), &mut y[..width]);
            }
        }
    };
}

#[cfg(target_arch = "aarch64")]
pub(super) use finish_rows;
pub(super) use {dense_i8, dense_i16, packed};
