//! Members and epochs.

use super::{Group, Member, Previous};
use crate::comm::crypto::{Secret, identity_of};
use crate::error::{Error, Result};
use crate::port::Entropy;

/// What an epoch begins with: a chain key, and a key for signatures.
pub(super) struct Secrets {
    chain: Secret,
    signer: Option<Secret>,
}

impl Group<'_> {
    /// Begins an epoch, above the current one, with other members: some more, some
    /// less, or the same. From now on frames are of the new epoch, and everybody
    /// has to [`announce`](Group::announce) to everybody. Frames of the one before
    /// are still taken for a while, but none of a removed member. All or nothing.
    ///
    /// [`Error::Invalid`] for an epoch that is not above the current one, or a
    /// number that is the own one, is named twice or is a member already;
    /// [`Error::CommPeer`] for removing somebody who is no member,
    /// [`Error::Capacity`], and what `entropy` says.
    pub fn change(
        &mut self,
        epoch: u32,
        add: &[u16],
        remove: &[u16],
        entropy: &mut dyn Entropy,
        now_us: u64,
    ) -> Result<()> {
        self.check(epoch, add, remove)?;
        let secrets = self.draw(entropy)?;

        for number in remove {
            if let Some(slot) = self.slot(*number) {
                self.forget(slot, 0);
                self.forget(slot, 1);
                self.set_member(slot, Member { number: 0, live: false });
            }
        }
        // The chains of the epoch before the last give way.
        self.forget_previous();
        // A frame shows the last byte of its epoch only.
        if self.epoch as u8 != epoch as u8 {
            let frames_left = self.config.keep_frames;
            self.previous = Some(Previous { epoch: self.epoch, since_us: now_us, frames_left });
        } else {
            (0..self.room.members.len()).for_each(|slot| self.forget(slot, self.side));
        }
        self.side ^= 1;
        self.epoch = epoch;
        for number in add {
            if let Some(slot) = self.room.members.iter().position(|member| !member.live) {
                self.set_member(slot, Member { number: *number, live: true });
            }
        }
        self.begin(&secrets);
        Ok(())
    }

    /// [`change`](Group::change) to the next epoch with one member more.
    pub fn add(&mut self, number: u16, entropy: &mut dyn Entropy, now_us: u64) -> Result<()> {
        self.change(self.next_epoch()?, &[number], &[], entropy, now_us)
    }

    /// [`change`](Group::change) to the next epoch with one member less.
    pub fn remove(&mut self, number: u16, entropy: &mut dyn Entropy, now_us: u64) -> Result<()> {
        self.change(self.next_epoch()?, &[], &[number], entropy, now_us)
    }

    /// [`change`](Group::change) to the next epoch with the same members: fresh
    /// chains, when the frames of an epoch are used up, or from time to time.
    pub fn rekey(&mut self, entropy: &mut dyn Entropy, now_us: u64) -> Result<()> {
        self.change(self.next_epoch()?, &[], &[], entropy, now_us)
    }

    /// Forgets the previous epoch if its time is over. [`open`](Group::open) does
    /// so too; this is for when no frames come.
    pub fn expire(&mut self, now_us: u64) {
        let keep_us = self.config.keep_us;
        if self.previous.is_some_and(|p| now_us.saturating_sub(p.since_us) >= keep_us) {
            self.forget_previous();
        }
    }

    /// The epoch's number is counted up, never round: [`Error::CommCounter`].
    fn next_epoch(&self) -> Result<u32> {
        self.epoch.checked_add(1).ok_or(Error::CommCounter)
    }

    fn check(&self, epoch: u32, add: &[u16], remove: &[u16]) -> Result<()> {
        let places = self.room.members.len();
        if epoch <= self.epoch {
            return Err(Error::Invalid);
        }
        // So long lists are never walked.
        if remove.len() > places {
            return Err(Error::CommPeer);
        }
        let twice = |list: &[u16], at: usize, number: u16| {
            list.get(..at).is_some_and(|before| before.contains(&number))
        };
        for (at, number) in remove.iter().enumerate() {
            self.slot(*number).ok_or(Error::CommPeer)?;
            if twice(remove, at, *number) {
                return Err(Error::Invalid);
            }
        }
        let free = places - self.members().count() + remove.len();
        if add.len() > free {
            return Err(Error::Capacity);
        }
        for (at, number) in add.iter().enumerate() {
            let known = *number == self.config.own || self.slot(*number).is_some();
            if known || twice(add, at, *number) {
                return Err(Error::Invalid);
            }
        }
        Ok(())
    }

    pub(super) fn draw(&self, entropy: &mut dyn Entropy) -> Result<Secrets> {
        let chain = Secret::random(entropy)?;
        let signer = if self.config.signed { Some(Secret::random(entropy)?) } else { None };
        Ok(Secrets { chain, signer })
    }

    /// The own part of a new epoch.
    pub(super) fn begin(&mut self, secrets: &Secrets) {
        self.counter = 0;
        if let Some(signer) = &secrets.signer {
            self.signer = identity_of(signer);
        }
        let own = [Some(&secrets.chain), secrets.signer.as_ref()];
        for (to, from) in self.room.own.iter_mut().zip(own) {
            if let Some(secret) = from {
                *to = *secret.bytes();
            }
        }
    }

    fn set_member(&mut self, slot: usize, member: Member) {
        if let Some(place) = self.room.members.get_mut(slot) {
            *place = member;
        }
    }

    fn forget(&mut self, slot: usize, side: usize) {
        let window = self.config.window;
        if let Some((chain, mut skipped)) = self.room.chain(Group::index(slot, side), window) {
            chain.forget();
            skipped.forget_all();
        }
    }

    pub(super) fn forget_previous(&mut self) {
        self.previous = None;
        (0..self.room.members.len()).for_each(|slot| self.forget(slot, self.side ^ 1));
    }
}
