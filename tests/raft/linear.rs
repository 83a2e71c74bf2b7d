//! Whether a history of calls and their answers is linearizable: whether all calls could
//! have happened one after the other, each at some moment between its call and its answer.
//!
//! The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the
//! memory of Lowe ("Testing for linearizability", 2017): which calls have happened and what
//! the state was then is looked at once. A call that nobody answered may have happened at
//! any moment after it, or never. Keys are looked at one by one, which is as strong: the
//! property is local.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// What is done to a key, whose value is a number and 0 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Get,
    Put(u64),
    /// Its answer is the sum. Twice is not the same as once.
    Add(u64),
    /// Puts the second where the first is. Its answer is what was there.
    Swap(u64, u64),
}

impl Op {
    /// The value after it, and the answer.
    pub fn apply(self, value: u64) -> (u64, u64) {
        match self {
            Op::Get => (value, value),
            Op::Put(new) => (new, 0),
            Op::Add(more) => (value + more, value + more),
            Op::Swap(old, new) => (if value == old { new } else { value }, value),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub client: u64,
    pub key: u64,
    pub op: Op,
    /// Moments, all different: of the call, and of the answer with what it was.
    pub called: u64,
    pub answered: Option<(u64, u64)>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { client, key, op, called, .. } = self;
        write!(f, "{called:>6}: client {client} {op:?} in {key}")?;
        match self.answered {
            Some((moment, answer)) => write!(f, ": {answer} at {moment}"),
            None => write!(f, ", not answered"),
        }
    }
}

/// Calls of clients, of which each has one at a time or has given up the one before.
#[derive(Default)]
pub struct History {
    pub calls: Vec<Call>,
    moment: u64,
}

impl History {
    /// The number of the call.
    pub fn call(&mut self, client: u64, key: u64, op: Op) -> usize {
        self.moment += 1;
        self.calls.push(Call { client, key, op, called: self.moment, answered: None });
        self.calls.len() - 1
    }

    pub fn answer(&mut self, call: usize, answer: u64) {
        self.moment += 1;
        assert!(self.calls[call].answered.is_none(), "{:?} is answered twice", self.calls[call]);
        self.calls[call].answered = Some((self.moment, answer));
    }

    /// The calls of the key that cannot be put into an order, if there is one.
    pub fn check(&self) -> Result<(), Vec<Call>> {
        let mut keys: BTreeMap<u64, Vec<Call>> = BTreeMap::new();
        for call in &self.calls {
            keys.entry(call.key).or_default().push(*call);
        }
        keys.into_values()
            .try_for_each(|calls| if linearizable(&calls) { Ok(()) } else { Err(calls) })
    }
}

/// Where a list ends.
const END: usize = usize::MAX;

/// Moments in their order as a list from which calls can be taken and put back.
struct List {
    /// Of each: its call, and whether it is the answer of that.
    moments: Vec<(usize, bool)>,
    next: Vec<usize>,
    prev: Vec<usize>,
    /// Where each call and its answer stand.
    at: Vec<(usize, usize)>,
}

impl List {
    fn new(calls: &[Call]) -> List {
        let mut moments = vec![];
        for (n, call) in calls.iter().enumerate() {
            moments.push((call.called, n, false));
            moments.extend(call.answered.map(|(moment, _)| (moment, n, true)));
        }
        moments.sort_unstable();
        let mut at = vec![(END, END); calls.len()];
        // The first place is the head of the list.
        for (place, (_, n, answer)) in moments.iter().enumerate() {
            if *answer {
                at[*n].1 = place + 1;
            } else {
                at[*n].0 = place + 1;
            }
        }
        let len = moments.len() + 1;
        List {
            moments: [(END, false)].into_iter().chain(moments.iter().map(|m| (m.1, m.2))).collect(),
            next: (1..=len).map(|n| if n == len { END } else { n }).collect(),
            prev: (0..len).map(|n| n.wrapping_sub(1)).collect(),
            at,
        }
    }

    fn unlink(&mut self, place: usize) {
        if place == END {
            return;
        }
        let (prev, next) = (self.prev[place], self.next[place]);
        self.next[prev] = next;
        if next != END {
            self.prev[next] = prev;
        }
    }

