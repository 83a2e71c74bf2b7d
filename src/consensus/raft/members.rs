//! Who takes part: memberships, joint ones included (thesis, 4.3), and what a majority is.

use super::types::{EntryKind, EntryRef, Member, MemberKind, MemberStatus, NodeId};
use super::{mutation, parts};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Bytes of a member.
pub(super) const ROW: usize = 10;

#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    /// In two halves: so it takes 12 bytes, not 16.
    id: [u32; 2],
    /// What it was; 0 for nothing. All are 0 if the membership is not a joint one.
    old: u8,
    /// What it is; 0 for nothing.
    new: u8,
}

impl Row {
    fn of(id: u64) -> Row {
        Row { id: [id as u32, (id >> 32) as u32], old: 0, new: 0 }
    }

    pub fn id(&self) -> u64 {
        let [low, high] = self.id;
        u64::from(low) | u64::from(high) << 32
    }

    fn votes(kind: u8) -> bool {
        const VOTER: u8 = MemberKind::Voter as u8;
        const WITNESS: u8 = MemberKind::Witness as u8;
        matches!(kind, VOTER | WITNESS)
    }

    /// Whether it counts in one of the halves.
    pub fn voter(&self) -> bool {
        Row::votes(self.old) || Row::votes(self.new)
    }

    fn is(&self, kind: MemberKind) -> bool {
        self.old == kind as u8 || self.new == kind as u8
    }
}

/// A membership.
#[derive(Default)]
pub(super) struct Members<'m> {
    rows: Carved<'m, Row>,
    len: u8,
    joint: bool,
    /// The entry that says so.
    pub index: u64,
}

