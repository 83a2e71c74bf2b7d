//! Tasks beside SciPy and PyPI's heft: `scripts/bench tasks`.

mod assign;
#[path = "../../../../tests/schedule/graphs.rs"]
mod graphs;
mod schedule;

use std::path::Path;

use crate::machine;
use crate::measure::{Effort, Outcome, wanted};
use crate::python::Python;

/// What every part has at hand.
struct Tasks<'a> {
    effort: Effort,
    filter: &'a [String],
    peers: &'a Path,
    python: &'a Python,
}

impl Tasks<'_> {
    fn wants(&self, work: &str) -> bool {
        wanted(self.filter, work)
    }
}

/// Measures all work whose name has the words. A whole run writes the report to `file`.
pub fn run(effort: Effort, filter: &[String], peers: &Path, file: &Path) -> Outcome<()> {
    let python = Python::start(peers, "tasks.py")?;
    let tasks = Tasks { effort, filter, peers, python: &python };
    // First, for it may end the run: its data may not be there.
    let recorded = schedule::recorded(&tasks)?;
    let sections = [
        assign::equality(&tasks)?,
        assign::speed(&tasks)?,
        schedule::speed(&tasks)?,
        schedule::quality(&tasks)?,
        recorded,
    ];
    if sections.iter().all(crate::report::Section::is_empty) {
        return Err("no work has these words in its name".into());
    }
    let mut report = format!(
        "# Benchmarks of tasks\n\n\
         Written by `scripts/bench tasks`, which measures the library, SciPy's `linear_sum_assignment` and PyPI's \
         `heft` in one run: they take turns at the same work. A ratio is how many times as fast ours is, by the \
         best times, and in brackets by the medians; \"floor\" is what it must be at least.\n\n{}",
        machine::describe_tasks(effort, &python.versions()?)
    );
    for section in sections.iter().filter(|section| !section.is_empty()) {
        report += &format!("\n{}", section.markdown());
    }
    if filter.is_empty() && !effort.quick {
        std::fs::write(file, &report)?;
        eprintln!("wrote {}", file.display());
    }
    println!("{report}");
    Ok(())
}
