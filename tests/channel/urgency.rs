//! Priorities, fairness, deadlines.

use neural_swarm::Error;
use neural_swarm::comm::channel::{ChannelConfig, SendOptions};

use crate::network::{Line, MS, S, World, numbered};

/// A line of 10,000 bytes a second.
const SLOW: Line = Line { rate: 10_000, queue: 500, ..Line::GOOD };

fn config() -> ChannelConfig<'static> {
    ChannelConfig { mtu: 120, ordered: 3, unordered: 3, ..ChannelConfig::default() }
}

fn priority(priority: u8) -> SendOptions {
    SendOptions { priority, ..SendOptions::default() }
}

fn until(deadline_us: u64) -> SendOptions {
    SendOptions { deadline_us: Some(deadline_us), ..SendOptions::default() }
}

#[test]
fn the_urgent_overtakes() {
    let mut world = World::pair(1, SLOW, &config());
    for n in 0..100 {
        world.send_with(0, 3, &numbered(n, 400), priority(1)).unwrap();
    }
    world.run(S, |_| false);
    let early = world.heard(1, 3).len();
    assert!((5..60).contains(&early), "{early}");
    world.send_with(0, 0, &numbered(1000, 400), priority(9)).unwrap();
    world.send_with(0, 1, &numbered(2000, 400), priority(5)).unwrap();
    world.run(100 * S, |world| world.ends[1].heard.len() == early + 3);
    // What was on its way, and what was begun by then.
    let order: Vec<usize> = world.ends[1].heard[early..].iter().map(|(s, ..)| *s).collect();
    assert!(order.iter().position(|s| *s == 0) < order.iter().position(|s| *s == 1));
    world.settle(200 * S);
    let place = |stream| world.ends[1].heard.iter().position(|(s, ..)| *s == stream).unwrap();
    assert!(place(0) <= early + 4 && place(1) <= early + 5, "{early}: {} {}", place(0), place(1));
    assert_eq!(world.ends[1].heard.len(), 102);
}

#[test]
fn an_ordered_stream_lets_nothing_overtake_but_hurries_all_before_it() {
    let mut world = World::pair(1, SLOW, &config());
    for n in 0..40 {
        world.send(0, 1, &numbered(n, 400)).unwrap();
    }
    for n in 0..10 {
        world.send(0, 0, &numbered(n, 400)).unwrap();
    }
    world.send_with(0, 0, &numbered(10, 400), priority(3)).unwrap();
    world.settle(1000 * S);
    assert!(world.heard(1, 0).into_iter().eq(0..11));
    // Those before the urgent one were as urgent.
    let last = world.ends[1].heard.iter().rposition(|(s, ..)| *s == 0).unwrap();
    assert!(last < 16, "{last}");
}

#[test]
fn streams_of_one_priority_share_bytes_fairly() {
    let mut world = World::pair(1, SLOW, &config());
    let (len, most) = ([2000, 40, 400], [10, 80, 20]);
    let mut next = [0u32; 3];
    world.run(40 * S, |world| {
        for stream in 0..3 {
            // Each has something to send all the time.
            let heard = world.ends[1].heard.iter().filter(|(s, ..)| *s == stream).count();
            while (next[stream] as usize) - heard < most[stream]
                && world.send(0, stream, &numbered(next[stream], len[stream])).is_ok()
            {
                next[stream] += 1;
            }
        }
        false
    });
    let bytes = [0, 1, 2].map(|stream| world.heard(1, stream).len() * len[stream]);
    let (least, most) = (bytes.iter().min().unwrap(), bytes.iter().max().unwrap());
    assert!(*least > 80_000 && least * 100 > most * 80, "{bytes:?}");
}

#[test]
fn the_nearest_deadline_goes_first() {
    let mut world = World::pair(1, Line { delay: 1, ..SLOW }, &config());
    world.send(0, 0, b"hello").unwrap();
    world.settle(10 * S);
    let late = SendOptions { keep_late: true, ..until(70 * S) };
    for (n, options) in
        [(0, SendOptions::default()), (1, until(90 * S)), (2, late), (3, until(80 * S))]
    {
        world.send_with(0, 3, &numbered(n, 300), options).unwrap();
    }
    // An ordered stream keeps its order.
    for (n, deadline) in [(0, 90), (1, 80)] {
        world.send_with(0, 1, &numbered(n, 300), until(deadline * S)).unwrap();
    }
    world.settle(60 * S);
    assert_eq!(world.heard(1, 3), [2, 3, 1, 0]);
    assert_eq!(world.heard(1, 1), [0, 1]);
}

