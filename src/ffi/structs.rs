//! Structs that begin with their own size, so that they can grow.
//!
//! The caller's `size` says how much of the struct its header knew. What it
//! did not know is zero, and zero means the default in every field. What a
//! newer caller knows and this library does not must be zero: it cannot do
//! what it does not know.

use crate::error::{Error, Result};

/// The most that any version of a struct could need; a larger `size` is
/// garbage.
const MOST: usize = 4096;

/// A struct of the C ABI.
///
/// # Safety
/// `repr(C)`, the first field is the `u32` size, and all zeros is a value.
pub unsafe trait Versioned: Copy {
    /// Bytes that every caller has: up to the last field without a default.
    const LEAST: usize;
}

/// Whether a struct of the usual length is copied without looking further: a few
/// nanoseconds less, and its own instructions in each function.
const SHORTCUT: bool = !cfg!(feature = "small-code");

/// The caller's struct, as one of this version.
///
/// # Safety
/// `from` is NULL, or readable for as many bytes as its first field says.
pub unsafe fn read<T: Versioned>(from: *const T) -> Result<T> {
    // SAFETY: the caller's word.
    let size = unsafe { size_at(from.cast(), align_of::<T>(), T::LEAST) }?;
    if SHORTCUT && size == size_of::<T>() {
        // SAFETY: aligned, not NULL, as long as ours; any fields make a value.
        return Ok(unsafe { from.read() });
    }
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the caller's struct has `size` bytes; zeros and the caller's fields
    // make a value (trait).
    unsafe {
        read_known(from.cast(), size, value.as_mut_ptr().cast(), size_of::<T>())?;
        Ok(value.assume_init())
    }
}

/// The size that the caller's struct says it has.
///
/// # Safety
/// `from` is NULL, or readable for four bytes.
unsafe fn size_at(from: *const u32, align: usize, least: usize) -> Result<usize> {
    if from.is_null() {
        return Err(Error::Null);
    }
    if !from.addr().is_multiple_of(align) {
        return Err(Error::Alignment);
    }
    // SAFETY: aligned, not NULL, and the first field is always there.
    let size = unsafe { from.read() } as usize;
    if (least..=MOST).contains(&size) { Ok(size) } else { Err(Error::StructSize) }
}

/// Copies what both know of a struct; what only the caller knows must be zero.
///
/// # Safety
/// `from` has `size` bytes, `to` has `ours`, and they do not overlap.
unsafe fn read_known(from: *const u8, size: usize, to: *mut u8, ours: usize) -> Result<()> {
    let known = size.min(ours);
    // SAFETY: the caller's word.
    unsafe {
        let beyond = core::slice::from_raw_parts(from.add(known), size - known);
        if beyond.iter().any(|byte| *byte != 0) {
            return Err(Error::StructSize);
        }
        core::ptr::copy_nonoverlapping(from, to, known);
    }
    Ok(())
}

/// Writes as much of the struct as the caller knows; its `size` stays.
///
/// # Safety
/// `to` is NULL, or writable for as many bytes as its first field says.
pub unsafe fn write<T: Versioned>(to: *mut T, value: &T) -> Result<()> {
    // SAFETY: the caller's word.
    let size = unsafe { size_at(to.cast(), align_of::<T>(), T::LEAST) }?;
    if SHORTCUT && size >= size_of::<T>() {
        // SAFETY: aligned, not NULL, at least as long as ours.
        unsafe {
            to.write(*value);
            to.cast::<u32>().write(size as u32);
        }
        return Ok(());
    }
    let after = size_of::<u32>();
    let bytes = size.min(size_of::<T>()) - after;
    // SAFETY: both have that many bytes after the size.
    unsafe {
        let from = core::ptr::from_ref(value).cast::<u8>().add(after);
        core::ptr::copy_nonoverlapping(from, to.cast::<u8>().add(after), bytes);
    }
    Ok(())
}

/// Whether [`write`] would take the caller's struct: for what must not be taken out of an
/// object in vain.
///
/// # Safety
/// `to` is NULL, or readable for four bytes.
pub unsafe fn check<T: Versioned>(to: *const T) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe { size_at(to.cast(), align_of::<T>(), T::LEAST) }.map(|_| ())
}

/// Fills the caller's struct with what there is, if anything: whether there was. It is looked for only if the struct can
/// take it.
///
/// # Safety
/// As [`write`].
pub unsafe fn fill<T: Versioned>(
    to: *mut T,
    find: impl FnOnce() -> Result<Option<T>>,
) -> Result<bool> {
    // SAFETY: the caller's word.
    unsafe { check(to) }?;
    let Some(found) = find()? else { return Ok(false) };
    // SAFETY: the caller's word.
    unsafe { write(to, &found) }.map(|()| true)
}

/// The caller's array of structs, which lie as far apart as the first one's `size` says.
#[derive(Clone, Copy)]
pub struct Array<T> {
    first: *const T,
    count: usize,
    stride: usize,
}

