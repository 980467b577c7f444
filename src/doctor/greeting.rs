//! Whether a daemon without a console is alive: a listener greets. It refuses to call alive what merely holds a port open.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::Method;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::{
    base::Protocol,
    config::Config,
    console::client::{self, PATIENCE, Unanswered},
    net::{Bind, Listener, ListenerTls},
    store,
};

/// A listener that speaks first, to whoever comes from this machine, at a port that the configuration names.
pub fn place(listeners: &[Listener]) -> Option<(Protocol, SocketAddr)> {
    let speaks_first = |tls| match tls {
        ListenerTls::Off | ListenerTls::StartTls | ListenerTls::StartTlsRequired => Some(0),
        // It waits for a first byte before.
        ListenerTls::Auto => Some(1),
        ListenerTls::Implicit => None,
    };
    let here = |bind: &Bind| match bind {
        Bind::Address(at) if at.port() > 0 => Some(SocketAddr::new(reached(at.ip()), at.port())),
        Bind::Systemd(port) => Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().ok()?)),
        Bind::Address(_) => None,
    };
    let wants_header = |listener: &Listener, at: &SocketAddr| {
        listener.proxy_protocol_from.iter().any(|balancer| balancer.contains(at.ip()))
    };
    let all = listeners.iter().filter_map(|one| Some((speaks_first(one.tls)?, one)));
    let all = all.flat_map(|(rank, one)| one.listen.iter().filter_map(here).map(move |at| (rank, one, at)));
    let first = all.filter(|(_, one, at)| !wants_header(one, at)).min_by_key(|(rank, ..)| *rank);
    first.map(|(_, one, at)| (one.protocol, at))
}

fn reached(ip: IpAddr) -> IpAddr {
    match ip {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The system takes the connection whoever hangs; the first byte is the daemon's own.
pub async fn heard(at: SocketAddr) -> Result<(), Unanswered> {
    let not_there = |error: io::Error| Unanswered::NotThere(format!("{at}: {error}"));
    let silent = |_| Unanswered::Silent(format!("no greeting from {at} within {} s", PATIENCE.as_secs()));
    let mut stream = timeout(PATIENCE, TcpStream::connect(at)).await.map_err(silent)?.map_err(not_there)?;
    match timeout(PATIENCE, stream.read(&mut [0; 64])).await.map_err(silent)? {
        Ok(1..) => Ok(()),
        Ok(0) => Err(Unanswered::Untold(format!("{at} hung up without a greeting"))),
        Err(error) => Err(Unanswered::Untold(format!("{at}: {error}"))),
    }
}

/// What is silent at the console's address while a listener of the daemon greets is another program: the daemon does not hang.
/// But for a console that knows our token, and answers what needs no store.
/// Nor is anybody a stranger for not knowing a token that this user may not read.
pub async fn whose(silence: Unanswered, config: &Config) -> Unanswered {
    if matches!(silence, Unanswered::OnAnotherStore(..)) && store::is_closed(&config.store) {
        let at = config.console.reached_at().map(|at| at.to_string()).unwrap_or_default();
        return Unanswered::OfAnotherUser(format!("{at} answers the user of the store alone"));
    }
    let Unanswered::Silent(why) = silence else { return silence };
    let (Some((_, at)), Some(console)) = (place(&config.listeners), config.console.reached_at()) else {
        return Unanswered::Silent(why);
    };
    let (greets, console) =
        tokio::join!(heard(at), client::ask(console, Method::GET, "/api/healthz", || config.console_token()));
    match (greets, console) {
        (_, Ok(Some(_))) => Unanswered::Waits(why),
        (Ok(()), _) => Unanswered::Stranger(why),
        _ => Unanswered::Silent(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(listen: &str, tls: ListenerTls, header_from: &[&str]) -> Listener {
        let block = |text: &&str| crate::net::IpNet { base: text.parse().unwrap(), prefix: 8 };
        Listener {
            protocol: Protocol::Smtp,
            listen: vec![match listen.strip_prefix("systemd:") {
                Some(name) => Bind::Systemd(name.to_owned()),
                None => Bind::Address(listen.parse().unwrap()),
            }],
            tls,
            certificate: None,
            max_connections: 1,
            proxy_protocol_from: header_from.iter().map(block).collect(),
            pass_through: false,
        }
    }

    #[test]
    fn a_listener_is_asked_that_speaks_first_to_whoever_comes_from_this_machine() {
        use ListenerTls::{Auto, Implicit, Off, StartTls};
        let at = |all: &[Listener]| place(all).map(|(_, at)| at.to_string());
        let (tls, auto) = (listener("0.0.0.0:993", Implicit, &[]), listener("0.0.0.0:143", Auto, &[]));
        let (plain, six) = (listener("10.0.0.1:587", Off, &[]), listener("[::]:587", StartTls, &[]));
        assert_eq!(at(std::slice::from_ref(&tls)), None);
        assert_eq!(at(&[tls, auto.clone()]).as_deref(), Some("127.0.0.1:143"));
        assert_eq!(at(&[auto, plain]).as_deref(), Some("10.0.0.1:587"));
        assert_eq!(at(&[six]).as_deref(), Some("[::1]:587"));
        assert_eq!(at(&[listener("0.0.0.0:587", Off, &["127.0.0.0"])]), None, "it waits for a header");
        assert_eq!(at(&[listener("127.0.0.1:0", Off, &[]), listener("systemd:imap", Off, &[])]), None);
        assert_eq!(at(&[listener("systemd:1143", Off, &[])]).as_deref(), Some("127.0.0.1:1143"));
    }
}
