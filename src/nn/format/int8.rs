//! Int8 models.
//!
//! The header's last 8 bytes are the input's quantisation: f32 scale, i8 zero
//! point; then u8 the rounding of sums ([`Rounding`]), u8 the topology
//! ([`Topology`]) and a zero byte. Version 1 is single rounding of layered
//! networks, version 2 the rest. A record is 20 bytes:
//!
//! | at | type | |
//! |---|---|---|
//! | 0 | u32 | units |
//! | 4 | u8 | activation |
//! | 5 | i8 | zero point of the sums |
//! | 6 | i8 | zero point of the outputs |
//! | 7 | u8 | 0 |
//! | 8 | i8, i8 | smallest and largest value of the quantised sums |
//! | 10 | u16 | 0 |
//! | 12 | f32 | scale of the sums |
//! | 16 | f32 | scale of the outputs |
//!
//! After the records come, layer by layer, each padded with zeros to a
//! multiple of 4 bytes:
//!
//! - weights, i8, one row for each unit; with shortcuts of all inputs and all units
//!   before, in which the scales of their sources are already;
//! - biases, i32, for each unit; `-zero point * weight` of each input is already in
//!   them, so that a sum is `bias + sum(w * x)`;
//! - multipliers, i32, for each unit (see `quant/requant.rs`);
//! - shifts, i8, for each unit;
//! - sigmoid and tanh: the output for each of the 256 sums from -128, i8;
//!   softmax: `65535 * exp(-scale * d)` for each distance `d` from the largest
//!   sum, 0 to 255, u16; otherwise nothing.

use super::{ALIGN, HEADER, Header, Kind, V1, V2, image_len, records, u32_at};
use crate::error::{Error, Result};
use crate::nn::kernel::Dims;
use crate::nn::quant::requant::{MAX_SHIFT, MIN_SHIFT, Multiplier};
use crate::nn::shape::MAX_WIDTH;
use crate::nn::{Activation, Rounding, Topology};

const RECORD: usize = 20;

/// A scale and a zero point as they are stored. The scale stays in an integer
/// so that a device without a float unit can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub scale: u32,
    pub zero_point: i8,
}

impl Stored {
    /// Whether the scale is a normal number above zero, by its bits.
    fn is_valid(self) -> bool {
        (0x0080_0000..0x7f80_0000).contains(&self.scale)
    }
}

/// One layer of a model: its record, and where its sections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub inputs: u32,
    pub units: u32,
    pub activation: Activation,
    /// Quantisation of the sums.
    pub sums: Stored,
    /// Quantisation of the outputs.
    pub outputs: Stored,
    /// Smallest and largest quantised sum.
    pub clamp: (i8, i8),
    /// Where its sections begin in the model: weights first.
    pub at: u32,
}

impl Layer {
    pub const EMPTY: Layer = Layer {
        inputs: 0,
        units: 0,
        activation: Activation::Linear,
        sums: Stored { scale: 0, zero_point: 0 },
        outputs: Stored { scale: 0, zero_point: 0 },
        clamp: (0, 0),
        at: 0,
    };

    /// Its shape, for the kernels.
    pub fn dims(&self) -> Dims {
        Dims { inputs: self.inputs as usize, units: self.units as usize }
    }

    fn read(record: &[u8]) -> Result<Layer> {
        let activation = Activation::from_code(u32::from(record[4])).ok_or(Error::ModelInvalid)?;
        let layer = Layer {
            inputs: 0,
            units: u32_at(record, 0),
            activation,
            sums: Stored { scale: u32_at(record, 12), zero_point: record[5] as i8 },
            outputs: Stored { scale: u32_at(record, 16), zero_point: record[6] as i8 },
            clamp: (record[8] as i8, record[9] as i8),
            at: 0,
        };
        let good = (1..=MAX_WIDTH as u32).contains(&layer.units)
            && layer.sums.is_valid()
            && layer.outputs.is_valid()
            && layer.clamp.0 <= layer.clamp.1
            && [record[7], record[10], record[11]] == [0; 3];
        if good { Ok(layer) } else { Err(Error::ModelInvalid) }
    }

    fn write(&self, record: &mut [u8]) {
        record.fill(0);
        record[..4].copy_from_slice(&self.units.to_le_bytes());
        record[4] = self.activation as u8;
        record[5] = self.sums.zero_point as u8;
        record[6] = self.outputs.zero_point as u8;
        record[8] = self.clamp.0 as u8;
        record[9] = self.clamp.1 as u8;
        record[12..16].copy_from_slice(&self.sums.scale.to_le_bytes());
        record[16..20].copy_from_slice(&self.outputs.scale.to_le_bytes());
    }

