//! The inner loops by themselves: products of matrices and integer layers, for
//! those who have a format of their own.

use super::guarded;
use super::net::kernel;
use super::slices::{Output, bytes_of, in_place, input, put};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::Rounding;
use crate::nn::kernel::{
    self, MatmulSize, MatrixRef, MatrixRefMut, Requantize, matmul_f32_scratch, matmul_packed_i8,
    matmul_packed_u8i8,
};

/// Rounds once, half up, as LiteRT's reference and XNNPACK do, and for int8
/// CMSIS-NN with CMSIS_NN_USE_SINGLE_ROUNDING.
pub const NSW_ROUNDING_SINGLE: u32 = 0;
/// Rounds twice, as gemmlowp does, and CMSIS-NN by default. For int16 outputs that
/// is first the multiplier, to 16 bits, then its product with the sum, half up.
pub const NSW_ROUNDING_DOUBLE: u32 = 1;

/// A product of float32 matrices: C = A B, where A is `m` x `k`, B `k` x `n`, C
/// `m` x `n`. NSW_MATMUL_INIT, then the sizes. Element (i, j) of a matrix is at
/// `i * row + j * column` elements of its buffer; where both strides are 0 the
/// matrix is row-major with nothing between.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_matmul {
    /// sizeof(nsw_matmul); NSW_MATMUL_INIT sets it.
    pub size: u32,
    /// An NSW_KERNEL_ constant.
    pub kernel: u32,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Not 0: C += A B.
    pub add: u32,
    /// 0.
    pub reserved: u32,
    /// From a row of A to the next, in elements.
    pub a_row: usize,
    /// From a column of A to the next, in elements.
    pub a_column: usize,
    /// From a row of B to the next, in elements.
    pub b_row: usize,
    /// From a column of B to the next, in elements.
    pub b_column: usize,
    /// From a row of C to the next, in elements. Rows or columns of C are
    /// contiguous, and no two elements share a place.
    pub c_row: usize,
    /// From a column of C to the next, in elements.
    pub c_column: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_matmul {
    const LEAST: usize = core::mem::offset_of!(nsw_matmul, a_row);
}

/// How the sums of an integer layer become its outputs.
/// NSW_REQUANTIZE_INIT, then `units` and the arrays. Read during the call only.
///
/// A sum times `factor * 2^(shift - 31)` of its unit, rounded, plus
/// `zero_point`, limited to `low`..`high`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_requantize {
    /// sizeof(nsw_requantize); NSW_REQUANTIZE_INIT sets it.
    pub size: u32,
    /// An NSW_KERNEL_ constant.
    pub kernel: u32,
    /// Multipliers, one a unit: 0, or at least 2^30.
    pub factors: *const i32,
    /// Shifts, one a unit, left if above 0: -31 to 30, for int16 outputs to 14.
    pub shifts: *const i8,
    /// Number of units.
    pub units: usize,
    /// Added after rounding.
    pub zero_point: i32,
    /// The smallest output.
    pub low: i32,
    /// The largest output.
    pub high: i32,
    /// An NSW_ROUNDING_ constant.
    pub rounding: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_requantize {
    const LEAST: usize = core::mem::offset_of!(nsw_requantize, rounding);
}

/// Calls `f` with the caller's multipliers.
unsafe fn with_requantize<R>(
    how: *const nsw_requantize,
    f: impl FnOnce(crate::nn::Kernel, &Requantize<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or what it should be, as the callers document.
    let (how, factors, shifts) = unsafe {
        let how = structs::read(how)?;
        (how, input(how.factors, how.units)?, input(how.shifts, how.units)?)
    };
    let narrow = |value: i32| i16::try_from(value).map_err(|_| Error::Invalid);
    let requantize = Requantize {
        factors,
        shifts,
        zero_point: narrow(how.zero_point)?,
        clamp: (narrow(how.low)?, narrow(how.high)?),
        rounding: Rounding::from_code(how.rounding).ok_or(Error::Invalid)?,
    };
    f(kernel(how.kernel)?, &requantize)
}

/// Strides as they are meant.
fn strides((row, column): (usize, usize), width: usize) -> (usize, usize) {
    if (row, column) == (0, 0) { (width, 1) } else { (row, column) }
}

/// Writes to `*scratch_len` how many floats of scratch memory
/// nsw_kernel_matmul_f32 takes to run at full speed.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an unknown
/// constant, NSW_ERR_UNSUPPORTED if this machine does not have the kernel. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_matmul_f32_scratch(
    how: *const nsw_matmul,
    scratch_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let how = structs::read(how)?;
        let kernel = kernel(how.kernel)?;
        put(scratch_len, matmul_f32_scratch(kernel, (how.m, how.n, how.k))?)
    })
}

