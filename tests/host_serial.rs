//! Serial lines, over pseudoterminals: what is sent arrives; what does not fit waits; garbage is
//! dropped and counted.

#![cfg(all(feature = "std", unix))]

use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use neural_swarm::Error;
use neural_swarm::comm::framing::{encode_serial, serial_bound};
use neural_swarm::host::{BAUD_RATES, Serial, SerialConfig, SerialCounts};
use neural_swarm::port::{Address, Arena, Heap, Transport};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, tcgetattr};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(5);
const PEER: Address = Address::EMPTY;

/// A pseudoterminal: its one end, and the device that is the other.
fn pty() -> (File, PathBuf) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_bytes();
    (File::from(master), std::ffi::OsString::from_vec(name).into())
}

fn open(device: &Path, config: &SerialConfig) -> Serial<'static> {
    Serial::open(device, 115200, config, Heap).unwrap()
}

fn over(line: File, config: &SerialConfig) -> Serial<'static> {
    Serial::over(OwnedFd::from(line), config, Heap).unwrap()
}

/// Two ends of a line.
fn pair(config: &SerialConfig) -> (Serial<'static>, Serial<'static>) {
    let (master, device) = pty();
    let slave = open(&device, config);
    (over(master, config), slave)
}

/// An end of a line, and the other for bytes of any kind.
fn half(config: &SerialConfig) -> (File, Serial<'static>) {
    let (master, device) = pty();
    let slave = open(&device, config);
    (master, slave)
}

fn framed(datagram: &[u8], checked: bool) -> Vec<u8> {
    let mut line = vec![0; serial_bound(datagram.len(), checked)];
    let len = encode_serial(datagram, checked, &mut line).unwrap();
    line.truncate(len);
    line
}

/// The next datagram, which will come.
fn next_of(serial: &mut Serial<'_>) -> Vec<u8> {
    let mut buf = vec![0; 70_000];
    let (len, from) = serial.receive_within(&mut buf, LONG).unwrap().expect("a datagram in time");
    assert_eq!(from, PEER);
    buf.truncate(len);
    buf
}

#[test]
fn datagrams_go_both_ways() {
    let config = SerialConfig::new(1000);
    let (mut a, mut b) = pair(&config);
    let mut buf = [0; 1000];
    assert_eq!(a.receive(&mut buf), Ok(None));
    assert_eq!(b.receive_within(&mut buf, SHORT), Ok(None));
    for len in [0, 1, 253, 254, 255, 256, 999, 1000] {
        // Bytes of all kinds, also those that mean something to a terminal.
        let datagram: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
        a.send(&PEER, &datagram).unwrap();
        assert_eq!(next_of(&mut b), datagram);
        b.send(&PEER, &datagram).unwrap();
        assert_eq!(next_of(&mut a), datagram);
    }
    assert_eq!(a.flush(LONG), Ok(()));
    assert_eq!((a.counts(), b.counts()), Default::default());
}

#[test]
fn the_peer_is_called_as_the_configuration_says() {
    let other = Address::new(b"the other end").unwrap();
    let config = SerialConfig { peer: other, ..SerialConfig::new(100) };
    let (mut a, mut b) = pair(&config);
    for bad in [Address::EMPTY, Address::new(b"the other end.").unwrap()] {
        assert_eq!(a.send(&bad, b"x"), Err(Error::HostAddress));
    }
    assert_eq!(a.send(&other, &[0; 101]), Err(Error::CommTooLong));
    a.send(&other, &[0; 100]).unwrap();
    assert_eq!(b.receive_within(&mut [0; 100], LONG), Ok(Some((100, other))));
}

