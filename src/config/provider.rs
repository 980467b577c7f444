//! What is known about each provider, as one table. Every field can be overridden in `[app.NAME]`.
//!
//! `{tenant}` in a URL stands for the tenant. Hosts, scopes and capability words: facts of the providers' own
//! documentation and of published logs; `custom` is the row in which nothing is known.

use super::raw;
use crate::{
    base::Sasl,
    net::UpstreamTls::{self, Implicit, StartTls},
    oauth::{Grant, Rotation},
};

/// Host, port and TLS of one server.
pub type Server = Option<(&'static str, u16, UpstreamTls)>;

#[derive(Debug, Clone, Copy)]
pub struct Preset {
    pub name: &'static str,
    pub authorize_url: Option<&'static str>,
    pub token_url: Option<&'static str>,
    /// `None`: no device flow for mail scopes.
    pub device_url: Option<&'static str>,
    pub revoke_url: Option<&'static str>,
    pub graph_url: Option<&'static str>,
    /// What Graph's scopes begin with in this cloud.
    pub graph_resource: &'static str,
    /// `None`: the provider knows no tenants.
    pub default_tenant: Option<&'static str>,
    /// What the provider gives tokens for, besides device codes, for which it needs a `device_url`.
    pub grants: &'static [Grant],
    pub scopes: &'static [&'static str],
    /// Of the grants in which the app, and no person, proves its right.
    pub app_only_scopes: &'static [&'static str],
    /// Token endpoint and resource for passwords, where they differ from those of the other grants.
    pub password: Option<(&'static str, &'static str)>,
    pub authorize_extra: &'static [(&'static str, &'static str)],
    pub pkce: bool,
    pub rotation: Rotation,
    pub refresh_idle_days: Option<u16>,
    pub sasl: Sasl,
    pub smtp: Server,
    pub imap: Server,
    pub pop3: Server,
    pub smtp_capabilities: &'static [&'static str],
    pub imap_capabilities: &'static [&'static str],
}

/// Exchange Online's EHLO list less CHUNKING and BINARYMIME, which are never offered to a client.
const EXCHANGE_SMTP: &[&str] = &["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"];

/// Common to the list before the 2026 front end and the one after it.
const EXCHANGE_IMAP: &[&str] = &[
    "IMAP4",
    "IMAP4rev1",
    "SASL-IR",
    "UIDPLUS",
    "MOVE",
    "ID",
    "UNSELECT",
    "CHILDREN",
    "IDLE",
    "NAMESPACE",
    "LITERAL+",
];

const ENTRA_GRANTS: &[Grant] = &[
    Grant::AuthorizationCode,
    Grant::ClientCredentials,
    Grant::Password,
    Grant::WorkloadIdentity,
    Grant::ManagedIdentity,
];

