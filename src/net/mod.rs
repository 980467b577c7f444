//! Streams, TLS, listeners, dialling and the splice: everything that touches a socket.
//!
//! A [`Stream`] is a connection whose TLS may come now, later or never; [`Bound`] hands over arrivals that are ready
//! to be greeted; [`dial`] brings upstreams; [`splice`] joins the two. Nothing here knows a mail protocol.

mod client_tls;
mod http;
mod settings;

pub use client_tls::ClientTls;
pub use http::{FormValue, HttpClient, HttpFault, HttpReply};
pub use settings::{Bind, IpNet, Listener, ListenerTls, Network, SetupFault, Upstream, UpstreamTls};