impl<T: Versioned> Array<T> {
    /// An array, whose elements are looked at when they are read.
    ///
    /// # Safety
    /// `first` is NULL, or an array of `count` elements that stays valid.
    pub unsafe fn new(first: *const T, count: usize) -> Result<Array<T>> {
        if count == 0 {
            return Ok(Array { first, count, stride: 0 });
        }
        // SAFETY: the caller's word.
        let stride = unsafe { size_at(first.cast(), align_of::<T>(), T::LEAST) }?;
        if !stride.is_multiple_of(align_of::<T>()) {
            return Err(Error::StructSize);
        }
        if count.checked_mul(stride).is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(Error::Overflow);
        }
        Ok(Array { first, count, stride })
    }

    /// The bytes that it lies in.
    pub fn bytes(&self) -> core::ops::Range<*const u8> {
        let first = self.first.cast::<u8>();
        first..first.wrapping_add(self.count * self.stride)
    }

    /// The element at a place.
    pub fn at(&self, index: usize) -> Result<T> {
        if index >= self.count {
            return Err(Error::Invalid);
        }
        // SAFETY: in the array, by the word of who made this.
        unsafe {
            let element = self.first.byte_add(index * self.stride);
            if element.cast::<u32>().read() as usize != self.stride {
                return Err(Error::StructSize);
            }
            read(element)
        }
    }
}

/// Writes to the first elements of the caller's array, which lie as far apart
/// as the first one's `size` says; gives each that size. Returns how many were
/// written: as many as there are values and places.
///
/// # Safety
/// `to` is NULL, or writable for `capacity` such elements.
pub unsafe fn write_all<T: Versioned>(
    to: *mut T,
    capacity: usize,
    values: impl Iterator<Item = T>,
) -> Result<usize> {
    if capacity == 0 {
        return Ok(0);
    }
    check_pointer(to)?;
    // SAFETY: aligned, not NULL, and the first field is always there.
    let size = unsafe { to.cast::<u32>().read() };
    let stride = size as usize;
    if !(T::LEAST..=MOST).contains(&stride) || !stride.is_multiple_of(align_of::<T>()) {
        return Err(Error::StructSize);
    }
    if capacity.checked_mul(stride).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Error::Overflow);
    }
    let mut written = 0;
    for value in values.take(capacity) {
        // SAFETY: below the capacity, and the caller's word.
        unsafe {
            let to = to.byte_add(written * stride);
            to.cast::<u32>().write(size);
            write(to, &value)?;
        }
        written += 1;
    }
    Ok(written)
}

/// A number of a configuration, of which 0 means the default.
pub trait Setting: Copy {
    /// The caller's, or the default.
    fn or(self, default: Self) -> Self;
}

macro_rules! whole {
    ($($number:ty),*) => {$(
        impl Setting for $number {
            fn or(self, default: Self) -> Self {
                if self == 0 { default } else { self }
            }
        }
    )*};
}
whole!(u32, u64, usize);

// NSW_ZERO, a negative zero, stands for 0.
macro_rules! real {
    ($($number:ty),*) => {$(
        impl Setting for $number {
            fn or(self, default: Self) -> Self {
                if self.to_bits() == 0 { default } else { self + 0.0 }
            }
        }
    )*};
}
real!(f32, f64);

/// The caller's setting; 0 means the default.
pub fn or<T: Setting>(setting: T, default: T) -> T {
    setting.or(default)
}

/// The caller's number of something; 0 means the default.
pub fn count(setting: u32, default: usize) -> usize {
    if setting == 0 { default } else { setting as usize }
}

/// Stands for 0 in a setting of which 0 means the default, and which may be 0.
pub const NONE: u32 = u32::MAX;

/// The caller's setting; 0 means the default, [`NONE`] 0.
pub fn or_none(setting: u32, default: u32) -> u32 {
    if setting == NONE { 0 } else { or(setting, default) }
}

/// The caller's number of something; 0 means the default, [`NONE`] none.
pub fn count_or_none(setting: u32, default: usize) -> usize {
    if setting == NONE { 0 } else { count(setting, default) }
}

