//! Float32 models.
//!
//! Version 1, for layered networks of steepness 1 without more: a record is 8 bytes: u32
//! units, u8 activation, 3 zero bytes. Then come the parameters (f32), layer by
//! layer: weights, one row for each unit, and biases.
//!
//! Version 2, for all others and for them alone. The header's own bytes: u8 topology, u8 flags (1:
//! styles, 2: scaling), 6 zero bytes. A record is 16 bytes: u32 units, u8
//! activation, u8 flags (1: its units have styles of their own, 2: sparse), 2
//! zero bytes, f32 steepness, u32 links (0 unless sparse). Then come
//!
//! - the parameters, as above; a sparse row has one weight for each link,
//! - if a layer is sparse: for each unit, and once more, the number of links
//!   before it (u32); and of each link the source node (u32),
//! - with styles: activation (u32) of each unit, steepness (f32) of each unit,
//! - with scaling: mean, deviation, minimum and factor (f32) of each input,
//!   then of each output: FANN's four numbers.

use super::{ALIGN, HEADER, Header, Kind, V1, V2, image_len, in_file, records, u16_at, u32_at};
use crate::error::{Error, Result};
use crate::mem::Held;
use crate::nn::Activation;
use crate::nn::net::{Body, Plan};
use crate::nn::shape::{Links, Outline, Shape, Topology};

const RECORD_1: usize = 8;
const RECORD_2: usize = 16;
const STYLES: u8 = 1;
const SCALING: u8 = 2;
const MIXED: u8 = 1;
const SPARSE: u8 = 2;

/// A checked float32 model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model<'b> {
    shape: Shape,
    records: Records<'b>,
    flags: u8,
    sections: Sections<'b>,
}

/// The records of a version.
#[derive(Clone, Copy, Debug)]
struct Records<'b> {
    version: u16,
    bytes: &'b [u8],
}

/// The bytes of all numbers: the fields of a [`Body`] by the same names.
#[derive(Clone, Copy, Debug)]
struct Sections<'b> {
    parameters: &'b [u8],
    starts: &'b [u8],
    sources: &'b [u8],
    codes: &'b [u8],
    steeps: &'b [u8],
    scaling: &'b [u8],
}

/// How many numbers each section has, in their order.
fn lengths(shape: &Shape, flags: u8) -> [usize; 6] {
    let [units, links] = if shape.sparse { [shape.units + 1, shape.links] } else { [0, 0] };
    let styles = if flags & STYLES != 0 { shape.units } else { 0 };
    let scaling = if flags & SCALING != 0 { 4 * (shape.inputs + shape.outputs) } else { 0 };
    [shape.parameters, units, links, styles, styles, scaling]
}

fn record_len(version: u16) -> usize {
    if version == V1 { RECORD_1 } else { RECORD_2 }
}

impl<'b> Records<'b> {
    fn outlines(self) -> impl ExactSizeIterator<Item = Outline> + use<'b> {
        self.bytes.chunks_exact(record_len(self.version)).map(move |record| {
            let activation = Activation::from_code(u32::from(record[4])).unwrap_or_default();
            let outline = Outline::new(u32_at(record, 0) as usize, activation);
            if self.version == V1 {
                return outline;
            }
            let links = Links::Count(u32_at(record, 12) as usize);
            Outline {
                mixed: record[5] & MIXED != 0,
                steepness: f32::from_bits(u32_at(record, 8)),
                links: if record[5] & SPARSE != 0 { links } else { Links::All },
                ..outline
            }
        })
    }

    /// Whether every byte is one that its version knows.
    fn check(self, styles: bool) -> bool {
        self.bytes.chunks_exact(record_len(self.version)).all(|record| {
            let known = Activation::from_code(u32::from(record[4])).is_some();
            let rest = if self.version == V1 {
                record[5..] == [0; 3]
            } else {
                record[5] & !(MIXED | SPARSE) == 0
                    && u16_at(record, 6) == 0
                    && (record[5] & SPARSE != 0 || u32_at(record, 12) == 0)
                    && (record[5] & MIXED == 0 || styles)
            };
            known && rest
        })
    }
}

