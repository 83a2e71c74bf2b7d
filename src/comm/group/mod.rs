//! Groups: one frame that every member can read, and nobody else.
//!
//! Sender keys, as Signal's groups have them, with the ratchet of the Messaging
//! Layer Security protocol's message keys (RFC 9420, section 9): each member has
//! a chain of 32 secret bytes for each epoch and hands it to the others over its
//! pairwise sessions, as an announcement. Every frame has a key of its own from
//! its sender's chain, which then moves on and does not lead back. So a group of
//! `n` seals a frame once, not `n - 1` times.
//!
//! An *epoch* is a time of the same members. With every change all make fresh
//! chains and announce them to the members of the new epoch; so who was removed
//! reads nothing of the new epoch, and who was added nothing of the old one. Who
//! the members are, and in which order they change, is agreed elsewhere: all
//! must see the same changes with the same epoch numbers.
//!
//! | file | what |
//! |---|---|
//! | `chain` | a sender's ratchet, the keys of late frames |
//! | `change` | members and epochs |
//! | `open` | frames and announcements of others |
//! | `wire` | their bytes: docs/group-format.md |
//!
//! # What it protects against
//! Outsiders read nothing and forge nothing, and a frame is taken once. Keys of
//! frames that came are gone: who steals a node's memory reads no frame that it
//! has opened or sealed before, but those of the same epoch that are still to
//! come. The next epoch closes that.
//!
//! Insiders know the chains of the others. Without signatures
//! ([`GroupConfig::signed`]) one member can write in another one's name; with them
//! (64 bytes more a frame) none can. A member can always hand different chains to
//! different members, and so tell them different things.
//!
//! A member that lost its state begins again with a change of the epoch: in the
//! same epoch its announcement would be taken for a replay.

mod chain;
mod change;
mod open;
mod wire;

use core::alloc::Layout;

use zeroize::Zeroize;

use self::chain::{Bounds, Chain, Skipped, step};
use self::wire::{Announcement, HEADER, Place, short_of, to_sign};
use crate::comm::crypto::{Cipher, PublicKey, Secret, sign};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Allocator, Entropy};

pub use self::open::Message;
pub use self::wire::{ANNOUNCEMENT, OVERHEAD, SIGNED_ANNOUNCEMENT, SIGNED_OVERHEAD};

/// The most members that a group can have, without the own one.
pub const MAX_MEMBERS: usize = 4096;
/// The longest window.
pub const MAX_WINDOW: usize = 1024;
/// The most frames of a sender that may be missing in a row.
pub const MAX_AHEAD: usize = 16384;

/// What a group is like. All members need the same but for `own`, `members`,
/// `window`, `ahead` and how long the previous epoch is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Which group: 16 bytes, the same for all members and for no other group.
    pub id: [u8; 16],
    /// The own number; every member has another one.
    pub own: u16,
    /// The epoch to begin with.
    pub epoch: u32,
    /// Room for so many other members, 1 to [`MAX_MEMBERS`].
    pub members: usize,
    /// How far behind a sender's newest frame a late one may be, 1 to
    /// [`MAX_WINDOW`]: 65 bytes of memory for each, member by member.
    pub window: usize,
    /// How many of a sender's frames in a row may be missing, 1 to
    /// [`MAX_AHEAD`]. Also the most steps of the ratchet that a forged frame
    /// costs.
    pub ahead: usize,
    /// How many frames a member may seal in an epoch, at least 1.
    pub frames: u32,
    /// How long frames of the previous epoch are taken, in microseconds.
    pub keep_us: u64,
    /// How many frames of the previous epoch are taken, at least 1.
    pub keep_frames: u32,
    /// Whether frames are signed, so that no member can write in another one's
    /// name.
    pub signed: bool,
}

impl GroupConfig {
    /// Room for 16 other members, a window of 32, at most 256 missing in a row;
    /// the previous epoch for 10 seconds and 1,024 frames; no signatures.
    pub const fn new(id: [u8; 16], own: u16) -> GroupConfig {
        GroupConfig {
            id,
            own,
            epoch: 0,
            members: 16,
            window: 32,
            ahead: 256,
            frames: u32::MAX,
            keep_us: 10_000_000,
            keep_frames: 1024,
            signed: false,
        }
    }

    fn check(&self) -> Result<()> {
        let fine = (1..=MAX_MEMBERS).contains(&self.members)
            && (1..=MAX_WINDOW).contains(&self.window)
            && (1..=MAX_AHEAD).contains(&self.ahead)
            && self.frames > 0
            && self.keep_frames > 0;
        if fine { Ok(()) } else { Err(Error::Invalid) }
    }

