//! An address list taken apart by offsets, as far as it must be known where something is missing (RFC 5322 3.4).
//!
//! mailparse says what the addresses are, not where they stand. It refuses groups, and lists in which a quote, a comment
//! or a bracket has no end: nobody knows what was meant, so nothing in them is changed.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything up to a space or a special.
    Word,
    Quoted,
    Comment,
    /// `<...>`; without its end, what is left of the list.
    Angle {
        is_closed: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

/// Something that cannot be read for sure.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Goes through a list, one mailbox at a time.
pub(super) struct Mailboxes<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Mailboxes<'a> {
    pub(super) const fn of(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    /// The tokens of the next mailbox into `tokens`; false at the end of the list. Empty places between commas are passed
    /// over (RFC 5322 4.4).
    pub(super) fn next(&mut self, tokens: &mut Vec<Token>) -> Result<bool, Unreadable> {
        tokens.clear();
        while let Some(byte) = self.value.get(self.at) {
            let (kind, end) = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    self.at += 1;
                    continue;
                }
                b',' => {
                    self.at += 1;
                    match tokens.is_empty() {
                        true => continue,
                        false => return Ok(true),
                    }
                }
                b':' | b';' | b')' => return Err(Unreadable),
                b'"' => (Kind::Quoted, self.quoted(self.at).ok_or(Unreadable)?),
                b'(' => (Kind::Comment, self.comment().ok_or(Unreadable)?),
                b'<' => self.angle()?,
                _ => (Kind::Word, self.word()),
            };
            tokens.push(Token { kind, at: self.at..end });
            self.at = end;
        }
        Ok(!tokens.is_empty())
    }

    /// No mailbox follows.
    pub(super) fn is_at_end(&self) -> bool {
        self.value.get(self.at..).unwrap_or_default().iter().all(|byte| b" \t\r\n,".contains(byte))
    }

    fn word(&self) -> usize {
        let rest = self.value.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| b" \t\r\n\"(<,:;)".contains(byte)).unwrap_or(rest.len());
        self.at + length
    }

    /// Behind the quote that ends the string which begins at `from`.
    fn quoted(&self, from: usize) -> Option<usize> {
        let mut at = from + 1;
        loop {
            match self.value.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    fn comment(&self) -> Option<usize> {
        let (mut at, mut depth) = (self.at, 0_usize);
        loop {
            match self.value.get(at)? {
                b'(' => depth += 1,
                b')' if depth == 1 => return Some(at + 1),
                b')' => depth -= 1,
                b'\\' => at += 1,
                _ => {}
            }
            at += 1;
        }
    }

    fn angle(&self) -> Result<(Kind, usize), Unreadable> {
        let mut at = self.at + 1;
        loop {
            match self.value.get(at) {
                Some(b'>') => return Ok((Kind::Angle { is_closed: true }, at + 1)),
                Some(b'"') => at = self.quoted(at).ok_or(Unreadable)?,
                Some(b'<') => return Err(Unreadable),
                Some(_) => at += 1,
                None => return Ok((Kind::Angle { is_closed: false }, at)),
            }
        }
    }
}

/// Whether each mailbox of a list has something with an `@` that is no encoded word. `None`: the list cannot be read for
/// sure, as one with a group.
pub fn each_has_an_address(list: &[u8]) -> Option<bool> {
    let (mut mailboxes, mut tokens) = (Mailboxes::of(list), Vec::new());
    while mailboxes.next(&mut tokens).ok()? {
        let is_address = |token: &Token| {
            let text = list.get(token.at.clone()).unwrap_or_default();
            token.kind != Kind::Comment && text.contains(&b'@') && !text.starts_with(b"=?")
        };
        let is_said = tokens.iter().any(|token| token.kind != Kind::Comment);
        if is_said && !tokens.iter().any(is_address) {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list as one mailbox a word of letters: w(ord), q(uoted), c(omment), a(ngle), o(pen angle).
    fn shape(value: &str) -> Option<String> {
        let (mut list, mut tokens, mut shape) = (Mailboxes::of(value.as_bytes()), Vec::new(), Vec::new());
        while list.next(&mut tokens).ok()? {
            let letter = |token: &Token| match token.kind {
                Kind::Word => 'w',
                Kind::Quoted => 'q',
                Kind::Comment => 'c',
                Kind::Angle { is_closed: true } => 'a',
                Kind::Angle { is_closed: false } => 'o',
            };
            shape.push(tokens.iter().map(letter).collect::<String>());
        }
        Some(shape.join(" "))
    }

    #[test]
    fn a_list_is_cut_at_its_commas_and_nowhere_else() {
        assert_eq!(shape(" ann@a.example").as_deref(), Some("w"));
        assert_eq!(shape("Ann Lee <ann@a.example> (home, now), b@c.d").as_deref(), Some("wwac w"));
        assert_eq!(shape("\"Lee, Ann\" <\"a,b\"@c.d>,,\r\n\t, x").as_deref(), Some("qa w"));
        assert_eq!(shape("(a (nested \\) one)) <a@b.c").as_deref(), Some("co"));
        assert_eq!(shape("\"a\\\"b\" <@x,@y:a@b.c>").as_deref(), Some("qa"));
        assert_eq!(shape(" \r\n ").as_deref(), Some(""));
    }

    #[test]
    fn a_mailbox_without_an_address_of_its_own_is_seen() {
        for (list, expected) in [
            ("a@b.c, \"x, y\" <d@e.f>, (nobody), =?utf-8?q?x?= <g@h.i>", Some(true)),
            ("=?utf-8?q?eve=40x.example?=, x <a@b.c>", Some(false)),
            ("=?utf-8?q?eve@x.example?=, x <a@b.c>", Some(false)),
            ("a@b.c, Sales", Some(false)),
            ("all: a@b.c;", None),
        ] {
            assert_eq!(each_has_an_address(list.as_bytes()), expected, "{list}");
        }
    }

    #[test]
    fn what_has_no_end_and_groups_are_not_read() {
        for odd in ["\"Ann <a@b.c>", "(Ann <a@b.c>", "<a@b.c <d@e.f>", "team: a@b.c;", "a) b", "\"a\\", "(a\\", "<\"a>"]
        {
            assert_eq!(shape(odd), None, "{odd}");
        }
    }
}
