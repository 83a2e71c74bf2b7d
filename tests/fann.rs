//! FANN's files: what libfann saved runs here, what is saved here is the same
//! file again, and broken ones are refused.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, FannFile, FannSettings, Kernel, Layer, Net, NetConfig, Randomize, Scale, Topology,
};
use neural_swarm::port::{Heap, Level, Logger};

const NAMES: [&str; 7] =
    ["layered", "functions", "sparse", "shortcut", "scaled", "cascade", "constant"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/fann")
}

fn text_in(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(format!("{name}.net"))).unwrap()
}

fn text(name: &str) -> String {
    text_in(&folder(), name)
}

fn load(text: &str) -> (Net<'static>, FannSettings) {
    let file = FannFile::read(text.as_bytes(), None).unwrap();
    (Net::from_fann(&file, Heap).unwrap(), file.settings)
}

fn save(net: &Net<'_>, settings: &FannSettings) -> String {
    let mut bytes = vec![0; net.fann_len(settings).unwrap()];
    assert_eq!(net.save_fann(&mut bytes, settings), Ok(bytes.len()));
    let short = bytes.len() - 1;
    assert_eq!(net.save_fann(&mut vec![0; short], settings), Err(Error::BufferTooSmall));
    String::from_utf8(bytes).unwrap()
}

/// Inputs and libfann's outputs.
fn samples(folder: &Path, name: &str, inputs: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    text.lines()
        .map(|line| {
            let numbers: Vec<f32> = line.split_whitespace().map(|x| x.parse().unwrap()).collect();
            (numbers[..inputs].to_vec(), numbers[inputs..].to_vec())
        })
        .collect()
}

/// The bits of fann_run; a sine's may be others, see `Net::set_exact`.
fn runs_here(folder: &Path, name: &str) {
    let (mut net, _) = load(&text_in(folder, name));
    assert!(net.is_exact());
    let all = samples(folder, name, net.shape().inputs);
    assert_eq!(all.len(), 5);
    for (x, want) in all {
        let mut y = vec![0.0; net.shape().outputs];
        net.forward(&x, &mut y).unwrap();
        for (got, want) in y.iter().zip(&want) {
            assert_eq!(got, want, "{name}");
        }
    }
}

#[test]
fn what_libfann_saved_runs_here() {
    NAMES.iter().for_each(|name| runs_here(&folder(), name));
}

#[test]
fn whatever_libfann_saved_runs_here() {
    let Ok(folder) = std::env::var("NSW_FANN_ANY") else {
        eprintln!("NOT RUN: tests/peers/fann-files runs this with the installed libfann");
        return;
    };
    let folder = PathBuf::from(folder);
    for i in 0..500 {
        let name = i.to_string();
        runs_here(&folder, &name);
        let (net, settings) = load(&text_in(&folder, &name));
        let (again, same) = load(&save(&net, &settings));
        assert_eq!((net.difference(&again), settings), (Ok(0.0), same), "{name}");
    }
}

#[test]
fn the_exact_arithmetic_can_be_switched() {
    for name in NAMES {
        let (mut net, _) = load(&text(name));
        let mut copy = net.copy(Heap).unwrap();
        assert!(net.is_exact() && copy.is_exact());
        net.set_exact(false).unwrap();
        let kernels = Kernel::ALL.into_iter().filter(|kernel| copy.set_kernel(*kernel).is_ok());
        for kernel in kernels.collect::<Vec<_>>() {
            copy.set_kernel(kernel).unwrap();
            net.set_kernel(kernel).unwrap();
            let all = samples(&folder(), name, net.shape().inputs);
            // One by one and all together.
            let x: Vec<f32> = all.iter().flat_map(|(x, _)| x).copied().collect();
            let want: Vec<f32> = all.iter().flat_map(|(_, y)| y).copied().collect();
            let mut y = vec![0.0; want.len()];
            copy.forward_batch(&x, all.len(), &mut y).unwrap();
            assert_eq!(y, want, "{name} {kernel:?}");
            net.forward_batch(&x, all.len(), &mut y).unwrap();
            for (y, want) in y.iter().zip(&want) {
                assert!((y - want).abs() <= 1e-6 * want.abs().max(1.0), "{name} {y} {want}");
            }
        }
        net.set_exact(true).unwrap();
        assert!(net.is_exact());
        let last = net.shape().layers - 1;
        assert_eq!(net.set_style(last, Activation::Softmax, 1.0), Err(Error::Unsupported));
        net.set_exact(false).unwrap();
        net.set_style(last, Activation::Softmax, 1.0).unwrap();
        assert_eq!(net.set_exact(true), Err(Error::Unsupported));
        assert!(!net.is_exact());
    }
}

