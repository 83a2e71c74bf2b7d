//! Writes good models to start fuzzing from, into the folder given.

use std::path::Path;

use neural_swarm::nn::{Activation, Layer, Net, NetConfig, QNet, QNetConfig};
use neural_swarm::port::Heap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    std::fs::create_dir_all(&folder)?;
    let activations = [Activation::Tanh, Activation::Relu, Activation::Sigmoid];
    for (i, activation) in activations.into_iter().enumerate() {
        let layers = [Layer::new(i + 2, activation), Layer::new(3, Activation::Softmax)];
        let layers = &layers[..if i == 2 { 1 } else { 2 }];
        let mut net = Net::new(&NetConfig::new(i + 1, layers), Heap)?;
        let mut float = vec![0; net.model_len()?];
        net.save(&mut float)?;
        let samples: Vec<f32> = (0..(i + 1) * 8).map(|i| (i as f32).sin()).collect();
        let mut config = QNetConfig { net: &mut net, samples: &samples, batch: 1, logger: None };
        let int8 = QNet::new(&mut config, Heap)?.model().to_vec();
        for (kind, model) in [("float", float), ("int8", int8)] {
            // The target makes the checksum right for an odd first byte.
            let bytes = [&[1], &model[..]].concat();
            std::fs::write(Path::new(&folder).join(format!("{kind}-{i}")), bytes)?;
        }
    }
    Ok(())
}
