//! Writing FANN's text.

use core::fmt::{self, Write};

use super::{CONNECTIONS, FannSettings, MAGIC, NEURONS, SCALES, settings, to_fann};
use crate::error::{Error, Result};
use crate::nn::format::Text;
use crate::nn::net::Body;
use crate::nn::shape::{Dense, Topology};

/// A float as C's `%.20e` writes it.
struct Long(f32);

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((digits, exponent)) = digits(self.0) else { return self.any(f) };
        let minus = if self.0 < 0.0 { "-" } else { "" };
        let sign = if exponent < 0 { '-' } else { '+' };
        let part = |power: u32| (digits / 10u128.pow(power) % 10_000_000_000) as u64;
        let (first, middle, last, exponent) =
            (part(20), part(10), part(0), exponent.unsigned_abs());
        write!(f, "{minus}{first}.{middle:010}{last:010}e{sign}{exponent:02}")
    }
}

/// The 21 digits of a number of 1e-10 to 1e20, rounded to the nearest (halves to
/// even), and its decimal exponent. With integers alone it takes a tenth of the
/// time that printing any number takes.
fn digits(x: f32) -> Option<(u128, i32)> {
    let bits = x.abs().to_bits();
    if !(1e-10..1e20).contains(&x.abs()) {
        return None;
    }
    // 2^power times this is the number: it is not denormal.
    let (mantissa, power) = (u128::from(bits & 0x7f_ffff | 0x80_0000), (bits >> 23) as i32 - 150);
    // Below the exponent by one at most: 0.30103 is log10(2), rounded up.
    let mut exponent = (power + 23) * 30103 / 100_000 - i32::from(power < -23);
    loop {
        // At most 2^24 * 10^31, which is below 2^127.
        let scaled = mantissa * 10u128.pow((20 - exponent).try_into().ok()?);
        let digits = if power >= 0 {
            scaled << power
        } else {
            let whole = scaled >> -power;
            let (rest, half) = (scaled - (whole << -power), 1u128 << (-power - 1));
            whole + u128::from(rest > half || (rest == half && whole % 2 == 1))
        };
        if digits < 10u128.pow(21) {
            return Some((digits, exponent));
        }
        exponent += 1;
    }
}

impl Long {
    /// As [`fmt::Display`], for any number.
    fn any(&self, f: &mut impl Write) -> fmt::Result {
        // The digits, an `e`, and the exponent: at most 31 bytes.
        let mut text = heapless::String::<48>::new();
        write!(text, "{:.20e}", f64::from(self.0))?;
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        write!(f, "{digits}e{sign}{exponent:0>2}")
    }
}

/// A float as C's `%f` writes it, unless that would lose digits.
struct Short(f32);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 39 digits, a point and six decimals at most, and a sign.
        let mut text = heapless::String::<48>::new();
        write!(text, "{:.6}", self.0)?;
        if text.parse() == Ok(self.0) { f.write_str(&text) } else { write!(f, "{}", self.0) }
    }
}

/// A line `name=value`.
fn line(text: &mut Text<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    text.write_str(name)?;
    writeln!(text, "={value}")
}

/// A list `name=value value ` without the line's end.
fn list<T: fmt::Display>(
    text: &mut Text<'_>,
    name: &str,
    mut values: impl Iterator<Item = T>,
) -> fmt::Result {
    text.write_str(name)?;
    text.write_str("=")?;
    values.try_for_each(|value| write!(text, "{value} "))
}

/// Writes a network into `buffer`, if it fits; returns the length of the text.
pub(crate) fn write(buffer: &mut [u8], body: &Body<'_>, settings: &FannSettings) -> Result<usize> {
    check(body)?;
    check_settings(settings)?;
    let mut text = Text::new(buffer);
    // Writing into a Text cannot fail.
    print(&mut text, body, settings).map_err(|_| Error::Overflow)?;
    Ok(text.len())
}

