//! HandshakeState (section 5.3 of the framework).

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::pattern::{Protocol, Token};
use super::symmetric::SymmetricState;
use super::transport::Transport;
use crate::comm::crypto::{self, PublicKey, Secret, TAG};
use crate::error::{Error, Result};
use crate::port::Entropy;

/// The most bytes of a Noise message.
pub const MAX_MESSAGE: usize = 65_535;

/// Bytes of a public key.
const KEY: usize = 32;

/// A private key of X25519 that can agree on secrets: in memory ([`KeyPair`]),
/// or in a secure element.
pub trait StaticKey {
    /// Its public key.
    fn public_key(&self) -> PublicKey;

    /// The secret shared with the holder of `peer`; [`Error::CommKey`] if it
    /// would be zero (see [`crypto::agree`]).
    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>>;
}

/// A private key in memory, with its public key.
#[derive(Clone, Debug, Zeroize)]
pub struct KeyPair {
    private: Secret,
    public: PublicKey,
}

impl KeyPair {
    /// The pair of a private key.
    pub fn new(private: Secret) -> KeyPair {
        KeyPair { public: crypto::public_key(&private), private }
    }

    /// A new pair.
    pub fn random(entropy: &mut dyn Entropy) -> Result<KeyPair> {
        Secret::random(entropy).map(KeyPair::new)
    }

    /// The private key.
    pub fn private(&self) -> &Secret {
        &self.private
    }
}

impl StaticKey for KeyPair {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        crypto::agree(&self.private, peer)
    }
}

/// One side's long-lived secrets: lent to each call, kept by nobody.
#[derive(Clone, Copy, Default)]
pub struct Keys<'k> {
    /// The static key, where the pattern has one.
    pub local: Option<&'k dyn StaticKey>,
    /// The pre-shared keys, one for each `psk` modifier of the name.
    pub psks: &'k [Secret],
}

/// A handshake in progress.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Handshake {
    state: State,
}

/// It is copied for each message, in one go.
#[derive(Clone, Copy, Zeroize)]
struct State {
    #[zeroize(skip)]
    protocol: Protocol,
    initiator: bool,
    /// Messages done.
    done: u8,
    /// Pre-shared keys used.
    psks: u8,
    /// Which of the keys below are there.
    has_ephemeral: bool,
    has_remote_ephemeral: bool,
    has_remote_static: bool,
    private: [u8; KEY],
    public: PublicKey,
    remote_ephemeral: PublicKey,
    remote_static: PublicKey,
    symmetric: SymmetricState,
}

impl Handshake {
    /// A handshake of the protocol with this name, for example
    /// `Noise_XX_25519_ChaChaPoly_BLAKE2s`. Both sides must give the same
    /// `prologue`. `remote` is the peer's static key, where the pattern says
    /// that it is known.
    ///
    /// [`Error::CommProtocol`] for a name that this build does not have,
    /// [`Error::CommKeys`] for a key that is missing or has no use.
    pub fn new(
        name: &str,
        initiator: bool,
        prologue: &[u8],
        keys: &Keys,
        remote: Option<PublicKey>,
    ) -> Result<Handshake> {
        let protocol = Protocol::parse(name)?;
        let mut handshake = Handshake {
            state: State {
                protocol,
                initiator,
                done: 0,
                psks: 0,
                has_ephemeral: false,
                has_remote_ephemeral: false,
                has_remote_static: remote.is_some(),
                private: [0; KEY],
                public: [0; KEY],
                remote_ephemeral: [0; KEY],
                remote_static: remote.unwrap_or_default(),
                symmetric: SymmetricState::new(protocol.cipher, protocol.hash, name),
            },
        };
        handshake.check_keys(keys)?;
        if remote.is_some() != protocol.known(!initiator) {
            return Err(Error::CommKeys);
        }
        let symmetric = &mut handshake.state.symmetric;
        symmetric.mix_hash(prologue);
        for side in [true, false] {
            if protocol.known(side) {
                let local = keys.local.map(StaticKey::public_key);
                let known = if side == initiator { local } else { remote };
                symmetric.mix_hash(&known.ok_or(Error::CommKeys)?);
            }
        }
        Ok(handshake)
    }

