//! Running networks: one sample beside `fann_run`, int8 beside LiteRT and
//! onnxruntime.

use std::hint::black_box;

use serde_json::json;

use crate::bench::{Bench, Match};
use crate::data::{self, Set};
use crate::fann::Ann;
use crate::measure::{Contestant, Outcome};
use crate::ours::{Float, Quantised};
use crate::report::{Row, Section, Unit};
use crate::spec::{Method, Spec, Squash};

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Running",
        text: "One call after the other on one sample. \"int8\" takes and gives int8 values; \
               \"from float32\" quantises and dequantises as part of the call. Our int8 networks \
               are made for batches of 4 or more, so they have a packed copy of the weights; the \
               memory below is that of networks made for single samples, without."
            .to_string(),
        ..Section::default()
    };
    let all: [(&[usize], _, _); 5] = [
        (&[784, 128, 10], false, Some(10.0)),
        (&[32, 16, 4], false, Some(2.0)),
        (&[2, 3, 1], false, None),
        (&[784, 128, 10], true, None),
        (&[32, 16, 4], true, None),
    ];
    for (layers, exact, floor) in all {
        let spec = Spec::new(layers, Squash::Sigmoid, Method::Rprop);
        let how = if exact { ", with libfann's bits" } else { "" };
        let work = format!("run f32 {}{how}", spec.name());
        if bench.wants(&work) {
            section.rows.push(float(bench, work, &spec, (exact, floor))?);
        }
    }
    let spec = Spec::new(&[784, 128, 10], Squash::Sigmoid, Method::Rprop);
    for (what, real, floor) in [("int8", false, Some(30.0)), ("int8 from float32", true, None)] {
        let work = format!("run {what} {} beside fann_run", spec.name());
        if bench.wants(&work) {
            section.rows.push(int8(bench, work, &spec, (real, floor))?);
        }
    }
    Ok(section)
}

/// From this batch on a network has a packed copy of its weights.
const PACKED: usize = 4;

/// Weights that let the values be of all sizes.
fn lively(spec: &Spec) -> Vec<f32> {
    spec.weights(7).iter().map(|w| w * 3.0).collect()
}

fn fann_runs<'a>(
    bench: &'a Bench,
    spec: &Spec,
    weights: &[f32],
    x: &'a [f32],
) -> Outcome<Vec<(Contestant<'a>, bool)>> {
    let mut peers = Vec::new();
    for build in &bench.builds {
        let mut ann = Ann::new(build, spec, weights)?;
        let mut y = vec![0.0; spec.outputs()];
        let name = format!("libfann ({})", build.name);
        let call = move || ann.run(black_box(x), black_box(&mut y));
        peers.push((Contestant::calls(name, call), build.counted));
    }
    Ok(peers)
}

/// How far the outputs of a function are from libfann's at most.
fn farthest(
    bench: &Bench,
    spec: &Spec,
    weights: &[f32],
    data: &Set,
    mut run: impl FnMut(&[f32], &mut [f32]),
) -> Outcome<f32> {
    let Some(build) = bench.fann() else { return Ok(0.0) };
    let mut ann = Ann::new(build, spec, weights)?;
    let (mut ours, mut theirs) = (vec![0.0; spec.outputs()], vec![0.0; spec.outputs()]);
    let mut most = 0f32;
    for i in 0..data.samples() {
        let x = data.sample(i).0;
        run(x, &mut ours);
        ann.run(x, &mut theirs);
        most = ours.iter().zip(&theirs).fold(most, |most, (a, b)| most.max((a - b).abs()));
    }
    Ok(most)
}

fn float(
    bench: &Bench,
    work: String,
    spec: &Spec,
    (exact, floor): (bool, Option<f64>),
) -> Outcome<Row> {
    let weights = lively(spec);
    let data = data::synthetic((spec.inputs(), spec.outputs()), 20).train;
    let mut net = Float::fann(spec, &weights)?;
    if exact {
        net = net.exact()?;
    }
    let most = farthest(bench, spec, &weights, &data, |x, y| net.run(x, y))?;
    let x = data.sample(0).0;
    let mut y = vec![0.0; spec.outputs()];
    let peers = fann_runs(bench, spec, &weights, x)?;
    let ours = Contestant::calls("ours", || net.run(black_box(x), black_box(&mut y)));
    let found = Match { work, unit: Unit::Time, floor, ours, peers };
    let mut row = bench.measure(found)?;
    row.same = if exact { most == 0.0 } else { most < 1e-5 };
    row.note = format!("outputs differ by at most {most:.0e}");
    Ok(row)
}

