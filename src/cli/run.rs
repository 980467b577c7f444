//! `gatepost run`: the daemon. This file checks the configuration and hands it to the composition root.

use std::path::Path;

use super::{
    args::{LogFormat, RunArgs},
    config, elsewhere, language,
    outcome::{Failure, Outcome},
    runtime,
};
use crate::daemon;

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
    if std::env::var_os("INVOCATION_ID").is_none() {
        elsewhere::refuse(&configuration, &file)?;
    }
    let ended = runtime()?.block_on(daemon::run(configuration, &file));
    ended.map_err(|fault| Failure::new(fault.to_string(), fault.hint(language::current())))
}
