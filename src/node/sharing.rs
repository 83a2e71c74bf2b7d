//! A store that the members of a swarm share.
//!
//! New changes are told at once, to some members by chance, which tell them to others if there are many; and now and
//! then each member compares what it has with another by chance, so that what got lost comes all the same. (Demers et
//! al.: "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987: rumour mongering backed up by
//! anti-entropy.) Messages are version, what it is, and a frame of the store (docs/store-format.md).

use core::alloc::Layout;

use rand_core::SeedableRng;
use rand_xoshiro::SplitMix64;

use super::channel;
use super::membership::Change;
use super::part::{MOST_TARGETS, Part, Targets, View};
use super::random::below;
use crate::crdt::{Store, StoreConfig};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

const VERSION: u8 = 1;
/// Bytes in front of a store's frame.
const HEAD: usize = 2;
/// Members that are still to be told what is here.
const ASKED: usize = 16;

/// What a message has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum What {
    /// Changes.
    Changes = 1,
    /// What the sender has.
    Context = 2,
    /// The same, and: tell me what you have.
    Question = 3,
    /// Sums over what is there.
    Digest = 4,
}

impl What {
    fn from_byte(byte: u8) -> Option<What> {
        [What::Changes, What::Context, What::Question, What::Digest]
            .into_iter()
            .find(|what| *what as u8 == byte)
    }
}

/// How a store is shared. Times are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingConfig {
    /// The most bytes of a message: [`NodeConfig::max_message`](super::NodeConfig::max_message).
    pub mtu: usize,
    /// The most bytes of what a store says of itself: [`StoreConfig::most_context`].
    pub context: usize,
    /// New changes are told to so many members at once, 1 to [`MOST_TARGETS`]. If there are more, those tell them on.
    pub fanout: usize,
    /// Answers that may be under way at once, 1 to 255.
    pub answers: usize,
    /// What is here is compared with what another member has so often, and half a time more or less.
    pub every_us: u64,
    /// For choices by chance: another one for each member.
    pub seed: u64,
}

impl SharingConfig {
    /// For stores of this configuration, in messages of at most `mtu` bytes: eight are told at once, four answers,
    /// a comparison a second.
    pub const fn new(store: &StoreConfig, mtu: usize) -> SharingConfig {
        SharingConfig {
            mtu,
            context: store.most_context(),
            fanout: 8,
            answers: 4,
            every_us: 1_000_000,
            seed: store.replica.0,
        }
    }

    fn check(&self) -> Result<()> {
        let good = self.context >= 27
            && self.context.saturating_add(HEAD + 16) <= self.mtu
            && self.mtu <= 65_535
            && (1..=MOST_TARGETS).contains(&self.fanout)
            && (1..=255).contains(&self.answers)
            && (2..=86_400_000_000).contains(&self.every_us);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharingStats {
    /// Frames of changes told.
    pub told: u64,
    /// Frames of changes taken in.
    pub merged: u64,
    /// Frames that the store had no room for.
    pub full: u64,
    /// Frames that it did not take for another reason.
    pub refused: u64,
    /// Comparisons begun.
    pub compared: u64,
    /// Questions and sums that got no answer, since too many were under way.
    pub dropped: u64,
    /// Times that a change, or a transaction, was too long for a message: this member tells nobody of it, nor of what
    /// was changed behind it.
    pub too_long: u64,
}

/// An answer: what is to be sent next, and to whom. Its bytes lie beside it.
#[derive(Clone, Copy, Default)]
struct Answer {
    to: u64,
    kind: Pending,
    len: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Pending {
    #[default]
    Nothing,
    /// Changes for a context, from a place in the log on.
    Changes { from: u64 },
    /// Sums, that are there.
    Digest,
    /// Sums, that are to be made.
    NewDigest,
}

/// New changes on their way to members.
#[derive(Default)]
struct Push {
    /// Whom the frame is still to be sent to.
    left: Targets,
    targets: Targets,
    /// Bytes of the frame; 0: the next one is to be made.
    len: usize,
    /// Where in the log that goes on; nothing: there is none.
    from: Option<u64>,
}

/// Shares a store with the other members of a swarm: [`over`](Self::over) a store it is a [`Part`] of a node.
///
/// The changes of a store that is kept in files are to be durable before they are told: journal first, then poll.
pub struct Sharing<'m> {
    settings: SharingConfig,
    answers: Carved<'m, Answer>,
    bytes: Carved<'m, u8>,
    frame: Carved<'m, u8>,
    /// What the store had when others were told of it last, and will have been told now.
    told: Carved<'m, u8>,
    fresh: Carved<'m, u8>,
    told_len: usize,
    fresh_len: usize,
    /// The store's version then.
    version: u64,
    push: Push,
    /// Who is to be told what is here.
    asked: heapless::Vec<u64, ASKED>,
    next_answer: usize,
    compare_at: u64,
    random: SplitMix64,
    stats: SharingStats,
    _piece: Piece<'m>,
}

struct Tables<'m> {
    answers: Carved<'m, Answer>,
    bytes: Carved<'m, u8>,
    frame: Carved<'m, u8>,
    told: Carved<'m, u8>,
    fresh: Carved<'m, u8>,
}

fn carve<'m>(config: &SharingConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    Ok(Tables {
        answers: carver.take(config.answers, Answer::default())?,
        bytes: carver.take(config.answers * config.mtu, 0)?,
        frame: carver.take(config.mtu, 0)?,
        told: carver.take(config.context, 0)?,
        fresh: carver.take(config.context, 0)?,
    })
}

