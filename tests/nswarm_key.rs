//! The commands `nswarm key` and `nswarm cert`, run as programs.
#![cfg(all(unix, feature = "cli"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use neural_swarm::comm::identity::{Certificate, LocalSecrets, Secrets, Validity};
use neural_swarm::comm::noise::StaticKey;
use neural_swarm::host::{load_key, unix_time};

/// A folder of a test's own, and the program run in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("nswarm-key-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nswarm"));
        let command = command.current_dir(&self.0).args(arguments.split_whitespace());
        command.output().expect("the program runs")
    }

    /// What it says when all is well.
    fn good(&self, arguments: &str) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    /// What it says when it ends with this number.
    fn bad(&self, code: i32, arguments: &str) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.status.code(), Some(code), "{arguments} {ended:?}");
        String::from_utf8(ended.stderr).unwrap()
    }

    fn keys(&self, name: &str) -> LocalSecrets {
        LocalSecrets::new(load_key(&self.0.join(name)).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_are_made_and_shown() {
    let folder = Folder::new("keys");
    let made = folder.good("key new node.key");
    let keys = folder.keys("node.key");
    assert_eq!(made, hex(&keys.identity()) + "\n");
    let mode = fs::metadata(folder.0.join("node.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = folder.good("key show node.key");
    let expected =
        format!("identity {}\nnoise {}\n", hex(&keys.identity()), hex(&keys.public_key()));
    assert_eq!(shown, expected);
    assert!(!shown.contains(&hex(keys.seed().bytes())), "the secret is not shown");
    // Another one each time.
    assert_ne!(folder.good("key new other.key"), made);

    // Nothing is overwritten.
    let before = fs::read(folder.0.join("node.key")).unwrap();
    assert!(folder.bad(3, "key new node.key").contains("node.key: there is such a file already"));
    assert_eq!(fs::read(folder.0.join("node.key")).unwrap(), before);
    assert!(folder.bad(3, "key new no/such/folder.key").contains("folder.key: "));
}

#[test]
fn key_files_that_will_not_do_are_refused() {
    let folder = Folder::new("bad-keys");
    let path = folder.0.join("node.key");
    assert!(folder.bad(3, "key show none.key").contains("none.key: No such file"));
    fs::write(&path, "neural-swarm identity v1\n12\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(folder.bad(3, "key show node.key").contains("node.key: it is not a key file"));
    fs::remove_file(&path).unwrap();
    folder.good("key new node.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(folder.bad(3, "key show node.key").contains("others than its owner"));
    for wrong in ["key", "key new", "key show", "key new a b", "key show --node-id node.key"] {
        folder.bad(2, wrong);
    }
    assert!(!folder.0.join("a").exists());
}

#[test]
fn certificates_are_issued_shown_and_verified() {
    let folder = Folder::new("certificates");
    let authority = folder.good("key new authority.key").trim().to_owned();
    let node = folder.good("key new node.key").trim().to_owned();
    let issued = folder.good(&format!(
        "cert issue --authority authority.key --subject {node} --serial 7 --epoch 3 \
         --not-before 2026-01-01 --not-after 2026-12-31T23:59:59Z node.cert"
    ));
    let expected = format!(
        "authority {}...\nserial 7\nnot before 1767225600 (2026-01-01T00:00:00Z)\n\
         not after 1798761599 (2026-12-31T23:59:59Z)\nepoch 3\n",
        &authority[..8]
    );
    assert_eq!(issued, expected);
    assert_eq!(folder.good("cert show node.cert"), expected);
    let bytes = fs::read(folder.0.join("node.cert")).unwrap();
    let certificate = Certificate::decode(&bytes).unwrap();
    let validity = Validity { not_before: 1_767_225_600, not_after: 1_798_761_599, epoch: 3 };
    assert_eq!((certificate.serial, certificate.validity), (7, validity));
    let (by, of) = (folder.keys("authority.key").identity(), folder.keys("node.key").identity());
    assert_eq!(certificate.verify(&by, &of, Some(1_767_225_600), 3), Ok(()));

    let show = format!("cert show node.cert --authority {authority} --subject {node}");
    let good = folder.good(&format!("{show} --at 2026-06-01 --epoch 3"));
    assert_eq!(good, expected.clone() + "good at 2026-06-01T00:00:00Z, in epoch 3\n");
    for (more, why) in [
        ("--at 2025-12-31T23:59:59Z", "it is not good yet at 2025-12-31T23:59:59Z"),
        ("--at 1798761600", "it is no longer good at 2027-01-01T00:00:00Z"),
        ("--at 2026-06-01 --epoch 4", "it is over in epoch 4"),
    ] {
        assert_eq!(folder.bad(1, &format!("{show} {more}")), format!("nswarm: node.cert: {why}\n"));
    }
    // Of somebody else, for somebody else, or changed: never mind the time.
    let other = folder.good("key new other.key").trim().to_owned();
    for (by, of) in [(&other, &node), (&authority, &other), (&node, &authority)] {
        let show = format!("cert show node.cert --authority {by} --subject {of} --at 2030-01-01");
        assert!(folder.bad(1, &show).contains("the signature is wrong"));
    }
    for i in [1, 5, 9, 17, 25, 29, 92] {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        fs::write(folder.0.join("changed.cert"), changed).unwrap();
        let show = format!(
            "cert show changed.cert --authority {authority} --subject {node} --at 2026-06-01"
        );
        assert!(folder.bad(1, &show).contains("the signature is wrong"), "{i}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let folder = Folder::new("defaults");
    let authority = folder.good("key new authority.key").trim().to_owned();
    let issue = format!("cert issue --authority authority.key --subject {authority}");
    let before = unix_time();
    folder.good(&format!("{issue} year.cert"));
    folder.good(&format!("{issue} --days 2 --not-before 1000 days.cert"));
    folder.good(&format!("{issue} --not-after 4000000000 until.cert"));
    let after = unix_time();
    let read = |name| Certificate::decode(&fs::read(folder.0.join(name)).unwrap()).unwrap();
    let Validity { not_before, not_after, epoch } = read("year.cert").validity;
    assert!((before - 300..=after - 300).contains(&not_before), "{not_before}");
    assert!((before..=after).contains(&(not_after - 365 * 86_400)), "{not_after}");
    assert_eq!(epoch, 0);
    let days = Validity { not_before: 1000, not_after: 1000 + 2 * 86_400, epoch: 0 };
    assert_eq!(read("days.cert").validity, days);
    assert_eq!(read("until.cert").validity.not_after, 4_000_000_000);
    // By chance: that all three are the same is not to be expected.
    let serials = ["year.cert", "days.cert", "until.cert"].map(|name| read(name).serial);
    assert!(serials[0] != serials[1] || serials[1] != serials[2], "{serials:?}");
    // Now, where no time is said.
    let show = format!("cert show year.cert --authority {authority} --subject {authority}");
    assert!(folder.good(&show).contains("\ngood at 20"));
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new("refused");
    let node = folder.good("key new node.key").trim().to_owned();
    let issue = format!("cert issue --authority node.key --subject {node}");
    for wrong in [
        "cert",
        "cert show",
        "cert issue",
        "cert issue --authority node.key out.cert",
        &format!("cert issue --subject {node} out.cert"),
        &issue,
        "cert issue --authority node.key --subject 12 out.cert",
        &format!("{issue} --serial 4294967296 out.cert"),
        &format!("{issue} --epoch -1 out.cert"),
        &format!("{issue} --days x out.cert"),
        &format!("{issue} --days 3 --not-after 2030-01-01 out.cert"),
        &format!("{issue} --not-before 2027-02-29 out.cert"),
        &format!("{issue} --not-before 2028-01-01 --not-after 2027-01-01 out.cert"),
        &format!("cert show node.cert --authority {node}"),
        &format!("cert show node.cert --subject {node}"),
        "cert show node.cert --at 2026-01-01",
        "cert show node.cert --epoch 1",
    ] {
        folder.bad(2, wrong);
    }
    assert!(!folder.0.join("out.cert").exists());

    // What is said of times that do not go together.
    let past = folder.bad(2, &format!("{issue} --not-after 1970-01-02 out.cert"));
    assert!(past.contains("it would never be good: from 20") && past.contains("to 1970-01-02T"));

    let none = format!("cert issue --authority none.key --subject {node} out.cert");
    assert!(folder.bad(3, &none).contains("none.key: No such file"));
    assert!(!folder.0.join("out.cert").exists());
    // Nothing is overwritten, least of all a key.
    let before = fs::read(folder.0.join("node.key")).unwrap();
    assert!(folder.bad(3, &format!("{issue} node.key")).contains("there is such a file already"));
    assert_eq!(fs::read(folder.0.join("node.key")).unwrap(), before);
    assert!(folder.bad(3, &format!("{issue} no/such/out.cert")).contains("out.cert: No such file"));

    folder.good(&format!("{issue} node.cert"));
    let good = fs::read(folder.0.join("node.cert")).unwrap();
    assert!(folder.bad(3, "cert show none.cert").contains("none.cert: No such file"));
    for bad in [&good[..92], &[&good[..], b"\n"].concat(), b"", &before] {
        fs::write(folder.0.join("bad.cert"), bad).unwrap();
        assert!(folder.bad(3, "cert show bad.cert").contains("bad.cert: "), "{bad:?}");
    }
}

#[test]
fn what_cannot_be_said_is_a_failure() {
    let folder = Folder::new("full");
    folder.good("key new node.key");
    // A device that is always full, where there is one.
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_nswarm"));
    command.current_dir(&folder.0).args(["key", "show", "node.key"]).stdout(full);
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(String::from_utf8(ended.stderr).unwrap().starts_with("nswarm: standard output: "));
}

#[test]
fn help_says_what_there_is() {
    let folder = Folder::new("help");
    let help = folder.good("--help");
    for word in ["plan", "key", "cert"] {
        assert!(help.contains(word), "{help}");
    }
    let help = folder.good("key --help") + &folder.good("key new --help");
    for word in ["new", "show", "Examples:", "Ends with", "never overwritten", "<FILE>"] {
        assert!(help.contains(word), "{help}");
    }
    let cert = folder.good("cert --help");
    let help = cert + &folder.good("cert issue --help") + &folder.good("cert show --help");
    for word in ["Examples:", "Ends with", "--subject <HEX>", "--days <N>", "--at <TIME>", "epoch"]
    {
        assert!(help.contains(word), "{help}");
    }
}
