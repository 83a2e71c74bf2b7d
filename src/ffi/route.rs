//! Text to task, and what a task needs to know of a text.

use core::ffi::c_char;
use core::ops::Range;

use super::guarded;
use super::handle::{self, Object, call_ref};
use super::port::nsw_allocator;
use super::slices::{apart, bytes_at, bytes_of, input, may_tell, put, read_text, tell};
use super::status::nsw_status;
use super::structs::{self, Array, Versioned};
use crate::error::{Error, Result};
use crate::task::route::{Filled, Filler, Router, Unit, Value, Wanted};

/// No task: of a text that is out of scope.
pub const NSW_ROUTE_NONE: u32 = u32::MAX;
/// The longest text in bytes.
pub const NSW_ROUTE_MAX_TEXT: u32 = 4096;

/// A slot that nothing fits, and no kind of pattern.
pub const NSW_SLOT_EMPTY: u32 = 0;
/// A kind of pattern: a number, with one of `units` behind it; without any in the list, one that has no unit.
pub const NSW_SLOT_NUMBER: u32 = 1;
/// A kind of pattern: one of `names`, as a whole word or some; the longest that fits counts.
pub const NSW_SLOT_NAME: u32 = 2;
/// A kind of pattern: latitude and longitude in degrees: `47.37, 8.54`, `47.37 N 8.54 E`, `S33.9 W18.4`. Without
/// letters a comma or a space parts them, and both have a fraction.
pub const NSW_SLOT_COORDINATES: u32 = 3;
/// A kind of pattern: hours, minutes, seconds, days: `90 s`, `1h30m`, `2 hours and 5 minutes`.
pub const NSW_SLOT_DURATION: u32 = 4;
/// A kind of pattern: a word of the caller's, `prefix`, and a number behind it: `drone 7`, `drone-7`, `Drone #7`,
/// `drone7`.
pub const NSW_SLOT_IDENTIFIER: u32 = 5;

const _: () = assert!(NSW_ROUTE_MAX_TEXT as usize == crate::task::route::MAX_TEXT);

/// A name, in UTF-8 and without a zero behind it: NSW_NAME("text") for one that is written down.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_name {
    /// sizeof(nsw_name); NSW_NAME_INIT sets it.
    pub size: u32,
    /// Its bytes.
    pub len: u32,
    /// Where it is.
    pub text: *const c_char,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_name {
    const LEAST: usize = size_of::<nsw_name>();
}

/// A unit of a number, and what a number with it is to be multiplied by: NSW_UNIT("km", 1000).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_unit {
    /// sizeof(nsw_unit); NSW_UNIT_INIT sets it.
    pub size: u32,
    /// Bytes of its name.
    pub name_len: u32,
    /// As it is written behind a number, in UTF-8. Letters of ASCII in any case. Longer names are tried first.
    pub name: *const c_char,
    /// What a number with it is multiplied by.
    pub factor: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_unit {
    const LEAST: usize = size_of::<nsw_unit>();
}

/// What is looked for in a text. NSW_PATTERN_INIT, then `kind` and what it needs; read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_pattern {
    /// sizeof(nsw_pattern); NSW_PATTERN_INIT sets it.
    pub size: u32,
    /// NSW_SLOT_NUMBER or another.
    pub kind: u32,
    /// NSW_SLOT_NUMBER: the units.
    pub units: *const nsw_unit,
    /// How many units.
    pub unit_count: usize,
    /// NSW_SLOT_NAME: the names. Letters of ASCII in any case.
    pub names: *const nsw_name,
    /// How many names.
    pub name_count: usize,
    /// NSW_SLOT_IDENTIFIER: the word, in UTF-8. Letters of ASCII in any case.
    pub prefix: *const c_char,
    /// Bytes of the word.
    pub prefix_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_pattern {
    const LEAST: usize = size_of::<nsw_pattern>();
}

/// A slot of a task: by which bytes of the text it is filled, with what. NSW_SLOT_INIT for the first before they are
/// filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_slot {
    /// sizeof(nsw_slot); NSW_SLOT_INIT sets it.
    pub size: u32,
    /// The pattern's kind, or NSW_SLOT_EMPTY: then all else is 0.
    pub kind: u32,
    /// The first byte.
    pub start: u32,
    /// How many.
    pub len: u32,
    /// NSW_SLOT_NUMBER, NSW_SLOT_NAME: the place of the unit or the name in the pattern's list.
    pub index: u32,
    /// 0.
    pub reserved: u32,
    /// NSW_SLOT_NUMBER: the number in the unit of factor 1. NSW_SLOT_DURATION: seconds, 0 or above.
    /// NSW_SLOT_COORDINATES: degrees of latitude, south below 0.
    pub value: f64,
    /// NSW_SLOT_COORDINATES: degrees of longitude, west below 0.
    pub longitude: f64,
    /// NSW_SLOT_IDENTIFIER: the number, at most 15 digits.
    pub number: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_slot {
    const LEAST: usize = size_of::<nsw_slot>();
}

