//! A certificate authority that lives as long as the sandbox, and server certificates good and bad.

use std::{io, net::IpAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::{DOMAIN, faults::CertificateKind};

pub(super) struct Pki {
    ca_pem: String,
    good: TlsAcceptor,
    wrong_name: TlsAcceptor,
    expired: TlsAcceptor,
    self_signed: TlsAcceptor,
}

impl Pki {
    /// Certificates for `localhost`, the bound address, and the name under which a proxy finds it, signed by an
    /// authority of its own.
    pub(super) fn new(bind: IpAddr) -> io::Result<Self> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "Gatepost sandbox authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(broken)?;
        let ca_pem = authority.self_signed(&key).map_err(broken)?.pem();
        let issuer = Issuer::new(authority, key);

        let names = || {
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into(), bind.to_string()];
            names.push(format!("mail.{DOMAIN}"));
            names.sort();
            names.dedup();
            names
        };
        let good = server(names())?;
        let mut expired = server(names())?;
        expired.not_before = date_time_ymd(2020, 1, 1);
        expired.not_after = date_time_ymd(2021, 1, 1);
        Ok(Self {
            ca_pem,
            good: acceptor(good, Some(&issuer))?,
            wrong_name: acceptor(server(vec!["mail.fabrikam.example".into()])?, Some(&issuer))?,
            expired: acceptor(expired, Some(&issuer))?,
            self_signed: acceptor(server(names())?, None)?,
        })
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(super) fn acceptor(&self, kind: CertificateKind) -> TlsAcceptor {
        match kind {
            CertificateKind::Good => &self.good,
            CertificateKind::WrongName => &self.wrong_name,
            CertificateKind::Expired => &self.expired,
            CertificateKind::SelfSigned => &self.self_signed,
        }
        .clone()
    }
}

fn server(names: Vec<String>) -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(broken)?;
    params.distinguished_name.push(DnType::CommonName, "Gatepost sandbox");
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn acceptor(params: CertificateParams, issuer: Option<&Issuer<'_, KeyPair>>) -> io::Result<TlsAcceptor> {
    let key = KeyPair::generate().map_err(broken)?;
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    let chain: Vec<CertificateDer<'static>> = vec![certificate.map_err(broken)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Named rather than installed for the process: the sandbox may live inside somebody else's program.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(broken)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn broken(error: impl std::error::Error) -> io::Error {
    io::Error::other(format!("the sandbox could not make its certificates: {error}"))
}
