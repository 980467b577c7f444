//! `gatepost run`: the daemon. This file checks the configuration and hands it to the composition root.

use std::path::Path;

use super::{
    args::RunArgs,
    config,
    outcome::{Failure, Outcome},
};

pub fn run(named: Option<&Path>, _args: &RunArgs) -> Outcome {
    let (_config, warnings) = config::load(named)?;
    config::note_all(&warnings);
    Err(Failure::new("the daemon is not built in yet", "build a version that has it"))
}
