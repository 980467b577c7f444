//! `gatepost run`: the daemon. This file checks the configuration and hands it to the composition root.

use std::path::Path;

use super::{
    args::{LogFormat, RunArgs},
    config, elsewhere, language,
    outcome::{Failure, Outcome},
    pasted, runtime,
};
use crate::{
    base::invocation,
    config::{Surroundings, locate},
    daemon,
};

pub fn run(named: Option<&Path>, args: &RunArgs) -> Outcome {
    let here = Surroundings::of_this_process(Path::new("gatepost.toml"));
    let file = locate(named, &here)?;
    // What a daemon says is read in other directories. A file in one of the usual places is found from there.
    if named == Some(file.as_path()) || file.is_relative() {
        invocation::call_it(pasted::with_config(&std::path::absolute(&file).unwrap_or_else(|_| file.clone())));
    }
    let (configuration, warnings) = config::load(Some(&file))?;
    config::note_all(&warnings);
    // systemd itself may start it another way than its unit says here.
    if std::env::var_os("INVOCATION_ID").is_none() {
        elsewhere::refuse(&configuration, &file)?;
    }
    daemon::init_log(match args.log_format {
        LogFormat::Text => daemon::LogFormat::Text,
        LogFormat::Json => daemon::LogFormat::Json,
    });
    let ended = runtime()?.block_on(daemon::run(configuration, &file));
    ended.map_err(|fault| Failure::new(fault.to_string(), fault.hint(language::current())))
}
