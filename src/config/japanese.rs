//! What a configuration is refused or warned for, in the language of who reads it. The log, JSON and the wire keep the
//! English that `check` writes.

use std::sync::OnceLock;

use super::problem::{Problem, Problems, Severity};
use crate::{
    base::{Lang, OF_THE_SYSTEM, Phrases, invocation},
    catalog,
};

/// Of those that hold these as well.
pub const PHRASES: &str = include_str!("japanese.txt");

/// In the language of who reads it. What is not known stays.
pub fn said(text: &str, lang: Lang) -> String {
    static READ: OnceLock<Phrases> = OnceLock::new();
    if lang == Lang::En {
        return text.to_owned();
    }
    let told = |text: &str| READ.get_or_init(|| Phrases::read(&[PHRASES, OF_THE_SYSTEM])).told(text);
    catalog::said_again(text, lang, told).unwrap_or_else(|| told(text))
}

impl Problem {
    /// What is wrong, and what to write instead, or to type as this program is called here.
    pub fn told(&self, lang: Lang) -> (String, Option<String>) {
        let said = |text: &String| said(text, lang);
        (said(&self.text), self.hint.as_ref().map(said).as_deref().map(invocation::as_called))
    }
}

impl Problems {
    /// All of them, each with its place.
    pub fn told(&self, lang: Lang) -> String {
        let words = |severity| match (lang, severity) {
            (Lang::En, Severity::Error) => "error",
            (Lang::En, Severity::Warning) => "warning",
            (Lang::Ja, Severity::Error) => "エラー",
            (Lang::Ja, Severity::Warning) => "警告",
        };
        let next = if lang == Lang::Ja { "次の手順" } else { "hint" };
        let one = |problem: &Problem| {
            let (place, (text, hint)) = (self.place(problem), problem.told(lang));
            let hint = hint.map(|hint| format!("{next}: {hint}\n")).unwrap_or_default();
            format!("{}: {place}: {text}\n{hint}", words(problem.severity))
        };
        self.problems.iter().map(one).collect()
    }
}
