//! What the log says to locks.

use crate::error::{Error, Result};

const VERSION: u8 = 1;
/// Version, kind, session, life, number.
const HEAD: usize = 1 + 1 + 8 + 8 + 8;
/// The most bytes of a lock's or barrier's name.
pub const MOST_LOCK_NAME: usize = 64;
/// The most bytes of an entry.
pub const MOST_LOCK_ENTRY: usize = HEAD + 8 + MOST_LOCK_NAME;
/// The shortest time of a session, in microseconds: a millisecond.
pub const LEAST_TTL_US: u64 = 1_000;
/// The longest, in microseconds: a day.
pub const MOST_TTL_US: u64 = 86_400_000_000;

/// One step of a session, as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockEntry<'a> {
    /// Whose step it is: a number that nobody else uses, such as that of a member of the swarm. Who may propose steps of
    /// a session is the caller's business.
    pub session: u64,
    /// The index of the entry that opened the session, which [`LockOutcome::Opened`](super::LockOutcome::Opened) tells:
    /// steps of a life that is over do nothing. 0 for [`Open`](LockAction::Open).
    pub life: u64,
    /// The session's steps are numbered upwards, from 1 at the least. One with the number of the last that was applied,
    /// or a lower one, does nothing: so an entry may be proposed again, as it is, when it is not known whether it got
    /// into the log. Only the last: one that is overtaken by a later step does nothing any more, so that the next is
    /// best proposed when the one before was applied. A step that was refused has used its number up. Of
    /// [`Expire`](LockAction::Expire): the number of the last step that was seen.
    pub number: u64,
    /// What it does.
    pub action: LockAction<'a>,
}

/// What a session does. Each but [`Expire`](LockAction::Expire) gives it its whole time again, also where it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockAction<'a> {
    /// It begins; if there was one, of a member that has forgotten it, say, that one ends, and gives back all that it
    /// holds. A copy that comes late can open a session that nobody knows of; it ends when its time is over.
    Open {
        /// So long it lives without another step: [`LEAST_TTL_US`] to [`MOST_TTL_US`].
        ttl_us: u64,
    },
    /// It goes on.
    Renew,
    /// It ends, and gives back all that it holds.
    Close,
    /// It wants a lock. One that waits for it already goes on waiting.
    Acquire {
        /// Of 1 to [`MOST_LOCK_NAME`] bytes, and at most [`LocksConfig::name`](super::LocksConfig::name).
        name: &'a [u8],
        /// Whether it waits in line where another session holds it.
        wait: bool,
    },
    /// It gives a lock back, or waits for it no longer.
    Release {
        /// Of the lock.
        name: &'a [u8],
        /// The lock's token; 0: whether it waits or holds it by now.
        token: u64,
    },
    /// It has come to a barrier, and waits there for the others.
    Arrive {
        /// Of the barrier. Barriers and locks may have the same names.
        name: &'a [u8],
        /// So many sessions open it when they are all there, 1 to 65,535: the same number from each. Not more than there
        /// can be sessions, and claims less one.
        parties: u16,
    },
    /// It waits at a barrier no longer.
    Withdraw {
        /// Of the barrier.
        name: &'a [u8],
    },
    /// Its time is over, says the member that leads: it ends unless it has done something since.
    Expire,
}

/// Reads bytes from the front.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Error::LockFormat)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Error::LockFormat)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::LockFormat) }
    }
}

/// Writes bytes into a buffer, or only counts them.
pub(super) struct Writer<'o> {
    pub out: Option<&'o mut [u8]>,
    pub len: usize,
}

impl Writer<'_> {
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.len + bytes.len();
        if let Some(out) = &mut self.out {
            let room = out.get_mut(self.len..end).ok_or(Error::BufferTooSmall)?;
            room.copy_from_slice(bytes);
        }
        self.len = end;
        Ok(())
    }
}

