//! The way to a server through a proxy of the network: CONNECT of HTTP, or SOCKS5.
//!
//! One machine for each; here they meet the socket. All of it ends at the caller's deadline. TLS begins behind the
//! proxy and its names are checked as without one: a proxy sees where to, and bytes.

mod connect;
mod proxy;
mod socks5;
#[cfg(test)]
#[rustfmt::skip] // dialogues are tables: one turn a line
mod tests;

use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};

pub(super) use proxy::authority;
pub use proxy::{Proxy, ProxyKind, is_beside};

use super::{Stream, read::read_some};
use crate::{
    catalog::{
        Entry,
        own::{
            PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_NO_WAY, PROXY_PORTAL, PROXY_SCHEME_UNKNOWN, PROXY_UNREACHABLE,
        },
    },
    wire::{Machine, Step},
};

/// What is the matter with the way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyTrouble {
    /// It cannot be connected, does not answer, or is none of that kind.
    Unreachable,
    /// It wants other credentials.
    Login,
    /// It wants some, and there are none.
    NoLogin,
    /// It wants a way to log in that is not spoken here (NTLM, Negotiate).
    Scheme,
    /// A page of the network answers: somebody has to log in there.
    Portal,
    /// Its rules are against it.
    Forbids,
    /// It got no further itself.
    NoWay,
}

impl ProxyTrouble {
    pub const fn entry(self) -> &'static Entry {
        match self {
            ProxyTrouble::Unreachable => PROXY_UNREACHABLE,
            ProxyTrouble::Login | ProxyTrouble::NoLogin => PROXY_LOGIN_REFUSED,
            ProxyTrouble::Scheme => PROXY_SCHEME_UNKNOWN,
            ProxyTrouble::Portal => PROXY_PORTAL,
            ProxyTrouble::Forbids => PROXY_FORBIDS,
            ProxyTrouble::NoWay => PROXY_NO_WAY,
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            ProxyTrouble::Unreachable => "the proxy cannot be used",
            ProxyTrouble::Login => "the proxy refuses the login",
            ProxyTrouble::NoLogin => "the proxy wants a login, and none is set",
            ProxyTrouble::Scheme => "the proxy wants a login that Gatepost cannot do",
            ProxyTrouble::Portal => "a login page answers in place of the proxy",
            ProxyTrouble::Forbids => "the proxy forbids it",
            ProxyTrouble::NoWay => "the proxy gets no connection",
        }
    }
}

/// How the proxy answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// What comes now is from the far side.
    Open,
    Refused(Refused),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub trouble: ProxyTrouble,
    /// The proxy's words, safe to print.
    pub what: String,
}

/// Asks on a fresh connection to the proxy for the way to `host`, `port`. Cancel safe: dropping it closes the
/// connection.
pub(super) async fn ask(
    stream: Stream,
    proxy: &Proxy,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Stream, Refused> {
    match proxy.kind {
        ProxyKind::Http => {
            run(stream, connect::Connect::new(&authority(host, port), proxy.login.as_ref()), deadline).await
        }
        ProxyKind::Socks5 => match socks5::Socks5::new(host, port, proxy.login.as_ref()) {
            Some(machine) => run(stream, machine, deadline).await,
            None => Err(unusable("the name of the server is longer than SOCKS can say")),
        },
    }
}

fn unusable(what: impl Into<String>) -> Refused {
    Refused { trouble: ProxyTrouble::Unreachable, what: what.into() }
}

async fn run(
    mut stream: Stream,
    mut machine: impl Machine<Event = Answer>,
    deadline: Instant,
) -> Result<Stream, Refused> {
    loop {
        let step = machine.step().map_err(|violation| unusable(violation.what))?;
        let moved = match step {
            Step::Event(Answer::Refused(refused)) => return Err(refused),
            Step::Event(Answer::Open) | Step::StartTls => break,
            Step::Write(bytes) => timeout_at(deadline, stream.write_all(&bytes)).await.map(|done| done.map(|()| 1)),
            Step::Read => timeout_at(deadline, read_some(&mut stream, |bytes| machine.feed(bytes))).await,
        };
        match moved {
            Err(_) => return Err(unusable("it was connected and did not answer in time")),
            Ok(Err(error)) => return Err(unusable(format!("the connection to it broke: {error}"))),
            Ok(Ok(0)) => return Err(unusable("it closed the connection without an answer")),
            // The clock before the next read: a peer that never stops sending is always ready.
            Ok(Ok(_)) if Instant::now() >= deadline => return Err(unusable("it did not come to an end in time")),
            Ok(Ok(_)) => {}
        }
    }
    let unread = machine.into_unread();
    stream.unread(unread);
    Ok(stream)
}
