//! Which commands were said lately and how they were answered: verbs and codes alone, for who looks for a fault.
//!
//! No argument, no word of a reply and no name is in it, by type: a verb is one of ours, an answer a number or an id.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use super::messages::now;
use crate::base::{Protocol, Stage};

/// Remembered at most, over all sessions.
const CAP: usize = 1000;

/// How a command was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Code(u16),
    /// An id of the catalogue, or a word of ours.
    Id(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verb {
    /// Seconds since 1970.
    pub at: u64,
    /// Its number, as in the log.
    pub session: u64,
    pub protocol: &'static str,
    pub stage: Stage,
    pub verb: &'static str,
    pub answer: Answer,
}

/// Oldest first.
#[derive(Debug, Default)]
pub struct Verbs(Mutex<VecDeque<Verb>>);

impl Verbs {
    pub fn note(&self, session: u64, protocol: Protocol, stage: Stage, verb: &'static str, answer: Answer) {
        let said = Verb { at: now(), session, protocol: protocol.as_str(), stage, verb, answer };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == CAP {
            all.pop_front();
        }
        all.push_back(said);
    }

    pub fn list(&self) -> Vec<Verb> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_are_kept() {
        let verbs = Verbs::default();
        for session in 0..CAP as u64 + 5 {
            verbs.note(session, Protocol::Smtp, Stage::Relaying, "RCPT", Answer::Code(250));
        }
        let list = verbs.list();
        assert_eq!((list.len(), list[0].session), (CAP, 5));
        assert_eq!(serde_json::to_value(&list[0]).unwrap()["answer"], 250);
    }
}
