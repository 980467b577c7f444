//! How this program is called by whoever types what it prints: with `--config`, where its own caller named a file.
//!
//! One fact of the process, as its arguments are, and set by `cli` alone before anything is said. Replies on the wire have
//! it too: who reads one over the phone types it on this machine.

use std::sync::OnceLock;

static CALL: OnceLock<String> = OnceLock::new();

/// `call`: for example `gatepost --config x.toml`, quoted for a shell. The first one counts.
pub fn call_it(call: String) {
    let _ = CALL.set(call);
}

/// What begins every command of ours that a person is told to type.
pub fn gatepost() -> &'static str {
    CALL.get().map_or("gatepost", String::as_str)
}

/// The text with our commands in backticks as they are called here. Twice changes nothing more.
pub fn as_called(text: &str) -> String {
    with(text, gatepost())
}

fn with(text: &str, call: &str) -> String {
    let (bare, called) = ("`gatepost ", format!("`{call} "));
    text.replace(&called, bare).replace(bare, &called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_ours_name_the_file_once_and_nothing_else_changes() {
        let text = "`gatepost login ann@x` or `curl x`; gatepost runs, and so does `gatepost`.";
        let called = "`gatepost --config 'a b' login ann@x` or `curl x`; gatepost runs, and so does `gatepost`.";
        assert_eq!(with(text, "gatepost --config 'a b'"), called);
        assert_eq!(with(called, "gatepost --config 'a b'"), called);
        assert_eq!(with(text, "gatepost"), text);
    }
}
