//! The link between nodes, on a simulated network: what its users rely on.

mod common;

use common::{Net, Seen, Weather, address, link, pair, secrets};
use neural_swarm::Error;
use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::identity::{Certificate, Secrets, Validity};
use neural_swarm::comm::link::{LinkConfig, Output, Reason, Received};

const CALM: Weather = Weather { loss: 0, doubled: 0, reordered: 0, delay: 1000 };

fn config() -> LinkConfig<'static> {
    LinkConfig::new(b"test", 4)
}

/// Sends a message each way and sees it arrive.
fn talk(net: &mut Net) {
    let (a, b) = (net.peer(0).unwrap(), net.peer(1).unwrap());
    net.send(0, a, b"ping").unwrap();
    net.pass(50_000);
    net.send(1, b, b"pong").unwrap();
    net.pass(50_000);
    assert_eq!(net.messages(1).last().unwrap(), b"ping");
    assert_eq!(net.messages(0).last().unwrap(), b"pong");
}

#[test]
fn two_nodes_meet_and_talk() {
    let psk = Some(Secret::new([7; 32]));
    for small in [false, true] {
        for ik in [false, true] {
            for psk in [None, psk.clone()] {
                let base = if small { LinkConfig::small(b"test", 4) } else { config() };
                let config = LinkConfig { psk, ..base };
                let mut net = pair(&config, CALM, 1);
                let noise = ik.then(|| net.links[1].noise_key());
                net.links[0].connect(&address(1), None, noise.as_ref(), 77, net.now).unwrap();
                net.drain(0);
                net.pass(100_000);
                let connected = |tag| move |seen: &Seen| matches!(seen, Seen::Output(Output::Connected { tag: t, .. }) if *t == tag);
                assert!(net.seen[0].iter().any(connected(77)), "{small} {ik}");
                assert!(net.seen[1].iter().any(connected(0)));
                talk(&mut net);
                let info = net.links[0].peer_info(net.peer(0).unwrap()).unwrap();
                assert_eq!(info.identity, secrets(2).identity());
                // What a message costs on the wire.
                let (_, _, frame) = net.wire.last().unwrap();
                assert_eq!(frame.len() - 4, if small { 21 } else { 24 });
                assert_eq!(net.links[0].stats().handshakes, 1);
                // No cookie where there is no need.
                assert_eq!(net.links[1].stats().deferred, 0);
            }
        }
    }
}

#[test]
fn strangers_get_nothing() {
    // Not trusted by the responder, by the initiator, or not the one expected.
    for (trusts, expected) in [([9, 1], None), ([2, 9], None), ([2, 1], Some(9))] {
        let config = LinkConfig { tries: 2, ..config() };
        let links = vec![link(&config, 1, &trusts[..1], 5), link(&config, 2, &trusts[1..], 5)];
        let mut net = Net::new(links, CALM, 5);
        let expected = expected.map(|number| secrets(number).identity());
        net.links[0].connect(&address(1), expected.as_ref(), None, 3, net.now).unwrap();
        net.drain(0);
        net.pass(60_000_000);
        assert_eq!((net.peer(0), net.peer(1)), (None, None));
        let failed = |seen: &Seen| matches!(seen, Seen::Output(Output::Failed { tag: 3, .. }));
        assert_eq!(net.seen[0].iter().filter(|seen| failed(seen)).count(), 1);
        assert!(net.seen[1].is_empty());
        // Nothing is left behind: as many new handshakes as there is room for.
        for tag in 0..4 {
            net.links[0].connect(&address(1), None, None, tag, net.now).unwrap();
        }
        assert_eq!(net.links[0].connect(&address(1), None, None, 9, net.now), Err(Error::Capacity));
    }
}

