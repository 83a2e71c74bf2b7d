//! Scenarios: their text, what comes of them, and those that are shipped.

use neural_swarm::host::sim::scenario::{Problem, Report, Scenario};

fn play(text: &str) -> Report {
    Scenario::parse(text).unwrap_or_else(|problem| panic!("{problem}")).run(None).unwrap()
}

/// Whether each outcome held, by line.
fn held(report: &Report) -> Vec<(usize, bool)> {
    report.outcomes.iter().map(|outcome| (outcome.line, outcome.held)).collect()
}

fn shipped(name: &str) -> String {
    let path = format!("{}/examples/sim/{name}.sim", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

const SHIPPED: [&str; 7] = ["churn", "crash", "group", "lossy", "one-way", "partition", "pause"];

#[test]
fn all_that_are_shipped_hold_with_three_seeds() {
    let folder = format!("{}/examples/sim", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".sim").map(String::from))
        .collect();
    names.sort();
    assert_eq!(names, SHIPPED);
    for name in SHIPPED {
        let scenario = Scenario::parse(&shipped(name)).unwrap();
        for seed in [scenario.seed, 2, 3] {
            let report = scenario.run(Some(seed)).unwrap();
            assert!(report.outcomes.len() >= 4, "{name} expects next to nothing");
            assert!(report.held(), "{name}:\n{}", report.text());
        }
    }
}

#[test]
fn one_seed_is_one_report_to_the_last_byte() {
    let scenario = Scenario::parse(&shipped("lossy")).unwrap();
    let (first, again) = (scenario.run(None).unwrap(), scenario.run(None).unwrap());
    assert_eq!(first, again);
    assert_eq!(first.text(), again.text());
    let other = scenario.run(Some(99)).unwrap();
    assert_eq!(other.seed, 99);
    assert_ne!(first.trace, other.trace);
}

#[test]
fn looking_changes_nothing() {
    let text = "nodes 5\nparts store\nat 3s put 0 key value\nat 20s end\n";
    let looked = format!("{text}expect all have key other within 1s\n");
    let looked = looked.replace("at 20s end", "expect all have key value within 5s\nat 20s end");
    let (blind, looked) = (play(text), play(&looked));
    assert_eq!(held(&looked), [(4, true), (6, false)]);
    let until = |report: &Report| report.samples[..20].to_vec();
    assert_eq!(until(&blind), until(&looked));
}

#[test]
fn what_is_not_so_is_told() {
    let report = play(
        "nodes 4\n\
         at 5s expect all see 4\n\
         expect all see 3\n\
         expect all know-dead 2 within 2s\n\
         expect any know-dead 2\n\
         expect 0,1 know-alive 0-3\n\
         kill 2\n\
         expect 2 know-alive all\n\
         expect 60% see 4\n\
         expect leader within 1s\n\
         expect traffic below 1\n",
    );
    let expected = [
        (2, true),
        (3, false),
        (4, false),
        (5, false),
        (6, true),
        (8, false),
        (9, true),
        (10, false),
        (11, false),
    ];
    assert_eq!(held(&report), expected);
    assert!(!report.held());
    let text = report.text();
    assert!(text.contains("ok     line 2: expect all see 4\n"), "{text}");
    assert!(text.contains("FAILED line 3: expect all see 3\n"), "{text}");
    assert!(text.contains("FAILED line 11: expect traffic below 1: "), "{text}");
}

#[test]
fn how_long_something_took_is_told() {
    let report = play("nodes 5\nat 5s kill 1\nexpect all know-dead 1 within 30s\n");
    let after = report.outcomes[0].after_us.unwrap();
    assert!((1_000_000..30_000_000).contains(&after));
    assert_eq!(after % 10_000, 0);
    assert_eq!(report.us, 5_000_000 + after, "it ends when nothing is left to come");
    assert!(report.text().contains(&format!(", after {:.2} s", after as f64 / 1e6)));
}

#[test]
fn what_cannot_be_done_is_told() {
    let report = play(
        "nodes 3\n\
         parts topics store requests\n\
         running 0,1\n\
         at 3s kill 2\n\
         start 0\n\
         leave 2\n\
         publish 2 news hello\n\
         propose 0 something\n\
         found 1,2\n\
         found 0,1\n\
         found 0,1\n\
         ask 0 0 me 0ms\n\
         put 2 key value\n\
         start 2\n\
         at 4s end\n",
    );
    let lines: Vec<usize> = report.outcomes.iter().map(|outcome| outcome.line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8, 9, 11, 12, 13]);
    assert!(!report.held());
    let text = report.text();
    for note in [
        "line 4: kill 2: node 2 does not run",
        "line 5: start 0: node 0 runs already",
        "line 8: propose 0 something: node 0 is in no group",
        "line 11: found 0,1: one does not run, or is in a group",
    ] {
        assert!(text.contains(note), "{note}: {text}");
    }
}

