//! INT16 activations with INT8 or INT16 weights, after the 16x8 scheme of the
//! TFLite specification: int16 values with zero point 0, int64 biases and sums.

mod build;
mod function;

use core::alloc::Layout;

pub use self::build::QNet16Config;
pub(super) use self::build::footprint;
use super::{Calibration, Image, Rounding, Scheme};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::format::int16::{Layer, Model, Sections, Summary};
use crate::nn::kernel::{Int16Kernels, Kernel, Requantize};
use crate::nn::{Activation, MODEL_ALIGN, Net, Topology};
use crate::port::Allocator;

/// How int16 values stand for real ones: `real = scale * q`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization16 {
    /// Size of one step, finite and above 0.
    pub scale: f32,
}

impl Quantization16 {
    /// Of values that are all 0: what else may come is taken for up to 1.
    const NOTHING: Quantization16 = Quantization16 { scale: 1.0 / 32_768.0 };

    /// The nearest int16 value, half away from zero; values outside the range
    /// go to its ends, NaN to 0.
    pub fn quantize(&self, real: f32) -> i16 {
        libm::roundf(real / self.scale) as i16
    }

    /// The real value that an int16 value stands for.
    pub fn dequantize(&self, value: i16) -> f32 {
        self.scale * f32::from(value)
    }

    /// The quantisation of a range of real values: both ends are within half a
    /// step.
    pub(super) fn of_range(low: f32, high: f32) -> Quantization16 {
        let scale = high.max(-low) / 32_767.0;
        // Below this a step would not be a normal number.
        let good = scale.is_normal() && scale > 0.0;
        if good { Quantization16 { scale } } else { Quantization16::NOTHING }
    }

    pub(super) fn stored(bits: u32) -> Quantization16 {
        Quantization16 { scale: f32::from_bits(bits) }
    }
}

/// A network of int16 values, its weights int8 ([`Scheme::Int16x8`]) or int16
/// ([`Scheme::Int16`]). [`forward_i16`](QNet16::forward_i16) needs integer
/// arithmetic alone, and gives the same bits on every machine and every kernel.
///
/// It is a model plus the memory for the values between two layers. The model
/// is its own, or somebody else's bytes read in place.
pub struct QNet16<'m> {
    summary: Summary,
    image: Image<'m>,
    layers: Carved<'m, Layer>,
    values: [Carved<'m, i16>; 2],
    kernel: Kernel,
    kernels: &'static Int16Kernels,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What is carved out of a network's piece, for running it.
struct Parts<'m> {
    layers: Carved<'m, Layer>,
    values: [Carved<'m, i16>; 2],
}

impl<'m> Parts<'m> {
    fn carve(
        layers: usize,
        widest: usize,
        topology: Topology,
        carver: &mut Carver<'m>,
    ) -> Result<Parts<'m>> {
        // With shortcuts all values are in the first.
        let second = if topology == Topology::Layered { widest } else { 0 };
        Ok(Parts {
            layers: carver.take(layers, Layer::EMPTY)?,
            values: [carver.take(widest, 0)?, carver.take(second, 0)?],
        })
    }
}

impl<'m> QNet16<'m> {
    /// The memory that the quantised copy of this network takes, calibrated by
    /// [`Calibration::MinMax`]. Errors: those of [`new`](QNet16::new) that do
    /// not come from samples.
    pub fn footprint(net: &Net<'_>, scheme: Scheme) -> Result<Layout> {
        footprint(net, scheme, Calibration::MinMax)
    }

    /// The memory that [`new`](QNet16::new) takes for this configuration, that
    /// of its calibration included.
    pub fn config_footprint(config: &QNet16Config<'_, '_>) -> Result<Layout> {
        QNet16::footprint_for(config.net, config.scheme, config.calibration)
    }

    pub(crate) fn footprint_for(
        net: &Net<'_>,
        scheme: Scheme,
        calibration: Calibration,
    ) -> Result<Layout> {
        footprint(net, scheme, calibration)
    }

