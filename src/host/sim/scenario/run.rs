//! A scenario is played.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::report::{Outcome, Report, Sample};
use super::{Action, Expectation, Scenario, Step, What, look};
use crate::consensus::raft::Proposal;
use crate::error::{Error, Result};
use crate::host::sim::engine::Counts;
use crate::host::sim::swarm::{Swarm, SwarmConfig, Told};
use crate::node::membership::Change;

/// How often is looked whether something has come about, in microseconds.
const LOOK: u64 = 10_000;
const SECOND: u64 = 1_000_000;

/// An expectation that waits for its time.
struct Pending<'s> {
    step: &'s Step,
    what: &'s Expectation,
    until: u64,
}

/// What was counted since the beginning, or since `count`.
#[derive(Clone, Copy, Default)]
struct Since {
    counts: Counts,
    false_deaths: usize,
    suspicions: usize,
    /// Of all nodes that ran, together.
    node_us: u64,
}

struct Run<'s> {
    scenario: &'s Scenario,
    swarm: Swarm,
    /// The clock when the first node began.
    begin: u64,
    starts: core::iter::Peekable<core::iter::Enumerate<core::slice::Iter<'s, usize>>>,
    steps: core::iter::Peekable<core::slice::Iter<'s, Step>>,
    pending: Vec<Pending<'s>>,
    report: Report,
    since: Since,
    /// Since the last sample.
    second: Since,
    sampled: u64,
}

impl Scenario {
    /// Plays it; with another seed than its own, if one is given.
    ///
    /// Errors of the library are not what scenarios are about, so they end it: [`Error::OutOfMemory`] for more nodes
    /// than there is memory for.
    pub fn run(&self, seed: Option<u64>) -> Result<Report> {
        let seed = seed.unwrap_or(self.seed);
        let config = SwarmConfig { parts: self.parts, ..SwarmConfig::new(seed, self.nodes) };
        let mut swarm = Swarm::new(config)?;
        swarm.sim_mut().network_mut().set_conditions(self.conditions)?;
        let begin = swarm.sim().now();
        let mut run = Run {
            scenario: self,
            swarm,
            begin,
            starts: self.running.iter().enumerate().peekable(),
            steps: self.steps.iter().peekable(),
            pending: Vec::new(),
            report: Report::new(self.nodes, seed),
            since: Since::default(),
            second: Since::default(),
            sampled: 0,
        };
        while run.step()? {}
        run.end();
        Ok(run.report)
    }
}

impl<'s> Run<'s> {
    fn now(&self) -> u64 {
        self.swarm.sim().now() - self.begin
    }

    /// What happens now, and then time up to when something may: whether there is more to come.
    fn step(&mut self) -> Result<bool> {
        let now = self.now();
        for told in self.swarm.take_told() {
            self.judge(&told);
        }
        if now - self.sampled >= SECOND {
            self.sample();
        }
        let apart = self.scenario.apart;
        while let Some((_, place)) = self.starts.next_if(|(i, _)| *i as u64 * apart <= now) {
            self.begin_one(*place)?;
        }
        while let Some(step) = self.steps.next_if(|step| step.at <= now) {
            self.take(step)?;
        }
        self.look()?;
        let start = self.starts.peek().map(|(i, _)| *i as u64 * apart);
        let step = self.steps.peek().map(|step| step.at);
        if start.is_none() && step.is_none() && self.pending.is_empty() {
            return Ok(false);
        }
        let mut next = now / LOOK * LOOK + LOOK;
        for at in [start, step].into_iter().flatten() {
            next = next.min(at);
        }
        let (us, nodes) = (next - now, self.swarm.sim().running().count() as u64);
        self.swarm.run(us)?;
        self.since.node_us += us * nodes;
        self.second.node_us += us * nodes;
        Ok(true)
    }

