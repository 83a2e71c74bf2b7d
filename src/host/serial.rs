//! Datagrams over a serial line: RS-232, RS-485 between two, USB adapters, pseudoterminals.
//!
//! Each datagram is a frame of [`Framing::Serial`](crate::comm::framing::Framing): COBS, and a CRC
//! unless that is switched off (docs/link-framing.md). There is one peer, at the other end, whose
//! address is whatever the configuration says. A CRC finds accidents; who sent a frame is for
//! whatever is above to find out, such as a session of [`comm`](crate::comm).

use core::alloc::Layout;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::PollFlags;

use super::buffer::Buffer;
use super::line::{Line, check_rate};
use super::wait::Deadline;
use crate::comm::framing::{SerialDecoder, encode_serial, serial_bound};
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Address, Allocator, Transport};

/// Bytes that are read at once.
const INPUT: usize = 1024;

/// How a [`Serial`] is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialConfig {
    /// What the other end is called: the only address that can be sent to.
    pub peer: Address,
    /// Bytes of the longest datagram to send and to take, from 1 to
    /// [`MAX_FRAME`](crate::comm::framing::MAX_FRAME).
    pub max_datagram: usize,
    /// Bytes that may wait to leave: at least 1 and the
    /// [`serial_bound`] of `max_datagram`.
    pub send_buffer: usize,
    /// Frames go without a CRC, and are taken without one: where whatever is above notices all
    /// damage itself.
    pub plain: bool,
}

impl SerialConfig {
    /// A peer with an empty address, room for two of the longest datagrams to leave, and a CRC in
    /// each frame.
    pub fn new(max_datagram: usize) -> SerialConfig {
        let send_buffer = serial_bound(max_datagram, true).saturating_add(1).saturating_mul(2);
        SerialConfig { peer: Address::EMPTY, max_datagram, send_buffer, plain: false }
    }
}

/// What was received and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SerialCounts {
    /// Frames that were not COBS, of no known kind, or with a wrong CRC. Garbage between frames
    /// counts as one of these for each zero in it.
    pub damaged: u64,
    /// Frames that were longer than `max_datagram`.
    pub oversize: u64,
    /// Frames without a CRC, unless they are `plain`.
    pub unchecked: u64,
}

/// A serial line.
pub struct Serial<'m> {
    line: Line,
    config: SerialConfig,
    decoder: SerialDecoder<'m>,
    input: Buffer<'m>,
    output: Buffer<'m>,
    unchecked: u64,
    _piece: Piece<'m>,
}

fn carve<'m>(
    config: &SerialConfig,
    carver: &mut Carver<'m>,
) -> Result<(SerialDecoder<'m>, Buffer<'m>, Buffer<'m>)> {
    let decoder = SerialDecoder::carve(config.max_datagram, carver)?;
    if config.send_buffer < longest(config) {
        return Err(Error::Invalid);
    }
    Ok((decoder, Buffer::carve(INPUT, carver)?, Buffer::carve(config.send_buffer, carver)?))
}

/// Bytes of the longest datagram on the line, and of the zero before it.
fn longest(config: &SerialConfig) -> usize {
    serial_bound(config.max_datagram, !config.plain).saturating_add(1)
}

impl<'m> Serial<'m> {
    /// The memory that it takes. [`Error::Invalid`] for settings out of range.
    pub fn footprint(config: &SerialConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Opens a device, such as `/dev/ttyUSB0`, at one of the [`BAUD_RATES`](super::BAUD_RATES): 8
    /// data bits, no parity, one stop bit, no flow control. It is ours alone, and stays set up like
    /// that. What it received before is dropped.
    ///
    /// [`Error::Invalid`] for settings out of range, [`Error::HostFile`] if it is no serial line,
    /// [`Error::HostIo`] if the system refuses it, it is in use, or cannot be set up like that.
    pub fn open(
        device: &Path,
        baud: u32,
        config: &SerialConfig,
        memory: impl Allocator<'m>,
    ) -> Result<Serial<'m>> {
        check_rate(baud)?;
        let piece = memory.allocate(Serial::footprint(config)?)?;
        Serial::open_in_piece(device, baud, config, piece)
    }

