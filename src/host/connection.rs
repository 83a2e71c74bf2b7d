//! One TCP connection with its buffers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::buffer::Buffer;
use crate::comm::framing::{StreamDecoder, encode_stream, stream_len};
use crate::error::{Error, Result};
use crate::mem::Carver;
use crate::port::Address;

/// A place for a connection.
pub(super) struct Connection<'m> {
    open: Option<Open>,
    max_frame: usize,
    decoder: StreamDecoder<'m>,
    input: Buffer<'m>,
    output: Buffer<'m>,
}

struct Open {
    stream: TcpStream,
    peer: Address,
    /// When it was opened or brought its last frame.
    heard: Instant,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Broken,
    Oversize,
    Idle,
}

impl<'m> Connection<'m> {
    pub fn carve(
        max_frame: usize,
        send_buffer: usize,
        carver: &mut Carver<'m>,
    ) -> Result<Connection<'m>> {
        let decoder = StreamDecoder::carve(max_frame, carver)?;
        let longest = stream_len(max_frame)?;
        if send_buffer < longest {
            return Err(Error::Invalid);
        }
        let (input, output) =
            (Buffer::carve(longest, carver)?, Buffer::carve(send_buffer, carver)?);
        Ok(Connection { open: None, max_frame, decoder, input, output })
    }

    /// Begins with a stream.
    pub fn open(&mut self, stream: TcpStream, peer: Address) -> Result<()> {
        stream.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        // Frames wait for nothing. It would work without.
        let _ = stream.set_nodelay(true);
        self.close();
        self.open = Some(Open { stream, peer, heard: Instant::now() });
        Ok(())
    }

    pub fn close(&mut self) {
        self.open = None;
        self.decoder.restart();
        self.input.clear();
        self.output.clear();
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Option<&Address> {
        self.open.as_ref().map(|open| &open.peer)
    }

    pub fn wants_to_write(&self) -> bool {
        !self.output.used().is_empty()
    }

    /// What to wait for.
    pub fn poll(&self, read: bool) -> Option<PollFd<'_>> {
        let open = self.open.as_ref()?;
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, read);
        flags.set(PollFlags::OUT, self.wants_to_write());
        Some(PollFd::new(&open.stream, flags))
    }

    /// How long until it has been idle for so long.
    pub fn idle_in(&self, idle: Duration) -> Option<Duration> {
        let open = self.open.as_ref()?;
        Some(idle.saturating_sub(open.heard.elapsed()))
    }

    /// Puts a frame where it waits to leave.
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        if frame.len() > self.max_frame {
            return Err(Error::CommTooLong);
        }
        let place = self.output.room(stream_len(frame.len())?).ok_or(Error::Capacity)?;
        let len = encode_stream(frame, place)?;
        self.output.add(len);
        Ok(())
    }

    /// Sends as much as the system takes.
    pub fn write(&mut self) -> Option<Ended> {
        let open = self.open.as_mut()?;
        while !self.output.used().is_empty() {
            match open.stream.write(self.output.used()) {
                Ok(0) => return Some(Ended::Broken),
                Ok(len) => self.output.remove(len),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted => {}
                    _ => return Some(Ended::Broken),
                },
            }
        }
        None
    }

    /// Reads until a frame is whole or nothing more is there.
    pub fn read(&mut self, idle: Option<Duration>) -> Option<Ended> {
        let open = self.open.as_mut()?;
        loop {
            match self.decoder.push(self.input.used()) {
                Ok(len) => self.input.remove(len),
                Err(_) => return Some(Ended::Oversize),
            }
            if self.decoder.waiting().is_some() {
                open.heard = Instant::now();
                return None;
            }
            // All of it was taken, or a frame would wait.
            let Some(room) = self.input.room(1) else { return Some(Ended::Broken) };
            match open.stream.read(room) {
                Ok(0) => return Some(Ended::Broken),
                Ok(len) => self.input.add(len),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted => {}
                    _ => return Some(Ended::Broken),
                },
            }
        }
        idle.filter(|idle| open.heard.elapsed() >= *idle).map(|_| Ended::Idle)
    }

    /// Bytes of the frame that waits.
    pub fn waiting(&self) -> Option<usize> {
        self.open.as_ref().and(self.decoder.waiting())
    }

    /// Throws it away.
    pub fn skip(&mut self) {
        if self.waiting().is_some() {
            self.decoder.next();
        }
    }

    /// Gives out the frame that waits; `place` is as long.
    pub fn take(&mut self, place: &mut [u8]) -> Option<Address> {
        let open = self.open.as_ref()?;
        let frame = self.decoder.next()?;
        place.copy_from_slice(frame.bytes);
        Some(open.peer)
    }
}
