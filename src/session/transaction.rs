//! DATA: the message body on its way through, and the one log line about it.
//!
//! The 354 is ours. The header block is read first (cap 256 KiB), then DATA goes upstream and the body streams
//! through two buffers of fixed size. A refusal, ours or the upstream's, does not stop the reading: the client is
//! told at the end of data, and an upstream that was in mid-body is closed without the final dot.

use std::time::{Duration, Instant};

use mailparse::{MailAddr, MailHeader};
use tokio::time::timeout;
use tracing::info;

use super::relay::{Next, Relay, lost_reply, softened};
use crate::{
    base::{Protocol, printable},
    meter::{Direction, Outcome},
    net::read_up_to,
    outbound::{Channel, Lost},
    wire::{
        lines::Lines,
        smtp::{Body, Mail, Reply, SIZE_LIMIT, body::Flaw},
    },
};

const HEADER_CAP: usize = 256 * 1024;
/// One read of the body; one buffer of about twice this size is all that a message of any size takes.
const CHUNK: usize = 32 * 1024;
/// Between two pieces of the body (RFC 5321 4.5.3.2.5 says three minutes at least).
const CLIENT_WAIT: Duration = Duration::from_secs(5 * 60);

/// The envelope of the message that is open.
#[derive(Debug)]
pub(super) struct Envelope {
    mail: Mail,
    recipients: usize,
    started: Instant,
}

impl Envelope {
    pub(super) fn new(mail: Mail) -> Self {
        Self { mail, recipients: 0, started: Instant::now() }
    }

    pub(super) fn note(&mut self, reply: &Reply) {
        self.recipients += usize::from(reply.is_positive());
    }

    pub(super) const fn recipients(&self) -> usize {
        self.recipients
    }
}

/// Where the message goes.
enum Way {
    /// The header block is still being gathered; the upstream has heard no DATA.
    Held(Channel),
    Open(Channel),
    /// Nothing more goes upstream; the reply waits for the end of data.
    Refused {
        reply: Reply,
        channel: Option<Channel>,
    },
}

/// Reads the message behind DATA and passes it on.
pub(super) async fn run(relay: &mut Relay<'_>, envelope: Envelope, channel: Channel) -> Next {
    if relay.say(&Reply::new(354, "Start mail input; end with <CRLF>.<CRLF>")).await == Next::Ends {
        return Next::Ends;
    }
    let mut passage = Passage {
        body: Body::new(),
        way: Way::Held(channel),
        out: Vec::new(),
        octets: 0,
        message_id: String::new(),
        utf8: envelope.mail.utf8,
    };
    let Some(reply) = passage.pass(relay).await else {
        record(relay, &envelope, &passage, None);
        return Next::Ends;
    };
    record(relay, &envelope, &passage, Some(&reply));
    relay.channel = match passage.way {
        Way::Open(channel) | Way::Held(channel) | Way::Refused { channel: Some(channel), .. }
            if channel.is_usable() =>
        {
            Some(channel)
        }
        _ => None,
    };
    relay.say(&softened(reply)).await
}

struct Passage {
    body: Body,
    way: Way,
    /// Bytes for the upstream: the header block while it is held, then one chunk at a time.
    out: Vec<u8>,
    octets: u64,
    message_id: String,
    /// MAIL said SMTPUTF8.
    utf8: bool,
}

impl Passage {
    /// The final reply for the client, or `None` if the client is gone.
    async fn pass(&mut self, relay: &mut Relay<'_>) -> Option<Reply> {
        let ahead = relay.input.set_aside();
        let mut before = self.out.len();
        let mut ended = self.swallow(&ahead, &mut relay.input);
        drop(ahead);
        loop {
            if let Some(reply) = self.objection() {
                self.refuse(reply).await;
            }
            self.forward(before, ended, relay).await;
            if ended {
                return Some(self.finish().await);
            }
            before = self.out.len();
            let (client, input) = (&mut relay.client, &mut relay.input);
            let read = read_up_to::<CHUNK, _>(client, |bytes| ended = self.swallow(bytes, input));
            match timeout(CLIENT_WAIT, read).await {
                Ok(Ok(n)) if n > 0 => {}
                _ => return None,
            }
        }
    }

    /// One piece of the client's input; true when the data has ended. What lies behind the end is the next command.
    fn swallow(&mut self, piece: &[u8], input: &mut Lines) -> bool {
        let before = self.out.len();
        let passed = self.body.pass(piece, &mut self.out);
        self.octets += (self.out.len() - before) as u64;
        input.feed(piece.get(passed.consumed..).unwrap_or_default());
        passed.ended
    }

