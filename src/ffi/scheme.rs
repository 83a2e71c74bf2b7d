//! The smallest scheme of quantisation within a bound.

use core::alloc::Layout;

use super::handle::{self, with_mut};
use super::net::{nsw_net, with_net};
use super::port::{CLogger, Owner, nsw_allocator, nsw_logger};
use super::qnet::calibration;
use super::slices::input;
use super::status::nsw_status;
use super::structs::{self, Versioned, check_pointer};
use super::{catch, guarded};
use crate::error::{Error, Result};
use crate::mem::Piece;
use crate::nn::{Bound, Net, Rounding, Scheme, SchemeConfig, smallest_in_piece};

/// Int8 values and weights, 32-bit sums: nsw_qnet.
pub const NSW_SCHEME_INT8: u32 = 1;
/// Int16 values, int8 weights, 64-bit sums: nsw_qnet16.
pub const NSW_SCHEME_INT16X8: u32 = 2;
/// Int16 values and weights, 64-bit sums: nsw_qnet16.
pub const NSW_SCHEME_INT16: u32 = 3;

/// `limit` is the part of all samples that the quantised network may classify
/// rightly less often than the float network: 0.01 is one percent. The class is
/// the largest output (the first of equal ones), as that of the targets is the
/// largest target. Of a network with one output it is the side of the middle
/// between the smallest and the largest target.
pub const NSW_BOUND_ACCURACY: u32 = 0;
/// `limit` is the root of the mean of the squared differences from the float
/// network's outputs, in their unit.
pub const NSW_BOUND_RMS: u32 = 1;
/// `limit` is the largest difference from one of the float network's outputs, in
/// their unit.
pub const NSW_BOUND_MAX: u32 = 2;

const _: () = assert!(NSW_SCHEME_INT8 == Scheme::Int8.code());
const _: () = assert!(NSW_SCHEME_INT16X8 == Scheme::Int16x8.code());
const _: () = assert!(NSW_SCHEME_INT16 == Scheme::Int16.code());

/// What to find a scheme for. NSW_SCHEME_CONFIG_INIT, then `net`, `samples`,
/// `samples_len`, a bound and its limit. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_scheme_config {
    /// sizeof(nsw_scheme_config); NSW_SCHEME_CONFIG_INIT sets it.
    pub size: u32,
    /// What may be lost, an NSW_BOUND_ constant.
    pub bound: u32,
    /// How much of it, at least 0.
    pub limit: f64,
    /// The trained network; it stays as it is, but it runs the samples.
    pub net: *mut nsw_net,
    /// Calibration samples, rows of the network's inputs.
    pub samples: *const f32,
    /// Number of values (not rows) in `samples`.
    pub samples_len: usize,
    /// Samples to judge on, rows of the network's inputs.
    pub inputs: *const f32,
    /// Number of values in `inputs`; 0 to judge on the calibration samples.
    pub inputs_len: usize,
    /// For NSW_BOUND_ACCURACY, a row of targets for each sample that is judged
    /// on; otherwise NULL.
    pub targets: *const f32,
    /// Number of values in `targets`.
    pub targets_len: usize,
    /// Told about refusals, about what looks wrong, and how each scheme did; may
    /// be NULL.
    pub logger: *const nsw_logger,
    /// How sums become values, an NSW_ROUNDING_ constant.
    pub rounding: u32,
    /// How the ranges of values follow from the calibration samples, an
    /// NSW_CALIBRATION_ constant.
    pub calibration: u32,
    /// As in nsw_qnet_config.
    pub percentile: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_scheme_config {
    const LEAST: usize = size_of::<nsw_scheme_config>();
}

/// What nsw_smallest_scheme found. NSW_SCHEME_CHOICE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_scheme_choice {
    /// sizeof(nsw_scheme_choice); NSW_SCHEME_CHOICE_INIT sets it.
    pub size: u32,
    /// The smallest scheme within the bound, an NSW_SCHEME_ constant; 0 if none
    /// is.
    pub scheme: u32,
    /// What NSW_SCHEME_INT8, INT16X8 and INT16 lost, in the bound's unit; NaN for
    /// those after the chosen one, which were not tried. Less than 0 where it
    /// classifies better than the float network.
    pub losses: [f64; 3],
    /// Bytes of their models; 0 for those that were not tried.
    pub model_sizes: [u32; 3],
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_scheme_choice {
    const LEAST: usize = size_of::<nsw_scheme_choice>();
}