    fn check_keys(&self, keys: &Keys) -> Result<()> {
        let State { protocol, initiator, .. } = &self.state;
        let right = keys.psks.len() == protocol.psks()
            && keys.local.is_some() == protocol.has_static(*initiator);
        if right { Ok(()) } else { Err(Error::CommKeys) }
    }

    /// The name of the pattern, without modifiers: `XX`.
    pub fn pattern(&self) -> &'static str {
        // All names are ASCII.
        core::str::from_utf8(self.pattern_bytes()).unwrap_or("")
    }

    /// The same as bytes, in less code.
    pub(crate) fn pattern_bytes(&self) -> &'static [u8] {
        self.state.protocol.pattern()
    }

    /// Whether all messages are done.
    pub fn is_finished(&self) -> bool {
        usize::from(self.state.done) == self.state.protocol.messages()
    }

    /// Whether the next message is this side's to write.
    pub fn is_my_turn(&self) -> bool {
        !self.is_finished() && self.state.done.is_multiple_of(2) == self.state.initiator
    }

    /// The peer's static key, once it is known. What it is worth is for the
    /// caller to say.
    pub fn remote_static(&self) -> Option<&PublicKey> {
        self.state.has_remote_static.then_some(&self.state.remote_static)
    }

    /// This side's ephemeral key, once it was sent.
    pub fn local_ephemeral(&self) -> Option<PublicKey> {
        self.state.has_ephemeral.then_some(self.state.public)
    }

    /// The transcript so far (the framework's `h`): when the handshake is
    /// finished, both sides have the same, and nobody else (section 11.2).
    pub fn transcript(&self) -> &[u8] {
        self.state.symmetric.transcript()
    }

    /// The bytes that the next message has beside its payload.
    pub fn overhead(&self) -> usize {
        let State { protocol, symmetric, done, .. } = &self.state;
        let mut key = symmetric.has_key();
        let mut bytes = 0;
        for token in protocol.tokens(*done) {
            match token {
                Token::E => {
                    bytes += KEY;
                    key |= protocol.psks() > 0;
                }
                Token::S => bytes += KEY + if key { TAG } else { 0 },
                _ => key = true,
            }
        }
        bytes + if key { TAG } else { 0 }
    }

    /// Writes the next message with `payload` in it to `out`; returns its
    /// length. What protects the payload depends on the pattern and the message
    /// (section 7.7): the first one's is often for all to read.
    ///
    /// [`Error::CommState`] if it is not this side's turn,
    /// [`Error::BufferTooSmall`] (see [`overhead`](Self::overhead)),
    /// [`Error::CommTooLong`] beyond [`MAX_MESSAGE`], [`Error::CommKeys`],
    /// [`Error::CommKey`], and those of `entropy`. Nothing is changed then.
    pub fn write(
        &mut self,
        keys: &Keys,
        entropy: &mut dyn Entropy,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        if !self.is_my_turn() {
            return Err(Error::CommState);
        }
        self.check_keys(keys)?;
        let len = self.overhead().checked_add(payload.len()).filter(|len| *len <= MAX_MESSAGE);
        let len = len.ok_or(Error::CommTooLong)?;
        let mut rest = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let mut whole = self.clone();
        let next = &mut whole.state;
        for token in next.protocol.tokens(next.done) {
            match token {
                Token::E => {
                    entropy.fill(&mut next.private)?;
                    next.public = crypto::public_key_of(&next.private);
                    next.has_ephemeral = true;
                    take(&mut rest, KEY)?.copy_from_slice(&next.public);
                    next.symmetric.mix_hash(&next.public);
                    if next.protocol.psks() > 0 {
                        next.symmetric.mix_key(&next.public);
                    }
                }
                Token::S => {
                    let tag = if next.symmetric.has_key() { TAG } else { 0 };
                    let place = take(&mut rest, KEY + tag)?;
                    let public = keys.local.ok_or(Error::CommKeys)?.public_key();
                    place.iter_mut().zip(public).for_each(|(to, from)| *to = from);
                    next.symmetric.encrypt_and_hash(place)?;
                }
                secret => next.mix(secret, keys)?,
            }
        }
        rest.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        next.symmetric.encrypt_and_hash(rest)?;
        next.done += 1;
        core::mem::swap(self, &mut whole);
        Ok(len)
    }

    /// Reads the peer's next message; its payload goes to `payload`, which must
    /// have room for the message less its [`overhead`](Self::overhead); returns
    /// its length.
    ///
    /// [`Error::CommState`] if it is this side's turn, [`Error::CommFormat`] if
    /// the message is too short, [`Error::CommTooLong`], [`Error::CommAuth`] if
    /// it is not authentic, [`Error::CommKey`] for a key of small order,
    /// [`Error::BufferTooSmall`], [`Error::CommKeys`]. Nothing is changed then,
    /// but for the contents of `payload`.
    pub fn read(&mut self, keys: &Keys, message: &[u8], payload: &mut [u8]) -> Result<usize> {
        if self.is_finished() || self.is_my_turn() {
            return Err(Error::CommState);
        }
        self.check_keys(keys)?;
        if message.len() > MAX_MESSAGE {
            return Err(Error::CommTooLong);
        }
        let len = message.len().checked_sub(self.overhead()).ok_or(Error::CommFormat)?;
        let payload = payload.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let mut rest = message;
        let mut whole = self.clone();
        let next = &mut whole.state;
        for token in next.protocol.tokens(next.done) {
            match token {
                Token::E => {
                    let (key, after) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
                    rest = after;
                    next.symmetric.mix_hash(key);
                    if next.protocol.psks() > 0 {
                        next.symmetric.mix_key(key);
                    }
                    (next.remote_ephemeral, next.has_remote_ephemeral) = (*key, true);
                }
                Token::S => {
                    let tag = if next.symmetric.has_key() { TAG } else { 0 };
                    let (key, after) = rest.split_at_checked(KEY + tag).ok_or(Error::CommFormat)?;
                    rest = after;
                    next.symmetric.decrypt_and_hash(key, &mut next.remote_static)?;
                    next.has_remote_static = true;
                }
                secret => next.mix(secret, keys)?,
            }
        }
        next.symmetric.decrypt_and_hash(rest, payload)?;
        next.done += 1;
        core::mem::swap(self, &mut whole);
        Ok(len)
    }

    /// The two keys that a finished handshake has agreed on.
    ///
    /// [`Error::CommState`] if it is not finished.
    pub fn finish(&self) -> Result<Transport> {
        if !self.is_finished() {
            return Err(Error::CommState);
        }
        let State { symmetric, protocol, initiator, .. } = &self.state;
        Ok(Transport::new(symmetric, protocol.cipher, *initiator, protocol.one_way()))
    }
}

