//! TLS towards clients: a certificate from files that is picked up again when they change, or a self-signed one.
//!
//! No SNI is needed (devices send none). A new pair that does not load changes nothing: it is logged once and the
//! old one stays, because a half-written certificate must not take a mail gateway down.

use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{FileStamp, SetupFault, self_signed};
use crate::catalog::{Advice, doctor::CERTIFICATE_ENDED};

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };

/// Cloning shares certificate, tickets and session cache.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    pair: Arc<Pair>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTls({})", self.pair.certificate.display())
    }
}

impl ServerTls {
    /// Certificate chain and key, PEM, reloaded when either changes.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, SetupFault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = Arc::new(Pair::open(certificate, key, provider.clone())?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| SetupFault::new(CERTIFICATE_ENDED, format!("TLS: {e}")))?
            .with_no_client_auth()
            .with_cert_resolver(pair.clone());
        config.ticketer =
            aws_lc_rs::Ticketer::new().map_err(|e| SetupFault::new(CERTIFICATE_ENDED, format!("TLS tickets: {e}")))?;
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), pair })
    }

    /// Whether `from_files` would take them.
    pub fn prove(certificate: &Path, key: &Path) -> Result<(), SetupFault> {
        load(certificate, key, &Arc::new(aws_lc_rs::default_provider())).map(drop)
    }

    /// The self-signed pair in `directory`, made if there is none. `addresses` are those of the listeners.
    pub fn self_signed(directory: &Path, addresses: &[IpAddr]) -> Result<Self, SetupFault> {
        let (certificate, key) = self_signed::ensure(directory, addresses)?;
        Self::from_files(&certificate, &key)
    }

    /// The file that clients may import.
    pub fn certificate_file(&self) -> &Path {
        &self.pair.certificate
    }

    /// Looks at the files first, so that the handshake that follows shows the newest certificate.
    pub(super) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        self.pair.look();
        tokio_rustls::TlsAcceptor::from(self.config.clone())
    }
}

/// A certificate with its key, and the files they come from.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    state: Mutex<State>,
}

struct State {
    loaded: Arc<CertifiedKey>,
    /// Of the files last tried, good or bad.
    seen: Stamp,
    looked: Instant,
}

/// Tells one content of the two files from another without reading them.
type Stamp = [Option<FileStamp>; 2];

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({})", self.certificate.display())
    }
}

impl Pair {
    fn open(certificate: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self, SetupFault> {
        let seen = stamp(certificate, key);
        let loaded = load(certificate, key, &provider)?;
        let state = Mutex::new(State { loaded, seen, looked: Instant::now() });
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), provider, state })
    }

    fn look(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() < LOOK_EVERY {
            return;
        }
        state.looked = Instant::now();
        let now = stamp(&self.certificate, &self.key);
        if now == state.seen {
            return;
        }
        state.seen = now;
        match load(&self.certificate, &self.key, &self.provider) {
            Ok(loaded) => {
                state.loaded = loaded;
                tracing::info!(certificate = %self.certificate.display(), "a changed certificate was loaded");
            }
            Err(error) => {
                let Advice { id, text, owner, next } = CERTIFICATE_ENDED.advice();
                tracing::warn!(id, text, owner, next, %error, "the changed certificate is not usable; the old one stays in use")
            }
        }
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.state.lock().unwrap_or_else(PoisonError::into_inner).loaded.clone())
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(FileStamp::of)
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, SetupFault> {
    let fault = |file: &Path, what: String| SetupFault::new(CERTIFICATE_ENDED, format!("{}: {what}", file.display()));
    let chain = fs::read(certificate).map_err(|e| fault(certificate, e.to_string()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|e| fault(certificate, format!("not readable as PEM: {e}")))?;
    if chain.is_empty() {
        return Err(fault(certificate, "holds no certificate; it needs PEM blocks (BEGIN CERTIFICATE)".into()));
    }
    let pem = zeroize::Zeroizing::new(fs::read(key).map_err(|e| fault(key, e.to_string()))?);
    let secret = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|e| fault(key, format!("holds no private key in PEM form (unencrypted): {e}")))?;
    let pair = CertifiedKey::from_der(chain, secret, provider).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => fault(key, format!("does not belong to {}: {e}", certificate.display())),
        // RFC 5280 4.1.2.1: it has no extensions.
        rustls::Error::InvalidCertificate(_) if e.to_string().contains("UnsupportedCertVersion") => fault(
            certificate,
            "a certificate of version 1, which no client of today takes; make one of version 3".into(),
        ),
        rustls::Error::InvalidCertificate(_) => fault(certificate, format!("not a certificate that can be used: {e}")),
        _ => fault(key, format!("not a key that can be used: {e}")),
    })?;
    Ok(Arc::new(pair))
}