impl<'m> Sharing<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range; so are messages too short for what a store says of itself.
    pub fn footprint(config: &SharingConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Nothing was told yet.
    ///
    /// Those of [`footprint`](Self::footprint), and [`Error::OutOfMemory`].
    pub fn new(config: &SharingConfig, allocator: impl Allocator<'m>) -> Result<Sharing<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &SharingConfig, mut piece: Piece<'m>) -> Result<Sharing<'m>> {
        let layout = Self::footprint(config)?;
        let tables = carve(config, &mut piece.carver(layout)?)?;
        Ok(Sharing {
            answers: tables.answers,
            bytes: tables.bytes,
            frame: tables.frame,
            told: tables.told,
            fresh: tables.fresh,
            told_len: 0,
            fresh_len: 0,
            version: 0,
            push: Push::default(),
            asked: heapless::Vec::new(),
            next_answer: 0,
            compare_at: 0,
            random: SplitMix64::seed_from_u64(config.seed),
            stats: SharingStats::default(),
            settings: config.clone(),
            _piece: piece,
        })
    }

    /// What was counted.
    pub fn stats(&self) -> &SharingStats {
        &self.stats
    }

    /// With the store that is shared, the same each time: a part of a node.
    pub fn over<'s, 'n>(&'s mut self, store: &'s mut Store<'n>) -> SharedStore<'s, 'm, 'n> {
        SharedStore { sharing: self, store }
    }

    fn bytes_of(&mut self, place: usize) -> &mut [u8] {
        let mtu = self.settings.mtu;
        self.bytes.get_mut(place * mtu..(place + 1) * mtu).unwrap_or_default()
    }

    /// Somebody is to be told what is here.
    fn owe_context(&mut self, to: u64) {
        if !self.asked.contains(&to) && self.asked.push(to).is_err() {
            self.stats.dropped += 1;
        }
    }

    /// A place for an answer to a member: the one that it has, or a free one.
    fn place_for(&mut self, to: u64) -> Option<usize> {
        let taken = |answer: &Answer| answer.kind != Pending::Nothing;
        let own = self.answers.iter().position(|answer| taken(answer) && answer.to == to);
        let place = own.or_else(|| self.answers.iter().position(|answer| !taken(answer)));
        self.stats.dropped += u64::from(place.is_none());
        place
    }

    fn set_answer(&mut self, place: usize, answer: Answer) {
        if let Some(free) = self.answers.get_mut(place) {
            *free = answer;
        }
    }
}

/// A store, and what shares it.
pub struct SharedStore<'s, 'm, 'n> {
    sharing: &'s mut Sharing<'m>,
    store: &'s mut Store<'n>,
}

