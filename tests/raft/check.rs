//! What must hold at every moment, whoever crashed and whatever got lost. Names are those
//! of the Raft paper (Ongaro and Ousterhout 2014, figure 3).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use xxhash_rust::xxh64::xxh64;

use neural_swarm::consensus::raft::{EntryKind, MemberStatus};

use crate::disk::{Log, Stored};

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub term: u64,
    pub leads: bool,
    pub commit: u64,
    pub applied: u64,
    pub last: u64,
    /// Members with a vote: those that decide, and those that decided until now while a
    /// change is under way.
    pub voters: BTreeSet<u64>,
    pub outgoing: BTreeSet<u64>,
    /// The entry that says so, and all of it.
    pub members: (u64, Vec<MemberStatus>),
}

/// A node as it is now.
pub struct Seen<'a> {
    pub node: u64,
    /// With all that it has handed out to be written, and with what is durable of it.
    pub log: &'a Log,
    pub durable: &'a Log,
}

#[derive(Default)]
pub struct Checker {
    leaders: BTreeMap<u64, u64>,
    /// By node and term: for whom it voted.
    votes: HashMap<(u64, u64), u64>,
    /// By index and term: the term before it, and a hash of what it says.
    entries: HashMap<(u64, u64), (u64, u64)>,
    /// By index, from 1 on: the term of the entry, and that in which it was committed.
    committed: Vec<(u64, u64)>,
    /// By index: the hash of what was applied.
    applied: BTreeMap<u64, u64>,
    /// By node: the commit index and the term that it had last.
    before: BTreeMap<u64, (u64, u64)>,
    /// By index and term of the entry that says so.
    members: HashMap<(u64, u64), Vec<MemberStatus>>,
    /// Nodes with a snapshot, which may come with a later membership that was committed before
    /// it was made, until they hear of the next.
    ahead: BTreeSet<u64>,
}

type Check = Result<(), String>;

