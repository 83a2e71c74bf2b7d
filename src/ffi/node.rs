//! Nodes: members of a swarm.

use super::entropy::CEntropy;
use super::handle::{self, Locked, Object, call_mut, call_ref, with_mut};
use super::identity::{
    CSecrets, key, key_or_none, nsw_key, remove_authority, secrets_of, shown, unpin,
};
use super::missions::CMissions;
use super::node_types::*;
use super::port::nsw_allocator;
use super::slices::{apart, bytes_of, input, may_tell, optional, tell};
use super::status::{NSW_DONE, nsw_status};
use super::structs::{self, check_pointer, count, or};
use super::topics::CTopics;
use super::transport::{CTransport, nsw_address};
use super::{status, status_or};
use crate::comm::crypto::Secret;
use crate::consensus::Raft;
use crate::crdt::Store;
use crate::error::{Error, Result};
use crate::node::{Node, NodeConfig, Part, RaftGroup, RaftMember, Requests, SharedStore, Sharing};

/// A member of a swarm: sessions with the others, every datagram authenticated and encrypted,
/// and who is there (SWIM with Lifeguard). It does a bounded piece of work at a time
/// (nsw_node_poll), with its transport and the parts that it is lent: a store that members share,
/// groups that agree, topics, requests, missions. One thread at a time.
pub struct nsw_node {
    _opaque: [u8; 0],
}

/// A node, and how it sends.
pub(super) struct CNode {
    pub(super) node: Node<'static, CSecrets, CEntropy>,
    transport: CTransport,
}

impl Object for CNode {
    type C = nsw_node;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsNd");
}

/// # Safety
/// `config` is NULL or a configuration whose pointers are NULL or what they should be.
unsafe fn read<'a>(config: *const nsw_node_config) -> Result<(nsw_node_config, NodeConfig<'a>)> {
    // SAFETY: the caller's word.
    unsafe {
        let c = structs::read(config)?;
        let network = input(c.network, c.network_len)?;
        let mut config = NodeConfig::new(network, c.members as usize);
        if c.peers != 0 {
            config.link.peers = c.peers as usize;
            config.link.handshakes = config.link.peers.min(16);
            config.link.trust.pinned = config.link.peers;
        }
        if c.small != 0 {
            config.link.make_small();
        }
        config.link.psk = key_or_none(c.psk)?.map(|psk| Secret::new(*psk));
        config.link.handshakes = count(c.handshakes, config.link.handshakes);
        config.link.trust.pinned = count(c.pinned, config.link.trust.pinned);
        config.link.trust.authorities = count(c.authorities, config.link.trust.authorities);
        config.link.mtu = count(c.mtu, config.link.mtu);
        config.datagram = count(c.datagram, config.datagram.max(config.link.mtu));
        let members = &mut config.membership;
        if !c.address.is_null() {
            members.address = structs::read(c.address)?.get()?;
        }
        members.meta = input(c.meta, c.meta_len)?;
        members.most_meta = count(c.most_meta, members.most_meta);
        members.incarnation = c.incarnation;
        members.seed = c.seed;
        members.suspicion = or(c.suspicion, members.suspicion);
        members.period_us = or(c.period_us, members.period_us);
        members.timeout_us = or(c.timeout_us, members.period_us / 2);
        config.budget = count(c.budget, config.budget);
        config.suspects = count(c.suspects, config.suspects);
        config.strikes = u8::try_from(or(c.strikes, 3)).map_err(|_| Error::Invalid)?;
        config.quarantine_us = or(c.quarantine_us, config.quarantine_us);
        Ok((c, config))
    }
}

/// The memory that a node of this configuration takes: the one block that nsw_node_create asks
/// for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH, NSW_ERR_INVALID for a setting
/// outside its range, NSW_ERR_OVERFLOW. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_footprint(
    config: *const nsw_node_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<CNode>(size, align, || {
            Node::<CSecrets, CEntropy>::footprint(&read(config)?.1)
        })
    }
}

/// Makes a member in one block of `memory` (NULL: the system's heap). It knows nobody and trusts
/// nobody. The caller owns `*node` and ends it with nsw_node_destroy, which overwrites its keys.
///
/// Errors: those of nsw_node_footprint and of a bad identity, NSW_ERR_NULL for a transport
/// without its hooks, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*node` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_create(
    config: *const nsw_node_config,
    memory: *const nsw_allocator,
    node: *mut *mut nsw_node,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<CNode>(
            memory,
            node,
            || Node::<CSecrets, CEntropy>::footprint(&read(config)?.1),
            |piece| {
                let (c, config) = read(config)?;
                let (secrets, entropy) = (secrets_of(c.identity)?, CEntropy::new(c.entropy)?);
                let transport = CTransport::new(c.transport)?;
                let node = Node::in_piece(&config, secrets, entropy, piece, c.now_us)?;
                Ok(CNode { node, transport })
            },
        )
    }
}

