//! The parts of a message, by their places in it (RFC 2046 5.1), found in one pass with nothing but a line in hand.
//!
//! It refuses what is signed or encrypted anywhere inside, since a message put together anew would be so no more, and
//! what cannot be taken apart for sure.

use std::{io, ops::Range};

use mailparse::{DispositionType, MailHeaderMap, ParsedContentType};

use super::letter::Letter;
use crate::message::HEAD_CAP;

/// Longer lines come in pieces; delimiters are far shorter.
const LINE_CAP: usize = 16 * 1024;
const DEPTH: usize = 30;
const PARTS: usize = 1000;
/// Their parts are one thing, or their bytes are.
const SEALED: &[&str] =
    &["multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"];

/// A part that has no parts.
#[derive(Debug)]
pub struct Leaf {
    pub head: Vec<u8>,
    pub mime: String,
    pub name: Option<String>,
    /// Without its brackets.
    pub content_id: Option<String>,
    pub is_attachment: bool,
    pub encoding: String,
    pub span: Range<u64>,
    /// The innermost multipart/alternative that it stands in.
    pub alternative: Option<usize>,
}

#[derive(Debug)]
pub enum Refusal {
    Io(io::Error),
    Sealed,
    Broken(&'static str),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub async fn find(letter: &Letter) -> Result<Vec<Leaf>, Refusal> {
    let mut walk = Walk::default();
    let mut all = letter.all().await?;
    let (mut piece, mut line) = (Vec::new(), Vec::new());
    while all.next(&mut piece).await? {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") || line.len() >= LINE_CAP {
                walk.line(&line)?;
                line.clear();
            }
        }
    }
    walk.line(&line)?;
    walk.end()
}

/// An open multipart.
struct Level {
    /// `--boundary`
    delimiter: Vec<u8>,
    alternative: Option<usize>,
}

enum State {
    Head(Vec<u8>),
    Body(Box<Leaf>),
    /// In front of the first part, or behind the last.
    Between,
}

struct Walk {
    levels: Vec<Level>,
    state: State,
    leaves: Vec<Leaf>,
    alternatives: usize,
    /// Of the line.
    at: u64,
    begins_line: bool,
}

impl Default for Walk {
    fn default() -> Self {
        let state = State::Head(Vec::new());
        Self { levels: Vec::new(), state, leaves: Vec::new(), alternatives: 0, at: 0, begins_line: true }
    }
}

