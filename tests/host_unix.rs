//! Unix-domain datagram sockets: names in a folder, what is lost, who is refused, and the files of
//! processes that are gone.

#![cfg(all(feature = "std", unix))]

use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use neural_swarm::Error;
use neural_swarm::host::{UnixDatagram, UnixDatagramConfig, UnixDatagramCounts, unix_address};
use neural_swarm::port::{Address, Arena, Heap, Transport};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(5);

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nsw-unix-{}-{number}", std::process::id());
        // Without links, as the sockets see it.
        let folder = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn config(&self, name: &str) -> UnixDatagramConfig<'_> {
        UnixDatagramConfig::new(&self.0, at(name))
    }

    fn open(&self, name: &str, max_datagram: usize) -> UnixDatagram<'static> {
        let config = UnixDatagramConfig { max_datagram, ..self.config(name) };
        UnixDatagram::new(&config, Heap).unwrap()
    }

    fn refused(&self, name: &str) -> Error {
        UnixDatagram::new(&self.config(name), Heap).err().expect("it is refused")
    }

    /// A file as a process leaves it that is killed.
    fn dead(&self, name: &str) {
        drop(net::UnixDatagram::bind(self.path(name)).unwrap());
        assert!(self.path(name).exists());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(name: &str) -> Address {
    unix_address(name).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// That what is sent to `to` arrives there.
fn reaches(from: &mut UnixDatagram<'_>, to: &mut UnixDatagram<'_>) {
    let mut buf = [0; 100];
    from.send(&to.local(), b"still here").unwrap();
    assert_eq!(to.receive_within(&mut buf, LONG), Ok(Some((10, from.local()))));
    assert_eq!(&buf[..10], b"still here");
}

#[test]
fn datagrams_arrive_with_their_name() {
    let folder = Folder::new();
    let (mut a, mut b) = (folder.open("a", 1000), folder.open("b", 1000));
    assert_eq!((a.local(), b.local()), (at("a"), at("b")));
    let mut buf = [0; 1000];
    assert_eq!(a.receive(&mut buf), Ok(None));
    assert_eq!(a.receive_within(&mut buf, SHORT), Ok(None));
    for len in [0, 1, 999, 1000] {
        a.send(&at("b"), &vec![len as u8; len]).unwrap();
        assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((len, at("a")))));
        assert!(buf[..len].iter().all(|byte| *byte == len as u8));
        b.send(&at("a"), b"yes").unwrap();
        assert_eq!(a.receive_within(&mut buf, LONG), Ok(Some((3, at("b")))));
    }
    // To itself, too.
    a.send(&at("a"), b"me").unwrap();
    assert_eq!(a.receive(&mut buf), Ok(Some((2, at("a")))));
    assert_eq!(a.counts(), UnixDatagramCounts::default());
    assert!(folder.path("a").exists());
    drop(a);
    assert!(!folder.path("a").exists());
}

#[test]
fn a_datagram_waits_for_a_buffer_that_is_long_enough() {
    let folder = Folder::new();
    let (mut a, mut b) = (folder.open("a", 100), folder.open("b", 100));
    a.send(&at("b"), &[7; 60]).unwrap();
    let mut buf = [0; 100];
    assert_eq!(b.waiting(), None);
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!(b.waiting(), Some(60));
    assert_eq!(b.receive(&mut buf[..0]), Err(Error::BufferTooSmall));
    assert_eq!(b.receive(&mut buf[..60]), Ok(Some((60, at("a")))));
    assert_eq!((b.waiting(), b.receive(&mut buf)), (None, Ok(None)));
    // Or it is thrown away, and the next one comes.
    a.send(&at("b"), &[7; 60]).unwrap();
    a.send(&at("b"), &[8; 20]).unwrap();
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!((b.skip(), b.waiting()), (Ok(()), None));
    assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((20, at("a")))));
    assert_eq!((b.skip(), b.receive(&mut buf)), (Ok(()), Ok(None)));
}

