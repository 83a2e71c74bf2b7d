//! Memberships, reads, proposals.

use super::*;

#[test]
fn memberships_change_by_joint_ones() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    for id in [4, 5] {
        world.add(id, &[], |_| {});
    }
    for i in 0..40 {
        world.propose(1, &[i; 90]).unwrap();
        world.settle();
    }
    let set = |id, kind| Change::Set(Member { id: NodeId(id), kind });
    let changes = [
        set(4, MemberKind::Voter),
        set(5, MemberKind::Learner),
        Change::Remove(NodeId(1)),
        Change::Remove(NodeId(2)),
    ];
    let now = world.now;
    world.node(1).raft.change_members(&changes, now).unwrap();
    assert_eq!(world.node(1).raft.change_members(&changes, now), Err(Error::RaftBusy));
    assert!(world.status(1).joint);
    world.run(300_000);
    // The leader was not a member any more and went.
    let leader = world.elect();
    assert!([3, 4].contains(&leader));
    assert!(!world.status(leader).joint);
    assert_eq!(world.node(leader).raft.members().count(), 3);
    world.propose(leader, b"x").unwrap();
    world.settle();
    world.agree(&[3, 4, 5], 41);
    // Who is gone disturbs nobody.
    let term = world.status(leader).term;
    world.run(2_000_000);
    assert_eq!((world.leader(), world.status(leader).term), (Some(leader), term));
    // The learner becomes a voter.
    let now = world.now;
    world.node(leader).raft.change_members(&[set(5, MemberKind::Voter)], now).unwrap();
    world.run(50_000);
    assert!(world.node(5).raft.members().all(|member| member.kind == Some(MemberKind::Voter)));
}

#[test]
fn a_removed_member_that_comes_back_begins_anew() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"a").unwrap();
    world.settle();
    let now = world.now;
    world.node(1).raft.change_members(&[Change::Remove(NodeId(3))], now).unwrap();
    world.run(50_000);
    assert_eq!(world.node(1).raft.members().count(), 2);
    // Its storage is lost, which it may be: it was no member.
    world.nodes.remove(&3);
    world.add(3, &[], |_| {});
    let back = Change::Set(Member { id: NodeId(3), kind: MemberKind::Voter });
    let now = world.now;
    world.node(1).raft.change_members(&[back], now).unwrap();
    world.run(50_000);
    world.agree(&[1, 2, 3], 1);
    assert!(!world.status(3).halted);
}

#[test]
fn reads_wait_for_a_majority_and_for_what_was_committed() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let index = world.propose(1, b"x").unwrap().unwrap();
    world.settle();
    let now = world.now;
    for id in [1, 2] {
        world.node(id).raft.read(7, now).unwrap();
    }
    world.settle();
    for id in [1, 2] {
        assert!(world.events(id).contains(&Event::ReadReady { token: 7, index }), "{id}");
    }
    // A leader that is alone and does not know it yet must not answer.
    world.split(&[1], &[2, 3]);
    world.node(1).raft.read(8, now).unwrap();
    world.settle();
    assert!(world.events(1).is_empty());
    world.run(400_000);
    assert!(world.events(1).contains(&Event::ReadFailed { token: 8 }));
    let new = world.leader().unwrap();
    // A new one answers only when it knows what is committed.
    let now = world.now;
    world.node(new).raft.read(9, now).unwrap();
    world.settle();
    let own = world.status(new).commit;
    assert!(world.events(new).contains(&Event::ReadReady { token: 9, index: own }));
}

#[test]
fn a_new_leader_has_to_commit_something_before_it_answers_reads() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let now = world.now;
    // Entries get lost, heartbeats do not.
    world.lost.insert(5);
    world.node(1).raft.transfer(NodeId(2), now).unwrap();
    world.settle();
    assert_eq!(world.leader(), Some(2));
    world.events(2);
    world.node(2).raft.read(1, now).unwrap();
    world.settle();
    assert!(world.events(2).is_empty());
    world.lost.clear();
    world.run(20_000);
    let index = world.status(2).commit;
    assert!(world.events(2).contains(&Event::ReadReady { token: 1, index }));
}

