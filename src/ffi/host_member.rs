//! Members of a swarm on threads of their own: making and ending them.

use core::ffi::c_void;
use core::time::Duration;
use std::boxed::Box;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::vec;
use std::vec::Vec;

use super::handle::{self, Object, call_ref, with_ref};
use super::host_key::path;
use super::host_member_types::*;
use super::host_transport::read_address;
use super::identity::{key_or_none, nsw_key, shown};
use super::port::nsw_allocator;
use super::slices::input;
use super::status::{NSW_AGAIN, NSW_ERR_BUFFER_TOO_SMALL, NSW_OK, nsw_status};
use super::structs::{self, Array, count, or};
use super::transport::{CTransport, nsw_address};
use crate::comm::crypto::Secret;
use crate::error::{Error, Result};
use crate::host::{Call, Carrier, Identity, Member, MemberConfig, MemberEvent, Reply, Said};
use crate::port::{Address, Transport};

/// A member of a swarm on a thread of its own: a node with its socket or transport, an identity, a
/// store that the members share, topics, requests, and a group that agrees, with locks; what has to
/// outlive the process is in a folder. Unlike other objects it may be called from any thread at any
/// time, while other calls wait in it; those that wait do so at most as long as they are told.
///
/// Beside its block it takes memory from the system's heap: most of it when it is made, and what
/// callers and hooks are given while it runs. It installs no signal handlers.
pub struct nsw_host_member {
    _opaque: [u8; 0],
}

/// A member, and what it calls the program for.
pub(super) struct CMember {
    pub(super) member: Member,
    pub(super) hooks: Option<Hooks>,
}

impl Object for CMember {
    type C = nsw_host_member;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsMb");
}

/// Bytes of an answer that a hook can write.
const ANSWER: usize = 65_536;

/// The caller's hooks, which are called on the member's thread.
#[derive(Clone, Copy)]
pub(super) struct Hooks(nsw_host_member_hooks);

// SAFETY: the caller's word: hooks are called on the member's thread.
unsafe impl Send for Hooks {}

impl Hooks {
    fn ctx(&self) -> *mut c_void {
        self.0.ctx
    }

    /// Whether the caller takes publications.
    pub(super) fn take_publications(&self) -> bool {
        self.0.on_publication.is_some()
    }
}

/// The caller's transport, which is called on the member's thread.
struct Own(CTransport);

// SAFETY: the caller's word: the transport is called on the member's thread alone.
unsafe impl Send for Own {}

impl Transport for Own {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        self.0.send(to, datagram)
    }
    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        self.0.receive(buf)
    }
    fn waiting(&self) -> Option<usize> {
        self.0.waiting()
    }
    fn skip(&mut self) -> Result<()> {
        self.0.skip()
    }
}

unsafe fn keys(first: *const nsw_key, len: usize) -> Result<Vec<[u8; 32]>> {
    // SAFETY: the callers' word.
    Ok(unsafe { input(first, len) }?.iter().map(|key| key.bytes).collect())
}

unsafe fn carrier(c: &nsw_host_member_config) -> Result<Carrier> {
    // SAFETY: the callers' word.
    unsafe {
        if !c.transport.is_null() {
            let transport = Box::new(Own(CTransport::new(c.transport)?));
            let wait = match c.wait_fd {
                0 => None,
                fd if fd > 0 => {
                    let copy = BorrowedFd::borrow_raw(fd).try_clone_to_owned();
                    Some(copy.map_err(|_| Error::HostIo)?)
                }
                _ => return Err(Error::Invalid),
            };
            let wait: Option<OwnedFd> = wait;
            return Ok(Carrier::Own { transport, wait, every: Duration::from_micros(c.every_us) });
        }
        let bind = read_address(c.bind)?;
        if c.unix_folder_len == 0 {
            return Ok(Carrier::Udp(bind));
        }
        let folder = path(c.unix_folder, c.unix_folder_len)?.to_path_buf();
        Ok(Carrier::Unix { folder, name: bind })
    }
}

