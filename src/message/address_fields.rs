//! Mailboxes as devices write them, made readable: an `@` in a display name is quoted, in From a comma, too; missing angle
//! brackets are put around the address, a From with a name alone gets an address.
//!
//! Exchange refuses all of them (`550 5.7.512` and the like). Signs are put in, none is taken away; a list that cannot be
//! read for sure stays as it is.

use super::{
    block::{Block, Edits, Field, Name, Splice},
    mailboxes::{Kind, Mailboxes, Token, Unreadable},
    mend::Orders,
    repairs::{Repair, Repairs},
};
use crate::base::is_mailbox;

pub(super) fn mend(block: &Block<'_>, orders: &Orders<'_>, edits: &mut Edits, repairs: &mut Repairs) {
    // What is forced is made of the old From, which must be readable for that.
    let concerned = |field: &&Field| match orders.repair {
        true => field.name.holds_addresses(),
        false => field.name == Name::From,
    };
    for field in block.fields.iter().filter(concerned) {
        let value = block.value(field);
        let is_the_from = field.name == Name::From && block.only(Name::From).is_some();
        let author = is_the_from.then(|| orders.author());
        let made_strict = strict(value, author, repairs);
        // Behind that: brackets that were missing may be what shows whose name it is.
        let readable = made_strict.as_deref().unwrap_or(value);
        let with_commas = is_the_from.then(|| with_quoted_commas(readable, repairs)).flatten();
        if let Some(value) = with_commas.or(made_strict) {
            edits.replace(field.value.clone(), value);
        }
    }
}

/// The list made strict, where it is not. `author`: the address of a mailbox without one.
pub(super) fn strict(value: &[u8], author: Option<&str>, repairs: &mut Repairs) -> Option<Vec<u8>> {
    // Raw ISO-2022-JP: its octets are not what they look like.
    if value.contains(&0x1b) {
        return None;
    }
    let mut list = List { value, author, splice: Splice::new(value), done: Repairs::default() };
    list.go().ok().filter(|()| !list.done.is_empty())?;
    repairs.join(&list.done);
    Some(list.splice.done())
}

/// `Copier, 3F <ann@contoso.com>`: one who writes, and a name in which nobody quoted the comma. In a From alone: of several
/// recipients each may be meant. Only plain words with no address in them, so that nobody's is hidden in quotes.
fn with_quoted_commas(value: &[u8], repairs: &mut Repairs) -> Option<Vec<u8>> {
    let (mut mailboxes, mut tokens, mut all) = (Mailboxes::of(value), Vec::new(), Vec::new());
    let mut parts = 0_usize;
    while mailboxes.next(&mut tokens).ok()? {
        parts += 1;
        all.append(&mut tokens);
    }
    while all.pop_if(|token| token.kind == Kind::Comment).is_some() {}
    let (angle, words) = all.split_last()?;
    let address = value.get(angle.at.clone())?.strip_prefix(b"<")?.strip_suffix(b">")?;
    let begin = words.first()?.at.start;
    let name = value.get(begin..angle.at.start)?.trim_ascii_end();
    let is_plain = |name: &str| !name.contains(|c: char| c.is_control() || "@\\>".contains(c)) && !name.contains("=?");
    let is_meant = parts > 1
        && is_address(address.trim_ascii())
        && words.iter().all(|token| token.kind == Kind::Word)
        && std::str::from_utf8(name).is_ok_and(is_plain);
    is_meant.then(|| {
        repairs.note(Repair::DisplayName);
        let mut splice = Splice::new(value);
        splice.insert(begin, b"\"");
        splice.insert(begin + name.len(), b"\"");
        splice.done()
    })
}

struct List<'a> {
    value: &'a [u8],
    /// For a From without an address.
    author: Option<&'a str>,
    splice: Splice<'a>,
    done: Repairs,
}

