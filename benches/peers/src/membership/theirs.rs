//! The crate foca, with its settings for a local network of that size.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use foca::{
    AccumulatingRuntime, Config, Foca, Identity, NoCustomBroadcast, OwnedNotification,
    PostcardCodec, Timer,
};
use neural_swarm::Result;
use neural_swarm::host::sim::{Machine, Sent};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};

use super::swarm::{Member, What};

/// An address and which of its lives it is, as foca's own examples have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Id {
    address: [u8; 6],
    life: u16,
}

impl Id {
    fn of(node: usize) -> Id {
        let [a, b, ..] = node.to_le_bytes();
        Id { address: [10, 0, a, b, 0, 1], life: 0 }
    }

    fn node(&self) -> usize {
        u16::from_le_bytes([self.address[2], self.address[3]]).into()
    }
}

impl Identity for Id {
    type Addr = [u8; 6];

    fn renew(&self) -> Option<Id> {
        Some(Id { life: self.life + 1, ..*self })
    }

    fn addr(&self) -> [u8; 6] {
        self.address
    }

    fn win_addr_conflict(&self, adversary: &Id) -> bool {
        self.life > adversary.life
    }
}

pub struct Theirs {
    foca: Foca<Id, PostcardCodec, SmallRng, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Id>,
    /// By when, and in which order they were asked for.
    timers: BTreeMap<(u64, Reverse<bool>, u64), Timer<Id>>,
    count: u64,
    told: Vec<(u64, usize, What)>,
}

impl Theirs {
    fn drain(&mut self, now: u64, sent: &mut Sent) {
        while let Some((to, bytes)) = self.runtime.to_send() {
            sent.send(to.node(), &bytes);
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.count += 1;
            // foca wants the question to others before the end of a probe that is due at the same time.
            let first = matches!(timer, Timer::SendIndirectProbe { .. });
            let at = now + after.as_micros() as u64;
            self.timers.insert((at, Reverse(first), self.count), timer);
        }
        while let Some(notification) = self.runtime.to_notify() {
            match notification {
                OwnedNotification::MemberUp(id) => self.told.push((now, id.node(), What::Up)),
                OwnedNotification::MemberDown(id) => self.told.push((now, id.node(), What::Down)),
                _ => {}
            }
        }
    }
}

impl Machine for Theirs {
    fn receive(&mut self, _: usize, bytes: &[u8], now: u64, sent: &mut Sent) -> Result<()> {
        // Messages for an earlier life are refused.
        let _ = self.foca.handle_data(bytes, &mut self.runtime);
        self.drain(now, sent);
        Ok(())
    }

    fn wake(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        while self.wake_at() <= now {
            let Some((_, timer)) = self.timers.pop_first() else { break };
            // Timers of before it began anew mean nothing.
            let _ = self.foca.handle_timer(timer, &mut self.runtime);
            self.drain(now, sent);
        }
        Ok(())
    }

    fn wake_at(&self) -> u64 {
        self.timers.first_key_value().map_or(u64::MAX, |(key, _)| key.0)
    }
}

impl Member for Theirs {
    fn new(own: usize, members: usize, now: u64) -> Theirs {
        let size = NonZeroU32::new(members as u32).expect("some");
        let random = SmallRng::seed_from_u64(own as u64 ^ now << 16);
        Theirs {
            foca: Foca::new(Id::of(own), Config::new_lan(size), random, PostcardCodec),
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            count: 0,
            told: Vec::new(),
        }
    }

    fn join(&mut self, with: usize, now: u64, sent: &mut Sent) {
        self.foca.announce(Id::of(with), &mut self.runtime).expect("sent");
        self.drain(now, sent);
    }

    fn others(&self) -> usize {
        self.foca.num_members()
    }

    fn take_told(&mut self) -> Vec<(u64, usize, What)> {
        std::mem::take(&mut self.told)
    }
}
