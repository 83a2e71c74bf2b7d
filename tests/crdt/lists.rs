//! Lists: who put what in between what, how long that takes to say, and what is refused.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, MAX_ELEMENT, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::model::Orders;
use crate::replica::{Random, WHOLE, list, open};
use crate::seeds;

/// A store with a list alone.
struct Writer {
    store: Store<'static>,
    list: Key,
}

impl Writer {
    fn new(replica: u64, config: &StoreConfig) -> Writer {
        let config = StoreConfig { replica: ReplicaId(replica), ..*config };
        let mut store = Store::new(&config, Heap).unwrap();
        let list = open(&mut store, &[], "list", Kind::List).unwrap();
        Writer { store, list }
    }

    fn count(&self) -> usize {
        self.store.count(self.list).unwrap()
    }

    fn insert(&mut self, index: usize, element: &str) {
        self.store.insert(self.list, index, element.as_bytes()).unwrap();
    }

    fn remove(&mut self, index: usize) {
        self.store.remove_at(self.list, index, 1).unwrap();
    }

    fn elements(&self) -> Vec<String> {
        let text = |element| String::from_utf8(element).unwrap();
        list(&self.store, self.list).into_iter().map(text).collect()
    }

    /// Tells another what that lacks.
    fn tell(&mut self, to: &mut Writer) {
        let mut peer = vec![0; to.store.context_len()];
        to.store.context(&mut peer).unwrap();
        let mut frame = vec![0; WHOLE];
        let mut from = 0;
        loop {
            let told = match self.store.delta(&peer, from, &mut frame) {
                Ok(told) => told,
                Err(error) => {
                    assert_eq!(error, Error::CrdtBehind);
                    let len = self.store.state(&mut frame).unwrap();
                    to.store.merge(&frame[..len], 0).unwrap();
                    return;
                }
            };
            if told.len > 0 {
                to.store.merge(&frame[..told.len], 0).unwrap();
            }
            let Some(next) = told.next else { return };
            from = next;
        }
    }
}

/// Each writer gets what the others have.
fn exchange(writers: &mut [Writer]) {
    for from in 0..writers.len() {
        for to in 0..writers.len() {
            if from != to {
                let [a, b] = writers.get_disjoint_mut([from, to]).unwrap();
                a.tell(b);
            }
        }
    }
}

fn large(items: usize) -> StoreConfig {
    StoreConfig { items, bytes: items * 100, log: 2000, ..StoreConfig::default() }
}

/// Several type a run each in the same place at the same time, forwards or backwards,
/// over and over, at places that lie in, beside and beneath those of before. Each run
/// stays together, and in between its neighbours.
#[test]
fn runs_typed_at_the_same_time_do_not_mix() {
    for seed in seeds(5000, 200) {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let count = 2 + seed as usize % 3;
        let mut writers: Vec<Writer> =
            (0..count).map(|n| Writer::new(50 - n as u64, &large(4000))).collect();
        let mut orders = Orders::default();
        for round in 0..30 {
            // Where all have the same neighbours.
            let there = writers[0].count();
            let gap = match random.below(5) {
                0 => there,
                1 => 0,
                _ => random.below(there + 1),
            };
            for (at, writer) in writers.iter_mut().enumerate() {
                if random.chance(25) {
                    continue;
                }
                // Forwards, backwards, or now at this end of the run and now at that.
                let (len, ends) = (1 + random.below(5), [100, 0, 50][random.below(3)]);
                for n in 0..len {
                    let behind = if random.chance(ends) { n } else { 0 };
                    writer.insert(gap + behind, &format!("{round} {at} {n}"));
                }
                orders.see(&list(&writer.store, writer.list));
            }
            exchange(&mut writers);
            let all = writers[0].elements();
            assert!(writers.iter().all(|writer| writer.elements() == all));
            orders.see(&list(&writers[0].store, writers[0].list));
            // All that is new stands in the gap, each run in one piece.
            let new = &all[gap..gap + all.len() - there];
            let mut runs: Vec<&str> = vec![];
            for element in new {
                let (run, _) = element.rsplit_once(' ').unwrap();
                assert!(run.starts_with(&format!("{round} ")), "{run} in the gap of {round}");
                if runs.last() != Some(&run) {
                    assert!(!runs.contains(&run), "seed {seed}: {run} is torn apart in {new:?}");
                    runs.push(run);
                }
            }
            // Some go, so that the neighbours of later ones were none of earlier ones.
            for writer in &mut writers {
                while random.chance(60) && writer.count() > 0 {
                    let index = random.below(writer.count());
                    writer.remove(index);
                }
            }
            exchange(&mut writers);
        }
        orders.check();
    }
}

