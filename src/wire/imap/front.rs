//! The IMAP side that faces a mail client until it is signed on.
//!
//! Own greeting and CAPABILITY; LOGIN and AUTHENTICATE in every form; ID, NOOP, STARTTLS, LOGOUT. Tags are opaque.
//! Commands pipelined behind LOGIN stay in the input and are what the upstream hears first.

use bytes::{BufMut, BytesMut};

use super::{
    capability::{Carried, after_login, before_login},
    command::{Arguments, Command, Gathered, Gatherer},
    reply,
};
use crate::{
    base::{Claim, Fault},
    wire::{
        Budget, Front, Knock, Machine, Protection, Step, TLS_FIRST, Violation, Welcome,
        lines::{AUTH_CAP, COMMAND_CAP, Lines, control_byte, other_tongue},
        sasl::{Exchange, Mechanism, Turn, password, user_name},
    },
};

#[derive(Debug)]
enum State {
    Greet,
    Command,
    Sasl { tag: String, exchange: Exchange },
    Waiting { tag: String, verb: &'static str },
    Upgrade,
    Leaving,
    Done,
}

#[derive(Debug)]
pub struct ImapFront {
    lines: Lines,
    gatherer: Gatherer,
    state: State,
    output: BytesMut,
    carried: Carried,
    protection: Protection,
    tls_first: &'static str,
    budget: Budget,
}

impl ImapFront {
    /// `carried`: what every upstream that can be reached from here has.
    pub fn new(carried: &[String], protection: Protection) -> Self {
        Self {
            lines: Lines::new(COMMAND_CAP),
            gatherer: Gatherer::default(),
            state: State::Greet,
            output: BytesMut::new(),
            carried: Carried::of(carried),
            protection,
            tls_first: TLS_FIRST,
            budget: Budget::default(),
        }
    }

    /// `words`: what a login without STARTTLS is told.
    #[must_use]
    pub fn telling_tls_first(self, words: &'static str) -> Self {
        Self { tls_first: words, ..self }
    }

    fn say(&mut self, line: &str) {
        self.output.put_slice(line.as_bytes());
        self.output.put_slice(b"\r\n");
    }

    fn capabilities(&self) -> String {
        before_login(self.carried, self.protection.takes_credentials(), self.protection.offers_starttls())
    }

    fn mistake(&mut self, line: &str) {
        self.say(line);
        if !self.budget.mistake() {
            self.leave("* BYE Too many errors, closing");
        }
    }

    fn leave(&mut self, farewell: &str) {
        self.say(farewell);
        self.state = State::Leaving;
    }

    fn command(&mut self, command: &Command) -> Option<Knock> {
        if !self.budget.command() {
            self.leave("* BYE Too many commands without a login, closing");
            return None;
        }
        let Some(tag) = command.tag() else {
            self.mistake("* BAD A command starts with a tag");
            return None;
        };
        if command.texts().any(|text| control_byte(text).is_some()) {
            self.mistake(&format!("{tag} BAD Control bytes are not allowed in a command"));
            return None;
        }
        let mut arguments = command.arguments();
        match arguments.atom().to_ascii_uppercase().as_slice() {
            b"CAPABILITY" => {
                let words = self.capabilities();
                self.say(&format!("* CAPABILITY {words}"));
                self.say(&format!("{tag} OK CAPABILITY completed"));
            }
            b"NOOP" => self.say(&format!("{tag} OK NOOP completed")),
            b"ID" => {
                self.say("* ID (\"name\" \"Gatepost\")");
                self.say(&format!("{tag} OK ID completed"));
            }
            b"LOGOUT" => {
                self.say("* BYE Gatepost signing off");
                self.leave(&format!("{tag} OK LOGOUT completed"));
            }
            b"STARTTLS" if self.protection.offers_starttls() => {
                self.say(&format!("{tag} OK Begin TLS negotiation"));
                self.state = State::Upgrade;
            }
            b"STARTTLS" => self.mistake(&format!("{tag} BAD STARTTLS is not offered here")),
            b"LOGIN" | b"AUTHENTICATE" if !self.protection.takes_credentials() => {
                self.mistake(&format!("{tag} NO [PRIVACYREQUIRED] {}", self.tls_first));
                return Some(Knock::Unprotected);
            }
            b"LOGIN" => return self.login(tag, arguments),
            b"AUTHENTICATE" => return self.authenticate(tag, arguments),
            b"" => self.mistake(&format!("{tag} BAD No command")),
            _ => self.mistake(&format!("{tag} BAD Unknown command, or not before login")),
        }
        None
    }

    fn login(&mut self, tag: String, mut arguments: Arguments<'_>) -> Option<Knock> {
        let (Some(login), Some(secret), true) = (arguments.astring(), arguments.astring(), arguments.is_done()) else {
            self.mistake(&format!("{tag} BAD LOGIN takes a user name and a password"));
            return None;
        };
        let Some(login) = user_name(&login) else {
            self.mistake(&format!("{tag} BAD The user name is empty or holds control bytes"));
            return None;
        };
        self.state = State::Waiting { tag, verb: "LOGIN" };
        Some(Knock::Login(Claim { login, password: password(&secret), authzid: None, mechanism: "LOGIN" }))
    }

