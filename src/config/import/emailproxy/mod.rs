//! email-oauth2-proxy: `emailproxy.config`, and what `--cache-store` keeps apart from it.
//!
//! Every key that its documentation and its sample file name is converted or told of; a key that neither knows is told
//! of too, so that nothing is silently lost.

mod accounts;
mod listeners;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Unreadable,
    found::Found,
    ini::{Entry, Ini},
};

pub const PROGRAM: &str = "email-oauth2-proxy";

/// The section of its switches.
const GLOBAL: &str = "emailproxy";
/// What it keeps in a cache store, and believes from there.
const CACHED: &[&str] = &[
    "access_token",
    "access_token_expiry",
    "refresh_token",
    "token_salt",
    "token_iterations",
    "client_secret_encrypted",
    "last_activity",
];
/// Prose of the sample file.
const PROSE: &[&str] = &["documentation", "format", "warning"];

/// `cache`: the content of the file that `--cache-store` names, or of the secret that it keeps in AWS.
pub fn read(text: &str, file: &str, cache: Option<(&str, &str)>) -> Result<Found, Unreadable> {
    let mut ini = Ini::read(text).map_err(|flaws| Unreadable::flaws(file, flaws))?;
    let mut found = Found::new(PROGRAM, file);
    let switches = Switches::read(&ini, &mut found);
    if let Some((text, file)) = cache {
        merge(&mut ini, text, file, switches.catch_all)?;
    }
    sections(&ini, &mut found);
    let servers = listeners::read(&ini, &mut found);
    accounts::read(&ini, &servers, &switches, &mut found);
    if found.accounts.is_empty() {
        found.report.left_out(0, "accounts", "none was found that could be converted");
    }
    found.next.push(
        "stop email-oauth2-proxy first: it holds the same ports, and two programs must not use one sign-in".to_owned(),
    );
    found.afterwards = Some("remove the old file: the mail password opens the sign-ins in it");
    Ok(found)
}

/// `[emailproxy]`.
struct Switches {
    catch_all: bool,
    /// The mail password is the app's secret.
    password_is_secret: bool,
}

impl Switches {
    fn read(ini: &Ini, found: &mut Found) -> Self {
        let mut switches = Self { catch_all: false, password_is_secret: false };
        let Some(section) = ini.section(GLOBAL) else { return switches };
        for entry in &section.entries {
            let place = format!("[{GLOBAL}] {}", entry.key);
            match entry.key.as_str() {
                "allow_catch_all_accounts" => switches.catch_all = boolean(entry, &place, found),
                "use_login_password_as_client_credentials_secret" => {
                    switches.password_is_secret = boolean(entry, &place, found);
                }
                "delete_account_token_on_password_error" => {
                    let text = "a wrong password never costs a sign-in here";
                    found.report.no_equivalent(entry.line, place, text);
                }
                "encrypt_client_secret_on_first_use" => {
                    let text =
                        "tokens are always sealed, and secrets stand in files of their own that only you may read";
                    found.report.no_equivalent(entry.line, place, text);
                }
                key if PROSE.contains(&key) => {}
                _ => found.report.left_out(entry.line, place, "this key is not known"),
            }
        }
        switches
    }
}

/// What Python's `getboolean` takes.
fn boolean(entry: &Entry, place: &str, found: &mut Found) -> bool {
    match entry.value.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => true,
        "0" | "no" | "false" | "off" => false,
        _ => {
            found.report.check(entry.line, place, "neither True nor False; taken as False");
            false
        }
    }
}

/// Sections that are neither a server nor an account nor the switches.
fn sections(ini: &Ini, found: &mut Found) {
    for section in ini.sections() {
        let name = &section.name;
        if name == GLOBAL || name.contains('@') || listeners::is_server(name) {
            continue;
        }
        let text = "email-oauth2-proxy itself ignores this section: its name is neither an account's nor a server's";
        if section.entries.is_empty() {
            found.report.no_equivalent(section.line, format!("[{name}]"), text);
        }
        for entry in section.entries.iter().filter(|entry| !PROSE.contains(&entry.key.as_str())) {
            let text = "email-oauth2-proxy itself ignores what stands in this section";
            found.report.no_equivalent(entry.line, format!("[{name}] {}", entry.key), text);
        }
    }
}

/// Puts cached keys over those of the file, as the program does when it starts.
fn merge(ini: &mut Ini, text: &str, file: &str, catch_all: bool) -> Result<(), Unreadable> {
    let cached = match text.trim_start().starts_with('{') {
        true => {
            of_json(text).map_err(|error| Unreadable::new(file, error.line(), "is not the JSON of a cache store"))?
        }
        false => of_ini(text, file)?,
    };
    for (account, entries) in cached {
        if !account.contains('@') || (!catch_all && ini.section(&account).is_none()) {
            continue;
        }
        for entry in entries.into_iter().filter(|entry| CACHED.contains(&entry.key.as_str())) {
            ini.set(&account, entry);
        }
    }
    Ok(())
}

type Cached = Vec<(String, Vec<Entry>)>;

fn of_ini(text: &str, file: &str) -> Result<Cached, Unreadable> {
    let cache = Ini::read(text).map_err(|flaws| Unreadable::flaws(file, flaws))?;
    // Lines of another file would mislead.
    let nowhere = |entry: &Entry| Entry { line: 0, ..entry.clone() };
    Ok(cache
        .sections()
        .iter()
        .map(|section| (section.name.clone(), section.entries.iter().map(nowhere).collect()))
        .collect())
}

/// As AWS Secrets Manager hands it out: `{"ann@contoso.com": {"refresh_token": "..."}}`.
fn of_json(text: &str) -> Result<Cached, serde_json::Error> {
    let accounts: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(text)?;
    let entry = |(key, value): (String, Value)| {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Entry { key: key.to_lowercase(), value, line: 0 }
    };
    Ok(accounts.into_iter().map(|(account, keys)| (account, keys.into_iter().map(entry).collect())).collect())
}
