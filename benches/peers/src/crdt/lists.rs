//! Edits of a list, each with the bytes that tell others.

use std::sync::{Arc, Mutex};

use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayRef, Doc, Out, ReadTxn, StateVector, Transact, TransactionMut, Update,
    UpdateEvent,
};

use neural_swarm::crdt::{Kind, StoreConfig};

use super::ours::{Ours, config};
use super::{Bench, number};
use crate::measure::{Contestant, Outcome, alternate, timed};
use crate::report::{Section, Table, number as figure};

/// What happens to a list, at a place.
#[derive(Clone, Copy)]
enum Edit {
    Insert(u32, [u8; 8]),
    Remove(u32),
}

/// Elements one behind the other, as somebody writes them.
fn sequential(edits: u64) -> Vec<Edit> {
    (0..edits).map(|i| Edit::Insert(i as u32, number(i).to_le_bytes())).collect()
}

/// Elements anywhere; one edit of five removes.
fn random(edits: u64) -> Vec<Edit> {
    let mut len = 0;
    let edit = |i: u64| {
        let (place, choice) = (number(2 * i), number(2 * i + 1));
        if len > 0 && choice % 5 == 0 {
            len -= 1;
            Edit::Remove((place % (len + 1)) as u32)
        } else {
            len += 1;
            Edit::Insert((place % len) as u32, choice.to_le_bytes())
        }
    };
    (0..edits).map(edit).collect()
}

/// A document of yrs with a list.
struct Theirs {
    doc: Doc,
    list: ArrayRef,
    /// What the last transaction has others told.
    update: Arc<Mutex<Vec<u8>>>,
}

/// A replica of a list.
trait List: Sized {
    type Values: PartialEq;

    fn new(replica: u64, elements: usize) -> Outcome<Self>;
    /// The edit, and what others are told.
    fn edit(&mut self, edit: Edit) -> Vec<u8>;
    fn take_in(&mut self, update: &[u8]) -> Outcome<()>;
    fn state(&mut self) -> Vec<u8>;
    fn values(&self) -> Self::Values;
}

impl List for Ours {
    type Values = Vec<Vec<u8>>;

    fn new(replica: u64, elements: usize) -> Outcome<Ours> {
        // Positions of random edits take some 20 bytes, the tree and the heap 20 more.
        let config = StoreConfig { bytes: elements * 120, ..config(replica, elements) };
        Ours::new(&config, Kind::List)
    }

    fn edit(&mut self, edit: Edit) -> Vec<u8> {
        // What a peer has that was told all before.
        let peer = self.context();
        match edit {
            Edit::Insert(at, value) => self.store.insert(self.key, at as usize, &value),
            Edit::Remove(at) => self.store.remove_at(self.key, at as usize, 1),
        }
        .expect("room");
        let mut frame = [0; 1200];
        let len = self.tell(&peer, &mut frame);
        frame[..len].to_vec()
    }

    fn take_in(&mut self, update: &[u8]) -> Outcome<()> {
        self.merge(update);
        Ok(())
    }

    fn state(&mut self) -> Vec<u8> {
        Ours::state(self)
    }

    fn values(&self) -> Self::Values {
        self.store.elements(self.key).expect("a list").map(Vec::from).collect()
    }
}

impl List for Theirs {
    type Values = Vec<Out>;

    /// A replica's document. Its number is not drawn, so that the bytes are the same.
    fn new(replica: u64, _: usize) -> Outcome<Theirs> {
        let doc = Doc::with_client_id(replica);
        let list = doc.get_or_insert_array("list");
        let update = Arc::new(Mutex::new(Vec::new()));
        let last = update.clone();
        let tell = move |_: &TransactionMut<'_>, event: &UpdateEvent| {
            last.lock().expect("one thread").clone_from(&event.update);
        };
        doc.observe_update_v1("told", tell).expect("a document");
        Ok(Theirs { doc, list, update })
    }

    fn edit(&mut self, edit: Edit) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        match edit {
            Edit::Insert(at, value) => {
                self.list.insert(&mut transaction, at, Any::Buffer(value.as_slice().into()));
            }
            Edit::Remove(at) => self.list.remove(&mut transaction, at),
        }
        drop(transaction);
        std::mem::take(&mut *self.update.lock().expect("one thread"))
    }

    fn state(&mut self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    fn take_in(&mut self, update: &[u8]) -> Outcome<()> {
        let update = Update::decode_v1(update)?;
        Ok(self.doc.transact_mut().apply_update(update)?)
    }

    fn values(&self) -> Self::Values {
        self.list.iter(&self.doc.transact()).collect()
    }
}

/// The edits of a trace, and their updates taken in by another replica: nanoseconds for
/// one, and bytes of all.
struct Measured {
    edit: f64,
    take_in: f64,
    bytes: usize,
    state: usize,
}

impl Measured {
    fn row(&self, what: [&str; 2], count: u64) -> Vec<String> {
        let bytes = figure(self.bytes as f64 / count as f64);
        let cells = [
            format!("{:.0} ns", self.edit),
            format!("{:.0} ns", self.take_in),
            bytes,
            self.state.to_string(),
        ];
        what.map(String::from).into_iter().chain(cells).collect()
    }
}

fn measured<L: List>(bench: &Bench, trace: &[Edit]) -> Outcome<Measured> {
    let mut one = L::new(1, trace.len())?;
    let updates: Vec<Vec<u8>> = trace.iter().map(|edit| one.edit(*edit)).collect();
    let mut two = L::new(2, trace.len())?;
    updates.iter().try_for_each(|update| two.take_in(update))?;
    if one.values() != two.values() {
        return Err("the replicas of a list do not have the same".into());
    }
    let edits = Contestant::new("edits", |times| {
        let mut taken = 0.0;
        for _ in 0..times {
            let mut list = L::new(1, trace.len())?;
            taken += timed(|| trace.iter().map(|edit| list.edit(*edit).len()).sum::<usize>());
        }
        Ok(taken)
    });
    let merges = Contestant::new("merges", |times| {
        let mut taken = 0.0;
        for _ in 0..times {
            let mut list = L::new(2, trace.len())?;
            taken += timed(|| updates.iter().try_for_each(|update| list.take_in(update)).is_ok());
        }
        Ok(taken)
    });
    let stats = alternate(&mut [edits, merges], bench.effort)?;
    let count = trace.len() as f64;
    Ok(Measured {
        edit: stats[0].min / count,
        take_in: stats[1].min / count,
        bytes: updates.iter().map(Vec::len).sum(),
        state: one.state().len(),
    })
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let count = bench.effort.pick(10_000, 200);
    let mut section = Section {
        title: "Lists",
        text: format!(
            "{count} edits of a list of byte strings of 8 bytes, each with the bytes that tell others \
             (ours a delta to a peer that has all before; for yrs a transaction of its own and \
             `observe_update_v1`), and all of those taken in \
             by another replica. Random edits insert anywhere, and one of five removes."
        ),
        ..Section::default()
    };
    let mut rows = Vec::new();
    for (name, trace) in [("sequential", sequential(count)), ("random", random(count))] {
        if !bench.wants(&format!("list, {name}")) {
            continue;
        }
        rows.push(measured::<Ours>(bench, &trace)?.row([name, "ours"], count));
        rows.push(measured::<Theirs>(bench, &trace)?.row([name, "yrs"], count));
    }
    if !rows.is_empty() {
        let head = vec!["edits", "who", "an edit", "taken in", "bytes an edit", "bytes of all"];
        section.tables.push((String::new(), Table { head, rows }));
    }
    Ok(section)
}