/// The file without the functions of its biases, which mean nothing.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split_inclusive(") ") {
        match part.strip_prefix("(0, ").and_then(|rest| rest.split_once(", ")) {
            Some((_, steepness)) if steepness.starts_with("0.0") => {
                plain += &format!("(0, 0, {steepness}");
            }
            _ => plain += part,
        }
    }
    plain
}

#[test]
fn files_are_the_same_after_reading_and_writing() {
    for name in NAMES {
        let original = text(name);
        let (net, settings) = load(&original);
        let ours = save(&net, &settings);
        for (a, b) in plain(&original).lines().zip(plain(&ours).lines()) {
            // What the rate was asked to be, libfann keeps; the connections
            // that there are tell another.
            if name != "sparse" || !a.starts_with("connection_rate") {
                assert_eq!(a, b, "{name}");
            }
        }
        assert_eq!(original.lines().count(), ours.lines().count());
        let (again, same) = load(&ours);
        assert_eq!(net.difference(&again), Ok(0.0), "{name}");
        assert!(net.scales().eq(again.scales()));
        assert_eq!(settings, same);
        assert_eq!(save(&again, &same), ours);
    }
}

#[test]
fn numbers_that_six_decimals_cannot_say_survive() {
    let layers = [Layer::new(2, Activation::Tanh)];
    let config = NetConfig { scaling: true, ..NetConfig::new(1, &layers) };
    let mut net = Net::new(&config, Heap).unwrap();
    for (i, x) in [1e-7f32, 3.402_823_5e38, 1.0 / 3.0].into_iter().enumerate() {
        let scale = Scale { mean: -x, deviation: x, minimum: -1e-38, factor: 1e-44 };
        net.set_scale(i, scale).unwrap();
    }
    let settings = FannSettings {
        learning_rate: 1.234_567_9e-5,
        quickprop_decay: -1e-10,
        rprop_delta_min: f32::MIN_POSITIVE,
        ..FannSettings::default()
    };
    let (again, same) = load(&save(&net, &settings));
    assert_eq!(same, settings);
    assert!(net.scales().eq(again.scales()));
}

#[test]
fn steepnesses_are_numbers() {
    let good = text("layered");
    let first = "5, 5.00000000000000000000e-01";
    assert!(good.contains(first));
    for bad in ["5e200", "inf", "NaN", "0", "-0.5", "3e38"] {
        // Twice the last one is too large for a sigmoid.
        let function = if bad == "3e38" { 3 } else { 5 };
        // Of a layer's first unit, and of another.
        let (before, after) = good.split_once(first).unwrap();
        let bad_one = format!("{function}, {bad}");
        for broken in [
            good.replacen(first, &bad_one, 1),
            format!("{before}{first}{}", after.replacen(first, &bad_one, 1)),
        ] {
            assert_eq!(refused(&broken).0, Error::ModelInvalid, "{bad}");
        }
    }
}

#[test]
fn the_steepnesses_of_cascade_training_are_numbers() {
    let good = text("layered");
    let first = "cascade_activation_steepnesses=2.50000000000000000000e-01";
    assert!(good.contains(first));
    for bad in ["5e801", "-inf", "NaN"] {
        let broken = good.replacen(first, &format!("cascade_activation_steepnesses={bad}"), 1);
        assert_eq!(refused(&broken).0, Error::ModelInvalid, "{bad}");
    }
}