#[test]
fn nodes_of_other_networks_are_met_with_silence() {
    let (one, two) = (LinkConfig::new(b"one", 4), LinkConfig::new(b"two", 4));
    let links = vec![link(&one, 1, &[2], 5), link(&two, 2, &[1], 5)];
    let mut net = Net::new(links, CALM, 5);
    net.connect(0, 1, 1);
    net.pass(300_000_000);
    assert!(net.wire.iter().all(|(from, _, _)| *from == 0));
    assert!(net.links[1].stats().forged > 0);
    let failed = Seen::Output(Output::Failed { tag: 1, reason: Reason::Timeout });
    assert_eq!(net.seen[0], [failed]);
}

#[test]
fn certificates_let_in_until_they_expire_or_their_epoch_ends() {
    let authority = secrets(100);
    let validity = Validity { not_before: 1000, not_after: 2000, epoch: 3 };
    let certify = |number: u8| {
        Certificate::issue(&authority, &secrets(number).identity(), 1, validity).unwrap()
    };
    for (wall, epoch, good) in [
        (Some(1500), 3, true),
        (Some(999), 3, false),
        (Some(2001), 3, false),
        (None, 3, true),
        (None, 4, false),
        (Some(1500), 4, false),
    ] {
        let mut net =
            Net::new(vec![link(&config(), 1, &[], 5), link(&config(), 2, &[], 5)], CALM, 5);
        for (i, link) in net.links.iter_mut().enumerate() {
            link.set_certificate(Some(&certify(i as u8 + 1)));
            link.set_wall(wall, net.now);
            link.trust_mut().add_authority(&authority.identity(), epoch).unwrap();
        }
        net.connect(0, 1, 1);
        net.pass(1_000_000);
        assert_eq!(net.peer(0).is_some(), good, "{wall:?} {epoch}");
        assert_eq!(net.peer(1).is_some(), good);
    }
    // Somebody else's certificate.
    let mut net = Net::new(vec![link(&config(), 1, &[2], 5), link(&config(), 2, &[], 5)], CALM, 5);
    net.links[0].set_certificate(Some(&certify(7)));
    net.links[1].trust_mut().add_authority(&authority.identity(), 3).unwrap();
    net.connect(0, 1, 1);
    net.pass(1_000_000);
    assert_eq!(net.peer(1), None);
}

#[test]
fn capabilities_travel_in_the_handshake() {
    for ik in [false, true] {
        let config = LinkConfig { capability: 300, ..config() };
        let mut net = pair(&config, CALM, 1);
        net.links[0].set_capability(&[5; 300]).unwrap();
        net.links[1].set_capability(b"small").unwrap();
        assert_eq!(net.links[0].set_capability(&[5; 301]), Err(Error::CommTooLong));
        let noise = ik.then(|| net.links[1].noise_key());
        net.links[0].connect(&address(1), None, noise.as_ref(), 1, net.now).unwrap();
        net.drain(0);
        net.pass(1_000_000);
        let (a, b) = (net.peer(0).unwrap(), net.peer(1).unwrap());
        assert_eq!(net.links[0].peer_capability(a).unwrap(), b"small");
        assert_eq!(net.links[1].peer_capability(b).unwrap(), [5; 300]);
    }
}

#[test]
fn long_handshakes_go_in_fragments_on_small_radio_frames() {
    for loss in [0, 200] {
        let config = LinkConfig { mtu: 127, capability: 120, ..LinkConfig::small(b"test", 4) };
        let mut net = pair(&config, Weather { loss, ..CALM }, 3);
        net.links[0].set_capability(&[6; 120]).unwrap();
        net.links[1].set_capability(&[7; 120]).unwrap();
        net.connect(0, 1, 1);
        net.pass(120_000_000);
        assert!(net.wire.iter().all(|(_, _, frame)| frame.len() <= 127));
        net.weather.loss = 0;
        talk(&mut net);
        // A buffer was filled only for who had shown a cookie.
        assert!(net.links[1].stats().deferred > 0);
    }
}

