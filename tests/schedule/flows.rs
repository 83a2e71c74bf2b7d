//! Workflows that run, on workers that die, repeat themselves and come late.

use std::collections::BTreeMap;

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::*;
use proptest::prelude::*;

use super::graphs::{self, Graph, Random};
use super::ignore;

const SECOND: u64 = 1_000_000;

fn flow_of(
    graph: &Graph,
    workers: usize,
    config: WorkflowConfig,
    random: &mut Random,
) -> Workflow<'static> {
    let dag = DagConfig { tasks: graph.tasks, edges: graph.edges.len(), workers };
    let mut flow = Workflow::new(&WorkflowConfig { dag, ..config }, Heap).unwrap();
    (0..workers as u32).for_each(|w| flow.set_speed(w, 0.5 + random.unit()).unwrap());
    flow.set_links(0.01, 10.0).unwrap();
    for _ in 0..graph.tasks {
        let work = 0.5 + 2.0 * random.unit();
        flow.add_task(&TaskOptions {
            work,
            attempts: 10,
            timeout_us: 60 * SECOND,
            ..TaskOptions::default()
        })
        .unwrap();
    }
    graph.edges.iter().for_each(|(a, b)| flow.add_edge(*a as u32, *b as u32, 1.0).unwrap());
    flow
}

/// How badly workers behave.
struct Mischief {
    /// How often results come twice, and how often an attempt fails or never ends.
    twice: f64,
    fails: f64,
    hangs: f64,
    /// How often a task takes five times as long.
    slow: f64,
    /// Workers that die, and when; and how long it takes until that is known.
    deaths: Vec<(u64, u32)>,
    notice: u64,
    /// When they are there again, after that.
    back: Option<u64>,
}

enum Thing {
    Began(u32, u32),
    Result(u32, u32),
    Failure(u32, u32),
    Dies(u32),
    Noticed(u32),
    Back(u32),
}

