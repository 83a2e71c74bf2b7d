//! Numbers of any length: LEB128, and zigzag for those with a sign.

/// Most bytes of a number.
pub(super) const MAX_LEN: usize = 10;

/// The number at the beginning, which is cut off: LEB128, as short as it can be.
pub(super) fn read(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 127);
        if bits << shift >> shift != bits || (*byte == 0 && shift > 0) {
            return None;
        }
        number |= bits << shift;
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}

/// The number that bytes begin with, and its length.
pub(super) fn read_first(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut rest = bytes;
    let number = read(&mut rest)?;
    Some((number, bytes.len() - rest.len()))
}

/// How many bytes a number has.
#[inline]
pub(super) fn len(number: u64) -> usize {
    // A byte for each seven bits, one at least.
    (70 - (number | 1).leading_zeros() as usize) / 7
}

/// Writes a number to the beginning of bytes, of which there are enough; the rest.
#[inline]
pub(super) fn write(number: u64, bytes: &mut [u8]) -> &mut [u8] {
    let (own, rest) = bytes.split_at_mut(len(number));
    write_all(number, own);
    rest
}

/// Writes a number to as many bytes as it has.
#[inline]
pub(super) fn write_all(mut number: u64, bytes: &mut [u8]) {
    if let [before @ .., last] = bytes {
        for byte in before {
            *byte = number as u8 | 128;
            number >>= 7;
        }
        *last = number as u8;
    }
}

/// The bytes of a number, and how many of them.
pub(super) fn bytes_of(number: u64) -> ([u8; MAX_LEN], usize) {
    let mut bytes = [0; MAX_LEN];
    write(number, &mut bytes);
    (bytes, len(number))
}

/// A number with a sign as one without: 0, -1, 1, -2 and so on.
pub(super) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// The number with a sign again.
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Few bytes that are put together before their length is known.
pub(super) struct Scratch<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Scratch<N> {
    pub fn new() -> Self {
        Scratch { bytes: [0; N], len: 0 }
    }

    /// Appends bytes; what does not fit is left out, which no caller lets happen.
    pub fn put(&mut self, bytes: &[u8]) {
        let to = self.len + bytes.len();
        debug_assert!(to <= N);
        if let Some(place) = self.bytes.get_mut(self.len..to) {
            place.copy_from_slice(bytes);
            self.len = to;
        }
    }

    pub fn number(&mut self, number: u64) {
        let end = self.len + len(number);
        debug_assert!(end <= N);
        if end <= N {
            write(number, &mut self.bytes[self.len..]);
            self.len = end;
        }
    }

    pub fn get(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_have_one_form() {
        for shift in 0..64 {
            for number in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let (bytes, len) = bytes_of(number);
                let mut rest = &bytes[..len];
                assert_eq!((read(&mut rest), rest.len()), (Some(number), 0));
                assert_eq!(read(&mut &bytes[..len - 1]), None);
                assert_eq!(zigzag(unzigzag(number)), number);
            }
        }
        assert_eq!((zigzag(-1), zigzag(1), zigzag(i64::MIN)), (1, 2, u64::MAX));
        // Longer than need be, and more than 64 bits.
        assert_eq!(read(&mut &[0x80, 0][..]), None);
        assert_eq!(read(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2][..]), None);
    }
}
