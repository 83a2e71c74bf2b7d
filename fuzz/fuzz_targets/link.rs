//! Two links and an attacker between them who knows the network: the input says
//! who calls, what is sent, lost, repeated, damaged or made up, and when. Whatever
//! arrives was sent, by who is said to have sent it, and never twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::crypto::{Hash, Secret, mac};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::link::{Link, LinkConfig, Output, PeerId, Received};
use neural_swarm::comm::noise::StaticKey;
use neural_swarm::port::{Address, Heap};
use neural_swarm_fuzz::Counter;

const MTU: usize = 200;

fn secrets(number: usize) -> LocalSecrets {
    LocalSecrets::new(Secret::new([number as u8 + 1; 32]))
}

/// The first MAC of a handshake frame or fragment, made right.
fn sign(frame: &mut [u8]) {
    let fragment = frame.first().is_some_and(|first| first & 0xf == 6);
    let macs = if fragment { 16 } else { 32 };
    let Some(end) = frame.len().checked_sub(macs) else { return };
    let key = *Hash::Blake2s.digest(&[b"neural-swarm mac1 v1", b"fuzz"]).key();
    let mac1 = mac(&key, &[&frame[..end]]);
    frame[end..end + 16].copy_from_slice(&mac1);
}

fuzz_target!(|input: &[u8]| {
    let mut input = input.iter().copied();
    let flags = input.next().unwrap_or(0);
    let base =
        if flags & 1 == 0 { LinkConfig::new(b"fuzz", 2) } else { LinkConfig::small(b"fuzz", 2) };
    let config = LinkConfig {
        mtu: MTU,
        capability: 40,
        padding: if flags & 2 == 0 { 0 } else { 16 },
        psk: (flags & 4 != 0).then(|| Secret::new([9; 32])),
        rekey_frames: if flags & 8 == 0 { 1 << 40 } else { 3 },
        keepalive: 3_000_000,
        dead: 30_000_000,
        forgeries: 100,
        ..base
    };
    let mut links: [_; 2] = core::array::from_fn(|i| {
        let mut link = Link::new(&config, secrets(i), Counter(i as u64), Heap).expect("good");
        link.trust_mut().pin(&secrets(1 - i).identity()).expect("room");
        link.set_capability(&[i as u8; 40][..usize::from(flags >> 4) % 41]).expect("fits");
        link
    });
    let address = |i: u8| Address::new(&[i]).expect("short");
    // Frames on the way or recorded, with where they came from; the peers; messages
    // sent and not received.
    let mut frames: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut peers: [Option<PeerId>; 2] = [None; 2];
    let mut sent: [Vec<Vec<u8>>; 2] = Default::default();
    let (mut now, mut out, mut text) = (1, [0; 256], [0; 256]);
    let mut count = 0u32;
    while let Some(op) = input.next() {
        let node = usize::from(op & 1);
        let link = &mut links[node];
        match op >> 1 & 7 {
            0 => {
                let noise = (op & 16 != 0).then(|| secrets(1 - node).public_key());
                let _ = link.connect(&address(1 - node as u8), None, noise.as_ref(), 7, now);
            }
            1 => {
                let message =
                    [&count.to_le_bytes()[..], &[op; 32][..usize::from(op >> 4)]].concat();
                count += 1;
                if let Some(Ok((len, _))) =
                    peers[node].map(|peer| link.send(peer, &message, now, &mut out))
                {
                    frames.push((node, out[..len].to_vec()));
                    sent[node].push(message);
                }
            }
            2 => now += u64::from(op >> 4) * 400_000,
            3 if op >> 4 == 15 => {
                if let Some(peer) = peers[node] {
                    let _ = link.close(peer);
                }
            }
            // A frame: the newest, or any; as it is, or damaged, or made up.
            3..=5 => {
                let pick = if op & 8 == 0 { 0 } else { input.next().unwrap_or(0) };
                let at = frames.len().wrapping_sub(1 + usize::from(pick));
                let Some((from, frame)) = frames.get(at) else { continue };
                let (from, mut frame) = (*from, frame.clone());
                if op & 32 != 0 {
                    let at = usize::from(input.next().unwrap_or(0)) % frame.len().max(1);
                    frame[at] ^= input.next().unwrap_or(1);
                    sign(&mut frame);
                }
                if op & 64 != 0 {
                    frame.truncate(usize::from(input.next().unwrap_or(0)));
                }
                let place = if op & 128 == 0 { from as u8 } else { 9 };
                let to = 1 - from;
                let got = links[to].receive(&address(place), &frame, now, &mut text);
                if let Ok(Received::Message { peer, len }) = got {
                    assert_eq!(
                        links[to].peer_info(peer).expect("known").identity,
                        secrets(from).identity()
                    );
                    let place = sent[from].iter().position(|message| *message == text[..len]);
                    sent[from].remove(place.expect("sent, and not received before"));
                }
            }
            _ => {
                let len = usize::from(input.next().unwrap_or(0));
                let mut frame: Vec<u8> = input.by_ref().take(len).collect();
                if op & 16 != 0 {
                    sign(&mut frame);
                }
                let got = links[node].receive(&address(9), &frame, now, &mut text);
                assert!(!matches!(got, Ok(Received::Message { .. })), "a forgery");
            }
        }
        for (node, link) in links.iter_mut().enumerate() {
            if link.wake_at() <= now {
                link.poll(now);
            }
            while let Some(output) = link.next(now, &mut out).expect("room") {
                match output {
                    Output::Frame { len, .. } => {
                        assert!(len <= MTU);
                        frames.push((node, out[..len].to_vec()));
                    }
                    Output::Connected { peer, .. } => {
                        let info = link.peer_info(peer).expect("connected");
                        assert_eq!(info.identity, secrets(1 - node).identity());
                        peers[node] = Some(peer);
                    }
                    Output::Closed { peer, .. } => {
                        assert_eq!(peers[node].take(), Some(peer));
                    }
                    Output::Failed { tag, .. } => assert_eq!(tag, 7),
                }
            }
        }
        frames.drain(..frames.len().saturating_sub(256));
    }
});
