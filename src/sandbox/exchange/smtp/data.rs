//! The message behind 354: ends at CRLF.CRLF and nowhere else, dots unstuffed (RFC 5321 4.5.2).

use bytes::{Buf, BytesMut};

#[derive(Default)]
pub struct Data {
    pub bytes: BytesMut,
    /// A line ended without a CR: Exchange refuses the message at its end.
    pub bare_line_feed: bool,
    /// Longer than the limit; the rest is read and dropped.
    pub too_long: bool,
    /// Octets read so far, stuffing included.
    pub read: u64,
    limit: usize,
    inside_line: bool,
}

impl Data {
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes what it can; `true` when the final dot has come. What follows it stays in `input`.
    pub fn feed(&mut self, input: &mut BytesMut) -> bool {
        loop {
            if !self.inside_line && input.starts_with(b".") {
                if input.starts_with(b".\r\n") {
                    self.take(input, 3, false);
                    return true;
                }
                if input.len() < 3 {
                    return false;
                }
                self.take(input, 1, false);
            }
            match memchr::memchr(b'\n', input) {
                Some(end) => {
                    let whole = end > 0 && input.get(end - 1) == Some(&b'\r');
                    self.take(input, end + 1, true);
                    self.bare_line_feed |= !whole;
                    // Behind a bare LF no line begins: LF.CRLF ends nothing.
                    self.inside_line = !whole;
                }
                None => {
                    // A CR at the end may be half of a line end.
                    let length = input.len() - usize::from(input.ends_with(b"\r"));
                    if length > 0 {
                        self.take(input, length, true);
                        self.inside_line = true;
                    }
                    return false;
                }
            }
        }
    }

    fn take(&mut self, input: &mut BytesMut, length: usize, keep: bool) {
        if keep && self.bytes.len() + length > self.limit {
            self.too_long = true;
            self.bytes.clear();
        }
        if keep && !self.too_long {
            self.bytes.extend_from_slice(input.get(..length).unwrap_or_default());
        }
        self.read += length as u64;
        input.advance(length.min(input.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(wire: &[u8]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        let mut data = Data::new(1000);
        let mut input = BytesMut::from(wire);
        data.feed(&mut input).then(|| (data.bytes.to_vec(), input.to_vec(), data.bare_line_feed))
    }

    #[test]
    fn only_the_real_end_ends_a_message() {
        let cases: [(&[u8], &[u8], &[u8]); 4] = [
            (b".\r\nRSET\r\n", b"", b"RSET\r\n"),
            (b"a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n", b""),
            (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", b""),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", b""),
        ];
        for (wire, message, rest) in cases {
            assert_eq!(whole(wire), Some((message.to_vec(), rest.to_vec(), false)), "{wire:?}");
        }
        for open in [b"a\n.\n".as_slice(), b"a\n.\r\n", b"a\r\n.\n", b"a\r.\r\n", b"a\r\n.\r"] {
            assert_eq!(whole(open), None, "{open:?}");
        }
    }

    #[test]
    fn cut_anywhere_the_message_is_the_same() {
        let wire = b"Subject: x\r\n\r\n..one\r\n.\rtwo\nthree\r\n\r\n.\r\nNOOP\r\n";
        let expected = whole(wire).expect("complete");
        for cut in 0..wire.len() {
            let mut data = Data::new(1000);
            let mut input = BytesMut::from(&wire[..cut]);
            let early = data.feed(&mut input);
            input.extend_from_slice(&wire[cut..]);
            assert!(early || data.feed(&mut input), "cut at {cut}");
            assert_eq!((data.bytes.to_vec(), input.to_vec(), data.bare_line_feed), expected, "cut at {cut}");
        }
    }

    #[test]
    fn too_much_is_dropped_and_the_end_still_found() {
        let mut data = Data::new(10);
        let mut input = BytesMut::from(b"0123456789abc\r\nmore\r\n.\r\n".as_slice());
        assert!(data.feed(&mut input));
        assert!(data.too_long && data.bytes.is_empty());
    }
}
