//! One connection, to a client or an upstream, plain or under TLS.
//!
//! TCP_NODELAY and keep-alive are always on: Nagle with delayed ACKs costs 40 ms per answer, and dead peers are found
//! without idle limits. Bytes read too early can be given back; an upgrade to TLS refuses while any are there, since
//! they were plain (RFC 3207 4.2, RFC 9051 11.1: what came before TLS is never used after it).

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::server;

use super::{
    ClientTls, ServerTls, TlsFault, TlsFaultKind, read::read_some, read_ahead::ReadAhead, upstream_tls::UpstreamTls,
};
use crate::wire::lines::looks_like_tls;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How much of what a peer still sends is read and dropped on closing, and how long.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub address: SocketAddr,
    /// A PROXY header came first: what the address is rests on the proxy's word.
    pub told: bool,
}

impl Peer {
    /// As the socket itself says.
    pub const fn direct(address: SocketAddr) -> Self {
        Self { address, told: false }
    }

    /// Whether it is a program of this machine. Whoever a proxy names is none, also where it names loopback.
    pub fn is_local(self) -> bool {
        !self.told && self.address.ip().to_canonical().is_loopback()
    }
}

pub struct Stream {
    io: Io,
    given_back: Bytes,
    peer: Peer,
    local: SocketAddr,
    opened: Instant,
}

enum Io {
    Plain(TcpStream),
    // Boxed by type: a plain session does not pay for the size of a TLS one.
    Server(Box<server::TlsStream<ReadAhead>>),
    Upstream(Box<UpstreamTls>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({}, {})", self.peer.address, self.tls_version().unwrap_or("plain"))
    }
}

impl Stream {
    pub fn new(tcp: TcpStream) -> io::Result<Self> {
        let (peer, local) = (Peer::direct(tcp.peer_addr()?), tcp.local_addr()?);
        tcp.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
        SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
        Ok(Self { io: Io::Plain(tcp), given_back: Bytes::new(), peer, local, opened: Instant::now() })
    }

    /// The other end; behind a PROXY header, the client it names.
    pub fn peer(&self) -> SocketAddr {
        self.peer.address
    }

    /// The same with how it is known.
    pub fn client(&self) -> Peer {
        self.peer
    }

    /// When the connection was taken over, plain.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Our end.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes a PROXY header's word for it.
    pub(super) fn set_peer(&mut self, address: SocketAddr) {
        self.peer = Peer { address, told: true };
    }

    pub fn is_tls(&self) -> bool {
        !matches!(self.io, Io::Plain(_))
    }

