//! POP3 status lines: a fault in POP3's words, and the upstream's words taken apart.

use bytes::Bytes;

use crate::base::{Fault, Kind};

/// Ahead of what is no refusal of a login.
pub const ERR: &str = "-ERR";

/// `-ERR [CODE] text` (RFC 2449 8, RFC 3206).
pub fn refusal(fault: &Fault) -> Bytes {
    Bytes::from(format!("-ERR [{}] {}\r\n", code(fault.kind), fault.reply_text()))
}

/// What stands in its brackets.
pub const fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::BadCredentials => "AUTH",
        Kind::SignInNeeded | Kind::IdentityRefused => "SYS/PERM",
        Kind::Unavailable | Kind::Limited | Kind::TooBusy | Kind::Bug => "SYS/TEMP",
    }
}

/// One line of an upstream.
#[derive(Debug, PartialEq, Eq)]
pub enum Status<'a> {
    Ok(&'a [u8]),
    Err(&'a [u8]),
    /// `+`, with or without a space, then base64.
    Challenge(&'a [u8]),
}

impl<'a> Status<'a> {
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        // A word of its own: "+OKAY" is neither.
        let behind =
            |word: &[u8]| line.strip_prefix(word).filter(|rest| rest.first().is_none_or(u8::is_ascii_whitespace));
        if let Some(rest) = behind(b"+OK") {
            Some(Self::Ok(rest.trim_ascii()))
        } else if let Some(rest) = behind(b"-ERR") {
            Some(Self::Err(rest.trim_ascii()))
        } else if line == b"+" {
            Some(Self::Challenge(b""))
        } else {
            line.strip_prefix(b"+ ").map(|rest| Self::Challenge(rest.trim_ascii()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_of_line_are_told_apart() {
        assert_eq!(Status::parse(b"+OK ready"), Some(Status::Ok(b"ready")));
        assert_eq!(Status::parse(b"-ERR no"), Some(Status::Err(b"no")));
        assert_eq!(Status::parse(b"+"), Some(Status::Challenge(b"")));
        assert_eq!(Status::parse(b"+ "), Some(Status::Challenge(b"")));
        assert_eq!(Status::parse(b"+ eyJ9"), Some(Status::Challenge(b"eyJ9")));
        assert_eq!(Status::parse(b"+OK"), Some(Status::Ok(b"")));
        assert_eq!(Status::parse(b"+OKAY"), None);
        assert_eq!(Status::parse(b"-ERRATIC"), None);
        assert_eq!(Status::parse(b"* OK"), None);
        assert_eq!(Status::parse(b""), None);
    }
}
