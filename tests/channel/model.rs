//! Anything done in any order, over any network, on channels of any size, beside
//! a list of what was sent.

use neural_swarm::Error;
use neural_swarm::comm::channel::{ChannelConfig, SendOptions};
use proptest::prelude::*;

use crate::network::{Line, MS, S, World, numbered};

#[derive(Clone, Debug)]
enum Step {
    Send { end: usize, stream: usize, len: usize, priority: u8, deadline: Option<u64>, keep: bool },
    Run { ms: u64 },
    Pause { end: usize, stream: usize, paused: bool },
    Line { at: usize, loss: u64, reorder: u64, repeats: u64, rate: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![3 => Just(None), 1 => (1u64..300).prop_map(Some)];
    let len = prop_oneof![3 => 0usize..40, 1 => 0usize..900];
    prop_oneof![
        12 => (0usize..2, 0usize..5, len, 0u8..3, deadline, any::<bool>()).prop_map(
            |(end, stream, len, priority, deadline, keep)| Step::Send {
                end, stream, len, priority, deadline, keep,
            },
        ),
        4 => (0u64..400).prop_map(|ms| Step::Run { ms }),
        1 => (0usize..2, 0usize..5, any::<bool>())
            .prop_map(|(end, stream, paused)| Step::Pause { end, stream, paused }),
        1 => (0usize..2, prop_oneof![2 => 0u64..40, 1 => Just(100u64)], 0u64..60, 0u64..30, 0u64..3)
            .prop_map(|(at, loss, reorder, repeats, rate)| Step::Line {
                at, loss, reorder, repeats, rate: 2000 * rate,
            }),
    ]
}

/// Mtu, both buffers, messages, packets, pacing.
type Sizes = (usize, usize, usize, usize, usize, bool);

fn sizes() -> impl Strategy<Value = Sizes> {
    (48usize..300, 1usize..900, 1usize..900, 1usize..20, 4usize..30, any::<bool>())
}

fn config(sizes: Sizes) -> ChannelConfig<'static> {
    let (mtu, send_buffer, receive_buffer, messages, packets, pacing) = sizes;
    ChannelConfig {
        mtu,
        ordered: 2,
        unordered: 3,
        send_buffer,
        receive_buffer,
        messages,
        packets,
        pacing,
        ..ChannelConfig::default()
    }
}

/// What was sent: the stream and the bytes of each identifier.
type Sent = Vec<(usize, Vec<u8>)>;

fn send(world: &mut World, sent: &mut [Sent; 2], step: &Step) {
    let Step::Send { end, stream, len, priority, deadline, keep } = *step else { return };
    let deadline_us = deadline.map(|ms| world.now + ms * MS);
    let options = SendOptions { priority, deadline_us, keep_late: keep };
    // Short ones say nothing about themselves, and are checked in their place.
    let mut bytes = numbered(sent[end].len() as u32, len.max(4));
    bytes.truncate(len);
    match world.send_with(end, stream, &bytes, options) {
        Ok(id) => {
            assert_eq!(id, sent[end].len() as u64);
            sent[end].push((stream, bytes));
        }
        Err(error) => assert!([Error::Capacity, Error::CommTooLong].contains(&error), "{error}"),
    }
}

fn check(world: &World, sent: &[Sent; 2]) {
    for end in [0, 1] {
        let (from, to) = (&world.ends[end], &world.ends[1 - end]);
        let mut all = [&from.acked[..], &from.expired[..], &from.refused[..]].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..sent[end].len() as u64), "each message ends once");
        for stream in 0..5 {
            // What the peer has is what was acknowledged.
            let mut acked: Vec<u64> = from.acked.clone();
            acked.sort_unstable();
            let acked = acked.into_iter().filter(|id| sent[end][*id as usize].0 == stream);
            let mut expected: Vec<&[u8]> = acked.map(|id| &sent[end][id as usize].1[..]).collect();
            let heard = to.heard.iter().filter(|(s, ..)| *s == stream);
            let mut numbers: Vec<u64> = heard.clone().map(|(_, number, _)| *number).collect();
            let mut heard: Vec<&[u8]> = heard.map(|(.., bytes)| &bytes[..]).collect();
            if stream >= 2 {
                expected.sort_unstable();
                heard.sort_unstable();
                numbers.sort_unstable();
            }
            assert_eq!(heard, expected);
            assert!(numbers.windows(2).all(|two| two[0] < two[1]), "no number comes twice");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_message_ends_once_and_as_it_is_told(
        seed in 0u64..,
        sizes in (sizes(), sizes()),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let configs = [config(sizes.0), config(sizes.1)];
        let mut world = World::new(seed, &[Line::BAD, Line::BAD]);
        world.join(&configs[0], &configs[1], (0, 1));
        let mut sent = [Vec::new(), Vec::new()];
        for step in &steps {
            match *step {
                Step::Send { .. } => send(&mut world, &mut sent, step),
                Step::Run { ms } => {
                    let end = world.now + ms * MS;
                    world.run(end, |_| false);
                }
                Step::Pause { end, stream, paused } => {
                    world.ends[end].channel.pause(stream, paused).unwrap();
                }
                Step::Line { at, loss, reorder, repeats, rate } => {
                    world.lines[at] =
                        Line { loss, reorder, repeats, rate, queue: 2000, ..Line::GOOD };
                }
            }
        }
        // All is well again, and everybody takes what is there.
        world.lines = vec![Line::GOOD; 2];
        for end in &mut world.ends {
            (0..5).for_each(|stream| end.channel.pause(stream, false).unwrap());
        }
        let end = world.now + 1000 * S;
        world.settle(end);
        check(&world, &sent);
        // And everything is free again.
        for end in [0, 1] {
            let config = configs[end];
            prop_assert_eq!(world.ends[end].channel.info().room, Some(config.send_buffer));
            prop_assert_eq!(world.ends[end].channel.info().in_flight, 0);
        }
    }
}
