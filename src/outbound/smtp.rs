//! A signed-on SMTP connection to the upstream, one command at a time.
//!
//! A message is delivered only by [`Channel::finish`], which writes the final dot; dropping the channel in the middle
//! closes the connection without it, so nothing half is ever delivered. Every wait has a deadline (RFC 5321 4.5.3.2).

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    net::Stream,
    wire::{
        Violation,
        smtp::{Mail, Rcpt, Replies, Reply, command::Carries},
    },
};

/// For MAIL, RCPT, RSET and the reply to DATA.
const COMMAND_WAIT: Duration = Duration::from_secs(5 * 60);
/// For one piece of the body to be taken.
const BODY_WAIT: Duration = Duration::from_secs(3 * 60);
/// For the reply to the final dot.
const FINAL_WAIT: Duration = Duration::from_secs(10 * 60);
/// For QUIT, which nobody waits for.
const QUIT_WAIT: Duration = Duration::from_secs(5);

/// The upstream connection is of no more use.
#[derive(Debug)]
pub enum Lost {
    TimedOut,
    Closed,
    Io(io::Error),
    Violation(Violation),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lost::TimedOut => f.write_str("the upstream did not answer in time"),
            Lost::Closed => f.write_str("the upstream closed the connection"),
            Lost::Io(error) => write!(f, "the connection to the upstream broke: {error}"),
            Lost::Violation(violation) => f.write_str(&violation.what),
        }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Lost::Io(error)
    }
}

/// A signed-on connection.
pub struct Channel {
    stream: Stream,
    replies: Replies,
    keywords: Vec<String>,
    carries: Carries,
    /// Something went wrong on it; only good for dropping.
    broken: bool,
}

impl Channel {
    /// `keywords` is the upstream's live EHLO list, `unread` what it sent behind its 235.
    pub fn new(stream: Stream, unread: BytesMut, keywords: Vec<String>) -> Self {
        let carries = Carries::from_keywords(&keywords);
        Self { stream, replies: Replies::new(unread), keywords, carries, broken: false }
    }

    pub fn keywords(&self) -> &[String] {
        &self.keywords
    }

    pub const fn carries(&self) -> Carries {
        self.carries
    }

    /// True while nothing is known against it.
    pub const fn is_usable(&self) -> bool {
        !self.broken
    }

    pub async fn mail(&mut self, mail: &Mail) -> Result<Reply, Lost> {
        let line = mail.to_wire(self.carries);
        self.command(&line).await
    }

    pub async fn rcpt(&mut self, rcpt: &Rcpt) -> Result<Reply, Lost> {
        let line = rcpt.to_wire(self.carries);
        self.command(&line).await
    }

    pub async fn rset(&mut self) -> Result<Reply, Lost> {
        self.command("RSET\r\n").await
    }

    /// 354 means: go on with [`Channel::body`].
    pub async fn data(&mut self) -> Result<Reply, Lost> {
        self.command("DATA\r\n").await
    }

    /// Writes dot-stuffed bytes of the message. Not cancel safe.
    pub async fn body(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let wrote = timeout(BODY_WAIT, self.stream.write_all(bytes)).await;
        self.judge(flat(wrote))
    }

    /// Writes the final dot and waits for the verdict. After an error nobody knows whether the message was taken.
    pub async fn finish(&mut self) -> Result<Reply, Lost> {
        self.write(b".\r\n").await?;
        self.reply(FINAL_WAIT).await
    }

    /// A reply that the upstream sent without being asked, for example before it closed in mid-body.
    pub async fn last_words(&mut self) -> Option<Reply> {
        self.reply(Duration::from_secs(2)).await.ok()
    }

    /// Says goodbye and waits shortly for the answer.
    pub async fn quit(mut self) {
        if self.is_usable() && self.write(b"QUIT\r\n").await.is_ok() {
            let _ = self.reply(QUIT_WAIT).await;
        }
        let _ = timeout(QUIT_WAIT, self.stream.shutdown()).await;
    }

    /// Resolves when the upstream closes or speaks out of turn between commands. Cancel safe.
    pub async fn idle(&mut self) {
        let mut chunk = [0u8; 512];
        match self.stream.read(&mut chunk).await {
            Ok(n) if n > 0 => self.replies.feed(chunk.get(..n).unwrap_or_default()),
            _ => {}
        }
        // A 421 on an idle connection, or its end: either way it is not used again.
        self.broken = true;
    }

    async fn command(&mut self, line: &str) -> Result<Reply, Lost> {
        self.write(line.as_bytes()).await?;
        self.reply(COMMAND_WAIT).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let wrote = timeout(BODY_WAIT, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        let wrote = flat(wrote.await);
        self.judge(wrote)
    }

    async fn reply(&mut self, wait: Duration) -> Result<Reply, Lost> {
        let reply = match timeout(wait, self.read_reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(Lost::TimedOut),
        };
        if reply.as_ref().is_ok_and(|reply| reply.code == 421) {
            // The upstream closes behind it (RFC 5321 3.8).
            self.broken = true;
        }
        self.judge(reply)
    }

    async fn read_reply(&mut self) -> Result<Reply, Lost> {
        let mut chunk = [0u8; 2048];
        loop {
            if let Some(reply) = self.replies.cut().map_err(Lost::Violation)? {
                return Ok(reply);
            }
            let n = self.stream.read(&mut chunk).await?;
            if n == 0 {
                return Err(Lost::Closed);
            }
            self.replies.feed(chunk.get(..n).unwrap_or_default());
        }
    }

    fn judge<T>(&mut self, result: Result<T, Lost>) -> Result<T, Lost> {
        self.broken |= result.is_err();
        result
    }
}

fn flat(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Result<(), Lost> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Lost::Io(error)),
        Err(_) => Err(Lost::TimedOut),
    }
}
