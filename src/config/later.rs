//! What the interface promises and this version does not do yet: refused in clear words, never silently ignored.
//!
//! A row leaves this file in the change that makes its function work.

use super::{check::Checker, key::Key, raw};

const REMOVE: &str = "remove the line";

pub fn refuse(check: &mut Checker, file: &raw::File) {
    for (n, listener) in file.listener.iter().enumerate() {
        let key = Key::of("listener").item(n).field("pass-through");
        later(check, &key, listener.pass_through == Some(true), "`pass-through = true`", REMOVE);
    }
}

fn later(check: &mut Checker, key: &Key, wanted: bool, what: &str, hint: &str) {
    if wanted {
        check.error(key, format!("{what} is not available in this version"), hint);
    }
}
