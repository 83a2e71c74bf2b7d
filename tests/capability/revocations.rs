//! What an authority takes back.

use crate::forge::{self, AUTHORITY, public};
use crate::{ASK, EPOCH, authorities, chain, check, links};
use neural_swarm::Error;
use neural_swarm::comm::capability::{
    Check, Checks, Id, Revocations, key_id, link_id, revocations_len, revoke, verify,
};

/// The list that the authority with this number signs.
fn revoked(authority: u8, epoch: u64, sequence: u32, ids: &[Id]) -> Vec<u8> {
    let mut list = vec![0; revocations_len(ids.len()).unwrap()];
    let len = revoke(&forge::keys(authority), epoch, sequence, ids, &mut list).unwrap();
    assert_eq!(len, list.len());
    list
}

/// The answer to the first `count` links with this list.
fn answer(count: usize, list: &[u8]) -> Result<Checks, Error> {
    let keys = [public(AUTHORITY), public(9)];
    let list = Revocations::open(list, &keys)?;
    let check = Check { revocations: &[list], ..check(&keys, count as u8 + 1) };
    verify(&chain(&links(count)), &check, &ASK).map(|grant| grant.checks)
}

#[test]
fn a_revoked_link_or_key_ends_all_that_came_from_it() {
    for at in 0..4 {
        let issuer = public(at as u8 + 1);
        let others = [link_id(&public(50), 1), link_id(&public(51), 2)];
        for id in [link_id(&issuer, 70 + at as u64), key_id(&public(at as u8 + 2))] {
            let list = revoked(AUTHORITY, EPOCH, 0, &[others[0], id, others[1]]);
            for count in 1..=4 {
                let expected = (count > at).then_some(Error::CommRevoked);
                assert_eq!(answer(count, &list).err(), expected, "{at} of {count}");
            }
        }
        // Another serial, another issuer.
        let near = [link_id(&issuer, 70 + at as u64 + 9), link_id(&public(40), 70 + at as u64)];
        assert!(answer(4, &revoked(AUTHORITY, EPOCH, 0, &near)).unwrap().revocation);
    }
}

#[test]
fn a_lists_epoch_ends_links_of_earlier_ones() {
    // The first link's epoch is 15, the fourth's 12.
    for (epoch, count, expected) in [
        (12, 4, None),
        (13, 4, Some(Error::CommExpired)),
        (15, 1, None),
        (16, 1, Some(Error::CommExpired)),
    ] {
        assert_eq!(answer(count, &revoked(AUTHORITY, epoch, 0, &[])).err(), expected);
    }
    // A list alone tells a node the epoch; an old list does not turn it back.
    let list = revoked(AUTHORITY, 12, 0, &[]);
    let keys = authorities();
    let list = Revocations::open(&list, &keys).unwrap();
    let with = |epoch| {
        let lists = [list];
        let check = Check { now: None, epoch, revocations: &lists, ..check(&keys, 5) };
        verify(&chain(&links(4)), &check, &ASK).map(|grant| grant.checks.epoch)
    };
    assert_eq!(with(None), Ok(true));
    assert_eq!(with(Some(13)), Err(Error::CommExpired));
}

#[test]
fn another_authoritys_list_says_nothing_about_this_one() {
    let id = link_id(&public(AUTHORITY), 70);
    let checks = answer(1, &revoked(9, 100, 0, &[id])).unwrap();
    assert!(!checks.revocation);
    assert_eq!(answer(1, &revoked(AUTHORITY, 1, 0, &[id])), Err(Error::CommRevoked));
    // Both lists together: each for its own.
    let keys = [public(AUTHORITY), public(9)];
    let (own, other) = (revoked(AUTHORITY, 1, 0, &[]), revoked(9, 100, 0, &[id]));
    let lists = [&other, &own].map(|list| Revocations::open(list, &keys).unwrap());
    let required = Checks { revocation: true, ..Checks::default() };
    let check = Check { revocations: &lists, required, ..check(&keys, 2) };
    assert!(verify(&chain(&links(1)), &check, &ASK).is_ok());
}

