//! What a replica has seen: the causal context.
//!
//! For each replica, all changes up to a number (a version vector), and spans of
//! changes that came before their predecessors. A change may also have been
//! undone before it came itself: such dots are kept, too, until it comes.
//! (Almeida, Shoker, Baquero, "Delta state replicated data types", 2018, section 6.)

use super::dot::{MAX_SEQ, ReplicaId, Stamp};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// A replica that is known.
#[derive(Clone, Copy, Default)]
pub(super) struct Member {
    pub id: ReplicaId,
    /// All its changes up to this one have come.
    pub seen: u64,
    /// Of these the log has all after this one.
    pub logged: u64,
}

impl Member {
    /// What stands where a replica was forgotten.
    const FREE: Member = Member { id: ReplicaId(0), seen: 0, logged: u64::MAX };

    pub fn is_free(&self) -> bool {
        self.logged == u64::MAX
    }
}

/// Changes of one replica, the last one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Stamp,
    pub to: Stamp,
}

pub(super) struct Context<'m> {
    members: Carved<'m, Member>,
    count: usize,
    /// Changes ahead of `seen`, in order; between two spans something is missing.
    ahead: Carved<'m, Span>,
    spans: usize,
    /// Changes that have not come and are undone already, in order.
    undone: Carved<'m, Stamp>,
    undone_count: usize,
}

impl<'m> Context<'m> {
    /// Room for so many replicas, and `early` spans and undone changes.
    pub fn carve(carver: &mut Carver<'m>, replicas: usize, early: usize) -> Result<Self> {
        let nothing = Span { from: Stamp::of_word(0), to: Stamp::of_word(0) };
        Ok(Context {
            members: carver.take(replicas, Member::default())?,
            count: 0,
            ahead: carver.take(early, nothing)?,
            spans: 0,
            undone: carver.take(early, nothing.from)?,
            undone_count: 0,
        })
    }

    pub fn members(&self) -> &[Member] {
        &self.members[..self.count]
    }

    pub fn member(&mut self, place: usize) -> &mut Member {
        &mut self.members[place]
    }

    pub fn ahead(&self) -> &[Span] {
        &self.ahead[..self.spans]
    }

    pub fn undone(&self) -> &[Stamp] {
        &self.undone[..self.undone_count]
    }

    /// The place of a replica.
    pub fn place(&self, id: ReplicaId) -> Option<usize> {
        self.members().iter().position(|member| member.id == id && !member.is_free())
    }

    /// The place of a replica, a new one if it must be; whether it is new.
    pub fn admit(&mut self, id: ReplicaId) -> Result<(usize, bool)> {
        if let Some(place) = self.place(id) {
            return Ok((place, false));
        }
        let free = self.members().iter().position(Member::is_free).unwrap_or(self.count);
        let member = self.members.get_mut(free).ok_or(Error::Capacity)?;
        *member = Member { id, seen: 0, logged: 0 };
        self.count = self.count.max(free + 1);
        Ok((free, true))
    }

    /// Forgets a replica, of which nothing may be left; its place is free.
    pub fn forget(&mut self, place: usize) {
        let (low, high) = (Stamp::new(place, 1), Stamp::new(place, MAX_SEQ));
        let of = |span: &Span| span.from.place() == place;
        let first = self.ahead().iter().position(of).unwrap_or(0);
        let count = self.ahead().iter().filter(|span| of(span)).count();
        self.ahead.copy_within(first + count..self.spans, first);
        self.spans -= count;
        let from = self.undone().partition_point(|dot| *dot < low);
        let to = self.undone().partition_point(|dot| *dot <= high);
        self.undone.copy_within(to..self.undone_count, from);
        self.undone_count -= to - from;
        self.members[place] = Member::FREE;
        while self.members().last().is_some_and(Member::is_free) {
            self.count -= 1;
        }
    }

    /// How many changes have come, and how many are undone before: they tell whether
    /// anything came to be known.
    pub fn weight(&self) -> (u64, usize) {
        let spans = self.ahead().iter().map(|span| span.to.seq() - span.from.seq() + 1);
        let seen = self.members().iter().map(|member| member.seen);
        (spans.chain(seen).sum(), self.undone_count)
    }

