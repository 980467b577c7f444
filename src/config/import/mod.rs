//! Configurations of other programs, turned into ours: email-oauth2-proxy, sasl-xoauth2, pizauth.
//!
//! One frame for all: a reader for each program ends in [`Found`]; answers to what is missing make a [`Draft`] of it;
//! the draft is one text, one list of files with secrets, one list of tokens, one report. It reads no file and asks
//! nobody: that is the command's business. It refuses nothing silently: what has no equivalent is in the report.
//!
//! Only facts about those programs are here: names of keys, and the format of what they seal.

mod draft;
pub mod emailproxy;
mod endpoints;
mod fernet;
mod found;
mod ini;
mod kept;
pub mod pizauth;
mod places;
mod report;
pub mod sasl_xoauth2;
mod servers;
mod text;
mod upstreams;

pub use draft::{Answer, Draft, DraftPassword, SecretFile};
pub use found::{Found, FoundAccount, FoundListener, Opened, Wanted, WrongPassword};
pub use kept::{KeptPassword, KeptPasswords};
pub use report::{Finding, Kind, Report};

use super::problem::{Problem, Problems, Severity};

/// What a report says, and the same in Japanese.
pub const PHRASES: &str = include_str!("japanese.txt");

/// An old configuration is text that people wrote; more than this is a mistaken path.
pub const MOST_BYTES: u64 = 1024 * 1024;

/// A file that the old program would not read either.
#[derive(Debug)]
pub struct Unreadable(pub Problems);

impl Unreadable {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self::flaws(file, vec![ini::Flaw { line, text: text.into() }])
    }

    fn flaws(file: &str, flaws: Vec<ini::Flaw>) -> Self {
        let problems = flaws.into_iter().map(|ini::Flaw { line, text }| Problem {
            severity: Severity::Error,
            line,
            column: 1,
            key: super::Key::default(),
            text,
            hint: None,
        });
        Self(Problems::new(file, problems.collect()))
    }
}

#[cfg(test)]
mod tests;
