//! Agents that are lost, come back, forget, or are told what cannot be.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;

use super::Random;
use super::network::*;

const SECOND: u64 = 1_000_000;
const LEAP: u64 = 1 << 32;
const NOBODY: u64 = u64::MAX;

/// A message as docs/auction-format.md has it; its own way, not the library's.
struct Forged {
    kind: u8,
    sender: u64,
    stamp: u64,
    round: u64,
    claims: Vec<(u64, u64, f32)>,
    stamps: Vec<(u64, u64)>,
}

impl Forged {
    fn bundles(sender: u64, stamp: u64) -> Forged {
        Forged { kind: 0, sender, stamp, round: 0, claims: Vec::new(), stamps: Vec::new() }
    }

    fn prices(sender: u64, stamp: u64, round: u64) -> Forged {
        Forged { kind: 1, round, ..Forged::bundles(sender, stamp) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![1, self.kind];
        let counts = [self.claims.len() as u64, self.stamps.len() as u64];
        for x in [0, self.sender, self.stamp, self.round].into_iter().chain(counts) {
            number(&mut out, x);
        }
        for (task, winner, bid) in &self.claims {
            number(&mut out, *task);
            number(&mut out, *winner);
            out.extend(bid.to_le_bytes());
        }
        for (agent, stamp) in &self.stamps {
            number(&mut out, *agent);
            number(&mut out, *stamp);
        }
        out
    }
}

fn number(out: &mut Vec<u8>, mut x: u64) {
    while x >= 128 {
        out.push(x as u8 | 128);
        x >>= 7;
    }
    out.push(x as u8);
}

fn priced(agent: u64, values: &[f64]) -> PriceAuction<'static> {
    let config = PriceConfig { agent, agents: 3, lost_us: 4 * SECOND, ..PriceConfig::default() };
    let mut made = PriceAuction::new(&config, Heap).unwrap();
    values.iter().enumerate().for_each(|(t, v)| made.add_task(t as u64, *v, 0).unwrap());
    made
}

fn bundles(agent: u64, values: &[f64]) -> Cbba<'static> {
    let config = CbbaConfig { agent, agents: 3, lost_us: 4 * SECOND, ..CbbaConfig::default() };
    let mut made = Cbba::new(&config, Heap).unwrap();
    for (id, value) in values.iter().enumerate() {
        let task = CbbaTask { id: id as u64, value: *value, ..CbbaTask::default() };
        made.add_task(&task, 0).unwrap();
    }
    made
}

fn say(agent: &mut Cbba<'_>, now: u64) -> Vec<u8> {
    let mut out = vec![0; agent.most_bytes()];
    let len = agent.next_message(now, &mut out).unwrap().unwrap();
    out.truncate(len);
    out
}

#[test]
fn what_an_agent_never_offered_it_does_not_have() {
    // Agent 1 can do nothing but task 2; somebody remembers that it offered for others.
    let mut agent = priced(1, &[0.0, 0.0, 5.0]);
    let mut echo = Forged::prices(2, 1, 3);
    echo.claims = vec![(0, 1, 7.0), (1, 1, 7.0), (2, 1, 0.5)];
    echo.stamps = vec![(1, 9)];
    assert_eq!(agent.step(&echo.bytes(), 0), Ok(Heard::Changed));
    assert_eq!(agent.round(), 4, "prices begin anew");
    assert!(agent.tasks().eq([2]));
    assert_eq!(agent.winner(0), Ok(None));
    // Its own offer is no news to it.
    let own = agent.winner(2).unwrap().unwrap();
    let mut echo = Forged::prices(2, 2, 4);
    echo.claims = vec![(2, 1, own.1 as f32)];
    assert_eq!(agent.step(&echo.bytes(), 1), Ok(Heard::Nothing));
    assert_eq!(agent.round(), 4);
}

#[test]
fn one_message_does_not_end_an_auction() {
    let end = (1 << 63) - 1;
    let (mut prices, mut bundle) = (priced(1, &[1.0]), bundles(1, &[1.0]));
    for bad in [
        Forged::prices(2, end, 0),
        Forged::prices(2, LEAP + 1, 0),
        Forged::prices(2, 1, end),
        Forged::prices(2, 1, LEAP + 1),
        Forged { stamps: vec![(1, end)], ..Forged::prices(2, 1, 0) },
        Forged { stamps: vec![(3, LEAP + 1)], ..Forged::prices(2, 1, 0) },
    ] {
        assert_eq!(prices.step(&bad.bytes(), 0), Err(Error::TaskFormat));
        assert_eq!(prices.round(), 0);
        if bad.round == 0 {
            let bad = Forged { kind: 0, ..bad };
            assert_eq!(bundle.step(&bad.bytes(), 0), Err(Error::TaskFormat));
        }
    }
    // Who was spoken of is not known by it, and all goes on.
    assert_eq!(prices.lose(2, 0), Err(Error::TaskUnknown));
    assert_eq!(bundle.lose(2, 0), Err(Error::TaskUnknown));
    assert_eq!(bundle.step(&say(&mut bundles(2, &[9.0]), 0), 0), Ok(Heard::Changed));
    assert_eq!(bundle.winner(0), Ok(Some(2)));
    assert_eq!(prices.step(&Forged::prices(2, LEAP, LEAP).bytes(), 0), Ok(Heard::Changed));
    assert_eq!(prices.round(), LEAP);
    assert_eq!(prices.step(&Forged::prices(2, 2 * LEAP, LEAP).bytes(), 0), Ok(Heard::Nothing));
    prices.add_task(7, 1.0, 0).unwrap();
    assert_eq!(prices.round(), LEAP + 1);
}

