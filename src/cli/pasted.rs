//! Values inside of commands that somebody will paste. What a shell takes for nothing but a word stands as it is; all else
//! is quoted, since an address may hold what a shell would take for code (RFC 5322 3.2.3: `'`, `|`, `&`, `$`, a backtick).

use std::{ffi::OsString, path::Path};

pub use crate::catalog::shell;
use crate::{base::invocation::gatepost, catalog::is_harmless};

/// The beginning of a command of ours that means this configuration.
pub fn with_config(file: &Path) -> String {
    format!("gatepost --config {}", shell(&file.to_string_lossy()))
}

/// The command that was `typed`, for this configuration, without those flags whose value begins so.
pub fn again(typed: &[String], file: &Path, left_out: &[(&str, &str)]) -> String {
    let mut command = with_config(file);
    let mut words = typed.iter().skip(1);
    while let Some(word) = words.next() {
        let (flag, value) = parted(word);
        let names_a_file = matches!(flag, "--config" | "-c");
        if !names_a_file && left_out.iter().all(|(name, _)| *name != flag) {
            command.extend([" ", &word_of(word)]);
            continue;
        }
        let value = value.or_else(|| words.next().map(String::as_str)).unwrap_or_default();
        if !names_a_file && left_out.iter().all(|(name, begin)| *name != flag || !value.starts_with(begin)) {
            command.extend([" ", flag, " ", &word_of(value)]);
        }
    }
    command
}

/// The command that takes a file away.
pub(super) fn removal(file: &str) -> String {
    format!("{} {}", if cfg!(windows) { "del" } else { "rm" }, shell(file))
}

/// This very command as it was typed, with `more`, and without those flags, each with whether a value follows it.
pub fn this_again(more: &str, left_out: &[(&str, bool)]) -> String {
    format!("{}{} {more}", gatepost(), kept(std::env::args_os().skip(1), left_out, |_| None))
}

/// The command that was `typed`, for the configuration that `call` begins it with. `instead`: what stands in the place of a word
/// or of a flag's value, as it is to be pasted.
pub fn as_typed(call: &str, typed: &[OsString], instead: impl Fn(&str) -> Option<String>) -> String {
    format!("{call}{}", kept(typed.iter().cloned(), &[], instead))
}

/// Whether this command has the flag.
pub fn is_typed(flag: &str) -> bool {
    std::env::args_os().any(|word| word.to_string_lossy().split('=').next() == Some(flag))
}

fn kept(
    typed: impl Iterator<Item = OsString>,
    left_out: &[(&str, bool)],
    instead: impl Fn(&str) -> Option<String>,
) -> String {
    let mut typed = typed.map(|word| word.to_string_lossy().into_owned());
    let mut kept = String::new();
    while let Some(word) = typed.next() {
        let (flag, value) = parted(&word);
        let has_value = value.is_some();
        // Which configuration is meant stands ahead.
        let of_file = ["--config", "-c"].contains(&flag).then_some(true);
        let out = of_file.or_else(|| left_out.iter().find(|(name, _)| *name == flag).map(|(_, takes_one)| *takes_one));
        match out {
            None => kept.extend([" ", &replaced(&word, &instead).unwrap_or_else(|| word_of(&word))]),
            Some(true) if !has_value => drop(typed.next()),
            Some(_) => {}
        }
    }
    kept
}

fn replaced(word: &str, instead: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let of_flag = || parted(word).1.and_then(instead).map(|value| format!("{}={value}", parted(word).0));
    instead(word).or_else(of_flag)
}

/// A flag, and its value where the same word has it: `--set=a.b=c`, `-ca.toml`.
fn parted(word: &str) -> (&str, Option<&str>) {
    let short = word.strip_prefix("-c").filter(|value| !value.is_empty());
    match short.map(|value| value.strip_prefix('=').unwrap_or(value)) {
        Some(value) => ("-c", Some(value)),
        None => word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value))),
    }
}

