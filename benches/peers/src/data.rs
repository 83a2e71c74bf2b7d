//! Data sets: FANN's and MNIST where they are, else synthetic ones of the same
//! shape, which is said loudly.

#[path = "../../../tests/common/data.rs"]
mod place;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

pub use place::folder;

use crate::measure::Outcome;
use crate::spec::Random;

/// Samples with what to answer.
#[derive(Clone, Debug)]
pub struct Set {
    pub inputs: usize,
    pub outputs: usize,
    /// Rows of inputs.
    pub x: Vec<f32>,
    /// Rows of answers.
    pub y: Vec<f32>,
}

impl Set {
    pub fn samples(&self) -> usize {
        self.x.len() / self.inputs
    }

    pub fn sample(&self, i: usize) -> (&[f32], &[f32]) {
        (&self.x[i * self.inputs..][..self.inputs], &self.y[i * self.outputs..][..self.outputs])
    }

    /// Some of the samples.
    pub fn part(&self, samples: std::ops::Range<usize>) -> Set {
        Set {
            x: self.x[samples.start * self.inputs..samples.end * self.inputs].to_vec(),
            y: self.y[samples.start * self.outputs..samples.end * self.outputs].to_vec(),
            ..*self
        }
    }

    /// The samples that are not in the other set, too, inputs and answers.
    pub fn without(&self, other: &Set) -> Set {
        let key = |set: &Set, i: usize| -> Vec<u32> {
            let (x, y) = set.sample(i);
            x.iter().chain(y).map(|v| v.to_bits()).collect()
        };
        let others: HashSet<_> = (0..other.samples()).map(|i| key(other, i)).collect();
        let mut left = Set { x: Vec::new(), y: Vec::new(), ..*self };
        for i in (0..self.samples()).filter(|i| !others.contains(&key(self, *i))) {
            let (x, y) = self.sample(i);
            left.x.extend(x);
            left.y.extend(y);
        }
        left
    }

    /// Mean squared error and the part of the samples that are classified as
    /// the answers say, by a function that runs one sample.
    pub fn judge(&self, mut run: impl FnMut(&[f32], &mut [f32])) -> Score {
        let mut output = vec![0.0; self.outputs];
        let (mut squares, mut right) = (0.0, 0);
        for i in 0..self.samples() {
            let (x, y) = self.sample(i);
            run(x, &mut output);
            squares += y.iter().zip(&output).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            right += usize::from(class(y, self.low()) == class(&output, self.low()));
        }
        let samples = self.samples() as f64;
        Score { mse: squares / (samples * self.outputs as f64), accuracy: right as f64 / samples }
    }

    /// The answer that means "no": -1 in sets of -1 and 1, else 0.
    fn low(&self) -> f32 {
        self.y.iter().copied().fold(0.0, f32::min)
    }
}

/// The largest of several outputs; of one, whether it is nearer to 1.
fn class(values: &[f32], low: f32) -> usize {
    if let [one] = values {
        return usize::from(*one > f32::midpoint(low, 1.0));
    }
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0)
}

#[derive(Clone, Copy, Debug)]
pub struct Score {
    pub mse: f64,
    pub accuracy: f64,
}

/// A set to train on, one to judge by, and whether they are the real ones.
pub struct Pair {
    pub train: Set,
    pub test: Set,
    pub real: bool,
}

/// What a file holds that gzip made.
pub fn unzipped(file: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|file| flate2::read::GzDecoder::new(file).read_to_end(&mut bytes));
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(bytes)
}

/// Whether this name can only be synthetic here.
fn missing(name: &str, error: &dyn std::error::Error) {
    eprintln!("SYNTHETIC DATA instead of {name}: {error}; NSW_DATA can name the data's folder");
}

