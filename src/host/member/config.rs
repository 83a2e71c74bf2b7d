//! What a member is made for.

use std::boxed::Box;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
use std::vec::Vec;

use crate::comm::crypto::{PublicKey, Secret};
use crate::comm::identity::Certificate;
use crate::consensus::LocksConfig;
use crate::consensus::locks::{LEAST_TTL_US, MOST_TTL_US};
use crate::crdt::StoreConfig;
use crate::error::{Error, Result};
use crate::port::{Address, Transport};

/// Who a member is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// By the seed of its Ed25519 key.
    Seed(Secret),
    /// By a file, as [`save_key`](crate::host::save_key) writes it. If there is none, one with a new key is made.
    File(PathBuf),
}

/// What carries a member's datagrams.
pub enum Carrier {
    /// A UDP socket that listens at this address. Port 0 means any free one.
    Udp(Address),
    /// A Unix-domain socket in this folder, under this name ([`unix_address`](crate::host::unix_address)).
    Unix {
        /// The folder.
        folder: PathBuf,
        /// The name.
        name: Address,
    },
    /// The caller's own. The member's thread alone calls it.
    Own {
        /// It carries datagrams of at least [`MemberConfig::mtu`] bytes.
        transport: Box<dyn Transport + Send>,
        /// Becomes readable when a datagram has come. Nothing: [`Member::wake`](super::Member::wake) says so.
        wait: Option<OwnedFd>,
        /// The transport is looked at so often in any case. Zero: only when it was said that something has come, or
        /// when there is something else to do.
        every: Duration,
    },
}

/// Settings of a [`Member`](super::Member): [`MemberConfig::new`], then what should be different.
///
/// Each that is trusted is one of `pinned`, has a certificate of one of `authorities`, or knows `psk`: without any of
/// these a member is alone.
pub struct MemberConfig {
    /// What the members of this swarm have in common: any bytes, not secret. The same at all.
    pub network: Vec<u8>,
    /// Who this member is.
    pub identity: Identity,
    /// What carries its datagrams.
    pub carrier: Carrier,
    /// Where the others reach it; nothing: where its socket listens, which has to be an address of its own then (not
    /// `0.0.0.0`).
    pub address: Option<Address>,
    /// Those that are trusted, by their public keys.
    pub pinned: Vec<PublicKey>,
    /// Those whose certificates are believed, each from an epoch on.
    pub authorities: Vec<(PublicKey, u32)>,
    /// What this member shows to those who do not know its key.
    pub certificate: Option<Certificate>,
    /// A secret of the whole swarm: who knows it is trusted. The same at all members.
    pub psk: Option<Secret>,
    /// Addresses of members to begin with, at most 8: while this one is alone, it calls there.
    pub seeds: Vec<Address>,
    /// What it says of itself to all: at most 64 bytes.
    pub meta: Vec<u8>,
    /// The most members that are known at once, those that are gone among them: 2 to 65,535.
    pub members: usize,
    /// The longest datagram, in bytes.
    pub mtu: usize,
    /// One other member is probed in each such period, in microseconds; it says how soon who is dead is known.
    pub period_us: u64,
    /// Where what has to outlive the process is kept: the shared store, and the group's records. A folder of this
    /// member's own; it is made if there is none, and the one around it is there. Nothing: the store is in memory, and
    /// there can be no group.
    pub folder: Option<PathBuf>,
    /// The shared store. `replica` is the member's to set. What it says of itself has to fit a datagram
    /// ([`StoreConfig::most_context`]). `replicas`: each member is one; without a folder each start of a member is.
    pub store: StoreConfig,
    /// The members of the group that agrees, by their public keys: the same at all of them, at most 7. Empty: there is
    /// none. A member that is not among them has no part in the group.
    pub voters: Vec<PublicKey>,
    /// The longest entry that is proposed, in bytes: the same at all voters. An entry of this length fits a datagram.
    pub max_entry: usize,
    /// How long nothing is heard of the group's leader before another is elected, in microseconds (up to twice that).
    /// The same at all voters.
    pub election_us: u64,
    /// The group's locks: the same at all voters, and for as long as there are their files.
    pub locks: LocksConfig,
    /// So long a member that is not heard of keeps its locks, in microseconds: 1 ms to a day.
    pub lease_us: u64,
    /// After so many entries of the group the application's state is asked for, so that it takes the place of older ones
    /// ([`Member::on_snapshot`](super::Member::on_snapshot)). Not 0.
    pub snapshot_entries: u64,
    /// A file of the group's log longer than this is followed by another one, in bytes: 512 to 2^40. Those that a
    /// snapshot stands for are removed as a whole.
    pub segment_bytes: u64,
    /// Whether what the group has agreed on, and what is put in the store, is on the disk before it is said. Without it a
    /// power failure may take it back, and this member must not come back after one.
    pub sync: bool,
    /// The most requests of this member at once, 1 to 65,535.
    pub requests: usize,
    /// The most requests of others at once, those that wait for an answer among them, 1 to 65,535.
    pub calls: usize,
    /// The most topics that are subscribed to, 0 to 65,535.
    pub topics: usize,
    /// So long leaving the swarm may take, in microseconds.
    pub leave_us: u64,
}

impl MemberConfig {
    /// For a member of a small swarm on a local network: 32 members, datagrams of 1,280 bytes, a probe each half
    /// second, a store of 256 keys and 256 KiB in memory, entries of up to 512 bytes, a leader's silence of 300 ms, leases
    /// of five seconds, snapshots after 1,024 entries, 64 requests each way, 16 topics, two seconds to leave. It
    /// trusts nobody, and there is no group.
    pub fn new(network: &[u8], identity: Identity, carrier: Carrier) -> MemberConfig {
        MemberConfig {
            network: network.to_vec(),
            identity,
            carrier,
            address: None,
            pinned: Vec::new(),
            authorities: Vec::new(),
            certificate: None,
            psk: None,
            seeds: Vec::new(),
            meta: Vec::new(),
            members: 32,
            mtu: 1280,
            period_us: 500_000,
            folder: None,
            store: StoreConfig {
                replicas: 32,
                keys: 256,
                items: 4096,
                bytes: 1 << 18,
                log: 1024,
                ..StoreConfig::default()
            },
            voters: Vec::new(),
            max_entry: 512,
            election_us: 300_000,
            locks: LocksConfig::default(),
            lease_us: 5_000_000,
            snapshot_entries: 1024,
            segment_bytes: 8 << 20,
            sync: true,
            requests: 64,
            calls: 64,
            topics: 16,
            leave_us: 2_000_000,
        }
    }

    /// What its parts do not look at themselves.
    pub(super) fn check(&self) -> Result<()> {
        let good = (LEAST_TTL_US..=MOST_TTL_US).contains(&self.lease_us)
            && self.snapshot_entries > 0
            && self.voters.len() <= super::MOST_VOTERS
            && self.max_entry > 0
            && self.calls > 0
            && self.leave_us <= 3_600_000_000;
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}
