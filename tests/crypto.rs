//! The primitives beneath the secure link: published vectors for each backend,
//! and that the backends agree.

use neural_swarm::Error;
use neural_swarm::comm::crypto::{
    self, Backend, Cipher, Hash, Portable, Secret, identity_of, mac, sign, verify,
};
#[cfg(feature = "std")]
use neural_swarm::comm::crypto::{agree, public_key};
#[cfg(feature = "std")]
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0);
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

/// Runs a generic test with each backend of this build.
macro_rules! with_each_backend {
    ($($(#[$when:meta])* $name:ident)+) => {
        mod portable {
            $($(#[$when])* #[test] fn $name() { super::$name::<super::Portable>(); })+
        }
        #[cfg(feature = "server-crypto")]
        mod server {
            $($(#[$when])* #[test] fn $name() { super::$name::<super::crypto::Server>(); })+
        }
        #[cfg(feature = "small-curve")]
        mod small {
            $($(#[$when])* #[test] fn $name() { super::$name::<super::crypto::Small>(); })+
        }
    };
}

with_each_backend! {
    chacha_poly_rfc_8439
    #[cfg(feature = "std")] aes_gcm_mcgrew_viega
    x25519_rfc_7748
    x25519_rfc_7748_iterated
    ed25519_rfc_8032
}

/// RFC 8439, section 2.8.2, sealed, and appendix A.5, opened.
fn chacha_poly_rfc_8439<B: Backend>() {
    let key = core::array::from_fn(|i| 0x80 + i as u8);
    let nonce = array("070000004041424344454647");
    let ad = hex("50515253c0c1c2c3c4c5c6c7");
    let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
        tip for the future, sunscreen would be it.";
    let tag = B::seal(&key, &nonce, &ad, &mut text);
    let sealed = hex("
        d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
        3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
        92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
        3ff4def08e4b7a9de576d26586cec64b6116");
    assert_eq!(text.as_slice(), sealed);
    assert_eq!(tag, array("1ae10b594f09e26a7e902ecbd0600691"));
    assert!(B::open(&key, &nonce, &ad, &mut text, &tag));
    assert!(text.starts_with(b"Ladies and Gentlemen"));

    let key = array("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
    let nonce = array("000000000102030405060708");
    let ad = hex("f33388860000000000004e91");
    let mut text = hex("
        64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
        4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
        332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
        9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
        b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
        af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
        0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
        49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
        a6ad5cb4022b02709b");
    let tag = array("eead9d67890cbb22392336fea1851f38");
    assert!(B::open(&key, &nonce, &ad, &mut text, &tag));
    assert!(text.starts_with(b"Internet-Drafts are draft documents valid for a maximum of six mo"));
    assert!(text.ends_with(
        "material or to cite them other than as /\u{201c}work in progress./\u{201d}".as_bytes()
    ));
}

/// Test cases 13 to 16 of McGrew and Viega's specification of GCM.
#[cfg(feature = "std")]
fn aes_gcm_mcgrew_viega<B: Backend>() {
    let seal = |key: &[u8; 32], nonce: &str, ad: &[u8], text: &str| {
        let mut text = hex(text);
        let tag = B::seal_aes(key, &array(nonce), ad, &mut text);
        let sealed = text.clone();
        assert!(B::open_aes(key, &array(nonce), ad, &mut text, &tag));
        (sealed, tag)
    };
    let (zero, start) = ([0; 32], "000000000000000000000000");
    assert_eq!(seal(&zero, start, b"", "").1, array("530f8afbc74536b9a963b4f1c4cb738b"));
    let sealed = seal(&zero, start, b"", "00000000000000000000000000000000");
    assert_eq!(sealed.0, hex("cea7403d4d606b6e074ec5d3baf39d18"));
    assert_eq!(sealed.1, array("d0d1c8a799996bf0265b98b5d48ab919"));
    let key = array("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let text = "
        d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
        1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
    let cipher = hex("
        522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
        8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad");
    let sealed = seal(&key, "cafebabefacedbaddecaf888", b"", text);
    assert_eq!(sealed.0, cipher);
    assert_eq!(sealed.1, array("b094dac5d93471bdec1a502270e3cc6c"));
    let ad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let short: String = text.split_ascii_whitespace().collect::<String>()[..120].into();
    let sealed = seal(&key, "cafebabefacedbaddecaf888", &ad, &short);
    assert_eq!(sealed.0, cipher[..60]);
    assert_eq!(sealed.1, array("76fc6ece0f4e1768cddf8853bb2d551b"));
}

/// RFC 7748, sections 5.2 and 6.1.
fn x25519_rfc_7748<B: Backend>() {
    let check = |private, public, shared| {
        assert_eq!(*B::agree(&array(private), &array(public)), array(shared));
    };
    check(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    );
    check(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    );
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let public = |private: &str| B::public_key(&array(private));
    let alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    assert_eq!(public(alice), array(alice_public));
    assert_eq!(public(bob), array(bob_public));
    let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    check(alice, bob_public, shared);
    check(bob, alice_public, shared);
}

/// RFC 7748, section 5.2: the function fed with its own results.
fn x25519_rfc_7748_iterated<B: Backend>() {
    let mut base = [0; 32];
    base[0] = 9;
    let (mut k, mut u) = (base, base);
    let mut step = || {
        (k, u) = (*B::agree(&k, &u), k);
        k
    };
    let one = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
    assert_eq!(step(), array(one));
    (2..1000).for_each(|_| {
        step();
    });
    let thousand = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
    assert_eq!(step(), array(thousand));
}

/// RFC 8032, section 7.1: TEST 1, 2, 3, 1024 and SHA(abc).
fn ed25519_rfc_8032<B: Backend>() {
    let vectors = include_str!("data/rfc8032.txt");
    let mut count = 0;
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap().replace('-', "");
        let private = Secret::new(array(&next()));
        let (public, message, signature) = (array(&next()), hex(&next()), array(&next()));
        assert_eq!(identity_of(&private), public);
        assert_eq!(sign(&private, &message), signature);
        assert_eq!(verify(&public, &message, &signature), Ok(()));
        assert!(B::verify(&public, &message, &signature));
        count += 1;
    }
    assert_eq!(count, 5);
}

/// RFC 7693, appendices A and B; FIPS 180-4's example (NIST CSRC); the keyed
/// hash as the BLAKE2 authors' reference code gives it (key and message count up).
#[test]
fn hashes() {
    let abc = |hash: Hash| hash.digest(&[b"a", b"", b"bc"]).bytes().to_vec();
    let blake2s = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
    assert_eq!(abc(Hash::Blake2s), hex(blake2s));
    #[cfg(feature = "sha256")]
    {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc(Hash::Sha256), hex(sha256));
    }
    #[cfg(feature = "std")]
    {
        let blake2b = "
            ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1
            7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
        assert_eq!(abc(Hash::Blake2b), hex(blake2b));
        let sha512 = "
            ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
            2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(abc(Hash::Sha512), hex(sha512));
    }
    let count: Vec<u8> = (0..200).collect();
    let key = *count.first_chunk().unwrap();
    for (len, tag) in [
        (0, "9536f9b267655743dee97b8a670f9f53"),
        (1, "13bacfb85b48a1223c595f8c1e7e82cb"),
        (64, "f1efa90d2547036841ecd3627fafbc36"),
        (65, "811ff8686d23a435ecbd0bdafcd27b1b"),
        (200, "42a6f8ff590af21b512e9e088257aa34"),
    ] {
        let (one, two) = count[..len].split_at(len / 3);
        assert_eq!(mac(&key, &[one, two]), array(tag), "{len} bytes");
    }
}

/// RFC 5869, test case 3 of appendix A: those before it have info, which Noise
/// never has.
#[cfg(feature = "sha256")]
#[test]
fn hkdf_rfc_5869() {
    let [one, two] = Hash::Sha256.hkdf(&[], &[0x0b; 22]);
    let output = [one.bytes(), two.bytes()].concat();
    let expected = "
        8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
        9d201395faa4b61a96c8";
    assert_eq!(output[..42], hex(expected));
}

/// The cipher's counter is the last 8 bytes of its nonce, in its own order.
#[test]
fn counters_become_nonces() {
    let (key, counter) = ([3; 32], 0x0102_0304_0506_0708);
    let (mut one, mut two) = (*b"text", *b"text");
    let tag = Cipher::ChaChaPoly.seal(&key, counter, b"ad", &mut one);
    let nonce = array("000000000807060504030201");
    assert_eq!((tag, one), (Portable::seal(&key, &nonce, b"ad", &mut two), two));
    assert_eq!(Cipher::ChaChaPoly.open(&key, counter, b"ad", &mut one, &tag), Ok(()));
    assert_eq!(one, *b"text");
    let error = Cipher::ChaChaPoly.open(&key, counter + 1, b"ad", &mut two, &tag);
    assert_eq!(error, Err(Error::CommAuth));
    #[cfg(feature = "std")]
    {
        let (mut one, mut two) = (*b"text", *b"text");
        let tag = Cipher::AesGcm.seal(&key, counter, b"ad", &mut one);
        let nonce = array("000000000102030405060708");
        assert_eq!((tag, one), (Portable::seal_aes(&key, &nonce, b"ad", &mut two), two));
        assert_eq!(Cipher::AesGcm.open(&key, counter, b"ad", &mut one, &tag), Ok(()));
        assert_eq!(one, *b"text");
        let error = Cipher::AesGcm.open(&key, counter + 1, b"ad", &mut two, &tag);
        assert_eq!(error, Err(Error::CommAuth));
    }
}

/// Around each length at which an implementation goes another way.
#[cfg(feature = "server-crypto")]
#[test]
fn backends_agree_at_the_seams() {
    use crypto::Server;
    let (key, nonce) = ([0x5a; 32], [9; 12]);
    let seams = [0, 16, 64, 128, 192, 256, 320, 512, 1024, 4096, 8192];
    for len in seams.into_iter().flat_map(|seam| seam.max(2) - 2..=seam + 2) {
        let text: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
        for ad in [&b""[..], b"associated data of more than a block"] {
            let (mut one, mut two) = (text.clone(), text.clone());
            let tag = Portable::seal(&key, &nonce, ad, &mut one);
            assert_eq!(tag, Server::seal(&key, &nonce, ad, &mut two), "{len}");
            assert_eq!(one, two, "{len}");
            let wrong = tag.map(|byte| byte ^ 0x10);
            assert!(!Portable::open(&key, &nonce, ad, &mut two, &wrong));
            if let Some(byte) = one.last_mut() {
                *byte ^= 1;
                assert!(!Portable::open(&key, &nonce, ad, &mut one.clone(), &tag), "{len}");
                *one.last_mut().unwrap() ^= 1;
            }
            assert!(Portable::open(&key, &nonce, ad, &mut one, &tag), "{len}");
            assert_eq!(one, text);
        }
    }
}

#[cfg(feature = "server-crypto")]
proptest! {
    #[test]
    fn backends_agree(
        key: [u8; 32],
        nonce: [u8; 12],
        ad in prop::collection::vec(any::<u8>(), 0..80),
        text in prop::collection::vec(any::<u8>(), 0..1100),
    ) {
        use crypto::Server;
        let (mut one, mut two) = (text.clone(), text.clone());
        let tag = Portable::seal(&key, &nonce, &ad, &mut one);
        prop_assert_eq!(Server::seal(&key, &nonce, &ad, &mut two), tag);
        prop_assert_eq!(&one, &two);
        prop_assert!(Server::open(&key, &nonce, &ad, &mut one, &tag));
        prop_assert!(Portable::open(&key, &nonce, &ad, &mut two, &tag));
        prop_assert!(one == text && two == text);

        let tag = Portable::seal_aes(&key, &nonce, &ad, &mut one);
        prop_assert_eq!(Server::seal_aes(&key, &nonce, &ad, &mut two), tag);
        prop_assert_eq!(&one, &two);
        prop_assert!(Server::open_aes(&key, &nonce, &ad, &mut one, &tag));
        prop_assert!(Portable::open_aes(&key, &nonce, &ad, &mut two, &tag));
        prop_assert!(one == text && two == text);
    }

    #[test]
    fn backends_agree_on_secrets(private: [u8; 32], public: [u8; 32]) {
        use crypto::Server;
        // Half of the random public keys are on the curve, half on its twist.
        prop_assert_eq!(Server::agree(&private, &public), Portable::agree(&private, &public));
        prop_assert_eq!(Server::public_key(&private), Portable::public_key(&private));
    }

    #[test]
    fn both_sides_share_a_secret(one: [u8; 32], two: [u8; 32]) {
        let (one, two) = (Secret::new(one), Secret::new(two));
        let shared = agree(&one, &public_key(&two)).unwrap();
        prop_assert_eq!(agree(&two, &public_key(&one)).unwrap(), shared);
    }
}
