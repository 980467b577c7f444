//! Google's service accounts with domain-wide delegation: an assertion that names a mailbox, signed with the account's
//! key, is exchanged for a token of that mailbox (RFC 7523 2.1).
//!
//! RS256, at most an hour of life, `sub` the mailbox. The key file is read anew for each assertion, so that a rotated
//! one needs no restart.

use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::{
    base::Secret,
    catalog::token::SERVICE_ACCOUNT_KEY_UNREADABLE,
    oauth::{
        AppCredential, ServiceAccountKey,
        endpoints::{Endpoints, TokenSet},
        proof_file,
        verdict::Verdict,
    },
};

/// The most that Google takes, from `iat` on.
const LIFE: Duration = Duration::from_secs(3600);
/// An assertion from the future is refused, and no two clocks agree.
const SKEW: Duration = Duration::from_secs(10);

/// Of the JSON that Google hands out once for each key.
#[derive(Deserialize)]
struct Key {
    client_email: String,
    private_key_id: Option<String>,
    #[serde(deserialize_with = "wiped")]
    private_key: Zeroizing<String>,
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

pub async fn fetch(endpoints: Endpoints<'_>, mailbox: &str) -> Result<TokenSet, Verdict> {
    let AppCredential::ServiceAccount(key) = &endpoints.app.credential else {
        return Err(Verdict::new(SERVICE_ACCOUNT_KEY_UNREADABLE, "no service-account-key is configured"));
    };
    let assertion = sign(endpoints, mailbox, &read(key).await?)?;
    endpoints.jwt_bearer(&assertion).await
}

async fn read(key: &ServiceAccountKey) -> Result<Key, Verdict> {
    let (name, text) = match key {
        ServiceAccountKey::Text(text) => ("service-account-key".to_owned(), Zeroizing::new(text.expose().to_owned())),
        ServiceAccountKey::File(file) => {
            let name = file.display().to_string();
            let text = proof_file::read(file, proof_file::CAP).await.map_err(|cause| unreadable(&name, &cause))?;
            (name, text)
        }
    };
    // serde's words could quote the key.
    serde_json::from_str(&text).map_err(|_| unreadable(&name, &"not the JSON key of a service account"))
}

fn sign(endpoints: Endpoints<'_>, mailbox: &str, key: &Key) -> Result<Secret, Verdict> {
    let app = endpoints.app;
    let name = &key.client_email;
    let signer = EncodingKey::from_rsa_pem(key.private_key.as_bytes())
        .map_err(|_| unreadable(name, &"private_key is no RSA key in PEM"))?;
    let mut header = Header::new(Algorithm::RS256);
    header.kid.clone_from(&key.private_key_id);
    let now = endpoints.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(SKEW);
    let claims = Claims {
        iss: &key.client_email,
        sub: mailbox,
        scope: &app.scopes.join(" "),
        aud: app.token_url.as_str(),
        iat: now.as_secs(),
        exp: (now + LIFE).as_secs(),
    };
    jsonwebtoken::encode(&header, &claims, &signer).map(Secret::new).map_err(|cause| unreadable(name, &cause))
}

fn unreadable(name: &str, why: &dyn std::fmt::Display) -> Verdict {
    Verdict::new(SERVICE_ACCOUNT_KEY_UNREADABLE, format!("{name}: {why}"))
}
