//! Counts of what happened, for tests and for the sandbox's page.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use crate::base::Protocol;

/// A snapshot of all counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests at the token endpoint by `grant_type`.
    pub token_requests: BTreeMap<String, u64>,
    /// Of these, answered with an error.
    pub token_refusals: u64,
    /// Connections by protocol (`smtp`, `imap`, `pop3`).
    pub connections: BTreeMap<String, Load>,
    /// Signed-on connections by `protocol mailbox`, for example `smtp ann@contoso.example`, and requests to Graph as
    /// `graph ann@contoso.example`.
    pub mailboxes: BTreeMap<String, Load>,
    pub sign_ons: u64,
    pub sign_on_refusals: u64,
    /// Messages accepted over SMTP and Graph.
    pub messages: u64,
    /// Sessions ended because their token expired.
    pub expired_sessions: u64,
    /// Clients that sent something behind STARTTLS before TLS was up.
    pub injected: u64,
    /// Credentials that arrived without TLS.
    pub unprotected_credentials: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    pub open: u64,
    pub most: u64,
    pub total: u64,
}

impl Counts {
    pub fn token_requests_total(&self) -> u64 {
        self.token_requests.values().sum()
    }

    pub fn connections(&self, protocol: Protocol) -> Load {
        self.connections.get(protocol.as_str()).copied().unwrap_or_default()
    }

    pub fn mailbox(&self, protocol: Protocol, address: &str) -> Load {
        self.mailboxes.get(&format!("{protocol} {address}")).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

impl Tally {
    pub fn counts(&self) -> Counts {
        self.count(|counts| counts.clone())
    }

    pub(super) fn count<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn connected(self: &Arc<Self>, protocol: Protocol) -> Open {
        Open::new(self, Shelf::Connections, protocol.to_string())
    }

    /// A request to Graph for this mailbox.
    pub(super) fn visiting(self: &Arc<Self>, address: &str) -> Open {
        Open::new(self, Shelf::Mailboxes, format!("graph {address}"))
    }

    pub(super) fn signed_on(self: &Arc<Self>, protocol: Protocol, address: &str) -> Open {
        Open::new(self, Shelf::Mailboxes, format!("{protocol} {address}"))
    }
}

#[derive(Clone, Copy)]
enum Shelf {
    Connections,
    Mailboxes,
}

/// Counts as open until dropped.
pub(super) struct Open {
    tally: Arc<Tally>,
    shelf: Shelf,
    name: String,
}

impl Open {
    fn new(tally: &Arc<Tally>, shelf: Shelf, name: String) -> Self {
        tally.count(|counts| {
            let load = shelf.of(counts).entry(name.clone()).or_default();
            load.open += 1;
            load.total += 1;
            load.most = load.most.max(load.open);
        });
        Self { tally: tally.clone(), shelf, name }
    }
}

impl Open {
    /// How many of its kind are open, itself included.
    pub(super) fn now(&self) -> u64 {
        self.tally.count(|counts| self.shelf.of(counts).get(&self.name).map_or(0, |load| load.open))
    }
}

impl Shelf {
    fn of(self, counts: &mut Counts) -> &mut BTreeMap<String, Load> {
        match self {
            Shelf::Connections => &mut counts.connections,
            Shelf::Mailboxes => &mut counts.mailboxes,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tally.count(|counts| {
            if let Some(load) = self.shelf.of(counts).get_mut(&self.name) {
                load.open = load.open.saturating_sub(1);
            }
        });
    }
}
