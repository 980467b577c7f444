//! How this program is called by whoever types what it prints: with `--config`, where its own caller named a file; and how
//! the daemon is told to read its configuration again.
//!
//! Facts of the process, as its arguments are, and set by `cli` and a daemon that starts before anything is said. Replies on the wire have
//! it too: who reads one over the phone types it on this machine.

use std::sync::OnceLock;

static CALL: OnceLock<String> = OnceLock::new();
static RELOAD: OnceLock<String> = OnceLock::new();
static INSTEAD: OnceLock<String> = OnceLock::new();

/// `call`: for example `gatepost --config x.toml`, quoted for a shell. The first one counts.
pub fn call_it(call: String) {
    let _ = CALL.set(call);
}

/// `command`: of the daemon that runs on this configuration, which this process may be. The first one counts.
pub fn reload_by(command: String) {
    let _ = RELOAD.set(command);
}

/// `command`: what shows that something was mended, for a command that asks by itself and knows of no daemon. The first
/// one counts.
pub fn without_daemon(command: String) {
    let _ = INSTEAD.set(command);
}

/// What makes the daemon read its configuration again. Where none is known to run, what asks in its place; else as the
/// packages have it.
pub fn reload() -> &'static str {
    RELOAD.get().or(INSTEAD.get()).map_or("systemctl reload gatepost", String::as_str)
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
    let plain = text.replace(&called, bare);
    let mut parts = plain.split(bare);
    let first = parts.next().unwrap_or_default().to_owned();
    // A command that names a configuration means that one.
    parts.fold(first, |text, part| text + if part.starts_with("--config ") { bare } else { &called } + part)
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
        let other = "`gatepost --config /other.toml doctor`";
        assert_eq!(with(other, "gatepost --config 'a b'"), other);
    }
}
