//! What a network consists of, and how it is carved out of one piece.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Held};
use crate::nn::kernel::float::{FORWARD_PACKS_FROM, scratch};
use crate::nn::kernel::{self, ExactKernels, FloatKernels, Kernel};
use crate::nn::shape::{Dense, MAX_LAYERS, Outline, Shape, Topology};
use crate::port::Logger;

/// What has to be known to carve a network.
pub(crate) struct Plan<'l, I> {
    pub inputs: usize,
    pub topology: Topology,
    pub outlines: I,
    /// Samples computed at once.
    pub batch: usize,
    /// Units that can be added later.
    pub spare: usize,
    /// Whether the numbers are its own, or read in place.
    pub own: bool,
    /// Whether units may have activations of their own.
    pub styles: bool,
    /// Whether there is room for scaling.
    pub scaling: bool,
    pub logger: Option<&'l dyn Logger>,
}

/// All about a network but the memory to run it in.
pub(crate) struct Body<'m> {
    pub shape: Shape,
    /// The layers, and room for spare ones behind them.
    pub table: Carved<'m, Dense>,
    /// Weights and biases, and room for those of spare units.
    pub parameters: Held<'m, f32>,
    /// If a layer is sparse: for each unit, and the end, where its links begin.
    pub starts: Held<'m, u32>,
    /// The source node of each link, in the order of the weights.
    pub sources: Held<'m, u32>,
    /// If units have activations of their own: its number for each.
    pub codes: Held<'m, u32>,
    /// And its steepness.
    pub steeps: Held<'m, f32>,
    /// Empty, or the four numbers of a `Scale` for each input, then each output.
    pub scaling: Held<'m, f32>,
    /// Units that can still be added.
    pub spare: usize,
    pub kernel: Kernel,
    pub kernels: &'static FloatKernels,
}

/// Memory to run a network in.
pub(crate) struct Room<'m> {
    /// Samples computed at once.
    pub batch: usize,
    /// Layered: rows of the widest layer, twice. Shortcut: rows of all nodes,
    /// and rows of the widest layer.
    pub values: [Carved<'m, f32>; 2],
    pub scratch: Carved<'m, f32>,
    /// What it runs with if that is libfann's arithmetic.
    pub exact: Option<&'static ExactKernels>,
}

/// More parameters and nodes that `spare` units of a shortcut network bring.
fn growth(shape: &Shape, spare: usize) -> Option<usize> {
    // The k-th new unit sees all nodes but the outputs, and a bias, and is seen
    // by each output.
    let seen = shape.nodes() - shape.outputs;
    let first = seen.checked_add(1)?.checked_add(shape.outputs)?;
    let steps = spare.checked_mul(spare.saturating_sub(1))? / 2;
    first.checked_mul(spare)?.checked_add(steps)
}

impl<'l, I: ExactSizeIterator<Item = Outline>> Plan<'l, I> {
    /// Carves a network, all zero; in measured memory everything is empty.
    pub fn carve<'m>(self, carver: &mut Carver<'m>) -> Result<(Body<'m>, Room<'m>)> {
        let layers = self.outlines.len().min(MAX_LAYERS);
        let layers = layers.checked_add(self.spare).ok_or(Error::Overflow)?;
        let mut table = carver.take(layers, Dense::EMPTY)?;
        let from = (self.inputs, self.topology);
        let shape = Shape::check(from, self.outlines, self.logger, |i, dense| {
            if let Some(place) = table.get_mut(i) {
                *place = dense;
            }
        })?;
        let growth = growth(&shape, self.spare).ok_or(Error::Overflow)?;
        let parameters = shape.parameters.checked_add(growth).ok_or(Error::Overflow)?;
        let units = shape.units.checked_add(self.spare).ok_or(Error::Overflow)?;

        let own = |is: bool, len: usize| if is && self.own { len } else { 0 };
        let parameters = carver.take(own(true, parameters), 0.0)?;
        let starts = carver.take(own(shape.sparse, units + 1), 0)?;
        let sources = carver.take(own(shape.sparse, shape.links), 0)?;
        let codes = carver.take(own(self.styles, units), 0)?;
        let steeps = carver.take(own(self.styles, units), 1.0)?;
        let numbers = 4 * (shape.inputs + shape.outputs);
        let scaling = carver.take(own(self.scaling, numbers), 0.0)?;

        let rows = |width: usize| self.batch.checked_mul(width).ok_or(Error::Overflow);
        let widest = rows(shape.widest)?;
        let other = match shape.topology {
            Topology::Layered => widest,
            Topology::Shortcut => rows(shape.inputs.checked_add(units).ok_or(Error::Overflow)?)?,
        };
        let values = [carver.take(other, 0.0)?, carver.take(widest, 0.0)?];
        let packs = self.batch >= FORWARD_PACKS_FROM;
        let depth = if packs { shape.most_sources } else { 0 };
        let scratch = carver.take(scratch(depth), 0.0)?;
        let body = Body {
            shape,
            table,
            parameters: Held::Own(parameters),
            starts: Held::Own(starts),
            sources: Held::Own(sources),
            codes: Held::Own(codes),
            steeps: Held::Own(steeps),
            scaling: Held::Own(scaling),
            spare: self.spare,
            kernel: Kernel::best(),
            kernels: kernel::best_float(),
        };
        Ok((body, Room { batch: self.batch, values, scratch, exact: None }))
    }
}
