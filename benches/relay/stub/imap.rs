//! IMAP: message number N is N octets long. What is appended is counted and dropped.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

use super::Connection;

/// No message is longer.
const MESSAGE_CAP: usize = 4 * 1024 * 1024;

/// Exchange shows nothing in its greeting, so nor do we.
const GREETING: &[u8] = b"* OK The stub is ready\r\n";
const CAPABILITY: &str = "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR NAMESPACE IDLE LITERAL+\r\n";

pub async fn converse(mut io: Connection) -> io::Result<()> {
    io.write_all(GREETING).await?;
    io.flush().await?;
    let mut line = String::new();
    // The last answer to FETCH, made once for all that follow.
    let (mut fetched, mut answer) = (String::new(), Vec::new());
    loop {
        line.clear();
        if io.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        let (tag, verb) = (words.next().unwrap_or("*"), words.next().unwrap_or_default().to_ascii_uppercase());
        match verb.as_str() {
            "FETCH" => {
                if fetched != line {
                    let size = words.next().and_then(|word| word.parse().ok()).unwrap_or(0).min(MESSAGE_CAP);
                    answer = fetch(tag, size);
                    fetched.clone_from(&line);
                }
                io.write_all(&answer).await?;
            }
            "APPEND" => {
                let tag = tag.to_owned();
                append(&mut io, &line).await?;
                say(&mut io, &tag, "", "APPEND").await?;
            }
            "LOGOUT" => {
                say(&mut io, tag, "* BYE\r\n", &verb).await?;
                io.flush().await?;
                return io.shutdown().await;
            }
            "CAPABILITY" => say(&mut io, tag, CAPABILITY, &verb).await?,
            "NAMESPACE" => say(&mut io, tag, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n", &verb).await?,
            _ => say(&mut io, tag, "", &verb).await?,
        }
        io.flush().await?;
    }
}

async fn say(io: &mut Connection, tag: &str, untagged: &str, verb: &str) -> io::Result<()> {
    io.write_all(format!("{untagged}{tag} OK {verb} completed\r\n").as_bytes()).await
}

fn fetch(tag: &str, size: usize) -> Vec<u8> {
    let mut answer = format!("* {size} FETCH (BODY[] {{{size}}}\r\n").into_bytes();
    answer.extend(crate::client::text().iter().cycle().take(size));
    answer.extend(format!(")\r\n{tag} OK FETCH completed\r\n").into_bytes());
    answer
}

/// A synchronising literal, read to its end and to the end of the line.
async fn append(io: &mut Connection, line: &str) -> io::Result<()> {
    let size = line.rsplit_once('{').and_then(|(_, rest)| rest.trim_end().trim_end_matches('}').parse().ok());
    let mut left: usize = size.ok_or(io::ErrorKind::InvalidData)?;
    io.write_all(b"+ go on\r\n").await?;
    io.flush().await?;
    while left > 0 {
        let there = io.fill_buf().await?.len().min(left);
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        io.consume(there);
        left -= there;
    }
    let mut end = [0; 2];
    io.read_exact(&mut end).await.map(drop)
}
