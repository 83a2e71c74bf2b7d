//! Members of a swarm on threads of their own: what may be called from any thread.

use core::ffi::c_char;
use core::time::Duration;

use super::handle::{call_ref, with_ref};
use super::host_member::{CMember, Hooks, nsw_host_member, on_publication};
use super::host_member_types::{nsw_host_member_info, nsw_host_member_seen};
use super::host_transport::read_address;
use super::identity::{key, nsw_key};
use super::slices::{Output, copy, input, may_tell, put, tell};
use super::status::{NSW_DONE, NSW_OK, nsw_status};
use super::status_or;
use super::structs::{self, check_pointer};
use super::transport::nsw_address;
use crate::error::Error;
use crate::host::{Member, MemberSeen};
use crate::node::CallId;

/// UINT64_MAX is for ever.
fn time(timeout_us: u64) -> Duration {
    if timeout_us == u64::MAX { Duration::MAX } else { Duration::from_micros(timeout_us) }
}

fn code(error: Option<Error>) -> nsw_status {
    error.map_or(NSW_OK, Error::code)
}

fn info_of(member: &Member) -> nsw_host_member_info {
    let info = member.info();
    nsw_host_member_info {
        size: 0,
        members: info.members as u32,
        id: member.id(),
        identity: nsw_key { bytes: *member.identity() },
        sessions: info.sessions as u32,
        running: info.running.into(),
        votes: info.votes.into(),
        leads: info.leads.into(),
        leader: info.leader.unwrap_or(0),
        term: info.term,
        commit: info.commit,
        applied: info.applied,
        snapshot: info.snapshot,
        waiting: info.waiting as u64,
        transport: code(info.transport),
        store: code(info.store),
        group: code(info.group),
        reserved: 0,
        received: info.stats.received,
        sent: info.stats.sent,
        received_bytes: info.stats.received_bytes,
        sent_bytes: info.stats.sent_bytes,
    }
}

fn seen_of(member: &MemberSeen) -> nsw_host_member_seen {
    let mut meta = [0; 64];
    let said = member.meta.len().min(meta.len());
    if let (Some(room), Some(bytes)) = (meta.get_mut(..said), member.meta.get(..said)) {
        room.copy_from_slice(bytes);
    }
    nsw_host_member_seen {
        size: 0,
        standing: member.standing as u32,
        id: member.id,
        address: nsw_address::of(&member.address),
        meta_len: said as u32,
        reserved: 0,
        meta,
    }
}

/// How a member does; also when it has stopped: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_MEMBER_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_describe(
    member: *const nsw_host_member,
    info: *mut nsw_host_member_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| structs::write(info, &info_of(&m.member))) }
}

/// Where the others reach it: as configured, or where its socket listens, with the port that it
/// got. Fills `*address`, whose `size` the caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_local(
    member: *const nsw_host_member,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            structs::write(address, &nsw_address::of(&m.member.local()))
        })
    }
}

/// The next member that is known, by rising numbers, behind `*after` (0 at first), which it
/// becomes: fills `*seen`, whose `size` the caller has set (NSW_HOST_MEMBER_SEEN_INIT). This one, and
/// those that are gone, too. NSW_DONE if there is no more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_next(
    member: *const nsw_host_member,
    after: *mut u64,
    seen: *mut nsw_host_member_seen,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        status_or(
            with_ref::<CMember, _>(member, |m| {
                check_pointer(after)?;
                let at = after.read();
                structs::fill(seen, || {
                    let next = m.member.members().into_iter().find(|other| other.id > at);
                    Ok(next.map(|other| {
                        after.write(other.id);
                        seen_of(&other)
                    }))
                })
            }),
            NSW_DONE,
        )
    }
}

/// Waits until so many members take part, this one among them.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_TIMEOUT, NSW_ERR_NODE_LEFT if the
/// member stops, NSW_ERR_BUSY in one of its own hooks.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_wait_for_members(
    member: *const nsw_host_member,
    members: usize,
    timeout_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.wait_for_members(members, time(timeout_us))) }
}

/// Another address of a member to begin with.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH,
/// NSW_ERR_CAPACITY for more than 8 of them, NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_add_seed(
    member: *const nsw_host_member,
    address: *const nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.add_seed(&read_address(address)?)) }
}

/// Trusts another member, by its public key.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY if there is no room,
/// NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_pin(
    member: *const nsw_host_member,
    identity: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.pin(key(identity)?)) }
}

