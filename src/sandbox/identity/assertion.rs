//! Client assertions: a JWT signed with the application's certificate in the place of a secret
//! (entra-docs, certificate-credentials; RFC 7523).

use aws_lc_rs::{
    digest,
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    server::ParsedCertificate,
};
use serde_json::Value;

use super::{Identity, errors::Refused};
use crate::sandbox::options::{DOMAIN, Federation, Registration};
use crate::sandbox::tenant::TENANT_ID;

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an assertion says, once its signature has been verified.
pub struct Verified {
    pub header: Value,
    pub claims: Value,
}

impl Verified {
    /// `Err` says what is wrong, as far as Entra or Google would.
    pub fn by(certificate: &CertificateDer<'_>, assertion: &str) -> Result<Self, &'static str> {
        let mut parts = assertion.splitn(3, '.');
        let (Some(head), Some(body), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it has not three parts");
        };
        let header = decoded(head).ok_or("the header is no JSON")?;
        let claims = decoded(body).ok_or("the claims are no JSON")?;
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err("the algorithm is neither PS256 nor RS256"),
        };
        let parsed = ParsedCertificate::try_from(certificate).map_err(|_| "unreadable certificate")?;
        let key = UnparsedPublicKey::new(algorithm, parsed.subject_public_key_info().to_vec());
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is no base64url")?;
        let signed = format!("{head}.{body}");
        key.verify(signed.as_bytes(), &signature).map_err(|_| "the signature is wrong")?;
        Ok(Self { header, claims })
    }

    /// Whom an assertion claims to be from, before anything is verified.
    pub fn issuer(assertion: &str) -> Option<String> {
        decoded(assertion.split('.').nth(1)?)?.get("iss")?.as_str().map(str::to_owned)
    }

    pub fn claim(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn time(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }
}

/// Refuses an assertion that is not this application's, not for us, too old, or used before.
pub fn check(identity: &Identity, app: &Registration, assertion: &str) -> Result<(), Refused> {
    if let Some(federation) = &app.federation {
        return check_federated(federation, assertion);
    }
    let bad = |why: &str| Refused::because(700027, format!("Client assertion failed: {why}."));
    let pem = app.certificate_pem.as_deref().ok_or_else(|| bad("the application has no certificate"))?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad("unreadable certificate"))?;
    let said = Verified::by(&certificate, assertion).map_err(bad)?;

    let sha256 = digest::digest(&digest::SHA256, &certificate);
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
    let thumbprint = [("x5t#S256", sha256), ("x5t", sha1)];
    let known = thumbprint.iter().any(|(name, digest)| {
        let named = said.header.get(name).and_then(Value::as_str).unwrap_or_default();
        named == URL_SAFE_NO_PAD.encode(digest) || named == URL_SAFE.encode(digest)
    });
    if !known {
        return Err(bad("the key was not found. The certificate with this thumbprint is not registered"));
    }
    if said.claim("iss") != app.client_id || said.claim("sub") != app.client_id {
        return Err(bad("iss and sub must be the client id"));
    }
    if !for_us(identity, said.claim("aud")) {
        return Err(bad("the audience is not this token endpoint"));
    }
    let now = jiff::Timestamp::now().as_second();
    match said.time("exp") {
        Some(exp) if exp <= now - 300 => return Err(Refused::new(700024)),
        Some(exp) if exp > now + 3900 => return Err(bad("it lives longer than an hour")),
        Some(_) => {}
        None => return Err(bad("exp is missing")),
    }
    if said.time("nbf").is_some_and(|nbf| nbf > now + 300) {
        return Err(Refused::new(700024));
    }
    let jti = said.claim("jti").to_owned();
    if jti.is_empty() {
        return Err(bad("jti is missing"));
    }
    if !identity.memory(|memory| memory.assertions.put(jti, ())) {
        return Err(bad("it was used before"));
    }
    Ok(())
}

/// Workload identity federation: exactly the issuer, the subject and the audience of the federated credential, by a
/// signature of that issuer. It may come again until it ends.
fn check_federated(federation: &Federation, assertion: &str) -> Result<(), Refused> {
    let pem = CertificateDer::from_pem_slice(federation.certificate_pem.as_bytes());
    let certificate = pem.map_err(|_| Refused::new(50027))?;
    let said = Verified::by(&certificate, assertion).map_err(|_| Refused::new(50027))?;
    let is_current = said.time("exp").is_some_and(|exp| exp > jiff::Timestamp::now().as_second());
    let held = [
        (said.claim("iss") == federation.issuer, 700211),
        (said.claim("sub") == federation.subject, 700213),
        (said.claim("aud") == "api://AzureADTokenExchange", 700212),
        (is_current, 700024),
    ];
    match held.into_iter().find(|(holds, _)| !holds) {
        Some((_, code)) => Err(Refused::new(code)),
        None => Ok(()),
    }
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The token endpoint, under any name of the tenant, or the issuer.
fn for_us(identity: &Identity, audience: &str) -> bool {
    [DOMAIN, TENANT_ID].iter().any(|tenant| {
        let base = format!("{}/{tenant}", identity.origin);
        audience == format!("{base}/oauth2/v2.0/token") || audience == format!("{base}/v2.0")
    })
}
