//! Secrets are gone from memory when their object is: the memory of an object
//! is searched before it is dropped, which must find them, and after.

mod common;

use core::mem::MaybeUninit;
use core::ptr;

use common::{Random, address, number};
use neural_swarm::comm::crypto::{Cipher, Hash, Secret, agree, public_key};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::link::{Link, LinkConfig, Output, Received};
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey, Transport};
use neural_swarm::port::{Allocator, Arena, Entropy, Heap};

/// The bytes of some memory, padding and all.
///
/// # Safety
/// `len` bytes at `start` can be read.
unsafe fn bytes(start: *const u8, len: usize) -> Vec<u8> {
    // SAFETY: the caller's promise; volatile, so that no store before it is left out.
    (0..len).map(|i| unsafe { ptr::read_volatile(start.add(i)) }).collect()
}

fn has(memory: &[u8], secret: &[u8]) -> bool {
    memory.windows(secret.len()).any(|window| window == secret)
}

/// An object in memory that is searched.
struct Place<T>(Box<MaybeUninit<T>>);

impl<T> Place<T> {
    fn new(object: T) -> Place<T> {
        let mut place = Box::new(MaybeUninit::zeroed());
        place.write(object);
        Place(place)
    }

    fn object(&mut self) -> &mut T {
        // SAFETY: written in `new`; `drop` takes `self`.
        unsafe { self.0.assume_init_mut() }
    }

    fn bytes(&self) -> Vec<u8> {
        // SAFETY: the whole place; it was zeroed, then written to.
        unsafe { bytes(self.0.as_ptr().cast(), size_of::<T>()) }
    }

    /// Drops the object; its bytes before and after.
    fn drop(mut self) -> (Vec<u8>, Vec<u8>) {
        let before = self.bytes();
        // SAFETY: written in `new`, dropped here alone.
        unsafe { self.0.assume_init_drop() };
        let after = self.bytes();
        (before, after)
    }
}

/// Whether memory has the key under which a sealed message opens: tries all
/// that could be it.
fn has_key_of(memory: &[u8], counter: u64, sealed: &[u8]) -> bool {
    let (text, tag) = sealed.split_last_chunk::<16>().unwrap();
    memory.windows(32).any(|key| {
        let mut text = text.to_vec();
        Cipher::ChaChaPoly.open(key.try_into().unwrap(), counter, b"", &mut text, tag).is_ok()
    })
}

#[test]
fn keys_and_digests() {
    let bytes = core::array::from_fn(|i| 101 + i as u8);
    let (before, after) = Place::new(Secret::new(bytes)).drop();
    assert!(has(&before, &bytes));
    assert!(!has(&after, &bytes[..8]) && after.iter().all(|byte| *byte == 0));

    let (before, after) = Place::new(KeyPair::new(Secret::new(bytes))).drop();
    assert!(has(&before, &bytes));
    assert!(!has(&after, &bytes[..8]));

    let local = LocalSecrets::new(Secret::new(bytes));
    // The Noise key that follows from the seed: who has it agrees as the node does.
    let peer = public_key(&Secret::new([5; 32]));
    let shared = local.agree(&peer).unwrap();
    let holds = |memory: &[u8]| {
        memory.windows(32).any(|key| {
            agree(&Secret::new(key.try_into().unwrap()), &peer).is_ok_and(|ours| ours == shared)
        })
    };
    let (before, after) = Place::new(local).drop();
    assert!(has(&before, &bytes) && holds(&before));
    assert!(!has(&after, &bytes[..8]) && !holds(&after));

    let digest = Hash::Blake2s.digest(&[b"secret"]);
    let bytes = digest.bytes().to_vec();
    let (before, after) = Place::new(digest).drop();
    assert!(has(&before, &bytes) && !has(&after, &bytes[..8]));

    let shared = agree(&Secret::new([4; 32]), &peer).unwrap();
    let bytes = *shared;
    let (before, after) = Place::new(shared).drop();
    assert!(has(&before, &bytes) && !has(&after, &bytes[..8]));
}

const NAME: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2s";

/// The keys of both sides, and both sides, each in its place, after so many
/// messages. The ephemeral keys are the first that the generators give.
fn handshake(messages: usize) -> [Place<Handshake>; 2] {
    let locals = [KeyPair::new(Secret::new([1; 32])), KeyPair::new(Secret::new([2; 32]))];
    let keys = [0, 1].map(|i| Keys { local: Some(&locals[i]), psks: &[] });
    let mut sides =
        [0, 1].map(|i| Place::new(Handshake::new(NAME, i == 0, b"", &keys[i], None).unwrap()));
    let (mut message, mut payload) = ([0; 256], [0; 256]);
    for step in 0..messages {
        let (from, to) = (step % 2, 1 - step % 2);
        let entropy = &mut Random(from as u64);
        let len = sides[from].object().write(&keys[from], entropy, b"", &mut message).unwrap();
        sides[to].object().read(&keys[to], &message[..len], &mut payload).unwrap();
    }
    sides
}

fn ephemeral(side: usize) -> [u8; 32] {
    let mut key = [0; 32];
    Random(side as u64).fill(&mut key).unwrap();
    key
}

