//! Running a network.

use super::parts::Body;
use super::{Net, Room};
use crate::error::{Error, Result};
use crate::nn::kernel::float::{Rows, RowsMut};
use crate::nn::shape::Topology;

/// Which values of a layer [`Net::observe`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the activation.
    Sums,
    /// After the activation.
    Outputs,
}

impl Net<'_> {
    /// Runs one sample: `input` of `inputs` values, `output` of `outputs`.
    /// NaN or infinity in gives NaN or infinity out.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        self.forward_batch(input, 1, output)
    }

    /// Runs `samples` samples: rows in, rows out. No samples is fine.
    pub fn forward_batch(
        &mut self,
        inputs: &[f32],
        samples: usize,
        outputs: &mut [f32],
    ) -> Result<()> {
        let shape = &self.body.shape;
        if Some(inputs.len()) != shape.inputs.checked_mul(samples)
            || Some(outputs.len()) != shape.outputs.checked_mul(samples)
        {
            return Err(Error::Length);
        }
        let rows_in = inputs.chunks(shape.inputs * self.room.batch);
        let rows_out = outputs.chunks_mut(shape.outputs * self.room.batch);
        for (x, y) in rows_in.zip(rows_out) {
            self.body.run(&mut self.room, x, y, &mut |_, _, _| {});
        }
        Ok(())
    }

    /// Shows the values inside every layer to `tap`, for rows of samples: the
    /// layer, which values, and rows of them.
    pub(crate) fn observe(&mut self, inputs: &[f32], mut tap: impl FnMut(usize, Stage, &[f32])) {
        for x in inputs.chunks(self.body.shape.inputs * self.room.batch) {
            self.body.run(&mut self.room, x, &mut [], &mut tap);
        }
    }
}

impl Body<'_> {
    /// Runs at most a batch of samples; where `output` is empty the result
    /// stays in the room.
    fn run(
        &self,
        room: &mut Room<'_>,
        input: &[f32],
        output: &mut [f32],
        tap: &mut impl FnMut(usize, Stage, &[f32]),
    ) {
        let samples = input.len() / self.shape.inputs;
        let [a, b] = &mut room.values;
        let (mut from, mut to) = (&mut a[..], &mut b[..]);
        let layered = self.shape.topology == Topology::Layered;
        let nodes = self.shape.nodes();
        if !layered {
            copy_columns(from, (nodes, 0), input, self.shape.inputs);
        }
        for (i, layer) in self.layers().iter().enumerate() {
            let x = match layered {
                true if i == 0 => Rows { data: input, stride: layer.inputs() },
                true => Rows { data: from, stride: layer.inputs() },
                false => Rows { data: from, stride: nodes },
            };
            let units = layer.units();
            let y = match i + 1 == self.shape.layers && !output.is_empty() {
                true => &mut output[..],
                false => &mut to[..samples * units],
            };
            let rows = RowsMut { data: y, stride: units };
            match room.exact {
                None => self.sums(layer, samples, x, rows, &mut room.scratch),
                Some(kernels) => self.exact_sums(kernels, layer, x, rows),
            }
            tap(i, Stage::Sums, y);
            match room.exact {
                None => self.activate(layer, y),
                Some(kernels) => self.exact_values(kernels, layer, y),
            }
            tap(i, Stage::Outputs, y);
            if layered {
                core::mem::swap(&mut from, &mut to);
            } else {
                copy_columns(from, (nodes, self.shape.inputs + layer.units_before), y, units);
            }
        }
    }
}

/// Copies compact rows of `width` into rows of `stride`, from column `at` on.
pub(crate) fn copy_columns(
    to: &mut [f32],
    (stride, at): (usize, usize),
    from: &[f32],
    width: usize,
) {
    for (to, from) in to.chunks_exact_mut(stride).zip(from.chunks_exact(width)) {
        to[at..at + width].copy_from_slice(from);
    }
}
