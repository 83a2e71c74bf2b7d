//! Auctions of bundles whose agents have skills, deadlines and energy.

use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;

use super::Random;
use super::network::*;

const SECOND: u64 = 1_000_000;

/// What a path is worth, if it keeps all limits; its own way, not the library's.
fn worth(config: &CbbaConfig, path: &[&CbbaTask]) -> Option<f64> {
    let (mut at, mut time, mut energy, mut sum) = (config.position, 0.0f64, 0.0, 0.0);
    for task in path {
        let way = (0..3).map(|k| (f64::from(task.position[k]) - f64::from(at[k])).powi(2));
        let metres = way.sum::<f64>().sqrt();
        time += metres / f64::from(config.speed);
        sum += task.value * (-config.discount * time).exp() - config.metre_cost * metres;
        time += task.duration_us as f64 * 1e-6;
        energy += metres * config.metre_j + task.energy_j;
        at = task.position;
        let late = config.start_us as f64 * 1e-6 + time > task.deadline_us as f64 * 1e-6;
        if late || energy > config.energy_j || task.skills & config.skills != task.skills {
            return None;
        }
    }
    Some(sum)
}

#[test]
fn limits_are_kept_and_nothing_is_left_that_could_be_done() {
    let mut random = Random::new(31);
    let (mut undone, mut done) = (0, 0);
    for seed in 0..60 {
        let (agents, bundle) = (2 + random.below(4), 1 + random.below(3));
        let place = |random: &mut Random| {
            [random.unit() as f32 * 60.0, random.unit() as f32 * 60.0, random.unit() as f32 * 9.0]
        };
        let configs: Vec<CbbaConfig> = (0..agents)
            .map(|a| CbbaConfig {
                agent: a as u64,
                bundle,
                position: place(&mut random),
                speed: 2.0 + random.unit() as f32,
                start_us: random.below(5) as u64 * SECOND,
                discount: 0.01,
                metre_cost: 0.01,
                metre_j: 1.0,
                energy_j: 20.0 + 100.0 * random.unit(),
                skills: 1 + random.below(7) as u64,
                ..CbbaConfig::default()
            })
            .collect();
        let tasks: Vec<CbbaTask> = (0..agents * bundle + 2)
            .map(|t| CbbaTask {
                id: t as u64,
                value: 20.0 + 50.0 * random.unit(),
                position: place(&mut random),
                duration_us: SECOND,
                deadline_us: (5 + random.below(60) as u64) * SECOND,
                energy_j: 10.0 * random.unit(),
                skills: if random.chance(0.5) { 1 << random.below(3) } else { 0 },
            })
            .collect();
        let made = |config: &CbbaConfig| {
            let mut agent = Cbba::new(config, Heap).unwrap();
            tasks.iter().for_each(|task| agent.add_task(task, 0).unwrap());
            agent
        };
        let weather = if seed % 2 == 0 { FINE } else { BAD };
        let made = configs.iter().map(made).collect();
        let mut network = Network::new(made, full(agents), weather, seed);
        network.settle(6 * SECOND, 300 * SECOND);
        let owners = network.owners();
        done += owners.len();
        for (agent, config) in network.agents.iter().zip(&configs) {
            let path: Vec<&CbbaTask> = agent.path().map(|id| &tasks[id as usize]).collect();
            let now = worth(config, &path).expect("all limits are kept");
            assert!((now - agent.score()).abs() < 1e-6);
            if path.len() == bundle {
                continue;
            }
            for task in tasks.iter().filter(|task| !owners.contains_key(&task.id)) {
                undone += 1;
                for at in 0..=path.len() {
                    let mut more = path.clone();
                    more.insert(at, task);
                    let gain = worth(config, &more).map_or(0.0, |after| after - now);
                    assert!(gain < 1e-6, "agent {} could do task {}", config.agent, task.id);
                }
            }
        }
    }
    assert!(undone > 50 && done > 200, "both were seen: {undone} {done}");
}
