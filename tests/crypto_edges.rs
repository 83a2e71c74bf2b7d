//! What the primitives beneath the secure link must refuse, and the corners
//! that they must get right: Project Wycheproof's, and cases of our own.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use neural_swarm::Error;
#[cfg(feature = "small-curve")]
use neural_swarm::comm::crypto::Small;
use neural_swarm::comm::crypto::{
    self, Backend, Hash, Portable, PublicKey, SIGNATURE, Secret, agree, identity_of, public_key,
    sign,
};
use sha2::{Digest, Sha512};

fn hex(text: &str) -> Vec<u8> {
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The words of one line of Wycheproof's vectors.
struct Words<'t>(core::str::Split<'t, char>);

impl<'t> Words<'t> {
    fn word(&mut self) -> &'t str {
        self.0.next().unwrap()
    }

    fn bytes(&mut self) -> Vec<u8> {
        hex(self.word().trim_matches('-'))
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes().try_into().unwrap()
    }
}

/// The vectors of one kind, each with its result; how many there were.
fn wycheproof(kind: &str, mut check: impl FnMut(&str, &mut Words)) -> usize {
    let mut count = 0;
    for line in include_str!("data/wycheproof.txt").lines() {
        let mut words = Words(line.split(' '));
        if words.word() == kind {
            let result = words.word();
            check(result, &mut words);
            count += 1;
        }
    }
    count
}

/// The verdict of every implementation of Ed25519 in this build.
fn verify(
    public: &PublicKey,
    message: &[u8],
    signature: &[u8; SIGNATURE],
) -> neural_swarm::Result<()> {
    let verdict = crypto::verify(public, message, signature);
    assert_eq!(verdict.is_ok(), Portable::verify(public, message, signature));
    #[cfg(feature = "small-curve")]
    assert_eq!(verdict.is_ok(), Small::verify(public, message, signature));
    verdict
}

type Seal = fn(&[u8; 32], &[u8; 12], &[u8], &mut [u8]) -> [u8; 16];
type Open = fn(&[u8; 32], &[u8; 12], &[u8], &mut [u8], &[u8; 16]) -> bool;

/// Every cipher of every backend of this build.
fn ciphers() -> Vec<(&'static str, Seal, Open)> {
    #[cfg_attr(not(feature = "std"), allow(unused_mut))]
    let mut all: Vec<(&str, Seal, Open)> = vec![("chacha", Portable::seal, Portable::open)];
    #[cfg(feature = "std")]
    all.push(("aes", Portable::seal_aes, Portable::open_aes));
    #[cfg(feature = "server-crypto")]
    {
        use crypto::Server;
        all.push(("chacha", Server::seal, Server::open));
        all.push(("aes", Server::seal_aes, Server::open_aes));
    }
    all
}

type Agree = fn(&[u8; 32], &[u8; 32]) -> [u8; 32];

fn agreements() -> Vec<Agree> {
    vec![
        |private, public| *Portable::agree(private, public),
        #[cfg(feature = "server-crypto")]
        |private, public| *crypto::Server::agree(private, public),
        #[cfg(feature = "small-curve")]
        |private, public| *Small::agree(private, public),
    ]
}

#[test]
fn wycheproof_ciphers() {
    for (name, seal, open) in ciphers() {
        let count = wycheproof(name, |result, words| {
            let (key, nonce, ad) = (words.array(), words.array(), words.bytes());
            let (text, sealed, tag) = (words.bytes(), words.bytes(), words.array());
            let mut buffer = sealed.clone();
            let opened = open(&key, &nonce, &ad, &mut buffer, &tag);
            assert_eq!(opened, result == "valid");
            if opened {
                assert_eq!(buffer, text);
                assert_eq!(seal(&key, &nonce, &ad, &mut buffer), tag);
                assert_eq!(buffer, sealed);
            }
        });
        assert!(count > 40);
    }
}

