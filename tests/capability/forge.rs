//! Chains and lists written by hand, by the words of docs/capability-format.md
//! and without the library's encoder: also those that it would never write.

use neural_swarm::comm::capability::Id;
use neural_swarm::comm::crypto::{Hash, PublicKey, Secret, identity_of, sign};
use neural_swarm::comm::identity::LocalSecrets;

/// The private key with this number.
pub fn secret(n: u8) -> Secret {
    Secret::new([n; 32])
}

/// The private keys of whoever has it.
pub fn keys(n: u8) -> LocalSecrets {
    LocalSecrets::new(secret(n))
}

/// Its public key.
pub fn public(n: u8) -> PublicKey {
    identity_of(&secret(n))
}

/// The number of the authority's key in most tests.
pub const AUTHORITY: u8 = 1;

/// A link as it is written. 0 is no not-before, expiry or epoch.
#[derive(Clone, Debug)]
pub struct Link {
    /// Whose key signs.
    pub by: u8,
    pub subject: u8,
    pub serial: u64,
    pub operations: u64,
    pub extension: Vec<u8>,
    pub not_before: u64,
    pub expiry: u64,
    pub epoch: u64,
    pub depth: u8,
    /// Kind, critical, value.
    pub caveats: Vec<(u8, bool, u64)>,
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low + 128);
    }
}

fn caveat((kind, critical, value): (u8, bool, u64)) -> Vec<u8> {
    let mut bytes = value.to_le_bytes().to_vec();
    while bytes.len() > 1 && bytes.last() == Some(&0) {
        bytes.pop();
    }
    let head = if critical { 128 } else { 0 } + (bytes.len() as u8 - 1) * 16 + kind;
    bytes.insert(0, head);
    bytes
}

impl Link {
    /// All but the signature.
    pub fn body(&self) -> Vec<u8> {
        let present = |value: u64, bit: u8| if value == 0 { 0 } else { bit };
        let flags = present(self.not_before, 4) + present(self.expiry, 8) + present(self.epoch, 16);
        let mut body = vec![self.depth + flags + self.caveats.len() as u8 * 32];
        body.extend(public(self.subject));
        body.extend(varint(self.serial));
        body.extend(varint(self.operations));
        body.push(self.extension.len() as u8);
        body.extend(&self.extension);
        for value in [self.not_before, self.expiry, self.epoch] {
            if value != 0 {
                body.extend(varint(value));
            }
        }
        for each in &self.caveats {
            body.extend(caveat(*each));
        }
        body
    }
}

/// A signature as the format has it.
pub fn signature(purpose: &[u8], bytes: &[u8], by: u8) -> [u8; 64] {
    let digest = Hash::Blake2s.digest(&[bytes]);
    sign(&secret(by), &[purpose, digest.bytes()].concat())
}

/// The chain with one more link of these bytes, signed.
pub fn appended(chain: &[u8], body: &[u8], by: u8) -> Vec<u8> {
    let mut longer = [chain, body].concat();
    let signature = signature(b"neural-swarm/capability/1\n", &longer, by);
    longer.extend(signature);
    longer
}

/// A chain without links.
pub fn header(authority: u8) -> Vec<u8> {
    [&[1], &public(authority)[..4]].concat()
}

/// The chain of these links.
pub fn chain(authority: u8, links: &[Link]) -> Vec<u8> {
    links.iter().fold(header(authority), |chain, link| appended(&chain, &link.body(), link.by))
}

/// A list of revocations, its ids in this order.
pub fn list(authority: u8, epoch: u64, sequence: u32, ids: &[Id]) -> Vec<u8> {
    let mut list = header(authority);
    list.extend(epoch.to_le_bytes());
    list.extend(sequence.to_le_bytes());
    list.extend((ids.len() as u32).to_le_bytes());
    list.extend(ids.as_flattened());
    let signature = signature(b"neural-swarm/revocation/1\n", &list, authority);
    list.extend(signature);
    list
}
