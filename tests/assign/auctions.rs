//! Auctions: how near to the optimum, that nothing is had twice, that loss is borne.

use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;

use super::Random;
use super::network::*;

const SECOND: u64 = 1_000_000;

/// The most that can be gained: each agent takes so many tasks, values row by row of agents.
fn optimum(values: &[f64], agents: usize, tasks: usize, capacity: u32) -> f64 {
    let config = TaskAllocatorConfig { tasks, agents };
    let mut allocator = TaskAllocator::new(&config, Heap).unwrap();
    let needs = vec![TaskNeeds { skip_cost: 0.0, ..TaskNeeds::default() }; tasks];
    let limits = vec![AgentLimits { capacity, ..AgentLimits::default() }; agents];
    let cost =
        |k: usize| Effort { cost: -values[k % agents * tasks + k / agents], ..Effort::default() };
    let efforts: Vec<Effort> = (0..agents * tasks).map(cost).collect();
    -allocator.allocate(&needs, &limits, &efforts, &Prices::default()).unwrap().cost
}

fn price_agents(
    values: &[f64],
    agents: usize,
    tasks: usize,
    capacity: u32,
) -> Vec<PriceAuction<'static>> {
    let agent = |a: usize| {
        let config =
            PriceConfig { agent: a as u64, capacity, epsilon: 0.005, ..PriceConfig::default() };
        let mut agent = PriceAuction::new(&config, Heap).unwrap();
        (0..tasks).for_each(|t| agent.add_task(t as u64, values[a * tasks + t], 0).unwrap());
        agent
    };
    (0..agents).map(agent).collect()
}

fn bundle_agents(values: &[f64], agents: usize, tasks: usize, bundle: usize) -> Vec<Cbba<'static>> {
    let agent = |a: usize| {
        let config = CbbaConfig { agent: a as u64, bundle, ..CbbaConfig::default() };
        let mut agent = Cbba::new(&config, Heap).unwrap();
        for t in 0..tasks {
            let task =
                CbbaTask { id: t as u64, value: values[a * tasks + t], ..CbbaTask::default() };
            agent.add_task(&task, 0).unwrap();
        }
        agent
    };
    (0..agents).map(agent).collect()
}

fn worth<A: Agent>(network: &Network<A>, values: &[f64], tasks: usize) -> f64 {
    network.owners().iter().map(|(task, a)| values[a * tasks + *task as usize]).sum()
}

fn links(random: &mut Random, n: usize) -> Vec<Vec<usize>> {
    match random.below(3) {
        0 => full(n),
        1 => ring(n),
        _ => sparse(n, random),
    }
}

struct Ratios(Vec<f64>);

