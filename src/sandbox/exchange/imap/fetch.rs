//! FETCH: what a client may ask of a message, and the answer (RFC 3501 6.4.5, 7.4.2).

use super::{
    structure::{Inner, Part},
    syntax::{ARGUMENT, Cursor, Denial, string},
    view::flag_list,
};
use crate::sandbox::exchange::mailbox::{Flags, Message};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    Envelope,
    Structure { extended: bool },
    Section(Box<Section>),
}

/// `BODY.PEEK[1.2.HEADER.FIELDS (From)]<0.100>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// As the answer calls it.
    label: String,
    path: Vec<u32>,
    what: What,
    peek: bool,
    partial: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Whole,
    Header,
    Fields { names: Vec<String>, not: bool },
    Text,
    Mime,
}

/// The items of a FETCH command.
pub fn items(cursor: &mut Cursor) -> Result<Vec<Item>, Denial> {
    if cursor.peek() == Some(b'(') {
        let lists = cursor.list(item)?;
        return if lists.is_empty() { Err(ARGUMENT) } else { Ok(lists) };
    }
    let mut ahead = cursor.clone();
    let fast = [Item::Flags, Item::InternalDate, Item::Size];
    let macros = match ahead.keyword()?.as_str() {
        "FAST" => fast.to_vec(),
        "ALL" => [fast.as_slice(), &[Item::Envelope]].concat(),
        "FULL" => [fast.as_slice(), &[Item::Envelope, Item::Structure { extended: false }]].concat(),
        _ => return Ok(vec![item(cursor)?]),
    };
    *cursor = ahead;
    Ok(macros)
}

fn item(cursor: &mut Cursor) -> Result<Item, Denial> {
    let whole = |label: &str, what: What, peek: bool| {
        let (label, path) = (label.to_owned(), Vec::new());
        Ok(Item::Section(Box::new(Section { label, path, what, peek, partial: None })))
    };
    match cursor.keyword()?.as_str() {
        "FLAGS" => Ok(Item::Flags),
        "UID" => Ok(Item::Uid),
        "INTERNALDATE" => Ok(Item::InternalDate),
        "RFC822.SIZE" => Ok(Item::Size),
        "ENVELOPE" => Ok(Item::Envelope),
        "BODYSTRUCTURE" => Ok(Item::Structure { extended: true }),
        "RFC822" => whole("RFC822", What::Whole, false),
        "RFC822.HEADER" => whole("RFC822.HEADER", What::Header, true),
        "RFC822.TEXT" => whole("RFC822.TEXT", What::Text, false),
        "BODY" if cursor.peek() != Some(b'[') => Ok(Item::Structure { extended: false }),
        "BODY" => section(cursor, false),
        "BODY.PEEK" => section(cursor, true),
        _ => Err(ARGUMENT),
    }
}

fn section(cursor: &mut Cursor, peek: bool) -> Result<Item, Denial> {
    cursor.must(b'[')?;
    let mut path = Vec::new();
    let mut what = What::Whole;
    let mut label = String::new();
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        let number = cursor.number()?;
        path.push(number);
        label.push_str(&number.to_string());
        if path.len() > 50 {
            return Err(ARGUMENT);
        }
        if !cursor.eat(b'.') {
            break;
        }
        label.push('.');
    }
    let named = path.is_empty() || label.ends_with('.');
    if named && cursor.peek() != Some(b']') {
        let word = cursor.keyword()?;
        label.push_str(&word);
        what = match word.as_str() {
            "HEADER" => What::Header,
            "TEXT" => What::Text,
            "MIME" if !path.is_empty() => What::Mime,
            "HEADER.FIELDS" | "HEADER.FIELDS.NOT" => {
                cursor.space()?;
                let names = cursor.list(Cursor::astring)?;
                if names.iter().any(|name| name.chars().any(|c| c.is_control() || c == ']')) {
                    return Err(ARGUMENT);
                }
                label.push_str(&format!(" ({})", names.join(" ")));
                What::Fields { names, not: word.ends_with("NOT") }
            }
            _ => return Err(ARGUMENT),
        };
    } else if label.ends_with('.') {
        return Err(ARGUMENT);
    }
    cursor.must(b']')?;
    let mut label = format!("BODY[{label}]");
    let mut partial = None;
    if cursor.eat(b'<') {
        let from = cursor.number()?;
        cursor.must(b'.')?;
        let length = cursor.number()?;
        cursor.must(b'>')?;
        label.push_str(&format!("<{from}>"));
        partial = Some((from as usize, length as usize));
    }
    Ok(Item::Section(Box::new(Section { label, path, what, peek, partial })))
}

