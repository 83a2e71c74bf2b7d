//! Who is known, in one table with an order; and which of it is news.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::message::{Rumour, What};
use super::{Standing, config::MembershipConfig};
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::port::Address;

/// Those who say that a suspicion is right, beside the first: more do not make it shorter.
pub(super) const CONFIRMATIONS: usize = 3;
/// No place.
pub(super) const NONE: u16 = u16::MAX;
/// How often a piece of news may have been told, at most.
const LEVELS: usize = 64;
/// The level of what is no news.
const OLD: u8 = u8::MAX;

/// What is known of a member. What it says of itself lies beside it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub id: u64,
    pub incarnation: u64,
    pub standing: Standing,
    pub address: Address,
    meta: u16,
    /// Since when it stands so, by this member's clock.
    pub since: u64,
    /// Who has said that it does not answer: the first, and those that confirmed it.
    pub by: [u64; 1 + CONFIRMATIONS],
    pub confirmed: u8,
    /// How the caller believes it to stand.
    pub told: Option<Standing>,
    /// What it says of itself has changed since.
    pub changed: bool,
    /// It waits for the caller to be told.
    pub due: bool,
    /// How often the news of it was told: the list that it is in.
    level: u8,
    next: u16,
    prev: u16,
    /// The last message that it went into.
    message: u64,
}

impl Entry {
    const FREE: Entry = Entry {
        id: 0,
        incarnation: 0,
        standing: Standing::Dead,
        address: Address::EMPTY,
        meta: 0,
        since: 0,
        by: [0; 1 + CONFIRMATIONS],
        confirmed: 0,
        told: None,
        changed: false,
        due: false,
        level: OLD,
        next: NONE,
        prev: NONE,
        message: 0,
    };

    /// Whether it takes part, as far as anybody knows.
    pub fn takes_part(&self) -> bool {
        matches!(self.standing, Standing::Alive | Standing::Suspect)
    }
}

/// The members in use are the first `order.len`, by rising numbers; the other places are free.
pub(super) struct Table<'m> {
    entries: Carved<'m, Entry>,
    metas: Carved<'m, u8>,
    most_meta: usize,
    /// Places: those in use by rising numbers of their members, then the free ones.
    order: Carved<'m, u16>,
    used: usize,
    /// Who takes part: Alive or Suspect.
    part: usize,
    suspects: usize,
    /// The first and the last of what was told so often.
    lists: [(u16, u16); LEVELS],
    messages: u64,
}

