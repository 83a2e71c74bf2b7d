//! Recorded workflows: read, scheduled, and refused with line and column.

use std::cell::RefCell;

use neural_swarm::Error;
use neural_swarm::host::WfInstance;
use neural_swarm::port::{Heap, Level, Logger};
use neural_swarm::task::schedule::*;

use super::check;
use super::data;
use super::graphs::Random;

#[derive(Default)]
struct Lines(RefCell<Vec<String>>);

impl Logger for Lines {
    fn log(&self, _: Level, text: &str) {
        self.0.borrow_mut().push(text.to_owned());
    }
}

const SMALL: &str = r#"{
  "name": "small", "schemaVersion": "1.5",
  "workflow": {
    "specification": {
      "tasks": [
        {"id": "a", "children": ["b"], "parents": [], "inputFiles": [], "outputFiles": ["x", "y"]},
        {"id": "b", "children": [], "parents": ["a"], "inputFiles": ["x", "y", "z"], "outputFiles": []}
      ],
      "files": [{"id": "x", "sizeInBytes": 10}, {"id": "y", "sizeInBytes": 5}, {"id": "z", "sizeInBytes": 1}]
    },
    "execution": {
      "tasks": [{"id": "a", "runtimeInSeconds": 1.5}, {"id": "b", "runtimeInSeconds": 2}],
      "machines": [{"nodeName": "m", "cpu": {"coreCount": 4, "speedInMHz": 1200}}]
    }
  }
}"#;

