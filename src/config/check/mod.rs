//! From what was typed to what runs. Every section is checked whatever the others say, so that all problems come at
//! once; a [`Config`] comes out only if none of them is an error.

mod account;
mod app;
mod client;
mod domain;
mod hash;
mod listener;
mod notify;
mod outbound;
mod place;
mod proof;
mod secret;
mod sending;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use url::Url;

use super::{
    Config, Surroundings,
    document::Document,
    exposure,
    key::Key,
    later,
    model::{Console, Daemon, Queue},
    problem::{Problem, Severity},
    raw,
};
use crate::{
    account::{Proxies, destinations, uses},
    base::Secret,
    net::{Network, Proxy},
    store,
};

/// In the state directory, where `[store] url` names no other.
pub const DATABASE: &str = "gatepost.db";

/// What of a file that is refused is sound: enough to find the daemon that runs on with what it read before. Nothing may
/// run on it.
pub fn salvage(document: &Document, file: raw::File, around: &Surroundings) -> Option<Config> {
    Checker { document, around, problems: Vec::new(), accounts: Vec::new() }.config(file)
}

/// Collects problems while the sections are checked.
pub struct Checker<'a> {
    document: &'a Document<'a>,
    pub around: &'a Surroundings,
    problems: Vec<Problem>,
    /// Whom commands name: addresses, and the app that each names.
    accounts: Vec<(String, Option<String>)>,
}

/// The checked configuration, unless a problem is an error.
pub fn check(
    document: &Document,
    file: raw::File,
    problems: Vec<Problem>,
    around: &Surroundings,
) -> (Option<Config>, Vec<Problem>) {
    let named = file.account.iter().filter_map(|account| Some((account.address.clone()?, account.app.clone())));
    let accounts = named.filter(|(address, _)| !address.starts_with('*')).collect();
    let mut checker = Checker { document, around, problems, accounts };
    later::refuse(&mut checker, &file);
    let has_account = !file.account.is_empty();
    let config = checker.config(file);
    let refused = checker.problems.iter().any(|p| p.severity == Severity::Error);
    checker.problems.extend((!refused && !has_account).then(without_account));
    (config.filter(|_| !refused), checker.problems)
}

/// It has no place in the file.
fn without_account() -> Problem {
    let text = "there is no [[account]], so nobody can log in and no mail passes".to_owned();
    let hint = Some("`gatepost setup` asks what it needs to know and adds one".to_owned());
    Problem { severity: Severity::Warning, line: 0, column: 0, key: Key::default(), text, hint }
}

