//! Stores: making them, their keys, and what the caller changes.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::port::nsw_allocator;
use super::slices::{input, put, tell};
use super::status;
use super::status::nsw_status;
use super::store_watch::tell_watcher;
use super::structs::{self, Versioned, count, or};
use crate::crdt::{self, Element, Key, Kind, ReplicaId, Store, StoreConfig, StoreUsage};
use crate::error::{Error, Result};

/// A kind of key: keys in a key. It is there as long as something is in it, so who puts
/// something in wins against who clears it at the same time, however deep (Brown et al.,
/// "Riak DT map: a composable, convergent replicated dictionary", 2014). A key takes 46
/// bytes, and its name as much as the bytes of an item.
///
/// Example: `a: add x in m/s; sync; a: clear in m; b: add y in m/s; sync`. Everywhere: y is
/// in m/s, x is not.
pub const NSW_STORE_MAP: u32 = 1;
/// A kind of key: a set of byte strings. Who adds an element wins against who removes it at
/// the same time: a removal takes away the additions that it has seen (Shapiro et al., "A
/// comprehensive study of convergent and commutative replicated data types", 2011, the
/// OR-Set; without what it leaves behind: Bieniusa et al., "An optimized conflict-free
/// replicated set", 2012). An item is an element.
///
/// Example: `a: add x; sync; a: add x; b: remove x; sync`. Everywhere: x is in.
pub const NSW_STORE_ADD_WINS_SET: u32 = 2;
/// A kind of key: a set of byte strings. Who removes an element wins against who adds it at
/// the same time (Baquero, Almeida, Shoker, "Pure operation-based replicated data types",
/// 2017). An item is an element that is in, or one that was removed: that stays until the
/// element is added again, or the set is cleared.
///
/// Example: `a: add x; sync; a: add x; b: remove x; sync`. Everywhere: x is out, until
/// somebody who has seen the removal adds it.
pub const NSW_STORE_REMOVE_WINS_SET: u32 = 3;
/// A kind of key: yes or no; no while nobody has said anything. Who says yes wins against
/// who says no at the same time: an add-wins set of one element. An item is a yes; no needs
/// none.
///
/// Example: `a: say yes; sync; a: say yes; b: say no; sync`. Everywhere: yes.
pub const NSW_STORE_ENABLE_WINS_FLAG: u32 = 4;
/// A kind of key: yes or no; no while nobody has said anything. Who says no wins against
/// who says yes at the same time: a remove-wins set of one element. An item is a yes or a
/// no.
///
/// Example: `a: say yes; sync; a: say yes; b: say no; sync`. Everywhere: no, until somebody
/// who has seen it says yes.
pub const NSW_STORE_DISABLE_WINS_FLAG: u32 = 5;
/// A kind of key: a byte string. The latest assignment by the hybrid logical clock wins; of
/// two with the same time that of the replica with the higher number (Johnson and Thomas,
/// "The maintenance of duplicate databases", RFC 677, 1975; the clock: Kulkarni et al.,
/// "Logical physical clocks", 2014). An item is a value and 8 bytes of time stamp before
/// it.
///
/// Example: `clock a 2000; clock b 1000; a: assign red; b: assign blue; sync`. Everywhere:
/// red.
pub const NSW_STORE_LAST_WRITER: u32 = 6;
/// A kind of key: byte strings. Assignments at the same time are kept side by side, until
/// somebody who has seen them assigns again (DeCandia et al., "Dynamo: Amazon's highly
/// available key-value store", 2007; Shapiro et al. 2011, the MV-Register). An item is a
/// value.
///
/// Example: `a: assign red; b: assign blue; sync`. Everywhere: blue and red.
pub const NSW_STORE_MULTI_VALUE: u32 = 7;
/// A kind of key: a whole number. The greatest one wins (Baquero et al., "Composition in
/// state-based replicated data types", 2017, chains). An item is a number of 8 bytes.
///
/// Example: `a: offer 5; b: offer 9; sync`. Everywhere: 9.
pub const NSW_STORE_MAX: u32 = 8;
/// A kind of key: a whole number. The smallest one wins. An item is a number of 8 bytes.
///
/// Example: `a: offer 5; b: offer 9; sync`. Everywhere: 5.
pub const NSW_STORE_MIN: u32 = 9;
/// A kind of key: a sum of what all replicas count, upwards only. Otherwise as the other
/// counter.
///
/// Example: `a: up 5; b: up 2; sync`. Everywhere: 7.
pub const NSW_STORE_GROW_COUNTER: u32 = 10;
/// A kind of key: a sum of what all replicas count, up and down. What is counted at the
/// same time counts all. A clearing takes away what it has seen, and no more (Shapiro et
/// al. 2011, the PN-Counter; for clearing: Baquero, Almeida, Lerche, "The problem with
/// embedded CRDT counters and a solution", 2016). A counter takes 8 bytes of the heap,
/// and 4 to 50 for each replica that has counted: 7 where thousands are counted by
/// thousands of changes.
///
/// Example: `a: up 5; sync; a: clear; b: up 1; sync`. Everywhere: 1.
pub const NSW_STORE_COUNTER: u32 = 11;
/// A kind of key: how many different elements were seen, about: a HyperLogLog (Flajolet et
/// al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007;
/// the estimate: Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
/// 2017). A clearing wins against what is seen at the same time. It takes 12 bytes of the
/// heap and one for each register: 1,036 as configured by default, however much it sees.
///
/// Example: `a: observe x y; b: observe y z; sync`. Everywhere: 3.
pub const NSW_STORE_HYPER_LOG_LOG: u32 = 12;
/// A kind of key: how often each element was seen, and perhaps more: a Count-Min sketch
/// (Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and
/// its applications", 2005). A clearing wins against what is seen at the same time. It
/// takes 12 bytes of the heap, and for each replica that counts 2 and 4 for each column
/// of each row: 4,098 as configured by default.
///
/// Example: `a: observe x x y; b: observe x; sync`. Everywhere: x 3 times, y once.
pub const NSW_STORE_COUNT_MIN: u32 = 13;
/// A kind of key: byte strings in an order. What is put between two elements stays there,
/// and what several put in the same place at the same time stands one behind the other,
/// each replica's together (Weidner and Kleppmann, "The art of the Fugue: minimizing
/// interleaving in collaborative text editing", 2023). An item is an element, with its
/// position; it lies in the heap with 20 bytes beside these. A position takes 3 to 1,022
/// bytes: some 7 in a row that one replica wrote.
///
/// Example: `a: append there was; b: append lived a; sync`. Everywhere: "there was" and
/// "lived a" one behind the other.
pub const NSW_STORE_LIST: u32 = 14;

