//! What the functions of a member on a thread of its own take and give.

use core::ffi::{c_char, c_void};

use super::identity::nsw_key;
use super::status::nsw_status;
use super::structs::Versioned;
use super::transport::{nsw_address, nsw_transport};

/// A member takes part, and did not before.
pub const NSW_HOST_MEMBER_JOINED: u32 = 1;
/// A member has left.
pub const NSW_HOST_MEMBER_LEFT: u32 = 2;
/// A member is dead, as far as the others can tell.
pub const NSW_HOST_MEMBER_FAILED: u32 = 3;
/// A member has broken the protocol too often, and is not heard for an hour.
pub const NSW_HOST_MEMBER_QUARANTINED: u32 = 4;
/// The shared store has changed, by this member or another; what happens until the next is told
/// is told once.
pub const NSW_HOST_MEMBER_STORE_CHANGED: u32 = 5;
/// Another member leads the group: `id`; 0: none is known to.
pub const NSW_HOST_MEMBER_LEADER: u32 = 6;
/// A lock is not this member's any more, for it was not heard of in time: `id` is its fencing
/// token.
pub const NSW_HOST_MEMBER_LOCK_LOST: u32 = 7;
/// The transport has refused to take datagrams in; told when it begins. It is tried again.
pub const NSW_HOST_MEMBER_TRANSPORT_FAILED: u32 = 8;
/// The files of the store take nothing; told when it begins. Until they do, nothing can be put
/// into the store, and the others are told nothing of it. It is tried again.
pub const NSW_HOST_MEMBER_STORE_FAILED: u32 = 9;
/// The files of the group took nothing: this member has no part in the group any more, until it
/// is made anew.
pub const NSW_HOST_MEMBER_GROUP_FAILED: u32 = 10;

/// The most members of the group.
pub const NSW_HOST_MEMBER_MOST_VOTERS: u32 = 7;

const _: () = assert!(NSW_HOST_MEMBER_MOST_VOTERS as usize == crate::host::MOST_VOTERS);

/// A request of another member. Its bytes are valid during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_call {
    /// sizeof(nsw_host_member_call).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Its number, for nsw_host_member_answer and nsw_host_member_refuse.
    pub number: u64,
    /// Who asks.
    pub from: u64,
    /// Until when the answer is wanted, in microseconds of nsw_host_now_us.
    pub deadline_us: u64,
    /// What it is about.
    pub method: *const u8,
    /// Number of its bytes.
    pub method_len: usize,
    /// The request.
    pub message: *const u8,
    /// Number of its bytes.
    pub message_len: usize,
}

/// What has happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_event {
    /// sizeof(nsw_host_member_event).
    pub size: u32,
    /// What: NSW_HOST_MEMBER_JOINED and so on.
    pub kind: u32,
    /// Of whom, or what the kind says; else 0.
    pub id: u64,
    /// Why, where something failed; else NSW_OK.
    pub status: nsw_status,
    /// 0.
    pub reserved: u32,
}

/// What a member calls the program for, on its own thread, one call at a time, while none of its
/// locks is held. NSW_HOST_MEMBER_HOOKS_INIT, then those that are wanted.
///
/// A hook that takes long delays this member alone, which may then be taken for dead: what takes
/// long is answered later, from another thread. Hooks may call the member, but for what waits,
/// which is NSW_ERR_BUSY there, and may not destroy it. They may not throw C++ exceptions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_hooks {
    /// sizeof(nsw_host_member_hooks); NSW_HOST_MEMBER_HOOKS_INIT sets it.
    pub size: u32,
    /// Handed to the hooks as it is.
    pub ctx: *mut c_void,
    /// A member asks something: write the answer, at most `cap` bytes, to `buf` and its length to
    /// `*len` and return NSW_OK; or return NSW_AGAIN, and answer later, from any thread, with
    /// nsw_host_member_answer. Anything else refuses, and so does an answer of more bytes. NULL:
    /// all are refused.
    pub on_request: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            call: *const nsw_host_member_call,
            buf: *mut u8,
            cap: usize,
            len: *mut usize,
        ) -> nsw_status,
    >,
    /// Somebody, `origin` as those say who hand it on, has published something under a topic that
    /// is subscribed to.
    pub on_publication: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            origin: u64,
            topic: *const u8,
            topic_len: usize,
            message: *const u8,
            message_len: usize,
        ),
    >,
    /// The group has agreed on an entry: all of the program's, in their order, after a start again
    /// from the first that is in the log, or behind the snapshot that was given to `on_load`.
    pub on_entry: Option<
        unsafe extern "C" fn(ctx: *mut c_void, index: u64, data: *const u8, data_len: usize),
    >,
    /// Something has happened.
    pub on_event:
        Option<unsafe extern "C" fn(ctx: *mut c_void, event: *const nsw_host_member_event)>,
    /// Writes the program's state as of the last entry, at most `cap` bytes, and its length to
    /// `*len`, so that it takes the place of the entries so far: NSW_OK; or
    /// NSW_ERR_BUFFER_TOO_SMALL with what is needed in `*len`, and is called again. Anything else:
    /// none now. Without it and `on_load` the log grows for ever; all members of the group have
    /// both, or none.
    pub on_save: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            buf: *mut u8,
            cap: usize,
            len: *mut usize,
        ) -> nsw_status,
    >,
    /// Replaces the program's state by one that `on_save` wrote, here or at another member.
    pub on_load: Option<unsafe extern "C" fn(ctx: *mut c_void, data: *const u8, data_len: usize)>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_member_hooks {
    const LEAST: usize = size_of::<nsw_host_member_hooks>();
}