/// Everything that an unfinished or finished handshake knows and others do not:
/// the ephemeral private key, the chaining key, the cipher's key.
#[test]
fn handshakes() {
    for messages in 1..=3 {
        for (i, side) in handshake(messages).into_iter().enumerate() {
            let wrote = messages > i;
            let (before, after) = side.drop();
            assert_eq!(has(&before, &ephemeral(i)), wrote);
            assert!(!has(&after, &ephemeral(i)[..8]));
            // What is left is public: the public keys of the peer and its own,
            // and numbers. The rest was overwritten: two digests and a key.
            let publics = [
                public_key(&Secret::new(ephemeral(0))),
                public_key(&Secret::new(ephemeral(1))),
                public_key(&Secret::new([1; 32])),
                public_key(&Secret::new([2; 32])),
            ];
            // Numbers and pointers have zeros among their bytes, and so much in a row is
            // not left in padding by who used the stack before.
            let secret = |memory: &[u8]| {
                let mut memory = memory.to_vec();
                for public in &publics {
                    while let Some(at) = memory.windows(32).position(|bytes| bytes == public) {
                        memory[at..at + 32].fill(0);
                    }
                }
                memory.windows(20).filter(|bytes| bytes.iter().all(|byte| *byte != 0)).count()
            };
            assert!(secret(&before) > 10, "{}", secret(&before));
            assert_eq!(secret(&after), 0);
        }
    }
}

#[test]
fn transports() {
    let mut sides = handshake(3);
    let [mut one, mut two]: [Place<Transport>; 2] =
        [0, 1].map(|i| Place::new(sides[i].object().finish().unwrap()));
    let (mut there, mut back) = ([0; 20], [0; 20]);
    one.object().seal(b"", b"text", &mut there).unwrap();
    two.object().seal(b"", b"text", &mut back).unwrap();
    for place in [one, two] {
        let (before, after) = place.drop();
        assert!(has_key_of(&before, 0, &there) && has_key_of(&before, 0, &back));
        assert!(!has_key_of(&after, 0, &there) && !has_key_of(&after, 0, &back));
    }
    // A key that was replaced by the next is not there any more.
    let mut side = Place::new(sides[0].object().finish().unwrap());
    side.object().seal(b"", b"text", &mut there).unwrap();
    assert!(has_key_of(&side.bytes(), 0, &there));
    side.object().rekey_send();
    assert!(!has_key_of(&side.bytes(), 0, &there));
}

/// The seed of a node, and a key that all share.
fn seed(node: u8) -> [u8; 32] {
    core::array::from_fn(|i| node.wrapping_mul(50).wrapping_add(7 * i as u8))
}

const PSK: [u8; 32] = *b"a secret that all of them share.";

type OwnLink<'m> = Link<'m, LocalSecrets, Random>;

fn new_link<'m>(me: u8, other: u8, memory: impl Allocator<'m>) -> OwnLink<'m> {
    let mut config = LinkConfig::new(b"test", 2);
    config.psk = Some(Secret::new(PSK));
    let [me_keys, other] = [me, other].map(|node| LocalSecrets::new(Secret::new(seed(node))));
    let mut link = Link::new(&config, me_keys, Random(u64::from(me)), memory).unwrap();
    link.trust_mut().pin(&other.identity()).unwrap();
    link
}

/// A link and its tables, with a session and an unfinished handshake: the
/// session's keys open a frame that was recorded.
#[test]
fn links() {
    let footprint = OwnLink::footprint(&LinkConfig::new(b"test", 2)).unwrap();
    let mut memory = vec![MaybeUninit::<u8>::zeroed(); footprint.size() + footprint.align()];
    let (start, len) = (memory.as_ptr().cast::<u8>(), memory.len());
    let arena = Arena::new(&mut memory);
    let mut ours = Place::new(new_link(1, 2, &arena));
    let mut theirs = new_link(2, 1, Heap);

    // The two talk until nobody has anything to say.
    let now = 1_000_000;
    let (mut out, mut text) = ([0; 2048], [0; 2048]);
    ours.object().connect(&address(2), None, None, 0, now).unwrap();
    let (mut peer, mut quiet) = (None, false);
    while !quiet {
        quiet = true;
        while let Some(output) = ours.object().next(now, &mut out).unwrap() {
            match output {
                Output::Frame { len, .. } => {
                    quiet = false;
                    theirs.receive(&address(1), &out[..len], now, &mut text).unwrap();
                }
                Output::Connected { peer: id, .. } => peer = Some(id),
                _ => {}
            }
        }
        while let Some(output) = theirs.next(now, &mut out).unwrap() {
            if let Output::Frame { len, .. } = output {
                quiet = false;
                ours.object().receive(&address(2), &out[..len], now, &mut text).unwrap();
            }
        }
    }
    let (len_sent, to) = ours.object().send(peer.unwrap(), b"text", now, &mut out).unwrap();
    let frame = out[..len_sent].to_vec();
    assert_eq!(number(&to), 2);
    let received = theirs.receive(&address(1), &frame, now, &mut text).unwrap();
    assert!(matches!(received, Received::Message { len: 4, .. }));
    // Somebody else is called, who does not answer.
    ours.object().connect(&address(3), None, None, 1, now).unwrap();
    ours.object().next(now, &mut out).unwrap();

    // The counter is in the frame's last bytes before the ciphertext.
    let (front, sealed) = frame.split_at(frame.len() - 4 - 16);
    let counter = u64::from(front[front.len() - if front.len() == 5 { 2 } else { 4 }]);
    let keyed = |memory: &[u8]| has_key_of(memory, counter, sealed);
    // SAFETY: the arena's memory, which is not freed before the end; it was zeroed.
    let tables = || unsafe { bytes(start, len) };
    let object = ours.bytes();
    assert!(keyed(&tables()) && has(&object, &PSK) && has(&object, &seed(1)));
    let (_, object) = ours.drop();
    for memory in [tables(), object] {
        assert!(!keyed(&memory) && !has(&memory, &PSK[..8]) && !has(&memory, &seed(1)[..8]));
    }
}
