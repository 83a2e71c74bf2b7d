//! Agents of both kinds of auction that hear anything, bytes as they come and messages of others that were damaged.
//! Nothing panics; what is refused changes nothing; an agent has exactly the tasks that it believes to
//! have; and it can always speak.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;

fn bundles(agent: u64) -> Cbba<'static> {
    let config = CbbaConfig {
        agent,
        tasks: 6,
        agents: 4,
        bundle: 3,
        lost_us: 2_000_000,
        ..CbbaConfig::default()
    };
    let mut made = Cbba::new(&config, Heap).expect("good settings");
    for id in 0..4 {
        let task = CbbaTask { id, value: (id + agent) as f64, ..CbbaTask::default() };
        made.add_task(&task, 0).expect("there is room");
    }
    made
}

fn prices(agent: u64) -> PriceAuction<'static> {
    let config = PriceConfig {
        agent,
        tasks: 6,
        agents: 4,
        capacity: 2,
        lost_us: 2_000_000,
        ..PriceConfig::default()
    };
    let mut made = PriceAuction::new(&config, Heap).expect("good settings");
    (0..4).for_each(|id| made.add_task(id, (id + agent) as f64, 0).expect("there is room"));
    made
}

fn check(agent: &Cbba<'_>, id: u64) {
    let path: Vec<u64> = agent.path().collect();
    let own = (0..256).filter(|task| agent.winner(*task) == Ok(Some(id))).count();
    assert!(path.len() == own && own <= 3);
}

fuzz_target!(|data: &[u8]| {
    let (mut a, mut b) = (bundles(1), bundles(2));
    let (mut c, mut d) = (prices(1), prices(2));
    let mut out = [0; 1024];
    let (mut rest, mut now) = (data, 0u64);
    while let [what, at, len, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        now += 1000 << (what >> 4);
        match what & 7 {
            0 => {
                let before: Vec<_> = (0..4).map(|task| a.winner(task)).collect();
                if a.step(bytes, now).is_err() {
                    assert!(before.into_iter().eq((0..4).map(|task| a.winner(task))));
                }
            }
            1 => drop(c.step(bytes, now).is_ok()),
            2 | 3 => {
                if let Some(len) = b.next_message(now, &mut out).expect("there is room") {
                    damage(&mut out[..len], *at, bytes);
                    let _ = a.step(&out[..len], now);
                }
                if let Some(len) = a.next_message(now, &mut out).expect("there is room") {
                    b.step(&out[..len], now).ok();
                }
            }
            4 | 5 => {
                if let Some(len) = d.next_message(now, &mut out).expect("there is room") {
                    damage(&mut out[..len], *at, bytes);
                    let _ = c.step(&out[..len], now);
                }
                if let Some(len) = c.next_message(now, &mut out).expect("there is room") {
                    d.step(&out[..len], now).ok();
                }
            }
            6 => {
                let task =
                    CbbaTask { id: u64::from(*at), value: f64::from(*len), ..CbbaTask::default() };
                let _ = (a.add_task(&task, now), c.add_task(task.id, task.value, now));
            }
            _ => {
                let id = u64::from(*at);
                let _ = (
                    a.remove_task(id, now),
                    c.remove_task(id, now),
                    a.lose(id, now),
                    c.lose(id, now),
                );
            }
        }
        check(&a, 1);
        check(&b, 2);
        assert!(c.tasks().count() <= 2, "more than it could have offered for");
    }
});

fn damage(message: &mut [u8], at: u8, bytes: &[u8]) {
    for (byte, xor) in message.iter_mut().skip(usize::from(at)).zip(bytes) {
        *byte ^= xor;
    }
}
