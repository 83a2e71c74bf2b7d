//! Makes routers: a bag of embeddings and a dense layer, trained together by sparse steepest descent.
//!
//! The networks of [`crate::nn`] take dense inputs, and a bag of n-grams is some hundred of many thousands:
//! so this layer has a trainer of its own. Cross-entropy with smoothed labels (Szegedy et al. 2016), n-grams
//! left out by chance (Srivastava et al. 2014), steps by AdaGrad (Duchi et al. 2011) with one sum a block. One
//! order of operations and `libm` throughout: the same seed, the same bytes.

use alloc::vec;
use alloc::vec::Vec;

use super::Router;
use super::format::{self, BLOCK, MAX_NAME, MAX_TASKS, MAX_WIDTH, Parts};
use super::ngrams::{self, MAX_TEXT, Places};
use crate::error::{Error, Result};
use crate::nn::Random;

/// A text and the task that it asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// At most [`MAX_TEXT`] bytes.
    pub text: &'a str,
    /// The task's number; `None`: out of scope.
    pub task: Option<u32>,
}

/// What a router is to be, and how it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouterConfig {
    /// Numbers of a row: a multiple of 16, 16 to 256.
    pub width: usize,
    /// Blocks of 16 bytes in the table, 1 to 2^24. A model takes these, and for each class a row and 8
    /// bytes, and the names.
    pub blocks: usize,
    /// How often each sample is seen, at least 1.
    pub epochs: u32,
    /// AdaGrad's rate, above 0; it goes down to 2% of it in a line.
    pub rate: f32,
    /// The share of n-grams that are left out each time, 0 to below 1.
    pub dropout: f32,
    /// What of a label is spread over all classes, 0 to below 1.
    pub smoothing: f32,
    /// Where order and chance come from.
    pub seed: u64,
}

impl Default for RouterConfig {
    /// For some hundred tasks, in 270 KB.
    fn default() -> Self {
        RouterConfig {
            width: 128,
            blocks: 15_000,
            epochs: 20,
            rate: 0.05,
            dropout: 0.3,
            smoothing: 0.15,
            seed: 0,
        }
    }
}