/// Destroys a node: overwrites its keys and gives its block back. Others find out by themselves
/// (nsw_node_leave). NULL is fine, and so is an already destroyed one whose memory can still be
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_destroy(node: *mut nsw_node) {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { handle::destroy::<CNode>(node) };
}

/// Trusts an identity. One that is pinned already stays so.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_pin(node: *mut nsw_node, identity: *const nsw_key) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| n.node.trust_mut().pin(key(identity)?)) }
}

/// No longer trusts an identity by itself. Its session goes on: nsw_node_disconnect ends it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was not pinned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_unpin(
    node: *mut nsw_node,
    identity: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| unpin(n.node.trust_mut(), identity)) }
}

/// Trusts whoever has a certificate of this authority, an identity, that is good in `epoch` or a
/// later one. For one that is known already: its epoch is this from now on; an epoch never goes
/// back.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY, NSW_ERR_INVALID for an epoch
/// before that which has begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_add_authority(
    node: *mut nsw_node,
    authority: *const nsw_key,
    epoch: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| n.node.trust_mut().add_authority(key(authority)?, epoch)) }
}

/// No longer trusts an authority. Sessions go on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_remove_authority(
    node: *mut nsw_node,
    authority: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| remove_authority(n.node.trust_mut(), authority)) }
}

/// The certificate that this member shows from now on; NULL: none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_VERSION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_set_certificate(
    node: *mut nsw_node,
    certificate: *const u8,
    certificate_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            n.node.set_certificate(shown(certificate, certificate_len)?.as_ref());
            Ok(())
        })
    }
}

/// The time of day at `now_us`, in milliseconds since 1970 at `*wall_ms`: certificates and
/// stamps of stores are checked against it from now on. NULL: there is no such clock, as at
/// first.
///
/// Errors: those of a bad handle, NSW_ERR_ALIGNMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_set_wall(
    node: *mut nsw_node,
    wall_ms: *const u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            n.node.set_wall(optional(wall_ms)?, now_us);
            Ok(())
        })
    }
}

/// An address of a member to begin with: while this node is alone, it calls there, again and
/// again.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH,
/// NSW_ERR_CAPACITY for more than 8 of them, NSW_ERR_NODE_LEFT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_join(
    node: *mut nsw_node,
    address: *const nsw_address,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| n.node.join(&structs::read(address)?.get()?, now_us)) }
}

/// Says that this member goes. NSW_NODE_LEFT comes when enough others know; then it may be
/// destroyed.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_leave(node: *mut nsw_node, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            n.node.leave(now_us);
            Ok(())
        })
    }
}

/// Where this member is to be reached, and what it says of itself, from now on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH, NSW_ERR_INVALID for
/// bytes that the node has told of this member: copy them first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_set_said(
    node: *mut nsw_node,
    address: *const nsw_address,
    meta: *const u8,
    meta_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            let (address, meta) = (structs::read(address)?.get()?, input(meta, meta_len)?);
            // What was told of this member lies where it goes.
            let own = n.node.membership().member(n.node.id());
            apart(&[bytes_of(own.map_or(&[], |own| own.meta))], &[bytes_of(meta)])?;
            n.node.set_said(&address, meta, now_us)
        })
    }
}

/// Ends the session with a member; there may be another one later.
///
/// Errors: those of a bad handle, NSW_ERR_NODE_PEER if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_disconnect(node: *mut nsw_node, id: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| n.node.disconnect(id)) }
}

/// Forgets what a member did, and ends its quarantine.
///
/// Errors: those of a bad handle, NSW_ERR_NODE_PEER if it did nothing that is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_forgive(node: *mut nsw_node, id: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<CNode>(node, |n| n.node.forgive(id)) }
}

