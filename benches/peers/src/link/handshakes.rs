//! Whole handshakes, both sides in one thread, beside snow.

use std::hint::black_box;

use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey, Transport};
use neural_swarm::port::SystemEntropy;
use snow::resolvers::{DefaultResolver, FallbackResolver, RingResolver};

use super::{Bench, SHIPPED, floor};
use crate::bench::Match;
use crate::measure::{Contestant, Outcome};
use crate::report::{Section, Unit};

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    for (pattern, known) in [("XX", false), ("IK", true)] {
        let work = format!("handshake {pattern}");
        if bench.wants(&work) {
            let name = &format!("Noise_{pattern}_25519_ChaChaPoly_BLAKE2s");
            let pairs = &[1, 2].map(|seed| KeyPair::new(Secret::new([seed; 32])));
            meet(name, known, pairs)?;
            let params: snow::params::NoiseParams = name.parse()?;
            let ours = Contestant::calls("ours", || drop(black_box(ours(name, known, pairs))));
            let peer = |name: &str, ring, counted| {
                let params = params.clone();
                let call = move || drop(black_box(theirs(&params, known, pairs, ring)));
                (Contestant::calls(name, call), counted)
            };
            let peers = vec![peer("snow", false, true), peer("snow with ring", true, false)];
            let (unit, floor) = (Unit::Handshake, floor(1.8, 1.0));
            rows.push(Match { work, unit, floor, ours, peers }.measure(bench.effort)?);
        }
    }
    let (title, text) = if SHIPPED {
        (
            "Handshakes, as shipped",
            "25519, ChaChaPoly, BLAKE2s, empty payloads; from the name and the static keys to the \
             keys of the transport, both sides, in one thread; ephemeral keys from the operating \
             system.",
        )
    } else {
        ("Handshakes, portable build", "The same without `server-crypto`.")
    };
    Ok(Section { title, text: text.to_string(), rows, ..Section::default() })
}

fn ours(name: &str, known: bool, pairs: &[KeyPair; 2]) -> [Transport; 2] {
    let keys = [0, 1].map(|i| Keys { local: Some(&pairs[i]), psks: &[] });
    let mut sides = [0, 1].map(|i| {
        let remote = (known && i == 0).then(|| pairs[1].public_key());
        Handshake::new(name, i == 0, b"", &keys[i], remote).expect("a handshake")
    });
    let (mut message, mut payload) = ([0; 256], [0; 256]);
    let mut from = 0;
    while !sides[0].is_finished() {
        let to = 1 - from;
        let written = sides[from].write(&keys[from], &mut SystemEntropy, b"", &mut message);
        let len = written.expect("a message");
        sides[to].read(&keys[to], &message[..len], &mut payload).expect("good");
        from = to;
    }
    sides.map(|side| side.finish().expect("it is finished"))
}

fn builder<'a>(
    params: &snow::params::NoiseParams,
    known: bool,
    pairs: &'a [KeyPair; 2],
    remote: &'a [u8; 32],
    i: usize,
    ring: bool,
) -> snow::Builder<'a> {
    let params = params.clone();
    let builder = if ring {
        let resolver = FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver));
        snow::Builder::with_resolver(params, Box::new(resolver))
    } else {
        snow::Builder::new(params)
    };
    let builder = builder.local_private_key(pairs[i].private().bytes()).expect("a key");
    if known && i == 0 { builder.remote_public_key(remote).expect("a key") } else { builder }
}

fn theirs(
    params: &snow::params::NoiseParams,
    known: bool,
    pairs: &[KeyPair; 2],
    ring: bool,
) -> [snow::TransportState; 2] {
    let remote = pairs[1].public_key();
    let mut sides = [
        builder(params, known, pairs, &remote, 0, ring).build_initiator().expect("a handshake"),
        builder(params, known, pairs, &remote, 1, ring).build_responder().expect("a handshake"),
    ];
    let (mut message, mut payload) = ([0; 256], [0; 256]);
    let mut from = 0;
    while !sides[0].is_handshake_finished() {
        let len = sides[from].write_message(b"", &mut message).expect("a message");
        sides[1 - from].read_message(&message[..len], &mut payload).expect("good");
        from = 1 - from;
    }
    sides.map(|side| side.into_transport_mode().expect("it is finished"))
}

/// That the two understand each other: ours with snow, in both roles.
fn meet(name: &str, known: bool, pairs: &[KeyPair; 2]) -> Outcome<()> {
    let remote = pairs[1].public_key();
    let params: snow::params::NoiseParams = name.parse()?;
    for we_begin in [true, false] {
        let me = usize::from(!we_begin);
        let keys = Keys { local: Some(&pairs[me]), psks: &[] };
        let known_to_us = (known && we_begin).then_some(remote);
        let mut our = Handshake::new(name, we_begin, b"", &keys, known_to_us)?;
        let theirs = builder(&params, known, pairs, &remote, 1 - me, false);
        let mut their = if we_begin { theirs.build_responder() } else { theirs.build_initiator() }?;
        let (mut message, mut payload) = ([0; 256], [0; 256]);
        while !our.is_finished() {
            if our.is_my_turn() {
                let len = our.write(&keys, &mut SystemEntropy, b"pay", &mut message)?;
                their.read_message(&message[..len], &mut payload)?;
            } else {
                let len = their.write_message(b"pay", &mut message)?;
                our.read(&keys, &message[..len], &mut payload)?;
            }
            assert_eq!(&payload[..3], b"pay");
        }
        assert_eq!(our.transcript(), their.get_handshake_hash());
    }
    Ok(())
}
