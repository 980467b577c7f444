//! The POP3 side that faces a mail client until it is signed on.
//!
//! Own greeting without an APOP timestamp, own CAPA that shows only what Exchange carries (no PIPELINING, no UTF8).
//! APOP is refused: it needs the plain password on our side.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::reply::{self, ERR};
use crate::{
    base::{Claim, Fault},
    wire::{
        Budget, Front, Knock, Machine, Protection, Step, TOO_MANY_COMMANDS, TOO_MANY_MISTAKES, Told, Violation,
        Welcome,
        lines::{AUTH_CAP, COMMAND_CAP, Lines, NO_CONTROL_BYTES, cap_for, control_byte, first_word, other_tongue},
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
    /// The last words are said; why, where they were ours.
    Leaving(Option<&'static str>),
    Done,
}

#[derive(Debug)]
pub struct Pop3Front {
    lines: Lines,
    state: State,
    output: BytesMut,
    protection: Protection,
    told: &'static Told,
    user: Option<String>,
    budget: Budget,
}

impl Pop3Front {
    pub fn new(protection: Protection, told: &'static Told) -> Self {
        Self {
            lines: Lines::new(COMMAND_CAP),
            state: State::Greet,
            output: BytesMut::new(),
            protection,
            told,
            user: None,
            budget: Budget::default(),
        }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn mistake(&mut self, words: impl Into<Cow<'static, str>>) -> Option<Knock> {
        let words = words.into();
        self.object(&self.told.mistake(&words));
        Some(Knock::Mistaken(words))
    }

    fn object(&mut self, text: &str) {
        match self.budget.mistake() {
            true => self.say(&format!("{ERR} {text}")),
            false => self.show_out(TOO_MANY_MISTAKES),
        }
    }

    fn show_out(&mut self, why: &'static str) {
        self.say(&format!("{ERR} {}", self.told.closing(why)));
        self.state = State::Leaving(Some(why));
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
            self.show_out(TOO_MANY_COMMANDS);
            return None;
        }
        let (verb, rest) = first_word(line);
        let verb = verb.to_ascii_uppercase();
        // A password may hold anything but a line end.
        if verb != b"PASS" && control_byte(line).is_some() {
            return self.mistake(NO_CONTROL_BYTES);
        }
        match verb.as_slice() {
            b"CAPA" => self.capabilities(),
            b"NOOP" => self.say("+OK"),
            b"QUIT" => {
                self.say("+OK Goodbye");
                self.state = State::Leaving(None);
            }
            b"STLS" if self.protection.offers_starttls() => {
                self.say("+OK Begin TLS negotiation");
                self.state = State::Upgrade;
            }
            b"STLS" => return self.mistake("STLS is not offered here"),
            b"USER" | b"PASS" | b"AUTH" if !self.protection.takes_credentials() => {
                self.object(&self.told.tls_first.reply_text());
                return Some(Knock::Unprotected);
            }
            b"USER" => match user_name(rest) {
                Some(name) => {
                    self.user = Some(name);
                    self.say("+OK Send PASS");
                }
                None => return self.mistake("USER needs a name"),
            },
            b"PASS" => return self.pass(line),
            b"AUTH" => return self.auth(rest),
            b"APOP" => return self.mistake("APOP is not supported, use USER and PASS"),
            b"STAT" | b"LIST" | b"RETR" | b"DELE" | b"RSET" | b"TOP" | b"UIDL" | b"LAST" => {
                return self.mistake("log in first");
            }
            _ => return self.mistake("unknown command"),
        }
        None
    }

    /// The password is the rest of the line, spaces included (RFC 1939 7).
    fn pass(&mut self, line: &[u8]) -> Option<Knock> {
        let Some(login) = self.user.take() else {
            return self.mistake("USER first");
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
            return self.mistake("unknown mechanism, use PLAIN, LOGIN or USER and PASS");
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
            Turn::Cancelled => return self.mistake("AUTH cancelled"),
            Turn::Malformed(why) => return self.mistake(format!("cannot read the credentials: {why}")),
        }
        None
    }

    fn line(&mut self) -> Result<Option<BytesMut>, Violation> {
        let sasl = matches!(self.state, State::Sasl(_));
        self.lines.set_cap(if sasl { AUTH_CAP } else { cap_for(self.lines.pending()) });
        if let Some(tongue) = other_tongue(self.lines.pending()) {
            return Err(Violation::speaks(tongue, "POP3", ERR));
        }
        self.lines.cut().map_err(|long| {
            Violation::new(format!("POP3 line longer than {} octets", long.cap)).farewell(ERR, "line too long")
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
                State::Leaving(why) => return Ok(Step::Event(why.map_or(Knock::Bye, Knock::ShownOut))),
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
        *self = Self { state: State::Command, budget, ..Self::new(Protection::Secured, self.told) };
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