    fn bounds(&self) -> Bounds {
        Bounds { window: self.window as u32, ahead: self.ahead as u32, frames: self.frames }
    }
}

/// How a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The epoch.
    pub epoch: u32,
    /// The epoch before, if its frames are still taken.
    pub previous: Option<u32>,
    /// Other members.
    pub members: usize,
    /// Frames sealed in this epoch.
    pub counter: u32,
    /// What frames have in the place of the group's name, to tell the frames of
    /// several groups apart: their second and third byte.
    pub short_id: [u8; 2],
    /// Frames opened.
    pub opened: u64,
    /// Frames and announcements refused.
    pub refused: u64,
}

/// The epoch before, while its frames are taken.
#[derive(Clone, Copy)]
struct Previous {
    epoch: u32,
    since_us: u64,
    frames_left: u32,
}

/// A place for a member.
#[derive(Clone, Copy)]
struct Member {
    number: u16,
    live: bool,
}

/// What lies in the group's memory. All its secrets are here, and stay where they
/// are.
struct Room<'m> {
    /// The own chain key; the own key for signatures.
    own: Carved<'m, [u8; 32]>,
    members: Carved<'m, Member>,
    /// Two of each member: an epoch has the even ones, the next the odd ones.
    chains: Carved<'m, Chain>,
    /// A window of each chain.
    keys: Carved<'m, [u8; 32]>,
    have: Carved<'m, u32>,
}

impl<'m> Room<'m> {
    fn carve(config: &GroupConfig, carver: &mut Carver<'m>) -> Result<Room<'m>> {
        config.check()?;
        let chains = config.members * 2;
        Ok(Room {
            own: carver.take(2, [0; 32])?,
            members: carver.take(config.members, Member { number: 0, live: false })?,
            chains: carver.take(chains, Chain::NONE)?,
            keys: carver.take(chains * config.window, [0; 32])?,
            have: carver.take(chains * config.window.div_ceil(32), 0)?,
        })
    }

    /// Chain and window of a member's place.
    fn chain(&mut self, index: usize, window: usize) -> Option<(&mut Chain, Skipped<'_>)> {
        let words = window.div_ceil(32);
        let keys = self.keys.get_mut(index * window..)?.get_mut(..window)?;
        let have = self.have.get_mut(index * words..)?.get_mut(..words)?;
        Some((self.chains.get_mut(index)?, Skipped { keys, have }))
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.own.as_flattened_mut().zeroize();
        self.chains.iter_mut().for_each(Chain::forget);
        self.keys.as_flattened_mut().zeroize();
        self.have.zeroize();
    }
}

/// A member's view of a group.
///
/// ```
/// use neural_swarm::comm::group::{Group, GroupConfig};
/// use neural_swarm::port::{Heap, SystemEntropy};
///
/// let mut entropy = SystemEntropy;
/// let mut make = |own| Group::new(&GroupConfig::new([7; 16], own), &mut entropy, Heap);
/// let (mut anna, mut bert) = (make(1)?, make(2)?);
/// anna.add(2, &mut SystemEntropy, 0)?;
/// bert.add(1, &mut SystemEntropy, 0)?;
///
/// // This goes through the session between the two; it is secret.
/// let mut announcement = [0; 64];
/// let len = anna.announce(2, &mut announcement)?;
/// bert.accept(1, &announcement[..len])?;
///
/// // This can be broadcast.
/// let mut frame = [0; 64];
/// let len = anna.seal(b"hello", &mut frame)?;
/// let mut text = [0; 64];
/// let message = bert.open(&frame[..len], 0, &mut text)?;
/// assert_eq!((message.sender, message.text), (1, &b"hello"[..]));
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Group<'m> {
    config: GroupConfig,
    short: [u8; 2],
    epoch: u32,
    previous: Option<Previous>,
    /// Which of a member's two chains is the epoch's.
    side: usize,
    /// The own next frame's counter.
    counter: u32,
    /// The key that checks own signatures.
    signer: PublicKey,
    opened: u64,
    refused: u64,
    room: Room<'m>,
    /// Behind what lies in it.
    _piece: Piece<'m>,
}

