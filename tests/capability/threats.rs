//! Attacks on chains, each beside the chain that it was made from.

use crate::forge::{self, AUTHORITY, Link, appended, header, public, secret, varint};
use crate::{ASK, NOW, accepted, answer, authorities, chain, check, links, refused};
use neural_swarm::comm::capability::{Chain, verify};
use neural_swarm::comm::crypto::{Hash, sign};
use neural_swarm::{Error, Result};

/// What happens to the link at `at` of four when it is changed.
fn changed(at: usize, change: impl Fn(&mut Link)) -> Result<()> {
    let mut links = links(4);
    assert!(answer(&links).is_ok(), "the control");
    change(&mut links[at]);
    answer(&links).map(|_| ())
}

#[test]
fn a_link_that_widens_any_field_is_refused() {
    for at in 1..4 {
        let before = links(4)[at - 1].clone();
        let widened = |change: &dyn Fn(&mut Link)| {
            assert_eq!(changed(at, change), Err(Error::CommWidened), "link {at}");
        };
        widened(&|link| link.operations |= 1 << 31);
        widened(&|link| link.operations = before.operations + 1);
        widened(&|link| link.not_before = before.not_before - 1);
        widened(&|link| link.expiry = before.expiry + 1);
        widened(&|link| link.epoch = before.epoch + 1);
        widened(&|link| link.depth = before.depth);
        // Windows that lie outside altogether.
        widened(&|link| (link.not_before, link.expiry) = (before.expiry, before.expiry + 9));
        widened(&|link| (link.not_before, link.expiry) = (0, before.not_before));
        widened(&|link| (link.not_before, link.expiry) = (before.expiry, 0));
        // As much as before is not more.
        for same in [
            (|link, before| link.operations = before.operations) as fn(&mut Link, &Link),
            |link, before| link.not_before = before.not_before,
            |link, before| link.expiry = before.expiry,
            |link, before| link.epoch = before.epoch,
            |link, _| link.extension.clear(),
        ] {
            let mut links = links(at + 1);
            same(&mut links[at], &before);
            assert!(answer(&links).is_ok(), "link {at}");
        }
    }
}

#[test]
fn what_a_link_leaves_out_is_as_before() {
    for at in 1..4 {
        for now in [NOW, NOW + 1000 - at as u64, NOW + 2000, NOW - 1001] {
            let mut links = links(at + 1);
            let last = links.last_mut().unwrap();
            (last.not_before, last.expiry, last.epoch) = (0, 0, 0);
            let keys = authorities();
            let check = neural_swarm::comm::capability::Check {
                now: Some(now),
                ..check(&keys, at as u8 + 2)
            };
            let answer = verify(&chain(&links), &check, &ASK);
            let before = &links[at - 1];
            assert_eq!(answer.is_ok(), now >= before.not_before && now < before.expiry);
            if let Ok(grant) = answer {
                assert_eq!(grant.bounds.expiry, Some(before.expiry));
                assert_eq!(grant.bounds.epoch, Some(before.epoch));
            }
        }
    }
}

#[test]
fn a_resource_prefix_cannot_be_left() {
    // Whatever a link adds, the prefix of the one before stays in front.
    let mut links = links(2);
    links[1].extension = b"../b/".to_vec();
    refused(answer(&links), Error::CommDenied);
    let chain = chain(&links);
    let bounds = Chain::read(&chain).unwrap().bounds().unwrap();
    assert_eq!(bounds.resource(), b"farm/../b/");
}

#[test]
fn depth_ends_a_chain() {
    for (depths, error) in [
        (&[0u8][..], None),
        (&[1, 0], None),
        (&[3, 1, 0], None),
        (&[0, 0], Some(Error::CommDepth)),
        (&[3, 0, 0], Some(Error::CommDepth)),
        (&[1, 1], Some(Error::CommWidened)),
        (&[1, 3], Some(Error::CommWidened)),
        (&[2, 1, 1], Some(Error::CommWidened)),
        (&[3, 2, 1, 0, 0], Some(Error::CommDepth)),
    ] {
        let mut links = links(depths.len().min(4));
        if depths.len() == 5 {
            links.push(Link { by: 5, subject: 6, extension: vec![], ..links[3].clone() });
        }
        links.iter_mut().zip(depths).for_each(|(link, depth)| link.depth = *depth);
        assert_eq!(answer(&links).err(), error, "{depths:?}");
    }
}

