//! Schedules and workflows from the outside.

#[cfg(unix)]
#[path = "../common/data.rs"]
mod data;
mod ends;
mod flows;
mod gantt;
mod graphs;
mod lists;
#[cfg(unix)]
mod wfcommons;

use neural_swarm::task::schedule::{Dag, NO_WORKER, Placement, Scheduler};

/// Whether a call succeeds does not matter here.
pub fn ignore<T>(_: T) {}

/// That a schedule is one: nothing begins before its data is there, no worker does two things at once, each task
/// takes as long as it must. By its own way, not the library's. The makespan.
pub fn check(dag: &Dag<'_>, scheduler: &Scheduler<'_>) -> f64 {
    let all = scheduler.placements();
    assert_eq!(all.len(), dag.tasks());
    let mut makespan = 0.0f64;
    for (task, placed) in all.iter().enumerate() {
        let Placement { worker, start, finish } = *placed;
        assert!(worker != NO_WORKER && start >= 0.0);
        let seconds = dag.seconds(task as u32, worker);
        assert!((finish - start - seconds).abs() <= 1e-9 * finish.max(1.0), "task {task}");
        for (from, bytes) in dag.before(task as u32) {
            let other = &all[from as usize];
            let there = other.finish + dag.transfer(bytes, other.worker, worker);
            assert!(there <= start + 1e-9 * start.max(1.0), "task {task} has no data of {from}");
        }
        makespan = makespan.max(finish);
    }
    let mut count = 0;
    for worker in 0..dag.workers() as u32 {
        let mut own: Vec<&Placement> =
            all.iter().filter(|placed| placed.worker == worker).collect();
        own.sort_by(|a, b| (a.start, a.finish).partial_cmp(&(b.start, b.finish)).unwrap());
        let apart =
            |two: &[&Placement]| two[0].finish <= two[1].start + 1e-9 * two[1].start.max(1.0);
        assert!(own.windows(2).all(apart), "worker {worker} does two at once");
        let listed: Vec<u32> = scheduler.tasks_of(worker).collect();
        assert!(listed.iter().map(|t| &all[*t as usize]).eq(own.iter().copied()));
        count += listed.len();
    }
    assert_eq!(count, all.len());
    assert_eq!(makespan, scheduler.makespan());
    makespan
}
