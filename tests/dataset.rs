//! Samples: from memory and from files, and what is done to them.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Csv, CsvConfig, DataShape, Dataset, FannData, Fit, Idx, IdxConfig, Labels, Layer,
    Net, NetConfig, Scale, TrainParams, Trainer, TrainerConfig,
};
use neural_swarm::port::{Arena, Heap, Level, Logger};
use proptest::prelude::*;

#[path = "common/data.rs"]
mod data;

/// Collects log lines.
#[derive(Default)]
struct Lines(RefCell<Vec<String>>);

impl Logger for Lines {
    fn log(&self, _: Level, text: &str) {
        self.0.borrow_mut().push(text.into());
    }
}

fn shape(samples: usize, inputs: usize, outputs: usize) -> DataShape {
    DataShape { samples, inputs, outputs }
}

fn fann(text: &str) -> Result<Dataset<'static>, Error> {
    Dataset::load(&FannData::read(text.as_bytes(), None)?, Heap)
}

fn csv(text: &str, config: &CsvConfig<'_>) -> Result<Dataset<'static>, Error> {
    Dataset::load(&Csv::read(text.as_bytes(), config)?, Heap)
}

fn idx(inputs: &[u8], targets: &[u8], classes: usize) -> Result<Dataset<'static>, Error> {
    let config = IdxConfig { scale: 1.0, classes, logger: None };
    Dataset::load(&Idx::read(inputs, targets, &config)?, Heap)
}

/// The log lines of a reader that refuses.
fn said<T>(read: impl FnOnce(&Lines) -> Result<T, Error>, error: Error) -> String {
    let lines = Lines::default();
    assert_eq!(read(&lines).err(), Some(error));
    lines.0.take().join("\n")
}

fn saved(data: &Dataset<'_>) -> String {
    let mut bytes = vec![0; data.fann_len().unwrap()];
    assert_eq!(data.save_fann(&mut bytes), Ok(bytes.len()));
    let short = bytes.len() - 1;
    assert_eq!(data.save_fann(&mut vec![0; short]), Err(Error::BufferTooSmall));
    String::from_utf8(bytes).unwrap()
}

fn saved_csv(data: &Dataset<'_>, delimiter: u8) -> String {
    let mut bytes = vec![0; data.csv_len(delimiter).unwrap()];
    assert_eq!(data.save_csv(&mut bytes, delimiter), Ok(bytes.len()));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn memory_is_lent_and_not_copied() {
    let (inputs, targets) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [10.0, 20.0, 30.0]);
    let mut data = Dataset::over(&inputs, &targets, 2, 1).unwrap();
    assert_eq!((data.shape(), data.capacity()), (shape(3, 2, 1), 3));
    assert_eq!(data.inputs().as_ptr(), inputs.as_ptr());
    assert_eq!(data.data().targets.as_ptr(), targets.as_ptr());
    assert_eq!(data.sample(1), Some((&inputs[2..4], &targets[1..2])));
    assert_eq!(data.sample(3), None);
    let (first, rest) = data.split(1).unwrap();
    assert_eq!((first.inputs(), rest.inputs()), (&inputs[..2], &inputs[2..]));
    assert_eq!((first.targets(), rest.targets()), (&targets[..1], &targets[1..]));
    assert_eq!(rest.inputs().as_ptr(), inputs[2..].as_ptr());
    drop((first, rest));
    assert_eq!(data.subset(3..3).unwrap().shape().samples, 0);
    assert_eq!(data.split_fraction(0.5).unwrap().0.shape().samples, 2);
    for bad in [f64::NAN, -0.1, 1.1] {
        assert_eq!(data.split_fraction(bad).err(), Some(Error::Invalid));
    }
    assert_eq!(data.split(4).err(), Some(Error::Invalid));
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = 2..1;
    assert_eq!(data.subset(backwards).err(), Some(Error::Invalid));
    assert_eq!(data.shuffle(1), Err(Error::ReadOnly));
    assert_eq!(data.append(&[1.0, 2.0], &[1.0]), Err(Error::ReadOnly));
    assert_eq!(data.scale_column(0, Scale::NONE), Err(Error::ReadOnly));
    for (i, t, n, m, error) in [
        (6, 3, 4, 2, Error::Length),
        (6, 3, 2, 2, Error::Length),
        (6, 3, 2, 0, Error::Length),
        (6, 3, 0, 1, Error::Invalid),
        (6, 3, 2, usize::MAX, Error::Overflow),
    ] {
        let made = Dataset::over(&inputs[..i], &targets[..t], n, m).err();
        assert!(made == Some(error) || made == Some(Error::Length), "{made:?}");
    }
    let without = Dataset::over(&inputs, &[], 3, 0).unwrap();
    assert_eq!(without.sample(1), Some((&inputs[3..], &[][..])));
}

