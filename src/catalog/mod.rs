//! The error catalogue: every fault id with its cause, whose turn it is and the next step.
//!
//! What Microsoft, Google and others say is translated here and nowhere else, so that the reply on the wire, the log,
//! the metrics and the docs carry the same id. It refuses guesses: a text that no row knows gets the general entry.

mod entra;
mod entry;
pub mod graph;
mod oauth_words;
pub mod own;
pub mod rights;
pub mod sign_on;
pub mod token;
pub mod upstream;

pub use entra::{EntraCode, code_in, entra_code};
pub use entry::{Entry, Words};
pub use oauth_words::oauth_word;

/// Every entry, for `gatepost explain`, the docs and the tests.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    let all = own::ALL.iter().chain(token::ALL).chain(sign_on::ALL).chain(rights::ALL);
    all.chain(graph::ALL).copied()
}

/// Id, cause and next step of all that a reply, the log or the metrics can name.
pub fn explained() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let objections = own::OBJECTIONS.iter().map(|objection| (objection.id, objection.cause, objection.next));
    all().map(|entry| (entry.id, entry.en.cause, entry.en.next)).chain(objections)
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
            let words = entry.en;
            assert!(words.text.is_ascii() && words.text.len() <= 160, "{}: {}", entry.id, words.text);
            assert!(!words.text.contains(['\r', '\n']));
            assert!(words.cause.len() > 20 && words.next.len() > 10, "{}", entry.id);
        }
    }
}
