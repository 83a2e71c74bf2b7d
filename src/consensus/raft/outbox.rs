//! Answers that wait to be sent.

use super::message::What;
use super::mutation;
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// A message without a tail, of this node's term.
#[derive(Clone, Copy)]
pub(super) struct Small {
    pub to: u64,
    pub numbers: [u64; 4],
    pub what: What,
    pub flags: u8,
}

#[derive(Default)]
pub(super) struct Outbox<'m> {
    waiting: Carved<'m, Small>,
    len: usize,
}

impl<'m> Outbox<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, count: usize) -> Result<()> {
        let none = Small { to: 0, numbers: [0; 4], what: What::VoteReply, flags: 0 };
        self.waiting = carver.take(count, none)?;
        Ok(())
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// If there is no room the oldest is lost, as on a network.
    pub fn push(&mut self, small: Small) {
        if self.len == self.waiting.len() {
            self.remove(0);
        }
        if let Some(place) = self.waiting.get_mut(self.len) {
            *place = small;
            self.len += 1;
        }
    }

    fn remove(&mut self, at: usize) {
        if at < self.len {
            self.len -= 1;
            // One by one: firmware does without memmove then.
            (at..self.len).for_each(|at| self.waiting.swap(at, at + 1));
        }
    }

    /// The first that may be sent; it is no longer here then. Answers to who only asks what would be promise
    /// nothing; all others wait until term and vote are durable.
    pub fn take(&mut self, durable: bool) -> Option<Small> {
        let may = |small: &Small| match small.what {
            What::PreVoteReply => true,
            What::VoteReply => durable || mutation::is("vote-undurable"),
            _ => durable,
        };
        let at = self.waiting.iter().take(self.len).position(may)?;
        let small = self.waiting.get(at).copied();
        self.remove(at);
        small
    }
}