#[test]
fn what_the_format_does_not_allow_is_refused() {
    let claims = vec![(0, NOBODY, 0.5)];
    for bad in [
        Forged { round: 1, ..Forged::bundles(2, 1) },
        Forged::bundles(2, 0),
        Forged::bundles(NOBODY, 1),
        Forged { stamps: vec![(3, 0)], ..Forged::bundles(2, 1) },
        Forged { stamps: vec![(2, 1)], ..Forged::bundles(2, 1) },
        Forged { stamps: vec![(NOBODY, 1)], ..Forged::bundles(2, 1) },
        Forged { stamps: vec![(4, 1), (3, 1)], ..Forged::bundles(2, 1) },
        Forged { claims, ..Forged::bundles(2, 1) },
        Forged { claims: vec![(0, 2, f32::INFINITY)], ..Forged::bundles(2, 1) },
        Forged { claims: vec![(0, 2, -1.0)], ..Forged::bundles(2, 1) },
        Forged { claims: vec![(0, 2, 1.0), (0, 3, 1.0)], ..Forged::bundles(2, 1) },
        Forged { kind: 2, ..Forged::bundles(2, 1) },
    ] {
        assert_eq!(bundles(1, &[1.0]).step(&bad.bytes(), 0), Err(Error::TaskFormat));
    }
    assert_eq!(
        bundles(1, &[1.0]).step(&Forged::bundles(2, 1).bytes(), 0),
        Ok(Heard::Nothing),
        "and what is sound is read"
    );
}

#[test]
fn places_of_lost_agents_are_given_to_others() {
    let (mut bundle, mut prices) = (bundles(1, &[1.0]), priced(1, &[1.0]));
    let mut now = 0;
    for id in 10..40 {
        now += 5 * SECOND;
        // Two at a time, of which one knows the one before.
        let stamps = if id > 10 { vec![(id - 1, 3)] } else { Vec::new() };
        let said = Forged { stamps: stamps.clone(), ..Forged::bundles(id, 1) };
        assert!(bundle.step(&said.bytes(), now).is_ok(), "{id}");
        assert!(prices.step(&Forged { kind: 1, ..said }.bytes(), now).is_ok(), "{id}");
        // A third has no place while these two live.
        let third = Forged { stamps, ..Forged::bundles(100 + id, 1) };
        if id > 10 {
            assert_eq!(bundle.step(&third.bytes(), now), Err(Error::Capacity));
            assert_eq!(
                prices.step(&Forged { kind: 1, ..third }.bytes(), now),
                Err(Error::Capacity)
            );
        }
        bundle.tick(now + 4 * SECOND);
        prices.tick(now + 4 * SECOND);
        assert!(bundle.is_lost(id) && prices.is_lost(id));
    }
    // Nor does it speak of them.
    assert_eq!(say(&mut bundle, now + 4 * SECOND).len(), say(&mut bundles(1, &[1.0]), 0).len());
}

#[test]
fn who_was_lost_and_has_forgotten_all_is_heard_again() {
    let mut a = bundles(1, &[1.0, 2.0]);
    let mut b = bundles(2, &[5.0, 6.0]);
    for k in 0..6 {
        a.step(&say(&mut b, k * SECOND), k * SECOND).unwrap();
    }
    assert_eq!(a.winner(0), Ok(Some(2)));
    let now = 20 * SECOND;
    a.tick(now);
    assert!(a.is_lost(2) && a.winner(0) == Ok(Some(1)));
    let mut b = bundles(2, &[5.0, 6.0]);
    assert_eq!(a.step(&say(&mut b, now), now), Ok(Heard::Old));
    assert!(a.is_lost(2));
    b.step(&say(&mut a, now), now).unwrap();
    let later = now + SECOND;
    assert_eq!(a.step(&say(&mut b, later), later), Ok(Heard::Changed));
    assert!(!a.is_lost(2) && a.winner(0) == Ok(Some(2)));
}