/// Runs a workflow; how often each result was accepted, and when all was done.
fn run(
    flow: &mut Workflow<'_>,
    random: &mut Random,
    mischief: &Mischief,
    order: &Graph,
) -> (Vec<u32>, u64, State) {
    let mut things: BTreeMap<(u64, u64), Thing> = BTreeMap::new();
    let mut count = 0;
    let mut add = |things: &mut BTreeMap<_, _>, at: u64, thing| {
        things.insert((at, count), thing);
        count += 1;
    };
    for (at, worker) in &mischief.deaths {
        add(&mut things, *at, Thing::Dies(*worker));
    }
    let mut accepted = vec![0; order.tasks];
    let mut settled = vec![0; order.tasks];
    let mut dead: Vec<bool> = vec![false; 64];
    let mut busy: BTreeMap<u32, u32> = BTreeMap::new();
    let mut now = 0;
    flow.start(now).unwrap();
    loop {
        while let Some(action) = flow.next_action() {
            match action {
                Action::Start { task, attempt, worker } => {
                    assert_eq!(flow.attempt(task), Ok((attempt, worker)));
                    for (from, _) in order.edges.iter().filter(|(_, to)| *to == task as usize) {
                        assert_eq!(accepted[*from], 1, "what it waits for is done");
                    }
                    if dead[worker as usize] {
                        continue; // nobody knows yet
                    }
                    assert_eq!(busy.insert(worker, task), None, "one at a time");
                    let slow =
                        if random.chance(mischief.slow) { 5.0 } else { 0.8 + 0.4 * random.unit() };
                    let seconds = 2.0 * slow * (0.3 + random.unit());
                    let end = now + 10_000 + (seconds * 1e6) as u64;
                    add(&mut things, now + 5_000, Thing::Began(task, attempt));
                    if random.chance(mischief.hangs) {
                        continue;
                    }
                    if random.chance(mischief.fails) {
                        add(&mut things, end, Thing::Failure(task, attempt));
                        continue;
                    }
                    add(&mut things, end, Thing::Result(task, attempt));
                    while random.chance(mischief.twice) {
                        let late = end + random.below(20_000_000) as u64;
                        add(&mut things, late, Thing::Result(task, attempt));
                    }
                }
                Action::Stop { task, worker, .. } => {
                    // What was sent already still comes.
                    if busy.get(&worker) == Some(&task) {
                        busy.remove(&worker);
                    }
                }
                Action::Settled { task, state } => {
                    assert_eq!(flow.state(task), Ok(state));
                    assert!(state.is_final());
                    settled[task as usize] += 1;
                }
                Action::End { state } => {
                    assert_eq!(flow.open(), 0);
                    assert!(settled.iter().all(|times| *times == 1));
                    // What is still on its way counts for nothing.
                    for (_, thing) in things {
                        if let Thing::Result(task, attempt) = thing {
                            assert_eq!(flow.finished(task, attempt, now), Err(Error::TaskAttempt));
                        }
                    }
                    assert_eq!(flow.next_action(), None);
                    return (accepted, now, state);
                }
            }
        }
        let next = things.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        let wake = flow.next_wake_us();
        assert!(next.min(wake) < u64::MAX, "it would stand still for ever");
        if wake < next {
            now = now.max(wake);
            flow.tick(now);
            continue;
        }
        let ((at, _), thing) = things.pop_first().unwrap();
        now = now.max(at);
        match thing {
            Thing::Began(task, attempt) => ignore(flow.started(task, attempt, now)),
            Thing::Result(task, attempt) | Thing::Failure(task, attempt) => {
                let worker = flow.attempt(task).unwrap();
                let done = matches!(thing, Thing::Result(..));
                let answer = if done {
                    flow.finished(task, attempt, now)
                } else {
                    flow.failed(task, attempt, now)
                };
                if answer.is_ok() {
                    accepted[task as usize] += u32::from(done);
                    busy.remove(&worker.1);
                } else {
                    assert_eq!(answer, Err(Error::TaskAttempt));
                }
            }
            Thing::Dies(worker) => {
                dead[worker as usize] = true;
                add(&mut things, now + mischief.notice, Thing::Noticed(worker));
            }
            Thing::Noticed(worker) => {
                busy.remove(&worker);
                flow.worker_lost(worker, now).unwrap();
                if let Some(after) = mischief.back {
                    add(&mut things, now + after, Thing::Back(worker));
                }
            }
            Thing::Back(worker) => {
                dead[worker as usize] = false;
                flow.worker_joined(worker, now).unwrap();
            }
        }
    }
}

#[test]
fn every_result_is_accepted_once_whatever_workers_do() {
    let mut random = Random::new(30);
    for kind in 0..150 {
        let graph = graphs::some(kind, &mut random);
        let workers = 3 + random.below(6);
        let search_rounds = if kind % 10 == 0 { 10 } else { 0 };
        let config = WorkflowConfig { search_rounds, ..WorkflowConfig::default() };
        let mut flow = flow_of(&graph, workers, config, &mut random);
        let death = |random: &mut Random, w: usize| (random.below(40_000_000) as u64, w as u32);
        let mischief = Mischief {
            twice: 0.3,
            fails: 0.05,
            hangs: 0.02,
            slow: 0.1,
            deaths: (0..workers - 1).map(|w| death(&mut random, w)).collect(),
            notice: 500_000,
            back: random.chance(0.5).then_some(7 * SECOND),
        };
        let (accepted, _, state) = run(&mut flow, &mut random, &mischief, &graph);
        assert_eq!(state, State::Done);
        assert!(accepted.iter().all(|times| *times == 1), "{accepted:?}");
    }
}

