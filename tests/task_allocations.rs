//! What tasks are given with asks the heap for nothing after creation.

use neural_swarm::nn::{Activation, Layer, Net, NetConfig};
use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;
use neural_swarm::task::balance::{
    Autoscaler, Balancer, BalancerConfig, Forecast, Gauge, GaugeConfig, Learner, Policy, Power,
    ScaleConfig,
};
use neural_swarm::task::plan::{
    Builder, BuilderConfig, LearnedOrder, Model, Outcome, Planner, PlannerConfig, Verifier,
    VerifierConfig,
};
use neural_swarm::task::route::{Pattern, Router, RouterConfig, Sample, fill, train};
use neural_swarm::task::schedule::*;

#[path = "../benches/raft/allocations.rs"]
mod allocations;

#[global_allocator]
static COUNTING: allocations::Counting = allocations::Counting;

#[test]
fn the_count_counts() {
    assert_eq!(allocations::during(|| drop(std::hint::black_box(vec![1u8]))), 1);
}

#[test]
fn dispatchers_gauges_and_scalers_do_not_allocate() {
    let mut gauge = Gauge::new(&GaugeConfig::default(), Heap).unwrap();
    let forecasts =
        [Forecast::Off, Forecast::Holt { level: 0.5, trend: 0.1 }, Forecast::Lags { lags: 8 }];
    let mut scalers = forecasts.map(|forecast| {
        Autoscaler::new(&ScaleConfig { forecast, ..ScaleConfig::default() }, Heap).unwrap()
    });
    for code in 0..7 {
        let policy = Policy::from_code(code).unwrap();
        let learner = if code % 2 == 0 { Learner::Ridge } else { Learner::Network { units: 8 } };
        let config = BalancerConfig { policy, learner, ..BalancerConfig::default() };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        let count = allocations::during(|| {
            for request in 0..500u64 {
                let now = request * 1000;
                balancer.prepare(now);
                while let Some(worker) = balancer.next_probe(now) {
                    balancer.probed(worker, gauge.answer(now), now).unwrap();
                }
                let pick = balancer.pick(&[request as f32], now).unwrap();
                balancer.sent(request, pick.worker, &[request as f32], now).unwrap();
                gauge.arrived(request, pick.work, now).unwrap();
                gauge.progressed(request, 0.5, now + 100).unwrap();
                if request % 10 == 3 {
                    gauge.dropped(request, now + 500).unwrap();
                    balancer.failed(request, now + 600).unwrap();
                } else {
                    gauge.finished(request, 1.0, now + 500).unwrap();
                    balancer.done(request, 1.0, now + 600).unwrap();
                }
                balancer.set_power(1, Power { battery: 1.0, duty: 0.5 }).unwrap();
                balancer.set_available(2, request % 50 < 25).unwrap();
                scalers.iter_mut().for_each(|scaler| {
                    scaler.step(request as f32, 3).unwrap();
                });
            }
            balancer.predict(&[7.0]).unwrap();
        });
        assert_eq!(count, 0, "{policy:?}");
    }
}

