//! Attacks on the link. Each one fails; and each has a control: the same attack
//! where the defence is missing, and succeeds.

mod common;

use common::{Net, Random, Seen, Weather, address, link, pair, secrets};
use neural_swarm::comm::crypto::{self, Hash, PublicKey, Secret, mac};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::link::{LinkConfig, Output, Received};
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey, Transport};
use neural_swarm::port::Entropy;
use neural_swarm::{Error, Result};
use zeroize::Zeroizing;

const CALM: Weather = Weather { loss: 0, doubled: 0, reordered: 0, delay: 1000 };

fn config() -> LinkConfig<'static> {
    LinkConfig::new(b"test", 4)
}

/// Two nodes that are connected.
fn connected(config: &LinkConfig) -> Net {
    let mut net = pair(config, CALM, 3);
    net.connect(0, 1, 1);
    net.pass(100_000);
    assert!(net.peer(0).is_some() && net.peer(1).is_some());
    net
}

/// A frame with a message from node 0, not sent.
fn frame_of(net: &mut Net, message: &[u8]) -> Vec<u8> {
    let (peer, mut out) = (net.peer(0).unwrap(), [0; 2048]);
    let (len, _) = net.links[0].send(peer, message, net.now, &mut out).unwrap();
    out[..len].to_vec()
}

/// A whole handshake between two sides.
fn shake(name: &str, keys: [&Keys; 2], remotes: [Option<PublicKey>; 2]) -> Result<[Transport; 2]> {
    let entropy = &mut Random(5);
    let mut sides = [
        Handshake::new(name, true, b"", keys[0], remotes[0])?,
        Handshake::new(name, false, b"", keys[1], remotes[1])?,
    ];
    let (mut message, mut payload) = ([0; 512], [0; 512]);
    for step in 0.. {
        let (from, to) = (step % 2, 1 - step % 2);
        let len = sides[from].write(keys[from], entropy, b"", &mut message)?;
        sides[to].read(keys[to], &message[..len], &mut payload)?;
        if sides[0].is_finished() {
            break;
        }
    }
    Ok([sides[0].finish()?, sides[1].finish()?])
}

#[test]
fn replay() {
    for small in [false, true] {
        let base = if small { LinkConfig::small(b"test", 4) } else { config() };
        let mut net = connected(&base);
        let frame = frame_of(&mut net, b"pay 100");
        assert!(matches!(net.deliver(0, 1, &frame), Ok(Received::Message { .. })));
        for _ in 0..3 {
            assert_eq!(net.deliver(0, 1, &frame), Err(Error::CommReplay));
        }
        // Nor long afterwards, nor from elsewhere.
        for _ in 0..2000 {
            let next = frame_of(&mut net, b"");
            net.deliver(0, 1, &next).unwrap();
        }
        assert_eq!(net.deliver(7, 1, &frame), Err(Error::CommReplay));
        assert_eq!(net.messages(1).iter().filter(|text| *text == b"pay 100").count(), 1);
    }
    // A whole recorded conversation, played to a node that has restarted.
    let mut net = connected(&config());
    let a = net.peer(0).unwrap();
    net.send(0, a, b"pay 100").unwrap();
    net.pass(10_000);
    let recorded = net.wire.clone();
    net.links[1] = link(&config(), 2, &[1], 77);
    net.seen[1].clear();
    for (from, to, frame) in recorded {
        if to == 1 {
            let _ = net.deliver(from, 1, &frame);
        }
    }
    assert!(net.seen[1].is_empty());

    // Control: without a window, the second one is as good as the first.
    let none = Keys::default();
    let [mut alice, bob] =
        shake("Noise_NN_25519_ChaChaPoly_BLAKE2s", [&none, &none], [None; 2]).unwrap();
    let (mut message, mut text) = ([0; 64], [0; 64]);
    let len = alice.seal(b"", b"pay 100", &mut message).unwrap();
    for _ in 0..2 {
        assert_eq!(bob.open_at(0, b"", &message[..len], &mut text), Ok(7));
    }
}

