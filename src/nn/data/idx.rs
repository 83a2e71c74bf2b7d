//! IDX, the format of MNIST, read.
//!
//! Two zero bytes, the type of the numbers, how many dimensions; the dimensions
//! as 32-bit numbers, then the numbers, all big-endian
//! (<http://yann.lecun.com/exdb/mnist/>). The first dimension is the samples.

use super::DataShape;
use super::table::{Fill, Table, one_hot};
use crate::error::{Error, Result};
use crate::port::{Level, Line, Logger};

/// How the numbers of IDX files become samples.
#[derive(Clone, Copy)]
pub struct IdxConfig<'a> {
    /// What inputs are multiplied by: 1 / 255 brings bytes into 0..1. Finite,
    /// not 0.
    pub scale: f32,
    /// Into how many classes the labels 0, 1, ... are spread: the target of its
    /// class is 1, the others are 0. With 0 the labels are the targets.
    pub classes: usize,
    /// Told what is wrong.
    pub logger: Option<&'a dyn Logger>,
}

impl IdxConfig<'_> {
    /// Bytes to 0..1, ten classes.
    pub const MNIST: IdxConfig<'static> =
        IdxConfig { scale: 1.0 / 255.0, classes: 10, logger: None };
}

impl Default for IdxConfig<'_> {
    /// All numbers as they are.
    fn default() -> Self {
        IdxConfig { scale: 1.0, classes: 0, logger: None }
    }
}

/// One IDX file for inputs, and perhaps one for targets, whose dimensions have
/// been read. It borrows both.
#[derive(Clone, Copy)]
pub struct Idx<'t> {
    shape: DataShape,
    inputs: Array<'t>,
    targets: Option<Array<'t>>,
    config: IdxConfig<'t>,
}

/// The numbers of one file.
#[derive(Clone, Copy)]
struct Array<'t> {
    kind: Kind,
    rows: usize,
    width: usize,
    numbers: &'t [u8],
}

