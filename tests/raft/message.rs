//! What is in messages, as far as tests look: docs/raft-format.md.

/// Names of messages, by their number.
const NAMES: [&str; 16] = [
    "?",
    "pre-vote",
    "pre-vote reply",
    "vote",
    "vote reply",
    "append",
    "append reply",
    "heartbeat",
    "heartbeat reply",
    "snapshot",
    "snapshot reply",
    "timeout",
    "read",
    "read reply",
    "propose",
    "propose reply",
];
const YES: u8 = 1;
const NO: u8 = 2;

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// What a message promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    Vote {
        to: u64,
        term: u64,
    },
    /// Entries up to there are durable.
    Has {
        term: u64,
        index: u64,
    },
    /// A snapshot is.
    Installed {
        term: u64,
        index: u64,
    },
    Other,
}

impl Message {
    pub fn new(bytes: &[u8]) -> Option<Message> {
        let [_, what, flags, _] = *bytes.first_chunk()?;
        let (to, term) = (number(bytes, 12)?, number(bytes, 20)?);
        Some(match what {
            4 if flags & YES != 0 => Message::Vote { to, term },
            6 if flags & NO == 0 => Message::Has { term, index: number(bytes, 36)? },
            10 if flags & YES != 0 => Message::Installed { term, index: number(bytes, 36)? },
            _ => Message::Other,
        })
    }
}

/// A message in a few words.
pub fn describe(bytes: &[u8]) -> String {
    let Some([_, what, flags, _]) = bytes.first_chunk() else { return format!("{bytes:?}") };
    let name = NAMES.get(usize::from(*what)).unwrap_or(&"?");
    let numbers: Vec<u64> = (0..5).map_while(|n| number(bytes, 28 + 8 * n)).collect();
    let flags =
        ["", " yes", " no", " forced", " quiet"][(8 - flags.leading_zeros() as usize).min(4)];
    let term = number(bytes, 20).unwrap_or_default();
    format!("{name}{flags} of term {term} {numbers:?} {} bytes", bytes.len())
}