#[test]
fn man_in_the_middle() {
    // Mallory, node 3, sits at the address that node 1 has called, and is a node
    // of the network with a good key of its own.
    let links = vec![
        link(&config(), 1, &[2], 4),
        link(&config(), 2, &[1], 4),
        link(&config(), 3, &[1, 2], 4),
    ];
    let mut net = Net::new(links, CALM, 4);
    net.at = vec![0, 5, 1];
    net.connect(0, 1, 1);
    net.connect(2, 5, 1);
    net.pass(400_000_000);
    assert!(net.peer(0).is_none() && net.peer(1).is_none() && net.peer(2).is_none());
    // Nor where the identity that is expected is not the one that answers,
    // however much it is trusted.
    let mut net =
        Net::new(vec![link(&config(), 1, &[2, 3], 4), link(&config(), 3, &[1], 4)], CALM, 4);
    let expected = secrets(2).identity();
    net.links[0].connect(&address(1), Some(&expected), None, 1, net.now).unwrap();
    net.drain(0);
    net.pass(400_000_000);
    assert!(net.peer(0).is_none());

    // Control: who checks no identity talks to whoever is there.
    let mut net =
        Net::new(vec![link(&config(), 1, &[2, 3], 4), link(&config(), 3, &[1], 4)], CALM, 4);
    net.connect(0, 1, 1);
    net.pass(1_000_000);
    let peer = net.peer(0).unwrap();
    assert_eq!(net.links[0].peer_info(peer).unwrap().identity, secrets(3).identity());
}

/// Claims a public key, and knows only what its peer's stolen key tells.
struct Impostor {
    claimed: PublicKey,
    stolen: KeyPair,
}

impl StaticKey for Impostor {
    fn public_key(&self) -> PublicKey {
        self.claimed
    }

    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        if *peer == self.stolen.public_key() {
            return self.stolen.agree(&self.claimed);
        }
        // It does not have the private key: a guess.
        Ok(Zeroizing::new([1; 32]))
    }
}

#[test]
fn key_compromise_impersonation() {
    // Bob's private key is stolen. Who has it wants to be Alice, to Bob.
    let (alice, bob) = (KeyPair::new(Secret::new([1; 32])), KeyPair::new(Secret::new([2; 32])));
    let impostor = Impostor { claimed: alice.public_key(), stolen: bob.clone() };
    let fake = Keys { local: Some(&impostor), psks: &[] };
    let real = Keys { local: Some(&alice), psks: &[] };
    let bobs = Keys { local: Some(&bob), psks: &[] };
    let key = Some(bob.public_key());
    for (name, remote) in
        [("Noise_XX_25519_ChaChaPoly_BLAKE2s", None), ("Noise_IK_25519_ChaChaPoly_BLAKE2s", key)]
    {
        assert!(shake(name, [&real, &bobs], [remote, None]).is_ok());
        let [mut sender, mut receiver] = match shake(name, [&fake, &bobs], [remote, None]) {
            Err(error) => {
                assert_eq!(error, Error::CommAuth);
                continue;
            }
            // IK ends with Bob's message: what comes next shows that the keys differ.
            Ok(sides) => sides,
        };
        let (mut message, mut text) = ([0; 64], [0; 64]);
        let len = sender.seal(b"", b"I am Alice", &mut message).unwrap();
        assert_eq!(receiver.open(b"", &message[..len], &mut text), Err(Error::CommAuth));
    }
    // In the link, too: the key for handshakes is stolen, and the impostor has
    // Alice's signature over her key, which it has seen.
    struct Both(Impostor, LocalSecrets);
    impl StaticKey for Both {
        fn public_key(&self) -> PublicKey {
            self.0.public_key()
        }
        fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
            self.0.agree(peer)
        }
    }
    impl Secrets for Both {
        fn identity(&self) -> PublicKey {
            self.1.identity()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
            self.1.sign(message)
        }
    }
    use neural_swarm::comm::link::Link;
    use neural_swarm::port::Heap;
    let (alice, bob) = (secrets(1), secrets(2));
    // The private key behind Bob's static key, as LocalSecrets derives it.
    let [stolen] = Hash::Blake2s.hkdf::<1>(b"neural-swarm noise key v1", bob.seed().bytes());
    let stolen = KeyPair::new(Secret::new(*stolen.key()));
    assert_eq!(stolen.public_key(), bob.public_key());
    let impostor = Both(Impostor { claimed: alice.public_key(), stolen }, alice);
    let mut attacker = Link::new(&config(), impostor, Random(1), Heap).unwrap();
    attacker.trust_mut().pin(&bob.identity()).unwrap();
    let mut victim = link(&config(), 2, &[1], 8);
    let (now, mut frame, mut text) = (1_000_000, [0; 2048], [0; 2048]);
    for noise in [None, Some(bob.public_key())] {
        attacker.connect(&address(1), None, noise.as_ref(), 1, now).unwrap();
        let mut events = Vec::new();
        for _ in 0..8 {
            while let Some(output) = attacker.next(now, &mut frame).unwrap() {
                if let Output::Frame { len, .. } = output {
                    let _ = victim.receive(&address(0), &frame[..len], now, &mut text);
                }
            }
            while let Some(output) = victim.next(now, &mut frame).unwrap() {
                match output {
                    Output::Frame { len, .. } => {
                        let _ = attacker.receive(&address(1), &frame[..len], now, &mut text);
                    }
                    event => events.push(event),
                }
            }
        }
        assert!(events.is_empty(), "{events:?}");
    }

    // Control: a pattern that proves the sender by `ss` alone (X, one message)
    // believes whoever has the receiver's key.
    let (alice, bob) = (KeyPair::new(Secret::new([1; 32])), KeyPair::new(Secret::new([2; 32])));
    let impostor = Impostor { claimed: alice.public_key(), stolen: bob.clone() };
    let fake = Keys { local: Some(&impostor), psks: &[] };
    let bobs = Keys { local: Some(&bob), psks: &[] };
    let name = "Noise_X_25519_ChaChaPoly_BLAKE2s";
    let [mut sender, mut receiver] =
        shake(name, [&fake, &bobs], [Some(bob.public_key()), None]).unwrap();
    let (mut message, mut text) = ([0; 64], [0; 64]);
    let len = sender.seal(b"", b"I am Alice", &mut message).unwrap();
    assert_eq!(receiver.open(b"", &message[..len], &mut text), Ok(10));
}

