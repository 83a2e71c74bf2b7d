//! The store that the members share, kept in files where there is a folder.

use std::path::Path;
use std::vec::Vec;

use crate::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use crate::error::{Error, Result};
use crate::host::clock::now_us;
use crate::host::{Folder, Storage, StorageConfig};
use crate::node::{Sharing, SharingConfig};
use crate::port::{Entropy, Heap, SystemEntropy};

/// A disk that refused is tried again after so long, in microseconds.
const AGAIN_US: u64 = 1_000_000;
/// Bytes of a message that a change needs beside name and value.
const BESIDE: usize = 160;

pub(super) struct Kept {
    pub store: Store<'static>,
    pub sharing: Sharing<'static>,
    files: Option<Storage<Folder>>,
    /// The store's version that is durable, and that was told to the caller.
    durable: u64,
    pub told: u64,
    /// The disk refuses.
    pub failed: Option<Error>,
    /// The caller was told.
    pub told_failed: bool,
    again: u64,
    /// The most bytes of a name and a value.
    most: usize,
}

/// A random number.
pub(super) fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

impl Kept {
    pub fn new(config: &StoreConfig, id: u64, folder: Option<&Path>, mtu: usize) -> Result<Kept> {
        let most = mtu.checked_sub(BESIDE).ok_or(Error::Invalid)?;
        // Without files it has forgotten what an earlier life said.
        let replica = if folder.is_some() { id } else { random()? };
        let config = StoreConfig { replica: ReplicaId(replica), ..*config };
        let mut store = Store::new(&config, Heap)?;
        let sharing = SharingConfig { seed: random()?, ..SharingConfig::new(&config, mtu) };
        let sharing = Sharing::new(&sharing, Heap)?;
        let files = match folder {
            None => None,
            Some(folder) => {
                let files = Folder::open(&folder.join("store"))?;
                Some(Storage::open(files, StorageConfig::default(), &mut store)?.0)
            }
        };
        let version = store.version();
        Ok(Kept {
            store,
            sharing,
            files,
            durable: version,
            told: version,
            failed: None,
            told_failed: false,
            again: 0,
            most,
        })
    }

    /// Makes what is in the store durable. What the disk refuses is tried again, and the error told until then.
    pub fn commit(&mut self) -> Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        let version = self.store.version();
        if version == self.durable && self.failed.is_none() {
            return Ok(());
        }
        let done = files.commit(&mut self.store);
        self.failed = done.err();
        match done {
            Ok(()) => self.durable = version,
            Err(_) => self.again = now_us().saturating_add(AGAIN_US),
        }
        done
    }

    /// The same at its time, of what others have told.
    pub fn keep(&mut self, now: u64) -> Result<()> {
        match self.failed {
            Some(error) if now < self.again => Err(error),
            _ => self.commit(),
        }
    }

    /// When to try again.
    pub fn wake_at(&self) -> u64 {
        if self.failed.is_some() { self.again } else { u64::MAX }
    }

    /// Changes what is behind a name, and makes it durable.
    pub fn change(
        &mut self,
        (name, kind): (&[u8], Kind),
        len: usize,
        change: impl FnOnce(&mut Store<'static>, Key) -> Result<()>,
    ) -> Result<()> {
        if name.is_empty() || name.len() + len > self.most {
            return Err(Error::Length);
        }
        if self.failed.is_some() {
            // Nothing is changed that may be lost.
            self.commit()?;
        }
        self.with(name, kind, change)?;
        self.commit()
    }

    /// Looks at what is behind a name.
    pub fn with<R>(
        &mut self,
        name: &[u8],
        kind: Kind,
        f: impl FnOnce(&mut Store<'static>, Key) -> Result<R>,
    ) -> Result<R> {
        let key = self.store.open(Store::ROOT, name, kind)?;
        let done = f(&mut self.store, key);
        self.store.close(key)?;
        done
    }

    pub fn get(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(name, Kind::LastWriter, |store, key| {
            Ok(store.last_written(key)?.map(|(value, _)| value.to_vec()))
        })
    }
}