    /// Bytes of its sections, padding included: weights, biases, multipliers,
    /// shifts, table. `None` when they cannot be.
    fn sizes(&self) -> Option<[usize; 5]> {
        let units = self.units as usize;
        let table = match self.activation {
            Activation::Linear | Activation::Relu => 0,
            Activation::Softmax => 512,
            _ => 256,
        };
        let weights = units.checked_mul(self.inputs as usize)?;
        let padded = |n: usize| n.checked_next_multiple_of(ALIGN);
        Some([padded(weights)?, units * 4, units * 4, padded(units)?, table])
    }

    /// Where its sections end.
    fn end(&self) -> Option<usize> {
        self.sizes()?.into_iter().try_fold(self.at as usize, usize::checked_add)
    }

    /// Its sections, padding included. The layer must be one of this model.
    pub fn sections<'b>(&self, model: &'b [u8]) -> Sections<'b> {
        let mut rest = model.get(self.at as usize..).unwrap_or_default();
        let sizes = self.sizes().unwrap_or_default();
        let [weights, biases, factors, shifts, table] = sizes.map(|size| {
            let (section, after) = rest.split_at_checked(size).unwrap_or_default();
            rest = after;
            section
        });
        Sections { weights, biases, factors, shifts, table }
    }

    /// Its sections, to write: weights, biases, multipliers, shifts, table.
    pub fn sections_mut<'b>(&self, model: &'b mut [u8]) -> [&'b mut [u8]; 5] {
        let mut rest = &mut model[self.at as usize..];
        self.sizes().unwrap_or_default().map(|size| {
            let (section, after) = core::mem::take(&mut rest).split_at_mut(size);
            rest = after;
            section
        })
    }
}

/// The numbers of a layer.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'b> {
    weights: &'b [u8],
    biases: &'b [u8],
    factors: &'b [u8],
    shifts: &'b [u8],
    pub table: &'b [u8],
}

impl<'b> Sections<'b> {
    /// Rows of weights.
    pub fn weights(&self, layer: &Layer) -> &'b [i8] {
        let len = layer.inputs as usize * layer.units as usize;
        let weights = self.weights.get(..len).unwrap_or_default();
        bytemuck::try_cast_slice(weights).unwrap_or_default()
    }

    /// Biases; empty if the model is not aligned.
    pub fn biases(&self) -> &'b [i32] {
        bytemuck::try_cast_slice(self.biases).unwrap_or_default()
    }

    /// The factors of the units' multipliers; empty if the model is not aligned.
    pub fn factors(&self) -> &'b [i32] {
        bytemuck::try_cast_slice(self.factors).unwrap_or_default()
    }

    /// The shifts of the units' multipliers.
    pub fn shifts(&self, layer: &Layer) -> &'b [i8] {
        let shifts = self.shifts.get(..layer.units as usize).unwrap_or_default();
        bytemuck::try_cast_slice(shifts).unwrap_or_default()
    }

    /// The multiplier of each unit.
    fn multipliers(&self) -> impl Iterator<Item = Multiplier> + use<'b> {
        let factors = self.factors.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes));
        factors.zip(self.shifts).map(|(factor, shift)| Multiplier { factor, shift: *shift as i8 })
    }

    /// The exponentials of a softmax layer.
    fn exponentials(&self) -> impl Iterator<Item = u16> + use<'b> {
        self.table.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// The exponential of a softmax layer for a distance from the largest sum.
    pub fn exponential(&self, distance: u8) -> u16 {
        let entry = self.table.as_chunks().0.get(usize::from(distance));
        entry.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn check(&self, layer: &Layer) -> Result<()> {
        let len = layer.inputs as usize * layer.units as usize;
        let padding = self.weights[len..].iter().chain(&self.shifts[layer.units as usize..]);
        let good = padding.copied().all(|byte| byte == 0)
            && self.weights[..len].iter().all(|w| *w != 0x80)
            && self.multipliers().all(|m| {
                // Zero, or a normal mantissa: its top bit set, not its sign.
                let normal = m.factor == 0 || m.factor >= 1 << 30;
                normal && (MIN_SHIFT..=MAX_SHIFT).contains(&m.shift)
            })
            // The sum of a softmax's exponentials must not be zero.
            && (layer.activation != Activation::Softmax
                || self.exponentials().next().is_some_and(|first| first > 0));
        if good { Ok(()) } else { Err(Error::ModelInvalid) }
    }
}

