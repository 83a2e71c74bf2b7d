//! Frames over TCP: a listener and its connections, each a stream of frames with
//! a length before each.
//!
//! It is a [`Transport`]: a connection goes by the address of its peer, and what
//! is sent arrives once and in order as long as the connection lasts. Nothing
//! grows: a connection has room for one frame that arrives, for one buffer of
//! bytes behind it, and for `send_buffer` bytes that leave. When that is full,
//! sending answers [`Error::Capacity`]; when nothing is received, the peer is
//! held up.

use core::alloc::Layout;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::address::{socket_address, to_address};
use super::connection::{Connection, Ended};
use super::wait::Deadline;
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Address, Allocator, Transport};

/// The most connections of one [`Tcp`].
pub const MAX_CONNECTIONS: usize = 64;

/// What a [`Tcp`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Where to listen; `None` to connect only. Port 0 means any free one.
    pub bind: Option<Address>,
    /// Connections at a time, from 1 to [`MAX_CONNECTIONS`]. Further ones wait
    /// in the system until there is room.
    pub connections: usize,
    /// Bytes of the longest frame to send and to take, from 1 to
    /// [`MAX_FRAME`](crate::comm::framing::MAX_FRAME).
    pub max_frame: usize,
    /// Bytes that may wait to leave, each connection: at least `max_frame` and 2.
    pub send_buffer: usize,
    /// A connection that brought no frame for so long is closed; zero for never.
    pub idle: Duration,
}

impl TcpConfig {
    /// As many as 16 connections without a limit of idleness, each with room for
    /// two of the longest frames to leave.
    pub fn new(bind: Option<Address>, max_frame: usize) -> TcpConfig {
        let send_buffer = max_frame.saturating_add(2).saturating_mul(2);
        TcpConfig { bind, connections: 16, max_frame, send_buffer, idle: Duration::ZERO }
    }
}

/// What became of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounts {
    /// Connections that there are.
    pub connections: usize,
    /// Connections that came in.
    pub accepted: u64,
    /// Connections that ended, each for one of the next three reasons or because
    /// [`Tcp::close`] was called.
    pub closed: u64,
    /// The peer closed it, or it broke.
    pub broken: u64,
    /// The peer announced a frame longer than `max_frame`.
    pub oversize: u64,
    /// It brought no frame for too long.
    pub idle: u64,
}

/// A listener, if it has an address to listen at, and connections.
pub struct Tcp<'m> {
    listener: Option<TcpListener>,
    connections: heapless::Vec<Connection<'m>, MAX_CONNECTIONS>,
    /// Whose turn it is to be received from.
    turn: usize,
    idle: Option<Duration>,
    counts: TcpCounts,
    _piece: Piece<'m>,
}

fn carve<'m>(
    config: &TcpConfig,
    carver: &mut Carver<'m>,
) -> Result<heapless::Vec<Connection<'m>, MAX_CONNECTIONS>> {
    if !(1..=MAX_CONNECTIONS).contains(&config.connections) {
        return Err(Error::Invalid);
    }
    let mut made = heapless::Vec::new();
    for _ in 0..config.connections {
        let connection = Connection::carve(config.max_frame, config.send_buffer, carver)?;
        made.push(connection).map_err(|_| Error::Invalid)?;
    }
    Ok(made)
}