#[test]
fn keys_are_renewed_by_count_and_by_time_without_a_message_lost() {
    let by_count = LinkConfig { rekey_frames: 20, ..config() };
    let by_time = LinkConfig { rekey_time: 300_000, reject_time: 900_000, ..config() };
    for config in [by_count, by_time] {
        let mut net = pair(&config, CALM, 9);
        net.connect(0, 1, 1);
        net.pass(100_000);
        let (a, b) = (net.peer(0).unwrap(), net.peer(1).unwrap());
        for i in 0..200u8 {
            net.send(0, a, &[i]).unwrap();
            net.send(1, b, &[i]).unwrap();
            net.pass(10_000);
        }
        net.pass(100_000);
        let all: Vec<Vec<u8>> = (0..200).map(|i| vec![i]).collect();
        assert_eq!(net.messages(0), all);
        assert_eq!(net.messages(1), all);
        assert!(net.links[0].stats().handshakes > 3);
        // The caller heard of one connection only.
        let outputs = net.seen.iter().flatten().filter(|seen| matches!(seen, Seen::Output(_)));
        assert_eq!(outputs.count(), 2);
    }
}

#[test]
fn both_may_call_at_once() {
    for seed in 0..50 {
        for ik in [false, true] {
            let mut net = pair(&config(), CALM, seed);
            for node in 0..2 {
                let noise = ik.then(|| net.links[1 - node].noise_key());
                let (to, tag, now) = (address(1 - node), 10 + node as u64, net.now);
                net.links[node].connect(&to, None, noise.as_ref(), tag, now).unwrap();
                net.drain(node);
            }
            net.pass(20_000_000);
            for node in 0..2 {
                let tag = 10 + node as u64;
                let connected: Vec<&Seen> = net.seen[node].iter().collect();
                assert!(
                    matches!(
                        connected.as_slice(),
                        [Seen::Output(Output::Connected { tag: t, .. })] if *t == tag
                    ),
                    "seed {seed}, node {node}: {connected:?}"
                );
            }
            talk(&mut net);
        }
    }
}

/// Each has called after it had answered the other's call, and the last messages of both handshakes cross.
#[test]
fn both_handshakes_may_end_at_once() {
    for (one, two, late) in [(1, 2, false), (2, 1, false), (1, 2, true), (2, 1, true)] {
        let now = 1_000_000;
        let mut links = [link(&config(), one, &[two], 5), link(&config(), two, &[one], 6)];
        let mut peers = [None, None];
        let mut frames = |links: &mut [common::TestLink; 2], at: usize| {
            let (mut out, mut all) = ([0; 2048], Vec::new());
            while let Some(output) = links[at].next(now, &mut out).unwrap() {
                match output {
                    Output::Frame { len, .. } => all.push(out[..len].to_vec()),
                    Output::Connected { peer, .. } => peers[at] = Some(peer),
                    other => panic!("{other:?}"),
                }
            }
            all
        };
        let give = |links: &mut [common::TestLink; 2], to: usize, frames: &[Vec<u8>]| {
            for frame in frames {
                // What the other handshake makes superfluous is refused.
                let _ = links[to].receive(&address(1 - to), frame, now, &mut [0; 2048]);
            }
        };
        links[0].connect(&address(1), None, None, 1, now).unwrap();
        let opening = frames(&mut links, 0);
        give(&mut links, 1, &opening);
        let answer = frames(&mut links, 1);
        links[1].connect(&address(0), None, None, 2, now).unwrap();
        let other_opening = frames(&mut links, 1);
        give(&mut links, 0, &answer);
        let last = frames(&mut links, 0);
        give(&mut links, 0, &other_opening);
        let other_answer = frames(&mut links, 0);
        give(&mut links, 1, &other_answer);
        let other_last = frames(&mut links, 1);
        assert_eq!([last.len(), other_last.len()], [1, 1]);
        if late {
            // The answer to one overtakes the other.
            give(&mut links, 1, &last);
            let confirmation = frames(&mut links, 1);
            give(&mut links, 0, &confirmation);
            give(&mut links, 0, &other_last);
        } else {
            give(&mut links, 0, &other_last);
            give(&mut links, 1, &last);
        }
        for _ in 0..4 {
            for at in 0..2 {
                let all = frames(&mut links, at);
                give(&mut links, 1 - at, &all);
            }
        }
        for at in 0..2 {
            let (mut out, mut got) = ([0; 2048], [0; 2048]);
            let (len, _) = links[at].send(peers[at].unwrap(), b"hello", now, &mut out).unwrap();
            let frame = out.get(..len).unwrap();
            let heard = links[1 - at].receive(&address(at), frame, now, &mut got).unwrap();
            assert!(matches!(heard, Received::Message { len: 5, .. }), "{one} {at} {late}");
        }
    }
}

