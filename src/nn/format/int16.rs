//! Int16 models: int16 values, and int8 or int16 weights.
//!
//! The header's last 8 bytes are the scale of the input, f32, then u8 the bytes
//! of a weight, 1 or 2, u8 the topology ([`Topology`]), u8 the rounding of sums
//! ([`Rounding`]) and a zero byte. All zero points are 0. A record is 16 bytes:
//!
//! | at | type | |
//! |---|---|---|
//! | 0 | u32 | units |
//! | 4 | u8 | activation |
//! | 5 | 3 bytes | 0 |
//! | 8 | f32 | scale of the sums |
//! | 12 | f32 | scale of the outputs |
//!
//! After the records come, layer by layer, each padded with zeros to a
//! multiple of 4 bytes:
//!
//! - weights, i8 or i16, one row for each unit; never -128 or -32768; with shortcuts
//!   of all inputs and all units before, in which the scales of their sources are
//!   already;
//! - biases, i64, for each unit, within 47 bits and a sign;
//! - multipliers, i32, for each unit (see `quant/requant.rs`);
//! - shifts, i8, for each unit, at most 14;
//! - softmax: 256 numbers `2^32 exp(-scale * 256 * d)`, then 256 of
//!   `2^32 exp(-scale * d)`, u32; linear, ReLU and the threshold functions:
//!   nothing; otherwise the outputs for the sums -32768, -32640, ..., 32768, i16.

use super::{ALIGN, HEADER, Header, Kind, V1, image_len, records, u32_at};
use crate::error::{Error, Result};
use crate::nn::kernel::Dims;
use crate::nn::kernel::int::Wide;
use crate::nn::quant::requant::{MAX_WIDE_SHIFT, MIN_SHIFT};
use crate::nn::shape::MAX_WIDTH;
use crate::nn::{Activation, Rounding, Scheme, Topology};

const RECORD: usize = 16;
/// Points of an activation's table, and one of padding.
pub(crate) const POINTS: usize = 514;
/// Numbers of a softmax's two tables.
pub(crate) const EXPONENTIALS: usize = 512;
/// The largest bias: with all products of 65,535 inputs the sum stays in the 48
/// bits that requantisation takes.
pub(crate) const MAX_BIAS: i64 = 1 << 46;

/// One layer of a model: its record, and where its sections are. Scales are
/// kept as bits, so that a device without a float unit can hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub inputs: u32,
    pub units: u32,
    pub activation: Activation,
    /// Bytes of a weight.
    pub width: u8,
    /// Scale of the sums.
    pub sums: u32,
    /// Scale of the outputs.
    pub outputs: u32,
    /// Where its sections begin in the model: weights first.
    pub at: u32,
}

impl Layer {
    pub const EMPTY: Layer = Layer {
        inputs: 0,
        units: 0,
        activation: Activation::Linear,
        width: 1,
        sums: 0,
        outputs: 0,
        at: 0,
    };

    /// Its shape, for the kernels.
    pub fn dims(&self) -> Dims {
        Dims { inputs: self.inputs as usize, units: self.units as usize }
    }

    fn read(record: &[u8]) -> Result<Layer> {
        let activation = Activation::from_code(u32::from(record[4])).ok_or(Error::ModelInvalid)?;
        let (sums, outputs) = (u32_at(record, 8), u32_at(record, 12));
        let layer = Layer { units: u32_at(record, 0), activation, sums, outputs, ..Layer::EMPTY };
        let good = (1..=MAX_WIDTH as u32).contains(&layer.units)
            && is_scale(sums)
            && is_scale(outputs)
            && record[5..8] == [0; 3];
        if good { Ok(layer) } else { Err(Error::ModelInvalid) }
    }

    fn write(&self, record: &mut [u8]) {
        record.fill(0);
        record[..4].copy_from_slice(&self.units.to_le_bytes());
        record[4] = self.activation as u8;
        record[8..12].copy_from_slice(&self.sums.to_le_bytes());
        record[12..16].copy_from_slice(&self.outputs.to_le_bytes());
    }

    /// Bytes of its sections, padding included: weights, biases, multipliers,
    /// shifts, table. `None` when they cannot be.
    fn sizes(&self) -> Option<[usize; 5]> {
        let units = self.units as usize;
        let table = match self.activation {
            Activation::Linear | Activation::Relu => 0,
            Activation::Threshold | Activation::ThresholdSymmetric => 0,
            Activation::Softmax => 4 * EXPONENTIALS,
            _ => 2 * POINTS,
        };
        let weights = units.checked_mul(self.inputs as usize)?.checked_mul(self.width.into())?;
        let padded = |n: usize| n.checked_next_multiple_of(ALIGN);
        Some([padded(weights)?, units * 8, units * 4, padded(units)?, table])
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
        Sections { layer: *self, weights, biases, factors, shifts, table }
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

/// Whether these are the bits of a normal number above zero.
fn is_scale(bits: u32) -> bool {
    (0x0080_0000..0x7f80_0000).contains(&bits)
}

/// The numbers of a layer. All but weights of one byte are empty if the model is
/// not aligned.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'b> {
    layer: Layer,
    weights: &'b [u8],
    biases: &'b [u8],
    factors: &'b [u8],
    shifts: &'b [u8],
    table: &'b [u8],
}

impl<'b> Sections<'b> {
    /// Rows of weights, of the layer's width.
    pub fn weights<W: bytemuck::AnyBitPattern>(&self) -> &'b [W] {
        let len = self.layer.inputs as usize * self.layer.units as usize * size_of::<W>();
        let weights = self.weights.get(..len).unwrap_or_default();
        bytemuck::try_cast_slice(weights).unwrap_or_default()
    }

