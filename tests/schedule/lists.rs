//! HEFT, PEFT, the search and the bounds.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::*;

use super::graphs::{self, Random};
use super::{check, ignore};

fn scheduler(dag: &Dag<'_>) -> Scheduler<'static> {
    let config = SchedulerConfig { tasks: dag.tasks(), workers: dag.workers() };
    Scheduler::new(&config, Heap).unwrap()
}

/// The example of the paper on HEFT (Topcuoglu, Hariri and Wu, "Performance-Effective and Low-Complexity Task
/// Scheduling for Heterogeneous Computing", 2002, figure 2): ten tasks, three processors.
fn published() -> Dag<'static> {
    let seconds = [
        [14, 16, 9],
        [13, 19, 18],
        [11, 13, 19],
        [13, 8, 17],
        [12, 13, 10],
        [13, 16, 9],
        [7, 15, 11],
        [5, 11, 14],
        [18, 12, 20],
        [21, 7, 16],
    ];
    let edges = [
        (1, 2, 18),
        (1, 3, 12),
        (1, 4, 9),
        (1, 5, 11),
        (1, 6, 14),
        (2, 8, 19),
        (2, 9, 16),
        (3, 7, 23),
        (4, 8, 27),
        (4, 9, 23),
        (5, 9, 13),
        (6, 8, 15),
        (7, 10, 17),
        (8, 10, 11),
        (9, 10, 13),
    ];
    let mut dag = Dag::new(&DagConfig { tasks: 10, edges: 15, workers: 3 }, Heap).unwrap();
    dag.set_links(0.0, 1.0).unwrap();
    for row in seconds {
        let task = dag.add_task(0.0).unwrap();
        let all = row.into_iter().enumerate();
        all.for_each(|(w, s)| dag.set_seconds(task, w as u32, f64::from(s)).unwrap());
    }
    for (from, to, bytes) in edges {
        dag.add_edge(from - 1, to - 1, f64::from(bytes)).unwrap();
    }
    dag.build().unwrap();
    dag
}

#[test]
fn the_published_example_has_the_published_makespans() {
    let dag = published();
    let mut scheduler = scheduler(&dag);
    assert_eq!(scheduler.heft(&dag), Ok(80.0));
    check(&dag, &scheduler);
    assert!(scheduler.search(&dag, &SearchConfig::default()).unwrap() <= 80.0);
    assert!(check(&dag, &scheduler) >= scheduler.lower_bound(&dag).unwrap());
}

#[test]
fn schedules_are_sound_and_the_search_is_never_worse() {
    let mut random = Random::new(1);
    let (mut search, mut peft, mut above, mut count) = (0.0, 0.0, 0.0, 0.0);
    for kind in 0..300 {
        let graph = graphs::some(kind, &mut random);
        let workers = 1 + random.below(8);
        let shape =
            (random.chance(0.5), random.unit() * 1.5, [0.1, 0.5, 1.0, 5.0][random.below(4)]);
        let dag = graphs::dag(&graph, workers, shape, &mut random);
        let mut scheduler = scheduler(&dag);
        let bound = scheduler.lower_bound(&dag).unwrap();
        let heft = scheduler.heft(&dag).unwrap();
        assert_eq!(check(&dag, &scheduler), heft);
        let of_peft = scheduler.peft(&dag).unwrap();
        assert_eq!(check(&dag, &scheduler), of_peft);
        for rule in [Rule::Finish, Rule::Lookahead, Rule::Append] {
            for rank in [Rank::Mean, Rank::Best, Rank::Worst, Rank::WithoutTransfers] {
                let makespan = scheduler.list(&dag, rank, rule, &Situation::default()).unwrap();
                assert_eq!(check(&dag, &scheduler), makespan);
                assert!(makespan >= bound * (1.0 - 1e-12));
            }
        }
        let config = SearchConfig { rounds: 100, seed: kind as u64 };
        let best = scheduler.search(&dag, &config).unwrap();
        assert_eq!(check(&dag, &scheduler), best);
        assert!(best <= heft && best <= of_peft && best >= bound * (1.0 - 1e-12));
        assert_eq!(scheduler.search(&dag, &config), Ok(best), "the same again");
        search += (best / heft).ln();
        peft += (of_peft / heft).ln();
        above += (best / bound).ln();
        count += 1.0;
    }
    let mean = |sum: f64| f64::exp(sum / count);
    eprintln!(
        "geometric means: search / HEFT {:.4}, PEFT / HEFT {:.4}, search / bound {:.4}",
        mean(search),
        mean(peft),
        mean(above)
    );
    assert!(mean(search) < 0.97, "{}", mean(search));
}

