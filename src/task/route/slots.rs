//! What a task needs to know, found in the text by typed patterns.

use super::beside::{goes_on_before, goes_on_behind, half_behind, joined_behind};
use super::ngrams::MAX_TEXT;
use super::number::{self, word};
use crate::error::{Error, Result};

/// A unit of a number, and what a number with it is to be multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit<'a> {
    /// As it is written behind a number: `km`, `metres`. Letters of ASCII in any case.
    pub name: &'a str,
    /// Above 0.
    pub factor: f64,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern<'a> {
    /// A number, with one of these units behind it; without any in the list, one that has no unit.
    Number {
        /// Longer names are tried first.
        units: &'a [Unit<'a>],
    },
    /// One of these names, as a whole word or some; letters of ASCII in any case.
    Name {
        /// The longest that fits counts.
        names: &'a [&'a str],
    },
    /// Latitude and longitude in degrees: `47.37, 8.54`, `47.37 N 8.54 E`, `S33.9 W18.4`. Without letters a comma
    /// or a space parts them, and both have a fraction.
    Coordinates,
    /// Hours, minutes, seconds, days: `90 s`, `1h30m`, `2 hours and 5 minutes`. In seconds.
    Duration,
    /// A word of the caller's and a number behind it: `drone 7`, `drone-7`, `Drone #7`, `drone7`.
    Identifier {
        /// The word.
        prefix: &'a str,
    },
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number, multiplied by its unit's factor, and which unit (0 without).
    Number {
        /// In the unit of factor 1.
        value: f64,
        /// Its place in the pattern's list.
        unit: u32,
    },
    /// The place of the name in the pattern's list.
    Name {
        /// From 0 on.
        index: u32,
    },
    /// In degrees, south and west below 0.
    Coordinates {
        /// -90 to 90.
        latitude: f64,
        /// -180 to 180.
        longitude: f64,
    },
    /// In seconds.
    Duration {
        /// 0 or above.
        seconds: f64,
    },
    /// The number of an identifier.
    Identifier {
        /// At most 15 digits.
        number: u64,
    },
}

/// A slot that is filled: by which bytes of the text, with what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filled {
    /// The first byte.
    pub start: u32,
    /// How many.
    pub len: u32,
    /// What they say.
    pub value: Value,
}

/// Fills a task's slots from a text: for each pattern in turn the first place where it fits and that no pattern
/// before it has taken. So what is more special (coordinates, durations, identifiers) is to come
/// before plain numbers. A slot that nothing fits stays `None`: nothing is guessed, and what may be a part of a
/// number that is not read here (`1 000 m`, `1/2 km`, `10-20 m`, `two point five km`) fits nothing. Returns how
/// many were filled.
///
/// # Errors
/// [`Error::Length`] unless there is one slot a pattern, and for more than [`MAX_TEXT`] bytes.
pub fn fill(text: &[u8], patterns: &[Pattern<'_>], slots: &mut [Option<Filled>]) -> Result<usize> {
    let mut filler = Filler::new(text)?;
    if patterns.len() != slots.len() {
        return Err(Error::Length);
    }
    let mut count = 0;
    for (slot, pattern) in slots.iter_mut().zip(patterns) {
        *slot = filler.slot(&pattern.wanted());
        count += usize::from(slot.is_some());
    }
    Ok(count)
}

/// A text, and which of its bytes are in slots.
pub(crate) struct Filler<'t> {
    text: &'t [u8],
    taken: [u64; MAX_TEXT / 64],
}

