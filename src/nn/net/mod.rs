//! Float32 networks.

mod body;
mod draw;
mod edit;
mod exact;
mod parts;
mod run;
mod scale;

use core::alloc::Layout;

pub(crate) use self::body::Run;
pub(crate) use self::parts::{Body, Plan, Room};
pub(crate) use self::run::{Stage, copy_columns};
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::nn::format::fann::{self, FannFile, FannSettings};
use crate::nn::format::float::{self, Model};
use crate::nn::init::Random;
use crate::nn::kernel::Kernel;
use crate::nn::shape::{Dense, Layer, Links, Outline, Shape, Topology};
use crate::port::{Allocator, Level, Line, Logger};

pub use self::draw::Randomize;
pub use self::edit::{Connection, LayerInfo};
pub use self::scale::Scale;

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
    /// The layers from first to last, 1 to 65,535 of them.
    pub layers: L,
    /// Where the initial weights come from, and the connections of sparse
    /// networks. The same seed gives the same network on every machine.
    pub seed: u64,
    /// How many samples [`Net::forward_batch`] takes at once. Costs memory for
    /// two rows of the widest layer each, and scratch memory for matrix
    /// products. At least 1.
    pub batch: usize,
    /// Where units get their values from.
    pub topology: Topology,
    /// The part of all possible connections that is made, above 0, at most 1.
    /// Below 1 the network is sparse: each unit keeps its bias and at least one
    /// source, each source at least one unit.
    pub connection_rate: f32,
    /// Whether each unit may get an activation and a steepness of its own.
    /// Costs 8 bytes a unit.
    pub unit_styles: bool,
    /// Whether it has scaling parameters for inputs and outputs. Costs 16
    /// bytes for each.
    pub scaling: bool,
    /// How many units [`Net::grow`] can add, for shortcut networks that are
    /// not sparse. Each costs its connections.
    pub spare_units: usize,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

impl<'a> NetConfig<'a> {
    /// Layered and fully connected, seed 0, one sample at a time.
    pub fn new(inputs: usize, layers: &'a [Layer]) -> NetConfig<'a> {
        NetConfig::of(inputs, layers)
    }
}

impl<'a, L: Layers> NetConfig<'a, L> {
    /// The same for any list of layers.
    pub fn of(inputs: usize, layers: L) -> NetConfig<'a, L> {
        NetConfig {
            inputs,
            layers,
            seed: 0,
            batch: 1,
            topology: Topology::Layered,
            connection_rate: 1.0,
            unit_styles: false,
            scaling: false,
            spare_units: 0,
            logger: None,
        }
    }

    /// The same with another seed.
    pub fn seed(self, seed: u64) -> NetConfig<'a, L> {
        NetConfig { seed, ..self }
    }

    fn carve<'m>(&self, carver: &mut Carver<'m>) -> Result<(Body<'m>, Room<'m>)> {
        let refuse = |text| {
            Line::new(text).send(self.logger, Level::Error);
            Err(Error::Invalid)
        };
        let rate = self.connection_rate;
        if self.batch == 0 {
            return refuse("the batch of a network is at least 1");
        }
        if !(rate > 0.0 && rate <= 1.0) {
            return refuse("the connection rate of a network is above 0 and at most 1");
        }
        if self.spare_units > 0 && (self.topology != Topology::Shortcut || rate < 1.0) {
            return refuse("only shortcut networks that are not sparse can grow");
        }
        let outlines = (0..self.layers.count()).map(|i| {
            let layer = self.layers.layer(i);
            Outline {
                steepness: layer.steepness,
                links: if rate < 1.0 { Links::Rate(rate) } else { Links::All },
                ..Outline::new(layer.units, layer.activation)
            }
        });
        let plan = Plan {
            inputs: self.inputs,
            topology: self.topology,
            outlines,
            batch: self.batch,
            spare: self.spare_units,
            own: true,
            styles: self.unit_styles,
            scaling: self.scaling,
            logger: self.logger,
        };
        plan.carve(carver)
    }
}

