//! Comma-separated values, read (RFC 4180, and what is usual beside it: other
//! delimiters, white space around a field, lines that are empty, LF alone, a
//! byte order mark in front).

use super::DataShape;
use super::table::{Fill, Table, number, one_hot, refuse, shown};
use crate::error::{Error, Result};
use crate::port::Logger;

/// What the target columns hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Labels<'a> {
    /// Targets as they are.
    #[default]
    Numbers,
    /// One column of whole numbers, a class each: 0, 1, ... below this. The
    /// target of its class is 1, the others are 0.
    Classes(usize),
    /// One column with names of classes: those of this line, which is written
    /// like a line of the file.
    Names(&'a str),
}

/// How CSV becomes samples.
#[derive(Clone, Copy)]
pub struct CsvConfig<'a> {
    /// Between two fields; not a quote, a line end or beyond ASCII.
    pub delimiter: u8,
    /// Whether the first line has names.
    pub header: bool,
    /// The columns of inputs, from 0, ascending; none: all but the targets.
    pub inputs: &'a [u32],
    /// The columns of targets, from 0, ascending; none: the last `last`.
    pub targets: &'a [u32],
    /// How many columns at the end are targets, if `targets` names none.
    pub last: usize,
    /// What the target columns hold.
    pub labels: Labels<'a>,
    /// Told what is wrong, and in which line.
    pub logger: Option<&'a dyn Logger>,
}

impl Default for CsvConfig<'_> {
    /// Commas, no header, the last column is the target.
    fn default() -> Self {
        CsvConfig {
            delimiter: b',',
            header: false,
            inputs: &[],
            targets: &[],
            last: 1,
            labels: Labels::Numbers,
            logger: None,
        }
    }
}

/// A CSV file, whose rows and columns have been counted. It borrows the text
/// and what the configuration lends.
#[derive(Clone, Copy)]
pub struct Csv<'t> {
    shape: DataShape,
    columns: usize,
    config: CsvConfig<'t>,
    /// The rows of samples.
    rows: Fields<'t>,
}

/// One field: what is in it, without the quotes around.
#[derive(Clone, Copy)]
struct Field<'t> {
    text: &'t [u8],
    quoted: bool,
    /// Whether its row ends here.
    last: bool,
}

impl Field<'_> {
    /// Whether two fields say the same.
    fn is(&self, other: &Field<'_>) -> bool {
        self.bytes().eq(other.bytes())
    }

    /// What it says: in quotes two quotes are one.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let mut open = false;
        let quoted = self.quoted;
        self.text.iter().copied().filter(move |byte| {
            open = quoted && *byte == b'"' && !open;
            !open
        })
    }
}

/// Goes through a text field by field.
#[derive(Clone, Copy)]
struct Fields<'t> {
    rest: &'t [u8],
    delimiter: u8,
    /// Line of what comes next, from 1.
    line: usize,
}

impl<'t> Fields<'t> {
    /// Passes over empty lines; says whether a row follows.
    fn row(&mut self) -> bool {
        loop {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let line = &self.rest[..end.unwrap_or(self.rest.len())];
            let space = |byte: &u8| *byte != self.delimiter && byte.is_ascii_whitespace();
            if !line.iter().all(space) {
                return true;
            }
            let Some(end) = end else { return false };
            self.rest = &self.rest[end + 1..];
            self.line += 1;
        }
    }

    /// The next field of a row.
    fn field(&mut self) -> Result<Field<'t>> {
        self.skip_space();
        if let Some((b'"', inside)) = self.rest.split_first() {
            return self.quoted(inside);
        }
        let stop = |byte: &u8| *byte == self.delimiter || *byte == b'\n';
        let end = self.rest.iter().position(stop).unwrap_or(self.rest.len());
        let text = self.rest[..end].trim_ascii_end();
        self.rest = &self.rest[end..];
        Ok(Field { text, quoted: false, last: self.end() })
    }

    fn quoted(&mut self, inside: &'t [u8]) -> Result<Field<'t>> {
        let mut at = 0;
        loop {
            let quote = inside[at..].iter().position(|byte| *byte == b'"');
            at += quote.ok_or(Error::DataRow)?;
            if inside.get(at + 1) != Some(&b'"') {
                break;
            }
            at += 2;
        }
        let text = &inside[..at];
        self.rest = &inside[at + 1..];
        self.skip_space();
        if !matches!(self.rest.first(), None | Some(b'\n'))
            && !self.rest.starts_with(&[self.delimiter])
        {
            return Err(Error::DataRow);
        }
        self.line += text.iter().filter(|byte| **byte == b'\n').count();
        Ok(Field { text, quoted: true, last: self.end() })
    }

    fn skip_space(&mut self) {
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r') && *byte != self.delimiter;
        let start = self.rest.iter().position(|byte| !space(byte));
        self.rest = &self.rest[start.unwrap_or(self.rest.len())..];
    }

    /// Passes over what ends a field; says whether that ends the row.
    fn end(&mut self) -> bool {
        let Some((byte, rest)) = self.rest.split_first() else { return true };
        self.rest = rest;
        let last = *byte != self.delimiter;
        self.line += usize::from(last);
        last
    }
}

