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
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::own::MESSAGE_BODY_UNREADABLE,
    message::{HEAD_CAP, header_end},
    net::{Handed, Upload},
};

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
            if let Some(end) = header_end(&letter.head, seen) {
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

    /// The same in base64, as the body of a request. Nobody else may read before the reading has ended.
    pub async fn upload(&self, head: Bytes) -> io::Result<(Upload, Handed, Reading)> {
        let octets = self.octets_with(&head).div_ceil(3) * 4;
        let (upload, pieces, handed) = Upload::new(octets);
        let (plain, skip) = (self.plain().await?, self.head.len() as u64);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = encode(plain, &head, skip, &pieces, &stopped).await {
                // The request breaks off, since its body ends early.
                tracing::warn!(fault = %MESSAGE_BODY_UNREADABLE.fault(), %error, "the message on disk cannot be read");
            }
        });
        Ok((upload, handed, Reading { task, stop }))
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

/// The task that reads a message for a request.
pub struct Reading {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Reading {
    /// Whatever is left: an answer may come before the end of its request.
    pub async fn end(self) {
        self.stop.cancel();
        // A task that panicked reads no more.
        let _ = self.task.await;
    }
}

async fn encode(
    mut plain: Plain,
    head: &[u8],
    mut skip: u64,
    pieces: &mpsc::Sender<Bytes>,
    stop: &CancellationToken,
) -> io::Result<()> {
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
        if !encoded.is_empty() {
            match stop.run_until_cancelled(pieces.send(encoded.into())).await {
                Some(Ok(())) => {}
                // The request ended before its body.
                Some(Err(_)) | None => return Ok(()),
            }
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use http_body::Body;

    use super::*;

    /// A message as the spool has it.
    async fn letter(message: &[u8]) -> (Letter, tempfile::NamedTempFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut wire = Vec::new();
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            wire.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
            wire.extend_from_slice(line);
        }
        std::fs::write(file.path(), wire).unwrap();
        (Letter::read(File::open(file.path()).await.unwrap()).await.unwrap(), file)
    }

    async fn uploaded(letter: &Letter, head: &[u8]) -> Vec<u8> {
        let (mut upload, handed, reading) = letter.upload(Bytes::copy_from_slice(head)).await.unwrap();
        let length = upload.size_hint().exact().unwrap();
        let mut base64 = Vec::new();
        while let Some(piece) = std::future::poll_fn(|context| Pin::new(&mut upload).poll_frame(context)).await {
            base64.extend_from_slice(&piece.unwrap().into_data().unwrap());
        }
        assert!(handed.is_whole());
        reading.end().await;
        assert_eq!(base64.len() as u64, length, "as announced");
        STANDARD.decode(base64).unwrap()
    }

    async fn read(mut span: Span) -> Vec<u8> {
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        while span.next(&mut piece).await.unwrap() {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[tokio::test]
    async fn a_message_of_any_size_goes_out_octet_by_octet_with_another_header_block() {
        let head = b"Subject: x\r\n.dot: y\r\n\r\n";
        for octets in [0, 1, 2, 3, PIECE - 26, PIECE - 25, PIECE - 24, PIECE, PIECE + 1, 3 * PIECE + 7] {
            // Lines of odd lengths, many of which begin with a dot.
            let body: Vec<u8> = b".one\r\n..\r\ntwo\r\n.\r\n".iter().copied().cycle().take(octets).collect();
            let (letter, _file) = letter(&[&head[..], &body].concat()).await;
            assert_eq!(letter.head, head, "{octets}");
            assert!(
                uploaded(&letter, b"Other: z\r\n\r\n").await == [b"Other: z\r\n\r\n", &body[..]].concat(),
                "{octets}"
            );
            assert!(read(letter.all().await.unwrap()).await == [&head[..], &body].concat(), "{octets}");
        }
    }

    #[tokio::test]
    async fn a_part_is_read_by_its_places_without_the_dots_of_the_way() {
        let message: Vec<u8> = b".abc\r\n".iter().copied().cycle().take(3 * PIECE).collect();
        let (letter, _file) = letter(&message).await;
        for range in [0..1, 5..5, 7..PIECE + 9, PIECE - 1..2 * PIECE + 1, 3 * PIECE - 2..3 * PIECE] {
            let places = range.start as u64..range.end as u64;
            assert!(read(letter.span(places).await.unwrap()).await == message[range.clone()], "{range:?}");
        }
    }

    #[tokio::test]
    async fn a_header_block_is_found_wherever_its_end_falls_and_has_a_cap() {
        for octets in [PIECE - 5, PIECE - 3, PIECE - 2, PIECE - 1, PIECE, 2 * PIECE] {
            let head = format!("X: {}\r\n\r\n", "y".repeat(octets - 7));
            let (letter, _file) = letter(format!("{head}body\r\n\r\nmore\r\n").as_bytes()).await;
            assert_eq!(letter.head.len(), octets);
        }
        let (bare, _file) = letter(b"\r\nonly a body\r\n\r\n").await;
        assert_eq!(bare.head, b"\r\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "X: y\r\n".repeat(HEAD_CAP)).unwrap();
        let read = Letter::read(File::open(file.path()).await.unwrap()).await;
        assert!(matches!(read.err(), Some(Unreadable::HeadTooLarge)));
    }

    /// An answer that comes before the end of its request must not leave somebody behind who goes on reading.
    #[tokio::test]
    async fn a_reading_ends_although_nobody_takes_its_pieces() {
        let (letter, _file) = letter(format!("X: y\r\n\r\n{}", "x".repeat(20 * PIECE)).as_bytes()).await;
        let (upload, handed, reading) = letter.upload(Bytes::new()).await.unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), reading.end()).await.expect("it ends");
        assert!(!handed.is_whole());
        drop(upload);
    }
}