/// Whether FANN has everything that the network has.
fn check(body: &Body<'_>) -> Result<()> {
    let mut runs = body.layers().iter().flat_map(|layer| body.runs(layer));
    runs.try_for_each(|run| to_fann(run.activation, run.steepness).map(|_| ()))?;
    // FANN knows sparse networks as layered ones.
    if body.shape.sparse && body.shape.topology == Topology::Shortcut {
        return Err(Error::Unsupported);
    }
    Ok(())
}

/// Whether all settings are numbers, which a reader asks for.
fn check_settings(s: &FannSettings) -> Result<()> {
    let mut good = s.learning_rate.is_finite() && s.learning_momentum.is_finite();
    macro_rules! check {
        ($field:ident, whole) => {};
        ($field:ident, $real:ident) => {
            good &= s.$field.is_finite()
        };
    }
    settings!(check);
    good &= s.cascade_activation_steepnesses.iter().all(|s| s.is_finite());
    if good { Ok(()) } else { Err(Error::Invalid) }
}

fn print(text: &mut Text<'_>, body: &Body<'_>, s: &FannSettings) -> fmt::Result {
    let shape = &body.shape;
    let layered = shape.topology == Topology::Layered;
    text.write_str(MAGIC)?;
    text.write_str("\n")?;
    line(text, "num_layers", shape.layers + 1)?;
    line(text, "learning_rate", Short(s.learning_rate))?;
    line(text, "connection_rate", Short(rate(body)))?;
    line(text, "network_type", shape.topology.code())?;
    line(text, "learning_momentum", Short(s.learning_momentum))?;
    line(text, "training_algorithm", s.training_algorithm)?;
    line(text, "train_error_function", s.train_error_function)?;
    line(text, "train_stop_function", s.train_stop_function)?;
    macro_rules! print {
        ($field:ident, whole) => {
            line(text, stringify!($field), s.$field)?
        };
        ($field:ident, short) => {
            line(text, stringify!($field), Short(s.$field))?
        };
        ($field:ident, long) => {
            line(text, stringify!($field), Long(s.$field))?
        };
    }
    settings!(print);
    let functions = &s.cascade_activation_functions;
    line(text, "cascade_activation_functions_count", functions.len())?;
    list(text, "cascade_activation_functions", functions.iter())?;
    let steepnesses = &s.cascade_activation_steepnesses;
    text.write_str("\n")?;
    line(text, "cascade_activation_steepnesses_count", steepnesses.len())?;
    list(text, "cascade_activation_steepnesses", steepnesses.iter().map(|s| Long(*s)))?;
    let bias = usize::from(layered);
    let units = body.layers().iter().map(|layer| layer.units() + bias);
    text.write_str("\n")?;
    list(text, "layer_sizes", core::iter::once(shape.inputs + 1).chain(units))?;
    text.write_str("\n")?;
    line(text, "scale_included", u32::from(!body.scaling.is_empty()))?;
    if !body.scaling.is_empty() {
        let (inputs, outputs) = body.scaling.split_at(4 * shape.inputs);
        for (names, numbers) in SCALES.iter().zip([inputs, outputs]) {
            for (kind, name) in names.iter().enumerate() {
                list(text, name, numbers.iter().skip(kind).step_by(4).map(|x| Short(*x)))?;
                text.write_str("\n")?;
            }
        }
    }
    print_neurons(text, body, layered)?;
    print_connections(text, body, layered)
}

/// The part of the possible connections that there are, biases included, as
/// libfann counts them. Below 1 for a sparse network even if it has them all,
/// since the lists are then in the file.
fn rate(body: &Body<'_>) -> f32 {
    if !body.shape.sparse {
        return 1.0;
    }
    let full: usize = body.layers().iter().map(|l| (l.inputs() + 1) * l.units()).sum();
    (body.shape.parameters as f32 / full as f32).min(0.999_999)
}

