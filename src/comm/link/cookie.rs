//! Against floods, as WireGuard does it: a MAC that shows knowledge of the
//! network, and cookies that show that a source address can be answered.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::frame::{self, MAC, Macs, SALT};
use crate::comm::crypto::{Cipher, Hash, Secret, TAG, mac};
use crate::error::Result;
use crate::port::{Address, Entropy};

/// How long a cookie's secret is used; cookies of the one before count, too.
const ROTATE: u64 = 120_000_000;

/// The keys that all nodes of a network share. They keep nothing secret from its
/// members; they keep strangers out of the way.
pub(super) struct Gate {
    mac1: [u8; 32],
    cookie: [u8; 32],
    secret: Secret,
    before: Secret,
    /// When the secret was made; `None` before the first.
    made: Option<u64>,
}

impl Gate {
    pub fn new(network: &[u8]) -> Gate {
        let key = |label: &[u8]| *Hash::Blake2s.digest(&[label, network]).key();
        Gate {
            mac1: key(b"neural-swarm mac1 v1"),
            cookie: key(b"neural-swarm cookie v1"),
            secret: Secret::new([0; 32]),
            before: Secret::new([0; 32]),
            made: None,
        }
    }

    /// Renews the secret of the cookies when it is time.
    pub fn rotate(&mut self, now: u64, entropy: &mut dyn Entropy) -> Result<()> {
        let age = self.made.map(|made| now.saturating_sub(made));
        if age.is_some_and(|age| age < ROTATE) {
            return Ok(());
        }
        let mut next = Secret::new([0; 32]);
        next.renew(entropy)?;
        // A secret that is far too old, or was never made, lets nobody in.
        if age.is_none_or(|age| age >= 2 * ROTATE) {
            self.secret.renew(entropy)?;
        }
        core::mem::swap(&mut self.before, &mut self.secret);
        core::mem::swap(&mut self.secret, &mut next);
        self.made = Some(now);
        Ok(())
    }

    /// The first MAC of a frame.
    pub fn mac1(&self, under: &[u8]) -> [u8; MAC] {
        mac(&self.mac1, &[under])
    }

    /// Whether the first MAC is right.
    pub fn knows_network(&self, under: &[u8], mac1: &[u8; MAC]) -> bool {
        self.mac1(under).ct_eq(mac1).into()
    }

    fn cookie(secret: &Secret, from: &Address) -> [u8; MAC] {
        mac(secret.bytes(), &[from.bytes()])
    }

    /// Whether the second MAC is made with a cookie that was sent to `from`.
    pub fn has_cookie(&self, from: &Address, macs: &Macs) -> bool {
        self.made.is_some()
            && [&self.secret, &self.before].into_iter().any(|secret| {
                let cookie = Gate::cookie(secret, from);
                bool::from(mac2(&cookie, macs.under2).ct_eq(macs.mac2))
            })
    }

    /// The key that hides a cookie from who did not see the frame that asked.
    fn wrap(&self, salt: &[u8; SALT], mac1: &[u8; MAC]) -> [u8; 32] {
        let mut material = [0; SALT + MAC];
        material.iter_mut().zip(salt.iter().chain(mac1)).for_each(|(to, from)| *to = *from);
        let [key] = Hash::Blake2s.hkdf::<1>(&self.cookie, &material);
        *key.key()
    }

    /// Writes a frame with the cookie of `from`, for the sender of the frame
    /// that had this `mac1`.
    pub fn write(
        &self,
        from: &Address,
        mac1: &[u8; MAC],
        entropy: &mut dyn Entropy,
        out: &mut [u8],
    ) -> Result<usize> {
        let mut salt = [0; SALT];
        entropy.fill(&mut salt)?;
        let mut cookie = Gate::cookie(&self.secret, from);
        let mut key = self.wrap(&salt, mac1);
        let tag = Cipher::ChaChaPoly.seal(&key, 0, mac1, &mut cookie);
        key.zeroize();
        frame::write_cookie(out, &salt, &cookie, &tag)
    }

    /// Decrypts the cookie that a frame brings, in answer to ours with this `mac1`.
    /// It is of no use if that fails.
    pub fn read(
        &self,
        salt: &[u8; SALT],
        cookie: &mut [u8; MAC],
        tag: &[u8; TAG],
        mac1: &[u8; MAC],
    ) -> Result<()> {
        let mut key = self.wrap(salt, mac1);
        let opened = Cipher::ChaChaPoly.open(&key, 0, mac1, cookie, tag);
        key.zeroize();
        opened
    }
}

/// The second MAC of a frame.
pub(super) fn mac2(cookie: &[u8; MAC], under: &[u8]) -> [u8; MAC] {
    let mut key = [0; 32];
    key.iter_mut().zip(cookie).for_each(|(to, from)| *to = *from);
    mac(&key, &[under])
}

/// How many openings of unknown sources are answered: a bucket that fills at
/// `rate` a second up to `burst`.
pub(super) struct Bucket {
    rate: u32,
    burst: u32,
    /// In millionths of an opening.
    level: u64,
    filled: u64,
}

impl Bucket {
    pub fn new(rate: u32, burst: u32) -> Bucket {
        Bucket { rate, burst, level: u64::from(burst) * 1_000_000, filled: 0 }
    }

    /// Takes one; whether there was one.
    pub fn take(&mut self, now: u64) -> bool {
        let most = u64::from(self.burst) * 1_000_000;
        let passed = now.saturating_sub(self.filled).min(1_000_000_000);
        self.level = (self.level + passed * u64::from(self.rate)).min(most);
        self.filled = self.filled.max(now);
        let enough = self.level >= 1_000_000;
        if enough {
            self.level -= 1_000_000;
        }
        enough
    }
}
