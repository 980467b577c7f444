//! What a person typed, before anything is believed. Doc comments here are the documentation of each key: the JSON
//! schema, `gatepost config schema` and the check for unknown keys are made from these types.
//!
//! Everything is optional: what is missing is the business of `check`, which reports every gap at once.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use toml::value::Datetime;

use crate::base::Secret;

/// The configuration of Gatepost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct File {
    /// Where state lives: tokens, learned passwords.
    pub store: Store,
    /// Web console, API and metrics.
    pub console: Console,
    /// Mail that waits for delivery.
    pub queue: Queue,
    /// The process itself.
    pub daemon: Daemon,
    /// Who is told when somebody has to act.
    pub notify: Notify,
    /// The way to the internet.
    pub network: Network,
    /// Where mail programs connect. None given: smtp 1587, imap 1993, pop3 1995 on 127.0.0.1 and [::1], tls off.
    pub listener: Vec<Listener>,
    /// App registrations at identity providers, by name.
    pub app: BTreeMap<String, App>,
    /// Mailboxes that clients may use.
    pub account: Vec<Account>,
    /// Devices and programs with credentials of their own, or with none.
    pub client: Vec<Client>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite:///path`. Default: gatepost.db in $STATE_DIRECTORY, else $XDG_STATE_HOME/gatepost, else ~/.local/state/gatepost.
    pub url: Option<Hidden>,
    /// A file that holds `url`.
    pub url_file: Option<PathBuf>,
    /// The environment variable that holds `url`.
    pub url_env: Option<String>,
    /// The key that seals tokens: the base64 of 32 bytes. A systemd credential named gatepost.key wins. Default: in `key-file`.
    pub key: Option<Hidden>,
    /// A file that holds `key`, or the 32 bytes; made on the first run, 0600. Default: `key` beside the database.
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds `key`.
    pub key_env: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Console {
    /// Address of the web console, API, /metrics, /healthz and /readyz; "off" switches it off. Default: 127.0.0.1:8425.
    pub listen: Option<String>,
    /// argon2id hash from `gatepost password`; required when `listen` is not loopback.
    pub password: Option<Hidden>,
    /// A file that holds `password`.
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds `password`.
    pub password_env: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Queue {
    /// How long delivery is retried, in hours. Default: 120.
    #[schemars(range(min = 1, max = 720))]
    pub max_age_hours: Option<u32>,
    /// Bytes that the queue may hold; beyond it clients get 452 4.3.1. Default: 10000000000.
    pub max_bytes: Option<u64>,
    /// Gets the bounces that cannot go to the sender.
    pub postmaster: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Daemon {
    /// How long open transactions may finish after SIGTERM, in seconds. Default: 10.
    #[schemars(range(min = 0, max = 3600))]
    pub drain_seconds: Option<u64>,
    /// From complete credentials to the answer, in seconds. Default: 55.
    #[schemars(range(min = 1, max = 600))]
    pub sign_on_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Notify {
    /// Program and arguments, run without a shell; it gets each event as JSON on stdin and has 30 seconds.
    pub command: Vec<String>,
    /// URL that gets each event as JSON by POST, again while it fails, for an hour: https, or http to this machine.
    pub webhook: Option<Hidden>,
    /// A file that holds `webhook`.
    pub webhook_file: Option<PathBuf>,
    /// The environment variable that holds `webhook`.
    pub webhook_env: Option<String>,
    /// Language of what people are told, and of notices to senders (there English goes with it). Default: en.
    pub lang: Option<Lang>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lang {
    En,
    Ja,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Network {
    /// Proxy for token and Graph calls: http:// or socks5://, with USER:PASSWORD@ where it wants them.
    pub http_proxy: Option<Hidden>,
    /// A file that holds `http-proxy`.
    pub http_proxy_file: Option<PathBuf>,
    /// The environment variable that holds `http-proxy`.
    pub http_proxy_env: Option<String>,
    /// Proxy for mail connections: http:// (CONNECT) or socks5://, with USER:PASSWORD@ where it wants them.
    pub mail_proxy: Option<Hidden>,
    /// A file that holds `mail-proxy`.
    pub mail_proxy_file: Option<PathBuf>,
    /// The environment variable that holds `mail-proxy`.
    pub mail_proxy_env: Option<String>,
    /// PEM roots trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Listener {
    /// What the listener speaks.
    pub protocol: Option<Protocol>,
    /// Addresses with ports, or "systemd:NAME" or "systemd:PORT" for a socket that systemd hands over.
    pub listen: Option<Vec<String>>,
    /// off | starttls | starttls-required | implicit | auto (the first byte decides TLS or plain). Default: off.
    pub tls: Option<ListenerTls>,
    /// Certificate chain, PEM; reloaded when it changes. With tls on and none given, a self-signed one is made and kept.
    pub certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    pub key: Option<PathBuf>,
    /// Open connections at the same time. Default: 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: Option<u32>,
    /// Whether every connection begins with a PROXY header (a load balancer is in front). Default: false.
    pub proxy_protocol: Option<bool>,
    /// Addresses that may send a PROXY header.
    pub proxy_protocol_from: Vec<String>,
    /// Whether clients that bring their own XOAUTH2 or OAUTHBEARER token keep it. Default: false.
    pub pass_through: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Smtp,
    Imap,
    Pop3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerTls {
    Off,
    Starttls,
    StarttlsRequired,
    Implicit,
    Auto,
}

/// An app registration and its provider. Every field of a provider can be overridden; `custom` needs them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct App {
    /// Whose endpoints, scopes and servers to use.
    pub provider: Option<Provider>,
    /// Tenant id or verified domain (Microsoft). Default: organizations, for outlook: consumers; app-only grants need one.
    pub tenant: Option<String>,
    /// Id of the app registration; of a managed identity, where the machine has several.
    pub client_id: Option<String>,
    /// Absent for public clients.
    pub client_secret: Option<Hidden>,
    /// A file that holds `client-secret`.
    pub client_secret_file: Option<PathBuf>,
    /// The environment variable that holds `client-secret`.
    pub client_secret_env: Option<String>,
    /// Day on which the secret expires; told 30, 14, 7 and 1 days ahead. A certificate says itself when it ends.
    #[schemars(with = "Option<Date>")]
    pub secret_expires: Option<Datetime>,
    /// Certificate, PEM, instead of a secret.
    pub certificate: Option<PathBuf>,
    /// Private key of that certificate, PEM.
    pub certificate_key: Option<PathBuf>,
    /// JSON key of a service account.
    pub service_account_key: Option<Hidden>,
    /// A file that holds `service-account-key`; read anew when it changes.
    pub service_account_key_file: Option<PathBuf>,
    /// The environment variable that holds `service-account-key`.
    pub service_account_key_env: Option<String>,
    /// A file with a token of another issuer, instead of a secret; read anew for each request. Default for workload-identity: $AZURE_FEDERATED_TOKEN_FILE.
    pub federated_token_file: Option<PathBuf>,
    /// How tokens are obtained. Default: authorization-code.
    pub grant: Option<Grant>,
    /// Redirect URI of the browser sign-in, where it matters. Default: any free loopback port.
    pub redirect_uri: Option<String>,
    /// Overrides the provider's scopes.
    pub scopes: Option<Vec<String>>,
    /// Asked for instead of scopes, at endpoints that know none (grant = "password").
    pub resource: Option<String>,
    /// Authorization endpoint.
    pub authorize_url: Option<String>,
    /// Token endpoint.
    pub token_url: Option<String>,
    /// Device authorization endpoint.
    pub device_url: Option<String>,
    /// Revocation endpoint.
    pub revoke_url: Option<String>,
    /// Base of Microsoft Graph.
    pub graph_url: Option<String>,
    /// Extra parameters of the authorization request.
    pub authorize_extra: Option<BTreeMap<String, String>>,
    /// Whether the authorization request carries a PKCE challenge. Default: true.
    pub pkce: Option<bool>,
    /// Whether a refresh token stays valid after it was exchanged.
    pub rotation: Option<Rotation>,
    /// Refresh tokens die after this many days without use.
    pub refresh_idle_days: Option<u16>,
    /// SMTP server, host:port.
    pub smtp: Option<String>,
    /// How the SMTP server does TLS.
    pub smtp_tls: Option<UpstreamTls>,
    /// IMAP server, host:port.
    pub imap: Option<String>,
    /// How the IMAP server does TLS.
    pub imap_tls: Option<UpstreamTls>,
    /// POP3 server, host:port.
    pub pop3: Option<String>,
    /// How the POP3 server does TLS.
    pub pop3_tls: Option<UpstreamTls>,
    /// The SASL mechanism that carries the token. Default: xoauth2.
    pub sasl: Option<Sasl>,
    /// EHLO keywords that the SMTP server is known to have, shown to clients before it was first seen.
    pub smtp_capabilities: Option<Vec<String>>,
    /// Capabilities that the IMAP server is known to have, shown to clients before it was first seen.
    pub imap_capabilities: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    Microsoft365,
    #[serde(rename = "microsoft365-gcc-high")]
    Microsoft365GccHigh,
    #[serde(rename = "microsoft365-dod")]
    Microsoft365Dod,
    #[serde(rename = "microsoft365-china")]
    Microsoft365China,
    Outlook,
    Google,
    Fastmail,
    Yahoo,
    Aol,
    Custom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    AuthorizationCode,
    DeviceCode,
    ClientCredentials,
    ServiceAccount,
    Password,
    ManagedIdentity,
    WorkloadIdentity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    OldStaysValid,
    OneTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamTls {
    Starttls,
    Implicit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sasl {
    Xoauth2,
    Oauthbearer,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Account {
    /// The mailbox. "*@contoso.com" stands for every mailbox of the domain.
    pub address: Option<String>,
    /// Name of the `[app.NAME]` to use. Default: the only one there is.
    pub app: Option<String>,
    /// What clients type: an argon2id hash from `gatepost password`, or "first-use".
    pub password: Option<Hidden>,
    /// A file that holds `password`.
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds `password`.
    pub password_env: Option<String>,
    /// For "*@" accounts: a file with one user:hash per line, read again when it changes.
    pub passwords_file: Option<PathBuf>,
    /// Who consents; the delegate, for a shared mailbox. Default: address.
    pub sign_in_as: Option<String>,
    /// Password of `sign-in-as` at the provider, for grant = "password" alone.
    pub sign_in_password: Option<Hidden>,
    /// A file that holds `sign-in-password`.
    pub sign_in_password_file: Option<PathBuf>,
    /// The environment variable that holds `sign-in-password`.
    pub sign_in_password_env: Option<String>,
    /// User name at the IMAP and POP3 servers. Default: address.
    pub imap_user: Option<String>,
    /// User name at the SMTP server. Default: sign-in-as.
    pub smtp_user: Option<String>,
    /// Addresses or "*@domain" allowed in MAIL FROM, From and Sender. Default: address. For "*@" they come to each one's own address.
    pub send_as: Option<Vec<String>>,
    /// smtp | graph | smtp-then-graph (on 5.7.139 only). Default: smtp.
    pub outbound: Option<Outbound>,
    /// direct | queue. Default: direct.
    pub delivery: Option<Delivery>,
    /// What the provider allows for this mailbox. What one account says holds for all with the same smtp-user; of different figures the smallest.
    pub limits: Option<Limits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outbound {
    Smtp,
    Graph,
    SmtpThenGraph,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    Direct,
    Queue,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// SMTP connections to the provider at the same time. Default: 3.
    pub connections: Option<u32>,
    /// Messages a minute. Default: 30.
    pub messages_per_minute: Option<u32>,
    /// Recipients a day. Default: 10000.
    pub recipients_per_day: Option<u32>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Client {
    /// What logs and pages call it.
    pub name: Option<String>,
    /// Address of the account it uses.
    pub account: Option<String>,
    /// Addresses or blocks it connects from; without a login they alone admit (SMTP only).
    pub from: Option<Vec<String>>,
    /// User name that it types; needs a password.
    pub login: Option<String>,
    /// argon2id hash from `gatepost password`.
    pub password: Option<Hidden>,
    /// A file that holds `password`.
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds `password`.
    pub password_env: Option<String>,
    /// keep | force (envelope and From become the account's, the old From goes to Reply-To). Default: keep.
    pub sender: Option<Sender>,
    /// Recipients it may write to: addresses or "*@domain". Default: any.
    pub recipients: Option<Vec<String>>,
    /// Octets of its largest message. Default: what the mail server takes.
    pub max_bytes: Option<u64>,
    /// Whether missing Date, Message-ID and From, bad display names and missing <> are mended. Default: true for clients without a login.
    pub repair: Option<bool>,
    /// Overrides the account's delivery.
    pub delivery: Option<Delivery>,
    /// Commissioning: messages are kept on hold in the queue, nothing is sent. Default: false.
    pub capture: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    Keep,
    Force,
}

/// A string that may be a secret: it deserialises into one and cannot be printed.
#[derive(Clone, Default)]
pub struct Hidden(pub Secret);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Hidden {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

/// A calendar day, in the schema alone: TOML has a type of its own for it.
struct Date;

impl JsonSchema for Date {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "date".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date" })
    }
}