impl Walk {
    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let begins = std::mem::replace(&mut self.begins_line, line.ends_with(b"\n"));
        let at = self.at;
        self.at += line.len() as u64;
        if begins && let Some((level, is_last)) = self.delimiter(line) {
            // The line end in front of a delimiter belongs to it.
            self.close(at.saturating_sub(2))?;
            self.levels.truncate(if is_last { level } else { level + 1 });
            self.state = if is_last { State::Between } else { State::Head(Vec::new()) };
            return Ok(());
        }
        let State::Head(head) = &mut self.state else { return Ok(()) };
        head.extend_from_slice(line);
        if head.len() > HEAD_CAP {
            return Err(Refusal::Broken("the header of a part is too large"));
        }
        if begins && line == b"\r\n" {
            let head = std::mem::take(head);
            self.open(head)?;
        }
        Ok(())
    }

    /// Which open multipart this line delimits, from the innermost on, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.starts_with(b"--").then(|| line.trim_ascii_end())?;
        self.levels.iter().enumerate().rev().find_map(|(level, open)| {
            let rest = line.strip_prefix(open.delimiter.as_slice())?;
            matches!(rest, b"" | b"--").then_some((level, rest == b"--"))
        })
    }

    /// The body of a part begins.
    fn open(&mut self, head: Vec<u8>) -> Result<(), Refusal> {
        let begins = self.at;
        let (headers, _) = mailparse::parse_headers(&head).map_err(|_| Refusal::Broken("a header cannot be read"))?;
        let kind = headers.get_first_value("Content-Type").map(|value| mailparse::parse_content_type(&value));
        let kind = kind.unwrap_or_default();
        let mime = kind.mimetype.to_ascii_lowercase();
        if SEALED.contains(&mime.as_str()) {
            return Err(Refusal::Sealed);
        }
        let around = self.levels.last().and_then(|level| level.alternative);
        if mime.starts_with("multipart/") {
            return self.descend(&kind, &mime, around);
        }
        let disposition = headers.get_first_value("Content-Disposition");
        let disposition = disposition.map(|value| mailparse::parse_content_disposition(&value));
        let name = disposition.as_ref().and_then(|one| one.params.get("filename")).or_else(|| kind.params.get("name"));
        let content_id = headers.get_first_value("Content-ID");
        let leaf = Leaf {
            mime,
            name: name.cloned(),
            content_id: content_id.map(|id| id.trim().trim_matches(['<', '>']).to_owned()),
            is_attachment: disposition.as_ref().is_some_and(|one| one.disposition == DispositionType::Attachment),
            encoding: headers.get_first_value("Content-Transfer-Encoding").unwrap_or_default(),
            span: begins..begins,
            alternative: around,
            head: Vec::new(),
        };
        self.state = State::Body(Box::new(Leaf { head, ..leaf }));
        Ok(())
    }

    fn descend(&mut self, kind: &ParsedContentType, mime: &str, around: Option<usize>) -> Result<(), Refusal> {
        let boundary = kind.params.get("boundary").filter(|boundary| !boundary.is_empty());
        let boundary = boundary.ok_or(Refusal::Broken("a multipart has no boundary"))?;
        if self.levels.len() >= DEPTH {
            return Err(Refusal::Broken("parts are too deep in each other"));
        }
        let mut alternative = around;
        if mime == "multipart/alternative" {
            self.alternatives += 1;
            alternative = Some(self.alternatives);
        }
        let delimiter = format!("--{}", boundary.trim_end()).into_bytes();
        self.levels.push(Level { delimiter, alternative });
        self.state = State::Between;
        Ok(())
    }

    /// The part that is open ends here.
    fn close(&mut self, end: u64) -> Result<(), Refusal> {
        if let State::Head(head) = &mut self.state {
            let head = std::mem::take(head);
            self.open(head)?;
        }
        if let State::Body(mut leaf) = std::mem::replace(&mut self.state, State::Between) {
            leaf.span.end = end.max(leaf.span.start);
            self.leaves.push(*leaf);
        }
        match self.leaves.len() > PARTS {
            true => Err(Refusal::Broken("too many parts")),
            false => Ok(()),
        }
    }

    fn end(mut self) -> Result<Vec<Leaf>, Refusal> {
        self.close(self.at)?;
        Ok(self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(text: &str) -> Result<Vec<Leaf>, Refusal> {
        let mut walk = Walk::default();
        for line in text.as_bytes().split_inclusive(|byte| *byte == b'\n') {
            walk.line(line)?;
        }
        walk.end()
    }

    fn seen(text: &str) -> Vec<(String, &str)> {
        let leaves = walked(text).unwrap();
        let part = |leaf: Leaf| {
            let body = &text[usize::try_from(leaf.span.start).unwrap()..usize::try_from(leaf.span.end).unwrap()];
            (leaf.mime, body)
        };
        leaves.into_iter().map(part).collect()
    }

    const NESTED: &str = "Subject: x\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\npreamble\r\n\
        --out\r\nContent-Type: multipart/alternative; boundary=\"in\"\r\n\r\n\
        --in\r\n\r\nplain\r\n--in\r\nContent-Type: text/html\r\n\r\n<p>\r\n--in--\r\n\
        --out \r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\nJVBE\r\n\
        --output\r\n--out--\r\nepilogue\r\n";

    #[test]
    fn parts_are_found_with_their_bodies_to_the_octet() {
        let expected = [("text/plain", "plain"), ("text/html", "<p>"), ("application/pdf", "JVBE\r\n--output")];
        assert_eq!(seen(NESTED), expected.map(|(mime, body)| (mime.to_owned(), body)));
        let leaves = walked(NESTED).unwrap();
        assert_eq!(leaves.iter().map(|leaf| leaf.alternative).collect::<Vec<_>>(), [Some(1), Some(1), None]);
        assert_eq!((leaves[2].name.as_deref(), leaves[2].is_attachment), (Some("a.pdf"), true));
    }

    #[test]
    fn a_message_of_one_part_is_that_part() {
        assert_eq!(seen("Subject: x\r\n\r\nhello\r\n"), [("text/plain".to_owned(), "hello\r\n")]);
        assert_eq!(seen("Subject: x"), [("text/plain".to_owned(), "")]);
        let open = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever ends\r\n";
        assert_eq!(seen(open), [("text/plain".to_owned(), "never ends\r\n")]);
        let empty = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n";
        assert_eq!(seen(empty), [("text/plain".to_owned(), "")]);
    }

    #[test]
    fn what_is_signed_or_encrypted_anywhere_is_not_taken_apart() {
        for kind in SEALED {
            assert!(matches!(walked(&format!("Content-Type: {kind}; boundary=s\r\n\r\nx\r\n")), Err(Refusal::Sealed)));
        }
        let inside = NESTED.replace("application/pdf; name=a.pdf", "multipart/signed; boundary=s");
        assert!(matches!(walked(&inside), Err(Refusal::Sealed)));
    }

    #[test]
    fn what_cannot_be_taken_apart_is_broken() {
        assert!(matches!(walked("Content-Type: multipart/mixed\r\n\r\nx\r\n"), Err(Refusal::Broken(_))));
        let mut deep = String::new();
        (0..=DEPTH).for_each(|n| deep += &format!("Content-Type: multipart/mixed; boundary=b{n}x\r\n\r\n--b{n}x\r\n"));
        assert!(matches!(walked(&deep), Err(Refusal::Broken(_))));
    }
}
