//! The loops over samples and units, the same for every instruction set.
//!
//! A macro, because a function with `target_feature` inlines into another only
//! when both have the feature: each table needs loops of its own.

/// Defines the functions of a table from the module's `dot` and `add_scaled`.
macro_rules! layer_loops {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        fn forward(size: Size, x: Rows, w: &[f32], b: &[f32], y: RowsMut, _: &mut [f32]) {
            for s in 0..size.samples {
                let x = &x.data[s * x.stride..][..size.inputs];
                let y = &mut y.data[s * y.stride..][..size.units];
                for ((w, b), y) in w.chunks_exact(size.inputs).zip(b).zip(y) {
                    *y = b + dot(x, w);
                }
            }
        }

        $(#[$attribute])*
        fn backward(size: Size, d: Rows, w: &[f32], dx: RowsMut, add: bool, _: &mut [f32]) {
            for s in 0..size.samples {
                let d = &d.data[s * d.stride..][..size.units];
                let dx = &mut dx.data[s * dx.stride..][..size.inputs];
                if !add {
                    dx.fill(0.0);
                }
                for (w, d) in w.chunks_exact(size.inputs).zip(d) {
                    add_scaled(dx, *d, w);
                }
            }
        }

        $(#[$attribute])*
        fn gradient(
            size: Size,
            d: Rows,
            x: Rows,
            dw: &mut [f32],
            db: &mut [f32],
            add: bool,
            _: &mut [f32],
        ) {
            if !add {
                dw.fill(0.0);
                db.fill(0.0);
            }
            for s in 0..size.samples {
                let d = &d.data[s * d.stride..][..size.units];
                let x = &x.data[s * x.stride..][..size.inputs];
                for (dw, d) in dw.chunks_exact_mut(size.inputs).zip(d) {
                    add_scaled(dw, *d, x);
                }
                add_scaled(db, 1.0, d);
            }
        }
    };
}

pub(super) use layer_loops;
