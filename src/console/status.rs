//! The JSON of `gatepost status --json` and of `/api/status`.

use std::{sync::Arc, time::SystemTime};

use serde::Serialize;

use crate::{
    account::Account,
    expiry::Ending,
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
    pub accounts: Vec<AccountStatus>,
    /// What ends on a day: secrets and certificates.
    pub endings: Vec<Ending>,
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
            sign_in,
        }
    }
}

impl Status {
    pub fn new(
        accounts: &[Arc<Account>],
        states: &[SignInState],
        listeners: Vec<ListenerStatus>,
        meter: &Meter,
    ) -> Self {
        let accounts = accounts
            .iter()
            .map(|account| {
                let key = account.sign_in.key();
                AccountStatus::new(account, states.iter().find(|state| state.key == key).cloned())
            })
            .collect();
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            at,
            store: None,
            accounts,
            endings: Vec::new(),
            listeners,
            sessions: meter.board.list(),
            faults: meter.recent.list(),
        }
    }
}