/// Settings of a member. NSW_HOST_MEMBER_CONFIG_INIT, then `network` and `bind`, who it is
/// (`seed` or `key_file`), and whom it trusts (`psk`, `pinned` or `authorities`); every other zero
/// means the default. Times are in microseconds. Read during the call only; what the `ctx` of the
/// transport and of the hooks points to must outlive the member.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_config {
    /// sizeof(nsw_host_member_config); NSW_HOST_MEMBER_CONFIG_INIT sets it.
    pub size: u32,
    /// The most members that are known at once, those that are gone among them; 0: 32.
    pub members: u32,
    /// One other member is probed in each such period: it says how soon who is dead is known;
    /// 0: half a second.
    pub period_us: u64,
    /// How long nothing is heard of the group's leader before another is elected (up to twice
    /// that), the same at all voters; 0: 300 ms.
    pub election_us: u64,
    /// So long a member that is not heard of keeps its locks, 1 ms to a day; 0: five seconds.
    pub lease_us: u64,
    /// So long leaving the swarm may take, at most an hour; 0: two seconds.
    pub leave_us: u64,
    /// With a transport of one's own: it is looked at so often in any case; 0: only when
    /// `wait_fd` or nsw_host_member_wake says that something has come.
    pub every_us: u64,
    /// After so many entries the program's state is asked for (`on_save`); 0: 1,024.
    pub snapshot_entries: u64,
    /// A file of the group's log longer than this is followed by another one, 512 to 2^40 bytes;
    /// 0: 8 MiB.
    pub segment_bytes: u64,
    /// With a transport of one's own: a descriptor that becomes readable when a datagram has
    /// come; a copy of it is kept. 0: there is none.
    pub wait_fd: i32,
    /// The longest datagram, in bytes; 0: 1280.
    pub mtu: u32,
    /// The longest entry that is proposed, in bytes, the same at all voters; 0: 512.
    pub max_entry: u32,
    /// The most requests of this member at once; 0: 64.
    pub requests: u32,
    /// The most requests of others at once, those that wait for an answer among them; 0: 64.
    pub calls: u32,
    /// The most topics that are subscribed to; 0: 16.
    pub topics: u32,
    /// Not 0: what is called durable is not yet on the disk: a power failure may take it back,
    /// and this member must not come back after one.
    pub no_sync: u32,
    /// Certificates of `authorities` count from this epoch on.
    pub epoch: u32,
    /// Room of the shared store: members that ever change something (without a folder each start
    /// of a member is one); 0: 32. What a store says of itself has to fit a datagram.
    pub replicas: u32,
    /// Names in it; 0: 256.
    pub keys: u32,
    /// Values in it, and changes at the same time; 0: 4,096.
    pub items: u32,
    /// Bytes of long names and values; 0: 256 KiB.
    pub store_bytes: u32,
    /// Where its UDP socket listens; port 0 means any free one. With `unix_folder`: its name
    /// there (nsw_host_unix_address). NULL with a transport of one's own.
    pub bind: *const nsw_address,
    /// The folder of a Unix-domain socket instead; NULL: UDP.
    pub unix_folder: *const c_char,
    /// Bytes of it.
    pub unix_folder_len: usize,
    /// A transport of one's own instead, which the member's thread alone calls; NULL: a socket.
    pub transport: *const nsw_transport,
    /// Where the others reach it; NULL: where its socket listens, which has to be an address of
    /// its own then (not 0.0.0.0).
    pub address: *const nsw_address,
    /// Who this member is: the seed of its key. NULL: by `key_file`.
    pub seed: *const nsw_key,
    /// Who this member is: the name of a file as nsw_host_key_write makes it. If there is none, one
    /// with a new key is made.
    pub key_file: *const c_char,
    /// Bytes of it.
    pub key_file_len: usize,
    /// What the members of this swarm have in common: any bytes, not secret.
    pub network: *const u8,
    /// Number of them.
    pub network_len: usize,
    /// A secret of the whole swarm: who knows it is trusted. NULL: none.
    pub psk: *const nsw_key,
    /// Those that are trusted, by their public keys.
    pub pinned: *const nsw_key,
    /// Number of them.
    pub pinned_len: usize,
    /// Those whose certificates are believed.
    pub authorities: *const nsw_key,
    /// Number of them.
    pub authorities_len: usize,
    /// What this member shows to those who do not know its key.
    pub certificate: *const u8,
    /// Number of its bytes; 0: none.
    pub certificate_len: usize,
    /// Addresses of members to begin with, at most 8: while this one is alone, it calls there.
    pub seeds: *const nsw_address,
    /// Number of them.
    pub seeds_len: usize,
    /// What it says of itself to all, at most 64 bytes.
    pub meta: *const u8,
    /// Number of them.
    pub meta_len: usize,
    /// Where what has to outlive the process is kept: the shared store, and the group's records. A
    /// folder of this member's own; it is made if there is none, and the one around it is there.
    /// NULL: the store is in memory, and this member has no part in a group.
    pub folder: *const c_char,
    /// Bytes of it.
    pub folder_len: usize,
    /// The members of the group that agrees, by their public keys, the same at all of them; at
    /// most NSW_HOST_MEMBER_MOST_VOTERS. A member that is not among them has no part in it.
    pub voters: *const nsw_key,
    /// Number of them.
    pub voters_len: usize,
    /// What it calls the program for; NULL: nothing.
    pub hooks: *const nsw_host_member_hooks,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_member_config {
    const LEAST: usize = size_of::<nsw_host_member_config>();
}

