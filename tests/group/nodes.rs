//! Members of groups, and a frame as an attacker makes it.

use neural_swarm::comm::crypto::{Cipher, Hash, Secret, sign};
use neural_swarm::comm::group::{Group, GroupConfig};
use neural_swarm::port::{Entropy, Heap};
use neural_swarm::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

pub const ID: [u8; 16] = *b"group of tests 1";

/// Randomness from a seed; it fails when told to.
pub struct Seeded(pub Xoshiro256PlusPlus, pub bool);

impl Seeded {
    pub fn new(seed: u64) -> Seeded {
        Seeded(Xoshiro256PlusPlus::seed_from_u64(seed), false)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if self.1 {
            return Err(Error::Hook);
        }
        self.0.fill_bytes(out);
        Ok(())
    }
}

pub fn announce(from: &Group<'_>, to: u16) -> Vec<u8> {
    let mut bytes = vec![0; from.announcement_len()];
    assert_eq!(from.announce(to, &mut bytes), Ok(bytes.len()));
    bytes
}

pub fn seal(from: &mut Group<'_>, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; text.len() + from.overhead()];
    assert_eq!(from.seal(text, &mut frame), Ok(frame.len()));
    frame
}

pub fn open_at(to: &mut Group<'_>, frame: &[u8], now_us: u64) -> Result<Vec<u8>> {
    let mut out = vec![0; Group::opened_len(frame.len())];
    to.open(frame, now_us, &mut out).map(|message| message.text.to_vec())
}

pub fn open(to: &mut Group<'_>, frame: &[u8]) -> Result<Vec<u8>> {
    open_at(to, frame, 0)
}

/// Members 1, 2, 3, ... in epoch 1, who all know each other's chains.
pub fn group_of(count: u16, like: &GroupConfig) -> Vec<Group<'static>> {
    let mut entropy = Seeded::new(like.epoch.into());
    let mut all: Vec<Group<'static>> = (1..=count)
        .map(|own| Group::new(&GroupConfig { own, ..*like }, &mut entropy, Heap).unwrap())
        .collect();
    for (group, own) in all.iter_mut().zip(1..) {
        let others: Vec<u16> = (1..=count).filter(|number| *number != own).collect();
        group.change(like.epoch + 1, &others, &[], &mut entropy, 0).unwrap();
    }
    introduce(&mut all);
    all
}

/// All announce to all that they know.
pub fn introduce(all: &mut [Group<'_>]) {
    for from in 0..all.len() {
        let members: Vec<u16> = all[from].members().collect();
        for to in members {
            let told = announce(&all[from], to);
            all[usize::from(to) - 1].accept(from as u16 + 1, &told).unwrap();
        }
    }
}

pub fn like(signed: bool) -> GroupConfig {
    GroupConfig { signed, ..GroupConfig::new(ID, 0) }
}

/// A frame as an attacker makes it, from the documents alone: the chain key of
/// the frame with this counter is known, and so is the key for signatures or not.
pub fn forge(
    sender: u16,
    epoch: u32,
    counter: u32,
    chain: &[u8],
    signer: Option<&Secret>,
    text: &[u8],
) -> Vec<u8> {
    let [_, key] = Hash::Blake2s.hkdf(chain, b"nsw group step 1");
    let short = Hash::Blake2s.digest(&[b"nsw group id 1", &ID]);
    let mut frame = vec![if signer.is_some() { 0x10 } else { 0x17 }];
    frame.extend(&short.bytes()[..2]);
    frame.push(epoch as u8);
    frame.extend(sender.to_le_bytes());
    frame.extend(&counter.to_le_bytes()[..2]);
    let mut context = frame.clone();
    context.extend(ID);
    context.extend(epoch.to_le_bytes());
    context.extend(counter.to_le_bytes());
    let mut body = text.to_vec();
    if let Some(signer) = signer {
        let digest = Hash::Blake2s.digest(&[&context, text]);
        let message = [b"nsw group sign 1", digest.bytes()].concat();
        body.extend(sign(signer, &message));
    }
    let tag = Cipher::ChaChaPoly.seal(key.key(), counter.into(), &context, &mut body);
    frame.extend(body);
    frame.extend(tag);
    frame
}

/// The chain key in an announcement.
pub fn chain_of(announcement: &[u8]) -> &[u8] {
    &announcement[27..59]
}
