//! Tokens that need no person: what the configuration holds is presented anew for each.
//!
//! The same word of a provider means another thing where nobody signed in; the table below says which. A refresh token
//! that comes along is dropped: it would be one more secret to keep, and what it was made from is at hand.

use super::{managed_identity, service_account};
use crate::{
    catalog::{Entry, code_in, token::*},
    oauth::{
        Grant, SignIn,
        endpoints::{Endpoints, TokenSet},
        verdict::Verdict,
    },
};

pub async fn fetch(endpoints: Endpoints<'_>, sign_in: &SignIn) -> Result<TokenSet, Verdict> {
    let grant = sign_in.app.grant;
    let fetched = match (grant, &sign_in.password) {
        (Grant::ClientCredentials | Grant::WorkloadIdentity, _) => endpoints.client_credentials().await,
        (Grant::ServiceAccount, _) => service_account::fetch(endpoints, &sign_in.identity).await,
        (Grant::ManagedIdentity, _) => managed_identity::fetch(endpoints).await,
        (Grant::Password, Some(password)) => endpoints.password(&sign_in.identity, password).await,
        (Grant::Password | Grant::AuthorizationCode | Grant::DeviceCode, _) => {
            Err(Verdict::new(SIGN_IN_MISSING, format!("{} needs a person", grant.as_str())))
        }
    };
    match fetched {
        Ok(set) => Ok(TokenSet { refresh: None, ..set }),
        // A number of Entra that nobody here knows tells more than that a machine was refused.
        Err(verdict) if verdict.entry.id == PROVIDER_REFUSES.id && code_in(&verdict.detail).is_some() => Err(verdict),
        Err(verdict) => Err(Verdict { entry: meaning(grant, verdict.entry), ..verdict }),
    }
}

/// What an entry that speaks of a sign-in or of a secret means under a grant that has none.
#[rustfmt::skip]
const MEANINGS: &[(Grant, &Entry, &Entry)] = &[
    (Grant::ClientCredentials, SIGN_IN_EXPIRED, PROVIDER_REFUSES),
    (Grant::ClientCredentials, SIGN_IN_INTERRUPTED, PROVIDER_REFUSES),
    (Grant::WorkloadIdentity, SIGN_IN_EXPIRED, PROVIDER_REFUSES),
    (Grant::WorkloadIdentity, SIGN_IN_INTERRUPTED, PROVIDER_REFUSES),
    (Grant::ServiceAccount, SIGN_IN_EXPIRED, SERVICE_ACCOUNT_REFUSED),
    (Grant::ServiceAccount, CLIENT_SECRET_WRONG, SERVICE_ACCOUNT_REFUSED),
    (Grant::ServiceAccount, GRANT_NOT_ALLOWED, DELEGATION_MISSING),
    (Grant::ServiceAccount, ACCESS_DENIED, DELEGATION_MISSING),
    (Grant::Password, SIGN_IN_EXPIRED, ACCOUNT_PASSWORD_REFUSED),
    (Grant::Password, SIGN_IN_REVOKED, ACCOUNT_PASSWORD_REFUSED),
    (Grant::Password, MFA_REQUIRED, PASSWORD_NOT_ENOUGH),
    (Grant::Password, SIGN_IN_INTERRUPTED, PASSWORD_NOT_ENOUGH),
    (Grant::Password, CONSENT_MISSING, ADMIN_CONSENT_NEEDED),
    (Grant::WorkloadIdentity, APP_CERTIFICATE_REFUSED, FEDERATED_TOKEN_REFUSED),
    (Grant::WorkloadIdentity, CLIENT_SECRET_WRONG, FEDERATED_TOKEN_REFUSED),
    (Grant::ManagedIdentity, TOKEN_REQUEST_MALFORMED, MANAGED_IDENTITY_MISSING),
    (Grant::ManagedIdentity, CLIENT_SECRET_WRONG, MANAGED_IDENTITY_MISSING),
    (Grant::ManagedIdentity, PROVIDER_REFUSES, MANAGED_IDENTITY_MISSING),
    (Grant::ManagedIdentity, TOKEN_ENDPOINT_UNREACHABLE, MANAGED_IDENTITY_UNREACHABLE),
];

/// What `entry` is called under `grant`.
pub fn meaning(grant: Grant, entry: &'static Entry) -> &'static Entry {
    let row = MEANINGS.iter().find(|(under, general, _)| *under == grant && general.id == entry.id);
    row.map_or(entry, |(.., meant)| meant)
}
