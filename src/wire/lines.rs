//! Cuts a stream of bytes into command lines, in bounded memory.
//!
//! A line ends at LF; one CR before it belongs to the line end (RFC 5321 2.3.8; devices send bare LF, see the
//! dialogue tests). What a line may hold is the reader's business: [`control_byte`] names what no command may.
//! Not for message bodies, where a bare LF ends nothing: see `smtp::body`.

use bytes::{Buf, BytesMut};

/// Longest command line before login, in octets.
pub const COMMAND_CAP: usize = 4 * 1024;
/// Longest line of a SASL exchange, in octets (RFC 4954 4 wants 12,288).
pub const AUTH_CAP: usize = 16 * 1024;

/// The peer sent more than the cap without a line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    pub cap: usize,
}

#[derive(Debug)]
pub struct Lines {
    input: BytesMut,
    cap: usize,
    /// Up to here no LF was found; keeps a line that comes byte by byte from costing its square.
    scanned: usize,
}

impl Lines {
    pub fn new(cap: usize) -> Self {
        Self { input: BytesMut::new(), cap, scanned: 0 }
    }

    pub fn with_input(cap: usize, input: BytesMut) -> Self {
        Self { input, cap, scanned: 0 }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
    }

    /// The next whole line without its end, or `None` if there is none yet.
    pub fn cut(&mut self) -> Result<Option<BytesMut>, TooLong> {
        let found = self.input.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest));
        let Some(at) = found.map(|n| n + self.scanned) else {
            self.scanned = self.input.len();
            return if self.input.len() > self.cap { Err(TooLong { cap: self.cap }) } else { Ok(None) };
        };
        self.scanned = 0;
        if at > self.cap {
            return Err(TooLong { cap: self.cap });
        }
        let mut line = self.input.split_to(at);
        self.input.advance(1);
        if self.input.is_empty() {
            // The memory goes with the line: a session that waits for the next one holds none.
            self.input = BytesMut::new();
        }
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Ok(Some(line))
    }

    /// Takes exactly `n` bytes (an IMAP literal), or `None` if they are not there yet.
    pub fn take(&mut self, n: usize) -> Option<BytesMut> {
        if self.input.len() < n {
            return None;
        }
        self.scanned = 0;
        Some(self.input.split_to(n))
    }

    /// What lies behind the last line that was cut.
    pub fn pending(&self) -> &[u8] {
        &self.input
    }

    /// Drops what lies behind the last line that was cut.
    pub fn discard(&mut self) {
        self.input.clear();
        self.scanned = 0;
    }

    /// Sets aside what lies behind the last line that was cut.
    pub fn set_aside(&mut self) -> BytesMut {
        self.scanned = 0;
        self.input.split()
    }

    /// Puts bytes that were set aside back in front.
    pub fn put_back(&mut self, mut bytes: BytesMut) {
        if !bytes.is_empty() {
            bytes.extend_from_slice(&self.input);
            self.input = bytes;
            self.scanned = 0;
        }
    }

    pub fn into_unread(self) -> BytesMut {
        self.input
    }
}

/// The first byte that no command line may hold: C0 controls other than TAB, and DEL.
pub fn control_byte(line: &[u8]) -> Option<u8> {
    line.iter().copied().find(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f)
}

/// To whoever has one in a command.
pub const NO_CONTROL_BYTES: &str = "control bytes are not allowed in a command";

/// True for the start of a TLS record that carries a handshake: a client speaks TLS on a plain port.
pub fn looks_like_tls(input: &[u8]) -> bool {
    matches!(input, [0x16, 0x03, ..] | [0x16])
}

/// The hello of a device that still greets as SSL 2.0 did, whatever TLS it can (RFC 5246 E.2).
pub fn looks_like_old_tls(input: &[u8]) -> bool {
    matches!(input, [length, _, 0x01, 0x00 | 0x03, ..] if length & 0x80 != 0)
}

/// What is spoken in the place of a protocol of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    Tls,
    Http,
}

impl Tongue {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Http => "HTTP",
        }
    }
}

