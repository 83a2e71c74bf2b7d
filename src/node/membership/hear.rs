//! What others say.

use super::message::{Kind, Message, NOBODY, Rumour, What};
use super::probe::Relay;
use super::table::CONFIRMATIONS;
use super::{Membership, Standing};
use crate::error::{Error, Result};
use crate::port::Address;

/// By how much an incarnation may be above what is known, 0 of who is not, unless its owner says so itself. One rumour
/// does not take a member to the end of its numbers then.
const LEAP: u64 = 1 << 32;
/// The same of what is said of this member: so others believe the answer, which is one above it.
const OWN_LEAP: u64 = LEAP / 2;

impl Membership<'_> {
    /// A message of the member `from`, whose number the caller is sure of. Ask [`next`](Self::next) afterwards.
    ///
    /// [`Error::NodeFormat`] and [`Error::NodeVersion`] if it is none, or longer than `mtu`; [`Error::NodePeer`] if
    /// nobody else is called `from`; nothing is changed then.
    pub fn receive(&mut self, from: u64, message: &[u8], now: u64) -> Result<()> {
        if message.len() > self.settings.mtu {
            return Err(Error::NodeFormat);
        }
        let message = Message::decode(message)?;
        self.check_peer(from)?;
        self.tick(now);
        self.stats.received += 1;
        let mut last = None;
        for rumour in message.rumours() {
            last = Some(rumour.id);
            self.hear(from, &rumour);
        }
        match message.kind {
            Kind::Gossip => {}
            Kind::Ping { seq } => {
                self.push(from, Kind::Ack { seq });
            }
            Kind::Ask { seq, target } => self.relay(from, seq, target),
            Kind::Ack { seq } => self.acked(from, seq),
            Kind::Nack { seq } => self.nacked(from, seq),
            Kind::Pull { from: first, back, sum } => {
                // If both know the same, the page has nothing in it.
                let more = sum == 0 || sum != self.table.sum();
                self.push(from, Kind::Page { from: first, more });
                if back && more && self.pull.is_none() {
                    self.start_pull(from, false, false);
                }
            }
            Kind::Page { from: first, more } => {
                let next = last.filter(|_| more).map(|last| last + 1);
                self.paged(from, first, next);
            }
        }
        self.set_wake();
        Ok(())
    }

    fn relay(&mut self, asker: u64, seq: u32, target: u64) {
        if target == self.settings.id {
            self.push(asker, Kind::Ack { seq });
            return;
        }
        // Who asks anew has given up what it asked before: nobody takes more than one place.
        self.relays.retain(|relay| relay.asker != asker);
        let own_seq = self.next_seq();
        let patience =
            self.settings.timeout_us.min(self.settings.period_us - self.settings.timeout_us);
        let relay = Relay {
            asker,
            seq,
            target,
            own_seq,
            nack_at: Some(self.now.saturating_add(patience / 5 * 4)),
            until: self.now.saturating_add(self.settings.period_us),
        };
        if self.relays.push(relay).is_ok() {
            self.push(target, Kind::Ping { seq: own_seq });
        } else {
            self.stats.dropped += 1;
        }
    }

    fn hear(&mut self, from: u64, rumour: &Rumour<'_>) {
        let known = self.table.find(rumour.id);
        if known == Some(self.own) {
            return self.hear_own(rumour);
        }
        let before = known.map_or(0, |place| self.table.get(place).incarnation);
        let own_word = rumour.id == from && matches!(rumour.what, What::Alive { .. });
        if rumour.incarnation > before.saturating_add(LEAP) && !own_word {
            self.stats.refused += 1;
            // It may be so: the member itself knows.
            if self.pull.is_none() {
                self.start_pull(rumour.id, true, false);
            }
            return;
        }
        let Some(place) = known else {
            // Of who is not known it is of no use that it is gone.
            if let What::Alive { address, meta } = rumour.what {
                self.meet(rumour, address, meta);
            }
            return;
        };
        let entry = self.table.get(place);
        let standing = standing(&rumour.what);
        let (new, old) = ((rumour.incarnation, standing), (entry.incarnation, entry.standing));
        match rumour.what {
            What::Suspect { by } if new == old => self.confirm(place, by),
            _ if new <= old => {}
            What::Alive { address, meta } => {
                self.set_alive(place, rumour.incarnation, address, meta)
            }
            What::Suspect { by } | What::Dead { by } => {
                self.table.get_mut(place).incarnation = rumour.incarnation;
                self.stand(place, standing, by);
            }
            What::Left => {
                self.table.get_mut(place).incarnation = rumour.incarnation;
                self.stand(place, standing, NOBODY);
            }
        }
    }

    /// Somebody whom nobody has told of so far.
    fn meet(&mut self, rumour: &Rumour<'_>, address: &[u8], meta: &[u8]) {
        if meta.len() > self.settings.most_meta {
            self.stats.refused += 1;
            return;
        }
        let place = self.table.insert(rumour.id, self.now).or_else(|| {
            self.evict();
            self.table.insert(rumour.id, self.now)
        });
        let Some(place) = place else {
            self.stats.full += 1;
            return;
        };
        self.set_alive(place, rumour.incarnation, address, meta);
        self.add_to_ring(place);
    }

    /// Forgets who has been gone for longest, and the caller knows of it.
    fn evict(&mut self) {
        // Often there is nobody.
        if self.table.len() == self.table.part() {
            return;
        }
        let entry = |place: &u16| self.table.get(*place);
        let gone = self.table.places().iter().copied();
        let gone = gone.filter(|place| !entry(place).takes_part() && !entry(place).due);
        // This member itself is among them when it has left.
        let oldest = gone.filter(|place| *place != self.own).min_by_key(|place| entry(place).since);
        if let Some(place) = oldest {
            self.table.remove(place);
        }
    }

    fn set_alive(&mut self, place: u16, incarnation: u64, address: &[u8], meta: &[u8]) {
        // No longer than there is room: it was looked at before, or is below.
        let (Ok(address), true) = (Address::new(address), meta.len() <= self.settings.most_meta)
        else {
            self.stats.refused += 1;
            return;
        };
        let entry = self.table.get(place);
        let changed = entry.address != address || self.table.meta(place) != meta;
        self.table.set_said(place, address, meta);
        let entry = self.table.get_mut(place);
        entry.incarnation = incarnation;
        entry.changed |= changed;
        self.stand(place, Standing::Alive, NOBODY);
    }

    /// How a member stands from now on, which is news.
    pub(super) fn stand(&mut self, place: u16, standing: Standing, by: u64) {
        let was = self.table.get(place).takes_part();
        self.table.set_standing(place, standing, self.now);
        self.table.get_mut(place).by[0] = by;
        self.table.set_news(place);
        self.notify(place);
        // If there was nobody to be told, there may be now.
        self.gossip_at = self.gossip_at.min(self.now.saturating_add(self.settings.gossip_us));
        if standing == Standing::Suspect {
            self.suspect_at = self.suspect_at.min(self.suspected_until(place));
        }
        if !was && self.table.get(place).takes_part() {
            self.add_to_ring(place);
        }
    }

    /// Another one that does not hear of a suspect: with each it has less time.
    pub(super) fn confirm(&mut self, place: u16, by: u64) {
        let entry = self.table.get_mut(place);
        let count = usize::from(entry.confirmed);
        if count >= CONFIRMATIONS || entry.by.iter().take(count + 1).any(|known| *known == by) {
            return;
        }
        if let Some(free) = entry.by.get_mut(count + 1) {
            *free = by;
            entry.confirmed += 1;
        }
        self.table.set_news(place);
        self.suspect_at = self.suspect_at.min(self.suspected_until(place));
    }

    /// What is said of this member itself.
    fn hear_own(&mut self, rumour: &Rumour<'_>) {
        let own = self.own_entry();
        if rumour.incarnation > own.incarnation.saturating_add(OWN_LEAP) {
            self.stats.refused += 1;
            return;
        }
        let stale = match rumour.what {
            // Of an earlier life, or this member would know.
            What::Alive { address, meta } => {
                let same = own.address.bytes() == address && self.table.meta(self.own) == meta;
                rumour.incarnation > own.incarnation
                    || (rumour.incarnation == own.incarnation
                        && own.standing == Standing::Alive
                        && !same)
            }
            _ if own.standing == Standing::Left => rumour.incarnation > own.incarnation,
            What::Left => rumour.incarnation >= own.incarnation,
            What::Suspect { .. } | What::Dead { .. } => {
                let counts = rumour.incarnation >= own.incarnation;
                if counts {
                    self.stats.refuted += 1;
                    self.worsen(1);
                }
                counts
            }
        };
        if stale {
            self.renew(rumour.incarnation);
        } else if !matches!(rumour.what, What::Alive { .. }) {
            // The objection has not come through to the one that says so.
            self.table.set_news(self.own);
        }
    }
}

fn standing(what: &What<'_>) -> Standing {
    match what {
        What::Alive { .. } => Standing::Alive,
        What::Suspect { .. } => Standing::Suspect,
        What::Dead { .. } => Standing::Dead,
        What::Left => Standing::Left,
    }
}