#[test]
fn a_datagram_waits_for_a_buffer_that_is_long_enough() {
    let (mut a, mut b) = pair(&SerialConfig::new(100));
    a.send(&PEER, &[7; 60]).unwrap();
    a.send(&PEER, &[8; 20]).unwrap();
    let mut buf = [0; 100];
    assert_eq!(b.waiting(), None);
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!(b.waiting(), Some(60));
    assert_eq!(b.receive(&mut buf[..0]), Err(Error::BufferTooSmall));
    assert_eq!(b.receive(&mut buf[..60]), Ok(Some((60, PEER))));
    assert_eq!(b.waiting(), None);
    assert_eq!(next_of(&mut b), [8; 20]);
    // Or it is thrown away, and the next one comes.
    a.send(&PEER, &[7; 60]).unwrap();
    a.send(&PEER, &[8; 20]).unwrap();
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!((b.skip(), b.waiting()), (Ok(()), None));
    assert_eq!(next_of(&mut b), [8; 20]);
    assert_eq!((b.skip(), b.receive(&mut buf)), (Ok(()), Ok(None)));
}

#[test]
fn what_has_no_room_is_told_and_nothing_is_lost() {
    let longest = serial_bound(3000, true) + 1;
    let config = SerialConfig { send_buffer: longest, ..SerialConfig::new(3000) };
    // From the device and to it.
    let ((a, b), (c, d)) = (pair(&config), pair(&config));
    for (mut from, mut to) in [(b, a), (c, d)] {
        let datagram = |i: usize| vec![i as u8; i * 37 % 3001];
        let mut sent = 0;
        // Until the line holds no more, either: it takes some time to pass things on.
        let refused = loop {
            match from.send(&PEER, &datagram(sent)) {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert_eq!(error, Error::Capacity);
                    if let Err(error) = from.flush(SHORT) {
                        break error;
                    }
                }
            }
        };
        assert_eq!(refused, Error::HostTimeout);
        let total = sent + 200;
        for i in 0..total {
            let mut waited = 0;
            let got = loop {
                let mut buf = vec![0; 3000];
                if let Some((len, _)) = to.receive_within(&mut buf, SHORT).unwrap() {
                    buf.truncate(len);
                    break buf;
                }
                // The rest of it waits at the other end, and leaves by any call there.
                assert_eq!(from.receive(&mut []), Ok(None));
                waited += 1;
                assert!(waited < 4000, "datagram {i} does not come");
            };
            assert!(got == datagram(i), "datagram {i}");
            while sent < total && from.send(&PEER, &datagram(sent)).is_ok() {
                sent += 1;
            }
        }
        assert_eq!(from.flush(LONG), Ok(()));
        assert_eq!(to.receive(&mut []), Ok(None));
        assert_eq!(to.counts(), SerialCounts::default());
    }
}

#[test]
fn damaged_frames_are_dropped_and_counted() {
    let (mut line, mut serial) = half(&SerialConfig::new(100));
    let good = framed(b"good", true);
    let mut wrong = framed(b"wrong", true);
    wrong[3] ^= 1;
    let mut unknown = framed(b"unknown", true);
    unknown[1] ^= 2;
    let cut = [&framed(b"cut off", true)[..5], &[0]].concat();
    // The zero at its end is missing, so the next frame goes with it.
    let endless = good[..good.len() - 1].to_vec();
    for (bytes, damaged, oversize, unchecked) in [
        (&b"\x03garbage\0\x7f\0"[..], 2, 0, 0),
        (b"\0\0\0\0", 0, 0, 0),
        (&wrong, 1, 0, 0),
        (&unknown, 1, 0, 0),
        (&cut, 1, 0, 0),
        (&framed(b"", false), 0, 0, 1),
        (&framed(b"without a sum", false), 0, 0, 1),
        (&framed(&[1; 101], true), 0, 1, 0),
        (&framed(&[0; 60_000], true), 0, 1, 0),
        (&framed(&[1; 101], false), 0, 1, 0),
        (&[endless, framed(b"spoilt", true)].concat(), 1, 0, 0),
    ] {
        let before = serial.counts();
        let mut rest = bytes;
        // More than the line holds at once.
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(1000));
            line.write_all(now).unwrap();
            assert_eq!(serial.receive(&mut [0; 100]), Ok(None));
            rest = later;
        }
        line.write_all(&good).unwrap();
        assert_eq!(next_of(&mut serial), b"good", "{bytes:?}");
        let counts = SerialCounts {
            damaged: before.damaged + damaged,
            oversize: before.oversize + oversize,
            unchecked: before.unchecked + unchecked,
        };
        assert_eq!(serial.counts(), counts, "{bytes:?}");
    }
}

