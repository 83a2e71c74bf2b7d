//! ChaCha20-Poly1305 (RFC 8439, section 2.8) of its two halves, for x86-64. The
//! crate that joins them always takes Poly1305 for AVX2 there, which needs more than
//! a microsecond before the first byte; here short texts go through the one without.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a block of the cipher.
const BLOCK: usize = 64;
/// Four blocks, which the cipher makes in the time of one: the key of Poly1305,
/// what is left of its block, and the key stream of the text's beginning.
const FIRST: usize = 4 * BLOCK;
/// From here on Poly1305 for AVX2 is the faster one.
const LONG: usize = 4096;

type First = Zeroizing<[u8; FIRST]>;

fn begin(key: &[u8; 32], nonce: &[u8; 12]) -> (ChaCha20, First) {
    let mut cipher = ChaCha20::new(key.into(), nonce.into());
    let mut first = Zeroizing::new([0; FIRST]);
    cipher.apply_keystream(first.as_mut_slice());
    (cipher, first)
}

/// `None`, and the text as it was, for one of 256 GiB or more.
fn apply((mut cipher, first): (ChaCha20, &First), text: &mut [u8]) -> Option<()> {
    let (head, rest) = text.split_at_mut(text.len().min(FIRST - BLOCK));
    cipher.try_apply_keystream(rest).ok()?;
    head.iter_mut().zip(first.iter().skip(BLOCK)).for_each(|(text, key)| *text ^= key);
    Some(())
}

fn tag(first: &First, ad: &[u8], text: &[u8]) -> Option<[u8; 16]> {
    let key: &[u8; 32] = first.first_chunk()?;
    let mut lengths = [0; 16];
    let (ad_len, text_len) = lengths.split_at_mut(8);
    ad_len.copy_from_slice(&(ad.len() as u64).to_le_bytes());
    text_len.copy_from_slice(&(text.len() as u64).to_le_bytes());
    Some(if text.len() < LONG {
        use soft_poly1305::universal_hash::{NewUniversalHash, UniversalHash};
        let mut mac = soft_poly1305::Poly1305::new(key.into());
        mac.update_padded(ad);
        mac.update_padded(text);
        mac.update(&lengths.into());
        mac.finalize().into_bytes().into()
    } else {
        use poly1305::universal_hash::{KeyInit, UniversalHash};
        let mut mac = poly1305::Poly1305::new(key.into());
        mac.update_padded(ad);
        mac.update_padded(text);
        mac.update(&[lengths.into()]);
        mac.finalize().into()
    })
}

/// Encrypts in place; `None` for a text of 256 GiB or more.
pub fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> Option<[u8; 16]> {
    let (cipher, first) = begin(key, nonce);
    apply((cipher, &first), text)?;
    tag(&first, ad, text)
}

/// Decrypts in place; `None`, and the text as it was, if it is not authentic.
pub fn open(
    key: &[u8; 32],
    nonce: &[u8; 12],
    ad: &[u8],
    text: &mut [u8],
    theirs: &[u8; 16],
) -> Option<()> {
    let (cipher, first) = begin(key, nonce);
    let ours = tag(&first, ad, text)?;
    if bool::from(ours.ct_eq(theirs)) { apply((cipher, &first), text) } else { None }
}