#[test]
fn a_workflow_without_trouble_takes_about_as_long_as_was_planned() {
    let dag = DagConfig { tasks: 3, edges: 2, workers: 2 };
    let mut flow =
        Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap).unwrap();
    let work = |flow: &mut Workflow<'_>, work| {
        flow.add_task(&TaskOptions { work, ..TaskOptions::default() })
    };
    let (a, b, c) = (
        work(&mut flow, 2.0).unwrap(),
        work(&mut flow, 5.0).unwrap(),
        work(&mut flow, 4.0).unwrap(),
    );
    flow.add_edge(a, b, 0.0).unwrap();
    flow.add_edge(a, c, 0.0).unwrap();
    flow.start(100).unwrap();
    assert_eq!((flow.makespan(), flow.plans(), flow.state(b)), (7.0, 1, Ok(State::Pending)));
    assert_eq!(flow.next_action(), Some(Action::Start { task: a, attempt: 1, worker: 0 }));
    assert_eq!(flow.next_action(), None);
    assert_eq!(flow.state(a), Ok(State::Assigned));
    flow.started(a, 1, 200).unwrap();
    assert_eq!(flow.state(a), Ok(State::Running));
    assert_eq!(flow.finished(a, 2, 300), Err(Error::TaskAttempt));
    assert_eq!(flow.finished(b, 0, 300), Err(Error::TaskAttempt));
    assert_eq!(flow.finished(9, 1, 300), Err(Error::TaskUnknown));
    flow.finished(a, 1, 2_000_100).unwrap();
    assert_eq!(flow.finished(a, 1, 2_000_100), Err(Error::TaskAttempt));
    let actions: Vec<Action> = std::iter::from_fn(|| flow.next_action()).collect();
    assert_eq!(actions.len(), 3, "{actions:?}");
    flow.finished(b, 1, 7_000_100).unwrap();
    flow.finished(c, 1, 6_000_100).unwrap();
    let last = std::iter::from_fn(|| flow.next_action()).last();
    assert_eq!(last, Some(Action::End { state: State::Done }));
    assert_eq!((flow.placement(c).unwrap().worker, flow.plans()), (1, 1));
}

/// One task on one worker.
fn single(config: WorkflowConfig, options: TaskOptions) -> Workflow<'static> {
    let dag = DagConfig { tasks: 1, edges: 0, workers: 1 };
    let mut flow = Workflow::new(&WorkflowConfig { dag, ..config }, Heap).unwrap();
    flow.add_task(&options).unwrap();
    flow.start(0).unwrap();
    assert_eq!(flow.next_action(), Some(Action::Start { task: 0, attempt: 1, worker: 0 }));
    flow
}

#[test]
fn retries_come_ever_later_and_end() {
    let config = WorkflowConfig {
        backoff_us: 1000,
        backoff_most_us: 5000,
        jitter: 0.25,
        ..WorkflowConfig::default()
    };
    let waits = |seed| {
        let options = TaskOptions { attempts: 6, ..TaskOptions::default() };
        let mut flow = single(WorkflowConfig { seed, ..config }, options);
        let (mut now, mut waits) = (0, Vec::new());
        for attempt in 1..6 {
            flow.failed(0, attempt, now).unwrap();
            assert_eq!(flow.state(0), Ok(State::Retrying));
            assert_eq!(flow.failed(0, attempt, now), Err(Error::TaskAttempt));
            assert_eq!(flow.next_action(), None);
            let due = flow.next_wake_us();
            flow.tick(due - 1);
            assert_eq!(flow.next_action(), None);
            flow.tick(due);
            waits.push(due - now);
            now = due;
            assert_eq!(
                flow.next_action(),
                Some(Action::Start { task: 0, attempt: attempt + 1, worker: 0 })
            );
        }
        flow.failed(0, 6, now).unwrap();
        assert_eq!(flow.next_action(), Some(Action::Settled { task: 0, state: State::Failed }));
        assert_eq!(flow.next_action(), Some(Action::End { state: State::Failed }));
        waits
    };
    let first = waits(1);
    for (wait, most) in first.iter().zip([1000, 2000, 4000, 5000, 5000]) {
        assert!((most * 3 / 4..=most).contains(wait), "{wait} of {most}");
    }
    assert_eq!(first, waits(1), "the same seed");
    assert_ne!(first, waits(2));
}

