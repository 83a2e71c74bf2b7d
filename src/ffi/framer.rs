//! Frames in byte streams and on serial lines.

use super::guarded;
use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, put};
use super::status::{NSW_DONE, nsw_status};
use super::structs::{self, Versioned, check_pointer};
use crate::comm::framing::{
    Framer, FramerConfig, Framing, MAX_FRAME, encode_serial, encode_stream, serial_len, stream_len,
};
use crate::error::{Error, Result};

/// A length of two bytes, little-endian, before each frame: for TCP and other
/// streams that lose nothing. Adds 2 bytes.
pub const NSW_FRAMING_STREAM: u32 = 0;
/// COBS with a zero behind each frame, and with a CRC where it is asked for: for
/// serial lines, which lose and change bytes. Adds 3 bytes and one more for each
/// 254 bytes, and 4 for a CRC: NSW_SERIAL_BOUND.
pub const NSW_FRAMING_SERIAL: u32 = 1;

/// The most bytes that a frame can have.
pub const NSW_FRAME_MAX: usize = 65535;

const _: () = assert!(NSW_FRAME_MAX == MAX_FRAME);

/// What a framer is for. NSW_FRAMER_CONFIG_INIT, then `max_frame`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_framer_config {
    /// sizeof(nsw_framer_config); NSW_FRAMER_CONFIG_INIT sets it.
    pub size: u32,
    /// How frames lie in the bytes, an NSW_FRAMING_ constant.
    pub framing: u32,
    /// Bytes of the longest frame to take, from 1 to NSW_FRAME_MAX.
    pub max_frame: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_framer_config {
    const LEAST: usize = size_of::<nsw_framer_config>();
}

/// A frame that came out of a framer. NSW_FRAME_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_frame {
    /// sizeof(nsw_frame); NSW_FRAME_INIT sets it.
    pub size: u32,
    /// 1 if it is as it was sent, as far as a checksum can tell: a CRC came with
    /// it and was right, or it came over a stream, which has checksums of its
    /// own; else 0. It says nothing about who sent it. What is not authenticated
    /// in another way, such as a message of a handshake, is to be taken from
    /// frames with this alone.
    pub checked: u32,
    /// What was framed; valid until the next call on the framer.
    pub bytes: *const u8,
    /// How many bytes; may be 0.
    pub bytes_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_frame {
    const LEAST: usize = size_of::<nsw_frame>();
}

/// What a framer has seen. NSW_FRAMER_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_framer_info {
    /// sizeof(nsw_framer_info); NSW_FRAMER_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Frames that were whole and right.
    pub frames: u64,
    /// Frames dropped: not COBS, of no known kind, or with a wrong CRC. Garbage
    /// between frames counts as one of these for each zero in it.
    pub damaged: u64,
    /// Frames dropped or, in a stream, refused, because they were longer than
    /// `max_frame`.
    pub oversize: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_framer_info {
    const LEAST: usize = size_of::<nsw_framer_info>();
}

/// Takes frames out of bytes that come in pieces of any size. One thread at a
/// time; functions that take a const pointer may run side by side.
pub struct nsw_framer {
    _opaque: [u8; 0],
}

impl Object for Framer<'static> {
    type C = nsw_framer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsFr");
}

unsafe fn read_config(config: *const nsw_framer_config) -> Result<FramerConfig> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    let framing = match config.framing {
        NSW_FRAMING_STREAM => Framing::Stream,
        NSW_FRAMING_SERIAL => Framing::Serial,
        _ => return Err(Error::Invalid),
    };
    Ok(FramerConfig { framing, max_frame: config.max_frame })
}

/// The memory that a framer of this configuration takes: the one block that
/// nsw_framer_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an unknown
/// framing or a `max_frame` out of range. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_footprint(
    config: *const nsw_framer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Framer<'static>>(size, align, || {
            Framer::footprint(&read_config(config)?)
        })
    }
}

/// Makes a framer in one block of `memory` (NULL: the system's heap). The caller
/// owns `*framer` and ends it with nsw_framer_destroy.
///
/// Errors: those of nsw_framer_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*framer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_create(
    config: *const nsw_framer_config,
    memory: *const nsw_allocator,
    framer: *mut *mut nsw_framer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Framer<'static>, _>(
            memory,
            framer,
            || read_config(config).and_then(|config| Ok((Framer::footprint(&config)?, config))),
            |piece, config| Framer::in_piece(&config, piece),
        )
    }
}

