//! What the values of a store should be: all changes that ever were, each with those
//! that its replica had seen, and the rule of each kind said over that. Slow, and
//! nothing of the library in it.

use std::collections::{BTreeMap, BTreeSet};

/// What a change does to a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// An element is in, a flag is yes, a register has a value; with its rank.
    Put(Vec<u8>, i128),
    /// An element is out, a flag is no.
    Out(Vec<u8>),
    /// Elements are in a list, one behind the other. No two have the same bytes.
    Insert(Vec<Vec<u8>>),
    /// Elements are taken out of a list.
    Take(Vec<Vec<u8>>),
    /// All of the key is gone.
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    AddWins,
    RemoveWins,
    /// All values that no other change has seen.
    All,
    /// The one of the highest rank among them.
    Highest,
    /// The sum of all numbers that no clearing has seen.
    Sum,
    /// How many different elements there are in the latest epoch; a clearing begins one.
    Distinct,
    /// How often each element is in the latest epoch.
    Often,
    /// All elements that are in and were not taken out.
    Ordered,
}

#[derive(Clone, Debug)]
pub struct Change {
    pub replica: usize,
    /// Its sequence numbers: a clearing has one for each item.
    pub seqs: std::ops::RangeInclusive<u64>,
    pub key: usize,
    pub action: Action,
    /// The changes that its replica had, by their numbers.
    pub seen: BTreeSet<usize>,
}

/// What was put in the latest epoch, each with its count, in order: a change's epoch is one
/// later after each clearing that it has seen.
fn latest(changes: &[Change], of_key: &[usize]) -> Vec<(Vec<u8>, i128)> {
    let mut epochs = BTreeMap::new();
    for n in of_key {
        let before = epochs.iter().filter(|(of, _)| changes[*n].seen.contains(of));
        let before: usize = before.map(|(_, epoch)| *epoch).max().unwrap_or(0);
        epochs.insert(*n, before + usize::from(changes[*n].action == Action::Clear));
    }
    let last = epochs.values().max().copied();
    let mut counts = BTreeMap::new();
    for (n, _) in epochs.iter().filter(|(_, epoch)| Some(**epoch) == last) {
        if let Action::Put(bytes, count) = &changes[*n].action {
            *counts.entry(bytes.clone()).or_insert(0) += count;
        }
    }
    counts.into_iter().collect()
}

/// The value of a key after these changes, in the order of the bytes.
pub fn value(changes: &[Change], have: &BTreeSet<usize>, key: usize, rule: Rule) -> Vec<Vec<u8>> {
    let of_key: Vec<usize> = have.iter().copied().filter(|n| changes[*n].key == key).collect();
    match rule {
        Rule::Ordered => return elements(changes, &of_key),
        Rule::Distinct => {
            return vec![(latest(changes, &of_key).len() as u64).to_le_bytes().to_vec()];
        }
        Rule::Often => {
            let often = |(bytes, count): (Vec<u8>, i128)| {
                [&bytes[..], &(count as u64).to_le_bytes()].concat()
            };
            let mut all: Vec<_> = latest(changes, &of_key).into_iter().map(often).collect();
            all.sort();
            return all;
        }
        _ => {}
    }
    // A later change takes away what it has seen, if it is about the same.
    let about = |by: &Action, of: &Action| match (by, of) {
        (Action::Clear, _) => true,
        (_, Action::Clear) => false,
        (Action::Put(a, _) | Action::Out(a), Action::Put(b, _) | Action::Out(b)) => {
            rule != Rule::Sum && a == b || matches!(rule, Rule::All | Rule::Highest)
        }
        _ => false,
    };
    let lives = |n: &&usize| {
        let over = |by: &usize| {
            changes[*by].seen.contains(*n) && about(&changes[*by].action, &changes[**n].action)
        };
        !of_key.iter().any(over)
    };
    let live: Vec<&Action> = of_key.iter().filter(lives).map(|n| &changes[*n].action).collect();
    let put = |action: &&Action| match action {
        Action::Put(bytes, rank) => Some((bytes.clone(), *rank)),
        _ => None,
    };
    let is_out = |bytes: &Vec<u8>| live.iter().any(|a| **a == Action::Out(bytes.clone()));
    let mut found: Vec<(Vec<u8>, i128)> = live.iter().filter_map(put).collect();
    match rule {
        Rule::Sum => {
            let sum: i128 = found.iter().map(|(_, number)| number).sum();
            return vec![(sum as i64).to_le_bytes().to_vec()];
        }
        Rule::AddWins | Rule::All | Rule::Distinct | Rule::Often | Rule::Ordered => {}
        Rule::RemoveWins => found.retain(|(bytes, _)| !is_out(bytes)),
        Rule::Highest => {
            let best = found.iter().max_by_key(|(_, rank)| *rank).cloned();
            found = best.into_iter().collect();
        }
    }
    let mut bytes: Vec<Vec<u8>> = found.into_iter().map(|(bytes, _)| bytes).collect();
    bytes.sort();
    if rule != Rule::All {
        bytes.dedup();
    }
    bytes
}

/// The elements of a list: those put in that nobody who has seen them took out.
fn elements(changes: &[Change], of_key: &[usize]) -> Vec<Vec<u8>> {
    let mut found = vec![];
    for n in of_key {
        let Action::Insert(elements) = &changes[*n].action else { continue };
        let seen_by = |by: &&usize| changes[**by].seen.contains(n);
        let over: Vec<&Action> =
            of_key.iter().filter(seen_by).map(|by| &changes[*by].action).collect();
        let is_out = |element: &Vec<u8>| {
            over.iter().any(|by| match by {
                Action::Clear => true,
                Action::Take(taken) => taken.contains(element),
                _ => false,
            })
        };
        found.extend(elements.iter().filter(|element| !is_out(element)).cloned());
    }
    found.sort();
    found
}

/// The orders in which elements of a list were ever seen, at any replica. There has to be
/// one order of all that ever were, of which each is a part (Attiya et al., "Specification
/// and complexity of collaborative text editing", 2016: the strong list specification).
#[derive(Default)]
pub struct Orders {
    /// What was seen right behind an element.
    behind: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl Orders {
    /// A replica has these elements, in this order.
    pub fn see(&mut self, elements: &[Vec<u8>]) {
        for pair in elements.windows(2) {
            self.behind.entry(pair[0].clone()).or_default().insert(pair[1].clone());
            self.behind.entry(pair[1].clone()).or_default();
        }
    }

    /// There is one order of all elements.
    pub fn check(&self) {
        let mut before: BTreeMap<&[u8], usize> = BTreeMap::new();
        for behind in self.behind.values().flatten() {
            *before.entry(behind).or_default() += 1;
        }
        let first = |element: &&Vec<u8>| !before.contains_key(&element[..]);
        let mut next: Vec<&Vec<u8>> = self.behind.keys().filter(first).collect();
        let mut ordered = 0;
        while let Some(element) = next.pop() {
            ordered += 1;
            for behind in &self.behind[element] {
                let left = before.get_mut(&behind[..]).unwrap();
                *left -= 1;
                if *left == 0 {
                    next.push(behind);
                }
            }
        }
        assert_eq!(ordered, self.behind.len(), "elements were seen in two orders");
    }
}
