//! Requests and their answers.

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::node::*;

use crate::world::*;

fn pair(seed: u64) -> World {
    let mut world = World::swarm(seed, 2);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1])).unwrap();
    world.run(2 * SECOND);
    world
}

fn ask(world: &mut World, message: &[u8], within: u64) -> RequestId {
    let now = world.now;
    let id = world.member(0).requests.ask(id_of(1), b"turn", message, now + within, now).unwrap();
    world.touch(0);
    id
}

fn asked(world: &mut World) -> Vec<Vec<u8>> {
    let heard = world.member(1).heard.iter();
    heard
        .filter_map(|(_, heard)| match heard {
            Heard::Asked { message, .. } => Some(message.clone()),
            _ => None,
        })
        .collect()
}

fn last(world: &mut World) -> Option<Heard> {
    world.member(0).heard.last().map(|(_, heard)| heard.clone())
}

#[test]
fn a_request_is_answered_in_a_round_trip() {
    let mut world = pair(40);
    world.member(1).answers = true;
    for turn in 0..50u8 {
        let id = ask(&mut world, &[turn, 1, 2], SECOND);
        let answer = Heard::Answered { request: id, message: vec![2, 1, turn] };
        let took = world.run_until(SECOND, |world| last(world) == Some(answer.clone())).unwrap();
        assert!(took <= 5 * MS, "{took}");
    }
    let stats = *world.member(0).requests.stats();
    assert_eq!((stats.asked, stats.answered, stats.failed, stats.repeated), (50, 50, 0, 0));
}

#[test]
fn with_one_in_seven_lost_each_is_done_once() {
    let mut world = World::swarm(41, 5);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2, 3, 4])).unwrap();
    world.member(1).answers = true;
    world.loss = 150;
    let mut answered = 0;
    for turn in 0..100u8 {
        let id = ask(&mut world, &[turn], 10 * SECOND);
        let over = |world: &mut World| match last(world) {
            Some(Heard::Answered { request, .. } | Heard::Failed { request, .. }) => request == id,
            _ => false,
        };
        world.run_until(20 * SECOND, over).unwrap();
        answered += u32::from(matches!(last(&mut world), Some(Heard::Answered { .. })));
    }
    let mut done = asked(&mut world);
    let count = done.len();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), count, "each once");
    let failed = |(_, heard): &&(u64, Heard)| matches!(heard, Heard::Failed { .. });
    let failed: Vec<_> = world.member(0).heard.iter().filter(failed).cloned().collect();
    assert_eq!((answered, failed), (100, Vec::new()));
    assert!(world.member(0).requests.stats().repeated > 10);
}

#[test]
fn without_an_answer_it_fails_at_its_deadline() {
    let mut world = pair(42);
    let start = world.now;
    let id = ask(&mut world, b"x", 3 * SECOND);
    world.run(SECOND);
    let call = match &world.member(1).heard[0].1 {
        Heard::Asked { call, from, method, .. } => {
            assert_eq!((*from, &method[..]), (id_of(0), &b"turn"[..]));
            *call
        }
        other => panic!("{other:?}"),
    };
    world.run(5 * SECOND);
    let (at, heard) = world.member(0).heard.last().unwrap().clone();
    assert_eq!(heard, Heard::Failed { request: id, why: Failure::Deadline });
    assert!((3 * SECOND..3 * SECOND + 5 * MS).contains(&(at - start)));
    assert_eq!(world.member(1).heard.last().unwrap().1, Heard::Cancelled(call));
    assert_eq!(world.member(1).requests.answer(call, b"late"), Err(Error::NodeRequest));
    assert_eq!(asked(&mut world).len(), 1);
}

#[test]
fn what_is_cancelled_is_told_and_what_is_refused_too() {
    let mut world = pair(43);
    let id = ask(&mut world, b"x", 10 * SECOND);
    world.run(SECOND);
    world.member(0).requests.cancel(id).unwrap();
    assert_eq!(world.member(0).requests.cancel(id), Err(Error::NodeRequest));
    world.touch(0);
    world.run(SECOND);
    assert!(matches!(world.member(1).heard.last().unwrap().1, Heard::Cancelled(_)));
    assert!(world.member(0).heard.is_empty());

    let id = ask(&mut world, b"y", 10 * SECOND);
    world.run(SECOND);
    let Heard::Asked { call, .. } = world.member(1).heard.last().unwrap().1.clone() else {
        panic!("asked");
    };
    world.member(1).requests.refuse(call).unwrap();
    assert_eq!(world.member(1).requests.refuse(call), Err(Error::NodeRequest));
    world.touch(1);
    world.run(SECOND);
    assert_eq!(last(&mut world), Some(Heard::Failed { request: id, why: Failure::Refused }));
}

