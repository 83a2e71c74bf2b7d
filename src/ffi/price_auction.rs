//! Auctions of prices.

use super::auction::{NSW_NOBODY, speak};
use super::handle::{self, Object, call_mut, call_ref, with_mut, with_ref};
use super::port::nsw_allocator;
use super::slices::{Output, input, list, may_tell, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, count, or, or_none};
use crate::error::{Error, Result};
use crate::task::assign::{PriceAuction, PriceConfig};

/// What an agent of an auction of prices is made for. All agents need the same `auction`, `tasks` and `agents`; the
/// rest is its own. NSW_PRICE_AUCTION_CONFIG_INIT, then `agent`; every other zero means the default. Read during the call
/// only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_price_auction_config {
    /// sizeof(nsw_price_auction_config); NSW_PRICE_AUCTION_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks at a time, 1 to 65,535; 0 means 32. A message that names more is refused.
    pub tasks: u32,
    /// Most agents that are not lost, itself among them, 1 to 65,535; 0 means 16. A message that names more is
    /// refused.
    pub agents: u32,
    /// Most tasks that it takes; 0 means 1, NSW_TASK_NONE none at all.
    pub capacity: u32,
    /// Which auction this is: messages of others are refused.
    pub auction: u64,
    /// Which agent this is; not NSW_NOBODY.
    pub agent: u64,
    /// What an offer is above what is needed, above 0: the smaller, the better and the slower; 0 means 0.01. The
    /// time to agree may grow with the largest value divided by it, and below 1e-7 of that it is lost in
    /// rounding.
    pub epsilon: f32,
    /// 0.
    pub reserved: u32,
    /// Least time between two of its messages, in microseconds; 0 means 20,000.
    pub pace_us: u64,
    /// Longest time between two of its messages, at least `pace_us`; 0 means 500,000.
    pub repeat_us: u64,
    /// After how long without news of an agent it is lost, at least twice `repeat_us`; 0 means never.
    pub lost_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_price_auction_config {
    const LEAST: usize = size_of::<nsw_price_auction_config>();
}

/// An agent of an auction of prices (Bertsekas 1988; Zavlanos, Spesivtsev and Pappas, "A distributed auction
/// algorithm for the assignment problem", 2008): what a swarm agrees on is worth at most `epsilon` a task less than
/// the best, as long as values add up. It is used as nsw_cbba is, and its messages are alike. When a task comes
/// or goes or an agent is lost, all prices begin anew, in a next round that everybody enters who hears of it. One
/// thread at a time; functions that take it const may run side by side.
pub struct nsw_price_auction {
    _opaque: [u8; 0],
}

impl Object for PriceAuction<'static> {
    type C = nsw_price_auction;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsPA");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_price_auction_config) -> Result<PriceConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = PriceConfig::default();
    Ok(PriceConfig {
        auction: c.auction,
        agent: c.agent,
        tasks: count(c.tasks, default.tasks),
        agents: count(c.agents, default.agents),
        capacity: or_none(c.capacity, default.capacity),
        epsilon: or(c.epsilon, default.epsilon),
        pace_us: or(c.pace_us, default.pace_us),
        repeat_us: or(c.repeat_us, default.repeat_us),
        lost_us: c.lost_us,
    })
}

/// The memory that an agent takes: the one block that nsw_price_auction_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_footprint(
    config: *const nsw_price_auction_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<PriceAuction<'static>>(size, align, || {
            PriceAuction::footprint(&read(config)?)
        })
    }
}

/// Makes an agent without tasks that has not heard of anybody, in one block of `memory` (NULL: the system's heap). The
/// caller owns `*auction` and ends it with nsw_price_auction_destroy.
///
/// Errors: those of nsw_price_auction_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*auction` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_create(
    config: *const nsw_price_auction_config,
    memory: *const nsw_allocator,
    auction: *mut *mut nsw_price_auction,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<PriceAuction<'static>, _>(
            memory,
            auction,
            || {
                let config = read(config)?;
                Ok((PriceAuction::footprint(&config)?, config))
            },
            |piece, config| PriceAuction::in_piece(&config, piece),
        )
    }
}

/// Destroys an agent and gives its block back. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_destroy(auction: *mut nsw_price_auction) {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { handle::destroy::<PriceAuction<'static>>(auction) };
}

/// A task, and what it is worth to this agent, 0 to 1e30; 0 if it cannot do it. Once offers were made, all prices begin
/// anew: better add all that are there before the first message.
///
/// Errors: those of a bad handle, NSW_ERR_CAPACITY without room for it, NSW_ERR_TASK_STATE if it is there
/// already, NSW_ERR_INVALID for a value outside its range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_add_task(
    auction: *mut nsw_price_auction,
    task: u64,
    value: f64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe {
        call_mut::<PriceAuction<'static>>(auction, |agent| agent.add_task(task, value, now_us))
    }
}

