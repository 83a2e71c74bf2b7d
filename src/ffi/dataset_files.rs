//! Samples in files: FANN's text, CSV, IDX.

use super::dataset::nsw_dataset;
use super::handle::{self, call_ref};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{Output, bytes_of, input, read_text};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Csv, CsvConfig, Dataset, FannData, Idx, IdxConfig, Labels};

/// How CSV becomes samples. NSW_CSV_CONFIG_INIT: commas, no header, the last
/// column is the target. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_csv_config {
    /// sizeof(nsw_csv_config); NSW_CSV_CONFIG_INIT sets it.
    pub size: u32,
    /// The character between two fields, of ASCII; 0 means a comma.
    pub delimiter: u32,
    /// Not 0: the first line has names.
    pub header: u32,
    /// How many columns at the end are targets, if `targets` names none; 0 means
    /// 1.
    pub last: u32,
    /// Not 0: the samples have no targets.
    pub no_targets: u32,
    /// Not 0: the one target column holds whole numbers below this, a class
    /// each. The target of its class is 1, the others are 0.
    pub classes: u32,
    /// The columns of inputs, from 0, ascending; NULL: all but the targets.
    pub inputs: *const u32,
    /// Number of `inputs`.
    pub inputs_len: usize,
    /// The columns of targets, from 0, ascending; NULL: the last ones.
    pub targets: *const u32,
    /// Number of `targets`.
    pub targets_len: usize,
    /// The one target column holds names of classes: those of this line (UTF-8),
    /// which is written like a line of the file. NULL: it does not.
    pub class_names: *const u8,
    /// Bytes of `class_names`.
    pub class_names_len: usize,
    /// Told what is wrong, and in which line; may be NULL.
    pub logger: *const nsw_logger,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_csv_config {
    const LEAST: usize = core::mem::offset_of!(nsw_csv_config, inputs);
}

/// How the numbers of IDX files become samples. NSW_IDX_CONFIG_INIT: as they
/// are. For MNIST `scale` is 1 / 255 and `classes` 10. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_idx_config {
    /// sizeof(nsw_idx_config); NSW_IDX_CONFIG_INIT sets it.
    pub size: u32,
    /// Not 0: targets are whole numbers below this, one a sample, a class each.
    /// The target of its class is 1, the others are 0.
    pub classes: u32,
    /// What inputs are multiplied by; 0 means 1.
    pub scale: f32,
    /// 0.
    pub reserved: u32,
    /// Told what is wrong; may be NULL.
    pub logger: *const nsw_logger,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_idx_config {
    const LEAST: usize = core::mem::offset_of!(nsw_idx_config, logger);
}

