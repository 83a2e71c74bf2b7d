//! Timeouts, heartbeats and batches by what the network does, and who should lead. Off unless somebody makes a
//! [`Tuner`]; docs/raft-tuner.md has what it wins, and where it loses.
//!
//! A tuner stands beside a node of [Raft](super::raft) and does no input or output either: it sees the messages that
//! arrive and leave, sends small ones of its own, and sets what the node may have set. A [`Model`] says what is
//! wished; here it is kept within bounds. Safety needs nothing of it: see
//! [`set_timeouts`](super::raft::Raft::set_timeouts).
//!
//! - `beats`: a leader's heartbeats as they arrive. `links`: the ways to the others. `probe`: its messages.
//! - `model`, `weights`: from what was seen to what is wished.

mod beats;
mod links;
mod model;
mod probe;
#[cfg(all(test, feature = "alloc"))]
mod tests;
mod weights;

use core::alloc::Layout;

use self::links::Link;
use self::probe::Probe;
use super::raft::{MOST_PEERS, NodeId, Raft, RaftConfig, Role, Sample, Timeouts};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

pub use self::beats::Beats;
pub use self::model::{Learned, MeanDeviation, Model, Seen, Wish, features, network, scaled};
pub use self::probe::LEN as PROBE_LEN;
pub use self::weights::{HIDDEN, INPUTS};

/// The longest election timeout, and time between probes: half an hour, and an hour.
const MOST_TIMEOUT: u64 = 1_800_000_000;
const MOST_PROBE: u64 = 3_600_000_000;
/// Elections of this node's, of late, that nobody needed, after which it trusts no model.
const MOST_NEEDLESS: f32 = 4.0;
/// How fast those are forgotten, in microseconds.
const FORGOTTEN: f32 = 300e6;
/// So long after it was elected a node that hears the last leader knows that nobody needed that.
const LIVED: u64 = 1_000_000;
/// Heartbeats that a follower must have seen before a model says anything.
const LEAST_BEATS: u32 = 32;

/// Bounds of what a tuner sets, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunerConfig {
    /// This node, and the most members: those of its [`RaftConfig`].
    pub id: NodeId,
    /// See `id`.
    pub peers: usize,
    /// The shortest election timeout: that of the [`RaftConfig`].
    pub least_us: u64,
    /// The longest, which holds until enough is known, too: at most half an hour.
    pub most_us: u64,
    /// The shortest time between heartbeats; the longest is half of `least_us`.
    pub heartbeat_us: u64,
    /// How often the way to each member is measured.
    pub probe_us: u64,
    /// Messages with entries on their way to a member, as in [`RaftConfig`].
    pub inflight: usize,
}

