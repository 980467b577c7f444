//! SMTP replies (RFC 5321 4.2): read from the upstream, written to the client, and a fault in SMTP's words.

use bytes::{Bytes, BytesMut};

use crate::{
    base::{Fault, Kind, wire_line},
    wire::{Violation, lines::Lines, smtp::Enhanced},
};

/// One reply. `lines` are without code and separator, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
    /// What it tells of in words of ours: none is given one but by what says its text and its id.
    fault: Option<Box<Fault>>,
}

impl Reply {
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self::of_lines(code, vec![text.into()])
    }

    pub fn of_lines(code: u16, lines: Vec<String>) -> Self {
        Self { code, lines, fault: None }
    }

    #[must_use]
    pub fn coded(self, code: u16) -> Self {
        Self { code, ..self }
    }

    /// Cause and next step in one line, which ends with the fault's id.
    pub fn of((code, enhanced): (u16, &str), fault: &Fault) -> Self {
        Self::new(code, format!("{enhanced} {}", fault.reply_text())).about(fault.clone())
    }

    /// The same in a line behind the words of an upstream. RFC 2034 4: each line has an enhanced code.
    #[must_use]
    pub fn explained_by(mut self, fault: &Fault) -> Self {
        let general = Enhanced(self.code / 100, 0, 0);
        self.lines.push(format!("{} {}", self.enhanced().unwrap_or(general), fault.reply_text()));
        self.about(fault.clone())
    }

    fn about(self, fault: Fault) -> Self {
        Self { fault: Some(Box::new(fault)), ..self }
    }

    /// What it tells of in words of ours. What an upstream says is never ours, whatever stands in it.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_deref()
    }

    /// One that was kept as [`Reply::text`] has it.
    pub fn of_text(text: &str) -> Option<Self> {
        parse(text.as_bytes()).map(|(code, _, text)| Self::new(code, text))
    }

    /// The enhanced status code of its first line. One of another class than the code's own says nothing (RFC 2034 4).
    pub fn enhanced(&self) -> Option<Enhanced> {
        let code = Enhanced::at_start(self.lines.first()?)?;
        (code.0 == self.code / 100).then_some(code)
    }

    pub const fn is_positive(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    pub const fn is_transient(&self) -> bool {
        matches!(self.code, 400..=499)
    }

    /// Exchange's words for a mailbox that sends too much at a time (fact sheet microsoft.md, 3.2).
    pub const fn asks_to_slow_down(&self) -> bool {
        self.code == 432
    }

    /// Code and all lines as one line, for the log and the catalogue.
    pub fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
    }

    /// As it goes to a client: every line cleaned, so that no byte of the upstream forges a line of ours.
    pub fn to_wire(&self) -> Bytes {
        let mut out = BytesMut::new();
        for (n, line) in self.lines.iter().enumerate() {
            let separator = if n + 1 == self.lines.len() { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{separator}{}\r\n", self.code, wire_line(line)).as_bytes());
        }
        out.freeze()
    }
}

/// To whoever has logged in, where 5xx would be taken for the message's: it comes again, and hears that at its login.
pub const COME_AGAIN: (u16, &str) = (421, "4.7.0");

/// To a client that is shown out.
pub const LEAVING: (u16, &str) = (421, "4.7.0");
/// To a login ahead of TLS.
pub const UNPROTECTED: (u16, &str) = (530, "5.7.0");
/// To whoever speaks another protocol.
pub const OTHER_TONGUE: (u16, &str) = (554, "5.5.1");

/// As it stands in front of a reply.
pub fn spelt((code, enhanced): (u16, &str)) -> String {
    format!("{code} {enhanced}")
}

/// The answer to AUTH. The text ends with the fault's id.
pub fn auth_refusal(fault: &Fault) -> Reply {
    Reply::of(auth_code(fault.kind), fault)
}

/// How that begins.
pub const fn auth_code(kind: Kind) -> (u16, &'static str) {
    match kind {
        Kind::BadCredentials => (535, "5.7.8"),
        Kind::SignInNeeded | Kind::IdentityRefused => (535, "5.7.0"),
        Kind::Unavailable | Kind::Limited | Kind::Bug => (454, "4.7.0"),
        Kind::TooBusy => (421, "4.3.2"),
    }
}

/// The answer to MAIL, RCPT or DATA where nobody said AUTH, or after it.
pub fn mail_refusal(fault: &Fault) -> Reply {
    Reply::of(mail_code(fault.kind), fault)
}

/// How that begins.
pub const fn mail_code(kind: Kind) -> (u16, &'static str) {
    match kind {
        Kind::BadCredentials => (530, "5.7.0"),
        Kind::SignInNeeded | Kind::IdentityRefused => (550, "5.7.1"),
        Kind::Unavailable => (451, "4.7.0"),
        // RFC 3463 3.4, X.3.2: not accepting messages; nothing is wrong.
        Kind::Limited | Kind::TooBusy => (451, "4.3.2"),
        Kind::Bug => (451, "4.3.0"),
    }
}

const LINE_CAP: usize = 4 * 1024;
const LINES_CAP: usize = 100;

/// Reads replies of an upstream, in bounded memory.
#[derive(Debug)]
pub struct Replies {
    input: Lines,
    open: Option<Reply>,
}

impl Default for Replies {
    fn default() -> Self {
        Self::new(BytesMut::new())
    }
}

