//! HandshakeState (section 5.3 of the framework).

use zeroize::{Zeroize, Zeroizing};

use super::pattern::{Protocol, Token};
use super::symmetric::SymmetricState;
use super::transport::Transport;
use crate::comm::crypto::{self, Digest, PublicKey, Secret, TAG};
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
#[derive(Clone)]
pub struct Handshake {
    protocol: Protocol,
    initiator: bool,
    /// Messages done.
    done: usize,
    /// Pre-shared keys used.
    psks: usize,
    symmetric: SymmetricState,
    ephemeral: Option<KeyPair>,
    remote_ephemeral: Option<PublicKey>,
    remote_static: Option<PublicKey>,
}

impl Drop for Handshake {
    /// Overwrites the room for what it does not have, too: what was on the stack when
    /// it was moved there.
    fn drop(&mut self) {
        let (private, public) = (Secret::new([0; KEY]), [0; KEY]);
        self.ephemeral.insert(KeyPair { private, public }).zeroize();
        self.remote_ephemeral.insert([0; KEY]).zeroize();
        self.remote_static.insert([0; KEY]).zeroize();
    }
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
            protocol,
            initiator,
            done: 0,
            psks: 0,
            symmetric: SymmetricState::new(protocol.cipher, protocol.hash, name),
            ephemeral: None,
            remote_ephemeral: None,
            remote_static: remote,
        };
        handshake.check_keys(keys)?;
        if remote.is_some() != protocol.known(!initiator) {
            return Err(Error::CommKeys);
        }
        handshake.symmetric.mix_hash(prologue);
        for side in [true, false] {
            if protocol.known(side) {
                let local = keys.local.map(StaticKey::public_key);
                let known = if side == initiator { local } else { remote };
                handshake.symmetric.mix_hash(&known.ok_or(Error::CommKeys)?);
            }
        }
        Ok(handshake)
    }

    fn check_keys(&self, keys: &Keys) -> Result<()> {
        let right = keys.psks.len() == self.protocol.psks()
            && keys.local.is_some() == self.protocol.has_static(self.initiator);
        if right { Ok(()) } else { Err(Error::CommKeys) }
    }

    /// The name of the pattern, without modifiers: `XX`.
    pub fn pattern(&self) -> &'static str {
        // All names are ASCII.
        core::str::from_utf8(self.pattern_bytes()).unwrap_or("")
    }

    /// The same as bytes, in less code.
    pub(crate) fn pattern_bytes(&self) -> &'static [u8] {
        self.protocol.pattern()
    }

    /// Whether all messages are done.
    pub fn is_finished(&self) -> bool {
        self.done == self.protocol.messages()
    }

    /// Whether the next message is this side's to write.
    pub fn is_my_turn(&self) -> bool {
        !self.is_finished() && self.done.is_multiple_of(2) == self.initiator
    }

    /// The peer's static key, once it is known. What it is worth is for the
    /// caller to say.
    pub fn remote_static(&self) -> Option<&PublicKey> {
        self.remote_static.as_ref()
    }

    /// This side's ephemeral key, once it was sent.
    pub fn local_ephemeral(&self) -> Option<PublicKey> {
        self.ephemeral.as_ref().map(|pair| pair.public)
    }

    /// The transcript so far (the framework's `h`): when the handshake is
    /// finished, both sides have the same, and nobody else (section 11.2).
    pub fn transcript(&self) -> &[u8] {
        self.digest().bytes()
    }

    pub(crate) fn digest(&self) -> &Digest {
        self.symmetric.transcript()
    }

    /// The bytes that the next message has beside its payload.
    pub fn overhead(&self) -> usize {
        let mut key = self.symmetric.has_key();
        let mut bytes = 0;
        for token in self.protocol.tokens(self.done) {
            match token {
                Token::E => {
                    bytes += KEY;
                    key |= self.protocol.psks() > 0;
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
        let mut next = self.clone();
        for token in self.protocol.tokens(self.done) {
            match token {
                Token::E => {
                    let pair = KeyPair::random(entropy)?;
                    take(&mut rest, KEY)?.copy_from_slice(&pair.public);
                    next.symmetric.mix_hash(&pair.public);
                    if next.protocol.psks() > 0 {
                        next.symmetric.mix_key(&pair.public);
                    }
                    next.ephemeral = Some(pair);
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
        core::mem::swap(self, &mut next);
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
        let mut next = self.clone();
        for token in self.protocol.tokens(self.done) {
            match token {
                Token::E => {
                    let (key, after) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
                    rest = after;
                    next.symmetric.mix_hash(key);
                    if next.protocol.psks() > 0 {
                        next.symmetric.mix_key(key);
                    }
                    next.remote_ephemeral = Some(*key);
                }
                Token::S => {
                    let tag = if next.symmetric.has_key() { TAG } else { 0 };
                    let (key, after) = rest.split_at_checked(KEY + tag).ok_or(Error::CommFormat)?;
                    rest = after;
                    let mut public = [0; KEY];
                    next.symmetric.decrypt_and_hash(key, &mut public)?;
                    next.remote_static = Some(public);
                }
                secret => next.mix(secret, keys)?,
            }
        }
        next.symmetric.decrypt_and_hash(rest, payload)?;
        next.done += 1;
        core::mem::swap(self, &mut next);
        Ok(len)
    }

    /// Mixes a secret in.
    fn mix(&mut self, token: Token, keys: &Keys) -> Result<()> {
        let ephemeral = self.ephemeral.as_ref().map(|pair| pair as &dyn StaticKey);
        let (e, s) = (&self.remote_ephemeral, &self.remote_static);
        // `es` is the initiator's ephemeral key with the responder's static one.
        let (own, peer) = match (token, self.initiator) {
            (Token::Ee, _) => (ephemeral, e),
            (Token::Es, true) | (Token::Se, false) => (ephemeral, s),
            (Token::Es, false) | (Token::Se, true) => (keys.local, e),
            (Token::Ss, _) => (keys.local, s),
            (Token::Psk, _) => {
                let psk = keys.psks.get(self.psks).ok_or(Error::CommKeys)?;
                self.psks += 1;
                self.symmetric.mix_key_and_hash(psk.bytes());
                return Ok(());
            }
            (Token::E | Token::S | Token::Next | Token::End, _) => return Err(Error::CommState),
        };
        let peer = peer.as_ref().ok_or(Error::CommState)?;
        let secret = own.ok_or(Error::CommKeys)?.agree(peer)?;
        self.symmetric.mix_key(&*secret);
        Ok(())
    }

    /// The two keys that a finished handshake has agreed on.
    ///
    /// [`Error::CommState`] if it is not finished.
    pub fn finish(&self) -> Result<Transport> {
        if !self.is_finished() {
            return Err(Error::CommState);
        }
        let [first, second] = self.symmetric.split();
        let (send, receive) = if self.initiator { (first, second) } else { (second, first) };
        let one_way = self.protocol.one_way();
        Ok(Transport::new(
            (!one_way || self.initiator).then_some(send),
            (!one_way || !self.initiator).then_some(receive),
        ))
    }
}

/// The first `len` bytes of `rest`, which goes on behind them.
fn take<'b>(rest: &mut &'b mut [u8], len: usize) -> Result<&'b mut [u8]> {
    let (head, tail) =
        core::mem::take(rest).split_at_mut_checked(len).ok_or(Error::BufferTooSmall)?;
    *rest = tail;
    Ok(head)
}
