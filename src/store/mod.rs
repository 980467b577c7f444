//! State that outlives the process: sealed tokens, and passwords learned at their first use.

mod error;
mod key;
pub mod private_file;
mod readiness;
mod row;
mod sealing;
mod settings;
mod sqlite;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use row::{AccessToken, Arming, Failure, MAIL, TokenRow, Versioned};
pub use settings::Settings;
pub use sqlite::{Deleted, Stamp, Store};
