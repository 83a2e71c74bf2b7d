//! The domains in `tests/hddl`: read, planned, verified.
#![cfg(unix)]

mod generate;

use std::path::PathBuf;

use neural_swarm::Error;
use neural_swarm::host::hddl::{Hddl, Source, read_plan, write_plan};
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    Model, Outcome, Plan, Planner, PlannerConfig, Refusal, Verifier, VerifierConfig,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hddl")
}

/// The names of all domains.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("tests/hddl");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().strip_suffix(".domain.hddl").map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(file).collect();
    names.sort();
    assert!(names.len() >= 23, "{names:?}");
    names
}

fn read(name: &str, problem: Option<&str>) -> Hddl {
    let domain = std::fs::read(folder().join(format!("{name}.domain.hddl"))).unwrap();
    let problem = match problem {
        Some(text) => text.as_bytes().to_vec(),
        None => std::fs::read(folder().join(format!("{name}.problem.hddl"))).unwrap(),
    };
    let source = |name, text| Source { name, text };
    match Hddl::read(source("domain", &domain), source("problem", &problem)) {
        Ok(hddl) => hddl,
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn all_domains_are_read_without_a_warning() {
    for name in names() {
        let hddl = read(&name, None);
        assert_eq!(hddl.warnings(), [], "{name}");
        let model = hddl.model().unwrap();
        assert!(model.methods() > 0 && model.objects() > 0, "{name}");
    }
}

#[test]
fn large_problems_are_read() {
    let sizes = [
        ("towers", generate::towers(40), 43),
        ("minecraft", generate::minecraft(50, 20, 20, 5, 5), 20_007),
        ("logistics", generate::logistics(50, 500), 702),
        ("blocks", generate::blocks(300), 300),
        ("transport", generate::transport(200, 100), 304),
    ];
    for (name, problem, objects) in sizes {
        let hddl = read(name, Some(&problem));
        assert_eq!(hddl.warnings(), [], "{name}");
        assert_eq!(hddl.model().unwrap().objects(), objects, "{name}");
    }
}

fn verify(model: &Model<'_>, plan: &Plan<'_>) -> Result<(), Refusal> {
    let steps = plan.steps.len() as u32;
    let config = VerifierConfig { steps, facts: 200_000, words: 800_000 };
    Verifier::new(&config, Heap).unwrap().verify(model, plan)
}

/// Plans, verifies, writes, reads and verifies again. How many actions the plan has; `None` if there is
/// none within so many nodes.
fn solve(name: &str, hddl: &Hddl, nodes: u64) -> Option<usize> {
    let model = hddl.model().unwrap();
    let config = PlannerConfig { memory: 64 << 20, ..PlannerConfig::default() };
    let mut planner =
        Planner::new(&model, &config, Heap).unwrap_or_else(|error| panic!("{name}: {error}"));
    let outcome = planner.step(nodes);
    if outcome != Outcome::Found {
        eprintln!("{name}: {outcome:?}, {:?}", planner.stats());
        return None;
    }
    let plan = planner.plan().unwrap();
    assert_eq!(verify(&model, &plan), Ok(()), "{name}");
    let text = write_plan(&model, &plan).unwrap();
    let again = read_plan(&model, Source { name, text: text.as_bytes() }).unwrap();
    assert_eq!(verify(&model, &again.plan()), Ok(()), "{name}");
    assert_eq!(again.order.len(), plan.order.len());
    Some(plan.order.len())
}

#[test]
fn all_problems_are_solved() {
    let names = names().into_iter();
    let unsolved: Vec<String> =
        names.filter(|name| solve(name, &read(name, None), 1_000_000).is_none()).collect();
    assert_eq!(unsolved, [""; 0]);
}

/// Where planning within a memory ended without a plan.
#[derive(Debug, PartialEq)]
enum End {
    Creation(Error),
    Search(Outcome),
    Writing(Error),
}

/// Plans within so many bytes, and verifies. How many actions the plan has.
fn solve_within(name: &str, hddl: &Hddl, memory: usize) -> Result<usize, End> {
    let model = hddl.model().unwrap();
    let config = PlannerConfig { memory, ..PlannerConfig::default() };
    let mut planner = Planner::new(&model, &config, Heap).map_err(End::Creation)?;
    assert!(Planner::footprint(&model, &config).unwrap().size() <= memory);
    let outcome = planner.step(300_000);
    if outcome != Outcome::Found {
        return Err(End::Search(outcome));
    }
    let plan = planner.plan().map_err(End::Writing)?;
    assert_eq!(verify(&model, &plan), Ok(()), "{name}");
    Ok(plan.order.len())
}

#[test]
fn problems_are_solved_within_64_and_256_kilobytes() {
    for name in names() {
        let end = solve_within(&name, &read(&name, None), 64 << 10);
        assert!(end.is_ok(), "{name}: {end:?}");
    }
    for (name, problem) in [
        ("logistics", generate::logistics(6, 12)),
        ("blocks", generate::blocks(30)),
        ("transport", generate::transport(8, 4)),
    ] {
        let end = solve_within(name, &read(name, Some(&problem)), 64 << 10);
        assert!(end.is_ok(), "{name}: {end:?}");
    }
    // One with 470 objects, for which that is too little.
    let hddl = read("minecraft", Some(&generate::minecraft(20, 3, 10, 15, 8)));
    assert_eq!(solve_within("minecraft", &hddl, 64 << 10), Err(End::Creation(Error::Capacity)));
    assert_eq!(solve_within("minecraft", &hddl, 256 << 10), Ok(120));
}

/// The model that embedded/firmware/plan.c reads, and the actions that it has to find: those found here
/// within the same memory.
#[test]
fn the_firmware_has_the_model_and_the_plan_of_this_machine() {
    let hddl = read("rover", None);
    let model = hddl.model().unwrap();
    let bytes = &hddl.bytes()[..model.len_without_names()];
    let bare = Model::open(bytes).unwrap();
    let config = PlannerConfig { memory: 64 << 10, ..PlannerConfig::default() };
    let mut planner = Planner::new(&bare, &config, Heap).unwrap();
    while planner.step(10) == Outcome::Running {}
    let plan = planner.plan().unwrap();
    assert_eq!(verify(&model, &plan), Ok(()));
    let action = |step: &u32| {
        let step = plan.steps[*step as usize];
        let values = &plan.values[step.bound as usize..][..model.task(step.task).types.len()];
        [&[step.task.0], values].concat()
    };
    let actions: Vec<u16> = plan.order.iter().flat_map(action).collect();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("embedded/firmware");
    for (file, made) in [("rover.nsht", bytes), ("rover.plan", bytemuck::cast_slice(&actions))] {
        if std::env::var_os("NSW_BLESS").is_some() {
            std::fs::write(folder.join(file), made).unwrap();
        }
        let known = std::fs::read(folder.join(file)).unwrap();
        assert!(made == known, "{file} is stale: NSW_BLESS=1 cargo test --test plan_hddl");
    }
}

#[test]
fn larger_problems_are_solved() {
    // With the number of actions, where it is the same for every plan.
    let sizes = [
        ("towers", generate::towers(9), Some(511)),
        ("minecraft", generate::minecraft(20, 3, 10, 15, 8), Some(120)),
        ("logistics", generate::logistics(6, 12), None),
        ("blocks", generate::blocks(30), None),
        ("transport", generate::transport(8, 4), None),
    ];
    for (name, problem, actions) in sizes {
        let found = solve(name, &read(name, Some(&problem)), 2_000_000);
        assert!(found.is_some(), "{name}");
        assert!(actions.is_none() || found == actions, "{name}: {found:?}");
    }
}
