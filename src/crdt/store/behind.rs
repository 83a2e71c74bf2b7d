//! What was refused without room: the store is behind until it has come.

use super::Store;
use crate::crdt::context::Context;
use crate::crdt::dot::ReplicaId;
use crate::crdt::wire::{Op, Reader, WireDot};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// How far the changes of a replica go that were refused.
#[derive(Clone, Copy, Default)]
struct Refused {
    replica: ReplicaId,
    seq: u64,
}

pub(super) struct Behind<'m> {
    /// One for each replica. Not by its place: it need not be known.
    refused: Carved<'m, Refused>,
    count: usize,
    /// There were changes of more replicas than the store ever has room for.
    for_good: bool,
}

impl<'m> Behind<'m> {
    pub fn carve(carver: &mut Carver<'m>, replicas: usize) -> Result<Self> {
        let refused = carver.take(replicas, Refused::default())?;
        Ok(Behind { refused, count: 0, for_good: false })
    }

    /// Whether something that was refused has not come.
    pub fn is_behind(&self, context: &Context<'_>) -> bool {
        let lacks = |refused: &Refused| lacks(context, *refused);
        self.for_good || self.refused[..self.count].iter().any(lacks)
    }

    /// Nothing of a replica will come.
    pub fn forget(&mut self, replica: ReplicaId) {
        let of = |refused: &Refused| refused.replica == replica;
        if let Some(at) = self.refused[..self.count].iter().position(of) {
            self.count -= 1;
            self.refused[at] = self.refused[self.count];
        }
    }

    /// Nothing was refused.
    pub fn clear(&mut self) {
        (self.count, self.for_good) = (0, false);
    }

    /// Changes of a replica up to this one were refused.
    fn refuse(&mut self, new: Refused, context: &Context<'_>) {
        let mut at = 0;
        while at < self.count {
            if self.refused[at].replica == new.replica {
                self.refused[at].seq = self.refused[at].seq.max(new.seq);
                return;
            }
            if lacks(context, self.refused[at]) {
                at += 1;
            } else {
                self.count -= 1;
                self.refused[at] = self.refused[self.count];
            }
        }
        match self.refused.get_mut(self.count) {
            Some(place) => {
                *place = new;
                self.count += 1;
            }
            // One more replica than there is room for: they will never all be known.
            None => self.for_good = true,
        }
    }
}

fn lacks(context: &Context<'_>, refused: Refused) -> bool {
    let place = context.place(refused.replica);
    place.is_none_or(|place| context.members()[place].seen < refused.seq)
}

impl Store<'_> {
    /// Remembers that a frame was refused, if it was for want of room.
    pub(super) fn note_refused<T>(&mut self, reader: Reader<'_>, done: Result<T>) -> Result<T> {
        if matches!(done, Err(Error::Capacity)) && is_whole(reader) {
            let (mut ops, mut replica) = (reader, 0);
            while let Ok(Some(op)) = ops.next() {
                let Op::Replica(id) = op else { continue };
                let seq = last_of(reader, replica);
                if seq > 0 {
                    self.behind.refuse(Refused { replica: id, seq }, &self.context);
                }
                replica += 1;
                if self.behind.for_good {
                    break;
                }
            }
        }
        done
    }
}

/// Whether a frame can be read to its end.
fn is_whole(mut reader: Reader<'_>) -> bool {
    loop {
        match reader.next() {
            Ok(Some(_)) => {}
            end => return end.is_ok(),
        }
    }
}

/// The last change of a replica, by its place in the frame's table, that a frame is about.
fn last_of(mut reader: Reader<'_>, replica: usize) -> u64 {
    let mut last = 0;
    while let Ok(Some(op)) = reader.next() {
        let (WireDot { replica: whose, seq }, more) = match op {
            Op::Held { dot, .. } => (dot, 0),
            op => match op.changes() {
                Some(changes) => changes,
                None => continue,
            },
        };
        if whose == replica {
            last = last.max(seq + more);
        }
    }
    last
}
