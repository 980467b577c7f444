//! IMAP at outlook.office365.com:993 (texts: MailKit, imapflow, imapsync): real enough that ordinary mail programs work.

mod fetch;
mod folders;
mod messages;
mod search;
mod sign_on;
mod structure;
mod syntax;
mod view;

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::time::Instant;

use super::{mailbox::Mailbox, wire::Wire};
use crate::{base::Protocol, sandbox::tally::Open};
use syntax::{ARGUMENT, Cursor, Denial, Outcome};
use view::View;

/// Exchange refuses longer lines; tokens of the AUTHENTICATE line may be longer still.
const LINE: usize = 24 * 1024;
/// Literals other than a message.
const LITERAL: usize = 64 * 1024;
/// The largest message Exchange lets one append (imapsync FAQ).
const APPEND: usize = 45 * 1024 * 1024;
/// Exchange's idle limit after sign-on.
const SIGNED_ON: Duration = Duration::from_secs(1800);
/// The server gives a client up after so many errors.
const ERRORS: u32 = 10;

const UNKNOWN: Denial = Denial::Bad("Command Error. 12");
const WRONG_STATE: Denial = Denial::Bad("Command received in Invalid state.");

pub(super) struct Session {
    wire: Wire,
    login: Option<Login>,
    view: Option<View>,
    errors: u32,
    closing: bool,
    /// After `ENABLE IMAP4rev2` the new front end refuses LSUB.
    rev2: bool,
}

struct Login {
    /// Absent: authenticated, but not connected.
    mailbox: Option<Arc<Mailbox>>,
    expires: Option<Instant>,
    _open: Option<Open>,
}

pub(super) async fn converse(wire: Wire) -> io::Result<()> {
    let mut session = Session { wire, login: None, view: None, errors: 0, closing: false, rev2: false };
    let ended = session.run().await;
    match ended {
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            session.wire.say("* BYE Connection is closed. 13");
            session.wire.close().await;
        }
        _ => session.wire.close().await,
    }
    Ok(())
}

