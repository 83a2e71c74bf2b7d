//! Text becomes tokens.

use core::fmt;

use super::ast::Name;
use super::error::{BYTE_ORDER_MARK, Fault};

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `-`, before a type.
    Dash,
    /// A name or a number.
    Word,
    /// `?x`
    Variable,
    /// `:action`
    Keyword,
    /// `=` `<` `<=` `>` `>=` `+` `*` `/`
    Operator,
    End,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub at: u32,
}

impl<'a> Token<'a> {
    pub fn name(self) -> Name<'a> {
        Name { text: self.text, at: self.at }
    }

    /// Whether it is this word, keyword or operator. Case does not matter.
    pub fn is(&self, text: &str) -> bool {
        self.text.eq_ignore_ascii_case(text)
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::End => f.write_str("the end of the file"),
            _ => write!(f, "`{}`", self.text),
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

/// Ends a word, besides what is no character of a name at all.
const STOPS: &[u8] = b"();?=<>";

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8]) -> Lexer<'a> {
        let marked = text.starts_with(BYTE_ORDER_MARK);
        Lexer { text, at: if marked { BYTE_ORDER_MARK.len() } else { 0 } }
    }

    pub fn next(&mut self) -> Result<Token<'a>, Fault> {
        self.skip();
        let from = self.at;
        let Some(&first) = self.text.get(from) else {
            return Ok(Token { kind: Kind::End, text: "", at: from as u32 });
        };
        let kind = match first {
            b'(' => Kind::Open,
            b')' => Kind::Close,
            b'-' => Kind::Dash,
            b'?' => Kind::Variable,
            b':' => Kind::Keyword,
            b'=' | b'<' | b'>' | b'+' | b'*' | b'/' => Kind::Operator,
            _ => Kind::Word,
        };
        self.at += 1;
        match kind {
            Kind::Operator if matches!(first, b'<' | b'>') => {
                self.at += usize::from(self.text.get(self.at) == Some(&b'='));
            }
            Kind::Variable | Kind::Keyword | Kind::Word => {
                let rest = &self.text[self.at..];
                let ends = |b: &u8| *b <= b' ' || STOPS.contains(b);
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
            }
            _ => {}
        }
        let bytes = &self.text[from..self.at];
        let fault = |message| Err(Fault::syntax(from as u32, message));
        let Ok(text) = core::str::from_utf8(bytes) else {
            return fault("a name that is not UTF-8 text");
        };
        if text.chars().any(char::is_control) {
            return fault("a control character, which is part of no name");
        }
        if matches!(kind, Kind::Variable | Kind::Keyword) && bytes.len() == 1 {
            return fault(if first == b'?' {
                "a `?` with no name behind it"
            } else {
                "a `:` with no word behind it"
            });
        }
        Ok(Token { kind, text, at: from as u32 })
    }

    /// Over blanks and comments. A comment may hold any bytes.
    fn skip(&mut self) {
        while let Some(&b) = self.text.get(self.at) {
            match b {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b';' => {
                    let rest = &self.text[self.at..];
                    let line = rest.iter().position(|&b| b == b'\n' || b == b'\r');
                    self.at += line.unwrap_or(rest.len());
                }
                _ => break,
            }
        }
    }
}
