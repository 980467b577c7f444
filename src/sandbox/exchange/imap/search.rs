//! SEARCH (RFC 3501 6.4.4): the keys, read into a tree, and whether a message fits.

use jiff::civil::Date;

use super::{
    structure::Part,
    syntax::{ARGUMENT, Cursor, Denial, Set},
};
use crate::sandbox::exchange::mailbox::{Flags, Message};

const DEPTH: u32 = 20;
const KEYS: usize = 500;

#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    All,
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    Flag(Flags),
    /// A keyword that Exchange does not keep.
    Nothing,
    Recent,
    Numbers(Set),
    Uids(Set),
    Header(String, String),
    Body(String),
    Text(String),
    Larger(u32),
    Smaller(u32),
    /// Internal date: on or after, before.
    Received(Option<Date>, Option<Date>),
    Sent(Option<Date>, Option<Date>),
}

/// A message as SEARCH sees it.
pub struct Candidate<'a> {
    pub number: u32,
    pub last_number: u32,
    pub last_uid: u32,
    pub recent: bool,
    pub message: &'a Message,
}

pub const CHARSET: Denial = Denial::No("[BADCHARSET (US-ASCII)] The specified charset is not supported.");

/// All keys of a SEARCH command.
pub fn keys(cursor: &mut Cursor) -> Result<Key, Denial> {
    let mut ahead = cursor.clone();
    if ahead.keyword().is_ok_and(|word| word == "CHARSET") {
        ahead.space()?;
        let charset = ahead.astring()?.to_ascii_uppercase();
        // Exchange knows this one only.
        if charset != "US-ASCII" {
            return Err(CHARSET);
        }
        ahead.space()?;
        *cursor = ahead;
    }
    let mut left = KEYS;
    let mut all = vec![key(cursor, DEPTH, &mut left)?];
    while cursor.eat(b' ') {
        all.push(key(cursor, DEPTH, &mut left)?);
    }
    cursor.end()?;
    Ok(Key::And(all))
}

