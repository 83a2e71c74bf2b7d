//! Buffers, and what does not fit: an error or a wait, never a loss.

use neural_swarm::Error;
use neural_swarm::comm::channel::{Channel, ChannelConfig, ChannelOutput, SendOptions};
use neural_swarm::port::{Arena, Heap};

use crate::network::{Line, MS, S, World, numbered};

fn small() -> ChannelConfig<'static> {
    ChannelConfig {
        mtu: 64,
        ordered: 1,
        unordered: 1,
        send_buffer: 512,
        receive_buffer: 512,
        messages: 8,
        packets: 8,
        ..ChannelConfig::default()
    }
}

#[test]
fn a_small_channel_takes_two_kilobytes() {
    let size = Channel::footprint(&small()).unwrap().size();
    let whole = size + size_of::<Channel<'_>>();
    assert!(size <= 1950 && whole <= 2650, "{size} and {whole} bytes");
    // And what each message and each packet takes.
    let more = |change: fn(&mut ChannelConfig<'_>)| {
        let mut config = small();
        change(&mut config);
        Channel::footprint(&config).unwrap().size() - size
    };
    assert!(more(|c| c.messages += 8) / 8 <= 66);
    assert!(more(|c| c.packets += 16) / 16 <= 24);
    assert!(more(|c| c.unordered += 8) / 8 <= 40);
    assert_eq!(more(|c| c.send_buffer += 800), 800);
    assert!(more(|c| c.receive_buffer += 800) <= 904);
}

#[test]
fn a_small_channel_in_an_arena_does_all_that_a_large_one_does() {
    let mut memory = [core::mem::MaybeUninit::uninit(); 4200];
    let arena = Arena::new(&mut memory);
    let mut a = Channel::new(&small(), &arena).unwrap();
    let mut b = Channel::new(&small(), &arena).unwrap();
    let (mut next, mut heard, mut now, mut buffer) = (0u32, 0u32, 0, [0; 64]);
    while heard < 500 {
        while a.send(0, &next.to_le_bytes(), SendOptions::default(), now).is_ok() {
            next += 1;
        }
        while let Some(output) = a.next(now, &mut buffer).unwrap() {
            if let ChannelOutput::Packet { len } = output {
                b.receive(&buffer[..len], now).unwrap();
            }
        }
        while let Some(output) = b.next(now, &mut buffer).unwrap() {
            match output {
                ChannelOutput::Packet { len } => a.receive(&buffer[..len], now).unwrap(),
                ChannelOutput::Message { bytes, .. } => {
                    assert_eq!(bytes, heard.to_le_bytes());
                    heard += 1;
                }
                output => panic!("{output:?}"),
            }
        }
        now += 5 * MS;
    }
}

