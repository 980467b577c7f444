//! What runs: the checked configuration. Only valid ones exist; `check` builds them from what was typed (`raw`).

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    account::{Account, Client, Domain, Proxies},
    base::{Lang, Secret},
    console::token_file,
    net::{Listener, Network},
    oauth::App,
    store,
};

#[derive(Debug, Clone)]
pub struct Config {
    pub store: store::Settings,
    pub console: Console,
    pub daemon: Daemon,
    pub network: Network,
    pub queue: Queue,
    pub notify: Notify,
    pub listeners: Vec<Listener>,
    pub apps: BTreeMap<String, Arc<App>>,
    /// Day on which an app's secret expires, by name of the app; a certificate says it itself.
    pub secret_expiry: BTreeMap<String, jiff::civil::Date>,
    pub accounts: Vec<Arc<Account>>,
    /// Accounts for whole domains.
    pub domains: Vec<Arc<Domain>>,
    pub clients: Vec<Arc<Client>>,
    /// Those of `network`, with what goes through them.
    pub proxies: Proxies,
}

#[derive(Debug, Clone)]
pub struct Console {
    /// `None`: switched off.
    pub listen: Option<SocketAddr>,
    /// argon2id hash (PHC string).
    pub password: Option<Secret>,
}

impl Console {
    /// Where it is reached from this machine; one that listens everywhere is asked on loopback. `None`: switched off.
    pub fn reached_at(&self) -> Option<SocketAddr> {
        let address = self.listen?;
        Some(match address.ip().is_unspecified() {
            true if address.is_ipv4() => (Ipv4Addr::LOCALHOST, address.port()).into(),
            true => (Ipv6Addr::LOCALHOST, address.port()).into(),
            false => address,
        })
    }
}

impl Config {
    /// The console lets the owner of the state directory in by a token that it keeps there.
    pub fn console_token(&self) -> Option<Secret> {
        let read = std::fs::read_to_string(token_file(&self.store)).ok();
        read.map(|token| Secret::new(token.trim()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    pub drain: Duration,
    /// From complete credentials to the answer.
    pub sign_on: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub max_age: Duration,
    pub max_bytes: u64,
    pub postmaster: Option<String>,
}

/// Who is told when somebody has to act. Arguments and addresses of such services often are passwords.
#[derive(Debug, Clone, Default)]
pub struct Notify {
    /// The program, and its arguments.
    pub command: Vec<Secret>,
    /// A URL: https, or http to this machine.
    pub webhook: Option<Secret>,
    pub lang: Lang,
}
