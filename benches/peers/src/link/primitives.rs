//! Sealing, key agreement and signatures, beside libsodium.

use std::cell::RefCell;
use std::hint::black_box;

use neural_swarm::comm::crypto::{Cipher, Secret, agree, identity_of, public_key, sign, verify};

use super::sodium::Sodium;
use super::{Bench, SHIPPED, batches, floor};
use crate::bench::Match;
use crate::measure::{Contestant, Outcome};
use crate::report::{Row, Section, Unit};

const KEY: [u8; 32] = [7; 32];

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    for (len, name, portable) in [(64, "64 B", 0.9), (1024, "1 KB", 1.0), (16_384, "16 KB", 1.0)] {
        let work = format!("seal {name}");
        if bench.wants(&work) {
            rows.push(seal(bench, work, Cipher::ChaChaPoly, len, floor(1.5, portable))?);
        }
    }
    for (len, name) in [(64, "64 B"), (1024, "1 KB"), (16_384, "16 KB")] {
        let work = format!("open {name}");
        if bench.wants(&work) {
            rows.push(open(bench, work, len)?);
        }
    }
    for (len, name) in [(64, "64 B"), (1024, "1 KB"), (16_384, "16 KB")] {
        let work = format!("seal {name} by AES-256-GCM");
        if bench.wants(&work) {
            rows.push(seal(bench, work, Cipher::AesGcm, len, None)?);
        }
    }
    rows.extend(keys(bench)?);
    rows.extend(signatures(bench)?);
    let (title, text) = if SHIPPED {
        (
            "Primitives, as shipped",
            "The library with its default features, so the server backend: `ring` for sealing, \
             `graviola` for key agreement. Sealing is ChaCha20-Poly1305 (RFC 8439) in place, with \
             the key as 32 bytes, as libsodium's `crypto_aead_chacha20poly1305_ietf` takes it; \
             the next seals what the one before made.",
        )
    } else {
        (
            "Primitives, portable build",
            "The same without `server-crypto`: Rust alone (`chacha20` with `poly1305`, `aes-gcm`, \
             `x25519-dalek`), built with default flags.",
        )
    };
    Ok(Section { title, text: text.to_string(), rows, ..Section::default() })
}

/// A row of ours beside libsodium's, if it is there.
fn row<'a>(
    bench: &Bench,
    work: String,
    unit: Unit,
    floor: Option<f64>,
    ours: impl FnMut() + 'a,
    theirs: Option<Box<dyn FnMut() + 'a>>,
) -> Outcome<Row> {
    let peers = theirs.map(|call| (Contestant::calls("libsodium", call), true));
    let ours = Contestant::calls("ours", ours);
    Match { work, unit, floor, ours, peers: peers.into_iter().collect() }.measure(bench.effort)
}

/// The nonces of libsodium's calls: the counters that we give.
fn nonce(cipher: Cipher, counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&match cipher {
        Cipher::ChaChaPoly => counter.to_le_bytes(),
        Cipher::AesGcm => counter.to_be_bytes(),
    });
    nonce
}

fn seal(
    bench: &Bench,
    work: String,
    cipher: Cipher,
    len: usize,
    floor: Option<f64>,
) -> Outcome<Row> {
    let theirs = |sodium: &Sodium, counter: u64, text: &mut [u8]| {
        let nonce = nonce(cipher, counter);
        match cipher {
            Cipher::ChaChaPoly => sodium.seal(&KEY, &nonce, text),
            Cipher::AesGcm => sodium.seal_aes(&KEY, &nonce, text),
        }
    };
    let sodium = bench.sodium.as_ref();
    // The same bytes come out.
    if let Some(sodium) = sodium {
        let (mut one, mut two) = (vec![5; len], vec![5; len]);
        assert_eq!(cipher.seal(&KEY, 3, b"", &mut one), theirs(sodium, 3, &mut two));
        assert_eq!(one, two);
    }
    let text = &RefCell::new(vec![5; len]);
    let mut counter = 0;
    let ours = move || {
        counter += 1;
        black_box(cipher.seal(black_box(&KEY), counter, b"", &mut text.borrow_mut()));
    };
    let mut other = 0;
    let theirs = sodium.map(|sodium| {
        Box::new(move || {
            other += 1;
            black_box(theirs(sodium, other, &mut text.borrow_mut()));
        }) as Box<dyn FnMut()>
    });
    row(bench, work, Unit::Bytes(len), floor, ours, theirs)
}

