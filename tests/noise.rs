//! The Noise Protocol Framework: published vectors in both roles, every pattern
//! with itself, and what must be refused.

use neural_swarm::Error;
use neural_swarm::Result;
use neural_swarm::comm::crypto::{PublicKey, Secret};
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, MAX_MESSAGE, StaticKey, Transport};
use neural_swarm::port::Entropy;
use std::collections::BTreeMap;

/// Gives the bytes of a test vector, or counts up.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if self.0.len() < out.len() {
            return Err(Error::Hook);
        }
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(77);
            *byte = self.0;
        }
        Ok(())
    }
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn secret(text: &str) -> Secret {
    Secret::new(hex(text).try_into().unwrap())
}

#[derive(Default)]
struct Vector {
    name: String,
    fields: BTreeMap<String, String>,
    messages: Vec<(Vec<u8>, Vec<u8>)>,
}

fn vectors(text: &str) -> Vec<Vector> {
    let mut all: Vec<Vector> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        match (words.as_slice(), all.last_mut()) {
            ([name], _) => all.push(Vector { name: (*name).into(), ..Vector::default() }),
            (["message", payload, text], Some(vector)) => {
                vector.messages.push((hex(payload), hex(text)));
            }
            ([field, value], Some(vector)) => {
                vector.fields.insert((*field).into(), (*value).into());
            }
            _ => panic!("{line}"),
        }
    }
    all
}

/// One side of a vector's handshake, with the bytes of its ephemeral key.
struct Side {
    local: Option<KeyPair>,
    psks: Vec<Secret>,
    entropy: Fixed,
    handshake: Handshake,
}

impl Side {
    fn new(vector: &Vector, side: &str) -> Side {
        let field = |name: &str| vector.fields.get(&format!("{side}_{name}")).map(String::as_str);
        let local = field("static").map(|key| KeyPair::new(secret(key)));
        let psks: Vec<Secret> =
            field("psks").map_or(vec![], |keys| keys.split('+').map(secret).collect());
        let remote = field("remote_static").map(|key| hex(key).try_into().unwrap());
        let prologue = hex(field("prologue").unwrap_or(""));
        let keys = Keys { local: local.as_ref().map(|key| key as &dyn StaticKey), psks: &psks };
        let handshake =
            Handshake::new(&vector.name, side == "init", &prologue, &keys, remote).unwrap();
        let entropy = Fixed(hex(field("ephemeral").unwrap_or("")));
        Side { local, psks, entropy, handshake }
    }

