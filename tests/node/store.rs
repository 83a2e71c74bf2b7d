//! A store that members share.

use neural_swarm::crdt::{Kind, Store};

use crate::world::*;

fn set(world: &mut World, place: usize, key: &[u8], element: &[u8]) {
    let store = &mut world.member(place).store;
    let key = store.open(Store::ROOT, key, Kind::AddWinsSet).unwrap();
    store.add(key, element).unwrap();
    store.close(key).unwrap();
    world.touch(place);
}

fn count(world: &mut World, place: usize, key: &[u8]) -> usize {
    let store = &mut world.member(place).store;
    let key = store.open(Store::ROOT, key, Kind::AddWinsSet).unwrap();
    let count = store.count(key).unwrap();
    store.close(key).unwrap();
    count
}

fn all_have(world: &mut World, key: &[u8], elements: usize) -> bool {
    world.alive().into_iter().all(|place| count(world, place, key) == elements)
}

#[test]
fn a_change_is_everywhere_in_a_moment() {
    let mut world = World::swarm(20, 5);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3, 4])).unwrap();
    world.run(3 * SECOND);
    let mut worst = 0;
    for turn in 0..20u8 {
        set(&mut world, usize::from(turn % 5), b"things", &[turn]);
        let have = usize::from(turn) + 1;
        let took = world.run_until(SECOND, |world| all_have(world, b"things", have)).unwrap();
        worst = worst.max(took);
    }
    // One way is 1 to 2 ms.
    println!("at all 5 after {} ms, of 20 changes the slowest", worst / 1000);
    assert!(worst <= 4 * MS, "{worst}");
}

#[test]
fn with_a_fifth_lost_everything_arrives_all_the_same() {
    let mut world = World::new(21, 6);
    world.add_all(6);
    let all: Vec<usize> = (0..6).collect();
    world.run_until(10 * SECOND, |world| world.know_each_other(&all)).unwrap();
    world.loss = 200;
    for turn in 0..60u8 {
        set(&mut world, usize::from(turn % 6), b"things", &[turn]);
        world.run(20 * MS);
    }
    let took = world.run_until(60 * SECOND, |world| all_have(world, b"things", 60)).unwrap();
    println!("60 changes with a fifth lost: all there {} ms after the last", took / 1000);
}

#[test]
fn who_comes_late_gets_everything() {
    let mut world = World::new(22, 3);
    world.start(0, 3);
    for turn in 0..200u8 {
        set(&mut world, 0, b"things", &[turn]);
    }
    // More than the log remembers.
    for turn in 0..=255u8 {
        set(&mut world, 0, b"more", &[turn]);
    }
    world.run(5 * SECOND);
    for place in [1, 2] {
        world.start(place, 3);
        let now = world.now;
        world.member(place).node.join(&address(0), now).unwrap();
    }
    let there =
        |world: &mut World| all_have(world, b"things", 200) && all_have(world, b"more", 256);
    let took = world.run_until(60 * SECOND, there).unwrap();
    println!("456 values at two that came late after {} ms", took / 1000);
}

#[test]
fn changes_on_both_sides_of_a_divided_swarm_come_together() {
    let mut world = World::swarm(23, 4);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3])).unwrap();
    for place in [0, 1] {
        world.member(place).side = 1;
    }
    for turn in 0..20u8 {
        set(&mut world, 0, b"things", &[turn]);
        set(&mut world, 3, b"things", &[100 + turn]);
    }
    world.run(60 * SECOND);
    for (place, has) in [(1, 20), (2, 20)] {
        assert_eq!(count(&mut world, place, b"things"), has);
    }
    for place in [0, 1] {
        world.member(place).side = 0;
    }
    world.run_until(300 * SECOND, |world| all_have(world, b"things", 40)).unwrap();
}

#[test]
fn among_many_a_change_reaches_all() {
    let mut world = World::new(24, 20);
    world.add_all(20);
    let all: Vec<usize> = (0..20).collect();
    world.run_until(30 * SECOND, |world| world.know_each_other(&all)).unwrap();
    world.run(5 * SECOND);
    set(&mut world, 7, b"things", b"x");
    let took = world.run_until(10 * SECOND, |world| all_have(world, b"things", 1)).unwrap();
    println!("at all 20 after {} ms", took / 1000);
}

