//! Float32 networks of dense layers.

use core::alloc::Layout;

use super::Activation;
use super::format::float::{self, Model};
use super::init::Random;
use super::kernel::{self, Dims, FloatKernels, Kernel};
use super::shape::{Dense, Layer, Shape};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Allocator, Level, Line, Logger};

/// A list of layers: a slice, or whatever can tell them one by one.
pub trait Layers {
    /// How many there are.
    fn count(&self) -> usize;
    /// The one at `index`, which is less than [`count`](Layers::count).
    fn layer(&self, index: usize) -> Layer;
}

impl Layers for &[Layer] {
    fn count(&self) -> usize {
        self.len()
    }
    fn layer(&self, index: usize) -> Layer {
        self[index]
    }
}

/// What a new network is to be.
#[derive(Clone, Copy)]
pub struct NetConfig<'a, L: Layers = &'a [Layer]> {
    /// Values in a sample, 1 to 65,535.
    pub inputs: usize,
    /// The layers from first to last, 1 to 255 of them.
    pub layers: L,
    /// Where the initial weights come from. The same seed gives the same
    /// weights on every machine.
    pub seed: u64,
    /// How many samples [`Net::forward_batch`] takes at once. Costs memory for
    /// two rows of the widest layer each. At least 1.
    pub batch: usize,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

impl<'a> NetConfig<'a> {
    /// Seed 0, one sample at a time.
    pub fn new(inputs: usize, layers: &'a [Layer]) -> NetConfig<'a> {
        NetConfig { inputs, layers, seed: 0, batch: 1, logger: None }
    }

    /// The same with another seed.
    pub fn seed(self, seed: u64) -> NetConfig<'a> {
        NetConfig { seed, ..self }
    }
}

/// A network of dense layers in float32.
///
/// Everything it needs lies in one piece of memory. Running takes `&mut self`
/// because the values between layers live there too.
pub struct Net<'m> {
    shape: Shape,
    layers: Carved<'m, Dense>,
    parameters: Parameters<'m>,
    /// Values between layers, `batch` rows of the widest layer each.
    scratch: [Carved<'m, f32>; 2],
    batch: usize,
    kernel: Kernel,
    kernels: &'static FloatKernels,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

enum Parameters<'m> {
    Own(Carved<'m, f32>),
    InPlace(&'m [f32]),
}

/// Which values of a layer [`Net::observe`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the activation.
    Sums,
    /// After the activation.
    Outputs,
}

/// What is carved out of a net's piece.
struct Parts<'m> {
    shape: Shape,
    layers: Carved<'m, Dense>,
    parameters: Option<Carved<'m, f32>>,
    scratch: [Carved<'m, f32>; 2],
}

impl<'m> Parts<'m> {
    fn carve(
        carver: &mut Carver<'m>,
        inputs: usize,
        layers: impl ExactSizeIterator<Item = (usize, Activation)>,
        (batch, own): (usize, bool),
        logger: Option<&dyn Logger>,
    ) -> Result<Parts<'m>> {
        let (shape, layers) = Shape::carve(inputs, layers, logger, carver)?;
        let parameters = if own { Some(carver.take(shape.parameters, 0.0)?) } else { None };
        let rows = batch.checked_mul(shape.widest).ok_or(Error::Overflow)?;
        let scratch = [carver.take(rows, 0.0)?, carver.take(rows, 0.0)?];
        Ok(Parts { shape, layers, parameters, scratch })
    }
}

impl<'m> Net<'m> {
    /// The memory that a network of this configuration takes.
    pub fn footprint<L: Layers>(config: &NetConfig<'_, L>) -> Result<Layout> {
        let mut carver = Carver::measure();
        config.carve(&mut carver)?;
        carver.layout()
    }

    /// A network with fresh weights.
    pub fn new<L: Layers>(
        config: &NetConfig<'_, L>,
        memory: impl Allocator<'m>,
    ) -> Result<Net<'m>> {
        let piece = memory.allocate(Net::footprint(config)?)?;
        Net::in_piece(config, piece)
    }

