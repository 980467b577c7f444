//! POP3 at outlook.office365.com:995 (getmail6 #256, vmime #267): XOAUTH2 in two lines only, messages gone at QUIT alone.

use std::{io, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    mailbox::{INBOX, Mailbox, Message},
    sign_on::{self, Verdict},
    wire::Wire,
};
use crate::{base::Protocol, sandbox::tally::Open};

/// Exchange's MaxCommandSize for POP3, the likely reason for the two-line rule.
const LINE: usize = 512;
const TOKEN_LINE: usize = 24 * 1024;
/// Longer than any client's pause between two commands.
const SIGNED_ON: Duration = Duration::from_secs(600);
const ERRORS: u32 = 10;

const PROTOCOL_ERROR: &str = "-ERR Protocol error. Connection is closed. 10";
const WRONG_STATE: &str = "-ERR Command is not valid in this state.";
const REFUSED: &str = "-ERR Authentication failure: unknown user name or bad password.";
const NO_SUCH: &str = "-ERR The specified message is out of range.";

struct Session {
    wire: Wire,
    login: Option<Login>,
    errors: u32,
    closing: bool,
}

struct Login {
    mailbox: Arc<Mailbox>,
    expires: Instant,
    /// INBOX as it was at sign-on; numbers never change within a session (RFC 1939 3).
    messages: Vec<(Message, bool)>,
    validity: u32,
    _open: Open,
}