    fn relink(&mut self, place: usize) {
        if place == END {
            return;
        }
        let (prev, next) = (self.prev[place], self.next[place]);
        self.next[prev] = place;
        if next != END {
            self.prev[next] = place;
        }
    }
}

fn linearizable(calls: &[Call]) -> bool {
    let mut list = List::new(calls);
    let mut open = calls.iter().filter(|call| call.answered.is_some()).count();
    let (mut value, mut done) = (0, vec![0u64; calls.len().div_ceil(64)]);
    let mut seen: HashSet<(Vec<u64>, u64)> = HashSet::new();
    let mut taken: Vec<(usize, u64)> = vec![];
    let mut place = list.next[0];
    while open > 0 {
        let ended = place == END || list.moments[place].1;
        if ended {
            // Nothing that is called can come next: the last one taken was not it.
            let Some((n, before)) = taken.pop() else { return false };
            let (call, answer) = list.at[n];
            list.relink(answer);
            list.relink(call);
            done[n / 64] &= !(1 << (n % 64));
            open += usize::from(calls[n].answered.is_some());
            value = before;
            place = list.next[call];
            continue;
        }
        let n = list.moments[place].0;
        let (after, answer) = calls[n].op.apply(value);
        let fits = calls[n].answered.is_none_or(|(_, said)| said == answer);
        done[n / 64] |= 1 << (n % 64);
        if fits && seen.insert((done.clone(), after)) {
            taken.push((n, value));
            open -= usize::from(calls[n].answered.is_some());
            value = after;
            let (call, answer) = list.at[n];
            list.unlink(call);
            list.unlink(answer);
            place = list.next[0];
        } else {
            done[n / 64] &= !(1 << (n % 64));
            place = list.next[place];
        }
    }
    true
}

mod tests {
    use super::*;
    use crate::random::Random;

    /// Calls as `(op, called, answered, answer)`; an answer at 0 never came.
    fn calls(of: &[(Op, u64, u64, u64)]) -> Vec<Call> {
        let call = |&(op, called, answered, answer): &(Op, u64, u64, u64)| Call {
            client: 0,
            key: 0,
            op,
            called,
            answered: (answered > 0).then_some((answered, answer)),
        };
        of.iter().map(call).collect()
    }

    use Op::{Add, Get, Put, Swap};

    #[test]
    fn known_histories_are_told_apart() {
        for (good, history) in [
            (true, &[] as &[(Op, u64, u64, u64)]),
            (true, &[(Get, 1, 2, 0)]),
            (false, &[(Get, 1, 2, 1)]),
            (true, &[(Put(1), 1, 2, 0), (Get, 3, 4, 1)]),
            // A read that comes too late to see the old value.
            (false, &[(Put(1), 1, 2, 0), (Get, 3, 4, 0)]),
            // While it is being put, either is right, but not the new and then the old.
            (true, &[(Put(1), 1, 6, 0), (Get, 2, 3, 0), (Get, 4, 5, 1)]),
            (false, &[(Put(1), 1, 6, 0), (Get, 2, 3, 1), (Get, 4, 5, 0)]),
            // What nobody answered may have happened late, or never, but not twice.
            (true, &[(Put(1), 1, 0, 0), (Get, 2, 3, 0), (Get, 4, 5, 1)]),
            (true, &[(Put(1), 1, 0, 0), (Get, 2, 3, 0)]),
            (false, &[(Put(1), 1, 0, 0), (Get, 2, 3, 1), (Get, 4, 5, 0)]),
            (false, &[(Put(1), 1, 0, 0), (Get, 2, 3, 1), (Put(2), 4, 5, 0), (Get, 6, 7, 1)]),
            (false, &[(Add(1), 1, 0, 0), (Get, 2, 3, 2)]),
            // Nor before it was called.
            (false, &[(Get, 1, 2, 1), (Put(1), 3, 0, 0)]),
            (true, &[(Add(1), 1, 4, 2), (Add(1), 2, 3, 1)]),
            (false, &[(Add(1), 1, 4, 1), (Add(1), 2, 3, 1)]),
            (true, &[(Swap(0, 5), 1, 4, 0), (Swap(0, 6), 2, 3, 5), (Get, 5, 6, 5)]),
            (false, &[(Swap(0, 5), 1, 4, 0), (Swap(0, 6), 2, 3, 0), (Get, 5, 6, 5)]),
            // Two who see two writes in different orders.
            (
                false,
                &[
                    (Put(1), 1, 20, 0),
                    (Put(2), 2, 21, 0),
                    (Get, 3, 4, 1),
                    (Get, 5, 6, 2),
                    (Get, 7, 8, 1),
                ],
            ),
        ] {
            assert_eq!(linearizable(&calls(history)), good, "{history:?}");
        }
    }

