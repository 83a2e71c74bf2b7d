//! The post-quantum option: ML-KEM-768 against published answers, and the psk
//! that it gives a handshake.

#![cfg(feature = "post-quantum")]

use ml_kem::kem::Decapsulate;
use ml_kem::ml_kem_768::DecapsulationKey;
use neural_swarm::comm::crypto::{Hash, Secret};
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey};
use neural_swarm::comm::pq::{PQ_ANSWER, PQ_OFFER, PqAnswer, PqOffer};
use neural_swarm::port::{Entropy, SystemEntropy};
use neural_swarm::{Error, Result};
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

/// Gives these bytes, from front to back, then fails.
struct Given<'a>(&'a [u8]);

impl Entropy for Given<'_> {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let (now, later) = self.0.split_at_checked(out.len()).ok_or(Error::Hook)?;
        out.copy_from_slice(now);
        self.0 = later;
        Ok(())
    }
}

/// The psk as the documents say it is made.
fn derived(shared: &[u8], offer: &[u8], answer: &[u8], psk: [u8; 32]) -> Secret {
    let transcript = Hash::Blake2s.digest(&[b"nsw pq 1", offer, answer]);
    let material = [b"nsw pq psk 1", shared, transcript.bytes()].concat();
    let [derived] = Hash::Blake2s.hkdf(&psk, &material);
    Secret::new(*derived.key())
}

fn hex(digits: &str) -> Vec<u8> {
    let digits = digits.as_bytes().chunks(2);
    digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

/// A field of the published answers.
fn field(name: &str) -> Vec<u8> {
    let lines = include_str!("data/ml-kem-768.txt").lines();
    let found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).next();
    hex(found.unwrap_or_else(|| panic!("no {name}")))
}

#[test]
fn keys_and_ciphertexts_are_those_of_nist() {
    let seed = [field("keygen d"), field("keygen z")].concat();
    let offer = PqOffer::new(&mut Given(&seed)).unwrap();
    let digest = Hash::Sha256.digest(&[&offer.message().unwrap()]);
    assert_eq!(digest.bytes(), field("keygen SHA-256(ek)"));

    let ek = field("encaps ek");
    let answer = PqAnswer::new(&ek, None, &mut Given(&field("encaps m"))).unwrap();
    assert!(answer.message().starts_with(&field("encaps c begins")));
    assert!(answer.message().ends_with(&field("encaps c ends")));
    let expected = derived(&field("encaps k"), &ek, answer.message(), [0; 32]);
    assert_eq!(answer.psk(), &expected);
}

/// The accumulated test of Go's `crypto/mlkem` (`TestAccumulated`, BSD licence,
/// after C2SP's Community Cryptography Test Vectors): inputs from a stream of
/// SHAKE-128, outputs into another one, whose digest after 100 rounds Go publishes.
/// Random ciphertexts among them, which are rejected implicitly.
#[test]
fn a_hundred_rounds_accumulate_to_the_published_digest() {
    let mut stream = Shake128::default().finalize_xof();
    let mut sum = Shake128::default();
    for _ in 0..100 {
        let (mut seed, mut m) = ([0; 64], [0; 32]);
        stream.read(&mut seed);
        let key = DecapsulationKey::from_seed(seed.into());
        let mut offer = PqOffer::new(&mut Given(&seed)).unwrap();
        let ek = offer.message().unwrap();
        sum.update(&ek);

        stream.read(&mut m);
        let answer = PqAnswer::new(&ek, None, &mut Given(&m)).unwrap();
        let c = answer.message();
        let shared = key.decapsulate(&(*c).into());
        sum.update(c);
        sum.update(&shared);
        assert_eq!(answer.psk(), &derived(&shared, &ek, c, [0; 32]));
        assert_eq!(&offer.finish(c, None).unwrap(), answer.psk());

        let mut random = [0; PQ_ANSWER];
        stream.read(&mut random);
        let rejected = key.decapsulate(&random.into());
        sum.update(&rejected);
        let mut offer = PqOffer::new(&mut Given(&seed)).unwrap();
        let psk = offer.finish(&random, None).unwrap();
        assert_eq!(psk, derived(&rejected, &ek, &random, [0; 32]));
    }
    let mut digest = [0; 32];
    sum.finalize_xof().read(&mut digest);
    let published = "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415";
    assert_eq!(digest.as_slice(), hex(published));
}

