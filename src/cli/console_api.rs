//! Asks the running daemon on this machine, as the owner of its state directory: `gatepost status`, `queue` and `console`.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use super::{language, outcome::Failure};
use crate::{
    base::Lang,
    catalog::{Entry, Known, doctor::CONFIGURATION_OF_ANOTHER_DAEMON, own::DAEMON_HANGS},
    config::Config,
    console::client::{self, Unanswered},
    store,
};

/// The JSON at `path`, or why there is none.
pub(super) fn ask(config: &Config, method: Method, path: &str) -> Result<Value, Unanswered> {
    ask_for(config, method, path)?.ok_or_else(|| Unanswered::Untold(format!("there is no {path}")))
}

/// Whether it answers at all, or why not.
pub(super) fn is_alive(config: &Config) -> Result<(), Unanswered> {
    body(config, Method::GET, "/healthz")?
        .map(drop)
        .ok_or_else(|| Unanswered::Untold("something else than a daemon answers there".to_owned()))
}

/// The same; `None`: the daemon answered that there is no such thing.
pub(super) fn ask_for(config: &Config, method: Method, path: &str) -> Result<Option<Value>, Unanswered> {
    let read = |body: Vec<u8>| serde_json::from_slice(&body);
    let read = body(config, method, path)?.map(read).transpose();
    read.map_err(|e| Unanswered::Untold(format!("the console answered something else than JSON: {e}")))
}

/// That no daemon on this configuration answers, for which `cause`; `next`: where none runs on another one, and none hangs.
pub(super) fn unanswered(
    config: &Config,
    file: &Path,
    cause: Option<&Unanswered>,
    text: String,
    next: &str,
) -> Failure {
    let holder = store::holder(&config.store);
    if let Some(other) = holder.as_ref().and_then(|holder| holder.reads_other_than(file)) {
        let address = config.accounts.first().map(|account| account.address.clone());
        let known = Known { address, running_file: Some(other.display().to_string()), ..Known::default() };
        return of_entry(CONFIGURATION_OF_ANOTHER_DAEMON, &known, language::current());
    }
    let hangs = matches!(cause, Some(Unanswered::Silent(_))) && holder.is_some_and(|holder| holder.is_within_reach);
    if hangs { hanging(language::current()) } else { Failure::new(text, next) }
}

/// The daemon takes connections, and says nothing.
pub(super) fn hanging(lang: Lang) -> Failure {
    of_entry(DAEMON_HANGS, &Known::default(), lang)
}

fn of_entry(entry: &Entry, known: &Known, lang: Lang) -> Failure {
    let words = entry.told(lang, known);
    Failure::told(format!("{} [{}]", words.cause, entry.id), &words, lang)
}

fn body(config: &Config, method: Method, path: &str) -> Result<Option<Vec<u8>>, Unanswered> {
    let off = || Unanswered::Untold("the console is switched off (listen = \"off\")".to_owned());
    let address = config.console.reached_at().ok_or_else(off)?;
    let runtime = super::runtime().map_err(|failure| Unanswered::Untold(failure.to_string()))?;
    runtime.block_on(client::ask(address, method, path, config.console_token().as_ref()))
}
