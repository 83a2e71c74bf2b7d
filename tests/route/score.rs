//! How well a router does.

use neural_swarm::task::route::{Router, Sample};

/// Of texts with a task: the share that comes to it, the share that is nearest to it, and the share that is refused;
/// of the others the share that is refused.
#[derive(Debug)]
pub struct Score {
    pub right: f64,
    pub nearest: f64,
    pub refused: f64,
    pub recall: f64,
}

pub fn score<'a>(router: &Router<'_>, samples: impl IntoIterator<Item = Sample<'a>>) -> Score {
    let mut inside = [0.0f64; 4];
    let mut outside = [0.0f64; 2];
    for sample in samples {
        let route = router.route(sample.text.as_bytes()).unwrap();
        match sample.task {
            Some(task) => {
                inside[0] += 1.0;
                inside[1] += f64::from(route.task == Some(task));
                inside[2] += f64::from(route.best == task);
                inside[3] += f64::from(route.task.is_none());
            }
            None => {
                outside[0] += 1.0;
                outside[1] += f64::from(route.task.is_none());
            }
        }
    }
    let of = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
    Score {
        right: of(inside[1], inside[0]),
        nearest: of(inside[2], inside[0]),
        refused: of(inside[3], inside[0]),
        recall: of(outside[1], outside[0]),
    }
}
