//! What is cancelled, where tasks were, and the ends of time.

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::*;

use super::graphs::Random;
use super::ignore;

const SECOND: u64 = 1_000_000;

fn flow(tasks: usize, workers: usize) -> Workflow<'static> {
    let dag = DagConfig { tasks, edges: tasks * 3, workers };
    let config = WorkflowConfig {
        dag,
        subflows: tasks,
        keep_going: true,
        late: 0.0,
        ..WorkflowConfig::default()
    };
    Workflow::new(&config, Heap).unwrap()
}

#[test]
fn placements_are_where_tasks_really_were() {
    let mut flow = flow(5, 1);
    let once = TaskOptions { attempts: 1, ..TaskOptions::default() };
    let [slow, fails, behind, dropped, last] = [0; 5].map(|_| flow.add_task(&once).unwrap());
    flow.add_edge(fails, behind, 0.0).unwrap();
    assert_eq!(flow.placement(slow).unwrap().worker, NO_WORKER, "before the start");
    flow.start(0).unwrap();
    let nowhere = Placement { worker: NO_WORKER, start: 0.0, finish: 0.0 };
    let mut now = 0;
    flow.cancel(dropped, now).unwrap();
    while let Some(action) = flow.next_action() {
        let Action::Start { task, attempt, worker } = action else { continue };
        let began = now as f64 / 1e6;
        let seen = flow.placement(task).unwrap();
        assert_eq!((seen.worker, seen.start), (worker, began));
        now += 3 * SECOND;
        if task == fails {
            flow.failed(task, attempt, now).unwrap();
            assert_eq!(flow.placement(task), Ok(nowhere), "it was not done");
        } else {
            flow.finished(task, attempt, now).unwrap();
            let was = Placement { worker, start: began, finish: now as f64 / 1e6 };
            assert_eq!(flow.placement(task), Ok(was), "not the one second that was planned");
        }
    }
    assert!(flow.state(slow) == Ok(State::Done) && flow.state(last) == Ok(State::Done));
    assert_eq!(flow.placement(behind), Ok(nowhere));
    assert_eq!(flow.placement(dropped), Ok(nowhere));
    assert_eq!(flow.placement(9), Err(Error::TaskUnknown));
}

#[test]
fn what_nobody_can_do_now_is_nowhere() {
    let mut flow = flow(2, 2);
    (0..2).for_each(|_| ignore(flow.add_task(&TaskOptions::default()).unwrap()));
    flow.set_seconds(1, 0, NEVER).unwrap();
    flow.worker_lost(1, 0).unwrap();
    flow.start(0).unwrap();
    assert_eq!(flow.placement(0).unwrap().worker, 0);
    assert_eq!(flow.placement(1).unwrap().worker, NO_WORKER);
    flow.worker_joined(1, SECOND).unwrap();
    assert_eq!(flow.placement(1).unwrap().worker, 1);
}

#[test]
fn the_end_of_time_stops_nothing_that_has_no_end() {
    for late in [0.0, 2.0] {
        let dag = DagConfig { tasks: 1, edges: 0, workers: 1 };
        let config = WorkflowConfig { dag, late, ..WorkflowConfig::default() };
        let mut flow = Workflow::new(&config, Heap).unwrap();
        flow.add_task(&TaskOptions::default()).unwrap();
        flow.start(0).unwrap();
        assert_eq!(flow.next_action(), Some(Action::Start { task: 0, attempt: 1, worker: 0 }));
        flow.tick(u64::MAX);
        flow.tick(u64::MAX);
        assert_eq!((flow.next_action(), flow.state(0)), (None, Ok(State::Assigned)));
        flow.finished(0, 1, u64::MAX).unwrap();
        assert_eq!(flow.state(0), Ok(State::Done));
    }
    // What has an end is stopped, though it would be beyond all time.
    let dag = DagConfig { tasks: 1, edges: 0, workers: 1 };
    let mut flow =
        Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap).unwrap();
    flow.add_task(&TaskOptions { timeout_us: 5, ..TaskOptions::default() }).unwrap();
    flow.start(0).unwrap();
    flow.next_action().unwrap();
    flow.tick(u64::MAX);
    assert_eq!(flow.next_action(), Some(Action::Stop { task: 0, attempt: 1, worker: 0 }));
}