#[test]
fn a_stolen_chain_is_of_no_use() {
    for count in 1..=4 {
        let links = links(count);
        let chain = chain(&links);
        let holder = count as u8 + 1;
        assert!(accepted(&chain, holder).is_ok());
        // Everybody else's session, the other links' subjects and the authority's own included.
        for thief in (1..9).filter(|key| *key != holder) {
            refused(accepted(&chain, thief), Error::CommHolder);
        }
        if count == 4 {
            continue;
        }
        // The thief hands it on to himself, but cannot sign for the holder.
        let own = Link { by: 8, subject: 8, ..crate::links(count + 1)[count].clone() };
        refused(accepted(&appended(&chain, &own.body(), 8), 8), Error::CommSignature);
        let honest = Link { by: holder, ..own };
        assert!(accepted(&appended(&chain, &honest.body(), holder), 8).is_ok());
    }
}

#[test]
fn a_link_signed_by_anybody_else_is_refused() {
    for at in 0..4 {
        for by in (1..7).filter(|by| usize::from(*by) != at + 1) {
            assert_eq!(changed(at, |link| link.by = by), Err(Error::CommSignature));
        }
    }
}

#[test]
fn a_foreign_authority_is_refused() {
    let links = links(2);
    let chain = chain(&links);
    let answer = |keys: &[_]| verify(&chain, &check(keys, 3), &ASK);
    let mut namesake = public(AUTHORITY);
    namesake[31] ^= 1;
    assert!(answer(&[public(AUTHORITY)]).is_ok());
    assert!(answer(&[public(7), public(AUTHORITY)]).is_ok());
    // Another key that begins with the same bytes is in nobody's way.
    assert!(answer(&[namesake, public(AUTHORITY), namesake]).is_ok());
    refused(answer(&[namesake]), Error::CommSignature);
    refused(answer(&[public(7)]), Error::CommUntrusted);
    refused(answer(&[]), Error::CommUntrusted);
    // Signed by somebody else in the authority's name, and in his own.
    let mut forged = crate::links(1);
    forged[0].by = 7;
    refused(accepted(&forge::chain(AUTHORITY, &forged), 2), Error::CommSignature);
    refused(accepted(&forge::chain(7, &forged), 2), Error::CommUntrusted);
}

/// The bytes of a chain's links.
fn slices(links: &[Link]) -> Vec<Vec<u8>> {
    let ends = (0..=links.len()).map(|count| chain(&links[..count]).len());
    let ends: Vec<usize> = ends.collect();
    let whole = chain(links);
    ends.windows(2).map(|ends| whole[ends[0]..ends[1]].to_vec()).collect()
}

#[test]
fn links_cannot_be_moved_reordered_dropped_or_doubled() {
    // Two chains of the same people: every sequence of up to four of their links.
    let first = links(3);
    let mut second = links(3);
    second.iter_mut().for_each(|link| link.serial += 100);
    let people: Vec<u8> = first.iter().chain(&second).map(|link| link.subject).collect();
    let pieces = [slices(&first), slices(&second)].concat();
    let whole = [&[0][..], &[0, 1], &[0, 1, 2], &[3], &[3, 4], &[3, 4, 5]];
    let mut orders: Vec<Vec<usize>> = vec![vec![]];
    let mut seen = 0;
    for _ in 0..4 {
        orders = orders
            .iter()
            .flat_map(|order| (0..6).map(move |next| [&order[..], &[next]].concat()))
            .collect();
        for order in &orders {
            let mut bytes = header(AUTHORITY);
            order.iter().for_each(|at| bytes.extend(&pieces[*at]));
            let answer = accepted(&bytes, people[*order.last().unwrap()]);
            if whole.contains(&&order[..]) {
                seen += 1;
                assert!(answer.is_ok(), "{order:?}");
            } else {
                let error = answer.expect_err("a chain that nobody made");
                // Of another resource, wider, too long, or in the wrong place.
                let expected =
                    [Error::CommDenied, Error::CommWidened, Error::CommDepth, Error::CommSignature];
                assert!(expected.contains(&error), "{order:?}: {error}");
            }
        }
    }
    assert_eq!(seen, whole.len());
    // In the same depth and time only the signatures tell.
    let swapped = [&header(AUTHORITY)[..], &pieces[0], &pieces[4]].concat();
    refused(accepted(&swapped, 3), Error::CommSignature);
}

