//! Whole nodes: they find each other, notice who is gone, and one seed is one run.

use neural_swarm::Error;
use neural_swarm::consensus::raft::Proposal;
use neural_swarm::host::sim::{Conditions, MILLION, Parts, Swarm, SwarmConfig};
use neural_swarm::node::membership::{Change, Standing};

const MS: u64 = 1_000;
const SECOND: u64 = 1_000_000;

fn swarm(seed: u64, nodes: usize, parts: Parts) -> Swarm {
    let mut swarm = Swarm::new(SwarmConfig { parts, ..SwarmConfig::new(seed, nodes) }).unwrap();
    for place in 0..nodes {
        swarm.start(place).unwrap();
        swarm.run(20 * MS).unwrap();
    }
    assert!(until(&mut swarm, 20 * SECOND, |swarm| whole(swarm, nodes)).is_some());
    swarm
}

fn whole(swarm: &Swarm, count: usize) -> bool {
    swarm.sim().running().all(|by| swarm.count(by) == count)
}

fn until(swarm: &mut Swarm, most: u64, mut so: impl FnMut(&mut Swarm) -> bool) -> Option<u64> {
    let start = swarm.sim().now();
    while !so(swarm) {
        if swarm.sim().now() - start >= most {
            return None;
        }
        swarm.run(10 * MS).unwrap();
    }
    Some(swarm.sim().now() - start)
}

fn all_believe(swarm: &Swarm, of: usize, standing: Standing) -> bool {
    let mut others = swarm.sim().running().filter(|by| *by != of);
    others.all(|by| swarm.standing(by, of) == Some(standing))
}

#[test]
fn a_crash_is_known_to_all_and_a_new_life_too() {
    let mut swarm = swarm(1, 8, Parts::default());
    swarm.take_told();
    let start = swarm.sim().now();
    assert!(swarm.crash(3) && !swarm.crash(3));
    let took = until(&mut swarm, 30 * SECOND, |swarm| all_believe(swarm, 3, Standing::Dead));
    assert!(took.unwrap() > SECOND, "nobody can know so soon: {took:?}");
    let died: Vec<_> =
        swarm.take_told().into_iter().filter(|told| told.change == Change::Died).collect();
    assert!(died.iter().all(|told| told.of == 3 && told.at > start));
    assert_eq!(died.len(), 7);
    assert!(died.is_sorted_by_key(|told| told.at));
    swarm.start(3).unwrap();
    let took = until(&mut swarm, 30 * SECOND, |swarm| whole(swarm, 8));
    assert!(took.is_some());
    assert_eq!(swarm.start(3), Err(Error::Invalid), "it runs");
    assert_eq!(swarm.start(8), Err(Error::Invalid), "there is no such place");
}

#[test]
fn who_leaves_ends_and_is_known_to_have_left() {
    let mut swarm = swarm(2, 5, Parts::default());
    assert!(swarm.leave(2));
    let ended = until(&mut swarm, 10 * SECOND, |swarm| swarm.sim().machine(2).is_none());
    assert!(ended.is_some());
    let known = until(&mut swarm, 10 * SECOND, |swarm| all_believe(swarm, 2, Standing::Left));
    assert!(known.is_some());
    assert!(!swarm.leave(2));
}

#[test]
fn a_pause_is_suspected_and_a_resumed_member_comes_back() {
    let mut swarm = swarm(3, 6, Parts::default());
    swarm.sim_mut().pause(4);
    let dead = until(&mut swarm, 60 * SECOND, |swarm| {
        (0..6).filter(|by| *by != 4).all(|by| swarm.standing(by, 4) == Some(Standing::Dead))
    });
    assert!(dead.is_some());
    swarm.sim_mut().resume(4);
    assert!(until(&mut swarm, 90 * SECOND, |swarm| whole(swarm, 6)).is_some());
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed: u64| {
        let parts = Parts { topics: true, store: true, requests: true };
        let mut swarm = swarm(seed, 6, parts);
        let lossy =
            Conditions { loss: MILLION / 20, duplicated: MILLION / 50, ..Conditions::new() };
        swarm.sim_mut().network_mut().set_conditions(lossy).unwrap();
        swarm.act(1, |node, now| node.put(b"key", b"value", now)).unwrap().unwrap();
        swarm.crash(2);
        swarm.run(10 * SECOND).unwrap();
        swarm.start(2).unwrap();
        swarm.run(10 * SECOND).unwrap();
        (swarm.sim().trace(), *swarm.sim().counts(), swarm.take_told())
    };
    let first = run(4);
    assert!(first.1.delivered > 500);
    assert!(first == run(4));
    assert_ne!(first.0, run(5).0);
}

