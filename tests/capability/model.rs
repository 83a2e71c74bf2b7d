//! A simple model decides about thousands of random chains, and the library must
//! agree.

#[path = "../common/random.rs"]
mod random;

use std::collections::BTreeMap;

use crate::forge::{self, Link, keys, public};
use neural_swarm::Error;
use neural_swarm::comm::capability::{
    Ask, Caveat, Chain, Check, Checks, MAX_CHAIN, Revocations, Terms, delegate, issue, key_id,
    link_id, network_tag, verify,
};

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

/// A link by issuer and serial, or a key.
type Revoked = (u8, Option<u64>);

/// A chain, whoever shows it, and what the node knows. Small numbers, so that
/// they meet: times up to 40, epochs up to 8.
#[derive(Debug)]
struct Case {
    authority: u8,
    links: Vec<Link>,
    holder: u8,
    resource: Vec<u8>,
    operations: u32,
    now: Option<u64>,
    epoch: Option<u64>,
    /// Epoch and ids of the authority's list.
    list: Option<(u64, Vec<Revoked>)>,
    network: Option<&'static [u8]>,
    /// The keys that the custom hook refuses; no hook if there is none.
    custom: Option<u64>,
    required: Checks,
}

/// Most of these bits, at least one.
fn some_of(random: &mut Random, bits: u64) -> u64 {
    match bits & (random.next() | random.next()) {
        0 => bits,
        some => some,
    }
}

const NETWORKS: [&[u8]; 2] = [b"north", b"south"];

fn case(random: &mut Random) -> Case {
    let count = 1 + random.below(4) as usize;
    let mut links: Vec<Link> = Vec::new();
    for i in 0..count {
        let last = links.last().cloned().unwrap_or(Link {
            by: 0,
            subject: 1,
            serial: 0,
            operations: 0xff,
            extension: vec![],
            not_before: 0,
            expiry: 40,
            epoch: 8,
            depth: 4,
            caveats: vec![],
        });
        // Mostly inside the link before, sometimes anywhere.
        let wild = |random: &mut Random| random.one_in(30);
        let mut link = Link {
            by: if wild(random) { random.below(6) as u8 + 1 } else { last.subject },
            subject: random.below(5) as u8 + 2,
            serial: random.below(300),
            operations: some_of(random, last.operations),
            extension: random.pick(&[&b""[..], b"a/", b"b/"]).to_vec(),
            not_before: if random.one_in(2) { 0 } else { random.below(8) + i as u64 + 1 },
            expiry: if random.one_in(3) { 0 } else { 40 - 2 * i as u64 - random.below(3) },
            epoch: if random.one_in(3) { 0 } else { 8 - i as u64 },
            depth: 3 - i as u8,
            caveats: vec![],
        };
        if wild(random) {
            link.operations = random.below(255) + 1;
        }
        if wild(random) {
            (link.not_before, link.expiry) = (random.below(40), 40 + random.below(3));
        }
        if wild(random) {
            link.epoch = random.below(9);
        }
        if wild(random) {
            link.depth = random.below(4) as u8;
        }
        while random.one_in(5) && link.caveats.len() < 4 {
            let network = network_tag(random.pick(&NETWORKS));
            let common = [(1, true, 100), (2, true, 100), (9, false, 1), (3, true, network)];
            let rare = [(9, true, 1), (4, true, 5), (4, true, 1 << 32)];
            link.caveats.push(if random.one_in(4) {
                random.pick(&rare)
            } else {
                random.pick(&common)
            });
        }
        links.push(link);
    }
    let whole: Vec<u8> = links.iter().flat_map(|link| link.extension.clone()).collect();
    let last = links.last().unwrap();
    Case {
        authority: if random.one_in(20) { 7 } else { 1 },
        holder: if random.one_in(20) { 8 } else { last.subject },
        resource: if random.one_in(10) { b"b/".to_vec() } else { [&whole[..], b"x"].concat() },
        operations: if random.one_in(10) {
            1 << random.below(8)
        } else {
            1 << last.operations.trailing_zeros()
        },
        now: if random.one_in(4) { None } else { Some(1 + random.below(42)) },
        epoch: if random.one_in(3) { None } else { Some(1 + random.below(7)) },
        list: random.one_in(2).then(|| {
            let link = random.pick(&links);
            let ids = match random.below(8) {
                0 => vec![(link.by, Some(link.serial))],
                1 => vec![(link.subject, None)],
                _ => vec![(9, None), (link.by, Some(link.serial + 1000))],
            };
            (1 + random.below(6), ids)
        }),
        network: if random.one_in(4) { None } else { Some(random.pick(&NETWORKS)) },
        custom: if random.one_in(3) { None } else { Some(random.below(2)) },
        required: Checks {
            time: random.one_in(12),
            epoch: random.one_in(12),
            revocation: random.one_in(12),
            network: random.one_in(20),
        },
        links,
    }
}

