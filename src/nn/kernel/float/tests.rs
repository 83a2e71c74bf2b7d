//! Every table's products, activations and updates against double precision.

use std::vec::Vec;

use super::super::tests::{distinct, quick};
use super::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub(super) struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// From `low` to `high`, both included.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.0.next_u64() % (high - low + 1) as u64) as usize
    }

    /// Mostly small, sometimes up to `high`.
    pub fn extent(&mut self, high: usize) -> usize {
        let small = self.whole(0, 3) > 0;
        self.whole(1, if small { high.min(20) } else { high })
    }

    pub fn float(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0
    }

    pub fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }
}

pub(super) fn tables() -> impl Iterator<Item = (Kernel, &'static FloatKernels)> {
    distinct(Kernel::float)
}

/// So many random shapes for a kernel. Where turns are few, plain Rust has a tenth:
/// machines that are quick do the rest, and vector kernels have all of theirs.
fn turns(kernel: Kernel, all: usize) -> usize {
    if quick() && kernel == Kernel::Portable { all / 10 } else { all }
}

/// Of so many results one is calculated in double precision, others elsewhere
/// for the next shape.
fn one_of() -> usize {
    if quick() { 7 } else { 1 }
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
    let (len, one_of) = (got.len(), one_of());
    for (i, got) in got.iter().enumerate() {
        let (r, c) = (i / stride, i % stride);
        if r < rows && c < cols && (i + len) % one_of != 0 {
            assert!(!got.is_nan(), "row {r} column {c} was not written");
        } else if r < rows && c < cols {
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
        for _ in 0..turns(kernel, 2000) {
            let size =
                Size { samples: draw.extent(70), inputs: draw.extent(150), units: draw.extent(70) };
            let scratch = [SCRATCH, SCRATCH, 0, 100, 40_000][draw.whole(0, 4)];
            layer_products(&mut draw, size, k, scratch);
        }
    }
}

fn scalar_product(
    (a, a_strides): (&[f32], (usize, usize)),
    (b, b_strides): (&[f32], (usize, usize)),
    (i, j, k): (usize, usize, usize),
) -> f64 {
    product(
        (0..k)
            .map(|l| (a[i * a_strides.0 + l * a_strides.1], b[l * b_strides.0 + j * b_strides.1])),
    )
}

/// Strides of an m x n matrix: by rows, by columns, and if `any` of neither.
fn strides(draw: &mut Draw, (m, n): (usize, usize), any: bool) -> (usize, usize) {
    let more = draw.whole(0, 3);
    match draw.whole(0, if any { 2 } else { 1 }) {
        0 => (n + more, 1),
        1 => (1, m + more),
        _ => (2 * n + more, 2),
    }
}

#[test]
fn products_of_matrices() {
    let one_of = one_of();
    for (kernel, k) in tables() {
        let mut draw = Draw::new(2);
        for round in 0..turns(kernel, 1500) {
            let size @ (m, n, depth) = (draw.extent(90), draw.extent(90), draw.extent(300));
            let a_strides = strides(&mut draw, (m, depth), true);
            let b_strides = strides(&mut draw, (depth, n), true);
            let c_strides = strides(&mut draw, (m, n), false);
            let a = draw.floats(matmul::end((m, depth), a_strides).unwrap());
            let b = draw.floats(matmul::end((depth, n), b_strides).unwrap());
            let before = draw.floats(matmul::end((m, n), c_strides).unwrap());
            let best = (k.gemm_scratch)([m, n, depth]);
            let mut scratch = std::vec![f32::NAN; [0, SCRATCH, 3000, best][round % 4]];
            for add in [false, true] {
                let mut c = before.clone();
                matmul_f32(
                    kernel,
                    size,
                    MatrixRef { data: &a, strides: a_strides },
                    MatrixRef { data: &b, strides: b_strides },
                    MatrixRefMut { data: &mut c, strides: c_strides },
                    add,
                    &mut scratch,
                )
                .unwrap();
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let at = i * c_strides.0 + j * c_strides.1;
                    let got = core::mem::replace(&mut c[at], before[at]);
                    if (i * n + j + round) % one_of != 0 {
                        continue;
                    }
                    let old = if add { f64::from(before[at]) } else { 0.0 };
                    let want =
                        old + scalar_product((&a, a_strides), (&b, b_strides), (i, j, depth));
                    assert!(
                        near(got, want, depth),
                        "{kernel:?} {size:?} {a_strides:?} {b_strides:?} {c_strides:?}"
                    );
                }
                assert_eq!(c, before, "what is between the rows stays");
            }
        }
    }
}

