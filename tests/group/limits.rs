//! Epochs and counters that end, changes, settings, and buffers.

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::comm::crypto::Hash;
use neural_swarm::comm::group::{Group, GroupConfig, MAX_AHEAD, MAX_MEMBERS, MAX_WINDOW};
use neural_swarm::port::Heap;

use super::nodes::{
    ID, Seeded, announce, chain_of, forge, group_of, introduce, like, open, open_at, seal,
};

#[test]
fn the_previous_epoch_is_over_after_its_time_and_its_number() {
    for (at_us, opens) in [(0, true), (999, true), (1000, false), (5000, false)] {
        let config = GroupConfig { keep_us: 1000, ..like(false) };
        let mut all = group_of(2, &config);
        let old = seal(&mut all[0], b"old");
        all[1].rekey(&mut Seeded::new(3), 100).unwrap();
        let result = open_at(&mut all[1], &old, 100 + at_us);
        assert_eq!(result.is_ok(), opens, "{at_us}");
        if !opens {
            assert_eq!(result, Err(Error::CommExpired));
        }
    }
    let mut all = group_of(2, &GroupConfig { keep_frames: 3, ..like(false) });
    let old: Vec<_> = (0..4u8).map(|n| seal(&mut all[0], &[n])).collect();
    all[1].rekey(&mut Seeded::new(3), 0).unwrap();
    assert_eq!(all[1].info().previous, Some(1));
    for frame in &old[..3] {
        assert!(open(&mut all[1], frame).is_ok());
    }
    assert_eq!(all[1].info().previous, None);
    assert_eq!(open(&mut all[1], &old[3]), Err(Error::CommExpired));
    // And when another one begins.
    let mut all = group_of(2, &like(false));
    let old = seal(&mut all[0], b"old");
    all[1].rekey(&mut Seeded::new(3), 0).unwrap();
    all[1].rekey(&mut Seeded::new(4), 0).unwrap();
    assert_eq!(open(&mut all[1], &old), Err(Error::CommExpired));
    // An epoch whose number ends alike gives way at once: frames tell no more.
    let mut all = group_of(2, &like(false));
    let old = seal(&mut all[0], b"old");
    all[1].change(257, &[], &[], &mut Seeded::new(3), 0).unwrap();
    assert_eq!((all[1].info().epoch, all[1].info().previous), (257, None));
    assert_eq!(open(&mut all[1], &old), Err(Error::CommKeys));
}

#[test]
fn counters_end_and_never_turn_over() {
    let mut all = group_of(2, &GroupConfig { frames: 3, ..like(false) });
    for _ in 0..3 {
        let frame = seal(&mut all[0], b"one of three");
        assert!(open(&mut all[1], &frame).is_ok());
    }
    let mut out = [0; 64];
    assert_eq!(all[0].seal(b"four", &mut out), Err(Error::CommCounter));
    assert_eq!(out, [0; 64]);
    // Whoever goes on nevertheless is refused.
    let told = announce(&all[0], 2);
    let fourth = forge(1, 1, 3, chain_of(&told), None, b"four");
    assert_eq!(open(&mut all[1], &fourth), Err(Error::CommCounter));
    for at in 0..2 {
        all[at].rekey(&mut Seeded::new(at as u64), 0).unwrap();
    }
    introduce(&mut all);
    let frame = seal(&mut all[0], b"a new epoch");
    assert!(open(&mut all[1], &frame).is_ok());

    // At the end of 32 bits.
    let mut all = group_of(2, &like(false));
    let mut told = announce(&all[0], 2);
    told[23..27].copy_from_slice(&(u32::MAX - 2).to_le_bytes());
    all[1].accept(1, &told).unwrap();
    let chain = chain_of(&told).to_vec();
    let first = forge(1, 1, u32::MAX - 2, &chain, None, b"last but one");
    let [next, _] = Hash::Blake2s.hkdf(&chain, b"nsw group step 1");
    let last = forge(1, 1, u32::MAX - 1, next.bytes(), None, b"last");
    let [next, _] = Hash::Blake2s.hkdf(next.bytes(), b"nsw group step 1");
    let over = forge(1, 1, u32::MAX, next.bytes(), None, b"over");
    let [next, _] = Hash::Blake2s.hkdf(next.bytes(), b"nsw group step 1");
    let round = forge(1, 1, 0, next.bytes(), None, b"round");
    assert!(open(&mut all[1], &last).is_ok());
    assert_eq!(open(&mut all[1], &over), Err(Error::CommCounter));
    assert_eq!(open(&mut all[1], &round), Err(Error::CommCounter));
    assert!(open(&mut all[1], &first).is_ok());

    // Epochs.
    let mut all = group_of(2, &GroupConfig { epoch: u32::MAX - 1, ..like(false) });
    assert_eq!(all[0].rekey(&mut Seeded::new(1), 0), Err(Error::CommCounter));
    assert_eq!(all[0].add(9, &mut Seeded::new(1), 0), Err(Error::CommCounter));
    assert_eq!(all[0].remove(2, &mut Seeded::new(1), 0), Err(Error::CommCounter));
    let frame = seal(&mut all[0], b"as before");
    assert!(open(&mut all[1], &frame).is_ok());
}

