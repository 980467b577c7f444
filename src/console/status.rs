//! The JSON of `gatepost status --json` and of `/api/status`.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use serde::Serialize;

use super::mailboxes::{self, DomainStatus, STATUS_CAP};
use crate::{
    account::{Account, Domain},
    meter::{FaultView, Meter, SessionView},
    oauth::SignInState,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    pub version: &'static str,
    /// Seconds since 1970.
    pub at: u64,
    /// What is wrong with the store and what to do, if anything is.
    pub store: Option<String>,
    /// Those of the configuration, then the mailboxes of whole domains that are signed in or were used.
    pub accounts: Vec<AccountStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainStatus>,
    pub listeners: Vec<ListenerStatus>,
    pub sessions: Vec<SessionView>,
    pub faults: Vec<FaultView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountStatus {
    pub address: String,
    pub app: String,
    /// Whose mail is reached: the person that consented, or, where an app acts by itself, the account.
    pub signed_in_as: String,
    pub sign_in: Option<SignInState>,
    /// The account that stands for it, where it is a mailbox of a whole domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListenerStatus {
    pub protocol: &'static str,
    /// As really bound.
    pub address: String,
    pub tls: &'static str,
}

impl AccountStatus {
    pub fn new(account: &Account, sign_in: Option<SignInState>) -> Self {
        let signed_in_as = match account.sign_in.app.grant.is_app_only() {
            true => &account.address,
            false => &account.sign_in.identity,
        };
        Self {
            address: account.address.clone(),
            app: account.sign_in.app.name.clone(),
            signed_in_as: signed_in_as.clone(),
            domain: account.domain.as_ref().map(|domain| format!("*@{domain}")),
            sign_in,
        }
    }
}

impl Status {
    pub fn new(
        accounts: &[Arc<Account>],
        domains: &[Arc<Domain>],
        states: &[SignInState],
        listeners: Vec<ListenerStatus>,
        meter: &Meter,
        store: Option<String>,
    ) -> Self {
        let used = meter.used_mailboxes.list();
        let known = mailboxes::known(accounts, domains, states, used.keys());
        let by_key: HashMap<&str, &SignInState> = states.iter().map(|state| (state.key.as_str(), state)).collect();
        let accounts = accounts.iter().chain(known.values().take(STATUS_CAP)).map(|account| {
            AccountStatus::new(account, by_key.get(account.sign_in.key().as_str()).map(|state| (*state).clone()))
        });
        let accounts = accounts.collect();
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            at,
            store,
            accounts,
            domains: domains.iter().map(|domain| DomainStatus::new(domain, &known)).collect(),
            listeners,
            sessions: meter.board.list(),
            faults: meter.recent.list(),
        }
    }
}
