//! Machines that say what they are told to, on a network that is told how to treat them.

use neural_swarm::host::sim::{Conditions, MILLION, MOST_HELD, Machine, Sent, Sim};
use neural_swarm::{Error, Result};

const MS: u64 = 1_000;

/// Keeps what comes, and when; sends at a given time, once.
#[derive(Default)]
struct Recorder {
    came: Vec<(u64, usize, Vec<u8>)>,
    due: Vec<(u64, usize, Vec<u8>)>,
}

impl Machine for Recorder {
    fn receive(&mut self, from: usize, datagram: &[u8], now: u64, _: &mut Sent) -> Result<()> {
        self.came.push((now, from, datagram.to_vec()));
        if datagram == b"fail" { Err(Error::Hook) } else { Ok(()) }
    }

    fn wake(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        while self.due.first().is_some_and(|due| due.0 <= now) {
            let (_, to, bytes) = self.due.remove(0);
            sent.send(to, &bytes);
        }
        Ok(())
    }

    fn wake_at(&self) -> u64 {
        self.due.first().map_or(u64::MAX, |due| due.0)
    }
}

fn two(seed: u64, conditions: Conditions) -> Sim<Recorder> {
    let mut sim = Sim::new(seed);
    sim.network_mut().set_conditions(conditions).unwrap();
    sim.start(0, Recorder::default());
    sim.start(1, Recorder::default());
    sim
}

fn send(sim: &mut Sim<Recorder>, from: usize, to: usize, bytes: &[u8]) {
    sim.with(from, |_, _, sent| sent.send(to, bytes)).unwrap();
}

fn came(sim: &Sim<Recorder>, place: usize) -> &[(u64, usize, Vec<u8>)] {
    &sim.machine(place).unwrap().came
}

fn still(latency_us: u64) -> Conditions {
    Conditions { latency_us, jitter_us: 0, ..Conditions::new() }
}

#[test]
fn a_datagram_takes_as_long_as_its_way() {
    let mut sim = two(1, still(5 * MS));
    sim.network_mut().set_link(1, 0, Some(still(70 * MS))).unwrap();
    let start = sim.now();
    send(&mut sim, 0, 1, b"there");
    send(&mut sim, 1, 0, b"back");
    sim.run(5 * MS - 1).unwrap();
    assert_eq!(came(&sim, 1), []);
    sim.run(1).unwrap();
    assert_eq!(came(&sim, 1), [(start + 5 * MS, 0, b"there".to_vec())]);
    sim.run(1000 * MS).unwrap();
    assert_eq!(came(&sim, 0), [(start + 70 * MS, 1, b"back".to_vec())]);
    sim.network_mut().set_link(1, 0, None).unwrap();
    send(&mut sim, 1, 0, b"again");
    sim.run(5 * MS).unwrap();
    assert_eq!(came(&sim, 0).len(), 2);
}

#[test]
fn jitter_reorders_and_stays_in_its_bounds() {
    let mut sim =
        two(2, Conditions { latency_us: 3 * MS, jitter_us: 10 * MS, ..Conditions::new() });
    let start = sim.now();
    (0..200u8).for_each(|i| send(&mut sim, 0, 1, &[i]));
    sim.run(1000 * MS).unwrap();
    let came = came(&sim, 1);
    assert_eq!(came.len(), 200);
    assert!(came.iter().all(|(at, ..)| (3 * MS..=13 * MS).contains(&(at - start))));
    assert!(came.windows(2).any(|two| two[0].2 > two[1].2), "in order by chance?");
    assert!(came.windows(2).all(|two| two[0].0 <= two[1].0));
}

#[test]
fn so_many_are_lost_doubled_and_held_up() {
    let share = |percent: u32| MILLION / 100 * percent;
    let count = |conditions: Conditions| {
        let mut sim = two(3, conditions);
        (0..10_000).for_each(|_| send(&mut sim, 0, 1, b"x"));
        let start = sim.now();
        sim.run(1000 * MS).unwrap();
        let late = came(&sim, 1).iter().filter(|(at, ..)| at - start > 100 * MS).count();
        assert_eq!(sim.counts().delivered, came(&sim, 1).len() as u64);
        (came(&sim, 1).len(), sim.counts().lost as usize, late)
    };
    let base = still(MS);
    assert_eq!(count(base), (10_000, 0, 0));
    assert_eq!(count(Conditions { loss: MILLION, ..base }), (0, 10_000, 0));
    let (came, lost, _) = count(Conditions { loss: share(20), ..base });
    assert!(came + lost == 10_000 && (1850..2150).contains(&lost), "{lost}");
    let (came, ..) = count(Conditions { duplicated: share(5), ..base });
    assert!((10_400..10_600).contains(&came), "{came}");
    let (came, _, late) = count(Conditions { held: share(10), held_us: 200 * MS, ..base });
    assert!(came == 10_000 && (900..1100).contains(&late), "{late}");
}

#[test]
fn one_direction_is_cut_and_sides_are_divided() {
    let mut sim = two(4, still(MS));
    sim.start(2, Recorder::default());
    sim.network_mut().cut(0, 1);
    send(&mut sim, 0, 1, b"cut");
    send(&mut sim, 1, 0, b"open");
    sim.run(10 * MS).unwrap();
    assert_eq!((came(&sim, 1).len(), came(&sim, 0).len()), (0, 1));
    sim.network_mut().mend(0, 1);
    sim.network_mut().set_side(2, 1);
    send(&mut sim, 0, 1, b"mended");
    send(&mut sim, 2, 1, b"other side");
    send(&mut sim, 1, 2, b"other side");
    sim.run(10 * MS).unwrap();
    assert_eq!((came(&sim, 1).len(), came(&sim, 2).len()), (1, 0));
    sim.network_mut().cut(1, 2);
    sim.network_mut().heal();
    assert!(sim.network().reaches(1, 2) && sim.network().reaches(2, 1));
    send(&mut sim, 1, 2, b"healed");
    sim.run(10 * MS).unwrap();
    assert_eq!(came(&sim, 2).len(), 1);
}

