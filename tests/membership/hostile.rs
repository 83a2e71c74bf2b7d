//! Bytes and settings that are wrong, and members that lie.

use neural_swarm::Error;
use neural_swarm::node::membership::*;
use neural_swarm::port::Heap;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::world::{MS, SECOND, World, config, id_of};

type Seen = Vec<(u64, u64, Standing, Vec<u8>)>;

fn seen(member: &Membership<'_>) -> Seen {
    let row = |m: Member<'_>| (m.id, m.incarnation, m.standing, m.meta.to_vec());
    member.members().map(row).collect()
}

/// Messages of a swarm in which something goes on.
fn recorded() -> Vec<(u64, Vec<u8>)> {
    let mut world = World::swarm(1, 12);
    world.record = Some(Vec::new());
    world.loss = 100;
    world.crash(3);
    world.with(5, |member, now| member.leave(now));
    world.run(60 * SECOND);
    world.record.take().unwrap()
}

fn quiet(member: &mut Membership<'_>) {
    let mut out = [0; 1200];
    while member.next(&mut out).unwrap().is_some() {}
}

#[test]
fn the_order_of_news_does_not_matter() {
    let record = recorded();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    // One that nobody speaks of; and before any suspicion could end.
    let mut outcomes: Vec<Seen> = Vec::new();
    for _ in 0..8 {
        let mut member = Membership::new(&config(99, 20), Heap, 0).unwrap();
        for id in (0..12).map(id_of) {
            member.receive(id, &alive(id, 0), 1).unwrap();
        }
        let mut order: Vec<usize> = (0..record.len()).chain(0..record.len() / 2).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
        }
        for at in order {
            let (from, bytes) = &record[at];
            member.receive(*from, bytes, 1).unwrap();
            quiet(&mut member);
        }
        outcomes.push(seen(&member));
    }
    assert!(outcomes[0].iter().any(|row| row.2 == Standing::Dead));
    assert!(outcomes[0].iter().any(|row| row.2 == Standing::Left));
    outcomes.iter().for_each(|outcome| assert_eq!(outcome, &outcomes[0]));
}

/// A number of LEB128, as `postcard` writes it.
fn number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Gossip with one rumour: docs/membership-format.md.
pub fn gossip(id: u64, incarnation: u64, what: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 4];
    number(id, &mut bytes);
    number(incarnation, &mut bytes);
    bytes.extend_from_slice(what);
    bytes
}

fn alive(id: u64, incarnation: u64) -> Vec<u8> {
    gossip(id, incarnation, &[0, 1, 7, 2, b'h', b'i'])
}

fn suspect(id: u64, incarnation: u64, by: u8) -> Vec<u8> {
    gossip(id, incarnation, &[1, by])
}

fn dead(id: u64, incarnation: u64, by: u8) -> Vec<u8> {
    gossip(id, incarnation, &[2, by])
}

#[test]
fn the_format_is_what_the_document_says() {
    let mut member = Membership::new(&config(0, 8), Heap, 0).unwrap();
    member.receive(5, &alive(5, 3), 1).unwrap();
    let known = member.member(5).unwrap();
    assert_eq!((known.incarnation, known.standing, known.meta), (3, Standing::Alive, &b"hi"[..]));
    assert_eq!(known.address.bytes(), [7]);
    // A ping is answered with its number.
    member.receive(5, &[1, 0, 77], 2).unwrap();
    let mut out = [0; 1200];
    let mut answers = Vec::new();
    while let Some(output) = member.next(&mut out).unwrap() {
        if let Output::Message { to: 5, len } = output {
            answers.push(out[..len].to_vec());
        }
    }
    assert!(answers.iter().any(|bytes| bytes.starts_with(&[1, 2, 77])), "{answers:?}");
}

