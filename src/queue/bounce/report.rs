//! The text of a notice: multipart/report (RFC 6522) with words for people, a delivery status (RFC 3464) and the header
//! of the message that failed. Pure: same facts, same text.

use std::fmt::Write as _;

use super::{
    advice,
    facts::{FIELD_CAP, Facts, date},
    mime, words,
};

/// In the form of the spool: CRLF lines, dot-stuffed.
pub(super) fn compose(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    head(facts, &mut out);
    part(facts.boundary, "text/plain; charset=utf-8", words::notice(facts).as_bytes(), &mut out);
    part(facts.boundary, "message/delivery-status", status(facts).as_bytes(), &mut out);
    part(facts.boundary, "text/rfc822-headers", facts.head, &mut out);
    let _ = write!(out, "--{}--\r\n", facts.boundary);
    mime::stuffed(&out)
}

fn head(facts: &Facts<'_>, out: &mut String) {
    let Facts { host, mailbox, id, boundary, .. } = facts;
    let subject = mime::header_text(&words::subject(facts));
    let _ = write!(out, "From: \"Gatepost mail delivery\" <{mailbox}>\r\nTo: <{}>\r\n", facts.sender.address);
    let _ = write!(out, "Subject: {subject}\r\nDate: {}\r\n", date(facts.now));
    let _ = write!(out, "Message-ID: <{id}@{host}>\r\n");
    if let Some(original) = facts.original_id() {
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
