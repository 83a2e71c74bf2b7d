//! The loops over samples and units, the same for every instruction set.
//!
//! A macro, because a function with `target_feature` inlines into another only
//! when both have the feature: each table needs loops of its own.

/// Defines the three functions of a table from the module's `dot` and
/// `add_scaled`.
macro_rules! layer_loops {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        fn dense(dims: Dims, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]) {
            check_dense(dims, x, w, b, y);
            for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
                for ((w, b), y) in w.chunks_exact(dims.inputs).zip(b).zip(y) {
                    *y = b + dot(x, w);
                }
            }
        }

        $(#[$attribute])*
        fn dense_back(dims: Dims, d: &[f32], w: &[f32], dx: &mut [f32]) {
            check_back(dims, d, dx, w);
            for (dx, d) in dx.chunks_exact_mut(dims.inputs).zip(d.chunks_exact(dims.units)) {
                dx.fill(0.0);
                for (w, d) in w.chunks_exact(dims.inputs).zip(d) {
                    add_scaled(dx, *d, w);
                }
            }
        }

        $(#[$attribute])*
        fn dense_grad(dims: Dims, d: &[f32], x: &[f32], dw: &mut [f32], db: &mut [f32]) {
            check_back(dims, d, x, dw);
            for (x, d) in x.chunks_exact(dims.inputs).zip(d.chunks_exact(dims.units)) {
                for (dw, d) in dw.chunks_exact_mut(dims.inputs).zip(d) {
                    add_scaled(dw, *d, x);
                }
                add_scaled(db, 1.0, d);
            }
        }
    };
}

pub(super) use layer_loops;
