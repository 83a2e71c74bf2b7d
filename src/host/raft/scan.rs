//! Reading a segment from somewhere on, record by record.

use std::string::String;
use std::vec::Vec;

use super::format::{self, HEAD, Held};
use super::read_full;
use crate::error::Result;
use crate::host::Files;

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;
/// Bytes that a disk writes as a whole.
const SECTOR: u64 = 512;

/// What comes next.
pub(super) enum Next<'a> {
    /// A record, and where it begins.
    Record(u64, Held<'a>),
    /// The file ends where a record does.
    End,
    /// What follows is no record.
    Bad,
}

/// Where the reading of a segment is.
pub(super) struct Scan {
    name: String,
    salt: u64,
    /// Where the next record begins.
    pub at: u64,
    buffer: Vec<u8>,
    /// Where that is in the buffer.
    start: usize,
    /// Bytes of the record before.
    before: usize,
}

impl Scan {
    pub fn new(name: String, salt: u64, at: u64) -> Scan {
        Scan { name, salt, at, buffer: Vec::new(), start: 0, before: 0 }
    }

    /// Reads until there are so many bytes, or the file ends.
    fn fill<F: Files>(&mut self, files: &mut F, len: usize) -> Result<()> {
        if self.buffer.len() - self.start >= len {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < len {
            let have = self.buffer.len();
            self.buffer.resize(len.max(PIECE), 0);
            let place = self.buffer.get_mut(have..).unwrap_or_default();
            let read = files.read(&self.name, self.at + have as u64, place);
            let more = read.as_ref().map_or(0, |more| *more);
            self.buffer.truncate(have + more);
            if read? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The length of the body of the record that is here; nothing if there is none.
    fn body<F: Files>(&mut self, files: &mut F) -> Result<Option<usize>> {
        self.fill(files, HEAD)?;
        let Some((len, sum)) = format::head(self.bytes(), self.salt, self.at) else {
            return Ok(None);
        };
        self.fill(files, HEAD + len)?;
        let whole = self.bytes().get(HEAD..HEAD + len).filter(|body| format::is_whole(body, sum));
        Ok(whole.and_then(format::held).map(|_| len))
    }

    pub fn next<F: Files>(&mut self, files: &mut F) -> Result<Next<'_>> {
        let Some(len) = self.body(files)? else {
            return Ok(if self.bytes().is_empty() { Next::End } else { Next::Bad });
        };
        let (at, start) = (self.at, self.start + HEAD);
        (self.at, self.start) = (at + (HEAD + len) as u64, start + len);
        self.before = HEAD + len;
        let body = self.buffer.get(start..start + len).unwrap_or_default();
        Ok(format::held(body).map_or(Next::Bad, |held| Next::Record(at, held)))
    }

    /// The record that came last comes again.
    pub fn back(&mut self) {
        let before = core::mem::take(&mut self.before);
        (self.at, self.start) = (self.at - before as u64, self.start - before);
    }

    /// Goes on to the next record, wherever it begins; whether there is one.
    fn seek<F: Files>(&mut self, files: &mut F) -> Result<bool> {
        loop {
            self.fill(files, HEAD + 1)?;
            if self.bytes().len() <= HEAD {
                return Ok(false);
            }
            if self.body(files)?.is_some() {
                return Ok(true);
            }
            (self.at, self.start) = (self.at + 1, self.start + 1);
        }
    }

    /// Whether what is no record is the end of what was being written in a crash. It is not if
    /// a mark behind it says that it was durable; nor if whole records follow, unless there
    /// are sectors between that were not written at all.
    pub fn is_torn<F: Files>(&mut self, files: &mut F) -> Result<bool> {
        let (bad, mut follows) = (self.at, None);
        while self.seek(files)? {
            match self.next(files)? {
                Next::Record(_, Held::Mark(durable)) if durable > bad => return Ok(false),
                Next::Record(at, _) => follows = follows.or(Some(at)),
                Next::End | Next::Bad => break,
            }
        }
        match follows {
            Some(end) => self.has_hole(files, bad, end),
            None => Ok(true),
        }
    }

    /// Whether there is a sector, or what is left of one behind `from`, that was not written.
    fn has_hole<F: Files>(&self, files: &mut F, from: u64, end: u64) -> Result<bool> {
        let (mut at, mut sector) = (from, [0; SECTOR as usize]);
        loop {
            let next = (at / SECTOR + 1) * SECTOR;
            if next > end {
                return Ok(false);
            }
            let place = sector.get_mut(..(next - at) as usize).unwrap_or_default();
            if read_full(files, &self.name, at, place)? < place.len() {
                return Ok(false);
            }
            if place.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            at = next;
        }
    }
}
