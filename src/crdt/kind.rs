//! What can be behind a key.

use super::list::position;

/// The kind of value that a key has. The same name can be there once for each kind.
///
/// What is in most keys are items, one for each change whose effect is still there: an
/// assignment at the same time as another has one of its own. An item takes 31 bytes. If
/// its bytes are more than 8 they lie apart, and take 8 bytes more than they are. The
/// examples are from `tests/crdt/scripts`, where there are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Keys in a key. It is there as long as something is in it, so who puts something in
    /// wins against who clears it at the same time, however deep (Brown et al., "Riak DT
    /// map: a composable, convergent replicated dictionary", 2014). A key takes 46 bytes,
    /// and its name as much as the bytes of an item.
    ///
    /// Example: `a: add x in m/s; sync; a: clear in m; b: add y in m/s; sync`. Everywhere:
    /// y is in m/s, x is not.
    Map = 1,
    /// A set of byte strings. Who adds an element wins against who removes it at the same
    /// time: a removal takes away the additions that it has seen (Shapiro et al., "A
    /// comprehensive study of convergent and commutative replicated data types", 2011, the
    /// OR-Set; without what it leaves behind: Bieniusa et al., "An optimized conflict-free
    /// replicated set", 2012). An item is an element.
    ///
    /// Example: `a: add x; sync; a: add x; b: remove x; sync`. Everywhere: x is in.
    AddWinsSet = 2,
    /// A set of byte strings. Who removes an element wins against who adds it at the same
    /// time (Baquero, Almeida, Shoker, "Pure operation-based replicated data types", 2017).
    /// An item is an element that is in, or one that was removed: that stays until the
    /// element is added again, or the set is cleared.
    ///
    /// Example: `a: add x; sync; a: add x; b: remove x; sync`. Everywhere: x is out, until
    /// somebody who has seen the removal adds it.
    RemoveWinsSet = 3,
    /// Yes or no; no while nobody has said anything. Who says yes wins against who says no
    /// at the same time: an add-wins set of one element. An item is a yes; no needs none.
    ///
    /// Example: `a: say yes; sync; a: say yes; b: say no; sync`. Everywhere: yes.
    EnableWinsFlag = 4,
    /// Yes or no; no while nobody has said anything. Who says no wins against who says yes
    /// at the same time: a remove-wins set of one element. An item is a yes or a no.
    ///
    /// Example: `a: say yes; sync; a: say yes; b: say no; sync`. Everywhere: no, until
    /// somebody who has seen it says yes.
    DisableWinsFlag = 5,
    /// A byte string. The latest assignment by the hybrid logical clock wins; of two with
    /// the same time that of the replica with the higher number (Johnson and Thomas, "The
    /// maintenance of duplicate databases", RFC 677, 1975; the clock: Kulkarni et al.,
    /// "Logical physical clocks", 2014). An item is a value and 8 bytes of time stamp
    /// before it.
    ///
    /// Example: `clock a 2000; clock b 1000; a: assign red; b: assign blue; sync`.
    /// Everywhere: red.
    LastWriter = 6,
    /// Byte strings. Assignments at the same time are kept side by side, until somebody who
    /// has seen them assigns again (DeCandia et al., "Dynamo: Amazon's highly available
    /// key-value store", 2007; Shapiro et al. 2011, the MV-Register). An item is a value.
    ///
    /// Example: `a: assign red; b: assign blue; sync`. Everywhere: blue and red.
    MultiValue = 7,
    /// A whole number. The greatest one wins (Baquero et al., "Composition in state-based
    /// replicated data types", 2017, chains). An item is a number of 8 bytes.
    ///
    /// Example: `a: offer 5; b: offer 9; sync`. Everywhere: 9.
    Max = 8,
    /// A whole number. The smallest one wins. An item is a number of 8 bytes.
    ///
    /// Example: `a: offer 5; b: offer 9; sync`. Everywhere: 5.
    Min = 9,
    /// A sum of what all replicas count, upwards only. Otherwise as the other counter.
    ///
    /// Example: `a: up 5; b: up 2; sync`. Everywhere: 7.
    GrowCounter = 10,
    /// A sum of what all replicas count, up and down. What is counted at the same time
    /// counts all. A clearing takes away what it has seen, and no more (Shapiro et al. 2011, the
    /// PN-Counter; for clearing: Baquero, Almeida, Lerche, "The problem with embedded CRDT
    /// counters and a solution", 2016). A counter takes 8 bytes of the heap, and 4 to 50 for
    /// each replica that has counted: 7 where thousands are counted by thousands of changes.
    ///
    /// Example: `a: up 5; sync; a: clear; b: up 1; sync`. Everywhere: 1.
    Counter = 11,
    /// How many different elements were seen, about: a HyperLogLog (Flajolet et al.,
    /// "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007; the
    /// estimate: Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
    /// 2017). A clearing wins against what is seen at the same time. It takes 12 bytes of the
    /// heap and one for each register: 1,036 as configured by default, however much it sees.
    ///
    /// Example: `a: observe x y; b: observe y z; sync`. Everywhere: 3.
    HyperLogLog = 12,
    /// How often each element was seen, and perhaps more: a Count-Min sketch (Cormode and
    /// Muthukrishnan, "An improved data stream summary: the count-min sketch and its
    /// applications", 2005). A clearing wins against what is seen at the same time. It takes 12
    /// bytes of the heap, and for each replica that counts 2 and 4 for each column of each
    /// row: 4,098 as configured by default.
    ///
    /// Example: `a: observe x x y; b: observe x; sync`. Everywhere: x 3 times, y once.
    CountMin = 13,
    /// Byte strings in an order. What is put between two elements stays there, and what
    /// several put in the same place at the same time stands one behind the other, each
    /// replica's together (Weidner and Kleppmann, "The art of the Fugue: minimizing interleaving
    /// in collaborative text editing", 2023). An item is an element, with its position; it lies
    /// in the heap with 20 bytes beside these. A position takes 3 to 1,022 bytes: some 7 in a row
    /// that one replica wrote.
    ///
    /// Example: `a: append there was; b: append lived a; sync`. Everywhere: "there was"
    /// and "lived a" one behind the other.
    List = 14,
}