/// The best of all orders and workers; every best schedule is among the lists without gaps of some order.
fn best_of_all(dag: &Dag<'_>) -> f64 {
    fn go(dag: &Dag<'_>, done: &mut Vec<Option<(u32, f64)>>, free: &mut Vec<f64>, best: &mut f64) {
        if done.iter().all(Option::is_some) {
            *best = best.min(done.iter().map(|d| d.unwrap().1).fold(0.0, f64::max));
            return;
        }
        for task in 0..done.len() {
            if done[task].is_some()
                || dag.before(task as u32).any(|(b, _)| done[b as usize].is_none())
            {
                continue;
            }
            for worker in 0..free.len() {
                let there = dag.before(task as u32).map(|(b, bytes)| {
                    let (home, finish) = done[b as usize].unwrap();
                    finish + dag.transfer(bytes, home, worker as u32)
                });
                let start = there.fold(free[worker], f64::max);
                let finish = start + dag.seconds(task as u32, worker as u32);
                if finish < *best {
                    let was = std::mem::replace(&mut free[worker], finish);
                    done[task] = Some((worker as u32, finish));
                    go(dag, done, free, best);
                    done[task] = None;
                    free[worker] = was;
                }
            }
        }
    }
    let mut best = f64::INFINITY;
    go(dag, &mut vec![None; dag.tasks()], &mut vec![0.0; dag.workers()], &mut best);
    best
}

#[test]
fn small_graphs_come_near_the_best_of_all() {
    let mut random = Random::new(2);
    let (mut sum, mut heft, mut hits) = (0.0, 0.0, 0);
    for seed in 0..60 {
        let tasks = 4 + random.below(4);
        let graph = graphs::layered(tasks, &mut random);
        let workers = 2 + random.below(2);
        let ccr = [0.2, 1.0][random.below(2)];
        let dag = graphs::dag(&graph, workers, (false, 1.0, ccr), &mut random);
        let best = best_of_all(&dag);
        let mut scheduler = scheduler(&dag);
        heft += (scheduler.heft(&dag).unwrap() / best).ln();
        let found = scheduler.search(&dag, &SearchConfig { rounds: 300, seed }).unwrap();
        assert!(found >= best - 1e-9 && scheduler.lower_bound(&dag).unwrap() <= best + 1e-9);
        sum += (found / best).ln();
        hits += usize::from(found <= best + 1e-9);
    }
    let mean = |sum: f64| f64::exp(sum / 60.0);
    eprintln!(
        "against the best: HEFT {:.4}, search {:.4}, {hits} of 60 the best",
        mean(heft),
        mean(sum)
    );
    assert!(mean(sum) < 1.01 && hits >= 45);
}

#[test]
fn in_the_middle_of_a_run_what_is_done_stays_and_the_lost_get_nothing() {
    let mut random = Random::new(3);
    for kind in 0..100 {
        let graph = graphs::some(kind, &mut random);
        let workers = 2 + random.below(5);
        let dag = graphs::dag(&graph, workers, (kind % 2 == 0, 1.0, 1.0), &mut random);
        let mut scheduler = scheduler(&dag);
        let whole = scheduler.heft(&dag).unwrap();
        let now = whole * random.unit();
        let gone = random.below(workers);
        let lost: Vec<bool> = (0..workers).map(|w| w == gone).collect();
        let stays =
            |p: &Placement| p.finish <= now || (p.start <= now && p.worker as usize != gone);
        let nowhere = Placement { worker: NO_WORKER, start: 0.0, finish: 0.0 };
        let fixed: Vec<Placement> =
            scheduler.placements().iter().map(|p| if stays(p) { *p } else { nowhere }).collect();
        let given = Situation { now, fixed: &fixed, lost: &lost, priorities: &[] };
        for search in [false, true] {
            if search {
                let config = SearchConfig { rounds: 20, seed: 1 };
                scheduler.search_given(&dag, &config, &given).unwrap();
            } else {
                scheduler.list(&dag, Rank::Mean, Rule::Finish, &given).unwrap();
            }
            for (task, placed) in scheduler.placements().iter().enumerate() {
                if fixed[task].worker != NO_WORKER {
                    assert_eq!(*placed, fixed[task]);
                    continue;
                }
                assert!(placed.worker as usize != gone && placed.start >= now);
                for (from, bytes) in dag.before(task as u32) {
                    let other = scheduler.placement(from);
                    let there = other.finish
                        + if other.worker as usize == gone {
                            0.0
                        } else {
                            dag.transfer(bytes, other.worker, placed.worker)
                        };
                    assert!(there <= placed.start + 1e-9);
                }
            }
        }
    }
}