#[test]
fn changes_are_all_or_nothing() {
    let mut all = group_of(3, &GroupConfig { members: 3, ..like(false) });
    let group = &mut all[0];
    let mut entropy = Seeded::new(1);
    for (epoch, add, remove, expected) in [
        (1, &[][..], &[][..], Error::Invalid),
        (0, &[4], &[], Error::Invalid),
        (2, &[1], &[], Error::Invalid),
        (2, &[2], &[], Error::Invalid),
        (2, &[2], &[2], Error::Invalid),
        (2, &[4, 4], &[3], Error::Invalid),
        (2, &[4], &[5], Error::CommPeer),
        (2, &[], &[3, 2, 1, 0], Error::CommPeer),
        (2, &[], &[3, 3], Error::Invalid),
        (2, &[4, 5], &[], Error::Capacity),
        (2, &[4, 5, 6, 7], &[2, 3], Error::Capacity),
    ] {
        let before = group.info();
        assert_eq!(group.change(epoch, add, remove, &mut entropy, 0), Err(expected));
        assert_eq!(group.info(), before);
        assert_eq!(group.members().collect::<Vec<_>>(), [2, 3]);
    }
    entropy.1 = true;
    assert_eq!(group.remove(2, &mut entropy, 0), Err(Error::Hook));
    let config = GroupConfig::new(ID, 1);
    assert_eq!(Group::new(&config, &mut entropy, Heap).err(), Some(Error::Hook));
    let frame = seal(&mut all[0], b"still the same epoch");
    assert!(open(&mut all[1], &frame).is_ok());

    entropy.1 = false;
    all[0].change(7, &[4, 5], &[2], &mut entropy, 0).unwrap();
    assert_eq!(all[0].members().collect::<BTreeSet<_>>(), [3, 4, 5].into());
    assert_eq!(all[0].missing().collect::<BTreeSet<_>>(), [3, 4, 5].into());
    assert_eq!((all[0].info().epoch, all[0].info().members), (7, 3));
}

#[test]
fn settings_outside_their_range_and_small_buffers_are_refused() {
    let good = GroupConfig::new(ID, 1);
    for bad in [
        GroupConfig { members: 0, ..good },
        GroupConfig { members: MAX_MEMBERS + 1, ..good },
        GroupConfig { window: 0, ..good },
        GroupConfig { window: MAX_WINDOW + 1, ..good },
        GroupConfig { ahead: 0, ..good },
        GroupConfig { ahead: MAX_AHEAD + 1, ..good },
        GroupConfig { frames: 0, ..good },
        GroupConfig { keep_frames: 0, ..good },
    ] {
        assert_eq!(Group::footprint(&bad).err(), Some(Error::Invalid));
        let group = Group::new(&bad, &mut Seeded::new(1), Heap);
        assert_eq!(group.err(), Some(Error::Invalid));
    }
    for signed in [false, true] {
        let mut all = group_of(2, &like(signed));
        let mut short = vec![0; 4 + all[0].overhead()];
        assert_eq!(all[0].seal(b"12345", &mut short), Err(Error::BufferTooSmall));
        let mut announcement = vec![0; all[0].announcement_len() - 1];
        assert_eq!(all[0].announce(2, &mut announcement), Err(Error::BufferTooSmall));
        let frame = seal(&mut all[0], b"12345");
        let mut short = vec![0; Group::opened_len(frame.len()) - 1];
        let before = all[1].info();
        assert_eq!(all[1].open(&frame, 0, &mut short), Err(Error::BufferTooSmall));
        assert_eq!(all[1].info(), before);
        assert_eq!(open(&mut all[1], &frame).unwrap(), b"12345");
    }
}
