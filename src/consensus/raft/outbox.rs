//! Answers that wait to be sent.

use super::message::What;
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

pub(super) struct Outbox<'m> {
    waiting: Carved<'m, Small>,
    len: usize,
}

impl<'m> Outbox<'m> {
    pub fn carve(carver: &mut Carver<'m>, count: usize) -> Result<Outbox<'m>> {
        let none = Small { to: 0, numbers: [0; 4], what: What::VoteReply, flags: 0 };
        Ok(Outbox { waiting: carver.take(count, none)?, len: 0 })
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
            self.waiting.copy_within(at + 1..self.len, at);
            self.len -= 1;
        }
    }

    /// The first that may be sent; it is no longer here then.
    pub fn take(&mut self, may: impl Fn(&Small) -> bool) -> Option<Small> {
        let at = self.waiting.iter().take(self.len).position(may)?;
        let small = self.waiting.get(at).copied();
        self.remove(at);
        small
    }
}
