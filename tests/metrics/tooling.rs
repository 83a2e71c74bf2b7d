//! What others read of it: Prometheus' own tools, where they are installed.

use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use crate::data::skipped;
use crate::server::{scrape, serve};
use crate::values::{filled, text};

/// Runs a program with a text; `None` if there is no such program.
fn run(program: &str, arguments: &[&str], text: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// What `promtool check metrics` finds nothing wrong with: the format before OpenMetrics, which is all it knows.
#[test]
fn promtool_accepts_the_text() {
    let server = serve(&text(&filled()));
    let (_, plain) = scrape(&server, "text/plain;version=0.0.4");
    let Some(judged) = run("promtool", &["check", "metrics"], &plain) else {
        skipped(format_args!("promtool is not installed (Debian's package prometheus)"));
        return;
    };
    assert!(judged.status.success(), "{judged:?}");
    assert!(judged.stderr.is_empty(), "{judged:?}");
    // It would have seen what is wrong.
    let broken = plain.replace("_total counter", "_total counterr");
    assert!(!run("promtool", &["check", "metrics"], &broken).unwrap().status.success());
}

const READ: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, family.unit, repr(family.documentation))
    for sample in family.samples:
        print("", sample.name, sorted(sample.labels.items()), sample.value)
"#;

/// What the reference parser of OpenMetrics reads.
#[test]
fn the_parser_of_open_metrics_reads_the_text() {
    // Debian's own has Debian's package, where another one comes first on the path.
    let has = |python: &&&str| {
        let there = run(python, &["-c", "import prometheus_client"], "");
        there.is_some_and(|there| there.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].iter().find(has) else {
        skipped(format_args!("no prometheus_client (Debian's package python3-prometheus-client)"));
        return;
    };
    let text = text(&filled());
    let read = run(python, &["-c", READ], &text).unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let found = String::from_utf8(read.stdout).unwrap();
    for line in [
        "nsw_frames counter  'Frames by what became of them.'",
        " nsw_frames_total [('fate', 're\"fused\"')] 7",
        " nsw_frames_total [('fate', 'a\\\\b\\nc')] 18446744073709551615",
        "nsw_members gauge  'Who is \"alive\":\\nC:\\\\ and all.'",
        "nsw_offset_seconds gauge seconds 'What the clock is off.'",
        " nsw_offset_seconds [] -0.00125",
        "nsw_answer_seconds histogram seconds 'How long answers took.'",
        " nsw_answer_seconds_bucket [('le', '0.001536'), ('to', 'two')] 4",
        " nsw_answer_seconds_bucket [('le', '+Inf'), ('to', 'two')] 7",
        " nsw_answer_seconds_sum [('to', 'two')] 0.014729",
        "nsw_frame_bytes histogram bytes 'How long frames are.'",
        " nsw_busy_seconds_total [] 2",
    ] {
        assert!(found.lines().any(|found| found == line), "{line}\n{found}");
    }
    // It would have seen what is wrong.
    for (good, bad) in [
        ("# EOF\n", ""),
        ("nsw_frames_total{", "nsw_frames{"),
        ("le=\"0.001536\"} 4", "le=\"0.001536\"} 6"),
        ("le=\"+Inf\"", "le=\"9.0\""),
        ("_seconds seconds\n", "_seconds bytes\n"),
    ] {
        assert!(!run(python, &["-c", READ], &text.replace(good, bad)).unwrap().status.success());
    }
}
