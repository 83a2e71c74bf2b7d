//! Recorded workflows in the format of WfCommons (<https://wfcommons.org/format>), schema 1.5.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::port::{Level, Line, Logger};
use crate::task::schedule::{Dag, DagConfig};

/// A task of a recorded workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WfTask {
    /// Its id, unique in the workflow.
    pub id: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A task that waits for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WfEdge {
    /// Place of the task that is waited for.
    pub from: u32,
    /// Place of the task that waits.
    pub to: u32,
    /// Sizes of all files that the first writes and the second reads.
    pub bytes: f64,
}

/// A machine that the workflow ran on.
#[derive(Clone, Debug, PartialEq)]
pub struct WfMachine {
    /// Its name.
    pub name: String,
    /// How many cores it has; 0 if that was not recorded.
    pub cores: u32,
    /// Its clock in MHz; 0 if that was not recorded.
    pub mhz: f64,
}

/// A recorded workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WfInstance {
    /// Its name.
    pub name: String,
    /// Its tasks, in the order of the file.
    pub tasks: Vec<WfTask>,
    /// What they wait for, in rising order of `from`, then `to`.
    pub edges: Vec<WfEdge>,
    /// The machines that it ran on.
    pub machines: Vec<WfMachine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(default, borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    schema_version: Cow<'a, str>,
    #[serde(borrow)]
    workflow: Workflow<'a>,
}

#[derive(Deserialize)]
struct Workflow<'a> {
    #[serde(borrow)]
    specification: Specification<'a>,
    #[serde(borrow)]
    execution: Execution<'a>,
}

#[derive(Deserialize)]
struct Specification<'a> {
    #[serde(borrow)]
    tasks: Vec<Specified<'a>>,
    #[serde(default, borrow)]
    files: Vec<File<'a>>,
}

/// A text that knows where it is, if it has no escapes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
struct Id<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Specified<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(default, borrow)]
    parents: Vec<Id<'a>>,
    #[serde(default, borrow)]
    children: Vec<Id<'a>>,
    #[serde(default, borrow)]
    input_files: Vec<Id<'a>>,
    #[serde(default, borrow)]
    output_files: Vec<Id<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    size_in_bytes: f64,
}

#[derive(Deserialize)]
struct Execution<'a> {
    #[serde(borrow)]
    tasks: Vec<Executed<'a>>,
    #[serde(default, borrow)]
    machines: Vec<Machine<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executed<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    runtime_in_seconds: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Machine<'a> {
    #[serde(borrow)]
    node_name: Id<'a>,
    #[serde(default)]
    cpu: Cpu,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    #[serde(default)]
    core_count: u32,
    #[serde(default, rename = "speedInMHz")]
    speed: f64,
}

/// What was wrong, and where.
struct Reader<'a> {
    text: &'a [u8],
    logger: Option<&'a dyn Logger>,
}

impl Reader<'_> {
    fn say(&self, place: &str, text: &str) {
        Line::new(place).text(": ").text(text).send(self.logger, Level::Error);
    }

    /// An error at an id.
    fn at(&self, id: &Id<'_>, error: Error, text: &str) -> Error {
        let from = (id.0.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let place = match self.text.get(..from) {
            Some(before) if matches!(id.0, Cow::Borrowed(_)) => {
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
                format!("line {line} column {column}")
            }
            _ => "somewhere".to_string(),
        };
        self.say(&place, &format!("\"{}\" {text}", id.0));
        error
    }
}

impl WfInstance {
    /// Reads a workflow from its JSON (not compressed).
    ///
    /// # Errors
    /// [`Error::TaskFormat`] if the text is no JSON or has not the fields of schema 1.5,
    /// [`Error::Unsupported`] for another schema, [`Error::TaskDomain`] if it names a task or a file that there
    /// is not, or two have one id, or a number is negative. What a task names twice (a parent, a file) counts once. The logger is told what is wrong, with line and
    /// column.
    pub fn read(text: &[u8], logger: Option<&dyn Logger>) -> Result<WfInstance> {
        let reader = Reader { text, logger };
        let document: Document<'_> = match serde_json::from_slice(text) {
            Ok(document) => document,
            Err(error) => {
                // Its text ends with the place, which a long one would lose.
                let place = format!("line {} column {}", error.line(), error.column());
                reader.say(&place, &error.to_string());
                return Err(Error::TaskFormat);
            }
        };
        if document.schema_version != "1.5" {
            reader.say("schemaVersion", "only 1.5 is read");
            return Err(Error::Unsupported);
        }
        let Workflow { specification, execution } = document.workflow;
        let edges = edges(&reader, &specification)?;
        let tasks = tasks(&reader, &specification.tasks, &execution.tasks)?;
        let machine = |machine: &Machine<'_>| {
            let Machine { node_name: name, cpu } = machine;
            if cpu.speed < 0.0 {
                return Err(reader.at(name, Error::TaskDomain, "has a negative clock"));
            }
            Ok(WfMachine { name: name.0.to_string(), cores: cpu.core_count, mhz: cpu.speed })
        };
        let machines = execution.machines.iter().map(machine).collect::<Result<_>>()?;
        Ok(WfInstance { name: document.name.to_string(), tasks, edges, machines })
    }

    /// What a graph with so many workers needs.
    pub fn dag_config(&self, workers: usize) -> DagConfig {
        DagConfig { tasks: self.tasks.len().max(1), edges: self.edges.len(), workers }
    }

    /// Adds all tasks and edges to a graph without any. What was recorded counts as the time of a worker of speed
    /// 1.
    ///
    /// # Errors
    /// [`Error::TaskState`] if there are tasks in it, and those of [`Dag::add_task`] and
    /// [`Dag::add_edge`]; it is without tasks then.
    pub fn add_to(&self, dag: &mut Dag<'_>) -> Result<()> {
        if dag.tasks() > 0 {
            return Err(Error::TaskState);
        }
        let added = self.add_all(dag);
        if added.is_err() {
            dag.clear();
        }
        added
    }

    fn add_all(&self, dag: &mut Dag<'_>) -> Result<()> {
        self.tasks.iter().try_for_each(|task| dag.add_task(task.seconds).map(drop))?;
        self.edges.iter().try_for_each(|edge| dag.add_edge(edge.from, edge.to, edge.bytes))
    }
}

