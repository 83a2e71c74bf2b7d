//! The server, asked over the loopback interface by the well-behaved and by others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use neural_swarm::Error;
use neural_swarm::host::{
    MOST_SCRAPERS, MOST_TEXT, MetricsServer, MetricsServerConfig, MetricsServerCounts,
    parse_address, socket_address,
};
use neural_swarm::node::metrics::CONTENT_TYPE;
use neural_swarm::port::Address;

use crate::values::{filled, text};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(20);
/// So long may those take who never come to an end.
const SHORT: Duration = Duration::from_millis(50);
const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
const HOUR: Duration = Duration::from_secs(3600);

/// With all the time of the world.
fn config() -> MetricsServerConfig {
    let bind = parse_address("127.0.0.1:0").unwrap();
    MetricsServerConfig { timeout: HOUR, ..MetricsServerConfig::new(bind) }
}

pub fn serve(text: &str) -> MetricsServer {
    let mut server = MetricsServer::new(&config()).unwrap();
    server.publish(text.as_bytes()).unwrap();
    server
}

fn at(server: &MetricsServer) -> SocketAddr {
    socket_address(&server.local()).unwrap()
}

fn connect(server: &MetricsServer) -> TcpStream {
    let stream = TcpStream::connect(at(server)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// All that comes until the server closes: head, and body.
fn answer(stream: &mut TcpStream) -> (String, String) {
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").expect("an answer");
    (head.to_owned() + "\r\n", body.to_owned())
}

fn ask(server: &MetricsServer, request: &str) -> (String, String) {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    answer(&mut stream)
}

/// The same where there is so little time that this program may be too late itself: it asks again.
fn ask_until_answered(server: &MetricsServer, request: &str) -> (String, String) {
    for _ in 0..1000 {
        let mut stream = connect(server);
        let mut all = String::new();
        let sent = stream.write_all(request.as_bytes());
        if sent.and_then(|()| stream.read_to_string(&mut all)).is_ok_and(|len| len > 0) {
            let (head, body) = all.split_once("\r\n\r\n").expect("a whole answer");
            return (head.to_owned(), body.to_owned());
        }
    }
    panic!("{:?}", server.counts());
}

pub fn scrape(server: &MetricsServer, accept: &str) -> (String, String) {
    ask(server, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"))
}

/// What the counts become, after however long: each look is a request that is not counted among `served`.
fn counts_when(
    server: &MetricsServer,
    done: impl Fn(&MetricsServerCounts) -> bool,
) -> MetricsServerCounts {
    for _ in 0..100_000 {
        let counts = server.counts();
        if done(&counts) {
            return counts;
        }
        ask_until_answered(server, "GET / HTTP/1.0\r\n\r\n");
    }
    panic!("{:?}", server.counts());
}

#[test]
fn the_last_text_is_served_as_it_is_asked_for() {
    let mut server = MetricsServer::new(&config()).unwrap();
    let (head, body) = scrape(&server, OPEN);
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert_eq!(body, "503 Service Unavailable\n");

    let text = text(&filled());
    server.publish(text.as_bytes()).unwrap();
    let (head, body) = scrape(&server, OPEN);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{head}");
    for field in [
        &format!("Content-Type: {CONTENT_TYPE}"),
        &format!("Content-Length: {}", text.len()),
        "Connection: close",
        "Vary: Accept",
        "Cache-Control: no-store",
    ] {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} {head}");
    }
    assert_eq!(body, text);

    let (head, body) = scrape(&server, "*/*");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.starts_with("# TYPE nsw_frames_total counter\n"), "{body}");
    assert!(!body.contains("# EOF") && !body.contains("# UNIT"), "{body}");

    // The same is said without it.
    let asked = format!("HEAD /metrics HTTP/1.1\r\nHost: x\r\nAccept: {OPEN}\r\n\r\n");
    let (head, body) = ask(&server, &asked);
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", text.len())), "{head}");
    assert_eq!(body, "");

    server.publish(b"later 1\n# EOF\n").unwrap();
    server.publish(b"latest 1\n# EOF\n").unwrap();
    assert_eq!(scrape(&server, OPEN).1, "latest 1\n# EOF\n");
    assert_eq!(scrape(&server, OPEN).1, "latest 1\n# EOF\n");
    let counts = server.counts();
    let expected = MetricsServerCounts { accepted: 6, served: 5, refused: 1, ..Default::default() };
    assert_eq!(counts, expected);
}

#[test]
fn what_is_not_a_whole_text_is_not_published() {
    let config = MetricsServerConfig { max_text: 20, ..config() };
    let mut server = MetricsServer::new(&config).unwrap();
    server.publish(b"a 1\n# EOF\n").unwrap();
    for bad in ["", "a 2\n", "a 2\n# EOF", "a 2\n# EOF\n\n"] {
        assert_eq!(server.publish(bad.as_bytes()), Err(Error::Invalid), "{bad:?}");
    }
    assert_eq!(server.publish(b"aaaaaaaaaaaaa 1# EOF\n"), Err(Error::Capacity));
    assert_eq!(scrape(&server, OPEN).1, "a 1\n# EOF\n");
    server.publish(b"aaaaaaaaaaa 1\n# EOF\n").unwrap();
    assert_eq!(scrape(&server, OPEN).1, "aaaaaaaaaaa 1\n# EOF\n");
}

#[test]
fn each_refusal_is_told() {
    let server = serve("# EOF\n");
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found"),
        ("GET /metrics/x HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found"),
        ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405 Method Not Allowed"),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "405 Method Not Allowed",
        ),
        ("GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET /metrics\r\n\r\n", "400 Bad Request"),
        ("\x16\x03\x01\x02\r\n\r\n", "400 Bad Request"),
        ("GET /metrics HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let (head, body) = ask(&server, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?} {head}");
        assert_eq!(body, format!("{status}\n"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(head.contains("\r\nAllow: GET, HEAD\r\n"), status.starts_with("405"), "{head}");
    }
    // Much more than is read, and more than the system holds for us: the answer arrives all the same.
    let long = "a".repeat(500_000);
    let fields = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nCookie: {long}\r\n\r\n");
    let target = format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n");
    for (request, status) in
        [(fields, "431 Request Header Fields Too Large"), (target, "414 URI Too Long")]
    {
        let (head, body) = ask(&server, &request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
        assert_eq!(body, format!("{status}\n"));
    }
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.refused, counts.served), (10, 10, 0), "{counts:?}");
}