impl Replies {
    pub fn new(input: BytesMut) -> Self {
        Self { input: Lines::with_input(LINE_CAP, input), open: None }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.feed(bytes);
    }

    /// The next whole reply, or `None` if there is none yet.
    pub fn cut(&mut self) -> Result<Option<Reply>, Violation> {
        while let Some(line) = self.input.cut().map_err(|_| Violation::new("upstream's SMTP reply line is too long"))? {
            let Some((code, last, text)) = parse(&line) else {
                return Err(Violation::new("upstream's line is no SMTP reply"));
            };
            let reply = match self.open.take() {
                None => Reply::new(code, text),
                Some(reply) if reply.code != code => {
                    return Err(Violation::new("upstream's SMTP reply changes its code midway"));
                }
                Some(reply) if reply.lines.len() >= LINES_CAP => {
                    return Err(Violation::new("upstream's SMTP reply has too many lines"));
                }
                Some(mut reply) => {
                    reply.lines.push(text);
                    reply
                }
            };
            if last {
                return Ok(Some(reply));
            }
            self.open = Some(reply);
        }
        Ok(None)
    }

    pub fn pending(&self) -> &[u8] {
        self.input.pending()
    }

    /// True between two replies, with nothing of the next one there.
    pub fn is_empty(&self) -> bool {
        self.open.is_none() && self.pending().is_empty()
    }

    pub fn into_unread(self) -> BytesMut {
        self.input.into_unread()
    }
}

/// `code`, whether it is the last line, and the text.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits.iter().try_fold(0u16, |code, b| b.is_ascii_digit().then(|| code * 10 + u16::from(b - b'0')))?;
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (200..600).contains(&code).then(|| (code, last, String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Option<Reply>, Violation> {
        let mut replies = Replies::default();
        replies.feed(text);
        replies.cut()
    }

    #[test]
    fn of_all_that_pass_one_code_asks_to_slow_down() {
        assert!(Reply::new(432, "4.3.2 Concurrent connections limit exceeded").asks_to_slow_down());
        assert!(!Reply::new(451, "4.7.0 Temporary server error").asks_to_slow_down());
    }

    #[test]
    fn replies_of_one_and_many_lines_are_read_whole() {
        let text = b"250-one\r\n250-two\r\n250 three\r\n221 bye\r\n";
        for at in 0..text.len() {
            let mut replies = Replies::default();
            let mut all = Vec::new();
            for part in [&text[..at], &text[at..]] {
                replies.feed(part);
                while let Some(reply) = replies.cut().unwrap() {
                    all.push(reply);
                }
            }
            assert_eq!(all[0].lines, ["one", "two", "three"], "cut at {at}");
            assert_eq!(all[1], Reply::new(221, "bye"));
        }
    }

    #[test]
    fn what_is_no_reply_is_a_violation() {
        for text in ["hello\r\n", "25 x\r\n", "2500 x\r\n", "999 x\r\n", "250-a\r\n251 b\r\n", "\r\n", "199 x\r\n"] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(read(&[b'2'; 5000]).is_err());
        let lines = |n| format!("{}250 last\r\n", "250-a\r\n".repeat(n));
        assert!(read(lines(99).as_bytes()).is_ok_and(|reply| reply.is_some_and(|reply| reply.lines.len() == 100)));
        assert!(read(lines(100).as_bytes()).is_err());
        assert!(read(format!("250 {}\r\n", "x".repeat(4000)).as_bytes()).is_ok_and(|reply| reply.is_some()));
        assert_eq!(read(b"250\r\n").unwrap(), Some(Reply::new(250, "")));
    }

    #[test]
    fn nothing_of_the_upstream_reaches_a_client_uncleaned() {
        let reply = Reply { lines: vec!["a\r250 ok".into(), "b\u{1b}[2J".into()], ..Reply::new(550, "") };
        assert_eq!(reply.to_wire(), "550-a 250 ok\r\n550 b [2J\r\n");
    }

    #[test]
    fn a_reply_is_positive_transient_or_neither() {
        for (code, positive, transient) in [
            (199, false, false),
            (200, true, false),
            (299, true, false),
            (300, false, false),
            (354, false, false),
            (399, false, false),
            (400, false, true),
            (499, false, true),
            (500, false, false),
        ] {
            let reply = Reply::new(code, "x");
            assert_eq!((reply.is_positive(), reply.is_transient()), (positive, transient), "{code}");
        }
    }

    #[test]
    fn an_enhanced_code_is_of_the_class_of_the_reply_or_none() {
        for (reply, wanted) in [
            ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", Some(Enhanced(5, 1, 10))),
            ("454 4.7.0", Some(Enhanced(4, 7, 0))),
            ("550 4.1.1 odd", None),
            ("550 no such user", None),
            ("", None),
        ] {
            assert_eq!(Reply::of_text(reply).and_then(|reply| reply.enhanced()), wanted, "{reply:?}");
        }
    }

    #[test]
    fn a_reply_that_has_begun_is_seen() {
        let mut replies = Replies::default();
        assert!(replies.is_empty());
        replies.feed(b"25");
        assert!(!replies.is_empty());
        replies.feed(b"0-one\r\n");
        assert_eq!(replies.cut(), Ok(None));
        assert!(!replies.is_empty(), "its first line was read");
        replies.feed(b"250 two\r\n");
        assert!(replies.cut().is_ok_and(|reply| reply.is_some()) && replies.is_empty());
    }
}