#[test]
fn no_garbage_is_taken_for_a_datagram() {
    let (mut line, mut serial) = half(&SerialConfig::new(100));
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut damaged = 0;
    for turn in 0..300u32 {
        // Few values, or there would be few zeros.
        let values = [3, 7, 256][turn as usize % 3];
        let garbage: Vec<u8> = (0..random(900)).map(|_| random(values) as u8).collect();
        line.write_all(&garbage).unwrap();
        // Or it would go with the garbage before it.
        line.write_all(&[0]).unwrap();
        line.write_all(&framed(&turn.to_le_bytes(), true)).unwrap();
        assert_eq!(next_of(&mut serial), turn.to_le_bytes());
        damaged += garbage.len();
    }
    let counts = serial.counts();
    let dropped = counts.damaged + counts.oversize + counts.unchecked;
    assert!(dropped > 1000 && dropped < damaged as u64, "{counts:?}");
}

#[test]
fn noise_before_a_frame_does_not_spoil_it() {
    let config = SerialConfig::new(100);
    let (master, device) = pty();
    let mut serial = open(&device, &config);
    let mut noise = master.try_clone().unwrap();
    let mut other = over(master, &config);
    for turn in 1..=3 {
        noise.write_all(b"\x55noise").unwrap();
        other.send(&PEER, b"frame").unwrap();
        assert_eq!(next_of(&mut serial), b"frame");
        assert_eq!(serial.counts().damaged, turn);
    }
}

#[test]
fn frames_without_a_sum_go_between_two_that_want_them() {
    let plain = SerialConfig { plain: true, ..SerialConfig::new(100) };
    let (mut line, mut serial) = half(&plain);
    line.write_all(&framed(b"without", false)).unwrap();
    line.write_all(&framed(b"with", true)).unwrap();
    assert_eq!(next_of(&mut serial), b"without");
    assert_eq!(next_of(&mut serial), b"with");
    let (mut a, mut b) = pair(&plain);
    a.send(&PEER, b"hello").unwrap();
    assert_eq!(next_of(&mut b), b"hello");
    // The other end wants them.
    let (master, device) = pty();
    let (mut a, mut b) = (over(master, &plain), open(&device, &SerialConfig::new(100)));
    a.send(&PEER, b"unseen").unwrap();
    b.send(&PEER, b"seen").unwrap();
    assert_eq!(next_of(&mut a), b"seen");
    let until = Instant::now() + LONG;
    while b.counts().unchecked == 0 && Instant::now() < until {
        assert_eq!(b.receive_within(&mut [0; 100], SHORT), Ok(None));
    }
    assert_eq!(b.counts(), SerialCounts { unchecked: 1, ..Default::default() });
}

#[test]
fn who_never_stops_sending_garbage_keeps_nobody() {
    let config = SerialConfig::new(100);
    for device in ["/dev/zero", "/dev/urandom"] {
        let endless = File::options().read(true).write(true).open(device).unwrap();
        let mut serial = over(endless, &config);
        let mut buf = [0; 100];
        assert_eq!(serial.receive(&mut buf), Ok(None), "{device}");
        assert_eq!(serial.receive_within(&mut buf, SHORT), Ok(None), "{device}");
    }
}