/// Multiplies float32 matrices, on one thread. `c` is written within its first
/// `c_len` elements, between its strides it stays as it is. `scratch` may be
/// NULL or of any length; what is in it afterwards means nothing. No buffer may
/// overlap another. NaN and infinity go through as IEEE 754 has them. The same
/// call on the same kernel gives the same bits, given the same length of scratch
/// memory.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for a matrix that is
/// not inside its buffer, NSW_ERR_INVALID for C's strides or an unknown constant,
/// NSW_ERR_UNSUPPORTED if this machine does not have the kernel. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_matmul_f32(
    how: *const nsw_matmul,
    a: *const f32,
    a_len: usize,
    b: *const f32,
    b_len: usize,
    c: *mut f32,
    c_len: usize,
    scratch: *mut f32,
    scratch_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let how = structs::read(how)?;
        let a = MatrixRef {
            data: input(a, a_len)?,
            strides: strides((how.a_row, how.a_column), how.k),
        };
        let b = MatrixRef {
            data: input(b, b_len)?,
            strides: strides((how.b_row, how.b_column), how.n),
        };
        let c = MatrixRefMut {
            data: in_place(c, c_len)?,
            strides: strides((how.c_row, how.c_column), how.n),
        };
        let (size, add) = ((how.m, how.n, how.k), how.add != 0);
        let scratch = in_place(scratch, scratch_len)?;
        kernel::matmul_f32(kernel(how.kernel)?, size, a, b, c, add, scratch)
    })
}

/// Packs an int8 `k` x `n` matrix for nsw_kernel_matmul_i8 and
/// nsw_kernel_matmul_u8i8 on any kernel of this machine: row-major, or with
/// `transposed` not 0 as `n` rows of `k` (weights of `n` units). At most
/// `packed_cap` bytes at any alignment (a multiple of 64 is the fastest); their
/// number goes to `*packed_len` (which may be NULL).
///
/// Errors: NSW_ERR_NULL, NSW_ERR_LENGTH for a length of other than `k * n` or a
/// size of 0, NSW_ERR_OVERFLOW, NSW_ERR_BUFFER_TOO_SMALL: `*packed_len` is what is
/// needed, and nothing is written. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_pack_i8(
    k: usize,
    n: usize,
    transposed: u32,
    b: *const i8,
    b_len: usize,
    packed: *mut u8,
    packed_cap: usize,
    packed_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: packed, capacity: packed_cap, len: packed_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let b = input(b, b_len)?;
        if k == 0 || n == 0 || k.checked_mul(n) != Some(b.len()) {
            return Err(Error::Length);
        }
        let packed = output.take(kernel::packed_i8_len(k, n)?, &bytes_of(b))?;
        match transposed {
            0 => kernel::pack_i8(k, n, b, packed),
            _ => kernel::pack_transposed_i8(k, n, b, packed),
        }
    })
}

/// The product of a row-major matrix and a packed one.
unsafe fn matmul<T>(
    (m, n, k): (usize, usize, usize),
    (a, a_len): (*const T, usize),
    (packed, packed_len): (*const u8, usize),
    output: Output<i32>,
    f: impl FnOnce(MatmulSize, &[T], &[u8], &mut [i32]) -> Result<()>,
) -> nsw_status {
    // SAFETY: NULL or what it should be, as the callers document.
    guarded(|| unsafe {
        let (a, packed) = (input(a, a_len)?, input(packed, packed_len)?);
        let needed = m.checked_mul(n).ok_or(Error::Overflow)?;
        let c = output.take(needed, &bytes_of(a))?;
        f(MatmulSize { m, n, k }, a, packed, c)
    })
}

/// `c = a b` in wrapping 32-bit arithmetic: `a` is an int8 `m` x `k` matrix,
/// row-major, `packed` a `k` x `n` matrix from nsw_kernel_pack_i8, `c` takes
/// `m * n` numbers, row-major (at most `c_cap`), their number goes to `*c_len`
/// (which may be NULL). `kernel` is an NSW_KERNEL_ constant; the result is the
/// same on every one. `c` may not overlap the others.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_LENGTH, NSW_ERR_INVALID for an unknown constant or
/// overlapping buffers, NSW_ERR_UNSUPPORTED if this machine does not have the
/// kernel, NSW_ERR_BUFFER_TOO_SMALL: `*c_len` is what is needed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_matmul_i8(
    kernel: u32,
    m: usize,
    n: usize,
    k: usize,
    a: *const i8,
    a_len: usize,
    packed: *const u8,
    packed_len: usize,
    c: *mut i32,
    c_cap: usize,
    c_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: c, capacity: c_cap, len: c_len };
    // SAFETY: what this function asks for is what that one asks for.
    unsafe {
        matmul((m, n, k), (a, a_len), (packed, packed_len), output, |size, a, packed, c| {
            matmul_packed_i8(self::kernel(kernel)?, size, a, packed, c)
        })
    }
}

