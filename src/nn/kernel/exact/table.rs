//! How an instruction set's table comes about: the loops are compiled into
//! functions that have its features.

/// Defines the table `EXACT` of an instruction set from its lanes and the
/// attributes that its functions need.
macro_rules! exact_table {
    ($lanes:ty, $(#[$attribute:meta])*) => {
        use super::function::Function;
        use super::{ExactKernels, Products, Quickprop, Rprop, Sums, elements, loops, math};

        #[allow(unused_unsafe)] // the portable functions need none
        pub(super) static EXACT: ExactKernels = ExactKernels {
            panel: 2 * N,
            // SAFETY: as below.
            exp: |x| unsafe { exp(x) },
            value: |f, sum| unsafe { value(f, sum) },
            // SAFETY (all of them): see the module's documentation.
            sums: |s, x, panel, sums_| unsafe { sums(s, x, panel, sums_) },
            dots: |bias_at, x, w, b, sums| unsafe { dots(bias_at, x, w, b, sums) },
            products: |p, c, rows, acc| unsafe { products(p, c, rows, acc) },
            // SAFETY: as above.
            values: |f, steepness, sums, y| unsafe { values(f, steepness, sums, y) },
            slopes: |f, steepness, sums, y, e| unsafe { slopes(f, steepness, sums, y, e) },
            step: |error, momentum, x, d, w| unsafe { step(error, momentum, x, d, w) },
            batch: |rate, slopes, w| unsafe { batch(rate, slopes, w) },
            // SAFETY: as above.
            rprop: |r, slopes, last, steps, w| unsafe { rprop(r, slopes, last, steps, w) },
            quickprop: |q, slopes, last, steps, w| unsafe { quickprop(q, slopes, last, steps, w) },
        };

        $(#[$attribute])*
        fn exp(x: f64) -> f64 {
            math::exp_with::<$lanes>(x)
        }

        $(#[$attribute])*
        fn value(f: Function, sum: f32) -> f32 {
            elements::value::<$lanes>(f, sum)
        }

        $(#[$attribute])*
        fn sums(s: &Sums, x: &[f32], panel: &[f32], sums: &mut [f32]) {
            loops::sums::<$lanes>(s, x, panel, sums);
        }

        $(#[$attribute])*
        fn dots(bias_at: usize, x: &[f32], w: &[f32], b: &[f32], sums: &mut [f32]) {
            loops::dots::<$lanes>(bias_at, x, w, b, sums);
        }

        $(#[$attribute])*
        fn products(p: &Products, c: &[f32], rows: &[f32], acc: &mut [f32]) {
            loops::products::<$lanes>(p, c, rows, acc);
        }

        $(#[$attribute])*
        fn values(f: Function, steepness: f32, sums: &mut [f32], values: &mut [f32]) {
            elements::values::<$lanes>(f, steepness, sums, values);
        }

        $(#[$attribute])*
        fn slopes(f: Function, steepness: f32, sums: &[f32], values: &[f32], errors: &mut [f32]) {
            elements::slopes(f, steepness, sums, values, errors);
        }

        $(#[$attribute])*
        fn step(error: f32, momentum: f32, x: &[f32], d: &mut [f32], w: &mut [f32]) {
            elements::step(error, momentum, x, d, w);
        }

        $(#[$attribute])*
        fn batch(rate: f32, slopes: &mut [f32], w: &mut [f32]) {
            elements::batch(rate, slopes, w);
        }

        $(#[$attribute])*
        fn rprop(r: &Rprop, slopes: &mut [f32], last: &mut [f32], steps: &mut [f32], w: &mut [f32]) {
            elements::update(slopes, last, steps, w, |g, last, step, w| r.update(g, last, step, w));
        }

        $(#[$attribute])*
        fn quickprop(q: &Quickprop, slopes: &mut [f32], last: &mut [f32], steps: &mut [f32], w: &mut [f32]) {
            elements::update(slopes, last, steps, w, |g, last, step, w| q.update(g, last, step, w));
        }
    };
}

pub(super) use exact_table;
