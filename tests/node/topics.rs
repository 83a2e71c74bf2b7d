//! Publish and subscribe.

use neural_swarm::Error;
use neural_swarm::node::*;
use neural_swarm::port::Heap;

use crate::world::*;

fn swarm(seed: u64, count: usize) -> World {
    let mut world = World::new(seed, count);
    world.add_all(count);
    let all: Vec<usize> = (0..count).collect();
    world.run_until(30 * SECOND, |world| world.know_each_other(&all)).unwrap();
    for place in all {
        world.member(place).topics.subscribe(b"news").unwrap();
    }
    world.run(SECOND);
    world
}

#[test]
fn all_get_what_is_published_once() {
    let mut world = swarm(30, 5);
    for turn in 0..10u8 {
        let place = usize::from(turn % 5);
        world.member(place).topics.publish(b"news", &[turn]).unwrap();
        world.touch(place);
        world.run(10 * MS);
    }
    for place in 0..5 {
        let got: Vec<_> =
            world.member(place).publications.iter().map(|(_, from, m)| (*from, m[0])).collect();
        let expected: Vec<_> = (0..10u8).map(|turn| (id_of(usize::from(turn % 5)), turn)).collect();
        assert_eq!(got, expected, "{place}");
    }
}

#[test]
fn nobody_gets_what_he_has_not_subscribed_to() {
    let mut world = swarm(31, 3);
    assert!(world.member(2).topics.unsubscribe(b"news"));
    assert!(!world.member(2).topics.unsubscribe(b"news"));
    world.member(0).topics.publish(b"news", b"a").unwrap();
    world.member(0).topics.publish(b"other", b"b").unwrap();
    world.touch(0);
    world.run(SECOND);
    let counts: Vec<_> = (0..3).map(|place| world.member(place).publications.len()).collect();
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(world.member(2).topics.stats().received, 2);
}

#[test]
fn among_many_with_loss_nearly_all_get_everything() {
    let mut world = swarm(32, 25);
    world.loss = 50;
    let (mut slowest, mut got) = (0, 0);
    for turn in 0..20u8 {
        let place = usize::from(turn) * 7 % 25;
        let start = world.now;
        world.member(place).topics.publish(b"news", &[turn]).unwrap();
        world.touch(place);
        world.run(200 * MS);
        for place in 0..25 {
            let at = world.member(place).publications.iter().find(|(_, _, m)| *m == [turn]);
            if let Some((at, ..)) = at {
                (got, slowest) = (got + 1, slowest.max(at - start));
            }
        }
    }
    println!("{got} of 500, the slowest after {} ms", slowest / 1000);
    assert!(got >= 497, "{got} of 500");
    let all: usize = (0..25).map(|place| world.member(place).publications.len()).sum();
    assert_eq!(all, got, "each once");
}

#[test]
fn an_application_that_does_not_listen_loses_and_it_is_counted() {
    let mut world = swarm(33, 2);
    world.member(1).deaf = true;
    for turn in 0..40u8 {
        world.member(0).topics.publish(b"news", &[turn]).unwrap();
        world.touch(0);
        world.run(5 * MS);
    }
    world.member(1).deaf = false;
    world.touch(1);
    world.run(SECOND);
    let member = world.member(1);
    let got: Vec<u8> = member.publications.iter().map(|(_, _, m)| m[0]).collect();
    assert_eq!(got, (0..16).collect::<Vec<u8>>());
    assert_eq!(member.topics.stats().dropped, 24);
}

#[test]
fn what_cannot_be_published_is_refused() {
    let config = TopicsConfig { outbox: 2, inbox: 1, topics: 1, ..TopicsConfig::new(9, 200, 1) };
    let mut topics = Topics::new(&config, Heap).unwrap();
    let most = topics.max_message(b"news");
    assert_eq!(most, 200 - 19 - 4);
    assert_eq!(topics.publish(b"", b"x"), Err(Error::Length));
    assert_eq!(topics.publish(&[b'x'; MOST_TOPIC + 1], b"x"), Err(Error::Length));
    assert_eq!(topics.publish(b"news", &vec![0; most + 1]), Err(Error::Length));
    assert_eq!(topics.subscribe(b""), Err(Error::Length));
    topics.subscribe(b"news").unwrap();
    topics.subscribe(b"news").unwrap();
    assert_eq!(topics.subscribe(b"more"), Err(Error::Capacity));
    let first = topics.publish(b"news", &vec![7; most]).unwrap();
    assert_eq!(topics.publish(b"news", b"x"), Err(Error::Capacity), "the inbox is full");
    assert_eq!(topics.publish(b"other", b"x"), Ok(first.wrapping_add(1)));
    assert_eq!(topics.publish(b"other", b"x"), Err(Error::Capacity), "the outbox is full");
    let publication = topics.next_publication().unwrap();
    assert_eq!((publication.origin, publication.number), (9, first));
    assert_eq!((publication.topic, publication.message), (&b"news"[..], &vec![7; most][..]));
    assert_eq!(topics.next_publication(), None);
    for bad in [
        TopicsConfig { mtu: 82, ..config.clone() },
        TopicsConfig { inbox: 0, ..config.clone() },
        TopicsConfig { outbox: 0, ..config.clone() },
        TopicsConfig { recent: 0, ..config.clone() },
        TopicsConfig { fanout: MOST_TARGETS + 1, ..config.clone() },
    ] {
        assert_eq!(Topics::footprint(&bad).err(), Some(Error::Invalid));
    }
}
