//! Publish and subscribe.
//!
//! A publication goes to some members by chance, each of which hands it on to others once: with a fanout of the natural
//! logarithm of the number of members and a few more, all but one in thousands get it. (Eugster, Guerraoui, Kermarrec,
//! Massoulié: "Epidemic Information Dissemination in Distributed Systems", IEEE Computer 37(5), 2004.) It may get lost,
//! and publications may come in another order; each comes once. What has to arrive belongs in a store or a log.

use core::alloc::Layout;

use rand_core::SeedableRng;
use rand_xoshiro::SplitMix64;

use super::bytes::Writer;
use super::channel;
use super::part::{MOST_TARGETS, Part, View};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

const VERSION: u8 = 1;
/// Version, hops, origin, number, length of the topic.
const HEAD: usize = 1 + 1 + 8 + 8 + 1;
/// The most bytes of a topic's name.
pub const MOST_TOPIC: usize = 64;
/// A publication that has come this far goes no further.
const MOST_HOPS: u8 = 32;

/// Settings of [`Topics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    /// This member's number.
    pub id: u64,
    /// The most bytes of a message: [`NodeConfig::max_message`](super::NodeConfig::max_message).
    pub mtu: usize,
    /// The most topics that are subscribed to, 0 to 65,535.
    pub topics: usize,
    /// The most publications that wait for the caller, 1 to 65,535; what comes to more is dropped, and counted.
    pub inbox: usize,
    /// The most publications that wait to be sent, or handed on, 1 to 65,535.
    pub outbox: usize,
    /// So many publications are remembered, to know those that come again: 1 to 65,535. Many more than are under way
    /// at once.
    pub recent: usize,
    /// Each is sent to so many members, 1 to [`MOST_TARGETS`]; 0: by the number of members.
    pub fanout: usize,
    /// For choices by chance, and where the numbers of publications begin: another one at each member, and at each
    /// start.
    pub seed: u64,
}

impl TopicsConfig {
    /// For messages of at most `mtu` bytes: 16 topics, 16 publications in and out, 256 remembered.
    pub const fn new(id: u64, mtu: usize, seed: u64) -> TopicsConfig {
        TopicsConfig { id, mtu, topics: 16, inbox: 16, outbox: 16, recent: 256, fanout: 0, seed }
    }

    fn check(&self) -> Result<()> {
        let count = 1..=65_535;
        let good = (HEAD + MOST_TOPIC..=65_535).contains(&self.mtu)
            && self.topics <= 65_535
            && count.contains(&self.inbox)
            && count.contains(&self.outbox)
            && count.contains(&self.recent)
            && self.fanout <= MOST_TARGETS;
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicsStats {
    /// Publications of this member.
    pub published: u64,
    /// Publications that came for the first time.
    pub received: u64,
    /// Publications that came again.
    pub repeated: u64,
    /// Publications that the caller did not get, because too many were waiting for it.
    pub dropped: u64,
    /// Publications that were not handed on, because too many were waiting for that.
    pub stuck: u64,
}

/// Something that a member has said to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// Who says it says that it comes from this member. Those that hand it on could lie, and by that keep what it says
    /// next from coming: what must not be kept back belongs in a store or a log.
    pub origin: u64,
    /// Its number there: each has another one.
    pub number: u64,
    /// What it is about.
    pub topic: &'a [u8],
    /// What was published.
    pub message: &'a [u8],
}

#[derive(Clone, Copy)]
struct Topic {
    len: u8,
    name: [u8; MOST_TOPIC],
}

impl Topic {
    const NONE: Topic = Topic { len: 0, name: [0; MOST_TOPIC] };

    fn new(name: &[u8]) -> Result<Topic> {
        let mut topic = Topic::NONE;
        let place = topic.name.get_mut(..name.len()).filter(|place| !place.is_empty());
        place.ok_or(Error::Length)?.copy_from_slice(name);
        topic.len = name.len() as u8;
        Ok(topic)
    }

