//! A configuration file as anybody may write it: it is taken or refused, and all that is said about it can be printed.
#![no_main]

use gatepost::config::{Surroundings, check_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Relative paths of an input lead nowhere. An absolute one is opened and read, as `config check` does.
    let around = Surroundings { base: "/nonexistent".into(), ..Surroundings::default() };
    match check_text(text, "gatepost.toml", &around) {
        Ok((_, problems)) | Err(problems) => drop(problems.to_string()),
    }
});
