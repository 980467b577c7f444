//! TLS towards upstreams and HTTP servers: system roots plus the configured file, names always checked, SNI sent.
//!
//! Built once and shared, so that session tickets resume (one round trip and a third of the CPU saved per login).
//! There is no switch that turns verification off; a private authority is trusted through `network.ca-file`.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::danger::ServerCertVerifier,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::{Network, SetupFault};
use crate::catalog::doctor::AUTHORITIES_UNUSABLE;

/// Cloning shares the configuration and its ticket store.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

impl ClientTls {
    /// System roots and `network.ca-file`.
    pub fn new(network: &Network) -> Result<Self, SetupFault> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::debug!(%error, "a system root certificate was skipped");
        }
        roots.add_parsable_certificates(native.certs);
        if let Some(file) = &network.ca_file {
            add_file(&mut roots, file)?;
        }
        if roots.is_empty() {
            return Err(SetupFault::new(
                AUTHORITIES_UNUSABLE,
                "no root certificates on this system: install the package ca-certificates, or set network.ca-file",
            ));
        }
        Self::with_roots(roots)
    }

    /// Whether what [`Self::new`] would read there can be used.
    pub fn look_into(ca_file: &Path) -> Result<(), SetupFault> {
        add_file(&mut RootCertStore::empty(), ca_file)
    }

    /// Trusts the given certificates alone (sandbox, tests).
    pub fn trusting_only(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self, SetupFault> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|e| SetupFault::new(AUTHORITIES_UNUSABLE, format!("root certificate: {e}")))?;
        }
        Self::with_roots(roots)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, SetupFault> {
        let roots = Arc::new(roots);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| SetupFault::new(AUTHORITIES_UNUSABLE, format!("TLS: {e}")))?
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), roots })
    }

    /// The same configuration for another stack (reqwest).
    pub fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.config)
    }

    /// The same trust, which judges by another word than that of the roots alone.
    pub(super) fn judged_by(&self, judge: Arc<dyn ServerCertVerifier>) -> Result<Self, SetupFault> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| SetupFault::new(AUTHORITIES_UNUSABLE, format!("TLS: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), roots: self.roots.clone() })
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        self.roots.clone()
    }

    pub(super) fn shared(&self) -> Arc<ClientConfig> {
        self.config.clone()
    }

    /// What a certificate has to prove: a DNS name, or an address where the host is a literal.
    pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        ServerName::try_from(host.trim_end_matches('.').to_owned()).ok()
    }
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), SetupFault> {
    let named =
        |what: String| SetupFault::new(AUTHORITIES_UNUSABLE, format!("network.ca-file {}: {what}", file.display()));
    let pem = std::fs::read(file).map_err(|e| named(e.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| named(format!("not readable as PEM: {e}")))?;
        roots.add(certificate).map_err(|e| named(format!("certificate {} is not usable: {e}", found + 1)))?;
        found += 1;
    }
    match found {
        0 => Err(named("holds no certificate; it needs PEM blocks (BEGIN CERTIFICATE)".to_owned())),
        _ => Ok(()),
    }
}