/// How a member does. NSW_HOST_MEMBER_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_info {
    /// sizeof(nsw_host_member_info); NSW_HOST_MEMBER_INFO_INIT sets it.
    pub size: u32,
    /// Members that take part, this one among them.
    pub members: u32,
    /// Its number in the swarm.
    pub id: u64,
    /// Its public key.
    pub identity: nsw_key,
    /// Members that there is a session with.
    pub sessions: u32,
    /// 1 while its thread runs and it was not told to stop.
    pub running: u32,
    /// 1 if it has a part in the group.
    pub votes: u32,
    /// 1 if it leads it.
    pub leads: u32,
    /// Who does, as far as is known; 0: nobody.
    pub leader: u64,
    /// The group's term.
    pub term: u64,
    /// What the group has agreed on, by index.
    pub commit: u64,
    /// What was applied here.
    pub applied: u64,
    /// What the newest snapshot stands for.
    pub snapshot: u64,
    /// Proposals of this member that are not agreed on yet.
    pub waiting: u64,
    /// Why the transport takes no datagrams in now; NSW_OK if it does.
    pub transport: nsw_status,
    /// Why the files of the store take nothing now; NSW_OK if they do.
    pub store: nsw_status,
    /// Why this member has no part in the group any more; NSW_OK if it has.
    pub group: nsw_status,
    /// 0.
    pub reserved: u32,
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// Bytes of datagrams that came.
    pub received_bytes: u64,
    /// Bytes of datagrams that were sent.
    pub sent_bytes: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_member_info {
    const LEAST: usize = size_of::<nsw_host_member_info>();
}

/// A member, as this one knows it. NSW_HOST_MEMBER_SEEN_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_member_seen {
    /// sizeof(nsw_host_member_seen); NSW_HOST_MEMBER_SEEN_INIT sets it.
    pub size: u32,
    /// How it stands: NSW_MEMBER_ALIVE and so on.
    pub standing: u32,
    /// Its number.
    pub id: u64,
    /// Where it says that it is to be reached.
    pub address: nsw_address,
    /// Bytes of what it says of itself.
    pub meta_len: u32,
    /// 0.
    pub reserved: u32,
    /// What it says of itself.
    pub meta: [u8; 64],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_member_seen {
    const LEAST: usize = size_of::<nsw_host_member_seen>();
}
