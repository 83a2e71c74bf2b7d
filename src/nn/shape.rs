//! What layers a network has, how they are wired, and whether they make one.

use super::{Activation, Init};
use crate::error::{Error, Result};
use crate::port::{Level, Line, Logger};

/// One layer, as asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// Number of units (outputs), 1 to 65,535.
    pub units: usize,
    /// What is applied to the weighted sums. Softmax only in the last layer.
    pub activation: Activation,
    /// What the sums are multiplied by before; finite and above 0.
    pub steepness: f32,
    /// How the initial weights are drawn.
    pub init: Init,
}

impl Layer {
    /// A layer whose initial weights suit its activation ([`Init::Auto`]).
    pub const fn new(units: usize, activation: Activation) -> Layer {
        Layer { units, activation, steepness: 1.0, init: Init::Auto }
    }
}

/// Where the units of a layer get their values from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Topology {
    /// From the layer before.
    #[default]
    Layered = 0,
    /// From all inputs and all layers before, as cascade training builds them
    /// (Fahlman & Lebiere 1990).
    Shortcut = 1,
}

impl Topology {
    /// The topology with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Topology> {
        Some(match code {
            0 => Topology::Layered,
            1 => Topology::Shortcut,
            _ => return None,
        })
    }

    /// Its number in the C header and in model files.
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// The most inputs or units that a layer may have.
pub(crate) const MAX_WIDTH: usize = 65_535;
/// The most layers that a network may have.
pub(crate) const MAX_LAYERS: usize = 65_535;

/// A layer without its place: what a configuration or a file says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    pub units: usize,
    pub activation: Activation,
    pub steepness: f32,
    /// Each unit has an activation and a steepness of its own.
    pub mixed: bool,
    /// Which connections there are, without those to the bias.
    pub links: Links,
}

/// Which of the possible connections a layer has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Links {
    All,
    /// So many.
    Count(usize),
    /// This part of them, 0 to 1.
    Rate(f32),
}

impl Links {
    /// How many of `sources` times `units`, if not all. A rate leaves no unit
    /// and no source without a connection.
    fn count(self, sources: usize, units: usize) -> Option<usize> {
        match self {
            Links::All => None,
            Links::Count(count) => Some(count),
            Links::Rate(rate) => {
                let all = sources as f64 * units as f64;
                let part = libm::round(f64::from(rate) * all) as usize;
                Some(part.max(sources).max(units))
            }
        }
    }
}

impl Outline {
    pub fn new(units: usize, activation: Activation) -> Outline {
        Outline { units, activation, steepness: 1.0, mixed: false, links: Links::All }
    }
}

/// A checked layer with its place among nodes and parameters. Nodes are counted
/// through: the inputs, then the units layer by layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dense {
    /// Sources of the layer, all or some of which each unit has.
    pub inputs: u32,
    pub units: u32,
    /// Node of the first source.
    pub first: u32,
    pub activation: Activation,
    pub mixed: bool,
    pub steepness: f32,
    /// Index of its first weight; its biases follow its weights.
    pub at: usize,
    /// Number of weights.
    pub weights: usize,
    /// Units in the layers before it.
    pub units_before: usize,
    /// For a sparse layer: the index of its first link.
    pub links: Option<usize>,
}

impl Dense {
    pub const EMPTY: Dense = Dense {
        inputs: 0,
        units: 0,
        first: 0,
        activation: Activation::Linear,
        mixed: false,
        steepness: 1.0,
        at: 0,
        weights: 0,
        units_before: 0,
        links: None,
    };

    pub fn inputs(&self) -> usize {
        self.inputs as usize
    }

    pub fn units(&self) -> usize {
        self.units as usize
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// Weights (rows of sources) and biases out of all the parameters.
    pub fn of<'p>(&self, params: &'p [f32]) -> (&'p [f32], &'p [f32]) {
        params[self.at..][..self.weights + self.units()].split_at(self.weights)
    }

    /// The same, to write.
    pub fn of_mut<'p>(&self, params: &'p mut [f32]) -> (&'p mut [f32], &'p mut [f32]) {
        params[self.at..][..self.weights + self.units()].split_at_mut(self.weights)
    }

    /// Whether another layer has the same place and the same connections, as
    /// far as their numbers tell; activations may differ.
    pub fn same_place(&self, other: &Dense) -> bool {
        let place = |d: &Dense| (d.inputs, d.units, d.first, d.at, d.weights, d.links);
        place(self) == place(other)
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
    /// Where units get their values from.
    pub topology: Topology,
    /// Sources of the layer that has the most.
    pub(crate) most_sources: usize,
    /// Units of the widest layer.
    pub(crate) widest: usize,
    /// Units of all layers together.
    pub(crate) units: usize,
    /// Connections of the sparse layers, without those to biases.
    pub(crate) links: usize,
    /// Some layer is sparse.
    pub(crate) sparse: bool,
    /// Some layer is mixed.
    pub(crate) mixed: bool,
}

impl Shape {
    /// That of no network.
    pub(crate) const NONE: Shape = Shape {
        inputs: 0,
        outputs: 0,
        layers: 0,
        parameters: 0,
        topology: Topology::Layered,
        most_sources: 0,
        widest: 0,
        units: 0,
        links: 0,
        sparse: false,
        mixed: false,
    };

    /// All nodes: inputs and units.
    pub(crate) fn nodes(&self) -> usize {
        self.inputs + self.units
    }

