//! What a channel is made for.

use crate::error::{Error, Result};
use crate::port::{Level, Line, Logger};

/// Least bytes of a packet: the longest head of a part still leaves it some.
pub const LEAST_MTU: usize = 48;
/// Most bytes of a packet.
const MOST_MTU: usize = 65_535;
/// Most streams.
const MOST_STREAMS: usize = 1024;
/// Most bytes of a buffer.
const MOST_BUFFER: usize = 1 << 28;
/// Most messages, and most parts.
const MOST_COUNT: usize = 1 << 14;
/// Longest times, in microseconds.
const MOST_DELAY: u32 = 10_000_000;

/// What a channel is made for. Both sides have the same streams; all else may
/// differ.
#[derive(Clone, Copy)]
pub struct ChannelConfig<'a> {
    /// Most bytes of a packet that the link takes, 48 to 65535.
    pub mtu: usize,
    /// Streams whose messages arrive in the order that they were sent in: the
    /// first ones, from 0 on.
    pub ordered: usize,
    /// Streams whose messages arrive as soon as they can: those after the
    /// ordered ones. At least 1 and at most 1024 of both together.
    pub unordered: usize,
    /// Bytes of messages until the peer has them, 1 to 2^28; no message is
    /// longer.
    pub send_buffer: usize,
    /// Bytes of messages until the caller has them, 1 to 2^28; the peer can send
    /// no longer message.
    pub receive_buffer: usize,
    /// Most messages on their way, in each direction, 1 to 16384.
    pub messages: usize,
    /// Most messages and parts of messages in packets on their way, 4 to 16384;
    /// every packet has at least one.
    pub packets: usize,
    /// Another number for each life of this channel, such as a count of starts
    /// or a random one: the peer notices that it talks to a new one.
    pub epoch: u32,
    /// The longest time until a packet is acknowledged, in microseconds, at most
    /// 10 seconds.
    pub ack_delay_us: u32,
    /// The round trip until one is measured, in microseconds, 1 to 10 seconds'
    /// worth.
    pub initial_rtt_us: u32,
    /// Spread packets over the round trip. Without it a whole window may go out
    /// at once.
    pub pacing: bool,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

impl Default for ChannelConfig<'_> {
    /// For links of the internet's packets: 1200 bytes, one ordered stream,
    /// buffers of 64 KiB, 128 messages, 128 packets; the times of RFC 9002.
    fn default() -> Self {
        ChannelConfig {
            mtu: 1200,
            ordered: 1,
            unordered: 0,
            send_buffer: 65_536,
            receive_buffer: 65_536,
            messages: 128,
            packets: 128,
            epoch: 0,
            ack_delay_us: 25_000,
            initial_rtt_us: 333_000,
            pacing: true,
            logger: None,
        }
    }
}

impl ChannelConfig<'_> {
    /// Refuses what is outside its range.
    pub(super) fn check(&self) -> Result<()> {
        let streams = self.ordered.saturating_add(self.unordered);
        let ranges = [
            ("bytes of a packet", self.mtu, LEAST_MTU, MOST_MTU),
            ("streams", streams, 1, MOST_STREAMS),
            ("bytes of the send buffer", self.send_buffer, 1, MOST_BUFFER),
            ("bytes of the receive buffer", self.receive_buffer, 1, MOST_BUFFER),
            ("messages", self.messages, 1, MOST_COUNT),
            ("packets", self.packets, 4, MOST_COUNT),
            ("microseconds to acknowledge", self.ack_delay_us as usize, 0, MOST_DELAY as usize),
            ("microseconds of a round trip", self.initial_rtt_us as usize, 1, MOST_DELAY as usize),
        ];
        for (name, value, least, most) in ranges {
            if value < least || value > most {
                Line::new("a channel has ")
                    .number(least)
                    .text(" to ")
                    .number(most)
                    .text(" ")
                    .text(name)
                    .text(", not ")
                    .number(value)
                    .send(self.logger, Level::Error);
                return Err(Error::Invalid);
            }
        }
        Ok(())
    }

    /// Both kinds of streams.
    pub(super) fn streams(&self) -> (u16, u16) {
        (self.ordered as u16, self.unordered as u16)
    }
}
