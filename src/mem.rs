//! Memory that is asked for once: pieces, the arena, and the carving of typed
//! slices out of a piece.
//!
//! An object measures what it needs with a [`Carver`] that has no memory behind
//! it, takes one [`Piece`] of that [`Layout`], and runs the same carving again
//! over the piece. So the footprint that is promised and the memory that is
//! used cannot differ.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::error::{Error, Result};
use crate::port::Allocator;

/// One piece of memory that an object lives in, given back when dropped.
pub struct Piece<'m> {
    start: NonNull<u8>,
    layout: Layout,
    release: Release<'m>,
}

/// Where a piece goes when it is no longer needed.
enum Release<'m> {
    /// Nowhere: it was lent.
    Lent(PhantomData<&'m mut [MaybeUninit<u8>]>),
    /// Back to the global allocator.
    #[cfg(feature = "alloc")]
    Heap,
}

// SAFETY: a piece is the only way to its memory, as a Box or an exclusive
// slice is, and the global allocator takes it back on any thread.
unsafe impl Send for Piece<'_> {}
// SAFETY: a shared piece gives no access to its memory.
unsafe impl Sync for Piece<'_> {}

impl<'m> Piece<'m> {
    /// A piece over memory that the caller lends. Its alignment is whatever
    /// the slice happens to have.
    pub fn lent(memory: &'m mut [MaybeUninit<u8>]) -> Piece<'m> {
        let start = NonNull::from(&mut *memory).cast::<u8>();
        let align = 1usize << (start.as_ptr() as usize).trailing_zeros().min(12);
        let layout = Layout::from_size_align(memory.len(), align).unwrap_or(Layout::new::<()>());
        Piece { start, layout, release: Release::Lent(PhantomData) }
    }

    /// A piece over raw memory, which is not given back when dropped.
    ///
    /// # Safety
    /// `start` must be valid for reads and writes of `layout` and belong to
    /// nobody else for `'m`.
    pub(crate) unsafe fn from_raw(start: NonNull<u8>, layout: Layout) -> Piece<'m> {
        Piece { start, layout, release: Release::Lent(PhantomData) }
    }

    /// A piece from the global allocator.
    #[cfg(feature = "alloc")]
    pub(crate) fn from_heap(layout: Layout) -> Result<Piece<'m>> {
        // A zero-sized request is not allowed there.
        let layout = Layout::from_size_align(layout.size().max(1), layout.align())
            .map_err(|_| Error::Overflow)?;
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc::alloc::alloc(layout) });
        let start = start.ok_or(Error::OutOfMemory)?;
        Ok(Piece { start, layout, release: Release::Heap })
    }

    /// Size and alignment.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The same memory for a while, for something that lives no longer.
    pub(crate) fn lend(&mut self) -> Piece<'_> {
        let (start, layout) = (self.start, self.layout);
        Piece { start, layout, release: Release::Lent(PhantomData) }
    }

    /// A carver over the whole piece, provided it satisfies `needed`.
    pub(crate) fn carver(&mut self, needed: Layout) -> Result<Carver<'m>> {
        if self.layout.size() < needed.size() {
            return Err(Error::OutOfMemory);
        }
        if !(self.start.as_ptr() as usize).is_multiple_of(needed.align()) {
            return Err(Error::Allocator);
        }
        Ok(Carver { start: Some(self.start), capacity: self.layout.size(), ..Carver::measure() })
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        match self.release {
            Release::Lent(_) => {}
            #[cfg(feature = "alloc")]
            // SAFETY: the block came from this allocator with this layout.
            Release::Heap => unsafe { alloc::alloc::dealloc(self.start.as_ptr(), self.layout) },
        }
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;
/// From how many bytes on a slice begins at a cache line, where there are caches.
const LARGE: usize = 4096;

/// The next multiple of a power of two, without a division.
fn up(from: usize, align: usize) -> Option<usize> {
    Some(from.checked_add(align - 1)? & !(align - 1))
}

