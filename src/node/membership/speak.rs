//! What is said: to others, and to the caller.

use super::message::{Kind, Writer};
use super::{Change, Frame, Membership, Output, Standing};
use crate::error::{Error, Result};

impl Membership<'_> {
    /// The next thing to do or to know. Call it until it says `None`, after each call that takes the time. A message is
    /// in the first bytes of `out`, which must have room for the longest one (`mtu`).
    ///
    /// [`Error::BufferTooSmall`] if it has not; nothing is lost then.
    pub fn next(&mut self, out: &mut [u8]) -> Result<Option<Output>> {
        let out = out.get_mut(..self.settings.mtu).ok_or(Error::BufferTooSmall)?;
        if let Some(output) = self.next_change() {
            return Ok(Some(output));
        }
        if let Some(output) = self.joined.take() {
            return Ok(Some(output));
        }
        let Some(frame) = self.frames.pop_front() else { return Ok(None) };
        let len = match frame.kind {
            Kind::Page { from, more: true } => self.write_page(from, out)?,
            Kind::Page { .. } => Writer::new(out, frame.kind)?.len(),
            _ => self.write(&frame, out)?,
        };
        self.stats.sent += 1;
        // News that were told for the last time are none.
        self.set_wake();
        Ok(Some(Output::Message { to: frame.to, len }))
    }

    fn next_change(&mut self) -> Option<Output> {
        while self.due_len > 0 {
            let place = *self.due.get(self.due_first)?;
            let entry = self.table.get_mut(place);
            let (change, told) = match (entry.told, entry.standing) {
                (
                    None | Some(Standing::Dead | Standing::Left),
                    Standing::Alive | Standing::Suspect,
                ) => {
                    entry.changed = false;
                    (Some(Change::Joined), Standing::Alive)
                }
                (Some(Standing::Alive | Standing::Suspect), Standing::Dead) => {
                    (Some(Change::Died), Standing::Dead)
                }
                (Some(Standing::Alive | Standing::Suspect), Standing::Left) => {
                    (Some(Change::Left), Standing::Left)
                }
                (Some(Standing::Alive), Standing::Suspect) => {
                    (Some(Change::Suspected), Standing::Suspect)
                }
                (Some(Standing::Suspect), Standing::Alive) => {
                    (Some(Change::Cleared), Standing::Alive)
                }
                (Some(told @ (Standing::Alive | Standing::Suspect)), _) if entry.changed => {
                    entry.changed = false;
                    (Some(Change::Said), told)
                }
                // It came and went meanwhile, or all was told.
                (_, standing) => (None, standing),
            };
            entry.told = Some(told);
            let id = entry.id;
            if let Some(change) = change {
                return Some(Output::Changed { id, change });
            }
            entry.due = false;
            self.due_first = (self.due_first + 1) % self.due.len();
            self.due_len -= 1;
        }
        None
    }

    fn write(&mut self, frame: &Frame, out: &mut [u8]) -> Result<usize> {
        let limit = self.limit();
        let to = self.table.find(frame.to);
        let mut writer = Writer::new(out, frame.kind)?;
        if matches!(frame.kind, Kind::Pull { .. }) {
            writer.put(&self.table.rumour(self.own));
        }
        // Who is not believed to be alive is told so each time: it may object (Lifeguard's buddy system).
        if let Some(place) = to.filter(|to| self.table.get(*to).standing != Standing::Alive) {
            writer.put(&self.table.rumour(place));
        }
        self.table
            .tell(limit, |table, place| Some(place) == to || writer.put(&table.rumour(place)));
        Ok(writer.len())
    }

    fn write_page(&mut self, from: u64, out: &mut [u8]) -> Result<usize> {
        let mut writer = Writer::new(out, Kind::Page { from, more: true })?;
        let ranks = self.table.rank_from(from)..self.table.len();
        let places = self.table.places().get(ranks).unwrap_or_default();
        let all = places.iter().all(|place| writer.put(&self.table.rumour(*place)));
        if all {
            writer.set_kind(Kind::Page { from, more: false });
        }
        Ok(writer.len())
    }
}
