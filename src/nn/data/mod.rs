//! Samples to train and test with: in memory, from files, and what is done to
//! them before.
//!
//! | file | what |
//! |---|---|
//! | `fann` | FANN's text (`fann_train_data`), read |
//! | `csv` | comma-separated values, read |
//! | `idx` | the format of MNIST, read |
//! | `write` | FANN's text and CSV, written |
//! | `scale` | statistics of columns, scaling |

mod csv;
mod fann;
mod idx;
mod scale;
mod table;
mod write;

use core::alloc::Layout;
use core::ops::Range;

use super::Data;
use super::init::Random;
use crate::error::{Error, Result};
use crate::mem::{Carver, Held, Piece};
use crate::port::Allocator;

pub use self::csv::{Csv, CsvConfig, Labels};
pub use self::fann::FannData;
pub use self::idx::{Idx, IdxConfig};
pub use self::scale::{Column, Fit};
pub use self::table::Table;

/// How many samples, of how many numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataShape {
    /// Number of samples, or room for them.
    pub samples: usize,
    /// Inputs of a sample, at least 1.
    pub inputs: usize,
    /// Targets of a sample; 0 for samples without.
    pub outputs: usize,
}

/// Samples: rows of inputs and as many rows of targets.
///
/// It has numbers of its own, or lends them from memory of the caller's or from
/// another dataset ([`over`](Dataset::over), [`subset`](Dataset::subset),
/// [`split`](Dataset::split)): then nothing is copied, and what would change
/// them answers [`Error::ReadOnly`].
///
/// ```
/// use neural_swarm::nn::{Csv, CsvConfig, Dataset, Labels};
/// use neural_swarm::port::Heap;
///
/// let text = b"sepal,petal,kind\n5.1,1.4,setosa\n6.3,5.0,virginica\n4.9,1.5,setosa\n";
/// let labels = Labels::Names("setosa,virginica");
/// let file = Csv::read(text, &CsvConfig { header: true, labels, ..CsvConfig::default() })?;
/// let mut flowers = Dataset::load(&file, Heap)?;
/// assert_eq!(flowers.sample(1), Some((&[6.3, 5.0][..], &[0.0, 1.0][..])));
/// flowers.shuffle(7)?;
/// let (train, test) = flowers.split(2)?;
/// assert_eq!((train.shape().samples, test.shape().samples), (2, 1));
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Dataset<'m> {
    shape: DataShape,
    inputs: Held<'m, f32>,
    targets: Held<'m, f32>,
    /// Behind numbers of its own.
    _piece: Option<Piece<'m>>,
}