impl<'m> Members<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, peers: usize) -> Result<()> {
        self.rows = carver.take(peers, Row::default())?;
        Ok(())
    }

    pub fn rows(&self) -> &[Row] {
        self.rows.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub fn is_joint(&self) -> bool {
        self.joint
    }

    pub fn find(&self, id: u64) -> Option<usize> {
        self.rows().iter().position(|row| row.id() == id)
    }

    fn row(&self, id: u64) -> Option<&Row> {
        self.rows().iter().find(|row| row.id() == id)
    }

    pub fn has(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    pub fn is_voter(&self, id: u64) -> bool {
        self.row(id).is_some_and(Row::voter)
    }

    pub fn is_witness(&self, id: u64) -> bool {
        parts::WITNESS && self.row(id).is_some_and(|row| row.is(MemberKind::Witness))
    }

    /// Whether it may lead, now and when a joint membership has ended.
    pub fn may_lead(&self, id: u64) -> bool {
        self.row(id).is_some_and(|row| row.new == MemberKind::Voter as u8)
    }

    /// Whether it may stand for election: whoever leads may be on its way out.
    pub fn may_stand(&self, id: u64) -> bool {
        self.row(id).is_some_and(|row| row.is(MemberKind::Voter))
    }

    pub fn status(&self) -> impl Iterator<Item = MemberStatus> + '_ {
        self.rows().iter().map(|row| MemberStatus {
            id: NodeId(row.id()),
            old: MemberKind::from_code(row.old),
            kind: MemberKind::from_code(row.new),
        })
    }

    /// Whether those whose bits are set, by their places, are a majority; in a joint membership of
    /// both halves.
    pub fn quorum(&self, says: u64) -> bool {
        // By how many there are more of those who say yes than of the others.
        let (mut new, mut old, mut says) = (0i8, 0i8, says);
        for row in self.rows() {
            let one = if says & 1 == 1 { 1 } else { -1 };
            new += if Row::votes(row.new) { one } else { 0 };
            old += if Row::votes(row.old) { one } else { 0 };
            says >>= 1;
        }
        new > 0 && (!self.joint || old > 0 || mutation::is("new-half-alone"))
    }

    /// The largest value that a majority has reached, of the values by place; at least `known`.
    pub fn reached(&self, known: u64, value: &dyn Fn(usize) -> u64) -> u64 {
        let mut best = known;
        for (at, row) in self.rows().iter().enumerate() {
            let own = value(at);
            if !row.voter() || own <= best {
                continue;
            }
            let all = (0..self.rows().len()).rev();
            let says = all.fold(0, |bits, other| bits << 1 | u64::from(value(other) >= own));
            if self.quorum(says) {
                best = own;
            }
        }
        best
    }

    /// Does what an entry says about the membership; whether it says anything. Its bytes were looked through
    /// when it came.
    pub fn take(&mut self, entry: &EntryRef<'_>) -> bool {
        match entry.kind {
            EntryKind::Members => self.decode(entry.data, entry.index).is_ok(),
            EntryKind::Leave => {
                self.leave(entry.index);
                true
            }
            _ => false,
        }
    }

    /// Makes it what another one is.
    pub fn copy_from(&mut self, other: &Members<'_>) {
        if let Some(place) = self.rows.get_mut(..other.rows().len()) {
            place.copy_from_slice(other.rows());
        }
        (self.len, self.joint, self.index) = (other.len, other.joint, other.index);
    }

    pub fn clear(&mut self) {
        (self.len, self.joint, self.index) = (0, false, 0);
    }

    /// Ends a joint membership.
    pub fn leave(&mut self, index: u64) {
        let mut kept = 0usize;
        for at in 0..usize::from(self.len) {
            let Some(row) = self.rows.get(at).copied() else { break };
            if row.new != 0 {
                if let Some(place) = self.rows.get_mut(kept) {
                    *place = Row { old: 0, ..row };
                }
                kept += 1;
            }
        }
        (self.len, self.joint, self.index) = (kept as u8, false, index);
    }

    /// Makes a joint membership of this one: everyone is what it was.
    pub fn enter(&mut self) {
        let len = usize::from(self.len);
        self.rows.iter_mut().take(len).for_each(|row| row.old = row.new);
        self.joint = true;
    }

    /// In the new half a member is something else, or nothing.
    pub fn set(&mut self, id: u64, kind: Option<MemberKind>) -> Result<()> {
        if !parts::WITNESS && kind == Some(MemberKind::Witness) {
            return Err(Error::Unsupported);
        }
        if id == 0 {
            return Err(Error::Invalid);
        }
        let at = match (self.find(id), kind) {
            (Some(at), _) => at,
            (None, None) => return Ok(()),
            (None, Some(_)) if usize::from(self.len) == self.rows.len() => {
                return Err(Error::RaftMember);
            }
            (None, Some(_)) => {
                let at = usize::from(self.len);
                self.rows.get_mut(at).into_iter().for_each(|row| *row = Row::default());
                self.len += 1;
                at
            }
        };
        if let Some(row) = self.rows.get_mut(at) {
            let new = kind.map_or(0, |kind| kind as u8);
            let was = row.old;
            *row = Row { old: was, new, ..Row::of(id) };
            // A witness has no data, and whoever has data is no witness.
            let witness = MemberKind::Witness as u8;
            if parts::WITNESS
                && was != 0
                && new != 0
                && was != new
                && (was == witness || new == witness)
            {
                return Err(Error::RaftMember);
            }
        }
        Ok(())
    }

    /// Whether somebody can lead in the new half.
    pub fn can_work(&self) -> bool {
        self.rows().iter().any(|row| row.new == MemberKind::Voter as u8)
    }

    /// Whether both halves are the same.
    pub fn unchanged(&self) -> bool {
        self.rows().iter().all(|row| row.old == row.new)
    }

    /// The members that a group begins with.
    pub fn begin(&mut self, count: usize, member: &dyn Fn(usize) -> Result<Member>) -> Result<()> {
        self.clear();
        for at in 0..count {
            let member = member(at)?;
            if self.has(member.id.0) {
                return Err(Error::Invalid);
            }
            self.set(member.id.0, Some(member.kind))?;
        }
        if self.can_work() { Ok(()) } else { Err(Error::RaftMember) }
    }

    /// As bytes; how many.
    pub fn encode(&self, place: &mut [u8]) -> Option<usize> {
        let (count, mut rest) = place.split_first_mut()?;
        *count = 0;
        for row in self.rows().iter() {
            // Somebody who came and went in one change.
            if row.new == 0 && row.old == 0 {
                continue;
            }
            let (place, behind) = rest.split_first_chunk_mut::<ROW>()?;
            place[..8].copy_from_slice(&row.id().to_le_bytes());
            place[8] = row.old;
            place[9] = row.new;
            (*count, rest) = (*count + 1, behind);
        }
        Some(1 + ROW * usize::from(*count))
    }

    /// From bytes. Nothing is changed if they are refused.
    pub fn decode(&mut self, bytes: &[u8], index: u64) -> Result<()> {
        Members::check(bytes, self.rows.len())?;
        let rows = rows_of(bytes)?;
        (self.len, self.joint) = (rows.len() as u8, false);
        for (place, row) in self.rows.iter_mut().zip(rows) {
            *place = parse(row);
            self.joint |= place.old != 0;
        }
        self.index = index;
        Ok(())
    }

    /// Whether bytes are a membership of at most so many: each once, somebody who can lead.
    pub fn check(bytes: &[u8], peers: usize) -> Result<()> {
        let rows = rows_of(bytes)?;
        let (mut can_work, mut could, mut joint, mut witness) = (false, false, false, false);
        for (at, row) in rows.iter().map(parse).enumerate() {
            let known = |kind| kind == 0 || MemberKind::from_code(kind).is_some();
            let twice = rows.iter().take(at).any(|other| parse(other).id() == row.id());
            if row.id() == 0
                || twice
                || !known(row.old)
                || !known(row.new)
                || row.old | row.new == 0
            {
                return Err(Error::RaftFormat);
            }
            can_work |= row.new == MemberKind::Voter as u8;
            could |= row.old == MemberKind::Voter as u8;
            joint |= row.old != 0;
            witness |= row.is(MemberKind::Witness);
        }
        match () {
            () if !can_work || (joint && !could) => Err(Error::RaftFormat),
            () if rows.len() > peers => Err(Error::Capacity),
            () if witness && !parts::WITNESS => Err(Error::Unsupported),
            () => Ok(()),
        }
    }
}