#[test]
fn false_deaths_and_suspicions_are_counted_and_count_begins_anew() {
    // A member that hears nobody is suspected, and thinks the others dead.
    let text = "nodes 6\n\
        at 5s late 2 20s\n\
        at 60s expect no-false-deaths\n\
        expect no-suspicions\n\
        count\n\
        expect no-false-deaths\n\
        expect no-suspicions\n";
    let report = play(text);
    assert_eq!(held(&report), [(3, false), (4, false), (6, true), (7, true)]);
    assert!(report.false_deaths > 0 && report.suspicions > 0);
    // Of one that is apart, paused or gone, it is right.
    for why in ["partition 2", "pause 2", "kill 2"] {
        let text = format!(
            "nodes 6\nat 5s {why}\nexpect 0,1,3-5 know-dead 2 within 40s\nat 50s expect no-false-deaths\nexpect no-suspicions\n"
        );
        assert!(play(&text).held(), "{why}");
    }
}

#[test]
fn links_are_apart_from_all_others() {
    // Nothing comes to 3 but from 0: it is heard, and hears of all by 0.
    let text = "nodes 4\n\
        at 4s link 1,2 3 loss 100%\n\
        link 0 3 latency 20ms\n\
        link 0 3 jitter 1ms\n\
        link 0 3 duplicate 50%\n\
        link 0 3 hold 10% 50ms\n\
        at 40s expect 3 know-alive 0-2\n\
        mend 1 3\n\
        cut 0,1,2 3\n\
        expect 3 know-dead 0-2 within 60s\n";
    let report = play(text);
    assert!(report.outcomes[1].held, "{}", report.text());
}

#[test]
fn samples_are_of_each_second_and_become_text_and_a_picture() {
    let report = play(
        "nodes 4\nlatency 2ms\njitter 2ms\nloss 1%\nduplicate 1%\nhold 1% 10ms\nseed 5\napart 100ms\n\
         at 5s kill 3\nat 20s end\n",
    );
    assert_eq!(report.seed, 5);
    assert_eq!(report.samples.len(), 20);
    assert!(report.samples.iter().enumerate().all(|(i, s)| s.at_us == (i as u64 + 1) * 1_000_000));
    assert_eq!((report.samples[3].running, report.samples[19].running), (4, 3));
    let last = &report.samples[19];
    assert_eq!((last.least, last.most), (3, 3));
    assert!(report.samples[2].bytes > 1.0);
    let csv = report.csv();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 21);
    assert!(lines[0].starts_with("second,running,"));
    assert!(lines[20].starts_with("20.00,3,3,3.000,3,0,0,"), "{}", lines[20]);
    let svg = report.svg();
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains(">kill 3</text>")
    );
    assert!(!svg.contains("NaN"));
}

fn problem(text: &str) -> Problem {
    Scenario::parse(text).expect_err(text)
}

