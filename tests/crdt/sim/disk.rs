//! What a node has left after a crash: a checkpoint, and what happened since. The one place
//! that knows how a store is kept.

use neural_swarm::Error;
use neural_swarm::crdt::StoreConfig;

use crate::world::{Replica, WHOLE};

/// Something that changed a store.
#[derive(Clone)]
enum Record {
    /// A frame to merge: a change of the node itself, or what came.
    Frame(Vec<u8>),
    /// A digest to answer, with room for so many bytes.
    Digest(Vec<u8>, usize),
}

pub struct Disk {
    checkpoint: Vec<u8>,
    records: Vec<Record>,
    /// Whether what others sent is kept, too. If not, it gets lost in a crash, and others
    /// tell it again.
    pub all: bool,
}

impl Disk {
    pub fn new(all: bool) -> Disk {
        Disk { checkpoint: vec![], records: vec![], all }
    }

    /// Everything up to now, in one.
    pub fn checkpoint(&mut self, replica: &mut Replica) {
        self.checkpoint = replica.state();
        self.records.clear();
    }

    /// The node itself has changed something since it had this context. That is written
    /// before anybody hears of it: else another change could get its number.
    pub fn changed(&mut self, replica: &mut Replica, before: &[u8]) {
        for frame in replica.tell(before, WHOLE) {
            if frame[1] == super::STATE {
                // More than the log remembers.
                return self.checkpoint(replica);
            }
            self.records.push(Record::Frame(frame));
        }
        self.shorten(replica);
    }

    pub fn merged(&mut self, replica: &mut Replica, frame: &[u8]) {
        if self.all {
            self.records.push(Record::Frame(frame.to_vec()));
            self.shorten(replica);
        }
    }

    pub fn reconciled(&mut self, replica: &mut Replica, frame: &[u8], room: usize) {
        if self.all {
            self.records.push(Record::Digest(frame.to_vec(), room));
            self.shorten(replica);
        }
    }

    fn shorten(&mut self, replica: &mut Replica) {
        if self.records.len() > 40 {
            self.checkpoint(replica);
        }
    }

    /// The node as it was. Where not all is kept there may be no room for what there was
    /// room for before.
    pub fn restart(&self, config: &StoreConfig, now_ms: u64) -> Result<Replica, Error> {
        let mut replica = Replica::new(config);
        if !self.checkpoint.is_empty() {
            replica.store.merge(&self.checkpoint, now_ms)?;
        }
        for record in &self.records {
            match record {
                Record::Frame(frame) => _ = replica.store.merge(frame, now_ms)?,
                Record::Digest(frame, room) => {
                    let done = replica.store.reconcile(frame, now_ms, &mut vec![0; *room]);
                    // What it brought was taken in.
                    if done != Err(Error::BufferTooSmall) {
                        done?;
                    }
                }
            }
        }
        Ok(replica)
    }
}
