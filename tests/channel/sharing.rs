//! Lines that are slower than what is sent: no collapse, and a share for each.

use neural_swarm::comm::channel::ChannelConfig;

use crate::network::{Line, MS, S, World, numbered};

const RATE: u64 = 50_000;

/// A line of 50,000 bytes a second; its queue takes a tenth of a second.
const NARROW: Line = Line { rate: RATE, queue: RATE / 10, delay: 20 * MS, ..Line::GOOD };

/// Runs `pairs` over one line each way for a minute; the bytes that each got
/// through in the second half.
fn share(seed: u64, pairs: usize, line: Line, config: &ChannelConfig<'_>) -> (Vec<usize>, World) {
    let mut world = World::new(seed, &[line, line]);
    for _ in 0..pairs {
        world.join(config, config, (0, 1));
    }
    let mut half = Vec::new();
    for until in [30 * S, 60 * S] {
        half = (0..pairs).map(|pair| world.ends[2 * pair + 1].heard.len()).collect();
        let mut next = vec![0u32; pairs];
        world.run(until, |world| {
            for (pair, next) in next.iter_mut().enumerate() {
                while world.send(2 * pair, 0, &numbered(*next, 500)).is_ok() {
                    *next += 1;
                }
            }
            false
        });
    }
    let heard = |pair: usize| world.ends[2 * pair + 1].heard.len();
    ((0..pairs).map(|pair| 500 * (heard(pair) - half[pair])).collect(), world)
}

#[test]
fn two_channels_share_a_narrow_line() {
    let config = ChannelConfig { mtu: 500, ..ChannelConfig::default() };
    for seed in 0..3 {
        let (bytes, world) = share(seed, 2, NARROW, &config);
        let (all, most) = (30 * RATE as usize, *bytes.iter().max().unwrap());
        // Heads of frames are no goodput, and queues overflow now and then.
        assert!(bytes.iter().sum::<usize>() * 100 > all * 80, "{bytes:?}");
        assert!(most * 100 < all * 75, "{bytes:?}");
        assert!(world.dropped > 0);
    }
}

#[test]
fn eight_channels_share_a_narrow_line_with_a_short_queue() {
    let config = ChannelConfig { mtu: 250, ..ChannelConfig::default() };
    let line = Line { queue: 2000, ..NARROW };
    let (bytes, world) = share(3, 8, line, &config);
    let all = 30 * RATE as usize;
    assert!(bytes.iter().sum::<usize>() * 100 > all * 65, "{bytes:?}");
    assert!(bytes.iter().all(|b| *b > all / 8 / 4), "{bytes:?}");
    // Few packets are in vain.
    let sent: u64 = world.ends.iter().step_by(2).map(|end| end.packets).sum();
    assert!(world.dropped * 100 < sent * 25, "{} of {sent}", world.dropped);
}

#[test]
fn one_channel_fills_a_line() {
    for pacing in [true, false] {
        let config = ChannelConfig { mtu: 500, pacing, ..ChannelConfig::default() };
        let (bytes, _) = share(1, 1, NARROW, &config);
        assert!(bytes[0] * 100 > 30 * RATE as usize * 85, "{bytes:?}");
    }
}

#[test]
fn a_radio_of_small_packets() {
    // 250 bytes a second, half a second of delay, packets of 51 bytes.
    let config = ChannelConfig {
        mtu: 51,
        send_buffer: 1000,
        receive_buffer: 1000,
        messages: 16,
        packets: 16,
        ack_delay_us: 1_000_000,
        initial_rtt_us: 2_000_000,
        ..ChannelConfig::default()
    };
    let line = Line { rate: 250, queue: 250, delay: 500 * MS, loss: 3, ..Line::GOOD };
    let mut world = World::pair(2, line, &config);
    let mut next = 0;
    world.run(600 * S, |world| {
        while world.send(0, 0, &numbered(next, 40)).is_ok() {
            next += 1;
        }
        false
    });
    let goodput = world.heard(1, 0).len() * 40;
    assert!(world.heard(1, 0).into_iter().eq(0..goodput as u32 / 40));
    assert!(goodput * 100 > 600 * 250 * 50, "{goodput}");
}

#[test]
fn pacing_spreads_packets() {
    // A window that is large by now is not sent in one go.
    let burst = |pacing: bool| {
        let config = ChannelConfig { mtu: 500, pacing, ..ChannelConfig::default() };
        let mut world = World::pair(1, Line { delay: 50 * MS, ..Line::GOOD }, &config);
        for n in 0..3 {
            for m in 0..60 {
                world.send(0, 0, &numbered(60 * n + m, 1000)).unwrap();
            }
            world.run(10 * S * u64::from(n + 1), |_| false);
        }
        assert!(world.ends[0].channel.info().window > 20_000);
        let before = world.ends[0].packets;
        for m in 0..60 {
            world.send(0, 0, &numbered(m, 1000)).unwrap();
        }
        world.pump();
        world.ends[0].packets - before
    };
    assert!(burst(true) <= 5);
    assert!(burst(false) > 30);
}