/// Parts whose objects are held for the time of a call.
struct Lent {
    store: Option<(Locked<Store<'static>>, Locked<Sharing<'static>>)>,
    topics: Option<Locked<CTopics>>,
    requests: Option<Locked<Requests<'static>>>,
    missions: Option<Locked<CMissions>>,
    groups: heapless::Vec<(u8, Locked<Raft<'static>>), { NSW_NODE_MOST_GROUPS as usize }>,
}

impl Lent {
    /// # Safety
    /// `parts` is NULL or a struct whose pointers are NULL or objects.
    unsafe fn take(parts: *const nsw_node_parts) -> Result<Lent> {
        let mut lent = Lent {
            store: None,
            topics: None,
            requests: None,
            missions: None,
            groups: heapless::Vec::new(),
        };
        if parts.is_null() {
            return Ok(lent);
        }
        // SAFETY: the caller's word.
        unsafe {
            let parts = structs::read(parts)?;
            if !parts.store.is_null() || !parts.sharing.is_null() {
                lent.store = Some((Locked::take(parts.store)?, Locked::take(parts.sharing)?));
            }
            if !parts.topics.is_null() {
                lent.topics = Some(Locked::take(parts.topics)?);
            }
            if !parts.requests.is_null() {
                lent.requests = Some(Locked::take(parts.requests)?);
            }
            if !parts.missions.is_null() {
                lent.missions = Some(Locked::take(parts.missions)?);
            }
            if parts.groups_len > NSW_NODE_MOST_GROUPS {
                return Err(Error::Invalid);
            }
            let groups = input(parts.groups, parts.groups_len as usize)?;
            for (number, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_null()) {
                let number = u8::try_from(number).map_err(|_| Error::Invalid)?;
                RaftGroup::new(number)?;
                let locked = Locked::take(*group)?;
                lent.groups.push((number, locked)).map_err(|_| Error::Invalid)?;
            }
        }
        Ok(lent)
    }

    /// Calls `f` with all of them.
    fn with<R>(&mut self, f: impl FnOnce(&mut [&mut dyn Part]) -> R) -> R {
        let mut shared: Option<SharedStore<'_, '_, '_>> =
            self.store.as_mut().map(|(store, sharing)| sharing.get().over(store.get()));
        const MOST: usize = NSW_NODE_MOST_GROUPS as usize;
        let mut members: heapless::Vec<RaftMember<'_, '_>, MOST> = heapless::Vec::new();
        for (number, raft) in &mut self.groups {
            // Both were looked at, and there is room for all.
            if let Ok(group) = RaftGroup::new(*number) {
                let _ = members.push(group.over(raft.get()));
            }
        }
        let mut all: heapless::Vec<&mut dyn Part, { 4 + MOST }> = heapless::Vec::new();
        if let Some(shared) = &mut shared {
            let _ = all.push(shared);
        }
        if let Some(topics) = &mut self.topics {
            let _ = all.push(topics.get().part());
        }
        if let Some(requests) = &mut self.requests {
            let _ = all.push(requests.get());
        }
        if let Some(missions) = &mut self.missions {
            let _ = all.push(missions.get().part());
        }
        for member in &mut members {
            let _ = all.push(member);
        }
        f(&mut all)
    }

    /// The call is over, and nothing panicked.
    fn give_back(self) {
        if let Some((store, sharing)) = self.store {
            store.give_back();
            sharing.give_back();
        }
        self.topics.into_iter().for_each(Locked::give_back);
        self.requests.into_iter().for_each(Locked::give_back);
        self.missions.into_iter().for_each(Locked::give_back);
        self.groups.into_iter().for_each(|(_, raft)| raft.give_back());
    }
}

/// Does what is to be done by `now_us`, and says when to come back at `*wake_us` (which may be
/// NULL), in microseconds: at once if that is not later than `now_us`, at the latest otherwise;
/// and whenever a datagram has come, or something was done to the node or one of its parts.
/// `parts`: those of the node, the same at each call, or NULL.
///
/// Datagrams are taken from the transport and sent through it. The node, its sessions and each
/// part have their turns one after the other: each turn takes or sends one datagram. After the round
/// in which the configuration's `budget` is used up, it ends: so there are at most 4 turns more, and
/// one for each part. Beside them every session is looked at once when one of them is due.
///
/// While an event waits for which there is no room, nothing happens that would be another one:
/// take them with nsw_node_next.
///
/// A datagram that the transport has no room for is tried again for 20 ms.
///
/// Errors: those of a bad handle, of the node or of a part; NSW_ERR_NULL for a store without
/// what shares it, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for too many groups, NSW_ERR_ALIGNMENT;
/// NSW_ERR_HOOK of secrets and entropy. After all others had a turn: those of the transport's hook
/// while taking datagrams, NSW_ERR_BUFFER_TOO_SMALL if one is longer than the configuration says and
/// the transport cannot throw it away; those of a part, NSW_ERR_BUFFER_TOO_SMALL for one that is made
/// for longer messages than `max_message`. What was done is done, and nothing is lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_poll(
    node: *mut nsw_node,
    now_us: u64,
    parts: *const nsw_node_parts,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            may_tell(wake_us)?;
            let mut lent = Lent::take(parts)?;
            let polled = lent.with(|parts| n.node.poll(now_us, &mut n.transport, parts));
            lent.give_back();
            tell(wake_us, polled?)
        })
    }
}

