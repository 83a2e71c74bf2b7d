//! With whom there is a session, and who is being called.

use crate::comm::link::PeerId;
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::port::Address;

/// No member.
pub(super) const NOBODY: u64 = u64::MAX;
/// A call of which nothing was heard for so long is over, whatever the link says, in microseconds.
const PATIENCE: u64 = 60_000_000;

/// An address to begin with.
#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub address: Address,
    /// When it is called next.
    pub at: u64,
    pub tries: u32,
}

/// A call that is under way. The message that waits for it lies beside it.
#[derive(Clone, Copy)]
pub(super) struct Dial {
    /// For which member; [`NOBODY`]: for whoever answers.
    pub to: u64,
    /// Which seed it is, for whoever answers.
    pub seed: usize,
    tag: u64,
    since: u64,
    len: usize,
}

impl Dial {
    const FREE: Dial = Dial { to: NOBODY, seed: 0, tag: 0, since: 0, len: 0 };

    pub const fn to(id: u64) -> Dial {
        Dial { to: id, ..Dial::FREE }
    }

    pub const fn seed(seed: usize) -> Dial {
        Dial { seed, ..Dial::FREE }
    }
}

#[derive(Clone, Copy)]
struct Entry {
    id: u64,
    peer: PeerId,
}

pub(super) struct Peers<'m> {
    /// By rising numbers, the first `len`.
    entries: Carved<'m, Entry>,
    len: usize,
    /// Whose place in the link is whose.
    ids: Carved<'m, u64>,
    dials: Carved<'m, Dial>,
    waiting: Carved<'m, u8>,
    mtu: usize,
    tags: u64,
}

impl<'m> Peers<'m> {
    pub fn carve(
        (peers, dials, mtu): (usize, usize, usize),
        carver: &mut Carver<'m>,
    ) -> Result<Peers<'m>> {
        Ok(Peers {
            entries: carver.take(peers, Entry { id: NOBODY, peer: PeerId(0) })?,
            len: 0,
            ids: carver.take(peers, NOBODY)?,
            dials: carver.take(dials, Dial::FREE)?,
            waiting: carver.take(dials * mtu, 0)?,
            mtu,
            tags: 0,
        })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_full(&self) -> bool {
        self.len >= self.entries.len()
    }

    fn used(&self) -> &[Entry] {
        self.entries.get(..self.len).unwrap_or_default()
    }

    fn rank(&self, id: u64) -> Result<usize, usize> {
        self.used().binary_search_by_key(&id, |entry| entry.id)
    }

    pub fn find(&self, id: u64) -> Option<PeerId> {
        let rank = self.rank(id).ok()?;
        self.used().get(rank).map(|entry| entry.peer)
    }

    pub fn all(&self) -> impl Iterator<Item = (u64, PeerId)> {
        self.used().iter().map(|entry| (entry.id, entry.peer))
    }

    /// Whose session it is, if it was entered.
    pub fn id_of(&self, peer: PeerId) -> Option<u64> {
        let id = *self.ids.get(peer.place())?;
        (self.find(id) == Some(peer)).then_some(id)
    }

    /// Enters a session, in place of one with the same member: whether it could be.
    pub fn enter(&mut self, id: u64, peer: PeerId) -> bool {
        let rank = self.rank(id);
        if let Err(rank) = rank {
            let end = self.len + 1;
            let Some(entries) = self.entries.get_mut(rank..end) else { return false };
            entries.rotate_right(1);
            self.len = end;
        }
        let (Ok(rank) | Err(rank)) = rank;
        if let Some(entry) = self.entries.get_mut(rank) {
            *entry = Entry { id, peer };
        }
        if let Some(place) = self.ids.get_mut(peer.place()) {
            *place = id;
        }
        true
    }

    /// A session is over: whose it was.
    pub fn remove(&mut self, peer: PeerId) -> Option<u64> {
        let id = self.id_of(peer)?;
        let rank = self.rank(id).ok()?;
        self.entries.get_mut(rank..self.len)?.rotate_left(1);
        self.len -= 1;
        Some(id)
    }

    /// A new call, and its tag; `None` if there are too many.
    pub fn dial(&mut self, dial: Dial, now: u64) -> Option<(usize, u64)> {
        let over = |dial: &Dial| dial.tag == 0 || now.saturating_sub(dial.since) > PATIENCE;
        let place = self.dials.iter().position(over)?;
        self.tags += 1;
        *self.dials.get_mut(place)? = Dial { tag: self.tags, since: now, len: 0, ..dial };
        Some((place, self.tags))
    }

    pub fn end_dial(&mut self, place: usize) {
        if let Some(dial) = self.dials.get_mut(place) {
            *dial = Dial::FREE;
        }
    }

    /// The call with this tag.
    pub fn dial_with(&self, tag: u64) -> Option<(usize, Dial)> {
        let place = self.dials.iter().position(|dial| tag != 0 && dial.tag == tag)?;
        Some((place, *self.dials.get(place)?))
    }

    /// The call for a member.
    pub fn dial_for(&self, id: u64) -> Option<usize> {
        self.dials.iter().position(|dial| dial.tag != 0 && dial.to == id && id != NOBODY)
    }

    /// Lets a message wait for a call, in place of the one before.
    pub fn set_waiting(&mut self, place: usize, message: &[u8]) {
        let start = place * self.mtu;
        let room = self.waiting.get_mut(start..start + message.len());
        if let (Some(room), Some(dial)) = (room, self.dials.get_mut(place)) {
            room.copy_from_slice(message);
            dial.len = message.len();
        }
    }

    /// Takes the message that waits for a member out, and ends the calls for it.
    pub fn take_waiting(&mut self, id: u64, out: &mut [u8]) -> usize {
        let mut len = 0;
        while let Some(place) = self.dial_for(id) {
            len = len.max(self.copy_waiting(place, out));
            self.end_dial(place);
        }
        len
    }

    fn copy_waiting(&self, place: usize, out: &mut [u8]) -> usize {
        let Some(dial) = self.dials.get(place) else { return 0 };
        let start = place * self.mtu;
        let message = self.waiting.get(start..start + dial.len).unwrap_or_default();
        match out.get_mut(..message.len()) {
            Some(out) => {
                out.copy_from_slice(message);
                message.len()
            }
            None => 0,
        }
    }
}
