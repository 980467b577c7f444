//! `gatepost run`: the daemon. This file checks the configuration and hands it to the composition root.

use std::path::Path;

use super::{
    args::{LogFormat, RunArgs},
    config, language,
    outcome::{Failure, Outcome},
    runtime,
};
use crate::daemon;

pub fn run(named: Option<&Path>, args: &RunArgs) -> Outcome {
    let file = config::found(named)?;
    // Whatever a daemon says is read in other directories.
    config::call_by(named);
    let (configuration, warnings) = config::load(Some(&file))?;
    config::note_all(&warnings);
    daemon::init_log(match args.log_format {
        LogFormat::Text => daemon::LogFormat::Text,
        LogFormat::Json => daemon::LogFormat::Json,
    });
    let ended = runtime()?.block_on(daemon::run(configuration, &file));
    ended.map_err(|fault| Failure::new(fault.to_string(), fault.hint(language::current())))
}
