//! Ours, with its own settings for a local network.

use neural_swarm::node::membership::*;
use neural_swarm::port::{Address, Heap};

use super::sim::{Node, Said};

pub struct Ours(Membership<'static>);

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
    fn drain(&mut self, said: &mut Said) {
        let mut out = [0; 1400];
        while let Some(output) = self.0.next(&mut out).expect("there is room") {
            match output {
                Output::Message { to, len } => said.send.push((node_of(to), out[..len].to_vec())),
                Output::Changed { id, change: Change::Joined } => said.up.push((node_of(id), true)),
                Output::Changed { id, change: Change::Died | Change::Left } => {
                    said.up.push((node_of(id), false));
                }
                _ => {}
            }
        }
    }
}

impl Node for Ours {
    fn new(own: usize, members: usize, now: u64) -> Ours {
        let [a, b, ..] = own.to_le_bytes();
        let config = MembershipConfig {
            address: Address::new(&[10, 0, a, b, 0, 1]).expect("short"),
            mtu: 1400,
            ..MembershipConfig::new(id_of(own), members)
        };
        Ours(Membership::new(&config, Heap, now).expect("good settings"))
    }

    fn join(&mut self, with: usize, now: u64, said: &mut Said) {
        self.0.join(id_of(with), now).expect("somebody else");
        self.drain(said);
    }

    fn receive(&mut self, from: usize, bytes: &[u8], now: u64, said: &mut Said) {
        self.0.receive(id_of(from), bytes, now).expect("a message");
        self.drain(said);
    }

    fn wake_at(&self) -> u64 {
        self.0.wake_at()
    }

    fn wake(&mut self, now: u64, said: &mut Said) {
        self.0.poll(now);
        self.drain(said);
    }

    fn others(&self) -> usize {
        self.0.count() - 1
    }
}
