//! What TLS is set up from: files of certificates and keys.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::comm::identity::TrustConfig;
use crate::error::{Error, Result};

/// Where the certificates and the key of TLS are, as PEM, and what a connection can
/// hold. They have nothing to do with certificates of the swarm.
#[derive(Clone, Copy, Debug)]
pub struct TlsConfig<'a> {
    /// This node's certificate and those between it and the authority, its own
    /// first. It must be good for servers or clients, whichever the node is.
    pub certificates: &'a Path,
    /// The private key of that certificate (PKCS#8, SEC1 or PKCS#1). Nobody but
    /// the owner may have access to the file (mode 0600).
    pub key: &'a Path,
    /// The authorities of TLS that the peer's certificate must come from.
    pub roots: &'a Path,
    /// Bytes of the longest frame to send and to take, from 1 to
    /// [`MAX_FRAME`](crate::comm::framing::MAX_FRAME).
    pub max_frame: usize,
    /// How long a handshake may take, once there is a connection.
    pub handshake: Duration,
    /// Room for those who are trusted.
    pub trust: TrustConfig,
}

impl<'a> TlsConfig<'a> {
    /// With 10 seconds for a handshake, and room for 16 pinned identities and an
    /// authority of the swarm.
    pub fn new(
        certificates: &'a Path,
        key: &'a Path,
        roots: &'a Path,
        max_frame: usize,
    ) -> TlsConfig<'a> {
        let handshake = Duration::from_secs(10);
        let trust = TrustConfig { pinned: 16, authorities: 1 };
        TlsConfig { certificates, key, roots, max_frame, handshake, trust }
    }
}

/// What both roles are set up with.
pub(super) struct Setup {
    pub client: Arc<ClientConfig>,
    pub server: Arc<ServerConfig>,
}

impl Setup {
    /// Reads the files. [`Error::HostIo`] if one cannot be read,
    /// [`Error::HostPermissions`], [`Error::HostFile`].
    pub fn read(config: &TlsConfig<'_>) -> Result<Setup> {
        let key = read_key(config.key)?;
        let certificates = read_certificates(config.certificates)?;
        let mut roots = RootCertStore::empty();
        for authority in read_certificates(config.roots)? {
            roots.add(authority).map_err(|_| Error::HostFile)?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
        Ok(Setup {
            client: client(&roots, &provider, &certificates, key.clone_key())?,
            server: server(&roots, &provider, &certificates, key)?,
        })
    }
}

// TLS 1.3 alone, and each connection agrees on new keys: no session is taken up
// again, nothing is sent before the handshake is over.

fn client(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    certificates: &[CertificateDer<'static>],
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| Error::Unsupported)?
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(certificates.to_vec(), key)
        .map_err(|_| Error::HostFile)?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn server(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    certificates: &[CertificateDer<'static>],
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>> {
    // Whoever has no certificate is refused.
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|_| Error::HostFile)?;
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| Error::Unsupported)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates.to_vec(), key)
        .map_err(|_| Error::HostFile)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).map_err(file_error)?;
    let found = found.collect::<core::result::Result<Vec<_>, _>>().map_err(file_error)?;
    if found.is_empty() { Err(Error::HostFile) } else { Ok(found) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let file = File::open(path).map_err(|_| Error::HostIo)?;
    let mode = file.metadata().map_err(|_| Error::HostIo)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::HostPermissions);
    }
    PrivateKeyDer::from_pem_reader(file).map_err(file_error)
}

fn file_error(error: pem::Error) -> Error {
    match error {
        pem::Error::Io(_) => Error::HostIo,
        _ => Error::HostFile,
    }
}