impl<'m> Tcp<'m> {
    /// The memory that it takes. [`Error::Invalid`] for settings out of range.
    pub fn footprint(config: &TcpConfig) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(config, &mut carver)?;
        carver.layout()
    }

    /// Listens, if it is to. [`Error::Invalid`] for settings out of range,
    /// [`Error::HostAddress`] if the address is none of a socket,
    /// [`Error::HostIo`] if the system refuses it.
    pub fn new(config: &TcpConfig, memory: impl Allocator<'m>) -> Result<Tcp<'m>> {
        Tcp::in_piece(config, memory.allocate(Tcp::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &TcpConfig, mut piece: Piece<'m>) -> Result<Tcp<'m>> {
        let connections = carve(config, &mut piece.carver(Tcp::footprint(config)?)?)?;
        let listener = config.bind.map(|bind| listen(&bind)).transpose()?;
        let idle = (!config.idle.is_zero()).then_some(config.idle);
        let counts = TcpCounts::default();
        Ok(Tcp { listener, connections, turn: 0, idle, counts, _piece: piece })
    }

    /// Where it listens, with the port that it got. [`Error::CommState`] if it
    /// does not.
    pub fn local(&self) -> Result<Address> {
        let listener = self.listener.as_ref().ok_or(Error::CommState)?;
        listener.local_addr().map(to_address).map_err(|_| Error::HostIo)
    }

    /// Connects to a listener, unless that is done; waits for it so long.
    /// [`Error::Capacity`] if there is no room for a connection,
    /// [`Error::HostAddress`] if the address is none of a socket,
    /// [`Error::HostTimeout`], [`Error::HostIo`] if it is refused.
    pub fn connect(&mut self, to: &Address, timeout: Duration) -> Result<()> {
        if self.find(to).is_some() {
            return Ok(());
        }
        let place = self.connections.iter_mut().find(|connection| connection.peer().is_none());
        let place = place.ok_or(Error::Capacity)?;
        place.open(connect(to, Deadline::after(timeout))?, *to)
    }

    fn find(&mut self, peer: &Address) -> Option<&mut Connection<'m>> {
        self.connections.iter_mut().find(|connection| connection.peer() == Some(peer))
    }

    /// Whether there is a connection to this peer.
    pub fn is_connected(&self, peer: &Address) -> bool {
        self.connections.iter().any(|connection| connection.peer() == Some(peer))
    }

    /// Closes a connection; what waits to leave or to be received is lost.
    /// [`Error::CommPeer`] if there is none to this peer.
    pub fn close(&mut self, peer: &Address) -> Result<()> {
        self.find(peer).ok_or(Error::CommPeer)?.close();
        self.counts.closed += 1;
        Ok(())
    }

    /// What became of connections.
    pub fn counts(&self) -> TcpCounts {
        let open = self.connections.iter().filter(|connection| connection.peer().is_some());
        TcpCounts { connections: open.count(), ..self.counts }
    }

    /// Waits so long until all that was sent has left for the system.
    /// [`Error::HostTimeout`] if some of it has not.
    pub fn flush(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        loop {
            self.each(|connection| connection.write());
            let mut waits: heapless::Vec<PollFd<'_>, MAX_CONNECTIONS> = heapless::Vec::new();
            for connection in self.connections.iter().filter(|c| c.wants_to_write()) {
                // There is room for all of them.
                let _ = connection.poll(false).map(|poll| waits.push(poll));
            }
            if waits.is_empty() {
                return Ok(());
            }
            if !deadline.wait(&mut waits)? {
                return Err(Error::HostTimeout);
            }
        }
    }

    /// As [`Transport::receive`], but waits so long for a frame. Lets peers in
    /// and sends what waits to leave meanwhile, so it is to be called also by who
    /// expects nothing. [`Error::HostIo`] if the system has no more sockets for
    /// those who want in.
    pub fn receive_within(
        &mut self,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Address)>> {
        let deadline = Deadline::after(timeout);
        loop {
            let accepted = self.accept();
            self.each(|connection| connection.write());
            let idle = self.idle;
            self.each(|connection| connection.read(idle));
            if let Some(found) = self.take(buf)? {
                return Ok(Some(found));
            }
            accepted?;
            if !self.wait(deadline)? {
                return Ok(None);
            }
        }
    }

    /// The frame of whose turn it is.
    fn take(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        let count = self.connections.len();
        for at in (self.turn..count).chain(0..self.turn) {
            let Some(connection) = self.connections.get_mut(at) else { continue };
            let Some(len) = connection.waiting() else { continue };
            self.turn = at;
            let place = buf.get_mut(..len).ok_or(Error::BufferTooSmall)?;
            self.turn = (at + 1) % count;
            return Ok(connection.take(place).map(|from| (len, from)));
        }
        Ok(None)
    }

    /// Takes in who waits, as long as there is room.
    fn accept(&mut self) -> Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        for place in self.connections.iter_mut().filter(|place| place.peer().is_none()) {
            match listener.accept() {
                // One that is gone already is as if it had not come.
                Ok((stream, from)) => {
                    let opened = place.open(stream, to_address(from));
                    self.counts.accepted += u64::from(opened.is_ok());
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    _ => return Err(Error::HostIo),
                },
            }
        }
        Ok(())
    }

    /// Does something with each connection, and counts those that end by it.
    fn each(&mut self, mut work: impl FnMut(&mut Connection<'m>) -> Option<Ended>) {
        for connection in &mut self.connections {
            if let Some(why) = work(connection) {
                connection.close();
                self.counts.closed += 1;
                match why {
                    Ended::Broken => self.counts.broken += 1,
                    Ended::Oversize => self.counts.oversize += 1,
                    Ended::Idle => self.counts.idle += 1,
                }
            }
        }
    }

    /// Waits for anything to do.
    fn wait(&self, deadline: Deadline) -> Result<bool> {
        let mut polls: heapless::Vec<PollFd<'_>, { MAX_CONNECTIONS + 1 }> = heapless::Vec::new();
        let room = self.connections.iter().any(|connection| connection.peer().is_none());
        if let Some(listener) = self.listener.as_ref().filter(|_| room) {
            // There is room for all of them.
            let _ = polls.push(PollFd::new(listener, PollFlags::IN));
        }
        for connection in &self.connections {
            let _ = connection.poll(true).map(|poll| polls.push(poll));
        }
        // The next one to be idle for too long may be due before.
        let due = self.connections.iter().filter_map(|c| c.idle_in(self.idle?)).min();
        match due {
            Some(due) if deadline.left().is_none_or(|left| due < left) => {
                Deadline::after(due).wait(&mut polls).map(|_| true)
            }
            _ => deadline.wait(&mut polls),
        }
    }
}

impl Transport for Tcp<'_> {
    /// As of any transport; [`Error::CommPeer`] if there is no connection to this
    /// peer, [`Error::HostIo`] if it broke.
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        let connection = self.find(to).ok_or(Error::CommPeer)?;
        connection.send(datagram)?;
        let mut broke = false;
        self.each(|connection| {
            let ended = (connection.peer() == Some(to)).then(|| connection.write()).flatten();
            broke |= ended.is_some();
            ended
        });
        if broke { Err(Error::HostIo) } else { Ok(()) }
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        self.receive_within(buf, Duration::ZERO)
    }

    fn waiting(&self) -> Option<usize> {
        self.connections.get(self.turn).and_then(Connection::waiting)
    }

    fn skip(&mut self) -> Result<()> {
        if let Some(connection) = self.connections.get_mut(self.turn) {
            connection.skip();
        }
        Ok(())
    }
}

