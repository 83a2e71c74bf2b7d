//! The loops over samples and units, the same for every instruction set.
//!
//! A macro, because a function with `target_feature` inlines into another only
//! when both have the feature: each table needs loops of its own.

/// Defines the function of a table from the module's `dot_i8`.
macro_rules! layer_loops {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        fn dense_i8(dims: Dims, x: &[i8], w: &[i8], b: &[i32], y: &mut [i32]) {
            check_dense(dims, x, w, b, y);
            for ((w, b), y) in w.chunks_exact(dims.inputs).zip(b).zip(y) {
                *y = b.wrapping_add(dot_i8(x, w));
            }
        }
    };
}

pub(super) use layer_loops;
