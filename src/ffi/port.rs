//! What C supplies: an allocator, a logger; and the arena that it can have.

use core::alloc::Layout;
use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

use super::guarded;
use super::handle::{self, Object};
use super::slices::put;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::mem::Arena;
use crate::port::{Level, Logger};

/// Where objects get their memory. NULL in its place means the system's heap;
/// a library built without one then answers NSW_ERR_NO_ALLOCATOR.
///
/// An object asks for one block when it is created and gives it back when it
/// is destroyed; nothing is asked for in between. The table is copied, so it
/// need not outlive the call, but what `ctx` points to must outlive the object.
/// The hooks are called on the thread that creates or destroys, and may not
/// call back into the object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_allocator {
    /// sizeof(nsw_allocator); NSW_ALLOCATOR_INIT sets it.
    pub size: u32,
    /// Handed to the hooks as it is.
    pub ctx: *mut c_void,
    /// A block of `size` bytes at a multiple of `align` (a power of two), or
    /// NULL if there is none. Required.
    pub alloc:
        Option<unsafe extern "C" fn(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void>,
    /// Takes a block back, with the size and alignment it was asked for. Required.
    pub free:
        Option<unsafe extern "C" fn(ctx: *mut c_void, ptr: *mut c_void, size: usize, align: usize)>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_allocator {
    const LEAST: usize = size_of::<nsw_allocator>();
}

/// A log line says why a call was refused. The program or the caller made a
/// mistake.
pub const NSW_LOG_ERROR: u32 = 1;
/// A log line about what works, but probably not as meant.
pub const NSW_LOG_WARN: u32 = 2;
/// A log line about what was made.
pub const NSW_LOG_INFO: u32 = 3;
/// A log line for developers.
pub const NSW_LOG_DEBUG: u32 = 4;

/// Takes log lines. Configurations carry a pointer to one, or NULL.
///
/// It is called only during the call that was given the configuration, on its
/// thread, and may not call back into the objects of that call. Table and
/// `ctx` need not outlive the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_logger {
    /// sizeof(nsw_logger); NSW_LOGGER_INIT sets it.
    pub size: u32,
    /// The least urgent level wanted, an NSW_LOG_ constant; 0 means NSW_LOG_INFO.
    pub max_level: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// One line of `text_len` bytes of UTF-8, without line end and not
    /// terminated by a zero; valid during the call. Required.
    pub log: Option<
        unsafe extern "C" fn(ctx: *mut c_void, level: u32, text: *const c_char, text_len: usize),
    >,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_logger {
    const LEAST: usize = size_of::<nsw_logger>();
}

/// The caller's logger as the core knows loggers.
pub(super) struct CLogger {
    max_level: u32,
    ctx: *mut c_void,
    log: unsafe extern "C" fn(*mut c_void, u32, *const c_char, usize),
}

impl CLogger {
    /// `None` for NULL.
    ///
    /// # Safety
    /// `table` is NULL or a hook table that stays valid during this call.
    pub unsafe fn new(table: *const nsw_logger) -> Result<Option<CLogger>> {
        if table.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        let log = table.log.ok_or(Error::Null)?;
        let max_level = match table.max_level {
            0 => NSW_LOG_INFO,
            level @ NSW_LOG_ERROR..=NSW_LOG_DEBUG => level,
            _ => return Err(Error::Invalid),
        };
        Ok(Some(CLogger { max_level, ctx: table.ctx, log }))
    }

    /// As a core configuration wants it.
    pub fn as_dyn(logger: &Option<CLogger>) -> Option<&dyn Logger> {
        logger.as_ref().map(|logger| logger as &dyn Logger)
    }
}

impl Logger for CLogger {
    fn log(&self, level: Level, text: &str) {
        if level as u32 <= self.max_level {
            // SAFETY: the hook's own documentation.
            unsafe { (self.log)(self.ctx, level as u32, text.as_ptr().cast(), text.len()) };
        }
    }
}

/// Where an object's memory came from and goes back to.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// The caller: never freed by us.
    Lent,
    /// The global heap.
    #[cfg(feature = "alloc")]
    System,
    /// The caller's hooks.
    Hooks {
        ctx: *mut c_void,
        alloc: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
        free: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize),
    },
}

impl Owner {
    /// The owner that C named.
    ///
    /// # Safety
    /// `table` is NULL or a hook table.
    pub unsafe fn new(table: *const nsw_allocator) -> Result<Owner> {
        if table.is_null() {
            #[cfg(feature = "alloc")]
            return Ok(Owner::System);
            #[cfg(not(feature = "alloc"))]
            return Err(Error::NoAllocator);
        }
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        let alloc = table.alloc.ok_or(Error::Null)?;
        let free = table.free.ok_or(Error::Null)?;
        Ok(Owner::Hooks { ctx: table.ctx, alloc, free })
    }

