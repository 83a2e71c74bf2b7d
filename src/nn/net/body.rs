//! The steps of running and training a network, one layer at a time.

use core::ops::Range;

use super::parts::Body;
use crate::error::Result;
use crate::nn::Activation;
use crate::nn::kernel::float::{Rows, RowsMut, Size};
use crate::nn::shape::Dense;

/// Units of a layer that follow each other and have the same style.
pub(crate) struct Run {
    pub from: usize,
    pub units: usize,
    pub activation: Activation,
    pub steepness: f32,
}

impl Body<'_> {
    pub fn layers(&self) -> &[Dense] {
        &self.table[..self.shape.layers]
    }

    /// Weights and biases of all layers.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters[..self.shape.parameters]
    }

    fn size(&self, layer: &Dense, samples: usize) -> Size {
        Size { samples, inputs: layer.inputs(), units: layer.units() }
    }

    /// The links of a unit of a sparse layer: the index of its first weight in
    /// the layer, and its sources, counted from the layer's first.
    pub fn row(&self, layer: &Dense, unit: usize) -> (usize, impl Iterator<Item = usize> + Clone) {
        let ends = &self.starts[layer.units_before + unit..];
        let (from, to) = (ends[0] as usize, ends[1] as usize);
        let sources = self.sources[from..to].iter().map(|node| (node - layer.first) as usize);
        (from - layer.links.unwrap_or(0), sources)
    }

    /// Where a unit's weights are among those of its layer.
    pub fn weights_of(&self, layer: &Dense, unit: usize) -> core::ops::Range<usize> {
        let (at, len) = match layer.links {
            None => (unit * layer.inputs(), layer.inputs()),
            Some(_) => {
                let (at, sources) = self.row(layer, unit);
                (at, sources.count())
            }
        };
        at..at + len
    }

    /// `y = W x + b` for rows of samples. `x` begins with the layer's first
    /// source.
    pub fn sums(
        &self,
        layer: &Dense,
        samples: usize,
        x: Rows<'_>,
        y: RowsMut<'_>,
        scratch: &mut [f32],
    ) {
        let (w, b) = layer.of(&self.parameters);
        if layer.links.is_none() {
            return (self.kernels.forward)(self.size(layer, samples), x, w, b, y, scratch);
        }
        for (unit, b) in b.iter().enumerate() {
            let (at, sources) = self.row(layer, unit);
            for s in 0..samples {
                let x = &x.data[s * x.stride..];
                let terms = sources.clone().zip(&w[at..]).map(|(source, w)| w * x[source]);
                y.data[s * y.stride + unit] = b + terms.sum::<f32>();
            }
        }
    }

    /// `dx = W^T d`, or adds it.
    pub fn backward(
        &self,
        layer: &Dense,
        samples: usize,
        d: Rows<'_>,
        dx: RowsMut<'_>,
        add: bool,
        scratch: &mut [f32],
    ) {
        let (w, _) = layer.of(&self.parameters);
        if layer.links.is_none() {
            return (self.kernels.backward)(self.size(layer, samples), d, w, dx, add, scratch);
        }
        for s in 0..samples {
            let dx = &mut dx.data[s * dx.stride..][..layer.inputs()];
            if !add {
                dx.fill(0.0);
            }
            for unit in 0..layer.units() {
                let (at, sources) = self.row(layer, unit);
                let d = d.data[s * d.stride + unit];
                sources.zip(&w[at..]).for_each(|(source, w)| dx[source] += w * d);
            }
        }
    }

    /// `gradient = d x^T` in the layer's places, or adds it.
    #[allow(clippy::too_many_arguments)] // a matrix product has that many
    pub fn gradient(
        &self,
        layer: &Dense,
        samples: usize,
        d: Rows<'_>,
        x: Rows<'_>,
        gradient: &mut [f32],
        add: bool,
        scratch: &mut [f32],
    ) {
        let (dw, db) = layer.of_mut(gradient);
        if layer.links.is_none() {
            return (self.kernels.gradient)(self.size(layer, samples), d, x, dw, db, add, scratch);
        }
        if !add {
            dw.fill(0.0);
            db.fill(0.0);
        }
        for (unit, db) in db.iter_mut().enumerate() {
            let (at, sources) = self.row(layer, unit);
            for s in 0..samples {
                let (d, x) = (d.data[s * d.stride + unit], &x.data[s * x.stride..]);
                *db += d;
                sources.clone().zip(&mut dw[at..]).for_each(|(source, dw)| *dw += d * x[source]);
            }
        }
    }

    /// Adds `d x^T` of one sample to the weights and biases of a layer.
    pub fn step(
        &mut self,
        layer: &Dense,
        d: Rows<'_>,
        x: Rows<'_>,
        scratch: &mut [f32],
    ) -> Result<()> {
        let size = self.size(layer, 1);
        let (w, b) = layer.of_mut(self.parameters.own()?);
        let Some(first) = layer.links else {
            (self.kernels.gradient)(size, d, x, w, b, true, scratch);
            return Ok(());
        };
        let starts = &self.starts[layer.units_before..=layer.units_before + layer.units()];
        for (unit, (b, d)) in b.iter_mut().zip(d.data).enumerate() {
            *b += d;
            let row = starts[unit] as usize..starts[unit + 1] as usize;
            let weights = &mut w[row.start - first..row.end - first];
            for (w, node) in weights.iter_mut().zip(&self.sources[row]) {
                *w += d * x.data[(node - layer.first) as usize];
            }
        }
        Ok(())
    }

    /// The runs of units of the same style in a layer.
    pub fn runs(&self, layer: &Dense) -> impl Iterator<Item = Run> {
        let mut from = 0;
        core::iter::from_fn(move || {
            if from >= layer.units() {
                return None;
            }
            let style = |unit: usize| match layer.mixed {
                true => {
                    let node = layer.units_before + unit;
                    (Activation::from_code(self.codes[node]), self.steeps[node])
                }
                false => (Some(layer.activation), layer.steepness),
            };
            let first = style(from);
            let same = if layer.mixed {
                (from + 1..layer.units()).take_while(|unit| style(*unit) == first).count() + 1
            } else {
                layer.units()
            };
            let (activation, steepness) = (first.0.unwrap_or_default(), first.1);
            let run = Run { from, units: same, activation, steepness };
            from += same;
            Some(run)
        })
    }

    /// Calls `f` with the spans of a layer's compact rows that hold values of
    /// this run: all rows together where it is the whole layer.
    pub fn spans(layer: &Dense, run: &Run, len: usize, mut f: impl FnMut(Range<usize>)) {
        if run.units == layer.units() {
            return f(0..len);
        }
        for row in (0..len).step_by(layer.units()) {
            f(row + run.from..row + run.from + run.units);
        }
    }

    /// Applies the activations to rows of sums.
    pub fn activate(&self, layer: &Dense, y: &mut [f32]) {
        for run in self.runs(layer) {
            if run.activation == Activation::Linear && run.steepness == 1.0 {
                continue;
            }
            Body::spans(layer, &run, y.len(), |span| {
                if run.activation == Activation::Softmax {
                    for row in y[span].chunks_exact_mut(run.units) {
                        (self.kernels.softmax)(run.steepness, row);
                    }
                } else {
                    (self.kernels.activate)(run.activation, run.steepness, &mut y[span]);
                }
            });
        }
    }
}