impl<'t> Filler<'t> {
    /// # Errors
    /// [`Error::Length`] for more than [`MAX_TEXT`] bytes.
    pub fn new(text: &'t [u8]) -> Result<Filler<'t>> {
        if text.len() > MAX_TEXT {
            return Err(Error::Length);
        }
        Ok(Filler { text, taken: [0; MAX_TEXT / 64] })
    }

    fn is_taken(&self, at: usize) -> bool {
        self.taken[at / 64] >> (at % 64) & 1 == 1
    }

    /// The first place that fits and is not taken; then it is.
    pub fn slot<'a, U, N>(&mut self, wanted: &Wanted<'a, U, N>) -> Option<Filled>
    where
        U: Iterator<Item = Unit<'a>> + Clone,
        N: Iterator<Item = &'a str> + Clone,
    {
        for at in 0..self.text.len() {
            let found = begins(self.text, at).then(|| wanted.at(self.text, at)).flatten();
            if let Some((value, len)) = found
                && len > 0
                && ends(self.text, at + len)
                && !(at..at + len).any(|at| self.is_taken(at))
                && wanted.is_whole(self.text, at, at + len, |at| self.is_taken(at))
            {
                (at..at + len).for_each(|at| self.taken[at / 64] |= 1 << (at % 64));
                return Some(Filled { start: at as u32, len: len as u32, value });
            }
        }
        None
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Whether a word or number may begin at a place: not inside of one, and not behind a decimal point.
fn begins(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|at| text[at]) else { return true };
    let point = before == b'.' && at >= 2 && text[at - 2].is_ascii_digit();
    let sign = matches!(before, b'-' | b'+') && text[at].is_ascii_digit();
    let join = sign && at >= 2 && is_word(text[at - 2]);
    !is_word(before) && !point && (!sign || join)
}

/// Whether a word or number ends before a place.
fn ends(text: &[u8], at: usize) -> bool {
    let byte = |at: usize| text.get(at).copied();
    match byte(at) {
        None => true,
        Some(b'.') => !byte(at + 1).is_some_and(|b| b.is_ascii_digit()),
        Some(byte) => !is_word(byte),
    }
}

/// As many blanks as there are, at most two.
fn blanks(text: &[u8], at: usize) -> usize {
    text.iter().skip(at).take(2).take_while(|b| **b == b' ').count()
}

/// What a pattern finds at a place, and how long it is.
type Found = Option<(Value, usize)>;

/// A pattern, over lists of any kind.
pub(crate) enum Wanted<'a, U, N> {
    Number(U),
    Name(N),
    Coordinates,
    Duration,
    Identifier(&'a str),
}

impl Pattern<'_> {
    fn wanted(
        &self,
    ) -> Wanted<'_, impl Iterator<Item = Unit<'_>> + Clone, impl Iterator<Item = &str> + Clone>
    {
        match self {
            Pattern::Number { units } => Wanted::Number(units.iter().copied()),
            Pattern::Name { names } => Wanted::Name(names.iter().copied()),
            Pattern::Coordinates => Wanted::Coordinates,
            Pattern::Duration => Wanted::Duration,
            Pattern::Identifier { prefix } => Wanted::Identifier(prefix),
        }
    }
}

impl<'a, U, N> Wanted<'a, U, N>
where
    U: Iterator<Item = Unit<'a>> + Clone,
    N: Iterator<Item = &'a str> + Clone,
{
    fn at(&self, text: &[u8], at: usize) -> Found {
        let rest = &text[at..];
        match self {
            Wanted::Number(units) => with_unit(rest, units.clone()),
            Wanted::Name(names) => name(rest, names.clone()),
            Wanted::Coordinates => coordinates(rest),
            Wanted::Duration => duration(rest),
            Wanted::Identifier(prefix) => identifier(rest, prefix.as_bytes()),
        }
    }

    /// Whether what was found is no part of a larger number. `taken` tells which bytes are in other slots.
    fn is_whole(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        taken: impl Fn(usize) -> bool,
    ) -> bool {
        match self {
            Wanted::Number(units) if units.clone().next().is_none() => {
                !goes_on_before(text, start, &taken) && !goes_on_behind(text, end, &taken)
            }
            Wanted::Number(_) | Wanted::Duration => {
                !goes_on_before(text, start, &taken) && !half_behind(text, end)
            }
            Wanted::Identifier(_) => !joined_behind(text, end),
            Wanted::Name(_) | Wanted::Coordinates => true,
        }
    }
}

fn with_unit<'a>(text: &[u8], units: impl Iterator<Item = Unit<'a>> + Clone) -> Found {
    let (number, len) = number::number(text)?;
    if units.clone().next().is_none() {
        return Some((Value::Number { value: number, unit: 0 }, len));
    }
    let behind = len + blanks(text, len);
    let fits = |unit: &Unit<'_>| {
        let there = text.get(behind..behind + unit.name.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(unit.name.as_bytes()))
            && ends(text, behind + unit.name.len())
    };
    let all = units.enumerate().filter(|(_, unit)| !unit.name.is_empty() && fits(unit));
    let (index, unit) = all.max_by_key(|(_, unit)| unit.name.len())?;
    let value = Value::Number { value: number * unit.factor, unit: index as u32 };
    Some((value, behind + unit.name.len()))
}

