//! The exact assignment of a matrix: against all permutations, and by its dual prices.

use core::mem::MaybeUninit;

use neural_swarm::Error;
use neural_swarm::port::{Arena, Heap};
use neural_swarm::task::assign::{Assigner, AssignerConfig, FORBIDDEN, MAX_COST, UNASSIGNED};

use super::Random;

/// The best sum by trying everything: rows at most as many as columns, at most 20 columns.
fn exhaustive(rows: usize, columns: usize, costs: &[f64]) -> f64 {
    // Over sets of columns that the first rows have taken.
    let mut best = vec![f64::INFINITY; 1 << columns];
    best[0] = 0.0;
    let mut least = f64::INFINITY;
    for set in 0usize..1 << columns {
        let row = set.count_ones() as usize;
        if row == rows {
            least = least.min(best[set]);
        }
        if row >= rows || best[set] == f64::INFINITY {
            continue;
        }
        for j in (0..columns).filter(|j| set >> j & 1 == 0) {
            let sum = best[set] + costs[row * columns + j];
            let next = &mut best[set | 1 << j];
            *next = next.min(sum);
        }
    }
    least
}

fn transposed(rows: usize, columns: usize, costs: &[f64]) -> Vec<f64> {
    (0..columns).flat_map(|j| (0..rows).map(move |i| costs[i * columns + j])).collect()
}

/// That the solution is one, and by its prices the best: no other may cost less.
fn check(assigner: &Assigner<'_>, rows: usize, columns: usize, costs: &[f64], total: f64) {
    let (to_column, to_row) = (assigner.columns(), assigner.rows());
    assert_eq!((to_column.len(), to_row.len()), (rows, columns));
    let pairs: Vec<(usize, usize)> = (0..rows)
        .filter(|i| to_column[*i] != UNASSIGNED)
        .map(|i| (i, to_column[i] as usize))
        .collect();
    assert_eq!(pairs.len(), rows.min(columns));
    assert_eq!(to_row.iter().filter(|i| **i != UNASSIGNED).count(), rows.min(columns));
    let scale = costs.iter().filter(|c| c.is_finite()).fold(1.0, |a: f64, c| a.max(c.abs()));
    let fine = scale * 1e-12 * (rows + columns) as f64;
    let sum: f64 = pairs.iter().map(|&(i, j)| costs[i * columns + j]).sum();
    assert!((sum - total).abs() <= fine, "{sum} {total}");
    let (u, v) = (assigner.row_prices(), assigner.column_prices());
    for (i, j) in &pairs {
        assert_eq!(to_row[*j] as usize, *i);
        assert!((u[*i] + v[*j] - costs[i * columns + j]).abs() <= fine);
    }
    for i in 0..rows {
        for j in 0..columns {
            assert!(u[i] + v[j] <= costs[i * columns + j] + fine, "pair {i} {j}");
        }
    }
    if rows < columns {
        assert!(v.iter().zip(to_row).all(|(v, i)| *v <= fine && (*i != UNASSIGNED || *v == 0.0)));
    }
    if rows > columns {
        assert!(
            u.iter().zip(to_column).all(|(u, j)| *u <= fine && (*j != UNASSIGNED || *u == 0.0))
        );
    }
}

/// Costs of some kind: continuous, with many ties, with forbidden pairs, products, far from zero.
fn instance(random: &mut Random, rows: usize, columns: usize) -> Vec<f64> {
    let kind = random.below(6);
    let (a, b): (Vec<f64>, Vec<f64>) =
        ((0..rows).map(|_| random.unit()).collect(), (0..columns).map(|_| random.unit()).collect());
    let holes = random.unit();
    let mut cost = |i: usize, j: usize| match kind {
        0 => random.unit(),
        1 => random.below(4) as f64,
        2 if random.chance(holes) => FORBIDDEN,
        2 => random.below(50) as f64 - 25.0,
        3 => a[i] * b[j],
        4 => (a[i] - b[j]).abs() * 1e6 - 1e6,
        _ => (i + 1) as f64 * (j + 1) as f64,
    };
    (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| cost(i, j)).collect()
}

#[test]
fn small_problems_have_the_best_of_all_assignments() {
    let mut random = Random::new(1);
    let config = AssignerConfig { rows: 9, columns: 9, tall: true };
    let mut assigner = Assigner::new(&config, Heap).unwrap();
    let mut infeasible = 0;
    for _ in 0..6000 {
        let (rows, columns) = (1 + random.below(9), 1 + random.below(9));
        let costs = instance(&mut random, rows, columns);
        let best = if rows <= columns {
            exhaustive(rows, columns, &costs)
        } else {
            exhaustive(columns, rows, &transposed(rows, columns, &costs))
        };
        match assigner.solve(rows, columns, &costs) {
            Ok(total) => {
                assert!(
                    (total - best).abs() < 1e-9 * best.abs().max(1.0),
                    "{total} {best} {costs:?}"
                );
                check(&assigner, rows, columns, &costs, total);
            }
            Err(error) => {
                assert_eq!((error, best), (Error::TaskInfeasible, f64::INFINITY));
                assert!(assigner.columns().is_empty() && assigner.row_prices().is_empty());
                infeasible += 1;
            }
        }
    }
    assert!((100..3000).contains(&infeasible), "both kinds were seen: {infeasible}");
}

