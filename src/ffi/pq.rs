//! The post-quantum option, in builds with the feature `post-quantum`.

use zeroize::Zeroizing;

use super::entropy::{CEntropy, nsw_entropy};
use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::comm::crypto::Secret;
use crate::comm::pq::{PQ_ANSWER, PQ_OFFER, PqAnswer, PqOffer};
use crate::error::{Error, Result};

/// Bytes of the message of an nsw_pq_offer: an encapsulation key of ML-KEM-768.
pub const NSW_PQ_OFFER: u32 = 1184;
/// Bytes of the message of an nsw_pq_answer: a ciphertext of ML-KEM-768.
pub const NSW_PQ_ANSWER: u32 = 1088;
/// Bytes of a pre-shared key.
pub const NSW_PQ_PSK: u32 = 32;

const _: () = {
    assert!(NSW_PQ_OFFER as usize == PQ_OFFER);
    assert!(NSW_PQ_ANSWER as usize == PQ_ANSWER);
};

/// The initiator's side of the post-quantum option: a secret of ML-KEM-768 (FIPS
/// 203) for the psk slot of a Noise handshake, whose pattern keeps its name. In
/// builds with the feature post-quantum, which is on where the standard library is.
///
/// The initiator sends this one's message, NSW_PQ_OFFER bytes; the responder makes an
/// nsw_pq_answer of it and sends that one's message, NSW_PQ_ANSWER bytes. Both then
/// have the same 32 bytes and hand them to the handshake as its pre-shared key. In
/// XXpsk3 the messages ride in the payloads of the handshake's first two; where the
/// psk comes earlier (IKpsk2, NNpsk0) they go ahead of the handshake.
///
/// Who records the traffic today and has a quantum computer later, reads nothing. Who
/// the peer is stays a classical matter. The messages are not authentic by themselves:
/// one that was changed gives the two sides different keys, and the handshake fails as
/// with a wrong psk. One thread at a time.
pub struct nsw_pq_offer {
    _opaque: [u8; 0],
}

impl Object for PqOffer {
    type C = nsw_pq_offer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswO");
}

/// How a key pair is made. NSW_PQ_OFFER_CONFIG_INIT. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_pq_offer_config {
    /// sizeof(nsw_pq_offer_config); NSW_PQ_OFFER_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Where the key pair comes from; NULL means the operating system.
    pub entropy: *const nsw_entropy,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_pq_offer_config {
    const LEAST: usize = core::mem::offset_of!(nsw_pq_offer_config, entropy);
}

impl nsw_pq_offer_config {
    /// # Safety
    /// NULL or a configuration.
    unsafe fn read(config: *const nsw_pq_offer_config) -> Result<nsw_pq_offer_config> {
        // SAFETY: the caller's word.
        let config = unsafe { structs::read(config) }?;
        if config.reserved == 0 { Ok(config) } else { Err(Error::Invalid) }
    }
}

/// The memory that an offer takes: the one block that nsw_pq_offer_create asks for, in
/// bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_offer_footprint(
    config: *const nsw_pq_offer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<PqOffer>(size, align, || {
            nsw_pq_offer_config::read(config).map(|_| handle::NOTHING)
        })
    }
}

/// Makes a fresh key pair, in one block of `memory` (NULL: the system's heap). The
/// caller owns `*offer` and ends it with nsw_pq_offer_destroy.
///
/// Errors: those of nsw_pq_offer_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK if the
/// randomness fails. `*offer` is NULL then.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_offer_create(
    config: *const nsw_pq_offer_config,
    memory: *const nsw_allocator,
    offer: *mut *mut nsw_pq_offer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<PqOffer, _>(
            memory,
            offer,
            || {
                let config = nsw_pq_offer_config::read(config)?;
                Ok((handle::NOTHING, CEntropy::new(config.entropy)?))
            },
            |_, mut entropy| PqOffer::new(&mut entropy),
        )
    }
}

/// Destroys an offer: overwrites its secrets and gives its block back. NULL is fine,
/// and so is an already destroyed one whose memory can still be read.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_offer_destroy(offer: *mut nsw_pq_offer) {
    // SAFETY: NULL or an offer, by the documentation above.
    unsafe { handle::destroy::<PqOffer>(offer) };
}

/// What goes to the responder: `message[0..*message_len]`, NSW_PQ_OFFER bytes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL,
/// NSW_ERR_COMM_STATE after nsw_pq_offer_finish.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_offer_message(
    offer: *const nsw_pq_offer,
    message: *mut u8,
    message_cap: usize,
    message_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: message, capacity: message_cap, len: message_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PqOffer>(offer, |offer| {
            let out = output.take(PQ_OFFER, &bytes_of::<u8>(&[]))?;
            out.copy_from_slice(&offer.message()?);
            Ok(())
        })
    }
}

/// The pre-shared key that C has, if it has one.
///
/// # Safety
/// As [`input`].
unsafe fn static_psk(psk: *const u8, psk_len: usize) -> Result<Option<Secret>> {
    // SAFETY: the caller's word.
    let psk = unsafe { input(psk, psk_len) }?;
    if psk.is_empty() {
        return Ok(None);
    }
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(psk.try_into().map_err(|_| Error::Length)?);
    Ok(Some(Secret::new(*bytes)))
}

