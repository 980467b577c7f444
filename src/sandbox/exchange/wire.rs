//! One connection of a mail client to the sandbox: lines in, lines out, everything recorded, everything bounded.
//!
//! Strict on purpose: a line ends at CRLF alone, so a bare LF from Gatepost would show. Here the byte-level switches
//! take effect: delays, breaks after so many bytes.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::World;
use crate::{base::Protocol, sandbox::transcript::Speaker};

/// A peer that takes nothing for this long is gone.
const WRITE: Duration = Duration::from_secs(60);
/// What a client may send ahead of an answer that takes its time.
const AHEAD: usize = 64 * 1024;
/// Exchange's own limit for idle connections before sign-on (OfficeDocs-Exchange, connection time-outs).
const BEFORE_SIGN_ON: Duration = Duration::from_secs(60);

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(in crate::sandbox) struct Wire {
    pub world: Arc<World>,
    pub protocol: Protocol,
    pub connection: u64,
    pub secured: bool,
    /// How long the client may say nothing.
    pub patience: Duration,
    transport: Box<dyn Duplex>,
    /// The last line of the client.
    heard: Bytes,
    input: BytesMut,
    output: BytesMut,
    sent: u64,
}

impl Wire {
    pub fn new(world: Arc<World>, protocol: Protocol, connection: u64, transport: Box<dyn Duplex>) -> Self {
        Self {
            world,
            protocol,
            connection,
            secured: false,
            patience: BEFORE_SIGN_ON,
            transport,
            heard: Bytes::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            sent: 0,
        }
    }

    /// The next line, without its CRLF. More than `cap` octets end the connection.
    pub async fn line(&mut self, cap: usize) -> io::Result<Bytes> {
        let mut searched = 0usize;
        loop {
            let from = searched.saturating_sub(1);
            if let Some(end) = memchr::memmem::find(self.input.get(from..).unwrap_or_default(), b"\r\n") {
                let line = self.input.split_to(from + end).freeze();
                let _crlf = self.input.split_to(2);
                self.note(Speaker::Client, &line);
                self.heard = line.clone();
                return Ok(line);
            }
            searched = self.input.len();
            if searched > cap {
                return Err(io::Error::new(ErrorKind::InvalidData, "line too long"));
            }
            self.fill().await?;
        }
    }

    /// Exactly `length` octets, however the client cuts them; memory grows with what really came.
    pub async fn octets(&mut self, length: usize) -> io::Result<Bytes> {
        while self.input.len() < length {
            self.fill().await?;
        }
        let octets = self.input.split_to(length).freeze();
        self.note(Speaker::Client, format!("[{length} octets]").as_bytes());
        Ok(octets)
    }

    /// Waits for more input.
    pub async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.input.reserve(16 * 1024);
        match timeout(self.patience, self.transport.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Says nothing any more, until the client has enough of that.
    pub async fn fall_silent(&mut self) -> io::Error {
        loop {
            self.input.clear();
            if let Err(error) = self.fill().await {
                return error;
            }
        }
    }

    /// Input that no command has taken yet.
    pub fn unread(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Words switched on, with what the client said last in the place of `{line}`.
    pub fn quoting(&self, words: &str) -> String {
        words.replace("{line}", &String::from_utf8_lossy(&self.heard))
    }

    /// Says one line.
    pub fn say(&mut self, line: impl AsRef<[u8]>) {
        let line = line.as_ref();
        for part in line.split(|byte| *byte == b'\n') {
            let part = part.strip_suffix(b"\r").unwrap_or(part);
            self.note(Speaker::Server, part);
        }
        self.output.extend_from_slice(line);
        self.output.extend_from_slice(b"\r\n");
    }

    /// Says a reply that may hold literals: recorded by its first line alone.
    pub async fn put_reply(&mut self, reply: &[u8]) -> io::Result<()> {
        let first = memchr::memmem::find(reply, b"\r\n").unwrap_or(reply.len());
        let more = if first < reply.len() { format!(" [{} octets more]", reply.len() - first) } else { String::new() };
        self.note(Speaker::Server, &[reply.get(..first).unwrap_or_default(), more.as_bytes()].concat());
        self.put(reply).await?;
        self.put(b"\r\n").await
    }

    /// Puts octets out as they are, unrecorded.
    pub async fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        for part in octets.chunks(64 * 1024) {
            self.output.extend_from_slice(part);
            if self.output.len() >= 64 * 1024 {
                self.flush().await?;
            }
        }
        Ok(())
    }

    pub fn note(&self, speaker: Speaker, said: &[u8]) {
        let transcript = &self.world.transcript;
        transcript.note(self.connection, self.protocol.as_str(), speaker, self.secured, said);
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let faults = self.world.faults.line(self.protocol);
        if faults.delay_ms > 0 {
            self.think(Duration::from_millis(faults.delay_ms)).await?;
        }
        let output = self.output.split();
        let left =
            faults.drop_after_bytes.map(|bytes| usize::try_from(bytes.saturating_sub(self.sent)).unwrap_or(usize::MAX));
        let (now, broken) = match left {
            Some(left) if left < output.len() => (output.get(..left).unwrap_or_default(), true),
            _ => (&output[..], false),
        };
        self.sent += now.len() as u64;
        let transport = &mut self.transport;
        let written = timeout(WRITE, async {
            transport.write_all(now).await?;
            transport.flush().await
        });
        written.await.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
        if broken {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Lets time pass before an answer; ends with an error as soon as nobody waits for it.
    async fn think(&mut self, delay: Duration) -> io::Result<()> {
        let until = tokio::time::Instant::now() + delay;
        while self.input.len() < AHEAD {
            match tokio::time::timeout_at(until, self.transport.read_buf(&mut self.input)).await {
                Ok(Ok(0)) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => drop(read?),
                Err(_) => return Ok(()),
            }
        }
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    /// The TLS handshake, after everything said so far is out. What came before it is an attack and ends everything.
    pub async fn secure(&mut self) -> io::Result<()> {
        self.flush().await?;
        if !self.input.is_empty() {
            self.world.tally.count(|counts| counts.injected += 1);
            return Err(io::Error::new(ErrorKind::InvalidData, "plain bytes behind STARTTLS"));
        }
        let acceptor = self.world.pki.acceptor(self.world.faults.line(self.protocol).certificate);
        let plain = std::mem::replace(&mut self.transport, Box::new(tokio::io::empty()));
        let tls = timeout(self.patience, acceptor.accept(plain)).await;
        self.transport = Box::new(tls.map_err(|_| io::Error::from(ErrorKind::TimedOut))??);
        self.secured = true;
        Ok(())
    }

    /// Everything out, then an orderly end.
    pub async fn close(mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(Duration::from_secs(5), self.transport.shutdown()).await;
        }
    }
}
