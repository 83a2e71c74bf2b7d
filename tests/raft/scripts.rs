//! Scenarios in scripts/*.txt that a person can read: what happens to nodes, and what they
//! do then. All that `check.rs` knows of holds in them, too.
//!
//! A line has statements, parted by `;`; `#` begins a comment. What a line leads to stands
//! behind it in lines that begin with `>`. `NSW_BLESS=1 cargo test --test raft scripts`
//! writes those anew. Times are in milliseconds; an election timeout is 100 to 200, a
//! message takes 1.
//!
//! - `set entries 8 pre-vote off`: settings, for all nodes that come after it; see
//!   [`stage::Stage`]. `nodes a b c`: the first members. `witness c` before it: that c is one.
//!   `spare d`: nodes that are no members.
//! - `run 50`: time passes. `a times out`: its clock jumps over its election timeout.
//!   `a stands`: and nobody else remembers a leader, so that it wins if it may.
//! - `a: put x 5`, `a: add x 1`, `a: add x 1 as 7 2`: a client (the first, unless it has a
//!   number) asks a, with its next sequence unless one is given. `a: read x`.
//! - `a: change d learner c out`: of members. `a: hand over to b`. `a: compact`.
//! - `cut a -> b`, `cut a b`, `isolate a`, `heal`. `hold a -> b` keeps what arrives,
//!   `release a -> b` lets it go on, `release a -> b 1` the first of it alone, `drop a -> b` throws it away.
//! - `crash a`, `start a`, `wipe a` (it keeps its term and vote alone), `pause a`,
//!   `resume a`, `disk a stuck`, `disk a well`, `disk a broken`, `clock a stops`,
//!   `clock a goes`, `clock a jumps 50`.
//! - `show`: what each does. `show log`, `show members`, `show x`.

mod stage;

use std::path::{Path, PathBuf};

use self::stage::Stage;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raft/scripts")
}

/// A script with what it leads to.
fn run(name: &str, script: &str) -> Result<String, String> {
    let (mut stage, mut text) = (Stage::new(), String::new());
    let lines = script.lines().enumerate().filter(|(_, line)| !line.starts_with('>'));
    for (n, line) in lines {
        text.push_str(line);
        text.push('\n');
        let said = stage.line(line).map_err(|wrong| format!("{name}:{}: {wrong}", n + 1))?;
        text.extend(said.iter().map(|said| format!("> {said}\n")));
    }
    Ok(text)
}

/// The first line that differs.
fn difference(want: &str, found: &str) -> Option<String> {
    let line = |text: &str, n: usize| text.lines().nth(n).unwrap_or("(the end)").to_owned();
    let lines = want.lines().count().max(found.lines().count());
    let differ = (0..lines).find(|n| line(want, *n) != line(found, *n))?;
    Some(format!("{}: not `{}` but `{}`", differ + 1, line(want, differ), line(found, differ)))
}

#[test]
fn each_leads_to_what_it_says() {
    let bless = std::env::var_os("NSW_BLESS").is_some();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "txt"));
    files.sort();
    let mut wrong = vec![];
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let want = std::fs::read_to_string(file).unwrap();
        match run(name, &want) {
            Ok(found) if bless && found != want => std::fs::write(file, found).unwrap(),
            Ok(found) => wrong.extend(difference(&want, &found).map(|d| format!("{name}:{d}"))),
            Err(error) => wrong.push(error),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 12);
}

/// Mistakes in a script are told with their line.
#[test]
fn mistakes_have_a_line() {
    const BEGIN: &str = "nodes a b c\n";
    for (line, wrong) in [
        ("d: put x 1", "there is no node d"),
        ("a: throw x", "what is `a: throw x`?"),
        ("a: put x much", "much is no number"),
        ("set room 5", "there is no setting room 5"),
        ("a: change b king", "b cannot be king"),
        ("shout", "what is `shout`?"),
        ("show usage", "what is `show usage`?"),
    ] {
        let found = run("a.txt", &format!("{BEGIN}{line}\n"));
        assert_eq!(found, Err(format!("a.txt:2: {wrong}")), "{line}");
    }
    assert_eq!(difference("a\n> b\n", "a\n> c\n").unwrap(), "2: not `> b` but `> c`");
}
