//! Listeners: addresses, TLS, certificates; and the three that are there when none is written.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::{Checker, shown};
use crate::{
    base::Protocol,
    config::{key::Key, raw},
    net::{Bind, Listener, ListenerTls, ServerTls},
};

const MAX_CONNECTIONS: u32 = 1000;

impl Checker<'_> {
    /// Listeners with the key under which each was written.
    pub(super) fn listeners(&mut self, written: &[raw::Listener]) -> Vec<(Key, Listener)> {
        let table = Key::of("listener");
        if written.is_empty() {
            return Protocol::ALL.into_iter().map(|protocol| (table.clone(), default_listener(protocol))).collect();
        }
        let listeners: Vec<(Key, Listener)> =
            written.iter().enumerate().filter_map(|(n, raw)| self.listener(table.item(n), raw)).collect();
        self.each_address_once(&listeners);
        listeners
    }

    fn listener(&mut self, key: Key, raw: &raw::Listener) -> Option<(Key, Listener)> {
        let protocol = match raw.protocol {
            Some(raw::Protocol::Smtp) => Some(Protocol::Smtp),
            Some(raw::Protocol::Imap) => Some(Protocol::Imap),
            Some(raw::Protocol::Pop3) => Some(Protocol::Pop3),
            None => {
                self.missing(&key, "protocol", "add: protocol = \"smtp\" (or \"imap\", \"pop3\")");
                None
            }
        };
        let tls = match raw.tls {
            None | Some(raw::ListenerTls::Off) => ListenerTls::Off,
            Some(raw::ListenerTls::Starttls) => ListenerTls::StartTls,
            Some(raw::ListenerTls::StarttlsRequired) => ListenerTls::StartTlsRequired,
            Some(raw::ListenerTls::Implicit) => ListenerTls::Implicit,
            Some(raw::ListenerTls::Auto) => ListenerTls::Auto,
        };
        let certificate = self.certificate(&key, raw, tls);
        let most = raw.max_connections.unwrap_or(MAX_CONNECTIONS);
        let from = key.field("proxy-protocol-from");
        let blocks: Vec<_> =
            raw.proxy_protocol_from.iter().enumerate().filter_map(|(n, b)| self.block(&from.item(n), b)).collect();
        if raw.proxy_protocol == Some(true) && raw.proxy_protocol_from.is_empty() {
            let hint = "add: proxy-protocol-from = [\"ADDRESS OF THE LOAD BALANCER\"]";
            self.error(&key, format!("`{key}` needs `proxy-protocol-from`"), hint);
        }
        let listen = match &raw.listen {
            Some(addresses) => self.binds(&key.field("listen"), addresses),
            None => protocol.map(|p| default_listener(p).listen).unwrap_or_default(),
        };
        let listener = Listener {
            protocol: protocol?,
            listen,
            tls,
            certificate,
            max_connections: usize::try_from(most).unwrap_or(usize::MAX),
            proxy_protocol_from: if raw.proxy_protocol == Some(true) { blocks } else { Vec::new() },
            pass_through: raw.pass_through.unwrap_or(false),
        };
        Some((key, listener))
    }

    fn certificate(
        &mut self,
        key: &Key,
        raw: &raw::Listener,
        tls: ListenerTls,
    ) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
        let found = self.problems.len();
        let certificate = raw.certificate.as_ref().map(|path| self.readable(&key.field("certificate"), path));
        let private = raw.key.as_ref().map(|path| self.readable(&key.field("key"), path));
        if tls == ListenerTls::Off && (certificate.is_some() || private.is_some()) {
            let hint = "add: tls = \"starttls\" (or \"implicit\"), or remove the certificate";
            self.warning(key, format!("`{key}` has a certificate but its TLS is off"), hint);
        }
        match (certificate, private) {
            (Some(certificate), Some(private)) => {
                if tls != ListenerTls::Off && found == self.problems.len() {
                    let hint = "put a certificate and the private key that belongs to it there, both in PEM form";
                    let look = || ServerTls::prove(&certificate, &private);
                    self.used_at_a_start(&key.field("certificate"), look, hint);
                }
                Some((certificate, private))
            }
            (Some(_), None) => {
                self.missing(key, "key", "add: key = \"key.pem\" (the private key of the certificate)");
                None
            }
            (None, Some(_)) => {
                self.missing(key, "certificate", "add: certificate = \"cert.pem\"");
                None
            }
            (None, None) => None,
        }
    }

    fn binds(&mut self, key: &Key, written: &[String]) -> Vec<Bind> {
        if written.is_empty() {
            self.error(key, format!("`{key}` is empty"), "for example [\"127.0.0.1:1587\", \"[::1]:1587\"]");
        }
        written.iter().enumerate().filter_map(|(n, address)| self.bind(&key.item(n), address)).collect()
    }

    fn bind(&mut self, key: &Key, written: &str) -> Option<Bind> {
        if let Some(name) = written.strip_prefix("systemd:") {
            let fine = !name.is_empty() && !name.contains(|c: char| c.is_control() || c == ':');
            if !fine {
                self.error(
                    key,
                    format!("`{key}` names no socket"),
                    "systemd:587 for the socket at that port, or systemd:NAME as in FileDescriptorName= of the unit",
                );
            }
            return fine.then(|| Bind::Systemd(name.to_owned()));
        }
        match written.parse::<SocketAddr>() {
            Ok(address) => Some(Bind::Address(address)),
            Err(_) => {
                let text = format!("`{key}`: \"{}\" is not an address with a port", shown(written));
                self.error(key, text, "for example \"127.0.0.1:1587\" or \"[::1]:1587\"; names are not looked up here");
                None
            }
        }
    }

    fn each_address_once(&mut self, listeners: &[(Key, Listener)]) {
        let mut seen = HashSet::new();
        for (key, listener) in listeners {
            for bind in &listener.listen {
                let name = match bind {
                    Bind::Address(address) if address.port() == 0 => continue,
                    Bind::Address(address) => address.to_string(),
                    Bind::Systemd(name) => format!("systemd:{name}"),
                };
                if !seen.insert(name.clone()) {
                    let text = format!("{name} is listened on twice");
                    self.error(&key.field("listen"), text, "give each listener a port of its own");
                }
            }
        }
    }
}

/// What listens for a protocol when nothing else is said: its usual port plus 1000, this machine alone.
pub(crate) fn default_listener(protocol: Protocol) -> Listener {
    let port = protocol.port_of_ours();
    let loopback = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))];
    Listener {
        protocol,
        listen: loopback.into_iter().map(Bind::Address).collect(),
        tls: ListenerTls::Off,
        certificate: None,
        max_connections: usize::try_from(MAX_CONNECTIONS).unwrap_or(usize::MAX),
        proxy_protocol_from: Vec::new(),
        pass_through: false,
    }
}
