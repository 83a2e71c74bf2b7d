//! What the elements of a list have beside their bytes: positions that say where they
//! are, and a tree that says the how-manieth they are.

pub(super) mod position;
pub(super) mod tree;