impl SharedStore<'_, '_, '_> {
    /// Whether all others are told new changes by the member that made them.
    fn all_are_told(&self, view: &View<'_>) -> bool {
        view.membership.count() <= 1 + self.sharing.settings.fanout
    }

    fn take_changes(&mut self, from: u64, frame: &[u8], view: &View<'_>) -> Result<()> {
        // Whether there is something that nobody was told of.
        let push = &self.sharing.push;
        let own =
            self.store.version() != self.sharing.version || push.from.is_some() || push.len > 0;
        let merged = self.store.merge(frame, wall(view));
        match merged {
            Ok(_) => self.sharing.stats.merged += 1,
            Err(Error::Capacity) => self.sharing.stats.full += 1,
            Err(_) => self.sharing.stats.refused += 1,
        }
        merged?;
        if !own && self.all_are_told(view) {
            self.was_told()?;
        }
        if self.store.usage().early > 0 {
            // Something before it is missing.
            self.sharing.owe_context(from);
        }
        Ok(())
    }

    /// What is here now need not be told.
    fn was_told(&mut self) -> Result<()> {
        self.sharing.told_len = self.store.context(&mut self.sharing.told)?;
        self.sharing.version = self.store.version();
        Ok(())
    }

    fn take_context(&mut self, from: u64, context: &[u8], asks: bool) -> Result<()> {
        if context.len() > self.sharing.settings.mtu {
            return Err(Error::Length);
        }
        // Is it one? And is there anything to tell?
        let kind = match self.store.delta_len(context, 0) {
            Ok(0) => None,
            Ok(_) => Some(Pending::Changes { from: 0 }),
            Err(Error::CrdtBehind) => Some(Pending::NewDigest),
            Err(error) => return Err(error),
        };
        if asks {
            self.sharing.owe_context(from);
        }
        let Some(kind) = kind else { return Ok(()) };
        let Some(place) = self.sharing.place_for(from) else { return Ok(()) };
        let len = context.len();
        if let Some(bytes) = self.sharing.bytes_of(place).get_mut(..len) {
            bytes.copy_from_slice(context);
            self.sharing.set_answer(place, Answer { to: from, kind, len });
        }
        Ok(())
    }

    fn take_digest(&mut self, from: u64, digest: &[u8], view: &View<'_>) -> Result<()> {
        let Some(place) = self.sharing.place_for(from) else { return Ok(()) };
        let room = self.sharing.settings.mtu - HEAD;
        let mtu = self.sharing.settings.mtu;
        let bytes = self.sharing.bytes.get_mut(place * mtu..).unwrap_or_default();
        let answer = bytes.get_mut(..room).unwrap_or_default();
        let reconciled = self.store.reconcile(digest, wall(view), answer);
        let len = match reconciled {
            Ok(reconciled) => reconciled.len,
            Err(error) => {
                self.sharing.stats.full += u64::from(error == Error::Capacity);
                self.sharing.stats.refused += u64::from(error != Error::Capacity);
                // What lay there is overwritten.
                self.sharing.set_answer(place, Answer::default());
                return Err(error);
            }
        };
        self.sharing.stats.merged += 1;
        let kind = if len > 0 { Pending::Digest } else { Pending::Nothing };
        self.sharing.set_answer(place, Answer { to: from, kind, len });
        Ok(())
    }

    /// The next message of an answer.
    fn next_answer(&mut self, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        let count = self.sharing.answers.len();
        for turn in 0..count {
            let place = (self.sharing.next_answer + turn) % count;
            let Some(answer) = self.sharing.answers.get(place).copied() else { continue };
            let mut rest = Answer { kind: Pending::Nothing, ..answer };
            let (what, len) = match answer.kind {
                Pending::Nothing => continue,
                Pending::Digest => {
                    let frame = self.sharing.bytes_of(place).get(..answer.len).unwrap_or_default();
                    let room =
                        out.get_mut(HEAD..HEAD + frame.len()).ok_or(Error::BufferTooSmall)?;
                    room.copy_from_slice(frame);
                    (What::Digest, answer.len)
                }
                Pending::NewDigest => match self.store.digest(body(out)?) {
                    Ok(len) => (What::Digest, len),
                    Err(error) => {
                        self.give_up(place, error)?;
                        continue;
                    }
                },
                Pending::Changes { from } => {
                    let mtu = self.sharing.settings.mtu;
                    let start = place * mtu;
                    let context = self.sharing.bytes.get(start..start + answer.len);
                    match self.store.delta(context.unwrap_or_default(), from, body(out)?) {
                        Ok(told) => {
                            if let Some(from) = told.next {
                                rest.kind = Pending::Changes { from };
                            }
                            self.sharing.stats.told += u64::from(told.len > 0);
                            (What::Changes, told.len)
                        }
                        Err(Error::CrdtBehind) => {
                            rest.kind = Pending::NewDigest;
                            (What::Digest, 0)
                        }
                        // One change alone is longer than a message.
                        Err(Error::BufferTooSmall) => {
                            self.sharing.stats.too_long += 1;
                            (What::Changes, 0)
                        }
                        Err(error) => {
                            self.give_up(place, error)?;
                            continue;
                        }
                    }
                }
            };
            self.sharing.set_answer(place, rest);
            if len > 0 {
                self.sharing.next_answer = place + 1;
                return finish(out, what, answer.to, len).map(Some);
            }
        }
        Ok(None)
    }

    /// An answer cannot be given. In the middle of a transaction, or while a snapshot is loaded, it waits; else there is
    /// none: the other one has forgotten other replicas, or this one has meanwhile.
    fn give_up(&mut self, place: usize, error: Error) -> Result<()> {
        if matches!(error, Error::CrdtTransaction | Error::CrdtNotEmpty) {
            return Err(error);
        }
        self.sharing.stats.refused += 1;
        self.sharing.set_answer(place, Answer::default());
        Ok(())
    }

    /// The next message with new changes.
    fn next_push(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        if self.sharing.told_len == 0 {
            // What is there at the beginning is compared, at once.
            self.was_told()?;
        }
        if self.sharing.push.from.is_none() && self.sharing.push.len == 0 {
            if self.store.version() == self.sharing.version {
                return Ok(None);
            }
            self.begin_push(view)?;
        }
        loop {
            if self.sharing.push.len > 0 {
                if let Some(to) = self.sharing.push.left.pop() {
                    let len = self.sharing.push.len;
                    let frame = self.sharing.frame.get(..len).unwrap_or_default();
                    let place = out.get_mut(HEAD..HEAD + len).ok_or(Error::BufferTooSmall)?;
                    place.copy_from_slice(frame);
                    self.sharing.stats.told += 1;
                    return finish(out, What::Changes, to, len).map(Some);
                }
                self.sharing.push.len = 0;
            }
            let Some(from) = self.sharing.push.from else { break };
            self.make_push(from)?;
        }
        if self.sharing.told_len == 0 {
            // It was no context of this store any more.
            return self.was_told().map(|()| None);
        }
        // All of it was told.
        core::mem::swap(&mut self.sharing.told, &mut self.sharing.fresh);
        self.sharing.told_len = self.sharing.fresh_len;
        Ok(None)
    }

    fn begin_push(&mut self, view: &View<'_>) -> Result<()> {
        let sharing = &mut *self.sharing;
        sharing.fresh_len = self.store.context(&mut sharing.fresh)?;
        sharing.version = self.store.version();
        sharing.push.targets = view.choose(sharing.settings.fanout, &[], &mut sharing.random);
        sharing.push.from = (!sharing.push.targets.is_empty()).then_some(0);
        sharing.push.left.clear();
        Ok(())
    }

    /// The next frame of changes.
    fn make_push(&mut self, from: u64) -> Result<()> {
        let sharing = &mut *self.sharing;
        let context = sharing.told.get(..sharing.told_len).unwrap_or_default();
        let room = sharing.settings.mtu - HEAD;
        let frame = sharing.frame.get_mut(..room).unwrap_or_default();
        let told = self.store.delta(context, from, frame);
        if let Err(error @ (Error::CrdtTransaction | Error::CrdtNotEmpty)) = told {
            // It goes on afterwards.
            return Err(error);
        }
        sharing.push.from = None;
        match told {
            Ok(told) => {
                (sharing.push.len, sharing.push.from) = (told.len, told.next);
                sharing.push.left = sharing.push.targets.clone();
            }
            // More than the log has: the next comparisons bring it.
            Err(Error::CrdtBehind) => sharing.compare_at = 0,
            Err(Error::BufferTooSmall) => sharing.stats.too_long += 1,
            // The store has forgotten replicas since: the next comparisons bring it.
            Err(_) => (sharing.told_len, sharing.compare_at) = (0, 0),
        }
        Ok(())
    }

    fn next_comparison(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        if view.now < self.sharing.compare_at {
            return Ok(None);
        }
        let every = self.sharing.settings.every_us;
        let pause = every / 2 + below(&mut self.sharing.random, every);
        self.sharing.compare_at = view.now.saturating_add(pause);
        let with = view.choose(1, &[], &mut self.sharing.random);
        let Some(&with) = with.first() else {
            // Until somebody comes.
            self.sharing.compare_at = u64::MAX;
            return Ok(None);
        };
        self.sharing.stats.compared += 1;
        let len = self.store.context(body(out)?)?;
        finish(out, What::Question, with, len).map(Some)
    }
}

