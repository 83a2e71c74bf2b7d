//! The steps of the secure link, for both backends. `scripts/bench` runs it.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use neural_swarm::comm::crypto::{
    Backend, Hash, Portable, Secret, Server, identity_of, sign, verify,
};
use neural_swarm::comm::noise::{Handshake, KeyPair, Keys, StaticKey};
use neural_swarm::port::SystemEntropy;

fn aead<B: Backend>(c: &mut Criterion, backend: &str) {
    let (key, nonce) = ([7; 32], [9; 12]);
    for len in [64, 1024, 16_384] {
        let mut text = vec![5; len];
        let mut bench = |name: &str, work: &mut dyn FnMut(&mut [u8]) -> [u8; 16]| {
            let mut group = c.benchmark_group(name);
            group.throughput(Throughput::Bytes(len as u64));
            let id = BenchmarkId::new(backend, len);
            group.bench_function(id, |b| b.iter(|| work(black_box(&mut text))));
        };
        bench("seal", &mut |text| B::seal(&key, &nonce, b"", text));
        bench("seal by AES", &mut |text| B::seal_aes(&key, &nonce, b"", text));
        // What it opens was sealed before; then it is not authentic any more,
        // so each turn seals, too.
        bench("seal and open", &mut |text| {
            let tag = B::seal(&key, &nonce, b"", text);
            assert!(B::open(&key, &nonce, b"", text, &tag));
            tag
        });
    }
}

fn agreement<B: Backend>(c: &mut Criterion, backend: &str) {
    let public = B::public_key(&[3; 32]);
    let name = format!("agree/{backend}");
    c.bench_function(&name, |b| b.iter(|| B::agree(&[5; 32], black_box(&public))));
    let name = format!("public key/{backend}");
    c.bench_function(&name, |b| b.iter(|| B::public_key(black_box(&[5; 32]))));
}

fn primitives(c: &mut Criterion) {
    aead::<Portable>(c, "portable");
    aead::<Server>(c, "server");
    agreement::<Portable>(c, "portable");
    agreement::<Server>(c, "server");
    let private = Secret::new([8; 32]);
    let (public, message) = (identity_of(&private), [1; 100]);
    let signature = sign(&private, &message);
    c.bench_function("sign", |b| b.iter(|| sign(black_box(&private), &message)));
    c.bench_function("verify", |b| b.iter(|| verify(black_box(&public), &message, &signature)));
    for hash in [Hash::Blake2s, Hash::Sha256, Hash::Blake2b, Hash::Sha512] {
        let name = format!("HKDF by {hash:?}");
        c.bench_function(&name, |b| b.iter(|| hash.hkdf::<2>(black_box(&[1; 32]), &[2; 32])));
    }
}

/// A whole handshake, both sides in turn, up to the keys of the transport.
fn handshakes(c: &mut Criterion) {
    for pattern in ["NN", "XX", "IK", "KK"] {
        let name = format!("Noise_{pattern}_25519_ChaChaPoly_BLAKE2s");
        let pairs = [1, 2].map(|seed| KeyPair::new(Secret::new([seed; 32])));
        let has = |i: usize| !pattern.starts_with('N') || i > 0 && !pattern.ends_with('N');
        let keys = [0, 1]
            .map(|i| Keys { local: has(i).then_some(&pairs[i] as &dyn StaticKey), psks: &[] });
        let known = [pattern.ends_with('K'), pattern.starts_with('K')];
        c.bench_function(&format!("handshake {pattern}"), |b| {
            b.iter(|| {
                let mut sides = [0, 1].map(|i| {
                    let remote = known[i].then(|| pairs[1 - i].public_key());
                    Handshake::new(&name, i == 0, b"", &keys[i], remote).unwrap()
                });
                let (mut message, mut payload) = ([0; 256], [0; 256]);
                let mut step = 0;
                while !sides[0].is_finished() {
                    let (from, to) = (step % 2, 1 - step % 2);
                    let entropy = &mut SystemEntropy;
                    let len = sides[from].write(&keys[from], entropy, b"", &mut message).unwrap();
                    sides[to].read(&keys[to], &message[..len], &mut payload).unwrap();
                    step += 1;
                }
                sides.map(|side| side.finish().unwrap())
            });
        });
    }
}

fn all(c: &mut Criterion) {
    primitives(c);
    handshakes(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
