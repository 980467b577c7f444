//! SMTP client submission at smtp.office365.com:587 (texts: MailKit #1603 and #1770, Microsoft's
//! smtp-submission-improvements).

mod accept;
mod auth;
mod data;
mod path;

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::{mailbox::Mailbox, seats::Seat, wire::Wire};
use crate::{
    base::{Protocol, printable},
    sandbox::{
        faults::{LimitPoint, StartTls},
        options::DOMAIN,
        tally::Open,
        tenant::Holder,
        transcript::Speaker,
    },
};
use data::Data;

/// SIZE as Exchange announces it.
const SIZE: usize = 157_286_400;
/// RFC 4954 4 asks for 12,288 octets; tokens are longer still by switch.
const LINE: usize = 24 * 1024;
const RECIPIENTS: usize = 500;
/// Exchange's patience with an idle, signed-on client.
const SIGNED_ON: Duration = Duration::from_secs(600);

pub(super) struct Session {
    pub wire: Wire,
    pub host: String,
    greeted: bool,
    login: Option<Arc<Login>>,
    envelope: Option<Envelope>,
    chunks: Option<BytesMut>,
    closing: bool,
}

/// Who signed on.
pub(super) struct Login {
    mailbox: Arc<Mailbox>,
    holder: Holder,
    seat: Seat,
    _open: Open,
}

#[derive(Default)]
pub(super) struct Envelope {
    from: String,
    recipients: Vec<String>,
}