fn open(bench: &Bench, work: String, len: usize) -> Outcome<Row> {
    let cipher = Cipher::ChaChaPoly;
    // Sealed off the clock, by us for both: an opened text is sealed no more.
    let prepare = |counter: &mut u64, (number, text, tag): &mut (u64, Vec<u8>, [u8; 16])| {
        *counter += 1;
        (*number, *tag) = (*counter, cipher.seal(&KEY, *counter, b"", text));
    };
    let thing = (0, vec![5; len], [0; 16]);
    let (mut one, mut two) = (0, 0);
    let ours = batches(
        "ours",
        len,
        thing.clone(),
        move |thing| prepare(&mut one, thing),
        |(number, text, tag)| cipher.open(&KEY, *number, b"", text, tag).expect("authentic"),
    );
    let theirs = bench.sodium.as_ref().map(|sodium| {
        let open = |(number, text, tag): &mut (u64, Vec<u8>, [u8; 16])| {
            assert!(sodium.unseal(&KEY, &nonce(cipher, *number), text, tag));
        };
        batches("libsodium", len, thing, move |thing| prepare(&mut two, thing), open)
    });
    let peers = theirs.map(|theirs| (theirs, true)).into_iter().collect();
    Match { work, unit: Unit::Bytes(len), floor: None, ours, peers }.measure(bench.effort)
}

fn keys(bench: &Bench) -> Outcome<Vec<Row>> {
    let private = &Secret::new([0x35; 32]);
    let public = public_key(&Secret::new([0x53; 32]));
    let sodium = bench.sodium.as_ref();
    let mut rows = Vec::new();
    let work = "X25519 agreement".to_string();
    if bench.wants(&work) {
        let ours = || drop(black_box(agree(black_box(private), &public)));
        let theirs = sodium.map(|sodium| {
            assert_eq!(sodium.agree(private.bytes(), &public), *agree(private, &public).unwrap());
            let call = move || {
                black_box(sodium.agree(private.bytes(), &public));
            };
            Box::new(call) as Box<dyn FnMut()>
        });
        rows.push(row(bench, work, Unit::Time, None, ours, theirs)?);
    }
    let work = "X25519 public key".to_string();
    if bench.wants(&work) {
        let ours = || {
            black_box(public_key(black_box(private)));
        };
        let theirs = sodium.map(|sodium| {
            assert_eq!(sodium.public_key(private.bytes()), public_key(private));
            let call = move || {
                black_box(sodium.public_key(private.bytes()));
            };
            Box::new(call) as Box<dyn FnMut()>
        });
        rows.push(row(bench, work, Unit::Time, None, ours, theirs)?);
    }
    Ok(rows)
}

fn signatures(bench: &Bench) -> Outcome<Vec<Row>> {
    let (seed, message) = ([0x61; 32], [1; 100]);
    let private = &Secret::new(seed);
    let public = identity_of(private);
    let signature = sign(private, &message);
    let sodium = bench.sodium.as_ref().map(|sodium| (sodium, sodium.pair(&seed)));
    let mut rows = Vec::new();
    let work = "Ed25519 signature of 100 B".to_string();
    if bench.wants(&work) {
        let ours = || {
            black_box(sign(black_box(private), &message));
        };
        // libsodium is given the public key with the seed, we compute it.
        let theirs = sodium.map(|(sodium, (_, pair))| {
            assert_eq!(sodium.sign(&pair, &message), signature);
            let call = move || {
                black_box(sodium.sign(&pair, &message));
            };
            Box::new(call) as Box<dyn FnMut()>
        });
        rows.push(row(bench, work, Unit::Time, None, ours, theirs)?);
    }
    let work = "Ed25519 verification of 100 B".to_string();
    if bench.wants(&work) {
        let ours = || assert!(verify(black_box(&public), &message, &signature).is_ok());
        let theirs = sodium.map(|(sodium, (public, _))| {
            let call = move || assert!(sodium.verify(&public, &message, &signature));
            Box::new(call) as Box<dyn FnMut()>
        });
        rows.push(row(bench, work, Unit::Time, None, ours, theirs)?);
    }
    Ok(rows)
}
