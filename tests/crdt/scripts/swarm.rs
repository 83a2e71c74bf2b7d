//! The replicas of a script, and what happens to them.

use std::collections::BTreeMap;

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use super::verbs::{self, Failed, VERBS};
use crate::replica::{WHOLE, open};

struct Node {
    name: String,
    store: Store<'static>,
    now_ms: u64,
    /// Nodes of other sides do not hear it.
    side: usize,
    /// Keys that the script holds open.
    open: Vec<(String, Key)>,
}

/// A frame on its way.
struct Frame {
    name: String,
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
pub struct Swarm {
    config: StoreConfig,
    nodes: Vec<Node>,
    kinds: BTreeMap<String, Kind>,
    /// The key that is meant where none is named.
    key: Option<String>,
    frames: Vec<Frame>,
    /// What the line that is run has to say.
    said: Vec<String>,
}

type Run<T = ()> = Result<T, String>;

/// How something is told: `by state`, `in 60 bytes`, `stop after 2`.
#[derive(Clone, Copy)]
struct How {
    state: bool,
    digest: bool,
    mtu: usize,
    stop: usize,
}

impl Swarm {
    /// Runs the statements of a line: what they say.
    pub fn line(&mut self, line: &str) -> Run<Vec<String>> {
        for statement in split(line)? {
            let words: Vec<&str> = statement.iter().map(String::as_str).collect();
            self.statement(&words)?;
        }
        Ok(std::mem::take(&mut self.said))
    }

    fn statement(&mut self, words: &[&str]) -> Run {
        match *words {
            ["stores", ref settings @ ..] => self.settings(settings),
            ["replicas", ref names @ ..] => names.iter().try_for_each(|name| self.replica(name)),
            ["key", path, kind] => {
                let found = Kind::ALL.into_iter().find(|k| verbs::name(*k) == kind);
                self.kinds.insert(path.into(), found.ok_or(format!("there is no kind {kind}"))?);
                self.key = Some(path.into());
                Ok(())
            }
            ["clock", name, ms] => {
                let at = self.node(name)?;
                self.nodes[at].now_ms = number(ms)?;
                Ok(())
            }
            ["partition", ref names @ ..] => self.partition(names),
            ["heal"] => {
                self.nodes.iter_mut().for_each(|node| node.side = 0);
                Ok(())
            }
            ["sync"] => {
                self.sync();
                Ok(())
            }
            ["show", "all"] => self.show(|node| {
                let mut lines = vec![String::new()];
                verbs::all(&mut node.store, Store::ROOT, "  ", &mut lines)?;
                Ok(if lines.len() > 1 { lines.join("\n") } else { String::from(" nothing") })
            }),
            ["show", "usage"] => self.show(|node| {
                let usage = node.store.usage();
                Ok(format!(
                    " {} keys, {} items, {} bytes, {} early",
                    usage.keys, usage.items, usage.bytes, usage.early
                ))
            }),
            ["show", "seen"] => {
                let names: Vec<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
                self.show(|node| {
                    let seen = |(n, name)| format!(" {name} {}", node.store.seen(id(n)));
                    Ok(names.iter().enumerate().map(seen).collect::<Vec<_>>().join(","))
                })
            }
            ["show"] => self.show_key(None),
            ["show", path] => self.show_key(Some(path)),
            ["frame", name, "=", from, "->", to, ref how @ ..] => {
                let (from, to) = (self.node(from)?, self.node(to)?);
                self.keep(name, from, to, how_of(how)?);
                Ok(())
            }
            [name, "arrives"] => self.arrive(name),
            [from, "->", to, ref how @ ..] => {
                let (from, to) = (self.node(from)?, self.node(to)?);
                self.send(from, to, how_of(how)?);
                Ok(())
            }
            [one, "<->", other, ref how @ ..] => {
                let (one, other, how) = (self.node(one)?, self.node(other)?, how_of(how)?);
                if how.digest {
                    self.reconcile(one, other, how);
                } else {
                    self.send(one, other, how);
                    self.send(other, one, how);
                }
                Ok(())
            }
            [who, verb, ref rest @ ..] if who.ends_with(':') => {
                let at = self.node(&who[..who.len() - 1])?;
                self.act(at, verb, rest)
            }
            _ => Err(format!("what is `{}`?", words.join(" "))),
        }
    }

