//! SMTP: every sender, recipient and message is taken.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::Connection;

const EHLO: &str = "250-stub\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n\
                    250-8BITMIME\r\n250 AUTH PLAIN XOAUTH2\r\n";

/// `hangs_up`: behind each message.
pub async fn converse(mut io: Connection, hangs_up: bool) -> io::Result<()> {
    say(&mut io, "220 stub ESMTP\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if io.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say(&mut io, EHLO).await?,
            "AUTH" => {
                if words.nth(1).is_none() {
                    say(&mut io, "334 \r\n").await?;
                    line.clear();
                    io.read_line(&mut line).await?;
                }
                say(&mut io, "235 2.7.0 Welcome\r\n").await?;
            }
            "DATA" => {
                say(&mut io, "354 Go on\r\n").await?;
                message(&mut io).await?;
                say(&mut io, "250 2.0.0 Taken\r\n").await?;
                if hangs_up {
                    return io.shutdown().await;
                }
            }
            "QUIT" => {
                say(&mut io, "221 2.0.0 Goodbye\r\n").await?;
                return io.shutdown().await;
            }
            _ => say(&mut io, "250 2.0.0 OK\r\n").await?,
        }
    }
}

async fn say(io: &mut Connection, text: &str) -> io::Result<()> {
    io.write_all(text.as_bytes()).await?;
    io.flush().await
}

/// Nobody here sends anything behind the final dot before it is answered, so the dot ends a piece.
async fn message(io: &mut Connection) -> io::Result<()> {
    let mut tail = Vec::with_capacity(16);
    loop {
        let piece = io.fill_buf().await?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        tail.extend_from_slice(&piece[piece.len().saturating_sub(5)..]);
        tail.drain(..tail.len().saturating_sub(5));
        let read = piece.len();
        io.consume(read);
        if tail == b"\r\n.\r\n" {
            return Ok(());
        }
    }
}