#[test]
fn a_member_without_room_says_so_at_once() {
    let mut world = pair(44);
    let ids: Vec<RequestId> = (0..16u8).map(|turn| ask(&mut world, &[turn], 10 * SECOND)).collect();
    let now = world.now;
    let more = world.member(0).requests.ask(id_of(1), b"turn", b"", now + SECOND, now);
    assert_eq!(more, Err(Error::Capacity), "too many of one's own");
    world.run(SECOND);
    // There is room for eight of others, half of them for one.
    assert_eq!(asked(&mut world).len(), 4);
    let busy: BTreeSet<RequestId> = world
        .member(0)
        .heard
        .iter()
        .map(|(_, heard)| match heard {
            Heard::Failed { request, why: Failure::Busy } => *request,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(busy.len(), 12);
    assert!(busy.iter().all(|id| ids.contains(id)));
    assert_eq!(world.member(1).requests.stats().busy, 12);
}

#[test]
fn who_dies_answers_no_more() {
    let mut world = World::swarm(45, 3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    let id = ask(&mut world, b"x", 300 * SECOND);
    world.run(SECOND);
    world.kill(1);
    world.run(60 * SECOND);
    assert_eq!(last(&mut world), Some(Heard::Failed { request: id, why: Failure::Gone }));
}

#[test]
fn a_new_life_asks_anew() {
    let mut world = pair(46);
    world.member(1).answers = true;
    for _ in 0..3 {
        let id = ask(&mut world, b"ab", SECOND);
        world.run(SECOND);
        assert_eq!(
            last(&mut world),
            Some(Heard::Answered { request: id, message: b"ba".to_vec() })
        );
        world.start(0, 2);
        let now = world.now;
        world.member(0).node.join(&address(1), now).unwrap();
        world.run_until(60 * SECOND, |world| world.know_each_other(&[0, 1])).unwrap();
        world.run(SECOND);
    }
    assert_eq!(asked(&mut world).len(), 3);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let mut world = pair(47);
    let now = world.now;
    let requests = &mut world.member(0).requests;
    let most = requests.max_request(b"m");
    let long = vec![0; most + 1];
    assert_eq!(requests.ask(1, b"", b"", now + 1, now), Err(Error::Length));
    assert_eq!(requests.ask(1, &[0; MOST_METHOD + 1], b"", now + 1, now), Err(Error::Length));
    assert_eq!(requests.ask(1, b"m", &long, now + 1, now), Err(Error::Length));
    assert_eq!(requests.ask(1, b"m", b"", now, now), Err(Error::Invalid));
    assert_eq!(requests.ask(1, b"m", b"", now + MOST_DEADLINE + 1, now), Err(Error::Invalid));
    assert_eq!(requests.answer(CallId(1), b""), Err(Error::NodeRequest));
    assert_eq!(requests.cancel(RequestId(1)), Err(Error::NodeRequest));
    for bad in [
        RequestsConfig { mtu: 78, ..RequestsConfig::new(1000, 1) },
        RequestsConfig { requests: 0, ..RequestsConfig::new(1000, 1) },
        RequestsConfig { askers: 0, ..RequestsConfig::new(1000, 1) },
        RequestsConfig { retry_us: 0, ..RequestsConfig::new(1000, 1) },
    ] {
        assert_eq!(Requests::footprint(&bad).err(), Some(Error::Invalid));
    }
}

/// Each of these is told, however many there are.
#[test]
fn whoever_is_asked_much_hears_of_each_cancellation() {
    let mut world = pair(47);
    let now = world.now;
    let config =
        RequestsConfig { requests: 64, ..RequestsConfig::new(world.config.max_message(), 9) };
    world.member(0).requests = Requests::new(&config, neural_swarm::port::Heap).unwrap();
    let config = RequestsConfig { calls: 128, ..config };
    world.member(1).requests = Requests::new(&config, neural_swarm::port::Heap).unwrap();
    let ids: Vec<RequestId> = (0..60)
        .map(|_| {
            world.member(0).requests.ask(id_of(1), b"turn", b"", now + 9 * SECOND, now).unwrap()
        })
        .collect();
    world.touch(0);
    world.run(SECOND);
    for id in ids {
        world.member(0).requests.cancel(id).unwrap();
    }
    world.touch(0);
    world.run(SECOND);
    let heard = &world.member(1).heard;
    let cancelled = |heard: &&(u64, Heard)| matches!(heard.1, Heard::Cancelled(_));
    assert_eq!(heard.iter().filter(cancelled).count(), 60);
}

/// Numbers of requests to others do not make one that is late too old for the one that it is for.
#[test]
fn what_others_are_asked_makes_nothing_too_old() {
    let mut world = World::swarm(48, 3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    for place in [1, 2] {
        world.member(place).answers = true;
    }
    // Nothing gets to member 1 until member 2 was asked a hundred times.
    world.tap =
        Some(Box::new(|_, to, bytes| if to == 1 { vec![] } else { vec![(to, bytes.to_vec())] }));
    let first = ask(&mut world, b"early", 30 * SECOND);
    world.run(5 * MS);
    for turn in 0..100u8 {
        let now = world.now;
        world.member(0).requests.ask(id_of(2), b"turn", &[turn], now + SECOND, now).unwrap();
        world.touch(0);
        world.run(5 * MS);
    }
    world.tap = None;
    // One that is new comes before that one comes again.
    let second = ask(&mut world, b"late", 10 * SECOND);
    world.run(10 * SECOND);
    for id in [first, second] {
        let answered = |(_, heard): &(u64, Heard)| matches!(heard, Heard::Answered { request, .. } if *request == id);
        assert!(world.member(0).heard.iter().any(answered), "{id:?}");
    }
}