#[test]
fn settings_outside_their_range_are_refused() {
    let good = small();
    let bad: [fn(&mut ChannelConfig<'_>); 14] = [
        |c| c.mtu = 47,
        |c| c.mtu = 65_536,
        |c| (c.ordered, c.unordered) = (0, 0),
        |c| (c.ordered, c.unordered) = (1000, 25),
        |c| (c.ordered, c.unordered) = (usize::MAX, usize::MAX),
        |c| c.send_buffer = 0,
        |c| c.send_buffer = (1 << 28) + 1,
        |c| c.receive_buffer = 0,
        |c| c.receive_buffer = usize::MAX,
        |c| c.messages = 0,
        |c| c.messages = 16_385,
        |c| c.packets = 3,
        |c| c.ack_delay_us = 10_000_001,
        |c| c.initial_rtt_us = 0,
    ];
    for change in bad {
        let mut config = good;
        change(&mut config);
        assert_eq!(Channel::footprint(&config).err(), Some(Error::Invalid));
        assert_eq!(Channel::new(&config, Heap).err(), Some(Error::Invalid));
    }
    let mut memory = [core::mem::MaybeUninit::uninit(); 1000];
    assert_eq!(Channel::new(&good, &Arena::new(&mut memory)).err(), Some(Error::OutOfMemory));
}

#[test]
fn what_does_not_fit_is_refused_and_room_is_told() {
    let mut world = World::pair(5, Line::BAD, &small());
    assert_eq!(world.send(0, 2, b"no such stream"), Err(Error::Invalid));
    assert_eq!(world.send(0, 0, &[0; 513]), Err(Error::CommTooLong));
    // Bytes.
    assert_eq!(world.send(0, 0, &numbered(0, 300)), Ok(0));
    for _ in 0..3 {
        assert_eq!(world.send(0, 0, &numbered(9, 213)), Err(Error::Capacity));
    }
    assert_eq!(world.ends[0].channel.info().room, Some(212));
    assert_eq!(world.send(0, 0, &numbered(1, 212)), Ok(1));
    // A message without bytes has room, until there are eight.
    for n in 2..8 {
        assert_eq!(world.send(0, 1, &[]), Ok(n));
    }
    assert_eq!(world.send(0, 1, &[]), Err(Error::Capacity));
    assert_eq!(world.ends[0].channel.info().room, None);
    world.settle(100 * S);
    assert_eq!(world.ends[0].rooms, 1);
    assert_eq!(world.heard(1, 0), [0, 1]);
    assert_eq!(world.ends[1].heard.len(), 8);
    // Once only.
    world.settle(200 * S);
    assert_eq!(world.ends[0].rooms, 1);
    // There is room for the last that was refused, not for any.
    world.send(0, 0, &numbered(2, 256)).unwrap();
    world.send(0, 0, &numbered(3, 256)).unwrap();
    assert_eq!(world.send(0, 0, &[0; 512]), Err(Error::Capacity));
    world.run(300 * S, |world| world.ends[0].rooms == 2);
    assert_eq!(world.ends[0].acked.len(), 10);
    // A message that is taken on is no reason any more.
    world.send(0, 0, &[0; 512]).unwrap();
    assert_eq!(world.send(0, 0, &[0; 1]), Err(Error::Capacity));
    assert!(world.send(0, 1, &[]).is_ok());
    world.settle(400 * S);
    assert_eq!(world.ends[0].rooms, 2);
}

#[test]
fn full_buffers_on_both_sides_lose_nothing() {
    for seed in 0..5 {
        let mut world = World::pair(seed, Line::BAD, &small());
        let mut sent = [0u32; 2];
        // Nobody takes anything: both send buffers fill up, and stay full.
        for end in &mut world.ends {
            end.channel.pause(0, true).unwrap();
            end.channel.pause(1, true).unwrap();
        }
        let send = |world: &mut World, sent: &mut [u32; 2]| {
            for end in [0, 1] {
                let (stream, len) = (sent[end] as usize % 2, 4 + sent[end] as usize * 37 % 250);
                while world.send(end, stream, &numbered(sent[end], len)).is_ok() {
                    sent[end] += 1;
                }
            }
        };
        world.run(100 * S, |world| {
            send(world, &mut sent);
            false
        });
        let (before, packets) = (sent, world.ends[0].packets + world.ends[1].packets);
        assert!(world.ends.iter().all(|end| end.heard.is_empty()));
        // Two buffers full, and no more; and it is quiet.
        assert!(sent.iter().all(|n| (8..=16).contains(n)), "{sent:?}");
        world.run(1000 * S, |world| {
            send(world, &mut sent);
            false
        });
        assert_eq!((before, packets), (sent, world.ends[0].packets + world.ends[1].packets));
        for end in &mut world.ends {
            end.channel.pause(0, false).unwrap();
            end.channel.pause(1, false).unwrap();
        }
        world.run(2000 * S, |world| {
            if sent[0] < 300 {
                send(world, &mut sent);
            }
            false
        });
        world.settle(3000 * S);
        for end in [0, 1] {
            let mut heard = [world.heard(1 - end, 0), world.heard(1 - end, 1)].concat();
            assert!(world.heard(1 - end, 0).is_sorted());
            heard.sort_unstable();
            assert!(heard.into_iter().eq(0..sent[end]));
        }
    }
}

#[test]
fn a_paused_stream_leaves_the_others_alone() {
    let mut world = World::pair(5, Line::BAD, &small());
    world.ends[1].channel.pause(0, true).unwrap();
    assert_eq!(world.ends[1].channel.pause(2, true), Err(Error::Invalid));
    world.send(0, 0, &numbered(0, 100)).unwrap();
    let mut next = 0;
    world.run(100 * S, |world| {
        while next < 200 && world.send(0, 1, &numbered(next, 50)).is_ok() {
            next += 1;
        }
        world.heard(1, 1).len() == 200
    });
    assert_eq!((world.heard(1, 0).len(), world.heard(1, 1).len()), (0, 200));
    world.ends[1].channel.pause(0, false).unwrap();
    world.settle(200 * S);
    assert_eq!(world.heard(1, 0), [0]);
}

#[test]
fn ends_of_different_sizes() {
    let large = ChannelConfig { ordered: 1, unordered: 1, ..ChannelConfig::default() };
    for seed in 0..4 {
        let mut world = World::new(seed, &[Line::BAD, Line::BAD]);
        world.join(&small(), &large, (0, 1));
        let mut sent = [0u32; 2];
        world.run(1000 * S, |world| {
            for end in [0, 1] {
                while sent[end] < 500
                    && world
                        .send(end, 0, &numbered(sent[end], 4 + sent[end] as usize % 500))
                        .is_ok()
                {
                    sent[end] += 1;
                }
            }
            world.ends.iter().all(|end| end.heard.len() == 500)
        });
        world.settle(2000 * S);
        assert!(world.heard(0, 0).into_iter().eq(0..500));
        assert!(world.heard(1, 0).into_iter().eq(0..500));
        // By now both know the other.
        assert_eq!(world.send(1, 0, &[0; 513]), Err(Error::CommTooLong));
    }
}

#[test]
fn what_the_peer_could_never_take_is_told() {
    let large = ChannelConfig { ordered: 1, unordered: 1, ..ChannelConfig::default() };
    let mut world = World::new(1, &[Line::BAD, Line::BAD]);
    world.join(&large, &small(), (0, 1));
    for n in 0..6 {
        world.send(0, 0, &numbered(n, if n % 2 == 0 { 513 } else { 512 })).unwrap();
    }
    world.settle(100 * S);
    assert_eq!(
        (&world.ends[0].refused[..], &world.ends[0].acked[..]),
        (&[0, 2, 4][..], &[1, 3, 5][..])
    );
    assert_eq!(world.heard(1, 0), [1, 3, 5]);
    // The numbers have no holes.
    assert!(world.ends[1].heard.iter().map(|(_, n, _)| *n).eq(0..3));
}

#[test]
fn a_buffer_that_is_too_short_loses_nothing() {
    let mut a = Channel::new(&small(), Heap).unwrap();
    assert_eq!(a.next(0, &mut []), Ok(None));
    a.send(0, b"x", SendOptions::default(), 0).unwrap();
    let mut buffer = [0; 64];
    for _ in 0..3 {
        assert_eq!(a.next(0, &mut buffer[..63]), Err(Error::BufferTooSmall));
        assert_eq!(a.wake_at(), 0);
    }
    assert!(matches!(a.next(0, &mut buffer), Ok(Some(ChannelOutput::Packet { .. }))));
    assert_eq!(a.next(0, &mut []), Ok(None));
}
