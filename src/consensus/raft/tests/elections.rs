//! Elections, who disturbs them, and handing over.

use super::*;

#[test]
fn three_elect_and_commit() {
    let mut world = World::new(config(), &[1, 2, 3]);
    let leader = world.elect();
    assert_eq!(world.status(leader).commit, 2, "its own empty entry");
    for i in 0..100u8 {
        assert_eq!(world.propose(leader, &[i; 50]), Ok(Some(3 + u64::from(i))));
        world.settle();
    }
    world.agree(&[1, 2, 3], 100);
    let term = world.status(leader).term;
    world.run(2_000_000);
    assert_eq!(
        (world.leader(), world.status(leader).term),
        (Some(leader), term),
        "nobody disturbs it"
    );
    assert!(world.events(leader).contains(&Event::Role { role: Role::Leader, term }));
}

#[test]
fn one_alone_leads_and_starts_again() {
    let mut world = World::new(config(), &[1]);
    assert_eq!(world.elect(), 1);
    for i in 0..200u8 {
        world.propose(1, &[i]).unwrap();
        world.settle();
    }
    world.restart(1);
    world.elect();
    assert_eq!(world.data(1), (0..200u8).map(|i| vec![i]).collect::<Vec<_>>());
    assert!(world.status(1).first > 100, "most of it was fetched");
}

#[test]
fn a_vote_is_not_sent_before_it_is_durable() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.settle();
    (2..=3).for_each(|id| world.node(id).hangs = true);
    world.nodes.get_mut(&2).unwrap().raft.deadline = 1;
    let now = world.now;
    world.node(2).raft.tick(now).unwrap();
    world.settle();
    // 1 and 3 would vote; 2 stands, but may ask nobody before its own vote is durable.
    let status = world.status(2);
    assert_eq!((status.role, status.vote), (Role::Candidate, Some(NodeId(2))));
    assert_eq!((world.status(1).term, world.status(3).term), (1, 1));
    world.node(2).hangs = false;
    world.split(&[2], &[1]);
    world.settle();
    assert_eq!(world.status(3).vote, Some(NodeId(2)));
    assert_eq!(world.status(2).role, Role::Candidate, "3 has said nothing yet");
    world.node(3).hangs = false;
    world.settle();
    assert_eq!(world.status(2).role, Role::Leader);
}

#[test]
fn leaders_hand_over() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let now = world.now;
    assert_eq!(world.node(1).raft.transfer(NodeId(1), now), Err(Error::RaftMember));
    world.node(1).raft.transfer(NodeId(3), now).unwrap();
    assert_eq!(world.propose(1, b"x"), Err(Error::RaftBusy));
    world.settle();
    assert_eq!(world.leader(), Some(3));
    world.split(&[2], &[1, 3]);
    let now = world.now;
    world.events(3);
    world.node(3).raft.transfer(NodeId(2), now).unwrap();
    world.run(150_000);
    assert!(world.events(3).contains(&Event::TransferFailed { to: NodeId(2) }));
    assert!(world.propose(3, b"x").is_ok());
}

#[test]
fn a_witness_votes_and_holds_no_data() {
    let mut world = World::new(config(), &[]);
    let members = [(1, MemberKind::Voter), (2, MemberKind::Voter), (3, MemberKind::Witness)]
        .map(|(id, kind)| Member { id: NodeId(id), kind });
    for id in 1..=3 {
        world.add(id, &members, |config| config.witness = id == 3);
    }
    world.elect_first();
    world.split(&[2], &[1, 3]);
    for i in 0..10 {
        world.propose(1, &[i; 50]).unwrap();
    }
    world.settle();
    assert_eq!(world.data(1).len(), 10);
    assert_eq!(world.data(3).len(), 0);
    assert_eq!(world.status(3).commit, world.status(1).commit);
    let hollow = |record: &Stored| matches!(record, Stored::Entry(_, _, EntryKind::Hollow, data) if data.is_empty());
    assert_eq!(world.node(3).stored.iter().filter(|record| hollow(record)).count(), 10);
    let now = world.now;
    assert_eq!(world.node(1).raft.transfer(NodeId(3), now), Err(Error::RaftMember));
    // It does not elect one that lacks what it has seen, and never leads.
    world.cut.clear();
    world.split(&[1], &[2, 3]);
    world.run(1_000_000);
    assert!(world.leader().is_none() || world.leader() == Some(1));
    world.cut.clear();
    world.run(500_000);
    world.agree(&[1, 2], 10);
}

/// A node that was away asks nobody to vote: its term is what it was.
#[test]
fn who_was_away_disturbs_nobody() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let term = world.status(1).term;
    world.split(&[3], &[1, 2]);
    world.run(3_000_000);
    assert_eq!(world.status(3).term, term);
    world.cut.clear();
    world.run(500_000);
    assert_eq!((world.leader(), world.status(1).term), (Some(1), term));
    // Nor when it hears nothing, and others hear it.
    world.cut.insert((1, 3));
    world.run(2_000_000);
    assert_eq!((world.leader(), world.status(1).term), (Some(1), term));
}

/// A leader that hears nobody lets others lead, though they hear it.
#[test]
fn a_leader_that_is_not_heard_steps_down() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.cut.insert((2, 1));
    world.cut.insert((3, 1));
    world.run(1_000_000);
    let leader = world.leader().unwrap();
    assert_ne!(leader, 1);
    world.propose(leader, b"x").unwrap();
    world.settle();
    assert_eq!(world.data(leader).len(), 1);
}

/// etcd's issue of a node whose newer term nobody else has: it is led again.
#[test]
fn a_node_with_a_newer_term_is_led_again() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let node = world.node(3);
    node.raft.become_follower(20, 0);
    world.run(500_000);
    let leader = world.leader().unwrap();
    assert!(world.status(leader).term >= 20);
    world.propose(leader, b"x").unwrap();
    world.run(20_000);
    world.agree(&[1, 2, 3], 1);
}

/// Whoever counts on a lease counts on this, in whatever term somebody stands.
#[test]
fn who_hears_a_leader_elects_no_other_in_its_own_term_either() {
    // Others may have leases, if this one has none.
    for (restarts, lease) in [(false, true), (true, true), (false, false), (true, false)] {
        let lease_drift_ppm = lease.then_some(10_000);
        let mut world = World::new(RaftConfig { lease_drift_ppm, ..config() }, &[1, 2, 3]);
        let leader = world.elect_first();
        world.run(20_000);
        // It knows of a newer term, in which it has not voted.
        let term = world.status(leader).term + 1;
        world.node(3).raft.become_follower(term, 0);
        world.serve(3);
        if restarts {
            world.restart(3);
        }
        let last = world.status(3).last;
        let mut bytes = [0; 100];
        let mut asks = |flags| {
            let numbers = [last, term, 0, 0, 0];
            let what = message::What::Vote;
            let vote = message::Message { what, flags, from: 2, to: 3, term, numbers, tail: &[] };
            let len = vote.encode(&mut bytes).unwrap();
            let now = world.now;
            world.node(3).raft.step(NodeId(2), &bytes[..len], now).unwrap();
            world.status(3).vote
        };
        assert_eq!(asks(0), None, "restarts: {restarts}, lease: {lease}");
        // The leader itself wants it.
        assert_eq!(asks(message::FORCE), Some(NodeId(2)));
    }
}
