//! What is read of a message's header block on its way: who it is from, and the name that the log gives it.
//!
//! It changes nothing and refuses nothing; it only sees to it that no From stays unseen that the upstream would see.

use std::borrow::Cow;

use mailparse::{MailAddr, MailHeader};

use super::{
    block::{fields, name},
    raw_japanese::{possible_addresses, with_encoded_words},
};
use crate::base::{is_mailbox, printable};

/// What we want to know of a header block.
#[derive(Debug, Default)]
pub struct Headers {
    /// Printable; empty where there is none.
    pub message_id: String,
    /// Every address in every From, without the white space and the quotes that mean nothing (RFC 5322 3.4.1). One that
    /// cannot be read for sure stands here as it is, so that no rule allows it.
    pub from: Vec<String>,
    /// The same of every Sender: who sends on behalf of those in From (RFC 5322 3.6.2).
    pub sender: Vec<String>,
    /// All From and Sender together are larger than `FROM_CAP`, and were not read to the end.
    pub is_from_too_large: bool,
}

/// In octets, far more than a list of senders needs. What takes an address apart may need the square of its size.
pub const FROM_CAP: usize = 8 * 1024;
/// Of a Message-ID this much is looked at.
const MESSAGE_ID_CAP: usize = 200;

impl Headers {
    /// `head` is dot-stuffed, as it goes upstream; it is read as it will be read there (RFC 5321 4.5.2). Line by line,
    /// since a parser that gives up at an odd line would see no From behind it.
    pub fn read(head: &[u8]) -> Self {
        Self::of_plain(&unstuffed(head))
    }

    /// The same without the dots of the way.
    pub(super) fn of_plain(plain: &[u8]) -> Self {
        let mut read =
            Self { message_id: String::new(), from: Vec::new(), sender: Vec::new(), is_from_too_large: false };
        let mut left = FROM_CAP;
        for field in fields(plain) {
            let Ok((header, _)) = mailparse::parse_header(field.trim_ascii_start()) else { continue };
            match name(&header).as_str() {
                name @ ("from" | "sender") => match left.checked_sub(field.len()) {
                    Some(rest) => {
                        left = rest;
                        let found = if name == "from" { &mut read.from } else { &mut read.sender };
                        found.extend(senders_of(field));
                    }
                    None => read.is_from_too_large = true,
                },
                "message-id" if read.message_id.is_empty() => {
                    let value = header.get_value_raw().trim_ascii();
                    let value = value.get(..value.len().min(MESSAGE_ID_CAP)).unwrap_or_default();
                    read.message_id = printable(&String::from_utf8_lossy(value), MESSAGE_ID_CAP);
                }
                _ => {}
            }
        }
        read
    }
}

/// Takes the dots away that stand at the start of lines for the way alone.
pub(super) fn unstuffed(head: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        plain.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    plain
}

/// A name in raw Japanese is none of theirs, and hides nobody.
fn senders_of(field: &[u8]) -> Vec<String> {
    let readable = with_encoded_words(field.trim_ascii_start());
    let Ok((header, _)) = mailparse::parse_header(&readable) else { return Vec::new() };
    let mut found = senders(&header);
    if let Cow::Owned(readable) = &readable {
        found.extend(possible_addresses(readable));
        found.dedup();
    }
    found
}

fn senders(header: &MailHeader<'_>) -> Vec<String> {
    match mailparse::addrparse_header(header) {
        Ok(list) if !list.is_empty() => list
            .iter()
            .flat_map(|one| match one {
                MailAddr::Single(single) => vec![plain(&single.addr)],
                MailAddr::Group(group) => group.addrs.iter().map(|single| plain(&single.addr)).collect(),
            })
            .collect(),
        // As it is written: what stands in an encoded word is no address (RFC 2047 5).
        _ => {
            let alone = std::str::from_utf8(header.get_value_raw()).ok().and_then(|raw| unquoted(trimmed(raw)));
            vec![alone.unwrap_or_else(|| header.get_value())]
        }
    }
}

fn plain(written: &str) -> String {
    let address = trimmed(written);
    unquoted(address).unwrap_or_else(|| address.to_owned())
}

/// A fold leaves white space, too. Of any other than this it is not sure that the upstream passes over it.
fn trimmed(written: &str) -> &str {
    written.trim_matches([' ', '\t', '\r', '\n'])
}