#[test]
fn too_long_a_datagram_is_refused_and_dropped() {
    let folder = Folder::new();
    let (mut a, mut b) = (folder.open("a", 200), folder.open("b", 100));
    assert_eq!(a.send(&at("b"), &[0; 201]), Err(Error::CommTooLong));
    for len in [101, 200, 100] {
        a.send(&at("b"), &vec![1; len]).unwrap();
    }
    let mut buf = [0; 300];
    assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((100, at("a")))));
    assert_eq!(b.counts(), UnixDatagramCounts { oversize: 2, ..Default::default() });
    let (mut a, mut b) = (folder.open("c", 65535), folder.open("d", 65535));
    a.send(&at("d"), &vec![3; 65535]).unwrap();
    assert_eq!(b.receive(&mut [0; 65535]), Ok(Some((65535, at("c")))));
    for max_datagram in [0, 65536, usize::MAX] {
        let bad = UnixDatagramConfig { max_datagram, ..folder.config("e") };
        assert_eq!(UnixDatagram::footprint(&bad), Err(Error::Invalid));
        assert_eq!(UnixDatagram::new(&bad, Heap).err(), Some(Error::Invalid));
    }
}

#[test]
fn names_are_files_in_the_folder_and_nothing_else() {
    let folder = Folder::new();
    let mut a = folder.open("a", 100);
    let too_long = "n".repeat(33);
    for bad in ["", ".", "..", "/", "../a", "b/c", "/tmp/a", "a\0", "\0a", &too_long] {
        assert_eq!(unix_address(bad), Err(Error::HostAddress), "{bad:?}");
        let Ok(address) = Address::new(bad.as_bytes()) else { continue };
        assert_eq!(a.send(&address, b"x"), Err(Error::HostAddress), "{bad:?}");
        let config = UnixDatagramConfig::new(&folder.0, address);
        assert_eq!(UnixDatagram::new(&config, Heap).err(), Some(Error::HostAddress), "{bad:?}");
    }
    for good in ["...", " ", "é", "-rf", &"n".repeat(32)] {
        assert_eq!(unix_address(good).unwrap().bytes(), good.as_bytes());
        reaches(&mut a, &mut folder.open(good, 100));
    }
    assert_eq!(a.counts(), UnixDatagramCounts::default());
    // A path that no socket may have, one that there is not, and a file.
    let deep = folder.path(&"d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let config = UnixDatagramConfig::new(&deep, at("name"));
    assert_eq!(UnixDatagram::new(&config, Heap).err(), Some(Error::HostAddress));
    for none in [folder.path("none"), folder.path("a"), PathBuf::new()] {
        let config = UnixDatagramConfig::new(&none, at("name"));
        assert_eq!(UnixDatagram::new(&config, Heap).err(), Some(Error::HostIo), "{none:?}");
    }
}

#[test]
fn a_folder_is_the_same_by_any_path() {
    let folder = Folder::new();
    let real = folder.path("real");
    fs::create_dir(&real).unwrap();
    let link = folder.path("link");
    symlink(&real, &link).unwrap();
    let open = |path: &Path, name| {
        UnixDatagram::new(&UnixDatagramConfig::new(path, at(name)), Heap).unwrap()
    };
    let mut sockets = [open(&real, "a"), open(&link, "b"), open(&link.join("../real/."), "c")];
    for from in 0..3 {
        for to in 0..3 {
            let [a, b] = [at(["a", "b", "c"][from]), at(["a", "b", "c"][to])];
            sockets[from].send(&b, b"x").unwrap();
            assert_eq!(sockets[to].receive_within(&mut [0], LONG), Ok(Some((1, a))));
        }
    }
}

#[test]
fn a_receiver_that_is_full_is_told_and_nothing_is_lost() {
    let folder = Folder::new();
    let (mut a, mut b) = (folder.open("a", 1000), folder.open("b", 1000));
    let mut sent = 0u32;
    let refused = loop {
        match a.send(&at("b"), &sent.to_le_bytes()) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1_000_000);
    };
    assert_eq!(refused, Error::Capacity);
    let total = sent + 100;
    let mut buf = [0; 1000];
    for i in 0..total {
        assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((4, at("a")))));
        assert_eq!(buf[..4], i.to_le_bytes());
        while sent < total && a.send(&at("b"), &sent.to_le_bytes()).is_ok() {
            sent += 1;
        }
    }
    assert_eq!(b.receive(&mut buf), Ok(None));
    assert_eq!(a.counts(), UnixDatagramCounts::default());
}