impl Part for SharedStore<'_, '_, '_> {
    fn channel(&self) -> u8 {
        channel::STORE
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        let [version, what, frame @ ..] = message else { return Err(Error::NodeFormat) };
        if *version != VERSION {
            return Err(Error::NodeVersion);
        }
        match What::from_byte(*what).ok_or(Error::NodeFormat)? {
            What::Changes => self.take_changes(from, frame, view),
            What::Context => self.take_context(from, frame, false),
            What::Question => self.take_context(from, frame, true),
            What::Digest => self.take_digest(from, frame, view),
        }
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        let out = out.get_mut(..self.sharing.settings.mtu).ok_or(Error::BufferTooSmall)?;
        match self.ask(view, out) {
            // The caller is in the middle of a transaction, or of loading a snapshot.
            Err(Error::CrdtTransaction | Error::CrdtNotEmpty) => Ok(None),
            message => message,
        }
    }

    fn wake_at(&self) -> u64 {
        let sharing = &self.sharing;
        let due = sharing.answers.iter().any(|answer| answer.kind != Pending::Nothing)
            || !sharing.asked.is_empty()
            || sharing.push.len > 0
            || sharing.push.from.is_some()
            || self.store.version() != sharing.version;
        if due { 0 } else { sharing.compare_at }
    }

    fn changed(&mut self, _id: u64, change: Change) {
        if change == Change::Joined && self.sharing.compare_at == u64::MAX {
            self.sharing.compare_at = 0;
        }
    }
}

impl SharedStore<'_, '_, '_> {
    fn ask(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        if let Some(message) = self.next_push(view, out)? {
            return Ok(Some(message));
        }
        if let Some(message) = self.next_answer(out)? {
            return Ok(Some(message));
        }
        if let Some(&to) = self.sharing.asked.first() {
            let len = self.store.context(body(out)?)?;
            self.sharing.asked.swap_remove(0);
            return finish(out, What::Context, to, len).map(Some);
        }
        self.next_comparison(view, out)
    }
}

/// The time of day for stamps: without a clock, none is too far ahead.
fn wall(view: &View<'_>) -> u64 {
    if view.wall_ms == 0 { u64::MAX } else { view.wall_ms }
}

/// What is behind the head.
fn body(out: &mut [u8]) -> Result<&mut [u8]> {
    out.get_mut(HEAD..).ok_or(Error::BufferTooSmall)
}

/// The head in front of a frame.
fn finish(out: &mut [u8], what: What, to: u64, len: usize) -> Result<(u64, usize)> {
    let head = out.first_chunk_mut().ok_or(Error::BufferTooSmall)?;
    *head = [VERSION, what as u8];
    Ok((to, HEAD + len))
}