    fn settings(&mut self, settings: &[&str]) -> Run {
        for setting in settings.chunks(2) {
            let &[name, value] = setting else { return Err("a setting without a value".into()) };
            let value: usize = number(value)?;
            match name {
                "keys" => self.config.keys = value,
                "items" => self.config.items = value,
                "bytes" => self.config.bytes = value,
                "log" => self.config.log = value,
                "early" => self.config.early = value,
                "replicas" => self.config.replicas = value,
                "ahead" => self.config.max_ahead_ms = value as u64,
                _ => return Err(format!("there is no setting {name}")),
            }
        }
        Ok(())
    }

    fn replica(&mut self, name: &str) -> Run {
        let replica = id(self.nodes.len());
        let store = Store::new(&StoreConfig { replica, ..self.config }, Heap)
            .map_err(|error| format!("a store of such settings: {error}"))?;
        self.nodes.push(Node { name: name.into(), store, now_ms: 0, side: 0, open: vec![] });
        Ok(())
    }

    fn node(&self, name: &str) -> Run<usize> {
        let found = self.nodes.iter().position(|node| node.name == name);
        found.ok_or(format!("there is no replica {name}"))
    }

    /// `{a b} {c}`: who is in no group stands alone.
    fn partition(&mut self, words: &[&str]) -> Run {
        let mut side = 0;
        let mut inside = false;
        for (n, node) in self.nodes.iter_mut().enumerate() {
            node.side = words.len() + n;
        }
        for word in words {
            match *word {
                "{" if !inside => (side, inside) = (side + 1, true),
                "}" if inside => inside = false,
                name if inside => {
                    let at = self.node(name)?;
                    self.nodes[at].side = side;
                }
                _ => return Err("a partition is {a b} {c}".into()),
            }
        }
        if inside { Err("a group that does not end".into()) } else { Ok(()) }
    }

    /// What was done, or why not.
    fn say(&mut self, at: usize, what: &str) {
        let line = format!("{}: {what}", self.nodes[at].name);
        if self.said.last() != Some(&line) {
            self.said.push(line);
        }
    }

    fn told<T>(&mut self, at: usize, done: Result<T, Error>) -> Option<T> {
        done.map_err(|error| self.say(at, &format!("refused, {error:?}"))).ok()
    }

    fn path<'a>(&'a self, path: Option<&'a str>) -> Run<(&'a str, Kind)> {
        let path = path.or(self.key.as_deref()).ok_or("of which key?")?;
        let kind = self.kinds.get(path).ok_or(format!("there is no line `key {path} ...`"))?;
        Ok((path, *kind))
    }

    /// `a: verb words in path`.
    fn act(&mut self, at: usize, verb: &str, rest: &[&str]) -> Run {
        let (words, path) = match *rest {
            [ref words @ .., "in", path] => (words, Some(path)),
            _ => (rest, None),
        };
        let (path, kind) = self.path(path)?;
        let path = String::from(path);
        let node = &mut self.nodes[at];
        match verb {
            "open" => {
                let opened = open_path(&mut node.store, &path, kind);
                if let Some(key) = self.told(at, opened) {
                    self.nodes[at].open.push((path, key));
                }
                return Ok(());
            }
            "close" => {
                let found = node.open.iter().position(|(open, _)| *open == path);
                let (_, key) = node.open.remove(found.ok_or("it is not open")?);
                let closed = node.store.close(key);
                self.told(at, closed);
                return Ok(());
            }
            _ => {}
        }
        let verb =
            VERBS.iter().find(|v| v.name == verb).ok_or(format!("there is no verb {verb}"))?;
        if verb.words == words.is_empty() {
            let wants = if verb.words { "wants words" } else { "wants no words" };
            return Err(format!("{} {wants}", verb.name));
        }
        let opened = open_path(&mut node.store, &path, kind);
        let Some(key) = self.told(at, opened) else { return Ok(()) };
        for word in if verb.words { words } else { &[""] } {
            let node = &mut self.nodes[at];
            match (verb.run)(&mut node.store, key, word, node.now_ms) {
                Ok(None) => {}
                Ok(Some(what)) => self.say(at, what),
                Err(Failed::Refused(error)) => self.say(at, &format!("refused, {error:?}")),
                Err(Failed::Script(wrong)) => return Err(wrong),
            }
        }
        self.nodes[at].store.close(key).map_err(|error| error.to_string())
    }

