//! Assignment beside SciPy.

use neural_swarm::port::Heap;
use neural_swarm::task::assign::{Assigner, AssignerConfig, FORBIDDEN};
use serde_json::json;

use super::Tasks;
use super::graphs::Random;
use crate::bench::Match;
use crate::measure::{Contestant, Outcome};
use crate::report::{Section, Table, Unit};

const KINDS: [&str; 7] = [
    "uniform",
    "integers to 100",
    "integers to a million",
    "distances",
    "products",
    "forbidden pairs",
    "worst case",
];

fn costs(kind: &str, rows: usize, columns: usize, random: &mut Random) -> Vec<f64> {
    let point = |random: &mut Random| (random.unit(), random.unit());
    let a: Vec<(f64, f64)> = (0..rows).map(|_| point(random)).collect();
    let b: Vec<(f64, f64)> = (0..columns).map(|_| point(random)).collect();
    let cost = |k: usize| {
        let (i, j) = (k / columns, k % columns);
        match kind {
            "uniform" => random.unit(),
            "integers to 100" => random.below(100) as f64,
            "integers to a million" => random.below(1_000_000) as f64,
            "distances" => f64::hypot(a[i].0 - b[j].0, a[i].1 - b[j].1),
            "products" => a[i].0 * b[j].0,
            "forbidden pairs" => {
                if random.chance(0.5) {
                    FORBIDDEN
                } else {
                    random.unit()
                }
            }
            // Machol and Wien 1976.
            _ => (i + 1) as f64 * (j + 1) as f64,
        }
    };
    (0..rows * columns).map(cost).collect()
}

fn bytes(costs: &[f64]) -> Vec<u8> {
    costs.iter().flat_map(|cost| cost.to_le_bytes()).collect()
}

/// The same optimum on thousands of instances.
pub fn equality(tasks: &Tasks<'_>) -> Outcome<Section> {
    let title = "The optimum of SciPy";
    if !tasks.wants("assignment: the optimum") {
        return Ok(Section { title, ..Section::default() });
    }
    let mut random = Random::new(1);
    let file = tasks.peers.join("matrices.bin");
    let mut assigner =
        Assigner::new(&AssignerConfig { rows: 120, columns: 120, tall: true }, Heap)?;
    let mut rows = Vec::new();
    for kind in KINDS {
        let count = tasks.effort.pick(1000, 100);
        let (mut shapes, mut matrices) = (Vec::new(), Vec::new());
        for k in 0..count {
            let most = if k % 10 == 0 { 120 } else { 20 };
            let side = |random: &mut Random| 1 + random.below(most);
            let (r, c) = (side(&mut random), side(&mut random));
            let (r, c) = if random.chance(0.4) { (r, r) } else { (r, c) };
            matrices.push(costs(kind, r, c, &mut random));
            shapes.push([r, c]);
        }
        std::fs::write(&file, bytes(&matrices.concat()))?;
        let answer = tasks.python.ask(&json!({"do": "totals", "file": file, "shapes": shapes}))?;
        let theirs = answer.as_array().ok_or("SciPy gave no totals")?;
        let (mut equal, mut infeasible, mut off) = (0, 0, 0.0f64);
        for ((shape, matrix), theirs) in shapes.iter().zip(&matrices).zip(theirs) {
            match (assigner.solve(shape[0], shape[1], matrix), theirs.as_f64()) {
                (Ok(ours), Some(theirs)) => {
                    let scale = theirs.abs().max(1.0);
                    off = off.max((ours - theirs).abs() / scale);
                    equal += usize::from((ours - theirs).abs() <= 1e-9 * scale);
                }
                (Err(neural_swarm::Error::TaskInfeasible), None) => infeasible += 1,
                (ours, theirs) => return Err(format!("{kind}: {ours:?}, SciPy {theirs:?}").into()),
            }
        }
        let cells = [count, equal, infeasible].map(|n| n.to_string());
        rows.push([&[kind.to_string()][..], &cells, &[format!("{off:.1e}")]].concat());
    }
    let head =
        vec!["costs", "instances", "the same optimum", "infeasible for both", "largest difference"];
    let text = "Matrices of 1 to 20 rows and columns, every tenth of up to 120, four in ten square; the difference \
                is relative.";
    let tables = vec![(String::new(), Table { head, rows })];
    Ok(Section { title, text: text.to_string(), tables, ..Section::default() })
}

/// Taking turns.
pub fn speed(tasks: &Tasks<'_>) -> Outcome<Section> {
    let mut random = Random::new(2);
    let mut rows = Vec::new();
    let file = tasks.peers.join("matrix.bin");
    let shapes = [(10, 10), (100, 100), (1000, 1000), (1000, 2000), (2000, 1000)];
    for (kind, (r, c)) in KINDS.into_iter().flat_map(|kind| shapes.map(|shape| (kind, shape))) {
        let work = format!("assignment: {r} by {c}, {kind}");
        if (r != c && kind != "uniform") || !tasks.wants(&work) {
            continue;
        }
        let costs = costs(kind, r, c, &mut random);
        std::fs::write(&file, bytes(&costs))?;
        let request = json!({"do": "assign", "name": work, "file": file, "rows": r, "columns": c});
        let theirs = tasks.python.ask(&request)?.as_f64().ok_or("SciPy gave no total")?;
        let mut assigner =
            Assigner::new(&AssignerConfig { rows: r, columns: c, tall: r > c }, Heap)?;
        let total = assigner.solve(r, c, &costs)?;
        let ours = Contestant::calls("ours", || {
            let _ = assigner.solve(r, c, &costs);
        });
        let peers = vec![(tasks.python.contestant("SciPy", work.clone()), true)];
        // The n = 1000 of the issue; what is smaller is as much Python as SciPy.
        let floor = (r == 1000 && c == 1000).then_some(1.0);
        let row = Match { work, unit: Unit::Time, floor, ours, peers }.measure(tasks.effort)?;
        let same = (total - theirs).abs() <= 1e-9 * theirs.abs().max(1.0);
        rows.push(crate::report::Row { same, ..row });
    }
    let text = "Dense matrices of f64; SciPy's are numpy arrays made before. \"Worst case\" has the costs i * j.";
    Ok(Section { title: "Assignment", text: text.to_string(), rows, ..Section::default() })
}
