//! The workers of a trainer: each takes every so many-th block of a batch. What
//! comes out depends on how many there are, not on who ran them or when.

use core::ops::Range;

use super::Data;
use super::aware::Grid;
use super::backprop::{Manner, Place, Sink, Workspace};
use super::loss::{ErrorFunction, Judge, Verdict};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::kernel::float::{TINY_NODES, TINY_PARAMETERS, TinyLayer, TinyPass, tiny_scratch};
use crate::nn::net::Body;
use crate::nn::permutation::Permutation;
use crate::nn::{Activation, Topology};
use crate::port::{MAX_PARTS, Parallel, share};

/// The most layers of a tiny network.
const TINY_LAYERS: usize = 8;

/// Memory of one worker.
pub(super) struct Lane<'m> {
    pub workspace: Workspace<'m>,
    /// The gradient of its blocks; empty where samples change weights at once.
    pub gradient: Carved<'m, f32>,
}

impl<'m> Lane<'m> {
    pub fn carve(body: &Body<'_>, manner: Manner, carver: &mut Carver<'m>) -> Result<Lane<'m>> {
        let gradient = if manner.direct { 0 } else { body.shape.parameters };
        Ok(Lane {
            gradient: carver.take(gradient, 0.0)?,
            workspace: Workspace::carve(body, manner, carver)?,
        })
    }
}

/// All workers.
pub(super) struct Lanes<'m> {
    pub first: Lane<'m>,
    /// Empty while only measured.
    others: Carved<'m, Option<Lane<'m>>>,
}

/// What the workers are to do.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub body: &'a Body<'a>,
    pub judge: &'a Judge,
    pub data: Data<'a>,
    pub order: Option<&'a Permutation>,
    /// The factor of the gradient; without it only the loss is wanted.
    pub scale: Option<f32>,
    /// What the inputs and the hidden layers' outputs are rounded to.
    pub grids: Option<&'a [Grid]>,
}

/// The whole gradient of a tiny network by FANN's rules, in one call.
fn tiny(work: Work<'_>, samples: &Range<usize>, lane: &mut Lane<'_>) -> Option<Verdict> {
    let Work { body, judge, data, order, scale, grids } = work;
    let shape = &body.shape;
    let suits = shape.nodes() <= TINY_NODES
        && shape.parameters <= TINY_PARAMETERS
        && shape.layers <= TINY_LAYERS
        && shape.topology == Topology::Layered
        && !shape.sparse
        && !shape.mixed
        && judge.fann
        && scale == Some(1.0)
        && order.is_none()
        && data.weights.is_none()
        && grids.is_none()
        && !body.layers().iter().any(|layer| layer.activation.slope_needs_sum())
        && !lane.gradient.is_empty();
    if !suits {
        return None;
    }
    let none =
        TinyLayer { inputs: 0, units: 0, at: 0, activation: Activation::Linear, steepness: 1.0 };
    let mut layers = [none; TINY_LAYERS];
    for (to, layer) in layers.iter_mut().zip(body.layers()) {
        let (inputs, units) = (layer.inputs(), layer.units());
        let (activation, steepness) = (layer.activation, layer.steepness);
        *to = TinyLayer { inputs, units, at: layer.at, activation, steepness };
    }
    let layers = &layers[..shape.layers];
    let last = layers.last()?;
    if last.activation == Activation::Softmax {
        return None;
    }
    let pass = TinyPass {
        inputs: &data.inputs[samples.start * shape.inputs..samples.end * shape.inputs],
        targets: &data.targets[samples.start * shape.outputs..samples.end * shape.outputs],
        part: judge.part(last.activation),
        bit_fail_limit: judge.bit_fail_limit,
        error: match judge.error {
            ErrorFunction::Linear => None,
            ErrorFunction::Tanh => Some(|d| ErrorFunction::Tanh.apply(d)),
        },
    };
    let scratch = lane.workspace.scratch();
    if scratch.len() < tiny_scratch(shape.nodes(), shape.parameters) {
        return None;
    }
    let gradient = &mut lane.gradient;
    let (sum, bit_fail) = (body.kernels.tiny)(layers, pass, body.parameters(), gradient, scratch);
    Some(Verdict { sum: sum.into(), bit_fail: bit_fail.into() })
}

