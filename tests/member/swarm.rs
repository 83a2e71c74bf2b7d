//! Members that know each other, and folders for them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use neural_swarm::comm::crypto::{PublicKey, Secret};
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::host::{Carrier, Identity, Member, MemberConfig, parse_address};

/// Longer than anything takes that is well.
pub const LONG: Duration = Duration::from_secs(60);
/// For what does not come.
pub const SHORT: Duration = Duration::from_millis(50);

/// A folder that is removed afterwards.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("neural-swarm-member-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn seed(number: u8) -> Secret {
    Secret::new([number + 1; 32])
}

pub fn key(number: u8) -> PublicKey {
    LocalSecrets::new(seed(number)).identity()
}

/// A member on this machine, which trusts whoever knows the secret.
pub fn config(number: u8) -> MemberConfig {
    let carrier = Carrier::Udp(parse_address("127.0.0.1:0").unwrap());
    let mut config = MemberConfig::new(b"member tests", Identity::Seed(seed(number)), carrier);
    config.psk = Some(Secret::new([99; 32]));
    config
}

/// One of a group, which keeps what has to be kept in this folder. What is called durable need not be.
pub fn voter(number: u8, count: u8, folder: &Folder) -> MemberConfig {
    let mut config = config(number);
    config.folder = Some(folder.path().join(format!("member-{number}")));
    config.voters = (0..count).map(key).collect();
    config.sync = false;
    config
}

/// Members that begin with the first of them, and are started.
pub fn members(configs: Vec<MemberConfig>) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for mut config in configs {
        config.seeds.extend(members.first().map(Member::local));
        members.push(Member::new(config).unwrap());
    }
    start(&members);
    members
}

/// Starts members, and waits until they know each other.
pub fn start(members: &[Member]) {
    members.iter().for_each(|member| member.start().unwrap());
    for member in members {
        member.wait_for_members(members.len(), LONG).unwrap();
    }
}
