//! The mail clients: small, quick, and sure of what they expect. An answer that is not a success stops the bench.

use std::{io, net::SocketAddr, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

pub const PASSWORD: &str = "old password";

const LINE: usize = 78;
/// Whole lines, about 64 KiB.
const PIECE: usize = LINE * 840;

/// The `n`th account.
pub fn user(n: usize) -> String {
    format!("user{n}@bench.example")
}

/// Text in lines of 78 octets, four MiB of it.
pub fn text() -> &'static [u8] {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    TEXT.get_or_init(|| {
        let line = format!("{}\r\n", "0123456789 mail ".repeat(5).split_at(76).0);
        line.into_bytes().into_iter().cycle().take(LINE * 53_773).collect()
    })
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Where a client connects, and how.
#[derive(Clone)]
pub struct Route {
    pub address: SocketAddr,
    /// Without a proxy the client speaks TLS itself.
    pub tls: Option<TlsConnector>,
}

struct Talk {
    io: BufReader<Box<dyn Io>>,
    line: String,
}

impl Talk {
    async fn connect(route: &Route, buffer: usize) -> io::Result<Self> {
        let tcp = TcpStream::connect(route.address).await?;
        tcp.set_nodelay(true)?;
        let io: Box<dyn Io> = match &route.tls {
            Some(tls) => Box::new(tls.connect(route.address.ip().into(), tcp).await?),
            None => Box::new(tcp),
        };
        Ok(Self { io: BufReader::with_capacity(buffer, io), line: String::new() })
    }

    async fn say(&mut self, text: &[u8]) -> io::Result<()> {
        self.io.write_all(text).await?;
        self.io.flush().await
    }

    async fn line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.io.read_line(&mut self.line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&self.line)
    }

    /// Reads lines up to the first that begins with `last`; it has to begin with `expected`.
    async fn until(&mut self, last: &str, expected: &str) -> io::Result<()> {
        while !self.line().await?.starts_with(last) {}
        if self.line.starts_with(expected) {
            return Ok(());
        }
        Err(io::Error::other(format!("{expected:?} expected, got {:?}", self.line)))
    }

    async fn skip(&mut self, mut octets: usize) -> io::Result<()> {
        while octets > 0 {
            let there = self.io.fill_buf().await?.len().min(octets);
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.io.consume(there);
            octets -= there;
        }
        Ok(())
    }
}

pub struct Imap(Talk);

impl Imap {
    /// Connected, greeted and logged in. `buffer` is what one read takes at most.
    pub async fn login(route: &Route, user: &str, buffer: usize) -> io::Result<Self> {
        let mut talk = Talk::connect(route, buffer).await?;
        talk.until("* ", "* OK").await?;
        talk.say(format!("a LOGIN {user} \"{PASSWORD}\"\r\n").as_bytes()).await?;
        talk.until("a ", "a OK").await?;
        Ok(Self(talk))
    }

    pub async fn noop(&mut self) -> io::Result<()> {
        self.0.say(b"a NOOP\r\n").await?;
        self.0.until("a ", "a OK").await
    }

    pub async fn fetch(&mut self, octets: usize) -> io::Result<()> {
        self.0.say(format!("a FETCH {octets} (BODY[])\r\n").as_bytes()).await?;
        self.0.until("* ", "* ").await?;
        self.0.skip(octets).await?;
        self.0.until("a ", "a OK").await
    }

    pub async fn append(&mut self, octets: usize) -> io::Result<()> {
        self.0.say(format!("a APPEND INBOX {{{octets}}}\r\n").as_bytes()).await?;
        self.0.until("+ ", "+ ").await?;
        self.0.io.write_all(&text()[..octets]).await?;
        self.0.say(b"\r\n").await?;
        self.0.until("a ", "a OK").await
    }

    pub async fn logout(mut self) -> io::Result<()> {
        self.0.say(b"a LOGOUT\r\n").await?;
        self.0.until("a ", "a OK").await?;
        // Until the other side is done with it too.
        let _ = self.0.io.read(&mut [0; 64]).await;
        Ok(())
    }
}

pub struct Smtp {
    talk: Talk,
    user: String,
}

impl Smtp {
    pub async fn login(route: &Route, user: &str) -> io::Result<Self> {
        let mut talk = Talk::connect(route, 8 * 1024).await?;
        talk.until("220 ", "220 ").await?;
        talk.say(b"EHLO bench\r\n").await?;
        talk.until("250 ", "250 ").await?;
        let secret = STANDARD.encode(format!("\0{user}\0{PASSWORD}"));
        talk.say(format!("AUTH PLAIN {secret}\r\n").as_bytes()).await?;
        talk.until("", "235 ").await?;
        Ok(Self { talk, user: user.to_owned() })
    }

    /// Sends a message of about this size.
    pub async fn send(&mut self, octets: usize) -> io::Result<()> {
        let Self { talk, user } = self;
        talk.say(format!("MAIL FROM:<{user}>\r\n").as_bytes()).await?;
        talk.until("", "250 ").await?;
        talk.say(b"RCPT TO:<somebody@elsewhere.example>\r\n").await?;
        talk.until("", "250 ").await?;
        talk.say(b"DATA\r\n").await?;
        talk.until("", "354 ").await?;
        let head = format!("From: <{user}>\r\nSubject: bench\r\nMessage-ID: <1@bench.example>\r\n\r\n");
        let mut left = octets.saturating_sub(head.len()) / LINE * LINE;
        // Head, text and dot in as few writes as there are pieces, as mail programs do.
        let mut piece = head.into_bytes();
        loop {
            let next = left.min(PIECE);
            piece.extend_from_slice(&text()[..next]);
            left -= next;
            if left == 0 {
                piece.extend_from_slice(b".\r\n");
            }
            talk.say(&piece).await?;
            piece.clear();
            if left == 0 {
                break;
            }
        }
        talk.until("", "250 ").await
    }

    pub async fn quit(mut self) -> io::Result<()> {
        self.talk.say(b"QUIT\r\n").await?;
        self.talk.until("", "221 ").await?;
        let _ = self.talk.io.read(&mut [0; 64]).await;
        Ok(())
    }
}
