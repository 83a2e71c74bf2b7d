//! Channels: reliable messages over a link.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, check_pointer, count, or};
use crate::comm::channel::{Channel, ChannelConfig, ChannelInfo, ChannelOutput, SendOptions};
use crate::error::{Error, Result};

/// A packet for the link: the first `*out_len` bytes of the buffer, which `bytes`
/// points to as well.
pub const NSW_CHANNEL_PACKET: u32 = 1;
/// A message has arrived: `bytes`, on `stream`; `id` is its place among the
/// messages that were sent on the stream, from 0 on. Those that expired before
/// anything of them was sent have none.
pub const NSW_CHANNEL_MESSAGE: u32 = 2;
/// The peer has the message `id`.
pub const NSW_CHANNEL_ACKED: u32 = 3;
/// The deadline of the message `id` came before all of it was sent. The peer's
/// caller does not get it.
pub const NSW_CHANNEL_EXPIRED: u32 = 4;
/// The message `id` is longer than the peer's receive buffer, which was not known
/// when it was sent. The peer's caller does not get it.
pub const NSW_CHANNEL_REFUSED: u32 = 5;
/// There is room for the message that was last refused with NSW_ERR_CAPACITY.
pub const NSW_CHANNEL_ROOM: u32 = 6;

/// One end of a channel: streams of reliable messages over a link that loses,
/// repeats and reorders packets. The link must have made sure that a packet is the
/// peer's and unchanged, as nsw_link does.
///
/// After RFC 9000 and RFC 9002 (QUIC), for small links: packets that are
/// acknowledged by ranges and whose numbers never come again, retransmission by
/// the measured round trip, NewReno. Messages keep their boundaries and arrive
/// exactly once. What is full answers NSW_ERR_CAPACITY. It is told what arrives
/// (nsw_channel_receive), what to send (nsw_channel_send) and what time it is,
/// and nsw_channel_next says what to do. docs/channel-format.md has the bytes.
///
/// A channel lives as long as both ends do. When one begins anew, so must the
/// other; NSW_ERR_COMM_CLOSED says so. One thread at a time.
pub struct nsw_channel {
    _opaque: [u8; 0],
}

impl Object for Channel<'static> {
    type C = nsw_channel;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswc");
}

/// What a channel is made for. NSW_CHANNEL_CONFIG_INIT, then what differs; every
/// zero but those of the streams means the default. Both sides have the same
/// streams; all else may differ. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_channel_config {
    /// sizeof(nsw_channel_config); NSW_CHANNEL_CONFIG_INIT sets it.
    pub size: u32,
    /// Most bytes of a packet that the link takes, 48 to 65535; 0 means 1200.
    pub mtu: u32,
    /// Streams whose messages arrive in the order that they were sent in: the
    /// first ones, from 0 on.
    pub ordered: u32,
    /// Streams whose messages arrive as soon as they can: those after the ordered
    /// ones. At most 1024 of both together; both 0 means 1 ordered one.
    pub unordered: u32,
    /// Bytes of messages until the peer has them, at most 2^28; no message is
    /// longer. 0 means 65536.
    pub send_buffer: u32,
    /// Bytes of messages until the caller has them, at most 2^28; the peer can send
    /// no longer message. It takes an eighth more of memory. 0 means 65536.
    pub receive_buffer: u32,
    /// Most messages on their way, in each direction, at most 16384; about 64 bytes
    /// of memory for each. 0 means 128.
    pub messages: u32,
    /// Most messages and parts of messages in packets on their way, 4 to 16384;
    /// about 20 bytes of memory for each. Every packet has at least one. 0 means
    /// 128.
    pub packets: u32,
    /// Another number for each life of this channel, such as a count of starts or
    /// a random one: the peer notices that it talks to a new one.
    pub epoch: u32,
    /// The longest time until a packet is acknowledged, in microseconds, at most
    /// 10 seconds; 0 means 25000.
    pub ack_delay_us: u32,
    /// The round trip until one is measured, in microseconds, at most 10 seconds;
    /// 0 means 333000.
    pub initial_rtt_us: u32,
    /// Not 0: packets are not spread over the round trip, and a whole window may
    /// go out at once.
    pub no_pacing: u32,
    /// Told why a configuration is refused; may be NULL.
    pub logger: *const nsw_logger,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_channel_config {
    const LEAST: usize = core::mem::offset_of!(nsw_channel_config, logger);
}

