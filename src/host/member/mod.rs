//! A member of a swarm on a thread of its own.
//!
//! A [`Member`] is a [`Node`](crate::node::Node) with all that it needs of the operating system: a socket, an identity,
//! a store that the members share, topics, requests, and a group that agrees, with locks; what has to outlive the
//! process is in a folder. Its thread does the work. Other threads call it: what they ask for is answered when it is
//! done, or at the latest after a time of their choice; and it calls functions of the caller's for what others ask, say
//! and agree on.
//!
//! The caller's functions are called on the member's thread, one at a time, and none of its locks is held. One that takes
//! long delays this member alone, which may then be taken for dead: what takes long is answered later, from another thread
//! ([`Reply::Later`], [`Member::answer`]). They may call the member, but for what waits, which is
//! [`Error::Busy`] there: [`ask`](Member::ask), [`propose`](Member::propose), [`barrier`](Member::barrier),
//! [`lock`](Member::lock), [`unlock`](Member::unlock), [`wait_for_members`](Member::wait_for_members),
//! [`wait_for_total`](Member::wait_for_total) and [`join`](Member::join).
//!
//! The files: `config` what a member is made for; `state` all that it has, under one lock; `thread` its rounds; `wait` how
//! it sleeps; `kept` the store; `group`, `part` and `locks` what is agreed on; `handlers` the caller's functions; `calls`
//! what may be called from any thread; `gauges` its metrics.
//!
//! ```no_run
//! use std::time::Duration;
//! use neural_swarm::comm::crypto::Secret;
//! use neural_swarm::host::{Carrier, Identity, Member, MemberConfig, Reply, parse_address};
//!
//! let carrier = Carrier::Udp(parse_address("127.0.0.1:4201")?);
//! let mut config = MemberConfig::new(b"example", Identity::File("member.key".into()), carrier);
//! config.psk = Some(Secret::new([7; 32]));
//! config.seeds.push(parse_address("127.0.0.1:4202")?);
//! let member = Member::new(config)?;
//! member.serve(b"greet", |call, answer| {
//!     answer.extend_from_slice(b"hello, ");
//!     answer.extend_from_slice(call.message);
//!     Reply::Answer
//! })?;
//! member.start()?;
//! member.wait_for_members(2, Duration::from_secs(60))?;
//! member.add(b"visits", 1)?;
//! for other in member.members().iter().filter(|other| other.id != member.id()) {
//!     println!("{:?}", member.ask(other.id, b"greet", b"ada", Duration::from_secs(1))?);
//! }
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod calls;
mod config;
mod gauges;
mod group;
mod handlers;
mod kept;
mod locks;
mod part;
mod state;
mod thread;
mod wait;

use std::cell::Cell;
use std::string::String;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::handlers::Handlers;
use self::state::{Core, Stage, Wait};
use self::wait::Waker;
use super::MetricsServer;
use super::clock::now_us;
use super::wait::Deadline as Until;
use crate::comm::crypto::PublicKey;
use crate::error::{Error, Result};
use crate::port::Address;

pub use self::calls::{MemberInfo, MemberSeen};
pub use self::config::{Carrier, Identity, MemberConfig};
pub use self::gauges::MEMBER_METRICS;
pub use self::handlers::{Call, Entry, MemberEvent, Reply, Said};

/// The most members of the group.
pub const MOST_VOTERS: usize = 7;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

std::thread_local! {
    /// Whose thread this is: where its member's `Shared` lies. Unlike a thread's number it costs nobody an allocation.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// What the member's thread and all others see.
struct Shared {
    core: Mutex<Core>,
    /// Who wants the core waits here: the thread, which wants it again and again, cannot keep the others out.
    gate: Mutex<()>,
    /// Something may have come of what somebody waits for.
    changed: Condvar,
    handlers: Mutex<Handlers>,
    waker: Waker,
    server: Mutex<Option<MetricsServer>>,
    /// The most bytes of a lock's name.
    lock_name: usize,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        let _gate = lock(&self.gate);
        lock(&self.core)
    }

    fn is_served(&self) -> bool {
        lock(&self.server).is_some()
    }

    /// Gives the server of metrics what there is now.
    fn publish_metrics(&self) {
        let text = self.core().metrics();
        if let (Ok(text), Some(server)) = (text, &mut *lock(&self.server)) {
            // Who scrapes gets the text before otherwise.
            let _ = server.publish(&text);
        }
    }
}

/// A member of a swarm on a thread of its own: the documentation of the module. All functions may be called from any
/// thread.
///
/// Dropped, it stops and waits for its thread; but in one of its own functions it only stops.
pub struct Member {
    shared: Arc<Shared>,
    /// For the thread, until it starts.
    wait: Mutex<Option<Wait>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    id: u64,
    identity: PublicKey,
    local: Address,
    leave_us: u64,
}

