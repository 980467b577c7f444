//! A message on disk as Graph is to get it: without the dots of the way, its header block in hand, the rest in pieces.
//!
//! Nothing but the header block is ever held as a whole, and nothing is changed: what is quoted-printable keeps the CRLF
//! behind its soft line breaks, with which Graph leaves it alone (fact sheet microsoft.md, 3.3).

use std::{io, ops::Range};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, SeekFrom},
    sync::mpsc,
    task::JoinHandle,
};

use crate::net::{Handed, Upload};

pub const HEAD_CAP: usize = 256 * 1024;
/// A multiple of three, so that its base64 needs no padding.
const PIECE: usize = 48 * 1024;

pub struct Letter {
    /// Read from one place at a time: whoever reads begins at its start.
    file: File,
    /// With the empty line at its end, where there is one.
    pub head: Vec<u8>,
    octets: u64,
}

#[derive(Debug)]
pub enum Unreadable {
    Io(io::Error),
    HeadTooLarge,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Letter {
    /// `file` is in the form of the wire: CRLF lines, dot-stuffed, without the final dot.
    pub async fn read(file: File) -> Result<Self, Unreadable> {
        let mut letter = Self { file, head: Vec::new(), octets: 0 };
        let mut whole = letter.plain().await?;
        let (mut piece, mut is_head) = (Vec::new(), true);
        while whole.next(&mut piece).await? {
            letter.octets += piece.len() as u64;
            if !is_head {
                continue;
            }
            let seen = letter.head.len().saturating_sub(3);
            letter.head.extend_from_slice(&piece);
            if let Some(end) = end_of_head(&letter.head, seen) {
                letter.head.truncate(end);
                is_head = false;
            }
            if letter.head.len() > HEAD_CAP {
                return Err(Unreadable::HeadTooLarge);
            }
        }
        Ok(letter)
    }

    /// Of the whole message with this header block in the place of its own.
    pub fn octets_with(&self, head: &[u8]) -> u64 {
        self.octets - self.head.len() as u64 + head.len() as u64
    }

    /// The same in base64, as the body of a request. The task that reads the file ends with it; nobody else may read
    /// meanwhile.
    pub async fn upload(&self, head: Bytes) -> io::Result<(Upload, Handed, JoinHandle<()>)> {
        let octets = self.octets_with(&head).div_ceil(3) * 4;
        let (upload, pieces, handed) = Upload::new(octets);
        let (plain, skip) = (self.plain().await?, self.head.len() as u64);
        let task = tokio::spawn(async move {
            if let Err(error) = encode(plain, &head, skip, &pieces).await {
                // The request breaks off, since its body ends early.
                tracing::warn!(%error, "the message on disk cannot be read");
            }
        });
        Ok((upload, handed, task))
    }

    async fn plain(&self) -> io::Result<Plain> {
        let mut file = self.file.try_clone().await?;
        file.seek(SeekFrom::Start(0)).await?;
        Ok(Plain { file, begins_line: true, buffer: vec![0; PIECE] })
    }

    /// Some octets of the message, by their places without the dots of the way.
    pub async fn span(&self, range: Range<u64>) -> io::Result<Span> {
        Ok(Span { plain: self.plain().await?, at: 0, range })
    }

    pub async fn all(&self) -> io::Result<Span> {
        self.span(0..self.octets).await
    }
}

/// Where the header block ends, its empty line included. Before `from` was looked already.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    if head.starts_with(b"\r\n") {
        return Some(2);
    }
    Some(from + memchr::memmem::find(head.get(from..)?, b"\r\n\r\n")? + 4)
}

/// A header block cut into fields, each with its folded lines.
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
        let (field, tail) = rest.split_at_checked(if ends_in_mid_line { rest.len() } else { end })?;
        rest = tail;
        (!field.is_empty()).then_some(field)
    })
}

async fn encode(mut plain: Plain, head: &[u8], mut skip: u64, pieces: &mpsc::Sender<Bytes>) -> io::Result<()> {
    let mut waiting = head.to_vec();
    let mut piece = Vec::new();
    loop {
        let more = plain.next(&mut piece).await?;
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
        skip -= skipped as u64;
        waiting.extend_from_slice(piece.get(skipped..).unwrap_or_default());
        let whole = if more { waiting.len() / 3 * 3 } else { waiting.len() };
        let encoded: String =
            waiting.drain(..whole).as_slice().chunks(PIECE).map(|part| STANDARD.encode(part)).collect();
        if !encoded.is_empty() && pieces.send(encoded.into()).await.is_err() {
            // The request ended before its body.
            return Ok(());
        }
        if !more {
            return Ok(());
        }
    }
}

/// Reads a file of the wire's form and takes its dots away (RFC 5321 4.5.2).
struct Plain {
    file: File,
    begins_line: bool,
    buffer: Vec<u8>,
}

impl Plain {
    /// The next piece in the place of what `out` held; `false` at the end.
    async fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.clear();
        let read = self.file.read(&mut self.buffer).await?;
        for line in self.buffer.get(..read).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let stuffed = self.begins_line && line.starts_with(b".");
            out.extend_from_slice(line.get(usize::from(stuffed)..).unwrap_or_default());
            self.begins_line = line.ends_with(b"\n");
        }
        Ok(read > 0)
    }
}

/// Reads a part of a message.
pub struct Span {
    plain: Plain,
    at: u64,
    range: Range<u64>,
}

impl Span {
    /// The next piece in the place of what `out` held; `false` at the end.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        while self.at < self.range.end && self.plain.next(out).await? {
            let here = self.at..self.at + out.len() as u64;
            self.at = here.end;
            let inside = |place: u64| usize::try_from(place.clamp(here.start, here.end) - here.start).unwrap_or(0);
            let (from, to) = (inside(self.range.start), inside(self.range.end));
            out.truncate(to);
            out.drain(..from.min(to));
            if !out.is_empty() {
                return Ok(true);
            }
        }
        out.clear();
        Ok(false)
    }
}
