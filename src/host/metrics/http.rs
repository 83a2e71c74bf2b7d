//! As much of HTTP/1.1 (RFC 9110, RFC 9112) as it takes to be scraped: a request without a body comes in, an answer goes
//! out, the connection ends.

use std::format;
use std::string::String;
use std::vec::Vec;

/// Where the text is.
const PATH: &[u8] = b"/metrics";

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The text, as OpenMetrics or as the format before it; after HEAD, only what would be said of it.
    Text { open: bool, head: bool },
    /// Something was wrong: the number and the name of it.
    Refusal { status: &'static str, head: bool },
}

const BAD: &str = "400 Bad Request";
const NOT_FOUND: &str = "404 Not Found";
const METHOD: &str = "405 Method Not Allowed";
const LONG_TARGET: &str = "414 URI Too Long";
const LONG_HEADER: &str = "431 Request Header Fields Too Large";
const VERSION: &str = "505 HTTP Version Not Supported";
/// Nothing was published so far.
pub(super) const NOTHING: &str = "503 Service Unavailable";

fn refuse(status: &'static str) -> Answer {
    Answer::Refusal { status, head: false }
}

/// The answer to what has come so far; `None` if more is needed. `over`: there will be no more, or no room for it.
pub(super) fn answer(input: &[u8], over: Over) -> Option<Answer> {
    // An empty line or two in front are nothing (RFC 9112, 2.2).
    let begin = input.iter().position(|c| !matches!(c, b'\r' | b'\n')).unwrap_or(input.len());
    let input = input.get(begin..).unwrap_or(&[]);
    let mut lines = Vec::new();
    for line in input.split_inclusive(|c| *c == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Some(request(&lines).unwrap_or_else(|refusal| refusal));
        }
        lines.push(line);
    }
    match over {
        Over::No => None,
        Over::Ended => Some(refuse(BAD)),
        Over::Full if lines.is_empty() => Some(refuse(LONG_TARGET)),
        Over::Full => Some(refuse(LONG_HEADER)),
    }
}

/// Whether more of a request may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    No,
    /// The peer has said all.
    Ended,
    /// There is no room for more.
    Full,
}

/// A character of a method or of the name of a field.
fn is_token(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c)
}

fn request(lines: &[&[u8]]) -> Result<Answer, Answer> {
    let (first, fields) = lines.split_first().ok_or(refuse(BAD))?;
    let mut words = first.split(|c| *c == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(refuse(BAD));
    };
    let number = version.strip_prefix(b"HTTP/").ok_or(refuse(BAD))?;
    let &[major, b'.', minor] = number else { return Err(refuse(BAD)) };
    let sound = major.is_ascii_digit() && minor.is_ascii_digit();
    if !sound || method.is_empty() || !method.iter().all(|c| is_token(*c)) {
        return Err(refuse(BAD));
    }
    if major != b'1' {
        return Err(refuse(VERSION));
    }
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(refuse(BAD));
    }
    let (mut hosts, mut open, mut plain) = (0, 0, 0);
    for field in fields {
        let colon = field.iter().position(|c| *c == b':').ok_or(refuse(BAD))?;
        let (name, value) = field.split_at_checked(colon).ok_or(refuse(BAD))?;
        // A line that begins with a space goes on with the one before it: that is not said any more.
        let good = !name.is_empty() && name.iter().all(|c| is_token(*c));
        if !good || value.iter().any(|c| matches!(c, 0 | b'\r')) {
            return Err(refuse(BAD));
        }
        let value = value.get(1..).unwrap_or(&[]).trim_ascii();
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(b"accept") {
            let (a, b) = accepted(value);
            (open, plain) = (open.max(a), plain.max(b));
        }
    }
    // Without one, or with several, it is not to be answered (RFC 9112, 3.2).
    if hosts > 1 || (hosts == 0 && minor != b'0') {
        return Err(refuse(BAD));
    }
    let head = method == b"HEAD";
    if path(target) != PATH {
        return Err(Answer::Refusal { status: NOT_FOUND, head });
    }
    if !head && method != b"GET" {
        return Err(refuse(METHOD));
    }
    Ok(Answer::Text { open: open > 0 && open >= plain, head })
}

/// The path of a target, which may have the server in front.
fn path(target: &[u8]) -> &[u8] {
    let mut path = target;
    let scheme = b"http://";
    if let Some((front, rest)) = target.split_at_checked(scheme.len())
        && front.eq_ignore_ascii_case(scheme)
    {
        let slash = rest.iter().position(|c| matches!(c, b'/' | b'?')).unwrap_or(rest.len());
        path = rest.get(slash..).unwrap_or(&[]);
    }
    path.split(|c| *c == b'?').next().unwrap_or(&[])
}

