//! Dialogues with a whole sandbox: `C:` is what the client says, `S:` what it must hear, `*` stands for anything.

mod clients;
mod graph;
mod identity;
mod imap;
mod pages;
mod pop3;
mod smtp;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Faults, INBOX, Options, SENT, Sandbox};

const ANN: &str = "ann@contoso.example";
const BOB: &str = "bob@contoso.example";
const SHARED: &str = "shared@contoso.example";
const HOUR: Duration = Duration::from_secs(3600);

trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Duplex for T {}

async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.expect("a sandbox")
}

async fn sandbox_with(change: impl FnOnce(&mut Faults)) -> Sandbox {
    let sandbox = sandbox().await;
    sandbox.faults().set(change);
    sandbox
}

/// The XOAUTH2 string for `user`, with a fresh token of `holder`.
fn blob(sandbox: &Sandbox, user: &str, holder: &str) -> String {
    xoauth2(user, sandbox.issue_token(holder, HOUR).expose())
}

fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"))
}

struct Talk {
    stream: Option<Box<dyn Duplex>>,
    unread: Vec<u8>,
    ca: String,
}

impl Talk {
    async fn plain(sandbox: &Sandbox, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        Self { stream: Some(Box::new(stream)), unread: Vec::new(), ca: sandbox.ca_pem().to_owned() }
    }

    async fn tls(sandbox: &Sandbox, address: SocketAddr) -> Self {
        let mut talk = Self::plain(sandbox, address).await;
        talk.secure().await.expect("TLS");
        talk
    }

    async fn imap(sandbox: &Sandbox) -> Self {
        Self::tls(sandbox, sandbox.imap()).await
    }

    async fn pop3(sandbox: &Sandbox) -> Self {
        Self::tls(sandbox, sandbox.pop3()).await
    }

    /// Greeted, with TLS.
    async fn smtp(sandbox: &Sandbox) -> Self {
        let mut talk = Self::plain(sandbox, sandbox.smtp()).await;
        talk.run("S: 220 *\nC: EHLO test\n").await;
        talk.until("250 ").await;
        talk.run("C: STARTTLS\nS: 220 2.0.0 SMTP server ready\n").await;
        talk.secure().await.expect("TLS");
        talk.run("C: EHLO test\n").await;
        talk.until("250 ").await;
        talk
    }

    async fn smtp_as(sandbox: &Sandbox, user: &str) -> Self {
        let mut talk = Self::smtp(sandbox).await;
        let blob = blob(sandbox, user, user);
        talk.run(&format!("C: AUTH XOAUTH2 {blob}\nS: 235 2.7.0 Authentication successful\n")).await;
        talk
    }

    async fn imap_as(sandbox: &Sandbox, user: &str) -> Self {
        let mut talk = Self::imap(sandbox).await;
        let blob = blob(sandbox, user, user);
        talk.run(&format!("S: * OK *\nC: a AUTHENTICATE XOAUTH2 {blob}\nS: a OK AUTHENTICATE completed.\n")).await;
        talk
    }

    async fn secure(&mut self) -> std::io::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = self.stream.take().expect("open");
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        self.stream = Some(Box::new(tls));
        Ok(())
    }

    async fn say(&mut self, bytes: &[u8]) {
        let stream = self.stream.as_mut().expect("open");
        stream.write_all(bytes).await.expect("written");
        stream.flush().await.expect("flushed");
    }

    /// The next line, `None` at the end of the connection.
    async fn hear(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut chunk = vec![0; 64 * 1024];
            let read = self.stream.as_mut().expect("open").read(&mut chunk);
            let read = tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer in time");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.unread.extend_from_slice(&chunk[..length]),
            }
        }
    }

    /// Lines up to one that begins so.
    async fn until(&mut self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.hear().await.unwrap_or_else(|| panic!("closed before {start:?}, after {lines:?}"));
            lines.push(line);
            if lines.last().is_some_and(|line| line.starts_with(start)) {
                return lines;
            }
        }
    }

    async fn closed(&mut self) {
        assert_eq!(self.hear().await, None);
    }

    async fn run(&mut self, script: &str) {
        for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty()) {
            if let Some(said) = step.strip_prefix("C: ") {
                self.say(format!("{said}\r\n").as_bytes()).await;
            } else if let Some(expected) = step.strip_prefix("S: ") {
                let heard = self.hear().await;
                let heard = heard.unwrap_or_else(|| panic!("closed where {expected:?} was due"));
                assert!(fits(expected, &heard), "expected {expected:?}, heard {heard:?}");
            } else if step == "S:" {
                assert_eq!(self.hear().await.as_deref(), Some(""));
            } else {
                panic!("no step of a dialogue: {step:?}");
            }
        }
    }
}

/// `*` at the end or in the middle stands for anything; a `*` at the beginning is an IMAP star.
fn fits(pattern: &str, heard: &str) -> bool {
    let (head, pattern) = match pattern.strip_prefix("* ") {
        Some(rest) => ("* ", rest),
        None => ("", pattern),
    };
    let Some(heard) = heard.strip_prefix(head) else { return false };
    match pattern.split_once('*') {
        Some((start, end)) => {
            heard.len() >= start.len() + end.len() && heard.starts_with(start) && heard.ends_with(end)
        }
        None => heard == pattern,
    }
}
