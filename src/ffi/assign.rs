//! The exact assignment.

use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::{Output, copy, input, may_tell, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned, count};
use crate::error::Result;
use crate::task::assign::{Assigner, AssignerConfig, UNASSIGNED};

/// Instead of a number of a row, a column or an agent: nobody.
pub const NSW_UNASSIGNED: u32 = 4294967295;
/// In whole numbers of the configurations of tasks where 0 itself is a possible setting, and the default is
/// another: stands for 0.
pub const NSW_TASK_NONE: u32 = 4294967295;

const _: () = assert!(NSW_UNASSIGNED == UNASSIGNED && NSW_TASK_NONE == structs::NONE);

/// How large the problems of an assigner are at most. NSW_ASSIGNER_CONFIG_INIT; zero means the default. Read
/// during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_assigner_config {
    /// sizeof(nsw_assigner_config); NSW_ASSIGNER_CONFIG_INIT sets it.
    pub size: u32,
    /// Most rows, 1 to 2^24; 0 means 64.
    pub rows: u32,
    /// Most columns, 1 to 2^24; 0 means 64.
    pub columns: u32,
    /// Not 0: there may be more rows than columns. Such problems are turned around, and need room for a
    /// copy of the costs: 8 * rows * columns bytes.
    pub tall: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_assigner_config {
    const LEAST: usize = size_of::<nsw_assigner_config>();
}

/// Solves linear assignment problems exactly (Jonker and Volgenant 1987): each row gets a column of its own
/// (each column a row, where there are more rows), such that the sum of the costs is least. One thread at a
/// time; functions that take it const may run side by side.
pub struct nsw_assigner {
    _opaque: [u8; 0],
}

impl Object for Assigner<'static> {
    type C = nsw_assigner;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsAs");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_assigner_config) -> Result<AssignerConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = AssignerConfig::default();
    let (rows, columns) = (count(c.rows, default.rows), count(c.columns, default.columns));
    Ok(AssignerConfig { rows, columns, tall: c.tall != 0 })
}

/// The memory that an assigner takes: the one block that nsw_assigner_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_footprint(
    config: *const nsw_assigner_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Assigner<'static>>(size, align, || Assigner::footprint(&read(config)?))
    }
}

/// Makes an assigner in one block of `memory` (NULL: the system's heap). The caller owns `*assigner` and ends it
/// with nsw_assigner_destroy.
///
/// Errors: those of nsw_assigner_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*assigner` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_create(
    config: *const nsw_assigner_config,
    memory: *const nsw_allocator,
    assigner: *mut *mut nsw_assigner,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Assigner<'static>, _>(
            memory,
            assigner,
            || {
                let config = read(config)?;
                Ok((Assigner::footprint(&config)?, config))
            },
            |piece, config| Assigner::in_piece(&config, piece),
        )
    }
}

/// Destroys an assigner and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_destroy(assigner: *mut nsw_assigner) {
    // SAFETY: NULL or an assigner, by the documentation above.
    unsafe { handle::destroy::<Assigner<'static>>(assigner) };
}

/// Finds the cheapest assignment of a matrix of `rows` times `columns` costs, row by row: `*total` (may be NULL)
/// is what it costs, of as many pairs as the shorter side has. A cost is infinity for a pair that must not
/// be, or of a magnitude of at most 1e100. Whole numbers up to 2^53 are added up exactly.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for another cost or a side of 0,
/// NSW_ERR_LENGTH if there are not rows * columns costs, NSW_ERR_CAPACITY for more than the configuration
/// says, NSW_ERR_TASK_INFEASIBLE if each assignment has a forbidden pair. The last solution is gone then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_solve(
    assigner: *mut nsw_assigner,
    rows: u32,
    columns: u32,
    costs: *const f64,
    costs_len: usize,
    total: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Assigner<'static>>(assigner, |a| {
            may_tell(total)?;
            tell(total, a.solve(rows as usize, columns as usize, input(costs, costs_len)?)?)
        })
    }
}

/// The column of each row in the last solution, or NSW_UNASSIGNED: `*len` (may be NULL) numbers to `buf`; none
/// without a solution.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_columns(
    assigner: *const nsw_assigner,
    buf: *mut u32,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Assigner<'static>>(assigner, |a| copy(output, a.columns())) }
}

/// The row of each column in the last solution, or NSW_UNASSIGNED: as nsw_assigner_columns.
///
/// Errors: those of nsw_assigner_columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_rows(
    assigner: *const nsw_assigner,
    buf: *mut u32,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Assigner<'static>>(assigner, |a| copy(output, a.rows())) }
}

/// The dual prices of the rows. With those of the columns they prove that the solution is the best: for each
/// pair row price + column price is at most its cost (but for rounding), for each pair of the solution as
/// much, and who has no partner has the price 0 while no price on its side is above that.
///
/// Errors: those of nsw_assigner_columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_row_prices(
    assigner: *const nsw_assigner,
    buf: *mut f64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Assigner<'static>>(assigner, |a| copy(output, a.row_prices())) }
}

/// The dual prices of the columns: see nsw_assigner_row_prices.
///
/// Errors: those of nsw_assigner_columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_assigner_column_prices(
    assigner: *const nsw_assigner,
    buf: *mut f64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Assigner<'static>>(assigner, |a| copy(output, a.column_prices())) }
}