/// The most replicas of a store.
pub const NSW_STORE_MAX_REPLICAS: u32 = 32768;
/// The most bytes of a name or an element; a value of a register has 8 less.
pub const NSW_STORE_MAX_BYTES: u32 = 65535;
/// The most bytes of an element of a list.
pub const NSW_STORE_MAX_ELEMENT: u32 = 64511;
/// The most names on the way from the root to a key, its own included.
pub const NSW_STORE_MAX_DEPTH: u32 = 8;

const _: () = {
    assert!(NSW_STORE_MAP == Kind::Map as u32);
    assert!(NSW_STORE_ADD_WINS_SET == Kind::AddWinsSet as u32);
    assert!(NSW_STORE_REMOVE_WINS_SET == Kind::RemoveWinsSet as u32);
    assert!(NSW_STORE_ENABLE_WINS_FLAG == Kind::EnableWinsFlag as u32);
    assert!(NSW_STORE_DISABLE_WINS_FLAG == Kind::DisableWinsFlag as u32);
    assert!(NSW_STORE_LAST_WRITER == Kind::LastWriter as u32);
    assert!(NSW_STORE_MULTI_VALUE == Kind::MultiValue as u32);
    assert!(NSW_STORE_MAX == Kind::Max as u32);
    assert!(NSW_STORE_MIN == Kind::Min as u32);
    assert!(NSW_STORE_GROW_COUNTER == Kind::GrowCounter as u32);
    assert!(NSW_STORE_COUNTER == Kind::Counter as u32);
    assert!(NSW_STORE_HYPER_LOG_LOG == Kind::HyperLogLog as u32);
    assert!(NSW_STORE_COUNT_MIN == Kind::CountMin as u32);
    assert!(NSW_STORE_LIST == Kind::List as u32);
    assert!(NSW_STORE_MAX_ELEMENT as usize == crdt::MAX_ELEMENT);
    assert!(NSW_STORE_MAX_REPLICAS as usize == crdt::MAX_REPLICAS);
    assert!(NSW_STORE_MAX_BYTES as usize == crdt::MAX_BYTES);
    assert!(NSW_STORE_MAX_DEPTH as usize == crdt::MAX_DEPTH);
};

/// An open key of a store, from nsw_store_open until nsw_store_close.
pub type nsw_store_key = u64;

/// The root of every store: the map that all keys are in. It is always open.
pub const NSW_STORE_ROOT: nsw_store_key = 0;