#[test]
fn peers_that_move_are_followed_and_dead_ones_missed() {
    let config = LinkConfig { keepalive: 1_000_000, dead: 5_000_000, ..config() };
    let mut net = pair(&config, CALM, 1);
    net.connect(0, 1, 1);
    net.pass(100_000);
    // Node 0 is now at address 7.
    net.at[0] = 7;
    talk(&mut net);
    let b = net.peer(1).unwrap();
    assert_eq!(net.links[1].peer_info(b).unwrap().address, address(7));
    // Keepalives hold the silent connection.
    net.pass(60_000_000);
    assert!(net.links[1].peer_info(b).is_ok());
    net.at[0] = 1000;
    net.weather.loss = 1000;
    net.pass(6_000_000);
    let closed = Seen::Output(Output::Closed { peer: b, reason: Reason::Timeout });
    assert_eq!(net.seen[1].last(), Some(&closed));
    assert_eq!(net.links[1].peer_info(b), Err(Error::CommPeer));
}

#[test]
fn closing_is_heard_and_a_restart_is_noticed() {
    let mut net = pair(&config(), CALM, 1);
    net.connect(0, 1, 1);
    net.pass(100_000);
    let (a, b) = (net.peer(0).unwrap(), net.peer(1).unwrap());
    let (mut frame, now) = ([0; 2048], net.now);
    let (len, _) = net.links[1].send(b, b"late", now, &mut frame).unwrap();
    net.links[0].close(a).unwrap();
    // It is over at once, though the other one does not know yet.
    let late = net.links[0].receive(&address(1), &frame[..len], now, &mut [0; 2048]);
    assert_eq!(late, Err(Error::CommClosed));
    net.drain(0);
    net.pass(100_000);
    assert_eq!(
        net.seen[1].last(),
        Some(&Seen::Output(Output::Closed { peer: b, reason: Reason::Peer }))
    );
    assert_eq!(net.send(0, a, b"x"), Err(Error::CommPeer));
    // Again, and then node 1 forgets everything.
    net.connect(0, 1, 2);
    net.pass(100_000);
    let a = net.peer(0).unwrap();
    net.links[1] = link(&config(), 2, &[1], 99);
    net.connect(1, 0, 5);
    net.pass(100_000);
    let again = Seen::Output(Output::Connected { peer: a, tag: 0 });
    assert_eq!(net.seen[0].last(), Some(&again));
    talk(&mut net);
}

#[test]
fn padding_hides_lengths() {
    let config = LinkConfig { padding: 32, ..config() };
    let mut net = pair(&config, CALM, 1);
    net.connect(0, 1, 1);
    net.pass(100_000);
    let a = net.peer(0).unwrap();
    for len in 0..100 {
        let message = vec![0x80; len];
        net.send(0, a, &message).unwrap();
        net.pass(10_000);
        assert_eq!(net.messages(1).last(), Some(&message));
        let (_, _, frame) = net.wire.last().unwrap();
        assert_eq!(frame.len() - 24, (len + 1).next_multiple_of(32));
    }
    let most = net.links[0].max_message();
    net.send(0, a, &vec![1; most]).unwrap();
    assert!(net.wire.last().unwrap().2.len() <= 1280);
    assert_eq!(net.send(0, a, &vec![1; most + 1]), Err(Error::CommTooLong));
}

