//! The replicas of a frame, which has a table of its own.

use crate::crdt::context::Member;
use crate::crdt::dot::{PackedSeq, Stamp};
use crate::crdt::wire::WireDot;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// A replica while a frame is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// Its place in the store's table, for the place in the frame's.
    of_frame: u16,
    /// Whether the frame made that replica known.
    new: bool,
    /// For the place in the store's table: all its changes up to this one are here or
    /// told by the frame; or known to the peer.
    up_to: PackedSeq,
    /// The same: the frame tells of all its changes up to this one.
    told: PackedSeq,
}

/// The replicas of a frame that is read.
pub(super) struct Places<'m> {
    places: Carved<'m, Place>,
    count: usize,
    /// Whether the frame tells of changes beyond `told`, too.
    pub ragged: bool,
    /// Whether the frame says that something is undone or no more.
    pub undoes: bool,
    /// Whether it tells of changes that do not follow on what is here and was told before.
    pub gaps: bool,
    /// Whether something in it may have been for nothing, so that its key is empty.
    pub left_out: bool,
}

impl<'m> Places<'m> {
    pub fn carve(carver: &mut Carver<'m>, replicas: usize) -> Result<Self> {
        Ok(Places {
            places: carver.take(replicas, Place::default())?,
            count: 0,
            ragged: false,
            undoes: false,
            gaps: false,
            left_out: false,
        })
    }

    /// Forgets the frame before.
    pub fn clear(&mut self) {
        self.places.fill(Place::default());
        self.count = 0;
        (self.ragged, self.undoes) = (false, false);
        (self.gaps, self.left_out) = (false, false);
    }

    /// The replicas of the frame are so many of the store, in its order.
    pub fn same(&mut self, count: usize) {
        self.clear();
        for (place, of) in self.places.iter_mut().take(count).enumerate() {
            // At most 2^15 of them.
            of.of_frame = place as u16;
        }
        self.count = count;
    }

    /// The next replica of the frame is this one.
    pub fn push(&mut self, place: usize, new: bool) -> Result<()> {
        if self.places[..self.count].iter().any(|other| other.of_frame as usize == place) {
            return Err(Error::CrdtFormat);
        }
        self.places[self.count].of_frame = place as u16;
        self.places[self.count].new = new;
        self.count += 1;
        Ok(())
    }

    /// A dot of the frame.
    #[inline]
    pub fn stamp(&self, dot: WireDot) -> Result<Stamp> {
        if dot.replica >= self.count {
            return Err(Error::CrdtFormat);
        }
        Ok(Stamp::new(self.places[dot.replica].of_frame as usize, dot.seq))
    }

    /// The replicas that the frame made known.
    pub fn new_ones(&self) -> impl Iterator<Item = usize> {
        let new = |place: &&Place| place.new;
        self.places[..self.count].iter().filter(new).map(|place| place.of_frame as usize)
    }

    /// How many replicas the frame has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The place of one of them in the store's table.
    pub fn of_frame(&self, replica: usize) -> usize {
        self.places[replica].of_frame as usize
    }

    /// Who sent the frame, unless it is a delta: the first one that it tells of.
    pub fn sender(&self) -> Option<usize> {
        self.places[..self.count].first().map(|first| first.of_frame as usize)
    }

    pub fn up_to(&self, place: usize) -> u64 {
        self.places[place].up_to.get()
    }

    pub fn set_up_to(&mut self, place: usize, seq: u64) {
        self.places[place].up_to = PackedSeq::new(seq);
    }

    /// How far the frame tells of all changes of a replica.
    #[inline]
    pub fn told(&self, place: usize) -> u64 {
        self.places[place].told.get()
    }

    /// The frame tells of these changes.
    pub fn tell(&mut self, from: Stamp, more: u64) {
        let told = self.told(from.place());
        if from.seq() <= told + 1 {
            self.places[from.place()].told = PackedSeq::new((from.seq() + more).max(told));
        } else {
            self.ragged = true;
        }
    }
}

/// The replicas of a frame that is written.
pub(super) struct Table<'m> {
    /// For the place in the store's table the one in the frame's.
    at: Carved<'m, u16>,
    count: usize,
}

impl<'m> Table<'m> {
    pub fn carve(carver: &mut Carver<'m>, replicas: usize) -> Result<Self> {
        Ok(Table { at: carver.take(replicas, 0)?, count: 0 })
    }

    /// Begins another frame.
    pub fn clear(&mut self) {
        self.at.fill(u16::MAX);
        self.count = 0;
    }

    /// The replicas of the frame are those of the store, in its order.
    pub fn of_members(&mut self, members: &[Member]) {
        self.clear();
        for (at, _) in self.at.iter_mut().zip(members).filter(|(_, member)| !member.is_free()) {
            // At most 2^15 of them.
            *at = self.count as u16;
            self.count += 1;
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Forgets the replicas that came last, down to `count`.
    pub fn truncate(&mut self, count: usize) {
        self.count = count;
        for at in self.at.iter_mut().filter(|at| **at as usize >= count) {
            *at = u16::MAX;
        }
    }

    /// Where a replica of the store is in the frame; whether it is new there.
    #[inline]
    pub fn place(&mut self, place: usize) -> (usize, bool) {
        let at = &mut self.at[place];
        let new = *at == u16::MAX;
        if new {
            *at = self.count as u16;
            self.count += 1;
        }
        (*at as usize, new)
    }
}
