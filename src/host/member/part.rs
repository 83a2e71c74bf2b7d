//! The group as a part of the node: Raft's messages, and chunks of snapshots from the files.

use super::state::GROUP;
use crate::consensus::Raft;
use crate::consensus::raft::NodeId;
use crate::error::{Error, Result};
use crate::host::{Folder, RaftStorage};
use crate::node::{Part, View, channel};

pub(super) struct GroupPart<'g> {
    pub raft: &'g mut Raft<'static>,
    pub files: &'g mut RaftStorage<Folder>,
}

impl Part for GroupPart<'_> {
    fn channel(&self) -> u8 {
        channel::GROUPS + GROUP
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        self.raft.step(NodeId(from), message, view.now)
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        match self.ask(view.now, out) {
            // It says so itself; the others of the node go on.
            Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
            Err(_) => Ok(None),
            Ok(message) => Ok(message.map(|(to, len)| (to.0, len))),
        }
    }

    fn wake_at(&self) -> u64 {
        self.raft.next_wake_us()
    }
}

impl GroupPart<'_> {
    fn ask(&mut self, now: u64, out: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        if self.raft.next_wake_us() <= now {
            self.raft.tick(now)?;
        }
        match self.raft.next_message(out)? {
            Some(message) => Ok(Some(message)),
            None => self.files.next_chunk(self.raft, out),
        }
    }
}