#[test]
fn wycheproof_agreement() {
    for agree_by in agreements() {
        let count = wycheproof("x25519", |result, words| {
            let (private, public, shared) = (words.array(), words.array(), words.array());
            assert_eq!(agree_by(&private, &public), shared);
            // Public keys are taken as RFC 7748 says, whatever their encoding;
            // only a shared secret of zeros is refused.
            let agreed = agree(&Secret::new(private), &public).map(|shared| *shared);
            let refused = result == "refused";
            assert_eq!(agreed, if refused { Err(Error::CommKey) } else { Ok(shared) });
        });
        assert!(count > 90);
    }
}

#[test]
fn wycheproof_signatures() {
    let count = wycheproof("ed25519", |result, words| {
        let (public, message, signature) = (words.array(), words.bytes(), words.array());
        let good = verify(&public, &message, &signature).is_ok();
        assert_eq!(good, result == "valid");
    });
    assert!(count > 40);
}

#[cfg(feature = "sha256")]
#[test]
fn wycheproof_hkdf() {
    let count = wycheproof("hkdf", |_, words| {
        let (salt, material, output) = (words.bytes(), words.bytes(), words.bytes());
        let parts = Hash::Sha256.hkdf::<3>(&salt, &material);
        let ours: Vec<u8> = parts.iter().flat_map(|part| part.bytes()).copied().collect();
        assert_eq!(ours[..output.len()], output);
    });
    assert!(count > 4);
}

#[test]
fn any_changed_bit_is_refused() {
    let (key, nonce, ad) = ([0x42; 32], [7; 12], *b"header");
    for (_, seal, open) in ciphers() {
        for len in [0, 1, 15, 16, 17, 63, 64, 65, 130] {
            let text: Vec<u8> = (0..len).collect();
            let mut sealed = text.clone();
            let tag = seal(&key, &nonce, &ad, &mut sealed);
            let opens =
                |key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &[u8], tag: &[u8; 16]| {
                    let mut buffer = text.to_vec();
                    open(key, nonce, ad, &mut buffer, tag)
                };
            // The control: unchanged, it is good.
            assert!(opens(&key, &nonce, &ad, &sealed, &tag));
            for bit in 0..128 {
                let mut tag = tag;
                tag[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&key, &nonce, &ad, &sealed, &tag), "bit {bit} of the tag");
            }
            for bit in 0..sealed.len() * 8 {
                let mut sealed = sealed.clone();
                sealed[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&key, &nonce, &ad, &sealed, &tag), "bit {bit} of the text");
            }
            for bit in 0..ad.len() * 8 {
                let mut ad = ad;
                ad[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&key, &nonce, &ad, &sealed, &tag), "bit {bit} of the data");
            }
            for bit in 0..96 {
                let mut nonce = nonce;
                nonce[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&key, &nonce, &ad, &sealed, &tag), "bit {bit} of the nonce");
            }
            for bit in 0..256 {
                let mut key = key;
                key[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&key, &nonce, &ad, &sealed, &tag), "bit {bit} of the key");
            }
            for less in 0..sealed.len() {
                assert!(!opens(&key, &nonce, &ad, &sealed[..less], &tag), "{less} bytes");
            }
            for less in 0..ad.len() {
                assert!(!opens(&key, &nonce, &ad[..less], &sealed, &tag), "{less} bytes");
            }
            // Bytes that move from the data to the text: only the lengths tell.
            let (mut longer, joined) = (ad.to_vec(), [&ad, sealed.as_slice()].concat());
            longer.extend_from_slice(&sealed);
            if !sealed.is_empty() {
                assert!(!opens(&key, &nonce, &longer, &[], &tag));
            }
            assert!(!opens(&key, &nonce, &[], &joined, &tag));
        }
    }
}

/// Keys whose shared secret is zero, whoever agrees (RFC 7748, section 6.1):
/// of order 1, 2, 4 and 8 on the curve and its twist, in every encoding.
#[test]
fn public_keys_of_small_order_are_refused() {
    let mut keys: Vec<PublicKey> = Vec::new();
    // u of the points of small order; the others have a u that is one of these
    // beyond 2^255 - 19.
    for text in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let key: PublicKey = hex(text).try_into().unwrap();
        keys.push(key);
        // The top bit has no meaning.
        keys.push(core::array::from_fn(|i| key[i] | if i == 31 { 0x80 } else { 0 }));
    }
    for key in keys {
        for seed in 0..8 {
            let private = Secret::new([seed * 31 + 1; 32]);
            assert_eq!(agree(&private, &key).err(), Some(Error::CommKey));
            for agree_by in agreements() {
                assert_eq!(agree_by(private.bytes(), &key), [0; 32]);
            }
        }
    }
}

