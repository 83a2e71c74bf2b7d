//! Text to task on CLINC150: trains, judges, and measures a router. `scripts/bench tasks-route` runs it.
//!
//! `cargo bench --bench route -- [--val] [name=value ...]`: with `--val` the test split is not looked at, for
//! tuning; names are those of `RouterConfig`. Without `--bench`, as tests run it, a small one on texts that are
//! made here.

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use neural_swarm::task::route::{Router, RouterConfig, Sample, calibrate, train};

#[path = "../../tests/route/clinc.rs"]
mod clinc;
#[path = "../../tests/common/data.rs"]
mod data;
#[path = "../../tests/common/random.rs"]
mod random;
#[path = "../../tests/route/rescue.rs"]
mod rescue;
#[path = "../../tests/route/score.rs"]
mod score;

use score::score;

/// What may be refused of the validation split's good texts.
const SHARES: [f32; 4] = [0.0, 0.01, 0.02, 0.05];

fn set(config: &mut RouterConfig, word: &str) {
    let (name, value) = word.split_once('=').expect("name=value");
    match name {
        "width" => config.width = value.parse().unwrap(),
        "blocks" => config.blocks = value.parse().unwrap(),
        "epochs" => config.epochs = value.parse().unwrap(),
        "rate" => config.rate = value.parse().unwrap(),
        "dropout" => config.dropout = value.parse().unwrap(),
        "smoothing" => config.smoothing = value.parse().unwrap(),
        "seed" => config.seed = value.parse().unwrap(),
        _ => panic!("no such setting: {name}"),
    }
}

/// Microseconds a text, each in the fastest of some rounds: on average, and of the slowest text.
fn times(router: &Router<'_>, samples: &[Sample<'_>]) -> [f64; 2] {
    let mut best = vec![f64::INFINITY; samples.len()];
    for _ in 0..31 {
        for (best, sample) in best.iter_mut().zip(samples) {
            let start = Instant::now();
            black_box(router.route(black_box(sample.text.as_bytes())).unwrap());
            *best = best.min(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    [best.iter().sum::<f64>() / best.len() as f64, best.iter().fold(0.0, |a, b| a.max(*b))]
}

/// A small router, trained and asked.
fn small() {
    let config = RouterConfig { width: 32, blocks: 2000, epochs: 4, ..RouterConfig::default() };
    let [training, others, _] = rescue::texts(1, 20);
    let training: Vec<Sample<'_>> = training.iter().map(rescue::Text::sample).collect();
    let mut model = train(&config, rescue::TASKS, &training).unwrap();
    calibrate(&mut model, &training, 0.02).unwrap();
    let router = Router::new(&model).unwrap();
    println!("{:?}", score(&router, others.iter().map(rescue::Text::sample)));
    let [mean, slowest] = times(&router, &training);
    assert!(mean > 0.0 && slowest >= mean);
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        small();
        return ExitCode::SUCCESS;
    }
    let Some(data) = clinc::read() else {
        eprintln!(
            "NOT MEASURED: put CLINC150 (github.com/clinc/oos-eval: data/data_full.json, by gzip) into \
             clinc150.json.gz of the folder that NSW_DATA names"
        );
        return ExitCode::FAILURE;
    };
    let mut config = clinc::config();
    let tuning = words.iter().any(|word| word == "--val");
    words.iter().filter(|word| word.contains('=')).for_each(|word| set(&mut config, word));
    let start = Instant::now();
    let samples = data.samples(&["train", "oos_train"]);
    let mut model = train(&config, &data.names(), &samples).unwrap();
    let took = start.elapsed().as_secs_f64();
    let splits: &[(&str, [&str; 2])] = match tuning {
        true => &[("validation", ["val", "oos_val"])],
        false => &[("validation", ["val", "oos_val"]), ("test", ["test", "oos_test"])],
    };
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").unwrap();
    line(format_args!(
        "| split | may be refused in validation | threshold | in-scope accuracy | without refusing | in-scope refused | out-of-scope recall |"
    ));
    line(format_args!("| --- | --- | --- | --- | --- | --- | --- |"));
    for (name, parts) in splits {
        for share in SHARES {
            calibrate(&mut model, &data.samples(&["val"]), share).unwrap();
            let router = Router::new(&model).unwrap();
            let score = score(&router, data.samples(parts));
            line(format_args!(
                "| {name} | {share:.2} | {:.3} | {:.4} | {:.4} | {:.4} | {:.3} |",
                router.threshold(),
                score.right,
                score.nearest,
                score.refused,
                score.recall
            ));
        }
    }
    let router = Router::new(&model).unwrap();
    let [mean, slowest] = times(&router, &data.samples(&["val"]));
    line(format_args!(""));
    line(format_args!(
        "- model: {} bytes; {} tasks, rows of {}",
        model.len(),
        router.tasks(),
        config.width
    ));
    line(format_args!(
        "- a query, one thread, each text of the validation split in the fastest of 31 rounds: {mean:.2} us on average, {slowest:.2} us for the slowest text"
    ));
    line(format_args!(
        "- training: {took:.1} s, {} epochs of {} texts",
        config.epochs,
        samples.len()
    ));
    print!("{out}");
    if let Ok(path) = std::env::var("NSW_REPORT") {
        let head = include_str!("report.md");
        std::fs::write(path, format!("{head}\n{out}")).unwrap();
    }
    ExitCode::SUCCESS
}