#[test]
fn samples_are_added_until_it_is_full() {
    let mut memory = [MaybeUninit::uninit(); 256];
    let arena = Arena::new(&mut memory);
    let mut data = Dataset::new(shape(3, 2, 1), &arena).unwrap();
    assert_eq!((data.shape().samples, data.capacity()), (0, 3));
    data.append(&[1.0, 2.0], &[3.0]).unwrap();
    data.append(&[4.0, 5.0, 6.0, 7.0], &[8.0, 9.0]).unwrap();
    assert_eq!(data.append(&[1.0, 2.0], &[3.0]), Err(Error::Capacity));
    assert_eq!(data.append(&[1.0], &[3.0]), Err(Error::Length));
    assert_eq!(data.append(&[1.0, 2.0], &[]), Err(Error::Length));
    assert_eq!(data.inputs(), [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(data.targets(), [3.0, 8.0, 9.0]);
    assert_eq!(Dataset::new(shape(100, 2, 1), &arena).err(), Some(Error::OutOfMemory));
    assert_eq!(Dataset::footprint(shape(1, 0, 1)).err(), Some(Error::Invalid));
    for huge in [shape(usize::MAX, 2, 1), shape(usize::MAX / 8, 1, 1), shape(3, 1, usize::MAX)] {
        assert_eq!(Dataset::footprint(huge).err(), Some(Error::Overflow));
    }
}

#[test]
fn merged_samples_stand_behind_each_other() {
    let a = Dataset::over(&[1.0, 2.0], &[3.0], 2, 1).unwrap();
    let b = Dataset::over(&[4.0, 5.0, 6.0, 7.0], &[8.0, 9.0], 2, 1).unwrap();
    let both = a.merge(&b, Heap).unwrap();
    assert_eq!(both.inputs(), [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(both.targets(), [3.0, 8.0, 9.0]);
    let mut copy = b.copy(Heap).unwrap();
    assert_eq!((copy.inputs(), copy.targets()), (b.inputs(), b.targets()));
    copy.shuffle(1).unwrap();
    let other = Dataset::over(&[1.0, 2.0], &[3.0, 4.0], 1, 2).err();
    assert_eq!(other, Some(Error::Length));
    let other = Dataset::over(&[1.0, 2.0], &[3.0, 4.0], 1, 1).unwrap();
    assert_eq!(a.merge(&other, Heap).err(), Some(Error::NnMismatch));
}

#[test]
fn fann_text_is_read_as_libfann_reads_it() {
    let xor = fann("4 2 1\n-1 -1\n-1\n-1 1\n1\n1 -1\n1\n1 1\n-1\n").unwrap();
    assert_eq!(xor.shape(), shape(4, 2, 1));
    assert_eq!(xor.inputs(), [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]);
    assert_eq!(xor.targets(), [-1.0, 1.0, 1.0, -1.0]);
    // Any white space will do.
    let odd = fann("\r\n2\t2\n1 1.5e-3\r\n\x0b-.5 +7.\x0c 1E2 0\n\n3").unwrap();
    assert_eq!((odd.inputs(), odd.targets()), (&[1.5e-3, -0.5, 1e2, 0.0][..], &[7.0, 3.0][..]));
    assert_eq!(fann("1 2 0 5 6").unwrap().shape(), shape(1, 2, 0));
}

#[test]
fn broken_fann_text_is_refused_with_its_line() {
    for (text, error, line) in [
        ("", Error::DataHeader, "line 1: "),
        ("4 2", Error::DataHeader, "line 1: "),
        ("4 -2 1\n1 1 1", Error::DataHeader, "-2"),
        ("\n4 x 1\n1 1 1", Error::DataHeader, "line 2: "),
        ("0 2 1", Error::DataHeader, "line 1: "),
        ("1 0 1 1", Error::DataHeader, "line 1: "),
        ("2 2 1\n1 2\n3\n4 5\n", Error::DataTruncated, "line "),
        ("2 2 1\n1.5 2.5\n3.5\n4 5\n", Error::DataTruncated, "line 5: "),
        ("1000000000 1000000 1\n1 2 3", Error::DataTruncated, "line 1: "),
        ("18446744073709551615 2 1\n1 2 3", Error::DataTruncated, "line 1: "),
        ("99999999999999999999 2 1\n1 2 3", Error::DataHeader, "line 1: "),
        ("1 2 1\n1 2\n3\n4\n", Error::DataLength, "line 4: "),
        ("2 1 1\n1\n2\n3,5\n4\n", Error::DataNumber, "line 4: "),
        ("1 1 1\nnan 1", Error::NnNotFinite, "line 2: "),
        ("1 1 1\n1\n-inf", Error::NnNotFinite, "line 3: "),
        ("1 1 1\n1e39 1", Error::NnNotFinite, "1e39"),
        ("1 1 1\n\u{fffd} 1", Error::DataNumber, "line 2: "),
    ] {
        let read = |lines: &Lines| {
            let file = FannData::read(text.as_bytes(), Some(lines))?;
            Dataset::load(&file, Heap).map(|_| ())
        };
        let lines = said(read, error);
        assert!(lines.contains(line), "{text:?}: {lines}");
    }
    let binary = FannData::read(b"1 1 1\n\xff\xfe 1", None).unwrap();
    assert_eq!(Dataset::load(&binary, Heap).err(), Some(Error::DataNumber));
}

#[test]
fn csv_columns_are_chosen() {
    let text = "a,b,c\r\n1, 2 ,3\r\n\r\n\" 4 \",5e0,\"6\"\n   \n7,8,9";
    let config = CsvConfig { header: true, ..CsvConfig::default() };
    let data = csv(text, &config).unwrap();
    assert_eq!(data.inputs(), [1.0, 2.0, 4.0, 5.0, 7.0, 8.0]);
    assert_eq!(data.targets(), [3.0, 6.0, 9.0]);
    let two = csv(text, &CsvConfig { last: 2, ..config }).unwrap();
    assert_eq!((two.inputs()[1], two.targets()), (4.0, &[2.0, 3.0, 5.0, 6.0, 8.0, 9.0][..]));
    let none = csv(text, &CsvConfig { last: 0, ..config }).unwrap();
    assert_eq!(none.shape(), shape(3, 3, 0));
    let first = csv(text, &CsvConfig { targets: &[0], ..config }).unwrap();
    assert_eq!((first.inputs()[0], first.targets()[0]), (2.0, 1.0));
    let some = csv(text, &CsvConfig { targets: &[0], inputs: &[2], ..config }).unwrap();
    assert_eq!((some.inputs(), some.targets()), (&[3.0, 6.0, 9.0][..], &[1.0, 4.0, 7.0][..]));
    let tabs = csv("\u{feff}1\t2\n", &CsvConfig { delimiter: b'\t', ..CsvConfig::default() });
    assert_eq!(tabs.unwrap().inputs(), [1.0]);
    // Columns that are not chosen may hold anything.
    let config = CsvConfig { delimiter: b';', inputs: &[2], targets: &[3], ..config };
    let config = CsvConfig { header: false, ..config };
    let text = "x;\"a \"\"b\"\";\nc\";1;2\ny;;3;4\n";
    assert_eq!(csv(text, &config).unwrap().targets(), [2.0, 4.0]);
    assert_eq!(csv("x;\"a \"b\";1;2\n", &config).err(), Some(Error::DataRow));
}

#[test]
fn csv_labels_become_classes() {
    let config = CsvConfig { labels: Labels::Classes(3), ..CsvConfig::default() };
    let data = csv("0.5,2\n1.5,0\n2.5,1.0\n", &config).unwrap();
    assert_eq!(data.targets(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    for bad in ["1,3", "1,-1", "1,0.5", "1,1e30"] {
        assert_eq!(csv(bad, &config).err(), Some(Error::DataLabel), "{bad}");
    }
    let names = Labels::Names("cat, \"small, \"\"wild\"\" cat\",dog");
    let config = CsvConfig { labels: names, ..CsvConfig::default() };
    let text = "1,dog\n2,\"small, \"\"wild\"\" cat\"\n3, \"cat\" \n";
    assert_eq!(
        csv(text, &config).unwrap().targets(),
        [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    );
    let log = Lines::default();
    let config = CsvConfig { logger: Some(&log), ..config };
    assert_eq!(csv("1,dog\n2,cow\n", &config).err(), Some(Error::DataLabel));
    let line = log.0.borrow().join("");
    assert!(line.starts_with("line 2: ") && line.ends_with(": cow"), "{line}");
}

#[test]
fn broken_csv_is_refused_with_its_line() {
    let config = CsvConfig::default();
    for (text, error, line) in [
        ("", Error::DataHeader, "line 1: "),
        ("\n \r\n", Error::DataHeader, "no rows"),
        ("1,2\n3\n", Error::DataRow, "line 2: "),
        ("1,2\n\n3,4,5\n", Error::DataRow, "line 3: "),
        ("1,\"2\n", Error::DataRow, "quotes"),
        ("1,2\n1,\"2\"3\n", Error::DataRow, "line 2: "),
        ("1,2\n\"3\n\",x\n", Error::DataNumber, "line 3: "),
        ("1,2\n3,\n", Error::DataNumber, "line 2: "),
        ("1,NaN\n", Error::NnNotFinite, "line 1: "),
        ("1\n2\n", Error::DataHeader, "no inputs"),
    ] {
        let read = |lines: &Lines| {
            let config = CsvConfig { logger: Some(lines), ..config };
            let file = Csv::read(text.as_bytes(), &config)?;
            Dataset::load(&file, Heap).map(|_| ())
        };
        let lines = said(read, error);
        assert!(lines.contains(line), "{text:?}: {lines}");
    }
    for (bad, error) in [
        (CsvConfig { delimiter: b'"', ..config }, Error::Invalid),
        (CsvConfig { delimiter: b'\n', ..config }, Error::Invalid),
        (CsvConfig { delimiter: 200, ..config }, Error::Invalid),
        (CsvConfig { inputs: &[1, 1], ..config }, Error::Invalid),
        (CsvConfig { targets: &[1, 0], ..config }, Error::Invalid),
        (CsvConfig { targets: &[3], ..config }, Error::DataHeader),
        (CsvConfig { last: 4, ..config }, Error::DataHeader),
        (CsvConfig { last: 2, labels: Labels::Classes(2), ..config }, Error::Invalid),
        (CsvConfig { labels: Labels::Classes(0), ..config }, Error::Invalid),
        (CsvConfig { labels: Labels::Names(" "), ..config }, Error::Invalid),
        (CsvConfig { labels: Labels::Names("\"a"), ..config }, Error::DataRow),
        (CsvConfig { labels: Labels::Classes(usize::MAX), ..config }, Error::Overflow),
    ] {
        assert_eq!(csv("1,2,3\n", &bad).err(), Some(error));
    }
}

/// An IDX file.
fn idx_file(kind: u8, dims: &[u32], numbers: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|d| d.to_be_bytes()).collect();
    [&[0, 0, kind, (dims.len() / 4) as u8], &dims[..], numbers].concat()
}

#[test]
fn idx_numbers_of_every_type_are_read() {
    for (kind, numbers, want) in [
        (0x08, vec![0, 127, 128, 255], [0.0, 127.0, 128.0, 255.0]),
        (0x09, vec![0, 127, 128, 255], [0.0, 127.0, -128.0, -1.0]),
        (
            0x0b,
            [0i16, 300, -300, i16::MIN].map(i16::to_be_bytes).concat(),
            [0.0, 300.0, -300.0, -32768.0],
        ),
        (
            0x0c,
            [0i32, 70000, -70000, 1].map(i32::to_be_bytes).concat(),
            [0.0, 70000.0, -70000.0, 1.0],
        ),
        (0x0d, [0f32, 0.1, -1e30, 5.0].map(f32::to_be_bytes).concat(), [0.0, 0.1, -1e30, 5.0]),
        (0x0e, [0f64, 0.1, -1e30, 5.0].map(f64::to_be_bytes).concat(), [0.0, 0.1, -1e30, 5.0]),
    ] {
        let file = idx_file(kind, &[2, 1, 2], &numbers);
        let data = idx(&file, &file, 0).unwrap();
        assert_eq!((data.shape(), data.inputs()), (shape(2, 2, 2), &want[..]), "{kind:x}");
        assert_eq!(data.targets(), want);
    }
    let (images, labels) = (idx_file(8, &[3, 2], &[0, 51, 102, 153, 204, 255]), [2, 0, 1]);
    let labels = idx_file(8, &[3], &labels);
    let data = Dataset::load(&Idx::read(&images, &labels, &IdxConfig::MNIST).unwrap(), Heap);
    let data = data.unwrap();
    assert_eq!(data.shape(), shape(3, 2, 10));
    assert!((data.inputs()[1] - 0.2).abs() < 1e-7 && data.inputs()[5] == 1.0);
    let ones: Vec<usize> = (0..30).filter(|i| data.targets()[*i] == 1.0).collect();
    assert_eq!(ones, [2, 10, 21]);
    assert_eq!(data.targets().iter().sum::<f32>(), 3.0);
    assert_eq!(idx(&images, &[], 10).unwrap().shape(), shape(3, 2, 0));
}

#[test]
fn broken_idx_is_refused() {
    let good = idx_file(8, &[2, 2], &[1, 2, 3, 4]);
    let labels = idx_file(8, &[2], &[0, 1]);
    let huge = idx_file(0x0e, &[u32::MAX; 5], &[0; 64]);
    for (inputs, targets, classes, error) in [
        (&good[..3], &[][..], 0, Error::DataHeader),
        (b"\x1f\x8b\x08\x00rest", &[], 0, Error::DataHeader),
        (&idx_file(10, &[1], &[1]), &[], 0, Error::DataHeader),
        (&idx_file(8, &[], &[1]), &[], 0, Error::DataHeader),
        (&idx_file(8, &[0, 2], &[]), &[], 0, Error::DataHeader),
        (&idx_file(8, &[u32::MAX, 0], &[]), &[], 0, Error::DataHeader),
        (&good[..10], &[], 0, Error::DataTruncated),
        (&good[..good.len() - 1], &[], 0, Error::DataTruncated),
        (&huge, &[], 0, Error::DataTruncated),
        (&[&good[..], &[0]].concat(), &[], 0, Error::DataLength),
        (&good, &idx_file(8, &[3], &[0, 1, 2]), 3, Error::DataLength),
        (&good, &good, 3, Error::DataLength),
        (&good, &labels, 1, Error::DataLabel),
        (&good, &idx_file(9, &[2], &[0, 255]), 3, Error::DataLabel),
        (&idx_file(13, &[1], &f32::NAN.to_be_bytes()), &[], 0, Error::NnNotFinite),
        (&idx_file(14, &[1], &1e300f64.to_be_bytes()), &[], 0, Error::NnNotFinite),
    ] {
        assert_eq!(idx(inputs, targets, classes).err(), Some(error), "{inputs:?} {targets:?}");
    }
    let read = |lines: &Lines| {
        let config = IdxConfig { logger: Some(lines), ..IdxConfig::default() };
        Idx::read(b"\x1f\x8b\x08\x00rest", &[], &config).map(|_| ())
    };
    assert!(said(read, Error::DataHeader).contains("gzip"));
    let bad = IdxConfig { scale: f32::INFINITY, ..IdxConfig::default() };
    assert_eq!(Idx::read(&good, &[], &bad).err(), Some(Error::Invalid));
}

#[test]
fn columns_are_measured_and_scaled() {
    let inputs = [1.0, 5.0, 2.0, 5.0, 3.0, 5.0, 6.0, 5.0];
    let lent = Dataset::over(&inputs, &[-10.0, 0.0, 10.0, 40.0], 2, 1).unwrap();
    let column = lent.column(0).unwrap();
    assert_eq!((column.min, column.max, column.mean), (1.0, 6.0, 3.0));
    assert!((column.deviation - 3.5f32.sqrt()).abs() < 1e-6);
    assert_eq!(lent.column(2).unwrap().max, 40.0);
    assert_eq!(lent.column(3), None);

    let layers = [Layer::new(1, Activation::Linear)];
    let config = NetConfig { scaling: true, ..NetConfig::new(2, &layers) };
    let mut net = Net::new(&config, Heap).unwrap();
    lent.fit_scales(&mut net, Fit::Range(-1.0, 1.0), Some(Fit::Standard)).unwrap();
    let mut data = lent.copy(Heap).unwrap();
    data.scale(&net).unwrap();
    let first: Vec<f32> = data.inputs().iter().step_by(2).copied().collect();
    assert!(first.iter().zip([-1.0, -0.6, -0.2, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6));
    // All the same: the middle of the range.
    assert!(data.inputs().iter().skip(1).step_by(2).all(|x| *x == 0.0));
    let after = data.column(2).unwrap();
    assert!(after.mean.abs() < 1e-6 && (after.deviation - 1.0).abs() < 1e-6, "{after:?}");
    data.unscale(&net).unwrap();
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
    assert!(data.inputs().iter().zip(&inputs).all(near));
    assert!(data.targets().iter().zip(lent.targets()).all(near));

    // FANN's way: the deviation at the ends.
    lent.fit_scales(&mut net, Fit::Spread(0.0, 1.0), None).unwrap();
    let mut by_net = net.copy(Heap).unwrap();
    by_net.fit_input_scales(lent.inputs(), 0.0, 1.0).unwrap();
    by_net.fit_output_scales(lent.targets(), 0.0, 1.0).unwrap();
    assert!(net.scales().take(2).eq(by_net.scales().take(2)));
    assert_ne!(net.scales().nth(2), by_net.scales().nth(2));

    let scale = Fit::Range(0.0, 1.0).scale(data.column(0).unwrap()).unwrap();
    data.scale_column(0, scale).unwrap();
    let column = data.column(0).unwrap();
    assert!((column.min, column.max) == (0.0, 1.0) && data.column(1).unwrap().min == 5.0);
    assert_eq!(data.scale_column(3, scale), Err(Error::Invalid));
    let nothing = Scale { deviation: f32::NAN, ..scale };
    assert_eq!(data.scale_column(0, nothing), Err(Error::Invalid));
}

#[test]
fn scaling_refuses_what_does_not_fit() {
    let layers = [Layer::new(1, Activation::Linear)];
    let make = |inputs, scaling| {
        Net::new(&NetConfig { scaling, ..NetConfig::new(inputs, &layers) }, Heap).unwrap()
    };
    let (inputs, targets) = ([1.0, 2.0, 3.0, f32::NAN], [1.0, 2.0]);
    let good = Dataset::over(&inputs[..2], &targets, 1, 1).unwrap();
    let bad = Dataset::over(&inputs, &targets, 2, 1).unwrap();
    let fit = |data: &Dataset<'_>, net: &mut Net<'_>, to| data.fit_scales(net, to, Some(to));
    let (unit, net) = (Fit::Range(0.0, 1.0), &mut make(1, true));
    assert_eq!(fit(&good, net, unit), Ok(()));
    let before: Vec<Scale> = net.scales().collect();
    assert_eq!(fit(&bad, net, unit), Err(Error::NnMismatch));
    assert_eq!(fit(&bad, &mut make(2, true), Fit::Standard), Err(Error::NnNotFinite));
    assert_eq!(fit(&bad, &mut make(2, true), unit), Err(Error::NnNotFinite));
    assert_eq!(fit(&good, &mut make(1, false), unit), Err(Error::Unsupported));
    assert_eq!(fit(&good.subset(0..0).unwrap(), net, unit), Err(Error::Length));
    for to in [Fit::Range(1.0, 1.0), Fit::Spread(2.0, 1.0), Fit::Range(0.0, f32::INFINITY)] {
        assert_eq!(fit(&good, net, to), Err(Error::Invalid));
    }
    assert!(net.scales().eq(before));
    let mut own = good.copy(Heap).unwrap();
    assert_eq!(own.scale(&make(1, false)), Err(Error::Unsupported));
    assert_eq!(own.scale(&make(2, true)), Err(Error::NnMismatch));
    let mut lent = good.subset(0..2).unwrap();
    assert_eq!(lent.scale(net), Err(Error::ReadOnly));
}

#[test]
fn a_dataset_trains_a_network() {
    let mut data = fann("4 2 1\n0 0\n0\n0 1\n1\n1 0\n1\n1 1\n0\n").unwrap();
    data.shuffle(3).unwrap();
    let layers = [Layer::new(4, Activation::Tanh), Layer::new(1, Activation::Sigmoid)];
    let mut net = Net::new(&NetConfig::new(2, &layers).seed(1), Heap).unwrap();
    let mut trainer = Trainer::new(&TrainerConfig::default(), &net, Heap).unwrap();
    let report = trainer.train(&mut net, data.data(), TrainParams::epochs(500)).unwrap();
    assert!(report.loss < 0.01, "{report:?}");
}

#[test]
fn libfanns_own_data_sets_are_read_and_written() {
    let Some(folder) = data::find("fann") else { return };
    for (name, want) in [
        ("xor.data", shape(4, 2, 1)),
        ("diabetes.train", shape(384, 8, 2)),
        ("mushroom.test", shape(4062, 125, 2)),
        ("parity8.train", shape(256, 8, 1)),
        ("robot.test", shape(594, 48, 3)),
        ("robot.train", shape(374, 48, 3)),
        ("thyroid.train", shape(3600, 21, 3)),
        ("two-spiral.train", shape(193, 2, 1)),
    ] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let data = fann(&text).unwrap();
        assert_eq!(data.shape(), want, "{name}");
        let numbers: Vec<f32> =
            text.split_whitespace().skip(3).map(|word| word.parse().unwrap()).collect();
        let each = want.inputs + want.outputs;
        for (i, row) in numbers.chunks(each).enumerate() {
            assert_eq!(data.sample(i), Some(row.split_at(want.inputs)), "{name} {i}");
        }
        let again = fann(&saved(&data)).unwrap();
        assert_eq!((again.inputs(), again.targets()), (data.inputs(), data.targets()), "{name}");
    }
}

#[test]
fn mnist_is_read() {
    let Some(folder) = data::find("mnist") else { return };
    let unpacked = |name: &str| data::unzipped(&folder.join(name));
    let images = unpacked("t10k-images-idx3-ubyte.gz");
    let labels = unpacked("t10k-labels-idx1-ubyte.gz");
    let file = Idx::read(&images, &labels, &IdxConfig::MNIST).unwrap();
    let data = Dataset::load(&file, Heap).unwrap();
    assert_eq!(data.shape(), shape(10_000, 784, 10));
    assert!(data.targets().chunks(10).all(|row| row.iter().sum::<f32>() == 1.0));
    // The mean pixel of the test images is known to be 0.1325, and how many
    // ones there are.
    let mean = data.inputs().iter().map(|x| f64::from(*x)).sum::<f64>() / 7_840_000.0;
    assert!((mean - 0.1325).abs() < 0.0001, "{mean}");
    assert_eq!(data.targets().iter().skip(1).step_by(10).sum::<f32>(), 1135.0);
    assert_eq!(data.targets()[..10].iter().position(|x| *x == 1.0), Some(7));
}

prop_compose! {
    fn samples()(inputs in 1usize..5, outputs in 0usize..4, samples in 1usize..20)
        (numbers in prop::collection::vec(
            prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
            samples * (inputs + outputs),
        ), inputs in Just(inputs), outputs in Just(outputs), samples in Just(samples))
        -> (Vec<f32>, Vec<f32>, DataShape) {
        let (a, b) = numbers.split_at(samples * inputs);
        (a.to_vec(), b.to_vec(), shape(samples, inputs, outputs))
    }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same((inputs, targets, shape) in samples()) {
        let data = Dataset::over(&inputs, &targets, shape.inputs, shape.outputs).unwrap();
        let again = fann(&saved(&data)).unwrap();
        prop_assert_eq!(again.shape(), shape);
        prop_assert_eq!(bits(again.inputs()), bits(&inputs));
        prop_assert_eq!(bits(again.targets()), bits(&targets));
        for delimiter in [b',', b';', b'\t', b' '] {
            let text = saved_csv(&data, delimiter);
            let config = CsvConfig { delimiter, last: shape.outputs, ..CsvConfig::default() };
            let again = csv(&text, &config).unwrap();
            prop_assert_eq!(again.shape(), shape);
            prop_assert_eq!(bits(again.inputs()), bits(&inputs));
            prop_assert_eq!(bits(again.targets()), bits(&targets));
        }
    }

    #[test]
    fn shuffling_keeps_samples_together(count in 1usize..40, outputs in 0usize..3, seed: u64) {
        let inputs: Vec<f32> = (0..2 * count).map(|i| i as f32).collect();
        let targets: Vec<f32> = (0..outputs * count).map(|i| (i / outputs) as f32).collect();
        let lent = Dataset::over(&inputs, &targets, 2, outputs).unwrap();
        let mut data = lent.copy(Heap).unwrap();
        data.shuffle(seed).unwrap();
        let mut seen = vec![false; count];
        for i in 0..count {
            let (x, y) = data.sample(i).unwrap();
            let at = x[0] as usize / 2;
            prop_assert!(x[1] == x[0] + 1.0 && y.iter().all(|y| *y as usize == at));
            prop_assert!(!std::mem::replace(&mut seen[at], true));
        }
        let mut again = lent.copy(Heap).unwrap();
        again.shuffle(seed).unwrap();
        prop_assert_eq!(data.inputs(), again.inputs());
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(prop::sample::select(b"0123456789 ,;.-+e\"\n\r\tna".to_vec()), 0..200),
        last in 0usize..3,
        header: bool,
    ) {
        if let Ok(file) = FannData::read(&bytes, None) {
            let layout = Dataset::load_footprint(&file).unwrap();
            prop_assert!(layout.size() <= 2 * bytes.len() + 64);
            let _ = Dataset::load(&file, Heap);
        }
        let config = CsvConfig { last, header, ..CsvConfig::default() };
        if let Ok(file) = Csv::read(&bytes, &config) {
            prop_assert!(Dataset::load_footprint(&file).unwrap().size() <= 4 * bytes.len() + 64);
            let _ = Dataset::load(&file, Heap);
        }
    }
}

#[test]
fn shuffles_are_even() {
    // Each of 5 samples should be first about equally often: chi-square with 4
    // degrees of freedom, far beyond the 99.99 % point.
    let numbers = [0.0, 1.0, 2.0, 3.0, 4.0];
    let lent = Dataset::over(&numbers, &[], 1, 0).unwrap();
    let mut counts = [0f64; 5];
    for seed in 0..5000 {
        let mut data = lent.copy(Heap).unwrap();
        data.shuffle(seed).unwrap();
        counts[data.inputs()[0] as usize] += 1.0;
    }
    let chi: f64 = counts.iter().map(|c| (c - 1000.0) * (c - 1000.0) / 1000.0).sum();
    assert!(chi < 30.0, "{counts:?}");
}
