//! Reading a journal.

use std::vec;
use std::vec::Vec;

use super::{Files, MARK, PIECE, Storage, WHOLE, journal_name};
use crate::crdt::Store;
use crate::crdt::record::{HEAD, unseal};
use crate::error::{Error, Result};

/// What a journal had.
#[derive(Default)]
pub(super) struct Replayed {
    pub records: u64,
    /// Bytes of whole records, and those behind them.
    pub len: u64,
    pub cut: u64,
    /// The snapshot that its end leads to, if there is such a record at its end.
    pub whole_until: Option<u64>,
}

impl<F: Files> Storage<F> {
    /// Takes in a journal, as far as it was written.
    ///
    /// [`Error::CrdtDamaged`] if a record is damaged and was durable.
    pub(super) fn replay(&mut self, number: u64, store: &mut Store<'_>) -> Result<Replayed> {
        let bytes = self.read_all(&journal_name(number))?;
        let (mut replayed, mut rest) = (Replayed::default(), &bytes[..]);
        while !rest.is_empty() {
            let (held, _) = match unseal(rest) {
                Err(Error::CrdtTorn | Error::CrdtDamaged) => break,
                record => record?,
            };
            match number_in(held) {
                None => {
                    store.replay(rest)?;
                    replayed.records += 1;
                    replayed.whole_until = None;
                }
                Some((WHOLE, number)) => replayed.whole_until = Some(number),
                Some(_) => {}
            }
            rest = &rest[HEAD + held.len()..];
        }
        replayed.cut = rest.len() as u64;
        replayed.len = (bytes.len() - rest.len()) as u64;
        if rest.windows(HEAD + 9).any(|note| was_durable(note, replayed.len)) {
            return Err(Error::CrdtDamaged);
        }
        Ok(replayed)
    }

    fn read_all(&mut self, name: &str) -> Result<Vec<u8>> {
        let (mut all, mut piece) = (Vec::new(), vec![0; PIECE]);
        loop {
            match self.files.read(name, all.len() as u64, &mut piece)? {
                0 => return Ok(all),
                len => all.extend_from_slice(&piece[..len]),
            }
        }
    }
}

/// What a note says, and its number.
fn number_in(held: &[u8]) -> Option<(u8, u64)> {
    let (what, number) = held.split_first_chunk::<1>()?;
    let number = u64::from_le_bytes(number.try_into().ok()?);
    matches!(what[0], MARK | WHOLE).then_some((what[0], number))
}

/// Whether these bytes are a mark that says that there was more than `len` bytes.
fn was_durable(note: &[u8], len: u64) -> bool {
    if note.first() != Some(&9) || note.get(HEAD) != Some(&MARK) {
        return false;
    }
    let number = unseal(note).ok().and_then(|(held, _)| number_in(held));
    number.is_some_and(|(what, durable)| what == MARK && durable > len)
}
