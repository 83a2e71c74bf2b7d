//! Auctions of bundles.

use super::handle::{self, Object, call_mut, call_ref, with_mut, with_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, list, may_tell, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, count, or};
use crate::error::{Error, Result};
use crate::task::assign::{Cbba, CbbaConfig, CbbaTask, Heard, NOBODY};

/// What came of a message: it is older than what is known of its sender, or one's own.
pub const NSW_HEARD_OLD: u32 = 0;
/// What came of a message: it changed nothing that is believed of tasks.
pub const NSW_HEARD_NOTHING: u32 = 1;
/// What came of a message: it changed who is believed to have some task.
pub const NSW_HEARD_CHANGED: u32 = 2;
/// No agent has this number.
pub const NSW_NOBODY: u64 = 18446744073709551615;

const _: () = {
    assert!(NSW_HEARD_OLD == Heard::Old as u32);
    assert!(NSW_HEARD_NOTHING == Heard::Nothing as u32);
    assert!(NSW_HEARD_CHANGED == Heard::Changed as u32);
    assert!(NSW_NOBODY == NOBODY);
};

/// What an agent of an auction of bundles is made for. All agents need the same `auction`, `tasks` and `agents`;
/// the rest is its own. NSW_CBBA_CONFIG_INIT, then `agent`; every other zero means the default. Read during the
/// call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cbba_config {
    /// sizeof(nsw_cbba_config); NSW_CBBA_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks at a time, 1 to 65,535; 0 means 32. A message that names more is refused.
    pub tasks: u32,
    /// Most agents that are not lost, itself among them, 1 to 65,535; 0 means 16. A message that names more is
    /// refused.
    pub agents: u32,
    /// Most tasks in the bundle, 1 to `tasks`; 0 means 4, or `tasks` if that is less.
    pub bundle: u32,
    /// Which auction this is: messages of others are refused.
    pub auction: u64,
    /// Which agent this is; not NSW_NOBODY.
    pub agent: u64,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// How fast it is, in metres a second, above 0; 0 means 1.
    pub speed: f32,
    /// When it begins, in microseconds: what deadlines are compared with.
    pub start_us: u64,
    /// How a task's value fades, a second until it is reached: value * exp(-discount * seconds).
    pub discount: f64,
    /// What a metre costs, in values.
    pub metre_cost: f64,
    /// What energy a metre takes, in joules.
    pub metre_j: f64,
    /// Energy that may be spent, in joules, NSW_ZERO for none; 0 means no limit.
    pub energy_j: f64,
    /// What it can do, one bit a skill; 0 means all.
    pub skills: u64,
    /// Least time between two of its messages, in microseconds; 0 means 20,000.
    pub pace_us: u64,
    /// Longest time between two of its messages, at least `pace_us`; 0 means 500,000.
    pub repeat_us: u64,
    /// After how long without news of an agent it is lost, at least twice `repeat_us`; 0 means never.
    pub lost_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cbba_config {
    const LEAST: usize = size_of::<nsw_cbba_config>();
}

/// A task, as one agent sees it. NSW_CBBA_TASK_INIT, then `id` and `value`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cbba_task {
    /// sizeof(nsw_cbba_task); NSW_CBBA_TASK_INIT sets it.
    pub size: u32,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// Its number, the same for all agents.
    pub id: u64,
    /// What it is worth if this agent does it at once, 0 or more.
    pub value: f64,
    /// How long it takes, in microseconds.
    pub duration_us: u64,
    /// When it must be done, in microseconds; 0 means no deadline.
    pub deadline_us: u64,
    /// What energy it takes, in joules, without the way.
    pub energy_j: f64,
    /// What an agent must be able to do: all bits of this.
    pub skills: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cbba_task {
    const LEAST: usize = size_of::<nsw_cbba_task>();
}

/// Where an agent is now. NSW_CBBA_MOVE_INIT, then all of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cbba_move {
    /// sizeof(nsw_cbba_move); NSW_CBBA_MOVE_INIT sets it.
    pub size: u32,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// From when on, in microseconds: as `start_us` of nsw_cbba_config.
    pub start_us: u64,
    /// Energy that it may spend from there, in joules, NSW_ZERO for none; 0 means no limit.
    pub energy_j: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cbba_move {
    const LEAST: usize = size_of::<nsw_cbba_move>();
}

