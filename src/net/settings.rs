//! What the net row can be told: listeners, upstream addresses, proxies. Checked values only.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use super::Proxy;
use crate::{
    base::{Lang, Protocol},
    catalog::{Entry, Known, Place, Words, doctor::SOCKET_NOT_HANDED_OVER},
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
#[derive(Debug, Clone)]
pub struct SetupFault {
    entry: &'static Entry,
    what: String,
    /// The address that it is about.
    place: Option<Place>,
    /// The socket that it is about, as a listener names it.
    socket: Option<String>,
}

impl SetupFault {
    pub fn new(entry: &'static Entry, what: impl Into<String>) -> Self {
        Self { entry, what: what.into(), place: None, socket: None }
    }

    /// An address that cannot be opened.
    pub fn of_place(entry: &'static Entry, place: Place, what: impl Into<String>) -> Self {
        Self { place: Some(place), ..Self::new(entry, what) }
    }

    /// One that systemd is to hand over; `socket`: as a listener names it.
    pub fn of_socket(socket: &str, what: impl fmt::Display) -> Self {
        let what = format!("listen = \"systemd:{socket}\": {what}");
        Self { socket: Some(socket.to_owned()), ..Self::new(SOCKET_NOT_HANDED_OVER, what) }
    }

    pub const fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// With the short text and the id of that, where nothing else of the line has them.
    pub fn named(&self) -> String {
        self.entry.said(self)
    }

    /// The catalogue's.
    pub fn words(&self, lang: Lang) -> Words {
        self.entry.told(lang, &Known { place: self.place, socket: self.socket.clone(), ..Known::default() })
    }
}

/// What is of this case alone; see [`SetupFault::named`].
impl fmt::Display for SetupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for SetupFault {}
