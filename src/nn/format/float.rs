//! Float32 models.
//!
//! A record is 8 bytes: u32 units, u8 activation, 3 zero bytes. After the
//! records come, layer by layer, the weights (f32, one row for each unit) and
//! the biases (f32).

use super::{ALIGN, HEADER, Header, Kind, image_len, in_file, records, u32_at};
use crate::error::{Error, Result};
use crate::nn::Activation;
use crate::nn::shape::{Dense, Shape};

const RECORD: usize = 8;

/// A checked float32 model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model<'b> {
    pub shape: Shape,
    records: &'b [u8],
    parameters: &'b [u8],
}

impl<'b> Model<'b> {
    pub fn read(bytes: &'b [u8]) -> Result<Model<'b>> {
        let header = Header::read(bytes, Kind::Float)?;
        if header.extra != [0; 8] {
            return Err(Error::ModelInvalid);
        }
        let records = records(bytes, header.layers, RECORD)?;
        for record in records.chunks_exact(RECORD) {
            if Activation::from_code(u32::from(record[4])).is_none() || record[5..] != [0; 3] {
                return Err(Error::ModelInvalid);
            }
        }
        let shape = Shape::check(header.inputs as usize, layers(records), None, |_, _| {})
            .map_err(in_file)?;
        let parameters = &bytes[HEADER + records.len()..];
        // No overflow: the shape check keeps eight times the number possible.
        if parameters.len() != shape.parameters * size_of::<f32>() {
            return Err(Error::ModelLength);
        }
        let model = Model { shape, records, parameters };
        if !model.parameters().all(f32::is_finite) {
            return Err(Error::ModelInvalid);
        }
        Ok(model)
    }

    /// Units and activation of every layer.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (usize, Activation)> + use<'b> {
        layers(self.records)
    }

    /// All weights and biases.
    pub fn parameters(&self) -> impl Iterator<Item = f32> + use<'b> {
        self.parameters.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// All weights and biases, where they are.
    pub fn in_place(&self) -> Result<&'b [f32]> {
        bytemuck::try_cast_slice(self.parameters).map_err(|_| Error::Alignment)
    }
}

fn layers(records: &[u8]) -> impl ExactSizeIterator<Item = (usize, Activation)> + '_ {
    records.chunks_exact(RECORD).map(|record| {
        let activation = Activation::from_code(u32::from(record[4])).unwrap_or_default();
        (u32_at(record, 0) as usize, activation)
    })
}

/// Bytes that the model of this shape takes.
pub(crate) fn len(shape: &Shape) -> Result<usize> {
    image_len((shape.parameters * size_of::<f32>()).checked_add(HEADER + shape.layers * RECORD))
}

/// Writes a model over an image of its [`len`].
pub(crate) fn write(image: &mut [u8], shape: &Shape, layers: &[Dense], parameters: &[f32]) {
    let (records, numbers) = image[HEADER..].split_at_mut(layers.len() * RECORD);
    for (record, layer) in records.chunks_exact_mut(RECORD).zip(layers) {
        record.fill(0);
        record[..4].copy_from_slice(&layer.units.to_le_bytes());
        record[4] = layer.activation as u8;
    }
    for (bytes, value) in numbers.as_chunks_mut().0.iter_mut().zip(parameters) {
        *bytes = value.to_le_bytes();
    }
    let header = Header {
        kind: Kind::Float,
        inputs: shape.inputs as u32,
        layers: shape.layers as u32,
        extra: [0; 8],
    };
    header.seal(image);
}

const _: () = assert!(HEADER.is_multiple_of(ALIGN) && RECORD.is_multiple_of(ALIGN));
