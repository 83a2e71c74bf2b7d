//! The loops that add up products, written once for any lanes.

use super::lanes::Lanes;
use super::{Products, Sums};

/// The last index of `count` rows of `width` at a stride, plus one.
#[inline(always)]
fn extent(count: usize, stride: usize, width: usize) -> usize {
    if count == 0 { 0 } else { (count - 1) * stride + width }
}

/// The order in which libfann adds up a unit's products: the remainder of a
/// division by four first, with descending index; then groups of four, which
/// each are added up before they are added.
#[derive(Clone, Copy)]
struct Order {
    /// Products before the groups.
    rest: usize,
    /// Groups before the one with the bias, and all.
    before: usize,
    groups: usize,
    /// Whether a group holds the bias.
    bias_in_group: bool,
}

impl Order {
    #[inline(always)]
    fn new(sources: usize, bias_at: usize) -> Order {
        let count = sources + 1;
        let rest = count % 4;
        let before = bias_at.saturating_sub(rest) / 4;
        Order { rest, before, groups: count / 4, bias_in_group: bias_at >= rest }
    }
}

#[inline(always)]
pub(super) fn sums<V: Lanes>(s: &Sums, x: &[f32], panel: &[f32], sums: &mut [f32]) {
    assert!(s.bias_at <= s.sources && (1..=s.columns).contains(&s.units));
    assert!(x.len() >= extent(s.samples, s.x_stride, s.sources));
    assert!(sums.len() >= extent(s.samples, s.sums_stride, s.units));
    assert!(panel.len() >= (s.to - s.from) * s.columns);
    let count = s.sources + 1;
    assert!(s.from < s.to && s.to <= count && (count - s.to).is_multiple_of(4));
    assert!(s.from == 0 || (count - s.from).is_multiple_of(4));
    if s.columns == V::N {
        sums_wide::<V, 1>(s, x, panel, sums);
    } else {
        assert!(s.columns == 2 * V::N);
        sums_wide::<V, 2>(s, x, panel, sums);
    }
}

#[inline(always)]
fn sums_wide<V: Lanes, const I: usize>(s: &Sums, x: &[f32], panel: &[f32], sums: &mut [f32]) {
    let fours = s.samples / 4 * 4;
    let mut sample = 0;
    while sample < fours {
        // SAFETY: `sums` has checked the lengths for all samples.
        unsafe { sums_tile::<V, 4, I>(s, sample, x, panel, sums) };
        sample += 4;
    }
    while sample < s.samples {
        // SAFETY: as above.
        unsafe { sums_tile::<V, 1, I>(s, sample, x, panel, sums) };
        sample += 1;
    }
}

/// The sums of `S` samples from `sample` and of `I` vectors of units.
///
/// # Safety
/// The lengths are as `sums` checks them, and the samples are there.
#[inline(always)]
unsafe fn sums_tile<V: Lanes, const S: usize, const I: usize>(
    s: &Sums,
    sample: usize,
    x: &[f32],
    panel: &[f32],
    sums: &mut [f32],
) {
    // SAFETY: the caller's promise: S rows of x, and as many rows of the panel
    // as there are connections; connections after the bias read one source
    // before their index.
    unsafe {
        let x: [*const f32; S] =
            core::array::from_fn(|i| x.as_ptr().add((sample + i) * s.x_stride));
        let row = |j: usize| panel.as_ptr().add((j - s.from) * I * V::N);
        let source = |i: usize, j: usize| match j.cmp(&s.bias_at) {
            core::cmp::Ordering::Less => *x[i].add(j),
            core::cmp::Ordering::Equal => 1.0,
            core::cmp::Ordering::Greater => *x[i].add(j - 1),
        };
        let mut sum = [[V::splat(0.0); I]; S];
        let mut j = s.from;
        if j == 0 {
            j = (s.sources + 1) % 4;
            for j in (0..j).rev() {
                let w: [V; I] = core::array::from_fn(|v| V::load(row(j).add(v * V::N)));
                for (i, sum) in sum.iter_mut().enumerate() {
                    let x = V::splat(source(i, j));
                    for (sum, w) in sum.iter_mut().zip(w) {
                        *sum = sum.add(w.mul(x));
                    }
                }
            }
        } else {
            each_part::<V, S, I>(s, sample, &mut sum, |sum, at, width| {
                let from = sums.as_ptr().add(at);
                *sum = if width < V::N { V::load_first(from, width) } else { V::load(from) };
            });
        }
        while j + 4 <= s.to.min(s.bias_at) {
            add_group(&mut sum, row(j), |i, k| *x[i].add(j + k));
            j += 4;
        }
        if j <= s.bias_at && j < s.to {
            add_group(&mut sum, row(j), |i, k| source(i, j + k));
            j += 4;
        }
        while j < s.to {
            add_group(&mut sum, row(j), |i, k| *x[i].add(j + k - 1));
            j += 4;
        }
        each_part::<V, S, I>(s, sample, &mut sum, |sum, at, width| {
            let to = sums.as_mut_ptr().add(at);
            if width < V::N { sum.store_first(to, width) } else { sum.store(to) }
        });
    }
}

