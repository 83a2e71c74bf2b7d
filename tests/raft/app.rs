//! What the nodes agree on: numbers by key, and which command comes next.

use std::collections::BTreeMap;

use crate::linear::Op;

/// What stands in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Of all commands of a run.
    pub number: u64,
    pub key: u64,
    pub op: Op,
}

impl Command {
    /// Its bytes, with so many more behind them.
    pub fn encode(&self, more: usize) -> Vec<u8> {
        let (what, a, b) = match self.op {
            Op::Get => (0, 0, 0),
            Op::Put(new) => (1, new, 0),
            Op::Add(more) => (2, more, 0),
            Op::Swap(old, new) => (3, old, new),
        };
        let words = [self.number, self.key, what, a, b];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend((0..more).map(|n| (self.number as usize + n) as u8));
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Command> {
        let mut words = bytes.chunks(8).take(5).map(|word| word.try_into().map(u64::from_le_bytes));
        let mut word = || words.next()?.ok();
        let (number, key, what, a, b) = (word()?, word()?, word()?, word()?, word()?);
        let op = match what {
            0 => Op::Get,
            1 => Op::Put(a),
            2 => Op::Add(a),
            3 => Op::Swap(a, b),
            _ => return None,
        };
        (bytes[40..].iter().enumerate().all(|(n, byte)| *byte == (number as usize + n) as u8))
            .then_some(Command { number, key, op })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct App {
    pub applied: u64,
    pub values: BTreeMap<u64, u64>,
    /// The last command of each client, and its answer.
    pub answers: BTreeMap<u64, (u64, u64)>,
}

impl App {
    /// The answer.
    pub fn apply(&mut self, index: u64, command: &Command) -> u64 {
        self.applied = index;
        let value = self.values.entry(command.key).or_default();
        let (after, answer) = command.op.apply(*value);
        *value = after;
        answer
    }

    pub fn value(&self, key: u64) -> u64 {
        self.values.get(&key).copied().unwrap_or_default()
    }

    /// As a snapshot, which takes a few hundred bytes more than it needs.
    pub fn save(&self) -> Vec<u8> {
        let mut words = vec![self.applied, self.values.len() as u64];
        words.extend(self.values.iter().flat_map(|(key, value)| [*key, *value]));
        words.push(self.answers.len() as u64);
        words.extend(self.answers.iter().flat_map(|(client, a)| [*client, a.0, a.1]));
        words.extend((0..60).map(|n| self.applied * n));
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub fn load(bytes: &[u8]) -> App {
        let words: Vec<u64> =
            bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        let (mut app, mut at) = (App { applied: words[0], ..App::default() }, 2);
        for _ in 0..words[1] {
            app.values.insert(words[at], words[at + 1]);
            at += 2;
        }
        for _ in 0..words[at] {
            app.answers.insert(words[at + 1], (words[at + 2], words[at + 3]));
            at += 3;
        }
        assert!(words[at + 1..].iter().enumerate().all(|(n, w)| *w == app.applied * n as u64));
        assert_eq!(words.len(), at + 61);
        app
    }
}

mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for op in [Op::Get, Op::Put(1), Op::Add(2), Op::Swap(3, 4)] {
            let command = Command { number: 7, key: 8, op };
            let mut bytes = command.encode(9);
            assert_eq!(Command::decode(&bytes), Some(command));
            *bytes.last_mut().unwrap() ^= 1;
            assert_eq!(Command::decode(&bytes), None);
        }
        let mut app = App::default();
        app.answers.insert(9, (8, 7));
        assert_eq!(app.apply(5, &Command { number: 1, key: 2, op: Op::Add(3) }), 3);
        assert_eq!(App::load(&app.save()), app);
    }
}
