//! The functions of a table, the same for every instruction set.
//!
//! A macro, because code gets an instruction set's `target_feature` only by
//! being inlined into a function that has it: each table needs functions of
//! its own around the shared code.

/// Defines the module's `TABLE` over its vector type. `$feature` is the
/// attribute of its functions.
macro_rules! table {
    ($V:ident, $feature:meta) => {
        $crate::nn::kernel::float::table::functions! {
            $V, $feature,
            forward(size: Size, x: Rows, w: &[f32], b: &[f32], y: RowsMut, scratch: &mut [f32])
                = layers::forward;
            backward(size: Size, d: Rows, w: &[f32], dx: RowsMut, add: bool, scratch: &mut [f32])
                = layers::backward;
            gradient(
                size: Size,
                d: Rows,
                x: Rows,
                dw: &mut [f32],
                db: &mut [f32],
                add: bool,
                scratch: &mut [f32]
            ) = layers::gradient;
            gemm(
                size: [usize; 3],
                a: Matrix,
                b: Matrix,
                c: MatrixMut,
                add: bool,
                scratch: &mut [f32]
            ) = layers::gemm;
            gemm_scratch(size: [usize; 3]) -> usize = gemm::best_scratch;
            activate(function: Activation, steepness: f32, values: &mut [f32])
                = activate::activate;
            softmax(steepness: f32, row: &mut [f32]) = activate::softmax;
            slope(
                function: Activation,
                steepness: f32,
                fann: bool,
                sums: &[f32],
                outputs: &[f32],
                delta: &mut [f32]
            ) = activate::slope;
            tiny(
                layers: &[TinyLayer],
                pass: TinyPass,
                w: &[f32],
                g: &mut [f32],
                scratch: &mut [f32]
            ) -> (f32, u32) = tiny::tiny;
            finite(values: &[f32]) -> bool = updates::finite;
            descend(rate: f32, w: &mut [f32], g: &[f32]) -> bool = updates::descend;
            momentum(step: MomentumStep, w: &mut [f32], g: &[f32], v: &mut [f32]) -> bool
                = updates::momentum;
            fann_rprop(
                step: RpropStep,
                w: &mut [f32],
                g: &[f32],
                last: &mut [f32],
                steps: &mut [f32]
            ) = updates::fann_rprop;
            irprop_minus(
                step: RpropStep,
                w: &mut [f32],
                g: &[f32],
                last: &mut [f32],
                steps: &mut [f32]
            ) -> bool = updates::irprop_minus;
            irprop_plus(
                step: RpropStep,
                grown: bool,
                w: &mut [f32],
                g: &[f32],
                last: &mut [f32],
                steps: &mut [f32],
                changes: &mut [f32]
            ) -> bool = updates::irprop_plus;
            quickprop(
                step: QuickStep,
                w: &mut [f32],
                g: &[f32],
                last: &mut [f32],
                steps: &mut [f32]
            ) -> bool = updates::quickprop;
            adam(step: AdamStep, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) -> bool
                = updates::adam;
        }
    };
}

macro_rules! functions {
    ($V:ident, $feature:meta, $(
        $name:ident($($x:ident: $T:ty),*) $(-> $R:ty)? = $module:ident::$shared:ident;
    )+) => {
        use super::updates::{AdamStep, MomentumStep, QuickStep, RpropStep};
        use super::{FloatKernels, Matrix, MatrixMut, Rows, RowsMut, Size, TinyLayer, TinyPass};
        use crate::nn::Activation;

        pub(super) static TABLE: FloatKernels = FloatKernels {$(
            // SAFETY: see the module's documentation.
            #[allow(unused_unsafe)]
            $name: |$($x),*| unsafe { $name($($x),*) },
        )+};

        $(
            #[$feature]
            #[allow(clippy::too_many_arguments)]
            fn $name($($x: $T),*) $(-> $R)? {
                super::$module::$shared::<$V>($($x),*)
            }
        )+

        impl super::gemm::Engine for $V {
            #[inline(always)]
            unsafe fn product(p: &super::gemm::Product, scratch: &mut [f32]) {
                // SAFETY: the caller's; for the feature see the module.
                unsafe { product(p, scratch) }
            }

            #[inline(always)]
            unsafe fn tile<
                const UNIT: bool,
                const B: u8,
                const ROWS: usize,
                const VECTORS: usize,
            >(
                tile: &super::tile::Tile,
            ) {
                #[$feature]
                unsafe fn apart<
                    const UNIT: bool,
                    const B: u8,
                    const ROWS: usize,
                    const VECTORS: usize,
                >(
                    tile: &super::tile::Tile,
                ) {
                    // SAFETY: the caller's.
                    unsafe { tile.run::<$V, UNIT, B, ROWS, VECTORS>() }
                }
                // SAFETY: the caller's; for the feature see the module.
                unsafe { apart::<UNIT, B, ROWS, VECTORS>(tile) }
            }
        }

        /// One for all that need it, since it is large.
        ///
        /// # Safety
        /// As [`gemm::product`](super::gemm::product).
        #[$feature]
        unsafe fn product(p: &super::gemm::Product, scratch: &mut [f32]) {
            // SAFETY: the caller's.
            unsafe { super::gemm::product::<$V>(p, scratch) }
        }
    };
}

pub(super) use {functions, table};
