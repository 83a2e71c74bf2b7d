//! The arrows of ARCHITECTURE.md: which part of the crate may import which.
//!
//! Walks the `crate::` paths of every source file; an arrow that is not listed
//! here fails. A new part needs a line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each part with the parts that it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    // What the caller supplies, and the memory that it comes in.
    ("port", &["error", "mem"]),
    ("mem", &["error", "port"]),
    ("nn", &["error", "port", "mem"]),
    ("comm", &["error", "port", "mem"]),
    ("crdt", &["error", "port", "mem"]),
    ("consensus", &["error", "port", "mem"]),
    ("task", &["error", "port", "mem", "nn"]),
    ("node", &["error", "port", "mem", "nn", "comm", "crdt", "consensus", "task"]),
    // `host::Member` is a node with a thread, a socket and files.
    ("host", &["error", "port", "mem", "comm", "crdt", "consensus", "task", "node"]),
    // Programs use what the crate makes public.
    ("bin", &[]),
    ("ffi", &["error", "port", "mem", "nn", "comm", "crdt", "consensus", "task", "node", "host"]),
];

/// Where unsafe code may live, and nowhere else.
const UNSAFE: &[&str] = &["src/mem.rs", "src/nn/kernel/", "src/ffi/"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// All files of the crate: path from the root, and text without comments.
fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 10, "the sources are there");
    let text = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
        code.collect::<Vec<_>>().join("\n")
    };
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), text(path))).collect()
}

/// The part that a file belongs to; `None` for lib.rs.
fn part(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("src/").unwrap();
    let first = inside.split(['/', '.']).next().unwrap();
    (first != "lib").then_some(first)
}

/// The parts named by paths that start at the crate's root, `use crate::{a, b}`
/// included, and by `super::` chains that climb to it.
fn imports(file: &str, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |rest: &str| {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            // The names at the first level of the braces.
            Some(list) => {
                let mut depth = 0usize;
                list.split(|c| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    depth == 0 && (c == ',' || c == ';')
                })
                .collect()
            }
            None => vec![rest],
        };
        let stop = |c: char| !(c.is_alphanumeric() || c == '_');
        for name in names {
            let name = name.trim().split(stop).next().unwrap_or("");
            if !name.is_empty() {
                found.insert(name.to_owned());
            }
            if rest.starts_with('{') && name.is_empty() {
                break;
            }
        }
    };
    for (at, _) in code.match_indices("crate::") {
        take(&code[at + "crate::".len()..]);
    }
    // How many `super::` reach the root from this file.
    let inside = file.strip_prefix("src/").unwrap().trim_end_matches(".rs");
    let depth = inside.trim_end_matches("/mod").split('/').count();
    let climb = "super::".repeat(depth);
    for (at, _) in code.match_indices(&climb) {
        let inner_module = code[..at].contains("mod tests {");
        if !code[..at].ends_with("super::") && !inner_module {
            take(&code[at + climb.len()..]);
        }
    }
    found
}

#[test]
fn imports_follow_the_arrows() {
    let mut bad = Vec::new();
    for (file, code) in all() {
        let Some(part) = part(&file) else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else {
            bad.push(format!("{file}: the part `{part}` has no line in ARROWS"));
            continue;
        };
        for name in imports(&file, &code) {
            // Names re-exported at the root (`crate::Error`) are `error`'s.
            let target = if ["Error", "Result"].contains(&&*name) { "error" } else { &name };
            if target != part && !allowed.contains(&target) {
                bad.push(format!("{file}: {part} -> {target}"));
            }
        }
    }
    assert!(bad.is_empty(), "forbidden arrows:\n{}", bad.join("\n"));
}

#[test]
fn the_walk_sees_what_it_should() {
    let seen = |file, code| imports(file, code).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(seen("src/nn/net.rs", "use crate::error::{Error, Result};"), "error");
    assert_eq!(
        seen("src/nn/net.rs", "use crate::{error::Error, ffi::{a, b}, port};"),
        "error ffi port"
    );
    assert_eq!(seen("src/nn/net.rs", "fn f() { crate::ffi::status::g() }"), "ffi");
    assert_eq!(seen("src/nn/net.rs", "use super::super::ffi::x; use super::shape::y;"), "ffi");
    assert_eq!(seen("src/nn/mod.rs", "use super::ffi::x;"), "ffi");
    assert_eq!(seen("src/port.rs", "use super::ffi;"), "ffi");
}

#[test]
fn unsafe_code_lives_in_three_places() {
    for (file, code) in all() {
        let allowed = UNSAFE.iter().any(|place| file.starts_with(place));
        let word = code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| w == "unsafe");
        assert!(allowed || !word, "{file} has unsafe code");
    }
}

#[test]
fn every_unsafe_block_says_why_it_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut bad = Vec::new();
    for (file, _) in all() {
        let text = std::fs::read_to_string(root.join(&file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let block = line.contains("unsafe {") || line.trim_start().starts_with("unsafe impl");
            let near = &lines[i.saturating_sub(8)..=i];
            if block && !near.iter().any(|line| line.contains("SAFETY")) {
                bad.push(format!("{file}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    assert!(bad.is_empty(), "no SAFETY comment:\n{}", bad.join("\n"));
}
