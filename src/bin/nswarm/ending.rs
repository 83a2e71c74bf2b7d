//! How the commands end: with what they tell, and a number.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use neural_swarm::Error;

/// Why a run ends without what it was to do: what is told, and the exit code.
pub struct Failure(pub String, pub u8);

pub const WRONG: u8 = 1;
pub const FILES: u8 = 3;
pub const BUDGET: u8 = 4;
pub const MISTAKE: u8 = 5;

pub type Outcome<T> = Result<T, Failure>;

/// Ends a command.
pub fn end(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message, code)) => {
            eprintln!("nswarm: {message}");
            ExitCode::from(code)
        }
    }
}

/// Something is wrong with a file.
pub fn about(path: &Path, what: impl Display) -> Failure {
    Failure(format!("{}: {what}", path.display()), FILES)
}

pub fn load(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| about(path, error))
}

pub fn save(path: &Path, text: &str) -> Outcome<()> {
    fs::write(path, text).map_err(|error| about(path, error))
}

/// Writes to standard output.
pub fn tell(text: &str) -> Outcome<()> {
    let written = io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failure(format!("standard output: {error}"), FILES))
}

/// What the library says of a file that it could not read, in the system's words where it knows no more.
pub fn unread(path: &Path, error: Error) -> Failure {
    match (error, File::open(path)) {
        (Error::HostIo, Err(why)) => about(path, why),
        _ => about(path, error),
    }
}