    /// For example `TLSv1_3`.
    pub fn tls_version(&self) -> Option<&'static str> {
        let version = match &self.io {
            Io::Plain(_) => None,
            Io::Server(tls) => tls.get_ref().1.protocol_version(),
            Io::Upstream(tls) => tls.state().protocol_version(),
        };
        version.and_then(|version| version.as_str())
    }

    /// Whether the session of an earlier connection was resumed.
    #[cfg(test)]
    pub fn handshake_kind(&self) -> Option<rustls::HandshakeKind> {
        match &self.io {
            Io::Plain(_) => None,
            Io::Server(tls) => tls.get_ref().1.handshake_kind(),
            Io::Upstream(tls) => tls.state().handshake_kind(),
        }
    }

    /// The name that the client asked for.
    #[cfg(test)]
    pub fn server_name(&self) -> Option<&str> {
        match &self.io {
            Io::Server(tls) => tls.get_ref().1.server_name(),
            Io::Plain(_) | Io::Upstream(_) => None,
        }
    }

    /// Resolves when the connection is broken (a reset), without reading what may still be there. Cancel safe.
    pub async fn broken(&self) {
        while let Ok(ready) = self.tcp().ready(Interest::ERROR).await {
            if ready.is_error() {
                return;
            }
        }
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(tcp) => tcp,
            Io::Server(tls) => tls.get_ref().0.tcp(),
            Io::Upstream(tls) => tls.tcp(),
        }
    }

    /// Gives bytes back that were read too early; the next read begins with them.
    pub fn unread(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if self.given_back.is_empty() {
            self.given_back = bytes;
        } else if !bytes.is_empty() {
            let mut both = BytesMut::from(bytes);
            both.extend_from_slice(&self.given_back);
            self.given_back = both.freeze();
        }
    }

    /// The first bytes of a plain peer, left in place. Empty: it closed. `None`: nothing came in time.
    pub async fn peek(&self, deadline: Instant) -> io::Result<Option<Bytes>> {
        if !self.given_back.is_empty() {
            return Ok(Some(self.given_back.clone()));
        }
        let mut first = [0; 16];
        match timeout_at(deadline, self.tcp().peek(&mut first)).await {
            Err(_) => Ok(None),
            Ok(Err(error)) => Err(error),
            Ok(Ok(n)) => Ok(Some(Bytes::copy_from_slice(first.get(..n).unwrap_or_default()))),
        }
    }

    /// Becomes the server side of TLS (STARTTLS, or implicit). Nothing given back may be pending.
    pub async fn upgrade_server(self, tls: &ServerTls, deadline: Instant) -> Result<Stream, TlsFault> {
        if !self.given_back.is_empty() {
            return Err(TlsFault::injected(self.given_back.len()));
        }
        match self.peek(deadline).await {
            Ok(None) => return Err(TlsFault::timeout()),
            Ok(Some(first)) if first.is_empty() => {
                return Err(TlsFault::new(TlsFaultKind::Closed, "the client hung up before the TLS handshake"));
            }
            Ok(Some(first)) if !looks_like_tls(&first) => return Err(TlsFault::not_hello(&first)),
            Ok(Some(_)) => {}
            Err(error) => return Err(TlsFault::of_client(&error)),
        }
        let (peer, local, opened) = (self.peer, self.local, self.opened);
        let tcp = self.into_plain()?;
        let io = timeout_at(deadline, tls.acceptor().accept(ReadAhead::new(tcp)))
            .await
            .map_err(|_| TlsFault::timeout())?
            .map_err(|error| TlsFault::of_client(&error))?;
        Ok(Stream { io: Io::Server(Box::new(io)), given_back: Bytes::new(), peer, local, opened })
    }

    /// Becomes the client side of TLS; the server has to prove that it is `host` (name or address literal).
    pub async fn upgrade_client(self, tls: &ClientTls, host: &str, deadline: Instant) -> Result<Stream, TlsFault> {
        let name = ClientTls::server_name(host)
            .ok_or_else(|| TlsFault::new(TlsFaultKind::Certificate, format!("\"{host}\" is no host name")))?;
        let (peer, local, opened) = (self.peer, self.local, self.opened);
        let tcp = self.into_plain()?;
        let io = timeout_at(deadline, UpstreamTls::connect(tcp, tls.shared(), name))
            .await
            .map_err(|_| TlsFault::timeout())?
            .map_err(|error| TlsFault::of_server(&error))?;
        Ok(Stream { io: Io::Upstream(Box::new(io)), given_back: Bytes::new(), peer, local, opened })
    }

    fn into_plain(self) -> Result<TcpStream, TlsFault> {
        if !self.given_back.is_empty() {
            return Err(TlsFault::injected(self.given_back.len()));
        }
        match self.io {
            Io::Plain(tcp) => Ok(tcp),
            _ => Err(TlsFault::new(TlsFaultKind::Other, "the connection is under TLS already")),
        }
    }

    /// A few bytes to a plain peer without waiting: they fit into the empty send buffer of a new connection.
    pub(super) fn parting_words(&self, words: &[u8]) {
        if let Io::Plain(tcp) = &self.io {
            // The peer may be gone already; there is nobody to tell.
            let _ = tcp.try_write(words);
        }
    }

    /// Says goodbye properly: flush, close_notify, FIN, then reads and drops what is still under way for a moment,
    /// because closing on unread data makes the kernel send RST, which can destroy our last words at the peer.
    pub async fn close(&mut self, deadline: Instant) {
        let farewell = async {
            self.flush().await?;
            self.shutdown().await
        };
        if !matches!(timeout_at(deadline, farewell).await, Ok(Ok(()))) {
            return;
        }
        let linger = deadline.min(Instant::now() + LINGER);
        let mut dropped = 0;
        while let Ok(Ok(n @ 1..)) = timeout_at(linger, read_some(self, |_| {})).await {
            dropped += n;
            if dropped > LINGER_BYTES {
                break;
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.given_back.is_empty() {
            let n = self.given_back.len().min(out.remaining());
            out.put_slice(self.given_back.get(..n).unwrap_or_default());
            self.given_back.advance(n);
            if self.given_back.is_empty() {
                self.given_back = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let outcome = ready!(match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, out),
            Io::Server(tls) => Pin::new(tls.as_mut()).poll_read(cx, out),
            Io::Upstream(tls) => Pin::new(tls.as_mut()).poll_read(cx, out),
        });
        Poll::Ready(match outcome {
            // Many peers leave out close_notify. The mail protocols mark their ends themselves, so a cut proves
            // nothing and hides nothing; it is an ordinary end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            Io::Server(tls) => Pin::new(tls.as_mut()).poll_write(cx, data),
            Io::Upstream(tls) => Pin::new(tls.as_mut()).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            Io::Server(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, data),
            Io::Upstream(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Server(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Io::Upstream(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Io::Server(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Io::Upstream(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
