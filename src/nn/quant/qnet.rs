//! Running an int8 network.

use core::alloc::Layout;

use super::build::{self, QNetConfig};
use super::{Calibration, Image, Quantization};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::format::int8::{Layer, Model, Sections, Stored, Summary};
use crate::nn::kernel::int::{Line, PACKED_FROM, PACKS, pack_rows, packed_len};
use crate::nn::kernel::{Dims, Int8Kernels, Kernel, Requantize};
use crate::nn::{Activation, MODEL_ALIGN, Net, Rounding, Topology};
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
    /// Values between layers, for a whole batch; with shortcuts all of one sample
    /// in the first.
    values: [Carved<'m, i8>; 2],
    /// The layers' weights once more, as kernels for many samples read them:
    /// with a batch that is worth it.
    packed: Option<Carved<'m, Line>>,
    /// Samples that are run at once, at most.
    batch: usize,
    kernel: Kernel,
    kernels: &'static Int8Kernels,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What is carved out of a qnet's piece, for running it.
pub(super) struct Parts<'m> {
    pub layers: Carved<'m, Layer>,
    values: [Carved<'m, i8>; 2],
    packed: Option<Carved<'m, Line>>,
    batch: usize,
}

/// The sizes that the parts follow from.
pub(super) struct Sizes {
    layers: usize,
    widest: usize,
    batch: usize,
    topology: Topology,
    /// Bytes of packed weights.
    packed: usize,
}

impl Sizes {
    /// Of no layers yet, for batches of so many samples.
    pub fn new(batch: usize, topology: Topology) -> Result<Sizes> {
        if batch == 0 {
            return Err(Error::Invalid);
        }
        Ok(Sizes { layers: 0, widest: 0, batch, topology, packed: 0 })
    }

    /// Whether the weights are packed, too.
    fn packs(&self) -> bool {
        PACKS && self.batch >= PACKED_FROM && self.topology == Topology::Layered
    }

    /// With a layer of this shape more.
    pub fn add(&mut self, dims: Dims) -> Result<()> {
        self.layers += 1;
        self.widest = match self.topology {
            Topology::Layered => self.widest.max(dims.inputs).max(dims.units),
            Topology::Shortcut => dims.inputs + dims.units,
        };
        if self.packs() {
            let len = packed_len(dims.inputs, dims.units)?;
            self.packed = self.packed.checked_add(len).ok_or(Error::Overflow)?;
        }
        Ok(())
    }

    fn of_model(model: &Model<'_>, batch: usize) -> Result<Sizes> {
        let mut sizes = Sizes::new(batch, model.summary.topology)?;
        if sizes.packs() {
            model.walk(|_, layer| sizes.add(layer.dims()))?;
        }
        let (layers, widest) = (model.summary.layers as usize, model.summary.widest as usize);
        Ok(Sizes { layers, widest, ..sizes })
    }
}

impl<'m> Parts<'m> {
    pub fn carve(sizes: &Sizes, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
        let values = match sizes.topology {
            Topology::Layered => [sizes.widest.checked_mul(sizes.batch).ok_or(Error::Overflow)?; 2],
            Topology::Shortcut => [sizes.widest, 0],
        };
        Ok(Parts {
            layers: carver.take(sizes.layers, Layer::EMPTY)?,
            values: [carver.take(values[0], 0)?, carver.take(values[1], 0)?],
            packed: match sizes.packed / size_of::<Line>() {
                lines if PACKS && lines > 0 => Some(carver.take(lines, Line::EMPTY)?),
                _ => None,
            },
            batch: sizes.batch,
        })
    }
}

impl<'m> QNet<'m> {
    /// The memory that the quantised copy of this network takes, for batches
    /// of so many samples, calibrated by [`Calibration::MinMax`].
    pub fn footprint(net: &Net<'_>, batch: usize) -> Result<Layout> {
        build::footprint(net, batch, Calibration::MinMax)
    }

    /// The memory that [`new`](QNet::new) takes for this configuration, that of
    /// its calibration included.
    pub fn config_footprint(config: &QNetConfig<'_, '_>) -> Result<Layout> {
        QNet::footprint_for(config.net, config.batch, config.calibration)
    }

    pub(crate) fn footprint_for(
        net: &Net<'_>,
        batch: usize,
        calibration: Calibration,
    ) -> Result<Layout> {
        build::footprint(net, batch, calibration)
    }

    /// Quantises a trained float32 network.
    ///
    /// Runs it on the samples to see the range of every layer's values, so
    /// they should look like what the network will meet; a few hundred are
    /// enough. Errors: [`Error::Length`] for no samples or no whole rows,
    /// [`Error::Invalid`] for a batch of 0 or a percentage out of range,
    /// [`Error::Unsupported`] for layers whose units differ in activation or
    /// steepness (sparse layers get weights of 0),
    /// [`Error::NnNotFinite`] for NaN or infinity in samples or layers.
    pub fn new(config: &mut QNetConfig<'_, '_>, memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        let piece = memory.allocate(QNet::config_footprint(config)?)?;
        QNet::in_piece(config, piece)
    }

    pub(crate) fn in_piece(config: &mut QNetConfig<'_, '_>, piece: Piece<'m>) -> Result<QNet<'m>> {
        build::in_piece(config, piece)
    }

    /// The memory that a copy of this model takes.
    pub fn load_footprint(model: &[u8]) -> Result<Layout> {
        QNet::load_batch_footprint(model, 1)
    }

    /// A network from an int8 model, which is copied.
    pub fn load(model: &[u8], memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        QNet::load_batch(model, 1, memory)
    }

    /// The memory that a copy of this model takes, for batches of so many
    /// samples: [`forward_i8_batch`](QNet::forward_i8_batch).
    pub fn load_batch_footprint(model: &[u8], batch: usize) -> Result<Layout> {
        Ok(QNet::check_load(model, batch)?.0)
    }

    /// A network from an int8 model, which is copied, for batches of so many
    /// samples. [`Error::Invalid`] for a batch of 0.
    pub fn load_batch(model: &[u8], batch: usize, memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        let (layout, model) = QNet::check_load(model, batch)?;
        QNet::load_in_piece(&model, batch, memory.allocate(layout)?)
    }

    /// The memory that a network over this model takes: without the model.
    pub fn view_footprint(model: &[u8]) -> Result<Layout> {
        QNet::view_batch_footprint(model, 1)
    }

    /// A network that reads its model where it is, from flash for example. The
    /// model must be aligned to [`MODEL_ALIGN`].
    pub fn view(model: &'m [u8], memory: impl Allocator<'m>) -> Result<QNet<'m>> {
        QNet::view_batch(model, 1, memory)
    }

    /// The memory that a network over this model takes, for batches of so many
    /// samples: without the model, but from 4 samples on with a packed copy of
    /// its weights where this machine has kernels that gain by it.
    pub fn view_batch_footprint(model: &[u8], batch: usize) -> Result<Layout> {
        Ok(QNet::check_view(model, batch)?.0)
    }

    /// As [`view`](QNet::view), for batches of so many samples.
    /// [`Error::Invalid`] for a batch of 0.
    pub fn view_batch(
        model: &'m [u8],
        batch: usize,
        memory: impl Allocator<'m>,
    ) -> Result<QNet<'m>> {
        let (layout, model) = QNet::check_view(model, batch)?;
        QNet::view_in_piece(&model, batch, memory.allocate(layout)?)
    }

    pub(crate) fn check_load(model: &[u8], batch: usize) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        Ok((model_footprint(&model, true, batch)?, model))
    }

    pub(crate) fn check_view(model: &[u8], batch: usize) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        if !(model.bytes.as_ptr() as usize).is_multiple_of(MODEL_ALIGN) {
            return Err(Error::Alignment);
        }
        Ok((model_footprint(&model, false, batch)?, model))
    }

    pub(crate) fn load_in_piece(
        model: &Model<'_>,
        batch: usize,
        mut piece: Piece<'m>,
    ) -> Result<QNet<'m>> {
        let mut carver = piece.carver(model_footprint(model, true, batch)?)?;
        let image = Image::copy(model.bytes, &mut carver)?;
        let parts = Parts::carve(&Sizes::of_model(model, batch)?, &mut carver)?;
        QNet::from_parts(model, image, parts, piece)
    }

    pub(crate) fn view_in_piece(
        model: &Model<'m>,
        batch: usize,
        mut piece: Piece<'m>,
    ) -> Result<QNet<'m>> {
        let mut carver = piece.carver(model_footprint(model, false, batch)?)?;
        let parts = Parts::carve(&Sizes::of_model(model, batch)?, &mut carver)?;
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
        QNet::assemble(model.summary, image, parts, piece)
    }

    /// A network of its parts, layers filled in.
    pub(super) fn assemble(
        summary: Summary,
        image: Image<'m>,
        mut parts: Parts<'m>,
        piece: Piece<'m>,
    ) -> Result<QNet<'m>> {
        if PACKS && let Some(lines) = &mut parts.packed {
            let mut packed: &mut [u8] = bytemuck::must_cast_slice_mut(lines);
            for layer in parts.layers.iter() {
                let Dims { inputs, units } = layer.dims();
                let (mine, rest) = packed.split_at_mut(packed_len(inputs, units)?);
                pack_rows(inputs, layer.sections(image.bytes()).weights(layer), mine);
                packed = rest;
            }
        }
        let kernel = Kernel::best();
        Ok(QNet {
            summary,
            image,
            layers: parts.layers,
            values: parts.values,
            packed: parts.packed,
            batch: parts.batch,
            kernel,
            kernels: kernel.int8()?,
            _piece: piece,
        })
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

    /// Samples that are run at once, at most.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// How the input's int8 values stand for real ones.
    pub fn input_quantization(&self) -> Quantization {
        self.summary.input.into()
    }

    /// How the output's int8 values stand for real ones.
    pub fn output_quantization(&self) -> Quantization {
        self.layers.last().map_or(self.summary.input, |layer| layer.outputs).into()
    }

    /// How sums become int8 values.
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
        output.copy_from_slice(self.run(Some(input), 1)?);
        Ok(())
    }

    /// Runs any number of samples on quantised values, as many at once as its
    /// batch says: `inputs` holds rows of inputs, `outputs` takes a row of
    /// outputs for each. The result is that of [`forward_i8`](QNet::forward_i8)
    /// on each. [`Error::Length`] for other lengths.
    pub fn forward_i8_batch(&mut self, inputs: &[i8], outputs: &mut [i8]) -> Result<()> {
        self.check_rows(inputs.len(), outputs.len())?;
        let (wide, narrow) = (self.inputs() * self.at_once(), self.outputs() * self.at_once());
        for (x, y) in inputs.chunks(wide).zip(outputs.chunks_mut(narrow)) {
            y.copy_from_slice(self.run(Some(x), x.len() / self.inputs())?);
        }
        Ok(())
    }

    /// Runs one sample on real values: quantises, runs, dequantises.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        if input.len() != self.inputs() || output.len() != self.outputs() {
            return Err(Error::Length);
        }
        self.forward_batch(input, output)
    }

    /// Runs any number of samples on real values: as
    /// [`forward_i8_batch`](QNet::forward_i8_batch) with [`forward`](QNet::forward).
    pub fn forward_batch(&mut self, inputs: &[f32], outputs: &mut [f32]) -> Result<()> {
        self.check_rows(inputs.len(), outputs.len())?;
        let from = self.input_quantization();
        let to = self.output_quantization();
        let (wide, narrow) = (self.inputs() * self.at_once(), self.outputs() * self.at_once());
        for (x, y) in inputs.chunks(wide).zip(outputs.chunks_mut(narrow)) {
            from.quantize_all(x, &mut self.values[0]);
            for (y, q) in y.iter_mut().zip(self.run(None, x.len() / self.inputs())?) {
                *y = to.dequantize(*q);
            }
        }
        Ok(())
    }

    /// Samples that [`run`](QNet::run) takes.
    fn at_once(&self) -> usize {
        match self.summary.topology {
            Topology::Layered => self.batch,
            Topology::Shortcut => 1,
        }
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

    /// Takes one sample, for [`step`](QNet::step) to begin with.
    pub(super) fn take_input(&mut self, sample: &[f32]) {
        self.input_quantization().quantize_all(sample, &mut self.values[0]);
    }

    /// Runs one layer on what the last step gave; returns its outputs.
    pub(super) fn step(&mut self, layer: usize) -> (&[i8], &Layer) {
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
        let y = &mut y[..dims.units];
        let how = requantize(record, &sections, self.summary.rounding);
        let weights = sections.weights(record);
        (self.kernels.dense)(dims, &x[..dims.inputs], weights, sections.biases(), &how, y);
        activate(record, &sections, y);
        (y, record)
    }

    /// Runs samples, no more than a batch: the input, or what lies in the first
    /// of the values.
    fn run(&mut self, mut input: Option<&[i8]>, samples: usize) -> Result<&[i8]> {
        let image = self.image.bytes();
        let layered = self.summary.topology == Topology::Layered;
        let [a, b] = &mut self.values;
        let (mut from, mut to) = (&mut a[..], &mut b[..]);
        if !layered && let Some(x) = input {
            from[..x.len()].copy_from_slice(x);
        }
        let mut packed: &[u8] = match &self.packed {
            Some(lines) if PACKS => bytemuck::must_cast_slice(lines),
            _ => &[],
        };
        let mut result = 0..0;
        for layer in self.layers.iter() {
            let sections = layer.sections(image);
            let dims = layer.dims();
            let (x, y) = match layered {
                true => (&from[..], &mut to[..]),
                // Behind all that has been.
                false => {
                    let (x, y) = from.split_at_mut(dims.inputs);
                    (&*x, y)
                }
            };
            let x = match input.take() {
                Some(x) if layered => x,
                _ => &x[..samples * dims.inputs],
            };
            let y = &mut y[..samples * dims.units];
            let how = requantize(layer, &sections, self.summary.rounding);
            let biases = sections.biases();
            if PACKS && !packed.is_empty() {
                let (mine, rest) = packed.split_at(packed_len(dims.inputs, dims.units)?);
                packed = rest;
                let kernels = self.kernel.packed()?;
                if samples >= kernels.from {
                    (kernels.dense)(dims, x, mine, biases, &how, y);
                } else {
                    (self.kernels.dense)(dims, x, sections.weights(layer), biases, &how, y);
                }
            } else {
                (self.kernels.dense)(dims, x, sections.weights(layer), biases, &how, y);
            }
            activate(layer, &sections, y);
            let at = if layered { 0 } else { dims.inputs };
            result = at..at + y.len();
            if layered {
                core::mem::swap(&mut from, &mut to);
            }
        }
        Ok(&from[result])
    }
}