/// A listener that does not wait.
fn listen(bind: &Address) -> Result<TcpListener> {
    let listener = TcpListener::bind(socket_address(bind)?).map_err(|_| Error::HostIo)?;
    listener.set_nonblocking(true).map_err(|_| Error::HostIo)?;
    Ok(listener)
}

/// A TCP listener by itself: where connections come in that are something else
/// than frames over plain TCP.
#[cfg(feature = "tls")]
pub struct Listener(TcpListener);

#[cfg(feature = "tls")]
impl Listener {
    /// Listens. [`Error::HostAddress`] if the address is none of a socket,
    /// [`Error::HostIo`] if the system refuses it.
    pub fn new(bind: &Address) -> Result<Listener> {
        listen(bind).map(Listener)
    }

    /// Where it listens, with the port that it got.
    pub fn local(&self) -> Result<Address> {
        self.0.local_addr().map(to_address).map_err(|_| Error::HostIo)
    }

    /// The next connection. [`Error::HostTimeout`] if none came.
    pub(super) fn accept(&self, deadline: Deadline) -> Result<(TcpStream, Address)> {
        loop {
            match self.0.accept() {
                Ok((stream, from)) => return Ok((stream, to_address(from))),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        if !deadline.wait(&mut [PollFd::new(&self.0, PollFlags::IN)])? {
                            return Err(Error::HostTimeout);
                        }
                    }
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    _ => return Err(Error::HostIo),
                },
            }
        }
    }
}

/// A connection to a listener.
pub(super) fn connect(to: &Address, deadline: Deadline) -> Result<TcpStream> {
    let to = socket_address(to)?;
    // None at all is not allowed there.
    let left = deadline.left().unwrap_or(Duration::MAX).max(Duration::from_micros(1));
    TcpStream::connect_timeout(&to, left).map_err(|error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::HostTimeout,
        _ => Error::HostIo,
    })
}