    fn begin_one(&mut self, place: usize) -> Result<()> {
        self.swarm.start(place)?;
        for topic in &self.scenario.topics {
            let subscribed = self.swarm.act(place, |node, _| {
                node.topics.as_mut().map_or(Ok(()), |topics| topics.subscribe(topic.as_bytes()))
            });
            subscribed.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    fn take(&mut self, step: &'s Step) -> Result<()> {
        match &step.what {
            What::Do(action) => {
                if *action != Action::End {
                    self.report.marks.push((step.at as f64 / 1e6, step.text.clone()));
                }
                if let Some(why) = self.act(action)? {
                    self.report.outcomes.push(Outcome {
                        line: step.line,
                        text: step.text.clone(),
                        held: false,
                        after_us: None,
                        note: why,
                    });
                }
            }
            What::Expect { what, within } => {
                self.pending.push(Pending { step, what, until: step.at + within });
                // Before what the lines below do.
                self.look()?;
            }
        }
        Ok(())
    }

    /// Why it could not be done, if so.
    fn act(&mut self, action: &Action) -> Result<Option<String>> {
        let mut failed = None;
        match action {
            Action::Kill(places) => {
                let mut idle = places.iter().filter(|place| !self.swarm.crash(**place));
                failed = idle.next().map(|place| format!("node {place} does not run"));
            }
            Action::Start(places) => {
                for place in places {
                    if self.swarm.sim().machine(*place).is_some() {
                        failed = Some(format!("node {place} runs already"));
                    } else {
                        self.begin_one(*place)?;
                    }
                }
            }
            Action::Restart(places) => {
                for place in places {
                    self.swarm.crash(*place);
                    self.begin_one(*place)?;
                }
            }
            Action::Leave(places) => {
                let mut idle = places.iter().filter(|place| !self.swarm.leave(**place));
                failed = idle.next().map(|place| format!("node {place} does not run"));
            }
            Action::Pause(places) => {
                places.iter().for_each(|place| self.swarm.sim_mut().pause(*place));
            }
            Action::Resume(places) => {
                places.iter().for_each(|place| self.swarm.sim_mut().resume(*place));
            }
            Action::Late(places, us) => {
                places.iter().for_each(|place| self.swarm.sim_mut().set_late(*place, *us));
            }
            Action::Count => self.since = Since { counts: self.counts(), ..Since::default() },
            Action::End => {}
            Action::Found(places) => {
                let founded = self.swarm.found(places);
                failed = said(founded, "one does not run, or is in a group");
            }
            Action::Publish { .. }
            | Action::Put { .. }
            | Action::Ask { .. }
            | Action::Propose { .. } => {
                failed = self.say(action);
            }
            _ => self.change_network(action)?,
        }
        Ok(failed)
    }

    fn change_network(&mut self, action: &Action) -> Result<()> {
        let network = self.swarm.sim_mut().network_mut();
        let pairs = |from: &[usize], to: &[usize]| {
            let pair = |from: usize| to.iter().map(move |to| (from, *to)).collect::<Vec<_>>();
            from.iter().copied().flat_map(pair).collect::<Vec<_>>()
        };
        match action {
            Action::Partition(sides) => {
                for (side, places) in sides.iter().enumerate() {
                    places.iter().for_each(|place| network.set_side(*place, side + 1));
                }
            }
            Action::Cut(from, to) => {
                pairs(from, to).into_iter().for_each(|(from, to)| network.cut(from, to));
            }
            Action::Mend(from, to) => {
                pairs(from, to).into_iter().for_each(|(from, to)| network.mend(from, to));
            }
            Action::Heal => network.heal(),
            Action::Way(way) => {
                let mut conditions = *network.conditions();
                way.apply(&mut conditions);
                network.set_conditions(conditions)?;
            }
            Action::Link(from, to, way) => {
                for (from, to) in pairs(from, to) {
                    let mut conditions = *network.link(from, to);
                    way.apply(&mut conditions);
                    network.set_link(from, to, Some(conditions))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a node is told to say: why it could not, if so.
    fn say(&mut self, action: &Action) -> Option<String> {
        let by = match action {
            Action::Publish { by, .. }
            | Action::Put { by, .. }
            | Action::Ask { by, .. }
            | Action::Propose { by, .. } => *by,
            _ => return None,
        };
        let to = if let Action::Ask { of, .. } = action { self.swarm.id(*of) } else { 0 };
        let said = self.swarm.act(by, |node, now| {
            let missing = Error::Unsupported;
            match action {
                Action::Publish { topic, text, .. } => {
                    let topics = node.topics.as_mut().ok_or(missing)?;
                    topics.publish(topic.as_bytes(), text.as_bytes()).map(|_| ())
                }
                Action::Put { key, value, .. } => node.put(key.as_bytes(), value.as_bytes(), now),
                Action::Ask { text, within, .. } => {
                    let requests = node.requests.as_mut().ok_or(missing)?;
                    let until = now + within;
                    requests.ask(to, b"ask", text.as_bytes(), until, now).map(|_| ())
                }
                Action::Propose { text, .. } => {
                    let raft = node.raft.as_mut().ok_or(missing)?;
                    let proposal = Proposal { data: text.as_bytes(), ..Proposal::default() };
                    raft.propose(proposal, now).map(|_| ())
                }
                _ => Ok(()),
            }
        });
        match said {
            None => Some(format!("node {by} does not run")),
            Some(Err(Error::Unsupported)) => Some(format!("node {by} is in no group")),
            Some(said) => said.err().map(|error| error.to_string()),
        }
    }

    /// Which expectations have come about, and which will not any more.
    fn look(&mut self) -> Result<()> {
        let now = self.now();
        for pending in core::mem::take(&mut self.pending) {
            let held = self.holds(pending.what)?;
            if !held && now < pending.until {
                self.pending.push(pending);
                continue;
            }
            self.report.outcomes.push(Outcome {
                line: pending.step.line,
                text: pending.step.text.clone(),
                held,
                after_us: held.then_some(now - pending.step.at),
                note: self.note(pending.what),
            });
        }
        Ok(())
    }

    fn holds(&mut self, what: &Expectation) -> Result<bool> {
        Ok(match what {
            Expectation::Of(who, thing) => return look::holds(&mut self.swarm, who, thing),
            Expectation::Leader => {
                let sim = self.swarm.sim();
                look::awake(&self.swarm)
                    .into_iter()
                    .any(|place| sim.machine(place).is_some_and(|node| node.leads()))
            }
            Expectation::NoFalseDeaths => self.since.false_deaths == 0,
            Expectation::NoSuspicions => self.since.suspicions == 0,
            Expectation::TrafficBelow(most) => self.traffic(&self.since) < *most as f64,
        })
    }

    /// What there is to say of it beside whether it held.
    fn note(&self, what: &Expectation) -> String {
        match what {
            Expectation::NoFalseDeaths => format!("{} told", self.since.false_deaths),
            Expectation::NoSuspicions => format!("{} told", self.since.suspicions),
            Expectation::TrafficBelow(_) => {
                format!("{:.0} bytes a node and second", self.traffic(&self.since))
            }
            _ => String::new(),
        }
    }

    fn counts(&self) -> Counts {
        *self.swarm.sim().counts()
    }

    /// Bytes a node and second.
    fn traffic(&self, since: &Since) -> f64 {
        let bytes = self.counts().sent_bytes - since.counts.sent_bytes;
        bytes as f64 * 1e6 / (since.node_us.max(1)) as f64
    }

    fn judge(&mut self, told: &Told) {
        let sim = self.swarm.sim();
        let runs = sim.machine(told.of).is_some() && !sim.is_paused(told.of);
        let network = sim.network();
        let reached = network.reaches(told.by, told.of) && network.reaches(told.of, told.by);
        let wrong = runs && reached;
        for since in [&mut self.since, &mut self.second] {
            since.false_deaths += usize::from(wrong && told.change == Change::Died);
            since.suspicions += usize::from(wrong && told.change == Change::Suspected);
        }
        self.report.false_deaths += usize::from(wrong && told.change == Change::Died);
        self.report.suspicions += usize::from(wrong && told.change == Change::Suspected);
    }

    fn sample(&mut self) {
        let awake = look::awake(&self.swarm);
        let seen: Vec<usize> = awake.iter().map(|place| self.swarm.count(*place)).collect();
        let sum: usize = seen.iter().sum();
        self.report.samples.push(Sample {
            at_us: self.now(),
            running: self.swarm.sim().running().count(),
            least: seen.iter().copied().min().unwrap_or(0),
            mean: sum as f64 / seen.len().max(1) as f64,
            most: seen.iter().copied().max().unwrap_or(0),
            false_deaths: self.second.false_deaths,
            suspicions: self.second.suspicions,
            bytes: self.traffic(&self.second),
        });
        self.second = Since { counts: self.counts(), ..Since::default() };
        self.sampled = self.now();
    }

    fn end(&mut self) {
        self.report.us = self.now();
        self.report.counts = self.counts();
        self.report.trace = self.swarm.sim().trace();
        // In the order of the lines, whenever it was known.
        self.report.outcomes.sort_by_key(|outcome| outcome.line);
    }
}

fn said(done: Result<()>, invalid: &str) -> Option<String> {
    match done {
        Ok(()) => None,
        Err(Error::Invalid) => Some(invalid.to_string()),
        Err(error) => Some(error.to_string()),
    }
}
