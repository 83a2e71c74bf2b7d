//! What happens by itself: probes, suspicions that end, news, comparisons.

use super::message::Kind;
use super::table::{CONFIRMATIONS, Entry};
use super::{MOST_FANOUT, Membership, Output, Standing, below};

/// How often somebody is asked for what it knows before it is given up.
const TRIES: u8 = 5;
/// The decimal logarithm of 2, in 65,536ths.
const LOG10_2: u64 = 19_728;

/// The binary logarithm of `n`, at least 1 and at most 2^32 - 1, in 65,536ths: a binary digit for each squaring of what
/// is left (Knuth, "The art of computer programming", 1.2.2).
fn log2(n: usize) -> u64 {
    let whole = n.ilog2();
    // Between 1 and 2, in 2^-31.
    let mut rest = (n as u64) << (31 - whole);
    let mut log = u64::from(whole);
    for _ in 0..16 {
        rest = (rest * rest) >> 31;
        let digit = rest >> 32;
        rest >>= digit;
        log = (log << 1) | digit;
    }
    log
}

/// A member that is being probed.
pub(super) struct Probe {
    id: u64,
    seq: u32,
    /// When others are asked.
    answer_by: u64,
    /// Those that were asked, and which of them have said that they hear nothing either: a bit for each.
    helpers: Chosen,
    nacked: u8,
    /// Whether any were asked, or could have been.
    asked: bool,
}

/// A probe for somebody else.
pub(super) struct Relay {
    pub asker: u64,
    pub seq: u32,
    pub target: u64,
    pub own_seq: u32,
    /// When to say that there is no answer so far; `None`: it was said.
    pub nack_at: Option<u64>,
    pub until: u64,
}

/// Somebody who is being asked for all that it knows.
pub(super) struct Pull {
    with: u64,
    /// The caller wants to know how it ends.
    wanted: bool,
    back: bool,
    /// From which number on.
    from: u64,
    pages: usize,
    tries: u8,
    until: u64,
}

type Chosen = heapless::Vec<u64, MOST_FANOUT>;

const _: () = assert!(MOST_FANOUT <= u8::BITS as usize);