/// `"ann"@contoso.com` is ann's (RFC 5321 4.1.2). Quotes that something odd needs stay.
fn unquoted(address: &str) -> Option<String> {
    let (local, domain) = address.strip_prefix('"')?.split_once("\"@")?;
    Some(format!("{local}@{domain}")).filter(|address| is_mailbox(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_block_ends_at_the_first_empty_line() {
        let header_end = super::super::header_end;
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
    fn a_from_of_thousands_of_words_is_not_taken_apart() {
        let words = "=?utf-8?q?a?= ".repeat(14_000);
        let read = Headers::read(format!("From: {words}\r\nMessage-ID: {words}\r\n\r\n").as_bytes());
        assert!(read.is_from_too_large && read.from.is_empty());
        assert_eq!(read.message_id.len(), MESSAGE_ID_CAP);
        let halves = format!("From: {0}\r\nFrom: {0}\r\n\r\n", "a@b.example, ".repeat(FROM_CAP / 20));
        assert!(Headers::read(halves.as_bytes()).is_from_too_large, "it is all of them that count");
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
        for own in [
            "Ann <ann@a.example >",
            "< ann@a.example>",
            "<\tann@a.example\t>",
            "Ann <\r\n ann@a.example>",
            "all: < ann@a.example >;",
            "\"ann\"@a.example",
            "Ann <\"ann\"@a.example>",
            "Ann <\r\n \"ann\"@a.example >",
        ] {
            assert_eq!(from(&format!("From: {own}\r\n\r\n")), ["ann@a.example"], "{own}");
            assert_eq!(Headers::read(format!("Sender: {own}\r\n\r\n").as_bytes()).sender, ["ann@a.example"], "{own}");
        }
        for odd in [
            "<(eve) ann@a.example>",
            "<ann@a.example (eve)>",
            "<ann @a.example>",
            "<ann@ a.example>",
            "<\u{a0}ann@a.example>",
            "<ann\u{a0}@a.example>",
            "\"an\\n\"@a.example",
            "\"ann\" @a.example",
            "\" ann\"@a.example",
            "\"ann\"\"eve\"@a.example",
            "\"ann\"@a.example\"@b.example",
            "\"=?utf-8?q?ann?=\"@a.example",
            "<\"=?utf-8?q?ann?=\"@a.example>",
            "=?utf-8?q?=22ann=22=40a=2Eexample?=",
            "\"\"@a.example",
        ] {
            assert_ne!(from(&format!("From: {odd}\r\n\r\n")), ["ann@a.example"], "{odd}");
        }
        assert_eq!(from("From: <<oops\r\n\r\n"), ["<<oops"]);
        assert_eq!(from(" folded\r\nFrom : a@b.example\r\n\r\n"), ["a@b.example"]);
        assert_eq!(from("Subject: none\r\n\r\n"), [""; 0]);
    }

    #[test]
    fn a_name_in_raw_japanese_keeps_nobody_from_sending_and_hides_nobody() {
        let from = |head: &str| Headers::read(head.as_bytes()).from;
        let name = "\x1b$B@>ED\x1b(B";
        assert_eq!(from(&format!("From: {name} <ann@a.example>\r\n\r\n")), ["ann@a.example"]);
        assert_eq!(from(&format!("From: \"{name}\" <ann@a.example>\r\n\r\n")), ["ann@a.example"]);
        assert_eq!(from(&format!("From: ann@a.example ({name})\r\n\r\n")), ["ann@a.example"]);
        assert_eq!(
            Headers::read(format!("Sender: {name} <ann@a.example>\r\n\r\n").as_bytes()).sender,
            ["ann@a.example"]
        );
        // To a reader who knows no escape sequences, the quotes end elsewhere.
        let hidden = format!("From: \"{}) <eve@x.example> \" <ann@a.example>\r\n\r\n", "\x1b$B\"!\x1b(B");
        assert!(from(&hidden).contains(&"eve@x.example".to_owned()), "{:?}", from(&hidden));
        let inside = from("From: \x1b$B<eve@x.example>,\x1b(B <ann@a.example>\r\n\r\n");
        assert_ne!(inside, ["ann@a.example"]);
    }

    #[test]
    fn a_sender_is_found_beside_its_from_and_never_taken_for_it() {
        let read = Headers::read(b"Sender: Ann <ann@a.example>\r\nFrom: info@a.example\r\nX-Sender: x@y.z\r\n\r\n");
        assert_eq!((read.from, read.sender), (vec!["info@a.example".into()], vec!["ann@a.example".into()]));
        assert_eq!(Headers::read(b"Sender: oops\r\n\r\n").sender, ["oops"]);
        let large = format!("From: a@b.example\r\nSender: {}\r\n\r\n", "a@b.example, ".repeat(FROM_CAP / 10));
        assert!(Headers::read(large.as_bytes()).is_from_too_large);
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
