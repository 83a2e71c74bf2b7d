//! Six members of a swarm, each on a thread of its own: they find each other over UDP, share a counter, five of them
//! agree on a list, and all count primes together, while one of them stops.
//!
//!     cargo run --release --example member

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use neural_swarm::comm::crypto::{PublicKey, Secret};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::host::{Carrier, Identity, Member, MemberConfig, Reply, parse_address};
use neural_swarm::node::membership::Standing;

const MEMBERS: u8 = 6;
const VOTERS: u8 = 5;
const PARTS: u32 = 48;
const LONG: Duration = Duration::from_secs(60);

/// What was agreed on, as a member has it.
type List = Arc<Mutex<Vec<String>>>;

fn seed(number: u8) -> Secret {
    // On machines of their own each has its own, and nobody else's: `Identity::File`.
    Secret::new([number; 32])
}

fn key(number: u8) -> PublicKey {
    LocalSecrets::new(seed(number)).identity()
}

/// Primes below `below` among the numbers that are `part` modulo `PARTS`.
fn primes(below: u32, part: u32) -> u32 {
    let prime =
        |n: &u32| *n >= 2 && (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (part..below).step_by(PARTS as usize).filter(prime).count() as u32
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn member(
    number: u8,
    folder: &std::path::Path,
    first: Option<&Member>,
) -> Result<(Member, List), neural_swarm::Error> {
    let carrier = Carrier::Udp(parse_address("127.0.0.1:0")?);
    let mut config = MemberConfig::new(b"member.rs", Identity::Seed(seed(number)), carrier);
    config.pinned = (1..=MEMBERS).map(key).collect();
    config.voters = (1..=VOTERS).map(key).collect();
    config.folder = Some(folder.join(format!("member-{number}")));
    config.seeds.extend(first.map(Member::local));
    let member = Member::new(config)?;
    let list = List::default();
    let own = list.clone();
    member.on_entry(move |entry| {
        own.lock().expect("nobody panics").push(String::from_utf8_lossy(entry.data).into_owned());
    })?;
    member.serve(b"primes", |call, answer| {
        match (number_at(call.message, 0), number_at(call.message, 4)) {
            (Some(below), Some(part)) if part < PARTS => {
                answer.extend_from_slice(&primes(below, part).to_le_bytes());
                Reply::Answer
            }
            _ => Reply::Refuse,
        }
    })?;
    member.start()?;
    Ok((member, list))
}

/// Counts primes: each part by the next of those that are there; what one does not answer, another does.
fn count_together(leader: &Member, below: u32) -> u32 {
    let mut count = 0;
    let mut turn = leader.id() as usize;
    for part in 0..PARTS {
        let message = [below.to_le_bytes(), part.to_le_bytes()].concat();
        count += loop {
            let others: Vec<u64> = leader
                .members()
                .iter()
                .filter(|other| other.id != leader.id() && other.standing == Standing::Alive)
                .map(|other| other.id)
                .collect();
            turn += 1;
            let to = others[turn % others.len()];
            match leader.ask(to, b"primes", &message, Duration::from_secs(5)) {
                Ok(answer) => break number_at(&answer, 0).unwrap_or(0),
                Err(error) => println!("  part {part} again: {error}"),
            }
        };
    }
    count
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("member-rs-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    println!("Six members, which know each other's keys and nothing else.");
    let mut members: Vec<(Member, List)> = Vec::new();
    for number in 1..=MEMBERS {
        let next = member(number, &folder, members.first().map(|(first, _)| first))?;
        members.push(next);
    }
    for (member, _) in &members {
        member.wait_for_members(MEMBERS.into(), LONG)?;
    }
    println!("They share a counter, to which each adds.");
    for (member, _) in &members {
        member.add(b"total", 10)?;
    }
    for (member, _) in &members {
        assert_eq!(member.wait_for_total(b"total", 60, LONG)?, 60);
    }
    println!("Five agree on a list.");
    for (number, (member, _)) in members.iter().take(VOTERS.into()).enumerate() {
        member.propose(format!("by {}", number + 1).as_bytes(), LONG)?;
    }
    for (member, list) in members.iter().take(VOTERS.into()) {
        member.barrier(LONG)?;
        assert_eq!(list.lock().expect("nobody panics").len(), 5);
    }
    println!("One at a time holds the door; whoever holds it stops, and the next has it.");
    let token = members[2].0.lock(b"door", LONG)?;
    members.remove(2).0.stop();
    assert!(members[0].0.lock(b"door", LONG)? > token);
    println!("They count primes together.");
    // https://oeis.org/A000720
    let count = count_together(&members[0].0, 200_000);
    println!("primes below 200000: {count}");
    assert_eq!(count, 17_984);
    drop(members);
    std::fs::remove_dir_all(&folder)?;
    println!("All of it came as it should.");
    Ok(())
}
