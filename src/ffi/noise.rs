//! The Noise handshake, and the messages that it protects.

use core::alloc::Layout;
use core::ffi::c_char;

use zeroize::Zeroize;

use super::entropy::{CEntropy, nsw_entropy};
use super::guarded;
use super::handle::{self, Object, call_mut, call_ref};
use super::identity::{key, key_or_none, nsw_key, put_key};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input};
use super::static_key::{CStaticKey, nsw_static_key};
use super::status::nsw_status;
use super::structs::{self, Versioned, check_pointer};
use crate::comm::crypto::{self, Digest, MAX_DIGEST, PublicKey, Secret, TAG};
use crate::comm::noise::{Handshake, KeyPair, Keys, MAX_MESSAGE, StaticKey, Transport};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};

/// Bytes that a message has beside its text after the handshake.
pub const NSW_NOISE_TAG: usize = 16;
/// The most bytes of a message, in the handshake and after it.
pub const NSW_NOISE_MAX_MESSAGE: usize = 65535;
/// The most bytes of a transcript.
pub const NSW_NOISE_MAX_TRANSCRIPT: usize = 64;

const _: () = assert!(NSW_NOISE_TAG == TAG && NSW_NOISE_MAX_MESSAGE == MAX_MESSAGE);
const _: () = assert!(MAX_DIGEST <= NSW_NOISE_MAX_TRANSCRIPT);

/// The longest name that is looked at (section 8 of the framework).
const MAX_NAME: usize = 255;

/// One modifier for each place in the longest pattern, psk0 to psk4.
const MAX_PSKS: usize = 5;

/// What handshake to make. NSW_NOISE_CONFIG_INIT, then `protocol`, and the keys
/// that it needs. Read during the call only; the keys are copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_noise_config {
    /// sizeof(nsw_noise_config); NSW_NOISE_CONFIG_INIT sets it.
    pub size: u32,
    /// 1 for the side that writes the first message, 0 for the other.
    pub initiator: u32,
    /// The protocol's name, ended by a zero: "Noise_XX_25519_ChaChaPoly_BLAKE2s".
    /// All fundamental and deferred patterns with any `psk` modifiers, 25519,
    /// ChaChaPoly or AESGCM, BLAKE2s, SHA256, BLAKE2b or SHA512; a library built
    /// without std has the fundamental patterns, ChaChaPoly and BLAKE2s, and the
    /// deferred patterns and SHA256 as options.
    pub protocol: *const c_char,
    /// Bytes that both sides must give alike; may be NULL for none.
    pub prologue: *const u8,
    /// Number of bytes in `prologue`.
    pub prologue_len: usize,
    /// The static private key, where the pattern has one for this side and
    /// `static_key` is NULL.
    pub static_private: *const nsw_key,
    /// The static private key as hooks, instead of `static_private`.
    pub static_key: *const nsw_static_key,
    /// The peer's static public key, where the pattern says that it is known
    /// beforehand; else NULL.
    pub remote_static: *const nsw_key,
    /// The pre-shared keys, one for each `psk` of the name, in its order.
    pub psks: *const nsw_key,
    /// Number of keys in `psks`.
    pub psk_count: usize,
    /// Where ephemeral keys come from. NULL means the operating system's
    /// randomness.
    pub entropy: *const nsw_entropy,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_noise_config {
    const LEAST: usize = size_of::<nsw_noise_config>();
}

