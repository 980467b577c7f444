//! `gatepost queue`: mail that waits for delivery. The running daemon is asked; without one, the store itself.

mod args;
mod asleep;
mod table;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use reqwest::Method;
use serde_json::Value;
use url::form_urlencoded;

pub use args::QueueArgs;
use args::{QueueCommand, QueueListArgs};

use super::{
    config, console_api, elsewhere, language,
    outcome::{Failure, Outcome},
    state::{block_on, refuse_foreign_store},
    terminal,
};
use crate::{
    base::{Lang, invocation, printable, printable_json},
    catalog::{self, Known, own::MAIL_LEFT_BEHIND},
    config::Config,
    console::{
        client::Unanswered, known_of_left_behind, known_of_left_bodies, said_of_left_behind, said_of_left_bodies,
    },
    queue::{Order, fault_beside, last_words},
    spool,
    store::{self, LeftBehind},
};

pub fn run(named: Option<&Path>, command: &QueueCommand) -> Outcome {
    let file = config::found(named)?;
    // While its file is refused the daemon runs on, and has the queue; without one, what is there is not to be trusted.
    let (config, refused) = config::load_to_ask(Some(&file))?;
    elsewhere::refuse(&config, &file)?;
    if let Some(problems) = refused
        && store::is_vacant(&config.store)
    {
        return Err(problems.into());
    }
    let desk = Desk { config, file };
    match command {
        QueueCommand::List(args) => desk.list(args),
        QueueCommand::Show { id, json } => desk.show(id, *json),
        QueueCommand::Retry { id } => desk.order(id, Order::Retry),
        QueueCommand::Hold { id } => desk.order(id, Order::Hold),
        QueueCommand::Release { id } => desk.order(id, Order::Release),
        QueueCommand::Drop { id } => desk.order(id, Order::Drop),
    }
}

/// Where the queue is asked for.
struct Desk {
    config: Config,
    file: PathBuf,
}

impl Desk {
    fn list(&self, args: &QueueListArgs) -> Outcome {
        let path = format!("/api/queue?{}", query(args));
        let (found, is_asleep) = match console_api::ask(&self.config, Method::GET, &path) {
            Ok(found) => (found, false),
            Err(cause) => {
                let found = self.by_store(&cause, |config| asleep::list(config, args))?;
                (found, store::holder(&self.config.store).is_none())
            }
        };
        if args.json {
            return print(&as_json(&found));
        }
        let missing = self.config.store.database().filter(|_| is_asleep && asleep::is_gone(&self.config));
        print(&table::list(&found, args.is_search(), is_asleep, missing.as_deref(), language::current()))?;
        self.note_left_behind();
        Ok(())
    }

    fn show(&self, id: &str, json: bool) -> Outcome {
        let found = match console_api::ask_for(&self.config, Method::GET, &format!("/api/queue/{}", path_word(id))) {
            Ok(found) => found,
            Err(cause) => self.by_store(&cause, |config| asleep::show(config, id))?,
        };
        match found {
            Some(found) if found.get("failed").is_some() && json => {
                print(&as_json(&found))?;
                Err(Failure::silent(1))
            }
            Some(found) if found.get("failed").is_some() => Err(failed(id, &found)),
            Some(found) if json => print(&as_json(&found)),
            Some(found) => print(&table::show(&found, language::current())),
            None => Err(self.not_there(id)),
        }
    }

    /// Why an order found nothing.
    fn gone(&self, id: &str) -> Failure {
        let path = format!("/api/queue/{}", path_word(id));
        match console_api::ask_for(&self.config, Method::GET, &path) {
            Ok(Some(found)) if found.get("failed").is_some() => failed(id, &found),
            _ => self.not_there(id),
        }
    }

    /// Its body may lie there all the same.
    fn not_there(&self, id: &str) -> Failure {
        let database = self.config.store.database().filter(|database| spool::is_left_beside(database, id));
        let Some(database) = database else { return not_there(id) };
        let (folder, lang) = (spool::beside(&database).display().to_string(), language::current());
        let said = format!("the message {id} has no row in this store; its body lies in {folder}");
        let words = MAIL_LEFT_BEHIND.told(lang, &known_of_left_bodies(&folder));
        Failure::told(MAIL_LEFT_BEHIND.said(said), &words, lang)
    }

