//! Bounds, and bytes of any kind. How good it is: tests/raft/tuner.rs.

use proptest::prelude::*;

use super::*;
use crate::consensus::raft::{Member, MemberKind};
use crate::port::Heap;

fn config() -> RaftConfig {
    RaftConfig {
        id: NodeId(1),
        election_us: 100_000,
        heartbeat_us: 30_000,
        ..RaftConfig::default()
    }
}

fn node() -> Raft<'static> {
    let mut raft = Raft::new(&config(), Heap).unwrap();
    let member = |id| Member { id: NodeId(id), kind: MemberKind::Voter };
    raft.bootstrap(&[member(1), member(2), member(3)]).unwrap();
    raft.start(0).unwrap();
    raft
}

fn tuner(model: Any) -> Tuner<'static, Any> {
    Tuner::new(&TunerConfig::new(&config()), model, Heap).unwrap()
}

/// A model that says that.
#[derive(Clone, Copy, Default)]
struct Any([f32; 5]);

impl Model for Any {
    fn wish(&mut self, _: &Seen) -> Wish {
        let [election_us, spread_us, patience_us, heartbeat_us, later_us] = self.0;
        Wish { election_us, spread_us, patience_us, heartbeat_us, later_us }
    }

    fn foresee(&self, _: &Beats) -> f32 {
        self.0[0]
    }
}

/// Any, and often the end of it.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), u64::MAX - 1_000_000..=u64::MAX]
}

proptest! {
    #[test]
    fn no_wish_leaves_the_bounds(bits in prop::array::uniform5(any::<u32>()), least in 2u64..1_800_000_001) {
        let config = TunerConfig::new(&RaftConfig { election_us: least, ..config() });
        config.check().unwrap();
        let wish = Any(bits.map(f32::from_bits)).wish(&Seen::default());
        let (timeouts, priority) = config.within(&wish);
        prop_assert!((least..=10 * least).contains(&timeouts.election_us));
        prop_assert!((1..=10 * least).contains(&timeouts.spread_us));
        prop_assert!((least..=20 * least).contains(&timeouts.patience_us));
        prop_assert!((1..=least / 2).contains(&timeouts.heartbeat_us));
        prop_assert!(priority > 0);
        let raft = RaftConfig { election_us: least, heartbeat_us: 1, ..super::tests::config() };
        let mut raft = Raft::new(&raft, Heap).unwrap();
        raft.set_timeouts(timeouts).unwrap();
        raft.set_timeouts(config.careful()).unwrap();
    }

    #[test]
    fn whatever_arrives_nothing_panics(
        all in prop::collection::vec((1u64..5, prop::collection::vec(any::<u8>(), 24..25), time()), 1..20),
        bits in prop::array::uniform5(any::<u32>()),
    ) {
        let (mut raft, mut tuner) = (node(), tuner(Any(bits.map(f32::from_bits))));
        let mut buffer = [0; PROBE_LEN];
        for (from, mut bytes, now) in all {
            bytes[0] = 0xA1 + bytes[0] % 2;
            bytes[1] = 0;
            prop_assert!(Tuner::<Any>::is_probe(&bytes));
            tuner.probed(NodeId(from), &bytes, now);
            tuner.beats.gap(f32::from_bits(bits[0]), 1.0, f32::from_bits(bits[1]));
            tuner.apply(&mut raft, now).unwrap();
            while tuner.next_message(&mut buffer, now).unwrap().is_some() {}
            tuner.heard(&raft, NodeId(from), &bytes, now);
            let append = [&[1, 5, 0, 0], from.to_le_bytes().repeat(8).as_slice()].concat();
            prop_assert!(Sample::of(&append).is_some());
            tuner.sent(NodeId(from), &append, now);
        }
    }

    #[test]
    fn what_is_written_is_read(missed in 0u16..1001, way: u32, full_way: u32, interval: u32, time: u64, answers: bool) {
        let probe = Probe { answers, missed, way, full_way, interval, time };
        let bytes = probe.encode();
        prop_assert_eq!(Probe::decode(&bytes), Some(probe));
        prop_assert_eq!(Probe::decode(&bytes[1..]), None);
        prop_assert_eq!(Sample::of(&bytes), None);
    }
}

