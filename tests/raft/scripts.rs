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

#[path = "../common/scripts.rs"]
mod files;
mod stage;

use std::path::PathBuf;

use self::stage::Stage;

fn folder() -> PathBuf {
    files::folder("tests/raft/scripts")
}

/// A script with what it leads to.
fn run(name: &str, script: &str) -> Result<String, String> {
    let mut stage = Stage::new();
    files::run(name, script, |line| stage.line(line))
}

#[test]
fn each_leads_to_what_it_says() {
    files::check_all(&folder(), 20, run);
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
}
