//! Running with libfann's bits: layer by layer, what `run` does with the fast
//! kernels.

use super::Net;
use super::parts::Body;
use crate::error::{Error, Result};
use crate::nn::Activation;
use crate::nn::exact::{Function, function, hold, ordered_sum};
use crate::nn::kernel::ExactKernels;
use crate::nn::kernel::float::{Rows, RowsMut};
use crate::nn::shape::{Dense, Topology};

/// Sums that are looked at in one go.
const CHUNK: usize = 128;

impl Net<'_> {
    /// Whether it runs with libfann's arithmetic.
    pub fn is_exact(&self) -> bool {
        self.room.exact.is_some()
    }

    /// Makes it run with libfann's arithmetic or with the fast one.
    ///
    /// Exact: the outputs are those of libfann 2.2's `fann_run` (Debian's build
    /// for x86-64) bit for bit, on every kernel and machine. Fast, the default
    /// but for networks from FANN files: sums in the order that suits the
    /// kernel, which differ from libfann's in rounding; and where libfann holds a
    /// unit's sum times FANN's steepness s within ±150 / s (a linear output's
    /// too), it goes on. Training has a setting of its own; cascade training
    /// holds the sums of an exact network. [`Error::Unsupported`] if FANN does not have one of the
    /// activations.
    pub fn set_exact(&mut self, exact: bool) -> Result<()> {
        let body = &self.body;
        let mut runs = body.layers().iter().flat_map(|layer| body.runs(layer));
        if exact && !runs.all(|run| function(run.activation).is_some()) {
            return Err(Error::Unsupported);
        }
        self.room.exact = if exact { Some(body.kernel.exact()?) } else { None };
        Ok(())
    }

    /// Refuses what FANN does not have in a network that runs as FANN does.
    pub(in crate::nn) fn check_exact(&self, activation: Activation) -> Result<()> {
        if self.is_exact() && function(activation).is_none() {
            return Err(Error::Unsupported);
        }
        Ok(())
    }
}

impl Body<'_> {
    /// The weighted sums of a layer's units for rows of samples. `x` begins
    /// with the layer's first source.
    pub(super) fn exact_sums(
        &self,
        kernels: &ExactKernels,
        layer: &Dense,
        x: Rows<'_>,
        y: RowsMut<'_>,
    ) {
        let (w, b) = layer.of(&self.parameters);
        // FANN's only bias of a shortcut network is among its inputs.
        let bias_at = match self.shape.topology {
            Topology::Layered => layer.inputs(),
            Topology::Shortcut => self.shape.inputs,
        };
        let rows = x.data.chunks(x.stride).zip(y.data.chunks_mut(y.stride));
        for (x, y) in rows {
            let y = &mut y[..layer.units()];
            if layer.links.is_none() {
                (kernels.dots)(bias_at, &x[..layer.inputs()], w, b, y);
                continue;
            }
            for (unit, (y, b)) in y.iter_mut().zip(b).enumerate() {
                let from = self.starts[layer.units_before + unit] as usize;
                let to = self.starts[layer.units_before + unit + 1] as usize;
                let (sources, at) = (&self.sources[from..to], from - layer.links.unwrap_or(0));
                // The bias is the first in libfann's lists.
                *y = ordered_sum(sources.len() + 1, |j| match j.checked_sub(1) {
                    None => *b,
                    Some(j) => w[at + j] * x[(sources[j] - layer.first) as usize],
                });
            }
        }
    }

    /// Holds a layer's sums, in compact rows, within what libfann lets into a
    /// unit.
    pub(in crate::nn) fn hold(&self, layer: &Dense, rows: &mut [f32]) {
        for run in self.runs(layer) {
            let style = (run.activation, run.steepness);
            Body::spans(layer, &run, rows.len(), |span| hold(style, &mut rows[span]));
        }
    }

    /// Sums become values, in compact rows.
    pub(super) fn exact_values(&self, kernels: &ExactKernels, layer: &Dense, rows: &mut [f32]) {
        let mut sums = [0.0; CHUNK];
        for row in rows.chunks_exact_mut(layer.units()) {
            for run in self.runs(layer) {
                let (function, part) = function(run.activation).unwrap_or((Function::Linear, 1.0));
                for y in row[run.from..][..run.units].chunks_mut(CHUNK) {
                    let sums = &mut sums[..y.len()];
                    sums.copy_from_slice(y);
                    (kernels.values)(function, part * run.steepness, sums, y);
                }
            }
        }
    }
}
