//! The secure link beside libsodium and snow: `scripts/bench link`.
//!
//! The library has two backends, chosen when it is built. Both are measured, each
//! by a build of this program; the portable one leaves its part of the report in
//! a file, which the other takes in.

mod frames;
mod handshakes;
mod node;
mod overhead;
mod primitives;
mod sodium;

use std::path::Path;

use crate::machine;
use crate::measure::{Contestant, Effort, Outcome, timed, wanted};
use crate::report::Section;
use sodium::Sodium;

/// Whether this build is the one that is shipped.
const SHIPPED: bool = cfg!(feature = "server");

/// The floor for a build: with the server backend, and portable.
const fn floor(server: f64, portable: f64) -> Option<f64> {
    Some(if SHIPPED { server } else { portable })
}

/// What every part has at hand.
struct Bench<'a> {
    effort: Effort,
    filter: &'a [String],
    sodium: Option<Sodium>,
}

impl Bench<'_> {
    fn wants(&self, work: &str) -> bool {
        wanted(self.filter, work)
    }
}

/// Measures all work whose name has the words. A whole run of the shipped build
/// writes the report to `file`.
pub fn run(effort: Effort, filter: &[String], peers: &Path, file: &Path) -> Outcome<()> {
    let mut missing = Vec::new();
    let sodium = Sodium::open().map_err(|e| missing.push(format!("libsodium: {e}"))).ok();
    missing.iter().for_each(|what| eprintln!("NOT MEASURED: {what}"));
    let bench = Bench { effort, filter, sodium };
    let mut sections =
        vec![primitives::section(&bench)?, frames::section(&bench)?, handshakes::section(&bench)?];
    if SHIPPED {
        sections.push(overhead::section(&bench)?);
    }
    if sections.iter().all(Section::is_empty) {
        return Err("no work has these words in its name".into());
    }
    let part: String = sections
        .iter()
        .filter(|section| !section.is_empty())
        .map(|section| format!("\n{}", section.markdown()))
        .collect();
    let whole = filter.is_empty() && !effort.quick;
    let portable = peers.join("link-portable.md");
    if !SHIPPED {
        if whole {
            std::fs::create_dir_all(peers)?;
            std::fs::write(portable, &part)?;
        }
        println!("{part}");
        return Ok(());
    }
    let head = format!(
        "# Benchmarks of the secure link\n\n\
         Written by `scripts/bench link`, which measures the library and others in one run: they \
         take turns on the same data. A ratio is how many times as fast ours is as the peer, by \
         the best times, and in brackets by the medians; \"floor\" is what it must be at least.\n\n{}",
        machine::describe_link(effort, &missing)
    );
    let mut report = head + &part;
    if whole {
        report += &std::fs::read_to_string(portable)?;
        std::fs::write(file, &report)?;
        eprintln!("wrote {}", file.display());
    }
    println!("{report}");
    Ok(())
}

/// A contestant whose work cannot be done twice on the same things: things are
/// made ready off the clock, then worked on, a batch at a time. The clock is read
/// once a batch, which few bytes share.
fn batches<'a, T: Clone + 'a>(
    name: &str,
    len: usize,
    thing: T,
    mut prepare: impl FnMut(&mut T) + 'a,
    mut work: impl FnMut(&mut T) + 'a,
) -> Contestant<'a> {
    // What fits the first cache, but so many that the clock does not count.
    let mut things = vec![thing; (24_576 / (len + 64)).max(4)];
    Contestant::new(name, move |times| {
        let (mut left, mut taken) = (times as usize, 0.0);
        while left > 0 {
            let batch = left.min(things.len());
            left -= batch;
            let batch = &mut things[..batch];
            batch.iter_mut().for_each(&mut prepare);
            taken += timed(|| batch.iter_mut().for_each(&mut work));
        }
        Ok(taken)
    })
}