/// Refuses NULL and what is not aligned.
pub fn check_pointer<T>(pointer: *const T) -> Result<()> {
    if pointer.is_null() {
        return Err(Error::Null);
    }
    if !pointer.is_aligned() {
        return Err(Error::Alignment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Sample {
        size: u32,
        needed: u32,
        later: u64,
    }
    // SAFETY: as the trait asks.
    unsafe impl Versioned for Sample {
        const LEAST: usize = 8;
    }

    fn read_sized(size: u32, tail: u64) -> Result<Sample> {
        let bytes =
            [Sample { size, needed: 5, later: 7 }, Sample { size: 0, needed: 0, later: tail }];
        // SAFETY: readable for up to two structs.
        unsafe { read(bytes.as_ptr()) }
    }

    #[test]
    fn older_and_newer_callers_are_read() {
        assert_eq!(read_sized(16, 0), Ok(Sample { size: 16, needed: 5, later: 7 }));
        assert_eq!(read_sized(8, 0), Ok(Sample { size: 8, needed: 5, later: 0 }));
        assert_eq!(read_sized(32, 0), Ok(Sample { size: 32, needed: 5, later: 7 }));
        assert_eq!(read_sized(32, 1), Err(Error::StructSize));
        for size in [0, 7, 4097, u32::MAX] {
            assert_eq!(read_sized(size, 0), Err(Error::StructSize));
        }
    }

    #[test]
    fn zero_means_the_default_and_something_else_means_zero() {
        assert_eq!((or(0u32, 7), or(3u64, 7), or(usize::MAX, 7)), (7, 3, usize::MAX));
        assert_eq!((or(0.0, 7.0), or(3.0f32, 7.0)), (7.0, 3.0));
        assert_eq!(or(-0.0f32, 7.0).to_bits(), 0);
        assert_eq!(or(-0.0f64, 7.0).to_bits(), 0);
        assert_eq!((count(0, 7), count(NONE, 7)), (7, u32::MAX as usize));
        assert_eq!((or_none(0, 7), or_none(3, 7), or_none(NONE, 7)), (7, 3, 0));
        assert_eq!((count_or_none(0, 7), count_or_none(3, 7), count_or_none(NONE, 7)), (7, 3, 0));
    }

    #[test]
    fn older_callers_get_what_they_know() {
        let value = Sample { size: 0, needed: 1, later: 2 };
        for (size, later) in [(8, 9), (16, 2)] {
            let mut to = Sample { size, needed: 9, later: 9 };
            // SAFETY: a whole struct.
            unsafe { write(&mut to, &value) }.unwrap();
            assert_eq!(to, Sample { size, needed: 1, later });
        }
        let mut to = Sample { size: 4, needed: 9, later: 9 };
        // SAFETY: a whole struct.
        assert_eq!(unsafe { write(&mut to, &value) }, Err(Error::StructSize));
    }

    #[test]
    fn arrays_have_the_stride_of_their_first_element() {
        let mut bytes = [9u64; 6];
        let values = || (0..3).map(|needed| Sample { size: 0, needed, later: 7 });
        let to = bytes.as_mut_ptr().cast::<Sample>();
        // SAFETY: at most 48 bytes are written, in aligned memory of 48.
        unsafe {
            for (size, capacity, expected) in [
                (8, 5, Ok(3)),
                (8, 2, Ok(2)),
                (16, 3, Ok(3)),
                (4, 3, Err(Error::StructSize)),
                (12, 3, Err(Error::StructSize)),
                (16, usize::MAX / 2, Err(Error::Overflow)),
            ] {
                to.cast::<u32>().write(size);
                assert_eq!(write_all(to, capacity, values()), expected);
            }
            assert_eq!(*to.add(2), Sample { size: 16, needed: 2, later: 7 });
            assert_eq!(write_all(core::ptr::null_mut(), 0, values()), Ok(0));
            assert_eq!(write_all(core::ptr::null_mut(), 1, values()), Err(Error::Null));
        }
    }

    #[test]
    fn arrays_of_older_and_newer_callers_are_read() {
        let sample = |size, later| Sample { size, needed: 5, later };
        let whole = [sample(16, 1), sample(16, 2), sample(8, 3)];
        // SAFETY: three elements of 16 bytes, or five of 8 and less.
        unsafe {
            let array = Array::new(whole.as_ptr(), 3).unwrap();
            assert_eq!(array.at(1), Ok(sample(16, 2)));
            // All say the same size.
            assert_eq!(array.at(2), Err(Error::StructSize));
            assert_eq!(array.at(3), Err(Error::Invalid));
            let short = [8 | 7 << 32, 8 | 9 << 32, 0u64];
            let array = Array::new(short.as_ptr().cast::<Sample>(), 2).unwrap();
            assert_eq!(array.at(1), Ok(Sample { size: 8, needed: 9, later: 0 }));
            let odd = [12u64 | 5 << 32, 0];
            let odd = odd.as_ptr().cast::<Sample>();
            assert_eq!(Array::new(odd, 1).err(), Some(Error::StructSize));
            assert_eq!(Array::<Sample>::new(core::ptr::null(), 1).err(), Some(Error::Null));
            assert!(Array::<Sample>::new(core::ptr::null(), 0).is_ok());
            assert_eq!(Array::new(whole.as_ptr(), usize::MAX).err(), Some(Error::Overflow));
        }
    }

    #[test]
    fn bad_pointers_are_refused() {
        let bytes = [0u64; 4];
        let odd = bytes.as_ptr().cast::<u8>().wrapping_add(1).cast::<Sample>();
        // SAFETY: refused before they are read.
        unsafe {
            assert_eq!(read(core::ptr::null::<Sample>()), Err(Error::Null));
            assert_eq!(read(odd), Err(Error::Alignment));
            assert_eq!(
                write(odd.cast_mut(), &Sample { size: 0, needed: 0, later: 0 }),
                Err(Error::Alignment)
            );
        }
    }
}
