//! The pool of candidates, trained side by side.

use core::ops::Range;

use super::config::Patience;
use super::outputs::{Task, Watch};
use super::room::{Learner, Room};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Activation;
use crate::nn::exact::hold;
use crate::nn::init::Random;
use crate::nn::kernel::FloatKernels;
use crate::nn::kernel::float::{Matrix, MatrixMut};
use crate::nn::net::Body;

/// Numbers of candidates, of their sources, of outputs.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub pool: usize,
    pub nodes: usize,
    pub outputs: usize,
}

impl Extent {
    /// Numbers of all weights: rows of the candidates' weights, their biases,
    /// rows of their weights to the outputs.
    pub fn len(self) -> Option<usize> {
        let each = self.nodes.checked_add(1)?.checked_add(self.outputs)?;
        each.checked_mul(self.pool)
    }

    fn parts(self, all: &[f32]) -> (&[f32], &[f32], &[f32]) {
        let (weights, rest) = all.split_at(self.pool * self.nodes);
        let (biases, outgoing) = rest.split_at(self.pool);
        (weights, biases, &outgoing[..self.pool * self.outputs])
    }

    /// Takes the slopes of candidates that are not finite out of a gradient.
    fn freeze(self, gradient: &mut [f32]) {
        let (weights, biases) = gradient.split_at_mut(self.pool * self.nodes);
        for (row, bias) in weights.chunks_exact_mut(self.nodes).zip(biases) {
            if !row.iter().chain([&*bias]).all(|d| d.is_finite()) {
                row.fill(0.0);
                *bias = 0.0;
            }
        }
    }

    fn parts_mut(self, all: &mut [f32]) -> (&mut [f32], &mut [f32], &mut [f32]) {
        let (weights, rest) = all.split_at_mut(self.pool * self.nodes);
        let (biases, outgoing) = rest.split_at_mut(self.pool);
        (weights, biases, &mut outgoing[..self.pool * self.outputs])
    }
}

/// Candidates: units that see all nodes but the outputs and are seen by nobody.
///
/// Each has weights of its own to the outputs and learns to make
/// `sum (error - weight * value)^2` small, over samples and outputs; what that
/// takes away from `sum error^2` is its score. Other than in FANN, the weights
/// to the outputs do not have to be learned: for given values the best ones are
/// `sum (error * value) / sum value^2` (variable projection, Golub & Pereyra
/// 1973).
pub(super) struct Pool<'m> {
    len: usize,
    /// Activation and steepness of each group of candidates.
    styles: Carved<'m, (Activation, f32)>,
    weights: Carved<'m, f32>,
    /// The best candidate so far: weights, bias, weights to the outputs.
    pub best: Carved<'m, f32>,
    /// For each candidate: sums of its values times the errors.
    products: Carved<'m, f32>,
    /// And of the values' squares.
    squares: Carved<'m, f64>,
    /// For each node: the range of initial weights.
    ranges: Carved<'m, f32>,
}

/// How candidates are trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub patience: Patience,
    pub limit: f32,
    pub initial: f32,
}

/// The best candidate; its weights are in the pool.
pub(super) struct Found {
    pub style: (Activation, f32),
    /// What part of the squared error it takes away.
    pub score: f32,
}

/// A block of samples.
struct Block<'b, 'm> {
    samples: usize,
    weights: Option<&'b [f32]>,
    /// Values of nodes, and how far rows are apart.
    x: (&'b [f32], usize),
    errors: &'b [f32],
    blocks: &'b mut [Carved<'m, f32>; 3],
    scratch: &'b mut [f32],
    kernels: &'static FloatKernels,
    /// FANN's limits of slopes, and of sums.
    fann: bool,
    held: bool,
}