#[test]
fn every_changed_bit_is_noticed() {
    let mut links = links(2);
    links[1].caveats = vec![(1, true, 5000), (5, false, 9)];
    let chain = chain(&links);
    let control = accepted(&chain, 3).unwrap();
    for at in 0..chain.len() * 8 {
        let mut changed = chain.clone();
        changed[at / 8] ^= 1 << (at % 8);
        // The thief may be whoever the changed chain says.
        let holders = Chain::read(&changed).map(|chain| chain.last().subject);
        for holder in [public(3), holders.unwrap_or_default()] {
            let keys = authorities();
            let mut check = check(&keys, 3);
            check.holder = holder;
            assert!(verify(&changed, &check, &ASK).is_err(), "bit {at}");
        }
    }
    assert_eq!(accepted(&chain, 3), Ok(control));
}

#[test]
fn every_truncation_and_every_addition_is_noticed() {
    let links = links(3);
    let whole = chain(&links);
    let ends: Vec<usize> = (1..=3).map(|count| chain(&links[..count]).len()).collect();
    for len in 0..whole.len() {
        let cut = &whole[..len];
        match ends.iter().position(|end| *end == len) {
            // Between links it is an earlier holder's, and nobody else's.
            Some(earlier) => {
                refused(accepted(cut, 4), Error::CommHolder);
                assert!(accepted(cut, earlier as u8 + 2).is_ok());
            }
            None => refused(accepted(cut, 4), Error::CommFormat),
        }
    }
    for added in [&[0][..], &[1], &[0; 96], &whole] {
        assert!(accepted(&[&whole[..], added].concat(), 4).is_err());
    }
    assert!(accepted(&whole, 4).is_ok());
}

#[test]
fn a_signature_for_another_purpose_is_no_signature_here() {
    let link = &links(1)[0];
    let signed = [header(AUTHORITY), link.body()].concat();
    let digest = Hash::Blake2s.digest(&[&signed]);
    let with = |signature: [u8; 64]| accepted(&[&signed[..], &signature].concat(), 2);
    let key = secret(AUTHORITY);
    assert!(with(forge::signature(b"neural-swarm/capability/1\n", &signed, AUTHORITY)).is_ok());
    for signature in [
        forge::signature(b"neural-swarm/revocation/1\n", &signed, AUTHORITY),
        forge::signature(b"neural-swarm/capability/2\n", &signed, AUTHORITY),
        sign(&key, digest.bytes()),
        sign(&key, &signed),
        [0; 64],
    ] {
        refused(with(signature), Error::CommSignature);
    }
}

#[test]
fn other_versions_are_told_apart_from_rubbish() {
    let mut chain = chain(&links(1));
    for version in (0..=255).filter(|version| *version != 1) {
        chain[0] = version;
        refused(accepted(&chain, 2), Error::CommVersion);
    }
    refused(accepted(&[], 2), Error::CommFormat);
    refused(accepted(&header(AUTHORITY), 2), Error::CommFormat);
}

/// The answer to a link of these bytes, properly signed.
fn answer_to(body: &[u8]) -> Result<()> {
    accepted(&appended(&header(AUTHORITY), body, AUTHORITY), 2).map(|_| ())
}

