//! Text to task: which of a domain's tasks a text asks for, if any, and what it says of it.
//!
//! A [`Router`] looks a text's n-grams up by their hashes in a table of int8 numbers (the hashing trick,
//! Weinberger et al. 2009; a bag of n-grams as in Joulin et al., "Bag of Tricks for Efficient Text
//! Classification", 2017), adds up what it finds, and multiplies the sum with one int8 row a task. It reads its model
//! in place, has no state, and allocates nothing. What is asked in other words than those it
//! was trained with may be missed; it answers with one of its tasks or with none, and adds nothing.
//! A text whose best task is not likely enough is out of scope: the threshold was chosen at
//! training, by what share of good texts may be refused.
//!
//! [`fill`] finds what a task needs to know in the same text: numbers with units, names of a list,
//! coordinates, durations, identifiers. What is not there stays empty.
//!
//! `train` makes models; it is the only part that allocates, and needs the feature `alloc`.

mod beside;
mod format;
mod ngrams;
mod number;
mod slots;
#[cfg(feature = "alloc")]
mod train;

use self::format::{BLOCK, MAX_WIDTH, Model};
use self::ngrams::Places;
use crate::error::{Error, Result};

pub use self::format::MAX_TASKS;
pub use self::ngrams::MAX_TEXT;
pub use self::slots::{Filled, Pattern, Unit, Value, fill};
pub(crate) use self::slots::{Filler, Wanted};
#[cfg(feature = "alloc")]
pub use self::train::{RouterConfig, Sample, calibrate, model_len, train};

/// What a text asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// The task, unless the text is out of scope.
    pub task: Option<u32>,
    /// The task that is nearest, also if the text is out of scope.
    pub best: u32,
    /// How likely that one is, 0 to 1: the softmax of the scores.
    pub confidence: f32,
}

/// A classifier of texts, over bytes that are read in place.
#[derive(Clone, Copy)]
pub struct Router<'a> {
    model: Model<'a>,
}

impl<'a> Router<'a> {
    /// A router over a model that `train` made.
    ///
    /// # Errors
    /// [`Error::TaskFormat`] for bytes that are not a model or are damaged, [`Error::Unsupported`] for a
    /// version that this library does not read.
    pub fn new(model: &'a [u8]) -> Result<Router<'a>> {
        Ok(Router { model: Model::read(model)? })
    }

    /// How many tasks it knows.
    pub fn tasks(&self) -> u32 {
        self.model.tasks as u32
    }

    /// The name of a task.
    pub fn name(&self, task: u32) -> Option<&'a str> {
        self.model.names().nth(task as usize)
    }

    /// The confidence below which a text is out of scope.
    pub fn threshold(&self) -> f32 {
        self.model.threshold
    }

    /// Which task a text asks for. Any bytes will do; letters outside ASCII are told apart but not
    /// made small. Takes the time of some sums for each byte, and 2 KB of the stack.
    ///
    /// # Errors
    /// [`Error::Length`] for more than [`MAX_TEXT`] bytes.
    pub fn route(&self, text: &[u8]) -> Result<Route> {
        if text.len() > MAX_TEXT {
            return Err(Error::Length);
        }
        let mut sums = [0i32; MAX_WIDTH];
        let sums = &mut sums[..self.model.width];
        let weight = self.add_up(text, sums.as_chunks_mut().0);
        let mut row = [0i8; MAX_WIDTH];
        let row = &mut row[..self.model.width];
        let scale = quantize(sums, weight, row);
        Ok(self.judge(row, scale))
    }

    /// Adds up the rows of a text's n-grams; returns the sum of their squared weights.
    fn add_up(&self, text: &[u8], sums: &mut [[i32; BLOCK]]) -> f32 {
        let (blocks, _) = self.model.table.as_chunks::<BLOCK>();
        let mut part = [[0i16; BLOCK]; MAX_WIDTH / BLOCK];
        let part = &mut part[..sums.len()];
        let (mut squares, mut count) = (0i32, 0);
        ngrams::each(text, |hash, weight| {
            squares += weight * weight;
            let mut places = Places::new(hash, self.model.blocks);
            for sums in part.iter_mut() {
                *sums = plus(*sums, blocks[places.next()], weight as i16);
            }
            count += 1;
            if count % 64 == 0 {
                empty(part, sums);
            }
        });
        empty(part, sums);
        squares as f32
    }

