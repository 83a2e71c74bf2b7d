//! What layers a network has, and whether they make one.

use super::{Activation, Init};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::port::{Level, Line, Logger};

/// One dense layer, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Number of units (outputs), 1 to 65,535.
    pub units: usize,
    /// What is applied to the weighted sums. Softmax only in the last layer.
    pub activation: Activation,
    /// How the initial weights are drawn.
    pub init: Init,
}

impl Layer {
    /// A layer whose initial weights suit its activation ([`Init::Auto`]).
    pub const fn new(units: usize, activation: Activation) -> Layer {
        Layer { units, activation, init: Init::Auto }
    }
}

/// The most inputs or units that a layer may have.
pub(crate) const MAX_WIDTH: usize = 65_535;
/// The most layers that a network may have.
pub(crate) const MAX_LAYERS: usize = 255;

/// A checked layer with its place among the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dense {
    pub inputs: u32,
    pub units: u32,
    pub activation: Activation,
    /// Index of its first weight; its biases follow its weights.
    pub at: usize,
    /// Units in the layers before it.
    pub units_before: usize,
}

impl Dense {
    pub const EMPTY: Dense =
        Dense { inputs: 0, units: 0, activation: Activation::Linear, at: 0, units_before: 0 };

    pub fn inputs(&self) -> usize {
        self.inputs as usize
    }

    pub fn units(&self) -> usize {
        self.units as usize
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.inputs() * self.units()
    }

    /// Weights (rows of `inputs`) and biases out of all the parameters.
    pub fn of<'p>(&self, params: &'p [f32]) -> (&'p [f32], &'p [f32]) {
        params[self.at..][..self.weights() + self.units()].split_at(self.weights())
    }

    /// The same, to write.
    pub fn of_mut<'p>(&self, params: &'p mut [f32]) -> (&'p mut [f32], &'p mut [f32]) {
        params[self.at..][..self.weights() + self.units()].split_at_mut(self.weights())
    }
}

/// The shape of a network, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Values in a sample.
    pub inputs: usize,
    /// Values in a result.
    pub outputs: usize,
    /// Number of layers.
    pub layers: usize,
    /// Weights and biases together.
    pub parameters: usize,
    /// Units of the widest layer.
    pub(crate) widest: usize,
    /// Units of all layers together.
    pub(crate) units: usize,
}

impl Shape {
    /// Checks layers given as (units, activation), tells `each` about every
    /// one, and says what is wrong to the logger.
    pub(crate) fn check(
        inputs: usize,
        layers: impl ExactSizeIterator<Item = (usize, Activation)>,
        logger: Option<&dyn Logger>,
        mut each: impl FnMut(usize, Dense),
    ) -> Result<Shape> {
        let refuse = |line: Line| {
            line.send(logger, Level::Error);
            Err(Error::NnShape)
        };
        let count = layers.len();
        if !(1..=MAX_LAYERS).contains(&count) {
            return refuse(Line::new("a network has 1 to 255 layers, not ").number(count));
        }
        if !(1..=MAX_WIDTH).contains(&inputs) {
            return refuse(Line::new("a network has 1 to 65535 inputs, not ").number(inputs));
        }
        let mut shape =
            Shape { inputs, outputs: 0, layers: count, parameters: 0, widest: 0, units: 0 };
        let mut width = inputs;
        for (i, (units, activation)) in layers.enumerate() {
            if !(1..=MAX_WIDTH).contains(&units) {
                let line = Line::new("layer ").number(i).text(" has 1 to 65535 units, not ");
                return refuse(line.number(units));
            }
            if activation == Activation::Softmax && i + 1 != count {
                return refuse(
                    Line::new("layer ").number(i).text(": softmax is for the last layer"),
                );
            }
            let size = width
                .checked_mul(units)
                .and_then(|n| n.checked_add(units))
                .and_then(|n| n.checked_add(shape.parameters))
                // As bytes, too, it must be a possible size.
                .filter(|n| *n <= isize::MAX as usize / 8)
                .ok_or(Error::Overflow)?;
            let dense = Dense {
                inputs: width as u32,
                units: units as u32,
                activation,
                at: shape.parameters,
                units_before: shape.units,
            };
            each(i, dense);
            shape.parameters = size;
            shape.widest = shape.widest.max(units);
            shape.units += units;
            shape.outputs = units;
            width = units;
        }
        Ok(shape)
    }

    /// Checks the layers and lays them out in carved memory (empty when the
    /// carver only measures).
    pub(crate) fn carve<'m>(
        inputs: usize,
        layers: impl ExactSizeIterator<Item = (usize, Activation)>,
        logger: Option<&dyn Logger>,
        carver: &mut Carver<'m>,
    ) -> Result<(Shape, Carved<'m, Dense>)> {
        let mut table = carver.take(layers.len().min(MAX_LAYERS), Dense::EMPTY)?;
        let shape = Shape::check(inputs, layers, logger, |i, dense| {
            if let Some(place) = table.get_mut(i) {
                *place = dense;
            }
        })?;
        Ok((shape, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Activation::{Linear, Relu, Softmax};

    fn check(inputs: usize, layers: &[(usize, Activation)]) -> Result<Shape> {
        Shape::check(inputs, layers.iter().copied(), None, |_, _| {})
    }

    #[test]
    fn counts_what_there_is() {
        let shape = check(64, &[(32, Relu), (10, Softmax)]).unwrap();
        assert_eq!((shape.inputs, shape.outputs, shape.layers), (64, 10, 2));
        assert_eq!(shape.parameters, 64 * 32 + 32 + 32 * 10 + 10);
        assert_eq!((shape.widest, shape.units), (32, 42));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let bad: [(usize, &[(usize, Activation)]); 6] = [
            (1, &[]),
            (0, &[(1, Linear)]),
            (65_536, &[(1, Linear)]),
            (1, &[(0, Linear)]),
            (1, &[(65_536, Linear)]),
            (1, &[(2, Softmax), (2, Linear)]),
        ];
        for (inputs, layers) in bad {
            assert_eq!(check(inputs, layers), Err(Error::NnShape), "{inputs} {layers:?}");
        }
        assert_eq!(check(1, &[(1, Linear); 256]), Err(Error::NnShape));
        assert!(check(1, &[(1, Linear); 255]).is_ok());
        assert!(check(65_535, &[(65_535, Linear)]).is_ok() || usize::BITS < 64);
    }
}
