//! An app registration with its provider, every field decided; and the sign-in that it and a person make.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use url::Url;

use crate::{
    base::{Sasl, Secret},
    catalog::{Entry, Known, token},
    net::Upstream,
    store::{GRAPH, MAIL},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    AuthorizationCode,
    DeviceCode,
    ClientCredentials,
    /// A signed assertion that names the mailbox (RFC 7523 2.1; Google's domain-wide delegation).
    ServiceAccount,
    /// RFC 6749 4.3.
    Password,
    /// Client credentials, proved by a token that another issuer writes into a file.
    WorkloadIdentity,
    /// An endpoint of Azure on this machine knows who the machine is.
    ManagedIdentity,
}

impl Grant {
    /// As the configuration and the status spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grant::AuthorizationCode => "authorization-code",
            Grant::DeviceCode => "device-code",
            Grant::ClientCredentials => "client-credentials",
            Grant::ServiceAccount => "service-account",
            Grant::Password => "password",
            Grant::WorkloadIdentity => "workload-identity",
            Grant::ManagedIdentity => "managed-identity",
        }
    }

    /// Nobody signs in: what proves the right to a token stands in the configuration and is presented for each.
    pub const fn is_unattended(self) -> bool {
        !matches!(self, Grant::AuthorizationCode | Grant::DeviceCode)
    }

    /// The token is the app's own, and one opens every mailbox that the app was given.
    pub const fn is_app_only(self) -> bool {
        matches!(self, Grant::ClientCredentials | Grant::WorkloadIdentity | Grant::ManagedIdentity)
    }
}

/// What an access token is good for. Entra gives a token for one resource at a time; the refresh token serves all that
/// were consented to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// SMTP, IMAP and POP3.
    Mail,
    /// Microsoft Graph, another way out for messages.
    Graph,
}

impl Resource {
    pub const ALL: [Self; 2] = [Self::Mail, Self::Graph];

    /// As the store and the log spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Resource::Mail => MAIL,
            Resource::Graph => GRAPH,
        }
    }
}

/// Microsoft Graph as an app reaches it.
#[derive(Debug, Clone)]
pub struct GraphAccess {
    /// Up to and with the version: `https://graph.microsoft.com/v1.0`.
    pub url: Url,
    /// What the scopes begin with: `https://graph.microsoft.com`.
    pub resource: String,
    pub scopes: Vec<String>,
    /// An account sends through it, so that whoever signs in is asked to consent to it.
    pub is_wanted: bool,
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
    /// Where its secret stands, for who renews it: a file, a variable of the environment, or the key itself.
    pub secret_at: Option<String>,
    pub grant: Grant,
    /// `None`: any free loopback port.
    pub redirect_uri: Option<Url>,
    pub scopes: Vec<String>,
    /// Asked for in the place of scopes, at endpoints that know none.
    pub resource: Option<String>,
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
    /// `None`: the provider has no Graph.
    pub graph: Option<GraphAccess>,
}

impl App {
    /// Whose token shows that all which a sign-in asks for was consented to.
    pub fn last_consented(&self) -> Resource {
        let is_wanted = self.graph.as_ref().is_some_and(|graph| graph.is_wanted);
        if is_wanted { Resource::Graph } else { Resource::Mail }
    }

    /// The same registration as it asks for a token of Graph. `None`: there is none at this provider.
    pub fn for_graph(&self) -> Option<App> {
        let graph = self.graph.as_ref()?;
        let resource = self.resource.as_ref().map(|_| graph.resource.clone());
        Some(App { scopes: graph.scopes.clone(), resource, ..self.clone() })
    }

    /// Whether this can be said to it: what is wrong with a secret, a certificate or a key befalls who has one, and what is
    /// wrong with a person befalls no app that acts by itself.
    pub fn can_meet(&self, entry: &Entry) -> bool {
        let is_one = |of: &[&Entry]| of.iter().any(|one| one.id == entry.id);
        let of_secrets = [token::CLIENT_SECRET_EXPIRED, token::CLIENT_SECRET_WRONG, token::CLIENT_SECRET_NOT_ALLOWED];
        let of_assertions = [token::APP_CERTIFICATE_REFUSED, token::APP_CERTIFICATE_UNREADABLE];
        let of_service_accounts = [token::SERVICE_ACCOUNT_KEY_UNREADABLE, token::SERVICE_ACCOUNT_REFUSED];
        let of_federation = [token::FEDERATED_TOKEN_UNREADABLE, token::FEDERATED_TOKEN_REFUSED];
        let of_people = [token::USER_DISABLED, token::USER_LOCKED, token::USER_NOT_FOUND, token::MFA_REQUIRED];
        if self.grant.is_app_only() && is_one(&of_people) {
            return false;
        }
        match &self.credential {
            AppCredential::Secret(_) => !is_one(&of_assertions),
            AppCredential::Certificate { .. } => !is_one(&of_secrets) && !is_one(&of_federation),
            AppCredential::FederatedToken(_) => !is_one(&of_secrets),
            AppCredential::ServiceAccount(_) => !is_one(&of_secrets) && !is_one(&of_federation),
            AppCredential::None | AppCredential::ManagedIdentity(_) => {
                !is_one(&of_secrets)
                    && !is_one(&of_assertions)
                    && !is_one(&of_federation)
                    && !is_one(&of_service_accounts)
            }
        }
    }