    pub fn biases(&self) -> &'b [Wide] {
        bytemuck::try_cast_slice(self.biases).unwrap_or_default()
    }

    /// The factors of the units' multipliers.
    pub fn factors(&self) -> &'b [i32] {
        bytemuck::try_cast_slice(self.factors).unwrap_or_default()
    }

    /// The shifts of the units' multipliers.
    pub fn shifts(&self) -> &'b [i8] {
        let shifts = self.shifts.get(..self.layer.units as usize).unwrap_or_default();
        bytemuck::try_cast_slice(shifts).unwrap_or_default()
    }

    /// The points of the activation.
    pub fn points(&self) -> Option<&'b [i16; POINTS]> {
        bytemuck::try_cast_slice(self.table).unwrap_or_default().first_chunk()
    }

    /// The exponentials of a softmax.
    pub fn exponentials(&self) -> Option<&'b [u32; EXPONENTIALS]> {
        bytemuck::try_cast_slice(self.table).unwrap_or_default().first_chunk()
    }

    /// Checks what a kernel relies on; needs no alignment.
    fn check(&self) -> Result<()> {
        let layer = &self.layer;
        let len = layer.inputs as usize * layer.units as usize * usize::from(layer.width);
        let (weights, padding) = self.weights.split_at_checked(len).ok_or(Error::ModelLength)?;
        let units = layer.units as usize;
        let (shifts, after) = self.shifts.split_at_checked(units).ok_or(Error::ModelLength)?;
        let weights_fit = match layer.width {
            1 => weights.iter().all(|w| *w != 0x80),
            _ => weights.as_chunks().0.iter().all(|w| i16::from_le_bytes(*w) != i16::MIN),
        };
        let biases_fit = self.biases.as_chunks().0.iter().all(|bias| {
            let bias = i64::from_le_bytes(*bias);
            (-MAX_BIAS..=MAX_BIAS).contains(&bias)
        });
        // Zero, or a normal mantissa: its top bit set, not its sign.
        let factors_fit = self.factors.as_chunks().0.iter().all(|factor| {
            let factor = i32::from_le_bytes(*factor);
            factor == 0 || factor >= 1 << 30
        });
        let shifts_fit =
            shifts.iter().all(|shift| (MIN_SHIFT..=MAX_WIDE_SHIFT).contains(&(*shift as i8)));
        let table_fits = match layer.activation {
            // The sum of the exponentials must not be zero: that of distance 0.
            Activation::Softmax => {
                [0, 4 * EXPONENTIALS / 2].iter().all(|at| u32_at(self.table, *at) >= 1 << 31)
            }
            _ => self.table.is_empty() || self.table[2 * POINTS - 2..] == [0, 0],
        };
        let good = padding.iter().chain(after).all(|byte| *byte == 0)
            && weights_fit
            && biases_fit
            && factors_fit
            && shifts_fit
            && table_fits;
        if good { Ok(()) } else { Err(Error::ModelInvalid) }
    }
}

/// A checked int16 model.
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
    /// Scale of the input, as bits.
    pub input: u32,
    pub scheme: Scheme,
    pub topology: Topology,
    pub rounding: Rounding,
    /// Inputs or units of the widest layer; with shortcuts all of both.
    pub widest: u32,
}

impl<'b> Model<'b> {
    /// Checks a whole model.
    pub fn read(bytes: &'b [u8]) -> Result<Model<'b>> {
        let header = Header::read(bytes, Kind::Int16)?;
        let input = u32_at(&header.extra, 0);
        let [width, topology, rounding, 0] = header.extra[4..] else {
            return Err(Error::ModelInvalid);
        };
        let rounding = Rounding::from_code(rounding.into()).ok_or(Error::ModelInvalid)?;
        let scheme = match width {
            1 => Scheme::Int16x8,
            2 => Scheme::Int16,
            _ => return Err(Error::ModelInvalid),
        };
        let topology = Topology::from_code(topology.into()).ok_or(Error::ModelInvalid)?;
        if header.version != V1
            || !is_scale(input)
            || !(1..=MAX_WIDTH as u32).contains(&header.inputs)
        {
            return Err(Error::ModelInvalid);
        }
        let (inputs, layers) = (header.inputs, header.layers);
        let summary = Summary { inputs, layers, input, scheme, topology, rounding, widest: inputs };
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
            layer.sections(bytes).check()
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
        let width = self.summary.scheme.weight_bytes();
        let mut at = Some(HEADER + records.len());
        for (i, record) in records.chunks_exact(RECORD).enumerate() {
            let at_now = at.ok_or(Error::ModelLength)? as u32;
            let layer = Layer { inputs, width, at: at_now, ..Layer::read(record)? };
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
    extra[..4].copy_from_slice(&summary.input.to_le_bytes());
    extra[4] = summary.scheme.weight_bytes();
    extra[5] = summary.topology as u8;
    extra[6] = summary.rounding as u8;
    let Summary { inputs, layers, .. } = *summary;
    Header { version: V1, kind: Kind::Int16, inputs, layers, extra }.seal(image);
}

const _: () = assert!(RECORD.is_multiple_of(ALIGN));
