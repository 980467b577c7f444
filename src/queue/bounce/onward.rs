//! A notice that its sender cannot get, for the postmaster: addressed to them, with a word why they have it, and the
//! notice itself as it was.
//!
//! Composed anew and not only sent to somebody else: a way out without an envelope goes by To, and a reader who finds
//! another name there does not know what to do with it. Pure: same facts, same text.

use std::fmt::Write as _;

use super::{
    facts::{Onward, date},
    mime, report, words,
};

/// What stands before the notice and behind it, in the form of the spool: CRLF lines, dot-stuffed, as the notice is.
pub(super) fn around(onward: &Onward<'_>) -> (String, String) {
    let Onward { host, mailbox, postmaster, sender, id, boundary, now, .. } = onward;
    let subject = mime::header_text(&words::subject_onward(onward.lang, sender));
    let mut out = format!("From: \"Gatepost mail delivery\" <{mailbox}>\r\nTo: <{postmaster}>\r\n");
    let _ = write!(out, "Subject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}@{host}>\r\n", date(*now));
    // RFC 3834 5.2.
    out.push_str("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
    let _ = write!(
        out,
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
         This is a notice that the sender of a message cannot get.\r\n"
    );
    report::part(boundary, "text/plain; charset=utf-8", words::onward(onward).as_bytes(), &mut out);
    // RFC 6532 3.7: an address outside ASCII stands in its To.
    let kind = if sender.is_ascii() { "message/rfc822" } else { "message/global" };
    let _ = write!(out, "--{boundary}\r\nContent-Type: {kind}\r\n\r\n");
    (mime::stuffed(&out), format!("\r\n--{boundary}--\r\n"))
}