/// Refresh tokens of Entra ID: 90 days of inactivity, rolling; a refresh does not revoke the old one.
const MICROSOFT365: Preset = Preset {
    name: "microsoft365",
    authorize_url: Some("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"),
    token_url: Some("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
    device_url: Some("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode"),
    revoke_url: None,
    graph_url: Some("https://graph.microsoft.com/v1.0"),
    graph_resource: "https://graph.microsoft.com",
    default_tenant: Some("organizations"),
    grants: ENTRA_GRANTS,
    // All three mail scopes are one resource: one token serves IMAP, POP3 and SMTP.
    scopes: &[
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/POP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
        "offline_access",
        // So that an ID token says who consented.
        "openid",
        "profile",
    ],
    app_only_scopes: &["https://outlook.office365.com/.default"],
    password: None,
    authorize_extra: &[],
    pkce: true,
    rotation: Rotation::OldStaysValid,
    refresh_idle_days: Some(90),
    // Exchange Online offers XOAUTH2 only, never OAUTHBEARER.
    sasl: Sasl::Xoauth2,
    smtp: Some(("smtp.office365.com", 587, StartTls)),
    imap: Some(("outlook.office365.com", 993, Implicit)),
    pop3: Some(("outlook.office365.com", 995, Implicit)),
    smtp_capabilities: EXCHANGE_SMTP,
    imap_capabilities: EXCHANGE_IMAP,
};

const MICROSOFT365_GCC_HIGH: Preset = Preset {
    name: "microsoft365-gcc-high",
    authorize_url: Some("https://login.microsoftonline.us/{tenant}/oauth2/v2.0/authorize"),
    token_url: Some("https://login.microsoftonline.us/{tenant}/oauth2/v2.0/token"),
    device_url: Some("https://login.microsoftonline.us/{tenant}/oauth2/v2.0/devicecode"),
    graph_url: Some("https://graph.microsoft.us/v1.0"),
    graph_resource: "https://graph.microsoft.us",
    scopes: &[
        "https://outlook.office365.us/IMAP.AccessAsUser.All",
        "https://outlook.office365.us/POP.AccessAsUser.All",
        "https://outlook.office365.us/SMTP.Send",
        "offline_access",
        "openid",
        "profile",
    ],
    app_only_scopes: &["https://outlook.office365.us/.default"],
    smtp: Some(("smtp.office365.us", 587, StartTls)),
    imap: Some(("outlook.office365.us", 993, Implicit)),
    pop3: Some(("outlook.office365.us", 995, Implicit)),
    ..MICROSOFT365
};

const MICROSOFT365_DOD: Preset = Preset {
    name: "microsoft365-dod",
    graph_url: Some("https://dod-graph.microsoft.us/v1.0"),
    graph_resource: "https://dod-graph.microsoft.us",
    smtp: Some(("outlook-dod.office365.us", 587, StartTls)),
    imap: Some(("outlook-dod.office365.us", 993, Implicit)),
    pop3: Some(("outlook-dod.office365.us", 995, Implicit)),
    ..MICROSOFT365_GCC_HIGH
};

const MICROSOFT365_CHINA: Preset = Preset {
    name: "microsoft365-china",
    authorize_url: Some("https://login.partner.microsoftonline.cn/{tenant}/oauth2/v2.0/authorize"),
    token_url: Some("https://login.partner.microsoftonline.cn/{tenant}/oauth2/v2.0/token"),
    device_url: Some("https://login.partner.microsoftonline.cn/{tenant}/oauth2/v2.0/devicecode"),
    graph_url: Some("https://microsoftgraph.chinacloudapi.cn/v1.0"),
    graph_resource: "https://microsoftgraph.chinacloudapi.cn",
    scopes: &[
        "https://partner.outlook.cn/IMAP.AccessAsUser.All",
        "https://partner.outlook.cn/POP.AccessAsUser.All",
        "https://partner.outlook.cn/SMTP.Send",
        "offline_access",
        "openid",
        "profile",
    ],
    app_only_scopes: &["https://partner.outlook.cn/.default"],
    password: Some(("https://login.partner.microsoftonline.cn/{tenant}/oauth2/token", "https://partner.outlook.cn")),
    smtp: Some(("partner.outlook.cn", 587, StartTls)),
    imap: Some(("partner.outlook.cn", 993, Implicit)),
    pop3: Some(("partner.outlook.cn", 995, Implicit)),
    ..MICROSOFT365
};

/// Consumer accounts: the same scopes, a tenant of their own, no app-only access.
const OUTLOOK: Preset = Preset {
    name: "outlook",
    default_tenant: Some("consumers"),
    grants: &[Grant::AuthorizationCode],
    app_only_scopes: &[],
    smtp: Some(("smtp-mail.outlook.com", 587, StartTls)),
    ..MICROSOFT365
};

/// No device flow: it refuses mail scopes. Without offline + consent no refresh token comes back; six months unused
/// end it. A refresh token is not rotated.
const GOOGLE: Preset = Preset {
    name: "google",
    authorize_url: Some("https://accounts.google.com/o/oauth2/v2/auth"),
    token_url: Some("https://oauth2.googleapis.com/token"),
    revoke_url: Some("https://oauth2.googleapis.com/revoke"),
    grants: &[Grant::AuthorizationCode, Grant::ServiceAccount],
    // One scope for all three protocols; gmail.send is not enough for SMTP.
    scopes: &["https://mail.google.com/", "openid", "email"],
    // Each one more would have to be delegated too.
    app_only_scopes: &["https://mail.google.com/"],
    authorize_extra: &[("access_type", "offline"), ("prompt", "consent")],
    pkce: true,
    refresh_idle_days: Some(180),
    smtp: Some(("smtp.gmail.com", 465, Implicit)),
    imap: Some(("imap.gmail.com", 993, Implicit)),
    pop3: Some(("pop.gmail.com", 995, Implicit)),
    smtp_capabilities: &["SIZE 35882577", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"],
    imap_capabilities: &["IMAP4rev1", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE"],
    ..CUSTOM
};

/// One-time refresh tokens: reuse revokes the grant.
const FASTMAIL: Preset = Preset {
    name: "fastmail",
    authorize_url: Some("https://api.fastmail.com/oauth/authorize"),
    token_url: Some("https://api.fastmail.com/oauth/refresh"),
    grants: &[Grant::AuthorizationCode],
    scopes: &[
        "https://www.fastmail.com/dev/protocol-imap",
        "https://www.fastmail.com/dev/protocol-pop",
        "https://www.fastmail.com/dev/protocol-smtp",
    ],
    rotation: Rotation::OneTime,
    sasl: Sasl::OauthBearer,
    smtp: Some(("smtp.fastmail.com", 465, Implicit)),
    imap: Some(("imap.fastmail.com", 993, Implicit)),
    pop3: Some(("pop.fastmail.com", 995, Implicit)),
    smtp_capabilities: &["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"],
    imap_capabilities: &["IMAP4rev1", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT", "CHILDREN", "IDLE", "NAMESPACE"],
    ..CUSTOM
};

const YAHOO: Preset = Preset {
    name: "yahoo",
    authorize_url: Some("https://api.login.yahoo.com/oauth2/request_auth"),
    token_url: Some("https://api.login.yahoo.com/oauth2/get_token"),
    grants: &[Grant::AuthorizationCode],
    scopes: &["mail-w"],
    rotation: Rotation::OldStaysValid,
    smtp: Some(("smtp.mail.yahoo.com", 465, Implicit)),
    imap: Some(("imap.mail.yahoo.com", 993, Implicit)),
    pop3: Some(("pop.mail.yahoo.com", 995, Implicit)),
    smtp_capabilities: &["PIPELINING", "8BITMIME"],
    imap_capabilities: &["IMAP4rev1", "SASL-IR", "ID", "IDLE", "NAMESPACE"],
    ..CUSTOM
};

const AOL: Preset = Preset {
    name: "aol",
    authorize_url: Some("https://api.login.aol.com/oauth2/request_auth"),
    token_url: Some("https://api.login.aol.com/oauth2/get_token"),
    smtp: Some(("smtp.aol.com", 465, Implicit)),
    imap: Some(("imap.aol.com", 993, Implicit)),
    pop3: Some(("pop.aol.com", 995, Implicit)),
    ..YAHOO
};

/// Nothing is known: the safe side of every choice.
const CUSTOM: Preset = Preset {
    name: "custom",
    authorize_url: None,
    token_url: None,
    device_url: None,
    revoke_url: None,
    graph_url: None,
    graph_resource: "https://graph.microsoft.com",
    default_tenant: None,
    grants: &[
        Grant::AuthorizationCode,
        Grant::ClientCredentials,
        Grant::ServiceAccount,
        Grant::Password,
        Grant::WorkloadIdentity,
        Grant::ManagedIdentity,
    ],
    scopes: &[],
    app_only_scopes: &[],
    password: None,
    authorize_extra: &[],
    pkce: true,
    rotation: Rotation::OldStaysValid,
    refresh_idle_days: None,
    sasl: Sasl::Xoauth2,
    smtp: None,
    imap: None,
    pop3: None,
    smtp_capabilities: &[],
    imap_capabilities: &[],
};

pub fn preset(provider: raw::Provider) -> &'static Preset {
    match provider {
        raw::Provider::Microsoft365 => &MICROSOFT365,
        raw::Provider::Microsoft365GccHigh => &MICROSOFT365_GCC_HIGH,
        raw::Provider::Microsoft365Dod => &MICROSOFT365_DOD,
        raw::Provider::Microsoft365China => &MICROSOFT365_CHINA,
        raw::Provider::Outlook => &OUTLOOK,
        raw::Provider::Google => &GOOGLE,
        raw::Provider::Fastmail => &FASTMAIL,
        raw::Provider::Yahoo => &YAHOO,
        raw::Provider::Aol => &AOL,
        raw::Provider::Custom => &CUSTOM,
    }
}

/// What may stand for a tenant of Entra: its id (a GUID), one of its domains, or a word for many. To anything else Entra
/// answers AADSTS900023.
pub fn may_be_tenant(written: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_word = || ["common", "organizations", "consumers"].iter().any(|word| word.eq_ignore_ascii_case(written));
    let is_id = || {
        let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
        written.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && written.split('-').all(is_hex)
    };
    written.split('.').all(is_label) && (written.contains('.') || is_id() || is_word())
}

/// Every row of the table.
pub const PRESETS: [&Preset; 10] = [
    &MICROSOFT365,
    &MICROSOFT365_GCC_HIGH,
    &MICROSOFT365_DOD,
    &MICROSOFT365_CHINA,
    &OUTLOOK,
    &GOOGLE,
    &FASTMAIL,
    &YAHOO,
    &AOL,
    &CUSTOM,
];
