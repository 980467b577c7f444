//! Configurations of other programs as anybody may write them: each is refused, or made into a draft and a report.
#![no_main]

use gatepost::config::import::{Found, Unreadable, emailproxy, pizauth, sasl_xoauth2};
use libfuzzer_sys::fuzz_target;

fn drafted(found: Result<Found, Unreadable>) {
    match found {
        Ok(found) => {
            let draft = found.assemble(Vec::new());
            let _ = (draft.toml("/nonexistent".as_ref()), draft.report.to_string());
        }
        Err(Unreadable(problems)) => drop(problems.to_string()),
    }
}

fuzz_target!(|text: &str| {
    drafted(emailproxy::read(text, "old", None));
    drafted(emailproxy::read("[emailproxy]\nallow_catch_all_accounts = True\n", "old", Some((text, "cache"))));
    drafted(pizauth::read(text, "old"));
    drafted(sasl_xoauth2::read(&[sasl_xoauth2::Given { file: "ann@contoso.example", text }]));
});
