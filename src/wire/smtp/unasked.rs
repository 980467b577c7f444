//! A message behind a DATA that was refused or dropped: a client that did not wait for that sends it all the same.
//!
//! Its lines are never taken for commands. What a stranger wrote into it would be done in the name of who sends it.

use super::reply::{LEAVING, spelt};
use crate::wire::{Breach, Violation, lines::first_word};

/// Whether a message may come behind this line, well-formed or not: DATA, and BDAT (RFC 3030 2).
pub fn announces_message(line: &[u8]) -> bool {
    let (verb, _) = first_word(line.trim_ascii_end());
    verb.eq_ignore_ascii_case(b"DATA") || verb.eq_ignore_ascii_case(b"BDAT")
}

/// Whether a message may come behind bytes that nobody read: one of their lines announces it, or is not here to its end.
pub fn may_precede_message(dropped: &[u8]) -> bool {
    !matches!(dropped.last(), None | Some(b'\n')) || dropped.split(|byte| *byte == b'\n').any(announces_message)
}

/// Whether this line comes of a client that heard the refusal, which shows by what it sends with it (`ahead` was read behind
/// it): nothing but words that lead to no message. MAIL does: it is what a message would hold that means harm. That it came
/// by itself shows nothing, for a message may come line by line.
pub fn heeds_refusal(line: &[u8], ahead: &[u8]) -> bool {
    let ahead = ahead.strip_suffix(b"\n").unwrap_or(ahead);
    is_harmless(line) && (ahead.is_empty() || ahead.split(|byte| *byte == b'\n').all(is_harmless))
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

/// Of one that is not signed on.
pub(super) fn violation() -> Violation {
    Violation { breach: Breach::MessageUnasked, ..Violation::new(WHAT) }.farewell(spelt(LEAVING), "")
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
        for (line, ahead) in [("RSET", ""), ("quit", ""), ("NOOP", "QUIT\r\n"), ("EHLO me", "RSET\r\nQUIT\r\n")] {
            assert!(heeds_refusal(line.as_bytes(), ahead.as_bytes()), "{line} {ahead:?}");
        }
        for (line, ahead) in [
            ("MAIL FROM:<>", ""),
            ("MAIL FROM:<a@b.c>", "RCPT TO:<a@b.c>\r\n"),
            ("RCPT TO:<a@b.c>", ""),
            ("DATA", ""),
            ("RSET now", ""),
            ("RSET", "MAIL FROM:<a@b.c>\r\n"),
            ("EHLO", ""),
            ("EHLO me you", ""),
            ("", ""),
            ("QUIT", "Subject: x\r\n"),
            ("Subject: x", "QUIT\r\n"),
            ("AUTH PLAIN AGFubgBwdw==", ""),
            ("VRFY ann", ""),
        ] {
            assert!(!heeds_refusal(line.as_bytes(), ahead.as_bytes()), "{line} {ahead:?}");
        }
    }
}
