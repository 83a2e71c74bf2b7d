//! Issuing and delegating.

use std::cell::Cell;

use crate::forge::{self, AUTHORITY, keys, public};
use crate::{EPOCH, NOW, accepted, chain, links};
use neural_swarm::comm::capability::{
    Caveat, Chain, MAX_CHAIN, MAX_LINK, Terms, delegate, issue, revoke,
};
use neural_swarm::comm::crypto::{PublicKey, SIGNATURE};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::noise::StaticKey;
use neural_swarm::{Error, Result};
use zeroize::Zeroizing;

fn issued(terms: &Terms<'_>) -> Result<Vec<u8>> {
    let mut room = [0; MAX_CHAIN];
    let len = issue(&keys(AUTHORITY), terms, &mut room)?;
    Ok(room[..len].to_vec())
}

fn delegated(by: u8, chain: &[u8], terms: &Terms<'_>) -> Result<Vec<u8>> {
    let mut room = [0; MAX_CHAIN];
    let len = delegate(&keys(by), chain, terms, &mut room)?;
    Ok(room[..len].to_vec())
}

/// The terms of the link at `at` of [`links`].
fn terms(at: usize) -> Terms<'static> {
    let link = &links(4)[at];
    Terms {
        resource: [&b"farm/"[..], b"farm/a/", b"farm/a/b/", b"farm/a/b/c/"][at],
        operations: link.operations as u32,
        not_before: Some(link.not_before),
        expiry: Some(link.expiry),
        epoch: Some(link.epoch),
        depth: link.depth,
        serial: link.serial,
        ..Terms::to(public(link.subject))
    }
}

#[test]
fn the_library_writes_what_the_format_says() {
    let mut made = issued(&terms(0)).unwrap();
    for count in 1..=4 {
        assert_eq!(made, chain(&links(count)));
        assert!(accepted(&made, count as u8 + 1).is_ok());
        if count < 4 {
            made = delegated(count as u8 + 1, &made, &terms(count)).unwrap();
        }
    }
    let read = Chain::read(&made).unwrap();
    assert_eq!((read.len(), read.links().count()), (4, 4));
    assert_eq!(read.authority_hint(), public(AUTHORITY)[..4]);
    for (link, expected) in read.links().zip(links(4)) {
        assert_eq!(link.subject, public(expected.subject));
        assert_eq!((link.serial, link.depth), (expected.serial, expected.depth));
        assert_eq!(link.extension, expected.extension);
        assert_eq!(link.expiry, Some(expected.expiry));
    }
}

#[test]
fn nobody_gives_away_more_than_he_has() {
    let parent = issued(&terms(0)).unwrap();
    let good = terms(1);
    assert!(delegated(2, &parent, &good).is_ok());
    let (from, to) = (NOW - 1000, NOW + 1000);
    for wide in [
        Terms { operations: 1 << 8, ..good },
        Terms { not_before: Some(from - 1), ..good },
        Terms { expiry: Some(to + 1), ..good },
        Terms { not_before: Some(to), expiry: None, ..good },
        Terms { epoch: Some(EPOCH + 11), ..good },
        Terms { depth: 3, ..good },
        Terms { resource: b"farm", ..good },
        Terms { resource: b"", ..good },
        Terms { resource: b"fire/a/", ..good },
    ] {
        assert_eq!(delegated(2, &parent, &wide), Err(Error::CommWidened), "{wide:?}");
    }
    // Nor hands on what may not be handed on.
    let last = issued(&Terms { depth: 0, ..terms(0) }).unwrap();
    assert_eq!(delegated(2, &last, &Terms { depth: 0, ..good }), Err(Error::CommDepth));
    let four = chain(&links(4));
    assert_eq!(delegated(5, &four, &Terms { depth: 0, ..terms(3) }), Err(Error::CommDepth));
    // Nor what is not his.
    for other in [AUTHORITY, 3, 8] {
        assert_eq!(delegated(other, &parent, &good), Err(Error::CommHolder));
    }
    // Nor anything made from a chain that was widened already.
    let mut widened = links(2);
    widened[1].operations |= 1 << 20;
    let widened = delegated(3, &chain(&widened), &terms(2));
    assert_eq!(widened, Err(Error::CommWidened));
}

#[test]
fn terms_out_of_range_are_refused() {
    let good = terms(0);
    let zero = Some(0);
    for bad in [
        Terms { operations: 0, ..good },
        Terms { not_before: zero, ..good },
        Terms { expiry: zero, not_before: None, ..good },
        Terms { epoch: zero, ..good },
        Terms { expiry: good.not_before, ..good },
        Terms { expiry: None, epoch: None, ..good },
        Terms { depth: 4, ..good },
        Terms { depth: 255, ..good },
        Terms { caveats: &[Caveat::MaxBytes(0)], ..good },
        Terms { caveats: &[Caveat::MaxRate(0)], ..good },
        Terms { caveats: &[Caveat::MaxRate(1); 5], ..good },
        Terms { caveats: &[Caveat::Other { kind: 5, critical: true, value: 1 }], ..good },
        Terms { caveats: &[Caveat::Other { kind: 1, critical: true, value: 1 }], ..good },
    ] {
        assert_eq!(issued(&bad), Err(Error::Invalid), "{bad:?}");
        let parent = chain(&links(1));
        if (bad.expiry, bad.epoch) != (None, None) {
            let bad = Terms { resource: b"farm/", ..bad };
            assert_eq!(delegated(2, &parent, &bad), Err(Error::Invalid), "{bad:?}");
        }
    }
    for long in [&[b'x'; 65][..], &[b'x'; 64], &[b'x'; 300]] {
        let bad = Terms { resource: long, ..good };
        assert_eq!(issued(&bad), Err(Error::CommTooLong));
    }
    // Of 64 bytes it has to be built in steps.
    let step = |at: usize, resource| Terms { not_before: None, resource, ..terms(at) };
    let mut made = issued(&step(0, &[b'x'; 19])).unwrap();
    for (at, len) in [(1, 38), (2, 57)] {
        made = delegated(at as u8 + 1, &made, &step(at, &[b'x'; 64][..len])).unwrap();
    }
    assert_eq!(delegated(4, &made, &step(3, &[b'x'; 65])), Err(Error::CommTooLong));
    assert!(delegated(4, &made, &step(3, &[b'x'; 64])).is_ok());
}