impl<'m> Pool<'m> {
    pub fn carve(
        (activations, steepnesses): (&[Activation], &[f32]),
        extent: Extent,
        carver: &mut Carver<'m>,
    ) -> Result<Pool<'m>> {
        let count = activations.len() * steepnesses.len();
        let mut styles = carver.take(count, (Activation::Linear, 1.0))?;
        let pairs = activations.iter().flat_map(|a| steepnesses.iter().map(|s| (*a, *s)));
        styles.iter_mut().zip(pairs).for_each(|(to, from)| *to = from);
        let all = extent.len().ok_or(Error::Overflow)?;
        Ok(Pool {
            len: extent.pool,
            styles,
            weights: carver.take(all, 0.0)?,
            best: carver.take(all / extent.pool, 0.0)?,
            products: carver.take(extent.pool * extent.outputs, 0.0)?,
            squares: carver.take(extent.pool, 0.0)?,
            ranges: carver.take(extent.nodes, 0.0)?,
        })
    }

    /// The activations that candidates have.
    pub fn activations(&self) -> impl Iterator<Item = Activation> {
        self.styles.iter().map(|style| style.0)
    }

    /// Trains candidates for the errors in the room; returns the epochs, and
    /// the best if any makes something better.
    pub fn train(
        &mut self,
        body: &Body<'_>,
        task: &Task<'_>,
        (room, learner): (&mut Room<'_>, &mut Learner<'_>),
        rules: Rules,
        random: &mut Random,
    ) -> (u32, Option<Found>) {
        let nodes = body.shape.nodes() - body.shape.outputs;
        let extent = Extent { pool: self.len, nodes, outputs: body.shape.outputs };
        let len = (nodes + 1) * self.len;
        let total = total(task, &room.errors, extent.outputs);
        self.draw(body, task, room, (extent, rules.initial), random);
        learner.reset();
        let mut watch = Watch::new(rules.patience);
        let mut found: Option<Found> = None;
        let mut epochs = 0;
        loop {
            let gradient = &mut learner.gradient[..len];
            self.pass(body, task, room, extent, gradient);
            epochs += 1;
            let (index, score) = self.judge(extent);
            let score = (score / total) as f32;
            if score > found.as_ref().map_or(0.0, |found| found.score) {
                self.save(index, extent);
                let style = self.styles[index / (self.len / self.styles.len())];
                found = Some(Found { style, score });
            }
            if score > rules.limit || watch.is_over(epochs, score) {
                return (epochs, found);
            }
            // The first slopes are those of no good weights to the outputs.
            if epochs > 1 {
                extent.freeze(gradient);
                learner.update(body.kernels, &mut self.weights[..len], task.weight as f32);
            }
        }
    }

    /// Draws initial weights, smaller ones for nodes of large values.
    fn draw(
        &mut self,
        body: &Body<'_>,
        task: &Task<'_>,
        room: &mut Room<'_>,
        (extent, initial): (Extent, f32),
        random: &mut Random,
    ) {
        let ranges = &mut self.ranges[..extent.nodes];
        ranges.fill(0.0);
        let mut samples = 0;
        for range in room.ranges(task.data) {
            samples += range.len();
            let at = room.load(body, task.data, range.clone());
            for row in room.nodes[at..].chunks(room.sizes.nodes).take(range.len()) {
                ranges.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
            }
        }
        for range in ranges.iter_mut() {
            *range = initial / libm::sqrtf(*range / samples as f32).max(1.0);
        }
        let (weights, biases, outgoing) = extent.parts_mut(&mut self.weights);
        for (row, bias) in weights.chunks_exact_mut(extent.nodes).zip(biases) {
            let range = libm::exp2f(3.0 * random.uniform());
            row.iter_mut().zip(&*ranges).for_each(|(w, r)| *w = range * r * random.uniform());
            *bias = range * initial * random.uniform();
        }
        outgoing.fill(0.0);
    }

    /// Runs all samples through the candidates: products, squares, and the
    /// gradient of weights and biases.
    fn pass(
        &mut self,
        body: &Body<'_>,
        task: &Task<'_>,
        room: &mut Room<'_>,
        extent: Extent,
        gradient: &mut [f32],
    ) {
        gradient.fill(0.0);
        self.products.fill(0.0);
        self.squares.fill(0.0);
        for range in room.ranges(task.data) {
            let at = room.load(body, task.data, range.clone());
            let Room { sizes, held, nodes, errors, blocks, scratch } = &mut *room;
            let mut block = Block {
                samples: range.len(),
                weights: task.data.weights.map(|weights| &weights[range.clone()]),
                x: (&nodes[at..], sizes.nodes),
                errors: &errors[range.start * sizes.outputs..range.end * sizes.outputs],
                blocks,
                scratch,
                kernels: body.kernels,
                fann: task.judge.fann,
                held: *held,
            };
            self.values(&mut block, extent);
            self.slopes(&mut block, extent);
            block.gradient(extent, gradient);
        }
    }

    /// Candidates of the same style, as places in rows of so many samples.
    fn runs(&self, samples: usize) -> impl Iterator<Item = ((Activation, f32), Range<usize>)> {
        let len = self.len / self.styles.len() * samples;
        self.styles.iter().enumerate().map(move |(i, style)| (*style, i * len..(i + 1) * len))
    }

    /// Sums and values of a block: a row for each candidate.
    fn values(&self, block: &mut Block<'_, '_>, extent: Extent) {
        let (Extent { pool, nodes, .. }, samples) = (extent, block.samples);
        let (weights, biases, _) = extent.parts(&self.weights);
        let [sums, values, _] = &mut *block.blocks;
        let (sums, values) = (&mut sums[..pool * samples], &mut values[..pool * samples]);
        for (row, bias) in sums.chunks_exact_mut(samples).zip(biases) {
            row.fill(*bias);
        }
        let w = Matrix { data: weights, strides: (nodes, 1) };
        let x = Matrix { data: block.x.0, strides: (1, block.x.1) };
        let to = MatrixMut { data: sums, strides: (samples, 1) };
        (block.kernels.gemm)([pool, samples, nodes], w, x, to, true, block.scratch);
        if block.held {
            self.runs(samples).for_each(|(style, rows)| hold(style, &mut sums[rows]));
        }
        values.copy_from_slice(sums);
        for (style, rows) in self.runs(samples) {
            (block.kernels.activate)(style.0, style.1, &mut values[rows]);
        }
    }

    /// Products, squares, and the slopes of a block's sums.
    fn slopes(&mut self, block: &mut Block<'_, '_>, extent: Extent) {
        let (Extent { pool, outputs, .. }, samples) = (extent, block.samples);
        let [sums, values, slopes] = &mut *block.blocks;
        let (values, slopes) = (&values[..pool * samples], &mut slopes[..pool * samples]);
        let (kernels, scratch) = (block.kernels, &mut *block.scratch);

        let v = Matrix { data: values, strides: (samples, 1) };
        let e = Matrix { data: block.errors, strides: (outputs, 1) };
        let to = MatrixMut { data: &mut self.products, strides: (outputs, 1) };
        (kernels.gemm)([pool, outputs, samples], v, e, to, true, scratch);

        let (_, _, outgoing) = extent.parts(&self.weights);
        let w = Matrix { data: outgoing, strides: (outputs, 1) };
        let e = Matrix { data: block.errors, strides: (1, outputs) };
        let to = MatrixMut { data: slopes, strides: (samples, 1) };
        (kernels.gemm)([pool, samples, outputs], w, e, to, false, scratch);

        let rows = values.chunks_exact(samples).zip(slopes.chunks_exact_mut(samples));
        let all = rows.zip(outgoing.chunks_exact(outputs)).zip(self.squares.iter_mut());
        for (((values, slopes), outgoing), squares) in all {
            let norm: f32 = outgoing.iter().map(|w| w * w).sum();
            let mut sum = 0.0;
            match block.weights {
                None => values.iter().zip(slopes).for_each(|(v, d)| {
                    sum += v * v;
                    *d = norm * v - *d;
                }),
                Some(weights) => values.iter().zip(slopes).zip(weights).for_each(|((v, d), w)| {
                    sum += w * v * v;
                    *d = w * norm * v - *d;
                }),
            }
            *squares += f64::from(sum);
        }
        for (style, rows) in self.runs(samples) {
            let (sums, values) = (&sums[rows.clone()], &values[rows.clone()]);
            (kernels.slope)(style.0, style.1, block.fann, sums, values, &mut slopes[rows]);
        }
    }

    /// Gives each candidate the weights to the outputs that suit its values
    /// best, and returns the best candidate and its score.
    fn judge(&mut self, extent: Extent) -> (usize, f64) {
        let (_, _, outgoing) = extent.parts_mut(&mut self.weights);
        let rows = outgoing.chunks_exact_mut(extent.outputs);
        let rows = rows.zip(self.products.chunks_exact(extent.outputs));
        let mut best = (0, 0.0);
        for (i, ((outgoing, products), squares)) in rows.zip(self.squares.iter()).enumerate() {
            let mut score = 0.0;
            for (w, product) in outgoing.iter_mut().zip(products) {
                let product = f64::from(*product);
                let good = (product / squares) as f32;
                *w = if good.is_finite() { good } else { 0.0 };
                score += product * f64::from(*w);
            }
            if score.is_finite() && score > best.1 {
                best = (i, score);
            }
        }
        best
    }

    /// Keeps a candidate as the best.
    fn save(&mut self, index: usize, extent: Extent) {
        let Extent { nodes, outputs, .. } = extent;
        let (weights, biases, outgoing) = extent.parts(&self.weights);
        let (to, rest) = self.best.split_at_mut(nodes);
        to.copy_from_slice(&weights[index * nodes..][..nodes]);
        rest[0] = biases[index];
        rest[1..=outputs].copy_from_slice(&outgoing[index * outputs..][..outputs]);
    }
}

