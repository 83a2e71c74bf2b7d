//! Every integer kernel against the portable one, and that against sums in
//! wide arithmetic, on thousands of random shapes.

use super::super::tests::{all, distinct, quick};
use super::*;
use crate::error::Error;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::vec::Vec;

/// Random layers. One of three has extreme numbers only.
struct Source(Xoshiro256PlusPlus);

impl Source {
    fn new(seed: u64) -> Source {
        Source(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn below(&mut self, limit: u64) -> usize {
        (self.0.next_u64() % limit) as usize
    }

    /// Numbers of `from`'s choice by random bits and a kind, 0 to 2.
    fn many<T>(&mut self, len: usize, from: impl Fn(u64, usize) -> T) -> Vec<T> {
        let kind = self.below(3);
        (0..len).map(|_| from(self.0.next_u64(), kind)).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<i8> {
        self.many(len, |bits, kind| match kind {
            0 => [-128, -127, 127][(bits % 3) as usize],
            _ => bits as i8,
        })
    }

    fn words(&mut self, len: usize, least: i16) -> Vec<i16> {
        self.many(len, |bits, kind| match kind {
            0 => [least, 32_767][(bits % 2) as usize],
            _ => (bits as i16).max(least),
        })
    }

    fn biases(&mut self, len: usize) -> Vec<i32> {
        self.many(len, |bits, kind| if kind == 0 { bits as i32 } else { bits as i32 >> 12 })
    }

    /// Multipliers of all sizes, or such that most outputs are not at the ends.
    fn multipliers(&mut self, len: usize, max_shift: i8) -> (Vec<i32>, Vec<i8>) {
        let factors = self.many(len, |bits, kind| match (kind, bits % 8) {
            (0, 0) => 0,
            (0, 1) => i32::MAX,
            (0, 2) => 1 << 30,
            _ => (bits >> 34) as i32 | 1 << 30,
        });
        // For all units about alike, as kernels have ways of their own for most.
        let about = self.below(24) as i8;
        let shifts = self.many(len, |bits, kind| match kind {
            0 => -31 + (bits % (max_shift as u64 + 32)) as i8,
            1 => -6 - (bits % 10) as i8,
            _ => -about - (bits % 2) as i8,
        });
        (factors, shifts)
    }

    fn clamp(&mut self, least: i16, most: i16) -> (i16, (i16, i16)) {
        let span = (i32::from(most) - i32::from(least) + 1) as u64;
        let mut one = || (i32::from(least) + self.below(span) as i32) as i16;
        let (zero, a, b) = (one(), one(), one());
        if self.below(2) == 0 { (zero, (least, most)) } else { (zero, (a.min(b), a.max(b))) }
    }

    fn dims(&mut self) -> Dims {
        let wide = self.below(20) == 0;
        let inputs = 1 + self.below(if wide { 5000 } else { 300 });
        Dims { inputs, units: 1 + self.below(if wide { 5 } else { 50 }) }
    }
}

/// `portable` on the left, all other kernels on the right.
fn others() -> impl Iterator<Item = Kernel> {
    all().filter(|kernel| *kernel != Kernel::Portable)
}

fn rounding(bit: usize) -> Rounding {
    if bit == 0 { Rounding::Single } else { Rounding::Double }
}

#[test]
fn int8_layers_agree_bit_for_bit() {
    let mut source = Source::new(1);
    for round in 0..3000 {
        let dims = source.dims();
        // More rows than go by a panel at once, too.
        let most = if round % 100 == 0 {
            250
        } else if round % 10 == 0 {
            40
        } else {
            3
        };
        let samples = 1 + source.below(most);
        let x = source.bytes(samples * dims.inputs);
        let w = source.bytes(dims.units * dims.inputs);
        let b = source.biases(dims.units);
        let (factors, shifts) = source.multipliers(dims.units, 30);
        let (zero_point, clamp) = source.clamp(-128, 127);
        let rounding = rounding(source.below(2));
        let how = Requantize { factors: &factors, shifts: &shifts, zero_point, clamp, rounding };
        let mut want = std::vec![0; samples * dims.units];
        dense_i8(Kernel::Portable, &x, &w, &b, &how, &mut want).unwrap();
        // One output by the definition.
        let (s, u) = (source.below(samples as u64), source.below(dims.units as u64));
        let row = |v: &[i8], i: usize| v[i * dims.inputs..][..dims.inputs].to_vec();
        let products = row(&x, s).into_iter().zip(row(&w, u));
        let sum: i64 = products.map(|(x, w)| i64::from(x) * i64::from(w)).sum();
        let sum = (sum + i64::from(b[u])) as i32;
        let scaled = Multiplier { factor: factors[u], shift: shifts[u] }.round(sum, rounding);
        let output = (scaled + i64::from(zero_point)).clamp(clamp.0.into(), clamp.1.into());
        assert_eq!(i64::from(want[s * dims.units + u]), output);

        let mut packed = std::vec![0x55; packed_len(dims.inputs, dims.units).unwrap()];
        pack_rows(dims.inputs, &w, &mut packed);
        for kernel in all() {
            let mut got = std::vec![0; want.len()];
            (kernel.packed().unwrap().dense)(dims, &x, &packed, &b, &how, &mut got);
            assert!(got == want, "{kernel:?} packed {samples} {dims:?} {how:?}");
        }
        for kernel in others() {
            let mut got = std::vec![0; want.len()];
            dense_i8(kernel, &x, &w, &b, &how, &mut got).unwrap();
            assert!(got == want, "{kernel:?} {samples} {dims:?} {how:?}");
        }
    }
}

#[test]
fn int16_layers_agree_bit_for_bit() {
    let mut source = Source::new(2);
    for _ in 0..3000 {
        let dims = source.dims();
        let samples = 1 + source.below(2);
        let x = source.words(samples * dims.inputs, -32_768);
        let w = source.bytes(dims.units * dims.inputs);
        let w16 = source.words(dims.units * dims.inputs, -32_767);
        let b = source.many(dims.units, |bits, kind| bits as i64 >> [1, 20, 40][kind]);
        let (factors, shifts) = source.multipliers(dims.units, 14);
        let (zero_point, clamp) = source.clamp(-32_768, 32_767);
        let rounding = rounding(source.below(2));
        let how = Requantize { factors: &factors, shifts: &shifts, zero_point, clamp, rounding };
        let mut want = [std::vec![0; samples * dims.units], std::vec![0; samples * dims.units]];
        dense_i16x8(Kernel::Portable, &x, &w, &b, &how, &mut want[0]).unwrap();
        dense_i16(Kernel::Portable, &x, &w16, &b, &how, &mut want[1]).unwrap();
        // The first output by the definition.
        let sum: i128 = (0..dims.inputs).map(|i| i128::from(x[i]) * i128::from(w16[i])).sum();
        let sum = (sum + i128::from(b[0])).clamp(-(1 << 47), (1 << 47) - 1) as i64;
        let multiplier = Multiplier { factor: factors[0], shift: shifts[0] };
        let scaled = multiplier.round_wide(sum, rounding);
        let output = (scaled + i64::from(zero_point)).clamp(clamp.0.into(), clamp.1.into());
        assert_eq!(i64::from(want[1][0]), output);
        // The portable one comes first.
        for (kernel, _) in distinct(Kernel::int16).skip(1) {
            let mut got = want.clone().map(|y| std::vec![0; y.len()]);
            dense_i16x8(kernel, &x, &w, &b, &how, &mut got[0]).unwrap();
            dense_i16(kernel, &x, &w16, &b, &how, &mut got[1]).unwrap();
            assert!(got == want, "{kernel:?} {samples} {dims:?}");
        }
    }
}

#[test]
fn products_of_matrices_agree_bit_for_bit() {
    let mut source = Source::new(3);
    for round in 0..1500 {
        let most = if round % 50 == 0 { 250 } else { 40 };
        let [m, n, k] = [most, 70, 150].map(|limit| 1 + source.below(limit));
        let size = MatmulSize { m, n, k };
        let (a, b) = (source.bytes(m * k), source.bytes(k * n));
        let unsigned: Vec<u8> = a.iter().map(|a| *a as u8).collect();
        let transposed: Vec<i8> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
        let product = |at: &dyn Fn(usize) -> i32| -> Vec<i32> {
            let cell = |row: usize, column: usize| -> i32 {
                (0..k).map(|j| at(row * k + j) * i32::from(b[j * n + column])).sum()
            };
            (0..m * n).map(|i| cell(i / n, i % n)).collect()
        };
        let want = product(&|i| i32::from(a[i]));
        let want_unsigned = product(&|i| i32::from(unsigned[i]));
        let mut scratch = std::vec![0x55; packed_i8_len(k, n).unwrap() + 3];
        let mut c = std::vec![0; m * n];
        for kernel in all() {
            matmul_i8(kernel, size, &a, &b, &mut c, &mut scratch[3..]).unwrap();
            assert!(c == want, "{kernel:?} {size:?}");
            let packed = scratch[3..].to_vec();
            matmul_u8i8(kernel, size, &unsigned, &b, &mut c, &mut scratch).unwrap();
            assert!(c == want_unsigned, "{kernel:?} {size:?}");
            pack_transposed_i8(k, n, &transposed, &mut scratch).unwrap();
            assert!(scratch[..packed.len()] == packed);
        }
    }
}

/// Where tiles of rows, panels, and what is kept of long rows begin and end.
#[test]
fn edges_of_packed_products_agree_bit_for_bit() {
    let mut source = Source::new(4);
    let long = [1023, 1024, 1025, 1040, 2047, 2704, 2719, 2720, 2721, 3072, 3073, 4100];
    let inputs = (1..35).chain(334..339).chain(long);
    for (at, inputs) in inputs.enumerate() {
        // Of the long rows, where turns are few, each has others of these.
        let one_of = if quick() && inputs > 1000 { 4 } else { 1 };
        let samples = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 18, 47, 48, 49];
        for samples in samples.into_iter().skip(at % one_of).step_by(one_of) {
            let units = [1, 8, 15, 16, 17, 63, 65, 81][source.below(8)];
            let dims = Dims { inputs, units };
            let size = MatmulSize { m: samples, n: units, k: inputs };
            let (x, w) = (source.bytes(samples * inputs), source.bytes(units * inputs));
            let unsigned: Vec<u8> = x.iter().map(|x| *x as u8).collect();
            let b = source.biases(units);
            let (factors, shifts) = source.multipliers(units, 30);
            let (zero_point, clamp) = source.clamp(-128, 127);
            let rounding = rounding(source.below(2));
            let how =
                Requantize { factors: &factors, shifts: &shifts, zero_point, clamp, rounding };
            let mut packed = std::vec![0x55; packed_len(inputs, units).unwrap()];
            pack_rows(inputs, &w, &mut packed);
            let results = |kernel: Kernel| {
                let mut c = [std::vec![0; samples * units], std::vec![0; samples * units]];
                matmul_packed_i8(kernel, size, &x, &packed, &mut c[0]).unwrap();
                matmul_packed_u8i8(kernel, size, &unsigned, &packed, &mut c[1]).unwrap();
                let mut y = [std::vec![0; samples * units], std::vec![0; samples * units]];
                (kernel.packed().unwrap().dense)(dims, &x, &packed, &b, &how, &mut y[0]);
                dense_i8(kernel, &x, &w, &b, &how, &mut y[1]).unwrap();
                (c, y)
            };
            let want = results(Kernel::Portable);
            for kernel in others() {
                assert!(results(kernel) == want, "{kernel:?} {samples} {dims:?} {how:?}");
            }
        }
    }
}

/// Sums of the largest layers: exact in 32 bits for bytes, and in 64 bits.
#[test]
fn the_largest_layers_of_extremes_do_not_saturate() {
    let inputs = 65_535;
    let how = Requantize {
        factors: &[1 << 30],
        shifts: &[-23],
        zero_point: 0,
        clamp: (-128, 127),
        rounding: Rounding::Single,
    };
    let wide = Requantize { clamp: (-32_768, 32_767), shifts: &[-31], ..how };
    for kernel in all() {
        for (x, w) in [(-128i8, -127i8), (-128, 127), (127, 127), (-128, -128), (127, -128)] {
            let sum = inputs as i32 * i32::from(x) * i32::from(w);
            let (x8, w8) = (std::vec![x; inputs], std::vec![w; inputs]);
            let mut y = [0];
            dense_i8(kernel, &x8, &w8, &[0], &how, &mut y).unwrap();
            assert_eq!(i32::from(y[0]), (((sum >> 23) + 1) >> 1).clamp(-128, 127), "{kernel:?}");
            let size = MatmulSize { m: 1, n: 1, k: inputs };
            let mut scratch = std::vec![0; packed_i8_len(inputs, 1).unwrap()];
            let mut c = [0];
            matmul_i8(kernel, size, &x8, &w8, &mut c, &mut scratch).unwrap();
            assert_eq!(c[0], sum, "{kernel:?}");

            let x16 = std::vec![i16::from(x) << 8 | 0x7f & i16::from(x); inputs];
            let mut y = [0];
            dense_i16x8(kernel, &x16, &w8, &[0], &wide, &mut y).unwrap();
            let sum = inputs as i64 * i64::from(x16[0]) * i64::from(w);
            let multiplier = Multiplier { factor: 1 << 30, shift: -31 };
            let scaled = |sum| multiplier.round_wide(sum, Rounding::Single);
            assert_eq!(i64::from(y[0]), scaled(sum).clamp(-32_768, 32_767), "{kernel:?}");
            let w16 = std::vec![if w < 0 { -32_767i16 } else { 32_767 }; inputs];
            dense_i16(kernel, &x16, &w16, &[0], &wide, &mut y).unwrap();
            let sum = inputs as i64 * i64::from(x16[0]) * i64::from(w16[0]);
            assert_eq!(i64::from(y[0]), scaled(sum).clamp(-32_768, 32_767), "{kernel:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let factors = [1 << 30; 2];
    let how = Requantize {
        factors: &factors,
        shifts: &[0; 2],
        zero_point: 0,
        clamp: (-128, 127),
        rounding: Rounding::Double,
    };
    let call = |x: usize, w: usize, b: usize, y: usize, how: &Requantize<'_>| {
        let [x, w] = [x, w].map(|len| std::vec![1i8; len]);
        let (b, mut y) = (std::vec![0; b], std::vec![0; y]);
        dense_i8(Kernel::Portable, &x, &w, &b, how, &mut y)
    };
    assert_eq!(call(3, 6, 2, 2, &how), Ok(()));
    assert_eq!(call(0, 6, 2, 0, &how), Ok(()));
    for (x, w, b, y) in [(4, 6, 2, 2), (3, 5, 2, 2), (3, 6, 0, 2), (3, 6, 2, 3), (3, 0, 2, 2)] {
        assert_eq!(call(x, w, b, y, &how), Err(Error::Length));
    }
    assert_eq!(call(2, 6, 3, 3, &how), Err(Error::Length), "three units, two multipliers");
    for wrong in [
        Requantize { shifts: &[0, 31], ..how },
        Requantize { shifts: &[-32, 0], ..how },
        Requantize { factors: &[1, 1 << 30], ..how },
        Requantize { factors: &[-1, 1 << 30], ..how },
        Requantize { zero_point: 128, ..how },
        Requantize { clamp: (1, 0), ..how },
        Requantize { clamp: (-129, 0), ..how },
    ] {
        assert_eq!(call(3, 6, 2, 2, &wrong), Err(Error::Invalid));
    }
    let how = Requantize { shifts: &[0; 2], ..how };
    let got = dense_i16(Kernel::Portable, &[1], &[1, -32_768], &[0; 2], &how, &mut [0; 2]);
    assert_eq!(got, Err(Error::Invalid));
    let long = Requantize { shifts: &[0, 15], ..how };
    let got = dense_i16x8(Kernel::Portable, &[1], &[1; 2], &[0; 2], &long, &mut [0; 2]);
    assert_eq!(got, Err(Error::Invalid));

    let size = MatmulSize { m: 2, n: 3, k: 4 };
    let matmul = |a: usize, b: usize, c: usize, scratch: usize| {
        let (a, b) = (std::vec![1; a], std::vec![1; b]);
        let (mut c, mut scratch) = (std::vec![0; c], std::vec![0; scratch]);
        matmul_i8(Kernel::Portable, size, &a, &b, &mut c, &mut scratch)
    };
    assert_eq!(packed_i8_len(4, 3), Ok(128));
    assert_eq!(packed_i8_len(usize::MAX, 100), Err(Error::Overflow));
    assert_eq!(matmul(8, 12, 6, 128), Ok(()));
    assert_eq!(matmul(8, 12, 6, 127), Err(Error::BufferTooSmall));
    for (a, b, c) in [(7, 12, 6), (8, 11, 6), (8, 12, 5)] {
        assert_eq!(matmul(a, b, c, 128), Err(Error::Length));
    }
}

#[cfg(unix)]
#[test]
fn kernels_stay_inside_their_slices() {
    use super::super::guard::Guarded;

    let maps: [Guarded; 4] = core::array::from_fn(|_| Guarded::new(1));
    for kernel in all() {
        for inputs in 1..140 {
            for units in [1, 3, 16, 21] {
                if inputs * units * 2 > 4000 {
                    continue;
                }
                let how = Requantize {
                    factors: &std::vec![1 << 30; units],
                    shifts: &std::vec![1; units],
                    zero_point: 0,
                    clamp: (-128, 127),
                    rounding: Rounding::Single,
                };
                let output = (2 * inputs + 5).min(127) as i16;
                let y = maps[3].end(units, 0i8);
                let x = maps[0].end(inputs, 1i8);
                let w = maps[1].end(units * inputs, 2i8);
                let b = maps[2].end(units, 5i32);
                dense_i8(kernel, x, w, b, &how, y).unwrap();
                assert!(y.iter().all(|y| i16::from(*y) == output), "{kernel:?} {inputs}");
                let b = maps[2].end(units, 5i64);
                let w = maps[1].end(units * inputs, 2i8);
                let x = maps[0].end(inputs, 1i16);
                let y = maps[3].end(units, 0i16);
                dense_i16x8(kernel, x, w, b, &how, y).unwrap();
                let w = maps[1].end(units * inputs, 2i16);
                dense_i16(kernel, x, w, b, &how, y).unwrap();
                assert!(y.iter().all(|y| *y == output), "{kernel:?} {inputs}");

                let len = packed_len(inputs, units).unwrap();
                if len <= 4000 {
                    let packed = maps[1].end(len, 0u8);
                    pack_transposed_i8(inputs, units, &std::vec![2; inputs * units], packed)
                        .unwrap();
                    let size = MatmulSize { m: 1, n: units, k: inputs };
                    let c = maps[3].end(units, 0i32);
                    matmul_packed_i8(kernel, size, maps[0].end(inputs, 1i8), packed, c).unwrap();
                    assert!(c.iter().all(|c| *c == 2 * inputs as i32), "{kernel:?} {inputs}");
                }
            }
        }
    }
}