impl Checker<'_> {
    pub fn error(&mut self, key: &Key, text: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(self.document.problem(Severity::Error, key, text.into(), Some(hint.into())));
    }

    pub fn warning(&mut self, key: &Key, text: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(self.document.problem(Severity::Warning, key, text.into(), Some(hint.into())));
    }

    /// Reports a missing key, unless it is there and was reported already as something else.
    fn missing(&mut self, table: &Key, name: &str, hint: &str) {
        if !self.document.has(&table.field(name)) {
            self.error(table, format!("`{table}` needs `{name}`"), hint);
        }
    }

    fn config(&mut self, file: raw::File) -> Option<Config> {
        let store = self.store(&file.store);
        let console = self.console(&file.console);
        let network = self.network(&file.network);
        let queue = self.queue(&file.queue);
        let notify = self.notify(&file.notify);
        let daemon = Daemon {
            drain: Duration::from_secs(file.daemon.drain_seconds.unwrap_or(10)),
            sign_on: Duration::from_secs(file.daemon.sign_on_seconds.unwrap_or(55)),
        };
        let listeners = self.listeners(&file.listener);
        let apps = self.apps(&file);
        let secret_expiry = self.secret_expiry(&file.app);
        let (mut accounts, mut domains) = self.accounts(&file, &apps, &listeners);
        let protocols = listeners.iter().map(|(_, listener)| listener.protocol).collect();
        let used = uses(accounts.iter().map(|(_, one)| one), domains.iter().map(|(_, one)| one));
        let told = notify.webhook.as_ref().and_then(notify::server_of);
        let told = told.as_ref().map(|(host, port)| (host.as_str(), *port));
        let proxies = Proxies::new(&network, told, &destinations(&used, &protocols));
        accounts.iter_mut().for_each(|(_, one)| Arc::make_mut(one).proxies.clone_from(&proxies));
        domains.iter_mut().for_each(|(_, one)| Arc::make_mut(one).proxies.clone_from(&proxies));
        let clients = self.clients(&file.client, &accounts, &domains);
        exposure::refuse(self, &listeners, &accounts, &domains, &clients);
        Some(Config {
            store: store?,
            console: console?,
            daemon,
            network,
            queue,
            notify,
            listeners: listeners.into_iter().map(|(_, listener)| listener).collect(),
            apps,
            secret_expiry,
            accounts: accounts.into_iter().map(|(_, account)| account).collect(),
            domains: domains.into_iter().map(|(_, domain)| domain).collect(),
            clients: clients.into_iter().map(|(_, client)| client).collect(),
            proxies,
        })
    }

    fn store(&mut self, raw: &raw::Store) -> Option<store::Settings> {
        let table = Key::of("store");
        let url = self.secret(&table, "url", raw.url.as_ref(), raw.url_file.as_deref(), raw.url_env.as_deref());
        let database = match url.as_ref().map(|url| url.expose()) {
            None => match self.around.state_directory() {
                Some(directory) => directory.join(DATABASE),
                None => {
                    self.error(
                        &table,
                        "no place for state: none of $STATE_DIRECTORY, $XDG_STATE_HOME and $HOME is set",
                        "add to [store]: url = \"sqlite:///var/lib/gatepost/gatepost.db\"",
                    );
                    return None;
                }
            },
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                self.error(
                    &table.field("url"),
                    "a PostgreSQL store is not available in this version",
                    "use url = \"sqlite:///path/to/gatepost.db\"",
                );
                return None;
            }
            Some(url) => match url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest)) {
                Some(path) if !path.is_empty() && !path.contains('?') => self.around.path(Path::new(path)),
                _ => {
                    self.error(&table.field("url"), "`store.url` is not a SQLite URL", "sqlite:///path/to/gatepost.db");
                    return None;
                }
            },
        };
        let beside = database.parent().unwrap_or(Path::new("/")).join("key");
        let key_file = raw.key_file.as_ref().map(|path| self.around.path(path)).unwrap_or(beside);
        let key = self.sealing_key(raw);
        let settings = store::Settings { url: format!("sqlite://{}", database.display()), key_file, key };
        self.sealed_by(&settings);
        Some(settings)
    }

    fn sealing_key(&mut self, raw: &raw::Store) -> Option<Secret> {
        let table = Key::of("store");
        if raw.key_file.is_some() && (raw.key.is_some() || raw.key_env.is_some()) {
            let hint = "keep one of `key`, `key-file` and `key-env`";
            self.error(&table.field("key-file"), "`store.key` is given more than once", hint);
        }
        let key = self.secret(&table, "key", raw.key.as_ref(), None, raw.key_env.as_deref())?;
        if let Err(why) = store::parse_key(&key) {
            let name = if raw.key.is_some() { "key" } else { "key-env" };
            let text = format!("`store.{name}` {why}; a key is the base64 of 32 bytes");
            self.error(&table.field(name), text, "make one: openssl rand -base64 32");
        }
        Some(key)
    }

    fn console(&mut self, raw: &raw::Console) -> Option<Console> {
        let table = Key::of("console");
        let (plain, file, env) = (raw.password.as_ref(), raw.password_file.as_deref(), raw.password_env.as_deref());
        let password = self.hash(&table, plain, file, env);
        let written = raw.listen.as_deref().unwrap_or("127.0.0.1:8425");
        if written == "off" {
            return Some(Console { listen: None, password });
        }
        let Ok(listen) = written.parse::<SocketAddr>() else {
            let text = format!("`console.listen`: \"{}\" is not an address with a port", shown(written));
            self.error(&table.field("listen"), text, "for example \"127.0.0.1:8425\", or \"off\"");
            return None;
        };
        let given = self.document.has(&table.field("password")) || password.is_some();
        if !listen.ip().to_canonical().is_loopback() && !given {
            self.error(
                &table.field("listen"),
                format!("the console listens on {listen}, wider than this machine, without a password"),
                "add to [console]: password = \"$argon2id$...\" (made by `gatepost password`), or listen = \"127.0.0.1:8425\"",
            );
        }
        Some(Console { listen: Some(listen), password })
    }

    fn network(&mut self, raw: &raw::Network) -> Network {
        let table = Key::of("network");
        let (file, env) = (raw.http_proxy_file.as_deref(), raw.http_proxy_env.as_deref());
        let http_proxy = self.secret(&table, "http-proxy", raw.http_proxy.as_ref(), file, env);
        let http_place = self.whereabouts("http-proxy", file, env);
        let (file, env) = (raw.mail_proxy_file.as_deref(), raw.mail_proxy_env.as_deref());
        let mail_proxy = self.secret(&table, "mail-proxy", raw.mail_proxy.as_ref(), file, env);
        let mail_place = self.whereabouts("mail-proxy", file, env);
        let mut proxy = |name: &str, url: Option<Secret>, key: &'static str, place: String| {
            Proxy::parse(url?.expose())
                .map(|proxy| Proxy { key, place, ..proxy })
                .map_err(|why| {
                    let hint = "for example \"http://proxy:3128\", \"http://USER:PASSWORD@proxy:3128\" or \"socks5://proxy:1080\"";
                    self.error(&table.field(name), format!("`network.{name}` {why}"), hint);
                })
                .ok()
        };
        let http = [raw.http_proxy.is_some(), raw.http_proxy_file.is_some()];
        let mail = [raw.mail_proxy.is_some(), raw.mail_proxy_file.is_some()];
        let http_key = form(["http-proxy", "http-proxy-file", "http-proxy-env"], http);
        let mail_key = form(["mail-proxy", "mail-proxy-file", "mail-proxy-env"], mail);
        let http_proxy = proxy("http-proxy", http_proxy, http_key, http_place);
        let mail_proxy = proxy("mail-proxy", mail_proxy, mail_key, mail_place);
        let ca_file = raw.ca_file.as_ref().map(|path| self.authorities(&table.field("ca-file"), path));
        Network { http_proxy, mail_proxy, ca_file }
    }

    fn queue(&mut self, raw: &raw::Queue) -> Queue {
        let table = Key::of("queue");
        if let Some(postmaster) = &raw.postmaster {
            self.mailbox(&table.field("postmaster"), postmaster);
        }
        let max_age = Duration::from_secs(u64::from(raw.max_age_hours.unwrap_or(120)) * 3600);
        Queue { max_age, max_bytes: raw.max_bytes.unwrap_or(10_000_000_000), postmaster: raw.postmaster.clone() }
    }

    /// One that `config show` and the bundle show, so that nobody may hide a password in it.
    fn shown_url(&mut self, key: &Key, written: &str) -> Option<Url> {
        let url = self.safe_url(key, written)?;
        if url.username().is_empty() && url.password().is_none() {
            return Some(url);
        }
        let text =
            format!("`{key}` has a user or a password in it, and it is shown to whoever asks for the configuration");
        self.error(key, text, "take out what stands before the @; an app proves itself with client-secret-file");
        None
    }

    /// https, or plain http to a loopback address. The value is never shown: a URL may hold a secret.
    fn safe_url(&mut self, key: &Key, written: &str) -> Option<Url> {
        match Url::parse(written) {
            Ok(url) if url.scheme() == "https" && url.has_host() => return Some(url),
            Ok(url) if url.scheme() == "http" && is_loopback(&url) => return Some(url),
            Ok(url) if url.scheme() == "http" => {
                let text = format!("`{key}` is plain http: tokens and secrets would cross the network unprotected");
                self.error(key, text, "write https://; http:// is accepted for loopback addresses only");
            }
            _ => self.error(key, format!("`{key}` is not a URL"), "for example \"https://login.example.com/token\""),
        }
        None
    }
}

/// The key of a secret that is there, of its three forms.
const fn form([plain, file, variable]: [&'static str; 3], there: [bool; 2]) -> &'static str {
    match there {
        [true, _] => plain,
        [false, true] => file,
        [false, false] => variable,
    }
}

/// Expiry days of secrets and certificates, by app.
pub type SecretExpiry = BTreeMap<String, jiff::civil::Date>;

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What was written, safe to repeat in a problem.
fn shown(written: &str) -> String {
    crate::base::printable(written, 80)
}