    /// By trying all orders.
    fn simply(calls: &[Call], done: u32, value: u64) -> bool {
        let rest = |n: &usize| done & 1 << n == 0;
        let open = |n: &usize| rest(n) && calls[*n].answered.is_some();
        if !(0..calls.len()).any(|n| open(&n)) {
            return true;
        }
        let end =
            (0..calls.len()).filter(open).map(|n| calls[n].answered.unwrap().0).min().unwrap();
        (0..calls.len()).filter(rest).any(|n| {
            let (after, answer) = calls[n].op.apply(value);
            let fits = calls[n].answered.is_none_or(|(_, said)| said == answer);
            calls[n].called < end && fits && simply(calls, done | 1 << n, after)
        })
    }

    #[test]
    fn it_says_what_all_orders_say() {
        let mut found = [0; 2];
        for seed in 0..4000 {
            let mut random = Random::new(seed);
            let count = random.between(2, 7);
            let mut moments: Vec<u64> = (1..=2 * count).collect();
            let mut calls = vec![];
            for _ in 0..count {
                let a = moments.swap_remove(random.below(moments.len() as u64) as usize);
                let b = moments.swap_remove(random.below(moments.len() as u64) as usize);
                let (small, other) = (random.below(3), random.below(3));
                let op = [Get, Put(small), Add(1), Swap(small, other)][random.below(4) as usize];
                let answer = if matches!(op, Put(_)) { 0 } else { random.below(3) };
                let answered = (!random.chance(20)).then_some((a.max(b), answer));
                calls.push(Call { client: 0, key: 0, op, called: a.min(b), answered });
            }
            let want = simply(&calls, 0, 0);
            assert_eq!(linearizable(&calls), want, "{calls:?}");
            found[usize::from(want)] += 1;
        }
        assert!(found.iter().all(|count| *count > 500), "{found:?}");
    }

    /// Long histories of many clients at once, and one answer in them changed.
    #[test]
    fn a_wrong_answer_in_a_long_history_is_found() {
        for seed in 0..30 {
            let mut random = Random::new(seed);
            let (mut history, mut values) = (History::default(), [0u64; 3]);
            let mut waiting: Vec<Option<(usize, Option<u64>)>> = vec![None; 6];
            for n in 0..3000u64 {
                let client = random.below(6) as usize;
                match waiting[client] {
                    None => {
                        let op = [Get, Put(1000 * n), Add(1)][random.below(3) as usize];
                        let call = history.call(client as u64, random.below(3), op);
                        waiting[client] = Some((call, None));
                    }
                    Some((call, None)) => {
                        let value = &mut values[history.calls[call].key as usize];
                        let (after, answer) = history.calls[call].op.apply(*value);
                        *value = after;
                        // Some hear nothing of it.
                        waiting[client] = (!random.chance(2)).then_some((call, Some(answer)));
                    }
                    Some((call, Some(answer))) => {
                        history.answer(call, answer);
                        waiting[client] = None;
                    }
                }
            }
            assert!(history.check().is_ok());
            let gets =
                |call: &&mut Call| call.op == Get && call.answered.is_some_and(|a| a.1 > 1000);
            let count = history.calls.iter().filter(|call| call.op == Get).count();
            let wrong = history.calls.iter_mut().filter(gets).nth(count / 2).unwrap();
            // A value that is older than the one before it.
            wrong.answered = wrong.answered.map(|(moment, _)| (moment, 1));
            assert!(history.check().is_err());
        }
    }
}