#[test]
fn the_expired_is_dropped_at_both_ends() {
    for seed in 0..20 {
        let line = Line { loss: 10, repeats: 5, reorder: 20, ..SLOW };
        let mut world = World::pair(seed, line, &config());
        assert_eq!(world.send_with(0, 0, b"late", until(0)), Err(Error::CommExpired));
        // Far more than a second's worth, large and small, ordered and not.
        for n in 0..60u32 {
            let deadline = u64::from(n % 5) * 400 * MS + 100 * MS;
            let options = if n % 3 == 0 { SendOptions::default() } else { until(deadline) };
            let len = if n % 2 == 0 { 900 } else { 200 };
            world.send_with(0, n as usize % 6, &numbered(n, len), options).unwrap();
        }
        world.settle(1000 * S);
        let end = &world.ends[0];
        let mut all = [&end.acked[..], &end.expired[..]].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..60), "each ends once");
        assert!(end.expired.len() > 10 && end.expired.iter().all(|id| id % 3 != 0));
        // What is acknowledged was heard, and what expired was not.
        let mut heard: Vec<u64> = (0..6).flat_map(|s| world.heard(1, s)).map(u64::from).collect();
        assert!((0..3).all(|s| world.heard(1, s).is_sorted()));
        heard.sort_unstable();
        let mut acked = end.acked.clone();
        acked.sort_unstable();
        assert_eq!(heard, acked);
        // And the places are free again, on both sides.
        for n in 0..200u32 {
            while world.send(0, n as usize % 6, &numbered(n, 1000)).is_err() {
                let end = world.now + S;
                world.run(end, |_| false);
            }
        }
        world.settle(2000 * S);
        assert_eq!(world.ends[0].acked.len() + world.ends[0].expired.len(), 260);
    }
}

#[test]
fn an_expired_message_blocks_no_ordered_stream() {
    let mut world = World::pair(1, Line { loss: 0, ..SLOW }, &config());
    world.send(0, 0, b"hello").unwrap();
    world.settle(S);
    // It is begun, but ten seconds long.
    world.send_with(0, 0, &numbered(0, 50_000), until(2 * S)).unwrap();
    world.send(0, 0, &numbered(1, 100)).unwrap();
    world.run(1900 * MS, |_| false);
    assert_eq!((world.ends[0].expired.len(), world.ends[1].heard.len()), (0, 1));
    world.run(3 * S, |_| false);
    assert_eq!((&world.ends[0].expired[..], &world.ends[0].acked[..]), (&[1][..], &[0, 2][..]));
    assert_eq!(world.ends[1].heard[1].1, 2);
    world.settle(10 * S);
}

#[test]
fn a_deadline_does_not_take_back_what_was_sent() {
    // All of it is on its way when the line dies; it arrives in the end.
    let mut world = World::pair(1, Line::GOOD, &config());
    world.send(0, 0, b"hello").unwrap();
    world.settle(S);
    world.lines[0].loss = 100;
    let deadline = world.now + 100 * MS;
    world.send_with(0, 0, &numbered(7, 100), until(deadline)).unwrap();
    world.run(5 * S, |_| false);
    assert_eq!(world.ends[0].expired.len() + world.ends[1].heard.len(), 1);
    world.lines[0].loss = 0;
    world.settle(100 * S);
    assert_eq!((world.ends[0].expired.len(), world.ends[0].acked.len()), (0, 2));
    assert_eq!(world.ends[1].heard.len(), 2);
}

#[test]
fn a_deadline_wakes_up_by_itself() {
    let mut world = World::pair(1, Line { loss: 100, ..Line::GOOD }, &config());
    world.send_with(0, 0, b"never", until(700 * MS)).unwrap();
    world.run(60 * S, |world| !world.ends[0].expired.is_empty());
    assert_eq!(world.now, 700 * MS);
    assert_eq!(world.ends[0].channel.info().messages, 0);
}
