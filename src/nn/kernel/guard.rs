//! Slices that end right before a page that must not be touched: a kernel that
//! reads past its input dies there.

#![allow(unsafe_code)]

/// Some pages and one that must not be touched.
pub(super) struct Guarded {
    start: *mut u8,
    page: usize,
    /// Bytes before the last page.
    len: usize,
}

impl Guarded {
    pub fn new(pages: usize) -> Guarded {
        // SAFETY: plain system calls; the results are checked.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let len = pages * page;
            let start = libc::mmap(
                core::ptr::null_mut(),
                len + page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            let start = start.cast::<u8>();
            assert_eq!(libc::mprotect(start.add(len).cast(), page, libc::PROT_NONE), 0);
            Guarded { start, page, len }
        }
    }

    /// The last `len` elements before the guard page, filled with `value`.
    #[allow(clippy::mut_from_ref)] // one slice is taken from each mapping
    pub fn end<T: Copy>(&self, len: usize, value: T) -> &mut [T] {
        let bytes = len * size_of::<T>();
        assert!(bytes <= self.len);
        // SAFETY: inside the first pages, which are readable and writable,
        // and aligned, as both the pages and the bytes are.
        let slice = unsafe {
            let first = self.start.add(self.len - bytes).cast::<T>();
            core::slice::from_raw_parts_mut(first, len)
        };
        slice.fill(value);
        slice
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping made above.
        unsafe { libc::munmap(self.start.cast(), self.len + self.page) };
    }
}
