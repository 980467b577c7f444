//! Where a run lives: a folder, a loopback address of its own, and a certificate authority.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The stub's name, for those who check no address in a certificate.
pub const NAME: &str = "stub.example";

pub struct Place {
    folder: tempfile::TempDir,
    address: IpAddr,
    next: AtomicU16,
}

impl Place {
    pub fn new(keep: bool) -> Self {
        let mut folder = tempfile::Builder::new().prefix("gatepost-bench").tempdir().unwrap();
        if keep {
            folder.disable_cleanup(true);
            eprintln!("bench: configurations and logs are in {}", folder.path().display());
        }
        // Dovecot's login processes are another user's.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Two runs at once must not meet.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let place = Self {
            folder,
            address: IpAddr::V4(Ipv4Addr::new(127, 200, high, low.clamp(1, 254))),
            next: AtomicU16::new(20_000),
        };
        place.certify();
        place
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder of this name, empty.
    pub fn room(&self, name: &str) -> PathBuf {
        let room = self.folder().join(format!("{name}-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&room).unwrap();
        room
    }

    /// A port nobody else uses: below the ephemeral ones, at an address of our own. Somebody may listen at all
    /// addresses, so it is tried.
    pub fn port(&self) -> SocketAddr {
        loop {
            let address = SocketAddr::new(self.address, self.next.fetch_add(1, Ordering::Relaxed));
            if TcpListener::bind(address).is_ok() {
                return address;
            }
        }
    }

    pub fn ca(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    fn certify(&self) {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "Gatepost bench authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        fs::write(self.ca(), authority.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(authority, key);
        let mut server = CertificateParams::new(vec![self.address.to_string(), NAME.to_owned()]).unwrap();
        server.distinguished_name.push(DnType::CommonName, "Gatepost bench stub");
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap();
        fs::write(self.folder().join("cert.pem"), certificate.pem()).unwrap();
        fs::write(self.folder().join("key.pem"), key.serialize_pem()).unwrap();
    }
}

/// TLS to the stub with what every proxy has: verification on, tickets kept.
pub fn client_tls(ca: &Path) -> tokio_rustls::TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config).into()
}
