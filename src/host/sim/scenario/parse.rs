//! A scenario from its text.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::{Action, Expectation, Problem, Scenario, Step, Thing, Way, What, Who};
use crate::host::sim::network::{Conditions, MILLION};
use crate::host::sim::swarm::Parts;

const MOST_NODES: usize = 1_000;
/// With more replicas what a store says of itself is longer than a datagram.
const MOST_STORES: usize = 32;
const MOST_TIME: f64 = 86_400e6;
/// A member of a group may have so many others.
const MOST_GROUP: usize = 7;

type Result<T> = core::result::Result<T, Problem>;

/// The words of a line that are left.
struct Words<'a> {
    line: usize,
    nodes: usize,
    rest: &'a [&'a str],
}

impl<'a> Words<'a> {
    fn problem(&self, what: impl Into<String>) -> Problem {
        Problem { line: self.line, what: what.into() }
    }

    fn word(&mut self, wanted: &str) -> Result<&'a str> {
        let (first, rest) =
            self.rest.split_first().ok_or_else(|| self.problem(format!("{wanted} is missing")))?;
        self.rest = rest;
        Ok(first)
    }

    fn next_if(&mut self, word: &str) -> bool {
        let is = self.rest.first() == Some(&word);
        if is {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is
    }

    fn text(&mut self, wanted: &str, most: usize) -> Result<String> {
        let word = self.word(wanted)?;
        if word.len() > most {
            return Err(self.problem(format!("{wanted} has more than {most} bytes")));
        }
        Ok(word.to_string())
    }

    fn number<T: core::str::FromStr>(&mut self, wanted: &str) -> Result<T> {
        let word = self.word(wanted)?;
        word.parse().map_err(|_| self.problem(format!("`{word}` is no number: {wanted}")))
    }

    /// In microseconds.
    fn time(&mut self) -> Result<u64> {
        let word = self.word("a time")?;
        let units = [("us", 1.0), ("ms", 1e3), ("min", 60e6), ("s", 1e6)];
        let found = units.iter().find_map(|(unit, us)| Some((word.strip_suffix(unit)?, us)));
        let us = found.and_then(|(digits, us)| Some(decimal(digits)? * us));
        let us = us.ok_or_else(|| self.problem(format!("`{word}` is no time, as 10ms, 1.5s")))?;
        if us > MOST_TIME {
            return Err(self.problem(format!("`{word}` is more than a day")));
        }
        Ok(us.round() as u64)
    }

    /// In millionths.
    fn share(&mut self) -> Result<u32> {
        let word = self.word("a share")?;
        let share = word.strip_suffix('%').and_then(decimal).filter(|share| *share <= 100.0);
        let share = share.ok_or_else(|| self.problem(format!("`{word}` is no share, as 0.5%")))?;
        Ok((share * f64::from(MILLION / 100)).round() as u32)
    }

    fn node(&mut self) -> Result<usize> {
        let node = self.number("a node")?;
        self.known(node)?;
        Ok(node)
    }

    fn known(&self, node: usize) -> Result<()> {
        if node < self.nodes {
            return Ok(());
        }
        Err(self.problem(format!("there is no node {node}: they are 0 to {}", self.nodes - 1)))
    }

    fn places(&mut self) -> Result<Vec<usize>> {
        let word = self.word("nodes, as 3 or 0-4,7,")?;
        self.places_of(word)
    }

    fn places_of(&self, word: &str) -> Result<Vec<usize>> {
        if word == "all" {
            return Ok((0..self.nodes).collect());
        }
        let mut places = Vec::new();
        for part in word.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
                return Err(self.problem(format!("`{word}` are no nodes, as 3 or 0-4,7")));
            };
            self.known(first.max(last))?;
            if last < first {
                return Err(self.problem(format!("`{part}` goes backwards")));
            }
            places.extend(first..=last);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    fn end(&self) -> Result<()> {
        match self.rest.first() {
            Some(word) => Err(self.problem(format!("`{word}` is too much here"))),
            None => Ok(()),
        }
    }
}

/// Digits, and perhaps some behind a point.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

struct Parser {
    scenario: Scenario,
    /// Whether there was a time.
    begun: bool,
    now: u64,
}

