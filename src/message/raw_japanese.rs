//! Raw ISO-2022-JP in a header (RFC 1468), made readable for who takes addresses apart: old devices and programs put names
//! and subjects there as they are, without encoded words.
//!
//! Its octets are ASCII to a parser, and any of them may look like `<`, `,` or the beginning of a comment. Nothing is
//! changed of what goes upstream. What might be an address to somebody who does not know the escape sequences is left as
//! it is, so that no address can hide there.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

const ESCAPE: u8 = 0x1b;
/// What may stand in the domain of an address.
const DOMAIN: &[u8] = b"-[";

/// The same with encoded words (RFC 2047) in the place of raw ISO-2022-JP.
pub fn with_encoded_words(field: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut rest = field;
    while let Some(begin) = memchr::memchr(ESCAPE, rest) {
        let (before, tail) = rest.split_at(begin);
        out.extend_from_slice(before);
        let length = passage(tail).unwrap_or(1);
        let (here, behind) = tail.split_at(length);
        match length > 1 && !may_hold_an_address(here) {
            true => {
                let before = if is_edge(out.last()) { "" } else { " " };
                let after = if is_edge(behind.first()) { "" } else { " " };
                let word = format!("{before}=?iso-2022-jp?B?{}?={after}", STANDARD.encode(here));
                out.extend_from_slice(word.as_bytes());
            }
            false => out.extend_from_slice(here),
        }
        rest = behind;
    }
    match out.is_empty() {
        true => Cow::Borrowed(field),
        false => {
            out.extend_from_slice(rest);
            Cow::Owned(out)
        }
    }
}

/// Every word outside of names in Japanese that may be an address to somebody, in quotes and comments too.
pub fn possible_addresses(readable: &[u8]) -> impl Iterator<Item = String> + '_ {
    let words = readable.split(|byte| byte.is_ascii_whitespace() || b"<>()\"\\,:;".contains(byte));
    let words = words.filter(|word| word.contains(&b'@') && !word.starts_with(b"=?"));
    words.map(|word| String::from_utf8_lossy(word).into_owned())
}

/// Whether an encoded word may stand beside it.
fn is_edge(byte: Option<&u8>) -> bool {
    byte.is_none_or(|byte| b" \t\r\n\"()<>,".contains(byte))
}

/// From an escape sequence that leaves ASCII to behind the one that comes back to it, in one line.
fn passage(text: &[u8]) -> Option<usize> {
    if !text.starts_with(b"\x1b$") && !text.starts_with(b"\x1b(I") {
        return None;
    }
    let back = |at: usize| matches!(text.get(at..at + 3), Some(b"\x1b(B" | b"\x1b(J"));
    for (at, byte) in text.iter().enumerate() {
        if back(at) {
            return Some(at + 3);
        }
        if !byte.is_ascii_graphic() && *byte != ESCAPE {
            return None;
        }
    }
    None
}

/// An `@` with a name of two labels behind it.
fn may_hold_an_address(passage: &[u8]) -> bool {
    memchr::memchr_iter(b'@', passage).any(|at| {
        let domain = passage.get(at + 1..).unwrap_or_default();
        let label = domain.iter().take_while(|byte| byte.is_ascii_alphanumeric() || DOMAIN.contains(byte)).count();
        label > 0
            && domain.get(label) == Some(&b'.')
            && domain.get(label + 1).is_some_and(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Nishida" with 西 (0x403E), the `@` of many names.
    const NISHIDA: &str = "\x1b$B@>ED\x1b(B";

    fn readable(text: &str) -> String {
        String::from_utf8(with_encoded_words(text.as_bytes()).into_owned()).unwrap()
    }

    fn decoded(field: &str) -> String {
        let readable = with_encoded_words(field.as_bytes());
        mailparse::parse_header(&readable).unwrap().0.get_value().trim().to_owned()
    }

    #[test]
    fn a_name_in_raw_iso_2022_jp_is_read_as_it_is_meant() {
        assert_eq!(decoded(&format!("Subject: {NISHIDA}")), "西田");
        // Half-width katakana, and Roman letters in the place of ASCII at the end.
        assert_eq!(decoded("Subject: \x1b(I1\x1b(B"), "ｱ");
        assert_eq!(decoded("Subject: \x1b$B@>\x1b(J x"), "西 x");
    }

    #[test]
    fn what_is_none_stays_octet_by_octet() {
        for text in ["Ann <ann@a.example>", "\x1b", "\x1b$B@>", "\x1b$B@>\r\n \x1b(B", "\x1b[2J", "x\x1b(Bx", ""] {
            assert_eq!(readable(text), text);
        }
    }

    #[test]
    fn what_another_reader_might_take_for_an_address_is_left_in_sight() {
        for hidden in ["\x1b$B<eve@x.example>,\x1b(B", "\x1b$Bb@[1.2\x1b(B", "\x1b$B@@a-b.c\x1b(B"] {
            assert_eq!(readable(hidden), hidden);
        }
        assert_ne!(readable("\x1b$B<e@x,a.\x1b(B"), "\x1b$B<e@x,a.\x1b(B", "no domain");
        let text = format!("\"{NISHIDA}) <eve@x.example>\" (b@c.d) <ann@a.example>");
        let found: Vec<String> = possible_addresses(readable(&text).as_bytes()).collect();
        assert_eq!(found, ["eve@x.example", "b@c.d", "ann@a.example"]);
    }
}
