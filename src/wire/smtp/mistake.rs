//! What a client says that is no command, or none for now: a code, and words for what is wrong with it.
//!
//! It refuses to be a reply by itself: the text and the id in front of and behind the words are the catalogue's, which this row
//! does not know.

use std::{borrow::Cow, fmt};

use super::Reply;
use crate::base::Fault;

/// One line of a client that is not obeyed (RFC 5321 4.2.4, 4.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub code: u16,
    pub enhanced: &'static str,
    pub words: Cow<'static, str>,
}

impl Mistake {
    pub const HELLO_FIRST: Self = Self::of(503, "5.5.1", "say EHLO or HELO first");
    pub const MAIL_FIRST: Self = Self::of(503, "5.5.1", "MAIL first");
    pub const MESSAGE_IS_OPEN: Self = Self::of(503, "5.5.1", "a message is open already, RSET first");
    pub const NO_RECIPIENTS: Self = Self::of(554, "5.5.1", "no valid recipients");
    pub const LOGGED_IN_ALREADY: Self = Self::of(503, "5.5.1", "already authenticated");
    pub const TLS_TOO_LATE: Self = Self::of(503, "5.5.1", "STARTTLS comes before AUTH");
    pub const NO_TLS_HERE: Self = Self::of(502, "5.5.1", "STARTTLS is not offered here");
    pub const OTHER_MECHANISM: Self = Self::of(504, "5.5.4", "unrecognised mechanism, use PLAIN or LOGIN");
    pub const CANCELLED: Self = Self::of(501, "5.7.0", "authentication cancelled");
    pub const LINE_TOO_LONG: Self = Self::of(500, "5.5.2", "line too long");

    pub const fn of(code: u16, enhanced: &'static str, words: &'static str) -> Self {
        Self { code, enhanced, words: Cow::Borrowed(words) }
    }

    /// With words of this case.
    pub fn saying(code: u16, enhanced: &'static str, words: String) -> Self {
        Self { code, enhanced, words: words.into() }
    }

    /// `fault`: what every mistake is.
    pub fn reply(&self, fault: &Fault) -> Reply {
        Reply::of((self.code, self.enhanced), &fault.clone().saying(&self.words))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.enhanced, self.words)
    }
}