#[test]
fn what_is_worse_counts_and_what_is_newer_counts_more() {
    let mut member = Membership::new(&config(0, 8), Heap, 0).unwrap();
    let mut standing_after = |bytes: &[u8]| {
        member.receive(9, bytes, 1).unwrap();
        member.member(5).map(|known| (known.incarnation, known.standing))
    };
    // Of who is not known only its presence is believed.
    assert_eq!(standing_after(&suspect(5, 3, 9)), None);
    assert_eq!(standing_after(&dead(5, 3, 9)), None);
    assert_eq!(standing_after(&alive(5, 3)), Some((3, Standing::Alive)));
    assert_eq!(standing_after(&suspect(5, 2, 9)), Some((3, Standing::Alive)));
    assert_eq!(standing_after(&suspect(5, 3, 9)), Some((3, Standing::Suspect)));
    assert_eq!(standing_after(&alive(5, 3)), Some((3, Standing::Suspect)));
    assert_eq!(standing_after(&alive(5, 4)), Some((4, Standing::Alive)));
    assert_eq!(standing_after(&dead(5, 4, 9)), Some((4, Standing::Dead)));
    assert_eq!(standing_after(&suspect(5, 4, 9)), Some((4, Standing::Dead)));
    assert_eq!(standing_after(&gossip(5, 4, &[3])), Some((4, Standing::Left)));
    assert_eq!(standing_after(&suspect(5, 5, 9)), Some((5, Standing::Suspect)));
    // Nobody has lived so often.
    assert_eq!(standing_after(&dead(5, 1 << 40, 9)), Some((5, Standing::Suspect)));
}

#[test]
fn a_member_objects_to_what_is_said_of_it() {
    let mut member = Membership::new(&config(0, 8), Heap, 0).unwrap();
    let own = id_of(0);
    let incarnation = |member: &Membership<'_>| member.member(own).unwrap().incarnation;
    member.receive(9, &suspect(own, 0, 9), 1).unwrap();
    assert_eq!((incarnation(&member), member.health(), member.stats().refuted), (1, 1, 1));
    // Said before it objected.
    member.receive(9, &dead(own, 0, 9), 1).unwrap();
    assert_eq!(incarnation(&member), 1);
    member.receive(9, &dead(own, 6, 9), 1).unwrap();
    assert_eq!(incarnation(&member), 7);
    // Somebody took it to have left; and of an earlier life.
    member.receive(9, &gossip(own, 7, &[3]), 1).unwrap();
    assert_eq!(incarnation(&member), 8);
    member.receive(9, &alive(own, 20), 1).unwrap();
    assert_eq!(incarnation(&member), 21);
    // A lie that would take it to the end of its numbers.
    member.receive(9, &dead(own, (1 << 63) - 1, 9), 1).unwrap();
    assert_eq!((incarnation(&member), member.stats().refused), (21, 1));
    assert_eq!(member.member(own).unwrap().standing, Standing::Alive);
    // It has left for good.
    member.leave(2);
    member.receive(9, &dead(own, 30, 9), 3).unwrap();
    let known = member.member(own).unwrap();
    assert_eq!((known.incarnation, known.standing), (31, Standing::Left));
}

#[test]
fn an_answer_counts_also_after_none_so_far() {
    let mut member = Membership::new(&config(0, 8), Heap, 0).unwrap();
    (1..=3).for_each(|id| member.receive(id, &alive(id, 0), 0).unwrap());
    let mut out = [0; 1200];
    let (mut now, mut asked) = (0, Vec::new());
    // Until it asks others, since nobody answers.
    while asked.is_empty() {
        now += 50 * MS;
        member.poll(now);
        while let Some(output) = member.next(&mut out).unwrap() {
            if let (Output::Message { to, .. }, [1, 1, seq, ..]) = (output, out) {
                asked.push((to, seq));
            }
        }
    }
    let (helper, seq) = asked[0];
    member.receive(helper, &[1, 3, seq], now).unwrap();
    member.receive(helper, &[1, 2, seq], now).unwrap();
    let probes = member.stats().probes;
    while member.stats().probes == probes {
        now += 50 * MS;
        member.poll(now);
    }
    assert_eq!((member.stats().failed, member.health()), (0, 0));
}

