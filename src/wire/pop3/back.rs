//! Signs on at a POP3 upstream.
//!
//! AUTH always in two lines: Exchange Online answers the one-line form with a protocol error and hangs up.
//! Inside TLS from the first byte, or STLS first; the token is never written before TLS is up.

use bytes::{Bytes, BytesMut};

use super::reply::Status;
use crate::wire::{
    Back, Machine, SignOn, Step, Violation,
    lines::{AUTH_CAP, Lines},
    sasl::{Credentials, decode_challenge},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Stls,
    /// TLS is up; say AUTH.
    Ready,
    Auth,
    Response,
    Breaker,
    Done,
}

#[derive(Debug)]
pub struct Pop3Back {
    lines: Lines,
    state: State,
    starttls: bool,
    credentials: Credentials,
    challenge: Option<String>,
}

impl Pop3Back {
    /// `starttls`: the connection is still plain and has to be upgraded first.
    pub fn new(credentials: Credentials, starttls: bool) -> Self {
        Self { lines: Lines::new(AUTH_CAP), state: State::Greeting, starttls, credentials, challenge: None }
    }

    fn send(&mut self, state: State, text: impl Into<Bytes>) -> Result<Step<SignOn>, Violation> {
        // It would be taken for the answer to what is said now.
        if !self.lines.pending().is_empty() {
            return Err(Violation::new("upstream spoke without being asked"));
        }
        self.state = state;
        Ok(Step::Write(text.into()))
    }

    fn auth(&mut self) -> Result<Step<SignOn>, Violation> {
        let line = format!("AUTH {}\r\n", self.credentials.mechanism.as_str());
        self.send(State::Auth, line)
    }

    fn refused(&mut self, text: &[u8]) -> Result<Step<SignOn>, Violation> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let early = matches!(state, State::Greeting | State::Stls);
        let text = String::from_utf8_lossy(text).into_owned();
        Ok(Step::Event(SignOn::Refused { text, challenge: self.challenge.take(), early }))
    }

    fn turn(&mut self, line: &[u8]) -> Result<Step<SignOn>, Violation> {
        match (self.state, Status::parse(line)) {
            (State::Greeting, Some(Status::Ok(_))) if self.starttls => self.send(State::Stls, "STLS\r\n"),
            (State::Greeting, Some(Status::Ok(_))) => self.auth(),
            (State::Stls, Some(Status::Ok(_))) => {
                if !self.lines.pending().is_empty() {
                    return Err(Violation::new("upstream sent plain bytes behind its STLS reply"));
                }
                self.state = State::Ready;
                Ok(Step::StartTls)
            }
            // It passes by itself (RFC 3206 4): nobody took TLS away.
            (State::Stls, Some(Status::Err(text))) if text.to_ascii_uppercase().starts_with(b"[SYS/TEMP]") => {
                self.refused(text)
            }
            (State::Stls, Some(Status::Err(_))) => {
                Err(Violation::lacks_tls("upstream refused STLS, so no token was sent"))
            }
            (State::Auth, Some(Status::Challenge(_))) => match self.credentials.response() {
                Some(response) => self.send(State::Response, format!("{}\r\n", response.expose())),
                None => Err(Violation::new("user name or token holds control bytes")),
            },
            (State::Response, Some(Status::Ok(_))) => {
                self.state = State::Done;
                Ok(Step::Event(SignOn::Done {
                    capabilities: Vec::new(),
                    initial_response: false,
                    untagged: Bytes::new(),
                }))
            }
            (State::Response, Some(Status::Challenge(text))) => {
                self.challenge = decode_challenge(text);
                let breaker = format!("{}\r\n", self.credentials.breaker());
                self.send(State::Breaker, breaker)
            }
            (State::Greeting | State::Auth | State::Response | State::Breaker, Some(Status::Err(text))) => {
                self.refused(text)
            }
            _ => Err(Violation::new("upstream's POP3 reply makes no sense here")),
        }
    }
}

impl Machine for Pop3Back {
    type Event = SignOn;

    fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    fn step(&mut self) -> Result<Step<SignOn>, Violation> {
        match self.state {
            State::Done => Ok(Step::Read),
            State::Ready => self.auth(),
            _ => match self.lines.cut() {
                Ok(Some(line)) => self.turn(&line),
                Ok(None) => Ok(Step::Read),
                Err(_) => Err(Violation::new("upstream's POP3 line is too long")),
            },
        }
    }

    fn into_unread(self) -> BytesMut {
        self.lines.into_unread()
    }
}

impl Back for Pop3Back {
    fn closed(&mut self) -> Option<SignOn> {
        None
    }
}
