//! How a command ends: an exit code, and on failure two lines that name the thing, the cause and the next step.

use std::{fmt, process::ExitCode};

use crate::base::{Lang, invocation};

/// EX_CONFIG of sysexits.h.
pub const CONFIG_REFUSED: u8 = 78;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
    hint: Option<String>,
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
            hint: Some(invocation::as_called(&hint.into())),
            lang: Lang::En,
            fault: None,
        }
    }

    /// The words before the two lines are of the language that the lines are in.
    pub fn said_in(self, lang: Lang) -> Self {
        Self { lang, ..self }
    }

    /// A provider's refusal, by its id in the catalogue.
    pub fn of_fault(self, id: &'static str) -> Self {
        Self { fault: Some(id), ..self }
    }

    /// Wrong usage that only shows once the command runs.
    pub fn usage(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(text, hint) }
    }

    /// A configuration that is refused, and what is to be said before its problems.
    pub fn refused(lead: &str, problems: &crate::config::Problems) -> Self {
        let text = format!("{lead}{problems}");
        Self { code: CONFIG_REFUSED, text: text.trim_end().to_owned(), hint: None, lang: Lang::En, fault: None }
    }

    /// Everything was said already.
    pub fn silent(code: u8) -> Self {
        Self { code, text: String::new(), hint: None, lang: Lang::En, fault: None }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
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
        Self::refused("", &problems)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, next) = match self.lang {
            Lang::En => ("error", "hint"),
            Lang::Ja => ("エラー", "次にすること"),
        };
        match (&self.text, &self.hint) {
            (text, None) => f.write_str(text),
            (text, Some(hint)) => write!(f, "{error}: {text}\n{next}: {hint}"),
        }
    }
}

impl std::error::Error for Failure {}
