//! Every message arrives exactly once.

use neural_swarm::comm::channel::{ChannelConfig, ChannelOutput, SendOptions};

use crate::network::{Line, MS, S, World, numbered};

/// Sends `count` messages of `len(n)` bytes from end 0 as room allows, on
/// `stream(n)`, until all of them are acknowledged; answers when they are.
fn send_all(
    world: &mut World,
    count: u32,
    stream: impl Fn(u32) -> usize,
    len: impl Fn(u32) -> usize,
) -> u64 {
    let mut next = 0;
    let end = world.now + 100_000 * S;
    world.run(end, |world| {
        while next < count && world.send(0, stream(next), &numbered(next, len(next))).is_ok() {
            next += 1;
        }
        world.ends[0].acked.len() == count as usize
    });
    let done = world.now;
    let mut acked = world.ends[0].acked.clone();
    acked.sort_unstable();
    assert!(acked.into_iter().eq(0..u64::from(count)), "each is acknowledged once");
    world.settle(end);
    done
}

#[test]
fn ten_thousand_messages_arrive_once_and_in_order() {
    for seed in 0..3 {
        let mut world = World::pair(seed, Line::BAD, &ChannelConfig::default());
        send_all(&mut world, 10_000, |_| 0, |n| 4 + n as usize % 60);
        assert!(world.heard(1, 0).into_iter().eq(0..10_000));
        let info = world.ends[0].channel.info();
        assert!(info.packets_lost > 0 && world.ends[1].channel.info().packets_repeated > 0);
    }
}

#[test]
fn ten_thousand_messages_arrive_once_in_any_order() {
    let config = ChannelConfig { ordered: 0, unordered: 1, ..ChannelConfig::default() };
    for seed in 0..3 {
        let mut world = World::pair(seed, Line::BAD, &config);
        send_all(&mut world, 10_000, |_| 0, |n| 4 + n as usize % 60);
        let mut heard = world.heard(1, 0);
        assert!(!heard.is_sorted(), "what comes first is heard first");
        heard.sort_unstable();
        assert!(heard.into_iter().eq(0..10_000));
        // Numbers are the order of sending.
        assert!(world.ends[1].heard.iter().all(|(_, n, b)| b[..4] == (*n as u32).to_le_bytes()));
    }
}

#[test]
fn two_packets_of_five_get_lost() {
    let line = Line { loss: 40, ..Line::BAD };
    let config = ChannelConfig { mtu: 100, unordered: 1, ..ChannelConfig::default() };
    for seed in 0..5 {
        let mut world = World::pair(seed, line, &config);
        send_all(&mut world, 400, |n| n as usize % 2, |n| 4 + n as usize % 300);
        assert!(world.heard(1, 0).into_iter().eq((0..400).step_by(2)));
        let mut heard = world.heard(1, 1);
        heard.sort_unstable();
        assert!(heard.into_iter().eq((1..400).step_by(2)));
    }
}

#[test]
fn messages_as_large_as_the_buffers() {
    let config = ChannelConfig {
        mtu: 64,
        unordered: 1,
        send_buffer: 20_000,
        receive_buffer: 20_000,
        packets: 32,
        ..ChannelConfig::default()
    };
    let mut world = World::pair(1, Line::BAD, &config);
    let len = |n: u32| [20_000, 4, 7_000, 19_999, 65, 13_000][n as usize % 6];
    send_all(&mut world, 24, |n| n as usize / 12, len);
    assert!(world.heard(1, 0).into_iter().eq(0..12));
    assert_eq!(world.heard(1, 1).len(), 12);
}

#[test]
fn messages_without_bytes_are_messages() {
    let config = ChannelConfig { unordered: 1, ..ChannelConfig::default() };
    let mut world = World::pair(4, Line::BAD, &config);
    for n in 0..100 {
        world.send(0, n % 2, &[]).unwrap();
    }
    world.settle(1000 * S);
    let heard = &world.ends[1].heard;
    assert_eq!(heard.len(), 100);
    assert!(heard.iter().all(|(.., bytes)| bytes.is_empty()));
    let ordered: Vec<_> = heard.iter().filter(|(s, ..)| *s == 0).map(|(_, n, _)| *n).collect();
    assert!(ordered.into_iter().eq(0..50));
}

#[test]
fn both_directions_on_many_streams() {
    let config = ChannelConfig {
        mtu: 200,
        ordered: 40,
        unordered: 40,
        messages: 300,
        ..ChannelConfig::default()
    };
    let mut world = World::pair(9, Line::BAD, &config);
    let (mut sent, count) = ([0u32; 2], 2000);
    world.run(10_000 * S, |world| {
        for end in [0, 1] {
            while sent[end] < count
                && world.send(end, sent[end] as usize % 80, &numbered(sent[end], 50)).is_ok()
            {
                sent[end] += 1;
            }
        }
        world.ends.iter().all(|end| end.acked.len() == count as usize)
    });
    for end in [0, 1] {
        for stream in 0..80 {
            let mut heard = world.heard(end, stream);
            if stream >= 40 {
                heard.sort_unstable();
            }
            assert!(heard.into_iter().eq((stream as u32..count).step_by(80)));
        }
    }
    world.settle(20_000 * S);
}

