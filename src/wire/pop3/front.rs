//! The POP3 side that faces a mail client until it is signed on.
//!
//! Own greeting without an APOP timestamp, own CAPA that shows only what Exchange carries (no PIPELINING, no UTF8).
//! APOP is refused: it needs the plain password on our side.

use bytes::{Bytes, BytesMut};

use super::reply;
use crate::{
    base::{Claim, Fault},
    wire::{
        Budget, Front, Knock, Machine, Protection, Step, TLS_FIRST, Violation, Welcome,
        lines::{AUTH_CAP, COMMAND_CAP, Lines, cap_for, control_byte, first_word, other_tongue},
        sasl::{Exchange, Mechanism, Turn, password, user_name},
    },
};

#[derive(Debug)]
enum State {
    Greet,
    Command,
    Sasl(Exchange),
    /// A claim is with the session; `accept` or `refuse` goes on.
    Waiting,
    /// The upgrade follows once what is in `output` is written.
    Upgrade,
    /// Farewell is written; then `Bye`.
    Leaving,
    Done,
}

#[derive(Debug)]
pub struct Pop3Front {
    lines: Lines,
    state: State,
    output: BytesMut,
    protection: Protection,
    tls_first: &'static str,
    user: Option<String>,
    budget: Budget,
}

impl Pop3Front {
    pub fn new(protection: Protection) -> Self {
        Self {
            lines: Lines::new(COMMAND_CAP),
            state: State::Greet,
            output: BytesMut::new(),
            protection,
            tls_first: TLS_FIRST,
            user: None,
            budget: Budget::default(),
        }
    }

    /// `words`: what a login without STLS is told.
    #[must_use]
    pub fn telling_tls_first(self, words: &'static str) -> Self {
        Self { tls_first: words, ..self }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn mistake(&mut self, line: &str) {
        if self.budget.mistake() {
            self.say(line);
        } else {
            self.leave("-ERR Too many errors, closing");
        }
    }

    fn leave(&mut self, farewell: &str) {
        self.say(farewell);
        self.state = State::Leaving;
    }

    fn capabilities(&mut self) {
        self.say("+OK Capability list follows");
        if self.protection.takes_credentials() {
            self.say("USER");
            self.say("SASL PLAIN LOGIN");
        }
        for word in ["UIDL", "TOP", "RESP-CODES", "AUTH-RESP-CODE"] {
            self.say(word);
        }
        if self.protection.offers_starttls() {
            self.say("STLS");
        }
        self.say(".");
    }

    fn command(&mut self, line: &[u8]) -> Option<Knock> {
        if !self.budget.command() {
            self.leave("-ERR Too many commands without a login, closing");
            return None;
        }
        let (verb, rest) = first_word(line);
        let verb = verb.to_ascii_uppercase();
        // A password may hold anything but a line end.
        if verb != b"PASS" && control_byte(line).is_some() {
            self.mistake("-ERR Control bytes are not allowed in a command");
            return None;
        }
        match verb.as_slice() {
            b"CAPA" => self.capabilities(),
            b"NOOP" => self.say("+OK"),
            b"QUIT" => self.leave("+OK Goodbye"),
            b"STLS" if self.protection.offers_starttls() => {
                self.say("+OK Begin TLS negotiation");
                self.state = State::Upgrade;
            }
            b"STLS" => self.mistake("-ERR STLS is not offered here"),
            b"USER" | b"PASS" | b"AUTH" if !self.protection.takes_credentials() => {
                self.mistake(&format!("-ERR {}", self.tls_first));
                return Some(Knock::Unprotected);
            }
            b"USER" => match user_name(rest) {
                Some(name) => {
                    self.user = Some(name);
                    self.say("+OK Send PASS");
                }
                None => self.mistake("-ERR USER needs a name"),
            },
            b"PASS" => return self.pass(line),
            b"AUTH" => return self.auth(rest),
            b"APOP" => self.mistake("-ERR APOP is not supported, use USER and PASS"),
            b"STAT" | b"LIST" | b"RETR" | b"DELE" | b"RSET" | b"TOP" | b"UIDL" | b"LAST" => {
                self.mistake("-ERR Log in first");
            }
            _ => self.mistake("-ERR Unknown command"),
        }
        None
    }

    /// The password is the rest of the line, spaces included (RFC 1939 7).
    fn pass(&mut self, line: &[u8]) -> Option<Knock> {
        let Some(login) = self.user.take() else {
            self.mistake("-ERR USER first");
            return None;
        };
        let secret = line.get(5..).unwrap_or_default();
        self.state = State::Waiting;
        Some(Knock::Login(Claim { login, password: password(secret), authzid: None, mechanism: "USER/PASS" }))
    }

    fn auth(&mut self, rest: &[u8]) -> Option<Knock> {
        let (name, initial) = first_word(rest);
        if name.is_empty() {
            // The old bare form lists the mechanisms.
            self.say("+OK");
            self.say("PLAIN");
            self.say("LOGIN");
            self.say(".");
            return None;
        }
        let Some(mechanism) = Mechanism::parse(name) else {
            self.mistake("-ERR Unknown mechanism, use PLAIN, LOGIN or USER and PASS");
            return None;
        };
        let (exchange, turn) = Exchange::start(mechanism, (!initial.is_empty()).then_some(initial));
        self.turn(exchange, turn)
    }

    fn turn(&mut self, exchange: Exchange, turn: Turn) -> Option<Knock> {
        self.state = State::Command;
        match turn {
            Turn::Challenge(text) => {
                self.say(&format!("+ {text}"));
                self.state = State::Sasl(exchange);
            }
            Turn::Claim(claim) => {
                self.state = State::Waiting;
                return Some(Knock::Login(claim));
            }
            Turn::Cancelled => self.say("-ERR Cancelled"),
            Turn::Malformed(why) => self.mistake(&format!("-ERR {why}")),
        }
        None
    }

    fn line(&mut self) -> Result<Option<BytesMut>, Violation> {
        let sasl = matches!(self.state, State::Sasl(_));
        self.lines.set_cap(if sasl { AUTH_CAP } else { cap_for(self.lines.pending()) });
        if let Some(tongue) = other_tongue(self.lines.pending()) {
            return Err(Violation::new(format!("{tongue} on a plain POP3 connection"))
                .speaks(tongue)
                .farewell("-ERR", format!("This port speaks plain POP3, not {tongue}")));
        }
        self.lines.cut().map_err(|long| {
            Violation::new(format!("POP3 line longer than {} octets", long.cap)).farewell("-ERR", "Line too long")
        })
    }
}

impl Machine for Pop3Front {
    type Event = Knock;

    fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    fn step(&mut self) -> Result<Step<Knock>, Violation> {
        loop {
            if !self.output.is_empty() {
                // All of it: `split` would keep the memory for a session that waits.
                return Ok(Step::Write(std::mem::take(&mut self.output).freeze()));
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Greet => {
                    self.say("+OK Gatepost POP3 ready");
                    self.state = State::Command;
                }
                State::Waiting => {
                    self.state = State::Waiting;
                    return Ok(Step::Read);
                }
                State::Upgrade => {
                    if !self.lines.pending().is_empty() {
                        return Err(Violation::new("plain bytes behind STLS"));
                    }
                    self.state = State::Command;
                    return Ok(Step::StartTls);
                }
                State::Leaving => return Ok(Step::Event(Knock::Bye)),
                State::Done => return Ok(Step::Read),
                state @ (State::Command | State::Sasl(_)) => {
                    self.state = state;
                    let Some(line) = self.line()? else { return Ok(Step::Read) };
                    let knock = match std::mem::replace(&mut self.state, State::Command) {
                        State::Sasl(mut exchange) => {
                            let turn = exchange.respond(&line);
                            self.turn(exchange, turn)
                        }
                        _ => self.command(&line),
                    };
                    if let Some(knock) = knock {
                        return Ok(Step::Event(knock));
                    }
                }
            }
        }
    }

    fn into_unread(self) -> BytesMut {
        self.lines.into_unread()
    }
}

impl Front for Pop3Front {
    fn secured(&mut self) {
        let budget = std::mem::take(&mut self.budget);
        *self = Self { state: State::Command, budget, ..Self::new(Protection::Secured) };
    }

    fn accept(&mut self, _: &Welcome) {
        self.output = BytesMut::from(&b"+OK Logged in\r\n"[..]);
        self.state = State::Done;
    }

    fn has_unread(&self) -> bool {
        !self.lines.pending().is_empty()
    }

    fn refuse(&mut self, fault: &Fault) {
        let line: Bytes = reply::refusal(fault);
        self.output.extend_from_slice(&line);
        self.state = State::Command;
    }
}
