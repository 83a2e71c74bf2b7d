//! Clocks and epochs.

use crate::forge::{Link, public};
use crate::{ASK, EPOCH, NOW, authorities, chain, check, links, refused};
use neural_swarm::Error;
use neural_swarm::comm::capability::{Check, Checks, Grant, verify};

/// The answer to these links at this time and in this epoch.
fn at(links: &[Link], now: Option<u64>, epoch: Option<u64>) -> neural_swarm::Result<Grant> {
    let keys = authorities();
    let check = Check { now, epoch, ..check(&keys, links.len() as u8 + 1) };
    verify(&chain(links), &check, &ASK)
}

#[test]
fn each_links_window_is_kept_to_the_second() {
    for link in 0..4 {
        let mut links = links(4);
        for (i, other) in links.iter_mut().enumerate() {
            (other.not_before, other.expiry) = match i.cmp(&link) {
                core::cmp::Ordering::Less => (NOW - 500, NOW + 500),
                core::cmp::Ordering::Equal => (NOW - 10, NOW + 10),
                core::cmp::Ordering::Greater => (0, 0),
            };
        }
        for (now, valid) in [
            (1, false),
            (NOW - 11, false),
            (NOW - 10, true),
            (NOW, true),
            (NOW + 9, true),
            (NOW + 10, false),
            (u64::MAX, false),
        ] {
            let answer = at(&links, Some(now), Some(EPOCH));
            assert_eq!(answer.err(), (!valid).then_some(Error::CommExpired), "{now}");
        }
    }
}

#[test]
fn each_links_epoch_is_kept() {
    for link in 0..4 {
        let mut links = links(4);
        for (i, other) in links.iter_mut().enumerate() {
            other.epoch = match i.cmp(&link) {
                core::cmp::Ordering::Less => 100,
                core::cmp::Ordering::Equal => 7,
                core::cmp::Ordering::Greater => 0,
            };
        }
        for (epoch, valid) in [(1, true), (7, true), (8, false), (u64::MAX, false)] {
            let answer = at(&links, Some(NOW), Some(epoch));
            assert_eq!(answer.err(), (!valid).then_some(Error::CommExpired), "{epoch}");
        }
    }
}

/// One link with an expiry, an epoch, or both.
fn bounded(time: bool, epoch: bool) -> Vec<Link> {
    let mut links = links(1);
    let link = &mut links[0];
    link.depth = 3;
    if !time {
        (link.not_before, link.expiry) = (0, 0);
    }
    if !epoch {
        link.epoch = 0;
    }
    links
}

#[test]
fn a_node_without_a_clock_enforces_the_epoch_and_says_so() {
    let both = bounded(true, true);
    let checks = |now, epoch| at(&both, now, epoch).unwrap().checks;
    let made = |time, epoch| Checks { time, epoch, ..Checks::default() };
    assert_eq!(checks(Some(NOW), Some(EPOCH)), made(true, true));
    assert_eq!(checks(None, Some(EPOCH)), made(false, true));
    assert_eq!(checks(Some(NOW), None), made(true, false));
    refused(at(&both, None, Some(EPOCH + 11)), Error::CommExpired);
    // What nobody could tell is not granted.
    refused(at(&both, None, None), Error::CommExpired);
    refused(at(&bounded(true, false), None, Some(EPOCH)), Error::CommExpired);
    refused(at(&bounded(false, true), Some(NOW), None), Error::CommExpired);
    assert!(at(&bounded(true, false), Some(NOW), None).is_ok());
    assert!(at(&bounded(false, true), None, Some(EPOCH)).is_ok());
}

#[test]
fn a_holder_cannot_add_the_bound_that_makes_a_chain_look_checked() {
    // The authority gave an expiry, and the node has no clock: handing it on with an epoch does
    // not help, nor the other way round.
    for (time, epoch, now, current) in
        [(true, false, None, Some(EPOCH)), (false, true, Some(NOW), None)]
    {
        let mut links = bounded(time, epoch);
        let own = Link {
            by: 2,
            subject: 3,
            depth: 0,
            expiry: if time { 0 } else { u64::MAX },
            epoch: if epoch { 0 } else { u64::MAX },
            not_before: 0,
            ..links[0].clone()
        };
        links.push(Link { extension: vec![], ..own });
        refused(at(&links, now, current), Error::CommExpired);
        // The control: with both the bound that the authority gave is checked.
        let checks = at(&links, Some(NOW), Some(EPOCH)).unwrap().checks;
        assert_eq!((checks.time, checks.epoch), (time, epoch));
    }
}

#[test]
fn checks_can_be_required() {
    let keys = authorities();
    let with = |now, epoch, required| {
        let check = Check { now, epoch, required, ..Check::new(&keys, public(2)) };
        verify(&chain(&links(1)), &check, &ASK).err()
    };
    let none = Checks::default();
    let time = Checks { time: true, ..none };
    let epoch = Checks { epoch: true, ..none };
    let denied = Some(Error::CommDenied);
    assert_eq!(with(Some(NOW), None, time), None);
    assert_eq!(with(None, Some(EPOCH), time), denied);
    assert_eq!(with(None, Some(EPOCH), epoch), None);
    assert_eq!(with(Some(NOW), None, epoch), denied);
    assert_eq!(with(Some(NOW), Some(EPOCH), Checks { revocation: true, ..none }), denied);
    assert_eq!(with(Some(NOW), Some(EPOCH), Checks { network: true, ..none }), denied);
}