#[test]
fn every_bit_flip_and_truncation_of_a_frame() {
    for (small, padding) in [(false, 0), (true, 0), (false, 16)] {
        let base = if small { LinkConfig::small(b"test", 4) } else { config() };
        let mut net = connected(&LinkConfig { padding, ..base });
        let frame = frame_of(&mut net, b"a message");
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(net.deliver(0, 1, &bad).is_err(), "bit {bit}");
        }
        for len in 0..frame.len() {
            assert!(net.deliver(0, 1, &frame[..len]).is_err(), "length {len}");
        }
        let mut long = frame.clone();
        long.push(0);
        assert!(net.deliver(0, 1, &long).is_err());
        // The good one is taken still, and so is the next.
        let count = net.messages(1).len();
        net.deliver(0, 1, &frame).unwrap();
        let next = frame_of(&mut net, b"the next");
        net.deliver(0, 1, &next).unwrap();
        assert_eq!(net.messages(1)[count..], [b"a message".to_vec(), b"the next".to_vec()]);
    }
    // Control: what is not authenticated, as the payload of XX's first message,
    // comes through with other bits.
    let pair = KeyPair::new(Secret::new([1; 32]));
    let keys = Keys { local: Some(&pair), psks: &[] };
    let name = "Noise_XX_25519_ChaChaPoly_BLAKE2s";
    let mut alice = Handshake::new(name, true, b"", &keys, None).unwrap();
    let mut bob = Handshake::new(name, false, b"", &keys, None).unwrap();
    let (mut message, mut text) = ([0; 64], [0; 64]);
    let len = alice.write(&keys, &mut Random(1), b"no", &mut message).unwrap();
    message[len - 1] ^= 1;
    assert_eq!(bob.read(&keys, &message[..len], &mut text), Ok(2));
    assert_eq!(&text[..2], b"nn");
}

