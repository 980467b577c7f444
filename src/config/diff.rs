//! What changed from one configuration to the next, by name. Pure: reload applies it.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use super::Config;
use crate::{
    account::{Account, Client, LocalPassword},
    net::Listener,
    oauth::{App, AppCredential},
};

/// Names that came, went or changed. Whatever is not named goes on as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Change {
    /// `smtp 127.0.0.1:1587`, one for each address.
    pub listeners: Names,
    pub apps: Names,
    pub accounts: Names,
    pub clients: Names,
    /// Sections that are read at the start alone, and did change.
    pub needs_restart: Vec<&'static str>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl Names {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.needs_restart.is_empty()
            && [&self.listeners, &self.apps, &self.accounts, &self.clients].iter().all(|names| names.is_empty())
    }
}

/// One line for the log: `accounts added bob@contoso.com; restart needed for listeners`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let kinds = [
            ("listeners", &self.listeners),
            ("apps", &self.apps),
            ("accounts", &self.accounts),
            ("clients", &self.clients),
        ];
        for (kind, names) in kinds {
            for (what, names) in [("added", &names.added), ("removed", &names.removed), ("changed", &names.changed)] {
                if !names.is_empty() {
                    parts.push(format!("{kind} {what}: {}", names.join(", ")));
                }
            }
        }
        if !self.needs_restart.is_empty() {
            parts.push(format!("not before a restart: {}", self.needs_restart.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

pub fn diff(old: &Config, new: &Config) -> Change {
    let mut needs_restart = Vec::new();
    if old.store != new.store {
        needs_restart.push("store");
    }
    if old.console.listen != new.console.listen {
        needs_restart.push("console");
    }
    if !alike(&old.network, &new.network) {
        needs_restart.push("network");
    }
    Change {
        listeners: names(&by_address(&old.listeners), &by_address(&new.listeners), same_listener),
        apps: names(&by_name(&old.apps), &by_name(&new.apps), same_app),
        accounts: names(&keyed(&old.accounts, |a| &a.address), &keyed(&new.accounts, |a| &a.address), same_account),
        clients: names(&keyed(&old.clients, |c| &c.name), &keyed(&new.clients, |c| &c.name), same_client),
        needs_restart,
    }
}

type Named<'a, T> = Vec<(String, &'a T)>;

fn names<T>(old: &Named<T>, new: &Named<T>, same: impl Fn(&T, &T) -> bool) -> Names {
    let find = |list: &Named<'_, T>, name: &str| list.iter().any(|(n, _)| n == name);
    let mut names = Names::default();
    for (name, value) in new {
        match old.iter().find(|(n, _)| n == name) {
            None => names.added.push(name.clone()),
            Some((_, before)) if !same(before, value) => names.changed.push(name.clone()),
            Some(_) => {}
        }
    }
    names.removed.extend(old.iter().filter(|(name, _)| !find(new, name)).map(|(name, _)| name.clone()));
    names
}

fn by_address(listeners: &[Listener]) -> Named<'_, Listener> {
    let each =
        |l: &'_ Listener| -> Vec<String> { l.listen.iter().map(|bind| format!("{} {bind:?}", l.protocol)).collect() };
    listeners.iter().flat_map(|l| each(l).into_iter().map(move |name| (name, l))).collect()
}

fn by_name(apps: &std::collections::BTreeMap<String, Arc<App>>) -> Named<'_, App> {
    apps.iter().map(|(name, app)| (name.clone(), app.as_ref())).collect()
}

fn keyed<'a, T>(list: &'a [Arc<T>], name: impl Fn(&T) -> &String) -> Named<'a, T> {
    list.iter().map(|one| (name(one).clone(), one.as_ref())).collect()
}

/// Equal in everything that may be printed. Secrets print as a mask, so they are compared besides.
fn alike<T: Debug>(a: &T, b: &T) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// The addresses are the name; here is the rest.
fn same_listener(a: &Listener, b: &Listener) -> bool {
    a.tls == b.tls
        && a.certificate == b.certificate
        && a.max_connections == b.max_connections
        && a.proxy_protocol_from == b.proxy_protocol_from
        && a.pass_through == b.pass_through
}

fn same_app(a: &App, b: &App) -> bool {
    let same_secret = match (&a.credential, &b.credential) {
        (AppCredential::Secret(a), AppCredential::Secret(b)) => a.matches(b),
        _ => true,
    };
    same_secret && alike(a, b)
}

fn same_account(a: &Account, b: &Account) -> bool {
    let same_secret = match (&a.password, &b.password) {
        (LocalPassword::Hash(a), LocalPassword::Hash(b)) => a.matches(b),
        _ => true,
    };
    same_secret && same_app(&a.sign_in.app, &b.sign_in.app) && alike(a, b)
}

fn same_client(a: &Client, b: &Client) -> bool {
    let same_secret = match (&a.password, &b.password) {
        (Some(a), Some(b)) => a.matches(b),
        (None, None) => true,
        _ => false,
    };
    // The account behind it is compared under its own name.
    same_secret && a.account.address == b.account.address && a.from == b.from && a.login == b.login
}
