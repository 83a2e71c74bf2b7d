//! Snapshots that are written slowly, and what happens meanwhile.

use super::*;

/// 3 was away: what it was sent is kept. The others go on, and forget what 3 needs.
fn behind() -> (World, VecDeque<Message>) {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    for i in 0..4u8 {
        world.propose(1, &[i; 20]).unwrap();
    }
    world.serve(1);
    let mut late = world.network.clone();
    late.retain(|message| message.1 == 3);
    assert!(!late.is_empty());
    world.split(&[3], &[1, 2]);
    world.settle();
    for i in 4..40u8 {
        world.propose(1, &[i; 20]).unwrap();
        world.settle();
    }
    world.compact(1, 3);
    world.compact(2, 3);
    world.cut.clear();
    (world, late)
}

/// Until 3 writes.
fn write(world: &mut World) -> u64 {
    world.node(3).writes_hang = true;
    for _ in 0..200 {
        if let Some(number) = world.node(3).written.take() {
            return number;
        }
        world.run(1_000);
    }
    panic!("nothing is written");
}

/// A chunk is durable.
fn written(world: &mut World, number: u64) -> Result<()> {
    let now = world.now;
    world.node(3).raft.snapshot_written(number, now)
}

#[test]
fn a_snapshot_that_is_late_cuts_nothing_that_was_acknowledged() {
    let (mut world, late) = behind();
    let number = write(&mut world);
    // What it was sent before arrives now, and is acknowledged.
    world.network.extend(late);
    world.settle();
    let before = world.status(3);
    assert!(before.durable > before.commit, "{before:?}");
    written(&mut world, number).unwrap();
    let after = world.status(3);
    assert_eq!((after.last, after.durable), (before.last, before.durable));
    world.node(3).writes_hang = false;
    world.run(200_000);
    world.agree(&[1, 2, 3], 40);
}

#[test]
fn a_chunk_that_was_written_for_another_leader_is_refused() {
    let (mut world, _) = behind();
    let first = write(&mut world);
    // 2 leads now, and sends the same snapshot.
    let now = world.now;
    world.node(1).raft.transfer(NodeId(2), now).unwrap();
    world.settle();
    assert_eq!(world.leader(), Some(2));
    assert_eq!(written(&mut world, first), Err(Error::RaftState), "nothing is written");
    let second = write(&mut world);
    assert!(second > first);
    assert_eq!(written(&mut world, first), Err(Error::RaftState), "of the one before");
    written(&mut world, second).unwrap();
    assert_eq!(written(&mut world, second), Err(Error::RaftState), "twice");
    world.node(3).writes_hang = false;
    world.run(200_000);
    world.agree(&[1, 2, 3], 40);
}
