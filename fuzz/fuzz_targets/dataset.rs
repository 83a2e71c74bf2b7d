//! Any bytes as samples: FANN's text, CSV and IDX. What is read is the same when
//! it is written and read again, and takes memory in proportion to the file. The
//! first byte chooses the format, the second its settings.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::nn::{Csv, CsvConfig, Dataset, FannData, Idx, IdxConfig, Labels, Scale, Table};
use neural_swarm::port::Heap;

fuzz_target!(|input: &[u8]| {
    let [format, how, rest @ ..] = input else { return };
    match format % 3 {
        0 => {
            if let Ok(file) = FannData::read(rest, None) {
                check(&file, 2 * rest.len());
            }
        }
        1 => csv(*how, rest),
        _ => idx(*how, rest),
    }
});

fn csv(how: u8, text: &[u8]) {
    let labels = match how & 3 {
        0 | 1 => Labels::Numbers,
        2 => Labels::Classes(3),
        _ => Labels::Names("cat,\"d\"\"og\",7"),
    };
    let config = CsvConfig {
        delimiter: [b',', b';', b'\t', b' '][usize::from(how >> 2 & 3)],
        header: how & 16 != 0,
        inputs: if how & 32 != 0 { &[0, 2] } else { &[] },
        targets: if how & 64 != 0 { &[1] } else { &[] },
        last: usize::from(how >> 7) + usize::from(labels != Labels::Numbers && how < 128),
        labels,
        logger: None,
    };
    if let Ok(file) = Csv::read(text, &config) {
        // Three classes in the place of a field.
        check(&file, 16 * text.len() + 16);
    }
}

fn idx(how: u8, bytes: &[u8]) {
    let at = bytes.len() * usize::from(how >> 2) / 63;
    let (inputs, targets) = bytes.split_at(at);
    let config = IdxConfig { scale: 0.5, classes: usize::from(how & 3), logger: None };
    if let Ok(file) = Idx::read(inputs, targets, &config) {
        check(&file, 16 * bytes.len());
    }
}

fn check(table: &impl Table, most: usize) {
    let layout = Dataset::load_footprint(table).expect("what is read has a footprint");
    assert!(layout.size() <= most + 128, "{layout:?}");
    let Ok(mut data) = Dataset::load(table, Heap) else { return };
    let shape = data.shape();
    assert_eq!(shape, table.shape());
    let mut text = vec![0; data.fann_len().unwrap()];
    assert_eq!(data.save_fann(&mut text), Ok(text.len()));
    same(&data, &Dataset::load(&FannData::read(&text, None).unwrap(), Heap).unwrap());
    let mut text = vec![0; data.csv_len(b';').unwrap()];
    assert_eq!(data.save_csv(&mut text, b';'), Ok(text.len()));
    let config = CsvConfig { delimiter: b';', last: shape.outputs, ..CsvConfig::default() };
    same(&data, &Dataset::load(&Csv::read(&text, &config).unwrap(), Heap).unwrap());
    data.shuffle(7).unwrap();
    data.scale_column(0, Scale { factor: 2.0, ..Scale::NONE }).unwrap();
    assert!(data.column(shape.inputs + shape.outputs).is_none());
}

fn same(a: &Dataset<'_>, b: &Dataset<'_>) {
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(a.shape(), b.shape());
    assert_eq!(bits(a.inputs()), bits(b.inputs()));
    assert_eq!(bits(a.targets()), bits(b.targets()));
}
