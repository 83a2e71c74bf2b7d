//! Every table's products, activations and updates against double precision.

use std::vec::Vec;

use super::super::tests::all;
use super::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

struct Draw(Xoshiro256PlusPlus);

impl Draw {
    fn new(seed: u64) -> Draw {
        Draw(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// From `low` to `high`, both included.
    fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.0.next_u64() % (high - low + 1) as u64) as usize
    }

    /// Mostly small, sometimes up to `high`.
    fn extent(&mut self, high: usize) -> usize {
        let small = self.whole(0, 3) > 0;
        self.whole(1, if small { high.min(20) } else { high })
    }

    fn float(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0
    }

    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }
}

fn tables() -> impl Iterator<Item = (Kernel, &'static FloatKernels)> {
    all().map(|kernel| (kernel, kernel.float().unwrap()))
}

fn rows(data: &[f32], stride: usize) -> Rows<'_> {
    Rows { data, stride }
}

fn rows_mut(data: &mut [f32], stride: usize) -> RowsMut<'_> {
    RowsMut { data, stride }
}

fn matrix(data: &[f32], strides: (usize, usize)) -> Matrix<'_> {
    Matrix { data, strides }
}

/// Sums of so many products of numbers within ±1.
fn near(got: f32, want: f64, terms: usize) -> bool {
    (f64::from(got) - want).abs() <= (terms + 2) as f64 * f64::from(f32::EPSILON)
}

fn product(terms: impl Iterator<Item = (f32, f32)>) -> f64 {
    terms.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
}

/// Holds what is in the rows to `want`, and what is between them to NaN.
fn check_rows(
    got: &[f32],
    (rows, cols, stride): (usize, usize, usize),
    terms: usize,
    want: impl Fn(usize, usize) -> f64,
) {
    for (i, got) in got.iter().enumerate() {
        let (r, c) = (i / stride, i % stride);
        if r < rows && c < cols {
            assert!(near(*got, want(r, c), terms), "row {r} column {c}: {got} {}", want(r, c));
        } else {
            assert!(got.is_nan(), "row {r} column {c} was written");
        }
    }
}

/// Rows of random numbers with NaN between them.
fn strided(draw: &mut Draw, rows: usize, cols: usize, stride: usize) -> Vec<f32> {
    let more = draw.whole(0, 3);
    let mut data = draw.floats((rows - 1) * stride + cols + more);
    for (i, x) in data.iter_mut().enumerate() {
        if i / stride >= rows || i % stride >= cols {
            *x = f32::NAN;
        }
    }
    data
}

fn layer_products(draw: &mut Draw, size: Size, k: &FloatKernels, scratch: usize) {
    let Size { samples, inputs, units } = size;
    let (sx, sy) = (inputs + draw.whole(0, 5), units + draw.whole(0, 5));
    let (x, d) = (strided(draw, samples, inputs, sx), strided(draw, samples, units, sy));
    let (w, b) = (draw.floats(units * inputs), draw.floats(units));
    let scratch = &mut std::vec![f32::NAN; scratch][..];

    let mut y = std::vec![f32::NAN; d.len()];
    (k.forward)(size, rows(&x, sx), &w, &b, rows_mut(&mut y, sy), scratch);
    check_rows(&y, (samples, units, sy), inputs, |s, u| {
        let terms = x[s * sx..][..inputs].iter().copied().zip(w[u * inputs..].iter().copied());
        f64::from(b[u]) + product(terms)
    });

    for add in [false, true] {
        let before = if add { strided(draw, samples, inputs, sx) } else { Vec::new() };
        let mut dx = before.clone();
        dx.resize(x.len(), f32::NAN);
        (k.backward)(size, rows(&d, sy), &w, rows_mut(&mut dx, sx), add, scratch);
        check_rows(&dx, (samples, inputs, sx), units, |s, i| {
            let terms = (0..units).map(|u| (d[s * sy + u], w[u * inputs + i]));
            product(terms) + if add { f64::from(before[s * sx + i]) } else { 0.0 }
        });

        let (mut dw, mut db) = (std::vec![f32::NAN; w.len()], std::vec![f32::NAN; units]);
        if add {
            (dw, db) = (w.clone(), b.clone());
        }
        (k.gradient)(size, rows(&d, sy), rows(&x, sx), &mut dw, &mut db, add, scratch);
        check_rows(&dw, (units, inputs, inputs), samples, |u, i| {
            let terms = (0..samples).map(|s| (d[s * sy + u], x[s * sx + i]));
            product(terms) + if add { f64::from(w[u * inputs + i]) } else { 0.0 }
        });
        check_rows(&db, (1, units, units), samples, |_, u| {
            let sum: f64 = (0..samples).map(|s| f64::from(d[s * sy + u])).sum();
            sum + if add { f64::from(b[u]) } else { 0.0 }
        });
    }
}

#[test]
fn products_of_layers() {
    for (kernel, k) in tables() {
        let mut draw = Draw::new(1);
        for _ in 0..2000 {
            let size =
                Size { samples: draw.extent(70), inputs: draw.extent(150), units: draw.extent(70) };
            let scratch = [SCRATCH, SCRATCH, 0, 100, 40_000][draw.whole(0, 4)];
            std::eprintln!("{kernel:?} {size:?} scratch {scratch}");
            layer_products(&mut draw, size, k, scratch);
        }
    }
}
