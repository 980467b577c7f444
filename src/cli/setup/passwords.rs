//! Whose password for mail programs this run knows: with it a mailbox is tried the way of a mail program.

use super::account_of;
use crate::{base::Secret, config::Config};

/// Who may type what, as far as it is known in this run.
#[derive(Default)]
pub struct Passwords {
    pub known: Option<Secret>,
    /// Accounts that have it.
    pub of: Vec<String>,
    /// It was made here, and is shown once.
    pub is_made: bool,
    /// Its hash went into the configuration.
    pub is_written: bool,
}

impl Passwords {
    /// Accounts whose password this run knows: a mail program's way can be gone with it.
    pub fn known_of(&self) -> &[String] {
        if self.known.is_some() { &self.of } else { &[] }
    }

    /// By a person, and its hash is in the configuration now.
    pub fn is_chosen(&self) -> bool {
        self.known.is_some() && self.is_written && !self.is_made
    }

    pub fn knows_all(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|address| self.known_of().contains(address))
    }
}

/// Of these accounts those that have this password; all, where none has: then they hear that it is wrong, as a mail
/// program would.
pub fn whose(typed: &Secret, wanted: &[String], config: &Config) -> Vec<String> {
    let has_it = |address: &&String| account_of(config, address).is_some_and(|one| one.password.is_hash_of(typed));
    let found: Vec<String> = wanted.iter().filter(has_it).cloned().collect();
    if found.is_empty() { wanted.to_vec() } else { found }
}
