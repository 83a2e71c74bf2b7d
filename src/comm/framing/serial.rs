//! COBS with a zero behind each frame: finds the next frame after garbage.
//!
//! Before COBS, a frame has one byte of kind in front, and a CRC behind if it is
//! of the checked kind.

use core::alloc::Layout;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use super::cobs::{self, Encoder, End};
use super::{Frame, FrameCounts, MAX_FRAME, check_max};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// Kinds of frames: all bits differ, so no few flips make one of the other.
const PLAIN: u8 = 0x5a;
const CHECKED: u8 = 0xa5;

const KIND: usize = 1;
const CHECK: usize = 4;

// Few frames have one, and lines are slow: a table would not be worth its flash.
static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// The most bytes that a frame of `len` bytes takes on a serial line: 2 and one
/// for each 254 bytes begun of frame and kind, and with a CRC 4 more.
pub const fn serial_bound(len: usize, checked: bool) -> usize {
    let inside = len.saturating_add(KIND + if checked { CHECK } else { 0 });
    cobs::bound(inside).saturating_add(1)
}

/// Bytes that this frame takes on a serial line. [`Error::CommTooLong`] for more
/// than [`MAX_FRAME`].
pub fn serial_len(frame: &[u8], checked: bool) -> Result<usize> {
    write(frame, checked, &mut []).map(|written| written.unwrap_or_else(|needed| needed))
}

/// Writes a frame as it goes over a serial line, its zero included, and returns
/// the length, which [`serial_len`] tells before and [`serial_bound`] bounds.
/// With `checked` a CRC goes along: ask for it where nothing else tells that the
/// frame is damaged, as in a handshake.
///
/// [`Error::CommTooLong`] for more than [`MAX_FRAME`] bytes,
/// [`Error::BufferTooSmall`].
pub fn encode_serial(frame: &[u8], checked: bool, out: &mut [u8]) -> Result<usize> {
    write(frame, checked, out)?.map_err(|_| Error::BufferTooSmall)
}

fn write(frame: &[u8], checked: bool, out: &mut [u8]) -> Result<Result<usize, usize>> {
    if frame.len() > MAX_FRAME {
        return Err(Error::CommTooLong);
    }
    let kind = [if checked { CHECKED } else { PLAIN }];
    let mut encoder = Encoder::new(out);
    encoder.push(&kind);
    encoder.push(frame);
    if checked {
        let mut digest = CRC.digest();
        digest.update(&kind);
        digest.update(frame);
        encoder.push(&digest.finalize().to_le_bytes());
    }
    Ok(encoder.finish())
}

/// Takes frames out of a line that may lose and change bytes. What is damaged is
/// dropped and counted; the first zero behind it is where it goes on.
pub struct SerialDecoder<'m> {
    buffer: Carved<'m, u8>,
    cobs: cobs::Decoder,
    /// Bytes of the frame so far, also those for which there was no room.
    len: usize,
    whole: Option<Whole>,
    counts: FrameCounts,
    _piece: Option<Piece<'m>>,
}

/// A frame that has not been given out.
#[derive(Clone, Copy)]
struct Whole {
    /// Bytes of the frame itself.
    len: usize,
    checked: bool,
}

impl<'m> SerialDecoder<'m> {
    /// The memory that it takes. [`Error::Invalid`] unless `max_frame` is from 1
    /// to [`MAX_FRAME`].
    pub fn footprint(max_frame: usize) -> Result<Layout> {
        Carver::layout_of(|carver| SerialDecoder::carve(max_frame, carver))
    }

    /// A decoder before the first byte, for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize, memory: impl Allocator<'m>) -> Result<SerialDecoder<'m>> {
        SerialDecoder::in_piece(max_frame, memory.allocate(SerialDecoder::footprint(max_frame)?)?)
    }

    pub(crate) fn in_piece(max_frame: usize, mut piece: Piece<'m>) -> Result<SerialDecoder<'m>> {
        // Bytes have no alignment, and the carver knows the size.
        let mut carver = piece.carver(Layout::new::<u8>())?;
        let decoder = SerialDecoder::carve(max_frame, &mut carver)?;
        Ok(SerialDecoder { _piece: Some(piece), ..decoder })
    }

    /// One whose buffer is cut from a piece that the caller keeps beside it.
    pub(crate) fn carve(max_frame: usize, carver: &mut Carver<'m>) -> Result<SerialDecoder<'m>> {
        check_max(max_frame)?;
        Ok(SerialDecoder {
            buffer: carver.take(KIND + max_frame + CHECK, 0u8)?,
            cobs: cobs::Decoder::default(),
            len: 0,
            whole: None,
            counts: FrameCounts::default(),
            _piece: None,
        })
    }

    /// As [`Framer::push`](super::Framer::push), but without errors.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.whole.is_none()
            && let Some(rest) = bytes.get(taken..)
            && !rest.is_empty()
        {
            let SerialDecoder { buffer, len, .. } = self;
            let (some, end) = self.cobs.push(rest, |run| {
                let to = len.saturating_add(run.len());
                if let Some(place) = buffer.get_mut(*len..to) {
                    place.copy_from_slice(run);
                }
                *len = to;
            });
            taken += some;
            if let Some(end) = end {
                self.ended(end);
            }
        }
        taken
    }

    /// A zero came.
    fn ended(&mut self, end: End) {
        let len = core::mem::take(&mut self.len);
        if end == End::Nothing {
            return;
        }
        let most = self.buffer.len() - KIND - CHECK;
        let Some(bytes) = self.buffer.get(..len) else {
            self.counts.oversize += 1;
            return;
        };
        match (end, whole(bytes)) {
            (End::Whole, Some(whole)) if whole.len > most => self.counts.oversize += 1,
            (End::Whole, Some(whole)) => {
                self.counts.frames += 1;
                self.whole = Some(whole);
            }
            _ => self.counts.damaged += 1,
        }
    }

    /// As [`Framer::next`](super::Framer::next).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        let Whole { len, checked } = self.whole.take()?;
        self.buffer.get(KIND..KIND + len).map(|bytes| Frame { bytes, checked })
    }

    /// Bytes of the frame that waits to be given out, and whether a checksum came with it.
    #[cfg(all(feature = "std", unix))]
    pub(crate) fn waiting(&self) -> Option<(usize, bool)> {
        self.whole.map(|whole| (whole.len, whole.checked))
    }

    /// As [`Framer::restart`](super::Framer::restart).
    pub fn restart(&mut self) {
        self.cobs = cobs::Decoder::default();
        self.len = 0;
        self.whole = None;
    }

    /// What it has seen.
    pub fn counts(&self) -> FrameCounts {
        self.counts
    }
}

/// What lies between two zeros, if it is a frame.
fn whole(bytes: &[u8]) -> Option<Whole> {
    let (kind, rest) = bytes.split_first()?;
    match *kind {
        PLAIN => Some(Whole { len: rest.len(), checked: false }),
        CHECKED => {
            let len = rest.len().checked_sub(CHECK)?;
            let (inside, check) = bytes.split_at_checked(KIND + len)?;
            let right = CRC.checksum(inside).to_le_bytes();
            (right == check).then_some(Whole { len, checked: true })
        }
        _ => None,
    }
}
