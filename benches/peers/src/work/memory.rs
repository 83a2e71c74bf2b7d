//! Memory: what libfann takes from the heap, what our objects say they take.

use crate::bench::Bench;
use crate::data;
use crate::fann::{Ann, Samples};
use crate::measure::Outcome;
use crate::ours;
use crate::report::{Section, Table};
use crate::spec::{Method, Spec, Squash};
use crate::work::training::percent;

/// Bytes that the C heap has given out.
pub fn heap() -> usize {
    // SAFETY: it only reads malloc's own figures.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Memory",
        text: "Of 784-128-10, in bytes. libfann: what the heap gives out more (`mallinfo2`) while \
               it loads the network from a file, and after an epoch of RPROP on it, without its \
               copy of the samples. Ours: the one piece that the object asks for (its `footprint`) \
               and the object itself; training is network and trainer together, with the default \
               block of samples."
            .to_string(),
        ..Section::default()
    };
    if !bench.wants("memory 784-128-10") {
        return Ok(section);
    }
    let spec = Spec::new(&[784, 128, 10], Squash::Sigmoid, Method::Rprop);
    let (float, int8) = ours::loaded_bytes(&spec)?;
    let training = ours::training_bytes(&spec)?;
    let Some(build) = bench.fann() else { return Ok(section) };
    let path = std::env::temp_dir().join(format!("nsw-peers-memory-{}.net", std::process::id()));
    Ann::new(build, &spec, &spec.weights(1))?.save(&path)?;
    let set = data::synthetic((784, 10), 20).train;
    let samples = Samples::new(build, &set)?;
    let before = heap();
    let mut ann = Ann::load(build, &path)?;
    let loaded = heap() - before;
    ann.epoch(&samples);
    let trained = heap() - before;
    std::fs::remove_file(&path)?;
    let row = |what: &str, ours: usize, theirs: usize, most: f64| {
        let part = ours as f64 / theirs as f64;
        let reached = if part <= most { "yes" } else { "**no**" };
        [what, &ours.to_string(), &theirs.to_string(), &percent(part), &percent(most), reached]
            .map(str::to_string)
            .to_vec()
    };
    let rows = vec![
        row("loaded, int8", int8, loaded, 0.1),
        row("loaded, float32", float, loaded, 0.36),
        row("training with RPROP", training, trained, 0.7),
    ];
    let head = vec!["what", "ours", "libfann", "ours of libfann's", "at most", "reached"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
