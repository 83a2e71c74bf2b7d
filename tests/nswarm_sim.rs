//! The program `nswarm-sim`, run as a program.
#![cfg(all(unix, feature = "cli"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nswarm-sim"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sim");
    command.current_dir(folder).args(arguments).output().expect("the program runs")
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nswarm-sim-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_scenario_holds_and_is_written_as_numbers_and_a_picture() {
    let folder = folder("out");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (svg, csv) = (path("out.svg"), path("out.csv"));
    let first = run(&["run", "group.sim", "--seed", "4", "--svg", &svg, "--csv", &csv]);
    assert!(first.status.success(), "{}", text(&first.stdout));
    assert_eq!(text(&first.stderr), "");
    let told = text(&first.stdout);
    assert!(told.starts_with("7 nodes, seed 4\nok     line "), "{told}");
    assert!(told.lines().last().unwrap().contains("; trace "), "{told}");
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg "));
    assert!(std::fs::read_to_string(&csv).unwrap().starts_with("second,running,"));
    assert_eq!(run(&["run", "group.sim", "--seed", "4"]).stdout, first.stdout);
    assert_ne!(run(&["run", "group.sim"]).stdout, first.stdout);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn exit_codes_tell_what_was_wrong() {
    let folder = folder("codes");
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let fails = run(&["run", &write("fails.sim", "nodes 2\nat 1s expect all see 3\n")]);
    assert_eq!(fails.status.code(), Some(1));
    assert!(text(&fails.stdout).contains("FAILED line 2: expect all see 3"));
    let bad = write("bad.sim", "nodes 2\n\nat 1s explode\n");
    let refused = run(&["run", &bad]);
    assert_eq!(refused.status.code(), Some(2));
    let wanted = format!("nswarm-sim: {bad}: line 3: `explode` is nothing that happens\n");
    assert_eq!(text(&refused.stderr), wanted);
    assert_eq!(text(&refused.stdout), "");
    for arguments in
        [&["run"][..], &["walk"], &[], &["run", "x", "--seed", "y"], &["run", "x", "--no"]]
    {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let missing = run(&["run", "no-such.sim"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stderr).starts_with("nswarm-sim: no-such.sim: "));
    let good = write("good.sim", "nodes 2\nat 1s end\n");
    let nowhere = folder.join("no/such/folder.svg");
    let unwritten = run(&["run", &good, "--svg", nowhere.to_str().unwrap()]);
    assert_eq!(unwritten.status.code(), Some(3));
    std::fs::write(folder.join("bytes.sim"), [0xff, 0xfe]).unwrap();
    let bytes = run(&["run", folder.join("bytes.sim").to_str().unwrap()]);
    assert_eq!(bytes.status.code(), Some(3));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn help_says_what_there_is() {
    let help = run(&["run", "--help"]);
    assert!(help.status.success());
    for word in
        ["--seed", "--svg", "--csv", "partition", "no-false-deaths", "Exit codes", "examples/sim"]
    {
        assert!(text(&help.stdout).contains(word), "{word}");
    }
    assert!(text(&run(&["--help"]).stdout).contains("run"));
    assert!(text(&run(&["--version"]).stdout).starts_with("nswarm-sim "));
}
