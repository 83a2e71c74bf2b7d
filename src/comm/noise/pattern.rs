//! Handshake patterns: what a protocol's name says, as one table.

use crate::comm::crypto::{Cipher, Hash};
use crate::error::{Error, Result};

/// A pattern: its name, which static keys are known beforehand (the initiator's,
/// the responder's), and its messages, the initiator's first.
type Row = (&'static str, bool, bool, &'static str);

/// All fundamental patterns (sections 7.4 and 7.5 of the framework) and their
/// deferred variants (section 18.1).
#[rustfmt::skip]
const PATTERNS: &[Row] = &[
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

/// A step of a message: a key that is sent, or a secret that is mixed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    E,
    S,
    Ee,
    Es,
    Se,
    Ss,
    Psk,
}

impl Token {
    fn parse(word: &str) -> Option<Token> {
        Some(match word {
            "e" => Token::E,
            "s" => Token::S,
            "ee" => Token::Ee,
            "es" => Token::Es,
            "se" => Token::Se,
            "ss" => Token::Ss,
            _ => return None,
        })
    }
}

/// What a protocol's name means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    row: &'static Row,
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
        let mut parts = name.split('_');
        let (noise, handshake, dh) = (parts.next()?, parts.next()?, parts.next()?);
        let (cipher, hash) = (parts.next()?, parts.next()?);
        if noise != "Noise" || dh != "25519" || parts.next().is_some() {
            return None;
        }
        let pattern = handshake.split(|c: char| c.is_ascii_lowercase()).next()?;
        let row = PATTERNS.iter().find(|row| row.0 == pattern)?;
        let mut protocol =
            Protocol { row, psks: 0, cipher: cipher_of(cipher)?, hash: hash_of(hash)? };
        let modifiers = handshake.strip_prefix(pattern)?;
        if !modifiers.is_empty() {
            for modifier in modifiers.split('+') {
                let place = modifier.strip_prefix("psk")?.as_bytes();
                let [digit @ b'0'..=b'9'] = *place else { return None };
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
    pub fn pattern(&self) -> &'static str {
        self.row.0
    }

    /// Messages of the handshake.
    pub fn messages(&self) -> usize {
        self.row.3.split('/').count()
    }

    /// Whether only the initiator ever sends.
    pub fn one_way(&self) -> bool {
        self.messages() == 1
    }

    /// Whether the static key of the initiator, or the responder, is known
    /// beforehand.
    pub fn known(&self, initiator: bool) -> bool {
        if initiator { self.row.1 } else { self.row.2 }
    }

    /// Whether the initiator, or the responder, has a static key.
    pub fn has_static(&self, initiator: bool) -> bool {
        let sends = |(i, message): (usize, &str)| {
            (i % 2 == 0) == initiator && message.split_ascii_whitespace().any(|word| word == "s")
        };
        self.known(initiator) || self.row.3.split('/').enumerate().any(sends)
    }

    /// How many pre-shared keys it takes.
    pub fn psks(&self) -> usize {
        self.psks.count_ones() as usize
    }

    /// The steps of a message.
    pub fn tokens(&self, message: usize) -> impl Iterator<Item = Token> + use<> {
        let psk = |place: usize| (self.psks >> place & 1 == 1).then_some(Token::Psk);
        let first = if message == 0 { psk(0) } else { None };
        let words = self.row.3.split('/').nth(message).unwrap_or("");
        first
            .into_iter()
            .chain(words.split_ascii_whitespace().filter_map(Token::parse))
            .chain(psk(message + 1))
    }
}

fn cipher_of(name: &str) -> Option<Cipher> {
    match name {
        "ChaChaPoly" => Some(Cipher::ChaChaPoly),
        #[cfg(feature = "std")]
        "AESGCM" => Some(Cipher::AesGcm),
        _ => None,
    }
}

fn hash_of(name: &str) -> Option<Hash> {
    match name {
        "BLAKE2s" => Some(Hash::Blake2s),
        #[cfg(feature = "sha256")]
        "SHA256" => Some(Hash::Sha256),
        #[cfg(feature = "std")]
        "BLAKE2b" => Some(Hash::Blake2b),
        #[cfg(feature = "std")]
        "SHA512" => Some(Hash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_whole() {
        for row in PATTERNS {
            let name = std::format!("Noise_{}_25519_ChaChaPoly_BLAKE2s", row.0);
            let protocol = Protocol::parse(&name).unwrap();
            let words = row.3.split(['/', ' ']).filter(|word| !word.is_empty());
            assert!(words.clone().all(|word| Token::parse(word).is_some()), "{name}");
            // Nobody sends a key twice, or one that is known.
            for key in ["e", "s"] {
                for parity in 0..2 {
                    let sends = row.3.split('/').skip(parity).step_by(2);
                    let times = sends.flat_map(str::split_ascii_whitespace).filter(|w| *w == key);
                    let known = key == "s" && protocol.known(parity == 0);
                    assert!(times.count() + usize::from(known) <= 1, "{name}");
                }
            }
            let mut secrets: std::vec::Vec<&str> = words.filter(|word| word.len() == 2).collect();
            secrets.sort_unstable();
            assert!(secrets.windows(2).all(|pair| pair[0] != pair[1]), "{name}");
        }
        assert_eq!(PATTERNS.len(), 3 + 12 + 23);
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