/// What no key has.
const NO_KEY: nsw_store_key = u64::MAX;

/// A store: values that replicas change by themselves and merge. What they merge to
/// depends on what was changed and seen, not on the order in which it comes; so all
/// replicas that have the same changes have the same values.
///
/// A key is a name in a map, with a kind (NSW_STORE_MAP and the like) that says which
/// values it has and who wins. The same name can be there once for each kind. A key is
/// opened to be used; it comes to be with what is put in it, and goes with the last of
/// it. No removal leaves anything behind, but for what a remove-wins set or a
/// disable-wins flag has to say.
///
/// To bring another replica up to date: it sends its nsw_store_context, this one
/// answers with the frames of nsw_store_delta, or with its nsw_store_state where the
/// other one is too far behind, and that one takes them in with nsw_store_merge. Where
/// much is there and little differs, nsw_store_digest and nsw_store_reconcile find out
/// what. Frames may be lost, come twice, late, or in any order. They are not signed: take
/// them from trusted peers only. docs/store-format.md has the bytes. One thread at a time.
///
/// Beside the errors that are named with them: while a snapshot is being loaded, calls that
/// change the store or tell of it answer NSW_ERR_CRDT_NOT_EMPTY, and change nothing; while a
/// transaction is open, those that tell of it, keep it or take something in answer
/// NSW_ERR_CRDT_TRANSACTION; frames of a replica that has forgotten others, or fewer, are
/// NSW_ERR_CRDT_GENERATION.
pub struct nsw_store {
    _opaque: [u8; 0],
}

impl Object for Store<'static> {
    type C = nsw_store;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswS");

    fn after(&mut self) {
        tell_watcher(self);
    }
}

/// What a store is made for. NSW_STORE_CONFIG_INIT, then at least `replica`; every
/// other zero means the default. All replicas need the same `seed`. Read during the
/// call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_store_config {
    /// sizeof(nsw_store_config); NSW_STORE_CONFIG_INIT sets it.
    pub size: u32,
    /// The seed of all hashes, the same at all replicas. One that strangers do not
    /// know keeps them from making a store slow by what they add.
    pub seed: u32,
    /// This replica's number; 0 is one, too. No two replicas may have the same, and
    /// one that lost changes that others may have seen comes back with another.
    pub replica: u64,
    /// How far a stamp of another replica may be ahead of the time of day, in
    /// milliseconds; 0 means a minute, UINT64_MAX any time (without a clock).
    pub max_ahead_ms: u64,
    /// The most replicas that ever change something, this one included, at most
    /// NSW_STORE_MAX_REPLICAS; 0 means 8.
    pub replicas: u32,
    /// The most keys, of all maps together, less than 2^30; 0 means 64. A key takes 46 bytes.
    pub keys: u32,
    /// The most items, at most 2^30; 0 means 1,024. An item takes 31 bytes. A set or a list has
    /// one for each element, a flag and a register one; each may have one more for each change
    /// at the same time.
    pub items: u32,
    /// Bytes for names, elements and values of more than 8 bytes, each with 8 bytes
    /// beside it, at most 2^31; 0 means 16,384. A register of the last writer has 8
    /// bytes more. Elements of lists lie here however short they are, and have about 30
    /// bytes beside them.
    pub bytes: u32,
    /// How many changes are remembered to be told to others, at most 2^30; 0 means 256.
    /// A change counts once for what it adds, and once for each item that it takes
    /// away. Who has missed more gets the state.
    pub log: u32,
    /// The most changes that can come before their predecessors, at most 2^30; 0 means
    /// 16. Those in a row count once.
    pub early: u32,
    /// The binary logarithm of the registers of a HyperLogLog, a byte each, 4 to 16; 0 means
    /// 10. The error is about 1.04 over their root: 3.25 % with 1,024. The same at all replicas.
    pub sketch_precision: u32,
    /// Columns of a Count-Min sketch, 1 to 8,192; 0 means 256. It says too much by 2.72 over
    /// the columns of all that was counted, or less. The same at all replicas.
    pub sketch_width: u32,
    /// Its rows, 1 to 4; 0 means 4. The probability that it says more than that is exp(-rows).
    /// The same at all replicas. A count in a row takes 4 bytes, for each replica that counted.
    pub sketch_depth: u32,
    /// The most keys that are watched (nsw_store_watch), at most 2^30; 0 means none.
    pub watches: u32,
    /// The most events of watched keys that wait to be taken, at most 2^30; 0 means 8 for
    /// each of `watches`. Of what has no room each watch has one event that says so.
    pub events: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_store_config {
    const LEAST: usize = core::mem::offset_of!(nsw_store_config, max_ahead_ms);
}