#[test]
fn settings_that_no_reader_takes_are_not_written() {
    let (net, settings) = load(&text("layered"));
    let bad = |change: fn(&mut FannSettings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        assert_eq!(net.fann_len(&settings), Err(Error::Invalid));
        assert_eq!(net.save_fann(&mut [0; 10_000], &settings), Err(Error::Invalid));
    };
    bad(|s| s.learning_rate = f32::NAN);
    bad(|s| s.learning_momentum = f32::INFINITY);
    bad(|s| s.rprop_delta_max = f32::INFINITY);
    bad(|s| s.cascade_candidate_limit = f32::NAN);
    bad(|s| s.cascade_activation_steepnesses[0] = f32::NEG_INFINITY);
}

#[test]
fn scaling_comes_along_and_can_be_undone() {
    let (net, _) = load(&text("scaled"));
    assert_eq!(net.scales().len(), 3);
    let mut row = [4.0f32, 2.5];
    net.scale_inputs(&mut row).unwrap();
    let mut target = [17.0f32];
    net.scale_targets(&mut target).unwrap();
    assert_ne!(target, [17.0]);
    net.unscale_outputs(&mut target).unwrap();
    assert!((target[0] - 17.0).abs() < 1e-4);
    let (mut other, _) = load(&text("layered"));
    assert_eq!(other.scale_inputs(&mut [0.0; 3]), Err(Error::Unsupported));
    assert_eq!(other.set_scale(0, Scale::NONE), Err(Error::Unsupported));
}

#[test]
fn columns_that_were_all_the_same_are_scaled_to_the_middle() {
    // libfann says a deviation of 0 for them, and then divides by it.
    let (net, settings) = load(&text("constant"));
    let deviations: Vec<f32> = net.scales().map(|scale| scale.deviation).collect();
    assert!(deviations[0] > 1.0 && deviations[1..] == [0.0, 0.0]);
    let mut rows = [0.06004708f32, 7.0, 3.0, 8.5];
    net.scale_inputs(&mut rows).unwrap();
    assert!(rows[0].abs() < 1e-6 && rows[1] == 0.0 && rows[3] == 0.0, "{rows:?}");
    let mut targets = [0.25f32, 9.0];
    net.scale_targets(&mut targets).unwrap();
    assert_eq!(targets, [0.5, 0.5]);
    // As fann_descale_output has it.
    let mut outputs = [0.769_969_7f32, -3.0];
    net.unscale_outputs(&mut outputs).unwrap();
    assert_eq!(outputs, [0.25, 0.25]);
    let flat = Scale { factor: 0.0, minimum: 2.0, mean: 3.0, deviation: 4.0 };
    assert_eq!((flat.apply(77.0), flat.undo(2.0)), (2.0, 3.0));
    // So they may be set, and saved in both formats.
    let mut other = net.copy(Heap).unwrap();
    other.set_scale(1, flat).unwrap();
    let mut model = vec![0; other.model_len().unwrap()];
    other.save(&mut model).unwrap();
    assert!(Net::load(&model, Heap).unwrap().scales().eq(other.scales()));
    assert!(load(&save(&other, &settings)).0.scales().eq(other.scales()));
    assert_eq!(other.set_scale(0, Scale { mean: f32::NAN, ..flat }), Err(Error::Invalid));
}

/// Collects log lines.
#[derive(Default)]
struct Lines(std::cell::RefCell<Vec<String>>);

impl Logger for Lines {
    fn log(&self, _: Level, text: &str) {
        self.0.borrow_mut().push(text.to_owned());
    }
}