#[test]
fn the_urgent_comes_first() {
    let mut dag = Dag::new(&DagConfig { tasks: 4, edges: 1, workers: 1 }, Heap).unwrap();
    for seconds in [9.0, 1.0, 5.0, 2.0] {
        dag.add_task(seconds).unwrap();
    }
    dag.add_edge(1, 3, 0.0).unwrap();
    dag.build().unwrap();
    let mut scheduler = scheduler(&dag);
    let mut order = |priorities: &[u8]| {
        let given = Situation { priorities, ..Situation::default() };
        scheduler.list(&dag, Rank::Mean, Rule::Finish, &given).unwrap();
        scheduler.tasks_of(0).collect::<Vec<_>>()
    };
    assert_eq!(order(&[]), [0, 2, 1, 3]);
    // What task 3 waits for is as urgent as task 3.
    assert_eq!(order(&[0, 0, 0, 7]), [1, 3, 0, 2]);
    assert_eq!(order(&[0, 0, 9, 7]), [2, 1, 3, 0]);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut dag = Dag::new(&DagConfig { tasks: 3, edges: 4, workers: 2 }, Heap).unwrap();
    assert_eq!(dag.build(), Err(Error::TaskState), "no tasks");
    assert_eq!(dag.set_speed(2, 1.0), Err(Error::TaskUnknown));
    assert_eq!(dag.set_speed(1, 0.0), Err(Error::Invalid));
    assert_eq!(dag.set_link(0, 0, 0.0, 1.0), Err(Error::Invalid));
    assert_eq!(dag.set_link(0, 1, -1.0, 1.0), Err(Error::Invalid));
    assert_eq!(dag.set_link(0, 2, 0.0, 1.0), Err(Error::TaskUnknown));
    assert_eq!(dag.add_task(f64::NAN), Err(Error::Invalid));
    (0..3).for_each(|t| assert_eq!(dag.add_task(1.0), Ok(t)));
    assert_eq!(dag.add_task(1.0), Err(Error::Capacity));
    assert_eq!(dag.set_speed(0, 1.0), Err(Error::TaskState), "tasks are there");
    assert_eq!(dag.add_edge(0, 3, 0.0), Err(Error::TaskUnknown));
    assert_eq!(dag.add_edge(1, 1, 0.0), Err(Error::TaskCycle));
    assert_eq!(dag.add_edge(0, 1, f64::INFINITY), Err(Error::Invalid));
    [(0, 1), (1, 2), (2, 0)].iter().for_each(|(a, b)| dag.add_edge(*a, *b, 1.0).unwrap());
    let mut small = Scheduler::new(&SchedulerConfig { tasks: 2, workers: 2 }, Heap).unwrap();
    assert_eq!(small.heft(&dag), Err(Error::TaskState), "not built");
    assert_eq!(dag.build(), Err(Error::TaskCycle));
    dag.clear();
    (0..3).for_each(|_| ignore(dag.add_task(1.0)));
    dag.set_seconds(2, 0, NEVER).unwrap();
    dag.build().unwrap();
    assert_eq!(small.heft(&dag), Err(Error::Capacity));
    assert_eq!(small.lower_bound(&dag), Err(Error::Capacity));
    let mut fits = Scheduler::new(&SchedulerConfig { tasks: 3, workers: 2 }, Heap).unwrap();
    assert_eq!(fits.heft(&dag), Ok(2.0));
    assert_eq!(fits.placement(2).worker, 1);
    let lost = Situation { lost: &[false, true], ..Situation::default() };
    assert_eq!(fits.list(&dag, Rank::Mean, Rule::Finish, &lost), Err(Error::TaskInfeasible));
    let wrong = Situation { lost: &[true], ..Situation::default() };
    assert_eq!(fits.list(&dag, Rank::Mean, Rule::Finish, &wrong), Err(Error::Length));
    let wrong = Situation { now: f64::NAN, ..Situation::default() };
    assert_eq!(fits.list(&dag, Rank::Mean, Rule::Finish, &wrong), Err(Error::Invalid));
    dag.set_seconds(2, 1, NEVER).unwrap();
    assert_eq!(dag.build(), Err(Error::TaskInfeasible));
    assert_eq!(
        Dag::footprint(&DagConfig { tasks: 0, ..DagConfig::default() }),
        Err(Error::Invalid)
    );
}

#[test]
fn a_graph_answers_for_itself_and_not_for_the_one_before() {
    let mut dag = Dag::new(&DagConfig { tasks: 4, edges: 4, workers: 1 }, Heap).unwrap();
    (0..4).for_each(|_| ignore(dag.add_task(1.0).unwrap()));
    [(0, 1), (1, 3), (2, 3)].iter().for_each(|(a, b)| dag.add_edge(*a, *b, 1.0).unwrap());
    dag.build().unwrap();
    assert_eq!((dag.before(3).count(), dag.after(2).count(), dag.order().len()), (2, 1, 4));
    dag.clear();
    assert_eq!((dag.before(3).count(), dag.order().len()), (0, 0));
    (0..2).for_each(|_| ignore(dag.add_task(1.0).unwrap()));
    dag.add_edge(0, 1, 1.0).unwrap();
    dag.build().unwrap();
    for task in [2, 3, 4, u32::MAX] {
        assert_eq!((dag.before(task).count(), dag.after(task).count()), (0, 0), "{task}");
        assert_eq!(dag.seconds(task, 0), NEVER);
    }
    assert!(dag.before(1).eq([(0, 1.0)]) && dag.after(0).eq([(1, 1.0)]));
    assert_eq!((dag.seconds(0, 1), dag.transfer(1.0, 0, 1)), (NEVER, NEVER), "there is one worker");
}

