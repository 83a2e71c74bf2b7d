//! Records: bytes with a length and a checksum around them, for memory that may lose the
//! end of what was written, or damage it.

use crc::{CRC_32_ISCSI, Crc, Digest};

use crate::error::{Error, Result};

// A table costs flash that a small device would rather keep; with a heap there is room
// for speed.
#[cfg(feature = "alloc")]
type Table = crc::Table<16>;
#[cfg(not(feature = "alloc"))]
type Table = crc::NoTable;
static CRC: Crc<u32, Table> = Crc::<u32, Table>::new(&CRC_32_ISCSI);

/// Bytes in front of what a record holds: its length and the CRC-32C.
pub(crate) const HEAD: usize = 8;

/// What a record holds, by its first byte. Files have two more (`host::storage`).
pub(crate) mod what {
    /// A snapshot's first record.
    pub const BEGIN: u8 = 1;
    /// Parts of a state.
    pub const PARTS: u8 = 2;
    /// A snapshot's last record.
    pub const END: u8 = 3;
    /// All changes since the record before.
    pub const CHANGES: u8 = 4;
}

/// A CRC-32C that goes on.
#[derive(Clone)]
pub(crate) struct Sum32(Digest<'static, u32, Table>);

impl Sum32 {
    pub fn new() -> Sum32 {
        Sum32(CRC.digest())
    }

    /// The sum of a record that holds so many bytes, which follow.
    pub fn of_record(len: usize) -> Sum32 {
        let mut sum = Sum32::new();
        sum.update(&(len as u32).to_le_bytes());
        sum
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

/// What is in front of a record.
pub(super) fn head(len: usize, sum: &Sum32) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&(len as u32).to_le_bytes());
    head[4..].copy_from_slice(&sum.value().to_le_bytes());
    head
}

/// The length of the record that bytes begin with, its head included; nothing if not
/// even that can be told.
pub(super) fn whole_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.first_chunk::<HEAD>().and_then(|head| head.first_chunk())?;
    Some((u32::from_le_bytes(*len) as usize).saturating_add(HEAD))
}

/// What the record that bytes begin with holds, and its CRC.
///
/// # Errors
/// [`Error::CrdtTorn`] if the bytes end before it does, [`Error::CrdtDamaged`] if it is not
/// what was written.
pub(crate) fn unseal(bytes: &[u8]) -> Result<(&[u8], u32)> {
    let record = whole_len(bytes).and_then(|len| bytes.get(..len)).ok_or(Error::CrdtTorn)?;
    let (head, held) = record.split_at(HEAD);
    let told = head.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc));
    let mut sum = Sum32::of_record(held.len());
    sum.update(held);
    if held.is_empty() || sum.value() != told { Err(Error::CrdtDamaged) } else { Ok((held, told)) }
}

/// Seals a record whose bytes lie behind its head: nothing if they are too many.
pub(crate) fn seal(record: &mut [u8]) {
    if let Some((place, held)) = record.split_first_chunk_mut() {
        let mut sum = Sum32::of_record(held.len());
        sum.update(held);
        *place = head(held.len(), &sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C (RFC 3720, appendix B.4, has others).
    #[test]
    fn the_sum_is_crc_32c() {
        let mut sum = Sum32::new();
        sum.update(b"1234");
        sum.update(b"56789");
        assert_eq!(sum.value(), 0xe306_9283);
        let mut zeros = Sum32::new();
        zeros.update(&[0; 32]);
        assert_eq!(zeros.value(), 0x8a91_36aa);
    }

    #[test]
    fn a_record_is_whole_or_refused() {
        let mut record = [0, 0, 0, 0, 0, 0, 0, 0, 4, 77, 78];
        seal(&mut record);
        assert_eq!(unseal(&record).map(|(held, _)| held), Ok(&[4, 77, 78][..]));
        for len in 0..record.len() {
            assert_eq!(unseal(&record[..len]), Err(Error::CrdtTorn));
        }
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut bad = record;
                bad[at] ^= 1 << bit;
                assert!(matches!(unseal(&bad), Err(Error::CrdtDamaged | Error::CrdtTorn)));
            }
        }
        // What memory holds that nothing was written to.
        assert_eq!(unseal(&[0; 64]), Err(Error::CrdtDamaged));
        assert_eq!(unseal(&[0xff; 64]), Err(Error::CrdtTorn));
    }
}
