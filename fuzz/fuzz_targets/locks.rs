//! Entries and snapshots of locks from anybody: two members that take the same in stay equal, and what one
//! saves the other takes in whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::consensus::locks::{LockEntry, Locks, LocksConfig, MOST_LOCK_ENTRY};
use neural_swarm::port::Heap;

fn saved(locks: &Locks<'_>) -> Vec<u8> {
    let mut bytes = vec![0; locks.saved_len()];
    assert_eq!(locks.save(&mut bytes), Ok(bytes.len()));
    bytes
}

fuzz_target!(|input: &[u8]| {
    let config = LocksConfig { sessions: 4, claims: 6, name: 8 };
    let mut locks: [_; 2] = core::array::from_fn(|_| Locks::new(&config, Heap).expect("good"));
    let mut rest = input;
    let mut now = 0u64;
    while let [what, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        now += u64::from(*what) * 1_000;
        if what % 16 == 0 {
            // Either what was read, or what was there before.
            let before = saved(&locks[0]);
            let taken = locks[0].load(bytes, now);
            let again = if taken.is_ok() { bytes } else { &before };
            assert_eq!(saved(&locks[0]), again);
            locks[1].load(again, now).expect("the same");
        } else {
            let index = locks[0].applied().saturating_add(1);
            let did = locks[0].apply(index, bytes, now);
            assert_eq!(did, locks[1].apply(index, bytes, now / 2));
            if let Ok(entry) = LockEntry::decode(bytes) {
                let mut again = [0; MOST_LOCK_ENTRY];
                let len = entry.encode(&mut again).expect("it was decoded");
                assert_eq!(&again[..len], bytes);
            }
            if let Some(end) = locks[0].expired(now) {
                assert!(locks[0].sessions().any(|known| known.session == end.session));
            }
        }
        assert_eq!(saved(&locks[0]), saved(&locks[1]));
        // Who stands first holds it, and nobody else.
        for claim in locks[0].claims().filter(|claim| claim.parties == 0) {
            let holder = locks[0].holder(claim.name).expect("somebody has claimed it");
            assert_eq!(holder == claim, claim.token > 0);
        }
    }
});
