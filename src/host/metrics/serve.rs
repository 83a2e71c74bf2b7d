//! The thread that serves.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::Vec;

use rustix::event::{PollFd, PollFlags};

use super::http::{self, Answer, Over};
use super::{MOST_SCRAPERS, MetricsServerConfig, MetricsServerCounts, Shared, classic};
use crate::error::{Error, Result};
use crate::host::clock::unix_time;
use crate::host::wait::Deadline;

/// How long nobody is let in after the system gave no connection.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes that are read behind a request, or instead of one that is refused, before the connection is closed anyway.
const MOST_DRAINED: usize = 1 << 20;

pub(super) struct Server {
    listener: TcpListener,
    /// Readable when it is time to end.
    woken: UnixStream,
    connections: Vec<Connection>,
    /// Those that are closed, for their buffers.
    idle: Vec<Buffers>,
    shared: Arc<Shared>,
    /// What is served now; nothing, if nothing was published.
    text: Vec<u8>,
    timeout: Duration,
    /// Nobody is let in until then.
    paused: Option<Instant>,
}

/// What a connection reads to and writes from.
struct Buffers {
    /// As long as a request may be.
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    buffers: Buffers,
    /// How much of the input, the output, or behind them, is done.
    done: usize,
    state: State,
    deadline: Deadline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A request comes.
    Reading,
    /// An answer goes: whether it is a text.
    Writing {
        text: bool,
    },
    /// The answer has gone. To close now might take it from the peer, if something of what it sent is unread.
    Draining,
    Over,
}

impl Server {
    pub fn new(
        listener: TcpListener,
        woken: UnixStream,
        config: &MetricsServerConfig,
        shared: Arc<Shared>,
        text: Vec<u8>,
    ) -> Result<Server> {
        let mut idle = Vec::new();
        for _ in 0..config.connections {
            let mut input = Vec::new();
            input.try_reserve_exact(config.max_header).map_err(|_| Error::OutOfMemory)?;
            input.resize(config.max_header, 0);
            idle.push(Buffers { input, output: Vec::new() });
        }
        let connections = Vec::with_capacity(config.connections);
        let timeout = config.timeout;
        Ok(Server { listener, woken, connections, idle, shared, text, timeout, paused: None })
    }

    /// Serves until it is woken to end.
    pub fn run(mut self) {
        while self.wait() {
            self.accept();
            self.connections.iter_mut().for_each(|connection| {
                connection.go(&self.shared, &mut self.text, self.timeout);
            });
            while let Some(over) = self.connections.iter().position(|c| c.state == State::Over) {
                self.idle.push(self.connections.swap_remove(over).buffers);
            }
        }
    }

    /// Waits for something to do; `false` if it is time to end, or the system does not let us wait.
    fn wait(&mut self) -> bool {
        let mut ends = self.connections.iter().filter_map(|c| c.deadline.left()).min();
        if let Some(left) = self.paused.map(|end| end.saturating_duration_since(Instant::now())) {
            if left.is_zero() {
                self.paused = None;
            } else {
                ends = Some(ends.map_or(left, |ends| ends.min(left)));
            }
        }
        // Two and as many as there may be.
        let mut sockets: heapless::Vec<PollFd<'_>, { MOST_SCRAPERS + 2 }> = heapless::Vec::new();
        let _ = sockets.push(PollFd::new(&self.woken, PollFlags::IN));
        if !self.idle.is_empty() && self.paused.is_none() {
            let _ = sockets.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        for connection in &self.connections {
            let flags = match connection.state {
                State::Writing { .. } => PollFlags::OUT,
                _ => PollFlags::IN,
            };
            let _ = sockets.push(PollFd::new(&connection.stream, flags));
        }
        // For ever, if nobody is there.
        let deadline = Deadline::after(ends.unwrap_or(Duration::MAX));
        if deadline.wait(&mut sockets).is_err() {
            return false;
        }
        sockets.first().is_some_and(|woken| woken.revents().is_empty())
    }

    fn accept(&mut self) {
        if self.paused.is_some() {
            return;
        }
        while let Some(mut buffers) = self.idle.pop() {
            let accepted = match self.listener.accept() {
                Ok((stream, _)) => stream.set_nonblocking(true).map(|()| stream),
                Err(error) => Err(error),
            };
            match accepted {
                Ok(stream) => {
                    self.shared.lock().counts.accepted += 1;
                    buffers.output.clear();
                    self.connections.push(Connection {
                        stream,
                        buffers,
                        done: 0,
                        state: State::Reading,
                        deadline: Deadline::after(self.timeout),
                    });
                    continue;
                }
                // Nobody is there (any more).
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock
                            | ErrorKind::Interrupted
                            | ErrorKind::ConnectionAborted
                    ) => {}
                // They are there still, and would wake us for nothing.
                Err(_) => {
                    self.shared.lock().counts.failed += 1;
                    self.paused = Instant::now().checked_add(PAUSE);
                }
            }
            self.idle.push(buffers);
            return;
        }
    }
}

