//! What every part of the benchmark has at hand.

use std::error::Error;
use std::path::PathBuf;

use crate::blas::Blas;
use crate::fann::Build;
use crate::measure::{Contestant, Effort, Outcome, Stat, alternate, wanted};
use crate::python::Python;
use crate::report::{Peer, Row, Unit};

pub struct Bench {
    pub effort: Effort,
    /// Only work whose name has all of these in it.
    pub filter: Vec<String>,
    pub peers: PathBuf,
    pub builds: Vec<Build>,
    pub python: Option<Python>,
    pub blas: Option<Blas>,
    /// Peers that are not here, and why.
    pub missing: Vec<String>,
}

/// A piece of work to compare.
pub struct Match<'a> {
    pub work: String,
    pub unit: Unit,
    pub floor: Option<f64>,
    pub ours: Contestant<'a>,
    /// Others, and whether the floor is against them.
    pub peers: Vec<(Contestant<'a>, bool)>,
}

impl Bench {
    pub fn new(effort: Effort, filter: Vec<String>, peers: PathBuf) -> Bench {
        let (builds, mut missing) = Build::all(&peers);
        let mut miss = |what: &str, error: Box<dyn Error>| missing.push(format!("{what}: {error}"));
        // What its calls cost by themselves is measured, too.
        let ready = |python: Python| -> Outcome<Python> {
            python.ask(&serde_json::json!({"do": "overhead"}))?;
            Ok(python)
        };
        let python = Python::start(&peers, "peer.py")
            .and_then(ready)
            .map_err(|e| miss("LiteRT and onnxruntime", e))
            .ok();
        let blas = Blas::open(&peers).map_err(|e| miss("OpenBLAS", e)).ok();
        missing.iter().for_each(|what| eprintln!("NOT MEASURED: {what}"));
        Bench { effort, filter, peers, builds, python, blas, missing }
    }

    /// Debian's build of libfann, else whichever there is.
    pub fn fann(&self) -> Option<&Build> {
        self.builds.first()
    }

    /// Whether work of this name is wanted.
    pub fn wants(&self, work: &str) -> bool {
        wanted(&self.filter, work)
    }

    /// Lets us and the peers take turns.
    pub fn measure(&self, work: Match<'_>) -> Outcome<Row> {
        work.measure(self.effort)
    }
}

impl Match<'_> {
    /// Lets us and the peers take turns.
    pub fn measure(self, effort: Effort) -> Outcome<Row> {
        let mut contestants = vec![self.ours];
        let mut names = Vec::new();
        for (contestant, counted) in self.peers {
            names.push((contestant.name.clone(), counted));
            contestants.push(contestant);
        }
        let mut stats: Vec<Stat> = alternate(&mut contestants, effort)?;
        let ours = stats.remove(0);
        let peers = names.into_iter().zip(stats);
        Ok(Row {
            work: self.work,
            unit: self.unit,
            floor: self.floor,
            ours,
            peers: peers.map(|((name, counted), stat)| Peer { name, stat, counted }).collect(),
            same: true,
            note: String::new(),
        })
    }
}
