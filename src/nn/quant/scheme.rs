//! Which integers are enough: the smallest scheme within a bound.

use core::alloc::Layout;

use super::calibrate::Calibration;
use super::compare::{Integers, check_samples};
use super::wide::QNet16Config;
use super::{QNet, QNet16, QNetConfig, Rounding};
use crate::error::{Error, Result};
use crate::mem::Piece;
use crate::nn::Net;
use crate::nn::net::Stage;
use crate::port::{Allocator, Level, Line, Logger};

/// What a quantised network's values and weights are. The numbers are those of
/// the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Scheme {
    /// Int8 values and weights, 32-bit sums: [`QNet`].
    Int8 = 1,
    /// Int16 values, int8 weights, 64-bit sums: [`QNet16`].
    Int16x8 = 2,
    /// Int16 values and weights, 64-bit sums: [`QNet16`].
    Int16 = 3,
}

impl Scheme {
    /// All of them, smaller models first.
    pub const ALL: [Scheme; 3] = [Scheme::Int8, Scheme::Int16x8, Scheme::Int16];

    /// The scheme with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Scheme> {
        match code {
            1 => Some(Scheme::Int8),
            2 => Some(Scheme::Int16x8),
            3 => Some(Scheme::Int16),
            _ => None,
        }
    }

    /// Its number in the C header.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Bytes of a weight.
    pub(crate) const fn weight_bytes(self) -> u8 {
        match self {
            Scheme::Int8 | Scheme::Int16x8 => 1,
            Scheme::Int16 => 2,
        }
    }
}

/// What a quantised network may lose. At least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Of all samples, the part that it classifies rightly less often than the
    /// float network: 0.01 is one percent. The class is the largest output (the
    /// first of equal ones), as that of the targets is the largest target. Of a
    /// network with one output it is the side of the middle between the smallest
    /// and the largest target.
    Accuracy(f64),
    /// Root of the mean of the squared differences from the float network's
    /// outputs, in their unit.
    Rms(f64),
    /// Largest difference from one of the float network's outputs, in their unit.
    Max(f64),
}

impl Bound {
    fn limit(self) -> f64 {
        match self {
            Bound::Accuracy(limit) | Bound::Rms(limit) | Bound::Max(limit) => limit,
        }
    }
}

/// What to find a scheme for.
pub struct SchemeConfig<'a, 'n> {
    /// The trained network; unchanged, but it runs the samples.
    pub net: &'a mut Net<'n>,
    /// Calibration samples, rows of the net's inputs.
    pub samples: &'a [f32],
    /// Samples to judge on, rows of the net's inputs.
    pub inputs: &'a [f32],
    /// For [`Bound::Accuracy`], a row of targets for each of them; otherwise
    /// empty.
    pub targets: &'a [f32],
    /// What may be lost.
    pub bound: Bound,
    /// How the ranges of values follow from the calibration samples.
    pub calibration: Calibration,
    /// How sums become values.
    pub rounding: Rounding,
    /// Told about refusals, about what looks wrong, and what each scheme lost.
    pub logger: Option<&'a dyn Logger>,
}

impl<'a, 'n> SchemeConfig<'a, 'n> {
    /// Judged on the calibration samples by the differences from the float
    /// network; otherwise with the defaults of [`QNetConfig`].
    pub fn new(net: &'a mut Net<'n>, samples: &'a [f32], bound: Bound) -> SchemeConfig<'a, 'n> {
        let (calibration, rounding) = (Calibration::MinMax, Rounding::Single);
        let (inputs, targets) = (samples, &[][..]);
        SchemeConfig { net, samples, inputs, targets, bound, calibration, rounding, logger: None }
    }

    /// The most memory that [`smallest_scheme`] takes at once. Errors: those of
    /// [`QNet::config_footprint`].
    pub fn footprint(&self) -> Result<Layout> {
        SchemeConfig::footprint_for(self.net, self.calibration)
    }

    pub(crate) fn footprint_for(net: &Net<'_>, calibration: Calibration) -> Result<Layout> {
        let narrow = QNet::footprint_for(net, 1, calibration)?;
        let wide = QNet16::footprint_for(net, Scheme::Int16, calibration)?;
        let (size, align) = (narrow.size().max(wide.size()), narrow.align().max(wide.align()));
        Layout::from_size_align(size, align).map_err(|_| Error::Overflow)
    }

    fn check(&self) -> Result<()> {
        let limit = self.bound.limit();
        if !(limit >= 0.0 && limit.is_finite()) {
            return Err(Error::Invalid);
        }
        check_samples(self.inputs, self.net.shape().inputs)?;
        let shape = self.net.shape();
        let samples = self.inputs.len() / shape.inputs;
        let targets = match self.bound {
            Bound::Accuracy(_) => samples.checked_mul(shape.outputs).ok_or(Error::Overflow)?,
            _ => 0,
        };
        if self.targets.len() != targets {
            return Err(Error::Length);
        }
        if !self.targets.iter().all(|target| target.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        Ok(())
    }
}

/// What [`smallest_scheme`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SchemeChoice {
    /// The smallest scheme within the bound, if one is.
    pub scheme: Option<Scheme>,
    /// What each scheme lost, in the bound's unit, in the order of
    /// [`Scheme::ALL`]; NaN for those after the chosen one, which were not tried.
    /// Less than 0 where it classifies better than the float network.
    pub losses: [f64; 3],
    /// Bytes of their models; 0 for those that were not tried.
    pub model_sizes: [usize; 3],
}

