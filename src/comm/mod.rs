//! The secure link: who a peer is, what was said to it, and that nobody else
//! heard or changed it.

pub mod crypto;
pub mod group;
pub mod identity;
pub mod link;
pub mod noise;
pub mod framing;
#[cfg(feature = "post-quantum")]
pub mod pq;
