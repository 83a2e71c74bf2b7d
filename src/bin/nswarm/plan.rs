//! `nswarm plan`: HDDL in, plans out.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use neural_swarm::Error;
use neural_swarm::host::hddl::{
    Hddl, Source, plan_dot, plan_svg, read_plan, verify_plan, write_plan,
};
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    Model, Outcome as Search, Plan as Tree, Planner, PlannerConfig, PlannerStats, Refusal,
};

use super::ending::{BUDGET, FILES, Failure, MISTAKE, Outcome, WRONG, end, load, save, tell};

/// Decompose the tasks of a problem into actions, or verify a plan.
///
/// Reads a planning domain and a problem of it in HDDL, the language of the International Planning
/// Competition of 2020, and writes a plan in that competition's format: the actions in their order,
/// then what was decomposed into what. Every plan is verified before it is written.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nswarm plan domain.hddl problem.hddl
  nswarm plan domain.hddl problem.hddl --budget 10s --stats -o plan.txt
  nswarm plan domain.hddl problem.hddl --verify plan.txt --svg plan.svg

Ends with
  0  a plan was written, or the plan to verify is right
  1  there is no plan, or the plan to verify is wrong
  2  the command line cannot be understood
  3  a file cannot be read or written, or is not HDDL that is supported, or is too large
  4  the budget of time, nodes or memory ended before a plan was found, or the plan to verify leaves too
     much open to say
  5  a wrong plan was found, which is a mistake of this program: it is not written")]
pub struct Plan {
    /// The domain: types, predicates, tasks, actions, methods.
    domain: PathBuf,
    /// The problem: objects, what holds at the beginning, what is to be done.
    problem: PathBuf,
    /// Do not plan: say whether the plan in this file is right, and if not, which step is wrong and why.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["budget", "memory", "seed", "output"])]
    verify: Option<PathBuf>,
    /// Tell sizes, times and what the search did, on standard error.
    #[arg(long)]
    stats: bool,
    /// When to give up: 2m, 10s or 500ms of time, from the start of the program on, or 2000000n nodes of the
    /// search. May be given once for each; a number by itself is seconds.
    #[arg(long, value_name = "TIME|NODES", value_parser = budget)]
    budget: Vec<Budget>,
    /// What the search may take: bytes, or 64K, 256M, 2G.
    #[arg(long, value_name = "BYTES", default_value = "512M", value_parser = bytes)]
    memory: usize,
    /// What restarts of the search draw on. The same seed gives the same plan, unless time ends it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw the plan's tree as a DOT file, for Graphviz.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// Draw the plan's tree as an SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where the plan goes, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// When to give up.
#[derive(Clone, Copy, Debug)]
enum Budget {
    Microseconds(u64),
    Nodes(u64),
}

fn budget(text: &str) -> Result<Budget, String> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let wrong = || format!("expected something like 2m, 10s, 500ms or 2000000n, found `{text}`");
    let value: f64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "" | "s" => Ok(Budget::Microseconds((value * 1e6) as u64)),
        "ms" => Ok(Budget::Microseconds((value * 1e3) as u64)),
        "m" => Ok(Budget::Microseconds((value * 6e7) as u64)),
        "n" => Ok(Budget::Nodes(value as u64)),
        _ => Err(wrong()),
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let (number, shift) = match text.strip_suffix(['K', 'k', 'M', 'G']) {
        None => (text, 0),
        Some(number) => (
            number,
            if text.ends_with('G') {
                30
            } else if text.ends_with('M') {
                20
            } else {
                10
            },
        ),
    };
    let value: usize =
        number.parse().map_err(|_| format!("expected bytes, as 64K or 256M, found `{text}`"))?;
    value.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is more than this machine has"))
}

impl Plan {
    /// Does what was asked for.
    pub fn run(&self) -> ExitCode {
        end(self.all())
    }

    fn all(&self) -> Outcome<()> {
        let begin = Instant::now();
        let (domain, problem) = (load(&self.domain)?, load(&self.problem)?);
        let names = (self.domain.to_string_lossy(), self.problem.to_string_lossy());
        let hddl = Hddl::read(
            Source { name: &names.0, text: &domain },
            Source { name: &names.1, text: &problem },
        );
        let hddl = hddl.map_err(|error| Failure(error.to_string(), FILES))?;
        for warning in hddl.warnings() {
            eprintln!("{warning} (warning)");
        }
        let model = hddl.model().map_err(|error| Failure(error.to_string(), FILES))?;
        if self.stats {
            eprintln!(
                "read: {} objects, {} predicates, {} tasks, {} methods, {} bytes of model, {:.3} ms",
                model.objects(),
                model.predicates(),
                model.tasks(),
                model.methods(),
                hddl.bytes().len(),
                begin.elapsed().as_secs_f64() * 1e3
            );
        }
        match &self.verify {
            Some(path) => self.judge(&model, path),
            None => self.plan(&model, begin),
        }
    }

