//! Numbers in a text, in digits or in English words.

/// What is at the beginning of some bytes, and how many of them it takes.
pub(super) type Found = (f64, usize);

/// A number in digits: `7`, `-3.25`, `1,200` (a comma with three digits behind it), `.5`; at most 15 digits.
pub(super) fn digits(text: &[u8]) -> Option<Found> {
    let mut at = 0;
    let negative = matches!(text.first(), Some(b'-' | b'+'));
    let minus = text.first() == Some(&b'-');
    at += usize::from(negative);
    let (mut value, mut count, mut places) = (0u64, 0, None);
    while let Some(byte) = text.get(at) {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                count += 1;
                if count > 15 {
                    return None;
                }
                places = places.map(|places: i32| places + 1);
                at += 1;
            }
            b'.' if places.is_none() && digit(text, at + 1) => {
                places = Some(0);
                at += 1;
            }
            b',' if places.is_none() && thousands(text, at) && count > 0 => at += 1,
            _ => break,
        }
    }
    if count == 0 {
        return None;
    }
    let size = value as f64 / POWERS[places.unwrap_or(0) as usize];
    Some((if minus { -size } else { size }, at))
}

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

fn digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// A comma at a place has three digits behind it, and not four.
fn thousands(text: &[u8], at: usize) -> bool {
    (1..=3).all(|i| digit(text, at + i)) && !digit(text, at + 4)
}

const WORDS: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
];

/// Other words of numbers: what stands beside one is none of a whole number that was read.
const PARTS: &[&str] = &[
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "billions",
    "dozen",
    "dozens",
    "half",
    "quarter",
    "quarters",
    "point",
    "minus",
    "negative",
];

/// Whether a word is a number or belongs to one.
pub(super) fn is_number_word(word: &[u8]) -> bool {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    WORDS.iter().any(|(name, _)| is(name)) || PARTS.iter().any(|name| is(name))
}

fn value_of(word: &[u8]) -> Option<f64> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    WORDS.iter().find(|(name, _)| is(name)).map(|(_, value)| *value)
}

/// A number in words, zero to ninety-nine, `hundred` and `thousand` as factors: `twenty five`, `two hundred and
/// six`.
pub(super) fn words(text: &[u8]) -> Option<Found> {
    let (mut total, mut current, mut end) = (0.0, None::<f64>, 0);
    let mut at = 0;
    // Of whole numbers below a million. That of floats is a function of the C library, which is not everywhere.
    let rest = |number: f64, of: u32| number as u32 % of;
    loop {
        let word = word(text, at);
        if word.is_empty() {
            break;
        }
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        // Behind two hundred, or two thousand.
        let round = current.is_some_and(|so_far| {
            so_far >= 100.0 && rest(so_far, 100) == 0 || so_far == 0.0 && total > 0.0
        });
        if is("and") && round {
            let behind = at + 3 + usize::from(text.get(at + 3) == Some(&b' '));
            if value_of(self::word(text, behind)).is_some_and(|value| value > 0.0) {
                at = behind;
                continue;
            }
        }
        current = match (value_of(word), current) {
            (Some(value), None) => Some(value),
            (Some(value), Some(so_far)) if value > 0.0 && round => Some(so_far + value),
            // Behind twenty may be five.
            (Some(value), Some(so_far))
                if value > 0.0
                    && value < 10.0
                    && rest(so_far, 100) >= 20
                    && rest(so_far, 10) == 0 =>
            {
                Some(so_far + value)
            }
            (None, Some(so_far)) if is("hundred") && so_far < 100.0 => Some(so_far * 100.0),
            (None, Some(so_far)) if is("thousand") && total == 0.0 => {
                total = so_far * 1000.0;
                Some(0.0)
            }
            _ => break,
        };
        end = at + word.len();
        // One space or hyphen between two words.
        at = end + usize::from(matches!(text.get(end), Some(b' ' | b'-')));
    }
    current.map(|current| (total + current, end))
}

/// A number either way.
pub(super) fn number(text: &[u8]) -> Option<Found> {
    digits(text).or_else(|| words(text))
}

/// The letters from a place on.
pub(super) fn word(text: &[u8], at: usize) -> &[u8] {
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.iter().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    &rest[..len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_digits_and_words() {
        for (text, value, len) in [
            ("7", 7.0, 1),
            ("-3.25 m", -3.25, 5),
            ("1,200 m", 1200.0, 5),
            ("1,20", 1.0, 1),
            ("12.", 12.0, 2),
            (".5km", 0.5, 2),
            ("3.4.5", 3.4, 3),
            ("twenty-five", 25.0, 11),
            ("twenty five metres", 25.0, 11),
            ("two hundred fifty", 250.0, 17),
            ("Three thousand two hundred", 3200.0, 26),
            ("twelve three", 12.0, 6),
            ("one two", 1.0, 3),
            ("two hundred and fifty-one", 251.0, 25),
            ("one thousand and two hundred and six", 1206.0, 36),
            ("two hundred and", 200.0, 11),
            ("two hundred and zero", 200.0, 11),
            ("two hundred and and five", 200.0, 11),
            ("twenty and five", 20.0, 6),
            ("one hundred ten five", 110.0, 15),
        ] {
            assert_eq!(number(text.as_bytes()), Some((value, len)), "{text}");
        }
        for text in ["", "-", ".", "x1", "hundred", "1234567890123456", "oneness"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }
}