#[test]
fn what_was_refused_is_not_to_be_read() {
    let dag = published();
    let mut scheduler = scheduler(&dag);
    let lost = Situation { lost: &[true; 3], ..Situation::default() };
    let short = Situation { lost: &[true; 2], ..Situation::default() };
    let config = SearchConfig::default();
    let mut empty = Dag::new(&DagConfig::default(), Heap).unwrap();
    empty.add_task(1.0).unwrap();
    for what in 0..6 {
        assert_eq!(scheduler.heft(&dag), Ok(80.0));
        assert!(scheduler.placements().len() == 10 && scheduler.tasks_of(1).count() > 0);
        let refused = match what {
            0 => scheduler.list(&dag, Rank::Mean, Rule::Finish, &lost),
            1 => scheduler.list(&dag, Rank::Mean, Rule::Finish, &short),
            2 => scheduler.search_given(&dag, &config, &lost),
            3 => scheduler.heft(&empty),
            4 => scheduler.peft(&empty),
            _ => scheduler.lower_bound(&empty),
        };
        assert!(refused.is_err());
        assert_eq!((scheduler.makespan(), scheduler.placements().len()), (0.0, 0), "{what}");
        assert_eq!(scheduler.placement(0).worker, NO_WORKER);
        assert!((0..3).all(|worker| scheduler.tasks_of(worker).count() == 0));
    }
}

#[test]
fn numbers_at_the_ends_of_their_ranges() {
    let mut dag = Dag::new(&DagConfig { tasks: 2, edges: 1, workers: 2 }, Heap).unwrap();
    assert_eq!(dag.add_task(MAX_SECONDS), Err(Error::Invalid));
    (0..2).for_each(|_| ignore(dag.add_task(MAX_SECONDS / 1e9).unwrap()));
    assert_eq!(dag.set_seconds(0, 0, 2.0 * MAX_SECONDS), Err(Error::Invalid));
    assert_eq!(dag.set_seconds(0, 0, -1.0), Err(Error::Invalid));
    assert_eq!(dag.set_seconds(0, 2, 1.0), Err(Error::TaskUnknown));
    assert_eq!(dag.set_seconds(2, 0, 1.0), Err(Error::TaskUnknown));
    dag.set_seconds(0, 0, MAX_SECONDS).unwrap();
    assert_eq!(dag.set_link(0, 1, 0.0, f64::NAN), Err(Error::Invalid));
    assert_eq!(dag.set_link(0, 1, 0.0, 1e-31), Err(Error::Invalid));
    dag.set_links(MAX_SECONDS, 1e-30).unwrap();
    dag.add_edge(0, 1, MAX_SECONDS / 1e40).unwrap();
    assert_eq!(dag.add_edge(0, 1, 0.0), Err(Error::Capacity));
    dag.build().unwrap();
    let mut scheduler = scheduler(&dag);
    assert!(scheduler.heft(&dag).unwrap().is_finite());
    check(&dag, &scheduler);
    let fixed = [Placement { worker: 0, start: 2.0, finish: 1.0 }; 2];
    let wrong = Situation { fixed: &fixed, ..Situation::default() };
    assert_eq!(scheduler.list(&dag, Rank::Mean, Rule::Finish, &wrong), Err(Error::Invalid));
    let fixed = [Placement { worker: 2, start: 0.0, finish: 1.0 }; 2];
    let wrong = Situation { fixed: &fixed, ..Situation::default() };
    assert_eq!(scheduler.list(&dag, Rank::Mean, Rule::Finish, &wrong), Err(Error::Invalid));
    for config in [
        DagConfig { workers: 0, ..DagConfig::default() },
        DagConfig { workers: 65_536, ..DagConfig::default() },
        DagConfig { edges: (1 << 24) + 1, ..DagConfig::default() },
    ] {
        assert_eq!(Dag::footprint(&config), Err(Error::Invalid));
    }
    for config in
        [SchedulerConfig { tasks: 0, workers: 1 }, SchedulerConfig { tasks: 1, workers: 65_536 }]
    {
        assert_eq!(Scheduler::footprint(&config), Err(Error::Invalid));
    }
}
