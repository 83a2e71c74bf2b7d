//! Replication, durability, and what is lost.

use super::*;

#[test]
fn logs_that_differ_are_mended_a_term_at_a_time() {
    let mut world = World::new(config(), &[1, 2, 3]);
    let old = world.elect_first();
    world.split(&[1], &[2, 3]);
    let last = world.status(1).last;
    for i in 0..10 {
        world.propose(old, &[i]).unwrap();
    }
    world.settle();
    let new = {
        world.run(500_000);
        world.leader().unwrap()
    };
    assert_ne!(new, old);
    for i in 0..5 {
        world.propose(new, &[100 + i]).unwrap();
    }
    world.settle();
    assert_eq!(world.status(old).last, last + 10);
    world.cut.clear();
    world.run(100_000);
    world.agree(&[1, 2, 3], 5);
}

/// Figure 8 of the Raft paper: an entry of an older term is not committed by being at a majority.
#[test]
fn only_entries_of_its_own_term_are_committed_by_counting() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    // An entry that reaches 2 and is never acknowledged.
    world.lost.insert(6);
    world.split(&[3], &[1, 2]);
    world.propose(1, b"old").unwrap();
    world.settle();
    let index = world.status(1).last;
    assert_eq!((world.status(2).last, world.status(1).commit), (index, index - 1));
    world.lost.clear();
    // 1 fails. 2 leads, but its own first entry reaches nobody.
    world.split(&[1], &[2]);
    world.cut.retain(|(a, b)| !(*a != 1 && *b != 1));
    world.lost.insert(5);
    world.run(400_000);
    assert_eq!(world.leader(), Some(2));
    // The old entry alone, at all three: a message that ends before the new one.
    world.lost.clear();
    let term = world.status(2).term;
    let raft = &mut world.node(2).raft;
    let at = raft.members.find(3).unwrap();
    raft.edit(at, |peer| peer.matched = index);
    raft.find_commit().unwrap();
    assert_eq!(raft.status().commit, index - 1, "of term {term}, not of this");
    raft.edit(at, |peer| peer.matched = index + 1);
    raft.find_commit().unwrap();
    assert_eq!(raft.status().commit, index + 1);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    (1..=3).for_each(|id| world.node(id).hangs = true);
    world.propose(1, b"x").unwrap();
    world.settle();
    let index = world.status(1).last;
    assert_eq!((world.status(3).last, world.status(1).commit), (index, index - 1));
    world.node(2).hangs = false;
    world.settle();
    assert_eq!(world.status(1).commit, index - 1, "2 alone");
    world.node(3).hangs = false;
    world.settle();
    assert_eq!(world.status(1).commit, index, "without the leader");
    assert_eq!(world.data(1).len(), 0, "which applies what it has on disk");
    // A leader whose storage hangs goes.
    world.run(1_000_000);
    assert_ne!(world.leader(), Some(1));
    world.leader().unwrap();
    world.node(1).hangs = false;
    world.run(100_000);
    world.agree(&[1, 2, 3], 1);
}

#[test]
fn a_full_log_refuses_and_goes_on() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[1], &[2, 3]);
    let mut count = 0;
    while world.propose(1, &[7; 10]).is_ok() {
        count += 1;
        world.serve(1);
    }
    assert_eq!(world.propose(1, &[7; 10]), Err(Error::Capacity));
    assert!(count >= 10, "{count}");
    world.cut.clear();
    world.run(50_000);
    world.agree(&[1, 2, 3], count);
    world.propose(1, b"more").unwrap();
    world.settle();
    world.agree(&[1, 2, 3], count + 1);
}

#[test]
fn full_logs_of_nothing_committed_are_committed_by_the_next_leaders() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    // Acknowledgements get lost, so nothing is committed, and all logs are full.
    world.lost.insert(6);
    while world.propose(1, &[7; 100]).is_ok() {
        world.serve(1);
    }
    world.settle();
    world.run(30_000);
    assert_eq!(world.status(3).last, world.status(1).last);
    world.split(&[1], &[2, 3]);
    world.lost.clear();
    world.run(500_000);
    let leader = world.leader().unwrap();
    assert_eq!(world.status(leader).commit, world.status(leader).last);
    assert!(world.propose(leader, b"x").is_ok());
}

#[test]
fn a_follower_that_is_far_behind_gets_entries_from_storage() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[3], &[1, 2]);
    for i in 0..100u8 {
        world.propose(1, &[i; 20]).unwrap();
        world.settle();
    }
    assert!(world.status(1).first > 50);
    world.cut.clear();
    world.run(100_000);
    world.agree(&[1, 2, 3], 100);
    assert_eq!(world.status(3).snapshot, 0);
}

#[test]
fn a_follower_that_is_further_behind_gets_a_snapshot_even_if_chunks_get_lost() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[3], &[1, 2]);
    for i in 0..50u8 {
        world.propose_of(1, &[i; 20], 5, u64::from(i) + 1).unwrap();
        world.settle();
    }
    world.compact(1, 41);
    world.compact(2, 41);
    world.cut.clear();
    for turn in 0..60 {
        // Chunks, then answers, then nothing gets lost.
        world.lost = [9, 10, 0][turn % 3..][..1].iter().copied().collect();
        world.run(7_000);
    }
    world.lost.clear();
    world.run(200_000);
    world.agree(&[1, 2, 3], 50);
    assert!(world.status(3).snapshot > 0);
    // The clients came with it.
    let now = world.now;
    world.node(1).raft.transfer(NodeId(3), now).unwrap();
    world.settle();
    assert_eq!(world.propose_of(3, b"x", 5, 50), Err(Error::RaftDuplicate));
    world.propose_of(3, b"x", 5, 51).unwrap();
    world.settle();
    // All of it is there after a restart.
    (1..=3).for_each(|id| world.restart(id));
    world.elect();
    world.agree(&[1, 2, 3], 51);
}