unsafe fn read(config: *const nsw_host_member_config) -> Result<(MemberConfig, Option<Hooks>)> {
    // SAFETY: NULL or a configuration, as the callers document.
    unsafe {
        let c = structs::read(config)?;
        let identity = match key_or_none(c.seed)? {
            Some(seed) => Identity::Seed(Secret::new(*seed)),
            None if c.key_file_len == 0 => return Err(Error::Invalid),
            None => Identity::File(path(c.key_file, c.key_file_len)?.to_path_buf()),
        };
        let network = input(c.network, c.network_len)?;
        let mut config = MemberConfig::new(network, identity, carrier(&c)?);
        if !c.address.is_null() {
            config.address = Some(read_address(c.address)?);
        }
        config.pinned = keys(c.pinned, c.pinned_len)?;
        let authorities = keys(c.authorities, c.authorities_len)?;
        config.authorities = authorities.into_iter().map(|key| (key, c.epoch)).collect();
        config.certificate = shown(c.certificate, c.certificate_len)?;
        config.psk = key_or_none(c.psk)?.map(|psk| Secret::new(*psk));
        let seeds = Array::<nsw_address>::new(c.seeds, c.seeds_len)?;
        for at in 0..c.seeds_len {
            config.seeds.push(seeds.at(at)?.get()?);
        }
        config.meta = input(c.meta, c.meta_len)?.to_vec();
        if c.folder_len > 0 {
            config.folder = Some(path(c.folder, c.folder_len)?.to_path_buf());
        }
        config.voters = keys(c.voters, c.voters_len)?;
        config.members = count(c.members, config.members);
        config.mtu = count(c.mtu, config.mtu);
        config.max_entry = count(c.max_entry, config.max_entry);
        config.requests = count(c.requests, config.requests);
        config.calls = count(c.calls, config.calls);
        config.topics = count(c.topics, config.topics);
        config.sync = c.no_sync == 0;
        config.store.replicas = count(c.replicas, config.store.replicas);
        config.store.keys = count(c.keys, config.store.keys);
        config.store.items = count(c.items, config.store.items);
        config.store.bytes = count(c.store_bytes, config.store.bytes);
        config.period_us = or(c.period_us, config.period_us);
        config.election_us = or(c.election_us, config.election_us);
        config.lease_us = or(c.lease_us, config.lease_us);
        config.leave_us = or(c.leave_us, config.leave_us);
        config.snapshot_entries = or(c.snapshot_entries, config.snapshot_entries);
        config.segment_bytes = or(c.segment_bytes, config.segment_bytes);
        let hooks = if c.hooks.is_null() { None } else { Some(Hooks(structs::read(c.hooks)?)) };
        Ok((config, hooks))
    }
}

/// A request for the caller's hook, and what it says.
fn on_request(hooks: &Hooks, call: &Call<'_>, answer: &mut Vec<u8>) -> Reply {
    let Some(hook) = hooks.0.on_request else { return Reply::Refuse };
    let call = nsw_host_member_call {
        size: size_of::<nsw_host_member_call>() as u32,
        reserved: 0,
        number: call.call.0,
        from: call.from,
        deadline_us: call.deadline_us,
        method: call.method.as_ptr(),
        method_len: call.method.len(),
        message: call.message.as_ptr(),
        message_len: call.message.len(),
    };
    answer.resize(ANSWER, 0);
    let mut len = 0;
    // SAFETY: the hook's own documentation.
    match unsafe { hook(hooks.ctx(), &call, answer.as_mut_ptr(), answer.len(), &mut len) } {
        NSW_OK if len <= answer.len() => {
            answer.truncate(len);
            Reply::Answer
        }
        NSW_AGAIN => Reply::Later,
        _ => Reply::Refuse,
    }
}