unsafe fn read_config(config: *const nsw_scheme_config) -> Result<nsw_scheme_config> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    if config.reserved == 0 { Ok(config) } else { Err(Error::Invalid) }
}

unsafe fn config_footprint(config: *const nsw_scheme_config) -> Result<Layout> {
    // SAFETY: as above.
    unsafe {
        let config = read_config(config)?;
        let calibration = calibration(config.calibration, config.percentile)?;
        with_net(config.net, |net| SchemeConfig::footprint_for(net, calibration))
    }
}

/// The block of memory that nsw_smallest_scheme asks for and gives back, in
/// bytes. The samples do not matter here.
///
/// Errors: those of nsw_qnet_footprint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_smallest_scheme_footprint(
    config: *const nsw_scheme_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::tell_layout(size, align, || config_footprint(config)) }
}

/// Finds the scheme with the smallest model that loses no more than the bound:
/// fills `*choice`, whose `size` the caller has set (NSW_SCHEME_CHOICE_INIT).
/// Tries NSW_SCHEME_INT8, INT16X8 and INT16 in this order, one network after the
/// other in one block of `memory` (NULL: the system's heap), which is given back
/// at the end. The same samples and settings later make the same networks again,
/// by nsw_qnet_create and nsw_qnet16_create. That none is within the bound is no
/// error.
///
/// Errors: those of nsw_qnet_create, NSW_ERR_LENGTH for no samples to judge on, no
/// whole rows, or other targets than the bound asks for, NSW_ERR_INVALID for an
/// unknown bound and a limit that is negative or not finite,
/// NSW_ERR_NN_NOT_FINITE for NaN or infinity in samples, targets or the float
/// network's outputs. `*choice` is as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_smallest_scheme(
    config: *const nsw_scheme_config,
    memory: *const nsw_allocator,
    choice: *mut nsw_scheme_choice,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { find(config, memory, choice) })
}

/// # Safety
/// The pointers are NULL or what [`nsw_smallest_scheme`] asks for.
unsafe fn find(
    config: *const nsw_scheme_config,
    memory: *const nsw_allocator,
    choice: *mut nsw_scheme_choice,
) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe {
        check_pointer(choice)?;
        let owner = Owner::new(memory)?;
        let layout = config_footprint(config)?;
        let block = owner.allocate(layout)?;
        // A panic must not keep the block.
        let found = catch(|| with_config(config, Piece::from_raw(block, layout)));
        owner.free(block, layout);
        let found = found?;
        let filled = nsw_scheme_choice {
            size: 0,
            scheme: found.scheme.map_or(0, Scheme::code),
            losses: found.losses,
            // A model's length fits its header.
            model_sizes: found.model_sizes.map(|size| size as u32),
            reserved: 0,
        };
        structs::write(choice, &filled)
    }
}

/// # Safety
/// As [`find`].
unsafe fn with_config(
    config: *const nsw_scheme_config,
    piece: Piece<'_>,
) -> Result<crate::nn::SchemeChoice> {
    // SAFETY: the caller's word.
    unsafe {
        let config = read_config(config)?;
        let logger = CLogger::new(config.logger)?;
        let samples = input(config.samples, config.samples_len)?;
        let inputs = match config.inputs_len {
            0 => samples,
            len => input(config.inputs, len)?,
        };
        let targets = input(config.targets, config.targets_len)?;
        let bound = match config.bound {
            NSW_BOUND_ACCURACY => Bound::Accuracy(config.limit),
            NSW_BOUND_RMS => Bound::Rms(config.limit),
            NSW_BOUND_MAX => Bound::Max(config.limit),
            _ => return Err(Error::Invalid),
        };
        let calibration = calibration(config.calibration, config.percentile)?;
        let rounding = Rounding::from_code(config.rounding).ok_or(Error::Invalid)?;
        with_mut::<Net<'static>, _>(config.net, |net| {
            let logger = CLogger::as_dyn(&logger);
            smallest_in_piece(
                &mut SchemeConfig {
                    net,
                    samples,
                    inputs,
                    targets,
                    bound,
                    calibration,
                    rounding,
                    logger,
                },
                piece,
            )
        })
    }
}