#[test]
fn a_lease_ends_before_others_may_vote() {
    let small = RaftConfig { lease_drift_ppm: Some(10_000), ..config() };
    let mut world = World::new(small, &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"x").unwrap();
    world.run(30_000);
    let leader = world.leader().unwrap();
    world.events(leader);
    let others: Vec<u64> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    world.split(&[leader], &others);
    let now = world.now;
    let raft = &mut world.node(leader).raft;
    assert_eq!(raft.next_message(&mut [0; 512]), Ok(None));
    raft.read(1, now + 80_000).unwrap();
    assert!(matches!(raft.next_event(), Some(Event::ReadReady { token: 1, .. })));
    raft.read(2, now + 98_000).unwrap();
    assert_eq!(raft.next_event(), None);
}

#[test]
fn proposals_are_forwarded_and_appended_once() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    assert_eq!(world.propose_of(2, b"a", 9, 1), Ok(None));
    world.settle();
    let index = world.status(1).last;
    assert!(world.events(2).contains(&Event::Forwarded { client: 9, sequence: 1, index }));
    assert_eq!(world.propose_of(1, b"a", 9, 1), Err(Error::RaftDuplicate));
    assert_eq!(world.propose_of(1, b"c", 9, 3), Err(Error::RaftSession));
    assert_eq!(world.propose_of(1, b"c", 8, 2), Err(Error::RaftSession));
    world.propose_of(3, b"a", 9, 1).unwrap();
    world.settle();
    let error = Error::RaftDuplicate;
    assert!(world.events(3).contains(&Event::Refused { client: 9, sequence: 1, error }));
    // Before it is committed, of a client that is new; and after a change of leader.
    world.propose_of(1, b"d", 7, 1).unwrap();
    assert_eq!(world.propose_of(1, b"d", 7, 1), Err(Error::RaftDuplicate));
    world.propose_of(1, b"e", 7, 2).unwrap();
    world.settle();
    let now = world.now;
    world.node(1).raft.transfer(NodeId(2), now).unwrap();
    world.settle();
    assert_eq!(world.propose_of(2, b"e", 7, 2), Err(Error::RaftDuplicate));
    assert_eq!(world.propose_of(2, b"b", 9, 2).unwrap(), Some(world.status(2).last));
    // With nobody to lead it is not known.
    world.split(&[1], &[2, 3]);
    world.propose_of(1, b"f", 7, 3).unwrap();
    world.settle();
    world.run(200_000);
    let error = Error::RaftNoLeader;
    assert!(world.events(1).contains(&Event::Refused { client: 7, sequence: 3, error }));
    world.agree(&[2, 3], 4);
}

/// A client becomes known when its first proposal is committed; its second is in the log by then.
#[test]
fn what_a_new_client_has_appended_is_not_forgotten() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.propose_of(1, b"a", 7, 1).unwrap();
    world.serve(1);
    world.propose_of(1, b"b", 7, 2).unwrap();
    let one = world.status(1).last - 1;
    world.node(1).raft.commit_to(one);
    assert_eq!(world.propose_of(1, b"b", 7, 2), Err(Error::RaftDuplicate));
    assert!(world.propose_of(1, b"c", 7, 3).is_ok());
}

