//! Whether the daemon is alive, for whoever restarts one that is not: the console answers, or, where that is off, a listener
//! greets. It asks for nothing else, and refuses to call alive what merely holds a port open.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::Path,
};

use super::silent;
use crate::{
    cli::{
        console_api,
        outcome::{Failure, Outcome},
    },
    config::Config,
    console::client::{PATIENCE, Unanswered},
    net::{Bind, Listener, ListenerTls},
    store,
};

/// `is_elsewhere`: it has another store than this command, which tells nothing of it.
pub fn look(config: &Config, file: &Path, is_elsewhere: bool) -> Outcome {
    if config.console.listen.is_some() {
        return console_api::is_alive(config).map_err(|cause| silent(config, file, &cause));
    }
    if !is_elsewhere && store::is_vacant(&config.store) {
        return Err(silent(config, file, &Unanswered::Untold("it does not run".to_owned())));
    }
    let at = greeting(&config.listeners).ok_or_else(|| unaskable(file))?;
    greets(at).map_err(|cause| silent(config, file, &cause))
}

/// Of a listener that speaks first, to whoever comes from this machine, at a port that the configuration names.
fn greeting(listeners: &[Listener]) -> Option<SocketAddr> {
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
    all.filter(|(_, one, at)| !wants_header(one, at)).min_by_key(|(rank, ..)| *rank).map(|(.., at)| at)
}

fn reached(ip: IpAddr) -> IpAddr {
    match ip {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The system takes the connection whoever hangs; the first byte is the daemon's own.
fn greets(at: SocketAddr) -> Result<(), Unanswered> {
    let not_there = |error: std::io::Error| Unanswered::NotThere(format!("{at}: {error}"));
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE).map_err(not_there)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(not_there)?;
    match stream.read(&mut [0; 64]) {
        Ok(0) => Err(Unanswered::Untold(format!("{at} hung up without a greeting"))),
        Ok(_) => Ok(()),
        Err(_) => Err(Unanswered::Silent(format!("no greeting from {at} within {} s", PATIENCE.as_secs()))),
    }
}

fn unaskable(file: &Path) -> Failure {
    Failure::new(
        "the console is off, and no listener greets without TLS at a port that the configuration names: nothing here can \
         be asked",
        format!(
            "take `listen = \"off\"` out of [console] in {}: it listens on this machine alone then",
            file.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Protocol;

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
    fn a_daemon_whose_store_is_elsewhere_is_alive_if_it_greets_whatever_the_store_here_says() {
        use std::io::Write;
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let greets = std::thread::spawn(move || taken.accept().unwrap().0.write_all(b"220 here\r\n"));
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[store]\nurl = \"sqlite://{}/none.db\"\n[console]\nlisten = \"off\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = \
             [\"{at}\"]\ntls = \"off\"\n",
            dir.path().display()
        );
        let around = crate::config::Surroundings::default();
        let config = crate::config::check_text(&text, "gatepost.toml", &around).unwrap().0;
        let file = Path::new("gatepost.toml");
        assert!(look(&config, file, false).is_err(), "the store is its own, and nobody has it");
        assert!(look(&config, file, true).is_ok());
        greets.join().unwrap().unwrap();
    }

    #[test]
    fn a_listener_is_asked_that_speaks_first_to_whoever_comes_from_this_machine() {
        use ListenerTls::{Auto, Implicit, Off, StartTls};
        let at = |all: &[Listener]| greeting(all).map(|at| at.to_string());
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