#[test]
fn a_line_that_is_gone_is_told_and_may_come_back() {
    let config = SerialConfig::new(100);
    let (mut master, mut slave) = half(&config);
    // What came before the end still comes.
    master.write_all(&framed(b"last", true)).unwrap();
    assert_eq!(slave.receive_within(&mut [], LONG), Err(Error::BufferTooSmall));
    drop(master);
    assert_eq!(next_of(&mut slave), b"last");
    assert_eq!(slave.receive_within(&mut [0; 100], LONG), Err(Error::HostIo));
    // The system takes it no longer: one call tells, at the latest the one after.
    let sent = slave.send(&PEER, b"x").and_then(|()| slave.flush(LONG));
    assert_eq!(sent, Err(Error::HostIo));

    let (master, device) = pty();
    let slave = open(&device, &config);
    let mut master = over(master, &config);
    drop(slave);
    assert_eq!(master.receive_within(&mut [0; 100], LONG), Err(Error::HostIo));
    let mut slave = open(&device, &config);
    slave.send(&PEER, b"back").unwrap();
    assert_eq!(next_of(&mut master), b"back");
}

#[test]
fn a_device_is_set_up_for_bytes() {
    let config = SerialConfig::new(100);
    let (master, device) = pty();
    for baud in BAUD_RATES {
        let _serial = Serial::open(&device, baud, &config, Heap).unwrap();
        let modes = tcgetattr(&master).unwrap();
        assert_eq!((modes.output_speed(), modes.input_speed()), (baud, baud));
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        assert!(!modes.local_modes.intersects(cooked));
        let cooked = InputModes::ICRNL | InputModes::IXON | InputModes::IXOFF | InputModes::ISTRIP;
        assert!(!modes.input_modes.intersects(cooked));
        assert!(!modes.output_modes.contains(OutputModes::OPOST));
        assert!(modes.control_modes.contains(ControlModes::CS8));
        assert!(!modes.control_modes.intersects(ControlModes::PARENB | ControlModes::CSTOPB));
    }
}

#[test]
fn settings_and_devices_that_cannot_be() {
    let (_master, device) = pty();
    let good = SerialConfig::new(100);
    let longest = serial_bound(100, true);
    for bad in [
        SerialConfig { max_datagram: 0, ..good },
        SerialConfig { max_datagram: 65536, send_buffer: 1 << 20, ..good },
        SerialConfig { send_buffer: longest, ..good },
        SerialConfig::new(usize::MAX),
    ] {
        assert_eq!(Serial::footprint(&bad), Err(Error::Invalid), "{bad:?}");
        let made = Serial::open(&device, 9600, &bad, Heap);
        assert_eq!(made.err(), Some(Error::Invalid), "{bad:?}");
    }
    let least = SerialConfig { send_buffer: longest + 1, ..good };
    assert!(Serial::footprint(&least).is_ok());
    for baud in [0, 1, 9601, u32::MAX] {
        assert_eq!(Serial::open(&device, baud, &good, Heap).err(), Some(Error::Invalid));
    }
    for (path, error) in [
        ("/dev/null", Error::HostFile),
        (env!("CARGO_MANIFEST_DIR"), Error::HostIo),
        ("/dev/there/is/none", Error::HostIo),
        ("", Error::HostIo),
    ] {
        let made = Serial::open(Path::new(path), 9600, &good, Heap);
        assert_eq!(made.err(), Some(error), "{path}");
    }
    // One that is in use, until it is not.
    for _ in 0..2 {
        let _serial = open(&device, &good);
        assert_eq!(Serial::open(&device, 9600, &good, Heap).err(), Some(Error::HostIo));
    }
}

#[test]
fn it_lives_in_as_much_memory_as_it_says() {
    let config = SerialConfig::new(300);
    let (master, device) = pty();
    let layout = Serial::footprint(&config).unwrap();
    let mut memory = vec![MaybeUninit::uninit(); layout.size()];
    let arena = Arena::new(&mut memory);
    let mut a = Serial::open(&device, 9600, &config, &arena).unwrap();
    let mut b = over(master, &config);
    b.send(&PEER, &[9; 300]).unwrap();
    assert_eq!(next_of(&mut a), [9; 300]);
    let (_master, device) = pty();
    assert_eq!(Serial::open(&device, 9600, &config, &arena).err(), Some(Error::OutOfMemory));
    open(&device, &config);
}
