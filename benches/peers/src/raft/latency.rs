//! How long one entry takes: three nodes in threads, TCP on the loopback, storage in files.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use neural_swarm::consensus::raft::{
    Committed, EntryKind, Member, MemberKind, NodeId, Proposal, Raft, RaftConfig, Role,
};
use neural_swarm::host::{Folder, RaftStorage, RaftStorageConfig};
use neural_swarm::port::Heap;

use crate::measure::{Effort, Outcome};
use crate::report::{Section, Table, number};

const NODES: u64 = 3;
const SIZE: usize = 256;

/// A connection to another node.
struct Line {
    peer: u64,
    stream: TcpStream,
    /// What has come of messages, each behind its length.
    bytes: Vec<u8>,
}

impl Line {
    fn new(peer: u64, stream: TcpStream) -> Outcome<Line> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Line { peer, stream, bytes: Vec::new() })
    }

    fn send(&mut self, mut bytes: &[u8]) -> Outcome<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes in what has come; whether the other end is open still.
    fn receive(&mut self, room: &mut [u8]) -> Outcome<bool> {
        loop {
            match self.stream.read(room) {
                Ok(0) => return Ok(false),
                Ok(len) => self.bytes.extend_from_slice(&room[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Node {
    id: u64,
    raft: Raft<'static>,
    storage: RaftStorage<Folder>,
    lines: Vec<Line>,
    /// Four bytes for the length of a message, then the message.
    buffer: Vec<u8>,
    begin: Instant,
    applied: u64,
    /// Microseconds that writing an entry, and making it durable, took.
    written: Vec<f64>,
    open: bool,
}

impl Node {
    fn new(id: u64, folder: &Path, sync: bool, lines: Vec<Line>, begin: Instant) -> Outcome<Node> {
        let config = RaftConfig {
            id: NodeId(id),
            seed: id,
            // The first leads.
            priority: if id == 1 { 255 } else { 0 },
            ..RaftConfig::default()
        };
        let mut raft = Raft::new(&config, Heap)?;
        let files = Folder::open(&folder.join(id.to_string()))?;
        let kept = RaftStorageConfig {
            node: NodeId(id),
            sync,
            snapshots: false,
            ..RaftStorageConfig::default()
        };
        let storage = RaftStorage::open(files, kept)?;
        let member = |id| Member { id: NodeId(id), kind: MemberKind::Voter };
        raft.bootstrap(&(1..=NODES).map(member).collect::<Vec<_>>())?;
        let buffer = vec![0; 4 + config.message];
        let mut node = Node {
            id,
            raft,
            storage,
            lines,
            buffer,
            begin,
            applied: 0,
            written: Vec::new(),
            open: true,
        };
        let now = node.now();
        node.raft.start(now)?;
        Ok(node)
    }

    fn now(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    /// Waits for something to come, or until something is due; not at all if `wait` is not.
    fn hear(&mut self, wait: bool) -> Outcome<()> {
        let ask = |line: &Line| libc::pollfd {
            fd: line.stream.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut asked: Vec<_> = self.lines.iter().map(ask).collect();
        let due = self.raft.next_wake_us().saturating_sub(self.now()).div_ceil(1000).min(20);
        let timeout = if wait { due as i32 } else { 0 };
        // SAFETY: so many places, which it fills in.
        unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, timeout) };
        let now = self.now();
        for (line, _) in self.lines.iter_mut().zip(&asked).filter(|(_, asked)| asked.revents != 0) {
            self.open &= line.receive(&mut self.buffer)?;
            let mut rest = line.bytes.as_slice();
            while let Some((len, behind)) = rest.split_first_chunk::<4>() {
                let Some((message, behind)) =
                    behind.split_at_checked(u32::from_le_bytes(*len) as usize)
                else {
                    break;
                };
                self.raft.step(NodeId(line.peer), message, now)?;
                rest = behind;
            }
            let taken = line.bytes.len() - rest.len();
            line.bytes.drain(..taken);
        }
        self.raft.tick(now)?;
        Ok(())
    }

    fn send(&mut self) -> Outcome<()> {
        while let Some((to, len)) = self.raft.next_message(&mut self.buffer[4..])? {
            self.buffer[..4].copy_from_slice(&(len as u32).to_le_bytes());
            if let Some(line) = self.lines.iter_mut().find(|line| line.peer == to.0) {
                line.send(&self.buffer[..4 + len])?;
            }
        }
        Ok(())
    }

    /// What is to be done: a leader's messages do not wait for its disk.
    fn act(&mut self) -> Outcome<()> {
        self.send()?;
        let (now, from, status) = (self.now(), Instant::now(), self.raft.status());
        self.storage.serve(&mut self.raft, now)?;
        if status.durable < status.last {
            self.written.push(from.elapsed().as_secs_f64() * 1e6);
        }
        self.send()?;
        while let Some(committed) = self.raft.next_committed() {
            let index = committed.index();
            if let Committed::Entry { kind: EntryKind::Data, .. } = committed {
                self.applied += 1;
            }
            self.raft.applied(index)?;
        }
        while self.raft.next_event().is_some() {}
        Ok(())
    }
}

/// The ends of the connections of each node.
fn lines() -> Outcome<Vec<Vec<Line>>> {
    let mut all: Vec<Vec<Line>> = (0..NODES).map(|_| Vec::new()).collect();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    for one in 1..=NODES {
        for other in one + 1..=NODES {
            let near = TcpStream::connect(listener.local_addr()?)?;
            let (far, _) = listener.accept()?;
            all[one as usize - 1].push(Line::new(other, near)?);
            all[other as usize - 1].push(Line::new(one, far)?);
        }
    }
    Ok(all)
}

/// Microseconds that each of so many commits takes, one after the other; and what of them the leader
/// itself writes.
fn commits(folder: &Path, sync: bool, count: usize) -> Outcome<[Vec<f64>; 2]> {
    std::fs::create_dir_all(folder)?;
    let (begin, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let mut ends = lines()?.into_iter();
    let own = ends.next().ok_or("no nodes")?;
    let follow = |(id, lines): (u64, Vec<Line>)| {
        let (over, folder) = (over.clone(), folder.to_path_buf());
        thread::spawn(move || -> Result<(), String> {
            let run = || -> Outcome<()> {
                let mut node = Node::new(id, &folder, sync, lines, begin)?;
                while node.open && !over.load(Ordering::Relaxed) {
                    node.hear(true)?;
                    node.act()?;
                }
                Ok(())
            };
            // The others hear no more of it, and stop, too.
            run().map_err(|error| format!("node {id}: {error}"))
        })
    };
    let followers: Vec<_> = (2..=NODES).zip(ends).map(follow).collect();
    let lead = || -> Outcome<[Vec<f64>; 2]> {
        let mut node = Node::new(1, folder, sync, own, begin)?;
        while node.raft.status().role != Role::Leader || node.raft.status().applied == 0 {
            node.hear(true)?;
            node.act()?;
        }
        let (data, mut taken) = (vec![7; SIZE], Vec::new());
        while taken.len() < count {
            let (from, wanted) = (Instant::now(), node.applied + 1);
            let now = node.now();
            node.raft.propose(Proposal { data: &data, ..Proposal::default() }, now)?;
            node.act()?;
            while node.applied < wanted {
                if !node.open {
                    return Err(format!("node {} is alone", node.id).into());
                }
                node.hear(true)?;
                node.act()?;
            }
            taken.push(from.elapsed().as_secs_f64() * 1e6);
        }
        Ok([taken, node.written])
    };
    let taken = lead();
    over.store(true, Ordering::Relaxed);
    for follower in followers {
        // A connection that its peer has closed already says nothing.
        let ended = follower.join().map_err(|_| "a node has panicked")?;
        if let (Err(_), Err(why)) = (&taken, ended) {
            return Err(why.into());
        }
    }
    std::fs::remove_dir_all(folder)?;
    taken
}

/// Microseconds that writing as much to a file and `fdatasync` take.
fn syncs(folder: &Path, count: usize) -> Outcome<Vec<f64>> {
    std::fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join("alone"))?;
    let (bytes, mut taken) = (vec![7; SIZE + 32], Vec::new());
    while taken.len() < count {
        let from = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        taken.push(from.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_dir_all(folder)?;
    Ok(taken)
}

pub fn section(effort: Effort, peers: &Path) -> Outcome<Section> {
    let (rounds, count) = effort.pick((10, 200), (1, 20));
    let folder = |name: &str| -> PathBuf {
        peers.join(format!("raft-latency-{}-{name}", std::process::id()))
    };
    let names = [
        "commit, made durable",
        "of it the leader's own write and `fdatasync`",
        "commit, not made durable",
        "of it the leader's own write",
        "`fdatasync` alone",
    ];
    let mut taken = [const { Vec::new() }; 5];
    for _ in 0..rounds {
        let [durable, synced, not, written, alone] = &mut taken;
        for (sync, times) in [(true, [durable, synced]), (false, [not, written])] {
            let group = commits(&folder(if sync { "durable" } else { "not" }), sync, count)?;
            times.into_iter().zip(group).for_each(|(times, group)| times.extend(group));
        }
        alone.extend(syncs(&folder("alone"), count)?);
    }
    let rows = names.into_iter().zip(taken).map(|(name, mut taken)| {
        taken.sort_by(f64::total_cmp);
        let at = |part: f64| format!("{} us", number(taken[(taken.len() as f64 * part) as usize]));
        vec![name.to_string(), at(0.5), at(0.99)]
    });
    let table = Table { head: vec!["what", "p50", "p99"], rows: rows.collect() };
    Ok(Section {
        title: "How long a commit takes",
        text: format!(
            "{NODES} nodes, each in a thread of its own, with TCP on the loopback between them, and \
             `RaftStorage` in a folder each, on one disk: from `propose` at the leader until the \
             leader has applied the entry ({SIZE} B), one after the other; {} commits in {rounds} \
             groups. The leader's messages go out before it waits for its own disk, and two of three are \
             enough. Beside it what as many bytes and `fdatasync` take on that disk, in one thread that \
             does nothing else. Where processors have other work, all of these wait for them as well, in \
             steps of a few milliseconds.",
            rounds * count
        ),
        tables: vec![(String::new(), table)],
        ..Section::default()
    })
}
