//! The network: how long datagrams take, which of them are lost, and who cannot reach whom.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::error::{Error, Result};

/// A share of one, in millionths: [`Conditions::loss`] and its like.
pub const MILLION: u32 = 1_000_000;

/// How datagrams fare on a way. Times are in microseconds, shares in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// So long one takes at least.
    pub latency_us: u64,
    /// And up to so much longer, uniformly: those that are sent one soon after the other overtake each other by it.
    pub jitter_us: u64,
    /// So many are lost.
    pub loss: u32,
    /// So many arrive twice, each at a time of its own.
    pub duplicated: u32,
    /// So many are held up for `held_us` more, so that later ones arrive before them.
    pub held: u32,
    /// How long those are held up.
    pub held_us: u64,
}

impl Conditions {
    /// A local network: 1 to 2 ms, nothing is lost.
    pub const fn new() -> Conditions {
        Conditions {
            latency_us: 1_000,
            jitter_us: 1_000,
            loss: 0,
            duplicated: 0,
            held: 0,
            held_us: 0,
        }
    }

    /// [`Error::Invalid`] for a share of more than one, or a time of more than a day.
    pub fn check(&self) -> Result<()> {
        let shares = [self.loss, self.duplicated, self.held];
        let times = [self.latency_us, self.jitter_us, self.held_us];
        let good = shares.iter().all(|share| *share <= MILLION)
            && times.iter().all(|time| *time <= 86_400_000_000);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// Which ways there are between places, and how datagrams fare on them.
///
/// Each way has two directions, which are apart: one may be cut while the other is open.
#[derive(Clone, Debug, Default)]
pub struct Network {
    everywhere: Conditions,
    links: BTreeMap<(usize, usize), Conditions>,
    cut: BTreeSet<(usize, usize)>,
    sides: BTreeMap<usize, usize>,
}

impl Network {
    /// The conditions of all ways that have none of their own.
    pub const fn conditions(&self) -> &Conditions {
        &self.everywhere
    }

    /// Sets them. [`Error::Invalid`] as with [`Conditions::check`].
    pub fn set_conditions(&mut self, conditions: Conditions) -> Result<()> {
        conditions.check()?;
        self.everywhere = conditions;
        Ok(())
    }

    /// The conditions of one direction of one way.
    pub fn link(&self, from: usize, to: usize) -> &Conditions {
        self.links.get(&(from, to)).unwrap_or(&self.everywhere)
    }

    /// Sets the conditions of one direction of one way; `None`: those of all others, again.
    ///
    /// [`Error::Invalid`] as with [`Conditions::check`].
    pub fn set_link(
        &mut self,
        from: usize,
        to: usize,
        conditions: Option<Conditions>,
    ) -> Result<()> {
        match conditions {
            Some(conditions) => {
                conditions.check()?;
                self.links.insert((from, to), conditions);
            }
            None => {
                self.links.remove(&(from, to));
            }
        }
        Ok(())
    }

    /// From now on nothing comes from there to there; the other direction stays as it is.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Ends a cut.
    pub fn mend(&mut self, from: usize, to: usize) {
        self.cut.remove(&(from, to));
    }

    /// Divides the network: places on different sides do not reach each other. At first all are on side 0.
    pub fn set_side(&mut self, place: usize, side: usize) {
        self.sides.insert(place, side);
    }

    /// Ends all cuts and divisions.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.sides.clear();
    }

    /// Whether there is a way from there to there.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        let side = |place: usize| self.sides.get(&place).copied().unwrap_or(0);
        side(from) == side(to) && !self.cut.contains(&(from, to))
    }

    /// One datagram goes out: after how long it arrives, and after how long once more.
    pub(super) fn carry(
        &self,
        from: usize,
        to: usize,
        random: &mut Xoshiro256PlusPlus,
    ) -> [Option<u64>; 2] {
        if !self.reaches(from, to) {
            return [None; 2];
        }
        let way = self.link(from, to);
        if chance(random, way.loss) {
            return [None; 2];
        }
        let first = Some(way.time(random));
        let second = chance(random, way.duplicated).then(|| way.time(random));
        [first, second]
    }
}

impl Conditions {
    fn time(&self, random: &mut Xoshiro256PlusPlus) -> u64 {
        let jitter = random.next_u64() % (self.jitter_us + 1);
        let held = if chance(random, self.held) { self.held_us } else { 0 };
        self.latency_us + jitter + held
    }
}

/// Whether it falls into so many of a million.
fn chance(random: &mut Xoshiro256PlusPlus, share: u32) -> bool {
    share > 0 && random.next_u64() % u64::from(MILLION) < u64::from(share)
}