/// Where a handshake is. NSW_NOISE_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_noise_info {
    /// sizeof(nsw_noise_info); NSW_NOISE_INFO_INIT sets it.
    pub size: u32,
    /// 1 for the side that wrote the first message, else 0.
    pub initiator: u32,
    /// 1 when all messages of the handshake are done, else 0.
    pub finished: u32,
    /// 1 if the next message of the handshake is this side's to write, else 0.
    pub my_turn: u32,
    /// Bytes that the next message, of either side, has beside its payload;
    /// NSW_NOISE_TAG when the handshake is finished.
    pub overhead: u32,
    /// Bytes of the transcript, 32 or 64.
    pub transcript_len: u32,
    /// 1 if nsw_noise_seal can be called: the handshake is finished, and this
    /// is not the responder of a one-way pattern.
    pub can_send: u32,
    /// 1 if nsw_noise_open can be called: likewise.
    pub can_receive: u32,
    /// The counter of the next message that nsw_noise_seal makes; 0 without
    /// `can_send`.
    pub send_counter: u64,
    /// The counter of the next message that nsw_noise_open reads; 0 without
    /// `can_receive`.
    pub receive_counter: u64,
    /// The name of the pattern without modifiers, ended by a zero: "XX".
    pub pattern: [c_char; 8],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_noise_info {
    const LEAST: usize = core::mem::offset_of!(nsw_noise_info, overhead);
}

/// One side of a handshake of the Noise Protocol Framework (revision 34), and
/// then of the messages under the keys that it agreed on.
///
/// Messages are written and read in turn until nsw_noise_describe says that all
/// are done; how they get to the peer is the caller's, and so is the question
/// whether the peer's static key is to be trusted. A call that fails changes
/// nothing, so a damaged message can be followed by the good one. The object's
/// copies of the keys of the handshake are overwritten when it is finished, all
/// others when it is destroyed. One thread at a time; functions that take a
/// const pointer may run side by side.
pub struct nsw_noise {
    _opaque: [u8; 0],
}

/// A handshake with the keys that it needs, then what came of it.
#[allow(clippy::large_enum_variant)] // there is no heap for the large one
pub(super) enum Noise {
    Handshake { handshake: Handshake, keys: OwnKeys, initiator: bool },
    Finished { transport: Transport, result: Agreed, initiator: bool },
}

/// This side's secrets, for as long as the handshake needs them.
pub(super) struct OwnKeys {
    local: Option<Local>,
    psks: Psks,
    entropy: CEntropy,
}

/// Copies of the pre-shared keys, behind the object.
struct Psks(Carved<'static, [u8; 32]>);

impl Psks {
    fn carve(config: &nsw_noise_config, carver: &mut Carver<'static>) -> Result<Psks> {
        // More than those are no protocol's.
        carver.take(config.psk_count.min(MAX_PSKS), [0; 32]).map(Psks)
    }

    fn layout(config: &nsw_noise_config) -> Result<Layout> {
        let mut carver = Carver::measure();
        Psks::carve(config, &mut carver)?;
        carver.layout()
    }

    fn lend(&self) -> &[Secret] {
        // SAFETY: a secret is 32 bytes and nothing else (it is transparent).
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len()) }
    }
}

