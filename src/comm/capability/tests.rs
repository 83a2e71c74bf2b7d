//! Any fields as bytes and back, any bytes as fields and back.

use super::format::{Caveat, Fields, Link, Reader};
use super::{MAX_LINK, SIGNATURE};
use crate::error::{Error, Result};
use proptest::prelude::*;
use std::vec::Vec;

/// Numbers of all lengths.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64u32).prop_map(|(value, shift)| value >> shift)
}

fn caveat() -> impl Strategy<Value = Caveat> {
    prop_oneof![
        number().prop_map(|value| Caveat::MaxBytes(value.max(1))),
        number().prop_map(|value| Caveat::MaxRate(value.max(1))),
        number().prop_map(Caveat::Network),
        (any::<u32>(), any::<u32>()).prop_map(|(key, value)| Caveat::Custom { key, value }),
    ]
}

/// A time, an epoch, or none.
fn time() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(number().prop_map(|value| value.max(1)))
}

fn read(body: &[u8]) -> Result<Link<'_>> {
    let mut reader = Reader { bytes: body, at: 0 };
    let link = Link::read_body(&mut reader)?;
    if reader.at == body.len() { Ok(link) } else { Err(Error::CommFormat) }
}

/// What writes this link again.
fn written(link: &Link<'_>, caveats: &[Caveat]) -> Result<super::format::Body> {
    Fields {
        subject: &link.subject,
        serial: link.serial,
        operations: link.operations,
        extension: link.extension,
        not_before: link.not_before,
        expiry: link.expiry,
        epoch: link.epoch,
        depth: link.depth,
        caveats,
    }
    .write()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        subject in any::<[u8; 32]>(),
        (serial, operations) in (number(), 1..=u32::MAX),
        extension in proptest::collection::vec(any::<u8>(), 0..30),
        times in (time(), time(), time()),
        depth in 0..4u8,
        caveats in proptest::collection::vec(caveat(), 0..5),
    ) {
        let (not_before, expiry, epoch) = times;
        let (subject, extension, caveats) = (&subject, &extension[..], &caveats[..]);
        let fields = Fields {
            subject, serial, operations, extension, not_before, expiry, epoch, depth, caveats,
        };
        let room = MAX_LINK - SIGNATURE;
        match fields.write() {
            Ok(body) => match read(&body) {
                Ok(link) => {
                    prop_assert_eq!(link.subject, *subject);
                    prop_assert_eq!((link.serial, link.operations), (serial, operations));
                    prop_assert_eq!(link.extension, extension);
                    let times = (link.not_before, link.expiry, link.epoch);
                    prop_assert_eq!(times, (not_before, expiry, epoch));
                    prop_assert_eq!(link.depth, depth);
                    prop_assert_eq!(link.caveats().collect::<Vec<_>>(), caveats);
                }
                Err(error) => {
                    prop_assert_eq!(error, Error::CommFormat);
                    prop_assert!(not_before.zip(expiry).is_some_and(|(from, to)| from >= to));
                }
            },
            // At least 36 bytes, and at most so many more.
            Err(error) => {
                prop_assert_eq!(error, Error::CommTooLong);
                prop_assert!(36 + 9 + 4 + extension.len() + 30 + 9 * caveats.len() > room);
            }
        }
    }

    /// One encoding of each value: what can be read at all is written alike.
    #[test]
    fn what_is_read_is_written(
        (head, subject) in (any::<u8>(), any::<[u8; 32]>()),
        rest in proptest::collection::vec(prop_oneof![0..4u8, any::<u8>()], 3..31),
    ) {
        let body = [&[head][..], &subject, &rest].concat();
        // Any prefix may be a body.
        for len in 36..=body.len() {
            let Ok(link) = read(&body[..len]) else { continue };
            let caveats: Vec<Caveat> = link.caveats().collect();
            let unknown = caveats.iter().any(|caveat| matches!(caveat, Caveat::Other { .. }));
            match written(&link, &caveats) {
                Ok(again) => prop_assert_eq!(&again[..], &body[..len]),
                Err(error) => prop_assert!(unknown && error == Error::Invalid),
            }
        }
    }
}