#[test]
fn what_takes_too_long_is_stopped() {
    let options = TaskOptions { attempts: 2, timeout_us: 3 * SECOND, ..TaskOptions::default() };
    let mut flow = single(WorkflowConfig { late: 0.0, ..WorkflowConfig::default() }, options);
    assert_eq!(flow.next_wake_us(), 3 * SECOND);
    flow.tick(3 * SECOND);
    assert_eq!(flow.next_action(), Some(Action::Stop { task: 0, attempt: 1, worker: 0 }));
    assert_eq!(flow.finished(0, 1, 3 * SECOND), Err(Error::TaskAttempt), "too late");
    let again = flow.next_wake_us();
    flow.tick(again);
    assert_eq!(flow.next_action(), Some(Action::Start { task: 0, attempt: 2, worker: 0 }));
    flow.tick(again + 3 * SECOND);
    let rest: Vec<Action> = std::iter::from_fn(|| flow.next_action()).collect();
    let state = State::TimedOut;
    let stop = Action::Stop { task: 0, attempt: 2, worker: 0 };
    assert_eq!(
        rest,
        [stop, Action::Settled { task: 0, state }, Action::End { state: State::Failed }]
    );
    assert_eq!(flow.next_wake_us(), u64::MAX);
}

#[test]
fn a_late_task_makes_others_go_elsewhere() {
    // Worker 0 is faster and gets both tasks one after the other; then the first does not end.
    let dag = DagConfig { tasks: 2, edges: 0, workers: 2 };
    let mut flow =
        Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap).unwrap();
    flow.set_speed(0, 1.0).unwrap();
    flow.set_speed(1, 0.2).unwrap();
    (0..2).for_each(|_| ignore(flow.add_task(&TaskOptions::default()).unwrap()));
    flow.start(0).unwrap();
    let first = flow.next_action().unwrap();
    assert_eq!(first, Action::Start { task: 0, attempt: 1, worker: 0 });
    assert_eq!((flow.next_action(), flow.placement(1).unwrap().worker), (None, 0));
    flow.started(0, 1, 0).unwrap();
    let mut now = 0;
    let moved = std::iter::from_fn(|| {
        now = flow.next_wake_us();
        (now < 60 * SECOND).then(|| {
            flow.tick(now);
            flow.next_action()
        })
    });
    let action = moved.flatten().next();
    assert_eq!(action, Some(Action::Start { task: 1, attempt: 1, worker: 1 }));
}

#[test]
fn a_task_may_be_a_workflow() {
    let dag = DagConfig { tasks: 5, edges: 3, workers: 2 };
    let config = WorkflowConfig { dag, subflows: 2, ..WorkflowConfig::default() };
    let mut flow = Workflow::new(&config, Heap).unwrap();
    let task = |flow: &mut Workflow<'_>, within| {
        flow.add_task(&TaskOptions { within, ..TaskOptions::default() }).unwrap()
    };
    let before = task(&mut flow, OUTERMOST);
    let outer = flow.add_subflow(OUTERMOST, 0).unwrap();
    let part = task(&mut flow, outer);
    let inner = flow.add_subflow(outer, 0).unwrap();
    let deep = task(&mut flow, inner);
    let deeper = task(&mut flow, inner);
    let after = task(&mut flow, OUTERMOST);
    flow.add_edge(before, outer, 1.0).unwrap();
    flow.add_edge(part, inner, 1.0).unwrap();
    flow.add_edge(outer, after, 1.0).unwrap();
    assert_eq!(flow.add_subflow(OUTERMOST, 0), Err(Error::Capacity));
    assert_eq!(
        flow.add_task(&TaskOptions { within: part, ..TaskOptions::default() }),
        Err(Error::TaskUnknown)
    );
    flow.start(0).unwrap();
    let mut order = Vec::new();
    let mut now = 0;
    while let Some(action) = flow.next_action() {
        match action {
            Action::Start { task, attempt, .. } => {
                now += SECOND;
                if task == deep || task == deeper {
                    assert_eq!(flow.state(outer), Ok(State::Running));
                    assert_eq!(flow.state(inner), Ok(State::Running));
                }
                assert_eq!(flow.state(outer) == Ok(State::Pending), task == before);
                flow.finished(task, attempt, now).unwrap();
            }
            Action::Settled { task, state } => {
                assert_eq!(state, State::Done);
                order.push(task);
            }
            Action::End { state } => assert_eq!(state, State::Done),
            Action::Stop { .. } => panic!("nothing is stopped"),
        }
    }
    let place = |task| order.iter().position(|other| *other == task).unwrap();
    assert_eq!(order.len(), 7);
    assert!(place(before) < place(part) && place(part) < place(deep).min(place(deeper)));
    assert!(place(deep).max(place(deeper)) < place(inner) && place(inner) < place(outer));
    assert!(place(outer) < place(after));
}