/// What is asked for a message. NSW_SEND_OPTIONS_INIT, then what differs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_send_options {
    /// sizeof(nsw_send_options); NSW_SEND_OPTIONS_INIT sets it.
    pub size: u32,
    /// What is more urgent goes first, strictly: 0 to 255. Streams of one priority
    /// share the line fairly. What is before it in an ordered stream becomes as
    /// urgent.
    pub priority: u32,
    /// When the message is worth nothing any more, in microseconds of the caller's
    /// clock; 0 means never. If not all of it was sent by then it is dropped, at
    /// both ends. On an unordered stream the nearest deadline goes first among
    /// messages of one priority.
    pub deadline_us: u64,
    /// Not 0: it is sent after its deadline, too.
    pub keep_late: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_send_options {
    const LEAST: usize = core::mem::offset_of!(nsw_send_options, deadline_us);
}

/// What a channel has to say or to send. NSW_CHANNEL_OUTPUT_INIT before it is
/// filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_channel_output {
    /// sizeof(nsw_channel_output); NSW_CHANNEL_OUTPUT_INIT sets it.
    pub size: u32,
    /// What it is: NSW_CHANNEL_PACKET, MESSAGE, ACKED, EXPIRED, REFUSED or ROOM.
    pub kind: u32,
    /// See `kind`.
    pub id: u64,
    /// See `kind`; valid until the next call on the channel. NULL if there are
    /// none.
    pub bytes: *const u8,
    /// Number of them.
    pub bytes_len: usize,
    /// See `kind`.
    pub stream: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_channel_output {
    const LEAST: usize = size_of::<nsw_channel_output>();
}

/// How a channel does. NSW_CHANNEL_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_channel_info {
    /// sizeof(nsw_channel_info); NSW_CHANNEL_INFO_INIT sets it.
    pub size: u32,
    /// 1 if the peer has been heard, else 0.
    pub open: u32,
    /// Messages whose end was not told yet.
    pub messages: u32,
    /// 1 if there is a place for another message, else 0.
    pub has_room: u32,
    /// The longest message that can be sent now.
    pub room: u32,
    /// The round trip, smoothed, in microseconds; 0 while none is measured.
    pub rtt_us: u32,
    /// How much it varies, in microseconds.
    pub rtt_var_us: u32,
    /// Bytes that may be on their way.
    pub window: u32,
    /// Bytes of packets on their way.
    pub in_flight: u32,
    /// 0.
    pub reserved: u32,
    /// Packets that were made.
    pub packets_sent: u64,
    /// Packets that counted as lost.
    pub packets_lost: u64,
    /// Packets that were taken on.
    pub packets_received: u64,
    /// Packets that had been received before, or were too old to tell.
    pub packets_repeated: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_channel_info {
    const LEAST: usize = core::mem::offset_of!(nsw_channel_info, packets_sent);
}

/// Calls `f` with the caller's configuration.
///
/// # Safety
/// NULL or a configuration.
unsafe fn with_config<R>(
    config: *const nsw_channel_config,
    f: impl FnOnce(&ChannelConfig<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    let (c, logger) = unsafe {
        let c = structs::read(config)?;
        (c, CLogger::new(c.logger)?)
    };
    let default = ChannelConfig::default();
    let (ordered, unordered) = match (c.ordered, c.unordered) {
        (0, 0) => (default.ordered, default.unordered),
        (ordered, unordered) => (ordered as usize, unordered as usize),
    };
    f(&ChannelConfig {
        mtu: count(c.mtu, default.mtu),
        ordered,
        unordered,
        send_buffer: count(c.send_buffer, default.send_buffer),
        receive_buffer: count(c.receive_buffer, default.receive_buffer),
        messages: count(c.messages, default.messages),
        packets: count(c.packets, default.packets),
        epoch: c.epoch,
        ack_delay_us: or(c.ack_delay_us, default.ack_delay_us),
        initial_rtt_us: or(c.initial_rtt_us, default.initial_rtt_us),
        pacing: c.no_pacing == 0,
        logger: CLogger::as_dyn(&logger),
    })
}

/// The memory that a channel takes: the one block that nsw_channel_create asks for,
/// in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside
/// its range, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_footprint(
    config: *const nsw_channel_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Channel<'static>>(size, align, || {
            with_config(config, Channel::footprint)
        })
    }
}