    /// Checks layers, tells `each` about every one with its place, and says
    /// what is wrong to the logger.
    pub(crate) fn check(
        (inputs, topology): (usize, Topology),
        layers: impl ExactSizeIterator<Item = Outline>,
        logger: Option<&dyn Logger>,
        mut each: impl FnMut(usize, Dense),
    ) -> Result<Shape> {
        let refuse = |line: Line| {
            line.send(logger, Level::Error);
            Err(Error::NnShape)
        };
        let count = layers.len();
        if !(1..=MAX_LAYERS).contains(&count) {
            return refuse(Line::new("a network has 1 to 65535 layers, not ").number(count));
        }
        if !(1..=MAX_WIDTH).contains(&inputs) {
            return refuse(Line::new("a network has 1 to 65535 inputs, not ").number(inputs));
        }
        let mut shape = Shape { inputs, topology, layers: count, ..Shape::NONE };
        let mut width = inputs;
        for (i, layer) in layers.enumerate() {
            let Outline { units, activation, steepness, mixed, links } = layer;
            let says = |text| Line::new("layer ").number(i).text(text);
            if !(1..=MAX_WIDTH).contains(&units) {
                return refuse(says(" has 1 to 65535 units, not ").number(units));
            }
            if activation == Activation::Softmax && (i + 1 != count || mixed) {
                return refuse(says(": softmax is for the last layer, all of it"));
            }
            if !(steepness.is_finite() && steepness > 0.0) {
                return refuse(says(": the steepness is a number above 0"));
            }
            let sources = match topology {
                Topology::Layered => width,
                Topology::Shortcut => shape.nodes(),
            };
            let full = sources.checked_mul(units).ok_or(Error::Overflow)?;
            let links = links.count(sources, units);
            if links.is_some_and(|links| links > full) {
                return refuse(says(" has more connections than there can be"));
            }
            let weights = links.unwrap_or(full);
            let size = weights
                .checked_add(units)
                .and_then(|n| n.checked_add(shape.parameters))
                // As bytes, too, it must be a possible size.
                .filter(|n| *n <= isize::MAX as usize / 8)
                .ok_or(Error::Overflow)?;
            let dense = Dense {
                inputs: u32::try_from(sources).map_err(|_| Error::Overflow)?,
                units: units as u32,
                first: (shape.nodes() - sources) as u32,
                activation,
                mixed,
                steepness,
                at: shape.parameters,
                weights,
                units_before: shape.units,
                links: links.map(|_| shape.links),
            };
            each(i, dense);
            shape.parameters = size;
            shape.most_sources = shape.most_sources.max(sources);
            shape.widest = shape.widest.max(units);
            shape.units += units;
            shape.outputs = units;
            shape.links += links.unwrap_or(0);
            shape.sparse |= links.is_some();
            shape.mixed |= mixed;
            width = units;
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Activation::{Linear, Relu, Softmax};

    fn check(inputs: usize, layers: &[(usize, Activation)]) -> Result<Shape> {
        let layers = layers.iter().map(|(units, activation)| Outline::new(*units, *activation));
        Shape::check((inputs, Topology::Layered), layers, None, |_, _| {})
    }

    #[test]
    fn counts_what_there_is() {
        let shape = check(64, &[(32, Relu), (10, Softmax)]).unwrap();
        assert_eq!((shape.inputs, shape.outputs, shape.layers), (64, 10, 2));
        assert_eq!(shape.parameters, 64 * 32 + 32 + 32 * 10 + 10);
        assert_eq!((shape.widest, shape.units), (32, 42));
    }

    #[test]
    fn shortcuts_and_sparse_layers_have_their_places() {
        let layers = [
            Outline::new(2, Linear),
            Outline { links: Links::Count(5), ..Outline::new(3, Linear) },
            Outline::new(1, Linear),
        ];
        let mut places = std::vec::Vec::new();
        let shape = Shape::check((4, Topology::Shortcut), layers.into_iter(), None, |_, dense| {
            places.push((dense.first, dense.inputs, dense.at, dense.weights, dense.links));
        })
        .unwrap();
        assert_eq!(places, [(0, 4, 0, 8, None), (0, 6, 10, 5, Some(0)), (0, 9, 18, 9, None)]);
        assert_eq!((shape.parameters, shape.links, shape.sparse), (28, 5, true));

        let layers = [Outline::new(2, Linear), Outline::new(3, Linear)];
        let mut places = std::vec::Vec::new();
        Shape::check((4, Topology::Layered), layers.into_iter(), None, |_, dense| {
            places.push((dense.first, dense.inputs));
        })
        .unwrap();
        assert_eq!(places, [(0, 4), (4, 2)]);
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
        assert_eq!(check(1, &std::vec![(1, Linear); 65_536]), Err(Error::NnShape));
        assert!(check(1, &std::vec![(1, Linear); 65_535]).is_ok());
        assert!(check(65_535, &[(65_535, Linear)]).is_ok() || usize::BITS < 64);

        let one = |outline: Outline| {
            Shape::check((3, Topology::Layered), [outline].into_iter(), None, |_, _| {})
        };
        for steepness in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let outline = Outline { steepness, ..Outline::new(1, Linear) };
            assert_eq!(one(outline), Err(Error::NnShape));
        }
        let links = |n| Outline { links: Links::Count(n), ..Outline::new(2, Linear) };
        assert!(one(links(6)).is_ok());
        assert_eq!(one(links(7)), Err(Error::NnShape));
        assert_eq!(one(Outline { mixed: true, ..Outline::new(2, Softmax) }), Err(Error::NnShape));
    }
}
