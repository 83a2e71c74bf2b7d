//! What the caller supplies: memory, randomness, a way for datagrams, threads,
//! and a place for log lines.
//!
//! The core does no input or output and knows no globals. Whatever it needs
//! from its surroundings comes in through the traits of this module.

use core::alloc::Layout;

use crate::error::Result;
use crate::mem::{Piece, Share};

pub use crate::mem::{Arena, Usage};

/// Where an object's one piece of memory comes from.
///
/// Implemented by `&Arena` and, with the `alloc` feature, by [`Heap`]. One of
/// your own can answer with [`Piece::lent`].
pub trait Allocator<'m> {
    /// A piece of at least this size and alignment, or
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn allocate(&self, layout: Layout) -> Result<Piece<'m>>;
}

/// The program's global allocator.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap;

#[cfg(feature = "alloc")]
impl<'m> Allocator<'m> for Heap {
    fn allocate(&self, layout: Layout) -> Result<Piece<'m>> {
        Piece::from_heap(layout)
    }
}

/// Where secrets come from: bytes that nobody can guess.
///
/// A hardware generator, the operating system, or in tests a generator with a
/// seed. What it gives must be uniform and never be given again.
pub trait Entropy {
    /// Fills `out`, or answers an error and leaves it to be used by nobody.
    fn fill(&mut self, out: &mut [u8]) -> Result<()>;
}

/// The operating system's randomness. A WebAssembly module has none.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

#[cfg(all(feature = "std", not(target_family = "wasm")))]
impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        getrandom::fill(out).map_err(|_| crate::Error::Hook)
    }
}

/// Where a datagram goes to or came from: at most [`Address::MAX`] bytes, which
/// mean something to the transport that they belong to, and to nobody else.
///
/// Two addresses are the same place if they are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Those behind `len` are zero.
    bytes: [u8; Address::MAX],
    // Not a byte: whole words are copied in fewer instructions.
    len: u32,
}

impl Address {
    /// The most bytes that an address has.
    pub const MAX: usize = 32;

    /// An address of no bytes.
    pub const EMPTY: Address = Address { bytes: [0; Address::MAX], len: 0 };

    /// An address of these bytes. [`Error::Length`](crate::Error::Length) for
    /// more than [`Address::MAX`].
    pub fn new(bytes: &[u8]) -> Result<Address> {
        let mut address = Address::default();
        let place = address.bytes.get_mut(..bytes.len()).ok_or(crate::Error::Length)?;
        place.copy_from_slice(bytes);
        // At most `MAX`, or there would be no place.
        address.len = bytes.len() as u32;
        Ok(address)
    }

    /// An address of the first `len` of these bytes, without copying them one by
    /// one. [`Error::Length`](crate::Error::Length) for more than there are.
    pub(crate) fn of_padded(mut bytes: [u8; Address::MAX], len: usize) -> Result<Address> {
        if len > Address::MAX {
            return Err(crate::Error::Length);
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = if place < len { *byte } else { 0 };
        }
        // At most `MAX`, as was seen.
        Ok(Address { bytes, len: len as u32 })
    }

    /// Its bytes, and zeros up to the most that there may be.
    pub(crate) const fn padded(&self) -> &[u8; Address::MAX] {
        &self.bytes
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }
}

/// Carries datagrams: they arrive whole or not at all, perhaps twice, in any
/// order.
///
/// Nothing waits: what cannot be done now is answered as such.
pub trait Transport {
    /// Sends a datagram. [`Error::Capacity`](crate::Error::Capacity) if there is
    /// no room for it now: try again later.
    /// [`Error::CommTooLong`](crate::Error::CommTooLong) if it is longer than the
    /// transport carries; [`Error::HostAddress`](crate::Error::HostAddress) if
    /// the address is not one of this transport.
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()>;

    /// The next datagram that has arrived, in the first bytes of `buf`: how many
    /// bytes, and from where. `None` if there is none now.
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall) if it does not fit
    /// into `buf`: it waits then, and [`waiting`](Transport::waiting) tells its
    /// length.
    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>>;

    /// Bytes of the datagram that did not fit into the buffer of
    /// [`receive`](Transport::receive).
    fn waiting(&self) -> Option<usize>;

    /// Throws that datagram away; nothing to throw away is fine.
    /// [`Error::Unsupported`](crate::Error::Unsupported) if the transport cannot.
    fn skip(&mut self) -> Result<()> {
        Err(crate::Error::Unsupported)
    }
}

