//! Remembers where the upstream refused even a fresh token, so that a poller does not hammer it.
//!
//! The memory is of one account and protocol: others on the same sign-in are not concerned. It ends after five
//! minutes, with a new sign-in, and with a new configuration.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::base::{Fault, Protocol};

const MEMORY: Duration = Duration::from_secs(5 * 60);
/// From here on what is over is looked for.
const MANY: usize = 1000;

#[derive(Debug)]
struct Remembered {
    fault: Fault,
    until: Instant,
    /// The sign-in that was refused.
    signed_in_at: Option<Timestamp>,
}

/// Grows with the number of accounts and of mailboxes that somebody used.
#[derive(Debug, Default)]
pub struct Refusals {
    remembered: Mutex<HashMap<(String, Protocol), Remembered>>,
}

impl Refusals {
    pub fn note(&self, account: &str, protocol: Protocol, signed_in_at: Option<Timestamp>, fault: &Fault) {
        self.note_for(MEMORY, account, protocol, signed_in_at, fault);
    }

    /// For as long as the upstream asks for, five minutes at most.
    pub fn note_for(
        &self,
        time: Duration,
        account: &str,
        protocol: Protocol,
        signed_in_at: Option<Timestamp>,
        fault: &Fault,
    ) {
        let remembered = Remembered { fault: fault.clone(), until: Instant::now() + time.min(MEMORY), signed_in_at };
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, remembered| remembered.until > Instant::now());
        }
        all.insert((account.to_owned(), protocol), remembered);
    }

    /// The refusal that still stands.
    pub fn recall(&self, account: &str, protocol: Protocol, signed_in_at: Option<Timestamp>) -> Option<Fault> {
        let key = (account.to_owned(), protocol);
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |r: &Remembered| r.until > Instant::now() && r.signed_in_at == signed_in_at;
        match all.get(&key) {
            Some(remembered) if stands(remembered) => Some(remembered.fault.clone()),
            Some(_) => {
                all.remove(&key);
                None
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Kind, Owner};

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_for_five_minutes_for_one_account_and_protocol_or_until_a_new_sign_in() {
        let refusals = Refusals::default();
        let fault = Fault::new(Kind::IdentityRefused, Owner::Admin, "fresh-token-refused", "no");
        let before = Some(Timestamp::UNIX_EPOCH);
        refusals.note("ann@x", Protocol::Imap, before, &fault);
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_some());
        assert!(refusals.recall("ann@x", Protocol::Smtp, before).is_none());
        assert!(refusals.recall("bob@x", Protocol::Imap, before).is_none());
        tokio::time::advance(MEMORY).await;
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_none());
        refusals.note("ann@x", Protocol::Imap, before, &fault);
        assert!(refusals.recall("ann@x", Protocol::Imap, Some(Timestamp::MAX)).is_none());
    }
}
