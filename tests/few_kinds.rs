//! Stores of a build that has few kinds of keys (the feature `few-kinds`, without std), beside those that have all:
//! what the latter tell of the other kinds, as bytes, is refused there, and changes nothing.

use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;
use neural_swarm::{Error, Result};

const FEW: [Kind; 5] =
    [Kind::RemoveWinsSet, Kind::DisableWinsFlag, Kind::HyperLogLog, Kind::CountMin, Kind::List];
const FEW_KINDS: bool = cfg!(all(feature = "few-kinds", not(feature = "std")));

/// What replica 7 tells of one change: "a" in the remove-wins set "s".
const SET: &[u8] = &[
    0x01, 0x01, 0x00, 0x02, 0x01, 0x03, 0x01, 0x73, 0x01, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x04, 0x00, 0x01, 0x01, 0x61,
];
/// And of another: 5 counted in "n".
const COUNTER: &[u8] = &[
    0x01, 0x01, 0x00, 0x02, 0x01, 0x0b, 0x01, 0x6e, 0x01, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x0e, 0x00, 0x01, 0x04, 0x00, 0x01, 0x0a, 0x01,
];

fn store(replica: u64) -> Store<'static> {
    let config = StoreConfig { replica: ReplicaId(replica), items: 16, ..StoreConfig::default() };
    Store::new(&config, Heap).unwrap()
}

/// All that it has, for who has nothing.
fn told(store: &mut Store<'_>) -> Vec<u8> {
    let (mut context, mut frame) = (vec![0; 512], vec![0; 512]);
    let len = self::store(9).context(&mut context).unwrap();
    let told = store.delta(&context[..len], 0, &mut frame).unwrap();
    frame.truncate(told.len);
    frame
}

#[test]
fn a_kind_is_there_or_it_cannot_be_opened() {
    let mut store = store(1);
    for kind in Kind::ALL {
        let missing = FEW_KINDS && FEW.contains(&kind);
        assert_eq!(kind.is_there(), !missing, "{kind:?}");
        let want = if missing { Some(Error::Unsupported) } else { None };
        assert_eq!(store.open(Store::ROOT, b"key", kind).err(), want, "{kind:?}");
    }
}

#[test]
fn a_counter_tells_the_same_everywhere() -> Result<()> {
    let mut counting = store(7);
    let counter = counting.open(Store::ROOT, b"n", Kind::Counter)?;
    counting.increment(counter, 5)?;
    assert_eq!(told(&mut counting), COUNTER);
    let mut other = store(1);
    other.merge(COUNTER, 0)?;
    let counter = other.open(Store::ROOT, b"n", Kind::Counter)?;
    assert_eq!(other.total(counter), Ok(5));
    Ok(())
}

#[test]
fn what_is_told_of_other_kinds_is_refused_and_changes_nothing() -> Result<()> {
    let mut other = store(1);
    if FEW_KINDS {
        assert_eq!(other.merge(SET, 0).err(), Some(Error::Unsupported));
        assert_eq!((other.usage().keys, other.usage().items), (0, 0));
        // As if nothing had been there.
        other.merge(COUNTER, 0)?;
        return Ok(());
    }
    let mut telling = store(7);
    let set = telling.open(Store::ROOT, b"s", Kind::RemoveWinsSet)?;
    telling.add(set, b"a")?;
    assert_eq!(told(&mut telling), SET);
    other.merge(SET, 0)?;
    assert_eq!(other.usage().items, 1);
    Ok(())
}
