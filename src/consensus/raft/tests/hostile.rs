//! Bytes that nobody should send: whatever they do to who believes them, nothing panics.

use super::*;

/// Serves a node without expecting anything of it.
fn pull(node: &mut Node, now: u64) -> Vec<Message> {
    let mut sent = Vec::new();
    let raft = &mut node.raft;
    while let Some((number, record)) = raft.next_record() {
        let _ = Stored::of(record);
        let _ = raft.durable(number, now);
    }
    let mut buffer = vec![0; node.config.message];
    while let Some(fetch) = raft.next_fetch() {
        if fetch.first % 2 == 0 {
            raft.fetch_failed(fetch.first);
        }
        let entry = EntryRef { index: fetch.first, term: 3, kind: EntryKind::Data, data: b"x" };
        let _ = raft.fetched(entry);
    }
    while let Some(chunk) = raft.next_chunk() {
        if let Ok((to, len)) = raft.chunk(chunk, chunk.offset + 7, &[1; 7], &mut buffer) {
            sent.push((node.config.id.0, to.0, buffer[..len].to_vec()));
        }
    }
    while let Some(write) = raft.next_snapshot_write() {
        let number = write.number;
        let _ = raft.snapshot_written(number, now);
    }
    while let Ok(Some((to, len))) = raft.next_message(&mut buffer) {
        sent.push((node.config.id.0, to.0, buffer[..len].to_vec()));
    }
    while let Some(committed) = raft.next_committed() {
        let index = committed.index();
        let _ = raft.applied(index);
        if index % 7 == 0 {
            let _ = raft.compact(index);
        }
    }
    while raft.next_event().is_some() {}
    let _ = (raft.status(), raft.members().count(), raft.peers().count(), raft.next_wake_us());
    sent
}

#[test]
fn whatever_arrives_nothing_panics() {
    let seeds = std::env::var("NSW_SEEDS").map_or(20, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut world = World::new(config(), &[1, 2, 3]);
        let mut random = Random(SplitMix64::seed_from_u64(seed));
        let mut now = 0;
        for step in 0..3000u64 {
            now += random.below(4000);
            let id = 1 + random.below(3);
            let _ = world.node(id).raft.tick(now);
            if random.below(3) == 0 {
                let data = vec![7; random.below(100) as usize];
                let (client, sequence) = (random.below(6), random.below(9));
                let _ =
                    world.node(id).raft.propose(Proposal { data: &data, client, sequence }, now);
                let _ = world.node(id).raft.read(step, now);
            }
            let sent = pull(world.node(id), now);
            world.network.extend(sent);
            let Some((from, to, bytes)) = world.network.pop_front() else { continue };
            let mut bad = bytes.clone();
            for _ in 0..random.below(4) {
                let at = random.below(bad.len() as u64) as usize;
                bad[at] = match random.below(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => bad[at].wrapping_add(1),
                    _ => random.below(256) as u8,
                };
            }
            if random.below(4) == 0 {
                bad.truncate(random.below(bad.len() as u64 + 1) as usize);
            }
            // A membership may have been made up.
            let Some(node) = world.nodes.get_mut(&to) else { continue };
            let _ = node.raft.step(NodeId(from), &bad, now);
            let _ = node.raft.step(NodeId(from), &bytes, now);
            if node.raft.status().halted && random.below(20) == 0 {
                world.nodes.remove(&to);
                world.add(to, &voters(&[1, 2, 3]), |_| {});
            }
            if world.network.len() > 50 {
                world.network.clear();
            }
        }
    }
}

/// A clock may say anything.
#[test]
fn the_end_of_time_is_no_panic() {
    let mut world = World::new(config(), &[1]);
    world.elect();
    let node = world.node(1);
    node.raft.tick(u64::MAX).unwrap();
    node.raft.read(1, 0).unwrap();
    node.raft.tick(3).unwrap();
    pull(node, u64::MAX);
}