#[test]
fn what_contradicts_itself_is_an_error_and_nothing_is_invented() {
    let open = || Raft::new(&RaftConfig { id: NodeId(1), ..config() }, Heap).unwrap();
    let state = |term, vote: u64| Record::State { term, vote: Some(NodeId(vote)) };
    let entry = |index, term| Record::Entry { index, term, kind: EntryKind::Data, data: b"x" };
    let cases: &[&[Record<'_>]] = &[
        &[state(3, 1), state(2, 1)],
        &[state(3, 1), state(3, 2)],
        &[state(3, 1), entry(2, 1)],
        &[state(3, 1), entry(1, 4)],
        &[state(3, 1), entry(1, 2), entry(2, 1)],
        &[state(3, 1), entry(1, 2), Record::Commit { index: 2 }],
        &[state(3, 1), entry(1, 2), Record::Commit { index: 1 }, entry(1, 3)],
    ];
    for records in cases {
        let mut node = open();
        let (last, before) = records.split_last().unwrap();
        before.iter().for_each(|record| node.restore(*record).unwrap());
        assert_eq!(node.restore(*last), Err(Error::RaftLost), "{records:?}");
        assert_eq!(node.restore(*last), Err(Error::RaftHalted));
        assert_eq!(node.start(0), Err(Error::RaftHalted));
    }
}

#[test]
fn a_node_that_has_lost_what_it_acknowledged_halts() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    for i in 0..4 {
        world.propose(1, &[i]).unwrap();
    }
    world.settle();
    // Storage has forgotten the last entries, against its word.
    let node = world.node(3);
    node.stored.truncate(node.stored.len() - 3);
    world.restart(3);
    let now = world.now + 10_000;
    world.node(1).raft.tick(now).unwrap();
    world.serve(1);
    let lost = world.network.iter().find(|message| message.1 == 3).unwrap().2.clone();
    assert_eq!(world.node(3).raft.step(NodeId(1), &lost, now), Err(Error::RaftLost));
    assert!(world.status(3).halted);
    assert_eq!(world.node(3).raft.step(NodeId(1), &lost, now), Err(Error::RaftHalted));
    assert_eq!(world.node(3).raft.next_message(&mut [0; 512]), Err(Error::RaftHalted));
}

#[test]
fn strangers_and_misdirected_messages_are_refused() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.node(2).hangs = true;
    world.propose(1, b"x").unwrap();
    world.serve(1);
    let (from, to, bytes) = world.network.pop_front().unwrap();
    let now = world.now;
    let mut step = |to: u64, from: u64, bytes: &[u8]| {
        let before = world.status(to);
        let answer = world.node(to).raft.step(NodeId(from), bytes, now);
        assert!(answer.is_ok() || before == world.status(to), "nothing was changed");
        answer
    };
    assert_eq!(step(5 - to, from, &bytes), Err(Error::RaftPeer), "for another");
    assert_eq!(step(to, 9, &bytes), Err(Error::RaftPeer), "from another");
    assert_eq!(step(to, from, &bytes[..20]), Err(Error::RaftFormat));
    for len in 0..bytes.len() {
        assert!(step(to, from, &bytes[..len]).is_err() || len == 68);
    }
    // Answers of one who is no member.
    let message = message::Message {
        what: message::What::VoteReply,
        flags: message::YES,
        from: 9,
        to: 1,
        term: 1 << 20,
        numbers: [0; 5],
        tail: &[],
    };
    let mut buffer = [0; 100];
    let len = message.encode(&mut buffer).unwrap();
    assert_eq!(step(1, 9, &buffer[..len]), Err(Error::RaftPeer));
    // A second leader of the same term.
    let term = step_term(&mut world);
    let message = message::Message {
        what: message::What::Heartbeat,
        flags: 0,
        from: 2,
        to: 1,
        term,
        numbers: [1 << 32, 0, 0, 0, 0],
        tail: &[],
    };
    let len = message.encode(&mut buffer).unwrap();
    assert_eq!(world.node(1).raft.step(NodeId(2), &buffer[..len], now), Err(Error::RaftPeer));
}

fn step_term(world: &mut World) -> u64 {
    world.status(1).term
}

#[test]
fn five_nodes_with_64_entries_of_64_bytes_take_8_kilobytes() {
    let config = RaftConfig {
        id: NodeId(1),
        peers: 5,
        entries: 64,
        bytes: 64 * 64,
        max_entry: 64,
        message: 512,
        chunk: 84,
        sessions: 2,
        reads: 2,
        inflight: 4,
        forwards: 0,
        ..RaftConfig::default()
    };
    let all = Raft::footprint(&config).unwrap().size() + size_of::<Raft<'_>>();
    assert!(all <= 8192, "{all}");
}
