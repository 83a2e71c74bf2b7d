//! What takes part in a node beside its membership.

use super::membership::{Change, Membership, Standing};
use super::random::below;
use crate::error::Result;
use rand_xoshiro::SplitMix64;

/// The most members that something is told at once.
pub const MOST_TARGETS: usize = 16;

/// Some members, by number.
pub type Targets = heapless::Vec<u64, MOST_TARGETS>;

/// What a part sees of the swarm.
pub struct View<'a> {
    /// The time, in microseconds of the caller's clock.
    pub now: u64,
    /// The time of day in milliseconds since 1970; 0 where there is no such clock.
    pub wall_ms: u64,
    /// Who is there.
    pub membership: &'a Membership<'a>,
}

impl View<'_> {
    /// This member's number.
    pub fn id(&self) -> u64 {
        self.membership.id()
    }

    /// Whether a member takes part, as far as is known: alive, or suspected.
    pub fn takes_part(&self, id: u64) -> bool {
        self.membership.member(id).is_some_and(|member| member.standing <= Standing::Suspect)
    }

    /// At most `count` others that take part and are not in `not`, by chance; all of them, if they are no more.
    pub fn choose(&self, count: usize, not: &[u64], random: &mut SplitMix64) -> Targets {
        let mut chosen = Targets::new();
        let mut seen = 0;
        for member in self.membership.members() {
            let id = member.id;
            if member.standing > Standing::Suspect || id == self.id() || not.contains(&id) {
                continue;
            }
            seen += 1;
            if chosen.len() < count.min(MOST_TARGETS) {
                // There is room.
                let _ = chosen.push(id);
            } else if let Some(place) = chosen.get_mut(below(random, seen) as usize) {
                *place = id;
            }
        }
        chosen
    }
}

/// A part of a node: it exchanges messages with the same part of other members.
///
/// A node asks its parts by turns, so none can hold up another. They have no input or output of their own.
pub trait Part {
    /// The first byte of its messages: 1 to 255, the same at all members, another for each part of a node. 0 is the
    /// node's own. See [`channel`](super::channel).
    fn channel(&self) -> u8;

    /// A message of the member `from` has come.
    ///
    /// An error says that it was not taken. Those that an honest member does not cause count against the sender:
    /// [`is_violation`](super::is_violation).
    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()>;

    /// The next message that is due, in the first bytes of `out`: to whom, and how many bytes. It is called again
    /// until it says `None`. Whoever it is for may be gone.
    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>>;

    /// When to ask for the [`next`](Self::next) message at the latest, in microseconds; 0 for at once, `u64::MAX`
    /// for when something else has happened.
    fn wake_at(&self) -> u64;

    /// Something has happened to another member.
    fn changed(&mut self, _id: u64, _change: Change) {}
}
