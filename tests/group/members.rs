//! Members: who reads what, in what order, once.

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::comm::crypto::{Cipher, Hash};
use neural_swarm::comm::group::{Group, GroupConfig, OVERHEAD, SIGNED_OVERHEAD};
use neural_swarm::port::Heap;

use super::nodes::{ID, Seeded, announce, chain_of, group_of, introduce, like, open, seal};

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
    let vectors = include_str!("../data/group.txt");
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
