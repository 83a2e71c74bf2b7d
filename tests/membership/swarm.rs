//! What a swarm relies on: who comes, goes, fails and is slow.

use neural_swarm::node::membership::*;
use neural_swarm::port::{Address, Heap};

use super::hostile::gossip;
use super::world::{MS, SECOND, World, config, id_of};

/// So long the members of these sizes take at most to find that one is dead: some rounds of probes, the longest
/// suspicion (4 periods x log10(n) x 6), and news.
fn most_detection(count: usize) -> u64 {
    let scale = (count as f64).log10().max(1.0);
    (count as f64 * 2e6 + 24e6 * scale + 5e6) as u64
}

#[test]
fn who_joins_by_one_member_is_known_to_all() {
    for (seed, count) in [(1, 2), (2, 3), (3, 10), (4, 64), (5, 150)] {
        let mut world = World::new(seed);
        for node in 0..count {
            world.start(&config(node, count));
            if node > 0 {
                world.with(node, |member, now| member.join(id_of(0), now)).unwrap();
            }
        }
        let took = world.run_until(20 * SECOND, |world| world.all_see(count));
        println!("{count} members know each other after {} ms", took / MS);
        for node in 1..count {
            assert_eq!(world.nodes[node].joined, [Output::Joined { with: id_of(0) }]);
        }
        // Each was told once of each other one.
        assert_eq!(world.count(|told| told.change == Change::Joined), count * (count - 1));
        assert_eq!(world.told.len(), count * (count - 1));
        let member = world.member(0).member(id_of(1)).unwrap();
        assert_eq!(member.address, Address::new(&1u32.to_le_bytes()).unwrap());
    }
}

#[test]
fn who_does_not_answer_is_not_joined() {
    let mut world = World::new(1);
    world.start(&config(0, 4));
    world.start(&config(1, 4));
    world.crash(1);
    world.with(0, |member, now| member.join(id_of(1), now)).unwrap();
    world.run(10 * SECOND);
    assert_eq!(world.nodes[0].joined, [Output::Unanswered { with: id_of(1) }]);
    assert_eq!(world.member(0).count(), 1);
}

#[test]
fn a_crash_is_found_by_all_and_nobody_else_is_blamed() {
    for (seed, count) in [(1, 2), (2, 3), (3, 10), (4, 40), (5, 100)] {
        let mut world = World::swarm(seed, count);
        let victim = count / 2;
        world.crash(victim);
        let dead = |world: &World| world.all_believe(id_of(victim), Standing::Dead);
        let took = world.run_until(most_detection(count), dead);
        println!("{count} members: all know of a crash after {} ms", took / MS);
        world.run(SECOND);
        assert_eq!(world.count(|told| told.change == Change::Died), count - 1);
        assert_eq!(world.count(|told| told.id != id_of(victim)), 0, "{:?}", world.told);
        assert!(world.running().all(|node| world.member(node).count() == count - 1));
        // Nobody took itself to have slept.
        assert!(world.running().all(|node| world.member(node).stats().stalled == 0));
    }
}

#[test]
fn loss_alone_kills_nobody() {
    for (seed, loss) in [(1, 10), (2, 50), (3, 200)] {
        let mut world = World::swarm(seed, 50);
        world.loss = loss;
        world.run(300 * SECOND);
        assert_eq!(world.count(|told| told.change == Change::Died), 0, "at {loss} of 1,000");
        // Some were suspected, and objected.
        let suspected = world.count(|told| told.change == Change::Suspected);
        println!("loss {loss} of 1,000: told {suspected} times of a suspicion, nobody died");
        assert!(loss < 200 || suspected > 0);
        world.loss = 0;
        world.run_until(120 * SECOND, |world| world.all_see(50));
    }
}

#[test]
fn a_crash_is_found_in_spite_of_loss() {
    let mut world = World::swarm(7, 50);
    world.loss = 200;
    world.crash(20);
    let dead = |world: &World| world.all_believe(id_of(20), Standing::Dead);
    world.run_until(2 * most_detection(50), dead);
}

/// How often healthy members die in the eyes of others, where some read late what arrives.
fn false_deaths(health_most: u32, suspicion_most: u32) -> usize {
    let settings =
        |node| MembershipConfig { health_most, suspicion_most, suspicion: 2, ..config(node, 40) };
    let mut world = World::swarm_of(11, 40, &settings);
    (0..4).for_each(|slow| world.nodes[slow].late = 3 * SECOND);
    world.run(300 * SECOND);
    let slow: Vec<u64> = (0..4).map(id_of).collect();
    world.count(|told| told.change == Change::Died && !slow.contains(&told.id))
}

#[test]
fn slow_members_do_not_bury_healthy_ones() {
    let (with, without) = (false_deaths(8, 6), false_deaths(0, 1));
    println!("told that a healthy member died: {with} times with Lifeguard, {without} without");
    assert!(with == 0 && without > 0);
}

