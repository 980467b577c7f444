//! Signs on at an IMAP upstream, and probes whether the OK is worth anything.
//!
//! SASL-IR only where it is offered. After OK, CAPABILITY and (where shown) NAMESPACE go out in one flight under our
//! own tags: Exchange says OK to a user who has no mailbox and tells so only at the next command. Our own replies
//! are swallowed; other untagged lines are kept for the client. A PREAUTH greeting is a violation.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    command::announced,
    reply::{Status, capability_code, capability_words},
};
use crate::wire::{
    Back, Machine, SignOn, Step, Violation,
    lines::{AUTH_CAP, Lines, control_byte},
    sasl::{Credentials, decode_challenge},
};

/// No client tag looks like these; replies to them never leave this machine.
const CAPABILITY_TAG: &str = "gpc";
const STARTTLS_TAG: &str = "gps";
const AUTH_TAG: &str = "gpa";
const REFRESH_TAG: &str = "gpd";
const PROBE_TAG: &str = "gpn";
/// How each of them begins.
const TAGS: &[u8] = b"gp";

/// All that an upstream may say until the sign-on is through, in octets: no list or banner comes near it.
const SIGN_ON_CAP: u64 = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    StartTls,
    /// TLS is up; ask for capabilities again or sign on.
    Ready,
    Capability,
    /// AUTHENTICATE without initial response was sent.
    Auth,
    Response,
    Breaker,
    /// Signed on; the two questions are out.
    Probe,
    Done,
}

#[derive(Debug)]
pub struct ImapBack {
    lines: Lines,
    state: State,
    starttls: bool,
    credentials: Credentials,
    /// What is known of the upstream: remembered from an earlier sign-on, or heard in this one.
    capabilities: Option<Vec<String>>,
    live: Option<Vec<String>>,
    /// The response stands on the AUTHENTICATE line.
    initial: bool,
    /// It did, and the upstream did not understand that.
    initial_refused: bool,
    challenge: Option<String>,
    /// Octets of a literal that belong to the line that was cut last.
    literal: u64,
    keep_literal: bool,
    /// How much was kept before the line that goes on behind a literal.
    kept_before: usize,
    /// What is cut next goes on behind a literal.
    is_continued: bool,
    untagged: BytesMut,
    refresh_open: bool,
    probe_open: bool,
    refusal: Option<String>,
    /// Octets of `SIGN_ON_CAP` that are left.
    left: u64,
}

impl ImapBack {
    /// `known`: the capabilities last seen at this upstream before sign-on, which save a round trip.
    pub fn new(credentials: Credentials, starttls: bool, known: Option<Vec<String>>) -> Self {
        Self {
            lines: Lines::new(AUTH_CAP),
            state: State::Greeting,
            starttls,
            credentials,
            capabilities: known,
            live: None,
            initial: false,
            initial_refused: false,
            challenge: None,
            literal: 0,
            keep_literal: false,
            kept_before: 0,
            is_continued: false,
            untagged: BytesMut::new(),
            refresh_open: false,
            probe_open: false,
            refusal: None,
            left: SIGN_ON_CAP,
        }
    }

