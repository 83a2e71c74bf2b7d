//! Locks as bytes: a snapshot of the log.

use super::entry::{Reader, Writer, good_name, good_ttl};
use super::{Held, LockSession, Locks, Session};
use crate::error::{Error, Result};

const VERSION: u8 = 1;

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
        to.put(&self.last.to_le_bytes())?;
        to.put(&(self.sessions_len as u16).to_le_bytes())?;
        for session in self.sessions() {
            to.put(&session.session.to_le_bytes())?;
            to.put(&session.number.to_le_bytes())?;
            to.put(&session.ttl_us.to_le_bytes())?;
        }
        to.put(&(self.claims_len as u16).to_le_bytes())?;
        for claim in self.claims() {
            to.put(&claim.session.to_le_bytes())?;
            to.put(&claim.since.to_le_bytes())?;
            to.put(&claim.token.to_le_bytes())?;
            to.put(&claim.parties.to_le_bytes())?;
            to.put(&[claim.name.len() as u8])?;
            to.put(claim.name)?;
        }
        Ok(to.len)
    }

    /// Becomes what another has [`save`](Self::save)d, in place of what it was. All sessions have their whole time.
    ///
    /// [`Error::LockFormat`] for bytes that are none or say what cannot be, [`Error::Capacity`] for one that has no room
    /// here: the settings must be the same. Then nobody has anything, and no entry was applied.
    pub fn load(&mut self, saved: &[u8], now: u64) -> Result<()> {
        let loaded = self.read(saved, now);
        if loaded.is_err() {
            (self.sessions_len, self.claims_len, self.last) = (0, 0, 0);
        }
        loaded
    }

    fn read(&mut self, saved: &[u8], now: u64) -> Result<()> {
        let mut from = Reader(saved);
        if from.u8()? != VERSION {
            return Err(Error::LockFormat);
        }
        (self.sessions_len, self.claims_len) = (0, 0);
        self.last = from.u64()?;
        for _ in 0..from.u16()? {
            let [session, number, ttl_us] = [from.u64()?, from.u64()?, from.u64()?];
            let behind = self.live().last().is_none_or(|last| last.about.session < session);
            if !behind || !good_ttl(ttl_us) || number == 0 {
                return Err(Error::LockFormat);
            }
            let place = self.sessions.get_mut(self.sessions_len).ok_or(Error::Capacity)?;
            let about = LockSession { session, number, ttl_us };
            *place = Session { about, deadline: now.saturating_add(ttl_us) };
            self.sessions_len += 1;
        }
        for _ in 0..from.u16()? {
            let [session, since, token] = [from.u64()?, from.u64()?, from.u64()?];
            let parties = from.u16()?;
            let len = from.u8()?;
            let name = from.take(len.into())?;
            let held = Held { session, since, token, parties, len };
            if !good_name(name) || !self.may_follow(&held, name) {
                return Err(Error::LockFormat);
            }
            if !self.claim(name, held) {
                return Err(Error::Capacity);
            }
        }
        from.end()
    }

    /// Whether this claim can stand behind those that there are.
    fn may_follow(&mut self, held: &Held, name: &[u8]) -> bool {
        let after = self.claims().last().map_or(0, |claim| claim.since);
        if held.since <= after || held.since > self.last || self.session_mut(held.session).is_none()
        {
            return false;
        }
        let mut there = 0;
        for claim in self.claims() {
            let same = claim.name == name && (claim.parties > 0) == (held.parties > 0);
            if same && (claim.session == held.session || claim.parties != held.parties) {
                return false;
            }
            there += usize::from(same);
        }
        if held.parties > 0 {
            // The last one would have opened it.
            held.token == 0 && there + 1 < usize::from(held.parties)
        } else if there == 0 {
            (held.since..=self.last).contains(&held.token)
        } else {
            held.token == 0
        }
    }
}
