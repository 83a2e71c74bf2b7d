//! What datagram sockets have in common: one datagram is held until the caller has room for it.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::wait::Deadline;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::port::Address;

/// What has arrived at a socket.
pub(super) struct Inbox<'m> {
    /// One more than the longest, to tell a longer one.
    buffer: Carved<'m, u8>,
    /// What did not fit into the caller's buffer.
    held: Option<(usize, Address)>,
    /// Datagrams that were dropped: longer than the longest, and from senders without an address.
    pub oversize: u64,
    pub foreign: u64,
}

impl<'m> Inbox<'m> {
    pub fn carve(longest: usize, carver: &mut Carver<'m>) -> Result<Inbox<'m>> {
        let buffer = carver.take(longest + 1, 0)?;
        Ok(Inbox { buffer, held: None, oversize: 0, foreign: 0 })
    }

    /// Whether datagrams of this length are ever taken, and so may be sent.
    pub fn fits(&self, len: usize) -> bool {
        len < self.buffer.len()
    }

    /// The next datagram of a socket that does not block, after waiting for one for so long. `receive` takes one from
    /// it and says who sent it, if that is somebody.
    pub fn receive<S: AsFd>(
        &mut self,
        socket: &S,
        receive: impl Fn(&S, &mut [u8]) -> io::Result<(usize, Option<Address>)>,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Address)>> {
        let deadline = Deadline::after(timeout);
        while self.held.is_none() {
            match receive(socket, &mut self.buffer) {
                Ok((len, _)) if len >= self.buffer.len() => self.oversize += 1,
                Ok((_, None)) => self.foreign += 1,
                Ok((len, Some(from))) => {
                    self.held = Some((len, from));
                    break;
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        if !deadline.wait(&mut [PollFd::new(socket, PollFlags::IN)])? {
                            return Ok(None);
                        }
                        continue;
                    }
                    // What an earlier datagram of ours met says nothing of this.
                    ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::Interrupted => {}
                    _ => return Err(Error::HostIo),
                },
            }
            // Who sends what is dropped cannot keep us here.
            if deadline.is_over() {
                return Ok(None);
            }
        }
        let Some((len, from)) = self.held else { return Ok(None) };
        let place = buf.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        place.copy_from_slice(self.buffer.get(..len).unwrap_or_default());
        self.held = None;
        Ok(Some((len, from)))
    }

    /// Bytes of the datagram that is held.
    pub fn waiting(&self) -> Option<usize> {
        self.held.map(|(len, _)| len)
    }

    /// Throws it away.
    pub fn skip(&mut self) {
        self.held = None;
    }
}
