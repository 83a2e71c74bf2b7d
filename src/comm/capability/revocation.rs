//! Revocation: what an authority takes back before its time.

use super::format::{AuthorityHint, Reader, header};
use super::{LIST, Signed, VERSION};
use crate::comm::crypto::{Hash, PublicKey, SIGNATURE};
use crate::comm::identity::Secrets;
use crate::error::{Error, Result};

/// What stands for something revoked: a link ([`link_id`]) or a key
/// ([`key_id`]).
pub type Id = [u8; 16];

/// Bytes before the first id.
const IDS: usize = 5 + 8 + 4 + 4;

fn id(parts: &[&[u8]]) -> Id {
    Hash::Blake2s.digest(parts).key().first_chunk().copied().unwrap_or_default()
}

/// The id of the links with this serial by this issuer, and of all that were
/// made from them.
pub fn link_id(issuer: &PublicKey, serial: u64) -> Id {
    id(&[b"neural-swarm/link-id/1\n", issuer, &serial.to_le_bytes()])
}

/// The id of all links whose subject this key is, and of all that were made from
/// them: for a node that was lost.
pub fn key_id(key: &PublicKey) -> Id {
    id(&[b"neural-swarm/key-id/1\n", key])
}

/// Bytes of a list of so many ids.
///
/// [`Error::Overflow`] for more than there can be.
pub fn revocations_len(ids: usize) -> Result<usize> {
    u32::try_from(ids).map_err(|_| Error::Overflow)?;
    let ids = ids.checked_mul(size_of::<Id>()).ok_or(Error::Overflow)?;
    ids.checked_add(IDS + SIGNATURE).ok_or(Error::Overflow)
}

/// Writes a list of what this authority revokes to the front of `out`; returns
/// its length ([`revocations_len`]). The ids may come in any order, each once.
///
/// The list ends all links of earlier epochs than its own, at least 1; it
/// replaces those of earlier epochs, and those of the same epoch with a lower
/// sequence number.
///
/// [`Error::Invalid`] for an epoch of 0 or an id that comes twice,
/// [`Error::Overflow`], [`Error::BufferTooSmall`], [`Error::Hook`] for a signature
/// that is wrong, and the errors of the authority's [`Secrets`]. `out` holds
/// nothing of use then.
pub fn revoke(
    authority: &dyn Secrets,
    epoch: u64,
    sequence: u32,
    ids: &[Id],
    out: &mut [u8],
) -> Result<usize> {
    let len = revocations_len(ids.len())?;
    let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
    if epoch == 0 {
        return Err(Error::Invalid);
    }
    let key = authority.identity();
    let (list, signature) = out.split_last_chunk_mut::<SIGNATURE>().ok_or(Error::BufferTooSmall)?;
    let (head, sorted) = list.split_at_mut_checked(IDS).ok_or(Error::BufferTooSmall)?;
    let fields = header(&key).into_iter().chain(epoch.to_le_bytes());
    let fields = fields.chain(sequence.to_le_bytes()).chain((ids.len() as u32).to_le_bytes());
    head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    let (sorted, _) = sorted.as_chunks_mut();
    sorted.copy_from_slice(ids);
    sorted.sort_unstable();
    if !ascending(sorted) {
        return Err(Error::Invalid);
    }
    *signature = Signed::new(LIST, &[list]).sign(authority)?;
    Ok(len)
}

fn ascending(ids: &[Id]) -> bool {
    ids.is_sorted_by(|a, b| a < b)
}

/// A list of what an authority has revoked; its signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocations<'a> {
    authority: PublicKey,
    epoch: u64,
    sequence: u32,
    ids: &'a [Id],
}

impl<'a> Revocations<'a> {
    /// Reads a list, and checks that one of the authorities signed it.
    ///
    /// [`Error::CommVersion`], [`Error::CommFormat`] for what is not a list,
    /// [`Error::CommUntrusted`] for another authority's, and
    /// [`Error::CommSignature`].
    pub fn open(bytes: &'a [u8], authorities: &[PublicKey]) -> Result<Revocations<'a>> {
        let (list, rest) = List::read(bytes)?;
        if rest.is_empty() { list.open(authorities) } else { Err(Error::CommFormat) }
    }

    /// Of lists that lie one after the other, opens the first by the authority
    /// with this hint; `None` if there is none. All must be well formed.
    pub(crate) fn open_one_of(
        mut bytes: &'a [u8],
        hint: AuthorityHint,
        authorities: &[PublicKey],
    ) -> Result<Option<Revocations<'a>>> {
        let mut found = None;
        while !bytes.is_empty() {
            let (list, rest) = List::read(bytes)?;
            if list.hint == hint && found.is_none() {
                found = Some(list);
            }
            bytes = rest;
        }
        found.map(|list| list.open(authorities)).transpose()
    }

    /// The ids of a list whose signature nobody has checked.
    pub(crate) fn ids_of(bytes: &'a [u8]) -> Result<&'a [Id]> {
        let (list, rest) = List::read(bytes)?;
        if rest.is_empty() { Ok(list.ids) } else { Err(Error::CommFormat) }
    }

    /// Whether this list replaces that one.
    ///
    /// [`Error::CommExpired`] if it is no newer, [`Error::CommUntrusted`] if it is
    /// of another authority.
    pub fn replaces(&self, current: &Revocations<'_>) -> Result<()> {
        if self.authority != current.authority {
            Err(Error::CommUntrusted)
        } else if (self.epoch, self.sequence) <= (current.epoch, current.sequence) {
            Err(Error::CommExpired)
        } else {
            Ok(())
        }
    }

    /// Who signed it.
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// The epoch that it begins or continues: links of earlier ones have ended.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its number in that epoch.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The ids, ascending.
    pub fn ids(&self) -> &'a [Id] {
        self.ids
    }

    /// Whether this was revoked.
    pub fn contains(&self, id: &Id) -> bool {
        self.ids.binary_search(id).is_ok()
    }
}

/// A list that is well formed.
struct List<'a> {
    hint: AuthorityHint,
    epoch: u64,
    sequence: u32,
    ids: &'a [Id],
    signed: &'a [u8],
    signature: &'a [u8; SIGNATURE],
}

impl<'a> List<'a> {
    /// The list at the front, and what comes after it.
    fn read(bytes: &'a [u8]) -> Result<(List<'a>, &'a [u8])> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.byte()? != VERSION {
            return Err(Error::CommVersion);
        }
        let hint = *reader.chunk()?;
        let epoch = u64::from_le_bytes(*reader.chunk()?);
        let sequence = u32::from_le_bytes(*reader.chunk()?);
        let count = usize::try_from(u32::from_le_bytes(*reader.chunk()?));
        let len = count.ok().and_then(|count| count.checked_mul(size_of::<Id>()));
        let (ids, _) = reader.take(len.ok_or(Error::CommFormat)?)?.as_chunks();
        let (signed, _) = bytes.split_at_checked(reader.at).ok_or(Error::CommFormat)?;
        let signature = reader.chunk()?;
        let rest = bytes.get(reader.at..).unwrap_or(&[]);
        if epoch == 0 || !ascending(ids) {
            return Err(Error::CommFormat);
        }
        Ok((List { hint, epoch, sequence, ids, signed, signature }, rest))
    }

    fn open(&self, authorities: &[PublicKey]) -> Result<Revocations<'a>> {
        let List { hint, epoch, sequence, ids, signed, signature } = *self;
        let message = Signed::new(LIST, &[signed]);
        let authority = super::signer(authorities, hint, &message, signature)?;
        Ok(Revocations { authority, epoch, sequence, ids })
    }
}
