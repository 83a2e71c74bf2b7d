//! The secure link: who a peer is, what was said to it, and that nobody else
//! heard or changed it.

pub mod capability;
pub mod channel;
pub mod crypto;
pub mod framing;
pub mod group;
pub mod identity;
pub mod link;
pub mod noise;
#[cfg(feature = "post-quantum")]
pub mod pq;