fn refused(text: &str) -> (Error, String) {
    let lines = Lines::default();
    let error = FannFile::read(text.as_bytes(), Some(&lines)).err();
    let said = lines.0.borrow().join("|");
    (error.unwrap_or_else(|| panic!("{text} was taken")), said)
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let good = text("functions");
    let (error, said) = refused(&good.replace("(5, 10, ", "(5, 9, "));
    assert_eq!(error, Error::Unsupported);
    assert!(said.contains("GAUSSIAN_STEPWISE"), "{said}");
    assert_eq!(refused(&good.replace("(5, 10, ", "(5, 77, ")).0, Error::Unsupported);
    for (version, name) in [("FANN_FIX_2.0", "FANN_FIX"), ("FANN_FLO_1.1", "not FANN_FLO_2.1")] {
        let (error, said) = refused(&good.replace("FANN_FLO_2.1", version));
        assert!(error == Error::ModelVersion && said.contains(name), "{said}");
    }
    assert_eq!(refused("hello\n").0, Error::ModelMagic);
    assert_eq!(refused("").0, Error::ModelMagic);
    let (error, said) = refused(&good.replace("rprop_delta_max=", "rprop_delta_mix="));
    assert_eq!(error, Error::ModelInvalid);
    assert!(said.contains("line 16") && said.contains("rprop_delta_max"), "{said}");
    for (from, to) in [
        ("num_layers=4", "num_layers=5"),
        ("num_layers=4", "num_layers=4000000000"),
        ("network_type=0", "network_type=2"),
        ("network_type=0", "network_type=1"),
        ("layer_sizes=5 19 7 3", "layer_sizes=5 19 7 4000000000"),
        ("layer_sizes=5 19 7 3", "layer_sizes=5 18 8 3"),
        ("layer_sizes=5 19 7 3", "layer_sizes=1 23 7 3"),
        ("learning_rate=0.7", "learning_rate=nan"),
        ("count=10", "count=11"),
        ("count=4", "count=400"),
        ("scale_included=0", "scale_included=1"),
        ("(5, 5, ", "(4, 5, "),
        ("(5, 5, 5", "(5, 5, -5"),
        ("(5, 5, 5", "(5, 5, 0, 5"),
        ("weight)=(0, ", "weight)=(1, "),
        ("weight)=(0, ", "weight)=(99, "),
        ("weight)=(0, ", "weight)=(0, x"),
        ("weight)=(0, ", "weight)=(0 "),
    ] {
        assert!(good.contains(from), "{from}");
        let (error, said) = refused(&good.replacen(from, to, 1));
        let expected = [Error::ModelInvalid, Error::ModelTruncated];
        assert!(expected.contains(&error) && !said.is_empty(), "{from} {to} {error:?}");
    }
    for len in 0..good.trim_end().len() {
        assert!(FannFile::read(&good.as_bytes()[..len], None).is_err(), "{len}");
    }
    let (net, settings) = load(&good);
    drop(settings);
    assert_eq!(
        FannFile::read(b"FANN_FLO_2.1\nnum_layers=\xff", None).err(),
        Some(Error::ModelMagic)
    );
    drop(net);
}

#[test]
fn what_libfann_passes_over_does_not_matter() {
    for name in ["scaled", "functions"] {
        let original = text(name);
        let (net, settings) = load(&original);
        let same = |text: &str| {
            let (other, others) = load(text);
            assert_eq!((net.difference(&other), &others), (Ok(0.0), &settings), "{text}");
            assert!(net.scales().eq(other.scales()));
        };
        same(&original.replace('\n', "\r\n"));
        same(&original.replacen("2.1\n", "2.1 \r\n", 1).replace('\n', " \n \t\n\n"));
        same(original.trim_end());
        same(&(original.clone() + "\n\nanything"));
        same(&original.replace("learning_momentum=", "learning_momentum=  "));
    }
}

#[test]
fn files_of_other_versions_that_libfann_reads_are_read() {
    let original = text("functions");
    let (net, settings) = load(&original);
    let old = original.replace("FANN_FLO_2.1", "FANN_FLO_2.0");
    for old in [old.replace("scale_included=0\n", ""), old] {
        let (other, others) = load(&old);
        assert_eq!((net.difference(&other), &others), (Ok(0.0), &settings));
        assert!(save(&other, &others).starts_with("FANN_FLO_2.1\n"));
    }
    // Only the old version may leave it out.
    assert_eq!(refused(&original.replace("scale_included=0\n", "")).0, Error::ModelInvalid);
}

