//! Places for what waits for an answer: reads, and forwarded proposals.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// What may lie in a place.
pub(super) trait Slot: Copy + Default {
    /// Whether nothing does.
    fn is_free(&self) -> bool;
    /// When it is given up; never if it does not wait.
    fn until(&self) -> u64;
}

#[derive(Default)]
pub(super) struct Slots<'m, T> {
    all: Carved<'m, T>,
    /// So many are not free.
    used: usize,
    questions: u64,
}

// The functions that look through all places are there once, whatever is looked for: each is short, and called
// from many places.
impl<'m, T: Slot> Slots<'m, T> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, count: usize) -> Result<()> {
        self.all = carver.take(count, T::default())?;
        Ok(())
    }

    /// Questions are numbered from here on.
    pub fn begin(&mut self, questions: u64) {
        self.questions = questions;
    }

    /// The number of the next question.
    pub fn question(&mut self) -> u64 {
        self.questions += 1;
        self.questions
    }

    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// A place that is free.
    fn free(&self) -> Result<usize> {
        self.all.iter().position(Slot::is_free).ok_or(Error::Capacity)
    }

    /// Puts something in a free place: which one.
    pub fn add(&mut self, new: T) -> Result<usize> {
        let at = self.free()?;
        self.all.get_mut(at).into_iter().for_each(|place| *place = new);
        self.used += 1;
        Ok(at)
    }

    /// Edits each that is there.
    #[inline(never)]
    pub fn each(&mut self, edit: &mut dyn FnMut(&mut T)) {
        if self.used == 0 {
            return;
        }
        self.used = 0;
        for slot in self.all.iter_mut().filter(|slot| !slot.is_free()) {
            edit(slot);
            self.used += usize::from(!slot.is_free());
        }
    }

    /// The first that is so.
    #[inline(never)]
    pub fn find(&mut self, is: &dyn Fn(&T) -> bool) -> Option<&mut T> {
        if self.used == 0 {
            return None;
        }
        self.all.iter_mut().find(|slot| !slot.is_free() && is(slot))
    }

    /// The same, which is no longer there then.
    pub fn take(&mut self, is: &dyn Fn(&T) -> bool) -> Option<T> {
        let taken = self.find(is).map(core::mem::take);
        self.used -= usize::from(taken.is_some());
        taken
    }

    /// The place of the one with the least of something.
    pub fn least(&self, of: &dyn Fn(&T) -> u64) -> Option<usize> {
        if self.used == 0 {
            return None;
        }
        let (mut best, mut least) = (None, u64::MAX);
        for (at, slot) in self.all.iter().enumerate() {
            let value = of(slot);
            if value < least {
                (best, least) = (Some(at), value);
            }
        }
        best
    }

    pub fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.all.get_mut(at)
    }

    /// When the first is given up.
    #[inline(never)]
    pub fn wake(&self) -> u64 {
        if self.used == 0 {
            return u64::MAX;
        }
        self.all.iter().fold(u64::MAX, |wake, slot| wake.min(slot.until()))
    }
}
