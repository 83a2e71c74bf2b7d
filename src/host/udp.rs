//! Datagrams over UDP.

use core::alloc::Layout;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;

use super::address::{socket_address, to_address};
use super::inbox::Inbox;
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Address, Allocator, Transport};

/// The most bytes that a UDP datagram can have over IPv4.
pub const MAX_DATAGRAM: usize = 65507;

/// Where a [`Udp`] listens, and how much it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// Where to listen. Port 0 means any free one; the unspecified address
    /// (`0.0.0.0`, `[::]`) every address of the machine.
    pub bind: Address,
    /// Bytes of the longest datagram to send and to take, from 1 to
    /// [`MAX_DATAGRAM`].
    pub max_datagram: usize,
}

impl UdpConfig {
    /// Datagrams of at most 2,048 bytes.
    pub fn new(bind: Address) -> UdpConfig {
        UdpConfig { bind, max_datagram: 2048 }
    }
}

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// Datagrams that were longer than `max_datagram`.
    pub oversize: u64,
}

/// A UDP socket.
pub struct Udp<'m> {
    socket: UdpSocket,
    v6: bool,
    inbox: Inbox<'m>,
    _piece: Piece<'m>,
}

fn carve<'m>(max_datagram: usize, carver: &mut Carver<'m>) -> Result<Inbox<'m>> {
    if !(1..=MAX_DATAGRAM).contains(&max_datagram) {
        return Err(Error::Invalid);
    }
    Inbox::carve(max_datagram, carver)
}

impl<'m> Udp<'m> {
    /// The memory that it takes. [`Error::Invalid`] for a `max_datagram` out of
    /// range.
    pub fn footprint(config: &UdpConfig) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(config.max_datagram, &mut carver)?;
        carver.layout()
    }

    /// Opens a socket. [`Error::Invalid`] for a `max_datagram` out of range,
    /// [`Error::HostAddress`] if the address is none of a socket,
    /// [`Error::HostIo`] if the system refuses it.
    pub fn new(config: &UdpConfig, memory: impl Allocator<'m>) -> Result<Udp<'m>> {
        Udp::in_piece(config, memory.allocate(Udp::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &UdpConfig, mut piece: Piece<'m>) -> Result<Udp<'m>> {
        let inbox = carve(config.max_datagram, &mut piece.carver(Udp::footprint(config)?)?)?;
        let bind = socket_address(&config.bind)?;
        let socket = UdpSocket::bind(bind).map_err(|_| Error::HostIo)?;
        socket.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        Ok(Udp { socket, v6: bind.is_ipv6(), inbox, _piece: piece })
    }

    /// Where it listens, with the port that it got.
    pub fn local(&self) -> Result<Address> {
        self.socket.local_addr().map(to_address).map_err(|_| Error::HostIo)
    }

    /// The socket, to wait for what can be read.
    pub(super) fn readable(&self) -> Result<OwnedFd> {
        self.socket.try_clone().map(OwnedFd::from).map_err(|_| Error::HostIo)
    }

    /// What was dropped.
    pub fn counts(&self) -> UdpCounts {
        UdpCounts { oversize: self.inbox.oversize }
    }

    /// As [`Transport::receive`], but waits so long for a datagram.
    pub fn receive_within(
        &mut self,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Address)>> {
        let from = |socket: &UdpSocket, buf: &mut [u8]| {
            socket.recv_from(buf).map(|(len, from)| (len, Some(to_address(from))))
        };
        self.inbox.receive(&self.socket, from, buf, timeout)
    }
}

impl Transport for Udp<'_> {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        let mut to = socket_address(to)?;
        if !self.inbox.fits(datagram.len()) {
            return Err(Error::CommTooLong);
        }
        // A socket of IPv6 reaches IPv4 by way of mapped addresses.
        if let (IpAddr::V4(ip), true) = (to.ip(), self.v6) {
            to = SocketAddr::new(ip.to_ipv6_mapped().into(), to.port());
        }
        if to.is_ipv6() != self.v6 || to.port() == 0 {
            return Err(Error::HostAddress);
        }
        match self.socket.send_to(datagram, to) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Error::Capacity),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                Err(Error::Capacity)
            }
            Err(error) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => {
                Err(Error::CommTooLong)
            }
            Err(_) => Err(Error::HostIo),
        }
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        self.receive_within(buf, Duration::ZERO)
    }

    fn waiting(&self) -> Option<usize> {
        self.inbox.waiting()
    }

    fn skip(&mut self) -> Result<()> {
        self.inbox.skip();
        Ok(())
    }
}
