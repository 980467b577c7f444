//! What every session needs of the daemon, and what its listener adds.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    account::{Guesses, Passwords, Register},
    base::Protocol,
    meter::Meter,
    net::{ListenerTls, ServerTls, Stream},
    outbound::Outbound,
    queue::Queue,
    spool::Spool,
    store::Store,
    wire::Protection,
};

/// The daemon as sessions see it. A reload makes a new one; sessions keep the one they started with.
pub struct Gate {
    pub register: Register,
    pub passwords: Arc<Passwords>,
    pub guesses: Arc<Guesses>,
    pub store: Arc<Store>,
    pub outbound: Arc<Outbound>,
    /// Where messages wait that are delivered later.
    pub queue: Arc<Queue>,
    /// For messages that do not go on as they come.
    pub spool: Spool,
    pub meter: Meter,
    /// The name that we greet clients with.
    pub host: String,
    /// From complete credentials to the answer.
    pub sign_on: Duration,
    /// Cancelled when the daemon drains: who is between two transactions ends.
    pub closing: CancellationToken,
    /// Cancelled shortly before the drain's time is over: who is in the middle of one ends too.
    pub cut_off: CancellationToken,
}

/// One listener as its sessions see it.
pub struct Doorway {
    pub protocol: Protocol,
    pub mode: ListenerTls,
    pub tls: Option<ServerTls>,
}

impl Doorway {
    /// How a connection is protected when it arrives; implicit TLS is already done by then.
    pub fn protection(&self, stream: &Stream) -> Protection {
        if stream.is_tls() {
            return Protection::Secured;
        }
        match self.mode {
            ListenerTls::Off | ListenerTls::Implicit => Protection::Plain,
            ListenerTls::StartTls | ListenerTls::Auto => Protection::Offered,
            ListenerTls::StartTlsRequired => Protection::Required,
        }
    }
}