    fn name(&self) -> &[u8] {
        self.name.get(..self.len.into()).unwrap_or_default()
    }
}

/// A publication on its way out.
#[derive(Clone, Copy)]
struct Out {
    len: usize,
    /// From whom it came: not back to that member.
    from: u64,
    /// Whether it was decided to whom it goes.
    chosen: bool,
    /// To these it is still to be sent: the first so many.
    targets: [u64; MOST_TARGETS],
    left: usize,
}

impl Out {
    const NOTHING: Out =
        Out { len: 0, from: 0, chosen: false, targets: [0; MOST_TARGETS], left: 0 };
}

/// Publish and subscribe: a [`Part`] of a node.
pub struct Topics<'m> {
    settings: TopicsConfig,
    topics: Carved<'m, Topic>,
    topics_len: usize,
    inbox: Carved<'m, u8>,
    lens: Carved<'m, usize>,
    in_first: usize,
    in_len: usize,
    /// Whether the caller has the first.
    lent: bool,
    out: Carved<'m, Out>,
    outbox: Carved<'m, u8>,
    out_first: usize,
    out_len: usize,
    recent: Carved<'m, (u64, u64)>,
    recent_at: usize,
    number: u64,
    random: SplitMix64,
    stats: TopicsStats,
    _piece: Piece<'m>,
}

struct Tables<'m> {
    topics: Carved<'m, Topic>,
    inbox: Carved<'m, u8>,
    lens: Carved<'m, usize>,
    out: Carved<'m, Out>,
    outbox: Carved<'m, u8>,
    recent: Carved<'m, (u64, u64)>,
}

fn carve<'m>(config: &TopicsConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    Ok(Tables {
        topics: carver.take(config.topics, Topic::NONE)?,
        recent: carver.take(config.recent, (u64::MAX, 0))?,
        lens: carver.take(config.inbox, 0)?,
        out: carver.take(config.outbox, Out::NOTHING)?,
        inbox: carver.take(config.inbox * config.mtu, 0)?,
        outbox: carver.take(config.outbox * config.mtu, 0)?,
    })
}