impl List<'_> {
    fn go(&mut self) -> Result<(), Unreadable> {
        let mut tokens = Vec::new();
        let mut mailboxes = Mailboxes::of(self.value);
        let mut seen = 0_usize;
        while mailboxes.next(&mut tokens)? {
            seen += 1;
            // More than one author: which of them would be who?
            if seen > 1 {
                self.author = None;
            }
            let is_last = mailboxes.is_at_end();
            tokens.retain(|token| token.kind != Kind::Comment);
            self.mailbox(&tokens, is_last);
        }
        Ok(())
    }

    fn mailbox(&mut self, tokens: &[Token], is_last: bool) {
        let Some((last, before)) = tokens.split_last() else { return };
        if before.iter().any(|token| matches!(token.kind, Kind::Angle { .. })) {
            return;
        }
        match last.kind {
            Kind::Angle { is_closed: true } => {
                self.display_name(before);
                self.address_between(last, is_last);
            }
            Kind::Angle { is_closed: false } => self.unclosed(before, last),
            Kind::Word if self.ends_in_bracket(last) => {
                self.display_name(before);
                self.insert(last.at.start, b"<", Repair::AngleBrackets);
            }
            Kind::Word if !before.is_empty() && is_address(self.text(last)) => {
                self.display_name(before);
                self.insert(last.at.start, b"<", Repair::AngleBrackets);
                self.insert(last.at.end, b">", Repair::AngleBrackets);
            }
            _ => self.name_alone(tokens, last, is_last),
        }
    }

    /// Quotes the words with an `@`. Encoded ones must not be quoted (RFC 2047 5).
    fn display_name(&mut self, tokens: &[Token]) {
        for token in tokens.iter().filter(|token| token.kind == Kind::Word) {
            let word = self.text(token);
            let is_encoded = word.starts_with(b"=?") && word.ends_with(b"?=");
            // Of Shift_JIS and the like an `@` may be half a letter.
            if !word.contains(&b'@') || is_encoded || std::str::from_utf8(word).is_err() {
                continue;
            }
            let mut quoted = vec![b'"'];
            for byte in word {
                if *byte == b'\\' {
                    quoted.push(b'\\');
                }
                quoted.push(*byte);
            }
            quoted.push(b'"');
            self.splice.replace(token.at.clone(), &quoted);
            self.done.note(Repair::DisplayName);
        }
    }

    /// `<addr` at the end of the list.
    fn unclosed(&mut self, before: &[Token], last: &Token) {
        let text = self.text(last).trim_ascii_end();
        if text.strip_prefix(b"<").is_some_and(|inner| is_address(inner.trim_ascii_start())) {
            let end = last.at.start + text.len();
            self.display_name(before);
            self.insert(end, b">", Repair::AngleBrackets);
        }
    }

    /// `addr>`.
    fn ends_in_bracket(&self, last: &Token) -> bool {
        self.text(last).strip_suffix(b">").is_some_and(is_address)
    }

    /// `<>` in From.
    fn address_between(&mut self, last: &Token, is_last: bool) {
        let is_empty = self.text(last).iter().all(|byte| b"<> \t\r\n".contains(byte));
        if let (Some(author), true, true) = (self.author, is_empty, is_last) {
            self.insert(last.at.start + 1, author.as_bytes(), Repair::From);
        }
    }

    /// `HP LaserJet` in From: whoever it is, it has no address yet.
    fn name_alone(&mut self, tokens: &[Token], last: &Token, is_last: bool) {
        let has_address = tokens.iter().any(|token| self.text(token).iter().any(|byte| b"@<>".contains(byte)));
        if let (Some(author), false, true) = (self.author, has_address, is_last) {
            self.insert(last.at.end, format!(" <{author}>").as_bytes(), Repair::From);
        }
    }

    fn text(&self, token: &Token) -> &[u8] {
        self.value.get(token.at.clone()).unwrap_or_default()
    }

    fn insert(&mut self, at: usize, text: &[u8], repair: Repair) {
        self.splice.insert(at, text);
        self.done.note(repair);
    }
}

fn is_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(is_mailbox)
}
