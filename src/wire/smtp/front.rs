//! The SMTP side that faces a mail client until it is signed on.
//!
//! AUTH PLAIN and LOGIN in every form that devices use; nothing else is ever shown (Outlook and Ricoh pick the
//! strongest mechanism they see). What follows AUTH in the same read waits for the verdict, is never taken as a SASL
//! response and is dropped if the verdict is no. `MAIL` without AUTH asks the session whether the address alone admits.

use std::mem;

use bytes::{BufMut, BytesMut};

use super::{
    GREETING, Mistake, SIZE_LIMIT,
    command::Command,
    mistake::code,
    reply::{LEAVING, OTHER_TONGUE, Reply, UNPROTECTED, auth_refusal, mail_refusal, spelt},
    unasked,
};
use crate::{
    base::Fault,
    wire::{
        Budget, Front, Knock, Machine, Protection, Step, TOO_MANY_COMMANDS, TOO_MANY_MISTAKES, Told, Violation,
        Welcome,
        lines::{AUTH_CAP, COMMAND_CAP, Lines, cap_for, other_tongue},
        sasl::{Exchange, Mechanism, Turn},
    },
};

/// What an EHLO shows.
#[derive(Debug, Clone)]
pub struct Keywords {
    /// The name that we greet with.
    pub host: String,
    /// Of `8BITMIME`, `SMTPUTF8`, `DSN`: what every upstream that can be reached from here carries.
    pub carried: Vec<String>,
    pub size: u64,
}

impl Keywords {
    pub fn new(host: impl Into<String>, carried: Vec<String>) -> Self {
        Self { host: host.into(), carried, size: SIZE_LIMIT }
    }

    /// The EHLO reply; `auth` and `starttls` only before AUTH.
    pub fn reply(&self, auth: bool, starttls: bool) -> Reply {
        let mut lines = vec![format!("{} at your service", self.host)];
        lines.extend([format!("SIZE {}", self.size), "PIPELINING".into(), "ENHANCEDSTATUSCODES".into()]);
        lines.extend(self.carried.iter().cloned());
        if auth {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        if starttls {
            lines.push("STARTTLS".into());
        }
        Reply::of_lines(250, lines)
    }
}

#[derive(Debug)]
enum State {
    Greet,
    Command,
    Sasl(Exchange),
    /// A claim is with the session.
    WaitingAuth,
    /// This MAIL line is with the session.
    WaitingMail(BytesMut),
    Upgrade,
    /// The last words are said; why, where they were ours.
    Leaving(Option<&'static str>),
    Done,
}

#[derive(Debug)]
pub struct SmtpFront {
    lines: Lines,
    state: State,
    output: BytesMut,
    keywords: Keywords,
    protection: Protection,
    told: &'static Told,
    greeted: bool,
    /// DATA was refused, and the client may not have waited for that.
    message_may_follow: bool,
    /// What was read together with AUTH.
    held: BytesMut,
    budget: Budget,
}

impl SmtpFront {
    pub fn new(keywords: Keywords, protection: Protection, told: &'static Told) -> Self {
        Self {
            lines: Lines::new(COMMAND_CAP),
            state: State::Greet,
            output: BytesMut::new(),
            keywords,
            protection,
            told,
            greeted: false,
            message_may_follow: false,
            held: BytesMut::new(),
            budget: Budget::default(),
        }
    }

    fn say(&mut self, reply: &Reply) {
        self.output.put(reply.to_wire());
    }

    fn mistake(&mut self, mistake: Mistake) -> Option<Knock> {
        self.object(&mistake.reply(&self.told.mistake));
        Some(Knock::Mistaken(mistake.words))
    }

    fn object(&mut self, reply: &Reply) {
        match self.budget.mistake() {
            true => self.say(reply),
            false => self.show_out(TOO_MANY_MISTAKES),
        }
    }

    fn show_out(&mut self, why: &'static str) {
        self.say(&Reply::of(LEAVING, &self.told.closing.clone().saying(why)));
        self.state = State::Leaving(Some(why));
    }

    fn command(&mut self, line: BytesMut) -> Result<Option<Knock>, Violation> {
        let command = Command::parse(&line);
        let announces = unasked::announces_message(&line);
        let comes_ahead = announces && !self.lines.pending().is_empty();
        if comes_ahead
            || (mem::take(&mut self.message_may_follow) && !unasked::heeds_refusal(&line, self.lines.pending()))
        {
            return Err(unasked::violation());
        }
        self.message_may_follow = announces;
        Ok(self.obey(command, line))
    }

    fn obey(&mut self, command: Result<Command, Mistake>, line: BytesMut) -> Option<Knock> {
        if !self.budget.command() {
            self.show_out(TOO_MANY_COMMANDS);
            return None;
        }
        let command = match command {
            Ok(command) => command,
            Err(mistake) => return self.mistake(mistake),
        };
        match command {
            Command::Ehlo(_) => {
                self.greeted = true;
                let reply = self.keywords.reply(self.protection.takes_credentials(), self.protection.offers_starttls());
                self.say(&reply);
            }
            Command::Helo(_) => {
                self.greeted = true;
                let reply = Reply::new(250, self.keywords.host.clone());
                self.say(&reply);
            }
            Command::StartTls if self.protection.offers_starttls() => {
                self.say(&Reply::new(220, "2.0.0 Ready to start TLS"));
                self.state = State::Upgrade;
            }
            Command::StartTls => return self.mistake(Mistake::NO_TLS_HERE),
            Command::Noop => self.say(&Reply::new(250, "2.0.0 OK")),
            Command::Rset => self.say(&Reply::new(250, "2.0.0 OK")),
            Command::Vrfy => self.say(&Reply::new(252, "2.5.2 Cannot verify, send the message and see")),
            Command::Help => self.say(&Reply::new(214, "2.0.0 Gatepost relays mail: EHLO, AUTH PLAIN or LOGIN, MAIL")),
            Command::Quit => {
                self.say(&Reply::new(221, "2.0.0 Goodbye"));
                self.state = State::Leaving(None);
            }
            Command::Auth { .. } | Command::Mail(_) if !self.greeted => {
                return self.mistake(Mistake::HELLO_FIRST);
            }
            Command::Auth { .. } | Command::Mail(_) if !self.protection.takes_credentials() => {
                self.object(&Reply::of(UNPROTECTED, &self.told.tls_first));
                return Some(Knock::Unprotected);
            }
            Command::Auth { mechanism, initial } => return self.auth(&mechanism, initial.as_deref()),
            Command::Mail(_) => {
                self.state = State::WaitingMail(line);
                return Some(Knock::Unnamed);
            }
            Command::Rcpt(_) | Command::Data => return self.mistake(Mistake::MAIL_FIRST),
        }
        None
    }

    fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>) -> Option<Knock> {
        let Some(mechanism) = Mechanism::parse(mechanism) else {
            return self.mistake(Mistake::OTHER_MECHANISM);
        };
        self.held = self.lines.set_aside();
        let (exchange, turn) = Exchange::start(mechanism, initial);
        self.turn(exchange, turn)
    }

    fn turn(&mut self, exchange: Exchange, turn: Turn) -> Option<Knock> {
        self.state = State::Command;
        match turn {
            Turn::Challenge(text) => {
                self.say(&Reply::new(334, text));
                self.state = State::Sasl(exchange);
            }
            Turn::Claim(claim) => {
                self.state = State::WaitingAuth;
                return Some(Knock::Login(claim));
            }
            Turn::Cancelled => {
                self.drop_pipelined();
                return self.mistake(Mistake::CANCELLED);
            }
            Turn::Malformed(why) => {
                self.drop_pipelined();
                return self.mistake(Mistake::saying(code::CREDENTIALS, format!("cannot read the credentials: {why}")));
            }
        }
        None
    }

    /// What a client sent behind an AUTH that failed. Where a DATA is among it, its message is still to come.
    fn drop_pipelined(&mut self) {
        let dropped = [&self.held[..], self.lines.pending()];
        self.message_may_follow = dropped.into_iter().any(unasked::may_precede_message);
        self.held.clear();
        self.lines.discard();
    }

    fn line(&mut self) -> Result<Option<BytesMut>, Violation> {
        if let Some(tongue) = other_tongue(self.lines.pending()) {
            return Err(Violation::speaks(tongue, "SMTP", spelt(OTHER_TONGUE)));
        }
        let sasl = matches!(self.state, State::Sasl(_));
        self.lines.set_cap(if sasl { AUTH_CAP } else { cap_for(self.lines.pending()) });
        self.lines.cut().map_err(|long| {
            Violation::new(format!("SMTP line longer than {} octets", long.cap))
                .farewell(spelt(code::SYNTAX), "line too long")
        })
    }
}

impl Machine for SmtpFront {
    type Event = Knock;

    fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    fn step(&mut self) -> Result<Step<Knock>, Violation> {
        loop {
            if !self.output.is_empty() {
                // All of it: `split` would keep the memory for a session that waits.
                return Ok(Step::Write(mem::take(&mut self.output).freeze()));
            }
            match &mut self.state {
                State::Greet => {
                    let reply = Reply::new(220, format!("{} {GREETING}", self.keywords.host));
                    self.say(&reply);
                    self.state = State::Command;
                }
                State::WaitingAuth | State::WaitingMail(_) | State::Done => return Ok(Step::Read),
                State::Upgrade => {
                    if !self.lines.pending().is_empty() {
                        return Err(Violation::new("plain bytes behind STARTTLS"));
                    }
                    self.state = State::Command;
                    return Ok(Step::StartTls);
                }
                State::Leaving(why) => {
                    let knock = why.map_or(Knock::Bye, Knock::ShownOut);
                    self.state = State::Done;
                    return Ok(Step::Event(knock));
                }
                State::Command | State::Sasl(_) => {
                    let Some(line) = self.line()? else { return Ok(Step::Read) };
                    let knock = match mem::replace(&mut self.state, State::Command) {
                        State::Sasl(mut exchange) => {
                            let turn = exchange.respond(&line);
                            self.turn(exchange, turn)
                        }
                        _ => self.command(line)?,
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

impl Front for SmtpFront {
    fn secured(&mut self) {
        let keywords = self.keywords.clone();
        let budget = mem::take(&mut self.budget);
        *self = Self { state: State::Command, budget, ..Self::new(keywords, Protection::Secured, self.told) };
    }

    fn accept(&mut self, _: &Welcome) {
        match mem::replace(&mut self.state, State::Done) {
            State::WaitingMail(mut line) => {
                line.put_slice(b"\r\n");
                self.lines.put_back(line);
            }
            _ => {
                self.say(&Reply::new(235, "2.7.0 Authentication successful"));
                let held = mem::take(&mut self.held);
                self.lines.put_back(held);
            }
        }
    }

    fn has_unread(&self) -> bool {
        !(self.held.is_empty() && self.lines.pending().is_empty())
    }

    fn refuse(&mut self, fault: &Fault) {
        match mem::replace(&mut self.state, State::Command) {
            State::WaitingMail(_) => self.say(&mail_refusal(fault)),
            _ => {
                self.drop_pipelined();
                let reply = auth_refusal(fault);
                self.say(&reply);
                if reply.code == 421 {
                    self.state = State::Leaving(None);
                }
            }
        }
    }
}
