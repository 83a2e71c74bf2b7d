//! Members that break the protocol: what they did, and quarantine.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Whether an honest member does not cause this error where its message is taken in.
///
/// Versions are not, nor what is only a matter of room, of lengths that are configured, of clocks and of numbers that
/// may differ; nor what an honest member hands on without being able to tell.
pub const fn is_violation(error: Error) -> bool {
    matches!(error, Error::NodeFormat | Error::CrdtFormat | Error::TaskFormat)
}

/// What a member did last that it must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who.
    pub id: u64,
    /// How often.
    pub strikes: u8,
    /// What was wrong the last time.
    pub error: Error,
    /// With a message of which [`channel`](super::channel).
    pub channel: u8,
    /// The first bytes of that message.
    pub bytes: [u8; 16],
    /// When, by the clock here, in microseconds.
    pub at_us: u64,
    /// Until when it is in quarantine; 0: it is not.
    pub until_us: u64,
    /// The caller is to be told of the quarantine.
    untold: bool,
}

const NOBODY: u64 = u64::MAX;

const FREE: Evidence = Evidence {
    id: NOBODY,
    strikes: 0,
    error: Error::NodeFormat,
    channel: 0,
    bytes: [0; 16],
    at_us: 0,
    until_us: 0,
    untold: false,
};

/// Those that did something.
pub(super) struct Suspects<'m> {
    table: Carved<'m, Evidence>,
    strikes: u8,
    quarantine_us: u64,
}

impl<'m> Suspects<'m> {
    pub fn carve(
        (room, strikes, quarantine_us): (usize, u8, u64),
        carver: &mut Carver<'m>,
    ) -> Result<Suspects<'m>> {
        Ok(Suspects { table: carver.take(room, FREE)?, strikes, quarantine_us })
    }

    pub fn all(&self) -> impl Iterator<Item = &Evidence> {
        self.table.iter().filter(|evidence| evidence.id != NOBODY)
    }

    /// Whether a member is in quarantine.
    pub fn has(&self, id: u64, now: u64) -> bool {
        self.all().any(|evidence| evidence.id == id && evidence.until_us > now)
    }

    /// A member did something: whether it is in quarantine from now on.
    pub fn strike(
        &mut self,
        id: u64,
        error: Error,
        (channel, message): (u8, &[u8]),
        now: u64,
    ) -> bool {
        let own = self.table.iter().position(|evidence| evidence.id == id);
        // Those in quarantine stay longest, then who did something last.
        let other = || {
            let ages = self.table.iter().enumerate();
            let key = |(_, e): &(usize, &Evidence)| (e.id != NOBODY, e.until_us > now, e.at_us);
            ages.min_by_key(key).map(|(place, _)| place)
        };
        let Some(evidence) = own.or_else(other).and_then(|place| self.table.get_mut(place)) else {
            return false;
        };
        if evidence.id != id || now.saturating_sub(evidence.at_us) > self.quarantine_us {
            *evidence = Evidence { id, ..FREE };
        }
        (evidence.error, evidence.channel, evidence.at_us) = (error, channel, now);
        evidence.bytes = [0; 16];
        for (place, byte) in evidence.bytes.iter_mut().zip(message) {
            *place = *byte;
        }
        evidence.strikes = evidence.strikes.saturating_add(1);
        if evidence.strikes < self.strikes || evidence.until_us > now {
            return false;
        }
        evidence.until_us = now.saturating_add(self.quarantine_us);
        evidence.untold = true;
        true
    }

    /// A member whose quarantine the caller has not been told of.
    pub fn next_untold(&mut self) -> Option<u64> {
        let evidence = self.table.iter_mut().find(|evidence| evidence.untold)?;
        evidence.untold = false;
        Some(evidence.id)
    }

    /// Forgets what a member did: whether there was anything.
    pub fn forgive(&mut self, id: u64) -> bool {
        let found = self.table.iter_mut().find(|evidence| evidence.id == id && id != NOBODY);
        found.map(|evidence| *evidence = FREE).is_some()
    }
}
