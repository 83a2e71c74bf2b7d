//! The how-manieth an element is: a treap over the elements of a list, in their order
//! (Seidel and Aragon, "Randomized search trees", 1996). Each node knows how many
//! elements its left branch has.
//!
//! The links lie in the heap, in front of the bytes of each element. Priorities are
//! made from dots, and from a seed that strangers do not know.

use core::cmp::Ordering;

use crate::crdt::heap::Heap;
use crate::crdt::items::{Items, NONE};

/// Bytes of the links of an element.
pub(in crate::crdt) const LINKS: usize = 12;

/// Where the links of an element are, in bytes from its place in the heap.
const LEFT: u32 = 0;
const RIGHT: u32 = 4;
/// How many elements the left branch has.
const BEFORE: u32 = 8;

/// The tree of one list, to look into.
#[derive(Clone, Copy)]
pub(in crate::crdt) struct Tree<'t, 'm> {
    pub items: &'t Items<'m>,
    pub heap: &'t Heap<'m>,
    pub top: u32,
}

impl Tree<'_, '_> {
    fn get(self, at: u32, field: u32) -> u32 {
        self.heap.number_at(place(self.items, at) + field)
    }

    /// The element before which so many others are; it must be there.
    pub fn at(self, mut index: u32) -> u32 {
        let mut at = self.top;
        while at != NONE {
            let before = self.get(at, BEFORE);
            match index.cmp(&before) {
                Ordering::Less => at = self.get(at, LEFT),
                Ordering::Equal => break,
                Ordering::Greater => {
                    index -= before + 1;
                    at = self.get(at, RIGHT);
                }
            }
        }
        at
    }

    /// How many elements come before what `order` compares them to, and the last of
    /// those.
    pub fn rank(self, order: impl Fn(u32) -> Ordering) -> (u32, u32) {
        let (mut at, mut rank, mut before) = (self.top, 0, NONE);
        while at != NONE {
            if order(at) == Ordering::Less {
                rank += self.get(at, BEFORE) + 1;
                before = at;
                at = self.get(at, RIGHT);
            } else {
                at = self.get(at, LEFT);
            }
        }
        (rank, before)
    }
}

/// The place of an element in the heap.
fn place(items: &Items<'_>, at: u32) -> u32 {
    items.get(at).in_heap().unwrap_or(0)
}

/// Where a link is: in the heap, or the one to the top.
#[derive(Clone, Copy)]
enum Link {
    Top,
    At(u32),
}

/// The tree of one list, to change.
pub(in crate::crdt) struct TreeMut<'t, 'm> {
    pub items: &'t Items<'m>,
    pub heap: &'t mut Heap<'m>,
    pub top: &'t mut u32,
    pub seed: u32,
}

impl TreeMut<'_, '_> {
    fn place(&self, at: u32) -> u32 {
        place(self.items, at)
    }

    fn get(&self, place: u32, field: u32) -> u32 {
        self.heap.number_at(place + field)
    }

    fn put(&mut self, place: u32, field: u32, number: u32) {
        self.heap.set_number_at(place + field, number);
    }

    fn link(&self, link: Link) -> u32 {
        match link {
            Link::Top => *self.top,
            Link::At(place) => self.heap.number_at(place),
        }
    }

    fn set(&mut self, link: Link, to: u32) {
        match link {
            Link::Top => *self.top = to,
            Link::At(place) => self.heap.set_number_at(place, to),
        }
    }

    /// What decides how near to the top an element is (the last steps of splitmix64).
    fn priority(&self, at: u32) -> u64 {
        let mixed = self.items.get(at).dot().word() ^ u64::from(self.seed) << 32;
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A new element, before which so many others are: as deep as its priority says,
    /// what was there split around it.
    pub fn insert(&mut self, new: u32, mut index: u32) {
        let priority = self.priority(new);
        let mut link = Link::Top;
        let mut at = self.link(link);
        while at != NONE && self.priority(at) >= priority {
            let place = self.place(at);
            let before = self.get(place, BEFORE);
            if index <= before {
                self.put(place, BEFORE, before + 1);
                link = Link::At(place + LEFT);
            } else {
                index -= before + 1;
                link = Link::At(place + RIGHT);
            }
            at = self.link(link);
        }
        self.set(link, new);
        let of_new = self.place(new);
        self.put(of_new, BEFORE, index);
        self.split(at, index, [Link::At(of_new + LEFT), Link::At(of_new + RIGHT)]);
    }

    /// The first `index` elements of a branch go to the left, the others to the right.
    fn split(&mut self, mut at: u32, mut index: u32, [mut left, mut right]: [Link; 2]) {
        while at != NONE {
            let place = self.place(at);
            let before = self.get(place, BEFORE);
            if index <= before {
                self.put(place, BEFORE, before - index);
                self.set(right, at);
                right = Link::At(place + LEFT);
                at = self.link(right);
            } else {
                index -= before + 1;
                self.set(left, at);
                left = Link::At(place + RIGHT);
                at = self.link(left);
            }
        }
        self.set(left, NONE);
        self.set(right, NONE);
    }

    /// Takes the element out before which so many others are; it must be there.
    pub fn remove(&mut self, mut index: u32) {
        let mut link = Link::Top;
        loop {
            let at = self.link(link);
            debug_assert!(at != NONE, "the element is in the tree");
            if at == NONE {
                return;
            }
            let place = self.place(at);
            let before = self.get(place, BEFORE);
            match index.cmp(&before) {
                Ordering::Less => {
                    self.put(place, BEFORE, before - 1);
                    link = Link::At(place + LEFT);
                }
                Ordering::Equal => {
                    let branches = [self.get(place, LEFT), self.get(place, RIGHT)];
                    return self.join(link, branches, before);
                }
                Ordering::Greater => {
                    index -= before + 1;
                    link = Link::At(place + RIGHT);
                }
            }
        }
    }

    /// Two branches become one; the left one has so many elements.
    fn join(&mut self, mut link: Link, [mut left, mut right]: [u32; 2], mut before: u32) {
        while left != NONE && right != NONE {
            if self.priority(left) >= self.priority(right) {
                let place = self.place(left);
                self.set(link, left);
                before -= self.get(place, BEFORE) + 1;
                link = Link::At(place + RIGHT);
                left = self.link(link);
            } else {
                let place = self.place(right);
                self.set(link, right);
                self.put(place, BEFORE, self.get(place, BEFORE) + before);
                link = Link::At(place + LEFT);
                right = self.link(link);
            }
        }
        self.set(link, if left != NONE { left } else { right });
    }
}
