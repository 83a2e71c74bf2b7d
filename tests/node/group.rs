//! Members that agree.

use neural_swarm::consensus::raft::{MemberKind, NodeId, Proposal, Role};
use neural_swarm::consensus::{Raft, RaftConfig};
use neural_swarm::port::Heap;

use crate::world::*;

pub fn raft(world: &mut World, place: usize, members: &[usize]) {
    let message = world.member(place).node.max_message();
    let config = RaftConfig {
        id: NodeId(id_of(place)),
        message,
        max_entry: 256,
        bytes: 65_536,
        sessions: 4,
        chunk: 512,
        seed: place as u64 + world.now,
        ..RaftConfig::default()
    };
    let mut raft = Raft::new(&config, Heap).unwrap();
    let members: Vec<_> = members
        .iter()
        .map(|member| neural_swarm::consensus::raft::Member {
            id: NodeId(id_of(*member)),
            kind: MemberKind::Voter,
        })
        .collect();
    raft.bootstrap(&members).unwrap();
    raft.start(world.now).unwrap();
    world.member(place).raft = Some(raft);
    world.touch(place);
}

pub fn leader(world: &mut World) -> Option<usize> {
    let leads = |place: &usize| {
        let member = world.members[*place].as_ref().unwrap();
        member.raft.as_ref().is_some_and(|raft| raft.status().role == Role::Leader)
    };
    world.alive().into_iter().find(leads)
}

#[test]
fn five_members_elect_agree_and_survive_their_leader() {
    let mut world = World::swarm(60, 5);
    let all = [0, 1, 2, 3, 4];
    world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    for place in all {
        raft(&mut world, place, &all);
    }
    let took = world.run_until(10 * SECOND, |world| leader(world).is_some()).unwrap();
    println!("a leader after {} ms", took / 1000);
    let mut worst = 0;
    for turn in 0..30u8 {
        let first = leader(&mut world).unwrap();
        let now = world.now;
        let proposal = Proposal { data: &[turn], ..Proposal::default() };
        world.member(first).raft.as_mut().unwrap().propose(proposal, now).unwrap();
        world.touch(first);
        let have = |world: &mut World| world.member(first).committed.len() > turn.into();
        worst = worst.max(world.run_until(SECOND, have).unwrap());
    }
    println!("committed after {} ms at most", worst / 1000);
    assert!(worst <= 6 * MS);
    let first = leader(&mut world).unwrap();
    world.run(SECOND);
    world.kill(first);
    let took = world
        .run_until(10 * SECOND, |world| leader(world).is_some_and(|leader| leader != first))
        .unwrap();
    println!("another leader {} ms after the first was killed", took / 1000);
    let second = leader(&mut world).unwrap();
    let now = world.now;
    let proposal = Proposal { data: &[99], ..Proposal::default() };
    world.member(second).raft.as_mut().unwrap().propose(proposal, now).unwrap();
    world.touch(second);
    world.run(2 * SECOND);
    let expected: Vec<Vec<u8>> = (0..30).chain([99]).map(|turn| vec![turn]).collect();
    for place in world.alive() {
        assert_eq!(world.member(place).committed, expected, "{place}");
    }
}