impl From<Option<Filled>> for nsw_slot {
    fn from(filled: Option<Filled>) -> nsw_slot {
        let mut slot = nsw_slot {
            size: 0,
            kind: NSW_SLOT_EMPTY,
            start: 0,
            len: 0,
            index: 0,
            reserved: 0,
            value: 0.0,
            longitude: 0.0,
            number: 0,
        };
        let Some(Filled { start, len, value }) = filled else { return slot };
        (slot.start, slot.len) = (start, len);
        match value {
            Value::Number { value, unit } => {
                (slot.kind, slot.value, slot.index) = (NSW_SLOT_NUMBER, value, unit);
            }
            Value::Name { index } => (slot.kind, slot.index) = (NSW_SLOT_NAME, index),
            Value::Coordinates { latitude, longitude } => {
                slot.kind = NSW_SLOT_COORDINATES;
                (slot.value, slot.longitude) = (latitude, longitude);
            }
            Value::Duration { seconds } => {
                (slot.kind, slot.value) = (NSW_SLOT_DURATION, seconds);
            }
            Value::Identifier { number } => {
                (slot.kind, slot.number) = (NSW_SLOT_IDENTIFIER, number);
            }
        }
        slot
    }
}

/// What a text asks for. NSW_ROUTE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_route {
    /// sizeof(nsw_route); NSW_ROUTE_INIT sets it.
    pub size: u32,
    /// The task, or NSW_ROUTE_NONE if the text is out of scope.
    pub task: u32,
    /// The task that is nearest, also if the text is out of scope.
    pub best: u32,
    /// How likely that one is, 0 to 1: the softmax of the scores.
    pub confidence: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_route {
    const LEAST: usize = size_of::<nsw_route>();
}

/// A router: which of a domain's tasks a text asks for, if any. It reads its model in place and has no state. What is
/// asked in other words than those it was trained with may be missed; it answers with one of its tasks or with none,
/// and adds nothing. All functions may run side by side, but the one that destroys it.
pub struct nsw_router {
    _opaque: [u8; 0],
}

impl Object for Router<'static> {
    type C = nsw_router;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswr");
}

/// The memory that nsw_router_create takes for this model: without the model.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_TASK_FORMAT for bytes that are not a model or are damaged, NSW_ERR_UNSUPPORTED for a
/// version that this library does not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_footprint(
    model: *const u8,
    model_len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Router<'static>>(size, align, || {
            Router::new(input(model, model_len)?).map(|_| handle::NOTHING)
        })
    }
}

/// Makes a router over a model that nsw_router_train made, in one block of `memory` (NULL: the system's heap). The
/// model is read where it is, at any alignment: it must stay as it is until the router is destroyed. The caller owns
/// `*router` and ends it with nsw_router_destroy.
///
/// Errors: those of nsw_router_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*router` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_create(
    model: *const u8,
    model_len: usize,
    memory: *const nsw_allocator,
    router: *mut *mut nsw_router,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above; the caller keeps the model.
    unsafe {
        handle::create_from::<Router<'static>, _>(
            memory,
            router,
            || Ok((handle::NOTHING, Router::new(input(model, model_len)?)?)),
            |_, made| Ok(made),
        )
    }
}

/// Destroys a router and gives its block back; the model is the caller's. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_destroy(router: *mut nsw_router) {
    // SAFETY: NULL or a router, by the documentation above.
    unsafe { handle::destroy::<Router<'static>>(router) };
}

/// How many tasks it knows: `*count`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_tasks(
    router: *const nsw_router,
    count: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Router<'static>>(router, |r| put(count, r.tasks())) }
}

/// The name of a task: `*name`, which lies in the model, and its length in bytes; no zero is behind it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN for a task that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_name(
    router: *const nsw_router,
    task: u32,
    name: *mut *const c_char,
    name_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Router<'static>>(router, |r| {
            let found = r.name(task).ok_or(Error::TaskUnknown)?;
            structs::check_pointer(name_len)?;
            put(name, found.as_ptr().cast())?;
            put(name_len, found.len())
        })
    }
}

/// The confidence below which a text is out of scope: `*threshold`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_threshold(
    router: *const nsw_router,
    threshold: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Router<'static>>(router, |r| put(threshold, r.threshold())) }
}

/// Which task a text asks for: fills `*route`. Any bytes will do; letters outside ASCII are told apart but not made
/// small. Takes the time of some sums for each byte, and 2 KB of the stack.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for more than
/// NSW_ROUTE_MAX_TEXT bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_router_route(
    router: *const nsw_router,
    text: *const u8,
    text_len: usize,
    route: *mut nsw_route,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Router<'static>>(router, |r| {
            let found = r.route(input(text, text_len)?)?;
            let task = found.task.unwrap_or(NSW_ROUTE_NONE);
            let made = nsw_route { size: 0, task, best: found.best, confidence: found.confidence };
            structs::write(route, &made)
        })
    }
}

/// The caller's names.
///
/// # Safety
/// The array's names are good for `'a`.
pub(super) unsafe fn read_name<'a>(names: &Array<nsw_name>, index: usize) -> Result<&'a str> {
    let name = names.at(index)?;
    // SAFETY: the caller's word.
    unsafe { read_text(name.text, name.len as usize) }
}

