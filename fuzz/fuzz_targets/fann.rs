//! Any bytes as a FANN network: what is read runs, and is the same network when
//! it is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::nn::{FannFile, Net};
use neural_swarm::port::Heap;

/// Keeps a hostile but valid file from eating the fuzzer's memory and time.
const MOST_BYTES: usize = 1 << 20;

fuzz_target!(|text: &[u8]| {
    let Ok(file) = FannFile::read(text, None) else { return };
    let layout = Net::fann_footprint(&file).expect("what is read has a footprint");
    if layout.size() > MOST_BYTES {
        return;
    }
    let mut net = Net::from_fann(&file, Heap).expect("what has a footprint loads");
    let shape = net.shape();
    let mut output = vec![0.0; shape.outputs];
    net.forward(&vec![0.5; shape.inputs], &mut output).expect("what loads runs");
    // A steepness that FANN's numbers cannot say may not be written.
    let Ok(len) = net.fann_len(&file.settings) else { return };
    let mut saved = vec![0; len];
    assert_eq!(net.save_fann(&mut saved, &file.settings), Ok(len));
    let again = FannFile::read(&saved, None).expect("what is written is read");
    assert_eq!(again.settings, file.settings);
    let same = Net::from_fann(&again, Heap).unwrap();
    assert_eq!(net.difference(&same), Ok(0.0));
    assert!(net.scales().eq(same.scales()));
});
