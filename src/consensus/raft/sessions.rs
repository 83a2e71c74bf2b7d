//! Exactly-once: the last proposal of each client (thesis, 6.3).
//!
//! Who has proposed twice is found out when an entry is appended, so a log never holds an
//! entry twice: every entry was appended by a leader that looked through all before it. The table
//! is what committed entries say, and nothing else: of the clients that fit, those with the
//! newest entries. Entries that are taken in again, after a restart or behind a newer snapshot's
//! table, change nothing.
//!
//! A client that has fallen out of the table is a new one: its proposal 1 is appended again, all later ones
//! are refused. So a client that may have been silent for long goes on under another name.

use super::log::CLIENT;
use super::parts;
use super::types::MOST;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Bytes of a client.
pub(super) const ROW: usize = 24;

#[derive(Clone, Copy, Default)]
struct Client {
    /// 0: the place is free.
    id: u64,
    /// Its last proposal that is committed,
    sequence: u64,
    /// and where.
    index: u64,
    /// Its last proposal that this node, as leader, has appended.
    appended: u64,
}

#[derive(Default)]
pub(super) struct Sessions<'m> {
    clients: Carved<'m, Client>,
}

/// Client and sequence of a client's entry; nobody is client 0.
pub(super) fn client_of(data: &[u8]) -> Option<(u64, u64)> {
    let (client, rest) = data.split_first_chunk()?;
    let client = u64::from_le_bytes(*client);
    let sequence = u64::from_le_bytes(*rest.first_chunk()?);
    (client != 0 && sequence != 0).then_some((client, sequence))
}

/// What stands in front of a client's data.
pub(super) fn front(client: u64, sequence: u64) -> [u8; CLIENT] {
    let mut front = [0; CLIENT];
    front[..8].copy_from_slice(&client.to_le_bytes());
    front[8..].copy_from_slice(&sequence.to_le_bytes());
    front
}

impl<'m> Sessions<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, count: usize) -> Result<()> {
        if parts::SESSIONS {
            self.clients = carver.take(count, Client::default())?;
        }
        Ok(())
    }

    pub fn is_off(&self) -> bool {
        !parts::SESSIONS || self.clients.is_empty()
    }

    /// An entry is committed; whether its client was not known before.
    pub fn committed(&mut self, id: u64, sequence: u64, index: u64) -> bool {
        if self.is_off() {
            return false;
        }
        let known = self.clients.iter_mut().find(|client| client.id == id);
        if let Some(client) = known {
            client.sequence = client.sequence.max(sequence);
            client.index = client.index.max(index);
            client.appended = client.appended.max(sequence);
            return false;
        }
        // A free place has index 0.
        let oldest = self.clients.iter_mut().min_by_key(|client| client.index);
        match oldest.filter(|place| place.index < index) {
            Some(place) => *place = Client { id, sequence, index, appended: sequence },
            None => return false,
        }
        true
    }

    /// The last proposal of a client that is known.
    pub fn last(&self, id: u64) -> Option<u64> {
        self.clients.iter().find(|client| client.id == id).map(|client| client.appended)
    }

    /// A leader has appended an entry.
    pub fn appended(&mut self, id: u64, sequence: u64) {
        if self.is_off() {
            return;
        }
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
            client.appended = client.appended.max(sequence);
        }
    }

    /// Forgets what was appended and is not committed: a new leader looks for itself.
    pub fn only_committed(&mut self) {
        if self.is_off() {
            return;
        }
        self.clients.iter_mut().for_each(|client| client.appended = client.sequence);
    }

    /// Whether a client's proposal may be appended behind its last one.
    pub fn check(last: u64, sequence: u64) -> Result<()> {
        match () {
            () if sequence == 0 => Err(Error::Invalid),
            () if sequence <= last => Err(Error::RaftDuplicate),
            () if sequence - 1 > last => Err(Error::RaftSession),
            () => Ok(()),
        }
    }

    /// As bytes; how many.
    pub fn encode(&self, place: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        if self.is_off() {
            return Some(0);
        }
        for client in self.clients.iter().filter(|client| client.id != 0) {
            let place = place.get_mut(len..)?.first_chunk_mut::<ROW>()?;
            place[..8].copy_from_slice(&client.id.to_le_bytes());
            place[8..16].copy_from_slice(&client.sequence.to_le_bytes());
            place[16..].copy_from_slice(&client.index.to_le_bytes());
            len += ROW;
        }
        Some(len)
    }

    /// Whether bytes are clients.
    pub fn check_bytes(bytes: &[u8]) -> Result<()> {
        if !parts::SESSIONS {
            return if bytes.is_empty() { Ok(()) } else { Err(Error::Unsupported) };
        }
        let (rows, rest) = bytes.as_chunks::<ROW>();
        let fine = rest.is_empty()
            && rows.iter().all(|row| {
                let (id, sequence, index) = parse(row);
                id != 0 && sequence != 0 && (1..=MOST).contains(&index)
            });
        if fine { Ok(()) } else { Err(Error::RaftFormat) }
    }

    /// Takes in what other committed entries say.
    pub fn join(&mut self, bytes: &[u8]) {
        if self.is_off() {
            return;
        }
        for row in bytes.as_chunks::<ROW>().0 {
            let (id, sequence, index) = parse(row);
            self.committed(id, sequence, index);
        }
    }
}

fn parse(row: &[u8; ROW]) -> (u64, u64, u64) {
    let (parts, _) = row.as_chunks::<8>();
    let number = |at: usize| parts.get(at).map_or(0, |part| u64::from_le_bytes(*part));
    (number(0), number(1), number(2))
}

#[cfg(all(test, feature = "alloc", feature = "raft-sessions"))]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};

    #[test]
    fn the_table_is_the_newest_clients_whatever_is_told_twice() {
        let (mut measure, mut sessions) = (Carver::measure(), Sessions::default());
        sessions.carve(&mut measure, 2).unwrap();
        let layout = measure.layout().unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        sessions.carve(&mut piece.carver(layout).unwrap(), 2).unwrap();
        let entries = [(7, 1, 2), (8, 1, 3), (7, 2, 4), (9, 1, 5), (9, 2, 6)];
        for _ in 0..2 {
            for (id, sequence, index) in entries {
                sessions.committed(id, sequence, index);
            }
            // 8 is the one that was not heard of for the longest time.
            assert_eq!([7, 8, 9].map(|id| sessions.last(id)), [Some(2), None, Some(2)]);
        }
        sessions.appended(9, 3);
        assert_eq!(sessions.last(9), Some(3));
        sessions.only_committed();
        assert_eq!(sessions.last(9), Some(2));
        let mut bytes = [0; 2 * ROW];
        assert_eq!(sessions.encode(&mut bytes), Some(2 * ROW));
        Sessions::check_bytes(&bytes).unwrap();
        sessions.join(&bytes);
        assert_eq!([7, 8, 9].map(|id| sessions.last(id)), [Some(2), None, Some(2)]);
        assert_eq!(Sessions::check_bytes(&bytes[1..]), Err(Error::RaftFormat));
        for (at, value) in [(0, 0), (1, 0), (2, 0), (2, MOST + 1)] {
            let mut bad = [5u64, 6, 7];
            bad[at] = value;
            let bytes = bad.map(u64::to_le_bytes);
            assert_eq!(Sessions::check_bytes(bytes.as_flattened()), Err(Error::RaftFormat));
        }
        assert_eq!(client_of(&front(5, 6)), Some((5, 6)));
    }
}
