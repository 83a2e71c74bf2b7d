//! Agreement takes nothing from the heap once a group is there.

#[path = "../benches/raft/allocations.rs"]
mod allocations;
#[path = "../benches/raft/group.rs"]
mod group;

use allocations::{Counting, during};
use group::Group;

#[global_allocator]
static HEAP: Counting = Counting;

#[test]
fn entries_are_agreed_on_without_an_allocation() {
    for (nodes, size, batch) in [(3, 16, 1), (3, 4096, 64), (5, 256, 64), (5, 4096, 1)] {
        let data = vec![7; size];
        // That it counts.
        assert!(during(|| drop(Group::new(nodes, size).unwrap())) > 0);
        let mut group = Group::new(nodes, size).unwrap();
        let asked = during(|| (0..100).for_each(|_| group.agree(&data, batch).unwrap()));
        assert_eq!(asked, 0, "{nodes} nodes, {size} bytes, batches of {batch}");
        // Acknowledged, and told what is committed.
        assert!(group.messages >= 100 * 2 * (nodes as u64 - 1));
        assert!(group.bytes > (100 * size * batch) as u64);
    }
}
