//! Parts of a node that are linked only where they are made.

use core::ops::{Deref, DerefMut};

use crate::node::Part;

/// A part, and how a node gets at it: by what its creation has put here. So programs of which none calls that have none
/// of its code linked.
pub(super) struct CPart<P: 'static> {
    object: P,
    part: for<'a> fn(&'a mut P) -> &'a mut dyn Part,
}

impl<P: Part> CPart<P> {
    pub(super) fn new(object: P) -> CPart<P> {
        CPart { object, part: |object| object }
    }
}

impl<P> CPart<P> {
    /// As a part of a node.
    pub(super) fn part(&mut self) -> &mut dyn Part {
        (self.part)(&mut self.object)
    }
}

impl<P> Deref for CPart<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.object
    }
}

impl<P> DerefMut for CPart<P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.object
    }
}
