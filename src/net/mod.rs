//! Streams, TLS, listeners, dialling and the splice: everything that touches a socket.
//!
//! A [`Stream`] is a connection whose TLS may come now, later or never; [`Bound`] hands over arrivals that are ready
//! to be greeted; [`dial`] brings upstreams; [`splice`] joins the two. Nothing here knows a mail protocol.

mod client_tls;
mod dial;
mod http;
mod peer_uid;
mod read_ahead;
mod self_signed;
mod server_tls;
mod settings;
mod stream;
mod tls_fault;

pub use client_tls::ClientTls;
pub use dial::{DialError, DialLayer, dial};
pub use peer_uid::peer_uid;
pub use http::{FormValue, HttpClient, HttpFault, HttpReply};
pub use server_tls::ServerTls;
pub use settings::{Bind, IpNet, Listener, ListenerTls, Network, SetupFault, Upstream, UpstreamTls};
pub use stream::{Stream, looks_like_tls};
pub use tls_fault::{TlsFault, TlsFaultKind};
