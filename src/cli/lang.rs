//! In which language a person at the terminal is told something, and whether the terminal can show it.

use std::env;

use crate::base::Lang;

/// Of `--lang`.
pub fn parse(text: &str) -> Result<Lang, String> {
    Lang::parse(text).ok_or_else(|| "en or ja".to_owned())
}

/// What was asked for, else that of the locale (POSIX: LC_ALL before LC_MESSAGES before LANG).
pub fn chosen(given: Option<Lang>) -> Lang {
    given.unwrap_or_else(|| match locale("LC_MESSAGES").is_some_and(|locale| locale.starts_with("ja")) {
        true => Lang::Ja,
        false => Lang::En,
    })
}

/// Whether what reads our output takes UTF-8, as far as the locale says.
pub fn is_utf8() -> bool {
    let charset = locale("LC_CTYPE").unwrap_or_default().to_ascii_lowercase();
    charset.contains("utf-8") || charset.contains("utf8")
}

fn locale(category: &str) -> Option<String> {
    ["LC_ALL", category, "LANG"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}