impl Drop for Server {
    /// However it ended: the owner is to know.
    fn drop(&mut self) {
        self.shared.lock().over = true;
    }
}

impl Connection {
    /// Does all that can be done without waiting.
    fn go(&mut self, shared: &Shared, text: &mut Vec<u8>, timeout: Duration) {
        loop {
            let goes_on = match self.state {
                State::Reading => self.read(shared, text, timeout),
                State::Writing { text } => self.write(text, shared, timeout),
                State::Draining => self.drain(),
                State::Over => return,
            };
            if goes_on {
                continue;
            }
            if self.deadline.is_over() {
                if self.state != State::Draining {
                    self.end(shared, |counts| counts.late += 1);
                }
                self.state = State::Over;
            }
            return;
        }
    }

    /// It is over before it had an answer.
    fn end(&mut self, shared: &Shared, count: impl FnOnce(&mut MetricsServerCounts)) {
        count(&mut shared.lock().counts);
        self.state = State::Over;
    }

    /// Reads some of the request; `false` if nothing comes now.
    fn read(&mut self, shared: &Shared, text: &mut Vec<u8>, timeout: Duration) -> bool {
        let room = self.buffers.input.get_mut(self.done..).unwrap_or(&mut []);
        let over = match self.stream.read(room) {
            Ok(0) => Over::Ended,
            Ok(len) => {
                self.done += len;
                if self.done >= self.buffers.input.len() { Over::Full } else { Over::No }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => {
                self.end(shared, |counts| counts.broken += 1);
                return true;
            }
        };
        if over == Over::Ended && self.done == 0 {
            self.end(shared, |counts| counts.broken += 1);
            return true;
        }
        let input = self.buffers.input.get(..self.done).unwrap_or(&[]);
        let Some(answer) = http::answer(input, over) else { return !self.deadline.is_over() };
        if self.answer(answer, shared, text).is_err() {
            self.end(shared, |counts| counts.broken += 1);
            return true;
        }
        self.done = 0;
        self.deadline = Deadline::after(timeout);
        true
    }

    /// Makes the answer.
    fn answer(&mut self, answer: Answer, shared: &Shared, text: &mut Vec<u8>) -> Result<()> {
        let mut shared = shared.lock();
        if shared.fresh {
            core::mem::swap(&mut shared.text, text);
            shared.fresh = false;
        }
        drop(shared);
        let output = &mut self.buffers.output;
        output.clear();
        // Twice the text has room for its other form beside its head, and for a refusal.
        let most = 1024 + text.len() * 2;
        output.try_reserve(most).map_err(|_| Error::OutOfMemory)?;
        let (now, mut is_text) = (unix_time(), false);
        match answer {
            Answer::Text { head, .. } if text.is_empty() => {
                http::write(output, Answer::Refusal { status: http::NOTHING, head }, &[], now);
            }
            Answer::Text { open: false, .. } => {
                let mut other = Vec::new();
                other.try_reserve(text.len() * 2).map_err(|_| Error::OutOfMemory)?;
                classic::write(text, &mut other);
                http::write(output, answer, &other, now);
                is_text = true;
            }
            Answer::Text { open: true, .. } => {
                http::write(output, answer, text, now);
                is_text = true;
            }
            Answer::Refusal { .. } => http::write(output, answer, &[], now),
        }
        self.state = State::Writing { text: is_text };
        Ok(())
    }

    /// Writes some of the answer; `false` if the peer takes nothing now.
    fn write(&mut self, text: bool, shared: &Shared, timeout: Duration) -> bool {
        let rest = self.buffers.output.get(self.done..).unwrap_or(&[]);
        if !rest.is_empty() {
            return match self.stream.write(rest) {
                Ok(len) => {
                    self.done += len;
                    !self.deadline.is_over()
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(_) => {
                    self.end(shared, |counts| counts.broken += 1);
                    true
                }
            };
        }
        let mut shared = shared.lock();
        if text {
            shared.counts.served += 1;
        } else {
            shared.counts.refused += 1;
        }
        drop(shared);
        // Who sees the end finds it counted. If the connection is broken by now, that is seen next.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.done = 0;
        self.state = State::Draining;
        self.deadline = Deadline::after(timeout);
        true
    }

    /// Reads what nobody wants to know, until the peer has closed; `false` if nothing comes now.
    fn drain(&mut self) -> bool {
        match self.stream.read(&mut self.buffers.input) {
            Ok(len) if len > 0 && self.done <= MOST_DRAINED => {
                self.done += len;
                !self.deadline.is_over()
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            _ => {
                self.state = State::Over;
                true
            }
        }
    }
}