/// The caller's pattern; what it points to has been looked at.
#[derive(Clone, Copy)]
struct CPattern {
    pattern: nsw_pattern,
    units: Array<nsw_unit>,
    names: Array<nsw_name>,
}

impl CPattern {
    /// # Safety
    /// What the pattern points to is what it should be, and stays.
    unsafe fn new(pattern: nsw_pattern) -> Result<CPattern> {
        if !(NSW_SLOT_NUMBER..=NSW_SLOT_IDENTIFIER).contains(&pattern.kind) {
            return Err(Error::Invalid);
        }
        // SAFETY: the caller's word.
        let this = unsafe {
            read_text(pattern.prefix, pattern.prefix_len)?;
            let units = Array::new(pattern.units, pattern.unit_count)?;
            CPattern { pattern, units, names: Array::new(pattern.names, pattern.name_count)? }
        };
        (0..pattern.unit_count).try_for_each(|i| this.unit(i).map(|_| ()))?;
        // SAFETY: the caller's word.
        (0..pattern.name_count)
            .try_for_each(|i| unsafe { read_name(&this.names, i) }.map(|_| ()))?;
        Ok(this)
    }

    /// Refuses outputs that lie in what it points to.
    fn beside(&self, outputs: &[Range<*const u8>]) -> Result<()> {
        let text = |text: &str| apart(outputs, &[bytes_of(text.as_bytes())]);
        apart(outputs, &[self.units.bytes(), self.names.bytes()])?;
        // SAFETY: the word of who made this.
        unsafe {
            text(read_text(self.pattern.prefix, self.pattern.prefix_len)?)?;
            (0..self.pattern.name_count).try_for_each(|i| text(read_name(&self.names, i)?))?;
        }
        (0..self.pattern.unit_count).try_for_each(|i| text(self.unit(i)?.name))
    }

    fn unit(&self, index: usize) -> Result<Unit<'_>> {
        let unit = self.units.at(index)?;
        // SAFETY: the word of who made this.
        let name = unsafe { read_text(unit.name, unit.name_len as usize) }?;
        Ok(Unit { name, factor: unit.factor })
    }

    /// As the core looks for it. What was looked at is good; if it has changed since, it ends there.
    fn wanted(
        &self,
    ) -> Wanted<'_, impl Iterator<Item = Unit<'_>> + Clone, impl Iterator<Item = &str> + Clone>
    {
        match self.pattern.kind {
            NSW_SLOT_NUMBER => {
                Wanted::Number((0..self.pattern.unit_count).map_while(|i| self.unit(i).ok()))
            }
            NSW_SLOT_NAME => Wanted::Name((0..self.pattern.name_count).map_while(|i| {
                // SAFETY: the word of who made this.
                unsafe { read_name(&self.names, i) }.ok()
            })),
            NSW_SLOT_COORDINATES => Wanted::Coordinates,
            NSW_SLOT_DURATION => Wanted::Duration,
            // SAFETY: the word of who made this.
            _ => Wanted::Identifier(
                unsafe { read_text(self.pattern.prefix, self.pattern.prefix_len) }
                    .unwrap_or_default(),
            ),
        }
    }
}

/// Fills a task's slots from a text: for each pattern in turn the first place where it fits and that no pattern before
/// it has taken. So what is more special (coordinates, durations, identifiers) is to come before plain numbers. A slot
/// that nothing fits is NSW_SLOT_EMPTY: nothing is guessed, and what may be a part of a number that is not read here
/// (`1 000 m`, `1/2 km`, `10-20 m`, `two point five km`) fits nothing. `*filled` (which may be NULL) is how many were
/// filled. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a kind that is none, a name that is no UTF-8, or
/// `slots` or `*filled` in a place that the text, the patterns or what they point to is in, or both in one;
/// NSW_ERR_LENGTH unless `slots_cap` is `pattern_count`, and for more than NSW_ROUTE_MAX_TEXT bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_route_fill(
    text: *const u8,
    text_len: usize,
    patterns: *const nsw_pattern,
    pattern_count: usize,
    slots: *mut nsw_slot,
    slots_cap: usize,
    filled: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let text = input(text, text_len)?;
        let mut filler = Filler::new(text)?;
        if slots_cap != pattern_count {
            return Err(Error::Length);
        }
        let patterns = Array::new(patterns, pattern_count)?;
        may_tell(filled)?;
        let places = Array::new(slots.cast_const(), slots_cap)?.bytes();
        let outputs = [places.clone(), bytes_at(filled)];
        apart(&outputs, &[bytes_of(text), patterns.bytes()])?;
        apart(&outputs[1..], &[places])?;
        for index in 0..pattern_count {
            CPattern::new(patterns.at(index)?)?.beside(&outputs)?;
        }
        let mut count = 0;
        let each = (0..pattern_count).map(|index| {
            let pattern = patterns.at(index).and_then(|pattern| CPattern::new(pattern)).ok();
            let found = pattern.and_then(|pattern| filler.slot(&pattern.wanted()));
            count += usize::from(found.is_some());
            nsw_slot::from(found)
        });
        structs::write_all(slots, slots_cap, each)?;
        tell(filled, count)
    })
}
