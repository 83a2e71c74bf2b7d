//! Who takes part: what all have, and what is therefore needed no more.
//!
//! A frame that says what its sender has also says who that is. When each replica has
//! been heard, what the one that has least has is *stable*: nobody makes a change any more that
//! has not seen it (Baquero, Almeida, Shoker, "Pure operation-based replicated data types", 2017,
//! section 6).

use super::joined::ALL_PARTS;
use super::places::Places;
use super::{OWN, Store};
use crate::crdt::dot::{PackedSeq, ReplicaId, Stamp};
use crate::crdt::items::{Item, NONE};
use crate::crdt::keys::ROOT;
use crate::crdt::kind::Kind;
use crate::crdt::tally::{self, Tally};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// What is known of what others have, for each replica.
#[derive(Clone, Copy, Default)]
struct Ack {
    /// All have its changes up to this one.
    stable: PackedSeq,
    /// All that were heard in this round have.
    low: PackedSeq,
    /// Its last change that cleared a counter.
    clearing: PackedSeq,
    /// Its last change that anybody has.
    high: PackedSeq,
    /// Whether it was heard in this round.
    heard: bool,
    /// Whether nobody waits for it.
    retired: bool,
    /// Whether all were heard since it was retired.
    settled: bool,
}

pub(super) struct Acks<'m>(Carved<'m, Ack>);

impl<'m> Acks<'m> {
    pub fn carve(carver: &mut Carver<'m>, replicas: usize) -> Result<Self> {
        let fresh = Ack { low: PackedSeq::new(u64::MAX), ..Ack::default() };
        Ok(Acks(carver.take(replicas, fresh)?))
    }

    /// Forgets what others have, and who is retired.
    pub fn clear(&mut self) {
        self.0.fill(Ack { low: PackedSeq::new(u64::MAX), ..Ack::default() });
    }

    /// Begins the round again: those that were heard said nothing of a replica that is new.
    pub fn restart(&mut self) {
        for ack in self.0.iter_mut() {
            (ack.low, ack.heard) = (PackedSeq::new(u64::MAX), false);
        }
    }
}

