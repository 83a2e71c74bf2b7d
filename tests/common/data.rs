//! Data sets that are not part of this project: in the folder that `NSW_DATA` names, else beside it.

#![allow(dead_code)] // each test uses its part

use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("NSW_DATA").map_or(beside, PathBuf::from)
}

/// A file or folder of it; `None`, said loudly, where it is not there.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    let there = path.exists();
    if !there {
        eprintln!("SKIPPED: the data {} is not there (NSW_DATA)", path.display());
    }
    there.then_some(path)
}

/// What a file holds that gzip made.
pub fn unzipped(file: &Path) -> Vec<u8> {
    let out = Command::new("gzip").arg("-dc").arg(file).output().expect("gzip is there");
    assert!(out.status.success(), "{} is not gzip", file.display());
    out.stdout
}