#[test]
fn rectifiers_of_later_versions_are_read() {
    for (code, activation) in [(18, Activation::Relu), (19, Activation::LeakyRelu)] {
        let (net, settings) =
            load(&text("functions").replace("(5, 16, ", &format!("(5, {code}, ")));
        let style = |unit| net.unit_style(0, unit).unwrap().0;
        assert!((0..18).any(|unit| style(unit) == activation) && net.is_exact());
        // Version 2.2 would take it for something else.
        assert_eq!(net.fann_len(&settings), Err(Error::Unsupported));
    }
    assert_eq!(refused(&text("functions").replace("(5, 16, ", "(5, 20, ")).0, Error::Unsupported);
}

#[test]
fn what_fann_does_not_have_is_not_written() {
    let settings = FannSettings::default();
    for activation in [Activation::Softmax, Activation::Gelu, Activation::Silu, Activation::Relu] {
        let net = Net::new(&NetConfig::new(2, &[Layer::new(2, activation)]), Heap).unwrap();
        assert_eq!(net.fann_len(&settings), Err(Error::Unsupported), "{activation:?}");
    }
}

/// What the installed libfann gives for a network of ours.
fn by_libfann(program: &str, text: &str, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let file = std::env::temp_dir().join(format!("nsw-{}.net", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let mut child = Command::new(program)
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let rows: Vec<String> =
        inputs.iter().map(|row| row.iter().map(|x| format!("{x} ")).collect()).collect();
    child.stdin.take().unwrap().write_all(rows.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "libfann does not load {text}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|l| l.split_whitespace().map(|x| x.parse().unwrap()).collect()).collect()
}

#[test]
fn what_is_saved_here_runs_in_libfann() {
    let Ok(program) = std::env::var("NSW_FANN_FILES") else {
        eprintln!("NOT RUN: tests/peers/fann-files runs this with the installed libfann");
        return;
    };
    let functions = Activation::ALL.into_iter().filter(|activation| {
        let net = Net::new(&NetConfig::new(2, &[Layer::new(2, *activation)]), Heap).unwrap();
        net.fann_len(&FannSettings::default()).is_ok()
    });
    let functions: Vec<Activation> = functions.collect();
    assert_eq!(functions.len(), 17);
    for (seed, activation) in functions.into_iter().cycle().take(68).enumerate() {
        let kind = seed % 4;
        let layers = [
            Layer { steepness: 0.4, ..Layer::new(5, activation) },
            Layer::new(4, Activation::Tanh),
            Layer { steepness: 0.5, ..Layer::new(2, Activation::Sigmoid) },
        ];
        let mut net = Net::new(
            &NetConfig {
                topology: if kind == 1 { Topology::Shortcut } else { Topology::Layered },
                connection_rate: if kind == 2 { 0.5 } else { 1.0 },
                unit_styles: kind == 3,
                scaling: kind == 0,
                seed: seed as u64,
                ..NetConfig::new(3, &layers)
            },
            Heap,
        )
        .unwrap();
        net.randomize(Randomize::Uniform(-1.0, 1.0), seed as u64).unwrap();
        if kind == 3 {
            net.set_unit_style(1, 2, activation, 0.6).unwrap();
        }
        let inputs: Vec<Vec<f32>> = (0..4)
            .map(|i| (0..3).map(|j| 0.7 * (i as f32 - 1.4) + 0.3 * j as f32).collect())
            .collect();
        let theirs = by_libfann(&program, &save(&net, &FannSettings::default()), &inputs);
        for (x, want) in inputs.iter().zip(&theirs) {
            let mut y = [0.0; 2];
            net.forward(x, &mut y).unwrap();
            for (got, want) in y.iter().zip(want) {
                assert!((got - want).abs() <= 1e-6, "{activation:?} {kind} {got} {want}");
            }
        }
        assert_eq!(theirs.len(), 4);
    }
}