/// An agent of an auction of bundles (Choi, Brunet and How, "Consensus-based decentralized auctions for robust task
/// allocation", 2009): a swarm shares its tasks out by itself, for tasks whose worth depends on the others that are
/// done.
///
/// It does no input or output. It is told what arrives (nsw_cbba_step) and what time it is (nsw_cbba_tick), and
/// asked what is to be sent (nsw_cbba_next_message), to all neighbours there are: after each step, and when
/// nsw_cbba_wake_at says. Time is in microseconds of the caller's clock. Messages may be lost, repeated and reordered;
/// that they are from whom they say is the link's affair (nsw_link). docs/auction-format.md has the bytes. What is
/// agreed on is worth half of the best at least where gains diminish, and 0.95 of it or more in the mean of our
/// tests; where values add up, nsw_price_auction comes as near as is wished. One thread at a time; functions that take it const
/// may run side by side.
pub struct nsw_cbba {
    _opaque: [u8; 0],
}

impl Object for Cbba<'static> {
    type C = nsw_cbba;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsCb");
}

/// Writes the next message to the caller, who has room for all of it: whether there is one.
///
/// # Safety
/// The buffer is NULL or what it should be, and used by nobody else.
pub(super) unsafe fn speak(
    output: Output<u8>,
    next: impl FnOnce(&mut [u8]) -> Result<Option<usize>>,
    most: usize,
) -> Result<bool> {
    // SAFETY: the caller's word.
    unsafe {
        // A message that is shorter than the longest may fit all the same.
        let room = Output { len: core::ptr::null_mut(), ..output };
        let buffer = room.take(output.capacity.min(most), &bytes_of::<u8>(&[]))?;
        tell(output.len, 0)?;
        match next(buffer) {
            Ok(Some(len)) => tell(output.len, len).map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => {
                if error == Error::BufferTooSmall {
                    tell(output.len, most)?;
                }
                Err(error)
            }
        }
    }
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_cbba_config) -> Result<CbbaConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = CbbaConfig::default();
    let tasks = count(c.tasks, default.tasks);
    Ok(CbbaConfig {
        auction: c.auction,
        agent: c.agent,
        tasks,
        agents: count(c.agents, default.agents),
        bundle: count(c.bundle, default.bundle.min(tasks)),
        position: c.position,
        speed: or(c.speed, default.speed),
        start_us: c.start_us,
        discount: c.discount,
        metre_cost: c.metre_cost,
        metre_j: c.metre_j,
        energy_j: or(c.energy_j, default.energy_j),
        skills: or(c.skills, default.skills),
        pace_us: or(c.pace_us, default.pace_us),
        repeat_us: or(c.repeat_us, default.repeat_us),
        lost_us: c.lost_us,
    })
}

/// The memory that an agent takes: the one block that nsw_cbba_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_footprint(
    config: *const nsw_cbba_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Cbba<'static>>(size, align, || Cbba::footprint(&read(config)?)) }
}

/// Makes an agent without tasks that has not heard of anybody, in one block of `memory` (NULL: the system's heap). The
/// caller owns `*cbba` and ends it with nsw_cbba_destroy.
///
/// Errors: those of nsw_cbba_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*cbba` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_create(
    config: *const nsw_cbba_config,
    memory: *const nsw_allocator,
    cbba: *mut *mut nsw_cbba,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Cbba<'static>, _>(
            memory,
            cbba,
            || {
                let config = read(config)?;
                Ok((Cbba::footprint(&config)?, config))
            },
            |piece, config| Cbba::in_piece(&config, piece),
        )
    }
}

/// Destroys an agent and gives its block back. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_destroy(cbba: *mut nsw_cbba) {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { handle::destroy::<Cbba<'static>>(cbba) };
}

/// A task to bid for. If the bundle is full, the task that was put in last may have to go for it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_CAPACITY without room for it,
/// NSW_ERR_TASK_STATE if it is there already, NSW_ERR_INVALID for a number outside its range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_add_task(
    cbba: *mut nsw_cbba,
    task: *const nsw_cbba_task,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Cbba<'static>>(cbba, |agent| {
            let c = structs::read(task)?;
            let task = CbbaTask {
                id: c.id,
                value: c.value,
                position: c.position,
                duration_us: c.duration_us,
                deadline_us: or(c.deadline_us, u64::MAX),
                energy_j: c.energy_j,
                skills: c.skills,
            };
            agent.add_task(&task, now_us)
        })
    }
}

/// A task that is done, or is to be forgotten. It must be taken from all agents.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_remove_task(
    cbba: *mut nsw_cbba,
    task: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { call_mut::<Cbba<'static>>(cbba, |agent| agent.remove_task(task, now_us)) }
}