/// A workflow of random sub-workflows in one another, and who is within whom, and who waits for whom.
struct Nested {
    within: Vec<u32>,
    subflow: Vec<bool>,
    edges: Vec<(u32, u32)>,
    numbers: Vec<u32>,
}

impl Nested {
    fn new(flow: &mut Workflow<'_>, random: &mut Random) -> Nested {
        let (mut within, mut subflow, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..4 + random.below(16) {
            let outers: Vec<u32> = (numbers.iter().copied().zip(&subflow))
                .filter_map(|(n, is): (u32, &bool)| is.then_some(n))
                .collect();
            let pick = random.below(outers.len() + 1);
            let inside = outers.get(pick).copied().unwrap_or(OUTERMOST);
            let is = random.chance(0.35);
            numbers.push(if is {
                flow.add_subflow(inside, 0).unwrap()
            } else {
                flow.add_task(&TaskOptions {
                    within: inside,
                    attempts: 1,
                    ..TaskOptions::default()
                })
                .unwrap()
            });
            within.push(inside);
            subflow.push(is);
        }
        let mut nested = Nested { within, subflow, edges: Vec::new(), numbers };
        for _ in 0..random.below(nested.numbers.len() * 2) {
            let (a, b) = (random.below(nested.numbers.len()), random.below(nested.numbers.len()));
            // Between tasks of the same sub-workflow alone, so that there is no circle.
            if a < b && nested.within[a] == nested.within[b] {
                let edge = (nested.numbers[a], nested.numbers[b]);
                flow.add_edge(edge.0, edge.1, 0.0).unwrap();
                nested.edges.push(edge);
            }
        }
        nested
    }

    fn at(&self, number: u32) -> usize {
        self.numbers.iter().position(|n| *n == number).unwrap()
    }

    /// What is dropped with a task: the definition, again and again until nothing is added.
    fn dropped(&self, first: u32) -> BTreeSet<u32> {
        // A whole that lacks a part keeps its other parts; what waits for the whole goes, with its parts.
        let mut gone = BTreeSet::from([first]);
        let mut whole = BTreeSet::from([first]);
        loop {
            let before = (gone.len(), whole.len());
            for at in 0..self.numbers.len() {
                let number = self.numbers[at];
                let waits =
                    self.edges.iter().any(|(from, to)| *to == number && gone.contains(from));
                let part = self.within[at] != OUTERMOST && whole.contains(&self.within[at]);
                let lacks = self.subflow[at]
                    && (0..self.numbers.len())
                        .any(|k| self.within[k] == number && gone.contains(&self.numbers[k]));
                if waits || part {
                    whole.insert(number);
                }
                if waits || part || lacks {
                    gone.insert(number);
                }
            }
            if (gone.len(), whole.len()) == before {
                return gone;
            }
        }
    }
}

#[test]
fn cancelling_drops_what_the_definition_says() {
    let mut random = Random::new(50);
    let (mut cancelled, mut failed) = (0, 0);
    for _ in 0..400 {
        let mut flow = flow(32, 3);
        let nested = Nested::new(&mut flow, &mut random);
        flow.start(0).unwrap();
        let mut now = 0;
        let mut under_way = Vec::new();
        loop {
            let before: Vec<State> =
                nested.numbers.iter().map(|n| flow.state(*n).unwrap()).collect();
            let number = nested.numbers[random.below(nested.numbers.len())];
            let is_final = before[nested.at(number)].is_final();
            now += SECOND;
            let dropped = if random.chance(0.25) {
                let answer = flow.cancel(number, now);
                assert_eq!(answer, if is_final { Err(Error::TaskState) } else { Ok(()) });
                answer.is_ok().then_some(number)
            } else {
                while let Some(action) = flow.next_action() {
                    if let Action::Start { task, attempt, .. } = action {
                        under_way.push((task, attempt));
                    }
                }
                let pick = random.below(under_way.len().max(1));
                let Some((task, attempt)) = under_way.get(pick).copied() else { continue };
                under_way.swap_remove(pick);
                if random.chance(0.3) {
                    flow.failed(task, attempt, now).ok().map(|()| task)
                } else {
                    ignore(flow.finished(task, attempt, now));
                    None
                }
            };
            if let Some(first) = dropped {
                let gone = nested.dropped(first);
                for (at, number) in nested.numbers.iter().enumerate() {
                    let state = flow.state(*number).unwrap();
                    let was = before[at];
                    if was.is_final() {
                        assert_eq!(state, was);
                    } else {
                        assert_eq!(state.is_final(), gone.contains(number), "{number} of {first}");
                    }
                }
                if flow.state(first) == Ok(State::Failed) {
                    failed += 1;
                } else {
                    cancelled += 1;
                }
            }
            if flow.open() == 0 {
                break;
            }
        }
    }
    assert!(cancelled > 200 && failed > 200, "both were seen: {cancelled} {failed}");
}

#[test]
fn calls_that_do_not_fit_are_refused_and_change_nothing() {
    let mut flow = flow(4, 2);
    let sub = flow.add_subflow(OUTERMOST, 0).unwrap();
    let part = flow.add_task(&TaskOptions { within: sub, ..TaskOptions::default() }).unwrap();
    let begin = sub - 1;
    assert_eq!(flow.set_seconds(sub, 0, 1.0), Err(Error::TaskState), "it has no time of its own");
    assert_eq!(flow.set_seconds(9, 0, 1.0), Err(Error::TaskUnknown));
    assert_eq!(flow.add_subflow(part, 0), Err(Error::TaskUnknown));
    assert_eq!(flow.add_edge(begin, part, 0.0), Err(Error::TaskUnknown), "nobody knows it");
    assert_eq!(flow.add_edge(sub, sub, 0.0), Err(Error::TaskCycle));
    assert_eq!(flow.state(begin), Err(Error::TaskUnknown));
    assert_eq!(flow.attempt(begin), Err(Error::TaskUnknown));
    assert_eq!(flow.placement(begin), Err(Error::TaskUnknown));
    assert_eq!(flow.cancel(part, 0), Err(Error::TaskState), "nothing runs");
    assert_eq!(flow.cancel_all(), Err(Error::TaskState));
    assert_eq!(flow.finished(part, 1, 0), Err(Error::TaskState));
    assert_eq!((flow.next_action(), flow.next_wake_us()), (None, u64::MAX));
    flow.start(0).unwrap();
    assert_eq!(flow.cancel(begin, 0), Err(Error::TaskUnknown));
    assert_eq!(flow.finished(sub, 1, 0), Err(Error::TaskState), "no worker has it");
    assert_eq!(flow.started(part, 1, 0), Err(Error::TaskAttempt), "its worker was not told yet");
    for call in [flow.set_speed(0, 1.0), flow.set_links(0.0, 1.0), flow.set_link(0, 1, 0.0, 1.0)] {
        assert_eq!(call, Err(Error::TaskState));
    }
    assert_eq!(flow.set_seconds(part, 0, 1.0), Err(Error::TaskState));
    assert_eq!(flow.add_subflow(OUTERMOST, 0), Err(Error::TaskState));
    assert_eq!(flow.add_task(&TaskOptions::default()), Err(Error::TaskState));
    let start = flow.next_action();
    assert!(matches!(start, Some(Action::Start { task, attempt: 1, .. }) if task == part));
    flow.finished(part, 1, SECOND).unwrap();
    assert_eq!(flow.state(sub), Ok(State::Done));
}
