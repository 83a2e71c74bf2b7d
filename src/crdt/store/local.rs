//! What the caller changes.

use super::{Key, Store};
use crate::crdt::dot::Stamp;
use crate::crdt::hash::hash;
use crate::crdt::items::{INLINE, Item, NONE, Sought};
use crate::crdt::kind::Kind;
use crate::crdt::wire::MAX_BYTES;
use crate::error::{Error, Result};

impl Store<'_> {
    /// Adds an element to a set. It is a change even if the element is in: it wins
    /// (in an add-wins set) against removals that have not seen it.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `set` is not an open set,
    /// [`Error::Length`] for more than 65,535 bytes, [`Error::Capacity`] without room,
    /// [`Error::Overflow`] after the last sequence number. Nothing changes then.
    #[inline]
    pub fn add(&mut self, set: Key, element: &[u8]) -> Result<()> {
        self.add_element(set, Element::of(set, element))
    }

    pub(crate) fn add_element(&mut self, set: Key, element: Element<'_>) -> Result<()> {
        let key = self.place(set)?;
        match self.kind(key) {
            Kind::AddWinsSet | Kind::RemoveWinsSet => self.put_element(key, false, element),
            _ => Err(Error::CrdtKind),
        }
    }

    /// Removes an element from a set; whether it was in. In a remove-wins set it is
    /// a change even if it was not: it wins against additions that have not seen it.
    ///
    /// # Errors
    /// Those of [`add`](Self::add); from an add-wins set an element can be removed
    /// without any room.
    #[inline]
    pub fn remove(&mut self, set: Key, element: &[u8]) -> Result<bool> {
        self.remove_element(set, Element::of(set, element))
    }

    pub(crate) fn remove_element(&mut self, set: Key, element: Element<'_>) -> Result<bool> {
        let key = self.place(set)?;
        let Element { hash, sought } = element;
        if sought.bytes.len() > MAX_BYTES {
            return Err(Error::Length);
        }
        match self.kind(key) {
            Kind::AddWinsSet => {
                let first = self.find(hash, key, sought);
                if first == NONE {
                    return Ok(false);
                }
                self.remove_from(first, hash, key, sought).map(|()| true)
            }
            Kind::RemoveWinsSet => {
                let was_in = self.is_in(hash, key, sought);
                self.put_element(key, true, element)?;
                Ok(was_in)
            }
            _ => Err(Error::CrdtKind),
        }
    }

    /// Removes all items with these bytes, which begin at `first`.
    #[inline]
    fn remove_from(&mut self, first: u32, hash: u32, key: u32, element: Sought<'_>) -> Result<()> {
        let change = self.next_change()?;
        let more = self.find_next(first, key, element) != NONE;
        if more || !self.context.has(self.items.get(first).dot()) {
            return self.remove_all(change, first, hash, key, element);
        }
        self.record(change, Some(self.items.get(first).dot()), hash);
        self.take(hash, first);
        self.happened(change);
        self.keys.get_mut(key).count -= 1;
        Ok(())
    }

    /// The same where there are several, or some came before their changes.
    fn remove_all(
        &mut self,
        change: Stamp,
        first: u32,
        hash: u32,
        key: u32,
        element: Sought<'_>,
    ) -> Result<()> {
        let replaced = self.replaced(first, key, element);
        if !self.context.has_room(0, replaced.early) {
            return Err(Error::Capacity);
        }
        for _ in 0..replaced.items {
            self.undo(change, hash, self.find(hash, key, element))?;
        }
        self.happened(change);
        self.keys.get_mut(key).count -= 1;
        Ok(())
    }

    /// Says yes or no to a flag.
    ///
    /// # Errors
    /// As those of [`add`](Self::add).
    pub fn set_flag(&mut self, flag: Key, on: bool) -> Result<()> {
        let key = self.place(flag)?;
        match self.kind(key) {
            Kind::EnableWinsFlag if on => self.assign(key, false, [&[]; 2]),
            // It is no while nothing is there.
            Kind::EnableWinsFlag => self.clear_all(key),
            Kind::DisableWinsFlag => self.assign(key, !on, [&[]; 2]),
            _ => Err(Error::CrdtKind),
        }
    }

    /// Assigns bytes to a last-writer-wins or a multi-value register. `now_ms` is the
    /// time of day in milliseconds since 1970, for the former; 0 without a clock. As many bytes
    /// that are assigned to it next may be part of the same change, as with
    /// [`increment`](Self::increment).
    ///
    /// # Errors
    /// As those of [`add`](Self::add), and [`Error::Invalid`] for a time of 2^48 milliseconds
    /// or more; the value may have 65,527 bytes.
    pub fn assign_bytes(&mut self, register: Key, value: &[u8], now_ms: u64) -> Result<()> {
        if self.is_untold(register, Kind::LastWriter) {
            let stamp = self.clock.next(now_ms)?;
            if self.assign_untold(&stamp.0.to_le_bytes(), value) {
                self.clock.see(stamp);
                return Ok(());
            }
        } else if self.is_untold(register, Kind::MultiValue) && self.assign_untold(&[], value) {
            return Ok(());
        }
        let key = self.place(register)?;
        if value.len() > MAX_BYTES - 8 {
            return Err(Error::Length);
        }
        match self.kind(key) {
            Kind::MultiValue => self.assign(key, false, [&[], value]),
            Kind::LastWriter => {
                let stamp = self.clock.next(now_ms)?;
                self.assign(key, false, [&stamp.0.to_le_bytes(), value])?;
                self.clock.see(stamp);
                Ok(())
            }
            _ => Err(Error::CrdtKind),
        }
    }

    /// Offers a number to a register of the greatest or the smallest one; whether it is
    /// a new one. Otherwise nothing changes.
    ///
    /// # Errors
    /// As those of [`add`](Self::add).
    pub fn offer(&mut self, register: Key, number: i64) -> Result<bool> {
        let key = self.place(register)?;
        let kind = self.kind(key);
        if !matches!(kind, Kind::Max | Kind::Min) {
            return Err(Error::CrdtKind);
        }
        let better = match self.number(key) {
            None => true,
            Some(old) => {
                if kind == Kind::Max {
                    number > old
                } else {
                    number < old
                }
            }
        };
        if better {
            self.assign(key, false, [&[], &number.to_le_bytes()])?;
        }
        Ok(better)
    }

    /// Takes away all that is seen to be in a key, in the keys in it, too, if it is
    /// a map. What others put in at the same time stays.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] if it is not open, [`Error::Capacity`] if something came by a
    /// digest before its change and there is no room to remember that it is gone
    /// ([`StoreConfig::early`](super::StoreConfig::early)): nothing changes then.
    /// [`Error::Overflow`] after the last sequence number: what was taken away until then
    /// is.
    pub fn clear(&mut self, key: Key) -> Result<()> {
        let key = self.place(key)?;
        self.clear_all(key)
    }

    fn clear_all(&mut self, key: u32) -> Result<()> {
        if !self.context.has_room(0, self.early_in(key)) {
            return Err(Error::Capacity);
        }
        self.clear_place(key)
    }

    /// How many items are in a key, or in the keys in it, whose changes have not come.
    fn early_in(&self, key: u32) -> usize {
        let mut early = 0;
        if self.kind(key) != Kind::Map {
            let start = self.first_of(key);
            let mut at = start;
            while at != NONE {
                early += usize::from(!self.context.has(self.items.get(at).dot()));
                at = self.items.next_until(at, start);
            }
            return early;
        }
        let mut name = (&[][..], Kind::Map);
        let mut next = self.keys.after(key, name, true, &self.heap);
        while let Some(inner) = next {
            // No deeper than names go.
            early += self.early_in(inner);
            name = (self.keys.name(inner, &self.heap), self.keys.get(inner).kind);
            next = self.keys.after(key, name, false, &self.heap);
        }
        early
    }

    fn clear_place(&mut self, key: u32) -> Result<()> {
        match self.kind(key) {
            Kind::Map => {}
            kind if kind.is_joined() => return self.clear_joined(key),
            _ => return self.clear_items(key),
        }
        let mut next = self.keys.after(key, (&[], Kind::Map), true, &self.heap);
        while let Some(inner) = next {
            let kind = self.keys.get(inner).kind;
            next =
                self.keys.after(key, (self.keys.name(inner, &self.heap), kind), false, &self.heap);
            // No deeper than names go.
            self.clear_place(inner)?;
            // A map goes with the last key in it.
            if self.keys.is_live(inner) {
                self.drop_empty(inner);
            }
        }
        Ok(())
    }

    /// Takes away all items of a key: one change for each.
    fn clear_items(&mut self, key: u32) -> Result<()> {
        loop {
            let first = self.first_of(key);
            if first == NONE {
                self.keys.get_mut(key).count = 0;
                return Ok(());
            }
            let change = self.next_change()?;
            self.undo(change, self.hash_of(first), first)?;
            self.happened(change);
        }
    }

    /// An item takes the place of those with the same bytes in a set.
    fn put_element(&mut self, key: u32, negative: bool, element: Element<'_>) -> Result<()> {
        let Element { hash, sought } = element;
        let element = sought.bytes;
        if element.len() > MAX_BYTES {
            return Err(Error::Length);
        }
        let change = self.next_change()?;
        let first = self.find(hash, key, sought);
        if first != NONE {
            return self.put_again(first, change, hash, negative, sought);
        }
        let item = Item::of(change, negative);
        let at = if element.len() <= INLINE {
            self.put_few(hash, key, item.with(key, Some(element)))?
        } else {
            self.put_long(hash, key, item, element)?
        };
        self.keys.get_mut(key).count += u32::from(!negative);
        self.record_added(change, at, hash);
        self.happened(change);
        Ok(())
    }

    /// Adds an item whose bytes go to the heap, if there is room; its place.
    #[inline(never)]
    fn put_long(&mut self, hash: u32, key: u32, item: Item, element: &[u8]) -> Result<u32> {
        if self.items.room() == 0 || Self::item_cost(element.len()) > self.heap.free() {
            return Err(Error::Capacity);
        }
        self.put(hash, key, item, [&[], element])?;
        Ok(self.keys.get(key).last)
    }

    /// The same for an element of which something is there, at `first`.
    fn put_again(
        &mut self,
        first: u32,
        change: Stamp,
        hash: u32,
        negative: bool,
        element: Sought<'_>,
    ) -> Result<()> {
        let key = self.items.get(first).key;
        let replaced = self.replaced(first, key, element);
        // The new one is as long as any of them.
        if !self.context.has_room(0, replaced.early) {
            return Err(Error::Capacity);
        }
        for _ in 1..replaced.items {
            self.undo(change, hash, self.find(hash, key, element))?;
        }
        // The last one is another from now on.
        let last = self.find(hash, key, element);
        self.undo_dot(change, hash, self.items.get(last).dot())?;
        self.items.get_mut(last).set_change(change, negative);
        self.record_added(change, last, hash);
        self.happened(change);
        let count = &mut self.keys.get_mut(key).count;
        *count = *count + u32::from(!negative) - u32::from(replaced.was_in);
        self.touched(key);
        Ok(())
    }

    /// An item takes the place of all of a register or flag. Its bytes come in two parts,
    /// the first of eight bytes or none.
    fn assign(&mut self, key: u32, negative: bool, parts: [&[u8]; 2]) -> Result<()> {
        let len = parts[0].len() + parts[1].len();
        let (first, hash) = (self.first_of(key), self.keys.get(key).hash);
        let change = self.next_change()?;
        let replaced = self.replaced(first, key, Sought::new(&[]));
        let enough = Self::item_cost(len) <= self.heap.free() + replaced.bytes
            && (replaced.items > 0 || self.items.room() > 0)
            && self.context.has_room(0, replaced.early);
        if !enough {
            return Err(Error::Capacity);
        }
        // One with as many bytes, as mostly, is another from now on.
        if replaced.items == 1 && self.bytes_of(first).len() == len {
            self.undo_dot(change, hash, self.items.get(first).dot())?;
            self.items.get_mut(first).set_change(change, negative);
            self.set_bytes(first, parts);
            self.touched(key);
        } else {
            for _ in 0..replaced.items {
                self.undo(change, hash, self.first_of(key))?;
            }
            self.put(hash, key, Item::of(change, negative), parts)?;
        }
        let entry = self.keys.get_mut(key);
        entry.count = 1;
        let last = entry.last;
        self.record_added(change, last, hash);
        self.happened(change);
        if let Some(at) = self.items.get(last).in_heap() {
            self.assigned_untold(key, at, len);
        }
        Ok(())
    }

    /// What an assignment takes the place of, from the first item on.
    fn replaced(&self, start: u32, key: u32, sought: Sought<'_>) -> Replaced {
        let (mut all, mut at) = (Replaced { was_in: true, ..Replaced::default() }, start);
        let by_element = self.kind(key).by_element();
        while at != NONE {
            all.items += 1;
            all.was_in &= !self.items.get(at).negative();
            all.bytes += self.cost_of(at);
            all.early += usize::from(!self.context.has(self.items.get(at).dot()));
            at = if by_element {
                self.find_next(at, key, sought)
            } else {
                self.items.next_until(at, start)
            };
        }
        all
    }

    /// Removes an item because of a change.
    pub(super) fn undo(&mut self, change: Stamp, hash: u32, at: u32) -> Result<()> {
        self.undo_dot(change, hash, self.items.get(at).dot())?;
        self.take(hash, at);
        Ok(())
    }

    /// A change undoes what another added, whose item goes.
    fn undo_dot(&mut self, change: Stamp, hash: u32, dot: Stamp) -> Result<()> {
        if !self.context.has(dot) {
            // It came by a digest, and its change is still to come.
            self.context.undo(dot)?;
        }
        self.record(change, Some(dot), hash);
        Ok(())
    }
}

/// An element of a set, and by what it is found. To make one takes nothing of the store, so
/// it can be made while that is still waited for.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    hash: u32,
    sought: Sought<'a>,
}

impl<'a> Element<'a> {
    /// For a set, which has to be open when it is used. One that is too long is refused
    /// then, and not read before.
    #[inline]
    pub fn of(set: Key, bytes: &'a [u8]) -> Element<'a> {
        let hash = if bytes.len() <= MAX_BYTES { hash(bytes, set.hash) } else { 0 };
        Element { hash, sought: Sought::new(bytes) }
    }
}

/// Items that an assignment takes the place of.
#[derive(Clone, Copy, Default)]
struct Replaced {
    items: usize,
    /// Whether an element was in: none of them says otherwise.
    was_in: bool,
    /// Their bytes of the heap.
    bytes: usize,
    /// Those whose changes have not come.
    early: usize,
}
