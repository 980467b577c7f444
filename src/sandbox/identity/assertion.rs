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
use crate::sandbox::options::{DOMAIN, Registration};
use crate::sandbox::tenant::TENANT_ID;

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Refuses an assertion that is not this application's, not for us, too old, or used before.
pub fn check(identity: &Identity, app: &Registration, assertion: &str) -> Result<(), Refused> {
    let bad = |why: &str| Refused::because(700027, format!("Client assertion failed: {why}."));
    let pem = app.certificate_pem.as_deref().ok_or_else(|| bad("the application has no certificate"))?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad("unreadable certificate"))?;

    let mut parts = assertion.splitn(3, '.');
    let (Some(head), Some(body), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Refused::because(50027, "JWT token is invalid or malformed."));
    };
    let header = decoded(head).ok_or_else(|| bad("the header is no JSON"))?;
    let claims = decoded(body).ok_or_else(|| bad("the claims are no JSON"))?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();

    let sha256 = digest::digest(&digest::SHA256, &certificate);
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
    let thumbprint = [("x5t#S256", sha256), ("x5t", sha1)];
    let known = thumbprint.iter().any(|(name, digest)| {
        let named = text(&header, name);
        named == URL_SAFE_NO_PAD.encode(digest) || named == URL_SAFE.encode(digest)
    });
    if !known {
        return Err(bad("the key was not found. The certificate with this thumbprint is not registered"));
    }
    let algorithm = match text(&header, "alg").as_str() {
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(bad("the algorithm is neither PS256 nor RS256")),
    };
    let parsed = ParsedCertificate::try_from(&certificate).map_err(|_| bad("unreadable certificate"))?;
    let key = UnparsedPublicKey::new(algorithm, parsed.subject_public_key_info().to_vec());
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad("the signature is no base64url"))?;
    key.verify(format!("{head}.{body}").as_bytes(), &signature).map_err(|_| bad("the signature is wrong"))?;

    if text(&claims, "iss") != app.client_id || text(&claims, "sub") != app.client_id {
        return Err(bad("iss and sub must be the client id"));
    }
    if !for_us(identity, &text(&claims, "aud")) {
        return Err(bad("the audience is not this token endpoint"));
    }
    let now = jiff::Timestamp::now().as_second();
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    match time("exp") {
        Some(exp) if exp <= now - 300 => {
            let text = "Client assertion is not within its valid time range. Ensure the clock is right.";
            return Err(Refused::because(700024, text));
        }
        Some(exp) if exp > now + 3900 => return Err(bad("it lives longer than an hour")),
        Some(_) => {}
        None => return Err(bad("exp is missing")),
    }
    if time("nbf").is_some_and(|nbf| nbf > now + 300) {
        let text = "Client assertion is not within its valid time range. Ensure the clock is right.";
        return Err(Refused::because(700024, text));
    }
    let jti = text(&claims, "jti");
    if jti.is_empty() {
        return Err(bad("jti is missing"));
    }
    if !identity.memory(|memory| memory.assertions.put(jti, ())) {
        return Err(bad("it was used before"));
    }
    Ok(())
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
