//! Sockets, over the loopback interface: what is sent arrives; what does not fit
//! waits or is refused by name; strangers who misbehave are dropped and counted.

#![cfg(all(feature = "std", unix))]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use neural_swarm::Error;
use neural_swarm::host::{
    Tcp, TcpConfig, TcpCounts, Udp, UdpConfig, parse_address, show_address, socket_address,
    to_address,
};
use neural_swarm::port::{Address, Heap, Transport};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(5);

fn loopback() -> Address {
    parse_address("127.0.0.1:0").unwrap()
}

fn udp(max_datagram: usize) -> Udp<'static> {
    Udp::new(&UdpConfig { bind: loopback(), max_datagram }, Heap).unwrap()
}

fn listener(max_frame: usize) -> Tcp<'static> {
    Tcp::new(&TcpConfig::new(Some(loopback()), max_frame), Heap).unwrap()
}

fn connected(to: &Tcp<'_>, config: &TcpConfig) -> (Tcp<'static>, Address) {
    let mut tcp = Tcp::new(config, Heap).unwrap();
    let peer = to.local().unwrap();
    tcp.connect(&peer, LONG).unwrap();
    (tcp, peer)
}

/// The next frame or datagram, which will come.
fn next_of(tcp: &mut Tcp<'_>) -> (Vec<u8>, Address) {
    let mut buf = vec![0; 70_000];
    let (len, from) = tcp.receive_within(&mut buf, LONG).unwrap().expect("a frame in time");
    buf.truncate(len);
    (buf, from)
}

// ---- addresses ---------------------------------------------------------------

#[test]
fn addresses_are_text_and_bytes() {
    let address = parse_address("127.0.0.1:4000").unwrap();
    assert_eq!(address.bytes(), [4, 127, 0, 0, 1, 0xa0, 0x0f]);
    assert_eq!(show_address(&address).unwrap(), "127.0.0.1:4000");
    let address = parse_address("[fe80::1%2]:258").unwrap();
    let bytes = address.bytes();
    assert_eq!((bytes.len(), bytes[0], &bytes[17..]), (23, 6, &[2, 1, 2, 0, 0, 0][..]));
    assert_eq!(show_address(&address).unwrap(), "[fe80::1%2]:258");
    let longest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
    assert_eq!(show_address(&parse_address(longest).unwrap()).unwrap(), longest);
    // One place has one address.
    assert_eq!(parse_address("[::ffff:10.1.2.3]:5"), parse_address("10.1.2.3:5"));
    // The machine's own name for itself.
    let local = parse_address("localhost:7").map(|found| socket_address(&found).unwrap());
    assert!(local.unwrap().ip().is_loopback());
}

#[test]
fn what_is_no_address_is_refused() {
    for text in ["", "127.0.0.1", ":", "[::1]", "127.0.0.1:65536", "a b:1", "127.0.0.1:1:2"] {
        assert_eq!(parse_address(text), Err(Error::HostAddress), "{text}");
    }
    for bytes in [&[][..], &[4], &[4; 6], &[4; 8], &[6; 22], &[6; 24], &[5; 7], &[6; 32]] {
        let address = Address::new(bytes).unwrap();
        assert_eq!(socket_address(&address), Err(Error::HostAddress), "{bytes:?}");
        assert_eq!(show_address(&address).err(), Some(Error::HostAddress));
        assert_eq!(udp(10).send(&address, b"x"), Err(Error::HostAddress));
        let config = UdpConfig { bind: address, max_datagram: 10 };
        assert_eq!(Udp::new(&config, Heap).err(), Some(Error::HostAddress));
        let config = TcpConfig::new(Some(address), 10);
        assert_eq!(Tcp::new(&config, Heap).err(), Some(Error::HostAddress));
    }
    for good in ["1.2.3.4:5", "[2001:db8::1]:9"] {
        let address = parse_address(good).unwrap();
        assert_eq!(to_address(socket_address(&address).unwrap()), address);
    }
}

// ---- UDP ---------------------------------------------------------------------