    /// Says whether the plan in a file is right.
    fn judge(&self, model: &Model<'_>, path: &Path) -> Outcome<()> {
        let text = load(path)?;
        let name = path.to_string_lossy();
        let file = read_plan(model, Source { name: &name, text: &text }).map_err(|error| {
            let code = match error.error {
                Error::TaskPlan => WRONG,
                Error::Capacity => BUDGET,
                _ => FILES,
            };
            Failure(error.to_string(), code)
        })?;
        let begin = Instant::now();
        let verdict = verify(model, &file.plan())?;
        if self.stats {
            eprintln!(
                "verified: {} actions, {} tasks, {:.3} ms",
                file.order.len(),
                file.steps.len(),
                begin.elapsed().as_secs_f64() * 1e3
            );
        }
        if let Err(refusal) = verdict {
            let line = refusal.step.and_then(|step| file.lines.get(step as usize));
            let place = line.map_or_else(|| name.to_string(), |line| format!("{name}:{line}"));
            let code = if refusal.error() == Error::Capacity { BUDGET } else { WRONG };
            return Err(Failure(format!("{place}: {}", refusal.why.text()), code));
        }
        self.draw(model, &file.plan())?;
        println!("the plan is right: {} actions", file.order.len());
        Ok(())
    }

    /// Searches for a plan, verifies it and writes it.
    fn plan(&self, model: &Model<'_>, begin: Instant) -> Outcome<()> {
        let read = Instant::now();
        let config =
            PlannerConfig { memory: self.memory, seed: self.seed, ..PlannerConfig::default() };
        let mut planner = Planner::new(model, &config, Heap).map_err(|error| match error {
            Error::Capacity | Error::OutOfMemory => {
                Failure(format!("--memory {} is too little for this problem", self.memory), BUDGET)
            }
            error => Failure(error.to_string(), FILES),
        })?;
        let found = self.search(&mut planner, begin)?;
        if self.stats {
            let stats = planner.stats();
            eprintln!(
                "search: {} nodes, {} attempts, {} repeated, {} remembered, {} KB of the path's memory, {:.3} ms",
                stats.nodes,
                stats.attempts,
                stats.repeated,
                stats.remembered,
                stats.stack / 1024,
                read.elapsed().as_secs_f64() * 1e3
            );
        }
        match found {
            Search::Found => {}
            Search::NoPlan => return Err(Failure("there is no plan".into(), WRONG)),
            Search::OutOfMemory => {
                return Err(Failure("the memory ended before a plan was found".into(), BUDGET));
            }
            Search::Running => {
                return Err(Failure("the budget ended before a plan was found".into(), BUDGET));
            }
        }
        let plan = planner.plan().map_err(|error| match error {
            Error::OutOfMemory => {
                Failure("the memory is too little to write the plan".into(), BUDGET)
            }
            error => Failure(error.to_string(), FILES),
        })?;
        let begin = Instant::now();
        // A plan that is wrong is a mistake of the planner's: it is told, and never written.
        if let Err(refusal) = verify(model, &plan)? {
            return Err(Failure(
                format!("a wrong plan was found, and is not written: {refusal}"),
                MISTAKE,
            ));
        }
        if self.stats {
            eprintln!(
                "verified: {} actions, {} tasks, {:.3} ms",
                plan.order.len(),
                plan.steps.len(),
                begin.elapsed().as_secs_f64() * 1e3
            );
        }
        let text = write_plan(model, &plan).map_err(|error| Failure(error.to_string(), FILES))?;
        match &self.output {
            Some(path) => save(path, &text)?,
            None => tell(&text)?,
        }
        self.draw(model, &plan)
    }

    /// Searches until there is an answer or the budget ends; tells how it goes where somebody looks.
    fn search(&self, planner: &mut Planner<'_>, begin: Instant) -> Outcome<Search> {
        let (mut time, mut nodes) = (None, u64::MAX);
        for budget in &self.budget {
            match *budget {
                Budget::Microseconds(us) => time = Some(Duration::from_micros(us)),
                Budget::Nodes(most) => nodes = most,
            }
        }
        let watched = io::stderr().is_terminal();
        let mut told = begin;
        // So few nodes between two looks at the clock that they take a millisecond or so.
        const SLICE: u64 = 2000;
        loop {
            let left = nodes.saturating_sub(planner.stats().nodes);
            // Time may be over before the first node: reading and preparing take some, too.
            let late = time.is_some_and(|time| begin.elapsed() >= time);
            let slice = if late { 0 } else { left.min(SLICE) };
            let found = planner.step(slice);
            let over = late || planner.stats().nodes >= nodes;
            if watched && told.elapsed() >= Duration::from_millis(500) {
                told = Instant::now();
                progress(&planner.stats(), begin.elapsed());
            }
            if found != Search::Running || over {
                if watched && told > begin {
                    // Over the line of the progress.
                    eprint!("\r\x1b[K");
                }
                return Ok(found);
            }
        }
    }

    fn draw(&self, model: &Model<'_>, plan: &Tree<'_>) -> Outcome<()> {
        if let Some(path) = &self.dot {
            save(path, &plan_dot(model, plan))?;
        }
        if let Some(path) = &self.svg {
            save(path, &plan_svg(model, plan))?;
        }
        Ok(())
    }
}

/// One line that is written over by the next.
fn progress(stats: &PlannerStats, elapsed: Duration) {
    eprint!(
        "\r\x1b[K{:.1} s: {} nodes, attempt {}, {} of {} KB of the path's memory",
        elapsed.as_secs_f64(),
        stats.nodes,
        stats.attempts,
        stats.stack / 1024,
        stats.stack_capacity / 1024
    );
}

/// What the verifier says.
fn verify(model: &Model<'_>, plan: &Tree<'_>) -> Outcome<Result<(), Refusal>> {
    verify_plan(model, plan).map_err(|error| Failure(error.to_string(), FILES))
}
