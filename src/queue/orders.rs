//! What the configuration says to the queue. A reload replaces all of it.

use std::{sync::Arc, time::Duration};

use super::{deliver::Deliver, dispatch::COURIERS};
use crate::{
    account::{Account, Domain, account_of},
    base::Lang,
};

/// Deliveries of one mailbox at once, whatever its limits say: one whose upstream is silent must not have all couriers.
const MOST_OF_ONE: usize = COURIERS / 4;

#[derive(Clone)]
pub struct Orders {
    pub way_out: Arc<dyn Deliver>,
    pub accounts: Vec<Arc<Account>>,
    pub domains: Vec<Arc<Domain>>,
    /// For how long delivery is tried.
    pub max_age: Duration,
    /// Octets of all bodies together.
    pub max_bytes: u64,
    /// Each costs some memory for as long as it waits, and `max_bytes` alone would allow millions of short ones. Notices
    /// of ours do not count.
    pub max_messages: usize,
    /// Gets the notices that the sender cannot get.
    pub postmaster: Option<String>,
    /// Of notices; English goes with it.
    pub lang: Lang,
}

impl Orders {
    pub fn account(&self, address: &str) -> Option<Arc<Account>> {
        account_of(address, &self.accounts, &self.domains)
    }

    /// How many deliveries of this mailbox at once; 0: it is not in the configuration.
    pub fn seats(&self, address: &str) -> usize {
        let connections = self.account(address).map_or(0, |account| account.sending.limits.connections);
        usize::try_from(connections).unwrap_or(usize::MAX).min(MOST_OF_ONE)
    }
}
