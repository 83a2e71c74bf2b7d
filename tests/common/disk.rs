//! Files in memory, on a disk that fails and crashes where it is told to; and a folder of the system.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use neural_swarm::Error;
use neural_swarm::host::{Files, SyncLater};

use super::Random;

/// What was written to a file, and how much of that is durable.
#[derive(Clone, Default)]
pub struct Content {
    pub bytes: Vec<u8>,
    durable: usize,
    /// What a sync that failed was for: systems take it for written, and it is not.
    lost: std::ops::Range<usize>,
}

type Shared = Arc<Mutex<Content>>;
type Names = BTreeMap<String, Shared>;

#[derive(Clone)]
enum Naming {
    New(String, Shared),
    /// Of this file, whatever has the name.
    Rename(String, String, Shared),
    Remove(String),
}

/// What happens at an operation that changes something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It is refused, perhaps done in part.
    Fails,
    /// It and all others after it are: there is no room.
    Breaks,
    /// It is the last one, perhaps done in part.
    Crashes,
}

/// What is left of what was not durable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tear {
    Nothing,
    All,
    /// The first of the names, and the first bytes of each file.
    First(u64),
    /// Any of the names, and any sectors of each file, the others being zeros.
    Sectors(u64),
}

pub const TEARS: [Tear; 6] =
    [Tear::Nothing, Tear::All, Tear::First(1), Tear::First(2), Tear::Sectors(3), Tear::Sectors(4)];

struct State {
    names: Names,
    durable: Names,
    /// Names that changed since the durable ones.
    naming: Vec<Naming>,
    random: Random,
    done: usize,
    /// Bytes that were written, all together.
    written: usize,
    fate: Option<(usize, Fate)>,
    crashed: bool,
}

#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

fn rename(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::New(name, content) => {
            names.insert(name.clone(), content.clone());
        }
        Naming::Rename(from, to, content) => {
            if names.get(from).is_some_and(|named| Arc::ptr_eq(named, content)) {
                names.remove(from);
            }
            names.insert(to.clone(), content.clone());
        }
        Naming::Remove(name) => {
            names.remove(name);
        }
    }
}

fn below(random: &mut Random, end: usize) -> usize {
    random.below(end as u64) as usize
}

impl Disk {
    pub fn new(seed: u64, fate: Option<(usize, Fate)>) -> Disk {
        Disk(Arc::new(Mutex::new(State {
            names: Names::new(),
            durable: Names::new(),
            naming: vec![],
            random: Random(seed),
            done: 0,
            written: 0,
            fate,
            crashed: false,
        })))
    }

    /// The same disk, which will have another fate from now on; nobody else has it.
    pub fn then(&self, fate: Option<(usize, Fate)>) -> Disk {
        let copy = Disk::new(self.0.lock().unwrap().random.0, fate);
        {
            let state = self.0.lock().unwrap();
            // A file has one content under all its names.
            let mut known: Vec<(Shared, Shared)> = vec![];
            let mut own = |content: &Shared| -> Shared {
                if let Some((_, own)) = known.iter().find(|(old, _)| Arc::ptr_eq(old, content)) {
                    return own.clone();
                }
                let new = Arc::new(Mutex::new(content.lock().unwrap().clone()));
                known.push((content.clone(), new.clone()));
                new
            };
            let mut to = copy.0.lock().unwrap();
            to.names = state.names.iter().map(|(name, c)| (name.clone(), own(c))).collect();
            to.durable = state.durable.iter().map(|(name, c)| (name.clone(), own(c))).collect();
            to.naming = state.naming.clone();
            for naming in &mut to.naming {
                if let Naming::New(_, content) | Naming::Rename(_, _, content) = naming {
                    *content = own(content);
                }
            }
        }
        copy
    }

    /// Another fate from now on, for all who have this disk.
    pub fn fare(&self, fate: Option<(usize, Fate)>) {
        self.0.lock().unwrap().fate = fate;
    }

    /// What is left when the power is back.
    pub fn after_crash(&self, tear: Tear) -> Disk {
        let seed = match tear {
            Tear::First(seed) | Tear::Sectors(seed) => seed,
            _ => 0,
        };
        let state = self.0.lock().unwrap();
        let mut random = Random(seed ^ (state.done as u64) << 8);
        let mut names = state.durable.clone();
        let kept = match tear {
            Tear::Nothing => 0,
            Tear::All | Tear::Sectors(_) => state.naming.len(),
            Tear::First(_) => below(&mut random, state.naming.len() + 1),
        };
        for naming in &state.naming[..kept] {
            let any = !matches!(tear, Tear::Sectors(_)) || random.chance(600);
            if any {
                rename(&mut names, naming);
            }
        }
        for content in names.values_mut() {
            let mut torn = content.lock().unwrap().clone();
            for at in torn.lost.clone() {
                torn.bytes[at] = 0;
            }
            let more = torn.bytes.len() - torn.durable;
            let kept = match tear {
                Tear::Nothing => torn.durable,
                Tear::All => torn.bytes.len(),
                _ => torn.durable + below(&mut random, more + 1),
            };
            torn.bytes.truncate(kept);
            if let Tear::Sectors(_) = tear {
                let mut at = torn.durable;
                while at < kept {
                    let end = ((at / 512 + 1) * 512).min(kept);
                    if random.chance(400) {
                        torn.bytes[at..end].fill(0);
                    }
                    at = end;
                }
            }
            (torn.durable, torn.lost) = (kept, 0..0);
            *content = Arc::new(Mutex::new(torn));
        }
        let disk = Disk::new(seed, None);
        disk.0.lock().unwrap().durable = names.clone();
        disk.0.lock().unwrap().names = names;
        disk
    }

