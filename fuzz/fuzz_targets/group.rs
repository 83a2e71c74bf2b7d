//! Any bytes as the frames and announcements of a group, and members that come
//! and go in between: nothing panics, what is refused changes nothing, and no text
//! comes out twice.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::group::{Group, GroupConfig};
use neural_swarm::port::{Entropy, Heap};
use neural_swarm::{Error, Result};

/// The same bytes every time; fails when it is told to.
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if self.0 == 0 {
            return Err(Error::Hook);
        }
        out.fill(self.0);
        self.0 = self.0.wrapping_add(1);
        Ok(())
    }
}

fn group(own: u16, signed: bool) -> Group<'static> {
    let config = GroupConfig {
        members: 3,
        window: 3,
        ahead: 5,
        frames: 50,
        keep_us: 100,
        keep_frames: 4,
        signed,
        ..GroupConfig::new([7; 16], own)
    };
    Group::new(&config, &mut Fixed(own as u8), Heap).expect("good settings")
}

fuzz_target!(|input: &[u8]| {
    let [signed, steps @ ..] = input else { return };
    let signed = signed & 1 == 1;
    let (mut us, mut peer) = (group(1, signed), group(2, signed));
    us.change(1, &[2, 3], &[], &mut Fixed(20), 0).expect("good members");
    peer.change(1, &[1, 3], &[], &mut Fixed(30), 0).expect("good members");
    let mut now = 0;
    let mut opened = BTreeSet::new();
    let mut rest = steps;
    // A frame or an announcement of the peer's, to be changed by what follows.
    let mut bytes = Vec::new();
    while let [what, value, more @ ..] = rest {
        rest = more;
        let value = *value;
        match what % 9 {
            0 => {
                bytes = vec![0; usize::from(value) + peer.overhead()];
                let text = vec![value; usize::from(value)];
                if peer.seal(&text, &mut bytes).is_err() {
                    bytes.clear();
                }
            }
            1 => {
                bytes = vec![0; peer.announcement_len()];
                peer.announce(1, &mut bytes).unwrap_or_default();
            }
            // Bytes of the fuzzer's own.
            2 => {
                let (own, after) = rest.split_at(usize::from(value).min(rest.len()));
                bytes = own.to_vec();
                rest = after;
            }
            3 => {
                let at = usize::from(value) % bytes.len().max(1);
                if let (Some(byte), Some(new)) = (bytes.get_mut(at), rest.first()) {
                    *byte = *new;
                }
            }
            4 => {
                let before = us.info();
                let mut out = vec![0; Group::opened_len(bytes.len())];
                match us.open(&bytes, now, &mut out) {
                    Ok(message) => {
                        let place = (message.sender, message.epoch, message.counter);
                        assert_eq!(message.sender, 2);
                        assert!(opened.insert(place), "a frame came twice");
                    }
                    Err(_) => {
                        assert!(out.iter().all(|byte| *byte == 0));
                        let mut after = us.info();
                        after.refused -= 1;
                        // Time may have ended the previous epoch.
                        after.previous = before.previous;
                        assert_eq!(after, before);
                    }
                }
            }
            5 => {
                let _ = us.accept(2, &bytes);
            }
            6 => now += u64::from(value),
            7 => {
                let _ = match value % 4 {
                    0 => us.remove(u16::from(value >> 4), &mut Fixed(value), now),
                    1 => us.add(u16::from(value >> 4), &mut Fixed(value), now),
                    _ => us.rekey(&mut Fixed(value), now),
                };
                // A chain of the same bytes may come back.
                opened.clear();
            }
            _ => {
                let _ = peer.rekey(&mut Fixed(value), now);
            }
        }
    }
});
