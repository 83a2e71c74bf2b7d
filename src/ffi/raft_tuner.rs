//! Raft nodes that are tuned while they run, by hand or by a tuner.

use super::handle::{self, Object, call_mut, call_ref, with_mut, with_ref};
use super::port::nsw_allocator;
use super::raft::{self, nsw_raft};
use super::raft_output::next_message;
use super::raft_types::nsw_raft_config;
use super::slices::{Output, input, put};
use super::status::{NSW_DONE, nsw_status};
use super::structs::{self, Versioned};
use super::{guarded, status_or};
use crate::consensus::raft::{NodeId, Raft, Timeouts};
use crate::consensus::tuner::{
    Advice, Beats, Learned, MeanDeviation, Model, PROBE_LEN, Seen, Tuner, TunerConfig, Wish,
};
use crate::error::{Error, Result};

/// A model of a tuner: a small network, trained on many kinds of delay and loss, whose margin follows what
/// happens (docs/raft-tuner.md).
pub const NSW_TUNER_LEARNED: u32 = 0;
/// A model of a tuner: mean and deviation of the round trip, and loss, after Dynatune (Shiozaki and
/// Nakamura, "Dynatune: dynamic tuning of Raft election parameters using network measurement", 2025).
pub const NSW_TUNER_MEAN_DEVIATION: u32 = 1;
/// Bytes of a tuner's own message.
pub const NSW_TUNER_MESSAGE: u32 = 24;

const _: () = assert!(NSW_TUNER_MESSAGE as usize == PROBE_LEN);

/// Times of a node in microseconds that may differ between members, and change.
/// NSW_RAFT_TIMEOUTS_INIT, then all of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_timeouts {
    /// sizeof(nsw_raft_timeouts); NSW_RAFT_TIMEOUTS_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// How long nothing is heard of a leader before this node stands for election: that of the
    /// configuration to an hour.
    pub election_us: u64,
    /// It waits up to so much longer, by chance, so that not all stand at once: 1 to an hour.
    pub spread_us: u64,
    /// How long an election, a read, a forwarded proposal, a transfer and a leader that nobody
    /// hears have time: the election timeout of the configuration to an hour; more than a round
    /// trip takes.
    pub patience_us: u64,
    /// How often a leader is heard: 1 to half of the election timeout of the configuration.
    pub heartbeat_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_timeouts {
    const LEAST: usize = size_of::<nsw_raft_timeouts>();
}

impl From<Timeouts> for nsw_raft_timeouts {
    fn from(timeouts: Timeouts) -> nsw_raft_timeouts {
        let Timeouts { election_us, spread_us, patience_us, heartbeat_us } = timeouts;
        nsw_raft_timeouts {
            size: 0,
            reserved: 0,
            election_us,
            spread_us,
            patience_us,
            heartbeat_us,
        }
    }
}

/// What a tuner is for. NSW_TUNER_CONFIG_INIT, then `node`; every other zero means the default. Times
/// are in microseconds. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_tuner_config {
    /// sizeof(nsw_tuner_config); NSW_TUNER_CONFIG_INIT sets it.
    pub size: u32,
    /// NSW_TUNER_LEARNED or NSW_TUNER_MEAN_DEVIATION.
    pub model: u32,
    /// The longest election timeout, which holds until enough is known, too: at most half an hour;
    /// 0 means ten times the shortest, which is that of the node's configuration.
    pub most_us: u64,
    /// The shortest time between heartbeats; the longest is half of the shortest election timeout. 0
    /// means a sixteenth of that.
    pub heartbeat_us: u64,
    /// How often the way to each member is measured; 0 means five times the shortest election
    /// timeout.
    pub probe_us: u64,
    /// What the node was made for.
    pub node: *const nsw_raft_config,
    /// 0.
    pub reserved: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_tuner_config {
    const LEAST: usize = size_of::<nsw_tuner_config>();
}

/// What a tuner has set. NSW_TUNER_ADVICE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_tuner_advice {
    /// sizeof(nsw_tuner_advice); NSW_TUNER_ADVICE_INIT sets it.
    pub size: u32,
    /// 255 for who should lead next, less for who should rather not.
    pub priority: u32,
    /// As in nsw_raft_timeouts.
    pub election_us: u64,
    /// As in nsw_raft_timeouts.
    pub spread_us: u64,
    /// As in nsw_raft_timeouts.
    pub patience_us: u64,
    /// As in nsw_raft_timeouts.
    pub heartbeat_us: u64,
    /// At a leader: who is so much nearer to a majority that it had better lead
    /// (nsw_raft_transfer); else 0.
    pub better: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_tuner_advice {
    const LEAST: usize = size_of::<nsw_tuner_advice>();
}

