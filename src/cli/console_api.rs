//! Asks the running daemon on this machine, as the owner of its state directory: `gatepost status`, `queue` and `console`.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use super::{language, outcome::Failure};
use crate::{
    catalog::{Known, doctor::CONFIGURATION_OF_ANOTHER_DAEMON},
    config::Config,
    console::client,
    store,
};

/// The JSON at `path`, or why there is none.
pub(super) fn ask(config: &Config, method: Method, path: &str) -> Result<Value, String> {
    ask_for(config, method, path)?.ok_or_else(|| format!("there is no {path}"))
}

/// Whether it answers at all, or why not.
pub(super) fn is_alive(config: &Config) -> Result<(), String> {
    body(config, Method::GET, "/healthz")?
        .map(drop)
        .ok_or_else(|| "something else than a daemon answers there".to_owned())
}

/// The same; `None`: the daemon answered that there is no such thing.
pub(super) fn ask_for(config: &Config, method: Method, path: &str) -> Result<Option<Value>, String> {
    let read = |body: Vec<u8>| serde_json::from_slice(&body);
    let read = body(config, method, path)?.map(read).transpose();
    read.map_err(|e| format!("the console answered something else than JSON: {e}"))
}

/// That no daemon on this configuration answers; `next`: where none runs on another one either.
pub(super) fn unanswered(config: &Config, file: &Path, text: String, next: &str) -> Failure {
    let holder = store::holder(&config.store);
    let Some(other) = holder.as_ref().and_then(|holder| holder.reads_other_than(file)) else {
        return Failure::new(text, next);
    };
    let lang = language::current();
    let entry = CONFIGURATION_OF_ANOTHER_DAEMON;
    let words = entry.told(lang, &Known { running_file: Some(other.display().to_string()), ..Known::default() });
    Failure::told(format!("{} [{}]", words.cause, entry.id), &words, lang)
}

fn body(config: &Config, method: Method, path: &str) -> Result<Option<Vec<u8>>, String> {
    let address = config.console.reached_at().ok_or("the console is switched off (listen = \"off\")")?;
    let runtime = super::runtime().map_err(|failure| failure.to_string())?;
    runtime.block_on(client::ask(address, method, path, config.console_token().as_ref()))
}
