//! What makes merging safe: it does not matter in what order states come, in what company,
//! or how often; and changes lead to where the state leads.

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::crdt::{ReplicaId, StoreConfig};

use crate::replica::{Random, Replica, WHOLE, all_of};
use crate::seeds;
use crate::world::World;

const CONFIG: StoreConfig = StoreConfig {
    replica: ReplicaId(0),
    replicas: 12,
    keys: 64,
    items: 1024,
    bytes: 16_384,
    log: 2000,
    early: 300,
    max_ahead_ms: 60_000,
    // As those of worlds.
    sketch_precision: 7,
    sketch_width: 24,
    sketch_depth: 4,
    seed: 0,
    watches: 0,
    events: 0,
};

/// Spans of sequence numbers, and single ones that are undone before they came.
pub type Seen = BTreeMap<u64, (BTreeSet<(u64, u64)>, BTreeSet<u64>)>;

/// What a context says, whatever the order of its replicas.
fn seen(frame: &[u8]) -> Seen {
    // Behind the version, what it is, and a generation below 128.
    let mut at = 3;
    let number = |frame: &[u8], at: &mut usize| {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = frame[*at];
            (*at, number, shift) = (*at + 1, number | u64::from(byte & 127) << shift, shift + 7);
            if byte < 128 {
                return number;
            }
        }
    };
    let (mut ids, mut seen) = (vec![], Seen::new());
    while at < frame.len() {
        let tag = frame[at];
        at += 1;
        if tag == 1 {
            ids.push(u64::from_le_bytes(frame[at..at + 8].try_into().unwrap()));
            at += 8;
            continue;
        }
        let id = ids[number(frame, &mut at) as usize];
        let seq = number(frame, &mut at);
        let (spans, undone) = seen.entry(id).or_default();
        match tag {
            7 => _ = spans.insert((seq, seq + number(frame, &mut at))),
            8 => _ = undone.insert(seq),
            tag => panic!("{tag} in a context"),
        }
    }
    seen
}

/// What [`canonical`] says of a store.
pub type Canonical = (String, Vec<u8>, Seen);

/// Everything about a store that others can ever get to know: its values, the sum over all
/// items, what it has seen.
pub fn canonical(replica: &mut Replica) -> Canonical {
    let context = replica.context();
    // Behind the context stand the sums, by parts of the hashes.
    let mut digest = vec![0; WHOLE];
    let len = replica.store.digest(&mut digest).unwrap();
    let sums = digest[context.len()..len].to_vec();
    (all_of(&mut replica.store), sums, seen(&context))
}

/// A replica that has made no change, after these frames.
fn observer(frames: &[&Vec<u8>]) -> Replica {
    let mut replica = Replica::new(&StoreConfig { replica: ReplicaId(7777), ..CONFIG });
    for frame in frames {
        replica.store.merge(frame, NOW).unwrap();
    }
    replica
}

const NOW: u64 = 1_700_000_000_000;

/// Replicas that have changed much and heard some of it of each other; if not `whole` by
/// small frames, too, and by digests that stopped in the middle.
fn world(seed: u64, whole: bool) -> World {
    let count = 3 + (seed % 4) as usize;
    let mut world = World::new(seed, count, &CONFIG, if whole { WHOLE } else { 250 });
    for _ in 0..150 {
        match world.random.below(12) {
            0..6 => world.change(),
            6..8 => world.tell(),
            8..11 => world.arrive(),
            _ if whole => {}
            _ => {
                let (from, to) = (world.random.below(count), world.random.below(count));
                if from != to {
                    world.reconcile(from, to, 300, 30);
                }
            }
        }
    }
    for at in 0..count {
        for which in 0..crate::replica::KEYS.len() {
            world.replicas[at].close(which);
        }
    }
    world
}

#[test]
fn states_merge_in_any_order_in_any_company_and_any_number_of_times() {
    for seed in seeds(10_000, 150) {
        println!("seed {seed}");
        let mut world = world(seed, seed % 2 == 0);
        let states: Vec<Vec<u8>> = world.replicas.iter_mut().map(Replica::state).collect();
        let [a, b, c] = [&states[0], &states[1], &states[2]];
        // What a replica tells of itself is all that there is of it.
        assert_eq!(canonical(&mut observer(&[a])), canonical(&mut world.replicas[0]));
        let want = canonical(&mut observer(&[a, b]));
        assert_eq!(canonical(&mut observer(&[b, a])), want, "commutative");
        let want = canonical(&mut observer(&[a, b, c]));
        let ab = observer(&[a, b]).state();
        let bc = observer(&[b, c]).state();
        assert_eq!(canonical(&mut observer(&[&ab, c])), want, "associative");
        assert_eq!(canonical(&mut observer(&[a, &bc])), want, "associative");
        let mut again = observer(&[a, a, b, a, c, b, &ab, &bc, a]);
        assert_eq!(canonical(&mut again), want, "idempotent");
        // What is older than what is there changes nothing.
        let merged = again.store.merge(b, NOW).unwrap();
        assert_eq!((merged.added, merged.removed), (0, 0));
        assert_eq!(canonical(&mut again), want);
    }
}

#[test]
fn changes_lead_to_where_the_state_leads() {
    for seed in seeds(11_000, 150) {
        println!("seed {seed}");
        // An item whose change has not come is not told as one.
        let mut world = world(seed, true);
        let mut random = Random::new(seed);
        let states: Vec<Vec<u8>> = world.replicas.iter_mut().map(Replica::state).collect();
        let [a, b] = [0, 1];
        let mut knows_b = observer(&[&states[b]]);
        let mut frames = vec![];
        for mtu in [WHOLE, 120 + seed as usize % 300] {
            frames.extend(world.replicas[a].tell(&knows_b.context(), mtu));
        }
        let want = canonical(&mut observer(&[&states[b], &states[a]]));
        for n in (1..frames.len()).rev() {
            frames.swap(n, random.below(n + 1));
        }
        let again = random.below(frames.len() + 1);
        for frame in frames.iter().chain(&frames[..again]) {
            knows_b.store.merge(frame, NOW).unwrap();
        }
        assert_eq!(canonical(&mut knows_b), want, "{} frames", frames.len());
    }
}