/// Asks another member something, and waits for the answer: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL).
///
/// Errors: those of a bad handle, NSW_ERR_NULL; NSW_ERR_HOST_TIMEOUT if none came in time: it may have
/// been done all the same. NSW_ERR_NODE_PEER if it is no other member that takes part, or has died or
/// left since (then it may have been done, too). Not done: NSW_ERR_UNSUPPORTED if it has refused;
/// NSW_ERR_CAPACITY if it, or this member, has too many under way; NSW_ERR_LENGTH for a method of none
/// or of more than 64 bytes, or a message that is too long for a datagram. NSW_ERR_NODE_LEFT if this
/// member stops, NSW_ERR_BUSY in one of its own hooks. NSW_ERR_BUFFER_TOO_SMALL: it was done, `*len` is
/// what the answer had, and the answer is lost; `mtu` bytes are always enough.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_ask(
    member: *const nsw_host_member,
    to: u64,
    method: *const u8,
    method_len: usize,
    message: *const u8,
    message_len: usize,
    timeout_us: u64,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            let (method, message) = (input(method, method_len)?, input(message, message_len)?);
            let answer = m.member.ask(to, method, message, time(timeout_us))?;
            copy(Output { pointer: buf, capacity: cap, len }, &answer)
        })
    }
}

/// Answers a request (`number` of nsw_host_member_call) whose hook has returned NSW_AGAIN, from any
/// thread.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_NODE_REQUEST if it does not wait for an
/// answer, or not any more; NSW_ERR_LENGTH for one that is too long for a datagram, NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_answer(
    member: *const nsw_host_member,
    number: u64,
    message: *const u8,
    message_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.answer(CallId(number), Some(input(message, message_len)?))
        })
    }
}

/// Refuses such a request.
///
/// Errors: as nsw_host_member_answer.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_refuse(
    member: *const nsw_host_member,
    number: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.answer(CallId(number), None)) }
}

/// Says something to all members that have subscribed to a topic, this one among them; it may get
/// lost.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a topic of none or of more than 64
/// bytes, or a message that is too long for a datagram; NSW_ERR_CAPACITY if too many wait to be sent;
/// NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_publish(
    member: *const nsw_host_member,
    topic: *const u8,
    topic_len: usize,
    message: *const u8,
    message_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.publish(input(topic, topic_len)?, input(message, message_len)?)
        })
    }
}

/// Gives what is published under a topic from now on to the hook `on_publication`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL also without that hook, NSW_ERR_LENGTH for a bad topic,
/// NSW_ERR_CAPACITY for too many, NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_subscribe(
    member: *const nsw_host_member,
    topic: *const u8,
    topic_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            let hooks = m.hooks.filter(Hooks::take_publications).ok_or(Error::Null)?;
            let topic = input(topic, topic_len)?;
            m.member.subscribe(topic, move |said| on_publication(&hooks, said))
        })
    }
}

/// Does not want it any more; if it was not wanted, that is fine.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_NODE_LEFT.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_unsubscribe(
    member: *const nsw_host_member,
    topic: *const u8,
    topic_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.unsubscribe(input(topic, topic_len)?)) }
}

/// Assigns to a register of the shared store: of what members assign at the same time the latest
/// counts. It is here at once, and at the others soon; with a folder it is durable when this returns.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for a name of no bytes, or what is too
/// long for a datagram; NSW_ERR_CAPACITY without room; NSW_ERR_NODE_LEFT. NSW_ERR_HOST_FULL and
/// NSW_ERR_HOST_IO if the disk takes nothing: from the second time on, until it does again, nothing is
/// changed; the change of the first time is here, is told to nobody, and will be if the disk takes it
/// later.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_put(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.put(input(name, name_len)?, input(value, value_len)?)
        })
    }
}

/// What a register has, as far as this member has heard: at most `cap` bytes to `buf`, the length
/// to `*len` (which may be NULL). NSW_DONE if it has nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY without room for the name,
/// NSW_ERR_BUFFER_TOO_SMALL.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_get(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        status_or(
            with_ref::<CMember, _>(member, |m| {
                let Some(value) = m.member.get(input(name, name_len)?)? else { return Ok(false) };
                copy(Output { pointer: buf, capacity: cap, len }, &value).map(|()| true)
            }),
            NSW_DONE,
        )
    }
}

/// Empties a register: what others assign at the same time stays.
///
/// Errors: as nsw_host_member_put.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_remove(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.remove(input(name, name_len)?)) }
}

/// Adds to a counter of the shared store, or takes from it.
///
/// Errors: as nsw_host_member_put, and NSW_ERR_OVERFLOW if this member's part of it would be too
/// large.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_add(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    by: i64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.add(input(name, name_len)?, by)) }
}

/// What all have added to a counter, as far as this member has heard.
///
/// Errors: as nsw_host_member_get, and NSW_ERR_OVERFLOW if it is too large.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_total(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    total: *mut i64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| put(total, m.member.total(input(name, name_len)?)?)) }
}

/// Waits until a counter has come to so much, as far as this member has heard; what it has then
/// goes to `*total`, which may be NULL.
///
/// Errors: as nsw_host_member_total, and NSW_ERR_HOST_TIMEOUT, NSW_ERR_NODE_LEFT if the
/// member stops, NSW_ERR_BUSY in one of its own hooks.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_wait_for_total(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    least: i64,
    timeout_us: u64,
    total: *mut i64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            may_tell(total)?;
            let name = input(name, name_len)?;
            tell(total, m.member.wait_for_total(name, least, time(timeout_us))?)
        })
    }
}