    /// A block of this layout, whose size is not zero.
    pub fn allocate(self, layout: Layout) -> Result<NonNull<u8>> {
        match self {
            Owner::Lent => Err(Error::NoAllocator),
            #[cfg(feature = "alloc")]
            // SAFETY: a header is in every layout, so the size is not zero.
            Owner::System => {
                NonNull::new(unsafe { alloc::alloc::alloc(layout) }).ok_or(Error::OutOfMemory)
            }
            Owner::Hooks { ctx, alloc, .. } => {
                // SAFETY: the hook's own documentation.
                let block = unsafe { alloc(ctx, layout.size(), layout.align()) };
                let block = NonNull::new(block.cast::<u8>()).ok_or(Error::OutOfMemory)?;
                if !(block.as_ptr() as usize).is_multiple_of(layout.align()) {
                    // SAFETY: the block that it just handed out.
                    unsafe { self.free(block, layout) };
                    return Err(Error::Allocator);
                }
                Ok(block)
            }
        }
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// The block came from this owner with this layout and is used no more.
    pub unsafe fn free(self, block: NonNull<u8>, layout: Layout) {
        match self {
            Owner::Lent => {}
            #[cfg(feature = "alloc")]
            // SAFETY: the caller's word.
            Owner::System => unsafe { alloc::alloc::dealloc(block.as_ptr(), layout) },
            // SAFETY: the caller's word, and the hook's own documentation.
            Owner::Hooks { ctx, free, .. } => unsafe {
                free(ctx, block.as_ptr().cast(), layout.size(), layout.align());
            },
        }
    }
}

/// An allocator over a buffer of the caller: how a program runs without a heap.
///
/// Memory is handed out from front to back. A block given back can be used
/// again at once if it was the last handed out; when all are given back, the
/// whole buffer is free again. One thread at a time.
pub struct nsw_arena {
    _opaque: [u8; 0],
}

impl Object for Arena<'static> {
    type C = nsw_arena;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswA");
}

/// Makes an arena over `buf[0..len]`, which must stay valid, unmoved and
/// otherwise unused until the arena and all objects in it are destroyed.
///
/// The arena keeps its own few words at the front of the buffer, whose
/// alignment may be any. Errors: NSW_ERR_NULL, NSW_ERR_OVERFLOW,
/// NSW_ERR_OUT_OF_MEMORY if the buffer cannot even hold those words. `*out` is
/// NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_arena_create(
    buf: *mut c_void,
    len: usize,
    out: *mut *mut nsw_arena,
) -> nsw_status {
    guarded(|| {
        // SAFETY: NULL or writable, by the documentation above.
        unsafe { put(out, core::ptr::null_mut()) }?;
        let start = NonNull::new(buf.cast::<u8>()).ok_or(Error::Null)?;
        if len > isize::MAX as usize {
            return Err(Error::Overflow);
        }
        let header = Layout::new::<handle::Handle<Arena<'static>>>();
        let skip = start.align_offset(header.align());
        let room = len.checked_sub(skip).and_then(|room| room.checked_sub(header.size()));
        let room = room.ok_or(Error::OutOfMemory)?;
        // SAFETY: header and room lie inside the buffer, which is the arena's.
        unsafe {
            let block = start.add(skip);
            let arena = Arena::from_raw(block.add(header.size()), room);
            put(out, handle::build(block, header, handle::NOTHING, Owner::Lent, |_| Ok(arena))?)
        }
    })
}

/// Destroys an arena. Destroy the objects in it first. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_arena_destroy(arena: *mut nsw_arena) {
    // SAFETY: NULL or an arena, by the documentation above.
    unsafe { handle::destroy::<Arena<'static>>(arena) };
}

/// The arena as an allocator: fills `*out`, whose `size` the caller has set
/// (NSW_ALLOCATOR_INIT). It is valid as long as the arena.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_arena_allocator(
    arena: *mut nsw_arena,
    out: *mut nsw_allocator,
) -> nsw_status {
    let table = nsw_allocator {
        size: 0,
        ctx: arena.cast(),
        alloc: Some(arena_alloc),
        free: Some(arena_free),
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::call_mut::<Arena<'static>>(arena, |_| structs::write(out, &table)) }
}

/// How full the arena is, in bytes: in use now, the most that ever was, and all
/// there is. Each may be NULL if it is not wanted. All include the padding
/// that alignment cost and exclude the arena's own words.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_arena_usage(
    arena: *const nsw_arena,
    used: *mut usize,
    high_water: *mut usize,
    capacity: *mut usize,
) -> nsw_status {
    let tell = |to: *mut usize, value| {
        // SAFETY: NULL or writable, by the documentation above.
        if to.is_null() { Ok(()) } else { unsafe { put(to, value) } }
    };
    let report = |arena: &Arena<'static>| {
        let usage = arena.usage();
        tell(used, usage.used)?;
        tell(high_water, usage.high_water)?;
        tell(capacity, usage.capacity)
    };
    // SAFETY: NULL or an arena, by the documentation above.
    unsafe { handle::call_ref::<Arena<'static>>(arena, report) }
}

unsafe extern "C" fn arena_alloc(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void {
    let block = Layout::from_size_align(size, align).ok().and_then(|layout| {
        // SAFETY: the table's ctx is the arena.
        unsafe { handle::with_mut::<Arena<'static>, _>(ctx.cast(), |arena| Ok(arena.take(layout))) }
            .ok()
            .flatten()
    });
    block.map_or(core::ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "C" fn arena_free(ctx: *mut c_void, ptr: *mut c_void, size: usize, align: usize) {
    if let (Some(block), Ok(layout)) =
        (NonNull::new(ptr.cast()), Layout::from_size_align(size, align))
    {
        // A destroyed arena has nothing to take back.
        // SAFETY: the table's ctx is the arena.
        let _ = unsafe {
            handle::with_mut::<Arena<'static>, _>(ctx.cast(), |arena| {
                arena.give_back(block, layout);
                Ok(())
            })
        };
    }
}
