//! What the targets and the seeds have in common.

use neural_swarm::nn::{Activation, Algorithm, Layer, Net, NetConfig, TrainerConfig};
use neural_swarm::port::Heap;

/// The bytes with the length and the checksum that a model of theirs has, so that
/// the fuzzer gets behind them.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut model = bytes.to_vec();
    if model.len() >= 32 {
        let len = model.len() as u32;
        model[8..12].copy_from_slice(&len.to_le_bytes());
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        digest.update(&model[..12]);
        digest.update(&model[16..]);
        model[12..16].copy_from_slice(&digest.finalize().to_le_bytes());
    }
    model
}

/// A small network.
pub fn net() -> Net<'static> {
    let layers = [Layer::new(3, Activation::Tanh), Layer::new(1, Activation::Tanh)];
    Net::new(&NetConfig::new(2, &layers), Heap).expect("good settings")
}

/// How many trainers there are to choose from.
pub const TRAINERS: u8 = 2 * ALGORITHMS.len() as u8;

const ALGORITHMS: [Algorithm; 10] = [
    Algorithm::INCREMENTAL,
    Algorithm::BATCH,
    Algorithm::RPROP,
    Algorithm::QUICKPROP,
    Algorithm::SARPROP,
    Algorithm::IRPROP_MINUS,
    Algorithm::IRPROP_PLUS,
    Algorithm::SGD,
    Algorithm::ADAM,
    Algorithm::ADAM_W,
];

/// A trainer of the network: each algorithm, those of FANN's also in exact mode.
pub fn trainer_config(choice: u8) -> TrainerConfig<'static> {
    let choice = usize::from(choice % TRAINERS);
    let (algorithm, other) = (choice / 2, choice % 2 == 1);
    let exact = other && algorithm < 5;
    TrainerConfig {
        algorithm: ALGORITHMS[algorithm],
        exact,
        keep_best: other,
        ..TrainerConfig::default()
    }
}

/// Bytes that nobody has to guess: for fuzzing alone.
pub struct Counter(pub u64);

impl neural_swarm::port::Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> neural_swarm::Result<()> {
        for byte in out {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (self.0 >> 56) as u8;
        }
        Ok(())
    }
}
