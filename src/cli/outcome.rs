//! How a command ends: an exit code, and on failure what names the thing and the cause, and below it the next step.

use std::{fmt, process::ExitCode};

use super::{language, state};
use crate::{
    base::{Lang, invocation, wrapped},
    catalog::{Step, Words, in_brief, said_in, said_not_to},
    doctor,
};

/// Columns of a step.
const WRAP: usize = 98;

/// EX_CONFIG of sysexits.h.
pub const CONFIG_REFUSED: u8 = 78;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
    hint: Option<String>,
    /// The hint is a step of the catalogue.
    is_step: bool,
    /// What people are tempted to do instead.
    avoid: Option<String>,
    /// Of the two.
    lang: Lang,
    /// Of the catalogue, where a provider refused.
    fault: Option<&'static str>,
}

pub type Outcome = Result<(), Failure>;

impl Failure {
    pub fn new(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: 1,
            text: text.into(),
            hint: Some(hint.into()),
            is_step: false,
            avoid: None,
            lang: language::current(),
            fault: None,
        }
    }

    /// With the next step of the catalogue, in its language.
    pub fn told(text: impl Into<String>, words: &Words, lang: Lang) -> Self {
        Self { is_step: true, avoid: words.avoid.clone(), lang, ..Self::new(text, words.whole_step()) }
    }

    /// In another language than the command's.
    pub fn said_in(self, lang: Lang) -> Self {
        Self { lang, ..self }
    }

    /// With another next step.
    pub fn hinted(self, hint: String) -> Self {
        Self { hint: Some(hint), is_step: false, avoid: None, ..self }
    }

    /// A provider's refusal, by its id in the catalogue.
    pub fn of_fault(self, id: &'static str) -> Self {
        Self { fault: Some(id), ..self }
    }

    /// Wrong usage that only shows once the command runs.
    pub fn usage(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(text, hint) }
    }

    /// A configuration that is refused, with what is to be said of that before its problems.
    pub fn refused(particular: Option<&str>, problems: &crate::config::Problems) -> Self {
        if let Some(failure) = state::of_another_user_than_reads(problems) {
            return failure;
        }
        let (lang, entry) = (language::current(), problems.entry());
        let head = match (particular, lang) {
            (Some(particular), _) => language::said(&entry.said(particular), lang),
            (None, Lang::En) => entry.named(),
            (None, Lang::Ja) => said_in(entry, &in_brief(entry, lang), lang),
        };
        let text = format!("{}: {head}\n{}", error_in(lang), problems.told(lang));
        Self { code: CONFIG_REFUSED, text: text.trim_end().to_owned(), lang, ..Self::silent(CONFIG_REFUSED) }
    }

    /// Everything was said already.
    pub fn silent(code: u8) -> Self {
        Self { code, text: String::new(), hint: None, ..Self::new("", "") }
    }

    /// As it was written, for programs.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to do about it; likewise.
    pub fn hint(&self) -> Option<String> {
        self.hint.as_deref().map(invocation::as_called)
    }

    /// See [`Self::of_fault`].
    pub fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<crate::config::Problems> for Failure {
    fn from(problems: crate::config::Problems) -> Self {
        Self::refused(None, &problems)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, next) = (error_in(self.lang), if self.lang == Lang::Ja { "次の手順" } else { "hint" });
        // What was found on the way stands in the words of whoever looked.
        let said = |text: &str| doctor::found(self.lang, &language::said(text, self.lang));
        match &self.hint {
            None => f.write_str(&self.text),
            Some(step) if self.is_step => {
                let lines = drawn(step, self.avoid.as_deref(), self.lang);
                write!(f, "{error}: {}\n{next}:{lines}", said(&self.text))
            }
            Some(hint) => {
                write!(f, "{error}: {}\n{next}: {}", said(&self.text), invocation::as_called(&said(hint)))
            }
        }
    }
}

impl std::error::Error for Failure {}

const fn error_in(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "error",
        Lang::Ja => "エラー",
    }
}

/// A step of the catalogue and what not to do, each line below what is said ahead of it.
pub fn drawn(step: &str, avoid: Option<&str>, lang: Lang) -> String {
    let lines = Step::of(&invocation::as_called(step)).drawn(WRAP, &|_| None);
    let avoid = avoid.into_iter().flat_map(|avoid| wrapped(&said_not_to(avoid, lang), WRAP));
    lines.into_iter().chain(avoid).map(|line| format!("\n  {line}")).collect()
}