/// 9 of 16 implementations took the acknowledgement of a member's former life for one of this.
#[test]
fn what_a_removed_member_said_before_counts_no_more() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"a").unwrap();
    world.serve(1);
    // Its answer is late.
    let to_3 = world.network.iter().position(|message| message.1 == 3).unwrap();
    let (_, _, bytes) = world.network.remove(to_3).unwrap();
    let now = world.now;
    world.node(3).raft.step(NodeId(1), &bytes, now).unwrap();
    let late: Vec<Message> = world.node(3).serve(now, usize::MAX);
    let acknowledges = |message: &&Message| message.2[1] == 6;
    let (_, _, late) = late.iter().find(acknowledges).unwrap().clone();
    world.settle();
    let now = world.now;
    world.node(1).raft.change_members(&[Change::Remove(NodeId(3))], now).unwrap();
    world.run(50_000);
    world.nodes.remove(&3);
    let term = world.status(1).term;
    let back = Change::Set(Member { id: NodeId(3), kind: MemberKind::Voter });
    let now = world.now;
    world.node(1).raft.change_members(&[back], now).unwrap();
    world.node(1).raft.step(NodeId(3), &late, now).unwrap();
    let third = |peer: &PeerStatus| peer.id == NodeId(3);
    let raft = &world.node(1).raft;
    assert_eq!(raft.status().term, term);
    assert_eq!(raft.peers().find(third).map(|peer| peer.matched), Some(0));
}

/// Node 3 was removed and has come again with nothing, and nothing has reached it yet; and a heartbeat of before.
fn come_again() -> (World, Vec<u8>) {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"a").unwrap();
    world.settle();
    world.now += 10_000;
    let now = world.now;
    world.node(1).raft.tick(now).unwrap();
    world.serve(1);
    let heartbeat = |message: &&Message| message.1 == 3 && message.2[1] == 7;
    let (_, _, late) = world.network.iter().find(heartbeat).unwrap().clone();
    world.settle();
    let change = |world: &mut World, change| {
        let now = world.now;
        world.node(1).raft.change_members(&[change], now).unwrap();
    };
    change(&mut world, Change::Remove(NodeId(3)));
    world.run(50_000);
    world.nodes.remove(&3);
    world.add(3, &[], |_| {});
    change(&mut world, Change::Set(Member { id: NodeId(3), kind: MemberKind::Learner }));
    (world, late)
}

/// The same the other way round: the heartbeat says nothing to who came again.
#[test]
fn what_a_removed_member_was_told_before_counts_no_more() {
    let (mut world, late) = come_again();
    // It hears of its new life and has nothing yet.
    world.lost.insert(5);
    world.settle();
    let now = world.now;
    assert_eq!(world.node(3).raft.step(NodeId(1), &late, now), Ok(()));
    assert!(!world.status(3).halted);
    world.lost.clear();
    world.run(50_000);
    world.agree(&[1, 2, 3], 1);
}

/// The same, when only its entries reach it, and it refuses them.
#[test]
fn what_a_member_refused_is_of_its_new_life() {
    let (mut world, late) = come_again();
    world.lost.insert(7);
    world.cut.insert((3, 1));
    world.settle();
    assert_eq!((world.status(3).leader, world.status(3).last), (Some(NodeId(1)), 0));
    let now = world.now;
    assert_eq!(world.node(3).raft.step(NodeId(1), &late, now), Ok(()));
    assert!(!world.status(3).halted);
}

#[test]
fn many_reads_of_a_follower_are_all_answered() {
    for lease_drift_ppm in [None, Some(10_000)] {
        let mut world =
            World::new(RaftConfig { reads: 64, lease_drift_ppm, ..config() }, &[1, 2, 3]);
        world.elect_first();
        world.run(20_000);
        world.events(2);
        let now = world.now;
        for token in 0..64 {
            world.node(2).raft.read(token, now).unwrap();
        }
        // They come all at once.
        world.serve(2);
        for (from, _, bytes) in core::mem::take(&mut world.network) {
            world.node(1).raft.step(NodeId(from), &bytes, now).unwrap();
        }
        world.settle();
        let ready = |event: &Event| matches!(event, Event::ReadReady { .. });
        assert_eq!(world.events(2).into_iter().filter(ready).count(), 64);
    }
}
