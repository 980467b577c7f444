//! `gatepost explain`: what a code, an id, a reply or a pasted line of a log means, whose turn it is, and what to do.
//!
//! It needs no configuration and asks nobody. Where there is one, which a line of the log may name, and `--account` or the
//! text names an account of it, or it has only one, the commands hold its addresses, tenant and app.

mod coded;
mod health;
mod line;
mod shown;
mod spoken;
mod told;
mod way;

use std::{io::Read, path::Path, sync::Arc};

use clap::Args;
use serde_json::json;

use super::{
    config, language,
    outcome::{Failure, Outcome},
    pasted,
    state::account_named,
    terminal::print,
};
use crate::{
    account::{Account, account_of},
    base::{
        Lang,
        invocation::{self, Daemon},
        is_mailbox, printable,
    },
    catalog::{
        self, Known,
        explain::{self, By, Found},
        own::ACCOUNT_GONE,
    },
    config::Config,
    store,
};

/// Of stdin. What is pasted is a line or a page.
const STDIN_CAP: u64 = 1024 * 1024;
/// Of a text that is shown again.
const SHOWN: usize = 120;

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost explain AADSTS53003\n  gatepost explain '535 5.7.139 Authentication unsuccessful'\n  \
                  gatepost explain smtp-auth-disabled-tenant --account ann@contoso.com\n  gatepost explain --list\n  \
                  tail -n 1 mail.log | gatepost explain - --lang ja"
)]
pub struct ExplainArgs {
    /// An AADSTS number, a reply of a mail server, a code of Microsoft Graph, an OAuth error, an id of Gatepost, or a line
    /// of its log; what is pasted in single quotes, since a shell runs what stands in backticks; - reads it from stdin; nothing
    /// lists all ids
    #[arg(value_name = "CODE|TEXT")]
    pub words: Vec<String>,
    /// Fills the commands in for this [[account]] [default: one that the text names, or the only one]
    #[arg(long, value_name = "ADDRESS")]
    pub account: Option<String>,
    /// Lists all ids
    #[arg(long)]
    pub list: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(file: Option<&Path>, args: &ExplainArgs) -> Outcome {
    let lang = language::current();
    let text = text_of(&args.words)?;
    if args.list || (text.trim().is_empty() && args.words.is_empty()) {
        return list(lang, args.json);
    }
    let of_line = line::configuration(&text).filter(|_| file.is_none());
    match &of_line {
        Some(file) => invocation::call_it(pasted::with_config(file)),
        None => config::call_by(file),
    }
    let file = file.or(of_line.as_deref());
    // While its file is refused the daemon runs on, and is told by its own commands.
    let config = match config::load_to_ask(file) {
        Ok((config, None)) => Ok(config),
        Ok((_, Some(problems))) | Err(problems) => Err(problems),
    };
    let mut running_file = None;
    let found_at = config::found(file);
    let is_there = found_at.as_ref().is_ok_and(|file| file.try_exists().unwrap_or(true));
    if let (Ok(config), Ok(file)) = (&config, &found_at) {
        config::note_start(config, file);
        let holder = store::holder(&config.store);
        running_file = holder.and_then(|holder| Some(holder.reads_other_than(file)?.display().to_string()));
    }
    // Whoever names a file is answered by it.
    let (is_elsewhere, is_configured) = (file.is_none() && config.is_err(), config.is_ok());
    let proxies = config.as_ref().ok().map(|config| config.proxies.clone());
    let whose = config.as_ref().ok().and_then(|config| way::whose(config, &text));
    let places = config.as_ref().map(line::places).unwrap_or_default();
    let (mut found, kinds) = (spoken::faults(&text), coded::Meant::of(&text));
    // Of whom no configuration knows: only whoever asks, or the text, can name that account.
    let is_gone = |found: &Found| found.entry.id == ACCOUNT_GONE.id;
    let gone = args.account.as_ref().filter(|name| is_mailbox(name) && found.iter().any(is_gone));
    let account = match (&args.account, config) {
        (Some(_), _) if gone.is_some() && found.iter().all(is_gone) => None,
        (Some(name), config) => Some(configured(&config?, name)?),
        (None, config) => config.ok().and_then(|config| meant(&config, &text)),
    };
    // Of what a program did not reach the configuration may know whose it is.
    if let Some(entry) = whose.filter(|_| found.iter().all(|one| matches!(one.by, By::Log | By::Server))) {
        found = vec![Found { entry, by: By::Log }];
    }
    let process = found.iter().filter(|_| !is_configured).find_map(|one| explain::filled_in(&text, one.entry).process);
    process.into_iter().for_each(|process| invocation::runs_as(Daemon::Process(process)));
    // What cannot have been said to the app of this account is explained in general.
    let meets = |found: &Found| {
        // A word of OAuth stands for more than one thing.
        let is_vague = matches!(found.by, By::OAuth(..));
        is_vague || account.as_ref().is_none_or(|account| account.sign_in.app.can_meet(found.entry))
    };
    let known = |found: &Found| {
        let account = account.as_ref().filter(|_| !is_gone(found));
        let known = line::known(account.map(Arc::as_ref).filter(|_| meets(found)), found.entry, &text);
        let known = line::at_a_place(known, found.entry, &places);
        // An account knows which way it was.
        let known = line::behind(known, proxies.as_ref().filter(|_| account.is_none()), found.entry);
        let address = gone.filter(|_| is_gone(found)).cloned().or_else(|| known.address.clone());
        Known { address, running_file: running_file.clone(), is_unconfigured: !is_there, ..known }
    };
    let fills_in = |found: &Found| {
        let is_filled = account.is_some() && !is_gone(found);
        (!is_filled).then_some(if is_elsewhere { " --config <file>" } else { "" })
    };
    let other_app = |found: &Found| account.as_ref().filter(|_| !meets(found)).map(|one| one.sign_in.app.name.clone());
    if found.is_empty() && kinds.is_empty() {
        return unmatched(&text, args.json, lang);
    }
    if args.json {
        let found: Vec<_> = found.iter().map(|one| told::json(one, &known(one), lang)).collect();
        return out(&told::object(&text, found, kinds.json(lang)));
    }
    let mut page = kinds.page(&text, !found.is_empty(), lang)
        + &way::several(&text, &found, lang).unwrap_or_else(|| told::several(&found, lang));
    for one in &found {
        page.push_str(&told::page(one, &known(one), other_app(one).as_deref(), fills_in(one), lang));
    }
    out(&page)
}

/// No fault of the catalogue: nothing failed, Gatepost itself says so, or nobody knows.
fn unmatched(text: &str, as_json: bool, lang: Lang) -> Outcome {
    let way = explain::way(text);
    if let Some(json) = way.filter(|_| as_json).and_then(|way| way::json(way, lang)) {
        return out(&told::object(text, Vec::new(), Some(json)));
    }
    if let Some(page) = way.and_then(|way| way::page(way, lang)) {
        return out(&page);
    }
    let (page, json) = if health::is_healthy(text) {
        (told::healthy(lang).to_owned(), ("is-healthy", json!(true)))
    } else if let Some(spoken) = spoken::read(text, lang) {
        (told::spoken(&spoken, lang), ("said-by-gatepost", told::spoken_json(&spoken, lang)))
    } else if let Some(shown) = shown::read(text).filter(|_| way.is_none() && !text.contains("> CONNECT ")) {
        (shown.page(lang), ("shown", shown.json(lang)))
    } else if as_json {
        return out(&told::object(text, Vec::new(), None)).and(Err(Failure::silent(1)));
    } else {
        return Err(unknown(text, lang));
    };
    out(&if as_json { told::object(text, Vec::new(), Some(json)) } else { page })
}

fn text_of(words: &[String]) -> Result<String, Failure> {
    let text = match words {
        [only] if only == "-" => pasted()?,
        words => words.join(" "),
    };
    Ok(without_colours(text.trim()))
}

fn pasted() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(STDIN_CAP).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("stdin: {error}"), "paste the text as arguments"))?;
    if bytes.trim_ascii().is_empty() {
        let hint = "give it a line, for example: tail -n 1 FILE | gatepost explain -";
        return Err(Failure::usage("nothing came on stdin, so there is nothing to explain", hint));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A log that was shown on a terminal holds its colours (CSI, ECMA-48 5.4), between a name and its value too.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let behind = part.trim_start_matches(|c| (' '..='?').contains(&c));
        plain.push_str(behind.strip_prefix(|c| ('@'..='~').contains(&c)).unwrap_or(behind));
    }
    plain
}

