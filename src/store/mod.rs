//! State that outlives the process: sealed tokens, passwords learned at their first use, what upstreams offer, what
//! was told.

mod error;
mod key;
mod lock;
pub mod private_file;
mod readiness;
mod row;
mod sealing;
mod seen;
mod settings;
mod sqlite;
#[cfg(test)]
mod tests;
mod told;

pub use error::StoreError;
pub use lock::Lock;
pub use row::{AccessToken, Arming, EndedSignIn, Failure, MAIL, TokenRow, Versioned};
pub use settings::Settings;
pub use sqlite::{Deleted, Stamp, Store};
pub use told::Telling;