    /// A line for all who see the same.
    fn show(&mut self, look: impl Fn(&mut Node) -> Result<String, Error>) -> Run {
        let mut views: Vec<(String, Vec<String>)> = vec![];
        for node in &mut self.nodes {
            let view = look(node).unwrap_or_else(|error| format!(" refused, {error:?}"));
            match views.iter_mut().find(|(other, _)| *other == view) {
                Some((_, names)) => names.push(node.name.clone()),
                None => views.push((view, vec![node.name.clone()])),
            }
        }
        for (view, names) in views {
            self.said.extend(format!("{}:{view}", names.join(" ")).lines().map(String::from));
        }
        Ok(())
    }

    fn show_key(&mut self, path: Option<&str>) -> Run {
        let (path, kind) = self.path(path)?;
        let path = String::from(path);
        self.show(|node| {
            let key = open_path(&mut node.store, &path, kind)?;
            let value = verbs::value(&node.store, key, kind)?;
            node.store.close(key)?;
            Ok(format!(" {value}"))
        })
    }

    fn hears(&self, from: usize, to: usize) -> bool {
        self.nodes[from].side == self.nodes[to].side
    }

    /// What one has that the other lacks: its state if that is wanted, or if it does not
    /// remember enough.
    fn frames(&mut self, from: usize, to: usize, how: How) -> Vec<Vec<u8>> {
        let store = &mut self.nodes[to].store;
        let mut peer = vec![0; store.context_len()];
        store.context(&mut peer).unwrap();
        let store = &mut self.nodes[from].store;
        let (mut frames, mut next) = (vec![], Some(0));
        while let (Some(at), false) = (next, how.state) {
            let mut frame = vec![0; how.mtu];
            match store.delta(&peer, at, &mut frame) {
                Ok(told) => {
                    frame.truncate(told.len);
                    frames.extend((told.len > 0).then_some(frame));
                    next = told.next;
                }
                Err(Error::CrdtBehind) => break,
                Err(error) => {
                    self.say(from, &format!("refused, {error:?}"));
                    return vec![];
                }
            }
        }
        if next.is_some() {
            let mut state = vec![0; store.state_len()];
            store.state(&mut state).unwrap();
            return vec![state];
        }
        frames
    }

    fn merge(&mut self, to: usize, frame: &[u8]) {
        let node = &mut self.nodes[to];
        let merged = node.store.merge(frame, node.now_ms);
        self.told(to, merged);
    }

    /// Whether there was anything to tell.
    fn send(&mut self, from: usize, to: usize, how: How) -> bool {
        if !self.hears(from, to) {
            self.say(to, "hears nothing");
            return false;
        }
        let frames = self.frames(from, to, how);
        for frame in &frames {
            self.merge(to, frame);
        }
        !frames.is_empty()
    }

    fn keep(&mut self, name: &str, from: usize, to: usize, how: How) {
        let frames = self.frames(from, to, how);
        let many = frames.len() > 1;
        self.frames.retain(|frame| frame.name != name);
        let mut names = vec![];
        for (n, bytes) in frames.into_iter().enumerate() {
            let name = if many { format!("{name}{}", n + 1) } else { name.into() };
            names.push(name.clone());
            self.frames.push(Frame { name, from, to, bytes });
        }
        let what = if names.is_empty() { "nothing to tell".into() } else { names.join(" ") };
        if names.len() != 1 {
            self.said.push(what);
        }
    }

