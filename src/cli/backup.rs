//! `gatepost backup`: what is stored, in one file, while the daemon runs.

use std::path::Path;

use super::{
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};

pub fn run(named: Option<&Path>, to: &Path) -> Outcome {
    block_on(async {
        let state = State::open_to_make(named, Some(to)).await?;
        if to.exists() {
            let text = format!("{} is there already; nothing was changed", to.display());
            return Err(Failure::new(text, "name another file, for example with the date in it"));
        }
        if to.to_str().is_none() {
            let text =
                format!("the name {} is not UTF-8, and SQLite writes to no other; nothing was written", to.display());
            return Err(Failure::usage(text, "name another file"));
        }
        state.store.back_up(to).await?;
        let text = format!(
            "{} holds all that is stored, sealed. It opens with the key alone, which is not in it: {}.\n",
            to.display(),
            state.store.key_source()
        );
        terminal::say(&text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
    })
}
