//! Coming, going, and knowing each other.

use neural_swarm::Error;
use neural_swarm::comm::link::Reason;
use neural_swarm::node::membership::{Change, Standing};
use neural_swarm::node::*;

use crate::world::*;

#[test]
fn members_find_each_other_through_one_address() {
    let mut world = World::swarm(1, 8);
    let all: Vec<usize> = (0..8).collect();
    let took = world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    println!("8 members know each other {} ms after the last has come", took / 1000);
    // Those that were called say so, and that they have heard of all.
    for place in 1..8 {
        let events = &world.member(place).events;
        assert!(events.iter().any(|(_, event)| *event == Event::Joined { with: id_of(0) }));
        assert!(events.iter().any(|(_, event)| *event == Event::Connected { id: id_of(0) }));
    }
    let joined =
        |(_, event): &&(u64, Event)| matches!(event, Event::Member { change: Change::Joined, .. });
    assert_eq!(world.member(3).events.iter().filter(joined).count(), 7);
}

#[test]
fn who_is_not_trusted_does_not_take_part() {
    let mut world = World::new(2, 4);
    world.start(0, 2);
    world.start(1, 2);
    // It trusts the others, they do not trust it.
    world.start(2, 3);
    for place in [1, 2] {
        let now = world.now;
        world.member(place).node.join(&address(0), now).unwrap();
    }
    world.run(30 * SECOND);
    assert!(world.know_each_other(&[0, 1]));
    assert_eq!(world.member(2).node.membership().count(), 1);
    assert_eq!(world.member(2).node.connected(), 0);
    let failed = |(_, event): &&(u64, Event)| matches!(event, Event::NotJoined { seed: 0, .. });
    assert!(world.member(2).events.iter().filter(failed).count() > 0);
    assert!(world.member(0).node.link_stats().refused > 0);
}

#[test]
fn a_member_that_is_killed_is_found_dead_and_comes_back() {
    let mut world = World::swarm(3, 6);
    let all: Vec<usize> = (0..6).collect();
    world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    world.kill(4);
    let rest = [0, 1, 2, 3, 5];
    let took = world.run_until(60 * SECOND, |world| world.know_each_other(&rest)).unwrap();
    println!("killed, and known to be so by all after {} ms", took / 1000);
    let died = Event::Member { id: id_of(4), change: Change::Died };
    assert!(world.member(0).events.iter().any(|(_, event)| *event == died));
    // The same member, without memory.
    world.start(4, 6);
    let now = world.now;
    world.member(4).node.join(&address(2), now).unwrap();
    world.run_until(60 * SECOND, |world| world.know_each_other(&all)).unwrap();
    let incarnation = world.member(0).node.membership().member(id_of(4)).unwrap().incarnation;
    assert!(incarnation > 0, "it is another life");
}

#[test]
fn a_member_that_leaves_is_known_to_have_left() {
    let mut world = World::swarm(4, 5);
    let all: Vec<usize> = (0..5).collect();
    world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    let now = world.now;
    world.member(2).node.leave(now);
    assert_eq!(world.member(2).node.join(&address(0), now), Err(Error::NodeLeft));
    world.touch(2);
    let left =
        |world: &mut World| world.member(2).events.iter().any(|(_, event)| *event == Event::Left);
    world.run_until(10 * SECOND, left).unwrap();
    world.kill(2);
    world.run(3 * SECOND);
    for place in [0, 1, 3, 4] {
        let member = world.member(place).node.membership().member(id_of(2));
        assert_eq!(member.map(|member| member.standing), Some(Standing::Left));
        assert!(!world.member(place).node.is_connected(id_of(2)));
        let died = Event::Member { id: id_of(2), change: Change::Died };
        assert!(!world.member(place).events.iter().any(|(_, event)| *event == died));
    }
}

#[test]
fn a_divided_swarm_comes_together_again() {
    let mut world = World::swarm(5, 6);
    let all: Vec<usize> = (0..6).collect();
    world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    for place in 0..3 {
        world.member(place).side = 1;
    }
    let divided = world.run_until(120 * SECOND, |world| {
        world.know_each_other(&[0, 1, 2]) && world.know_each_other(&[3, 4, 5])
    });
    assert!(divided.is_some());
    for place in 0..3 {
        world.member(place).side = 0;
    }
    let took = world.run_until(300 * SECOND, |world| world.know_each_other(&all)).unwrap();
    println!("together again after {} ms", took / 1000);
}

#[test]
fn with_more_members_than_sessions_all_know_each_other() {
    let mut world = World::new(6, 8);
    world.config.link.peers = 5;
    world.add_all(8);
    let all: Vec<usize> = (0..8).collect();
    world.run_until(60 * SECOND, |world| world.know_each_other(&all)).unwrap();
    world.run(20 * SECOND);
    assert!(world.know_each_other(&all), "nobody is taken for dead for want of a session");
    let mut evicted = 0;
    for place in all {
        assert!(world.member(place).node.connected() <= 5);
        evicted += world.member(place).node.stats().evicted;
    }
    assert!(evicted > 0);
}

#[test]
fn with_a_tenth_lost_they_join_and_nobody_dies() {
    let mut world = World::new(7, 8);
    world.loss = 100;
    world.add_all(8);
    let all: Vec<usize> = (0..8).collect();
    world.run_until(30 * SECOND, |world| world.know_each_other(&all)).unwrap();
    world.run(120 * SECOND);
    for place in all {
        let died = |(_, e): &&(u64, Event)| matches!(e, Event::Member { change: Change::Died, .. });
        assert_eq!(world.member(place).events.iter().filter(died).count(), 0);
    }
}