    fn objection(&self) -> Option<Reply> {
        match self.body.flaw() {
            Some(Flaw::BareCr) => {
                return Some(Reply::new(
                    554,
                    "5.6.11 The message holds a bare CR, which is not allowed [gatepost bare-cr]",
                ));
            }
            Some(Flaw::Nul) => {
                return Some(Reply::new(
                    554,
                    "5.6.11 The message holds a NUL byte, which is not allowed [gatepost nul-byte]",
                ));
            }
            None => {}
        }
        if self.octets > SIZE_LIMIT {
            return Some(Reply::new(552, format!("5.3.4 Message larger than {SIZE_LIMIT} octets")));
        }
        let held = matches!(self.way, Way::Held(_));
        (held && self.out.len() > HEADER_CAP && header_end(&self.out, 0).is_none())
            .then(|| Reply::new(552, "5.3.4 Header block larger than 256 KiB"))
    }

    /// A refusal of ours: an upstream in mid-body is closed without the final dot, one that waits serves again.
    async fn refuse(&mut self, reply: Reply) {
        let placeholder = Way::Refused { reply: reply.clone(), channel: None };
        self.way = match std::mem::replace(&mut self.way, placeholder) {
            Way::Held(channel) => unopened(reply, channel).await,
            Way::Open(_) => Way::Refused { reply, channel: None },
            already @ Way::Refused { .. } => already,
        };
    }

    async fn forward(&mut self, before: usize, ended: bool, relay: &Relay<'_>) {
        if matches!(self.way, Way::Held(_)) {
            let complete = header_end(&self.out, before.saturating_sub(3));
            if complete.is_none() && !ended {
                return;
            }
            let head = self.out.get(..complete.unwrap_or(self.out.len())).unwrap_or_default();
            let ascii = head.is_ascii();
            let headers = Headers::read(head);
            self.message_id = headers.message_id;
            let account = &relay.admitted.account;
            match headers.from.iter().find(|sender| !account.may_send_as(sender)) {
                Some(sender) => self.refuse(relay.not_allowed(sender)).await,
                None => self.open(ascii).await,
            }
        }
        if let Way::Open(channel) = &mut self.way
            && let Err(lost) = channel.body(&self.out).await
        {
            // The upstream may have said why before it closed.
            let words = channel.last_words().await.filter(|reply| reply.code >= 400);
            let reply = words.unwrap_or_else(|| lost_reply(&lost));
            self.way = Way::Refused { reply, channel: None };
        }
        self.out.clear();
    }

    async fn open(&mut self, ascii: bool) {
        let placeholder = Way::Refused { reply: lost_reply(&Lost::Closed), channel: None };
        if let Way::Held(mut channel) = std::mem::replace(&mut self.way, placeholder) {
            if self.utf8 && !ascii && !channel.carries().utf8 {
                let reply = Reply::new(550, "5.6.7 The mail server does not take headers outside ASCII");
                self.way = unopened(reply, channel).await;
                return;
            }
            self.way = match channel.data().await {
                Ok(reply) if reply.code == 354 => Way::Open(channel),
                Ok(reply) => unopened(reply, channel).await,
                Err(lost) => Way::Refused { reply: lost_reply(&lost), channel: None },
            };
        }
    }

    async fn finish(&mut self) -> Reply {
        match &mut self.way {
            Way::Refused { reply, .. } => reply.clone(),
            Way::Held(channel) | Way::Open(channel) => match channel.finish().await {
                Ok(reply) => reply,
                Err(lost) => Reply::new(
                    451,
                    format!(
                        "4.4.2 No answer to the whole message, it may have been delivered: {lost} [gatepost upstream-lost]"
                    ),
                ),
            },
        }
    }
}

/// DATA was not begun, so the transaction is still open upstream; it is ended there before the connection serves again.
async fn unopened(reply: Reply, mut channel: Channel) -> Way {
    let reset = channel.is_usable() && channel.rset().await.is_ok_and(|reply| reply.is_positive());
    Way::Refused { reply, channel: reset.then_some(channel) }
}

/// Where the header block ends, its empty line included.
fn header_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    let rest = bytes.get(from..)?;
    memchr::memmem::find(rest, b"\r\n\r\n").map(|at| from + at + 4)
}

/// What we want to know of a header block.
struct Headers {
    message_id: String,
    /// Every address in every From; a From that cannot be read stands here as it is, so that no rule allows it.
    from: Vec<String>,
}

impl Headers {
    /// `head` is dot-stuffed, as it goes upstream; it is read as it will be read there (RFC 5321 4.5.2). Line by line,
    /// since a parser that gives up at an odd line would see no From behind it.
    fn read(head: &[u8]) -> Self {
        let mut read = Self { message_id: String::new(), from: Vec::new() };
        for field in fields(&unstuffed(head)) {
            let Ok((header, _)) = mailparse::parse_header(field) else { continue };
            // RFC 5322 4.5 has spaces before the colon.
            let name = header.get_key_ref().trim().to_ascii_lowercase();
            match name.as_str() {
                "from" => read.from.extend(senders(&header)),
                "message-id" if read.message_id.is_empty() => {
                    read.message_id = printable(header.get_value().trim(), 200);
                }
                _ => {}
            }
        }
        read
    }
}

