//! A mail client that says lines and expects lines, plain or inside TLS.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use gatepost::catalog;

use super::{ANN, BOB};

/// A header block that Exchange takes.
pub const HEAD: &str = "From: ann@contoso.example\r\nTo: bob@contoso.example\r\nSubject: test\r\n\r\n";

/// Longer than any deadline that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub struct Talk {
    io: Box<dyn Io>,
    /// The socket itself, below whatever is spoken on it.
    handle: OwnedFd,
    input: Vec<u8>,
    log: Vec<String>,
    /// By the first line that came.
    is_smtp: Option<bool>,
}

/// Whatever else is looked at: a reply of SMTP that refuses, whoever's words it has, ends with the text of a fault, what is
/// particular, and the id.
fn is_explained(line: &str) {
    let is_refusal = line.starts_with(['4', '5']) && has_code(line, b' ');
    let id = line.rsplit_once(" [gatepost ").and_then(|(_, id)| id.strip_suffix(']'));
    let entry = id.and_then(catalog::find);
    assert!(!is_refusal || entry.is_some_and(|entry| line.contains(entry.short())), "no fault is told: {line}");
}

/// Of a reply of SMTP, and what stands behind it.
fn has_code(line: &str, behind: u8) -> bool {
    let line = line.as_bytes();
    line.get(3) == Some(&behind) && line.iter().take(3).all(u8::is_ascii_digit)
}

impl Talk {
    pub async fn connect(source: IpAddr, to: SocketAddr) -> Self {
        Self::on(Self::tcp(source, to).await)
    }

    /// On a connection that is made already.
    pub fn on(tcp: TcpStream) -> Self {
        let handle = tcp.as_fd().try_clone_to_owned().unwrap();
        Self::over(tcp, handle)
    }

    pub async fn tcp(source: IpAddr, to: SocketAddr) -> TcpStream {
        let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        if to.is_ipv4() {
            socket.bind(SocketAddr::new(source, 0)).unwrap();
        }
        socket.connect(to).await.unwrap()
    }

    fn over(io: impl Io + 'static, handle: OwnedFd) -> Self {
        Self { io: Box::new(io), handle, input: Vec::new(), log: Vec::new(), is_smtp: None }
    }

    /// Goes on inside TLS; the certificate file is all that is trusted.
    pub async fn into_tls(self, certificate: &[u8]) -> Self {
        self.try_tls(certificate).await.expect("a handshake")
    }

    /// The same, where the certificate may be another.
    pub async fn try_tls(self, certificate: &[u8]) -> Option<Self> {
        assert!(self.input.is_empty(), "unread plain bytes: {:?}", self.input);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(name, self.io).await.ok()?;
        Some(Self { io: Box::new(tls), ..self })
    }

    pub async fn say(&mut self, line: &str) {
        self.log.push(format!("C: {line}"));
        self.send(format!("{line}\r\n").as_bytes()).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        })
        .await
        .expect("the other side takes nothing")
        .unwrap();
    }

    /// Sends as far as the other side takes it.
    pub async fn try_send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        })
        .await
        .expect("the other side neither reads nor closes");
    }

    /// The next line, without its end; empty at the end of the connection.
    pub async fn line(&mut self) -> String {
        self.next().await.unwrap_or_default()
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.input.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=at).collect();
                let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                self.log.push(format!("S: {line}"));
                self.look_at(&line);
                return Some(line);
            }
            if !self.more().await {
                assert!(self.input.is_empty(), "half a line: {:?}", String::from_utf8_lossy(&self.input));
                return None;
            }
        }
    }

    fn look_at(&mut self, line: &str) {
        let is_smtp = self.is_smtp.get_or_insert_with(|| [b' ', b'-'].iter().any(|behind| has_code(line, *behind)));
        if *is_smtp {
            is_explained(line);
        }
    }

    async fn more(&mut self) -> bool {
        let mut chunk = [0u8; 16 * 1024];
        let read = timeout(PATIENCE, self.io.read(&mut chunk)).await;
        let n = read.unwrap_or_else(|_| panic!("no answer; so far:\n{}", self.log.join("\n"))).unwrap_or(0);
        self.input.extend_from_slice(&chunk[..n]);
        n > 0
    }

    /// The next line must begin so.
    pub async fn expect(&mut self, start: &str) -> String {
        let line = self.line().await;
        assert!(line.starts_with(start), "expected {start:?}, got {line:?}; so far:\n{}", self.log.join("\n"));
        line
    }

    /// Skips lines until one begins so; all of them.
    pub async fn expect_last(&mut self, start: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let Some(line) = self.next().await else {
                panic!("the connection ended before {start:?}; so far:\n{}", self.log.join("\n"));
            };
            let found = line.starts_with(start);
            all.push(line);
            if found {
                return all;
            }
        }
    }

    /// The other side must close without another byte.
    pub async fn expect_end(&mut self) {
        while self.more().await {}
        assert!(self.input.is_empty(), "more came: {:?}", String::from_utf8_lossy(&self.input));
    }

    /// The answer must begin so, however many lines of SMTP it has.
    pub async fn exchange(&mut self, line: &str, start: &str) -> String {
        self.say(line).await;
        let said = self.reply().await;
        assert!(said.starts_with(start), "expected {start:?}, got {said:?}; so far:\n{}", self.log.join("\n"));
        said
    }

    /// One answer; several lines of SMTP as one, without the code again.
    pub async fn reply(&mut self) -> String {
        let mut said = self.line().await;
        let goes_on = |line: &str| has_code(line, b'-');
        if !goes_on(&said) {
            return said;
        }
        said.replace_range(3..4, " ");
        loop {
            let more = self.line().await;
            said.push(' ');
            said.push_str(more.get(4..).unwrap_or_default());
            if !goes_on(&more) {
                return said;
            }
        }
    }

    pub async fn half_close(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// MAIL, RCPT to bob and DATA, all of them taken.
    pub async fn open_message(&mut self) {
        self.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        self.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
        self.exchange("DATA", "354 ").await;
    }

    /// Sends a whole message (`HEAD` is put before `body`) and answers the final reply.
    pub async fn message(&mut self, body: &str) -> String {
        self.open_message().await;
        self.send(format!("{HEAD}{body}\r\n.\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Breaks the connection with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.handle).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// All that comes until the other side closes.
    pub async fn rest(&mut self) -> String {
        while self.more().await {}
        let rest = String::from_utf8_lossy(&std::mem::take(&mut self.input)).into_owned();
        rest.lines().for_each(|line| self.look_at(line));
        rest
    }

    /// Exactly so many bytes.
    pub async fn bytes(&mut self, n: usize) -> Vec<u8> {
        while self.input.len() < n {
            assert!(self.more().await, "the connection ended after {} of {n} bytes", self.input.len());
        }
        self.input.drain(..n).collect()
    }
}