#[test]
fn who_leaves_is_not_dead() {
    let mut world = World::swarm(3, 20);
    world.with(7, |member, now| member.leave(now));
    world.run_until(20 * SECOND, |world| world.all_believe(id_of(7), Standing::Left));
    world.run_until(20 * SECOND, |world| world.member(7).has_left());
    world.crash(7);
    world.run(120 * SECOND);
    assert_eq!(world.count(|told| told.change == Change::Left), 19);
    assert_eq!(world.told.len(), 19, "{:?}", world.told);
}

#[test]
fn the_last_one_may_leave_at_once() {
    let mut member = Membership::new(&config(0, 2), Heap, 0).unwrap();
    assert!(!member.has_left());
    member.leave(5);
    assert!(member.has_left());
}

#[test]
fn who_begins_anew_without_memory_is_taken_back() {
    for known_dead in [true, false] {
        let mut world = World::swarm(5, 20);
        let before = world.member(0).member(id_of(9)).unwrap().incarnation;
        world.crash(9);
        if known_dead {
            let dead = |world: &World| world.all_believe(id_of(9), Standing::Dead);
            world.run_until(most_detection(20), dead);
        }
        world.restart(9, &config(9, 20));
        world.with(9, |member, now| member.join(id_of(3), now)).unwrap();
        world.run_until(60 * SECOND, |world| world.all_see(20));
        let after = world.member(0).member(id_of(9)).unwrap().incarnation;
        assert!(!known_dead || after > before);
        world.run(60 * SECOND);
        assert!(world.all_see(20));
    }
}

#[test]
fn both_sides_of_a_divided_network_find_each_other_again() {
    let mut world = World::swarm(6, 30);
    (0..30).for_each(|node| world.set_side(node, (node % 3 == 0) as u8));
    let divided = |world: &World| {
        (0..30).all(|node| world.member(node).count() == if node % 3 == 0 { 10 } else { 20 })
    };
    world.run_until(2 * most_detection(30), divided);
    (0..30).for_each(|node| world.set_side(node, 0));
    let took = world.run_until(120 * SECOND, |world| world.all_see(30));
    println!("after a partition all see all within {} ms", took / MS);
}

#[test]
fn they_do_so_also_if_it_was_divided_for_longer_than_anybody_is_remembered() {
    let settings = |node| MembershipConfig { forget_us: 60 * SECOND, ..config(node, 9) };
    let mut world = World::swarm_of(14, 9, &settings);
    (0..9).for_each(|node| world.set_side(node, (node < 3) as u8));
    world.run(600 * SECOND);
    (0..9).for_each(|node| world.set_side(node, 0));
    world.run_until(300 * SECOND, |world| world.all_see(9));
}

#[test]
fn one_way_that_fails_is_nobodys_death() {
    let mut world = World::swarm(15, 8);
    world.cut = Some((2, 5));
    world.run(300 * SECOND);
    // Others answer for them.
    assert!(world.told.is_empty(), "{:?}", world.told);
    assert!((0..8).all(|node| world.member(node).health() == 0));
    assert!(world.member(2).stats().failed == 0 && world.member(2).stats().probes > 200);
}

#[test]
fn who_leaves_is_heard_also_without_gossip() {
    for count in [2, 12] {
        let settings = |node| MembershipConfig { fanout: 0, ..config(node, 12) };
        let mut world = World::swarm_of(16, count, &settings);
        world.with(1, |member, now| member.leave(now));
        world.run_until(30 * SECOND, |world| world.member(1).has_left());
        world.run_until(30 * SECOND, |world| world.all_believe(id_of(1), Standing::Left));
    }
}

#[test]
fn lies_do_not_take_a_member_out_of_hearing() {
    let mut world = World::swarm(17, 12);
    let liar = id_of(11);
    let dead = |id, incarnation| gossip(id, incarnation, &[2, 1]);
    for round in 0..6u64 {
        let known = world.member(4).member(id_of(4)).unwrap().incarnation;
        for above in [0, 1 << 31, 1 << 32, (1 << 33) * round] {
            let lie = dead(id_of(4), known + above);
            (0..6).for_each(|to| {
                world.with(to, |member, now| member.receive(liar, &lie, now).unwrap())
            });
        }
        world.run(3 * SECOND);
    }
    world.run_until(60 * SECOND, |world| world.all_see(12));
    // All say of all others that they have left.
    for to in 0..11 {
        for of in (0..12).filter(|of| *of != to) {
            let known = world.member(to).member(id_of(of)).unwrap().incarnation;
            let lie = gossip(id_of(of), known, &[3]);
            world.with(to, |member, now| member.receive(liar, &lie, now).unwrap());
        }
    }
    world.run_until(300 * SECOND, |world| world.all_see(12));
}

