//! Public keys as the commands read and write them: 64 hexadecimal digits.

use std::fmt::Write;

/// Bytes as hexadecimal digits.
pub fn show(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string has never failed.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An identity from the command line.
pub fn identity(text: &str) -> Result<[u8; 32], String> {
    let wrong = || format!("expected an identity, 64 hexadecimal digits, found `{text}`");
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return Err(wrong());
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high).zip(digit(low)).map(|(h, l)| h << 4 | l).ok_or_else(wrong)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_come_back() {
        let bytes = core::array::from_fn(|i| (i * 37 + 200) as u8);
        assert_eq!(identity(&show(&bytes)), Ok(bytes));
        assert_eq!(identity(&show(&bytes).to_uppercase()), Ok(bytes));
        let good = show(&bytes);
        for bad in ["", &good[1..], &format!("{good}00"), &good.replace('c', "g")] {
            assert!(identity(bad).is_err(), "{bad}");
        }
        assert!(identity(&"ä".repeat(32)).is_err());
    }
}