#[test]
fn the_longest_header_fits_to_the_byte() {
    let mut server =
        MetricsServer::new(&MetricsServerConfig { max_header: 64, ..config() }).unwrap();
    server.publish(b"# EOF\n").unwrap();
    let request = |fill: usize| {
        let fill = "f".repeat(fill);
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nF: {fill}\r\n\r\n")
    };
    let room = 64 - request(0).len();
    assert!(ask(&server, &request(room)).0.starts_with("HTTP/1.1 200 "));
    assert!(ask(&server, &request(room + 1)).0.starts_with("HTTP/1.1 431 "));
}

#[test]
fn requests_come_in_pieces_and_from_those_who_say_no_more() {
    let server = serve("a 1\n# EOF\n");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {OPEN}\r\n\r\n");
    let mut stream = connect(&server);
    stream.set_nodelay(true).unwrap();
    for byte in request.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(answer(&mut stream).1, "a 1\n# EOF\n");

    let mut half_closed = connect(&server);
    half_closed.write_all(request.as_bytes()).unwrap();
    half_closed.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(&mut half_closed).1, "a 1\n# EOF\n");

    let mut half_said = connect(&server);
    half_said.write_all(&request.as_bytes()[..30]).unwrap();
    half_said.shutdown(Shutdown::Write).unwrap();
    assert!(answer(&mut half_said).0.starts_with("HTTP/1.1 400 "));

    let mut silent = connect(&server);
    silent.shutdown(Shutdown::Write).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    drop(connect(&server));
    let counts = counts_when(&server, |counts| counts.broken == 2);
    assert_eq!(counts.served, 2, "{counts:?}");

    // What comes behind a request is not read as another, and does not keep its answer from arriving.
    let mut stream = connect(&server);
    stream.write_all(request.repeat(3).as_bytes()).unwrap();
    let (_, body) = answer(&mut stream);
    assert_eq!(body, "a 1\n# EOF\n");
}