#[test]
fn bits_without_meaning_do_not_change_the_secret() {
    let private = Secret::new([0x55; 32]);
    let public = public_key(&Secret::new([0x77; 32]));
    for agree_by in agreements() {
        let shared = agree_by(private.bytes(), &public);
        // The top bit of a public key, and those of a private key that are set
        // or cleared (RFC 7748, section 5).
        let mut other = public;
        other[31] ^= 0x80;
        assert_eq!(agree_by(private.bytes(), &other), shared);
        for (place, bit) in [(0, 1), (0, 2), (0, 4), (31, 0x80), (31, 0x40)] {
            let mut other = *private.bytes();
            other[place] ^= bit;
            assert_eq!(agree_by(&other, &public), shared);
        }
        let mut other = *private.bytes();
        other[0] ^= 8;
        assert_ne!(agree_by(&other, &public), shared);
        // Not the least of its encodings: 19 below 2^255 means 0, 1, ... 18.
        for small in 2..19 {
            let (mut least, mut beyond) = ([0; 32], [0xff; 32]);
            (least[0], beyond[0], beyond[31]) = (small, 0xed + small, 0x7f);
            assert_eq!(agree_by(private.bytes(), &beyond), agree_by(private.bytes(), &least));
        }
    }
}

/// The order of the base point (RFC 8032, section 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Lengths around those of the hash's blocks.
#[test]
fn every_implementation_agrees_at_many_lengths() {
    for len in (0..300).step_by(7).chain([31, 32, 63, 64, 111, 112, 127, 128, 129]) {
        let private = Secret::new(core::array::from_fn(|i| (len * 31 + i * 7) as u8));
        let message: Vec<u8> = (0..len).map(|i| (i * len) as u8).collect();
        let signature = sign(&private, &message);
        assert_eq!(verify(&identity_of(&private), &message, &signature), Ok(()));
        assert!(
            verify(&identity_of(&private), &[&message[..], b"."].concat(), &signature).is_err()
        );
        let (one, two) = (Secret::new([len as u8; 32]), public_key(&private));
        let agreed: Vec<_> = agreements().iter().map(|by| by(one.bytes(), &two)).collect();
        assert!(agreed.iter().all(|shared| *shared == agreed[0]));
    }
}

#[test]
fn any_changed_bit_of_a_signature_is_refused() {
    let private = Secret::new([9; 32]);
    let (public, message) = (identity_of(&private), *b"a message");
    let signature = sign(&private, &message);
    assert_eq!(verify(&public, &message, &signature), Ok(()));
    for bit in 0..SIGNATURE * 8 {
        let mut signature = signature;
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&public, &message, &signature), Err(Error::CommSignature));
    }
    for bit in 0..256 {
        let mut public = public;
        public[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&public, &message, &signature), Err(Error::CommSignature));
    }
    for less in 0..message.len() {
        assert_eq!(verify(&public, &message[..less], &signature), Err(Error::CommSignature));
    }
    assert_eq!(verify(&public, b"another", &signature), Err(Error::CommSignature));
    assert_eq!(verify(&public, &message, &[0; SIGNATURE]), Err(Error::CommSignature));
}

/// S and S + L name the same number, so both would be good signatures
/// (RFC 8032, section 5.1.7: S must be below L).
#[test]
fn a_signature_has_one_form() {
    let private = Secret::new([9; 32]);
    let public = identity_of(&private);
    for message in 0_u8..16 {
        let signature = sign(&private, &[message]);
        assert_eq!(verify(&public, &[message], &signature), Ok(()));
        for signature in other_forms(signature) {
            assert_eq!(verify(&public, &[message], &signature), Err(Error::CommSignature));
        }
    }
}

