//! One whole IMAP command before login: a line with its literals, and astrings read from it.
//!
//! Cut into lines and literals before anything is parsed, so that literal data is never taken for a command.
//! Sizes are announced by the client and believed only up to a cap: nothing is allocated by announcement.

use bytes::BytesMut;

use crate::wire::lines::{AUTH_CAP, COMMAND_CAP, Lines};

/// Longest literal before login, in octets: a user name or a password.
pub const LITERAL_CAP: usize = 4 * 1024;

#[derive(Debug)]
enum Part {
    Text(BytesMut),
    Literal(BytesMut),
}

/// A complete command.
#[derive(Debug, Default)]
pub struct Command {
    parts: Vec<Part>,
}

/// What gathering came to.
#[derive(Debug)]
pub enum Gathered {
    More,
    /// A synchronising literal: say `+` and go on.
    Continue,
    Whole(Command),
    /// The line or a literal is too long. A synchronising literal can be refused, anything else ends the session.
    TooLong {
        tag: Option<String>,
        recoverable: bool,
    },
}

/// Puts a command together from lines and literals.
#[derive(Debug, Default)]
pub struct Gatherer {
    command: Command,
    size: usize,
    literal: Option<usize>,
}

impl Gatherer {
    pub fn step(&mut self, lines: &mut Lines) -> Gathered {
        loop {
            if let Some(n) = self.literal {
                let Some(bytes) = lines.take(n) else { return Gathered::More };
                self.literal = None;
                self.command.parts.push(Part::Literal(bytes));
            }
            lines.set_cap(COMMAND_CAP);
            let line = match lines.cut() {
                Ok(Some(line)) => line,
                Ok(None) => return Gathered::More,
                Err(_) => return self.too_long(false),
            };
            self.size += line.len();
            if self.size > AUTH_CAP {
                return self.too_long(false);
            }
            let literal = announced(&line);
            self.command.parts.push(Part::Text(line));
            match literal {
                None => {
                    let whole = std::mem::take(self);
                    return Gathered::Whole(whole.command);
                }
                Some((n, synchronising)) => {
                    let fits = usize::try_from(n).ok().filter(|n| *n <= LITERAL_CAP && self.size + n <= AUTH_CAP);
                    let Some(n) = fits else { return self.too_long(synchronising) };
                    self.size += n;
                    self.literal = Some(n);
                    if synchronising {
                        return Gathered::Continue;
                    }
                }
            }
        }
    }

    fn too_long(&mut self, recoverable: bool) -> Gathered {
        let tag = self.command.tag();
        *self = Self::default();
        Gathered::TooLong { tag, recoverable }
    }
}

/// `{n}` or `{n+}` at the end of a line; an absurd number saturates, so that it is refused.
pub(super) fn announced(line: &[u8]) -> Option<(u64, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let digits = inner.get(open + 1..)?;
    let (digits, synchronising) = match digits.strip_suffix(b"+").or_else(|| digits.strip_suffix(b"-")) {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = digits.iter().fold(0u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0')));
    Some((n, synchronising))
}

impl Command {
    /// The tag, as far as it is one: opaque, but printable and without the characters that RFC 3501 keeps out.
    pub fn tag(&self) -> Option<String> {
        let Some(Part::Text(line)) = self.parts.first() else { return None };
        let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let tag = line.get(..end)?;
        let valid = |b: &u8| b.is_ascii_graphic() && !b"(){%*\"\\+".contains(b);
        (!tag.is_empty() && tag.len() <= 128 && tag.iter().all(valid))
            .then(|| String::from_utf8_lossy(tag).into_owned())
    }

    /// Every text part, for the check of control bytes (literals may hold any).
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&text[..]),
            Part::Literal(_) => None,
        })
    }

    /// A reader that stands behind tag and space.
    pub fn arguments(&self) -> Arguments<'_> {
        let mut arguments = Arguments { parts: &self.parts, at: 0 };
        let _tag = arguments.atom();
        arguments
    }
}

/// Reads atoms and astrings one after the other.
#[derive(Debug)]
pub struct Arguments<'a> {
    parts: &'a [Part],
    at: usize,
}

impl<'a> Arguments<'a> {
    fn rest(&self) -> &'a [u8] {
        match self.parts.first() {
            Some(Part::Text(text)) => text.get(self.at..).unwrap_or_default(),
            _ => &[],
        }
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// The next word up to a space.
    pub fn atom(&mut self) -> &'a [u8] {
        self.skip_spaces();
        let rest = self.rest();
        let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// True if nothing but spaces is left.
    pub fn is_done(&mut self) -> bool {
        self.skip_spaces();
        self.rest().is_empty() && self.parts.len() <= 1
    }