/// Three that put in and take out at random, in a list that gets long, and hear of each
/// other seldom: all end with the same, and every element was in one order all the time.
#[test]
fn long_lists_have_one_order_everywhere() {
    for seed in seeds(6000, 12) {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let mut writers: Vec<Writer> =
            (0..3).map(|n| Writer::new(7 << (20 * n), &large(4000))).collect();
        let mut orders = Orders::default();
        let mut made = 0;
        for round in 0..40 {
            for writer in &mut writers {
                for _ in 0..random.below(60) {
                    let there = writer.count();
                    if there > 0 && random.chance(35) {
                        writer.remove(random.below(there));
                    } else {
                        writer.insert(random.below(there + 1), &format!("element {made}"));
                        made += 1;
                    }
                }
                orders.see(&list(&writer.store, writer.list));
            }
            if round % 4 == 3 {
                exchange(&mut writers);
                let all = writers[0].elements();
                assert!(writers.iter().all(|writer| writer.elements() == all));
            } else {
                let (from, to) = (round % 3, (round + 1) % 3);
                let [a, b] = writers.get_disjoint_mut([from, to]).unwrap();
                a.tell(b);
            }
        }
        assert!(writers[0].count() > 300);
        orders.check();
    }
}

/// Where a log grows; at its other end it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Grows {
    AtEnd,
    AtFront,
    /// Before an element that stays the last one.
    BeforeMark,
}

/// A log of three writers: bytes at most until a tenth of the turns, and until all of them.
fn shared_log(turns: usize, grows: Grows) -> (usize, usize) {
    const KEPT: usize = 300;
    let config = StoreConfig { items: 600, bytes: 60_000, log: 400, ..StoreConfig::default() };
    let mut writers: Vec<Writer> = (1..4).map(|n| Writer::new(n, &config)).collect();
    let mut random = Random::new(1);
    let (mut most, mut early_most) = (0, 0);
    if grows == Grows::BeforeMark {
        writers[0].insert(0, "the end");
        exchange(&mut writers);
    }
    for turn in 0..turns {
        // In turns for a while, and then whoever.
        let at = if turn / 1000 % 2 == 0 { turn % 3 } else { random.below(3) };
        let count = writers[at].count();
        let (new, old) = match grows {
            Grows::AtEnd => (count, 0),
            Grows::AtFront => (0, count),
            Grows::BeforeMark => (count - 1, 0),
        };
        writers[at].insert(new, "entry");
        if count == KEPT {
            writers[at].remove(old);
        }
        for to in (0..3).filter(|to| *to != at) {
            let [from, to] = writers.get_disjoint_mut([at, to]).unwrap();
            from.tell(to);
        }
        most = most.max(writers[0].store.usage().bytes);
        if turn == turns / 10 {
            early_most = most;
        }
    }
    let all = writers[0].elements();
    assert!(all.len() == KEPT && writers.iter().all(|writer| writer.elements() == all));
    println!("{grows:?}: {early_most} bytes at most, {most} in the end");
    // 8 and 12 of each entry are the heap's and the tree's, 5 its own.
    assert!(most < KEPT * 48, "{most} bytes");
    (early_most, most)
}

