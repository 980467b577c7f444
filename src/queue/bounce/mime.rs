//! The little of MIME that a notice needs: text that may be anything, in lines that every server carries.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

/// RFC 2045 6.7: at most this many characters in a line of quoted-printable.
const LINE: usize = 76;
/// RFC 2047 2: a line with an encoded word has 76 at most; so many octets are 52 characters of base64.
const WORD: usize = 39;
/// RFC 5322 2.1.1.
const LONGEST: usize = 998;

/// Whether the octets may stand as they are (RFC 2045 2.7).
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.is_ascii() && !text.contains(&0) && text.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST)
}

/// Octets with CRLF lines as quoted-printable (RFC 2045 6.7).
pub(super) fn quoted_printable(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (line, ending) = match line.strip_suffix(b"\r\n") {
            Some(line) => (line, "\r\n"),
            None => (line, ""),
        };
        quote_line(line, &mut out);
        out.push_str(ending);
    }
    out
}

fn quote_line(line: &[u8], out: &mut String) {
    let mut width = 0;
    for (n, byte) in line.iter().enumerate() {
        let is_last = n + 1 == line.len();
        let is_plain = match byte {
            b' ' | b'\t' => !is_last,
            b'=' => false,
            _ => byte.is_ascii_graphic(),
        };
        let needs = if is_plain { 1 } else { 3 };
        // One is kept for the `=` of a soft break.
        if width + needs > LINE - 1 {
            out.push_str("=\r\n");
            width = 0;
        }
        if is_plain {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "={byte:02X}");
        }
        width += needs;
    }
}

/// The text of a header field (RFC 2047), folded. Control characters become spaces.
pub(super) fn header_text(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_ascii() && text.len() <= LINE - "Subject: ".len() && !text.contains("=?") {
        return text;
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= WORD => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// A type and an address of a delivery status (RFC 3464 2.1.2); one beyond ASCII in the form of RFC 6533 3.
pub(super) fn typed_address(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let mut out = "utf-8; ".to_owned();
    for c in address.chars() {
        match c {
            '\\' | '+' | '=' => {
                let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
            }
            c if c.is_ascii_graphic() => out.push(c),
            c => {
                let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
            }
        }
    }
    out
}

/// What RFC 3461 4 calls xtext, as it was before; `None`: it is none.
pub(super) fn from_xtext(xtext: &str) -> Option<String> {
    let mut out = Vec::with_capacity(xtext.len());
    let mut rest = xtext.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => {
                let hex = [rest.next()?, rest.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
            }
            byte => out.push(byte),
        }
    }
    // It goes into a line of ours.
    String::from_utf8(out).ok().filter(|text| !text.contains(char::is_control))
}

/// CRLF lines as they go over the wire (RFC 5321 4.5.2).
pub(super) fn stuffed(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_comes_back_as_it_was_in_short_lines() {
        for text in [
            "short\r\n".to_owned(),
            "an = and a space at the end \r\n".to_owned(),
            "ü\r\n\ttab\r\n\r\n".to_owned(),
            format!("{}\r\n{}", "x".repeat(500), "ü".repeat(200)),
        ] {
            let quoted = quoted_printable(text.as_bytes());
            assert!(quoted.is_ascii() && quoted.lines().all(|line| line.len() <= 76), "{quoted}");
            let mail = format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{quoted}");
            let parsed = mailparse::parse_mail(mail.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(parsed.get_body_raw().unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn header_text_comes_back_as_it_was_and_forges_no_field() {
        assert_eq!(header_text("Not delivered: hello"), "Not delivered: hello");
        for text in ["スキャン文書 3F", &"ü".repeat(300), &"x".repeat(300), "=?utf-8?B?eA==?="] {
            let field = format!("Subject: {}\r\n", header_text(text));
            assert!(field.is_ascii() && field.lines().all(|line| line.len() <= 76), "{field}");
            let (header, _) = mailparse::parse_header(field.as_bytes()).unwrap();
            assert_eq!(header.get_value(), text);
        }
        assert_eq!(header_text("a\r\nBcc: b"), "a  Bcc: b");
    }

    #[test]
    fn xtext_is_read_and_what_is_none_is_left_out() {
        assert_eq!(from_xtext("a+2Bb@c.d").as_deref(), Some("a+b@c.d"));
        for wrong in ["+", "+2", "+ZZ", "a+0D+0Ab"] {
            assert_eq!(from_xtext(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_beyond_ascii_have_a_form_of_their_own() {
        assert_eq!(typed_address("bob@fabrikam.com"), "rfc822; bob@fabrikam.com");
        assert_eq!(typed_address("b+\u{fc}@fabrikam.com"), "utf-8; b\\x{2B}\\x{FC}@fabrikam.com");
    }

    #[test]
    fn a_line_that_begins_with_a_dot_is_stuffed() {
        assert_eq!(stuffed(".a\r\nb.\r\n..\r\n"), "..a\r\nb.\r\n...\r\n");
    }
}
