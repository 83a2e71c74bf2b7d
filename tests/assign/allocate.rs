//! Tasks and agents with limits: against all allocations of small problems.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::assign::*;

use super::Random;

struct Case {
    tasks: Vec<TaskNeeds>,
    agents: Vec<AgentLimits>,
    efforts: Vec<Effort>,
    prices: Prices,
}

/// With limits of single pairs alone, or those of several tasks together, too.
fn case(random: &mut Random, (tasks, agents): (usize, usize), together: bool) -> Case {
    let task = |random: &mut Random| TaskNeeds {
        skills: if random.chance(0.4) { 1 << random.below(3) } else { 0 },
        deadline_us: if together && random.chance(0.7) {
            1 + random.below(9) as u64
        } else {
            u64::MAX
        },
        skip_cost: if random.chance(0.5) { FORBIDDEN } else { random.below(12) as f64 },
    };
    let agent = |random: &mut Random| AgentLimits {
        capacity: random.below(4) as u32,
        skills: random.below(8) as u64,
        free_at_us: random.below(3) as u64,
        energy_j: if together { random.below(12) as f64 } else { f64::INFINITY },
        battery: random.below(5) as f64 / 4.0,
    };
    let effort = |random: &mut Random| Effort {
        time_us: random.below(5) as u64,
        energy_j: random.below(5) as f64,
        cost: if random.chance(0.1) { FORBIDDEN } else { random.below(8) as f64 },
    };
    Case {
        tasks: (0..tasks).map(|_| task(random)).collect(),
        agents: (0..agents).map(|_| agent(random)).collect(),
        efforts: (0..tasks * agents).map(|_| effort(random)).collect(),
        prices: Prices { second: 1e6, joule: 0.5, empty: 2.0, repairs: 1000 },
    }
}

/// What an allocation costs, if it keeps all limits. By its own way, not the library's.
fn cost_of(case: &Case, choice: &[Option<usize>]) -> Option<f64> {
    let mut sum = 0.0;
    for (t, agent) in choice.iter().enumerate() {
        let Some(a) = *agent else {
            sum += case.tasks[t].skip_cost;
            continue;
        };
        let (agent, effort) = (&case.agents[a], &case.efforts[t * case.agents.len() + a]);
        if case.tasks[t].skills & agent.skills != case.tasks[t].skills {
            return None;
        }
        let joule = case.prices.joule * (1.0 + case.prices.empty * (1.0 - agent.battery));
        sum += effort.cost
            + effort.time_us as f64 * 1e-6 * case.prices.second
            + joule * effort.energy_j;
    }
    for (a, agent) in case.agents.iter().enumerate() {
        let own: Vec<usize> = (0..choice.len()).filter(|t| choice[*t] == Some(a)).collect();
        let effort = |t: usize| &case.efforts[t * case.agents.len() + a];
        let energy: f64 = own.iter().map(|t| effort(*t).energy_j).sum();
        if own.len() > agent.capacity as usize || energy > agent.energy_j {
            return None;
        }
        // Whether some order is in time: over sets, the last of which is done when all are.
        let time = |set: usize| {
            let each = (0..own.len()).filter(|k| set >> k & 1 == 1);
            agent.free_at_us + each.map(|k| effort(own[k]).time_us).sum::<u64>()
        };
        let mut fine = vec![true; 1 << own.len()];
        for set in 1usize..1 << own.len() {
            let last = |k: usize| {
                set >> k & 1 == 1
                    && fine[set & !(1 << k)]
                    && time(set) <= case.tasks[own[k]].deadline_us
            };
            fine[set] = (0..own.len()).any(last);
        }
        if !fine.last().unwrap() {
            return None;
        }
    }
    (sum < f64::INFINITY).then_some(sum)
}

fn best(case: &Case) -> f64 {
    let (tasks, agents) = (case.tasks.len(), case.agents.len());
    let mut least = f64::INFINITY;
    for code in 0..(agents + 1).pow(tasks as u32) {
        let choice =
            |t: u32| Some(code / (agents + 1).pow(t) % (agents + 1)).filter(|a| *a < agents);
        let choice: Vec<Option<usize>> = (0..tasks as u32).map(choice).collect();
        least = least.min(cost_of(case, &choice).unwrap_or(f64::INFINITY));
    }
    least
}

