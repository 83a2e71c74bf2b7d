//! Where and when it was measured.

use std::process::Command;

use crate::bench::Bench;
use crate::measure::Effort;
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

/// What every report says of the machine.
fn machine() -> [(&'static str, String); 5] {
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
    [
        ("date", tell("date", &["-u", "+%F %H:%M UTC"])),
        ("commit", tell("git", &["describe", "--always", "--dirty"])),
        ("processor", model),
        ("vector instructions", flags.join(" ")),
        ("compilers", format!("{}; {}", tell("rustc", &["-V"]), tell("cc", &["-dumpfullversion"]))),
    ]
}

fn rounds(effort: Effort) -> (&'static str, String) {
    let text = format!(
        "{} to {} turns each, alternating, of about {} ms or one piece of work; one thread, its CPU time",
        effort.rounds.0,
        effort.rounds.1,
        effort.turn / 1e6
    );
    ("rounds", text)
}

fn list(lines: impl IntoIterator<Item = (&'static str, String)>, missing: &[String]) -> String {
    let lines = lines.into_iter().map(|(name, value)| format!("- {name}: {value}\n"));
    lines.chain(missing.iter().map(|what| format!("- **not measured**: {what}\n"))).collect()
}

pub fn describe(bench: &Bench) -> String {
    let builds: Vec<_> = bench.builds.iter().map(|build| build.name).collect();
    let python = bench.python.as_ref().and_then(|python| python.versions().ok());
    let fann = format!(
        "{}, builds: {}",
        tell("dpkg-query", &["-W", "-f", "${Version}", "libfann2"]),
        builds.join(", ")
    );
    let lines = machine().into_iter().chain([
        ("our kernels", ours::kernel()),
        ("libfann", fann),
        ("Python's peers", python.unwrap_or_else(|| "not there".to_string())),
        rounds(bench.effort),
    ]);
    list(lines, &bench.missing)
}

/// For the report of the link.
pub fn describe_link(effort: Effort, missing: &[String]) -> String {
    let sodium = tell("dpkg-query", &["-W", "-f", "${Version}", "libsodium23"]);
    let lines = [("libsodium", format!("{sodium} (Debian)")), ("snow", SNOW.to_string())];
    list(machine().into_iter().chain(lines).chain([rounds(effort)]), missing)
}

/// For the report of replicated memory.
pub fn describe_crdt(effort: Effort) -> String {
    let lines = [("crdts", "7.3.2".to_string()), ("yrs", "0.28.1".to_string())];
    list(machine().into_iter().chain(lines).chain([rounds(effort)]), &[])
}

/// For the report of agreement.
#[cfg(any(feature = "raft-protobuf", feature = "raft-prost"))]
pub fn describe_raft(effort: Effort) -> String {
    let lines = [("raft", "0.7.0".to_string())];
    list(machine().into_iter().chain(lines).chain([rounds(effort)]), &[])
}

/// For the report of tasks.
pub fn describe_tasks(effort: Effort, versions: &str) -> String {
    let lines = [("peers", versions.to_string())];
    list(machine().into_iter().chain(lines).chain([rounds(effort)]), &[])
}

/// For the report of membership.
pub fn describe_membership() -> String {
    list(machine().into_iter().chain([("foca", "2.0.0".to_string())]), &[])
}

/// The version in Cargo.toml.
const SNOW: &str = "0.10.0, its default resolver";
