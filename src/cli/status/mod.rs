//! `gatepost status`: what the running daemon says at /api/status; without one, what the store knows.

mod alive;
mod asleep;
mod headings;
mod once;
mod other;
mod remarks;
mod silent;
mod steps;
mod table;
mod told;

use std::path::Path;

use serde_json::{Value, json};

use self::{other::Other, silent::Silent};
use super::{
    args::StatusArgs,
    config, console_api, elsewhere, language,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{
    base::{Lang, invocation},
    config::Config,
    console::client::Unanswered,
    store,
};

/// What configuration and store know by themselves.
pub fn without_daemon(config: &Config) -> Value {
    asleep::status(config).0
}

pub fn run(named: Option<&Path>, args: &StatusArgs) -> Outcome {
    let file = config::found(named)?;
    let (config, refused) = config::load_to_ask(Some(&file))?;
    let lang = language::current();
    let elsewhere = elsewhere::find(&config, &file);
    if args.alive {
        return alive::look(&config, &file, elsewhere.is_some());
    }
    let is_vacant = store::is_vacant(&config.store);
    let (mut status, asleep, unread) = match (console_api::ask(&config, reqwest::Method::GET, "/api/status"), &refused)
    {
        (Ok(status), _) => (status, None, None),
        (Err(cause), None) => {
            // Of the service nobody says anything here.
            let is_of_service = elsewhere.is_some();
            let silence = if is_of_service { Silent::Unknown } else { Silent::of(&config, &file, is_vacant, &cause) };
            let (mut status, unread) = asleep::status(&config);
            // What the daemon has is in another store than the one that was looked at.
            if let (Silent::OnAnotherStore { .. }, Some(sections)) = (&silence, status.as_object_mut()) {
                sections.retain(|name, _| ["running", "version", "store"].contains(&name.as_str()));
            }
            (status, Some((silence, cause)), unread)
        }
        (Err(_), Some(problems)) => return Err(Failure::refused(None, problems)),
    };
    let other = Other::beside(&config, &file);
    let held_by = other.as_ref().map(|other| if args.json { other.fields() } else { json!(other.text(lang)) });
    put_files(&mut status, &file, held_by);
    let text = match args.json {
        true => {
            if let (Some(problems), Some(sections)) = (&refused, status.as_object_mut()) {
                sections.insert("refused-configuration".to_owned(), json!(problems));
            }
            format!("{:#}\n", status)
        }
        false => {
            if asleep.is_some() && is_vacant {
                config::note_start(&config, &file);
            }
            for_people(status, &config, asleep.as_ref().map(|(silent, _)| silent), unread.is_some(), lang)
        }
    };
    terminal::print(&text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))?;
    if let (Some(elsewhere), Some(_)) = (elsewhere, &asleep) {
        return Err(elsewhere.failure());
    }
    if let Some(trouble) = unread {
        return of_an_unread_store(trouble, &asleep);
    }
    match (refused, asleep) {
        (Some(problems), _) => Err(Failure::refused(Some(RUNS_ON), &problems)),
        (None, Some((Silent::Down, cause))) => Err(down(&config, &file, &cause)),
        (None, Some((Silent::NoConsole { .. }, _))) => Ok(()),
        // The cause is that nobody can be asked at the console.
        (None, Some((Silent::Hangs { .. }, _))) if config.console.listen.is_none() => Err(console_api::hanging(lang)),
        (None, Some((silent, cause))) => {
            Err(silent.not_there(&file, lang).unwrap_or_else(|| unanswered(&config, &file, Some(&cause))))
        }
        (None, None) if other.is_some() => Err(unanswered(&config, &file, None)),
        (None, None) => Ok(()),
    }
}

/// That is what there is to do first. A daemon without a console is well, as far as is known.
fn of_an_unread_store(trouble: Failure, asleep: &Option<(Silent, Unanswered)>) -> Outcome {
    if matches!(asleep, Some((Silent::NoConsole { .. }, _))) {
        terminal::note(&trouble.to_string());
        return Ok(());
    }
    Err(trouble)
}

fn for_people(mut status: Value, config: &Config, asleep: Option<&Silent>, is_unread: bool, lang: Lang) -> String {
    told::with_steps(&mut status, config, lang);
    if let Some(silent) = asleep {
        silent.put(&mut status, lang);
    }
    if is_unread {
        told::unread(&mut status, lang);
    }
    if lang == Lang::Ja {
        told::in_japanese(&mut status, config);
    }
    table::draw(&status, lang)
}

/// The file that was asked for; and where a daemon that reads another one has its store, which one that is.
fn put_files(status: &mut Value, file: &Path, other: Option<Value>) {
    let Some(sections) = status.as_object_mut() else { return };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    sections.insert("configuration-file".to_owned(), json!(file.display().to_string()));
    sections.extend(other.map(|other| ("store-held-by".to_owned(), other)));
}

const RUNS_ON: &str = "the daemon runs on with the configuration that it read before, as shown above";

fn silent(config: &Config, file: &Path, cause: &Unanswered) -> Failure {
    let (text, next) = unheard(cause);
    console_api::unanswered(config, file, Some(cause), text, &next)
}

fn unheard(cause: &Unanswered) -> (String, String) {
    let next = format!("start it with `{}`; where it runs, its log tells more", invocation::start());
    (format!("the daemon did not answer: {cause}"), next)
}

fn down(config: &Config, file: &Path, cause: &Unanswered) -> Failure {
    let next =
        format!("start it with `{}`; what is shown above comes from configuration and store", invocation::start());
    console_api::unanswered(config, file, Some(cause), "the daemon does not run".to_owned(), &next)
}

fn unanswered(config: &Config, file: &Path, cause: Option<&Unanswered>) -> Failure {
    let text = cause.map(|cause| format!("the daemon did not answer: {cause}")).unwrap_or_default();
    let next = format!(
        "where it runs, its log tells more, else start it with `{}`; what is shown above comes from configuration and \
         store",
        invocation::start()
    );
    console_api::unanswered(config, file, cause, text, &next)
}