/// How full a store is. NSW_STORE_USAGE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_store_usage {
    /// sizeof(nsw_store_usage); NSW_STORE_USAGE_INIT sets it.
    pub size: u32,
    /// Replicas that are known, this one included.
    pub replicas: u32,
    /// Keys, those that are open and empty included.
    pub keys: u32,
    /// Items.
    pub items: u32,
    /// Bytes for what does not fit in a key or an item.
    pub bytes: u32,
    /// Spans of changes that came early, and changes undone before they came.
    pub early: u32,
    /// 1 if something that others have was refused without room (NSW_ERR_CAPACITY) and has
    /// not come since, else 0: until all changes have come of its replicas, up to the last
    /// refused.
    pub behind: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_store_usage {
    const LEAST: usize = core::mem::offset_of!(nsw_store_usage, behind);
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
pub(super) unsafe fn read(config: *const nsw_store_config) -> Result<StoreConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = StoreConfig::default();
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    Ok(StoreConfig {
        replica: ReplicaId(c.replica),
        replicas: count(c.replicas, default.replicas),
        keys: count(c.keys, default.keys),
        items: count(c.items, default.items),
        bytes: count(c.bytes, default.bytes),
        log: count(c.log, default.log),
        early: count(c.early, default.early),
        sketch_precision: or(c.sketch_precision, default.sketch_precision),
        sketch_width: count(c.sketch_width, default.sketch_width),
        sketch_depth: count(c.sketch_depth, default.sketch_depth),
        max_ahead_ms: or(c.max_ahead_ms, default.max_ahead_ms),
        seed: c.seed,
        watches: c.watches as usize,
        events: count(c.events, (c.watches as usize).saturating_mul(8).min(1 << 30)),
    })
}

/// The memory that a store takes: the one block that nsw_store_create asks for, in
/// bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside
/// its range, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_footprint(
    config: *const nsw_store_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Store<'static>>(size, align, || Store::footprint(&read(config)?)) }
}

/// Makes an empty store, in one block of `memory` (NULL: the system's heap). The caller
/// owns `*store` and ends it with nsw_store_destroy.
///
/// Errors: those of nsw_store_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*store` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_create(
    config: *const nsw_store_config,
    memory: *const nsw_allocator,
    store: *mut *mut nsw_store,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Store<'static>, _>(
            memory,
            store,
            || {
                let config = read(config)?;
                Ok((Store::footprint(&config)?, config))
            },
            |piece, config| Store::in_piece(&config, piece),
        )
    }
}

/// Destroys a store and gives its block back; its keys end with it. NULL is fine, and so
/// is an already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_destroy(store: *mut nsw_store) {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { handle::destroy::<Store<'static>>(store) };
}

impl From<StoreUsage> for nsw_store_usage {
    fn from(usage: StoreUsage) -> nsw_store_usage {
        // The ranges of the configuration fit.
        nsw_store_usage {
            size: 0,
            replicas: usage.replicas as u32,
            keys: usage.keys as u32,
            items: usage.items as u32,
            bytes: usage.bytes as u32,
            early: u32::try_from(usage.early).unwrap_or(u32::MAX),
            behind: usage.behind.into(),
        }
    }
}

/// Fills `*usage` (NSW_STORE_USAGE_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_describe(
    store: *const nsw_store,
    usage: *mut nsw_store_usage,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| structs::write(usage, &s.usage().into())) }
}

/// The kind with this number.
pub(super) fn kind_of(kind: u32) -> Result<Kind> {
    u8::try_from(kind).ok().and_then(Kind::from_code).ok_or(Error::Invalid)
}

/// Opens the key of a kind under `name[0..name_len]` in the open map `map`
/// (NSW_STORE_ROOT, or a key of kind NSW_STORE_MAP). It need not be there yet. `*key` is
/// good until it is closed as often as it was opened, whatever is merged meanwhile.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for what is no kind or
/// deeper than NSW_STORE_MAX_DEPTH names, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if
/// `map` is not an open map, NSW_ERR_LENGTH for a name of more than NSW_STORE_MAX_BYTES,
/// NSW_ERR_CAPACITY without room for the key, or if it is open 65,535 times,
/// NSW_ERR_UNSUPPORTED for a kind that a library without std and with the feature `few-kinds`
/// does not have. `*key` is no key then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_open(
    store: *mut nsw_store,
    map: nsw_store_key,
    name: *const u8,
    name_len: usize,
    kind: u32,
    key: *mut nsw_store_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let opened = unsafe {
        put(key, NO_KEY).and_then(|()| {
            with_mut::<Store<'static>, _>(store, |s| {
                s.open(Key::from_bits(map), input(name, name_len)?, kind_of(kind)?)
            })
        })
    };
    // SAFETY: it was written to before.
    status(opened.and_then(|opened| unsafe { put(key, opened.to_bits()) }))
}

