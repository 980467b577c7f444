//! A fault in IMAP's words, and upstream lines taken apart as far as sign-on needs it.

use crate::base::{Fault, Kind};

/// How the connection ends, whatever the client said.
pub const BYE: &str = "* BYE";
/// Behind the tag of what is no command, or none for now.
pub const BAD: &str = "BAD";
/// The same of a literal that is too long (RFC 7888 4).
pub const TOO_BIG: &str = "TOOBIG";
/// Of a login ahead of TLS (RFC 5530).
pub const PRIVACY_REQUIRED: &str = "PRIVACYREQUIRED";

/// `NO [CODE] text` without tag and line end (RFC 5530; LIMIT from RFC 9051 7.1).
pub fn refusal(fault: &Fault) -> String {
    format!("NO [{}] {}", code(fault.kind), fault.reply_text())
}

/// What stands in its brackets.
pub const fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::BadCredentials => "AUTHENTICATIONFAILED",
        Kind::SignInNeeded | Kind::IdentityRefused => "CONTACTADMIN",
        Kind::Unavailable | Kind::Limited => "UNAVAILABLE",
        Kind::TooBusy => "LIMIT",
        Kind::Bug => "SERVERBUG",
    }
}

/// A status word with what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

impl Status {
    /// Reads `OK text`, `NO ...` behind a tag or `*`.
    pub fn parse(rest: &[u8]) -> Option<(Self, &[u8])> {
        let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        let (word, text) = rest.split_at(end);
        let status = match word.to_ascii_uppercase().as_slice() {
            b"OK" => Self::Ok,
            b"NO" => Self::No,
            b"BAD" => Self::Bad,
            b"BYE" => Self::Bye,
            b"PREAUTH" => Self::Preauth,
            _ => return None,
        };
        Some((status, text.trim_ascii()))
    }
}

/// The words of `CAPABILITY ...` as they came; `None` if it is something else. Bounded: 200 words. What is no atom (RFC 9051 9)
/// is left out: it would stand in an answer of ours.
pub fn capability_words(data: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(data).ok()?;
    let mut words = text.split_ascii_whitespace();
    let is_atom = |word: &&str| word.bytes().all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b));
    words
        .next()?
        .eq_ignore_ascii_case("CAPABILITY")
        .then(|| words.filter(is_atom).take(200).map(str::to_owned).collect())
}

/// The words in a `[CAPABILITY ...]` response code at the start of a status text.
pub fn capability_code(text: &[u8]) -> Option<Vec<String>> {
    let inner = text.strip_prefix(b"[")?;
    let end = inner.iter().position(|b| *b == b']')?;
    capability_words(inner.get(..end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_capabilities_are_read() {
        assert_eq!(Status::parse(b"OK [CAPABILITY IMAP4rev1 idle] hi").map(|s| s.0), Some(Status::Ok));
        assert_eq!(capability_code(b"[CAPABILITY IMAP4rev1 idle] hi"), Some(vec!["IMAP4rev1".into(), "idle".into()]));
        assert_eq!(capability_code(b"[UIDNEXT 3] hi"), None);
        assert_eq!(capability_words(b"CAPABILITY a"), Some(vec!["a".into()]));
        let odd = b"CAPABILITY IMAP4rev1 A\x01B \x1b[2J ]x \xc3\xa9 AUTH=XOAUTH2 QUOTA=RES-STORAGE X\x00";
        let kept = ["IMAP4rev1", "AUTH=XOAUTH2", "QUOTA=RES-STORAGE"].map(String::from).to_vec();
        assert_eq!(capability_words(odd), Some(kept), "what is no atom would stand in our answer");
        assert_eq!(Status::parse(b"3 EXISTS"), None);
        assert_eq!(Status::parse(b"preauth hi"), Some((Status::Preauth, &b"hi"[..])));
        assert_eq!(Status::parse(b"BYE"), Some((Status::Bye, &b""[..])));
    }
}
