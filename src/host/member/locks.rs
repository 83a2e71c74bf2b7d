//! This member's session with the group's locks, and the calls for them.

use std::time::Duration;
use std::vec::Vec;

use super::group::{Agreed, Group, LOCKS};
use super::{Member, Until};
use crate::consensus::Locks;
use crate::consensus::locks::{LockAction, LockEntry, LockOutcome, MOST_LOCK_ENTRY};
use crate::error::{Error, Result};
use crate::host::clock::now_us;

/// What this member holds and waits for. The session begins with the first lock, is renewed as long as there is
/// something to hold, and then ends by itself.
pub(super) struct Claims {
    session: u64,
    ttl_us: u64,
    /// Of the session; 0: there is none.
    pub life: u64,
    number: u64,
    opening: Option<u64>,
    /// The group had no room for it.
    refused: bool,
    /// When the last step was proposed.
    stepped: u64,
    /// Names that are held or waited for, each by one caller, and the token of those that are held.
    names: Vec<(Vec<u8>, Option<u64>)>,
}

impl Claims {
    pub fn new(session: u64, ttl_us: u64) -> Claims {
        let (life, number, opening, refused) = (0, 0, None, false);
        Claims { session, ttl_us, life, number, opening, refused, stepped: 0, names: Vec::new() }
    }

    /// The bytes of the session's next step.
    fn step(&mut self, action: LockAction<'_>, now: u64) -> Result<Vec<u8>> {
        self.number += 1;
        let life = if matches!(action, LockAction::Open { .. }) { 0 } else { self.life };
        let entry = LockEntry { session: self.session, life, number: self.number, action };
        let mut bytes = [0; MOST_LOCK_ENTRY];
        let len = entry.encode(&mut bytes)?;
        self.stepped = now;
        Ok(bytes.get(..len).unwrap_or_default().to_vec())
    }

    fn is_used(&self) -> bool {
        self.life > 0 && !self.names.is_empty()
    }

    /// The step that keeps the session, if it is due.
    pub fn renewal(&mut self, now: u64) -> Option<Vec<u8>> {
        if self.wake_at() > now { None } else { self.step(LockAction::Renew, now).ok() }
    }

    /// The one before is still on its way.
    pub fn put_off(&mut self, now: u64) {
        self.stepped = now;
    }

    /// When it is due.
    pub fn wake_at(&self) -> u64 {
        let due = self.stepped.saturating_add(self.ttl_us / 3);
        if self.is_used() { due } else { u64::MAX }
    }

    /// A proposal of this member was applied.
    pub fn applied(&mut self, ticket: u64, index: u64, outcome: Option<LockOutcome>) {
        if self.opening == Some(ticket) {
            self.opening = None;
            self.refused = outcome == Some(LockOutcome::Full);
            if outcome == Some(LockOutcome::Opened { life: index }) {
                self.life = index;
            }
        }
    }

    /// Nothing comes of an opening that is under way.
    pub fn not_opened(&mut self) {
        self.opening = None;
    }

    /// Whether all agree that there is this session.
    pub fn is_known(&self, locks: &Locks<'_>) -> bool {
        let own =
            |life| locks.sessions().any(|one| (one.session, one.life) == (self.session, life));
        self.life == 0 || own(self.life)
    }

    /// The session is over: the tokens of what it held.
    pub fn lose(&mut self) -> impl Iterator<Item = u64> {
        self.life = 0;
        let mut lost = Vec::new();
        self.names.retain(|(_, token)| {
            lost.extend(*token);
            token.is_none()
        });
        lost.into_iter()
    }

    fn forget(&mut self, name: &[u8]) {
        self.names.retain(|(other, _)| other != name);
    }

    /// Ends the session, for a member that goes: whether there is one.
    pub fn close(&mut self, now: u64) -> Option<Vec<u8>> {
        let close = if self.life > 0 { self.step(LockAction::Close, now).ok() } else { None };
        self.life = 0;
        self.names.clear();
        close
    }
}

impl Group {
    /// Proposes a step of the session.
    fn step(&mut self, action: LockAction<'_>, waits: bool) -> Result<u64> {
        let entry = self.claims.step(action, now_us())?;
        self.submit(LOCKS, &entry, waits)
    }

    /// Begins a session, unless that is under way; whether there is one.
    fn open_session(&mut self) -> Result<bool> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.claims.life > 0 {
            return Ok(true);
        }
        if core::mem::take(&mut self.claims.refused) {
            return Err(Error::Capacity);
        }
        if self.claims.opening.is_none() {
            let known = self.locks.sessions().find(|one| one.session == self.claims.session);
            let number = known.map_or(0, |one| one.number);
            self.claims.number = self.claims.number.max(number);
            let ttl_us = self.claims.ttl_us;
            self.claims.opening = Some(self.step(LockAction::Open { ttl_us }, false)?);
        }
        Ok(false)
    }

    /// The token with which this member has a lock that it waited for from an entry on; an error if it waits no longer.
    fn token_of(&self, name: &[u8], since: u64) -> Option<Result<u64>> {
        if let Some(error) = self.failed {
            return Some(Err(error));
        }
        let own = |session| session == self.claims.session;
        let mut claims = self.locks.claims().filter(|claim| claim.parties == 0);
        let claim = claims.find(|one| own(one.session) && one.since == since && one.name == name);
        match claim {
            None => Some(Err(Error::CommExpired)),
            Some(claim) => (claim.token > 0).then_some(Ok(claim.token)),
        }
    }

    /// This member knows that it has a lock now, if it still does.
    fn hold(&mut self, name: &[u8], token: u64) -> Result<()> {
        let holder = self.locks.holder(name).map(|claim| (claim.session, claim.token));
        let held = self.claims.life > 0 && holder == Some((self.claims.session, token));
        let own = self.claims.names.iter_mut().find(|(other, _)| held && other == name);
        own.map(|own| own.1 = Some(token)).ok_or(Error::CommExpired)
    }
}