#[test]
fn larger_problems_are_proved_by_their_prices() {
    let mut random = Random::new(2);
    let config = AssignerConfig { rows: 150, columns: 150, tall: true };
    let mut assigner = Assigner::new(&config, Heap).unwrap();
    let mut solved = 0;
    for _ in 0..400 {
        let square = random.chance(0.5);
        let rows = 1 + random.below(150);
        let columns = if square { rows } else { 1 + random.below(150) };
        let costs = instance(&mut random, rows, columns);
        if let Ok(total) = assigner.solve(rows, columns, &costs) {
            check(&assigner, rows, columns, &costs, total);
            solved += 1;
        }
    }
    assert!(solved > 300, "{solved}");
}

#[test]
fn permutations_that_are_hidden_are_found() {
    let mut random = Random::new(3);
    let config = AssignerConfig { rows: 300, columns: 300, tall: false };
    let mut assigner = Assigner::new(&config, Heap).unwrap();
    let mut hidden: Vec<usize> = (0..300).collect();
    (1..300).rev().for_each(|i| hidden.swap(i, random.below(i + 1)));
    let cost = |k: usize| if hidden[k / 300] == k % 300 { 1.0 } else { 1.0 + random.unit() };
    let costs: Vec<f64> = (0..300 * 300).map(cost).collect();
    assert_eq!(assigner.solve(300, 300, &costs), Ok(300.0));
    // The same with all other pairs forbidden, and with one pair too few.
    let only = |k: usize| if hidden[k / 300] == k % 300 { 2.0 } else { FORBIDDEN };
    let mut costs: Vec<f64> = (0..300 * 300).map(only).collect();
    assert_eq!(assigner.solve(300, 300, &costs), Ok(600.0));
    assert!(assigner.columns().iter().zip(&hidden).all(|(a, b)| *a as usize == *b));
    costs[7 * 300 + hidden[7]] = FORBIDDEN;
    assert_eq!(assigner.solve(300, 300, &costs), Err(Error::TaskInfeasible));
}

#[test]
fn what_cannot_be_is_refused() {
    let make = |rows, columns, tall| Assigner::new(&AssignerConfig { rows, columns, tall }, Heap);
    assert_eq!(make(0, 1, false).err(), Some(Error::Invalid));
    assert_eq!(make(1, (1 << 24) + 1, false).err(), Some(Error::Invalid));
    let mut assigner = make(2, 3, false).unwrap();
    assert_eq!(assigner.solve(0, 3, &[]), Err(Error::Invalid));
    assert_eq!(assigner.solve(3, 3, &[0.0; 9]), Err(Error::Capacity));
    assert_eq!(assigner.solve(2, 4, &[0.0; 8]), Err(Error::Capacity));
    assert_eq!(assigner.solve(2, 1, &[0.0; 2]), Err(Error::Capacity), "not made for tall ones");
    assert_eq!(assigner.solve(2, 3, &[0.0; 5]), Err(Error::Length));
    for bad in [f64::NAN, f64::NEG_INFINITY, 1.01 * MAX_COST, -1.01 * MAX_COST] {
        assert_eq!(assigner.solve(2, 2, &[0.0, 0.0, bad, 0.0]), Err(Error::Invalid));
    }
    assert_eq!(assigner.solve(1, 2, &[FORBIDDEN, MAX_COST]), Ok(MAX_COST));
    assert_eq!(assigner.columns(), [1]);
    assert_eq!(assigner.rows(), [UNASSIGNED, 0]);
}

#[test]
fn it_lives_in_the_memory_that_it_asked_for() {
    let config = AssignerConfig { rows: 16, columns: 16, tall: true };
    let layout = Assigner::footprint(&config).unwrap();
    assert!(layout.size() < 4096, "{}", layout.size());
    let mut memory = [MaybeUninit::uninit(); 4096];
    let arena = Arena::new(&mut memory);
    let mut assigner = Assigner::new(&config, &arena).unwrap();
    let costs: Vec<f64> = (0..256).map(|k| ((k * 37) % 101) as f64).collect();
    let total = assigner.solve(16, 16, &costs).unwrap();
    check(&assigner, 16, 16, &costs, total);
}
