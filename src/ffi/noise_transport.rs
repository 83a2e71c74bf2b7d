//! The messages after a Noise handshake.

use super::handle::{call_mut, call_ref};
use super::noise::{Noise, nsw_noise};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use crate::comm::crypto::TAG;
use crate::comm::noise::MAX_MESSAGE;
use crate::error::{Error, Result};

/// The room for a message with so many bytes more than `text`.
///
/// # Safety
/// As [`Output::take`].
unsafe fn sealed<'a>(output: Output<u8>, ad: &[u8], text: &[u8]) -> Result<&'a mut [u8]> {
    let needed = text.len().checked_add(TAG).filter(|len| *len <= MAX_MESSAGE);
    let needed = needed.ok_or(Error::CommTooLong)?;
    // SAFETY: the caller's word.
    unsafe { output.take_beside(needed, &[bytes_of(ad), bytes_of(text)]) }
}

/// The room for the text of a message.
///
/// # Safety
/// As [`Output::take`].
unsafe fn opened<'a>(output: Output<u8>, ad: &[u8], message: &[u8]) -> Result<&'a mut [u8]> {
    if message.len() > MAX_MESSAGE {
        return Err(Error::CommTooLong);
    }
    let needed = message.len().checked_sub(TAG).ok_or(Error::CommFormat)?;
    // SAFETY: the caller's word.
    unsafe { output.take_beside(needed, &[bytes_of(ad), bytes_of(message)]) }
}

/// Encrypts `text` as the next message after a finished handshake, NSW_NOISE_TAG
/// bytes longer, to `buf` (at most `cap` bytes), its length to `*len` (which may
/// be NULL). Both sides must give the same associated data `ad`; the framework's
/// own messages have none. `buf` may overlap neither.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_STATE if the
/// handshake is not finished or this side cannot send, NSW_ERR_COMM_TOO_LONG
/// beyond NSW_NOISE_MAX_MESSAGE, NSW_ERR_INVALID for overlapping buffers,
/// NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, NSW_ERR_COMM_COUNTER after
/// 2^64 - 1 messages. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_seal(
    noise: *mut nsw_noise,
    ad: *const u8,
    ad_len: usize,
    text: *const u8,
    text_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Noise>(noise, |noise| {
            let (ad, text) = (input(ad, ad_len)?, input(text, text_len)?);
            let transport = noise.transport_mut()?;
            transport.send_counter().ok_or(Error::CommState)?;
            transport.seal(ad, text, sealed(output, ad, text)?).map(drop)
        })
    }
}

/// Decrypts the peer's next message after a finished handshake to `buf` (at most
/// `cap` bytes), NSW_NOISE_TAG bytes shorter, the length to `*len` (which may be
/// NULL). `buf` may overlap neither input.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_STATE if the
/// handshake is not finished or this side cannot receive, NSW_ERR_COMM_FORMAT if
/// the message is shorter than a tag, NSW_ERR_COMM_TOO_LONG, NSW_ERR_INVALID for
/// overlapping buffers, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed,
/// NSW_ERR_COMM_AUTH if it is not authentic, not the next one, or has other
/// associated data, NSW_ERR_COMM_COUNTER. Nothing is changed then, but for the
/// contents of `buf`, which are of no use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_open(
    noise: *mut nsw_noise,
    ad: *const u8,
    ad_len: usize,
    message: *const u8,
    message_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Noise>(noise, |noise| {
            let (ad, message) = (input(ad, ad_len)?, input(message, message_len)?);
            let transport = noise.transport_mut()?;
            transport.receive_counter().ok_or(Error::CommState)?;
            transport.open(ad, message, opened(output, ad, message)?).map(drop)
        })
    }
}

/// nsw_noise_seal as the message with this counter, below 2^64 - 1, which must
/// not have been used under this key before, nor be used by nsw_noise_seal: two
/// messages under one counter give both texts away and let others forge more.
/// For transports that lose or reorder messages (section 11.4 of the framework).
/// The counter of nsw_noise_seal stays.
///
/// Errors: those of nsw_noise_seal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_seal_at(
    noise: *const nsw_noise,
    counter: u64,
    ad: *const u8,
    ad_len: usize,
    text: *const u8,
    text_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Noise>(noise, |noise| {
            let (ad, text) = (input(ad, ad_len)?, input(text, text_len)?);
            let transport = noise.transport()?;
            transport.send_counter().ok_or(Error::CommState)?;
            transport.seal_at(counter, ad, text, sealed(output, ad, text)?).map(drop)
        })
    }
}

/// nsw_noise_open for the message with this counter. Whether it was received
/// before is for the caller to know. The counter of nsw_noise_open stays.
///
/// Errors: those of nsw_noise_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_open_at(
    noise: *const nsw_noise,
    counter: u64,
    ad: *const u8,
    ad_len: usize,
    message: *const u8,
    message_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Noise>(noise, |noise| {
            let (ad, message) = (input(ad, ad_len)?, input(message, message_len)?);
            let transport = noise.transport()?;
            transport.receive_counter().ok_or(Error::CommState)?;
            transport.open_at(counter, ad, message, opened(output, ad, message)?).map(drop)
        })
    }
}

/// Replaces the key for sending by one that follows from it (section 11.3 of the
/// framework); the peer does the same to its key for receiving. The counter goes
/// on.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_STATE if the handshake is not
/// finished or this side cannot send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_rekey_send(noise: *mut nsw_noise) -> nsw_status {
    // SAFETY: NULL or a handshake, by the documentation above.
    unsafe {
        call_mut::<Noise>(noise, |noise| {
            let transport = noise.transport_mut()?;
            transport.send_counter().ok_or(Error::CommState)?;
            transport.rekey_send();
            Ok(())
        })
    }
}

/// Replaces the key for receiving.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_STATE if the handshake is not
/// finished or this side cannot receive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_rekey_receive(noise: *mut nsw_noise) -> nsw_status {
    // SAFETY: NULL or a handshake, by the documentation above.
    unsafe {
        call_mut::<Noise>(noise, |noise| {
            let transport = noise.transport_mut()?;
            transport.receive_counter().ok_or(Error::CommState)?;
            transport.rekey_receive();
            Ok(())
        })
    }
}