/// A data set of FANN's.
pub fn fann(name: &str, (inputs, outputs): (usize, usize)) -> Pair {
    let folder = folder().join("fann");
    let read = |part: &str| -> Outcome<Set> {
        let set = parse(&std::fs::read_to_string(folder.join(format!("{name}.{part}")))?)?;
        match (set.inputs, set.outputs) == (inputs, outputs) {
            true => Ok(set),
            false => Err(format!("{name}.{part} has another shape").into()),
        }
    };
    match read("train").and_then(|train| Ok((train, read("test")?))) {
        Ok((train, test)) => Pair { train, test, real: true },
        Err(error) => {
            missing(name, &*error);
            synthetic((inputs, outputs), 1000)
        }
    }
}

/// FANN's text: samples, inputs, outputs, then the numbers.
fn parse(text: &str) -> Outcome<Set> {
    let mut numbers = text.split_ascii_whitespace();
    let mut count = || -> Outcome<usize> { Ok(numbers.next().ok_or("no head")?.parse()?) };
    let (samples, inputs, outputs) = (count()?, count()?, count()?);
    let values: Vec<f32> = numbers.map(str::parse).collect::<Result<_, _>>()?;
    if inputs == 0 || outputs == 0 || values.len() != samples * (inputs + outputs) {
        return Err("the head does not fit the numbers".into());
    }
    let rows = values.chunks_exact(inputs + outputs);
    let x = rows.clone().flat_map(|row| &row[..inputs]).copied().collect();
    let y = rows.flat_map(|row| &row[inputs..]).copied().collect();
    Ok(Set { inputs, outputs, x, y })
}

/// Exclusive or, with -1 and 1.
pub fn xor() -> Set {
    let x = vec![-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0];
    Set { inputs: 2, outputs: 1, x, y: vec![-1.0, 1.0, 1.0, -1.0] }
}

/// MNIST's 10,000 test images: the first `train` to train, the last 2,000 to
/// judge by.
pub fn mnist(train: usize) -> Pair {
    match read_mnist() {
        Ok(all) => {
            let n = all.samples();
            Pair { train: all.part(0..train), test: all.part(n - 2000..n), real: true }
        }
        Err(error) => {
            missing("MNIST", &*error);
            let pair = synthetic((784, 10), train.max(2000));
            Pair { train: pair.train.part(0..train), ..pair }
        }
    }
}

fn read_mnist() -> Outcome<Set> {
    let read = |name: &str, head: usize| -> Outcome<Vec<u8>> {
        let mut bytes = unzipped(&folder().join("mnist").join(name))?;
        if bytes.len() < head {
            return Err(format!("{name} ends in its head").into());
        }
        Ok(bytes.split_off(head))
    };
    let images = read("t10k-images-idx3-ubyte.gz", 16)?;
    let labels = read("t10k-labels-idx1-ubyte.gz", 8)?;
    if images.len() != labels.len() * 784 || labels.len() < 10_000 {
        return Err("not 10,000 images".into());
    }
    let y = labels.iter().flat_map(|label| (0..10).map(move |c| f32::from(u8::from(c == *label))));
    Ok(Set {
        inputs: 784,
        outputs: 10,
        x: images.iter().map(|p| f32::from(*p) / 255.0).collect(),
        y: y.collect(),
    })
}

/// Clouds around one point for each class, far enough apart to be learnt.
pub fn synthetic((inputs, outputs): (usize, usize), samples: usize) -> Pair {
    let mut random = Random::new(1);
    let centres: Vec<f32> =
        (0..inputs * outputs.max(2)).map(|_| random.between(0.0, 1.0)).collect();
    let mut set = || {
        let mut set = Set { inputs, outputs, x: Vec::new(), y: Vec::new() };
        for i in 0..samples {
            let class = i % outputs.max(2);
            let centre = &centres[class * inputs..][..inputs];
            set.x.extend(centre.iter().map(|c| (c + random.between(-0.5, 0.5)).clamp(0.0, 1.0)));
            set.y.extend((0..outputs).map(|o| {
                let yes = if outputs == 1 { class == 1 } else { class == o };
                f32::from(u8::from(yes))
            }));
        }
        set
    };
    Pair { train: set(), test: set(), real: false }
}
