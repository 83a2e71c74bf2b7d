//! What a store is made for, and how full it is.

use crate::crdt::dot::ReplicaId;
use crate::crdt::sketch::Sizes;

/// What a store is made for. All memory is asked for at creation.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// This replica.
    pub replica: ReplicaId,
    /// Most replicas that ever change something, this one included, 1 to 32,768.
    pub replicas: usize,
    /// Most keys, of all maps together, 1 to 2^30 - 1.
    pub keys: usize,
    /// Most items, 1 to 2^30. A set or a list has one for each element, a flag and a register
    /// one; each may have one more for each change at the same time.
    pub items: usize,
    /// Bytes for names, elements and values of more than 8 bytes, each with 8 bytes
    /// beside it; at most 2^31. Elements of lists lie here however short they are, and
    /// have about 30 bytes beside them.
    pub bytes: usize,
    /// Changes that are remembered to be told to others, in parts: one for what a
    /// change adds, and one for each item that it takes away. Who has missed more
    /// gets the state.
    pub log: usize,
    /// Most changes that can come before their predecessors: spans of them, and
    /// such as were undone before they came.
    pub early: usize,
    /// How far a stamp of another replica may be ahead of the time of day, in
    /// milliseconds. `u64::MAX` for a store without a clock.
    pub max_ahead_ms: u64,
    /// The binary logarithm of the registers of a HyperLogLog, a byte each; 4 to 16. The
    /// error is about 1.04 over their root. The same at all replicas.
    pub sketch_precision: u32,
    /// Columns of a Count-Min sketch, 1 to 8,192. It says too much by 2.72 over the columns
    /// of all that was counted, or less. The same at all replicas.
    pub sketch_width: usize,
    /// Its rows, 1 to 4: the probability that it says more than that is exp(-rows). The same
    /// at all replicas. A count in a row takes 4 bytes, for each replica that counted.
    pub sketch_depth: usize,
    /// The seed of all hashes, the same at all replicas. One that strangers do not
    /// know keeps them from making a store slow by what they add.
    pub seed: u32,
    /// Most keys that are [watched](super::Store::watch), at most 2^30.
    pub watches: usize,
    /// Most [events](super::Store::next_event) that wait to be taken, at most 2^30. Of what has no
    /// room each watch has one that says so.
    pub events: usize,
}

impl Default for StoreConfig {
    /// For a handful of replicas: 8 replicas, 64 keys, 1,024 items, 16 KiB, the last
    /// 256 changes, 16 early ones, a minute ahead; a HyperLogLog of 1,024 registers (3.25 %),
    /// a Count-Min sketch of 4 rows of 256 (1.06 %); nothing is watched.
    fn default() -> Self {
        StoreConfig {
            replica: ReplicaId(0),
            replicas: 8,
            keys: 64,
            items: 1024,
            bytes: 16_384,
            log: 256,
            early: 16,
            max_ahead_ms: 60_000,
            sketch_precision: 10,
            sketch_width: 256,
            sketch_depth: 4,
            seed: 0,
            watches: 0,
            events: 0,
        }
    }
}

impl StoreConfig {
    /// The most bytes of what a store of this configuration writes of itself
    /// ([`context`](super::Store::context)).
    pub const fn most_context(&self) -> usize {
        // Version, kind, generation; a replica's number, and the changes of it that have come; spans of early ones, and
        // as many that were undone early.
        let early = self.early.saturating_mul(16 + 10);
        self.replicas.saturating_mul(9 + 11).saturating_add(early).saturating_add(7)
    }

    /// The sizes of sketches.
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            precision: self.sketch_precision,
            width: self.sketch_width,
            depth: self.sketch_depth,
        }
    }
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Replicas that are known.
    pub replicas: usize,
    /// Keys, those that are open and empty included.
    pub keys: usize,
    /// Items.
    pub items: usize,
    /// Bytes of the heap.
    pub bytes: usize,
    /// Spans of changes that came early, and changes undone before they came.
    pub early: usize,
    /// Whether something that others have was refused without room and has not come
    /// since: until all changes have come of its replicas, up to the last refused.
    pub behind: bool,
}
