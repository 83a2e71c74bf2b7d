//! Models as bytes (`.nswm`), versions 1 and 2.
//!
//! Little-endian throughout. A model is read in place, so every section starts
//! at a multiple of [`ALIGN`] bytes, and so must the model itself.
//!
//! | at | type | header field |
//! |---|---|---|
//! | 0 | 4 bytes | `"NSWM"` |
//! | 4 | u16 | version: 1, or 2 for what 1 cannot say |
//! | 6 | u16 | kind: 1 float32, 2 int8, 3 a trainer's state, 4 int16 |
//! | 8 | u32 | length of the whole model in bytes |
//! | 12 | u32 | CRC-32 (ISO-HDLC, as in zip) of all bytes but this field |
//! | 16 | u32 | inputs |
//! | 20 | u32 | layers |
//! | 24 | 8 bytes | by kind; zero for float32 of version 1 |
//!
//! Then follow one record a layer and the sections of numbers; see
//! [`float`], [`int8`] and [`int16`]. Where a section starts follows from the records and
//! is not stored, so it cannot be wrong.

pub(crate) mod fann;
pub(crate) mod float;
pub(crate) mod int16;
pub(crate) mod int8;
mod text;

use crc::{CRC_32_ISO_HDLC, Crc};

pub(crate) use self::text::Text;
use super::shape::MAX_LAYERS;
use crate::error::{Error, Result};

/// What the address of a model must be a multiple of, to be read in place.
pub const ALIGN: usize = 4;

const MAGIC: &[u8; 4] = b"NSWM";
/// The first version.
pub(crate) const V1: u16 = 1;
/// What the first could not say.
pub(crate) const V2: u16 = 2;
pub(crate) const HEADER: usize = 32;

// A table costs flash that a small device would rather keep; with a heap there
// is room for speed.
#[cfg(feature = "alloc")]
type CrcTable = crc::Table<16>;
#[cfg(not(feature = "alloc"))]
type CrcTable = crc::NoTable;
static CRC: Crc<u32, CrcTable> = Crc::<u32, CrcTable>::new(&CRC_32_ISO_HDLC);

/// What kind of numbers a model holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    Float = 1,
    Int8 = 2,
    Trainer = 3,
    Int16 = 4,
}

/// The header's fields that are not fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub version: u16,
    pub kind: Kind,
    pub inputs: u32,
    pub layers: u32,
    pub extra: [u8; 8],
}

impl Header {
    /// Checks everything about the bytes that does not depend on the kind's
    /// records: magic, version, length, checksum, kind, number of layers.
    pub fn read(bytes: &[u8], kind: Kind) -> Result<Header> {
        let have = bytes.len().min(4);
        if bytes[..have] != MAGIC[..have] {
            return Err(Error::ModelMagic);
        }
        if bytes.len() < HEADER {
            return Err(Error::ModelTruncated);
        }
        let version = u16_at(bytes, 4);
        if version != V1 && version != V2 {
            return Err(Error::ModelVersion);
        }
        let length = u32_at(bytes, 8) as usize;
        if length > bytes.len() {
            return Err(Error::ModelTruncated);
        }
        if length < bytes.len() {
            return Err(Error::ModelLength);
        }
        if u32_at(bytes, 12) != checksum(bytes) {
            return Err(Error::ModelCrc);
        }
        if u16_at(bytes, 6) != kind as u16 {
            return Err(Error::ModelKind);
        }
        let mut extra = [0; 8];
        extra.copy_from_slice(&bytes[24..HEADER]);
        let (inputs, layers) = (u32_at(bytes, 16), u32_at(bytes, 20));
        let header = Header { version, kind, inputs, layers, extra };
        if header.layers == 0 || header.layers as usize > MAX_LAYERS {
            return Err(Error::ModelInvalid);
        }
        Ok(header)
    }

    /// Writes the header over the first bytes of a finished image: last of
    /// all, because it holds the checksum. `image.len()` must fit 32 bits.
    pub fn seal(&self, image: &mut [u8]) {
        image[..4].copy_from_slice(MAGIC);
        image[4..6].copy_from_slice(&self.version.to_le_bytes());
        image[6..8].copy_from_slice(&(self.kind as u16).to_le_bytes());
        let length = image.len() as u32;
        image[8..12].copy_from_slice(&length.to_le_bytes());
        image[16..20].copy_from_slice(&self.inputs.to_le_bytes());
        image[20..24].copy_from_slice(&self.layers.to_le_bytes());
        image[24..HEADER].copy_from_slice(&self.extra);
        let crc = checksum(image);
        image[12..16].copy_from_slice(&crc.to_le_bytes());
    }
}

fn checksum(image: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&image[..12]);
    digest.update(&image[16..]);
    digest.finalize()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// `n` records of `size` bytes after the header, if they are there.
pub(crate) fn records(bytes: &[u8], n: u32, size: usize) -> Result<&[u8]> {
    // At most 65,535 small records: no overflow.
    bytes[HEADER..].get(..n as usize * size).ok_or(Error::ModelLength)
}

/// A possible length of a model.
pub(crate) fn image_len(len: Option<usize>) -> Result<usize> {
    len.filter(|len| u32::try_from(*len).is_ok()).ok_or(Error::Overflow)
}

/// Errors that a bad shape in a file gives are the file's.
pub(crate) fn in_file(error: Error) -> Error {
    match error {
        Error::NnShape | Error::Overflow => Error::ModelInvalid,
        other => other,
    }
}
