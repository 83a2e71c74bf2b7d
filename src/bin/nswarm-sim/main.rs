//! The program `nswarm-sim`: scenarios of swarms, on a simulated network and clock.

#[cfg(not(unix))]
compile_error!("nswarm-sim is for Unix: the simulator is in such builds alone");

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use neural_swarm::host::sim::{Scenario, scenario::Report};

/// Hundreds of real nodes in one process, on a simulated network and clock.
#[derive(Parser)]
#[command(name = "nswarm-sim", version, propagate_version = true, subcommand_required = true)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Run(Run),
}

const AFTER_HELP: &str = "\
The same file and the same seed are the same run, on every machine: the line that ends the
report has a hash of all that was received.

A scenario:

    nodes 10                               # 2 to 1,000; settings come first
    parts topics                           # of topics, store, requests
    jitter 9ms
    loss 1%

    at 10s  kill 3
            expect all know-dead 3 within 20s
    at 40s  start 3
            expect all see 10 within 20s
            publish 0 news hello
            expect 99% heard hello within 2s
    at 60s  expect no-false-deaths

What happens:   kill, start, restart, leave, pause, resume, late NODES TIME; partition NODES...,
                cut, mend NODES NODES, heal; latency, jitter TIME, loss, duplicate SHARE,
                hold SHARE TIME, link NODES NODES WAY; publish NODE TOPIC TEXT, put NODE KEY VALUE,
                ask NODE NODE TEXT TIME, found NODES, propose NODE TEXT; count, end
What is expected: WHO know-alive, know-dead, know-left NODES, see N, heard TEXT, have KEY VALUE,
                agreed TEXT, answered TEXT; leader; [all of these: within TIME]
                no-false-deaths, no-suspicions, traffic below BYTES
NODES:          3, 0-4, 0,2,5-7, all     WHO: any, all, 99%, NODES     TIME: 10ms, 1.5s, 2min
All words are described in the library's documentation, host::sim::scenario; whole scenarios are in
examples/sim.

Exit codes: 0 all was as expected; 1 something was not, or could not be done; 2 a bad command line, or
a bad scenario (its line is told); 3 a file that cannot be read or written; 5 the library failed.";

/// Plays a scenario, and tells what came of it.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
struct Run {
    /// The scenario.
    file: PathBuf,
    /// Another seed than the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Writes a picture: who is believed to take part each second, what was told, and what was sent.
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,
    /// Writes the numbers of each second.
    #[arg(long, value_name = "OUT")]
    csv: Option<PathBuf>,
}

const FAILED: u8 = 1;
const BAD: u8 = 2;
const FILES: u8 = 3;
const MISTAKE: u8 = 5;

/// What is told, and the exit code.
struct Failure(String, u8);

fn about(path: &Path, what: impl Display, code: u8) -> Failure {
    Failure(format!("{}: {what}", path.display()), code)
}

impl Run {
    fn run(&self) -> Result<bool, Failure> {
        let text = fs::read_to_string(&self.file).map_err(|why| about(&self.file, why, FILES))?;
        let scenario = Scenario::parse(&text).map_err(|why| about(&self.file, why, BAD))?;
        let report = scenario.run(self.seed).map_err(|why| about(&self.file, why, MISTAKE))?;
        let write = |path: &Option<PathBuf>, what: fn(&Report) -> String| match path {
            Some(path) => fs::write(path, what(&report)).map_err(|why| about(path, why, FILES)),
            None => Ok(()),
        };
        write(&self.svg, Report::svg)?;
        write(&self.csv, Report::csv)?;
        let told = io::stdout().lock().write_all(report.text().as_bytes());
        told.map_err(|why| Failure(format!("standard output: {why}"), FILES))?;
        Ok(report.held())
    }
}

fn main() -> ExitCode {
    // Ends with 2 for what it cannot understand, with 0 after --help and --version.
    let Command { what: What::Run(run) } = Command::parse();
    match run.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(Failure(message, code)) => {
            eprintln!("nswarm-sim: {message}");
            ExitCode::from(code)
        }
    }
}
