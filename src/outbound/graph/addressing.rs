//! To whom Graph would send a message, and what has to change in its header block so that this is the envelope.
//!
//! Graph knows no envelope: it sends to whom To, Cc and Bcc name. So recipients that stand in neither To nor Cc get a Bcc,
//! which Graph takes away again, and a Bcc that came along goes, since the envelope says more. A name in To or Cc that is
//! no recipient would get the message all the same; such a message is refused. Everything else stays byte for byte.

use std::{borrow::Cow, collections::BTreeSet};

use mailparse::MailAddr;

use crate::catalog::replies::{Coded, coded};
use crate::message::{each_has_an_address, fields, possible_addresses, with_encoded_words};

/// Of all fields with addresses together: what takes them apart may need the square of their size.
const FIELDS_CAP: usize = 128 * 1024;

/// A header block for Graph.
#[derive(Debug)]
pub struct Addressed {
    pub head: Vec<u8>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    /// Recipients that are named nowhere.
    pub bcc: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub address: String,
}

/// Why it cannot be made, and what the log should know.
#[derive(Debug)]
pub struct Objection {
    pub of: Coded,
    pub detail: String,
}

impl Addressed {
    /// `head` is without the dots of the way. `done`: were recipients of this message too, and must not get it again.
    pub fn new(head: &[u8], recipients: &[&str], done: &[String]) -> Result<Self, Objection> {
        let unreadable = |detail: &str| Objection { of: coded::GRAPH_UNREADABLE, detail: detail.to_owned() };
        let (block, _) = split(head);
        if block.starts_with(b" ") || block.starts_with(b"\t") {
            return Err(unreadable("the header begins with a folded line"));
        }
        if recipients.iter().any(|recipient| recipient.contains(|c: char| c.is_control() || c == '<' || c == '>')) {
            return Err(unreadable("a recipient cannot be written into a header"));
        }
        let mut left = FIELDS_CAP;
        let (mut kept, mut to, mut cc) = (Vec::with_capacity(head.len() + 256), Vec::new(), Vec::new());
        for field in fields(block) {
            let name = name_of(field);
            if matches!(name.as_str(), "to" | "cc" | "bcc") {
                left = left.checked_sub(field.len()).ok_or_else(|| unreadable("To, Cc and Bcc are too large"))?;
            }
            let people = match name.as_str() {
                "bcc" => continue,
                "to" | "cc" => people(field).ok_or_else(|| unreadable(&format!("{name} cannot be read")))?,
                _ => Vec::new(),
            };
            match name.as_str() {
                // `undisclosed-recipients:;` and the like: Graph takes it for an address.
                "to" | "cc" if people.is_empty() => continue,
                "to" => to.extend(people),
                "cc" => cc.extend(people),
                _ => {}
            }
            kept.extend_from_slice(field);
        }
        let named: BTreeSet<String> = to.iter().chain(&cc).map(|person| person.address.to_lowercase()).collect();
        let wanted: BTreeSet<String> = recipients.iter().map(|recipient| recipient.to_lowercase()).collect();
        let stranger = named.difference(&wanted).next();
        if let Some(stranger) = stranger {
            let is_done = |stranger: &str| done.iter().any(|done| done.eq_ignore_ascii_case(stranger));
            let all_done = named.difference(&wanted).all(|stranger| is_done(stranger));
            let (of, what) = match all_done {
                true => (coded::GRAPH_OTHERS, "is done with"),
                false => (coded::GRAPH_DIFFERS, "is no recipient"),
            };
            let detail = format!("{stranger} stands in To or Cc and {what}");
            return Err(Objection { of, detail });
        }
        let mut seen = named;
        let bcc = recipients.iter().filter(|recipient| seen.insert(recipient.to_lowercase()));
        let bcc: Vec<String> = bcc.map(|recipient| (*recipient).to_owned()).collect();
        Ok(Self { head: with_bcc(&kept, &bcc), to, cc, bcc })
    }
}

/// The fields, and the empty line.
fn split(head: &[u8]) -> (&[u8], &[u8]) {
    let is_closed = head == b"\r\n" || head.ends_with(b"\r\n\r\n");
    head.split_at(head.len() - if is_closed { 2 } else { 0 })
}