impl From<Advice> for nsw_tuner_advice {
    fn from(advice: Advice) -> nsw_tuner_advice {
        let Timeouts { election_us, spread_us, patience_us, heartbeat_us } = advice.timeouts;
        nsw_tuner_advice {
            size: 0,
            priority: advice.priority.into(),
            election_us,
            spread_us,
            patience_us,
            heartbeat_us,
            better: advice.better.map_or(0, |node| node.0),
        }
    }
}

/// The models that C has names for.
pub enum CModel {
    /// NSW_TUNER_LEARNED.
    Learned(Learned),
    /// NSW_TUNER_MEAN_DEVIATION.
    MeanDeviation(MeanDeviation),
}

impl Model for CModel {
    fn wish(&mut self, seen: &Seen) -> Wish {
        match self {
            CModel::Learned(model) => model.wish(seen),
            CModel::MeanDeviation(model) => model.wish(seen),
        }
    }

    fn foresee(&self, beats: &Beats) -> f32 {
        match self {
            CModel::Learned(model) => model.foresee(beats),
            CModel::MeanDeviation(model) => model.foresee(beats),
        }
    }
}

/// What sets the times, the priority and the batches of a Raft node by what the network does. Off
/// unless somebody makes one: docs/raft-tuner.md has what it wins, and where it loses. What the group
/// agrees on is as safe as without it, whatever it sets.
///
/// It does no input or output. After each message that nsw_raft_step takes, nsw_tuner_heard; for each
/// that nsw_raft_next_message gives, nsw_tuner_sent; what nsw_tuner_is_probe says is a tuner's goes to
/// nsw_tuner_probed alone. Then each time, and when nsw_tuner_wake_at says, nsw_tuner_apply, and
/// nsw_tuner_next_message until NSW_DONE. All are given the time in microseconds of the clock that
/// nsw_raft_tick is given. Models of one's own are for Rust; in C who has one sets the times by
/// nsw_raft_set_timeouts. One thread at a time.
pub struct nsw_tuner {
    _opaque: [u8; 0],
}

type CTuner = Tuner<'static, CModel>;

impl Object for CTuner {
    type C = nsw_tuner;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswU");
}

/// Sets the times of a node. They count from the next time that it hears a leader, or leads.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for one outside its
/// range: then none is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_set_timeouts(
    raft: *mut nsw_raft,
    timeouts: *const nsw_raft_timeouts,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            let times = structs::read(timeouts)?;
            if times.reserved != 0 {
                return Err(Error::Invalid);
            }
            let nsw_raft_timeouts { election_us, spread_us, patience_us, heartbeat_us, .. } = times;
            r.set_timeouts(Timeouts { election_us, spread_us, patience_us, heartbeat_us })
        })
    }
}

/// The times of a node: fills `*timeouts`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_get_timeouts(
    raft: *const nsw_raft,
    timeouts: *mut nsw_raft_timeouts,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Raft<'static>>(raft, |r| structs::write(timeouts, &r.timeouts().into())) }
}

/// Sets `priority` of a node's configuration, 1 to 255. Whether a node stands at all is not for this to
/// say.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for what is outside the range, and at a node that was
/// made with NSW_RAFT_NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_set_priority(raft: *mut nsw_raft, priority: u32) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            r.set_priority(u8::try_from(priority).map_err(|_| Error::Invalid)?)
        })
    }
}

/// Sets the most bytes of entries in a message to member `peer`, as long as this node leads; 0: as many
/// as fit. One entry goes, however long.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_MEMBER if this node leads no such member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_set_batch(
    raft: *mut nsw_raft,
    peer: u64,
    bytes: u32,
) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.set_batch(NodeId(peer), bytes)) }
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration, whose `node` is NULL or one.
unsafe fn read(config: *const nsw_tuner_config) -> Result<(TunerConfig, CModel)> {
    // SAFETY: the caller's word.
    let (c, node) = unsafe {
        let c = structs::read(config)?;
        (c, raft::read(c.node)?)
    };
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let model = match c.model {
        NSW_TUNER_LEARNED => CModel::Learned(Learned),
        NSW_TUNER_MEAN_DEVIATION => CModel::MeanDeviation(MeanDeviation),
        _ => return Err(Error::Invalid),
    };
    let mut config = TunerConfig::new(&node);
    let set = |setting: &mut u64, value: u64| *setting = structs::or(value, *setting);
    set(&mut config.most_us, c.most_us);
    set(&mut config.heartbeat_us, c.heartbeat_us);
    set(&mut config.probe_us, c.probe_us);
    Ok((config, model))
}

