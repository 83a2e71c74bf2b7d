//! Serial devices, set up for bytes of any kind.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, QueueSelector,
    SpecialCodeIndex, Termios, ioctl_tiocexcl, ioctl_tiocnxcl, tcflush, tcgetattr, tcsetattr,
};

use crate::error::{Error, Result};

/// The rates that a line may have, in bits a second: those of POSIX, and the usual ones above. Not
/// every device has all of them.
pub const BAUD_RATES: [u32; 29] = [
    50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600,
    115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1500000, 2000000, 2500000, 3000000,
    3500000, 4000000,
];

/// What changes bytes on their way in.
const COOKED_INPUT: InputModes = InputModes::IGNBRK
    .union(InputModes::BRKINT)
    .union(InputModes::INPCK)
    .union(InputModes::PARMRK)
    .union(InputModes::ISTRIP)
    .union(InputModes::INLCR)
    .union(InputModes::IGNCR)
    .union(InputModes::ICRNL)
    .union(InputModes::IXON)
    .union(InputModes::IXOFF)
    .union(InputModes::IXANY);
/// What makes lines and signals of them, or sends them back.
const COOKED_LOCAL: LocalModes =
    LocalModes::ICANON.union(LocalModes::ECHO).union(LocalModes::ISIG).union(LocalModes::IEXTEN);
/// Parity, and a second stop bit.
const FRAMED: ControlModes = ControlModes::PARENB.union(ControlModes::CSTOPB);

/// Refuses other rates than those of [`BAUD_RATES`].
pub(super) fn check_rate(baud: u32) -> Result<()> {
    if BAUD_RATES.contains(&baud) { Ok(()) } else { Err(Error::Invalid) }
}

/// A line that waits for nothing.
pub(super) struct Line {
    file: File,
    /// Whether we keep others from opening it.
    exclusive: bool,
}

impl Line {
    /// Opens a device: 8 data bits, no parity, one stop bit, no flow control, at this rate. What it
    /// received before is dropped.
    pub fn open(device: &Path, baud: u32) -> Result<Line> {
        check_rate(baud)?;
        // Without waiting for a carrier, and not as the terminal of this process.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = open(device, flags, Mode::empty()).map_err(|_| Error::HostIo)?;
        let mut line = Line { file: File::from(opened), exclusive: false };
        let mut modes = tcgetattr(&line.file).map_err(|error| match error {
            Errno::NOTTY => Error::HostFile,
            _ => Error::HostIo,
        })?;
        // Two readers would each get a part of the bytes. The lock keeps out who asks for it, too;
        // the other everybody but root.
        line.file.try_lock().map_err(|_| Error::HostIo)?;
        ioctl_tiocexcl(&line.file).map_err(|_| Error::HostIo)?;
        line.exclusive = true;
        modes.make_raw();
        modes.input_modes -= COOKED_INPUT;
        modes.control_modes -= FRAMED | ControlModes::CRTSCTS;
        modes.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
        // With other values a read may return nothing, as at the end of a file, instead of failing.
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        modes.set_speed(baud).map_err(|_| Error::HostIo)?;
        tcsetattr(&line.file, OptionalActions::Now, &modes).map_err(|_| Error::HostIo)?;
        // It succeeds if any of it could be done.
        if !tcgetattr(&line.file).is_ok_and(|modes| is_set_up(&modes, baud)) {
            return Err(Error::HostIo);
        }
        tcflush(&line.file, QueueSelector::IFlush).map_err(|_| Error::HostIo)?;
        Ok(line)
    }

    /// One that is open, as it is.
    pub fn over(line: OwnedFd) -> Result<Line> {
        let flags = fcntl_getfl(&line).map_err(|_| Error::HostIo)?;
        fcntl_setfl(&line, flags | OFlags::NONBLOCK).map_err(|_| Error::HostIo)?;
        Ok(Line { file: File::from(line), exclusive: false })
    }

    /// What is there, in the first bytes of `room`, which is not empty: how many; `None` if there is
    /// nothing now. [`Error::HostIo`] if the line is gone.
    pub fn read(&mut self, room: &mut [u8]) -> Result<Option<usize>> {
        some(|| self.file.read(room))
    }

    /// Sends the first of these bytes, of which there are some: how many; `None` if there is no room
    /// now. [`Error::HostIo`] if the line is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        some(|| self.file.write(bytes))
    }

    /// What to wait for.
    pub fn poll(&self, flags: PollFlags) -> PollFd<'_> {
        PollFd::new(&self.file, flags)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.exclusive {
            // A pseudoterminal outlives us; if it is gone, there is nothing to give back.
            let _ = ioctl_tiocnxcl(&self.file);
        }
    }
}

/// Does something with some bytes.
fn some(mut work: impl FnMut() -> std::io::Result<usize>) -> Result<Option<usize>> {
    loop {
        match work() {
            Ok(0) => return Err(Error::HostIo),
            Ok(len) => return Ok(Some(len)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted => {}
                _ => return Err(Error::HostIo),
            },
        }
    }
}

fn is_set_up(modes: &Termios, baud: u32) -> bool {
    // A divider of a clock does not make every rate exactly; receivers bear twice that.
    let right = |speed: u32| speed.abs_diff(baud) <= baud / 50;
    !modes.input_modes.intersects(COOKED_INPUT)
        && !modes.output_modes.contains(OutputModes::OPOST)
        && !modes.local_modes.intersects(COOKED_LOCAL)
        && !modes.control_modes.intersects(FRAMED)
        && modes.control_modes.contains(ControlModes::CS8)
        && right(modes.output_speed())
        && right(modes.input_speed())
}
