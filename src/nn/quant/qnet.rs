//! Running an int8 network.

use core::alloc::Layout;

use super::Quantization;
use super::build::{self, QNetConfig};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::format::int8::{Layer, Model, Sections, Stored, Summary};
use crate::nn::kernel::{self, Dims, Int8Kernels, Kernel};
use crate::nn::{Activation, MODEL_ALIGN, Net};
use crate::port::Allocator;

/// An int8 network. [`forward_i8`](QNet::forward_i8) needs integer arithmetic
/// alone, and gives the same bits on every machine and every kernel.
///
/// It is a model plus the memory for the values between two layers. The model
/// is its own, or somebody else's bytes read in place.
pub struct QNet<'m> {
    summary: Summary,
    image: Image<'m>,
    layers: Carved<'m, Layer>,
    /// Sums of one layer.
    sums: Carved<'m, i32>,
    /// Values between layers.
    values: [Carved<'m, i8>; 2],
    kernel: Kernel,
    kernels: &'static Int8Kernels,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

pub(super) enum Image<'m> {
    /// Whole words, so that it is aligned; a model's length is a multiple of 4.
    Own(Carved<'m, u32>),
    InPlace(&'m [u8]),
}

impl Image<'_> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Image::Own(words) => bytemuck::must_cast_slice(words),
            Image::InPlace(bytes) => bytes,
        }
    }
}

/// What is carved out of a qnet's piece, for running it.
pub(super) struct Parts<'m> {
    pub layers: Carved<'m, Layer>,
    pub sums: Carved<'m, i32>,
    pub values: [Carved<'m, i8>; 2],
}

impl<'m> Parts<'m> {
    fn of(summary: &Summary, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
        Parts::carve(summary.layers as usize, summary.widest as usize, carver)
    }

    pub fn carve(layers: usize, widest: usize, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
        Ok(Parts {
            layers: carver.take(layers, Layer::EMPTY)?,
            sums: carver.take(widest, 0)?,
            values: [carver.take(widest, 0)?, carver.take(widest, 0)?],
        })
    }
}

impl<'m> QNet<'m> {
    /// The memory that the quantised copy of this network takes.
    pub fn footprint(net: &Net<'_>) -> Result<Layout> {
        build::footprint(net)
    }

    /// Quantises a trained float32 network.
    ///
    /// Runs it on the samples to see the range of every layer's values, so
    /// they should look like what the network will meet; a few hundred are
    /// enough. Errors: [`Error::Length`] for no samples or no whole rows,
    /// [`Error::NnNotFinite`] for NaN or infinity in samples or layers.
    pub fn new(config: &mut QNetConfig<'_, '_>, memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        let piece = memory.allocate(QNet::footprint(config.net)?)?;
        QNet::in_piece(config, piece)
    }

    pub(crate) fn in_piece(config: &mut QNetConfig<'_, '_>, piece: Piece<'m>) -> Result<QNet<'m>> {
        build::in_piece(config, piece)
    }

    /// The memory that a copy of this model takes.
    pub fn load_footprint(model: &[u8]) -> Result<Layout> {
        Ok(QNet::check_load(model)?.0)
    }

    /// A network from an int8 model, which is copied.
    pub fn load(model: &[u8], memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        let (layout, model) = QNet::check_load(model)?;
        QNet::load_in_piece(&model, memory.allocate(layout)?)
    }

    /// The memory that a network over this model takes: without the model.
    pub fn view_footprint(model: &[u8]) -> Result<Layout> {
        Ok(QNet::check_view(model)?.0)
    }

    /// A network that reads its model where it is, from flash for example. The
    /// model must be aligned to [`MODEL_ALIGN`].
    pub fn view(model: &'m [u8], memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        let (layout, model) = QNet::check_view(model)?;
        QNet::view_in_piece(&model, memory.allocate(layout)?)
    }

    pub(crate) fn check_load(model: &[u8]) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        Ok((model_footprint(&model, true)?, model))
    }

