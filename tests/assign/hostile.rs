//! Messages that are none, and calls that cannot be.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;
use proptest::prelude::*;

use super::ignore;

fn agent(id: u64) -> Cbba<'static> {
    let config = CbbaConfig { agent: id, tasks: 8, agents: 3, bundle: 3, ..CbbaConfig::default() };
    let mut agent = Cbba::new(&config, Heap).unwrap();
    for id in 0..5 {
        agent.add_task(&CbbaTask { id, value: 1.0 + id as f64, ..CbbaTask::default() }, 0).unwrap();
    }
    agent
}

fn priced(id: u64) -> PriceAuction<'static> {
    let config =
        PriceConfig { agent: id, tasks: 8, agents: 3, capacity: 2, ..PriceConfig::default() };
    let mut agent = PriceAuction::new(&config, Heap).unwrap();
    (0..5).for_each(|t| agent.add_task(t, 1.0 + t as f64, 0).unwrap());
    agent
}

fn message(agent: &mut Cbba<'_>) -> Vec<u8> {
    let mut out = vec![0; agent.most_bytes()];
    let len = agent.next_message(agent.next_wake_us(), &mut out).unwrap().unwrap();
    out.truncate(len);
    out
}

fn beliefs(agent: &Cbba<'_>) -> Vec<Option<u64>> {
    (0..5).map(|t| agent.winner(t).unwrap()).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_borne(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8)) {
        let (mut bundles, mut prices) = (agent(1), priced(1));
        for bytes in &messages {
            let before = beliefs(&bundles);
            if bundles.step(bytes, 5).is_err() {
                prop_assert_eq!(beliefs(&bundles), before);
            }
            let _ = prices.step(bytes, 5);
            prop_assert!(prices.tasks().count() <= 2);
        }
        let mut out = [0; 4096];
        bundles.next_message(u64::MAX, &mut out).unwrap().unwrap();
        prices.next_message(u64::MAX, &mut out).unwrap().unwrap();
    }

    #[test]
    fn damaged_messages_are_borne(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (mut a, mut b) = (agent(1), agent(2));
        let mut bytes = message(&mut a);
        for (at, xor) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
        }
        let _ = b.step(&bytes, 5);
        let path: Vec<u64> = b.path().collect();
        prop_assert!(path.len() <= 3 && path.iter().all(|task| b.winner(*task) == Ok(Some(2))));
    }

    #[test]
    fn damaged_offers_give_nobody_more_than_it_takes(
        rounds in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), 1..12)
    ) {
        let mut agents = [priced(1), priced(2)];
        let mut out = [0; 4096];
        for (k, flips) in rounds.iter().enumerate() {
            let (from, now) = (k % 2, 1_000_000 * k as u64);
            let len = agents[from].next_message(now, &mut out).unwrap().unwrap();
            for (at, xor) in flips {
                out[at.index(len)] ^= xor;
            }
            let round = agents[1 - from].round();
            if agents[1 - from].step(&out[..len], now).is_err() {
                prop_assert_eq!(agents[1 - from].round(), round);
            }
            prop_assert!(agents.iter().all(|agent| agent.tasks().count() <= 2));
        }
    }

    #[test]
    fn calls_in_any_order_leave_it_sound(calls in prop::collection::vec((0..6u8, 0..9u64, 0..4u64), 1..80)) {
        let (mut a, mut b) = (agent(1), agent(2));
        for (now, (what, task, who)) in calls.into_iter().enumerate() {
            let now = 100_000 * now as u64;
            let agent = if who % 2 == 0 { &mut a } else { &mut b };
            match what {
                0 => ignore(agent.add_task(&CbbaTask { id: task, value: who as f64, ..CbbaTask::default() }, now)),
                1 => ignore(agent.remove_task(task, now)),
                2 => ignore(agent.lose(who, now)),
                _ => {
                    let mut out = [0; 4096];
                    if let Some(len) = agent.next_message(now, &mut out).unwrap() {
                        let other = if who % 2 == 0 { &mut b } else { &mut a };
                        other.step(&out[..len], now).unwrap();
                    }
                }
            }
            for (id, agent) in [(1, &a), (2, &b)] {
                let path: Vec<u64> = agent.path().collect();
                let own = (0..9).filter(|t| agent.winner(*t) == Ok(Some(id))).count();
                prop_assert_eq!(own, path.len());
                prop_assert!(path.iter().all(|t| agent.winner(*t) == Ok(Some(id))));
            }
        }
    }
}

