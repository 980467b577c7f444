//! A handshake that remembers what the server showed, trusted or not, so that people can be told who stands in between.
//!
//! It trusts nobody more than others do: the verdict is that of the roots. It refuses to go on behind a bad certificate.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{CertificateNames, ClientTls, SetupFault, certificate_names};
use crate::catalog::doctor::AUTHORITIES_UNUSABLE;

/// Why a certificate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// No root that is trusted here stands behind it.
    Issuer,
    /// It ended, or has not begun, by the clock of this machine.
    Time,
    /// It is another host's.
    Name,
    Other,
}

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Shown {
    pub names: CertificateNames,
    pub untrusted: Option<Untrusted>,
}

/// What is remembered of the last handshake.
#[derive(Debug, Clone)]
pub struct Looked(Arc<Judge>);

#[derive(Debug)]
struct Judge {
    roots: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    untrusted: Option<Untrusted>,
}

impl ClientTls {
    /// The same trust, and where what servers show is remembered.
    pub fn looking(&self) -> Result<(ClientTls, Looked), SetupFault> {
        let judge = Arc::new(Judge { roots: verifier(self)?, seen: Mutex::default() });
        Ok((self.judged_by(judge.clone())?, Looked(judge)))
    }
}

fn verifier(tls: &ClientTls) -> Result<Arc<WebPkiServerVerifier>, SetupFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let built = WebPkiServerVerifier::builder_with_provider(tls.roots(), provider).build();
    built.map_err(|error| SetupFault::new(AUTHORITIES_UNUSABLE, format!("TLS: {error}")))
}

impl Looked {
    /// `None`: no server got as far as its certificate.
    pub fn shown(&self) -> Option<Shown> {
        let seen = self.seen()?;
        let names = seen.chain.first().and_then(|leaf| certificate_names(leaf)).unwrap_or_default();
        Some(Shown { names, untrusted: seen.untrusted })
    }

    /// Whether the roots of another trust stand behind it too.
    pub fn is_trusted_by(&self, tls: &ClientTls) -> bool {
        let (Some(seen), Ok(verifier)) = (self.seen(), verifier(tls)) else { return false };
        let Some((leaf, rest)) = seen.chain.split_first() else { return false };
        verifier.verify_server_cert(leaf, rest, &seen.name, &[], UnixTime::now()).is_ok()
    }

    /// When the server's certificate ends.
    pub fn ends_at(&self) -> Option<Timestamp> {
        super::certificate::end_of(self.seen()?.chain.first()?)
    }

    fn seen(&self) -> Option<Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.roots.verify_server_cert(leaf, rest, name, ocsp, now);
        let chain = std::iter::once(leaf).chain(rest).map(|one| one.clone().into_owned()).collect();
        let untrusted = verdict.as_ref().err().map(Untrusted::of);
        let seen = Seen { chain, name: name.to_owned(), untrusted };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

impl Untrusted {
    fn of(error: &Error) -> Self {
        let Error::InvalidCertificate(why) = error else { return Self::Other };
        match why {
            CertificateError::UnknownIssuer => Self::Issuer,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Time,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::Name,
            _ => Self::Other,
        }
    }
}
