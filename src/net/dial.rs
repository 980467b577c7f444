//! Ways to an upstream: resolve, race IPv6 and IPv4 (RFC 8305), the proxy in between, and TLS where it comes first.
//!
//! A fault names its layer, the target and every address that was tried: "cannot connect" alone helps nobody.

use std::{fmt, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{
    net::{TcpStream, lookup_host},
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};

use super::{
    ClientTls, Proxy, ProxyTrouble, Stream, TlsFault, TlsFaultKind, Upstream, UpstreamTls,
    detour::{self, authority, is_beside},
};

/// RFC 8305 5: "Connection Attempt Delay", recommended value.
const STAGGER: Duration = Duration::from_millis(250);
/// Look-ups at once. Each holds a thread of the pool that password checks need too, for as long as a dead resolver
/// likes.
pub(super) static LOOKUPS: Semaphore = Semaphore::const_new(32);
/// For what answers behind a proxy's yes, where it speaks unasked: a web page does, TLS never.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// More addresses than this are not worth a client's wait; the next login tries others.
const MOST_ADDRESSES: usize = 8;

/// Where it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialLayer {
    Resolve,
    Connect,
    /// The proxy in between.
    Proxy(ProxyTrouble),
    /// The certificate is refused: somebody has to act.
    Certificate,
    Tls,
    /// Connected, and not a word of TLS came in time.
    Silent,
    Timeout,
}

#[derive(Clone, Debug)]
pub struct DialError {
    pub layer: DialLayer,
    /// `host:port`.
    pub target: String,
    /// The proxy in between, without its password.
    pub through: Option<String>,
    /// The addresses tried, each with its own outcome.
    pub tried: Vec<(SocketAddr, String)>,
    pub cause: String,
}

impl DialError {
    /// For STARTTLS, whose upgrade the caller does itself.
    pub fn from_tls(upstream: &Upstream, proxy: Option<&Proxy>, peer: SocketAddr, fault: &TlsFault) -> Self {
        let layer = match fault.kind {
            TlsFaultKind::Certificate => DialLayer::Certificate,
            TlsFaultKind::Timeout => DialLayer::Silent,
            _ => DialLayer::Tls,
        };
        let through = proxy_for(upstream, proxy).map(ToString::to_string);
        let tried = vec![(peer, "connected".into())];
        Self { layer, target: target(upstream), through, tried, cause: fault.to_string() }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = match self.layer {
            DialLayer::Resolve => "name resolution failed",
            DialLayer::Connect => "no address answers",
            DialLayer::Proxy(trouble) => trouble.words(),
            DialLayer::Certificate => "certificate refused",
            DialLayer::Tls => "TLS failed",
            DialLayer::Silent | DialLayer::Timeout => "timed out",
        };
        f.write_str(&self.target)?;
        if let Some(proxy) = &self.through {
            write!(f, " through {proxy}")?;
        }
        write!(f, ": {layer}: {}", self.cause)?;
        for (n, (address, outcome)) in self.tried.iter().enumerate() {
            write!(f, "{} {address}: {outcome}", if n == 0 { " (tried" } else { ";" })?;
        }
        if self.tried.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl std::error::Error for DialError {}

fn target(upstream: &Upstream) -> String {
    authority(&upstream.host, upstream.port)
}

fn proxy_for<'a>(upstream: &Upstream, proxy: Option<&'a Proxy>) -> Option<&'a Proxy> {
    proxy.filter(|_| !is_beside(&upstream.host))
}

