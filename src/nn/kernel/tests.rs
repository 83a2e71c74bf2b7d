//! Every table against the portable one, on random shapes including odd ones.

use super::float::{Rows, RowsMut, Size};
use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// The kernels of this machine.
fn all() -> impl Iterator<Item = Kernel> {
    if Kernel::best() == Kernel::Portable {
        std::eprintln!("no vector kernels on this machine: only the portable ones are tested");
    }
    Kernel::ALL.into_iter().filter(|k| k.available())
}

fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-2.0f32..2.0, len)
}

fn close(a: &[f32], b: &[f32], terms: usize) -> bool {
    // Products of up to 4; rounding grows with the number of terms.
    let tolerance = 4.0 * terms as f32 * f32::EPSILON * 4.0;
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

fn rows(data: &[f32], stride: usize) -> Rows<'_> {
    Rows { data, stride }
}

fn rows_mut(data: &mut [f32], stride: usize) -> RowsMut<'_> {
    RowsMut { data, stride }
}

type Floats = (Dims, usize, Vec<f32>, Vec<f32>, Vec<f32>, Vec<f32>);

fn float_layers() -> impl Strategy<Value = Floats> {
    (1usize..70, 1usize..20, 1usize..5).prop_flat_map(|(inputs, units, samples)| {
        (
            Just(Dims { inputs, units }),
            Just(samples),
            floats(samples * inputs),
            floats(units * inputs),
            floats(units),
            floats(samples * units),
        )
    })
}

fn int_layers() -> impl Strategy<Value = (Dims, Vec<i8>, Vec<i8>, Vec<i32>)> {
    (1usize..200, 1usize..20).prop_flat_map(|(inputs, units)| {
        (
            Just(Dims { inputs, units }),
            prop::collection::vec(any::<i8>(), inputs),
            prop::collection::vec(any::<i8>(), units * inputs),
            prop::collection::vec(any::<i32>(), units),
        )
    })
}

proptest! {
    #[test]
    fn float_kernels_agree((dims, samples, x, w, b, d) in float_layers()) {
        let size = Size { samples, inputs: dims.inputs, units: dims.units };
        let portable = Kernel::Portable.float().unwrap();
        // What the layer should give, in double precision.
        let exact: Vec<f32> = (0..samples * dims.units).map(|i| {
            let (s, u) = (i / dims.units, i % dims.units);
            let sum: f64 = (0..dims.inputs)
                .map(|j| f64::from(x[s * dims.inputs + j]) * f64::from(w[u * dims.inputs + j]))
                .sum();
            (sum + f64::from(b[u])) as f32
        }).collect();
        for (kernel, k) in all().map(|k| (k, k.float().unwrap())) {
            let mut y = std::vec![f32::NAN; samples * dims.units];
            (k.forward)(size, rows(&x, dims.inputs), &w, &b, rows_mut(&mut y, dims.units), &mut []);
            prop_assert!(close(&y, &exact, dims.inputs + 1), "{:?}", kernel);

            let mut got = std::vec![f32::NAN; x.len()];
            let mut want = got.clone();
            (k.backward)(size, rows(&d, dims.units), &w, rows_mut(&mut got, dims.inputs), false, &mut []);
            (portable.backward)(size, rows(&d, dims.units), &w, rows_mut(&mut want, dims.inputs), false, &mut []);
            prop_assert!(close(&got, &want, dims.units), "{:?}", kernel);

            let (mut dw, mut db) = (w.clone(), b.clone());
            let (mut dw_want, mut db_want) = (w.clone(), b.clone());
            (k.gradient)(size, rows(&d, dims.units), rows(&x, dims.inputs), &mut dw, &mut db, true, &mut []);
            (portable.gradient)(size, rows(&d, dims.units), rows(&x, dims.inputs), &mut dw_want, &mut db_want, true, &mut []);
            prop_assert!(close(&dw, &dw_want, samples + 1), "{:?}", kernel);
            prop_assert!(close(&db, &db_want, samples + 1), "{:?}", kernel);
        }
    }

    #[test]
    fn integer_kernels_agree_bit_for_bit((dims, x, w, b) in int_layers()) {
        let exact: Vec<i32> = (0..dims.units).map(|u| {
            let sum: i64 = (0..dims.inputs)
                .map(|j| i64::from(x[j]) * i64::from(w[u * dims.inputs + j]))
                .sum();
            (sum + i64::from(b[u])) as i32
        }).collect();
        for (kernel, k) in all().map(|k| (k, k.int8().unwrap())) {
            let mut y = std::vec![0; dims.units];
            (k.dense)(dims, &x, &w, &b, &mut y);
            prop_assert_eq!(&y, &exact, "{:?}", kernel);
        }
    }
}