/// The scheme with the smallest model that loses no more than the bound. Tries
/// them in the order of [`Scheme::ALL`], one network after the other in one piece
/// of memory, which is given back at the end. The same samples and settings later
/// make the same networks again, by [`QNet::new`] and [`QNet16::new`].
///
/// Errors: those of [`QNet::new`], [`Error::Length`] for no samples to judge on,
/// no whole rows, or other targets than the bound asks for, [`Error::Invalid`]
/// for a bound that is negative or not finite, [`Error::NnNotFinite`] for NaN or
/// infinity in samples, targets or the float network's outputs.
pub fn smallest_scheme<'m>(
    config: &mut SchemeConfig<'_, '_>,
    memory: impl Allocator<'m>,
) -> Result<SchemeChoice> {
    let piece = memory.allocate(config.footprint()?)?;
    smallest_in_piece(config, piece)
}

/// The same in a piece of the footprint.
pub(crate) fn smallest_in_piece(
    config: &mut SchemeConfig<'_, '_>,
    mut piece: Piece<'_>,
) -> Result<SchemeChoice> {
    config.check()?;
    let mut choice = SchemeChoice { scheme: None, losses: [f64::NAN; 3], model_sizes: [0; 3] };
    for (i, scheme) in Scheme::ALL.into_iter().enumerate() {
        let (loss, size) = match scheme {
            Scheme::Int8 => {
                let mut own = QNetConfig::new(&mut *config.net, config.samples);
                own.rounding = config.rounding;
                own.calibration = config.calibration;
                own.logger = config.logger;
                let mut tried = QNet::in_piece(&mut own, piece.lend())?;
                (lost(config, &mut tried)?, tried.model().len())
            }
            Scheme::Int16x8 | Scheme::Int16 => {
                let mut own = QNet16Config::new(&mut *config.net, config.samples);
                own.scheme = scheme;
                own.rounding = config.rounding;
                own.calibration = config.calibration;
                own.logger = config.logger;
                let mut tried = QNet16::in_piece(&mut own, piece.lend())?;
                (lost(config, &mut tried)?, tried.model().len())
            }
        };
        (choice.losses[i], choice.model_sizes[i]) = (loss, size);
        let fits = loss <= config.bound.limit();
        Line::new(["int8", "16x8", "int16"][i])
            .text(if fits { " is within the bound" } else { " is not within the bound" })
            .send(config.logger, Level::Info);
        if fits {
            choice.scheme = Some(scheme);
            break;
        }
    }
    Ok(choice)
}

/// What a quantised network loses on the samples.
fn lost(config: &mut SchemeConfig<'_, '_>, tried: &mut impl Integers) -> Result<f64> {
    let (inputs, outputs) = (config.net.shape().inputs, config.net.shape().outputs);
    let last = config.net.shape().layers - 1;
    let middle = {
        let ends = config
            .targets
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |ends, t| (ends.0.min(*t), ends.1.max(*t)));
        0.5 * (ends.0 + ends.1)
    };
    let mut finite = true;
    let (mut squares, mut largest) = (0f64, 0f64);
    let mut right = (0i64, 0i64);
    for (i, sample) in config.inputs.chunks_exact(inputs).enumerate() {
        tried.take_input(sample);
        let target = config.targets.get(i * outputs..).unwrap_or_default();
        let wanted = Class::of(target.iter().take(outputs).copied(), middle);
        config.net.observe(sample, |layer, stage, real| {
            if stage == Stage::Outputs {
                let mut class = Class::NONE;
                tried.step(layer, |unit, value| {
                    if layer == last {
                        finite &= real[unit].is_finite();
                        let difference = f64::from(value) - f64::from(real[unit]);
                        squares += difference * difference;
                        largest = largest.max(difference.abs());
                        class.see(value, middle);
                    }
                });
                if layer == last {
                    let own = Class::of(real.iter().copied(), middle);
                    right.0 += i64::from(own.index == wanted.index);
                    right.1 += i64::from(class.index == wanted.index);
                }
            }
        });
    }
    if !finite {
        return Err(Error::NnNotFinite);
    }
    let samples = (config.inputs.len() / inputs) as f64;
    Ok(match config.bound {
        Bound::Accuracy(_) => (right.0 - right.1) as f64 / samples,
        Bound::Rms(_) => libm::sqrt(squares / (samples * outputs as f64)),
        Bound::Max(_) => largest,
    })
}

/// The class that a row of outputs says, seen one after the other.
struct Class {
    index: usize,
    largest: f32,
    seen: usize,
}

impl Class {
    const NONE: Class = Class { index: 0, largest: f32::NEG_INFINITY, seen: 0 };

    fn of(values: impl Iterator<Item = f32>, middle: f32) -> Class {
        let mut class = Class::NONE;
        values.for_each(|value| class.see(value, middle));
        class
    }

    fn see(&mut self, value: f32, middle: f32) {
        if self.seen == 0 {
            // What counts where it stays the only one.
            (self.index, self.largest) = (usize::from(value >= middle), value);
        } else {
            if self.seen == 1 {
                self.index = 0;
            }
            if value > self.largest {
                (self.index, self.largest) = (self.seen, value);
            }
        }
        self.seen += 1;
    }
}
