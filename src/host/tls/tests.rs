//! Two ends in two threads, over the loopback interface.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec::Vec;
use std::{format, thread, vec};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::comm::crypto::Secret;
use crate::comm::identity::LocalSecrets;
use crate::host::{parse_address, socket_address, unix_time};
use crate::port::Heap;

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);
const NAME: &str = "node.example";

// ---- certificates, keys and nodes --------------------------------------------

struct Authority {
    pem: std::string::String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

type Local = Tls<'static, LocalSecrets>;

/// A node's files, gone with it.
struct Node {
    folder: PathBuf,
    secrets: LocalSecrets,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Node {
    fn new(number: u8, by: &Authority, trusts: &Authority) -> Node {
        Node::until(number, by, trusts, 4000)
    }

    /// With a certificate that ends in that year.
    fn until(number: u8, by: &Authority, trusts: &Authority, year: i32) -> Node {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("nsw-tls-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &by.issuer).unwrap();
        let node = Node { folder, secrets: LocalSecrets::new(Secret::new([number; 32])) };
        node.write("certificates", &certificate.pem());
        node.write("key", &key.serialize_pem());
        node.write("roots", &trusts.pem);
        node
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn tls_with(&self, change: impl FnOnce(&mut TlsConfig<'_>)) -> Result<Local> {
        let path = |file| self.folder.join(file);
        let (certificates, key, roots) = (path("certificates"), path("key"), path("roots"));
        let mut config = TlsConfig::new(&certificates, &key, &roots, 65535);
        change(&mut config);
        Tls::new(&config, self.secrets.clone(), Heap)
    }

    /// A place for a connection to that node.
    fn tls(&self, peer: &Node) -> Local {
        let mut tls = self.tls_with(|_| ()).unwrap();
        tls.trust_mut().pin(&peer.identity()).unwrap();
        tls
    }

    fn identity(&self) -> PublicKey {
        self.secrets.identity()
    }

    /// The same certificate for a peer of our own making.
    fn chain(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Arc<RootCertStore>) {
        let read = |file| CertificateDer::from_pem_file(self.folder.join(file)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(read("roots")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.folder.join("key")).unwrap();
        (vec![read("certificates")], key, Arc::new(roots))
    }
}

fn listener() -> (Listener, Address) {
    let listener = Listener::new(&parse_address("127.0.0.1:0").unwrap()).unwrap();
    let at = listener.local().unwrap();
    (listener, at)
}

/// Both ends meet; what each says of it.
fn meet(client: &mut Tls<'_, impl Secrets>, server: &mut Local) -> (Result<()>, Result<()>) {
    let (listener, at) = listener();
    thread::scope(|scope| {
        let server = scope.spawn(|| server.accept(&listener, LONG));
        let client = client.connect(&at, NAME, None, LONG);
        (client, server.join().unwrap())
    })
}

/// Two nodes of one authority.
fn nodes() -> (Node, Node) {
    let ca = authority();
    (Node::new(1, &ca, &ca), Node::new(2, &ca, &ca))
}

const GOOD: (Result<()>, Result<()>) = (Ok(()), Ok(()));
const REFUSED: (Result<()>, Result<()>) = (Err(Error::HostTls), Err(Error::HostTls));

// ---- what works ---------------------------------------------------------------

#[test]
fn both_ends_know_each_other_and_frames_go_both_ways() {
    let (a, b) = nodes();
    let (mut client, mut server) = (a.tls(&b), b.tls(&a));
    assert_eq!((client.peer(), client.peer_capability()), (None, None));
    assert_eq!(client.send_frame(b"x"), Err(Error::CommClosed));
    assert_eq!(meet(&mut client, &mut server), GOOD);
    let (seen, other) = (*client.peer().unwrap(), *server.peer().unwrap());
    assert_eq!((seen.identity, seen.trusted), (b.identity(), Trusted::Pinned));
    assert_eq!((other.identity, other.trusted), (a.identity(), Trusted::Pinned));
    assert_eq!(client.peer_capability(), Some(&[][..]));
    let mut buf = vec![0; 65535];
    assert_eq!(server.receive(&mut buf), Ok(None));
    assert_eq!(server.receive_within(&mut buf, SHORT), Ok(None));
    for len in [0, 1, 255, 256, 16384, 16385] {
        client.send_frame(&vec![len as u8; len]).unwrap();
        assert_eq!(server.receive_within(&mut buf, LONG), Ok(Some(len)));
        assert!(buf[..len].iter().all(|byte| *byte == len as u8));
    }
    // As a transport.
    server.send(&other.address, b"back").unwrap();
    assert_eq!(client.receive_within(&mut buf[..3], LONG), Err(Error::BufferTooSmall));
    assert_eq!(client.waiting(), Some(4));
    assert_eq!(client.receive(&mut buf), Ok(Some((4, seen.address))));
    assert_eq!(client.send(&other.address, b"x"), Err(Error::CommPeer));
    assert_eq!(client.send_frame(&vec![0; 65536]), Err(Error::CommTooLong));
    // The end.
    client.send_frame(b"last").unwrap();
    client.close(LONG).unwrap();
    assert_eq!(client.close(LONG), Err(Error::CommClosed));
    assert_eq!(server.receive_within(&mut buf, LONG), Ok(Some(4)));
    assert_eq!(server.receive_within(&mut buf, LONG), Err(Error::CommClosed));
    assert_eq!(server.peer(), None);
    assert_eq!(server.send_frame(b"x"), Err(Error::CommClosed));
    // The place can be used again.
    assert_eq!(meet(&mut client, &mut server), GOOD);
    assert_eq!(client.connect(&seen.address, NAME, None, LONG), Err(Error::CommState));
}

#[test]
fn a_certificate_of_the_swarm_lets_in_and_a_capability_is_handed_on() {
    use crate::comm::identity::Validity;
    let (a, b) = nodes();
    let chief = LocalSecrets::new(Secret::new([9; 32]));
    let now = unix_time();
    let (mut client, mut server) = (a.tls(&b), b.tls_with(|_| ()).unwrap());
    server.trust_mut().add_authority(&chief.identity(), 3).unwrap();
    assert_eq!(client.set_capability(&[7; MAX_CAPABILITY + 1]), Err(Error::CommTooLong));
    client.set_capability(&[7; MAX_CAPABILITY]).unwrap();
    for (not_before, not_after, epoch, met) in [
        (now - 9, now + 900, 3, GOOD),
        (now - 9, now - 1, 3, REFUSED),
        (now + 900, now + 901, 3, REFUSED),
        (now - 9, now + 900, 2, REFUSED),
    ] {
        let validity = Validity { not_before, not_after, epoch };
        let issued = Certificate::issue(&chief, &a.identity(), 1, validity).unwrap();
        client.set_certificate(Some(&issued));
        assert_eq!(meet(&mut client, &mut server), met);
        if met == GOOD {
            assert_eq!(server.peer().unwrap().trusted, issued.trusted());
            assert_eq!(server.peer_capability(), Some(&[7; MAX_CAPABILITY][..]));
            client.close(LONG).unwrap();
            server.close(LONG).unwrap();
        }
    }
}

#[test]
fn what_has_no_room_is_told_and_nothing_is_lost() {
    let (a, b) = nodes();
    let (mut client, mut server) = (a.tls(&b), b.tls(&a));
    assert_eq!(meet(&mut client, &mut server), GOOD);
    let frame = |i: usize| vec![i as u8; 60_000];
    let mut sent = 0;
    let refused = loop {
        match client.send_frame(&frame(sent)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, Error::Capacity);
    assert_eq!(client.flush(SHORT), Err(Error::HostTimeout));
    let total = sent + 20;
    let mut buf = vec![0; 65535];
    for i in 0..total {
        assert_eq!(server.receive_within(&mut buf, LONG), Ok(Some(60_000)));
        assert!(buf[..60_000] == frame(i), "frame {i}");
        while sent < total && client.send_frame(&frame(sent)).is_ok() {
            sent += 1;
        }
        assert_eq!(client.receive(&mut []), Ok(None));
    }
    assert_eq!(client.flush(LONG), Ok(()));
}

// ---- the man in the middle ------------------------------------------------------

/// A frame from a peer of our own making.
fn read_frame(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 2];
    from.read_exact(&mut header)?;
    let mut frame = vec![0; u16::from_le_bytes(header).into()];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &mut impl Write, frame: &[u8]) -> std::io::Result<()> {
    to.write_all(&(frame.len() as u16).to_le_bytes())?;
    to.write_all(frame)?;
    to.flush()
}

fn raw_client(node: &Node, to: &Address) -> rustls::StreamOwned<ClientConnection, TcpStream> {
    let (chain, key, roots) = node.chain();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    raw(config, to)
}

fn raw(config: ClientConfig, to: &Address) -> rustls::StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(NAME).unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(socket_address(to).unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    rustls::StreamOwned::new(tls, stream)
}

fn raw_server(
    node: &Node,
    listener: &TcpListener,
    version: &'static rustls::SupportedProtocolVersion,
) -> rustls::StreamOwned<ServerConnection, TcpStream> {
    let (chain, key, _) = node.chain();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = ServerConnection::new(Arc::new(config)).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    rustls::StreamOwned::new(tls, stream)
}

/// A relay with a certificate that both ends accept, between a client that
/// connects to it and the server. What the two ends say, and what it overheard.
fn relayed(unbound: bool) -> (Result<()>, Result<()>, Option<Vec<u8>>) {
    let ca = authority();
    let (a, b, mallory) = (Node::new(1, &ca, &ca), Node::new(2, &ca, &ca), Node::new(3, &ca, &ca));
    let (mut client, mut server) = (a.tls(&b), b.tls(&a));
    (client.unbound, server.unbound) = (unbound, unbound);
    let (listener, at) = listener();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let to_mallory = crate::host::to_address(outside.local_addr().unwrap());
    thread::scope(|scope| {
        let relay = scope.spawn(|| -> std::io::Result<Vec<u8>> {
            let mut left = raw_server(&mallory, &outside, &TLS13);
            let mut right = raw_client(&mallory, &at);
            // Who each is, and that it is welcome.
            for _ in 0..2 {
                write_frame(&mut right, &read_frame(&mut left)?)?;
                write_frame(&mut left, &read_frame(&mut right)?)?;
            }
            let overheard = read_frame(&mut left)?;
            write_frame(&mut right, &overheard)?;
            Ok(overheard)
        });
        let server = scope.spawn(|| {
            server.accept(&listener, LONG)?;
            assert_eq!(server.receive_within(&mut [0; 100], LONG), Ok(Some(6)));
            Ok(())
        });
        let met = client.connect(&to_mallory, NAME, Some(&b.identity()), LONG);
        if met.is_ok() {
            client.send_frame(b"secret").unwrap();
            client.close(LONG).unwrap();
        }
        (met, server.join().unwrap(), relay.join().unwrap().ok())
    })
}

#[test]
fn a_relay_is_found_out() {
    assert_eq!(relayed(false), (Err(Error::HostTls), Err(Error::HostTls), None));
}

#[test]
fn without_the_binding_a_relay_would_not_be_found_out() {
    assert_eq!(relayed(true), (Ok(()), Ok(()), Some(b"secret".to_vec())));
}

// ---- who is refused ---------------------------------------------------------------

#[test]
fn certificates_that_are_not_right_are_refused() {
    let (ours, other) = (authority(), authority());
    let good = || Node::new(1, &ours, &ours);
    for (what, client, server, name) in [
        ("the client's is of another authority", Node::new(2, &other, &ours), good(), NAME),
        ("the server's is of another authority", good(), Node::new(2, &other, &ours), NAME),
        ("the client's has expired", Node::until(2, &ours, &ours, 2020), good(), NAME),
        ("the server's has expired", good(), Node::until(2, &ours, &ours, 2020), NAME),
        ("the server has another name", good(), good(), "other.example"),
    ] {
        let (mut a, mut b) = (client.tls(&server), server.tls(&client));
        let (listener, at) = listener();
        let refused = thread::scope(|scope| {
            let accepted = scope.spawn(|| b.accept(&listener, LONG));
            let met = a.connect(&at, name, None, LONG);
            (met, accepted.join().unwrap())
        });
        assert_eq!(refused, REFUSED, "{what}");
        assert_eq!((a.peer(), b.peer()), (None, None));
    }
}

/// A secure element that fails.
struct Broken(LocalSecrets);

impl crate::comm::noise::StaticKey for Broken {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }
    fn agree(&self, peer: &PublicKey) -> Result<zeroize::Zeroizing<[u8; 32]>> {
        self.0.agree(peer)
    }
}

impl Secrets for Broken {
    fn identity(&self) -> PublicKey {
        self.0.identity()
    }
    fn sign(&self, _: &[u8]) -> Result<[u8; 64]> {
        Err(Error::Hook)
    }
}

#[test]
fn identities_that_are_not_wanted_are_refused() {
    let (a, b) = nodes();
    // Nobody is trusted without a word.
    let (mut client, mut server) = (a.tls(&b), b.tls_with(|_| ()).unwrap());
    assert_eq!(meet(&mut client, &mut server), REFUSED);
    server.trust_mut().pin(&a.identity()).unwrap();
    assert_eq!(meet(&mut client, &mut server), GOOD);
    client.close(LONG).unwrap();
    server.close(LONG).unwrap();
    client.trust_mut().unpin(&b.identity());
    assert_eq!(meet(&mut client, &mut server), REFUSED);
    // Trusted, but not the one that is called.
    client.trust_mut().pin(&b.identity()).unwrap();
    let (listener, at) = listener();
    thread::scope(|scope| {
        let accepted = scope.spawn(|| server.accept(&listener, LONG));
        let met = client.connect(&at, NAME, Some(&a.identity()), LONG);
        assert_eq!((met, accepted.join().unwrap()), REFUSED);
    });
    assert_eq!((client.peer(), server.peer()), (None, None));

    let path = |file| a.folder.join(file);
    let (certificates, key, roots) = (path("certificates"), path("key"), path("roots"));
    let config = TlsConfig::new(&certificates, &key, &roots, 100);
    let mut broken = Tls::new(&config, Broken(a.secrets.clone()), Heap).unwrap();
    assert_eq!(meet(&mut broken, &mut server), (Err(Error::Hook), Err(Error::HostTls)));
}

/// What a server says of a client of our own making.
fn accept(server: &mut Local, client: impl FnOnce(&Address) + Send) -> Result<()> {
    let (listener, at) = listener();
    thread::scope(|scope| {
        scope.spawn(move || client(&at));
        server.accept(&listener, LONG)
    })
}

#[test]
fn proofs_that_are_not_right_are_refused() {
    let (a, b) = nodes();
    // What the client says, given its exporter, the server's first frame and its
    // own right proof.
    type Say = fn(&[u8; 32], &[u8], &Hello<'static>) -> Vec<u8>;
    let says = |say: Say| {
        accept(&mut b.tls(&a), |at| {
            let mut stream = raw_client(&a, at);
            let theirs = read_frame(&mut stream).unwrap();
            let label = b"EXPORTER-Channel-Binding";
            let exporter = stream.conn.export_keying_material([0; 32], label, Some(&[])).unwrap();
            let binding = a.secrets.sign(&bound(&exporter, 0)).unwrap();
            let hello = Hello {
                identity: a.secrets.identity(),
                binding,
                certificate: None,
                capability: None,
            };
            let _ = write_frame(&mut stream, &say(&exporter, &theirs, &hello));
            let _ = write_frame(&mut stream, &[1]);
            let _ = read_frame(&mut stream);
        })
    };
    fn encoded(hello: &Hello<'_>) -> Vec<u8> {
        let mut buf = vec![0; hello.size()];
        hello.encode(&mut buf).unwrap();
        buf
    }
    assert_eq!(says(|_, _, right| encoded(right)), Ok(()));
    let refused: [(&str, Say); 7] = [
        ("the server's own", |_, theirs, _| theirs.to_vec()),
        ("a changed signature", |_, _, right| {
            let mut hello = *right;
            hello.binding[40] ^= 1;
            encoded(&hello)
        }),
        ("somebody else's identity", |_, _, right| {
            let other = LocalSecrets::new(Secret::new([7; 32]));
            encoded(&Hello { identity: other.identity(), ..*right })
        }),
        ("signed as the server", |exporter, _, right| {
            let own = LocalSecrets::new(Secret::new([1; 32]));
            encoded(&Hello { binding: own.sign(&bound(exporter, 1)).unwrap(), ..*right })
        }),
        ("signed for another connection", |_, _, right| {
            let own = LocalSecrets::new(Secret::new([1; 32]));
            encoded(&Hello { binding: own.sign(&bound(&[3; 32], 0)).unwrap(), ..*right })
        }),
        ("cut short", |_, _, right| encoded(right)[..97].to_vec()),
        ("too long", |_, _, _| vec![1; MAX_HELLO + 1]),
    ];
    for (what, say) in refused {
        assert_eq!(says(say), Err(Error::HostTls), "{what}");
    }
}

#[test]
fn who_does_not_speak_mutual_tls_1_3_is_refused() {
    let (a, b) = nodes();
    let try_read = |mut stream: rustls::StreamOwned<ClientConnection, TcpStream>| {
        let _ = stream.write_all(&[0, 0]);
        assert!(read_frame(&mut stream).is_err());
    };
    // Without a certificate.
    let refused = accept(&mut b.tls(&a), |at| {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&TLS13]).unwrap();
        try_read(raw(config.with_root_certificates(a.chain().2).with_no_client_auth(), at));
    });
    assert_eq!(refused, Err(Error::HostTls));
    // TLS 1.2, with one.
    let refused = accept(&mut b.tls(&a), |at| {
        let (chain, key, roots) = a.chain();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&TLS12]).unwrap();
        let config = config.with_root_certificates(roots).with_client_auth_cert(chain, key);
        try_read(raw(config.unwrap(), at));
    });
    assert_eq!(refused, Err(Error::HostTls));
    // No TLS at all; nothing at all.
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], &[0; 600], &[]] {
        let refused = accept(&mut b.tls(&a), |at| {
            let mut stream = TcpStream::connect(socket_address(at).unwrap()).unwrap();
            stream.write_all(bytes).unwrap();
        });
        assert_eq!(refused, Err(Error::HostTls), "{bytes:?}");
    }
    // Servers that do not ask for a certificate, and of TLS 1.2.
    for version in [&TLS12, &TLS13] {
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = crate::host::to_address(outside.local_addr().unwrap());
        let mut client = a.tls(&b);
        let refused = thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = raw_server(&b, &outside, version);
                // It knows nothing of identities either.
                let _ = stream.write_all(b"\x05\0hello");
                let _ = stream.read(&mut [0; 100]);
            });
            client.connect(&at, NAME, None, LONG)
        });
        assert_eq!(refused, Err(Error::HostTls), "{version:?}");
    }
}

