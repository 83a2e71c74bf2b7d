//! What C supplies for secrets: a source of randomness.

use core::ffi::c_void;

use super::status::{NSW_OK, nsw_status};
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::port::Entropy;

/// Where secrets come from. NULL in its place means the operating system's
/// randomness; a library built without std, or for WebAssembly, then answers
/// NSW_ERR_NO_ENTROPY. NSW_ENTROPY_INIT, then `fill`.
///
/// The table is copied, so it need not outlive the call, but what `ctx` points to
/// must outlive the object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_entropy {
    /// sizeof(nsw_entropy); NSW_ENTROPY_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Fills `len` bytes that nobody can guess and that were never given before,
    /// and answers NSW_OK; anything else makes the call that needed them answer
    /// NSW_ERR_HOOK. Called on the thread of that call; may not call back into
    /// the object. Required.
    pub fill:
        Option<unsafe extern "C" fn(ctx: *mut c_void, out: *mut u8, len: usize) -> nsw_status>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_entropy {
    const LEAST: usize = size_of::<nsw_entropy>();
}

/// The source that C named.
#[derive(Clone, Copy)]
pub(super) enum CEntropy {
    /// The operating system.
    #[cfg(all(feature = "std", not(target_family = "wasm")))]
    System,
    /// The caller's hook.
    Hook { ctx: *mut c_void, fill: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> nsw_status },
}

impl CEntropy {
    /// # Safety
    /// `table` is NULL or a hook table.
    pub unsafe fn new(table: *const nsw_entropy) -> Result<CEntropy> {
        if table.is_null() {
            #[cfg(all(feature = "std", not(target_family = "wasm")))]
            return Ok(CEntropy::System);
            #[cfg(not(all(feature = "std", not(target_family = "wasm"))))]
            return Err(Error::NoEntropy);
        }
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        Ok(CEntropy::Hook { ctx: table.ctx, fill: table.fill.ok_or(Error::Null)? })
    }
}

impl Entropy for CEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        match *self {
            #[cfg(all(feature = "std", not(target_family = "wasm")))]
            CEntropy::System => crate::port::SystemEntropy.fill(out),
            CEntropy::Hook { ctx, fill } => {
                // SAFETY: the hook's own documentation; the buffer is writable.
                match unsafe { fill(ctx, out.as_mut_ptr(), out.len()) } {
                    NSW_OK => Ok(()),
                    _ => Err(Error::Hook),
                }
            }
        }
    }
}
