//! What shares a store with the other members of a swarm.

use super::handle::{self, Object, call_ref};
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::store::{self, nsw_store_config};
use super::structs::{self, Versioned, count, or};
use crate::error::Result;
use crate::node::{Sharing, SharingConfig};

/// How a store is shared. NSW_SHARING_CONFIG_INIT, then `store` and `mtu`; every other zero
/// means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_sharing_config {
    /// sizeof(nsw_sharing_config); NSW_SHARING_CONFIG_INIT sets it.
    pub size: u32,
    /// The most bytes of a message: `max_message` of nsw_node_info. What the store says of itself
    /// has to fit: 20 bytes for each of its replicas, 26 for each of its early changes, and 25.
    pub mtu: u32,
    /// The configuration of the store. Read during the call only.
    pub store: *const nsw_store_config,
    /// New changes are told to so many members at once, up to 16. If there are more, those tell
    /// them on. 0: 8.
    pub fanout: u32,
    /// Answers that may be under way at once, up to 255; 0: 4.
    pub answers: u32,
    /// What is here is compared with what another member has so often, in microseconds, and half
    /// a time more or less; 0: every second.
    pub every_us: u64,
    /// For choices by chance: another one for each member; 0: from the store's replica.
    pub seed: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_sharing_config {
    const LEAST: usize = core::mem::offset_of!(nsw_sharing_config, fanout);
}

/// What was counted. NSW_SHARING_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_sharing_info {
    /// sizeof(nsw_sharing_info); NSW_SHARING_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Frames of changes told.
    pub told: u64,
    /// Frames of changes taken in.
    pub merged: u64,
    /// Frames that the store had no room for.
    pub full: u64,
    /// Frames that it did not take for another reason.
    pub refused: u64,
    /// Comparisons begun.
    pub compared: u64,
    /// Questions and sums that got no answer, since too many were under way.
    pub dropped: u64,
    /// Times that a change, or a transaction, was too long for a message: this member tells nobody
    /// of it, nor of what was changed behind it.
    pub too_long: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_sharing_info {
    const LEAST: usize = size_of::<nsw_sharing_info>();
}

/// Shares a store with the other members of a swarm: a part of a node (nsw_node_parts). New
/// changes are told at once; and now and then each member compares what it has with another by
/// chance, so that what got lost comes all the same. (Demers et al., "Epidemic algorithms for
/// replicated database maintenance", 1987.) Changes of a store that is kept in files are to be
/// durable before they are told: write the journal, then poll. One thread at a time.
pub struct nsw_sharing {
    _opaque: [u8; 0],
}

impl Object for Sharing<'static> {
    type C = nsw_sharing;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsSh");
}

/// # Safety
/// `config` is NULL or a configuration whose pointers are NULL or what they should be.
unsafe fn read(config: *const nsw_sharing_config) -> Result<SharingConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    // SAFETY: the caller's word.
    let mut config = SharingConfig::new(&unsafe { store::read(c.store) }?, c.mtu as usize);
    config.fanout = count(c.fanout, config.fanout);
    config.answers = count(c.answers, config.answers);
    config.every_us = or(c.every_us, config.every_us);
    config.seed = or(c.seed, config.seed);
    Ok(config)
}

/// The memory that it takes: the one block that nsw_sharing_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// and for messages too short for what the store says of itself. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_sharing_footprint(
    config: *const nsw_sharing_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Sharing<'static>>(size, align, || Sharing::footprint(&read(config)?))
    }
}

/// Makes what shares a store, in one block of `memory` (NULL: the system's heap). The caller owns
/// `*sharing` and ends it with nsw_sharing_destroy.
///
/// Errors: those of nsw_sharing_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*sharing` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_sharing_create(
    config: *const nsw_sharing_config,
    memory: *const nsw_allocator,
    sharing: *mut *mut nsw_sharing,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Sharing<'static>, _>(
            memory,
            sharing,
            || read(config).and_then(|config| Ok((Sharing::footprint(&config)?, config))),
            |piece, config| Sharing::in_piece(&config, piece),
        )
    }
}

/// Destroys it and gives its block back; the store stays. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_sharing_destroy(sharing: *mut nsw_sharing) {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::destroy::<Sharing<'static>>(sharing) };
}

/// What was counted: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_sharing_describe(
    sharing: *const nsw_sharing,
    info: *mut nsw_sharing_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Sharing<'static>>(sharing, |sharing| {
            let stats = sharing.stats();
            let filled = nsw_sharing_info {
                size: 0,
                reserved: 0,
                told: stats.told,
                merged: stats.merged,
                full: stats.full,
                refused: stats.refused,
                compared: stats.compared,
                dropped: stats.dropped,
                too_long: stats.too_long,
            };
            structs::write(info, &filled)
        })
    }
}
