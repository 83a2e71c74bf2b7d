//! Agreement in one thread, without storage and network. `scripts/bench` runs it.

mod group;

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use group::Group;

fn all(c: &mut Criterion) {
    let mut benches = c.benchmark_group("agree");
    for nodes in [3, 5] {
        for size in [16, 256, 4096] {
            for batch in [1, 64] {
                let (mut group, data) = (Group::new(nodes, size).unwrap(), vec![7; size]);
                benches.throughput(Throughput::Elements(batch as u64));
                benches.bench_function(format!("{nodes} nodes/{size} B/{batch}"), |b| {
                    b.iter(|| group.agree(black_box(&data), batch).unwrap());
                });
                black_box((group.messages, group.bytes));
            }
        }
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
