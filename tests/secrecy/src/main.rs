//! No branch and no address depends on a secret (after Langley's ctgrind).
//!
//! Runs itself under valgrind and calls the secrets undefined: memcheck then
//! reports every jump and every address that depends on one. What is meant to
//! leak leaks, so that the tool is seen to notice. Where an outcome is public,
//! as whether a tag is right, there is one report, wherever the difference is.
//!
//! For released code alone: checks for overflow and debug assertions are
//! branches.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod watched {
    use core::hint::black_box;
    use std::io::ErrorKind;
    use std::process::{Command, ExitCode};

    use curve25519_dalek::edwards::EdwardsPoint;
    use curve25519_dalek::scalar::Scalar;
    use neural_swarm::comm::crypto::{
        Backend, Hash, Portable, Secret, Small, agree, identity_of, mac, public_key, sign,
    };

    /// A client request (valgrind's manual, section 3.1); 0 without valgrind.
    fn request(code: usize, one: usize, two: usize) -> usize {
        let arguments = [code, one, two, 0, 0, 0];
        let mut result = 0_usize;
        // SAFETY: valgrind's no-op for this processor: rdi is rotated by 128
        // bits in all, and rbx exchanged with itself; valgrind reads the six
        // words and sets rdx.
        unsafe {
            core::arch::asm!(
                "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
                in("rax") arguments.as_ptr(), inout("rdx") result,
            );
        }
        result
    }

    fn watched() -> bool {
        request(0x1001, 0, 0) != 0
    }

    /// How often memcheck has complained.
    fn reports() -> usize {
        request(0x1201, 0, 0)
    }

    /// Memcheck's requests are those of the tool `MC`.
    fn mark<T>(value: &mut T, code: usize) {
        request((0x4d43 << 16) + code, (&raw mut *value) as usize, size_of::<T>());
    }

    /// Makes a value one that nothing may depend on.
    fn secret<T>(mut value: T) -> T {
        mark(&mut value, 1);
        black_box(value)
    }

    /// Makes a result public.
    fn public<T>(mut value: T) -> T {
        mark(&mut value, 2);
        black_box(value)
    }

    /// The reports while some work is done, and its result, made public.
    fn count<T>(work: impl FnOnce() -> T) -> (usize, T) {
        let before = reports();
        let result = black_box(work());
        let count = reports() - before;
        (count, public(result))
    }

    struct Checks {
        failed: usize,
    }

    impl Checks {
        /// Expects so many reports; returns the result.
        fn expect<T>(&mut self, what: &str, wanted: usize, work: impl FnOnce() -> T) -> T {
            let (found, result) = count(work);
            println!("{what}: {found} reports");
            if found != wanted {
                println!("FAILED: {what}: {found} reports instead of {wanted}");
                self.failed += 1;
            }
            result
        }

        /// Expects that what leaks is noticed.
        fn canary<T>(&mut self, what: &str, work: impl FnOnce() -> T) {
            let (found, _) = count(work);
            println!("{what}, which leaks: {found} reports");
            if found == 0 {
                println!("FAILED: {what} leaks, but was not noticed");
                self.failed += 1;
            }
        }
    }

    /// A comparison that stops at the first difference.
    fn leaky_equal(one: &[u8; 16], two: &[u8; 16]) -> bool {
        one.iter().zip(two).all(|(one, two)| black_box(*one) == black_box(*two))
    }

    fn backend<B: Backend>(name: &str, checks: &mut Checks) {
        let (key, nonce, ad) = ([7; 32], [1; 12], *b"header");
        for len in [0, 16, 100, 1000] {
            let text = vec![9; len];
            let mut buffer = text.clone();
            let tag = B::seal(&key, &nonce, &ad, &mut buffer);
            let sealed = buffer.clone();
            let what = format!("{name}: sealing {len} bytes");
            let mut bytes = text.clone();
            bytes.iter_mut().for_each(|byte| *byte = secret(*byte));
            let again = checks.expect(&what, 0, || B::seal(&secret(key), &nonce, &ad, &mut bytes));
            assert_eq!(again, tag);
            // The verdict is public; where a tag differs is not.
            for place in [None, Some(0), Some(7), Some(15)] {
                let mut other = tag;
                if let Some(place) = place {
                    other[place] ^= 0x40;
                }
                let mut bytes = sealed.clone();
                let what = format!("{name}: opening {len} bytes, tag differs at {place:?}");
                let good = checks
                    .expect(&what, 1, || B::open(&secret(key), &nonce, &ad, &mut bytes, &other));
                assert_eq!(good, place.is_none());
            }
        }
        agreement::<B>(name, checks);
    }

    fn agreement<B: Backend>(name: &str, checks: &mut Checks) {
        let (private, peer) = ([0x35; 32], B::public_key(&[0x53; 32]));
        let what = format!("{name}: public key");
        let own = checks.expect(&what, 0, || B::public_key(&secret(private)));
        let what = format!("{name}: X25519");
        let shared = checks.expect(&what, 0, || *B::agree(&secret(private), &peer));
        assert_eq!(shared, *B::agree(&[0x53; 32], &own));
    }

    fn check() -> ExitCode {
        let checks = &mut Checks { failed: 0 };

        checks.canary("a comparison that stops early", || {
            leaky_equal(&secret([1; 16]), &secret([1; 16]))
        });
        let table: [u8; 256] = core::array::from_fn(|i| i as u8 ^ 0x5a);
        let index = secret(77_u8);
        checks.canary("a table with a secret index", || black_box(&table)[usize::from(index)]);
        let scalar = Scalar::from_bytes_mod_order(secret([3; 32]));
        checks.canary("a multiplication for public scalars", || {
            let point = curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
            EdwardsPoint::vartime_double_scalar_mul_basepoint(&scalar, &point, &scalar)
        });

        backend::<Portable>("portable", checks);
        agreement::<Small>("small", checks);

        let bytes = [0x61; 32];
        for place in [None, Some(0), Some(31)] {
            let mut other = bytes;
            if let Some(place) = place {
                other[place] ^= 1;
            }
            let (one, two) = (Secret::new(secret(bytes)), Secret::new(secret(other)));
            let what = format!("comparing secrets, differing at {place:?}");
            assert_eq!(checks.expect(&what, 0, || one == two), place.is_none());
        }
        let seed = Secret::new(secret(bytes));
        let identity = checks.expect("Ed25519 public key", 0, || identity_of(&seed));
        assert_eq!(identity, identity_of(&Secret::new(bytes)));
        let signature = checks.expect("Ed25519 signature", 0, || sign(&seed, b"message"));
        assert_eq!(signature, sign(&Secret::new(bytes), b"message"));
        for hash in [Hash::Blake2s, Hash::Sha256, Hash::Blake2b, Hash::Sha512] {
            let what = format!("HKDF by {hash:?}");
            checks.expect(&what, 0, || hash.hkdf::<2>(&secret(bytes), &secret(bytes)));
        }
        checks.expect("keyed BLAKE2s", 0, || mac(&secret(bytes), &[b"message"]));
        // That the shared secret is zero is public, as the peer's key is.
        let peer = public_key(&Secret::new([9; 32]));
        checks.expect("agreement", 1, || agree(&seed, &peer).is_ok());

        println!("secrecy: {} failures", checks.failed);
        if checks.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub fn main() -> ExitCode {
        if cfg!(debug_assertions) {
            eprintln!(
                "secrecy: NOT DONE: debug assertions branch; scripts/test-sanitizers runs it"
            );
            return ExitCode::SUCCESS;
        }
        if watched() {
            return check();
        }
        let program = std::env::current_exe().unwrap();
        let output =
            Command::new("valgrind").args(["--error-limit=no", "-q"]).arg(program).output();
        match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                let count = text.lines().filter(|line| line.ends_with("reports")).count();
                println!("secrecy: {count} operations under valgrind: nothing but verdicts leaks");
                ExitCode::SUCCESS
            }
            Ok(output) => {
                print!("{}", String::from_utf8_lossy(&output.stdout));
                eprint!("{}", String::from_utf8_lossy(&output.stderr));
                ExitCode::FAILURE
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!(
                    "secrecy: NOT DONE: valgrind is not installed (scripts/setup installs it)"
                );
                ExitCode::SUCCESS
            }
            Err(error) => panic!("valgrind: {error}"),
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    watched::main()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    eprintln!("secrecy: NOT DONE: this is for x86-64 and Linux");
}
