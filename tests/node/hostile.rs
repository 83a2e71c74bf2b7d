//! What others must not be able to do.

use std::cell::RefCell;
use std::rc::Rc;

use neural_swarm::comm::link::Link;
use neural_swarm::node::*;
use neural_swarm::port::{Heap, SystemEntropy};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::world::*;

/// From, to, and the datagram.
type Sent = (usize, usize, Vec<u8>);

fn three(seed: u64) -> World {
    let mut world = World::swarm(seed, 3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    for place in 0..3 {
        world.member(place).topics.subscribe(b"news").unwrap();
    }
    world.run(2 * SECOND);
    world
}

#[test]
fn datagrams_that_come_again_or_changed_do_nothing() {
    let mut world = three(50);
    let seen: Rc<RefCell<Vec<Sent>>> = Rc::default();
    let tap = seen.clone();
    world.tap = Some(Box::new(move |from, to, bytes| {
        tap.borrow_mut().push((from, to, bytes.to_vec()));
        vec![(to, bytes.to_vec())]
    }));
    for turn in 0..10u8 {
        world.member(0).topics.publish(b"news", &[turn]).unwrap();
        world.touch(0);
        world.run(100 * MS);
    }
    world.tap = None;
    let before: Vec<usize> = (0..3).map(|place| world.member(place).publications.len()).collect();
    assert_eq!(before, [10, 10, 10]);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(50);
    let recorded = seen.borrow().clone();
    assert!(recorded.len() > 30);
    for (from, to, bytes) in recorded {
        world.inject(from, to, bytes.clone());
        let mut changed = bytes.clone();
        let at = random.next_u64() as usize % changed.len();
        changed[at] ^= 1 << (random.next_u64() % 8);
        world.inject(from, to, changed);
        world.inject(from, to, bytes[..bytes.len() / 2].to_vec());
    }
    world.run(5 * SECOND);
    assert!(world.know_each_other(&[0, 1, 2]));
    for place in 0..3 {
        assert_eq!(world.member(place).publications.len(), 10);
        let stats = *world.member(place).node.link_stats();
        assert!(stats.replayed > 0 && stats.forged + stats.malformed > 0);
        assert_eq!(world.member(place).node.stats().violations, 0);
    }
}

#[test]
fn noise_and_datagrams_that_are_too_long_are_thrown_away() {
    let mut world = three(51);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(51);
    let refused = world.member(1).node.stats().refused;
    for turn in 0..500 {
        let mut bytes = vec![0; [0, 1, 40, 300, 1280, 2048, 4000][turn % 7]];
        random.fill_bytes(&mut bytes);
        if turn % 2 == 0 && !bytes.is_empty() {
            // A kind of frame that there is.
            bytes[0] = (turn % 8) as u8;
        }
        world.inject(2, 1, bytes);
    }
    world.run(SECOND);
    assert!(world.member(1).node.stats().refused >= refused + 500);
    world.run(20 * SECOND);
    assert!(world.know_each_other(&[0, 1, 2]));
}

/// A member that is trusted and has a session, and says what it wants.
struct Liar {
    link: Link<'static, neural_swarm::comm::identity::LocalSecrets, SystemEntropy>,
    peer: Option<neural_swarm::comm::link::PeerId>,
}

impl Liar {
    /// In the place of a member that is no more; it has called another one.
    fn call(world: &mut World, place: usize, to: usize) -> Liar {
        use neural_swarm::comm::identity::Secrets;
        let mut config = world.config.link.clone();
        config.trust.pinned = 16;
        let mut link = Link::new(&config, secrets(place), SystemEntropy, Heap).unwrap();
        link.trust_mut().pin(&secrets(to).identity()).unwrap();
        link.connect(&address(to), None, None, 1, world.now).unwrap();
        Liar { link, peer: None }
    }

    /// Takes what came for it, and sends what it has to send.
    fn turn(&mut self, world: &mut World, place: usize, inbox: &Rc<RefCell<Vec<Vec<u8>>>>) {
        use neural_swarm::comm::link::Output;
        let mut out = [0; 2048];
        for bytes in inbox.borrow_mut().drain(..) {
            let _ = self.link.receive(&address(1), &bytes, world.now, &mut out);
        }
        self.link.poll(world.now);
        while let Some(output) = self.link.next(world.now, &mut out).unwrap() {
            match output {
                Output::Frame { len, .. } => world.inject(place, 1, out[..len].to_vec()),
                Output::Connected { peer, .. } => self.peer = Some(peer),
                Output::Closed { .. } => self.peer = None,
                Output::Failed { .. } => {}
            }
        }
    }

    fn say(&mut self, world: &mut World, place: usize, message: &[u8]) {
        let mut out = [0; 2048];
        let Some(peer) = self.peer else { return };
        if let Ok((len, _)) = self.link.send(peer, message, world.now, &mut out) {
            world.inject(place, 1, out[..len].to_vec());
        }
    }
}

/// A swarm of three whose third is a liar; what is sent to it goes to the inbox.
fn with_a_liar(seed: u64) -> (World, Liar, Rc<RefCell<Vec<Vec<u8>>>>) {
    let mut world = three(seed);
    world.kill(2);
    let inbox: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let tap = inbox.clone();
    world.tap = Some(Box::new(move |_, to, bytes| {
        if to == 2 {
            tap.borrow_mut().push(bytes.to_vec());
            return Vec::new();
        }
        vec![(to, bytes.to_vec())]
    }));
    let mut liar = Liar::call(&mut world, 2, 1);
    for _ in 0..100 {
        liar.turn(&mut world, 2, &inbox);
        world.run(10 * MS);
    }
    assert!(liar.peer.is_some(), "it has a session");
    (world, liar, inbox)
}

#[test]
fn a_member_that_breaks_the_protocol_is_in_quarantine_and_what_it_did_is_kept() {
    let (mut world, mut liar, inbox) = with_a_liar(52);
    for turn in 0..3u8 {
        assert!(!world.member(1).node.is_quarantined(id_of(2)));
        // There is no such message between members.
        liar.say(&mut world, 2, &[channel::MEMBERS, 1, 77, turn]);
        world.run(10 * MS);
        liar.turn(&mut world, 2, &inbox);
    }
    assert!(world.member(1).node.is_quarantined(id_of(2)));
    let event = Event::Quarantined { id: id_of(2) };
    assert_eq!(world.member(1).events.iter().filter(|(_, other)| *other == event).count(), 1);
    let evidence: Vec<Evidence> = world.member(1).node.evidence().copied().collect();
    assert_eq!(evidence.len(), 1);
    let Evidence { id, strikes, error, channel, bytes, .. } = evidence[0];
    assert_eq!((id, strikes, channel), (id_of(2), 3, channel::MEMBERS));
    assert_eq!((error, &bytes[..4]), (neural_swarm::Error::NodeFormat, &[1, 77, 2, 0][..]));
    assert_eq!(world.member(1).node.stats().violations, 3);
    world.run(SECOND);
    assert!(!world.member(1).node.is_connected(id_of(2)));
    // It calls again, and is not heard.
    let mut liar = Liar::call(&mut world, 2, 1);
    for _ in 0..50 {
        liar.turn(&mut world, 2, &inbox);
        liar.say(&mut world, 2, &[channel::MEMBERS, 1, 77]);
        world.run(10 * MS);
    }
    assert!(!world.member(1).node.is_connected(id_of(2)));
    assert_eq!(world.member(1).node.stats().violations, 3);
    // The others are heard as before, and it may be forgiven.
    assert!(world.member(1).node.is_connected(id_of(0)));
    world.member(1).node.forgive(id_of(2)).unwrap();
    assert!(world.member(1).node.forgive(id_of(2)).is_err());
    let mut liar = Liar::call(&mut world, 2, 1);
    for _ in 0..100 {
        liar.turn(&mut world, 2, &inbox);
        world.run(10 * MS);
    }
    assert!(world.member(1).node.is_connected(id_of(2)));
}

#[test]
fn what_a_trusted_member_says_by_chance_harms_nobody() {
    let (mut world, mut liar, inbox) = with_a_liar(53);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(53);
    for turn in 0..3000 {
        let mut message = vec![0; random.next_u64() as usize % 60];
        random.fill_bytes(&mut message);
        let channels = [
            channel::MEMBERS,
            channel::STORE,
            channel::TOPICS,
            channel::REQUESTS,
            channel::GROUPS,
            200,
        ];
        for (place, byte) in message.iter_mut().zip([channels[turn % 6], 1, 1 + turn as u8 / 6 % 4])
        {
            *place = byte;
        }
        liar.say(&mut world, 2, &message);
        liar.turn(&mut world, 2, &inbox);
        if turn % 50 == 0 {
            world.run(10 * MS);
            world.member(1).node.forgive(id_of(2)).ok();
            if liar.peer.is_none() {
                liar = Liar::call(&mut world, 2, 1);
            }
        }
    }
    world.run(2 * SECOND);
    let stats = *world.member(1).node.stats();
    println!(
        "{} not taken, {} violations, {} of no part",
        stats.failed, stats.violations, stats.unknown
    );
    assert!(stats.violations > 0 && stats.unknown > 0);
    world.member(0).topics.publish(b"news", b"still here").unwrap();
    world.touch(0);
    world.run(SECOND);
    let heard = world.member(1).publications.iter().any(|(_, _, m)| m == b"still here");
    assert!(heard, "those that are honest are heard as before");
}

#[test]
fn a_flood_does_not_hold_up_the_others() {
    // Each poll does so much and no more, and all have their turns.
    const BUDGET: usize = 40;
    const PARTS: usize = 3;
    let mut world = World::new(54, 3);
    world.config.budget = BUDGET;
    world.add_all(3);
    world.run_until(10 * SECOND, |world| world.know_each_other(&[0, 1, 2])).unwrap();
    world.run(2 * SECOND);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(54);
    let flood = (0..5000).map(|_| {
        let mut bytes = vec![0; 100];
        random.fill_bytes(&mut bytes);
        bytes
    });
    world.pile_up(2, 1, flood.collect());
    let now = world.now;
    for place in [0, 2] {
        let requests = &mut world.member(1).requests;
        requests.ask(id_of(place), b"turn", b"ab", now + SECOND, now).unwrap();
    }
    // Both go out in the first poll, though all that has come was not heard yet.
    let (took, sent, more) = world.poll_once(1);
    assert!(more && sent >= 2, "{took} {sent}");
    let mut polls = 1;
    loop {
        let (took, sent, more) = world.poll_once(1);
        // A round takes one at most, and lets the sessions, the calls, the members and each part send one.
        assert!(took <= BUDGET && took + sent <= BUDGET + 4 + PARTS, "{took} {sent}");
        polls += 1;
        if !more {
            break;
        }
    }
    assert!(polls >= 5000 / BUDGET, "{polls}");
}

/// A part that has nothing to say, or fails.
struct Idle(neural_swarm::Result<()>);

impl Part for Idle {
    fn channel(&self) -> u8 {
        200
    }

    fn receive(&mut self, _: u64, _: &[u8], _: &View<'_>) -> neural_swarm::Result<()> {
        Ok(())
    }

    fn next(&mut self, _: &View<'_>, _: &mut [u8]) -> neural_swarm::Result<Option<(u64, usize)>> {
        self.0.map(|()| None)
    }

    fn wake_at(&self) -> u64 {
        u64::MAX
    }
}

#[test]
fn a_part_or_a_transport_that_fails_is_told_of_and_stops_nothing_else() {
    use neural_swarm::Error;
    for (part, broken, error) in
        [(Err(Error::Capacity), false, Error::Capacity), (Ok(()), true, Error::HostIo)]
    {
        let mut world = three(55);
        let now = world.now;
        world.member(0).topics.publish(b"news", b"one").unwrap();
        let mut sent = Vec::new();
        let polled = world.member(0).poll_with(now, &mut sent, broken, &mut Idle(part));
        assert_eq!(polled, Err(error));
        // The publication goes out all the same.
        assert!(!sent.is_empty(), "{error}");
    }
}
