//! Packets of a peer that does not keep to the rules: an error by name, and
//! nothing has changed. Packets by hand, after docs/channel-format.md.

use neural_swarm::Error;
use neural_swarm::comm::channel::{Channel, ChannelConfig, ChannelOutput, SendOptions};
use neural_swarm::port::Heap;
use proptest::prelude::*;

use crate::network::{Line, MS, Random, S, World, numbered};

/// Epoch 7, streams 1 and 1, a delay of 16 us, a buffer of 512 bytes, 8 messages.
const HELLO: [u8; 9] = [3, 1, 7, 1, 1, 1, 0x80, 4, 8];

/// The channel under attack: 100 bytes, 4 messages.
fn victim() -> Channel<'static> {
    let config = ChannelConfig {
        mtu: 200,
        ordered: 1,
        unordered: 1,
        receive_buffer: 100,
        messages: 4,
        packets: 16,
        ..ChannelConfig::default()
    };
    Channel::new(&config, Heap).unwrap()
}

/// One that knows its peer.
fn open_victim() -> Channel<'static> {
    let mut channel = victim();
    channel.receive(&[&[0], &HELLO[..]].concat(), 0).unwrap();
    drain(&mut channel, 0);
    channel
}

/// What it says, without packets.
fn drain(channel: &mut Channel<'_>, now: u64) -> Vec<(usize, u64, Vec<u8>)> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 200]);
    while let Some(output) = channel.next(now, &mut buffer).unwrap() {
        if let ChannelOutput::Message { stream, number, bytes } = output {
            heard.push((stream, number, bytes.to_vec()));
        }
    }
    heard
}

#[test]
fn nothing_is_taken_on_before_the_peer_says_who_it_is() {
    let mut channel = victim();
    for frame in [&[1][..], &[4, 9, 9], &[0x80, 0, b'x'], &[6, 0, 0, 1]] {
        assert_eq!(channel.receive(&[&[0], frame].concat(), 0), Err(Error::CommClosed));
    }
    let mut hello = HELLO;
    hello[1] = 2;
    assert_eq!(channel.receive(&[&[0], &hello[..]].concat(), 0), Err(Error::CommVersion));
    for (at, value, error) in
        [(3, 2, Error::CommState), (4, 0, Error::CommState), (8, 0, Error::CommFormat)]
    {
        let mut hello = HELLO;
        hello[at] = value;
        assert_eq!(channel.receive(&[&[0], &hello[..]].concat(), 0), Err(error));
    }
    // No buffer, and a number that is too large for one.
    for bytes in [&[0][..], &[0xff, 0xff, 0xff, 0xff, 0x7f]] {
        let hello = [&HELLO[..6], bytes, &[8]].concat();
        assert_eq!(channel.receive(&[&[0], &hello[..]].concat(), 0), Err(Error::CommFormat));
    }
    assert!(!channel.info().open && channel.info().packets_received == 0);
    assert_eq!(channel.wake_at(), u64::MAX);
    channel.receive(&[&[0], &HELLO[..], &[0x80, 0, b'x']].concat(), 0).unwrap();
    assert_eq!(drain(&mut channel, 0), [(0, 0, b"x".to_vec())]);
}

#[test]
fn a_peer_that_begins_anew_is_noticed() {
    let mut channel = open_victim();
    let mut other = HELLO;
    other[2] = 8;
    assert_eq!(channel.receive(&[&[0], &other[..]].concat(), 0), Err(Error::CommClosed));
    assert_eq!(channel.receive(&[&[5], &other[..]].concat(), 0), Err(Error::CommClosed));
    let mut other = HELLO;
    other[8] = 9;
    assert_eq!(channel.receive(&[&[5], &other[..]].concat(), 0), Err(Error::CommState));
    channel.receive(&[&[5], &HELLO[..]].concat(), 0).unwrap();
}

#[test]
fn an_acknowledgement_of_what_was_not_sent() {
    let mut channel = open_victim();
    let sent = channel.info().packets_sent as u8;
    assert!(sent > 0);
    assert_eq!(channel.receive(&[1, 2, sent, 0, 0, 0], 0), Err(Error::CommState));
    assert_eq!(channel.receive(&[1, 2, 0xff, 0xff, 3, 0, 0, 0], 0), Err(Error::CommState));
    channel.receive(&[1, 2, sent - 1, 0, 0, 0], 0).unwrap();
    // Saying it again is fine.
    channel.receive(&[2, 2, sent - 1, 0, 0, 0], 0).unwrap();
}