#[test]
fn each_problem_is_told_with_its_line() {
    let cases = [
        ("", 1, "there is no line `nodes N`"),
        ("# nothing\n\n", 2, "there is no line `nodes N`"),
        ("seed 1", 1, "`nodes N` comes first"),
        ("nodes", 1, "how many nodes there are is missing"),
        ("nodes many", 1, "`many` is no number"),
        ("nodes -3", 1, "`-3` is no number"),
        ("nodes 1", 1, "1 nodes: there are 2 to 1000"),
        ("nodes 1001", 1, "1001 nodes: there are 2 to 1000"),
        ("nodes 3 4", 1, "`4` is too much here"),
        ("nodes 3\nnodes 3", 2, "`nodes` was said already"),
        ("nodes 3\nseed x", 2, "`x` is no number"),
        ("nodes 3\nkill 1", 2, "`kill` is no setting"),
        ("nodes 3\nparts", 2, "a part is missing"),
        ("nodes 3\nparts topics wheels", 2, "`wheels` is no part"),
        ("nodes 33\nparts store", 2, "a store is for 32 nodes at most"),
        ("nodes 3\nrunning 3", 2, "there is no node 3: they are 0 to 2"),
        ("nodes 3\nrunning a", 2, "`a` are no nodes"),
        ("nodes 3\nrunning 2-1", 2, "`2-1` goes backwards"),
        ("nodes 3\nrunning 1,,2", 2, "`1,,2` are no nodes"),
        ("nodes 3\nlatency", 2, "a time is missing"),
        ("nodes 3\nlatency 10", 2, "`10` is no time"),
        ("nodes 3\nlatency 1.2.3s", 2, "`1.2.3s` is no time"),
        ("nodes 3\nlatency -1s", 2, "`-1s` is no time"),
        ("nodes 3\nlatency nans", 2, "`nans` is no time"),
        ("nodes 3\nlatency 1e9s", 2, "`1e9s` is no time"),
        ("nodes 3\nlatency 1441min", 2, "is more than a day"),
        ("nodes 3\nloss 5", 2, "`5` is no share"),
        ("nodes 3\nloss 101%", 2, "`101%` is no share"),
        ("nodes 3\nhold 5%", 2, "a time is missing"),
        ("nodes 3\nat", 2, "a time is missing"),
        ("nodes 3\nat 5s", 2, "what happens is missing"),
        ("nodes 3\nat 5s end\nat 4s end", 3, "that is before the line above"),
        ("nodes 3\nat 5s explode", 2, "`explode` is nothing that happens"),
        ("nodes 3\nat 5s kill", 2, "nodes, as 3 or 0-4,7, is missing"),
        ("nodes 3\nat 5s kill 9", 2, "there is no node 9"),
        ("nodes 3\nat 5s kill 1 2", 2, "`2` is too much here"),
        ("nodes 3\nat 5s partition", 2, "is missing"),
        ("nodes 3\nat 5s cut 1", 2, "is missing"),
        ("nodes 3\nat 5s link 0 1 colour", 2, "`colour` is nothing that a link has"),
        ("nodes 3\nat 5s link 0 1", 2, "latency, jitter, loss, duplicate or hold is missing"),
        ("nodes 3\nat 5s publish 0 news hi", 2, "that wants `parts topics`"),
        ("nodes 3\nat 5s put 0 key value", 2, "that wants `parts store`"),
        ("nodes 3\nat 5s ask 0 1 what 1s", 2, "that wants `parts requests`"),
        ("nodes 3\nparts topics\nat 5s publish 0 news", 3, "a text is missing"),
        ("nodes 3\nparts store\nat 5s put 0 key", 3, "a value is missing"),
        ("nodes 3\nparts requests\nat 5s ask 0 1 what", 3, "a time is missing"),
        ("nodes 9\nat 5s found 0-7", 2, "a group is of 7 nodes at most"),
        ("nodes 3\nat 5s propose 0", 2, "a text is missing"),
        ("nodes 3\nat 5s expect", 2, "what is expected is missing"),
        ("nodes 3\nat 5s expect luck", 2, "`luck` is nothing to expect"),
        ("nodes 3\nat 5s expect all", 2, "what they know is missing"),
        ("nodes 3\nat 5s expect all sleep", 2, "`sleep` is nothing to expect"),
        ("nodes 3\nat 5s expect 200% see 3", 2, "`200%` is no share"),
        ("nodes 3\nat 5s expect 3 see 3", 2, "there is no node 3"),
        ("nodes 3\nat 5s expect all see 3 within", 2, "a time is missing"),
        ("nodes 3\nat 5s expect all see 3 soon", 2, "`soon` is too much here"),
        ("nodes 3\nat 5s expect no-false-deaths within 3s", 2, "`within` is too much here"),
        ("nodes 3\nat 5s expect traffic 3", 2, "`below` is missing"),
        ("nodes 3\nat 5s expect traffic below x", 2, "`x` is no number"),
        ("nodes 3\nat 5s expect all heard hi", 2, "that wants `parts topics`"),
        ("nodes 3\nat 5s expect all have key value", 2, "that wants `parts store`"),
        ("nodes 3\nat 5s expect all answered hi", 2, "that wants `parts requests`"),
    ];
    for (text, line, what) in cases {
        let problem = problem(text);
        assert_eq!(problem.line, line, "{text}: {problem}");
        assert!(problem.what.contains(what), "{text}: {problem}");
    }
    let long = format!("nodes 3\nparts topics\nat 5s publish 0 {} hi", "x".repeat(33));
    assert_eq!(problem(&long).to_string(), "line 3: a topic has more than 32 bytes");
    let topics: String = (0..17).map(|i| format!("publish 0 topic{i} hi\n")).collect();
    let many = format!("nodes 3\nparts topics\nat 5s end\n{topics}");
    assert_eq!(problem(&many).to_string(), "line 20: more than 16 topics");
}

#[test]
fn as_many_as_there_may_be_have_a_store() {
    let text = "nodes 32\nparts store\napart 5ms\nat 5s put 0 key value\nexpect all have key value within 5s\n";
    let report = play(text);
    assert!(report.held(), "{}", report.text());
}