/// How much OpenMetrics and the text before it are wished for, in thousandths; 0 for not at all. That anything will do
/// (`*/*`) is said by those who know neither, and get what is older.
fn accepted(value: &[u8]) -> (u32, u32) {
    let (mut open, mut plain) = (0, 0);
    for range in value.split(|c| *c == b',') {
        let mut parts = range.split(|c| *c == b';').map(<[u8]>::trim_ascii);
        let media = parts.next().unwrap_or(&[]);
        let (mut weight, mut version) = (1000, &b""[..]);
        for part in parts {
            let equals = part.iter().position(|c| *c == b'=').unwrap_or(part.len());
            let (name, value) = part.split_at_checked(equals).unwrap_or((part, &[]));
            let value = value.get(1..).unwrap_or(&[]).trim_ascii();
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let value = value.strip_suffix(b"\"").unwrap_or(value);
            match name.trim_ascii() {
                b"q" | b"Q" => weight = thousandths(value),
                name if name.eq_ignore_ascii_case(b"version") => version = value,
                _ => {}
            }
        }
        if media.eq_ignore_ascii_case(b"application/openmetrics-text") {
            if matches!(version, b"" | b"1.0.0") {
                open = open.max(weight);
            }
        } else if media.eq_ignore_ascii_case(b"text/plain") && matches!(version, b"" | b"0.0.4") {
            plain = plain.max(weight);
        }
    }
    (open, plain)
}

/// A weight: `0.75` is 750. What is none counts as 0.
fn thousandths(text: &[u8]) -> u32 {
    let (whole, part) = match text {
        [whole] | [whole, b'.'] => (*whole, &b""[..]),
        [whole, b'.', part @ ..] if part.len() <= 3 => (*whole, part),
        _ => return 0,
    };
    if !part.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = part.iter().chain(b"000").take(3);
    match whole {
        b'0' => digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
        b'1' => 1000,
        _ => 0,
    }
}

/// The media type of the text, by which of the two it is.
fn content_type(open: bool) -> &'static str {
    if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    }
}

/// Writes an answer with the text that goes with it. What is wrong is said in the text, too.
pub(super) fn write(out: &mut Vec<u8>, answer: Answer, text: &[u8], unix_time: u64) {
    let refusal;
    let (status, media, body, head) = match answer {
        Answer::Text { open, head } => ("200 OK", content_type(open), text, head),
        Answer::Refusal { status, head } => {
            refusal = format!("{status}\n");
            (status, "text/plain; charset=utf-8", refusal.as_bytes(), head)
        }
    };
    let allow = if status == METHOD { "Allow: GET, HEAD\r\n" } else { "" };
    let top = format!(
        "HTTP/1.1 {status}\r\nDate: {}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n{allow}\
         Vary: Accept\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        date(unix_time),
        body.len()
    );
    out.extend_from_slice(top.as_bytes());
    if !head {
        out.extend_from_slice(body);
    }
}

