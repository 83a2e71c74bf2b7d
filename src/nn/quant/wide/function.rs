//! Activations on int16 values, with integers alone.
//!
//! Smooth functions are 513 points, 128 sums apart, with straight lines between
//! them, as LiteRT's int16 tables are. A softmax's exponential is the product of
//! two numbers of a table, one for each byte of the distance.

use super::Quantization16;
use crate::nn::Activation;
use crate::nn::format::int16::{EXPONENTIALS, POINTS, Sections};

/// Sums between two points of a table.
const STEP: i32 = 128;

/// The smallest and the largest value among the points that lines between them
/// need for sums of this range.
pub(super) fn range(
    activation: Activation,
    sums: Quantization16,
    (low, high): (f32, f32),
) -> (f32, f32) {
    let step = sums.scale * STEP as f32;
    let points = (0..=512).map(|i| step * (i - 256) as f32);
    let needed = points.filter(|x| (low - step..=high + step).contains(x));
    needed.map(|x| activation.value(x)).fold((0.0, 0.0), |(low, high), y| (low.min(y), high.max(y)))
}

/// Fills a layer's table, as bytes.
pub(super) fn fill(
    table: &mut [u8],
    activation: Activation,
    sums: Quantization16,
    outputs: Quantization16,
) {
    if activation == Activation::Softmax {
        let (entries, _) = table.as_chunks_mut();
        for (i, entry) in entries.iter_mut().enumerate() {
            let distance = if i < 256 { 256 * i } else { i - 256 };
            let e = libm::exp(-f64::from(sums.scale) * distance as f64);
            // One is the largest number below it. A float's cast saturates.
            *entry = (libm::round(4_294_967_296.0 * e) as u32).to_le_bytes();
        }
        return;
    }
    let exact = |sum: i32| {
        let x = sums.scale * sum as f32;
        f64::from(activation.value(x)) / f64::from(outputs.scale)
    };
    // The last two bytes are padding.
    let points = table.as_chunks_mut().0.iter_mut().take(POINTS - 1);
    for (point, i) in points.zip(0..) {
        let sum = STEP * i - 32_768;
        let value = exact(sum);
        // Half of what the line to the next point would be off in its middle.
        let line =
            if i < 512 { 0.5 * (value + exact(sum + STEP)) - exact(sum + STEP / 2) } else { 0.0 };
        *point = (libm::round(value - 0.5 * line) as i16).to_le_bytes();
    }
}

/// The activation, on a row of quantised sums.
pub(super) fn apply(activation: Activation, sections: &Sections<'_>, y: &mut [i16]) {
    match activation {
        Activation::Linear | Activation::Relu => {}
        Activation::Threshold => y.iter_mut().for_each(|y| *y = if *y < 0 { 0 } else { i16::MAX }),
        Activation::ThresholdSymmetric => {
            y.iter_mut().for_each(|y| *y = if *y < 0 { -i16::MAX } else { i16::MAX });
        }
        Activation::Softmax => {
            let Some(table) = sections.exponentials() else { return };
            softmax(table, y);
        }
        _ => {
            let Some(table) = sections.points() else { return };
            y.iter_mut().for_each(|y| *y = between(table, *y));
        }
    }
}

/// The value on the line between two points, rounded half up.
fn between(table: &[i16; POINTS], sum: i16) -> i16 {
    // 0 to 511 and 0 to 127.
    let (i, part) = (usize::from((sum as u16 ^ 0x8000) >> 7), i32::from(sum) & (STEP - 1));
    let (from, to) = (i32::from(table[i]), i32::from(table[i + 1]));
    (from + (((to - from) * part + STEP / 2) >> 7)) as i16
}

/// `32768 e_i / sum(e)` rounded half up, at most 32767.
fn softmax(table: &[u32; EXPONENTIALS], y: &mut [i16]) {
    let max = y.iter().copied().max().unwrap_or(0);
    let exponential = |q: i16| {
        let distance = max.wrapping_sub(q) as u16;
        let coarse = u64::from(table[usize::from(distance >> 8)]);
        let fine = u64::from(table[256 + usize::from(distance & 255)]);
        (coarse * fine) >> 32
    };
    // At most 65,535 units of less than 2^32 each. Not zero: the largest has
    // distance 0, whose exponential was checked.
    let sum = y.iter().fold(0u64, |sum, q| sum.wrapping_add(exponential(*q))).max(1);
    for q in y {
        let share = ((exponential(*q) << 15) + sum / 2) / sum;
        *q = share.min(i16::MAX as u64) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(activation: Activation, sums: f32, outputs: f32) -> std::vec::Vec<i16> {
        let mut bytes = std::vec![0; 2 * POINTS];
        fill(
            &mut bytes,
            activation,
            Quantization16 { scale: sums },
            Quantization16 { scale: outputs },
        );
        bytes.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect()
    }

    #[test]
    fn smooth_functions_are_met_at_every_sum() {
        let cases = [
            (Activation::Tanh, 5.9f32, 1.0 / 32_768.0, 2.0),
            (Activation::Sigmoid, 11.1, 1.0 / 32_768.0, 2.0),
            (Activation::Gelu, 8.0, 8.0 / 32_767.0, 1.5),
            (Activation::ElliotSymmetric, 8.0, 1.0 / 32_767.0, 9.0),
            (Activation::LeakyRelu, 5.0, 5.0 / 32_767.0, 1.5),
            (Activation::Gaussian, 4.0, 1.0 / 32_767.0, 2.5),
        ];
        for (activation, range, outputs, within) in cases {
            let scale = range / 32_767.0;
            let table = table(activation, scale, outputs);
            let table: &[i16; POINTS] = table.first_chunk().unwrap();
            for sum in i16::MIN..=i16::MAX {
                let want = activation.value(scale * f32::from(sum)) / outputs;
                let want = want.clamp(-32_768.0, 32_767.0);
                let got = f32::from(between(table, sum));
                assert!((got - want).abs() <= within, "{activation:?} {sum} {got} {want}");
            }
        }
    }

    #[test]
    fn softmax_shares_add_up_to_one() {
        let mut bytes = std::vec![0; 4 * EXPONENTIALS];
        for range in [0.01f32, 1.0, 30.0, 1000.0] {
            let sums = Quantization16 { scale: range / 32_767.0 };
            fill(&mut bytes, Activation::Softmax, sums, Quantization16 { scale: 1.0 / 32_768.0 });
            let table: std::vec::Vec<u32> =
                bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
            let table: &[u32; EXPONENTIALS] = table.first_chunk().unwrap();
            let sums_of = [-32_768i16, 32_767, 0, 5, -700, 12_000];
            let mut y = sums_of;
            softmax(table, &mut y);
            let real: std::vec::Vec<f64> =
                sums_of.iter().map(|q| libm::exp(f64::from(sums.scale) * f64::from(*q))).collect();
            let total: f64 = real.iter().sum();
            for (got, e) in y.iter().zip(&real) {
                let want = (32_768.0 * e / total).min(32_767.0);
                assert!((f64::from(*got) - want).abs() <= 0.51, "{range} {got} {want}");
            }
        }
        let table = &[u32::MAX; EXPONENTIALS];
        let mut one = [-5i16];
        softmax(table, &mut one);
        assert_eq!(one, [i16::MAX]);
    }
}