#[test]
fn lists_are_sorted_and_looked_up() {
    let ids: Vec<Id> = (0..100).map(|serial| link_id(&public(3), serial)).collect();
    for count in [0, 1, 2, 3, 64, 99] {
        let list = revoked(AUTHORITY, 7, 9, &ids[..count]);
        let keys = authorities();
        let list = Revocations::open(&list, &keys).unwrap();
        assert_eq!((list.epoch(), list.sequence()), (7, 9));
        assert_eq!(*list.authority(), public(AUTHORITY));
        assert!(list.ids().is_sorted() && list.ids().len() == count);
        for (i, id) in ids.iter().enumerate() {
            assert_eq!(list.contains(id), i < count);
        }
    }
    // The same bytes by hand.
    let mut sorted = ids[..9].to_vec();
    sorted.sort();
    assert_eq!(revoked(AUTHORITY, 7, 9, &ids[..9]), forge::list(AUTHORITY, 7, 9, &sorted));
}

#[test]
fn a_newer_list_replaces_an_older_one() {
    let keys = [public(AUTHORITY), public(9)];
    let lists: Vec<Vec<u8>> = [(1, 0), (1, 1), (1, u32::MAX), (2, 0), (300, 0), (u64::MAX, 1)]
        .iter()
        .map(|(epoch, sequence)| revoked(AUTHORITY, *epoch, *sequence, &[]))
        .collect();
    for (i, new) in lists.iter().enumerate() {
        for (j, current) in lists.iter().enumerate() {
            let new = Revocations::open(new, &keys).unwrap();
            let current = Revocations::open(current, &keys).unwrap();
            let expected = if i > j { Ok(()) } else { Err(Error::CommExpired) };
            assert_eq!(new.replaces(&current), expected, "{i} for {j}");
        }
    }
    let other = revoked(9, 400, 0, &[]);
    let other = Revocations::open(&other, &keys).unwrap();
    let own = Revocations::open(&lists[0], &keys).unwrap();
    assert_eq!(other.replaces(&own), Err(Error::CommUntrusted));
}

#[test]
fn forged_and_damaged_lists_are_refused() {
    let ids: Vec<Id> = (0..3).map(|serial| link_id(&public(3), serial)).collect();
    let list = revoked(AUTHORITY, 7, 9, &ids);
    let keys = authorities();
    let open = |list: &[u8]| Revocations::open(list, &keys).map(|_| ());
    assert_eq!(open(&list), Ok(()));
    for at in 0..list.len() * 8 {
        let mut changed = list.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(open(&changed).is_err(), "bit {at}");
    }
    for len in 0..list.len() {
        assert_eq!(open(&list[..len]), Err(Error::CommFormat));
    }
    assert_eq!(open(&[&list[..], &[0]].concat()), Err(Error::CommFormat));
    assert_eq!(open(&list.repeat(2)), Err(Error::CommFormat));
    // Signed by somebody else, in his name and in the authority's.
    assert_eq!(open(&revoked(9, 7, 9, &ids)), Err(Error::CommUntrusted));
    let mut renamed = revoked(9, 7, 9, &ids);
    renamed[1..5].copy_from_slice(&public(AUTHORITY)[..4]);
    assert_eq!(open(&renamed), Err(Error::CommSignature));
    for version in [0, 2, 255] {
        let mut other = list.clone();
        other[0] = version;
        assert_eq!(open(&other), Err(Error::CommVersion));
    }
    // What the authority itself signed, but no list: not ascending, twice the same, no epoch.
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(open(&forge::list(AUTHORITY, 7, 9, &sorted)), Ok(()));
    for (epoch, ids) in
        [(7, [sorted[1], sorted[0]]), (7, [sorted[0], sorted[0]]), (0, [sorted[0], sorted[1]])]
    {
        assert_eq!(open(&forge::list(AUTHORITY, epoch, 9, &ids)), Err(Error::CommFormat));
    }
    // A count that no memory could hold.
    let mut huge = list;
    huge[17..21].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(open(&huge), Err(Error::CommFormat));
}

#[test]
fn lists_that_cannot_be_are_not_written() {
    let ids = [[7; 16], [7; 16]];
    let mut room = [0; 300];
    let key = forge::keys(AUTHORITY);
    assert_eq!(revoke(&key, 7, 0, &ids, &mut room), Err(Error::Invalid));
    assert_eq!(revoke(&key, 0, 0, &ids[..1], &mut room), Err(Error::Invalid));
    let mut small = [9; 100];
    assert_eq!(revoke(&key, 7, 0, &ids[..1], &mut small), Err(Error::BufferTooSmall));
    assert_eq!(small, [9; 100]);
    assert_eq!(revocations_len(1), Ok(101));
    assert_eq!(revocations_len(usize::MAX), Err(Error::Overflow));
}