/// The first MAC of a frame, which every member of the network can make.
fn sign_frame(frame: &mut [u8]) {
    let key = *Hash::Blake2s.digest(&[b"neural-swarm mac1 v1", b"test"]).key();
    let end = frame.len() - 32;
    let mac1 = mac(&key, &[&frame[..end]]);
    frame[end..end + 16].copy_from_slice(&mac1);
}

#[test]
fn every_bit_flip_of_a_handshake_even_by_a_member_of_the_network() {
    // The attacker knows the network, so the first MAC keeps it out of nothing.
    let names = ["opening", "answer", "finish"];
    for (number, name) in names.into_iter().enumerate() {
        let mut at = 0;
        for bit in 0.. {
            let mut net = pair(&config(), CALM, 6);
            let mut out = [0; 2048];
            net.links[0].connect(&address(1), None, None, 1, net.now).unwrap();
            let mut ended = false;
            for step in 0..=number {
                let from = step % 2;
                let Some(Output::Frame { len, .. }) =
                    net.links[from].next(net.now, &mut out).unwrap()
                else {
                    panic!("{name}")
                };
                let mut frame = out[..len].to_vec();
                if step == number {
                    // Not the MACs themselves: those are made anew.
                    ended = bit / 8 >= len - 32;
                    if !ended {
                        frame[bit / 8] ^= 1 << (bit % 8);
                        sign_frame(&mut frame);
                    }
                }
                let to = 1 - from;
                let now = net.now;
                let _ = net.links[to].receive(&address(from), &frame, now, &mut [0; 2048]);
            }
            if ended {
                assert!(bit > 300, "{name}");
                break;
            }
            at += 1;
            // The rest of the conversation, without further attacks and tries.
            for _ in 0..3 {
                for node in 0..2 {
                    let mut frames = Vec::new();
                    while let Some(output) = net.links[node].next(net.now, &mut out).unwrap() {
                        match output {
                            Output::Frame { len, .. } => frames.push(out[..len].to_vec()),
                            other => net.seen[node].push(Seen::Output(other)),
                        }
                    }
                    for frame in frames {
                        let now = net.now;
                        let _ = net.links[1 - node].receive(
                            &address(node),
                            &frame,
                            now,
                            &mut [0; 2048],
                        );
                    }
                }
            }
            // A downgrade, another version, other options, another key: the
            // transcripts differ, and nobody is connected.
            let connected = |seen: &Seen| matches!(seen, Seen::Output(Output::Connected { .. }));
            assert!(!net.seen.iter().flatten().any(connected), "{name}, bit {bit}");
            // The good message still gets through, by the next try.
            if bit % 97 == 0 {
                net.drain(0);
                net.pass(60_000_000);
                let tag = net.seen[0].iter().any(connected);
                assert!(tag || net.peer(0).is_some(), "{name}, bit {bit}: {:?}", net.seen);
            }
        }
        assert!(at > 300);
    }
    // Control: with every bit as it was, they are connected.
    connected(&config());
}

/// An opening as a member of the network makes it, from nowhere.
fn forged_opening(random: &mut Random, len: usize) -> Vec<u8> {
    let mut frame = vec![0; len];
    random.fill(&mut frame).unwrap();
    frame[0] = 0x11;
    sign_frame(&mut frame);
    frame
}

