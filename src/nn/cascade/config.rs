//! What cascade training is asked for, and what it tells.

use core::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::nn::shape::Topology;
use crate::nn::{Activation, Algorithm, Data, ErrorFunction, Loss, Net};
use crate::port::{Level, Line, Logger};

/// How long weights are trained before the next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// What part of the loss, or of the score, a change has to be to count,
    /// 0 or above and below 1.
    pub change: f32,
    /// Epochs without such a change after which the training ends, at least 1.
    pub stagnation: u32,
    /// Fewest epochs, unless a target is reached.
    pub min_epochs: u32,
    /// Most epochs, at least 1 and not below the fewest.
    pub max_epochs: u32,
}

impl Patience {
    /// FANN's: 0.01, 12 epochs, 50 to 150 of them.
    pub const FANN: Patience =
        Patience { change: 0.01, stagnation: 12, min_epochs: 50, max_epochs: 150 };

    fn check(&self) -> bool {
        (0.0..1.0).contains(&self.change)
            && self.stagnation > 0
            && self.max_epochs > 0
            && self.min_epochs <= self.max_epochs
    }
}

/// How cascade training works. The limits, the activations and the number of
/// candidates are FANN's by default.
#[derive(Clone, Copy)]
pub struct CascadeConfig<'a> {
    /// What trains outputs and candidates: [`Algorithm::Rprop`],
    /// [`Algorithm::IrpropMinus`] or [`Algorithm::Quickprop`].
    pub algorithm: Algorithm,
    /// What is made small. A symmetric output's difference counts half, and
    /// slopes of sigmoids are kept away from 0, with all algorithms.
    pub loss: Loss,
    /// What counts as an output's error.
    pub error_function: ErrorFunction,
    /// From which difference on an output counts as failed, above 0.
    pub bit_fail_limit: f32,
    /// How long the outputs are trained.
    pub outputs: Patience,
    /// How long candidates are trained.
    pub candidates: Patience,
    /// Candidates are done when the best one's score is more than this times
    /// the outputs' squared error; above 0. The score is how much of it the
    /// candidate takes away, at most 1 times, so only limits below 1 do
    /// something: they keep single units from fitting too much.
    pub candidate_limit: f32,
    /// What the weights from a new unit to the outputs are multiplied by when
    /// it is put in, above 0.
    pub weight_multiplier: f32,
    /// The activations of the candidates: any but softmax and those that
    /// cannot be trained.
    pub activations: &'a [Activation],
    /// Their steepnesses, finite and above 0. Each activation is tried with
    /// each.
    pub steepnesses: &'a [f32],
    /// How many candidates there are of each activation and steepness, at
    /// least 1.
    pub groups: usize,
    /// The size of candidates' initial weights, above 0: uniform in plus or
    /// minus a range that is between an eighth of this and eight times as much,
    /// another one for each candidate, and smaller for sources whose mean square
    /// is above 1.
    pub initial: f32,
    /// Where they come from.
    pub seed: u64,
    /// Samples computed at once, at least 1: costs memory for three values of
    /// each candidate for each.
    pub block: usize,
    /// Whether the values of all nodes but the outputs are kept for all
    /// samples: costs memory, saves time.
    pub cache: bool,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

const CANDIDATES: [Activation; 10] = [
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Gaussian,
    Activation::GaussianSymmetric,
    Activation::Elliot,
    Activation::ElliotSymmetric,
    Activation::SinSymmetric,
    Activation::CosSymmetric,
    Activation::Sin,
    Activation::Cos,
];
const STEEPNESSES: [f32; 4] = [0.25, 0.5, 0.75, 1.0];

impl Default for CascadeConfig<'_> {
    fn default() -> Self {
        CascadeConfig {
            algorithm: Algorithm::IRPROP_MINUS,
            loss: Loss::Mse,
            error_function: ErrorFunction::Linear,
            bit_fail_limit: 0.35,
            outputs: Patience::FANN,
            candidates: Patience::FANN,
            candidate_limit: 1000.0,
            weight_multiplier: 0.4,
            activations: &CANDIDATES,
            steepnesses: &STEEPNESSES,
            groups: 2,
            initial: 4.0,
            seed: 0,
            block: 128,
            cache: true,
            logger: None,
        }
    }
}

/// The most candidates.
const MAX_POOL: usize = 65_535;