impl Membership<'_> {
    pub(super) fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// A time of the settings, longer when this member is slow.
    fn slowed(&self, us: u64) -> u64 {
        us.saturating_mul(1 + u64::from(self.health))
    }

    pub(super) fn worsen(&mut self, by: u32) {
        self.health = self.health.saturating_add(by).min(self.settings.health_most);
    }

    /// Does what is to be done by now. [`set_wake`](Self::set_wake) follows when all else is done, too.
    pub(super) fn tick(&mut self, now: u64) {
        let late = now.saturating_sub(self.wake);
        // It does not go back.
        self.now = self.now.max(now);
        if late > self.settings.timeout_us {
            self.stall(late);
        }
        self.end_suspicions();
        let takes_part = self.own_entry().standing == Standing::Alive;
        if takes_part {
            self.run_probe();
            self.run_sync();
        }
        self.run_pull();
        self.run_relays();
        self.run_gossip();
    }

    pub(super) fn set_wake(&mut self) {
        let after = |at: u64, there: bool| if there { at } else { u64::MAX };
        let takes_part = self.own_entry().standing == Standing::Alive;
        let probe = self.probe.as_ref().filter(|probe| !probe.asked);
        let relays = self.relays.iter().map(|relay| relay.nack_at.unwrap_or(relay.until));
        self.wake = [
            after(self.period_at, takes_part),
            after(self.sync_at, takes_part),
            after(self.gossip_at, self.fanout() > 0 && self.table.has_news(self.limit())),
            self.suspect_at,
            probe.map_or(u64::MAX, |probe| probe.answer_by),
            self.pull.as_ref().map_or(u64::MAX, |pull| pull.until),
        ]
        .into_iter()
        .chain(relays)
        .fold(u64::MAX, u64::min)
        // What is due by now is not late: nobody could have known of it.
        .max(self.now);
    }

    /// Who leaves does not probe: without gossip nobody would hear of it.
    fn fanout(&self) -> usize {
        let leaves = self.own_entry().standing == Standing::Left;
        self.settings.fanout.max(usize::from(leaves))
    }

    /// This member was not there for a while: nobody can be blamed for what was not heard meanwhile.
    fn stall(&mut self, late: u64) {
        self.stats.stalled += 1;
        self.worsen(1);
        self.probe = None;
        self.period_at = self.now;
        self.relays.clear();
        if let Some(pull) = &mut self.pull {
            pull.until = pull.until.saturating_add(late);
        }
        for rank in 0..self.table.len() {
            let place = self.table.places()[rank];
            let entry = self.table.get_mut(place);
            if entry.standing == Standing::Suspect {
                entry.since = entry.since.saturating_add(late).min(self.now);
            }
        }
    }

    /// Until when a suspect may object: Lifeguard's equation for its suspicion. In whole numbers: a microcontroller may
    /// have no others.
    pub(super) fn suspected_until(&self, place: u16) -> u64 {
        let entry = self.table.get(place);
        // The decimal logarithm, in 65,536ths. A time of the settings is less than 2^37, so nothing below overflows.
        let scale = ((log2(self.table.part().max(1)) * LOG10_2) >> 16).max(1 << 16);
        let least = (self.settings.period_us * u64::from(self.settings.suspicion) * scale) >> 16;
        let most = least * u64::from(self.settings.suspicion_most);
        // Those who could confirm it: all but the first, and the suspect.
        let others = self.table.part().saturating_sub(2).min(CONFIRMATIONS);
        // In 1,024ths.
        let share = match others {
            0 => 1 << 10,
            _ => (log2(usize::from(entry.confirmed) + 1) << 10) / log2(others + 1),
        };
        let span = most - (((most - least) * share) >> 10).min(most - least);
        entry.since.saturating_add(span)
    }

    fn end_suspicions(&mut self) {
        if self.now < self.suspect_at {
            return;
        }
        self.suspect_at = u64::MAX;
        if self.table.suspects() == 0 {
            return;
        }
        for rank in 0..self.table.len() {
            let place = self.table.places()[rank];
            if self.table.get(place).standing != Standing::Suspect {
                continue;
            }
            let until = self.suspected_until(place);
            if until <= self.now {
                self.stats.buried += 1;
                self.stand(place, Standing::Dead, self.settings.id);
            } else {
                self.suspect_at = self.suspect_at.min(until);
            }
        }
    }

    /// Others by chance, `count` at most, that fit.
    fn choose(&mut self, count: usize, fits: impl Fn(&Entry) -> bool) -> Chosen {
        let mut chosen = Chosen::new();
        let mut seen = 0;
        for place in self.table.places() {
            let entry = self.table.get(*place);
            if *place == self.own || !fits(entry) {
                continue;
            }
            seen += 1;
            // Reservoir sampling (Vitter's algorithm R).
            if chosen.len() < count {
                // `count` is at most the room.
                let _ = chosen.push(entry.id);
            } else if let Some(old) = chosen.get_mut(below(&mut self.random, seen) as usize) {
                *old = entry.id;
            }
        }
        chosen
    }

    fn run_probe(&mut self) {
        let ask = self.probe.as_ref().filter(|p| !p.asked && self.now >= p.answer_by);
        if let Some((target, seq)) = ask.map(|probe| (probe.id, probe.seq)) {
            let alive = |entry: &Entry| entry.standing == Standing::Alive && entry.id != target;
            let helpers = self.choose(self.settings.indirect, alive);
            for helper in &helpers {
                self.push(*helper, Kind::Ask { seq, target });
            }
            if let Some(probe) = &mut self.probe {
                (probe.asked, probe.helpers) = (true, helpers);
            }
            // They have their time, also if this member was late to ask.
            let rest = self.slowed(self.settings.period_us - self.settings.timeout_us);
            self.period_at = self.period_at.max(self.now.saturating_add(rest));
        }
        if self.now < self.period_at {
            return;
        }
        if let Some(probe) = self.probe.take() {
            self.stats.failed += 1;
            // Helpers that said nothing at all: perhaps it is this member that does not hear.
            let helpers = probe.helpers.len() as u32;
            self.worsen(if helpers == 0 { 1 } else { helpers - probe.nacked.count_ones() });
            let place = self.table.find(probe.id);
            match place.map(|place| (place, self.table.get(place).standing)) {
                Some((place, Standing::Alive)) => {
                    self.stand(place, Standing::Suspect, self.settings.id);
                }
                Some((place, Standing::Suspect)) => self.confirm(place, self.settings.id),
                _ => {}
            }
        }
        self.period_at = self.now.saturating_add(self.slowed(self.settings.period_us));
        if let Some(id) = self.next_target() {
            let seq = self.next_seq();
            let answer_by = self.now.saturating_add(self.slowed(self.settings.timeout_us));
            // Who is not asked is not to blame.
            if self.push(id, Kind::Ping { seq }) {
                let helpers = Chosen::new();
                self.probe = Some(Probe { id, seq, answer_by, helpers, nacked: 0, asked: false });
                self.stats.probes += 1;
            }
        }
    }

    fn next_target(&mut self) -> Option<u64> {
        for _ in 0..2 {
            while self.ring_at < self.ring_len {
                let place = self.ring[self.ring_at];
                self.ring_at += 1;
                // Who is forgotten does not take part.
                let entry = self.table.get(place);
                if place != self.own && entry.takes_part() {
                    return Some(entry.id);
                }
            }
            self.begin_round();
        }
        None
    }

    /// A new order by chance.
    fn begin_round(&mut self) {
        self.forget();
        (self.ring_at, self.ring_len) = (0, 0);
        for rank in 0..self.table.len() {
            let place = self.table.places()[rank];
            if place != self.own && self.table.get(place).takes_part() {
                self.add_to_ring(place);
            }
        }
    }

    /// Among those that are still to be probed in this round, by chance.
    pub(super) fn add_to_ring(&mut self, place: u16) {
        let (at, len) = (self.ring_at, self.ring_len);
        let other = at + below(&mut self.random, (len - at + 1) as u64) as usize;
        if let Some(end) = self.ring.get_mut(len) {
            *end = place;
            self.ring.swap(other, len);
            self.ring_len += 1;
        }
    }

    /// Forgets who has left long ago. The dead stay, as long as nobody else needs the place: they may be the other part
    /// of a network that was divided.
    fn forget(&mut self) {
        let before = self.now.saturating_sub(self.settings.forget_us);
        for rank in (0..self.table.len()).rev() {
            let place = self.table.places()[rank];
            let entry = self.table.get(place);
            let left = entry.standing == Standing::Left;
            if left && !entry.due && entry.since < before && place != self.own {
                self.table.remove(place);
            }
        }
    }

    pub(super) fn acked(&mut self, from: u64, seq: u32) {
        let mine = |probe: &&Probe| {
            probe.seq == seq && (probe.id == from || probe.helpers.contains(&from))
        };
        if self.probe.as_ref().filter(mine).is_some() {
            self.probe = None;
            self.health = self.health.saturating_sub(1);
        }
        let mut relays = self.relays.iter();
        if let Some(at) = relays.position(|relay| relay.own_seq == seq && relay.target == from) {
            let relay = self.relays.swap_remove(at);
            self.push(relay.asker, Kind::Ack { seq: relay.seq });
        }
    }

    pub(super) fn nacked(&mut self, from: u64, seq: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.seq == seq) {
            let helper = probe.helpers.iter().position(|helper| *helper == from);
            // It is one of eight at most.
            probe.nacked |= helper.map_or(0, |at| 1 << at);
        }
    }

    fn run_relays(&mut self) {
        let now = self.now;
        for at in (0..self.relays.len()).rev() {
            let relay = &mut self.relays[at];
            let (asker, seq) = (relay.asker, relay.seq);
            let nack = relay.nack_at.is_some_and(|nack_at| now >= nack_at);
            if nack {
                relay.nack_at = None;
            }
            if now >= relay.until {
                self.relays.swap_remove(at);
            }
            if nack {
                self.push(asker, Kind::Nack { seq });
            }
        }
    }

    fn run_gossip(&mut self) {
        if self.now < self.gossip_at {
            return;
        }
        self.gossip_at = self.now.saturating_add(self.settings.gossip_us);
        if self.fanout() > 0 && self.table.has_news(self.limit()) {
            // Who was buried of late is told so: perhaps it can object.
            let lately = self.now.saturating_sub(self.settings.sync_us);
            let fits = |entry: &Entry| {
                entry.takes_part() || (entry.standing == Standing::Dead && entry.since >= lately)
            };
            let chosen = self.choose(self.fanout(), fits);
            for to in &chosen {
                self.push(*to, Kind::Gossip);
            }
            if chosen.is_empty() {
                self.gossip_at = self.now.saturating_add(self.settings.sync_us);
            }
        }
    }

    fn run_sync(&mut self) {
        if self.now < self.sync_at {
            return;
        }
        self.sync_at = self.now.saturating_add(self.settings.sync_us);
        // One that takes as long is given up, unless the caller waits for it.
        if self.pull.as_ref().is_some_and(|pull| pull.wanted) {
            return;
        }
        // Who has left, too: perhaps somebody else said so.
        let dead = self.choose(1, |entry| !entry.takes_part());
        let alive = self.choose(1, Entry::takes_part);
        self.sync_dead = !self.sync_dead;
        let first = if self.sync_dead { [&dead, &alive] } else { [&alive, &dead] };
        if let Some(with) = first.into_iter().find_map(|chosen| chosen.first().copied()) {
            self.start_pull(with, true, false);
        }
    }

    pub(super) fn start_pull(&mut self, with: u64, back: bool, wanted: bool) {
        let until = self.now.saturating_add(self.slowed(self.settings.timeout_us));
        self.pull = Some(Pull { with, wanted, back, from: 0, pages: 0, tries: TRIES, until });
        self.push(with, Kind::Pull { from: 0, back, sum: self.table.sum() });
    }

    fn run_pull(&mut self) {
        let until = self.now.saturating_add(self.slowed(self.settings.timeout_us));
        let Some(pull) = self.pull.as_mut().filter(|pull| self.now >= pull.until) else { return };
        pull.tries -= 1;
        pull.until = until;
        // Of the first page alone it may be that it is not needed.
        let sum = if pull.from == 0 { self.table.sum() } else { 0 };
        let (with, kind) = (pull.with, Kind::Pull { from: pull.from, back: pull.back, sum });
        if pull.tries > 0 {
            self.push(with, kind);
        } else {
            self.end_pull();
        }
    }

    /// Asks no more.
    pub(super) fn end_pull(&mut self) {
        if let Some(pull) = self.pull.take().filter(|pull| pull.wanted) {
            self.joined = Some(Output::Unanswered { with: pull.with });
        }
    }

    /// A page has come, and was read. `next`: from where the next one goes on.
    pub(super) fn paged(&mut self, with: u64, from: u64, next: Option<u64>) {
        let until = self.now.saturating_add(self.slowed(self.settings.timeout_us));
        let most = self.settings.members;
        let mine = self.pull.as_mut().filter(|pull| pull.with == with && pull.from == from);
        let Some(pull) = mine else { return };
        pull.pages += 1;
        // Each tells of one member at least.
        if let Some(next) = next.filter(|_| pull.pages < most) {
            (pull.from, pull.back, pull.tries, pull.until) = (next, false, TRIES, until);
            self.push(with, Kind::Pull { from: next, back: false, sum: 0 });
        } else if self.pull.take().is_some_and(|pull| pull.wanted) {
            self.joined = Some(Output::Joined { with });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_floats() {
        for n in (1..=40).chain([255, 256, 257, 1_000, 32_767, 32_768]) {
            let (found, real) = (log2(n) as f64 / 65_536.0, (n as f64).log2());
            assert!((found - real).abs() < 1.0 / 32_768.0, "{n}: {found}, {real}");
        }
        assert!((LOG10_2 as f64 / 65_536.0 - 2f64.log10()).abs() < 1e-5);
    }
}