#[test]
fn what_nobody_listens_to_is_lost_and_counted() {
    let folder = Folder::new();
    let (mut a, b) = (folder.open("a", 100), folder.open("b", 100));
    drop(b);
    a.send(&at("b"), b"gone").unwrap();
    a.send(&at("never"), b"was").unwrap();
    folder.dead("dead");
    a.send(&at("dead"), b"x").unwrap();
    fs::write(folder.path("file"), b"text").unwrap();
    a.send(&at("file"), b"x").unwrap();
    assert_eq!(a.counts(), UnixDatagramCounts { lost: 4, ..Default::default() });
    assert_eq!(fs::read(folder.path("file")).unwrap(), b"text");
    // One that is not for datagrams.
    let _listener = net::UnixListener::bind(folder.path("stream")).unwrap();
    assert_eq!(a.send(&at("stream"), b"x"), Err(Error::HostAddress));
    // None of it is in the way of others.
    assert_eq!(a.receive(&mut [0; 10]), Ok(None));
    reaches(&mut a, &mut folder.open("b", 100));
}

#[test]
fn the_file_of_a_dead_process_is_taken_over_and_no_other() {
    let folder = Folder::new();
    let mut a = folder.open("a", 100);
    for _ in 0..2 {
        folder.dead("b");
        reaches(&mut a, &mut folder.open("b", 100));
    }
    drop(net::UnixListener::bind(folder.path("b")).unwrap());
    let mut b = folder.open("b", 100);
    // One that lives.
    assert_eq!(folder.refused("b"), Error::HostIo);
    reaches(&mut a, &mut b);
    let _listener = net::UnixListener::bind(folder.path("stream")).unwrap();
    assert_eq!(folder.refused("stream"), Error::HostIo);
    net::UnixStream::connect(folder.path("stream")).unwrap();
    // What is no socket stays.
    fs::write(folder.path("file"), b"text").unwrap();
    assert_eq!(folder.refused("file"), Error::HostFile);
    assert_eq!(fs::read(folder.path("file")).unwrap(), b"text");
    fs::create_dir(folder.path("folder")).unwrap();
    assert_eq!(folder.refused("folder"), Error::HostFile);
    folder.dead("c");
    for (link, to) in [("alive", "b"), ("dead", "c"), ("nowhere", "d")] {
        symlink(folder.path(to), folder.path(link)).unwrap();
        assert_eq!(folder.refused(link), Error::HostFile);
        assert!(fs::symlink_metadata(folder.path(link)).unwrap().is_symlink());
    }
    assert!(folder.path("c").exists() && !folder.path("d").exists());
}

#[test]
fn one_of_many_gets_the_file_of_a_dead_process() {
    let folder = Folder::new();
    let mut a = folder.open("a", 100);
    for _ in 0..1000 {
        folder.dead("b");
        let (start, end) = (Barrier::new(4), Barrier::new(4));
        let race = || {
            start.wait();
            let made = UnixDatagram::new(&folder.config("b"), Heap);
            // Nobody closes before all have tried.
            end.wait();
            made
        };
        let made = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect::<Vec<_>>()
        });
        let mut winners: Vec<_> = made
            .into_iter()
            .filter_map(|made| match made {
                Ok(socket) => Some(socket),
                Err(error) => {
                    // On a busy machine the folder may stay locked for long.
                    assert!(matches!(error, Error::HostIo | Error::HostTimeout), "{error:?}");
                    None
                }
            })
            .collect();
        assert_eq!(winners.len(), 1);
        reaches(&mut a, &mut winners[0]);
    }
}