#[test]
fn large_products_of_matrices() {
    for (kernel, k) in tables() {
        // One of so many ways to do it, others with the second size.
        let one_of = match (quick(), kernel) {
            (false, _) => 1,
            (true, Kernel::Portable) => 12,
            (true, _) => 5,
        };
        // The second one is wider than a block.
        for (at, (m, n, depth)) in [(401, 390, 520), (140, 1100, 400)].into_iter().enumerate() {
            let mut draw = Draw::new(3);
            let (a, b) = (draw.floats(m * depth), draw.floats(depth * n));
            let scratches = [SCRATCH, 150_000, (k.gemm_scratch)([m, n, depth])];
            let ways = (0..4).flat_map(|round| scratches.map(|len| (round, len)));
            for (round, scratch) in ways.skip(at % one_of).step_by(one_of) {
                let a_strides = [(1, m), (depth, 1)][round % 2];
                let b_strides = [(1, depth), (n, 1)][round / 2];
                let mut c = std::vec![1.0; m * n];
                let to = MatrixMut { data: &mut c, strides: (n, 1) };
                let mut scratch = std::vec![f32::NAN; scratch];
                let (a_at, b_at) = (matrix(&a, a_strides), matrix(&b, b_strides));
                (k.gemm)([m, n, depth], a_at, b_at, to, true, &mut scratch);
                for _ in 0..if quick() { 300 } else { 2000 } {
                    let (i, j) = (draw.whole(0, m - 1), draw.whole(0, n - 1));
                    let want =
                        1.0 + scalar_product((&a, a_strides), (&b, b_strides), (i, j, depth));
                    assert!(
                        near(c[i * n + j], want, depth),
                        "{kernel:?} {a_strides:?} {b_strides:?} {i} {j}"
                    );
                }
            }
        }
    }
}

#[test]
fn matrices_that_cannot_be_are_refused() {
    let kernel = Kernel::Portable;
    let (a, b) = ([1.0; 6], [1.0; 6]);
    let mut c = [0.0; 4];
    let mut try_it = |size, a_strides, c_strides, kernel| {
        matmul_f32(
            kernel,
            size,
            MatrixRef { data: &a, strides: a_strides },
            MatrixRef { data: &b, strides: (2, 1) },
            MatrixRefMut { data: &mut c, strides: c_strides },
            false,
            &mut [],
        )
    };
    use crate::error::Error;
    assert_eq!(try_it((2, 2, 3), (3, 1), (2, 1), kernel), Ok(()));
    assert_eq!(try_it((2, 2, 3), (0, 1), (1, 2), kernel), Ok(()), "one row twice");
    assert_eq!(try_it((0, 2, 3), (3, 1), (2, 1), kernel), Ok(()), "nothing");
    assert_eq!(try_it((2, 2, 3), (4, 1), (2, 1), kernel), Err(Error::Length));
    assert_eq!(try_it((2, 2, 3), (3, usize::MAX), (2, 1), kernel), Err(Error::Length));
    assert_eq!(try_it((2, 2, 4), (3, 1), (2, 1), kernel), Err(Error::Length));
    assert_eq!(try_it((2, 2, 3), (3, 1), (3, 1), kernel), Err(Error::Length));
    assert_eq!(try_it((2, 2, 3), (3, 1), (1, 1), kernel), Err(Error::Invalid));
    assert_eq!(try_it((2, 2, 3), (3, 1), (0, 1), kernel), Err(Error::Invalid));
    assert_eq!(try_it((2, 2, 3), (3, 1), (2, 1), Kernel::Dsp), Err(Error::Unsupported));
    let scratch = matmul_f32_scratch(kernel, (usize::MAX, usize::MAX, usize::MAX));
    assert_eq!(scratch, Ok(573_456), "no overflow, and no more than is documented");
}

#[test]
fn products_without_terms_are_what_they_start_from() {
    for (_, k) in tables() {
        let size = Size { samples: 2, inputs: 0, units: 2 };
        let mut y = [9.0; 4];
        (k.forward)(size, rows(&[], 0), &[], &[1.0, 2.0], rows_mut(&mut y, 2), &mut []);
        assert_eq!(y, [1.0, 2.0, 1.0, 2.0]);
        let mut c = [3.0; 4];
        for (add, want) in [(true, 3.0), (false, 0.0)] {
            let (a, b) = (matrix(&[], (0, 1)), matrix(&[], (2, 1)));
            let to = MatrixMut { data: &mut c, strides: (2, 1) };
            (k.gemm)([2, 2, 0], a, b, to, add, &mut []);
            assert_eq!(c, [want; 4]);
        }
        let size = Size { samples: 0, inputs: 2, units: 2 };
        let (mut dw, mut db) = ([5.0; 4], [6.0; 2]);
        (k.gradient)(size, rows(&[], 2), rows(&[], 2), &mut dw, &mut db, false, &mut []);
        assert_eq!((dw, db), ([0.0; 4], [0.0; 2]));
    }
}

