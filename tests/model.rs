//! Models as bytes: round trips, and everything that can be wrong with them.

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Layer, MODEL_ALIGN, Net, NetConfig, QNet, QNet16, QNet16Config, QNetConfig, Scheme,
};
use neural_swarm::port::Heap;
use proptest::prelude::*;

/// Bytes at an address that models need, and one that they must not have.
struct Aligned {
    words: Vec<u32>,
    len: usize,
}

impl Aligned {
    fn new(bytes: &[u8]) -> Aligned {
        let mut words = vec![0u32; bytes.len().div_ceil(4) + 1];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Aligned { words, len: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

fn small_net() -> Net<'static> {
    let layers = [
        Layer::new(4, Activation::Tanh),
        Layer::new(3, Activation::Relu),
        Layer::new(5, Activation::Sigmoid),
        Layer::new(3, Activation::Softmax),
    ];
    Net::new(&NetConfig::new(3, &layers).seed(4), Heap).unwrap()
}

fn samples() -> Vec<f32> {
    (0..60).map(|i| (i as f32 * 0.37).sin() * 2.0).collect()
}

fn float_model() -> Vec<u8> {
    let net = small_net();
    let mut bytes = vec![0; net.model_len().unwrap()];
    assert_eq!(net.save(&mut bytes), Ok(bytes.len()));
    bytes
}

fn int8_model() -> Vec<u8> {
    let (mut net, samples) = (small_net(), samples());
    let mut config = QNetConfig::new(&mut net, &samples);
    QNet::new(&mut config, Heap).unwrap().model().to_vec()
}

fn int16_model(scheme: Scheme) -> Vec<u8> {
    let (mut net, samples) = (small_net(), samples());
    let mut config = QNet16Config { scheme, ..QNet16Config::new(&mut net, &samples) };
    QNet16::new(&mut config, Heap).unwrap().model().to_vec()
}

/// A model of each kind, and what loads, views and runs it.
type Kind = (Vec<u8>, fn(&[u8]) -> Option<Error>);

fn kinds() -> [Kind; 4] {
    [
        (float_model(), |bytes| try_float(bytes).err()),
        (int8_model(), |bytes| try_int8(bytes).err()),
        (int16_model(Scheme::Int16x8), |bytes| try_int16(bytes).err()),
        (int16_model(Scheme::Int16), |bytes| try_int16(bytes).err()),
    ]
}

/// Makes the checksum right, so that what is behind it is reached.
fn reseal(bytes: &mut [u8]) {
    if bytes.len() >= 32 {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        digest.update(&bytes[..12]);
        digest.update(&bytes[16..]);
        bytes[12..16].copy_from_slice(&digest.finalize().to_le_bytes());
    }
}

/// Loads and views; both must agree. Runs what loads.
fn try_float(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let aligned = Aligned::new(bytes);
    let loaded = Net::load(bytes, Heap);
    let viewed = Net::view(aligned.bytes(), Heap);
    let mut outputs = Vec::new();
    for net in [loaded, viewed] {
        outputs.push(net.map(|mut net| {
            let shape = net.shape();
            let input: Vec<f32> = (0..shape.inputs).map(|i| i as f32 * 0.1).collect();
            let mut output = vec![0.0; shape.outputs];
            net.forward(&input, &mut output).unwrap();
            output
        }));
    }
    let viewed = outputs.pop().unwrap();
    assert_eq!(outputs[0], viewed);
    viewed
}

fn try_int8(bytes: &[u8]) -> Result<Vec<i8>, Error> {
    let aligned = Aligned::new(bytes);
    let loaded = QNet::load(bytes, Heap);
    let viewed = QNet::view(aligned.bytes(), Heap);
    let mut outputs = Vec::new();
    for net in [loaded, viewed] {
        outputs.push(net.map(|mut net| {
            let input: Vec<i8> = (0..net.inputs()).map(|i| (i * 37) as i8).collect();
            let mut output = vec![0; net.outputs()];
            net.forward_i8(&input, &mut output).unwrap();
            output
        }));
    }
    let viewed = outputs.pop().unwrap();
    assert_eq!(outputs[0], viewed);
    viewed
}

fn try_int16(bytes: &[u8]) -> Result<Vec<i16>, Error> {
    let aligned = Aligned::new(bytes);
    let loaded = QNet16::load(bytes, Heap);
    let viewed = QNet16::view(aligned.bytes(), Heap);
    let mut outputs = Vec::new();
    for net in [loaded, viewed] {
        outputs.push(net.map(|mut net| {
            let input: Vec<i16> = (0..net.inputs()).map(|i| (i * 9737) as i16).collect();
            let mut output = vec![0; net.outputs()];
            net.forward_i16(&input, &mut output).unwrap();
            output
        }));
    }
    let viewed = outputs.pop().unwrap();
    assert_eq!(outputs[0], viewed);
    viewed
}

#[test]
fn models_come_back_as_they_were() {
    let bytes = float_model();
    let net = Net::load(&bytes, Heap).unwrap();
    let mut again = vec![0; bytes.len()];
    net.save(&mut again).unwrap();
    assert_eq!(bytes, again);
    let (mut original, mut output) = (small_net(), [0.0; 3]);
    original.forward(&[0.0, 0.1, 0.2], &mut output).unwrap();
    assert_eq!(try_float(&bytes).unwrap(), output);

    let bytes = int8_model();
    assert_eq!(QNet::load(&bytes, Heap).unwrap().model(), bytes);
    assert!(bytes.len().is_multiple_of(MODEL_ALIGN));
    for scheme in [Scheme::Int16x8, Scheme::Int16] {
        let bytes = int16_model(scheme);
        let net = QNet16::load(&bytes, Heap).unwrap();
        assert_eq!((net.model(), net.scheme()), (&bytes[..], scheme));
        assert!(bytes.len().is_multiple_of(MODEL_ALIGN));
    }
}

#[test]
fn every_flipped_byte_is_an_error() {
    for (bytes, load) in kinds() {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                assert!(load(&bad).is_some(), "byte {at} ^ {flip:#x}");
            }
        }
    }
}

