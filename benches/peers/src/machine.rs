//! Where and when it was measured.

use std::process::Command;

use crate::bench::Bench;
use crate::ours;

/// What a program prints, or "unknown".
fn tell(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_string())
}

/// A value of the first processor in /proc/cpuinfo.
fn processor(name: &str) -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.trim_end_matches(['\t', ' ']).starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).into()
}

pub fn describe(bench: &Bench) -> String {
    let flags = processor("flags");
    let vector = |flag: &&str| flag.starts_with("avx") || *flag == "fma";
    let flags: Vec<_> = flags.split_ascii_whitespace().filter(vector).collect();
    let model = format!(
        "{}, family {}, model {}, {} processors",
        processor("model name"),
        processor("cpu family"),
        processor("model\t"),
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let builds: Vec<_> = bench.builds.iter().map(|build| build.name).collect();
    let python = bench.python.as_ref().and_then(|python| python.versions().ok());
    let lines = [
        ("date", tell("date", &["-u", "+%F %H:%M UTC"])),
        ("commit", tell("git", &["describe", "--always", "--dirty"])),
        ("processor", model),
        ("vector instructions", flags.join(" ")),
        ("our kernels", ours::kernel()),
        ("compilers", format!("{}; {}", tell("rustc", &["-V"]), tell("cc", &["-dumpfullversion"]))),
        (
            "libfann",
            format!(
                "{}, builds: {}",
                tell("dpkg-query", &["-W", "-f", "${Version}", "libfann2"]),
                builds.join(", ")
            ),
        ),
        ("Python's peers", python.unwrap_or_else(|| "not there".to_string())),
        (
            "rounds",
            format!(
                "{} to {} turns each, alternating, of about {} ms or one piece of work; one thread, its CPU time",
                bench.effort.rounds.0,
                bench.effort.rounds.1,
                bench.effort.turn / 1e6
            ),
        ),
    ];
    let missing = bench.missing.iter().map(|what| format!("- **not measured**: {what}\n"));
    lines.map(|(name, value)| format!("- {name}: {value}\n")).into_iter().chain(missing).collect()
}
