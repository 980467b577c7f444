//! SMTP submission (RFC 5321, 6409, 4954, 3207) on both sides.
//!
//! Until sign-on `front` and `back` work as in the other protocols; then commands go one at a time through
//! `command` and `reply`, and message bodies through `body`. smtp-proto reads the words of one clean line only:
//! its receivers end DATA at the wrong places.

pub mod back;
pub mod body;
pub mod command;
pub mod enhanced;
pub mod front;
pub mod mistake;
pub mod reply;
pub mod unasked;

pub use back::SmtpBack;
pub use body::Body;
pub use command::{Command, Mail, Rcpt};
pub use enhanced::Enhanced;
pub use front::SmtpFront;
pub use mistake::Mistake;
pub use reply::{Replies, Reply};

/// What the greeting ends with: our own commands know by it who listens there.
pub const GREETING: &str = "ESMTP Gatepost ready";

/// What is said in EHLO, before AUTH by the front and after it by the relay.
pub const SIZE_LIMIT: u64 = 157_286_400;