    fn authenticate(&mut self, tag: String, mut arguments: Arguments<'_>) -> Option<Knock> {
        let Some(mechanism) = Mechanism::parse(arguments.atom()) else {
            self.mistake(&format!("{tag} NO Unsupported mechanism, use PLAIN or LOGIN"));
            return None;
        };
        let initial = arguments.atom();
        if !arguments.is_done() {
            self.mistake(&format!("{tag} BAD AUTHENTICATE takes a mechanism and an initial response"));
            return None;
        }
        let (exchange, turn) = Exchange::start(mechanism, (!initial.is_empty()).then_some(initial));
        self.turn(tag, exchange, turn)
    }

    fn turn(&mut self, tag: String, exchange: Exchange, turn: Turn) -> Option<Knock> {
        self.state = State::Command;
        match turn {
            Turn::Challenge(text) => {
                self.say(&format!("+ {text}"));
                self.state = State::Sasl { tag, exchange };
            }
            Turn::Claim(claim) => {
                self.state = State::Waiting { tag, verb: "AUTHENTICATE" };
                return Some(Knock::Login(claim));
            }
            Turn::Cancelled => self.mistake(&format!("{tag} BAD AUTHENTICATE cancelled")),
            Turn::Malformed(why) => self.mistake(&format!("{tag} BAD Cannot read the credentials: {why}")),
        }
        None
    }

    fn too_long(&mut self, tag: Option<String>, recoverable: bool) -> Result<(), Violation> {
        let tag = tag.unwrap_or_else(|| "*".into());
        if recoverable {
            // The client waits for our `+`; RFC 7888 4 lets us say no instead.
            self.mistake(&format!("{tag} BAD [TOOBIG] Literal too long before login"));
            return Ok(());
        }
        Err(Violation::new("IMAP command too long").farewell(format!("{tag} BAD Command too long\r\n* BYE"), "Closing"))
    }

    /// Takes what there is of input; `None` when more is needed.
    fn input(&mut self) -> Result<Option<Option<Knock>>, Violation> {
        if let Some(tongue) = other_tongue(self.lines.pending()) {
            return Err(Violation::new(format!("{tongue} on a plain IMAP connection"))
                .speaks(tongue)
                .farewell("* BYE", format!("This port speaks plain IMAP, not {tongue}")));
        }
        if let State::Sasl { .. } = self.state {
            return self.response();
        }
        match self.gatherer.step(&mut self.lines) {
            Gathered::More => Ok(None),
            Gathered::Continue => {
                self.say("+ Ready for literal data");
                Ok(Some(None))
            }
            Gathered::Whole(command) => Ok(Some(self.command(&command))),
            Gathered::TooLong { tag, recoverable } => self.too_long(tag, recoverable).map(|()| Some(None)),
        }
    }

    fn response(&mut self) -> Result<Option<Option<Knock>>, Violation> {
        self.lines.set_cap(AUTH_CAP);
        let line = match self.lines.cut() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(_) => return self.too_long(None, false).map(|()| None),
        };
        match std::mem::replace(&mut self.state, State::Command) {
            State::Sasl { tag, mut exchange } => {
                let turn = exchange.respond(&line);
                Ok(Some(self.turn(tag, exchange, turn)))
            }
            other => {
                self.state = other;
                Ok(None)
            }
        }
    }
}

impl Machine for ImapFront {
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
            match self.state {
                State::Greet => {
                    let words = self.capabilities();
                    self.say(&format!("* OK [CAPABILITY {words}] Gatepost ready"));
                    self.state = State::Command;
                }
                State::Waiting { .. } | State::Done => return Ok(Step::Read),
                State::Upgrade => {
                    if !self.lines.pending().is_empty() {
                        return Err(Violation::new("plain bytes behind STARTTLS"));
                    }
                    self.state = State::Command;
                    return Ok(Step::StartTls);
                }
                State::Leaving => {
                    self.state = State::Done;
                    return Ok(Step::Event(Knock::Bye));
                }
                State::Command | State::Sasl { .. } => match self.input()? {
                    None => return Ok(Step::Read),
                    Some(None) => {}
                    Some(Some(knock)) => return Ok(Step::Event(knock)),
                },
            }
        }
    }

    fn into_unread(self) -> BytesMut {
        self.lines.into_unread()
    }
}

impl Front for ImapFront {
    fn secured(&mut self) {
        let budget = std::mem::take(&mut self.budget);
        let carried = self.carried;
        *self = Self { state: State::Command, budget, carried, ..Self::new(&[], Protection::Secured) };
    }

    fn accept(&mut self, welcome: &Welcome) {
        if let State::Waiting { tag, verb } = std::mem::replace(&mut self.state, State::Done) {
            let words = after_login(&welcome.capabilities).join(" ");
            match words.is_empty() {
                true => self.say(&format!("{tag} OK {verb} completed")),
                false => self.say(&format!("{tag} OK [CAPABILITY {words}] {verb} completed")),
            }
            self.output.put_slice(&welcome.untagged);
        }
    }

    fn has_unread(&self) -> bool {
        !self.lines.pending().is_empty()
    }

    fn refuse(&mut self, fault: &Fault) {
        if let State::Waiting { tag, .. } = std::mem::replace(&mut self.state, State::Command) {
            self.say(&format!("{tag} {}", reply::refusal(fault)));
        }
    }
}
