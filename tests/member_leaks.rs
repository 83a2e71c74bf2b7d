//! Members come and go, and leave nothing behind. Alone in its process, whose threads and descriptors it counts.

#![cfg(all(feature = "std", target_os = "linux"))]

use neural_swarm::comm::crypto::Secret;
use neural_swarm::host::{Carrier, Identity, Member, MemberConfig, parse_address};

fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}

fn member(number: u8, folder: &std::path::Path) -> Member {
    let carrier = Carrier::Udp(parse_address("127.0.0.1:0").unwrap());
    let mut config =
        MemberConfig::new(b"leaks", Identity::Seed(Secret::new([number; 32])), carrier);
    config.folder = Some(folder.join(number.to_string()));
    Member::new(config).unwrap()
}

#[test]
fn a_hundred_members_leave_no_thread_and_no_descriptor() {
    let folder = std::env::temp_dir().join(format!("neural-swarm-leaks-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let before = (count("task"), count("fd"));
    for turn in 0..100u8 {
        let member = member(1, &folder);
        member.start().unwrap();
        if turn % 2 == 0 {
            member.add(b"n", 1).unwrap();
            member.serve_metrics(parse_address("127.0.0.1:0").unwrap()).unwrap();
            member.stop();
            member.join().unwrap();
        }
        // Or it is dropped.
    }
    // Never started, and refused.
    drop(member(2, &folder));
    let lives = member(3, &folder);
    assert_eq!(lives.total(b"n"), Ok(0));
    drop(lives);
    assert_eq!((count("task"), count("fd")), before);
    std::fs::remove_dir_all(&folder).unwrap();
}