#[test]
fn datagrams_arrive_with_their_address() {
    let (mut a, mut b) = (udp(1000), udp(1000));
    let (at_a, at_b) = (a.local().unwrap(), b.local().unwrap());
    let mut buf = [0; 1000];
    assert_eq!(a.receive(&mut buf), Ok(None));
    assert_eq!(a.receive_within(&mut buf, SHORT), Ok(None));
    for len in [0, 1, 999, 1000] {
        a.send(&at_b, &vec![len as u8; len]).unwrap();
        assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((len, at_a))));
        assert!(buf[..len].iter().all(|byte| *byte == len as u8));
        b.send(&at_a, b"yes").unwrap();
        assert_eq!(a.receive_within(&mut buf, LONG), Ok(Some((3, at_b))));
    }
}

#[test]
fn a_datagram_waits_for_a_buffer_that_is_long_enough() {
    let (mut a, mut b) = (udp(100), udp(100));
    a.send(&b.local().unwrap(), &[7; 60]).unwrap();
    let mut buf = [0; 100];
    assert_eq!(b.waiting(), None);
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!(b.waiting(), Some(60));
    assert_eq!(b.receive(&mut buf[..0]), Err(Error::BufferTooSmall));
    assert_eq!(b.receive(&mut buf[..60]), Ok(Some((60, a.local().unwrap()))));
    assert_eq!((b.waiting(), b.receive(&mut buf)), (None, Ok(None)));
    // Or it is thrown away, and the next one comes.
    a.send(&b.local().unwrap(), &[7; 60]).unwrap();
    a.send(&b.local().unwrap(), &[8; 20]).unwrap();
    assert_eq!(b.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!((b.skip(), b.waiting()), (Ok(()), None));
    assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((20, a.local().unwrap()))));
    assert_eq!((b.skip(), b.receive(&mut buf)), (Ok(()), Ok(None)));
}

#[test]
fn too_long_a_datagram_is_refused_and_dropped() {
    let (mut a, mut b) = (udp(200), udp(100));
    let to = b.local().unwrap();
    assert_eq!(a.send(&to, &[0; 201]), Err(Error::CommTooLong));
    for len in [101, 200, 100] {
        a.send(&to, &vec![1; len]).unwrap();
    }
    let mut buf = [0; 300];
    assert_eq!(b.receive_within(&mut buf, LONG), Ok(Some((100, a.local().unwrap()))));
    assert_eq!(b.counts().oversize, 2);
    for max_datagram in [0, 65508, usize::MAX] {
        let config = UdpConfig { bind: loopback(), max_datagram };
        assert_eq!(Udp::new(&config, Heap).err(), Some(Error::Invalid));
    }
    assert_eq!(b.send(&parse_address("127.0.0.1:0").unwrap(), b"x"), Err(Error::HostAddress));
    assert_eq!(b.send(&parse_address("[::1]:9").unwrap(), b"x"), Err(Error::HostAddress));
    // A port that is taken.
    let config = UdpConfig { bind: to, max_datagram: 10 };
    assert_eq!(Udp::new(&config, Heap).err(), Some(Error::HostIo));
}

#[test]
fn a_socket_of_ipv6_speaks_to_ipv4_under_its_own_address() {
    let bind = parse_address("[::]:0").unwrap();
    let Ok(mut both) = Udp::new(&UdpConfig { bind, max_datagram: 10 }, Heap) else {
        return; // A machine without IPv6.
    };
    let port = socket_address(&both.local().unwrap()).unwrap().port();
    let mut old = udp(10);
    old.send(&parse_address(&format!("127.0.0.1:{port}")).unwrap(), b"old").unwrap();
    let mut buf = [0; 10];
    let from = old.local().unwrap();
    assert_eq!(both.receive_within(&mut buf, LONG), Ok(Some((3, from))));
    both.send(&from, b"new").unwrap();
    let got = old.receive_within(&mut buf, LONG).unwrap().unwrap();
    assert_eq!((got.0, &buf[..3]), (3, &b"new"[..]));
}

// ---- TCP ---------------------------------------------------------------------

#[test]
fn frames_go_both_ways_over_a_connection() {
    let mut server = listener(1000);
    let (mut client, to) = connected(&server, &TcpConfig::new(None, 1000));
    let mut buf = [0; 1000];
    assert_eq!(client.receive(&mut buf), Ok(None));
    for len in [0, 1, 255, 256, 1000] {
        client.send(&to, &vec![len as u8; len]).unwrap();
        let (frame, from) = next_of(&mut server);
        assert_eq!(frame, vec![len as u8; len]);
        assert!(server.is_connected(&from) && client.is_connected(&to));
        server.send(&from, b"yes").unwrap();
        assert_eq!(next_of(&mut client), (b"yes".to_vec(), to));
    }
    // It is done already.
    client.connect(&to, LONG).unwrap();
    assert_eq!((client.counts().connections, server.counts().accepted), (1, 1));
    assert_eq!(client.local(), Err(Error::CommState));
}