fn print_neurons(text: &mut Text<'_>, body: &Body<'_>, layered: bool) -> fmt::Result {
    text.write_str(NEURONS)?;
    text.write_str("=")?;
    let none = Long(0.0);
    (0..=body.shape.inputs).try_for_each(|_| write!(text, "(0, 0, {none}) "))?;
    for layer in body.layers() {
        for run in body.runs(layer) {
            let (function, steepness) = to_fann(run.activation, run.steepness).unwrap_or((0, 0.0));
            for unit in run.from..run.from + run.units {
                let count = sources(body, layer, unit).count() + 1;
                write!(text, "({count}, {function}, {}) ", Long(steepness))?;
            }
        }
        if layered {
            write!(text, "(0, 0, {none}) ")?;
        }
    }
    text.write_str("\n")
}

/// A unit's sources, as nodes, with the index of each weight in the layer.
fn sources<'b>(
    body: &'b Body<'_>,
    layer: &'b Dense,
    unit: usize,
) -> impl Iterator<Item = (usize, usize)> + 'b {
    let range = match layer.links {
        None => unit * layer.inputs()..(unit + 1) * layer.inputs(),
        Some(_) => {
            let (at, row) = body.row(layer, unit);
            at..at + row.count()
        }
    };
    let first = layer.first as usize;
    range.map(move |weight| (first + body.source(layer, weight), weight))
}

fn print_connections(text: &mut Text<'_>, body: &Body<'_>, layered: bool) -> fmt::Result {
    text.write_str(CONNECTIONS)?;
    text.write_str("=")?;
    let inputs = body.shape.inputs;
    // FANN's number of the first neuron of the layer before, and how many
    // biases came before it.
    let mut before = 0;
    let mut here = inputs + 1;
    for layer in body.layers() {
        let (weights, biases) = layer.of(&body.parameters);
        let bias_neuron = if layered { before + layer.inputs() } else { inputs };
        for (unit, bias) in biases.iter().enumerate() {
            let mut said = false;
            let mut say_bias = |text: &mut Text<'_>, now: bool| {
                if now && !said {
                    said = true;
                    write!(text, "({bias_neuron}, {}) ", Long(*bias))?;
                }
                Ok(())
            };
            // libfann's lists of sparse networks begin with the bias.
            say_bias(text, layer.links.is_some())?;
            for (node, weight) in sources(body, layer, unit) {
                let neuron = if layered {
                    before + node - layer.first as usize
                } else {
                    say_bias(text, node >= inputs)?;
                    node + usize::from(node >= inputs)
                };
                write!(text, "({neuron}, {}) ", Long(weights[weight]))?;
            }
            say_bias(text, true)?;
        }
        if layered {
            before = here;
            here += layer.units() + 1;
        }
    }
    text.write_str("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    fn slowly(x: f32) -> String {
        let mut text = String::new();
        Long(x).any(&mut text).unwrap();
        text
    }

    #[test]
    fn floats_are_written_as_c_writes_them() {
        for (x, text) in [
            (0.1, "1.00000001490116119385e-01"),
            (-1.0, "-1.00000000000000000000e+00"),
            (1e-10, "1.00000001335143196002e-10"),
            (9.999_999e9, "9.99999897600000000000e+09"),
            (123_456_790_000.0, "1.23456790528000000000e+11"),
            (1.5e19, "1.50000005205154856960e+19"),
            (0.0, "0.00000000000000000000e+00"),
            (1e-45, "1.40129846432481707092e-45"),
            (f32::MAX, "3.40282346638528859812e+38"),
        ] {
            assert_eq!(Long(x).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn both_ways_of_writing_a_float_agree(mantissa in 0u32..1 << 23, exponent in 0u32..255, minus in any::<bool>(), few in any::<bool>()) {
            // Few bits make halves.
            let mantissa = if few { mantissa & 0x7c_0000 } else { mantissa };
            let x = f32::from_bits(u32::from(minus) << 31 | exponent << 23 | mantissa);
            prop_assert_eq!(Long(x).to_string(), slowly(x));
        }

        #[test]
        fn numbers_about_one_are_written_by_integers(x in 1e-6f32..1e6) {
            prop_assert!(digits(x).is_some());
            prop_assert_eq!(Long(x).to_string(), slowly(x));
        }
    }
}
