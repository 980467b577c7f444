//! The status without a daemon, in the shape of /api/status: accounts of the configuration, sign-ins and the queue of the
//! store. Of a store that cannot be read no sign-in is told, not even that there is none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    account::Account,
    cli::{outcome::Failure, state},
    config::Config,
    console::{
        AccountStatus, Companions, DomainStatus, EndingStatus, LeftBehindStatus, LeftBodiesStatus, QueueStatus,
        STATUS_CAP, known_mailboxes,
    },
    expiry::{Calendar, Watched},
    oauth::SignInState,
    spool,
    store::{self, LeftBehind, QueueFigures, Store, TokenRow},
};

/// What is told, and why the store is not.
pub fn status(config: &Config) -> (Value, Option<Failure>) {
    match rows(config) {
        Ok((rows, figures)) => {
            let mut status = of_rows(config, Some(&rows), None);
            if let Some(sections) = status.as_object_mut() {
                sections.insert("queue".to_owned(), json!(QueueStatus::stored(&figures)));
            }
            (status, None)
        }
        Err(trouble) => (of_rows(config, None, Some(trouble.text())), Some(trouble)),
    }
}

/// `rows`: as stored, where that could be read.
fn of_rows(config: &Config, rows: Option<&BTreeMap<String, TokenRow>>, trouble: Option<&str>) -> Value {
    // Those of mailboxes that nobody listed: what the store has of them is all that is known.
    let of_domain = |key: &String| config.domains.iter().find_map(|domain| domain.sign_ins.by_key(key));
    let states: Vec<_> = rows
        .into_iter()
        .flatten()
        .filter_map(|(key, row)| Some(SignInState::stored(&of_domain(key)?, Some(row))))
        .collect();
    let known = known_mailboxes(&config.accounts, &config.domains, &states, []);
    let accounts = config.accounts.iter().chain(known.values().take(STATUS_CAP));
    let companions = Companions::of(&config.accounts);
    let one = |account| AccountStatus { same_sign_in: companions.beside(account), ..one(account, rows) };
    let accounts: Vec<AccountStatus> = accounts.map(|account| one(account)).collect();
    let domains: Vec<_> = config.domains.iter().map(|domain| DomainStatus::new(domain, &known)).collect();
    let watched = match store::is_closed(&config.store) {
        true => config.watched().into_iter().filter_map(Watched::as_another_user).collect(),
        false => config.watched(),
    };
    let endings = Calendar::new(watched).endings(jiff::Timestamp::now());
    let endings = EndingStatus::all(endings, &config.accounts, &config.domains);
    let mut status = json!({
        "running": store::holder(&config.store).is_some(),
        "version": env!("CARGO_PKG_VERSION"),
        "store": trouble,
        "accounts": accounts,
        "endings": endings,
        "listeners": [],
        "sessions": [],
        "faults": [],
    });
    if let (Some(left), Some(sections)) = (left_behind(config, rows), status.as_object_mut()) {
        sections.insert("left-behind".to_owned(), json!(LeftBehindStatus::of(&left)));
    }
    let bodies = config.store.database().and_then(|database| spool::left_beside(&database));
    if let (Some(left), Some(sections)) = (bodies, status.as_object_mut()) {
        sections.insert("left-bodies".to_owned(), json!(LeftBodiesStatus::of(&left)));
    }
    if let Some(sections) = status.as_object_mut().filter(|_| !domains.is_empty()) {
        sections.insert("domains".to_owned(), json!(domains));
    }
    status
}

/// In the store before, where no daemon has that.
fn left_behind(config: &Config, rows: Option<&BTreeMap<String, TokenRow>>) -> Option<LeftBehind> {
    let (database, has_sign_ins) = (config.store.database()?, rows.is_some_and(|rows| !rows.is_empty()));
    crate::cli::runtime().ok()?.block_on(store::left_behind(&database, has_sign_ins))
}

fn one(account: &Account, rows: Option<&BTreeMap<String, TokenRow>>) -> AccountStatus {
    let sign_in = &account.sign_in;
    AccountStatus::new(account, rows.map(|rows| SignInState::stored(sign_in, rows.get(&sign_in.key()))))
}

/// Sign-ins by their key, and how much is queued.
type Kept = (BTreeMap<String, TokenRow>, QueueFigures);

/// A store that was never made is not made here.
fn rows(config: &Config) -> Result<Kept, Failure> {
    // Whatever is there is opened, if only to hear what it is.
    if config.store.database().is_some_and(|database| store::is_missing(&database)) {
        return Ok(Kept::default());
    }
    state::refuse_foreign_store(&config.store)?;
    crate::cli::runtime()?.block_on(read(config))
}

async fn read(config: &Config) -> Result<Kept, Failure> {
    let store = Store::glance(&config.store).await?;
    let mut rows = BTreeMap::new();
    let listed = config.accounts.iter().map(|account| account.sign_in.key());
    let of_domain = |key: &String| config.domains.iter().any(|domain| domain.sign_ins.by_key(key).is_some());
    let mailboxes = store.sign_ins().await?.into_iter().filter(of_domain);
    for key in listed.chain(mailboxes.take(STATUS_CAP)) {
        if let Some(row) = store.token(&key).await?.row {
            rows.insert(key, row);
        }
    }
    Ok((rows, store.queue_figures().await?))
}
