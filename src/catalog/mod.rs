//! The error catalogue: every fault id with its cause, whose turn it is and the next step.
//!
//! What Microsoft, Google and others say is translated here and nowhere else, so that the reply on the wire, the log,
//! the metrics and the docs carry the same id. It refuses guesses: a text that no row knows gets the general entry.

pub mod doctor;
mod entra;
mod entry;
pub mod graph;
mod ja;
mod oauth_words;
pub mod own;
pub mod rights;
pub mod sign_on;
pub mod token;
pub mod upstream;

pub use entra::{EntraCode, code_in, entra_code};
pub use entry::{Entry, Words};
pub use oauth_words::oauth_word;

use crate::base::{Lang, Owner, Stage};

/// Every entry, for `gatepost explain`, the docs and the tests.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    let all = own::ALL.iter().chain(token::ALL).chain(sign_on::ALL).chain(rights::ALL);
    all.chain(graph::ALL).chain(doctor::ALL).copied()
}

/// Id, cause and next step, in English, of all that a reply, the log or the metrics can name.
pub fn explained() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let objections = own::OBJECTIONS.iter().map(|objection| (objection.id, objection.cause, objection.next));
    all().map(|entry| (entry.id, entry.en.cause, entry.en.next)).chain(objections)
}

/// Cause and next step of this id in `lang`; `None` where no fault has it.
pub fn words(id: &str, lang: Lang) -> Option<Words> {
    let (id, cause, next) = explained().find(|(known, ..)| *known == id)?;
    Some(entry::translated(id, Words { cause, next }, lang))
}

/// Whose turn it is, in the words of `lang`.
pub const fn owner(owner: Owner, lang: Lang) -> &'static str {
    match lang {
        Lang::En => owner.as_str(),
        Lang::Ja => ja::owner(owner),
    }
}

/// Where a session is, in the words of `lang`.
pub const fn stage(stage: Stage, lang: Lang) -> &'static str {
    match lang {
        Lang::En => stage.as_str(),
        Lang::Ja => ja::stage(stage),
    }
}

pub fn find(id: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_spelled_alike() {
        let mut seen = BTreeSet::new();
        for (id, ..) in explained() {
            assert!(seen.insert(id), "{id} twice");
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
        }
        assert!(all().all(|entry| find(entry.id).is_some()));
    }

    #[test]
    fn every_wire_text_is_short_ascii_and_every_entry_says_what_to_do() {
        for entry in all() {
            assert!(entry.text.is_ascii() && entry.text.len() <= 160, "{}: {}", entry.id, entry.text);
            assert!(!entry.text.contains(['\r', '\n']));
            assert!(entry.en.cause.len() > 20 && entry.en.next.len() > 10, "{}", entry.id);
        }
    }
}