#[test]
fn those_who_say_nothing_take_a_place_for_a_while() {
    let config = MetricsServerConfig { connections: 2, timeout: SHORT, ..config() };
    let mut server = MetricsServer::new(&config).unwrap();
    server.publish(b"a 1\n# EOF\n").unwrap();
    let mut silent = connect(&server);
    let mut slow = connect(&server);
    slow.write_all(b"GET /metrics HT").unwrap();
    // Both places are taken; it is served when one of them is free again.
    let request = format!("GET /metrics HTTP/1.0\r\nAccept: {OPEN}\r\n\r\n");
    assert_eq!(ask_until_answered(&server, &request).1, "a 1\n# EOF\n");
    for stream in [&mut silent, &mut slow] {
        // Closed without a word; reset, if something of it was not read.
        match stream.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
    let counts = counts_when(&server, |counts| counts.late >= 2);
    assert_eq!((counts.served, counts.broken), (1, 0), "{counts:?}");
}

#[test]
fn those_who_drip_do_not_stay_longer() {
    let config = MetricsServerConfig { max_header: 65_536, timeout: SHORT, ..config() };
    let server = MetricsServer::new(&config).unwrap();
    let mut stream = connect(&server);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
    // Always something, and never an end; each time, others are answered.
    let mut dripped = 0;
    while stream.write_all(b"A").is_ok() {
        ask_until_answered(&server, "GET / HTTP/1.0\r\n\r\n");
        dripped += 1;
        // It is not the length that ends it.
        assert!(dripped < 60_000, "{:?}", server.counts());
    }
    assert!(server.counts().late >= 1, "{:?}", server.counts());
}

#[test]
fn who_does_not_take_the_answer_holds_up_nobody() {
    let config = MetricsServerConfig { max_text: 1 << 24, timeout: SHORT, ..config() };
    let mut server = MetricsServer::new(&config).unwrap();
    // More than the system holds for a connection whose receiver has little room.
    let long = "a 1\n".repeat(3 << 20) + "# EOF\n";
    server.publish(long.as_bytes()).unwrap();
    let mut late = 1;
    let deaf = loop {
        let mut deaf = connect(&server);
        let little: libc::c_int = 4096;
        // SAFETY: a socket that is open, and a number that is read during the call.
        let done = unsafe {
            let (place, len) =
                ((&raw const little).cast(), size_of_val(&little) as libc::socklen_t);
            libc::setsockopt(deaf.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, place, len)
        };
        assert_eq!(done, 0);
        deaf.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        // When the answer has begun, it is that text.
        if deaf.read_exact(&mut [0]).is_ok() {
            break deaf;
        }
        late += 1;
    };
    // Publishing goes on, as do others.
    server.publish(b"b 2\n# EOF\n").unwrap();
    let counts = counts_when(&server, |counts| counts.late >= late);
    assert_eq!(counts.served, 0, "{counts:?}");
    let request = format!("GET /metrics HTTP/1.0\r\nAccept: {OPEN}\r\n\r\n");
    assert_eq!(ask_until_answered(&server, &request).1, "b 2\n# EOF\n");
    drop(deaf);
}

#[test]
fn a_long_text_arrives_whole() {
    let config = MetricsServerConfig { max_text: 1 << 23, ..config() };
    let mut server = MetricsServer::new(&config).unwrap();
    let long = "# TYPE a counter\na_total 1\n".repeat(1 << 18) + "# EOF\n";
    server.publish(long.as_bytes()).unwrap();
    assert!(scrape(&server, OPEN).1 == long);
    let (_, plain) = scrape(&server, "text/plain");
    assert!(plain == "# TYPE a_total counter\na_total 1\n".repeat(1 << 18));
}

#[test]
fn no_text_is_mixed_with_another() {
    const ROUNDS: u32 = 2000;
    let text = |round: u32| format!("a {round}\n").repeat(500) + "# EOF\n";
    let mut server = serve(&text(0));
    let to = at(&server);
    let request = format!("GET /metrics HTTP/1.0\r\nAccept: {OPEN}\r\n\r\n");
    std::thread::scope(|scope| {
        let scrapers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < ROUNDS {
                        let mut stream = TcpStream::connect(to).unwrap();
                        stream.set_read_timeout(Some(LONG)).unwrap();
                        stream.write_all(request.as_bytes()).unwrap();
                        let (_, body) = answer(&mut stream);
                        let first = body.lines().next().unwrap();
                        let round = first.strip_prefix("a ").unwrap().parse().unwrap();
                        assert!(round >= last, "{round} after {last}");
                        assert!(body == text(round), "{round}");
                        last = round;
                    }
                })
            })
            .collect();
        for round in 1..=ROUNDS {
            server.publish(text(round).as_bytes()).unwrap();
        }
        scrapers.into_iter().for_each(|scraper| scraper.join().unwrap());
    });
}

#[test]
fn it_ends_when_it_is_dropped() {
    let server = serve("# EOF\n");
    let (to, local) = (at(&server), server.local());
    let mut open = connect(&server);
    open.write_all(b"GET /metr").unwrap();
    // Its connection came in before this one was answered.
    ask(&server, "GET / HTTP/1.0\r\n\r\n");
    drop(server);
    assert!(matches!(open.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(TcpStream::connect(to).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // The place is free again.
    let again = MetricsServerConfig { bind: local, ..config() };
    let mut server = MetricsServer::new(&again).unwrap();
    assert_eq!(MetricsServer::new(&again).err(), Some(Error::HostIo));
    server.publish(b"# EOF\n").unwrap();
    assert_eq!(scrape(&server, OPEN).1, "# EOF\n");
}

#[test]
fn bad_settings_are_refused() {
    let good = config();
    let bad = [
        MetricsServerConfig { max_text: 5, ..good },
        MetricsServerConfig { max_text: MOST_TEXT + 1, ..good },
        MetricsServerConfig { max_header: 63, ..good },
        MetricsServerConfig { max_header: 65_537, ..good },
        MetricsServerConfig { connections: 0, ..good },
        MetricsServerConfig { connections: MOST_SCRAPERS + 1, ..good },
        MetricsServerConfig { timeout: Duration::ZERO, ..good },
    ];
    for config in bad {
        assert_eq!(MetricsServer::new(&config).err(), Some(Error::Invalid), "{config:?}");
    }
    let nowhere = MetricsServerConfig { bind: Address::default(), ..good };
    assert_eq!(MetricsServer::new(&nowhere).err(), Some(Error::HostAddress));
    // Not an address of this machine.
    let other = MetricsServerConfig { bind: parse_address("192.0.2.1:0").unwrap(), ..good };
    assert_eq!(MetricsServer::new(&other).err(), Some(Error::HostIo));
}