/// Takes a datagram that came some other way than through the transport, as nsw_node_poll does.
/// Call that afterwards.
///
/// Errors: those of nsw_node_poll, NSW_ERR_LENGTH if it is longer than the configuration says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_receive(
    node: *mut nsw_node,
    from: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
    now_us: u64,
    parts: *const nsw_node_parts,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CNode>(node, |n| {
            let (from, datagram) = (structs::read(from)?.get()?, input(datagram, datagram_len)?);
            let mut lent = Lent::take(parts)?;
            let taken = lent.with(|parts| n.node.receive(&from, datagram, now_us, parts));
            lent.give_back();
            taken
        })
    }
}

/// What has happened: fills `*event`, whose `size` the caller has set. NSW_DONE if there is no
/// more (`*event` is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_next(
    node: *mut nsw_node,
    event: *mut nsw_node_event,
) -> nsw_status {
    let next = |n: &mut CNode| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::fill(event, || Ok(n.node.next_event().map(nsw_node_event::from))) }
    };
    // SAFETY: NULL or a node, by the documentation above.
    status_or(unsafe { with_mut::<CNode, _>(node, next) }, NSW_DONE)
}

/// What is known of a member, of this one, too: fills `*member`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_NODE_PEER if nobody
/// of this number is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_member_info(
    node: *const nsw_node,
    id: u64,
    member: *mut nsw_node_member,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CNode>(node, |n| {
            let known = n.node.membership().member(id).ok_or(Error::NodePeer)?;
            structs::write(member, &described(n, &known))
        })
    }
}

fn described(n: &CNode, member: &crate::node::membership::Member<'_>) -> nsw_node_member {
    let id = member.id;
    nsw_node_member::of(member, n.node.is_connected(id), n.node.is_quarantined(id))
}

/// The member with the least number above `*id`, and that number: fills `*member`, whose `size`
/// the caller has set. Begun with 0 at `*id`, all come one by one: those that are gone, too, and
/// this one. NSW_DONE if there is no more (nothing is written then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_next_member(
    node: *const nsw_node,
    id: *mut u64,
    member: *mut nsw_node_member,
) -> nsw_status {
    let next = |n: &CNode| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            structs::check(member)?;
            check_pointer(id)?;
            let above = id.read();
            let Some(known) = n.node.membership().members().find(|m| m.id > above) else {
                return Ok(false);
            };
            id.write(known.id);
            structs::write(member, &described(n, &known)).map(|()| true)
        }
    };
    // SAFETY: NULL or a node, by the documentation above.
    status_or(unsafe { handle::with_ref::<CNode, _>(node, next) }, NSW_DONE)
}

/// What a member did last that it must not do: fills `*evidence`, whose `size` the caller has
/// set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_NODE_PEER if it did
/// nothing that is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_evidence_of(
    node: *const nsw_node,
    id: u64,
    evidence: *mut nsw_node_evidence,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CNode>(node, |n| {
            let found = n.node.evidence().find(|evidence| evidence.id == id);
            structs::write(evidence, &found.ok_or(Error::NodePeer)?.into())
        })
    }
}

/// What a node is and has counted: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_node_describe(
    node: *const nsw_node,
    info: *mut nsw_node_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CNode>(node, |n| {
            let (node, stats) = (&n.node, n.node.stats());
            let filled = nsw_node_info {
                size: 0,
                max_message: node.max_message() as u32,
                id: node.id(),
                identity: nsw_key { bytes: *node.identity() },
                members: node.membership().count() as u32,
                connected: node.connected() as u32,
                health: node.membership().health(),
                reserved: 0,
                received: stats.received,
                sent: stats.sent,
                received_bytes: stats.received_bytes,
                sent_bytes: stats.sent_bytes,
                unsent: stats.unsent,
                refused: stats.refused,
                unknown: stats.unknown,
                failed: stats.failed,
                violations: stats.violations,
                dropped: stats.dropped,
                evicted: stats.evicted,
            };
            structs::write(info, &filled)
        })
    }
}

/// The number of the member with this identity, to `*id`: a hash of it, so nobody has to hand
/// numbers out.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_member_id(identity: *const nsw_key, id: *mut u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    status((|| unsafe { super::slices::put(id, crate::node::node_id(key(identity)?)) })())
}
