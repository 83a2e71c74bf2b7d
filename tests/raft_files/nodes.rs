//! Nodes over files: logs that are longer than memory, slow followers, crashes.

use std::collections::VecDeque;

use neural_swarm::Error;
use neural_swarm::consensus::raft::*;
use neural_swarm::host::{Folder, RaftStorageConfig};

use crate::common::disk::{Disk, Fate, TEARS, Tear, Temporary};
use crate::group::{App, Group, Node, voters};
use crate::times;

fn config(id: u64) -> RaftConfig {
    RaftConfig {
        id: NodeId(id),
        entries: 64,
        bytes: 16_384,
        max_entry: 200,
        chunk: 8192,
        message: 16_384,
        sessions: 4,
        seed: id,
        ..RaftConfig::default()
    }
}

fn kept(id: u64, segment_bytes: u64) -> RaftStorageConfig {
    RaftStorageConfig { node: NodeId(id), segment_bytes, ..RaftStorageConfig::default() }
}

/// What was proposed for the n-th time.
fn data(n: u64) -> Vec<u8> {
    let len = 8 + n % 13 * 8;
    (0..len).map(|at| (n >> (at % 8 * 8)) as u8 ^ at as u8).collect()
}

/// A log of many times what memory holds: a follower that was away gets all of it from the
/// leader's files, and a node that begins anew reads its own.
#[test]
fn a_log_may_be_longer_than_memory() {
    let total = 150_000 * times();
    let place = Temporary::new("long");
    std::fs::create_dir(&place.0).unwrap();
    let folder = |id: u64| Folder::open(&place.0.join(id.to_string())).unwrap();
    // A disk that is in a hurry: what is lost with its power is not looked at here.
    let kept = |id| RaftStorageConfig { sync: false, ..kept(id, 1 << 20) };
    let members = voters(3);
    let node = |id: u64, now| Node::new(folder(id), &config(id), kept(id), &members, now).unwrap();
    let nodes = vec![Some(node(1, 0)), Some(node(2, 0)), None];
    let mut group = Group { nodes, now: 0 };
    let mut proposed = 0;
    while proposed < total {
        group.step(1000).unwrap();
        let Some(leader) = group.leader() else { continue };
        let node = group.nodes[leader].as_mut().unwrap();
        while proposed < total {
            let data = data(proposed);
            let proposal = Proposal { data: &data, ..Proposal::default() };
            match node.raft.propose(proposal, group.now) {
                Ok(_) => proposed += 1,
                Err(Error::Capacity) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    let all = |group: &Group<Folder>, at: usize| {
        group.nodes[at].as_ref().is_some_and(|node| node.app.count == total)
    };
    while !all(&group, 0) || !all(&group, 1) {
        group.step(1000).unwrap();
    }
    let app = group.nodes[0].as_ref().unwrap().app;
    assert_eq!(group.nodes[1].as_ref().unwrap().app, app);
    // The third has slept through all of it.
    group.nodes[2] = Some(node(3, group.now));
    let mut steps = 0;
    while !all(&group, 2) {
        group.step(1000).unwrap();
        steps += 1;
        assert!(steps < 200_000, "{:?}", group.nodes[2].as_ref().unwrap().raft.status());
    }
    assert_eq!(group.nodes[2].as_ref().unwrap().app, app);
    let memory = group.nodes[2].as_ref().unwrap().raft.status();
    assert!(memory.first > total - 100 && memory.snapshot == 0, "{memory:?}");
    let status = group.nodes[2].as_ref().unwrap().storage.status();
    assert_eq!(status.first, 1);
    println!("{total} entries, {steps} steps, {status:?}");
    // It begins anew: all that it applies comes from its files.
    group.nodes[2] = None;
    group.nodes[2] = Some(node(3, group.now));
    while !all(&group, 2) {
        group.step(1000).unwrap();
    }
    assert_eq!(group.nodes[2].as_ref().unwrap().app, app);
    // And by a snapshot.
    for node in group.nodes.iter_mut().flatten() {
        node.compact = 1000;
    }
    group.step(1000).unwrap();
    for node in group.nodes.iter().flatten() {
        let status = node.storage.status();
        assert!(status.snapshot >= total && status.segments <= 2, "{status:?}");
    }
}

/// A follower that is behind the snapshot gets its bytes, over files.
#[test]
fn a_snapshot_goes_from_files_to_files() {
    let place = Temporary::new("snapshot");
    std::fs::create_dir(&place.0).unwrap();
    let folder = |id: u64| Folder::open(&place.0.join(id.to_string())).unwrap();
    let members = voters(3);
    let node = |id: u64, now| {
        let node = Node::new(folder(id), &config(id), kept(id, 4096), &members, now);
        let mut node = node.unwrap();
        node.compact = 100;
        node
    };
    let nodes = vec![Some(node(1, 0)), Some(node(2, 0)), None];
    let mut group = Group { nodes, now: 0 };
    let mut proposed = 0;
    while proposed < 1500 {
        group.step(5000).unwrap();
        let Some(leader) = group.leader() else { continue };
        let leads = group.nodes[leader].as_mut().unwrap();
        for _ in 0..20 {
            let data = data(proposed);
            let proposal = Proposal { data: &data, ..Proposal::default() };
            if leads.raft.propose(proposal, group.now).is_ok() {
                proposed += 1;
            }
        }
        if proposed > 700 && group.nodes[2].is_none() {
            group.nodes[2] = Some(node(3, group.now));
        }
    }
    for _ in 0..400 {
        group.step(5000).unwrap();
    }
    let apps: Vec<App> = group.nodes.iter().flatten().map(|node| node.app).collect();
    assert!(apps.len() == 3 && apps.iter().all(|app| *app == apps[0]), "{apps:?}");
    let status = group.nodes[2].as_ref().unwrap().storage.status();
    assert!(status.first > 500, "{status:?}");
}

/// The only node of a group, over files on a disk.
fn alone(disk: &Disk) -> Node<Disk> {
    Node::new(disk.clone(), &config(1), kept(1, 1 << 20), &voters(1), 0).unwrap()
}

/// Who has called [`RaftStorage::write_all`] and then serves has all of it durable, and the node knows.
#[test]
fn what_was_written_before_is_durable_after_serving() {
    let disk = Disk::new(1, None);
    let mut node = alone(&disk);
    // Its first election, whose vote is not durable yet, and then a proposal.
    for (now, role) in [(10_000_000, Role::Candidate), (10_010_000, Role::Leader)] {
        node.raft.tick(now).unwrap();
        assert_eq!(node.raft.status().role, role);
        let proposed = node.raft.propose(Proposal { data: b"one", ..Proposal::default() }, now);
        match role {
            Role::Leader => assert_eq!(proposed, Ok(Some(3))),
            _ => assert_eq!(proposed, Err(Error::RaftNoLeader)),
        }
        assert!(node.storage.write_all(&mut node.raft, now).unwrap(), "{role:?}");
        assert!(!node.storage.write_all(&mut node.raft, now).unwrap());
        node.storage.serve(&mut node.raft, now).unwrap();
        assert_eq!(node.storage.begin_sync().unwrap().map(|_| ()), None, "{role:?}");
        assert_eq!(node.raft.status().role, Role::Leader);
    }
    let status = node.raft.status();
    assert_eq!((status.commit, status.last), (status.last, 3), "{status:?}");
    drop(node);
    let node = alone(&disk.after_crash(Tear::Nothing));
    assert_eq!(node.storage.status().last, 3);
}

/// A sync that failed on another thread stops the node at the next serving, though it wants nothing.
#[test]
fn a_sync_that_failed_elsewhere_stops_a_node_that_wants_nothing() {
    let disk = Disk::new(2, None);
    let mut node = alone(&disk);
    node.raft.tick(10_000_000).unwrap();
    assert!(node.storage.write_all(&mut node.raft, 10_000_000).unwrap());
    let sync = node.storage.begin_sync().unwrap().unwrap();
    disk.fare(Some((disk.done() + 1, Fate::Fails)));
    assert_eq!(sync.run(), Err(Error::HostIo));
    assert_eq!(node.storage.write_all(&mut node.raft, 10_000_000), Err(Error::HostIo));
    assert!(node.raft.status().halted);
    assert_eq!(node.storage.serve(&mut node.raft, 10_000_000), Err(Error::HostIo));
}

/// A node, the one that leads or another, crashes at every third operation on its disk: what was
/// committed is there, the same for all.
#[test]
fn nodes_crash_at_any_point() {
    let mut points = 0;
    for seed in 0..2 * times() {
        for at in (1..).step_by(3) {
            let disks: Vec<Disk> = (1..=3)
                .map(|id| {
                    let fate = (id == 1 + seed % 3).then_some((at as usize, Fate::Crashes));
                    Disk::new(seed * 7777 + at + id, fate)
                })
                .collect();
            if !run(&disks, seed, at) {
                break;
            }
            points += 1;
        }
    }
    println!("{points} points");
    assert!(points > 100, "{points}");
}

/// A run of three nodes, of which one crashes and comes back; whether it crashed.
fn run(disks: &[Disk], seed: u64, at: u64) -> bool {
    let what = format!("seed {seed}, point {at}");
    let members = voters(3);
    let mut disks = disks.to_vec();
    let mut nodes: Vec<Option<Node<Disk>>> = vec![];
    let start = |disk: &Disk, id: u64, now| {
        let config = RaftConfig { priority: if id == 1 { 255 } else { 10 }, ..config(id) };
        let node = Node::new(disk.clone(), &config, kept(id, 3000), &members, now);
        node.map(|mut node| {
            node.compact = 40;
            node
        })
    };
    for (id, disk) in (1..).zip(&disks) {
        nodes.push(start(disk, id, 0).ok());
    }
    let (mut now, mut proposed, mut crashed) = (0, 0u64, false);
    // The most that anybody has seen committed, and the sums at each index.
    let mut sums: Vec<Option<App>> = vec![];
    let mut queue: VecDeque<(u64, u64, Vec<u8>)> = VecDeque::new();
    for round in 0..400 {
        now += 10_000;
        for at in 0..3 {
            if disks[at].crashed() {
                crashed = true;
                nodes[at] = None;
                disks[at] = disks[at].after_crash(TEARS[(seed as usize + round) % TEARS.len()]);
            }
            if nodes[at].is_none() {
                let node = start(&disks[at], at as u64 + 1, now);
                nodes[at] = Some(node.unwrap_or_else(|error| panic!("{what}: {error}")));
            }
            let node = nodes[at].as_mut().unwrap();
            let _ = node.raft.tick(now);
            if node.raft.status().role == Role::Leader && proposed < 160 {
                let data = data(proposed);
                let proposal = Proposal { data: &data, ..Proposal::default() };
                proposed += u64::from(node.raft.propose(proposal, now).is_ok());
            }
            queue.push_back((0, at as u64 + 1, vec![]));
        }
        while let Some((from, to, bytes)) = queue.pop_front() {
            let Some(node) = &mut nodes[to as usize - 1] else { continue };
            if from != 0 {
                match node.raft.step(NodeId(from), &bytes, now) {
                    Ok(()) | Err(Error::Capacity | Error::RaftPeer) => {}
                    Err(error) => panic!("{what}: node {to} says {error}"),
                }
            }
            let mut out = VecDeque::new();
            if node.pump(now, &mut out).is_err() {
                assert!(disks[to as usize - 1].crashed(), "{what}");
                nodes[to as usize - 1] = None;
                continue;
            }
            queue.extend(out.into_iter().map(|(next, bytes)| (to, next, bytes)));
            let app = node.app;
            let index = app.applied as usize;
            sums.resize(sums.len().max(index + 1), None);
            let known = sums[index].get_or_insert(app);
            assert_eq!(*known, app, "{what}: node {to} has applied something else");
        }
    }
    let apps: Vec<App> = nodes.iter().flatten().map(|node| node.app).collect();
    assert!(apps.len() == 3 && apps.iter().all(|app| *app == apps[0]), "{what}: {apps:?}");
    assert!(apps[0].applied as usize + 1 >= sums.len(), "{what}: {apps:?} {}", sums.len());
    crashed
}
