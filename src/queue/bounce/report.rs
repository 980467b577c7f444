//! The text of a notice: multipart/report (RFC 6522) with words for people, a delivery status (RFC 3464) and the header
//! of the message that failed. Pure: same facts, same text.

use std::{fmt::Write as _, time::SystemTime};

use jiff::Timestamp;
use mailparse::MailHeaderMap;

use super::{advice, mime};
use crate::{
    queue::envelope::read_recipient,
    store::{QueuedMessage, QueuedRecipient},
    wire::smtp::{Mail, Rcpt},
};

/// Of a Message-ID or an answer of a stranger.
const FIELD_CAP: usize = 900;

pub(super) struct Facts<'a> {
    pub host: &'a str,
    pub mailbox: &'a str,
    pub message: &'a QueuedMessage,
    pub sender: &'a Mail,
    pub failed: &'a [Failed],
    /// The header block of the message.
    pub head: &'a [u8],
    pub now: SystemTime,
    /// Two words that nobody can guess.
    pub id: &'a str,
    pub boundary: &'a str,
}

/// One recipient that the sender is to hear of.
pub(super) struct Failed {
    rcpt: Rcpt,
    reply: String,
}

impl Failed {
    /// `None`: no notice is wanted for this one (RFC 3461 4.1). Where nothing is said, failures are told.
    pub fn of(recipient: &QueuedRecipient) -> Option<Self> {
        let rcpt = read_recipient(&recipient.line)?;
        let says = |notify: &str| notify.split(',').any(|word| word.eq_ignore_ascii_case("FAILURE"));
        let wants = rcpt.notify.as_deref().is_none_or(says);
        wants.then(|| Self { reply: recipient.reply.clone().unwrap_or_default(), rcpt })
    }
}

/// In the form of the spool: CRLF lines, dot-stuffed.
pub(super) fn compose(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    head(facts, &mut out);
    part(facts.boundary, "text/plain; charset=utf-8", words(facts).as_bytes(), &mut out);
    part(facts.boundary, "message/delivery-status", status(facts).as_bytes(), &mut out);
    part(facts.boundary, "text/rfc822-headers", facts.head, &mut out);
    let _ = write!(out, "--{}--\r\n", facts.boundary);
    mime::stuffed(&out)
}

fn head(facts: &Facts<'_>, out: &mut String) {
    let Facts { host, mailbox, id, boundary, .. } = facts;
    let about = match facts.failed {
        [only] => format!("Not delivered to {}", only.rcpt.address),
        _ => format!("Not delivered to {} recipients", facts.failed.len()),
    };
    let subject = subject(facts).map_or(about.clone(), |subject| format!("{about}: {subject}"));
    let _ = write!(out, "From: \"Gatepost mail delivery\" <{mailbox}>\r\nTo: <{}>\r\n", facts.sender.address);
    let _ = write!(out, "Subject: {}\r\nDate: {}\r\n", mime::header_text(&subject), date(facts.now));
    let _ = write!(out, "Message-ID: <{id}@{host}>\r\n");
    if let Some(original) = original_id(facts) {
        let _ = write!(out, "In-Reply-To: {original}\r\nReferences: {original}\r\n");
    }
    // RFC 3834 5.2.
    out.push_str("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
    let _ = write!(
        out,
        "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\r\n\
         This is a notice about a message that could not be delivered.\r\n"
    );
}

pub(super) fn part(boundary: &str, kind: &str, content: &[u8], out: &mut String) {
    let _ = write!(out, "--{boundary}\r\nContent-Type: {kind}\r\n");
    match std::str::from_utf8(content).ok().filter(|_| mime::is_plain(content)) {
        Some(text) => {
            out.push_str("\r\n");
            out.push_str(text);
        }
        None => {
            out.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
            out.push_str(&mime::quoted_printable(content));
        }
    }
    out.push_str("\r\n");
}

fn words(facts: &Facts<'_>) -> String {
    let message = facts.message;
    let mut out = String::from("Your message could not be delivered to");
    out.push_str(if facts.failed.len() == 1 { " this recipient:\r\n" } else { " these recipients:\r\n" });
    for one in facts.failed {
        let (cause, next) = advice::advice(&advice::status(&one.reply));
        let _ = write!(
            out,
            "\r\n<{}>\r\n  Answer:  {}\r\n  Meaning: {cause}\r\n  To do:   {next}\r\n",
            one.rcpt.address, one.reply
        );
    }
    out.push_str("\r\nNothing more is tried for them. The message was:\r\n\r\n");
    if let Some(subject) = subject(facts) {
        let _ = write!(out, "  Subject:  {subject}\r\n");
    }
    let _ = write!(
        out,
        "  Accepted: {}\r\n  Queue id: {}\r\n\r\n-- \r\nGatepost on {}, for the mailbox {}\r\n",
        date(message.accepted_at),
        message.id,
        facts.host,
        facts.mailbox
    );
    out
}

fn status(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    if let Some(envid) = facts.sender.envid.as_deref().and_then(seven_bit) {
        let _ = write!(out, "Original-Envelope-Id: {envid}\r\n");
    }
    let _ = write!(
        out,
        "Reporting-MTA: dns; {}\r\nArrival-Date: {}\r\nX-Gatepost-Queue-ID: {}\r\n",
        facts.host,
        date(facts.message.accepted_at),
        facts.message.id
    );
    for one in facts.failed {
        out.push_str("\r\n");
        if let Some((kind, address)) = one.rcpt.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';'))
            && let Some(address) = seven_bit(address)
        {
            let _ = write!(out, "Original-Recipient: {kind}; {address}\r\n");
        }
        let _ = write!(
            out,
            "Final-Recipient: {}\r\nAction: failed\r\nStatus: {}\r\nDiagnostic-Code: smtp; {}\r\nLast-Attempt-Date: {}\r\n",
            mime::typed_address(&one.rcpt.address),
            advice::status(&one.reply),
            cut(&ascii(&one.reply)),
            date(facts.now)
        );
    }
    out
}

fn subject(facts: &Facts<'_>) -> Option<String> {
    let (headers, _) = mailparse::parse_headers(facts.head).ok()?;
    let subject: String = headers.get_first_value("Subject")?.chars().take(200).collect();
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(subject.trim().to_owned()).filter(|subject| !subject.is_empty())
}

/// Only one that is a message id may stand in a field of ours.
fn original_id(facts: &Facts<'_>) -> Option<String> {
    let (headers, _) = mailparse::parse_headers(facts.head).ok()?;
    let id = headers.get_first_value("Message-ID")?.trim().to_owned();
    let is_one = id.starts_with('<') && id.ends_with('>') && id.len() <= FIELD_CAP;
    (is_one && id.bytes().all(|byte| byte.is_ascii_graphic())).then_some(id)
}

pub(super) fn date(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A value in xtext as it was before. A delivery status goes in 7bit alone (RFC 3464 2.1): where it would take more, it
/// stays in xtext.
fn seven_bit(xtext: &str) -> Option<String> {
    let plain = mime::from_xtext(xtext)?;
    Some(if plain.is_ascii() { plain } else { ascii(xtext) })
}

/// For one line (RFC 5322 2.1.1); the whole of it stands in the part for people.
fn cut(text: &str) -> &str {
    text.get(..FIELD_CAP).unwrap_or(text)
}

/// RFC 3464 has no other characters.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() && !c.is_control() { c } else { '?' }).collect()
}
