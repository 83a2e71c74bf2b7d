//! Handshake patterns: what a protocol's name says, as one table.

use crate::comm::crypto::{Cipher, Hash};
use crate::error::{Error, Result};

/// A pattern: its name, which static keys are known beforehand (the initiator's,
/// the responder's), and its messages, the initiator's first.
type Row = (&'static str, bool, bool, &'static str);

/// All fundamental patterns (sections 7.4 and 7.5 of the framework) and their
/// deferred variants (section 18.1).
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // One-way.
    ("N",    false, true,  "e es"),
    ("K",    true,  true,  "e es ss"),
    ("X",    false, true,  "e es s ss"),
    // Interactive.
    ("NN",   false, false, "e / e ee"),
    ("NK",   false, true,  "e es / e ee"),
    ("NX",   false, false, "e / e ee s es"),
    ("XN",   false, false, "e / e ee / s se"),
    ("XK",   false, true,  "e es / e ee / s se"),
    ("XX",   false, false, "e / e ee s es / s se"),
    ("KN",   true,  false, "e / e ee se"),
    ("KK",   true,  true,  "e es ss / e ee se"),
    ("KX",   true,  false, "e / e ee se s es"),
    ("IN",   false, false, "e s / e ee se"),
    ("IK",   false, true,  "e es s ss / e ee se"),
    ("IX",   false, false, "e s / e ee se s es"),
    // Deferred.
    ("NK1",  false, true,  "e / e ee es"),
    ("NX1",  false, false, "e / e ee s / es"),
    ("X1N",  false, false, "e / e ee / s / se"),
    ("X1K",  false, true,  "e es / e ee / s / se"),
    ("XK1",  false, true,  "e / e ee es / s se"),
    ("X1K1", false, true,  "e / e ee es / s / se"),
    ("X1X",  false, false, "e / e ee s es / s / se"),
    ("XX1",  false, false, "e / e ee s / es s se"),
    ("X1X1", false, false, "e / e ee s / es s / se"),
    ("K1N",  true,  false, "e / e ee / se"),
    ("K1K",  true,  true,  "e es / e ee / se"),
    ("KK1",  true,  true,  "e / e ee se es"),
    ("K1K1", true,  true,  "e / e ee es / se"),
    ("K1X",  true,  false, "e / e ee s es / se"),
    ("KX1",  true,  false, "e / e ee se s / es"),
    ("K1X1", true,  false, "e / e ee s / se es"),
    ("I1N",  false, false, "e s / e ee / se"),
    ("I1K",  false, true,  "e es s / e ee / se"),
    ("IK1",  false, true,  "e s / e ee se es"),
    ("I1K1", false, true,  "e s / e ee es / se"),
    ("I1X",  false, false, "e s / e ee s es / se"),
    ("IX1",  false, false, "e s / e ee se s / es"),
    ("I1X1", false, false, "e s / e ee s / se es"),
];

/// What a name ends in: key agreement, cipher and hash.
const SUITES: &[(&str, Cipher, Hash)] = &[
    ("_25519_ChaChaPoly_BLAKE2s", Cipher::ChaChaPoly, Hash::Blake2s),
    #[cfg(feature = "sha256")]
    ("_25519_ChaChaPoly_SHA256", Cipher::ChaChaPoly, Hash::Sha256),
    #[cfg(feature = "std")]
    ("_25519_ChaChaPoly_BLAKE2b", Cipher::ChaChaPoly, Hash::Blake2b),
    #[cfg(feature = "std")]
    ("_25519_ChaChaPoly_SHA512", Cipher::ChaChaPoly, Hash::Sha512),
    #[cfg(feature = "std")]
    ("_25519_AESGCM_BLAKE2s", Cipher::AesGcm, Hash::Blake2s),
    #[cfg(feature = "std")]
    ("_25519_AESGCM_SHA256", Cipher::AesGcm, Hash::Sha256),
    #[cfg(feature = "std")]
    ("_25519_AESGCM_BLAKE2b", Cipher::AesGcm, Hash::Blake2b),
    #[cfg(feature = "std")]
    ("_25519_AESGCM_SHA512", Cipher::AesGcm, Hash::Sha512),
];

/// How many of them this build has: the deferred ones are an option without
/// `std`.
const ROWS: usize = if cfg!(feature = "deferred-patterns") { TABLE.len() } else { 3 + 12 };

