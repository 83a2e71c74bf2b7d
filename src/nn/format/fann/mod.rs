//! FANN's float networks as text (`FANN_FLO_2.1`, what `fann_save` writes; what
//! libfann 2.2 still reads as `FANN_FLO_2.0` is read here, too).
//!
//! A file is lines of `name=value` in a fixed order, then one line of neurons
//! and one of connections. Neurons are counted through with their biases: in
//! layered networks each layer ends with one, in those with shortcuts only the
//! inputs do. Here biases are no nodes, and every unit has one.
//!
//! What a file says about training is kept in [`FannSettings`], so that nothing
//! is lost between reading and writing; libfann itself writes most of it with
//! six decimals.

mod read;
mod write;

pub use self::read::FannFile;
pub(crate) use self::write::write;
use super::super::Activation;
use crate::error::{Error, Result};

/// The most functions or steepnesses in the lists for cascade training.
pub const FANN_LIST: usize = 32;

/// What a FANN file says about training, by FANN's names. The defaults are
/// FANN's.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names are FANN's own
pub struct FannSettings {
    pub learning_rate: f32,
    pub learning_momentum: f32,
    /// 0 incremental, 1 batch, 2 RPROP, 3 Quickprop, 4 SARPROP
    pub training_algorithm: u32,
    /// 0 linear, 1 tanh
    pub train_error_function: u32,
    /// 0 MSE, 1 bit fail
    pub train_stop_function: u32,
    pub cascade_output_change_fraction: f32,
    pub quickprop_decay: f32,
    pub quickprop_mu: f32,
    pub rprop_increase_factor: f32,
    pub rprop_decrease_factor: f32,
    pub rprop_delta_min: f32,
    pub rprop_delta_max: f32,
    pub rprop_delta_zero: f32,
    pub cascade_output_stagnation_epochs: u32,
    pub cascade_candidate_change_fraction: f32,
    pub cascade_candidate_stagnation_epochs: u32,
    pub cascade_max_out_epochs: u32,
    pub cascade_min_out_epochs: u32,
    pub cascade_max_cand_epochs: u32,
    pub cascade_min_cand_epochs: u32,
    pub cascade_num_candidate_groups: u32,
    pub bit_fail_limit: f32,
    pub cascade_candidate_limit: f32,
    pub cascade_weight_multiplier: f32,
    /// FANN's numbers of activation functions.
    pub cascade_activation_functions: heapless::Vec<u32, FANN_LIST>,
    pub cascade_activation_steepnesses: heapless::Vec<f32, FANN_LIST>,
}

impl Default for FannSettings {
    fn default() -> FannSettings {
        FannSettings {
            learning_rate: 0.7,
            learning_momentum: 0.0,
            training_algorithm: 2,
            train_error_function: 1,
            train_stop_function: 0,
            cascade_output_change_fraction: 0.01,
            quickprop_decay: -0.0001,
            quickprop_mu: 1.75,
            rprop_increase_factor: 1.2,
            rprop_decrease_factor: 0.5,
            rprop_delta_min: 0.0,
            rprop_delta_max: 50.0,
            rprop_delta_zero: 0.1,
            cascade_output_stagnation_epochs: 12,
            cascade_candidate_change_fraction: 0.01,
            cascade_candidate_stagnation_epochs: 12,
            cascade_max_out_epochs: 150,
            cascade_min_out_epochs: 50,
            cascade_max_cand_epochs: 150,
            cascade_min_cand_epochs: 50,
            cascade_num_candidate_groups: 2,
            bit_fail_limit: 0.35,
            cascade_candidate_limit: 1000.0,
            cascade_weight_multiplier: 0.4,
            cascade_activation_functions: [3, 5, 7, 8, 10, 11, 14, 15, 16, 17]
                .into_iter()
                .collect(),
            cascade_activation_steepnesses: [0.25, 0.5, 0.75, 1.0].into_iter().collect(),
        }
    }
}

/// FANN's number of the stepwise gaussian, a stub that always gives 0.
const GAUSSIAN_STEPWISE: u32 = 9;

