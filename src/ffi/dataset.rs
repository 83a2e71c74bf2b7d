//! Samples: making them, what is in them, what is done to them.

use super::handle::{self, Object, call_mut, call_ref, with_ref};
use super::port::nsw_allocator;
use super::slices::bytes_of;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use super::trainer_config::{nsw_data, read_data};
use crate::error::{Error, Result};
use crate::nn::{Data, DataShape, Dataset};

/// What a new dataset has room for. NSW_DATASET_CONFIG_INIT, then at least
/// `inputs`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_dataset_config {
    /// sizeof(nsw_dataset_config); NSW_DATASET_CONFIG_INIT sets it.
    pub size: u32,
    /// Inputs of a sample, at least 1.
    pub inputs: u32,
    /// Targets of a sample; 0 for samples without.
    pub outputs: u32,
    /// 0.
    pub reserved: u32,
    /// Room for so many samples.
    pub capacity: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_dataset_config {
    const LEAST: usize = size_of::<nsw_dataset_config>();
}

/// What a dataset is. NSW_DATASET_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_dataset_info {
    /// sizeof(nsw_dataset_info); NSW_DATASET_INFO_INIT sets it.
    pub size: u32,
    /// Inputs of a sample.
    pub inputs: u32,
    /// Targets of a sample.
    pub outputs: u32,
    /// 1 if it reads its numbers in place and so cannot be changed, else 0.
    pub read_only: u32,
    /// Number of samples.
    pub samples: usize,
    /// Room for so many samples.
    pub capacity: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_dataset_info {
    const LEAST: usize = size_of::<nsw_dataset_info>();
}

/// Samples: rows of inputs and as many rows of targets, of its own or lent by the
/// caller (nsw_dataset_view). One thread at a time; functions that take a const
/// pointer may run side by side.
pub struct nsw_dataset {
    _opaque: [u8; 0],
}

impl Object for Dataset<'static> {
    type C = nsw_dataset;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswD");
}

unsafe fn shape(config: *const nsw_dataset_config) -> Result<DataShape> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    if config.reserved != 0 {
        return Err(Error::Invalid);
    }
    let (inputs, outputs) = (config.inputs as usize, config.outputs as usize);
    Ok(DataShape { samples: config.capacity, inputs, outputs })
}

/// The memory that a dataset of this configuration takes: the one block that
/// nsw_dataset_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for no inputs,
/// NSW_ERR_OVERFLOW. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_footprint(
    config: *const nsw_dataset_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || Dataset::footprint(shape(config)?))
    }
}

/// Makes a dataset without samples, and with room for `capacity`, in one block of
/// `memory` (NULL: the system's heap): nsw_dataset_append fills it. The caller
/// owns `*dataset` and ends it with nsw_dataset_destroy.
///
/// Errors: those of nsw_dataset_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dataset` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_create(
    config: *const nsw_dataset_config,
    memory: *const nsw_allocator,
    dataset: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Dataset<'static>, _>(
            memory,
            dataset,
            || shape(config).and_then(|shape| Ok((Dataset::footprint(shape)?, shape))),
            |piece, shape| Dataset::in_piece(shape, piece),
        )
    }
}

/// Destroys a dataset and gives its block back. NULL is fine, and so is an
/// already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_destroy(dataset: *mut nsw_dataset) {
    // SAFETY: NULL or a dataset, by the documentation above.
    unsafe { handle::destroy::<Dataset<'static>>(dataset) };
}

/// The caller's samples as a dataset.
unsafe fn over(data: *const nsw_data, inputs: u32, outputs: u32) -> Result<Dataset<'static>> {
    // SAFETY: NULL or samples that stay, as the callers document.
    let data: Data<'static> = unsafe { read_data(data) }?;
    if data.weights.is_some() {
        return Err(Error::Unsupported);
    }
    Dataset::over(data.inputs, data.targets, inputs as usize, outputs as usize)
}

/// The memory that nsw_dataset_view takes: without the numbers.
///
/// Errors: those of nsw_dataset_view but those of the memory. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_view_footprint(
    data: *const nsw_data,
    inputs: u32,
    outputs: u32,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            over(data, inputs, outputs).map(|_| handle::NOTHING)
        })
    }
}

/// Makes a dataset over samples that lie in memory, of `inputs` inputs and
/// `outputs` targets each: nothing is copied, and the numbers (not `*data`) must
/// stay as they are until the dataset is destroyed. What would change them
/// answers NSW_ERR_READ_ONLY.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH unless inputs and
/// targets are whole rows and as many, NSW_ERR_INVALID for no inputs,
/// NSW_ERR_UNSUPPORTED for samples with weights, NSW_ERR_OVERFLOW, and
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dataset` is
/// NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_view(
    data: *const nsw_data,
    inputs: u32,
    outputs: u32,
    memory: *const nsw_allocator,
    dataset: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above; the
    // caller keeps the numbers alive.
    unsafe {
        handle::create_from::<Dataset<'static>, _>(
            memory,
            dataset,
            || Ok((handle::NOTHING, over(data, inputs, outputs)?)),
            |_, made| Ok(made),
        )
    }
}

/// Calls `f` with a dataset that stays as it is meanwhile.
///
/// # Safety
/// `dataset` is NULL or points to memory that holds (or held) an object.
unsafe fn with_dataset<R>(
    dataset: *const nsw_dataset,
    f: impl FnOnce(&Dataset<'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    unsafe { with_ref::<Dataset<'static>, R>(dataset, f) }
}

/// The memory that nsw_dataset_copy takes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_copy_footprint(
    dataset: *const nsw_dataset,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            with_dataset(dataset, Dataset::copy_footprint)
        })
    }
}

/// Makes a dataset of the same samples in one block of `memory` (NULL: the
/// system's heap), with numbers of its own. The caller owns `*copy` and ends it
/// with nsw_dataset_destroy.
///
/// Errors: those of nsw_dataset_copy_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*copy` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_copy(
    dataset: *const nsw_dataset,
    memory: *const nsw_allocator,
    copy: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Dataset<'static>>(
            memory,
            copy,
            || with_dataset(dataset, Dataset::copy_footprint),
            |piece| with_dataset(dataset, |dataset| dataset.copy_in_piece(piece)),
        )
    }
}