/// Makes one end of a channel in one block of `memory` (NULL: the system's heap).
/// The caller owns `*channel` and ends it with nsw_channel_destroy.
///
/// Errors: those of nsw_channel_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*channel` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_create(
    config: *const nsw_channel_config,
    memory: *const nsw_allocator,
    channel: *mut *mut nsw_channel,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Channel<'static>>(
            memory,
            channel,
            || with_config(config, Channel::footprint),
            |piece| with_config(config, |config| Channel::in_piece(config, piece)),
        )
    }
}

/// Destroys a channel and gives its block back; what was not acknowledged is gone.
/// NULL is fine, and so is an already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_destroy(channel: *mut nsw_channel) {
    // SAFETY: NULL or a channel, by the documentation above.
    unsafe { handle::destroy::<Channel<'static>>(channel) };
}

/// The caller's options.
///
/// # Safety
/// NULL or options.
unsafe fn read_options(options: *const nsw_send_options) -> Result<SendOptions> {
    if options.is_null() {
        return Ok(SendOptions::default());
    }
    // SAFETY: the caller's word.
    let o = unsafe { structs::read(options) }?;
    let priority = u8::try_from(o.priority).map_err(|_| Error::Invalid)?;
    if o.reserved != 0 {
        return Err(Error::Invalid);
    }
    Ok(SendOptions {
        priority,
        deadline_us: (o.deadline_us != 0).then_some(o.deadline_us),
        keep_late: o.keep_late != 0,
    })
}

/// Sends a message, of any bytes and also of none, on a stream. It is copied. Its
/// identifier goes to `*id`, which may be NULL: 0 for the first message, then 1 more
/// for each. `options` may be NULL. Call nsw_channel_next afterwards.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID
/// for a stream that is not there or a priority above 255, NSW_ERR_COMM_TOO_LONG for
/// a message longer than the send buffer or the peer's receive buffer,
/// NSW_ERR_COMM_EXPIRED for a deadline that is over, NSW_ERR_CAPACITY if there is no
/// room now: NSW_CHANNEL_ROOM says when there is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_send(
    channel: *mut nsw_channel,
    stream: u32,
    message: *const u8,
    message_len: usize,
    options: *const nsw_send_options,
    now_us: u64,
    id: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Channel<'static>>(channel, |channel| {
            let (message, options) = (input(message, message_len)?, read_options(options)?);
            // What cannot be told must not be taken.
            if !id.is_null() {
                check_pointer(id)?;
            }
            tell(id, channel.send(stream as usize, message, options, now_us)?)
        })
    }
}

/// Takes a packet from the link. One that was received before is ignored. Call
/// nsw_channel_next afterwards.
///
/// Errors, after which all is as before (but the last message is released): those
/// of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_FORMAT for what is not a packet,
/// NSW_ERR_COMM_VERSION for another version of the format, NSW_ERR_COMM_CLOSED if
/// one of both ends has begun anew, NSW_ERR_COMM_TOO_LONG for more than the peer was
/// allowed, NSW_ERR_COMM_STATE for what contradicts what came before: an
/// acknowledgement of what was not sent, other bytes or another length for a
/// message, other streams.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_receive(
    channel: *mut nsw_channel,
    packet: *const u8,
    packet_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Channel<'static>>(channel, |channel| {
            channel.receive(input(packet, packet_len)?, now_us)
        })
    }
}

