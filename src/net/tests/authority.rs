//! A certificate authority for one test.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::super::{ClientTls, ServerTls};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub directory: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, directory: TempDir::new().unwrap() }
    }

    pub fn files(&self) -> (PathBuf, PathBuf) {
        (self.directory.path().join("cert.pem"), self.directory.path().join("key.pem"))
    }

    /// Writes a certificate for `name`, over whatever was there.
    pub fn issue(&self, name: &str, expired: bool) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (cert_file, key_file) = self.files();
        std::fs::write(key_file, key.serialize_pem()).unwrap();
        std::fs::write(cert_file, certificate.pem()).unwrap();
    }

    pub fn server(&self, name: &str) -> ServerTls {
        self.issue(name, false);
        let (certificate, key) = self.files();
        ServerTls::from_files(&certificate, &key).unwrap()
    }

    /// Trusts this authority and no other.
    pub fn client(&self) -> ClientTls {
        ClientTls::trusting_only([self.issuer.as_ref().der().clone()]).unwrap()
    }

    pub fn pem(&self) -> String {
        self.issuer.as_ref().pem()
    }
}