#[test]
fn calm_members_say_little() {
    let mut world = World::swarm(25, 5);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3, 4])).unwrap();
    set(&mut world, 1, b"things", b"x");
    world.run(10 * SECOND);
    let (datagrams, bytes) = (world.datagrams, world.bytes);
    world.run(60 * SECOND);
    let each = |value: u64| value as f64 / 60.0 / 5.0;
    let (datagrams, bytes) = (each(world.datagrams - datagrams), each(world.bytes - bytes));
    println!("calm: {datagrams:.1} datagrams and {bytes:.0} bytes a member and second");
    assert!(bytes < 1000.0);
}

#[test]
fn what_is_stamped_passes_between_members_whose_clocks_differ_or_that_have_none() {
    let mut world = World::swarm(26, 4);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3])).unwrap();
    let now = world.now;
    // One has no clock, and one is two minutes behind: more than stamps may be ahead.
    world.member(1).node.set_wall(None, now);
    world.member(2).node.set_wall(Some(1_700_000_000_000 - 120_000), now);
    for turn in 0..20u8 {
        let now_ms = world.member(0).node.wall_ms();
        let store = &mut world.member(0).store;
        let key = store.open(Store::ROOT, b"said", Kind::LastWriter).unwrap();
        store.assign_bytes(key, &[turn], now_ms).unwrap();
        store.close(key).unwrap();
        world.touch(0);
        world.run(100 * MS);
    }
    for (place, has) in [(1, true), (2, false), (3, true)] {
        let store = &mut world.member(place).store;
        let key = store.open(Store::ROOT, b"said", Kind::LastWriter).unwrap();
        let said = store.last_written(key).unwrap().map(|(value, _)| value.to_vec());
        store.close(key).unwrap();
        assert_eq!(said == Some(vec![19]), has, "{place}");
        // Nobody can help it: who hands it on is no liar.
        assert_eq!(world.member(place).node.stats().violations, 0);
        assert_eq!(world.member(place).node.evidence().count(), 0);
    }
    assert!(world.member(2).sharing.stats().refused > 0);
    // The clock is set, and it comes.
    let now = world.now;
    world.member(2).node.set_wall(Some(1_700_000_000_000), now);
    let there = |world: &mut World| {
        let store = &mut world.member(2).store;
        let key = store.open(Store::ROOT, b"said", Kind::LastWriter).unwrap();
        let said = store.last_written(key).unwrap().map(|(value, _)| value.to_vec());
        store.close(key).unwrap();
        said == Some(vec![19])
    };
    world.run_until(20 * SECOND, there).unwrap();
}

#[test]
fn a_full_store_stops_nothing_else() {
    let mut world = World::swarm(27, 3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    // More keys than there is room for, by two members that do not hear each other.
    world.member(0).side = 1;
    for place in [0, 1] {
        for turn in 0..40u8 {
            let store = &mut world.member(place).store;
            let key = store.open(Store::ROOT, &[place as u8, turn], Kind::AddWinsSet).unwrap();
            store.add(key, b"x").unwrap();
            store.close(key).unwrap();
        }
        world.touch(place);
    }
    world.run(3 * SECOND);
    world.member(0).side = 0;
    world.run(40 * SECOND);
    let full: u64 = (0..3).map(|place| world.member(place).sharing.stats().full).sum();
    assert!(full > 0);
    assert!(world.know_each_other(&[0, 1, 2]));
    world.member(2).answers = true;
    let now = world.now;
    let id = world.member(0).requests.ask(id_of(2), b"turn", b"ab", now + SECOND, now).unwrap();
    world.touch(0);
    world.run(SECOND);
    let answer = Heard::Answered { request: id, message: b"ba".to_vec() };
    assert!(world.member(0).heard.iter().any(|(_, heard)| *heard == answer));
}
