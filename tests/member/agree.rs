//! The group: its log, reads, locks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use neural_swarm::Error;
use neural_swarm::host::{Member, MemberConfig, MemberEvent};

use crate::swarm::*;

type Applied = Arc<Mutex<Vec<(u64, Vec<u8>)>>>;

/// Voters with what each has applied; not started.
pub fn group(configs: Vec<MemberConfig>) -> (Vec<Member>, Vec<Applied>) {
    let mut members: Vec<Member> = Vec::new();
    let mut applied = Vec::new();
    for mut config in configs {
        config.seeds.extend(members.first().map(Member::local));
        let member = Member::new(config).unwrap();
        let list = Applied::default();
        let own = list.clone();
        member
            .on_entry(move |entry| own.lock().unwrap().push((entry.index, entry.data.to_vec())))
            .unwrap();
        members.push(member);
        applied.push(list);
    }
    (members, applied)
}

#[test]
fn each_proposes_and_all_apply_the_same() {
    let folder = Folder::new();
    let (all, applied) = group((0..3).map(|number| voter(number, 3, &folder)).collect());
    start(&all);
    std::thread::scope(|scope| {
        for (number, member) in all.iter().enumerate() {
            scope.spawn(move || {
                let mut last = 0;
                for turn in 0..20u8 {
                    let index = member.propose(&[number as u8, turn], LONG).unwrap();
                    assert!(index > last, "{index} after {last}");
                    last = index;
                }
            });
        }
    });
    for (member, applied) in all.iter().zip(&applied) {
        member.barrier(LONG).unwrap();
        // All of it, each once, in the order of who proposed it.
        let applied = applied.lock().unwrap();
        assert_eq!(applied.len(), 60);
        for number in 0..3u8 {
            let turns = applied.iter().filter(|(_, data)| data[0] == number).map(|one| one.1[1]);
            assert!(turns.eq(0..20));
        }
    }
    let first = applied[0].lock().unwrap().clone();
    assert!(applied.iter().all(|other| *other.lock().unwrap() == first));
    let leader = all[0].leader().unwrap();
    assert!(all.iter().any(|member| member.id() == leader));
    assert_eq!(all[0].propose(&[0; 513], LONG), Err(Error::Length));
    all[0].propose(&[0; 512], LONG).unwrap();
    let info = all[1].info();
    assert!(info.votes && info.term > 0 && info.applied >= 60 && info.group.is_none());
    let text = all[1].metrics().unwrap();
    assert!(text.contains("nsw_group_known_leader 1\n"), "{text}");
}

#[test]
fn nothing_is_agreed_on_without_a_majority() {
    let folder = Folder::new();
    let member = Member::new(voter(0, 3, &folder)).unwrap();
    member.start().unwrap();
    // It is known not to have happened.
    assert_eq!(member.propose(b"x", SHORT), Err(Error::RaftNoLeader));
    assert_eq!(member.barrier(SHORT), Err(Error::RaftNoLeader));
    assert_eq!(member.lock(b"x", SHORT), Err(Error::HostTimeout));
    assert_eq!(member.info().commit, 1, "the members it begins with");
}

#[test]
fn what_was_sent_in_vain_may_come_about_later() {
    let folder = Folder::new();
    let (mut all, applied) = group((0..3).map(|number| voter(number, 3, &folder)).collect());
    start(&all);
    all[0].propose(b"first", LONG).unwrap();
    // The leader alone is left, and does not know yet.
    let leader = all.iter().position(|member| Some(member.id()) == all[0].leader()).unwrap();
    let member = all.swap_remove(leader);
    let own = applied[leader].clone();
    // They do not say that they leave.
    for other in &all {
        other.stop();
        other.join().unwrap();
    }
    // It is not known: it may be in its log still.
    let proposed = member.propose(b"late", Duration::from_millis(100));
    assert!(matches!(proposed, Err(Error::HostTimeout | Error::RaftNoLeader)), "{proposed:?}");
    assert_eq!(own.lock().unwrap().len(), 1);
}

#[test]
fn a_lock_goes_to_the_next_when_its_holder_stops() {
    let folder = Folder::new();
    let (all, _) = group((0..3).map(|number| voter(number, 3, &folder)).collect());
    start(&all);
    let token = all[0].lock(b"door", LONG).unwrap();
    assert_eq!(all[0].holder(b"door"), Ok(Some((all[0].id(), token))));
    assert_eq!(all[1].lock(b"door", SHORT), Err(Error::HostTimeout));
    // Another thread of the same member.
    assert_eq!(all[0].lock(b"door", SHORT), Err(Error::HostTimeout));
    let other = all[0].lock(b"window", LONG).unwrap();
    assert!(other > token);
    assert_eq!(all[0].unlock(b"door", token + 1, LONG), Err(Error::NodeRequest));
    all[0].unlock(b"door", token, LONG).unwrap();
    assert_eq!(all[0].unlock(b"door", token, LONG), Err(Error::NodeRequest));
    let next = all[1].lock(b"door", LONG).unwrap();
    assert!(next > token);
    assert_eq!(all[0].lock(&[b'x'; 33], LONG), Err(Error::Length));

    let began = std::time::Instant::now();
    let last = std::thread::scope(|scope| {
        let waits = scope.spawn(|| all[2].lock(b"door", LONG));
        all[1].stop();
        waits.join().unwrap().unwrap()
    });
    assert!(last > next);
    println!("handed over after {} ms", began.elapsed().as_millis());
    all[1].join().unwrap();
    // The others go on.
    all[2].propose(b"x", LONG).unwrap();
    all[0].barrier(LONG).unwrap();
}

#[test]
fn who_is_not_heard_of_loses_its_locks() {
    let folder = Folder::new();
    let configs = (0..3).map(|number| {
        let mut config = voter(number, 3, &folder);
        config.lease_us = 1_000_000;
        config
    });
    let (all, _) = group(configs.collect());
    let (to, lost) = std::sync::mpsc::channel();
    all[0]
        .on_event(move |event| {
            if let MemberEvent::LockLost(token) = event {
                let _ = to.send(*token);
            }
        })
        .unwrap();
    // It stands still, as long as it is told to.
    let (go, gone) = std::sync::mpsc::channel::<()>();
    all[0]
        .serve(b"freeze", move |_, _| {
            let _ = gone.recv();
            neural_swarm::host::Reply::Answer
        })
        .unwrap();
    start(&all);
    let token = all[0].lock(b"door", LONG).unwrap();
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| all[1].ask(all[0].id(), b"freeze", b"", LONG));
        let next = all[2].lock(b"door", LONG).unwrap();
        assert!(next > token);
        go.send(()).unwrap();
        assert_eq!(lost.recv_timeout(LONG), Ok(token));
        // It is done, though the others may have given it up meanwhile.
        let _ = asks.join().unwrap();
    });
    assert_eq!(all[0].unlock(b"door", token, LONG), Err(Error::NodeRequest));
}

#[test]
fn a_lock_without_room_for_its_session_says_so() {
    let folder = Folder::new();
    let configs = (0..3).map(|number| {
        let mut config = voter(number, 3, &folder);
        config.locks.sessions = 1;
        config
    });
    let (all, _) = group(configs.collect());
    start(&all);
    let token = all[0].lock(b"door", LONG).unwrap();
    assert_eq!(all[1].lock(b"window", LONG), Err(Error::Capacity));
    assert_eq!(all[2].lock(b"door", LONG), Err(Error::Capacity));
    all[0].unlock(b"door", token, LONG).unwrap();
}
