//! Content transfer encodings (RFC 2045 6) taken away in pieces: what cannot be decoded stays as it is.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub enum Decoder {
    Identity,
    /// Letters that make no whole group yet.
    Base64(Vec<u8>),
    Quoted(Quoted),
}

#[derive(Default)]
pub struct Quoted {
    /// What was read of something that is not decided: `=`, `=3`, blanks at the end of a line, CR.
    open: Vec<u8>,
}

impl Decoder {
    /// For the value of Content-Transfer-Encoding.
    pub fn new(encoding: &str) -> Self {
        match encoding.trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64(Vec::new()),
            "quoted-printable" => Self::Quoted(Quoted::default()),
            _ => Self::Identity,
        }
    }

    /// Appends to `out`.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Identity => out.extend_from_slice(input),
            Self::Base64(letters) => {
                let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
                letters.extend(input.iter().copied().filter(is_letter));
                let whole = letters.len() / 4 * 4;
                groups(letters.drain(..whole).as_slice(), out);
            }
            Self::Quoted(quoted) => input.iter().for_each(|byte| quoted.byte(*byte, out)),
        }
    }

    /// What was held back.
    pub fn end(self, out: &mut Vec<u8>) {
        match self {
            Self::Identity => {}
            Self::Base64(letters) => groups(&letters, out),
            Self::Quoted(mut quoted) => quoted.give_up(out),
        }
    }
}

/// A letter alone at the end says nothing.
fn groups(letters: &[u8], out: &mut Vec<u8>) {
    let _ = LENIENT.decode_vec(letters, out);
}

impl Quoted {
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
        match (self.open.as_slice(), byte) {
            // Blanks behind `=` and at the end of a line are of the way alone (RFC 2045 6.7, 3).
            ([b'=', ..], b'\n') if !self.has_digit() => self.open.clear(),
            ([b'=', ..], b'\r') if !self.has_digit() && !self.has_cr() => self.open.push(byte),
            ([b'='], _) if is_blank(byte) || byte.is_ascii_hexdigit() => self.open.push(byte),
            ([b'=', .., last], _) if is_blank(*last) && is_blank(byte) => self.open.push(byte),
            ([b'=', high], _) if byte.is_ascii_hexdigit() && high.is_ascii_hexdigit() => {
                out.push(16 * digit(*high) + digit(byte));
                self.open.clear();
            }
            ([b'=', ..], _) => self.retry(byte, out),
            ([.., b'\r'], b'\n') => {
                self.open.clear();
                out.extend_from_slice(b"\r\n");
            }
            ([.., b'\r'], _) => self.retry(byte, out),
            (_, b'\r') => self.open.push(byte),
            (_, b'\n') => {
                self.open.clear();
                out.push(byte);
            }
            (open, _) if is_blank(byte) && open.len() < 1000 => self.open.push(byte),
            (_, b'=') => {
                self.give_up(out);
                self.open.push(byte);
            }
            _ => {
                self.give_up(out);
                out.push(byte);
            }
        }
    }

    fn has_digit(&self) -> bool {
        self.open.get(1).is_some_and(u8::is_ascii_hexdigit)
    }

    fn has_cr(&self) -> bool {
        self.open.last() == Some(&b'\r')
    }

    /// It was nothing; `byte` begins anew.
    fn retry(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.give_up(out);
        self.byte(byte, out);
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.open);
    }
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut anywhere, it is the same.
    fn decoded(encoding: &str, text: &[u8]) -> Vec<u8> {
        let cut = |at: usize| {
            let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
            decoder.pass(&text[..at], &mut out);
            decoder.pass(&text[at..], &mut out);
            decoder.end(&mut out);
            out
        };
        let whole = cut(0);
        (0..=text.len()).for_each(|at| assert_eq!(cut(at), whole, "cut at {at}"));
        whole
    }

    #[test]
    fn base64_is_read_whatever_stands_between_its_letters() {
        assert_eq!(decoded("BASE64", b"aGVs\r\nbG8g\r\n d29ybGQ=\r\n"), b"hello world");
        assert_eq!(decoded(" base64 ", b"aGVsbG8"), b"hello", "padding that is missing is not missed");
        assert_eq!(decoded("base64", b""), b"");
    }

    #[test]
    fn quoted_printable_is_read_as_rfc_2045_has_it() {
        for (text, plain) in [
            (&b"a=3Db=c3=BC\r\n"[..], &b"a=b\xc3\xbc\r\n"[..]),
            (b"one=\r\ntwo=  \r\nthree \t \r\n", b"onetwothree\r\n"),
            (b"= not\r\n=4\r\n=xy=", b"= not\r\n=4\r\n=xy="),
            (b"a b\tc", b"a b\tc"),
            (b"a\rb==41", b"a\rb=A"),
        ] {
            assert_eq!(decoded("Quoted-Printable", text), plain, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn other_encodings_are_none() {
        assert_eq!(decoded("8bit", b"a=41\r\n"), b"a=41\r\n");
    }
}