impl Section {
    /// The octets of this section; `None` where the message has no such part.
    fn octets(&self, message: &Part<'_>) -> Option<Vec<u8>> {
        let part = message.part(&self.path)?;
        // HEADER and TEXT of a part are those of the message inside it.
        let inside = match (&part.inner, self.path.is_empty()) {
            (_, true) => Some(part),
            (Inner::Message(inner), false) => Some(&**inner),
            _ => None,
        };
        let octets = match &self.what {
            What::Whole if self.path.is_empty() => part.raw.to_vec(),
            What::Whole => part.body.to_vec(),
            What::Mime => part.header.to_vec(),
            What::Header => inside?.header.to_vec(),
            What::Text => inside?.body.to_vec(),
            What::Fields { names, not } => inside?.fields(names, *not),
        };
        match self.partial {
            Some((from, length)) => {
                let end = from.saturating_add(length).min(octets.len());
                Some(octets.get(from.min(end)..end).unwrap_or_default().to_vec())
            }
            None => Some(octets),
        }
    }
}

/// Whether the answer marks the message as read.
pub fn marks_seen(items: &[Item]) -> bool {
    items.iter().any(|item| matches!(item, Item::Section(section) if !section.peek))
}

/// `* n FETCH (...)`, without the last CRLF.
pub fn answer(number: usize, message: &Message, items: &[Item], recent: bool, flags_changed: bool) -> Vec<u8> {
    let needs_parts =
        items.iter().any(|item| !matches!(item, Item::Flags | Item::Uid | Item::InternalDate | Item::Size));
    let part = needs_parts.then(|| Part::read(&message.bytes));
    let mut words: Vec<Vec<u8>> = Vec::with_capacity(items.len() + 1);
    for item in items {
        words.push(match (item, &part) {
            (Item::Flags, _) => format!("FLAGS {}", flag_list(message.flags, recent)).into_bytes(),
            (Item::Uid, _) => format!("UID {}", message.uid).into_bytes(),
            (Item::InternalDate, _) => {
                format!("INTERNALDATE \"{}\"", message.received.strftime("%d-%b-%Y %H:%M:%S +0000")).into_bytes()
            }
            (Item::Size, _) => format!("RFC822.SIZE {}", message.bytes.len()).into_bytes(),
            (Item::Envelope, Some(part)) => [b"ENVELOPE ".as_slice(), &part.envelope()].concat(),
            (Item::Structure { extended }, Some(part)) => {
                let name: &[u8] = if *extended { b"BODYSTRUCTURE " } else { b"BODY " };
                [name, &part.structure(*extended)].concat()
            }
            (Item::Section(section), Some(part)) => {
                let label = section.label.as_bytes();
                match section.octets(part) {
                    Some(octets) => [label, format!(" {{{}}}\r\n", octets.len()).as_bytes(), &octets].concat(),
                    None => [label, b" ", &string(b"")].concat(),
                }
            }
            (_, None) => continue,
        });
    }
    if flags_changed && !items.contains(&Item::Flags) {
        words.push(format!("FLAGS {}", flag_list(message.flags, recent)).into_bytes());
    }
    [format!("* {number} FETCH (").as_bytes(), &words.join(&b' '), b")"].concat()
}

/// `\Seen` among the flags of a message that is being read.
pub fn seen(flags: Flags) -> Flags {
    flags.with(Flags::SEEN)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn fetch(items_text: &str) -> String {
        let message = Message {
            uid: 7,
            flags: Flags::SEEN,
            received: jiff::Timestamp::UNIX_EPOCH,
            bytes: Bytes::from_static(b"From: a@b.example\r\nSubject: s\r\n\r\nbody\r\n"),
        };
        let mut cursor = Cursor::new(Bytes::copy_from_slice(items_text.as_bytes()));
        let items = items(&mut cursor).expect("items");
        cursor.end().expect("nothing left");
        String::from_utf8(answer(3, &message, &items, false, false)).expect("text")
    }

    #[test]
    fn items_are_answered_in_the_order_asked() {
        assert_eq!(
            fetch("(UID FLAGS INTERNALDATE RFC822.SIZE)"),
            "* 3 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"01-Jan-1970 00:00:00 +0000\" RFC822.SIZE 39)"
        );
        assert_eq!(fetch("BODY.PEEK[]<2.4>"), "* 3 FETCH (BODY[]<2> {4}\r\nom: )");
        assert_eq!(fetch("BODY[TEXT]"), "* 3 FETCH (BODY[TEXT] {6}\r\nbody\r\n)");
        assert_eq!(fetch("body[1]"), "* 3 FETCH (BODY[1] {6}\r\nbody\r\n)");
        assert_eq!(
            fetch("(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"),
            "* 3 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: s\r\n\r\n)"
        );
        assert_eq!(fetch("BODY[2]"), "* 3 FETCH (BODY[2] \"\")");
        assert_eq!(fetch("BODY[]<100.4>"), "* 3 FETCH (BODY[]<100> {0}\r\n)");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "()", "BODY[", "BODY[1.]", "BODY[MIME]", "BODY[]<1>", "WHAT", "(FLAGS", "BODY[HEADER.FIELDS]"] {
            let mut cursor = Cursor::new(Bytes::copy_from_slice(bad.as_bytes()));
            assert!(items(&mut cursor).and_then(|_| cursor.end()).is_err(), "{bad}");
        }
    }
}