/// A log that all append to and somebody cuts takes the same room after 100,000 entries
/// as after a tenth of them, as each says where it is in as many bytes.
#[test]
fn a_shared_log_stays_as_small_as_it_is() {
    for (turns, grows) in
        [(100_000, Grows::AtEnd), (20_000, Grows::AtFront), (20_000, Grows::BeforeMark)]
    {
        let (early, most) = shared_log(turns, grows);
        // A number of three bytes instead of two here and there.
        assert!(most < early * 6 / 5, "{most} after {early} bytes");
    }
}

/// Heap bytes an element: 8 of the heap, 12 of the tree, its position with its length,
/// and one of its own.
#[test]
fn positions_of_rows_are_short() {
    let per_element = |insert: fn(&mut Writer, usize)| {
        let mut writer = Writer::new(5, &large(10_000));
        (0..10_000).for_each(|n| insert(&mut writer, n));
        assert_eq!(writer.count(), 10_000);
        writer.store.usage().bytes as f64 / 10_000.0
    };
    let forwards = per_element(|writer, n| writer.insert(n, "x"));
    let backwards = per_element(|writer, _| writer.insert(0, "x"));
    let mut random = Random::new(3);
    let mut writer = Writer::new(5, &large(10_000));
    for n in 0..10_000 {
        writer.insert(random.below(n + 1), "x");
    }
    let anywhere = writer.store.usage().bytes as f64 / 10_000.0;
    println!("{forwards} forwards, {backwards} backwards, {anywhere} at random");
    assert!(forwards < 28.0 && backwards < 28.0, "{forwards} forwards, {backwards} backwards");
    assert!(anywhere < 60.0, "{anywhere}");
}

/// Always in the middle of what was put in the middle: the position gets too long in the
/// end. That is said, nothing changes, and elsewhere there is room still.
#[test]
fn positions_end_with_an_error() {
    let mut writer = Writer::new(u64::MAX, &large(2000));
    let mut count = 0;
    let full = loop {
        let before = (writer.store.usage(), writer.store.seen(ReplicaId(u64::MAX)));
        if let Err(error) = writer.store.insert(writer.list, count / 2, b"x") {
            assert_eq!(error, Error::Capacity);
            let text = writer.store.insert_text(writer.list, count / 2, "xyz");
            assert_eq!(text, Err(Error::Capacity));
            assert_eq!((writer.store.usage(), writer.store.seen(ReplicaId(u64::MAX))), before);
            break count;
        }
        count += 1;
    };
    println!("{full} elements in the middle of each other");
    assert!(full > 100 && writer.count() == full);
    writer.insert(0, "the first");
    writer.insert(full + 1, "the last");
    writer.remove(full / 2);
    let mut peer = Writer::new(1, &large(2000));
    writer.tell(&mut peer);
    assert_eq!(peer.elements(), writer.elements());
}

