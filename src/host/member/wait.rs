//! How a member's thread sleeps, and is woken.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::error::{Error, Result};
use crate::host::wait::Deadline;

/// Wakes the thread: both ends are here, so that who wakes a thread that is gone gets no SIGPIPE.
pub(super) struct Waker {
    to: UnixStream,
    from: UnixStream,
    /// Whether it was woken since it slept last: a byte is on its way.
    set: AtomicBool,
}

impl Waker {
    pub fn new() -> Result<Waker> {
        let (to, from) = UnixStream::pair().map_err(|_| Error::HostIo)?;
        for end in [&to, &from] {
            end.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        }
        Ok(Waker { to, from, set: AtomicBool::new(false) })
    }

    /// The thread sleeps no longer, or not at all the next time.
    pub fn wake(&self) {
        if !self.set.swap(true, Ordering::AcqRel) {
            // There is room for one byte.
            let _ = (&self.to).write(&[1]);
        }
    }

    /// Sleeps until it is woken, something can be read, or the time is over. What was changed before a wake is seen by
    /// whoever looks after this.
    pub fn sleep(&self, wait: Option<&OwnedFd>, timeout: Duration) -> Result<()> {
        let mut fds: heapless::Vec<PollFd<'_>, 2> = heapless::Vec::new();
        let _ = fds.push(PollFd::new(&self.from, PollFlags::IN));
        if let Some(wait) = wait {
            let _ = fds.push(PollFd::new(wait, PollFlags::IN));
        }
        if !self.set.load(Ordering::Acquire) {
            Deadline::after(timeout).wait(&mut fds)?;
        }
        let mut bytes = [0; 16];
        while matches!((&self.from).read(&mut bytes), Ok(len) if len > 0) {}
        self.set.store(false, Ordering::Release);
        Ok(())
    }
}