    pub fn crashed(&self) -> bool {
        self.0.lock().unwrap().crashed
    }

    /// Operations that changed something.
    pub fn done(&self) -> usize {
        self.0.lock().unwrap().done
    }

    /// Does something, unless it is fated not to be done: then `part` of it.
    fn change(
        &mut self,
        part: impl FnOnce(&mut State),
        all: impl FnOnce(&mut State),
    ) -> Result<(), Error> {
        let state = &mut *self.0.lock().unwrap();
        if state.crashed {
            return Err(Error::HostIo);
        }
        state.done += 1;
        match state.fate {
            Some((at, fate)) if at == state.done || (fate == Fate::Breaks && at < state.done) => {
                part(state);
                state.crashed = fate == Fate::Crashes;
                Err(if fate == Fate::Breaks { Error::HostFull } else { Error::HostIo })
            }
            _ => {
                all(state);
                Ok(())
            }
        }
    }

    pub fn written(&self) -> usize {
        self.0.lock().unwrap().written
    }

    pub fn list(&self) -> Vec<String> {
        self.0.lock().unwrap().names.keys().cloned().collect()
    }

    /// All files with what is in them.
    pub fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.0.lock().unwrap();
        let bytes = |content: &Shared| content.lock().unwrap().bytes.clone();
        state.names.iter().map(|(name, content)| (name.clone(), bytes(content))).collect()
    }

    /// Does something to a file's bytes.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let state = self.0.lock().unwrap();
        let content = &mut *state.names[name].lock().unwrap();
        edit(&mut content.bytes);
        content.durable = content.bytes.len();
    }

    pub fn delete(&self, name: &str) {
        let state = &mut *self.0.lock().unwrap();
        state.names.remove(name);
        state.durable.remove(name);
    }

    pub fn size(&self, name: &str) -> usize {
        self.0.lock().unwrap().names[name].lock().unwrap().bytes.len()
    }

    pub fn durable(&self, name: &str) -> usize {
        self.0.lock().unwrap().names[name].lock().unwrap().durable
    }

    fn sync_content(&mut self, content: Shared) -> Result<(), Error> {
        let of = content.clone();
        let all = move |_: &mut State| {
            let content = &mut *of.lock().unwrap();
            content.durable = content.bytes.len();
        };
        let part = move |_: &mut State| {
            let content = &mut *content.lock().unwrap();
            content.lost = content.durable..content.bytes.len();
            // The system takes it for written.
        };
        self.change(part, all)
    }
}

fn naming(state: &mut State, naming: Naming) {
    rename(&mut state.names, &naming);
    state.naming.push(naming);
}

fn write(state: &mut State, name: &str, bytes: &[u8]) {
    if !state.names.contains_key(name) {
        naming(state, Naming::New(name.into(), Shared::default()));
    }
    state.names[name].lock().unwrap().bytes.extend_from_slice(bytes);
    state.written += bytes.len();
}

impl Files for Disk {
    fn names(&mut self) -> Result<Vec<String>, Error> {
        if self.crashed() { Err(Error::HostIo) } else { Ok(self.list()) }
    }

    fn read(&mut self, name: &str, at: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let state = self.0.lock().unwrap();
        if state.crashed {
            return Err(Error::HostIo);
        }
        let Some(content) = state.names.get(name) else { return Ok(0) };
        let content = content.lock().unwrap();
        // Shorter than asked for, as reads may be.
        let rest = &content.bytes[(at as usize).min(content.bytes.len())..];
        let len = rest.len().min(bytes.len()).min(700);
        bytes[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let part = |state: &mut State| {
            let len = below(&mut state.random, bytes.len() + 1);
            write(state, name, &bytes[..len]);
        };
        self.change(part, |state| write(state, name, bytes))
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), Error> {
        let all = |state: &mut State| {
            let content = &mut *state.names[name].lock().unwrap();
            content.bytes.truncate(len as usize);
            content.durable = content.durable.min(len as usize);
            content.lost = 0..0;
        };
        self.change(|_| {}, all)
    }

    fn sync(&mut self, name: &str) -> Result<(), Error> {
        let content = self.0.lock().unwrap().names.get(name).cloned();
        self.sync_content(content.expect("a file"))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let both = |state: &mut State| {
            let content = state.names[from].clone();
            naming(state, Naming::Rename(from.into(), to.into(), content));
        };
        let perhaps = |state: &mut State| {
            if state.random.chance(500) {
                both(state);
            }
        };
        self.change(perhaps, both)
    }

    fn remove(&mut self, name: &str) -> Result<(), Error> {
        let both = |state: &mut State| {
            if state.names.contains_key(name) {
                naming(state, Naming::Remove(name.into()));
            }
        };
        let perhaps = |state: &mut State| {
            if state.random.chance(500) {
                both(state);
            }
        };
        self.change(perhaps, both)
    }

    fn sync_names(&mut self) -> Result<(), Error> {
        let all = |state: &mut State| {
            state.durable = state.names.clone();
            state.naming.clear();
        };
        self.change(|_| {}, all)
    }

    fn sync_later(&mut self, name: &str) -> Result<SyncLater, Error> {
        let content = self.0.lock().unwrap().names.get(name).cloned().expect("a file");
        // What is written until it is done becomes durable as well.
        let mut disk = self.clone();
        Ok(Box::new(move || disk.sync_content(content)))
    }
}

/// A folder that is removed in the end.
pub struct Temporary(pub std::path::PathBuf);

impl Temporary {
    /// A name for one; it is not there yet.
    pub fn new(name: &str) -> Temporary {
        let name = format!("nsw-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
