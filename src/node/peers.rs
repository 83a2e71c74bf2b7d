//! With whom there is a session, and who is being called.

use crate::comm::link::PeerId;
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::port::Address;

/// No member.
pub(super) const NOBODY: u64 = u64::MAX;
/// No address to begin with.
pub(super) const NO_SEED: usize = usize::MAX;

/// An address to begin with.
#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub address: Address,
    /// When it is called next.
    pub at: u64,
    pub tries: u32,
}

/// A call that is under way. The messages that wait for it lie beside it, each with its length in two bytes before it.
#[derive(Clone, Copy)]
pub(super) struct Dial {
    /// For which member; [`NOBODY`]: for whoever answers.
    pub to: u64,
    /// Which address to begin with it is, to join whoever answers; [`NO_SEED`]: none.
    pub seed: usize,
    address: Address,
    /// 0: none.
    tag: u64,
    /// Bytes of the messages, and of those that were sent.
    len: usize,
    sent: usize,
    /// Whether there is a session now: what waits is to be sent.
    ready: bool,
}

impl Dial {
    const FREE: Dial = Dial {
        to: NOBODY,
        seed: NO_SEED,
        address: Address::EMPTY,
        tag: 0,
        len: 0,
        sent: 0,
        ready: false,
    };

    /// Whether something may still come of it: the link tells the end of each.
    fn is_live(&self) -> bool {
        self.tag != 0
    }

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
    /// Whether the caller knows.
    told: bool,
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
            entries: carver.take(peers, Entry { id: NOBODY, peer: PeerId(0), told: false })?,
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
            entries.copy_within(..entries.len() - 1, 1);
            self.len = end;
        }
        let (Ok(rank) | Err(rank)) = rank;
        if let Some(entry) = self.entries.get_mut(rank) {
            *entry = Entry { id, peer, told: false };
        }
        if let Some(place) = self.ids.get_mut(peer.place()) {
            *place = id;
        }
        true
    }

    /// The caller knows of a session: whether it did before.
    pub fn set_told(&mut self, id: u64) -> bool {
        let Ok(rank) = self.rank(id) else { return false };
        let entry = self.entries.get_mut(rank);
        entry.is_some_and(|entry| core::mem::replace(&mut entry.told, true))
    }

    /// A session is over: whose it was.
    pub fn remove(&mut self, peer: PeerId) -> Option<u64> {
        let id = self.id_of(peer)?;
        let rank = self.rank(id).ok()?;
        self.entries.get_mut(rank..self.len)?.copy_within(1.., 0);
        self.len -= 1;
        Some(id)
    }

    /// A new call, and its tag; `None` if there are too many.
    pub fn dial(&mut self, address: &Address, dial: Dial) -> Option<(usize, u64)> {
        let place = self.dials.iter().position(|dial| !dial.is_live())?;
        self.tags += 1;
        let new = Dial { address: *address, tag: self.tags, len: 0, ..dial };
        *self.dials.get_mut(place)? = new;
        Some((place, self.tags))
    }

    /// A call to this address that is under way, if it can be this one, too: one call is enough.
    pub fn join_dial(&mut self, address: &Address, new: &Dial) -> Option<usize> {
        let place = self.dials.iter().position(|dial| {
            let other = dial.to != NOBODY && new.to != NOBODY && dial.to != new.to;
            dial.is_live() && !dial.ready && dial.address == *address && !other
        })?;
        let dial = self.dials.get_mut(place)?;
        dial.to = dial.to.min(new.to);
        dial.seed = dial.seed.min(new.seed);
        Some(place)
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

    /// Whether an address to begin with is being called.
    pub fn is_calling(&self, seed: usize) -> bool {
        self.dials.iter().any(|dial| dial.is_live() && dial.seed == seed)
    }

    /// Whether at least half of all calls could be begun now.
    pub fn has_free_dials(&self) -> bool {
        let used = self.dials.iter().filter(|dial| dial.is_live()).count();
        2 * used <= self.dials.len()
    }

    /// The call for a member.
    pub fn dial_for(&self, id: u64) -> Option<usize> {
        let own = |dial: &Dial| dial.is_live() && !dial.ready && dial.to == id;
        self.dials.iter().position(own).filter(|_| id != NOBODY)
    }

    /// Lets a message wait for a call: whether there was room.
    pub fn add_waiting(&mut self, place: usize, message: &[u8]) -> bool {
        let Some(dial) = self.dials.get_mut(place) else { return false };
        let start = place * self.mtu + dial.len;
        let len = 2 + message.len();
        if dial.len + len > self.mtu {
            return false;
        }
        let Some(room) = self.waiting.get_mut(start..start + len) else { return false };
        let (head, body) = room.split_at_mut(2);
        // No longer than a datagram.
        head.copy_from_slice(&(message.len() as u16).to_le_bytes());
        body.copy_from_slice(message);
        dial.len += len;
        true
    }

    /// There is a session with a member: what waits for it may be sent. How many other calls for it, with what waited
    /// for them, are over.
    pub fn set_ready(&mut self, id: u64) -> u64 {
        let (mut first, mut dropped) = (true, 0);
        while let Some(dial) = self
            .dials
            .iter_mut()
            .find(|dial| dial.tag != 0 && dial.to == id && id != NOBODY && !dial.ready)
        {
            if first && dial.len > 0 {
                (dial.ready, first) = (true, false);
            } else {
                dropped += u64::from(dial.len > 0);
                *dial = Dial::FREE;
            }
        }
        dropped
    }

    /// The next message that has waited, in the first bytes of `out`: for whom, and how long it is.
    pub fn next_waiting(&mut self, out: &mut [u8]) -> Option<(u64, usize)> {
        let place = self.dials.iter().position(|dial| dial.ready)?;
        let dial = self.dials.get_mut(place)?;
        let start = place * self.mtu;
        let rest = self.waiting.get(start + dial.sent..start + dial.len)?;
        let (head, rest) = rest.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes(*head));
        out.get_mut(..len)?.copy_from_slice(rest.get(..len)?);
        dial.sent += 2 + len;
        let to = dial.to;
        if dial.sent >= dial.len {
            *dial = Dial::FREE;
        }
        Some((to, len))
    }
}
