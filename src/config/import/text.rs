//! The draft as a configuration: TOML that a person goes on with, with a remark where each part came from.
//!
//! Secrets are not in it, hashes of passwords are: it names the files in which the secrets are.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{
    draft::{Draft, DraftAccount, DraftApp, DraftPassword, PROXY_FILE},
    found::{FoundListener, FoundProof},
    servers::Override,
};
use crate::{
    base::printable,
    config::{provider::preset, raw},
    net::UpstreamTls,
};

impl Draft {
    /// Files with secrets are, or will be, in `folder`.
    pub fn toml(&self, folder: &Path) -> String {
        let mut page = Page { text: String::new(), folder };
        page.remark(&format!("Made by `gatepost import` from a configuration of {}.", self.program));
        page.remark("Every key, with its default: config/gatepost.toml of Gatepost, or `gatepost config schema`.");
        page.network(self);
        self.listeners.iter().for_each(|listener| page.listener(listener));
        self.apps.iter().for_each(|app| page.app(app));
        let one_app = self.apps.len() == 1;
        let wide = self.listeners.iter().any(FoundListener::is_wide);
        self.accounts.iter().for_each(|account| page.account(account, one_app, wide));
        page.text
    }
}

struct Page<'a> {
    text: String,
    folder: &'a Path,
}

impl Page<'_> {
    fn remark(&mut self, text: &str) {
        // A line end in a name of the old file must not end the comment.
        let _ = writeln!(self.text, "# {}", printable(text, 300));
    }

    fn table(&mut self, header: &str, origin: Option<&str>) {
        self.text.push('\n');
        if let Some(origin) = origin {
            self.remark(&format!("from {origin}"));
        }
        let _ = writeln!(self.text, "{header}");
    }

    fn key(&mut self, key: &str, value: impl Into<Value>) {
        let _ = writeln!(self.text, "{key} = {}", value.into());
    }

    fn some<V: Into<Value>>(&mut self, key: &str, value: Option<V>) {
        if let Some(value) = value {
            self.key(key, value);
        }
    }

    fn file(&mut self, key: &str, name: &str) {
        self.key(key, shown(&self.folder.join(name)));
    }

    fn network(&mut self, draft: &Draft) {
        if draft.http_proxy.is_none() && draft.ca_file.is_none() {
            return;
        }
        self.table("[network]", None);
        if draft.http_proxy.is_some() {
            self.file("http-proxy-file", PROXY_FILE);
        }
        self.some("ca-file", draft.ca_file.clone());
    }

    fn listener(&mut self, listener: &FoundListener) {
        self.table("[[listener]]", Some(&listener.origin));
        self.key("protocol", protocol(listener.protocol));
        self.key("listen", listener.listen.clone());
        self.some("tls", listener.tls.map(listener_tls));
        if let Some((certificate, key)) = &listener.certificate {
            self.key("certificate", certificate.clone());
            self.key("key", key.clone());
        }
    }

    fn app(&mut self, DraftApp { name, app, secret }: &DraftApp) {
        self.table(&format!("[app.{name}]"), None);
        self.key("provider", preset(app.provider).name);
        self.some("tenant", app.tenant.clone());
        self.some("client-id", app.client_id.clone());
        let own_file = DraftApp { name: name.clone(), app: app.clone(), secret: None }.file_name();
        match &app.proof {
            FoundProof::Certificate { certificate, key } => {
                self.key("certificate", certificate.clone());
                self.key("certificate-key", key.clone());
            }
            FoundProof::ServiceAccountFile(_) => match secret {
                Some(path) => self.key("service-account-key-file", path.expose()),
                None => self.remark("service-account-key-file: its path is sealed in the old file; --write opens it"),
            },
            FoundProof::ServiceAccountKey(_) => self.file("service-account-key-file", &own_file.unwrap_or_default()),
            FoundProof::Secret(_) | FoundProof::MailPassword if secret.is_some() => {
                self.file("client-secret-file", &own_file.unwrap_or_default());
            }
            FoundProof::Secret(_) | FoundProof::MailPassword => {
                self.remark("client-secret-file: sealed in the old file; --write opens it with the mail password");
            }
            FoundProof::None => {}
        }
        if app.grant != raw::Grant::AuthorizationCode {
            self.key("grant", grant(app.grant));
        }
        self.some("redirect-uri", app.redirect_uri.clone());
        if app.scopes.is_some() && app.is_attended() {
            self.remark("as the old file has them: a sign-in that was taken over asks for no more");
        }
        self.some("scopes", app.scopes.clone());
        self.some("resource", app.resource.clone());
        self.some("authorize-url", app.authorize_url.clone());
        self.some("token-url", app.token_url.clone());
        self.some("device-url", app.device_url.clone());
        if !app.authorize_extra.is_empty() {
            let extra: toml::Table =
                app.authorize_extra.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            self.key("authorize-extra", extra);
        }
        self.upstream("smtp", app.smtp.as_ref());
        self.upstream("imap", app.imap.as_ref());
        self.upstream("pop3", app.pop3.as_ref());
    }

    fn upstream(&mut self, key: &str, server: Option<&Override>) {
        let Some(Override { server, tls }) = server else { return };
        self.key(key, server.clone());
        self.some(&format!("{key}-tls"), tls.map(upstream_tls));
    }

    fn account(&mut self, account: &DraftAccount, one_app: bool, wide: bool) {
        self.table("[[account]]", Some(&account.origin));
        self.key("address", account.address.clone());
        if !one_app {
            self.key("app", account.app.clone());
        }
        if account.is_sealed && matches!(account.password, DraftPassword::Open) {
            self.remark("with --write: the hash of its mail password, which opens its sign-in");
        }
        match &account.password {
            _ if account.passwords.is_some() => self.file("passwords-file", &account.passwords_name()),
            DraftPassword::Hash(hash) => self.key("password", hash.expose()),
            DraftPassword::Kept(kept) => self.key(kept.key, kept.value.expose()),
            DraftPassword::FirstUse => self.key("password", "first-use"),
            DraftPassword::Open if account.attended && !wide => self.key("password", "first-use"),
            DraftPassword::Open => self.remark("password: --write asks for it, and puts its hash here"),
        }
        self.some("sign-in-as", account.sign_in_as.clone());
        if account.sign_in_password.is_some() {
            self.file("sign-in-password-file", &account.sign_in_name());
        }
    }
}

/// Absolute, so that the configuration can be moved.
fn shown(path: &PathBuf) -> String {
    std::path::absolute(path).as_ref().unwrap_or(path).display().to_string()
}

fn protocol(protocol: raw::Protocol) -> &'static str {
    match protocol {
        raw::Protocol::Smtp => "smtp",
        raw::Protocol::Imap => "imap",
        raw::Protocol::Pop3 => "pop3",
    }
}

fn listener_tls(tls: raw::ListenerTls) -> &'static str {
    match tls {
        raw::ListenerTls::Off => "off",
        raw::ListenerTls::Starttls => "starttls",
        raw::ListenerTls::StarttlsRequired => "starttls-required",
        raw::ListenerTls::Implicit => "implicit",
        raw::ListenerTls::Auto => "auto",
    }
}

fn upstream_tls(tls: UpstreamTls) -> &'static str {
    match tls {
        UpstreamTls::StartTls => "starttls",
        UpstreamTls::Implicit => "implicit",
    }
}

fn grant(grant: raw::Grant) -> &'static str {
    crate::oauth::Grant::from(grant).as_str()
}