/// In front, where everybody who reads the block sees it.
fn with_bcc(fields: &[u8], bcc: &[String]) -> Vec<u8> {
    let mut head = Vec::with_capacity(fields.len() + 64 * bcc.len() + 16);
    if !bcc.is_empty() {
        let list: Vec<String> = bcc.iter().map(|address| format!("<{address}>")).collect();
        head.extend_from_slice(format!("Bcc: {}\r\n", list.join(",\r\n ")).as_bytes());
    }
    head.extend_from_slice(fields);
    if !fields.is_empty() && !fields.ends_with(b"\n") {
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// In lower case; RFC 5322 4.5 has spaces before the colon.
pub fn name_of(field: &[u8]) -> String {
    let name = field.split(|byte| *byte == b':').next().unwrap_or_default();
    String::from_utf8_lossy(name).trim().to_ascii_lowercase()
}

/// Everybody that a field names; nobody where no address is in it. `None`: there is one, and it cannot be read.
pub fn people(field: &[u8]) -> Option<Vec<Person>> {
    let readable = with_encoded_words(field.trim_ascii_start());
    let (header, _) = mailparse::parse_header(&readable).ok()?;
    let value = header.get_value_raw();
    let has_address = value.contains(&b'@');
    let Ok(list) = mailparse::addrparse_header(&header) else { return (!has_address).then(Vec::new) };
    if !has_address {
        return Some(Vec::new());
    }
    // An encoded word alone is an address to Graph, and a part of the next name to mailparse. Of a group nobody can tell.
    if !each_has_an_address(value).unwrap_or_else(|| memchr::memmem::find(value, b"=?").is_none()) {
        return None;
    }
    let mut found = Vec::new();
    for one in list.iter() {
        match one {
            MailAddr::Single(single) => found.push(single),
            MailAddr::Group(group) => found.extend(&group.addrs),
        }
    }
    let person = |single: &mailparse::SingleInfo| Person {
        name: single.display_name.clone().unwrap_or_default(),
        address: single.addr.trim().to_owned(),
    };
    let mut people: Vec<Person> = found.into_iter().map(person).collect();
    if let Cow::Owned(_) = readable {
        let is_new = |address: &String| !people.iter().any(|person| person.address.eq_ignore_ascii_case(address));
        let more: Vec<String> = possible_addresses(value).filter(is_new).collect();
        people.extend(more.into_iter().map(|address| Person { name: String::new(), address }));
    }
    Some(people)
}

/// As [`people`], for a field that names no recipient: where it cannot be read, whatever in it may be an address.
pub fn likely_people(field: &[u8]) -> Vec<Person> {
    people(field).unwrap_or_else(|| {
        let readable = with_encoded_words(field);
        possible_addresses(&readable).map(|address| Person { name: String::new(), address }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ann@contoso.example";
    const BOB: &str = "bob@contoso.example";

    fn head(head: &str, recipients: &[&str]) -> String {
        String::from_utf8(Addressed::new(head.as_bytes(), recipients, &[]).unwrap().head).unwrap()
    }

    fn refused(head: &str, recipients: &[&str]) -> &'static str {
        Addressed::new(head.as_bytes(), recipients, &[]).unwrap_err().of.entry.id
    }

    #[test]
    fn who_stands_in_to_and_cc_needs_nothing_and_the_header_stays_byte_for_byte() {
        let text = format!("From: {ANN}\r\nTO :\r\n \"B, of Sales\" <BOB@contoso.example>\r\nCC: {ANN}\r\n\r\n");
        assert_eq!(head(&text, &[BOB, ANN]), text);
    }

    #[test]
    fn recipients_that_are_missing_are_added_as_bcc_and_only_those() {
        let text = format!("From: {ANN}\r\nTo: {BOB}\r\nSubject: x\r\n\r\n");
        let expected = format!("Bcc: <c@x.example>,\r\n <d@x.example>\r\n{text}");
        assert_eq!(head(&text, &["c@x.example", BOB, "d@x.example", "C@x.example"]), expected);
    }

    #[test]
    fn a_bcc_that_came_along_goes_and_its_people_get_the_message_if_they_are_recipients() {
        let text = format!("From: {ANN}\r\nBcc: {BOB},\r\n eve@x.example\r\nTo: {ANN}\r\n\r\n");
        assert_eq!(head(&text, &[ANN, BOB]), format!("Bcc: <{BOB}>\r\nFrom: {ANN}\r\nTo: {ANN}\r\n\r\n"));
    }

    #[test]
    fn a_to_that_names_nobody_goes() {
        for to in ["undisclosed-recipients:;", "Undisclosed recipients", "", "nobody: ;"] {
            let text = format!("To: {to}\r\nSubject: x\r\n\r\n");
            assert_eq!(head(&text, &[BOB]), format!("Bcc: <{BOB}>\r\nSubject: x\r\n\r\n"), "{to}");
        }
    }

    #[test]
    fn who_is_named_and_no_recipient_must_not_get_it() {
        for named in ["eve@x.example", "bob@contoso.example, eve@x.example", "all: eve@x.example;"] {
            let text = format!("From: {ANN}\r\nCc: {named}\r\n\r\n");
            assert_eq!(refused(&text, &[BOB]), "graph-recipients-differ", "{named}");
        }
        let second = format!("To: {BOB}\r\nTo: eve@x.example\r\n\r\n");
        assert_eq!(refused(&second, &[BOB]), "graph-recipients-differ");
    }

    #[test]
    fn an_encoded_word_that_stands_alone_is_no_name_of_the_next_one() {
        for named in [
            "=?utf-8?q?eve=40x.example?=, Bob <bob@contoso.example>",
            "=?utf-8?q?all?=: =?utf-8?q?eve=40x.example?=, Bob <bob@contoso.example>;",
            "Sales, Bob <bob@contoso.example>",
        ] {
            assert_eq!(refused(&format!("Cc: {named}\r\n\r\n"), &[BOB]), "graph-message-unreadable", "{named}");
        }
        let text = format!("To: =?utf-8?q?Lee=2C?= Bob\r\n =?utf-8?q?of_Sales?= <{BOB}>,\r\n {ANN}\r\n\r\n");
        assert_eq!(head(&text, &[BOB, ANN]), text);
    }

    #[test]
    fn names_in_raw_japanese_are_read_and_the_header_stays_byte_for_byte() {
        let text = format!("To: \x1b$B@>ED\x1b(B <{BOB}>,\r\n \"\x1b$B@>\x1b(B\" <{ANN}>\r\n\r\n");
        let made = Addressed::new(text.as_bytes(), &[BOB, ANN], &[]).unwrap();
        assert_eq!(made.head, text.as_bytes());
        let names: Vec<&str> = made.to.iter().map(|person| person.name.trim()).collect();
        assert_eq!(names, ["西田", "西"]);
        let hidden = format!("To: \"\x1b$B\"!\x1b(B) <eve@x.example>\" <{BOB}>\r\n\r\n");
        assert_eq!(refused(&hidden, &[BOB]), "graph-recipients-differ");
    }

    #[test]
    fn who_has_the_message_already_must_not_get_it_again() {
        let text = format!("To: {ANN}, {BOB}\r\nCc: eve@x.example\r\n\r\n");
        let done = [ANN.to_uppercase(), "eve@x.example".to_owned()];
        let id = |done: &[String]| Addressed::new(text.as_bytes(), &[BOB], done).unwrap_err().of.entry.id;
        assert_eq!(id(&done), "graph-others-served");
        assert_eq!(id(&done[..1]), "graph-recipients-differ", "eve was never one");
        let bcc = format!("To: {BOB}\r\n\r\n");
        assert!(Addressed::new(bcc.as_bytes(), &[BOB], &done).is_ok(), "they are named nowhere");
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed_at() {
        for head in ["To: <<bob@contoso.example\r\n\r\n", " folded\r\nTo: bob@contoso.example\r\n\r\n"] {
            assert_eq!(refused(head, &[BOB]), "graph-message-unreadable", "{head}");
        }
        let long = format!("To: {}\r\n\r\n", "bob@contoso.example, ".repeat(7000));
        assert_eq!(refused(&long, &[BOB]), "graph-message-unreadable");
    }

    #[test]
    fn a_recipient_writes_no_header_of_its_own() {
        for recipient in ["a@x.example\r\nX-Evil: 1", "a@x.example>, <b@x.example"] {
            assert_eq!(refused("Subject: x\r\n\r\n", &[recipient]), "graph-message-unreadable");
        }
    }

    #[test]
    fn a_message_without_header_or_body_gets_both() {
        assert_eq!(head("\r\n", &[BOB]), format!("Bcc: <{BOB}>\r\n\r\n"));
        assert_eq!(head("Subject: x", &[BOB]), format!("Bcc: <{BOB}>\r\nSubject: x\r\n\r\n"));
    }
}