impl Ratios {
    fn mean(&self) -> f64 {
        f64::exp(self.0.iter().map(|r| r.ln()).sum::<f64>() / self.0.len() as f64)
    }
    fn worst(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

#[test]
fn prices_are_within_epsilon_a_task_of_the_optimum() {
    let mut random = Random::new(20);
    let mut ratios = Ratios(Vec::new());
    for seed in 0..60 {
        let (agents, capacity) = (2 + random.below(7), 1 + random.below(3) as u32);
        let tasks = 1 + random.below(agents * capacity as usize + 4);
        let values: Vec<f64> = (0..agents * tasks).map(|_| random.unit()).collect();
        let best = optimum(&values, agents, tasks, capacity);
        let weather = if seed % 2 == 0 { FINE } else { BAD };
        let links = links(&mut random, agents);
        let mut network =
            Network::new(price_agents(&values, agents, tasks, capacity), links, weather, seed);
        network.settle(6 * SECOND, 300 * SECOND);
        let worth = worth(&network, &values, tasks);
        let most = 0.005 * tasks as f64 + 1e-5;
        assert!(worth <= best + 1e-5 && worth >= best - most, "{worth} {best} {agents} {tasks}");
        ratios.0.push(worth / best);
    }
    eprintln!(
        "auction of prices: mean {:.4}, worst {:.4} of the optimum",
        ratios.mean(),
        ratios.worst()
    );
    assert!(ratios.worst() >= 0.95);
}

#[test]
fn bundles_of_additive_values_keep_the_guarantee_of_half() {
    let mut random = Random::new(21);
    let mut ratios = Ratios(Vec::new());
    for seed in 0..60 {
        let (agents, bundle) = (2 + random.below(7), 1 + random.below(3));
        let tasks = bundle + random.below(agents * bundle + 4);
        let values: Vec<f64> = (0..agents * tasks).map(|_| random.unit()).collect();
        let best = optimum(&values, agents, tasks, bundle as u32);
        let weather = if seed % 2 == 0 { FINE } else { BAD };
        let links = links(&mut random, agents);
        let mut network =
            Network::new(bundle_agents(&values, agents, tasks, bundle), links, weather, seed);
        network.settle(6 * SECOND, 300 * SECOND);
        let worth = worth(&network, &values, tasks);
        assert!(worth <= best + 1e-5 && worth >= 0.5 * best);
        ratios.0.push(worth / best);
    }
    eprintln!(
        "auction of bundles, additive: mean {:.4}, worst {:.4}",
        ratios.mean(),
        ratios.worst()
    );
    assert!(ratios.mean() >= 0.9);
}

/// Agents and tasks in a square of 100 metres, values that fade.
fn field(
    random: &mut Random,
    agents: usize,
    tasks: usize,
    bundle: usize,
) -> (Vec<CbbaConfig>, Vec<CbbaTask>) {
    let place =
        |random: &mut Random| [random.unit() as f32 * 100.0, random.unit() as f32 * 100.0, 0.0];
    let config = |a: usize, random: &mut Random| CbbaConfig {
        agent: 100 + a as u64,
        bundle,
        position: place(random),
        speed: 5.0,
        discount: 0.02,
        ..CbbaConfig::default()
    };
    let task = |t: usize, random: &mut Random| CbbaTask {
        id: 1000 + 7 * t as u64,
        value: 50.0 + 50.0 * random.unit(),
        position: place(random),
        duration_us: SECOND,
        ..CbbaTask::default()
    };
    let configs = (0..agents).map(|a| config(a, random)).collect();
    (configs, (0..tasks).map(|t| task(t, random)).collect())
}

fn field_network(
    configs: &[CbbaConfig],
    tasks: &[CbbaTask],
    links: Vec<Vec<usize>>,
    weather: Weather,
    seed: u64,
) -> Network<Cbba<'static>> {
    let agent = |config: &CbbaConfig| {
        let mut agent = Cbba::new(config, Heap).unwrap();
        tasks.iter().for_each(|task| agent.add_task(task, 0).unwrap());
        agent
    };
    Network::new(configs.iter().map(agent).collect(), links, weather, seed)
}

/// What a path is worth; its own way, not the library's.
fn path_worth(config: &CbbaConfig, path: &[&CbbaTask]) -> f64 {
    let (mut at, mut time, mut sum) = (config.position, 0.0, 0.0);
    for task in path {
        let way = (0..2).map(|k| f64::from(task.position[k] - at[k]).powi(2)).sum::<f64>().sqrt();
        time += way / f64::from(config.speed);
        sum += task.value * (-config.discount * time).exp();
        time += task.duration_us as f64 / 1e6;
        at = task.position;
    }
    sum
}

/// The best of all ways to give tasks to agents in all orders.
fn best_of_all(configs: &[CbbaConfig], tasks: &[CbbaTask], bundle: usize) -> f64 {
    // The best path of each agent through each set of tasks.
    fn permute(
        config: &CbbaConfig,
        path: &mut Vec<usize>,
        tasks: &[CbbaTask],
        most: usize,
        best: &mut [f64],
    ) {
        let set = path.iter().map(|t| 1 << t).sum::<usize>();
        let visited: Vec<&CbbaTask> = path.iter().map(|t| &tasks[*t]).collect();
        best[set] = best[set].max(path_worth(config, &visited));
        if path.len() < most {
            for t in 0..tasks.len() {
                if !path.contains(&t) {
                    path.push(t);
                    permute(config, path, tasks, most, best);
                    path.pop();
                }
            }
        }
    }
    let mut all = vec![0.0f64; 1 << tasks.len()];
    for config in configs {
        let mut own = vec![0.0f64; 1 << tasks.len()];
        permute(config, &mut Vec::new(), tasks, bundle, &mut own);
        let before = all.clone();
        for set in 0..all.len() {
            let mut part = set;
            loop {
                all[set] = all[set].max(before[set & !part] + own[part]);
                if part == 0 {
                    break;
                }
                part = (part - 1) & set;
            }
        }
    }
    all[all.len() - 1]
}

#[test]
fn bundles_on_a_field_are_near_the_optimum() {
    let mut random = Random::new(22);
    let (mut single, mut several) = (Ratios(Vec::new()), Ratios(Vec::new()));
    for seed in 0..120 {
        let bundle = if seed % 2 == 0 { 1 } else { 2 + random.below(2) };
        let agents = 2 + random.below(4);
        let tasks = (1 + random.below(agents * bundle)).min(8).max(bundle);
        let (configs, tasks) = field(&mut random, agents, tasks, bundle);
        let weather = if seed % 3 == 0 { BAD } else { FINE };
        let links = links(&mut random, agents);
        let mut network = field_network(&configs, &tasks, links, weather, seed);
        network.settle(6 * SECOND, 300 * SECOND);
        network.owners();
        let mut sum = 0.0;
        for (agent, config) in network.agents.iter().zip(&configs) {
            let path: Vec<&CbbaTask> =
                agent.path().map(|id| tasks.iter().find(|t| t.id == id).unwrap()).collect();
            let worth = path_worth(config, &path);
            assert!((worth - agent.score()).abs() < 1e-3, "{worth} {}", agent.score());
            sum += worth;
        }
        let best = best_of_all(&configs, &tasks, bundle);
        assert!(sum <= best + 1e-6);
        if bundle == 1 { &mut single } else { &mut several }.0.push(sum / best);
    }
    for (name, ratios) in [("one task", &single), ("several tasks", &several)] {
        eprintln!(
            "auction of bundles, {name} each: mean {:.4}, worst {:.4}",
            ratios.mean(),
            ratios.worst()
        );
        assert!(ratios.mean() >= 0.95, "{name}: {}", ratios.mean());
    }
}

#[test]
fn it_settles_without_conflict_whatever_the_network_does() {
    let mut random = Random::new(23);
    for seed in 0..40 {
        let (agents, bundle) = (3 + random.below(10), 1 + random.below(4));
        let tasks = bundle + random.below(24);
        let (configs, tasks) = field(&mut random, agents, tasks, bundle);
        let links = links(&mut random, agents);
        let mut network = field_network(&configs, &tasks, links, BAD, seed);
        let last = network.settle(8 * SECOND, 200 * SECOND);
        let owners = network.owners();
        assert_eq!(owners.len(), tasks.len().min(agents * bundle), "all that can be done is");
        // And all believe the same.
        for agent in &network.agents {
            for task in &tasks {
                let owner = owners.get(&task.id).map(|a| configs[*a].agent);
                assert_eq!(agent.winner(task.id), Ok(owner), "seed {seed}, settled at {last}");
            }
        }
    }
}

#[test]
fn the_tasks_of_a_lost_agent_are_bid_for_again() {
    let mut random = Random::new(24);
    for seed in 0..12 {
        let agents = 4 + random.below(4);
        let (mut configs, tasks) = field(&mut random, agents, 2 * agents, 3);
        configs.iter_mut().for_each(|config| config.lost_us = 4 * SECOND);
        let mut network = field_network(&configs, &tasks, full(agents), BAD, seed);
        network.settle(6 * SECOND, 100 * SECOND);
        let owners = network.owners();
        assert_eq!(owners.len(), 2 * agents);
        let gone = *owners.values().nth(random.below(2 * agents)).unwrap();
        network.dead[gone] = true;
        network.run_until(network.now + 5 * SECOND);
        network.settle(6 * SECOND, 100 * SECOND);
        let owners = network.owners();
        assert_eq!(owners.len(), 2 * agents, "the others do its tasks");
        let living = (0..agents).find(|a| *a != gone).unwrap();
        assert!(network.agents[living].is_lost(configs[gone].agent));
        // It comes back with what it believed to have; at the end nothing is had twice.
        network.dead[gone] = false;
        network.run_until(network.now + 2 * SECOND);
        network.settle(6 * SECOND, 100 * SECOND);
        assert_eq!(network.owners().len(), 2 * agents);
        assert!(!network.agents[living].is_lost(configs[gone].agent));
    }
}

#[test]
fn new_tasks_find_somebody_and_done_ones_leave() {
    let mut random = Random::new(25);
    for seed in 0..12 {
        let (configs, tasks) = field(&mut random, 5, 12, 3);
        let mut network = field_network(&configs, &tasks[..8], sparse(5, &mut random), BAD, seed);
        network.settle(6 * SECOND, 100 * SECOND);
        for (k, task) in tasks[8..].iter().enumerate() {
            // Not all are told at once.
            for a in 0..5 {
                let now = network.now + 1;
                network.agents[a].add_task(task, now).unwrap();
                network.run_until(network.now + 30_000);
            }
            network.settle(6 * SECOND, 100 * SECOND);
            assert_eq!(network.owners().len(), 9 + k);
        }
        let now = network.now;
        network.agents.iter_mut().for_each(|agent| agent.remove_task(tasks[2].id, now).unwrap());
        network.settle(6 * SECOND, 100 * SECOND);
        let owners = network.owners();
        assert!(owners.len() == 11 && !owners.contains_key(&tasks[2].id));
    }
}

#[test]
fn prices_begin_anew_with_new_tasks_and_without_lost_agents() {
    let mut random = Random::new(26);
    for seed in 0..10 {
        let (agents, tasks) = (5, 6);
        let values: Vec<f64> = (0..agents * (tasks + 1)).map(|_| random.unit()).collect();
        let agent = |a: usize| {
            let config = PriceConfig {
                agent: a as u64,
                capacity: 2,
                epsilon: 0.002,
                lost_us: 4 * SECOND,
                ..PriceConfig::default()
            };
            let mut agent = PriceAuction::new(&config, Heap).unwrap();
            let add = |t: usize| agent.add_task(t as u64, values[a * (tasks + 1) + t], 0).unwrap();
            (0..tasks).for_each(add);
            agent
        };
        let mut network = Network::new((0..agents).map(agent).collect(), full(agents), BAD, seed);
        network.settle(6 * SECOND, 200 * SECOND);
        for a in 0..agents {
            let now = network.now;
            network.agents[a].add_task(tasks as u64, values[a * (tasks + 1) + tasks], now).unwrap();
            network.run_until(now + 20_000);
        }
        network.settle(6 * SECOND, 200 * SECOND);
        let best = optimum(&values, agents, tasks + 1, 2);
        assert!(worth(&network, &values, tasks + 1) >= best - 0.002 * 7.0 - 1e-5);
        let gone = *network.owners().values().next().unwrap();
        network.dead[gone] = true;
        network.run_until(network.now + 5 * SECOND);
        network.settle(6 * SECOND, 200 * SECOND);
        let rest: Vec<f64> = (0..agents)
            .filter(|a| *a != gone)
            .flat_map(|a| values[a * (tasks + 1)..][..tasks + 1].to_vec())
            .collect();
        let best = optimum(&rest, agents - 1, tasks + 1, 2);
        assert!(worth(&network, &values, tasks + 1) >= best - 0.002 * 7.0 - 1e-5);
    }
}