impl RouterConfig {
    fn check(&self) -> Result<()> {
        let part = |x: f32| (0.0..1.0).contains(&x);
        let good = self.width.is_multiple_of(BLOCK)
            && (BLOCK..=MAX_WIDTH).contains(&self.width)
            && (1..=1 << 24).contains(&self.blocks)
            && self.epochs >= 1
            && self.rate > 0.0
            && self.rate.is_finite()
            && part(self.dropout)
            && part(self.smoothing);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// Numbers and, for each block of them, the sum of its mean squared slopes.
struct Weights {
    values: Vec<f32>,
    squares: Vec<f32>,
}

impl Weights {
    fn new(blocks: usize, limit: f32, random: &mut Random) -> Weights {
        let values = (0..blocks * BLOCK).map(|_| limit * random.uniform()).collect();
        Weights { values, squares: vec![1e-6; blocks] }
    }

    /// A step of a block against its slopes.
    fn step(&mut self, block: usize, slopes: &[f32; BLOCK], factor: f32, rate: f32) {
        let mean = slopes.iter().map(|x| x * x).sum::<f32>() / BLOCK as f32;
        let square = &mut self.squares[block];
        *square += factor * factor * mean;
        let rate = rate * factor / libm::sqrtf(*square);
        let values = &mut self.values[block * BLOCK..][..BLOCK];
        for (value, slope) in values.iter_mut().zip(slopes) {
            *value -= rate * slope;
        }
    }
}

struct Training<'a> {
    config: &'a RouterConfig,
    classes: usize,
    table: Weights,
    rows: Weights,
    biases: Vec<f32>,
    bias_squares: Vec<f32>,
    random: Random,
    /// Of a sample: its row, its scores, the row's slopes.
    row: Vec<f32>,
    scores: Vec<f32>,
    slopes: Vec<f32>,
}

/// Refuses more tasks, and longer names, than a model may have: before anything takes its time.
fn check_tasks(tasks: &[&str]) -> Result<()> {
    let good = tasks.len() <= MAX_TASKS && tasks.iter().all(|name| name.len() <= MAX_NAME);
    if good { Ok(()) } else { Err(Error::Invalid) }
}

/// Bytes of a router that is trained so, with a class of its own for what is out of scope or without one.
///
/// # Errors
/// [`Error::Invalid`] for a configuration outside its ranges, more than [`MAX_TASKS`] tasks, or a name of more than
/// 255 bytes; [`Error::Overflow`] for what no memory could hold.
pub fn model_len(config: &RouterConfig, tasks: &[&str], out_of_scope: bool) -> Result<usize> {
    config.check()?;
    check_tasks(tasks)?;
    let classes = tasks.len() + usize::from(out_of_scope);
    let names = tasks.iter().map(|name| name.len() + 1).sum();
    format::len(config.width, classes, config.blocks, names).ok_or(Error::Overflow)
}

/// Trains a router. Samples without a task, if there are any, make up a class of their own, for what is out
/// of scope; the threshold is 0 until [`calibrate`] sets it. The model's bytes are what
/// [`Router::new`] reads.
///
/// Takes memory for 5 bytes a number of the model, and for the n-grams of all samples.
///
/// # Errors
/// [`Error::Invalid`] for a configuration outside its ranges, no sample, a task without a name, more than
/// [`MAX_TASKS`] tasks, or a name of more than 255 bytes; [`Error::Length`] for a text of more than [`MAX_TEXT`] bytes.
pub fn train(config: &RouterConfig, tasks: &[&str], samples: &[Sample<'_>]) -> Result<Vec<u8>> {
    config.check()?;
    check_tasks(tasks)?;
    let known = |sample: &Sample<'_>| sample.task.is_none_or(|task| (task as usize) < tasks.len());
    if samples.is_empty() || tasks.is_empty() || !samples.iter().all(known) {
        return Err(Error::Invalid);
    }
    if samples.iter().any(|sample| sample.text.len() > MAX_TEXT) {
        return Err(Error::Length);
    }
    let out_of_scope = samples.iter().any(|sample| sample.task.is_none());
    let classes = tasks.len() + usize::from(out_of_scope);
    let mut bags: Vec<(Vec<(u64, i32)>, usize)> = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut bag = Vec::new();
        ngrams::each(sample.text.as_bytes(), |hash, weight| bag.push((hash, weight)));
        bags.push((bag, sample.task.map_or(tasks.len(), |task| task as usize)));
    }
    let mut random = Random::new(config.seed);
    let mut training = Training {
        config,
        classes,
        table: Weights::new(config.blocks, 0.1, &mut random),
        rows: Weights::new(classes * config.width / BLOCK, 0.2, &mut random),
        biases: vec![0.0; classes],
        bias_squares: vec![1e-6; classes],
        random,
        row: vec![0.0; config.width],
        scores: vec![0.0; classes],
        slopes: vec![0.0; config.width],
    };
    training.run(&bags);
    training.model(tasks, out_of_scope)
}

impl Training<'_> {
    fn run(&mut self, bags: &[(Vec<(u64, i32)>, usize)]) {
        let mut order: Vec<usize> = (0..bags.len()).collect();
        let steps = bags.len() as f32 * self.config.epochs as f32;
        let mut step = 0.0;
        let mut kept = Vec::new();
        for _ in 0..self.config.epochs {
            for last in (1..order.len()).rev() {
                order.swap(last, self.random.below(last + 1));
            }
            for index in &order {
                let (bag, class) = &bags[*index];
                let rate = self.config.rate * (1.0 - step / steps).max(0.02);
                step += 1.0;
                kept.clear();
                for gram in bag {
                    if (self.random.uniform() + 1.0) / 2.0 >= self.config.dropout {
                        kept.push(*gram);
                    }
                }
                if !kept.is_empty() {
                    self.sample(&kept, *class, rate);
                }
            }
        }
    }