    fn has(&self, word: &str) -> bool {
        self.live
            .as_ref()
            .or(self.capabilities.as_ref())
            .is_some_and(|words| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
    }

    fn send(&mut self, state: State, text: impl Into<Bytes>) -> Result<Step<SignOn>, Violation> {
        // Untagged lines come when they come (RFC 9051 5.2); these would be taken for the answer to what is said now.
        let is_answer = |line: &[u8]| line.starts_with(b"+") || line.starts_with(TAGS);
        if self.lines.pending().split_inclusive(|byte| *byte == b'\n').any(is_answer) {
            return Err(Violation::new("upstream spoke without being asked"));
        }
        self.state = state;
        Ok(Step::Write(text.into()))
    }

    fn sign_on(&mut self) -> Result<Step<SignOn>, Violation> {
        if self.live.is_none() && self.capabilities.is_none() {
            return self.send(State::Capability, format!("{CAPABILITY_TAG} CAPABILITY\r\n"));
        }
        let mechanism = self.credentials.mechanism.as_str();
        self.initial = !self.initial_refused && self.has("SASL-IR");
        if !self.initial {
            return self.send(State::Auth, format!("{AUTH_TAG} AUTHENTICATE {mechanism}\r\n"));
        }
        match self.credentials.response() {
            Some(response) => {
                self.send(State::Response, format!("{AUTH_TAG} AUTHENTICATE {mechanism} {}\r\n", response.expose()))
            }
            None => Err(Violation::new("user name or token holds control bytes")),
        }
    }

    fn refused(&mut self, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let early = matches!(state, State::Greeting | State::StartTls | State::Capability);
        let text = String::from_utf8_lossy(text).into_owned();
        Ok(Step::Event(SignOn::Refused { text, challenge: self.challenge.take(), early }))
    }

    /// Both answers are there, or the connection ended after a refusal.
    fn verdict(&mut self) -> SignOn {
        self.state = State::Done;
        match self.refusal.take() {
            Some(text) => SignOn::Refused { text, challenge: None, early: false },
            None => SignOn::Done {
                capabilities: self.live.take().or_else(|| self.capabilities.take()).unwrap_or_default(),
                initial_response: self.initial,
                untagged: self.untagged.split().freeze(),
            },
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Step<SignOn>, Violation> {
        if let Some(rest) = line.strip_prefix(b"* ") {
            return self.untagged(line, rest);
        }
        if let Some(rest) = line.strip_prefix(b"+") {
            return self.continuation(rest.trim_ascii());
        }
        let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (tag, rest) = line.split_at(end);
        match (Status::parse(rest.trim_ascii_start()), tag) {
            (Some((status, text)), tag) => self.tagged(tag, status, text),
            (None, _) if self.state == State::Probe => Ok(self.keep(line)),
            // Exchange has been seen to say a bare `Server Unavailable.` (microsoft.md 1.4).
            (None, _) if speaks_of_refusal(line) => self.refused(line),
            (None, _) => Err(Violation::new("upstream's line is no IMAP reply")),
        }
    }

    fn untagged(&mut self, line: &[u8], rest: &[u8]) -> Result<Step<SignOn>, Violation> {
        if let Some(words) = capability_words(rest) {
            self.live = Some(words);
            return Ok(Step::Read);
        }
        let status = Status::parse(rest);
        match (self.state, status) {
            (State::Greeting, Some((Status::Ok, text))) => {
                if let Some(words) = capability_code(text) {
                    self.live = Some(words);
                }
                if self.starttls {
                    return self.send(State::StartTls, format!("{STARTTLS_TAG} STARTTLS\r\n"));
                }
                self.sign_on()
            }
            (State::Greeting, Some((Status::Preauth, _))) => {
                Err(Violation::new("upstream greets with PREAUTH, which is refused"))
            }
            (State::Probe, Some((Status::Bye, text))) => {
                self.refusal.get_or_insert_with(|| farewell(text));
                Ok(Step::Event(self.verdict()))
            }
            // It is not what the client is offered.
            (State::Auth | State::Response | State::Breaker | State::Probe, Some((Status::Ok, text)))
                if capability_code(text).is_some() =>
            {
                self.live = capability_code(text);
                Ok(Step::Read)
            }
            (_, Some((Status::Bye, _))) => self.refused(line),
            (State::Greeting, _) => Err(Violation::new("upstream's greeting is no IMAP greeting")),
            // The answer to our own NAMESPACE.
            (State::Probe, None) if rest.to_ascii_uppercase().starts_with(b"NAMESPACE ") && self.probe_open => {
                Ok(Step::Read)
            }
            // An alert or a count: the client hears it behind its own OK.
            (State::Auth | State::Response | State::Breaker | State::Probe, _) => Ok(self.keep(line)),
            // Before that nothing untagged is meant for the client.
            _ => Ok(Step::Read),
        }
    }

    fn keep(&mut self, line: &[u8]) -> Step<SignOn> {
        // A terminal would obey it, and a client may stop at a NUL. All of the line goes, or none of it.
        if control_byte(line).is_some() {
            self.untagged.truncate(self.kept_before);
            return Step::Read;
        }
        self.untagged.put_slice(line);
        self.untagged.put_slice(b"\r\n");
        self.keep_literal = true;
        Step::Read
    }

    /// Counts what the upstream says, kept or not: one that never stops is not waited for.
    fn spend(&mut self, octets: u64) -> Result<(), Violation> {
        let left = self.left.checked_sub(octets);
        self.left = left.ok_or_else(|| Violation::new("upstream sends too much before the sign-on is through"))?;
        Ok(())
    }

    fn continuation(&mut self, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        match self.state {
            State::Auth => match self.credentials.response() {
                Some(response) => self.send(State::Response, format!("{}\r\n", response.expose())),
                None => Err(Violation::new("user name or token holds control bytes")),
            },
            State::Response => {
                self.challenge = decode_challenge(text);
                let breaker = format!("{}\r\n", self.credentials.breaker());
                self.send(State::Breaker, breaker)
            }
            _ => Err(Violation::new("upstream asks for more where there is nothing to say")),
        }
    }

    fn tagged(&mut self, tag: &[u8], status: Status, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        let is = |name: &str| tag == name.as_bytes();
        match self.state {
            State::Capability if is(CAPABILITY_TAG) => {
                self.live.get_or_insert_default();
                self.sign_on()
            }
            State::StartTls if is(STARTTLS_TAG) => self.starttls_reply(status, text),
            State::Auth | State::Response | State::Breaker if is(AUTH_TAG) => match status {
                Status::Ok if self.state == State::Response => self.probe(text),
                // What was remembered is not so any more; nothing was taken in, so the usual form may follow.
                Status::Bad if self.initial && self.state == State::Response => {
                    self.initial_refused = true;
                    self.sign_on()
                }
                Status::No | Status::Bad => self.refused(text),
                _ => Err(Violation::new("upstream's answer to AUTHENTICATE makes no sense")),
            },
            State::Probe if is(REFRESH_TAG) || is(PROBE_TAG) => Ok(self.probed(is(PROBE_TAG), status, text)),
            _ => Err(Violation::new("upstream answers a tag that was never sent")),
        }
    }

    fn starttls_reply(&mut self, status: Status, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        // It passes by itself (RFC 5530 3): nobody took TLS away.
        if status == Status::No && text.to_ascii_uppercase().starts_with(b"[UNAVAILABLE]") {
            return self.refused(text);
        }
        if status != Status::Ok {
            return Err(Violation::lacks_tls("upstream refused STARTTLS, so no token was sent"));
        }
        if !self.lines.pending().is_empty() {
            return Err(Violation::new("upstream sent plain bytes behind its STARTTLS reply"));
        }
        // Nothing that was heard in the clear counts after TLS.
        self.live = None;
        self.state = State::Ready;
        Ok(Step::StartTls)
    }

    fn probe(&mut self, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        let namespace = self.has("NAMESPACE");
        if let Some(words) = capability_code(text) {
            self.live = Some(words);
        } else {
            self.live = None;
        }
        self.refresh_open = true;
        self.probe_open = namespace;
        let mut text = format!("{REFRESH_TAG} CAPABILITY\r\n");
        if namespace {
            text.push_str(&format!("{PROBE_TAG} NAMESPACE\r\n"));
        }
        self.send(State::Probe, text)
    }

    fn probed(&mut self, probe: bool, status: Status, text: &[u8]) -> Step<SignOn> {
        if probe {
            self.probe_open = false;
        } else {
            self.refresh_open = false;
        }
        if matches!(status, Status::No | Status::Bad) && speaks_of_refusal(text) {
            self.refusal.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
        }
        if self.probe_open || self.refresh_open { Step::Read } else { Step::Event(self.verdict()) }
    }

    /// Octets of a literal in an upstream line before the sign-on is through: kept or dropped with their line.
    fn literal(&mut self) -> bool {
        let there = self.lines.pending().len() as u64;
        let n = usize::try_from(self.literal.min(there)).unwrap_or_default();
        if let Some(bytes) = self.lines.take(n) {
            self.literal -= n as u64;
            if self.keep_literal {
                self.untagged.put_slice(&bytes);
            }
        }
        self.literal == 0
    }
}

/// BYE or the end of the connection straight after the probe means what Exchange has these words for.
fn not_connected(how: &str) -> String {
    format!("{how} (right behind its OK, as where a user is authenticated but not connected)")
}

/// Of a BYE there: its own words where they say why.
fn farewell(text: &[u8]) -> String {
    let words = String::from_utf8_lossy(text);
    if speaks_of_refusal(text) { words.into_owned() } else { not_connected(&words) }
}

/// Only these make the probe a refusal; any other answer says nothing about the sign-on.
fn speaks_of_refusal(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    ["authenticated but not connected", "throttled", "unavailable", "session invalidated"]
        .iter()
        .any(|words| text.contains(words))
}

impl Machine for ImapBack {
    type Event = SignOn;

    fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    fn step(&mut self) -> Result<Step<SignOn>, Violation> {
        loop {
            match self.state {
                State::Done => return Ok(Step::Read),
                State::Ready => return self.sign_on(),
                _ => {}
            }
            if self.literal > 0 && !self.literal() {
                return Ok(Step::Read);
            }
            let Some(line) =
                self.lines.cut().map_err(|_| Violation::new("upstream's IMAP line is too long before sign-on"))?
            else {
                return Ok(Step::Read);
            };
            self.spend(line.len() as u64 + 2)?;
            let is_kept = std::mem::take(&mut self.keep_literal);
            let step = match (std::mem::take(&mut self.is_continued), is_kept) {
                (false, _) => {
                    self.kept_before = self.untagged.len();
                    self.line(&line)?
                }
                (true, true) => self.keep(&line),
                (true, false) => Step::Read,
            };
            let literal = match self.state {
                State::Auth | State::Response | State::Breaker | State::Probe => announced(&line),
                _ => None,
            };
            self.is_continued = literal.is_some();
            self.literal = literal.map_or(0, |(n, _)| n);
            self.spend(self.literal)?;
            if !matches!(step, Step::Read) {
                return Ok(step);
            }
        }
    }

    fn into_unread(self) -> BytesMut {
        self.lines.into_unread()
    }
}

impl Back for ImapBack {
    /// The end of the connection straight after the probe says what "not connected" says.
    fn closed(&mut self) -> Option<SignOn> {
        (self.state == State::Probe).then(|| {
            self.refusal.get_or_insert_with(|| not_connected("closed the connection"));
            self.verdict()
        })
    }
}