#[test]
fn each_value_has_one_encoding() {
    let link = Link { not_before: 0, epoch: 0, extension: vec![], ..links(1)[0].clone() };
    // head, subject, serial (1 byte), operations (2 bytes), length, expiry (5 bytes)
    let body = link.body();
    assert_eq!(body.len(), 42);
    assert_eq!(answer_to(&body), Ok(()));
    let spliced =
        |from: usize, to: usize, new: &[u8]| answer_to(&[&body[..from], new, &body[to..]].concat());
    let bad = Err(Error::CommFormat);
    assert_eq!(spliced(33, 34, &[70]), Ok(()), "the control");
    assert_eq!(spliced(33, 34, &[0xc6, 0]), bad, "a longer form of the serial");
    assert_eq!(spliced(33, 34, &varint(u64::MAX)), Ok(()));
    let beyond = [&[0xff; 9][..], &[2]].concat();
    assert_eq!(spliced(33, 34, &beyond), bad, "a serial over 64 bits");
    assert_eq!(spliced(33, 34, &[0xff; 11]), bad, "a serial without an end");
    assert_eq!(spliced(34, 36, &[0]), bad, "no operation");
    assert_eq!(spliced(34, 36, &varint(u32::MAX.into())), Ok(()));
    assert_eq!(spliced(34, 36, &varint(1 << 32)), bad, "operations over 32 bits");
    assert_eq!(spliced(36, 37, &[255]), bad, "a resource longer than the chain");
    assert_eq!(spliced(37, 42, &[0]), bad, "an expiry of 0");
    // Caveats: one of a byte, then its other forms.
    let with = |bytes: &[u8]| answer_to(&[&[body[0] + 32], &body[1..], bytes].concat());
    assert_eq!(with(&[0x81, 9]), Ok(()), "at most 9 bytes");
    assert_eq!(with(&[0x91, 9, 0]), bad, "a longer form");
    assert_eq!(with(&[0x91, 9, 1]), Ok(()));
    assert_eq!(with(&[0x81, 0]), bad, "at most no byte");
    assert_eq!(with(&[0x82, 0]), bad, "at most no byte a second");
    assert_eq!(with(&[0x01, 9]), bad, "a known one that may be ignored");
    assert_eq!(with(&[0xf1, 9]), bad, "shorter than it says");
    // Five caveats, though there is room.
    assert_eq!(
        answer_to(&[&[body[0] + 4 * 32], &body[1..], &[0x81, 9].repeat(4)].concat()),
        Ok(())
    );
    assert_eq!(answer_to(&[&[body[0] + 5 * 32], &body[1..], &[0x81, 9].repeat(5)].concat()), bad);
}

#[test]
fn a_chain_has_an_end_and_windows_are_not_empty() {
    let mut endless = links(2);
    (endless[0].expiry, endless[0].epoch) = (0, 0);
    refused(answer(&endless), Error::CommFormat);
    for at in 0..4 {
        assert_eq!(changed(at, |link| link.expiry = link.not_before), Err(Error::CommFormat));
    }
}

#[test]
fn resources_and_links_have_a_greatest_length() {
    let of = |lengths: &[usize]| {
        let mut links = links(lengths.len());
        for (link, len) in links.iter_mut().zip(lengths) {
            (link.not_before, link.epoch) = (0, 0);
            link.extension = vec![b'x'; *len];
        }
        let keys = authorities();
        let ask = neural_swarm::comm::capability::Ask { resource: &[b'x'; 80], operations: 1 };
        verify(&chain(&links), &check(&keys, lengths.len() as u8 + 1), &ask).map(|_| ())
    };
    // 42 bytes besides: 20 more, and 64 of signature, make 126.
    assert_eq!(of(&[20]), Ok(()));
    assert_eq!(of(&[21]), Err(Error::CommFormat));
    assert_eq!(of(&[20, 20, 20, 4]), Ok(()));
    assert_eq!(of(&[20, 20, 20, 5]), Err(Error::CommFormat));
}
