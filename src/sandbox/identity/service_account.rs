//! Google's token endpoint for service accounts (RFC 7523 2.1): a signed assertion names a mailbox and brings its token.
//!
//! Every application that is registered with a certificate counts as a service account with delegation over the whole
//! domain; scopes are those of Exchange here, so that the token opens something.

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    Fields, Identity,
    assertion::Verified,
    grant::{Answer, Grant},
    scope,
};
use crate::sandbox::{options::DOMAIN, tenant::Holder};

const REFUSED: &str = "invalid_grant";

pub fn grant(identity: &Identity, fields: &Fields) -> Result<Grant, Answer> {
    let refused = |why| Answer::plain(REFUSED, why);
    let assertion = fields.text("assertion").ok_or(Answer::plain("invalid_request", "Missing parameter: assertion"))?;
    let issuer = Verified::issuer(assertion).unwrap_or_default();
    let app = identity.world.tenant.app(&issuer).ok_or(refused("Invalid grant: account not found"))?;
    let pem = app.certificate_pem.as_deref().unwrap_or_default();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| refused("Invalid JWT Signature."))?;
    let said = Verified::by(&certificate, assertion).map_err(|_| refused("Invalid JWT Signature."))?;

    let audience = format!("{}/{DOMAIN}/oauth2/v2.0/token", identity.origin);
    if said.claim("aud") != audience {
        return Err(refused("Invalid JWT: Failed audience check."));
    }
    let now = jiff::Timestamp::now().as_second();
    match (said.time("iat"), said.time("exp")) {
        (Some(iat), Some(exp)) if iat <= now && exp > now && exp - iat <= 3600 => {}
        _ => {
            let why = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
            return Err(refused(why));
        }
    }
    let person = identity.world.tenant.person(said.claim("sub")).ok_or(refused("Invalid email or User ID"))?;
    let scopes = scope::split(said.claim("scope"));
    let holder = Holder::Person(person.address.to_ascii_lowercase());
    Ok(Grant { holder, client_id: app.client_id, scopes, openid: false, refresh: None })
}