#[test]
fn more_than_was_allowed() {
    let mut channel = open_victim();
    let message = |len: usize| [&[0x80, 0], &vec![b'x'; len][..]].concat();
    let packet = |number: u8, frame: &[u8]| [&[number], frame].concat();
    assert_eq!(channel.receive(&packet(1, &message(101)), 0), Err(Error::CommTooLong));
    // A part of what would be too long.
    assert_eq!(channel.receive(&[1, 0xc0, 0, 101, 0, b'x'], 0), Err(Error::CommTooLong));
    assert_eq!(channel.receive(&[1, 6, 0, 0, 101], 0), Err(Error::CommTooLong));
    // Several that are too long together, in one packet or not.
    let two = [&[1, 0xe0, 0, 60, 0, 1, b'x'][..], &[0xe0, 1, 60, 0, 1, b'x']].concat();
    assert_eq!(channel.receive(&two, 0), Err(Error::CommTooLong));
    let five: Vec<u8> = [1].into_iter().chain((0..5).flat_map(|n| [0xa0, n, 1, b'x'])).collect();
    assert_eq!(channel.receive(&five, 0), Err(Error::CommTooLong));
    // A number too far ahead.
    assert_eq!(channel.receive(&[1, 0x80, 64, b'x'], 0), Err(Error::CommTooLong));
    assert_eq!(channel.receive(&[1, 0x82, 0, b'x'], 0), Err(Error::CommFormat));
    assert_eq!(channel.info().packets_received, 1);
    // Exactly as much as was allowed.
    channel.receive(&packet(1, &message(98)), 0).unwrap();
    channel.receive(&[2, 0xe0, 1, 2, 0, 1, b'y', 0xc0, 1, 2, 1, b'z'], 0).unwrap();
    assert_eq!(channel.receive(&[3, 0x80, 2, b'x'], 0), Err(Error::CommTooLong));
    channel.receive(&[3, 0xa0, 2, 0, 0x80, 3], 0).unwrap();
    assert_eq!(channel.receive(&[4, 0x80, 4], 0), Err(Error::CommTooLong));
    // What was taken makes room: the peer is told, and may send again.
    assert_eq!(drain(&mut channel, 0).len(), 4);
    channel.receive(&packet(4, &[&[0x80, 4], &[b'x'; 100][..]].concat()), 0).unwrap();
    assert_eq!(drain(&mut channel, 0).len(), 1);
}

#[test]
fn what_contradicts_itself() {
    let mut channel = open_victim();
    channel.receive(&[1, 0xc0, 0, 10, 2, b'a', b'b', b'c'], 0).unwrap();
    for bad in [
        // Other bytes, another length, skipped at another length.
        &[0xc0, 0, 10, 2, b'a', b'b', b'd'][..],
        &[0xc0, 0, 10, 0, b'x', b'x', b'b'],
        &[0xc0, 0, 10, 4, b'd'],
        &[0xc0, 0, 11, 5, b'a'],
        &[0x80, 0, b'x', b'x', b'a', b'b', b'x', b'x', b'x', b'x', b'x', b'x'],
        &[6, 0, 0, 11],
        // Within a packet.
        &[0xe0, 1, 10, 0, 2, b'a', b'a', 0xc0, 1, 10, 1, b'b'],
        &[0xe0, 1, 10, 0, 1, b'a', 0xc0, 1, 11, 1, b'b'],
        &[0xe0, 1, 10, 0, 1, b'a', 6, 0, 1, 10],
        &[6, 0, 1, 10, 0xc0, 1, 10, 0, b'a'],
        &[6, 0, 1, 10, 6, 0, 1, 10],
    ] {
        assert_eq!(channel.receive(&[&[2], bad].concat(), 0), Err(Error::CommState), "{bad:?}");
    }
    // The same again is fine, also with more around it.
    channel.receive(&[2, 0xc0, 0, 10, 1, b'x', b'a', b'b', b'c', b'd'], 0).unwrap();
    channel.receive(&[3, 0xe0, 0, 10, 0, 1, b'x', 0xc0, 0, 10, 6, 1, 2, 3, 4], 0).unwrap();
    let message = [b'x', b'x', b'a', b'b', b'c', b'd', 1, 2, 3, 4];
    assert_eq!(drain(&mut channel, 0), [(0, 0, message.to_vec())]);
    // What is done stays done.
    channel.receive(&[4, 0x80, 0, b'o', b't', b'h', b'e', b'r'], 0).unwrap();
    channel.receive(&[5, 6, 0, 0, 99], 0).unwrap();
    assert_eq!(drain(&mut channel, 0), []);
}

