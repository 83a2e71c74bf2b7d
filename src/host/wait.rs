//! Waiting for sockets.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// When waiting ends.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now; for ever if there is no such time.
    pub fn after(timeout: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(timeout))
    }

    /// The earlier of this and so long from now.
    #[cfg(feature = "tls")]
    pub fn or_after(self, timeout: Duration) -> Deadline {
        match (self.0, Deadline::after(timeout).0) {
            (Some(this), Some(other)) => Deadline(Some(this.min(other))),
            (this, other) => Deadline(this.or(other)),
        }
    }

    /// What is left; `None` for ever.
    pub fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub fn is_over(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Waits until one of the sockets is ready; `false` when the time is up, also
    /// if it was up before: who comes here has just tried.
    pub fn wait(self, sockets: &mut [PollFd<'_>]) -> Result<bool> {
        while !self.is_over() {
            let left = self.left().map(|left| Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            });
            match poll(sockets, left.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(_) => return Err(Error::HostIo),
            }
        }
        Ok(false)
    }
}