/// Tells `each` about every vector of a tile that has units: its place among
/// the sums and how many units.
#[inline(always)]
fn each_part<V: Lanes, const S: usize, const I: usize>(
    s: &Sums,
    sample: usize,
    tile: &mut [[V; I]; S],
    mut each: impl FnMut(&mut V, usize, usize),
) {
    for (i, row) in tile.iter_mut().enumerate() {
        for (v, vector) in row.iter_mut().enumerate() {
            let width = s.units.saturating_sub(v * V::N).min(V::N);
            if width > 0 {
                each(vector, (sample + i) * s.sums_stride + v * V::N, width);
            }
        }
    }
}

/// Adds a group of four rows of the panel, times four values of each sample.
///
/// # Safety
/// `w` is valid for reads of four rows.
#[inline(always)]
unsafe fn add_group<V: Lanes, const S: usize, const I: usize>(
    sum: &mut [[V; I]; S],
    w: *const f32,
    x: impl Fn(usize, usize) -> f32,
) {
    // SAFETY: the caller's promise.
    let w: [[V; I]; 4] = core::array::from_fn(|k| {
        core::array::from_fn(|v| unsafe { V::load(w.add((k * I + v) * V::N)) })
    });
    for (i, sum) in sum.iter_mut().enumerate() {
        let x: [V; 4] = core::array::from_fn(|k| V::splat(x(i, k)));
        for (v, sum) in sum.iter_mut().enumerate() {
            let mut four = w[0][v].mul(x[0]);
            for k in 1..4 {
                four = four.add(w[k][v].mul(x[k]));
            }
            *sum = sum.add(four);
        }
    }
}

#[inline(always)]
pub(super) fn dots<V: Lanes>(bias_at: usize, x: &[f32], w: &[f32], b: &[f32], sums: &mut [f32]) {
    let n = x.len();
    assert!(bias_at <= n && w.len() == n * b.len() && sums.len() == b.len());
    let order = Order::new(n, bias_at);
    let mut unit = 0;
    while unit < b.len() {
        // Two sums of fours hide each other's waiting times.
        unit += if b.len() - unit > 4 {
            dots_from::<V, 2>(order, (bias_at, unit), x, w, b, sums)
        } else {
            dots_from::<V, 1>(order, (bias_at, unit), x, w, b, sums)
        };
    }
}

/// The sums of at most `4 Q` units from `unit` on; returns how many they are.
#[inline(always)]
fn dots_from<V: Lanes, const Q: usize>(
    order: Order,
    (bias_at, unit): (usize, usize),
    x: &[f32],
    w: &[f32],
    b: &[f32],
    to: &mut [f32],
) -> usize {
    let n = x.len();
    let count = (b.len() - unit).min(4 * Q);
    // Units that are not there repeat the last one.
    let place = |q: usize, i: usize| unit + (4 * q + i).min(count - 1);
    let rows: [[&[f32]; 4]; Q] =
        core::array::from_fn(|q| core::array::from_fn(|i| &w[place(q, i) * n..][..n]));
    // A connection's products for all units.
    let products = |j: usize| -> [[f32; 4]; Q] {
        if j == bias_at {
            return core::array::from_fn(|q| core::array::from_fn(|i| b[place(q, i)]));
        }
        let j = if j < bias_at { j } else { j - 1 };
        let x = x[j];
        // SAFETY: rows are as long as x.
        rows.map(|four| four.map(|row| unsafe { row.get_unchecked(j) } * x))
    };
    let mut sums = [[0.0f32; 4]; Q];
    for j in (0..order.rest).rev() {
        sums = plus(sums, products(j));
    }
    let start = order.rest;
    let bias_group = start + order.before * 4;
    if order.bias_in_group {
        sums = dots_of_groups::<V, Q>(x, rows, start, order.before, sums);
        let mut four = products(bias_group);
        for k in 1..4 {
            four = plus(four, products(bias_group + k));
        }
        sums = plus(sums, four);
        let left = order.groups - order.before - 1;
        sums = dots_of_groups::<V, Q>(x, rows, bias_group + 3, left, sums);
    } else {
        sums = dots_of_groups::<V, Q>(x, rows, start - 1, order.groups, sums);
    }
    to[unit..][..count].copy_from_slice(&sums.as_flattened()[..count]);
    count
}

#[inline(always)]
fn plus<const Q: usize>(a: [[f32; 4]; Q], b: [[f32; 4]; Q]) -> [[f32; 4]; Q] {
    core::array::from_fn(|q| core::array::from_fn(|i| a[q][i] + b[q][i]))
}

