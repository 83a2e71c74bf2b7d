//! Members ask the heap for nothing after creation.

use neural_swarm::node::membership::*;
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
