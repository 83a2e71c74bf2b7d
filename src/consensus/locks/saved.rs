//! Locks as bytes: a snapshot of the log.

use super::entry::{Reader, Writer, good_name, good_ttl};
use super::{Claim, Held, LockSession, Locks, LocksConfig, Session};
use crate::error::{Error, Result};

const VERSION: u8 = 1;
/// Session, life, number, time to live.
const SESSION: usize = 4 * 8;

impl LocksConfig {
    fn bytes(&self) -> [u8; 5] {
        // Within 16 bits, as they were checked.
        let [a, b] = (self.sessions as u16).to_le_bytes();
        let [c, d] = (self.claims as u16).to_le_bytes();
        [a, b, c, d, self.name as u8]
    }
}

impl Locks<'_> {
    /// What the log has said so far, as bytes: with a snapshot of the log. Members that have applied the same entries
    /// write the same bytes. Number of bytes.
    ///
    /// [`Error::BufferTooSmall`]: [`saved_len`](Self::saved_len) tells how many it takes.
    pub fn save(&self, out: &mut [u8]) -> Result<usize> {
        self.write(&mut Writer { out: Some(out), len: 0 })
    }

    /// Number of bytes that [`save`](Self::save) writes.
    pub fn saved_len(&self) -> usize {
        // Without a buffer there is nothing to fail.
        self.write(&mut Writer { out: None, len: 0 }).unwrap_or_default()
    }

    fn write(&self, to: &mut Writer<'_>) -> Result<usize> {
        to.put(&[VERSION])?;
        to.put(&self.config.bytes())?;
        to.put(&self.last.to_le_bytes())?;
        to.put(&(self.sessions_len as u16).to_le_bytes())?;
        for LockSession { session, life, number, ttl_us } in self.sessions() {
            for field in [session, life, number, ttl_us] {
                to.put(&field.to_le_bytes())?;
            }
        }
        to.put(&(self.claims_len as u16).to_le_bytes())?;
        for claim in self.claims() {
            for field in [claim.session, claim.since, claim.token] {
                to.put(&field.to_le_bytes())?;
            }
            to.put(&claim.parties.to_le_bytes())?;
            to.put(&[claim.name.len() as u8])?;
            to.put(claim.name)?;
        }
        Ok(to.len)
    }

    /// Becomes what another has [`save`](Self::save)d, in place of what it was. All sessions have their whole time.
    ///
    /// [`Error::LockFormat`] for bytes that are none or say what cannot be, [`Error::Invalid`] for one with other
    /// settings; nothing was changed then.
    pub fn load(&mut self, saved: &[u8], now: u64) -> Result<()> {
        let saved = Saved::read(saved, &self.config)?;
        (self.sessions_len, self.claims_len, self.last) = (saved.sessions().count(), 0, saved.last);
        for (place, about) in self.sessions.iter_mut().zip(saved.sessions()) {
            *place = Session { about, deadline: now.saturating_add(about.ttl_us) };
        }
        for Claim { name, session, since, token, parties } in saved.claims() {
            self.claim(name, Held { session, since, token, parties, len: 0 });
        }
        Ok(())
    }
}

/// A snapshot that says nothing that cannot be.
struct Saved<'a> {
    last: u64,
    sessions: &'a [u8],
    claims: &'a [u8],
}

impl<'a> Saved<'a> {
    fn read(bytes: &'a [u8], config: &LocksConfig) -> Result<Saved<'a>> {
        let mut from = Reader(bytes);
        if from.u8()? != VERSION {
            return Err(Error::LockFormat);
        }
        if from.array()? != config.bytes() {
            return Err(Error::Invalid);
        }
        let last = from.u64()?;
        let sessions_len = usize::from(from.u16()?);
        let sessions = from.take(sessions_len * SESSION)?;
        let claims_len = usize::from(from.u16()?);
        let saved = Saved { last, sessions, claims: from.0 };
        let whole = saved.claims().count() == claims_len;
        let read: usize = saved.claims().map(|claim| 8 * 3 + 2 + 1 + claim.name.len()).sum();
        let fits = sessions_len <= config.sessions && claims_len <= config.claims;
        let good = whole
            && read == saved.claims.len()
            && fits
            && last < u64::MAX
            && saved.sessions_can_be()
            && saved.claims_can_be(config);
        if good { Ok(saved) } else { Err(Error::LockFormat) }
    }

    fn sessions(&self) -> impl Iterator<Item = LockSession> + use<'a> {
        self.sessions.chunks_exact(SESSION).filter_map(|bytes| {
            let mut from = Reader(bytes);
            let mut field = || from.u64().ok();
            let (session, life, number, ttl_us) = (field()?, field()?, field()?, field()?);
            Some(LockSession { session, life, number, ttl_us })
        })
    }

    /// Up to the first that is not whole.
    fn claims(&self) -> impl Iterator<Item = Claim<'a>> + use<'a> {
        let mut from = Reader(self.claims);
        core::iter::from_fn(move || {
            let mut field = || from.u64().ok();
            let (session, since, token) = (field()?, field()?, field()?);
            let parties = from.u16().ok()?;
            let len = from.u8().ok()?;
            Some(Claim { name: from.take(len.into()).ok()?, session, since, token, parties })
        })
    }

    fn sessions_can_be(&self) -> bool {
        let mut before = None;
        self.sessions().all(|about| {
            let rises = before.replace(about.session).is_none_or(|before| before < about.session);
            let others = self.sessions().filter(|other| other.life == about.life).count();
            let lives = (1..=self.last).contains(&about.life) && others == 1;
            rises && lives && good_ttl(about.ttl_us) && about.number > 0
        })
    }

    fn claims_can_be(&self, config: &LocksConfig) -> bool {
        let mut after = 0;
        self.claims().enumerate().all(|(place, claim)| {
            let rises = core::mem::replace(&mut after, claim.since) < claim.since;
            let owner = self.sessions().find(|about| about.session == claim.session);
            let own = owner.is_some_and(|about| about.life < claim.since);
            let fits = good_name(claim.name)
                && claim.name.len() <= config.name
                && config.has_room(claim.parties);
            rises && claim.since <= self.last && own && fits && self.may_follow(place, &claim)
        })
    }

    /// Whether this claim can stand behind those before its place.
    fn may_follow(&self, place: usize, claim: &Claim<'_>) -> bool {
        let mut there = 0;
        for other in self.claims().take(place) {
            let alike = (other.parties > 0) == (claim.parties > 0) && other.name == claim.name;
            if alike && (other.session == claim.session || other.parties != claim.parties) {
                return false;
            }
            there += usize::from(alike);
        }
        if claim.parties > 0 {
            // The last one would have opened it.
            claim.token == 0 && there + 1 < usize::from(claim.parties)
        } else if there == 0 {
            (claim.since..=self.last).contains(&claim.token)
        } else {
            claim.token == 0
        }
    }
}