impl State {
    /// Mixes a secret in.
    fn mix(&mut self, token: Token, keys: &Keys) -> Result<()> {
        // `es` is the initiator's ephemeral key with the responder's static one.
        let (own_ephemeral, remote_ephemeral) = match (token, self.initiator) {
            (Token::Ee, _) => (true, true),
            (Token::Es, true) | (Token::Se, false) => (true, false),
            (Token::Es, false) | (Token::Se, true) => (false, true),
            (Token::Ss, _) => (false, false),
            (Token::Psk, _) => {
                let psk = keys.psks.get(usize::from(self.psks)).ok_or(Error::CommKeys)?;
                self.psks += 1;
                self.symmetric.mix_key_and_hash(psk.bytes());
                return Ok(());
            }
            (Token::E | Token::S | Token::Next | Token::End, _) => return Err(Error::CommState),
        };
        let (there, peer) = if remote_ephemeral {
            (self.has_remote_ephemeral, &self.remote_ephemeral)
        } else {
            (self.has_remote_static, &self.remote_static)
        };
        if !there {
            return Err(Error::CommState);
        }
        let secret = if !own_ephemeral {
            keys.local.ok_or(Error::CommKeys)?.agree(peer)?
        } else if self.has_ephemeral {
            crypto::agree_by(&self.private, peer)?
        } else {
            return Err(Error::CommKeys);
        };
        self.symmetric.mix_key(&*secret);
        Ok(())
    }
}

/// The first `len` bytes of `rest`, which goes on behind them.
fn take<'b>(rest: &mut &'b mut [u8], len: usize) -> Result<&'b mut [u8]> {
    let (head, tail) =
        core::mem::take(rest).split_at_mut_checked(len).ok_or(Error::BufferTooSmall)?;
    *rest = tail;
    Ok(head)
}
