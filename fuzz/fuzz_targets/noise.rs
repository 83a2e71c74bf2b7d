//! Any bytes as handshake messages of any pattern: refused or read, and a refused
//! one changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey};
use neural_swarm_fuzz::Counter;

const NAMES: [&str; 8] = [
    "Noise_XX_25519_ChaChaPoly_BLAKE2s",
    "Noise_IK_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s",
    "Noise_NNpsk0_25519_AESGCM_BLAKE2b",
    "Noise_KX1_25519_AESGCM_SHA512",
    "Noise_X_25519_ChaChaPoly_BLAKE2s",
    "Noise_I1X1_25519_ChaChaPoly_BLAKE2s",
    "Noise_KKpsk0+psk2_25519_ChaChaPoly_BLAKE2s",
];

fuzz_target!(|input: &[u8]| {
    if let Ok(name) = std::str::from_utf8(input) {
        let _ = Handshake::new(name, true, b"", &Keys::default(), None);
    }
    let [choice, rest @ ..] = input else { return };
    let name = NAMES[usize::from(choice & 7)];
    let pairs = [KeyPair::new(Secret::new([1; 32])), KeyPair::new(Secret::new([2; 32]))];
    let psks = [Secret::new([3; 32]), Secret::new([4; 32])];
    let psks = &psks[..name.matches("psk").count()];
    // The right keys for a name: the ones with which it begins.
    let sides = [true, false].map(|initiator| {
        let own = &pairs[usize::from(!initiator)];
        let peer = pairs[usize::from(initiator)].public_key();
        [None, Some(own)].into_iter().find_map(|local| {
            let keys = Keys { local: local.map(|key| key as &dyn StaticKey), psks };
            [None, Some(peer)]
                .into_iter()
                .find_map(|remote| Handshake::new(name, initiator, b"", &keys, remote).ok())
                .map(|side| (side, keys))
        })
    });
    let [Some((mut a, akeys)), Some((mut b, bkeys))] = sides else { panic!("{name}") };
    let (mut message, mut payload) = ([0; 1024], [0; 1024]);
    let mut entropy = Counter(1);
    let mut parts = rest.split(|byte| *byte == 0xa5);
    while !a.is_finished() {
        let len = a.write(&akeys, &mut entropy, b"payload", &mut message).expect("its turn");
        // First the input's, as it is and over the good one; then the good one.
        let part = parts.next().unwrap_or(&[]);
        let mut bad = message;
        bad.iter_mut().zip(part).for_each(|(to, from)| *to ^= from);
        for bytes in [part, &bad[..len]] {
            let (before, old) = (b.transcript().to_vec(), b.clone());
            if b.read(&bkeys, bytes, &mut payload).is_ok() {
                b = old;
            } else {
                assert_eq!(b.transcript(), before);
            }
        }
        let len = b.read(&bkeys, &message[..len], &mut payload).expect("good");
        assert_eq!(&payload[..len], b"payload");
        core::mem::swap(&mut a, &mut b);
        if a.is_finished() {
            break;
        }
        let len = a.write(&bkeys, &mut entropy, b"", &mut message).expect("its turn");
        b.read(&akeys, &message[..len], &mut payload).expect("good");
        core::mem::swap(&mut a, &mut b);
    }
    assert_eq!(a.transcript(), b.transcript());
});