    pub(crate) fn open_in_piece(
        device: &Path,
        baud: u32,
        config: &SerialConfig,
        piece: Piece<'m>,
    ) -> Result<Serial<'m>> {
        Serial::in_piece(Line::open(device, baud)?, config, piece)
    }

    /// Takes a line that is open for reading and writing, set up as it is; only that nothing waits
    /// (`O_NONBLOCK`) is seen to.
    ///
    /// [`Error::Invalid`] for settings out of range, [`Error::HostIo`] if the system refuses.
    pub fn over(
        line: OwnedFd,
        config: &SerialConfig,
        memory: impl Allocator<'m>,
    ) -> Result<Serial<'m>> {
        let piece = memory.allocate(Serial::footprint(config)?)?;
        Serial::in_piece(Line::over(line)?, config, piece)
    }

    fn in_piece(line: Line, config: &SerialConfig, mut piece: Piece<'m>) -> Result<Serial<'m>> {
        let mut carver = piece.carver(Serial::footprint(config)?)?;
        let (decoder, input, output) = carve(config, &mut carver)?;
        Ok(Serial { line, config: *config, decoder, input, output, unchecked: 0, _piece: piece })
    }

    /// What was received and dropped.
    pub fn counts(&self) -> SerialCounts {
        let frames = self.decoder.counts();
        let (damaged, oversize) = (frames.damaged, frames.oversize);
        SerialCounts { damaged, oversize, unchecked: self.unchecked }
    }

    /// Waits so long until all that was sent has left for the system. [`Error::HostTimeout`] if
    /// some of it has not, [`Error::HostIo`] if the line is gone.
    pub fn flush(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        loop {
            self.write()?;
            if self.output.used().is_empty() {
                return Ok(());
            }
            if !deadline.wait(&mut [self.line.poll(PollFlags::OUT)])? {
                return Err(Error::HostTimeout);
            }
        }
    }

    /// As [`Transport::receive`], but waits so long for a datagram. Sends what waits to leave
    /// meanwhile, so it is to be called also by who expects nothing. [`Error::HostIo`] if the line
    /// is gone; it may come back, as a pseudoterminal does that is opened anew.
    pub fn receive_within(
        &mut self,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Address)>> {
        let deadline = Deadline::after(timeout);
        loop {
            let written = self.write();
            if let Some(len) = self.read()? {
                let place = buf.get_mut(..len).ok_or(Error::BufferTooSmall)?;
                let Some(frame) = self.decoder.next() else { continue };
                place.copy_from_slice(frame.bytes);
                return Ok(Some((len, self.config.peer)));
            }
            written?;
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, !self.output.used().is_empty());
            if !deadline.wait(&mut [self.line.poll(flags)])? {
                return Ok(None);
            }
        }
    }

    /// Reads until a datagram is whole, and tells its length, or nothing more is there.
    fn read(&mut self) -> Result<Option<usize>> {
        // Who sends what is dropped cannot keep us here. A datagram that is there begins and ends
        // within so many bytes, unless there is garbage before it.
        let mut budget = longest(&self.config).saturating_mul(2).max(INPUT);
        loop {
            let taken = self.decoder.push(self.input.used());
            self.input.remove(taken);
            match self.decoder.waiting() {
                Some((len, checked)) if checked || self.config.plain => return Ok(Some(len)),
                Some(_) => {
                    self.unchecked += 1;
                    let _ = self.decoder.next();
                    continue;
                }
                None if budget == 0 => return Ok(None),
                None => {}
            }
            // All of it was taken, or a frame would wait.
            let room = self.input.room(1).ok_or(Error::Capacity)?;
            let Some(len) = self.line.read(room)? else { return Ok(None) };
            self.input.add(len);
            budget = budget.saturating_sub(len);
        }
    }

    /// Sends as much as the system takes.
    fn write(&mut self) -> Result<()> {
        while !self.output.used().is_empty() {
            let Some(len) = self.line.write(self.output.used())? else { break };
            self.output.remove(len);
        }
        Ok(())
    }
}

impl Transport for Serial<'_> {
    /// As of any transport. What the system does not take at once waits, and leaves during later
    /// calls; [`Error::HostIo`] if the line is gone.
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        if *to != self.config.peer {
            return Err(Error::HostAddress);
        }
        if datagram.len() > self.config.max_datagram {
            return Err(Error::CommTooLong);
        }
        self.write()?;
        let checked = !self.config.plain;
        // After a silence there may be noise before the frame, which a zero ends.
        let silence = usize::from(self.output.used().is_empty());
        let most = serial_bound(datagram.len(), checked).saturating_add(silence);
        let room = self.output.room(most).ok_or(Error::Capacity)?;
        if let Some(first) = room.first_mut() {
            *first = 0;
        }
        let len = encode_serial(datagram, checked, room.get_mut(silence..).unwrap_or_default())?;
        self.output.add(silence + len);
        // It has been taken. If the line is gone the next call says so.
        let _ = self.write();
        Ok(())
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        self.receive_within(buf, Duration::ZERO)
    }

    fn waiting(&self) -> Option<usize> {
        self.decoder.waiting().map(|(len, _)| len)
    }

    fn skip(&mut self) -> Result<()> {
        if self.waiting().is_some() {
            self.decoder.next();
        }
        Ok(())
    }
}
