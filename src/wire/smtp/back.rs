//! Signs on at an SMTP upstream: EHLO, STARTTLS strictly, EHLO, AUTH.
//!
//! AUTH always in two lines: servers cut long ones (Postfix at 2,048 octets, RFC 4954 4). A missing STARTTLS, or one that is
//! refused for good, is a violation, and so is anything behind its 220; no token was written by then.

use bytes::{Bytes, BytesMut};

use super::reply::{Replies, Reply};
use crate::wire::{
    Back, Machine, SignOn, Step, Violation,
    sasl::{Credentials, decode_challenge},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    PlainEhlo,
    StartTls,
    /// TLS is up; say EHLO again.
    Ready,
    Ehlo,
    Auth,
    Response,
    Breaker,
    Done,
}

#[derive(Debug)]
pub struct SmtpBack {
    replies: Replies,
    state: State,
    starttls: bool,
    /// Our argument to EHLO, never the client's.
    name: String,
    credentials: Credentials,
    keywords: Vec<String>,
    challenge: Option<String>,
}

impl SmtpBack {
    /// `starttls`: the connection is still plain and has to be upgraded first.
    pub fn new(credentials: Credentials, starttls: bool, name: impl Into<String>) -> Self {
        Self {
            replies: Replies::default(),
            state: State::Greeting,
            starttls,
            name: name.into(),
            credentials,
            keywords: Vec::new(),
            challenge: None,
        }
    }

    fn send(&mut self, state: State, text: impl Into<Bytes>) -> Result<Step<SignOn>, Violation> {
        // It would be taken for the answer to what is said now.
        if !self.replies.is_empty() {
            return Err(Violation::new("upstream spoke without being asked"));
        }
        self.state = state;
        Ok(Step::Write(text.into()))
    }

    fn ehlo(&mut self, state: State) -> Result<Step<SignOn>, Violation> {
        let line = format!("EHLO {}\r\n", self.name);
        self.send(state, line)
    }

    fn refused(&mut self, reply: &Reply) -> Result<Step<SignOn>, Violation> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let early = matches!(state, State::Greeting | State::PlainEhlo | State::StartTls | State::Ehlo);
        Ok(Step::Event(SignOn::Refused { text: reply.text(), challenge: self.challenge.take(), early }))
    }

    fn offers(&self, word: &str) -> bool {
        self.keywords.iter().any(|k| k.eq_ignore_ascii_case(word))
    }

    fn offers_mechanism(&self) -> bool {
        let wanted = self.credentials.mechanism.as_str();
        self.keywords.iter().any(|k| {
            let mut words = k.split_ascii_whitespace();
            words.next().is_some_and(|w| w.eq_ignore_ascii_case("AUTH"))
                && words.any(|w| w.eq_ignore_ascii_case(wanted))
        })
    }

    fn turn(&mut self, reply: Reply) -> Result<Step<SignOn>, Violation> {
        match (self.state, reply.code) {
            (State::Greeting, 220) => {
                let next = if self.starttls { State::PlainEhlo } else { State::Ehlo };
                self.ehlo(next)
            }
            (State::PlainEhlo, 250) => {
                self.keywords = reply.lines.into_iter().skip(1).collect();
                if !self.offers("STARTTLS") {
                    return Err(Violation::lacks_tls("upstream offers no STARTTLS, so no token was sent"));
                }
                self.send(State::StartTls, "STARTTLS\r\n")
            }
            (State::StartTls, 220) => {
                if !self.replies.pending().is_empty() {
                    return Err(Violation::new("upstream sent plain bytes behind its STARTTLS reply"));
                }
                // Nothing that was heard in the clear counts after TLS (RFC 3207 4.2).
                self.replies = Replies::default();
                self.keywords.clear();
                self.state = State::Ready;
                Ok(Step::StartTls)
            }
            // 4xx passes by itself (RFC 3207 4: 454): nobody took TLS away.
            (State::StartTls, 500..=599) => {
                Err(Violation::lacks_tls(format!("upstream refused STARTTLS ({}), so no token was sent", reply.code)))
            }
            (State::Ehlo, 250) => {
                self.keywords = reply.lines.into_iter().skip(1).collect();
                if !self.offers_mechanism() {
                    let wanted = self.credentials.mechanism.as_str();
                    return Err(Violation::new(format!("upstream does not offer AUTH {wanted}")));
                }
                let line = format!("AUTH {}\r\n", self.credentials.mechanism.as_str());
                self.send(State::Auth, line)
            }
            (State::Auth, 334) => match self.credentials.response() {
                Some(response) => self.send(State::Response, format!("{}\r\n", response.expose())),
                None => Err(Violation::new("user name or token holds control bytes")),
            },
            (State::Response, 235) => {
                self.state = State::Done;
                let capabilities = std::mem::take(&mut self.keywords);
                Ok(Step::Event(SignOn::Done { capabilities, initial_response: false, untagged: Bytes::new() }))
            }
            (State::Response, 334) => {
                let text = reply.lines.first().map(String::as_bytes).unwrap_or_default();
                self.challenge = decode_challenge(text);
                let breaker = format!("{}\r\n", self.credentials.breaker());
                self.send(State::Breaker, breaker)
            }
            (_, 400..=599) => self.refused(&reply),
            _ => Err(Violation::new(format!("upstream's SMTP reply {} makes no sense here", reply.code))),
        }
    }
}

impl Machine for SmtpBack {
    type Event = SignOn;

    fn feed(&mut self, bytes: &[u8]) {
        self.replies.feed(bytes);
    }

    fn step(&mut self) -> Result<Step<SignOn>, Violation> {
        match self.state {
            State::Done => Ok(Step::Read),
            State::Ready => self.ehlo(State::Ehlo),
            _ => match self.replies.cut()? {
                Some(reply) => self.turn(reply),
                None => Ok(Step::Read),
            },
        }
    }

    fn into_unread(self) -> BytesMut {
        self.replies.into_unread()
    }
}

impl Back for SmtpBack {
    fn closed(&mut self) -> Option<SignOn> {
        None
    }
}