impl<'m> Topics<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &TopicsConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Nothing is subscribed to.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(config: &TopicsConfig, allocator: impl Allocator<'m>) -> Result<Topics<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &TopicsConfig, mut piece: Piece<'m>) -> Result<Topics<'m>> {
        let layout = Self::footprint(config)?;
        let tables = carve(config, &mut piece.carver(layout)?)?;
        let mut random = SplitMix64::seed_from_u64(config.seed);
        Ok(Topics {
            number: rand_core::Rng::next_u64(&mut random),
            topics: tables.topics,
            topics_len: 0,
            inbox: tables.inbox,
            lens: tables.lens,
            in_first: 0,
            in_len: 0,
            lent: false,
            out: tables.out,
            outbox: tables.outbox,
            out_first: 0,
            out_len: 0,
            recent: tables.recent,
            recent_at: 0,
            random,
            stats: TopicsStats::default(),
            settings: config.clone(),
            _piece: piece,
        })
    }

    /// What was counted.
    pub fn stats(&self) -> &TopicsStats {
        &self.stats
    }

    /// The most bytes of a publication under this topic.
    pub const fn max_message(&self, topic: &[u8]) -> usize {
        self.settings.mtu.saturating_sub(HEAD).saturating_sub(topic.len())
    }

    /// From now on, publications under this topic come out of [`next_publication`](Self::next_publication). One that is
    /// subscribed to already stays so.
    ///
    /// [`Error::Length`] for a name of none or of more than [`MOST_TOPIC`] bytes, [`Error::Capacity`].
    pub fn subscribe(&mut self, topic: &[u8]) -> Result<()> {
        let new = Topic::new(topic)?;
        if self.place_of(topic).is_none() {
            *self.topics.get_mut(self.topics_len).ok_or(Error::Capacity)? = new;
            self.topics_len += 1;
        }
        Ok(())
    }

    /// Ends what [`subscribe`](Self::subscribe) began: whether there was anything to end. What waits already still comes.
    pub fn unsubscribe(&mut self, topic: &[u8]) -> bool {
        let Some(place) = self.place_of(topic) else { return false };
        self.topics_len -= 1;
        self.topics.swap(place, self.topics_len);
        true
    }

    fn place_of(&self, name: &[u8]) -> Option<usize> {
        let topics = self.topics.get(..self.topics_len).unwrap_or_default();
        topics.iter().position(|topic| topic.name() == name)
    }

    /// Says something to all that have subscribed to a topic; to this member, too, if it has. It goes out when the node
    /// is polled. Its number.
    ///
    /// [`Error::Length`] for a bad topic or a message of more than [`max_message`](Self::max_message) bytes;
    /// [`Error::Capacity`] if too many are waiting to be sent, or to be taken here. Nothing is said then.
    pub fn publish(&mut self, topic: &[u8], message: &[u8]) -> Result<u64> {
        Topic::new(topic)?;
        let own = self.settings.id;
        if message.len() > self.max_message(topic) {
            return Err(Error::Length);
        }
        let here = self.place_of(topic).is_some();
        if here && self.in_len >= self.settings.inbox {
            return Err(Error::Capacity);
        }
        let place = self.free_out().ok_or(Error::Capacity)?;
        let mtu = self.settings.mtu;
        let number = self.number;
        let out = self.outbox.get_mut(place * mtu..(place + 1) * mtu).unwrap_or_default();
        let len = write(out, own, number, topic, message);
        self.queue(place, len, own);
        if here {
            let out = self.outbox.get(place * mtu..place * mtu + len).unwrap_or_default();
            take_in(&mut self.inbox, &mut self.lens, (self.in_first, self.in_len), mtu, out);
            self.in_len += 1;
        }
        self.number = number.wrapping_add(1);
        self.remember(own, number);
        self.stats.published += 1;
        Ok(number)
    }

    /// The next publication under a topic that is subscribed to. It is valid until the next call.
    pub fn next_publication(&mut self) -> Option<Publication<'_>> {
        if core::mem::take(&mut self.lent) {
            self.in_first = (self.in_first + 1) % self.settings.inbox;
            self.in_len -= 1;
        }
        if self.in_len == 0 {
            return None;
        }
        self.lent = true;
        let start = self.in_first * self.settings.mtu;
        let len = *self.lens.get(self.in_first)?;
        // It was looked at when it came.
        Some(read(self.inbox.get(start..start + len)?).ok()?.1)
    }

    fn free_out(&self) -> Option<usize> {
        let room = self.settings.outbox;
        (self.out_len < room).then(|| (self.out_first + self.out_len) % room)
    }

    fn queue(&mut self, place: usize, len: usize, from: u64) {
        if let Some(out) = self.out.get_mut(place) {
            *out = Out { len, from, ..Out::NOTHING };
            self.out_len += 1;
        }
    }

    /// Whether it is new.
    fn remember(&mut self, origin: u64, number: u64) -> bool {
        if self.recent.contains(&(origin, number)) {
            return false;
        }
        if let Some(place) = self.recent.get_mut(self.recent_at) {
            *place = (origin, number);
        }
        self.recent_at = (self.recent_at + 1) % self.settings.recent;
        true
    }

    /// To how many members each publication is sent.
    fn fanout(&self, members: usize) -> usize {
        if self.settings.fanout > 0 {
            return self.settings.fanout;
        }
        // Natural logarithm, a little too large, and four more.
        let bits = members.max(1).ilog2() as usize + 1;
        (bits * 7 / 10 + 4).min(MOST_TARGETS)
    }
}

