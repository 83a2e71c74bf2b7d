//! What is in the folder comes back.

use std::sync::{Arc, Mutex};

use neural_swarm::host::{Carrier, Identity, Member, MemberConfig, parse_address};

use crate::swarm::*;

#[test]
fn a_member_comes_back_with_what_it_had() {
    let folder = Folder::new();
    for life in 1..=3u8 {
        let member = Member::new(voter(0, 1, &folder)).unwrap();
        let applied = Arc::new(Mutex::new(Vec::new()));
        let own = applied.clone();
        member.on_entry(move |entry| own.lock().unwrap().push(entry.data.to_vec())).unwrap();
        member.start().unwrap();
        member.barrier(LONG).unwrap();
        let expected: Vec<Vec<u8>> = (1..life).map(|life| vec![life]).collect();
        assert_eq!(*applied.lock().unwrap(), expected);
        assert_eq!(member.total(b"lives"), Ok(i64::from(life) - 1));
        member.add(b"lives", 1).unwrap();
        member.propose(&[life], LONG).unwrap();
        // It gave it back when it stopped.
        member.lock(b"door", LONG).unwrap();
        if life == 2 {
            member.stop();
            member.join().unwrap();
        }
    }
}

/// A sum of all entries, with its snapshots.
fn sum(config: MemberConfig) -> (Member, Arc<Mutex<(u64, u64)>>) {
    let member = Member::new(config).unwrap();
    // The sum, and how many entries were applied one by one.
    let state = Arc::new(Mutex::new((0, 0)));
    let (entries, saves, loads) = (state.clone(), state.clone(), state.clone());
    member
        .on_entry(move |entry| {
            let mut state = entries.lock().unwrap();
            state.0 += u64::from(entry.data[0]);
            state.1 += 1;
        })
        .unwrap();
    member
        .on_snapshot(
            move |bytes| bytes.extend_from_slice(&saves.lock().unwrap().0.to_le_bytes()),
            move |bytes| loads.lock().unwrap().0 = u64::from_le_bytes(bytes.try_into().unwrap()),
        )
        .unwrap();
    (member, state)
}

#[test]
fn a_snapshot_takes_the_place_of_entries_here_and_at_who_was_away() {
    let folder = Folder::new();
    let settings = |number| {
        let mut config = voter(number, 3, &folder);
        config.snapshot_entries = 20;
        config
    };
    let mut all = Vec::new();
    for number in 0..2 {
        let mut config = settings(number);
        config.seeds.extend(all.first().map(|(member, _): &(Member, _)| member.local()));
        all.push(sum(config));
    }
    all.iter().for_each(|(member, _)| member.start().unwrap());
    let token = all[1].0.lock(b"door", LONG).unwrap();
    for turn in 0..100u8 {
        all[usize::from(turn % 2)].0.propose(&[turn], LONG).unwrap();
    }
    assert!(all[0].0.info().snapshot >= 80, "{:?}", all[0].0.info());
    // One that was never there.
    let mut late = settings(2);
    late.seeds.push(all[0].0.local());
    let (late, state) = sum(late);
    late.start().unwrap();
    late.barrier(LONG).unwrap();
    assert_eq!(state.lock().unwrap().0, 99 * 100 / 2);
    assert!(state.lock().unwrap().1 < 100);
    assert_eq!(late.holder(b"door"), Ok(Some((all[1].0.id(), token))));
    // And one that starts again.
    let before = all[0].0.local();
    drop(all.remove(0));
    let mut again = settings(0);
    again.carrier = Carrier::Udp(before);
    again.seeds.push(late.local());
    let (again, state) = sum(again);
    again.start().unwrap();
    again.barrier(LONG).unwrap();
    assert_eq!(state.lock().unwrap().0, 99 * 100 / 2);
    assert!(state.lock().unwrap().1 < 100);
    again.propose(&[1], LONG).unwrap();
}

#[test]
fn a_key_file_is_made_once() {
    let folder = Folder::new();
    let path = folder.path().join("member.key");
    let new = || {
        let carrier = Carrier::Udp(parse_address("127.0.0.1:0").unwrap());
        let config = MemberConfig::new(b"x", Identity::File(path.clone()), carrier);
        *Member::new(config).unwrap().identity()
    };
    let first = new();
    assert_eq!(new(), first);
}