/// Destroys a framer and gives its block back. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_destroy(framer: *mut nsw_framer) {
    // SAFETY: NULL or a framer, by the documentation above.
    unsafe { handle::destroy::<Framer<'static>>(framer) };
}

/// Takes bytes up to the end of the first frame in them, and tells in `*taken`
/// how many: 0 while there is a frame that nsw_framer_next has not given out. So:
/// push, take what is there with nsw_framer_next, push what is left.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_TOO_LONG if a stream
/// announces a frame longer than `max_frame`: where the next one begins cannot be
/// trusted then, so every further call answers the same until nsw_framer_restart.
/// On a serial line such frames are dropped and counted. `*taken` is as it was
/// on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_push(
    framer: *mut nsw_framer,
    bytes: *const u8,
    bytes_len: usize,
    taken: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Framer<'static>>(framer, |framer| {
            check_pointer(taken)?;
            put(taken, framer.push(input(bytes, bytes_len)?)?)
        })
    }
}

/// The frame that has become whole, once: fills `*frame`, whose `size` the caller
/// has set (NSW_FRAME_INIT). NSW_DONE if there is none; `*frame` is as it was
/// then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE; the frame is
/// still there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_next(
    framer: *mut nsw_framer,
    frame: *mut nsw_frame,
) -> nsw_status {
    let next = |framer: &mut Framer<'static>| {
        // What cannot be told must not be taken.
        // SAFETY: NULL or a struct, by the documentation above.
        unsafe { structs::read(frame) }?;
        let Some(found) = framer.next() else { return Ok(false) };
        let filled = nsw_frame {
            size: 0,
            checked: found.checked.into(),
            bytes: found.bytes.as_ptr(),
            bytes_len: found.bytes.len(),
        };
        // SAFETY: as above.
        unsafe { structs::write(frame, &filled) }.map(|()| true)
    };
    // SAFETY: NULL or a framer, by the documentation above.
    super::status_or(unsafe { with_mut::<Framer<'static>, _>(framer, next) }, NSW_DONE)
}

/// Forgets what is half read or not given out, as for a new connection. What
/// nsw_framer_describe counts stays.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_restart(framer: *mut nsw_framer) -> nsw_status {
    // SAFETY: NULL or a framer, by the documentation above.
    unsafe {
        call_mut::<Framer<'static>>(framer, |framer| {
            framer.restart();
            Ok(())
        })
    }
}

/// What it has seen: fills `*info`, whose `size` the caller has set
/// (NSW_FRAMER_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_framer_describe(
    framer: *const nsw_framer,
    info: *mut nsw_framer_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Framer<'static>>(framer, |framer| {
            let counts = framer.counts();
            let filled = nsw_framer_info {
                size: 0,
                reserved: 0,
                frames: counts.frames,
                damaged: counts.damaged,
                oversize: counts.oversize,
            };
            structs::write(info, &filled)
        })
    }
}

/// Writes a frame as it goes into a stream: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL): `frame_len` + 2.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_OVERFLOW, NSW_ERR_COMM_TOO_LONG for more than
/// NSW_FRAME_MAX bytes, NSW_ERR_BUFFER_TOO_SMALL (`*len` is what is needed, and
/// nothing is written), NSW_ERR_INVALID for buffers that overlap. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_frame_encode_stream(
    frame: *const u8,
    frame_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let frame = input(frame, frame_len)?;
        let out = output.take(stream_len(frame.len())?, &bytes_of(frame))?;
        encode_stream(frame, out).map(|_| ())
    })
}

/// Writes a frame as it goes over a serial line, with a zero at its end and none
/// before: at most `cap` bytes to `buf`, the length to `*len` (which may be NULL),
/// at most NSW_SERIAL_BOUND(frame_len). With `checked` not 0 a CRC-32 goes along:
/// ask for it where nothing else tells that the frame is damaged, as in a
/// handshake.
///
/// Errors: those of nsw_frame_encode_stream. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_frame_encode_serial(
    frame: *const u8,
    frame_len: usize,
    checked: u32,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let frame = input(frame, frame_len)?;
        let out = output.take(serial_len(frame, checked != 0)?, &bytes_of(frame))?;
        encode_serial(frame, checked != 0, out).map(|_| ())
    })
}
