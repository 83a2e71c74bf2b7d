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
    let mut wants = false;
    member
        .on_entry(move |entry| {
            let mut state = entries.lock().unwrap();
            state.0 += u64::from(entry.data[0]);
            state.1 += 1;
        })
        .unwrap();
    member
        .on_snapshot(
            move |bytes| {
                // It does not want to each second time.
                wants = !wants;
                bytes.extend_from_slice(&saves.lock().unwrap().0.to_le_bytes());
                wants
            },
            move |bytes| loads.lock().unwrap().0 = u64::from_le_bytes(bytes.try_into().unwrap()),
        )
        .unwrap();
    (member, state)
}

#[test]
fn a_snapshot_takes_the_place_of_entries_here_and_at_who_was_away() {
    let folder = Folder::new();
    let settings = |number, seed: Option<&Member>| {
        let mut config = voter(number, 3, &folder);
        config.snapshot_entries = 20;
        config.segment_bytes = 512;
        config.seeds.extend(seed.map(Member::local));
        sum(config)
    };
    let pair = || {
        let (first, one) = settings(0, None);
        let (second, other) = settings(1, Some(&first));
        first.start().unwrap();
        second.start().unwrap();
        ([first, second], [one, other])
    };
    let (members, _) = pair();
    for turn in 0..100u8 {
        members[usize::from(turn % 2)].propose(&[turn], LONG).unwrap();
    }
    assert!(members[0].info().snapshot >= 80, "{:?}", members[0].info());
    drop(members);
    // Those that start again have the snapshot, and what came behind it.
    let (members, states) = pair();
    let token = members[1].lock(b"door", LONG).unwrap();
    for (member, state) in members.iter().zip(&states) {
        member.barrier(LONG).unwrap();
        let (sum, entries) = *state.lock().unwrap();
        assert_eq!(sum, 99 * 100 / 2);
        assert!(entries < 100, "{entries}");
    }
    for _ in 0..50 {
        members[1].propose(&[1], LONG).unwrap();
    }
    // One that was never there: nobody has the first entries any more.
    let (late, state) = settings(2, Some(&members[0]));
    late.start().unwrap();
    late.barrier(LONG).unwrap();
    let (sum, entries) = *state.lock().unwrap();
    assert_eq!(sum, 99 * 100 / 2 + 50);
    assert!(entries < 100, "{entries}");
    assert_eq!(late.holder(b"door"), Ok(Some((members[1].id(), token))));
    late.propose(&[1], LONG).unwrap();
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
