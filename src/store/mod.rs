//! State that outlives the process: sealed tokens, passwords learned at their first use, what upstreams offer, what
//! was told, what was sent within the day.

mod backup;
mod before;
mod columns;
mod epoch;
mod error;
mod foreign;
mod key;
mod lock;
mod origin;
pub mod private_file;
mod queue;
mod queue_search;
mod readiness;
mod recipient_state;
mod rotation;
mod row;
mod sealing;
mod seen;
mod sent;
mod settings;
mod sqlite;
#[cfg(test)]
mod tests;
mod told;
mod unlock;
mod used;

/// What its errors say, in Japanese.
pub const PHRASES: &str = include_str!("japanese.txt");

pub use before::{
    LeftBehind, SET_ASIDE, forget_before, holder_before, is_moved, left_behind, neighbours, note_before, store_before,
};
pub use error::StoreError;
pub use foreign::{Foreign, foreign, is_closed, keeps_no_owners};
pub use key::{Key, KeySource, fresh as fresh_key, make as make_key, parse_text as parse_key, read as read_key};
pub use lock::{
    Holder, Lock, beside, daemon_at, holder, is_one_file, is_same_file, is_vacant, last_reader, prove_vacant, real_path,
};
pub use queue::{
    DOUBTFUL, DOUBTS, Ended, EndedRecipient, NewMessage, Outline, QueuedMessage, QueuedRecipient, Recovered, TurnedBack,
};
pub use queue_search::{Found, QueueFigures, QueueFilter};
pub use readiness::Trouble;
pub use recipient_state::RecipientState;
pub use rotation::Resealed;
pub use row::{AccessToken, Arming, EndedSignIn, Failure, GRAPH, MAIL, TokenRow, Versioned};
pub use sent::Sent;
pub use settings::Settings;
pub use sqlite::{Deleted, Stamp, Store, is_missing};
pub use told::Telling;
pub use used::{digest_of, note_used, used_before};
