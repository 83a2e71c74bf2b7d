//! Looking into a network and changing it: weights, connections, styles, copies.

use core::alloc::Layout;

use super::parts::{Body, Plan};
use super::{Net, Room};
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::nn::Activation;
use crate::nn::shape::{Dense, Links, Outline, Topology};
use crate::port::Allocator;

/// One connection. Nodes are counted through: the inputs from 0, then the units
/// layer by layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    /// The node that it comes from; `None` for the bias, which is always 1.
    pub from: Option<usize>,
    /// The node that it goes to, a unit.
    pub to: usize,
    /// Its weight.
    pub weight: f32,
}

/// What a layer is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerInfo {
    /// Number of units.
    pub units: usize,
    /// Node of its first unit.
    pub first_unit: usize,
    /// Node of its first source.
    pub first_source: usize,
    /// Number of sources.
    pub sources: usize,
    /// Number of weights: sources times units, if it is not sparse. Weights
    /// are rows, one for each unit, and its biases follow them.
    pub weights: usize,
    /// Index of its first weight among all parameters.
    pub first_parameter: usize,
    /// The activation of its units, unless they have their own.
    pub activation: Activation,
    /// Their steepness.
    pub steepness: f32,
    /// Units have activations of their own.
    pub mixed: bool,
    /// Not every unit has every source.
    pub sparse: bool,
}

impl Body<'_> {
    /// The unit that a weight of a layer goes to.
    fn unit(&self, layer: &Dense, weight: usize) -> usize {
        let Some(first) = layer.links else { return weight / layer.inputs() };
        let starts = &self.starts[layer.units_before..=layer.units_before + layer.units()];
        starts.partition_point(|start| *start as usize <= first + weight) - 1
    }

    /// The source of a weight of a layer, counted from the layer's first.
    pub fn source(&self, layer: &Dense, weight: usize) -> usize {
        match layer.links {
            None => weight % layer.inputs(),
            Some(first) => (self.sources[first + weight] - layer.first) as usize,
        }
    }

    /// The parameter that is the weight of a connection.
    fn find(&self, from: Option<usize>, to: usize) -> Result<usize> {
        let unit = to.checked_sub(self.shape.inputs).filter(|u| *u < self.shape.units);
        let unit = unit.ok_or(Error::Invalid)?;
        let after = self.layers().partition_point(|layer| layer.units_before <= unit);
        let layer = &self.layers()[after - 1];
        let unit = unit - layer.units_before;
        let Some(from) = from else { return Ok(layer.at + layer.weights() + unit) };
        let source = from.checked_sub(layer.first as usize).filter(|s| *s < layer.inputs());
        let source = source.ok_or(Error::Invalid)?;
        if layer.links.is_none() {
            return Ok(layer.at + unit * layer.inputs() + source);
        }
        let (at, mut sources) = self.row(layer, unit);
        let place = sources.position(|s| s == source).ok_or(Error::Invalid)?;
        Ok(layer.at + at + place)
    }

    fn style(&self, layer: &Dense, unit: usize) -> (Activation, f32) {
        if !layer.mixed {
            return (layer.activation, layer.steepness);
        }
        let unit = layer.units_before + unit;
        let activation = Activation::from_code(self.codes[unit]).unwrap_or_default();
        (activation, self.steeps[unit])
    }

    /// A plan of the same network.
    pub fn plan(&self, batch: usize) -> Plan<'static, impl ExactSizeIterator<Item = Outline>> {
        let outlines = self.layers().iter().map(|layer| Outline {
            units: layer.units(),
            activation: layer.activation,
            steepness: layer.steepness,
            mixed: layer.mixed,
            links: layer.links.map_or(Links::All, |_| Links::Count(layer.weights())),
        });
        Plan {
            inputs: self.shape.inputs,
            topology: self.shape.topology,
            outlines,
            batch,
            spare: self.spare,
            own: true,
            styles: !self.codes.is_empty(),
            scaling: !self.scaling.is_empty(),
            logger: None,
        }
    }

    /// Whether another network has the same connections.
    pub fn same_wires(&self, other: &Body<'_>) -> bool {
        let (a, b) = (self.layers(), other.layers());
        self.shape.inputs == other.shape.inputs
            && a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| a.same_place(b))
            && *self.sources == *other.sources
            && *self.starts == *other.starts
    }
}

