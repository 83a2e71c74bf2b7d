//! What a validation set says of a growing network, and the best so far.

use super::outputs::{Best, Task, outputs_of};
use super::room::Room;
use super::{CascadeParams, CascadeProgress};
use crate::error::Result;
use crate::mem::Carved;
use crate::nn::{Data, Net};

/// The network of the smallest validation loss: the units that it had then, and
/// the weights of its outputs. The units behind are taken out again.
pub(super) struct Kept<'m> {
    pub weights: Carved<'m, f32>,
    /// Its validation loss.
    pub validation: f32,
    /// Units added since without a smaller one.
    pub waited: u32,
    units: usize,
    loss: f32,
    bit_fail: u64,
}

impl<'m> Kept<'m> {
    pub fn new(weights: Carved<'m, f32>) -> Kept<'m> {
        let validation = f32::INFINITY;
        Kept { weights, validation, waited: 0, units: 0, loss: 0.0, bit_fail: 0 }
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        (self.validation, self.waited) = (f32::INFINITY, 0);
    }

    /// The validation loss with the best weights of the outputs; keeps the
    /// network if it is the smallest. Training goes on as if nothing had been.
    pub fn see(
        &mut self,
        net: &mut Net<'_>,
        (validation, data): (&Task<'_>, Data<'_>),
        (room, best): (&mut Room<'_>, &mut Best<'_>),
        params: &CascadeParams<'_>,
        progress: &CascadeProgress,
    ) -> Result<f32> {
        let weights = outputs_of(net)?;
        let len = weights.len();
        weights.swap_with_slice(&mut best.weights[..len]);
        let found = validation.test(net.body(), room);
        outputs_of(net)?.swap_with_slice(&mut best.weights[..len]);
        room.keep_first(net.body(), data);

        let loss = validation.loss(found, room.sizes.outputs);
        if loss < self.validation - params.min_delta
            || (self.validation.is_infinite() && loss.is_finite())
        {
            (self.validation, self.waited) = (loss, 0);
            self.weights[..len].copy_from_slice(&best.weights[..len]);
            (self.units, self.loss, self.bit_fail) = (progress.units, best.loss, best.bit_fail);
        } else {
            self.waited = self.waited.saturating_add(1);
        }
        Ok(loss)
    }

    /// Makes the network the one that is kept, if there is one.
    pub fn restore(&self, net: &mut Net<'_>, progress: &mut CascadeProgress) -> Result<()> {
        if self.validation.is_finite() {
            for _ in self.units..progress.units {
                net.shrink()?;
            }
            let weights = outputs_of(net)?;
            weights.copy_from_slice(&self.weights[..weights.len()]);
            progress.units = self.units;
            (progress.loss, progress.bit_fail) = (self.loss, self.bit_fail);
        }
        Ok(())
    }
}
