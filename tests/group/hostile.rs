//! What attackers get. Each threat has a control, in which the defence is off and the
//! attack succeeds.

use neural_swarm::Error;
use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::group::{ANNOUNCEMENT, Group, GroupConfig, SIGNED_ANNOUNCEMENT};

use super::nodes::{announce, chain_of, forge, group_of, like, open, seal};

#[test]
fn an_insider_forges_without_signatures_and_not_with_them() {
    for signed in [false, true] {
        let mut all = group_of(3, &like(signed));
        // Member 2 knows the chain of member 1, and tries it on member 3.
        let told = announce(&all[0], 2);
        let own = Secret::new([9; 32]);
        let forged = forge(1, 1, 0, chain_of(&told), signed.then_some(&own), b"I resign");
        if signed {
            let before = all[2].info();
            assert_eq!(open(&mut all[2], &forged), Err(Error::CommSignature));
            assert_eq!(all[2].info().opened, before.opened);
            // Nor without a signature, nor by another announcement.
            let plain = forge(1, 1, 0, chain_of(&told), None, b"I resign");
            assert_eq!(open(&mut all[2], &plain), Err(Error::CommFormat));
            let mut other = told.clone();
            other[59..].fill(3);
            assert_eq!(all[2].accept(1, &other), Err(Error::CommAuth));
            assert_eq!(all[2].accept(2, &told), Err(Error::CommAuth));
            // The true one comes still.
            let frame = seal(&mut all[0], b"I stay");
            assert_eq!(open(&mut all[2], &frame).unwrap(), b"I stay");
        } else {
            // Control.
            assert_eq!(open(&mut all[2], &forged).unwrap(), b"I resign");
        }
    }
}

#[test]
fn every_bit_and_every_length_counts() {
    for signed in [false, true] {
        let mut all = group_of(2, &like(signed));
        seal(&mut all[0], b"lost");
        let frame = seal(&mut all[0], b"a text");
        let late = seal(&mut all[0], b"newest");
        assert!(open(&mut all[1], &late).is_ok());
        let refused = |group: &mut Group<'_>, bytes: &[u8]| {
            let before = group.info();
            let mut out = [0xaa; 128];
            let error = group.open(bytes, 0, &mut out).unwrap_err();
            let mut after = group.info();
            after.refused -= 1;
            assert_eq!(before, after);
            let wiped = &out[..Group::opened_len(bytes.len())];
            assert!(wiped.iter().all(|byte| [0, 0xaa].contains(byte)), "text of a refused frame");
            error
        };
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = refused(&mut all[1], &bytes);
            let expected: &[Error] = match bit / 8 {
                0 if bit >= 4 => &[Error::CommVersion],
                0..3 => &[Error::CommFormat],
                3 => &[Error::CommState, Error::CommExpired, Error::CommKeys],
                4 | 5 => &[Error::CommPeer],
                6 | 7 => &[Error::CommReplay, Error::CommAhead, Error::CommAuth],
                _ => &[Error::CommAuth],
            };
            assert!(expected.contains(&error), "bit {bit}: {error:?}");
        }
        for len in 0..frame.len() {
            refused(&mut all[1], &frame[..len]);
        }
        refused(&mut all[1], &[&frame[..], &[0]].concat());
        assert_eq!(open(&mut all[1], &frame).unwrap(), b"a text");

        let told = announce(&all[0], 2);
        assert_eq!(told.len(), if signed { SIGNED_ANNOUNCEMENT } else { ANNOUNCEMENT });
        for len in 0..told.len() {
            assert_eq!(all[1].accept(1, &told[..len]), Err(Error::CommFormat));
        }
        let longer = [&told[..], &[0]].concat();
        assert_eq!(all[1].accept(1, &longer), Err(Error::CommFormat));
        for (byte, expected) in [(0, Error::CommVersion), (1, Error::CommFormat)] {
            let mut bytes = told.clone();
            bytes[byte] ^= 0x30;
            assert_eq!(all[1].accept(1, &bytes), Err(expected));
        }
        let other = group_of(2, &like(!signed)).remove(0);
        assert_eq!(all[1].accept(1, &announce(&other, 2)), Err(Error::CommFormat));
        assert_eq!(all[1].accept(1, &told), Ok(()));
    }
}

#[test]
fn frames_of_other_groups_are_refused() {
    let mut all = group_of(2, &like(false));
    let mut others = group_of(2, &GroupConfig { id: [1; 16], ..like(false) });
    assert_ne!(all[0].info().short_id, others[0].info().short_id);
    let frame = seal(&mut others[0], b"elsewhere");
    assert_eq!(frame[1..3], others[0].info().short_id);
    assert_eq!(open(&mut all[1], &frame), Err(Error::CommFormat));
    let told = announce(&others[0], 2);
    assert_eq!(all[1].accept(1, &told), Err(Error::CommFormat));
    assert!(open(&mut others[1], &frame).is_ok());
}

#[test]
fn a_counter_far_ahead_costs_nothing() {
    // The last frame that is near enough, and the first that is not.
    for (ahead, opens) in [(99, false), (100, true)] {
        let config = GroupConfig { ahead, ..like(false) };
        let mut all = group_of(2, &config);
        (0..100).for_each(|_| drop(seal(&mut all[0], b"lost")));
        let frame = seal(&mut all[0], b"far");
        let told = announce(&all[0], 2);
        match opens {
            true => assert_eq!(open(&mut all[1], &frame).unwrap(), b"far"),
            false => {
                assert_eq!(open(&mut all[1], &frame), Err(Error::CommAhead));
                // The sender's announcement lets it go on.
                all[1].accept(1, &told).unwrap();
                assert_eq!(open(&mut all[1], &frame), Err(Error::CommReplay));
                let next = seal(&mut all[0], b"next");
                assert_eq!(open(&mut all[1], &next).unwrap(), b"next");
            }
        }
    }
}

#[test]
fn late_frames_of_before_a_jump_come_still() {
    let mut all = group_of(2, &GroupConfig { window: 8, ahead: 4, ..like(false) });
    let frames: Vec<_> = (0..20u8).map(|n| seal(&mut all[0], &[n])).collect();
    assert!(open(&mut all[1], &frames[4]).is_ok());
    // An announcement from 9 on: 2 and 3 are in the window still, 0 and 1 are not,
    // 5 to 8 are passed over.
    let mut source = group_of(2, &like(false));
    let nine: Vec<_> = (0..9).map(|_| seal(&mut source[0], b"")).collect();
    assert_eq!(nine.len(), 9);
    all[1].accept(1, &announce(&source[0], 2)).unwrap();
    for (at, expected) in
        [(0, false), (1, true), (2, true), (3, true), (4, false), (5, false), (8, false), (9, true)]
    {
        assert_eq!(open(&mut all[1], &frames[at]).is_ok(), expected, "frame {at}");
    }
}