impl<'m> Net<'m> {
    /// What the layer at `index` is; [`Error::Invalid`] if there is none.
    pub fn layer(&self, index: usize) -> Result<LayerInfo> {
        let layer = self.layers().get(index).ok_or(Error::Invalid)?;
        Ok(LayerInfo {
            units: layer.units(),
            first_unit: self.body.shape.inputs + layer.units_before,
            first_source: layer.first as usize,
            sources: layer.inputs(),
            weights: layer.weights(),
            first_parameter: layer.at,
            activation: layer.activation,
            steepness: layer.steepness,
            mixed: layer.mixed,
            sparse: layer.links.is_some(),
        })
    }

    /// All weights and biases: layer by layer the weights, rows of sources for
    /// each unit, then the biases.
    pub fn weights(&self) -> &[f32] {
        self.body.parameters()
    }

    /// Sets all weights and biases, in the order of [`weights`](Net::weights).
    /// [`Error::Length`], [`Error::NnNotFinite`], [`Error::ReadOnly`].
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<()> {
        let own = self.parameters_mut()?;
        if own.len() != weights.len() {
            return Err(Error::Length);
        }
        if !weights.iter().all(|w| w.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        own.copy_from_slice(weights);
        Ok(())
    }

    /// The connection whose weight is the parameter at `index`.
    pub fn connection(&self, index: usize) -> Result<Connection> {
        let weight = *self.weights().get(index).ok_or(Error::Invalid)?;
        let after = self.layers().partition_point(|layer| layer.at <= index);
        let layer = &self.layers()[after - 1];
        let first = self.body.shape.inputs + layer.units_before;
        let inside = index - layer.at;
        Ok(if let Some(unit) = inside.checked_sub(layer.weights()) {
            Connection { from: None, to: first + unit, weight }
        } else {
            let from = layer.first as usize + self.body.source(layer, inside);
            Connection { from: Some(from), to: first + self.body.unit(layer, inside), weight }
        })
    }

    /// All connections, in the order of [`weights`](Net::weights).
    pub fn connections(&self) -> impl ExactSizeIterator<Item = Connection> {
        (0..self.weights().len()).map(|i| {
            let none = Connection { from: None, to: 0, weight: 0.0 };
            self.connection(i).unwrap_or(none)
        })
    }

    /// The weight of the connection between two nodes (`None`: from the bias).
    /// [`Error::Invalid`] if there is none.
    pub fn weight(&self, from: Option<usize>, to: usize) -> Result<f32> {
        Ok(self.weights()[self.body.find(from, to)?])
    }

    /// Sets the weight of the connection between two nodes.
    /// [`Error::Invalid`] if there is none, [`Error::NnNotFinite`],
    /// [`Error::ReadOnly`].
    pub fn set_weight(&mut self, from: Option<usize>, to: usize, weight: f32) -> Result<()> {
        let index = self.body.find(from, to)?;
        if !weight.is_finite() {
            return Err(Error::NnNotFinite);
        }
        self.parameters_mut()?[index] = weight;
        Ok(())
    }

    /// Activation and steepness of a unit of a layer.
    pub fn unit_style(&self, layer: usize, unit: usize) -> Result<(Activation, f32)> {
        let layer = self.layers().get(layer).ok_or(Error::Invalid)?;
        if unit < layer.units() { Ok(self.body.style(layer, unit)) } else { Err(Error::Invalid) }
    }

    /// Sets activation and steepness of a whole layer. [`Error::Invalid`] for
    /// no such layer or a steepness that is not above 0, [`Error::NnShape`] for
    /// softmax before the last layer, [`Error::ReadOnly`].
    pub fn set_style(
        &mut self,
        layer: usize,
        activation: Activation,
        steepness: f32,
    ) -> Result<()> {
        self.check_style(layer, steepness)?;
        self.check_exact(activation)?;
        if activation == Activation::Softmax && layer + 1 != self.body.shape.layers {
            return Err(Error::NnShape);
        }
        let table = &mut self.body.table[layer];
        (table.activation, table.steepness, table.mixed) = (activation, steepness, false);
        Ok(())
    }

    /// Sets activation and steepness of one unit. [`Error::Unsupported`] for a
    /// network made without styles for units, [`Error::NnShape`] for softmax;
    /// otherwise as [`set_style`](Net::set_style).
    pub fn set_unit_style(
        &mut self,
        layer: usize,
        unit: usize,
        activation: Activation,
        steepness: f32,
    ) -> Result<()> {
        self.check_style(layer, steepness)?;
        self.check_exact(activation)?;
        let table = &mut self.body.table[layer];
        if self.body.codes.is_empty() {
            return Err(Error::Unsupported);
        }
        if activation == Activation::Softmax || table.activation == Activation::Softmax {
            return Err(Error::NnShape);
        }
        if unit >= table.units() {
            return Err(Error::Invalid);
        }
        let units = table.units_before..table.units_before + table.units();
        let (codes, steeps) = (self.body.codes.own()?, self.body.steeps.own()?);
        if !table.mixed {
            codes[units.clone()].fill(table.activation.code());
            steeps[units.clone()].fill(table.steepness);
            table.mixed = true;
        }
        codes[units.start + unit] = activation.code();
        steeps[units.start + unit] = steepness;
        self.body.shape.mixed = true;
        Ok(())
    }

    fn check_style(&mut self, layer: usize, steepness: f32) -> Result<()> {
        if layer >= self.body.shape.layers || !(steepness.is_finite() && steepness > 0.0) {
            return Err(Error::Invalid);
        }
        self.body.parameters.own().map(|_| ())
    }

    /// The memory that a copy takes.
    pub fn copy_footprint(&self) -> Result<Layout> {
        let mut carver = Carver::measure();
        self.body.plan(self.room.batch).carve(&mut carver)?;
        carver.layout()
    }

    /// A copy with numbers of its own, also of a network that reads them in
    /// place.
    pub fn copy<'c>(&self, memory: impl Allocator<'c>) -> Result<Net<'c>> {
        self.copy_in_piece(memory.allocate(self.copy_footprint()?)?)
    }

    pub(crate) fn copy_in_piece<'c>(&self, mut piece: Piece<'c>) -> Result<Net<'c>> {
        let needed = self.copy_footprint()?;
        let plan = self.body.plan(self.room.batch);
        let (mut body, mut room): (Body<'c>, Room<'c>) = plan.carve(&mut piece.carver(needed)?)?;
        let parameters = &mut body.parameters.own()?[..self.body.shape.parameters];
        parameters.copy_from_slice(self.weights());
        body.starts.own()?.copy_from_slice(&self.body.starts);
        body.sources.own()?.copy_from_slice(&self.body.sources);
        body.codes.own()?.copy_from_slice(&self.body.codes);
        body.steeps.own()?.copy_from_slice(&self.body.steeps);
        body.scaling.own()?.copy_from_slice(&self.body.scaling);
        (body.kernel, body.kernels) = (self.body.kernel, self.body.kernels);
        room.exact = self.room.exact;
        Ok(Net { body, room, _piece: piece })
    }

    /// Whether another network has the same nodes and connections; weights and
    /// activations may differ.
    pub fn same_shape(&self, other: &Net<'_>) -> bool {
        self.body.same_wires(&other.body)
    }

    /// The largest difference between a weight of this network and the same
    /// weight of another: 0 if they are equal. [`Error::NnMismatch`] for one of
    /// another shape or with other activations.
    pub fn difference(&self, other: &Net<'_>) -> Result<f32> {
        let styles = |net: &Net<'_>, i: usize, unit| net.body.style(&net.layers()[i], unit);
        let same = self.same_shape(other)
            && self.layers().iter().enumerate().all(|(i, layer)| {
                (0..layer.units()).all(|unit| styles(self, i, unit) == styles(other, i, unit))
            });
        if !same {
            return Err(Error::NnMismatch);
        }
        let pairs = self.weights().iter().zip(other.weights());
        Ok(pairs.fold(0.0, |most, (a, b)| f32::max(most, (a - b).abs())))
    }

    /// How many units [`grow`](Net::grow) can add still.
    pub fn spare_units(&self) -> usize {
        self.body.spare
    }

    /// Adds a unit as a layer of its own before the last one. It gets values
    /// from all nodes but the outputs by the weights `incoming` and `bias`, and
    /// gives its own to each output by `outgoing`.
    ///
    /// [`Error::Capacity`] when there is no room left, [`Error::Length`] for
    /// too many or too few weights, [`Error::Invalid`] for a bad style,
    /// [`Error::Unsupported`] for one that an exact network cannot run,
    /// [`Error::NnNotFinite`], [`Error::ReadOnly`]: the network is as before.
    pub fn grow(
        &mut self,
        (activation, steepness): (Activation, f32),
        (incoming, bias): (&[f32], f32),
        outgoing: &[f32],
    ) -> Result<()> {
        self.check_exact(activation)?;
        let body = &mut self.body;
        let last = body.shape.layers - 1;
        let outputs = body.table[last];
        let (sources, units) = (outputs.inputs(), outputs.units());
        body.parameters.own()?;
        if body.spare == 0 {
            return Err(Error::Capacity);
        }
        debug_assert!(body.shape.topology == Topology::Shortcut);
        if incoming.len() != sources || outgoing.len() != units {
            return Err(Error::Length);
        }
        let style = steepness.is_finite() && steepness > 0.0;
        if !style || activation == Activation::Softmax {
            return Err(Error::Invalid);
        }
        if !incoming.iter().chain(outgoing).chain([&bias]).all(|w| w.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        let shift = sources + 1;
        let unit =
            Dense { units: 1, activation, steepness, mixed: false, weights: sources, ..outputs };
        let grown = Dense {
            inputs: outputs.inputs + 1,
            at: outputs.at + shift,
            weights: outputs.weights + units,
            units_before: outputs.units_before + 1,
            ..outputs
        };
        // From the back, since every number moves to a higher place.
        let parameters = body.parameters.own()?;
        let biases = outputs.at + outputs.weights;
        parameters.copy_within(biases..biases + units, grown.at + grown.weights);
        for row in (0..units).rev() {
            let (from, to) = (outputs.at + row * sources, grown.at + row * (sources + 1));
            parameters.copy_within(from..from + sources, to);
            parameters[to + sources] = outgoing[row];
        }
        parameters[outputs.at..][..sources].copy_from_slice(incoming);
        parameters[outputs.at + sources] = bias;
        if !body.codes.is_empty() {
            let (at, end) = (outputs.units_before, outputs.units_before + units);
            let (codes, steeps) = (body.codes.own()?, body.steeps.own()?);
            codes.copy_within(at..end, at + 1);
            steeps.copy_within(at..end, at + 1);
            (codes[at], steeps[at]) = (activation.code(), steepness);
        }
        (body.table[last], body.table[last + 1]) = (unit, grown);
        let shape = &mut body.shape;
        shape.layers += 1;
        shape.units += 1;
        shape.parameters += shift + units;
        body.spare -= 1;
        Ok(())
    }

    /// Takes out again what [`grow`](Net::grow) put in last; it becomes a spare
    /// unit. For a network that has grown.
    pub(in crate::nn) fn shrink(&mut self) -> Result<()> {
        let body = &mut self.body;
        let last = body.shape.layers - 1;
        let (unit, grown) = (body.table[last - 1], body.table[last]);
        debug_assert!(body.shape.topology == Topology::Shortcut && unit.units() == 1);
        let (sources, units) = (unit.inputs(), grown.units());
        let outputs = Dense {
            inputs: unit.inputs,
            at: unit.at,
            weights: grown.weights - units,
            units_before: unit.units_before,
            ..grown
        };
        let parameters = body.parameters.own()?;
        for row in 0..units {
            let (from, to) = (grown.at + row * (sources + 1), outputs.at + row * sources);
            parameters.copy_within(from..from + sources, to);
        }
        let biases = grown.at + grown.weights;
        parameters.copy_within(biases..biases + units, outputs.at + outputs.weights);
        if !body.codes.is_empty() {
            let (at, end) = (grown.units_before, grown.units_before + units);
            body.codes.own()?.copy_within(at..end, at - 1);
            body.steeps.own()?.copy_within(at..end, at - 1);
        }
        body.table[last - 1] = outputs;
        let shape = &mut body.shape;
        shape.layers -= 1;
        shape.units -= 1;
        shape.parameters -= sources + 1 + units;
        body.spare += 1;
        Ok(())
    }
}