fn name<'a>(text: &[u8], names: impl Iterator<Item = &'a str>) -> Found {
    let fits = |name: &str| {
        let there = text.get(..name.len());
        !name.is_empty()
            && there.is_some_and(|there| there.eq_ignore_ascii_case(name.as_bytes()))
            && ends(text, name.len())
    };
    let all = names.enumerate().filter(|(_, name)| fits(name));
    let (index, name) = all.max_by_key(|(_, name)| name.len())?;
    Some((Value::Name { index: index as u32 }, name.len()))
}

/// Degrees with a letter before or behind, or without one; whether it had a letter.
fn degrees(text: &[u8], letters: [u8; 2]) -> Option<(f64, usize, bool)> {
    let sign = |byte: Option<&u8>| match byte.map(u8::to_ascii_uppercase) {
        Some(letter) if letter == letters[0] => Some(1.0),
        Some(letter) if letter == letters[1] => Some(-1.0),
        _ => None,
    };
    let before = sign(text.first());
    let start = before.map_or(0, |_| 1 + blanks(text, 1));
    let (value, len) = number::digits(text.get(start..)?)?;
    let mut end = start + len;
    let fraction = text[start..end].contains(&b'.');
    // A degree sign in UTF-8.
    end += if text.get(end..end + 2) == Some(&[0xC2, 0xB0]) { 2 } else { 0 };
    if let Some(factor) = before {
        return Some((value * factor, end, true));
    }
    let letter = end + blanks(text, end);
    match sign(text.get(letter)) {
        Some(factor) if ends(text, letter + 1) => Some((value * factor, letter + 1, true)),
        _ => fraction.then_some((value, end, false)),
    }
}

fn coordinates(text: &[u8]) -> Found {
    let (latitude, mut at, lettered) = degrees(text, *b"NS")?;
    let start = at;
    at += usize::from(matches!(text.get(at), Some(b',' | b'/')));
    at += blanks(text, at);
    if at == start && !lettered {
        return None;
    }
    let (longitude, len, also) = degrees(text.get(at..)?, *b"EW")?;
    let inside = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let value = Value::Coordinates { latitude, longitude };
    (inside && lettered == also).then_some((value, at + len))
}

const TIMES: &[(&str, f64)] = &[
    ("s", 1.0),
    ("sec", 1.0),
    ("secs", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("mins", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hr", 3600.0),
    ("hrs", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86400.0),
    ("day", 86400.0),
    ("days", 86400.0),
];

/// Parts from the larger unit to the smaller. `m` alone is metres to most: it counts behind hours only.
fn duration(text: &[u8]) -> Found {
    let (mut seconds, mut end, mut at) = (0.0, 0, 0);
    let mut last = f64::INFINITY;
    while let Some((value, len)) = number::number(text.get(at..).unwrap_or_default()) {
        let behind = at + len + blanks(text, at + len);
        let unit = word(text, behind);
        let known = TIMES.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name.as_bytes()));
        let Some((name, factor)) = known else { break };
        if *factor >= last || value < 0.0 || (*name == "m" && last != 3600.0) {
            break;
        }
        (seconds, end, last) = (seconds + value * factor, behind + name.len(), *factor);
        at = end + usize::from(text.get(end) == Some(&b','));
        at += blanks(text, at);
        if word(text, at).eq_ignore_ascii_case(b"and") {
            at += 3 + blanks(text, at + 3);
        }
    }
    (end > 0).then_some((Value::Duration { seconds }, end))
}

fn identifier(text: &[u8], prefix: &[u8]) -> Found {
    let there = text.get(..prefix.len())?;
    if prefix.is_empty() || !there.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut at = prefix.len();
    let blank = blanks(text, at);
    at += blank;
    at += usize::from(matches!(text.get(at), Some(b'#' | b'-' | b'_')));
    let digits = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        // In words, where something parts it from the prefix.
        let (value, len) = number::words(text.get(at..)?).filter(|_| at > prefix.len())?;
        return Some((Value::Identifier { number: value as u64 }, at + len));
    }
    if digits > 15 {
        return None;
    }
    let number = text[at..at + digits].iter().fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    Some((Value::Identifier { number }, at + digits))
}
