//! The secure link: who a peer is, what was said to it, and that nobody else
//! heard or changed it.

pub mod crypto;
pub mod identity;
pub mod link;
pub mod noise;
pub mod group;
#[cfg(feature = "post-quantum")]
pub mod pq;
