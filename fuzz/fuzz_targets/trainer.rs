//! Any bytes as the state of a trainer: it is taken on, and training goes on, or
//! it is refused and the trainer is as before. The first byte of the input
//! chooses the trainer, the second whether length and checksum are made right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::nn::{Data, Trainer};
use neural_swarm::port::Heap;
use neural_swarm_fuzz::{net, sealed, trainer_config};

const DATA: Data<'static> = Data::new(&[0.0, 1.0, -1.0, 0.5], &[0.5, -0.5]);

fuzz_target!(|input: &[u8]| {
    let [choice, fix, rest @ ..] = input else { return };
    let mut net = net();
    let mut trainer = Trainer::new(&trainer_config(*choice), &net, Heap).expect("good settings");
    let state = if fix & 1 == 1 { sealed(rest) } else { rest.to_vec() };
    let before = saved(&trainer);
    if trainer.load_state(&state).is_err() {
        assert_eq!(saved(&trainer), before);
        return;
    }
    // Fields that an algorithm does not have may differ in the first one.
    let first = saved(&trainer);
    trainer.load_state(&first).expect("what is saved loads");
    assert_eq!(saved(&trainer), first);
    for _ in 0..2 {
        let _ = trainer.epoch(&mut net, DATA);
    }
});

fn saved(trainer: &Trainer<'_>) -> Vec<u8> {
    let mut bytes = vec![0; trainer.state_len().unwrap()];
    trainer.save_state(&mut bytes).unwrap();
    bytes
}