#[test]
fn a_member_is_asked_and_answers() {
    let (mut one, mut other) = (tuner(Any::default()), tuner(Any::default()));
    other.config.id = NodeId(2);
    let (mut raft, mut buffer) = (node(), [0; PROBE_LEN]);
    one.apply(&mut raft, 1_000).unwrap();
    other.apply(&mut raft, 1_000).unwrap();
    assert_eq!(one.next_message(&mut buffer, 1_000), Ok(Some((NodeId(2), PROBE_LEN))));
    other.probed(NodeId(1), &buffer, 3_000);
    while let Some((to, _)) = other.next_message(&mut buffer, 3_000).unwrap() {
        one.probed(NodeId(2), &buffer, 5_000);
        assert!(to == NodeId(1) || to == NodeId(3));
    }
    let link = one.link(2).unwrap();
    assert_eq!((link.count, link.mean), (1, 4_000.0));
    assert_eq!(one.next_message(&mut [0; 9], 0), Err(Error::BufferTooSmall));
}

/// Two of three nodes, of which the first has a tuner: what is needed until no message is on its way.
fn settle(nodes: &mut [Raft<'static>; 2], tuner: &mut Tuner<'static, Any>, now: u64) {
    let mut buffer = std::vec![0; nodes[0].message_len()];
    loop {
        let mut quiet = true;
        for at in 0..2 {
            while let Some((number, _)) = nodes[at].next_record() {
                nodes[at].durable(number, now).unwrap();
            }
            while let Some((to, len)) = nodes[at].next_message(&mut buffer).unwrap() {
                let other = 1 - at;
                if to.0 != other as u64 + 1 {
                    continue;
                }
                quiet = false;
                let _ = nodes[other].step(NodeId(at as u64 + 1), &buffer[..len], now);
                if other == 0 {
                    tuner.heard(&nodes[0], NodeId(2), &buffer[..len], now);
                    tuner.apply(&mut nodes[0], now).unwrap();
                }
            }
        }
        if quiet {
            return;
        }
    }
}

#[test]
fn an_election_that_was_asked_for_is_not_needless() {
    // What is asked for is a transfer.
    for asked in [true, false] {
        if asked && !cfg!(feature = "raft-transfer") {
            continue;
        }
        // Nobody is kept from being elected in vain.
        let config = RaftConfig { pre_vote: false, check_quorum: false, ..config() };
        let mut nodes = [1, 2].map(|id| {
            let mut raft = Raft::new(&RaftConfig { id: NodeId(id), ..config }, Heap).unwrap();
            let member = |id| Member { id: NodeId(id), kind: MemberKind::Voter };
            raft.bootstrap(&[member(1), member(2), member(3)]).unwrap();
            raft.start(0).unwrap();
            raft
        });
        let mut tuner = tuner(Any::default());
        let mut now = nodes[1].next_wake_us();
        nodes[1].tick(now).unwrap();
        settle(&mut nodes, &mut tuner, now);
        assert_eq!(nodes[0].status().leader, Some(NodeId(2)));
        if asked {
            nodes[1].transfer(NodeId(1), now).unwrap();
        } else {
            now = nodes[0].next_wake_us();
            nodes[0].tick(now).unwrap();
        }
        settle(&mut nodes, &mut tuner, now);
        assert_eq!(nodes[0].status().role, Role::Leader, "{asked}");
        now += 50_000;
        nodes[0].tick(now).unwrap();
        settle(&mut nodes, &mut tuner, now);
        assert_eq!(tuner.needless > 0.5, !asked);
    }
}

#[test]
fn a_node_of_another_timeout_is_refused_every_time() {
    for other in [1_000_000, 50_000] {
        let of = RaftConfig { election_us: other, heartbeat_us: 20_000, ..config() };
        let mut raft = Raft::new(&of, Heap).unwrap();
        let (before, mut tuner) = (raft.timeouts(), tuner(Any::default()));
        for now in [1, 2, 1_000_000] {
            assert_eq!(tuner.apply(&mut raft, now), Err(Error::Invalid));
        }
        assert_eq!(raft.timeouts(), before);
    }
}

#[test]
fn bandwidth_is_the_slope() {
    let mut link = Link::default();
    for n in 0..64u64 {
        let bytes = 100 + 1_000 * (n % 4);
        link.sent(n, bytes as usize, n * 100_000);
        link.acknowledged(n, n * 100_000 + 500 + bytes / 10);
    }
    let bandwidth = link.bandwidth().unwrap();
    assert!((9.0..11.0).contains(&bandwidth), "{bandwidth}");
}

#[test]
fn a_margin_learns_what_is_missed() {
    let mut beats = Beats::default();
    // What is foreseen is a third too short.
    for n in 0..20_000u32 {
        let gap = 1.0 + 0.5 * (n.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 24) as f32;
        beats.gap(gap, 1.0, 1.0);
    }
    let foreseen = libm::expf(beats.margin);
    assert!((1.4..1.6).contains(&foreseen), "{foreseen}");
}
