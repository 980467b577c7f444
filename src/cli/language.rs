//! The language of a command's output: what `--lang` says, else what the terminal is set to.

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
