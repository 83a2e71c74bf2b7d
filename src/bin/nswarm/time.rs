//! Times as the commands read and write them: Unix seconds, and UTC as RFC 3339 has it.

const DAY: u64 = 86_400;

/// The last second that has a date: that of the year 9999.
const LAST: u64 = 253_402_300_799;

/// Days from 1970-01-01 to a day of the calendar, which it may not have.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // The year begins in March, so that leap days are the last of theirs.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = (153 * month + 2) / 5;
    (365 * year + year / 4 + year / 400 + before + day).saturating_sub(year / 100 + 719_469)
}

/// A time as `2026-12-01T12:00:00Z`; beyond the year 9999 as seconds alone.
pub fn show(seconds: u64) -> String {
    if seconds > LAST {
        return format!("{seconds}");
    }
    let day = seconds / DAY;
    // The year, month and day that begin last before it.
    let last = |low: u64, high: u64, at: &dyn Fn(u64) -> u64| {
        (low..=high).rev().find(|n| at(*n) <= day).unwrap_or(low)
    };
    let year = last(1970, 9999, &|year| days(year, 1, 1));
    let month = last(1, 12, &|month| days(year, month, 1));
    let day = day - days(year, month, 1) + 1;
    let (hour, minute, second) = (seconds % DAY / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A time from the command line: Unix seconds, a day, or a time of a day in UTC.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("expected Unix seconds, 2026-12-01 or 2026-12-01T12:00:00Z, found `{text}`");
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong());
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let number = |from: usize, to: usize| {
        let digits = whole.get(from..to).filter(|d| d.bytes().all(|c| c.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<u64>().ok()).ok_or_else(wrong)
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) {
        return Err(wrong());
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    // What is no such day or time comes back as another, and so does what stands between the numbers.
    if show(seconds) == whole { Ok(seconds) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(show(seconds), text);
            assert_eq!(parse(text), Ok(seconds));
            assert_eq!(parse(&seconds.to_string()), Ok(seconds));
        }
        assert_eq!(show(LAST + 1), "253402300800");
        assert_eq!(parse("2024-02-29"), Ok(1_709_164_800));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        for bad in [
            "",
            "2023-02-29",
            "2024-00-10",
            "2024-13-01",
            "2024-01-32",
            "2024-1-1",
            "2024/01/01",
            "1969-12-31",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00+00:00",
            "18446744073709551616",
            "-1",
            "morgen",
            "20ä4-01-01",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