/// A step of a message: a key that is sent, or a secret that is mixed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// There is no more. The first, so that lists are filled with zeros.
    End,
    E,
    S,
    Ee,
    Es,
    Se,
    Ss,
    Psk,
    /// The next message.
    Next,
}

/// Steps of the longest pattern.
const STEPS: usize = 10;

type Steps = [Token; STEPS];

/// A row as the compiler has read it, in few bytes.
#[derive(Debug)]
struct Pattern {
    /// Zeros behind the name.
    name: [u8; NAME],
    /// Bit 0: the initiator's static key is known; bit 1: the responder's is.
    /// Bits 2 and 3: they send it.
    keys: u8,
    steps: Steps,
}

/// Letters and digits of the longest name.
const NAME: usize = 4;

static PATTERNS: [Pattern; ROWS] = {
    let mut patterns =
        [const { Pattern { name: [0; NAME], keys: 0, steps: [Token::End; STEPS] } }; ROWS];
    let mut at = 0;
    while at < ROWS {
        let (name, initiator, responder, messages) = TABLE[at];
        let mut letter = 0;
        while letter < name.len() {
            patterns[at].name[letter] = name.as_bytes()[letter];
            letter += 1;
        }
        patterns[at].keys = initiator as u8 | (responder as u8) << 1 | senders(messages);
        patterns[at].steps = steps(messages);
        at += 1;
    }
    patterns
};

const fn steps(messages: &str) -> Steps {
    let text = messages.as_bytes();
    let mut steps = [Token::End; STEPS];
    let (mut from, mut count) = (0, 0);
    while from < text.len() {
        let second = if from + 1 < text.len() { text[from + 1] } else { b' ' };
        steps[count] = match (text[from], second) {
            (b'e', b' ') => Token::E,
            (b's', b' ') => Token::S,
            (b'e', b'e') => Token::Ee,
            (b'e', b's') => Token::Es,
            (b's', b'e') => Token::Se,
            (b's', b's') => Token::Ss,
            (b'/', b' ') => Token::Next,
            _ => panic!("no step of a message"),
        };
        from += if second == b' ' { 2 } else { 3 };
        count += 1;
    }
    steps
}

impl Pattern {
    fn letters(&self) -> &[u8] {
        self.name.split(|letter| *letter == 0).next().unwrap_or(&[])
    }
}

/// Which sides send their static key: bits as in [`Pattern`].
const fn senders(messages: &str) -> u8 {
    let (mut bits, mut side, mut at) = (0, 4, 0);
    let steps = steps(messages);
    while at < STEPS {
        match steps[at] {
            Token::S => bits |= side,
            Token::Next => side = 12 - side,
            _ => {}
        }
        at += 1;
    }
    bits
}

/// What a protocol's name means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    row: &'static Pattern,
    /// Bit `n`: the modifier `psk<n>`.
    psks: u8,
    pub cipher: Cipher,
    pub hash: Hash,
}

impl Protocol {
    /// Of a name like `Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s` (section 8).
    pub fn parse(name: &str) -> Result<Protocol> {
        Protocol::find(name).ok_or(Error::CommProtocol)
    }

    fn find(name: &str) -> Option<Protocol> {
        let rest = name.as_bytes().strip_prefix(b"Noise_")?;
        let (handshake, (_, cipher, hash)) = SUITES
            .iter()
            .find_map(|suite| Some((rest.strip_suffix(suite.0.as_bytes())?, *suite)))?;
        let len = handshake.iter().position(u8::is_ascii_lowercase).unwrap_or(handshake.len());
        let (pattern, modifiers) = handshake.split_at_checked(len)?;
        let row = PATTERNS.iter().find(|row| row.letters() == pattern)?;
        let mut protocol = Protocol { row, psks: 0, cipher, hash };
        if !modifiers.is_empty() {
            for modifier in modifiers.split(|byte| *byte == b'+') {
                let [b'p', b's', b'k', digit @ b'0'..=b'9'] = *modifier else { return None };
                let place = digit - b'0';
                // Once each, in order: there is one name for a protocol.
                if usize::from(place) > protocol.messages() || protocol.psks >> place != 0 {
                    return None;
                }
                protocol.psks |= 1 << place;
            }
        }
        Some(protocol)
    }