    /// One sample forth and back.
    fn sample(&mut self, bag: &[(u64, i32)], class: usize, rate: f32) {
        let norm = self.forward(bag);
        self.softmax();
        let width = self.config.width;
        let smoothing = self.config.smoothing;
        self.slopes.fill(0.0);
        for other in 0..self.classes {
            let label = if other == class { 1.0 - smoothing } else { 0.0 };
            let slope = self.scores[other] - label - smoothing / self.classes as f32;
            let weights = &self.rows.values[other * width..][..width];
            for (sum, weight) in self.slopes.iter_mut().zip(weights) {
                *sum += slope * weight;
            }
            for (i, block) in self.row.as_chunks::<BLOCK>().0.iter().enumerate() {
                self.rows.step(other * width / BLOCK + i, block, slope, rate);
            }
            self.bias_squares[other] += slope * slope;
            self.biases[other] -= rate * slope / libm::sqrtf(self.bias_squares[other]);
        }
        for (hash, weight) in bag {
            let factor = *weight as f32 * norm;
            let mut places = Places::new(*hash, self.config.blocks as u32);
            for slopes in self.slopes.as_chunks::<BLOCK>().0 {
                self.table.step(places.next(), slopes, factor, rate);
            }
        }
    }

    /// The row and the scores of a bag; returns what its sum was multiplied by.
    fn forward(&mut self, bag: &[(u64, i32)]) -> f32 {
        self.row.fill(0.0);
        let mut squares = 0;
        for (hash, weight) in bag {
            squares += weight * weight;
            let weight = *weight as f32;
            let mut places = Places::new(*hash, self.config.blocks as u32);
            for sums in self.row.as_chunks_mut::<BLOCK>().0 {
                let from = places.next() * BLOCK;
                for (sum, value) in sums.iter_mut().zip(&self.table.values[from..from + BLOCK]) {
                    *sum += weight * value;
                }
            }
        }
        let norm = 1.0 / libm::sqrtf(squares as f32);
        self.row.iter_mut().for_each(|x| *x *= norm);
        let rows = self.rows.values.chunks_exact(self.config.width);
        for ((score, bias), weights) in self.scores.iter_mut().zip(&self.biases).zip(rows) {
            *score = bias + dot_f32(weights, &self.row);
        }
        norm
    }

    /// Scores become shares.
    fn softmax(&mut self) {
        let largest = self.scores.iter().fold(f32::NEG_INFINITY, |most, x| most.max(*x));
        self.scores.iter_mut().for_each(|x| *x = libm::expf(*x - largest));
        let sum: f32 = self.scores.iter().sum();
        self.scores.iter_mut().for_each(|x| *x /= sum);
    }

    /// All of it in int8: the table with one scale that lets 0.05% of its numbers be cut off, each class's row
    /// with its own.
    fn model(&self, tasks: &[&str], out_of_scope: bool) -> Result<Vec<u8>> {
        let mut sizes: Vec<f32> = self.table.values.iter().map(|x| libm::fabsf(*x)).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        let limit = sizes[(sizes.len() - 1) - sizes.len() / 2000].max(1e-6);
        let table_scale = limit / 127.0;
        let table: Vec<i8> = self.table.values.iter().map(|x| rounded(x / table_scale)).collect();
        let (mut rows, mut scales) = (Vec::new(), Vec::new());
        for weights in self.rows.values.chunks_exact(self.config.width) {
            let largest = weights.iter().fold(1e-6f32, |most, x| most.max(libm::fabsf(*x)));
            rows.extend(weights.iter().map(|x| rounded(x * 127.0 / largest)));
            scales.push(largest / 127.0 * table_scale);
        }
        let (width, biases) = (self.config.width, &self.biases[..]);
        let threshold = 0.0;
        let (table, rows, scales) = (&table[..], &rows[..], &scales[..]);
        Parts { width, tasks, out_of_scope, threshold, table, rows, scales, biases }.write()
    }
}

