//! The memory of cascade training: values of nodes, errors, blocks.

use core::ops::Range;

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::kernel::FloatKernels;
use crate::nn::kernel::float::{Rows, RowsMut, scratch};
use crate::nn::net::{Body, copy_columns};
use crate::nn::{Algorithm, Data};

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// All nodes but the outputs, when the network is full grown.
    pub nodes: usize,
    pub inputs: usize,
    pub outputs: usize,
    /// Units of the widest layer.
    pub widest: usize,
    /// Candidates.
    pub pool: usize,
    /// Most samples in the data.
    pub samples: usize,
    /// Samples computed at once.
    pub block: usize,
    /// Whether the nodes' values are kept.
    pub cache: bool,
}

/// Values of nodes and errors of outputs.
pub(super) struct Room<'m> {
    pub sizes: Sizes,
    /// Whether sums are held as libfann holds them, for networks that run as it
    /// does.
    pub held: bool,
    /// Rows of all nodes but the outputs, `sizes.nodes` apart: for all samples,
    /// or for one block.
    pub nodes: Carved<'m, f32>,
    /// Rows of errors of the outputs, for all samples.
    pub errors: Carved<'m, f32>,
    /// Sums, values and slopes of a block.
    pub blocks: [Carved<'m, f32>; 3],
    pub scratch: Carved<'m, f32>,
}

impl<'m> Room<'m> {
    pub fn carve(sizes: Sizes, carver: &mut Carver<'m>) -> Result<Room<'m>> {
        let Sizes { nodes, outputs, widest, pool, samples, block, cache, .. } = sizes;
        let rows = |rows: usize, width: usize| rows.checked_mul(width).ok_or(Error::Overflow);
        let block_len = rows(block, pool.max(widest))?;
        Ok(Room {
            sizes,
            held: false,
            nodes: carver.take(rows(if cache { samples } else { block }, nodes)?, 0.0)?,
            errors: carver.take(rows(samples, outputs)?, 0.0)?,
            blocks: [
                carver.take(block_len, 0.0)?,
                carver.take(block_len, 0.0)?,
                carver.take(block_len, 0.0)?,
            ],
            scratch: carver.take(scratch(nodes.max(outputs).max(block)), 0.0)?,
        })
    }

    /// The blocks of the data.
    pub fn ranges(&self, data: Data<'_>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (samples, block) = (data.inputs.len() / self.sizes.inputs, self.sizes.block);
        (0..samples).step_by(block).map(move |at| at..samples.min(at + block))
    }

    /// Computes the values of all nodes, if they are kept: of the layers from
    /// `first` on.
    pub fn keep(&mut self, body: &Body<'_>, data: Data<'_>, first: usize) {
        if self.sizes.cache {
            for range in self.ranges(data) {
                let row = range.start;
                self.fill(body, data, range, row, first);
            }
        }
    }

    /// Computes the values of the first block again, if they are kept.
    pub fn keep_first(&mut self, body: &Body<'_>, data: Data<'_>) {
        if let Some(range) = self.ranges(data).next().filter(|_| self.sizes.cache) {
            self.fill(body, data, range, 0, 0);
        }
    }

    /// Computes a block of other samples' values in the place of the first.
    pub fn borrow(&mut self, body: &Body<'_>, data: Data<'_>, range: Range<usize>) {
        self.fill(body, data, range, 0, 0);
    }

    /// Makes sure that a block's values are there; returns the place of the
    /// first.
    pub fn load(&mut self, body: &Body<'_>, data: Data<'_>, range: Range<usize>) -> usize {
        if self.sizes.cache {
            return range.start * self.sizes.nodes;
        }
        self.fill(body, data, range, 0, 0);
        0
    }

    fn fill(
        &mut self,
        body: &Body<'_>,
        data: Data<'_>,
        range: Range<usize>,
        row: usize,
        first: usize,
    ) {
        let Sizes { nodes: stride, inputs, .. } = self.sizes;
        let samples = range.len();
        let rows = &mut self.nodes[row * stride..][..samples * stride];
        if first == 0 {
            let inputs_of = &data.inputs[range.start * inputs..range.end * inputs];
            copy_columns(rows, (stride, 0), inputs_of, inputs);
        }
        for layer in &body.layers()[first..body.shape.layers - 1] {
            let units = layer.units();
            let y = &mut self.blocks[0][..samples * units];
            let x = Rows { data: rows, stride };
            let to = RowsMut { data: y, stride: units };
            body.sums(layer, samples, x, to, &mut self.scratch);
            if self.held {
                body.hold(layer, y);
            }
            body.activate(layer, y);
            copy_columns(rows, (stride, inputs + layer.units_before), y, units);
        }
    }
}

/// The memory of the training algorithm; outputs and candidates take turns.
pub(super) struct Learner<'m> {
    pub algorithm: Algorithm,
    pub gradient: Carved<'m, f32>,
    last: Carved<'m, f32>,
    steps: Carved<'m, f32>,
}

impl<'m> Learner<'m> {
    pub fn carve(algorithm: Algorithm, len: usize, carver: &mut Carver<'m>) -> Result<Learner<'m>> {
        Ok(Learner {
            algorithm,
            gradient: carver.take(len, 0.0)?,
            last: carver.take(len, 0.0)?,
            steps: carver.take(len, 0.0)?,
        })
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.last.fill(0.0);
        self.steps.fill(match self.algorithm {
            Algorithm::Rprop(rprop) | Algorithm::IrpropMinus(rprop) => rprop.initial,
            _ => 0.0,
        });
    }

    /// Changes weights by their gradient, which is finite. A weight that would
    /// stop being finite keeps its value.
    pub fn update(&mut self, kernels: &FloatKernels, w: &mut [f32], samples: f32) {
        let (g, last) = (&self.gradient[..w.len()], &mut self.last[..w.len()]);
        let steps = &mut self.steps[..w.len()];
        match self.algorithm {
            Algorithm::Quickprop { learning_rate, decay, mu } => {
                let rate = learning_rate / samples;
                let step = crate::nn::kernel::float::QuickStep { rate, decay, mu };
                (kernels.quickprop)(step, w, g, last, steps);
            }
            Algorithm::IrpropMinus(rprop) => {
                (kernels.irprop_minus)(rprop.step(), w, g, last, steps);
            }
            Algorithm::Rprop(rprop) => (kernels.fann_rprop)(rprop.step(), w, g, last, steps),
            _ => {}
        }
    }
}
