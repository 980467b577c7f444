//! The DATA state machine: where a message ends, and what of it goes upstream.
//!
//! Only CRLF.CRLF ends the data (RFC 5321 4.1.1.4). The machine takes dot-stuffed bytes in and gives dot-stuffed
//! bytes out; the final dot is never among them, so a message that must not arrive simply lacks it. A bare LF
//! becomes CRLF, and a dot that this puts at the start of a line is stuffed: rewriting without that is how SMTP
//! smuggling is made (CVE-2023-51764). Bare CR and NUL are flaws: nothing more is given out, the end is still found.

/// Why a message cannot go upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    BareCr,
    Nul,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind CRLF, or at the very start.
    LineStart,
    /// Behind a bare LF: a dot here never ends the data.
    SoftStart,
    /// LineStart, then a dot that is not given out yet.
    Dot,
    /// LineStart, dot, CR.
    DotCr,
    Text,
    /// A CR that is not given out yet.
    Cr,
    Ended,
}

#[derive(Debug)]
pub struct Body {
    state: State,
    flaw: Option<Flaw>,
    normalised: u64,
}

/// How far [`Body::pass`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Bytes of the input that belong to the message (its end included).
    pub consumed: usize,
    pub ended: bool,
}

impl Default for Body {
    fn default() -> Self {
        Self::new()
    }
}

impl Body {
    pub const fn new() -> Self {
        Self { state: State::LineStart, flaw: None, normalised: 0 }
    }

    /// The first flaw met.
    pub const fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// How many bare LFs became CRLF.
    pub const fn normalised(&self) -> u64 {
        self.normalised
    }