/// Everything that is wrong with a case, by the definition: each link is looked
/// at by itself, and beside each one before it.
fn wrong(case: &Case) -> Vec<Error> {
    let mut wrong = Vec::new();
    let mut when = |bad: bool, error: Error| {
        if bad {
            wrong.push(error);
        }
    };
    let first = &case.links[0];
    when(first.expiry == 0 && first.epoch == 0, Error::CommFormat);
    when(case.authority != 1, Error::CommUntrusted);
    when(case.links.last().unwrap().subject != case.holder, Error::CommHolder);
    let epoch = case.epoch.max(case.list.as_ref().map(|(epoch, _)| *epoch));
    let mut name: Vec<u8> = vec![];
    for (i, link) in case.links.iter().enumerate() {
        let empty = link.not_before != 0 && link.expiry != 0 && link.not_before >= link.expiry;
        when(empty || link.body().len() > 62, Error::CommFormat);
        let issuer = if i == 0 { 1 } else { case.links[i - 1].subject };
        when(link.by != issuer, Error::CommSignature);
        for before in &case.links[..i] {
            when(before.depth == 0, Error::CommDepth);
            when(link.depth >= before.depth, Error::CommWidened);
            when(link.operations & !before.operations != 0, Error::CommWidened);
            let set = |value: u64, other: u64| value != 0 && other != 0;
            let later = |value: u64, end: u64| set(value, end) && value > end;
            when(later(before.not_before, link.not_before), Error::CommWidened);
            when(later(link.expiry, before.expiry), Error::CommWidened);
            when(later(link.epoch, before.epoch), Error::CommWidened);
            let after = set(link.not_before, before.expiry) && link.not_before >= before.expiry;
            let ahead = set(before.not_before, link.expiry) && before.not_before >= link.expiry;
            when(after || ahead, Error::CommWidened);
        }
        name.extend(&link.extension);
        when(!case.resource.starts_with(&name), Error::CommDenied);
        when(u64::from(case.operations) & !link.operations != 0, Error::CommDenied);
        if let Some(now) = case.now {
            when(now < link.not_before, Error::CommExpired);
            when(link.expiry != 0 && now >= link.expiry, Error::CommExpired);
        }
        let ended = epoch.is_some_and(|epoch| link.epoch != 0 && epoch > link.epoch);
        when(ended, Error::CommExpired);
        for (kind, critical, value) in &link.caveats {
            let bad = match kind {
                1 | 2 => false,
                3 => case.network.map(network_tag) != Some(*value),
                4 => case.custom.is_none_or(|key| value >> 32 == key),
                _ => *critical,
            };
            when(bad, Error::CommDenied);
        }
        for (key, serial) in case.list.iter().flat_map(|(_, ids)| ids) {
            let hit = match serial {
                Some(serial) => (*key, *serial) == (issuer, link.serial),
                None => *key == link.subject,
            };
            when(hit, Error::CommRevoked);
        }
    }
    let (time, counted) =
        (case.now.is_some() && first.expiry != 0, epoch.is_some() && first.epoch != 0);
    when(!time && !counted, Error::CommExpired);
    let network = first.caveats.iter().any(|(kind, ..)| *kind == 3);
    let missing = case.required.time && !time
        || case.required.epoch && !counted
        || case.required.revocation && case.list.is_none()
        || case.required.network && !network;
    when(missing, Error::CommDenied);
    wrong
}

/// What the library says about the first links of a case, for their subject
/// unless the holder is given.
fn decided(case: &Case, count: usize, holder: Option<u8>, required: Checks) -> Result<(), Error> {
    let chain = forge::chain(case.authority, &case.links[..count]);
    let keys = [public(1)];
    let list = case.list.as_ref().map(|(epoch, ids)| {
        let ids = ids.iter().map(|(key, serial)| match serial {
            Some(serial) => link_id(&public(*key), *serial),
            None => key_id(&public(*key)),
        });
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        forge::list(1, *epoch, 0, &ids)
    });
    let list = list.as_ref().map(|list| Revocations::open(list, &keys).unwrap());
    let hook = |key: u32, _: u32| case.custom != Some(key.into());
    let check = Check {
        now: case.now,
        epoch: case.epoch,
        revocations: list.as_slice(),
        network: case.network,
        custom: case.custom.map(|_| &hook as &dyn Fn(u32, u32) -> bool),
        required,
        ..Check::new(&keys, public(holder.unwrap_or(case.links[count - 1].subject)))
    };
    let ask = Ask { resource: &case.resource, operations: case.operations };
    verify(&chain, &check, &ask).map(|_| ())
}

