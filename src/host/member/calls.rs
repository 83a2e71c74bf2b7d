//! What may be called from any thread.

use std::boxed::Box;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

use super::group::{APPLICATION, Agreed, Group, Read};
use super::handlers::{Call, Entry, MemberEvent, Reply, RequestHandler, Said, one};
use super::state::{Core, Stage, wall_ms};
use super::{Member, Until, lock};
use crate::crdt::Kind;
use crate::error::{Error, Result};
use crate::host::clock::now_us;
use crate::host::{MetricsServer, MetricsServerConfig};
use crate::node::membership::Standing;
use crate::node::{CallId, NodeStats};
use crate::port::Address;

/// A member, as this one knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSeen {
    /// Its number.
    pub id: u64,
    /// How it stands.
    pub standing: Standing,
    /// Where it says that it is to be reached.
    pub address: Address,
    /// What it says of itself.
    pub meta: Vec<u8>,
}

/// How a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// Whether its thread runs and it was not told to stop.
    pub running: bool,
    /// Members that take part, this one among them.
    pub members: usize,
    /// Members that there is a session with.
    pub sessions: usize,
    /// Whether it has a part in the group.
    pub votes: bool,
    /// Whether it leads it.
    pub leads: bool,
    /// Who does, as far as is known.
    pub leader: Option<u64>,
    /// The group's term.
    pub term: u64,
    /// What the group has agreed on, by index.
    pub commit: u64,
    /// What was applied here.
    pub applied: u64,
    /// What the newest snapshot stands for.
    pub snapshot: u64,
    /// Proposals of this member that are not agreed on yet.
    pub waiting: usize,
    /// Why the transport takes no datagrams in now.
    pub transport: Option<Error>,
    /// Why the files of the store take nothing now.
    pub store: Option<Error>,
    /// Why this member has no part in the group any more.
    pub group: Option<Error>,
    /// What was counted.
    pub stats: NodeStats,
}

impl Core {
    /// How often something was asked of the group.
    pub fn asked(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::asked)
    }
}

impl Member {
    // ---- The others ------------------------------------------------------------------

    /// Waits until so many members take part, this one among them.
    ///
    /// [`Error::HostTimeout`], [`Error::NodeLeft`] if this one stops, [`Error::Busy`] in one of its own functions.
    pub fn wait_for_members(&self, count: usize, timeout: Duration) -> Result<()> {
        self.wait(Until::after(timeout), |core| {
            (core.node.membership().count() >= count).then_some(Ok(()))
        })
    }

    /// All members that are known, by rising numbers: those that are gone, too, and this one.
    pub fn members(&self) -> Vec<MemberSeen> {
        let core = self.shared.core();
        let seen = core.node.membership().members().map(|member| MemberSeen {
            id: member.id,
            standing: member.standing,
            address: member.address,
            meta: member.meta.to_vec(),
        });
        seen.collect()
    }

    /// Another address of a member to begin with.
    ///
    /// [`Error::Capacity`] for more than 8 of them, [`Error::NodeLeft`].
    pub fn add_seed(&self, address: &Address) -> Result<()> {
        self.change(|core| core.node.join(address, now_us()))
    }

    /// Trusts another member, by its public key.
    ///
    /// [`Error::Capacity`] if there is no room: at most [`members`](super::MemberConfig::members), or as many as were
    /// pinned at first; [`Error::NodeLeft`].
    pub fn pin(&self, identity: &crate::comm::crypto::PublicKey) -> Result<()> {
        self.change(|core| core.node.trust_mut().pin(identity))
    }

    // ---- Requests --------------------------------------------------------------------

    /// Asks another member something, and waits for the answer.
    ///
    /// [`Error::HostTimeout`] if none came in time: it may have been done all the same. [`Error::NodePeer`] if it is no
    /// other member that takes part, or has died or left since (then it may have been done, too). Not done:
    /// [`Error::Unsupported`] if it has refused, as of a method that it does not serve; [`Error::Capacity`] if it, or
    /// this member, has too many under way; [`Error::Length`] for a method of none or of more than 64 bytes, or a
    /// message that is too long for a datagram. [`Error::NodeLeft`], [`Error::Busy`] as always.
    pub fn ask(
        &self,
        to: u64,
        method: &[u8],
        message: &[u8],
        timeout: Duration,
    ) -> Result<Vec<u8>> {
        self.not_inside()?;
        let left = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        let request = self.change(|core| core.ask(to, method, message, left))?;
        // Its end is told, at its time or before; the thread may be late.
        let until = Until::after(timeout.saturating_add(Duration::from_millis(50)));
        let answer = self.wait(until, |core| core.questions.get_mut(&request)?.answer.take());
        let mut core = self.shared.core();
        core.questions.remove(&request);
        if answer.is_err() {
            // It is over, if it was told.
            let _ = core.requests.cancel(request);
        }
        answer
    }

