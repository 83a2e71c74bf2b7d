//! Frames over mutual TLS 1.3, for who must have it.
//!
//! Both ends have certificates of authorities that the other trusts. On top of
//! that, both show who they are in the swarm: the first frame of each is a
//! [`Hello`] whose signature is over
//!
//! ```text
//!  0  "neural-swarm tls identity v1", 28 bytes
//! 28  role of the signer: 0 client, 1 server
//! 29  tls-exporter of the connection (RFC 9266), 32 bytes
//! ```
//! So an identity is bound to this connection and no other: who relays, with
//! whatever certificate, has two connections with two exporters, and is found
//! out. The second frame of each is one byte, 1: the other's identity is
//! accepted. Frames have a length before each, as over TCP.
//!
//! | file | what |
//! |---|---|
//! | `config` | certificates and keys from files |
//! | `secure` | a TLS connection over a TCP stream |

mod config;
mod secure;
#[cfg(test)]
mod tests;

use core::alloc::Layout;
use std::borrow::ToOwned;
use std::time::Duration;

use rustls::pki_types::ServerName;

use self::config::Setup;
pub use self::config::TlsConfig;
use self::secure::{Role, Secure};
use super::clock::unix_time;
use super::tcp::{Listener, connect};
use super::wait::Deadline;
use crate::comm::crypto::{self, PublicKey};
use crate::comm::framing::StreamDecoder;
use crate::comm::identity::{
    CERTIFICATE, Certificate, Hello, MAX_CAPABILITY, MAX_HELLO, Secrets, Trust, Trusted,
};
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Address, Allocator, Transport};

const DOMAIN: &[u8; 28] = b"neural-swarm tls identity v1";
const WELCOME: u8 = 1;
/// How long a peer is given to learn that it is refused.
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection over TLS, or a place for one.
///
/// Its buffers for frames are its own piece of memory; TLS itself (the crates
/// `rustls` and `ring`) takes memory from the heap as it goes. Waiting blocks the
/// calling thread.
pub struct Tls<'m, S> {
    setup: Setup,
    secrets: S,
    trust: Trust<'m>,
    certificate: Option<[u8; CERTIFICATE]>,
    capability: Capability,
    open: Option<Open>,
    decoder: StreamDecoder<'m>,
    /// For who the peer is, whose length has nothing to do with `max_frame`.
    hello: StreamDecoder<'m>,
    max_frame: usize,
    handshake: Duration,
    /// For the comparison: proofs that are good on every connection.
    #[cfg(test)]
    unbound: bool,
    _piece: Piece<'m>,
}

type Capability = heapless::Vec<u8, MAX_CAPABILITY>;

struct Open {
    secure: Secure,
    peer: TlsPeer,
    capability: Capability,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsPeer {
    /// The identity that it has proved.
    pub identity: PublicKey,
    /// Why it is trusted.
    pub trusted: Trusted,
    /// Where it is.
    pub address: Address,
}

/// What is carved from the piece.
fn carve<'m>(
    config: &TlsConfig<'_>,
    carver: &mut Carver<'m>,
) -> Result<(StreamDecoder<'m>, StreamDecoder<'m>, Trust<'m>)> {
    let decoder = StreamDecoder::carve(config.max_frame, carver)?;
    let hello = StreamDecoder::carve(MAX_HELLO, carver)?;
    Ok((decoder, hello, Trust::carve(&config.trust, carver)?))
}

impl<'m, S: Secrets> Tls<'m, S> {
    /// The memory that it takes. [`Error::Invalid`] for a `max_frame` out of
    /// range.
    pub fn footprint(config: &TlsConfig<'_>) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(config, &mut carver)?;
        carver.layout()
    }