/// A word of a command line, which may be a flag with its value.
pub fn word_of(typed: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@=+,%".contains(&b);
    if !typed.is_empty() && typed.bytes().all(is_plain) { typed.to_owned() } else { shell(typed) }
}

/// For PowerShell.
pub fn powershell(value: &str) -> String {
    match is_harmless(value) {
        true => value.to_owned(),
        false => powershell_quoted(value),
    }
}

/// In single quotes, in which nothing is code and an apostrophe is doubled. PowerShell takes the typographic ones for the
/// same.
pub fn powershell_quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_but_a_word_stands_as_it_is() {
        for word in ["ann@contoso.com", "a.b+c_d-e@contoso.com"] {
            assert_eq!((powershell(word).as_str(), shell(word).as_str()), (word, word));
        }
        for file in ["/etc/gatepost/gatepost.toml", "./x.toml", "../a/x.toml"] {
            assert_eq!(shell(file), file);
        }
        assert_eq!(with_config(Path::new("my x.toml")), "gatepost --config 'my x.toml'");
    }

    #[test]
    fn a_command_is_repeated_for_another_file_without_the_flags_that_are_left_out() {
        let typed = [
            "/usr/bin/gatepost",
            "-c",
            "a.toml",
            "--lang=ja",
            "setup",
            "--set",
            "store.url=x",
            "--set=a.b=c d",
            "--yes",
        ];
        let typed = typed.map(str::to_owned);
        let again = |left_out| again(&typed, Path::new("b.toml"), left_out);
        assert_eq!(again(&[("--set", "store.")]), "gatepost --config b.toml --lang=ja setup --set 'a.b=c d' --yes");
        assert_eq!(again(&[]), "gatepost --config b.toml --lang=ja setup --set store.url=x '--set=a.b=c d' --yes");
        for named in [["-ca.toml"].as_slice(), &["-c=a.toml"], &["--config=a.toml"], &["--config", "a.toml"]] {
            let typed: Vec<String> =
                [&["gatepost"], named, &["setup"]].concat().iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(super::again(&typed, Path::new("b.toml"), &[]), "gatepost --config b.toml setup", "{named:?}");
        }
    }

    #[test]
    fn a_command_is_repeated_as_it_was_typed_without_what_does_not_go_with_it() {
        let typed = ["--config=a.toml", "setup", "--yes", "--flow", "device", "--to=b@c.d", "--address", "a'b@c.d"];
        let kept = |left_out: &[(&str, bool)]| kept(typed.iter().map(OsString::from), left_out, |_| None);
        assert_eq!(kept(&[("--flow", true), ("--to", true), ("--yes", false)]), r" setup --address 'a'\''b@c.d'");
        assert_eq!(kept(&[]), r" setup --yes --flow device --to=b@c.d --address 'a'\''b@c.d'");
        let typed = typed.map(OsString::from);
        let with = as_typed("gatepost", &typed, |word| (word == "b@c.d" || word == "device").then(|| "$X".to_owned()));
        assert_eq!(with, r"gatepost setup --yes --flow $X --to=$X --address 'a'\''b@c.d'");
    }

    #[test]
    fn no_address_becomes_code() {
        for (address, in_powershell, in_shell) in [
            ("o'brien@contoso.com", "'o''brien@contoso.com'", r"'o'\''brien@contoso.com'"),
            ("a|reboot&@contoso.com", "'a|reboot&@contoso.com'", "'a|reboot&@contoso.com'"),
            ("$x`y@contoso.com", "'$x`y@contoso.com'", "'$x`y@contoso.com'"),
            ("-x@contoso.com", "'-x@contoso.com'", "'-x@contoso.com'"),
        ] {
            assert_eq!((powershell(address).as_str(), shell(address).as_str()), (in_powershell, in_shell));
        }
        assert_eq!(powershell("a\u{2019}; x\n$(y)`"), "'a\u{2019}\u{2019}; x$(y)`'");
        assert_eq!(shell("/home/ann b/x;y.toml"), "'/home/ann b/x;y.toml'");
    }
}
