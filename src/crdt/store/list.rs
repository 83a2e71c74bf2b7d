//! Lists: elements in an order that all replicas agree on.
//!
//! The ring of a list's items is in its order, and a tree says the how-manieth each is.

use core::cmp::Ordering;

use super::{Key, Store};
use crate::crdt::dot::{Dot, MAX_SEQ, Stamp};
use crate::crdt::heap::Heap;
use crate::crdt::items::{Item, NONE};
use crate::crdt::kind::Kind;
use crate::crdt::list::position::{self, Draft, MAX_HEAD};
use crate::crdt::list::tree::{LINKS, Tree, TreeMut};
use crate::crdt::wire::MAX_BYTES;
use crate::error::{Error, Result};

/// Most bytes of an element of a list.
pub const MAX_ELEMENT: usize = MAX_BYTES - MAX_HEAD;

/// Where a new element goes: how many come before it, and the last of those.
#[derive(Clone, Copy)]
struct Gap {
    index: u32,
    before: u32,
}

impl Store<'_> {
    /// Puts an element into a list, before the one that is at `index` now; at the end if
    /// that is the number of elements.
    ///
    /// It stays between its neighbours, wherever others put theirs. What several replicas
    /// put in the same place at the same time stands one behind the other, each replica's
    /// together if it came in one row, forwards or backwards.
    ///
    /// An element has a position of some 6 bytes, more the more often something was put in
    /// between two of the same row: at most 1,022.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `list` is not an open list,
    /// [`Error::Invalid`] for an index that is more than there are, [`Error::Length`] for
    /// more than [`MAX_ELEMENT`] bytes, [`Error::Capacity`] without room or if the position
    /// would be longer than it may, [`Error::Overflow`] after the last sequence number.
    /// Nothing changes then.
    pub fn insert(&mut self, list: Key, index: usize, element: &[u8]) -> Result<()> {
        let (key, mut gap) = self.gap(list, index)?;
        if element.len() > MAX_ELEMENT {
            return Err(Error::Length);
        }
        let change = self.next_change()?;
        let mut draft = Draft::new();
        self.draft(&mut draft, key, &mut gap, change)?;
        self.put_new(key, gap, change, [draft.head(), element]).map(|_| ())
    }

    /// Puts each character of a text into a list, as with [`insert`](Self::insert): all of
    /// them or none. How many there are, which is how many changes they take.
    ///
    /// # Errors
    /// Those of [`insert`](Self::insert).
    pub fn insert_text(&mut self, list: Key, index: usize, text: &str) -> Result<usize> {
        let (key, mut gap) = self.gap(list, index)?;
        let count = text.chars().count();
        let Some(more) = count.checked_sub(1) else { return Ok(0) };
        let change = self.next_change()?;
        if more as u64 > MAX_SEQ - change.seq() {
            return Err(Error::Overflow);
        }
        self.check_text(key, gap, change, text)?;
        let mut draft = Draft::new();
        for part in characters(text) {
            let change = self.next_change()?;
            self.draft(&mut draft, key, &mut gap, change)?;
            let before = self.put_new(key, gap, change, [draft.head(), part])?;
            gap = Gap { index: gap.index + 1, before };
        }
        Ok(count)
    }

    /// Whether a text has room: the positions that it will have are made to be measured.
    #[inline(never)]
    fn check_text(&self, key: u32, mut gap: Gap, mut change: Stamp, text: &str) -> Result<()> {
        let (mut draft, mut last) = (Draft::new(), Draft::new());
        let (mut items, mut bytes) = (0, 0);
        for part in characters(text) {
            if items == 0 {
                self.draft(&mut draft, key, &mut gap, change)?;
            } else {
                core::mem::swap(&mut draft, &mut last);
                change = change.next()?;
                let right = self.position_at(self.behind(key, gap));
                draft.between(Some(last.position()), right, self.own(change))?;
            }
            items += 1;
            bytes += Heap::cost(LINKS + draft.head().len() + part.len());
            if items > self.items.room() || bytes > self.heap.free() {
                return Err(Error::Capacity);
            }
        }
        Ok(())
    }

    /// Removes the elements of a list from `index` on, so many of them: one change each,
    /// all or none. It needs no room.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `list` is not an open list,
    /// [`Error::Invalid`] if there are not so many, [`Error::Overflow`] if there are not
    /// so many sequence numbers, [`Error::Capacity`] if changes that have not come are
    /// undone by it and cannot be remembered. Nothing changes then.
    pub fn remove_at(&mut self, list: Key, index: usize, count: usize) -> Result<()> {
        let key = self.expect(list, Kind::List)?;
        let there = self.keys.get(key).count as usize;
        if count > there || index > there - count {
            return Err(Error::Invalid);
        }
        let Some(more) = count.checked_sub(1) else { return Ok(()) };
        if more as u64 > MAX_SEQ - self.next_change()?.seq() {
            return Err(Error::Overflow);
        }
        let index = index as u32;
        let first = self.tree(key).at(index);
        let (mut at, mut early) = (first, 0);
        for _ in 0..count {
            early += usize::from(!self.context.has(self.items.get(at).dot()));
            at = self.items.next(at);
        }
        if !self.context.has_room(0, early) {
            return Err(Error::Capacity);
        }
        at = first;
        for _ in 0..count {
            let (change, dot) = (self.next_change()?, self.items.get(at).dot());
            if !self.context.has(dot) {
                self.context.undo(dot)?;
            }
            let hash = self.hash_of(at);
            at = self.take_from_list(hash, at, index);
            self.record(change, Some(dot), hash);
            self.happened(change);
        }
        Ok(())
    }

    /// The element of a list that so many others come before.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `list` is not an open list,
    /// [`Error::Invalid`] if there are not so many.
    pub fn element_at(&self, list: Key, index: usize) -> Result<&[u8]> {
        let key = self.expect(list, Kind::List)?;
        if index >= self.keys.get(key).count as usize {
            return Err(Error::Invalid);
        }
        Ok(self.position_of(self.tree(key).at(index as u32)).1)
    }

    /// Copies all elements of a list, one behind the other. Returns the length.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `list` is not an open list,
    /// [`Error::BufferTooSmall`]; the length that is needed is in
    /// [`text_len`](Self::text_len).
    pub fn text(&self, list: Key, text: &mut [u8]) -> Result<usize> {
        let len = self.text_len(list)?;
        let mut rest = text.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        for element in self.elements(list)? {
            let (place, behind) = rest.split_at_mut(element.len());
            place.copy_from_slice(element);
            rest = behind;
        }
        Ok(len)
    }

    /// The length of [`text`](Self::text).
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `list` is not an open list.
    pub fn text_len(&self, list: Key) -> Result<usize> {
        self.expect(list, Kind::List)?;
        Ok(self.elements(list)?.map(<[u8]>::len).sum())
    }

    /// A list, and a place between its elements.
    fn gap(&self, list: Key, index: usize) -> Result<(u32, Gap)> {
        let key = self.expect(list, Kind::List)?;
        let entry = self.keys.get(key);
        let there = u32::try_from(index).ok().filter(|index| *index <= entry.count);
        let index = there.ok_or(Error::Invalid)?;
        let before = if index == 0 {
            NONE
        } else if index == entry.count {
            entry.last
        } else {
            self.tree(key).at(index - 1)
        };
        Ok((key, Gap { index, before }))
    }

    /// The element behind a gap.
    fn behind(&self, key: u32, gap: Gap) -> u32 {
        match gap.before {
            NONE => self.first_of(key),
            before if before == self.keys.get(key).last => NONE,
            before => self.items.next(before),
        }
    }

    fn own(&self, change: Stamp) -> Dot {
        Dot { replica: self.replica(), seq: change.seq() }
    }

    /// The position of what a change puts into a gap. Between two elements that somebody
    /// gave the same position it has another gap.
    fn draft(&self, draft: &mut Draft, key: u32, gap: &mut Gap, change: Stamp) -> Result<()> {
        let (left, right) =
            (self.position_at(gap.before), self.position_at(self.behind(key, *gap)));
        draft.between(left, right, self.own(change))?;
        if left.is_some() && left == right {
            *gap = self.gap_of(key, draft.position(), self.own(change));
        }
        Ok(())
    }

    /// Adds an element of this replica's, if there is room; its place.
    fn put_new(&mut self, key: u32, gap: Gap, change: Stamp, parts: [&[u8]; 2]) -> Result<u32> {
        let bytes = Heap::cost(LINKS + parts[0].len() + parts[1].len());
        if self.items.room() == 0 || bytes > self.heap.free() {
            return Err(Error::Capacity);
        }
        let hash = self.item_hash(key, parts[0]);
        let at = self.put_into(hash, key, Item::of(change, false), parts, gap)?;
        self.record(change, None, hash);
        self.happened(change);
        Ok(at)
    }

    /// Adds an element with its position, where that says. There must be room.
    pub(super) fn put_in_order(
        &mut self,
        hash: u32,
        key: u32,
        item: Item,
        bytes: &[u8],
    ) -> Result<()> {
        let position = position::split(bytes).map_or(bytes, |(position, _)| position);
        let gap = self.gap_of(key, position, self.dot_of(item.dot()));
        self.put_into(hash, key, item, [&[], bytes], gap).map(|_| ())
    }

    /// Adds an element with its position and value. There must be room.
    fn put_into(
        &mut self,
        hash: u32,
        key: u32,
        item: Item,
        parts: [&[u8]; 2],
        gap: Gap,
    ) -> Result<u32> {
        let last = self.keys.get(key).last;
        let before = if gap.before == NONE { last } else { gap.before };
        let at = self.items.insert_behind(hash, before, item.in_list_of(key))?;
        let place = self.store_behind(at, LINKS, parts)?;
        self.items.get_mut(at).set_in_heap(place);
        let entry = self.keys.get_mut(key);
        if gap.before == last {
            entry.last = at;
        }
        entry.count += 1;
        self.tree_mut(key, |tree| tree.insert(at, gap.index));
        self.touched(key);
        Ok(at)
    }

    /// Removes the element of a list that so many others come before. The one behind it.
    pub(super) fn take_from_list(&mut self, hash: u32, at: u32, index: u32) -> u32 {
        let item = *self.items.get(at);
        self.tree_mut(item.key, |tree| tree.remove(index));
        let (before, next) = (self.items.before(at), self.items.next(at));
        self.items.remove_between(hash, at);
        let entry = self.keys.get_mut(item.key);
        entry.count -= 1;
        if entry.last == at {
            entry.last = if before == at { NONE } else { before };
        }
        if let Some(place) = item.in_heap() {
            self.heap.give(place);
        }
        self.touched(item.key);
        next
    }

    /// How many elements of its list come before an element.
    pub(super) fn index_of(&self, key: u32, at: u32) -> u32 {
        if at == self.first_of(key) {
            return 0;
        }
        let position = self.position_of(at).0;
        self.gap_of(key, position, self.dot_of(self.items.get(at).dot())).index
    }

    /// Where an element with this position is, or would be.
    fn gap_of(&self, key: u32, position: &[u8], dot: Dot) -> Gap {
        let entry = self.keys.get(key);
        let order = |at| self.order(at, position, dot);
        if entry.last == NONE || order(entry.last) == Ordering::Less {
            return Gap { index: entry.count, before: entry.last };
        }
        let (index, before) = self.tree(key).rank(order);
        Gap { index, before }
    }

    /// How an element compares to one with this position.
    fn order(&self, at: u32, position: &[u8], dot: Dot) -> Ordering {
        // Two have the same position only if somebody said what is not so.
        let of_twins = || {
            let other = self.dot_of(self.items.get(at).dot());
            (other.replica, other.seq).cmp(&(dot.replica, dot.seq))
        };
        position::compare(self.position_of(at).0, position).then_with(of_twins)
    }

    fn dot_of(&self, stamp: Stamp) -> Dot {
        Dot { replica: self.context.members()[stamp.place()].id, seq: stamp.seq() }
    }

    /// The position and the value of an element.
    pub(super) fn position_of(&self, at: u32) -> (&[u8], &[u8]) {
        let bytes = self.bytes_of(at);
        position::split(bytes).unwrap_or((bytes, &[]))
    }

    fn position_at(&self, at: u32) -> Option<&[u8]> {
        if at == NONE { None } else { Some(self.position_of(at).0) }
    }

    fn tree(&self, key: u32) -> Tree<'_, '_> {
        Tree { items: &self.items, heap: &self.heap, top: self.keys.get(key).top }
    }

    fn tree_mut(&mut self, key: u32, change: impl FnOnce(&mut TreeMut<'_, '_>)) {
        let entry = self.keys.get_mut(key);
        let (items, heap, seed) = (&self.items, &mut self.heap, entry.hash);
        change(&mut TreeMut { items, heap, top: &mut entry.top, seed });
    }
}

/// The characters of a text, as bytes.
fn characters(text: &str) -> impl Iterator<Item = &[u8]> {
    text.char_indices().map(|(at, char)| &text.as_bytes()[at..at + char.len_utf8()])
}
