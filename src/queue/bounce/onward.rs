//! A notice that its sender cannot get, for the postmaster: addressed to them, with a word why they have it, and the
//! notice itself as it was.
//!
//! Composed anew and not only sent to somebody else: a way out without an envelope goes by To, and a reader who finds
//! another name there does not know what to do with it. Pure: same facts, same text.

use std::{fmt::Write as _, time::SystemTime};

use super::{mime, report};

pub(super) struct Onward<'a> {
    pub host: &'a str,
    pub mailbox: &'a str,
    pub postmaster: &'a str,
    /// Whom the notice was for, and why they cannot get it.
    pub sender: &'a str,
    pub reply: &'a str,
    pub now: SystemTime,
    /// Two words that nobody can guess.
    pub id: &'a str,
    pub boundary: &'a str,
}

/// What stands before the notice and behind it, in the form of the spool: CRLF lines, dot-stuffed, as the notice is.
pub(super) fn around(onward: &Onward<'_>) -> (String, String) {
    let Onward { host, mailbox, postmaster, sender, id, boundary, now, .. } = onward;
    let subject = mime::header_text(&format!("Not delivered: a notice for {sender}"));
    let mut out = format!("From: \"Gatepost mail delivery\" <{mailbox}>\r\nTo: <{postmaster}>\r\n");
    let _ = write!(out, "Subject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}@{host}>\r\n", report::date(*now));
    // RFC 3834 5.2.
    out.push_str("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
    let _ = write!(
        out,
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
         This is a notice that the sender of a message cannot get.\r\n"
    );
    report::part(boundary, "text/plain; charset=utf-8", words(onward).as_bytes(), &mut out);
    // RFC 6532 3.7: an address outside ASCII stands in its To.
    let kind = if sender.is_ascii() { "message/rfc822" } else { "message/global" };
    let _ = write!(out, "--{boundary}\r\nContent-Type: {kind}\r\n\r\n");
    (mime::stuffed(&out), format!("\r\n--{boundary}--\r\n"))
}

fn words(onward: &Onward<'_>) -> String {
    let Onward { host, mailbox, sender, reply, .. } = onward;
    format!(
        "<{sender}> sent a message that could not be delivered, and the notice about it cannot be\r\n\
         delivered to them either:\r\n\r\n  {reply}\r\n\r\n\
         You get it because Gatepost's configuration names you as the postmaster (queue.postmaster).\r\n\
         The notice follows.\r\n\r\n-- \r\nGatepost on {host}, for the mailbox {mailbox}\r\n"
    )
}
