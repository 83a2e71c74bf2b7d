//! Lists of edges by task, and an order of tasks.

use super::dag::Parts;
use crate::error::{Error, Result};

/// The edges of each task, in the order in which they came.
pub(super) fn lists(parts: &mut Parts<'_>, tasks: usize, edges: usize) {
    let Parts { from, to, after_at, before_at, after, before, .. } = parts;
    for (ends, at, list) in [(&*from, after_at, after), (&*to, before_at, before)] {
        at[..=tasks].fill(0);
        ends[..edges].iter().for_each(|t| at[*t as usize + 1] += 1);
        (0..tasks).for_each(|t| at[t + 1] += at[t]);
        for (e, t) in ends[..edges].iter().enumerate() {
            list[at[*t as usize] as usize] = e as u32;
            at[*t as usize] += 1;
        }
        // Each has moved to where the next one began.
        at[..=tasks].rotate_right(1);
        at[0] = 0;
    }
}

/// Tasks behind what they wait for, by Kahn's algorithm (1962); of those that may come next the one that could
/// first.
pub(super) fn order(parts: &mut Parts<'_>, tasks: usize) -> Result<()> {
    let Parts { to, after_at, before_at, after, order, scratch, .. } = parts;
    let waits = &mut scratch[..tasks];
    let mut count = 0;
    for t in 0..tasks {
        waits[t] = before_at[t + 1] - before_at[t];
        if waits[t] == 0 {
            order[count] = t as u32;
            count += 1;
        }
    }
    let mut at = 0;
    while at < count {
        let t = order[at] as usize;
        at += 1;
        for e in &after[after_at[t] as usize..after_at[t + 1] as usize] {
            let next = to[*e as usize] as usize;
            waits[next] -= 1;
            if waits[next] == 0 {
                order[count] = next as u32;
                count += 1;
            }
        }
    }
    if count == tasks { Ok(()) } else { Err(Error::TaskCycle) }
}

/// Of all links: mean latency, and mean seconds a byte.
pub(super) fn mean_link(parts: &Parts<'_>, workers: usize) -> (f64, f64) {
    let pairs = (workers * (workers - 1)).max(1) as f64;
    let sum = |all: &[f64]| all[..workers * workers].iter().sum::<f64>() / pairs;
    (sum(&parts.latency), sum(&parts.byte_seconds))
}
