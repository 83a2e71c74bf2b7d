//! What every object behind a C handle has in front: a magic word that names
//! its type, a lock that finds overlapping calls, and where its memory goes.
//!
//! Object and header lie in one piece, the header first.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use super::catch;
use super::port::{Owner, nsw_allocator};
use super::slices::put;
use super::status::nsw_status;
use super::structs::check_pointer;
use super::{guarded, status};
use crate::error::{Error, Result};
use crate::mem::Piece;

/// A type that C has handles of.
pub trait Object: Sized {
    /// The opaque type of the header.
    type C;
    /// The magic word.
    const MAGIC: u32;

    /// Ends each call that may have changed the object, whose lock is still held: for hooks
    /// that are told.
    fn after(&mut self) {}
}

/// The magic word of what has been destroyed.
const DESTROYED: u32 = u32::from_le_bytes(*b"dead");

/// Values of the lock; those between are a number of readers.
const FREE: u32 = 0;
const POISONED: u32 = u32::MAX - 1;
const EXCLUSIVE: u32 = u32::MAX;

/// What is the same for all types, and compiled once.
#[repr(C)]
struct Header {
    magic: AtomicU32,
    lock: AtomicU32,
    owner: Owner,
    layout: Layout,
}

/// An object with its header.
#[repr(C)]
pub struct Handle<T> {
    header: Header,
    value: UnsafeCell<T>,
}

impl Header {
    /// The lock as it has to be after `change` of what it is now.
    fn change(&self, change: impl Fn(u32) -> Result<u32>) -> Result<()> {
        #[cfg(target_has_atomic = "32")]
        {
            let mut error = Error::Busy;
            self.lock
                .fetch_update(Ordering::Acquire, Ordering::Relaxed, |now| {
                    change(now).map_err(|e| error = e).ok()
                })
                .map_err(|_| error)?;
        }
        // One core without compare-and-swap: whatever interrupts us here puts
        // the lock back as it was before it returns.
        #[cfg(not(target_has_atomic = "32"))]
        self.lock.store(change(self.lock.load(Ordering::Acquire))?, Ordering::Release);
        Ok(())
    }

    fn lock_exclusive(&self) -> Result<()> {
        self.change(|now| match now {
            FREE => Ok(EXCLUSIVE),
            POISONED => Err(Error::Poisoned),
            _ => Err(Error::Busy),
        })
    }

    /// Ends a call that had the object to itself. While it has, nobody else
    /// changes the lock; so there is no need to look at it.
    fn unlock_exclusive(&self, panicked: bool) {
        self.lock.store(if panicked { POISONED } else { FREE }, Ordering::Release);
    }

    fn lock_shared(&self) -> Result<()> {
        self.change(|now| match now {
            POISONED => Err(Error::Poisoned),
            // One short of `POISONED`: as many readers as can be.
            EXCLUSIVE | 0xffff_fffd => Err(Error::Busy),
            readers => Ok(readers + 1),
        })
    }

    /// Ends the object, unless it is in use: whose its memory is.
    fn end(&self) -> Option<(Owner, Layout)> {
        if self.lock_exclusive() == Err(Error::Busy) {
            return None;
        }
        self.magic.store(DESTROYED, Ordering::Release);
        Some((self.owner, self.layout))
    }

    /// Ends a reader's call; a panic in it poisons the object.
    fn unlock_shared(&self, panicked: bool) {
        if panicked {
            self.lock.store(POISONED, Ordering::Release);
            return;
        }
        // Never an error: what was locked is unlocked.
        let _ = self.change(|now| match now {
            POISONED => Ok(POISONED),
            readers => Ok(readers - 1),
        });
    }
}