/// Connects, through the proxy where there is one for it, and with TLS where the upstream speaks it from the first
/// byte. STARTTLS is the caller's: [`Stream::upgrade_client`] after the upstream agreed.
pub async fn dial(
    upstream: &Upstream,
    proxy: Option<&Proxy>,
    tls: &ClientTls,
    deadline: Instant,
) -> Result<Stream, DialError> {
    let through = proxy_for(upstream, proxy);
    let stream = match through {
        None => reach(&upstream.host, upstream.port, deadline).await.map_err(|lost| lost.of(upstream))?,
        Some(proxy) => reach_through(proxy, &upstream.host, upstream.port, deadline).await?,
    };
    let peer = stream.peer();
    // Whoever is there speaks first, except under TLS.
    let (waits, is_plain) = match upstream.tls {
        UpstreamTls::StartTls => (deadline, true),
        UpstreamTls::Implicit => (Instant::now(), false),
    };
    if let Some(proxy) = through
        && first_words(&stream, waits).await.is_some_and(|words| is_page(&words))
    {
        return Err(portal(proxy, upstream, peer));
    }
    if is_plain {
        return Ok(stream);
    }
    let error = match stream.upgrade_client(tls, &upstream.host, deadline).await {
        Ok(stream) => return Ok(stream),
        Err(error) => error,
    };
    let page = page_behind(upstream, proxy, peer, error.kind, deadline).await;
    Err(page.unwrap_or_else(|| DialError::from_tls(upstream, proxy, peer, &error)))
}

/// The page that the proxy gives in place of the server, if that is why TLS from the first byte on failed so.
pub async fn page_behind(
    upstream: &Upstream,
    proxy: Option<&Proxy>,
    peer: SocketAddr,
    failed: TlsFaultKind,
    deadline: Instant,
) -> Option<DialError> {
    let proxy = proxy_for(upstream, proxy)?;
    leads_to_page(proxy, upstream, failed, deadline).await.then(|| portal(proxy, upstream, peer))
}

fn portal(proxy: &Proxy, upstream: &Upstream, peer: SocketAddr) -> DialError {
    DialError {
        layer: DialLayer::Proxy(ProxyTrouble::Portal),
        target: target(upstream),
        through: Some(proxy.to_string()),
        tried: vec![(peer, "connected".into())],
        cause: BEHIND_ITS_YES.to_owned(),
    }
}

/// Whether a web server is behind the proxy's yes, where TLS failed so. It is listened to once more: a page may come
/// unasked, as do the words of a mail server on a port without TLS; plain words in answer to TLS alone are a web server's.
async fn leads_to_page(proxy: &Proxy, upstream: &Upstream, failed: TlsFaultKind, deadline: Instant) -> bool {
    if !matches!(failed, TlsFaultKind::NotTls | TlsFaultKind::Closed) {
        return false;
    }
    let Ok(stream) = reach_through(proxy, &upstream.host, upstream.port, deadline).await else { return false };
    match first_words(&stream, deadline).await {
        Some(words) => is_page(&words),
        None => failed == TlsFaultKind::NotTls,
    }
}

/// What comes unasked; `None`: nothing came in time, or the connection broke.
pub(super) async fn first_words(stream: &Stream, deadline: Instant) -> Option<Bytes> {
    let words = stream.peek(deadline.min(Instant::now() + FIRST_WORDS)).await.ok().flatten()?;
    (!words.is_empty()).then_some(words)
}

/// An answer of HTTP, or a page without one. No mail server begins so.
pub(super) fn is_page(words: &[u8]) -> bool {
    let words = words.trim_ascii_start();
    words.first() == Some(&b'<') || (!words.is_empty() && words.iter().zip(b"HTTP/").all(|(is, due)| is == due))
}

/// Of a proxy that lets nobody out before a login on a page.
pub(super) const BEHIND_ITS_YES: &str = "it says yes, and a web page comes in place of the server";

