//! Instructions on the Cortex-M4, in an emulator.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use crate::bench::Bench;
use crate::data;
use crate::measure::Outcome;
use crate::ours::Float;
use crate::report::{Section, Table, number};
use crate::spec::{Method, Spec, Squash};

const INPUTS: usize = 784;
const UNITS: usize = 128;
const SAMPLES: usize = 8;
/// What CMSIS-NN's layer takes for a multiply-add: a figure given with the
/// task, not measured here.
const CMSIS_NN: f64 = 1.94;
const MOST: f64 = 2.0;

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Cortex-M4",
        text: format!(
            "Instructions for a multiply-add of an int8 fully connected layer, {INPUTS} inputs \
             and {UNITS} units, called from C with its model in flash: the whole call \
             `nsw_qnet_forward_i8`, requantisation included, counted by an emulator (qemu, SysTick \
             under -icount; no statement about clock cycles). CMSIS-NN's figure was given, it is \
             not measured here."
        ),
        ..Section::default()
    };
    if !bench.wants("cortex-m4 int8 784x128") {
        return Ok(section);
    }
    let row = match count(&bench.peers.join("cortex-m4")) {
        Ok((instructions, wrong)) => {
            let each = instructions / (INPUTS * UNITS) as f64;
            let reached = match each {
                _ if wrong > 0.0 => "**does not count**: other outputs than on this machine",
                _ if each <= MOST => "yes",
                _ => "**no**",
            };
            [format!("{each:.3}"), reached.to_string()]
        }
        Err(error) => {
            eprintln!("NOT MEASURED: Cortex-M4: {error}");
            ["not measured".to_string(), String::new()]
        }
    };
    let [ours, reached] = row;
    let work = format!("int8 {INPUTS}x{UNITS}");
    let rows = vec![vec![work, ours, format!("{CMSIS_NN} (given)"), number(MOST), reached]];
    let head = vec!["work", "ours", "CMSIS-NN", "at most", "reached"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}

/// Instructions for a run, and how many outputs are not those of this machine.
fn count(folder: &Path) -> Outcome<(f64, f64)> {
    std::fs::create_dir_all(folder)?;
    let spec = Spec::new(&[INPUTS, UNITS], Squash::Sigmoid, Method::Rprop);
    let samples = data::synthetic((INPUTS, 10), SAMPLES).train.x;
    let mut layer = Float::relu(&spec.layers, 1, &spec.weights(1))?.quantised(&samples, 1)?;
    let values = layer.quantise(&samples);
    let mut expected = vec![0i8; SAMPLES * UNITS];
    layer.run_batch_i8(&values, &mut expected);
    let bytes = |values: &[i8]| values.iter().map(|v| *v as u8).collect::<Vec<_>>();
    std::fs::write(folder.join("layer.nswm"), layer.model())?;
    std::fs::write(folder.join("samples.bin"), bytes(&values))?;
    std::fs::write(folder.join("expected.bin"), bytes(&expected))?;

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cortex-m4/count");
    let output = Command::new(script).arg(folder).output()?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(String::from_utf8_lossy(&text).trim().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let figures: HashMap<&str, f64> =
        lines.filter_map(|(name, value)| Some((name, value.trim().parse().ok()?))).collect();
    let figure = |name: &str| {
        figures.get(name).copied().ok_or_else(|| format!("the firmware gave no {name}"))
    };
    let per_tick = figure("known_instructions")? / figure("known_ticks")?;
    Ok((figure("ticks")? * per_tick / figure("runs")?, figure("wrong")?))
}
