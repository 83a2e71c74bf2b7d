//! Any bytes as chains and as lists of revocations; and links of any bytes that are
//! properly signed, so that the fuzzer gets behind the signatures. Whatever is
//! accepted keeps to its own bounds, and so do its beginnings.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::capability::{
    Ask, Chain, Check, MAX_CHAIN, MAX_LINKS, MAX_RESOURCE, Revocations, Terms, delegate,
    verify,
};
use neural_swarm::comm::crypto::{self, Hash, PublicKey, Secret, identity_of};
use neural_swarm::comm::identity::LocalSecrets;

const PURPOSE: &[u8] = b"neural-swarm/capability/1\n";
const LIST: &[u8] = b"neural-swarm/revocation/1\n";

fn secret(n: u8) -> Secret {
    Secret::new([n; 32])
}

fn sign(purpose: &[u8], bytes: &mut Vec<u8>, by: u8) {
    let digest = Hash::Blake2s.digest(&[bytes]);
    let message = [purpose, digest.bytes()].concat();
    bytes.extend(crypto::sign(&secret(by), &message));
}

/// A chain of the parts of the input, which say all but the subjects.
fn signed(input: &[u8]) -> Vec<u8> {
    let mut chain = [&[1][..], &identity_of(&secret(1))[..4]].concat();
    for (i, part) in input.split(|byte| *byte == 0xa5).take(MAX_LINKS + 1).enumerate() {
        let [head, rest @ ..] = part else { break };
        chain.push(*head);
        chain.extend(identity_of(&secret(i as u8 + 2)));
        chain.extend(rest);
        sign(PURPOSE, &mut chain, i as u8 + 1);
    }
    chain
}

fn accepted(chain: &[u8], keys: &[PublicKey], lists: &[Revocations<'_>]) -> bool {
    let Ok(read) = Chain::read(chain) else { return false };
    let holder = read.last().subject;
    let check = Check {
        now: Some(40),
        epoch: Some(4),
        revocations: lists,
        network: Some(b"n"),
        custom: Some(&|key, value| key > value),
        ..Check::new(keys, holder)
    };
    let ask = Ask { resource: &[b'x'; 64], operations: 1 };
    let Ok(grant) = verify(chain, &check, &ask) else { return false };
    assert!(
        chain.len() <= MAX_CHAIN && read.len() <= MAX_LINKS && read.links().count() == read.len()
    );
    let bounds = read.bounds().expect("verified");
    assert_eq!(bounds, grant.bounds);
    assert!(bounds.resource().len() <= MAX_RESOURCE && ask.resource.starts_with(bounds.resource()));
    for link in read.links() {
        assert!(link.operations & bounds.operations == bounds.operations);
        assert!(link.depth >= bounds.depth && link.expiry.is_none_or(|expiry| expiry > 40));
    }
    assert_eq!(grant.allows(&ask, Some(40), Some(4)), Ok(()));
    true
}

fuzz_target!(|input: &[u8]| {
    let keys = [identity_of(&secret(1))];
    let mut list = input.get(..37).unwrap_or(input).to_vec();
    list.splice(..list.len().min(5), [&[1][..], &keys[0][..4]].concat());
    sign(LIST, &mut list, 1);
    let lists = Revocations::open(&list, &keys);
    if let Ok(list) = &lists {
        assert!(list.ids().iter().all(|id| list.contains(id)) && list.ids().is_sorted());
    }
    let _ = Revocations::open(input, &keys);

    assert!(!accepted(input, &keys, &[]), "a forgery");
    let chain = signed(input);
    if accepted(&chain, &keys, lists.as_slice()) {
        assert!(accepted(&chain, &keys, &[]));
        let read = Chain::read(&chain).expect("accepted");
        let bounds = read.bounds().expect("accepted");
        let terms = Terms {
            resource: bounds.resource(),
            operations: bounds.operations,
            ..Terms::to(identity_of(&secret(9)))
        };
        let mut longer = [0; MAX_CHAIN];
        let holder = LocalSecrets::new(secret(read.len() as u8 + 1));
        let made = delegate(&holder, &chain, &terms, &mut longer);
        assert_eq!(made.is_ok(), bounds.depth > 0, "{made:?}");
        if let Ok(len) = made {
            assert!(accepted(&longer[..len], &keys, &[]));
        }
    }
});
