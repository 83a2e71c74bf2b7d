//! Any bytes as a model: load and view agree, what loads runs and saves to the
//! same bytes again. The first byte of the input chooses whether the checksum is
//! made right, so that the fuzzer gets behind it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::nn::{Net, QNet, QNet16};
use neural_swarm::port::Heap;
use neural_swarm_fuzz::sealed;

/// Keeps a hostile but valid model from eating the fuzzer's memory and time.
const MOST_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    // A vector of words, so that the view is aligned.
    let mut words = vec![0u32; rest.len().div_ceil(4)];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        let mut four = [0; 4];
        four[..bytes.len()].copy_from_slice(bytes);
        *word = u32::from_le_bytes(four);
    }
    let mut model: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    model.truncate(rest.len());
    if first & 1 == 1 {
        model = sealed(&model);
    }
    float(&model);
    int8(&model);
    int16(&model);
});

fn float(model: &[u8]) {
    let Ok(layout) = Net::load_footprint(model) else {
        assert!(Net::load(model, Heap).is_err());
        return;
    };
    if layout.size() > MOST_BYTES {
        return;
    }
    let mut net = Net::load(model, Heap).expect("what has a footprint loads");
    let shape = net.shape();
    let mut output = vec![0.0; shape.outputs];
    net.forward(&vec![0.5; shape.inputs], &mut output).expect("what loads runs");
    let mut saved = vec![0; net.model_len().unwrap()];
    net.save(&mut saved).unwrap();
    assert_eq!(saved, model);
    if let Ok(mut view) = Net::view(model, Heap) {
        let mut again = vec![0.0; shape.outputs];
        view.forward(&vec![0.5; shape.inputs], &mut again).unwrap();
        assert!(output.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

fn int8(model: &[u8]) {
    let Ok(layout) = QNet::load_footprint(model) else {
        assert!(QNet::load(model, Heap).is_err());
        return;
    };
    if layout.size() > MOST_BYTES {
        return;
    }
    let mut net = QNet::load(model, Heap).expect("what has a footprint loads");
    assert_eq!(net.model(), model);
    let input: Vec<i8> = (0..net.inputs()).map(|i| (i * 31) as i8).collect();
    let mut output = vec![0; net.outputs()];
    net.forward_i8(&input, &mut output).expect("what loads runs");
    if let Ok(mut view) = QNet::view(model, Heap) {
        let mut again = vec![0; output.len()];
        view.forward_i8(&input, &mut again).unwrap();
        assert_eq!(output, again);
    }
}

fn int16(model: &[u8]) {
    let Ok(layout) = QNet16::load_footprint(model) else {
        assert!(QNet16::load(model, Heap).is_err());
        return;
    };
    if layout.size() > MOST_BYTES {
        return;
    }
    let mut net = QNet16::load(model, Heap).expect("what has a footprint loads");
    assert_eq!(net.model(), model);
    let input: Vec<i16> = (0..net.inputs()).map(|i| (i * 7919) as i16).collect();
    let mut output = vec![0; net.outputs()];
    net.forward_i16(&input, &mut output).expect("what loads runs");
    if let Ok(mut view) = QNet16::view(model, Heap) {
        let mut again = vec![0; output.len()];
        view.forward_i16(&input, &mut again).unwrap();
        assert_eq!(output, again);
    }
}
