//! What composes the domains into one member of a swarm.
//!
//! - [`membership`]: who is there.
//! - [`Node`]: sessions with the other members, and membership over them. It is asked to do a bounded piece of work at a
//!   time ([`Node::poll`]), with a transport and its [`Part`]s, which the caller owns:
//! - [`Sharing`]: a store that members share.
//! - [`RaftGroup`]: members that agree, by Raft.
//! - [`Topics`]: publish and subscribe.
//! - [`Requests`]: requests with deadlines, and their answers.
//! - [`Missions`]: work that is given at one member and done by many.
//! - [`metrics`]: what is counted and measured, in the text that Prometheus reads.
//!
//! A part that is not made costs nothing, neither memory nor code. Each has its memory in one piece, and its footprint
//! tells it.
//!
//! ```
//! use neural_swarm::comm::identity::{LocalSecrets, Secrets};
//! use neural_swarm::node::{Event, Node, NodeConfig, Topics, TopicsConfig};
//! use neural_swarm::port::{Address, Heap, SystemEntropy, Transport};
//! # use neural_swarm::{Error, Result};
//! # struct Nowhere;
//! # impl Transport for Nowhere {
//! #     fn send(&mut self, _: &Address, _: &[u8]) -> Result<()> { Ok(()) }
//! #     fn receive(&mut self, _: &mut [u8]) -> Result<Option<(usize, Address)>> { Ok(None) }
//! #     fn waiting(&self) -> Option<usize> { None }
//! # }
//! # let (mut transport, seed_address, friend) = (Nowhere, Address::EMPTY, [1; 32]);
//!
//! let secrets = LocalSecrets::random(&mut SystemEntropy)?;
//! let config = NodeConfig::new(b"example", 16);
//! let mut node = Node::new(&config, secrets, SystemEntropy, Heap, 0)?;
//! node.trust_mut().pin(&friend)?;
//! node.join(&seed_address, 0)?;
//! let mut topics = Topics::new(&TopicsConfig::new(node.id(), config.max_message(), 1), Heap)?;
//! topics.subscribe(b"news")?;
//! // And so on, for ever: poll again when a datagram has come, and not later than it says.
//! let wake = node.poll(1_000, &mut transport, &mut [&mut topics])?;
//! while let Some(event) = node.next_event() {
//!     println!("{event:?}");
//! }
//! while let Some(publication) = topics.next_publication() {
//!     println!("{:?}", publication.message);
//! }
//! assert!(wake > 1_000);
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod bytes;
mod config;
mod groups;
pub mod membership;
pub mod metrics;
mod missions;
#[expect(clippy::module_inception, reason = "the node itself")]
mod node;
mod part;
mod peers;
mod random;
mod requests;
mod sharing;
mod suspects;
mod topics;
mod work;

use crate::comm::crypto::{Hash, PublicKey};

pub use self::config::NodeConfig;
pub use self::groups::{RaftGroup, RaftMember};
pub use self::missions::{
    JobId, MOST_SLOTS, MissionEvent, MissionId, MissionState, MissionTask, Missions,
    MissionsConfig, MissionsStats, Offer, Progress,
};
pub use self::node::{Event, Node, NodeStats};
pub use self::part::{MOST_TARGETS, Part, Targets, View};
pub use self::requests::{
    CallId, Failure, MOST_DEADLINE, MOST_METHOD, RequestEvent, RequestId, Requests, RequestsConfig,
    RequestsStats,
};
pub use self::sharing::{SharedStore, Sharing, SharingConfig, SharingStats};
pub use self::suspects::{Evidence, is_violation};
pub use self::topics::{MOST_TOPIC, Publication, Topics, TopicsConfig, TopicsStats};

/// Which messages are whose: the first byte of each. Those from 128 on are for parts of your own.
pub mod channel {
    /// The node's own: who is there.
    pub const MEMBERS: u8 = 0;
    /// A store that members share.
    pub const STORE: u8 = 1;
    /// Publications.
    pub const TOPICS: u8 = 2;
    /// Requests and answers.
    pub const REQUESTS: u8 = 3;
    /// Missions: requests of their own.
    pub const MISSIONS: u8 = 4;
    /// Groups that agree: the first of so many.
    pub const GROUPS: u8 = 16;
    /// The most groups.
    pub const MOST_GROUPS: u8 = 64;
}

/// The number of the member with this identity: 8 bytes of a hash of it, so nobody has to hand numbers out. That it is
/// this member's, its session proves.
pub fn node_id(identity: &PublicKey) -> u64 {
    let digest = Hash::Blake2s.digest(&[b"neural-swarm node id v1", identity]);
    let [a, b, c, d, e, f, g, h, ..] = *digest.key();
    // 0 and the largest number are nobody's.
    u64::from_le_bytes([a, b, c, d, e, f, g, h]).clamp(1, u64::MAX - 1)
}
