//! An app registration with its provider, every field decided; and the sign-in that it and a person make.

use std::{path::PathBuf, sync::Arc, time::Duration};

use url::Url;

use crate::{
    base::{Sasl, Secret},
    net::Upstream,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    AuthorizationCode,
    DeviceCode,
    ClientCredentials,
}

/// Where a rotated refresh token leaves its predecessor (architecture, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The old one stays good (Microsoft) or there is no rotation (Google): a copy is kept for a lost successor.
    OldStaysValid,
    /// One-time tokens: reuse revokes the grant, so a predecessor is never presented.
    OneTime,
}

/// An app registration together with its provider, every field decided.
#[derive(Debug, Clone)]
pub struct App {
    pub name: String,
    /// Preset name, for messages.
    pub provider: String,
    pub tenant: String,
    pub client_id: String,
    pub credential: AppCredential,
    pub grant: Grant,
    /// `None`: any free loopback port.
    pub redirect_uri: Option<Url>,
    pub scopes: Vec<String>,
    pub authorize_url: Url,
    pub token_url: Url,
    pub device_url: Option<Url>,
    pub revoke_url: Option<Url>,
    /// Extra parameters of the authorization request (`access_type=offline`, `prompt=consent`).
    pub authorize_extra: Vec<(String, String)>,
    pub pkce: bool,
    pub rotation: Rotation,
    /// Refresh tokens die after this long without use.
    pub refresh_idle_life: Option<Duration>,
    pub sasl: Sasl,
    pub smtp: Upstream,
    pub imap: Upstream,
    pub pop3: Upstream,
    /// EHLO keywords / CAPABILITY words that the provider is known to have, before anything live was seen.
    pub smtp_capabilities: Vec<String>,
    pub imap_capabilities: Vec<String>,
    /// `imap_capabilities` are those of the very host that is dialled, so that it need not be asked before sign-on.
    pub imap_is_known: bool,
}

#[derive(Debug, Clone)]
pub enum AppCredential {
    /// A public client.
    None,
    Secret(Secret),
    /// PEM files, read when an assertion is signed, so that a renewed one is picked up.
    Certificate {
        certificate: PathBuf,
        key: PathBuf,
    },
}

/// One consent: an app and who gave it. Several accounts may share one; each has one keeper and one token.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub app: Arc<App>,
    /// Who consents, as configured.
    pub identity: String,
}

impl SignIn {
    /// Names the sign-in in the store. App-only grants have one sign-in for the whole app.
    pub fn key(&self) -> String {
        match self.app.grant {
            Grant::ClientCredentials => format!("{}/app-only", self.app.name),
            Grant::AuthorizationCode | Grant::DeviceCode => {
                format!("{}/{}", self.app.name, self.identity.to_lowercase())
            }
        }
    }
}