fn int8(
    bench: &Bench,
    work: String,
    spec: &Spec,
    (real, floor): (bool, Option<f64>),
) -> Outcome<Row> {
    let weights = lively(spec);
    let data = data::synthetic((spec.inputs(), spec.outputs()), 200).train;
    let mut net = Float::fann(spec, &weights)?.quantised(&data.x, PACKED)?;
    let x = data.sample(0).0;
    let most = farthest(bench, spec, &weights, &data, |x, y| net.run(x, y))?;
    let bytes = net.quantise(x);
    let (mut y, mut result) = (vec![0.0; spec.outputs()], vec![0; spec.outputs()]);
    let peers = fann_runs(bench, spec, &weights, x)?;
    let ours = if real {
        Contestant::calls("ours", || net.run(black_box(x), black_box(&mut y)))
    } else {
        Contestant::calls("ours", || net.run_i8(black_box(&bytes), black_box(&mut result)))
    };
    let found = Match { work, unit: Unit::Time, floor, ours, peers };
    let mut row = bench.measure(found)?;
    row.same = most < 0.1;
    row.note = format!("outputs differ by at most {most:.3}");
    Ok(row)
}

/// An int8 network of two layers, ReLU between them, in batches.
pub fn mlps(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Running int8 beside LiteRT and onnxruntime",
        text: "The same float weights and input values; weights quantised for each unit. LiteRT \
               runs a flatbuffer of two FULLY_CONNECTED (XNNPACK), onnxruntime two QGemm with \
               unsigned activations. Both are called from Python in a loop, by their shortest \
               call; the notes have the call of a model of one weight, so what the call itself \
               costs at most."
            .to_string(),
        ..Section::default()
    };
    for batch in [1, 64] {
        let work = format!("run int8 784-128-10 batch {batch} beside LiteRT and onnxruntime");
        if bench.wants(&work) {
            section.rows.push(mlp(bench, work, batch)?);
        }
    }
    Ok(section)
}

fn mlp(bench: &Bench, work: String, batch: usize) -> Outcome<Row> {
    let widths = [784, 128, 10];
    let spec = Spec::new(&widths, Squash::Sigmoid, Method::Rprop);
    let weights = spec.weights(7);
    let samples = data::synthetic((784, 10), 256).train.x;
    let mut net = Float::relu(&widths, batch, &weights)?.quantised(&samples, batch.max(PACKED))?;
    let x = net.quantise(&samples[..batch * 784]);
    let mut y = vec![0i8; batch * 10];
    net.run_batch_i8(&x, &mut y);
    let mut peers = Vec::new();
    let (mut note, mut farthest) = (Vec::new(), 0);
    if let Some(python) = &bench.python {
        for (peer, most) in hand_over(bench, &net, (&weights, &samples, &x), (batch, &y))? {
            note.push(format!("{peer}: results differ by at most {most}"));
            farthest = farthest.max(most);
        }
        for peer in ["litert", "onnxruntime"] {
            peers.push((python.contestant(peer, format!("mlp{batch}/{peer}")), true));
        }
    }
    let ours = Contestant::calls("ours", || net.run_batch_i8(black_box(&x), black_box(&mut y)));
    let found = Match { work, unit: Unit::Time, floor: Some(1.0), ours, peers };
    let mut row = bench.measure(found)?;
    if let Some(python) = &bench.python {
        let mut calls: Vec<_> = ["litert", "onnxruntime"]
            .map(|peer| python.contestant(peer, format!("overhead/{peer}")))
            .into();
        let stats = crate::measure::alternate(&mut calls, bench.effort)?;
        for (call, stat) in calls.iter().zip(stats) {
            note.push(format!("{} call {:.2} us", call.name, stat.min / 1e3));
        }
    }
    row.same = farthest <= 1;
    row.note = note.join("; ");
    Ok(row)
}

/// Has Python make the same network; returns how far the results are from ours.
fn hand_over(
    bench: &Bench,
    net: &Quantised,
    (weights, samples, x): (&[f32], &[f32], &[i8]),
    (batch, y): (usize, &[i8]),
) -> Outcome<Vec<(&'static str, i64)>> {
    let python = bench.python.as_ref().ok_or("no Python")?;
    let folder = bench.peers.join("run");
    std::fs::create_dir_all(&folder)?;
    let file = |name: &str, bytes: Vec<u8>| -> Outcome<String> {
        let path = folder.join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let [input, output] = net.scales();
    let name = format!("mlp{batch}");
    python.ask(&json!({
        "do": "mlp", "name": name, "widths": [784, 128, 10], "batch": batch,
        "weights": file("weights.f32", floats(weights))?,
        "samples": file("samples.f32", floats(samples))?,
        "quantised": file("samples.i8", x.iter().map(|v| *v as u8).collect())?,
        "input": [input.0, input.1], "output": [output.0, output.1],
    }))?;
    let mut differences = Vec::new();
    for peer in ["litert", "onnxruntime"] {
        let result = python.ask(&json!({"do": "result", "name": format!("{name}/{peer}")}))?;
        let result = result.as_array().ok_or("Python gave no result")?;
        let pairs = result.iter().zip(y);
        let far = pairs.map(|(a, b)| (a.as_i64().unwrap_or(i64::MAX) - i64::from(*b)).abs());
        differences.push((peer, far.max().unwrap_or(i64::MAX)));
    }
    Ok(differences)
}