#[test]
fn nobody_waits_for_ever() {
    let ca = authority();
    let node = Node::new(1, &ca, &ca);
    let mut tls = node.tls_with(|config| config.handshake = SHORT).unwrap();
    let (listener, at) = listener();
    assert_eq!(tls.accept(&listener, SHORT), Err(Error::HostTimeout));
    let silent = TcpStream::connect(socket_address(&at).unwrap()).unwrap();
    assert_eq!(tls.accept(&listener, LONG), Err(Error::HostTimeout));
    drop(silent);
    assert_eq!(tls.connect(&at, NAME, None, LONG), Err(Error::HostTimeout));
    let closed = parse_address("127.0.0.1:1").unwrap();
    assert_eq!(tls.connect(&closed, NAME, None, LONG), Err(Error::HostIo));
    assert_eq!(tls.connect(&at, "no name!", None, LONG), Err(Error::HostAddress));
    let none = Address::default();
    assert_eq!(tls.connect(&none, NAME, None, LONG), Err(Error::HostAddress));
}

#[test]
fn a_connection_that_breaks_is_told_from_one_that_ends() {
    let (a, b) = nodes();
    for (frame, error) in [(None, Error::HostIo), (Some(vec![0; 101]), Error::CommTooLong)] {
        let mut server = b.tls_with(|config| config.max_frame = 100).unwrap();
        server.trust_mut().pin(&a.identity()).unwrap();
        let (listener, at) = listener();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = a.tls(&b);
                client.connect(&at, NAME, None, LONG).unwrap();
                match &frame {
                    Some(frame) => client.send_frame(frame).unwrap(),
                    // Gone without a word.
                    None => client.open.as_ref().unwrap().secure.break_off(),
                }
            });
            server.accept(&listener, LONG).unwrap();
            assert_eq!(server.receive_within(&mut [0; 100], LONG), Err(error));
            assert_eq!(server.peer(), None);
        });
    }
}

