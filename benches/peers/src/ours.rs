//! Our side: all that the benchmarks use of the library's interface.

use neural_swarm::nn::kernel::{
    MatmulSize, MatrixRef, MatrixRefMut, matmul_f32, matmul_f32_scratch, matmul_packed_u8i8,
    pack_i8, packed_i8_len,
};
use neural_swarm::nn::{
    Activation, Algorithm, Data, ErrorFunction, Kernel, Layer, Loss, Net, NetConfig, QNet,
    QNetConfig, Trainer, TrainerConfig,
};
use neural_swarm::port::Heap;

use crate::data::Set;
use crate::measure::Outcome;
use crate::spec::{Method, Spec, Squash};

fn no(error: neural_swarm::Error) -> Box<dyn std::error::Error> {
    format!("neural-swarm: {error}").into()
}

/// The kernels that networks run on here.
pub fn kernel() -> String {
    format!("{:?}", neural_swarm::nn::Kernel::best())
}

fn layers(widths: &[usize], hidden: Activation, output: Activation) -> Vec<Layer> {
    let last = widths.len() - 1;
    let activation = |i| if i == last { output } else { hidden };
    (1..=last).map(|i| Layer::new(widths[i], activation(i))).collect()
}

/// libfann's steepness of 0.5 is our 1 for the sigmoid, and its half for tanh.
fn fann_layers(spec: &Spec) -> Vec<Layer> {
    let (activation, steepness) = match spec.squash {
        Squash::Sigmoid => (Activation::Sigmoid, 1.0),
        Squash::Tanh => (Activation::Tanh, 0.5),
    };
    let layers = layers(&spec.layers, activation, activation);
    layers.into_iter().map(|layer| Layer { steepness, ..layer }).collect()
}

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// libfann's algorithm, our order of sums.
    Fast,
    /// libfann's bits.
    Exact,
}

fn trainer_config(spec: &Spec, mode: Mode) -> TrainerConfig<'static> {
    let algorithm = match spec.method {
        Method::Incremental => Algorithm::INCREMENTAL,
        Method::Batch => Algorithm::BATCH,
        Method::Rprop => Algorithm::RPROP,
    };
    TrainerConfig {
        algorithm,
        error_function: ErrorFunction::Tanh,
        shuffle: false,
        exact: mode == Mode::Exact,
        ..Default::default()
    }
}

/// A network with its trainer.
pub struct Training {
    net: Net<'static>,
    trainer: Trainer<'static>,
}

impl Training {
    /// As libfann does it, from these weights.
    pub fn fann(spec: &Spec, mode: Mode, weights: &[f32]) -> Outcome<Training> {
        let layers = fann_layers(spec);
        let mut net = Net::new(&NetConfig::new(spec.inputs(), &layers), Heap).map_err(no)?;
        net.set_weights(weights).map_err(no)?;
        let trainer = Trainer::new(&trainer_config(spec, mode), &net, Heap).map_err(no)?;
        Ok(Training { net, trainer })
    }

    /// With softmax, cross-entropy and Adam, in mini-batches.
    pub fn own(widths: &[usize], seed: u64) -> Outcome<Training> {
        let layers = layers(widths, Activation::Relu, Activation::Softmax);
        let config = NetConfig::new(widths[0], &layers).seed(seed);
        let net = Net::new(&config, Heap).map_err(no)?;
        let config = TrainerConfig {
            algorithm: Algorithm::ADAM,
            loss: Loss::CrossEntropy,
            seed,
            ..Default::default()
        };
        let trainer = Trainer::new(&config, &net, Heap).map_err(no)?;
        Ok(Training { net, trainer })
    }

    pub fn epochs(&mut self, data: &Set, epochs: usize) -> Outcome<()> {
        let data = Data::new(&data.x, &data.y);
        for _ in 0..epochs {
            self.trainer.epoch(&mut self.net, data).map_err(no)?;
        }
        Ok(())
    }

    pub fn run(&mut self, input: &[f32], output: &mut [f32]) {
        self.net.forward(input, output).expect("the widths are the network's");
    }

    pub fn weights(&self) -> &[f32] {
        self.net.weights()
    }

    /// As int8, for batches of so many samples.
    pub fn quantised(&mut self, samples: &[f32], batch: usize) -> Outcome<Quantised> {
        Quantised::of(&mut self.net, samples, batch)
    }
}

/// Bytes of network and trainer together.
pub fn training_bytes(spec: &Spec) -> Outcome<usize> {
    let layers = fann_layers(spec);
    let config = NetConfig::new(spec.inputs(), &layers);
    let net = Net::new(&config, Heap).map_err(no)?;
    let trainer = Trainer::footprint(&trainer_config(spec, Mode::Fast), &net).map_err(no)?;
    let objects = size_of::<Net<'_>>() + size_of::<Trainer<'_>>();
    Ok(Net::footprint(&config).map_err(no)?.size() + trainer.size() + objects)
}

