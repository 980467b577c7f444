//! What a client says that is no command, or none for now: a code, and words for what is wrong with it.
//!
//! It refuses to be a reply by itself: the text and the id in front of and behind the words are the catalogue's, which this row
//! does not know.

use std::{borrow::Cow, fmt};

use super::Reply;
use crate::base::Fault;

/// How the answers begin.
pub mod code {
    macro_rules! codes {
        ($($name:ident = $code:expr;)*) => {
            $(pub(in crate::wire) const $name: (u16, &str) = $code;)*
            /// All of them.
            pub const ALL: &[(u16, &str)] = &[$($name),*];
        };
    }

    codes! {
        SYNTAX = (500, "5.5.2");
        ADDRESS = (501, "5.1.3");
        CREDENTIALS = (501, "5.5.2");
        PARAMETERS = (501, "5.5.4");
        NOT_UTF8 = (501, "5.6.7");
        CANCELLED = (501, "5.7.0");
        NOT_HERE = (502, "5.5.1");
        ORDER = (503, "5.5.1");
        MECHANISM = (504, "5.5.4");
        NOBODY = (554, "5.5.1");
        NOT_OFFERED = (555, "5.5.4");
    }
}

/// One line of a client that is not obeyed (RFC 5321 4.2.4, 4.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub code: u16,
    pub enhanced: &'static str,
    pub words: Cow<'static, str>,
}

impl Mistake {
    pub const HELLO_FIRST: Self = Self::of(code::ORDER, "say EHLO or HELO first");
    pub const MAIL_FIRST: Self = Self::of(code::ORDER, "MAIL first");
    pub const MESSAGE_IS_OPEN: Self = Self::of(code::ORDER, "a message is open already, RSET first");
    pub const NO_RECIPIENTS: Self = Self::of(code::NOBODY, "no valid recipients");
    pub const LOGGED_IN_ALREADY: Self = Self::of(code::ORDER, "already authenticated");
    pub const TLS_TOO_LATE: Self = Self::of(code::ORDER, "STARTTLS comes before AUTH");
    pub const NO_TLS_HERE: Self = Self::of(code::NOT_HERE, "STARTTLS is not offered here");
    pub const OTHER_MECHANISM: Self = Self::of(code::MECHANISM, "unrecognised mechanism, use PLAIN or LOGIN");
    pub const CANCELLED: Self = Self::of(code::CANCELLED, "authentication cancelled");
    pub const LINE_TOO_LONG: Self = Self::of(code::SYNTAX, "line too long");

    pub const fn of((code, enhanced): (u16, &'static str), words: &'static str) -> Self {
        Self { code, enhanced, words: Cow::Borrowed(words) }
    }

    /// With words of this case.
    pub fn saying((code, enhanced): (u16, &'static str), words: String) -> Self {
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