pub(super) async fn converse(wire: Wire) -> io::Result<()> {
    // Another front end at every connection.
    let host = format!("AM0PR02CA{:04}.outlook.office365.com", wire.connection % 10_000);
    let mut session = Session { wire, host, greeted: false, login: None, envelope: None, chunks: None, closing: false };
    let ended = session.run().await;
    if let Err(error) = &ended
        && error.kind() == io::ErrorKind::InvalidData
    {
        session.reply("500 5.5.2 Syntax error: a line too long, or plain bytes where TLS was due {tail}");
    }
    match ended {
        // A break by switch is a break, not an orderly end.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        _ => session.wire.close().await,
    }
    Ok(())
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        if self.scripted("CONNECT") && self.closing {
            return Ok(());
        }
        let world = self.wire.world.clone();
        let over = world.faults.read(|faults| {
            let open = world.tally.counts().connections(Protocol::Smtp).open;
            faults.smtp.connections_at == LimitPoint::Connect
                && faults.smtp.connections.is_some_and(|limit| open > limit as u64)
        });
        if over {
            self.reply(accept::CONCURRENT);
            return Ok(());
        }
        let at = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
        let id = self.wire.connection;
        self.reply(&format!("220 {{host}} Microsoft ESMTP MAIL Service ready at {at} [{id:016X}]"));
        while !self.closing {
            let line = self.wire.line(LINE).await?;
            self.command(&line).await?;
        }
        Ok(())
    }

    /// Says a reply with its placeholders filled in.
    pub fn reply(&mut self, text: &str) {
        let text = text.replace("{host}", &self.host);
        let text = if text.contains("{tail}") { text.replace("{tail}", &self.tail()) } else { text };
        self.wire.say(text);
    }

    /// `[host 2024-07-11T11:46:49.042Z 08DCA18218166FB4]`
    fn tail(&self) -> String {
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        format!("[{} {at} {:016X}]", self.host, self.wire.connection)
    }

    /// Says the words switched on for this verb, if there are any.
    fn scripted(&mut self, verb: &str) -> bool {
        let answer = self.wire.world.faults.answer(Protocol::Smtp, verb);
        if let Some(answer) = &answer {
            let reply = self.wire.quoting(&answer.reply);
            self.reply(&reply);
            self.closing |= answer.close;
        }
        answer.is_some()
    }

    async fn command(&mut self, line: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(line).ok().filter(|text| !text.chars().any(char::is_control));
        let Some(text) = text else {
            self.unrecognized(&String::from_utf8_lossy(line));
            return Ok(());
        };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let verb = verb.to_ascii_uppercase();
        // AUTH is answered after the credentials are in.
        if verb != "AUTH" && self.scripted(&verb) {
            return Ok(());
        }
        match verb.as_str() {
            "EHLO" => self.ehlo(rest),
            "HELO" => {
                self.greeted = true;
                self.reply("250 {host} Hello [127.0.0.1]");
            }
            "STARTTLS" => return self.starttls().await,
            "AUTH" => return self.auth(text, rest).await,
            "MAIL" => self.mail(rest),
            "RCPT" => self.recipient(rest),
            "DATA" => return self.data().await,
            "BDAT" => return self.chunk(rest).await,
            "RSET" => {
                self.envelope = None;
                self.chunks = None;
                self.reply("250 2.0.0 Resetting");
            }
            "NOOP" => self.reply("250 2.0.0 OK"),
            "VRFY" => self.reply("252 2.1.5 Cannot VRFY user"),
            "HELP" => self.reply("214-This server supports the following commands:\r\n214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT"),
            "QUIT" => {
                self.reply("221 2.0.0 Service closing transmission channel");
                self.closing = true;
            }
            _ => self.unrecognized(text),
        }
        Ok(())
    }

    fn unrecognized(&mut self, text: &str) {
        let shown = printable(text, 60);
        self.reply(&format!("500 5.3.3 Unrecognized command '{shown}' {{tail}}"));
    }

    fn ehlo(&mut self, name: &str) {
        if name.trim().is_empty() {
            return self.reply("501 5.5.4 Invalid domain name {tail}");
        }
        self.greeted = true;
        self.envelope = None;
        let faults = self.wire.world.faults.read(|faults| faults.smtp.clone());
        let size = format!("SIZE {SIZE}");
        let offer = if self.wire.secured { "AUTH LOGIN XOAUTH2" } else { "STARTTLS" };
        let keywords = [
            size.as_str(),
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            offer,
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "SMTPUTF8",
        ];
        let shown = keywords.iter().filter(|line| {
            let keyword = line.split(' ').next().unwrap_or_default();
            let missing = keyword == "STARTTLS" && faults.starttls == StartTls::Missing;
            !missing && !faults.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(keyword))
        });
        let mut lines: Vec<String> = vec!["{host} Hello [127.0.0.1]".into()];
        lines.extend(shown.map(|line| (*line).to_owned()));
        let last = lines.len() - 1;
        let reply: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(n, line)| format!("250{}{line}", if n == last { ' ' } else { '-' }))
            .collect();
        self.reply(&reply.join("\r\n"));
    }

    async fn starttls(&mut self) -> io::Result<()> {
        let mode = self.wire.world.faults.read(|faults| faults.smtp.starttls);
        if self.wire.secured || mode == StartTls::Missing {
            self.unrecognized("STARTTLS");
            return Ok(());
        }
        if mode == StartTls::Refused {
            self.reply("454 4.7.0 TLS not available due to local problem {tail}");
            return Ok(());
        }
        self.reply("220 2.0.0 SMTP server ready");
        if mode == StartTls::Injected {
            self.reply("250-injected.example\r\n250 AUTH PLAIN LOGIN XOAUTH2");
        }
        self.wire.secure().await?;
        (self.greeted, self.login, self.envelope) = (false, None, None);
        Ok(())
    }

    fn mail(&mut self, rest: &str) {
        let Some(login) = self.login.clone() else {
            return self.reply("530 5.7.57 Client not authenticated to send mail. {tail}");
        };
        if self.envelope.is_some() {
            return self.reply("503 5.5.2 Sender already specified {tail}");
        }
        let Some(path) = argument(rest, "FROM:") else { return self.reply("501 5.5.4 Invalid arguments {tail}") };
        let world = self.wire.world.clone();
        let faults = world.faults.read(|faults| faults.smtp.clone());
        let checked = path::read(path).and_then(|path| {
            let utf8 = path::mail_parameters(&path, &faults, SIZE)?;
            if !path.address.is_ascii() && !utf8 {
                return Err("550 5.6.7 SMTPUTF8 address without SMTPUTF8 {tail}");
            }
            let may = |from| world.tenant.may_send_as(&login.holder, &login.mailbox.address, from);
            if !path.address.is_empty() && !may(path.address) {
                return Err("550 5.7.60 SMTP; Client does not have permissions to send as this sender {tail}");
            }
            Ok(path.address.to_owned())
        });
        match checked {
            Ok(from) => {
                self.envelope = Some(Envelope { from, recipients: Vec::new() });
                self.reply("250 2.1.0 Sender OK");
            }
            Err(reply) => self.reply(reply),
        }
    }

    fn recipient(&mut self, rest: &str) {
        let world = self.wire.world.clone();
        let faults = world.faults.read(|faults| faults.smtp.clone());
        let Some(envelope) = self.envelope.as_mut() else {
            return self.reply("503 5.5.2 Need mail command {tail}");
        };
        let checked =
            argument(rest, "TO:").ok_or("501 5.5.4 Invalid arguments {tail}").and_then(path::read).and_then(|path| {
                path::recipient_parameters(&path, &faults)?;
                let (_, domain) = path.address.rsplit_once('@').ok_or(path::INVALID)?;
                if domain.eq_ignore_ascii_case(DOMAIN) && world.mailbox(path.address).is_none() {
                    return Err(
                        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup {tail}",
                    );
                }
                Ok(path.address.to_owned())
            });
        let reply = match checked {
            Ok(_) if envelope.recipients.len() >= RECIPIENTS => "452 4.5.3 Too many recipients {tail}",
            Ok(recipient) => {
                envelope.recipients.push(recipient);
                "250 2.1.5 Recipient OK"
            }
            Err(reply) => reply,
        };
        self.reply(reply);
    }

    /// The login and envelope of a message that may come now.
    fn transaction(&mut self) -> Option<(Arc<Login>, Envelope)> {
        let ready = self.envelope.as_ref().is_some_and(|envelope| !envelope.recipients.is_empty());
        match (self.login.clone(), ready, self.envelope.is_some()) {
            (Some(login), true, _) => self.envelope.take().map(|envelope| (login, envelope)),
            (_, _, true) => {
                self.reply("503 5.5.2 Need rcpt command {tail}");
                None
            }
            _ => {
                self.reply("503 5.5.2 Need mail command {tail}");
                None
            }
        }
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.chunks.is_some() {
            self.reply("503 5.5.2 Bad sequence of commands: BDAT before {tail}");
            return Ok(());
        }
        let Some((login, envelope)) = self.transaction() else { return Ok(()) };
        self.reply("354 Start mail input; end with <CRLF>.<CRLF>");
        let mut data = Data::new(SIZE);
        while !data.feed(self.wire.unread()) {
            let limit = self.wire.world.faults.read(|faults| faults.smtp.drop_in_data);
            if limit.is_some_and(|limit| data.read >= limit) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            self.wire.fill().await?;
        }
        self.wire.note(Speaker::Client, format!("[message of {} octets]", data.bytes.len()).as_bytes());
        let reply = match (data.too_long, data.bare_line_feed) {
            (true, _) => "552 5.3.4 Message size exceeds fixed maximum message size {tail}".into(),
            (_, true) => {
                "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA {tail}"
                    .into()
            }
            _ => self.accept(&login, envelope, data.bytes.freeze()).await?,
        };
        self.reply(&reply);
        Ok(())
    }

    /// BDAT (RFC 3030): the octets follow whatever the answer will be.
    async fn chunk(&mut self, rest: &str) -> io::Result<()> {
        let mut words = rest.split_ascii_whitespace();
        let length = words.next().and_then(|word| word.parse::<usize>().ok()).filter(|length| *length <= SIZE);
        let last = words.next().map(|word| word.eq_ignore_ascii_case("LAST"));
        let (Some(length), None | Some(true)) = (length, last) else {
            self.reply("501 5.5.4 Invalid arguments {tail}");
            // What follows cannot be told from commands.
            self.closing = true;
            return Ok(());
        };
        let octets = self.wire.octets(length).await?;
        let mut chunks = self.chunks.take().unwrap_or_default();
        if chunks.len() + octets.len() > SIZE {
            self.reply("552 5.3.4 Message size exceeds fixed maximum message size {tail}");
            return Ok(());
        }
        let ready =
            self.login.is_some() && self.envelope.as_ref().is_some_and(|envelope| !envelope.recipients.is_empty());
        if !ready {
            self.transaction();
            return Ok(());
        }
        chunks.extend_from_slice(&octets);
        if last.is_none() {
            self.chunks = Some(chunks);
            self.reply(&format!("250 2.6.0 CHUNK received OK, {length} octets"));
            return Ok(());
        }
        let Some((login, envelope)) = self.transaction() else { return Ok(()) };
        let reply = self.accept(&login, envelope, Bytes::from(chunks)).await?;
        self.reply(&reply);
        Ok(())
    }
}

/// What stands behind `FROM:` or `TO:`, in any case.
fn argument<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let head = rest.get(..keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.get(keyword.len()..)).flatten()
}