    pub(crate) fn in_piece<L: Layers>(
        config: &NetConfig<'_, L>,
        mut piece: Piece<'m>,
    ) -> Result<Net<'m>> {
        let needed = Net::footprint(config)?;
        let mut parts = config.carve(&mut piece.carver(needed)?)?;
        let mut random = Random::new(config.seed);
        if let Some(parameters) = &mut parts.parameters {
            for (i, layer) in parts.layers.iter().enumerate() {
                let (weights, _) = layer.of_mut(parameters);
                let size = (layer.inputs(), layer.units());
                config.layers.layer(i).init.fill(weights, size, layer.activation, &mut random);
            }
        }
        Line::new("network of ")
            .number(parts.shape.layers)
            .text(" layers, ")
            .number(parts.shape.parameters)
            .text(" parameters, ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        Ok(Net::from_parts(parts, &[], config.batch, piece))
    }

    /// The memory that a copy of this model takes.
    pub fn load_footprint(model: &[u8]) -> Result<Layout> {
        Ok(Net::check_load(model)?.0)
    }

    /// A network from a float32 model, with parameters of its own.
    pub fn load(model: &[u8], memory: impl Allocator<'m>) -> Result<Net<'m>> {
        let (layout, model) = Net::check_load(model)?;
        Net::load_in_piece(&model, memory.allocate(layout)?)
    }

    /// The memory that a network over this model takes: without parameters.
    pub fn view_footprint(model: &[u8]) -> Result<Layout> {
        Ok(Net::check_view(model)?.0)
    }

    /// A network that reads its parameters where they are, from flash for
    /// example. It can run and be saved, not trained. The model must be
    /// aligned to [`MODEL_ALIGN`](super::MODEL_ALIGN).
    pub fn view(model: &'m [u8], memory: impl Allocator<'m>) -> Result<Net<'m>> {
        let (layout, model) = Net::check_view(model)?;
        Net::view_in_piece(&model, memory.allocate(layout)?)
    }

