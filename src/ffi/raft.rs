//! Raft nodes: making them, what comes in, and what callers ask for.

use super::handle::{self, Object, call_mut, call_ref, with_ref};
use super::port::nsw_allocator;
use super::raft_types::*;
use super::raft_work::nsw_raft_record;
use super::slices::{input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Array, count_or_none, or};
use crate::consensus::raft::{
    Change, Member, MemberKind, NodeId, Proposal, Raft, RaftConfig, RecordNumber,
};
use crate::error::{Error, Result};

/// A member of a group of nodes that agree on one sequence of entries, as long as a majority of
/// them lives: Raft (Ongaro, "Consensus: bridging theory and practice", 2014, "thesis" below).
/// It does no input or output. It is told what arrives (nsw_raft_step), what time it is
/// (nsw_raft_tick), what to agree on (nsw_raft_propose) and what storage has done
/// (nsw_raft_durable). After each of these it is asked what is to be done, each until
/// NSW_DONE, in this order: nsw_raft_next_record, to be made durable; nsw_raft_next_message,
/// to be sent, which gives only what may go before the records are durable (so it may be asked for
/// before storage is waited for, too);
/// nsw_raft_next_committed, to be applied; nsw_raft_next_event, to be known; and where there
/// is storage nsw_raft_next_fetch, nsw_raft_next_chunk and nsw_raft_next_snapshot_write.
///
/// At first nsw_raft_restore with each record that storage has, or nsw_raft_bootstrap if it has
/// none and the node is one of a new group's first; then nsw_raft_start.
///
/// Members are trusted to follow the protocol: who may send in whose name is the link's affair
/// (nsw_link). docs/raft-format.md has the bytes. What calls hand out lies in the node, and is
/// good until the next call that is given the node not const. One thread at a time.
///
/// Beside the errors that are named with them, calls that are given the time answer
/// NSW_ERR_RAFT_STATE before nsw_raft_start, and calls of a node that has stopped for good
/// NSW_ERR_RAFT_HALTED. Time that goes back stands still. In builds without std some parts may be left
/// out (features raft-fetch, raft-forward, raft-lease, raft-sessions, raft-transfer, raft-witness): what
/// needs one of them is NSW_ERR_UNSUPPORTED.
pub struct nsw_raft {
    _opaque: [u8; 0],
}

impl Object for Raft<'static> {
    type C = nsw_raft;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswR");
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
pub(super) unsafe fn read(config: *const nsw_raft_config) -> Result<RaftConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = RaftConfig::default();
    Ok(RaftConfig {
        id: NodeId(c.id),
        peers: count_or_none(c.peers, default.peers),
        entries: count_or_none(c.entries, default.entries),
        bytes: count_or_none(c.bytes, default.bytes),
        max_entry: count_or_none(c.max_entry, default.max_entry),
        message: count_or_none(c.message, default.message),
        chunk: count_or_none(c.chunk, default.chunk),
        sessions: count_or_none(c.sessions, default.sessions),
        reads: count_or_none(c.reads, default.reads),
        inflight: count_or_none(c.inflight, default.inflight),
        forwards: count_or_none(c.forwards, default.forwards),
        election_us: or(c.election_us, default.election_us),
        heartbeat_us: or(c.heartbeat_us, default.heartbeat_us),
        pre_vote: c.no_pre_vote == 0,
        check_quorum: c.no_check_quorum == 0,
        lease_drift_ppm: match c.lease_drift_ppm {
            0 => None,
            NSW_RAFT_NONE => Some(0),
            drift => Some(drift),
        },
        priority: u8::try_from(count_or_none(c.priority, default.priority.into()))
            .map_err(|_| Error::Invalid)?,
        witness: c.witness != 0,
        seed: c.seed,
    })
}

/// The least that `message` of a configuration may be, in bytes, whatever `message` is in
/// `*config`: a message with the longest entry, and one with the membership, all clients and a
/// chunk.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a priority outside its range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_least_message(
    config: *const nsw_raft_config,
    least: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    super::guarded(|| unsafe {
        put(least, 0).and_then(|()| put(least, read(config)?.least_message()))
    })
}

/// The memory that a node takes: the one block that nsw_raft_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_footprint(
    config: *const nsw_raft_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Raft<'static>>(size, align, || Raft::footprint(&read(config)?)) }
}

/// Makes a node that knows nothing yet, in one block of `memory` (NULL: the system's heap). The
/// caller owns `*raft` and ends it with nsw_raft_destroy.
///
/// Errors: those of nsw_raft_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*raft` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_create(
    config: *const nsw_raft_config,
    memory: *const nsw_allocator,
    raft: *mut *mut nsw_raft,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Raft<'static>>(
            memory,
            raft,
            // Read again below: it is large, and handing it on would copy it.
            || Raft::footprint(&read(config)?),
            |piece| Raft::in_piece(&read(config)?, piece),
        )
    }
}

