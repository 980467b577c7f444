//! Asks the running daemon on this machine, as the owner of its state directory: `gatepost status`, `queue` and `console`.

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{language, outcome::Failure, state};
use crate::{
    base::{Lang, invocation},
    catalog::{
        Entry, Known, Place,
        doctor::{CONFIGURATION_NOT_LOADED, CONFIGURATION_OF_ANOTHER_DAEMON, PORT_TAKEN, RESTART_PENDING},
        own::DAEMON_HANGS,
        token::STORE_FAILING,
    },
    config::Config,
    console::client::{self, Unanswered},
    doctor::greeting,
    store::{self, Store},
};

/// The JSON at `path`, or why there is none.
pub(super) fn ask(config: &Config, method: Method, path: &str) -> Result<Value, Unanswered> {
    let (at, answer) = asked(config, method, path)?;
    answer.ok_or_else(|| Unanswered::Untold(format!("there is no {path} at {at}")))
}

/// Whether it answers at all, or why not: the daemon of this configuration, and no other that has its address. `is_elsewhere`:
/// it has another store than this command, and a token that is not known here.
pub(super) fn is_alive(config: &Config, is_elsewhere: bool) -> Result<(), Unanswered> {
    let path = if is_elsewhere || store::is_closed(&config.store) { "/healthz" } else { "/api/healthz" };
    let (at, body) = body(config, Method::GET, path)?;
    body.map(drop).ok_or_else(|| Unanswered::stranger(at, StatusCode::NOT_FOUND))
}

/// The JSON at `path`; `None`: the daemon answered that there is no such thing.
pub(super) fn ask_for(config: &Config, method: Method, path: &str) -> Result<Option<Value>, Unanswered> {
    asked(config, method, path).map(|(_, answer)| answer)
}

fn asked(config: &Config, method: Method, path: &str) -> Result<(SocketAddr, Option<Value>), Unanswered> {
    let (at, body) = body(config, method, path)?;
    let read = body.map(|body| serde_json::from_slice(&body)).transpose();
    read.map(|answer| (at, answer)).map_err(|_| Unanswered::stranger(at, "no JSON"))
}

/// The daemon of this file has the store that stood there before.
pub(super) fn of_the_store_before(config: &Config, file: &Path, cause: Option<&Unanswered>) -> Option<Failure> {
    if let Some(mark) = cause.and_then(|cause| cause.is_of_the_store_before(file)) {
        invocation::runs_as(store::daemon_at(mark.process));
        return Some(of_entry(CONFIGURATION_NOT_LOADED, &Known::default(), language::current()));
    }
    store::holder_before(&config.store, file)?;
    let left_store = store::store_before(&config.store).map(|before| before.display().to_string());
    Some(of_entry(RESTART_PENDING, &Known { left_store, ..Known::default() }, language::current()))
}

/// That no daemon on this configuration answers, for which `cause`; `next`: where none runs on another one, and none hangs.
pub(super) fn unanswered(
    config: &Config,
    file: &Path,
    cause: Option<&Unanswered>,
    text: String,
    next: &str,
) -> Failure {
    if store::is_closed(&config.store)
        && let Err(failure) = state::refuse_foreign_store(&config.store)
    {
        return failure;
    }
    if let Some(failure) = of_the_store_before(config, file, cause) {
        return failure;
    }
    let holder = store::holder(&config.store);
    if let Some(other) = holder.as_ref().and_then(|holder| holder.reads_other_than(file)) {
        let address = config.accounts.first().map(|account| account.address.clone());
        let known = Known { address, running_file: Some(other.display().to_string()), ..Known::default() };
        return of_entry(CONFIGURATION_OF_ANOTHER_DAEMON, &known, language::current());
    }
    let (runs, is_vacant) = (holder.is_some_and(|holder| holder.is_within_reach), store::is_vacant(&config.store));
    match cause {
        Some(Unanswered::Waits(_)) => of_a_store_that_waits(config),
        Some(Unanswered::Silent(_)) if runs => hanging(language::current()),
        Some(cause) if cause.is_stranger() => displaced(config, cause),
        // None of ours is there that could be silent, or say no.
        Some(cause @ (Unanswered::Silent(_) | Unanswered::Untold(_)))
            if is_vacant && config.console.listen.is_some() =>
        {
            store_trouble(config).unwrap_or_else(|| match is_taken(config) {
                true => displaced(config, cause),
                // It was there, and is gone.
                false => Failure::new(text, next),
            })
        }
        _ => Failure::new(text, next),
    }
}

/// What our daemon waits for: who holds its store, or the store itself.
pub(super) fn of_a_store_that_waits(config: &Config) -> Failure {
    store_trouble(config).unwrap_or_else(|| of_entry(STORE_FAILING, &Known::default(), language::current()))
}

/// Why no daemon of ours can use its store, as far as that shows from here.
fn store_trouble(config: &Config) -> Option<Failure> {
    let proved = super::runtime().ok()?.block_on(async {
        let store = Store::glance(&config.store).await?;
        let proved = store.prove_by_lock().await;
        store.close().await;
        proved
    });
    proved.err().map(Failure::from)
}

/// Whether anybody listens at the console's address by now.
fn is_taken(config: &Config) -> bool {
    config.console.reached_at().is_some_and(|at| TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok())
}

/// Whoever answers at the console's address is somebody else: a daemon of ours is not there, and none could start.
fn displaced(config: &Config, cause: &Unanswered) -> Failure {
    let lang = language::current();
    let words =
        PORT_TAKEN.told(lang, &Known { place: config.console.listen.map(Place::of_console), ..Known::default() });
    Failure::told(PORT_TAKEN.said(cause), &words, lang)
}

/// The daemon takes connections, and says nothing.
pub(super) fn hanging(lang: Lang) -> Failure {
    of_entry(DAEMON_HANGS, &Known::default(), lang)
}

fn of_entry(entry: &Entry, known: &Known, lang: Lang) -> Failure {
    let words = entry.told(lang, known);
    Failure::told(entry.said(&words.cause), &words, lang)
}

/// Where it was asked, and what it answered.
fn body(config: &Config, method: Method, path: &str) -> Result<(SocketAddr, Option<Vec<u8>>), Unanswered> {
    let off = || Unanswered::Untold("the console is switched off (listen = \"off\")".to_owned());
    let address = config.console.reached_at().ok_or_else(off)?;
    let runtime = super::runtime().map_err(|failure| Unanswered::Untold(failure.to_string()))?;
    let body = runtime.block_on(async {
        let asked = client::ask(address, method, path, || config.console_token()).await;
        match asked {
            Err(silence) => Err(greeting::whose(silence, config).await),
            Ok(body) => Ok(body),
        }
    })?;
    Ok((address, body))
}
