//! The parts of a message, for BODYSTRUCTURE, ENVELOPE and BODY[n.m] (RFC 3501 7.4.2).
//!
//! Offsets only: every section is a slice of the message as it was stored. A message that cannot be read is one
//! text part.

use mailparse::{MailAddr, ParsedContentType, SingleInfo};

use super::syntax::{nstring, string};

const DEPTH: u32 = 20;
const PARTS: usize = 1000;

pub struct Part<'a> {
    pub raw: &'a [u8],
    /// With the empty line behind it.
    pub header: &'a [u8],
    pub body: &'a [u8],
    /// Names and unfolded values.
    headers: Vec<(String, Vec<u8>)>,
    kind: ParsedContentType,
    pub inner: Inner<'a>,
}

pub enum Inner<'a> {
    Leaf,
    Parts(Vec<Part<'a>>),
    Message(Box<Part<'a>>),
}

impl<'a> Part<'a> {
    pub fn read(raw: &'a [u8]) -> Self {
        Self::at_depth(raw, 0)
    }

    fn at_depth(raw: &'a [u8], depth: u32) -> Self {
        let (header, body) = raw.split_at_checked(header_length(raw)).unwrap_or((raw, &[]));
        let headers = mailparse::parse_headers(header).map(|(headers, _)| headers).unwrap_or_default();
        let headers: Vec<(String, Vec<u8>)> =
            headers.iter().map(|header| (header.get_key(), unfolded(header.get_value_raw()))).collect();
        let kind = find(&headers, "Content-Type").map(|value| mailparse::parse_content_type(&text(value)));
        let mut kind = kind.unwrap_or_else(|| mailparse::parse_content_type("text/plain"));
        let mut inner = Inner::Leaf;
        if kind.mimetype.starts_with("multipart/") {
            let boundary = kind.params.get("boundary").cloned().unwrap_or_default();
            let parts: Vec<Part<'a>> = match depth < DEPTH && !boundary.is_empty() {
                true => split(body, &boundary).into_iter().map(|raw| Self::at_depth(raw, depth + 1)).collect(),
                false => Vec::new(),
            };
            if parts.is_empty() {
                kind = mailparse::parse_content_type("text/plain");
            } else {
                inner = Inner::Parts(parts);
            }
        } else if kind.mimetype == "message/rfc822" && depth < DEPTH {
            inner = Inner::Message(Box::new(Self::at_depth(body, depth + 1)));
        }
        Self { raw, header, body, headers, kind, inner }
    }

    /// The part that a section number names.
    pub fn part(&self, path: &[u32]) -> Option<&Part<'a>> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let child = match &self.inner {
            Inner::Parts(parts) => parts.get(usize::try_from(*first).ok()?.checked_sub(1)?)?,
            // A message that is no multipart is its own part 1.
            _ if *first == 1 => self,
            _ => return None,
        };
        match (&child.inner, rest.is_empty()) {
            (_, true) => Some(child),
            (Inner::Parts(_), false) => child.part(rest),
            (Inner::Message(message), false) => message.part(rest),
            (Inner::Leaf, false) => None,
        }
    }

    pub fn header_value(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    /// Header lines whose names are (or are not) among these, and the empty line.
    pub fn fields(&self, names: &[String], not: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut keep = false;
        for line in self.header.split_inclusive(|byte| *byte == b'\n') {
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            if !folded {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let named = names.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name));
                keep = line.contains(&b':') && named != not;
            }
            if keep {
                out.extend_from_slice(line);
            }
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// The text of all text parts, decoded, for SEARCH.
    pub fn words(&self) -> String {
        match &self.inner {
            Inner::Parts(parts) => parts.iter().map(Part::words).collect::<Vec<_>>().join("\n"),
            Inner::Message(message) => format!("{}\n{}", String::from_utf8_lossy(message.header), message.words()),
            Inner::Leaf => {
                let parsed = mailparse::parse_mail(self.raw).ok().and_then(|mail| mail.get_body().ok());
                parsed.unwrap_or_else(|| String::from_utf8_lossy(self.body).into_owned())
            }
        }
    }

    pub fn envelope(&self) -> Vec<u8> {
        let value = |name: &str| nstring(self.header_value(name));
        let from = self.addresses("From");
        let or_from = |list: Vec<u8>| if list == b"NIL" { from.clone() } else { list };
        let fields = [
            value("Date"),
            value("Subject"),
            from.clone(),
            or_from(self.addresses("Sender")),
            or_from(self.addresses("Reply-To")),
            self.addresses("To"),
            self.addresses("Cc"),
            self.addresses("Bcc"),
            value("In-Reply-To"),
            value("Message-ID"),
        ];
        [b"(".as_slice(), &fields.join(&b' '), b")"].concat()
    }

    fn addresses(&self, name: &str) -> Vec<u8> {
        let Some(value) = self.header_value(name).map(text) else { return b"NIL".to_vec() };
        let Ok(list) = mailparse::addrparse(&value) else { return b"NIL".to_vec() };
        let mut out = Vec::new();
        for address in list.iter() {
            match address {
                MailAddr::Single(single) => out.extend(mailbox(single)),
                MailAddr::Group(group) => {
                    out.extend([b"(NIL NIL ".as_slice(), &string(group.group_name.as_bytes()), b" NIL)"].concat());
                    out.extend(group.addrs.iter().flat_map(mailbox));
                    out.extend(b"(NIL NIL NIL NIL)");
                }
            }
        }
        if out.is_empty() { b"NIL".to_vec() } else { [b"(".as_slice(), &out, b")"].concat() }
    }

    /// BODY (`extended` false) or BODYSTRUCTURE.
    pub fn structure(&self, extended: bool) -> Vec<u8> {
        let (kind, subtype) = self.kind.mimetype.split_once('/').unwrap_or(("application", "octet-stream"));
        let (kind, subtype) = (string(kind.as_bytes()), string(subtype.as_bytes()));
        if let Inner::Parts(parts) = &self.inner {
            let mut out: Vec<u8> = parts.iter().flat_map(|part| part.structure(extended)).collect();
            out.extend([b" ".as_slice(), &subtype].concat());
            if extended {
                out.extend([b" ".as_slice(), &self.parameters(), b" ", &self.disposition(), b" NIL NIL"].concat());
            }
            return [b"(".as_slice(), &out, b")"].concat();
        }
        let value = |name: &str| self.header_value(name);
        let encoding = value("Content-Transfer-Encoding").unwrap_or(b"7BIT");
        let mut fields = vec![
            kind,
            subtype,
            self.parameters(),
            nstring(value("Content-ID")),
            nstring(value("Content-Description")),
            string(encoding),
            self.body.len().to_string().into_bytes(),
        ];
        let lines = || self.body.iter().filter(|byte| **byte == b'\n').count().to_string().into_bytes();
        if let Inner::Message(message) = &self.inner {
            fields.extend([message.envelope(), message.structure(extended), lines()]);
        } else if self.kind.mimetype.starts_with("text/") {
            fields.push(lines());
        }
        if extended {
            fields.extend([b"NIL".to_vec(), self.disposition(), b"NIL".to_vec(), b"NIL".to_vec()]);
        }
        [b"(".as_slice(), &fields.join(&b' '), b")"].concat()
    }

    fn parameters(&self) -> Vec<u8> {
        let mut pairs: Vec<(&str, &str)> =
            self.kind.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if pairs.is_empty() && self.kind.mimetype.starts_with("text/") {
            pairs.push(("charset", "us-ascii"));
        }
        parameter_list(pairs)
    }

    fn disposition(&self) -> Vec<u8> {
        let Some(value) = self.header_value("Content-Disposition").map(text) else { return b"NIL".to_vec() };
        let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let parsed = mailparse::parse_content_disposition(&value);
        let pairs = parsed.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        [b"(".as_slice(), &string(name.as_bytes()), b" ", &parameter_list(pairs), b")"].concat()
    }
}

