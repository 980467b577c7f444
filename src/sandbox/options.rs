//! What a sandbox is made of: addresses, people, applications, token lives.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::faults::Faults;
use crate::base::Secret;

/// The domain of the sandbox; nothing is ever sent to any other.
pub const DOMAIN: &str = "contoso.example";
/// A public client (browser and device sign-in), registered from the start.
pub const PUBLIC_CLIENT: &str = "10000000-0000-4000-8000-000000000001";
/// A confidential client for app-only access, registered from the start.
pub const CONFIDENTIAL_CLIENT: &str = "20000000-0000-4000-8000-000000000002";
/// The confidential client's secret. It guards nothing.
pub const CONFIDENTIAL_SECRET: &str = "sandbox-secret";
/// Everybody's password on the sign-in page.
pub const PASSWORD: &str = "demo";

/// How to start a sandbox. `Options::default()` is the tenant of `gatepost demo`.
#[derive(Clone, Debug)]
pub struct Options {
    /// The identity provider speaks plain http, so this should be a loopback address.
    pub bind: IpAddr,
    /// Absent: any free ones.
    pub ports: Option<Ports>,
    pub people: Vec<Person>,
    pub apps: Vec<Registration>,
    pub token_life: Duration,
    /// Characters of an access token. Real ones run to several thousand; short ones hide length bugs.
    pub token_length: usize,
    /// Sign-in and consent happen without anybody looking at a page.
    pub auto_approve: bool,
    /// Seconds between two polls of a device code. Entra says 5.
    pub device_interval: u64,
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: None,
            people: vec![
                Person::new(format!("ann@{DOMAIN}")),
                Person::new(format!("bob@{DOMAIN}")),
                Person::shared(format!("shared@{DOMAIN}"), [format!("ann@{DOMAIN}")]),
            ],
            apps: vec![
                Registration::public(PUBLIC_CLIENT),
                Registration::confidential(CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET),
            ],
            token_life: Duration::from_secs(3600),
            token_length: 1800,
            auto_approve: false,
            device_interval: 5,
            faults: Faults::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub smtp: u16,
    pub imap: u16,
    pub pop3: u16,
    pub http: u16,
}

/// A mailbox, and mostly a person who signs in.
#[derive(Clone, Debug)]
pub struct Person {
    pub address: String,
    /// Absent for a shared mailbox: nobody signs in as it.
    pub password: Option<Secret>,
    /// Who has FullAccess and Send As on it.
    pub delegates: Vec<String>,
    /// Who has FullAccess on it and may send on its behalf, and not as it.
    pub on_behalf: Vec<String>,
}

impl Person {
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            password: Some(Secret::new(PASSWORD)),
            delegates: Vec::new(),
            on_behalf: Vec::new(),
        }
    }

    pub fn shared(address: impl Into<String>, delegates: impl IntoIterator<Item = String>) -> Self {
        Self { password: None, delegates: delegates.into_iter().collect(), ..Self::new(address) }
    }

    /// A shared mailbox whose delegates have Send on Behalf instead of Send As.
    pub fn shared_on_behalf(address: impl Into<String>, delegates: impl IntoIterator<Item = String>) -> Self {
        Self { password: None, on_behalf: delegates.into_iter().collect(), ..Self::new(address) }
    }
}

/// A client secret that an app registration got later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MadeSecret {
    pub client_id: String,
    pub secret: String,
}

/// Another issuer, and of whom its tokens must speak. What it signs with is given as a certificate.
#[derive(Clone, Debug)]
pub struct Federation {
    pub issuer: String,
    pub subject: String,
    pub certificate_pem: String,
}

/// An app registration; with a certificate also a service account, whose client id is its mail address.
#[derive(Clone, Debug)]
pub struct Registration {
    pub client_id: String,
    /// Absent with no certificate either: a public client.
    pub secret: Option<Secret>,
    /// PEM of the certificate whose key signs client assertions.
    pub certificate_pem: Option<String>,
    /// Whose tokens prove the application, in the place of its own: a federated credential.
    pub federation: Option<Federation>,
    /// `http://localhost` stands for any port (entra-docs, reply-url).
    pub redirect_uris: Vec<String>,
    /// May send by Exchange's own RBAC for applications: no role of Entra for it is in a token.
    pub sends_by_rbac: bool,
}

impl Registration {
    pub fn public(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            secret: None,
            certificate_pem: None,
            federation: None,
            redirect_uris: vec![
                "http://localhost".into(),
                "https://login.microsoftonline.com/common/oauth2/nativeclient".into(),
            ],
            sends_by_rbac: false,
        }
    }

    pub fn confidential(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { secret: Some(Secret::new(secret)), ..Self::public(client_id) }
    }

    pub fn with_certificate(client_id: impl Into<String>, certificate_pem: impl Into<String>) -> Self {
        Self { certificate_pem: Some(certificate_pem.into()), ..Self::public(client_id) }
    }

    pub fn federated(client_id: impl Into<String>, federation: Federation) -> Self {
        Self { federation: Some(federation), ..Self::public(client_id) }
    }

    pub fn sending_by_rbac(self) -> Self {
        Self { sends_by_rbac: true, ..self }
    }

    pub fn is_public(&self) -> bool {
        self.secret.is_none() && self.certificate_pem.is_none() && self.federation.is_none()
    }
}
