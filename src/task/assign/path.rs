//! What a way through tasks is worth to an agent.

use super::cbba::{CbbaConfig, CbbaTask};

/// Where an agent is when, and what it has spent.
struct Walk<'a> {
    config: &'a CbbaConfig,
    position: [f32; 3],
    seconds: f64,
    energy: f64,
    score: f64,
}

impl Walk<'_> {
    /// Does one more task; `None` if it would be late, or there is not enough energy.
    fn visit(mut self, task: &CbbaTask) -> Option<Self> {
        let difference = |k: usize| f64::from(task.position[k]) - f64::from(self.position[k]);
        let metres = libm::sqrt((0..3).map(|k| difference(k) * difference(k)).sum());
        let travel = if metres > 0.0 { metres / f64::from(self.config.speed) } else { 0.0 };
        self.seconds += travel;
        let worth = task.value * libm::exp(-self.config.discount * self.seconds);
        self.score += worth - self.config.metre_cost * metres;
        self.seconds += task.duration_us as f64 / 1e6;
        self.energy += metres * self.config.metre_j + task.energy_j;
        self.position = task.position;
        let late = task.deadline_us != u64::MAX
            && self.config.start_us as f64 + self.seconds * 1e6 > task.deadline_us as f64;
        (!late && self.energy <= self.config.energy_j).then_some(self)
    }
}

/// What a path is worth (Choi, Brunet and How 2009, section VI: rewards that fade with the time of arrival),
/// less what its length costs; `None` if it is not feasible.
pub(super) fn score<'a>(
    config: &CbbaConfig,
    mut path: impl Iterator<Item = &'a CbbaTask>,
) -> Option<f64> {
    let walk = Walk { config, position: config.position, seconds: 0.0, energy: 0.0, score: 0.0 };
    path.try_fold(walk, |walk, task| walk.visit(task)).map(|walk| walk.score)
}