/// Cuts typed slices from a piece, in the order asked; or, with no piece
/// behind it, only measures them.
///
/// Crate-private rule that makes this sound: a [`Carved`] is kept in the same
/// struct as the [`Piece`] that it was cut from, and never leaves it.
pub(crate) struct Carver<'m> {
    start: Option<NonNull<u8>>,
    capacity: usize,
    used: usize,
    align: usize,
    memory: PhantomData<&'m mut [u8]>,
}

impl<'m> Carver<'m> {
    /// A carver that measures: the slices that it hands out are empty.
    pub fn measure() -> Carver<'m> {
        Carver { start: None, capacity: 0, used: 0, align: 1, memory: PhantomData }
    }

    /// `len` elements, each set to `value`.
    pub fn take<T: Copy>(&mut self, len: usize, value: T) -> Result<Carved<'m, T>> {
        self.take_with(len, || value)
    }

    /// `len` elements, each made by `make`. They are never dropped.
    pub fn take_with<T>(&mut self, len: usize, make: impl Fn() -> T) -> Result<Carved<'m, T>> {
        const { assert!(!core::mem::needs_drop::<T>()) };
        Ok(match self.reserve(len, Layout::new::<T>())? {
            None => Carved::default(),
            Some(place) => {
                let start = place.cast::<T>();
                // SAFETY: the place is for that many, aligned, and nobody else's.
                (0..len).for_each(|i| unsafe { start.add(i).write(make()) });
                Carved { start, len, memory: PhantomData }
            }
        })
    }

    /// A piece for an object inside of this one; `None` where there is only measured. As with slices, it is kept
    /// in the same struct as the piece that it was cut from. [`Error::OutOfMemory`] if the room is used up,
    /// [`Error::Overflow`] for more than this machine has.
    pub fn piece(&mut self, layout: Layout) -> Result<Option<Piece<'m>>> {
        let place = self.reserve(1, layout)?;
        // SAFETY: the place is of that layout, and nobody else's.
        Ok(place.map(|start| unsafe { Piece::from_raw(start, layout) }))
    }

    /// Room for `len` elements, whatever lies there.
    fn take_uninit<T>(&mut self, len: usize) -> Result<Carved<'m, MaybeUninit<T>>> {
        const { assert!(!core::mem::needs_drop::<T>()) };
        Ok(match self.reserve(len, Layout::new::<T>())? {
            None => Carved::default(),
            // The place is for that many, aligned, and nobody else's; and nothing needs to be written
            // to it for a `MaybeUninit`.
            Some(place) => Carved { start: place.cast(), len, memory: PhantomData },
        })
    }

    /// The place of `len` elements, if there is a piece.
    fn reserve(&mut self, len: usize, element: Layout) -> Result<Option<NonNull<u8>>> {
        let size = element.size().checked_mul(len).ok_or(Error::Overflow)?;
        // Vector loads that cross a cache line cost twice.
        let lines = cfg!(target_pointer_width = "64") && size >= LARGE;
        let align = if lines { element.align().max(LINE) } else { element.align() };
        let from = up(self.used, align).ok_or(Error::Overflow)?;
        let to = from.checked_add(size).ok_or(Error::Overflow)?;
        // Layout's own bound: a footprint must be a possible allocation.
        if to > isize::MAX as usize - 4096 {
            return Err(Error::Overflow);
        }
        let place = match self.start {
            None => None,
            Some(_) if to > self.capacity => return Err(Error::OutOfMemory),
            // SAFETY: `from..to` lies inside the piece (checked above), no
            // other slice covers it, and the piece's start satisfies the
            // alignment of the layout measured before.
            Some(start) => Some(unsafe { start.add(from) }),
        };
        self.used = to;
        self.align = self.align.max(align);
        Ok(place)
    }

    /// What carving like this needs. The errors are those of `carve`, and [`Error::Overflow`].
    pub fn layout_of<T>(carve: impl FnOnce(&mut Carver<'m>) -> Result<T>) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(&mut carver)?;
        carver.layout()
    }

    /// What has been taken so far, as one layout.
    pub fn layout(&self) -> Result<Layout> {
        Layout::from_size_align(self.used, self.align).map_err(|_| Error::Overflow)
    }
}