/// Ten thousand openings in a second; what it cost the node that was flooded,
/// and how many tries an honest one needed meanwhile.
fn flood(config: &LinkConfig, answer_cookies: bool) -> (u64, usize) {
    let mut net = pair(config, CALM, 2);
    let mut random = Random(11);
    let (mut out, mut text) = ([0; 2048], [0; 2048]);
    let mut called = 0;
    for i in 0..10_000u64 {
        net.run(1_000_000 + i * 100);
        // Spoofed addresses; or, for the control, as many real ones.
        let from = 1000 + (i % 5000) as usize;
        let len = 60 + random.below(400) as usize;
        let frame = forged_opening(&mut random, len.max(68));
        let now = net.now;
        let _ = net.links[1].receive(&address(from), &frame, now, &mut text);
        while let Some(output) = net.links[1].next(now, &mut out).unwrap() {
            let Output::Frame { to, len: reply } = output else {
                net.seen[1].push(Seen::Output(output));
                continue;
            };
            if common::number(&to) == 0 {
                net.inject(1, 0, &out[..reply]);
                continue;
            }
            // No longer than what asked for it, unless that had a cookie.
            assert!(reply <= frame.len() || answer_cookies, "{reply} to {}", frame.len());
            if answer_cookies && out[0] & 0xf == 5 {
                // An attacker who gets its cookies: opens with them.
                let key = *Hash::Blake2s.digest(&[b"neural-swarm cookie v1", b"test"]).key();
                let mac1: [u8; 16] = frame[frame.len() - 32..frame.len() - 16].try_into().unwrap();
                let material: Vec<u8> = out[1..9].iter().chain(&mac1).copied().collect();
                let [wrap] = Hash::Blake2s.hkdf::<1>(&key, &material);
                let mut cookie: [u8; 16] = out[9..25].try_into().unwrap();
                let tag: [u8; 16] = out[25..41].try_into().unwrap();
                crypto::Cipher::ChaChaPoly.open(wrap.key(), 0, &mac1, &mut cookie, &tag).unwrap();
                let mut again = frame.clone();
                let end = again.len() - 16;
                let mut key = [0; 32];
                key[..16].copy_from_slice(&cookie);
                let mac2 = mac(&key, &[&again[..end]]);
                again[end..].copy_from_slice(&mac2);
                let _ = net.links[1].receive(&address(from), &again, now, &mut text);
            }
        }
        if i == 5000 {
            called = net.wire.len();
            net.connect(0, 1, 1);
        }
    }
    let tries = |net: &Net| {
        net.wire[called..].iter().filter(|(from, _, frame)| *from == 0 && frame[0] == 0x11).count()
    };
    if net.peer(0).is_none() {
        net.pass(20_000_000);
    }
    assert!(net.peer(0).is_some() && net.peer(1).is_some());
    (net.links[1].stats().openings, tries(&net))
}

#[test]
fn a_flood_of_openings() {
    for base in [config(), LinkConfig::small(b"test", 4)] {
        let config = LinkConfig { mtu: 1280, ..base };
        let (cost, tries) = flood(&config, false);
        // What is answered without a cookie, at most: the bucket, once full, and
        // what flows into it; and the honest peer's.
        let bound = u64::from(config.openings) * 2 + 2;
        assert!(cost <= bound, "{cost} openings read, at most {bound}");
        assert!(tries <= 3, "{tries} tries");
    }
    // Control: an attacker who owns the addresses and answers the cookies is read
    // many more times: a cookie tells addresses apart, not intentions.
    let config = LinkConfig { openings: 4, handshakes: 64, ..LinkConfig::new(b"test", 64) };
    let (without, _) = flood(&config, false);
    let (cost, _) = flood(&config, true);
    assert!(without <= 10 && cost > 50, "{without} {cost}");
}

/// Anybody who has the network's name can send it, from anywhere.
#[test]
fn an_opening_whose_key_is_none_stops_nothing() {
    let mut net = connected(&config());
    let mut frame = vec![0; 600];
    frame[0] = 0x11;
    sign_frame(&mut frame);
    let (mut out, mut text) = ([0; 2048], [0; 2048]);
    for turn in 0..5 {
        let now = net.now;
        let _ = net.links[1].receive(&address(1000 + turn), &frame, now, &mut text);
        while let Some(output) = net.links[1].next(now, &mut out).expect("it goes on") {
            assert!(!matches!(output, Output::Frame { .. }), "there is no answer to it");
        }
        let sent = frame_of(&mut net, b"hello");
        let heard = net.links[1].receive(&address(0), &sent, now, &mut text).unwrap();
        assert!(matches!(heard, Received::Message { len: 5, .. }));
        net.pass(10_000);
    }
    assert!(net.links[1].stats().refused >= 5);
    // Control: with a key of its own it is answered.
    let mut honest = forged_opening(&mut Random(3), 600);
    honest[40..60].fill(0);
    sign_frame(&mut honest);
    let now = net.now;
    net.links[1].receive(&address(2000), &honest, now, &mut text).unwrap();
    let output = net.links[1].next(now, &mut out).unwrap();
    assert!(matches!(output, Some(Output::Frame { .. })));
}

