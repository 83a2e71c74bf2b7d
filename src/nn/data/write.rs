//! Samples as text: FANN's and CSV. The digits are the fewest that read as the
//! same number again.

use core::fmt::{self, Write};

use super::Dataset;
use crate::error::{Error, Result};
use crate::nn::format::Text;

/// A number in as few digits as tell it.
struct Short(f32);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || (1e-5..1e7).contains(&size) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

/// Numbers in a line, with this between them.
fn line<'a>(
    text: &mut Text<'_>,
    between: char,
    mut numbers: impl Iterator<Item = &'a f32>,
) -> fmt::Result {
    if let Some(first) = numbers.next() {
        write!(text, "{}", Short(*first))?;
    }
    numbers.try_for_each(|x| write!(text, "{between}{}", Short(*x)))?;
    text.write_str("\n")
}

impl Dataset<'_> {
    /// Writes the samples as FANN's training data; returns the length of the
    /// text. [`Error::BufferTooSmall`] if that is more than the buffer has
    /// (what is in the buffer then means nothing;
    /// [`fann_len`](Dataset::fann_len) tells the length before),
    /// [`Error::NnNotFinite`].
    pub fn save_fann(&self, buffer: &mut [u8]) -> Result<usize> {
        fitting(buffer.len(), self.fann(buffer)?)
    }

    /// Bytes that [`save_fann`](Dataset::save_fann) writes.
    pub fn fann_len(&self) -> Result<usize> {
        self.fann(&mut [])
    }

    /// Writes the samples as CSV, a line each, inputs before targets, without a
    /// header. Otherwise as [`save_fann`](Dataset::save_fann), and
    /// [`Error::Invalid`] for a delimiter that can be part of a number, a
    /// quote, a line end or beyond ASCII.
    pub fn save_csv(&self, buffer: &mut [u8], delimiter: u8) -> Result<usize> {
        fitting(buffer.len(), self.csv(buffer, delimiter)?)
    }

    /// Bytes that [`save_csv`](Dataset::save_csv) writes.
    pub fn csv_len(&self, delimiter: u8) -> Result<usize> {
        self.csv(&mut [], delimiter)
    }

    fn fann(&self, buffer: &mut [u8]) -> Result<usize> {
        let shape = self.shape;
        self.print(buffer, |text| {
            writeln!(text, "{} {} {}", shape.samples, shape.inputs, shape.outputs)?;
            self.rows().try_for_each(|(inputs, targets)| {
                line(text, ' ', inputs.iter())?;
                line(text, ' ', targets.iter())
            })
        })
    }

    fn csv(&self, buffer: &mut [u8], delimiter: u8) -> Result<usize> {
        let between = char::from(delimiter);
        if !delimiter.is_ascii()
            || delimiter.is_ascii_alphanumeric()
            || ['"', '\n', '\r', '.', '-', '+'].contains(&between)
        {
            return Err(Error::Invalid);
        }
        self.print(buffer, |text| {
            let mut rows = self.rows();
            rows.try_for_each(|(inputs, targets)| line(text, between, inputs.iter().chain(targets)))
        })
    }

    /// Prints into as much of the buffer as there is; returns the whole length.
    fn print(
        &self,
        buffer: &mut [u8],
        print: impl FnOnce(&mut Text<'_>) -> fmt::Result,
    ) -> Result<usize> {
        if !self.inputs().iter().chain(self.targets()).all(|x| x.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        let mut text = Text::new(buffer);
        // Writing into a Text cannot fail.
        print(&mut text).map_err(|_| Error::Overflow)?;
        Ok(text.len())
    }

    fn rows(&self) -> impl Iterator<Item = (&[f32], &[f32])> {
        (0..self.shape.samples).filter_map(|i| self.sample(i))
    }
}

fn fitting(room: usize, len: usize) -> Result<usize> {
    if len <= room { Ok(len) } else { Err(Error::BufferTooSmall) }
}