/// Characters of a text come all or none, and each is an element.
#[test]
fn texts_come_whole_or_not_at_all() {
    let config = StoreConfig { items: 12, bytes: 400, ..StoreConfig::default() };
    let mut writer = Writer::new(1, &config);
    let text = |writer: &Writer| {
        let mut text = vec![0; writer.store.text_len(writer.list).unwrap()];
        assert_eq!(writer.store.text(writer.list, &mut text), Ok(text.len()));
        String::from_utf8(text).unwrap()
    };
    assert_eq!(writer.store.insert_text(writer.list, 0, ""), Ok(0));
    assert_eq!(writer.store.seen(ReplicaId(1)), 0);
    assert_eq!(writer.store.insert_text(writer.list, 0, "naïf 🦀"), Ok(6));
    assert_eq!((writer.count(), writer.store.seen(ReplicaId(1))), (6, 6));
    assert_eq!(writer.elements()[5], "🦀");
    assert_eq!(writer.store.insert_text(writer.list, 4, "té"), Ok(2));
    assert_eq!(text(&writer), "naïfté 🦀");
    let mut short = vec![0; 11];
    assert_eq!(writer.store.text(writer.list, &mut short), Err(Error::BufferTooSmall));
    // Four places are left, and no room for a long element.
    let usage = writer.store.usage();
    assert_eq!(writer.store.insert_text(writer.list, 2, "12345"), Err(Error::Capacity));
    assert_eq!(writer.store.insert(writer.list, 2, &[0; 300]), Err(Error::Capacity));
    assert_eq!(writer.store.insert(writer.list, 9, b"x"), Err(Error::Invalid));
    assert_eq!(writer.store.insert_text(writer.list, 9, "x"), Err(Error::Invalid));
    assert_eq!(writer.store.remove_at(writer.list, 5, 4), Err(Error::Invalid));
    assert_eq!(writer.store.remove_at(writer.list, usize::MAX, 2), Err(Error::Invalid));
    assert_eq!(writer.store.remove_at(writer.list, 9, 0), Err(Error::Invalid));
    let long = vec![0; MAX_ELEMENT + 1];
    assert_eq!(writer.store.insert(writer.list, 0, &long), Err(Error::Length));
    assert_eq!((writer.store.usage(), writer.store.seen(ReplicaId(1))), (usage, 8));
    // All that was measured is what it takes.
    assert_eq!(writer.store.insert_text(writer.list, 4, "1234"), Ok(4));
    assert_eq!(text(&writer), "naïf1234té 🦀");
    writer.store.remove_at(writer.list, 8, 0).unwrap();
    writer.store.remove_at(writer.list, 2, 9).unwrap();
    assert_eq!(text(&writer), "na🦀");
    writer.store.clear(writer.list).unwrap();
    assert_eq!((writer.store.usage().items, writer.store.usage().bytes), (0, 0));
}

/// The longest element, and its way to another.
#[test]
fn elements_may_be_long() {
    let config = StoreConfig { bytes: 1 << 18, ..StoreConfig::default() };
    let (mut one, mut other) = (Writer::new(1, &config), Writer::new(2, &config));
    let long: Vec<u8> = (0..MAX_ELEMENT).map(|n| n as u8).collect();
    one.store.insert(one.list, 0, &long).unwrap();
    one.store.insert(one.list, 0, b"").unwrap();
    one.tell(&mut other);
    assert_eq!(list(&other.store, other.list), [vec![], long]);
}

/// A replica that comes back with its own state, and nothing else, goes on where it was.
#[test]
fn a_list_goes_on_after_a_restart() {
    let mut writer = Writer::new(1, &large(200));
    writer.store.insert_text(writer.list, 0, "begin").unwrap();
    let mut state = vec![0; writer.store.state_len()];
    writer.store.state(&mut state).unwrap();
    let mut again = Writer::new(1, &large(200));
    again.store.merge(&state, 0).unwrap();
    let bytes = again.store.usage().bytes;
    again.insert(5, "s");
    // In the same row: a position as short as the others.
    assert_eq!(again.store.usage().bytes - bytes, bytes / 5);
    assert_eq!(again.elements().concat(), "begins");
}

/// A frame that adds items to a list, as replica 9's changes from 1 on.
fn forged(items: &[&[u8]]) -> Vec<u8> {
    let mut frame = vec![1, 1, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 2, 1, 14, 4];
    frame.extend(b"list");
    for (n, item) in items.iter().enumerate() {
        frame.extend([4, 0, n as u8 + 1, item.len() as u8]);
        frame.extend(*item);
    }
    frame
}