    /// What the catalogue may fill in about it. Providers other than Microsoft have no tenant.
    pub fn known(&self) -> Known {
        let port = self.token_url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let login = self.token_url.host_str().map(|host| format!("{}://{host}{port}", self.token_url.scheme()));
        let graph_host = self.graph.as_ref().and_then(|graph| graph.url.host_str());
        Known {
            app: Some(self.name.clone()),
            provider: Some(self.provider.clone()),
            is_app_only: Some(self.grant.is_app_only()),
            tenant: Some(self.tenant.clone()).filter(|tenant| !tenant.is_empty()),
            client_id: Some(self.client_id.clone()).filter(|id| !id.is_empty()),
            client_secret_at: self.secret_at.clone(),
            login,
            graph_host: graph_host.map(str::to_owned),
            ..Known::default()
        }
    }

    /// As they would be written down: those of Graph are left out where they are what is asked for anyway.
    pub fn written_scopes(&self) -> Vec<String> {
        let mut scopes = self.scopes.clone();
        if let Some(graph) = &self.graph {
            let usual = ["/Mail.Send", "/.default"].map(|name| format!("{}{name}", graph.resource));
            let more = graph.scopes.iter().filter(|scope| *scope != "offline_access");
            if more.clone().any(|scope| !usual.contains(scope)) {
                let missing: Vec<String> = more.filter(|scope| !scopes.contains(scope)).cloned().collect();
                scopes.extend(missing);
            }
        }
        scopes
    }

    /// What a person is asked to consent to. The authorize endpoint of Entra takes scopes of several resources; its
    /// token endpoint does not, so there `scopes` alone are asked for.
    pub fn consent_scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        for scope in self.graph.iter().filter(|graph| graph.is_wanted).flat_map(|graph| &graph.scopes) {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
        scopes
    }
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
    /// The JSON key of a service account.
    ServiceAccount(ServiceAccountKey),
    /// A file that another issuer keeps fresh, read for each request.
    FederatedToken(PathBuf),
    ManagedIdentity(IdentityEndpoint),
}

#[derive(Debug, Clone)]
pub enum ServiceAccountKey {
    /// Read when an assertion is signed.
    File(PathBuf),
    Text(Secret),
}

/// Where on this machine Azure says who it is; the address is the app's `token_url`.
#[derive(Debug, Clone)]
pub enum IdentityEndpoint {
    /// Virtual machines: the Instance Metadata Service.
    Imds,
    /// App Service, Functions and Container Apps; the header's value is good for this process.
    AppService { header: Secret },
    /// Servers elsewhere with the Arc agent, which wants to see the content of a file that it puts into this folder.
    Arc { keys: PathBuf },
}

impl AppCredential {
    /// Debug output masks it, so that whoever compares two credentials compares it besides.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            AppCredential::Secret(secret)
            | AppCredential::ServiceAccount(ServiceAccountKey::Text(secret))
            | AppCredential::ManagedIdentity(IdentityEndpoint::AppService { header: secret }) => Some(secret),
            _ => None,
        }
    }

    /// When the files that prove the app were last written: what was refused deserves a new try with other ones.
    pub fn written_at(&self) -> Vec<Option<SystemTime>> {
        let files: Vec<&Path> = match self {
            AppCredential::Certificate { certificate, key } => vec![certificate, key],
            AppCredential::ServiceAccount(ServiceAccountKey::File(file)) | AppCredential::FederatedToken(file) => {
                vec![file]
            }
            _ => Vec::new(),
        };
        files.into_iter().map(|file| std::fs::metadata(file).and_then(|found| found.modified()).ok()).collect()
    }
}

/// One consent: an app and who gave it. Several accounts may share one; each has one keeper and one token.
#[derive(Debug, Clone)]
pub struct SignIn {
    pub app: Arc<App>,
    /// Address of the account that lives on it, by which it is asked for and people are told to sign in. Several may have
    /// one sign-in: its key.
    pub account: String,
    /// Who consents, as configured.
    pub identity: String,
    /// Of the identity at the provider, for `Grant::Password`.
    pub password: Option<Secret>,
}

/// What is typed behind `gatepost` to sign in for an account, and, in brackets behind it, as whom, where that is another one
/// than its own address.
pub fn login_for(account: &str, identity: &str) -> String {
    match account.eq_ignore_ascii_case(identity) {
        true => format!("login {account}"),
        false => format!("login {account} (then sign in as {identity})"),
    }
}

impl SignIn {
    /// Of whoever signs in for their own mailbox.
    pub fn of(mailbox: &str, app: impl Into<Arc<App>>) -> Self {
        Self { app: app.into(), account: mailbox.to_owned(), identity: mailbox.to_owned(), password: None }
    }

    /// Nobody signs in, and what was refused is granted where nobody tells us. A password that was refused is another
    /// thing: the right one comes with the configuration, and wrong ones lock accounts.
    pub fn is_mended_elsewhere(&self) -> bool {
        self.app.grant.is_unattended() && self.app.grant != Grant::Password
    }

    /// `name` where it is another one than that of whom is meant. An app that acts by itself is nobody.
    pub fn another_name<'a>(&self, name: Option<&'a str>) -> Option<&'a str> {
        name.filter(|name| !self.app.grant.is_app_only() && !name.eq_ignore_ascii_case(&self.identity))
    }

    /// Names the sign-in in the store. App-only grants have one sign-in for the whole app.
    pub fn key(&self) -> String {
        match self.app.grant.is_app_only() {
            true => format!("{}/app-only", self.app.name),
            false => format!("{}/{}", self.app.name, self.identity.to_lowercase()),
        }
    }
}