    /// Takes a piece of the message, appends to `out` what goes upstream. Stops behind the end of data.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Passed {
        let mut rest = input;
        while self.state != State::Ended {
            if self.state == State::Text {
                rest = self.run(rest, out);
            }
            let Some((byte, tail)) = rest.split_first() else { break };
            rest = tail;
            self.byte(*byte, out);
        }
        Passed { consumed: input.len() - rest.len(), ended: self.state == State::Ended }
    }

    /// Copies text up to the next byte that needs a look; within a line a dot does not.
    fn run<'a>(&self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = memchr::memchr3(b'\r', b'\n', 0, input).unwrap_or(input.len());
        let (text, rest) = input.split_at(end);
        self.give(text, out);
        rest
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match (self.state, byte) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => State::Ended,
            (State::DotCr | State::Cr, b) if b != b'\n' => {
                let next = if b == b'\r' { State::Cr } else { State::Text };
                self.broken(Flaw::BareCr, next)
            }
            (State::Cr, _) => {
                self.give(b"\r\n", out);
                State::LineStart
            }
            // CRLF, dot, bare LF: a line that holds a dot, not the end.
            (State::Dot, b'\n') => self.bare_lf(b"..", out),
            (State::Dot, 0) => self.broken(Flaw::Nul, State::Text),
            // Stuffed or not: the bytes stay as they are, the receiver takes one dot away.
            (State::Dot, b) => {
                self.give(&[b'.', b], out);
                State::Text
            }
            (State::SoftStart, b'.') => {
                self.give(b"..", out);
                State::Text
            }
            (_, b'\r') => State::Cr,
            (_, b'\n') => self.bare_lf(b"", out),
            (_, 0) => self.broken(Flaw::Nul, State::Text),
            (_, b) => {
                self.give(&[b], out);
                State::Text
            }
        };
    }

    fn bare_lf(&mut self, before: &[u8], out: &mut Vec<u8>) -> State {
        self.normalised += 1;
        self.give(before, out);
        self.give(b"\r\n", out);
        State::SoftStart
    }

    fn broken(&mut self, flaw: Flaw, next: State) -> State {
        self.flaw.get_or_insert(flaw);
        next
    }

    fn give(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.flaw.is_none() {
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Passes `input` in two pieces; what came out, where it ended.
    fn pass_cut(input: &[u8], at: usize) -> (Vec<u8>, Option<usize>, Option<Flaw>) {
        let mut body = Body::new();
        let mut out = Vec::new();
        let (one, two) = input.split_at(at);
        let first = body.pass(one, &mut out);
        if first.ended {
            return (out, Some(first.consumed), body.flaw());
        }
        let second = body.pass(two, &mut out);
        (out, second.ended.then_some(at + second.consumed), body.flaw())
    }

    fn all_cuts(input: &[u8]) -> (Vec<u8>, Option<usize>, Option<Flaw>) {
        let whole = pass_cut(input, 0);
        for at in 1..=input.len() {
            assert_eq!(pass_cut(input, at), whole, "cut at {at} of {input:?}");
        }
        whole
    }

    /// What an upstream that honours only CRLF.CRLF, or one that honours any LF.LF form, makes of our bytes.
    fn ends_within(sent: &[u8]) -> bool {
        let padded = [b"\r\n", sent].concat();
        let lenient = String::from_utf8_lossy(&padded).replace("\r\n", "\n").replace('\r', "\n");
        lenient.contains("\n.\n")
    }

    #[test]
    fn a_plain_message_passes_byte_for_byte() {
        let (out, end, flaw) = all_cuts(b"Subject: x\r\n\r\nhello\r\n..dot\r\n...\r\n.\r\nQUIT\r\n");
        assert_eq!(out, b"Subject: x\r\n\r\nhello\r\n..dot\r\n...\r\n");
        assert_eq!((end, flaw), (Some(36), None));
    }

    #[test]
    fn an_empty_message_ends_at_its_first_line() {
        assert_eq!(all_cuts(b".\r\nNOOP"), (vec![], Some(3), None));
    }

    #[test]
    fn a_dot_line_between_bare_line_feeds_does_not_end_the_data() {
        assert_eq!(all_cuts(b"a\n.\nb\r\n.\r\n").0, b"a\r\n..\r\nb\r\n");
        assert_eq!(all_cuts(b"a\n.\r\nb\r\n.\r\n").0, b"a\r\n..\r\nb\r\n");
        assert_eq!(all_cuts(b"a\r\n.\nb\r\n.\r\n").0, b"a\r\n..\r\nb\r\n");
        assert_eq!(all_cuts(b"\n.\n\n..\r\n.\r\n").0, b"\r\n..\r\n\r\n...\r\n");
    }

    #[test]
    fn bare_cr_and_nul_are_flaws_and_the_end_is_still_found() {
        for text in [&b"a\rb\r\n.\r\n"[..], b"a\r\n.\r\r\n.\r\n", b"\r\r\n.\r\n", b"a\r\n.\rb\r\n.\r\n"] {
            let (_, end, flaw) = all_cuts(text);
            assert_eq!((end, flaw), (Some(text.len()), Some(Flaw::BareCr)), "{text:?}");
        }
        assert_eq!(all_cuts(b"a\0b\r\n.\r\n").2, Some(Flaw::Nul));
        assert_eq!(all_cuts(b".\0\r\n.\r\n").2, Some(Flaw::Nul));
        assert_eq!(all_cuts(b"\0\r\n.\r\n").2, Some(Flaw::Nul));
        assert_eq!(all_cuts(b"a\0b\rc\r\n.\r\n").2, Some(Flaw::Nul), "the first one counts");
    }

    #[test]
    fn every_bare_line_feed_that_became_crlf_is_counted() {
        let mut body = Body::new();
        body.pass(b"a\r\nb\r\n.\r\n", &mut Vec::new());
        assert_eq!(body.normalised(), 0);
        let mut body = Body::new();
        body.pass(b"a\nb\n\n\r\n.\nc\r\n.\r\n", &mut Vec::new());
        assert_eq!(body.normalised(), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn nothing_given_out_can_end_a_message(input in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0u8), Just(b'a')], 0..40)) {
            let (out, end, flaw) = all_cuts(&input);
            if flaw.is_none() {
                prop_assert!(!ends_within(&out), "{:?} -> {:?}", input, out);
                if end.is_some() {
                    prop_assert!(out.is_empty() || out.ends_with(b"\r\n"));
                }
            }
        }

        #[test]
        fn text_without_odd_bytes_is_never_changed(lines in proptest::collection::vec("[a-zA-Z .]{0,12}", 0..12)) {
            let stuffed: String = lines.iter()
                .map(|l| if l.starts_with('.') { format!(".{l}\r\n") } else { format!("{l}\r\n") }).collect();
            let (out, end, flaw) = all_cuts(format!("{stuffed}.\r\n").as_bytes());
            prop_assert_eq!(out, stuffed.as_bytes());
            prop_assert_eq!(end, Some(stuffed.len() + 3));
            prop_assert_eq!(flaw, None);
        }
    }
}
