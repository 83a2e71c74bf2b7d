//! A node of any build: what it can do with nothing that may be left out, and what it says to that.

use super::*;

fn small() -> RaftConfig {
    RaftConfig { sessions: 0, forwards: 0, ..config() }
}

#[test]
fn what_is_left_out_is_unsupported() {
    let built = |there: bool| if there { Ok(()) } else { Err(Error::Unsupported) };
    let new = |config: RaftConfig| Raft::new(&config, Heap).map(drop);
    let small = RaftConfig { id: NodeId(1), ..small() };
    assert_eq!(new(small), Ok(()));
    assert_eq!(new(RaftConfig { id: NodeId(1), ..RaftConfig::default() }), Ok(()));
    assert_eq!(new(RaftConfig { forwards: 1, ..small }), built(parts::FORWARD));
    assert_eq!(new(RaftConfig { lease_drift_ppm: Some(9), ..small }), built(parts::LEASE));
    assert_eq!(new(RaftConfig { sessions: 1, ..small }), built(parts::SESSIONS));
    assert_eq!(new(RaftConfig { witness: true, ..small }), built(parts::WITNESS));

    let members = [(1, MemberKind::Voter), (2, MemberKind::Witness)]
        .map(|(id, kind)| Member { id: NodeId(id), kind });
    let mut raft = Raft::new(&small, Heap).unwrap();
    assert_eq!(raft.bootstrap(&members), built(parts::WITNESS));
    let bytes = [&[2, 1][..], &[0; 8], &[1, 2], &[0; 8], &[3]].concat();
    assert_eq!(members::Members::check(&bytes, 5), built(parts::WITNESS));
    let clients = [1u64.to_le_bytes(); 3];
    assert_eq!(sessions::Sessions::check_bytes(clients.as_flattened()), built(parts::SESSIONS));
    if !parts::FETCH {
        let entry = EntryRef { index: 1, term: 1, kind: EntryKind::Data, data: b"x" };
        assert_eq!(raft.fetched(entry), Err(Error::Unsupported));
    }
}

#[test]
fn a_small_group_does_everything_else() {
    let mut world = World::new(small(), &[1, 2, 3]);
    world.elect_first();
    assert_eq!(world.propose(2, b"x"), Err(Error::RaftNotLeader));
    let propose = |world: &mut World, from: u8, to: u8, ids: &[u64]| {
        for i in from..to {
            world.propose(1, &[i; 20]).unwrap();
            world.settle();
            // Entries stay until a snapshot stands for them.
            if i % 8 == 7 {
                ids.iter().for_each(|id| world.compact(*id, usize::from(i)));
            }
        }
    };
    world.split(&[3], &[1, 2]);
    propose(&mut world, 0, 32, &[1, 2]);
    world.cut.clear();
    world.run(100_000);
    assert!(parts::FETCH || world.status(3).snapshot > 0, "it came by a snapshot");
    world.agree(&[1, 2, 3], 32);
    propose(&mut world, 32, 60, &[1, 2, 3]);
    world.agree(&[1, 2, 3], 60);

    // Reads of a follower, ...
    let now = world.now;
    world.node(2).raft.read(7, now).unwrap();
    world.settle();
    let index = world.status(1).commit;
    assert!(world.events(2).contains(&Event::ReadReady { token: 7, index }));

    // ... a learner that becomes a voter, in the place of another, ...
    world.add(4, &[], |_| {});
    let set = |id, kind| Change::Set(Member { id: NodeId(id), kind });
    let change = |world: &mut World, changes: &[Change]| {
        let now = world.now;
        world.node(1).raft.change_members(changes, now).unwrap();
        world.run(300_000);
    };
    change(&mut world, &[set(4, MemberKind::Learner)]);
    world.agree(&[1, 2, 3, 4], 60);
    change(&mut world, &[set(4, MemberKind::Voter), Change::Remove(NodeId(2))]);
    world.nodes.remove(&2);
    assert_eq!(world.status(1).members, world.status(4).members);

    // ... handing over, where it is built, and restarts.
    let now = world.now;
    let handed = world.node(1).raft.transfer(NodeId(4), now);
    assert_eq!(handed, if parts::TRANSFER { Ok(()) } else { Err(Error::Unsupported) });
    world.settle();
    let leader = if parts::TRANSFER { 4 } else { 1 };
    assert_eq!(world.leader(), Some(leader));
    world.propose(leader, b"last").unwrap();
    world.run(50_000);
    [1, 3, 4].iter().for_each(|id| world.restart(*id));
    world.elect();
    world.run(100_000);
    world.agree(&[1, 3, 4], 61);
}
