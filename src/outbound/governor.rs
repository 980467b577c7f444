//! What the provider allows for one mailbox, over all sessions and the queue: connections at a time, messages a minute,
//! recipients a day (fact sheet microsoft.md, 3.1).
//!
//! Who comes when there is no room waits in a line that is fair between clients: each has its turn, however many
//! sessions one of them opens. It knows no protocol, and refuses nobody by itself: how long somebody waits is the
//! caller's to say. A restart forgets what was sent before.

mod dials;
mod ledger;
mod line;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

pub(super) use dials::{Dialling, Obstacle};
pub use ledger::Turn;
pub(super) use ledger::{Idle, Ledger, Place, Seat};
use tokio::time::Instant;

use crate::{account::Limits, net::Upstream};

/// From here on, mailboxes that nobody uses are looked for.
const MANY: usize = 1000;

/// One for the whole daemon.
#[derive(Default)]
pub struct Governor {
    mailboxes: Mutex<HashMap<String, Arc<Ledger>>>,
}

impl Governor {
    /// The mailbox of `user` at an upstream, with the limits of a configuration that holds `since` then. Those of the latest
    /// one count: sessions of earlier ones go on.
    pub(super) fn mailbox(&self, upstream: &Upstream, user: &str, limits: Limits, since: Instant) -> Arc<Ledger> {
        let name = format!("{} {}:{}", user.to_lowercase(), upstream.host, upstream.port);
        let mut all = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, ledger| Arc::strong_count(ledger) > 1 || !ledger.is_blank());
        }
        let ledger = all.entry(name).or_default().clone();
        ledger.set_limits(limits, since);
        ledger
    }
}