#[test]
fn suspicions_that_several_share_are_shorter() {
    let dead_after = |confirmed: u8| {
        let mut member = Membership::new(&config(0, 16), Heap, 0).unwrap();
        (1..=10).for_each(|id| member.receive(id, &alive(id, 0), 0).unwrap());
        (0..=confirmed).for_each(|by| {
            // Twice the same one is one.
            member.receive(2, &suspect(1, 0, by + 2), 0).unwrap();
            member.receive(2, &suspect(1, 0, by + 2), 0).unwrap();
        });
        let mut now = 0;
        while member.member(1).unwrap().standing == Standing::Suspect {
            now += 100 * MS;
            member.poll(now);
            // All answer, the suspect, too: it does not object, but nobody else confirms the suspicion.
            let mut out = [0; 1200];
            while let Some(output) = member.next(&mut out).unwrap() {
                if let (Output::Message { to, .. }, [1, 0, seq, ..]) = (output, out) {
                    member.receive(to, &[1, 2, seq], now).unwrap();
                }
            }
        }
        now / SECOND
    };
    let spans: Vec<u64> = (0..=4).map(dead_after).collect();
    println!("a suspicion ends after {spans:?} seconds, by those that confirm it");
    assert!(spans.windows(2).all(|two| two[0] >= two[1]));
    // 4 periods x log10(11), and six times that without another one.
    assert_eq!((spans[0], spans[3], spans[4]), (25, 4, 4));
}

#[test]
fn bytes_that_are_no_message_change_nothing() {
    let record = recorded();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut member = Membership::new(&config(99, 20), Heap, 0).unwrap();
    let mut refused = 0;
    for (from, bytes) in record.iter().take(400) {
        for end in 0..bytes.len() {
            let before = seen(&member);
            if member.receive(*from, &bytes[..end], 1).is_err() {
                refused += 1;
                assert_eq!(before, seen(&member));
            }
            quiet(&mut member);
        }
        let mut damaged = bytes.clone();
        let at = random.next_u64() as usize % damaged.len();
        damaged[at] ^= 1 << (random.next_u64() % 8);
        let before = seen(&member);
        if member.receive(*from, &damaged, 1).is_err() {
            assert_eq!(before, seen(&member));
        }
        quiet(&mut member);
    }
    assert!(refused > 400);
    let errors = [
        (&[][..], Error::NodeFormat),
        (&[2, 4], Error::NodeVersion),
        (&[1], Error::NodeFormat),
        (&[1, 7], Error::NodeFormat),
        (&[1, 4, 5], Error::NodeFormat),
        // A page that goes on, of nobody; and one that begins before what was asked for.
        (&[1, 6, 3, 1], Error::NodeFormat),
        (&[1, 6, 3, 0, 2, 0, 3], Error::NodeFormat),
        (&[1, 6, 3, 0, 4, 0, 3, 4, 0, 3], Error::NodeFormat),
    ];
    for (bytes, error) in errors {
        assert_eq!(member.receive(5, bytes, 1), Err(error), "{bytes:?}");
    }
    assert_eq!(member.receive(id_of(99), &[1, 4], 1), Err(Error::NodePeer));
    assert_eq!(member.receive(u64::MAX, &[1, 4], 1), Err(Error::NodePeer));
    assert_eq!(member.join(id_of(99), 1), Err(Error::NodePeer));
    assert_eq!(member.join(u64::MAX, 1), Err(Error::NodePeer));
    // A message that no member makes: it is too long.
    let mut long = vec![1, 4];
    (0..600).for_each(|_| long.extend_from_slice(&[5, 0, 3]));
    assert_eq!(member.receive(5, &long, 1), Err(Error::NodeFormat));
    // A page with more behind the last number that there is.
    let mut page = vec![1, 6, 0, 1];
    number(u64::MAX - 1, &mut page);
    page.extend_from_slice(&[0, 3]);
    assert_eq!(member.receive(5, &page, 1), Err(Error::NodeFormat));
    // Of who is not known nobody believes what only it could say.
    let mut member = Membership::new(&config(99, 20), Heap, 0).unwrap();
    member.receive(5, &alive(6, 1 << 62), 1).unwrap();
    assert_eq!(member.member(6), None);
    member.receive(6, &alive(6, 1 << 62), 1).unwrap();
    assert!(member.member(6).is_some());
}