/// A time as HTTP has it (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(unix_time: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
        ("Jan", 31),
        ("Feb", 29),
    ];
    let (days, second) = (unix_time / 86_400, unix_time % 86_400);
    let weekday = DAYS.get((days % 7) as usize).copied().unwrap_or_default();
    // From 1 March of the year 0 on, so that leap days are the last of their years, of their four years, and so on.
    let days = days + 719_468;
    let (centuries, in_400) = (days / 146_097 * 4, days % 146_097);
    let century = (in_400 / 36_524).min(3);
    let in_100 = in_400 - century * 36_524;
    let (fours, in_4) = (in_100 / 1461, in_100 % 1461);
    let one = (in_4 / 365).min(3);
    let mut day = in_4 - one * 365;
    let mut year = (centuries + century) * 100 + fours * 4 + one;
    let mut name = "";
    for (i, (month, length)) in MONTHS.iter().enumerate() {
        if day < *length {
            name = month;
            // January and February are of the next.
            year += u64::from(i >= 10);
            break;
        }
        day -= length;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &[u8]) -> Answer {
        answer(input, Over::No).unwrap()
    }

    const OPEN: Answer = Answer::Text { open: true, head: false };
    const PLAIN: Answer = Answer::Text { open: false, head: false };

    #[test]
    fn what_is_accepted_is_what_comes() {
        for (accept, expected) in [
            // Prometheus 2.42, 3.0, and one that wants protocol buffers first.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                 version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;\
                 escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OPEN,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
                 text/plain;version=0.0.4;q=0.5",
                OPEN,
            ),
            ("APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\"", OPEN),
            ("application/openmetrics-text", OPEN),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.5", OPEN),
            ("text/plain;q=0.501, application/openmetrics-text;q=0.5", PLAIN),
            ("application/openmetrics-text;q=0", PLAIN),
            ("application/openmetrics-text;q=2", PLAIN),
            ("application/openmetrics-text;q=0.1234", PLAIN),
            ("application/openmetrics-text;q=0.x", PLAIN),
            ("application/openmetrics-text;version=0.0.1", PLAIN),
            ("application/openmetrics-text;version=2.0.0", PLAIN),
            ("text/html,*/*;q=0.8", PLAIN),
            ("application/*", PLAIN),
            (";;,,=;q", PLAIN),
            ("", PLAIN),
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
            assert_eq!(text(request.as_bytes()), expected, "{accept}");
        }
        // In several lines.
        let request = "GET /metrics HTTP/1.0\r\nACCEPT: text/plain;q=0.3\r\n\
                       accept: application/openmetrics-text;q=0.4\r\n\r\n";
        assert_eq!(text(request.as_bytes()), OPEN);
    }

    #[test]
    fn requests_are_complete_with_an_empty_line() {
        let request = b"\r\n\nGET /metrics HTTP/1.1\r\nHost: a\r\nX:\r\nY: \tz \r\n\r\n";
        for len in 0..request.len() {
            let part = &request[..len];
            assert_eq!(answer(part, Over::No), None, "{len}");
            let refused = Some(refuse(BAD));
            assert_eq!(answer(part, Over::Ended), refused, "{len}");
        }
        assert_eq!(answer(request, Over::No), Some(PLAIN));
        // Lines may end without a carriage return, and what comes behind does not matter.
        assert_eq!(text(b"GET /metrics HTTP/1.0\n\nGET / HTTP"), PLAIN);
        assert_eq!(answer(b"GET /aaaaaaaa", Over::Full), Some(refuse(LONG_TARGET)));
        assert_eq!(answer(b"GET /aaa HTTP/1.1\r\nA: ", Over::Full), Some(refuse(LONG_HEADER)));
    }

    #[test]
    fn each_refusal_has_its_number() {
        let refusal = |status, head| Answer::Refusal { status, head };
        for (line, expected) in [
            ("GET /metrics HTTP/1.1", PLAIN),
            ("HEAD /metrics HTTP/1.1", Answer::Text { open: false, head: true }),
            ("GET /metrics?name[]=a HTTP/1.9", PLAIN),
            ("GET HTTP://host:9/metrics?a HTTP/1.1", PLAIN),
            ("GET / HTTP/1.1", refusal(NOT_FOUND, false)),
            ("HEAD /metric HTTP/1.1", refusal(NOT_FOUND, true)),
            ("GET /metrics/ HTTP/1.1", refusal(NOT_FOUND, false)),
            ("GET http://host?/metrics HTTP/1.1", refusal(NOT_FOUND, false)),
            ("GET http://metrics HTTP/1.1", refusal(NOT_FOUND, false)),
            ("OPTIONS * HTTP/1.1", refusal(NOT_FOUND, false)),
            ("POST /metrics HTTP/1.1", refusal(METHOD, false)),
            ("get /metrics HTTP/1.1", refusal(METHOD, false)),
            ("GET /metrics HTTP/2.0", refusal(VERSION, false)),
            ("GET /metrics HTTP/0.9", refusal(VERSION, false)),
            ("GET /metrics", refusal(BAD, false)),
            ("GET /metrics HTTP/1.1 ", refusal(BAD, false)),
            ("GET  /metrics HTTP/1.1", refusal(BAD, false)),
            ("GET /metrics HTTP/1", refusal(BAD, false)),
            ("GET /metrics HTTP/1.10", refusal(BAD, false)),
            ("GET /metrics HTTP/x.1", refusal(BAD, false)),
            ("GET /metrics http/1.1", refusal(BAD, false)),
            ("G\u{7f}T /metrics HTTP/1.1", refusal(BAD, false)),
            (" /metrics HTTP/1.1", refusal(BAD, false)),
            ("GET /m\u{e4} HTTP/1.1", refusal(BAD, false)),
            ("\u{16}\u{3}\u{1}", refusal(BAD, false)),
        ] {
            let request = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(text(request.as_bytes()), expected, "{line:?}");
        }
        for fields in [
            "",
            "Host: a\r\nhost: b\r\n",
            "Host: a\r\nno colon\r\n",
            "Host: a\r\n folded: b\r\n",
            "Host : a\r\n",
            "Host: a\r\n: b\r\n",
            "Host: a\r\nX: \0\r\n",
            "Host: a\r\nX: a\rb\r\n",
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(text(request.as_bytes()), refuse(BAD), "{fields:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_answered_once(
            parts in proptest::collection::vec(
                proptest::prop_oneof![
                    "GET |HEAD |POST |/metrics|http://a/| HTTP/1.1|\r\n|\n|\r\n\r\n|Host: a\r\n|\\PC{0,4}",
                    "Accept: (text/plain|application/openmetrics-text)?[;,=q0.1 \"]{0,9}\r\n",
                ],
                0..12,
            ),
            rubbish in proptest::collection::vec(proptest::num::u8::ANY, 0..20),
        ) {
            let input = [parts.concat().as_bytes(), &rubbish[..]].concat();
            let mut first = None;
            for len in 0..=input.len() {
                let found = answer(&input[..len], Over::No);
                // What comes later changes nothing.
                proptest::prop_assert!(first.is_none() || found == first);
                first = found;
                let mut out = Vec::new();
                let over = answer(&input[..len], Over::Full).unwrap_or(OPEN);
                write(&mut out, over, b"text", len as u64);
                proptest::prop_assert!(out.starts_with(b"HTTP/1.1 "));
            }
        }
    }

    #[test]
    fn dates_are_as_http_has_them() {
        for (unix_time, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110.
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (4_107_456_000, "Sun, 28 Feb 2100 00:00:00 GMT"),
        ] {
            assert_eq!(date(unix_time), expected);
        }
        date(u64::MAX / 2);
    }
}