#[test]
fn what_is_skipped_is_not_delivered_and_blocks_nothing() {
    let mut channel = open_victim();
    channel.receive(&[1, 0xc0, 0, 40, 0, b'a'], 0).unwrap();
    channel.receive(&[2, 0x80, 2, b'c'], 0).unwrap();
    assert_eq!(drain(&mut channel, 0), []);
    // One that has begun, one that was never seen.
    channel.receive(&[3, 6, 0, 0, 40, 6, 0, 1, 59], 0).unwrap();
    assert_eq!(drain(&mut channel, 0), [(0, 2, b"c".to_vec())]);
    // Late parts of them.
    channel.receive(&[4, 0xc0, 0, 40, 1, b'a'], 0).unwrap();
    channel.receive(&[5, 0x80, 1, b'b'], 0).unwrap();
    assert_eq!(drain(&mut channel, 0), []);
    // Their room is free again.
    let whole = [&[6, 0x80, 3][..], &[7; 100]].concat();
    channel.receive(&whole, 0).unwrap();
    assert_eq!(drain(&mut channel, 0).len(), 1);
}

#[test]
fn what_is_not_a_packet() {
    let mut channel = open_victim();
    let pings = [&[1][..], &[1; 70]].concat();
    let messages: Vec<u8> = [1].into_iter().chain((0..65).flat_map(|n| [0xa1, n, 0])).collect();
    for bad in [
        &[][..],
        &[1],
        &[0x80, 0],
        &[1, 0],
        &pings,
        // Each kind once; who it is first.
        &[1, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0],
        &[1, 4, 9, 9, 4, 9, 9],
        &[1, 5, 9, 9, 5, 9, 9],
        &[&[1, 1], &HELLO[..]].concat(),
        &[&[1], &HELLO[..], &HELLO[..]].concat(),
    ] {
        assert_eq!(channel.receive(bad, 0), Err(Error::CommFormat), "{bad:?}");
    }
    assert!(channel.receive(&messages, 0).is_err());
    assert_eq!(channel.info().packets_received, 1);
    channel.receive(&[1, 1], 0).unwrap();
}

#[test]
fn a_packet_twice_is_ignored() {
    let mut channel = open_victim();
    channel.receive(&[9, 0x81, 0, b'x'], 0).unwrap();
    assert_eq!(drain(&mut channel, 0).len(), 1);
    for _ in 0..3 {
        channel.receive(&[9, 0x81, 0, b'x'], 0).unwrap();
        // The number counts, as the link has made sure of the rest.
        channel.receive(&[9, 0x81, 1, b'y'], 0).unwrap();
    }
    assert_eq!((drain(&mut channel, 0).len(), channel.info().packets_repeated), (0, 6));
    // So does one that is too old to tell.
    channel.receive(&[0x80, 0x20, 1], 0).unwrap();
    channel.receive(&[8, 0x81, 1, b'y'], 0).unwrap();
    assert_eq!((drain(&mut channel, 0).len(), channel.info().packets_repeated), (0, 7));
    channel.receive(&[0xff, 0x1f, 0x81, 1, b'y'], 0).unwrap();
    assert_eq!(drain(&mut channel, 0).len(), 1);
}

#[test]
fn credit_that_comes_late_takes_nothing_back() {
    let mut channel = open_victim();
    channel.receive(&[1, 4, 0xff, 0x7f, 100], 0).unwrap();
    channel.receive(&[2, 4, 0, 0], 0).unwrap();
    for n in 0..4 {
        assert_eq!(channel.send(0, &[1; 500], SendOptions::default(), 0), Ok(n));
    }
    let mut buffer = [0; 200];
    let mut packets = 0;
    while let Some(ChannelOutput::Packet { .. }) = channel.next(1, &mut buffer).unwrap() {
        packets += 1;
    }
    assert_eq!(packets, 3, "the window, not the credit");
}