/// A slice cut from a piece.
pub(crate) struct Carved<'m, T> {
    start: NonNull<T>,
    len: usize,
    memory: PhantomData<&'m mut [T]>,
}

impl<T> Default for Carved<'_, T> {
    /// Of nothing.
    fn default() -> Self {
        Carved { start: NonNull::dangling(), len: 0, memory: PhantomData }
    }
}

// SAFETY: as for the exclusive slice that it stands for.
unsafe impl<T: Send> Send for Carved<'_, T> {}
// SAFETY: as for the exclusive slice that it stands for.
unsafe impl<T: Sync> Sync for Carved<'_, T> {}

impl<T> Deref for Carved<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the carver initialised all of it, and nobody else has it.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Carved<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// A slice cut from a piece that is initialised from the front, as far as it is needed: so a large
/// piece costs nothing until it is used. Reads as the part that is initialised.
pub(crate) struct Lazy<'m, T> {
    slots: Carved<'m, MaybeUninit<T>>,
    len: usize,
}

impl<'m, T: Copy> Lazy<'m, T> {
    /// Room for `capacity` elements.
    pub fn new(carver: &mut Carver<'m>, capacity: usize) -> Result<Lazy<'m, T>> {
        Ok(Lazy { slots: carver.take_uninit(capacity)?, len: 0 })
    }

    /// How many elements there may be.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Makes it at least `len` long; what is new is `value`. [`Error::OutOfMemory`] if it cannot be.
    pub fn ensure(&mut self, len: usize, value: T) -> Result<()> {
        if len > self.len {
            let new = self.slots.get_mut(self.len..len).ok_or(Error::OutOfMemory)?;
            new.fill(MaybeUninit::new(value));
            self.len = len;
        }
        Ok(())
    }
}

impl<T> Deref for Lazy<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` slots, of at least as many, were initialised by `ensure`.
        unsafe { core::slice::from_raw_parts(self.slots.as_ptr().cast(), self.len) }
    }
}

impl<T> DerefMut for Lazy<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.slots.as_mut_ptr().cast(), self.len) }
    }
}

/// Numbers of an object: its own, or somebody's that it reads in place.
pub(crate) enum Held<'m, T> {
    Own(Carved<'m, T>),
    InPlace(&'m [T]),
}

impl<T> Held<'_, T> {
    /// Its own numbers, to write.
    pub fn own(&mut self) -> Result<&mut [T]> {
        match self {
            Held::Own(own) => Ok(own),
            Held::InPlace(_) => Err(Error::ReadOnly),
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Held::Own(own) => own,
            Held::InPlace(lent) => lent,
        }
    }
}

/// Something that one thread at most takes, once.
pub(crate) struct Share<T> {
    taken: Flag,
    value: core::cell::UnsafeCell<T>,
}

// SAFETY: the flag lets one thread alone at the value.
unsafe impl<T: Send> Sync for Share<T> {}

impl<T> Share<T> {
    pub fn new(value: T) -> Share<T> {
        Share { taken: Flag::new(false), value: core::cell::UnsafeCell::new(value) }
    }

    /// The value, for the first that asks.
    #[allow(clippy::mut_from_ref)] // once only
    pub fn take(&self) -> Option<&mut T> {
        // SAFETY: only the first to raise the flag gets here, and it never
        // falls again.
        raise(&self.taken).then(|| unsafe { &mut *self.value.get() })
    }
}

type Flag = core::sync::atomic::AtomicBool;

/// Raises a flag; says whether it was down.
#[cfg(target_has_atomic = "8")]
fn raise(flag: &Flag) -> bool {
    !flag.swap(true, core::sync::atomic::Ordering::AcqRel)
}

/// Without compare-and-swap there is one core; an interrupt in between that
/// takes the same share is not a thread's doing.
#[cfg(not(target_has_atomic = "8"))]
fn raise(flag: &Flag) -> bool {
    use core::sync::atomic::Ordering;
    let was = flag.load(Ordering::Acquire);
    flag.store(true, Ordering::Release);
    !was
}

/// How full an arena is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In use now, with the padding that alignment cost.
    pub used: usize,
    /// The most that was ever in use.
    pub high_water: usize,
    /// All there is.
    pub capacity: usize,
}

/// An allocator over one buffer: how a program runs without a heap.
///
/// It hands out memory from front to back. Objects that live in it borrow it and
/// may move to other threads; when they are gone, [`reset`](Arena::reset) makes
/// the whole buffer free again. (The C arena, which knows when a block is given
/// back, also takes back the last one at once.)
pub struct Arena<'m> {
    start: NonNull<u8>,
    capacity: usize,
    used: Cell<usize>,
    high_water: Cell<usize>,
    live: Cell<usize>,
    memory: PhantomData<&'m mut [MaybeUninit<u8>]>,
}

impl<'m> Arena<'m> {
    /// An arena over `buffer`.
    pub fn new(buffer: &'m mut [MaybeUninit<u8>]) -> Arena<'m> {
        let start = NonNull::from(&mut *buffer).cast::<u8>();
        // SAFETY: exactly the buffer, which is lent for `'m`.
        unsafe { Arena::from_raw(start, buffer.len()) }
    }

    /// An arena over raw memory.
    ///
    /// # Safety
    /// `start` must be valid for reads and writes of `capacity` bytes and
    /// belong to nobody else for `'m`.
    pub(crate) unsafe fn from_raw(start: NonNull<u8>, capacity: usize) -> Arena<'m> {
        Arena {
            start,
            capacity,
            used: Cell::new(0),
            high_water: Cell::new(0),
            live: Cell::new(0),
            memory: PhantomData,
        }
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        Usage { used: self.used.get(), high_water: self.high_water.get(), capacity: self.capacity }
    }

    /// Makes the whole buffer free again. Nothing lives in it any more, or it
    /// could not be borrowed for this.
    pub fn reset(&mut self) {
        self.used.set(0);
        self.live.set(0);
    }

    /// A block of `layout`, or `None` when there is no room.
    pub(crate) fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        let base = self.start.as_ptr() as usize;
        let free = base.checked_add(self.used.get())?;
        let from = up(free, layout.align())? - base;
        let to = from.checked_add(layout.size())?;
        if to > self.capacity {
            return None;
        }
        self.used.set(to);
        self.live.set(self.live.get() + 1);
        self.high_water.set(self.high_water.get().max(to));
        // SAFETY: `from <= to <= capacity`, so inside the buffer.
        Some(unsafe { self.start.add(from) })
    }

    /// Takes a block back. A block that is not from this arena is ignored.
    pub(crate) fn give_back(&self, block: NonNull<u8>, layout: Layout) {
        let from = (block.as_ptr() as usize).wrapping_sub(self.start.as_ptr() as usize);
        if from > self.capacity || layout.size() > self.capacity - from || self.live.get() == 0 {
            return;
        }
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.used.set(0);
        } else if from + layout.size() == self.used.get() {
            self.used.set(from);
        }
    }
}

