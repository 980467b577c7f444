//! What the net row can be told: listeners, upstream addresses, proxies. Checked values only.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use super::Proxy;
use crate::{
    base::{Lang, Protocol},
    catalog::{self, Entry, Known, Place, Words},
};

#[derive(Debug, Clone, Default)]
pub struct Network {
    /// For token and Graph calls.
    pub http_proxy: Option<Proxy>,
    /// For mail connections.
    pub mail_proxy: Option<Proxy>,
    /// Roots in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Listener {
    pub protocol: Protocol,
    pub listen: Vec<Bind>,
    pub tls: ListenerTls,
    /// Certificate chain and key, PEM. `None` with TLS on: self-signed, made and kept beside the store.
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub max_connections: usize,
    /// Peers that may send a PROXY header; empty: the protocol is off.
    pub proxy_protocol_from: Vec<IpNet>,
    pub pass_through: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    Address(SocketAddr),
    /// Sockets handed over by systemd: those of that name, or at that port if it is a number.
    Systemd(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTls {
    Off,
    StartTls,
    StartTlsRequired,
    Implicit,
    /// The first byte decides: 0x16 is TLS, anything else (or silence) is plain with STARTTLS offered.
    Auto,
}

/// An address block such as `192.168.10.0/28`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNet {
    pub base: IpAddr,
    pub prefix: u8,
}

impl IpNet {
    /// IPv4-mapped IPv6 peers count as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.base, peer.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(peer)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                shift == 32 || (u32::from(base) >> shift) == (u32::from(peer) >> shift)
            }
            (IpAddr::V6(base), IpAddr::V6(peer)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                shift == 128 || (u128::from(base) >> shift) == (u128::from(peer) >> shift)
            }
            _ => false,
        }
    }

    /// Whether all of the other block lies in this one.
    pub fn covers(&self, other: &IpNet) -> bool {
        self.prefix <= other.prefix && self.contains(other.base)
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.base.is_ipv4() { 32 } else { 128 };
        match self.prefix {
            prefix if prefix >= whole => write!(f, "{}", self.base),
            prefix => write!(f, "{}/{prefix}", self.base),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub host: String,
    pub port: u16,
    pub tls: UpstreamTls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    StartTls,
    Implicit,
}

/// Something configured cannot be used: names the thing, the cause and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFault {
    what: String,
    /// What the catalogue knows of it, and the address that it is about.
    known: Option<(&'static str, Place)>,
}

impl SetupFault {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), known: None }
    }

    /// An address that cannot be opened.
    pub fn of_place(entry: &'static Entry, place: Place, what: impl Into<String>) -> Self {
        Self { what: what.into(), known: Some((entry.id, place)) }
    }

    pub fn entry(&self) -> Option<&'static Entry> {
        self.known.and_then(|(id, _)| catalog::find(id))
    }

    /// The catalogue's.
    pub fn words(&self, lang: Lang) -> Option<Words> {
        let place = self.known.map(|(_, place)| place);
        self.entry().map(|entry| entry.told(lang, &Known { place, ..Known::default() }))
    }
}

impl fmt::Display for SetupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some(entry) => f.write_str(&entry.said(&self.what)),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for SetupFault {}
