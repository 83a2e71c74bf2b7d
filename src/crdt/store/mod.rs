//! The store: keys, their values, and what is known of other replicas.

mod behind;
mod check;
mod config;
mod digest;
mod encode;
mod joined;
mod journal;
mod list;
mod load;
mod local;
mod members;
mod merge;
mod pieces;
mod places;
mod read;
mod room;
mod save;
mod scan;
mod sum;
mod transaction;
mod untold;
mod watch;

use core::alloc::Layout;

use self::behind::Behind;
use self::load::Loading;
use self::members::Acks;
use self::places::{Places, Table};
use self::save::Saving;
use self::untold::Untold;
use self::watch::{Hook, Watches};
use super::clock::Clock;
use super::context::Context;
use super::dot::{Dot, MAX_REPLICAS, MAX_SEQ, ReplicaId, Stamp};
use super::hash::hash;
use super::heap::Heap;
use super::items::{INLINE, Item, Items, MAX_ITEMS, NONE, Sought};
use super::keys::{Keys, ROOT};
use super::kind::Kind;
use super::list::position;
use super::list::tree::LINKS;
use super::log::{Log, Record};
use super::sketch::Sizes;
use super::wire::{MAX_BYTES, MAX_DEPTH};
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::Allocator;

pub use self::config::{StoreConfig, StoreUsage};
pub use self::digest::Reconciled;
pub use self::encode::Told;
pub use self::list::MAX_ELEMENT;
pub(crate) use self::local::Element;
pub use self::merge::Merged;
pub use self::read::{Elements, KeyCursor, KeyEntry};
pub use self::scan::KeysWithPrefix;
pub use self::watch::{Causes, Changed, Event};

/// An open key: a name in a map. It stays valid until it is closed as often as it
/// was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    place: u32,
    /// A key that came to the same place later has another hash.
    hash: u32,
}

impl Key {
    /// The key as a number, for callers without a type for it: 0 is the root.
    pub fn to_bits(self) -> u64 {
        u64::from(self.hash) << 32 | u64::from(self.place)
    }

    /// The key with this number. One that is not open is refused where it is used.
    pub fn from_bits(bits: u64) -> Key {
        Key { place: bits as u32, hash: (bits >> 32) as u32 }
    }
}

/// Values that replicas change by themselves and merge.
///
/// Beside the errors that are named with them: while a snapshot is being loaded, calls that
/// change the store or tell of it answer [`Error::CrdtNotEmpty`], and change nothing; while a
/// transaction is open, those that tell of it, keep it or take something in answer
/// [`Error::CrdtTransaction`]; frames of a replica that has forgotten others, or fewer, are
/// [`Error::CrdtGeneration`].
pub struct Store<'m> {
    context: Context<'m>,
    items: Items<'m>,
    keys: Keys<'m>,
    heap: Heap<'m>,
    log: Log<'m>,
    places: Places<'m>,
    table: Table<'m>,
    behind: Behind<'m>,
    /// Whether a transaction is open.
    transaction: bool,
    untold: Untold,
    watches: Watches<'m>,
    pub(crate) hook: Hook,
    clock: Clock,
    acks: Acks<'m>,
    /// How many replicas were forgotten.
    generation: u32,
    sizes: Sizes,
    /// Whether an item may ever have come before its change.
    early_items: bool,
    /// Keys of joined values that have a block.
    joined: usize,
    /// The number of the frame that is checked, to know what it told before; never 0.
    frame: u32,
    /// How often something changed.
    version: u64,
    saving: Saving,
    loading: Loading,
    _piece: Piece<'m>,
}

/// The owner of a block: an item, a key whose name it is, or a key whose joined value it
/// is.
const KEY_OWNED: u32 = 1 << 31;
const BLOCK_OWNED: u32 = 1 << 30;

/// A block of the heap has another place.
fn moved(items: &mut Items<'_>, keys: &mut Keys<'_>, owner: u32, at: u32) {
    if owner & KEY_OWNED != 0 {
        keys.set_name_in_heap(owner & !KEY_OWNED, at);
    } else if owner & BLOCK_OWNED != 0 {
        keys.get_mut(owner & !BLOCK_OWNED).last = at;
    } else {
        items.get_mut(owner).set_in_heap(at);
    }
}

