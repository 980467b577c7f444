//! Words that every room of the house shares: secrets, faults, stages, claims, languages.
//!
//! Nothing here knows sockets, clocks, randomness or configuration, so that whatever is built from it can be
//! tested and fuzzed as it is. It refuses to grow helpers: a thing lives here only if three rows need it.

mod claim;
mod fault;
pub mod invocation;
mod lang;
mod mailbox;
mod redact;
mod secret;
mod stage;
mod text;
mod tongue;
mod wrap;

pub use claim::{Bearer, Claim, Protocol, Sasl};
pub use fault::{Fault, Kind, Owner, with_id};
pub use lang::Lang;
pub use mailbox::is_mailbox;
pub use redact::redacted;
pub use secret::Secret;
pub use stage::{Line, Stage, StageCell};
pub use text::{columns, latin_sentence, printable, printable_json, wire_line, wire_text};
pub use tongue::{OF_THE_SYSTEM, Phrases, rows};
pub use wrap::wrapped;
