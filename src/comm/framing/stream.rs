//! A length before each frame: two bytes, little-endian.

use core::alloc::Layout;

use super::{Frame, FrameCounts, MAX_FRAME, check_max};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// Bytes before each frame.
const HEADER: usize = 2;

/// What goes before a frame of `len` bytes. [`Error::CommTooLong`] for more than
/// [`MAX_FRAME`].
pub fn stream_header(len: usize) -> Result<[u8; HEADER]> {
    u16::try_from(len).map(u16::to_le_bytes).map_err(|_| Error::CommTooLong)
}

/// Bytes that a frame of `len` bytes takes in a stream. [`Error::CommTooLong`]
/// for more than [`MAX_FRAME`].
pub fn stream_len(len: usize) -> Result<usize> {
    if len > MAX_FRAME { Err(Error::CommTooLong) } else { Ok(HEADER + len) }
}

/// Writes a frame as it goes into a stream, and returns its length, which
/// [`stream_len`] tells before. [`Error::CommTooLong`] for more than
/// [`MAX_FRAME`] bytes, [`Error::BufferTooSmall`].
pub fn encode_stream(frame: &[u8], out: &mut [u8]) -> Result<usize> {
    let header = stream_header(frame.len())?;
    let len = stream_len(frame.len())?;
    let (first, rest) = out.split_at_mut_checked(HEADER).ok_or(Error::BufferTooSmall)?;
    rest.get_mut(..frame.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(frame);
    first.copy_from_slice(&header);
    Ok(len)
}

/// Takes frames out of a stream that loses nothing.
pub struct StreamDecoder<'m> {
    buffer: Carved<'m, u8>,
    header: [u8; HEADER],
    state: State,
    counts: FrameCounts,
    /// Unless the buffer lies in somebody else's.
    _piece: Option<Piece<'m>>,
}

/// How far the frame has come.
#[derive(Clone, Copy)]
enum State {
    /// So many bytes of the header are there.
    Header(usize),
    /// So many bytes of the frame are there, of so many.
    Frame { have: usize, len: usize },
    /// All of it, of so many bytes.
    Whole(usize),
    /// It announced too much.
    Broken,
}

const START: State = State::Header(0);

impl<'m> StreamDecoder<'m> {
    /// The memory that it takes. [`Error::Invalid`] unless `max_frame` is from 1
    /// to [`MAX_FRAME`].
    pub fn footprint(max_frame: usize) -> Result<Layout> {
        let mut carver = Carver::measure();
        StreamDecoder::carve(max_frame, &mut carver)?;
        carver.layout()
    }

    /// A decoder before the first byte, for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize, memory: impl Allocator<'m>) -> Result<StreamDecoder<'m>> {
        StreamDecoder::in_piece(max_frame, memory.allocate(StreamDecoder::footprint(max_frame)?)?)
    }

    pub(crate) fn in_piece(max_frame: usize, mut piece: Piece<'m>) -> Result<StreamDecoder<'m>> {
        // Bytes have no alignment, and the carver knows the size.
        let mut carver = piece.carver(Layout::new::<u8>())?;
        let decoder = StreamDecoder::carve(max_frame, &mut carver)?;
        Ok(StreamDecoder { _piece: Some(piece), ..decoder })
    }

    /// One whose buffer is cut from a piece that the caller keeps beside it.
    pub(crate) fn carve(max_frame: usize, carver: &mut Carver<'m>) -> Result<StreamDecoder<'m>> {
        check_max(max_frame)?;
        let (buffer, counts) = (carver.take(max_frame, 0u8)?, FrameCounts::default());
        Ok(StreamDecoder { buffer, header: [0; HEADER], state: START, counts, _piece: None })
    }

    /// As [`Framer::push`](super::Framer::push).
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        loop {
            self.state = match self.state {
                State::Header(have) => {
                    let taken = fill(&mut self.header, have, &mut rest);
                    match have + taken {
                        HEADER => self.announced(usize::from(u16::from_le_bytes(self.header))),
                        have => State::Header(have),
                    }
                }
                State::Frame { have, len } => {
                    let room = self.buffer.get_mut(..len).unwrap_or_default();
                    match have + fill(room, have, &mut rest) {
                        have if have == len => {
                            self.counts.frames += 1;
                            State::Whole(len)
                        }
                        have => State::Frame { have, len },
                    }
                }
                State::Whole(_) => break,
                State::Broken => return Err(Error::CommTooLong),
            };
            // An empty frame is whole without a further byte.
            if rest.is_empty() && !matches!(self.state, State::Frame { have: 0, len: 0 }) {
                break;
            }
        }
        match self.state {
            State::Broken => Err(Error::CommTooLong),
            _ => Ok(bytes.len() - rest.len()),
        }
    }

    fn announced(&mut self, len: usize) -> State {
        if len > self.buffer.len() {
            self.counts.oversize += 1;
            return State::Broken;
        }
        State::Frame { have: 0, len }
    }

    /// As [`Framer::next`](super::Framer::next).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        let State::Whole(len) = self.state else { return None };
        self.state = START;
        self.buffer.get(..len).map(|bytes| Frame { bytes, checked: true })
    }

    /// Bytes of the frame that waits to be given out.
    pub fn waiting(&self) -> Option<usize> {
        match self.state {
            State::Whole(len) => Some(len),
            _ => None,
        }
    }

    /// As [`Framer::restart`](super::Framer::restart).
    pub fn restart(&mut self) {
        self.state = START;
    }

    /// What it has seen; none is ever damaged.
    pub fn counts(&self) -> FrameCounts {
        self.counts
    }
}

/// Copies what is there of what is missing behind the first `have` bytes; says
/// how many bytes.
fn fill(to: &mut [u8], have: usize, rest: &mut &[u8]) -> usize {
    let to = to.get_mut(have..).unwrap_or_default();
    let len = to.len().min(rest.len());
    let Some((now, later)) = rest.split_at_checked(len) else { return 0 };
    if let Some(to) = to.get_mut(..len) {
        to.copy_from_slice(now);
    }
    *rest = later;
    len
}
