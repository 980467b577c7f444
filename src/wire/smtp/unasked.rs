//! A message behind a DATA that was refused or dropped: a client that did not wait for that sends it all the same.
//!
//! Its lines are never taken for commands. What a stranger wrote into it would be done in the name of who sends it.

use super::{Command, Reply};
use crate::wire::lines::first_word;

/// Whether a message may come behind this line, well-formed or not: DATA, and BDAT (RFC 3030 2).
pub fn announces_message(line: &[u8]) -> bool {
    let (verb, _) = first_word(line.trim_ascii_end());
    verb.eq_ignore_ascii_case(b"DATA") || verb.eq_ignore_ascii_case(b"BDAT")
}

/// Whether a message may come behind bytes that nobody read: one of their lines announces it, or is not here to its end.
pub fn may_precede_message(dropped: &[u8]) -> bool {
    !matches!(dropped.last(), None | Some(b'\n')) || dropped.split(|byte| *byte == b'\n').any(announces_message)
}

/// Where DATA was refused: what that says of who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No message was open, or nobody understood it. Whoever says DATA there has heeded no refusal so far.
    OutOfSequence,
    /// In a message that was open. Many a client heeds this answer alone, and begins the next message behind it.
    InSequence,
}

impl Refused {
    /// Whether this line comes of a client that heard the refusal, which shows by what it sends with it (`ahead` was read
    /// behind it): nothing but words that lead to no message. MAIL does: it is what a message would hold that means harm. So
    /// it counts where no message is likely, and alone: it is no header field, since a space stands before its colon.
    pub fn is_heeded_by(self, line: &[u8], ahead: &[u8]) -> bool {
        let goes_on = self == Self::InSequence && ahead.is_empty() && leads_to_message(line);
        let ahead = ahead.strip_suffix(b"\n").unwrap_or(ahead);
        let is_harmless_to_its_end = || ahead.is_empty() || ahead.split(|byte| *byte == b'\n').all(is_harmless);
        goes_on || is_harmless(line) && is_harmless_to_its_end()
    }
}

/// MAIL, RCPT or DATA, well-formed.
fn leads_to_message(line: &[u8]) -> bool {
    matches!(Command::parse(line), Ok(Command::Mail(_) | Command::Rcpt(_) | Command::Data))
}

/// Said as it has to be: a message may begin with such a word, too.
fn is_harmless(line: &[u8]) -> bool {
    let (verb, rest) = first_word(line.trim_ascii_end());
    let words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    let is = |wanted: &&[u8]| verb.eq_ignore_ascii_case(wanted);
    let known: &[&[u8]] = if words == 0 { &[b"RSET", b"QUIT", b"NOOP"] } else { &[b"EHLO", b"HELO"] };
    words <= 1 && known.iter().any(is)
}

/// What is wrong with whoever did not, in the log. Nobody knows which it was: a message, or a client of its own mind.
pub const WHAT: &str =
    "client went on behind a refused DATA without RSET: what it sent may be a message and is not taken for commands";

/// The last word to it.
pub fn farewell() -> Reply {
    Reply::new(421, "4.7.0 DATA was refused and what came behind it may be a message: say RSET first, closing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_bdat_announce_a_message_however_they_are_said() {
        for line in ["DATA", "data ", "DATA now", "BDAT 10 LAST", "bdat"] {
            assert!(announces_message(line.as_bytes()), "{line}");
        }
        for line in ["", "NOOP", "DATAX", "X DATA"] {
            assert!(!announces_message(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn of_what_nobody_read_a_whole_line_without_data_alone_leads_to_no_message() {
        for dropped in ["RSET\r\nDATA\r\n", "DATA\n", "RSET", "RSET\r\nDA"] {
            assert!(may_precede_message(dropped.as_bytes()), "{dropped:?}");
        }
        for dropped in ["", "RSET\r\n", "QUIT\n"] {
            assert!(!may_precede_message(dropped.as_bytes()), "{dropped:?}");
        }
    }

    #[test]
    fn a_refusal_is_heeded_by_words_that_lead_to_no_message_with_nothing_else_behind_them() {
        let both = [Refused::OutOfSequence, Refused::InSequence];
        for (line, ahead) in [("RSET", ""), ("quit", ""), ("NOOP", "QUIT\r\n"), ("EHLO me", "RSET\r\nQUIT\r\n")] {
            for refused in both {
                assert!(refused.is_heeded_by(line.as_bytes(), ahead.as_bytes()), "{line} {ahead:?}");
            }
        }
        for (line, ahead) in [
            ("RSET now", ""),
            ("EHLO", ""),
            ("EHLO me you", ""),
            ("", ""),
            ("QUIT", "Subject: x\r\n"),
            ("Subject: x", "QUIT\r\n"),
            ("MAIL FROM:<a@b.c>", "RCPT TO:<a@b.c>\r\n"),
            ("MAIL FROM:<a@b.c>", "\r\n"),
            ("RSET", "MAIL FROM:<a@b.c>\r\n"),
            ("MAIL me", ""),
            ("AUTH PLAIN AGFubgBwdw==", ""),
            ("VRFY ann", ""),
        ] {
            for refused in both {
                assert!(!refused.is_heeded_by(line.as_bytes(), ahead.as_bytes()), "{line} {ahead:?}");
            }
        }
    }

    #[test]
    fn the_next_message_begins_behind_one_that_was_open_and_nowhere_else() {
        for line in ["MAIL FROM:<>", "mail from:<a@b.c> SIZE=7", "RCPT TO:<a@b.c>", "DATA"] {
            assert!(Refused::InSequence.is_heeded_by(line.as_bytes(), b""), "{line}");
            assert!(!Refused::OutOfSequence.is_heeded_by(line.as_bytes(), b""), "{line}");
        }
    }
}
