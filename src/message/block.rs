//! A header block taken apart into fields by their offsets, and changed by splicing.
//!
//! Nothing is written anew: what no edit names is copied as it is, so signatures over it stay good. Where the lines of a
//! field begin is found here, since mailparse gives up at an odd line; what a field is called and where its value begins
//! is mailparse's word. All of it is linear in the size of the block.

use std::{borrow::Cow, ops::Range};

/// The names that are of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Bcc,
    Cc,
    ContentTransferEncoding,
    ContentType,
    /// Any other `Content-`.
    Content,
    Date,
    From,
    MessageId,
    MimeVersion,
    ReplyTo,
    Sender,
    To,
    Other,
}

impl Name {
    fn of(name: &str) -> Self {
        match name {
            "bcc" => Self::Bcc,
            "cc" => Self::Cc,
            "content-transfer-encoding" => Self::ContentTransferEncoding,
            "content-type" => Self::ContentType,
            "date" => Self::Date,
            "from" => Self::From,
            "message-id" => Self::MessageId,
            "mime-version" => Self::MimeVersion,
            "reply-to" => Self::ReplyTo,
            "sender" => Self::Sender,
            "to" => Self::To,
            _ if name.starts_with("content-") => Self::Content,
            _ => Self::Other,
        }
    }

    /// RFC 5322 3.6.2 and 3.6.3.
    pub(super) const fn holds_addresses(self) -> bool {
        matches!(self, Self::Bcc | Self::Cc | Self::From | Self::ReplyTo | Self::Sender | Self::To)
    }
}

/// A field by its offsets in the block.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Name,
    /// With the end of its last line.
    pub(super) all: Range<usize>,
    /// Behind the colon, without the end of its last line.
    pub(super) value: Range<usize>,
}

/// Without the dots of the way.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    /// All that have a name and a colon, in order.
    pub(super) fields: Vec<Field>,
    /// Where one more field may stand: behind the last one that everybody takes for one. Behind a line that is none, some
    /// read body already.
    end: usize,
}

impl<'a> Block<'a> {
    pub(super) fn cut(bytes: &'a [u8]) -> Self {
        let (mut parsed, mut end, mut at) = (Vec::new(), None, 0);
        for field in fields(bytes) {
            let here = at..at + field.len();
            at = here.end;
            let begins = field.len() - field.trim_ascii_start().len();
            let found = mailparse::parse_header(field.trim_ascii_start()).ok().and_then(|(header, _)| {
                let colon = begins + header.get_key_raw().len();
                (field.get(colon) == Some(&b':')).then(|| (Name::of(&name(&header)), colon))
            });
            let is_one = found.is_some_and(|(_, colon)| is_name(field.get(..colon).unwrap_or_default()));
            // A folded line at the very start goes along with what comes before it: that must stay nothing.
            if !is_one && (here.start > 0 || !field.starts_with(b" ") && !field.starts_with(b"\t")) {
                end.get_or_insert(here.start);
            }
            if let Some((name, colon)) = found {
                let value = here.start + colon + 1..here.start + without_line_end(field).len();
                // `begins` octets of blank lines may lie before the colon, never behind the end.
                if value.start <= value.end {
                    parsed.push(Field { name, all: here, value });
                }
            }
        }
        Self { bytes, fields: parsed, end: end.unwrap_or(bytes.len()) }
    }

    pub(super) fn all(&self, name: Name) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |field| field.name == name)
    }

    pub(super) fn has(&self, name: Name) -> bool {
        self.all(name).next().is_some()
    }

    /// The field of this name, if there is one and no second one.
    pub(super) fn only(&self, name: Name) -> Option<&Field> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether there is no such field, or one that is empty: two of them nobody fills.
    pub(super) fn lacks(&self, name: Name) -> bool {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (Some(field), None) => self.value(field).trim_ascii().is_empty(),
            (first, _) => first.is_none(),
        }
    }

    /// Where the fields end that everybody takes for some.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    pub(super) fn value(&self, field: &Field) -> &'a [u8] {
        self.bytes.get(field.value.clone()).unwrap_or_default()
    }

    /// Lines, and none of them a field.
    pub(super) fn is_text(&self) -> bool {
        !self.fields.iter().any(|field| self.is_sound(field))
    }

    /// Whether the field has a name that everybody takes for one.
    pub(super) fn is_sound(&self, field: &Field) -> bool {
        self.bytes.get(field.all.start..field.value.start).is_some_and(|head| is_name(without_colon(head)))
    }
}

