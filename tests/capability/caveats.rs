//! Conditions besides.

use std::cell::RefCell;

use crate::forge::{AUTHORITY, appended};
use crate::{ASK, accepted, answer, authorities, chain, check, links, refused};
use neural_swarm::comm::capability::{Caveat, Chain, Check, Checks, network_tag, verify};
use neural_swarm::{Error, Result};

#[test]
fn the_least_limit_of_the_chain_is_told() {
    let mut links = links(3);
    links[0].caveats = vec![(1, true, 5000), (2, true, 300)];
    links[1].caveats = vec![(1, true, 9000)];
    links[2].caveats = vec![(2, true, 200), (1, true, 4000), (2, true, 201)];
    let grant = answer(&links).unwrap();
    assert_eq!((grant.max_bytes, grant.max_rate), (Some(4000), Some(200)));
    let grant = answer(&links[..2]).unwrap();
    assert_eq!((grant.max_bytes, grant.max_rate), (Some(5000), Some(300)));
}

#[test]
fn a_capability_for_a_network_is_good_in_that_one_alone() {
    let tag = network_tag(b"north");
    assert_ne!(tag, network_tag(b"south"));
    for at in 0..3 {
        let mut links = links(3);
        links[at].caveats = vec![(3, true, tag)];
        let chain = chain(&links);
        let keys = authorities();
        let with = |network, required| {
            let check = Check { network, required, ..check(&keys, 4) };
            verify(&chain, &check, &ASK)
        };
        let none = Checks::default();
        let checks = with(Some(b"north"), none).unwrap().checks;
        // Only what the authority said counts as bound to the network.
        assert_eq!(checks.network, at == 0);
        let required = with(Some(b"north"), Checks { network: true, ..none });
        assert_eq!(required.is_ok(), at == 0);
        refused(with(Some(b"south"), none), Error::CommDenied);
        refused(with(Some(b""), none), Error::CommDenied);
        refused(with(None, none), Error::CommDenied);
        // Both of two networks is neither.
        links[2].not_before = 0;
        links[2].expiry = 0;
        links[2].caveats.push((3, true, network_tag(b"south")));
        let (chain, keys) = (crate::chain(&links), authorities());
        for network in [b"north", b"south"] {
            let check = Check { network: Some(network), ..check(&keys, 4) };
            refused(verify(&chain, &check, &ASK), Error::CommDenied);
        }
    }
}

#[test]
fn the_caller_decides_its_own_caveats() {
    let mut links = links(2);
    links[0].caveats = vec![(4, true, 7 << 32 | 1)];
    links[1].caveats = vec![(4, true, 9), (4, true, 0xffff_ffff_ffff_fffe)];
    let chain = chain(&links);
    let keys = authorities();
    let asked = RefCell::new(vec![]);
    let with = |chain: &[u8], no: Option<u32>| -> Result<()> {
        asked.borrow_mut().clear();
        let custom = |key, value| {
            asked.borrow_mut().push((key, value));
            Some(key) != no
        };
        let check = Check { custom: Some(&custom), ..check(&keys, 3) };
        verify(chain, &check, &ASK).map(|_| ())
    };
    assert_eq!(with(&chain, None), Ok(()));
    assert_eq!(*asked.borrow(), [(7, 1), (0, 9), (u32::MAX, u32::MAX - 1)]);
    for (no, questions) in [(7, 1), (0, 2), (u32::MAX, 3)] {
        assert_eq!(with(&chain, Some(no)), Err(Error::CommDenied));
        assert_eq!(asked.borrow().len(), questions);
    }
    // Nobody is asked about a chain that is not authentic.
    let mut forged = chain.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(with(&forged, None), Err(Error::CommSignature));
    assert!(asked.borrow().is_empty());
    // And whoever does not decide refuses.
    refused(accepted(&chain, 3), Error::CommDenied);
}

#[test]
fn unknown_caveats_are_refused_if_they_are_critical() {
    for at in 0..2 {
        for kind in [0, 5, 6, 14, 15] {
            let mut links = links(2);
            links[at].caveats = vec![(kind, false, 1), (1, true, 8)];
            let grant = answer(&links).unwrap();
            assert_eq!(grant.max_bytes, Some(8), "what comes behind is read");
            links[at].caveats[0].1 = true;
            refused(answer(&links), Error::CommDenied);
        }
    }
}

#[test]
fn caveats_are_shown() {
    let mut link = links(1).remove(0);
    (link.extension, link.not_before, link.epoch) = (vec![], 0, 0);
    link.caveats = vec![(1, true, u64::MAX), (4, true, 3 << 32 | 2), (9, false, 0), (0, true, 256)];
    let bytes = appended(&crate::forge::header(AUTHORITY), &link.body(), AUTHORITY);
    let chain = Chain::read(&bytes).unwrap();
    let shown: Vec<Caveat> = chain.last().caveats().collect();
    let other = |kind, critical, value| Caveat::Other { kind, critical, value };
    let custom = Caveat::Custom { key: 3, value: 2 };
    let expected = [Caveat::MaxBytes(u64::MAX), custom, other(9, false, 0), other(0, true, 256)];
    assert_eq!(shown, expected);
}