#[test]
fn a_large_window_of_small_messages() {
    let config = ChannelConfig { messages: 2000, packets: 4000, ..ChannelConfig::default() };
    let line = Line { delay: 200 * MS, ..Line::GOOD };
    let mut world = World::pair(2, line, &config);
    let done = send_all(&mut world, 20_000, |_| 0, |_| 20);
    assert!(world.heard(1, 0).into_iter().eq(0..20_000));
    // 20,000 in windows of 2,000 a round trip of 400 ms, and slow start.
    assert!(done < 12 * S, "{done}");
}

#[test]
fn a_line_that_is_dead_for_a_while() {
    let mut world = World::pair(3, Line::GOOD, &ChannelConfig::default());
    let mut next = 0;
    for (loss, until) in [(0, S), (100, 600 * S), (0, 700 * S)] {
        world.lines.iter_mut().for_each(|line| line.loss = loss);
        let packets = world.ends[0].packets;
        world.run(until, |world| {
            while next < 3000 && world.send(0, 0, &numbered(next, 4000)).is_ok() {
                next += 1;
            }
            false
        });
        // It asks less and less often.
        let asked = world.ends[0].packets - packets;
        assert!(loss == 0 || (10..300).contains(&asked), "{asked}");
    }
    assert!(world.heard(1, 0).into_iter().eq(0..3000));
    world.settle(1000 * S);
}

#[test]
fn what_is_quiet_sends_nothing() {
    let mut world = World::pair(3, Line::GOOD, &ChannelConfig::default());
    world.settle(3600 * S);
    assert_eq!(world.ends[0].packets + world.ends[1].packets, 0);
    world.send(0, 0, b"once").unwrap();
    world.settle(3700 * S);
    let packets = world.ends[0].packets + world.ends[1].packets;
    // Who are you; who are you too; the message; its acknowledgement; and one for
    // the introductions.
    assert!(packets <= 6, "{packets}");
    world.settle(7200 * S);
    assert_eq!(packets, world.ends[0].packets + world.ends[1].packets);
}

#[test]
fn small_messages_share_a_packet() {
    let mut world = World::pair(3, Line::GOOD, &ChannelConfig::default());
    world.send(0, 0, b"first").unwrap();
    world.settle(S);
    let before = world.ends[0].packets;
    for n in 0..40 {
        world.send(0, 0, &numbered(n, 24)).unwrap();
    }
    world.settle(2 * S);
    assert!(world.ends[0].packets - before <= 2);
    assert_eq!(world.ends[1].heard.len(), 41);
}

#[test]
fn a_message_is_whole_at_the_first_try_on_a_good_line() {
    // One trip for each side's introduction, one for the message.
    let mut world = World::pair(3, Line::GOOD, &ChannelConfig::default());
    world.send(0, 0, b"quick").unwrap();
    world.run(S, |world| !world.ends[1].heard.is_empty());
    assert_eq!(world.now, 1 + 3 * Line::GOOD.delay);
    // The next one does not wait.
    let before = world.now;
    world.send(0, 0, b"quicker").unwrap();
    world.run(S, |world| world.ends[1].heard.len() == 2);
    assert_eq!(world.now, before + Line::GOOD.delay);
}

#[test]
fn the_round_trip_is_measured() {
    let mut world = World::pair(3, Line::GOOD, &ChannelConfig::default());
    for n in 0..50 {
        world.send(0, 0, &numbered(n, 100)).unwrap();
        let until = world.now + 100 * MS;
        world.run(until, |_| false);
    }
    let info = world.ends[0].channel.info();
    assert!((20 * MS..22 * MS).contains(&u64::from(info.rtt_us)), "{info:?}");
    assert!(u64::from(info.rtt_var_us) < MS && info.packets_lost == 0, "{info:?}");
}

#[test]
fn packets_may_be_handed_in_at_any_time_and_twice() {
    // Both ends by hand: the link's calls in an unusual order.
    let mut world = World::pair(0, Line::GOOD, &ChannelConfig::default());
    let [a, b] = &mut world.ends[..] else { panic!("two ends") };
    let (a, b) = (&mut a.channel, &mut b.channel);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut heard = 0;
    a.send(0, b"one", SendOptions::default(), 50).unwrap();
    // Time that goes back stands still.
    for now in [50, 40, 90, 10_000, 5, 20_000, 50_000, 90_000] {
        let mut buffer = [0; 1200];
        while let Some(output) = a.next(now, &mut buffer).unwrap() {
            if let ChannelOutput::Packet { len } = output {
                kept.push(buffer[..len].to_vec());
            }
        }
        for packet in kept.iter().rev() {
            b.receive(packet, now).unwrap();
        }
        while let Some(output) = b.next(now, &mut buffer).unwrap() {
            match output {
                ChannelOutput::Packet { len } => {
                    a.receive(&buffer[..len], now).unwrap();
                    a.receive(&buffer[..len], now).unwrap();
                }
                ChannelOutput::Message { bytes, .. } => {
                    assert_eq!(bytes, b"one");
                    heard += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!(heard, 1);
}