#[test]
fn the_largest_layer_of_extreme_bytes_does_not_saturate() {
    let dims = Dims { inputs: 65_535, units: 1 };
    for (x, w) in [(-128i8, -127i8), (-128, 127), (127, 127), (-128, -128)] {
        let (xs, ws) = (std::vec![x; dims.inputs], std::vec![w; dims.inputs]);
        let exact = (i64::from(x) * i64::from(w) * dims.inputs as i64) as i32;
        for (kernel, k) in all().map(|k| (k, k.int8().unwrap())) {
            let mut y = [0];
            (k.dense)(dims, &xs, &ws, &[0], &mut y);
            assert_eq!(y[0], exact, "{:?} {x} {w}", kernel);
        }
    }
}

#[test]
fn the_best_kernel_is_available() {
    assert!(Kernel::best().available());
    assert!(Kernel::Portable.available());
    assert!(!(Kernel::Avx2.available() && Kernel::Neon.available()));
    for code in 0..=Kernel::ALL.len() as u32 {
        if let Some(kernel) = Kernel::from_code(code) {
            assert_eq!(kernel.code(), code);
        }
    }
}

/// Slices that end right before a page that must not be touched: a kernel that
/// reads past its input dies here.
#[cfg(unix)]
#[allow(unsafe_code)]
mod guarded {
    use super::*;

    struct Guarded {
        start: *mut u8,
        page: usize,
    }

    impl Guarded {
        fn new() -> Guarded {
            // SAFETY: plain system calls; the results are checked.
            unsafe {
                let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
                let start = libc::mmap(
                    core::ptr::null_mut(),
                    2 * page,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                );
                assert_ne!(start, libc::MAP_FAILED);
                let start = start.cast::<u8>();
                assert_eq!(libc::mprotect(start.add(page).cast(), page, libc::PROT_NONE), 0);
                Guarded { start, page }
            }
        }

        /// The last `len` elements before the guard page, filled with `value`.
        #[allow(clippy::mut_from_ref)] // one slice is taken from each mapping
        fn end<T: Copy>(&self, len: usize, value: T) -> &mut [T] {
            let bytes = len * size_of::<T>();
            assert!(bytes <= self.page);
            // SAFETY: inside the first page, which is readable and writable,
            // and aligned, as both the page and the bytes are.
            let slice = unsafe {
                let first = self.start.add(self.page - bytes).cast::<T>();
                core::slice::from_raw_parts_mut(first, len)
            };
            slice.fill(value);
            slice
        }
    }

    impl Drop for Guarded {
        fn drop(&mut self) {
            // SAFETY: the mapping made above.
            unsafe { libc::munmap(self.start.cast(), 2 * self.page) };
        }
    }

    #[test]
    fn kernels_stay_inside_their_slices() {
        let maps: [Guarded; 4] = core::array::from_fn(|_| Guarded::new());
        for k in all() {
            let (float, int8) = (k.float().unwrap(), k.int8().unwrap());
            for inputs in 1..40 {
                let dims = Dims { inputs, units: 3 };
                let x = maps[0].end(inputs, 1.0f32);
                let w = maps[1].end(3 * inputs, 2.0f32);
                let b = maps[2].end(3, 0.5f32);
                let y = maps[3].end(3, 0.0f32);
                let size = Size { samples: 1, inputs, units: 3 };
                (float.forward)(size, rows(x, inputs), w, b, rows_mut(y, 3), &mut []);
                assert_eq!(y, [2.0 * inputs as f32 + 0.5; 3]);
                (float.gradient)(size, rows(y, 3), rows(x, inputs), w, b, true, &mut []);
                (float.backward)(size, rows(y, 3), w, rows_mut(x, inputs), false, &mut []);

                let x = maps[0].end(inputs, 1i8);
                let w = maps[1].end(3 * inputs, 2i8);
                let b = maps[2].end(3, 5i32);
                let y = maps[3].end(3, 0i32);
                (int8.dense)(dims, x, w, b, y);
                assert_eq!(y, [2 * inputs as i32 + 5; 3]);
            }
        }
    }
}
