//! Frames in byte streams: where one ends and the next begins.
//!
//! | file | for | on the line |
//! |---|---|---|
//! | `stream` | TCP and other streams that lose nothing | length, frame |
//! | `serial` | UART, RS-485 and other lines that may lose or change bytes | COBS, ended by a zero |
//! | `cobs` | Consistent Overhead Byte Stuffing itself | |
//!
//! docs/link-framing.md has both formats byte by byte. Nothing here does input
//! or output: the caller hands bytes over in pieces of any size
//! ([`Framer::push`]) and takes frames out ([`Framer::next`]).
//!
//! ```
//! use neural_swarm::comm::framing::{Framer, FramerConfig, Framing, encode_serial};
//! use neural_swarm::port::Heap;
//!
//! let mut line = [0; 64];
//! let len = encode_serial(b"hello", true, &mut line)?;
//!
//! let config = FramerConfig { framing: Framing::Serial, max_frame: 32 };
//! let mut framer = Framer::new(&config, Heap)?;
//! for piece in line[..len].chunks(3) {
//!     let mut rest = piece;
//!     while !rest.is_empty() {
//!         let taken = framer.push(rest)?;
//!         rest = &rest[taken..];
//!         while let Some(frame) = framer.next() {
//!             assert_eq!((frame.bytes, frame.checked), (&b"hello"[..], true));
//!         }
//!     }
//! }
//! assert_eq!(framer.counts().frames, 1);
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod cobs;
mod serial;
mod stream;

use core::alloc::Layout;

pub use self::serial::{SerialDecoder, encode_serial, serial_bound, serial_len};
pub use self::stream::{StreamDecoder, encode_stream, stream_header, stream_len};
use crate::error::{Error, Result};
use crate::mem::Piece;
use crate::port::Allocator;

/// The most bytes that a frame can have.
pub const MAX_FRAME: usize = 0xffff;

/// How frames lie in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A length of two bytes before each frame, for streams that lose nothing.
    Stream,
    /// COBS with a zero behind each frame, for serial lines.
    Serial,
}

/// What a [`Framer`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramerConfig {
    /// How frames lie in the bytes.
    pub framing: Framing,
    /// Bytes of the longest frame to take, from 1 to [`MAX_FRAME`].
    pub max_frame: usize,
}

/// A frame that came out of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What was framed; may be empty.
    pub bytes: &'a [u8],
    /// Whether it is as it was sent, as far as a checksum can tell: a CRC came
    /// with it and was right, or it came over a stream, which has checksums of
    /// its own. It says nothing about who sent it. What is not authenticated in
    /// another way, such as a message of a handshake, is to be taken from frames
    /// with this alone.
    pub checked: bool,
}

/// What a decoder has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Frames that were whole and right.
    pub frames: u64,
    /// Frames dropped: not COBS, of no known kind, or with a wrong CRC. Garbage
    /// between frames counts as one of these for each zero in it.
    pub damaged: u64,
    /// Frames dropped or, in a stream, refused, because they were longer than
    /// `max_frame`.
    pub oversize: u64,
}

/// Takes frames out of bytes that come in pieces of any size.
pub struct Framer<'m>(Decoder<'m>);

enum Decoder<'m> {
    Stream(StreamDecoder<'m>),
    Serial(SerialDecoder<'m>),
}

impl<'m> Framer<'m> {
    /// The memory that it takes. [`Error::Invalid`] for a `max_frame` out of
    /// range.
    pub fn footprint(config: &FramerConfig) -> Result<Layout> {
        match config.framing {
            Framing::Stream => StreamDecoder::footprint(config.max_frame),
            Framing::Serial => SerialDecoder::footprint(config.max_frame),
        }
    }

    /// A decoder before the first byte. [`Error::Invalid`] for a `max_frame`
    /// out of range.
    pub fn new(config: &FramerConfig, memory: impl Allocator<'m>) -> Result<Framer<'m>> {
        Framer::in_piece(config, memory.allocate(Framer::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &FramerConfig, piece: Piece<'m>) -> Result<Framer<'m>> {
        Ok(Framer(match config.framing {
            Framing::Stream => Decoder::Stream(StreamDecoder::in_piece(config.max_frame, piece)?),
            Framing::Serial => Decoder::Serial(SerialDecoder::in_piece(config.max_frame, piece)?),
        }))
    }

    /// Takes bytes up to the end of the first frame in them, and says how many:
    /// 0 while there is a frame that [`next`](Framer::next) has not given out.
    ///
    /// [`Error::CommTooLong`] if a stream announces a frame longer than
    /// `max_frame`: where the next one begins cannot be trusted then, so every
    /// further call answers the same until [`restart`](Framer::restart). On a serial
    /// line such frames are dropped and counted.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.0 {
            Decoder::Stream(decoder) => decoder.push(bytes),
            Decoder::Serial(decoder) => Ok(decoder.push(bytes)),
        }
    }

    /// The frame that has become whole, once.
    // An iterator's items could not borrow from it.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        match &mut self.0 {
            Decoder::Stream(decoder) => decoder.next(),
            Decoder::Serial(decoder) => decoder.next(),
        }
    }

    /// Forgets what is half read or not given out, as for a new connection. The
    /// counts stay.
    pub fn restart(&mut self) {
        match &mut self.0 {
            Decoder::Stream(decoder) => decoder.restart(),
            Decoder::Serial(decoder) => decoder.restart(),
        }
    }

    /// What it has seen.
    pub fn counts(&self) -> FrameCounts {
        match &self.0 {
            Decoder::Stream(decoder) => decoder.counts(),
            Decoder::Serial(decoder) => decoder.counts(),
        }
    }
}

/// Refuses what no decoder can be made for.
fn check_max(max_frame: usize) -> Result<()> {
    if (1..=MAX_FRAME).contains(&max_frame) { Ok(()) } else { Err(Error::Invalid) }
}