/// The signature with L added to S, as often as 32 bytes can hold it.
fn other_forms(signature: [u8; SIGNATURE]) -> impl Iterator<Item = [u8; SIGNATURE]> {
    core::iter::successors(Some(signature), |signature| {
        let (mut signature, mut carry) = (*signature, 0);
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        (carry == 0).then_some(signature)
    })
    .skip(1)
}

/// The challenge of a signature (RFC 8032, section 5.1.6).
fn challenge(r: &[u8; 32], public: &PublicKey, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(public).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// A signature by a private scalar whose public key and nonce point have these
/// torsion points added. `None` where the equation without cofactor fails.
fn mixed(
    a: Scalar,
    key: EdwardsPoint,
    nonce: EdwardsPoint,
    message: &[u8],
) -> (PublicKey, [u8; SIGNATURE], bool) {
    let r = Scalar::from(0x1234_5678_u64);
    let base = ED25519_BASEPOINT_POINT;
    let (public, r_point) = (base * a + key, base * r + nonce);
    let (public_bytes, r_bytes) = (public.compress().0, r_point.compress().0);
    let h = challenge(&r_bytes, &public_bytes, message);
    let s = r + h * a;
    let mut signature = [0; SIGNATURE];
    signature[..32].copy_from_slice(&r_bytes);
    signature[32..].copy_from_slice(s.as_bytes());
    // [S]B = R + [h]A, with the torsion parts of R and [h]A.
    (public_bytes, signature, base * s == r_point + public * h)
}

/// Keys and nonce points of small order: such a "signature" would be good for
/// many messages or keys. Each is one that a laxer check takes, which is the
/// control.
#[test]
fn keys_and_nonces_of_small_order_are_refused() {
    let lax = |public: &PublicKey, message: &[u8], signature: &[u8; SIGNATURE]| {
        let key = VerifyingKey::from_bytes(public);
        key.is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
    };
    let (mut small_keys, mut small_nonces) = (0, 0);
    for point in EIGHT_TORSION {
        for message in 0_u8..64 {
            // Good for the lax check where [h]A is minus R's part of small order. With
            // S = 0 R has no other, with another S the key alone is of small order.
            for (nonce, s) in EIGHT_TORSION.into_iter().flat_map(|nonce| [(nonce, 0), (nonce, 5)]) {
                let (public, signature, fits) = keyless(point, nonce, s, &[message]);
                assert_eq!(lax(&public, &[message], &signature), fits);
                small_keys += usize::from(fits);
                assert_eq!(verify(&public, &[message], &signature), Err(Error::CommSignature));
            }
        }
        // An honest key, but a nonce point without a secret part: S = h * a.
        let a = Scalar::from(77_u64);
        let public = (ED25519_BASEPOINT_POINT * a).compress().0;
        let r = point.compress().0;
        let mut signature = [0; SIGNATURE];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice((challenge(&r, &public, b"text") * a).as_bytes());
        small_nonces += usize::from(lax(&public, b"text", &signature));
        assert_eq!(verify(&public, b"text", &signature), Err(Error::CommSignature));
    }
    assert!(small_keys > 100 && small_nonces == 1);
}

/// A signature that nobody's private key made, and whether the equation holds.
fn keyless(
    key: EdwardsPoint,
    nonce: EdwardsPoint,
    s: u64,
    message: &[u8],
) -> (PublicKey, [u8; SIGNATURE], bool) {
    let s = Scalar::from(s);
    let (public, r) = (key.compress().0, (ED25519_BASEPOINT_POINT * s + nonce).compress().0);
    let h = challenge(&r, &public, message);
    let mut signature = [0; SIGNATURE];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(s.as_bytes());
    (public, signature, nonce + key * h == EdwardsPoint::identity())
}

/// A key or nonce with a torsion part on top of an honest one: accepted where
/// the equation without cofactor holds, as everywhere in the crate, and nowhere
/// else, so that all nodes agree on which signatures are good.
#[test]
fn mixed_order_is_judged_without_the_cofactor() {
    let (mut good, mut bad) = (0, 0);
    for key in EIGHT_TORSION {
        for nonce in EIGHT_TORSION {
            for message in 0_u8..8 {
                let (public, signature, fits) = mixed(Scalar::from(99_u64), key, nonce, &[message]);
                assert_eq!(verify(&public, &[message], &signature).is_ok(), fits);
                *(if fits { &mut good } else { &mut bad }) += 1;
            }
        }
    }
    assert!(good > 20 && bad > 200);
}

/// Encodings with y beyond the prime.
fn beyond_the_prime() -> impl Iterator<Item = [u8; 32]> {
    (0..38_u8).map(|i| {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (0xed + i / 2, 0x7f | i << 7);
        point
    })
}

/// Encodings that are not the one of their point: y beyond the prime, or x = 0
/// with its sign set.
#[test]
fn non_canonical_points_are_refused() {
    let message = b"message";
    for point in beyond_the_prime() {
        // As a key, with S = 0 and R the identity or itself.
        for r in [EdwardsPoint::identity().compress().0, point] {
            let mut signature = [0; SIGNATURE];
            signature[..32].copy_from_slice(&r);
            assert_eq!(verify(&point, message, &signature), Err(Error::CommSignature));
        }
        // As a nonce of an honest key.
        let public = identity_of(&Secret::new([5; 32]));
        let mut signature = sign(&Secret::new([5; 32]), message);
        signature[..32].copy_from_slice(&point);
        assert_eq!(verify(&public, message, &signature), Err(Error::CommSignature));
    }
    // x = 0 with a sign: minus the identity, minus the point of order 2.
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0xff);
    let mut identity = [0; 32];
    (identity[0], identity[31]) = (1, 0x80);
    for point in [order_two, identity] {
        let mut signature = [0; SIGNATURE];
        signature[..32].copy_from_slice(&point);
        assert_eq!(verify(&point, message, &signature), Err(Error::CommSignature));
    }
    // No point at all has this y.
    let mut none = [0; 32];
    none[0] = 2;
    assert!(VerifyingKey::from_bytes(&none).is_err());
    assert_eq!(verify(&none, message, &[0; SIGNATURE]), Err(Error::CommSignature));
}