/// By FANN's numbers, and how often FANN's steepness goes into ours: its
/// sigmoid has `exp(-2x)`.
const FUNCTIONS: [Option<(Activation, f32)>; 20] = [
    Some((Activation::Linear, 1.0)),
    Some((Activation::Threshold, 1.0)),
    Some((Activation::ThresholdSymmetric, 1.0)),
    Some((Activation::Sigmoid, 2.0)),
    Some((Activation::SigmoidStepwise, 2.0)),
    Some((Activation::Tanh, 1.0)),
    Some((Activation::TanhStepwise, 1.0)),
    Some((Activation::Gaussian, 1.0)),
    Some((Activation::GaussianSymmetric, 1.0)),
    None,
    Some((Activation::Elliot, 1.0)),
    Some((Activation::ElliotSymmetric, 1.0)),
    Some((Activation::LinearPiece, 1.0)),
    Some((Activation::LinearPieceSymmetric, 1.0)),
    Some((Activation::SinSymmetric, 1.0)),
    Some((Activation::CosSymmetric, 1.0)),
    Some((Activation::Sin, 1.0)),
    Some((Activation::Cos, 1.0)),
    Some((Activation::Relu, 1.0)),
    Some((Activation::LeakyRelu, 1.0)),
];
/// How many of them version 2.2 has. It would load one of the others and give
/// nonsense, so they are read and not written.
const WRITTEN: usize = 18;

/// Our activation and steepness for FANN's.
fn from_fann(function: u32, steepness: f32) -> Result<(Activation, f32)> {
    let known = FUNCTIONS.get(function as usize).copied().flatten();
    let (activation, factor) = known.ok_or(Error::Unsupported)?;
    Ok((activation, factor * steepness))
}

/// FANN's function and steepness for ours, if it has the function.
fn to_fann(activation: Activation, steepness: f32) -> Result<(u32, f32)> {
    let all = FUNCTIONS.iter().take(WRITTEN).enumerate();
    let mut found = all.filter_map(|(code, known)| Some((code as u32, (*known)?)));
    let (code, (_, factor)) =
        found.find(|(_, known)| known.0 == activation).ok_or(Error::Unsupported)?;
    Ok((code, steepness / factor))
}

/// Calls `$each!(field, kind)` for all settings from the file's third group on,
/// in FANN's order.
macro_rules! settings {
    ($each:ident) => {
        $each!(cascade_output_change_fraction, short);
        $each!(quickprop_decay, short);
        $each!(quickprop_mu, short);
        $each!(rprop_increase_factor, short);
        $each!(rprop_decrease_factor, short);
        $each!(rprop_delta_min, short);
        $each!(rprop_delta_max, short);
        $each!(rprop_delta_zero, short);
        $each!(cascade_output_stagnation_epochs, whole);
        $each!(cascade_candidate_change_fraction, short);
        $each!(cascade_candidate_stagnation_epochs, whole);
        $each!(cascade_max_out_epochs, whole);
        $each!(cascade_min_out_epochs, whole);
        $each!(cascade_max_cand_epochs, whole);
        $each!(cascade_min_cand_epochs, whole);
        $each!(cascade_num_candidate_groups, whole);
        $each!(bit_fail_limit, long);
        $each!(cascade_candidate_limit, long);
        $each!(cascade_weight_multiplier, long);
    };
}
use settings;

const MAGIC: &str = "FANN_FLO_2.1";
/// The same without scaling parameters, which libfann still reads.
const OLD_MAGIC: &str = "FANN_FLO_2.0";
/// The lists of scaling parameters, in FANN's order, for inputs and outputs.
const SCALES: [[&str; 4]; 2] = [
    ["scale_mean_in", "scale_deviation_in", "scale_new_min_in", "scale_factor_in"],
    ["scale_mean_out", "scale_deviation_out", "scale_new_min_out", "scale_factor_out"],
];
const NEURONS: &str = "neurons (num_inputs, activation_function, activation_steepness)";
const CONNECTIONS: &str = "connections (connected_to_neuron, weight)";