/// How a layer's sums are quantised.
fn requantize<'a>(layer: &Layer, sections: &Sections<'a>, rounding: Rounding) -> Requantize<'a> {
    Requantize {
        factors: sections.factors(),
        shifts: sections.shifts(layer),
        zero_point: layer.sums.zero_point.into(),
        clamp: (layer.clamp.0.into(), layer.clamp.1.into()),
        rounding,
    }
}

/// The activation, on rows of quantised sums.
fn activate(layer: &Layer, sections: &Sections<'_>, y: &mut [i8]) {
    match layer.activation {
        Activation::Linear | Activation::Relu => {}
        Activation::Softmax => {
            for row in y.chunks_exact_mut(layer.units as usize) {
                softmax(sections, row);
            }
        }
        _ => {
            let Some(table) = sections.table.first_chunk::<256>() else { return };
            for y in y {
                // The table has an entry for each of the 256 values from -128.
                *y = table[usize::from(*y as u8 ^ 0x80)] as i8;
            }
        }
    }
}

/// `256 * e_i / sum(e)` rounded half up, with zero point -128.
fn softmax(sections: &Sections<'_>, y: &mut [i8]) {
    let max = y.iter().copied().max().unwrap_or(0);
    let exponential = |q: i8| u32::from(sections.exponential(max.wrapping_sub(q) as u8));
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
fn model_footprint(model: &Model<'_>, copy: bool, batch: usize) -> Result<Layout> {
    let mut carver = Carver::measure();
    if copy {
        Image::copy(model.bytes, &mut carver)?;
    }
    Parts::carve(&Sizes::of_model(model, batch)?, &mut carver)?;
    carver.layout()
}