/// Lets the group agree on an entry, and waits until it is applied here: the hook `on_entry` has
/// returned. Its index in the log goes to `*index`, which may be NULL. It is there once, and in the
/// order in which this member has proposed; so for up to 16 members that propose, and longer if they do
/// so again and again.
///
/// Errors: those of a bad handle, NSW_ERR_NULL. Not agreed on, now or later: NSW_ERR_RAFT_NO_LEADER if
/// no leader could be found in time, NSW_ERR_RAFT_STATE if this member is not of the group,
/// NSW_ERR_LENGTH for more than `max_entry` bytes, NSW_ERR_CAPACITY if too many wait, NSW_ERR_BUSY in
/// one of the member's own hooks. It may be agreed on or not, now or later: NSW_ERR_HOST_TIMEOUT,
/// NSW_ERR_NODE_LEFT if this member stops meanwhile; NSW_ERR_RAFT_HALTED, NSW_ERR_HOST_FULL or
/// NSW_ERR_HOST_IO if its files take nothing any more, if that began while it waited.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_propose(
    member: *const nsw_host_member,
    data: *const u8,
    data_len: usize,
    timeout_us: u64,
    index: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            may_tell(index)?;
            tell(index, m.member.propose(input(data, data_len)?, time(timeout_us))?)
        })
    }
}

/// Waits until all that the group had agreed on when this was called is applied here: who looks at
/// the program's state then sees all of it.
///
/// Errors: as nsw_host_member_propose.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_barrier(
    member: *const nsw_host_member,
    timeout_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.barrier(time(timeout_us))) }
}

/// Waits for a lock of the group, by its name; its fencing token goes to `*token`: larger than those
/// of all who held the lock before. What the lock guards refuses lower tokens than the highest that it
/// has seen; for who stands still for longer than `lease_us` has lost the lock and may not know
/// (NSW_HOST_MEMBER_LOCK_LOST). It is kept until it is given back, as long as this member is heard of;
/// when it stops, the next in line has it at once. Several threads of this member wait for each other,
/// too.
///
/// Errors: as nsw_host_member_propose. NSW_ERR_HOST_TIMEOUT if others hold it for that long, or no
/// leader could be found: this member does not hold it then, and waits no longer. NSW_ERR_LENGTH for a
/// name of none or of more than 32 bytes, NSW_ERR_CAPACITY if the group has no room for another claim.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_lock(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    timeout_us: u64,
    token: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            check_pointer(token)?;
            put(token, m.member.lock(input(name, name_len)?, time(timeout_us))?)
        })
    }
}

/// Gives a lock back.
///
/// Errors: as nsw_host_member_propose, but that with NSW_ERR_HOST_TIMEOUT it is given back when there
/// is a leader again. NSW_ERR_NODE_REQUEST if this member does not hold it with this token, or has
/// given it back, or lost it.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_unlock(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    token: u64,
    timeout_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.unlock(input(name, name_len)?, token, time(timeout_us))
        })
    }
}

/// Who holds a lock, as far as this member has heard, and with which token; either may be NULL.
/// NSW_DONE if nobody does.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_RAFT_STATE without a group.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_holder(
    member: *const nsw_host_member,
    name: *const u8,
    name_len: usize,
    holder: *mut u64,
    token: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        status_or(
            with_ref::<CMember, _>(member, |m| {
                may_tell(holder)?;
                may_tell(token)?;
                let Some((id, with)) = m.member.holder(input(name, name_len)?)? else {
                    return Ok(false);
                };
                tell(holder, id)?;
                tell(token, with).map(|()| true)
            }),
            NSW_DONE,
        )
    }
}

/// All that was counted and measured, as the text of OpenMetrics, without a zero behind it: at most
/// `cap` bytes to `buf`, the length to `*len` (which may be NULL).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_metrics(
    member: *const nsw_host_member,
    buf: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            let output = Output { pointer: buf.cast::<u8>(), capacity: cap, len };
            copy(output, m.member.metrics()?.as_bytes())
        })
    }
}

/// Serves the metrics over HTTP from now on (nsw_host_metrics), written once a second, until the
/// member is destroyed: where it listens, with the port that it got, goes to `*local`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT), or which is NULL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_COMM_STATE if they are
/// served already, NSW_ERR_HOST_ADDRESS, NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_serve_metrics(
    member: *const nsw_host_member,
    bind: *const nsw_address,
    local: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            if !local.is_null() {
                structs::check(local)?;
            }
            let address = m.member.serve_metrics(read_address(bind)?)?;
            if local.is_null() {
                return Ok(());
            }
            structs::write(local, &nsw_address::of(&address))
        })
    }
}