#[test]
fn handshakes_get_through_a_bad_network() {
    let weather = Weather { loss: 300, doubled: 50, reordered: 200, delay: 20_000 };
    let (mut met, tries) = (0, 3000);
    for seed in 0..tries {
        let mut net = pair(&config(), weather, seed);
        net.connect(0, 1, 1);
        // Until it is given up.
        net.pass(300_000_000);
        met += u64::from(net.peer(0).is_some() && net.peer(1).is_some());
        if net.peer(0).is_none() || net.peer(1).is_none() {
            println!("seed {seed}: {:?}", net.seen);
        }
    }
    assert!(met * 1000 >= tries * 999, "{met} of {tries}");
}

#[test]
fn frames_shuffled_and_repeated_are_delivered_once() {
    for small in [false, true] {
        let base = if small { LinkConfig::small(b"test", 2) } else { config() };
        let config = LinkConfig { rekey_frames: 1 << 40, ..base };
        let mut net = pair(&config, CALM, 4);
        net.connect(0, 1, 1);
        net.pass(100_000);
        let a = net.peer(0).unwrap();
        let (count, mut frames) = (100_000u32, Vec::new());
        let mut out = [0; 64];
        for i in 0..count {
            let (len, _) = net.links[0].send(a, &i.to_le_bytes(), net.now, &mut out).unwrap();
            frames.push(out[..len].to_vec());
        }
        // Within the window, each frame two or three times.
        let near = if small { 60 } else { 500 };
        let mut order: Vec<(u64, u32)> = Vec::new();
        for i in 0..count {
            for _ in 0..2 + net.random.below(2) {
                order.push((u64::from(i) + net.random.below(near), i));
            }
        }
        order.sort_unstable();
        let mut got = vec![0; count as usize];
        for (_, i) in order {
            match net.links[1].receive(&address(0), &frames[i as usize], net.now, &mut out) {
                Ok(Received::Message { len, .. }) => {
                    assert_eq!(out[..len], i.to_le_bytes());
                    got[i as usize] += 1;
                }
                other => assert_eq!(other, Err(Error::CommReplay)),
            }
        }
        assert!(got.iter().all(|times| *times == 1));
    }
}

#[test]
fn the_time_to_wake_is_known_after_each_step() {
    let config = LinkConfig { keepalive: 2_000_000, ..config() };
    for ik in [false, true] {
        let mut net = pair(&config, CALM, 3);
        let noise = ik.then(|| net.links[1].noise_key());
        net.links[0].connect(&address(1), None, noise.as_ref(), 1, net.now).unwrap();
        net.drain(0);
        // Both are connected, and nobody had to be woken for it.
        net.pass(10_000);
        for node in 0..2 {
            assert!(net.peer(node).is_some());
            let wake = net.links[node].wake_at();
            assert!(wake <= net.now + 2_000_000, "node {node}, ik {ik}: {wake}");
        }
    }
}

#[test]
fn who_is_hung_up_on_is_not_called_again() {
    for node in 0..2 {
        // Every frame is one too many for the key.
        let config = LinkConfig { rekey_frames: 1, ..config() };
        let mut net = pair(&config, CALM, 3);
        net.connect(0, 1, 1);
        net.pass(2_000_000);
        // Few, since nothing was said: the confirmations.
        assert!(net.wire.len() < 100, "{} frames", net.wire.len());
        let peer = net.peer(node).unwrap();
        net.links[node].close(peer).unwrap();
        net.drain(node);
        net.pass(1_000_000);
        let count = net.wire.len();
        net.pass(60_000_000);
        assert_eq!(net.wire.len(), count, "node {node}");
        assert_eq!(net.links[0].peer_of(&secrets(2).identity()), None);
        assert_eq!(net.links[1].peer_of(&secrets(1).identity()), None);
    }
}