fn solve(allocator: &mut TaskAllocator<'_>, case: &Case) -> Result<Allocated, Error> {
    allocator.allocate(&case.tasks, &case.agents, &case.efforts, &case.prices)
}

fn choice(allocator: &TaskAllocator<'_>) -> Vec<Option<usize>> {
    let some = |a: &u32| (*a != UNASSIGNED).then_some(*a as usize);
    allocator.agents().iter().map(some).collect()
}

#[test]
fn limits_of_pairs_are_solved_exactly() {
    let mut random = Random::new(10);
    let mut allocator =
        TaskAllocator::new(&TaskAllocatorConfig { tasks: 6, agents: 4 }, Heap).unwrap();
    let mut impossible = 0;
    for _ in 0..1500 {
        let sizes = (1 + random.below(5), 1 + random.below(4));
        let case = case(&mut random, sizes, false);
        let best = best(&case);
        match solve(&mut allocator, &case) {
            Ok(found) => {
                assert!((found.cost - best).abs() < 1e-9, "{found:?} {best}");
                assert_eq!((found.bound, found.repairs), (found.cost, 0));
                let again = cost_of(&case, &choice(&allocator)).unwrap();
                assert!((again - best).abs() < 1e-9);
            }
            Err(error) => {
                assert_eq!((error, best), (Error::TaskInfeasible, f64::INFINITY));
                impossible += 1;
            }
        }
    }
    assert!((100..1400).contains(&impossible), "both kinds were seen: {impossible}");
}

#[test]
fn limits_of_several_tasks_are_kept_and_the_bound_is_one() {
    let mut random = Random::new(11);
    let mut allocator =
        TaskAllocator::new(&TaskAllocatorConfig { tasks: 6, agents: 4 }, Heap).unwrap();
    let (mut solved, mut exact, mut missed, mut ratio) = (0, 0, 0, 0.0);
    for _ in 0..1500 {
        let sizes = (2 + random.below(4), 2 + random.below(3));
        let case = case(&mut random, sizes, true);
        let best = best(&case);
        match solve(&mut allocator, &case) {
            Ok(found) => {
                let again = cost_of(&case, &choice(&allocator)).expect("all limits are kept");
                assert!((again - found.cost).abs() < 1e-9);
                assert!(found.bound <= best + 1e-9 && found.cost >= best - 1e-9);
                if found.repairs == 0 {
                    assert!((found.cost - best).abs() < 1e-9);
                }
                solved += 1;
                exact += usize::from((found.cost - best).abs() < 1e-9);
                ratio += f64::ln((found.cost + 1.0) / (best + 1.0));
            }
            Err(error) => {
                assert_eq!(error, Error::TaskInfeasible);
                missed += usize::from(best < f64::INFINITY);
            }
        }
    }
    let mean = f64::exp(ratio / f64::from(solved));
    eprintln!("{solved} allocations, {exact} the best, {missed} missed, mean ratio {mean:.4}");
    assert!(exact as f64 > 0.9 * f64::from(solved) && mean < 1.02, "{exact} of {solved}, {mean}");
    assert!(f64::from(missed as u32) < 0.02 * f64::from(solved), "{missed}");
}

#[test]
fn a_lost_agent_is_one_without_capacity() {
    let mut random = Random::new(12);
    let config = TaskAllocatorConfig { tasks: 40, agents: 8 };
    let mut allocator = TaskAllocator::new(&config, Heap).unwrap();
    let agent = AgentLimits { capacity: 10, ..AgentLimits::default() };
    let (tasks, mut agents) = (vec![TaskNeeds::default(); 40], vec![agent; 8]);
    let cost = |_| Effort { cost: random.unit(), ..Effort::default() };
    let efforts: Vec<Effort> = (0..320).map(cost).collect();
    let before = allocator.allocate(&tasks, &agents, &efforts, &Prices::default()).unwrap();
    assert!(allocator.agents().contains(&3));
    agents[3].capacity = 0;
    let after = allocator.allocate(&tasks, &agents, &efforts, &Prices::default()).unwrap();
    assert!(!allocator.agents().contains(&3) && !allocator.agents().contains(&UNASSIGNED));
    assert!(after.cost >= before.cost);
    // As a square matrix: a column for every place.
    let columns = 7 * 10;
    let place = |k: usize| {
        let a = k % columns / 10;
        efforts[k / columns * 8 + if a < 3 { a } else { a + 1 }].cost
    };
    let matrix: Vec<f64> = (0..40 * columns).map(place).collect();
    let config = AssignerConfig { rows: 40, columns, tall: false };
    let total = Assigner::new(&config, Heap).unwrap().solve(40, columns, &matrix).unwrap();
    assert!((total - after.cost).abs() < 1e-9);
}