/// Whether a handle is of the type with this magic word.
///
/// # Safety
/// `handle` is NULL or points to memory that holds (or held) an object.
pub unsafe fn check(handle: *const AtomicU32, align: usize, magic: u32) -> Result<()> {
    check_pointer(handle)?;
    if !handle.addr().is_multiple_of(align) {
        return Err(Error::Alignment);
    }
    // SAFETY: aligned, not NULL, and the magic word is the first field.
    match unsafe { &*handle }.load(Ordering::Acquire) {
        word if word == magic => Ok(()),
        DESTROYED => Err(Error::Destroyed),
        _ => Err(Error::Handle),
    }
}

/// The object behind a handle, if it is one.
///
/// # Safety
/// As [`check`].
unsafe fn find<'a, T: Object>(handle: *const T::C) -> Result<&'a Handle<T>> {
    // SAFETY: the caller's word.
    unsafe { check(handle.cast(), align_of::<Handle<T>>(), T::MAGIC) }?;
    // SAFETY: aligned, and only `build` writes this word, over a whole object.
    Ok(unsafe { &*handle.cast::<Handle<T>>() })
}

/// Calls `f` with the object to itself.
///
/// # Safety
/// As [`find`].
pub unsafe fn with_mut<T: Object, R>(
    handle: *mut T::C,
    f: impl FnOnce(&mut T) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    let handle = unsafe { find::<T>(handle) }?;
    handle.header.lock_exclusive()?;
    let mut panicked = true;
    // SAFETY: the lock keeps every other call out.
    let result = catch(|| {
        let value = unsafe { &mut *handle.value.get() };
        let result = f(value);
        value.after();
        panicked = false;
        result
    });
    handle.header.unlock_exclusive(panicked);
    result
}

/// Calls `f` with the object, beside other such calls.
///
/// # Safety
/// As [`find`].
pub unsafe fn with_ref<T: Object, R>(
    handle: *const T::C,
    f: impl FnOnce(&T) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    let handle = unsafe { find::<T>(handle) }?;
    handle.header.lock_shared()?;
    let mut panicked = true;
    // SAFETY: the lock keeps calls that change it out.
    let result = catch(|| {
        let result = f(unsafe { &*handle.value.get() });
        panicked = false;
        result
    });
    handle.header.unlock_shared(panicked);
    result
}

/// An object that one call has to itself beside another object of its own: it is given back at
/// its end. If it is dropped instead, something panicked, and it is poisoned.
pub struct Locked<T: Object + 'static> {
    handle: &'static Handle<T>,
    done: bool,
}

impl<T: Object> Locked<T> {
    /// # Safety
    /// As [`find`]; and the object outlives this.
    pub unsafe fn take(handle: *mut T::C) -> Result<Locked<T>> {
        // SAFETY: the caller's word.
        let handle = unsafe { find::<T>(handle) }?;
        handle.header.lock_exclusive()?;
        Ok(Locked { handle, done: true })
    }

    /// The object. What is done with it from now on may panic.
    pub fn get(&mut self) -> &mut T {
        self.done = false;
        // SAFETY: the lock keeps every other call out.
        unsafe { &mut *self.handle.value.get() }
    }

    /// Ends it well.
    pub fn give_back(mut self) {
        self.get().after();
        self.done = true;
    }
}

impl<T: Object> Drop for Locked<T> {
    fn drop(&mut self) {
        self.handle.header.unlock_exclusive(!self.done);
    }
}

/// The layout of an object with its header, and where the object's own piece
/// begins.
fn whole<T>(own: Layout) -> Result<(Layout, usize)> {
    extend(Layout::new::<Handle<T>>(), own)
}

fn extend(header: Layout, own: Layout) -> Result<(Layout, usize)> {
    header.extend(own).map_err(|_| Error::Overflow)
}

/// What an object asks for that has no memory of its own beside it.
pub const NOTHING: Layout = Layout::new::<()>();

/// Tells C the footprint of an object.
///
/// # Safety
/// `size` and `align` are NULL or writable.
pub unsafe fn footprint<T: Object>(
    size: *mut usize,
    align: *mut usize,
    own: impl FnOnce() -> Result<Layout>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe { tell_layout(size, align, || Ok(whole::<T>(own()?)?.0)) }
}

