//! Scaling of inputs and outputs, kept with the network.

use super::Net;
use crate::error::{Error, Result};
use crate::nn::{Column, Fit};

/// How a value is scaled: `((x - mean) / deviation + 1) * factor + minimum`,
/// which is FANN's formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What comes to lie in the middle.
    pub mean: f32,
    /// What comes to lie at the ends, from the mean. 0 for a column that is all
    /// the same: any value comes to lie in the middle, and is the mean when that
    /// is undone.
    pub deviation: f32,
    /// The lower end.
    pub minimum: f32,
    /// Half the distance of the ends. 0 where they are the same: any value comes
    /// to lie there, and is the mean when that is undone.
    pub factor: f32,
}

impl Scale {
    /// Changes nothing.
    pub const NONE: Scale = Scale { mean: 0.0, deviation: 1.0, minimum: -1.0, factor: 1.0 };

    /// The scaled value.
    pub fn apply(&self, x: f32) -> f32 {
        let from_middle =
            if self.deviation == 0.0 { 0.0 } else { (x - self.mean) / self.deviation };
        (from_middle + 1.0) * self.factor + self.minimum
    }

    /// The value that was scaled.
    pub fn undo(&self, y: f32) -> f32 {
        let from_middle =
            if self.factor == 0.0 { 0.0 } else { (y - self.minimum) / self.factor - 1.0 };
        from_middle * self.deviation + self.mean
    }

    pub(crate) fn is_valid(&self) -> bool {
        [self.mean, self.deviation, self.minimum, self.factor].iter().all(|x| x.is_finite())
    }
}

impl Net<'_> {
    /// The scales of all inputs, then of all outputs; none for a network made
    /// without room for them.
    pub fn scales(&self) -> impl ExactSizeIterator<Item = Scale> {
        self.body.scaling.as_chunks().0.iter().map(|[mean, deviation, minimum, factor]| Scale {
            mean: *mean,
            deviation: *deviation,
            minimum: *minimum,
            factor: *factor,
        })
    }

    /// Sets the scale of an input, or for indices from the number of inputs on
    /// of an output. [`Error::Unsupported`] for a network without room for it,
    /// [`Error::Invalid`], [`Error::ReadOnly`].
    pub fn set_scale(&mut self, index: usize, scale: Scale) -> Result<()> {
        if self.body.scaling.is_empty() {
            return Err(Error::Unsupported);
        }
        let place = self.body.scaling.own()?.as_chunks_mut().0.get_mut(index);
        let place = place.filter(|_| scale.is_valid()).ok_or(Error::Invalid)?;
        *place = [scale.mean, scale.deviation, scale.minimum, scale.factor];
        Ok(())
    }

    /// Sets the scales of all inputs so that rows like these come to lie about
    /// `low..high`: the mean in the middle, one standard deviation from it at
    /// the ends, as `fann_set_input_scaling_params` does it.
    ///
    /// [`Error::Unsupported`] for a network without room for scales,
    /// [`Error::Length`] for no rows or none that are whole,
    /// [`Error::NnNotFinite`], [`Error::Invalid`] unless `low` is below `high`,
    /// [`Error::ReadOnly`]. Nothing is changed then.
    pub fn fit_input_scales(&mut self, rows: &[f32], low: f32, high: f32) -> Result<()> {
        self.fit(rows, (0, self.body.shape.inputs), (low, high))
    }

    /// The same for outputs, from rows of targets.
    pub fn fit_output_scales(&mut self, rows: &[f32], low: f32, high: f32) -> Result<()> {
        let shape = self.body.shape;
        self.fit(rows, (shape.inputs, shape.outputs), (low, high))
    }

    fn fit(
        &mut self,
        rows: &[f32],
        (from, width): (usize, usize),
        (low, high): (f32, f32),
    ) -> Result<()> {
        if self.body.scaling.is_empty() {
            return Err(Error::Unsupported);
        }
        self.body.scaling.own()?;
        if rows.is_empty() || !rows.len().is_multiple_of(width) {
            return Err(Error::Length);
        }
        if !rows.iter().all(|x| x.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        // Every scale is looked at before one is set.
        let column = |i| Column::of(rows.iter().skip(i).step_by(width).copied());
        let scale = |i| Fit::Spread(low, high).scale(column(i));
        (0..width).try_for_each(|i| scale(i).map(|_| ()))?;
        (0..width).try_for_each(|i| self.set_scale(from + i, scale(i)?))
    }

    /// Scales rows of inputs in place.
    pub fn scale_inputs(&self, rows: &mut [f32]) -> Result<()> {
        self.scale(rows, 0, self.body.shape.inputs, Scale::apply)
    }

    /// Scales rows of targets in place, for training.
    pub fn scale_targets(&self, rows: &mut [f32]) -> Result<()> {
        self.scale(rows, self.body.shape.inputs, self.body.shape.outputs, Scale::apply)
    }

    /// Turns rows of outputs into what targets were before they were scaled.
    pub fn unscale_outputs(&self, rows: &mut [f32]) -> Result<()> {
        self.scale(rows, self.body.shape.inputs, self.body.shape.outputs, Scale::undo)
    }

    fn scale(
        &self,
        rows: &mut [f32],
        from: usize,
        width: usize,
        change: fn(&Scale, f32) -> f32,
    ) -> Result<()> {
        if self.body.scaling.is_empty() {
            return Err(Error::Unsupported);
        }
        if !rows.len().is_multiple_of(width) {
            return Err(Error::Length);
        }
        for row in rows.chunks_exact_mut(width) {
            row.iter_mut().zip(self.scales().skip(from)).for_each(|(x, s)| *x = change(&s, *x));
        }
        Ok(())
    }
}
