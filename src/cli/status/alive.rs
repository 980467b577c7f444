//! Whether the daemon is alive, for whoever restarts one that is not: the console answers, or, where that is off, a listener
//! greets. It asks for nothing else.

use std::path::Path;

use super::silent;
use crate::{
    cli::{
        console_api,
        outcome::{Failure, Outcome},
        state::block_on,
    },
    config::Config,
    console::client::Unanswered,
    doctor::greeting,
    store,
};

pub fn look(config: &Config, file: &Path) -> Outcome {
    if config.console.listen.is_some() {
        return console_api::is_alive(config).map_err(|cause| silent(config, file, &cause));
    }
    if store::is_vacant(&config.store) {
        return Err(silent(config, file, &Unanswered::Untold("it does not run".to_owned())));
    }
    let (_, at) = greeting::place(&config.listeners).ok_or_else(|| unaskable(file))?;
    block_on(async { greeting::heard(at).await.map_err(|cause| silent(config, file, &cause)) })
}

fn unaskable(file: &Path) -> Failure {
    Failure::new(
        "the console is off, and no listener greets without TLS at a port that the configuration names: nothing here can \
         be asked",
        format!(
            "take `listen = \"off\"` out of [console] in {}: it listens on this machine alone then",
            file.display()
        ),
    )
}
