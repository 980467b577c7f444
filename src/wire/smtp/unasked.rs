//! A message behind a DATA that was refused: a client that did not wait for that sends it all the same.
//!
//! Its lines are never taken for commands. What a stranger wrote into it would be done in the name of who sends it.

use super::{Command, Reply};
use crate::wire::lines::first_word;

/// Whether a message may come behind this line, well-formed or not: DATA, and BDAT (RFC 3030 2).
pub fn announces_message(line: &[u8]) -> bool {
    let (verb, _) = first_word(line.trim_ascii_end());
    verb.eq_ignore_ascii_case(b"DATA") || verb.eq_ignore_ascii_case(b"BDAT")
}

/// Whether this comes of a client that heard the refusal. MAIL does not: it is what a message would hold that means harm.
pub const fn heeds_refusal(command: &Result<Command, Reply>) -> bool {
    use Command::{Ehlo, Helo, Noop, Quit, Rset};
    matches!(command, Ok(Rset | Quit | Noop | Ehlo(_) | Helo(_)))
}

/// What is wrong with whoever did not, in the log.
pub const WHAT: &str = "client sent a body without waiting for 354";

/// The last word to it.
pub fn farewell() -> Reply {
    Reply::new(421, "4.7.0 DATA was refused and a message came all the same, closing")
}
