//! What changed from one configuration to the next, by name. Pure: reload applies it.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use super::{Config, model::Notify};
use crate::{
    account::{Account, Client, Domain, LocalPassword},
    base::Secret,
    net::{Bind, Listener, Network, Proxy},
    oauth::App,
};

/// Names that came, went or changed. Whatever is not named goes on as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Change {
    /// `smtp 127.0.0.1:1587`, one for each address.
    /// They stay as they are until a restart.
    pub listeners: Names,
    pub apps: Names,
    pub accounts: Names,
    pub clients: Names,
    /// Sections whose new values apply at once.
    pub sections: Vec<&'static str>,
    /// Sections that are read at the start alone, and did change.
    pub needs_restart: Vec<&'static str>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.taken_over().iter().all(|(_, names)| names.is_empty())
            && self.listeners.is_empty()
            && self.sections.is_empty()
            && self.needs_restart.is_empty()
    }

    /// What takes a restart: `console, listeners +smtp 127.0.0.1:2587`.
    pub fn restart(&self) -> Option<String> {
        let mut what: Vec<String> = self.needs_restart.iter().map(ToString::to_string).collect();
        if !self.listeners.is_empty() {
            what.push(format!("listeners{}", self.listeners));
        }
        Some(what.join(", ")).filter(|what| !what.is_empty())
    }

    fn taken_over(&self) -> [(&'static str, &Names); 3] {
        let Self { listeners: _, apps, accounts, clients, sections: _, needs_restart: _ } = self;
        [("apps", apps), ("accounts", accounts), ("clients", clients)]
    }
}

/// One line for the log: `accounts +bob@contoso.com ~ann@contoso.com; restart needed for store`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (what, names) in self.taken_over().into_iter().filter(|(_, names)| !names.is_empty()) {
            parts.push(format!("{what}{names}"));
        }
        if !self.sections.is_empty() {
            parts.push(format!("changed {}", self.sections.join(", ")));
        }
        parts.extend(self.restart().map(|what| format!("restart needed for {what}")));
        match parts.is_empty() {
            true => f.write_str("nothing changed"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signs = [('+', &self.added), ('-', &self.removed), ('~', &self.changed)];
        signs.iter().try_for_each(|(sign, names)| names.iter().try_for_each(|name| write!(f, " {sign}{name}")))
    }
}

impl Names {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    fn and(mut self, more: Self) -> Self {
        self.added.extend(more.added);
        self.removed.extend(more.removed);
        self.changed.extend(more.changed);
        self
    }
}

pub fn diff(old: &Config, new: &Config) -> Change {
    let mut needs_restart = Vec::new();
    if !old.store.is_same(&new.store) {
        needs_restart.push("store");
    }
    if old.console.listen != new.console.listen {
        needs_restart.push("console");
    }
    let listeners = names(&by_address(&old.listeners), &by_address(&new.listeners), same_listener);
    let mut sections = Vec::new();
    if !same_network(&old.network, &new.network) {
        sections.push("network");
    }
    if old.daemon != new.daemon {
        sections.push("daemon");
    }
    if old.queue != new.queue {
        sections.push("queue");
    }
    if !same_notify(&old.notify, &new.notify) {
        sections.push("notify");
    }
    if !Secret::same(old.console.password.as_ref(), new.console.password.as_ref()) {
        sections.push("console");
    }
    if old.secret_expiry != new.secret_expiry {
        sections.push("secret-expires");
    }
    Change {
        sections,
        listeners,
        apps: names(&by_name(&old.apps), &by_name(&new.apps), same_app),
        accounts: names(&keyed(&old.accounts, |a| &a.address), &keyed(&new.accounts, |a| &a.address), same_account)
            .and(names(&by_domain(&old.domains), &by_domain(&new.domains), same_domain)),
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
    let each = |l: &'_ Listener| -> Vec<String> {
        l.listen.iter().map(|bind| format!("{} {}", l.protocol, bind_name(bind))).collect()
    };
    listeners.iter().flat_map(|l| each(l).into_iter().map(move |name| (name, l))).collect()
}

fn bind_name(bind: &Bind) -> String {
    match bind {
        Bind::Address(address) => address.to_string(),
        Bind::Systemd(name) => format!("systemd:{name}"),
    }
}

fn by_name(apps: &std::collections::BTreeMap<String, Arc<App>>) -> Named<'_, App> {
    apps.iter().map(|(name, app)| (name.clone(), app.as_ref())).collect()
}

fn by_domain(domains: &[Arc<Domain>]) -> Named<'_, Domain> {
    domains.iter().map(|domain| (domain.address(), domain.as_ref())).collect()
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

fn same_network(a: &Network, b: &Network) -> bool {
    let same = |a: &Option<Proxy>, b: &Option<Proxy>| match (a, b) {
        (Some(a), Some(b)) => a.is_same(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    same(&a.http_proxy, &b.http_proxy) && same(&a.mail_proxy, &b.mail_proxy) && a.ca_file == b.ca_file
}

fn same_app(a: &App, b: &App) -> bool {
    let secret_same = Secret::same(a.credential.secret(), b.credential.secret());
    secret_same && alike(a, b)
}

fn same_account(a: &Account, b: &Account) -> bool {
    let secret_same = match (&a.password, &b.password) {
        (LocalPassword::Hash(a), LocalPassword::Hash(b)) => a.matches(b),
        _ => true,
    };
    let sign_in_same = Secret::same(a.sign_in.password.as_ref(), b.sign_in.password.as_ref());
    secret_same && sign_in_same && same_app(&a.sign_in.app, &b.sign_in.app)
        // Those of the network.
        && alike(&Account { proxies: b.proxies.clone(), ..a.clone() }, b)
}

/// Lines of a file of passwords are none of the configuration: they count as soon as they are written.
fn same_domain(a: &Domain, b: &Domain) -> bool {
    same_app(&a.sign_ins.app, &b.sign_ins.app) && alike(&Domain { proxies: b.proxies.clone(), ..a.clone() }, b)
}

fn same_client(a: &Client, b: &Client) -> bool {
    // The account behind it is compared under its own name.
    Secret::same(a.password.as_ref(), b.password.as_ref())
        && a.account.address == b.account.address
        && a.from == b.from
        && a.login == b.login
        && a.rules == b.rules
}

/// Whether the same people are told by the same ways, in the same language.
pub fn same_notify(a: &Notify, b: &Notify) -> bool {
    a.lang == b.lang
        && Secret::same(a.webhook.as_ref(), b.webhook.as_ref())
        && a.command.len() == b.command.len()
        && a.command.iter().zip(&b.command).all(|(a, b)| a.matches(b))
}