impl<'b> Model<'b> {
    pub fn read(bytes: &'b [u8]) -> Result<Model<'b>> {
        let header = Header::read(bytes, Kind::Float)?;
        let [topology, flags, rest @ ..] = header.extra;
        let topology = Topology::from_code(topology.into()).ok_or(Error::ModelInvalid)?;
        let plain = topology == Topology::Layered && flags == 0;
        if rest != [0; 6] || flags & !(STYLES | SCALING) != 0 || (header.version == V1 && !plain) {
            return Err(Error::ModelInvalid);
        }
        let version = header.version;
        let records = records(bytes, header.layers, record_len(version))?;
        let records = Records { version, bytes: records };
        if !records.check(flags & STYLES != 0) {
            return Err(Error::ModelInvalid);
        }
        let from = (header.inputs as usize, topology);
        let shape = Shape::check(from, records.outlines(), None, |_, _| {}).map_err(in_file)?;
        let mut rest = &bytes[HEADER + records.bytes.len()..];
        let mut sections = [&bytes[..0]; 6];
        for (section, len) in sections.iter_mut().zip(lengths(&shape, flags)) {
            let len = len.checked_mul(4).ok_or(Error::ModelLength)?;
            (*section, rest) = rest.split_at_checked(len).ok_or(Error::ModelLength)?;
        }
        if !rest.is_empty() {
            return Err(Error::ModelLength);
        }
        let [parameters, starts, sources, codes, steeps, scaling] = sections;
        let sections = Sections { parameters, starts, sources, codes, steeps, scaling };
        let model = Model { shape, records, flags, sections };
        if model.check() { Ok(model) } else { Err(Error::ModelInvalid) }
    }

    /// Whether all numbers are possible ones.
    fn check(&self) -> bool {
        let s = &self.sections;
        let mut good = floats(s.parameters).all(f32::is_finite)
            && floats(s.steeps).all(|x| x.is_finite() && x > 0.0)
            && floats(s.scaling).all(f32::is_finite)
            && words(s.codes).all(|code| Activation::from_code(code).is_some());
        let from = (self.shape.inputs, self.shape.topology);
        let check = Shape::check(from, self.records.outlines(), None, |_, layer| {
            let units = layer.units_before..layer.units_before + layer.units();
            if layer.mixed {
                let mut codes = words(s.codes).skip(units.start).take(units.len());
                good &= codes.all(|code| code != Activation::Softmax.code());
            }
            if self.shape.sparse {
                let end = layer.links.map_or(0, |_| layer.weights());
                good &= self.check_links(units, (layer.first, layer.inputs), end);
            }
        });
        // What is said in a way that is not the shortest would be saved as other bytes.
        let mut steeps = self.records.outlines().map(|outline| outline.steepness);
        let least = least_version(&self.shape, self.flags, steeps.all(|x| x == 1.0));
        good &= self.records.version == least;
        let links = if self.shape.sparse { words(s.starts).last() } else { Some(0) };
        good && check.is_ok() && links == Some(self.shape.links as u32)
    }

    /// Whether the links of a layer's units begin where those of the layer
    /// before end, are `count`, and name its sources.
    fn check_links(
        &self,
        units: core::ops::Range<usize>,
        (first, inputs): (u32, u32),
        count: usize,
    ) -> bool {
        let start = |unit| u32_at(self.sections.starts, 4 * unit) as usize;
        let (from, to) = (start(units.start), start(units.end));
        if (units.start == 0 && from != 0) || from.checked_add(count) != Some(to) {
            return false;
        }
        let sources = self.sections.sources;
        units.into_iter().all(|unit| {
            let (from, to) = (start(unit), start(unit + 1));
            if from > to || to > self.shape.links {
                return false;
            }
            words(&sources[4 * from..4 * to]).all(|node| node >= first && node - first < inputs)
        })
    }

    /// How to carve a network for it.
    pub fn plan(&self, own: bool) -> Plan<'static, impl ExactSizeIterator<Item = Outline>> {
        Plan {
            inputs: self.shape.inputs,
            topology: self.shape.topology,
            outlines: self.records.outlines(),
            batch: 1,
            spare: 0,
            own,
            styles: self.flags & STYLES != 0,
            scaling: self.flags & SCALING != 0,
            logger: None,
        }
    }

    /// Whether the numbers can be read where they are.
    pub fn check_alignment(&self) -> Result<()> {
        let aligned = (self.sections.parameters.as_ptr() as usize).is_multiple_of(ALIGN);
        if aligned { Ok(()) } else { Err(Error::Alignment) }
    }

