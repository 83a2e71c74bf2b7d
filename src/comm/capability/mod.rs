//! Capabilities: what a peer may do, said by somebody whom the node trusts, and
//! handed on in part, without asking anybody.
//!
//! A capability is a chain of one to four signed links. The first is signed by
//! an authority's Ed25519 key, each other by the subject of the link before it.
//! The subject of the last is the holder. It is not a bearer token: a copy is of
//! no use without the holder's key, because [`verify`] takes the identity that
//! the session has authenticated and compares. docs/capability-format.md has
//! the bytes.
//!
//! - **Attenuation** (Miller, "Robust Composition", 2006; Birgisson et al.,
//!   "Macaroons", NDSS 2014): a link only ever takes away. Its resource prefix
//!   is written as what it adds to the one before, its caveats hold besides
//!   those before; operations, times, epoch and depth are compared
//!   ([`Error::CommWidened`]).
//! - **Chain**: each signature covers all bytes before it, so no link can be
//!   moved, left out, or put into another chain. What remains when links are cut
//!   off the end is the capability of an earlier holder, who had it anyway.
//! - **Time**: a link has a not-before and an expiry by the wall clock, an epoch,
//!   or both. Epochs are counted by the authority and need no clock: a link ends
//!   when the node's epoch passes its own. Of a node without a clock the
//!   [`Grant`] says that only the epoch was checked; what cannot be checked at
//!   all is refused.
//! - **Revocation**: the authority signs lists of ids with an epoch
//!   ([`Revocations`]).
//!
//! Nothing here needs a network, a clock or memory of its own.
//!
//! ```
//! use neural_swarm::comm::capability::{self, Ask, Check, Terms};
//! use neural_swarm::comm::crypto::Secret;
//! use neural_swarm::comm::identity::{LocalSecrets, Secrets};
//!
//! let [authority, node] = [1, 2].map(|seed| LocalSecrets::new(Secret::new([seed; 32])));
//! let terms = Terms {
//!     resource: b"farm/north/",
//!     operations: 0b11,
//!     expiry: Some(1_800_000_000),
//!     ..Terms::to(node.identity())
//! };
//! let mut chain = [0; capability::MAX_CHAIN];
//! let len = capability::issue(&authority, &terms, &mut chain)?;
//!
//! let authorities = [authority.identity()];
//! let check = Check { now: Some(1_790_000_000), ..Check::new(&authorities, node.identity()) };
//! let ask = Ask { resource: b"farm/north/pump", operations: 0b01 };
//! let grant = capability::verify(&chain[..len], &check, &ask)?;
//! assert!(grant.checks.time && !grant.checks.revocation);
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod bounds;
mod format;
mod issue;
mod revocation;
mod verify;

#[cfg(test)]
mod tests;

pub use bounds::{Ask, Bounds};
pub use format::{AuthorityHint, Caveat, Chain, Link, Links, network_tag};
pub(crate) use issue::Draft;
pub use issue::{Terms, delegate, issue};
pub use revocation::{Id, Revocations, key_id, link_id, revocations_len, revoke};
pub use verify::{Check, Checks, Grant, verify};

use super::crypto::{Hash, PublicKey, SIGNATURE, verify as verify_signature};
use super::identity::{MAX_CAPABILITY, Secrets};
use crate::error::{Error, Result};

/// The most links of a chain.
pub const MAX_LINKS: usize = 4;
/// The most bytes of a link. One with the usual fields has no more than 120.
pub const MAX_LINK: usize = 126;
/// The most bytes of a chain: 5, and four links.
pub const MAX_CHAIN: usize = 5 + MAX_LINKS * MAX_LINK;
/// The most bytes of a resource prefix.
pub const MAX_RESOURCE: usize = 64;
/// The most caveats of a link.
pub const MAX_CAVEATS: usize = 4;

/// The version of chains and lists that this library writes and reads.
const VERSION: u8 = 1;

// Whole chains fit into a handshake.
const _: () = assert!(MAX_CHAIN <= MAX_CAPABILITY);

/// What a signature is over: the purpose and the version, so that it is good for
/// nothing else, and the BLAKE2s digest of the bytes.
struct Signed([u8; 26 + 32]);

const LINK: &[u8; 26] = b"neural-swarm/capability/1\n";
const LIST: &[u8; 26] = b"neural-swarm/revocation/1\n";

impl Signed {
    fn new(purpose: &[u8; 26], parts: &[&[u8]]) -> Signed {
        let digest = Hash::Blake2s.digest(parts);
        let mut message = [0; 26 + 32];
        let bytes = purpose.iter().chain(digest.key());
        message.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Signed(message)
    }

    fn verify(&self, by: &PublicKey, signature: &[u8; SIGNATURE]) -> Result<()> {
        verify_signature(by, &self.0, signature)
    }

    /// A signature, which is checked: one that was damaged on its way could give
    /// the key away, or be of no use later.
    fn sign(&self, by: &dyn Secrets) -> Result<[u8; SIGNATURE]> {
        let signature = by.sign(&self.0)?;
        self.verify(&by.identity(), &signature).map_err(|_| Error::Hook)?;
        Ok(signature)
    }
}

/// Those of the authorities that the hint fits.
fn known(authorities: &[PublicKey], hint: AuthorityHint) -> impl Iterator<Item = &PublicKey> {
    authorities.iter().filter(move |key| key.starts_with(&hint))
}

/// Which of the authorities signed.
///
/// [`Error::CommUntrusted`] if the hint fits none, [`Error::CommSignature`] if none
/// of those that it fits did.
fn signer(
    authorities: &[PublicKey],
    hint: AuthorityHint,
    message: &Signed,
    signature: &[u8; SIGNATURE],
) -> Result<PublicKey> {
    let mut result = Err(Error::CommUntrusted);
    for key in known(authorities, hint) {
        result = message.verify(key, signature).map(|()| *key);
        if result.is_ok() {
            break;
        }
    }
    result
}
