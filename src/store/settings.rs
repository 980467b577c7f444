//! Where state lives.

use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `sqlite:///path` (PostgreSQL comes with replicas).
    pub url: String,
    pub key_file: PathBuf,
}