#[test]
fn a_stolen_static_key_opens_nothing_of_before() {
    // Both nodes' private keys leak. The recorded frames of XX need the ephemeral
    // keys, which are gone: made again from the stolen keys, a session has others.
    let mut net = connected(&config());
    let secret = frame_of(&mut net, b"yesterday's secret");
    let recorded: Vec<_> = net.wire.clone();
    let thief = link(&config(), 2, &[1], 1234);
    net.links[1] = thief;
    for (from, to, frame) in recorded {
        if to == 1 {
            let _ = net.deliver(from, 1, &frame);
        }
    }
    assert_eq!(net.deliver(0, 1, &secret), Err(Error::CommAuth));
    assert!(net.messages(1).is_empty());

    // Control: N has no ephemeral key of the receiver's. Whoever steals its static
    // key later reads what was recorded.
    let bob = KeyPair::new(Secret::new([2; 32]));
    let name = "Noise_N_25519_ChaChaPoly_BLAKE2s";
    let none = Keys::default();
    let mut alice = Handshake::new(name, true, b"", &none, Some(bob.public_key())).unwrap();
    let (mut message, mut text) = ([0; 128], [0; 128]);
    let len = alice.write(&none, &mut Random(1), b"yesterday's secret", &mut message).unwrap();
    let stolen = Keys { local: Some(&bob), psks: &[] };
    let mut thief = Handshake::new(name, false, b"", &stolen, None).unwrap();
    assert_eq!(thief.read(&stolen, &message[..len], &mut text), Ok(18));
}

#[test]
fn a_stolen_session_key_opens_nothing_after_the_next_handshake() {
    // The thief has the session as it is: the whole state of a node's link, which
    // is node 1 itself here, cut off from the next handshake.
    let mut net = connected(&LinkConfig { rekey_frames: 10, ..config() });
    let a = net.peer(0).unwrap();
    let before = frame_of(&mut net, b"under the stolen key");
    // The next handshake takes place with an honest copy of node 1.
    let honest = link(&LinkConfig { rekey_frames: 10, ..config() }, 2, &[1], 555);
    let thief = std::mem::replace(&mut net.links[1], honest);
    // A key is used for a moment at least.
    net.pass(200_000);
    for _ in 0..12 {
        net.send(0, a, b"x").unwrap();
    }
    net.pass(1_000_000);
    assert_eq!(net.links[0].stats().handshakes, 2);
    let after = frame_of(&mut net, b"under the new one");
    net.links[1] = thief;
    assert_eq!(net.deliver(0, 1, &after), Err(Error::CommAuth));
    // Control: what is under the stolen key is open to the thief.
    assert!(matches!(net.deliver(0, 1, &before), Ok(Received::Message { .. })));
    assert_eq!(net.messages(1).last().unwrap(), b"under the stolen key");
}

#[test]
fn forgeries_close_the_session_at_their_bound_and_not_before() {
    let mut net = connected(&LinkConfig { forgeries: 50, ..config() });
    let b = net.peer(1).unwrap();
    let frame = frame_of(&mut net, b"good");
    let mut bad = frame.clone();
    *bad.last_mut().unwrap() ^= 1;
    for _ in 0..49 {
        assert_eq!(net.deliver(0, 1, &bad), Err(Error::CommAuth));
    }
    assert!(net.deliver(0, 1, &frame).is_ok());
    let mut bad = frame_of(&mut net, b"good");
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(net.deliver(0, 1, &bad), Err(Error::CommAuth));
    assert!(matches!(
        net.seen[1].last(),
        Some(Seen::Output(Output::Closed { peer, .. })) if *peer == b
    ));
    // Control: without so low a bound it goes on.
    let mut net = connected(&config());
    let frame = frame_of(&mut net, b"good");
    let mut bad = frame.clone();
    *bad.last_mut().unwrap() ^= 1;
    for _ in 0..1000 {
        assert_eq!(net.deliver(0, 1, &bad), Err(Error::CommAuth));
    }
    assert!(net.deliver(0, 1, &frame).is_ok());
}
