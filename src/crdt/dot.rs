//! Who changed what: replicas, and the changes that they number.

use crate::error::{Error, Result};

/// Bits of a sequence number.
const SEQ_BITS: u32 = 40;

/// The last sequence number of a replica: a trillion changes.
pub const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;

/// Most replicas of a store.
pub const MAX_REPLICAS: usize = 1 << 15;

/// A replica's number. No two replicas of a store may have the same, and one that
/// lost changes that others may have seen comes back with another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// One change: a replica's `seq`-th, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Whose change.
    pub replica: ReplicaId,
    /// The how-manieth of its changes, 1 to [`MAX_SEQ`].
    pub seq: u64,
}

/// A dot as a store keeps it: the replica by its place in the store's own table.
/// The order is by place, then by sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// Bits that a stamp leaves free in its 64.
    pub const FREE_BITS: u32 = 64 - SEQ_BITS - 15;

    pub fn new(place: usize, seq: u64) -> Stamp {
        debug_assert!(place < MAX_REPLICAS && (1..=MAX_SEQ).contains(&seq));
        Stamp((place as u64) << SEQ_BITS | seq)
    }

    /// The stamp in the low bits of a word.
    pub fn of_word(word: u64) -> Stamp {
        Stamp(word << Stamp::FREE_BITS >> Stamp::FREE_BITS)
    }

    pub fn word(self) -> u64 {
        self.0
    }

    pub fn place(self) -> usize {
        (self.0 >> SEQ_BITS) as usize
    }

    pub fn seq(self) -> u64 {
        self.0 & MAX_SEQ
    }

    /// The same replica's next change.
    pub fn next(self) -> Result<Stamp> {
        if self.seq() < MAX_SEQ { Ok(Stamp(self.0 + 1)) } else { Err(Error::Overflow) }
    }
}

/// A sequence number in five bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedSeq([u8; 5]);

impl PackedSeq {
    pub fn new(seq: u64) -> PackedSeq {
        let [a, b, c, d, e, ..] = seq.min(MAX_SEQ).to_le_bytes();
        PackedSeq([a, b, c, d, e])
    }

    pub fn get(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }
}