#[test]
fn routing_and_filling_slots_do_not_allocate() {
    let samples =
        [Sample { text: "go home", task: Some(0) }, Sample { text: "land", task: Some(1) }];
    let config = RouterConfig { width: 16, blocks: 20, ..RouterConfig::default() };
    let model = train(&config, &["go", "land"], &samples).unwrap();
    let patterns = [Pattern::Coordinates, Pattern::Duration, Pattern::Number { units: &[] }];
    let mut slots = [None; 3];
    let count = allocations::during(|| {
        let router = Router::new(&model).unwrap();
        for text in ["go home now", "land at 47.5, 8.5 in 2 hours and 5 minutes", ""] {
            router.route(text.as_bytes()).unwrap();
            fill(text.as_bytes(), &patterns, &mut slots).unwrap();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn assigners_and_allocators_do_not_allocate() {
    let config = AssignerConfig { rows: 9, columns: 7, tall: true };
    let mut assigner = Assigner::new(&config, Heap).unwrap();
    let mut allocator =
        TaskAllocator::new(&TaskAllocatorConfig { tasks: 9, agents: 3 }, Heap).unwrap();
    let costs: [f64; 63] = core::array::from_fn(|k| (k * k % 17) as f64);
    let tasks = [TaskNeeds { deadline_us: 9, skip_cost: 50.0, ..TaskNeeds::default() }; 9];
    let agents = [AgentLimits { capacity: 4, energy_j: 3.0, ..AgentLimits::default() }; 3];
    let effort = |k: usize| Effort { time_us: k as u64 % 5, energy_j: 1.0, cost: costs[k] };
    let efforts: [Effort; 27] = core::array::from_fn(effort);
    let count = allocations::during(|| {
        assigner.solve(9, 7, &costs).unwrap();
        assigner.solve(7, 7, &costs[..49]).unwrap();
        let prices = Prices::default();
        let found = allocator.allocate(&tasks, &agents, &efforts, &prices).unwrap();
        assert!(found.repairs > 0, "the harder part was seen");
    });
    assert_eq!(count, 0);
}

#[test]
fn auctions_do_not_allocate() {
    let mut bundles = [1, 2].map(|agent| {
        Cbba::new(&CbbaConfig { agent, lost_us: 1_000_000, ..CbbaConfig::default() }, Heap).unwrap()
    });
    let mut prices = [1, 2].map(|agent| {
        let config = PriceConfig { agent, lost_us: 1_000_000, ..PriceConfig::default() };
        PriceAuction::new(&config, Heap).unwrap()
    });
    let mut out = [0; 4096];
    let count = allocations::during(|| {
        for id in 0..8 {
            let task = CbbaTask { id, ..CbbaTask::default() };
            bundles.iter_mut().for_each(|agent| agent.add_task(&task, 0).unwrap());
            prices.iter_mut().for_each(|agent| agent.add_task(id, 1.0 + id as f64, 0).unwrap());
        }
        for now in (0..3_000_000).step_by(10_000) {
            for (from, to) in [(0, 1), (1, 0)] {
                if let Some(len) = bundles[from].next_message(now, &mut out).unwrap() {
                    bundles[to].step(&out[..len], now).unwrap();
                }
                if let Some(len) = prices[from].next_message(now, &mut out).unwrap() {
                    prices[to].step(&out[..len], now).unwrap();
                }
            }
        }
        bundles[0].moved([1.0; 3], 0, 5.0, 3_000_000).unwrap();
        bundles[0].remove_task(3, 3_000_000).unwrap();
        prices[0].remove_task(3, 3_000_000).unwrap();
        bundles[0].tick(9_000_000);
        prices[0].tick(9_000_000);
        assert!(bundles[0].is_lost(2) && prices[0].is_lost(2));
    });
    assert_eq!(count, 0);
}

#[test]
fn schedules_and_workflows_do_not_allocate() {
    let dag_config = DagConfig { tasks: 9, edges: 8, workers: 3 };
    let mut dag = Dag::new(&dag_config, Heap).unwrap();
    let mut scheduler = Scheduler::new(&SchedulerConfig { tasks: 9, workers: 3 }, Heap).unwrap();
    let config =
        WorkflowConfig { dag: dag_config, subflows: 1, search_rounds: 3, ..Default::default() };
    let mut flow = Workflow::new(&config, Heap).unwrap();
    let count = allocations::during(|| {
        (0..9).for_each(|task| assert_eq!(dag.add_task(1.0), Ok(task)));
        (1..9).for_each(|task| dag.add_edge(task / 2, task, 1.0).unwrap());
        dag.build().unwrap();
        scheduler.heft(&dag).unwrap();
        scheduler.peft(&dag).unwrap();
        scheduler.search(&dag, &SearchConfig::default()).unwrap();
        scheduler.lower_bound(&dag).unwrap();
        let sub = flow.add_subflow(OUTERMOST, 0).unwrap();
        for task in 0..9 {
            let within = if task < 4 { sub } else { OUTERMOST };
            flow.add_task(&TaskOptions { within, timeout_us: 9, ..Default::default() }).unwrap();
        }
        flow.start(0).unwrap();
        for now in 0..200 {
            while let Some(action) = flow.next_action() {
                match action {
                    Action::Start { task, attempt, .. }
                        if !(task + now as u32).is_multiple_of(3) =>
                    {
                        flow.finished(task, attempt, now).unwrap();
                    }
                    Action::Start { task: 3, attempt, .. } => {
                        flow.failed(3, attempt, now).unwrap();
                    }
                    _ => {}
                }
            }
            flow.tick(now);
        }
        flow.worker_lost(1, 200).unwrap();
        flow.worker_joined(1, 201).unwrap();
        if flow.open() > 0 {
            flow.cancel_all().unwrap();
        }
    });
    assert_eq!(count, 0);
}

/// A task that two methods have two actions for, in their order or in any.
fn model(ordered: bool) -> Vec<u32> {
    let room = BuilderConfig { tasks: 4, methods: 4, code: 100, ..BuilderConfig::default() };
    let mut b = Builder::new(&BuilderConfig { types: 1, names: 100, ..room }, Heap).unwrap();
    let actions = ["a", "b"].map(|name| b.action(name, &[]).unwrap());
    let task = b.task("t", &[]).unwrap();
    for name in ["m", "n"] {
        b.method(name, task, &[], &[]).unwrap();
        for action in actions {
            b.subtask(action, &[]).unwrap();
        }
        if ordered {
            b.ordered().unwrap();
        }
    }
    b.network(&[]).unwrap();
    b.subtask(task, &[]).unwrap();
    let mut words = vec![0; b.model_len().unwrap().div_ceil(4)];
    b.finish(&mut words).unwrap();
    words
}

#[test]
fn planners_and_verifiers_do_not_allocate() {
    for ordered in [true, false] {
        let words = model(ordered);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut planner = Planner::new(&model, &PlannerConfig::default(), Heap).unwrap();
        let config = VerifierConfig { steps: 10, facts: 10, words: 1000 };
        let mut verifier = Verifier::new(&config, Heap).unwrap();
        let mut seen = None;
        let count = allocations::during(|| {
            let outcome = planner.step(100);
            let plan = planner.plan().unwrap();
            seen = Some((outcome, plan.order.len(), verifier.verify(&model, &plan)));
        });
        assert_eq!((count, seen), (0, Some((Outcome::Found, 2, Ok(())))), "{ordered}");
    }
}

#[test]
fn a_learned_order_does_not_allocate() {
    let words = model(true);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let layers = [Layer::new(4, Activation::Tanh), Layer::new(2, Activation::Softmax)];
    let net = Net::new(&NetConfig::new(64, &layers).seed(1), Heap).unwrap();
    let mut order = LearnedOrder::new(net, &model, Heap).unwrap();
    let mut planner = Planner::new(&model, &PlannerConfig::default(), Heap).unwrap();
    let mut outcome = None;
    let count = allocations::during(|| outcome = Some(planner.step_with(100, &mut order)));
    assert_eq!((count, outcome), (0, Some(Outcome::Found)));
}