/// What scripts/test-embedded asks the firmware about, whose implementation for
/// its processor does not run here: cases as above, each with its verdict here.
#[test]
fn cases_for_the_firmware() {
    let mut cases: Vec<(PublicKey, u8, [u8; SIGNATURE])> = Vec::new();
    for (i, key) in EIGHT_TORSION.into_iter().enumerate() {
        for (j, nonce) in EIGHT_TORSION.into_iter().enumerate() {
            let message = (8 * i + j) as u8;
            let (public, signature, _) = mixed(Scalar::from(99_u64), key, nonce, &[message]);
            cases.push((public, message, signature));
            // A lax check takes these.
            for s in [0, 5] {
                let small = (0..64).map(|message| (message, keyless(key, nonce, s, &[message])));
                let mut fits = small.filter(|(_, (_, _, fits))| *fits);
                cases.extend(fits.next().map(|(message, (public, r, _))| (public, message, r)));
            }
        }
    }
    let private = Secret::new([5; 32]);
    let (public, signature) = (identity_of(&private), sign(&private, &[1]));
    cases.extend(other_forms(signature).map(|other| (public, 1, other)));
    for point in beyond_the_prime() {
        let mut other = signature;
        other[..32].copy_from_slice(&point);
        cases.extend([(public, 1, other), (point, 1, signature), (point, 1, [0; SIGNATURE])]);
    }
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines = String::from(
        "# Signatures at the edges of Ed25519, in the form of wycheproof.txt. Made by\n\
         # NSW_BLESS=1 cargo test --test crypto_edges\n",
    );
    let mut good = 0;
    for (public, message, signature) in &cases {
        let verdict = verify(public, &[*message], signature).is_ok();
        good += usize::from(verdict);
        let word = if verdict { "valid" } else { "invalid" };
        let [public, message, signature] = [text(public), text(&[*message]), text(signature)];
        lines += &format!("ed25519 {word} {public} {message} {signature}\n");
    }
    assert!(good > 2 && cases.len() > 200);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ed25519_edges.txt");
    if std::env::var_os("NSW_BLESS").is_some() {
        std::fs::write(file, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), lines);
}