/// Tells C the size and the alignment of some memory.
///
/// # Safety
/// `size` and `align` are NULL or writable.
pub unsafe fn tell_layout(
    size: *mut usize,
    align: *mut usize,
    layout: impl FnOnce() -> Result<Layout>,
) -> nsw_status {
    guarded(|| {
        check_pointer(size)?;
        check_pointer(align)?;
        let layout = layout()?;
        // SAFETY: the caller's word.
        unsafe { put(size, layout.size()).and_then(|()| put(align, layout.align())) }
    })
}

/// Makes an object in one piece of `memory` and hands out its handle; on any
/// error `*out` is NULL and the piece goes back.
///
/// # Safety
/// `memory` is NULL or a hook table; `out` is NULL or writable; what `own` and
/// `make` rely on holds.
pub unsafe fn create<T: Object>(
    memory: *const nsw_allocator,
    out: *mut *mut T::C,
    own: impl FnOnce() -> Result<Layout>,
    make: impl FnOnce(Piece<'static>) -> Result<T>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe { create_from::<T, ()>(memory, out, || Ok((own()?, ())), |piece, ()| make(piece)) }
}

/// [`create`] from something that `own` checks for the layout and `make` uses,
/// so that it is checked once.
///
/// # Safety
/// As [`create`].
pub unsafe fn create_from<T: Object, S>(
    memory: *const nsw_allocator,
    out: *mut *mut T::C,
    own: impl FnOnce() -> Result<(Layout, S)>,
    make: impl FnOnce(Piece<'static>, S) -> Result<T>,
) -> nsw_status {
    guarded(|| {
        // SAFETY: the caller's word.
        let owner = unsafe { begin(memory, out.cast()) }?;
        let (own, source) = own()?;
        let (layout, _) = whole::<T>(own)?;
        let block = owner.allocate(layout)?;
        // SAFETY: the block has this layout and is nobody else's.
        match catch(|| unsafe { build(block, layout, own, owner, |piece| make(piece, source)) }) {
            // SAFETY: the caller's word.
            Ok(handle) => unsafe { put(out, handle) },
            Err(error) => {
                // SAFETY: the block came from this owner, and nothing is in it.
                unsafe { owner.free(block, layout) };
                Err(error)
            }
        }
    })
}

/// What every creation begins with.
///
/// # Safety
/// `memory` is NULL or a hook table; `out` is NULL or writable.
unsafe fn begin(memory: *const nsw_allocator, out: *mut *mut u8) -> Result<Owner> {
    // SAFETY: the caller's word.
    unsafe {
        put(out, core::ptr::null_mut())?;
        Owner::new(memory)
    }
}

/// Makes an object over a block of its [`whole`] layout.
///
/// # Safety
/// The block has that layout and is nobody else's.
pub unsafe fn build<T: Object>(
    block: NonNull<u8>,
    layout: Layout,
    own: Layout,
    owner: Owner,
    make: impl FnOnce(Piece<'static>) -> Result<T>,
) -> Result<*mut T::C> {
    let (_, start) = whole::<T>(own)?;
    // SAFETY: the object's own piece lies inside the block, behind the header.
    let piece = unsafe { Piece::from_raw(block.add(start), own) };
    let value = make(piece)?;
    let handle = block.cast::<Handle<T>>();
    // SAFETY: the header's place inside the block, aligned.
    unsafe {
        handle.cast::<Header>().write(Header {
            magic: AtomicU32::new(T::MAGIC),
            lock: AtomicU32::new(FREE),
            owner,
            layout,
        });
        (&raw mut (*handle.as_ptr()).value).write(UnsafeCell::new(value));
    }
    Ok(handle.as_ptr().cast())
}

/// Destroys an object and gives its memory back. What is not a live object, or
/// is in the middle of another call, is left alone.
///
/// # Safety
/// As [`find`].
pub unsafe fn destroy<T: Object>(handle: *mut T::C) {
    // SAFETY: the caller's word.
    let Ok(found) = (unsafe { find::<T>(handle) }) else { return };
    let Some((owner, layout)) = found.header.end() else { return };
    let _ = catch(|| {
        // SAFETY: nobody else has it any more, and nobody finds it.
        unsafe { core::ptr::drop_in_place(found.value.get()) };
        Ok(())
    });
    if let Some(block) = NonNull::new(handle.cast::<u8>()) {
        // SAFETY: the block came from this owner with this layout.
        unsafe { owner.free(block, layout) };
    }
}

/// [`destroy`] of an object whose last readers are on their way out.
///
/// # Safety
/// As [`find`]; and nobody begins another call.
#[cfg(all(feature = "std", unix))]
pub unsafe fn destroy_when_free<T: Object>(handle: *mut T::C) {
    // SAFETY: the caller's word.
    while let Ok(found) = unsafe { find::<T>(handle) } {
        if found.header.lock_exclusive() != Err(Error::Busy) {
            found.header.unlock_exclusive(false);
            // SAFETY: the caller's word.
            return unsafe { destroy::<T>(handle) };
        }
        std::thread::yield_now();
    }
}

/// The status of a call on an object.
///
/// # Safety
/// As [`find`].
pub unsafe fn call_mut<T: Object>(
    handle: *mut T::C,
    f: impl FnOnce(&mut T) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    status(unsafe { with_mut::<T, ()>(handle, f) })
}

/// The status of a call that changes nothing on an object.
///
/// # Safety
/// As [`find`].
pub unsafe fn call_ref<T: Object>(
    handle: *const T::C,
    f: impl FnOnce(&T) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    status(unsafe { with_ref::<T, ()>(handle, f) })
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    struct Number(u32);
    #[repr(C)]
    struct number;
    impl Object for Number {
        type C = number;
        const MAGIC: u32 = 0x1234_5678;
    }

    fn number_seven() -> *mut number {
        let mut out = core::ptr::null_mut();
        // SAFETY: the heap, and a place on the stack.
        let status = unsafe {
            create::<Number>(core::ptr::null(), &mut out, || Ok(NOTHING), |_| Ok(Number(7)))
        };
        assert_eq!(status, 0);
        out
    }

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_object() {
        let n = number_seven();
        // SAFETY: a live object.
        unsafe {
            assert_eq!(call_mut::<Number>(n, |_| panic!("on purpose")), Error::Panic.code());
            assert_eq!(call_mut::<Number>(n, |_| Ok(())), Error::Poisoned.code());
            assert_eq!(call_ref::<Number>(n, |_| Ok(())), Error::Poisoned.code());
            destroy::<Number>(n);
        }
    }

    #[test]
    fn a_panic_while_making_gives_the_memory_back() {
        let mut out = core::ptr::null_mut();
        // SAFETY: the heap, and a place on the stack.
        let status = unsafe {
            create::<Number>(
                core::ptr::null(),
                &mut out,
                || Ok(Layout::new::<u64>()),
                |_| panic!("on purpose"),
            )
        };
        assert_eq!((status, out.is_null()), (Error::Panic.code(), true));
    }

    #[test]
    fn overlapping_calls_are_found() {
        let n = number_seven();
        // SAFETY: a live object.
        unsafe {
            let inner_of_mut = with_mut::<Number, _>(n, |_| {
                destroy::<Number>(n);
                Ok((call_mut::<Number>(n, |_| Ok(())), call_ref::<Number>(n, |_| Ok(()))))
            });
            assert_eq!(inner_of_mut, Ok((Error::Busy.code(), Error::Busy.code())));
            let inner_of_ref = with_ref::<Number, _>(n, |_| {
                Ok((call_mut::<Number>(n, |_| Ok(())), call_ref::<Number>(n, |_| Ok(()))))
            });
            assert_eq!(inner_of_ref, Ok((Error::Busy.code(), 0)));
            assert_eq!(with_mut::<Number, _>(n, |n| Ok(n.0)), Ok(7));
            destroy::<Number>(n);
        }
    }
}