#[test]
fn an_agent_that_has_moved_keeps_what_it_can_still_do() {
    let config =
        CbbaConfig { agent: 1, bundle: 2, metre_j: 1.0, discount: 0.01, ..CbbaConfig::default() };
    let mut agent = Cbba::new(&config, Heap).unwrap();
    let at = |id: u64, x: f32, seconds: u64| CbbaTask {
        id,
        value: 10.0 - id as f64,
        position: [x, 0.0, 0.0],
        deadline_us: seconds * SECOND,
        ..CbbaTask::default()
    };
    for task in [at(1, 10.0, 100), at(2, 20.0, 100), at(3, 0.0, 100)] {
        agent.add_task(&task, 0).unwrap();
    }
    assert!(agent.path().collect::<Vec<_>>().iter().all(|id| [1, 2, 3].contains(id)));
    agent.remove_task(3, 0).unwrap();
    assert!(agent.path().eq([1, 2]));
    let before = agent.next_wake_us();
    // Ten seconds later, ten metres on: both are as they were.
    agent.moved([10.0, 0.0, 0.0], 10 * SECOND, f64::INFINITY, 10 * SECOND).unwrap();
    assert!(agent.path().eq([1, 2]) && agent.next_wake_us() >= before);
    // Eight joules are not enough for the ten metres to the second.
    agent.moved([10.0, 0.0, 0.0], 10 * SECOND, 8.0, 11 * SECOND).unwrap();
    assert!(agent.path().eq([1]));
    assert_eq!(agent.winner(2), Ok(None));
    // From elsewhere, and late, it can do the second alone.
    agent.moved([30.0, 0.0, 0.0], 85 * SECOND, 15.0, 12 * SECOND).unwrap();
    assert!(agent.path().eq([2]));
    assert_eq!(agent.changed_us(), 12 * SECOND);
    for bad in [[f32::NAN, 0.0, 0.0], [0.0, 2e9, 0.0]] {
        assert_eq!(agent.moved(bad, 0, 1.0, 13 * SECOND), Err(Error::Invalid));
    }
    assert_eq!(agent.moved([0.0; 3], 0, f64::NAN, 13 * SECOND), Err(Error::Invalid));
    assert!(agent.path().eq([2]) && agent.changed_us() == 12 * SECOND);
}

/// A swarm of four in which agents die, and others come, with new numbers or with the old one and no memory, many more
/// than there are places. Whatever the network does, at last nothing is had twice, and all is done.
fn generations<A: Agent>(make: impl Fn(u64, &[u64]) -> A, seed: u64) {
    let mut random = Random::new(seed);
    let tasks: Vec<u64> = (0..6).collect();
    let mut ids: Vec<u64> = (0..4).collect();
    let agents = ids.iter().map(|id| make(*id, &tasks)).collect();
    let mut network = Network::new(agents, full(4), BAD, seed);
    network.settle(6 * SECOND, 200 * SECOND);
    for generation in 0..12 {
        let gone = random.below(4);
        network.dead[gone] = true;
        network.run_until(network.now + 5 * SECOND);
        network.settle(6 * SECOND, 200 * SECOND);
        assert_eq!(network.owners().len(), 6, "the others do all");
        if random.chance(0.7) {
            ids[gone] = 100 + generation;
        }
        network.agents[gone] = make(ids[gone], &tasks);
        network.dead[gone] = false;
        network.run_until(network.now + 2 * SECOND);
        network.settle(6 * SECOND, 200 * SECOND);
        assert_eq!(network.owners().len(), 6, "and with the new one");
    }
}

#[test]
fn many_generations_need_no_more_places_than_live_at_once() {
    for seed in 0..4 {
        let bundles = |agent: u64, tasks: &[u64]| {
            let (lost_us, agents, bundle) = (4 * SECOND, 4, 2);
            let config = CbbaConfig { agent, agents, bundle, lost_us, ..CbbaConfig::default() };
            let mut made = Cbba::new(&config, Heap).unwrap();
            for id in tasks {
                let value = 1.0 + ((agent * 7 + id * 5) % 11) as f64;
                made.add_task(&CbbaTask { id: *id, value, ..CbbaTask::default() }, 0).unwrap();
            }
            made
        };
        generations(bundles, seed);
        let prices = |agent: u64, tasks: &[u64]| {
            let (lost_us, agents, capacity) = (4 * SECOND, 4, 2);
            let config = PriceConfig { agent, agents, capacity, lost_us, ..PriceConfig::default() };
            let mut made = PriceAuction::new(&config, Heap).unwrap();
            for id in tasks {
                let value = 1.0 + ((agent * 7 + id * 5) % 11) as f64;
                made.add_task(*id, value, 0).unwrap();
            }
            made
        };
        generations(prices, seed);
    }
}
