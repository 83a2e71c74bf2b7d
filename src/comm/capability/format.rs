//! The bytes of a chain (docs/capability-format.md): one encoding of each value,
//! and no other is read.

use super::{MAX_CAVEATS, MAX_CHAIN, MAX_LINK, MAX_LINKS, MAX_RESOURCE, VERSION};
use crate::comm::crypto::{Hash, PublicKey, SIGNATURE};
use crate::error::{Error, Result};

/// The first bytes of an authority's public key: enough to find it among those
/// that are trusted.
pub type AuthorityHint = [u8; 4];

/// Bytes before the first link.
pub(super) const HEADER: usize = 5;

/// Bytes of a link without its signature.
pub(super) type Body = heapless::Vec<u8, { MAX_LINK - SIGNATURE }>;

/// Bits of a link's first byte; the lowest two are the depth, the highest three
/// the number of caveats.
const NOT_BEFORE: u8 = 1 << 2;
const EXPIRY: u8 = 1 << 3;
const EPOCH: u8 = 1 << 4;

/// A condition besides the link's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// At most so many bytes in all, at least 1. The [`Grant`](super::Grant)
    /// has the least of the chain, and the caller keeps to it.
    MaxBytes(u64),
    /// At most so many bytes a second, at least 1. As above.
    MaxRate(u64),
    /// Only in the network whose [`network_tag`] this is.
    Network(u64),
    /// Means what the two programs agree that it means.
    Custom {
        /// What is limited.
        key: u32,
        /// How.
        value: u32,
    },
    /// One that this version does not know: it can be read, but not written.
    Other {
        /// 0, or 5 to 15.
        kind: u8,
        /// Whether whoever does not know it must refuse the capability.
        critical: bool,
        /// Its value.
        value: u64,
    },
}

/// What stands for a network, whose name may have any length, in
/// [`Caveat::Network`].
pub fn network_tag(network: &[u8]) -> u64 {
    let digest = Hash::Blake2s.digest(&[b"neural-swarm/network/1\n", network]);
    digest.key().first_chunk().map_or(0, |tag| u64::from_le_bytes(*tag))
}

impl Caveat {
    /// Its number in the format, whether it is critical, and its value.
    fn fields(self) -> (u8, bool, u64) {
        match self {
            Caveat::MaxBytes(bytes) => (1, true, bytes),
            Caveat::MaxRate(rate) => (2, true, rate),
            Caveat::Network(tag) => (3, true, tag),
            Caveat::Custom { key, value } => (4, true, u64::from(key) << 32 | u64::from(value)),
            Caveat::Other { kind, critical, value } => (kind, critical, value),
        }
    }

    fn from_fields(kind: u8, critical: bool, value: u64) -> Result<Caveat> {
        let caveat = match kind {
            1 => Caveat::MaxBytes(value),
            2 => Caveat::MaxRate(value),
            3 => Caveat::Network(value),
            4 => Caveat::Custom { key: (value >> 32) as u32, value: value as u32 },
            _ => Caveat::Other { kind, critical, value },
        };
        // Those that are known are critical, and a limit of 0 allows nothing.
        let nothing = matches!(caveat, Caveat::MaxBytes(0) | Caveat::MaxRate(0));
        if nothing || caveat.fields().1 != critical { Err(Error::CommFormat) } else { Ok(caveat) }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Caveat> {
        let head = reader.byte()?;
        let len = usize::from(head >> 4 & 7) + 1;
        let mut value = [0; 8];
        let bytes = reader.take(len)?;
        value.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        if len > 1 && bytes.last() == Some(&0) {
            return Err(Error::CommFormat);
        }
        Caveat::from_fields(head & 15, head >> 7 != 0, u64::from_le_bytes(value))
    }

    fn write(self, body: &mut Body) -> Result<()> {
        if matches!(self, Caveat::Other { .. } | Caveat::MaxBytes(0) | Caveat::MaxRate(0)) {
            return Err(Error::Invalid);
        }
        let (kind, critical, value) = self.fields();
        let len = (u64::BITS - value.leading_zeros()).div_ceil(8).max(1);
        let head = u8::from(critical) << 7 | (len as u8 - 1) << 4 | kind;
        push(body, &[head])?;
        push(body, value.to_le_bytes().get(..len as usize).unwrap_or(&[]))
    }
}

/// A link of a chain as it is written. Nothing is proven by reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Whom it is for: an Ed25519 public key.
    pub subject: PublicKey,
    /// The issuer's number of it.
    pub serial: u64,
    /// The operations that it allows, a bit each; at least one.
    pub operations: u32,
    /// What it adds to the resource prefix of the link before.
    pub extension: &'a [u8],
    /// From when on it is valid, in seconds since 1970-01-01 UTC; `None`: as the
    /// link before.
    pub not_before: Option<u64>,
    /// From when on it is no longer valid, likewise.
    pub expiry: Option<u64>,
    /// The last epoch in which it is valid; `None`: as the link before.
    pub epoch: Option<u64>,
    /// How many more links may follow.
    pub depth: u8,
    /// The caveats' bytes.
    caveats: &'a [u8],
    /// All bytes of the chain before the signature.
    pub(super) signed: &'a [u8],
    pub(super) signature: &'a [u8; SIGNATURE],
}

