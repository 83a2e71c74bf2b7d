//! What can be behind a key.

use super::list::position;

/// The kind of value that a key has. The same name can be there once for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Keys in a key. It is there as long as something is in it.
    Map = 1,
    /// A set of byte strings. Who adds an element wins against who removes it at the
    /// same time: a removal takes away the additions that it has seen (Bieniusa et
    /// al., "An optimized conflict-free replicated set", 2012).
    ///
    /// A: add x; A and B synchronise. A: add x again; B: remove x. Everywhere: x is in.
    AddWinsSet = 2,
    /// A set of byte strings. Who removes an element wins against who adds it at the
    /// same time.
    ///
    /// A: add x; A and B synchronise. A: add x again; B: remove x. Everywhere: x is
    /// out, until somebody who has seen the removal adds it.
    RemoveWinsSet = 3,
    /// Yes or no; no while nobody has said anything. Yes wins.
    EnableWinsFlag = 4,
    /// Yes or no; no while nobody has said anything. No wins.
    DisableWinsFlag = 5,
    /// A byte string. The latest assignment by the hybrid logical clock wins; of two
    /// with the same time that of the replica with the higher number.
    LastWriter = 6,
    /// Byte strings. Assignments at the same time are kept side by side, until
    /// somebody who has seen them assigns again.
    MultiValue = 7,
    /// A whole number. The greatest one wins.
    Max = 8,
    /// A whole number. The smallest one wins.
    Min = 9,
    /// A sum of what all replicas count, upwards only.
    GrowCounter = 10,
    /// A sum of what all replicas count, up and down. What is counted at the same time
    /// counts all. A clearing takes away what it has seen, and no more.
    ///
    /// A: 5 more; A and B synchronise. A: clear; B: 1 more. Everywhere: 1.
    Counter = 11,
    /// How many different elements were seen, by a table of a fixed size: a HyperLogLog.
    /// A clearing wins against what is seen at the same time.
    HyperLogLog = 12,
    /// How often each element was seen, by a table of a fixed size that may say too
    /// much, never too little: a Count-Min sketch (Cormode and Muthukrishnan, "An improved data
    /// stream summary: the Count-Min sketch and its applications", 2005). A clearing wins
    /// against what is seen at the same time.
    CountMin = 13,
    /// Byte strings in an order. What is put between two elements stays there, and what
    /// several put in the same place at the same time stands one behind the other, each
    /// replica's together (Weidner and Kleppmann, "The Art of the Fugue", 2023).
    List = 14,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 14] = [
        Kind::Map,
        Kind::AddWinsSet,
        Kind::RemoveWinsSet,
        Kind::EnableWinsFlag,
        Kind::DisableWinsFlag,
        Kind::LastWriter,
        Kind::MultiValue,
        Kind::Max,
        Kind::Min,
        Kind::GrowCounter,
        Kind::Counter,
        Kind::HyperLogLog,
        Kind::CountMin,
        Kind::List,
    ];

    /// The kind of this number.
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// Whether items are found by their bytes.
    pub(super) fn by_element(self) -> bool {
        matches!(self, Kind::AddWinsSet | Kind::RemoveWinsSet)
    }

    /// Whether values are joined of parts; those of the other kinds but maps are items.
    pub(super) fn is_joined(self) -> bool {
        matches!(self, Kind::GrowCounter | Kind::Counter) || self.is_sketch()
    }

    /// Whether it is a table of cells.
    pub(super) fn is_sketch(self) -> bool {
        matches!(self, Kind::HyperLogLog | Kind::CountMin)
    }

    /// Whether values are items.
    pub(super) fn has_items(self) -> bool {
        self != Kind::Map && !self.is_joined()
    }

    /// Whether items have an order: each then stands for itself and takes no other's place.
    pub(super) fn is_ordered(self) -> bool {
        self == Kind::List
    }

    /// Whether an item can say that something is not there.
    pub(super) fn has_negatives(self) -> bool {
        matches!(self, Kind::RemoveWinsSet | Kind::DisableWinsFlag)
    }

    /// Whether an item may have these bytes.
    pub(super) fn allows(self, bytes: &[u8]) -> bool {
        match self {
            Kind::Map | Kind::GrowCounter | Kind::Counter | Kind::HyperLogLog | Kind::CountMin => {
                false
            }
            Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::MultiValue => true,
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => bytes.is_empty(),
            Kind::LastWriter => bytes.len() >= 8,
            Kind::Max | Kind::Min => bytes.len() == 8,
            Kind::List => position::allows(bytes),
        }
    }
}