    pub(crate) fn check_load(model: &[u8]) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        Ok((Net::model_footprint(&model, true)?, model))
    }

    pub(crate) fn check_view(model: &[u8]) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        model.in_place()?;
        Ok((Net::model_footprint(&model, false)?, model))
    }

    pub(crate) fn load_in_piece(model: &Model<'_>, piece: Piece<'m>) -> Result<Net<'m>> {
        let mut net = Net::from_model(model, &[], true, piece)?;
        for (to, from) in net.parameters_mut()?.iter_mut().zip(model.parameters()) {
            *to = from;
        }
        Ok(net)
    }

    pub(crate) fn view_in_piece(model: &Model<'m>, piece: Piece<'m>) -> Result<Net<'m>> {
        Net::from_model(model, model.in_place()?, false, piece)
    }

    fn model_footprint(model: &Model<'_>, own: bool) -> Result<Layout> {
        let mut carver = Carver::measure();
        Parts::carve(&mut carver, model.shape.inputs, model.layers(), (1, own), None)?;
        carver.layout()
    }

    fn from_model(
        model: &Model<'_>,
        in_place: &'m [f32],
        own: bool,
        mut piece: Piece<'m>,
    ) -> Result<Net<'m>> {
        let needed = Net::model_footprint(model, own)?;
        let mut carver = piece.carver(needed)?;
        let parts = Parts::carve(&mut carver, model.shape.inputs, model.layers(), (1, own), None)?;
        Ok(Net::from_parts(parts, in_place, 1, piece))
    }

    fn from_parts(
        parts: Parts<'m>,
        in_place: &'m [f32],
        batch: usize,
        piece: Piece<'m>,
    ) -> Net<'m> {
        let parameters = match parts.parameters {
            Some(own) => Parameters::Own(own),
            None => Parameters::InPlace(in_place),
        };
        Net {
            shape: parts.shape,
            layers: parts.layers,
            parameters,
            scratch: parts.scratch,
            batch,
            kernel: Kernel::best(),
            kernels: kernel::best_float(),
            _piece: piece,
        }
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether it reads its parameters in place and so cannot be trained.
    pub fn is_read_only(&self) -> bool {
        matches!(self.parameters, Parameters::InPlace(_))
    }

    /// The kernels it runs on.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Makes it run on other kernels, to compare or to reproduce.
    /// [`Error::Unsupported`] if this machine does not have them.
    pub fn set_kernel(&mut self, kernel: Kernel) -> Result<()> {
        self.kernels = kernel.float()?;
        self.kernel = kernel;
        Ok(())
    }

    /// Runs one sample: `input` of `inputs` values, `output` of `outputs`.
    /// NaN or infinity in gives NaN or infinity out.
    pub fn forward(&mut self, input: &[f32], output: &mut [f32]) -> Result<()> {
        self.forward_batch(input, 1, output)
    }

    /// Runs `samples` samples: rows in, rows out. No samples is fine.
    pub fn forward_batch(
        &mut self,
        inputs: &[f32],
        samples: usize,
        outputs: &mut [f32],
    ) -> Result<()> {
        if Some(inputs.len()) != self.shape.inputs.checked_mul(samples)
            || Some(outputs.len()) != self.shape.outputs.checked_mul(samples)
        {
            return Err(Error::Length);
        }
        let rows_in = inputs.chunks(self.shape.inputs * self.batch);
        let rows_out = outputs.chunks_mut(self.shape.outputs * self.batch);
        for (x, y) in rows_in.zip(rows_out) {
            self.run(x, Some(y), &mut |_, _, _| {});
        }
        Ok(())
    }

    /// Shows the values inside every layer to `tap`, for rows of samples.
    pub(crate) fn observe(&mut self, inputs: &[f32], mut tap: impl FnMut(usize, Stage, &[f32])) {
        for x in inputs.chunks(self.shape.inputs * self.batch) {
            self.run(x, None, &mut tap);
        }
    }

    /// Runs at most `batch` samples; without `output` the result stays in the
    /// scratch memory.
    fn run(
        &mut self,
        input: &[f32],
        mut output: Option<&mut [f32]>,
        tap: &mut impl FnMut(usize, Stage, &[f32]),
    ) {
        let samples = input.len() / self.shape.inputs;
        let parameters = self.parameters.as_slice();
        let [a, b] = &mut self.scratch;
        let (mut from, mut to) = (&mut a[..], &mut b[..]);
        for (i, layer) in self.layers.iter().enumerate() {
            let x = if i == 0 { input } else { &from[..samples * layer.inputs()] };
            let y = match &mut output {
                Some(output) if i + 1 == self.layers.len() => &mut **output,
                _ => &mut to[..samples * layer.units()],
            };
            let (weights, biases) = layer.of(parameters);
            (self.kernels.dense)(layer.dims(), x, weights, biases, y);
            tap(i, Stage::Sums, y);
            layer.activation.apply(y, layer.units());
            tap(i, Stage::Outputs, y);
            core::mem::swap(&mut from, &mut to);
        }
    }

    /// Bytes that [`save`](Net::save) writes.
    pub fn model_len(&self) -> Result<usize> {
        float::len(&self.shape)
    }

    /// Writes the network as a float32 model; returns its length.
    /// [`Error::BufferTooSmall`] leaves `buffer` as it is.
    pub fn save(&self, buffer: &mut [u8]) -> Result<usize> {
        let len = self.model_len()?;
        let image = buffer.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        float::write(image, &self.shape, &self.layers, self.parameters.as_slice());
        Ok(len)
    }

    pub(crate) fn layers(&self) -> &[Dense] {
        &self.layers
    }

    pub(crate) fn output_activation(&self) -> Activation {
        self.layers.last().map_or(Activation::Linear, |layer| layer.activation)
    }

    pub(crate) fn parameters(&self) -> &[f32] {
        self.parameters.as_slice()
    }

    /// All weights and biases, to train them.
    pub(crate) fn parameters_mut(&mut self) -> Result<&mut [f32]> {
        match &mut self.parameters {
            Parameters::Own(own) => Ok(own),
            Parameters::InPlace(_) => Err(Error::ReadOnly),
        }
    }

    pub(crate) fn kernels(&self) -> &'static FloatKernels {
        self.kernels
    }
}

impl Parameters<'_> {
    fn as_slice(&self) -> &[f32] {
        match self {
            Parameters::Own(own) => own,
            Parameters::InPlace(bytes) => bytes,
        }
    }
}

impl Dense {
    pub(crate) fn dims(&self) -> Dims {
        Dims { inputs: self.inputs(), units: self.units() }
    }
}

impl<L: Layers> NetConfig<'_, L> {
    fn carve<'m>(&self, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
        if self.batch == 0 {
            Line::new("the batch of a network is at least 1").send(self.logger, Level::Error);
            return Err(Error::Invalid);
        }
        let layers = (0..self.layers.count()).map(|i| {
            let layer = self.layers.layer(i);
            (layer.units, layer.activation)
        });
        Parts::carve(carver, self.inputs, layers, (self.batch, true), self.logger)
    }
}
