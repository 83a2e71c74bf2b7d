//! How often, how long and in which order a search begins anew.

use super::words::mix;

/// One attempt: a search from the beginning with limits of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    pub number: u32,
    /// 0: in the order of the model.
    pub shuffle: u64,
    /// Whether methods are shuffled.
    pub methods: bool,
    /// Whether joins begin somewhere else at each task.
    pub turn: bool,
    /// Which facts joins come to first.
    pub objects: Objects,
    /// The deepest level of the tree.
    pub depth: u32,
    /// How often it may go back: an attempt that goes on without going back is let go on.
    pub fails: u64,
    /// Whether a task below itself in the same state is not looked at.
    pub loops: bool,
}

/// An order of objects, and with them of the facts that joins go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Objects {
    /// That of the model.
    #[default]
    Model,
    /// Those first of which the problem says the least: what has no special use should go before what has.
    Plain,
    /// At random, the same in all of the attempt.
    Random,
}

impl Attempt {
    /// The attempts. First the order of the model without a limit of depth. Then by turns: short ones
    /// with methods ranked at random, the same rank in all of the attempt (a policy, so to say), of lengths
    /// after Luby, Sinclair and Zuckerman ("Optimal speedup of Las Vegas algorithms", 1993); and ever
    /// longer ones in the order of the model, without a limit of depth and with one that grows.
    pub fn nth(number: u32, seed: u64, restarts: bool) -> Attempt {
        let round = number / 8;
        let long = 20_000u64.saturating_mul(1 << round.min(40));
        let shuffle = mix(seed ^ (number as u64) << 32) | 1;
        let plain = Attempt {
            number,
            shuffle: 0,
            methods: false,
            turn: false,
            objects: Objects::Model,
            depth: u32::MAX,
            fails: long,
            loops: true,
        };
        let depth = 8u32.saturating_mul(1 << round.min(24));
        match number % 8 {
            0 => plain,
            3 => Attempt { depth, loops: round.is_multiple_of(2), ..plain },
            6 if restarts => Attempt { shuffle, turn: true, ..plain },
            7 => Attempt { depth: depth / 2, loops: false, ..plain },
            _ if !restarts => Attempt { depth: depth + number % 8, ..plain },
            short => {
                let fails = 600 * luby(number - number / 8 * 4);
                let limit = if short % 2 == 0 { depth * 4 } else { u32::MAX };
                let attempt = Attempt { shuffle, methods: true, depth: limit, fails, ..plain };
                match short {
                    1 => Attempt { objects: Objects::Plain, methods: round % 2 == 1, ..attempt },
                    2 => Attempt { objects: Objects::Random, ..attempt },
                    4 => Attempt { objects: Objects::Plain, ..attempt },
                    _ => Attempt { turn: true, ..attempt },
                }
            }
        }
    }
}

/// 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 and so on, from number 1.
fn luby(number: u32) -> u64 {
    let mut number = number.max(1) as u64;
    loop {
        let size = u64::BITS - number.leading_zeros();
        if number == (1 << size) - 1 {
            return 1 << (size - 1);
        }
        number -= (1 << (size - 1)) - 1;
    }
}
