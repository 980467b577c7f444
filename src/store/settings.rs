//! Where state lives.

use std::path::PathBuf;

use super::sqlite;
use crate::base::Secret;

#[derive(Debug, Clone)]
pub struct Settings {
    /// `sqlite:///path` (PostgreSQL comes with replicas).
    pub url: String,
    /// Made on the first run, unless the key comes from elsewhere; certificates of our own making are kept beside it.
    pub key_file: PathBuf,
    /// The key itself, from the configuration or the environment: instead of the file.
    pub key: Option<Secret>,
}

impl Settings {
    /// `None`: the url names none.
    pub fn database(&self) -> Option<PathBuf> {
        sqlite::path_of(&self.url).ok()
    }

    pub fn is_same(&self, other: &Self) -> bool {
        let same_key = match (&self.key, &other.key) {
            (Some(a), Some(b)) => a.matches(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_key && self.url == other.url && self.key_file == other.key_file
    }
}