impl Store<'_> {
    /// The replicas that are known, this one first. Those that make no changes are known
    /// by [`admit`](Self::admit).
    pub fn members(&self) -> impl Iterator<Item = ReplicaId> {
        self.context.members().iter().filter(|member| !member.is_free()).map(|member| member.id)
    }

    /// Makes a replica known before its first change has come: what is stable waits for
    /// it, too. A replica that joins takes in what a member has before it changes anything.
    ///
    /// # Errors
    /// [`Error::Capacity`] if there are as many as there may be.
    pub fn admit(&mut self, replica: ReplicaId) -> Result<()> {
        self.not_while_loading()?;
        let (place, new) = self.context.admit(replica)?;
        self.version += u64::from(new);
        if new {
            // No record tells of it.
            self.log.lose();
        }
        if new || self.acks.0[place].retired {
            self.acks.restart();
        }
        self.acks.0[place].retired = false;
        Ok(())
    }

    /// How many changes of a replica all have, as far as is known here: those that are not
    /// retired, by their contexts, digests and states that came here.
    pub fn stable(&self, replica: ReplicaId) -> u64 {
        self.context.place(replica).map_or(0, |place| self.acks.0[place].stable.get())
    }

    /// A replica has so many changes of each.
    pub(super) fn heard(&mut self, sender: usize, has: impl Fn(&Places<'_>, usize) -> u64) {
        let members = self.context.members();
        for (place, ack) in self.acks.0[..members.len()].iter_mut().enumerate() {
            ack.high = PackedSeq::new(ack.high.get().max(has(&self.places, place)));
        }
        // Those of its own changes that are not here might have seen less.
        if sender == OWN || has(&self.places, sender) > members[sender].seen {
            return;
        }
        let acks = &mut self.acks.0[..members.len()];
        acks[sender].heard = true;
        for (place, ack) in acks.iter_mut().enumerate() {
            ack.low = PackedSeq::new(ack.low.get().min(has(&self.places, place)));
        }
        self.end_round();
    }

    /// Ends a round in which all were heard.
    fn end_round(&mut self) {
        let members = self.context.members();
        let acks = &mut self.acks.0[..members.len()];
        let waits = |(ack, member): (&Ack, &crate::crdt::context::Member)| {
            !ack.heard && !ack.retired && !member.is_free()
        };
        if acks.iter().zip(members).skip(1).any(waits) {
            return;
        }
        for (ack, member) in acks.iter_mut().zip(members) {
            let all = ack.low.get().min(member.seen).max(ack.stable.get());
            ack.stable = PackedSeq::new(all);
            (ack.low, ack.heard, ack.settled) = (PackedSeq::new(u64::MAX), false, ack.retired);
        }
    }

    fn is_stable(&self, change: Stamp) -> bool {
        self.context.has(change) && change.seq() <= self.acks.0[change.place()].stable.get()
    }

    /// A counter was cleared: by a change, or by what a frame told without one.
    pub(super) fn clearing_told(&mut self, event: Option<Stamp>) {
        match event {
            Some(event) => self.note_clearing(event.place(), event.seq()),
            None => {
                for place in 0..self.context.members().len() {
                    self.note_clearing(place, self.places.told(place));
                }
            }
        }
    }

    /// All that has come may have cleared counters.
    pub(super) fn clearing_seen(&mut self) {
        for place in 0..self.context.members().len() {
            self.note_clearing(place, self.context.members()[place].seen);
        }
    }

    fn note_clearing(&mut self, place: usize, seq: u64) {
        let clearing = &mut self.acks.0[place].clearing;
        *clearing = PackedSeq::new(clearing.get().max(seq));
    }

    /// Drops what is stable and says only that something is not there: removals of
    /// remove-wins sets and disable-wins flags with the additions that they win against; and
    /// what this replica, or one that is retired, had counted before counters were cleared.
    /// Values stay what they are. How many were dropped: each is a change of this replica. For
    /// sets and flags one replica that does it now and then is enough, for counters each does.
    ///
    /// # Errors
    /// [`Error::Overflow`] after the last sequence number, [`Error::CrdtNotEmpty`] while a
    /// snapshot is being loaded.
    pub fn collect(&mut self) -> Result<usize> {
        self.not_while_loading()?;
        // Alone there is nobody to wait for.
        self.end_round();
        let mut count = 0;
        for at in 0..self.items.places() {
            let item = *self.items.get(at);
            if item.key != NONE && item.negative() && self.is_stable(item.dot()) {
                count += usize::from(self.collect_removal(at)?);
            }
        }
        if self.joined > 0 {
            let mut key = ROOT;
            while let Some(next) = self.keys.next_live(key) {
                key = next;
                if self.kind(key).is_counter() {
                    count += self.collect_parts(key)?;
                }
            }
        }
        Ok(count)
    }

    /// Undoes a removal and all that is there of the same element, unless something of it
    /// came by a digest and its change has not come.
    fn collect_removal(&mut self, at: u32) -> Result<bool> {
        let (hash, dot, key) = (self.hash_of(at), self.items.get(at).dot(), self.items.get(at).key);
        let mut other = self.like(at, self.items.first(hash));
        while other != NONE {
            if !self.context.has(self.items.get(other).dot()) {
                return Ok(false);
            }
            other = self.like(at, self.items.following(other));
        }
        let change = self.next_change()?;
        loop {
            // It may have moved.
            let at = self.items.find_dot(hash, dot);
            let other = self.like(at, self.items.first(hash));
            if other == NONE {
                self.undo(change, hash, at)?;
                break;
            }
            self.undo(change, hash, other)?;
        }
        self.happened(change);
        self.drop_empty(key);
        Ok(true)
    }

    /// From `from` on in its bucket, the first other item of a key with the same bytes.
    fn like(&self, at: u32, from: u32) -> u32 {
        let mut other = from;
        while other != NONE {
            let same_key = self.items.get(other).key == self.items.get(at).key;
            if other != at && same_key && self.bytes_of(other) == self.bytes_of(at) {
                return other;
            }
            other = self.items.following(other);
        }
        NONE
    }

    /// Drops the parts of a counter that were cleared.
    fn collect_parts(&mut self, key: u32) -> Result<usize> {
        let hash = self.keys.get(key).hash;
        let mut count = 0;
        let clearings_are = self.acks.0.iter().all(|ack| ack.clearing.get() <= ack.stable.get());
        loop {
            // Whose part it is counts from nothing again afterwards. Nobody else knows whether
            // that replica has seen what cleared it, unless it counts no more.
            let stable = |(_, place, part): &(_, usize, Tally)| {
                let counts = *place != OWN && !(self.acks.0[*place].retired && clearings_are);
                !counts && part.is_cleared() && self.is_stable(Stamp::new(*place, part.seq))
            };
            let Some((_, place, part)) = tally::parts(self.block(key)).find(stable) else { break };
            let change = self.next_change()?;
            self.remove_tally(key, place);
            self.record(change, Some(Stamp::new(place, part.seq)), hash);
            self.happened(change);
            count += 1;
        }
        self.drop_empty(key);
        Ok(count)
    }

    /// A replica is waited for no more, and nothing is to be taken from it: it was removed
    /// from those who take part, which all are to agree on. It can be [`admit`](Self::admit)ted
    /// again as long as nobody has collected anything since. Snapshots do not tell of it.
    ///
    /// # Errors
    /// [`Error::CrdtMember`] for this replica itself, and for one that is not known,
    /// [`Error::CrdtNotEmpty`] while a snapshot is being loaded.
    pub fn retire(&mut self, replica: ReplicaId) -> Result<()> {
        self.not_while_loading()?;
        let place = self.context.place(replica).filter(|place| *place != OWN);
        let ack = &mut self.acks.0[place.ok_or(Error::CrdtMember)?];
        (ack.retired, ack.settled) = (true, false);
        self.acks.restart();
        Ok(())
    }

    fn retired(&self, replica: ReplicaId) -> Result<usize> {
        self.not_while_loading()?;
        let place = self.context.place(replica).ok_or(Error::CrdtMember)?;
        if self.acks.0[place].retired { Ok(place) } else { Err(Error::CrdtMember) }
    }

    /// Makes what a retired replica put in or counted this one's own: one replica is to do
    /// it, and all the others hear of it as of every change. Values stay what they are. How many
    /// items and parts of counters were adopted. What a Count-Min sketch counted stays with the
    /// one that counted it.
    ///
    /// # Errors
    /// [`Error::CrdtMember`] if it is not retired, [`Error::Capacity`] without room for the
    /// sums of counters, [`Error::Overflow`] if one would be more than an `i64` holds, or after the
    /// last sequence number. What was adopted before stays so.
    pub fn adopt(&mut self, replica: ReplicaId) -> Result<usize> {
        let from = self.retired(replica)?;
        let mut count = 0;
        for at in 0..self.items.places() {
            let item = *self.items.get(at);
            if item.key == NONE || item.dot().place() != from || !self.context.has(item.dot()) {
                continue;
            }
            if self.kind(item.key) == Kind::LastWriter {
                self.adopt_written(item.key, item.dot())?;
            } else {
                let (change, hash) = (self.next_change()?, self.hash_of(at));
                *self.items.get_mut(at) = Item::of(change, item.negative()).like(&item);
                self.record(change, Some(item.dot()), hash);
                self.record(change, None, hash);
                self.happened(change);
            }
            count += 1;
        }
        let mut key = ROOT;
        while let Some(next) = self.keys.next_live(key) {
            key = next;
            if self.kind(key).is_counter() {
                count += usize::from(self.adopt_part(key, from)?);
            }
        }
        Ok(count)
    }

    /// Adopts a value of a register of the last writer. As the number of the replica decides
    /// between values of the same time, the one that wins takes the place of the others, and one
    /// that does not goes.
    fn adopt_written(&mut self, key: u32, dot: Stamp) -> Result<()> {
        let (change, hash) = (self.next_change()?, self.keys.get(key).hash);
        let best = self.items.get(self.best_item(key)).dot();
        if best != dot {
            let at = self.items.find_dot(hash, dot);
            self.undo(change, hash, at)?;
            self.happened(change);
            return Ok(());
        }
        loop {
            let first = self.first_of(key);
            let other = |at: &u32| {
                let of = self.items.get(*at).dot();
                of != dot && self.context.has(of)
            };
            let ring = core::iter::successors(Some(first), |at| {
                Some(self.items.next_until(*at, first)).filter(|at| *at != NONE)
            });
            let Some(at) = ring.into_iter().find(other) else { break };
            self.undo(change, hash, at)?;
        }
        let at = self.items.find_dot(hash, dot);
        let item = *self.items.get(at);
        *self.items.get_mut(at) = Item::of(change, item.negative()).like(&item);
        self.record(change, Some(dot), hash);
        self.record(change, None, hash);
        self.happened(change);
        Ok(())
    }

    fn adopt_part(&mut self, key: u32, from: usize) -> Result<bool> {
        let Some(part) = self.tally(key, from).filter(|part| !part.is_cleared()) else {
            return Ok(false);
        };
        let change = self.next_change()?;
        let (at, own) = self.own_tally(key, change)?;
        let net = i64::try_from(i128::from(own.net) + part.value()).map_err(|_| Error::Overflow)?;
        self.put_tally(key, OWN, at, Tally { seq: change.seq(), net, ..own })?;
        self.set_tally(key, from, part.cleared())?;
        self.clearing_told(Some(change));
        self.record_joined(change, ALL_PARTS, self.keys.get(key).hash);
        self.happened(change);
        Ok(true)
    }

    /// Forgets a retired replica of which nothing is left: what it put in or counted was
    /// removed, or adopted and collected, and all have all of its changes. Its place is free for
    /// another one. All forget the same replicas in the same order. Those that have not yet do
    /// not understand each other ([`Error::CrdtGeneration`]) until they have, and so a
    /// replica that comes back after it was forgotten is refused: it begins again with another
    /// number, in an empty store.
    ///
    /// # Errors
    /// [`Error::CrdtMember`] if it is not retired, or something is left of it, or somebody may
    /// lack changes of it. Nothing changes then.
    pub fn forget(&mut self, replica: ReplicaId) -> Result<()> {
        self.outside_transaction()?;
        let place = self.retired(replica)?;
        self.end_round();
        let seen = self.context.members()[place].seen;
        let of = |at: u32| {
            let item = self.items.get(at);
            item.key != NONE && item.dot().place() == place
        };
        let in_block = |key: u32| match self.kind(key) {
            Kind::CountMin => self.cells_at(key, place).is_some(),
            kind => kind.is_counter() && self.tally(key, place).is_some(),
        };
        let ack = self.acks.0[place];
        let left = seen > ack.stable.get()
            || ack.high.get() > seen
            || !ack.settled
            || (0..self.items.places()).any(of)
            || self.keys.live().any(in_block);
        let generation = self.generation.checked_add(1).ok_or(Error::Overflow)?;
        if left {
            return Err(Error::CrdtMember);
        }
        // It has records of that replica; whom it would help gets the state.
        self.log.clear(&mut self.context);
        self.context.forget(place);
        self.behind.forget(replica);
        self.acks.0[place] = Ack { low: PackedSeq::new(u64::MAX), ..Ack::default() };
        self.generation = generation;
        self.version += 1;
        Ok(())
    }

    /// How many replicas were forgotten.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}