impl<'t> Csv<'t> {
    /// Counts rows and columns.
    ///
    /// [`Error::Invalid`] for a configuration outside its range,
    /// [`Error::DataHeader`] if there is no row or not the columns that it asks
    /// for, [`Error::DataRow`] for a row of another number of columns or quotes
    /// that do not end; and from [`Dataset::load`](super::Dataset::load)
    /// [`Error::DataNumber`], [`Error::DataLabel`]. The logger is told.
    pub fn read(text: &'t [u8], config: &CsvConfig<'t>) -> Result<Csv<'t>> {
        let delimiter = config.delimiter;
        let ascending = |list: &[u32]| list.windows(2).all(|pair| pair[0] < pair[1]);
        if matches!(delimiter, b'"' | b'\n' | b'\r' | 0x80..)
            || !ascending(config.inputs)
            || !ascending(config.targets)
        {
            return Err(Error::Invalid);
        }
        let mut fields =
            Fields { rest: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text), delimiter, line: 1 };
        let mut csv =
            Csv { shape: DataShape::default(), columns: 0, config: *config, rows: fields };
        if config.header && fields.row() {
            csv.columns = csv.pass(&mut fields)?;
        }
        csv.rows = fields;
        let mut samples = 0;
        while fields.row() {
            let line = fields.line;
            let columns = csv.pass(&mut fields)?;
            if csv.columns != 0 && columns != csv.columns {
                return csv.refuse(line, Error::DataRow, "");
            }
            csv.columns = columns;
            samples += 1;
        }
        if samples == 0 {
            return csv.refuse(fields.line, Error::DataHeader, "no rows");
        }
        csv.shape = csv.check(samples)?;
        Ok(csv)
    }

    fn refuse<T>(&self, line: usize, error: Error, text: &str) -> Result<T> {
        refuse(self.config.logger, line, error, text)
    }

    /// Passes over a row; returns how many columns it has.
    fn pass(&self, fields: &mut Fields<'t>) -> Result<usize> {
        let line = fields.line;
        let mut columns = 1;
        loop {
            match fields.field() {
                Ok(field) if field.last => return Ok(columns),
                Ok(_) => columns += 1,
                Err(error) => return self.refuse(line, error, "quotes"),
            }
        }
    }

    /// Whether the columns are there, and what shape they make.
    fn check(&self, samples: usize) -> Result<DataShape> {
        let CsvConfig { inputs, targets, last, labels, .. } = self.config;
        let line = self.rows.line;
        let there = |list: &[u32]| list.last().is_none_or(|top| (*top as usize) < self.columns);
        let targets = match targets {
            [] => last,
            list => list.len(),
        };
        if !there(inputs) || !there(self.config.targets) || targets > self.columns {
            return self.refuse(line, Error::DataHeader, "a column that is asked for is not there");
        }
        let inputs = match inputs {
            [] => self.columns - targets,
            list => list.len(),
        };
        if inputs == 0 {
            return self.refuse(line, Error::DataHeader, "no inputs");
        }
        let outputs = match labels {
            Labels::Numbers => targets,
            _ if targets != 1 => return Err(Error::Invalid),
            Labels::Classes(count) => count,
            Labels::Names(names) => self.names(names)?,
        };
        match labels {
            Labels::Numbers => {}
            _ if outputs == 0 => return Err(Error::Invalid),
            _ => {}
        }
        Ok(DataShape { samples, inputs, outputs })
    }

    /// How many names there are.
    fn names(&self, names: &'t str) -> Result<usize> {
        let mut fields = self.name_fields(names);
        if !fields.row() { Ok(0) } else { self.pass(&mut fields) }
    }

    fn name_fields(&self, names: &'t str) -> Fields<'t> {
        Fields { rest: names.as_bytes(), delimiter: self.config.delimiter, line: 1 }
    }

    /// The place of a class.
    fn class(&self, names: &'t str, field: &Field<'_>) -> Result<f32> {
        let mut fields = self.name_fields(names);
        let mut place = 0;
        loop {
            let name = fields.field()?;
            if name.is(field) {
                return Ok(place as f32);
            }
            if name.last {
                return Err(Error::DataLabel);
            }
            place += 1;
        }
    }

    /// Writes a target field to where it belongs in its row.
    fn target(&self, field: &Field<'_>, row: &mut [f32], place: usize) -> Result<()> {
        match self.config.labels {
            Labels::Numbers => row[place] = number(field.text)?,
            Labels::Classes(_) => one_hot(row, number(field.text)?)?,
            Labels::Names(names) => one_hot(row, self.class(names, field)?)?,
        }
        Ok(())
    }

    /// One row of the file.
    fn row(&self, fields: &mut Fields<'t>, inputs: &mut [f32], targets: &mut [f32]) -> Result<()> {
        let CsvConfig { inputs: chosen, targets: wanted, last, .. } = self.config;
        let (mut input, mut target) = (0, 0);
        for column in 0..self.columns {
            let line = fields.line;
            let is = |list: &[u32], at: usize| list.get(at).is_some_and(|c| *c as usize == column);
            let is_target = match wanted {
                [] => column >= self.columns - last,
                list => is(list, target),
            };
            let is_input = if chosen.is_empty() { !is_target } else { is(chosen, input) };
            let field = fields.field()?;
            let mut take = || {
                if is_target {
                    self.target(&field, targets, target)?;
                    target += 1;
                }
                if is_input {
                    inputs[input] = number(field.text)?;
                    input += 1;
                }
                Ok(())
            };
            if let Err(error) = take() {
                return self.refuse(line, error, shown(field.text));
            }
        }
        Ok(())
    }
}

impl Table for Csv<'_> {
    fn shape(&self) -> DataShape {
        self.shape
    }
}

impl Fill for Csv<'_> {
    fn fill(&self, inputs: &mut [f32], targets: &mut [f32]) -> Result<()> {
        let DataShape { samples, inputs: inputs_each, outputs } = self.shape;
        let mut fields = self.rows;
        for i in 0..samples {
            fields.row();
            let row = &mut inputs[i * inputs_each..][..inputs_each];
            self.row(&mut fields, row, &mut targets[i * outputs..][..outputs])?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Csv<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Csv").field("shape", &self.shape).finish_non_exhaustive()
    }
}