/// Runs the parts of some work side by side: a thread pool.
pub trait Parallel: Sync {
    /// Calls `work` once with each of `0..parts`, in any order and on any
    /// threads, and returns when all have returned.
    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync));
}

/// The most parts that work is divided into.
pub const MAX_PARTS: usize = 16;

/// Does `work` on each of `items`, side by side where there is a pool. An item
/// that the pool names twice is worked on once, one that it forgets not at all.
pub(crate) fn share<T: Send>(
    items: &mut heapless::Vec<T, MAX_PARTS>,
    parallel: Option<&dyn Parallel>,
    work: impl Fn(usize, &mut T) + Sync,
) {
    let Some(parallel) = parallel else {
        return items.iter_mut().enumerate().for_each(|(i, item)| work(i, item));
    };
    let shares: heapless::Vec<Share<&mut T>, MAX_PARTS> =
        items.iter_mut().map(Share::new).collect();
    parallel.run(shares.len(), &|i| {
        if let Some(item) = shares.get(i).and_then(Share::take) {
            work(i, item);
        }
    });
}

/// A pool that starts threads for each piece of work and waits for them: good
/// for work of a millisecond or more, such as an epoch over all samples.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Threads(usize);

#[cfg(feature = "std")]
impl Threads {
    /// At most so many threads at once, the caller's among them; 0 means as
    /// many as the machine has for this program.
    pub fn new(count: usize) -> Threads {
        let all = || std::thread::available_parallelism().map_or(1, |n| n.get());
        Threads(if count == 0 { all() } else { count })
    }
}

#[cfg(feature = "std")]
impl Parallel for Threads {
    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = core::sync::atomic::AtomicUsize::new(0);
        let run = || {
            loop {
                let part = next.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
                if part >= parts {
                    return;
                }
                work(part);
            }
        };
        std::thread::scope(|scope| {
            // What cannot be started is done by the others.
            let start = |_| std::thread::Builder::new().spawn_scoped(scope, run).ok();
            let others: heapless::Vec<_, MAX_PARTS> =
                (1..self.0.min(parts).min(MAX_PARTS)).filter_map(start).collect();
            run();
            // The scope waits for the work alone. Whoever unloads the library after
            // the call must find the threads gone.
            for other in others {
                if let Err(panic) = other.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}

/// How much a log line matters. Lower is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Why a call was refused.
    Error = 1,
    /// It works, but probably not as meant.
    Warn = 2,
    /// What was made.
    Info = 3,
    /// For the developer.
    Debug = 4,
}

/// Takes log lines. Configurations carry it; it is called during the call that
/// was given the configuration, and not afterwards.
pub trait Logger {
    /// One line, without a line end.
    fn log(&self, level: Level, text: &str);
}

/// A log line in the making: no formatting machinery, at most 160 bytes (the
/// rest is cut off).
pub(crate) struct Line(heapless::String<160>);

impl Line {
    pub fn new(text: &str) -> Line {
        Line(heapless::String::new()).text(text)
    }

    pub fn text(mut self, text: &str) -> Line {
        for c in text.chars() {
            if self.0.push(c).is_err() {
                break;
            }
        }
        self
    }

    pub fn number(mut self, value: usize) -> Line {
        let mut place = 1usize;
        while value / place >= 10 {
            place *= 10;
        }
        while place > 0 {
            // The digit is one of '0'..='9'; a full line cuts it off.
            let _ = self.0.push((b'0' + (value / place % 10) as u8) as char);
            place /= 10;
        }
        self
    }

    pub fn send(&self, logger: Option<&dyn Logger>, level: Level) {
        if let Some(logger) = logger {
            logger.log(level, &self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_equal_by_what_they_hold() {
        let address = |bytes| Address::new(bytes).unwrap();
        assert_eq!(address(&[1, 2]).bytes(), [1, 2]);
        assert_eq!(address(&[7; Address::MAX]).bytes(), [7; Address::MAX]);
        assert_eq!(Address::new(&[7; Address::MAX + 1]), Err(crate::Error::Length));
        assert_eq!(address(&[]), Address::default());
        assert_ne!(address(&[]), address(&[0]));
        assert_ne!(address(&[1]), address(&[1, 0]));
    }

    #[test]
    fn lines_hold_numbers_and_are_cut_at_their_length() {
        let line = Line::new("a ").number(0).text(" b ").number(usize::MAX);
        assert_eq!(&*line.0, std::format!("a 0 b {}", usize::MAX));
        assert_eq!(Line::new(&"é".repeat(100)).number(12).0.len(), 160);
    }
}
