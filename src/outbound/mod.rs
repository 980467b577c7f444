//! Ways out for a message. In this version there is one: the submission port of the upstream.

mod smtp;

pub use smtp::{Channel, Lost, Unfinished};