#[test]
fn a_link_with_the_usual_fields_has_at_most_120_bytes() {
    // A name, all operations of a byte, both times, an epoch, a serial of two bytes.
    let usual = Terms { resource: b"farm/01/", serial: 16_383, epoch: Some(127), ..terms(0) };
    let usual = Terms { operations: 0x7f, ..usual };
    assert_eq!(issued(&usual).unwrap().len(), 5 + 120);
    // Instead of the times, a limit and a network.
    let caveats = [Caveat::MaxBytes(1 << 20), Caveat::Network(u64::MAX)];
    let limited = Terms { not_before: None, expiry: None, resource: b"f/", ..usual };
    let limited = Terms { caveats: &caveats, ..limited };
    assert!(issued(&limited).unwrap().len() <= 5 + 120);
    // Handed on with less: what is as before takes no bytes.
    let parent = issued(&Terms { resource: b"farm/", ..usual }).unwrap();
    let child = Terms { operations: 3, serial: 1, ..Terms::to(public(3)) };
    let child = delegated(2, &parent, &Terms { resource: b"farm/01/", ..child }).unwrap();
    assert_eq!(child.len() - parent.len(), 32 + 64 + 1 + 1 + 1 + 1 + 3);
}

#[test]
fn a_chain_of_the_greatest_length_is_possible() {
    // Each link's body of 62 bytes: 32 for the subject, 10 + 5 for serial and operations.
    let full = |at: usize| Terms {
        serial: u64::MAX,
        operations: u32::MAX,
        not_before: None,
        expiry: Some(NOW),
        epoch: None,
        resource: &[b'x'; 32][..8 * (at + 1)],
        ..terms(at)
    };
    let mut made = issued(&full(0)).unwrap();
    assert_eq!(made.len(), 5 + MAX_LINK);
    for at in 1..4 {
        made = delegated(at as u8 + 1, &made, &full(at)).unwrap();
        assert_eq!(made.len(), 5 + (at + 1) * MAX_LINK);
    }
    assert_eq!(made.len(), MAX_CHAIN);
    let over = Terms { expiry: Some(1 << 35), ..full(0) };
    assert_eq!(issued(&over), Err(Error::CommTooLong));
}

/// A secure element that may fail.
struct Element {
    keys: LocalSecrets,
    answer: fn(&[u8]) -> Result<[u8; SIGNATURE]>,
    calls: Cell<usize>,
}

impl StaticKey for Element {
    fn public_key(&self) -> PublicKey {
        self.keys.public_key()
    }
    fn agree(&self, _: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        unreachable!("a signer agrees on nothing")
    }
}

impl Secrets for Element {
    fn identity(&self) -> PublicKey {
        self.keys.identity()
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE]> {
        self.calls.set(self.calls.get() + 1);
        (self.answer)(message)
    }
}

#[test]
fn a_secure_element_signs_and_its_failures_are_told() {
    let element = |answer| Element { keys: keys(AUTHORITY), answer, calls: Cell::new(0) };
    let mut room = [9; MAX_CHAIN];
    let good = element(|message| {
        assert_eq!(message.len(), 58);
        keys(AUTHORITY).sign(message)
    });
    let len = issue(&good, &terms(0), &mut room).unwrap();
    assert_eq!(room[..len], issued(&terms(0)).unwrap());

    let before = [9; MAX_CHAIN];
    for (answer, error) in [
        ((|_| Err(Error::Busy)) as fn(&[u8]) -> Result<_>, Error::Busy),
        (|_| Ok([0; SIGNATURE]), Error::Hook),
        (|message| keys(3).sign(message), Error::Hook),
        (|message| keys(AUTHORITY).sign(&message[1..]), Error::Hook),
    ] {
        let bad = element(answer);
        let mut room = before;
        assert_eq!(issue(&bad, &terms(0), &mut room), Err(error));
        assert_eq!(room, before);
        let mut list = [0; 200];
        assert_eq!(revoke(&bad, 1, 0, &[], &mut list), Err(error));
    }
    // Nobody signs what would have no room, or may not be.
    let mut small = [9; 50];
    assert_eq!(issue(&good, &terms(0), &mut small), Err(Error::BufferTooSmall));
    assert_eq!(small, [9; 50]);
    let parent = forge::chain(AUTHORITY, &links(1));
    assert_eq!(delegate(&good, &parent, &terms(1), &mut room), Err(Error::CommHolder));
    assert_eq!(good.calls.get(), 1);
}
