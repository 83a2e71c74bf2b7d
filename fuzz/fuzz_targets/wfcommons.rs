//! Recorded workflows that may be anything: what is read can be scheduled, or is refused with a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::Error;
use neural_swarm::host::WfInstance;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::{Dag, Scheduler, SchedulerConfig};

fuzz_target!(|data: &[u8]| {
    let Ok(read) = WfInstance::read(data, None) else { return };
    let mut dag = Dag::new(&read.dag_config(2), Heap).expect("a graph of this size");
    match read.add_to(&mut dag).and_then(|()| dag.build()) {
        Ok(()) => {
            let config = SchedulerConfig { tasks: dag.tasks(), workers: 2 };
            let mut scheduler = Scheduler::new(&config, Heap).expect("a scheduler of this size");
            let bound = scheduler.lower_bound(&dag).expect("it is built");
            let makespan = scheduler.heft(&dag).expect("all workers can do all");
            assert!(makespan >= bound * (1.0 - 1e-9));
        }
        Err(error) => {
            let reasons = [Error::Invalid, Error::TaskCycle, Error::TaskState];
            assert!(reasons.contains(&error), "{error:?}");
        }
    }
});
