//! Reliable messages over an unreliable link.
//!
//! A [`Channel`] is one end. Above it are streams of messages, ordered or not;
//! below it packets of at most so many bytes, which may get lost, overtake each
//! other and arrive twice. The link must have made sure that a packet is the
//! peer's and unchanged. The packets are in docs/channel-format.md, the parts
//! here:
//!
//! - `frame`: packets as bytes, and back.
//! - `outbox`, `inbox`: messages of both directions, in a `store` each.
//! - `flight`: what was sent and is not acknowledged; `acks`: what was received.
//! - `rtt`, `congestion`: how long to wait, how much to send.
//! - `receive`, `send`: a packet that arrives, a packet that goes out.

mod acks;
mod config;
mod congestion;
mod flight;
mod frame;
mod inbox;
mod outbox;
mod receive;
mod rtt;
mod send;
mod store;

use core::alloc::Layout;

use self::acks::Acks;
use self::congestion::{Congestion, Pacer};
use self::flight::{Carried, Flight};
use self::frame::{Limit, Open};
use self::inbox::Inbox;
use self::outbox::{End, Outbox};
use self::rtt::Rtt;
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Allocator, Level, Line};

pub use self::config::ChannelConfig;
pub use self::outbox::SendOptions;

/// Packets that a timeout lets out whatever the window says (RFC 9002, 6.2.4).
const PROBES: u8 = 2;

/// What a channel has to say or to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOutput<'a> {
    /// A packet for the link: the first `len` bytes of the buffer.
    Packet {
        /// Its length.
        len: usize,
    },
    /// A message has arrived.
    Message {
        /// Its stream.
        stream: usize,
        /// Its place among the messages that were sent on the stream, from 0
        /// on. Those that expired before anything of them was sent have none.
        number: u64,
        /// The message.
        bytes: &'a [u8],
    },
    /// The peer has the message of this identifier.
    Acked {
        /// What [`Channel::send`] answered.
        id: u64,
    },
    /// The message's deadline came before all of it was sent. The peer's caller
    /// does not get it.
    Expired {
        /// What [`Channel::send`] answered.
        id: u64,
    },
    /// The message is longer than the peer's receive buffer, which was not known
    /// when it was sent. The peer's caller does not get it.
    Refused {
        /// What [`Channel::send`] answered.
        id: u64,
    },
    /// There is room for the message that was refused with
    /// [`Error::Capacity`] last.
    Room,
}

/// How a channel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Whether the peer has been heard.
    pub open: bool,
    /// Messages whose end was not told yet.
    pub messages: usize,
    /// The longest message that can be sent now; nothing if there is no place
    /// for any.
    pub room: Option<usize>,
    /// The round trip, smoothed, in microseconds; 0 while none is measured.
    pub rtt_us: u32,
    /// How much it varies, in microseconds.
    pub rtt_var_us: u32,
    /// Bytes that may be on their way, and bytes that are.
    pub window: u32,
    /// Bytes of packets on their way.
    pub in_flight: u32,
    /// Packets that were made.
    pub packets_sent: u64,
    /// Packets that counted as lost.
    pub packets_lost: u64,
    /// Packets that were taken on.
    pub packets_received: u64,
    /// Packets that had been received before, or were too old to tell.
    pub packets_repeated: u64,
}

/// Whether the peer knows who this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Introduced {
    No,
    /// It is on its way.
    Maybe,
    Yes,
}

/// What the peer said about itself.
#[derive(Clone, Copy, Debug)]
struct Peer {
    open: Open,
    /// The longest time until it acknowledges, in microseconds.
    ack_delay: u64,
}

