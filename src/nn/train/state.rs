//! A trainer's state as bytes, so that a training can go on later or elsewhere.
//!
//! The container is that of models ([`format`](crate::nn::format)), kind 3,
//! version 1; `inputs` and `layers` are the network's, the header's own bytes
//! the epochs done (u64). Then
//!
//! | at | type | field |
//! |---|---|---|
//! | 0 | u32 | algorithm |
//! | 4 | u32 | parameters of the network |
//! | 8 | u32 | numbers remembered for each parameter |
//! | 12 | u32 | 1 if best weights follow, else 0 |
//! | 16 | u64 | updates done |
//! | 24 | 2 f32 | Adam's decays to the power of the updates |
//! | 32 | f32 | iRPROP+: the last loss |
//! | 36 | f32 | learning rate, or 0 |
//! | 40 | f32 | the best validation loss |
//! | 44 | u32 | epochs since |
//! | 48 | u32 | 1 in exact mode, else 0 |
//! | 52 | u32 | 0 |
//!
//! and the numbers (f32), kind by kind, then the best weights; in exact mode
//! also what the random numbers come from, 32 words (u32).

use super::optimizer::Scalars;
use super::{Engine, Trainer};
use crate::error::{Error, Result};
use crate::mem::Carved;
use crate::nn::exact::Rand;
use crate::nn::format::{HEADER, Header, Kind, V1, image_len, u32_at};

const RECORD: usize = 56;
/// Words of the exact mode's random numbers.
const RANDOM: usize = 32;
/// More epochs or updates than anybody can have done, far from an overflow.
const MOST_DONE: u64 = 1 << 62;