fn configured(config: &Config, name: &str) -> Result<Arc<Account>, Failure> {
    account_named(config, name).ok_or_else(|| {
        let hint = "`gatepost config show` lists the accounts; without --account it is explained in general";
        Failure::new(format!("no account {name:?} in the configuration"), hint)
    })
}

/// Whose `send-as` the text is about, or the account that a line of the log names, which no other one stands in for. Or the
/// first address in it that is an account, else the only account that lives on the sign-in it names, or that there is.
fn meant(config: &Config, text: &str) -> Option<Arc<Account>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    let addresses = text.split(|c| !is_part(c)).map(|word| word.trim_matches('.')).filter(|word| word.contains('@'));
    let of_list = line::not_allowed(text).and_then(|(table, _)| account_named(config, &table));
    if let Some(address) = line::account(text).filter(|_| of_list.is_none()) {
        return account_of(&address, &config.accounts, &config.domains);
    }
    let named = of_list.or_else(|| addresses.take(20).find_map(|address| account_named(config, address)));
    let app = line::sign_in(text).map(|(app, _)| app);
    let mut of_app = config.accounts.iter().filter(|account| app == Some(account.sign_in.app.name.as_str()));
    let only_of_app = of_app.next().filter(|_| of_app.next().is_none()).cloned();
    let only = || match (config.accounts.as_slice(), config.domains.as_slice()) {
        ([only], []) => Some(only.clone()),
        _ => None,
    };
    named.or(only_of_app).or_else(only)
}

fn unknown(text: &str, lang: Lang) -> Failure {
    let shown = printable(text.trim(), SHOWN);
    if let Some(number) = explain::unknown_number(text) {
        return told::unknown_number(number, lang);
    }
    told::unknown(&shown, &explain::alike(text), lang)
}

fn list(lang: Lang, as_json: bool) -> Outcome {
    if as_json {
        let all: Vec<_> = catalog::all()
            .map(|entry| told::fields(entry, &Known { is_in_general: true, ..Known::default() }, lang))
            .collect();
        return out(&format!("{:#}\n", json!({ "faults": all })));
    }
    out(&told::list(lang))
}

fn out(text: &str) -> Outcome {
    print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}