/// One end of a channel: streams of reliable messages over a link that loses,
/// repeats and reorders packets.
///
/// After RFC 9000 and RFC 9002 (QUIC), for small links: packets that are
/// acknowledged by ranges and whose numbers never come again, retransmission by
/// the measured round trip, NewReno. Messages keep their boundaries and arrive
/// exactly once. Nothing is allocated after creation; what is full answers
/// [`Error::Capacity`]. A state machine without input or output: it is told what
/// arrives ([`receive`](Channel::receive)), what to send
/// ([`send`](Channel::send)) and what time it is, and
/// [`next`](Channel::next) says what to do.
///
/// A channel lives as long as both ends do. When one begins anew, so must the
/// other; [`Error::CommClosed`] says so.
///
/// ```
/// use neural_swarm::comm::channel::{Channel, ChannelConfig, ChannelOutput, SendOptions};
/// use neural_swarm::port::Heap;
///
/// let mut a = Channel::new(&ChannelConfig::default(), Heap)?;
/// let mut b = Channel::new(&ChannelConfig::default(), Heap)?;
/// a.send(0, b"hello", SendOptions::default(), 0)?;
/// let (mut packet, mut heard, mut now) = ([0; 1200], Vec::new(), 0);
/// while heard.is_empty() {
///     // The link, in both directions.
///     while let Some(output) = a.next(now, &mut packet)? {
///         if let ChannelOutput::Packet { len } = output {
///             b.receive(&packet[..len], now)?;
///         }
///     }
///     while let Some(output) = b.next(now, &mut packet)? {
///         match output {
///             ChannelOutput::Packet { len } => a.receive(&packet[..len], now)?,
///             ChannelOutput::Message { bytes, .. } => heard.extend_from_slice(bytes),
///             _ => {}
///         }
///     }
///     now += 1000;
/// }
/// assert_eq!(heard, b"hello");
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Channel<'m> {
    /// What this end says about itself.
    open: Open,
    mtu: u16,
    pacing: bool,
    introduced: Introduced,
    peer: Option<Peer>,
    outbox: Outbox<'m>,
    inbox: Inbox<'m>,
    flight: Flight<'m>,
    acks: Acks<'m>,
    rtt: Rtt,
    congestion: Congestion,
    pacer: Pacer,
    /// The latest time that was heard.
    now: u64,
    /// Number of the next packet.
    number: u64,
    /// When something was last sent that wants to be acknowledged.
    sent_at: u64,
    /// When the last packet that was acknowledged had been sent.
    acked_sent: u64,
    /// Timeouts in a row, and packets that the last one lets out.
    timeouts: u8,
    probes: u8,
    /// One of them has to go out, with whatever.
    ping: bool,
    /// Credit or need of it has to be told again.
    tell: Carried,
    /// What the peer was last told to be needed of it.
    blocked: Limit,
    /// The message that the caller has.
    lent: Option<usize>,
    /// Length of the message that was refused.
    refused: Option<usize>,
    /// Something has happened since there was nothing to do.
    pending: bool,
    lost: u64,
    received: u64,
    repeated: u64,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What is carved out of a channel's piece.
struct Parts<'m> {
    outbox: Outbox<'m>,
    inbox: Inbox<'m>,
    flight: Flight<'m>,
    acks: Acks<'m>,
}

impl<'m> Parts<'m> {
    fn carve(carver: &mut Carver<'m>, config: &ChannelConfig<'_>) -> Result<Parts<'m>> {
        let (messages, streams) = (config.messages, config.streams());
        Ok(Parts {
            outbox: Outbox::carve(
                carver,
                streams,
                (messages, config.send_buffer),
                config.mtu as u32,
            )?,
            inbox: Inbox::carve(carver, streams, (messages, config.receive_buffer))?,
            flight: Flight::carve(carver, config.packets)?,
            // The peer may have more packets on their way, and some come late.
            acks: Acks::carve(carver, 2 * config.packets)?,
        })
    }
}

impl<'m> Channel<'m> {
    /// The memory that a channel of this configuration takes.
    pub fn footprint(config: &ChannelConfig<'_>) -> Result<Layout> {
        config.check()?;
        let mut carver = Carver::measure();
        Parts::carve(&mut carver, config)?;
        carver.layout()
    }