/// The next thing to do or to know: fills `*output`, whose `size` the caller has set
/// (NSW_CHANNEL_OUTPUT_INIT); a packet goes to `out`, of which `mtu` bytes are
/// enough, its length to `*out_len` (which may be NULL). Call it until it answers
/// NSW_DONE (`*output` is as it was then), after each call that may change
/// something and when nsw_channel_wake_at says. `now_us` is the caller's monotonic
/// clock, in microseconds.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL. Nothing is lost then: call again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_next(
    channel: *mut nsw_channel,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    output: *mut nsw_channel_output,
) -> nsw_status {
    let next = |channel: &mut Channel<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            // What cannot be told must not be taken.
            structs::read(output)?;
            if !out_len.is_null() {
                check_pointer(out_len)?;
            }
            let buffer = Output { pointer: out, capacity: out_cap, len: core::ptr::null_mut() };
            let buffer = buffer.take(out_cap, &bytes_of::<u8>(&[]))?;
            let mtu = channel.mtu();
            let next = match channel.next(now_us, buffer) {
                Err(Error::BufferTooSmall) => {
                    tell(out_len, mtu)?;
                    return Err(Error::BufferTooSmall);
                }
                next => next?,
            };
            let Some(next) = next else { return Ok(false) };
            let filled = filled(next, out);
            tell(out_len, if filled.kind == NSW_CHANNEL_PACKET { filled.bytes_len } else { 0 })?;
            structs::write(output, &filled).map(|()| true)
        }
    };
    // SAFETY: NULL or a channel, by the documentation above.
    status_or(unsafe { with_mut::<Channel<'static>, _>(channel, next) }, NSW_DONE)
}

/// An output as C sees it; a packet is in `out`.
fn filled(output: ChannelOutput<'_>, out: *const u8) -> nsw_channel_output {
    let nothing = nsw_channel_output {
        size: 0,
        kind: 0,
        id: 0,
        bytes: core::ptr::null(),
        bytes_len: 0,
        stream: 0,
        reserved: 0,
    };
    match output {
        ChannelOutput::Packet { len } => {
            nsw_channel_output { kind: NSW_CHANNEL_PACKET, bytes: out, bytes_len: len, ..nothing }
        }
        ChannelOutput::Message { stream, number, bytes } => nsw_channel_output {
            kind: NSW_CHANNEL_MESSAGE,
            id: number,
            bytes: if bytes.is_empty() { core::ptr::null() } else { bytes.as_ptr() },
            bytes_len: bytes.len(),
            stream: stream as u32,
            ..nothing
        },
        ChannelOutput::Acked { id } => {
            nsw_channel_output { kind: NSW_CHANNEL_ACKED, id, ..nothing }
        }
        ChannelOutput::Expired { id } => {
            nsw_channel_output { kind: NSW_CHANNEL_EXPIRED, id, ..nothing }
        }
        ChannelOutput::Refused { id } => {
            nsw_channel_output { kind: NSW_CHANNEL_REFUSED, id, ..nothing }
        }
        ChannelOutput::Room => nsw_channel_output { kind: NSW_CHANNEL_ROOM, ..nothing },
    }
}

/// When to call nsw_channel_next again, if nothing arrives and nothing is sent
/// before: `*wake_us` is 0 for at once, while it has not answered NSW_DONE since the
/// last call, and UINT64_MAX if there is no need.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_wake_at(
    channel: *const nsw_channel,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Channel<'static>>(channel, |channel| put(wake_us, channel.wake_at())) }
}

/// Holds the messages of a stream back (`paused` is not 0), or hands them out
/// again. What arrives waits in the receive buffer; when that is full, the peer
/// stops. The buffer is that of all streams. Call nsw_channel_next afterwards.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for a stream that is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_pause(
    channel: *mut nsw_channel,
    stream: u32,
    paused: u32,
) -> nsw_status {
    // SAFETY: NULL or a channel, by the documentation above.
    unsafe {
        call_mut::<Channel<'static>>(channel, |channel| channel.pause(stream as usize, paused != 0))
    }
}

impl From<ChannelInfo> for nsw_channel_info {
    fn from(info: ChannelInfo) -> nsw_channel_info {
        nsw_channel_info {
            size: 0,
            open: info.open.into(),
            messages: info.messages as u32,
            has_room: info.room.is_some().into(),
            room: info.room.unwrap_or(0) as u32,
            rtt_us: info.rtt_us,
            rtt_var_us: info.rtt_var_us,
            window: info.window,
            in_flight: info.in_flight,
            reserved: 0,
            packets_sent: info.packets_sent,
            packets_lost: info.packets_lost,
            packets_received: info.packets_received,
            packets_repeated: info.packets_repeated,
        }
    }
}

/// Fills `*info` (NSW_CHANNEL_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_channel_describe(
    channel: *const nsw_channel,
    info: *mut nsw_channel_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Channel<'static>>(channel, |channel| {
            structs::write(info, &channel.info().into())
        })
    }
}
