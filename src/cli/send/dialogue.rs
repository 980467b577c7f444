//! The SMTP dialogue of a device: EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA. Every line is shown, the password never.

use std::io::{BufRead, BufReader, Read, Write};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::{Failure, stream::Stream, target::Target};
use crate::{
    base::{Secret, printable},
    catalog::{explain, own::BAD_CREDENTIALS},
    wire::smtp::GREETING,
};

/// RFC 5321 allows 512 octets a reply line; servers write longer ones.
const LINE: u64 = 4096;
const LINES: usize = 100;

pub struct Login {
    pub user: String,
    pub password: Secret,
}

pub struct Dialogue<'s> {
    stream: Option<BufReader<Stream>>,
    target: &'s Target,
    show: &'s mut dyn FnMut(String),
    /// What the last EHLO reply offered.
    offers: Vec<String>,
}

struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl<'s> Dialogue<'s> {
    pub fn new(stream: Stream, target: &'s Target, show: &'s mut dyn FnMut(String)) -> Self {
        Self { stream: Some(BufReader::new(stream)), target, show, offers: Vec::new() }
    }

    pub fn greet(&mut self) -> Result<(), Failure> {
        let reply = self.reply("the greeting")?;
        self.expect(&reply, 2, "the greeting")?;
        let text = reply.lines.concat();
        if !text.ends_with(GREETING)
            && let Some(displaced) = self.target.displaced(&text)
        {
            return Err(displaced);
        }
        self.hello()
    }

    pub fn start_tls(&mut self) -> Result<(), Failure> {
        if !self.offers.iter().any(|offer| offer == "STARTTLS") {
            return Err(Failure::new("the server does not offer STARTTLS", "try --tls off or --tls implicit"));
        }
        let reply = self.ask("STARTTLS", "STARTTLS")?;
        self.expect(&reply, 2, "STARTTLS")?;
        let Some(reader) = self.stream.take() else { return Err(gone()) };
        // Bytes that came before TLS must never be used after it.
        if !reader.buffer().is_empty() {
            return Err(Failure::new(
                "the server sent plain bytes behind STARTTLS",
                "something sits between: check the network",
            ));
        }
        self.stream = Some(BufReader::new(reader.into_inner().secure()?));
        (self.show)("  (TLS is up)".to_owned());
        self.hello()
    }

    pub fn sign_in(&mut self, login: &Login) -> Result<(), Failure> {
        let mechanisms: Vec<String> =
            self.offers.iter().filter_map(|offer| offer.strip_prefix("AUTH ")).map(str::to_owned).collect();
        let offers = |wanted: &str| mechanisms.iter().any(|list| list.split(' ').any(|name| name == wanted));
        let reply = if offers("PLAIN") {
            let blob = format!("\0{}\0{}", login.user, login.password.expose());
            let command = Secret::new(format!("AUTH PLAIN {}", BASE64_STANDARD.encode(Secret::new(blob).expose())));
            self.ask_hidden(&command, "AUTH PLAIN [hidden]")?
        } else if offers("LOGIN") {
            let reply = self.ask("AUTH LOGIN", "AUTH LOGIN")?;
            self.expect(&reply, 3, "AUTH LOGIN")?;
            let user = BASE64_STANDARD.encode(&login.user);
            let reply = self.ask(&user, &user)?;
            self.expect(&reply, 3, "the user name")?;
            self.ask_hidden(&Secret::new(BASE64_STANDARD.encode(login.password.expose())), "[hidden]")?
        } else {
            let hint =
                "the listener may want TLS first (--tls starttls), or this device is admitted by address (--no-auth)";
            return Err(Failure::new("the server offers no AUTH PLAIN or LOGIN", hint));
        };
        self.expect(&reply, 2, "the login")
    }

    pub fn deliver(&mut self, from: &str, to: &[String], message: &[u8]) -> Result<(), Failure> {
        let mail = format!("MAIL FROM:<{from}>");
        let reply = self.ask(&mail, &mail)?;
        self.expect(&reply, 2, "the sender")?;
        for to in to {
            let rcpt = format!("RCPT TO:<{to}>");
            let reply = self.ask(&rcpt, &rcpt)?;
            self.expect(&reply, 2, &format!("the recipient {to}"))?;
        }
        let reply = self.ask("DATA", "DATA")?;
        self.expect(&reply, 3, "DATA")?;
        (self.show)(format!("> ({} bytes of message)", message.len()));
        let mut body = stuffed(message);
        body.extend_from_slice(b".\r\n");
        self.write(&body)?;
        let reply = self.reply("the end of the message")?;
        self.expect(&reply, 2, "the message")
    }

    /// Says goodbye; the message is delivered whatever comes back.
    pub fn quit(&mut self) {
        let _ = self.ask("QUIT", "QUIT");
    }

    fn expect(&self, reply: &Reply, class: u16, what: &str) -> Result<(), Failure> {
        if reply.code / 100 == class {
            return Ok(());
        }
        let said = printable(&format!("{} {}", reply.code, reply.lines.join(" ")), 400);
        let hint = hint(&said, reply.code, self.target.account.as_deref());
        Err(Failure::new(format!("the server refused {what}: {said}"), hint))
    }

    fn hello(&mut self) -> Result<(), Failure> {
        let reply = self.ask("EHLO gatepost-send.invalid", "EHLO gatepost-send.invalid")?;
        self.expect(&reply, 2, "EHLO")?;
        self.offers = reply.lines.iter().skip(1).map(|line| line.to_uppercase()).collect();
        Ok(())
    }

    fn ask(&mut self, command: &str, shown: &str) -> Result<Reply, Failure> {
        (self.show)(format!("> {shown}"));
        self.write(format!("{command}\r\n").as_bytes())?;
        self.reply(shown)
    }

    fn ask_hidden(&mut self, command: &Secret, shown: &str) -> Result<Reply, Failure> {
        (self.show)(format!("> {shown}"));
        let line = Secret::new(format!("{}\r\n", command.expose()));
        self.write(line.expose().as_bytes())?;
        self.reply(shown)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(stream) = &mut self.stream else { return Err(gone()) };
        let stream = stream.get_mut();
        stream
            .write_all(bytes)
            .and_then(|()| stream.flush())
            .map_err(|e| Failure::new(format!("the connection broke: {e}"), "see the log of the daemon"))
    }

    /// One reply, however many lines it has.
    fn reply(&mut self, to: &str) -> Result<Reply, Failure> {
        let mut lines = Vec::new();
        while lines.len() < LINES {
            let line = self.line(to)?;
            (self.show)(format!("< {}", printable(&line, 1000)));
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let Some(code) = code else {
                let text = format!("the server does not speak SMTP: \"{}\"", printable(&line, 80));
                return Err(Failure::new(text, "check the port; a TLS port needs --tls implicit"));
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
        Err(Failure::new(format!("the reply to {to} does not end"), "see the log of the daemon"))
    }

    fn line(&mut self, to: &str) -> Result<String, Failure> {
        let Some(stream) = &mut self.stream else { return Err(gone()) };
        let mut line = Vec::new();
        match stream.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) => Err(Failure::new(
                format!("the server closed the connection while {to} was answered"),
                "see the log of the daemon",
            )),
            Ok(_) => Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
            Err(e) => Err(Failure::new(
                format!("no answer to {to}: {e}"),
                "a TLS port needs --tls implicit; else see the log of the daemon",
            )),
        }
    }
}