    /// Copies all numbers.
    pub fn copy_into(&self, body: &mut Body<'_>) -> Result<()> {
        let s = &self.sections;
        copy(body.parameters.own()?, floats(s.parameters));
        copy(body.starts.own()?, words(s.starts));
        copy(body.sources.own()?, words(s.sources));
        copy(body.codes.own()?, words(s.codes));
        copy(body.steeps.own()?, floats(s.steeps));
        copy(body.scaling.own()?, floats(s.scaling));
        Ok(())
    }

    /// Lets the network read all numbers where they are.
    pub fn lend_to(&self, body: &mut Body<'b>) -> Result<()> {
        fn lent<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Result<Held<'_, T>> {
            Ok(Held::InPlace(bytemuck::try_cast_slice(bytes).map_err(|_| Error::Alignment)?))
        }
        let s = &self.sections;
        body.parameters = lent(s.parameters)?;
        body.starts = lent(s.starts)?;
        body.sources = lent(s.sources)?;
        body.codes = lent(s.codes)?;
        body.steeps = lent(s.steeps)?;
        body.scaling = lent(s.scaling)?;
        Ok(())
    }
}

fn copy<T>(to: &mut [T], from: impl Iterator<Item = T>) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from);
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    words(bytes).map(f32::from_bits)
}

/// The least version that can say what there is, and the flags.
fn version(body: &Body<'_>) -> (u16, u8) {
    let styles = if body.codes.is_empty() { 0 } else { STYLES };
    let scaling = if body.scaling.is_empty() { 0 } else { SCALING };
    let flags = styles | scaling;
    let one = body.layers().iter().all(|layer| layer.steepness == 1.0);
    (least_version(&body.shape, flags, one), flags)
}

/// `one`: every layer has steepness 1.
fn least_version(shape: &Shape, flags: u8, one: bool) -> u16 {
    let plain = shape.topology == Topology::Layered && !shape.sparse && flags == 0 && one;
    if plain { V1 } else { V2 }
}

/// Bytes that the model of this network takes.
pub(crate) fn len(body: &Body<'_>) -> Result<usize> {
    let (version, flags) = version(body);
    let words = lengths(&body.shape, flags).into_iter().try_fold(0usize, usize::checked_add);
    let records = HEADER + body.shape.layers * record_len(version);
    image_len(words.and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(records)))
}

/// Writes a model over an image of its [`len`].
pub(crate) fn write(image: &mut [u8], body: &Body<'_>) {
    let (version, flags) = version(body);
    let size = record_len(version);
    let (records, numbers) = image[HEADER..].split_at_mut(body.shape.layers * size);
    for (record, layer) in records.chunks_exact_mut(size).zip(body.layers()) {
        record.fill(0);
        record[..4].copy_from_slice(&layer.units.to_le_bytes());
        record[4] = layer.activation as u8;
        if version != V1 {
            let sparse = if layer.links.is_some() { SPARSE } else { 0 };
            let links = if layer.links.is_some() { layer.weights() as u32 } else { 0 };
            record[5] = sparse | if layer.mixed { MIXED } else { 0 };
            record[8..12].copy_from_slice(&layer.steepness.to_le_bytes());
            record[12..].copy_from_slice(&links.to_le_bytes());
        }
    }
    let used = body.shape.units;
    let style = |len: usize| if len == 0 { 0 } else { used };
    let all = (body.parameters().iter().map(|x| x.to_bits()))
        .chain(body.starts.iter().copied())
        .chain(body.sources.iter().copied())
        .chain(body.codes[..style(body.codes.len())].iter().copied())
        .chain(body.steeps[..style(body.steeps.len())].iter().map(|x| x.to_bits()))
        .chain(body.scaling.iter().map(|x| x.to_bits()));
    for (bytes, value) in numbers.as_chunks_mut().0.iter_mut().zip(all) {
        *bytes = value.to_le_bytes();
    }
    let mut extra = [0; 8];
    (extra[0], extra[1]) = (body.shape.topology as u8, flags);
    let (inputs, layers) = (body.shape.inputs as u32, body.shape.layers as u32);
    Header { version, kind: Kind::Float, inputs, layers, extra }.seal(image);
}

const _: () = assert!(HEADER.is_multiple_of(ALIGN));
const _: () = assert!(RECORD_1.is_multiple_of(ALIGN) && RECORD_2.is_multiple_of(ALIGN));
