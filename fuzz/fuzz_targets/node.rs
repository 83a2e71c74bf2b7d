//! Two members' parts that hear anything: publications, requests, and frames of a shared store, as bytes or damaged on
//! their way from one to the other. Nothing panics, each request comes out once at most, nobody is told what nobody
//! has said, and what parts say themselves is sound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::node::membership::*;
use neural_swarm::node::*;
use neural_swarm::port::Heap;

const MTU: usize = 400;

struct Member {
    membership: Membership<'static>,
    topics: Topics<'static>,
    requests: Requests<'static>,
    store: Store<'static>,
    sharing: Sharing<'static>,
}

/// Who knows the other one.
fn made(id: u64) -> Member {
    let mut membership =
        Membership::new(&MembershipConfig::new(id, 4), Heap, 0).expect("good settings");
    let mut other =
        Membership::new(&MembershipConfig::new(3 - id, 4), Heap, 0).expect("good settings");
    let mut out = [0; 1200];
    membership.join(3 - id, 0).expect("another one");
    while let Some(output) = membership.next(&mut out).expect("there is room") {
        if let Output::Message { len, .. } = output {
            other.receive(id, &out[..len], 0).expect("sound");
        }
    }
    while let Some(output) = other.next(&mut out).expect("there is room") {
        if let Output::Message { len, .. } = output {
            membership.receive(3 - id, &out[..len], 0).expect("sound");
        }
    }
    let topics = TopicsConfig { inbox: 2, outbox: 2, recent: 4, ..TopicsConfig::new(id, MTU, id) };
    let requests = RequestsConfig { requests: 2, calls: 2, ..RequestsConfig::new(MTU, id) };
    let store = StoreConfig {
        replica: ReplicaId(id),
        replicas: 4,
        keys: 8,
        items: 16,
        bytes: 512,
        log: 8,
        early: 4,
        ..StoreConfig::default()
    };
    let mut topics = Topics::new(&topics, Heap).expect("good settings");
    topics.subscribe(b"t").expect("there is room");
    Member {
        membership,
        topics,
        requests: Requests::new(&requests, Heap).expect("good settings"),
        sharing: Sharing::new(&SharingConfig::new(&store, MTU), Heap).expect("good settings"),
        store: Store::new(&store, Heap).expect("good settings"),
    }
}

impl Member {
    /// Does something with a part.
    fn with<R>(&mut self, which: u8, now: u64, f: impl FnOnce(&mut dyn Part, &View<'_>) -> R) -> R {
        let view = View { now, wall_ms: 0, membership: &self.membership };
        match which % 3 {
            0 => f(&mut self.topics, &view),
            1 => f(&mut self.requests, &view),
            _ => f(&mut self.sharing.over(&mut self.store), &view),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut members = [made(1), made(2)];
    let mut out = [0; MTU];
    let (mut rest, mut now) = (data, 1_000_000u64);
    let (mut asked, mut answered, mut calls) = (0u32, 0u32, Vec::new());
    // Whether somebody lies.
    let mut honest = true;
    while let [what, len, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len & 63)));
        rest = tail;
        now += 100 << (what >> 4);
        let at = usize::from(len >> 7);
        let (id, other) = (at as u64 + 1, 2 - at as u64);
        let which = what >> 2;
        let member = &mut members[at];
        match what & 3 {
            0 => {
                honest = false;
                let _ = member.with(which, now, |part, view| part.receive(other, bytes, view));
            }
            1 => match which % 3 {
                0 => drop(member.topics.publish(b"t", bytes)),
                1 => {
                    let until = now + 1_000_000;
                    asked += u32::from(member.requests.ask(other, b"m", bytes, until, now).is_ok());
                }
                _ => {
                    let key = member.store.open(Store::ROOT, b"k", Kind::AddWinsSet);
                    if let Ok(key) = key {
                        let _ = member.store.add(key, bytes);
                        member.store.close(key).expect("it is open");
                    }
                }
            },
            _ => {}
        }
        while let Some(publication) = member.topics.next_publication() {
            assert_eq!(publication.topic, b"t");
        }
        let mut new = Vec::new();
        while let Some(event) = member.requests.next_event() {
            match event {
                RequestEvent::Asked { call, .. } => new.push(call),
                RequestEvent::Answered { .. } | RequestEvent::Failed { .. } => answered += 1,
                RequestEvent::Cancelled { .. } => {}
            }
        }
        for call in new {
            assert!(!calls.contains(&(at, call)), "each comes once");
            calls.push((at, call));
            let _ = member.requests.answer(call, b"a");
        }
        // What it says reaches the other one, or is damaged.
        for which in 0..3 {
            for _ in 0..64 {
                let next = members[at].with(which, now, |part, view| part.next(view, &mut out));
                let Some((to, len)) = next.expect("there is room") else { break };
                assert!(to != id || !honest);
                assert!(len <= MTU);
                let receive = |member: &mut Member, bytes: &[u8]| {
                    member.with(which, now, |part, view| part.receive(id, bytes, view))
                };
                if let ([place, flip, ..], 3) = (bytes, what & 3) {
                    honest &= *flip == 0;
                    out[usize::from(*place) % len] ^= flip;
                    let _ = receive(&mut members[1 - at], &out[..len]);
                } else {
                    let taken = receive(&mut members[1 - at], &out[..len]);
                    let sound =
                        taken.is_ok_and(|()| true) || !taken.is_err_and(is_violation) || !honest;
                    assert!(sound, "what is said is sound");
                }
            }
        }
    }
    assert!(answered <= asked && (!honest || calls.len() <= asked as usize));
});