impl Trainer<'_> {
    /// Bytes that [`save_state`](Trainer::save_state) writes.
    pub fn state_len(&self) -> Result<usize> {
        let numbers = self.arrays().iter().map(|array| array.len()).sum::<usize>();
        let random = self.rand().map_or(0, |_| RANDOM);
        let words = numbers.checked_add(random).and_then(|n| n.checked_mul(4));
        image_len(words.and_then(|n| n.checked_add(HEADER + RECORD)))
    }

    fn rand(&self) -> Option<&Rand> {
        match &self.engine {
            Engine::Exact(exact) => Some(&exact.rand),
            Engine::Fast(_) => None,
        }
    }

    fn arrays(&self) -> [&Carved<'_, f32>; 4] {
        let o = &self.optimizer;
        [&o.first, &o.second, &o.third, &self.best.parameters]
    }

    /// Writes what the trainer remembers; returns its length. With the
    /// network's weights it is all that a training needs to go on: see
    /// [`load_state`](Trainer::load_state). [`Error::BufferTooSmall`] leaves
    /// `buffer` as it is.
    pub fn save_state(&self, buffer: &mut [u8]) -> Result<usize> {
        let len = self.state_len()?;
        let image = buffer.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let mut algorithm = self.optimizer.algorithm;
        let Scalars { powers, loss, updates } = self.optimizer.scalars;
        let record = &mut image[HEADER..];
        let mut put = |at: usize, bytes: &[u8]| record[at..][..bytes.len()].copy_from_slice(bytes);
        put(0, &algorithm.code().to_le_bytes());
        put(4, &(self.settings.parameters as u32).to_le_bytes());
        put(8, &(algorithm.memory() as u32).to_le_bytes());
        put(12, &u32::from(!self.best.parameters.is_empty()).to_le_bytes());
        put(16, &updates.to_le_bytes());
        put(24, &powers[0].to_le_bytes());
        put(28, &powers[1].to_le_bytes());
        put(32, &loss.to_le_bytes());
        put(36, &algorithm.rate().map_or(0.0, |rate| *rate).to_le_bytes());
        put(40, &self.best.loss.to_le_bytes());
        put(44, &self.best.waited.to_le_bytes());
        put(48, &u32::from(self.rand().is_some()).to_le_bytes());
        put(52, &[0; 4]);
        let words = image[HEADER + RECORD..].as_chunks_mut().0.iter_mut();
        let all = self.arrays().into_iter().flat_map(|array| array.iter()).map(|x| x.to_bits());
        let all = all.chain(self.rand().into_iter().flat_map(Rand::words));
        words.zip(all).for_each(|(to, from)| *to = from.to_le_bytes());
        let (inputs, layers) = (self.inputs as u32, self.layers.len() as u32);
        let extra = self.epoch.to_le_bytes();
        Header { version: V1, kind: Kind::Trainer, inputs, layers, extra }.seal(image);
        Ok(len)
    }

    /// Takes on a state saved by a trainer of the same configuration for the
    /// same shape of network. With the same network, data and kernels the
    /// training goes on as if it had never stopped, bit for bit.
    ///
    /// The errors of a model's bytes, and [`Error::NnMismatch`] for another
    /// algorithm or shape: the trainer is as before.
    pub fn load_state(&mut self, state: &[u8]) -> Result<()> {
        let header = Header::read(state, Kind::Trainer)?;
        if header.version != V1 {
            return Err(Error::ModelVersion);
        }
        let record = state.get(HEADER..HEADER + RECORD).ok_or(Error::ModelLength)?;
        let mut algorithm = self.optimizer.algorithm;
        let f32_at = |at| f32::from_bits(u32_at(record, at));
        let same = header.inputs as usize == self.inputs
            && header.layers as usize == self.layers.len()
            && u32_at(record, 0) == algorithm.code()
            && u32_at(record, 4) as usize == self.settings.parameters
            && u32_at(record, 8) as usize == algorithm.memory()
            && u32_at(record, 12) == u32::from(!self.best.parameters.is_empty())
            && u32_at(record, 48) == u32::from(self.rand().is_some());
        if !same {
            return Err(Error::NnMismatch);
        }
        if state.len() != self.state_len()? {
            return Err(Error::ModelLength);
        }
        let count: usize = self.arrays().iter().map(|array| array.len()).sum();
        let words = || {
            let words = state[HEADER + RECORD..].as_chunks().0.iter();
            words.map(|bytes| u32::from_le_bytes(*bytes))
        };
        let numbers = || words().take(count).map(f32::from_bits);
        let rand = Rand::from_words(words().skip(count));
        let powers = [f32_at(24), f32_at(28)];
        let power = |p: &f32| (0.0..=1.0).contains(p);
        let losses = [f32_at(32), f32_at(40)];
        let updates = u64::from(u32_at(record, 16)) | u64::from(u32_at(record, 20)) << 32;
        let epoch = u64::from_le_bytes(header.extra);
        if let Some(rate) = algorithm.rate() {
            *rate = f32_at(36);
        }
        if algorithm.check().is_err()
            || !powers.iter().all(power)
            || losses.iter().any(|loss| loss.is_nan())
            // libfann's steps may become infinite.
            || (self.rand().is_none() && !numbers().all(f32::is_finite))
            || u32_at(record, 52) != 0
            || (self.rand().is_some() && rand.is_none())
            || updates.max(epoch) > MOST_DONE
        {
            return Err(Error::ModelInvalid);
        }
        self.optimizer.algorithm = algorithm;
        self.optimizer.scalars = Scalars { powers, loss: losses[0], updates };
        (self.best.loss, self.best.waited) = (losses[1], u32_at(record, 44));
        self.epoch = epoch;
        if let (Engine::Exact(exact), Some(rand)) = (&mut self.engine, rand) {
            exact.rand = rand;
        }
        let o = &mut self.optimizer;
        let arrays = [&mut o.first, &mut o.second, &mut o.third, &mut self.best.parameters];
        let all = arrays.into_iter().flat_map(|array| array.iter_mut());
        all.zip(numbers()).for_each(|(to, from)| *to = from);
        Ok(())
    }
}
