//! Mailboxes of whole domains that somebody used, and when last: nobody listed them, so this is how they are known.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::messages::now;

/// Remembered at most; beyond it the one that was not used for the longest is forgotten.
const CAP: usize = 10_000;

/// Seconds since 1970, by address.
#[derive(Debug, Default)]
pub struct Used(Mutex<HashMap<String, u64>>);

impl Used {
    pub fn note(&self, address: &str) {
        self.note_at(address, now());
    }

    fn note_at(&self, address: &str, at: u64) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= CAP && !used.contains_key(address) {
            let oldest = used.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
            oldest.and_then(|oldest| used.remove(&oldest));
        }
        used.insert(address.to_owned(), at);
    }

    pub fn list(&self) -> HashMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_used_for_the_longest_makes_room() {
        let used = Used::default();
        for n in 0..CAP as u64 {
            used.note_at(&format!("{n}@x"), 1000 + n);
        }
        used.note_at("0@x", 5000 + CAP as u64);
        used.note_at("new@x", 5001 + CAP as u64);
        let list = used.list();
        assert_eq!(list.len(), CAP);
        assert!(list.contains_key("0@x") && list.contains_key("new@x") && !list.contains_key("1@x"));
    }
}
