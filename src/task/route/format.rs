//! A router as bytes, read in place.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `NSRT` |
//! | 4 | 2 | version: 1 |
//! | 6 | 2 | parts of a row: its length is 16 times that, 1 to 16 |
//! | 8 | 2 | tasks, 1 to 4,096 |
//! | 10 | 2 | 1 if a last class stands for what is out of scope, else 0 |
//! | 12 | 4 | blocks of the table, 1 to 2^24 |
//! | 16 | 4 | bytes of the tasks' names |
//! | 20 | 4 | float32: confidence below which a text is out of scope, 0 to 1 |
//! | 24 | 4 | XXH32 of all that follows it, and of the bytes before it as the seed |
//! | 28 | | the table: blocks of 16 int8 |
//! | | | each class's row: int8 |
//! | | | each class's scale: float32, above 0 or 0 |
//! | | | each class's bias: float32 |
//! | | | each task's name: its length in one byte, then UTF-8 |
//!
//! All numbers are little-endian; nothing needs an alignment.

use xxhash_rust::xxh32::xxh32;

use crate::error::{Error, Result};

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;
/// Longest row.
pub(super) const MAX_WIDTH: usize = 256;
/// Most tasks of a router.
pub const MAX_TASKS: usize = 4096;
/// Longest name of a task in bytes: its length is one.
#[cfg(feature = "alloc")]
pub(super) const MAX_NAME: usize = 255;
const MAX_BLOCKS: usize = 1 << 24;
const MAGIC: &[u8; 4] = b"NSRT";
const VERSION: u16 = 1;
const HEAD: usize = 28;

/// A model whose bytes were checked.
#[derive(Clone, Copy)]
pub(super) struct Model<'a> {
    /// Numbers of a row.
    pub width: usize,
    pub tasks: usize,
    pub blocks: u32,
    pub threshold: f32,
    pub table: &'a [i8],
    pub rows: &'a [i8],
    scales: &'a [u8],
    biases: &'a [u8],
    names: &'a [u8],
}

/// The sizes of a model's parts.
#[derive(Clone, Copy)]
struct Sizes {
    width: usize,
    classes: usize,
    blocks: usize,
    names: usize,
}

impl Sizes {
    fn total(&self) -> Option<usize> {
        let table = self.blocks.checked_mul(BLOCK)?;
        let rows = self.classes.checked_mul(self.width)?;
        let numbers = self.classes.checked_mul(8)?;
        HEAD.checked_add(table)?.checked_add(rows)?.checked_add(numbers)?.checked_add(self.names)
    }
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) | u32::from(half(bytes, at + 2)) << 16
}

fn float(bytes: &[u8], index: usize) -> f32 {
    f32::from_bits(word(bytes, 4 * index))
}

fn checksum(bytes: &[u8]) -> u32 {
    xxh32(&bytes[HEAD..], xxh32(&bytes[..HEAD - 4], 0))
}

