//! What stands beside a number: whether it is a part of a larger one that nobody reads here (`1 000`, `1/2`,
//! `10-20`, `two point five`), which would make the part a guess.

use super::number::{is_number_word, word};

/// What joins two digits to something else than two numbers.
fn joins(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'/' | b',' | b':' | b'\'' | b'_' | b'^' | b'*')
}

/// The same with blanks around it.
fn joins_widely(byte: u8) -> bool {
    matches!(byte, b'-' | b'/' | b'^' | b'*')
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// The letters that end before a place.
fn word_before(text: &[u8], end: usize) -> &[u8] {
    let len = text[..end].iter().rev().take_while(|b| is_letter(**b)).count();
    &text[end - len..end]
}

/// Where the blanks before a place begin.
fn back(text: &[u8], end: usize) -> usize {
    end - text[..end].iter().rev().take_while(|b| **b == b' ').count()
}

/// Where the blanks from a place on end.
fn forth(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|b| **b == b' ').count()
}

/// Whether a number, or a word of one, ends before a place, by bytes that no slot has taken.
fn number_ends(text: &[u8], end: usize, taken: &impl Fn(usize) -> bool) -> bool {
    let Some(last) = end.checked_sub(1).filter(|last| !taken(*last)) else { return false };
    text[last].is_ascii_digit() || is_number_word(word_before(text, end))
}

/// Whether one begins at a place, likewise.
fn number_begins(text: &[u8], at: usize, taken: &impl Fn(usize) -> bool) -> bool {
    let Some(first) = text.get(at).filter(|_| !taken(at)) else { return false };
    first.is_ascii_digit() || is_number_word(word(text, at))
}

/// Whether what is before a place belongs to a number that begins there.
pub(super) fn goes_on_before(text: &[u8], start: usize, taken: impl Fn(usize) -> bool) -> bool {
    let ends = |end| number_ends(text, end, &taken);
    let end = back(text, start);
    let Some(last) = end.checked_sub(1) else { return false };
    if end == start {
        return joins(text[last]) && ends(last);
    }
    if joins_widely(text[last]) {
        return ends(back(text, last));
    }
    let and = word_before(text, end).eq_ignore_ascii_case(b"and");
    ends(end) || and && ends(back(text, end - 3))
}

/// Whether what is behind a place belongs to a number that ends there.
pub(super) fn goes_on_behind(text: &[u8], end: usize, taken: impl Fn(usize) -> bool) -> bool {
    let begins = |at| number_begins(text, at, &taken);
    let at = forth(text, end);
    let wide = text.get(at).is_some_and(|byte| joins_widely(*byte));
    let and = word(text, at).eq_ignore_ascii_case(b"and");
    joined_behind(text, end)
        || wide && begins(forth(text, at + 1))
        || at > end && begins(at)
        || and && begins(forth(text, at + 3))
        || half_behind(text, end)
}

/// Whether digits are joined to what ends before a place.
pub(super) fn joined_behind(text: &[u8], end: usize) -> bool {
    let digit = text.get(end + 1).is_some_and(u8::is_ascii_digit);
    digit && joins(text[end])
}

/// Whether `and a half` or the like is behind a place.
pub(super) fn half_behind(text: &[u8], end: usize) -> bool {
    let mut at = forth(text, end);
    for (index, words) in [&["and"][..], &["a", "one", "three"], &["half", "quarter", "quarters"]]
        .into_iter()
        .enumerate()
    {
        let there = word(text, at);
        if words.iter().any(|word| there.eq_ignore_ascii_case(word.as_bytes())) {
            at = forth(text, at + there.len());
        } else if index != 1 {
            return false;
        }
    }
    true
}