impl Block<'_, '_> {
    /// Adds to the gradient of weights and biases.
    fn gradient(&mut self, extent: Extent, gradient: &mut [f32]) {
        let (Extent { pool, nodes, .. }, samples) = (extent, self.samples);
        let slopes = &self.blocks[2][..pool * samples];
        let (dw, db) = gradient.split_at_mut(pool * nodes);
        let d = Matrix { data: slopes, strides: (samples, 1) };
        let x = Matrix { data: self.x.0, strides: (self.x.1, 1) };
        let to = MatrixMut { data: dw, strides: (nodes, 1) };
        (self.kernels.gemm)([pool, nodes, samples], d, x, to, true, self.scratch);
        for (db, row) in db.iter_mut().zip(slopes.chunks_exact(samples)) {
            *db += row.iter().sum::<f32>();
        }
    }
}

/// The outputs' squared error, which is kept times the samples' weights.
fn total(task: &Task<'_>, errors: &[f32], outputs: usize) -> f64 {
    let square = |row: &[f32]| -> f64 { row.iter().map(|e| f64::from(*e) * f64::from(*e)).sum() };
    let samples = task.data.targets.len() / outputs;
    let rows = errors.chunks_exact(outputs).take(samples);
    match task.data.weights {
        None => rows.map(square).sum(),
        Some(weights) => {
            let pairs = rows.zip(weights).filter(|(_, w)| **w > 0.0);
            pairs.map(|(row, w)| square(row) / f64::from(*w)).sum()
        }
    }
}