#[test]
fn every_truncation_and_every_excess_is_an_error() {
    for (bytes, load) in kinds() {
        for len in 0..bytes.len() {
            assert_eq!(load(&bytes[..len]), Some(Error::ModelTruncated), "{len}");
            // The same with a header that claims the shorter length.
            let mut short = bytes[..len].to_vec();
            if len >= 32 {
                short[8..12].copy_from_slice(&(len as u32).to_le_bytes());
                reseal(&mut short);
                assert_eq!(load(&short), Some(Error::ModelLength), "{len}");
            }
        }
        let mut long = bytes.clone();
        long.push(0);
        assert_eq!(load(&long), Some(Error::ModelLength));
        let len = long.len() as u32;
        long[8..12].copy_from_slice(&len.to_le_bytes());
        reseal(&mut long);
        assert_eq!(load(&long), Some(Error::ModelLength));
    }
}

#[test]
fn each_field_has_its_error() {
    type Change = (usize, &'static [u8], Error);
    let all: &[Change] = &[
        (0, b"X", Error::ModelMagic),
        (4, &[3], Error::ModelVersion),
        (6, &[9], Error::ModelKind),
        (8, &[0, 0, 0, 0], Error::ModelLength),
        (8, &[255; 4], Error::ModelTruncated),
        (16, &[0; 4], Error::ModelInvalid),
        (16, &[0, 0, 1, 0], Error::ModelInvalid),
        (16, &[255; 4], Error::ModelInvalid),
        (20, &[0; 4], Error::ModelInvalid),
        (20, &[0, 1, 0, 0], Error::ModelLength),
        (20, &[0, 0, 1, 0], Error::ModelInvalid),
        (20, &[255; 4], Error::ModelInvalid),
        (20, &[255, 0, 0, 0], Error::ModelLength),
        (32, &[0; 4], Error::ModelInvalid),
        (32, &[0, 0, 1, 0], Error::ModelInvalid),
        (32, &[255; 4], Error::ModelInvalid),
        (36, &[22], Error::ModelInvalid),
        // Softmax before the last layer.
        (36, &[4], Error::ModelInvalid),
    ];
    let nan = f32::NAN.to_le_bytes();
    let params = 32 + 4 * 8;
    let float: &[Change] = &[
        (32, &[5], Error::ModelLength),
        (24, &[1], Error::ModelInvalid),
        (31, &[1], Error::ModelInvalid),
        (37, &[1], Error::ModelInvalid),
        (39, &[1], Error::ModelInvalid),
    ];
    let int8: &[Change] = &[
        // The input's scale: zero, negative, subnormal, infinite, NaN.
        (24, &[0, 0, 0, 0], Error::ModelInvalid),
        (27, &[0xbf], Error::ModelInvalid),
        (24, &[1, 0, 0, 0], Error::ModelInvalid),
        (24, &[0, 0, 0x80, 0x7f], Error::ModelInvalid),
        (24, &[0, 0, 0xc0, 0x7f], Error::ModelInvalid),
        (29, &[1], Error::ModelInvalid),
        (39, &[1], Error::ModelInvalid),
        // Clamp with the smallest above the largest.
        (40, &[1, 0], Error::ModelInvalid),
        (42, &[1], Error::ModelInvalid),
        (44, &[0; 4], Error::ModelInvalid),
        (48, &[0, 0, 0x80, 0x7f], Error::ModelInvalid),
    ];
    let int16: &[Change] = &[
        (4, &[2], Error::ModelInvalid),
        // The input's scale, as above; then the bytes of a weight.
        (24, &[0, 0, 0, 0], Error::ModelInvalid),
        (27, &[0xbf], Error::ModelInvalid),
        (24, &[0, 0, 0xc0, 0x7f], Error::ModelInvalid),
        (28, &[0], Error::ModelInvalid),
        (28, &[3], Error::ModelInvalid),
        (30, &[2], Error::ModelInvalid),
        (31, &[1], Error::ModelInvalid),
        (37, &[1], Error::ModelInvalid),
        (39, &[1], Error::ModelInvalid),
        (40, &[0; 4], Error::ModelInvalid),
        (44, &[0, 0, 0x80, 0x7f], Error::ModelInvalid),
    ];
    for ((model, load), own) in kinds().into_iter().zip([float, int8, int16, int16]) {
        for (at, new, error) in all.iter().chain(own) {
            let mut bad = model.to_vec();
            bad[*at..*at + new.len()].copy_from_slice(new);
            reseal(&mut bad);
            assert_eq!(load(&bad), Some(*error), "{at} {new:?} {}", model[6]);
        }
    }
    let mut bad = float_model();
    bad[params..params + 4].copy_from_slice(&nan);
    reseal(&mut bad);
    assert_eq!(try_float(&bad), Err(Error::ModelInvalid));
}

#[test]
fn sections_of_int8_models_are_checked() {
    let model = int8_model();
    // First layer: 3 inputs, 4 units, tanh: 12 weights, 4 biases, 4
    // multipliers, 4 shifts. The second: 4 inputs, 3 units.
    let weights = 32 + 4 * 20;
    let multipliers = weights + 12 + 16;
    let shifts = multipliers + 16;
    let second = shifts + 4 + 256;
    let second_shifts = second + 12 + 12 + 12;
    // The last section is the exponentials of the softmax.
    let exponentials = model.len() - 512;
    for (at, new) in [
        (weights, &[0x80][..]),
        (multipliers, &[0, 0, 0, 0x80]),
        (multipliers, &[1, 0, 0, 0]),
        (multipliers, &[255, 255, 255, 0x3f]),
        (shifts, &[31]),
        (shifts, &[(-32i8) as u8]),
        (second_shifts + 3, &[1]),
        (exponentials, &[0, 0]),
    ] {
        let mut bad = model.clone();
        bad[at..at + new.len()].copy_from_slice(new);
        reseal(&mut bad);
        assert_eq!(try_int8(&bad), Err(Error::ModelInvalid), "{at} {new:?}");
    }
    let mut good = model.clone();
    good[multipliers..multipliers + 4].fill(0);
    reseal(&mut good);
    assert!(try_int8(&good).is_ok(), "a zero multiplier is a number, too");
}

#[test]
fn sections_of_int16_models_are_checked() {
    for (scheme, width) in [(Scheme::Int16x8, 1), (Scheme::Int16, 2)] {
        let model = int16_model(scheme);
        // First layer: 3 inputs, 4 units, tanh; the second: 4 inputs, 3 units.
        let weights = 32 + 4 * 16;
        let biases = weights + 12 * width;
        let multipliers = biases + 4 * 8;
        let shifts = multipliers + 16;
        let table = shifts + 4;
        let second_shifts = table + 1028 + 12 * width + 3 * 8 + 12;
        let exponentials = model.len() - 2048;
        let (large, least) = ((1i64 << 46) + 1, -(1i64 << 46) - 1);
        let most_negative: &[u8] = if width == 1 { &[0x80] } else { &[0, 0x80] };
        for (at, new) in [
            (weights, most_negative),
            (biases, &large.to_le_bytes()),
            (biases + 24, &least.to_le_bytes()),
            (multipliers, &[0, 0, 0, 0x80]),
            (multipliers, &[255, 255, 255, 0x3f]),
            (shifts, &[15]),
            (shifts, &[(-32i8) as u8]),
            (second_shifts + 3, &[1]),
            (table + 1026, &[1]),
            (exponentials + 3, &[0x7f]),
            (exponentials + 1027, &[0]),
        ] {
            let mut bad = model.clone();
            bad[at..at + new.len()].copy_from_slice(new);
            reseal(&mut bad);
            assert_eq!(try_int16(&bad), Err(Error::ModelInvalid), "{scheme:?} {at} {new:?}");
        }
        let mut good = model.clone();
        good[multipliers..multipliers + 4].fill(0);
        good[biases..biases + 8].copy_from_slice(&(large - 1).to_le_bytes());
        reseal(&mut good);
        assert!(try_int16(&good).is_ok());
    }
}

#[test]
fn the_topology_of_integer_models_is_checked() {
    // What was layered has too few weights for shortcuts.
    let changes: [(Kind, usize); 3] = {
        let [_, int8, mixed, int16] = kinds();
        [(int8, 30), (mixed, 29), (int16, 29)]
    };
    for ((model, load), at) in changes {
        let mut bad = model.clone();
        bad[at] = 1;
        bad[4] = if model[6] == 2 { 2 } else { 1 };
        reseal(&mut bad);
        let error = load(&bad);
        assert!(matches!(error, Some(Error::ModelLength | Error::ModelInvalid)), "{error:?}");
        bad[at] = 2;
        reseal(&mut bad);
        assert_eq!(load(&bad), Some(Error::ModelInvalid));
    }
    // A version that says more than it must.
    let mut bad = int8_model();
    bad[4] = 2;
    reseal(&mut bad);
    assert_eq!(try_int8(&bad), Err(Error::ModelInvalid));
}

/// So what is loaded is saved as the same bytes.
#[test]
fn float_models_of_version_2_need_it() {
    let model = float_model();
    let mut wide = model[..32].to_vec();
    let (records, numbers) = model[32..].split_at(4 * 8);
    for record in records.chunks(8) {
        wide.extend_from_slice(record);
        wide.extend_from_slice(&1.0f32.to_le_bytes());
        wide.extend_from_slice(&[0; 4]);
    }
    wide.extend_from_slice(numbers);
    wide[4] = 2;
    let len = wide.len() as u32;
    wide[8..12].copy_from_slice(&len.to_le_bytes());
    reseal(&mut wide);
    assert_eq!(try_float(&wide), Err(Error::ModelInvalid));
    // One steepness that version 1 cannot say makes it right.
    wide[32 + 8..][..4].copy_from_slice(&0.5f32.to_le_bytes());
    reseal(&mut wide);
    assert!(try_float(&wide).is_ok());
    let net = Net::load(&wide, Heap).unwrap();
    let mut saved = vec![0; net.model_len().unwrap()];
    net.save(&mut saved).unwrap();
    assert_eq!(saved, wide);
}

#[test]
fn kinds_do_not_mix() {
    for (i, (model, _)) in kinds().into_iter().enumerate() {
        for (j, (_, load)) in kinds().into_iter().enumerate() {
            let alike = i == j || i.min(j) == 2;
            assert_eq!(load(&model), (!alike).then_some(Error::ModelKind), "{i} {j}");
        }
    }
}

#[test]
fn views_need_aligned_bytes_and_copies_do_not() {
    for shift in 1..4 {
        let skewed = |bytes: &[u8]| Aligned::new(&[&vec![0; shift], bytes].concat());
        let model = skewed(&float_model());
        assert_eq!(Net::view(&model.bytes()[shift..], Heap).err(), Some(Error::Alignment));
        assert!(Net::load(&model.bytes()[shift..], Heap).is_ok());
        let model = skewed(&int8_model());
        assert_eq!(QNet::view(&model.bytes()[shift..], Heap).err(), Some(Error::Alignment));
        assert!(QNet::load(&model.bytes()[shift..], Heap).is_ok());
        let model = skewed(&int16_model(Scheme::Int16));
        assert_eq!(QNet16::view(&model.bytes()[shift..], Heap).err(), Some(Error::Alignment));
        assert!(QNet16::load(&model.bytes()[shift..], Heap).is_ok());
    }
}

#[test]
fn views_take_less_memory_than_copies() {
    let (float, int8) = (Aligned::new(&float_model()), Aligned::new(&int8_model()));
    let parameters = small_net().shape().parameters * 4;
    let saved = Net::load_footprint(float.bytes()).unwrap().size()
        - Net::view_footprint(float.bytes()).unwrap().size();
    assert_eq!(saved, parameters);
    let saved = QNet::load_footprint(int8.bytes()).unwrap().size()
        - QNet::view_footprint(int8.bytes()).unwrap().size();
    assert!(saved.abs_diff(int8.len) <= 8, "{saved}");
    let int16 = Aligned::new(&int16_model(Scheme::Int16));
    let saved = QNet16::load_footprint(int16.bytes()).unwrap().size()
        - QNet16::view_footprint(int16.bytes()).unwrap().size();
    assert!(saved.abs_diff(int16.len) <= 8, "{saved}");
}

#[test]
fn a_small_buffer_is_left_alone() {
    let net = small_net();
    let len = net.model_len().unwrap();
    let mut buffer = vec![0xa5; len - 1];
    assert_eq!(net.save(&mut buffer), Err(Error::BufferTooSmall));
    assert!(buffer.iter().all(|b| *b == 0xa5));
}

proptest! {
    // Whatever is behind a right checksum: an error or a network that runs,
    // never a panic. Most changes keep the shape, so they get far.
    #[test]
    fn resealed_damage_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        kind in 0usize..4,
    ) {
        let (mut bytes, load) = kinds()[kind].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        reseal(&mut bytes);
        let _ = load(&bytes);
    }
}
