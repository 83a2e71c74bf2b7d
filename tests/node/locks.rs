//! Locks on the log of a group.

use neural_swarm::consensus::locks::{LockAction, LockEntry, MOST_LOCK_ENTRY};
use neural_swarm::consensus::raft::Proposal;
use neural_swarm::consensus::{Locks, LocksConfig};
use neural_swarm::port::Heap;

use crate::group::{leader, raft};
use crate::world::*;

const ALL: [usize; 5] = [0, 1, 2, 3, 4];
const TTL: u64 = 2 * SECOND;
const ROLE: &[u8] = b"coordinator";

/// Each member has a session with the number of the member.
struct Sessions {
    world: World,
    lives: [u64; 5],
    numbers: [u64; 5],
}

impl Sessions {
    fn step(&mut self, place: usize, action: LockAction<'_>) {
        let world = &mut self.world;
        // None leads: it is tried again with the next renewal.
        let Some(first) = leader(world) else { return };
        let opens = matches!(action, LockAction::Open { .. });
        let life = if opens { 0 } else { self.lives[place] };
        self.numbers[place] += 1;
        let (session, number) = (id_of(place), self.numbers[place]);
        let entry = LockEntry { session, life, number, action };
        let mut bytes = [0; MOST_LOCK_ENTRY];
        let len = entry.encode(&mut bytes).unwrap();
        let (now, proposal) = (world.now, Proposal { data: &bytes[..len], ..Proposal::default() });
        let _ = world.member(first).raft.as_mut().unwrap().propose(proposal, now);
        world.touch(first);
    }

    /// Lets time go by, in which these members are heard of; until it is so, or the time is over.
    fn go_on(
        &mut self,
        heard: &[usize],
        time: u64,
        so: impl Fn(&mut World) -> bool,
    ) -> Option<u64> {
        let begin = self.world.now;
        while self.world.now < begin + time {
            for place in heard {
                self.step(*place, LockAction::Renew);
            }
            if self.world.run_until(SECOND / 2, &so).is_some() {
                return Some(self.world.now - begin);
            }
        }
        None
    }

    /// Who holds the role, with which token: all that live say the same.
    fn holder(&mut self) -> Option<(usize, u64)> {
        let mut said = Vec::new();
        for place in self.world.alive() {
            let locks = self.world.member(place).locks.as_ref().unwrap();
            let holder = locks.holder(ROLE).map(|claim| (claim.session, claim.token));
            said.push(holder.map(|(id, token)| (place_of(id), token)));
        }
        assert!(said.windows(2).all(|two| two[0] == two[1]), "{said:?}");
        said[0]
    }
}

fn place_of(id: u64) -> usize {
    ALL.into_iter().find(|place| id_of(*place) == id).unwrap()
}

fn held_by(world: &mut World, place: usize) -> bool {
    world.alive().into_iter().all(|at| {
        let locks = world.member(at).locks.as_ref().unwrap();
        locks.holder(ROLE).is_some_and(|claim| claim.session == id_of(place))
    })
}

#[test]
fn a_role_has_one_leader_and_goes_on_when_that_is_killed_or_stands_still() {
    let mut world = World::swarm(61, 5);
    world.run_until(10 * SECOND, |world| world.know_each_other(&ALL)).unwrap();
    for place in ALL {
        raft(&mut world, place, &ALL);
        world.member(place).locks = Some(Locks::new(&LocksConfig::default(), Heap).unwrap());
    }
    world.run_until(10 * SECOND, |world| leader(world).is_some()).unwrap();
    // The leader of the group takes the role, and the others stand in line.
    let first = leader(&mut world).unwrap();
    let line: Vec<usize> = (0..5).map(|k| (first + k) % 5).collect();
    let mut sessions = Sessions { world, lives: [0; 5], numbers: [0; 5] };
    for place in &line {
        sessions.step(*place, LockAction::Open { ttl_us: TTL });
    }
    sessions.world.run(SECOND / 10);
    for place in &line {
        let locks = sessions.world.member(*place).locks.as_ref().unwrap();
        let own = locks.sessions().find(|session| session.session == id_of(*place));
        sessions.lives[*place] = own.unwrap().life;
        sessions.step(*place, LockAction::Acquire { name: ROLE, wait: true });
    }
    let took = sessions.go_on(&ALL, SECOND, |world| held_by(world, first)).unwrap();
    println!("the role is taken at all members after {} ms", took / 1000);
    let (_, token) = sessions.holder().unwrap();

    // Who is heard of keeps it.
    assert_eq!(sessions.go_on(&ALL, 5 * TTL, |world| !held_by(world, first)), None);
    assert_eq!(sessions.holder(), Some((first, token)));

    // Both leaders at once.
    sessions.world.kill(first);
    let second = line[1];
    let took = sessions.go_on(&line[1..], 30 * SECOND, |world| held_by(world, second)).unwrap();
    println!("its holder killed, who also led the group: the next has it after {} ms", took / 1000);
    let (_, next) = sessions.holder().unwrap();
    assert!(next > token);

    // One that is there, and not heard of.
    let heard = &line[2..];
    let third = line[2];
    let took = sessions.go_on(heard, 30 * SECOND, |world| held_by(world, third)).unwrap();
    println!("its holder not heard of: the next has it after {} ms", took / 1000);
    // Not before its time was over: the last that was heard of it was half a second old at most.
    assert!(took >= TTL - SECOND / 2);
    let (_, last) = sessions.holder().unwrap();
    assert!(last > next);
}
