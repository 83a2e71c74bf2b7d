//! Three members that hear anything: bytes as they come, messages of others that were damaged, at any time. Nothing
//! panics; what is refused changes nothing; what they say is sound; the table keeps its order and its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::node::membership::*;
use neural_swarm::port::Heap;

const MEMBERS: usize = 5;

fn made(id: u64) -> Membership<'static> {
    let config = MembershipConfig {
        most_meta: 8,
        mtu: 300,
        sync_us: 3_000_000,
        forget_us: 60_000_000,
        ..MembershipConfig::new(id, MEMBERS)
    };
    Membership::new(&config, Heap, 0).expect("good settings")
}

fn seen(member: &Membership<'_>) -> Vec<(u64, u64, Standing)> {
    member.members().map(|m| (m.id, m.incarnation, m.standing)).collect()
}

fn check(member: &Membership<'_>) {
    let all = seen(member);
    assert!((1..=MEMBERS).contains(&all.len()) && all.is_sorted_by(|a, b| a.0 < b.0));
    let part = all.iter().filter(|m| matches!(m.2, Standing::Alive | Standing::Suspect)).count();
    assert_eq!(part, member.count());
}

/// What is refused changes nothing.
fn hear(member: &mut Membership<'_>, from: u64, bytes: &[u8], now: u64) {
    let before = seen(member);
    if member.receive(from, bytes, now).is_err() {
        assert_eq!(before, seen(member));
    }
    check(member);
}

fuzz_target!(|data: &[u8]| {
    let mut members: Vec<_> = (0..3).map(made).collect();
    let mut out = [0; 300];
    let (mut rest, mut now) = (data, 0u64);
    while let [what, who, len, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len & 63)));
        rest = tail;
        now += 1000 << (what >> 4);
        let at = usize::from(who % 3);
        match what & 7 {
            0 => hear(&mut members[at], u64::from(who >> 2), bytes, now),
            1 => {
                let with = u64::from(who >> 2);
                assert_eq!(members[at].join(with, now).is_ok(), with != at as u64);
            }
            2 if who & 63 == 63 => members[at].leave(now),
            3 => {
                let done = members[at].set_said(&Default::default(), bytes, now);
                assert_eq!(done.is_ok(), bytes.len() <= 8);
            }
            _ => {}
        }
        members[at].poll(now);
        // What it says reaches the others, or is damaged and reaches another one.
        while let Some(output) = members[at].next(&mut out).expect("there is room") {
            let Output::Message { to, len } = output else { continue };
            assert!(to != at as u64 && len <= out.len());
            let mut other = made(7);
            other.receive(at as u64, &out[..len], 0).expect("what is said is sound");
            if let Some(to) = members.get_mut(to as usize).filter(|_| what & 8 == 0) {
                to.receive(at as u64, &out[..len], now).expect("what is said is sound");
            } else if let [place, flip, ..] = bytes {
                let spot = usize::from(*place) % len;
                out[spot] ^= flip;
                hear(&mut members[(at + 1) % 3], at as u64, &out[..len], now);
            }
        }
        check(&members[at]);
        assert!(members[at].wake_at() >= now);
    }
});