fn check(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

impl Checker {
    pub fn committed(&self) -> u64 {
        self.committed.len() as u64
    }

    /// The term of a committed entry.
    pub fn term(&self, index: u64) -> u64 {
        self.committed[index as usize - 1].0
    }

    pub fn leaders(&self) -> usize {
        self.leaders.len()
    }

    /// A node hands out a record, `log` is what it had until then.
    pub fn record(&mut self, node: u64, log: &Log, record: &Stored) -> Check {
        match record {
            Stored::Entry { index, term, kind, data } => {
                let before = log.term(index - 1).unwrap_or(u64::MAX);
                check(before <= *term, || format!("entry {index} of {term} after {before}"))?;
                let hash = (before, xxh64(data, *kind as u64));
                // A witness knows the place alone.
                let known = if *kind == EntryKind::Hollow {
                    self.entries.get(&(*index, *term)).map(|known| (known.0, hash.1))
                } else {
                    Some(*self.entries.entry((*index, *term)).or_insert(hash))
                };
                check(known == Some(hash), || {
                    format!("log matching: node {node} has another entry {index} of term {term}")
                })?;
                if *kind == EntryKind::Members {
                    self.ahead.remove(&node);
                }
                let commit = self.before.get(&node).map_or(0, |before| before.0);
                check(*index > commit, || {
                    format!("node {node} replaces entry {index}, committed up to {commit}")
                })
            }
            Stored::Snapshot { index, term, .. } => {
                self.ahead.insert(node);
                let place = usize::try_from(*index).unwrap().checked_sub(1);
                let known = place.map_or(Some(0), |place| Some(self.committed.get(place)?.0));
                check(known == Some(*term), || {
                    format!("node {node} has a snapshot of {index} of {term}, committed: {known:?}")
                })
            }
            Stored::Commit { .. } | Stored::State { .. } => Ok(()),
        }
    }

    /// A node has begun anew.
    pub fn restarted(&mut self, node: u64) {
        self.before.remove(&node);
    }

    /// After each step of a node.
    pub fn view(&mut self, view: &View, own: &Seen<'_>, all: &[Seen<'_>]) -> Check {
        let node = own.node;
        if view.leads {
            let leader = *self.leaders.entry(view.term).or_insert(node);
            check(leader == node, || {
                format!("election safety: {leader} and {node} lead in term {}", view.term)
            })?;
        }
        // Who is no member any more ends as leader with its last commit.
        let led = self.leaders.get(&view.term) == Some(&node);
        let (commit, term) = self.before.insert(node, (view.commit, view.term)).unwrap_or_default();
        check(view.commit >= commit, || {
            format!("node {node} commits {} after {commit}", view.commit)
        })?;
        check(view.term >= term, || format!("node {node} in term {} after {term}", view.term))?;
        check(view.applied <= view.commit && view.commit <= view.last, || {
            format!("node {node}: {view:?}")
        })?;
        check(own.log.commit <= view.commit, || {
            format!("node {node} wrote that {} is committed, not {}", own.log.commit, view.commit)
        })?;
        check(own.log.last() == view.last, || {
            format!("node {node} wrote up to {}, has {}", own.log.last(), view.last)
        })?;
        let said = Some(view.members.0).filter(|_| !self.ahead.contains(&node));
        if let Some(of) = said.and_then(|index| own.log.term(index)) {
            let key = (view.members.0, of);
            let known = self.members.entry(key).or_insert_with(|| view.members.1.clone());
            check(*known == view.members.1, || {
                format!("node {node} has members {:?} by {key:?}, others {known:?}", view.members.1)
            })?;
        }
        if view.leads && term < view.term {
            self.complete(view, own)?;
        }
        let known = self.committed().max(1);
        for index in commit + 1..=view.commit {
            let has = own.log.term(index);
            match self.committed.get(index as usize - 1) {
                Some(entry) => check(has.is_none_or(|has| has == entry.0), || {
                    format!("node {node} commits {index} of {has:?}, it is of {}", entry.0)
                })?,
                None => self.commit(index, view, own, led)?,
            }
        }
        if self.committed() > known {
            self.quorum(view, all)?;
        }
        Ok(())
    }

    /// Leader completeness: a leader has all that was committed in terms before.
    fn complete(&self, view: &View, own: &Seen<'_>) -> Check {
        let older = self.committed.iter().rposition(|entry| entry.1 < view.term);
        let Some(place) = older else { return Ok(()) };
        let (index, term) = (place as u64 + 1, self.committed[place].0);
        check(own.log.holds(index, term), || {
            format!(
                "leader completeness: {} leads in term {} without entry {index} of term {term}",
                own.node, view.term
            )
        })
    }

    /// An entry that nobody has committed before.
    fn commit(&mut self, index: u64, view: &View, own: &Seen<'_>, led: bool) -> Check {
        let node = own.node;
        if index == 1 && own.log.term(1) == Some(1) && !led {
            // The first membership: all begin with it.
            self.committed.push((1, 1));
            return Ok(());
        }
        check(led, || format!("node {node} commits {index} before any leader"))?;
        let term = own.log.term(index).ok_or_else(|| format!("node {node} lacks {index}"))?;
        let last = index == view.commit;
        check(!last || term == view.term, || {
            format!("node {node} commits entry {index} of term {term} in term {}", view.term)
        })?;
        self.committed.push((term, view.term));
        Ok(())
    }

    /// What a leader says is committed is durable at a majority of both sets of voters.
    fn quorum(&self, view: &View, all: &[Seen<'_>]) -> Check {
        let (index, term) = (view.commit, self.committed[view.commit as usize - 1].0);
        let holds = |node: &&u64| {
            all.iter().any(|seen| seen.node == **node && seen.durable.holds(index, term))
        };
        for voters in [&view.voters, &view.outgoing] {
            let count = voters.iter().filter(holds).count();
            check(voters.is_empty() || count > voters.len() / 2, || {
                format!(
                    "entry {index} of term {term} is committed, and durable at {count} of {voters:?}"
                )
            })?;
        }
        Ok(())
    }

    /// One vote a term.
    pub fn vote(&mut self, node: u64, term: u64, of: u64) -> Check {
        let known = *self.votes.entry((node, term)).or_insert(of);
        check(known == of, || format!("node {node} votes for {of} and {known} in term {term}"))
    }

    /// State machine safety: all apply the same at an index.
    pub fn apply(&mut self, node: u64, index: u64, bytes: &[u8]) -> Check {
        let hash = xxh64(bytes, index);
        let known = *self.applied.entry(index).or_insert(hash);
        check(known == hash, || {
            format!("state machine safety: node {node} applies another {index}")
        })
    }
}

mod tests {
    use super::*;

    fn entry(index: u64, term: u64, data: &[u8]) -> Stored {
        Stored::Entry { index, term, kind: EntryKind::Data, data: data.to_vec() }
    }

    /// Nodes that have written entries of these terms.
    struct Nodes {
        checker: Checker,
        logs: Vec<(u64, Log, Log)>,
    }

    impl Nodes {
        fn new(logs: &[&[u64]]) -> Nodes {
            let mut nodes = Nodes { checker: Checker::default(), logs: vec![] };
            for (n, terms) in logs.iter().enumerate() {
                let mut log = Log::default();
                for (i, term) in terms.iter().enumerate() {
                    let record = entry(i as u64 + 1, *term, b"x");
                    nodes.checker.record(n as u64 + 1, &log, &record).unwrap();
                    log.apply(&record).unwrap();
                }
                nodes.logs.push((n as u64 + 1, log.clone(), log));
            }
            nodes
        }

        fn view(&mut self, node: u64, term: u64, leads: bool, commit: u64) -> Check {
            let seen =
                |(node, log, durable): &'_ (u64, Log, Log)| (*node, log.clone(), durable.clone());
            let logs: Vec<_> = self.logs.iter().map(seen).collect();
            let all: Vec<Seen<'_>> = logs
                .iter()
                .map(|(node, log, durable)| Seen { node: *node, log, durable })
                .collect();
            let own = all.iter().find(|seen| seen.node == node).unwrap();
            let last = own.log.last();
            let voters = (1..=logs.len() as u64).collect();
            let view = View { term, leads, commit, last, voters, ..View::default() };
            self.checker.view(&view, own, &all)
        }
    }

    fn wrong(check: Check, what: &str) {
        let said = check.expect_err(what);
        assert!(said.contains(what), "{said}");
    }

    #[test]
    fn what_must_not_be_is_seen() {
        let mut nodes = Nodes::new(&[&[1, 2], &[1, 2], &[1]]);
        nodes.view(1, 2, true, 2).unwrap();
        nodes.view(2, 2, false, 2).unwrap();
        wrong(nodes.view(2, 2, true, 2), "election safety");
        wrong(nodes.view(3, 3, true, 0), "leader completeness");
        wrong(nodes.view(3, 3, true, 2), "3");
        let log = nodes.logs[2].1.clone();
        wrong(nodes.checker.record(3, &log, &entry(2, 2, b"y")), "log matching");
        wrong(nodes.checker.record(1, &log, &entry(2, 3, b"y")), "replaces entry 2");
        wrong(nodes.view(1, 2, true, 1), "commits 1 after 2");
        nodes.checker.apply(1, 2, b"x").unwrap();
        wrong(nodes.checker.apply(3, 2, b"y"), "state machine safety");
        nodes.checker.vote(1, 4, 2).unwrap();
        wrong(nodes.checker.vote(1, 4, 3), "votes for");

        wrong(Nodes::new(&[&[1, 2], &[1, 2], &[1]]).view(1, 3, true, 2), "of term 2 in term 3");
        let mut nodes = Nodes::new(&[&[1, 2], &[1, 2], &[1]]);
        nodes.logs[1].2 = Log::default();
        wrong(nodes.view(1, 2, true, 2), "durable at 1");
        wrong(Nodes::new(&[&[1, 2], &[1, 2]]).view(1, 2, false, 2), "before any leader");
    }

    #[test]
    fn a_log_is_what_its_records_say() {
        let mut log = Log::default();
        for record in [entry(1, 1, b""), entry(2, 1, b""), entry(3, 1, b""), entry(2, 2, b"")] {
            log.apply(&record).unwrap();
        }
        assert_eq!(
            (log.last(), log.term(1), log.term(2), log.term(3)),
            (2, Some(1), Some(2), None)
        );
        assert!(log.apply(&entry(4, 2, b"")).is_err());
        let snapshot =
            |index, term| Stored::Snapshot { index, term, members: vec![], sessions: vec![] };
        log.apply(&snapshot(1, 1)).unwrap();
        assert_eq!((log.last(), log.term(1), log.term(2)), (2, Some(1), Some(2)));
        assert!(log.apply(&entry(1, 2, b"")).is_err());
        log.apply(&snapshot(2, 3)).unwrap();
        assert_eq!((log.last(), log.term(2), log.holds(1, 9)), (2, Some(3), true));
        log.apply(&Stored::State { term: 4, vote: 0 }).unwrap();
        log.apply(&Stored::State { term: 4, vote: 2 }).unwrap();
        assert!(log.apply(&Stored::State { term: 4, vote: 3 }).is_err());
        assert!(log.apply(&Stored::State { term: 3, vote: 0 }).is_err());
    }
}