fn tasks(
    reader: &Reader<'_>,
    specified: &[Specified<'_>],
    executed: &[Executed<'_>],
) -> Result<Vec<WfTask>> {
    let mut seconds = HashMap::new();
    for task in executed {
        if task.runtime_in_seconds < 0.0 {
            return Err(reader.at(&task.id, Error::TaskDomain, "took less than no time"));
        }
        if seconds.insert(&*task.id.0, task.runtime_in_seconds).is_some() {
            return Err(reader.at(&task.id, Error::TaskDomain, "was executed twice"));
        }
    }
    let taken = |task: &Specified<'_>| {
        let seconds = seconds.remove(&*task.id.0);
        let seconds =
            seconds.ok_or_else(|| reader.at(&task.id, Error::TaskDomain, "was not executed"))?;
        Ok(WfTask { id: task.id.0.to_string(), seconds })
    };
    let tasks = specified.iter().map(taken).collect::<Result<_>>()?;
    // The first one in the file, whatever the order of the map is.
    match executed.iter().find(|task| seconds.contains_key(&*task.id.0)) {
        Some(task) => Err(reader.at(&task.id, Error::TaskDomain, "was executed and is no task")),
        None => Ok(tasks),
    }
}

fn edges(reader: &Reader<'_>, specification: &Specification<'_>) -> Result<Vec<WfEdge>> {
    let mut places = HashMap::new();
    for (place, task) in specification.tasks.iter().enumerate() {
        if places.insert(&task.id, place as u32).is_some() {
            return Err(reader.at(&task.id, Error::TaskDomain, "is there twice"));
        }
    }
    let mut sizes = HashMap::new();
    for file in &specification.files {
        if file.size_in_bytes < 0.0 {
            return Err(reader.at(&file.id, Error::TaskDomain, "has less than no bytes"));
        }
        if sizes.insert(&file.id, file.size_in_bytes).is_some() {
            return Err(reader.at(&file.id, Error::TaskDomain, "is there twice"));
        }
    }
    let place = |id: &Id<'_>| {
        let place = places.get(id).copied();
        place.ok_or_else(|| reader.at(id, Error::TaskDomain, "is no task"))
    };
    let size = |id: &Id<'_>| {
        let size = sizes.get(id).copied();
        size.ok_or_else(|| reader.at(id, Error::TaskDomain, "is no file"))
    };
    // Whether it is said of the one, the other or both.
    let mut edges = BTreeMap::new();
    let mut writers: HashMap<&Id<'_>, Vec<u32>> = HashMap::new();
    for (at, task) in specification.tasks.iter().enumerate() {
        let at = at as u32;
        for parent in &task.parents {
            edges.insert((place(parent)?, at), 0.0);
        }
        for child in &task.children {
            edges.insert((at, place(child)?), 0.0);
        }
        for file in &task.output_files {
            size(file)?;
            let writers = writers.entry(file).or_default();
            // All that this task writes is told in one go.
            if writers.last() != Some(&at) {
                writers.push(at);
            }
        }
    }
    let mut read = HashSet::new();
    for (to, task) in specification.tasks.iter().enumerate() {
        read.clear();
        for file in &task.input_files {
            let size = size(file)?;
            if !read.insert(file) {
                continue;
            }
            for from in writers.get(file).into_iter().flatten() {
                if let Some(bytes) = edges.get_mut(&(*from, to as u32)) {
                    *bytes += size;
                }
            }
        }
    }
    Ok(edges.into_iter().map(|((from, to), bytes)| WfEdge { from, to, bytes }).collect())
}