/// The psk for the handshake, `psk[0..*psk_len]`, NSW_PQ_PSK bytes, from the
/// responder's message and the static psk that the two have: 32 bytes, or none if
/// `static_psk_len` is 0. The key pair is gone then: it is good for one answer. The
/// psk is secret; overwrite it when the handshake is done.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a static psk of
/// another length, NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_INVALID if the psk overlaps the
/// answer, NSW_ERR_COMM_FORMAT for an answer of another length: nothing is changed
/// then. One that is forged gives a psk that the responder has not. NSW_ERR_COMM_STATE
/// the second time.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_offer_finish(
    offer: *mut nsw_pq_offer,
    answer: *const u8,
    answer_len: usize,
    static_psk: *const u8,
    static_psk_len: usize,
    psk: *mut u8,
    psk_cap: usize,
    psk_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: psk, capacity: psk_cap, len: psk_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<PqOffer>(offer, |offer| {
            let answer = input(answer, answer_len)?;
            let own = self::static_psk(static_psk, static_psk_len)?;
            let out = output.take(NSW_PQ_PSK as usize, &bytes_of(answer))?;
            out.copy_from_slice(offer.finish(answer, own.as_ref())?.bytes());
            Ok(())
        })
    }
}

/// The responder's side of the post-quantum option; see nsw_pq_offer. One thread at a
/// time.
pub struct nsw_pq_answer {
    _opaque: [u8; 0],
}

impl Object for PqAnswer {
    type C = nsw_pq_answer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswW");
}

/// What is answered. NSW_PQ_ANSWER_CONFIG_INIT, then at least `offer`. Read during
/// the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_pq_answer_config {
    /// sizeof(nsw_pq_answer_config); NSW_PQ_ANSWER_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The initiator's message.
    pub offer: *const u8,
    /// Its length, NSW_PQ_OFFER.
    pub offer_len: usize,
    /// The static psk that the two have; may be NULL.
    pub static_psk: *const u8,
    /// Its length: 32, or 0 for none.
    pub static_psk_len: usize,
    /// Where the secret comes from; NULL means the operating system.
    pub entropy: *const nsw_entropy,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_pq_answer_config {
    const LEAST: usize = core::mem::offset_of!(nsw_pq_answer_config, static_psk);
}

/// The memory that an answer takes: the one block that nsw_pq_answer_create asks for,
/// in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_answer_footprint(
    config: *const nsw_pq_answer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<PqAnswer>(size, align, || {
            let config = structs::read(config)?;
            if config.reserved == 0 { Ok(handle::NOTHING) } else { Err(Error::Invalid) }
        })
    }
}

/// Answers the initiator's message, in one block of `memory` (NULL: the system's
/// heap). The caller owns `*answer` and ends it with nsw_pq_answer_destroy.
///
/// Errors: those of nsw_pq_answer_footprint, and NSW_ERR_COMM_FORMAT for an offer of
/// another length, or one that is no encapsulation key (FIPS 203, section 7.2),
/// NSW_ERR_LENGTH for a static psk of another length, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK if the
/// randomness fails. `*answer` is NULL then.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_answer_create(
    config: *const nsw_pq_answer_config,
    memory: *const nsw_allocator,
    answer: *mut *mut nsw_pq_answer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<PqAnswer, _>(
            memory,
            answer,
            || {
                let config = structs::read(config)?;
                if config.reserved != 0 {
                    return Err(Error::Invalid);
                }
                Ok((handle::NOTHING, (config, CEntropy::new(config.entropy)?)))
            },
            |_, (config, mut entropy)| {
                let own = static_psk(config.static_psk, config.static_psk_len)?;
                let offer = input(config.offer, config.offer_len)?;
                PqAnswer::new(offer, own.as_ref(), &mut entropy)
            },
        )
    }
}

/// Destroys an answer: overwrites its secrets and gives its block back. NULL is fine,
/// and so is an already destroyed one whose memory can still be read.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_answer_destroy(answer: *mut nsw_pq_answer) {
    // SAFETY: NULL or an answer, by the documentation above.
    unsafe { handle::destroy::<PqAnswer>(answer) };
}

/// What goes to the initiator: `message[0..*message_len]`, NSW_PQ_ANSWER bytes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_answer_message(
    answer: *const nsw_pq_answer,
    message: *mut u8,
    message_cap: usize,
    message_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: message, capacity: message_cap, len: message_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PqAnswer>(answer, |answer| {
            output.take(PQ_ANSWER, &bytes_of::<u8>(&[]))?.copy_from_slice(answer.message());
            Ok(())
        })
    }
}

/// The psk for the handshake: `psk[0..*psk_len]`, NSW_PQ_PSK bytes. It is secret;
/// overwrite it when the handshake is done.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[cfg(feature = "post-quantum")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_pq_answer_psk(
    answer: *const nsw_pq_answer,
    psk: *mut u8,
    psk_cap: usize,
    psk_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: psk, capacity: psk_cap, len: psk_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PqAnswer>(answer, |answer| {
            let out = output.take(NSW_PQ_PSK as usize, &bytes_of::<u8>(&[]))?;
            out.copy_from_slice(answer.psk().bytes());
            Ok(())
        })
    }
}
