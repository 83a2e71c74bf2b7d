//! The caller's functions, and what they may call.

use std::sync::{Arc, OnceLock, Weak, mpsc};

use neural_swarm::Error;
use neural_swarm::host::{Member, MemberEvent, Reply};
use neural_swarm::node::CallId;

use crate::swarm::*;

/// Members that their own functions can call.
fn shared(count: u8, folder: &Folder) -> Vec<Arc<Member>> {
    let mut all: Vec<Arc<Member>> = Vec::new();
    for number in 0..count {
        let mut config = voter(number, count, folder);
        config.seeds.extend(all.first().map(|member| member.local()));
        all.push(Arc::new(Member::new(config).unwrap()));
    }
    all
}

#[test]
fn they_may_call_what_does_not_wait() {
    let folder = Folder::new();
    let all = shared(2, &folder);
    let own: Weak<Member> = Arc::downgrade(&all[1]);
    all[1]
        .serve(b"try", move |call, answer| {
            let own = own.upgrade().unwrap();
            let busy = [
                own.ask(call.from, b"try", b"", LONG).err(),
                own.propose(b"x", LONG).err(),
                own.barrier(LONG).err(),
                own.lock(b"x", LONG).err(),
                own.unlock(b"x", 1, LONG).err(),
                own.wait_for_members(1, LONG).err(),
                own.wait_for_total(b"x", 0, LONG).err(),
                own.join().err(),
            ];
            assert_eq!(busy, [Some(Error::Busy); 8]);
            own.put(b"seen", call.message).unwrap();
            own.add(b"count", 1).unwrap();
            own.publish(b"news", b"x").unwrap();
            own.serve(b"new", |_, _| Reply::Answer).unwrap();
            // Itself, while it runs.
            own.unserve(b"try").unwrap();
            assert!(own.info().running && own.metrics().is_ok() && own.members().len() == 2);
            answer.extend_from_slice(&own.get(b"seen").unwrap().unwrap());
            Reply::Answer
        })
        .unwrap();
    for member in &all {
        member.start().unwrap();
    }
    for member in &all {
        member.wait_for_members(2, LONG).unwrap();
    }
    assert_eq!(all[0].ask(all[1].id(), b"try", b"it", LONG).unwrap(), b"it");
    assert_eq!(all[0].ask(all[1].id(), b"try", b"it", LONG), Err(Error::Unsupported));
    assert_eq!(all[0].ask(all[1].id(), b"new", b"", LONG).unwrap(), b"");
    assert_eq!(all[0].wait_for_total(b"count", 1, LONG), Ok(1));
}

#[test]
fn answers_come_later_from_other_threads() {
    let folder = Folder::new();
    let all = shared(2, &folder);
    let (to, calls) = mpsc::channel::<(CallId, Vec<u8>)>();
    all[1]
        .serve(b"slow", move |call, _| {
            to.send((call.call, call.message.to_vec())).unwrap();
            Reply::Later
        })
        .unwrap();
    for member in &all {
        member.start().unwrap();
    }
    all[0].wait_for_members(2, LONG).unwrap();
    let worker = all[1].clone();
    let works = std::thread::spawn(move || {
        // It agrees on it first, which a function on the member's thread could not wait for.
        for (call, message) in calls {
            let agreed = worker.propose(&message, LONG);
            let answer = agreed.map(|index| index.to_le_bytes());
            let refuses = message == b"no";
            let answer = answer.as_ref().ok().filter(|_| !refuses).map(|bytes| &bytes[..]);
            worker.answer(call, answer).unwrap();
            assert_eq!(worker.answer(call, answer), Err(Error::NodeRequest));
        }
    });
    let first = all[0].ask(all[1].id(), b"slow", b"a", LONG).unwrap();
    let second = all[0].ask(all[1].id(), b"slow", b"b", LONG).unwrap();
    assert!(
        u64::from_le_bytes(second.try_into().unwrap())
            > u64::from_le_bytes(first.try_into().unwrap())
    );
    assert_eq!(all[0].ask(all[1].id(), b"slow", b"no", LONG), Err(Error::Unsupported));
    // The channel ends with the function.
    all[1].unserve(b"slow").unwrap();
    works.join().unwrap();
}

#[test]
fn events_are_told() {
    let all = members((0..2).map(config).collect());
    let (to, events) = mpsc::channel();
    all[0]
        .on_event(move |event| {
            let _ = to.send(*event);
        })
        .unwrap();
    let until = |wanted: MemberEvent| {
        while events.recv_timeout(LONG).unwrap() != wanted {}
    };
    let mut late = config(2);
    late.seeds.push(all[0].local());
    let late = Member::new(late).unwrap();
    late.start().unwrap();
    until(MemberEvent::Joined(late.id()));
    all[1].put(b"a", b"b").unwrap();
    until(MemberEvent::StoreChanged);
    let id = late.id();
    drop(late);
    until(MemberEvent::Left(id));
}

#[test]
fn a_member_may_be_dropped_in_its_own_function() {
    let all = members((0..2).map(config).collect());
    let mut all = all.into_iter();
    let (first, second) = (all.next().unwrap(), all.next().unwrap());
    let id = first.id();
    let slot = Arc::new(OnceLock::new());
    let mut own = Some(slot.clone());
    let (to, dropped) = mpsc::channel();
    first
        .serve(b"go", move |_, _| {
            drop(own.take());
            to.send(()).unwrap();
            Reply::Answer
        })
        .unwrap();
    assert!(slot.set(first).is_ok());
    drop(slot);
    // It stops, and its answer may not come any more.
    let _ = second.ask(id, b"go", b"", LONG);
    dropped.recv_timeout(LONG).unwrap();
    second.wait_for_members(1, LONG).unwrap();
}

#[test]
fn a_function_that_panics_ends_the_member_and_nobody_waits_for_it() {
    let all = members((0..2).map(config).collect());
    all[1].serve(b"panic", |_, _| panic!("on purpose")).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| all[1].wait_for_members(99, LONG));
        assert!(all[0].ask(all[1].id(), b"panic", b"", SHORT).is_err());
        assert_eq!(waits.join().unwrap(), Err(Error::NodeLeft));
    });
    all[1].join().unwrap();
    assert_eq!(all[1].put(b"a", b"b"), Err(Error::NodeLeft));
}