#[test]
fn a_file_that_somebody_put_in_its_place_stays() {
    let folder = Folder::new();
    let mut a = folder.open("a", 100);
    let b = folder.open("b", 100);
    // By hand: no socket of ours does this to one that lives.
    fs::rename(folder.path("b"), folder.path("old")).unwrap();
    let mut other = folder.open("b", 100);
    drop(b);
    assert!(folder.path("b").exists());
    reaches(&mut a, &mut other);
    fs::remove_file(folder.path("b")).unwrap();
    drop(other);
    assert!(!folder.path("b").exists());
}

#[test]
fn the_file_has_the_permissions_that_are_asked_for() {
    let folder = Folder::new();
    let a = folder.open("a", 100);
    assert_eq!(mode(&folder.path("a")), 0o600);
    drop(a);
    // Also those that the process gives to no new file.
    for wanted in [0o666, 0o660, 0o620, 0o777, 0o200, 0] {
        let config = UnixDatagramConfig { mode: wanted, ..folder.config("a") };
        let _a = UnixDatagram::new(&config, Heap).unwrap();
        assert_eq!(mode(&folder.path("a")), wanted);
    }
    for bad in [0o1000, 0o4600, 0o10600, u32::MAX] {
        let config = UnixDatagramConfig { mode: bad, ..folder.config("a") };
        assert_eq!(UnixDatagram::new(&config, Heap).err(), Some(Error::Invalid), "{bad:o}");
    }
    assert!(!folder.path("a").exists());
}

#[test]
fn who_has_no_name_in_the_folder_is_not_heard() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let (mut a, mut b) = (folder.open("a", 100), folder.open("b", 100));
    let to = folder.path("a");
    let nameless = net::UnixDatagram::unbound().unwrap();
    nameless.send_to(b"1", &to).unwrap();
    let same_name = net::UnixDatagram::bind(elsewhere.path("b")).unwrap();
    same_name.send_to(b"2", &to).unwrap();
    let long_name = net::UnixDatagram::bind(folder.path(&"x".repeat(33))).unwrap();
    long_name.send_to(b"3", &to).unwrap();
    fs::create_dir(folder.path("c")).unwrap();
    let below = net::UnixDatagram::bind(folder.path("c/b")).unwrap();
    below.send_to(b"4", &to).unwrap();
    nameless.send_to(&[5; 101], &to).unwrap();
    b.send(&at("a"), b"6").unwrap();
    let mut buf = [0; 100];
    // What is dropped cannot keep who does not wait: one each call.
    for _ in 0..5 {
        assert_eq!(a.receive(&mut buf), Ok(None));
    }
    assert_eq!(a.receive(&mut buf), Ok(Some((1, at("b")))));
    assert_eq!(buf[0], b'6');
    assert_eq!(a.counts(), UnixDatagramCounts { oversize: 1, foreign: 4, lost: 0 });
    // Who waits does not see them.
    nameless.send_to(b"7", &to).unwrap();
    b.send(&at("a"), b"8").unwrap();
    assert_eq!(a.receive_within(&mut buf, LONG), Ok(Some((1, at("b")))));
    assert_eq!((buf[0], a.counts().foreign), (b'8', 5));
}

#[test]
fn a_folder_that_stays_locked_is_an_error() {
    let folder = Folder::new();
    let lock = File::open(&folder.0).unwrap();
    lock.lock().unwrap();
    assert_eq!(folder.refused("a"), Error::HostTimeout);
    assert!(!folder.path("a").exists());
    drop(lock);
    folder.open("a", 100);
}

#[test]
fn it_lives_in_as_much_memory_as_it_says() {
    let folder = Folder::new();
    let config = UnixDatagramConfig { max_datagram: 500, ..folder.config("a") };
    let layout = UnixDatagram::footprint(&config).unwrap();
    let mut memory = vec![MaybeUninit::uninit(); layout.size()];
    let arena = Arena::new(&mut memory);
    let mut a = UnixDatagram::new(&config, &arena).unwrap();
    reaches(&mut folder.open("b", 100), &mut a);
    let config = folder.config("c");
    assert_eq!(UnixDatagram::new(&config, &arena).err(), Some(Error::OutOfMemory));
    assert!(!folder.path("c").exists());
}