#[test]
fn who_is_paused_does_nothing_and_finds_what_came() {
    let mut sim = two(5, still(MS));
    let at = sim.now() + 20 * MS;
    sim.with(1, |machine, _, _| machine.due.push((at, 0, b"due".to_vec()))).unwrap();
    sim.pause(1);
    assert!(sim.is_paused(1));
    send(&mut sim, 0, 1, b"one");
    sim.run(5 * MS).unwrap();
    send(&mut sim, 0, 1, b"two");
    sim.run(100 * MS).unwrap();
    assert_eq!((came(&sim, 1).len(), came(&sim, 0).len()), (0, 0));
    let resumed = sim.now();
    sim.resume(1);
    sim.run(5 * MS).unwrap();
    let words: Vec<_> = came(&sim, 1).iter().map(|(at, _, bytes)| (*at, &bytes[..])).collect();
    assert_eq!(words, [(resumed, &b"one"[..]), (resumed, &b"two"[..])]);
    assert_eq!(came(&sim, 0), [(resumed + MS, 1, b"due".to_vec())]);
}

#[test]
fn a_paused_machine_keeps_no_more_than_a_socket() {
    let mut sim = two(6, still(MS));
    sim.pause(1);
    let more = MOST_HELD / 1000 + 10;
    (0..more).for_each(|_| send(&mut sim, 0, 1, &[0; 1000]));
    sim.run(10 * MS).unwrap();
    sim.resume(1);
    sim.run(10 * MS).unwrap();
    assert_eq!(came(&sim, 1).len(), MOST_HELD / 1000);
    assert_eq!(sim.counts().unheard, (more - MOST_HELD / 1000) as u64);
}

#[test]
fn who_crashed_hears_nothing_and_who_is_late_hears_later() {
    let mut sim = two(7, still(MS));
    let at = sim.now() + 10 * MS;
    sim.with(1, |machine, _, _| machine.due.push((at, 0, b"due".to_vec()))).unwrap();
    send(&mut sim, 0, 1, b"lost");
    assert!(sim.crash(1).is_some_and(|machine| machine.due.len() == 1));
    assert!(sim.crash(1).is_none() && sim.machine(1).is_none());
    assert_eq!(sim.running().collect::<Vec<_>>(), [0]);
    sim.run(50 * MS).unwrap();
    assert_eq!((sim.counts().unheard, came(&sim, 0).len()), (1, 0));
    sim.start(1, Recorder::default());
    sim.set_late(1, 300 * MS);
    let start = sim.now();
    send(&mut sim, 0, 1, b"late");
    sim.run(1000 * MS).unwrap();
    assert_eq!(came(&sim, 1), [(start + 301 * MS, 0, b"late".to_vec())]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed: u64| {
        let mut sim = two(seed, Conditions { loss: MILLION / 10, ..Conditions::new() });
        for i in 0..100u8 {
            send(&mut sim, 0, 1, &[i]);
            send(&mut sim, 1, 0, &[i]);
            sim.run(MS / 3).unwrap();
        }
        (sim.trace(), *sim.counts())
    };
    assert_eq!(run(8), run(8));
    assert_ne!(run(8).0, run(9).0);
}

#[test]
fn the_trace_knows_bytes_ways_and_times() {
    let trace = |to: usize, bytes: &[u8], wait: u64| {
        let mut sim = two(10, still(MS));
        sim.start(2, Recorder::default());
        sim.run(wait).unwrap();
        send(&mut sim, 0, to, bytes);
        sim.run(10 * MS).unwrap();
        sim.trace()
    };
    let first = trace(1, b"x", 0);
    assert_eq!(first, trace(1, b"x", 0));
    for other in [trace(2, b"x", 0), trace(1, b"y", 0), trace(1, b"x", 1)] {
        assert_ne!(first, other);
    }
}

#[test]
fn what_cannot_be_is_refused_and_errors_end_a_run() {
    let mut sim = two(11, still(MS));
    let bad = [
        Conditions { loss: MILLION + 1, ..Conditions::new() },
        Conditions { duplicated: MILLION + 1, ..Conditions::new() },
        Conditions { held: MILLION + 1, ..Conditions::new() },
        Conditions { latency_us: 86_400_000_001, ..Conditions::new() },
        Conditions { jitter_us: u64::MAX, ..Conditions::new() },
        Conditions { held_us: u64::MAX, ..Conditions::new() },
    ];
    for conditions in bad {
        assert_eq!(sim.network_mut().set_conditions(conditions), Err(Error::Invalid));
        assert_eq!(sim.network_mut().set_link(0, 1, Some(conditions)), Err(Error::Invalid));
    }
    assert_eq!(*sim.network().conditions(), still(MS));
    assert_eq!(sim.run_until(MS, 0, |_| true), Err(Error::Invalid));
    assert_eq!(sim.run_until(10 * MS, 3 * MS, |_| false), Ok(None));
    let start = sim.now();
    let when = sim.run_until(10 * MS, MS, |sim| sim.now() >= start + 4 * MS);
    assert_eq!(when, Ok(Some(4 * MS)));
    send(&mut sim, 0, 1, b"fail");
    assert_eq!(sim.run(10 * MS), Err(Error::Hook));
}
