//! What C supplies to work side by side: a thread pool.

use core::ffi::c_void;

use super::structs::{self, Versioned};
use crate::error::Result;
use crate::port::Parallel;

/// A part of some work. Called by whoever is given it with the `work_ctx` that
/// it came with and the number of the part.
pub type nsw_work = unsafe extern "C" fn(work_ctx: *mut c_void, part: usize);

/// Runs the parts of some work side by side. NULL in its place means one after
/// the other on the calling thread. NSW_PARALLEL_INIT, then `run` or `threads`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_parallel {
    /// sizeof(nsw_parallel); NSW_PARALLEL_INIT sets it.
    pub size: u32,
    /// Without `run`: the library starts threads itself, at most so many at once
    /// with the calling one; 0 means as many as the machine has for this
    /// program. A library built without std answers NSW_ERR_UNSUPPORTED.
    pub threads: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Calls work(work_ctx, part) once for each part from 0 to below `parts`,
    /// in any order and on any threads, and returns when all calls have
    /// returned. A part that is called twice is done once; if one is
    /// forgotten, the call that needed it answers NSW_ERR_HOOK. Called on the
    /// calling thread; may not call back into the objects in use. May be NULL:
    /// see `threads`.
    pub run: Option<
        unsafe extern "C" fn(ctx: *mut c_void, parts: usize, work: nsw_work, work_ctx: *mut c_void),
    >,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_parallel {
    const LEAST: usize = size_of::<nsw_parallel>();
}

/// The caller's hook.
pub(super) struct Hook {
    ctx: *mut c_void,
    run: unsafe extern "C" fn(*mut c_void, usize, nsw_work, *mut c_void),
}

// SAFETY: only the calling thread uses it.
unsafe impl Sync for Hook {}

/// Some work, and whether a part of it panicked.
struct Job<'w> {
    work: &'w (dyn Fn(usize) + Sync),
    #[cfg(feature = "std")]
    failed: core::sync::atomic::AtomicBool,
}

/// Does a part of the [`Job`] behind the pointer; no panic reaches C.
unsafe extern "C" fn do_part(job: *mut c_void, part: usize) {
    if structs::check_pointer(job.cast::<Job<'_>>()).is_err() {
        return;
    }
    // SAFETY: the hook's own documentation: the job that it was given, while
    // it runs.
    let job = unsafe { &*job.cast::<Job<'_>>() };
    let done = super::catch(|| {
        (job.work)(part);
        Ok(())
    });
    #[cfg(feature = "std")]
    if done.is_err() {
        job.failed.store(true, core::sync::atomic::Ordering::Relaxed);
    }
    #[cfg(not(feature = "std"))]
    let _ = done;
}

impl Parallel for Hook {
    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        let job = Job {
            work,
            #[cfg(feature = "std")]
            failed: core::sync::atomic::AtomicBool::new(false),
        };
        let place = core::ptr::from_ref(&job).cast_mut().cast::<c_void>();
        // SAFETY: the hook's own documentation.
        unsafe { (self.run)(self.ctx, parts, do_part, place) };
        #[cfg(feature = "std")]
        if job.failed.into_inner() {
            // Goes on to the object whose call this is, and poisons it.
            std::panic::resume_unwind(std::boxed::Box::new("a part of some work panicked"));
        }
    }
}

/// What the caller wants.
pub(super) enum CParallel {
    None,
    Hook(Hook),
    #[cfg(feature = "std")]
    Own(crate::port::Threads),
}

impl CParallel {
    /// # Safety
    /// `table` is NULL or a hook table.
    pub unsafe fn new(table: *const nsw_parallel) -> Result<CParallel> {
        if table.is_null() {
            return Ok(CParallel::None);
        }
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        match table.run {
            Some(run) => Ok(CParallel::Hook(Hook { ctx: table.ctx, run })),
            #[cfg(feature = "std")]
            None => Ok(CParallel::Own(crate::port::Threads::new(table.threads as usize))),
            #[cfg(not(feature = "std"))]
            None => Err(crate::Error::Unsupported),
        }
    }

    /// As the core wants it.
    pub fn as_dyn(&self) -> Option<&dyn Parallel> {
        match self {
            CParallel::None => None,
            CParallel::Hook(hook) => Some(hook),
            #[cfg(feature = "std")]
            CParallel::Own(threads) => Some(threads),
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    unsafe extern "C" fn one_by_one(
        _: *mut c_void,
        parts: usize,
        work: nsw_work,
        job: *mut c_void,
    ) {
        // SAFETY: as documented; NULL is ignored.
        (0..parts).for_each(|part| unsafe { work(job, part) });
        // SAFETY: as above.
        unsafe { work(core::ptr::null_mut(), 0) };
    }

    #[test]
    fn a_panic_in_a_part_comes_out_on_the_calling_thread() {
        let table = nsw_parallel {
            size: size_of::<nsw_parallel>() as u32,
            threads: 0,
            ctx: core::ptr::null_mut(),
            run: Some(one_by_one),
        };
        // SAFETY: a hook table.
        let hook = unsafe { CParallel::new(&table) }.unwrap();
        let hook = hook.as_dyn().unwrap();
        let done = std::sync::Mutex::new(std::vec::Vec::new());
        hook.run(3, &|part| done.lock().unwrap().push(part));
        assert_eq!(*done.lock().unwrap(), [0, 1, 2]);
        let panics = || hook.run(3, &|part| assert_ne!(part, 1, "on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    }
}