/// nsw_kernel_matmul_i8 with a left matrix of uint8, as ONNX's MatMulInteger has
/// it.
///
/// Errors: those of nsw_kernel_matmul_i8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_matmul_u8i8(
    kernel: u32,
    m: usize,
    n: usize,
    k: usize,
    a: *const u8,
    a_len: usize,
    packed: *const u8,
    packed_len: usize,
    c: *mut i32,
    c_cap: usize,
    c_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: c, capacity: c_cap, len: c_len };
    // SAFETY: what this function asks for is what that one asks for.
    unsafe {
        matmul((m, n, k), (a, a_len), (packed, packed_len), output, |size, a, packed, c| {
            matmul_packed_u8i8(self::kernel(kernel)?, size, a, packed, c)
        })
    }
}

/// Writes the multiplier and the shift that stand for a factor that is at least
/// 0 (input scale times weight scale by output scale) in nsw_requantize.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_INVALID for a factor that is negative, NaN or
/// infinite. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_multiplier(
    scale: f64,
    factor: *mut i32,
    shift: *mut i8,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let (m, s) = kernel::multiplier(scale)?;
        put(factor, m)?;
        put(shift, s)
    })
}

/// The caller's layer.
unsafe fn dense<X, W, B>(
    how: *const nsw_requantize,
    (x, x_len): (*const X, usize),
    (w, w_len): (*const W, usize),
    (biases, biases_len): (*const B, usize),
    output: Output<X>,
    f: impl FnOnce(crate::nn::Kernel, &[X], &[W], &[B], &Requantize<'_>, &mut [X]) -> Result<()>,
) -> nsw_status {
    // SAFETY: NULL or what it should be, as the callers document.
    guarded(|| unsafe {
        with_requantize(how, |kernel, how| {
            let (x, w, b) = (input(x, x_len)?, input(w, w_len)?, input(biases, biases_len)?);
            let inputs = w.len().checked_div(b.len()).filter(|inputs| *inputs > 0);
            let samples = x.len() / inputs.ok_or(Error::Length)?;
            let needed = samples.checked_mul(b.len()).ok_or(Error::Overflow)?;
            f(kernel, x, w, b, how, output.take(needed, &bytes_of(x))?)
        })
    })
}

/// An int8 layer on any number of samples: `x` holds rows of inputs, `w` a row of
/// inputs for each unit, `biases` one number a unit; a row of outputs for each
/// sample goes to `y` (at most `y_cap`), the number of values to `*y_len` (which
/// may be NULL). No buffer may overlap `y`.
///
/// Each sum is `bias + sum(w * x)` in wrapping 32-bit arithmetic: what the inputs'
/// zero point makes of the weights, `-zero_point * sum(w)`, belongs into the
/// bias. At most 65535 inputs and units. The result is the same on every kernel.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for lengths that do
/// not fit together, NSW_ERR_INVALID for multipliers, zero point or limits out
/// of range or overlapping buffers, NSW_ERR_UNSUPPORTED if this machine does not
/// have the kernel, NSW_ERR_BUFFER_TOO_SMALL: `*y_len` is what is needed. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_dense_i8(
    how: *const nsw_requantize,
    x: *const i8,
    x_len: usize,
    w: *const i8,
    w_len: usize,
    biases: *const i32,
    biases_len: usize,
    y: *mut i8,
    y_cap: usize,
    y_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: y, capacity: y_cap, len: y_len };
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { dense(how, (x, x_len), (w, w_len), (biases, biases_len), output, kernel::dense_i8) }
}

/// A layer of int16 values and int8 weights (LiteRT's 16x8): as
/// nsw_kernel_dense_i8, with sums and biases of 64 bits.
///
/// Errors: those of nsw_kernel_dense_i8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_dense_i16x8(
    how: *const nsw_requantize,
    x: *const i16,
    x_len: usize,
    w: *const i8,
    w_len: usize,
    biases: *const i64,
    biases_len: usize,
    y: *mut i16,
    y_cap: usize,
    y_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: y, capacity: y_cap, len: y_len };
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { dense(how, (x, x_len), (w, w_len), (biases, biases_len), output, kernel::dense_i16x8) }
}

/// A layer of int16 values and weights: as nsw_kernel_dense_i16x8. No weight may
/// be -32768 (NSW_ERR_INVALID).
///
/// Errors: those of nsw_kernel_dense_i8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_dense_i16(
    how: *const nsw_requantize,
    x: *const i16,
    x_len: usize,
    w: *const i16,
    w_len: usize,
    biases: *const i64,
    biases_len: usize,
    y: *mut i16,
    y_cap: usize,
    y_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: y, capacity: y_cap, len: y_len };
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { dense(how, (x, x_len), (w, w_len), (biases, biases_len), output, kernel::dense_i16) }
}