fn exchange(psks: [Option<&Secret>; 2], tamper: impl Fn(&mut [u8], &mut [u8])) -> [Secret; 2] {
    let mut offer = PqOffer::new(&mut SystemEntropy).unwrap();
    let mut message = offer.message().unwrap();
    tamper(&mut message, &mut []);
    let answer = PqAnswer::new(&message, psks[1], &mut SystemEntropy).unwrap();
    let mut message = *answer.message();
    tamper(&mut [], &mut message);
    [offer.finish(&message, psks[0]).unwrap(), answer.psk().clone()]
}

#[test]
fn both_sides_have_the_same_psk_and_nobody_else() {
    let (one, two) = (Secret::new([1; 32]), Secret::new([2; 32]));
    let untouched = |_: &mut [u8], _: &mut [u8]| {};
    for psks in [[None, None], [Some(&one), Some(&one)]] {
        let [ours, theirs] = exchange(psks, untouched);
        assert!(ours == theirs && ours.bytes() != &[0; 32] && ours != one);
        let [again, _] = exchange(psks, untouched);
        assert!(ours != again, "the same keys twice");
    }
    // With other static psks the two have nothing in common.
    for psks in [[Some(&one), Some(&two)], [Some(&one), None], [None, Some(&one)]] {
        let [ours, theirs] = exchange(psks, untouched);
        assert!(ours != theirs);
    }
    // A static psk of zeros is none: it is what the salt is without one.
    let zeros = Secret::new([0; 32]);
    let [ours, theirs] = exchange([Some(&zeros), None], untouched);
    assert!(ours == theirs);
}

#[test]
fn changed_messages_end_in_different_psks() {
    let psk = Secret::new([3; 32]);
    // The last 32 bytes of an offer are a seed, where all values are good.
    for byte in [PQ_OFFER - 32, PQ_OFFER - 1] {
        let [ours, theirs] = exchange([Some(&psk), Some(&psk)], |offer, _| {
            if let Some(byte) = offer.get_mut(byte) {
                *byte ^= 1;
            }
        });
        assert!(ours != theirs, "offer, {byte}");
    }
    for bit in (0..PQ_ANSWER * 8).step_by(61) {
        let [ours, theirs] = exchange([Some(&psk), Some(&psk)], |_, answer| {
            if let Some(byte) = answer.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        });
        assert!(ours != theirs, "answer, {bit}");
    }
}

#[test]
fn what_is_no_message_is_refused_and_changes_nothing() {
    let mut offer = PqOffer::new(&mut SystemEntropy).unwrap();
    let message = offer.message().unwrap();
    let longer = [&message[..], &[0]].concat();
    for bad in [&[][..], &message[..PQ_OFFER - 1], &longer] {
        let answer = PqAnswer::new(bad, None, &mut SystemEntropy);
        assert_eq!(answer.err(), Some(Error::CommFormat));
    }
    // Coefficients of 12 bits that are not below 3,329 (FIPS 203, section 7.2).
    for at in [0, 300, PQ_OFFER - 32 - 2] {
        let mut bad = message;
        bad[at] = 0xff;
        bad[at + 1] = 0xff;
        let answer = PqAnswer::new(&bad, None, &mut SystemEntropy);
        assert_eq!(answer.err(), Some(Error::CommFormat));
    }
    let answer = PqAnswer::new(&message, None, &mut SystemEntropy).unwrap();
    for bad in [&[][..], &answer.message()[1..], &longer] {
        assert_eq!(offer.finish(bad, None).err(), Some(Error::CommFormat));
    }
    assert_eq!(offer.message(), Ok(message));
    assert_eq!(&offer.finish(answer.message(), None).unwrap(), answer.psk());
    // It is good for one answer.
    assert_eq!(offer.finish(answer.message(), None).err(), Some(Error::CommState));
    assert_eq!(offer.message().err(), Some(Error::CommState));
}

