//! Groups from the outside: what a member relies on, and what attackers get. Each
//! threat has a control, in which the defence is off and the attack succeeds.

// Two members are told apart by their number.
#![allow(clippy::needless_range_loop)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::mem::MaybeUninit;

use neural_swarm::comm::crypto::{Cipher, Hash, Secret, sign};
use neural_swarm::comm::group::{
    ANNOUNCEMENT, Group, GroupConfig, MAX_AHEAD, MAX_MEMBERS, MAX_WINDOW, OVERHEAD,
    SIGNED_ANNOUNCEMENT, SIGNED_OVERHEAD,
};
use neural_swarm::port::{Allocator, Entropy, Heap};
use neural_swarm::{Error, Piece, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const ID: [u8; 16] = *b"group of tests 1";

/// Randomness from a seed; it fails when told to.
struct Seeded(Xoshiro256PlusPlus, bool);

impl Seeded {
    fn new(seed: u64) -> Seeded {
        Seeded(Xoshiro256PlusPlus::seed_from_u64(seed), false)
    }

    fn below(&mut self, bound: usize) -> usize {
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

fn announce(from: &Group<'_>, to: u16) -> Vec<u8> {
    let mut bytes = vec![0; from.announcement_len()];
    assert_eq!(from.announce(to, &mut bytes), Ok(bytes.len()));
    bytes
}

fn seal(from: &mut Group<'_>, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; text.len() + from.overhead()];
    assert_eq!(from.seal(text, &mut frame), Ok(frame.len()));
    frame
}

fn open_at(to: &mut Group<'_>, frame: &[u8], now_us: u64) -> Result<Vec<u8>> {
    let mut out = vec![0; Group::opened_len(frame.len())];
    to.open(frame, now_us, &mut out).map(|message| message.text.to_vec())
}

fn open(to: &mut Group<'_>, frame: &[u8]) -> Result<Vec<u8>> {
    open_at(to, frame, 0)
}

/// Members 1, 2, 3, ... in epoch 1, who all know each other's chains.
fn group_of(count: u16, like: &GroupConfig) -> Vec<Group<'static>> {
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
fn introduce(all: &mut [Group<'_>]) {
    for from in 0..all.len() {
        let members: Vec<u16> = all[from].members().collect();
        for to in members {
            let told = announce(&all[from], to);
            all[usize::from(to) - 1].accept(from as u16 + 1, &told).unwrap();
        }
    }
}

fn like(signed: bool) -> GroupConfig {
    GroupConfig { signed, ..GroupConfig::new(ID, 0) }
}

/// A frame as an attacker makes it, from the documents alone: the chain key of
/// the frame with this counter is known, and so is the key for signatures or not.
fn forge(
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
fn chain_of(announcement: &[u8]) -> &[u8] {
    &announcement[27..59]
}

#[test]
fn everybody_reads_what_one_seals() {
    for signed in [false, true] {
        let mut all = group_of(4, &like(signed));
        let overhead = if signed { SIGNED_OVERHEAD } else { OVERHEAD };
        assert_eq!(overhead, if signed { 88 } else { 24 });
        for len in [0, 1, 63, 64, 65, 1000] {
            let text = vec![7; len];
            for from in 0..4 {
                let frame = seal(&mut all[from], &text);
                assert_eq!(frame.len(), len + overhead);
                for to in (0..4).filter(|to| *to != from) {
                    let mut out = vec![0; Group::opened_len(frame.len())];
                    let message = all[to].open(&frame, 0, &mut out).unwrap();
                    assert_eq!((message.sender, message.epoch), (from as u16 + 1, 1));
                    assert_eq!(message.text, text);
                }
                // An echo of the own frame is nobody's.
                assert_eq!(open(&mut all[from], &frame), Err(Error::CommPeer));
            }
        }
        assert_eq!(all[0].info().counter, 6);
        assert_eq!((all[0].info().opened, all[0].info().refused), (18, 6));
    }
}

/// Sealed by a program in another language that follows docs/group-format.md:
/// Python 3 with `hashlib`, `hmac` and the package `cryptography`.
#[test]
fn the_bytes_are_those_of_the_documents() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    };
    let vectors = include_str!("data/group.txt");
    let field = |name: &str| {
        let line = vectors.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        hex(line.unwrap_or_else(|| panic!("no {name}")))
    };
    for kind in ["plain", "signed"] {
        let config =
            GroupConfig { epoch: 258, signed: kind == "signed", ..GroupConfig::new(ID, 2) };
        let mut group = Group::new(&config, &mut Seeded::new(1), Heap).unwrap();
        group.add(0x0304, &mut Seeded::new(2), 0).unwrap();
        group.accept(0x0304, &field(&format!("{kind} announcement"))).unwrap();
        for counter in ["65537", "65539"] {
            let frame = field(&format!("{kind} frame {counter}"));
            let mut out = [0; 128];
            let message = group.open(&frame, 0, &mut out).unwrap();
            assert_eq!((message.sender, message.epoch), (0x0304, 259));
            assert_eq!(message.counter.to_string(), counter);
            assert_eq!(message.text, b"the quick brown fox");
        }
    }
}

#[test]
fn late_frames_come_once_and_by_seed_in_any_order() {
    for seed in 0..8 {
        let mut random = Seeded::new(seed);
        let config = GroupConfig { window: 64, ..like(false) };
        let mut all = group_of(3, &config);
        // 20,000 frames of two senders: a tenth lost, the rest shuffled within 40
        // of their sender's, a third of them twice.
        let mut queue: Vec<(usize, u32, Vec<u8>)> = Vec::new();
        let mut sent = BTreeSet::new();
        for counter in 0..10_000u32 {
            for sender in 0..2 {
                let frame = seal(&mut all[sender], &counter.to_le_bytes());
                if random.below(10) > 0 {
                    let at = counter as usize * 2 + random.below(80);
                    queue.push((at, counter, frame.clone()));
                    sent.insert((sender, counter));
                    if random.below(3) == 0 {
                        queue.push((at + random.below(200), counter, frame));
                    }
                }
            }
        }
        queue.sort_by_key(|(at, ..)| *at);
        let mut came = BTreeSet::new();
        for (_, counter, frame) in &queue {
            match open(&mut all[2], frame) {
                Ok(text) => {
                    assert_eq!(text, counter.to_le_bytes());
                    let sender = usize::from(frame[4] - 1);
                    assert!(came.insert((sender, *counter)), "a frame came twice");
                }
                Err(error) => assert_eq!(error, Error::CommReplay),
            }
        }
        assert_eq!(came, sent);
    }
}

#[test]
fn a_replay_is_refused() {
    let mut all = group_of(3, &like(false));
    let told = announce(&all[0], 2);
    let frame = seal(&mut all[0], b"pay 100");
    // Control: without the ratchet's state the frame is as good the second time.
    let [_, key] = Hash::Blake2s.hkdf(chain_of(&told), b"nsw group step 1");
    let mut context = frame[..8].to_vec();
    context.extend(ID);
    context.extend(1u32.to_le_bytes());
    context.extend(0u32.to_le_bytes());
    for _ in 0..2 {
        let mut text = frame[8..15].to_vec();
        let tag = frame[15..].try_into().unwrap();
        Cipher::ChaChaPoly.open(key.key(), 0, &context, &mut text, tag).unwrap();
        assert_eq!(text, b"pay 100");
    }
    assert!(open(&mut all[1], &frame).is_ok());
    assert_eq!(open(&mut all[1], &frame), Err(Error::CommReplay));
    // Nor after more came, nor after the window moved on.
    for _ in 0..100 {
        let next = seal(&mut all[0], b"pay 1");
        assert!(open(&mut all[1], &next).is_ok());
        assert_eq!(open(&mut all[1], &frame), Err(Error::CommReplay));
    }
    // Nor after an old announcement.
    assert_eq!(all[1].accept(1, &told), Err(Error::CommReplay));
    assert_eq!(open(&mut all[1], &frame), Err(Error::CommReplay));
    assert!(open(&mut all[2], &frame).is_ok());
}

#[test]
fn who_is_removed_reads_and_writes_no_more() {
    let mut all = group_of(3, &like(false));
    // Control: as a member it reads and writes.
    let frame = seal(&mut all[0], b"for all");
    assert!(open(&mut all[2], &frame).is_ok());
    let frame = seal(&mut all[2], b"from three");
    assert!(open(&mut all[0], &frame).is_ok());

    let kept = seal(&mut all[2], b"in flight");
    let before = seal(&mut all[1], b"in flight, too");
    for at in 0..2 {
        all[at].remove(3, &mut Seeded::new(at as u64 + 50), 0).unwrap();
    }
    assert_eq!(all[0].announce(3, &mut [0; 100]), Err(Error::CommPeer));
    introduce(&mut all[..2]);
    // What it sealed is refused, also what was in flight; what others sealed in the
    // old epoch is not.
    assert_eq!(open(&mut all[0], &kept), Err(Error::CommPeer));
    assert!(open(&mut all[0], &before).is_ok());
    let told = announce(&all[2], 1);
    assert_eq!(all[0].accept(3, &told), Err(Error::CommPeer));
    // It cannot read the new epoch, not even if it hears of it.
    let secret = seal(&mut all[0], b"without three");
    assert_eq!(open(&mut all[2], &secret), Err(Error::CommState));
    all[2].rekey(&mut Seeded::new(9), 0).unwrap();
    assert_eq!(open(&mut all[2], &secret), Err(Error::CommKeys));
    // With the old chain as a guess for the new one: not authentic.
    let mut guess = announce(&all[1], 1);
    guess[21] = 1;
    guess[22] = 0;
    all[2].accept(1, &guess).unwrap();
    assert_eq!(open(&mut all[2], &secret), Err(Error::CommAuth));
    assert!(open(&mut all[1], &secret).is_ok());
}

#[test]
fn who_is_added_reads_nothing_from_before() {
    let mut all = group_of(3, &like(false));
    let old = seal(&mut all[0], b"before");
    let added = 4;
    let mut entropy = Seeded::new(77);
    for group in &mut all {
        group.add(added, &mut entropy, 0).unwrap();
    }
    let config = GroupConfig { own: added, epoch: 1, ..like(false) };
    let mut new = Group::new(&config, &mut entropy, Heap).unwrap();
    new.change(2, &[1, 2, 3], &[], &mut entropy, 0).unwrap();
    all.push(new);
    let early = seal(&mut all[0], b"before the announcement");
    introduce(&mut all);
    let now = seal(&mut all[0], b"after");
    assert_eq!(open(&mut all[3], &old), Err(Error::CommKeys));
    // An announcement leads forward only.
    assert_eq!(open(&mut all[3], &early), Err(Error::CommReplay));
    assert_eq!(open(&mut all[3], &now).unwrap(), b"after");
    assert_eq!(open(&mut all[1], &old).unwrap(), b"before");
}

#[test]
fn an_insider_forges_without_signatures_and_not_with_them() {
    for signed in [false, true] {
        let mut all = group_of(3, &like(signed));
        // Member 2 knows the chain of member 1, and tries it on member 3.
        let told = announce(&all[0], 2);
        let own = Secret::new([9; 32]);
        let forged = forge(1, 1, 0, chain_of(&told), signed.then_some(&own), b"I resign");
        if signed {
            let before = all[2].info();
            assert_eq!(open(&mut all[2], &forged), Err(Error::CommSignature));
            assert_eq!(all[2].info().opened, before.opened);
            // Nor without a signature, nor by another announcement.
            let plain = forge(1, 1, 0, chain_of(&told), None, b"I resign");
            assert_eq!(open(&mut all[2], &plain), Err(Error::CommFormat));
            let mut other = told.clone();
            other[59..].fill(3);
            assert_eq!(all[2].accept(1, &other), Err(Error::CommAuth));
            assert_eq!(all[2].accept(2, &told), Err(Error::CommAuth));
            // The true one comes still.
            let frame = seal(&mut all[0], b"I stay");
            assert_eq!(open(&mut all[2], &frame).unwrap(), b"I stay");
        } else {
            // Control.
            assert_eq!(open(&mut all[2], &forged).unwrap(), b"I resign");
        }
    }
}

#[test]
fn every_bit_and_every_length_counts() {
    for signed in [false, true] {
        let mut all = group_of(2, &like(signed));
        seal(&mut all[0], b"lost");
        let frame = seal(&mut all[0], b"a text");
        let late = seal(&mut all[0], b"newest");
        assert!(open(&mut all[1], &late).is_ok());
        let refused = |group: &mut Group<'_>, bytes: &[u8]| {
            let before = group.info();
            let mut out = [0xaa; 128];
            let error = group.open(bytes, 0, &mut out).unwrap_err();
            let mut after = group.info();
            after.refused -= 1;
            assert_eq!(before, after);
            let wiped = &out[..Group::opened_len(bytes.len())];
            assert!(wiped.iter().all(|byte| [0, 0xaa].contains(byte)), "text of a refused frame");
            error
        };
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = refused(&mut all[1], &bytes);
            let expected: &[Error] = match bit / 8 {
                0 if bit >= 4 => &[Error::CommVersion],
                0..3 => &[Error::CommFormat],
                3 => &[Error::CommState, Error::CommExpired, Error::CommKeys],
                4 | 5 => &[Error::CommPeer],
                6 | 7 => &[Error::CommReplay, Error::CommAhead, Error::CommAuth],
                _ => &[Error::CommAuth],
            };
            assert!(expected.contains(&error), "bit {bit}: {error:?}");
        }
        for len in 0..frame.len() {
            refused(&mut all[1], &frame[..len]);
        }
        refused(&mut all[1], &[&frame[..], &[0]].concat());
        assert_eq!(open(&mut all[1], &frame).unwrap(), b"a text");

        let told = announce(&all[0], 2);
        assert_eq!(told.len(), if signed { SIGNED_ANNOUNCEMENT } else { ANNOUNCEMENT });
        for len in 0..told.len() {
            assert_eq!(all[1].accept(1, &told[..len]), Err(Error::CommFormat));
        }
        let longer = [&told[..], &[0]].concat();
        assert_eq!(all[1].accept(1, &longer), Err(Error::CommFormat));
        for (byte, expected) in [(0, Error::CommVersion), (1, Error::CommFormat)] {
            let mut bytes = told.clone();
            bytes[byte] ^= 0x30;
            assert_eq!(all[1].accept(1, &bytes), Err(expected));
        }
        let other = group_of(2, &like(!signed)).remove(0);
        assert_eq!(all[1].accept(1, &announce(&other, 2)), Err(Error::CommFormat));
        assert_eq!(all[1].accept(1, &told), Ok(()));
    }
}

#[test]
fn frames_of_other_groups_are_refused() {
    let mut all = group_of(2, &like(false));
    let mut others = group_of(2, &GroupConfig { id: [1; 16], ..like(false) });
    assert_ne!(all[0].info().short_id, others[0].info().short_id);
    let frame = seal(&mut others[0], b"elsewhere");
    assert_eq!(frame[1..3], others[0].info().short_id);
    assert_eq!(open(&mut all[1], &frame), Err(Error::CommFormat));
    let told = announce(&others[0], 2);
    assert_eq!(all[1].accept(1, &told), Err(Error::CommFormat));
    assert!(open(&mut others[1], &frame).is_ok());
}

#[test]
fn a_counter_far_ahead_costs_nothing() {
    // The last frame that is near enough, and the first that is not.
    for (ahead, opens) in [(99, false), (100, true)] {
        let config = GroupConfig { ahead, ..like(false) };
        let mut all = group_of(2, &config);
        (0..100).for_each(|_| drop(seal(&mut all[0], b"lost")));
        let frame = seal(&mut all[0], b"far");
        let told = announce(&all[0], 2);
        match opens {
            true => assert_eq!(open(&mut all[1], &frame).unwrap(), b"far"),
            false => {
                assert_eq!(open(&mut all[1], &frame), Err(Error::CommAhead));
                // The sender's announcement lets it go on.
                all[1].accept(1, &told).unwrap();
                assert_eq!(open(&mut all[1], &frame), Err(Error::CommReplay));
                let next = seal(&mut all[0], b"next");
                assert_eq!(open(&mut all[1], &next).unwrap(), b"next");
            }
        }
    }
}

#[test]
fn late_frames_of_before_a_jump_come_still() {
    let mut all = group_of(2, &GroupConfig { window: 8, ahead: 4, ..like(false) });
    let frames: Vec<_> = (0..20u8).map(|n| seal(&mut all[0], &[n])).collect();
    assert!(open(&mut all[1], &frames[4]).is_ok());
    // An announcement from 9 on: 2 and 3 are in the window still, 0 and 1 are not,
    // 5 to 8 are passed over.
    let mut source = group_of(2, &like(false));
    let nine: Vec<_> = (0..9).map(|_| seal(&mut source[0], b"")).collect();
    assert_eq!(nine.len(), 9);
    all[1].accept(1, &announce(&source[0], 2)).unwrap();
    for (at, expected) in
        [(0, false), (1, true), (2, true), (3, true), (4, false), (5, false), (8, false), (9, true)]
    {
        assert_eq!(open(&mut all[1], &frames[at]).is_ok(), expected, "frame {at}");
    }
}

#[test]
fn the_previous_epoch_is_over_after_its_time_and_its_number() {
    for (at_us, opens) in [(0, true), (999, true), (1000, false), (5000, false)] {
        let config = GroupConfig { keep_us: 1000, ..like(false) };
        let mut all = group_of(2, &config);
        let old = seal(&mut all[0], b"old");
        all[1].rekey(&mut Seeded::new(3), 100).unwrap();
        let result = open_at(&mut all[1], &old, 100 + at_us);
        assert_eq!(result.is_ok(), opens, "{at_us}");
        if !opens {
            assert_eq!(result, Err(Error::CommExpired));
        }
    }
    let mut all = group_of(2, &GroupConfig { keep_frames: 3, ..like(false) });
    let old: Vec<_> = (0..4u8).map(|n| seal(&mut all[0], &[n])).collect();
    all[1].rekey(&mut Seeded::new(3), 0).unwrap();
    assert_eq!(all[1].info().previous, Some(1));
    for frame in &old[..3] {
        assert!(open(&mut all[1], frame).is_ok());
    }
    assert_eq!(all[1].info().previous, None);
    assert_eq!(open(&mut all[1], &old[3]), Err(Error::CommExpired));
    // And when another one begins.
    let mut all = group_of(2, &like(false));
    let old = seal(&mut all[0], b"old");
    all[1].rekey(&mut Seeded::new(3), 0).unwrap();
    all[1].rekey(&mut Seeded::new(4), 0).unwrap();
    assert_eq!(open(&mut all[1], &old), Err(Error::CommExpired));
    // An epoch whose number ends alike gives way at once: frames tell no more.
    let mut all = group_of(2, &like(false));
    let old = seal(&mut all[0], b"old");
    all[1].change(257, &[], &[], &mut Seeded::new(3), 0).unwrap();
    assert_eq!((all[1].info().epoch, all[1].info().previous), (257, None));
    assert_eq!(open(&mut all[1], &old), Err(Error::CommKeys));
}

#[test]
fn counters_end_and_never_turn_over() {
    let mut all = group_of(2, &GroupConfig { frames: 3, ..like(false) });
    for _ in 0..3 {
        let frame = seal(&mut all[0], b"one of three");
        assert!(open(&mut all[1], &frame).is_ok());
    }
    let mut out = [0; 64];
    assert_eq!(all[0].seal(b"four", &mut out), Err(Error::CommCounter));
    assert_eq!(out, [0; 64]);
    // Whoever goes on nevertheless is refused.
    let told = announce(&all[0], 2);
    let fourth = forge(1, 1, 3, chain_of(&told), None, b"four");
    assert_eq!(open(&mut all[1], &fourth), Err(Error::CommCounter));
    for at in 0..2 {
        all[at].rekey(&mut Seeded::new(at as u64), 0).unwrap();
    }
    introduce(&mut all);
    let frame = seal(&mut all[0], b"a new epoch");
    assert!(open(&mut all[1], &frame).is_ok());

    // At the end of 32 bits.
    let mut all = group_of(2, &like(false));
    let mut told = announce(&all[0], 2);
    told[23..27].copy_from_slice(&(u32::MAX - 2).to_le_bytes());
    all[1].accept(1, &told).unwrap();
    let chain = chain_of(&told).to_vec();
    let first = forge(1, 1, u32::MAX - 2, &chain, None, b"last but one");
    let [next, _] = Hash::Blake2s.hkdf(&chain, b"nsw group step 1");
    let last = forge(1, 1, u32::MAX - 1, next.bytes(), None, b"last");
    let [next, _] = Hash::Blake2s.hkdf(next.bytes(), b"nsw group step 1");
    let over = forge(1, 1, u32::MAX, next.bytes(), None, b"over");
    let [next, _] = Hash::Blake2s.hkdf(next.bytes(), b"nsw group step 1");
    let round = forge(1, 1, 0, next.bytes(), None, b"round");
    assert!(open(&mut all[1], &last).is_ok());
    assert_eq!(open(&mut all[1], &over), Err(Error::CommCounter));
    assert_eq!(open(&mut all[1], &round), Err(Error::CommCounter));
    assert!(open(&mut all[1], &first).is_ok());

    // Epochs.
    let mut all = group_of(2, &GroupConfig { epoch: u32::MAX - 1, ..like(false) });
    assert_eq!(all[0].rekey(&mut Seeded::new(1), 0), Err(Error::CommCounter));
    assert_eq!(all[0].add(9, &mut Seeded::new(1), 0), Err(Error::CommCounter));
    assert_eq!(all[0].remove(2, &mut Seeded::new(1), 0), Err(Error::CommCounter));
    let frame = seal(&mut all[0], b"as before");
    assert!(open(&mut all[1], &frame).is_ok());
}

#[test]
fn changes_are_all_or_nothing() {
    let mut all = group_of(3, &GroupConfig { members: 3, ..like(false) });
    let group = &mut all[0];
    let mut entropy = Seeded::new(1);
    for (epoch, add, remove, expected) in [
        (1, &[][..], &[][..], Error::Invalid),
        (0, &[4], &[], Error::Invalid),
        (2, &[1], &[], Error::Invalid),
        (2, &[2], &[], Error::Invalid),
        (2, &[2], &[2], Error::Invalid),
        (2, &[4, 4], &[3], Error::Invalid),
        (2, &[4], &[5], Error::CommPeer),
        (2, &[], &[3, 2, 1, 0], Error::CommPeer),
        (2, &[], &[3, 3], Error::Invalid),
        (2, &[4, 5], &[], Error::Capacity),
        (2, &[4, 5, 6, 7], &[2, 3], Error::Capacity),
    ] {
        let before = group.info();
        assert_eq!(group.change(epoch, add, remove, &mut entropy, 0), Err(expected));
        assert_eq!(group.info(), before);
        assert_eq!(group.members().collect::<Vec<_>>(), [2, 3]);
    }
    entropy.1 = true;
    assert_eq!(group.remove(2, &mut entropy, 0), Err(Error::Hook));
    let config = GroupConfig::new(ID, 1);
    assert_eq!(Group::new(&config, &mut entropy, Heap).err(), Some(Error::Hook));
    let frame = seal(&mut all[0], b"still the same epoch");
    assert!(open(&mut all[1], &frame).is_ok());

    entropy.1 = false;
    all[0].change(7, &[4, 5], &[2], &mut entropy, 0).unwrap();
    assert_eq!(all[0].members().collect::<BTreeSet<_>>(), [3, 4, 5].into());
    assert_eq!(all[0].missing().collect::<BTreeSet<_>>(), [3, 4, 5].into());
    assert_eq!((all[0].info().epoch, all[0].info().members), (7, 3));
}

#[test]
fn settings_outside_their_range_and_small_buffers_are_refused() {
    let good = GroupConfig::new(ID, 1);
    for bad in [
        GroupConfig { members: 0, ..good },
        GroupConfig { members: MAX_MEMBERS + 1, ..good },
        GroupConfig { window: 0, ..good },
        GroupConfig { window: MAX_WINDOW + 1, ..good },
        GroupConfig { ahead: 0, ..good },
        GroupConfig { ahead: MAX_AHEAD + 1, ..good },
        GroupConfig { frames: 0, ..good },
        GroupConfig { keep_frames: 0, ..good },
    ] {
        assert_eq!(Group::footprint(&bad).err(), Some(Error::Invalid));
        let group = Group::new(&bad, &mut Seeded::new(1), Heap);
        assert_eq!(group.err(), Some(Error::Invalid));
    }
    for signed in [false, true] {
        let mut all = group_of(2, &like(signed));
        let mut short = vec![0; 4 + all[0].overhead()];
        assert_eq!(all[0].seal(b"12345", &mut short), Err(Error::BufferTooSmall));
        let mut announcement = vec![0; all[0].announcement_len() - 1];
        assert_eq!(all[0].announce(2, &mut announcement), Err(Error::BufferTooSmall));
        let frame = seal(&mut all[0], b"12345");
        let mut short = vec![0; Group::opened_len(frame.len()) - 1];
        let before = all[1].info();
        assert_eq!(all[1].open(&frame, 0, &mut short), Err(Error::BufferTooSmall));
        assert_eq!(all[1].info(), before);
        assert_eq!(open(&mut all[1], &frame).unwrap(), b"12345");
    }
}

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