#[test]
fn numbers_outside_their_ranges_are_refused() {
    let config = TaskAllocatorConfig { tasks: 1, agents: 1 };
    let mut allocator = TaskAllocator::new(&config, Heap).unwrap();
    let mut with =
        |task, agent, effort, prices| allocator.allocate(&[task], &[agent], &[effort], &prices);
    let (task, agent) = (TaskNeeds::default(), AgentLimits::default());
    let (effort, prices) = (Effort::default(), Prices::default());
    assert!(with(task, agent, effort, prices).is_ok());
    let nan = f64::NAN;
    assert_eq!(
        with(TaskNeeds { skip_cost: nan, ..task }, agent, effort, prices),
        Err(Error::Invalid)
    );
    assert_eq!(
        with(task, AgentLimits { energy_j: nan, ..agent }, effort, prices),
        Err(Error::Invalid)
    );
    assert_eq!(
        with(task, AgentLimits { battery: 1.5, ..agent }, effort, prices),
        Err(Error::Invalid)
    );
    assert_eq!(with(task, agent, Effort { energy_j: -1.0, ..effort }, prices), Err(Error::Invalid));
    assert_eq!(with(task, agent, Effort { cost: 1e200, ..effort }, prices), Err(Error::Invalid));
    assert_eq!(with(task, agent, effort, Prices { joule: nan, ..prices }), Err(Error::Invalid));
    let far = Effort { time_us: u64::MAX, ..effort };
    assert!(with(task, agent, far, prices).is_ok());
    let due = TaskNeeds { deadline_us: 5, ..task };
    assert_eq!(with(due, agent, far, prices), Err(Error::TaskInfeasible));
    assert_eq!(allocator.allocate(&[task], &[], &[], &prices), Err(Error::TaskInfeasible));
    assert_eq!(
        allocator.allocate(&[task; 2], &[agent], &[effort; 2], &prices),
        Err(Error::Capacity)
    );
    assert_eq!(allocator.allocate(&[task], &[agent], &[], &prices), Err(Error::Length));
    assert_eq!(
        TaskAllocator::footprint(&TaskAllocatorConfig { tasks: 0, agents: 1 }),
        Err(Error::Invalid)
    );
}

#[test]
fn as_many_repairs_as_are_allowed() {
    let config = TaskAllocatorConfig { tasks: 6, agents: 2 };
    let mut allocator = TaskAllocator::new(&config, Heap).unwrap();
    let tasks = [TaskNeeds { skip_cost: 10.0, ..TaskNeeds::default() }; 6];
    let agents = [AgentLimits { capacity: 6, energy_j: 2.0, ..AgentLimits::default() }; 2];
    let efforts: [Effort; 12] =
        core::array::from_fn(|k| Effort { energy_j: 1.0, cost: k as f64, ..Effort::default() });
    let mut with = |repairs| {
        allocator.allocate(&tasks, &agents, &efforts, &Prices { repairs, ..Prices::default() })
    };
    let found = with(100).unwrap();
    assert!(found.repairs > 1 && found.skipped == 2 && found.cost > found.bound);
    assert_eq!(with(found.repairs), Ok(found));
    assert_eq!(with(found.repairs - 1), Err(Error::TaskBudget));
    assert_eq!(with(0), Err(Error::TaskBudget));
    assert_eq!(allocator.agents(), [0u32; 0], "the last solution is gone");
}
