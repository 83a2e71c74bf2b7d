//! What the functions of quantised networks share: samples in, results out.

use super::handle::{Object, call_mut};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use crate::error::{Error, Result};

/// An object that turns rows of one width into rows of another.
pub trait Rows: Object {
    /// Values in a sample, and in a result.
    fn widths(&self) -> (usize, usize);
}

/// Any number of samples.
///
/// # Safety
/// The pointers are NULL or what the functions of the header ask for.
pub unsafe fn run_rows<N: Rows, T>(
    net: *mut N::C,
    (pointer, len): (*const T, usize),
    outputs: Output<T>,
    forward: impl FnOnce(&mut N, &[T], &mut [T]) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call_mut::<N>(net, |net| {
            let inputs = input(pointer, len)?;
            let (wide, narrow) = net.widths();
            if !inputs.len().is_multiple_of(wide) {
                return Err(Error::Length);
            }
            let count = (inputs.len() / wide).checked_mul(narrow).ok_or(Error::Overflow)?;
            let outputs = outputs.take(count, &bytes_of(inputs))?;
            forward(net, inputs, outputs)
        })
    }
}

/// One sample.
///
/// # Safety
/// The pointers are NULL or what the functions of the header ask for.
pub unsafe fn run<N: Rows, T>(
    net: *mut N::C,
    (pointer, len): (*const T, usize),
    output: Output<T>,
    forward: impl FnOnce(&mut N, &[T], &mut [T]) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call_mut::<N>(net, |net| {
            let input = input(pointer, len)?;
            let (wide, narrow) = net.widths();
            if input.len() != wide {
                return Err(Error::Length);
            }
            let output = output.take(narrow, &bytes_of(input))?;
            forward(net, input, output)
        })
    }
}

/// One value after the other.
///
/// # Safety
/// The pointers are NULL or what the functions of the header ask for.
pub unsafe fn convert<A: Copy, B>(
    (values, len): (*const A, usize),
    output: Output<B>,
    f: impl Fn(A) -> B,
) -> Result<()> {
    // SAFETY: the caller's word.
    let values = unsafe { input(values, len) }?;
    // SAFETY: the caller's word.
    let out = unsafe { output.take(values.len(), &bytes_of(values)) }?;
    for (to, from) in out.iter_mut().zip(values) {
        *to = f(*from);
    }
    Ok(())
}