/// This replica's place in the table.
const OWN: usize = 0;

struct Parts<'m> {
    context: Context<'m>,
    items: Items<'m>,
    keys: Keys<'m>,
    heap: Heap<'m>,
    log: Log<'m>,
    places: Places<'m>,
    table: Table<'m>,
    acks: Acks<'m>,
    behind: Behind<'m>,
    watches: Watches<'m>,
}

fn carve<'m>(config: &StoreConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    Ok(Parts {
        context: Context::carve(carver, config.replicas, config.early)?,
        places: Places::carve(carver, config.replicas)?,
        table: Table::carve(carver, config.replicas)?,
        acks: Acks::carve(carver, config.replicas)?,
        behind: Behind::carve(carver, config.replicas)?,
        watches: Watches::carve(carver, config.watches, config.events)?,
        items: Items::carve(carver, config.items)?,
        keys: Keys::carve(carver, config.keys, config.seed)?,
        log: Log::carve(carver, config.log)?,
        heap: Heap::carve(carver, config.bytes)?,
    })
}

impl<'m> Store<'m> {
    /// The root: the map that all keys are in.
    pub const ROOT: Key = Key { place: ROOT, hash: 0 };

    /// Size and alignment of the memory that a store takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges,
    /// [`Error::Overflow`] for one that no memory could hold.
    pub fn footprint(config: &StoreConfig) -> Result<Layout> {
        let within = |value: usize, least: usize, most: usize| (least..=most).contains(&value);
        let ranges = within(config.replicas, 1, MAX_REPLICAS)
            && within(config.keys, 1, MAX_ITEMS - 1)
            && within(config.items, 1, MAX_ITEMS)
            && within(config.log, 0, MAX_ITEMS)
            && within(config.early, 0, MAX_ITEMS)
            && within(config.watches, 0, MAX_ITEMS)
            && within(config.events, 0, MAX_ITEMS)
            && config.bytes as u64 <= 1 << 31;
        if !ranges || !config.sizes().are_possible() {
            return Err(Error::Invalid);
        }
        let mut carver = Carver::measure();
        carve(config, &mut carver)?;
        carver.layout()
    }