const fn least_of(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

impl TunerConfig {
    /// For a node: up to ten times its election timeout but half an hour at most, a sixteenth between heartbeats at
    /// least, and probes every five election timeouts but every hour at least. One whose election timeout is
    /// longer than half an hour cannot be tuned.
    pub const fn new(config: &RaftConfig) -> TunerConfig {
        let least_us = config.election_us;
        TunerConfig {
            id: config.id,
            peers: config.peers,
            least_us,
            most_us: least_of(least_us.saturating_mul(10), MOST_TIMEOUT),
            heartbeat_us: if least_us < 32 { 1 } else { least_us / 16 },
            probe_us: least_of(least_us.saturating_mul(5), MOST_PROBE),
            inflight: config.inflight,
        }
    }

    fn check(&self) -> Result<()> {
        let fine = self.id != NodeId(0)
            && (1..=MOST_PEERS).contains(&self.peers)
            && (2..=self.most_us).contains(&self.least_us)
            && self.most_us <= MOST_TIMEOUT
            && (1..=self.least_us / 2).contains(&self.heartbeat_us)
            && (1..=MOST_PROBE).contains(&self.probe_us)
            && self.inflight > 0;
        if fine { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// What a tuner has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The times.
    pub timeouts: Timeouts,
    /// 255 for who should lead next, less for who should rather not.
    pub priority: u8,
    /// Of a leader: who is so much nearer to a majority that it had better lead
    /// ([`transfer`](Raft::transfer)).
    pub better: Option<NodeId>,
}

/// Measures, and sets what a node of Raft may have set. Nothing is allocated after creation.
///
/// After each message that [`Raft::step`] takes, [`heard`](Tuner::heard); for each that
/// [`Raft::next_message`] gives, [`sent`](Tuner::sent); what [`is_probe`](Tuner::is_probe) says is one goes to
/// [`probed`](Tuner::probed) alone. Then [`apply`](Tuner::apply), and
/// [`next_message`](Tuner::next_message) until there is none.
pub struct Tuner<'m, M> {
    model: M,
    config: TunerConfig,
    links: Carved<'m, Link>,
    beats: Beats,
    advice: Advice,
    /// When something is to be done again.
    next: u64,
    next_probe: u64,
    /// The members that the links are of.
    members: (u64, bool),
    leader: u64,
    leads: bool,
    /// Who led before this node, and since when it leads; 0: nobody who is to be missed.
    before: u64,
    since: u64,
    /// The leader has handed over to this node.
    handed: bool,
    /// How often this node was elected and nobody needed that, of late, and when that was last looked at.
    needless: f32,
    looked: u64,
    /// Ways to a majority, without the leader and with it.
    way: f32,
    full_way: f32,
    _piece: Piece<'m>,
}

impl<'m, M: Model> Tuner<'m, M> {
    fn carve(
        carver: &mut Carver<'m>,
        config: &TunerConfig,
        model: M,
        piece: Piece<'m>,
    ) -> Result<Tuner<'m, M>> {
        Ok(Tuner {
            model,
            config: *config,
            links: carver.take(config.peers, Link::default())?,
            beats: Beats::default(),
            advice: Advice { timeouts: config.careful(), priority: 255, better: None },
            next: 0,
            next_probe: 0,
            members: (0, false),
            leader: 0,
            leads: false,
            before: 0,
            since: 0,
            handed: false,
            needless: 0.0,
            looked: 0,
            way: 0.0,
            full_way: 0.0,
            _piece: piece,
        })
    }

    /// The memory that a tuner takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &TunerConfig) -> Result<Layout> {
        config.check()?;
        let mut carver = Carver::measure();
        let _: Carved<'_, Link> = carver.take(config.peers, Link::default())?;
        carver.layout()
    }

    /// A tuner that has seen nothing.
    ///
    /// # Errors
    /// As [`footprint`](Tuner::footprint), and what `memory` answers.
    pub fn new(config: &TunerConfig, model: M, memory: impl Allocator<'m>) -> Result<Tuner<'m, M>> {
        Tuner::in_piece(config, model, memory.allocate(Tuner::<M>::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &TunerConfig,
        model: M,
        mut piece: Piece<'m>,
    ) -> Result<Tuner<'m, M>> {
        let layout = Tuner::<M>::footprint(config)?;
        let mut carver = piece.carver(layout)?;
        Tuner::carve(&mut carver, config, model, piece)
    }

    /// Whether these bytes are a tuner's, and not for Raft.
    pub fn is_probe(bytes: &[u8]) -> bool {
        Probe::decode(bytes).is_some()
    }

    fn link(&mut self, id: u64) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id && id != 0)
    }

    /// Another tuner's message; what is none changes nothing.
    pub fn probed(&mut self, from: NodeId, bytes: &[u8], now_us: u64) {
        let Some(probe) = Probe::decode(bytes) else { return };
        let Some(link) = self.link(from.0) else { return };
        (link.missed, link.told) = (probe.missed, now_us);
        (link.way, link.full_way, link.interval) = (probe.way, probe.full_way, probe.interval);
        if !probe.answers {
            link.owed = Some(probe.time);
        } else if link.asked != 0 && link.asked == probe.time {
            link.trip(now_us.saturating_sub(link.asked));
            link.probed(true);
            link.asked = 0;
        }
    }

    /// A message that the node has taken.
    pub fn heard(&mut self, raft: &Raft<'_>, from: NodeId, bytes: &[u8], now_us: u64) {
        let Some(sample) = Sample::of(bytes) else { return };
        let status = raft.status();
        match sample {
            Sample::Heartbeat { term, sent_us, quiet: false }
                if term == status.term && status.leader == Some(from) =>
            {
                let interval = self.interval(from.0);
                self.handed = false;
                let foreseen = self.model.foresee(&self.beats);
                self.beats.heard((from.0, term), sent_us, interval, now_us, foreseen);
            }
            Sample::HeartbeatReply { term, sent_us }
                if term == status.term && status.role == Role::Leader && sent_us <= now_us =>
            {
                if let Some(link) = self.link(from.0) {
                    link.trip(now_us - sent_us);
                }
                if from.0 == self.before && now_us.saturating_sub(self.since) < LIVED {
                    self.before = 0;
                    self.needless += 1.0;
                }
            }
            // What comes of that somebody wanted.
            Sample::HandOver if from.0 == self.leader => self.handed = true,
            Sample::AppendReply { pass } if status.role == Role::Leader => {
                if let Some(link) = self.link(from.0) {
                    link.acknowledged(pass, now_us);
                }
            }
            _ => {}
        }
    }

    /// A message that the node sends.
    pub fn sent(&mut self, to: NodeId, bytes: &[u8], now_us: u64) {
        if let Some(Sample::Append { pass, bytes }) = Sample::of(bytes)
            && let Some(link) = self.link(to.0)
        {
            link.sent(pass, bytes, now_us);
        }
    }

    /// The next message of the tuner's own, in the first bytes of `buffer`; nothing if there is none.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] for fewer bytes than [`PROBE_LEN`].
    pub fn next_message(
        &mut self,
        buffer: &mut [u8],
        now_us: u64,
    ) -> Result<Option<(NodeId, usize)>> {
        let place = buffer.first_chunk_mut::<PROBE_LEN>().ok_or(Error::BufferTooSmall)?;
        let probe = Probe {
            answers: true,
            missed: (self.beats.lost * 1000.0) as u16,
            way: self.way as u32,
            full_way: self.full_way as u32,
            interval: self.advice.timeouts.heartbeat_us.min(u64::from(u32::MAX)) as u32,
            time: 0,
        };
        let Some(link) = self.links.iter_mut().find(|link| link.due || link.owed.is_some()) else {
            return Ok(None);
        };
        let probe = match link.owed.take() {
            Some(time) => Probe { time, ..probe },
            None => {
                if link.asked != 0 {
                    link.probed(false);
                }
                (link.due, link.asked) = (false, now_us.max(1));
                Probe { answers: false, time: link.asked, ..probe }
            }
        };
        *place = probe.encode();
        Ok(Some((NodeId(link.id), PROBE_LEN)))
    }

    /// When [`apply`](Tuner::apply) is due, at the latest.
    pub fn next_wake_us(&self) -> u64 {
        self.next_probe
    }

    /// What was set last.
    pub fn advice(&self) -> Advice {
        self.advice
    }

    /// What has been seen of the leader's heartbeats.
    pub fn beats(&self) -> &Beats {
        &self.beats
    }

    /// Sets what is to be set now.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the node was made with another election timeout than the tuner: then nothing is set.
    pub fn apply(&mut self, raft: &mut Raft<'_>, now_us: u64) -> Result<Advice> {
        if raft.least_timeout() != self.config.least_us {
            return Err(Error::Invalid);
        }
        let status = raft.status();
        let leader = status.leader.map_or(0, |leader| leader.0);
        let leads = status.role == Role::Leader;
        let turned = leads != self.leads || (leader != 0 && leader != self.leader);
        if leads && !self.leads {
            (self.before, self.since) = (if self.handed { 0 } else { self.leader }, now_us);
            self.handed = false;
        }
        self.leads = leads;
        if leader != 0 {
            self.leader = leader;
        }
        if now_us >= self.next_probe {
            self.next_probe = now_us.saturating_add(self.config.probe_us);
            self.links.iter_mut().for_each(|link| link.due = link.id != 0);
        }
        if now_us < self.next && !turned {
            return Ok(self.advice);
        }
        self.next = now_us.saturating_add(self.config.least_us / 2);
        let passed = now_us.saturating_sub(self.looked) as f32;
        self.looked = now_us;
        self.needless *= libm::expf(-passed / FORGOTTEN);
        self.follow(raft, (status.members, status.joint));
        let seen = self.seen(now_us);
        let wish = self.model.wish(&seen);
        let known = usize::from(seen.known) >= self.voters() / 2;
        let enough = known && (leads || self.beats.count >= LEAST_BEATS);
        let trusted = enough && self.needless < MOST_NEEDLESS;
        let (timeouts, priority) =
            if trusted { self.config.within(&wish) } else { (self.config.careful(), 255) };
        // Heartbeats that hardly differ are left as they are, for followers reckon with them.
        let old = self.advice.timeouts.heartbeat_us;
        let same = timeouts.heartbeat_us.abs_diff(old) <= old / 8;
        let heartbeat_us = if same { old } else { timeouts.heartbeat_us };
        if !same && leads {
            self.links.iter_mut().for_each(|link| link.due = link.id != 0);
        }
        let timeouts = Timeouts { heartbeat_us, ..timeouts };
        raft.set_timeouts(timeouts)?;
        self.advice = Advice { timeouts, priority, better: self.better(leads, now_us) };
        // A node that is to lead only if asked to stays so.
        let _ = raft.set_priority(priority);
        if leads {
            self.set_batches(raft);
        }
        Ok(self.advice)
    }

    /// Links to the members that are.
    fn follow(&mut self, raft: &Raft<'_>, members: (u64, bool)) {
        if self.members == members {
            return;
        }
        self.members = members;
        let own = self.config.id;
        for link in self.links.iter_mut() {
            if !raft.members().any(|member| member.id.0 == link.id) {
                *link = Link::default();
            }
        }
        for member in raft.members().filter(|member| member.id != own) {
            let votes = [member.old, member.kind].iter().flatten().any(|kind| kind.votes());
            let known = self.links.iter().position(|link| link.id == member.id.0);
            let free = || self.links.iter().position(|link| link.id == 0);
            if let Some(link) = known.or_else(free).and_then(|at| self.links.get_mut(at)) {
                (link.id, link.votes, link.due) = (member.id.0, votes, true);
            }
        }
    }

    fn voters(&self) -> usize {
        1 + self.links.iter().filter(|link| link.votes).count()
    }

    /// How often who leads sends heartbeats.
    fn interval(&self, leader: u64) -> u64 {
        let told = self.links.iter().find(|link| link.id == leader).map_or(0, |link| link.interval);
        let most = self.config.least_us / 2;
        let own = self.advice.timeouts.heartbeat_us;
        if told == 0 { own } else { u64::from(told).clamp(self.config.heartbeat_us, most) }
    }

    /// The round trip to the last of so many voters, nearest first, one of them left out: or to the farthest
    /// that is known.
    fn way(&self, count: usize, without: u64) -> f32 {
        let known = |link: &&Link| link.votes && link.count > 0 && link.id != without;
        let key = |link: &Link| (link.mean, link.id);
        let mut found: f32 = 0.0;
        for link in self.links.iter().filter(known) {
            let nearer = self.links.iter().filter(known).filter(|other| key(other) < key(link));
            if nearer.count() < count {
                found = found.max(link.mean);
            }
        }
        found
    }

    fn is_fresh(&self, link: &Link, now: u64) -> bool {
        let old = self.config.probe_us.saturating_mul(6);
        link.votes && link.told > 0 && now.saturating_sub(link.told) < old
    }

    fn seen(&mut self, now: u64) -> Seen {
        let majority = self.voters() / 2;
        let leader = if self.leads { 0 } else { self.leader };
        self.way = self.way(majority, leader);
        self.full_way = self.way(majority, 0);
        let fresh = || self.links.iter().filter(|link| self.is_fresh(link, now));
        let known = self.links.iter().filter(|link| link.votes && link.count >= 4);
        let farthest = fresh().map(Link::longest).fold(0.0, f32::max);
        let behind = |link: &&Link| link.id != leader && (link.way as f32) < 0.9 * self.way;
        let lost = if self.leads {
            // What is overtaken on its way is missed, too, and not lost.
            fresh().map(|link| (f32::from(link.missed) / 1000.0).min(link.lost)).fold(0.0, f32::max)
        } else {
            self.beats.lost
        };
        let (mut trip, mut deviation) = (0.0, 0.0);
        for link in fresh().filter(|link| leader == 0 || link.id == leader) {
            if link.mean >= trip {
                (trip, deviation) = (link.mean, libm::sqrtf(link.variance));
            }
        }
        let interval =
            if self.leads { self.advice.timeouts.heartbeat_us } else { self.interval(leader) };
        Seen {
            least_us: self.config.least_us as f32,
            heartbeat_us: interval as f32,
            leads: self.leads,
            beats: self.beats,
            trip_us: trip,
            deviation_us: deviation,
            majority_us: self.way,
            farthest_us: farthest,
            lost,
            rank: fresh().filter(behind).count().min(255) as u8,
            known: known.count().min(255) as u8,
            needless: self.needless / MOST_NEEDLESS,
        }
    }

    /// Who had better lead: far nearer to a majority than this node.
    fn better(&self, leads: bool, now: u64) -> Option<NodeId> {
        let fresh = self.links.iter().filter(|link| self.is_fresh(link, now) && link.full_way > 0);
        let best = fresh.min_by_key(|link| (link.full_way, link.id)).filter(|_| leads)?;
        // More than chance makes of it.
        let deviation = 2.0 * libm::sqrtf(best.variance);
        let least = deviation.max(0.05 * self.config.least_us as f32);
        let far = self.full_way - best.full_way as f32 > least;
        (far && (best.full_way as f32) < 0.7 * self.full_way).then_some(NodeId(best.id))
    }

    /// As many bytes in a message as keep the way full with all messages that may be on it, twice.
    fn set_batches(&mut self, raft: &mut Raft<'_>) {
        for link in self.links.iter().filter(|link| link.id != 0) {
            let bytes = link.bandwidth().map_or(0.0, |bandwidth| bandwidth * link.mean * 2.0);
            let each = bytes / self.config.inflight as f32;
            // Who is no member by now has no batches.
            let _ = raft.set_batch(NodeId(link.id), each as u32);
        }
    }
}

impl TunerConfig {
    /// What holds as long as nothing is known.
    const fn careful(&self) -> Timeouts {
        let (election_us, spread_us, patience_us) = (self.most_us, self.most_us, self.most_us);
        let third = self.least_us / 3;
        let heartbeat_us = if third > self.heartbeat_us { third } else { self.heartbeat_us };
        Timeouts { election_us, spread_us, patience_us, heartbeat_us }
    }

    /// A wish within the bounds: times, and a priority. What is not a number is 0 as an integer.
    fn within(&self, wish: &Wish) -> (Timeouts, u8) {
        let (least, most) = (self.least_us, self.most_us);
        let later = (wish.later_us as u64).min(least);
        let timeouts = Timeouts {
            election_us: (wish.election_us as u64).clamp(least, most),
            spread_us: (wish.spread_us as u64).clamp((least / 4).max(1), most),
            patience_us: (wish.patience_us as u64).clamp(least, 2 * most),
            heartbeat_us: (wish.heartbeat_us as u64).clamp(self.heartbeat_us, least / 2),
        };
        (timeouts, (255 - later * 254 / least) as u8)
    }
}