/// Destroys a node and gives its block back. NULL is fine, and so is an already destroyed one
/// whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_destroy(raft: *mut nsw_raft) {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { handle::destroy::<Raft<'static>>(raft) };
}

/// A record from storage, in the order in which they were made durable, before nsw_raft_start.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE. NSW_ERR_RAFT_LOST if records
/// contradict each other, or some are missing: something was lost, and the node halts.
/// NSW_ERR_CAPACITY if more is not committed than there is room for; NSW_ERR_RAFT_FORMAT for what
/// cannot be a record; NSW_ERR_RAFT_STATE after the start, or after nsw_raft_bootstrap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_restore(
    raft: *mut nsw_raft,
    record: *const nsw_raft_record,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.restore(structs::read(record)?.get()?)) }
}

/// The kind with this number.
fn kind_of(kind: u32) -> Result<MemberKind> {
    u8::try_from(kind).ok().and_then(MemberKind::from_code).ok_or(Error::Invalid)
}

/// The first membership of a group, `members[0..count]`, in a node that is empty and not
/// started: the same call at all members that it begins with. Who comes later is not told: it
/// hears from the leader. It is entry 1 of term 1, and committed.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_RAFT_STATE if the
/// node holds something or is started, NSW_ERR_RAFT_MEMBER for no voter or too many members,
/// NSW_ERR_INVALID for one twice, node 0, or what is no kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_bootstrap(
    raft: *mut nsw_raft,
    members: *const nsw_raft_member,
    count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            let members = Array::new(members, count)?;
            r.bootstrap_with(count, &|at| {
                let nsw_raft_member { id, kind, .. } = members.at(at)?;
                Ok(Member { id: NodeId(id), kind: kind_of(kind)? })
            })
        })
    }
}

/// Begins to take part. Not before all records of storage were restored; of a group's first
/// members, after nsw_raft_bootstrap if storage had none.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_STATE if it has begun already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_start(raft: *mut nsw_raft, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.start(now_us)) }
}

/// A message of another node, `message[0..message_len]`, which the link knows to be from `from`.
///
/// Requests of nodes that are not members are heard, for a member may be behind and not know
/// (thesis, 4.1); their answers and proposals are not.
///
/// Errors: those of a bad handle, NSW_ERR_NULL. Nothing is changed by what is refused:
/// NSW_ERR_RAFT_FORMAT, NSW_ERR_RAFT_VERSION, NSW_ERR_RAFT_PEER if it is for somebody else or
/// from somebody who may not say this, NSW_ERR_CAPACITY if it needs more room than this node was
/// made with. NSW_ERR_RAFT_LOST if a member leads and what it says cannot be, unless this node
/// has lost what it promised to keep: then it halts. NSW_ERR_OVERFLOW if there are no more
/// indexes: then it halts, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_step(
    raft: *mut nsw_raft,
    from: u64,
    message: *const u8,
    message_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            r.step(NodeId(from), input(message, message_len)?, now_us)
        })
    }
}

/// It is this late: elections, heartbeats and what else is due. When: nsw_raft_wake_at.
///
/// Errors: those of a bad handle, NSW_ERR_OVERFLOW if there are no more terms or indexes: then
/// the node halts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_tick(raft: *mut nsw_raft, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.tick(now_us)) }
}

/// When to call nsw_raft_tick at the latest: `*wake_us`; UINT64_MAX: when something arrives.
/// Another call may have changed it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_wake_at(raft: *const nsw_raft, wake_us: *mut u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Raft<'static>>(raft, |r| put(wake_us, r.next_wake_us())) }
}

/// Proposes an entry, `data[0..data_len]`: `*index` (may be NULL) is its place if this node
/// leads and has appended it, 0 if it was forwarded to the leader, which
/// NSW_RAFT_EVENT_FORWARDED or NSW_RAFT_EVENT_REFUSED tells more about. It is agreed on when
/// nsw_raft_next_committed gives it. An index may be given to another entry if the leader
/// changes before.
///
/// `client`: who asks, for exactly-once; `sequence`: which of the client's proposals, 1 for the
/// first, then one more for each. Both 0: nobody, and it may be appended twice if it is proposed
/// twice. A client that falls out of the table (`sessions` of the configuration), because as
/// many others have proposed something since, begins with 1 again, and is not protected from a
/// proposal 1 of before that comes late.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_RAFT_NO_LEADER; NSW_ERR_RAFT_NOT_LEADER
/// if nothing is forwarded (`forwards` of the configuration); NSW_ERR_CAPACITY while the log, or
/// the table of forwarded proposals, is full; NSW_ERR_LENGTH for more than `max_entry` bytes;
/// NSW_ERR_RAFT_BUSY during a transfer. For a client's: NSW_ERR_RAFT_DUPLICATE if it was
/// appended already (it may not be agreed on yet, and be lost still), NSW_ERR_RAFT_SESSION if one before it was not, or if the client is not
/// known (any more) and this is not its first, NSW_ERR_INVALID for sequence 0,
/// NSW_ERR_UNSUPPORTED without a table of clients. `*index` is 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_propose(
    raft: *mut nsw_raft,
    data: *const u8,
    data_len: usize,
    client: u64,
    sequence: u64,
    now_us: u64,
    index: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            tell(index, 0)?;
            let proposal = Proposal { data: input(data, data_len)?, client, sequence };
            let place = r.propose(proposal, now_us)?;
            tell(index, place.unwrap_or(0))
        })
    }
}