    fn arrive(&mut self, name: &str) -> Run {
        let found = self.frames.iter().rfind(|frame| frame.name == name);
        let frame = found.ok_or(format!("there is no frame {name}"))?;
        let (from, to, bytes) = (frame.from, frame.to, frame.bytes.clone());
        if self.hears(from, to) {
            self.merge(to, &bytes);
        } else {
            self.say(to, "hears nothing");
        }
        Ok(())
    }

    /// All tell all that they reach, until nobody has anything to tell; or cannot.
    fn sync(&mut self) {
        let (whole, count) = (How { mtu: WHOLE, ..HOW }, self.nodes.len());
        for _ in 0..count {
            let mut any = false;
            for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
                if from != to && self.hears(from, to) {
                    any |= self.send(from, to, whole);
                }
            }
            if !any {
                return;
            }
        }
        self.said.sort();
        self.said.dedup();
    }

    /// Digests to and fro until both have the same, or as many frames as the script says.
    fn reconcile(&mut self, one: usize, other: usize, how: How) {
        if !self.hears(one, other) {
            return self.say(other, "hears nothing");
        }
        let mut count = 0;
        while count < how.stop {
            let mut frame = vec![0; how.mtu];
            let begun = self.nodes[one].store.digest(&mut frame);
            let Some(len) = self.told(one, begun) else { return };
            frame.truncate(len);
            let mut to = other;
            while !frame.is_empty() && count < how.stop {
                count += 1;
                let mut answer = vec![0; how.mtu];
                let node = &mut self.nodes[to];
                let done = node.store.reconcile(&frame, node.now_ms, &mut answer);
                let Some(done) = self.told(to, done) else { return };
                if done.equal && done.len == 0 {
                    return self.said.push(format!("the same after {count} frames"));
                }
                answer.truncate(done.len);
                frame = answer;
                to = one + other - to;
            }
        }
        self.said.push(format!("not the same after {count} frames"));
    }
}

const HOW: How = How { state: false, digest: false, mtu: WHOLE, stop: 1000 };

fn id(n: usize) -> ReplicaId {
    ReplicaId(n as u64 + 1)
}

fn how_of(words: &[&str]) -> Run<How> {
    let mut how = HOW;
    let mut rest = words;
    loop {
        rest = match *rest {
            [] => return Ok(how),
            ["by", "state", ref rest @ ..] => {
                how.state = true;
                rest
            }
            ["by", "digest", ref rest @ ..] => {
                how.digest = true;
                rest
            }
            ["in", bytes, "bytes", ref rest @ ..] => {
                how.mtu = number(bytes)?;
                rest
            }
            ["stop", "after", frames, ref rest @ ..] => {
                how.stop = number(frames)?;
                rest
            }
            _ => return Err(format!("how is `{}`?", rest.join(" "))),
        }
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Run<T> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn open_path(store: &mut Store<'static>, path: &str, kind: Kind) -> Result<Key, Error> {
    let mut names: Vec<&str> = path.split('/').collect();
    let name = names.pop().unwrap_or_default();
    open(store, &names, name, kind)
}

/// The statements of a line, which `;` parts, in words; `#` begins a comment. Words with
/// blanks stand between `"`.
fn split(line: &str) -> Run<Vec<Vec<String>>> {
    let (mut all, mut words, mut word) = (vec![], vec![], None::<String>);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => loop {
                let word = word.get_or_insert_default();
                match letters.next() {
                    Some('"') => break,
                    Some(letter) => word.push(letter),
                    None => return Err("a word that does not end".into()),
                }
            },
            '#' | ';' | '{' | '}' | ' ' => {
                words.extend(word.take());
                match letter {
                    '#' => break,
                    ';' => all.push(std::mem::take(&mut words)),
                    '{' | '}' => words.push(letter.into()),
                    _ => {}
                }
            }
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    Ok(all)
}