/// Whether this build has all kinds.
const ALL_KINDS: bool = cfg!(any(feature = "std", not(feature = "few-kinds")));

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

    /// Whether this build has it: one without std and with the feature `few-kinds` has no lists and sketches, and none
    /// of the two kinds that remember what is not there.
    pub const fn is_there(self) -> bool {
        ALL_KINDS
            || !matches!(
                self,
                Kind::RemoveWinsSet
                    | Kind::DisableWinsFlag
                    | Kind::HyperLogLog
                    | Kind::CountMin
                    | Kind::List
            )
    }

    /// Whether items are found by their bytes.
    pub(super) fn by_element(self) -> bool {
        matches!(self, Kind::AddWinsSet | Kind::RemoveWinsSet)
    }

    /// Whether values are joined of parts; those of the other kinds but maps are items.
    pub(super) fn is_joined(self) -> bool {
        self.is_counter() || self.is_sketch()
    }

    /// Whether it is a sum of what replicas counted.
    pub(super) fn is_counter(self) -> bool {
        matches!(self, Kind::GrowCounter | Kind::Counter)
    }

    /// Whether it is a table of cells.
    pub(super) fn is_sketch(self) -> bool {
        ALL_KINDS && matches!(self, Kind::HyperLogLog | Kind::CountMin)
    }

    /// Whether values are items.
    pub(super) fn has_items(self) -> bool {
        self != Kind::Map && !self.is_joined()
    }

    /// Whether items have an order: each then stands for itself and takes no other's place.
    pub(super) fn is_ordered(self) -> bool {
        ALL_KINDS && self == Kind::List
    }

    /// Whether an item can say that something is not there.
    pub(super) fn has_negatives(self) -> bool {
        ALL_KINDS && matches!(self, Kind::RemoveWinsSet | Kind::DisableWinsFlag)
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
            Kind::List => ALL_KINDS && position::allows(bytes),
        }
    }
}