impl Scenario {
    /// From its text. The first problem that is found, if there is one.
    pub fn parse(text: &str) -> Result<Scenario> {
        let mut parser = Parser {
            scenario: Scenario {
                nodes: 0,
                seed: 1,
                parts: Parts::default(),
                conditions: Conditions::new(),
                running: Vec::new(),
                apart: 20_000,
                topics: Vec::new(),
                steps: Vec::new(),
            },
            begun: false,
            now: 0,
        };
        let mut last = 1;
        for (number, text) in text.lines().enumerate() {
            last = number + 1;
            let code = text.split('#').next().unwrap_or_default();
            let words: Vec<&str> = code.split_whitespace().collect();
            let nodes = parser.scenario.nodes;
            let mut words = Words { line: last, nodes, rest: &words };
            if !words.rest.is_empty() {
                parser.line(&mut words)?;
                words.end()?;
            }
        }
        if parser.scenario.nodes == 0 {
            return Err(Problem { line: last, what: "there is no line `nodes N`".to_string() });
        }
        if parser.scenario.running.is_empty() {
            parser.scenario.running = (0..parser.scenario.nodes).collect();
        }
        Ok(parser.scenario)
    }
}

impl Parser {
    fn line(&mut self, words: &mut Words<'_>) -> Result<()> {
        if self.scenario.nodes == 0 && words.rest.first() != Some(&"nodes") {
            return Err(words.problem("`nodes N` comes first"));
        }
        if words.next_if("at") {
            let at = words.time()?;
            if at < self.now {
                return Err(words.problem("that is before the line above"));
            }
            (self.begun, self.now) = (true, at);
        } else if !self.begun {
            return self.setting(words);
        }
        let text = words.rest.join(" ");
        let what = self.what(words)?;
        self.scenario.steps.push(Step { line: words.line, at: self.now, text, what });
        Ok(())
    }

    fn setting(&mut self, words: &mut Words<'_>) -> Result<()> {
        let first = words.word("a setting")?;
        match first {
            "nodes" => {
                let nodes = words.number("how many nodes there are")?;
                if self.scenario.nodes > 0 {
                    return Err(words.problem("`nodes` was said already"));
                }
                if !(2..=MOST_NODES).contains(&nodes) {
                    return Err(
                        words.problem(format!("{nodes} nodes: there are 2 to {MOST_NODES}"))
                    );
                }
                self.scenario.nodes = nodes;
            }
            "seed" => self.scenario.seed = words.number("a seed")?,
            "parts" => self.set_parts(words)?,
            "running" => self.scenario.running = words.places()?,
            "apart" => self.scenario.apart = words.time()?,
            _ => match way(first, words)? {
                Some(way) => way.apply(&mut self.scenario.conditions),
                None => return Err(words.problem(format!("`{first}` is no setting"))),
            },
        }
        Ok(())
    }