    /// One end of a channel.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::Overflow`],
    /// and those of the allocator.
    pub fn new(config: &ChannelConfig<'_>, memory: impl Allocator<'m>) -> Result<Channel<'m>> {
        let piece = memory.allocate(Channel::footprint(config)?)?;
        Channel::in_piece(config, piece)
    }

    pub(crate) fn in_piece(
        config: &ChannelConfig<'_>,
        mut piece: Piece<'m>,
    ) -> Result<Channel<'m>> {
        let needed = Channel::footprint(config)?;
        let Parts { outbox, inbox, flight, acks } =
            Parts::carve(&mut piece.carver(needed)?, config)?;
        Line::new("channel of ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        let (ordered, unordered) = config.streams();
        let mtu = config.mtu as u32;
        Ok(Channel {
            open: Open {
                epoch: config.epoch,
                ordered,
                unordered,
                ack_delay: config.ack_delay_us.div_ceil(16),
                bytes: config.receive_buffer as u32,
                messages: config.messages as u16,
            },
            mtu: config.mtu as u16,
            pacing: config.pacing,
            introduced: Introduced::No,
            peer: None,
            outbox,
            inbox,
            flight,
            acks,
            rtt: Rtt::new(config.initial_rtt_us),
            congestion: Congestion::new(mtu),
            pacer: Pacer::new(mtu),
            now: 0,
            number: 0,
            sent_at: 0,
            acked_sent: 0,
            timeouts: 0,
            probes: 0,
            ping: false,
            tell: Carried::default(),
            blocked: Limit::default(),
            lent: None,
            refused: None,
            pending: false,
            lost: 0,
            received: 0,
            repeated: 0,
            _piece: piece,
        })
    }

    /// Time never goes back.
    fn clock(&mut self, now_us: u64) -> u64 {
        self.now = self.now.max(now_us);
        self.now
    }

    /// The caller has called again: it needs its message no more.
    fn release(&mut self) {
        if let Some(slot) = self.lent.take() {
            self.inbox.release(slot);
        }
    }

    /// Sends a message, of any bytes and also of none. It is copied. Answers its
    /// identifier: 0 for the first message, then 1 more for each.
    ///
    /// [`Error::Invalid`] for a stream that is not there,
    /// [`Error::CommTooLong`] for a message longer than the send buffer or the
    /// peer's receive buffer, [`Error::CommExpired`] for a deadline that is over,
    /// [`Error::Capacity`] if there is no room now:
    /// [`ChannelOutput::Room`] says when there is.
    pub fn send(
        &mut self,
        stream: usize,
        bytes: &[u8],
        options: SendOptions,
        now_us: u64,
    ) -> Result<u64> {
        let now = self.clock(now_us);
        self.release();
        let sent = self.outbox.add(stream, bytes, &options, now);
        match sent {
            Ok(_) => (self.pending, self.refused) = (true, None),
            Err(Error::Capacity) => self.refused = Some(bytes.len()),
            Err(_) => {}
        }
        sent
    }

    /// Holds the messages of a stream back, or hands them out again. What
    /// arrives waits in the receive buffer; when that is full, the peer stops.
    /// The buffer is that of all streams.
    ///
    /// [`Error::Invalid`] for a stream that is not there.
    pub fn pause(&mut self, stream: usize, paused: bool) -> Result<()> {
        self.release();
        self.pending = true;
        self.inbox.pause(stream, paused)
    }

    /// What is to be done next; to be called until there is nothing. A packet is written to `out`, of which the mtu
    /// is enough. A message is valid until the next call.
    ///
    /// [`Error::BufferTooSmall`] if `out` is shorter than the mtu and a packet is
    /// to be sent; nothing is lost.
    pub fn next(&mut self, now_us: u64, out: &mut [u8]) -> Result<Option<ChannelOutput<'_>>> {
        let now = self.clock(now_us);
        self.release();
        self.pending = true;
        self.run_timers(now);
        if let Some(end) = self.outbox.end() {
            return Ok(Some(match end {
                End::Acked(id) => ChannelOutput::Acked { id },
                End::Expired(id) => ChannelOutput::Expired { id },
                End::Refused(id) => ChannelOutput::Refused { id },
            }));
        }
        if let (Some(needed), Some(room)) = (self.refused, self.outbox.room())
            && needed <= room
        {
            self.refused = None;
            return Ok(Some(ChannelOutput::Room));
        }
        if let Some(message) = self.inbox.deliver() {
            self.lent = Some(message.slot);
            return Ok(Some(ChannelOutput::Message {
                stream: usize::from(message.stream),
                number: message.number,
                bytes: self.inbox.bytes(message.slot),
            }));
        }
        let Some(plan) = self.plan(now) else {
            self.pending = false;
            return Ok(None);
        };
        let out = out.get_mut(..usize::from(self.mtu)).ok_or(Error::BufferTooSmall)?;
        let len = self.make_packet(plan, now, out);
        Ok(Some(ChannelOutput::Packet { len }))
    }

    /// When to call [`next`](Channel::next) again, if nothing arrives and nothing
    /// is sent before: 0 for at once, while it has not said since the last call
    /// that there is nothing; `u64::MAX` if there is no need.
    pub fn wake_at(&self) -> u64 {
        if self.pending {
            return 0;
        }
        let paced = match self.wants_to_send() && self.congestion.allows() {
            true => self.pacer_wait(self.now),
            false => None,
        };
        let timers = [self.acks.due(), self.timer(), self.outbox.deadline(), paced];
        timers.into_iter().map(|at| at.unwrap_or(u64::MAX)).fold(u64::MAX, u64::min)
    }

    /// When something counts as lost, or has waited too long.
    fn timer(&self) -> Option<u64> {
        if let Some(at) = self.flight.loss_at() {
            return Some(at);
        }
        let delay = self.peer.map_or(0, |peer| peer.ack_delay);
        let timeout = self.rtt.timeout(delay, self.timeouts);
        self.flight.is_flying().then(|| self.sent_at.saturating_add(timeout))
    }

    fn run_timers(&mut self, now: u64) {
        let Channel { outbox, flight, .. } = self;
        outbox.expire(now, |slot| flight.detach(slot));
        if self.timer().is_none_or(|at| now < at) {
            return;
        }
        if self.flight.loss_at().is_some() {
            self.find_losses(now, None);
            // What is left may have waited too long as well.
            if self.timer().is_none_or(|at| now < at) {
                return;
            }
        }
        self.timeouts = self.timeouts.saturating_add(1);
        (self.probes, self.ping) = (PROBES, true);
        let carried = self.flight.probe(usize::from(PROBES));
        self.tell_again(carried);
        // From now on, though nothing may be sent.
        self.sent_at = now;
    }

    /// What was carried by packets that got lost is told again, if it still
    /// holds.
    fn tell_again(&mut self, carried: Carried) {
        if carried.has(Carried::OPEN) && self.introduced == Introduced::Maybe {
            self.introduced = Introduced::No;
        }
        if carried.has(Carried::CREDIT) {
            self.tell.add(Carried::CREDIT);
        }
        if carried.has(Carried::BLOCKED) {
            self.blocked = Limit::default();
        }
    }

    /// Finds what is lost; `acked` says when the packets had been sent that were
    /// acknowledged just now.
    fn find_losses(&mut self, now: u64, acked: Option<(u64, u64)>) {
        let fate = self.flight.lose(self.number, now, &self.rtt);
        let Some((first, last)) = fate.sent else { return };
        self.lost += u64::from(fate.packets);
        self.congestion.lost(fate.bytes, last, now);
        self.tell_again(fate.carried);
        // Nothing sent between the first and the last was acknowledged.
        let last = acked.map_or(last, |(from, _)| last.min(from));
        let delay = self.peer.map_or(0, |peer| peer.ack_delay);
        let long = 3 * self.rtt.timeout(delay, 0);
        if self.rtt.measured() && first > self.acked_sent && last.saturating_sub(first) > long {
            self.congestion.collapsed();
        }
    }

    /// Most bytes of a packet.
    pub fn mtu(&self) -> usize {
        usize::from(self.mtu)
    }

    /// How the channel does.
    pub fn info(&self) -> ChannelInfo {
        ChannelInfo {
            open: self.peer.is_some(),
            messages: self.outbox.open(),
            room: self.outbox.room(),
            rtt_us: if self.rtt.measured() { self.rtt.smoothed() } else { 0 },
            rtt_var_us: if self.rtt.measured() { self.rtt.variation() } else { 0 },
            window: self.congestion.window(),
            in_flight: self.congestion.flying(),
            packets_sent: self.number,
            packets_lost: self.lost,
            packets_received: self.received,
            packets_repeated: self.repeated,
        }
    }
}
