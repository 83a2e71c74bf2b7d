//! Every table against the portable one, on random shapes including odd ones.
//! Those of the float functions are in `float/tests.rs`.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// The kernels of this machine.
pub(super) fn all() -> impl Iterator<Item = Kernel> {
    if Kernel::best() == Kernel::Portable {
        std::eprintln!("no vector kernels on this machine: only the portable ones are tested");
    }
    Kernel::ALL.into_iter().filter(|k| k.available())
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

#[cfg(unix)]
mod guarded {
    use super::super::guard::Guarded;
    use super::*;

    #[test]
    fn kernels_stay_inside_their_slices() {
        let maps: [Guarded; 4] = core::array::from_fn(|_| Guarded::new(1));
        for k in all() {
            let int8 = k.int8().unwrap();
            for inputs in 1..40 {
                let dims = Dims { inputs, units: 3 };
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
