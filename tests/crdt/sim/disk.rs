//! What a node has left after a crash: a snapshot, a journal of what happened since, and a
//! record that was being written. The one place that knows how a store is kept.

use neural_swarm::Error;
use neural_swarm::crdt::StoreConfig;

use crate::replica::Replica;

pub struct Disk {
    snapshot: Vec<u8>,
    journal: Vec<u8>,
    /// Up to where the journal tells what happened.
    cursor: u64,
    /// Where the last record of the journal begins.
    last: usize,
    /// Whether what others send is kept at once. If not, it is with the node's next change, and
    /// what came since gets lost in a crash: others tell it again.
    pub all: bool,
}

impl Disk {
    pub fn new(all: bool) -> Disk {
        Disk { snapshot: vec![], journal: vec![], cursor: 0, last: 0, all }
    }

    /// Everything up to now, in pieces.
    pub fn checkpoint(&mut self, replica: &mut Replica) {
        let mut piece = [0; 333];
        self.snapshot.clear();
        loop {
            let len = replica.store.save(self.snapshot.len() as u64, &mut piece).unwrap();
            if len == 0 {
                break;
            }
            self.snapshot.extend(&piece[..len]);
        }
        assert_eq!(self.snapshot.len() as u64, replica.store.save_len());
        self.journal.clear();
        (self.cursor, self.last) = (replica.store.journal_end(), 0);
    }

    /// The node itself has changed something. That is written before anybody hears of it:
    /// else another change could get its number.
    pub fn changed(&mut self, replica: &mut Replica) {
        match replica.store.journal_len(self.cursor) {
            Ok(0) => {}
            Ok(len) => {
                self.last = self.journal.len();
                self.journal.resize(self.last + len, 0);
                let record = &mut self.journal[self.last..];
                assert_eq!(replica.store.journal(self.cursor, record), Ok(len));
                self.cursor = replica.store.journal_end();
                if self.journal.len() > 5000 {
                    self.checkpoint(replica);
                }
            }
            // Not all of it is in the log.
            Err(Error::CrdtBehind) => self.checkpoint(replica),
            Err(error) => panic!("{error}"),
        }
    }

    /// Something came. What came before its change is not in the log.
    pub fn came(&mut self, replica: &mut Replica) {
        if self.all {
            self.checkpoint(replica);
        }
    }

    /// The node as it was, whatever of another record was written.
    pub fn restart(&mut self, config: &StoreConfig) -> Replica {
        let mut replica = Replica::new(config);
        if !self.snapshot.is_empty() {
            let mut scratch = [0; 4096];
            for piece in self.snapshot.chunks(257) {
                replica.store.load(piece, &mut scratch).unwrap();
            }
            replica.store.load_end().unwrap();
        }
        let torn = &self.journal[self.last..];
        let journal = [&self.journal, &torn[..torn.len() / 2]].concat();
        let mut at = 0;
        while at < self.journal.len() {
            at += replica.store.replay(&journal[at..]).unwrap();
        }
        assert_eq!(at, self.journal.len());
        if at < journal.len() {
            assert_eq!(replica.store.replay(&journal[at..]), Err(Error::CrdtTorn));
        }
        self.cursor = replica.store.journal_end();
        replica
    }
}
