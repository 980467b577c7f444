//! A mail client of the plainest kind: says a line, waits for lines, remembers both.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    stream: BufReader<TcpStream>,
    /// What was said, as `C: ...` and `S: ...`.
    pub log: Vec<String>,
}

impl Client {
    pub async fn connect(to: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(TcpStream::connect(to).await?), log: Vec::new() })
    }

    /// Says a line that is shown as it is.
    pub async fn say(&mut self, line: &str) -> io::Result<()> {
        self.log.push(format!("C: {line}"));
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await
    }

    /// Reads lines until one starts with `end`; a line that starts with `wrong` is an error.
    pub async fn hear(&mut self, end: &str, wrong: &[&str]) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
            if read.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within a minute"))?? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended"));
            }
            let line = line.trim_end().to_owned();
            self.log.push(format!("S: {line}"));
            if wrong.iter().any(|wrong| line.starts_with(wrong)) {
                return Err(io::Error::other(format!("refused: {line}")));
            }
            let done = line.starts_with(end);
            all.push(line);
            if done {
                return Ok(all);
            }
        }
    }
}