/// The memory that nsw_dataset_merge takes.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_NN_MISMATCH if
/// they have other numbers of inputs or targets, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_merge_footprint(
    dataset: *const nsw_dataset,
    other: *const nsw_dataset,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            with_dataset(dataset, |one| with_dataset(other, |other| one.merge_footprint(other)))
        })
    }
}

/// Makes a dataset of the samples of two, those of `other` behind, in one block
/// of `memory` (NULL: the system's heap). The caller owns `*merged` and ends it
/// with nsw_dataset_destroy.
///
/// Errors: those of nsw_dataset_merge_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*merged` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_merge(
    dataset: *const nsw_dataset,
    other: *const nsw_dataset,
    memory: *const nsw_allocator,
    merged: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Dataset<'static>>(
            memory,
            merged,
            || with_dataset(dataset, |one| with_dataset(other, |other| one.merge_footprint(other))),
            |piece| {
                with_dataset(dataset, |one| {
                    with_dataset(other, |other| one.merge_in_piece(other, piece))
                })
            },
        )
    }
}

/// Fills `*info`, whose `size` the caller has set (NSW_DATASET_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_describe(
    dataset: *const nsw_dataset,
    info: *mut nsw_dataset_info,
) -> nsw_status {
    let describe = |dataset: &Dataset<'static>| {
        let DataShape { samples, inputs, outputs } = dataset.shape();
        let filled = nsw_dataset_info {
            size: 0,
            inputs: inputs as u32,
            outputs: outputs as u32,
            read_only: u32::from(dataset.is_read_only()),
            samples,
            capacity: dataset.capacity(),
        };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(info, &filled) }
    };
    // SAFETY: NULL or a dataset, by the documentation above.
    unsafe { call_ref::<Dataset<'static>>(dataset, describe) }
}

/// Adds samples behind the others: whole rows of inputs and as many of targets.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH, NSW_ERR_UNSUPPORTED for samples with weights,
/// NSW_ERR_INVALID for samples that lie in the dataset, NSW_ERR_READ_ONLY,
/// NSW_ERR_CAPACITY if there is not room for all. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_append(
    dataset: *mut nsw_dataset,
    data: *const nsw_data,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Dataset<'static>>(dataset, |dataset| {
            let own = dataset.memory().map(bytes_of);
            let data = read_data(data)?;
            let apart = [data.inputs, data.targets]
                .map(bytes_of)
                .iter()
                .all(|lent| own.iter().all(|own| lent.start >= own.end || own.start >= lent.end));
            match data.weights {
                Some(_) => Err(Error::Unsupported),
                None if !apart && !dataset.is_read_only() => Err(Error::Invalid),
                None => dataset.append(data.inputs, data.targets),
            }
        })
    }
}

/// Writes where samples lie.
unsafe fn lend(data: *mut nsw_data, samples: &Dataset<'_>) -> Result<()> {
    let lent = nsw_data {
        size: 0,
        reserved: 0,
        inputs: samples.inputs().as_ptr(),
        inputs_len: samples.inputs().len(),
        targets: samples.targets().as_ptr(),
        targets_len: samples.targets().len(),
        weights: core::ptr::null(),
        weights_len: 0,
    };
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe { structs::write(data, &lent) }
}

/// Fills `*data` (NSW_DATA_INIT) with all samples, to train with. The pointers
/// hold until the dataset is destroyed or samples are added; shuffling and
/// scaling change what they point to.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_data(
    dataset: *const nsw_dataset,
    data: *mut nsw_data,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dataset<'static>>(dataset, |dataset| lend(data, dataset)) }
}

/// Fills `*data` (NSW_DATA_INIT) with `count` samples from the one at `from` on,
/// where they are. The pointers hold as those of nsw_dataset_data.
///
/// Errors: those of nsw_dataset_data, NSW_ERR_INVALID if there are not so many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_subset(
    dataset: *const nsw_dataset,
    from: usize,
    count: usize,
    data: *mut nsw_data,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Dataset<'static>>(dataset, |dataset| {
            let end = from.checked_add(count).ok_or(Error::Invalid)?;
            lend(data, &dataset.subset(from..end)?)
        })
    }
}

/// Fills `*first` (NSW_DATA_INIT) with the samples before the one at `at` and
/// `*rest` with those from there on, where they are: to train and to validate,
/// for example. The pointers hold as those of nsw_dataset_data.
///
/// Errors: those of nsw_dataset_data, NSW_ERR_INVALID if there are fewer than
/// `at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_split(
    dataset: *const nsw_dataset,
    at: usize,
    first: *mut nsw_data,
    rest: *mut nsw_data,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Dataset<'static>>(dataset, |dataset| {
            let parts = dataset.split(at)?;
            lend(first, &parts.0)?;
            lend(rest, &parts.1)
        })
    }
}

/// Brings the samples into a random order, the same for the same seed on every
/// machine.
///
/// Errors: those of a bad handle, NSW_ERR_READ_ONLY for samples that are lent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_shuffle(dataset: *mut nsw_dataset, seed: u64) -> nsw_status {
    // SAFETY: NULL or a dataset, by the documentation above.
    unsafe { call_mut::<Dataset<'static>>(dataset, |dataset| dataset.shuffle(seed)) }
}
