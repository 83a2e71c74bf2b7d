//! The crate `crdts`, used as its documentation has it.

use crdts::orswot::Op;
use crdts::{CmRDT, Orswot};

pub type Actor = u64;
pub type Set = Orswot<u64, Actor>;

/// Adds an element; the operation is for the other replicas.
pub fn add(set: &mut Set, actor: Actor, element: u64) -> Op<u64, Actor> {
    let op = set.add(element, set.read_ctx().derive_add_ctx(actor));
    set.apply(op.clone());
    op
}

/// Removes an element that is in.
pub fn remove(set: &mut Set, element: u64) -> Op<u64, Actor> {
    let op = set.rm(element, set.contains(&element).derive_rm_ctx());
    set.apply(op.clone());
    op
}

/// Adds an element, and tells nobody.
pub fn only_add(set: &mut Set, actor: Actor, element: u64) {
    let op = set.add(element, set.read_ctx().derive_add_ctx(actor));
    set.apply(op);
}

/// Removes an element that is in, and tells nobody.
pub fn only_remove(set: &mut Set, element: u64) {
    let op = set.rm(element, set.contains(&element).derive_rm_ctx());
    set.apply(op);
}

/// A set with the numbers of this range, by one actor.
pub fn filled(actor: Actor, numbers: std::ops::Range<u64>) -> Set {
    let mut set = Set::new();
    numbers.for_each(|i| only_add(&mut set, actor, super::number(i)));
    set
}
