//! Processes that write and read, each one thing at a time. Who hears nothing asks again,
//! of whom he likes, with the same number: it must not happen twice.

use crate::app::Command;
use crate::linear::Op;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Nothing,
    Write { command: Command, more: usize },
    Read { call: usize, key: u64, token: u64 },
}

#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub id: u64,
    /// The number of its last command.
    pub sequence: u64,
    pub doing: Doing,
    /// The node that it asks.
    pub at: u64,
    /// When it does something, or asks again.
    pub wake: u64,
    /// How often it has asked.
    pub tries: u64,
}

impl Client {
    pub fn new(id: u64) -> Client {
        Client { id, sequence: 0, doing: Doing::Nothing, at: 0, wake: 0, tries: 0 }
    }
}

/// What comes next, on one of so many keys. `number` is of the command.
pub fn any_op(random: &mut Random, keys: u64, number: u64) -> (u64, Op) {
    let key = random.below(keys);
    let op = match random.below(10) {
        0 => Op::Get,
        1..4 => Op::Put(number << 16),
        4..9 => Op::Add(1),
        _ => Op::Swap(random.below(4), number << 16),
    };
    (key, op)
}
