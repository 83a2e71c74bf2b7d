//! Our stores, by the Rust interface and by that of C.

use std::ptr;

use neural_swarm::crdt::{Key, Kind, Merged, ReplicaId, Store, StoreConfig};
use neural_swarm::ffi::status::{NSW_OK, nsw_status};
use neural_swarm::ffi::store::*;
use neural_swarm::ffi::store_sum::nsw_store_increment;
use neural_swarm::ffi::store_sync::{nsw_store_delta, nsw_store_merge};
use neural_swarm::port::Heap;

use crate::measure::Outcome;

/// What a store for so many items of eight bytes has.
pub fn config(replica: u64, items: usize) -> StoreConfig {
    StoreConfig { replica: ReplicaId(replica), items, ..StoreConfig::default() }
}

/// A store with one key.
pub struct Ours {
    pub store: Store<'static>,
    pub key: Key,
}

impl Ours {
    pub fn new(config: &StoreConfig, kind: Kind) -> Outcome<Ours> {
        let mut store = Store::new(config, Heap)?;
        let key = store.open(Store::ROOT, b"key", kind)?;
        Ok(Ours { store, key })
    }

    pub fn add(&mut self, element: u64) {
        self.store.add(self.key, &element.to_le_bytes()).expect("room");
    }

    pub fn remove(&mut self, element: u64) {
        assert!(self.store.remove(self.key, &element.to_le_bytes()).expect("a set"));
    }

    pub fn context(&mut self) -> Vec<u8> {
        let mut frame = vec![0; self.store.context_len()];
        self.store.context(&mut frame).expect("room");
        frame
    }

    pub fn state(&mut self) -> Vec<u8> {
        let mut frame = vec![0; self.store.state_len()];
        self.store.state(&mut frame).expect("room");
        frame
    }

    /// Writes what a peer lacks, which must fit; returns the length.
    pub fn tell(&mut self, context: &[u8], frame: &mut [u8]) -> usize {
        let told = self.store.delta(context, 0, frame).expect("in the log");
        assert_eq!(told.next, None);
        told.len
    }

    pub fn merge(&mut self, frame: &[u8]) -> Merged {
        self.store.merge(frame, 0).expect("room")
    }
}

/// The same as a C program has it.
pub struct OursC {
    store: *mut nsw_store,
    key: nsw_store_key,
}

fn check(status: nsw_status) {
    assert_eq!(status, NSW_OK);
}

impl OursC {
    pub fn new(replica: u64, items: usize, log: usize, kind: Kind) -> OursC {
        let (mut store, mut key) = (ptr::null_mut(), 0);
        // SAFETY: a configuration is zeros and its size; pointers to what they should be.
        unsafe {
            let mut config: nsw_store_config = std::mem::zeroed();
            config.size = size_of::<nsw_store_config>() as u32;
            (config.replica, config.items, config.log) = (replica, items as u32, log as u32);
            check(nsw_store_create(&config, ptr::null(), &mut store));
            let (name, kind) = (b"key", kind as u32);
            check(nsw_store_open(store, NSW_STORE_ROOT, name.as_ptr(), 3, kind, &mut key));
        }
        OursC { store, key }
    }

    pub fn add(&mut self, element: u64) {
        let bytes = element.to_le_bytes();
        // SAFETY: a store, and eight bytes.
        check(unsafe { nsw_store_add(self.store, self.key, bytes.as_ptr(), 8) });
    }

    pub fn remove(&mut self, element: u64) {
        let (bytes, mut was_in) = (element.to_le_bytes(), 0);
        // SAFETY: a store, eight bytes, and a number.
        check(unsafe {
            nsw_store_remove(self.store, self.key, bytes.as_ptr(), 8, &raw mut was_in)
        });
        assert_eq!(was_in, 1);
    }

    pub fn assign(&mut self, value: &[u8], now_ms: u64) {
        let (bytes, len) = (value.as_ptr(), value.len());
        // SAFETY: a store, and so many bytes.
        check(unsafe { nsw_store_assign(self.store, self.key, bytes, len, now_ms) });
    }

    pub fn increment(&mut self, by: u64) {
        // SAFETY: a store.
        check(unsafe { nsw_store_increment(self.store, self.key, by) });
    }

    /// Writes what a peer lacks, which must fit; returns the length.
    pub fn tell(&mut self, context: &[u8], frame: &mut [u8]) -> usize {
        let (mut cursor, mut len) = (0, 0);
        let (peer, peer_len) = (context.as_ptr(), context.len());
        let (to, cap) = (frame.as_mut_ptr(), frame.len());
        // SAFETY: a store, and buffers of the lengths that are said.
        check(unsafe {
            nsw_store_delta(self.store, peer, peer_len, &raw mut cursor, to, cap, &raw mut len)
        });
        len
    }

    pub fn merge(&mut self, frame: &[u8]) {
        let (bytes, len) = (frame.as_ptr(), frame.len());
        // SAFETY: a store, and so many bytes.
        check(unsafe { nsw_store_merge(self.store, bytes, len, 0, ptr::null_mut()) });
    }
}

impl Drop for OursC {
    fn drop(&mut self) {
        // SAFETY: a store, which nobody uses any more.
        unsafe { nsw_store_destroy(self.store) };
    }
}