impl Drop for Psks {
    fn drop(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

/// A private key: a copy, or the caller's hooks.
pub(super) enum Local {
    Pair(KeyPair),
    Hooks(CStaticKey),
}

/// What a finished handshake says of itself.
pub(super) struct Agreed {
    pattern: &'static [u8],
    remote: Option<PublicKey>,
    transcript: Digest,
}

impl Object for Noise {
    type C = nsw_noise;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswH");
}

impl OwnKeys {
    fn lend(&self) -> Keys<'_> {
        let local = self.local.as_ref().map(|local| match local {
            Local::Pair(pair) => pair as &dyn StaticKey,
            Local::Hooks(hooks) => hooks,
        });
        Keys { local, psks: self.psks.lend() }
    }
}

/// A protocol's name.
///
/// # Safety
/// `text` is NULL, or readable up to a zero.
unsafe fn name<'a>(text: *const c_char) -> Result<&'a str> {
    check_pointer(text)?;
    // SAFETY: no byte behind the zero is read.
    let len = (0..=MAX_NAME).find(|at| unsafe { text.add(*at).read() } == 0);
    let len = len.ok_or(Error::CommProtocol)?;
    // SAFETY: so many bytes were read above, and the caller's word.
    let bytes = unsafe { input(text.cast::<u8>(), len) }?;
    // All names are ASCII, and it is checked in less code than UTF-8.
    if bytes.iter().any(|byte| *byte >= 128) {
        return Err(Error::CommProtocol);
    }
    // SAFETY: as just checked.
    Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
}

/// # Safety
/// `config` is NULL or a configuration.
unsafe fn read_config(config: *const nsw_noise_config) -> Result<nsw_noise_config> {
    // SAFETY: the caller's word.
    let config = unsafe { structs::read(config) }?;
    let both = !config.static_private.is_null() && !config.static_key.is_null();
    if config.initiator > 1 || both { Err(Error::Invalid) } else { Ok(config) }
}

impl Noise {
    /// # Safety
    /// What the configuration points to is NULL or what it should be.
    unsafe fn new(config: &nsw_noise_config, mut piece: Piece<'static>) -> Result<Noise> {
        // SAFETY: the caller's word.
        let (name, prologue, psks, remote, entropy) = unsafe {
            let name = name(config.protocol)?;
            let prologue = input(config.prologue, config.prologue_len)?;
            let psks = input(config.psks, config.psk_count)?;
            let remote = key_or_none(config.remote_static)?.copied();
            (name, prologue, psks, remote, CEntropy::new(config.entropy)?)
        };
        let kept = Psks::carve(config, &mut piece.carver(Psks::layout(config)?)?)?;
        let mut keys = OwnKeys { local: None, psks: kept, entropy };
        if psks.len() > MAX_PSKS {
            return Err(Error::CommKeys);
        }
        keys.psks.0.iter_mut().zip(psks).for_each(|(to, from)| *to = from.bytes);
        // SAFETY: the caller's word.
        keys.local = match unsafe { key_or_none(config.static_private) }? {
            Some(private) => Some(Local::Pair(KeyPair::new(Secret::new(*private)))),
            None if config.static_key.is_null() => None,
            // SAFETY: the caller's word.
            None => Some(Local::Hooks(unsafe { CStaticKey::new(config.static_key) }?)),
        };
        let initiator = config.initiator == 1;
        let handshake = Handshake::new(name, initiator, prologue, &keys.lend(), remote)?;
        Ok(Noise::Handshake { handshake, keys, initiator })
    }

    /// After a message: the keys of the handshake go when it is finished.
    fn advance(&mut self) -> Result<()> {
        let Noise::Handshake { handshake, initiator, .. } = self else { return Ok(()) };
        if handshake.is_finished() {
            let transport = handshake.finish()?;
            let result = Agreed {
                pattern: handshake.pattern_bytes(),
                remote: handshake.remote_static().copied(),
                transcript: Digest::of(handshake.transcript()),
            };
            *self = Noise::Finished { transport, result, initiator: *initiator };
        }
        Ok(())
    }

    /// The handshake with its keys, in one of whose turns it is.
    fn handshake(&mut self, my_turn: bool) -> Result<(&mut Handshake, &mut OwnKeys)> {
        match self {
            Noise::Handshake { handshake, keys, .. } if handshake.is_my_turn() == my_turn => {
                Ok((handshake, keys))
            }
            _ => Err(Error::CommState),
        }
    }

    /// What is left of a finished handshake.
    pub fn transport(&self) -> Result<&Transport> {
        match self {
            Noise::Finished { transport, .. } => Ok(transport),
            Noise::Handshake { .. } => Err(Error::CommState),
        }
    }

    /// The same, to change.
    pub fn transport_mut(&mut self) -> Result<&mut Transport> {
        match self {
            Noise::Finished { transport, .. } => Ok(transport),
            Noise::Handshake { .. } => Err(Error::CommState),
        }
    }

    fn transcript(&self) -> &[u8] {
        match self {
            Noise::Handshake { handshake, .. } => handshake.transcript(),
            Noise::Finished { result, .. } => result.transcript.bytes(),
        }
    }

    fn remote(&self) -> Option<&PublicKey> {
        match self {
            Noise::Handshake { handshake, .. } => handshake.remote_static(),
            Noise::Finished { result, .. } => result.remote.as_ref(),
        }
    }

