//! Start, stop, and what calls say then.

use neural_swarm::Error;
use neural_swarm::host::{Member, Reply};

use crate::swarm::*;

#[test]
fn calls_after_the_stop_say_so() {
    let folder = Folder::new();
    let member = Member::new(voter(0, 1, &folder)).unwrap();
    // What does not wait may be called before the start.
    member.put(b"a", b"b").unwrap();
    assert_eq!(member.wait_for_members(2, SHORT), Err(Error::HostTimeout));
    member.join().unwrap();
    member.start().unwrap();
    assert_eq!(member.start(), Err(Error::CommState));
    assert_eq!(member.on_entry(|_| ()), Err(Error::CommState));
    assert_eq!(member.on_snapshot(|_| true, |_| ()), Err(Error::CommState));
    member.propose(b"x", LONG).unwrap();
    let token = member.lock(b"l", LONG).unwrap();
    member.stop();
    member.stop();
    member.join().unwrap();
    member.join().unwrap();
    let left = Some(Error::NodeLeft);
    assert_eq!(member.start().err(), left);
    assert_eq!(member.ask(1, b"x", b"", LONG).err(), left);
    assert_eq!(member.propose(b"x", LONG).err(), left);
    assert_eq!(member.barrier(LONG).err(), left);
    assert_eq!(member.lock(b"x", LONG).err(), left);
    assert_eq!(member.unlock(b"l", token, LONG).err(), left);
    assert_eq!(member.put(b"a", b"c").err(), left);
    assert_eq!(member.remove(b"a").err(), left);
    assert_eq!(member.add(b"a", 1).err(), left);
    assert_eq!(member.publish(b"a", b"").err(), left);
    assert_eq!(member.subscribe(b"a", |_| ()).err(), left);
    assert_eq!(member.serve(b"a", |_, _| Reply::Answer).err(), left);
    assert_eq!(member.on_event(|_| ()).err(), left);
    assert_eq!(member.wait_for_members(1, LONG).err(), left);
    // What it knew can be read still.
    assert_eq!(member.get(b"a").unwrap().unwrap(), b"b");
    assert!(!member.info().running && member.metrics().is_ok());
}

#[test]
fn whoever_waits_is_woken_when_the_member_stops() {
    let folder = Folder::new();
    let configs = vec![voter(0, 3, &folder), config(1)];
    let all = members(configs);
    all[1].serve(b"silent", |_, _| Reply::Later).unwrap();
    let (a, b) = (&all[0], &all[1]);
    std::thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| a.ask(b.id(), b"silent", b"", LONG).err()),
            // There is no majority.
            scope.spawn(|| a.propose(b"x", LONG).err()),
            scope.spawn(|| a.barrier(LONG).err()),
            scope.spawn(|| a.lock(b"x", LONG).err()),
            scope.spawn(|| a.wait_for_members(99, LONG).err()),
        ];
        // They may wait already or not: it is the same.
        a.stop();
        for waits in waiting {
            assert_eq!(waits.join().unwrap(), Some(Error::NodeLeft));
        }
    });
    a.join().unwrap();
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = Folder::new();
    let refused = |change: &dyn Fn(&mut neural_swarm::host::MemberConfig)| {
        let mut config = voter(0, 1, &folder);
        change(&mut config);
        Member::new(config).err()
    };
    assert_eq!(refused(&|config| config.folder = None), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.lease_us = 1), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.max_entry = 0), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.max_entry = 1200), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.snapshot_entries = 0), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.voters = (0..8).map(key).collect()), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.mtu = 100), Some(Error::Invalid));
    assert_eq!(refused(&|config| config.meta = vec![0; 65]), Some(Error::Invalid));
    let member = Member::new(voter(0, 1, &folder)).unwrap();
    // One at a time has a folder.
    assert_eq!(Member::new(voter(0, 1, &folder)).err(), Some(Error::Busy));
    drop(member);
    assert_eq!(refused(&|_| ()), None);
}

/// The usual way to call a member in its own functions.
#[test]
fn functions_that_hold_the_member_do_not_hold_its_files() {
    let folder = Folder::new();
    let member = std::sync::Arc::new(Member::new(voter(0, 1, &folder)).unwrap());
    let own = member.clone();
    member.on_event(move |_| assert!(own.info().votes)).unwrap();
    let own = member.clone();
    member
        .serve(b"x", move |_, _| if own.info().running { Reply::Answer } else { Reply::Refuse })
        .unwrap();
    member.start().unwrap();
    member.propose(b"x", LONG).unwrap();
    member.stop();
    member.join().unwrap();
    drop(member);
    let again = Member::new(voter(0, 1, &folder)).unwrap();
    again.start().unwrap();
    again.propose(b"y", LONG).unwrap();
}