/// A checked int8 model.
#[derive(Clone, Copy)]
pub(crate) struct Model<'b> {
    pub bytes: &'b [u8],
    pub summary: Summary,
}

/// What a whole model says, apart from its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub inputs: u32,
    pub layers: u32,
    pub input: Stored,
    pub rounding: Rounding,
    pub topology: Topology,
    /// Inputs or units of the widest layer; with shortcuts all of both.
    pub widest: u32,
}

impl<'b> Model<'b> {
    /// Checks a whole model.
    pub fn read(bytes: &'b [u8]) -> Result<Model<'b>> {
        let header = Header::read(bytes, Kind::Int8)?;
        let input = Stored { scale: u32_at(&header.extra, 0), zero_point: header.extra[4] as i8 };
        let [rounding, topology, 0] = header.extra[5..] else { return Err(Error::ModelInvalid) };
        let rounding = Rounding::from_code(rounding.into()).ok_or(Error::ModelInvalid)?;
        let topology = Topology::from_code(topology.into()).ok_or(Error::ModelInvalid)?;
        if header.version != version(rounding, topology)
            || !input.is_valid()
            || !(1..=MAX_WIDTH as u32).contains(&header.inputs)
        {
            return Err(Error::ModelInvalid);
        }
        let (inputs, layers) = (header.inputs, header.layers);
        let summary = Summary { inputs, layers, input, rounding, topology, widest: inputs };
        let mut model = Model { bytes, summary };
        let (mut end, mut widest) = (HEADER + records(bytes, layers, RECORD)?.len(), inputs);
        model.walk(|i, layer| {
            if layer.activation == Activation::Softmax && i + 1 != layers as usize {
                return Err(Error::ModelInvalid);
            }
            end = layer.end().filter(|end| *end <= bytes.len()).ok_or(Error::ModelLength)?;
            widest = match topology {
                Topology::Layered => widest.max(layer.units),
                // Both are at most 65,535.
                Topology::Shortcut => layer.inputs + layer.units,
            };
            layer.sections(bytes).check(&layer)
        })?;
        if end != bytes.len() {
            return Err(Error::ModelLength);
        }
        model.summary.widest = widest;
        Ok(model)
    }

    /// Shows every layer to `each`, until that refuses one.
    pub fn walk(&self, mut each: impl FnMut(usize, Layer) -> Result<()>) -> Result<()> {
        let records = records(self.bytes, self.summary.layers, RECORD)?;
        let mut inputs = self.summary.inputs;
        let mut at = Some(HEADER + records.len());
        for (i, record) in records.chunks_exact(RECORD).enumerate() {
            let at_now = at.ok_or(Error::ModelLength)? as u32;
            let layer = Layer { inputs, at: at_now, ..Layer::read(record)? };
            if inputs > MAX_WIDTH as u32 {
                return Err(Error::ModelInvalid);
            }
            each(i, layer)?;
            at = layer.end();
            inputs = match self.summary.topology {
                Topology::Layered => layer.units,
                Topology::Shortcut => inputs + layer.units,
            };
        }
        Ok(())
    }
}

/// Whoever knows version 1 alone must not run what it cannot.
fn version(rounding: Rounding, topology: Topology) -> u16 {
    match (rounding, topology) {
        (Rounding::Single, Topology::Layered) => V1,
        _ => V2,
    }
}

/// Says where each layer's sections go; returns the length of the model.
pub(crate) fn plan(
    layers: impl ExactSizeIterator<Item = Layer>,
    mut each: impl FnMut(usize, Layer),
) -> Result<usize> {
    let mut end = Some(HEADER + layers.len() * RECORD);
    for (i, layer) in layers.enumerate() {
        let layer = Layer { at: image_len(end)? as u32, ..layer };
        end = layer.end();
        each(i, layer);
    }
    image_len(end)
}

/// Writes records and header over an image whose sections are written.
pub(crate) fn seal(image: &mut [u8], summary: &Summary, layers: &[Layer]) {
    let records = image[HEADER..].chunks_exact_mut(RECORD);
    for (record, layer) in records.zip(layers) {
        layer.write(record);
    }
    let mut extra = [0; 8];
    extra[..4].copy_from_slice(&summary.input.scale.to_le_bytes());
    extra[4] = summary.input.zero_point as u8;
    extra[5] = summary.rounding as u8;
    extra[6] = summary.topology as u8;
    let Summary { inputs, layers, rounding, topology, .. } = *summary;
    let version = version(rounding, topology);
    Header { version, kind: Kind::Int8, inputs, layers, extra }.seal(image);
}

const _: () = assert!(RECORD.is_multiple_of(ALIGN));