    fn describe(&self) -> nsw_noise_info {
        let (initiator, my_turn, overhead, pattern) = match self {
            Noise::Handshake { handshake, initiator, .. } => (
                *initiator,
                handshake.is_my_turn(),
                handshake.overhead(),
                handshake.pattern_bytes(),
            ),
            Noise::Finished { result, initiator, .. } => (*initiator, false, TAG, result.pattern),
        };
        let transport = self.transport().ok();
        let send = transport.and_then(Transport::send_counter);
        let receive = transport.and_then(Transport::receive_counter);
        let mut info = nsw_noise_info {
            size: 0,
            initiator: initiator.into(),
            finished: transport.is_some().into(),
            my_turn: my_turn.into(),
            overhead: overhead as u32,
            transcript_len: self.transcript().len() as u32,
            can_send: send.is_some().into(),
            can_receive: receive.is_some().into(),
            send_counter: send.unwrap_or(0),
            receive_counter: receive.unwrap_or(0),
            pattern: [0; 8],
        };
        // The longest pattern has four letters and digits.
        info.pattern.iter_mut().zip(pattern).for_each(|(to, from)| *to = *from as c_char);
        info
    }
}

/// The memory of a handshake: the one block that nsw_noise_create asks for, in
/// bytes. It goes by `psk_count` alone.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an `initiator`
/// that is neither 0 nor 1, or a static key given twice. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_footprint(
    config: *const nsw_noise_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let own = || Psks::layout(&unsafe { read_config(config) }?);
    // SAFETY: as above.
    unsafe { handle::footprint::<Noise>(size, align, own) }
}

/// Begins a handshake in one block of `memory` (NULL: the system's heap). The
/// caller owns `*noise` and ends it with nsw_noise_destroy.
///
/// Errors: those of nsw_noise_footprint, NSW_ERR_COMM_PROTOCOL for a name that
/// this build does not have, NSW_ERR_COMM_KEYS for a key that is missing or has
/// no use, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*noise` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_create(
    config: *const nsw_noise_config,
    memory: *const nsw_allocator,
    noise: *mut *mut nsw_noise,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Noise, _>(
            memory,
            noise,
            || {
                let config = read_config(config)?;
                Ok((Psks::layout(&config)?, config))
            },
            |piece, config| Noise::new(&config, piece),
        )
    }
}

/// Destroys a handshake, overwrites its keys and gives its block back. NULL is
/// fine, and so is an already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_destroy(noise: *mut nsw_noise) {
    // SAFETY: NULL or a handshake, by the documentation above.
    unsafe { handle::destroy::<Noise>(noise) };
}

/// Fills `*info`, whose `size` the caller has set (NSW_NOISE_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_describe(
    noise: *const nsw_noise,
    info: *mut nsw_noise_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Noise>(noise, |noise| structs::write(info, &noise.describe())) }
}

/// Writes the next message of the handshake with `payload` in it to `buf` (at
/// most `cap` bytes), its length to `*len` (which may be NULL). What protects the
/// payload depends on the pattern and the message (section 7.7 of the framework):
/// the first one's is often for all to read. The two may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_STATE if it is not
/// this side's turn, NSW_ERR_COMM_TOO_LONG beyond NSW_NOISE_MAX_MESSAGE,
/// NSW_ERR_INVALID for overlapping buffers, NSW_ERR_BUFFER_TOO_SMALL: `*len` is
/// what is needed, NSW_ERR_HOOK, NSW_ERR_COMM_KEY for a peer's key of small
/// order. Nothing is changed then, but for the contents of `buf`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_write(
    noise: *mut nsw_noise,
    payload: *const u8,
    payload_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Noise>(noise, |noise| {
            let payload = input(payload, payload_len)?;
            let (handshake, keys) = noise.handshake(true)?;
            let needed = handshake.overhead().checked_add(payload.len());
            let needed = needed.filter(|len| *len <= MAX_MESSAGE).ok_or(Error::CommTooLong)?;
            let out = output.take(needed, &bytes_of(payload))?;
            let mut entropy = keys.entropy;
            handshake.write(&keys.lend(), &mut entropy, payload, out)?;
            noise.advance()
        })
    }
}

