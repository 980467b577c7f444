//! The status without a daemon, in the shape of /api/status: accounts of the configuration, sign-ins of the store.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::{
    account::Account,
    cli::state,
    config::Config,
    console::AccountStatus,
    expiry::Calendar,
    oauth::{Phase, SignIn, SignInState},
    store::{Store, StoreError, TokenRow},
};

pub fn status(config: &Config) -> Value {
    let (rows, trouble) = match rows(config) {
        Ok(rows) => (rows, None),
        Err(trouble) => (BTreeMap::new(), Some(trouble)),
    };
    let accounts: Vec<AccountStatus> = config.accounts.iter().map(|account| one(account, &rows)).collect();
    json!({
        "running": false,
        "version": env!("CARGO_PKG_VERSION"),
        "store": trouble,
        "accounts": accounts,
        "endings": Calendar::new(config.watched()).endings(jiff::Timestamp::now()),
        "listeners": [],
        "sessions": [],
        "faults": [],
    })
}

fn one(account: &Account, rows: &BTreeMap<String, TokenRow>) -> AccountStatus {
    let sign_in = &account.sign_in;
    let state = rows.get(&sign_in.key()).map_or_else(|| never(sign_in), |row| known(sign_in, row));
    AccountStatus::new(account, Some(state))
}

fn never(sign_in: &SignIn) -> SignInState {
    let phase = match sign_in.app.grant.is_unattended() {
        true => Phase::Ready,
        false => Phase::SignInNeeded,
    };
    SignInState { phase, ..SignInState::new(sign_in) }
}

fn known(sign_in: &SignIn, row: &TokenRow) -> SignInState {
    // A failure of the app as it was before somebody changed it counts no more.
    let failed = row.failure.as_ref().is_some_and(|failure| failure.app == sign_in.fingerprint());
    let mut state = SignInState::new(sign_in);
    state.phase = if failed { Phase::SignInNeeded } else { Phase::Ready };
    state.read(Some(row), &sign_in.app);
    state
}

/// Sign-ins by their key. A store that was never made is not made here.
fn rows(config: &Config) -> Result<BTreeMap<String, TokenRow>, String> {
    let database = config.store.url.strip_prefix("sqlite://").unwrap_or(&config.store.url);
    if !Path::new(database).is_file() {
        return Ok(BTreeMap::new());
    }
    state::refuse_foreign_store(&config.store.url).map_err(|failure| failure.to_string())?;
    let runtime = crate::cli::runtime().map_err(|failure| failure.to_string())?;
    runtime.block_on(read(config)).map_err(|error| error.to_string())
}

async fn read(config: &Config) -> Result<BTreeMap<String, TokenRow>, StoreError> {
    let store = Store::open(&config.store).await?;
    let mut rows = BTreeMap::new();
    for account in &config.accounts {
        let key = account.sign_in.key();
        if let Some(row) = store.token(&key).await?.row {
            rows.insert(key, row);
        }
    }
    Ok(rows)
}