impl CascadeConfig<'_> {
    /// Number of candidates.
    pub(super) fn pool(&self) -> Result<usize> {
        let styles = self.activations.len().checked_mul(self.steepnesses.len());
        let pool = styles.and_then(|styles| styles.checked_mul(self.groups));
        pool.filter(|pool| (1..=MAX_POOL).contains(pool)).ok_or(Error::Invalid)
    }

    pub(super) fn check(&self, net: &Net<'_>) -> Result<()> {
        let refuse = |error, text| {
            Line::new(text).send(self.logger, Level::Error);
            Err(error)
        };
        let invalid = |text| refuse(Error::Invalid, text);
        let above = |x: f32| x.is_finite() && x > 0.0;
        if self.algorithm.check().is_err() {
            return invalid("a setting of the training algorithm is outside its range");
        }
        if !matches!(
            self.algorithm,
            Algorithm::Rprop(_) | Algorithm::IrpropMinus(_) | Algorithm::Quickprop { .. }
        ) {
            return refuse(Error::Unsupported, "cascade training takes RPROP, iRPROP-, Quickprop");
        }
        if !self.outputs.check() || !self.candidates.check() {
            return invalid(
                "cascade training's patience: change 0..1, stagnation at least 1, min <= max",
            );
        }
        if ![self.bit_fail_limit, self.candidate_limit, self.weight_multiplier, self.initial]
            .into_iter()
            .all(above)
        {
            return invalid("limits, multiplier and initial weights of a cascade are above 0");
        }
        if self.pool().is_err() {
            return invalid("a cascade has 1 to 65535 candidates");
        }
        let usable = |a: &Activation| a.is_trainable() && *a != Activation::Softmax;
        if !self.activations.iter().all(usable) {
            return invalid("candidates are no threshold units and no softmax");
        }
        if !self.steepnesses.iter().all(|s| above(*s)) {
            return invalid("the steepness is a number above 0");
        }
        if self.block == 0 {
            return invalid("the block of a cascade is at least 1");
        }
        if net.is_read_only() {
            return refuse(Error::ReadOnly, "the network reads its parameters in place");
        }
        check_net(net, self.loss).or_else(|error| refuse(error, error.message()))
    }
}

/// Whether a network is one that can grow by its loss.
pub(super) fn check_net(net: &Net<'_>, loss: Loss) -> Result<()> {
    let Some(last) = net.layers().last() else { return Err(Error::NnShape) };
    if net.shape().topology != Topology::Shortcut || last.links.is_some() {
        return Err(Error::Unsupported);
    }
    let mut runs = net.body().runs(last);
    runs.try_for_each(|run| match run.activation.is_trainable() {
        true => loss.check(run.activation),
        false => Err(Error::Unsupported),
    })
}

/// How cascade training goes, after the outputs have been trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CascadeProgress {
    /// Units added in this call.
    pub units: usize,
    /// Mean loss over the data.
    pub loss: f32,
    /// Outputs that differ by the bit fail limit or more.
    pub bit_fail: u64,
    /// Epochs in which outputs were trained in this call.
    pub output_epochs: u64,
    /// Epochs in which candidates were trained in this call.
    pub candidate_epochs: u64,
    /// What part of the outputs' squared error the last unit was to take away;
    /// 0 before the first.
    pub score: f32,
    /// Activation and steepness of the last unit, if there is one.
    pub style: Option<(Activation, f32)>,
    /// Mean loss over the validation set, of the smallest loss over the data so
    /// far, if there is one.
    pub validation_loss: Option<f32>,
}

/// Looks at the progress; may stop the training.
pub type CascadeHook<'a> = &'a mut dyn FnMut(&CascadeProgress) -> ControlFlow<()>;

/// When to stop.
pub struct CascadeParams<'a> {
    /// Most units to add; never more than the network has spare ones.
    pub max_units: usize,
    /// Stop when the loss is at most this; 0 means never, -0.0 a loss of 0.
    pub target_loss: f32,
    /// Stop when at most so many outputs fail.
    pub target_bit_fail: Option<u64>,
    /// Samples to judge by after each training of the outputs, as many as you
    /// like.
    pub validation: Option<Data<'a>>,
    /// Stop when the validation loss has not become smaller for so many units;
    /// 0 means never.
    pub patience: u32,
    /// What counts as smaller: by more than this, 0 or above.
    pub min_delta: f32,
    /// Called after each training of the outputs; may stop.
    pub progress: Option<CascadeHook<'a>>,
}

impl CascadeParams<'_> {
    /// At most so many new units.
    pub fn units(max_units: usize) -> Self {
        CascadeParams {
            max_units,
            target_loss: 0.0,
            target_bit_fail: None,
            validation: None,
            patience: 0,
            min_delta: 0.0,
            progress: None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let number = |x: f32| x >= 0.0 && x.is_finite();
        let good = number(self.target_loss)
            && number(self.min_delta)
            && (self.patience == 0 || self.validation.is_some());
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// Why cascade training stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CascadeStop {
    /// As many units as were allowed are in, or the network has no spare one
    /// left.
    Units = 1,
    /// The target loss is reached.
    Loss = 2,
    /// The progress callback said so.
    Callback = 3,
    /// Few enough outputs fail.
    BitFail = 4,
    /// No candidate makes the error smaller.
    Candidates = 5,
    /// The validation loss became no smaller.
    Validation = 6,
}

/// What cascade training did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CascadeReport {
    /// Units added, without those that were taken out again.
    pub units: usize,
    /// Mean loss of the network over the data.
    pub loss: f32,
    /// Its outputs that differ by the bit fail limit or more.
    pub bit_fail: u64,
    /// Its loss over the validation set, which is the smallest of this call, if
    /// there is one; infinity if none was finite.
    pub best_validation_loss: Option<f32>,
    /// Epochs in which outputs were trained.
    pub output_epochs: u64,
    /// Epochs in which candidates were trained.
    pub candidate_epochs: u64,
    /// Why it stopped.
    pub stopped_by: CascadeStop,
}