pub(super) async fn converse(wire: Wire) -> io::Result<()> {
    let mut session = Session { wire, login: None, errors: 0, closing: false };
    let ended = session.run().await;
    match ended {
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            session.wire.say(PROTOCOL_ERROR);
            session.wire.close().await;
        }
        _ => session.wire.close().await,
    }
    Ok(())
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        if !self.scripted("CONNECT") {
            self.wire.say("+OK The Microsoft Exchange POP3 service is ready. [QQBNADAAUABSADAAMgBDAEEAMAAxADMANAA=]");
        }
        while !self.closing {
            let line = self.wire.line(LINE).await?;
            let text = String::from_utf8_lossy(&line).into_owned();
            self.command(&text).await?;
            if self.errors >= ERRORS {
                self.wire.say(PROTOCOL_ERROR);
                self.closing = true;
            }
        }
        Ok(())
    }

    fn scripted(&mut self, verb: &str) -> bool {
        let answer = self.wire.world.faults.answer(Protocol::Pop3, verb);
        if let Some(answer) = &answer {
            let reply = self.wire.quoting(&answer.reply);
            self.wire.say(reply);
            self.closing |= answer.close;
        }
        answer.is_some()
    }

    fn refuse(&mut self, text: &str) {
        self.errors += 1;
        self.wire.say(text);
    }

    async fn command(&mut self, text: &str) -> io::Result<()> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let verb = verb.to_ascii_uppercase();
        if self.login.as_ref().is_some_and(|login| login.expires <= Instant::now()) {
            self.wire.world.tally.count(|counts| counts.expired_sessions += 1);
            self.wire.say("-ERR Session invalidated - AccessTokenExpired");
            self.closing = true;
            return Ok(());
        }
        if verb != "AUTH" && (self.scripted(&verb) || (self.login.is_some() && self.scripted("*"))) {
            return Ok(());
        }
        match (verb.as_str(), self.login.is_some()) {
            ("QUIT", _) => self.quit(),
            ("CAPA", _) => self.wire.say("+OK\r\nTOP\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\nUSER\r\n."),
            ("AUTH", false) => return self.auth(rest).await,
            ("USER", false) => self.wire.say("+OK"),
            ("PASS", false) => self.refuse("-ERR Logon failure: unknown user name or bad password."),
            ("STAT" | "LIST" | "UIDL" | "TOP" | "RETR" | "DELE" | "NOOP" | "RSET", true) => {
                return self.transaction(&verb, rest).await;
            }
            ("AUTH" | "USER" | "PASS" | "STAT" | "LIST" | "UIDL" | "TOP" | "RETR" | "DELE" | "NOOP" | "RSET", _) => {
                self.refuse(WRONG_STATE);
            }
            _ => self.refuse("-ERR Protocol error. 14"),
        }
        Ok(())
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial)),
            None => (rest, None),
        };
        let one_line = self.wire.world.faults.read(|faults| faults.pop3.one_line_auth);
        if initial.is_some() && !one_line {
            self.wire.say(PROTOCOL_ERROR);
            self.closing = true;
            return Ok(());
        }
        match mechanism.to_ascii_uppercase().as_str() {
            "" => self.wire.say("+OK\r\nPLAIN\r\nXOAUTH2\r\n."),
            "PLAIN" => {
                self.wire.say("+ ");
                self.wire.line(TOKEN_LINE).await?;
                self.refuse(REFUSED);
            }
            "XOAUTH2" => {
                let response = match initial {
                    Some(initial) => initial.as_bytes().to_vec(),
                    None => {
                        self.wire.say("+ ");
                        self.wire.line(TOKEN_LINE).await?.to_vec()
                    }
                };
                return self.xoauth2(&response).await;
            }
            _ => self.refuse("-ERR Protocol error. 14"),
        }
        Ok(())
    }

    async fn xoauth2(&mut self, response: &[u8]) -> io::Result<()> {
        if self.scripted("AUTH") {
            return Ok(());
        }
        let world = self.wire.world.clone();
        let verdict = match response {
            b"*" => Verdict::Refused,
            response => sign_on::judge(&world, Protocol::Pop3, response),
        };
        let Verdict::In(mailbox, access) = verdict else {
            if world.faults.challenges(Protocol::Pop3) && response != b"*" {
                self.wire.say(format!("+ {}", sign_on::CHALLENGE));
                self.wire.line(TOKEN_LINE).await?;
            }
            self.refuse(REFUSED);
            return Ok(());
        };
        let (validity, messages) = mailbox.read(|store| match store.folder(INBOX) {
            Some(inbox) => (inbox.validity, inbox.messages.iter().map(|message| (message.clone(), false)).collect()),
            None => (0, Vec::new()),
        });
        let open = world.tally.signed_on(Protocol::Pop3, &mailbox.address);
        self.login = Some(Login { mailbox, expires: access.expires, messages, validity, _open: open });
        self.wire.patience = SIGNED_ON;
        self.wire.say("+OK User successfully authenticated.");
        Ok(())
    }

    async fn transaction(&mut self, verb: &str, rest: &str) -> io::Result<()> {
        let Some(login) = self.login.as_mut() else { return Ok(()) };
        let mut words = rest.split_ascii_whitespace();
        let number = words.next().map(|word| word.parse::<usize>().unwrap_or(0));
        match (verb, number) {
            ("STAT", _) => {
                let (count, octets) = login.totals();
                self.wire.say(format!("+OK {count} {octets}"));
            }
            ("LIST" | "UIDL", None) => {
                let (count, octets) = login.totals();
                let lines: Vec<String> = login.kept().map(|(n, message)| login.row(verb, n, message)).collect();
                self.wire.say(format!("+OK {count} {octets}"));
                for line in lines {
                    self.wire.put(line.as_bytes()).await?;
                    self.wire.put(b"\r\n").await?;
                }
                self.wire.say(".");
            }
            ("LIST" | "UIDL", Some(n)) => match login.message(n) {
                Some(message) => {
                    let row = login.row(verb, n, message);
                    self.wire.say(format!("+OK {row}"));
                }
                None => self.refuse(NO_SUCH),
            },
            ("DELE", Some(n)) => match login.messages.get_mut(n.wrapping_sub(1)) {
                Some((_, deleted)) if !*deleted => {
                    *deleted = true;
                    self.wire.say("+OK");
                }
                _ => self.refuse(NO_SUCH),
            },
            ("RETR" | "TOP", Some(n)) => {
                let lines = words.next().and_then(|word| word.parse::<usize>().ok());
                match (login.message(n).cloned(), verb, lines) {
                    (Some(message), "RETR", _) => self.message(&message.bytes, None).await?,
                    (Some(message), _, Some(lines)) => self.message(&message.bytes, Some(lines)).await?,
                    _ => self.refuse(NO_SUCH),
                }
            }
            ("RSET", _) => {
                login.messages.iter_mut().for_each(|(_, deleted)| *deleted = false);
                self.wire.say("+OK");
            }
            ("NOOP", _) => self.wire.say("+OK"),
            _ => self.refuse("-ERR Protocol error. 14"),
        }
        Ok(())
    }

    /// A message, dots stuffed; with `body_lines` its header and so many lines (TOP).
    async fn message(&mut self, bytes: &[u8], body_lines: Option<usize>) -> io::Result<()> {
        self.wire.say("+OK");
        let head = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
        let mut left = body_lines;
        let mut rest = bytes;
        let mut at = 0;
        while !rest.is_empty() {
            let length = memchr::memmem::find(rest, b"\r\n").map_or(rest.len(), |end| end + 2);
            let (line, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if at >= head
                && let Some(left) = left.as_mut()
            {
                if *left == 0 {
                    break;
                }
                *left -= 1;
            }
            if line.starts_with(b".") {
                self.wire.put(b".").await?;
            }
            self.wire.put(line).await?;
            at += length;
            rest = next;
        }
        if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
            self.wire.put(b"\r\n").await?;
        }
        self.wire.say(".");
        Ok(())
    }

    fn quit(&mut self) {
        if let Some(login) = self.login.take() {
            let gone: Vec<u32> =
                login.messages.iter().filter(|(_, deleted)| *deleted).map(|(message, _)| message.uid).collect();
            if !gone.is_empty() {
                login.mailbox.change(|store| {
                    if let Some(inbox) = store.folder_mut(INBOX) {
                        inbox.messages.retain(|message| gone.binary_search(&message.uid).is_err());
                    }
                });
            }
        }
        self.wire.say("+OK Microsoft Exchange Server POP3 server signing off.");
        self.closing = true;
    }
}

impl Login {
    fn kept(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.messages.iter().enumerate().filter(|(_, (_, deleted))| !deleted).map(|(n, (message, _))| (n + 1, message))
    }

    fn message(&self, number: usize) -> Option<&Message> {
        self.messages.get(number.checked_sub(1)?).filter(|(_, deleted)| !deleted).map(|(message, _)| message)
    }

    fn totals(&self) -> (usize, usize) {
        self.kept().fold((0, 0), |(count, octets), (_, message)| (count + 1, octets + message.bytes.len()))
    }

    fn row(&self, verb: &str, number: usize, message: &Message) -> String {
        match verb {
            "UIDL" => format!("{number} {:08x}{:08x}", self.validity, message.uid),
            _ => format!("{number} {}", message.bytes.len()),
        }
    }
}
