//! OpenMetrics text as those read it that know only the format before it: Prometheus' text format 0.0.4.
//!
//! There a counter is described by the name of its samples (`_total` and all), a unit is not known, nothing says that
//! the text is complete, and quotes are not escaped in help texts. All the rest is the same.

use std::vec::Vec;

/// Adds `text` in that format to `out`; at most half as much again as it is.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) {
    // The metric that the last TYPE was of, and what its samples' name has behind that.
    let (mut named, mut end): (&[u8], &[u8]) = (b"", b"");
    for line in text.split_inclusive(|c| *c == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line == b"# EOF" || line.starts_with(b"# UNIT ") {
            continue;
        }
        if let Some((name, kind)) = described(line, b"# TYPE ") {
            let (behind, known): (&[u8], &[u8]) = match kind {
                b"counter" => (b"_total", kind),
                b"info" => (b"_info", b"gauge"),
                b"stateset" => (b"", b"gauge"),
                b"gauge" | b"histogram" | b"summary" => (b"", kind),
                _ => (b"", b"untyped"),
            };
            end = behind;
            named = name;
            [b"# TYPE ", name, end, b" ", known]
                .iter()
                .for_each(|part| out.extend_from_slice(part));
        } else if let Some((name, help)) = described(line, b"# HELP ") {
            let end: &[u8] = if name == named { end } else { b"" };
            [b"# HELP ", name, end, b" "].iter().for_each(|part| out.extend_from_slice(part));
            let mut rest = help;
            while let [first, others @ ..] = rest {
                rest = match rest {
                    [b'\\', b'"', others @ ..] => {
                        out.push(b'"');
                        others
                    }
                    [b'\\', other, others @ ..] => {
                        out.extend_from_slice(&[b'\\', *other]);
                        others
                    }
                    _ => {
                        out.push(*first);
                        others
                    }
                };
            }
        } else {
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }
}

/// The name of a metric, and what is said of it.
fn described<'a>(line: &'a [u8], what: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = line.strip_prefix(what)?;
    let space = rest.iter().position(|c| *c == b' ')?;
    let (name, said) = rest.split_at_checked(space)?;
    Some((name, said.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn only_what_differs_is_changed() {
        let text = r##"# TYPE a_seconds counter
# UNIT a_seconds seconds
# HELP a_seconds Say \"a\\\" and\n\\"b".
a_seconds_total{b="c \" # TYPE"} 1.5
# HELP early Before its type.
# TYPE early counter
early_total 1
# TYPE g gauge
# HELP g
# HELP g G.
g -1
# TYPE u unknown
u 1
# TYPE i info
i_info{v="1"} 1
# TYPE s stateset
s{s="a"} 1
# TYPE h histogram
h_bucket{le="+Inf"} 0
# EOF
"##;
        let expected = r##"# TYPE a_seconds_total counter
# HELP a_seconds_total Say "a\\" and\n\\"b".
a_seconds_total{b="c \" # TYPE"} 1.5
# HELP early Before its type.
# TYPE early_total counter
early_total 1
# TYPE g gauge
# HELP g
# HELP g G.
g -1
# TYPE u untyped
u 1
# TYPE i_info gauge
i_info{v="1"} 1
# TYPE s gauge
s{s="a"} 1
# TYPE h histogram
h_bucket{le="+Inf"} 0
"##;
        let mut out = Vec::new();
        write(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        // What was cut off does not matter here, and the promise of the length holds for the shortest lines.
        for text in ["# TYPE a info\n", "# TYPE a counter", "# HELP a \\", "", "\n", "# TYPE a"] {
            let mut out = Vec::new();
            write(text.as_bytes(), &mut out);
            assert!(out.len() <= text.len() * 3 / 2 + 1, "{text:?}");
        }
    }
}
