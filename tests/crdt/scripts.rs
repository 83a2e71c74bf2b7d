//! Scenarios in scripts/*.txt that a person can read: what replicas do, and what each
//! sees then.
//!
//! A line has statements, parted by `;`; `#` begins a comment. What a line leads to stands
//! behind it in lines that begin with `>`. `NSW_BLESS=1 cargo test --test crdt scripts`
//! writes those anew.
//!
//! - `replicas a b c` makes replicas, of the numbers 1, 2, 3; `stores items 4 log 6` before
//!   it says for what.
//! - `key room/tools add-wins-set`: of which kind a key is. It is the key of all statements
//!   from here on that name none.
//! - `a: add drill saw`, `a: remove drill in room/tools`: see [`verbs::VERBS`].
//!   `a: open`, `a: close` hold a key open.
//! - `a -> b`: a tells b what that lacks. `a <-> b`: and b tells a. `sync`: all tell all.
//!   `a -> b by state`, `a -> b in 60 bytes`, `a <-> b by digest in 200 bytes stop after 3`.
//! - `frame x = a -> b`: what a tells b, kept until `x arrives`: late, twice, or never. If
//!   there are several they are x1, x2 and so on.
//! - `partition {a b} {c}`, `heal`: who hears whom.
//! - `clock a 5000`: the time of day at a, in milliseconds. It begins with 0.
//! - `show`, `show room/tools`, `show all`, `show usage`, `show seen`: what each has.

#[path = "../common/scripts.rs"]
mod files;
mod swarm;
mod verbs;

use std::path::PathBuf;

use neural_swarm::crdt::Kind;

use self::swarm::Swarm;

fn folder() -> PathBuf {
    files::folder("tests/crdt/scripts")
}

/// A script with what it leads to.
fn run(name: &str, script: &str) -> Result<String, String> {
    let mut swarm = Swarm::default();
    files::run(name, script, |line| swarm.line(line))
}

#[test]
fn each_leads_to_what_it_says() {
    files::check_all(&folder(), Kind::ALL.len(), run);
}

/// What src/crdt/kind.rs has as the example of each kind is in the kind's script, and all
/// see the same in the end.
#[test]
fn the_examples_of_the_kinds_are_among_them() {
    const BEGIN: &str = "Example: ";
    let source = files::folder("src/crdt/kind.rs");
    let source = std::fs::read_to_string(source).unwrap();
    for kind in Kind::ALL {
        let end = source.find(&format!("    {kind:?} = {},", kind as u8)).unwrap();
        let start = source[..end].rfind(" = ").unwrap_or(0);
        let docs: Vec<&str> = source[start..end]
            .lines()
            .filter_map(|line| line.trim().strip_prefix("///"))
            .map(str::trim)
            .collect();
        let docs = docs.join(" ");
        let example = docs.split_once(BEGIN).unwrap_or_else(|| panic!("{kind:?} has none")).1;
        let example = example.split_once(". Everywhere: ").unwrap().0.replace('`', "");
        let script = folder().join(format!("{}.txt", verbs::name(kind)));
        let script = std::fs::read_to_string(&script).unwrap();
        let mut behind = script.lines().skip_while(|line| *line != example);
        assert_eq!(behind.next(), Some(&example[..]), "{kind:?}");
        let seen: Vec<&str> = behind.skip(1).take_while(|line| line.starts_with('>')).collect();
        assert!(matches!(seen[..], [one] if one.starts_with("> a b")), "{kind:?}: {seen:?}");
    }
}

/// Mistakes in a script are told with their line.
#[test]
fn mistakes_have_a_line() {
    const BEGIN: &str = "replicas a b\nkey tools add-wins-set\n";
    for (line, wrong) in [
        ("c: add x", "there is no replica c"),
        ("a: throw x", "there is no verb throw"),
        ("a: add", "add wants words"),
        ("a: clear x", "clear wants no words"),
        ("a: add x in toys", "there is no line `key toys ...`"),
        ("a: close", "it is not open"),
        ("a: add \"x", "a word that does not end"),
        ("key toys bag", "there is no kind bag"),
        ("key high max; a: offer much", "much is no number"),
        ("key on enable-wins-flag; a: say perhaps", "perhaps is neither yes nor no"),
        ("stores room 5", "there is no setting room"),
        ("stores items", "a setting without a value"),
        ("x arrives", "there is no frame x"),
        ("a -> b by post", "how is `by post`?"),
        ("partition a b", "a partition is {a b} {c}"),
        ("partition {a b", "a group that does not end"),
        ("shout", "what is `shout`?"),
    ] {
        let found = run("a.txt", &format!("{BEGIN}{line}\nshow\n"));
        assert_eq!(found, Err(format!("a.txt:3: {wrong}")), "{line}");
    }
    assert_eq!(run("b.txt", "show\n"), Err("b.txt:1: of which key?".into()));
    let found = run("c.txt", &format!("{BEGIN}a: add x; sync\nshow\n> a: y\n")).unwrap();
    assert_eq!(found, format!("{BEGIN}a: add x; sync\nshow\n> a b: x\n"));
}
