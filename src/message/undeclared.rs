//! Text that says nothing of its charset: is it UTF-8? Read piece by piece, as the body comes.

/// What is known so far of a body.
#[derive(Debug, Default)]
pub struct Undeclared {
    /// Octets of a character that is not whole yet, at most three.
    begun: Vec<u8>,
    is_eight_bit: bool,
    is_broken: bool,
}

impl Undeclared {
    /// Takes the next piece, dot-stuffed or not.
    pub fn feed(&mut self, piece: &[u8]) {
        self.is_eight_bit |= !piece.is_ascii();
        let mut rest = piece;
        while let (false, false, Some((byte, tail))) = (self.is_broken, self.begun.is_empty(), rest.split_first()) {
            rest = tail;
            self.begun.push(*byte);
            let begun = std::mem::take(&mut self.begun);
            self.read(&begun);
        }
        self.read(rest);
    }

    fn read(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            _ if self.is_broken => {}
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => {
                self.begun = bytes.get(error.valid_up_to()..).unwrap_or_default().to_vec();
            }
            Err(_) => self.is_broken = true,
        }
    }

    /// Nothing that may still come makes it UTF-8.
    pub const fn is_hopeless(&self) -> bool {
        self.is_broken
    }

    /// All of it is UTF-8, and some of it lies outside ASCII. Asked at the end of the body.
    pub const fn is_utf8(&self) -> bool {
        self.is_eight_bit && !self.is_broken && self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_utf8(pieces: &[&[u8]]) -> bool {
        let mut text = Undeclared::default();
        pieces.iter().for_each(|piece| text.feed(piece));
        text.is_utf8()
    }

    #[test]
    fn only_text_outside_ascii_that_is_utf8_to_its_end_counts() {
        assert!(is_utf8(&["Toner fast leer: Büro 3 日本語 🖨\r\n".as_bytes()]));
        assert!(!is_utf8(&[b"plain text\r\n"]), "ASCII needs no declaration");
        assert!(!is_utf8(&[b"B\xfcro\r\n"]), "Latin-1");
        assert!(!is_utf8(&[b"\x83e\x83X\x83g\r\n"]), "Shift_JIS");
        assert!(!is_utf8(&[b"\x1b$B%F%9%H\x1b(B\r\n"]), "ISO-2022-JP is ASCII to the eye");
        assert!(!is_utf8(&["ü".as_bytes(), b"\xc3"]), "cut off in a character");
        assert!(!is_utf8(&[b"\xc3", b"\r\n"]), "a character that another begins in");
        assert!(!is_utf8(&[b"\xed\xa0\x80"]), "half of a pair of UTF-16");
    }

    proptest! {
        #[test]
        fn cut_anywhere_the_answer_is_that_of_the_whole(
            bytes in prop_oneof![
                ".{0,12}".prop_map(String::into_bytes),
                proptest::collection::vec(prop_oneof![Just(0xc3u8), Just(0xbc), Just(0xe6), Just(0xf0), Just(0x9f), Just(b'a')], 0..8)
            ],
            size in 1usize..5,
        ) {
            let whole = std::str::from_utf8(&bytes).is_ok() && !bytes.is_ascii();
            prop_assert_eq!(is_utf8(&bytes.chunks(size).collect::<Vec<_>>()), whole);
        }
    }
}