#[test]
fn cancelling_takes_parts_and_what_waits_along() {
    let dag = DagConfig { tasks: 4, edges: 2, workers: 4 };
    let config = WorkflowConfig { dag, subflows: 1, keep_going: true, ..WorkflowConfig::default() };
    let mut flow = Workflow::new(&config, Heap).unwrap();
    let free = flow.add_task(&TaskOptions::default()).unwrap();
    let sub = flow.add_subflow(OUTERMOST, 0).unwrap();
    let part = flow.add_task(&TaskOptions { within: sub, ..TaskOptions::default() }).unwrap();
    let behind = flow.add_task(&TaskOptions::default()).unwrap();
    let other = flow.add_task(&TaskOptions { attempts: 1, ..TaskOptions::default() }).unwrap();
    flow.add_edge(sub, behind, 0.0).unwrap();
    flow.add_edge(other, behind, 0.0).unwrap();
    flow.start(0).unwrap();
    let started = std::iter::from_fn(|| flow.next_action()).count();
    assert_eq!(started, 3);
    flow.cancel(sub, 1).unwrap();
    assert_eq!(flow.cancel(sub, 1), Err(Error::TaskState));
    let actions: Vec<Action> = std::iter::from_fn(|| flow.next_action()).collect();
    assert!(
        actions.iter().any(|a| matches!(a, Action::Stop { task, attempt: 1, .. } if *task == part))
    );
    for task in [sub, part, behind] {
        assert_eq!(flow.state(task), Ok(State::Cancelled));
    }
    assert_eq!(flow.finished(part, 1, 2), Err(Error::TaskAttempt));
    flow.failed(other, 1, 2).unwrap();
    assert_eq!(flow.state(free), Ok(State::Assigned), "it goes on");
    flow.finished(free, 1, 3).unwrap();
    let last = std::iter::from_fn(|| flow.next_action()).last();
    assert_eq!(last, Some(Action::End { state: State::Failed }));
    assert_eq!(flow.cancel_all(), Err(Error::TaskState));
}

#[test]
fn without_workers_it_waits_for_one() {
    let dag = DagConfig { tasks: 3, edges: 1, workers: 2 };
    for search_rounds in [0, 5] {
        let config = WorkflowConfig { dag, search_rounds, ..WorkflowConfig::default() };
        let mut flow = Workflow::new(&config, Heap).unwrap();
        (0..3).for_each(|_| ignore(flow.add_task(&TaskOptions::default()).unwrap()));
        // Only worker 1 can do task 1, which comes behind task 0.
        flow.set_seconds(1, 0, NEVER).unwrap();
        flow.add_edge(0, 1, 0.0).unwrap();
        flow.worker_lost(1, 0).unwrap();
        assert_eq!(flow.worker_lost(1, 0), Err(Error::TaskState));
        flow.start(0).unwrap();
        let mut done = 0;
        while let Some(action) = flow.next_action() {
            if let Action::Start { task, attempt, worker } = action {
                assert!(worker == 0 && task != 1);
                flow.finished(task, attempt, 0).unwrap();
                done += 1;
            }
        }
        assert_eq!((done, flow.state(1)), (2, Ok(State::Ready)));
        flow.worker_joined(1, 5).unwrap();
        assert_eq!(flow.next_action(), Some(Action::Start { task: 1, attempt: 1, worker: 1 }));
        flow.finished(1, 1, 6).unwrap();
        let last = std::iter::from_fn(|| flow.next_action()).last();
        assert_eq!(last, Some(Action::End { state: State::Done }));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let dag = DagConfig { tasks: 2, edges: 2, workers: 1 };
    let mut flow =
        Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap).unwrap();
    assert_eq!(flow.start(0), Err(Error::TaskState), "no tasks");
    assert_eq!(
        flow.add_task(&TaskOptions { attempts: 0, ..TaskOptions::default() }),
        Err(Error::Invalid)
    );
    assert_eq!(
        flow.add_task(&TaskOptions { work: -1.0, ..TaskOptions::default() }),
        Err(Error::Invalid)
    );
    (0..2).for_each(|t| assert_eq!(flow.add_task(&TaskOptions::default()), Ok(t)));
    assert_eq!(flow.add_task(&TaskOptions::default()), Err(Error::Capacity));
    flow.add_edge(0, 1, 0.0).unwrap();
    flow.set_seconds(1, 0, NEVER).unwrap();
    assert_eq!(flow.start(0), Err(Error::TaskInfeasible));
    flow.set_seconds(1, 0, 1.0).unwrap();
    flow.start(0).unwrap();
    assert_eq!(flow.start(0), Err(Error::TaskState));
    assert_eq!(flow.add_edge(0, 1, 0.0), Err(Error::TaskState));
    assert_eq!(flow.worker_lost(1, 0), Err(Error::TaskUnknown));
    assert_eq!(flow.worker_joined(0, 0), Err(Error::TaskState));
    let mut round =
        Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap).unwrap();
    (0..2).for_each(|_| ignore(round.add_task(&TaskOptions::default()).unwrap()));
    round.add_edge(0, 1, 0.0).unwrap();
    round.add_edge(1, 0, 0.0).unwrap();
    assert_eq!(round.start(0), Err(Error::TaskCycle));
    for config in [
        WorkflowConfig { jitter: 1.5, ..WorkflowConfig::default() },
        WorkflowConfig { late: 0.5, ..WorkflowConfig::default() },
        WorkflowConfig { subflows: usize::MAX, ..WorkflowConfig::default() },
    ] {
        assert_eq!(Workflow::footprint(&config), Err(Error::Invalid));
    }
}