#[test]
fn a_small_one_is_what_it_says() {
    let read = WfInstance::read(SMALL.as_bytes(), None).unwrap();
    assert_eq!(
        read.tasks.iter().map(|t| (&*t.id, t.seconds)).collect::<Vec<_>>(),
        [("a", 1.5), ("b", 2.0)]
    );
    assert_eq!(
        read.edges.iter().map(|e| (e.from, e.to, e.bytes)).collect::<Vec<_>>(),
        [(0, 1, 15.0)]
    );
    assert_eq!((&*read.name, &*read.machines[0].name, read.machines[0].cores), ("small", "m", 4));
    let mut dag = Dag::new(&read.dag_config(2), Heap).unwrap();
    read.add_to(&mut dag).unwrap();
    assert_eq!(read.add_to(&mut dag), Err(Error::TaskState));
    dag.build().unwrap();
    let mut scheduler = Scheduler::new(&SchedulerConfig { tasks: 2, workers: 2 }, Heap).unwrap();
    assert_eq!(scheduler.heft(&dag), Ok(3.5));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (from, to, error, said) in [
        (
            r#""parents": ["a"]"#,
            r#""parents": ["q"]"#,
            Error::TaskDomain,
            "line 7 column 50: \"q\" is no task",
        ),
        (r#""x", "y", "z"]"#, r#""x", "w"]"#, Error::TaskDomain, "\"w\" is no file"),
        (
            r#"{"id": "b", "children""#,
            r#"{"id": "a", "children""#,
            Error::TaskDomain,
            "line 7 column 17: \"a\" is there twice",
        ),
        (
            r#"{"id": "b", "runtime"#,
            r#"{"id": "c", "runtime"#,
            Error::TaskDomain,
            "line 7 column 17: \"b\" was not executed",
        ),
        (r#"1.5}"#, r#"-1.5}"#, Error::TaskDomain, "took less than no time"),
        (
            r#"{"id": "b", "runtime"#,
            r#"{"id": "c", "runtimeInSeconds": 1}, {"id": "b", "runtime"#,
            Error::TaskDomain,
            "line 12 column 63: \"c\" was executed and is no task",
        ),
        (
            r#"{"id": "b", "runtime"#,
            r#"{"id": "a", "runtimeInSeconds": 1}, {"id": "b", "runtime"#,
            Error::TaskDomain,
            "\"a\" was executed twice",
        ),
        (
            r#""outputFiles": []"#,
            r#""outputFiles": ["q"]"#,
            Error::TaskDomain,
            "line 7 column 103: \"q\" is no file",
        ),
        (r#""id": "z","#, r#""id": "y","#, Error::TaskDomain, "\"y\" is there twice"),
        (r#""sizeInBytes": 1}"#, r#""sizeInBytes": -1}"#, Error::TaskDomain, "less than no bytes"),
        (r#": 1200"#, r#": -1200"#, Error::TaskDomain, "\"m\" has a negative clock"),
        (r#""sizeInBytes": 5"#, r#""sizeInBytes": "5""#, Error::TaskFormat, "line 9 column"),
        (r#""schemaVersion": "1.5""#, r#""schemaVersion": "1.4""#, Error::Unsupported, "only 1.5"),
        (r#""execution""#, r#""executions""#, Error::TaskFormat, "execution"),
        ("\n}", "\n", Error::TaskFormat, "line 16 column"),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL, "{from}");
        let lines = Lines::default();
        assert_eq!(WfInstance::read(text.as_bytes(), Some(&lines)).err(), Some(error), "{to}");
        let lines = lines.0.into_inner();
        assert!(lines.len() == 1 && lines[0].contains(said), "{lines:?} {said}");
    }
    // Whatever is cut off or damaged is refused, never more.
    for at in 0..SMALL.len() {
        assert!(WfInstance::read(&SMALL.as_bytes()[..at], None).is_err());
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[at] ^= 1 << (at % 7);
        let _ = WfInstance::read(&bytes, None);
    }
}

#[test]
fn what_is_named_twice_counts_once() {
    let once = WfInstance::read(SMALL.as_bytes(), None).unwrap();
    for (from, to) in [
        (r#"["x", "y"]"#, r#"["x", "y", "x"]"#),
        (r#"["x", "y", "z"]"#, r#"["x", "y", "z", "y"]"#),
        (r#"["a"]"#, r#"["a", "a"]"#),
        (r#"["b"]"#, r#"["b", "b"]"#),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL, "{from}");
        assert_eq!(WfInstance::read(text.as_bytes(), None), Ok(once.clone()), "{to}");
    }
}

#[test]
fn recorded_workflows_are_scheduled() {
    let Some(folder) = data::find("wfcommons") else { return };
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut random = Random::new(40);
    let (mut sum, mut count) = (0.0, 0.0);
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let read = WfInstance::read(&data::unzipped(&file), None).unwrap();
        assert!(read.tasks.len() > 10 && read.edges.iter().any(|edge| edge.bytes > 0.0));
        for workers in [4, 16] {
            let mut dag = Dag::new(&read.dag_config(workers), Heap).unwrap();
            (0..workers as u32).for_each(|w| dag.set_speed(w, 0.5 + 1.5 * random.unit()).unwrap());
            dag.set_links(0.001, 125e6).unwrap();
            read.add_to(&mut dag).unwrap();
            dag.build().unwrap();
            let config = SchedulerConfig { tasks: dag.tasks(), workers };
            let mut scheduler = Scheduler::new(&config, Heap).unwrap();
            let bound = scheduler.lower_bound(&dag).unwrap();
            let heft = scheduler.heft(&dag).unwrap();
            check(&dag, &scheduler);
            let search = scheduler.search(&dag, &SearchConfig { rounds: 50, seed: 1 }).unwrap();
            assert_eq!(check(&dag, &scheduler), search);
            assert!(search <= heft && search >= bound * (1.0 - 1e-12));
            eprintln!(
                "{} on {workers}: HEFT {heft:.1}, search {search:.1}, at least {bound:.1}",
                read.name
            );
            sum += (search / heft).ln();
            count += 1.0;
        }
    }
    assert!(count > 0.0, "the folder is not empty");
    eprintln!(
        "recorded workflows: search / HEFT {:.4} in the geometric mean",
        f64::exp(sum / count)
    );
}
