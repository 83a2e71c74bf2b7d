//! Members ask the heap for nothing after creation.

use neural_swarm::node::membership::*;
use neural_swarm::node::metrics::{Buckets, Counter, Gauge, Histogram, Metric, Metrics, Values};
use neural_swarm::port::Heap;

#[path = "../benches/raft/allocations.rs"]
mod allocations;

#[global_allocator]
static COUNTING: allocations::Counting = allocations::Counting;

#[test]
fn membership_does_not_allocate() {
    const COUNT: u64 = 8;
    let config = |id| MembershipConfig { members: 8, ..MembershipConfig::new(id, 8) };
    let made = |id| Membership::new(&config(id), Heap, 0).unwrap();
    let mut members: [Membership<'_>; COUNT as usize] = core::array::from_fn(|id| made(id as u64));
    let mut out = [0; 1200];
    let mut gone = [false; COUNT as usize];
    let count = allocations::during(|| {
        for step in 0..3_000u64 {
            let now = step * 100_000;
            for at in 0..members.len() {
                if step == at as u64 && at > 0 {
                    members[at].join(0, now).unwrap();
                }
                if step == 1_000 && at == 3 {
                    members[at].leave(now);
                }
                // One falls silent, and comes back.
                gone[at] = at == 5 && (500..1_500).contains(&step);
                members[at].poll(now);
                while let Some(output) = members[at].next(&mut out).unwrap() {
                    if let Output::Message { to, len } = output
                        && !gone[at]
                        && !gone[to as usize]
                    {
                        members[to as usize].receive(at as u64, &out[..len], now).unwrap();
                    }
                }
            }
        }
    });
    assert_eq!(count, 0);
    // All of it happened.
    assert!(members[5].stats().refuted > 0 && members[1].stats().probes > 0);
    assert_eq!(members[1].member(3).unwrap().standing, Standing::Left);
    assert_eq!(members[1].member(5).unwrap().standing, Standing::Alive);
}

const TABLE: &[Metric] = &[
    Metric::counter("sent", "Sent.").label("to", &["a", "b"]),
    Metric::gauge("members", "Members."),
    Metric::histogram("size", "Size.", Buckets::SIZE),
];

#[test]
fn metrics_and_their_text_do_not_allocate() {
    let mut metrics = Metrics::new(TABLE, Heap).unwrap();
    let mut text = [0; 4096];
    let mut copy = [0; 64];
    let sent = Counter::of(TABLE, 0, 1).unwrap();
    let (members, size) = (Gauge::of(TABLE, 1, 0).unwrap(), Histogram::of(TABLE, 2, 0).unwrap());
    let mut len = 0;
    let count = allocations::during(|| {
        metrics.add(sent, 3);
        metrics.set(members, 5);
        (0..1000).for_each(|i| metrics.record(size, i * i));
        let words = metrics.values().words();
        let copy = &mut copy[..words.len()];
        copy.copy_from_slice(words);
        let copied = Values::of(TABLE, copy).unwrap();
        len = copied.open_metrics(&mut text).unwrap();
        assert_eq!(len, metrics.values().open_metrics_len());
    });
    assert_eq!(count, 0);
    assert!(text[..len].ends_with(b"size_count 1000\nsize_sum 332833500\n# EOF\n"));
}

#[cfg(all(feature = "std", unix))]
#[test]
fn publishing_metrics_does_not_allocate() {
    use neural_swarm::host::{MetricsServer, MetricsServerConfig, parse_address};
    let bind = parse_address("127.0.0.1:0").unwrap();
    let mut server = MetricsServer::new(&MetricsServerConfig::new(bind)).unwrap();
    let long = "a 1\n".repeat(60_000) + "# EOF\n";
    let count = allocations::during(|| {
        for text in ["# EOF\n", &long, "a 1\n# EOF\n", &long, &long] {
            server.publish(text.as_bytes()).unwrap();
        }
    });
    assert_eq!(count, 0);
}