/// Asks for a linearizable read: NSW_RAFT_EVENT_READ_READY says when the application's state
/// holds all that was committed by now, NSW_RAFT_EVENT_READ_FAILED that this cannot be told, at
/// the latest twice `patience_us` (nsw_raft_timeouts; if not set, the election timeout) from now.
/// `token` is the caller's.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_NO_LEADER if no leader is known, NSW_ERR_CAPACITY
/// if too many reads wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_read(raft: *mut nsw_raft, token: u64, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.read(token, now_us)) }
}

/// Changes the membership by `changes[0..count]`, all at once, by a joint membership that ends
/// by itself when it is committed (thesis, 4.3). NSW_RAFT_EVENT_MEMBERS tells of both.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_RAFT_NOT_LEADER;
/// NSW_ERR_RAFT_BUSY while another change is under way, during a transfer, and until the leader
/// has committed something in its term; NSW_ERR_RAFT_MEMBER if nobody could lead, there would be
/// too many, or a witness would be something else; NSW_ERR_INVALID for node 0 or what is no kind;
/// NSW_ERR_CAPACITY while the log is full. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_change_members(
    raft: *mut nsw_raft,
    changes: *const nsw_raft_member,
    count: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            let changes = Array::new(changes, count)?;
            let change = |at| {
                let nsw_raft_member { id, kind, .. } = changes.at(at)?;
                let id = NodeId(id);
                Ok(match kind {
                    NSW_RAFT_NO_MEMBER => Change::Remove(id),
                    kind => Change::Set(Member { id, kind: kind_of(kind)? }),
                })
            };
            r.change_members_with(count, &change, now_us)
        })
    }
}

/// Hands over: node `to` shall lead. Nothing is proposed until it does, or for `patience_us`
/// (nsw_raft_timeouts; if not set, the election timeout); then NSW_RAFT_EVENT_TRANSFER_FAILED says so.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_NOT_LEADER, NSW_ERR_RAFT_BUSY while another
/// transfer is under way, NSW_ERR_RAFT_MEMBER if `to` is not another voter that has data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_transfer(
    raft: *mut nsw_raft,
    to: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.transfer(NodeId(to), now_us)) }
}

/// Records up to this `number` are durable. May come at any time after they were taken; until
/// then messages that promise something wait.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for a record that was not given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_durable(
    raft: *mut nsw_raft,
    number: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.durable(RecordNumber(number), now_us)) }
}

/// Storage has failed: the node has promised what it may not be able to keep, and halts.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_storage_failed(raft: *mut nsw_raft) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            r.storage_failed();
            Ok(())
        })
    }
}

/// The application has applied everything up to entry `index`: reads wait for that. Before
/// nsw_raft_start: what its durable state holds already, which does not come again.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for what was not given. Before the start
/// NSW_ERR_RAFT_LOST if the application has more than the log: the node halts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_applied(raft: *mut nsw_raft, index: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.applied(index)) }
}

/// The application has a durable snapshot of its state after entry `index`: entries up to there
/// may be forgotten, here and, after the record that this makes, in storage.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_STATE before the start, and while a snapshot of
/// the leader is being taken in; NSW_ERR_INVALID if that is not applied yet, not newer than the
/// last snapshot, or so long ago that its term is forgotten (three changes of leader).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_compact(raft: *mut nsw_raft, index: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.compact(index)) }
}

/// Fills `*info` (NSW_RAFT_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_describe(
    raft: *const nsw_raft,
    info: *mut nsw_raft_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Raft<'static>>(raft, |r| structs::write(info, &r.status().into())) }
}

/// The membership in force, one by one: fills `*peer` (NSW_RAFT_PEER_INIT) with the `index`-th
/// member, from 0 on, this node included. NSW_DONE behind the last one. A change of membership
/// changes their places.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_member_at(
    raft: *const nsw_raft,
    index: usize,
    peer: *mut nsw_raft_peer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let fill = |r: &Raft<'static>| unsafe {
        let Some(member) = r.members().nth(index) else { return Ok(false) };
        let seen = r.peers().find(|seen| seen.id == member.id);
        structs::write(peer, &nsw_raft_peer::of(member, seen)).map(|()| true)
    };
    // SAFETY: NULL or a node, by the documentation above.
    status_or(unsafe { with_ref::<Raft<'static>, _>(raft, fill) }, NSW_DONE)
}
