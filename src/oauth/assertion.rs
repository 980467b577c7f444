//! The app proves itself with an assertion instead of a client secret (RFC 7523 2.2): signed here with a certificate,
//! or by another issuer whom the provider trusts (workload identity federation).
//!
//! PS256 with `x5t#S256`, as Microsoft's certificate-credentials document asks. Files are read anew for each
//! assertion, so that a renewed certificate or token needs no restart. It refuses what cannot be a token, so that a
//! wrong path sends no other file's content away.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{digest, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Serialize;
use url::Url;

use super::{App, AppCredential, proof_file, verdict::Verdict};
use crate::{
    base::Secret,
    catalog::token::{APP_CERTIFICATE_UNREADABLE, FEDERATED_TOKEN_UNREADABLE},
};

pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Microsoft recommends five to ten minutes.
const LIFE: Duration = Duration::from_secs(300);

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: u64,
    iat: u64,
    exp: u64,
}

/// The assertion that proves `app`; `None` where its credential is another.
pub async fn of(app: &App, now: SystemTime) -> Result<Option<Secret>, Verdict> {
    match &app.credential {
        AppCredential::Certificate { certificate, key } => {
            sign(&app.client_id, &app.token_url, certificate, key, now).await.map(Some)
        }
        AppCredential::FederatedToken(file) => federated(file).await.map(Some),
        _ => Ok(None),
    }
}

/// Three parts of base64url between dots (RFC 7515 7.1), and nothing else in the file.
async fn federated(file: &Path) -> Result<Secret, Verdict> {
    let refused =
        |why: &dyn std::fmt::Display| Verdict::new(FEDERATED_TOKEN_UNREADABLE, format!("{}: {why}", file.display()));
    let text = proof_file::read(file, proof_file::CAP).await.map_err(|cause| refused(&cause))?;
    let token = text.trim();
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match token.split('.').count() == 3 && token.split('.').all(is_part) {
        true => Ok(Secret::new(token)),
        false => Err(refused(&"this is no signed token (JWT)")),
    }
}

pub async fn sign(
    client_id: &str,
    token_url: &Url,
    certificate: &Path,
    key: &Path,
    now: SystemTime,
) -> Result<Secret, Verdict> {
    let refused = |what: &Path, why: &dyn std::fmt::Display| {
        Verdict::new(APP_CERTIFICATE_UNREADABLE, format!("{}: {why}", what.display()))
    };
    let read = async |file: &Path| proof_file::read(file, proof_file::CAP).await.map_err(|cause| refused(file, &cause));
    let pem = read(certificate).await?;
    let der =
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| refused(certificate, &"no certificate in PEM"))?;
    let key_pem = read(key).await?;
    let signer =
        EncodingKey::from_rsa_pem(key_pem.as_bytes()).map_err(|_| refused(key, &"no RSA private key in PEM"))?;

    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &der)));
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| refused(key, &"no randomness"))?;
    let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims {
        aud: token_url.as_str(),
        iss: client_id,
        sub: client_id,
        jti: URL_SAFE_NO_PAD.encode(id),
        nbf: issued,
        iat: issued,
        exp: issued + LIFE.as_secs(),
    };
    jsonwebtoken::encode(&header, &claims, &signer).map(Secret::new).map_err(|cause| refused(key, &cause))
}