    /// A place for a connection of the node with these secrets. Nobody is trusted
    /// yet.
    ///
    /// [`Error::Invalid`] for a `max_frame` out of range, [`Error::HostIo`] if a
    /// file cannot be read, [`Error::HostPermissions`] if others have access to
    /// that of the key, [`Error::HostFile`] if one does not hold what it should,
    /// or the key is not that of the certificate.
    pub fn new(
        config: &TlsConfig<'_>,
        secrets: S,
        memory: impl Allocator<'m>,
    ) -> Result<Tls<'m, S>> {
        Tls::in_piece(config, secrets, memory.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &TlsConfig<'_>,
        secrets: S,
        mut piece: Piece<'m>,
    ) -> Result<Tls<'m, S>> {
        let mut carver = piece.carver(Self::footprint(config)?)?;
        let (decoder, hello, trust) = carve(config, &mut carver)?;
        Ok(Tls {
            setup: Setup::read(config)?,
            secrets,
            trust,
            certificate: None,
            capability: Capability::new(),
            open: None,
            decoder,
            hello,
            max_frame: config.max_frame,
            handshake: config.handshake,
            #[cfg(test)]
            unbound: false,
            _piece: piece,
        })
    }

    /// Who may connect: nobody, at first. Taking somebody out does not end the
    /// connection there is.
    pub fn trust_mut(&mut self) -> &mut Trust<'m> {
        &mut self.trust
    }

    /// The certificate of the swarm that this node shows from now on.
    pub fn set_certificate(&mut self, certificate: Option<&Certificate>) {
        self.certificate = certificate.map(Certificate::encode);
    }

    /// The capability that this node shows from now on; empty: none.
    /// [`Error::CommTooLong`] for more than [`MAX_CAPABILITY`] bytes.
    pub fn set_capability(&mut self, capability: &[u8]) -> Result<()> {
        self.capability = Capability::from_slice(capability).map_err(|_| Error::CommTooLong)?;
        Ok(())
    }

    /// Connects to a listener as a client. `name` is what its TLS certificate must
    /// say: a DNS name or an IP address. `expected`: the identity that must
    /// answer; `None`: anybody trusted.
    ///
    /// [`Error::CommState`] if there is a connection already,
    /// [`Error::HostAddress`] for an address or a name that is none,
    /// [`Error::HostTls`] if either end refuses the other,
    /// [`Error::HostTimeout`], [`Error::HostIo`]; those of the [`Secrets`].
    pub fn connect(
        &mut self,
        to: &Address,
        name: &str,
        expected: Option<&PublicKey>,
        timeout: Duration,
    ) -> Result<()> {
        if self.open.is_some() {
            return Err(Error::CommState);
        }
        let name = ServerName::try_from(name.to_owned()).map_err(|_| Error::HostAddress)?;
        let deadline = Deadline::after(timeout);
        let secure = Secure::client(&self.setup, connect(to, deadline)?, name)?;
        self.begin(secure, *to, expected, deadline)
    }

    /// Takes in the next client of a listener. Others may wait at the same
    /// listener on other threads.
    ///
    /// [`Error::HostTimeout`] if none came, or it took too long;
    /// [`Error::HostTls`] if either end refuses the other; then call again.
    /// Otherwise as [`connect`](Tls::connect).
    pub fn accept(&mut self, listener: &Listener, timeout: Duration) -> Result<()> {
        if self.open.is_some() {
            return Err(Error::CommState);
        }
        let deadline = Deadline::after(timeout);
        let (stream, address) = listener.accept(deadline)?;
        let secure = Secure::server(&self.setup, stream)?;
        self.begin(secure, address, None, deadline)
    }

    fn begin(
        &mut self,
        mut secure: Secure,
        address: Address,
        expected: Option<&PublicKey>,
        deadline: Deadline,
    ) -> Result<()> {
        self.decoder.restart();
        self.hello.restart();
        let deadline = deadline.or_after(self.handshake);
        let met = secure
            .shake_hands(deadline)
            .and_then(|()| self.introduce(&mut secure, expected, deadline));
        match met {
            Ok((identity, trusted, capability)) => {
                let peer = TlsPeer { identity, trusted, address };
                self.open = Some(Open { secure, peer, capability });
                Ok(())
            }
            Err(error) => {
                secure.refuse(deadline.or_after(FAREWELL));
                Err(error)
            }
        }
    }

    /// Tells who we are, and learns who the peer is.
    fn introduce(
        &mut self,
        secure: &mut Secure,
        expected: Option<&PublicKey>,
        deadline: Deadline,
    ) -> Result<(PublicKey, Trusted, Capability)> {
        let exporter = self.binding(secure)?;
        let (ours, theirs) = match secure.role() {
            Role::Client => (0, 1),
            Role::Server => (1, 0),
        };
        let hello = Hello {
            identity: self.secrets.identity(),
            binding: self.secrets.sign(&bound(&exporter, ours))?,
            certificate: self.certificate.as_ref(),
            capability: Some(&*self.capability).filter(|bytes| !bytes.is_empty()),
        };
        let mut buf = [0; MAX_HELLO];
        let len = hello.encode(&mut buf)?;
        secure.put(buf.get(..len).unwrap_or_default())?;
        secure.flush(deadline)?;

        let bytes = early_frame(&mut self.hello, secure, deadline)?;
        let peer = Hello::parse(bytes).map_err(|_| Error::HostTls)?;
        if expected.is_some_and(|expected| peer.identity != *expected) {
            return Err(Error::HostTls);
        }
        crypto::verify(&peer.identity, &bound(&exporter, theirs), &peer.binding)
            .map_err(|_| Error::HostTls)?;
        let trusted = self.trust.judge(&peer, false, Some(unix_time()));
        let trusted = trusted.map_err(|_| Error::HostTls)?;
        let capability = Capability::from_slice(peer.capability.unwrap_or_default());
        let capability = capability.map_err(|_| Error::HostTls)?;
        let identity = peer.identity;

        secure.put(&[WELCOME])?;
        secure.flush(deadline)?;
        match early_frame(&mut self.hello, secure, deadline)? {
            [WELCOME] => Ok((identity, trusted, capability)),
            _ => Err(Error::HostTls),
        }
    }

    fn binding(&self, secure: &Secure) -> Result<[u8; 32]> {
        #[cfg(test)]
        if self.unbound {
            return Ok([0; 32]);
        }
        secure.exporter()
    }

    /// Who is at the other end, as long as there is a connection.
    pub fn peer(&self) -> Option<&TlsPeer> {
        self.open.as_ref().map(|open| &open.peer)
    }

    /// The capability that the peer has shown, as bytes; empty without one.
    pub fn peer_capability(&self) -> Option<&[u8]> {
        self.open.as_ref().map(|open| &*open.capability)
    }

    /// Sends a frame without waiting: what the system does not take at once
    /// waits, and leaves during later calls.
    ///
    /// [`Error::CommClosed`] without a connection, [`Error::CommTooLong`] for
    /// more than `max_frame` bytes, [`Error::Capacity`] if an earlier frame still
    /// waits, [`Error::HostIo`] if the connection broke.
    pub fn send_frame(&mut self, frame: &[u8]) -> Result<()> {
        let max_frame = self.max_frame;
        self.with(|secure, _| {
            if frame.len() > max_frame {
                return Err(Error::CommTooLong);
            }
            secure.write()?;
            if secure.is_full() {
                return Err(Error::Capacity);
            }
            secure.put(frame)?;
            secure.write()
        })
    }

    /// Waits so long until all that was sent has left for the system.
    /// [`Error::CommClosed`] without a connection, [`Error::HostTimeout`] if some
    /// of it has not left, [`Error::HostIo`] if the connection broke.
    pub fn flush(&mut self, timeout: Duration) -> Result<()> {
        self.with(|secure, _| secure.flush(Deadline::after(timeout)))
    }

    /// As [`Transport::receive`], but waits so long for a frame, and tells its
    /// length alone. [`Error::CommClosed`] if the peer has closed the connection,
    /// or there is none; [`Error::HostIo`] if it broke off, [`Error::HostTls`]
    /// for what is no TLS, [`Error::CommTooLong`] for a frame longer than
    /// `max_frame`: then the connection is over.
    pub fn receive_within(&mut self, buf: &mut [u8], timeout: Duration) -> Result<Option<usize>> {
        self.with(|secure, decoder| {
            if !secure.next(decoder, Deadline::after(timeout))? {
                return Ok(None);
            }
            let len = decoder.waiting().unwrap_or(0);
            let place = buf.get_mut(..len).ok_or(Error::BufferTooSmall)?;
            let frame = decoder.next().ok_or(Error::CommClosed)?;
            place.copy_from_slice(frame.bytes);
            Ok(Some(len))
        })
        .inspect_err(|error| {
            if *error == Error::CommTooLong {
                self.open = None;
            }
        })
    }

    /// Ends the connection, and tells the peer; waits so long until all that was
    /// sent has left. [`Error::CommClosed`] without a connection,
    /// [`Error::HostTimeout`] if some has not left.
    pub fn close(&mut self, timeout: Duration) -> Result<()> {
        let mut open = self.open.take().ok_or(Error::CommClosed)?;
        open.secure.flush(Deadline::after(timeout))
    }

    /// Does something with the connection, which is over if that says so.
    fn with<R>(
        &mut self,
        work: impl FnOnce(&mut Secure, &mut StreamDecoder<'m>) -> Result<R>,
    ) -> Result<R> {
        let open = self.open.as_mut().ok_or(Error::CommClosed)?;
        let result = work(&mut open.secure, &mut self.decoder);
        if let Err(Error::HostIo | Error::HostTls | Error::CommClosed) = result {
            self.open = None;
        }
        result
    }
}