/// What to do about a reply: what the catalogue says of it, and where it knows nothing, what its class does.
fn hint(said: &str, code: u16, account: Option<&str>) -> String {
    let known = explain::read(said).first().map(|found| found.entry);
    let passes = known.map_or(matches!(code, 400..500), |entry| entry.passes_by_itself);
    let first = match (code, known) {
        (535, Some(entry)) if entry.id == BAD_CREDENTIALS.id => {
            Some("check user and password: the local one, not the provider's")
        }
        _ if passes => Some("it passes by itself: try again later"),
        _ => None,
    };
    let explained = known.map(|entry| match account {
        Some(account) => format!("`gatepost explain {} --account {account}` tells more", entry.id),
        None => format!("`gatepost explain {}` tells more", entry.id),
    });
    let hints: Vec<String> = first.map(str::to_owned).into_iter().chain(explained).collect();
    match hints.as_slice() {
        [] => "see the log of the daemon: what it cannot explain stands there in the server's words".to_owned(),
        hints => hints.join("; "),
    }
}

fn gone() -> Failure {
    Failure::new("the connection is gone", "run the command again")
}

/// RFC 5321 4.5.2: a line that begins with a dot gets another.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    let mut line_begins = true;
    for byte in message {
        if line_begins && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        line_begins = *byte == b'\n';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was told of whatever a 4yz reply said, also of what `gatepost explain` says no such thing of.
    #[test]
    fn what_does_not_pass_by_itself_is_not_said_to() {
        for id in ["proxy-forbids", "proxy-login-refused", "upstream-tls-untrusted", "proxy-scheme-unknown"] {
            let told = hint(&format!("454 4.7.0 no [gatepost {id}]"), 454, Some("ann@contoso.com"));
            assert_eq!(told, format!("`gatepost explain {id} --account ann@contoso.com` tells more"));
        }
        let told = hint("454 4.7.0 no [gatepost upstream-unavailable]", 454, None);
        assert!(told.starts_with("it passes by itself: try again later; "), "{told}");
        assert_eq!(hint("450 4.3.0 not now, who knows why", 450, None), "it passes by itself: try again later");
    }

    #[test]
    fn dots_at_line_begin_are_doubled() {
        assert_eq!(stuffed(b".a\r\nb.\r\n..c\r\n"), b"..a\r\nb.\r\n...c\r\n");
    }
}
