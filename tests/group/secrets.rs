//! Secrets are gone from memory when they are used.

use std::cell::Cell;
use std::mem::MaybeUninit;

use neural_swarm::comm::crypto::Hash;
use neural_swarm::comm::group::{Group, GroupConfig};
use neural_swarm::port::{Allocator, Entropy};
use neural_swarm::{Error, Piece, Result};

use super::nodes::{Seeded, announce, chain_of, group_of, like, open, seal};

/// One buffer, handed out once.
struct Once<'m>(Cell<Option<&'m mut [MaybeUninit<u8>]>>);

impl<'m> Allocator<'m> for Once<'m> {
    fn allocate(&self, _: std::alloc::Layout) -> Result<Piece<'m>> {
        self.0.take().map(Piece::lent).ok_or(Error::OutOfMemory)
    }
}

#[test]
fn secrets_are_overwritten_when_used_and_when_dropped() {
    let config = GroupConfig { members: 2, window: 8, signed: true, own: 2, ..like(true) };
    let layout = Group::footprint(&config).unwrap();
    let mut memory = vec![MaybeUninit::new(0u8); layout.size() + layout.align()];
    let skip = memory.as_ptr().align_offset(layout.align());
    let room = &mut memory[skip..];
    let (start, len) = (room.as_ptr().cast::<u8>(), room.len());
    // SAFETY: the bytes of the buffer above, which is not moved; all were set.
    let bytes = || unsafe { std::slice::from_raw_parts(start, len) }.to_vec();
    let holds = |secret: &[u8]| bytes().windows(32).any(|window| window == secret);

    let mut group = Group::new(&config, &mut Seeded::new(5), Once(Cell::new(Some(room)))).unwrap();
    let mut sender = group_of(2, &GroupConfig { epoch: 0, ..like(true) }).remove(0);
    group.change(1, &[1], &[], &mut Seeded::new(6), 0).unwrap();
    let told = announce(&sender, 2);
    group.accept(1, &told).unwrap();

    // The chain and the keys of five frames, of which the last one comes.
    let mut chain = chain_of(&told).to_vec();
    assert!(holds(&chain));
    let mut keys = Vec::new();
    for _ in 0..5 {
        let [next, key] = Hash::Blake2s.hkdf(&chain, b"nsw group step 1");
        keys.push(key.bytes().to_vec());
        chain = next.bytes().to_vec();
    }
    let frames: Vec<_> = (0..5).map(|_| seal(&mut sender, b"x")).collect();
    assert!(open(&mut group, &frames[4]).is_ok());
    assert!(!holds(chain_of(&told)) && holds(&chain) && !holds(&keys[4]));
    assert!(keys[..4].iter().all(|key| holds(key)));
    assert!(open(&mut group, &frames[1]).is_ok());
    assert!(!holds(&keys[1]) && holds(&keys[0]));

    // The own chain moves on; the signature key stays for the epoch.
    let own = chain_of(&announce(&group, 1)).to_vec();
    let mut drawn = [0; 64];
    Seeded::new(6).fill(&mut drawn).unwrap();
    assert!(own == drawn[..32] && holds(&own) && holds(&drawn[32..]));
    seal(&mut group, b"y");
    assert!(!holds(&own) && holds(&drawn[32..]));

    // A new epoch has other secrets; the previous one's go with it.
    group.rekey(&mut Seeded::new(7), 0).unwrap();
    assert!(!holds(&drawn[32..]) && holds(&chain) && holds(&keys[0]));
    group.expire(config.keep_us);
    assert!(!holds(&chain) && keys.iter().all(|key| !holds(key)));

    // All that is left goes when it is dropped.
    let told = announce(&group, 1);
    Seeded::new(7).fill(&mut drawn).unwrap();
    assert!(holds(chain_of(&told)) && holds(&drawn[32..]));
    drop(group);
    assert!(!holds(chain_of(&told)) && !holds(&drawn[32..]));
}
