//! How far to look: all accounts or one, with or without the network, with or without a test message.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use super::{
    look::Look,
    report::{Check, Layer},
    words::{Name, Said},
};
use crate::{
    account::{Account, Route, Use, uses},
    base::{Lang, Protocol},
    config::{Config, Problem},
    oauth::App,
};

/// For all that the network has to say. Each thing has a bound of its own; this one is for many accounts behind servers
/// that say nothing.
pub const WITHIN: Duration = Duration::from_secs(5 * 60);

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The configuration's.
    pub file: PathBuf,
    /// What was noticed when it was loaded, and is no error.
    pub warnings: Vec<Problem>,
    /// None named: all of them.
    pub accounts: Vec<Arc<Account>>,
    /// Nothing but this machine is asked.
    pub offline: bool,
    /// Each of them sends a test message.
    pub send: Option<SendTo>,
    /// Whose own address sends one behind this look, by another way: nothing is sent or said of that here.
    pub sent_behind: Vec<String>,
    /// What proves an app may be another one than before: stored tokens show nothing.
    pub anew: bool,
    /// The daemon has another store than this one, which tells nothing of it.
    pub is_beside_the_service: bool,
    /// The daemon is started behind this look, if none runs.
    pub starts_behind: bool,
    /// What was not looked at by then is said.
    pub within: Duration,
    pub lang: Lang,
}

/// Who gets a test message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendTo {
    Address(String),
    /// The mailbox that sends it.
    Itself,
}

impl Scope {
    /// Everything, with the network, and no message.
    pub fn all(file: impl Into<PathBuf>, lang: Lang) -> Self {
        let (file, warnings, accounts, sent_behind) = (file.into(), Vec::new(), Vec::new(), Vec::new());
        let (offline, anew, is_beside_the_service, starts_behind) = (false, false, false, false);
        let (send, within) = (None, WITHIN);
        Self {
            file,
            warnings,
            accounts,
            offline,
            send,
            sent_behind,
            anew,
            is_beside_the_service,
            starts_behind,
            within,
            lang,
        }
    }

    pub(super) fn accounts(&self, config: &Config) -> Vec<Arc<Account>> {
        if self.accounts.is_empty() { config.accounts.clone() } else { self.accounts.clone() }
    }

    /// To whom this account sends a test message in this look.
    pub(super) fn send_to<'a>(&'a self, account: &'a Account) -> Option<&'a str> {
        match self.send.as_ref().filter(|_| !self.is_sent_behind(&account.address))? {
            SendTo::Address(to) => Some(to),
            SendTo::Itself => Some(&account.address),
        }
    }

    /// It was named.
    pub(super) fn has(&self, address: &str) -> bool {
        self.accounts.iter().any(|account| account.address == address)
    }

    pub(super) fn is_sent_behind(&self, address: &str) -> bool {
        self.sent_behind.iter().any(|one| one.eq_ignore_ascii_case(address))
    }

    /// Of the accounts in scope; and of whole domains, whose mailboxes nobody listed.
    pub(super) fn uses(&self, config: &Config) -> Vec<Use> {
        uses(&self.accounts(config), config.domains.iter().filter(|_| self.accounts.is_empty()))
    }

    /// Theirs, each once.
    pub(super) fn apps(&self, config: &Config) -> Vec<Arc<App>> {
        let mut apps: Vec<Arc<App>> = Vec::new();
        for (app, _) in self.uses(config) {
            if !apps.iter().any(|known| known.name == app.name) {
                apps.push(app);
            }
        }
        apps
    }

    /// Whole domains: which mailbox to look at is for a person to say.
    pub(super) fn unnamed(&self, config: &Config) -> Vec<Check> {
        let domains = config.domains.iter().filter(|_| self.accounts.is_empty());
        let one = |domain: &Arc<crate::account::Domain>| {
            let look = Look::at(self.lang, Layer::Token, Name::MailToken).account(&domain.address());
            look.skip(Said::NameAMailbox { domain: domain.sign_ins.domain.clone() })
        };
        domains.map(one).collect()
    }
}

/// Protocols that clients can reach this account by.
pub(super) fn protocols(config: &Config) -> BTreeSet<Protocol> {
    config.listeners.iter().map(|listener| listener.protocol).collect()
}

/// Whether messages of this account leave by SMTP, at least at first.
pub(super) fn sends_by_smtp(account: &Account) -> bool {
    account.sending.route != Route::Graph
}

pub(super) fn sends_by_graph(account: &Account) -> bool {
    account.sending.route != Route::Smtp
}