impl<S: Secrets> Transport for Tls<'_, S> {
    /// As of any transport; [`Error::CommPeer`] if the connection is to somebody
    /// else.
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        if self.peer().is_some_and(|peer| peer.address != *to) {
            return Err(Error::CommPeer);
        }
        self.send_frame(datagram)
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        let from = self.peer().map(|peer| peer.address);
        let len = self.receive_within(buf, Duration::ZERO)?;
        Ok(len.zip(from))
    }

    fn waiting(&self) -> Option<usize> {
        self.open.as_ref().and(self.decoder.waiting())
    }

    fn skip(&mut self) -> Result<()> {
        if self.waiting().is_some() {
            self.decoder.next();
        }
        Ok(())
    }
}

/// A frame before any other. Who leaves instead refuses us.
fn early_frame<'d>(
    decoder: &'d mut StreamDecoder<'_>,
    secure: &mut Secure,
    deadline: Deadline,
) -> Result<&'d [u8]> {
    match secure.next(decoder, deadline) {
        Ok(true) => Ok(decoder.next().map_or(&[], |frame| frame.bytes)),
        Ok(false) => Err(Error::HostTimeout),
        Err(Error::CommClosed | Error::CommTooLong) => Err(Error::HostTls),
        Err(error) => Err(error),
    }
}

/// What an identity signs to be bound to a connection.
fn bound(exporter: &[u8; 32], role: u8) -> [u8; DOMAIN.len() + 1 + 32] {
    let mut message = [0; DOMAIN.len() + 1 + 32];
    let parts = DOMAIN.iter().chain(core::iter::once(&role)).chain(exporter);
    message.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    message
}