#[test]
fn what_has_no_room_is_told_and_nothing_is_lost() {
    let mut server = listener(5000);
    let config = TcpConfig { send_buffer: 5002, ..TcpConfig::new(None, 5000) };
    let (mut client, to) = connected(&server, &config);
    // Until the buffers of the system are full, too.
    let frame = |i: usize| vec![i as u8; 1 + i * 37 % 5000];
    let mut sent = 0;
    let refused = loop {
        match client.send(&to, &frame(sent)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, Error::Capacity);
    assert_eq!(client.flush(SHORT), Err(Error::HostTimeout));
    let total = sent + 500;
    for i in 0..total {
        let (got, _) = next_of(&mut server);
        assert!(got == frame(i), "frame {i}");
        while sent < total && client.send(&to, &frame(sent)).is_ok() {
            sent += 1;
        }
        // Or what waits at this end would stay.
        assert_eq!(client.receive(&mut []), Ok(None));
    }
    assert_eq!(client.flush(LONG), Ok(()));
    assert_eq!(server.receive_within(&mut [], SHORT), Ok(None));
}

#[test]
fn a_frame_waits_for_a_buffer_that_is_long_enough() {
    let mut server = listener(100);
    let (mut client, to) = connected(&server, &TcpConfig::new(None, 100));
    client.send(&to, &[7; 60]).unwrap();
    client.send(&to, &[8; 20]).unwrap();
    let mut buf = [0; 100];
    assert_eq!(server.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!(server.waiting(), Some(60));
    assert_eq!(next_of(&mut server).0, [7; 60]);
    assert_eq!(next_of(&mut server).0, [8; 20]);
    // Or it is thrown away, and the next one comes.
    client.send(&to, &[7; 60]).unwrap();
    client.send(&to, &[8; 20]).unwrap();
    assert_eq!(server.receive_within(&mut buf[..59], LONG), Err(Error::BufferTooSmall));
    assert_eq!((server.skip(), server.waiting()), (Ok(()), None));
    assert_eq!(next_of(&mut server).0, [8; 20]);
    assert_eq!((server.skip(), server.receive(&mut buf)), (Ok(()), Ok(None)));
}

#[test]
fn everybody_has_a_turn() {
    let mut server = listener(100);
    let mut clients: Vec<_> =
        (0..5).map(|_| connected(&server, &TcpConfig::new(None, 100))).collect();
    for (i, (client, to)) in clients.iter_mut().enumerate() {
        for _ in 0..20 {
            client.send(to, &[i as u8]).unwrap();
        }
    }
    for _ in 0..20 {
        let mut round: Vec<u8> = (0..5).map(|_| next_of(&mut server).0[0]).collect();
        round.sort_unstable();
        assert_eq!(round, [0, 1, 2, 3, 4]);
    }
    assert_eq!(server.counts().accepted, 5);
    assert_eq!(server.receive(&mut [0; 100]), Ok(None));
}

#[test]
fn a_stranger_with_too_long_a_frame_is_dropped() {
    let mut server = listener(100);
    let to = socket_address(&server.local().unwrap()).unwrap();
    let (mut good, at) = connected(&server, &TcpConfig::new(None, 100));
    let mut stranger = TcpStream::connect(to).unwrap();
    stranger.write_all(&[2, 0, b'h', b'i', 101, 0, 1, 2, 3]).unwrap();
    let (frame, from) = next_of(&mut server);
    assert_eq!(frame, b"hi");
    good.send(&at, b"still here").unwrap();
    assert_eq!(next_of(&mut server).0, b"still here");
    assert_eq!(server.receive_within(&mut [], SHORT), Ok(None));
    assert_eq!((server.counts().oversize, server.counts().closed), (1, 1));
    assert!(!server.is_connected(&from));
    assert_eq!(server.send(&from, b"x"), Err(Error::CommPeer));
    // The end, or a reset, as it left bytes unread.
    assert!(matches!(stranger.read(&mut [0; 8]), Ok(0) | Err(_)));
}

#[test]
fn a_frame_that_ends_early_is_nothing() {
    let mut server = listener(100);
    let to = socket_address(&server.local().unwrap()).unwrap();
    for bytes in [&[][..], &[9], &[9, 0], &[9, 0, 1, 2]] {
        let mut stranger = TcpStream::connect(to).unwrap();
        stranger.write_all(bytes).unwrap();
        drop(stranger);
    }
    // What came before the end still comes.
    let mut stranger = TcpStream::connect(to).unwrap();
    stranger.write_all(&[1, 0, 7, 1, 0, 8, 1]).unwrap();
    drop(stranger);
    assert_eq!(next_of(&mut server).0, [7]);
    assert_eq!(next_of(&mut server).0, [8]);
    assert_eq!(server.receive_within(&mut [], SHORT), Ok(None));
    let counts = TcpCounts { accepted: 5, closed: 5, broken: 5, ..TcpCounts::default() };
    assert_eq!(server.counts(), counts);
}

#[test]
fn who_finds_no_room_waits_outside() {
    let config = TcpConfig { connections: 1, ..TcpConfig::new(Some(loopback()), 10) };
    let mut server = Tcp::new(&config, Heap).unwrap();
    let (mut first, to) = connected(&server, &TcpConfig::new(None, 10));
    let (mut second, _) = connected(&server, &TcpConfig::new(None, 10));
    first.send(&to, b"1").unwrap();
    second.send(&to, b"2").unwrap();
    let (frame, from) = next_of(&mut server);
    assert_eq!((&frame[..], server.receive_within(&mut [0; 10], SHORT)), (&b"1"[..], Ok(None)));
    server.close(&from).unwrap();
    assert_eq!(server.close(&from), Err(Error::CommPeer));
    assert_eq!(next_of(&mut server).0, b"2");
    let other = listener(10).local().unwrap();
    assert_eq!(server.connect(&other, LONG), Err(Error::Capacity));
}

#[test]
fn who_says_nothing_is_shown_out() {
    let idle = Duration::from_millis(30);
    let config = TcpConfig { idle, ..TcpConfig::new(Some(loopback()), 10) };
    let mut server = Tcp::new(&config, Heap).unwrap();
    let to = socket_address(&server.local().unwrap()).unwrap();
    let mut quiet = TcpStream::connect(to).unwrap();
    // Half a frame is none.
    quiet.write_all(&[5, 0, 1]).unwrap();
    assert_eq!(server.receive_within(&mut [], idle * 3), Ok(None));
    let counts = TcpCounts { accepted: 1, closed: 1, idle: 1, ..TcpCounts::default() };
    assert_eq!(server.counts(), counts);
}

#[test]
fn settings_and_peers_that_cannot_be() {
    let good = TcpConfig::new(None, 100);
    for bad in [
        TcpConfig { connections: 0, ..good },
        TcpConfig { connections: 65, ..good },
        TcpConfig { max_frame: 0, ..good },
        TcpConfig { max_frame: 65536, send_buffer: 1 << 20, ..good },
        TcpConfig { send_buffer: 101, ..good },
    ] {
        assert_eq!(Tcp::footprint(&bad), Err(Error::Invalid), "{bad:?}");
        assert_eq!(Tcp::new(&bad, Heap).err(), Some(Error::Invalid));
    }
    let mut tcp = Tcp::new(&good, Heap).unwrap();
    let gone = parse_address("127.0.0.1:1").unwrap();
    assert_eq!(tcp.connect(&gone, LONG), Err(Error::HostIo));
    assert_eq!(tcp.connect(&Address::default(), LONG), Err(Error::HostAddress));
    assert_eq!(tcp.send(&gone, b"x"), Err(Error::CommPeer));
    assert_eq!(tcp.receive_within(&mut [], SHORT), Ok(None));
    let server = listener(10);
    let (mut tcp, to) = connected(&server, &good);
    assert_eq!(tcp.send(&to, &[0; 101]), Err(Error::CommTooLong));
    let config = TcpConfig::new(Some(to), 10);
    assert_eq!(Tcp::new(&config, Heap).err(), Some(Error::HostIo));
}
