//! Streams, TLS, listeners, dialling and the splice: everything that touches a socket.

mod settings;

pub use settings::{Bind, IpNet, Listener, ListenerTls, Network, Upstream, UpstreamTls};