impl<'a> Model<'a> {
    /// Reads bytes in place.
    ///
    /// # Errors
    /// [`Error::TaskFormat`] for what is not a model, is damaged, or has more behind it;
    /// [`Error::Unsupported`] for a version that this library does not read.
    pub fn read(bytes: &'a [u8]) -> Result<Model<'a>> {
        let format = Error::TaskFormat;
        if bytes.len() < HEAD || &bytes[..4] != MAGIC {
            return Err(format);
        }
        if half(bytes, 4) != VERSION {
            return Err(Error::Unsupported);
        }
        let width = usize::from(half(bytes, 6)) * BLOCK;
        let tasks = usize::from(half(bytes, 8));
        let other = usize::from(half(bytes, 10));
        let blocks = word(bytes, 12) as usize;
        let names = word(bytes, 16) as usize;
        let threshold = float(bytes, 5);
        let good = (BLOCK..=MAX_WIDTH).contains(&width)
            && (1..=MAX_TASKS).contains(&tasks)
            && other <= 1
            && (1..=MAX_BLOCKS).contains(&blocks)
            && (0.0..=1.0).contains(&threshold);
        let classes = tasks + other;
        let sizes = Sizes { width, classes, blocks, names };
        // A fuzzer would not find a sum that fits.
        let sum = cfg!(fuzzing) || word(bytes, 24) == checksum(bytes);
        if !good || sizes.total() != Some(bytes.len()) || !sum {
            return Err(format);
        }
        let (table, rest) = bytes[HEAD..].split_at(blocks * BLOCK);
        let (rows, rest) = rest.split_at(classes * width);
        let (scales, rest) = rest.split_at(classes * 4);
        let (biases, names) = rest.split_at(classes * 4);
        let model = Model {
            width,
            tasks,
            blocks: blocks as u32,
            threshold,
            table: bytemuck::cast_slice(table),
            rows: bytemuck::cast_slice(rows),
            scales,
            biases,
            names,
        };
        let number = |class| {
            let (scale, bias) = (model.scale(class), model.bias(class));
            (0.0..=1e6).contains(&scale) && (-1e6..=1e6).contains(&bias)
        };
        let named = model.names().count() == tasks && model.names_are_whole();
        if (0..classes).all(number) && named { Ok(model) } else { Err(format) }
    }

    pub fn scale(&self, class: usize) -> f32 {
        float(self.scales, class)
    }

    pub fn bias(&self, class: usize) -> f32 {
        float(self.biases, class)
    }

    /// The tasks' names in order; ends at what is no name.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let mut rest = self.names;
        core::iter::from_fn(move || {
            let (len, behind) = rest.split_first()?;
            let (name, behind) = behind.split_at_checked(usize::from(*len))?;
            rest = behind;
            core::str::from_utf8(name).ok()
        })
    }

    fn names_are_whole(&self) -> bool {
        self.names().map(|name| name.len() + 1).sum::<usize>() == self.names.len()
    }
}

/// Bytes of a model.
#[cfg(feature = "alloc")]
pub(super) fn len(width: usize, classes: usize, blocks: usize, names: usize) -> Option<usize> {
    Sizes { width, classes, blocks, names }.total()
}

/// What a model is written from.
#[cfg(feature = "alloc")]
pub(super) struct Parts<'a> {
    pub width: usize,
    pub tasks: &'a [&'a str],
    pub out_of_scope: bool,
    pub threshold: f32,
    pub table: &'a [i8],
    pub rows: &'a [i8],
    pub scales: &'a [f32],
    pub biases: &'a [f32],
}

#[cfg(feature = "alloc")]
impl Parts<'_> {
    /// The model's bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what [`Model::read`] would refuse.
    pub fn write(&self) -> Result<alloc::vec::Vec<u8>> {
        let mut out = alloc::vec::Vec::new();
        if self.tasks.iter().any(|name| name.len() > MAX_NAME) || self.tasks.len() > MAX_TASKS {
            return Err(Error::Invalid);
        }
        let names: usize = self.tasks.iter().map(|name| name.len() + 1).sum();
        out.extend(MAGIC);
        for half in [
            VERSION,
            (self.width / BLOCK) as u16,
            self.tasks.len() as u16,
            u16::from(self.out_of_scope),
        ] {
            out.extend(half.to_le_bytes());
        }
        let blocks = self.table.len() / BLOCK;
        for word in [blocks as u32, names as u32, self.threshold.to_bits(), 0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytemuck::cast_slice::<i8, u8>(self.table));
        out.extend(bytemuck::cast_slice::<i8, u8>(self.rows));
        for number in self.scales.iter().chain(self.biases) {
            out.extend(number.to_le_bytes());
        }
        for name in self.tasks {
            out.push(name.len() as u8);
            out.extend(name.as_bytes());
        }
        let sum = checksum(&out);
        out[HEAD - 4..HEAD].copy_from_slice(&sum.to_le_bytes());
        Model::read(&out).map_err(|_| Error::Invalid)?;
        Ok(out)
    }
}

/// Another threshold in a model's bytes.
#[cfg(feature = "alloc")]
pub(super) fn set_threshold(bytes: &mut [u8], threshold: f32) -> Result<()> {
    Model::read(bytes)?;
    if !(0.0..=1.0).contains(&threshold) {
        return Err(Error::Invalid);
    }
    bytes[20..24].copy_from_slice(&threshold.to_le_bytes());
    let sum = checksum(bytes);
    bytes[HEAD - 4..HEAD].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}
