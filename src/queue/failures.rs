//! The last failures, for who tells people. Small and bounded; what is older is in the log.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::FailureNote;

const CAP: usize = 100;

/// Newest last, and how many there were in all.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<VecDeque<FailureNote>>);

impl Failures {
    pub fn push(&self, note: FailureNote) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() == CAP {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    pub fn list(&self) -> Vec<FailureNote> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
