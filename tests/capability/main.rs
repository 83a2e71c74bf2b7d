//! Capabilities from outside: what is granted, each threat beside a control in
//! which the same chain is whole, and a simple model that must agree.

mod caveats;
mod example;
mod forge;
mod issuing;
mod model;
mod revocations;
mod threats;
mod times;

use forge::{AUTHORITY, Link, public};
use neural_swarm::comm::capability::{Ask, Check, Grant, verify};
use neural_swarm::comm::crypto::PublicKey;
use neural_swarm::{Error, Result};

/// A time within the windows of [`links`].
const NOW: u64 = 1_790_000_000;
/// An epoch within theirs.
const EPOCH: u64 = 5;

/// Whom the tests trust.
fn authorities() -> [PublicKey; 1] {
    [public(AUTHORITY)]
}

/// As many links as asked for, from the authority to the keys 2, 3, 4 and 5,
/// each with a little less than the one before. The resource of the last of four
/// is `farm/a/b/c/`.
fn links(count: usize) -> Vec<Link> {
    let link = |i: usize| Link {
        by: i as u8 + 1,
        subject: i as u8 + 2,
        serial: 70 + i as u64,
        operations: 0b1111_1111 >> i,
        extension: [&b"farm/"[..], b"a/", b"b/", b"c/"][i].to_vec(),
        not_before: NOW - 1000 + i as u64,
        expiry: NOW + 1000 - i as u64,
        epoch: EPOCH + 10 - i as u64,
        depth: 3 - i as u8,
        caveats: vec![],
    };
    (0..count).map(link).collect()
}

fn chain(links: &[Link]) -> Vec<u8> {
    forge::chain(AUTHORITY, links)
}

/// What the node of the tests knows, with this holder.
fn check(authorities: &[PublicKey], holder: u8) -> Check<'_> {
    Check { now: Some(NOW), epoch: Some(EPOCH), ..Check::new(authorities, public(holder)) }
}

const ASK: Ask<'static> = Ask { resource: b"farm/a/b/c/pump", operations: 0b0001 };

/// Whether a chain is accepted by the node of the tests.
fn accepted(chain: &[u8], holder: u8) -> Result<Grant> {
    verify(chain, &check(&authorities(), holder), &ASK)
}

/// The answer to these links, for the last one's subject.
fn answer(links: &[Link]) -> Result<Grant> {
    accepted(&chain(links), links.last().unwrap().subject)
}

#[track_caller]
fn refused(result: Result<Grant>, error: Error) {
    assert_eq!(result.unwrap_err(), error);
}

#[test]
fn chains_of_every_length_grant_what_their_last_link_says() {
    for count in 1..=4 {
        let links = links(count);
        let last = links.last().unwrap();
        let grant = answer(&links).unwrap();
        assert_eq!(grant.authority, public(AUTHORITY));
        assert_eq!(usize::from(grant.links), count);
        assert_eq!(grant.serial, last.serial);
        assert_eq!(u64::from(grant.bounds.operations), last.operations);
        assert_eq!(grant.bounds.not_before, Some(last.not_before));
        assert_eq!(grant.bounds.expiry, Some(last.expiry));
        assert_eq!(grant.bounds.epoch, Some(last.epoch));
        assert_eq!(grant.bounds.depth, last.depth);
        let resource: Vec<u8> = links.iter().flat_map(|link| link.extension.clone()).collect();
        assert_eq!(grant.bounds.resource(), resource);
        assert_eq!((grant.max_bytes, grant.max_rate), (None, None));
        assert!(grant.checks.time && grant.checks.epoch);
        assert!(!grant.checks.revocation && !grant.checks.network);
    }
}

#[test]
fn only_what_is_allowed_can_be_asked_for() {
    let chain = chain(&links(2));
    let keys = authorities();
    let check = check(&keys, 3);
    let ask = |resource: &[u8], operations| verify(&chain, &check, &Ask { resource, operations });
    let allowed = 0b0111_1111;
    assert!(ask(b"farm/a/", 1).is_ok());
    assert!(ask(b"farm/a/pump", allowed).is_ok());
    for resource in [&b"farm/a"[..], b"farm/b/", b"farm/", b"", b"Farm/a/", b"xfarm/a/"] {
        refused(ask(resource, 1), Error::CommDenied);
    }
    refused(ask(b"farm/a/", 0b1000_0000), Error::CommDenied);
    refused(ask(b"farm/a/", 0b1000_0001), Error::CommDenied);
    refused(ask(b"farm/a/", u32::MAX), Error::CommDenied);
    refused(ask(b"farm/a/", 0), Error::Invalid);
}

#[test]
fn an_empty_prefix_is_for_every_resource() {
    let mut links = links(2);
    links.iter_mut().for_each(|link| link.extension.clear());
    let chain = chain(&links);
    let keys = authorities();
    for resource in [&b""[..], b"anything"] {
        assert!(verify(&chain, &check(&keys, 3), &Ask { resource, operations: 1 }).is_ok());
    }
}

#[test]
fn a_grant_answers_later_questions() {
    let grant = answer(&links(2)).unwrap();
    let ask = |resource, operations| Ask { resource, operations };
    let good = ask(b"farm/a/tank", 0b0111_1111);
    assert_eq!(grant.allows(&good, Some(NOW + 998), Some(EPOCH + 9)), Ok(()));
    for (asked, now, epoch, error) in [
        (good, Some(NOW + 999), Some(EPOCH), Error::CommExpired),
        (good, Some(NOW - 1000), Some(EPOCH), Error::CommExpired),
        (good, Some(NOW), Some(EPOCH + 10), Error::CommExpired),
        // What was checked at first is not left out later.
        (good, None, Some(EPOCH), Error::CommExpired),
        (good, Some(NOW), None, Error::CommExpired),
        (ask(b"farm/b", 1), Some(NOW), Some(EPOCH), Error::CommDenied),
        (ask(b"farm/a/", 1 << 7), Some(NOW), Some(EPOCH), Error::CommDenied),
        (ask(b"farm/a/", 0), Some(NOW), Some(EPOCH), Error::Invalid),
    ] {
        assert_eq!(grant.allows(&asked, now, epoch), Err(error));
    }
    // Of a node without a clock no more is asked than it had.
    let keys = authorities();
    let clockless = Check { now: None, ..check(&keys, 3) };
    let grant = verify(&chain(&links(2)), &clockless, &ASK).unwrap();
    assert_eq!(grant.allows(&good, None, Some(EPOCH)), Ok(()));
}