pub(super) fn good_name(name: &[u8]) -> bool {
    (1..=MOST_LOCK_NAME).contains(&name.len())
}

pub(super) fn good_ttl(ttl_us: u64) -> bool {
    (LEAST_TTL_US..=MOST_TTL_US).contains(&ttl_us)
}

impl<'a> LockEntry<'a> {
    /// What an entry of a log says.
    ///
    /// [`Error::LockFormat`].
    pub fn decode(bytes: &'a [u8]) -> Result<LockEntry<'a>> {
        let mut from = Reader(bytes);
        if from.u8()? != VERSION {
            return Err(Error::LockFormat);
        }
        let kind = from.u8()?;
        let [session, life, number] = [from.u64()?, from.u64()?, from.u64()?];
        let action = match kind {
            0 => LockAction::Open { ttl_us: from.u64()? },
            1 => LockAction::Renew,
            2 => LockAction::Close,
            3 | 4 => LockAction::Acquire { name: core::mem::take(&mut from.0), wait: kind == 4 },
            5 => {
                let token = from.u64()?;
                LockAction::Release { token, name: core::mem::take(&mut from.0) }
            }
            6 => {
                let parties = from.u16()?;
                LockAction::Arrive { parties, name: core::mem::take(&mut from.0) }
            }
            7 => LockAction::Withdraw { name: core::mem::take(&mut from.0) },
            8 => LockAction::Expire,
            _ => return Err(Error::LockFormat),
        };
        from.end()?;
        let entry = LockEntry { session, life, number, action };
        entry.check().map_err(|_| Error::LockFormat)?;
        Ok(entry)
    }

    /// Writes it as it stands in a log, at most [`MOST_LOCK_ENTRY`] bytes: how many.
    ///
    /// [`Error::Invalid`] for a number of 0, a life (of none, or for one that opens), a time, a number of parties or a name outside its range,
    /// [`Error::BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        self.check()?;
        let mut to = Writer { out: Some(out), len: 0 };
        to.put(&[VERSION, self.kind()])?;
        to.put(&self.session.to_le_bytes())?;
        to.put(&self.life.to_le_bytes())?;
        to.put(&self.number.to_le_bytes())?;
        match self.action {
            LockAction::Open { ttl_us } => to.put(&ttl_us.to_le_bytes())?,
            LockAction::Renew | LockAction::Close | LockAction::Expire => {}
            LockAction::Acquire { name, .. } | LockAction::Withdraw { name } => to.put(name)?,
            LockAction::Release { name, token } => {
                to.put(&token.to_le_bytes())?;
                to.put(name)?;
            }
            LockAction::Arrive { name, parties } => {
                to.put(&parties.to_le_bytes())?;
                to.put(name)?;
            }
        }
        Ok(to.len)
    }

    fn kind(&self) -> u8 {
        match self.action {
            LockAction::Open { .. } => 0,
            LockAction::Renew => 1,
            LockAction::Close => 2,
            LockAction::Acquire { wait: false, .. } => 3,
            LockAction::Acquire { wait: true, .. } => 4,
            LockAction::Release { .. } => 5,
            LockAction::Arrive { .. } => 6,
            LockAction::Withdraw { .. } => 7,
            LockAction::Expire => 8,
        }
    }

    fn check(&self) -> Result<()> {
        let good = match self.action {
            LockAction::Open { ttl_us } => good_ttl(ttl_us),
            LockAction::Renew | LockAction::Close | LockAction::Expire => true,
            LockAction::Acquire { name, .. }
            | LockAction::Release { name, .. }
            | LockAction::Withdraw { name } => good_name(name),
            LockAction::Arrive { name, parties } => good_name(name) && parties > 0,
        };
        let opens = matches!(self.action, LockAction::Open { .. });
        if good && self.number > 0 && opens == (self.life == 0) {
            Ok(())
        } else {
            Err(Error::Invalid)
        }
    }
}