/// What one worker has to itself.
struct Job<'a, 'm> {
    lane: &'a mut Lane<'m>,
    verdict: Verdict,
    done: bool,
}

impl<'m> Lanes<'m> {
    pub fn carve(
        body: &Body<'_>,
        manner: Manner,
        workers: usize,
        carver: &mut Carver<'m>,
    ) -> Result<Lanes<'m>> {
        let first = Lane::carve(body, manner, carver)?;
        let mut others = carver.take_with(workers - 1, || None)?;
        for i in 0..workers - 1 {
            let lane = Lane::carve(body, manner, carver)?;
            if let Some(place) = others.get_mut(i) {
                *place = Some(lane);
            }
        }
        Ok(Lanes { first, others })
    }

    /// Runs samples; leaves the gradient in the first lane. Stops early where
    /// the loss is not finite.
    pub fn run(
        &mut self,
        work: Work<'_>,
        samples: Range<usize>,
        parallel: Option<&dyn Parallel>,
    ) -> Result<Verdict> {
        if self.others.is_empty() {
            if let Some(verdict) = tiny(work, &samples, &mut self.first) {
                return Ok(verdict);
            }
            return Ok(self.first.run(work, samples, (0, 1)));
        }
        let lanes = core::iter::once(&mut self.first);
        let lanes = lanes.chain(self.others.iter_mut().flatten());
        let mut jobs = heapless::Vec::<_, MAX_PARTS>::new();
        for lane in lanes {
            let job = Job { lane, verdict: Verdict::default(), done: false };
            jobs.push(job).map_err(|_| Error::Capacity)?;
        }
        let count = jobs.len();
        share(&mut jobs, parallel, |k, job| {
            job.verdict = job.lane.run(work, samples.clone(), (k, count));
            job.done = true;
        });
        if !jobs.iter().all(|job| job.done) {
            return Err(Error::Hook);
        }
        let mut all = Verdict::default();
        let mut jobs = jobs.into_iter();
        let first = jobs.next();
        for job in first.into_iter().chain(jobs) {
            all.sum += job.verdict.sum;
            all.bit_fail += job.verdict.bit_fail;
        }
        if work.scale.is_some() {
            for lane in self.others.iter().flatten() {
                let both = self.first.gradient.iter_mut().zip(&*lane.gradient);
                both.for_each(|(to, from)| *to += from);
            }
        }
        Ok(all)
    }
}

impl Lane<'_> {
    /// Shows each layer's outputs for the first `samples`, block by block.
    pub fn values(
        &mut self,
        body: &Body<'_>,
        judge: &Judge,
        (data, samples): (Data<'_>, usize),
        mut tap: impl FnMut(usize, &[f32]),
    ) {
        let block = self.workspace.block();
        for from in (0..samples).step_by(block) {
            let to = samples.min(from.saturating_add(block));
            self.workspace.run((body, judge, None), (data, Place::Data(from..to)), None);
            for (i, layer) in body.layers().iter().enumerate() {
                tap(i, self.workspace.values(layer, to - from));
            }
        }
    }

    /// Runs every `count`-th block, from the `k`-th on.
    fn run(
        &mut self,
        work: Work<'_>,
        samples: Range<usize>,
        (k, count): (usize, usize),
    ) -> Verdict {
        let block = self.workspace.block();
        let blocks = samples.len().div_ceil(block);
        let mut all = Verdict::default();
        if k >= blocks && work.scale.is_some() {
            self.gradient.fill(0.0);
        }
        for b in (k..blocks).step_by(count) {
            let from = samples.start + b * block;
            let to = samples.end.min(from.saturating_add(block));
            let grid = work.grids.and_then(<[Grid]>::first);
            let place = match work.order {
                Some(order) => {
                    self.workspace.gather(work.data, (from..to).map(|i| order.at(i)), grid)
                }
                None if grid.is_some() => self.workspace.gather(work.data, from..to, grid),
                None => Place::Data(from..to),
            };
            let sink = work.scale.map(|scale| (scale, Sink::Gradient(&mut self.gradient, b > k)));
            let seen = (work.body, work.judge, work.grids);
            let part = self.workspace.run(seen, (work.data, place), sink);
            all.sum += part.sum;
            all.bit_fail += part.bit_fail;
            if !part.sum.is_finite() {
                break;
            }
        }
        all
    }
}
