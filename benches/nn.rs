//! The network's forward and training steps, on the digits' shape and a larger
//! one, for every kernel that this machine has. `scripts/bench` runs it.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neural_swarm::nn::{
    Activation, Algorithm, Data, Kernel, Layer, Loss, Net, NetConfig, QNet, QNetConfig, Trainer,
    TrainerConfig,
};
use neural_swarm::port::Heap;

/// Inputs, hidden units, outputs.
const SHAPES: [(usize, usize, usize); 2] = [(64, 32, 10), (784, 128, 10)];
const SAMPLES: usize = 256;

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|k| k.available())
}

fn net((inputs, hidden, outputs): (usize, usize, usize), kernel: Kernel) -> Net<'static> {
    let layers = [Layer::new(hidden, Activation::Tanh), Layer::new(outputs, Activation::Softmax)];
    let config = NetConfig { batch: 32, ..NetConfig::new(inputs, &layers) };
    let mut net = Net::new(&config, Heap).unwrap();
    net.set_kernel(kernel).unwrap();
    net
}

fn samples(inputs: usize) -> Vec<f32> {
    (0..SAMPLES * inputs).map(|i| (i as f32 * 0.37).sin()).collect()
}

fn name((inputs, hidden, outputs): (usize, usize, usize), kernel: Kernel) -> String {
    format!("{inputs}-{hidden}-{outputs}/{kernel:?}")
}

fn forward(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    for shape in SHAPES {
        let inputs = samples(shape.0);
        for kernel in kernels() {
            let mut net = net(shape, kernel);
            let mut outputs = vec![0.0; SAMPLES * shape.2];
            group.bench_function(BenchmarkId::new("f32", name(shape, kernel)), |b| {
                b.iter(|| net.forward_batch(&inputs, SAMPLES, &mut outputs).unwrap());
            });
            let config = &mut QNetConfig::new(&mut net, &inputs);
            let mut q = QNet::new(config, Heap).unwrap();
            q.set_kernel(kernel).unwrap();
            let from = q.input_quantization();
            let bytes: Vec<i8> = inputs.iter().map(|x| from.quantize(*x)).collect();
            let mut output = vec![0; shape.2];
            group.bench_function(BenchmarkId::new("int8", name(shape, kernel)), |b| {
                b.iter(|| {
                    for x in bytes.chunks_exact(shape.0) {
                        q.forward_i8(x, &mut output).unwrap();
                    }
                });
            });
        }
    }
}

fn training_epoch(c: &mut Criterion) {
    let mut group = c.benchmark_group("training epoch");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    let algorithms = [
        ("irprop-", Algorithm::IRPROP_MINUS),
        ("sgd", Algorithm::Sgd { learning_rate: 1e-4, momentum: 0.9, nesterov: false }),
        ("adam", Algorithm::ADAM),
    ];
    for shape in SHAPES {
        let inputs = samples(shape.0);
        let targets: Vec<f32> =
            (0..SAMPLES * shape.2).map(|i| f32::from(u8::from(i % shape.2 == 0))).collect();
        let data = Data::new(&inputs, &targets);
        for (algorithm_name, algorithm) in algorithms {
            for kernel in kernels() {
                let mut net = net(shape, kernel);
                let config =
                    TrainerConfig { algorithm, loss: Loss::CrossEntropy, ..Default::default() };
                let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
                let id = BenchmarkId::new(algorithm_name, name(shape, kernel));
                group.bench_function(id, |b| {
                    b.iter(|| trainer.epoch(&mut net, data).unwrap());
                });
            }
        }
    }
}

criterion_group!(benches, forward, training_epoch);
criterion_main!(benches);