impl Member {
    /// Waits for a lock of the group, by its name, and answers its fencing token: larger than those of all who held the
    /// lock before. What the lock guards refuses lower tokens than the highest that it has seen; for who stands still
    /// for longer than [`lease_us`](super::MemberConfig::lease_us) has lost the lock and may not know
    /// ([`MemberEvent::LockLost`](super::MemberEvent::LockLost)). It is kept until it is given back, as long as this
    /// member is heard of; when it stops, the next in line has it at once.
    ///
    /// Several threads of this member wait for each other, too.
    ///
    /// [`Error::HostTimeout`] if others hold it for that long, or no leader could be found: this member does not hold it
    /// then, and waits no longer. [`Error::Length`] for a name of none or of more bytes than the settings of the locks
    /// say, [`Error::Capacity`] if the group has no room for another claim or session, and as [`propose`](Self::propose).
    /// That the lock was lost may be told before this has returned.
    pub fn lock(&self, name: &[u8], timeout: Duration) -> Result<u64> {
        if !(1..=self.shared.lock_name).contains(&name.len()) {
            return Err(Error::Length);
        }
        let until = Until::after(timeout);
        self.wait(until, |core| {
            let claims = &mut match core.group() {
                Ok(Group { failed: Some(error), .. }) => return Some(Err(*error)),
                Ok(group) => group,
                Err(error) => return Some(Err(error)),
            }
            .claims;
            if claims.names.iter().any(|(other, _)| other == name) {
                return None;
            }
            claims.names.push((name.to_vec(), None));
            Some(Ok(()))
        })?;
        let locked = self.acquire(name, until);
        if locked.is_err() {
            let mut core = self.shared.core();
            if let Ok(group) = core.group() {
                group.claims.forget(name);
            }
            drop(core);
            self.shared.changed.notify_all();
        }
        locked
    }

    fn acquire(&self, name: &[u8], until: Until) -> Result<u64> {
        loop {
            self.wait(until, |core| {
                let opened = core.group().and_then(Group::open_session);
                match opened {
                    Ok(false) => None,
                    Ok(true) => Some(Ok(())),
                    Err(error) => Some(Err(error)),
                }
            })?;
            let step = LockAction::Acquire { name, wait: true };
            let ticket = self.with_group(|group| group.step(step, true))?;
            let agreed = self.agreed(ticket, until);
            let had = match agreed {
                Ok(Agreed { outcome: Some(LockOutcome::Granted { token }), .. }) => Ok(token),
                Ok(Agreed { outcome: Some(LockOutcome::Waiting { .. }), index }) => {
                    self.wait(until, |core| match core.group() {
                        Ok(group) => group.token_of(name, index),
                        Err(error) => Some(Err(error)),
                    })
                }
                Ok(Agreed { outcome: Some(LockOutcome::Full), .. }) => Err(Error::Capacity),
                // The session was over before.
                Ok(_) => Err(Error::CommExpired),
                Err(error) => Err(error),
            };
            // It may be lost again before this thread hears of it.
            let had = had
                .and_then(|token| self.with_group(|group| group.hold(name, token)).map(|()| token));
            match had {
                Ok(token) => return Ok(token),
                Err(Error::CommExpired) => {
                    if until.is_over() {
                        return Err(Error::HostTimeout);
                    }
                }
                // It was not asked for.
                Err(Error::RaftNoLeader) => return Err(Error::HostTimeout),
                Err(Error::HostTimeout) => {
                    // It may have it, or get it later.
                    let release = LockAction::Release { name, token: 0 };
                    let _ = self.with_group(|group| group.step(release, false));
                    return Err(Error::HostTimeout);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives a lock back.
    ///
    /// [`Error::NodeRequest`] if this member does not hold it with this token, or has given it back, or lost it. As
    /// [`propose`](Self::propose); with [`Error::HostTimeout`] it is given back when there is a leader again.
    pub fn unlock(&self, name: &[u8], token: u64, timeout: Duration) -> Result<()> {
        self.not_inside()?;
        let ticket = self.with_group(|group| {
            let held = (name.to_vec(), Some(token));
            let at = group.claims.names.iter().position(|one| *one == held);
            let at = at.ok_or(Error::NodeRequest)?;
            let ticket = group.step(LockAction::Release { name, token }, true)?;
            // Others of this member may ask for it again from now on.
            group.claims.names.remove(at);
            Ok(ticket)
        })?;
        self.shared.changed.notify_all();
        let done = self.outcome(ticket, Until::after(timeout));
        if done.is_err() {
            self.with_group(|group| {
                group.forget(ticket);
                Ok(())
            })?;
        }
        match done?.outcome {
            Some(LockOutcome::Done) => Ok(()),
            _ => Err(Error::NodeRequest),
        }
    }

    /// Who holds a lock, as far as this member has heard, and with which token.
    ///
    /// [`Error::RaftState`] without a group.
    pub fn holder(&self, name: &[u8]) -> Result<Option<(u64, u64)>> {
        let mut core = self.shared.core();
        let holder = core.group()?.locks.holder(name);
        Ok(holder.map(|claim| (claim.session, claim.token)))
    }
}