proptest! {
    #[test]
    fn any_calls_leave_it_sound(calls in prop::collection::vec((0..9u8, 0..7u32, 0..4u32, 0..400_000u64), 1..150)) {
        let dag = DagConfig { tasks: 5, edges: 4, workers: 2 };
        let config = WorkflowConfig { dag, subflows: 1, keep_going: true, ..WorkflowConfig::default() };
        let mut flow = Workflow::new(&config, Heap).unwrap();
        let task = TaskOptions { work: 0.1, timeout_us: 500_000, ..TaskOptions::default() };
        flow.add_task(&task).unwrap();
        let sub = flow.add_subflow(OUTERMOST, 1).unwrap();
        (0..3).for_each(|k| ignore(flow.add_task(&TaskOptions { within: if k < 2 { sub } else { OUTERMOST }, ..task })));
        flow.add_edge(0, sub, 0.0).unwrap();
        flow.add_edge(3, 4, 0.0).unwrap();
        flow.start(0).unwrap();
        let (mut now, mut accepted) = (0, [0; 8]);
        let mut ended = false;
        for (what, task, number, later) in calls {
            now += later;
            match what {
                0 => ignore(flow.started(task, number, now)),
                1 | 2 => {
                    let (attempt, _) = flow.attempt(task).unwrap_or((number, 0));
                    if flow.finished(task, attempt, now).is_ok() {
                        accepted[task as usize] += 1;
                    }
                }
                3 => {
                    let (attempt, _) = flow.attempt(task).unwrap_or((number, 0));
                    ignore(flow.failed(task, attempt, now));
                }
                4 => ignore(flow.worker_lost(number, now)),
                5 => ignore(flow.worker_joined(number, now)),
                6 if number == 0 => ignore(flow.cancel(task, now)),
                7 => while let Some(action) = flow.next_action() {
                    prop_assert!(!ended, "nothing comes after the end");
                    ended |= matches!(action, Action::End { .. });
                },
                _ => flow.tick(now),
            }
            let running = (0..7).filter(|t| matches!(flow.state(*t), Ok(State::Assigned | State::Running)));
            let workers: Vec<u32> = running.filter(|t| *t != sub).map(|t| flow.attempt(t).unwrap().1).collect();
            prop_assert!(workers.len() <= 2 && (workers.len() < 2 || workers[0] != workers[1]));
            prop_assert!(accepted.iter().all(|times| *times <= 1));
        }
    }
}