/// A task that is to be forgotten. It must be taken from all agents. Prices begin anew.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_remove_task(
    auction: *mut nsw_price_auction,
    task: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { call_mut::<PriceAuction<'static>>(auction, |agent| agent.remove_task(task, now_us)) }
}

/// Another agent is lost, as somebody else has found out. If it has tasks, prices begin anew.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if nothing was ever heard of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_lose(
    auction: *mut nsw_price_auction,
    agent: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe { call_mut::<PriceAuction<'static>>(auction, |a| a.lose(agent, now_us)) }
}

/// Tells the time: agents may be lost by it. nsw_price_auction_next_message does the same.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_tick(
    auction: *mut nsw_price_auction,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or an agent, by the documentation above.
    unsafe {
        call_mut::<PriceAuction<'static>>(auction, |agent| {
            agent.tick(now_us);
            Ok(())
        })
    }
}

/// Takes in a message of another agent; `*what` (may be NULL) is an NSW_HEARD_ constant. Tasks that are not known
/// here are passed over.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_FORMAT if the bytes are no message, say more than
/// the configuration has room for, or a stamp or round is more than 2^32 ahead; NSW_ERR_TASK_UNKNOWN if it is of another auction, NSW_ERR_CAPACITY if it names
/// more agents than there is room for. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_step(
    auction: *mut nsw_price_auction,
    message: *const u8,
    message_len: usize,
    now_us: u64,
    what: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<PriceAuction<'static>>(auction, |agent| {
            may_tell(what)?;
            tell(what, agent.step(input(message, message_len)?, now_us)? as u32)
        })
    }
}

/// The message to be sent to all neighbours now, `out[0..*out_len]`; NSW_DONE if there is none now. A buffer of
/// nsw_price_auction_most_bytes is always enough.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is enough, and the message
/// waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_next_message(
    auction: *mut nsw_price_auction,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let next = |agent: &mut PriceAuction<'static>| {
        let most = agent.most_bytes();
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { speak(output, |buffer| agent.next_message(now_us, buffer), most) }
    };
    // SAFETY: NULL or an agent, by the documentation above.
    status_or(unsafe { with_mut::<PriceAuction<'static>, _>(auction, next) }, NSW_DONE)
}

/// The most bytes that a message of the auction has: `*bytes`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_most_bytes(
    auction: *const nsw_price_auction,
    bytes: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<PriceAuction<'static>>(auction, |agent| put(bytes, agent.most_bytes())) }
}

/// When nsw_price_auction_next_message is to be called though nothing arrives: `*wake_us`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_wake_at(
    auction: *const nsw_price_auction,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PriceAuction<'static>>(auction, |agent| put(wake_us, agent.next_wake_us()))
    }
}

/// The tasks that the agent has, in rising order: `*len` (may be NULL) numbers to `buf`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_tasks(
    auction: *const nsw_price_auction,
    buf: *mut u64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PriceAuction<'static>>(auction, |agent| {
            list(output, agent.tasks().count(), agent.tasks())
        })
    }
}

/// Who has a task, as is believed here, and for which price: `*winner` and `*price` (may be NULL). NSW_DONE if
/// nobody; they are NSW_NOBODY and 0 then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN if it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_winner(
    auction: *const nsw_price_auction,
    task: u64,
    winner: *mut u64,
    price: *mut f64,
) -> nsw_status {
    let find = |agent: &PriceAuction<'static>| {
        let found = agent.winner(task)?;
        let (who, what) = found.unwrap_or((NSW_NOBODY, 0.0));
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { put(winner, who).and_then(|()| tell(price, what)) }?;
        Ok(found.is_some())
    };
    // SAFETY: NULL or an agent, by the documentation above.
    status_or(unsafe { with_ref::<PriceAuction<'static>, _>(auction, find) }, NSW_DONE)
}

/// When something was last changed here: `*changed_us`. Nothing tells an agent that all agree: it is likely when
/// this is a few times the longest delay of the network ago.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_changed_at(
    auction: *const nsw_price_auction,
    changed_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PriceAuction<'static>>(auction, |agent| put(changed_us, agent.changed_us()))
    }
}

/// How often prices have begun anew: `*round`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_round(
    auction: *const nsw_price_auction,
    round: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<PriceAuction<'static>>(auction, |agent| put(round, agent.round())) }
}

/// Whether another agent is believed to be lost: `*yes` is 1 or 0. One that was never heard of is not.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_price_auction_is_lost(
    auction: *const nsw_price_auction,
    agent: u64,
    yes: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<PriceAuction<'static>>(auction, |a| put(yes, a.is_lost(agent).into())) }
}