    fn order(&self, id: &str, order: Order) -> Outcome {
        let path = format!("/api/queue/{}/{}", path_word(id), order.as_str());
        let (done, is_asleep) = match console_api::ask(&self.config, Method::POST, &path) {
            // It answers, and its store does not: nobody is told to let the console listen.
            Err(Unanswered::Waits(_) | Unanswered::Untold(_)) if self.is_asked_in_vain() => {
                return Err(console_api::of_a_store_that_waits(&self.config));
            }
            Ok(answer) => (answer.get("done").and_then(Value::as_str).unwrap_or_default().to_owned(), false),
            Err(cause) => (self.by_store(&cause, |config| asleep::order(config, id, order))?.as_str().to_owned(), true),
        };
        let start = invocation::start();
        let said = match (done.as_str(), order) {
            ("done", Order::Hold) => "held: nothing is sent until it is released",
            ("done", Order::Release) if is_asleep => {
                &format!("released, and goes once the daemon runs; to start it: `{start}`")
            }
            ("done", Order::Retry) if is_asleep => &format!("goes once the daemon runs; to start it: `{start}`"),
            ("done", Order::Release) => "released",
            ("done", Order::Retry) => "tried at the next occasion",
            ("done", Order::Drop) => "dropped",
            ("off-the-list", _) => "off the list of messages that failed",
            ("when-it-ends", _) => "its delivery is under way; done when that ends, if the message is still there then",
            ("not-there", _) => return Err(self.gone(id)),
            ("held", _) => {
                let hint = format!(
                    "`gatepost queue show {id}` says why; where it may have arrived already, ask whoever it is for first. \
                     `gatepost queue release {id}` sends it"
                );
                return Err(Failure::new(format!("{id} is held"), hint));
            }
            ("not-held", _) => {
                return Err(Failure::new(format!("{id} is not held"), "`gatepost queue retry` tries it now"));
            }
            ("body-missing", _) => {
                let hint = "put the file back and restart the daemon, or drop the message";
                return Err(Failure::new(format!("the body of {id} is missing on disk"), hint));
            }
            (other, _) => other,
        };
        say(&format!("{id}: {said}\n"))
    }

    /// The daemon of this file runs, and has a console.
    fn is_asked_in_vain(&self) -> bool {
        let holder = store::holder(&self.config.store);
        self.config.console.listen.is_some()
            && holder.is_some_and(|holder| holder.reads_other_than(&self.file).is_none())
    }

    /// What waits in the store that the file named before is in no list of this one.
    fn note_left_behind(&self) {
        let (Some(database), lang) = (self.config.store.database(), language::current()) else { return };
        if let Some(left) = self.behind(&database) {
            let store = left.database.display().to_string();
            note_left(
                &said_of_left_behind(&store, left.messages, left.sign_ins, lang),
                &known_of_left_behind(&left),
                lang,
            );
        }
        if let Some(left) = spool::left_beside(&database) {
            let folder = left.folder.display().to_string();
            note_left(&said_of_left_bodies(&folder, left.messages, lang), &known_of_left_bodies(&folder), lang);
        }
    }

    /// The daemon that a restart is to bring to this store says what it leaves.
    fn behind(&self, database: &Path) -> Option<LeftBehind> {
        if store::holder_before(&self.config.store, &self.file).is_none() {
            return block_on(async { Ok(store::left_behind(database, true).await) }).ok()?;
        }
        let status = console_api::ask(&self.config, Method::GET, "/api/status").ok()?;
        let left = status.get("left-behind")?;
        let number = |name: &str| left.get(name).and_then(Value::as_u64);
        let (messages, sign_ins) = (number("messages").filter(|messages| *messages > 0)?, number("sign-ins")?);
        Some(LeftBehind { database: left.get("store")?.as_str()?.into(), messages, sign_ins })
    }

