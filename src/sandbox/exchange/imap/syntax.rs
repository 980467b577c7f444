//! Words of one IMAP command (RFC 3501 9). The command is one buffer, literals inline as they came.

use bytes::Bytes;

/// Exchange's complaint about words it cannot read.
pub const ARGUMENT: Denial = Denial::Bad("Command Argument Error. 12");

/// Why a command was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    No(&'static str),
    Bad(&'static str),
    /// Answered already, by switch.
    Said,
}

/// The text behind `tag OK`.
pub type Outcome = Result<String, Denial>;

#[derive(Clone, Debug)]
pub struct Cursor {
    buffer: Bytes,
    at: usize,
}

impl Cursor {
    pub fn new(buffer: Bytes) -> Self {
        Self { buffer, at: 0 }
    }

    pub fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Takes this byte if it is next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    pub fn must(&mut self, byte: u8) -> Result<(), Denial> {
        if self.eat(byte) { Ok(()) } else { Err(ARGUMENT) }
    }

    pub fn space(&mut self) -> Result<(), Denial> {
        self.must(b' ')
    }

    /// Nothing may follow but blanks.
    pub fn end(&self) -> Result<(), Denial> {
        if self.rest().iter().all(|byte| *byte == b' ') { Ok(()) } else { Err(ARGUMENT) }
    }

    fn take(&mut self, length: usize) -> Bytes {
        let end = self.at.saturating_add(length).min(self.buffer.len());
        let taken = self.buffer.slice(self.at..end);
        self.at = end;
        taken
    }

    fn while_in(&mut self, allowed: impl Fn(u8) -> bool) -> Result<String, Denial> {
        let length = self.rest().iter().take_while(|byte| allowed(**byte)).count();
        if length == 0 {
            return Err(ARGUMENT);
        }
        Ok(String::from_utf8_lossy(&self.take(length)).into_owned())
    }

    pub fn atom(&mut self) -> Result<String, Denial> {
        self.while_in(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte))
    }

    /// A keyword in upper case: `BODY.PEEK`, `UID`, `RFC822.SIZE`.
    pub fn keyword(&mut self) -> Result<String, Denial> {
        Ok(self.while_in(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte))?.to_ascii_uppercase())
    }

    pub fn number(&mut self) -> Result<u32, Denial> {
        self.while_in(|byte| byte.is_ascii_digit())?.parse().map_err(|_| ARGUMENT)
    }

    /// Quoted or literal.
    pub fn string(&mut self) -> Result<Bytes, Denial> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => Err(ARGUMENT),
        }
    }

    fn quoted(&mut self) -> Result<Bytes, Denial> {
        self.must(b'"')?;
        let mut out = Vec::new();
        loop {
            let byte = self.peek().ok_or(ARGUMENT)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(out.into()),
                b'\\' => {
                    out.push(self.peek().ok_or(ARGUMENT)?);
                    self.at += 1;
                }
                b'\r' | b'\n' | 0 => return Err(ARGUMENT),
                byte => out.push(byte),
            }
        }
    }

    pub fn literal(&mut self) -> Result<Bytes, Denial> {
        self.must(b'{')?;
        let length = usize::try_from(self.number()?).map_err(|_| ARGUMENT)?;
        self.eat(b'+');
        self.must(b'}')?;
        self.must(b'\r')?;
        self.must(b'\n')?;
        if self.rest().len() < length {
            return Err(ARGUMENT);
        }
        Ok(self.take(length))
    }

    /// Atom, quoted or literal, as text.
    pub fn astring(&mut self) -> Result<String, Denial> {
        match self.peek() {
            Some(b'"' | b'{') => String::from_utf8(self.string()?.to_vec()).map_err(|_| ARGUMENT),
            _ => self.while_in(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\".contains(&byte)),
        }
    }

    /// As `astring`, with the wildcards of LIST.
    pub fn pattern(&mut self) -> Result<String, Denial> {
        match self.peek() {
            Some(b'"' | b'{') => self.astring(),
            _ => self.while_in(|byte| byte.is_ascii_graphic() && !b"(){\"\\".contains(&byte)),
        }
    }

    /// A folder's name; INBOX in any case.
    pub fn folder(&mut self) -> Result<String, Denial> {
        let name = self.astring()?;
        if name.chars().any(char::is_control) || name.len() > 1000 {
            return Err(ARGUMENT);
        }
        Ok(name)
    }

    /// `(a b c)`, each word read by `word`.
    pub fn list<T>(&mut self, mut word: impl FnMut(&mut Self) -> Result<T, Denial>) -> Result<Vec<T>, Denial> {
        self.must(b'(')?;
        let mut words = Vec::new();
        while !self.eat(b')') {
            if !words.is_empty() {
                self.space()?;
            }
            words.push(word(self)?);
        }
        Ok(words)
    }

    /// `\Seen`, `$Forwarded`, `label`.
    pub fn flag(&mut self) -> Result<String, Denial> {
        let system = if self.eat(b'\\') { "\\" } else { "" };
        Ok(format!("{system}{}", self.atom()?))
    }

    pub fn set(&mut self) -> Result<Set, Denial> {
        let text = self.while_in(|byte| byte.is_ascii_digit() || b":,*".contains(&byte))?;
        Set::parse(&text)
    }
}