#[test]
fn what_is_no_position_is_refused() {
    let refused: [&[u8]; 15] = [
        b"",
        // No level, less than one, a number that does not end, or is longer than it need be.
        &[0],
        &[0, b'x'],
        &[2, 9, 1],
        &[3, 9, 1, 0x82],
        &[4, 9, 1, 0x82, 0],
        &[4, 0x89, 0, 1, 2],
        &[0x83, 0, 9, 1, 2],
        // Longer than what is there.
        &[4, 9, 1, 2],
        // An offset that leads to elements and is none: 0, 2, -2.
        &[3, 9, 1, 0],
        &[3, 9, 1, 4],
        &[3, 9, 1, 3],
        // No such change, and no such offset.
        &[3, 9, 0, 2],
        &[8, 9, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 2],
        &[8, 9, 1, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    ];
    for item in refused {
        let mut writer = Writer::new(1, &StoreConfig::default());
        let usage = writer.store.usage();
        assert_eq!(writer.store.merge(&forged(&[item]), 0), Err(Error::CrdtFormat), "{item:?}");
        assert_eq!(writer.store.usage(), usage);
    }
    let mut writer = Writer::new(1, &StoreConfig::default());
    // The levels of a path that is too long: 341 of them are not.
    for (levels, fits) in [(341usize, false), (340, true)] {
        let len = 3 * levels;
        let mut item = vec![len as u8 & 127 | 128, (len >> 7) as u8];
        item.extend([9, 1, 2].repeat(levels));
        let mut frame = forged(&[]);
        frame.extend([4, 0, 1, item.len() as u8 & 127 | 128, (item.len() >> 7) as u8]);
        frame.extend(item);
        assert_eq!(writer.store.merge(&frame, 0).is_ok(), fits, "{levels} levels");
    }
}

/// Of what an honest replica never says: the same position twice, positions of waypoints
/// that are to come, offsets beyond what this replica gives.
#[test]
fn a_list_stays_in_order_whatever_is_said() {
    let items: [&[u8]; 7] = [
        &[3, 9, 1, 2, b'a'],
        &[3, 9, 1, 2, b'b'],
        &[3, 9, 1, 2, b'c'],
        // As if this replica had begun them.
        &[3, 1, 1, 2, b'd'],
        &[4, 1, 1, 0xfe, 1, b'e'],
        &[5, 1, 0x81, 1, 0xfd, 1, b'f'],
        &[6, 9, 1, 2, 1, 1, 2, b'g'],
    ];
    let mut random = Random::new(4);
    let config = large(300);
    let mut writers = [Writer::new(1, &config), Writer::new(2, &config)];
    for writer in &mut writers {
        writer.store.merge(&forged(&items), 0).unwrap();
    }
    assert_eq!(writers[0].elements().concat(), "defabcg");
    for _ in 0..30 {
        for writer in &mut writers {
            let index = random.below(writer.count() + 1);
            writer.insert(index, "x");
            writer.store.insert_text(writer.list, index, "yz").unwrap();
            writer.remove(random.below(writer.count()));
        }
        exchange(&mut writers);
        assert_eq!(writers[0].elements(), writers[1].elements());
    }
    // It is not in the wrong order anywhere, or it would not be found any more.
    for writer in &mut writers {
        writer.store.clear(writer.list).unwrap();
    }
    exchange(&mut writers);
    assert!(writers.iter().all(|writer| writer.store.usage().bytes == 0));
}

/// What is put beside the outermost offset that somebody may have is taken in by others.
#[test]
fn the_outermost_offset_has_a_left_side() {
    let item = [8, 9, 1, 0xfd, 0xff, 0xff, 0xff, 0xff, 0x7f, b'x'];
    let mut writers = [Writer::new(1, &large(50)), Writer::new(2, &large(50))];
    for writer in &mut writers {
        writer.store.merge(&forged(&[&item]), 0).unwrap();
        writer.insert(0, "before");
        writer.insert(2, "behind");
    }
    exchange(&mut writers);
    assert_eq!(writers[0].elements().concat(), "beforebeforexbehindbehind");
    assert_eq!(writers[0].elements(), writers[1].elements());
}