#[test]
fn any_bytes_at_any_time_are_survived() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let settings = MembershipConfig { members: 5, most_meta: 4, ..config(0, 5) };
    let mut member = Membership::new(&settings, Heap, 0).unwrap();
    let mut out = [0; 1200];
    let mut now = 0;
    for round in 0..200_000u64 {
        now += random.next_u64() % (2 * SECOND);
        let (id, incarnation) = (random.next_u64() % 12, random.next_u64() % 4);
        let what = match random.next_u64() % 6 {
            0 => vec![1, 2],
            1 => vec![2, 3],
            2 => vec![3],
            3 => vec![0, 0, 5, 1, 2, 3, 4, 5],
            _ => vec![0, 1, 9, 1, id as u8],
        };
        let from = random.next_u64() % 12;
        member.receive(from, &gossip(id, incarnation, &what), now).unwrap();
        let more =
            [1, (random.next_u64() % 8) as u8, (random.next_u64() % 9) as u8, (round % 12) as u8];
        let _ = member.receive(from, &more, now);
        while let Some(output) = member.next(&mut out).unwrap() {
            if let Output::Message { to, len } = output {
                assert!(to != id_of(0) && len <= 1200);
                let mut other = Membership::new(&config(7, 20), Heap, 0).unwrap();
                other.receive(1, &out[..len], 1).expect("what is said is sound");
            }
            if round % 3 == 0 {
                break;
            }
        }
        assert!(member.members().len() <= 5);
        assert!(member.count() <= member.members().len());
        assert!(member.members().is_sorted_by(|a, b| a.id < b.id));
        let alive = |m: &Member<'_>| matches!(m.standing, Standing::Alive | Standing::Suspect);
        assert_eq!(member.members().filter(alive).count(), member.count());
    }
    assert!(member.stats().full > 0 && member.stats().refused > 0);
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = config(0, 8);
    assert!(Membership::footprint(&good).is_ok());
    let bad: [MembershipConfig<'_>; 19] = [
        MembershipConfig { id: u64::MAX, ..good.clone() },
        MembershipConfig { incarnation: 1 << 63, ..good.clone() },
        MembershipConfig { members: 1, ..good.clone() },
        MembershipConfig { members: MOST_MEMBERS + 1, ..good.clone() },
        MembershipConfig { most_meta: MOST_META + 1, mtu: 65_535, ..good.clone() },
        MembershipConfig { meta: &[0; 65], ..good.clone() },
        MembershipConfig { mtu: good.least_mtu() - 1, ..good.clone() },
        MembershipConfig { mtu: 65_536, ..good.clone() },
        MembershipConfig { period_us: 0, ..good.clone() },
        MembershipConfig { timeout_us: 0, ..good.clone() },
        MembershipConfig { timeout_us: good.period_us, ..good.clone() },
        MembershipConfig { indirect: MOST_FANOUT + 1, ..good.clone() },
        MembershipConfig { gossip_us: 0, ..good.clone() },
        MembershipConfig { fanout: MOST_FANOUT + 1, ..good.clone() },
        MembershipConfig { sync_us: 0, ..good.clone() },
        MembershipConfig { retransmit: 0, ..good.clone() },
        MembershipConfig { suspicion: 101, ..good.clone() },
        MembershipConfig { suspicion_most: 0, ..good.clone() },
        MembershipConfig { health_most: 33, forget_us: 0, ..good.clone() },
    ];
    for (at, config) in bad.iter().enumerate() {
        assert_eq!(Membership::footprint(config), Err(Error::Invalid), "the one at {at}");
    }
    let mut small = [core::mem::MaybeUninit::uninit(); 64];
    let arena = neural_swarm::port::Arena::new(&mut small);
    assert_eq!(Membership::new(&good, &arena, 0).err(), Some(Error::OutOfMemory));
}

#[test]
fn a_buffer_that_is_too_small_loses_nothing() {
    let mut member = Membership::new(&config(0, 8), Heap, 0).unwrap();
    member.join(5, 0).unwrap();
    let mut out = [0; 1200];
    assert_eq!(member.next(&mut out[..1199]), Err(Error::BufferTooSmall));
    assert!(matches!(member.next(&mut out), Ok(Some(Output::Message { to: 5, .. }))));
    assert_eq!(member.next(&mut out), Ok(None));
}