/// The other protocol that a client speaks to us, if it does: it has TLS turned on, or is a web browser, which may have
/// been sent here to say something in another's name.
pub fn other_tongue(input: &[u8]) -> Option<Tongue> {
    const METHODS: [&[u8]; 9] =
        [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
    // One byte alone decides nothing here: it would depend on how the input is cut.
    if (input.len() > 1 && looks_like_tls(input)) || looks_like_old_tls(input) {
        return Some(Tongue::Tls);
    }
    if !METHODS.contains(&first_word(input.get(..8).unwrap_or(input)).0) {
        return None;
    }
    let line = input.get(..memchr::memchr(b'\n', input)?)?.trim_ascii_end();
    (line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")).then_some(Tongue::Http)
}

/// How long the line that is coming may get: AUTH lines carry an initial response.
pub fn cap_for(pending: &[u8]) -> usize {
    let auth = pending.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"));
    if auth { AUTH_CAP } else { COMMAND_CAP }
}

/// The first word and the rest behind the spaces that follow it.
pub fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|b| *b == b' ' || *b == b'\t') {
        Some(at) => {
            let (word, rest) = line.split_at(at);
            (word, rest.trim_ascii_start())
        }
        None => (line, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_all(lines: &mut Lines) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(Some(line)) = lines.cut() {
            all.push(String::from_utf8_lossy(&line).into_owned());
        }
        all
    }

    #[test]
    fn lines_end_at_lf_with_or_without_cr() {
        let mut lines = Lines::new(100);
        lines.feed(b"one\r\ntwo\nthree\r\r\nfo");
        assert_eq!(cut_all(&mut lines), ["one", "two", "three\r"]);
        lines.feed(b"ur\n");
        assert_eq!(cut_all(&mut lines), ["four"]);
    }

    #[test]
    fn cut_anywhere_gives_the_same_lines() {
        let text = b"EHLO a\r\n\r\nMAIL\nx\r\n";
        for at in 0..text.len() {
            let mut lines = Lines::new(100);
            lines.feed(&text[..at]);
            let mut all = cut_all(&mut lines);
            lines.feed(&text[at..]);
            all.extend(cut_all(&mut lines));
            assert_eq!(all, ["EHLO a", "", "MAIL", "x"], "cut at {at}");
        }
    }

    #[test]
    fn a_line_over_the_cap_is_an_error_whether_it_ends_or_not() {
        let mut lines = Lines::new(4);
        lines.feed(b"12345");
        assert_eq!(lines.cut(), Err(TooLong { cap: 4 }));
        let mut lines = Lines::new(4);
        lines.feed(b"12345\n");
        assert_eq!(lines.cut(), Err(TooLong { cap: 4 }));
        let mut lines = Lines::new(4);
        lines.feed(b"1234");
        assert_eq!(lines.cut(), Ok(None));
        lines.feed(b"\n");
        assert!(lines.cut().is_ok_and(|line| line.is_some()));
    }

    #[test]
    fn a_literal_is_taken_as_soon_as_it_is_there_and_lines_go_on_behind_it() {
        let mut lines = Lines::new(100);
        lines.feed(b"p");
        assert_eq!(lines.take(2), None);
        lines.feed(b"w");
        assert_eq!(lines.take(2).as_deref(), Some(&b"pw"[..]));
        lines.feed(b" x\r\n");
        assert_eq!(cut_all(&mut lines), [" x"]);
    }

    #[test]
    fn what_was_put_back_is_cut_before_what_came_meanwhile_and_what_was_dropped_never() {
        let mut lines = Lines::new(100);
        lines.feed(b"one\r\ntw");
        assert_eq!(cut_all(&mut lines), ["one"]);
        let aside = lines.set_aside();
        lines.feed(b"o\r\n");
        lines.put_back(aside);
        assert_eq!(cut_all(&mut lines), ["two"]);
        lines.feed(b"three");
        assert_eq!(cut_all(&mut lines), [""; 0]);
        lines.discard();
        assert!(lines.pending().is_empty());
        lines.feed(b"4\n");
        assert_eq!(cut_all(&mut lines), ["4"]);
    }

    #[test]
    fn only_the_start_of_a_handshake_looks_like_tls() {
        for start in [&b"\x16"[..], b"\x16\x03", b"\x16\x03\x01\x02"] {
            assert!(looks_like_tls(start), "{start:?}");
        }
        for other in [&b""[..], b"\x16\x00", b"\x17\x03\x01", b"EHLO x"] {
            assert!(!looks_like_tls(other), "{other:?}");
        }
    }

    #[test]
    fn a_hello_in_the_form_of_ssl_2_is_told_from_a_line_of_text() {
        assert_eq!(other_tongue(b"\x80\x2e\x01\x03\x01\x00"), Some(Tongue::Tls));
        assert_eq!(other_tongue(b"\x80\x2e\x01\x00\x02\x00"), Some(Tongue::Tls));
        for other in [&b"\x80\x2e\x01"[..], b"\x80\x2e\x01\x02", b"\x80\x2e\x02\x03", b"\x00\x2e\x01\x03", b"EHLO"] {
            assert_eq!(other_tongue(other), None, "{other:?}");
        }
    }

    #[test]
    fn control_bytes_are_named() {
        assert_eq!(control_byte(b"EHLO a\rb"), Some(b'\r'));
        assert_eq!(control_byte(b"a\0"), Some(0));
        assert_eq!(control_byte(b"a\x1f"), Some(0x1f));
        assert_eq!(control_byte(b"a\x7f"), Some(0x7f));
        assert_eq!(control_byte("tab\tand ü".as_bytes()), None);
    }
}