fn on_event(hooks: &Hooks, event: &MemberEvent) {
    let Some(hook) = hooks.0.on_event else { return };
    let (kind, id, status) = match *event {
        MemberEvent::Joined(id) => (NSW_HOST_MEMBER_JOINED, id, NSW_OK),
        MemberEvent::Left(id) => (NSW_HOST_MEMBER_LEFT, id, NSW_OK),
        MemberEvent::Failed(id) => (NSW_HOST_MEMBER_FAILED, id, NSW_OK),
        MemberEvent::Quarantined(id) => (NSW_HOST_MEMBER_QUARANTINED, id, NSW_OK),
        MemberEvent::StoreChanged => (NSW_HOST_MEMBER_STORE_CHANGED, 0, NSW_OK),
        MemberEvent::Leader(id) => (NSW_HOST_MEMBER_LEADER, id.unwrap_or(0), NSW_OK),
        MemberEvent::LockLost(token) => (NSW_HOST_MEMBER_LOCK_LOST, token, NSW_OK),
        MemberEvent::TransportFailed(why) => (NSW_HOST_MEMBER_TRANSPORT_FAILED, 0, why.code()),
        MemberEvent::StoreFailed(why) => (NSW_HOST_MEMBER_STORE_FAILED, 0, why.code()),
        MemberEvent::GroupFailed(why) => (NSW_HOST_MEMBER_GROUP_FAILED, 0, why.code()),
    };
    let size = size_of::<nsw_host_member_event>() as u32;
    let event = nsw_host_member_event { size, kind, id, status, reserved: 0 };
    // SAFETY: the hook's own documentation.
    unsafe { hook(hooks.ctx(), &event) };
}

/// What was published, for the caller's hook.
pub(super) fn on_publication(hooks: &Hooks, said: &Said<'_>) {
    let Some(hook) = hooks.0.on_publication else { return };
    let (topic, message) = (said.topic, said.message);
    // SAFETY: the hook's own documentation.
    unsafe {
        hook(
            hooks.ctx(),
            said.origin,
            topic.as_ptr(),
            topic.len(),
            message.as_ptr(),
            message.len(),
        );
    }
}

/// The state that the caller's hook writes; whether it does.
fn on_save(hooks: &Hooks, state: &mut Vec<u8>) -> bool {
    let Some(hook) = hooks.0.on_save else { return false };
    let mut room = vec![0; 4096];
    loop {
        let mut len = 0;
        // SAFETY: the hook's own documentation.
        match unsafe { hook(hooks.ctx(), room.as_mut_ptr(), room.len(), &mut len) } {
            NSW_OK if len <= room.len() => {
                room.truncate(len);
                *state = room;
                return true;
            }
            NSW_ERR_BUFFER_TOO_SMALL if len > room.len() => room.resize(len, 0),
            _ => return false,
        }
    }
}

fn hook_up(member: &Member, hooks: Hooks) -> Result<()> {
    member.serve(b"", move |call, answer| on_request(&hooks, call, answer))?;
    member.on_event(move |event| on_event(&hooks, event))?;
    if hooks.0.on_entry.is_some() {
        member.on_entry(move |entry| {
            let (hooks, data) = (&hooks, entry.data);
            if let Some(hook) = hooks.0.on_entry {
                // SAFETY: the hook's own documentation.
                unsafe { hook(hooks.ctx(), entry.index, data.as_ptr(), data.len()) };
            }
        })?;
    }
    match (hooks.0.on_save, hooks.0.on_load) {
        (None, None) => Ok(()),
        (Some(_), Some(_)) => member.on_snapshot(
            move |state| on_save(&hooks, state),
            move |state| {
                let hooks = &hooks;
                if let Some(hook) = hooks.0.on_load {
                    // SAFETY: the hook's own documentation.
                    unsafe { hook(hooks.ctx(), state.as_ptr(), state.len()) };
                }
            },
        ),
        // One is of no use without the other.
        _ => Err(Error::Null),
    }
}

