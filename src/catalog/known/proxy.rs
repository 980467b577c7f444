//! What is in between on the way to a mail server or to the provider: a proxy, its key in the configuration, and what it has to
//! let through.
//!
//! It refuses to tell a user and a password: who reads a command here types their own.

use super::Known;
use crate::catalog::harmless::{is_harmless, is_harmless_path};

/// Where nothing is known of the configuration: that of Microsoft 365.
const NEEDED: [&str; 5] = [
    "login.microsoftonline.com:443",
    "smtp.office365.com:587",
    "outlook.office365.com:993",
    "outlook.office365.com:995",
    "graph.microsoft.com:443",
];
/// The port of the web.
const WEB: &str = ":443";

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Without user and password.
    pub url: String,
    /// The key of `[network]` under which it stands: `mail-proxy-file`.
    pub key: &'static str,
    /// The file or variable that this key names, else the key.
    pub place: String,
    /// As whom it is signed in to.
    pub user: Option<String>,
    /// All that the configuration sends through it, `host:port`; empty where there is none yet.
    pub carries: Vec<String>,
}

impl Known {
    pub(super) fn proxy_at(&self) -> String {
        let place = self.proxy.as_ref().map(|via| via.place.as_str()).filter(|place| is_harmless_path(place));
        let key = self.proxy.as_ref().map_or_else(|| self.proxy_name(), |via| via.key);
        place.unwrap_or(key).to_owned()
    }

    /// What a proxy has to allow: whoever asks for one server after the other to be allowed asks five times.
    pub(super) fn needed(&self) -> Vec<String> {
        let carries = self.proxy.as_ref().map_or(&self.carried, |via| &via.carries);
        let known: Vec<String> = carries.iter().filter(|one| is_harmless(one)).cloned().collect();
        if !known.is_empty() {
            return known;
        }
        if self.login.is_some() || self.tenant.is_some() || self.client_id.is_some() {
            return vec![format!("{}:{}", self.value("host"), self.value("port"))];
        }
        // With mail, where nobody says by which way it goes.
        let is_of_web = self.proxy.as_ref().is_some_and(|via| via.key.starts_with("http-proxy"));
        NEEDED.iter().filter(|one| !is_of_web || one.ends_with(WEB)).map(|one| (*one).to_owned()).collect()
    }

    /// Whether a proxy has to allow more than the port that each of them allows.
    pub(in crate::catalog) fn needs_other_ports(&self) -> bool {
        self.needed().iter().any(|one| !one.ends_with(WEB))
    }

    pub(super) fn proxy_with_login(&self) -> String {
        with_login(self.harmless_proxy().map_or("http://<host>:<port>", |via| &via.url))
    }

    /// The key under which the URL itself stands.
    pub(super) fn proxy_name(&self) -> &'static str {
        self.proxy
            .as_ref()
            .map(|via| via.key)
            .filter(|key| key.starts_with("mail-"))
            .map_or("http-proxy", |_| "mail-proxy")
    }

    /// The one that may name the same proxy.
    pub(super) fn other_proxy_name(&self) -> &'static str {
        if self.proxy_name() == "http-proxy" { "mail-proxy" } else { "http-proxy" }
    }

    pub(super) fn harmless_proxy(&self) -> Option<&Via> {
        harmless(&self.proxy)
    }

    pub(super) fn harmless_login_proxy(&self) -> Option<&Via> {
        harmless(&self.login_proxy)
    }
}

fn harmless(via: &Option<Via>) -> Option<&Via> {
    via.as_ref().filter(|via| is_harmless_path(&via.url))
}

/// In the form that it has in the configuration, if it is there: `mail-proxy-file`.
pub(super) fn key_of(via: &Option<Via>, usual: &str) -> String {
    via.as_ref().map(|via| via.key).filter(|key| key.starts_with(usual)).unwrap_or(usual).to_owned()
}

/// As the configuration takes it.
fn with_login(url: &str) -> String {
    url.replacen("://", "://<user>:<password>@", 1)
}