    fn set_parts(&mut self, words: &mut Words<'_>) -> Result<()> {
        let parts = &mut self.scenario.parts;
        loop {
            match words.word("a part")? {
                "topics" => parts.topics = true,
                "requests" => parts.requests = true,
                "store" if self.scenario.nodes > MOST_STORES => {
                    return Err(
                        words.problem(format!("a store is for {MOST_STORES} nodes at most"))
                    );
                }
                "store" => parts.store = true,
                other => return Err(words.problem(format!("`{other}` is no part"))),
            }
            if words.rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn what(&mut self, words: &mut Words<'_>) -> Result<What> {
        let first = words.word("what happens")?;
        if first == "expect" {
            return self.expectation(words);
        }
        Ok(What::Do(match first {
            "kill" => Action::Kill(words.places()?),
            "start" => Action::Start(words.places()?),
            "restart" => Action::Restart(words.places()?),
            "leave" => Action::Leave(words.places()?),
            "pause" => Action::Pause(words.places()?),
            "resume" => Action::Resume(words.places()?),
            "late" => Action::Late(words.places()?, words.time()?),
            "partition" => {
                let mut sides = Vec::new();
                while sides.is_empty() || !words.rest.is_empty() {
                    sides.push(words.places()?);
                }
                Action::Partition(sides)
            }
            "cut" => Action::Cut(words.places()?, words.places()?),
            "mend" => Action::Mend(words.places()?, words.places()?),
            "heal" => Action::Heal,
            "link" => {
                let (from, to) = (words.places()?, words.places()?);
                let name = words.word("latency, jitter, loss, duplicate or hold")?;
                let way = way(name, words)?;
                let no = || words.problem(format!("`{name}` is nothing that a link has"));
                Action::Link(from, to, way.ok_or_else(no)?)
            }
            "publish" => self.publish(words)?,
            "put" => {
                self.wants(words, self.scenario.parts.store, "store")?;
                let (by, key) = (words.node()?, words.text("a key", 64)?);
                Action::Put { by, key, value: words.text("a value", 256)? }
            }
            "ask" => {
                self.wants(words, self.scenario.parts.requests, "requests")?;
                let (by, of) = (words.node()?, words.node()?);
                let (text, within) = (words.text("a text", 256)?, words.time()?);
                Action::Ask { by, of, text, within }
            }
            "found" => {
                let members = words.places()?;
                if members.len() > MOST_GROUP {
                    return Err(words.problem(format!("a group is of {MOST_GROUP} nodes at most")));
                }
                Action::Found(members)
            }
            "propose" => {
                let by = words.node()?;
                Action::Propose { by, text: words.text("a text", 256)? }
            }
            "count" => Action::Count,
            "end" => Action::End,
            _ => match way(first, words)? {
                Some(way) => Action::Way(way),
                None => return Err(words.problem(format!("`{first}` is nothing that happens"))),
            },
        }))
    }

    fn wants(&self, words: &Words<'_>, has: bool, part: &str) -> Result<()> {
        if has { Ok(()) } else { Err(words.problem(format!("that wants `parts {part}`"))) }
    }

    fn publish(&mut self, words: &mut Words<'_>) -> Result<Action> {
        self.wants(words, self.scenario.parts.topics, "topics")?;
        let (by, topic) = (words.node()?, words.text("a topic", 32)?);
        let topics = &mut self.scenario.topics;
        if !topics.contains(&topic) {
            if topics.len() == 16 {
                return Err(words.problem("more than 16 topics"));
            }
            topics.push(topic.clone());
        }
        Ok(Action::Publish { by, topic, text: words.text("a text", 256)? })
    }

    fn expectation(&self, words: &mut Words<'_>) -> Result<What> {
        let first = words.word("what is expected")?;
        let what = match first {
            "no-false-deaths" => Expectation::NoFalseDeaths,
            "no-suspicions" => Expectation::NoSuspicions,
            "traffic" => {
                if !words.next_if("below") {
                    return Err(words.problem("`below` is missing"));
                }
                Expectation::TrafficBelow(words.number("bytes a second")?)
            }
            "leader" => Expectation::Leader,
            _ => Expectation::Of(who(first, words)?, self.thing(words)?),
        };
        let may_wait = matches!(what, Expectation::Of(..) | Expectation::Leader);
        let within = if may_wait && words.next_if("within") { words.time()? } else { 0 };
        Ok(What::Expect { what, within })
    }

    fn thing(&self, words: &mut Words<'_>) -> Result<Thing> {
        let parts = self.scenario.parts;
        Ok(match words.word("what they know")? {
            "know-alive" => Thing::Alive(words.places()?),
            "know-dead" => Thing::Dead(words.places()?),
            "know-left" => Thing::Left(words.places()?),
            "see" => Thing::See(words.number("how many")?),
            "heard" => {
                self.wants(words, parts.topics, "topics")?;
                Thing::Heard(words.text("a text", 256)?)
            }
            "have" => {
                self.wants(words, parts.store, "store")?;
                let key = words.text("a key", 64)?;
                Thing::Have { key, value: words.text("a value", 256)? }
            }
            "agreed" => Thing::Agreed(words.text("a text", 256)?),
            "answered" => {
                self.wants(words, parts.requests, "requests")?;
                Thing::Answered(words.text("a text", 256)?)
            }
            other => return Err(words.problem(format!("`{other}` is nothing to expect"))),
        })
    }
}

fn who(word: &str, words: &mut Words<'_>) -> Result<Who> {
    match word {
        "all" => Ok(Who::Share(MILLION)),
        "any" => Ok(Who::Any),
        _ if word.ends_with('%') => {
            let mut share = Words { rest: &[word], ..*words };
            Ok(Who::Share(share.share()?))
        }
        _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(Who::These(words.places_of(word)?))
        }
        _ => Err(words.problem(format!("`{word}` is nothing to expect"))),
    }
}

fn way(name: &str, words: &mut Words<'_>) -> Result<Option<Way>> {
    Ok(Some(match name {
        "latency" => Way::Latency(words.time()?),
        "jitter" => Way::Jitter(words.time()?),
        "loss" => Way::Loss(words.share()?),
        "duplicate" => Way::Duplicate(words.share()?),
        "hold" => Way::Hold(words.share()?, words.time()?),
        _ => return Ok(None),
    }))
}
