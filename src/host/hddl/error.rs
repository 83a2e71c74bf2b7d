//! What is wrong with a file, and where.

use core::fmt;
use std::string::String;

use crate::error::Error;

/// A file that is refused: where and why. Shown as `file:line:column: why`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HddlError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// From 1 on.
    pub line: u32,
    /// From 1 on, in characters.
    pub column: u32,
    /// What kind of mistake: [`Error::TaskFormat`] where the text is not HDDL,
    /// [`Error::TaskDomain`] where it contradicts itself, [`Error::Unsupported`] for what this
    /// reader does not know how to plan with, [`Error::Capacity`] where there is too much of it.
    pub error: Error,
    /// What was expected, what was found.
    pub message: String,
}

impl fmt::Display for HddlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HddlError { file, line, column, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

impl core::error::Error for HddlError {}

/// A mistake at a byte of the file that is being read.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: u32,
    pub error: Error,
    pub message: String,
}

impl Fault {
    pub fn syntax(at: u32, message: impl Into<String>) -> Fault {
        Fault { at, error: Error::TaskFormat, message: message.into() }
    }

    pub fn domain(at: u32, message: impl Into<String>) -> Fault {
        Fault { at, error: Error::TaskDomain, message: message.into() }
    }

    /// `what` in the plural: "numeric conditions".
    pub fn unsupported(at: u32, what: &str) -> Fault {
        let message = std::format!("{what} are not supported");
        Fault { at, error: Error::Unsupported, message }
    }

    /// With line and column counted.
    pub fn locate(self, file: &str, text: &[u8]) -> HddlError {
        let place = Cursor::new(text).go(self.at);
        self.at(file, place)
    }

    /// With the line and column that it is at.
    pub fn at(self, file: &str, (line, column): (u32, u32)) -> HddlError {
        HddlError { file: file.into(), line, column, error: self.error, message: self.message }
    }
}

/// Counts lines and columns, both from 1 on. Many places take as long as one if they ascend.
pub(super) struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    column: u32,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t [u8]) -> Cursor<'t> {
        Cursor { text, at: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte.
    pub fn go(&mut self, at: u32) -> (u32, u32) {
        let at = self.text.len().min(at as usize);
        if at < self.at {
            *self = Cursor::new(self.text);
        }
        // A byte order mark is no character of the first line.
        if self.at == 0 && at >= BYTE_ORDER_MARK.len() && self.text.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len();
        }
        for &byte in &self.text[self.at..at] {
            if byte == b'\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                // Every byte that does not continue a character of UTF-8 begins one.
                self.column += u32::from(byte & 0xc0 != 0x80);
            }
        }
        self.at = at;
        (self.line, self.column)
    }
}

/// What some editors put before UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
