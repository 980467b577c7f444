//! The IMAP side that faces a mail client until it is signed on.
//!
//! Own greeting and CAPABILITY; LOGIN and AUTHENTICATE in every form; ID, NOOP, STARTTLS, LOGOUT. Tags are opaque.
//! Commands pipelined behind LOGIN stay in the input and are what the upstream hears first.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::{
    capability::{Carried, after_login, before_login},
    command::{Arguments, Command, Gathered, Gatherer},
    reply::{self, BAD, BYE, PRIVACY_REQUIRED, TOO_BIG},
};
use crate::{
    base::{Claim, Fault},
    wire::{
        Budget, Front, Knock, Machine, Protection, Step, TOO_MANY_COMMANDS, TOO_MANY_MISTAKES, Told, Violation,
        Welcome,
        lines::{AUTH_CAP, COMMAND_CAP, Lines, NO_CONTROL_BYTES, control_byte, other_tongue},
        sasl::{Exchange, Mechanism, Turn, password, user_name},
    },
};

#[derive(Debug)]
enum State {
    Greet,
    Command,
    Sasl {
        tag: String,
        exchange: Exchange,
    },
    Waiting {
        tag: String,
        verb: &'static str,
    },
    Upgrade,
    /// The last words are said; why, where they were ours.
    Leaving(Option<&'static str>),
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
    told: &'static Told,
    budget: Budget,
}

impl ImapFront {
    /// `carried`: what every upstream that can be reached from here has.
    pub fn new(carried: &[String], protection: Protection, told: &'static Told) -> Self {
        Self {
            lines: Lines::new(COMMAND_CAP),
            gatherer: Gatherer::default(),
            state: State::Greet,
            output: BytesMut::new(),
            carried: Carried::of(carried),
            protection,
            told,
            budget: Budget::default(),
        }
    }

    fn say(&mut self, line: &str) {
        self.output.put_slice(line.as_bytes());
        self.output.put_slice(b"\r\n");
    }

    fn capabilities(&self) -> String {
        before_login(self.carried, self.protection.takes_credentials(), self.protection.offers_starttls())
    }

    /// `status`: tag, word and code before the text.
    fn mistake(&mut self, status: &str, words: impl Into<Cow<'static, str>>) -> Option<Knock> {
        let words = words.into();
        self.object(&format!("{status} {}", self.told.mistake(&words)));
        Some(Knock::Mistaken(words))
    }

    fn object(&mut self, line: &str) {
        self.say(line);
        if !self.budget.mistake() {
            self.show_out(TOO_MANY_MISTAKES);
        }
    }

    fn show_out(&mut self, why: &'static str) {
        self.say(&format!("{BYE} {}", self.told.closing(why)));
        self.state = State::Leaving(Some(why));
    }

    fn command(&mut self, command: &Command) -> Option<Knock> {
        if !self.budget.command() {
            self.show_out(TOO_MANY_COMMANDS);
            return None;
        }
        let Some(tag) = command.tag() else {
            return self.mistake(&format!("* {BAD}"), "a command starts with a tag");
        };
        if command.texts().any(|text| control_byte(text).is_some()) {
            return self.mistake(&format!("{tag} {BAD}"), NO_CONTROL_BYTES);
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
                self.say(&format!("{tag} OK LOGOUT completed"));
                self.state = State::Leaving(None);
            }
            b"STARTTLS" if self.protection.offers_starttls() => {
                self.say(&format!("{tag} OK Begin TLS negotiation"));
                self.state = State::Upgrade;
            }
            b"STARTTLS" => return self.mistake(&format!("{tag} {BAD}"), "STARTTLS is not offered here"),
            b"LOGIN" | b"AUTHENTICATE" if !self.protection.takes_credentials() => {
                self.object(&format!("{tag} NO [{PRIVACY_REQUIRED}] {}", self.told.tls_first.reply_text()));
                return Some(Knock::Unprotected);
            }
            b"LOGIN" => return self.login(tag, arguments),
            b"AUTHENTICATE" => return self.authenticate(tag, arguments),
            b"" => return self.mistake(&format!("{tag} {BAD}"), "no command"),
            _ => return self.mistake(&format!("{tag} {BAD}"), "unknown command, or not before login"),
        }
        None
    }

    fn login(&mut self, tag: String, mut arguments: Arguments<'_>) -> Option<Knock> {
        let (Some(login), Some(secret), true) = (arguments.astring(), arguments.astring(), arguments.is_done()) else {
            return self.mistake(&format!("{tag} {BAD}"), "LOGIN takes a user name and a password");
        };
        let Some(login) = user_name(&login) else {
            return self.mistake(&format!("{tag} {BAD}"), "the user name is empty or holds control bytes");
        };
        self.state = State::Waiting { tag, verb: "LOGIN" };
        Some(Knock::Login(Claim { login, password: password(&secret), authzid: None, mechanism: "LOGIN" }))
    }

    fn authenticate(&mut self, tag: String, mut arguments: Arguments<'_>) -> Option<Knock> {
        let Some(mechanism) = Mechanism::parse(arguments.atom()) else {
            return self.mistake(&format!("{tag} NO"), "unsupported mechanism, use PLAIN or LOGIN");
        };
        let initial = arguments.atom();
        if !arguments.is_done() {
            return self.mistake(&format!("{tag} {BAD}"), "AUTHENTICATE takes a mechanism and an initial response");
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
            Turn::Cancelled => return self.mistake(&format!("{tag} {BAD}"), "AUTHENTICATE cancelled"),
            Turn::Malformed(why) => {
                return self.mistake(&format!("{tag} {BAD}"), format!("cannot read the credentials: {why}"));
            }
        }
        None
    }

    fn too_long(&mut self, tag: Option<String>, recoverable: bool) -> Result<Option<Knock>, Violation> {
        let tag = tag.unwrap_or_else(|| "*".into());
        if recoverable {
            // The client waits for our `+`; RFC 7888 4 lets us say no instead.
            return Ok(self.mistake(&format!("{tag} {BAD} [{TOO_BIG}]"), "literal too long before login"));
        }
        let words = "command too long";
        let answered = format!("{tag} {BAD} {}\r\n{BYE}", self.told.mistake(words));
        Err(Violation::new("IMAP command too long").farewell(answered, words))
    }

    /// Takes what there is of input; `None` when more is needed.
    fn input(&mut self) -> Result<Option<Option<Knock>>, Violation> {
        if let Some(tongue) = other_tongue(self.lines.pending()) {
            return Err(Violation::speaks(tongue, "IMAP", BYE));
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
            Gathered::TooLong { tag, recoverable } => self.too_long(tag, recoverable).map(Some),
        }
    }

    fn response(&mut self) -> Result<Option<Option<Knock>>, Violation> {
        self.lines.set_cap(AUTH_CAP);
        let line = match self.lines.cut() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(_) => return self.too_long(None, false).map(Some),
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
                State::Leaving(why) => {
                    self.state = State::Done;
                    return Ok(Step::Event(why.map_or(Knock::Bye, Knock::ShownOut)));
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
        *self = Self { state: State::Command, budget, carried, ..Self::new(&[], Protection::Secured, self.told) };
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
