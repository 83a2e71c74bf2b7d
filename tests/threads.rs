//! What the header says about threads: const calls run side by side, and a call
//! that changes an object never runs beside another on it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use neural_swarm::ffi::activation::NSW_ACTIVATION_TANH;
use neural_swarm::ffi::net::{
    nsw_layer, nsw_net, nsw_net_config, nsw_net_create, nsw_net_destroy, nsw_net_forward,
    nsw_net_save,
};
use neural_swarm::ffi::status::{NSW_ERR_BUSY, NSW_OK};

#[derive(Clone, Copy)]
struct Handle(*mut nsw_net);
// SAFETY: what this test is about.
unsafe impl Send for Handle {}
// SAFETY: what this test is about.
unsafe impl Sync for Handle {}

fn net() -> Handle {
    let layer = nsw_layer {
        size: size_of::<nsw_layer>() as u32,
        units: 64,
        activation: NSW_ACTIVATION_TANH,
        init: 0,
        steepness: 0.0,
    };
    let config = nsw_net_config {
        size: size_of::<nsw_net_config>() as u32,
        inputs: 32,
        layers: &layer,
        layer_count: 1,
        logger: core::ptr::null(),
        seed: 3,
        batch: 0,
        topology: 0,
        connection_rate: 0.0,
        unit_styles: 0,
        scaling: 0,
        spare_units: 0,
    };
    let mut net = core::ptr::null_mut();
    // SAFETY: a whole configuration, the heap, and a place on the stack.
    assert_eq!(unsafe { nsw_net_create(&config, core::ptr::null(), &mut net) }, NSW_OK);
    Handle(net)
}

fn save(net: Handle) -> Vec<u8> {
    let mut bytes = vec![0; 16_384];
    let mut len = 0;
    // SAFETY: a live network and a buffer of that length.
    let status = unsafe { nsw_net_save(net.0, bytes.as_mut_ptr(), bytes.len(), &mut len) };
    assert_eq!(status, NSW_OK);
    bytes.truncate(len);
    bytes
}

#[test]
fn const_calls_run_side_by_side() {
    let net = net();
    let alone = save(net);
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..500 {
                    assert_eq!(save(net), alone);
                }
            });
        }
    });
    // SAFETY: live, and used no more.
    unsafe { nsw_net_destroy(net.0) };
}

#[test]
fn a_second_thread_in_a_changing_call_is_told_busy() {
    // One thread too many is a mistake of the caller; it must get a code and
    // never a wrong result.
    let net = net();
    let input = [0.25f32; 32];
    let run = |net: Handle, output: &mut [f32; 64]| {
        // SAFETY: a live network and buffers of its lengths.
        unsafe {
            let len = core::ptr::null_mut();
            nsw_net_forward(net.0, input.as_ptr(), 32, output.as_mut_ptr(), 64, len)
        }
    };
    let mut alone = [0.0; 64];
    assert_eq!(run(net, &mut alone), NSW_OK);
    let done = AtomicUsize::new(0);
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..2000 {
                    let mut output = [0.0; 64];
                    match run(net, &mut output) {
                        NSW_OK => {
                            assert_eq!(output, alone);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        status => {
                            assert_eq!(status, NSW_ERR_BUSY);
                            assert_eq!(output, [0.0; 64]);
                        }
                    }
                }
            });
        }
    });
    assert!(done.into_inner() > 0);
    // SAFETY: live, and used no more.
    unsafe { nsw_net_destroy(net.0) };
}

#[test]
fn rust_objects_move_to_other_threads() {
    use neural_swarm::nn::{Activation, Layer, Net, NetConfig, QNet, Trainer};
    use neural_swarm::port::Arena;
    fn movable<T: Send>() {}
    movable::<Net<'_>>();
    movable::<QNet<'_>>();
    movable::<Trainer<'_>>();

    let mut memory = [core::mem::MaybeUninit::uninit(); 1024];
    let arena = Arena::new(&mut memory);
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(1, &layers), &arena).unwrap();
    let mut output = [f32::NAN; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| net.forward(&[1.0], &mut output).unwrap());
    });
    assert!(output.iter().all(|y| y.is_finite()));
}
