//! Probes as bytes: docs/raft-tuner.md.

/// Bytes of a probe.
pub const LEN: usize = 24;
/// First bytes: a question, an answer. No message of Raft begins so.
const ASKS: u8 = 0xA1;
const ANSWERS: u8 = 0xA2;

/// A question to another node, or the answer to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub answers: bool,
    /// The share of the leader's heartbeats that the sender does not get, in thousandths.
    pub missed: u16,
    /// The sender's way to a majority without the leader, and with it, in microseconds.
    pub way: u32,
    pub full_way: u32,
    /// How often it sends heartbeats, or would.
    pub interval: u32,
    /// The time at who asks.
    pub time: u64,
}

impl Probe {
    pub fn decode(bytes: &[u8]) -> Option<Probe> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let [kind, zero, m0, m1, a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, time @ ..] =
            *bytes;
        let answers = kind == ANSWERS;
        (zero == 0 && (answers || kind == ASKS)).then_some(Probe {
            answers,
            missed: u16::from_le_bytes([m0, m1]).min(1_000),
            way: u32::from_le_bytes([a0, a1, a2, a3]),
            full_way: u32::from_le_bytes([b0, b1, b2, b3]),
            interval: u32::from_le_bytes([c0, c1, c2, c3]),
            time: u64::from_le_bytes(time),
        })
    }

    pub fn encode(&self) -> [u8; LEN] {
        let kind = if self.answers { ANSWERS } else { ASKS };
        let [m0, m1] = self.missed.to_le_bytes();
        let words = [self.way, self.full_way, self.interval].map(u32::to_le_bytes);
        let [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3]] = words;
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.time.to_le_bytes();
        [
            kind, 0, m0, m1, a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, t0, t1, t2, t3, t4,
            t5, t6, t7,
        ]
    }
}
