//! Any bytes as frames of a small store, and changes of its own in between: nothing
//! panics, what is refused changes nothing, a frame that comes again changes nothing,
//! and what the store tells others they can take in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig, StoreUsage};
use neural_swarm::port::Heap;

const NOW_MS: u64 = 1_700_000_000_000;

fn store(replica: u64, items: usize) -> Store<'static> {
    let config = StoreConfig {
        replica: ReplicaId(replica),
        replicas: 4,
        // A map, a key of each kind in it, and names.
        keys: Kind::ALL.len(),
        items,
        bytes: 20 * items + 28 * Kind::ALL.len() + 100,
        log: 24,
        early: 8,
        sketch_precision: 4,
        sketch_width: 4,
        sketch_depth: 2,
        ..StoreConfig::default()
    };
    Store::new(&config, Heap).expect("good settings")
}

fn all(kind: u8, store: &mut Store<'_>) -> Vec<u8> {
    let mut frame = vec![0; 1 << 16];
    let len = if kind == 0 { store.context(&mut frame) } else { store.state(&mut frame) };
    frame.truncate(len.expect("room"));
    frame
}

fn keys(store: &mut Store<'_>) -> Vec<(Key, Kind)> {
    let map = store.open(Store::ROOT, b"map", Kind::Map).expect("room");
    let mut open = |kind: Kind| store.open(map, b"a key of some length", kind).expect("room");
    Kind::ALL[1..].iter().map(|kind| (open(*kind), *kind)).collect()
}

fn change(store: &mut Store<'_>, (key, kind): (Key, Kind), value: u8) {
    let bytes = vec![value; usize::from(value % 12)];
    let on = value & 16 != 0;
    let count = store.count(key).unwrap_or(0);
    let index = usize::from(value) % (count + 1);
    // Without room nothing happens, and the next one may have some.
    let _ = match kind {
        _ if value > 250 => store.clear(key),
        Kind::AddWinsSet | Kind::RemoveWinsSet if on => store.add(key, &bytes),
        Kind::AddWinsSet | Kind::RemoveWinsSet => store.remove(key, &bytes).map(|_| ()),
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => store.set_flag(key, on),
        Kind::LastWriter | Kind::MultiValue => store.assign_bytes(key, &bytes, NOW_MS),
        Kind::List if on => store.insert(key, index, &bytes),
        Kind::List => store.remove_at(key, index, (count - index).min(2)),
        Kind::Max | Kind::Min => store.offer(key, i64::from(value) - 100).map(|_| ()),
        Kind::Counter if on => store.decrement(key, value.into()),
        Kind::Counter | Kind::GrowCounter => store.increment(key, value.into()),
        Kind::HyperLogLog | Kind::CountMin => store.observe(key, &bytes, value.into()),
        _ => unreachable!("a kind without a change"),
    };
}

fuzz_target!(|input: &[u8]| {
    let (mut us, mut peer) = (store(1, 12), store(2, 12));
    let (ours, theirs) = (keys(&mut us), keys(&mut peer));
    // Whether somebody said what was not so: two things by one change, for one.
    let mut forged = false;
    let mut rest = input;
    while let [what, value, more @ ..] = rest {
        rest = more;
        match what % 5 {
            0 if value % 8 == 0 => {
                // Two at once, which others get together.
                us.begin_transaction(0, 0).expect("none is open");
                change(&mut us, ours[usize::from(what / 5) % ours.len()], *value);
                change(&mut us, ours[usize::from(*value) % ours.len()], what / 5);
                us.commit().expect("one is open");
            }
            0 => change(&mut us, ours[usize::from(*value) % ours.len()], *value),
            1 => change(&mut peer, theirs[usize::from(what / 5) % theirs.len()], *value),
            2 => {
                let mut frame = vec![0; 200 + usize::from(*value) * 4];
                let Ok(len) = us.digest(&mut frame) else { continue };
                frame.truncate(len);
                for turn in 0..20 {
                    if frame.is_empty() {
                        break;
                    }
                    let mut answer = vec![0; 200 + usize::from(*value) * 4];
                    let at = if turn % 2 == 0 { &mut peer } else { &mut us };
                    let Ok(done) = at.reconcile(&frame, NOW_MS, &mut answer) else { break };
                    answer.truncate(done.len);
                    frame = answer;
                }
            }
            3 => {
                let mut frame = vec![0; 4096];
                let context = all(0, &mut us);
                match peer.delta(&context, 0, &mut frame) {
                    Ok(told) => frame.truncate(told.len),
                    Err(_) => frame = all(1, &mut peer),
                }
                // Damaged somewhere, or whole.
                let at = usize::from(what / 5) * 3;
                if *value != 0
                    && let Some(byte) = frame.get_mut(at)
                {
                    *byte ^= value;
                    forged = true;
                }
                merge(&mut us, &frame);
            }
            _ => {
                let len = usize::from(*value).min(rest.len());
                let (frame, more) = rest.split_at(len);
                rest = more;
                forged = true;
                merge(&mut us, frame);
                let mut told = vec![0; 4096];
                let _ = us.reconcile(frame, NOW_MS, &mut told);
                let _ = us.delta(frame, 0, &mut told);
            }
        }
    }
    let state = all(1, &mut us);
    let mut fresh = store(9, 40);
    if fresh.merge(&state, u64::MAX).is_ok() && !forged {
        assert_eq!(fresh.usage().items, us.usage().items);
    }
});

fn merge(us: &mut Store<'_>, frame: &[u8]) {
    let (usage, state) = (us.usage(), all(1, us));
    if us.merge(frame, NOW_MS).is_err() {
        // But for the mark that something is missing.
        let after = StoreUsage { behind: usage.behind, ..us.usage() };
        assert_eq!((after, all(1, us)), (usage, state), "nothing changes");
        return;
    }
    let (usage, state) = (us.usage(), all(1, us));
    let again = us.merge(frame, NOW_MS).expect("a frame that was taken in");
    assert_eq!((again.added, again.removed), (0, 0));
    assert_eq!((us.usage(), all(1, us)), (usage, state), "once is as good as twice");
}