/// The same numbers elsewhere in memory give the same bits.
#[test]
fn places_do_not_matter() {
    for (kernel, k) in tables() {
        let mut draw = Draw::new(4);
        for samples in [1, 2, 7, 40] {
            let size = Size { samples, inputs: 77, units: 19 };
            let all: [Vec<f32>; 3] = [samples * 77, 19 * 77, 19].map(|len| draw.floats(len));
            let mut first = Vec::new();
            for at in 0..17 {
                let [x, w, b] = all.each_ref().map(|x| [&std::vec![0.0; at][..], x].concat());
                let mut y = std::vec![0.0; samples * 19 + at];
                let mut scratch = std::vec![0.0; SCRATCH + at];
                (k.forward)(
                    size,
                    rows(&x[at..], 77),
                    &w[at..],
                    &b[at..],
                    rows_mut(&mut y[at..], 19),
                    &mut scratch[at..],
                );
                if at == 0 {
                    first.clone_from(&y);
                }
                assert_eq!(first, y[at..], "{kernel:?} {samples} {at}");
            }
        }
    }
}

/// Instead of a write beyond them.
#[test]
fn short_outputs_are_noticed_before_anything_is_written() {
    let size = Size { samples: 2, inputs: 3, units: 4 };
    let run = |k: &FloatKernels, y: &mut [f32]| {
        let (x, w, b) = ([1.0; 6], [1.0; 12], [1.0; 4]);
        (k.forward)(size, rows(&x, 3), &w, &b, rows_mut(y, 4), &mut []);
    };
    for (kernel, k) in tables() {
        run(k, &mut [0.0; 8]);
        let mut y = [0.0; 7];
        let short = std::panic::AssertUnwindSafe(|| run(k, &mut y));
        assert!(std::panic::catch_unwind(short).is_err(), "{kernel:?}");
        assert_eq!(y, [0.0; 7], "{kernel:?}");
    }
}

#[cfg(unix)]
mod guarded {
    use super::super::super::guard::Guarded;
    use super::*;

    #[test]
    fn products_stay_inside_their_slices() {
        let maps: [Guarded; 7] = core::array::from_fn(|_| Guarded::new(8));
        for (kernel, k) in tables() {
            let mut draw = Draw::new(5);
            for _ in 0..turns(kernel, 1500) {
                let (samples, inputs, units) = (draw.extent(40), draw.extent(70), draw.extent(70));
                let size = Size { samples, inputs, units };
                let x = maps[0].end(samples * inputs, 1.0f32);
                let w = maps[1].end(units * inputs, 2.0f32);
                let b = maps[2].end(units, 0.5f32);
                let y = maps[3].end(samples * units, 0.0f32);
                let dw = maps[4].end(units * inputs, 0.0f32);
                let dx = maps[5].end(samples * inputs, 0.0f32);
                let scratch = maps[6].end([SCRATCH, SCRATCH, 0, 500][draw.whole(0, 3)], 0.0f32);
                (k.forward)(size, rows(x, inputs), w, b, rows_mut(y, units), scratch);
                assert!(y.iter().all(|y| *y == 2.0 * inputs as f32 + 0.5), "{kernel:?} {size:?}");
                let d = maps[3].end(samples * units, 1.0f32);
                (k.backward)(size, rows(d, units), w, rows_mut(dx, inputs), false, scratch);
                assert!(dx.iter().all(|dx| *dx == 2.0 * units as f32), "{kernel:?} {size:?}");
                (k.gradient)(size, rows(d, units), rows(x, inputs), dw, b, false, scratch);
                assert!(dw.iter().chain(&*b).all(|g| *g == samples as f32), "{kernel:?} {size:?}");
                let (a, b) = (matrix(x, (inputs, 1)), matrix(w, (1, inputs)));
                let c = MatrixMut { data: d, strides: (units, 1) };
                (k.gemm)([samples, units, inputs], a, b, c, true, scratch);
            }
        }
    }

    #[test]
    fn functions_stay_inside_their_slices() {
        let maps: [Guarded; 5] = core::array::from_fn(|_| Guarded::new(1));
        let rprop = RpropStep { min: 0.0, max: 50.0, increase: 1.2, decrease: 0.5 };
        for (_, k) in tables() {
            for n in 1..70 {
                let [w, g, a, b, c] = maps.each_ref().map(|map| map.end(n, 0.5f32));
                for function in Activation::ALL {
                    (k.activate)(function, 0.5, w);
                    (k.slope)(function, 0.5, true, a, w, b);
                }
                (k.softmax)(1.0, w);
                assert!((k.finite)(w));
                (k.descend)(0.1, w, g);
                let step = MomentumStep { rate: 0.1, momentum: 0.5, nesterov: true };
                (k.momentum)(step, w, g, a);
                (k.fann_rprop)(rprop, w, g, a, b);
                (k.irprop_minus)(rprop, w, g, a, b);
                (k.irprop_plus)(rprop, true, w, g, a, b, c);
                (k.quickprop)(QuickStep { rate: 0.1, decay: 0.0, mu: 1.75 }, w, g, a, b);
                let unbias = [1.0; 2];
                let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
                let step = AdamStep { rate: 0.1, beta1, beta2, epsilon, unbias };
                (k.adam)(step, w, g, a, b);
            }
        }
    }
}