impl Part for Topics<'_> {
    fn channel(&self) -> u8 {
        channel::TOPICS
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        if message.len() > self.settings.mtu {
            return Err(Error::Length);
        }
        let (hops, publication) = read(message)?;
        if publication.origin == view.id() || !self.remember(publication.origin, publication.number)
        {
            self.stats.repeated += 1;
            return Ok(());
        }
        self.stats.received += 1;
        if self.place_of(publication.topic).is_some() {
            if self.in_len < self.settings.inbox {
                let ring = (self.in_first, self.in_len);
                take_in(&mut self.inbox, &mut self.lens, ring, self.settings.mtu, message);
                self.in_len += 1;
            } else {
                self.stats.dropped += 1;
            }
        }
        // Those that it came from, and that it was sent to beside this one, are most of them.
        let on = hops < MOST_HOPS && view.membership.count() > 2;
        // A part of the room is for what this member has to say itself.
        let rest = self.settings.outbox - self.out_len > self.settings.outbox / 4;
        match self.free_out().filter(|_| on && rest) {
            Some(place) => {
                let start = place * self.settings.mtu;
                if let Some(out) = self.outbox.get_mut(start..start + message.len()) {
                    out.copy_from_slice(message);
                    if let Some(at) = out.get_mut(1) {
                        *at = hops + 1;
                    }
                }
                self.queue(place, message.len(), from);
            }
            None => self.stats.stuck += u64::from(on),
        }
        Ok(())
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        while self.out_len > 0 {
            let place = self.out_first;
            let fanout = self.fanout(view.membership.count());
            let Some(next) = self.out.get_mut(place) else { break };
            let start = place * self.settings.mtu;
            let bytes = self.outbox.get(start..start + next.len).unwrap_or_default();
            if !next.chosen {
                let origin = read(bytes)?.1.origin;
                let chosen = view.choose(fanout, &[origin, next.from], &mut self.random);
                for (place, target) in next.targets.iter_mut().zip(&chosen) {
                    *place = *target;
                }
                (next.left, next.chosen) = (chosen.len(), true);
            }
            next.left = next.left.wrapping_sub(1);
            if let Some(&to) = next.targets.get(next.left) {
                let room = out.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?;
                room.copy_from_slice(bytes);
                return Ok(Some((to, bytes.len())));
            }
            self.out_first = (self.out_first + 1) % self.settings.outbox;
            self.out_len -= 1;
        }
        Ok(None)
    }

    fn wake_at(&self) -> u64 {
        if self.out_len > 0 { 0 } else { u64::MAX }
    }
}

/// To the end of the ring of those that wait for the caller, which has room.
fn take_in(
    inbox: &mut [u8],
    lens: &mut [usize],
    (first, len): (usize, usize),
    mtu: usize,
    message: &[u8],
) {
    let place = (first + len) % lens.len().max(1);
    let start = place * mtu;
    if let (Some(room), Some(len)) =
        (inbox.get_mut(start..start + message.len()), lens.get_mut(place))
    {
        room.copy_from_slice(message);
        *len = message.len();
    }
}

/// A publication as bytes: version, hops, origin and number (little-endian), the topic with its length in front, the
/// message up to the end.
fn write(out: &mut [u8], origin: u64, number: u64, topic: &[u8], message: &[u8]) -> usize {
    let mut writer = Writer::new(out);
    writer.put(&[VERSION, 0]);
    writer.put(&origin.to_le_bytes());
    writer.put(&number.to_le_bytes());
    writer.put(&[topic.len() as u8]);
    writer.put(topic);
    writer.put(message);
    writer.len
}

/// Its hops, and itself.
fn read(bytes: &[u8]) -> Result<(u8, Publication<'_>)> {
    let [version, hops, rest @ ..] = bytes else { return Err(Error::NodeFormat) };
    if *version != VERSION {
        return Err(Error::NodeVersion);
    }
    let (origin, rest) = rest.split_first_chunk().ok_or(Error::NodeFormat)?;
    let (number, rest) = rest.split_first_chunk().ok_or(Error::NodeFormat)?;
    let (len, rest) = rest.split_first().ok_or(Error::NodeFormat)?;
    let (topic, message) = rest.split_at_checked((*len).into()).ok_or(Error::NodeFormat)?;
    let origin = u64::from_le_bytes(*origin);
    if topic.is_empty() || topic.len() > MOST_TOPIC || origin == u64::MAX || *hops > MOST_HOPS {
        return Err(Error::NodeFormat);
    }
    let number = u64::from_le_bytes(*number);
    Ok((*hops, Publication { origin, number, topic, message }))
}