/// Calls `f` with a file of FANN's.
unsafe fn with_fann<R>(
    (text, len): (*const u8, usize),
    logger: *const nsw_logger,
    f: impl FnOnce(&FannData<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe {
        let logger = CLogger::new(logger)?;
        f(&FannData::read(input(text, len)?, CLogger::as_dyn(&logger))?)
    }
}

/// Calls `f` with a CSV file.
unsafe fn with_csv<R>(
    (text, len): (*const u8, usize),
    config: *const nsw_csv_config,
    f: impl FnOnce(&Csv<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe {
        let config = structs::read(config)?;
        let logger = CLogger::new(config.logger)?;
        let names = read_text(config.class_names.cast(), config.class_names_len)?;
        let labels = match (config.classes, names) {
            (0, "") => Labels::Numbers,
            (0, names) => Labels::Names(names),
            (classes, "") => Labels::Classes(classes as usize),
            _ => return Err(Error::Invalid),
        };
        if config.no_targets != 0 && (config.last != 0 || config.targets_len != 0) {
            return Err(Error::Invalid);
        }
        let last = if config.no_targets != 0 { 0 } else { config.last.max(1) as usize };
        let config = CsvConfig {
            delimiter: delimiter(config.delimiter)?,
            header: config.header != 0,
            inputs: input(config.inputs, config.inputs_len)?,
            targets: input(config.targets, config.targets_len)?,
            last,
            labels,
            logger: CLogger::as_dyn(&logger),
        };
        f(&Csv::read(input(text, len)?, &config)?)
    }
}

fn delimiter(code: u32) -> Result<u8> {
    if code == 0 { Ok(b',') } else { u8::try_from(code).map_err(|_| Error::Invalid) }
}

/// Calls `f` with IDX files.
unsafe fn with_idx<R>(
    [(inputs, inputs_len), (targets, targets_len)]: [(*const u8, usize); 2],
    config: *const nsw_idx_config,
    f: impl FnOnce(&Idx<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe {
        let config = structs::read(config)?;
        if config.reserved != 0 {
            return Err(Error::Invalid);
        }
        let logger = CLogger::new(config.logger)?;
        let config = IdxConfig {
            scale: if config.scale == 0.0 { 1.0 } else { config.scale },
            classes: config.classes as usize,
            logger: CLogger::as_dyn(&logger),
        };
        f(&Idx::read(input(inputs, inputs_len)?, input(targets, targets_len)?, &config)?)
    }
}

/// The memory that nsw_dataset_load_fann takes for this text of `text_len` bytes.
/// `logger` (may be NULL) is told what is wrong with a bad one, and in which
/// line.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_DATA_HEADER unless it begins
/// with the numbers of samples, inputs and outputs, NSW_ERR_DATA_TRUNCATED if so
/// many numbers cannot be in it. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_fann_footprint(
    text: *const u8,
    text_len: usize,
    logger: *const nsw_logger,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            with_fann((text, text_len), logger, |file| Dataset::load_footprint(file))
        })
    }
}

/// Makes a dataset of the samples of FANN's training data (what fann_save_train
/// writes): a text of `text_len` bytes, which may go away after the call.
///
/// Errors: those of nsw_dataset_load_fann_footprint, NSW_ERR_DATA_TRUNCATED,
/// NSW_ERR_DATA_LENGTH if there are more numbers than it begins with (libfann
/// would pass them over), NSW_ERR_DATA_NUMBER for what is none,
/// NSW_ERR_NN_NOT_FINITE for NaN and infinity, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dataset` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_fann(
    text: *const u8,
    text_len: usize,
    logger: *const nsw_logger,
    memory: *const nsw_allocator,
    dataset: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Dataset<'static>>(
            memory,
            dataset,
            || with_fann((text, text_len), logger, |file| Dataset::load_footprint(file)),
            |piece| with_fann((text, text_len), logger, |file| Dataset::load_in_piece(file, piece)),
        )
    }
}

/// The memory that nsw_dataset_load_csv takes for this text of `text_len` bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside
/// its range, NSW_ERR_DATA_HEADER if there is no row or not the columns that are
/// asked for, NSW_ERR_DATA_ROW for a row of another number of columns or quotes
/// that do not end. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_csv_footprint(
    text: *const u8,
    text_len: usize,
    config: *const nsw_csv_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            with_csv((text, text_len), config, |file| Dataset::load_footprint(file))
        })
    }
}

