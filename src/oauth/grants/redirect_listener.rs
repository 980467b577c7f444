//! The loopback listener that a browser comes back to (RFC 8252 7.3). It is open only while one sign-in waits.
//!
//! Both loopback addresses on one port, since `localhost` may mean either. Anything but the redirect path is a 404;
//! an answer without the state of this request changes nothing. It speaks just enough HTTP for that: one request a
//! connection, small and in time.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    task::Poll,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use url::Url;

use super::{
    code::{CodeRequest, NotTheAnswer},
    redirect_page::Page,
};
use crate::{
    base::{Lang, Secret},
    catalog::Known,
    oauth::{sign_in::Kept, verdict::Verdict},
};

const REQUEST_TIME: Duration = Duration::from_secs(10);
const HEAD_CAP: usize = 32 * 1024;
/// Browsers open some connections ahead and leave them idle.
const CONNECTIONS: usize = 32;
/// Ports to try for one that is free on both addresses.
const TRIES: usize = 20;

pub struct RedirectListener {
    listeners: Vec<TcpListener>,
    redirect: Url,
}

impl RedirectListener {
    /// `configured` is the app's redirect URI, where it matters; else any free port.
    pub async fn bind(configured: Option<&Url>) -> io::Result<Self> {
        let wanted = configured.map(|url| url.port_or_known_default().unwrap_or(80));
        let (listeners, port) = match wanted {
            Some(port) if port != 0 => (bind_both(port).await?, port),
            _ => bind_any().await?,
        };
        let mut redirect = match configured {
            Some(url) => url.clone(),
            None => Url::parse("http://localhost/").map_err(io::Error::other)?,
        };
        redirect.set_port(Some(port)).map_err(|()| io::Error::other("the redirect URI takes no port"))?;
        Ok(Self { listeners, redirect })
    }

    /// The redirect URI with its real port.
    pub fn redirect(&self) -> &Url {
        &self.redirect
    }

    /// Waits for the code of `request`, or for a refusal in its place; the caller keeps the deadline, and tells the browser
    /// how it ended. Closes the port when it returns.
    pub async fn code(self, request: &CodeRequest) -> (Result<Secret, Verdict>, Visit) {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                visitor = accept(&self.listeners) => match visitor {
                    Ok(stream) if visits.len() < CONNECTIONS => {
                        visits.spawn(timeout(REQUEST_TIME, read_request(stream)));
                    }
                    Ok(_) => {}
                    // Out of files, for example: not a reason to give a sign-in up.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(visit) = visits.join_next() => {
                    if let Ok(Ok(Some(visit))) = visit
                        && let Some(end) = self.receive(request, visit).await
                    {
                        return end;
                    }
                }
            }
        }
    }

    /// Answers one browser, or has it wait for what comes of its answer; `Some` ends the sign-in.
    async fn receive(&self, request: &CodeRequest, visit: Visit) -> Option<(Result<Secret, Verdict>, Visit)> {
        let answer = self.redirect.join(&visit.target).ok().filter(|url| url.path() == self.redirect.path());
        let Some(answer) = answer else {
            visit.answer(&Page::OtherPath).await;
            return None;
        };
        let waits = Visit { target: String::new(), ..visit };
        match request.code_in(&answer) {
            Ok(code) => Some((Ok(code), waits)),
            Err(NotTheAnswer::Refused(verdict)) => Some((Err(verdict), waits)),
            Err(NotTheAnswer::OtherState | NotTheAnswer::Empty) => {
                waits.answer(&Page::OtherSignIn).await;
                None
            }
        }
    }
}

/// A browser that asked for something.
pub struct Visit {
    stream: TcpStream,
    target: String,
    lang: Lang,
}

/// A target may hold a code.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("lang", &self.lang).finish_non_exhaustive()
    }
}

impl Visit {
    /// What came of the answer that it brought, once that is on disk. `known`: of the account.
    pub async fn ended(self, known: &Known, outcome: Result<&Kept, &Verdict>) {
        self.answer(&Page::Ended(known, outcome)).await;
    }

    async fn answer(mut self, page: &Page<'_>) {
        let response = page.response(self.lang);
        let sent = timeout(REQUEST_TIME, async {
            self.stream.write_all(&response).await?;
            self.stream.shutdown().await
        });
        // A browser that went away has seen enough.
        let _ = sent.await;
    }
}

async fn bind_any() -> io::Result<(Vec<TcpListener>, u16)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = first.local_addr()?.port();
        match bind_v6(port).await {
            Ok(second) => return Ok((std::iter::once(first).chain(second).collect(), port)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn bind_both(port: u16) -> io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    Ok(std::iter::once(first).chain(bind_v6(port).await?).collect())
}

/// `None` on a machine without IPv6; a port that is taken is an error, since somebody else would get the code.
async fn bind_v6(port: u16) -> io::Result<Option<TcpListener>> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(None),
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

/// A GET request; anything else is answered by closing.
async fn read_request(mut stream: TcpStream) -> Option<Visit> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 || head.len() > HEAD_CAP {
            return None;
        }
    }
    // Cookies of other programs on localhost may be in any encoding.
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let fields = lines.filter_map(|line| line.split_once(':'));
    let asked = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("accept-language"));
    let lang = Lang::accepted(asked.map_or("", |(_, value)| value.trim()));
    match (words.next()?, words.next()?, words.next()?) {
        ("GET", target, version) if target.starts_with('/') && version.starts_with("HTTP/1.") => {
            Some(Visit { stream, target: target.to_owned(), lang })
        }
        _ => None,
    }
}