#[test]
fn a_call_to_nobody_is_tried_again_until_somebody_is_there() {
    let mut world = World::new(8, 4);
    world.start(1, 2);
    let now = world.now;
    world.member(1).node.join(&address(0), now).unwrap();
    world.run(90 * SECOND);
    assert_eq!(world.member(1).node.membership().count(), 1);
    let timeout = Event::NotJoined { seed: 0, reason: Reason::Timeout };
    assert!(world.member(1).events.iter().any(|(_, event)| *event == timeout));
    world.start(0, 2);
    world.run_until(60 * SECOND, |world| world.know_each_other(&[0, 1])).unwrap();
}

#[test]
fn a_transport_without_room_is_waited_for_but_not_for_long() {
    let mut world = World::swarm(9, 3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    world.member(0).answers = true;
    let now = world.now;
    world.member(1).stuck = true;
    let id = world.member(1).requests.ask(id_of(0), b"turn", b"ab", now + SECOND, now).unwrap();
    world.touch(1);
    world.run(15 * MS);
    world.member(1).stuck = false;
    world.run(10 * MS);
    let answer = Heard::Answered { request: id, message: b"ba".to_vec() };
    assert!(world.member(1).heard.iter().any(|(_, heard)| *heard == answer), "nothing was lost");
    assert_eq!(world.member(1).node.stats().unsent, 0);
    // It may be one receiver that takes nothing: others are heard meanwhile.
    let received = world.member(1).node.stats().received;
    world.member(1).stuck = true;
    world.run(900 * MS);
    assert!(world.member(1).node.stats().unsent > 0);
    assert!(world.member(1).node.stats().received > received);
    world.member(1).stuck = false;
    world.run(5 * SECOND);
    assert!(world.know_each_other(&[0, 1, 2]));
}

#[test]
fn an_application_that_takes_no_events_loses_none() {
    let mut world = World::new(10, 30);
    world.start(0, 30);
    world.member(0).deaf = true;
    for place in 1..30 {
        world.start(place, 30);
        let now = world.now;
        world.member(place).node.join(&address(0), now).unwrap();
    }
    world.run(5 * SECOND);
    assert!(world.member(0).events.is_empty());
    world.member(0).deaf = false;
    world.touch(0);
    world.run(20 * SECOND);
    let member = world.member(0);
    for place in 1..30 {
        let id = id_of(place);
        let joined = Event::Member { id, change: Change::Joined };
        assert!(member.events.iter().any(|(_, event)| *event == joined), "{place}");
    }
}

#[test]
fn settings_outside_their_ranges_are_refused_and_the_footprint_is_what_it_takes() {
    let good = NodeConfig::new(b"x", 16);
    let footprint = SimNode::footprint(&good).unwrap();
    println!("a node for 16 members: {} bytes", footprint.size());
    assert!(SimNode::footprint(&NodeConfig::new(b"x", 32)).unwrap().size() > footprint.size());
    type Change = fn(&mut NodeConfig<'static>);
    let bad: [Change; 7] = [
        |config| config.budget = 0,
        |config| config.suspects = 0,
        |config| config.strikes = 0,
        |config| config.quarantine_us = 0,
        |config| config.datagram = config.link.mtu - 1,
        |config| config.link.peers = 0,
        |config| config.membership.members = 1,
    ];
    for (at, change) in bad.into_iter().enumerate() {
        let mut config = good.clone();
        change(&mut config);
        assert_eq!(SimNode::footprint(&config).err(), Some(Error::Invalid), "{at}");
    }
    let mut short = vec![core::mem::MaybeUninit::uninit(); footprint.size() - 1];
    let arena = neural_swarm::port::Arena::new(&mut short);
    let secrets = secrets(0);
    let made = Node::new(&good, secrets, neural_swarm::port::SystemEntropy, &arena, 0);
    assert_eq!(made.err(), Some(Error::OutOfMemory));
}

#[test]
fn those_that_call_each_other_at_once_hear_each_other() {
    for seed in 0..10 {
        let mut world = World::new(100 + seed, 5);
        for place in 0..5 {
            world.start(place, 5);
        }
        for place in 0..5 {
            let now = world.now;
            world.member(place).answers = true;
            for other in (0..5).filter(|other| *other != place) {
                world.member(place).node.join(&address(other), now).unwrap();
            }
        }
        world.run_until(5 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3, 4])).unwrap();
        world.run(SECOND);
        let mut asked = 0;
        for place in 0..5 {
            for other in (0..5).filter(|other| *other != place) {
                let now = world.now;
                let requests = &mut world.member(place).requests;
                requests.ask(id_of(other), b"turn", b"ab", now + 2 * SECOND, now).unwrap();
                world.touch(place);
                world.run(2 * SECOND);
                asked += 1;
            }
        }
        let answered: u64 = (0..5).map(|place| world.member(place).requests.stats().answered).sum();
        assert_eq!(answered, asked, "seed {seed}");
    }
}

#[test]
fn more_may_be_trusted_than_there_are_sessions_with() {
    let config = NodeConfig::new(b"large", 300);
    assert_eq!(config.link.peers, 128);
    let entropy = neural_swarm::port::SystemEntropy;
    let mut node = Node::new(&config, secrets(0), entropy, neural_swarm::port::Heap, 0).unwrap();
    for number in 0..300u16 {
        let mut key = [7; 32];
        key[..2].copy_from_slice(&number.to_le_bytes());
        node.trust_mut().pin(&key).unwrap();
    }
    assert_eq!(node.trust_mut().pin(&[9; 32]), Err(Error::Capacity));
}
