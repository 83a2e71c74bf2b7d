//! The command `nswarm plan`, run as a program.
#![cfg(all(unix, feature = "cli"))]

use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hddl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nswarm"));
    command.current_dir(folder).arg("plan").args(arguments).output().expect("the program runs")
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nswarm-plan-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const TRANSPORT: [&str; 2] = ["transport.domain.hddl", "transport.problem.hddl"];

#[test]
fn a_plan_comes_out_and_is_verified() {
    let folder = folder("out");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (plan, dot, svg) = (path("plan.txt"), path("plan.dot"), path("plan.svg"));
    let found = run(&TRANSPORT);
    assert!(found.status.success(), "{}", text(&found.stderr));
    let stdout = text(&found.stdout);
    assert!(stdout.starts_with("==>\n0 ") && stdout.ends_with("<==\n"), "{stdout}");
    // Nobody watches: nothing is told.
    assert_eq!(text(&found.stderr), "");

    let more = [&TRANSPORT[..], &["--stats", "-o", &plan, "--dot", &dot, "--svg", &svg]].concat();
    let written = run(&more);
    assert!(written.status.success());
    assert_eq!(text(&written.stdout), "");
    let stats = text(&written.stderr);
    for line in ["read: 9 objects", "search: ", "verified: "] {
        assert!(stats.contains(line), "{stats}");
    }
    // The same seed, the same plan.
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), stdout);
    assert!(std::fs::read_to_string(&dot).unwrap().starts_with("digraph plan {"));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg xmlns="));

    let right = run(&[&TRANSPORT[..], &["--verify", &plan]].concat());
    assert!(right.status.success(), "{}", text(&right.stderr));
    assert!(text(&right.stdout).starts_with("the plan is right: "));

    // One drive less.
    let drive = stdout.lines().find(|line| line.contains(" drive ")).unwrap();
    let (id, _) = drive.split_once(' ').unwrap();
    let wrong = stdout.replace(&format!("{drive}\n"), "");
    std::fs::write(&plan, wrong).unwrap();
    let refused = run(&[&TRANSPORT[..], &["--verify", &plan]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains(&format!("there is no task {id}")),
        "{}",
        text(&refused.stderr)
    );

    // The truck drives where there is no road.
    let places: Vec<&str> = drive.split(' ').collect();
    let other = drive.replace(places[3], places[4]);
    std::fs::write(&plan, stdout.replace(drive, &other)).unwrap();
    let refused = run(&[&TRANSPORT[..], &["--verify", &plan]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(".txt:"), "{}", text(&refused.stderr));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn each_ending_has_its_number() {
    let folder = folder("codes");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let problem = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hddl").join(TRANSPORT[1]),
    );
    let problem = problem.unwrap();
    // No truck.
    let hopeless = file("hopeless.hddl", &problem.replace("(at v1 l1)", ""));
    let ended = run(&[TRANSPORT[0], &hopeless, "--budget", "200000n"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(text(&ended.stderr), "nswarm: there is no plan\n");
    let broken = file("broken.hddl", &problem.replace("(:init", "(:int"));
    let refused = run(&[TRANSPORT[0], &broken]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("broken.hddl:5:4: expected a section"), "{refused:?}");
    let missing = run(&[TRANSPORT[0], "nowhere.hddl"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stderr).contains("nowhere.hddl: "), "{missing:?}");
    let spent = run(&[&TRANSPORT[..], &["--budget", "3n"]].concat());
    assert_eq!(spent.status.code(), Some(4), "{spent:?}");
    assert_eq!(text(&spent.stdout), "");
    // Time begins with the program: it may be over before the search.
    let late = run(&[&TRANSPORT[..], &["--budget", "0m"]].concat());
    assert_eq!(late.status.code(), Some(4), "{late:?}");
    assert_eq!(text(&late.stderr), "nswarm: the budget ended before a plan was found\n");
    let minutes = run(&[&TRANSPORT[..], &["--budget", "1.5m"]].concat());
    assert!(minutes.status.success(), "{minutes:?}");
    let small = run(&[&TRANSPORT[..], &["--memory", "1K"]].concat());
    assert_eq!(small.status.code(), Some(4), "{small:?}");
    for wrong in [
        &["--budget", "soon"][..],
        &["--budget", "3h"],
        &["--memory", "much"],
        &["--sed", "1"],
        // What has no meaning for a plan that is there.
        &["--verify", "plan.txt", "-o", "other.txt"],
        &["--verify", "plan.txt", "--budget", "1s"],
        &["--verify", "plan.txt", "--memory", "1M"],
        &["--verify", "plan.txt", "--seed", "2"],
    ] {
        let refused = run(&[&TRANSPORT[..], wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    let help = run(&["--help"]);
    assert!(help.status.success());
    let help = text(&help.stdout);
    for word in ["--verify <PLAN>", "--budget", "Examples:", "Ends with", "HDDL", "2m, 10s"] {
        assert!(help.contains(word), "{help}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
