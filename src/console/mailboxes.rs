//! Mailboxes of whole domains as the status and the pages show them: nobody listed them, so those are known that are
//! signed in or were used. Bounded: what lies beyond is counted.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    account::{Account, Domain, LocalPassword},
    oauth::SignInState,
};

/// In the status; a page shows fewer.
pub const STATUS_CAP: usize = 1000;

/// An account for a whole domain.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DomainStatus {
    pub address: String,
    pub app: String,
    pub grant: &'static str,
    /// Lines in its file of passwords; absent where each mailbox learns its own by first use.
    pub users: Option<usize>,
    /// Mailboxes that are signed in or were used.
    pub mailboxes: usize,
}

/// The known mailboxes of all domains, by address. `used`: addresses, of whatever domain.
pub fn known<'a>(
    accounts: &[Arc<Account>],
    domains: &[Arc<Domain>],
    states: &'a [SignInState],
    used: impl IntoIterator<Item = &'a String>,
) -> BTreeMap<String, Arc<Account>> {
    let addresses = states.iter().map(|state| (Some(&state.app), &state.identity));
    let addresses = addresses.chain(used.into_iter().map(|address| (None, address)));
    let listed: std::collections::HashSet<&str> = accounts.iter().map(|account| account.address.as_str()).collect();
    let mut known = BTreeMap::new();
    for (app, address) in addresses {
        // A sign-in at another app is another one, although it has the same name.
        let of_app = |domain: &&Arc<Domain>| app.is_none_or(|app| *app == domain.sign_ins.app.name);
        let account = domains.iter().filter(of_app).find_map(|domain| domain.mailbox(address));
        if let Some(account) = account.filter(|account| !listed.contains(account.address.as_str())) {
            known.insert(account.address.clone(), Arc::new(account));
        }
    }
    known
}

impl DomainStatus {
    pub fn new(domain: &Domain, known: &BTreeMap<String, Arc<Account>>) -> Self {
        let users = match &domain.password {
            LocalPassword::File(file) => Some(file.users()),
            _ => None,
        };
        Self {
            address: domain.address(),
            app: domain.sign_ins.app.name.clone(),
            grant: domain.sign_ins.app.grant.as_str(),
            users,
            mailboxes: known.values().filter(|one| one.domain.as_ref() == Some(&domain.sign_ins.domain)).count(),
        }
    }
}
