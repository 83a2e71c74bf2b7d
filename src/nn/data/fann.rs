//! FANN's text for training data, read (`fann_read_train_from_file`).
//!
//! Three whole numbers, the samples, inputs and outputs; then for each sample
//! its inputs and its outputs. All that is between numbers is white space:
//! libfann's own files have a line for inputs and one for outputs, but where
//! the lines end means nothing to it.

use super::DataShape;
use super::table::{Fill, Table, number, refuse, shown};
use crate::error::{Error, Result};
use crate::port::Logger;

/// A FANN training data file, whose first numbers have been read. It borrows
/// the text.
#[derive(Clone, Copy)]
pub struct FannData<'t> {
    shape: DataShape,
    words: Words<'t>,
    logger: Option<&'t dyn Logger>,
}

/// Words between white space, and the lines that they are in.
#[derive(Clone, Copy)]
struct Words<'t> {
    rest: &'t [u8],
    /// Of the last word, from 1.
    line: usize,
}

impl<'t> Iterator for Words<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        // What C calls white space.
        let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
        let start = self.rest.iter().position(|byte| {
            self.line += usize::from(*byte == b'\n');
            !space(byte)
        })?;
        let word = &self.rest[start..];
        let end = word.iter().position(space).unwrap_or(word.len());
        self.rest = &word[end..];
        Some(&word[..end])
    }
}

impl<'t> FannData<'t> {
    /// Reads the first three numbers; the logger is told what is wrong, and in
    /// which line, also when the rest is read.
    ///
    /// [`Error::DataHeader`] if the text does not begin with them, or there are
    /// no samples or no inputs; [`Error::DataTruncated`] if so many numbers
    /// cannot be in it. The rest is read by
    /// [`Dataset::load`](super::Dataset::load): [`Error::DataTruncated`],
    /// [`Error::DataLength`] if there are more numbers than that (libfann would
    /// pass them over), [`Error::DataNumber`] for what is none.
    pub fn read(text: &'t [u8], logger: Option<&'t dyn Logger>) -> Result<FannData<'t>> {
        let mut words = Words { rest: text, line: 1 };
        let mut header = [0usize; 3];
        for value in &mut header {
            let word = words.next().unwrap_or(b"");
            let whole = core::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
            let Some(whole) = whole else {
                return refuse(logger, words.line, Error::DataHeader, shown(word));
            };
            *value = whole;
        }
        let [samples, inputs, outputs] = header;
        if samples == 0 || inputs == 0 {
            return refuse(logger, words.line, Error::DataHeader, "0");
        }
        // A number takes a digit and a space before it.
        let numbers = inputs.checked_add(outputs).and_then(|each| each.checked_mul(samples));
        if numbers.is_none_or(|numbers| numbers > words.rest.len() / 2) {
            return refuse(logger, words.line, Error::DataTruncated, "for its first line");
        }
        Ok(FannData { shape: DataShape { samples, inputs, outputs }, words, logger })
    }
}

impl Table for FannData<'_> {
    fn shape(&self) -> DataShape {
        self.shape
    }
}

impl Fill for FannData<'_> {
    fn fill(&self, inputs: &mut [f32], targets: &mut [f32]) -> Result<()> {
        let DataShape { samples, inputs: inputs_each, outputs } = self.shape;
        let mut words = self.words;
        for i in 0..samples {
            let row = inputs[i * inputs_each..][..inputs_each].iter_mut();
            for value in row.chain(&mut targets[i * outputs..][..outputs]) {
                let Some(word) = words.next() else {
                    return refuse(self.logger, words.line, Error::DataTruncated, "");
                };
                match number(word) {
                    Ok(found) => *value = found,
                    Err(error) => return refuse(self.logger, words.line, error, shown(word)),
                }
            }
        }
        match words.next() {
            Some(word) => refuse(self.logger, words.line, Error::DataLength, shown(word)),
            None => Ok(()),
        }
    }
}

impl core::fmt::Debug for FannData<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FannData").field("shape", &self.shape).finish_non_exhaustive()
    }
}