/// Makes a dataset of the rows of a CSV text (RFC 4180; lines that are empty are
/// passed over) of `text_len` bytes, which may go away after the call.
///
/// Errors: those of nsw_dataset_load_csv_footprint, NSW_ERR_DATA_NUMBER,
/// NSW_ERR_DATA_LABEL, NSW_ERR_NN_NOT_FINITE for NaN and infinity, and
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dataset` is
/// NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_csv(
    text: *const u8,
    text_len: usize,
    config: *const nsw_csv_config,
    memory: *const nsw_allocator,
    dataset: *mut *mut nsw_dataset,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Dataset<'static>>(
            memory,
            dataset,
            || with_csv((text, text_len), config, |file| Dataset::load_footprint(file)),
            |piece| with_csv((text, text_len), config, |file| Dataset::load_in_piece(file, piece)),
        )
    }
}

/// The memory that nsw_dataset_load_idx takes for these files of `inputs_len` and
/// `targets_len` bytes; with 0 bytes of targets the samples have none.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside
/// its range, NSW_ERR_DATA_HEADER for what is no IDX file or has no numbers,
/// NSW_ERR_DATA_TRUNCATED, NSW_ERR_DATA_LENGTH for more bytes than the dimensions
/// say or other numbers of samples. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_idx_footprint(
    inputs: *const u8,
    inputs_len: usize,
    targets: *const u8,
    targets_len: usize,
    config: *const nsw_idx_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Dataset<'static>>(size, align, || {
            let files = [(inputs, inputs_len), (targets, targets_len)];
            with_idx(files, config, |file| Dataset::load_footprint(file))
        })
    }
}

/// Makes a dataset of the numbers of IDX files (the format of MNIST, not
/// compressed), which may go away after the call: unsigned and signed bytes,
/// 16-bit and 32-bit integers, floats and doubles, in any dimensions, the first of
/// which is the samples.
///
/// Errors: those of nsw_dataset_load_idx_footprint, NSW_ERR_DATA_LABEL for a label
/// that is no class, NSW_ERR_NN_NOT_FINITE for NaN and infinity, and
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dataset` is
/// NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_load_idx(
    inputs: *const u8,
    inputs_len: usize,
    targets: *const u8,
    targets_len: usize,
    config: *const nsw_idx_config,
    memory: *const nsw_allocator,
    dataset: *mut *mut nsw_dataset,
) -> nsw_status {
    let files = [(inputs, inputs_len), (targets, targets_len)];
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Dataset<'static>>(
            memory,
            dataset,
            || with_idx(files, config, |file| Dataset::load_footprint(file)),
            |piece| with_idx(files, config, |files| Dataset::load_in_piece(files, piece)),
        )
    }
}

/// Writes text to the caller, whose buffer lies apart from the numbers.
unsafe fn write_text(
    dataset: *const nsw_dataset,
    output: Output<u8>,
    len: impl FnOnce(&Dataset<'static>) -> Result<usize>,
    write: impl FnOnce(&Dataset<'static>, &mut [u8]) -> Result<usize>,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe {
        call_ref::<Dataset<'static>>(dataset, |dataset| {
            let needed = len(dataset)?;
            output.take(needed, &bytes_of(dataset.inputs()))?;
            write(dataset, output.take(needed, &bytes_of(dataset.targets()))?).map(|_| ())
        })
    }
}

/// Writes the samples as FANN's training data, which libfann reads
/// (fann_read_train_from_file) as the same numbers: at most `cap` bytes to
/// `text`, without a zero at the end; the length goes to `*text_len` (which may be
/// NULL).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_NN_NOT_FINITE,
/// NSW_ERR_INVALID if `text` lies in the numbers, NSW_ERR_BUFFER_TOO_SMALL:
/// `*text_len` is what is needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_save_fann(
    dataset: *const nsw_dataset,
    text: *mut u8,
    text_cap: usize,
    text_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: text, capacity: text_cap, len: text_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { write_text(dataset, output, Dataset::fann_len, Dataset::save_fann) }
}

/// Writes the samples as CSV, a line each, inputs before targets, without a
/// header; `delimiter` is the character between two numbers, 0 means a comma.
/// Otherwise as nsw_dataset_save_fann.
///
/// Errors: those of nsw_dataset_save_fann, NSW_ERR_INVALID for a delimiter that can
/// be part of a number, a quote, a line end or beyond ASCII.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_save_csv(
    dataset: *const nsw_dataset,
    delimiter: u32,
    text: *mut u8,
    text_cap: usize,
    text_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: text, capacity: text_cap, len: text_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        write_text(
            dataset,
            output,
            |dataset| dataset.csv_len(self::delimiter(delimiter)?),
            |dataset, buffer| dataset.save_csv(buffer, self::delimiter(delimiter)?),
        )
    }
}
