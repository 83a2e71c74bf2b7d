//! A TLS connection over a TCP stream that does not wait by itself.

use std::io::{BufRead, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::event::{PollFd, PollFlags};
use rustls::Connection;
use rustls::pki_types::ServerName;

use super::config::Setup;
use crate::comm::framing::{StreamDecoder, stream_header};
use crate::error::{Error, Result};
use crate::host::wait::Deadline;

/// Bytes that a peer may still send while it learns that it was refused.
const PATIENCE: u64 = 65536;

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

pub(super) struct Secure {
    tls: Connection,
    stream: TcpStream,
}

/// What came of reading from the stream.
enum Read_ {
    /// Something, perhaps the end.
    Some,
    /// There is nothing now.
    None,
}

impl Secure {
    pub fn client(setup: &Setup, stream: TcpStream, name: ServerName<'static>) -> Result<Secure> {
        let tls = rustls::ClientConnection::new(setup.client.clone(), name);
        Secure::over(tls.map_err(|_| Error::HostTls)?.into(), stream)
    }

    pub fn server(setup: &Setup, stream: TcpStream) -> Result<Secure> {
        let tls = rustls::ServerConnection::new(setup.server.clone());
        Secure::over(tls.map_err(|_| Error::HostTls)?.into(), stream)
    }

    fn over(mut tls: Connection, stream: TcpStream) -> Result<Secure> {
        stream.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        // It would work without.
        let _ = stream.set_nodelay(true);
        // Frames are written one at a time, each when the one before has left.
        tls.set_buffer_limit(None);
        Ok(Secure { tls, stream })
    }

    pub fn role(&self) -> Role {
        match self.tls {
            Connection::Client(_) => Role::Client,
            Connection::Server(_) => Role::Server,
        }
    }

    /// The channel binding of RFC 9266: both ends of a connection have the same,
    /// and no other connection has it.
    pub fn exporter(&self) -> Result<[u8; 32]> {
        self.tls
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]))
            .map_err(|_| Error::HostTls)
    }

    /// Agrees on keys, and checks the peer's certificate.
    pub fn shake_hands(&mut self, deadline: Deadline) -> Result<()> {
        while self.tls.is_handshaking() {
            self.write()?;
            if self.tls.is_handshaking() && matches!(self.read()?, Read_::None) {
                self.wait(deadline)?;
            }
        }
        self.flush(deadline)
    }

    /// Whether something waits to leave.
    pub fn is_full(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends as much as the system takes.
    pub fn write(&mut self) -> Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(0) => return Err(Error::HostIo),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted => {}
                    _ => return Err(Error::HostIo),
                },
            }
        }
        Ok(())
    }

    /// Sends all that waits. [`Error::HostTimeout`].
    pub fn flush(&mut self, deadline: Deadline) -> Result<()> {
        loop {
            self.write()?;
            if !self.tls.wants_write() {
                return Ok(());
            }
            let mut socket = [PollFd::new(&self.stream, PollFlags::OUT)];
            if !deadline.wait(&mut socket)? {
                return Err(Error::HostTimeout);
            }
        }
    }

    /// Encrypts a frame, which then waits to leave.
    pub fn put(&mut self, frame: &[u8]) -> Result<()> {
        let header = stream_header(frame.len())?;
        let parts = [IoSlice::new(&header), IoSlice::new(frame)];
        match self.tls.writer().write_vectored(&parts) {
            Ok(len) if len == header.len() + frame.len() => Ok(()),
            _ => Err(Error::HostIo),
        }
    }

    /// Reads records that are there.
    fn read(&mut self) -> Result<Read_> {
        match self.tls.read_tls(&mut self.stream) {
            Ok(len) => {
                let ended = len == 0 && self.tls.is_handshaking();
                match self.tls.process_new_packets() {
                    // Who leaves during the handshake does not want it.
                    _ if ended => Err(Error::HostTls),
                    Ok(_) => Ok(Read_::Some),
                    Err(_) => Err(Error::HostTls),
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(Read_::None),
                ErrorKind::Interrupted => Ok(Read_::Some),
                _ => Err(Error::HostIo),
            },
        }
    }

    /// Waits for anything to do. [`Error::HostTimeout`].
    fn wait(&self, deadline: Deadline) -> Result<()> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, self.tls.wants_write());
        match deadline.wait(&mut [PollFd::new(&self.stream, flags)])? {
            true => Ok(()),
            false => Err(Error::HostTimeout),
        }
    }

    /// Hands bytes to the decoder until a frame waits there. `false` if none came
    /// in time, [`Error::CommClosed`] if the peer has ended the connection,
    /// [`Error::HostIo`] if it broke off, [`Error::HostTls`] for what is no TLS,
    /// [`Error::CommTooLong`].
    pub fn next(&mut self, decoder: &mut StreamDecoder<'_>, deadline: Deadline) -> Result<bool> {
        while decoder.waiting().is_none() {
            self.write()?;
            let mut reader = self.tls.reader();
            match reader.fill_buf() {
                Ok([]) => return Err(Error::CommClosed),
                Ok(bytes) => {
                    let taken = decoder.push(bytes)?;
                    reader.consume(taken);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Read_::None = self.read()? {
                        match self.wait(deadline) {
                            Err(Error::HostTimeout) => return Ok(false),
                            waited => waited?,
                        }
                    }
                }
                Err(_) => return Err(Error::HostIo),
            }
        }
        Ok(true)
    }

    /// Ends the stream, and says nothing.
    #[cfg(test)]
    pub fn break_off(&self) {
        self.stream.shutdown(Shutdown::Both).unwrap_or_default();
    }

    /// Ends a connection that went wrong so that the peer learns why: who closes
    /// with bytes unread takes back what was said last.
    pub fn refuse(mut self, deadline: Deadline) {
        self.tls.send_close_notify();
        if self.flush(deadline).is_err() || self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut left = PATIENCE;
        let mut buf = [0; 1024];
        while left > 0 {
            match self.stream.read(&mut buf) {
                Ok(0) => return,
                Ok(len) => left = left.saturating_sub(len as u64),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut socket = [PollFd::new(&self.stream, PollFlags::IN)];
                    if !matches!(deadline.wait(&mut socket), Ok(true)) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        // As far as that goes without waiting.
        self.tls.send_close_notify();
        let _ = self.write();
    }
}