fn rows_of(bytes: &[u8]) -> Result<&[[u8; ROW]]> {
    let (count, rest) = bytes.split_first().ok_or(Error::RaftFormat)?;
    let (rows, behind) = rest.as_chunks::<ROW>();
    let fits = rows.len() == usize::from(*count) && behind.is_empty();
    if fits { Ok(rows) } else { Err(Error::RaftFormat) }
}

fn parse(bytes: &[u8; ROW]) -> Row {
    let [id @ .., old, new] = *bytes;
    Row { old, new, ..Row::of(u64::from_le_bytes(id)) }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};

    fn with(peers: usize, test: impl FnOnce(&mut Members<'_>, &mut Members<'_>)) {
        let mut measure = Carver::measure();
        let (mut first, mut second) = (Members::default(), Members::default());
        first.carve(&mut measure, peers).unwrap();
        second.carve(&mut measure, peers).unwrap();
        let layout = measure.layout().unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        let mut carver = piece.carver(layout).unwrap();
        first.carve(&mut carver, peers).unwrap();
        second.carve(&mut carver, peers).unwrap();
        test(&mut first, &mut second);
    }

    fn member(id: u64, kind: MemberKind) -> Member {
        Member { id: NodeId(id), kind }
    }

    fn begin(members: &mut Members<'_>, all: &[Member]) {
        members.begin(all.len(), &|at| Ok(all[at])).unwrap();
    }

    #[test]
    fn a_joint_membership_needs_both_majorities() {
        with(6, |members, other| {
            let three = [1, 2, 3].map(|id| member(id, MemberKind::Voter));
            begin(members, &three);
            members.enter();
            for id in [1, 2] {
                members.set(id, None).unwrap();
            }
            for id in [4, 5] {
                members.set(id, Some(MemberKind::Voter)).unwrap();
            }
            members.set(6, Some(MemberKind::Learner)).unwrap();
            assert!(members.is_joint() && members.can_work());
            let bit = |id: &u64| 1 << members.find(*id).unwrap();
            let says = |ids: &[u64]| members.quorum(ids.iter().map(bit).sum());
            assert!(!says(&[1, 2]) && !says(&[3, 4, 6]) && says(&[2, 3, 4]) && says(&[1, 2, 4, 5]));
            assert_eq!(members.reached(0, &|i| members.rows()[i].id()), 2);

            let mut bytes = [0; 61];
            assert_eq!(members.encode(&mut bytes), Some(61));
            other.decode(&bytes, 9).unwrap();
            assert!(other.is_joint() && other.rows().len() == 6);
            other.leave(10);
            assert!(!other.is_joint() && !other.has(1) && other.has(6) && other.rows().len() == 4);
            let mut left = [0; 41];
            assert_eq!(other.encode(&mut left), Some(41));
            other.decode(&left, 10).unwrap();
            assert!(!other.is_joint() && other.rows().len() == 4);
        });
    }

    #[cfg(feature = "raft-witness")]
    #[test]
    fn a_witness_stays_one() {
        with(3, |members, _| {
            let two = [member(1, MemberKind::Voter), member(2, MemberKind::Witness)];
            begin(members, &two);
            members.enter();
            assert_eq!(members.set(2, Some(MemberKind::Voter)), Err(Error::RaftMember));
            begin(members, &two);
            members.enter();
            members.set(2, None).unwrap();
            members.set(1, None).unwrap();
            assert!(!members.can_work());
        });
    }

    #[test]
    fn bytes_that_are_no_membership_are_refused() {
        let bad: &[&[u8]] = &[
            &[],
            &[0],
            &[1],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2],
            &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4],
            &[1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1],
            &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            &[2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ];
        for bytes in bad {
            assert_eq!(Members::check(bytes, 3), Err(Error::RaftFormat), "{bytes:?}");
        }
        let two = [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(Members::check(&two, 1), Err(Error::Capacity));
        assert_eq!(Members::check(&two, 2), Ok(()));
    }
}