impl<'m> Table<'m> {
    pub fn carve(carver: &mut Carver<'m>, config: &MembershipConfig<'_>) -> Result<Table<'m>> {
        let members = config.members;
        let mut table = Table {
            entries: carver.take(members, Entry::FREE)?,
            metas: carver.take(members * config.most_meta, 0)?,
            most_meta: config.most_meta,
            order: carver.take(members, 0)?,
            used: 0,
            part: 0,
            suspects: 0,
            lists: [(NONE, NONE); LEVELS],
            messages: 0,
        };
        table.order.iter_mut().zip(0..).for_each(|(place, free)| *place = free);
        Ok(table)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.used
    }

    /// How many take part, this member among them.
    pub fn part(&self) -> usize {
        self.part
    }

    pub fn suspects(&self) -> usize {
        self.suspects
    }

    /// Places by rising numbers of their members.
    pub fn places(&self) -> &[u16] {
        self.order.get(..self.used).unwrap_or_default()
    }

    fn rank(&self, id: u64) -> core::result::Result<usize, usize> {
        self.places().binary_search_by_key(&id, |place| self.get(*place).id)
    }

    /// A sum of who takes part, and of the incarnations: of two that know the same, it is the same.
    pub fn sum(&self) -> u64 {
        let entries = self.places().iter().map(|place| self.get(*place));
        let part = entries.filter(|entry| entry.takes_part());
        part.fold(0, |sum, entry| {
            let mixed = entry.id ^ entry.incarnation.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum.wrapping_add(SplitMix64::seed_from_u64(mixed).next_u64())
        })
    }

    /// The place of the first member with this number or a larger one, in [`places`](Self::places).
    pub fn rank_from(&self, id: u64) -> usize {
        self.rank(id).unwrap_or_else(|rank| rank)
    }

    pub fn find(&self, id: u64) -> Option<u16> {
        self.rank(id).ok().and_then(|rank| self.order.get(rank)).copied()
    }

    pub fn get(&self, place: u16) -> &Entry {
        &self.entries[usize::from(place)]
    }

    pub fn get_mut(&mut self, place: u16) -> &mut Entry {
        &mut self.entries[usize::from(place)]
    }

    fn meta_range(&self, place: u16, len: usize) -> core::ops::Range<usize> {
        let start = usize::from(place) * self.most_meta;
        start..start + len
    }

    pub fn meta(&self, place: u16) -> &[u8] {
        let range = self.meta_range(place, self.get(place).meta.into());
        self.metas.get(range).unwrap_or_default()
    }

    /// What is to be told of a member.
    pub fn rumour(&self, place: u16) -> Rumour<'_> {
        let entry = self.get(place);
        let by = entry.by[usize::from(entry.confirmed)];
        let what = match entry.standing {
            Standing::Alive => {
                What::Alive { address: entry.address.bytes(), meta: self.meta(place) }
            }
            Standing::Suspect => What::Suspect { by },
            Standing::Dead => What::Dead { by },
            Standing::Left => What::Left,
        };
        Rumour { id: entry.id, incarnation: entry.incarnation, what }
    }

    /// A place for a new member that takes part; `None` if there is none.
    pub fn insert(&mut self, id: u64, now: u64) -> Option<u16> {
        let rank = self.rank(id).err()?;
        let place = *self.order.get(self.used)?;
        // By hand: turning slices is a function of its own, and not a small one.
        let ranks = self.order.get_mut(rank..=self.used)?;
        ranks.copy_within(..ranks.len() - 1, 1);
        *ranks.first_mut()? = place;
        self.used += 1;
        self.part += 1;
        *self.get_mut(place) = Entry { id, standing: Standing::Alive, since: now, ..Entry::FREE };
        Some(place)
    }

    /// Forgets a member that is gone.
    pub fn remove(&mut self, place: u16) {
        self.set_old(place);
        let rank = self.rank(self.get(place).id);
        if let Some(ranks) = rank.ok().and_then(|rank| self.order.get_mut(rank..self.used)) {
            ranks.copy_within(1.., 0);
            if let Some(last) = ranks.last_mut() {
                *last = place;
            }
            self.used -= 1;
        }
    }

    /// What a member says of itself. Nothing is changed if it is longer than there is room.
    pub fn set_said(&mut self, place: u16, address: Address, meta: &[u8]) {
        let range = self.meta_range(place, meta.len());
        if meta.len() <= self.most_meta
            && let Some(bytes) = self.metas.get_mut(range)
        {
            bytes.copy_from_slice(meta);
            let entry = self.get_mut(place);
            (entry.address, entry.meta) = (address, meta.len() as u16);
        }
    }

    /// How it stands, from now on.
    pub fn set_standing(&mut self, place: u16, standing: Standing, now: u64) {
        let entry = &mut self.entries[usize::from(place)];
        self.part -= usize::from(entry.takes_part());
        self.suspects -= usize::from(entry.standing == Standing::Suspect);
        (entry.standing, entry.since, entry.confirmed) = (standing, now, 0);
        self.part += usize::from(entry.takes_part());
        self.suspects += usize::from(standing == Standing::Suspect);
    }

    /// What is known of it is news.
    pub fn set_news(&mut self, place: u16) {
        self.set_old(place);
        self.link(place, 0);
    }

    /// Whether anything is news that may be told `limit` times.
    pub fn has_news(&self, limit: usize) -> bool {
        self.lists.iter().take(limit).any(|(first, _)| *first != NONE)
    }

    pub fn is_news(&self, place: u16, limit: usize) -> bool {
        usize::from(self.get(place).level) < limit.min(LEVELS)
    }

    fn set_old(&mut self, place: u16) {
        let &Entry { level, next, prev, .. } = self.get(place);
        let Some((first, last)) = self.lists.get_mut(usize::from(level)) else { return };
        if prev == NONE {
            *first = next;
        }
        if next == NONE {
            *last = prev;
        }
        if prev != NONE {
            self.get_mut(prev).next = next;
        }
        if next != NONE {
            self.get_mut(next).prev = prev;
        }
        let entry = self.get_mut(place);
        (entry.level, entry.next, entry.prev) = (OLD, NONE, NONE);
    }

    /// To the end of a list; beyond the last, it is no news.
    fn link(&mut self, place: u16, level: usize) {
        let Some((first, last)) = self.lists.get_mut(level) else { return };
        let before = core::mem::replace(last, place);
        if before == NONE {
            *first = place;
        } else {
            self.get_mut(before).next = place;
        }
        let entry = self.get_mut(place);
        (entry.level, entry.prev, entry.next) = (level as u8, before, NONE);
    }

    /// Goes through the news that were told less than `limit` times, those told least first, as long as `tell` has
    /// room for them; each counts as told once more.
    pub fn tell(&mut self, limit: usize, mut tell: impl FnMut(&Table<'_>, u16) -> bool) {
        self.messages += 1;
        let message = self.messages;
        for level in 0..limit.min(LEVELS) {
            let mut at = self.lists[level].0;
            while at != NONE {
                let place = at;
                at = self.get(place).next;
                // What was told in this message already stands at the end of the next list.
                if self.get(place).message == message {
                    break;
                }
                if !tell(self, place) {
                    return;
                }
                self.set_old(place);
                self.link(place, level + 1);
                self.get_mut(place).message = message;
            }
        }
    }
}