/// Reads the peer's next message of the handshake; its payload goes to `buf` (at
/// most `cap` bytes), the payload's length to `*len` (which may be NULL). The two
/// may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_STATE if it is this
/// side's turn or the handshake is finished, NSW_ERR_COMM_FORMAT if the message
/// is too short, NSW_ERR_COMM_TOO_LONG, NSW_ERR_INVALID for overlapping buffers,
/// NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, NSW_ERR_COMM_AUTH if it is
/// not authentic, NSW_ERR_COMM_KEY for a key of small order, NSW_ERR_HOOK.
/// Nothing is changed then, but for the contents of `buf`, which are of no use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_read(
    noise: *mut nsw_noise,
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
            let message = input(message, message_len)?;
            let (handshake, keys) = noise.handshake(false)?;
            if message.len() > MAX_MESSAGE {
                return Err(Error::CommTooLong);
            }
            let needed = message.len().checked_sub(handshake.overhead());
            let out = output.take(needed.ok_or(Error::CommFormat)?, &bytes_of(message))?;
            handshake.read(&keys.lend(), message, out)?;
            noise.advance()
        })
    }
}

/// Writes the peer's static public key. What it is worth is for the caller to say.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_STATE if it is not
/// known yet, or the peer has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_remote_static(
    noise: *const nsw_noise,
    out: *mut nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Noise>(noise, |noise| put_key(out, noise.remote().ok_or(Error::CommState)?))
    }
}

/// The transcript so far (the framework's `h`): 32 or 64 bytes to `buf` (at most
/// `cap`), their number to `*len` (which may be NULL). When the handshake is
/// finished, both sides have the same, and nobody else: a name for this channel
/// that other protocols can be bound to (section 11.2).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len`
/// is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_transcript(
    noise: *const nsw_noise,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Noise>(noise, |noise| {
            let transcript = noise.transcript();
            output.take_beside(transcript.len(), &[])?.copy_from_slice(transcript);
            Ok(())
        })
    }
}

/// Makes a new key pair of X25519. Whoever keeps the private key has to overwrite
/// it. `entropy` NULL means the operating system's randomness. The two keys may
/// not overlap.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_INVALID for overlapping keys,
/// NSW_ERR_STRUCT_SIZE, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK. Nothing is written then.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_keypair(
    entropy: *const nsw_entropy,
    private_key: *mut nsw_key,
    public_key: *mut nsw_key,
) -> nsw_status {
    guarded(|| {
        check_pointer(private_key)?;
        check_pointer(public_key)?;
        if private_key.addr().abs_diff(public_key.addr()) < size_of::<nsw_key>() {
            return Err(Error::Invalid);
        }
        // SAFETY: NULL or what it should be, by the documentation above.
        let pair = KeyPair::random(&mut unsafe { CEntropy::new(entropy) }?)?;
        // SAFETY: as above.
        unsafe {
            put_key(private_key, pair.private().bytes())?;
            put_key(public_key, &pair.public_key())
        }
    })
}

/// Writes the public key of a private one. They may be in the same place.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_public_key(
    private_key: *const nsw_key,
    public_key: *mut nsw_key,
) -> nsw_status {
    guarded(|| {
        // SAFETY: NULL or what it should be, by the documentation above.
        let secret = Secret::new(*unsafe { key(private_key) }?);
        // SAFETY: as above.
        unsafe { put_key(public_key, &crypto::public_key(&secret)) }
    })
}

/// Writes what X25519 (RFC 7748) makes of a private key and another's public key: for the hook
/// `agree` of nsw_secrets where that private key is at hand, and that of the identity is not.
/// It is to be overwritten when it was used.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_COMM_KEY for a public key of small order. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_noise_agree(
    private_key: *const nsw_key,
    public_key: *const nsw_key,
    shared: *mut nsw_key,
) -> nsw_status {
    guarded(|| {
        // SAFETY: NULL or what it should be, by the documentation above.
        let secret = Secret::new(*unsafe { key(private_key) }?);
        // SAFETY: as above.
        unsafe { put_key(shared, &*crypto::agree(&secret, key(public_key)?)?) }
    })
}
