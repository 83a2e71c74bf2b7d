//! The library beside others, taking turns in one run: `scripts/bench nn`,
//! `scripts/bench link`, `scripts/bench crdt`, `scripts/bench raft`, `scripts/bench tasks` and
//! `scripts/bench membership`.
//!
//! ```text
//! peers [link|crdt|raft|tasks|membership] [--quick] [WORD...]
//! ```
//!
//! Words choose the work whose name has all of them in it. A whole run writes
//! docs/benchmarks.md and its charts (on machines without AVX-512 in a folder named
//! after the kernel, docs/avx2/), docs/benchmarks-link.md, docs/benchmarks-crdt.md
//! and its charts, docs/benchmarks-raft.md, docs/benchmarks-tasks.md, or
//! docs/benchmarks-membership.md and its charts; a part of it, or a quick one, prints.

mod bench;
mod blas;
mod crdt;
mod data;
mod fann;
mod link;
mod machine;
mod measure;
mod membership;
mod ours;
mod python;
#[cfg(any(feature = "raft-protobuf", feature = "raft-prost"))]
mod raft;
mod report;
mod spec;
mod tasks;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Bench;
use measure::{Effort, Outcome};
use report::Section;

#[cfg(any(feature = "raft-protobuf", feature = "raft-prost"))]
#[global_allocator]
static HEAP: raft::allocations::Counting = raft::allocations::Counting;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches/peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let mut effort = Effort::FULL;
    let mut filter = Vec::new();
    let mut arguments = std::env::args().skip(1).peekable();
    let link = arguments.next_if(|argument| argument == "link").is_some();
    let crdt = !link && arguments.next_if(|argument| argument == "crdt").is_some();
    let raft = !link && !crdt && arguments.next_if(|argument| argument == "raft").is_some();
    let tasks =
        !link && !crdt && !raft && arguments.next_if(|argument| argument == "tasks").is_some();
    let membership = !(link || crdt || raft || tasks)
        && arguments.next_if(|argument| argument == "membership").is_some();
    for argument in arguments {
        match argument.as_str() {
            "--quick" => effort = Effort::QUICK,
            "--help" | "-h" => {
                println!(
                    "scripts/bench nn|link|crdt|raft|tasks|membership [--quick] [WORD...]: the work whose name has all WORDs"
                );
                return Ok(());
            }
            option if option.starts_with('-') => {
                return Err(format!("what is {option}? There is --quick").into());
            }
            _ => filter.push(argument),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let peers = std::env::var_os("NSW_PEERS").map_or(root.join("target/peers"), PathBuf::from);
    if link {
        return link::run(effort, &filter, &peers, &root.join("docs/benchmarks-link.md"));
    }
    if crdt {
        return crdt::run(effort, &filter, &root.join("docs"));
    }
    if membership {
        return membership::run(effort, &filter, &root.join("docs"));
    }
    if tasks {
        return tasks::run(effort, &filter, &peers, &root.join("docs/benchmarks-tasks.md"));
    }
    if raft {
        #[cfg(any(feature = "raft-protobuf", feature = "raft-prost"))]
        return raft::run(effort, &filter, &peers, &root.join("docs/benchmarks-raft.md"));
        #[cfg(not(any(feature = "raft-protobuf", feature = "raft-prost")))]
        return Err("built without tikv's raft: scripts/bench raft builds with it".into());
    }
    let whole = filter.is_empty() && !effort.quick;
    let bench = Bench::new(effort, filter, peers);
    let (sections, charts) = measure_all(&bench)?;
    if sections.iter().all(Section::is_empty) {
        return Err("no work has these words in its name".into());
    }
    let report = report(&bench, &sections);
    if whole {
        // A folder for each kernel but the first: ratios on such machines differ.
        let docs = match ours::kernel().to_lowercase().as_str() {
            "avx512" => root.join("docs"),
            kernel => root.join("docs").join(kernel),
        };
        std::fs::create_dir_all(&docs)?;
        for (file, svg) in charts {
            std::fs::write(docs.join(file), svg)?;
        }
        std::fs::write(docs.join("benchmarks.md"), &report)?;
        eprintln!("wrote {}", docs.join("benchmarks.md").display());
    }
    println!("{report}");
    Ok(())
}

type Charts = Vec<(String, String)>;

fn measure_all(bench: &Bench) -> Outcome<(Vec<Section>, Charts)> {
    let mut sections = vec![
        work::training::section(bench)?,
        work::inference::section(bench)?,
        work::inference::mlps(bench)?,
        work::gemm::section(bench)?,
        work::memory::section(bench)?,
        work::embedded::section(bench)?,
        work::quality::section(bench)?,
    ];
    let (section, charts) = work::charts::section(bench)?;
    sections.push(section);
    Ok((sections, charts))
}

fn report(bench: &Bench, sections: &[Section]) -> String {
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `scripts/bench nn`, which measures the library and others in one run: they \
         take turns on the same data. A ratio is how many times as fast ours is as the fastest \
         of the peers that count, by the best times, and in brackets by the medians; \"floor\" is \
         what it must be at least. Speed counts only where the results are as good.\n\n{}",
        machine::describe(bench)
    );
    for section in sections.iter().filter(|section| !section.is_empty()) {
        text += "\n";
        text += &section.markdown();
    }
    text
}