/// Calls to the same node, calls both ways, sessions that end meanwhile, on a network that loses much: what
/// [`Link::connect`](neural_swarm::comm::link::Link::connect) promises holds for each.
#[test]
fn every_call_has_one_end() {
    let weather = Weather { loss: 250, doubled: 50, reordered: 200, delay: 20_000 };
    for seed in 0..300 {
        // With many tries, a handshake whose last message is not confirmed begins anew.
        let tries = if seed % 2 == 0 { 6 } else { 20 };
        let config = LinkConfig { tries, dead: 9_000_000, keepalive: 3_000_000, ..config() };
        let all = [1, 2, 3];
        let links = all.map(|me| link(&config, me, &all, seed)).into();
        let mut net = Net::new(links, weather, seed);
        let mut calls = [const { Vec::new() }; 3];
        for tag in 1..40 {
            let node = net.random.below(3) as usize;
            let other = (node + 1 + net.random.below(2) as usize) % 3;
            if net.random.chance(800) {
                let noise = net.random.chance(300).then(|| net.links[other].noise_key());
                let (to, now) = (address(other), net.now);
                if net.links[node].connect(&to, None, noise.as_ref(), tag, now).is_ok() {
                    calls[node].push(tag);
                }
            } else if let Some(peer) = net.peer(node) {
                let _ = net.links[node].close(peer);
            }
            net.drain(node);
            let pause = net.random.below(400_000);
            net.pass(pause);
        }
        // Some are heard no more.
        net.weather.loss = if seed % 3 == 0 { 1000 } else { 250 };
        net.pass(400_000_000);
        for (node, calls) in calls.iter().enumerate() {
            let tag = |seen: &Seen| match seen {
                Seen::Output(Output::Connected { tag, .. } | Output::Failed { tag, .. }) => {
                    Some(*tag)
                }
                _ => None,
            };
            let mut ends: Vec<u64> = net.seen[node].iter().filter_map(tag).collect();
            ends.retain(|tag| *tag != 0);
            ends.sort_unstable();
            assert_eq!(ends, *calls, "seed {seed}, node {node}");
        }
    }
}

/// Both have said their last, and nobody confirms: beginning one of them anew leaves nothing of the other's peer.
#[test]
fn two_calls_of_a_node_that_is_heard_no_more_both_end() {
    let mut now = 1_000_000;
    let mut links = [link(&config(), 1, &[2], 5), link(&config(), 2, &[1], 6)];
    let mut out = [0; 2048];
    let mut frames = |link: &mut common::TestLink, now| {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        while let Some(output) = link.next(now, &mut out).unwrap() {
            match output {
                Output::Frame { len, .. } => all.push(out[..len].to_vec()),
                Output::Failed { tag, .. } => ends.push(tag),
                other => panic!("{other:?}"),
            }
        }
        (all, ends)
    };
    let mut answers = Vec::new();
    // It has two addresses.
    for tag in [1, 2] {
        links[0].connect(&address(tag as usize), None, None, tag, now).unwrap();
        let (opening, _) = frames(&mut links[0], now);
        links[1].receive(&address(10 + tag as usize), &opening[0], now, &mut [0; 2048]).unwrap();
        answers.append(&mut frames(&mut links[1], now).0);
        now += config().retry;
    }
    for (answer, at) in answers.iter().zip([1, 2]) {
        links[0].receive(&address(at), answer, now, &mut [0; 2048]).unwrap();
        assert_eq!(frames(&mut links[0], now).0.len(), 1, "the last message");
    }
    let mut all = Vec::new();
    for _ in 0..10_000 {
        now = now.max(links[0].wake_at().min(now + 1_000_000));
        links[0].poll(now);
        all.append(&mut frames(&mut links[0], now).1);
    }
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}
