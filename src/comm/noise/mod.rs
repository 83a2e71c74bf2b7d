//! The Noise Protocol Framework, revision 34, byte for byte: all fundamental and
//! deferred patterns with any number of `psk` modifiers. Without `std` the
//! deferred ones are an option (feature `deferred-patterns`).
//!
//! [`Handshake`] writes and reads its messages in turn; [`Transport`] is what
//! comes of it. Neither does any input or output, nor knows who is trusted: that
//! is for whoever looks at the keys and payloads. A call that fails changes
//! nothing, so a damaged message can be followed by the good one.
//!
//! ```
//! use neural_swarm::comm::noise::{Handshake, Keys};
//! use neural_swarm::port::SystemEntropy;
//!
//! let name = "Noise_NN_25519_ChaChaPoly_BLAKE2s";
//! let (keys, entropy) = (Keys::default(), &mut SystemEntropy);
//! let mut alice = Handshake::new(name, true, b"", &keys, None)?;
//! let mut bob = Handshake::new(name, false, b"", &keys, None)?;
//! let (mut message, mut payload) = ([0; 64], [0; 64]);
//! let len = alice.write(&keys, entropy, b"", &mut message)?;
//! bob.read(&keys, &message[..len], &mut payload)?;
//! let len = bob.write(&keys, entropy, b"", &mut message)?;
//! alice.read(&keys, &message[..len], &mut payload)?;
//! let (mut alice, mut bob) = (alice.finish()?, bob.finish()?);
//! let len = alice.seal(b"", b"hello", &mut message)?;
//! let len = bob.open(b"", &message[..len], &mut payload)?;
//! assert_eq!(&payload[..len], b"hello");
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod handshake;
mod pattern;
mod symmetric;
mod transport;

pub use handshake::{Handshake, KeyPair, Keys, MAX_MESSAGE, StaticKey};
pub use transport::Transport;