    pub(crate) fn check_view(model: &[u8]) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        if !(model.bytes.as_ptr() as usize).is_multiple_of(MODEL_ALIGN) {
            return Err(Error::Alignment);
        }
        Ok((model_footprint(&model, false)?, model))
    }

    pub(crate) fn load_in_piece(model: &Model<'_>, mut piece: Piece<'m>) -> Result<QNet<'m>> {
        let mut carver = piece.carver(model_footprint(model, true)?)?;
        let mut words = carver.take(model.bytes.len() / MODEL_ALIGN, 0u32)?;
        for (word, bytes) in words.iter_mut().zip(model.bytes.as_chunks().0) {
            *word = u32::from_ne_bytes(*bytes);
        }
        let parts = Parts::of(&model.summary, &mut carver)?;
        QNet::from_parts(model, Image::Own(words), parts, piece)
    }

    pub(crate) fn view_in_piece(model: &Model<'m>, mut piece: Piece<'m>) -> Result<QNet<'m>> {
        let mut carver = piece.carver(model_footprint(model, false)?)?;
        let parts = Parts::of(&model.summary, &mut carver)?;
        QNet::from_parts(model, Image::InPlace(model.bytes), parts, piece)
    }

    /// A network over an image that holds this model.
    fn from_parts(
        model: &Model<'_>,
        image: Image<'m>,
        mut parts: Parts<'m>,
        piece: Piece<'m>,
    ) -> Result<QNet<'m>> {
        model.walk(|i, layer| {
            parts.layers[i] = layer;
            Ok(())
        })?;
        Ok(QNet::assemble(model.summary, image, parts, piece))
    }

    /// A network of its parts, layers filled in.
    pub(super) fn assemble(
        summary: Summary,
        image: Image<'m>,
        parts: Parts<'m>,
        piece: Piece<'m>,
    ) -> QNet<'m> {
        QNet {
            summary,
            image,
            layers: parts.layers,
            sums: parts.sums,
            values: parts.values,
            kernel: Kernel::best(),
            kernels: kernel::best_int8(),
            _piece: piece,
        }
    }

    /// Values in a sample.
    pub fn inputs(&self) -> usize {
        self.summary.inputs as usize
    }

    /// Values in a result.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.units as usize)
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// How the input's int8 values stand for real ones.
    pub fn input_quantization(&self) -> Quantization {
        self.summary.input.into()
    }

    /// How the output's int8 values stand for real ones.
    pub fn output_quantization(&self) -> Quantization {
        self.layers.last().map_or(self.summary.input, |layer| layer.outputs).into()
    }

    /// The kernels it runs on.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Makes it run on other kernels. The result stays the same.
    /// [`Error::Unsupported`] if this machine does not have them.
    pub fn set_kernel(&mut self, kernel: Kernel) -> Result<()> {
        self.kernels = kernel.int8()?;
        self.kernel = kernel;
        Ok(())
    }

    /// The model, ready to be stored.
    pub fn model(&self) -> &[u8] {
        self.image.bytes()
    }

    /// Runs one sample on quantised values, with integers alone.
    /// `input` holds `inputs` values, `output` takes `outputs`.
    pub fn forward_i8(&mut self, input: &[i8], output: &mut [i8]) -> Result<()> {
        if input.len() != self.inputs() || output.len() != self.outputs() {
            return Err(Error::Length);
        }
        self.values[0][..input.len()].copy_from_slice(input);
        output.copy_from_slice(self.run());
        Ok(())
    }

    /// Runs one sample on real values: quantises, runs, dequantises.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        if input.len() != self.inputs() || output.len() != self.outputs() {
            return Err(Error::Length);
        }
        let from = self.input_quantization();
        let to = self.output_quantization();
        for (q, x) in self.values[0].iter_mut().zip(input) {
            *q = from.quantize(*x);
        }
        for (y, q) in output.iter_mut().zip(self.run()) {
            *y = to.dequantize(*q);
        }
        Ok(())
    }

    /// Runs the input that lies in the first of the values.
    fn run(&mut self) -> &[i8] {
        let image = self.image.bytes();
        let [a, b] = &mut self.values;
        let (mut from, mut to) = (&mut a[..], &mut b[..]);
        for layer in self.layers.iter() {
            let sections = layer.sections(image);
            let dims = Dims { inputs: layer.inputs as usize, units: layer.units as usize };
            let sums = &mut self.sums[..dims.units];
            let x = &from[..dims.inputs];
            (self.kernels.dense)(dims, x, sections.weights(layer), sections.biases(), sums);
            requantize(layer, &sections, sums, &mut to[..dims.units]);
            core::mem::swap(&mut from, &mut to);
        }
        &from[..self.layers.last().map_or(0, |layer| layer.units as usize)]
    }
}

/// Sums to int8 values, through the activation.
fn requantize(layer: &Layer, sections: &Sections<'_>, sums: &[i32], y: &mut [i8]) {
    let (low, high) = (i64::from(layer.clamp.0), i64::from(layer.clamp.1));
    let zero = i64::from(layer.sums.zero_point);
    for ((y, sum), multiplier) in y.iter_mut().zip(sums).zip(sections.multipliers()) {
        // `Ord::clamp` would carry a panic for low > high.
        *y = (zero + multiplier.apply(*sum)).min(high).max(low) as i8;
    }
    match layer.activation {
        Activation::Linear | Activation::Relu => {}
        Activation::Softmax => softmax(sections, y),
        _ => {
            for y in y {
                // The table has an entry for each of the 256 values.
                let index = (i16::from(*y) + 128) as usize;
                *y = sections.table.get(index).map_or(0, |value| *value as i8);
            }
        }
    }
}

/// `256 * e_i / sum(e)` rounded half up, with zero point -128.
fn softmax(sections: &Sections<'_>, y: &mut [i8]) {
    let max = y.iter().copied().max().unwrap_or(0);
    let exponential = |q: i8| {
        let distance = (i16::from(max) - i16::from(q)) as usize;
        u32::from(sections.exponentials().nth(distance).unwrap_or(0))
    };
    // At most 65,535 units of at most 65,535 each: fits 32 bits. Not zero: the
    // largest has distance 0, whose exponential was checked.
    let sum = y.iter().fold(0u32, |sum, q| sum.wrapping_add(exponential(*q))).max(1);
    for q in y {
        // Below 2^24 plus 2^31: fits, too.
        let share = (exponential(*q) * 256 + sum / 2) / sum;
        *q = (share.min(255) as i16 - 128) as i8;
    }
}

impl From<Stored> for Quantization {
    fn from(stored: Stored) -> Quantization {
        Quantization { scale: f32::from_bits(stored.scale), zero_point: stored.zero_point }
    }
}

impl From<Quantization> for Stored {
    fn from(real: Quantization) -> Stored {
        Stored { scale: real.scale.to_bits(), zero_point: real.zero_point }
    }
}

/// The memory for running a model, with or without a copy of it.
pub(crate) fn model_footprint(model: &Model<'_>, copy: bool) -> Result<Layout> {
    let mut carver = Carver::measure();
    if copy {
        carver.take(model.bytes.len() / MODEL_ALIGN, 0u32)?;
    }
    Parts::of(&model.summary, &mut carver)?;
    carver.layout()
}