    /// Answers requests with this method from now on, in place of who did before; with none (no bytes), all that nobody
    /// else answers. Without anybody they are refused.
    ///
    /// [`Error::Length`] for more than 64 bytes, [`Error::NodeLeft`].
    pub fn serve(
        &self,
        method: &[u8],
        handler: impl FnMut(&Call<'_>, &mut Vec<u8>) -> Reply + Send + 'static,
    ) -> Result<()> {
        self.set_service(method, Some(Box::new(handler)))
    }

    /// Answers requests with this method no longer.
    ///
    /// As [`serve`](Self::serve).
    pub fn unserve(&self, method: &[u8]) -> Result<()> {
        self.set_service(method, None)
    }

    fn set_service(&self, method: &[u8], handler: Option<RequestHandler>) -> Result<()> {
        if method.len() > crate::node::MOST_METHOD {
            return Err(Error::Length);
        }
        self.shared.core().live()?;
        let before = lock(&self.shared.handlers).set_request(method, handler);
        drop(before);
        Ok(())
    }

    /// Answers a request later ([`Reply::Later`]), from any thread; nothing: refuses it.
    ///
    /// [`Error::NodeRequest`] if it does not wait for an answer, or not any more; [`Error::Length`] for one that is too
    /// long for a datagram; [`Error::NodeLeft`].
    pub fn answer(&self, call: CallId, answer: Option<&[u8]>) -> Result<()> {
        self.change(|core| core.answer(call, answer))
    }

    // ---- Topics ----------------------------------------------------------------------

    /// Says something to all members that have subscribed to a topic, this one among them; it may get lost.
    ///
    /// [`Error::Length`] for a topic of none or of more than 64 bytes, or a message that is too long for a datagram;
    /// [`Error::Capacity`] if too many wait to be sent; [`Error::NodeLeft`].
    pub fn publish(&self, topic: &[u8], message: &[u8]) -> Result<()> {
        self.change(|core| core.topics.publish(topic, message).map(drop))
    }

    /// Takes what is published under a topic from now on, in place of who did before.
    ///
    /// [`Error::Length`] for a bad topic, [`Error::Capacity`] for too many, [`Error::NodeLeft`].
    pub fn subscribe(
        &self,
        topic: &[u8],
        handler: impl FnMut(&Said<'_>) + Send + 'static,
    ) -> Result<()> {
        let before = self.change(|core| {
            core.topics.subscribe(topic)?;
            Ok(lock(&self.shared.handlers).set_topic(topic, Some(Box::new(handler))))
        })?;
        drop(before);
        Ok(())
    }

    /// Does not want it any more.
    ///
    /// [`Error::NodeLeft`].
    pub fn unsubscribe(&self, topic: &[u8]) -> Result<()> {
        let before = self.change(|core| {
            core.topics.unsubscribe(topic);
            Ok(lock(&self.shared.handlers).set_topic(topic, None))
        })?;
        drop(before);
        Ok(())
    }

    // ---- The shared store ------------------------------------------------------------

    /// Assigns to a register of the shared store: of what members assign at the same time the latest counts. It is here
    /// at once, and at the others soon; with a folder it is durable when this returns.
    ///
    /// [`Error::Length`] for a name of no bytes, or what is too long for a datagram; [`Error::Capacity`] without room;
    /// [`Error::NodeLeft`]. [`Error::HostFull`] and [`Error::HostIo`] if the disk takes nothing: from the second time on,
    /// until it does again, nothing is changed; the change of the first time is here, is told to nobody, and will be if
    /// the disk takes it later.
    pub fn put(&self, name: &[u8], value: &[u8]) -> Result<()> {
        self.change(|core| {
            core.kept.change((name, Kind::LastWriter), value.len(), |store, key| {
                store.assign_bytes(key, value, wall_ms())
            })
        })
    }

    /// What a register has, as far as this member has heard; nothing if it has nothing.
    ///
    /// [`Error::Capacity`] without room for the name.
    pub fn get(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        self.shared.core().kept.get(name)
    }

    /// Empties a register: what others assign at the same time stays.
    ///
    /// As [`put`](Self::put).
    pub fn remove(&self, name: &[u8]) -> Result<()> {
        self.change(|core| {
            core.kept.change((name, Kind::LastWriter), 0, |store, key| store.clear(key))
        })
    }

    /// Adds to a counter of the shared store, or takes from it.
    ///
    /// As [`put`](Self::put); [`Error::Overflow`] if this member's part of it would be too large.
    pub fn add(&self, name: &[u8], by: i64) -> Result<()> {
        self.change(|core| {
            core.kept.change((name, Kind::Counter), 0, |store, key| match by {
                0.. => store.increment(key, by.unsigned_abs()),
                _ => store.decrement(key, by.unsigned_abs()),
            })
        })
    }

    /// What all have added to a counter, as far as this member has heard.
    ///
    /// As [`get`](Self::get); [`Error::Overflow`] if it is too large.
    pub fn total(&self, name: &[u8]) -> Result<i64> {
        self.shared.core().kept.with(name, Kind::Counter, |store, key| store.total(key))
    }

    /// Waits until a counter has come to so much, as far as this member has heard: what it has then.
    ///
    /// As [`wait_for_members`](Self::wait_for_members).
    pub fn wait_for_total(&self, name: &[u8], least: i64, timeout: Duration) -> Result<i64> {
        self.wait(Until::after(timeout), |core| {
            let total = core.kept.with(name, Kind::Counter, |store, key| store.total(key));
            match total {
                Ok(total) if total < least => None,
                total => Some(total),
            }
        })
    }

    // ---- The group -------------------------------------------------------------------

    /// Lets the group agree on an entry, and waits until it is applied here: the function of
    /// [`on_entry`](Self::on_entry) has returned. Its index in the log. It is there once, and in the order in which this
    /// member has proposed; so for up to 16 members that propose, and longer if they do so again and again.
    ///
    /// Not agreed on, now or later: [`Error::RaftNoLeader`] if no leader could be found in time, [`Error::RaftState`] if
    /// this member is not of the group, [`Error::Length`] for more than
    /// [`max_entry`](super::MemberConfig::max_entry) bytes, [`Error::Capacity`] if too many wait, [`Error::Busy`] in one
    /// of the member's own functions. It may be agreed on or not, now or later: [`Error::HostTimeout`],
    /// [`Error::NodeLeft`] if this member stops meanwhile; [`Error::RaftHalted`], [`Error::HostFull`] or
    /// [`Error::HostIo`] if its files take nothing any more, if that began while it waited.
    pub fn propose(&self, data: &[u8], timeout: Duration) -> Result<u64> {
        self.not_inside()?;
        let ticket = self.with_group(|group| group.submit(APPLICATION, data, true))?;
        self.agreed(ticket, Until::after(timeout)).map(|agreed| agreed.index)
    }

    /// Waits until all that the group had agreed on when this was called is applied here: who looks at the application's
    /// state then sees all of it.
    ///
    /// [`Error::RaftNoLeader`] if no leader could be found in time, [`Error::HostTimeout`] if there was no answer, and
    /// as [`propose`](Self::propose).
    pub fn barrier(&self, timeout: Duration) -> Result<()> {
        let mut token = None;
        let mut asked = false;
        let done = self.wait(Until::after(timeout), |core| {
            let group = match core.group() {
                Ok(group) => group,
                Err(error) => return Some(Err(error)),
            };
            if let Some(error) = group.failed {
                return Some(Err(error));
            }
            if let Some(under_way) = token {
                match group.reads.get(&under_way) {
                    Some(Read::Asked) => return None,
                    Some(Read::Ready) => return Some(Ok(())),
                    _ => {
                        group.reads.remove(&under_way);
                        token = None;
                    }
                }
            }
            match group.read(now_us()) {
                Ok(new) => {
                    (token, asked) = (Some(new), true);
                    None
                }
                // When there is one.
                Err(Error::RaftNoLeader | Error::Capacity) => None,
                Err(error) => Some(Err(error)),
            }
        });
        if let Some(token) = token
            && let Ok(group) = self.shared.core().group()
        {
            group.reads.remove(&token);
        }
        match done {
            Err(Error::HostTimeout) if !asked => Err(Error::RaftNoLeader),
            done => done,
        }
    }

    /// Who leads the group, as far as this member knows.
    pub fn leader(&self) -> Option<u64> {
        self.shared.core().group.as_ref()?.leader
    }

    pub(super) fn with_group<R>(&self, f: impl FnOnce(&mut Group) -> Result<R>) -> Result<R> {
        self.change(|core| f(core.group()?))
    }

    /// What became of a proposal; it goes on if that is not known in time.
    pub(super) fn outcome(&self, ticket: u64, until: Until) -> Result<Agreed> {
        self.wait(until, |core| match core.group() {
            Ok(group) => group.outcome(ticket),
            Err(error) => Some(Err(error)),
        })
    }

    /// The same; one that was not sent in time is not sent any more.
    pub(super) fn agreed(&self, ticket: u64, until: Until) -> Result<Agreed> {
        let done = self.outcome(ticket, until);
        let Err(error @ (Error::HostTimeout | Error::NodeLeft)) = done else { return done };
        let mut core = self.shared.core();
        let group = core.group()?;
        if let Some(done) = group.outcome(ticket) {
            return done;
        }
        let unsent = group.give_up(ticket);
        Err(if unsent && error == Error::HostTimeout { Error::RaftNoLeader } else { error })
    }

    // ---- The caller's functions ------------------------------------------------------

    /// Applies what the group has agreed on: all entries of the application in their order, after a start again from the
    /// first that is in the log, or behind the snapshot that was given to [`on_snapshot`](Self::on_snapshot).
    ///
    /// [`Error::CommState`] after the start: entries would be missing.
    pub fn on_entry(&self, handler: impl FnMut(&Entry<'_>) + Send + 'static) -> Result<()> {
        self.before_start()?;
        lock(&self.shared.handlers).entries = one(Box::new(handler));
        Ok(())
    }

    /// Writes the application's state, as bytes, so that it takes the place of the entries so far (`save`, which says
    /// whether it did), and replaces it by one that was written, here or at another member (`load`). Without these two the log grows for ever, and they are needed at
    /// all members of the group or none. Locks are beside it.
    ///
    /// [`Error::CommState`] after the start.
    pub fn on_snapshot(
        &self,
        save: impl FnMut(&mut Vec<u8>) -> bool + Send + 'static,
        load: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<()> {
        self.before_start()?;
        let mut handlers = lock(&self.shared.handlers);
        handlers.save = one(Box::new(save));
        handlers.load = one(Box::new(load));
        Ok(())
    }

    /// Hears what happens from now on, in place of who did before.
    ///
    /// [`Error::NodeLeft`].
    pub fn on_event(&self, handler: impl FnMut(&MemberEvent) + Send + 'static) -> Result<()> {
        self.shared.core().live()?;
        let before =
            core::mem::replace(&mut lock(&self.shared.handlers).events, one(Box::new(handler)));
        drop(before);
        Ok(())
    }

    fn before_start(&self) -> Result<()> {
        let core = self.shared.core();
        core.live()?;
        if core.stage == Stage::Made { Ok(()) } else { Err(Error::CommState) }
    }

    // ---- How it does -----------------------------------------------------------------

    /// How this member does; also when it has stopped.
    pub fn info(&self) -> MemberInfo {
        let core = self.shared.core();
        let group = core.group.as_ref();
        let status = group.map(|group| group.raft.status()).unwrap_or_default();
        MemberInfo {
            running: core.stage == Stage::Running,
            members: core.node.membership().count(),
            sessions: core.node.connected(),
            votes: group.is_some(),
            leads: group.is_some_and(|group| group.leads),
            leader: group.and_then(|group| group.leader),
            term: status.term,
            commit: status.commit,
            applied: status.applied,
            snapshot: status.snapshot,
            waiting: group.map_or(0, Group::waiting),
            transport: core.unread,
            store: core.kept.failed,
            group: group.and_then(|group| group.failed),
            stats: *core.node.stats(),
        }
    }

    /// All that was counted and measured ([`MEMBER_METRICS`](super::MEMBER_METRICS)), as the text of OpenMetrics.
    pub fn metrics(&self) -> Result<String> {
        let text = self.shared.core().metrics()?;
        // It is ASCII.
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Serves the metrics over HTTP from now on, written once a second, until this is dropped: where it listens, with the
    /// port that it got.
    ///
    /// [`Error::CommState`] if they are served already, those of [`MetricsServer::new`].
    pub fn serve_metrics(&self, bind: Address) -> Result<Address> {
        let mut server = lock(&self.shared.server);
        if server.is_some() {
            return Err(Error::CommState);
        }
        let new = server.insert(MetricsServer::new(&MetricsServerConfig::new(bind))?);
        let local = new.local();
        drop(server);
        self.shared.publish_metrics();
        self.shared.waker.wake();
        Ok(local)
    }
}
