//! Data sets that are not part of this project: data/README.md says which, and where they come from.

#![allow(dead_code)] // each test uses its part

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::vec::Vec; // the library's own tests read this file without the standard prelude

/// The folder that `NSW_DATA` names; else `shared/data` beside the project, or beside a folder that it is in.
pub fn folder() -> PathBuf {
    if let Some(named) = std::env::var_os("NSW_DATA") {
        return named.into();
    }
    // benches/peers, a crate of its own, reads this file too.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut beside = here.ancestors().skip(1).map(|above| above.join("shared/data"));
    beside.find(|folder| folder.is_dir()).unwrap_or_else(|| here.join("data"))
}

/// A file or folder of it; `None`, said loudly, where it is not there.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    let there = path.exists();
    if !there {
        skipped(format_args!("NSW_DATA names no folder with {name} (data/README.md)"));
    }
    there.then_some(path)
}

/// Says what a test leaves out. To the stream itself: what goes through `eprintln!` is shown of tests
/// that fail alone.
pub fn skipped(why: core::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// What a file holds that gzip made.
pub fn unzipped(file: &Path) -> Vec<u8> {
    let out = Command::new("gzip").arg("-dc").arg(file).output().expect("gzip is there");
    assert!(out.status.success(), "{} is not gzip", file.display());
    out.stdout
}