/// A command as read: its tag and verb apart.
struct Command {
    tag: String,
    verb: String,
    words: Cursor,
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        self.greet();
        while !self.closing {
            let Some(command) = self.read().await? else { continue };
            self.obey(command).await?;
            if self.errors >= ERRORS && !self.closing {
                self.wire.say("* BYE Connection is closed. 13");
                self.closing = true;
            }
        }
        Ok(())
    }

    fn greet(&mut self) {
        let world = self.wire.world.clone();
        if let Some(answer) = world.faults.answer(Protocol::Imap, "CONNECT") {
            self.wire.say(&answer.reply);
            self.closing = answer.close;
            return;
        }
        let (preauth, new) = world.faults.read(|faults| (faults.imap.preauth, faults.imap.front_end_2026));
        let server = "[QQBNADAAUABSADAAMgBDAEEAMAAxADMANAAuAGUAdQByAHAAcgBkADAAMgA=]";
        self.wire.say(match (preauth, new) {
            (true, _) => "* PREAUTH The Microsoft Exchange IMAP4 service is ready.".to_owned(),
            (false, true) => format!(
                "* OK Microsoft Exchange IMAP4 service ready. 0f8fad5b-d9cb-469f-a165-70867728950e \
                 (tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) {server}"
            ),
            (false, false) => format!("* OK The Microsoft Exchange IMAP4 service is ready. {server}"),
        });
    }

    /// One command with all its literals. `None` where it was answered already.
    async fn read(&mut self) -> io::Result<Option<Command>> {
        let mut line = self.wire.line(LINE).await?;
        let mut buffer = BytesMut::from(line.as_ref());
        // Only the line behind a literal may announce another one.
        while let Some((length, waits)) = announced(&line) {
            let limit = if is_append(&buffer) && self.login.is_some() { APPEND } else { LITERAL };
            if length > limit as u64 || buffer.len() > APPEND + LITERAL {
                let tag = tag(&mut Cursor::new(buffer.freeze())).unwrap_or_else(|_| "*".into());
                self.finish(&tag, Err(Denial::Bad("Command Argument Error. 11")));
                if waits {
                    return Ok(None);
                }
                // The octets come all the same and cannot be told from commands.
                return Err(io::Error::new(io::ErrorKind::InvalidData, "literal too long"));
            }
            if waits {
                self.wire.say("+ Ready for additional command text.");
            }
            let octets = self.wire.octets(length as usize).await?;
            line = self.wire.line(LINE).await?;
            buffer.extend_from_slice(b"\r\n");
            buffer.extend_from_slice(&octets);
            buffer.extend_from_slice(&line);
        }
        let mut words = Cursor::new(buffer.freeze());
        let tag = tag(&mut words);
        let verb = words.space().and_then(|()| words.atom());
        match (tag, verb) {
            (Ok(tag), Ok(verb)) => Ok(Some(Command { tag, verb: verb.to_ascii_uppercase(), words })),
            (tag, _) => {
                let tag = tag.unwrap_or_else(|_| "*".into());
                self.finish(&tag, Err(Denial::Bad("Command Error. 10")));
                Ok(None)
            }
        }
    }

    fn finish(&mut self, tag: &str, outcome: Outcome) {
        match outcome {
            Ok(text) => self.wire.say(format!("{tag} OK {text}")),
            Err(Denial::Said) => {}
            Err(Denial::No(text)) => self.wire.say(format!("{tag} NO {text}")),
            Err(Denial::Bad(text)) => {
                self.errors += 1;
                self.wire.say(format!("{tag} BAD {text}"));
            }
        }
    }

    async fn obey(&mut self, command: Command) -> io::Result<()> {
        let Command { tag, verb, words } = command;
        if self.expired() {
            return Ok(());
        }
        // These answer whatever state the mailbox is in.
        let always = ["CAPABILITY", "LOGOUT", "ID"].contains(&verb.as_str());
        if verb != "AUTHENTICATE"
            && (self.scripted(&tag, &verb) || (!always && self.login.is_some() && self.scripted(&tag, "*")))
        {
            return Ok(());
        }
        if !always && self.login.as_ref().is_some_and(|login| login.mailbox.is_none()) {
            self.finish(&tag, Err(Denial::Bad("User is authenticated but not connected.")));
            self.wire.say("* BYE Connection closed. 14");
            self.closing = true;
            return Ok(());
        }
        let outcome = match (verb.as_str(), self.login.is_some()) {
            ("CAPABILITY", _) => self.capability(&words),
            ("ID", _) => self.identify(words),
            ("NOOP", false) => words.end().map(|()| "NOOP completed.".into()),
            ("LOGOUT", _) => {
                self.wire.say("* BYE Microsoft Exchange Server IMAP4 server signing off.");
                (self.closing, self.view) = (true, None);
                Ok("LOGOUT completed.".into())
            }
            ("LOGIN", false) => Err(Denial::No("LOGIN failed.")),
            ("AUTHENTICATE", false) => self.authenticate(&tag, words).await?,
            ("LOGIN" | "AUTHENTICATE", true) => Err(WRONG_STATE),
            ("IDLE", true) => self.idle().await?,
            ("ENABLE", true) => self.enable(words),
            ("UID", true) => self.by_uid(words).await?,
            (_, true) => self.signed_on(&verb, words).await?,
            (known, false) if folders::VERBS.contains(&known) || messages::VERBS.contains(&known) => Err(WRONG_STATE),
            _ => Err(UNKNOWN),
        };
        // RFC 3501 7.4.1: no EXPUNGE while these are answered.
        self.sync(!["FETCH", "STORE", "SEARCH"].contains(&verb.as_str()));
        self.finish(&tag, outcome);
        Ok(())
    }

    async fn by_uid(&mut self, mut words: Cursor) -> io::Result<Outcome> {
        let verb = words.space().and_then(|()| words.atom());
        let Ok(verb) = verb else { return Ok(Err(ARGUMENT)) };
        self.messages(&verb.to_ascii_uppercase(), words, true).await
    }

    async fn signed_on(&mut self, verb: &str, words: Cursor) -> io::Result<Outcome> {
        if folders::VERBS.contains(&verb) {
            return Ok(self.folders(verb, words));
        }
        self.messages(verb, words, false).await
    }

    /// Tells the client what changed in the selected folder.
    fn sync(&mut self, expunge: bool) {
        let Some(mailbox) = self.mailbox() else { return };
        let Some(view) = self.view.as_mut() else { return };
        for line in mailbox.read(|store| view.sync(store, expunge)) {
            self.wire.say(line);
        }
    }

    fn mailbox(&self) -> Option<Arc<Mailbox>> {
        self.login.as_ref()?.mailbox.clone()
    }

    /// Says the words switched on for this verb, if there are any.
    fn scripted(&mut self, tag: &str, verb: &str) -> bool {
        let answer = self.wire.world.faults.answer(Protocol::Imap, verb);
        if let Some(answer) = &answer {
            let reply = self.wire.quoting(&answer.reply.replace("{tag}", tag));
            self.wire.say(reply);
            self.closing |= answer.close;
        }
        answer.is_some()
    }

    /// Exchange ends a session with its token, as the answer to the next command (aioimaplib #83).
    fn expired(&mut self) -> bool {
        let expires = self.login.as_ref().and_then(|login| login.expires);
        if expires.is_none_or(|expires| expires > Instant::now()) {
            return false;
        }
        self.wire.world.tally.count(|counts| counts.expired_sessions += 1);
        self.wire.say("* BYE Session invalidated - AccessTokenExpired");
        self.closing = true;
        true
    }

    /// IDLE: news at once, until DONE in any case (RFC 2177).
    async fn idle(&mut self) -> io::Result<Outcome> {
        let Some(mailbox) = self.mailbox() else { return Ok(Err(WRONG_STATE)) };
        let mut bell = mailbox.bell();
        let expires = self.login.as_ref().and_then(|login| login.expires);
        self.wire.say("+ IDLE accepted, awaiting DONE command.");
        self.sync(true);
        loop {
            self.wire.flush().await?;
            let end = async {
                match expires {
                    Some(expires) => tokio::time::sleep_until(expires).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = self.wire.line(LINE) => {
                    let done = line?.eq_ignore_ascii_case(b"DONE");
                    return Ok(if done { Ok("IDLE completed.".into()) } else { Err(UNKNOWN) });
                }
                _ = bell.changed() => self.sync(true),
                () = end => {
                    self.expired();
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }

    fn enable(&mut self, mut words: Cursor) -> Outcome {
        if !self.wire.world.faults.read(|faults| faults.imap.front_end_2026) {
            return Err(UNKNOWN);
        }
        words.space()?;
        let named = String::from_utf8_lossy(words.rest()).to_ascii_uppercase();
        self.rev2 |= named.split(' ').any(|word| word == "IMAP4REV2");
        self.wire.say(if self.rev2 { "* ENABLED IMAP4rev2" } else { "* ENABLED" });
        Ok("ENABLE completed.".into())
    }
}

/// Tags are opaque (RFC 3501 2.2.1).
fn tag(words: &mut Cursor) -> Result<String, Denial> {
    let tag = words.atom()?;
    if tag.contains('+') || tag.len() > 200 { Err(ARGUMENT) } else { Ok(tag) }
}

/// The literal at the end of a line: its length, and whether the client waits for our `+`.
fn announced(line: &[u8]) -> Option<(u64, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let digits = inner.get(open + 1..)?;
    let (digits, waits) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    let number = digits.iter().all(u8::is_ascii_digit) && (1..=20).contains(&digits.len());
    // A number beyond 64 bits is too long in any case.
    number.then(|| (std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX), waits))
}

fn is_append(line: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').nth(1).is_some_and(|verb| verb.eq_ignore_ascii_case(b"APPEND"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_announced_at_the_end_of_a_line_only() {
        assert_eq!(announced(b"a APPEND INBOX {12}"), Some((12, true)));
        assert_eq!(announced(b"a LOGIN {3+}"), Some((3, false)));
        assert_eq!(announced(b"a x {18446744073709551616}"), Some((u64::MAX, true)));
        for none in [b"a x {}".as_slice(), b"a x {-1}", b"a x {12} ", b"a x 12}", b"{a}"] {
            assert_eq!(announced(none), None);
        }
    }
}