#[test]
fn what_is_not_whole_is_refused() {
    let (mut a, mut b) = (agent(1), agent(2));
    let bytes = message(&mut a);
    for len in 0..bytes.len() {
        assert_eq!(b.step(&bytes[..len], 0), Err(Error::TaskFormat), "{len}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(b.step(&longer, 0), Err(Error::TaskFormat));
    let mut other = bytes.clone();
    other[0] += 1;
    assert_eq!(b.step(&other, 0), Err(Error::TaskFormat), "another version");
    assert_eq!(priced(2).step(&bytes, 0), Err(Error::TaskFormat), "another kind of auction");
    assert_eq!(a.step(&bytes, 0), Ok(Heard::Old), "its own");
    assert_eq!(b.step(&bytes, 0), Ok(Heard::Changed));
    assert_eq!(b.step(&bytes, 0), Ok(Heard::Nothing), "the same again");
}

#[test]
fn what_is_full_says_so_and_changes_nothing() {
    let mut a = agent(1);
    (2..4).for_each(|id| assert!(a.step(&message(&mut agent(id)), 0).is_ok()));
    let before = beliefs(&a);
    assert_eq!(a.step(&message(&mut agent(0)), 0), Err(Error::Capacity));
    assert_eq!(beliefs(&a), before);
    for id in 5..8 {
        a.add_task(&CbbaTask { id, ..CbbaTask::default() }, 0).unwrap();
    }
    assert_eq!(a.add_task(&CbbaTask { id: 8, ..CbbaTask::default() }, 0), Err(Error::Capacity));
    assert_eq!(a.add_task(&CbbaTask { id: 7, ..CbbaTask::default() }, 0), Err(Error::TaskState));
    assert_eq!(
        a.add_task(&CbbaTask { id: 9, value: f64::NAN, ..CbbaTask::default() }, 0),
        Err(Error::Invalid)
    );
    assert_eq!(a.remove_task(99, 0), Err(Error::TaskUnknown));
    assert_eq!(a.winner(99), Err(Error::TaskUnknown));
    assert_eq!(a.lose(99, 0), Err(Error::TaskUnknown));
    let mut small = [0; 10];
    assert_eq!(a.next_message(u64::MAX, &mut small), Err(Error::BufferTooSmall));
    assert!(a.next_message(u64::MAX, &mut vec![0; a.most_bytes()]).unwrap().is_some());
    let other = CbbaConfig {
        auction: 1,
        agent: 3,
        tasks: 8,
        agents: 3,
        bundle: 3,
        ..CbbaConfig::default()
    };
    let mut other = Cbba::new(&other, Heap).unwrap();
    assert_eq!(a.step(&message(&mut other), 0), Err(Error::TaskUnknown));
}

#[test]
fn configurations_outside_their_ranges_are_refused() {
    let fine = CbbaConfig::default();
    assert!(Cbba::footprint(&fine).is_ok());
    let bad = [
        CbbaConfig { tasks: 0, ..fine },
        CbbaConfig { agents: 0, ..fine },
        CbbaConfig { bundle: 33, ..fine },
        CbbaConfig { agent: u64::MAX, ..fine },
        CbbaConfig { speed: 0.0, ..fine },
        CbbaConfig { discount: f64::NAN, ..fine },
        CbbaConfig { pace_us: 0, ..fine },
        CbbaConfig { repeat_us: 1, ..fine },
        CbbaConfig { lost_us: 1, ..fine },
    ];
    assert!(bad.iter().all(|config| Cbba::footprint(config) == Err(Error::Invalid)));
    let fine = PriceConfig::default();
    assert!(PriceAuction::footprint(&fine).is_ok());
    let bad = [PriceConfig { epsilon: 0.0, ..fine }, PriceConfig { tasks: 1 << 20, ..fine }];
    assert!(bad.iter().all(|config| PriceAuction::footprint(config) == Err(Error::Invalid)));
}

#[test]
fn an_auction_of_prices_refuses_what_cannot_be() {
    let mut agent = priced(1);
    assert_eq!(agent.add_task(0, 1.0, 0), Err(Error::TaskState));
    for value in [-1.0, f64::NAN, 1e31] {
        assert_eq!(agent.add_task(9, value, 0), Err(Error::Invalid));
    }
    (5..8).for_each(|t| agent.add_task(t, 1.0, 0).unwrap());
    assert_eq!(agent.add_task(9, 1.0, 0), Err(Error::Capacity));
    assert_eq!(agent.remove_task(9, 0), Err(Error::TaskUnknown));
    assert_eq!(agent.winner(9), Err(Error::TaskUnknown));
    assert_eq!(agent.lose(9, 0), Err(Error::TaskUnknown));
    assert_eq!(agent.lose(1, 0), Err(Error::TaskUnknown), "oneself");
    let mut out = vec![0; agent.most_bytes()];
    assert_eq!(agent.next_message(0, &mut out[..5]), Err(Error::BufferTooSmall));
    let len = agent.next_message(0, &mut out).unwrap().unwrap();
    assert_eq!(agent.next_message(0, &mut out), Ok(None));
    assert_eq!(agent.step(&out[..len], 0), Ok(Heard::Old), "its own");
    assert_eq!(self::agent(2).step(&out[..len], 0), Err(Error::TaskFormat), "another kind");
    let config = PriceConfig { auction: 7, agent: 2, ..PriceConfig::default() };
    let mut other = PriceAuction::new(&config, Heap).unwrap();
    assert_eq!(other.step(&out[..len], 0), Err(Error::TaskUnknown));
    let config = PriceConfig { tasks: 2, agent: 2, ..PriceConfig::default() };
    let mut small = PriceAuction::new(&config, Heap).unwrap();
    assert_eq!(
        small.step(&out[..len], 0),
        Err(Error::TaskFormat),
        "more tasks than it has room for"
    );
    // The message of a round that is over is old.
    agent.remove_task(7, 1).unwrap();
    let mut late = priced(2);
    late.step(&out[..len], 1).unwrap();
    let len = late.next_message(1, &mut out).unwrap().unwrap();
    assert_eq!((agent.step(&out[..len], 1), agent.round()), (Ok(Heard::Old), 1));
    let fine = PriceConfig::default();
    for bad in [
        PriceConfig { agents: 0, ..fine },
        PriceConfig { agents: 65_536, ..fine },
        PriceConfig { tasks: 0, ..fine },
        PriceConfig { agent: u64::MAX, ..fine },
        PriceConfig { epsilon: f32::NAN, ..fine },
        PriceConfig { epsilon: f32::INFINITY, ..fine },
        PriceConfig { pace_us: 0, ..fine },
        PriceConfig { lost_us: 1, ..fine },
    ] {
        assert_eq!(PriceAuction::footprint(&bad), Err(Error::Invalid));
    }
}

#[test]
fn without_a_place_or_a_gain_nothing_is_offered() {
    let config = PriceConfig { capacity: 0, ..PriceConfig::default() };
    let mut none = PriceAuction::new(&config, Heap).unwrap();
    none.add_task(1, 5.0, 0).unwrap();
    let mut idle = PriceAuction::new(&PriceConfig { agent: 1, ..config }, Heap).unwrap();
    idle.add_task(1, 0.0, 0).unwrap();
    for agent in [&mut none, &mut idle] {
        agent.next_message(0, &mut [0; 200]).unwrap().unwrap();
        assert_eq!((agent.tasks().count(), agent.winner(1)), (0, Ok(None)));
    }
}