/// The memory that a tuner takes: the one block that nsw_tuner_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_footprint(
    config: *const nsw_tuner_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CTuner>(size, align, || CTuner::footprint(&read(config)?.0)) }
}

/// Makes a tuner that has seen nothing, in one block of `memory` (NULL: the system's heap). The caller
/// owns `*tuner` and ends it with nsw_tuner_destroy.
///
/// Errors: those of nsw_tuner_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*tuner` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_create(
    config: *const nsw_tuner_config,
    memory: *const nsw_allocator,
    tuner: *mut *mut nsw_tuner,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CTuner, _>(
            memory,
            tuner,
            || {
                let (config, model) = read(config)?;
                Ok((CTuner::footprint(&config)?, (config, model)))
            },
            |piece, (config, model)| CTuner::in_piece(&config, model, piece),
        )
    }
}

/// Destroys a tuner and gives its block back. What it has set stays. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_destroy(tuner: *mut nsw_tuner) {
    // SAFETY: NULL or a tuner, by the documentation above.
    unsafe { handle::destroy::<CTuner>(tuner) };
}

/// Whether a message is a tuner's, and not for Raft: `*yes` is 1 or 0. Any thread.
///
/// Errors: NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_is_probe(
    message: *const u8,
    message_len: usize,
    yes: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let message = input(message, message_len)?;
        put(yes, CTuner::is_probe(message).into())
    })
}

/// The message of another node's tuner; what is none changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_probed(
    tuner: *mut nsw_tuner,
    from: u64,
    message: *const u8,
    message_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTuner>(tuner, |t| {
            t.probed(NodeId(from), input(message, message_len)?, now_us);
            Ok(())
        })
    }
}

/// A message that the node `raft` has taken (nsw_raft_step).
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_heard(
    tuner: *mut nsw_tuner,
    raft: *const nsw_raft,
    from: u64,
    message: *const u8,
    message_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTuner>(tuner, |t| {
            let message = input(message, message_len)?;
            with_ref::<Raft<'static>, _>(raft, |r| {
                t.heard(r, NodeId(from), message, now_us);
                Ok(())
            })
        })
    }
}

/// A message that the node sends (nsw_raft_next_message).
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_sent(
    tuner: *mut nsw_tuner,
    to: u64,
    message: *const u8,
    message_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTuner>(tuner, |t| {
            t.sent(NodeId(to), input(message, message_len)?, now_us);
            Ok(())
        })
    }
}

/// The next message of the tuner's own, `out[0..*out_len]`, for node `*to`; the buffer has
/// NSW_TUNER_MESSAGE bytes or more. NSW_DONE if there is none; `*out_len` and `*to` are 0 then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is what is needed,
/// and nothing is lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_next_message(
    tuner: *mut nsw_tuner,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    to: *mut u64,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let fill = |t: &mut CTuner| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { next_message(output, to, PROBE_LEN, |buffer| t.next_message(buffer, now_us)) }
    };
    // SAFETY: NULL or a tuner, by the documentation above.
    status_or(unsafe { with_mut::<CTuner, _>(tuner, fill) }, NSW_DONE)
}

/// When nsw_tuner_apply is due at the latest, if no message comes or goes before: `*wake_us`, in
/// microseconds of the caller's clock.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_wake_at(
    tuner: *const nsw_tuner,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CTuner>(tuner, |t| put(wake_us, t.next_wake_us())) }
}

/// Sets what is to be set now at the node `raft`: `*advice` (NULL, or NSW_TUNER_ADVICE_INIT) is what.
///
/// Errors: those of a bad handle, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID if the node was made with another
/// election timeout than the tuner: nothing is set then. A node that has stopped for good is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_tuner_apply(
    tuner: *mut nsw_tuner,
    now_us: u64,
    raft: *mut nsw_raft,
    advice: *mut nsw_tuner_advice,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTuner>(tuner, |t| {
            if !advice.is_null() {
                structs::check(advice)?;
            }
            let set = with_mut::<Raft<'static>, _>(raft, |r| t.apply(r, now_us))?;
            if advice.is_null() { Ok(()) } else { structs::write(advice, &set.into()) }
        })
    }
}