/// Ends what nsw_store_open began. What is in the key stays.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY if it is not open, or the root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_close(store: *mut nsw_store, key: nsw_store_key) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.close(Key::from_bits(key))) }
}

/// Adds `element[0..element_len]` to a set. It is a change even if the element is in: in
/// an add-wins set it wins against removals that have not seen it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `set` is not an open set, NSW_ERR_LENGTH for more than NSW_STORE_MAX_BYTES,
/// NSW_ERR_CAPACITY without room, NSW_ERR_OVERFLOW after 2^40 - 1 changes of this
/// replica.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_add(
    store: *mut nsw_store,
    set: nsw_store_key,
    element: *const u8,
    element_len: usize,
) -> nsw_status {
    let set = Key::from_bits(set);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        // Before the lock is taken: the processor does both at once.
        let element = input(element, element_len).map(|bytes| Element::of(set, bytes));
        call_mut::<Store<'static>>(store, |s| s.add_element(set, element?))
    }
}

/// Removes `element[0..element_len]` from a set; `*was_in` is 1 if it was in, else 0 (may
/// be NULL). In a remove-wins set it is a change even if it was not: it wins against
/// additions that have not seen it. From an add-wins set it needs no room.
///
/// Errors: those of nsw_store_add.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_remove(
    store: *mut nsw_store,
    set: nsw_store_key,
    element: *const u8,
    element_len: usize,
    was_in: *mut u32,
) -> nsw_status {
    let set = Key::from_bits(set);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        let element = input(element, element_len).map(|bytes| Element::of(set, bytes));
        call_mut::<Store<'static>>(store, |s| {
            tell(was_in, 0)?;
            let removed = s.remove_element(set, element?)?;
            tell(was_in, removed.into())
        })
    }
}

/// Takes away all that is seen to be in a key and, if it is a map, in the keys in it.
/// What others put in at the same time stays. The key stays open.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY if it is not open, NSW_ERR_CAPACITY if
/// something came by a digest before its change and `early` of the configuration leaves no
/// room to remember that it is gone: nothing changes then. NSW_ERR_OVERFLOW after 2^40 - 1
/// changes of this replica: what was taken away until then is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_clear(store: *mut nsw_store, key: nsw_store_key) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.clear(Key::from_bits(key))) }
}

/// Says yes (not 0) or no (0) to a flag.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if `flag` is not
/// an open flag, NSW_ERR_CAPACITY without room, NSW_ERR_OVERFLOW after 2^40 - 1 changes of
/// this replica.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_set_flag(
    store: *mut nsw_store,
    flag: nsw_store_key,
    on: u32,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.set_flag(Key::from_bits(flag), on != 0)) }
}

/// Assigns `value[0..value_len]` to a register of the last writer or of several values.
/// `now_ms` is the time of day in milliseconds since 1970, for the former; 0 without a
/// clock. As many bytes that are assigned to it next may be part of the same change, as with
/// nsw_store_increment.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `reg` is not an open one of those, NSW_ERR_LENGTH for more than
/// NSW_STORE_MAX_BYTES - 8, NSW_ERR_INVALID for a time of 2^48 or more,
/// NSW_ERR_CAPACITY without room, NSW_ERR_OVERFLOW after 2^40 - 1 changes of this
/// replica or after the last stamp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_assign(
    store: *mut nsw_store,
    reg: nsw_store_key,
    value: *const u8,
    value_len: usize,
    now_ms: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            s.assign_bytes(Key::from_bits(reg), input(value, value_len)?, now_ms)
        })
    }
}

/// Offers a number to a register of the greatest or the smallest one: `*changed` is 1 if
/// it is that now, else 0 and nothing changes (may be NULL).
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if `reg` is not
/// an open one of those, NSW_ERR_CAPACITY without room, NSW_ERR_OVERFLOW after 2^40 - 1
/// changes of this replica.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_offer(
    store: *mut nsw_store,
    reg: nsw_store_key,
    number: i64,
    changed: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            tell(changed, 0)?;
            let better = s.offer(Key::from_bits(reg), number)?;
            tell(changed, better.into())
        })
    }
}