impl<'m> Dataset<'m> {
    /// Samples that lie in memory, of `inputs_each` inputs and `outputs_each`
    /// targets: nothing is copied. [`Error::Length`] unless both are whole rows
    /// and as many, [`Error::Invalid`] for no inputs.
    pub fn over(
        inputs: &'m [f32],
        targets: &'m [f32],
        inputs_each: usize,
        outputs_each: usize,
    ) -> Result<Dataset<'m>> {
        if inputs_each == 0 {
            return Err(Error::Invalid);
        }
        let samples = inputs.len() / inputs_each;
        let shape = DataShape { samples, inputs: inputs_each, outputs: outputs_each };
        if lengths(shape) != Ok((inputs.len(), targets.len())) {
            return Err(Error::Length);
        }
        let (inputs, targets) = (Held::InPlace(inputs), Held::InPlace(targets));
        Ok(Dataset { shape, inputs, targets, _piece: None })
    }

    /// The memory that a dataset with room for `shape.samples` takes.
    pub fn footprint(shape: DataShape) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(shape, &mut carver)?;
        carver.layout()
    }

    /// No samples yet, and room for `shape.samples`. [`Error::Invalid`] for no
    /// inputs.
    pub fn new(shape: DataShape, memory: impl Allocator<'m>) -> Result<Dataset<'m>> {
        Dataset::in_piece(shape, memory.allocate(Dataset::footprint(shape)?)?)
    }

    pub(crate) fn in_piece(shape: DataShape, piece: Piece<'m>) -> Result<Dataset<'m>> {
        let mut dataset = Dataset::full(shape, piece)?;
        dataset.shape.samples = 0;
        Ok(dataset)
    }

    /// As many samples as the shape says, all zeros.
    fn full(shape: DataShape, mut piece: Piece<'m>) -> Result<Dataset<'m>> {
        let needed = Dataset::footprint(shape)?;
        let (inputs, targets) = carve(shape, &mut piece.carver(needed)?)?;
        Ok(Dataset { shape, inputs, targets, _piece: Some(piece) })
    }

    /// The memory that the samples of a file take.
    pub fn load_footprint(table: &impl Table) -> Result<Layout> {
        Dataset::footprint(table.shape())
    }

    /// The samples of a file: [`FannData`], [`Csv`] or [`Idx`]. Their errors,
    /// and [`Error::NnNotFinite`] for NaN or infinity in it.
    pub fn load(table: &impl Table, memory: impl Allocator<'m>) -> Result<Dataset<'m>> {
        Dataset::load_in_piece(table, memory.allocate(Dataset::load_footprint(table)?)?)
    }

    pub(crate) fn load_in_piece(table: &impl Table, piece: Piece<'m>) -> Result<Dataset<'m>> {
        let mut dataset = Dataset::full(table.shape(), piece)?;
        table.fill(dataset.inputs.own()?, dataset.targets.own()?)?;
        Ok(dataset)
    }

    /// How many samples there are, of how many numbers.
    pub fn shape(&self) -> DataShape {
        self.shape
    }

    /// How many samples there is room for; those there are, if they are lent.
    pub fn capacity(&self) -> usize {
        self.inputs.len() / self.shape.inputs
    }

    /// Whether its numbers are lent and so cannot be changed.
    pub fn is_read_only(&self) -> bool {
        matches!(self.inputs, Held::InPlace(_))
    }

    /// Where its numbers lie, and its room for more.
    pub(crate) fn memory(&self) -> [&[f32]; 2] {
        [&self.inputs, &self.targets]
    }

    /// All inputs, row by row.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs[..self.shape.samples * self.shape.inputs]
    }

    /// All targets, row by row.
    pub fn targets(&self) -> &[f32] {
        &self.targets[..self.shape.samples * self.shape.outputs]
    }

    /// Its own numbers, to write.
    fn own(&mut self) -> Result<(&mut [f32], &mut [f32])> {
        let DataShape { samples, inputs, outputs } = self.shape;
        let (all, wanted) = (self.inputs.own()?, self.targets.own()?);
        Ok((&mut all[..samples * inputs], &mut wanted[..samples * outputs]))
    }

    /// Inputs and targets of one sample, if there is one at `index`.
    pub fn sample(&self, index: usize) -> Option<(&[f32], &[f32])> {
        let DataShape { samples, inputs, outputs } = self.shape;
        (index < samples).then(|| {
            (&self.inputs[index * inputs..][..inputs], &self.targets[index * outputs..][..outputs])
        })
    }

    /// The samples, to train with. Each counts once.
    pub fn data(&self) -> Data<'_> {
        Data { inputs: self.inputs(), targets: self.targets(), weights: None }
    }

    /// Adds samples behind the others: whole rows of inputs and as many of
    /// targets. [`Error::Length`], [`Error::ReadOnly`], [`Error::Capacity`] if
    /// there is not room for all: nothing is changed then.
    pub fn append(&mut self, inputs: &[f32], targets: &[f32]) -> Result<()> {
        let DataShape { samples, inputs: inputs_each, outputs } = self.shape;
        let more = Dataset::over(inputs, targets, inputs_each, outputs)?.shape.samples;
        let (all, wanted) = (self.inputs.own()?, self.targets.own()?);
        let (at, goal) = (samples * inputs_each, samples * outputs);
        let place = all.get_mut(at..at + inputs.len()).ok_or(Error::Capacity)?;
        place.copy_from_slice(inputs);
        wanted[goal..goal + targets.len()].copy_from_slice(targets);
        self.shape.samples += more;
        Ok(())
    }

    /// Some of the samples, where they are. [`Error::Invalid`] if there are not
    /// so many.
    pub fn subset(&self, range: Range<usize>) -> Result<Dataset<'_>> {
        let DataShape { samples, inputs, outputs } = self.shape;
        if range.start > range.end || range.end > samples {
            return Err(Error::Invalid);
        }
        let rows = |all, each| {
            let all: &[f32] = all;
            &all[range.start * each..range.end * each]
        };
        let (some, wanted) = (rows(&self.inputs, inputs), rows(&self.targets, outputs));
        Dataset::over(some, wanted, inputs, outputs)
    }

    /// The samples before `at` and those from there on, where they are.
    /// [`Error::Invalid`] if there are fewer than `at`.
    pub fn split(&self, at: usize) -> Result<(Dataset<'_>, Dataset<'_>)> {
        let samples = self.shape.samples;
        Ok((self.subset(0..at)?, self.subset(at..samples.max(at))?))
    }

    /// Splits off this part of the samples, 0 to 1, to the nearest sample.
    /// [`Error::Invalid`] for another number.
    pub fn split_fraction(&self, part: f64) -> Result<(Dataset<'_>, Dataset<'_>)> {
        if !(0.0..=1.0).contains(&part) {
            return Err(Error::Invalid);
        }
        self.split(libm::round(part * self.shape.samples as f64) as usize)
    }

    /// The memory that [`copy`](Dataset::copy) takes.
    pub fn copy_footprint(&self) -> Result<Layout> {
        Dataset::footprint(self.shape)
    }

    /// The same samples, with numbers of their own.
    pub fn copy<'c>(&self, memory: impl Allocator<'c>) -> Result<Dataset<'c>> {
        self.copy_in_piece(memory.allocate(self.copy_footprint()?)?)
    }

    pub(crate) fn copy_in_piece<'c>(&self, piece: Piece<'c>) -> Result<Dataset<'c>> {
        let mut copy = Dataset::in_piece(self.shape, piece)?;
        copy.append(self.inputs(), self.targets())?;
        Ok(copy)
    }

    /// The memory that [`merge`](Dataset::merge) takes.
    pub fn merge_footprint(&self, other: &Dataset<'_>) -> Result<Layout> {
        Dataset::footprint(self.merged(other)?)
    }

    /// The samples of both, those of `other` behind. [`Error::NnMismatch`] if
    /// they have other numbers of inputs or targets.
    pub fn merge<'c>(
        &self,
        other: &Dataset<'_>,
        memory: impl Allocator<'c>,
    ) -> Result<Dataset<'c>> {
        self.merge_in_piece(other, memory.allocate(self.merge_footprint(other)?)?)
    }

    pub(crate) fn merge_in_piece<'c>(
        &self,
        other: &Dataset<'_>,
        piece: Piece<'c>,
    ) -> Result<Dataset<'c>> {
        let mut both = Dataset::in_piece(self.merged(other)?, piece)?;
        both.append(self.inputs(), self.targets())?;
        both.append(other.inputs(), other.targets())?;
        Ok(both)
    }

    fn merged(&self, other: &Dataset<'_>) -> Result<DataShape> {
        let samples = self.shape.samples.checked_add(other.shape.samples);
        let both = DataShape { samples: samples.ok_or(Error::Overflow)?, ..self.shape };
        let same = DataShape { samples: other.shape.samples, ..self.shape } == other.shape;
        if same { Ok(both) } else { Err(Error::NnMismatch) }
    }

    /// Brings the samples into a random order (Fisher-Yates), the same for the
    /// same seed on every machine. [`Error::ReadOnly`] if they are lent.
    pub fn shuffle(&mut self, seed: u64) -> Result<()> {
        let DataShape { samples, inputs: inputs_each, outputs } = self.shape;
        let (inputs, targets) = self.own()?;
        let mut random = Random::new(seed);
        for last in (1..samples).rev() {
            let other = random.below(last + 1);
            swap(inputs, inputs_each, (other, last));
            swap(targets, outputs, (other, last));
        }
        Ok(())
    }
}

/// Lengths of inputs and targets.
fn lengths(shape: DataShape) -> Result<(usize, usize)> {
    let len = |each| shape.samples.checked_mul(each).ok_or(Error::Overflow);
    Ok((len(shape.inputs)?, len(shape.outputs)?))
}

fn carve<'m>(shape: DataShape, carver: &mut Carver<'m>) -> Result<(Held<'m, f32>, Held<'m, f32>)> {
    if shape.inputs == 0 {
        return Err(Error::Invalid);
    }
    let (inputs, targets) = lengths(shape)?;
    Ok((Held::Own(carver.take(inputs, 0.0)?), Held::Own(carver.take(targets, 0.0)?)))
}

/// Swaps two rows, the first of which comes before the other or is it.
fn swap(rows: &mut [f32], width: usize, (first, second): (usize, usize)) {
    if first != second {
        let (before, from) = rows.split_at_mut(second * width);
        before[first * width..][..width].swap_with_slice(&mut from[..width]);
    }
}

impl core::fmt::Debug for Dataset<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Dataset").field("shape", &self.shape).finish_non_exhaustive()
    }
}
