//! The language of a command's output: what `--lang` says, else what the terminal is set to; and what it can show.

use std::env;

use clap::ValueEnum;

use crate::base::Lang;

/// As it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    En,
    Ja,
}

/// `None`: `LC_ALL`, `LC_MESSAGES` or `LANG` decide.
pub fn chosen(typed: Option<Language>) -> Lang {
    match typed {
        Some(Language::En) => Lang::En,
        Some(Language::Ja) => Lang::Ja,
        None => {
            let [all, messages, lang] = ["LC_ALL", "LC_MESSAGES", "LANG"].map(|name| env::var(name).ok());
            Lang::of_locale([all.as_deref(), messages.as_deref(), lang.as_deref()])
        }
    }
}

/// Whether what reads our output takes UTF-8, as far as the locale says.
pub fn is_utf8() -> bool {
    let charset = locale("LC_CTYPE").unwrap_or_default().to_ascii_lowercase();
    charset.contains("utf-8") || charset.contains("utf8")
}

fn locale(category: &str) -> Option<String> {
    ["LC_ALL", category, "LANG"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}
