//! Which steps of a plan are before which others, beside what the words mean.

use neural_swarm::Error;

use super::*;

/// The definition, with all memory that it wants: pairs of subtasks that a method orders, closed; then every
/// step below the one before every step below the other.
fn by_definition(model: &Model<'_>, plan: &Plan<'_>) -> Vec<Vec<bool>> {
    let n = plan.steps.len();
    let parent = |at: usize| plan.steps[at].parent;
    let mut before = vec![vec![false; n]; n];
    for owner in 0..=n {
        let (of, id) = match owner == n {
            true => (Step::ROOT, model.root()),
            false if plan.steps[owner].method == Step::ACTION => continue,
            false => (owner as u32, plan.steps[owner].method),
        };
        let method = model.method(id);
        let count = method.subtasks.len();
        let mut pairs = vec![vec![false; count]; count];
        for (first, row) in pairs.iter_mut().enumerate() {
            for (second, place) in row.iter_mut().enumerate() {
                *place = method.ordered && first < second;
            }
        }
        for pair in method.orders.chunks(2) {
            pairs[pair[0] as usize][pair[1] as usize] = true;
        }
        for at in 0..count * count * count {
            let (k, i, j) = (at / count / count, at / count % count, at % count);
            pairs[i][j] |= pairs[i][k] && pairs[k][j];
        }
        // The place below this owner that a step comes from.
        let from = |mut at: usize| loop {
            if parent(at) == of {
                return Some(plan.steps[at].place as usize);
            }
            if parent(at) == Step::ROOT {
                return None;
            }
            at = parent(at) as usize;
        };
        for (a, row) in before.iter_mut().enumerate() {
            for (b, place) in row.iter_mut().enumerate() {
                if let (Some(first), Some(second)) = (from(a), from(b)) {
                    *place |= pairs[first][second];
                }
            }
        }
    }
    before
}

#[test]
fn a_plan_says_what_comes_before_what() {
    let mut unordered = 0;
    for (name, (hddl, file)) in names().zip(solved()) {
        let model = hddl.model().unwrap();
        let plan = file.plan();
        let expected = by_definition(&model, &plan);
        for (a, row) in expected.iter().enumerate() {
            for (b, before) in row.iter().enumerate() {
                assert_eq!(plan.is_before(&model, a, b), Ok(*before), "{name}: {a} {b}");
                unordered += usize::from(a < b && !before && !expected[b][a]);
            }
        }
        // Its own order keeps to it.
        for (at, later) in plan.order.iter().enumerate() {
            for earlier in &plan.order[..at] {
                assert!(!expected[*later as usize][*earlier as usize], "{name}");
            }
        }
        assert_eq!(plan.is_before(&model, plan.steps.len(), 0), Err(Error::Invalid));
        // A step that is its own parent.
        let mut steps = plan.steps.to_vec();
        let last = steps.len() - 1;
        steps[last].parent = last as u32;
        let wrong = Plan { steps: &steps, ..plan };
        assert_eq!(wrong.is_before(&model, 0, last), Err(Error::TaskPlan), "{name}");
    }
    assert!(unordered > 10, "{unordered}");
}
