//! Consistent Overhead Byte Stuffing: bytes without a zero in them, so that a
//! zero can end them.
//!
//! S. Cheshire and M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM
//! Transactions on Networking 7(2), 1999. The bytes become blocks: a code, then
//! code - 1 bytes that are not zero. Each block stands for its bytes and a zero
//! behind them, but for code 255 (254 bytes without) and for the last block
//! (whose zero is not there). A last block of 254 bytes is not followed by an
//! empty one when it is written; when read, either will do.

/// A code that is not followed by a zero.
const FULL: u8 = 0xff;
/// Most bytes in a block.
const BLOCK: usize = 254;

/// The most bytes that `len` bytes become, without the zero behind them.
pub(super) const fn bound(len: usize) -> usize {
    if len == 0 { 1 } else { len.saturating_add(len.div_ceil(BLOCK)) }
}

/// Writes blocks to a buffer; counts on when it is full.
pub(super) struct Encoder<'o> {
    out: &'o mut [u8],
    len: usize,
    /// Where the code of the block goes.
    code_at: usize,
    code: u8,
}

impl<'o> Encoder<'o> {
    pub fn new(out: &'o mut [u8]) -> Encoder<'o> {
        Encoder { out, len: 1, code_at: 0, code: 1 }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.code == FULL {
                self.begin_block();
            }
            if *byte == 0 {
                self.begin_block();
            } else {
                self.put(self.len, *byte);
                self.len += 1;
                self.code += 1;
            }
        }
    }

    fn begin_block(&mut self) {
        self.put(self.code_at, self.code);
        self.code_at = self.len;
        self.len += 1;
        self.code = 1;
    }

    /// Ends the last block and puts the zero behind it. The length, if the
    /// buffer had room for it.
    pub fn finish(mut self) -> Result<usize, usize> {
        self.put(self.code_at, self.code);
        self.put(self.len, 0);
        let len = self.len + 1;
        if len <= self.out.len() { Ok(len) } else { Err(len) }
    }

    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.out.get_mut(at) {
            *place = byte;
        }
    }
}

/// Takes blocks apart, as they come.
#[derive(Clone, Copy, Default)]
pub(super) struct Decoder {
    /// Whether there was a byte since the last zero.
    begun: bool,
    /// Bytes that the block still has.
    left: u8,
    /// Whether a zero stands behind the block.
    zero: bool,
}

/// What ended at a zero.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing: two zeros in a row.
    Nothing,
    /// The last block.
    Whole,
    /// A block that has fewer bytes than its code said.
    Short,
}

impl Decoder {
    /// Takes bytes up to the first zero; hands out what they stand for, and what
    /// ended if there was a zero. Says how many bytes it took, the zero included.
    pub fn push(&mut self, bytes: &[u8], mut put: impl FnMut(&[u8])) -> (usize, Option<End>) {
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            if first == 0 {
                let end = match (self.begun, self.left) {
                    (false, _) => End::Nothing,
                    (true, 0) => End::Whole,
                    (true, _) => End::Short,
                };
                *self = Decoder::default();
                return (bytes.len() - behind.len(), Some(end));
            }
            if self.left == 0 {
                if self.zero {
                    put(&[0]);
                }
                (self.begun, self.left, self.zero) = (true, first - 1, first != FULL);
                rest = behind;
                continue;
            }
            let most = rest.len().min(usize::from(self.left));
            let len = rest.iter().take(most).position(|byte| *byte == 0).unwrap_or(most);
            let Some((run, behind)) = rest.split_at_checked(len) else { break };
            put(run);
            // `len` is at most `left`.
            self.left -= len as u8;
            rest = behind;
        }
        (bytes.len() - rest.len(), None)
    }
}
