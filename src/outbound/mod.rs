//! Ways out of the house: signed-on connections to upstreams, and messages on them.
//!
//! [`Outbound::sign_on`] brings a connection for any protocol; [`Outbound::connect`] one to submit mail on, within what
//! the provider allows for the mailbox (`governor`), warm where one is left over; [`Outbound::deliver`] sends a message
//! that is on disk. Sessions and the queue share all of it.

mod connect;
mod connection;
mod delivery;
mod governor;
pub mod graph;
mod outset;
pub mod pace;
mod refusals;
mod seen;
mod sign_on;
mod smtp;
mod submission;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub use connect::{Within, is_throttled};
pub use connection::Connection;
pub use delivery::{Envelope, Fate, Report, Unsent, Verdict, day_used_up, goes_by_graph};
pub use governor::{Governor, Party, Ticket, Turn, Wanted};
pub use outset::{Deadline, Delivery, Outset, Trail};
pub use refusals::{GRAPH_WAY, Refusals, Standing};
pub use seen::{Seen, ehlo};
pub use sign_on::{Failed, Road, SignedOn};
pub use smtp::{Channel, Lost, Unfinished};
pub use submission::{is_about_sign_on, not_signed_on};

use crate::{
    base::Protocol,
    meter::{Direction, Meter},
    net::{Carried, ClientTls, HttpClient, Octets, Proxy},
    oauth::Keepers,
};

/// What it takes to get out. A reload makes a new one; who has one goes on with it.
#[derive(Clone)]
pub struct Outbound {
    pub keepers: Arc<Keepers>,
    pub tls: Arc<ClientTls>,
    /// In between to upstreams.
    pub mail_proxy: Option<Proxy>,
    pub seen: Arc<Seen>,
    /// One over all reloads, each of which empties it.
    pub refusals: Arc<Refusals>,
    /// One over all reloads: what was sent counts on.
    pub governor: Arc<Governor>,
    /// When the configuration came that this is of.
    pub since: Instant,
    pub meter: Meter,
    /// For Graph.
    pub http: HttpClient,
    /// One over all reloads.
    pub graph_seats: Arc<graph::Seats>,
    /// For one sign-on: token, dial, TLS and the upstream's answer.
    pub sign_on: Duration,
    /// The name that we greet upstreams with.
    pub host: String,
}

impl Outbound {
    /// The books of what passes between clients and upstreams by this protocol.
    pub fn carried(&self, protocol: Protocol) -> Carried {
        let octets = |direction| Octets::shared(self.meter.octets(protocol, direction));
        Carried { to_client: octets(Direction::ToClient), to_upstream: octets(Direction::ToUpstream) }
    }
}