#[test]
fn failing_randomness_is_reported() {
    assert_eq!(PqOffer::new(&mut Given(&[0; 63])).err(), Some(Error::Hook));
    let message = PqOffer::new(&mut SystemEntropy).unwrap().message().unwrap();
    assert_eq!(PqAnswer::new(&message, None, &mut Given(&[0; 31])).err(), Some(Error::Hook));
}

/// A handshake with the psk that each side has; the messages of the exchange ride
/// in the payloads of its first two, where `rides`.
fn handshake(name: &str, tamper: bool) -> Result<[Vec<u8>; 2]> {
    let rides = name.contains("psk3");
    let entropy = &mut SystemEntropy;
    let pairs = [KeyPair::random(entropy)?, KeyPair::random(entropy)?];
    // Not known yet, and not used before they are.
    let mut psks = [Secret::new([0; 32]), Secret::new([0; 32])];
    let mut offer = PqOffer::new(entropy)?;
    let mut answer = PqAnswer::new(&offer.message()?, None, entropy)?;
    if !rides {
        let mut message = *answer.message();
        message[500] ^= u8::from(tamper);
        psks = [offer.finish(&message, None)?, answer.psk().clone()];
    }
    let keys = |side: usize, psks: &[Secret; 2]| (pairs[side].clone(), [psks[side].clone()]);
    let remote = name.contains("_IK").then_some(pairs[1].public_key());
    let mut sides = [0, 1].map(|side| {
        let (pair, psk) = keys(side, &psks);
        let keys = Keys { local: Some(&pair), psks: &psk };
        Handshake::new(name, side == 0, b"", &keys, remote.filter(|_| side == 0)).unwrap()
    });
    for turn in 0.. {
        if sides[0].is_finished() {
            break;
        }
        let (from, to) = (turn % 2, 1 - turn % 2);
        let payload = match turn {
            0 if rides => offer.message()?.to_vec(),
            1 if rides => answer.message().to_vec(),
            _ => Vec::new(),
        };
        let (mut message, mut read) = ([0; 2048], [0; 2048]);
        let (pair, psk) = keys(from, &psks);
        let local = Keys { local: Some(&pair), psks: &psk };
        let len = sides[from].write(&local, entropy, &payload, &mut message)?;
        // Of the first message anybody can change the payload of XX.
        if tamper && rides && turn == 0 {
            message[32 + PQ_OFFER - 1] ^= 1;
        }
        let (pair, psk) = keys(to, &psks);
        let local = Keys { local: Some(&pair), psks: &psk };
        let len = sides[to].read(&local, &message[..len], &mut read)?;
        match turn {
            0 if rides => {
                answer = PqAnswer::new(&read[..len], None, entropy)?;
                psks[1] = answer.psk().clone();
            }
            1 if rides => psks[0] = offer.finish(&read[..len], None)?,
            _ => {}
        }
    }
    let mut frame = [0; 64];
    let len = sides[0].finish()?.seal(b"", b"quantum", &mut frame)?;
    let mut text = [0; 64];
    let len = sides[1].finish()?.open(b"", &frame[..len], &mut text)?;
    Ok([text[..len].to_vec(), sides[1].transcript().to_vec()])
}

#[test]
fn the_psk_carries_a_noise_handshake_and_tampering_breaks_it() {
    for name in
        ["XXpsk3", "IKpsk2", "IKpsk0"].map(|p| format!("Noise_{p}_25519_ChaChaPoly_BLAKE2s"))
    {
        assert_eq!(handshake(&name, false).unwrap()[0], b"quantum");
        assert_eq!(handshake(&name, true), Err(Error::CommAuth));
    }
}