/// A sequence set: ranges of numbers, `*` as `u32::MAX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    ranges: Vec<(u32, u32)>,
}

impl Set {
    pub fn parse(text: &str) -> Result<Self, Denial> {
        let bound = |text: &str| match text {
            "*" => Ok(u32::MAX),
            digits => digits.parse::<u32>().ok().filter(|number| *number > 0).ok_or(ARGUMENT),
        };
        let range = |text: &str| {
            let (from, to) = text.split_once(':').unwrap_or((text, text));
            Ok((bound(from)?, bound(to)?))
        };
        let ranges: Result<Vec<_>, Denial> = text.split(',').map(range).collect();
        Ok(Self { ranges: ranges? })
    }

    /// The ranges in order and apart, `*` being `last`; `n:*` always holds `last` (RFC 3501 6.4.8).
    pub fn within(&self, last: u32) -> Vec<(u32, u32)> {
        let real = |number: u32| if number == u32::MAX { last } else { number };
        let mut ranges: Vec<(u32, u32)> =
            self.ranges.iter().map(|(from, to)| (real(*from).min(real(*to)), real(*from).max(real(*to)))).collect();
        ranges.sort_unstable();
        let mut apart: Vec<(u32, u32)> = Vec::new();
        for (from, to) in ranges {
            match apart.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
                _ => apart.push((from, to)),
            }
        }
        apart
    }

    pub fn holds(&self, number: u32, last: u32) -> bool {
        self.within(last).iter().any(|(from, to)| (*from..=*to).contains(&number))
    }
}

/// UIDs as a set, in order.
pub fn compressed(uids: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(*uid) => *end = *uid,
            _ => ranges.push((*uid, *uid)),
        }
    }
    let text = |(from, to): &(u32, u32)| if from == to { from.to_string() } else { format!("{from}:{to}") };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

/// A string for a reply: quoted where that can be, else a literal.
pub fn string(text: &[u8]) -> Vec<u8> {
    let plain = text.iter().all(|byte| (b' '..=b'~').contains(byte));
    if !plain || text.len() > 1000 {
        return [format!("{{{}}}\r\n", text.len()).as_bytes(), text].concat();
    }
    let mut out = vec![b'"'];
    for byte in text {
        if b"\"\\".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

/// `NIL` for nothing.
pub fn nstring(text: Option<&[u8]>) -> Vec<u8> {
    text.map_or_else(|| b"NIL".to_vec(), string)
}

/// A folder's name for a reply: bare where it is an atom, as Exchange does.
pub fn folder_name(name: &str) -> String {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./&+,".contains(&byte)) {
        return name.to_owned();
    }
    String::from_utf8_lossy(&string(name.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(text: &str) -> Cursor {
        Cursor::new(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn strings_come_in_four_forms() {
        for text in ["abc", "\"abc\"", "{3}\r\nabc", "{3+}\r\nabc"] {
            assert_eq!(cursor(text).astring(), Ok("abc".into()), "{text:?}");
        }
        assert_eq!(cursor("\"a\\\"b\\\\\"").astring(), Ok("a\"b\\".into()));
        for bad in ["\"abc", "{4}\r\nabc", "{4294967296}\r\nabc", "{-1}\r\nabc", "", "("] {
            assert!(cursor(bad).astring().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sets_are_read_merged_and_written() {
        let set = Set::parse("4,2:3,9:*,*:7").expect("set");
        assert_eq!(set.within(8), [(2, 4), (7, 9)]);
        assert!(Set::parse("0").is_err() && Set::parse("1,,2").is_err() && Set::parse("4294967296").is_err());
        assert_eq!(compressed(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
    }

    #[test]
    fn what_cannot_be_quoted_becomes_a_literal() {
        assert_eq!(string(b"a\"b"), b"\"a\\\"b\"");
        assert_eq!(string("ü".as_bytes()), [b"{2}\r\n".as_slice(), "ü".as_bytes()].concat());
        assert_eq!(folder_name("Sent Items"), "\"Sent Items\"");
        assert_eq!(folder_name("INBOX"), "INBOX");
    }
}
