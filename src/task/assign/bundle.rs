//! The bundle of an agent: what it is worth, how it is filled, and what falls out.

use super::cbba::{Cbba, CbbaTask};
use super::message::NOBODY;
use super::path;
use super::peers::wins;

impl Cbba<'_> {
    /// What the first `len` of the path are worth, with a task at one of its places.
    pub(super) fn path_with(&self, len: usize, more: Option<(usize, &CbbaTask)>) -> Option<f64> {
        let total = len + usize::from(more.is_some());
        let task = |k: usize| match more {
            Some((at, task)) if at == k => task,
            Some((at, _)) if k > at => &self.slots[self.path[k - 1] as usize].task,
            _ => &self.slots[self.path[k] as usize].task,
        };
        path::score(&self.config, (0..total).map(task))
    }

    /// Fills the bundle (the paper's algorithm 3).
    pub(super) fn build(&mut self) {
        while self.bundled < self.config.bundle {
            let before = self.path_with(self.bundled, None).unwrap_or(0.0);
            let last = self.bundle[..self.bundled].last();
            let most = last.map_or(f32::MAX, |place| self.slots[*place as usize].bid);
            // The gain decides; the bid is what the bundle allows of it.
            let mut best: Option<(f64, f32, usize, usize)> = None;
            for (at, slot) in self.slots[..self.known].iter().enumerate() {
                let skilled = slot.task.skills & !self.config.skills == 0;
                if slot.winner == self.config.agent || !skilled {
                    continue;
                }
                for k in 0..=self.bundled {
                    let Some(after) = self.path_with(self.bundled, Some((k, &slot.task))) else {
                        continue;
                    };
                    let gain = after - before;
                    let bid = (gain as f32).min(most);
                    let beats = slot.winner == NOBODY
                        || wins(bid, self.config.agent, slot.bid, slot.winner);
                    if bid > 0.0 && beats && best.is_none_or(|best| gain > best.0) {
                        best = Some((gain, bid, at, k));
                    }
                }
            }
            let Some((_, bid, at, k)) = best else { return };
            (self.slots[at].winner, self.slots[at].bid) = (self.config.agent, bid);
            self.bundle[self.bundled] = at as u32;
            self.path[k..=self.bundled].rotate_right(1);
            self.path[k] = at as u32;
            self.bundled += 1;
        }
    }

    /// Takes the tasks from this one on out of the bundle.
    pub(super) fn release_from(&mut self, first: usize) {
        for k in first..self.bundled {
            let at = self.bundle[k];
            let slot = &mut self.slots[at as usize];
            if slot.winner == self.config.agent {
                (slot.winner, slot.bid) = (NOBODY, 0.0);
            }
            let left = self.bundled - (k - first);
            if let Some(place) = self.path[..left].iter().position(|other| *other == at) {
                self.path[place..left].rotate_left(1);
            }
        }
        self.bundled = first;
    }
}
