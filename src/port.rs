//! What the caller supplies: memory and a place for log lines.
//!
//! The core does no input or output and knows no globals. Whatever it needs
//! from its surroundings comes in through the traits of this module.

use core::alloc::Layout;

use crate::error::Result;
use crate::mem::Piece;

pub use crate::mem::{Arena, Usage};

/// Where an object's one piece of memory comes from.
///
/// Implemented by `&Arena` and, with the `alloc` feature, by [`Heap`]. One of
/// your own can answer with [`Piece::lent`].
pub trait Allocator<'m> {
    /// A piece of at least this size and alignment, or
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn allocate(&self, layout: Layout) -> Result<Piece<'m>>;
}

/// The program's global allocator.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap;

#[cfg(feature = "alloc")]
impl<'m> Allocator<'m> for Heap {
    fn allocate(&self, layout: Layout) -> Result<Piece<'m>> {
        Piece::from_heap(layout)
    }
}

/// How much a log line matters. Lower is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Why a call was refused.
    Error = 1,
    /// It works, but probably not as meant.
    Warn = 2,
    /// What was made.
    Info = 3,
    /// For the developer.
    Debug = 4,
}

/// Takes log lines. Configurations carry it; it is called during the call that
/// was given the configuration, and not afterwards.
pub trait Logger {
    /// One line, without a line end.
    fn log(&self, level: Level, text: &str);
}

/// A log line in the making: no formatting machinery, at most 160 bytes (the
/// rest is cut off).
pub(crate) struct Line(heapless::String<160>);

impl Line {
    pub fn new(text: &str) -> Line {
        Line(heapless::String::new()).text(text)
    }

    pub fn text(mut self, text: &str) -> Line {
        for c in text.chars() {
            if self.0.push(c).is_err() {
                break;
            }
        }
        self
    }

    pub fn number(mut self, value: usize) -> Line {
        let mut place = 1usize;
        while value / place >= 10 {
            place *= 10;
        }
        while place > 0 {
            // The digit is one of '0'..='9'; a full line cuts it off.
            let _ = self.0.push((b'0' + (value / place % 10) as u8) as char);
            place /= 10;
        }
        self
    }

    pub fn send(&self, logger: Option<&dyn Logger>, level: Level) {
        if let Some(logger) = logger {
            logger.log(level, &self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_numbers_and_are_cut_at_their_length() {
        let line = Line::new("a ").number(0).text(" b ").number(usize::MAX);
        assert_eq!(&*line.0, std::format!("a 0 b {}", usize::MAX));
        assert_eq!(Line::new(&"é".repeat(100)).number(12).0.len(), 160);
    }
}
