//! A configuration file as anybody may write it: an answer, and problems that can be printed.
#![no_main]

use gatepost::config::{Surroundings, check_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No file of this machine is to be read because an input names it.
    let around = Surroundings { base: "/nonexistent".into(), ..Surroundings::default() };
    match check_text(text, "gatepost.toml", &around) {
        Ok((_, problems)) | Err(problems) => drop(problems.to_string()),
    }
});
