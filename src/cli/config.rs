//! `gatepost config check|show|schema`; `config client` is in `client`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    args::ConfigCommand,
    client, language,
    outcome::{CONFIG_REFUSED, Failure, Outcome},
    pasted, terminal,
};
use crate::{
    base::invocation::{self, NextStart},
    config::{self, Config, Problems, Surroundings, Unit},
    store,
};

pub fn run(named: Option<&Path>, command: &ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Check { json } => check(named, *json),
        ConfigCommand::Show { json } => {
            let (config, warnings) = load(named)?;
            note_all(&warnings);
            show(&config, *json)
        }
        ConfigCommand::Schema => print_json(&config::schema()),
        ConfigCommand::Client(args) => client::run(named, args),
    }
}

/// Finds, reads and checks the configuration. Warnings are the second half.
pub fn load(named: Option<&Path>) -> Result<(Config, Problems), Problems> {
    let file = found(named)?;
    let loaded = config::load(&file).inspect_err(|_| note_daemon_of_refused(&file))?;
    note_daemon(&loaded.0, &file);
    Ok(loaded)
}

/// While its file is refused the daemon runs on, and what is printed names it all the same.
pub(super) fn note_daemon_of_refused(file: &Path) {
    config::salvage(file).into_iter().for_each(|config| note_daemon(&config, file));
}

/// Commands name this file, or the one that is found in this folder alone.
pub(super) fn call_by(named: Option<&Path>) {
    let of_folder = || found(None).ok().filter(|file| file.is_relative());
    if let Some(file) = named.map(Path::to_owned).or_else(of_folder) {
        invocation::call_it(pasted::with_config(&std::path::absolute(&file).unwrap_or(file)));
    }
}

/// What is printed of this configuration names the daemon that runs on it.
pub(super) fn note_daemon(config: &Config, file: &Path) {
    note_unit(file);
    let before = || {
        let before = store::holder_before(&config.store, file)?;
        // Who starts on another store does not see its end.
        invocation::restarts(NextStart::OnAnotherStore);
        Some(before)
    };
    let Some(holder) = store::holder(&config.store).or_else(before) else { return };
    let Some(daemon) = holder.daemon() else { return };
    match holder.reads_other_than(file) {
        Some(_) => invocation::another_runs(daemon),
        None => invocation::runs_as(daemon),
    }
}

/// It names what starts that daemon.
pub(super) fn note_unit(file: &Path) {
    invocation::is_a_service(Unit::in_force().is_some_and(|unit| unit.starts(file)));
}

/// Where no daemon runs on this configuration, what was mended counts at its start. One that reads another file has to be
/// seen to first: none is let in beside it.
pub(super) fn note_start(config: &Config, file: &Path) {
    let reads_other = store::holder(&config.store).is_some_and(|holder| holder.reads_other_than(file).is_some());
    invocation::without_daemon(match reads_other {
        true => format!("{} doctor", invocation::gatepost()),
        false => invocation::start(),
    });
}

/// The same for whoever asks the daemon, which runs on while its file is refused: then the problems are the second half.
pub fn load_to_ask(named: Option<&Path>) -> Result<(Config, Option<Problems>), Problems> {
    let file = found(named)?;
    let (config, problems) = match config::load(&file) {
        Ok((config, _)) => (config, None),
        Err(problems) => match config::salvage(&file) {
            Some(config) => (config, Some(problems)),
            None => return Err(problems),
        },
    };
    note_daemon(&config, &file);
    Ok((config, problems))
}

pub(super) fn found(named: Option<&Path>) -> Result<PathBuf, Problems> {
    config::locate(named, &Surroundings::of_this_process(Path::new("gatepost.toml")))
}

fn check(named: Option<&Path>, json: bool) -> Outcome {
    let loaded = found(named).and_then(|file| {
        let loaded = config::load_as_a_start(&file)?;
        note_daemon(&loaded.0, &file);
        Ok(loaded)
    });
    let (problems, fine) = match loaded {
        Ok((_, warnings)) => (warnings, true),
        Err(problems) => (problems, false),
    };
    if json {
        print_json(&json!({ "file": problems.file, "ok": fine, "problems": problems.problems }))?;
    } else if fine {
        note_all(&problems);
        say(&match problems.problems.is_empty() {
            true => format!("{}: fine\n", problems.file),
            false => format!("{}: no errors\n", problems.file),
        })?;
    } else {
        return Err(problems.into());
    }
    if fine { Ok(()) } else { Err(Failure::silent(CONFIG_REFUSED)) }
}

fn show(config: &Config, json: bool) -> Outcome {
    let text = config::show(config);
    if !json {
        return print(&text);
    }
    let table: toml::Table =
        text.parse().map_err(|e| Failure::new(format!("the configuration cannot be shown: {e}"), "report this"))?;
    print_json(&table)
}

fn print_json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::new(format!("JSON: {e}"), "report this"))?;
    print(&format!("{text}\n"))
}

pub(super) fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))
}

fn say(text: &str) -> Outcome {
    terminal::say(text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))
}

/// Warnings go to stderr.
pub fn note_all(problems: &Problems) {
    if !problems.problems.is_empty() {
        terminal::note(problems.told(language::current()).trim_end());
    }
}
