//! What a leader knows of each member.

use super::members::Members;
use super::mutation;
use super::types::{NodeId, PeerStatus, ProgressState};
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// How replication to a member goes. For the leader itself nothing of it counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    pub id: u64,
    /// Up to where its log is durable and the same.
    pub matched: u64,
    /// The next entry that it gets.
    pub next: u64,
    /// When it was heard last.
    pub heard: u64,
    /// The last round of heartbeats that it has answered,
    pub round: u64,
    /// and when that was sent.
    pub lease: u64,
    /// The commit that it was told last.
    pub told: u64,
    /// The snapshot that it gets,
    pub snapshot: u64,
    /// and how much of it it has.
    pub offset: u64,
    /// Which time in this term somebody is a member: who was removed and comes again is
    /// another one.
    pub session: u32,
    /// Messages with entries that were sent, and up to which of them nothing is on the way.
    pub sent: u32,
    pub answered: u32,
    /// Most bytes of entries in a message; 0: as many as fit.
    pub batch: u32,
    pub state: ProgressState,
    /// A probe is on its way.
    pub paused: bool,
    pub heartbeat: bool,
    /// It is to stand for election.
    pub timeout: bool,
    /// A chunk is wanted.
    pub chunk: bool,
    /// Heartbeats since one was answered.
    pub tries: u8,
    /// Storage did not have what it needs.
    pub fetch_failed: bool,
}

/// After so many heartbeats without an answer a chunk is sent again,
pub(super) const PATIENCE: u8 = 4;
/// and after so many all is looked at anew.
pub(super) const TRIES: u8 = 40;

impl Progress {
    fn new(id: u64, last: u64, now: u64, session: u32) -> Progress {
        Progress { id, next: last + 1, heard: now, session, heartbeat: true, ..Progress::default() }
    }

    /// What messages carry so that an answer finds what it answers.
    pub fn pass(&self) -> u64 {
        u64::from(self.session) << 32 | u64::from(self.sent)
    }

    /// Whether a pass is of this time as a member; then which message it names.
    pub fn knows(&self, pass: u64) -> Option<u32> {
        let same = pass >> 32 == u64::from(self.session) || mutation::is("session-forgotten");
        same.then_some(pass as u32)
    }

    /// Messages on their way.
    pub fn in_flight(&self) -> u32 {
        self.sent.wrapping_sub(self.answered)
    }

    /// A message is answered, and with it all before it: what they held has come, or never
    /// will without being sent again.
    pub fn answer(&mut self, number: u32) {
        if self.sent.wrapping_sub(number) < self.in_flight() {
            self.answered = number;
        }
    }

    /// Looks for the place where the logs meet, from an index on.
    pub fn probe(&mut self, next: u64) {
        self.next = next.max(self.matched + 1);
        self.state = ProgressState::Probe;
        self.paused = false;
        self.told = 0;
    }
}

#[derive(Default)]
pub(super) struct Peers<'m> {
    /// Those of the membership in its order, then nobody.
    all: Carved<'m, Progress>,
    sessions: u32,
}

impl<'m> Peers<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, count: usize) -> Result<()> {
        self.all = carver.take(count, Progress::default())?;
        Ok(())
    }

    pub fn get(&self, at: usize) -> Option<&Progress> {
        self.all.get(at)
    }

    pub fn get_mut(&mut self, at: usize) -> Option<&mut Progress> {
        self.all.get_mut(at)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Progress> {
        self.all.iter_mut().take_while(|peer| peer.id != 0)
    }

    pub fn status(&self) -> impl Iterator<Item = PeerStatus> + '_ {
        self.all.iter().take_while(|peer| peer.id != 0).map(|peer| PeerStatus {
            id: NodeId(peer.id),
            matched: peer.matched,
            next: peer.next,
            state: peer.state,
            heard_us: peer.heard,
        })
    }

    /// Nobody is known.
    pub fn clear(&mut self) {
        self.all.fill(Progress::default());
    }

    /// Follows the membership: who stays keeps what is known, who comes begins anew.
    pub fn follow(&mut self, members: &Members<'_>, last: u64, now: u64) {
        for (at, row) in members.rows().iter().enumerate() {
            let Some([first, rest @ ..]) = self.all.get_mut(at..) else { return };
            if first.id == row.id() {
                continue;
            }
            let found = rest.iter().position(|peer| peer.id == row.id());
            // Else somebody who is not a member any more: there are as many places as members.
            let free = |peer: &Progress| !members.has(peer.id);
            let place = match found {
                None if !members.has(first.id) => None,
                None => rest.iter().position(free),
                found => found,
            };
            if let Some(other) = place.and_then(|place| rest.get_mut(place)) {
                (*first, *other) = (*other, *first);
            }
            if found.is_none() {
                self.sessions = self.sessions.wrapping_add(1).max(1);
                *first = Progress::new(row.id(), last, now, self.sessions);
            }
        }
        let len = members.rows().len();
        self.all.iter_mut().skip(len).for_each(|peer| *peer = Progress::default());
    }
}