impl<'m> Allocator<'m> for &'m Arena<'m> {
    fn allocate(&self, layout: Layout) -> Result<Piece<'m>> {
        let start = self.take(layout).ok_or(Error::OutOfMemory)?;
        // SAFETY: handed out once, from the buffer that the arena has for 'm.
        Ok(unsafe { Piece::from_raw(start, layout) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn carve_some<'m>(carver: &mut Carver<'m>) -> Result<(Carved<'m, u8>, Carved<'m, u64>)> {
        Ok((carver.take(3, 7u8)?, carver.take(5, 9u64)?))
    }

    #[test]
    fn what_is_measured_is_what_is_carved() {
        let mut measure = Carver::measure();
        carve_some(&mut measure).unwrap();
        let layout = measure.layout().unwrap();
        assert_eq!((layout.size(), layout.align()), (48, 8));

        let mut memory = [MaybeUninit::uninit(); 256];
        let arena = Arena::new(&mut memory);
        let allocator = &arena;
        let mut piece = allocator.allocate(layout).unwrap();
        let mut carver = piece.carver(layout).unwrap();
        let (mut a, b) = carve_some(&mut carver).unwrap();
        a[0] = 1;
        assert_eq!((&*a, &*b), (&[1u8, 7, 7][..], &[9u64; 5][..]));
        assert_eq!(carver.take(1, 0u8).err(), Some(Error::OutOfMemory));
    }

    #[test]
    fn lazy_slices_grow_as_far_as_their_room() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let mut piece = Piece::lent(&mut memory[..]);
        let mut carver = piece.carver(Layout::from_size_align(64, 1).unwrap()).unwrap();
        let mut lazy = Lazy::<u8>::new(&mut carver, 10).unwrap();
        assert_eq!((lazy.len(), lazy.capacity()), (0, 10));
        lazy.ensure(3, 7).unwrap();
        lazy[1] = 1;
        lazy.ensure(2, 9).unwrap();
        lazy.ensure(5, 9).unwrap();
        assert_eq!(&*lazy, [7, 1, 7, 9, 9]);
        assert_eq!(lazy.ensure(11, 0), Err(Error::OutOfMemory));
        assert_eq!(lazy.len(), 5);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let mut carver = Carver::measure();
        assert_eq!(carver.take(usize::MAX, 0u32).err(), Some(Error::Overflow));
        assert_eq!(carver.take(isize::MAX as usize - 1, 0u8).err(), Some(Error::Overflow));
        carver.take(isize::MAX as usize - 8192, 0u8).unwrap();
        assert_eq!(carver.take(isize::MAX as usize - 8192, 0u8).err(), Some(Error::Overflow));
    }