#[derive(Clone, Copy)]
enum Kind {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Kind {
    fn from_code(code: u8) -> Option<Kind> {
        Some(match code {
            0x08 => Kind::U8,
            0x09 => Kind::I8,
            0x0b => Kind::I16,
            0x0c => Kind::I32,
            0x0d => Kind::F32,
            0x0e => Kind::F64,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::I16 => 2,
            Kind::I32 | Kind::F32 => 4,
            Kind::F64 => 8,
        }
    }
}

impl<'t> Array<'t> {
    fn read(file: &'t [u8], logger: Option<&dyn Logger>) -> Result<Array<'t>> {
        let refuse = |error: Error, text: &str| {
            Line::new(error.message()).text(": ").text(text).send(logger, Level::Error);
            Err(error)
        };
        let (&[a, b, kind, count], rest) = match file.split_first_chunk::<4>() {
            Some(found) => found,
            None => return refuse(Error::DataHeader, "an IDX file begins with four bytes"),
        };
        if [a, b] == [0x1f, 0x8b] {
            return refuse(Error::DataHeader, "compressed with gzip; unpack it before");
        }
        let Some(kind) = Kind::from_code(kind).filter(|_| a == 0 && b == 0 && count > 0) else {
            return refuse(Error::DataHeader, "not an IDX file");
        };
        let Some((dimensions, numbers)) = rest.split_at_checked(4 * usize::from(count)) else {
            return refuse(Error::DataTruncated, "dimensions");
        };
        let mut sizes = dimensions.as_chunks().0.iter().map(|d| u32::from_be_bytes(*d) as usize);
        let rows = sizes.next().unwrap_or(0);
        let width = sizes.try_fold(1usize, |all, size| all.checked_mul(size));
        let bytes = width.and_then(|width| rows.checked_mul(width)?.checked_mul(kind.bytes()));
        match (width, bytes) {
            (Some(width), Some(bytes)) if bytes <= numbers.len() => {
                if rows == 0 || width == 0 {
                    return refuse(Error::DataHeader, "a dimension is 0");
                }
                if bytes < numbers.len() {
                    return refuse(Error::DataLength, "more bytes than its dimensions say");
                }
                Ok(Array { kind, rows, width, numbers })
            }
            _ => refuse(Error::DataTruncated, "fewer bytes than its dimensions say"),
        }
    }

    fn row(&self, index: usize) -> impl Iterator<Item = f32> + 't {
        let bytes = self.kind.bytes();
        let width = self.width * bytes;
        let kind = self.kind;
        self.numbers[index * width..][..width].chunks_exact(bytes).map(move |number| {
            match (kind, number) {
                (Kind::U8, [a]) => f32::from(*a),
                (Kind::I8, [a]) => f32::from(*a as i8),
                (Kind::I16, [a, b]) => f32::from(i16::from_be_bytes([*a, *b])),
                (Kind::I32, [a, b, c, d]) => i32::from_be_bytes([*a, *b, *c, *d]) as f32,
                (Kind::F32, [a, b, c, d]) => f32::from_be_bytes([*a, *b, *c, *d]),
                (_, number) => f64::from_be_bytes(number.try_into().unwrap_or([0; 8])) as f32,
            }
        })
    }
}

impl<'t> Idx<'t> {
    /// Reads the dimensions of `inputs`, and of `targets` unless that is empty
    /// (then the samples have none).
    ///
    /// [`Error::DataHeader`] for what is no IDX file or has no numbers,
    /// [`Error::DataTruncated`], [`Error::DataLength`] for more bytes than the
    /// dimensions say or other numbers of samples, [`Error::Invalid`] for a
    /// scale outside its range; and from [`Dataset::load`](super::Dataset::load)
    /// [`Error::DataLabel`] for a label that is no class. The logger is told.
    pub fn read(inputs: &'t [u8], targets: &'t [u8], config: &IdxConfig<'t>) -> Result<Idx<'t>> {
        if !config.scale.is_finite() || config.scale == 0.0 {
            return Err(Error::Invalid);
        }
        let inputs = Array::read(inputs, config.logger)?;
        let targets = match targets {
            [] => None,
            targets => Some(Array::read(targets, config.logger)?),
        };
        let outputs = targets.map_or(0, |targets| match config.classes {
            0 => targets.width,
            classes => classes,
        });
        if targets.is_some_and(|targets| {
            targets.rows != inputs.rows || (config.classes > 0 && targets.width != 1)
        }) {
            Line::new("not one label for each sample").send(config.logger, Level::Error);
            return Err(Error::DataLength);
        }
        let shape = DataShape { samples: inputs.rows, inputs: inputs.width, outputs };
        Ok(Idx { shape, inputs, targets, config: *config })
    }

    fn refuse(&self, sample: usize, error: Error) -> Error {
        let line = Line::new("sample ").number(sample).text(": ").text(error.message());
        line.send(self.config.logger, Level::Error);
        error
    }
}

impl Table for Idx<'_> {
    fn shape(&self) -> DataShape {
        self.shape
    }
}

impl Fill for Idx<'_> {
    fn fill(&self, inputs: &mut [f32], targets: &mut [f32]) -> Result<()> {
        let DataShape { samples, inputs: inputs_each, outputs } = self.shape;
        for i in 0..samples {
            let row = &mut inputs[i * inputs_each..][..inputs_each];
            row.iter_mut().zip(self.inputs.row(i)).for_each(|(to, x)| *to = x * self.config.scale);
            let wanted = &mut targets[i * outputs..][..outputs];
            if let Some(from) = &self.targets {
                match from.row(i).next() {
                    Some(label) if self.config.classes > 0 => {
                        one_hot(wanted, label).map_err(|error| self.refuse(i, error))?;
                    }
                    _ => wanted.iter_mut().zip(from.row(i)).for_each(|(to, x)| *to = x),
                }
            }
            if !row.iter().chain(&*wanted).all(|x| x.is_finite()) {
                return Err(self.refuse(i, Error::NnNotFinite));
            }
        }
        Ok(())
    }
}

impl core::fmt::Debug for Idx<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Idx").field("shape", &self.shape).finish_non_exhaustive()
    }
}
