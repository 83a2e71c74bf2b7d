//! The example of docs/capability-format.md, which was made without the library.

use crate::forge::{AUTHORITY, keys, public};
use crate::{authorities, check};
use neural_swarm::Error;
use neural_swarm::comm::capability::{
    Ask, Caveat, Check, Checks, MAX_CHAIN, Revocations, Terms, delegate, issue, key_id, link_id,
    network_tag, revoke, verify,
};

/// The example's blocks of bytes.
fn blocks() -> Vec<Vec<u8>> {
    let page = include_str!("../../docs/capability-format.md");
    let blocks = page.split("```hex\n").skip(1).map(|block| block.split("```").next().unwrap());
    let digits = |block: &str| block.split_whitespace().collect::<String>();
    let bytes = |digits: String| {
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    blocks.map(digits).map(bytes).collect()
}

#[test]
fn the_example_is_what_the_library_writes_and_accepts() {
    let blocks = blocks();
    let [chain, list] = &blocks[..] else { panic!("two blocks") };
    let mut room = [0; MAX_CHAIN];
    let first = Terms {
        resource: b"farm/",
        operations: 3,
        expiry: Some(1_800_000_000),
        epoch: Some(9),
        depth: 1,
        serial: 300,
        caveats: &[Caveat::Network(network_tag(b"north"))],
        ..Terms::to(public(2))
    };
    let len = issue(&keys(AUTHORITY), &first, &mut room).unwrap();
    let parent = room[..len].to_vec();
    let second = Terms {
        resource: b"farm/north/",
        operations: 1,
        not_before: Some(1_790_000_000),
        serial: 1,
        caveats: &[Caveat::MaxBytes(5000)],
        ..Terms::to(public(3))
    };
    let len = delegate(&keys(2), &parent, &second, &mut room).unwrap();
    assert_eq!(room[..len], chain[..]);

    let ids = [link_id(&public(AUTHORITY), 300), key_id(&public(3))];
    let len = revoke(&keys(AUTHORITY), 9, 2, &ids, &mut room).unwrap();
    assert_eq!(room[..len], list[..]);

    let trusted = authorities();
    let check = Check { network: Some(b"north"), ..check(&trusted, 3) };
    let ask = Ask { resource: b"farm/north/pump", operations: 1 };
    let grant = verify(chain, &check, &ask).unwrap();
    assert_eq!(grant.max_bytes, Some(5000));
    let made = Checks { time: true, epoch: true, revocation: false, network: true };
    assert_eq!(grant.checks, made);
    let revocations = [Revocations::open(list, &trusted).unwrap()];
    let revoked = verify(chain, &Check { revocations: &revocations, ..check }, &ask);
    assert_eq!(revoked.unwrap_err(), Error::CommRevoked);
}
