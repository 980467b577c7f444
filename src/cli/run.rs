//! `gatepost run`: the daemon. This file checks the configuration and hands it to the composition root.

use std::{ffi::OsStr, path::Path};

use super::{
    args::{LogFormat, RunArgs},
    config, elsewhere, language,
    outcome::{Failure, Outcome},
    runtime,
    state::refuse_to_run_on_foreign_store,
};
use crate::{base::invocation, daemon};

pub fn run(named: Option<&Path>, args: &RunArgs) -> Outcome {
    daemon::init_log(match args.log_format {
        LogFormat::Text => daemon::LogFormat::Text,
        LogFormat::Json => daemon::LogFormat::Json,
    });
    let file = config::found(named)?;
    // Whatever a daemon says is read in other directories.
    config::call_by(named);
    let (configuration, warnings) = config::load(Some(&file))?;
    daemon::note_warnings(&warnings);
    // systemd itself may start it another way than its unit says here.
    let is_of_systemd = is_started_by_systemd(std::env::var_os("SYSTEMD_EXEC_PID").as_deref(), std::process::id())
        || is_child_of_the_old_one();
    if let Some(elsewhere) = elsewhere::find(&configuration, &file).filter(|_| !is_of_systemd) {
        return Err(elsewhere.failure().hinted(format!("start the service: `{}`", invocation::start())));
    }
    refuse_to_run_on_foreign_store(&configuration.store, is_of_systemd)?;
    let ended = runtime()?.block_on(daemon::run(configuration, &file));
    let lang = language::current();
    ended.map_err(|fault| {
        let told = Failure::told(fault.to_string(), &fault.words(lang), lang).of_fault(fault.entry().id);
        match fault.hint() {
            Some(hint) => told.hinted(hint),
            None => told,
        }
    })
}

/// `named`: whom systemd says that it started, which whatever that starts has from it (systemd.exec(5)).
fn is_started_by_systemd(named: Option<&OsStr>, process: u32) -> bool {
    named.and_then(OsStr::to_str).and_then(|named| named.parse().ok()) == Some(process)
}

/// Before 248 it named nobody; what it starts for the machine has the first process for its parent, and an invocation.
#[cfg(unix)]
fn is_child_of_the_old_one() -> bool {
    let names = |name| std::env::var_os(name).is_some();
    names("INVOCATION_ID")
        && !names("SYSTEMD_EXEC_PID")
        && rustix::process::getppid() == Some(rustix::process::Pid::INIT)
}

#[cfg(not(unix))]
fn is_child_of_the_old_one() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_started_from_a_terminal_that_systemd_started_is_not_started_by_systemd() {
        assert!(is_started_by_systemd(Some(OsStr::new("42")), 42));
        for terminal in [None, Some("41"), Some("")] {
            assert!(!is_started_by_systemd(terminal.map(OsStr::new), 42), "{terminal:?}");
        }
    }
}