impl<'m> Group<'m> {
    /// The memory that a group takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &GroupConfig) -> Result<Layout> {
        let mut carver = Carver::measure();
        Room::carve(config, &mut carver)?;
        carver.layout()
    }

    /// A group without other members. [`change`](Group::change) tells it who they
    /// are.
    pub fn new(
        config: &GroupConfig,
        entropy: &mut dyn Entropy,
        memory: impl Allocator<'m>,
    ) -> Result<Group<'m>> {
        Group::in_piece(config, entropy, memory.allocate(Group::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &GroupConfig,
        entropy: &mut dyn Entropy,
        mut piece: Piece<'m>,
    ) -> Result<Group<'m>> {
        let needed = Group::footprint(config)?;
        let room = Room::carve(config, &mut piece.carver(needed)?)?;
        let mut group = Group {
            config: *config,
            short: short_of(&config.id),
            epoch: config.epoch,
            previous: None,
            side: 0,
            counter: 0,
            signer: [0; 32],
            opened: 0,
            refused: 0,
            room,
            _piece: piece,
        };
        let secrets = group.draw(entropy)?;
        group.begin(&secrets);
        Ok(group)
    }

    /// How it is.
    pub fn info(&self) -> GroupInfo {
        GroupInfo {
            epoch: self.epoch,
            previous: self.previous.map(|previous| previous.epoch),
            members: self.members().count(),
            counter: self.counter,
            short_id: self.short,
            opened: self.opened,
            refused: self.refused,
        }
    }

    /// The numbers of the other members, in no order.
    pub fn members(&self) -> impl Iterator<Item = u16> + Clone {
        self.room.members.iter().filter(|member| member.live).map(|member| member.number)
    }

    /// The members whose chain of this epoch has not come: their frames cannot be
    /// opened yet.
    pub fn missing(&self) -> impl Iterator<Item = u16> + Clone {
        let chains = self.room.chains.iter().skip(self.side).step_by(2);
        let missing = self.room.members.iter().zip(chains);
        missing.filter(|(member, chain)| member.live && !chain.known).map(|(m, _)| m.number)
    }

    /// The chain for another member, from the next frame on; returns its length,
    /// [`ANNOUNCEMENT`] or [`SIGNED_ANNOUNCEMENT`]. It is secret: send it through
    /// the session with that member and overwrite it.
    ///
    /// [`Error::CommPeer`] if there is no such member, [`Error::BufferTooSmall`].
    pub fn announce(&self, to: u16, out: &mut [u8]) -> Result<usize> {
        self.slot(to).ok_or(Error::CommPeer)?;
        let announcement = Announcement {
            id: &self.config.id,
            epoch: self.epoch,
            member: self.config.own,
            counter: self.counter,
            chain: self.room.own.first().ok_or(Error::CommState)?,
            signer: self.config.signed.then_some(&self.signer),
        };
        announcement.encode(out)
    }

    /// Bytes of an announcement.
    pub fn announcement_len(&self) -> usize {
        if self.config.signed { SIGNED_ANNOUNCEMENT } else { ANNOUNCEMENT }
    }

    /// Bytes that a frame is longer than its text: [`OVERHEAD`] or
    /// [`SIGNED_OVERHEAD`].
    pub fn overhead(&self) -> usize {
        if self.config.signed { SIGNED_OVERHEAD } else { OVERHEAD }
    }

    /// Seals a text for all members of the epoch; returns the length of the frame
    /// in `out`.
    ///
    /// [`Error::CommCounter`] when the epoch's frames are used up
    /// ([`rekey`](Group::rekey)), [`Error::BufferTooSmall`],
    /// [`Error::CommTooLong`].
    pub fn seal(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize> {
        if self.counter >= self.config.frames {
            return Err(Error::CommCounter);
        }
        let len = text.len().checked_add(self.overhead()).ok_or(Error::CommTooLong)?;
        let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let place = Place {
            id: &self.config.id,
            epoch: self.epoch,
            sender: self.config.own,
            counter: self.counter,
        };
        let header = place.header(self.short, self.config.signed);
        let context = place.context(&header);
        let [chain, signer] = &mut *self.room.own else { return Err(Error::CommState) };
        let signature = self.config.signed.then(|| {
            let private = Secret::new(*signer);
            sign(&private, &to_sign(&context, text))
        });
        let [next, key] = step(chain);

        let (head, rest) = out.split_at_mut(HEADER);
        let (body, tag) = rest.split_at_mut(rest.len() - (OVERHEAD - HEADER));
        head.copy_from_slice(&header);
        let parts = text.iter().chain(signature.iter().flatten());
        body.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        let counter = u64::from(self.counter);
        tag.copy_from_slice(&Cipher::ChaChaPoly.seal(key.key(), counter, &context, body));

        *chain = *next.key();
        self.counter += 1;
        Ok(len)
    }

    /// The place of a member.
    fn slot(&self, number: u16) -> Option<usize> {
        self.room.members.iter().position(|member| member.live && member.number == number)
    }

    /// The index of a chain: of a member's place, on a side.
    fn index(slot: usize, side: usize) -> usize {
        slot * 2 + side
    }
}