/// Adds `groups` groups of four from index `at` on to the sums.
#[inline(always)]
fn dots_of_groups<V: Lanes, const Q: usize>(
    x: &[f32],
    rows: [[&[f32]; 4]; Q],
    at: usize,
    groups: usize,
    sums: [[f32; 4]; Q],
) -> [[f32; 4]; Q] {
    if groups == 0 {
        return sums;
    }
    let len = groups * 4;
    let x = &x[at..][..len];
    let rows = rows.map(|four| four.map(|row| row[at..][..len].as_ptr()));
    let mut fours = sums.map(V::four);
    let mut j = 0;
    while j + V::N <= len {
        // SAFETY: `N` more floats are there, in rows as long as x.
        unsafe {
            let x = V::load(x.as_ptr().add(j));
            for (four, rows) in fours.iter_mut().zip(rows) {
                *four = V::add_fours(rows.map(|row| V::load(row.add(j)).mul(x)), *four);
            }
        }
        j += V::N;
    }
    let mut sums = fours.map(V::sums);
    while j < len {
        for (sums, rows) in sums.iter_mut().zip(rows) {
            for (sum, row) in sums.iter_mut().zip(rows) {
                // SAFETY: as above, four more.
                let product = |k: usize| unsafe { *row.add(j + k) } * x[j + k];
                *sum += ((product(0) + product(1)) + product(2)) + product(3);
            }
        }
        j += 4;
    }
    sums
}

#[inline(always)]
pub(super) fn products<V: Lanes>(p: &Products, c: &[f32], rows: &[f32], acc: &mut [f32]) {
    if p.depth == 0 || p.rows == 0 {
        return;
    }
    assert!(c.len() > (p.depth - 1) * p.c_by_depth + (p.rows - 1) * p.c_by_row);
    assert!(rows.len() >= extent(p.depth, p.depth_stride, p.columns));
    assert!(acc.len() >= extent(p.rows, p.acc_stride, p.columns));
    let mut column = 0;
    while column < p.columns {
        let width = (p.columns - column).min(2 * V::N);
        let mut row = 0;
        while row < p.rows {
            // SAFETY: the lengths were checked; row and column are inside.
            unsafe {
                let tile = (c.as_ptr().add(row * p.c_by_row), rows.as_ptr().add(column));
                let acc = acc.as_mut_ptr().add(row * p.acc_stride + column);
                row += match p.rows - row {
                    1 => products_wide::<V, 1>(p, width, tile, acc),
                    2 => products_wide::<V, 2>(p, width, tile, acc),
                    3 => products_wide::<V, 3>(p, width, tile, acc),
                    _ => products_wide::<V, 4>(p, width, tile, acc),
                };
            }
        }
        column += width;
    }
}

/// Returns how many rows it has done.
///
/// # Safety
/// As `products_tile`.
#[inline(always)]
unsafe fn products_wide<V: Lanes, const A: usize>(
    p: &Products,
    width: usize,
    tile: (*const f32, *const f32),
    acc: *mut f32,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        if width == 2 * V::N {
            products_tile::<V, A, 2, false>(p, width, tile, acc);
        } else if width > V::N {
            products_tile::<V, A, 2, true>(p, width, tile, acc);
        } else if width == V::N {
            products_tile::<V, A, 1, false>(p, width, tile, acc);
        } else {
            products_tile::<V, A, 1, true>(p, width, tile, acc);
        }
    }
    A
}

/// `A` rows of `width` columns, in `I` vectors of which the last may be `PART`.
///
/// # Safety
/// The tile lies inside the slices of a call that `products` has checked:
/// `c` and `rows` point to its first coefficient and column, `acc` to its place.
#[inline(always)]
unsafe fn products_tile<V: Lanes, const A: usize, const I: usize, const PART: bool>(
    p: &Products,
    width: usize,
    (c, rows): (*const f32, *const f32),
    acc: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let last = width - (I - 1) * V::N;
        let load = |from: *const f32, v: usize| {
            let from = from.add(v * V::N);
            if PART && v + 1 == I { V::load_first(from, last) } else { V::load(from) }
        };
        let mut sum: [[V; I]; A] = core::array::from_fn(|a| {
            core::array::from_fn(|v| load(acc.add(a * p.acc_stride).cast_const(), v))
        });
        for k in 0..p.depth {
            let row = rows.add(k * p.depth_stride);
            let row: [V; I] = core::array::from_fn(|v| load(row, v));
            for (a, sum) in sum.iter_mut().enumerate() {
                let c = V::splat(*c.add(k * p.c_by_depth + a * p.c_by_row));
                for (sum, row) in sum.iter_mut().zip(row) {
                    *sum = sum.add(c.mul(row));
                }
            }
        }
        for (a, sum) in sum.iter().enumerate() {
            for (v, sum) in sum.iter().enumerate() {
                let to = acc.add(a * p.acc_stride + v * V::N);
                if PART && v + 1 == I { sum.store_first(to, last) } else { sum.store(to) }
            }
        }
    }
}
