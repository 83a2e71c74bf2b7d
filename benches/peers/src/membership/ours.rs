//! Ours, with its own settings for a local network.

use neural_swarm::Result;
use neural_swarm::host::sim::{Machine, Sent};
use neural_swarm::node::membership::*;
use neural_swarm::port::{Address, Heap};

use super::swarm::{Member, What, what};

pub struct Ours {
    membership: Membership<'static>,
    told: Vec<(u64, usize, What)>,
}

/// As long as numbers of real members are, and back.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
/// What undoes that: the product of both is 1, modulo 2^64.
const GATHER: u64 = 0xf1de_83e1_9937_733d;

fn id_of(node: usize) -> u64 {
    (node as u64 + 1).wrapping_mul(SCATTER)
}

fn node_of(id: u64) -> usize {
    (id.wrapping_mul(GATHER) - 1) as usize
}

impl Ours {
    fn drain(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        let mut out = [0; 1400];
        while let Some(output) = self.membership.next(&mut out)? {
            match output {
                Output::Message { to, len } => sent.send(node_of(to), &out[..len]),
                Output::Changed { id, change } => {
                    self.told.extend(what(change).map(|what| (now, node_of(id), what)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Machine for Ours {
    fn receive(&mut self, from: usize, bytes: &[u8], now: u64, sent: &mut Sent) -> Result<()> {
        self.membership.receive(id_of(from), bytes, now)?;
        self.drain(now, sent)
    }

    fn wake(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        self.membership.poll(now);
        self.drain(now, sent)
    }

    fn wake_at(&self) -> u64 {
        self.membership.wake_at()
    }
}

impl Member for Ours {
    fn new(own: usize, members: usize, now: u64) -> Ours {
        let [a, b, ..] = own.to_le_bytes();
        let config = MembershipConfig {
            address: Address::new(&[10, 0, a, b, 0, 1]).expect("short"),
            mtu: 1400,
            ..MembershipConfig::new(id_of(own), members)
        };
        let membership = Membership::new(&config, Heap, now).expect("good settings");
        Ours { membership, told: Vec::new() }
    }

    fn join(&mut self, with: usize, now: u64, sent: &mut Sent) {
        self.membership.join(id_of(with), now).expect("somebody else");
        self.drain(now, sent).expect("there is room");
    }

    fn others(&self) -> usize {
        self.membership.count() - 1
    }

    fn take_told(&mut self) -> Vec<(u64, usize, What)> {
        std::mem::take(&mut self.told)
    }
}
