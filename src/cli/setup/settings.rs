//! `--set TABLE.KEY=VALUE` and `--listen PROTOCOL=ADDRESS:PORT`: keys of the configuration that no question asks for.
//!
//! Secrets are refused: every user of a machine sees the arguments of its processes.

use std::net::SocketAddr;

use toml::{Table, Value};

use super::words::Trouble;
use crate::base::{Lang, printable};

/// Tables that stand once in a file.
pub const TABLES: [&str; 6] = ["store", "console", "queue", "daemon", "notify", "network"];
/// What may be a secret; each has a form with `-file`.
const SECRETS: [&str; 6] = ["client-secret", "service-account-key", "password", "sign-in-password", "webhook", "key"];
const MAY_HOLD_ONE: [&str; 3] = ["http-proxy", "mail-proxy", "url"];

/// What has a flag of its own.
const FLAGS: [((&str, &str), &str); 13] = [
    (("app", "provider"), "--provider"),
    (("app", "tenant"), "--tenant"),
    (("app", "client-id"), "--client-id"),
    (("app", "grant"), "--grant"),
    (("app", "client-secret-file"), "--client-secret-file"),
    (("app", "certificate"), "--certificate"),
    (("app", "certificate-key"), "--certificate-key"),
    (("account", "address"), "--address"),
    (("account", "app"), "--client-id"),
    (("account", "sign-in-as"), "--address"),
    (("account", "password-file"), "--password-stdin"),
    (("account", "password-env"), "--password-stdin"),
    (("account", "outbound"), "--outbound"),
];

#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub table: String,
    pub key: String,
    pub value: Value,
}

impl Setting {
    pub fn parse(written: &str) -> Result<Self, Trouble> {
        let wrong = || Trouble::NotASetting { typed: printable(written, 80) };
        let (place, value) = written.split_once('=').ok_or_else(wrong)?;
        let (table, key) = place.trim().split_once('.').ok_or_else(wrong)?;
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_key || !(TABLES.contains(&table) || matches!(table, "app" | "account")) {
            return Err(wrong());
        }
        let value = value.trim();
        if let Some((_, flag)) = FLAGS.iter().find(|(flagged, _)| *flagged == (table, key)) {
            return Err(Trouble::HasAFlag { key: format!("{table}.{key}"), flag });
        }
        if SECRETS.contains(&key) || (MAY_HOLD_ONE.contains(&key) && value.contains('@')) {
            return Err(Trouble::SecretInArgument { key: format!("{table}.{key}") });
        }
        Ok(Self { table: table.to_owned(), key: key.to_owned(), value: value_of(value) })
    }

    /// Who is told hears it in the language of whoever set it up: a daemon has no terminal. English goes without saying.
    pub fn of_notices(lang: Lang) -> Option<Self> {
        let lang = Some(lang).filter(|lang| *lang != Lang::default())?;
        Some(Self { table: "notify".to_owned(), key: "lang".to_owned(), value: Value::from(lang.tag()) })
    }

    pub fn is_of_file(&self) -> bool {
        TABLES.contains(&self.table.as_str())
    }
}

/// As TOML where it is some, else as a string: addresses and paths need no quotes.
fn value_of(written: &str) -> Value {
    let toml: Option<Table> = if written.contains('\n') { None } else { format!("x = {written}").parse().ok() };
    toml.and_then(|mut table| table.remove("x")).unwrap_or_else(|| Value::String(written.to_owned()))
}

/// A listener to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub protocol: &'static str,
    pub address: SocketAddr,
}

impl Listen {
    pub fn parse(written: &str) -> Result<Self, Trouble> {
        let wrong = || Trouble::NotAListener { typed: printable(written, 80) };
        let (protocol, address) = written.split_once('=').ok_or_else(wrong)?;
        let known = ["smtp", "imap", "pop3"].into_iter().find(|known| *known == protocol.trim());
        Ok(Self { protocol: known.ok_or_else(wrong)?, address: address.trim().parse().map_err(|_| wrong())? })
    }

    /// Others than this machine reach it.
    pub fn is_wide(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_where_they_are_some_and_strings_where_not() {
        for (written, value) in [
            ("console.listen=off", Value::from("off")),
            ("app.pkce=false", Value::from(false)),
            ("app.token-url=https://login.example/a=b", Value::from("https://login.example/a=b")),
            ("network.ca-file=/etc/ssl/extra.pem", Value::from("/etc/ssl/extra.pem")),
            ("app.scopes=[\"a\", \"b\"]", Value::from(vec!["a", "b"])),
            ("queue.max-age-hours=24", Value::from(24)),
            ("app.x=a\nb", Value::from("a\nb")),
        ] {
            assert_eq!(Setting::parse(written).unwrap().value, value, "{written}");
        }
    }

    #[test]
    fn what_is_no_setting_or_a_secret_is_refused() {
        for wrong in ["x", "console=off", "listener.protocol=smtp", "app.=x", "app.a b=x", ".x=1", "app.A=1"] {
            assert!(matches!(Setting::parse(wrong), Err(Trouble::NotASetting { .. })), "{wrong}");
        }
        for secret in ["app.client-secret=x", "network.http-proxy=http://a:b@proxy:3128", "store.key=x"] {
            assert!(matches!(Setting::parse(secret), Err(Trouble::SecretInArgument { .. })), "{secret}");
        }
        assert!(Setting::parse("network.http-proxy=http://proxy:3128").is_ok());
        assert!(matches!(Setting::parse("app.client-secret-file=/x"), Err(Trouble::HasAFlag { .. })));
    }

    #[test]
    fn a_listener_is_a_protocol_and_an_address() {
        assert!(Listen::parse("smtp=192.168.10.2:1587").unwrap().is_wide());
        assert!(!Listen::parse("imap=[::1]:1993").unwrap().is_wide());
        for wrong in ["smtp", "http=127.0.0.1:1", "smtp=host:587", "smtp=127.0.0.1"] {
            assert!(Listen::parse(wrong).is_err(), "{wrong}");
        }
    }
}