impl<'a> Link<'a> {
    /// Its caveats.
    pub fn caveats(&self) -> impl Iterator<Item = Caveat> + use<'a> {
        let mut reader = Reader { bytes: self.caveats, at: 0 };
        core::iter::from_fn(move || Caveat::read(&mut reader).ok())
    }

    /// Reads the link whose first byte is the reader's next.
    fn read(reader: &mut Reader<'a>) -> Result<Link<'a>> {
        let start = reader.at;
        let mut link = Link::read_body(reader)?;
        link.signed = reader.bytes.get(..reader.at).unwrap_or(&[]);
        link.signature = reader.chunk()?;
        if reader.at - start > MAX_LINK {
            return Err(Error::CommFormat);
        }
        Ok(link)
    }

    /// Reads all but the signature.
    pub(super) fn read_body(reader: &mut Reader<'a>) -> Result<Link<'a>> {
        let head = reader.byte()?;
        let subject = *reader.chunk()?;
        let serial = reader.varint()?;
        let operations = u32::try_from(reader.varint()?).map_err(|_| Error::CommFormat)?;
        let extension_len = usize::from(reader.byte()?);
        let extension = reader.take(extension_len)?;
        let not_before = reader.optional(head & NOT_BEFORE)?;
        let expiry = reader.optional(head & EXPIRY)?;
        let epoch = reader.optional(head & EPOCH)?;
        let count = usize::from(head >> 5);
        let caveats = reader.at;
        for _ in 0..count {
            Caveat::read(reader)?;
        }
        let backwards = not_before.zip(expiry).is_some_and(|(from, to)| from >= to);
        if operations == 0 || count > MAX_CAVEATS || backwards {
            return Err(Error::CommFormat);
        }
        Ok(Link {
            subject,
            serial,
            operations,
            extension,
            not_before,
            expiry,
            epoch,
            depth: head & 3,
            caveats: reader.bytes.get(caveats..reader.at).unwrap_or(&[]),
            signed: &[],
            signature: &[0; SIGNATURE],
        })
    }
}

/// The fields of a link to be written; the others are in [`Link`]'s words.
pub(super) struct Fields<'a> {
    pub subject: &'a PublicKey,
    pub serial: u64,
    pub operations: u32,
    pub extension: &'a [u8],
    pub not_before: Option<u64>,
    pub expiry: Option<u64>,
    pub epoch: Option<u64>,
    pub depth: u8,
    pub caveats: &'a [Caveat],
}

impl Fields<'_> {
    /// The link's bytes without its signature.
    ///
    /// [`Error::CommTooLong`] if they do not fit; [`Error::Invalid`] for a value
    /// that has no place in the format.
    pub fn write(&self) -> Result<Body> {
        let mut body = Body::new();
        let count = self.caveats.len();
        let depth = usize::from(self.depth);
        if count > MAX_CAVEATS || depth >= MAX_LINKS || self.operations == 0 {
            return Err(Error::Invalid);
        }
        let times = [(self.not_before, NOT_BEFORE), (self.expiry, EXPIRY), (self.epoch, EPOCH)];
        let flags = times.iter().filter(|(time, _)| time.is_some()).map(|(_, flag)| flag);
        push(&mut body, &[(count as u8) << 5 | flags.sum::<u8>() | self.depth])?;
        push(&mut body, self.subject)?;
        push_varint(&mut body, self.serial)?;
        push_varint(&mut body, self.operations.into())?;
        let extension_len = u8::try_from(self.extension.len()).map_err(|_| Error::CommTooLong)?;
        push(&mut body, &[extension_len])?;
        push(&mut body, self.extension)?;
        for time in times.iter().filter_map(|(time, _)| *time) {
            if time == 0 {
                return Err(Error::Invalid);
            }
            push_varint(&mut body, time)?;
        }
        self.caveats.iter().try_for_each(|caveat| caveat.write(&mut body))?;
        Ok(body)
    }
}