#[test]
fn a_restart_with_a_count_far_above_is_believed() {
    let mut world = World::swarm(18, 10);
    world.crash(3);
    world.restart(3, &MembershipConfig { incarnation: 1 << 50, ..config(3, 10) });
    world.with(3, |member, now| member.join(id_of(0), now)).unwrap();
    let knows =
        |world: &World, node| world.member(node).member(id_of(3)).unwrap().incarnation >= 1 << 50;
    world.run_until(120 * SECOND, |world| (0..10).all(|node| knows(world, node)));
    world.run_until(60 * SECOND, |world| world.all_see(10));
}

#[test]
fn what_a_member_says_of_itself_reaches_all() {
    let mut world = World::swarm(8, 30);
    let address = Address::new(b"elsewhere").unwrap();
    world.with(4, |member, now| member.set_said(&address, b"role=camera", now)).unwrap();
    let knows = |world: &World, node| {
        let member = world.member(node).member(id_of(4)).unwrap();
        member.meta == b"role=camera" && member.address == address
    };
    world.run_until(10 * SECOND, |world| (0..30).all(|node| knows(world, node)));
    world.run(SECOND);
    assert_eq!(world.count(|told| told.change == Change::Said && told.id == id_of(4)), 29);
    assert_eq!(world.told.len(), 29);
    // Too long: nothing is changed.
    let error = world.with(4, |member, now| member.set_said(&address, &[0; 65], now));
    assert_eq!(error, Err(neural_swarm::Error::Length));
    assert_eq!(world.member(4).member(id_of(4)).unwrap().meta, b"role=camera");
}

#[test]
fn a_member_that_stops_and_goes_on_comes_back() {
    let mut world = World::swarm(9, 20);
    world.stop(3, 200 * SECOND);
    world.run(150 * SECOND);
    let others_believe = |world: &World| {
        (0..20)
            .filter(|node| *node != 3)
            .all(|node| world.member(node).member(id_of(3)).unwrap().standing == Standing::Dead)
    };
    assert!(others_believe(&world));
    world.run_until(120 * SECOND, |world| world.all_see(20));
    // It blamed nobody for its own absence.
    assert_eq!(world.count(|told| told.by == id_of(3) && told.change == Change::Died), 0);
    assert!(world.member(3).stats().stalled > 0);
}

#[test]
fn a_calm_swarm_says_little() {
    let mut world = World::swarm(10, 64);
    // Until nothing is news.
    world.run(30 * SECOND);
    (world.bytes, world.messages) = (0, 0);
    world.run(120 * SECOND);
    let per_second = world.bytes as f64 / 64.0 / 120.0;
    let messages = world.messages as f64 / 64.0 / 120.0;
    println!(
        "64 members, calm: {per_second:.1} bytes and {messages:.2} messages a member and second"
    );
    // A probe and its answer, some bytes each, and a sum of all that is known twice a minute.
    assert!((2.0..2.3).contains(&messages) && per_second < 20.0, "{messages}, {per_second}");
    // And nobody takes itself to be slow.
    let well = |node| world.member(node).health() == 0 && world.member(node).stats().stalled == 0;
    assert!((0..64).all(well));
}

#[test]
fn a_full_table_is_counted_and_places_of_the_gone_are_given_on() {
    let mut world = World::new(12);
    for node in 0..10 {
        world.start(&config(node, 8));
        if node > 0 {
            world.with(node, |member, now| member.join(id_of(0), now)).unwrap();
        }
    }
    world.run(10 * SECOND);
    assert_eq!(world.member(0).members().len(), 8);
    assert!(world.member(0).stats().full > 0);
    // Those that are gone make room for the others.
    let gone: Vec<usize> =
        (1..10).filter(|node| world.member(0).member(id_of(*node)).is_some()).take(2).collect();
    gone.iter().for_each(|node| world.crash(*node));
    world.run(200 * SECOND);
    let alive = world.member(0).members().filter(|member| member.standing == Standing::Alive);
    assert_eq!(alive.count(), 8);
}

#[test]
fn the_gone_are_forgotten_in_time() {
    let settings = |node| MembershipConfig { forget_us: 100 * SECOND, ..config(node, 10) };
    let mut world = World::swarm_of(13, 10, &settings);
    world.crash(6);
    world.with(5, |member, now| member.leave(now));
    world.run_until(20 * SECOND, |world| world.all_believe(id_of(5), Standing::Left));
    world.crash(5);
    let knows = |world: &World, node| world.member(node).member(id_of(5)).is_some();
    world.run_until(200 * SECOND, |world| world.running().all(|node| !knows(world, node)));
    // And nobody tells of it any more. The dead may come back.
    world.run(100 * SECOND);
    assert!(world.running().all(|node| !knows(&world, node)));
    assert!(world.all_believe(id_of(6), Standing::Dead));
}

#[test]
fn a_seed_is_a_run() {
    let run = |seed| {
        let mut world = World::swarm(seed, 20);
        world.loss = 100;
        world.crash(4);
        world.run(100 * SECOND);
        (world.told, world.messages, world.bytes)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
