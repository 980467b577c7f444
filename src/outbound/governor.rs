//! What the provider allows for one mailbox, over all sessions and the queue: connections at a time, messages a minute,
//! recipients a day (fact sheet microsoft.md, 3.1).
//!
//! Who comes when there is no room waits in a line that is fair between clients, of which the queue is one: each has its turn,
//! however many sessions one of them opens. It knows no protocol, and refuses nobody by itself: how long somebody waits is the
//! caller's to say. A restart forgets what was sent within the minute, and not what within the day (`kept`).

mod day;
mod dials;
mod kept;
mod ledger;
mod line;
mod minute;
mod pause;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(super) use dials::{Dialling, Obstacle};
pub(super) use ledger::{Idle, Ledger, Seat};
pub use ledger::{Ticket, Turn, Wanted};
pub use line::Party;
use tokio::time::Instant;

use crate::account::{Account, Limits};

/// From here on, mailboxes that nobody uses are looked for.
const MANY: usize = 1000;

/// One for the whole daemon.
#[derive(Default)]
pub struct Governor {
    mailboxes: Mutex<HashMap<String, Arc<Ledger>>>,
}

impl Governor {
    /// For one of the `party` who wants to send for the account, as a configuration that holds `since` then has it.
    pub fn ticket(&self, account: &Account, party: Party, since: Instant) -> Ticket {
        let ledger = self.mailbox(account.mailbox(), account.sending.limits, since);
        ledger.ticket(party, &account.sign_in.key())
    }

    /// Closes the connections that are left over of grants that are no more, behind a reload.
    pub fn close_ended(&self) {
        self.all().values().for_each(|ledger| ledger.close_ended());
    }

    /// The mailbox of this name, with the limits of a configuration that holds `since` then; sessions of earlier ones go on.
    fn mailbox(&self, name: String, limits: Limits, since: Instant) -> Arc<Ledger> {
        let ledger = self.ledger(name);
        ledger.set_limits(limits, since);
        ledger
    }

    fn ledger(&self, name: String) -> Arc<Ledger> {
        let mut all = self.all();
        if all.len() >= MANY {
            all.retain(|_, ledger| Arc::strong_count(ledger) > 1 || !ledger.is_blank());
        }
        all.entry(name).or_default().clone()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Ledger>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