/// Bytes of a loaded network: float32, int8.
pub fn loaded_bytes(spec: &Spec) -> Outcome<(usize, usize)> {
    let layers = fann_layers(spec);
    let mut net = Net::new(&NetConfig::new(spec.inputs(), &layers), Heap).map_err(no)?;
    let mut model = vec![0; net.model_len().map_err(no)?];
    net.save(&mut model).map_err(no)?;
    let float = Net::load_footprint(&model).map_err(no)?.size() + size_of::<Net<'_>>();
    let quantised = Quantised::of(&mut net, &vec![0.5; spec.inputs()], 1)?;
    let int8 = QNet::load_footprint(quantised.net.model()).map_err(no)?.size();
    Ok((float, int8 + size_of::<QNet<'_>>()))
}

/// A float32 network that only runs.
pub struct Float {
    net: Net<'static>,
}

impl Float {
    /// libfann's.
    pub fn fann(spec: &Spec, weights: &[f32]) -> Outcome<Float> {
        Float::of(spec.inputs(), &fann_layers(spec), 1, weights)
    }

    /// With ReLU, and nothing after the last layer.
    pub fn relu(widths: &[usize], batch: usize, weights: &[f32]) -> Outcome<Float> {
        let layers = layers(widths, Activation::Relu, Activation::Linear);
        Float::of(widths[0], &layers, batch, weights)
    }

    fn of(inputs: usize, layers: &[Layer], batch: usize, weights: &[f32]) -> Outcome<Float> {
        let config = NetConfig { batch, ..NetConfig::new(inputs, layers) };
        let mut net = Net::new(&config, Heap).map_err(no)?;
        net.set_weights(weights).map_err(no)?;
        Ok(Float { net })
    }

    pub fn run(&mut self, input: &[f32], output: &mut [f32]) {
        self.net.forward(input, output).expect("the widths are the network's");
    }

    /// Runs with libfann's arithmetic.
    pub fn exact(mut self) -> Outcome<Float> {
        self.net.set_exact(true).map_err(no)?;
        Ok(self)
    }

    /// As int8, for batches of so many samples.
    pub fn quantised(&mut self, samples: &[f32], batch: usize) -> Outcome<Quantised> {
        Quantised::of(&mut self.net, samples, batch)
    }
}

/// An int8 network.
pub struct Quantised {
    net: QNet<'static>,
}

impl Quantised {
    fn of(net: &mut Net<'_>, samples: &[f32], batch: usize) -> Outcome<Quantised> {
        let mut config = QNetConfig { batch, ..QNetConfig::new(net, samples) };
        Ok(Quantised { net: QNet::new(&mut config, Heap).map_err(no)? })
    }

    /// Scale and zero point of input and output.
    pub fn scales(&self) -> [(f32, i32); 2] {
        let (x, y) = (self.net.input_quantization(), self.net.output_quantization());
        [(x.scale, x.zero_point.into()), (y.scale, y.zero_point.into())]
    }

    pub fn quantise(&self, values: &[f32]) -> Vec<i8> {
        let from = self.net.input_quantization();
        values.iter().map(|x| from.quantize(*x)).collect()
    }

    pub fn model(&self) -> &[u8] {
        self.net.model()
    }

    /// Real values in and out.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) {
        self.net.forward(input, output).expect("the widths are the network's");
    }

    pub fn run_i8(&mut self, input: &[i8], output: &mut [i8]) {
        self.net.forward_i8(input, output).expect("the widths are the network's");
    }

    pub fn run_batch_i8(&mut self, inputs: &[i8], outputs: &mut [i8]) {
        self.net.forward_i8_batch(inputs, outputs).expect("whole rows");
    }
}

/// Square float32 products.
pub struct Product {
    n: usize,
    scratch: Vec<f32>,
}

impl Product {
    pub fn new(n: usize) -> Outcome<Product> {
        let len = matmul_f32_scratch(Kernel::best(), (n, n, n)).map_err(no)?;
        Ok(Product { n, scratch: vec![0.0; len] })
    }

    pub fn run(&mut self, a: &[f32], b: &[f32], c: &mut [f32]) {
        let n = self.n;
        let matrix = |data| MatrixRef { data, strides: (n, 1) };
        let c = MatrixRefMut { data: c, strides: (n, 1) };
        let scratch = &mut self.scratch;
        matmul_f32(Kernel::best(), (n, n, n), matrix(a), matrix(b), c, false, scratch)
            .expect("the matrices have their sizes");
    }
}

/// A square int8 matrix, packed.
pub struct Packed {
    n: usize,
    bytes: Vec<u8>,
    /// Where the packed matrix begins.
    start: usize,
}

impl Packed {
    pub fn new(n: usize, b: &[i8]) -> Outcome<Packed> {
        // At a multiple of 64, as the documentation has it for speed.
        let len = packed_i8_len(n, n).map_err(no)?;
        let mut bytes = vec![0; len + 63];
        let start = bytes.as_ptr().align_offset(64);
        pack_i8(n, n, b, &mut bytes[start..]).map_err(no)?;
        Ok(Packed { n, bytes, start })
    }

    /// `c` becomes the uint8 matrix `a` times this one.
    pub fn run(&self, a: &[u8], c: &mut [i32]) {
        let size = MatmulSize { m: self.n, n: self.n, k: self.n };
        matmul_packed_u8i8(Kernel::best(), size, a, &self.bytes[self.start..], c)
            .expect("the matrices have their sizes");
    }
}
