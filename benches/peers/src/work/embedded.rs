//! Instructions on the Cortex-M4, as scripts/test-embedded last counted them.

use std::collections::HashMap;

use crate::bench::Bench;
use crate::measure::Outcome;
use crate::report::{Section, Table, number};

/// Ticks that the firmware spends on one int8 layer of 784 inputs and 128 units.
const LAYER: &str = "dense_784x128_ticks";
/// What CMSIS-NN's layer takes for a multiply-add: a figure given with the
/// task, not measured here.
const CMSIS_NN: f64 = 1.94;
const MOST: f64 = 2.0;

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Cortex-M4",
        text: "Instructions for a multiply-add in an emulator (qemu, SysTick under -icount), from \
               the last run of `scripts/test-embedded`. CMSIS-NN's figure was given, it is not \
               measured here."
            .to_string(),
        ..Section::default()
    };
    if !bench.wants("cortex-m4 int8 784x128") {
        return Ok(section);
    }
    let file = bench.peers.join("../embedded-test/figures.txt");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("NOT MEASURED: Cortex-M4: run scripts/test-embedded first ({})", file.display());
        section.text += "\n\n**Not measured**: `scripts/test-embedded` had not run.";
        return Ok(section);
    };
    let figures: HashMap<&str, f64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name, value.trim().parse().ok()?)))
        .collect();
    let figure = |name: &str| figures.get(name).copied();
    let per_tick = match (figure("known_instructions"), figure("known_ticks")) {
        (Some(instructions), Some(ticks)) => instructions / ticks,
        _ => return Err("the firmware's figures have no loop of known length".into()),
    };
    let mut rows = Vec::new();
    let mut row = |what: &str, ours: String, theirs: &str, most: String, reached: &str| {
        rows.push(vec![what.to_string(), ours, theirs.to_string(), most, reached.to_string()]);
    };
    let layer = figure(LAYER).map(|ticks| ticks * per_tick / (784.0 * 128.0));
    let reached = match layer {
        Some(count) if count <= MOST => "yes",
        Some(_) => "**no**",
        None => "**not there yet**",
    };
    let given = format!("{CMSIS_NN} (given)");
    let ours = layer.map_or_else(|| "not measured".to_string(), number);
    row("fully connected int8, 784x128", ours, &given, number(MOST), reached);
    if let (Some(ticks), Some(images)) = (figure("forward_ticks"), figure("images")) {
        let products = 64.0 * 32.0 + 32.0 * 10.0;
        let count = ticks * per_tick / images / products;
        row("a whole run of 64-32-10 with its activations", number(count), "", String::new(), "");
    }
    let head = vec!["work", "ours", "CMSIS-NN", "at most", "reached"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
