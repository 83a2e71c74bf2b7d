//! Statistics of columns, and scaling.

use super::Dataset;
use crate::error::{Error, Result};
use crate::nn::{Net, Scale};

/// What the numbers of a column are like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column {
    /// The smallest.
    pub min: f32,
    /// The largest.
    pub max: f32,
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation, over all of them (not all but one).
    pub deviation: f32,
}

impl Column {
    pub(crate) fn of(values: impl Iterator<Item = f32> + Clone) -> Column {
        let wide = || values.clone().map(f64::from);
        let count = values.clone().count().max(1) as f64;
        let mean = wide().sum::<f64>() / count;
        let square = wide().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        Column {
            min: values.clone().reduce(f32::min).unwrap_or(0.0),
            max: values.clone().reduce(f32::max).unwrap_or(0.0),
            mean: mean as f32,
            deviation: libm::sqrt(square) as f32,
        }
    }
}

/// Where the numbers of a column are to lie. One that is all the same comes to
/// lie where the middle would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// The smallest at the first number, the largest at the second.
    Range(f32, f32),
    /// Mean and standard deviation in the middle and at the ends, as
    /// `fann_set_scaling_params` does it.
    Spread(f32, f32),
    /// Mean 0 and standard deviation 1.
    Standard,
}

impl Fit {
    /// How a column is scaled. [`Error::Invalid`] unless the ends are finite
    /// and the first is below the second, [`Error::NnNotFinite`] for a column
    /// with NaN or infinity, or whose range is.
    pub fn scale(self, column: Column) -> Result<Scale> {
        let Column { min, max, mean, deviation } = column;
        let (middle, distance) = match self {
            Fit::Range(..) => (min / 2.0 + max / 2.0, max / 2.0 - min / 2.0),
            Fit::Spread(..) | Fit::Standard => (mean, deviation),
        };
        let (low, high) = match self {
            Fit::Range(low, high) | Fit::Spread(low, high) => (low, high),
            Fit::Standard => (-1.0, 1.0),
        };
        // The smallest and the largest pass over NaN, the mean does not.
        if !(mean.is_finite() && middle.is_finite() && distance.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        let deviation = if distance > 0.0 { distance } else { 1.0 };
        let scale = Scale { mean: middle, deviation, minimum: low, factor: (high - low) / 2.0 };
        let good = low < high && scale.factor > 0.0 && scale.is_valid();
        if good { Ok(scale) } else { Err(Error::Invalid) }
    }
}

impl Dataset<'_> {
    /// What the numbers of an input are like, or for indices from the number of
    /// inputs on of a target; `None` if there is none at `index`.
    pub fn column(&self, index: usize) -> Option<Column> {
        let shape = self.shape;
        let (rows, at, width) = match index.checked_sub(shape.inputs) {
            None => (self.inputs(), index, shape.inputs),
            Some(at) => (self.targets(), at, shape.outputs),
        };
        (at < width).then(|| Column::of(rows.iter().skip(at).step_by(width).copied()))
    }

    /// Sets the scales of a network made with room for them by these samples:
    /// those of the inputs, and unless `targets` is `None` of the outputs.
    ///
    /// [`Error::NnMismatch`] for a network of other inputs or outputs,
    /// [`Error::Length`] for no samples, [`Error::Unsupported`] for a network
    /// without scales, and the errors of [`Fit::scale`]: no scale is changed
    /// then. [`Error::ReadOnly`].
    pub fn fit_scales(&self, net: &mut Net<'_>, inputs: Fit, targets: Option<Fit>) -> Result<()> {
        self.check_net(net)?;
        if self.shape.samples == 0 {
            return Err(Error::Length);
        }
        let columns = self.shape.inputs + targets.map_or(0, |_| self.shape.outputs);
        let scale = |i: usize| {
            let fit = if i < self.shape.inputs { inputs } else { targets.unwrap_or(inputs) };
            fit.scale(self.column(i).unwrap_or_default())
        };
        (0..columns).try_for_each(|i| scale(i).map(|_| ()))?;
        (0..columns).try_for_each(|i| net.set_scale(i, scale(i)?))
    }

    /// Scales all inputs and targets by the network's scales. A network then
    /// learns and answers scaled values:
    /// [`Net::unscale_outputs`] turns its answers back.
    ///
    /// [`Error::NnMismatch`], [`Error::Unsupported`] for a network without
    /// scales, [`Error::ReadOnly`] for samples that are lent.
    pub fn scale(&mut self, net: &Net<'_>) -> Result<()> {
        self.change(net, Scale::apply)
    }

    /// Turns what [`scale`](Dataset::scale) has done back, but for rounding.
    pub fn unscale(&mut self, net: &Net<'_>) -> Result<()> {
        self.change(net, Scale::undo)
    }

    /// Changes each input, or for indices from the number of inputs on each
    /// target, by a scale of its own. [`Error::Invalid`] if there is none at
    /// `index` or the scale is not finite, [`Error::ReadOnly`].
    pub fn scale_column(&mut self, index: usize, scale: Scale) -> Result<()> {
        let shape = self.shape;
        let (inputs, targets) = self.own()?;
        let (rows, at, width) = match index.checked_sub(shape.inputs) {
            None => (inputs, index, shape.inputs),
            Some(at) => (targets, at, shape.outputs),
        };
        if at >= width || !scale.is_valid() {
            return Err(Error::Invalid);
        }
        rows.iter_mut().skip(at).step_by(width).for_each(|x| *x = scale.apply(*x));
        Ok(())
    }

    fn check_net(&self, net: &Net<'_>) -> Result<()> {
        let shape = net.shape();
        let same = (shape.inputs, shape.outputs) == (self.shape.inputs, self.shape.outputs);
        if same { Ok(()) } else { Err(Error::NnMismatch) }
    }

    fn change(&mut self, net: &Net<'_>, change: fn(&Scale, f32) -> f32) -> Result<()> {
        self.check_net(net)?;
        if net.scales().len() == 0 {
            return Err(Error::Unsupported);
        }
        let shape = self.shape;
        let (inputs, targets) = self.own()?;
        for (rows, width, from) in
            [(inputs, shape.inputs, 0), (targets, shape.outputs, shape.inputs)]
        {
            for row in rows.chunks_exact_mut(width) {
                row.iter_mut().zip(net.scales().skip(from)).for_each(|(x, s)| *x = change(&s, *x));
            }
        }
        Ok(())
    }
}