/// The way to `host`, `port` through the proxy, whose every fault is one of the layer [`DialLayer::Proxy`].
pub(super) async fn reach_through(
    proxy: &Proxy,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Stream, DialError> {
    let fault = |trouble, tried, cause| DialError {
        layer: DialLayer::Proxy(trouble),
        target: authority(host, port),
        through: Some(proxy.to_string()),
        tried,
        cause,
    };
    let stream = reach(&proxy.host, proxy.port, deadline).await;
    let stream = stream.map_err(|lost| fault(ProxyTrouble::Unreachable, lost.tried, lost.cause))?;
    let peer = stream.peer();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let asked = detour::ask(stream, proxy, host, port, deadline).await;
    asked.map_err(|refused| fault(refused.trouble, vec![(peer, "connected".into())], refused.what))
}

/// No address of a name was reached.
struct Unreached {
    layer: DialLayer,
    tried: Vec<(SocketAddr, String)>,
    cause: String,
}

impl Unreached {
    fn of(self, upstream: &Upstream) -> DialError {
        DialError { layer: self.layer, target: target(upstream), through: None, tried: self.tried, cause: self.cause }
    }
}

/// TCP alone: a name and a race.
async fn reach(host: &str, port: u16, deadline: Instant) -> Result<Stream, Unreached> {
    let fault = |layer, tried, cause: String| Unreached { layer, tried, cause };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match timeout_at(deadline, look_up(host, port)).await {
        Err(_) => return Err(fault(DialLayer::Timeout, Vec::new(), "while resolving the name".into())),
        Ok(Err(error)) => return Err(fault(DialLayer::Resolve, Vec::new(), error.to_string())),
        Ok(Ok(addresses)) => interleave(addresses),
    };
    if addresses.is_empty() {
        return Err(fault(DialLayer::Resolve, Vec::new(), "the name has no address".into()));
    }
    race(&addresses, deadline).await.map_err(|lost| {
        let cause = if lost.in_time { "a connection to each of its addresses failed" } else { "while connecting" };
        let layer = if lost.in_time { DialLayer::Connect } else { DialLayer::Timeout };
        fault(layer, lost.tried, cause.into())
    })
}

async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let host = host.to_owned();
    // In a task of its own: the thread stays busy when the caller gives up, and so must the permit.
    let looked_up = tokio::spawn(async move {
        let _permit = permit;
        lookup_host((host, port)).await.map(Iterator::collect)
    });
    looked_up.await.map_err(io::Error::other)?
}

/// RFC 8305 4: families alternate, beginning with the one that the resolver (RFC 6724) put first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let first_is_v6 = all.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) = all.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut other = other.into_iter();
    let mut out = Vec::new();
    for address in preferred {
        out.push(address);
        out.extend(other.next());
    }
    out.extend(other);
    out.truncate(MOST_ADDRESSES);
    out
}

pub(super) struct Lost {
    tried: Vec<(SocketAddr, String)>,
    in_time: bool,
}

/// Starts one attempt after the other, the next one as soon as the last failed or the stagger is over; the first that
/// connects wins, the others are cancelled by dropping them.
pub(super) async fn race(addresses: &[SocketAddr], deadline: Instant) -> Result<Stream, Lost> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    let mut failed: Vec<(SocketAddr, String)> = Vec::new();
    let mut started = 0;
    let mut more = true;
    let run = async {
        loop {
            if more {
                match waiting.next() {
                    Some(address) => {
                        started += 1;
                        attempts.push(async move { (address, connect(address).await) });
                    }
                    None => more = false,
                }
            }
            tokio::select! {
                outcome = attempts.next() => match outcome {
                    Some((_, Ok(stream))) => return Some(stream),
                    Some((address, Err(error))) => failed.push((address, error.to_string())),
                    None => return None,
                },
                () = sleep(STAGGER), if more => {}
            }
        }
    };
    let outcome = timeout_at(deadline, run).await;
    if let Ok(Some(stream)) = outcome {
        return Ok(stream);
    }
    let silent = addresses.iter().take(started).filter(|address| failed.iter().all(|(tried, _)| tried != *address));
    let silent: Vec<_> = silent.map(|address| (*address, "no answer".to_owned())).collect();
    failed.extend(silent);
    Err(Lost { tried: failed, in_time: outcome.is_ok() })
}

async fn connect(address: SocketAddr) -> io::Result<Stream> {
    Stream::new(TcpStream::connect(address).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_from_the_one_that_the_resolver_put_first_and_nothing_is_tried_twice() {
        let sorted = |addresses: &[&str]| {
            let parsed = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 993)).collect();
            interleave(parsed).iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            sorted(&["2001:db8::1", "2001:db8::2", "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::3"]),
            "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3"
        );
        assert_eq!(sorted(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]), "192.0.2.1 2001:db8::1 192.0.2.2");
        assert_eq!(sorted(&["192.0.2.1"; 3]), "192.0.2.1");
        let many: Vec<String> = (0..40).map(|n| format!("192.0.2.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(sorted(&many).split(' ').count(), MOST_ADDRESSES);
    }
}