/// A chain as it is written: well formed, but nothing is proven.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    bytes: &'a [u8],
    hint: AuthorityHint,
    len: usize,
    last: Link<'a>,
}

impl<'a> Chain<'a> {
    /// Reads a chain.
    ///
    /// [`Error::CommVersion`] for another version, [`Error::CommDepth`] for more
    /// than [`MAX_LINKS`] links, [`Error::CommFormat`] for all else that is not a
    /// chain.
    pub fn read(bytes: &'a [u8]) -> Result<Chain<'a>> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.byte()? != VERSION {
            return Err(Error::CommVersion);
        }
        let hint = *reader.chunk()?;
        let last = Link::read(&mut reader)?;
        let mut resource = last.extension.len();
        let endless = last.expiry.is_none() && last.epoch.is_none();
        let mut chain = Chain { bytes, hint, len: 1, last };
        while reader.at < bytes.len() {
            chain.len += 1;
            if chain.len > MAX_LINKS {
                return Err(Error::CommDepth);
            }
            chain.last = Link::read(&mut reader)?;
            resource += chain.last.extension.len();
        }
        if endless || resource > MAX_RESOURCE { Err(Error::CommFormat) } else { Ok(chain) }
    }

    /// How many links it has, 1 to [`MAX_LINKS`].
    #[expect(clippy::len_without_is_empty, reason = "there is no empty chain")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The first bytes of the authority's key.
    pub fn authority_hint(&self) -> AuthorityHint {
        self.hint
    }

    /// The links, from the authority's on.
    pub fn links(&self) -> Links<'a> {
        Links { reader: Reader { bytes: self.bytes, at: HEADER } }
    }

    /// The last link, whose subject is the holder.
    pub fn last(&self) -> &Link<'a> {
        &self.last
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The links of a [`Chain`].
#[derive(Clone, Debug)]
pub struct Links<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Links<'a> {
    type Item = Link<'a>;

    fn next(&mut self) -> Option<Link<'a>> {
        // The chain was read once, so what fails here is its end.
        Link::read(&mut self.reader).ok()
    }
}

/// A chain without links, by this authority.
pub(super) fn header(authority: &PublicKey) -> [u8; HEADER] {
    let [a, b, c, d, ..] = *authority;
    [VERSION, a, b, c, d]
}

/// Takes bytes from the front.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(Error::CommFormat)?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::CommFormat)?;
        self.at = end;
        Ok(taken)
    }

    pub fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        self.take(N)?.first_chunk().ok_or(Error::CommFormat)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.chunk().map(|[byte]| *byte)
    }

    /// An unsigned LEB128 number in its shortest form.
    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part || byte == 0 && shift > 0 {
                return Err(Error::CommFormat);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::CommFormat)
    }

    /// A number that is there if the flag is, and not 0 then.
    fn optional(&mut self, flag: u8) -> Result<Option<u64>> {
        if flag == 0 {
            return Ok(None);
        }
        match self.varint()? {
            0 => Err(Error::CommFormat),
            value => Ok(Some(value)),
        }
    }
}

fn push(body: &mut Body, bytes: &[u8]) -> Result<()> {
    body.extend_from_slice(bytes).map_err(|_| Error::CommTooLong)
}

fn push_varint(body: &mut Body, mut value: u64) -> Result<()> {
    while value >= 0x80 {
        push(body, &[value as u8 | 0x80])?;
        value >>= 7;
    }
    push(body, &[value as u8])
}

const _: () = assert!(MAX_CHAIN == HEADER + MAX_LINKS * MAX_LINK);