/// The memory of the object itself: the one block that nsw_host_member_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH, NSW_ERR_INVALID if nothing says who
/// it is. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_footprint(
    config: *const nsw_host_member_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CMember>(size, align, || read(config).map(|_| handle::NOTHING)) }
}

/// Makes a member: opens its socket and its files. Nothing is sent yet. In one block of `memory`
/// (NULL: the system's heap). The caller owns `*member` and ends it with nsw_host_member_destroy.
///
/// Errors: those of nsw_host_member_footprint; NSW_ERR_INVALID for a setting outside its range, as
/// for a voter without a folder, or an entry that is too long for a datagram; NSW_ERR_NULL for a
/// transport without its hooks, or one of `on_save` and `on_load` without the other; NSW_ERR_BUSY if
/// another one has the folder; NSW_ERR_HOST_ADDRESS, NSW_ERR_HOST_IO, NSW_ERR_HOST_FILE,
/// NSW_ERR_HOST_PERMISSIONS of socket, key file and folder; NSW_ERR_CRDT_DAMAGED and
/// NSW_ERR_RAFT_LOST for files that are not what was written; NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*member` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_create(
    config: *const nsw_host_member_config,
    memory: *const nsw_allocator,
    member: *mut *mut nsw_host_member,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CMember, _>(
            memory,
            member,
            || read(config).map(|read| (handle::NOTHING, read)),
            |_, (config, hooks)| {
                let member = Member::new(config)?;
                if let Some(hooks) = hooks {
                    hook_up(&member, hooks)?;
                }
                Ok(CMember { member, hooks })
            },
        )
    }
}

/// Stops a member, wakes all that wait in its calls (NSW_ERR_NODE_LEFT), waits until its thread has
/// ended and they have returned, and gives the block back. Nobody may begin another call meanwhile.
/// NULL is fine, and so is an already destroyed one whose memory can still be read. In one of its
/// own hooks it does nothing.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_destroy(member: *mut nsw_host_member) {
    // SAFETY: NULL or a member, by the documentation above.
    unsafe {
        let ended = with_ref::<CMember, _>(member, |m| {
            if m.member.is_inside() {
                return Err(Error::Busy);
            }
            m.member.stop();
            m.member.join()
        });
        if ended != Err(Error::Busy) {
            handle::destroy_when_free::<CMember>(member);
        }
    }
}

/// Begins to take part, on a thread of its own.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_STATE if it has begun already, NSW_ERR_NODE_LEFT if
/// it was stopped, NSW_ERR_HOST_IO if the system gives no thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_start(member: *const nsw_host_member) -> nsw_status {
    // SAFETY: NULL or a member, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.start()) }
}

/// Begins to stop, and does not wait: the member gives back its locks, hands over the lead of the
/// group, says to the others that it leaves, for `leave_us` at most, and makes its files durable.
/// Who waits in a call gets NSW_ERR_NODE_LEFT: what was asked for may come about or not. It does
/// not start again.
///
/// Errors: those of a bad handle.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_stop(member: *const nsw_host_member) -> nsw_status {
    // SAFETY: NULL or a member, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.stop();
            Ok(())
        })
    }
}

/// Waits until the thread has ended, after nsw_host_member_stop. At once if it was never started.
///
/// Errors: those of a bad handle, NSW_ERR_BUSY in one of the member's own hooks.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_join(member: *const nsw_host_member) -> nsw_status {
    // SAFETY: NULL or a member, by the documentation above.
    unsafe { call_ref::<CMember>(member, |m| m.member.join()) }
}

/// A datagram has come to the transport of one's own. Does not wait.
///
/// Errors: those of a bad handle.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_member_wake(member: *const nsw_host_member) -> nsw_status {
    // SAFETY: NULL or a member, by the documentation above.
    unsafe {
        call_ref::<CMember>(member, |m| {
            m.member.wake();
            Ok(())
        })
    }
}