#[test]
fn parts_work_topics_a_store_and_requests() {
    let parts = Parts { topics: true, store: true, requests: true };
    let mut swarm = swarm(6, 5, parts);
    for place in 0..5 {
        let topics = |node: &mut neural_swarm::host::sim::SimNode, _| {
            node.topics.as_mut().unwrap().subscribe(b"news")
        };
        swarm.act(place, topics).unwrap().unwrap();
    }
    let said = swarm.act(0, |node, _| node.topics.as_mut().unwrap().publish(b"news", b"hello"));
    said.unwrap().unwrap();
    swarm.act(1, |node, now| node.put(b"colour", b"red", now)).unwrap().unwrap();
    let (to, wrong) = (swarm.id(4), swarm.id(5));
    assert_eq!(wrong, 0);
    let id = swarm.act(3, |node, now| {
        node.requests.as_mut().unwrap().ask(to, b"echo", b"hallo", now + SECOND, now)
    });
    let id = id.unwrap().unwrap();
    swarm.run(SECOND).unwrap();
    for place in 0..5 {
        let heard = &swarm.sim().machine(place).unwrap().heard;
        assert_eq!(heard.len(), 1, "{place}");
        assert_eq!((heard[0].origin, &heard[0].message[..]), (swarm.id(0), &b"hello"[..]));
        let has = swarm.act(place, |node, _| node.has(b"colour", b"red"));
        assert_eq!(has, Some(Ok(true)), "{place}");
        let other = swarm.act(place, |node, _| node.has(b"colour", b"blue"));
        assert_eq!(other, Some(Ok(false)), "{place}");
    }
    let ended = &swarm.sim().machine(3).unwrap().ended;
    assert_eq!((ended[0].request, ended[0].outcome.clone()), (id, Ok(b"hallo".to_vec())));
}

#[test]
fn a_node_without_a_part_says_so() {
    let mut swarm = swarm(7, 2, Parts::default());
    let put = swarm.act(0, |node, now| node.put(b"key", b"value", now));
    assert_eq!(put, Some(Err(Error::Unsupported)));
    assert_eq!(swarm.act(0, |node, _| node.has(b"key", b"value")), Some(Err(Error::Unsupported)));
    assert_eq!(Swarm::new(SwarmConfig::new(1, 1)).err(), Some(Error::Invalid));
    assert_eq!(Swarm::new(SwarmConfig::new(1, 4097)).err(), Some(Error::Invalid));
}

fn leader(swarm: &Swarm) -> Option<usize> {
    swarm.sim().running().find(|place| swarm.sim().machine(*place).is_some_and(|node| node.leads()))
}

#[test]
fn a_group_agrees_and_its_leader_comes_back_from_its_disk() {
    let mut swarm = swarm(8, 3, Parts::default());
    swarm.found(&[0, 1, 2]).unwrap();
    assert_eq!(swarm.found(&[0, 1, 2]), Err(Error::Invalid));
    let propose = |swarm: &mut Swarm, text: &[u8]| {
        until(swarm, 10 * SECOND, |swarm| leader(swarm).is_some()).unwrap();
        let place = leader(swarm).unwrap();
        let proposal = Proposal { data: text, ..Proposal::default() };
        let raft = swarm.act(place, |node, now| node.raft.as_mut().unwrap().propose(proposal, now));
        raft.unwrap().unwrap();
        place
    };
    let agreed = |swarm: &mut Swarm, words: &[&[u8]]| {
        let mut nodes = swarm.sim().running().filter_map(|place| swarm.sim().machine(place));
        nodes.all(|node| node.agreed == words)
    };
    let first = propose(&mut swarm, b"one");
    until(&mut swarm, 10 * SECOND, |swarm| agreed(swarm, &[b"one"])).unwrap();
    swarm.crash(first);
    let second = propose(&mut swarm, b"two");
    assert_ne!(first, second);
    until(&mut swarm, 10 * SECOND, |swarm| agreed(swarm, &[b"one", b"two"])).unwrap();
    swarm.start(first).unwrap();
    until(&mut swarm, 20 * SECOND, |swarm| agreed(swarm, &[b"one", b"two"])).unwrap();
    assert_eq!(swarm.sim().running().count(), 3);
}