    /// Quantises a trained network. The calibration samples, rows of the net's
    /// inputs, should look like what the network will meet; a few hundred are
    /// enough. Errors: [`Error::Length`] for no samples or no whole rows,
    /// [`Error::Invalid`] for [`Scheme::Int8`] or a percentage out of range,
    /// [`Error::Unsupported`] for layers whose units differ in activation or
    /// steepness (sparse layers get weights of 0), [`Error::NnNotFinite`] for NaN or infinity in samples or layers.
    pub fn new(
        config: &mut QNet16Config<'_, '_>,
        memory: impl Allocator<'m>,
    ) -> Result<QNet16<'m>> {
        let piece = memory.allocate(QNet16::config_footprint(config)?)?;
        QNet16::in_piece(config, piece)
    }

    pub(crate) fn in_piece(
        config: &mut QNet16Config<'_, '_>,
        piece: Piece<'m>,
    ) -> Result<QNet16<'m>> {
        build::in_piece(config, piece)
    }

    /// The memory that a copy of this model takes.
    pub fn load_footprint(model: &[u8]) -> Result<Layout> {
        Ok(QNet16::check_load(model)?.0)
    }

    /// A network from an int16 model, which is copied.
    pub fn load(model: &[u8], memory: impl Allocator<'m>) -> Result<QNet16<'m>> {
        let (layout, model) = QNet16::check_load(model)?;
        QNet16::load_in_piece(&model, memory.allocate(layout)?)
    }

    /// The memory that a network over this model takes: without the model.
    pub fn view_footprint(model: &[u8]) -> Result<Layout> {
        Ok(QNet16::check_view(model)?.0)
    }

    /// A network that reads its model where it is, from flash for example. The
    /// model must be aligned to [`MODEL_ALIGN`].
    pub fn view(model: &'m [u8], memory: impl Allocator<'m>) -> Result<QNet16<'m>> {
        let (layout, model) = QNet16::check_view(model)?;
        QNet16::view_in_piece(&model, memory.allocate(layout)?)
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

    pub(crate) fn load_in_piece(model: &Model<'_>, mut piece: Piece<'m>) -> Result<QNet16<'m>> {
        let mut carver = piece.carver(model_footprint(model, true)?)?;
        let image = Image::copy(model.bytes, &mut carver)?;
        let parts = model_parts(model, &mut carver)?;
        QNet16::assemble(model.summary, image, parts, piece)
    }

    pub(crate) fn view_in_piece(model: &Model<'m>, mut piece: Piece<'m>) -> Result<QNet16<'m>> {
        let mut carver = piece.carver(model_footprint(model, false)?)?;
        let parts = model_parts(model, &mut carver)?;
        QNet16::assemble(model.summary, Image::InPlace(model.bytes), parts, piece)
    }

    /// A network of its parts, layers filled in.
    fn assemble(
        summary: Summary,
        image: Image<'m>,
        Parts { layers, values }: Parts<'m>,
        piece: Piece<'m>,
    ) -> Result<QNet16<'m>> {
        let kernel = Kernel::best();
        let kernels = kernel.int16()?;
        Ok(QNet16 { summary, image, layers, values, kernel, kernels, _piece: piece })
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

    /// What its values and weights are.
    pub fn scheme(&self) -> Scheme {
        self.summary.scheme
    }

    /// How the input's int16 values stand for real ones.
    pub fn input_quantization(&self) -> Quantization16 {
        Quantization16::stored(self.summary.input)
    }

    /// How the output's int16 values stand for real ones.
    pub fn output_quantization(&self) -> Quantization16 {
        let last = self.layers.last();
        Quantization16::stored(last.map_or(self.summary.input, |layer| layer.outputs))
    }

    /// How sums become int16 values.
    pub fn rounding(&self) -> Rounding {
        self.summary.rounding
    }

    /// The kernels it runs on.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Makes it run on other kernels. The result stays the same.
    /// [`Error::Unsupported`] if this machine does not have them.
    pub fn set_kernel(&mut self, kernel: Kernel) -> Result<()> {
        self.kernels = kernel.int16()?;
        self.kernel = kernel;
        Ok(())
    }

    /// The model, ready to be stored.
    pub fn model(&self) -> &[u8] {
        self.image.bytes()
    }

    /// Runs one sample on quantised values, with integers alone.
    /// `input` holds `inputs` values, `output` takes `outputs`.
    pub fn forward_i16(&mut self, input: &[i16], output: &mut [i16]) -> Result<()> {
        if input.len() != self.inputs() || output.len() != self.outputs() {
            return Err(Error::Length);
        }
        self.values[0][..input.len()].copy_from_slice(input);
        output.copy_from_slice(self.run());
        Ok(())
    }

    /// Runs any number of samples on quantised values, one after the other:
    /// `inputs` holds rows of inputs, `outputs` takes a row of outputs for each.
    /// [`Error::Length`] for other lengths.
    pub fn forward_i16_batch(&mut self, inputs: &[i16], outputs: &mut [i16]) -> Result<()> {
        self.check_rows(inputs.len(), outputs.len())?;
        let (wide, narrow) = (self.inputs(), self.outputs());
        for (x, y) in inputs.chunks_exact(wide).zip(outputs.chunks_exact_mut(narrow)) {
            self.forward_i16(x, y)?;
        }
        Ok(())
    }

    /// Runs one sample on real values: quantises, runs, dequantises.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        if input.len() != self.inputs() || output.len() != self.outputs() {
            return Err(Error::Length);
        }
        self.take_input(input);
        let to = self.output_quantization();
        for (y, q) in output.iter_mut().zip(self.run()) {
            *y = to.dequantize(*q);
        }
        Ok(())
    }

    /// Runs any number of samples on real values: as
    /// [`forward_i16_batch`](QNet16::forward_i16_batch) with
    /// [`forward`](QNet16::forward).
    pub fn forward_batch(&mut self, inputs: &[f32], outputs: &mut [f32]) -> Result<()> {
        self.check_rows(inputs.len(), outputs.len())?;
        let (wide, narrow) = (self.inputs(), self.outputs());
        for (x, y) in inputs.chunks_exact(wide).zip(outputs.chunks_exact_mut(narrow)) {
            self.forward(x, y)?;
        }
        Ok(())
    }

    /// Checks that these are the lengths of equally many whole rows.
    fn check_rows(&self, inputs: usize, outputs: usize) -> Result<()> {
        let samples = inputs / self.inputs();
        let whole = inputs.is_multiple_of(self.inputs());
        let fits = whole && samples.checked_mul(self.outputs()) == Some(outputs);
        if fits { Ok(()) } else { Err(Error::Length) }
    }

    /// Its layers, as the model has them.
    pub(super) fn records(&self) -> &[Layer] {
        &self.layers
    }

    /// Takes one sample, for [`step`](QNet16::step) to begin with.
    pub(super) fn take_input(&mut self, sample: &[f32]) {
        let how = self.input_quantization();
        for (q, x) in self.values[0].iter_mut().zip(sample) {
            *q = how.quantize(*x);
        }
    }

    /// Runs one layer on what the last step gave; returns its outputs.
    pub(super) fn step(&mut self, layer: usize) -> &[i16] {
        let record = &self.layers[layer];
        let sections = record.sections(self.image.bytes());
        let dims = record.dims();
        let [even, odd] = &mut self.values;
        let (x, y) = match self.summary.topology {
            Topology::Layered if layer.is_multiple_of(2) => (&mut even[..], &mut odd[..]),
            Topology::Layered => (&mut odd[..], &mut even[..]),
            // Behind all that has been.
            Topology::Shortcut => even.split_at_mut(dims.inputs),
        };
        let (x, y) = (&x[..dims.inputs], &mut y[..dims.units]);
        let how = requantize(record, &sections, self.summary.rounding);
        let biases = sections.biases();
        match self.summary.scheme {
            Scheme::Int16 => {
                (self.kernels.dense_w16)(dims, x, sections.weights(), biases, &how, y);
            }
            _ => (self.kernels.dense_w8)(dims, x, sections.weights(), biases, &how, y),
        }
        function::apply(record.activation, &sections, y);
        y
    }

    /// Runs what lies in the first of the values.
    fn run(&mut self) -> &[i16] {
        let last = self.layers.len() - 1;
        for layer in 0..last {
            self.step(layer);
        }
        self.step(last)
    }
}

/// How a layer's sums are quantised.
fn requantize<'a>(layer: &Layer, sections: &Sections<'a>, rounding: Rounding) -> Requantize<'a> {
    let low = if layer.activation == Activation::Relu { 0 } else { i16::MIN };
    Requantize {
        factors: sections.factors(),
        shifts: sections.shifts(),
        zero_point: 0,
        clamp: (low, i16::MAX),
        rounding,
    }
}

/// The memory for running a model, with or without a copy of it.
fn model_footprint(model: &Model<'_>, copy: bool) -> Result<Layout> {
    let mut carver = Carver::measure();
    if copy {
        Image::copy(model.bytes, &mut carver)?;
    }
    let Summary { layers, widest, topology, .. } = model.summary;
    Parts::carve(layers as usize, widest as usize, topology, &mut carver)?;
    carver.layout()
}

/// The parts for running a model.
fn model_parts<'m>(model: &Model<'_>, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let Summary { layers, widest, topology, .. } = model.summary;
    let mut parts = Parts::carve(layers as usize, widest as usize, topology, carver)?;
    model.walk(|i, layer| {
        parts.layers[i] = layer;
        Ok(())
    })?;
    Ok(parts)
}