fn key(cursor: &mut Cursor, depth: u32, left: &mut usize) -> Result<Key, Denial> {
    *left = left.checked_sub(1).ok_or(ARGUMENT)?;
    let depth = depth.checked_sub(1).ok_or(ARGUMENT)?;
    match cursor.peek() {
        Some(b'(') => return Ok(Key::And(cursor.list(|cursor| key(cursor, depth, left))?)),
        Some(b'0'..=b'9' | b'*') => return Ok(Key::Numbers(cursor.set()?)),
        _ => {}
    }
    let word = cursor.keyword()?;
    let (negated, name) = match word.strip_prefix("UN") {
        Some(name) if ["ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "KEYWORD"].contains(&name) => (true, name),
        _ => (false, word.as_str()),
    };
    let mut next = |cursor: &mut Cursor| -> Result<Key, Denial> {
        cursor.space()?;
        key(cursor, depth, left)
    };
    let found = match name {
        "ALL" => Key::All,
        "ANSWERED" => Key::Flag(Flags::ANSWERED),
        "DELETED" => Key::Flag(Flags::DELETED),
        "DRAFT" => Key::Flag(Flags::DRAFT),
        "FLAGGED" => Key::Flag(Flags::FLAGGED),
        "SEEN" => Key::Flag(Flags::SEEN),
        "KEYWORD" => {
            cursor.space()?;
            Flags::named(&cursor.flag()?).map_or(Key::Nothing, Key::Flag)
        }
        "RECENT" => Key::Recent,
        "NEW" => Key::And(vec![Key::Recent, Key::Not(Box::new(Key::Flag(Flags::SEEN)))]),
        "OLD" => Key::Not(Box::new(Key::Recent)),
        "NOT" => Key::Not(Box::new(next(cursor)?)),
        "OR" => {
            let first = next(cursor)?;
            Key::Or(Box::new(first), Box::new(next(cursor)?))
        }
        "UID" => {
            cursor.space()?;
            Key::Uids(cursor.set()?)
        }
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => Key::Header(name.to_owned(), words(cursor)?),
        "HEADER" => {
            let field = words(cursor)?;
            Key::Header(field, words(cursor)?)
        }
        "BODY" => Key::Body(words(cursor)?),
        "TEXT" => Key::Text(words(cursor)?),
        "LARGER" | "SMALLER" => {
            cursor.space()?;
            let size = cursor.number()?;
            if name == "LARGER" { Key::Larger(size) } else { Key::Smaller(size) }
        }
        name => of_days(name, cursor)?,
    };
    Ok(if negated { Key::Not(Box::new(found)) } else { found })
}

/// When the message came, or was sent.
fn of_days(name: &str, cursor: &mut Cursor) -> Result<Key, Denial> {
    let (key, name): (fn(_, _) -> Key, _) = match name.strip_prefix("SENT") {
        Some(name) => (Key::Sent, name),
        None => (Key::Received, name),
    };
    match name {
        "BEFORE" => Ok(key(None, Some(date(cursor)?))),
        "SINCE" => Ok(key(Some(date(cursor)?), None)),
        "ON" => {
            let day = date(cursor)?;
            let next = day.tomorrow().map_err(|_| ARGUMENT)?;
            Ok(key(Some(day), Some(next)))
        }
        _ => Err(ARGUMENT),
    }
}

fn words(cursor: &mut Cursor) -> Result<String, Denial> {
    cursor.space()?;
    let text = match cursor.peek() {
        Some(b'"' | b'{') => String::from_utf8(cursor.string()?.to_vec()).map_err(|_| CHARSET)?,
        _ => cursor.astring()?,
    };
    if text.is_ascii() { Ok(text.to_lowercase()) } else { Err(CHARSET) }
}

/// `1-Feb-1994`, also in quotes.
fn date(cursor: &mut Cursor) -> Result<Date, Denial> {
    cursor.space()?;
    day(&cursor.astring()?).ok_or(ARGUMENT)
}

pub fn day(text: &str) -> Option<Date> {
    let mut parts = text.trim().splitn(3, '-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = months.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    Date::new(year.parse().ok()?, i8::try_from(month + 1).ok()?, day.parse().ok()?).ok()
}

impl Key {
    pub fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let message = candidate.message;
        let within = |day: Option<Date>, since: &Option<Date>, before: &Option<Date>| {
            day.is_some_and(|day| since.is_none_or(|since| day >= since) && before.is_none_or(|before| day < before))
        };
        let day_of = |at: jiff::Timestamp| Some(jiff::tz::Offset::UTC.to_datetime(at).date());
        match self {
            Key::All => true,
            Key::Nothing => false,
            Key::And(keys) => keys.iter().all(|key| key.fits(candidate)),
            Key::Or(a, b) => a.fits(candidate) || b.fits(candidate),
            Key::Not(key) => !key.fits(candidate),
            Key::Flag(flag) => message.flags.has(*flag),
            Key::Recent => candidate.recent,
            Key::Numbers(set) => set.holds(candidate.number, candidate.last_number),
            Key::Uids(set) => set.holds(message.uid, candidate.last_uid),
            Key::Larger(size) => message.bytes.len() > *size as usize,
            Key::Smaller(size) => message.bytes.len() < *size as usize,
            Key::Received(since, before) => within(day_of(message.received), since, before),
            Key::Sent(since, before) => {
                let part = Part::read(&message.bytes);
                let date = part.header_value("Date").map(|value| String::from_utf8_lossy(value).into_owned());
                let seconds = date.and_then(|date| mailparse::dateparse(&date).ok());
                let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
                within(at.and_then(day_of), since, before)
            }
            Key::Header(name, wanted) => headers(&message.bytes, name).any(|value| value.contains(wanted)),
            Key::Body(wanted) => Part::read(&message.bytes).words().to_lowercase().contains(wanted),
            Key::Text(wanted) => {
                let part = Part::read(&message.bytes);
                let header = String::from_utf8_lossy(part.header).to_lowercase();
                header.contains(wanted) || part.words().to_lowercase().contains(wanted)
            }
        }
    }
}

/// The values of a header field, decoded, in lower case.
fn headers<'a>(message: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let header = Part::read(message).header.to_vec();
    let parsed = mailparse::parse_headers(&header).map(|(headers, _)| {
        let named = headers.iter().filter(|one| one.get_key_ref().eq_ignore_ascii_case(name));
        named.map(|one| one.get_value().to_lowercase()).collect::<Vec<_>>()
    });
    parsed.unwrap_or_default().into_iter()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn finds(text: &str) -> Result<bool, Denial> {
        let message = Message {
            uid: 7,
            flags: Flags::SEEN,
            received: "2026-11-20T12:00:00Z".parse().expect("time"),
            bytes: Bytes::from_static(
                b"From: Ann <ann@contoso.example>\r\nSubject: =?utf-8?q?Ha=6Clo?=\r\n\
                  Date: Thu, 19 Nov 2026 10:00:00 +0000\r\n\r\nThe Body\r\n",
            ),
        };
        let key = keys(&mut Cursor::new(Bytes::copy_from_slice(text.as_bytes())))?;
        Ok(key.fits(&Candidate { number: 3, last_number: 9, last_uid: 20, recent: false, message: &message }))
    }

    #[test]
    fn keys_of_all_kinds_find_the_message() {
        for text in [
            "ALL",
            "SEEN UNDELETED",
            "3",
            "1:*",
            "UID 7",
            "OR DELETED SEEN",
            "NOT (DELETED FLAGGED)",
            "FROM ann SUBJECT hallo",
            "HEADER Subject \"\"",
            "BODY \"the body\"",
            "TEXT {7}\r\ncontoso",
            "SINCE 20-Nov-2026 BEFORE 21-Nov-2026",
            "ON \"20-Nov-2026\" SENTON 19-Nov-2026",
            "LARGER 10 SMALLER 1000",
            "UNKEYWORD label",
            "CHARSET US-ASCII OLD",
        ] {
            assert_eq!(finds(text), Ok(true), "{text}");
        }
        for text in ["UNSEEN", "4", "UID 8:10", "NEW", "KEYWORD label", "TO ann", "SENTBEFORE 19-Nov-2026"] {
            assert_eq!(finds(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn what_exchange_does_not_know_is_refused_in_its_words() {
        assert_eq!(finds("CHARSET UTF-8 TEXT x"), Err(CHARSET));
        assert_eq!(finds("TEXT \"ü\""), Err(CHARSET));
        assert_eq!(finds("RETURN (ALL) ALL"), Err(ARGUMENT));
        assert_eq!(finds(&"(".repeat(100)), Err(ARGUMENT));
        assert_eq!(finds("ALL  ALL"), Err(ARGUMENT));
    }
}