/// Where the agent is now; its tasks are those that it has not done. It keeps those that it can still do, with the bids
/// that it made, and bids for more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a number outside its
/// range; nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_moved(
    cbba: *mut nsw_cbba,
    to: *const nsw_cbba_move,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Cbba<'static>>(cbba, |agent| {
            let c = structs::read(to)?;
            agent.moved(c.position, c.start_us, or(c.energy_j, f64::INFINITY), now_us)
        })
    }
}

/// Another agent is lost, as somebody else has found out: its tasks are to be bid for again. It comes back with its
/// next new message.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if nothing was ever heard of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_lose(cbba: *mut nsw_cbba, agent: u64, now_us: u64) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { call_mut::<Cbba<'static>>(cbba, |a| a.lose(agent, now_us)) }
}

/// Tells the time: agents may be lost by it. nsw_cbba_next_message does the same.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_tick(cbba: *mut nsw_cbba, now_us: u64) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe {
        call_mut::<Cbba<'static>>(cbba, |agent| {
            agent.tick(now_us);
            Ok(())
        })
    }
}

/// Takes in a message of another agent; `*what` (may be NULL) is an NSW_HEARD_ constant. Tasks that are not known
/// here are passed over.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_FORMAT if the bytes are no message, say more than
/// the configuration has room for, or a stamp is more than 2^32 ahead; NSW_ERR_TASK_UNKNOWN if it is of another auction, NSW_ERR_CAPACITY if it names
/// more agents than there is room for. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_step(
    cbba: *mut nsw_cbba,
    message: *const u8,
    message_len: usize,
    now_us: u64,
    what: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Cbba<'static>>(cbba, |agent| {
            may_tell(what)?;
            tell(what, agent.step(input(message, message_len)?, now_us)? as u32)
        })
    }
}

/// The message to be sent to all neighbours now, `out[0..*out_len]`; NSW_DONE if there is none now. A buffer of
/// nsw_cbba_most_bytes is always enough.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is enough, and the message
/// waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_next_message(
    cbba: *mut nsw_cbba,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let next = |agent: &mut Cbba<'static>| {
        let most = agent.most_bytes();
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { speak(output, |buffer| agent.next_message(now_us, buffer), most) }
    };
    // SAFETY: NULL or an agent, by the documentation above.
    status_or(unsafe { with_mut::<Cbba<'static>, _>(cbba, next) }, NSW_DONE)
}

/// The most bytes that a message of the auction has: `*bytes`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_most_bytes(
    cbba: *const nsw_cbba,
    bytes: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Cbba<'static>>(cbba, |agent| put(bytes, agent.most_bytes())) }
}

/// When nsw_cbba_next_message is to be called though nothing arrives: `*wake_us`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_wake_at(cbba: *const nsw_cbba, wake_us: *mut u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Cbba<'static>>(cbba, |agent| put(wake_us, agent.next_wake_us())) }
}

/// The agent's tasks in the order in which it does them: `*len` (may be NULL) numbers to `buf`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_path(
    cbba: *const nsw_cbba,
    buf: *mut u64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Cbba<'static>>(cbba, |agent| {
            let path = agent.path();
            list(output, path.len(), path)
        })
    }
}

/// What its path is worth to the agent: `*score`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_score(cbba: *const nsw_cbba, score: *mut f64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Cbba<'static>>(cbba, |agent| put(score, agent.score())) }
}

/// Who has a task, as is believed here: `*winner`. NSW_DONE if nobody; `*winner` is NSW_NOBODY then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN if it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_winner(
    cbba: *const nsw_cbba,
    task: u64,
    winner: *mut u64,
) -> nsw_status {
    let find = |agent: &Cbba<'static>| {
        let found = agent.winner(task)?;
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { put(winner, found.unwrap_or(NSW_NOBODY)) }?;
        Ok(found.is_some())
    };
    // SAFETY: NULL or an agent, by the documentation above.
    status_or(unsafe { with_ref::<Cbba<'static>, _>(cbba, find) }, NSW_DONE)
}

/// When something was last changed here: `*changed_us`. Nothing tells an agent that all agree: it is likely when
/// this is a few times the longest delay of the network ago.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_changed_at(
    cbba: *const nsw_cbba,
    changed_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Cbba<'static>>(cbba, |agent| put(changed_us, agent.changed_us())) }
}

/// Whether another agent is believed to be lost: `*yes` is 1 or 0. One that was never heard of is not.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cbba_is_lost(
    cbba: *const nsw_cbba,
    agent: u64,
    yes: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Cbba<'static>>(cbba, |a| put(yes, a.is_lost(agent).into())) }
}
