//! Replicated memory beside crdts and yrs: `scripts/bench crdt`.

mod lists;
mod memory;
mod merging;
mod ours;
mod reconcile;
mod registers;
mod sets;
mod theirs;
mod wire;

use std::path::Path;

use neural_swarm::host::chart::{Chart, Line, Scale};

use crate::bench::Match;
use crate::machine;
use crate::measure::{Contestant, Effort, Outcome, wanted};
use crate::report::{Row, Section, Unit};

/// What every part has at hand.
struct Bench<'a> {
    effort: Effort,
    filter: &'a [String],
}

impl Bench<'_> {
    fn wants(&self, work: &str) -> bool {
        wanted(self.filter, work)
    }

    /// A row of work, if it is wanted: ours, and the peer that the floor is against.
    fn row<'c>(
        &self,
        rows: &mut Vec<Row>,
        work: &str,
        floor: Option<f64>,
        make: impl FnOnce() -> Outcome<[Contestant<'c>; 2]>,
    ) -> Outcome<()> {
        if self.wants(work) {
            let [ours, theirs] = make()?;
            let (work, peers) = (work.to_string(), vec![(theirs, true)]);
            rows.push(Match { work, unit: Unit::Time, floor, ours, peers }.measure(self.effort)?);
        }
        Ok(())
    }
}

/// Numbers without an order, never the same twice: SplitMix64.
fn number(index: u64) -> u64 {
    let mut x = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Files of charts: names and contents.
type Charts = Vec<(String, String)>;

/// Draws lines in a section.
fn draw(
    section: &mut Section,
    charts: &mut Charts,
    name: &str,
    [title, x, y]: [&str; 3],
    lines: &[Line],
) {
    let file = format!("benchmarks-crdt-{name}.svg");
    charts.push((
        file.clone(),
        Chart { title, x, y, lines, marks: &[], scale: Scale::Logarithmic }.svg(),
    ));
    section.charts.push((file, title.to_string()));
}

/// Measures all work whose name has the words. A whole run writes the report and its
/// charts to the folder `docs`.
pub fn run(effort: Effort, filter: &[String], docs: &Path) -> Outcome<()> {
    let bench = Bench { effort, filter };
    let mut charts = Vec::new();
    let sections = [
        sets::section(&bench)?,
        sets::maps(&bench)?,
        registers::section(&bench)?,
        merging::section(&bench)?,
        merging::small(&bench, &mut charts)?,
        wire::section(&bench)?,
        lists::section(&bench)?,
        memory::section(&bench)?,
        reconcile::section(&bench, &mut charts)?,
    ];
    if sections.iter().all(Section::is_empty) {
        return Err("no work has these words in its name".into());
    }
    let parts = sections.iter().filter(|section| !section.is_empty());
    let parts: String = parts.map(|section| format!("\n{}", section.markdown())).collect();
    let report = format!(
        "# Benchmarks of replicated memory\n\n\
         Written by `scripts/bench crdt`, which measures the library and others in one run: they \
         take turns on the same data. A ratio is how many times as fast ours is as the peer, by \
         the best times, and in brackets by the medians; \"floor\" is what it must be at least. \
         Ours is the Rust interface, or where it says C the functions of the C interface, called \
         from Rust as a C program calls them.\n\n{}{parts}",
        machine::describe_crdt(effort)
    );
    if filter.is_empty() && !effort.quick {
        for (file, svg) in charts {
            std::fs::write(docs.join(file), svg)?;
        }
        let file = docs.join("benchmarks-crdt.md");
        std::fs::write(&file, &report)?;
        eprintln!("wrote {}", file.display());
    }
    println!("{report}");
    Ok(())
}
