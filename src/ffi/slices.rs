//! Buffers of the caller: (pointer, length) in, (pointer, capacity, length) out.

use core::ffi::c_char;
use core::ops::Range;

use super::structs::check_pointer;
use crate::error::{Error, Result};

/// The caller's input.
///
/// # Safety
/// `pointer` is NULL, or readable for `len` elements for `'a` while nobody
/// writes to them.
pub unsafe fn input<'a, T>(pointer: *const T, len: usize) -> Result<&'a [T]> {
    check_bytes::<T>(len)?;
    if len == 0 {
        return Ok(&[]);
    }
    check_pointer(pointer)?;
    // SAFETY: aligned, not NULL, a possible size, and the caller's word.
    Ok(unsafe { core::slice::from_raw_parts(pointer, len) })
}

/// What the caller has, or has not.
///
/// # Safety
/// `pointer` is NULL, or readable.
pub unsafe fn optional<T: Copy>(pointer: *const T) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's word.
    Ok(unsafe { input(pointer, 1) }?.first().copied())
}

/// The caller's text, which has to be UTF-8.
///
/// # Safety
/// As [`input`].
pub unsafe fn read_text<'a>(pointer: *const c_char, len: usize) -> Result<&'a str> {
    // SAFETY: the caller's word.
    let bytes = unsafe { input(pointer.cast::<u8>(), len) }?;
    core::str::from_utf8(bytes).map_err(|_| Error::Invalid)
}

/// What the caller wants changed in place.
///
/// # Safety
/// `pointer` is NULL, or writable for `len` elements for `'a` and used by nobody
/// else.
pub unsafe fn in_place<'a, T>(pointer: *mut T, len: usize) -> Result<&'a mut [T]> {
    check_bytes::<T>(len)?;
    if len == 0 {
        return Ok(&mut []);
    }
    check_pointer(pointer)?;
    // SAFETY: aligned, not NULL, a possible size, and the caller's word.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, len) })
}

/// The caller's output buffer: where to write, how much fits, and where to say
/// how much was written or is needed.
#[derive(Clone, Copy)]
pub struct Output<T> {
    pub pointer: *mut T,
    pub capacity: usize,
    /// May be NULL.
    pub len: *mut usize,
}

impl<T> Output<T> {
    /// The first `needed` elements, none of which may lie in `inputs`. Tells
    /// the caller the length, also if the buffer is too small.
    ///
    /// # Safety
    /// The buffer is NULL, or writable for `capacity` elements for `'a` and
    /// used by nobody else; `len` is NULL or writable.
    pub unsafe fn take<'a>(self, needed: usize, inputs: &Range<*const u8>) -> Result<&'a mut [T]> {
        // SAFETY: the caller's word.
        unsafe { self.take_beside(needed, core::slice::from_ref(inputs)) }
    }

    /// [`take`](Self::take) beside several inputs.
    ///
    /// # Safety
    /// As [`take`](Self::take).
    pub unsafe fn take_beside<'a>(
        self,
        needed: usize,
        inputs: &[Range<*const u8>],
    ) -> Result<&'a mut [T]> {
        check_bytes::<T>(self.capacity)?;
        if !self.len.is_null() {
            check_pointer(self.len)?;
            // SAFETY: aligned, not NULL, and the caller's word.
            unsafe { self.len.write(needed) };
        }
        if self.capacity < needed {
            return Err(Error::BufferTooSmall);
        }
        if needed == 0 {
            return Ok(&mut []);
        }
        check_pointer(self.pointer)?;
        let bytes = needed * size_of::<T>();
        let start = self.pointer.cast_const().cast::<u8>();
        let end = start.wrapping_add(bytes);
        apart(&[start..end], inputs)?;
        // SAFETY: aligned, not NULL, a possible size, apart from the inputs,
        // and the caller's word. Only zeros and numbers are ever in it.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.pointer, needed) })
    }
}

/// The bytes that a slice lies in.
pub fn bytes_of<T>(slice: &[T]) -> Range<*const u8> {
    let range = slice.as_ptr_range();
    range.start.cast()..range.end.cast()
}

/// The bytes that one value of the caller's lies in.
pub fn bytes_at<T>(place: *const T) -> Range<*const u8> {
    if place.is_null() {
        return core::ptr::null()..core::ptr::null();
    }
    place.cast()..place.wrapping_add(1).cast()
}

/// Refuses outputs that share bytes with inputs.
pub fn apart(outputs: &[Range<*const u8>], inputs: &[Range<*const u8>]) -> Result<()> {
    let shared = |a: &Range<*const u8>, b: &Range<*const u8>| {
        !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
    };
    match outputs.iter().any(|output| inputs.iter().any(|input| shared(output, input))) {
        true => Err(Error::Invalid),
        false => Ok(()),
    }
}

/// Writes one value to the caller.
///
/// # Safety
/// `to` is NULL or writable.
pub unsafe fn put<T>(to: *mut T, value: T) -> Result<()> {
    check_pointer(to)?;
    // SAFETY: aligned, not NULL, and the caller's word.
    unsafe { to.write(value) };
    Ok(())
}

/// Writes one value to the caller, who may not want it.
///
/// # Safety
/// `to` is NULL or writable.
pub unsafe fn tell<T>(to: *mut T, value: T) -> Result<()> {
    // SAFETY: the caller's word.
    if to.is_null() { Ok(()) } else { unsafe { put(to, value) } }
}

/// Refuses a place for an answer that could not be written, before anything is done; NULL is fine.
pub fn may_tell<T>(place: *const T) -> Result<()> {
    if place.is_null() { Ok(()) } else { check_pointer(place) }
}

/// Copies values to the caller.
///
/// # Safety
/// As [`Output::take`].
pub unsafe fn copy<T: Copy>(output: Output<T>, values: &[T]) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe { output.take(values.len(), &bytes_of::<u8>(&[])) }?.copy_from_slice(values);
    Ok(())
}

/// Writes `len` values to the caller one by one.
///
/// # Safety
/// As [`Output::take`].
pub unsafe fn list<T>(
    output: Output<T>,
    len: usize,
    values: impl Iterator<Item = T>,
) -> Result<()> {
    // SAFETY: the caller's word.
    let places = unsafe { output.take(len, &bytes_of::<u8>(&[])) }?;
    places.iter_mut().zip(values).for_each(|(place, value)| *place = value);
    Ok(())
}

/// Whether an array of the caller's is there in full, or left out.
pub fn whole_or_none(len: usize, whole: usize) -> Result<()> {
    if len == 0 || len == whole { Ok(()) } else { Err(Error::Length) }
}

/// Refuses lengths that no memory can have.
fn check_bytes<T>(len: usize) -> Result<()> {
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(Error::Overflow),
    }
}