    #[test]
    fn lent_piece_that_does_not_fit_is_refused() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let whole = Layout::from_size_align(65, 1).unwrap();
        assert_eq!(Piece::lent(&mut memory).carver(whole).err(), Some(Error::OutOfMemory));
        let odd = memory.as_ptr() as usize % 2;
        let word = Layout::new::<u16>();
        assert_eq!(Piece::lent(&mut memory[1 - odd..]).carver(word).err(), Some(Error::Allocator));
    }

    proptest! {
        // A model of the arena: blocks never overlap, are aligned and inside,
        // and an emptied arena has all its room back.
        #[test]
        fn arena_blocks_are_apart_and_aligned(
            steps in prop::collection::vec((any::<bool>(), 1usize..40, 0u32..6), 1..60),
            skew in 0usize..8,
        ) {
            let mut memory = [MaybeUninit::uninit(); 512];
            let arena = Arena::new(&mut memory[skew..]);
            let low = arena.start.as_ptr() as usize;
            let high = low + arena.capacity;
            let mut live: std::vec::Vec<(NonNull<u8>, Layout)> = std::vec::Vec::new();
            for (give, size, align) in steps {
                let layout = Layout::from_size_align(size, 1 << align).unwrap();
                if give && !live.is_empty() {
                    let (block, layout) = live.remove(size % live.len());
                    arena.give_back(block, layout);
                } else if let Some(block) = arena.take(layout) {
                    let from = block.as_ptr() as usize;
                    prop_assert_eq!(from % (1 << align), 0);
                    prop_assert!(low <= from && from + size <= high);
                    for (other, layout) in &live {
                        let start = other.as_ptr() as usize;
                        prop_assert!(from + size <= start || start + layout.size() <= from);
                    }
                    live.push((block, layout));
                }
                let usage = arena.usage();
                prop_assert!(usage.used <= usage.high_water && usage.high_water <= usage.capacity);
            }
            for (block, layout) in live.drain(..) {
                arena.give_back(block, layout);
            }
            prop_assert_eq!(arena.usage().used, 0);
            prop_assert!(arena.take(Layout::from_size_align(arena.capacity, 1).unwrap()).is_some());
        }
    }

    #[test]
    fn a_reset_arena_is_free_again() {
        let mut memory = [MaybeUninit::uninit(); 64];
        let mut arena = Arena::new(&mut memory);
        let layout = Layout::from_size_align(40, 1).unwrap();
        for _ in 0..3 {
            let allocator = &arena;
            let piece = allocator.allocate(layout).unwrap();
            assert_eq!(allocator.allocate(layout).err(), Some(Error::OutOfMemory));
            drop(piece);
            arena.reset();
            assert_eq!(arena.usage(), Usage { used: 0, high_water: 40, capacity: 64 });
        }
    }
}
