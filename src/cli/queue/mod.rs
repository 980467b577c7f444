//! `gatepost queue`: mail that waits for delivery. The running daemon is asked; without one, the store itself.

mod args;
mod asleep;
mod table;

use std::path::Path;

use clap::ValueEnum;
use reqwest::Method;
use serde_json::Value;
use url::form_urlencoded;

pub use args::QueueArgs;
use args::{QueueCommand, QueueListArgs};

use super::{
    config, console_api, language,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{base::printable_json, config::Config, console::client::Unanswered, queue::Order};

pub fn run(named: Option<&Path>, command: &QueueCommand) -> Outcome {
    let (config, _) = config::load(named)?;
    match command {
        QueueCommand::List(args) => list(&config, args),
        QueueCommand::Show { id, json } => show(&config, id, *json),
        QueueCommand::Retry { id } => order(&config, id, Order::Retry),
        QueueCommand::Hold { id } => order(&config, id, Order::Hold),
        QueueCommand::Release { id } => order(&config, id, Order::Release),
        QueueCommand::Drop { id } => order(&config, id, Order::Drop),
    }
}

fn list(config: &Config, args: &QueueListArgs) -> Outcome {
    let path = format!("/api/queue?{}", query(args));
    let found = match console_api::ask(config, Method::GET, &path) {
        Ok(found) => found,
        Err(cause) => asleep::list(config, args).map_err(|failure| beside(failure, &cause))?,
    };
    print(&if args.json { as_json(&found) } else { table::list(&found, args.is_search(), language::current()) })
}

fn show(config: &Config, id: &str, json: bool) -> Outcome {
    let found = match console_api::ask_for(config, Method::GET, &format!("/api/queue/{}", path_word(id))) {
        Ok(found) => found,
        Err(cause) => asleep::show(config, id).map_err(|failure| beside(failure, &cause))?,
    };
    let found = found.ok_or_else(|| not_there(id))?;
    print(&if json { as_json(&found) } else { table::show(&found, language::current()) })
}

fn order(config: &Config, id: &str, order: Order) -> Outcome {
    let path = format!("/api/queue/{}/{}", path_word(id), order.as_str());
    let done = match console_api::ask(config, Method::POST, &path) {
        Ok(answer) => answer.get("done").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Err(cause) => asleep::order(config, id, order).map_err(|failure| beside(failure, &cause))?.as_str().to_owned(),
    };
    let said = match (done.as_str(), order) {
        ("done", Order::Hold) => "held: nothing is sent until it is released",
        ("done", Order::Release) => "released",
        ("done", Order::Retry) => "tried at the next occasion",
        ("done", Order::Drop) => "dropped",
        ("when-it-ends", _) => "its delivery is under way; done when that ends, if the message is still there then",
        ("not-there", _) => return Err(not_there(id)),
        ("held", _) => return Err(Failure::new(format!("{id} is held"), format!("`gatepost queue release {id}`"))),
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
    let hint =
        "it was delivered or dropped, or never was: the log has its id; `gatepost queue list` shows what is there";
    Failure::new(format!("no message {id} in the queue"), hint)
}

/// Neither the daemon nor the store answers.
fn beside(failure: Failure, cause: &Unanswered) -> Failure {
    let hint = format!("the daemon did not answer either: {cause}");
    Failure::new(failure.text(), failure.hint().map_or(hint.clone(), |own| format!("{own}; {hint}")))
}

fn say(text: &str) -> Outcome {
    terminal::say(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}