/// One of the packets that are under way, changed.
fn forged(world: &World, random: &mut Random) -> Vec<u8> {
    let packets: Vec<&Vec<u8>> = world.under_way().collect();
    let mut packet = match packets.is_empty() {
        true => vec![0; 1 + random.below(30) as usize],
        false => packets[random.below(packets.len() as u64) as usize].clone(),
    };
    for _ in 0..=random.below(4) {
        let at = random.below(packet.len() as u64) as usize;
        match random.below(4) {
            0 => packet[at] = random.next() as u8,
            1 => packet[at] ^= 1 << random.below(8),
            2 => packet.truncate(at.max(1)),
            _ => packet.insert(at, random.next() as u8),
        }
    }
    packet
}

/// Runs a world for two seconds. Until a time, forged packets come as well; the
/// first that is taken on ends it. Says how many were refused, and when that was.
fn talk(seed: u64, forge_until: u64) -> (World, u64, Option<u64>) {
    let config = ChannelConfig {
        mtu: 100,
        unordered: 1,
        send_buffer: 1000,
        receive_buffer: 700,
        messages: 6,
        packets: 8,
        ..ChannelConfig::default()
    };
    let mut world = World::pair(seed, Line::BAD, &config);
    let mut random = Random(seed ^ 0x5555);
    let (mut next, mut refused, mut taken) = ([0u32; 2], 0, None);
    world.run(2 * S, |world| {
        for end in [0, 1] {
            let len = 4 + next[end] as usize * 91 % 400;
            let deadline_us = (next[end] % 4 == 3).then_some(world.now + 30 * MS);
            let options = SendOptions { deadline_us, ..SendOptions::default() };
            let stream = next[end] as usize % 2;
            if world.send_with(end, stream, &numbered(next[end], len), options).is_ok() {
                next[end] += 1;
            }
            if world.now < forge_until && taken.is_none() {
                let packet = forged(world, &mut random);
                match world.ends[end].channel.receive(&packet, world.now) {
                    Err(_) => refused += 1,
                    Ok(()) => taken = Some(world.now),
                }
            }
        }
        taken.is_some()
    });
    (world, refused, taken)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Two worlds of one seed, one of which gets packets that are refused, stay
    /// the same in all that can be seen.
    #[test]
    fn what_is_refused_changes_nothing(seed in 0u64..) {
        let (_, _, taken) = talk(seed, 2 * S);
        let (forged, refused, taken) = talk(seed, taken.unwrap_or(2 * S));
        let (plain, none, _) = talk(seed, 0);
        prop_assert!(taken.is_none() && none == 0);
        for (a, b) in forged.ends.iter().zip(&plain.ends) {
            prop_assert!(a.heard == b.heard, "after {refused} refusals");
            prop_assert_eq!((&a.acked, &a.expired), (&b.acked, &b.expired));
            prop_assert_eq!(a.channel.info(), b.channel.info());
            prop_assert_eq!(a.channel.wake_at(), b.channel.wake_at());
        }
    }

    /// Whatever a peer sends, and whatever is done meanwhile: no panic, and the
    /// channel goes on.
    #[test]
    fn any_packets_at_all(
        packets in prop::collection::vec(
            (0u8..60, prop::collection::vec(prop_oneof![0u8.., 0u8..8, 0x80u8..0x84, 0xc0u8..0xc4], 0..40)),
            0..80,
        ),
    ) {
        let mut channel = open_victim();
        let mut now = 0;
        for (number, frames) in packets {
            let before = channel.info();
            let taken = channel.receive(&[&[number], &frames[..]].concat(), now);
            if taken.is_err() {
                let after = channel.info();
                prop_assert_eq!(before, after);
            }
            let _ = channel.send(usize::from(number) % 2, &frames, SendOptions::default(), now);
            for (stream, _, bytes) in drain(&mut channel, now) {
                prop_assert!(stream < 2 && bytes.len() <= 100);
            }
            now += u64::from(number) * 7000;
        }
    }
}