fn parameter_list(pairs: Vec<(&str, &str)>) -> Vec<u8> {
    if pairs.is_empty() {
        return b"NIL".to_vec();
    }
    let words: Vec<Vec<u8>> =
        pairs.iter().flat_map(|(name, value)| [string(name.as_bytes()), string(value.as_bytes())]).collect();
    [b"(".as_slice(), &words.join(&b' '), b")"].concat()
}

fn mailbox(single: &SingleInfo) -> Vec<u8> {
    let (local, host) = single.addr.rsplit_once('@').unwrap_or((&single.addr, ""));
    let name = nstring(single.display_name.as_deref().map(str::as_bytes));
    [b"(".as_slice(), &name, b" NIL ", &string(local.as_bytes()), b" ", &string(host.as_bytes()), b")"].concat()
}

fn find<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// Where the body begins.
fn header_length(raw: &[u8]) -> usize {
    if raw.starts_with(b"\r\n") {
        return 2;
    }
    let crlf = memchr::memmem::find(raw, b"\r\n\r\n").map(|at| at + 4);
    let lf = memchr::memmem::find(raw, b"\n\n").map(|at| at + 2);
    crlf.into_iter().chain(lf).min().unwrap_or(raw.len())
}

/// The pieces between the boundary lines; the line end before a boundary belongs to it (RFC 2046 5.1.1).
fn split<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut from = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if let Some(behind) = line.strip_prefix(delimiter.as_bytes())
            && behind.iter().all(|byte| b"- \t\r\n".contains(byte))
        {
            if let Some(from) = from {
                let piece = body.get(from..at).unwrap_or_default();
                let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
                parts.push(piece.strip_suffix(b"\r").unwrap_or(piece));
            }
            from = Some(at + line.len());
            if behind.starts_with(b"--") || parts.len() >= PARTS {
                return parts;
            }
        }
        at += line.len();
    }
    // No end: the last piece is what is left.
    parts.extend(from.and_then(|from| body.get(from..)));
    parts
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn unfolded(value: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = value.iter().copied().filter(|byte| !b"\r\n\0".contains(byte)).collect();
    value.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &[u8] = b"From: \"Ann A.\" <ann@contoso.example>\r\nTo: bob@contoso.example, Team: c@d.example;\r\n\
Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n\
preamble\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n--b1\r\n\
Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nwithin\r\n--b1--\r\nepilogue\r\n";

    #[test]
    fn sections_are_slices_of_the_message() {
        let message = Part::read(MIXED);
        let body = |path: &[u32]| message.part(path).map(|part| String::from_utf8_lossy(part.body).into_owned());
        assert_eq!(body(&[1]), Some("hello".into()));
        assert_eq!(body(&[2]), Some("Subject: inner\r\n\r\nwithin".into()));
        assert_eq!(body(&[2, 1]), Some("within".into()));
        assert!(body(&[3]).is_none() && body(&[1, 1]).is_none() && body(&[0]).is_none());
        assert_eq!(Part::read(b"Subject: x\r\n\r\nplain").part(&[1]).map(|part| part.body), Some(b"plain".as_slice()));
    }

    #[test]
    fn the_envelope_shows_groups_and_encoded_words_untouched() {
        let envelope = String::from_utf8(Part::read(MIXED).envelope()).expect("ascii");
        assert_eq!(
            envelope,
            "(NIL \"=?utf-8?q?gr=C3=BC=C3=9Fe?=\" ((\"Ann A.\" NIL \"ann\" \"contoso.example\")) \
             ((\"Ann A.\" NIL \"ann\" \"contoso.example\")) ((\"Ann A.\" NIL \"ann\" \"contoso.example\")) \
             ((NIL NIL \"bob\" \"contoso.example\")(NIL NIL \"Team\" NIL)(NIL NIL \"c\" \"d.example\")\
             (NIL NIL NIL NIL)) NIL NIL NIL \"<1@x>\")"
        );
    }

    #[test]
    fn the_structure_counts_octets_and_lines() {
        let structure = String::from_utf8(Part::read(MIXED).structure(false)).expect("ascii");
        assert_eq!(
            structure,
            "((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7BIT\" 5 0)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 24 (NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 6 0) 2) \"mixed\")"
        );
    }

    #[test]
    fn unreadable_messages_are_one_text_part() {
        for raw in [b"".as_slice(), b"\r\n", b"no header", b"Content-Type: multipart/mixed\r\n\r\nx", b"\0\0\0"] {
            let structure = String::from_utf8_lossy(&Part::read(raw).structure(true)).into_owned();
            assert!(structure.starts_with("(\"text\" \"plain\""), "{structure}");
        }
    }

    #[test]
    fn header_fields_keep_their_folds() {
        let message = Part::read(b"A: 1\r\nB: 2\r\n folded\r\nC: 3\r\n\r\nbody");
        assert_eq!(message.fields(&["b".into()], false), b"B: 2\r\n folded\r\n\r\n");
        assert_eq!(message.fields(&["b".into()], true), b"A: 1\r\nC: 3\r\n\r\n");
    }
}
