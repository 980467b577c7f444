//! The language of a command's output: what `--lang` says, else what the terminal is set to; and what it can show.
//!
//! A fact of the process, set before a command begins. Most of what commands say stands in the code in English, and in
//! Japanese in a file of sentences beside it; those that have much to say of many things have words of their own.

use std::{env, sync::OnceLock};

use clap::ValueEnum;

use crate::{
    base::{Lang, OF_THE_SYSTEM, Phrases},
    catalog, config, queue, store,
};

static CURRENT: OnceLock<Lang> = OnceLock::new();

/// As it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    En,
    Ja,
}

impl From<Language> for Lang {
    fn from(typed: Language) -> Self {
        match typed {
            Language::En => Lang::En,
            Language::Ja => Lang::Ja,
        }
    }
}

/// Of this command, for as long as it runs.
pub fn choose(lang: Lang) {
    let _ = CURRENT.set(lang);
}

/// `LC_ALL`, `LC_MESSAGES` or `LANG` decide.
pub fn of_terminal() -> Lang {
    let [all, messages, lang] = ["LC_ALL", "LC_MESSAGES", "LANG"].map(|name| env::var(name).ok());
    Lang::of_locale([all.as_deref(), messages.as_deref(), lang.as_deref()])
}

/// English, until one was chosen.
pub fn current() -> Lang {
    CURRENT.get().copied().unwrap_or_default()
}

/// What a command says, in the language of who reads it. What is not known stays.
pub fn said(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Ja => {
            catalog::said_again(text, lang, |particular| said(particular, lang)).unwrap_or_else(|| phrases().told(text))
        }
    }
}

/// Most of what commands say.
pub const FILES: [&str; 6] = [
    include_str!("japanese.txt"),
    config::PHRASES,
    config::import::PHRASES,
    queue::PHRASES,
    store::PHRASES,
    OF_THE_SYSTEM,
];

fn phrases() -> &'static Phrases {
    static PHRASES: OnceLock<Phrases> = OnceLock::new();
    PHRASES.get_or_init(|| Phrases::read(&FILES))
}

/// Whether what reads our output takes UTF-8, as far as the locale says.
pub fn is_utf8() -> bool {
    let charset = locale("LC_CTYPE").unwrap_or_default().to_ascii_lowercase();
    charset.contains("utf-8") || charset.contains("utf8")
}

fn locale(category: &str) -> Option<String> {
    ["LC_ALL", category, "LANG"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}
