//! How far an int8 network is from its float network.

use super::handle::{call_mut, with_mut};
use super::net::nsw_net;
use super::qnet::nsw_qnet;
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use crate::error::Result;
use crate::nn::{LayerError, Net, QNet};

/// Compares the outputs of each layer with those of a float network of the same
/// shape, on `samples_len` values that are rows of inputs. Four numbers a layer
/// go to `errors` (at most `errors_cap` numbers), over all units and samples:
/// the mean of the absolute errors, the root of the mean of the squared errors,
/// the largest absolute error, all in the unit of the outputs; and signal to
/// quantisation noise in dB, infinite without any error. How many numbers went
/// to `*errors_len` (which may be NULL). Both networks run from the inputs on, so that a
/// layer's error has those of the layers before in it.
///
/// Errors: those of bad handles, NSW_ERR_NULL, NSW_ERR_LENGTH for no samples or no
/// whole rows, NSW_ERR_NN_MISMATCH for a network of another shape,
/// NSW_ERR_NN_NOT_FINITE if the samples or the float network's values are not
/// finite, NSW_ERR_INVALID for overlapping buffers, NSW_ERR_BUFFER_TOO_SMALL:
/// `*errors_len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_compare(
    qnet: *mut nsw_qnet,
    samples: *const f32,
    samples_len: usize,
    net: *mut nsw_net,
    errors: *mut f64,
    errors_cap: usize,
    errors_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: errors, capacity: errors_cap, len: errors_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<QNet<'static>>(qnet, |qnet| {
            with_mut::<Net<'static>, _>(net, |net| {
                let samples = input(samples, samples_len)?;
                let errors = places(output, qnet.layers(), samples)?;
                qnet.compare(net, samples, errors)
            })
        })
    }
}

/// The caller's numbers as the errors of so many layers.
///
/// # Safety
/// As `Output::take`.
pub(super) unsafe fn places<'a>(
    output: Output<f64>,
    layers: usize,
    samples: &[f32],
) -> Result<&'a mut [LayerError]> {
    // SAFETY: the caller's word.
    let numbers = unsafe { output.take(4 * layers, &bytes_of(samples)) }?;
    // SAFETY: of four f64 each, in this order (repr(C)).
    Ok(unsafe { core::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), layers) })
}