    /// Forgets all but this replica, which is in the first place, and its changes, too.
    pub fn clear(&mut self) {
        self.members[0] = Member { id: self.members[0].id, ..Member::default() };
        (self.count, self.spans, self.undone_count) = (1, 0, 0);
    }

    /// Whether a change has come.
    #[inline]
    pub fn has(&self, dot: Stamp) -> bool {
        dot.seq() <= self.members[dot.place()].seen || (self.spans > 0 && self.span(dot).is_ok())
    }

    /// Whether a change has come, or is undone already: what it added is not to be
    /// added any more.
    #[inline]
    pub fn knows(&self, dot: Stamp) -> bool {
        self.has(dot) || (self.undone_count > 0 && self.undone().binary_search(&dot).is_ok())
    }

    /// The span that a dot is in, or where one of its own would be.
    fn span(&self, dot: Stamp) -> Result<usize, usize> {
        let after = self.ahead().partition_point(|span| span.to < dot);
        match self.ahead().get(after) {
            Some(span) if span.from <= dot => Ok(after),
            _ => Err(after),
        }
    }

    /// How many spans more a span of changes could need: none where it follows
    /// what has come, or touches another.
    pub fn needs(&self, new: Span) -> usize {
        let follows = new.from.seq() <= self.members[new.from.place()].seen + 1;
        let (first, last) = self.touching(new);
        usize::from(!follows && first == last)
    }

    /// Spans that overlap a new one or are next to it: `first..last`.
    fn touching(&self, new: Span) -> (usize, usize) {
        let same = |a: Stamp, b: Stamp| a.place() == b.place();
        let before = |span: &Span| {
            span.to < new.from && !(same(span.to, new.from) && span.to.seq() + 1 == new.from.seq())
        };
        let until = |span: &Span| {
            span.from <= new.to || (same(span.from, new.to) && span.from.seq() == new.to.seq() + 1)
        };
        (self.ahead().partition_point(before), self.ahead().partition_point(until))
    }

    /// Whether so many spans and undone changes have room.
    pub fn has_room(&self, spans: usize, undone: usize) -> bool {
        spans <= self.ahead.len() - self.spans && undone <= self.undone.len() - self.undone_count
    }

    /// Changes have come.
    pub fn deliver(&mut self, mut new: Span) -> Result<()> {
        let place = new.from.place();
        if self.spans + self.undone_count == 0 {
            // As mostly: nothing came early.
            let seen = &mut self.members[place].seen;
            if new.from.seq() <= *seen + 1 {
                *seen = new.to.seq().max(*seen);
                return Ok(());
            }
        }
        let (first, last) = self.touching(new);
        if first == last && self.needs(new) > 0 {
            if self.spans == self.ahead.len() {
                return Err(Error::Capacity);
            }
            self.ahead.copy_within(first..self.spans, first + 1);
            self.ahead[first] = new;
            self.spans += 1;
        } else {
            if first < last {
                new.from = new.from.min(self.ahead[first].from);
                new.to = new.to.max(self.ahead[last - 1].to);
            }
            // One span instead of those that it touches, or none if it follows.
            let member = &mut self.members[place];
            let follows = new.from.seq() <= member.seen + 1;
            if follows {
                member.seen = member.seen.max(new.to.seq());
            } else {
                self.ahead[first] = new;
            }
            let kept = first + usize::from(!follows);
            self.ahead.copy_within(last..self.spans, kept);
            self.spans -= last - kept;
        }
        let from = self.undone().partition_point(|dot| *dot < new.from);
        let to = self.undone().partition_point(|dot| *dot <= new.to);
        self.undone.copy_within(to..self.undone_count, from);
        self.undone_count -= to - from;
        Ok(())
    }

    /// A change that has not come is undone.
    pub fn undo(&mut self, dot: Stamp) -> Result<()> {
        let Err(at) = self.undone().binary_search(&dot) else { return Ok(()) };
        if self.undone_count == self.undone.len() {
            return Err(Error::Capacity);
        }
        self.undone.copy_within(at..self.undone_count, at + 1);
        self.undone[at] = dot;
        self.undone_count += 1;
        Ok(())
    }
}