fn rounded(x: f32) -> i8 {
    libm::rintf(x).clamp(-127.0, 127.0) as i8
}

/// In eight sums at once: what vectors do, in the same order without them.
fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// Sets a model's threshold by samples that it was not trained with: the largest that refuses no more than
/// this share of those that have a task. Returns it. Samples without a task are left out.
///
/// # Errors
/// [`Error::Invalid`] without a sample that has a task, or for a share outside 0 to below 1; those of
/// [`Router::new`] and [`Router::route`]. The model was not changed.
pub fn calibrate(model: &mut [u8], samples: &[Sample<'_>], refused: f32) -> Result<f32> {
    if !(0.0..1.0).contains(&refused) {
        return Err(Error::Invalid);
    }
    let mut router = Router::new(model)?;
    router.model.threshold = 0.0;
    let mut sure = Vec::new();
    for sample in samples.iter().filter(|sample| sample.task.is_some()) {
        let route = router.route(sample.text.as_bytes())?;
        // What the class of its own takes is refused whatever the threshold.
        sure.push(if route.task.is_some() { route.confidence } else { 0.0 });
    }
    if sure.is_empty() {
        return Err(Error::Invalid);
    }
    sure.sort_unstable_by(f32::total_cmp);
    let threshold = sure[(refused * sure.len() as f32) as usize];
    format::set_threshold(model, threshold)?;
    Ok(threshold)
}

#[cfg(test)]
mod tests {
    use super::super::quantize;
    use super::*;

    /// What runs on integers says what the float network says, but for rounding.
    #[test]
    fn int8_is_near_to_what_was_trained() {
        let config = RouterConfig { width: 32, blocks: 64, epochs: 30, ..RouterConfig::default() };
        let texts =
            ["go north", "go home", "take a picture", "photograph this", "land", "land now"];
        let mut random = Random::new(1);
        let mut training = Training {
            config: &config,
            classes: 3,
            table: Weights::new(64, 0.1, &mut random),
            rows: Weights::new(3 * 32 / BLOCK, 0.2, &mut random),
            biases: vec![0.0; 3],
            bias_squares: vec![1e-6; 3],
            random,
            row: vec![0.0; 32],
            scores: vec![0.0; 3],
            slopes: vec![0.0; 32],
        };
        let bag = |text: &str| {
            let mut bag = Vec::new();
            ngrams::each(text.as_bytes(), |hash, weight| bag.push((hash, weight)));
            bag
        };
        let bags: Vec<_> = texts.iter().enumerate().map(|(i, text)| (bag(text), i / 2)).collect();
        training.run(&bags);
        let model = training.model(&["go", "take", "land"], false).unwrap();
        let router = Router::new(&model).unwrap();
        for text in ["go north", "land at home", "take this home", "picture of the land"] {
            training.forward(&bag(text));
            training.softmax();
            let route = router.route(text.as_bytes()).unwrap();
            let float = training.scores[route.best as usize];
            let most = training.scores.iter().fold(0.0f32, |most, x| most.max(*x));
            assert!(float >= most - 0.02, "{text}: another task");
            assert!(
                (route.confidence - float).abs() < 0.03,
                "{text}: {} {float}",
                route.confidence
            );
        }
    }

    #[test]
    fn rows_are_quantised_to_their_largest() {
        let mut row = [0; 4];
        let scale = quantize(&[254, -127, 0, 3], 4.0, &mut row);
        assert_eq!(row, [127, -64, 0, 2]);
        assert!((scale - 1.0).abs() < 1e-6);
        assert_eq!(quantize(&[0, 0], 4.0, &mut row[..2]), 0.0);
    }
}
