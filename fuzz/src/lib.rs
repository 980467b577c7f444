//! What the targets have in common: running a machine over bytes, whole and cut, and what must hold of it.
//!
//! Nothing here knows what the right answer is. The targets hold that a machine gives the same answers wherever its
//! input is cut, never loops, and never lets a byte out that its peer could take for a second line.

use std::slice::Chunks;

use bytes::Bytes;
use gatepost::{
    base::{Fault, Kind, Owner, Sasl, Secret},
    wire::{Back, Front, Knock, Machine, Protection, SignOn, Step, Welcome, sasl::Credentials},
};

/// More steps without input than any machine may need.
const STEPS: usize = 200_000;
pub const TOKEN: &str = "t0ken";

/// What became of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub said: Vec<u8>,
    pub heard: Vec<String>,
    pub violation: Option<String>,
    /// Input that the machine left alone.
    pub unread: Vec<u8>,
    pub tls: bool,
}

/// Input in pieces: the first byte says how long they are, zero says whole.
pub fn pieces(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((0, rest)) => (usize::MAX, rest),
        Some((size, rest)) => (usize::from(*size), rest),
        None => (usize::MAX, data),
    }
}

/// Input in pieces of `size`; all of it, and none where there is none.
pub fn cut(input: &[u8], size: usize) -> Chunks<'_, u8> {
    input.chunks(size.min(input.len()).max(1))
}

/// The same line by line: what comes before its question, which a machine takes for no answer, is the same however it is cut.
pub fn cut_lines(input: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    input.split_inclusive(|byte| *byte == b'\n').flat_map(move |line| cut(line, size))
}

/// Runs a machine over `input` in these pieces. `react` answers an event and says whether the work is over.
pub fn run<'a, M: Machine>(
    mut machine: M,
    input: &'a [u8],
    mut pieces: impl Iterator<Item = &'a [u8]>,
    mut react: impl FnMut(&mut M, M::Event) -> (String, bool),
) -> Told {
    let mut told = Told::default();
    let mut left = input.len();
    'work: loop {
        for step in 0.. {
            assert!(step < STEPS, "the machine makes steps for ever");
            match machine.step() {
                Ok(Step::Read) => break,
                Ok(Step::Write(bytes)) => told.said.extend_from_slice(&bytes),
                Ok(Step::StartTls) => {
                    told.tls = true;
                    break 'work;
                }
                Ok(Step::Event(event)) => {
                    let (text, over) = react(&mut machine, event);
                    told.heard.push(text);
                    if over {
                        while let Ok(Step::Write(bytes)) = machine.step() {
                            told.said.extend_from_slice(&bytes);
                        }
                        break 'work;
                    }
                }
                Err(violation) => {
                    told.violation = Some(violation.what.into_owned());
                    return told;
                }
            }
        }
        let Some(piece) = pieces.next() else { break };
        left -= piece.len();
        machine.feed(piece);
    }
    told.unread = machine.into_unread().to_vec();
    told.unread.extend_from_slice(&input[input.len() - left..]);
    told
}

/// A client's machine, with each kind of protection: whoever's name begins with `a` is let in. `reads_matter` tells for
/// an input whether the answers may depend on what came in one read.
pub fn front<F: Front>(make: impl Fn(Protection) -> F, data: &[u8], reads_matter: impl Fn(&[u8]) -> bool) {
    let Some((mode, data)) = data.split_first() else { return };
    let protection = [Protection::Plain, Protection::Offered, Protection::Required, Protection::Secured];
    let protection = protection[usize::from(mode % 4)];
    let (size, input) = pieces(data);
    let pieced = run(make(protection), input, cut(input, size), doorman);
    let whole = run(make(protection), input, cut(input, usize::MAX), doorman);
    // Plain bytes behind STARTTLS are a violation when they are there in time, and never read otherwise.
    if !pieced.tls && !whole.tls && !reads_matter(input) {
        assert_eq!(pieced, whole, "cut by {size}");
    }
    for told in [pieced, whole] {
        replies_are_lines(&told.said);
        if protection == Protection::Required {
            let taken = told.heard.iter().any(|word| word.starts_with("login") || word.starts_with("no"));
            assert!(!taken, "taken before TLS");
        }
    }
}

pub fn doorman<F: Front>(front: &mut F, knock: Knock) -> (String, bool) {
    match knock {
        Knock::Login(claim) if claim.login.starts_with('a') => {
            assert!(!claim.login.chars().any(char::is_control), "a control byte in a user name");
            front.accept(&Welcome { capabilities: vec!["IMAP4REV1".into(), "IDLE".into()], untagged: Bytes::new() });
            (format!("login {}", claim.login), true)
        }
        Knock::Login(claim) => {
            front.refuse(&no());
            (format!("no {}", claim.login), false)
        }
        Knock::Unnamed => {
            front.refuse(&no());
            ("unnamed".into(), false)
        }
        Knock::Unprotected => ("unprotected".into(), false),
        Knock::Mistaken(words) => (format!("mistake: {words}"), false),
        Knock::Bye | Knock::ShownOut(_) => ("bye".into(), true),
    }
}

fn no() -> Fault {
    Fault::new(Kind::BadCredentials, Owner::Client, "bad-credentials", "Wrong user name or password")
}

pub fn credentials() -> Credentials {
    Credentials {
        mechanism: Sasl::Xoauth2,
        user: "ann@contoso.example".into(),
        token: Secret::new(TOKEN),
        host: "mail.example".into(),
        port: 993,
    }
}

/// An upstream's machine, with or without STARTTLS.
pub fn back<B: Back>(make: impl Fn(bool) -> B, data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let starttls = mode & 1 == 1;
    let (size, input) = pieces(data);
    let pieced = run(make(starttls), input, cut_lines(input, size), verdict);
    let whole = run(make(starttls), input, cut_lines(input, usize::MAX), verdict);
    // All at once, where every answer but the first one may come too early: it must hold as well, whatever it is.
    let at_once = run(make(starttls), input, cut(input, usize::MAX), verdict);
    if !pieced.tls && !whole.tls {
        assert_eq!(pieced, whole, "cut by {size}");
    }
    for told in [pieced, whole, at_once] {
        replies_are_lines(&told.said);
        if starttls {
            assert!(!told.heard.iter().any(|word| word.starts_with("done")), "signed on without TLS");
            assert!(!says_token(&told.said), "the token went out without TLS");
        } else if told.heard.iter().any(|word| word.starts_with("done")) {
            assert!(says_token(&told.said), "an unearned success");
        }
    }
}

pub fn verdict<B: Back>(_: &mut B, ended: SignOn) -> (String, bool) {
    match ended {
        SignOn::Done { capabilities, untagged, .. } => (format!("done {capabilities:?} {untagged:?}"), true),
        refused => (format!("{refused:?}"), true),
    }
}

/// Whether the token is among what was said, in any of the frames that carry it.
fn says_token(said: &[u8]) -> bool {
    let response = credentials().response().expect("clean credentials");
    let text = String::from_utf8_lossy(said);
    text.contains(TOKEN) || text.contains(response.expose())
}

/// Whole lines that end in CRLF, and no control byte inside them.
pub fn replies_are_lines(said: &[u8]) {
    assert!(said.is_empty() || said.ends_with(b"\r\n"), "half a line went out");
    for line in said.split(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let control = text.iter().any(|byte| *byte < 0x20 && *byte != b'\t' || *byte == 0x7f);
        assert!(!control, "a control byte went out: {:?}", String::from_utf8_lossy(line));
    }
}