/// Takes the dots away that stand at the start of lines for the way alone.
fn unstuffed(head: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        plain.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    plain
}

/// A header block cut into fields, each with its folded lines. A folded line that folds nothing is a field, too:
/// whoever reads it may not care about the space before it.
fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head.trim_ascii_start();
    std::iter::from_fn(move || {
        let mut end = 0;
        while let Some(line) = rest.get(end..).and_then(|tail| memchr::memchr(b'\n', tail)) {
            end += line + 1;
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let end = if end == 0 { rest.len() } else { end };
        let (field, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!field.is_empty()).then_some(field)
    })
}

fn senders(header: &MailHeader<'_>) -> Vec<String> {
    match mailparse::addrparse_header(header) {
        Ok(list) if !list.is_empty() => list
            .iter()
            .flat_map(|one| match one {
                MailAddr::Single(single) => vec![single.addr.clone()],
                MailAddr::Group(group) => group.addrs.iter().map(|single| single.addr.clone()).collect(),
            })
            .collect(),
        _ => vec![header.get_value()],
    }
}

/// The one line per message.
fn record(relay: &Relay<'_>, envelope: &Envelope, passage: &Passage, reply: Option<&Reply>) {
    let outcome = match reply {
        None => Outcome::Lost,
        Some(reply) if reply.is_positive() => Outcome::Accepted,
        Some(reply) if reply.is_transient() => Outcome::RefusedForNow,
        Some(_) => Outcome::Refused,
    };
    relay.gate.meter.message(outcome, envelope.started.elapsed());
    relay.gate.meter.carried(Protocol::Smtp, Direction::ToUpstream, passage.octets);
    let text = reply.map_or_else(|| "client left in mid-message, nothing was delivered".to_owned(), Reply::text);
    info!(
        session = relay.entry.id(),
        account = relay.admitted.account.address,
        client = relay.admitted.client_name(),
        sender = printable(&envelope.mail.address, 320),
        recipients = envelope.recipients,
        bytes = passage.octets,
        message_id = passage.message_id,
        reply = printable(&text, 300),
        ms = envelope.started.elapsed().as_millis() as u64,
        normalised_line_feeds = passage.body.normalised(),
        "message {}",
        outcome.as_str()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_block_ends_at_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody\r\n\r\n", 0), Some(8));
        assert_eq!(header_end(b"\r\nbody", 0), Some(2));
        assert_eq!(header_end(b"A: b\r\n", 0), None);
    }

    #[test]
    fn the_message_id_is_found_folded_or_not() {
        assert_eq!(Headers::read(b"Subject: x\r\nMESSAGE-ID:\r\n <a@b>\r\n\r\n").message_id, "<a@b>");
        assert_eq!(Headers::read(b"\r\n").message_id, "");
    }

    #[test]
    fn every_address_of_every_from_is_found_and_one_that_cannot_be_read_is_kept() {
        let from = |head: &str| Headers::read(head.as_bytes()).from;
        assert_eq!(from("From: \"Ann, of Sales\" <ann@a.example>\r\n\r\n"), ["ann@a.example"]);
        assert_eq!(from("FROM: ann@a.example (Ann)\r\n\r\n"), ["ann@a.example"]);
        assert_eq!(
            from("From:\r\n =?utf-8?q?=C3=84nn?= <a@b.example>,\r\n\tc@d.example\r\n\r\n"),
            ["a@b.example", "c@d.example"]
        );
        assert_eq!(
            from("From: a@b.example\r\nSubject: x\r\nFrom: c@d.example\r\n\r\n"),
            ["a@b.example", "c@d.example"]
        );
        assert_eq!(from("From: all: a@b.example, c@d.example;\r\n\r\n"), ["a@b.example", "c@d.example"]);
        assert_eq!(from("From: <<oops\r\n\r\n"), ["<<oops"]);
        assert_eq!(from(" folded\r\nFrom : a@b.example\r\n\r\n"), ["a@b.example"]);
        assert_eq!(from("Subject: none\r\n\r\n"), [""; 0]);
    }

    #[test]
    fn a_from_is_found_behind_the_dots_of_the_way_and_behind_lines_that_are_no_headers() {
        let from = |head: &str| Headers::read(head.as_bytes()).from;
        assert_eq!(from(".From: a@b.example\r\n\r\n"), ["a@b.example"]);
        assert_eq!(from("From: a@b.example\r\n.From: c@d.example\r\n\r\n"), ["a@b.example", "c@d.example"]);
        assert_eq!(from("X-Junk\r\n folded\r\nFrom: a@b.example\r\n\r\n"), ["a@b.example"]);
        assert_eq!(from("Subject: x\r\n\r\n\r\nFrom: a@b.example\r\n\r\n"), ["a@b.example"], "nothing is skipped");
        assert_eq!(from("From: a@b.example"), ["a@b.example"]);
    }
}