    /// From the store itself. Not where the daemon of this file is on the one that stood there before: that has the queue; nor
    /// where it is another user's.
    fn by_store<T>(&self, cause: &Unanswered, work: impl FnOnce(&Config) -> Result<T, Failure>) -> Result<T, Failure> {
        if store::is_closed(&self.config.store) {
            refuse_foreign_store(&self.config.store)?;
        }
        if let Some(failure) = console_api::of_the_store_before(&self.config, &self.file, Some(cause)) {
            return Err(failure);
        }
        work(&self.config).map_err(|failure| beside(failure, cause))
    }
}

fn note_left(said: &str, known: &Known, lang: Lang) {
    let words = MAIL_LEFT_BEHIND.told(lang, known);
    terminal::note(&Failure::told(catalog::said_in(MAIL_LEFT_BEHIND, said, lang), &words, lang).to_string());
}

/// What clients and servers wrote stands in it.
fn as_json(found: &Value) -> String {
    printable_json(&format!("{found:#}\n"))
}

fn query(args: &QueueListArgs) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let words = [
        ("account", &args.account),
        ("sender", &args.sender),
        ("recipient", &args.recipient),
        ("client", &args.client),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            query.append_pair(name, word);
        }
    }
    if let Some(state) = args.state.and_then(|state| state.to_possible_value()) {
        query.append_pair("state", state.get_name());
    }
    query.append_pair("limit", &args.limit.to_string()).finish()
}

/// An id has letters and digits alone; whatever else was typed finds nothing.
fn path_word(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn not_there(id: &str) -> Failure {
    let hint = "it was delivered, failed for good, or was dropped, or never was: the log has its id; `gatepost queue list` shows \
                what is there";
    Failure::new(format!("no message {id} in the queue"), hint)
}

/// It was there.
fn failed(id: &str, found: &Value) -> Failure {
    let at = |name: &str| found.pointer(&format!("/failed/{name}"));
    let text = |name: &str| printable(at(name).and_then(Value::as_str).unwrap_or_default(), 1000);
    let is_so = |name: &str| at(name).and_then(Value::as_bool) == Some(true);
    let lang = language::current();
    let beside = fault_beside(&text("reply"), Some(&text("fault")), lang);
    let reply = [last_words(&text("reply"), lang)].into_iter().chain(beside).collect::<Vec<_>>().join("; ");
    let why = format!("message {id} is not in the queue any more: it failed for good: {reply}");
    let (fault, account) = (text("fault"), text("account"));
    let explained = [&fault, &account].into_iter().all(|word| catalog::is_harmless(word));
    let hint = match (is_so("is-sender-told"), is_so("is-notice-wanted"), explained) {
        (true, _, true) if !fault.is_empty() => format!(
            "its sender was told by a notice: do what `gatepost explain {fault} --account {account}` says, then have it sent \
             again"
        ),
        (true, ..) => "its sender was told by a notice".to_owned(),
        (_, false, _) => "it has no sender, or its sender wants no notice".to_owned(),
        (_, _, false) => "its sender was not told: have it sent again".to_owned(),
        (..) => format!(
            "its sender was not told: do what `gatepost explain {fault} --account {account}` says, then have it sent again"
        ),
    };
    Failure::new(why, hint)
}

/// Neither the daemon nor the store answers.
fn beside(failure: Failure, cause: &Unanswered) -> Failure {
    let hint = format!("the daemon did not answer either: {cause}");
    Failure::new(
        failure.text(),
        failure.hint().map_or(hint.clone(), |own| format!("{}; {hint}", own.trim_end_matches(['.', '。']))),
    )
}

fn say(text: &str) -> Outcome {
    terminal::say(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_odd_for_a_shell_is_in_no_command() {
        for (account, is_named) in
            [("ann@contoso.com", true), ("$(reboot)@contoso.com", false), ("a`b@contoso.com", false)]
        {
            let found =
                json!({ "failed": { "is-notice-wanted": true, "fault": "send-as-denied", "account": account } });
            let hint = failed("bcdf23456789", &found).hint().unwrap().to_owned();
            assert_eq!(hint.contains(account), is_named, "{hint}");
            assert_eq!(hint.contains("gatepost explain"), is_named, "{hint}");
        }
    }
}
