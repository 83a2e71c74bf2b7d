//! Replicated memory: values that replicas change by themselves and merge.
//!
//! A [`Store`] holds keys with values in memory that is asked for once. Each change
//! has a dot, the replica's number and a sequence number; what it adds to a key is an
//! item with that dot, and it may undo items that it has seen. A store knows which
//! changes it has: so what is in one store and not in another is new to the other if
//! that has not seen the dot, and was removed there if it has. No removal leaves
//! anything behind. (Almeida, Shoker, Baquero, "Delta state replicated data types",
//! 2018; the kinds of values name their own papers.) The parts:
//!
//! - `dot`, `context`: changes, and what a replica has seen of them.
//! - `clock`: hybrid logical clocks, for the last writer.
//! - `items`, `keys`, `heap`: the tables, and the bytes that do not fit in them; `hash`:
//!   how things in them are found.
//! - `list`: where the elements of lists are.
//! - `tally`, `sketch`: values that are no items, but joined of parts.
//! - `log`: the last changes, to tell them.
//! - `wire`: frames as bytes, and back.
//! - `record`: bytes with a length and a checksum, for what keeps them.
//! - `store`: what callers do, what they read, what others did, what others are told.

mod clock;
mod context;
mod dot;
mod hash;
mod heap;

mod items;
mod keys;
mod kind;
mod list;
mod log;
mod numbers;
pub(crate) mod record;
mod sketch;
mod store;
mod tally;
mod wire;

pub use self::clock::HybridTime;
pub use self::dot::{Dot, MAX_REPLICAS, MAX_SEQ, ReplicaId};
pub use self::kind::Kind;
pub(crate) use self::store::Element;
pub use self::store::{
    Causes, Changed, Elements, Event, Key, KeyCursor, KeyEntry, KeysWithPrefix, MAX_ELEMENT,
    Merged, Reconciled, Store, StoreConfig, StoreUsage, Told,
};
pub use self::wire::{MAX_BYTES, MAX_DEPTH};