// ---- files --------------------------------------------------------------------------

#[test]
fn files_that_do_not_hold_what_they_should() {
    let ca = authority();
    let (node, other) = (Node::new(1, &ca, &ca), Node::new(2, &ca, &ca));
    let refused = || node.tls_with(|_| ()).err();
    let key = fs::read_to_string(node.folder.join("key")).unwrap();
    let certificate = fs::read_to_string(node.folder.join("certificates")).unwrap();
    assert_eq!(refused(), None);
    for mode in [0o640, 0o604, 0o660, 0o601] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(node.folder.join("key"), permissions).unwrap();
        assert_eq!(refused(), Some(Error::HostPermissions), "{mode:o}");
    }
    node.write("key", &fs::read_to_string(other.folder.join("key")).unwrap());
    assert_eq!(refused(), Some(Error::HostFile), "the key of another certificate");
    for text in ["", "nonsense", &certificate, &key[..key.len() / 2]] {
        node.write("key", text);
        assert_eq!(refused(), Some(Error::HostFile), "{text}");
    }
    node.write("key", &key);
    for file in ["certificates", "roots"] {
        let before = fs::read_to_string(node.folder.join(file)).unwrap();
        for text in ["", "nonsense", &key, &certificate[..certificate.len() / 2]] {
            node.write(file, text);
            assert_eq!(refused(), Some(Error::HostFile), "{text}");
        }
        node.write(file, &before);
    }
    for file in ["key", "certificates", "roots"] {
        fs::rename(node.folder.join(file), node.folder.join("away")).unwrap();
        assert_eq!(refused(), Some(Error::HostIo), "{file}");
        fs::rename(node.folder.join("away"), node.folder.join(file)).unwrap();
    }
    for max_frame in [0, 65536] {
        let error = node.tls_with(|config| config.max_frame = max_frame).err();
        assert_eq!(error, Some(Error::Invalid));
    }
    assert_eq!(refused(), None);
}
