//! What is wrong with a configuration, where, and what to write instead. All of it at once, never only the first.

use std::{fmt, io};

use serde::Serialize;

use super::key::Key;
use crate::{
    base::Lang,
    catalog::{
        Entry,
        doctor::{CONFIGURATION_MISSING, CONFIGURATION_REFUSED},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It runs, but somebody should know.
    Warning,
}

/// One problem. Its texts never hold the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// 1-based; 0 where the problem has no place in the file.
    pub line: usize,
    pub column: usize,
    pub key: Key,
    pub text: String,
    pub hint: Option<String>,
}

/// Every problem of one file, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    pub file: String,
    pub problems: Vec<Problem>,
    /// There is no file at all.
    #[serde(skip)]
    pub is_missing: bool,
}

impl Problems {
    pub fn new(file: impl Into<String>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| (p.line, p.column));
        Self { file: file.into(), problems, is_missing: false }
    }

    /// All that is wrong is that this user may not read a file that it names.
    pub fn are_of_rights(&self) -> bool {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied).to_string();
        let is_denied = |one: &Problem| one.text.to_lowercase().contains(&denied);
        !self.problems.is_empty() && self.problems.iter().all(is_denied)
    }

    /// A file that could not even be read.
    pub fn unreadable(file: impl Into<String>, text: impl Into<String>, hint: impl Into<String>) -> Self {
        let (text, hint) = (text.into(), Some(hint.into()));
        let problem = Problem { severity: Severity::Error, line: 0, column: 0, key: Key::default(), text, hint };
        Self { file: file.into(), problems: vec![problem], is_missing: false }
    }

    /// There is none.
    pub fn missing(file: impl Into<String>, text: impl Into<String>) -> Self {
        const HINT: &str = "put it back from a copy where there was one; else make one with `gatepost setup`, name one with \
                            --config FILE, or try gatepost demo, which needs none";
        Self { is_missing: true, ..Self::unreadable(file, text, HINT) }
    }

    /// Where it is: `FILE:LINE:COLUMN`.
    pub fn place(&self, problem: &Problem) -> String {
        match problem.line {
            0 => self.file.clone(),
            line => format!("{}:{line}:{}", self.file, problem.column),
        }
    }

    /// What a file that is refused is in the catalogue.
    pub const fn entry(&self) -> &'static Entry {
        if self.is_missing { CONFIGURATION_MISSING } else { CONFIGURATION_REFUSED }
    }

    pub fn refused(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Lang::En))
    }
}

impl std::error::Error for Problems {}