/// Where the header block ends, its empty line included. Before `from` was looked already.
pub fn header_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    let rest = bytes.get(from..)?;
    memchr::memmem::find(rest, b"\r\n\r\n").map(|at| from + at + 4)
}

/// A header block cut into fields, each with its folded lines. A folded line that folds nothing is a field, too:
/// whoever reads it may not care about the space before it.
pub fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut end = 0;
        while let Some(line) = rest.get(end..).and_then(|tail| memchr::memchr(b'\n', tail)) {
            end += line + 1;
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let ends_in_mid_line = end == 0 || matches!(rest.get(end), Some(b' ' | b'\t'));
        let end = if ends_in_mid_line { rest.len() } else { end };
        let (field, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!field.is_empty()).then_some(field)
    })
}

/// The name of a field in lower case; RFC 5322 4.5 has spaces before the colon.
pub(super) fn name(header: &mailparse::MailHeader<'_>) -> String {
    header.get_key_ref().trim().to_ascii_lowercase()
}

/// RFC 5322 3.6.8: printable ASCII without colon and space, but for spaces at its end.
fn is_name(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':')
}

fn without_colon(head: &[u8]) -> &[u8] {
    head.strip_suffix(b":").unwrap_or(head)
}

pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What is to be changed in a block. Edits do not overlap; those at one place stay in their order.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, Cow<'static, [u8]>)>);

impl Edits {
    pub(super) fn replace(&mut self, range: Range<usize>, with: impl Into<Cow<'static, [u8]>>) {
        self.0.push((range, with.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<Cow<'static, [u8]>>) {
        self.replace(at..at, text);
    }

    /// A field of its own, where there is room for one.
    pub(super) fn add(&mut self, block: &Block<'_>, name: &str, value: &[u8]) {
        let ends_a_line = block.end == 0 || block.bytes.get(block.end - 1) == Some(&b'\n');
        let (before, behind): (&[u8], &[u8]) = if ends_a_line { (b"", b"\r\n") } else { (b"\r\n", b"") };
        self.insert(block.end, [before, name.as_bytes(), b":", value, behind].concat());
    }

    /// Says so in the field of this name where that is missing or empty, so that there are never two; whether it was.
    pub(super) fn fill(&mut self, block: &Block<'_>, name: Name, written: &str, value: &str) -> bool {
        let lacks = block.lacks(name);
        let value = format!(" {value}").into_bytes();
        match block.only(name) {
            _ if !lacks => {}
            Some(empty) => self.insert(empty.value.start, value),
            None => self.add(block, written, &value),
        }
        lacks
    }

    /// The block with all of it done; `None` where there is nothing to do.
    pub(super) fn done(mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by_key(|(range, _)| range.start);
        let mut splice = Splice::new(bytes);
        for (range, with) in &self.0 {
            splice.replace(range.clone(), with);
        }
        Some(splice.done())
    }
}

/// Copies bytes and changes some on the way, from left to right.
pub(super) struct Splice<'a> {
    source: &'a [u8],
    taken: usize,
    out: Vec<u8>,
}

impl<'a> Splice<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        Self { source, taken: 0, out: Vec::with_capacity(source.len() + 256) }
    }

    pub(super) fn insert(&mut self, at: usize, text: &[u8]) {
        self.replace(at..at, text);
    }

    pub(super) fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        self.out.extend_from_slice(self.source.get(self.taken..range.start).unwrap_or_default());
        self.out.extend_from_slice(with);
        self.taken = self.taken.max(range.end);
    }

    pub(super) fn done(mut self) -> Vec<u8> {
        self.out.extend_from_slice(self.source.get(self.taken..).unwrap_or_default());
        self.out
    }
}