impl Member {
    /// Opens socket and files and takes all memory that the parts need; nothing is sent yet.
    ///
    /// [`Error::Invalid`] for settings out of range, as for a voter without a folder, or whose longest entry does not fit
    /// a datagram; [`Error::Busy`] if another one has the folder; those of [`load_key`](super::load_key),
    /// [`Udp::new`](super::Udp::new), [`UnixDatagram::new`](super::UnixDatagram::new),
    /// [`Storage::open`](super::Storage::open) and [`RaftStorage::open`](super::RaftStorage::open).
    pub fn new(config: MemberConfig) -> Result<Member> {
        let leave_us = config.leave_us;
        let lock_name = config.locks.name;
        let (core, wait, local) = Core::new(config)?;
        let (id, identity) = (core.node.id(), *core.node.identity());
        let shared = Shared {
            core: Mutex::new(core),
            gate: Mutex::new(()),
            changed: Condvar::new(),
            handlers: Mutex::new(Handlers::default()),
            waker: Waker::new()?,
            server: Mutex::new(None),
            lock_name,
        };
        let (wait, thread) = (Mutex::new(Some(wait)), Mutex::new(None));
        Ok(Member { shared: Arc::new(shared), wait, thread, id, identity, local, leave_us })
    }

    /// Begins to take part.
    ///
    /// [`Error::CommState`] if it has begun already, [`Error::NodeLeft`] if it was stopped, [`Error::HostIo`] if the
    /// system gives no thread.
    pub fn start(&self) -> Result<()> {
        let mut slot = lock(&self.thread);
        let mut wait = lock(&self.wait);
        let mut core = self.shared.core();
        core.live()?;
        let waits = wait.take().ok_or(Error::CommState)?;
        let shared = self.shared.clone();
        core.stage = Stage::Running;
        // It begins when the core is free.
        let thread = std::thread::Builder::new().name(String::from("nsw-member"));
        match thread.spawn(move || thread::run(shared, waits)) {
            Ok(handle) => {
                *slot = Some(handle);
                Ok(())
            }
            Err(_) => {
                core.stage = Stage::Over;
                self.shared.changed.notify_all();
                Err(Error::HostIo)
            }
        }
    }

    /// Begins to stop, and does not wait: this member gives back its locks, hands over the lead of the group, says to the
    /// others that it leaves, for [`leave_us`](MemberConfig::leave_us) at most, and makes its files durable. Whoever
    /// waits in a call gets [`Error::NodeLeft`]: what was asked for may come about or not. It does not start again:
    /// another one may be made when this one is dropped.
    pub fn stop(&self) {
        let mut core = self.shared.core();
        core.stop(now_us(), self.leave_us);
        drop(core);
        self.shared.changed.notify_all();
        self.shared.waker.wake();
    }

    /// Waits until the thread has ended: after a [`stop`](Self::stop), of this thread or another. At once if it was never
    /// started.
    ///
    /// [`Error::Busy`] in one of the member's own functions.
    pub fn join(&self) -> Result<()> {
        self.not_inside()?;
        let handle = lock(&self.thread).take();
        if let Some(handle) = handle {
            // If it panicked, in a function of the caller's, it has ended as well.
            let _ = handle.join();
            return Ok(());
        }
        // It was never started, or another thread joins it.
        let mut core = self.shared.core();
        while !matches!(core.stage, Stage::Made | Stage::Over) {
            core = self.shared.changed.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// A datagram has come to the transport of the caller's own ([`Carrier::Own`]). Does not wait.
    pub fn wake(&self) {
        self.shared.waker.wake();
    }

    /// This member's number in the swarm.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its public key.
    pub fn identity(&self) -> &PublicKey {
        &self.identity
    }

    /// Where the others reach it: as configured, or where its socket listens, with the port that it got.
    pub fn local(&self) -> Address {
        self.local
    }

    /// Whether this is called in one of its own functions.
    pub(crate) fn is_inside(&self) -> bool {
        INSIDE.get() == Arc::as_ptr(&self.shared).addr()
    }

    /// What waits does not do so on the member's own thread.
    fn not_inside(&self) -> Result<()> {
        if self.is_inside() { Err(Error::Busy) } else { Ok(()) }
    }

    /// Waits until something has come about, and looks again whenever the thread has done something.
    fn wait<T>(
        &self,
        until: Until,
        mut ready: impl FnMut(&mut Core) -> Option<Result<T>>,
    ) -> Result<T> {
        self.not_inside()?;
        let mut core = self.shared.core();
        loop {
            core.live()?;
            let asked = core.asked();
            if let Some(done) = ready(&mut core) {
                return done;
            }
            if core.asked() != asked {
                self.shared.waker.wake();
            }
            // What is too far away to tell is for ever, of which an hour is a part.
            let left = until.left().unwrap_or(Duration::from_secs(3600));
            if left.is_zero() {
                return Err(Error::HostTimeout);
            }
            let woken = self.shared.changed.wait_timeout(core, left);
            core = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Changes something, and lets the thread look at it.
    fn change<R>(&self, f: impl FnOnce(&mut Core) -> Result<R>) -> Result<R> {
        let mut core = self.shared.core();
        core.live()?;
        let done = f(&mut core);
        drop(core);
        // Others may wait for it; before the start nothing else tells them.
        self.shared.changed.notify_all();
        self.shared.waker.wake();
        done
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop();
        // Its own thread goes on to the end by itself.
        let _ = self.join();
    }
}
