//! A whole pass over the samples for networks so small that calls would cost
//! more than the work: a lane is a sample.

use super::activate;
use super::simd::{MAX_LANES, Simd};
use crate::nn::Activation;

/// The most inputs and units that a tiny network has.
pub(crate) const NODES: usize = 32;
/// The most weights and biases.
pub(crate) const PARAMETERS: usize = 128;

/// The most lanes of this architecture's vectors.
const LANES: usize = if cfg!(target_arch = "x86_64") { MAX_LANES } else { 4 };

/// Floats of scratch memory that a pass needs.
pub(crate) fn scratch(nodes: usize, parameters: usize) -> usize {
    (2 * nodes + parameters) * LANES
}

/// A layer of a tiny network. Its parameters are weights, then biases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TinyLayer {
    pub inputs: usize,
    pub units: usize,
    pub at: usize,
    pub activation: Activation,
    pub steepness: f32,
}

/// A pass: samples in rows, and what counts as a failed output.
#[derive(Clone, Copy)]
pub(crate) struct TinyPass<'a> {
    pub inputs: &'a [f32],
    pub targets: &'a [f32],
    /// What an output's difference counts: FANN halves that of symmetric ones.
    pub part: f32,
    pub bit_fail_limit: f32,
    /// What an output's difference becomes before it is propagated.
    pub error: Option<fn(f32) -> f32>,
}

/// Sets `g` to the gradient of half the sum of squares by FANN's rules, over
/// all samples; returns that sum of squares and the number of failed outputs.
///
/// Layers follow each other, their functions' slopes come from the values
/// alone, and there are at most [`NODES`] nodes and [`PARAMETERS`] parameters.
/// The scratch memory is as long as [`scratch`] says.
#[inline(always)]
pub(super) fn tiny<S: Simd>(
    layers: &[TinyLayer],
    pass: TinyPass<'_>,
    w: &[f32],
    g: &mut [f32],
    scratch: &mut [f32],
) -> (f32, u32) {
    let inputs = layers.first().map_or(0, |layer| layer.inputs);
    let outputs = layers.last().map_or(0, |layer| layer.units);
    let nodes = inputs + layers.iter().map(|layer| layer.units).sum::<usize>();
    assert!(inputs > 0 && nodes <= NODES && w.len() <= PARAMETERS && g.len() == w.len());
    let samples = pass.inputs.len() / inputs;
    assert!(pass.inputs.len() == samples * inputs && pass.targets.len() == samples * outputs);

    // Node by node, the values of as many samples as there are lanes.
    let (values, rest) = scratch.split_at_mut(nodes * S::LANES);
    let (delta, rest) = rest.split_at_mut(nodes * S::LANES);
    let gradient = &mut rest[..w.len() * S::LANES];
    gradient.fill(0.0);
    let (mut sum, mut fails) = (S::zero(), 0);
    for from in (0..samples).step_by(S::LANES) {
        let count = S::LANES.min(samples - from);
        transpose(&pass.inputs[from * inputs..], (count, inputs), values, S::LANES);
        let mut at = 0;
        for layer in layers {
            let (x, y) = values[at * S::LANES..].split_at_mut(layer.inputs * S::LANES);
            let y = &mut y[..layer.units * S::LANES];
            forward::<S>(layer, w, x, y);
            activate::activate::<S>(layer.activation, layer.steepness, y);
            at += layer.inputs;
        }

        let d = &mut delta[at * S::LANES..nodes * S::LANES];
        transpose(&pass.targets[from * outputs..], (count, outputs), d, S::LANES);
        for (d, y) in d.chunks_exact_mut(S::LANES).zip(values[at * S::LANES..].chunks(S::LANES)) {
            let difference = S::splat(pass.part) * (S::read(y) - S::read(d));
            difference.write(d);
            // Lanes without a sample count nothing.
            d[count..].fill(0.0);
            sum = S::read(d).mul_add(S::read(d), sum);
            fails += d[..count].iter().filter(|d| d.abs() >= pass.bit_fail_limit).count();
            if let Some(error) = pass.error {
                d[..count].iter_mut().for_each(|d| *d = error(*d));
            }
        }
        for layer in layers.iter().rev() {
            let (before, d) = delta.split_at_mut(at * S::LANES);
            let d = &mut d[..layer.units * S::LANES];
            let y = &values[at * S::LANES..][..layer.units * S::LANES];
            activate::slope::<S>(layer.activation, layer.steepness, true, &[], y, d);
            at -= layer.inputs;
            let x = &values[at * S::LANES..][..layer.inputs * S::LANES];
            backward::<S>(layer, x, d, gradient);
            if at > 0 || layer.at > 0 {
                spread::<S>(layer, w, d, &mut before[at * S::LANES..]);
            }
        }
    }
    let sums = gradient.chunks_exact(S::LANES);
    g.iter_mut().zip(sums).for_each(|(g, lanes)| *g = S::read(lanes).sum());
    (sum.sum(), fails as u32)
}

/// Rows of samples to rows of nodes, with zeros where there is no sample.
#[inline(always)]
fn transpose(from: &[f32], (count, width): (usize, usize), to: &mut [f32], lanes: usize) {
    for (node, to) in to.chunks_exact_mut(lanes).take(width).enumerate() {
        for (sample, to) in to.iter_mut().enumerate() {
            *to = if sample < count { from[sample * width + node] } else { 0.0 };
        }
    }
}

#[inline(always)]
fn forward<S: Simd>(layer: &TinyLayer, w: &[f32], x: &[f32], y: &mut [f32]) {
    let (weights, biases) = w[layer.at..].split_at(layer.inputs * layer.units);
    let rows = weights.chunks_exact(layer.inputs).zip(biases);
    for ((w, b), y) in rows.zip(y.chunks_exact_mut(S::LANES)) {
        let mut sum = S::splat(*b);
        for (w, x) in w.iter().zip(x.chunks_exact(S::LANES)) {
            sum = S::splat(*w).mul_add(S::read(x), sum);
        }
        sum.write(y);
    }
}

#[inline(always)]
fn backward<S: Simd>(layer: &TinyLayer, x: &[f32], d: &[f32], gradient: &mut [f32]) {
    let gradient = &mut gradient[layer.at * S::LANES..];
    let (weights, biases) = gradient.split_at_mut(layer.inputs * layer.units * S::LANES);
    let rows = weights.chunks_exact_mut(layer.inputs * S::LANES);
    let rows = rows.zip(biases.chunks_exact_mut(S::LANES));
    for ((dw, db), d) in rows.zip(d.chunks_exact(S::LANES)) {
        let d = S::read(d);
        (S::read(db) + d).write(db);
        for (dw, x) in dw.chunks_exact_mut(S::LANES).zip(x.chunks_exact(S::LANES)) {
            d.mul_add(S::read(x), S::read(dw)).write(dw);
        }
    }
}

#[inline(always)]
fn spread<S: Simd>(layer: &TinyLayer, w: &[f32], d: &[f32], dx: &mut [f32]) {
    let weights = &w[layer.at..][..layer.inputs * layer.units];
    for (j, dx) in dx.chunks_exact_mut(S::LANES).take(layer.inputs).enumerate() {
        let mut sum = S::zero();
        let column = weights.iter().skip(j).step_by(layer.inputs);
        for (w, d) in column.zip(d.chunks_exact(S::LANES)) {
            sum = S::splat(*w).mul_add(S::read(d), sum);
        }
        sum.write(dx);
    }
}
