//! A search for a schedule that is better than any list schedule, and never worse.
//!
//! First a portfolio: HEFT, PEFT and lists of other ranks. Then the best of them is changed at random, a
//! few ranks and a few wishes for workers at a time, and kept if it is not worse (an evolution strategy of one parent
//! and one child). The same seed gives the same schedule.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::dag::{Dag, NEVER};
use super::heft::{Rank, Rule};
use super::place::{NO_WORKER, Scheduler, Situation};
use crate::error::Result;

/// How long and by which random numbers is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchConfig {
    /// How many schedules are made after the portfolio; 0: the best of the portfolio.
    pub rounds: u32,
    /// Where random numbers begin.
    pub seed: u64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        SearchConfig { rounds: 200, seed: 1 }
    }
}

/// The portfolio; HEFT comes first.
const LISTS: [(Option<Rank>, Rule); 8] = [
    (Some(Rank::Mean), Rule::Finish),
    (None, Rule::Lookahead),
    (Some(Rank::Mean), Rule::Lookahead),
    (Some(Rank::Best), Rule::Finish),
    (Some(Rank::Worst), Rule::Finish),
    (Some(Rank::WithoutTransfers), Rule::Finish),
    (Some(Rank::Best), Rule::Lookahead),
    (None, Rule::Finish),
];

impl Scheduler<'_> {
    /// Makes the best schedule that it finds; its makespan, which is at most that of [`heft`](Self::heft) and of
    /// [`peft`](Self::peft).
    ///
    /// # Errors
    /// Those of [`heft`](Self::heft).
    pub fn search(&mut self, dag: &Dag<'_>, config: &SearchConfig) -> Result<f64> {
        self.search_given(dag, config, &Situation::default())
    }

    /// The same with what is given.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn search_given(
        &mut self,
        dag: &Dag<'_>,
        config: &SearchConfig,
        given: &Situation<'_>,
    ) -> Result<f64> {
        self.begin(dag, given)?;
        self.fill_table(dag, given);
        let tasks = self.tasks;
        self.at.wish[..tasks].fill(NO_WORKER);
        let (mut least, mut leading) = (NEVER, Rule::Finish);
        for (rank, rule) in LISTS {
            match rank {
                Some(rank) => self.upward_ranks(dag, rank),
                None => self.table_ranks(),
            }
            let makespan = self.decode(dag, rule, given)?;
            if makespan < least {
                (least, leading) = (makespan, rule);
                self.keep();
            }
        }
        let mut random = SplitMix64::seed_from_u64(config.seed);
        let mut below = |end: usize| ((u128::from(random.next_u64()) * end as u128) >> 64) as usize;
        for round in 0..config.rounds {
            self.at.rank[..tasks].copy_from_slice(&self.at.leader[..tasks]);
            self.at.wish[..tasks].copy_from_slice(&self.at.best_wish[..tasks]);
            for _ in 0..1 + below(3) {
                let task = below(tasks);
                // Between a half and twice as high, the one as likely as the other.
                let factor = libm::exp2(2.0 * (below(1 << 20) as f64 / (1 << 20) as f64) - 1.0);
                if round % 2 == 0 {
                    self.at.rank[task] *= factor;
                } else {
                    let wish = below(self.workers + 1);
                    let able = wish < self.workers && dag.row(task as u32)[wish] < NEVER;
                    self.at.wish[task] = if able { wish as u32 } else { NO_WORKER };
                }
            }
            let makespan = self.decode(dag, leading, given)?;
            if makespan <= least {
                least = makespan;
                self.keep();
            }
        }
        self.show_best();
        Ok(least)
    }

    /// The schedule is the best one so far.
    fn keep(&mut self) {
        let tasks = self.tasks;
        self.at.best[..tasks].copy_from_slice(&self.at.placed[..tasks]);
        self.at.leader[..tasks].copy_from_slice(&self.at.rank[..tasks]);
        self.at.best_wish[..tasks].copy_from_slice(&self.at.wish[..tasks]);
    }

    /// The best schedule is the one to be read.
    fn show_best(&mut self) {
        let tasks = self.tasks;
        self.reset(&Situation::default());
        for task in 0..tasks as u32 {
            let placed = self.at.best[task as usize];
            let behind = self.behind(placed.worker as usize, &placed);
            self.put(task, placed, behind);
        }
    }
}
