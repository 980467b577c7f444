//! `gatepost console`: a link that opens the web console once, for the user who owns the state directory.

use std::path::Path;

use super::{
    config, console_api, elsewhere,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::base::invocation;

pub fn run(named: Option<&Path>) -> Outcome {
    let file = config::found(named)?;
    let (config, refused) = config::load_to_ask(Some(&file))?;
    elsewhere::refuse(&config, &file)?;
    // What is opened stands in the arguments of a program, where other users of this machine see it.
    let opens = terminal::can_open_browser();
    let path = if opens { "/api/ticket?mine=true" } else { "/api/ticket" };
    let ticket = console_api::ask(&config, reqwest::Method::POST, path).map_err(|cause| {
        // None runs that could have read it before.
        if let Some(problems) = &refused {
            return Failure::refused(None, problems);
        }
        let text = format!("the daemon gave no link: {cause}");
        let next = format!("start it with `{}`, and run this as the user who runs it", invocation::start());
        console_api::unanswered(&config, &file, Some(&cause), text, &next)
    })?;
    let path = ticket.get("path").and_then(serde_json::Value::as_str).unwrap_or("/door");
    let address = config.console.reached_at().map(|address| address.to_string()).unwrap_or_default();
    let link = format!("http://{address}{path}");
    let opened = terminal::open_browser(&link);
    let lead = if opened { "Your browser should open. If not, open:" } else { "Open in a browser:" };
    let whose = match opens {
        true => "It works once, within ten minutes, for your own user on this machine.",
        false => "It works once, within ten minutes.",
    };
    terminal::say(&format!("{lead}\n\n  {link}\n\n{whose}\n"))
        .map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}
