//! What the readers of files have in common.

use super::DataShape;
use crate::error::{Error, Result};
use crate::port::{Level, Line, Logger};

/// Samples in a file, whose dimensions are known: what
/// [`Dataset::load`](super::Dataset::load) takes.
pub trait Table: Fill {
    /// How many samples there are, of how many numbers.
    fn shape(&self) -> DataShape;
}

/// How the numbers get out of a file.
pub trait Fill {
    /// Fills all rows of inputs and targets, whose lengths are those of the
    /// shape.
    fn fill(&self, inputs: &mut [f32], targets: &mut [f32]) -> Result<()>;
}

/// Tells the logger what is wrong and where.
pub(super) fn refuse<T>(
    logger: Option<&dyn Logger>,
    line: usize,
    error: Error,
    text: &str,
) -> Result<T> {
    Line::new("line ")
        .number(line)
        .text(": ")
        .text(error.message())
        .text(if text.is_empty() { "" } else { ": " })
        .text(text)
        .send(logger, Level::Error);
    Err(error)
}

/// The number that a word is. [`Error::NnNotFinite`] for NaN, infinity and what
/// is too large.
pub(super) fn number(word: &[u8]) -> Result<f32> {
    let text = core::str::from_utf8(word.trim_ascii()).map_err(|_| Error::DataNumber)?;
    let value: f32 = text.parse().map_err(|_| Error::DataNumber)?;
    if value.is_finite() { Ok(value) } else { Err(Error::NnNotFinite) }
}

/// A word as far as it can be shown.
pub(super) fn shown(word: &[u8]) -> &str {
    let text = &word[..word.len().min(40)];
    match core::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or(""),
    }
}

/// Marks the class of a label in a row of targets.
pub(super) fn one_hot(row: &mut [f32], label: f32) -> Result<()> {
    row.fill(0.0);
    let class = label as usize;
    let place = row.get_mut(class).filter(|_| class as f32 == label).ok_or(Error::DataLabel)?;
    *place = 1.0;
    Ok(())
}