    /// The pattern's name.
    pub fn pattern(&self) -> &'static [u8] {
        self.row.letters()
    }

    /// The steps of each message.
    fn steps(&self) -> impl Iterator<Item = &'static [Token]> + use<> {
        self.row.steps.split(|token| *token == Token::Next)
    }

    /// Messages of the handshake.
    pub fn messages(&self) -> usize {
        self.steps().count()
    }

    /// Whether only the initiator ever sends.
    pub fn one_way(&self) -> bool {
        self.messages() == 1
    }

    /// Whether the static key of the initiator, or the responder, is known
    /// beforehand.
    pub fn known(&self, initiator: bool) -> bool {
        self.row.keys & if initiator { 1 } else { 2 } != 0
    }

    /// Whether the initiator, or the responder, has a static key.
    pub fn has_static(&self, initiator: bool) -> bool {
        self.row.keys & if initiator { 1 | 4 } else { 2 | 8 } != 0
    }

    /// How many pre-shared keys it takes.
    pub fn psks(&self) -> usize {
        self.psks.count_ones() as usize
    }

    /// The steps of a message.
    pub fn tokens(&self, message: u8) -> impl Iterator<Item = Token> + use<> {
        self.list(message.into()).into_iter().take_while(|token| *token != Token::End)
    }

    /// All of them, and at least one end.
    fn list(&self, message: usize) -> [Token; STEPS + 2] {
        let psk = |place: usize| (self.psks >> place & 1 == 1).then_some(&Token::Psk);
        let first = if message == 0 { psk(0) } else { None };
        let steps = self.steps().nth(message).unwrap_or(&[]);
        let steps = steps.iter().filter(|token| **token != Token::End);
        let mut list = [Token::End; STEPS + 2];
        let tokens = first.into_iter().chain(steps).chain(psk(message + 1));
        list.iter_mut().zip(tokens).for_each(|(to, from)| *to = *from);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_pattern_is_whole() {
        for row in &TABLE[..ROWS] {
            let name = std::format!("Noise_{}_25519_ChaChaPoly_BLAKE2s", row.0);
            let protocol = Protocol::parse(&name).unwrap();
            assert_eq!(protocol.pattern(), row.0.as_bytes());
            assert_eq!((protocol.known(true), protocol.known(false)), (row.1, row.2), "{name}");
            for initiator in [true, false] {
                let mut own = row.3.split('/').skip(usize::from(!initiator)).step_by(2);
                let sends =
                    own.any(|message| message.split_ascii_whitespace().any(|word| word == "s"));
                assert_eq!(
                    protocol.has_static(initiator),
                    sends || protocol.known(initiator),
                    "{name}"
                );
            }
            let steps = || protocol.steps().map(|steps| steps.split(|t| *t == Token::End).next());
            assert!(steps().all(|steps| steps.is_some_and(|steps| !steps.is_empty())), "{name}");
            let tokens: Vec<Token> =
                (0..protocol.messages() as u8).flat_map(|at| protocol.tokens(at)).collect();
            // As the table says it.
            let words = row.3.split(['/', ' ']);
            assert_eq!(tokens.len(), words.filter(|word| !word.is_empty()).count(), "{name}");
            // Nobody sends a key twice, or one that is known.
            for key in [Token::E, Token::S] {
                for parity in 0..2 {
                    let sent = (parity..protocol.messages() as u8).step_by(2);
                    let times = sent.flat_map(|at| protocol.tokens(at)).filter(|t| *t == key);
                    let known = key == Token::S && protocol.known(parity == 0);
                    assert!(times.count() + usize::from(known) <= 1, "{name}");
                }
            }
            for secret in [Token::Ee, Token::Es, Token::Se, Token::Ss] {
                assert!(tokens.iter().filter(|token| **token == secret).count() <= 1, "{name}");
            }
        }
        assert_eq!(TABLE.len(), 3 + 12 + 23);
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in [
            "",
            "Noise_XX_25519_ChaChaPoly",
            "Noise_XX_25519_ChaChaPoly_BLAKE2s_",
            "Noise_XX_448_ChaChaPoly_BLAKE2s",
            "Noise_XY_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk4_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk10_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk3+_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk3+psk0_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXpsk0+psk0_25519_ChaChaPoly_BLAKE2s",
            "Noise_XXhfs_25519_ChaChaPoly_BLAKE2s",
            "noise_XX_25519_ChaChaPoly_BLAKE2s",
            "Noise_XX_25519_ChaChaPoly_BLAKE2S",
        ] {
            assert_eq!(Protocol::parse(name).err(), Some(Error::CommProtocol), "{name}");
        }
        let name = "Noise_XXpsk0+psk1+psk3_25519_ChaChaPoly_BLAKE2s";
        assert_eq!(Protocol::parse(name).unwrap().psks(), 3);
    }
}