    /// An atom, a quoted string or a literal (RFC 3501 `astring`); lenient in what an atom may hold.
    pub fn astring(&mut self) -> Option<Vec<u8>> {
        self.skip_spaces();
        let rest = self.rest();
        match rest.first()? {
            b'"' => self.quoted(),
            b'{' => match (announced(rest), self.parts) {
                (Some(_), [_, Part::Literal(bytes), tail @ ..]) => {
                    self.parts = tail;
                    self.at = 0;
                    Some(bytes.to_vec())
                }
                _ => Some(self.atom().to_vec()),
            },
            _ => Some(self.atom().to_vec()),
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut bytes = self.rest().iter().enumerate().skip(1);
        while let Some((n, b)) = bytes.next() {
            match b {
                b'"' => {
                    self.at += n + 1;
                    return Some(out);
                }
                b'\\' => out.push(*bytes.next()?.1),
                b => out.push(*b),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &[u8], chunk: usize) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        let mut lines = Lines::new(COMMAND_CAP);
        let mut gatherer = Gatherer::default();
        for piece in text.chunks(chunk) {
            lines.feed(piece);
            loop {
                match gatherer.step(&mut lines) {
                    Gathered::More => break,
                    Gathered::Continue => {}
                    Gathered::TooLong { .. } => return None,
                    Gathered::Whole(command) => {
                        let mut arguments = command.arguments();
                        assert_eq!(arguments.atom(), b"LOGIN");
                        return Some((arguments.astring()?, arguments.astring()?, arguments.is_done()));
                    }
                }
            }
        }
        None
    }

    #[test]
    fn login_arguments_in_any_mix_cut_anywhere() {
        for text in [
            &b"a LOGIN ann pw\r\n"[..],
            b"a LOGIN \"ann\" \"pw\"\r\n",
            b"a LOGIN {3}\r\nann {2}\r\npw\r\n",
            b"a LOGIN {3+}\r\nann \"pw\"\r\n",
            b"a LOGIN \"ann\" {2+}\r\npw\r\n",
            b"a LOGIN ann {2}\r\npw\r\n",
            b"a LOGIN \"a\\nn\" \"p\\w\"\r\n",
        ] {
            for chunk in 1..=text.len() {
                let got = login(text, chunk);
                assert_eq!(got, Some((b"ann".to_vec(), b"pw".to_vec(), true)), "{text:?} by {chunk}");
            }
        }
    }

    #[test]
    fn quotes_inside_quotes_and_8_bit_passwords_are_kept() {
        assert_eq!(login(b"a LOGIN x \"p\\\"\\\\ \xfc\"\r\n", 100).unwrap().1, b"p\"\\ \xfc");
        assert_eq!(login(b"a LOGIN x {0}\r\n\r\n", 100).unwrap().1, b"");
        assert_eq!(login(b"a LOGIN x \"open\r\n", 100), None);
    }

    #[test]
    fn absurd_literals_are_refused_without_allocation() {
        for n in ["4097", "4294967296", "18446744073709551615", "99999999999999999999999"] {
            for plus in ["", "+"] {
                assert_eq!(login(format!("a LOGIN {{{n}{plus}}}\r\n").as_bytes(), 100), None, "{n}{plus}");
            }
        }
    }

    #[test]
    fn a_command_is_taken_up_to_16_kib_with_all_its_literals_together() {
        let whole = |name: usize, secret: usize, tail: usize| {
            let text = format!(
                "a LOGIN {{{name}+}}\r\n{} {{{secret}+}}\r\n{}{}\r\n",
                "x".repeat(name),
                "x".repeat(secret),
                " ".repeat(tail)
            );
            login(text.as_bytes(), text.len()).is_some()
        };
        assert!(whole(4096, 4096, 4000), "literals of the cap each");
        assert!(!whole(4097, 1, 0));
        // What fits alone need not fit together.
        let gathered = |literals: usize, tail: usize| {
            let mut lines = Lines::new(COMMAND_CAP);
            lines.feed(b"a LOGIN");
            for _ in 0..literals {
                lines.feed(format!(" {{4000+}}\r\n{}", "x".repeat(4000)).as_bytes());
            }
            lines.feed(format!("{}\r\n", "x".repeat(tail)).as_bytes());
            matches!(Gatherer::default().step(&mut lines), Gathered::Whole(_))
        };
        let spent = "a LOGIN".len() + 4 * (" {4000+}".len() + 4000);
        assert!(gathered(4, AUTH_CAP - spent));
        assert!(!gathered(4, AUTH_CAP - spent + 1));
        assert!(!gathered(3, 4097), "one line of it over its own cap");
        assert!(!gathered(5, 0));
    }

    #[test]
    fn what_is_left_behind_the_arguments_is_seen() {
        for (text, done) in [
            ("a LOGIN ann pw", true),
            ("a LOGIN ann pw  ", true),
            ("a LOGIN ann pw x", false),
            ("a LOGIN \"ann\" \"pw\" x", false),
            ("a LOGIN ann pw {1+}\r\nx", false),
            ("a LOGIN ann {2+}\r\npw x", false),
        ] {
            assert_eq!(
                login(format!("{text}\r\n").as_bytes(), 100),
                Some((b"ann".to_vec(), b"pw".to_vec(), done)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_tag_is_printable_short_and_free_of_what_rfc_3501_keeps_out() {
        let tag = |line: &str| Command { parts: vec![Part::Text(line.as_bytes().into())] }.tag();
        let long = "t".repeat(128);
        for good in ["a", "A.b-3", "8r6y", "$1!", &long] {
            assert_eq!(tag(&format!("{good} NOOP")).as_deref(), Some(good));
            assert_eq!(tag(good).as_deref(), Some(good));
        }
        for bad in ["", "*", "+", "a(b", "a\\", "a\"b", "a%", "{1", "\u{fc}", "a\x01", &format!("{long}t")] {
            assert_eq!(tag(&format!("{bad} NOOP")), None, "{bad:?}");
        }
    }

    #[test]
    fn a_literal_is_announced_in_braces_at_the_end_and_nowhere_else() {
        for (line, n) in [("{3}", 3), ("a LOGIN {12}", 12), ("x {0}", 0), ("{1} {2}", 2)] {
            assert_eq!(announced(line.as_bytes()), Some((n, true)), "{line}");
            let plus = line.replace('}', "+}");
            assert_eq!(announced(plus.as_bytes()), Some((n, false)), "{plus}");
        }
        for line in ["{}", "{+}", "3}", "{3", "{3} ", "{x}", "{3x}", "{++}"] {
            assert_eq!(announced(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_negative_literal_is_only_an_odd_word() {
        assert_eq!(login(b"a LOGIN {-1} x\r\n", 100).unwrap().0, b"{-1}");
    }
}
