//! The steps of tasks: assignment and schedules. `scripts/bench` runs it; `scripts/bench tasks` measures them beside
//! others.

#[path = "../tests/schedule/graphs.rs"]
mod graphs;

use core::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use graphs::Random;
use neural_swarm::port::Heap;
use neural_swarm::task::assign::{Assigner, AssignerConfig};
use neural_swarm::task::schedule::{Scheduler, SchedulerConfig, SearchConfig};

fn assignment(c: &mut Criterion) {
    let mut random = Random::new(1);
    for n in [100, 1000] {
        let costs: Vec<f64> = (0..n * n).map(|_| random.unit()).collect();
        let config = AssignerConfig { rows: n, columns: n, tall: false };
        let mut assigner = Assigner::new(&config, Heap).unwrap();
        c.bench_function(&format!("assignment/{n}"), |b| {
            b.iter(|| assigner.solve(n, n, black_box(&costs)).unwrap());
        });
    }
}

fn schedules(c: &mut Criterion) {
    let mut random = Random::new(2);
    for tasks in [100, 1000] {
        let graph = graphs::layered(tasks, &mut random);
        let dag = graphs::dag(&graph, 8, (false, 1.0, 1.0), &mut random);
        let config = SchedulerConfig { tasks, workers: 8 };
        let mut scheduler = Scheduler::new(&config, Heap).unwrap();
        c.bench_function(&format!("HEFT/{tasks}"), |b| {
            b.iter(|| scheduler.heft(black_box(&dag)).unwrap());
        });
        c.bench_function(&format!("PEFT/{tasks}"), |b| {
            b.iter(|| scheduler.peft(black_box(&dag)).unwrap());
        });
        let search = SearchConfig { rounds: 100, seed: 1 };
        c.bench_function(&format!("search of 100/{tasks}"), |b| {
            b.iter(|| scheduler.search(black_box(&dag), &search).unwrap());
        });
    }
}

criterion_group!(benches, assignment, schedules);
criterion_main!(benches);