#[test]
fn the_library_decides_as_the_model() {
    let mut random = Random(4);
    let mut seen = BTreeMap::new();
    for _ in 0..3000 {
        let case = case(&mut random);
        let wrong = wrong(&case);
        let got = decided(&case, case.links.len(), Some(case.holder), case.required);
        match got {
            Ok(()) => assert!(wrong.is_empty(), "{case:?}: {wrong:?}"),
            Err(error) => assert!(wrong.contains(&error), "{case:?}: {error}, not {wrong:?}"),
        }
        let name = got.map_or_else(|error| format!("{error:?}"), |()| "Ok".into());
        *seen.entry((name, case.links.len() > 1)).or_insert(0) += 1;
    }
    // Both answers, and every reason, were there often enough to mean something.
    for name in ["Ok", "CommUntrusted", "CommHolder", "CommDenied", "CommRevoked", "CommExpired"] {
        for long in [false, true] {
            assert!(seen.get(&(name.into(), long)) >= Some(&10), "{name}, {long}: {seen:?}");
        }
    }
    for name in ["CommWidened", "CommDepth", "CommSignature"] {
        assert!(seen.get(&(name.into(), true)) >= Some(&10), "{name}: {seen:?}");
    }
}

#[test]
fn whatever_a_chain_allows_its_beginnings_allow() {
    // Without any model: handing on can never get more.
    let mut random = Random(5);
    let mut compared = 0;
    for _ in 0..3000 {
        let case = case(&mut random);
        let count = case.links.len();
        if decided(&case, count, None, case.required).is_ok() {
            for shorter in 1..count {
                compared += 1;
                assert_eq!(decided(&case, shorter, None, case.required), Ok(()), "{case:?}");
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn the_library_issues_exactly_what_it_accepts() {
    let mut random = Random(6);
    let (mut written, mut refused) = (0, 0);
    for _ in 0..2000 {
        let case = case(&mut random);
        let mut made: Vec<u8> = vec![];
        let mut name: Vec<u8> = vec![];
        for (i, link) in case.links.iter().enumerate() {
            name.extend(&link.extension);
            let caveats: Vec<Caveat> = link
                .caveats
                .iter()
                .map(|(kind, critical, value)| match kind {
                    1 => Caveat::MaxBytes(*value),
                    2 => Caveat::MaxRate(*value),
                    3 => Caveat::Network(*value),
                    4 => Caveat::Custom { key: (value >> 32) as u32, value: *value as u32 },
                    _ => Caveat::Other { kind: *kind, critical: *critical, value: *value },
                })
                .collect();
            let some = |value: u64| (value != 0).then_some(value);
            let terms = Terms {
                resource: &name,
                operations: link.operations as u32,
                not_before: some(link.not_before),
                expiry: some(link.expiry),
                epoch: some(link.epoch),
                depth: link.depth,
                serial: link.serial,
                caveats: &caveats,
                ..Terms::to(public(link.subject))
            };
            let mut room = [0; MAX_CHAIN];
            let by = keys(link.by);
            let len = match i {
                0 => issue(&by, &terms, &mut room),
                _ => delegate(&by, &made, &terms, &mut room),
            };
            let by_hand = forge::chain(link.by, &case.links[..i + 1]);
            let by_hand =
                if i == 0 { by_hand } else { forge::appended(&made, &link.body(), link.by) };
            let sound = Chain::read(&by_hand).and_then(|chain| chain.bounds()).is_ok();
            let own = i == 0 || link.by == case.links[i - 1].subject;
            let known = !caveats.iter().any(|caveat| matches!(caveat, Caveat::Other { .. }));
            assert_eq!(len.is_ok(), sound && own && known, "{link:?}: {len:?}");
            let Ok(len) = len else {
                refused += 1;
                break;
            };
            written += 1;
            assert_eq!(room[..len], by_hand);
            made = by_hand;
        }
    }
    assert!(written > 1000 && refused > 300, "{written} {refused}");
}