/// A network in float32.
///
/// Everything it needs lies in one piece of memory. Running takes `&mut self`
/// because the values between layers live there too.
pub struct Net<'m> {
    body: Body<'m>,
    room: Room<'m>,
    /// Behind all of the above.
    _piece: Piece<'m>,
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
        let (mut body, room) = config.carve(&mut piece.carver(needed)?)?;
        body.draw_links(config.seed)?;
        body.reset_styles()?;
        body.reset_scaling()?;
        let mut random = Random::new(config.seed);
        for i in 0..body.shape.layers {
            body.init(i, config.layers.layer(i).init, &mut random)?;
        }
        Line::new("network of ")
            .number(body.shape.layers)
            .text(" layers, ")
            .number(body.shape.parameters)
            .text(" parameters, ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        Ok(Net { body, room, _piece: piece })
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
        let mut carver = Carver::measure();
        model.plan(true).carve(&mut carver)?;
        Ok((carver.layout()?, model))
    }

    pub(crate) fn check_view(model: &[u8]) -> Result<(Layout, Model<'_>)> {
        let model = Model::read(model)?;
        model.check_alignment()?;
        let mut carver = Carver::measure();
        model.plan(false).carve(&mut carver)?;
        Ok((carver.layout()?, model))
    }

    pub(crate) fn load_in_piece(model: &Model<'_>, mut piece: Piece<'m>) -> Result<Net<'m>> {
        let mut measure = Carver::measure();
        model.plan(true).carve(&mut measure)?;
        let (mut body, room) = model.plan(true).carve(&mut piece.carver(measure.layout()?)?)?;
        model.copy_into(&mut body)?;
        Ok(Net { body, room, _piece: piece })
    }

    pub(crate) fn view_in_piece(model: &Model<'m>, mut piece: Piece<'m>) -> Result<Net<'m>> {
        let mut measure = Carver::measure();
        model.plan(false).carve(&mut measure)?;
        let (mut body, room) = model.plan(false).carve(&mut piece.carver(measure.layout()?)?)?;
        model.lend_to(&mut body)?;
        Ok(Net { body, room, _piece: piece })
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.body.shape
    }

    /// Whether it reads its parameters in place and so cannot be changed.
    pub fn is_read_only(&self) -> bool {
        matches!(self.body.parameters, crate::mem::Held::InPlace(_))
    }

    /// The kernels it runs on.
    pub fn kernel(&self) -> Kernel {
        self.body.kernel
    }

    /// Makes it run on other kernels, to compare or to reproduce.
    /// [`Error::Unsupported`] if this machine does not have them.
    pub fn set_kernel(&mut self, kernel: Kernel) -> Result<()> {
        self.body.kernels = kernel.float()?;
        self.body.kernel = kernel;
        if self.is_exact() {
            self.room.exact = Some(kernel.exact()?);
        }
        Ok(())
    }

    /// Bytes that [`save`](Net::save) writes.
    pub fn model_len(&self) -> Result<usize> {
        float::len(&self.body)
    }

    /// Writes the network as a float32 model; returns its length.
    /// [`Error::BufferTooSmall`] leaves `buffer` as it is.
    pub fn save(&self, buffer: &mut [u8]) -> Result<usize> {
        let len = self.model_len()?;
        let image = buffer.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        float::write(image, &self.body);
        Ok(len)
    }

    /// The memory that the network of a FANN file takes.
    pub fn fann_footprint(file: &FannFile<'_>) -> Result<Layout> {
        let mut carver = Carver::measure();
        file.plan().carve(&mut carver)?;
        carver.layout()
    }

    /// The network of a FANN file. Its sigmoids have twice the steepness that
    /// FANN gives them, since FANN's have `exp(-2x)`. It runs with libfann's
    /// arithmetic, until [`set_exact`](Net::set_exact) says otherwise.
    pub fn from_fann(file: &FannFile<'_>, memory: impl Allocator<'m>) -> Result<Net<'m>> {
        Net::fann_in_piece(file, memory.allocate(Net::fann_footprint(file)?)?)
    }

    pub(crate) fn fann_in_piece(file: &FannFile<'_>, mut piece: Piece<'m>) -> Result<Net<'m>> {
        let needed = Net::fann_footprint(file)?;
        let (mut body, room) = file.plan().carve(&mut piece.carver(needed)?)?;
        file.copy_into(&mut body)?;
        let mut net = Net { body, room, _piece: piece };
        net.set_exact(true)?;
        Ok(net)
    }

    /// Writes the network as a FANN file; returns the length of the text. What
    /// libfann computes with it, [`set_exact`](Net::set_exact) tells.
    /// [`Error::BufferTooSmall`] if that is more than the buffer has (what is in
    /// the buffer then means nothing; [`fann_len`](Net::fann_len) tells the
    /// length before). [`Error::Unsupported`] for what FANN 2.2 does not have:
    /// softmax, ReLU, leaky ReLU, GELU, SiLU, sparse networks with shortcuts.
    /// [`Error::Invalid`] for settings that are NaN or infinite.
    pub fn save_fann(&self, buffer: &mut [u8], settings: &FannSettings) -> Result<usize> {
        let room = buffer.len();
        let len = fann::write(buffer, &self.body, settings)?;
        if len <= room { Ok(len) } else { Err(Error::BufferTooSmall) }
    }

    /// Bytes that [`save_fann`](Net::save_fann) writes.
    pub fn fann_len(&self, settings: &FannSettings) -> Result<usize> {
        fann::write(&mut [], &self.body, settings)
    }

    pub(crate) fn body(&self) -> &Body<'m> {
        &self.body
    }

    pub(crate) fn body_mut(&mut self) -> &mut Body<'m> {
        &mut self.body
    }

    pub(crate) fn layers(&self) -> &[Dense] {
        self.body.layers()
    }

    pub(crate) fn parameters(&self) -> &[f32] {
        self.body.parameters()
    }

    /// All weights and biases, to train them.
    pub(crate) fn parameters_mut(&mut self) -> Result<&mut [f32]> {
        let used = self.body.shape.parameters;
        Ok(&mut self.body.parameters.own()?[..used])
    }
}

impl core::fmt::Debug for Net<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Net")
            .field("shape", &self.body.shape)
            .field("layers", &self.layers())
            .field("kernel", &self.body.kernel)
            .finish_non_exhaustive()
    }
}
