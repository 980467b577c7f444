//! Streams, TLS, listeners, dialling and the splice: everything that touches a socket.
//!
//! A [`Stream`] is a connection whose TLS may come now, later or never; [`Bound`] hands over arrivals that are ready
//! to be greeted; [`dial`] brings upstreams, through a proxy where there is one; [`splice`] joins the two, and
//! [`drive`] joins a machine to a stream. Nothing here knows a mail protocol. The clocks are here too: `base` has none.

mod accept;
mod admission;
mod certificate;
mod client_tls;
pub mod clock;
mod detour;
mod dial;
mod drive;
mod file_stamp;
mod http;
mod listen;
mod peer_uid;
mod proxy_protocol;
mod read;
mod read_ahead;
mod self_signed;
mod server_tls;
mod settings;
mod splice;
mod stream;
mod systemd;
mod tail;
mod tls_fault;
mod tls_look;
mod upload;
mod upstream_tls;

pub use accept::accept;
pub use admission::{Admission, AdmissionLimits, Full, Seat, client_network};
pub use certificate::{CertificateNames, certificate_end, certificate_names};
pub use client_tls::ClientTls;
pub use detour::{Proxy, ProxyKind, ProxyTrouble, is_beside};
pub use dial::{DialError, DialLayer, dial, page_behind};
pub use drive::{Broken, Want, drive, flush, write};
pub use file_stamp::FileStamp;
pub use http::{Call, CallBody, FormValue, HttpClient, HttpFault, HttpReply};
pub use listen::{Arrival, Bound, Door, OnTurnedAway, TurnedAway, bind, refused, refuses};
pub use peer_uid::{own_uid, peer_uid};
pub use read::{read_some, read_up_to};
pub use self_signed::self_signed_certificate;
pub use server_tls::ServerTls;
pub use settings::{Bind, IpNet, Listener, ListenerTls, Network, SetupFault, Upstream, UpstreamTls};
pub use splice::{Carried, Octets, SpliceEnd, SpliceLimits, SpliceReason, Tap, Unread, splice};
pub use stream::{Peer, Stream};
pub use systemd::{HandedOver, PassedSockets};
pub use tail::Tail;
pub use tls_fault::{TlsFault, TlsFaultKind};
pub use tls_look::{Looked, Shown, Untrusted};
pub use upload::{Handed, Upload};

#[cfg(test)]
mod tests;
