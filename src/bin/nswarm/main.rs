//! The command `nswarm`: what this library does, from a shell.

#[cfg(not(unix))]
compile_error!("nswarm is for Unix: what it reads files with is in such builds alone");

mod cert;
mod ending;
mod hex;
mod key;
mod plan;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Swarms, from the command line.
#[derive(Parser)]
#[command(name = "nswarm", version, propagate_version = true, subcommand_required = true)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Plan(plan::Plan),
    Key(key::Key),
    Cert(cert::Cert),
}

fn main() -> ExitCode {
    // Ends with 2 for what it cannot understand, with 0 after --help and --version.
    let Command { what } = Command::parse();
    match what {
        What::Plan(plan) => plan.run(),
        What::Key(key) => key.run(),
        What::Cert(cert) => cert.run(),
    }
}
