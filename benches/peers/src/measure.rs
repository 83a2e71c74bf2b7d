//! Timing: contestants take turns, so that what slows the machine down for a
//! while slows all of them down. The clock is the calling thread's CPU time, so
//! that other programs' turns do not count; all work is done in one thread, and
//! a peer that used more would only look better.

use std::error::Error;
use std::hint::black_box;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Nanoseconds for one piece of work.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    pub min: f64,
    pub median: f64,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Fewest and most turns of each contestant.
    pub rounds: (usize, usize),
    /// Nanoseconds that a turn takes, at least about.
    pub turn: f64,
    /// Nanoseconds for all turns of all contestants, if the fewest fit.
    pub total: f64,
    /// Part of the epochs and seeds where those are many.
    pub quick: bool,
}

impl Effort {
    pub const FULL: Effort = Effort { rounds: (5, 31), turn: 2e7, total: 8e9, quick: false };
    pub const QUICK: Effort = Effort { rounds: (2, 2), turn: 2e6, total: 0.0, quick: true };

    /// The first number, or with `--quick` the second.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Whether the name of this work has all these words in it; says that it comes then.
pub fn wanted(words: &[String], work: &str) -> bool {
    let wanted = words.iter().all(|word| work.contains(word));
    if wanted {
        eprintln!("{work}");
    }
    wanted
}

/// Does the work so many times; returns the nanoseconds that all of it took.
pub type Work<'a> = Box<dyn FnMut(u64) -> Outcome<f64> + 'a>;

pub struct Contestant<'a> {
    pub name: String,
    pub work: Work<'a>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: impl Into<String>, work: impl FnMut(u64) -> Outcome<f64> + 'a) -> Self {
        Contestant { name: name.into(), work: Box::new(work) }
    }

    /// One whose work is a call.
    pub fn calls(name: impl Into<String>, mut call: impl FnMut() + 'a) -> Self {
        Contestant::new(name, move |times| Ok(timed(|| (0..times).for_each(|_| call()))))
    }
}

/// Nanoseconds that a call takes.
pub fn timed<T>(call: impl FnOnce() -> T) -> f64 {
    let start = now();
    black_box(call());
    now() - start
}

/// The thread's CPU time in nanoseconds.
fn now() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux, and it fills in the time.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0, "no clock for the thread's time");
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Lets them take turns; the results are in their order.
pub fn alternate(contestants: &mut [Contestant<'_>], effort: Effort) -> Outcome<Vec<Stat>> {
    let (mut times, mut turn) = (Vec::new(), 0.0);
    for contestant in contestants.iter_mut() {
        let (repetitions, taken) = repetitions(contestant, effort.turn)?;
        times.push(repetitions);
        turn += taken;
    }
    let rounds = (effort.total / turn) as usize;
    let mut turns = vec![Vec::new(); contestants.len()];
    for _ in 0..rounds.clamp(effort.rounds.0, effort.rounds.1) {
        for (i, contestant) in contestants.iter_mut().enumerate() {
            turns[i].push((contestant.work)(times[i])? / times[i] as f64);
        }
    }
    Ok(turns.into_iter().map(stat).collect())
}

fn stat(mut turns: Vec<f64>) -> Stat {
    turns.sort_by(f64::total_cmp);
    Stat { min: turns[0], median: turns[turns.len() / 2] }
}

/// How many times the work fits a turn, and what they take; warms up on the way.
fn repetitions(contestant: &mut Contestant<'_>, turn: f64) -> Outcome<(u64, f64)> {
    let mut times = 1;
    loop {
        let taken = (contestant.work)(times)?.max(1.0);
        if taken >= turn / 4.0 || times >= 1 << 30 {
            let fitting = ((times as f64 * turn / taken).round() as u64).max(1);
            return Ok((fitting, taken * fitting as f64 / times as f64));
        }
        times = (times as f64 * (turn / 2.0 / taken).clamp(2.0, 64.0)) as u64;
    }
}

/// Mean and standard deviation.
pub fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}