    fn write(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize> {
        let local = self.local.as_ref().map(|key| key as &dyn StaticKey);
        let keys = Keys { local, psks: &self.psks };
        self.handshake.write(&keys, &mut self.entropy, payload, out)
    }

    fn read(&mut self, message: &[u8], payload: &mut [u8]) -> Result<usize> {
        let local = self.local.as_ref().map(|key| key as &dyn StaticKey);
        let keys = Keys { local, psks: &self.psks };
        self.handshake.read(&keys, message, payload)
    }
}

/// One side, then the other, writes what the vector says; both read it.
fn follow(vector: &Vector) {
    let mut sides = [Side::new(vector, "init"), Side::new(vector, "resp")];
    let mut transports: Vec<Transport> = Vec::new();
    let mut buffer = [0; 1024];
    for (i, (payload, text)) in vector.messages.iter().enumerate() {
        let name = &vector.name;
        if transports.is_empty() {
            let [writer, reader] = &mut sides;
            let (writer, reader) = if i % 2 == 0 { (writer, reader) } else { (reader, writer) };
            assert_eq!(writer.handshake.overhead(), text.len() - payload.len(), "{name}");
            let len = writer.write(payload, &mut buffer).unwrap();
            assert_eq!(&buffer[..len], text, "{name} message {i}");
            let len = reader.read(text, &mut buffer).unwrap();
            assert_eq!(&buffer[..len], payload, "{name} message {i}");
            if sides[0].handshake.is_finished() {
                assert_eq!(sides[0].handshake.transcript(), sides[1].handshake.transcript());
                if let Some(hash) = vector.fields.get("handshake_hash") {
                    assert_eq!(sides[0].handshake.transcript(), hex(hash), "{name}");
                }
                transports = sides.iter().map(|side| side.handshake.finish().unwrap()).collect();
            }
            continue;
        }
        // One side alone sends after a one-way pattern.
        let one_way = transports[1].send_counter().is_none();
        let from = if one_way { 0 } else { i % 2 };
        let len = transports[from].seal(b"", payload, &mut buffer).unwrap();
        assert_eq!(&buffer[..len], text, "{name} message {i}");
        let len = transports[1 - from].open(b"", text, &mut buffer).unwrap();
        assert_eq!(&buffer[..len], payload, "{name} message {i}");
    }
    assert_eq!(transports.len(), 2, "{}", vector.name);
}

#[test]
fn published_vectors_in_both_roles() {
    let vectors = vectors(include_str!("data/noise.txt"));
    assert_eq!(vectors.len(), 118);
    assert!(vectors.iter().all(|vector| vector.fields.contains_key("handshake_hash")));
    vectors.iter().for_each(follow);
}

/// Whole collections, too large to carry: tests/peers/noise brings them.
#[test]
fn vectors_of_a_file() {
    let Some(path) = std::env::var_os("NSW_NOISE_VECTORS") else {
        eprintln!("SKIPPED vectors_of_a_file: NSW_NOISE_VECTORS names no file (tests/peers/noise)");
        return;
    };
    let vectors = vectors(&std::fs::read_to_string(path).unwrap());
    assert!(!vectors.is_empty());
    vectors.iter().for_each(follow);
}

const PATTERNS: &str = "N K X NN NK NX XN XK XX KN KK KX IN IK IX NK1 NX1 X1N X1K XK1 X1K1 X1X \
    XX1 X1X1 K1N K1K KK1 K1K1 K1X KX1 K1X1 I1N I1K IK1 I1K1 I1X IX1 I1X1";

/// Which keys a pattern has, by its name alone (section 7.4): the initiator's
/// and the responder's static key, and which of them are known beforehand.
fn letters(pattern: &str) -> ([bool; 2], [bool; 2]) {
    let letters: Vec<char> = pattern.chars().filter(|c| c.is_alphabetic()).collect();
    match letters.as_slice() {
        [one] => ([*one != 'N', true], [*one == 'K', true]),
        [first, second] => ([*first != 'N', *second != 'N'], [*first == 'K', *second == 'K']),
        _ => panic!("{pattern}"),
    }
}

/// Runs a whole handshake by name; both sides' transports.
fn run(name: &str, pattern: &str, psks: &[Secret]) -> [Transport; 2] {
    let entropy = &mut Counting(3);
    let (has, known) = letters(pattern);
    let pairs = [KeyPair::random(entropy).unwrap(), KeyPair::random(entropy).unwrap()];
    let keys: [Keys; 2] = core::array::from_fn(|i| Keys {
        local: has[i].then_some(&pairs[i] as &dyn StaticKey),
        psks,
    });
    let mut sides: [Handshake; 2] = core::array::from_fn(|i| {
        let remote: Option<PublicKey> = known[1 - i].then(|| pairs[1 - i].public_key());
        Handshake::new(name, i == 0, b"prologue", &keys[i], remote).unwrap()
    });
    let (mut message, mut payload) = ([0; 512], [0; 512]);
    for step in 0.. {
        let from = step % 2;
        assert!(sides[from].is_my_turn() && !sides[1 - from].is_my_turn());
        let len = sides[from].write(&keys[from], entropy, b"pay", &mut message).unwrap();
        let len = sides[1 - from].read(&keys[1 - from], &message[..len], &mut payload).unwrap();
        assert_eq!(&payload[..len], b"pay");
        if sides[0].is_finished() {
            break;
        }
    }
    assert_eq!(sides[0].transcript(), sides[1].transcript());
    for i in 0..2 {
        if has[1 - i] {
            assert_eq!(sides[i].remote_static(), Some(&pairs[1 - i].public_key()), "{name}");
        }
    }
    sides.map(|side| side.finish().unwrap())
}

#[test]
fn every_pattern_with_every_set_of_psks_and_every_suite_agrees() {
    let psk = [Secret::new([9; 32]), Secret::new([8; 32]), Secret::new([7; 32])];
    let ciphers: &[&str] =
        if cfg!(feature = "std") { &["ChaChaPoly", "AESGCM"] } else { &["ChaChaPoly"] };
    let hashes: &[&str] = if cfg!(feature = "std") {
        &["BLAKE2s", "SHA256", "BLAKE2b", "SHA512"]
    } else {
        &["BLAKE2s"]
    };
    for pattern in PATTERNS.split_ascii_whitespace() {
        for (modifiers, psks) in [("", 0), ("psk0", 1), ("psk1", 1), ("psk0+psk1", 2)] {
            for cipher in ciphers {
                for hash in hashes {
                    let name = format!("Noise_{pattern}{modifiers}_25519_{cipher}_{hash}");
                    let [mut a, mut b] = run(&name, pattern, &psk[..psks]);
                    let (mut message, mut text) = ([0; 64], [0; 64]);
                    let len = a.seal(b"ad", b"there", &mut message).unwrap();
                    let len = b.open(b"ad", &message[..len], &mut text).unwrap();
                    assert_eq!(&text[..len], b"there");
                    match b.seal(b"", b"back", &mut message) {
                        Ok(len) => {
                            let len = a.open(b"", &message[..len], &mut text).unwrap();
                            assert_eq!(&text[..len], b"back");
                        }
                        Err(error) => {
                            assert_eq!((error, pattern.len()), (Error::CommState, 1), "{name}");
                        }
                    }
                }
            }
        }
    }
    let name = "Noise_XXpsk0+psk2+psk3_25519_ChaChaPoly_BLAKE2s";
    run(name, "XX", &psk);
}

/// XX between two sides, up to the message with this number, with that message.
fn until(number: usize) -> ([KeyPair; 2], [Handshake; 2], Vec<u8>) {
    let entropy = &mut Counting(9);
    let pairs = [KeyPair::random(entropy).unwrap(), KeyPair::random(entropy).unwrap()];
    let keys = [0, 1].map(|i| Keys { local: Some(&pairs[i]), psks: &[] });
    let name = "Noise_XX_25519_ChaChaPoly_BLAKE2s";
    let mut sides = [0, 1].map(|i| Handshake::new(name, i == 0, b"", &keys[i], None).unwrap());
    let (mut message, mut payload) = (vec![0; 256], [0; 256]);
    for step in 0..=number {
        let len = sides[step % 2].write(&keys[step % 2], entropy, b"hi", &mut message).unwrap();
        message.truncate(len);
        if step < number {
            let to = 1 - step % 2;
            sides[to].read(&keys[to], &message, &mut payload).unwrap();
            message.resize(256, 0);
        }
    }
    (pairs, sides, message)
}

#[test]
fn damaged_messages_are_refused_and_the_good_one_still_works() {
    for number in 0..3 {
        let (pairs, mut sides, message) = until(number);
        let to = 1 - number % 2;
        let keys = Keys { local: Some(&pairs[to]), psks: &[] };
        let side = &mut sides[to];
        let before = side.transcript().to_vec();
        let mut payload = [0; 256];
        for len in 0..message.len() {
            let error = side.read(&keys, &message[..len], &mut payload).err();
            let open = number == 0 && len >= 32; // its payload is not protected
            match error {
                Some(Error::CommFormat | Error::CommAuth) => {}
                other => assert!(open && other.is_none(), "{number} {len} {other:?}"),
            }
            if open {
                // A shorter one was good: start again.
                side.clone_from(&until(number).1[to]);
            }
            assert_eq!(side.transcript(), before);
        }
        if number > 0 {
            for bit in 0..message.len() * 8 {
                let mut message = message.clone();
                message[bit / 8] ^= 1 << (bit % 8);
                // X25519 ignores the top bit of a key, but the transcript does not.
                let error = side.read(&keys, &message, &mut payload).err();
                assert_eq!(error, Some(Error::CommAuth), "message {number}, bit {bit}");
                assert_eq!(side.transcript(), before);
            }
        }
        assert_eq!(side.read(&keys, &message, &mut payload), Ok(2));
    }
}

#[test]
fn keys_of_small_order_are_refused() {
    // RFC 7748, section 6.1, and the points of order 2, 4 and 8 on the curve and its twist.
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let pair = KeyPair::new(Secret::new([5; 32]));
    for key in small {
        let key: PublicKey = hex(key).try_into().unwrap();
        assert_eq!(pair.agree(&key).err(), Some(Error::CommKey));
        // As an ephemeral key, in the first message that mixes it.
        let keys = Keys::default();
        let name = "Noise_NN_25519_ChaChaPoly_BLAKE2s";
        let mut side = Handshake::new(name, false, b"", &keys, None).unwrap();
        side.read(&keys, &key, &mut []).unwrap();
        let error = side.write(&keys, &mut Counting(1), b"", &mut [0; 64]).err();
        assert_eq!(error, Some(Error::CommKey));
        assert!(side.is_my_turn());
    }
}

#[test]
fn calls_out_of_turn_and_wrong_keys_are_refused() {
    let name = "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s";
    let pair = KeyPair::new(Secret::new([5; 32]));
    let psks = [Secret::new([1; 32])];
    let (none, some) = (Keys::default(), Keys { local: Some(&pair), psks: &psks });
    let without = Keys { local: Some(&pair), psks: &[] };
    let new = |name, keys, remote| Handshake::new(name, true, b"", keys, remote).err();
    assert_eq!(new(name, &none, None), Some(Error::CommKeys));
    assert_eq!(new(name, &without, None), Some(Error::CommKeys));
    assert_eq!(new(name, &some, Some([9; 32])), Some(Error::CommKeys));
    assert_eq!(new("Noise_NN_25519_ChaChaPoly_BLAKE2s", &without, None), Some(Error::CommKeys));
    assert_eq!(new("Noise_IK_25519_ChaChaPoly_BLAKE2s", &without, None), Some(Error::CommKeys));

    let mut side = Handshake::new(name, true, b"", &some, None).unwrap();
    let (entropy, mut out) = (&mut Counting(2), [0; 128]);
    assert_eq!(side.read(&some, &[0; 64], &mut out), Err(Error::CommState));
    assert_eq!(side.finish().err(), Some(Error::CommState));
    assert_eq!(side.write(&none, entropy, b"", &mut out), Err(Error::CommKeys));
    // psk3: even the first payload has a key, after the ephemeral one is mixed in.
    assert_eq!(side.overhead(), 48);
    assert_eq!(side.write(&some, entropy, b"", &mut out[..47]), Err(Error::BufferTooSmall));
    assert_eq!(side.write(&some, &mut Fixed(vec![]), b"", &mut out), Err(Error::Hook));
    let long = vec![0; MAX_MESSAGE - 47];
    let mut room = vec![0; MAX_MESSAGE + 1];
    assert_eq!(side.write(&some, entropy, &long, &mut room), Err(Error::CommTooLong));
    assert_eq!(side.write(&some, entropy, &long[1..], &mut room), Ok(MAX_MESSAGE));
    assert_eq!(side.write(&some, entropy, b"", &mut out), Err(Error::CommState));
    assert_eq!(side.read(&some, &room, &mut out), Err(Error::CommTooLong));
}

#[test]
fn another_prologue_name_or_psk_does_not_agree() {
    let pair = KeyPair::new(Secret::new([5; 32]));
    let psks = [Secret::new([1; 32]), Secret::new([2; 32])];
    let keys = |i: usize| Keys { local: Some(&pair), psks: &psks[i..=i] };
    let name = "Noise_Xpsk1_25519_ChaChaPoly_BLAKE2s";
    let other = "Noise_Xpsk1_25519_ChaChaPoly_SHA256";
    let remote = Some(pair.public_key());
    let mut message = [0; 128];
    let mut alice = Handshake::new(name, true, b"one", &keys(0), remote).unwrap();
    let len = alice.write(&keys(0), &mut Counting(2), b"", &mut message).unwrap();
    let read = |name, prologue: &[u8], psk| {
        let mut bob = Handshake::new(name, false, prologue, &keys(psk), None).unwrap();
        bob.read(&keys(psk), &message[..len], &mut [0; 32])
    };
    assert_eq!(read(name, b"one", 0), Ok(0));
    assert_eq!(read(name, b"two", 0), Err(Error::CommAuth));
    assert_eq!(read(name, b"one", 1), Err(Error::CommAuth));
    assert_eq!(read(other, b"one", 0), Err(Error::CommAuth));
}

#[test]
fn transport_messages_keep_their_counters() {
    let [mut a, mut b] = run("Noise_NN_25519_ChaChaPoly_BLAKE2s", "NN", &[]);
    let (mut one, mut two, mut text) = ([0; 32], [0; 32], [0; 32]);
    let first = a.seal(b"", b"one", &mut one).unwrap();
    let second = a.seal(b"", b"two", &mut two).unwrap();
    // Out of order only where the counter is told.
    assert_eq!(b.open(b"", &two[..second], &mut text), Err(Error::CommAuth));
    assert_eq!(b.receive_counter(), Some(0));
    assert_eq!(b.open_at(1, b"", &two[..second], &mut text), Ok(3));
    assert_eq!(&text[..3], b"two");
    assert_eq!(b.open(b"other", &one[..first], &mut text), Err(Error::CommAuth));
    assert_eq!(b.open(b"", &one[..15], &mut text), Err(Error::CommFormat));
    assert_eq!(b.open(b"", &one[..first], &mut text[..2]), Err(Error::BufferTooSmall));
    assert_eq!(b.open(b"", &one[..first], &mut text), Ok(3));
    assert_eq!(a.seal_at(u64::MAX, b"", b"", &mut one), Err(Error::CommCounter));
    assert_eq!(b.open_at(u64::MAX, b"", &one, &mut text), Err(Error::CommCounter));
    assert_eq!(a.seal(b"", b"one", &mut one[..18]), Err(Error::BufferTooSmall));
    a.rekey_send();
    let third = a.seal(b"", b"three", &mut one).unwrap();
    assert_eq!(b.open_at(2, b"", &one[..third], &mut text), Err(Error::CommAuth));
    b.rekey_receive();
    assert_eq!(b.open_at(2, b"", &one[..third], &mut text), Ok(5));
}