    /// An empty store.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &StoreConfig, allocator: impl Allocator<'m>) -> Result<Store<'m>> {
        Store::in_piece(config, allocator.allocate(Store::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &StoreConfig, mut piece: Piece<'m>) -> Result<Store<'m>> {
        let layout = Store::footprint(config)?;
        let Parts { mut context, items, keys, heap, log, places, table, acks, behind, watches } =
            carve(config, &mut piece.carver(layout)?)?;
        context.admit(config.replica)?;
        let (clock, sizes, joined) = (Clock::new(config.max_ahead_ms), config.sizes(), 0);
        let (version, saving, loading) = (0, Saving::default(), Loading::default());
        Ok(Store {
            context,
            items,
            keys,
            heap,
            log,
            places,
            table,
            behind,
            transaction: false,
            untold: Untold::NOTHING,
            watches,
            hook: Hook::default(),
            clock,
            acks,
            generation: 0,
            sizes,
            early_items: false,
            joined,
            frame: 0,
            version,
            saving,
            loading,
            _piece: piece,
        })
    }

    /// Which replica this is.
    pub fn replica(&self) -> ReplicaId {
        self.context.members()[OWN].id
    }

    /// How often something has changed since the store was made.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many changes of a replica have come, without a gap.
    pub fn seen(&self, replica: ReplicaId) -> u64 {
        self.context.place(replica).map_or(0, |place| self.context.members()[place].seen)
    }

    /// Whether a change has come.
    pub fn has(&self, dot: Dot) -> bool {
        let there = (1..=MAX_SEQ).contains(&dot.seq);
        let place = self.context.place(dot.replica).filter(|_| there);
        place.is_some_and(|place| self.context.has(Stamp::new(place, dot.seq)))
    }

    /// How full the store is.
    pub fn usage(&self) -> StoreUsage {
        StoreUsage {
            replicas: self.members().count(),
            keys: self.keys.used(),
            items: self.items.used(),
            bytes: self.heap.live(),
            early: self.context.ahead().len() + self.context.undone().len(),
            behind: self.behind.is_behind(&self.context),
        }
    }

    /// The key of a kind under a name in a map, which then stays open until
    /// [`close`](Self::close). It need not be there yet: it comes to be with
    /// what is put in it. A map is there as long as something is in it.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] if `map` is not open, [`Error::CrdtKind`] if it is no map,
    /// [`Error::Length`] for a name of more than 65,535 bytes, [`Error::Invalid`]
    /// deeper than eight names, [`Error::Capacity`] without room for the name,
    /// [`Error::Unsupported`] for a kind that this build does not [have](Kind::is_there).
    pub fn open(&mut self, map: Key, name: &[u8], kind: Kind) -> Result<Key> {
        if !kind.is_there() {
            return Err(Error::Unsupported);
        }
        let map = self.expect(map, Kind::Map)?;
        if name.len() > MAX_BYTES {
            return Err(Error::Length);
        }
        let deepest = if kind == Kind::Map { MAX_DEPTH - 1 } else { MAX_DEPTH };
        if self.depth(map) >= deepest {
            return Err(Error::Invalid);
        }
        let place = self.ensure(map, name, kind)?;
        let entry = self.keys.get_mut(place);
        let Some(pins) = entry.pins.checked_add(1) else {
            return Err(Error::Capacity);
        };
        entry.pins = pins;
        Ok(Key { place, hash: entry.hash })
    }

    /// Ends what [`open`](Self::open) began.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] if it is not open.
    pub fn close(&mut self, key: Key) -> Result<()> {
        let place = self.place(key)?;
        if place == ROOT {
            return Err(Error::CrdtKey);
        }
        self.untold = Untold::NOTHING;
        if self.keys.get(place).pins == 1 {
            self.unwatch_place(place);
        }
        self.keys.get_mut(place).pins -= 1;
        self.drop_empty(place);
        Ok(())
    }

    /// The place of an open key.
    fn place(&self, key: Key) -> Result<u32> {
        if key == Self::ROOT {
            return Ok(ROOT);
        }
        if key.place == ROOT || !self.keys.is_live(key.place) {
            return Err(Error::CrdtKey);
        }
        let entry = self.keys.get(key.place);
        if entry.hash == key.hash && entry.pins > 0 { Ok(key.place) } else { Err(Error::CrdtKey) }
    }

    /// The place of an open key of this kind.
    fn expect(&self, key: Key, kind: Kind) -> Result<u32> {
        let place = self.place(key)?;
        if self.keys.get(place).kind == kind { Ok(place) } else { Err(Error::CrdtKind) }
    }

    fn kind(&self, key: u32) -> Kind {
        self.keys.get(key).kind
    }

    /// How many names lead to a key.
    fn depth(&self, mut key: u32) -> usize {
        let mut depth = 0;
        while key != ROOT {
            key = self.keys.get(key).parent;
            depth += 1;
        }
        depth
    }

    fn name_hash(&self, map: u32, name: &[u8], kind: Kind) -> u32 {
        // An odd factor apart, so that kinds of a name do not share their hashes.
        let seed = self.keys.get(map).hash.wrapping_add((kind as u32).wrapping_mul(0x9e37_79b1));
        hash(name, seed)
    }

    /// A key's place, a new one if it must be.
    fn ensure(&mut self, map: u32, name: &[u8], kind: Kind) -> Result<u32> {
        let hash = self.name_hash(map, name, kind);
        if let Some(place) = self.keys.find(map, hash, (name, kind), &self.heap) {
            return Ok(place);
        }
        if Keys::name_cost(name.len()) > self.heap.free() {
            return Err(Error::Capacity);
        }
        let place = self.keys.take(map, hash, kind)?;
        let long = if name.len() > INLINE {
            let at = self.store_bytes(place | KEY_OWNED, [&[], name])?;
            Some(at)
        } else {
            None
        };
        self.keys.enter(place, name, long, &self.heap);
        Ok(place)
    }

    /// Drops a key that nothing is in and nobody holds open, and the maps around it.
    fn drop_empty(&mut self, mut key: u32) {
        while key != ROOT {
            let entry = *self.keys.get(key);
            if entry.pins > 0 || entry.last != NONE || entry.named() {
                return;
            }
            self.keys.leave(key, &self.heap);
            if let Some(at) = self.keys.name_in_heap(key) {
                self.heap.give(at);
            }
            self.keys.give(key);
            key = entry.parent;
        }
    }

    /// Bytes in the heap, in two parts. There must be room.
    fn store_bytes(&mut self, owner: u32, parts: [&[u8]; 2]) -> Result<u32> {
        self.store_behind(owner, 0, parts)
    }

    /// The same behind so many bytes of a block.
    fn store_behind(&mut self, owner: u32, links: usize, [head, bytes]: [&[u8]; 2]) -> Result<u32> {
        let (items, keys) = (&mut self.items, &mut self.keys);
        self.untold = Untold::NOTHING;
        let len = links + head.len() + bytes.len();
        let at = self.heap.take(owner, len, |owner, at| moved(items, keys, owner, at))?;
        let (first, second) = self.heap.get_mut(at)[links..].split_at_mut(head.len());
        first.copy_from_slice(head);
        second.copy_from_slice(bytes);
        Ok(at)
    }

    /// Bytes of the heap that an item with so many bytes needs.
    const fn item_cost(len: usize) -> usize {
        if len <= INLINE { 0 } else { Heap::cost(len) }
    }

    /// The same for an item of a kind.
    fn cost_in(kind: Kind, len: usize) -> usize {
        if kind.is_ordered() { Heap::cost(LINKS + len) } else { Self::item_cost(len) }
    }

    /// The hash by which items of a key are found.
    #[inline]
    fn item_hash(&self, key: u32, bytes: &[u8]) -> u32 {
        let entry = self.keys.get(key);
        if entry.kind.by_element() {
            hash(bytes, entry.hash)
        } else if entry.kind.is_ordered() {
            position::split(bytes).map_or(entry.hash, |(position, _)| hash(position, entry.hash))
        } else {
            entry.hash
        }
    }

    /// The bytes of an item.
    fn bytes_of(&self, item: u32) -> &[u8] {
        let item = self.items.get(item);
        let links = if item.in_list() { LINKS } else { 0 };
        item.few().unwrap_or_else(|| item.in_heap().map_or(&[], |at| &self.heap.get(at)[links..]))
    }

    fn hash_of(&self, item: u32) -> u32 {
        self.item_hash(self.items.get(item).key, self.bytes_of(item))
    }

    /// The first item of a key with these bytes.
    #[inline]
    fn find(&self, hash: u32, key: u32, sought: Sought<'_>) -> u32 {
        self.items.find(hash, key, sought, &self.heap)
    }

    /// The next one behind another one.
    #[inline]
    fn find_next(&self, at: u32, key: u32, sought: Sought<'_>) -> u32 {
        self.items.find_next(at, key, sought, &self.heap)
    }

    /// Bytes of the heap that an item has.
    fn cost_of(&self, item: u32) -> usize {
        self.items.get(item).in_heap().map_or(0, |at| Heap::cost(self.heap.get(at).len()))
    }

    /// Adds an item that holds its bytes itself; its place.
    #[inline]
    fn put_few(&mut self, hash: u32, key: u32, item: Item) -> Result<u32> {
        let at = self.items.insert(hash, self.keys.get(key).last, item)?;
        self.keys.get_mut(key).last = at;
        self.touched(key);
        Ok(at)
    }

    /// Adds an item with bytes in two parts. There must be room.
    #[inline]
    fn put(&mut self, hash: u32, key: u32, item: Item, parts: [&[u8]; 2]) -> Result<()> {
        if self.kind(key).is_ordered() {
            return self.put_in_order(hash, key, item, parts[1]);
        }
        let len = parts[0].len() + parts[1].len();
        if len <= INLINE {
            return self.put_few(hash, key, item.with(key, Some(few(parts)))).map(|_| ());
        }
        let at = self.put_few(hash, key, item.with(key, None))?;
        let place = self.store_bytes(at, parts)?;
        self.items.get_mut(at).set_in_heap(place);
        Ok(())
    }

    /// Gives an item other bytes, in two parts, as many as it has.
    fn set_bytes(&mut self, at: u32, [head, bytes]: [&[u8]; 2]) {
        let item = self.items.get_mut(at);
        match item.in_heap() {
            None => item.set_few(few([head, bytes])),
            Some(place) => {
                let (first, second) = self.heap.get_mut(place).split_at_mut(head.len());
                first.copy_from_slice(head);
                second.copy_from_slice(bytes);
            }
        }
    }

    /// The first item of a key; none of one whose values are no items.
    fn first_of(&self, key: u32) -> u32 {
        let entry = self.keys.get(key);
        if entry.last == NONE || !entry.kind.has_items() {
            return NONE;
        }
        self.items.next(entry.last)
    }

    /// Removes an item. Its key stays, even if it is empty now. Where the next one of the
    /// ring is then.
    fn take(&mut self, hash: u32, at: u32) -> u32 {
        let item = *self.items.get(at);
        if item.in_list() {
            return self.take_from_list(hash, at, self.index_of(item.key, at));
        }
        let next = self.items.next(at);
        let next_hash = if next == at { hash } else { self.hash_of(next) };
        let mut last = self.keys.get(item.key).last;
        let moved = self.items.remove(hash, at, next_hash, &mut last);
        self.keys.get_mut(item.key).last = last;
        if let Some(place) = item.in_heap() {
            self.heap.give(place);
        }
        if moved && let Some(place) = self.items.get(at).in_heap() {
            self.heap.own(place, at);
        }
        self.touched(item.key);
        at
    }

    /// Whether an element is in a set: something says so, and nothing says otherwise.
    fn is_in(&self, hash: u32, key: u32, sought: Sought<'_>) -> bool {
        self.is_in_without(hash, key, sought, NONE)
    }

    /// Whether it would be without this item.
    fn is_in_without(&self, hash: u32, key: u32, sought: Sought<'_>, without: u32) -> bool {
        let (mut found, mut at) = (false, self.find(hash, key, sought));
        while at != NONE {
            if at != without {
                if self.items.get(at).negative() {
                    return false;
                }
                found = true;
            }
            at = self.find_next(at, key, sought);
        }
        found
    }

    /// This replica's next change. It is one when [`happened`](Self::happened) says so.
    fn next_change(&self) -> Result<Stamp> {
        self.not_while_loading()?;
        match self.context.members()[OWN].seen {
            0 => Ok(Stamp::new(OWN, 1)),
            seen => Stamp::new(OWN, seen).next(),
        }
    }

    #[inline]
    fn happened(&mut self, change: Stamp) {
        self.version += 1;
        self.untold = Untold::NOTHING;
        self.context.member(OWN).seen = change.seq();
        if self.transaction {
            self.log.join(change, true);
        }
    }

    #[inline]
    fn record(&mut self, event: Stamp, undone: Option<Stamp>, hash: u32) {
        let record = Record { event, undone, joined: None, item: NONE, together: false, hash };
        self.log.push(record, &mut self.context);
    }

    /// A change added an item.
    #[inline]
    fn record_added(&mut self, event: Stamp, item: u32, hash: u32) {
        let record = Record { event, undone: None, joined: None, item, together: false, hash };
        self.log.push(record, &mut self.context);
    }

    /// A change made something of a joined value.
    fn record_joined(&mut self, event: Stamp, joined: u64, hash: u32) {
        let joined = Some(joined);
        let record = Record { event, undone: None, joined, item: NONE, together: false, hash };
        self.log.push(record, &mut self.context);
    }
}

/// Two parts of few bytes as one: the first one has eight bytes or none.
#[inline]
fn few([head, bytes]: [&[u8]; 2]) -> &[u8] {
    if head.is_empty() { bytes } else { head }
}