    /// The likeliest class of a text's row, whose numbers are to be multiplied by `scale`.
    fn judge(&self, row: &[i8], scale: f32) -> Route {
        let model = &self.model;
        // The softmax's sum relative to the largest score so far.
        let (mut largest, mut sum) = (f32::NEG_INFINITY, 0.0f32);
        let (mut best, mut best_task, mut best_score) = (0, 0, f32::NEG_INFINITY);
        for (class, weights) in model.rows.chunks_exact(model.width).enumerate() {
            let dot = dot(weights, row) as f32;
            let score = model.bias(class) + dot * (scale * model.scale(class));
            if class < model.tasks && score > best_score {
                (best_task, best_score) = (class, score);
            }
            if score > largest {
                sum = sum * exp(largest - score) + 1.0;
                (largest, best) = (score, class);
            } else {
                sum += exp(score - largest);
            }
        }
        let confidence = (exp(best_score - largest) / sum).min(1.0);
        let known = scale > 0.0 && best == best_task && confidence >= model.threshold;
        Route { task: known.then_some(best as u32), best: best_task as u32, confidence }
    }
}

/// `e^x` for numbers that are not above 0, within 0.02%: powers of two by the exponent's bits, between them by a
/// polynomial. A query needs one for each class.
fn exp(x: f32) -> f32 {
    let x = (x * core::f32::consts::LOG2_E).max(-126.0);
    let whole = x as i32 - i32::from(x < 0.0);
    let part = x - whole as f32;
    // The first terms of 2^part, the last one such that 2^1 is 2.
    let between = 1.0
        + part
            * (core::f32::consts::LN_2
                + part * (0.240_227 + part * (0.055_504 + part * 0.011_122)));
    f32::from_bits(((whole + 127).max(0) as u32) << 23) * between
}

/// Adds a block so many times. By value, so that it is done in vectors. 64 times 3 times 128 is below
/// 32,768.
#[inline]
fn plus(sums: [i16; BLOCK], block: [i8; BLOCK], weight: i16) -> [i16; BLOCK] {
    let wide = block.map(|value| weight.wrapping_mul(i16::from(value)));
    core::array::from_fn(|i| sums[i].wrapping_add(wide[i]))
}

/// Adds short sums to the long ones.
fn empty(part: &mut [[i16; BLOCK]], sums: &mut [[i32; BLOCK]]) {
    for (part, sums) in part.iter_mut().zip(sums) {
        for (part, sum) in part.iter_mut().zip(sums) {
            *sum += i32::from(core::mem::take(part));
        }
    }
}

/// Scales sums to int8; returns what the results are to be multiplied by, with the norm of so many n-grams.
fn quantize(sums: &[i32], squares: f32, row: &mut [i8]) -> f32 {
    let largest = sums.iter().fold(0u32, |most, sum| most.max(sum.unsigned_abs()));
    if largest == 0 || squares <= 0.0 {
        row.fill(0);
        return 0.0;
    }
    let factor = 127.0 / largest as f32;
    for (place, sum) in row.iter_mut().zip(sums) {
        *place = libm::rintf(*sum as f32 * factor) as i8;
    }
    1.0 / (factor * libm::sqrtf(squares))
}

/// The product of two rows whose length is a multiple of a block's.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let blocks = a.as_chunks::<BLOCK>().0.iter().zip(b.as_chunks::<BLOCK>().0);
    blocks
        .map(|(a, b)| {
            let products = a.iter().zip(b).map(|(a, b)| i16::from(*a) * i16::from(*b));
            products.map(i32::from).sum::<i32>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_near_enough() {
        for i in 0..100_000 {
            let x = i as f32 * -1e-3;
            let (ours, theirs) = (exp(x), libm::expf(x));
            assert!((ours - theirs).abs() <= 2e-4 * theirs + 1e-37, "{x}: {ours} {theirs}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn products_of_rows_do_not_overflow() {
        let (a, b) = ([-128i8; MAX_WIDTH], [127i8; MAX_WIDTH]);
        assert_eq!(dot(&a, &a), 16384 * MAX_WIDTH as i32);
        assert_eq!(dot(&a, &b), -128 * 127 * MAX_WIDTH as i32);
    }
}
