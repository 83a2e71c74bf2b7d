//! Graphs of tasks as they are used to compare schedulers, from a seed.

#[path = "../common/random.rs"]
mod random;

use neural_swarm::port::Heap;
use neural_swarm::task::schedule::{Dag, DagConfig};
pub use random::Random;

/// Edges between tasks that are numbered such that each comes after what it waits for.
pub struct Graph {
    pub tasks: usize,
    pub edges: Vec<(usize, usize)>,
}

/// Layers of random width; each task waits for one to three of the layer before, and now and then for an older one.
pub fn layered(tasks: usize, random: &mut Random) -> Graph {
    let width = 1 + (tasks as f64).sqrt() as usize;
    let (mut edges, mut last, mut next) = (Vec::new(), 0..0, 0);
    while next < tasks {
        let layer = next..(next + 1 + random.below(2 * width)).min(tasks);
        for task in layer.clone().filter(|_| !last.is_empty()) {
            let mut from: Vec<usize> =
                (0..1 + random.below(3)).map(|_| last.start + random.below(last.len())).collect();
            if random.chance(0.1) {
                from.push(random.below(last.end));
            }
            from.sort_unstable();
            from.dedup();
            edges.extend(from.into_iter().map(|from| (from, task)));
        }
        next = layer.end;
        last = layer;
    }
    Graph { tasks, edges }
}

/// One task, then `width` side by side, then one, so often.
pub fn fork_join(width: usize, times: usize) -> Graph {
    let mut edges = Vec::new();
    for k in 0..times {
        let first = k * (width + 1);
        for side in 1..=width {
            edges.push((first, first + side));
            edges.push((first + side, first + width + 1));
        }
    }
    Graph { tasks: times * (width + 1) + 1, edges }
}

/// Gaussian elimination of a matrix with `size` rows: in each step a pivot, then the columns behind it.
pub fn gaussian(size: usize) -> Graph {
    let (mut edges, mut first, mut before) = (Vec::new(), 0, None);
    for k in 0..size - 1 {
        let width = size - 1 - k;
        if let Some(before) = before {
            // The pivot's column is the first of the step before, the others lie one further.
            edges.push((before + 1, first));
            (1..=width).for_each(|j| edges.push((before + 1 + j, first + j)));
        }
        (1..=width).for_each(|j| edges.push((first, first + j)));
        before = Some(first);
        first += width + 1;
    }
    Graph { tasks: first, edges }
}

/// A fast Fourier transform of 2^`levels` points: a tree of calls, then butterflies.
pub fn fourier(levels: usize) -> Graph {
    let points = 1 << levels;
    let mut edges = Vec::new();
    for task in 1..2 * points - 1 {
        edges.push(((task - 1) / 2, task));
    }
    let mut before = points - 1;
    for level in 0..levels {
        for k in 0..points {
            let task = before + points + k;
            edges.push((before + k, task));
            edges.push((before + (k ^ 1 << level), task));
        }
        before += points;
    }
    Graph { tasks: before + points, edges }
}

/// Mosaics of the sky, in the shape of Montage: projections, differences of neighbours, a fit, corrections, a sum.
pub fn montage(images: usize) -> Graph {
    let (mut edges, differences) = (Vec::new(), 2 * images - 3);
    let fit = images + differences;
    for k in 0..differences {
        let (a, b) = if k < images - 1 { (k, k + 1) } else { (k + 1 - images, k + 3 - images) };
        edges.extend([(a, images + k), (b, images + k), (images + k, fit)]);
    }
    let model = fit + 1;
    edges.push((fit, model));
    for k in 0..images {
        edges.extend([
            (model, model + 1 + k),
            (k, model + 1 + k),
            (model + 1 + k, model + 1 + images),
        ]);
    }
    let sum = model + 1 + images;
    edges.push((sum, sum + 1));
    Graph { tasks: sum + 2, edges }
}

/// All of these, by number.
#[allow(dead_code)]
pub fn some(kind: usize, random: &mut Random) -> Graph {
    match kind % 5 {
        0 => {
            let tasks = 20 + random.below(60);
            layered(tasks, random)
        }
        1 => fork_join(3 + random.below(8), 1 + random.below(5)),
        2 => gaussian(4 + random.below(7)),
        3 => fourier(2 + random.below(3)),
        _ => montage(5 + random.below(15)),
    }
}

/// Workers and times: related ones have speeds (the work of a task divided by the speed of the worker), unrelated ones a
/// time for each pair, up to `spread` off the mean. `ccr` is the mean time of a transfer in mean times of a task.
pub fn dag(
    graph: &Graph,
    workers: usize,
    (related, spread, ccr): (bool, f64, f64),
    random: &mut Random,
) -> Dag<'static> {
    let config = DagConfig { tasks: graph.tasks, edges: graph.edges.len(), workers };
    let mut dag = Dag::new(&config, Heap).unwrap();
    if related {
        (0..workers as u32).for_each(|w| dag.set_speed(w, 0.5 + 1.5 * random.unit()).unwrap());
    }
    for a in 0..workers as u32 {
        for b in 0..a {
            let bandwidth = 0.5 + random.unit();
            dag.set_link(a, b, 0.01, bandwidth).unwrap();
            dag.set_link(b, a, 0.01, bandwidth).unwrap();
        }
    }
    for _ in 0..graph.tasks {
        let work = 2.0 + 18.0 * random.unit();
        let task = dag.add_task(work).unwrap();
        if !related {
            for w in 0..workers as u32 {
                let seconds = work * (1.0 + spread * (random.unit() - 0.5));
                dag.set_seconds(task, w, seconds).unwrap();
            }
        }
    }
    for (from, to) in &graph.edges {
        dag.add_edge(*from as u32, *to as u32, 11.0 * ccr * 2.0 * random.unit()).unwrap();
    }
    dag.build().unwrap();
    dag
}
